"""The end of rooms of personal chats: with their owner's last role in a school.

    no role any more ─► all of theirs unlinked, at once ─► room by room: everybody out, forgotten

A room that cannot be emptied now holds no other up, and is tried again at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.store import chats, failures, logins, personal
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.personal import Holders

log = logging.getLogger(__name__)

_EVERY = 20.0


class PersonalEnd:
    """Ends rooms of personal chats. `every` are the seconds between looks."""

    def __init__(
        self, db: Database, homeserver: Homeserver, holders: Holders, *, every: float = _EVERY
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._holders = holders
        self._every = every

    async def run(self) -> None:
        """End the rooms of those who have no role in a school any more, for ever."""
        while True:
            try:
                await self.once()
            except Exception as e:  # noqa: BLE001 - it is tried again
                level = logging.WARNING if is_away(e) else logging.ERROR
                failures.report(log, e, "Rooms of personal chats are ended later", level=level)
            await asyncio.sleep(self._every)

    async def once(self) -> None:
        """End the rooms that have to end now. Raises where the database is away."""
        async with self._db.read() as tx:
            over = await personal.over(tx, self._holders)
        if not over:
            return
        async with self._db.write() as tx:
            # First of all of them: nothing more is heard or said there.
            for room_id in over:
                if await chats.chat_of_room(tx, room_id) is not None:
                    await logins.unlink(tx, room_id)
        for room_id in over:
            try:
                await self._end(room_id)
            except (MatrixRequestError, TryAgain) as e:
                why = type(e).__name__
                log.warning("The room %s of a personal chat is ended later: %s", room_id, why)
            except Exception as e:
                if is_away(e):
                    raise
                failures.report(log, e, "The room %s of a personal chat is ended later", room_id)

    async def _end(self, room_id: str) -> None:
        bot = self._homeserver.bot_mxid
        people = await self._homeserver.people_in(room_id)
        if people is not None:
            for one in sorted(people - {bot}):
                await self._homeserver.kick(room_id, one)
            await self._homeserver.leave(room_id)
        # Else the bot is not in it: an earlier look ended here, or nobody can empty it any more.
        async with self._db.write() as tx:
            await personal.forget(tx, room_id)
