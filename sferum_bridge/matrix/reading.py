"""Who has read in a room since an announcement was posted there: counted by read receipts.

    transaction ─► heard: kept for a moment ─► every second: posts of late ─► rows of `readers`

A receipt says up to which message somebody has read and when they said so. Whoever said it after
the post came had the room open with the post in it, whatever message they named; so the time
decides, and no message is asked for. Private receipts never come here (MSC2285): their senders are
not counted; nor are the bridge's own accounts. A receipt that a kill takes away is not repeated, so
the count is a lower bound. What was stored is kept in mind, for most receipts say nothing new.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sferum_bridge.store import announcements, failures
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_ROUND = 1.0
_MOST_KEPT = 20_000
_MOST_REMEMBERED = 100_000
"""Rows; who is stored twice costs a statement and changes nothing."""
_COUNTED = 14 * 24 * 3600 * 1000
"""For how long after a post it is counted who has read it; milliseconds."""


class Reading:
    """Counts readers. `heard` takes what the homeserver says of the moment, `run` stores it.

    `is_ours` tells whether an account is the bot's or a ghost's.
    """

    def __init__(self, db: Database, is_ours: Callable[[str], bool]) -> None:
        self._db = db
        self._is_ours = is_ours
        self._stored: set[tuple[str, str, str]] = set()
        self._bell = asyncio.Event()
        self._heard: dict[tuple[str, str], int] = {}

    def heard(self, events: Sequence[Any]) -> None:
        """Take read receipts. Never raises, never waits."""
        for event in events:
            if isinstance(event, Mapping) and event.get("type") == "m.receipt":
                room_id, content = event.get("room_id"), event.get("content")
                if isinstance(room_id, str) and isinstance(content, Mapping):
                    self._keep(room_id, content)
        if self._heard:
            self._bell.set()

    def _keep(self, room_id: str, content: Mapping[str, Any]) -> None:
        for receipts in content.values():
            public = receipts.get("m.read") if isinstance(receipts, Mapping) else None
            for mxid, said in (public if isinstance(public, Mapping) else {}).items():
                at = said.get("ts") if isinstance(said, Mapping) else None
                if not isinstance(at, int) or self._is_ours(mxid):
                    continue
                if len(self._heard) < _MOST_KEPT:
                    self._heard[room_id, mxid] = max(at, self._heard.get((room_id, mxid), 0))

    async def run(self) -> None:
        """Store for ever."""
        while True:
            await self._bell.wait()
            # Who reads at once may do so before the post is noted as sent.
            await asyncio.sleep(_ROUND)
            self._bell.clear()
            try:
                await self.store()
            except Exception as e:  # noqa: BLE001 - what is a count ends nothing else
                level = logging.WARNING if is_away(e) else logging.ERROR
                failures.report(log, e, "readers were not counted", level=level)

    async def store(self) -> None:
        """Store what was heard by now."""
        heard, self._heard = self._heard, {}
        if not heard:
            return
        async with self._db.read() as tx:
            places = {room_id for room_id, _ in heard}
            posts = await announcements.recent_posts(tx, tx.now - _COUNTED, places)
        rows = {
            (announcement_id, room_id, mxid)
            for (room_id, mxid), at in heard.items()
            for announcement_id, posted_at in posts.get(room_id, ())
            if at >= posted_at
        } - self._stored
        if not rows:
            return
        async with self._db.write() as tx:
            await announcements.read_by(tx, sorted(rows))
        if len(self._stored) > _MOST_REMEMBERED:
            self._stored.clear()
        self._stored |= rows
