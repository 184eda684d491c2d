"""People leave, as if they had said so, rooms of their own in which they may not be (I-7).

That is where there is somebody whom they may not meet. School rooms are the bridge's business,
which gives reasons. `sweep` asks for it where a place in the school changed, `watching` where a
room did, and where a room could not be left: what hindered it may be over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership
from synapse.types import create_requester
from synapse.util.async_helpers import Linearizer

from sferum_bridge.homeserver.inside import company, unhurried
from sferum_bridge.homeserver.withdrawing import Withdrawal
from sferum_bridge.school.contour import Side, may_meet

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

# Asked for together, Synapse leaves out what was forgotten, though somebody is back there.
PRESENT = ((Membership.JOIN, Membership.INVITE), (Membership.KNOCK,))


class Departures:
    """Has people leave rooms they may not be in. For one process only."""

    def __init__(self, api: ModuleApi, homeserver: HomeServer) -> None:
        self._api = api
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._members = homeserver.get_room_member_handler()
        self._is_mine = homeserver.is_mine_id
        self._withdraw = Withdrawal(api, self._store).withdraw
        # Else somebody is looked at twice at once, and leaves a room that they have just left.
        self._turns = Linearizer("sferum_departures", homeserver.get_clock())
        self.stuck: set[str] = set()
        """Who is in a room still that they should have left."""

    async def look(self, user: str, facts: Facts, only: Container[str] | None = None) -> None:
        """Have somebody leave; the rooms they stay in are withdrawn from lists and aliases.

        `facts` have to be sure: by their shut form nobody may meet anybody, and the school's people
        would leave their direct chats. `only`: the rooms that are looked at, `None` for all.
        """
        if not self._is_mine(user) or facts.side(user) in {Side.SERVICE, Side.GHOST}:
            self.stuck.discard(user)
            return
        async with self._turns.queue(user):
            await self._look(user, facts, only)

    async def _look(self, user: str, facts: Facts, only: Container[str] | None) -> None:
        if only is None:
            self.stuck.discard(user)
        stays = []
        listed = self._store.get_rooms_for_local_user_where_membership_is
        for room in [room for memberships in PRESENT for room in await listed(user, memberships)]:
            if only is not None and room.room_id not in only:
                continue
            is_invite = room.membership == Membership.INVITE
            # The bridge tells of a room when it has made it, and invites as it makes it.
            if room.room_id in facts.rooms or (is_invite and room.sender in facts.service):
                continue
            others = await company(room.room_id, self._store)
            if room.sender and is_invite:
                others.append(room.sender)
            # Nobody of the school knocks anywhere; who is in another server's room is not known.
            knocks = room.membership == Membership.KNOCK and facts.side(user) is Side.EDUCATIONAL
            if not knocks and await self._may_meet_all(user, others, facts):
                if room.membership == Membership.JOIN:
                    stays.append(room.room_id)
                continue
            await self._leave(user, room.room_id)
        if stays and facts.side(user) is Side.EDUCATIONAL:
            await self._withdraw(stays)

    async def _leave(self, user: str, room_id: str) -> None:
        logger.info("%s leaves %s: not everybody there may be met", user, room_id)
        try:
            await self._api.run_db_interaction("sferum_as_is", _hold_as_is, user, room_id)
            await self._api.update_room_membership(user, user, room_id, "leave")
            held, event_id = await self._store.get_local_current_membership_for_user_in_room(
                user, room_id
            )
            if held == Membership.INVITE:
                # Another server's word, beside the state of a room that had been left: for Synapse
                # leaving once more changes nothing.
                content = {"membership": Membership.LEAVE}
                requester = create_requester(user)
                await self._members.remote_reject_invite(event_id, None, requester, content)
        except Exception:
            # One room must not keep the others open.
            logger.exception("%s stays in %s, for now", user, room_id)
            self.stuck.add(user)

    async def _may_meet_all(self, user: str, others: Iterable[str], facts: Facts) -> bool:
        async for other in unhurried(others, self._api):
            if not may_meet(user, other, facts):
                return False
        return True


def _hold_as_is(txn: LoggingTransaction, user: str, room_id: str) -> None:
    """Have Synapse hold of somebody what the state of a room says, where that has them in.

    It believes another server that says to invite them, though they are in already, and from then
    on fails to let them leave: the event would refer to both.
    """
    txn.execute(
        "UPDATE local_current_membership AS held SET membership = s.membership,"
        " event_id = s.event_id, event_stream_ordering = s.event_stream_ordering"
        " FROM current_state_events AS s"
        " WHERE held.room_id = ? AND held.user_id = ? AND held.event_id <> s.event_id"
        " AND s.room_id = held.room_id AND s.type = 'm.room.member' AND s.state_key = held.user_id"
        " AND s.membership IN ('join', 'invite', 'knock')",
        (room_id, user),
    )
