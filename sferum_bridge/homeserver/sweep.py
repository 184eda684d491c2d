"""Rooms that people were in before their place in the school changed.

Whoever becomes educational may be in rooms with outsiders, on this server or another; whoever
leaves the school is in direct chats with its people; a parent whose link ended is in one with the
child's teacher. When facts change, the people concerned are looked at, and leave what they may not
be in any more (see `departing`).

What they stay in is of the contour from then on, and so is a room that the bridge has just told of:
should such a room stand on a list or have an alias from before, it is withdrawn.

One process does this, beside the answer to the push; decisions never wait for it. Which generation
it has seen through is stored, so that after a crash everybody is looked at once more; whatever
fails meanwhile is tried again after a while.
"""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING, Any

from sferum_bridge.homeserver.inside import PRESENT
from sferum_bridge.homeserver.ledger import UnreadableError
from sferum_bridge.homeserver.withdrawing import Withdrawal, in_batches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Container

    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.homeserver.departing import Departures
    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

RETRY_MILLISECONDS = 10_000

_TABLE = """
    CREATE TABLE IF NOT EXISTS sferum_swept (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        generation BIGINT NOT NULL
    )
"""


class Sweep:
    """Has people leave rooms they may not be in any more. For one process only.

    `facts` raises `UnreadableError` while it is not sure what holds: by the shut form of the facts
    nobody may meet anybody, and the school's people would leave their direct chats.
    """

    def __init__(
        self,
        api: ModuleApi,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        departures: Departures,
    ) -> None:
        self._api = api
        self._facts = facts
        self._departures = departures
        # Its cached methods are typed as if unbound.
        store: Any = homeserver.get_datastores().main
        self._withdraw = Withdrawal(api, store).withdraw
        self._changes: list[tuple[Facts | None, Facts]] = []
        self._waiting: set[str] = set()
        self._through: int | None = None
        self._running = False

    def changed(self, old: Facts | None, new: Facts) -> None:
        """Take note of new facts; the people they concern are looked at in the background."""
        self._changes.append((old, new))
        self._begin()

    def _begin(self) -> None:
        if not self._running:
            self._running = True
            _ = self._api.run_as_background_process("sferum_sweep", self._run)

    async def _run(self) -> None:
        try:
            await self._sweep()
        except Exception as error:
            if not isinstance(error, UnreadableError):  # of which the ledger tells
                logger.exception("Rooms from before a change of facts are looked at again later")
            # Whatever is not done yet still waits.
            self._api.delayed_background_call(
                RETRY_MILLISECONDS, self._begin, desc="sferum_sweep_again"
            )
        finally:
            self._running = False

    async def _sweep(self) -> None:
        if self._through is None:
            facts = await self._facts()
            self._through = await self._api.run_db_interaction("sferum_swept", _swept)
            if self._through == facts.generation:
                self._changes.clear()
        while True:
            # Whoever has these has heard of every change up to them.
            facts = await self._facts()
            if self._changes:
                await self._take_up(*self._changes[0])
                del self._changes[0]
            elif self._waiting:
                user = self._waiting.pop()
                try:
                    await self._departures.look(user, facts)
                except BaseException:
                    self._waiting.add(user)
                    raise
            elif facts.generation != self._through:
                await self._api.run_db_interaction("sferum_swept", _remember, facts.generation)
                self._through = facts.generation
            else:
                return

    async def _take_up(self, old: Facts | None, new: Facts) -> None:
        """Find out whom a change of facts concerns."""
        # To compare a whole town takes longer than others should wait.
        found, rooms = await self._api.defer_to_thread(_concerned, old, new)
        elsewhere = await self._api.run_db_interaction("sferum_else", _elsewhere, found, new.rooms)
        await self._withdraw(rooms)
        self._waiting |= elsewhere | (found & self._departures.stuck)


def _concerned(old: Facts | None, new: Facts) -> tuple[set[str], set[str]]:
    """Return the people whose place in the school is another now, and the rooms that are new."""
    if old is None:
        return set(new.people), set(new.rooms)
    # No set operations on all of them: one would keep every other thread waiting.
    rooms = () if old.rooms is new.rooms else (room for room in new.rooms if room not in old.rooms)
    return _moved(old, new), set(rooms)


def _moved(old: Facts, new: Facts) -> set[str]:
    users: set[str] = set()
    if old.people is not new.people:
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


def _elsewhere(txn: LoggingTransaction, users: Collection[str], school: Container[str]) -> set[str]:
    """Return who is in a room that is none of the school's, or has an invite there from `users`.

    An invite waits for somebody whose own place is what it was. Whoever invites is in the room or
    was, so only rooms of theirs are read, by the index `local_current_membership_idx` (user_id,
    room_id); the invites in these by `local_current_membership_room_idx` (room_id), and who sent
    them by the unique one of `events` (event_id). `users` are accounts of this server, as the
    school's people are.
    """
    found, rooms = set(), set()
    for user, room, membership in in_batches(
        txn,
        "SELECT user_id, room_id, membership FROM local_current_membership WHERE",
        "user_id",
        users,
    ):
        if room not in school:
            rooms.add(room)
            if membership in PRESENT:
                found.add(user)
    invites = in_batches(
        txn,
        "SELECT m.user_id, e.sender FROM local_current_membership AS m"
        " INNER JOIN events AS e ON e.event_id = m.event_id"
        " WHERE m.membership = 'invite' AND",
        "m.room_id",
        rooms,
    )
    return found | {user for user, sender in invites if sender in users}


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
