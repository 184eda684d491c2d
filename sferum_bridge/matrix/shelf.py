"""Copies of messages in materials rooms: put there, changed and taken away, each exactly once.

As announcements go out (`matrix.posts`): a row of the outbox in the room's lane, and an edit or the
end of the original as a row behind it (`store.materials.withdraw`). What was taken away while it
waited is not sent at all.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix.posts import carry
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
        event_id = await carry(
            self._homeserver, item, partial(self._shown, item), partial(self._begin, item)
        )
        async with self._db.write() as tx:
            if row.get("withdraws"):
                one = await materials.by_id(tx, row[COPY])
                if one is not None:
                    await materials.remove(tx, one)
            elif not row.get("revises"):
                await materials.shown(tx, row[COPY], event_id)
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _shown(self, item: Item) -> str:
        async with self._db.write() as tx:
            one = await materials.by_id(tx, item.content[COPY])
        return one.event_id if one else ""

    async def _begin(self, item: Item) -> bool:
        async with self._db.write() as tx:
            return await materials.begin(tx, item.content[COPY])
