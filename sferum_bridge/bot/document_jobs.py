"""A row of the inbox that `document_keeper` works on, and how its end is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import outbox
from sferum_bridge.store import documents, queues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.queues import Item


class Jobs:
    """Ends rows. Each tells its person one thing, under a name made of the row's."""

    def __init__(self, db: Database, texts: Texts, contact: str) -> None:
        self._db = db
        self._texts = texts
        self._contact = contact

    async def tell(self, tx: Tx, item: Item, key: str, **values: Any) -> None:
        """Tell who asked for it, where they did."""
        row = item.content
        content = self._texts.text(row["language"], key, **values).content(notice=True)
        txn_id = f"{item.name}.told"
        await outbox.say(tx, txn_id, content, to=row["sender"], room_id=row["room"])

    async def refuse(
        self, item: Item, key: str, coming: Document | None = None, /, **values: Any
    ) -> None:
        """End a row by telling why it is not done, and leave nothing of it.

        `coming` is the document that was to be taken in.
        """
        async with self._db.write() as tx:
            if await queues.is_waiting(tx, queues.INBOX, item.id):
                await self._drop(tx, item, coming)
                await self.tell(tx, item, key, **values)
                await queues.done(tx, queues.INBOX, item.id)

    async def fail(self, item: Item) -> None:
        """Tell that it failed, and where help is; the row is the caller's."""
        row = item.content
        async with self._db.write() as tx:
            coming = None
            if row["kind"] == "take":
                coming = await documents.one(tx, row["person"], row["document"])
            await self._drop(tx, item, coming)
            if "sender" in row:
                name = row.get("name", "")
                await self.tell(tx, item, "documents-failed", name=name, contact=self._contact)

    async def _drop(self, tx: Tx, item: Item, coming: Document | None) -> None:
        if coming is not None:
            await documents.remove(tx, coming)
        await close(tx, item.content)


async def close(tx: Tx, row: Mapping[str, Any]) -> None:
    """Have the readable files of a row be taken away now: one sent has a thumbnail beside it."""
    for media in filter(None, (row.get("media"), row.get("thumbnail"))):
        await documents.due(tx, media, tx.now, row.get("event", ""))
