"""Copies of messages in materials rooms: put there, changed and taken away, each exactly once.

As announcements go out (`matrix.posts`): a row of the outbox in the room's lane, and an edit or the
end of the original as a row behind it (`store.materials.withdraw`). What was taken away while it
waited is not sent at all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.ghosts import DEVICE
from sferum_bridge.matrix.posts import edit_of, take_away
from sferum_bridge.store import materials, queues
from sferum_bridge.store.materials import COPY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.materials import Material
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)


async def put(tx: Tx, one: Material, content: Mapping[str, Any]) -> None:
    """Put a copy into the materials room."""
    await materials.carry(tx, one, "", {"content": dict(content)})


async def revise(tx: Tx, one: Material, content: Mapping[str, Any]) -> None:
    """Have a copy say something else."""
    row = {"content": dict(content), "revises": True}
    await materials.carry(tx, one, f".e{one.edits + 1}", row)


class Shelf:
    """Carries these rows to the homeserver; `handle` is their handler."""

    def __init__(self, db: Database, homeserver: Homeserver) -> None:
        self._db = db
        self._homeserver = homeserver

    def is_ours(self, item: Item) -> bool:
        """Tell whether a row of the outbox is one of these."""
        return isinstance(item.content, dict) and COPY in item.content

    async def handle(self, item: Item) -> None:
        """Carry one row out and mark it done."""
        row = item.content
        try:
            event_id = await self._carry(item.name, item.lane, row)
        except MatrixRequestError as e:
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused %s: %s", item.name, code)
            event_id = ""
        async with self._db.write() as tx:
            if row.get("withdraws"):
                one = await materials.by_id(tx, row[COPY])
                if one is not None:
                    await materials.remove(tx, one)
            elif not row.get("revises"):
                await materials.shown(tx, row[COPY], event_id)
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _carry(self, txn_id: str, room_id: str, row: Mapping[str, Any]) -> str:
        content: Mapping[str, Any] = row.get("content", {})
        if row.get("revises") or row.get("withdraws"):
            async with self._db.write() as tx:
                one = await materials.by_id(tx, row[COPY])
            if one is None or not one.event_id:
                return ""
            if row.get("withdraws"):
                await take_away(self._homeserver, txn_id, room_id, one.event_id)
                return ""
            content = edit_of(one.event_id, content)
        else:
            async with self._db.write() as tx:
                if not await materials.begin(tx, row[COPY]):
                    return ""
        bot = self._homeserver.bot_mxid
        return await self._homeserver.send(
            room_id, "m.room.message", txn_id, content, user=bot, device=DEVICE
        )
