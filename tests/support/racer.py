"""A process of its own that answers people as a bridge does, at the very moment it is told to.

    python -m tests.support.racer <database URL>

Reads one JSON array from its input: [[when, mxid, text], …], `when` in seconds since the epoch.
Each is one inbox row, handled by the bot at that time; all run side by side. Ends when all are
done.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.store import dialogues, queues
from sferum_bridge.store.away import is_away
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer
from tests.support.bot import SETTINGS
from tests.support.databases import KEY
from tests.support.sferum import absent

if TYPE_CHECKING:
    from sferum_bridge.store.queues import Item


async def main(url: str, races: list[tuple[float, str, str]]) -> None:
    """Handle everything."""

    async def nothing(_room_id: str) -> None:
        return

    async def name_of(mxid: str) -> str:
        return mxid.removeprefix("@").partition(":")[0]

    async def contacts_of(_mxid: str) -> list[tuple[str, str]]:
        return []

    db = open_database(url, Sealer(KEY))
    chosen = BotSettings(**cast("Any", SETTINGS))
    bot = Bot(db, Texts(), chosen, nothing, name_of, contacts_of, **absent(db))
    try:
        items = [
            await _queue(db, number, mxid, text) for number, (_, mxid, text) in enumerate(races)
        ]
        starts = [when for when, _, _ in races]
        await asyncio.gather(*map(_handle, [bot] * len(items), items, starts))
    finally:
        await db.close()


async def _queue(db: Database, number: int, mxid: str, text: str) -> Item:
    room_id, event_id = f"!direct-{mxid}", f"$race-{mxid}-{number}"
    lane = f"bot/{room_id}"
    event = {
        "type": "m.room.message",
        "sender": mxid,
        "room_id": room_id,
        "event_id": event_id,
        "content": {"msgtype": "m.text", "body": text},
    }
    async with db.write() as tx:
        await dialogues.add_room(tx, room_id, mxid)
        await queues.put(tx, queues.INBOX, lane, event_id, event)
    async with db.read() as tx:
        return (await queues.waiting(tx, queues.INBOX, lane, 10))[-1]


async def _handle(bot: Bot, item: Item, when: float) -> None:
    await asyncio.sleep(max(0.0, when - time.time()))
    while True:
        try:
            await bot.handle(item)
        except Exception as e:
            # What the lane does: a deadlock that the database broke up is tried again.
            if not is_away(e):
                raise
            await asyncio.sleep(0.01)
        else:
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
