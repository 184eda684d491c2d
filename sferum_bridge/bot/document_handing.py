"""Personal documents on their way out: for a while to their owner, as a copy to a teacher.

    ciphertext read once, to know that it opens ─► an address, noted with its end (`open_files`)
        ─► bytes into it ─► one transaction: message into the outbox, told, row done

The address is noted in the row too, so that a row that is done again fills the same file.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.bot import zipping
from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.open_files import OpenFileLostError
from sferum_bridge.store import documents, queues
from sferum_bridge.store.blobs import BlobBrokenError
from sferum_bridge.store.documents import OpenFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from sferum_bridge.bot.document_jobs import Jobs
    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.matrix.open_files import OpenFiles
    from sferum_bridge.store.blobs import Blobs
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

SHARE, ZIP = "share", "zip"
_AT_ONCE = 3
"""Files handed out at the same time: Synapse gives an account five addresses without bytes."""
_MINUTE, _DAY = 60_000, 24 * 3_600_000


class Handing:
    """Hands documents out."""

    def __init__(
        self,
        db: Database,
        open_files: OpenFiles,
        blobs: Blobs,
        texts: Texts,
        settings: BotSettings,
        jobs: Jobs,
    ) -> None:
        self._db = db
        self._open_files = open_files
        self._blobs = blobs
        self._texts = texts
        self._contact = settings.support_contact
        self._rules = settings.documents
        self._jobs = jobs
        self._hands = asyncio.Semaphore(_AT_ONCE)

    async def hand_out(self, item: Item) -> None:
        """Carry out a row; what is gone by now or damaged is told instead."""
        row = item.content
        async with self._db.read() as tx:
            found = [await documents.one(tx, row["person"], each) for each in row["documents"]]
        there = [each for each in found if each is not None]
        if not there:
            await self._jobs.refuse(item, "documents-gone")
            return
        try:
            for each in there:
                # Before a byte goes out: what breaks off in an upload looks like the network's.
                await self._blobs.check(each.id, each.key)
        except BlobBrokenError as e:
            log.warning("A stored document cannot be opened: %s", e)
            values = {"name": row["name"], "contact": self._contact}
            await self._jobs.refuse(item, "documents-broken", **values)
            return
        async with self._hands:
            await self._hand_out(item, there)

    async def _hand_out(self, item: Item, there: Sequence[Document]) -> None:
        row = item.content
        life = self._rules.copy_for if row["kind"] == SHARE else self._rules.open_for
        name, mime, size, chunks = self._content(row, there)
        try:
            media = await self._address(item, life)
            if not media:
                return
            await self._open_files.fill(media, chunks, size, mime)
        except OpenFileLostError:
            # Made too long ago, or taken away while this waited: with the next try another.
            await self._forget_address(item)
            raise
        except MatrixRequestError as e:
            log.warning("The homeserver refused a document: %s", e.http_status)
            values = {"name": name, "contact": self._contact}
            await self._jobs.refuse(item, "documents-failed", **values)
            return
        async with self._db.write() as tx:
            if await queues.is_waiting(tx, queues.INBOX, item.id):
                await documents.due(tx, media, tx.now + life)
                await self._show(tx, item, media, _event(name, mime, size, media))
                await queues.done(tx, queues.INBOX, item.id)
            elif await documents.one(tx, row["person"], there[0].id) is None:
                # Its owner was erased while it went out: nobody is told, and it goes at once.
                await documents.due(tx, media, tx.now)

    def _content(
        self, row: Mapping[str, Any], there: Sequence[Document]
    ) -> tuple[str, str, int, Callable[[], AsyncIterator[bytes]]]:
        """Return name, type, size and bytes of what goes out."""

        def read(one: Document) -> AsyncIterator[bytes]:
            return self._blobs.read(one.id, one.key)

        if row["kind"] == ZIP:
            size = zipping.size_of(there)
            return row["name"], "application/zip", size, lambda: zipping.zipped(there, read)
        first = there[0]
        return first.name, first.mime, first.size, lambda: read(first)

    async def _show(self, tx: Tx, item: Item, media: str, content: Mapping[str, Any]) -> None:
        row, txn_id = item.content, f"{item.name}.file"
        if row["kind"] != SHARE:
            await outbox.say(tx, txn_id, content, to=row["to"], room_id=row["room"], shows=media)
            minutes = max(1, self._rules.open_for // _MINUTE)
            await self._jobs.tell(tx, item, "documents-given", minutes=minutes)
            return
        days = max(1, self._rules.copy_for // _DAY)
        values = {"name": content["body"], "owner": row["owner"], "count": days}
        told = self._texts.text(row["to_language"], "documents-copy", **values)
        await outbox.say(tx, f"{item.name}.copy", told.content(), to=row["to"])
        await outbox.say(tx, txn_id, content, to=row["to"], shows=media)
        if row["is_first"]:
            values = {"name": content["body"], "whom": row["to_name"]}
            await self._jobs.tell(tx, item, "documents-shared", **values)

    async def _address(self, item: Item, life: int) -> str:
        """Return the address under which a row's file goes out, noted before there are bytes.

        Empty where the row is not to be worked on any more.
        """
        row = item.content
        if known := row.get("media"):
            async with self._db.read() as tx:
                if await documents.is_open(tx, known):
                    return str(known)
        media = await self._open_files.create()
        async with self._db.write() as tx:
            if not await queues.is_waiting(tx, queues.INBOX, item.id):
                return ""
            due = tx.now + life
            await documents.note_open(tx, OpenFile(media, row["person"], "", "", "", 0, due))
            row["media"] = media
            await queues.change(tx, queues.INBOX, item.id, row)
        return media

    async def _forget_address(self, item: Item) -> None:
        media = item.content.pop("media")
        async with self._db.write() as tx:
            await documents.closed(tx, media)
            await queues.change(tx, queues.INBOX, item.id, item.content)


def _event(name: str, mime: str, size: int, media: str) -> Mapping[str, Any]:
    """Return the message that shows a document: a picture as one, everything else as a file."""
    return {
        "msgtype": "m.image" if mime.startswith("image/") else "m.file",
        "body": name,
        "filename": name,
        "info": {"mimetype": mime, "size": size},
        "url": media,
        "m.mentions": {},
    }
