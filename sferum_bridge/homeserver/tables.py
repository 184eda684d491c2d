"""The facts in Synapse's own database: functions of one transaction each, run in its threads.

`sferum_generation` has one row, the header: which generation holds, how many entries it has and the
sum of their seals. `sferum_entries` has one row for each person, room, child and school, with the
generation that wrote it; a row without a value says that the entry went with that generation, so
that a process that knows an earlier one reads the difference only. Such rows go when every process
has read them; whoever is older than `since` reads everything.

Damage is noticed. Every row and the header carry a *seal*, a keyed hash of their fields. Of a row
whose seal does not fit its fields it is believed that it is somebody of the school, or a room of
it, without any rights (`facts.DAMAGED`); the rest holds. If rows were lost or came by another way
than a push, the sum in the header does not fit: then who is missing cannot be known, and nothing is
believed (`LostError`).

A town has hundreds of thousands of rows. Every loop over them lets go of the interpreter now and
then (`breathe`), and no single call works on more than a few hundred rows, so that the thread in
which Synapse serves its clients waits a few milliseconds at most.
"""

from __future__ import annotations

import gc
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synapse.storage.engines import PostgresEngine

from sferum_bridge.homeserver.facts import (
    DAMAGED,
    MAPPINGS,
    MalformedError,
    Pool,
    from_text,
)
from sferum_bridge.school.contour import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synapse.storage.database import LoggingTransaction

