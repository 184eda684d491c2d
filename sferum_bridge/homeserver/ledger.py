"""The facts that hold, in Synapse's own database and in the memory of every process.

Theory of operation. Three tables of ours hold one generation. A push is one database transaction
that checks the generation, writes the rows and raises the number, so of two pushes at once one
wins and the other is refused; only then does this process replace its facts, which are one
immutable value: a decision never sees half a generation.

Other processes learn through a cached function, `stored_generation`: its cached value is the
number they believe holds, Synapse's cache stream empties it everywhere after a push, and the next
decision reads the number anew and reloads if it differs. Should the stream lose a word, `poll`
looks once in a while. So facts are read from the tables by whoever needs them first, at the latest
before the first decision after a start, and a load that fails is tried again by the next one.

Facts never go back: a load that was overtaken by a push is dropped (`_adopt`). Cancellation can
lose an answer, not a push: the transaction either committed, and is found by the next look, or not.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from synapse.module_api import cached
from synapse.storage.engines import PostgresEngine

from sferum_bridge.school.contour import Facts, RoomFact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction
    from synapse.util.clock import Clock

    from sferum_bridge.homeserver.facts import Push

logger = logging.getLogger(__name__)

T = TypeVar("T")

CREATE_LOCK = 0x5FE4  # any number that nobody else locks
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS sferum_facts (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        generation BIGINT NOT NULL,
        service TEXT NOT NULL,
        ghost_prefix TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_people (
        user_id TEXT PRIMARY KEY,
        member_of TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS sferum_rooms (
        room_id TEXT PRIMARY KEY,
        school TEXT NOT NULL,
        kind TEXT NOT NULL,
        audience TEXT NOT NULL,
        linked SMALLINT NOT NULL
    )
    """,
)
"""Sets of texts are JSON lists: they are only ever read whole."""

KEY = "facts"
"""The one key of the cached function."""


class UnreadableError(Exception):
    """The facts cannot be read, so nothing can be decided."""


class StaleError(Exception):
    """A push that does not follow the generation that holds."""

    def __init__(self, current: int) -> None:
        super().__init__(f"generation {current} holds")
        self.current = current


