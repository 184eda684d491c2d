"""Sends what quiet hours held back, when they end.

The time stands in the database, so a bridge that was away sends late and never twice: the change of
state and the posts are one transaction, and whoever comes second finds nothing held.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.bot import announced
from sferum_bridge.store import announcements
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from sferum_bridge.bot.service import Bot
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_LONGEST_WAIT = 30.0
"""Seconds: what another process held back, or a clock that was set, is found so late at most."""
_DATABASE_SECONDS = 5.0


class Releaser:
    """Looks after held announcements of one bridge."""

    def __init__(self, db: Database, bot: Bot) -> None:
        self._db = db
        self._bot = bot

    async def run(self) -> None:
        """Release for ever. Raises what is not a database that is away."""
        bell = self._db.bell(announcements.HELD_BELL)
        while True:
            pause = _DATABASE_SECONDS
            with outlasting(log, "Sending held announcements"):
                pause = await self.once()
            await bell.wait(pause)

    async def once(self) -> float:
        """Send whatever is due; return the seconds until something may be."""
        while True:
            async with self._db.read() as tx:
                due = await announcements.next_due(tx)
            now = self._db.clock()
            if due is None or due[1] > now:
                wait = _LONGEST_WAIT if due is None else (due[1] - now) / 1000
                return min(wait, _LONGEST_WAIT)
            release = partial(announced.release, announcement_id=due[0])
            await self._bot.errand(f"announcement.{due[0]}", release)
