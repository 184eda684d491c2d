"""Rooms that people were in before their place in the school changed.

Whoever becomes educational may be in rooms with outsiders, on this server or another; whoever
leaves the school is in direct chats with its people; a parent whose link ended is in one with the
child's teacher. When facts change, the people concerned are looked at, and leave by themselves, as
if they had said so, those of their own rooms in which there is somebody they may not meet (I-7).
School rooms are the bridge's business, which gives reasons.

One process does this, beside the answer to the push; decisions never wait for it. Which generation
it has seen through is stored, so that after a crash everybody is looked at once more.
"""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership

from sferum_bridge.homeserver.inside import company
from sferum_bridge.school.contour import Side, may_meet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

_TABLE = """
    CREATE TABLE IF NOT EXISTS sferum_swept (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        generation BIGINT NOT NULL
    )
"""


class Sweep:
    """Has people leave rooms they may not be in any more. For one process only."""

    def __init__(
        self, api: ModuleApi, homeserver: HomeServer, facts: Callable[[], Awaitable[Facts]]
    ) -> None:
        self._api = api
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._is_mine = homeserver.is_mine_id
        self._facts = facts
        self._changes: list[tuple[Facts | None, Facts]] = []
        self._waiting: set[str] = set()
        self._through: int | None = None
        self._running = False

    def changed(self, old: Facts | None, new: Facts) -> None:
        """Take note of new facts; the people they concern are looked at in the background."""
        self._changes.append((old, new))
        if not self._running:
            self._running = True
            _ = self._api.run_as_background_process("sferum_sweep", self._run)

    async def _run(self) -> None:
        try:
            if self._through is None:
                self._through = await self._api.run_db_interaction("sferum_swept", _swept)
                facts = await self._facts()
                if self._through == facts.generation:
                    self._changes.clear()
            facts = await self._facts()
            while self._changes or self._waiting:
                if self._changes:
                    # To compare a whole town takes longer than others should wait.
                    change = self._changes.pop(0)
                    found = await self._api.defer_to_thread(_concerned, *change)
                    # An invite waits for somebody whose own place is what it was.
                    found |= await self._api.run_db_interaction("sferum_invited", _invited, found)
                    self._waiting = found | self._waiting if self._waiting else found
                    continue
                facts = await self._facts()
                await self._look(self._waiting.pop(), facts)
            if facts.generation != self._through:
                await self._api.run_db_interaction("sferum_swept", _remember, facts.generation)
                self._through = facts.generation
        finally:
            self._running = False

    async def _look(self, user: str, facts: Facts) -> None:
        if not self._is_mine(user) or facts.side(user) in {Side.SERVICE, Side.GHOST}:
            return
        rooms = await self._store.get_rooms_for_local_user_where_membership_is(
            user, [Membership.JOIN, Membership.INVITE, Membership.KNOCK]
        )
        for room in rooms:
            if room.room_id in facts.rooms:
                continue
            others = await company(room.room_id, self._store)
            if room.sender and room.membership == Membership.INVITE:
                others.append(room.sender)
            # Nobody of the school knocks anywhere; who is in another server's room is not known.
            knocks = room.membership == Membership.KNOCK and facts.side(user) is Side.EDUCATIONAL
            if not knocks and all(may_meet(user, other, facts).allowed for other in others):
                continue
            logger.info("%s leaves %s: not everybody there may be met", user, room.room_id)
            try:
                await self._api.update_room_membership(user, user, room.room_id, "leave")
            except Exception:
                # One room must not keep the others open.
                logger.exception("%s stays in %s", user, room.room_id)


def _concerned(old: Facts | None, new: Facts) -> set[str]:
    """Return the people whose place in the school is another now."""
    if old is None:
        return set(new.people)
    users: set[str] = set()
    if old.people is not new.people:
        # No set operations on all of them: one would keep every other thread waiting.
        users |= {user for user, groups in new.people.items() if old.people.get(user) != groups}
        users |= {user for user in old.people if user not in new.people}
    for child in () if old.kin is new.kin else chain(old.kin, new.kin):
        before, after = old.kin.get(child, frozenset()), new.kin.get(child, frozenset())
        if before != after:
            users |= {child, *(before ^ after)}
    if any(
        old.schools.get(school) != new.schools.get(school)
        for school in old.schools.keys() | new.schools.keys()
    ):
        # The rights table changed, or the classes it is about.
        users |= set(new.people)
    return users


def _invited(txn: LoggingTransaction, hosts: Collection[str]) -> set[str]:
    """Return who has an invite from any of `hosts`."""
    txn.execute(
        "SELECT m.user_id, e.sender FROM local_current_membership AS m"
        " INNER JOIN events AS e ON e.event_id = m.event_id WHERE m.membership = 'invite'"
    )
    return {user for user, sender in txn if sender in hosts}


def _swept(txn: LoggingTransaction) -> int:
    txn.execute(_TABLE)
    txn.execute("SELECT generation FROM sferum_swept")
    row = txn.fetchone()
    return int(row[0]) if row else 0


def _remember(txn: LoggingTransaction, generation: int) -> None:
    txn.execute(
        "INSERT INTO sferum_swept (id, generation) VALUES (1, ?)"
        " ON CONFLICT (id) DO UPDATE SET generation = excluded.generation",
        (generation,),
    )