CREATE_LOCK = 0x5FE4  # any number that nobody else locks
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS sferum_generation (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        generation BIGINT NOT NULL,
        since BIGINT NOT NULL,
        entries BIGINT NOT NULL,
        digest BIGINT NOT NULL,
        service TEXT NOT NULL,
        ghost_prefix TEXT NOT NULL,
        seal BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_entries (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT,
        generation BIGINT NOT NULL,
        seal BIGINT NOT NULL,
        PRIMARY KEY (kind, id)
    )
    """,
    "CREATE INDEX IF NOT EXISTS sferum_entries_by_generation ON sferum_entries (generation)",
    "CREATE INDEX IF NOT EXISTS sferum_entries_gone ON sferum_entries (id) WHERE value IS NULL",
    """
    CREATE TABLE IF NOT EXISTS sferum_parts (
        push TEXT NOT NULL,
        number INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (push, number)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_processes (
        instance TEXT PRIMARY KEY,
        generation BIGINT NOT NULL,
        beat BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_shown (
        media_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        room_id TEXT NOT NULL,
        PRIMARY KEY (media_id, event_id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_unseen (
        media_id TEXT PRIMARY KEY
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_noted (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        through BIGINT NOT NULL
    )
    """,
)
ROWS_A_BREATH = 250
PAGE = 2000
BREATH_SECONDS = 0.0005
MODULUS = 2**63
"""Seals and their sum fit a BIGINT."""

Key = tuple[str, str]
"""Name of a mapping, and key in it."""


class StaleError(Exception):
    """A push that does not follow the generation that holds."""

    def __init__(self, current: int) -> None:
        super().__init__(f"generation {current} holds")
        self.current = current


class LostError(Exception):
    """The tables do not hold what was pushed: rows are missing, or are not ours."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the tables hold."""

    facts: Facts
    damaged: frozenset[Key] = frozenset()
    """Entries whose rows are damaged."""


@dataclass(frozen=True, slots=True)
class Header:
    """The one row of `sferum_generation`, but for its seal."""

    generation: int
    since: int
    """The oldest generation to which the rows still hold the whole difference."""
    entries: int
    digest: int
    service: str
    ghost_prefix: str

    def fields(self) -> tuple[Any, ...]:
        """Return the columns in their order."""
        return (
            self.generation,
            self.since,
            self.entries,
            self.digest,
            self.service,
            self.ghost_prefix,
        )


class Seals:
    """Makes seals with a key of its own, derived from the shared secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"sferum facts").digest()

    def of(self, *fields: object) -> int:
        """Return the seal of a row: a whole number from 0, below `MODULUS`."""
        text = "\0".join(map(str, fields)).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") >> 1


def create(txn: LoggingTransaction) -> None:
    """Make the tables where they are not yet."""
    if isinstance(txn.database_engine, PostgresEngine):
        # IF NOT EXISTS alone fails when two processes create at once.
        txn.execute("SELECT pg_advisory_xact_lock(?)", (CREATE_LOCK,))
    for statement in TABLES:
        txn.execute(statement)


def breathe(count: int) -> None:
    """Let other threads run, once in a few hundred calls."""
    if not count % ROWS_A_BREATH:
        time.sleep(BREATH_SECONDS)


def settled(snapshot: Snapshot) -> Snapshot:
    """Take what was just made, and will stay, out of the sight of the garbage collector.

    Synapse collects in the thread that serves clients, and a town's facts would each time be 50 ms
    of looking for nothing. They hold no cycles, so they go by themselves when newer ones come.
    """
    gc.freeze()
    return snapshot


def generation(txn: LoggingTransaction) -> int:
    """Return the number that a push has to exceed, whatever state the tables are in."""
    found = [0]
    for table in ("sferum_generation", "sferum_entries"):
        txn.execute(f"SELECT max(generation) FROM {table}")  # noqa: S608 — names of ours
        found += [row[0] for row in txn if isinstance(row[0], int)]
    return max(found)


def load(txn: LoggingTransaction, seals: Seals, known: Snapshot | None) -> Snapshot:
    """Return what holds: `known` itself where that is it, else read as little as is needed.

    Raises:
        LostError: It cannot be known.
    """
    header = read_header(txn, seals)
    if header is None:
        if known and known.facts.generation:
            raise LostError("the facts are gone")
        return known or Snapshot(Facts())
    if known and known.facts.generation == header.generation:
        return known
    if known and known.facts.generation > header.generation:
        raise LostError("the facts are older than those of this process")
    if known and known.facts.generation >= header.since:
        snapshot = _load_changes(txn, seals, header, known)
        if size(snapshot.facts) == header.entries:
            return snapshot
    return _load_all(txn, seals, header)


def read_header(txn: LoggingTransaction, seals: Seals) -> Header | None:
    """Return the header, `None` where nothing was ever pushed.

    Raises:
        LostError: It is gone, or damaged.
    """
    txn.execute(
        "SELECT generation, since, entries, digest, service, ghost_prefix, seal"
        " FROM sferum_generation"
    )
    row = txn.fetchone()
    if row is None:
        txn.execute("SELECT 1 FROM sferum_entries LIMIT 1")
        if txn.fetchone() is not None:
            raise LostError("the header is gone")
        return None
    header = Header(*row[:-1])
    if seals.of(*header.fields()) != row[-1]:
        raise LostError("the header is damaged")
    return header


def _load_all(txn: LoggingTransaction, seals: Seals, header: Header) -> Snapshot:
    found: dict[str, dict[str, Any]] = {name: {} for name in MAPPINGS}
    damaged: set[Key] = set()
    digest = 0
    for kind, key, value, seal in _restored(_rows(txn, "value IS NOT NULL"), seals, damaged):
        found[kind][key] = value
        digest += seal
    if digest % MODULUS != header.digest or sum(map(len, found.values())) != header.entries:
        raise LostError("rows are missing, or are not ours")
    return settled(Snapshot(_facts(header, found), frozenset(damaged)))


def _load_changes(
    txn: LoggingTransaction, seals: Seals, header: Header, known: Snapshot
) -> Snapshot:
    damaged = set(known.damaged)
    changes: dict[str, dict[str, Any]] = {name: {} for name in MAPPINGS}
    rows = _rows(txn, "generation > ?", known.facts.generation)
    for kind, key, value, _ in _restored(rows, seals, damaged):
        changes[kind][key] = value
    before = known.facts
    merged: dict[str, Any] = {}
    for name, values in changes.items():
        # An untouched mapping stays the same object, so what is derived from it stays, too.
        merged[name] = {**getattr(before, name), **values} if values else getattr(before, name)
        for key, value in values.items():
            if value is None:
                del merged[name][key]
    return Snapshot(_facts(header, merged, before), frozenset(damaged))


def _rows(txn: LoggingTransaction, where: str, *arguments: object) -> Iterator[tuple[Any, ...]]:
    """Read rows page by page: the driver of PostgreSQL would hold all of a result in memory."""
    kind, key = "", ""
    while True:
        txn.execute(
            "SELECT kind, id, value, generation, seal FROM sferum_entries"  # noqa: S608 — of ours
            f" WHERE (kind, id) > (?, ?) AND {where} ORDER BY kind, id LIMIT {PAGE}",
            (kind, key, *arguments),
        )
        page = txn.fetchall()
        yield from page
        if len(page) < PAGE:
            return
        kind, key = page[-1][:2]


def _restored(
    rows: Iterator[tuple[Any, ...]], seals: Seals, damaged: set[Key]
) -> Iterator[tuple[str, str, Any, int]]:
    """Read rows: mapping, key, value or `None`, seal. Keeps `damaged` up to date.

    What has been read before in the same words is not read again.
    """
    pool = Pool()
    values: dict[tuple[str, str], Any] = {}
    for count, (kind, key, text, written, seal) in enumerate(rows, 1):
        breathe(count)
        if kind not in DAMAGED or not isinstance(key, str) or not isinstance(seal, int):
            raise LostError("a row is not ours")
        damaged.discard((kind, key))
        value = None
        if seals.of(kind, key, text, written) != seal:
            damaged.add((kind, key))
            value = DAMAGED[kind]
        elif text is not None:
            value = values.get((kind, text))
            if value is None:
                try:
                    value = pool.values(from_text(kind, text))
                except MalformedError:
                    # Sealed by a release that knew more than this one.
                    damaged.add((kind, key))
                    value = DAMAGED[kind]
                values[kind, text] = value
        yield kind, pool.text(key), value, seal


def _facts(header: Header, found: Mapping[str, Any], before: Facts | None = None) -> Facts:
    try:
        service = from_text("people", header.service)
    except MalformedError as error:
        raise LostError("the header is damaged") from error
    facts = Facts(header.generation, service, header.ghost_prefix, **found)
    return (facts.inherit(before) if before else facts).prepare()


def size(facts: Facts) -> int:
    """Return how many entries the facts have."""
    return sum(len(getattr(facts, name)) for name in MAPPINGS)
