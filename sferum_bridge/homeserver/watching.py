"""Rooms of people's own whose members are others than this server let in (I-7).

Where forks of a room's history come together, its servers settle by rule which of the events hold
(state resolution), and ask nobody: another server, by what it signs, brings back the join of
somebody who left that room on coming to the school, or a stranger's into the room of somebody of
the school. So what became of memberships is read after the fact, and who may not be there leaves
again, within a second or two.

Read is Synapse's own record of such changes, from where it was read last; that is stored, so that
after a restart nothing is passed over. What people write makes no entry there, so it costs nothing.
At the very first start everybody of the school is looked at, some at every look: a room may have
been broken before there was anybody to see it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.api.constants import EventTypes

from sferum_bridge.homeserver.inside import PRESENT, unhurried
from sferum_bridge.homeserver.ledger import UnreadableError
from sferum_bridge.school.contour import Side, may_meet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence

    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction
    from synapse.storage.databases.main.state_deltas import StateDelta

    from sferum_bridge.homeserver.departing import Departures
    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

LOOK = 1_000
"""Milliseconds from one look to the next."""
FIRST_RETRY = 10
"""Looks until it is tried again what could not be done; twice as many after every time."""
MOST_RETRY = 3_600
AT_FIRST = 20
"""People that are looked at with one look, when everybody is for once."""

_TABLE = """
    CREATE TABLE IF NOT EXISTS sferum_watched (
        id SMALLINT PRIMARY KEY CHECK (id = 1),
        position BIGINT NOT NULL
    )
"""


class Watch:
    """Looks at rooms whose members have changed. For one process only.

    `facts` raises `UnreadableError` while it is not sure what holds.
    """

    def __init__(
        self,
        api: ModuleApi,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        departures: Departures,
    ) -> None:
        self._api = api
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._facts = facts
        self._departures = departures
        self._position: int | None = None
        self._unstored = False
        self._unseen: list[str] = []
        """Who is still to be looked at for once; until then no position is stored."""
        self._wait = self._left = FIRST_RETRY

    async def look(self) -> None:
        """Look at what has changed since the last look; what fails is tried again at the next."""
        try:
            facts = await self._facts()
        except UnreadableError:
            return
        newest = int(self._store.get_room_max_stream_ordering())
        if self._position is None:
            stored = await self._api.run_db_interaction("sferum_watched", _watched)
            if stored is None:
                self._unseen = [u for u in facts.people if facts.side(u) is Side.EDUCATIONAL]
            self._position = newest if stored is None else min(stored, newest)
            self._unstored = stored is None
        while self._position < newest:
            upto, changes = await self._store.get_partial_current_state_deltas(
                self._position, newest
            )
            for user, rooms in (await self._concerned(changes, facts)).items():
                await self._look(user, facts, rooms)
            self._position = upto
            # What people write goes by without being noted.
            self._unstored |= bool(changes)
        await self._look_for_once(facts)
        await self._try_again(facts)
        # After a restart, too, there is to be another look at whoever could not leave.
        if self._unstored and not (self._unseen or self._departures.stuck):
            await self._api.run_db_interaction("sferum_watched", _remember, self._position)
            self._unstored = False

    async def _concerned(
        self, changes: Iterable[StateDelta], facts: Facts
    ) -> Mapping[str, set[str]]:
        """Return who of the school is to be looked at, and in which rooms of their own.

        That is who came into one; and who is in one into which somebody else came whom they may not
        meet. Nobody is looked at where somebody left: people stay in rooms that were the school's.
        """
        found: dict[str, set[str]] = {}
        others: dict[str, list[str]] = {}
        # A fork may bring back everybody who ever was in a room, all at once.
        async for room_id, user in unhurried(await self._comers(changes), self._api):
            if room_id in facts.rooms:
                continue
            if facts.side(user) is Side.EDUCATIONAL:
                found.setdefault(user, set()).add(room_id)
            else:
                others.setdefault(room_id, []).append(user)
        for room_id, comers in others.items():
            members = await self._store.get_local_users_in_room(room_id)
            for member in [one for one in members if one in facts.people]:
                if facts.side(member) is Side.EDUCATIONAL:
                    async for user in unhurried(comers, self._api):
                        if not may_meet(member, user, facts):
                            found.setdefault(member, set()).add(room_id)
                            break
        return found

    async def _comers(self, changes: Iterable[StateDelta]) -> Sequence[tuple[str, str]]:
        """Return who joined, was invited or knocked where: not who only shows another name."""
        members = [change for change in changes if change.event_type == EventTypes.Member]
        ids = [i for change in members for i in (change.event_id, change.prev_event_id) if i]
        held = await self._store.get_membership_from_event_ids(ids) if ids else {}

        def membership(event_id: str | None) -> str | None:
            known = held.get(event_id)
            return known.membership if known else None

        return [
            (change.room_id, change.state_key)
            for change in members
            if membership(change.event_id) in PRESENT
            and membership(change.event_id) != membership(change.prev_event_id)
        ]

    async def _look_for_once(self, facts: Facts) -> None:
        for user in self._unseen[:AT_FIRST]:
            await self._look(user, facts)
        del self._unseen[:AT_FIRST]

    async def _look(self, user: str, facts: Facts, rooms: Container[str] | None = None) -> None:
        try:
            await self._departures.look(user, facts, rooms)
        except Exception:
            # One person must not keep the others in their rooms.
            logger.exception("It is not known whether %s is where they may be, for now", user)
            self._departures.stuck.add(user)

    async def _try_again(self, facts: Facts) -> None:
        """Look again at who could not leave a room, ever more seldom."""
        if not self._departures.stuck:
            self._wait = self._left = FIRST_RETRY
            return
        self._left -= 1
        if self._left <= 0:
            for user in list(self._departures.stuck):
                await self._look(user, facts)
            self._left = self._wait = min(self._wait * 2, MOST_RETRY)


def _watched(txn: LoggingTransaction) -> int | None:
    txn.execute(_TABLE)
    txn.execute("SELECT position FROM sferum_watched")
    row = txn.fetchone()
    return int(row[0]) if row else None


def _remember(txn: LoggingTransaction, position: int) -> None:
    txn.execute(
        "INSERT INTO sferum_watched (id, position) VALUES (1, ?)"
        " ON CONFLICT (id) DO UPDATE SET position = excluded.position",
        (position,),
    )