class Ledger:
    """Keeps the facts. One for each Synapse process."""

    def __init__(self, api: ModuleApi, clock: Clock) -> None:
        self._api = api
        # Synapse's @cached asks its object for these two by name.
        self.server_name = api.server_name
        self.clock = clock
        self._facts: Facts | None = None
        self._has_tables = False
        self._failing = False
        # The decorator's types know it unbound only.
        self._stored_generation: Any = self.stored_generation
        api.register_cached_function(self._stored_generation)

    @cached()
    async def stored_generation(self, key: str) -> int:
        """Return the generation in the database, 0 if none was ever pushed."""
        del key  # there is only one
        return await self._read_generation()

    async def current(self) -> Facts:
        """Return the facts that hold, loading them where this process has not yet.

        Raises:
            UnreadableError: They cannot be read now.
        """
        try:
            stored = await self._stored_generation(KEY)
            if self._facts is None or self._facts.generation < stored:
                self._adopt(await self._run("sferum_load", _load))
        except Exception as error:
            self._note_failure(error)
            raise UnreadableError from error
        self._note_success()
        return self._facts or Facts()

    async def push(self, push: Push) -> Facts:
        """Store a generation and decide by it from now on.

        Raises:
            StaleError: Another generation holds than the one that this push follows.
        """
        facts = await self._run("sferum_push", _store, push, self._facts)
        self._adopt(facts)
        await self._api.invalidate_cache(self._stored_generation, (KEY,))
        return facts

    async def poll(self) -> None:
        """Look whether facts have changed that this process was not told of."""
        try:
            stored = await self._read_generation()
        except Exception as error:  # noqa: BLE001 — a loop must outlive any trouble of the database
            self._note_failure(error)
            return
        if self._facts is None or self._facts.generation < stored:
            self._stored_generation.invalidate((KEY,))
            try:
                await self.current()
            except UnreadableError:
                return

    def _adopt(self, facts: Facts) -> None:
        if self._facts is None or self._facts.generation < facts.generation:
            self._facts = facts

    async def _read_generation(self) -> int:
        return await self._run("sferum_generation", _generation)

    async def _run(self, name: str, work: Callable[..., T], *arguments: object) -> T:
        if not self._has_tables:
            await self._api.run_db_interaction("sferum_tables", _create_tables)
            self._has_tables = True
        return await self._api.run_db_interaction(name, work, *arguments)

    def _note_failure(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            # Not the error's text: it could quote a row.
            logger.error(
                "School facts cannot be read (%s): invites and joins are refused until they can",
                type(error).__name__,
            )

    def _note_success(self) -> None:
        if self._failing:
            self._failing = False
            logger.warning("School facts can be read again")


def _create_tables(txn: LoggingTransaction) -> None:
    if isinstance(txn.database_engine, PostgresEngine):
        # IF NOT EXISTS alone fails when two processes create at once.
        txn.execute("SELECT pg_advisory_xact_lock(?)", (CREATE_LOCK,))
    for statement in TABLES:
        txn.execute(statement)


def _generation(txn: LoggingTransaction) -> int:
    txn.execute("SELECT generation FROM sferum_facts")
    row = txn.fetchone()
    return int(row[0]) if row else 0


def _load(txn: LoggingTransaction) -> Facts:
    txn.execute("SELECT generation, service, ghost_prefix FROM sferum_facts")
    row = txn.fetchone()
    if row is None:
        return Facts()
    txn.execute("SELECT user_id, member_of FROM sferum_people")
    people = {user: _set(groups) for user, groups in txn}
    txn.execute("SELECT room_id, school, kind, audience, linked FROM sferum_rooms")
    rooms = {
        room: RoomFact(school=school, kind=kind, audience=_set(audience), linked=bool(linked))
        for room, school, kind, audience, linked in txn
    }
    return Facts(
        generation=int(row[0]),
        service=_set(row[1]),
        ghost_prefix=row[2],
        people=people,
        rooms=rooms,
    )


def _store(txn: LoggingTransaction, push: Push, known: Facts | None) -> Facts:
    """Write a push; on PostgreSQL a rival's commit in between makes Synapse run this anew.

    `known` is what this process remembers. Where that is the generation a difference follows, the
    tables need not be read.
    """
    current = _generation(txn)
    follows = push.generation > current if push.base is None else push.base == current
    if not follows:
        raise StaleError(current)
    if push.base is None:
        before = Facts()  # unread: a full push is what repairs damaged rows
    else:
        before = known if known and known.generation == current else _load(txn)
    after = push.apply(before)
    txn.execute(
        "INSERT INTO sferum_facts (id, generation, service, ghost_prefix) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET generation = excluded.generation,"
        " service = excluded.service, ghost_prefix = excluded.ghost_prefix",
        (after.generation, _text(after.service), after.ghost_prefix),
    )
    if push.base is None:
        txn.execute("DELETE FROM sferum_people")
        txn.execute("DELETE FROM sferum_rooms")
    else:
        # Deleted and written again: one way for new and known alike.
        txn.execute_batch(
            "DELETE FROM sferum_people WHERE user_id = ?", [(user,) for user in push.people]
        )
        txn.execute_batch(
            "DELETE FROM sferum_rooms WHERE room_id = ?", [(room,) for room in push.rooms]
        )
    _insert_people(txn, push.people)
    _insert_rooms(txn, push.rooms)
    return after


def _insert_people(txn: LoggingTransaction, people: Mapping[str, frozenset[str] | None]) -> None:
    txn.execute_batch(
        "INSERT INTO sferum_people (user_id, member_of) VALUES (?, ?)",
        [(user, _text(groups)) for user, groups in people.items() if groups is not None],
    )


def _insert_rooms(txn: LoggingTransaction, rooms: Mapping[str, RoomFact | None]) -> None:
    txn.execute_batch(
        "INSERT INTO sferum_rooms (room_id, school, kind, audience, linked) VALUES (?, ?, ?, ?, ?)",
        [
            (room, fact.school, fact.kind, _text(fact.audience), int(fact.linked))
            for room, fact in rooms.items()
            if fact is not None
        ],
    )


def _text(values: frozenset[str]) -> str:
    return json.dumps(sorted(values), ensure_ascii=False)


def _set(text: str) -> frozenset[str]:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a stored set is damaged")
    return frozenset(values)
