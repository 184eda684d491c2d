"""Pushes, on their way into the tables: functions of one transaction each, see `tables`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from synapse.storage.database import DatabasePool, make_in_list_sql_clause

from sferum_bridge.homeserver.facts import Pool, as_text, joined, read
from sferum_bridge.homeserver.tables import (
    BREATH_SECONDS,
    MODULUS,
    Header,
    LostError,
    Snapshot,
    StaleError,
    generation,
    load,
    read_header,
    settled,
    size,
)
from sferum_bridge.school.contour import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.homeserver.facts import Push
    from sferum_bridge.homeserver.tables import Seals

COLUMNS = ("kind", "id", "value", "generation", "seal")
BATCH = 200


def keep_part(
    txn: LoggingTransaction, push: Push, body: str, known: Snapshot | None
) -> Push | None:
    """Keep a part of a push; return the whole once all parts are there, else `None`.

    What an abandoned push left here goes with the next one that is finished.

    Raises:
        StaleError: Another generation holds than the one that this push follows.
        MalformedError: The parts do not fit together.
    """
    _check_follows(txn, push, known)
    part = push.part
    if part is None:
        return push
    txn.execute("DELETE FROM sferum_parts WHERE push = ? AND number = ?", (part.push, part.number))
    txn.execute("INSERT INTO sferum_parts VALUES (?, ?, ?)", (part.push, part.number, body))
    txn.execute("SELECT count(*) FROM sferum_parts WHERE push = ?", (part.push,))
    if (txn.fetchone() or (0,))[0] < part.of:
        return None
    txn.execute("SELECT body FROM sferum_parts WHERE push = ? ORDER BY number", (part.push,))
    pool = Pool()
    parts: list[Push] = []
    for (text,) in txn:
        parts.append(read(text, pool))
        time.sleep(BREATH_SECONDS)
    return joined(parts)


def store(txn: LoggingTransaction, seals: Seals, push: Push, known: Snapshot | None) -> Snapshot:
    """Write a push; on PostgreSQL a rival's commit in between makes Synapse run this anew.

    `known` is what this process remembers. Where that is the generation a difference follows, the
    tables need not be read.

    Raises:
        StaleError: Another generation holds than the one that this push follows.
    """
    current = _check_follows(txn, push, known)
    txn.execute("DELETE FROM sferum_parts")
    if push.base is None:
        return _store_all(txn, seals, push)
    try:
        header = read_header(txn, seals)
        before = load(txn, seals, known)
    except LostError as error:
        # Only a full push repairs; the bridge sends one when it hears this.
        raise StaleError(current) from error
    nothing = Header(0, 0, 0, 0, as_text(frozenset()), "")
    return _store_changes(txn, seals, push, header or nothing, before)


def _check_follows(txn: LoggingTransaction, push: Push, known: Snapshot | None) -> int:
    current = max(generation(txn), known.facts.generation if known else 0)
    follows = push.generation > current if push.base is None else push.base == current
    if not follows:
        raise StaleError(current)
    return current


def _store_all(txn: LoggingTransaction, seals: Seals, push: Push) -> Snapshot:
    # What was is not read: a full push is what repairs damage.
    snapshot = settled(Snapshot(push.apply(Facts())))
    after = snapshot.facts
    for table in ("sferum_generation", "sferum_entries"):
        txn.execute(f"DELETE FROM {table}")  # noqa: S608 — names of ours
    digest = _insert(txn, seals, push)
    _write_header(
        txn,
        seals,
        Header(
            generation=after.generation,
            since=after.generation,
            entries=size(after),
            digest=digest % MODULUS,
            service=as_text(after.service),
            ghost_prefix=after.ghost_prefix,
        ),
    )
    return snapshot


def _store_changes(
    txn: LoggingTransaction, seals: Seals, push: Push, header: Header, before: Snapshot
) -> Snapshot:
    after = push.apply(before.facts)
    digest = header.digest
    for kind, changes in push.changes.items():
        for keys in batches(list(changes)):
            digest -= _delete(txn, kind, keys)
    digest += _insert(txn, seals, push)
    since = _forget_gone(txn, header)
    _write_header(
        txn,
        seals,
        Header(
            generation=after.generation,
            since=since,
            entries=size(after),
            digest=digest % MODULUS,
            service=as_text(after.service),
            ghost_prefix=after.ghost_prefix,
        ),
    )
    changed = {(kind, key) for kind, changes in push.changes.items() for key in changes}
    return Snapshot(after, before.damaged - changed)


def _delete(txn: LoggingTransaction, kind: str, keys: Sequence[str]) -> int:
    """Delete rows; return the sum of the seals that counted."""
    clause, arguments = make_in_list_sql_clause(txn.database_engine, "id", keys)
    found = "FROM sferum_entries WHERE kind = ? AND " + clause
    txn.execute(f"SELECT seal {found} AND value IS NOT NULL", (kind, *arguments))
    total = sum(int(row[0]) for row in txn)
    txn.execute(f"DELETE {found}", (kind, *arguments))
    return total


def _insert(txn: LoggingTransaction, seals: Seals, push: Push) -> int:
    """Insert the rows of a push; return the sum of the seals that count."""
    total = 0
    texts: dict[Any, str] = {}
    for kind, changes in push.changes.items():
        for keys in batches(list(changes)):
            rows: list[tuple[Any, ...]] = []
            for key in keys:
                value = changes[key]
                text = None
                if isinstance(value, frozenset):
                    text = texts.get(value) or texts.setdefault(value, as_text(value))
                elif value is not None:
                    text = as_text(value)
                elif push.base is None:
                    continue
                seal = seals.of(kind, key, text, push.generation)
                total += 0 if text is None else seal
                rows.append((kind, key, text, push.generation, seal))
            DatabasePool.simple_insert_many_txn(txn, "sferum_entries", COLUMNS, rows)
            time.sleep(BREATH_SECONDS)
    return total


def _forget_gone(txn: LoggingTransaction, header: Header) -> int:
    """Delete what every process has read of what is gone; return the new `since`."""
    txn.execute("SELECT min(generation) FROM sferum_processes")
    (read,) = txn.fetchone() or (None,)
    # A process that begins just now stands there with 0, and will read everything.
    if not isinstance(read, int) or read <= header.since:
        return header.since
    read = min(read, header.generation)
    txn.execute("DELETE FROM sferum_entries WHERE value IS NULL AND generation <= ?", (read,))
    return read


def _write_header(txn: LoggingTransaction, seals: Seals, header: Header) -> None:
    txn.execute(
        "INSERT INTO sferum_generation"
        " (id, generation, since, entries, digest, service, ghost_prefix, seal)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, since = excluded.since,"
        " entries = excluded.entries, digest = excluded.digest, service = excluded.service,"
        " ghost_prefix = excluded.ghost_prefix, seal = excluded.seal",
        (*header.fields(), seals.of(*header.fields())),
    )


def batches(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    """Yield the keys by as many as one statement takes."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
