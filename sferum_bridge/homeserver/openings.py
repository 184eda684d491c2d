"""Whoever was let into school rooms for a while, and is in them after the end (break-glass).

From the end on no decision knows of what was opened, in any process (`today`). Whoever is in the
rooms still is taken out by the bridge, which gives reasons; where it is not there to, they leave
after `GRACE` as if they had said so themselves. One process does this.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership

from sferum_bridge.homeserver.ledger import UnreadableError
from sferum_bridge.school import terms

if TYPE_CHECKING:
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer

    from sferum_bridge.homeserver.ledger import Ledger

logger = logging.getLogger(__name__)

GRACE = 5_000
"""Milliseconds in which a running bridge has done it."""
LOOK = 2_000
"""Milliseconds from one look to the next."""


class Openings:
    """Has people leave rooms that were opened to them for a while. For one process only."""

    def __init__(self, api: ModuleApi, homeserver: HomeServer, ledger: Ledger) -> None:
        self._api = api
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._is_mine = homeserver.is_mine_id
        self._ledger = ledger
        self._done: object = None

    async def look(self) -> None:
        """Look who is in a room after the end; what fails is tried again at the next look."""
        try:
            await self._ledger.sure()
        except UnreadableError:
            return
        pushed, over = self._ledger.today.over(GRACE)
        if pushed is None or not over or self._done == (pushed.generation, over):
            return
        found = await self._api.defer_to_thread(terms.left_behind, pushed, over)
        for user, rooms in found.items():
            if self._is_mine(user):
                await self._leave(user, rooms)
        self._done = (pushed.generation, over)

    async def _leave(self, user: str, rooms: frozenset[str]) -> None:
        memberships = [Membership.JOIN, Membership.INVITE]
        for room in await self._store.get_rooms_for_local_user_where_membership_is(
            user, memberships
        ):
            if room.room_id in rooms:
                logger.info(
                    "%s leaves %s: it was open until a time that is over", user, room.room_id
                )
                await self._api.update_room_membership(user, user, room.room_id, "leave")
