"""What is done with the bytes of personal documents, outside of any transaction (S-40).

    inbox row (`documents.ask`) ─► bytes moved, in pieces ─► one transaction: stored, told, row done

    take    homeserver ─► ciphertext on the disk; then what was sent is taken out of the chat
    give    ciphertext ─► a file of the bot in the owner's chat, for a while (`document_handing`)
    share   the same into a teacher's chat
    zip     many documents ─► one such file
    room    the room in which the owner is alone with the bot
    remove  ciphertext whose document is gone

Every step can be repeated: bytes are written beside and moved into place, a readable file is noted
(`open_files`) before it has bytes and sent under the row's name. So a kill leaves no half document,
no readable file that nobody knows of, and nothing told twice. One thing at a time is done for one
person; a homeserver that is away is waited for by the lanes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.bot import document_jobs, documents_shown
from sferum_bridge.bot.document_handing import SHARE, ZIP, Handing
from sferum_bridge.bot.document_jobs import Jobs
from sferum_bridge.matrix import downloads, own_room
from sferum_bridge.matrix.answers import TryAgain
from sferum_bridge.matrix.downloads import MediaAway, MediaGone
from sferum_bridge.school.documents import Used
from sferum_bridge.store import documents, queues
from sferum_bridge.store.away import outlasting
from sferum_bridge.store.blobs import BlobDiskError, BlobTooBigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.open_files import OpenFiles
    from sferum_bridge.school.documents import Rules
    from sferum_bridge.store.blobs import Blobs
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.documents import Document
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 10.0
_AWAY, _DISK = 503, 507


class DocumentKeeper:
    """Works for the stores. `handle` is the handler of their rows of the inbox."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        maker: RoomMaker,
        open_files: OpenFiles,
        blobs: Blobs,
        texts: Texts,
        settings: BotSettings,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._maker = maker
        self._open_files = open_files
        self._blobs = blobs
        self._texts = texts
        self._rules: Rules = settings.documents
        self._contact = settings.support_contact
        self._jobs = Jobs(db, texts, settings.support_contact)
        self._handing = Handing(db, open_files, blobs, texts, settings, self._jobs)
        self._swept = asyncio.Event()
        self._work: Mapping[str, Callable[[Item], Awaitable[None]]] = {
            "take": self._take,
            "give": self._handing.hand_out,
            SHARE: self._handing.hand_out,
            ZIP: self._handing.hand_out,
            "room": self._room,
            documents.REMOVE: self._remove,
        }

    async def sweep(self) -> None:
        """Take away what a kill left on the disk; until then nothing is handled."""
        while not self._swept.is_set():
            with outlasting(log, "The sweep of documents"):
                async with self._db.read() as tx:
                    known = await documents.ids(tx)
                await self._sweep(known)
                self._swept.set()
            if not self._swept.is_set():
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _sweep(self, known: Collection[str]) -> None:
        try:
            strays = await asyncio.to_thread(self._blobs.sweep, known)
        except BlobDiskError as e:
            # What is left is ciphertext without a key: nobody's documents have to wait for that.
            log.warning("What belongs to no document stays on the disk: %s", e)
        else:
            if strays:
                log.info("Took away %d files that belong to no document", strays)

    async def handle(self, item: Item) -> None:
        """Carry out one row. Raises what is worth another try."""
        await self._swept.wait()
        await self._work[item.content["kind"]](item)

    async def give_up(self, item: Item) -> None:
        """Tell that something failed every time, and leave nothing of it."""
        await self._jobs.fail(item)

    async def _take(self, item: Item) -> None:
        row = item.content
        async with self._db.read() as tx:
            found = await documents.one(tx, row["person"], row["document"])
            used = await documents.used(tx, row["person"]) if found else Used()
        if found is None:
            # Erased meanwhile; what was sent is taken away with the rest.
            await self._jobs.refuse(item, "documents-gone")
            return
        room = self._rules.room(Used(used.count - 1, used.size - found.size))
        try:
            size = await self._stored(row, found, room)
        except (ValueError, MediaGone):
            await self._jobs.refuse(item, "documents-lost", found, name=found.name)
        except MediaAway as e:
            if await downloads.answers(self._homeserver):
                raise
            raise TryAgain(_AWAY) from e
        except BlobDiskError as e:
            # For whoever runs the bridge to mend; what was sent waits where it is.
            log.warning("The disk does not take a document, which waits: %s", e)
            raise TryAgain(_DISK) from e
        except BlobTooBigError:
            values = {"name": found.name, "most": self._size(row, room)}
            await self._jobs.refuse(item, "documents-too-big", found, **values)
        else:
            await self._keep(item, found, size)

    async def _stored(self, row: Mapping[str, Any], found: Document, room: int) -> int:
        """Move a document's bytes onto the disk; return how many there are."""
        server, media_id = self._open_files.parts(row["media"])
        if not await self._open_files.may_read(row["media"], row["sender"]):
            raise MediaGone
        async with downloads.opened(self._homeserver, server, media_id) as media:
            return await self._blobs.write(found.id, found.key, media.chunks(), room)

    async def _keep(self, item: Item, found: Document, size: int) -> None:
        row = item.content
        async with self._db.write() as tx:
            is_waiting = await queues.is_waiting(tx, queues.INBOX, item.id)
            # Done already, by a bridge beside this one, or the end of its owner.
            kept = (
                await documents.keep(tx, found, size)
                if is_waiting
                else await documents.one(tx, found.person_id, found.id)
            )
            if is_waiting and kept is not None:
                used = await documents.used(tx, found.person_id)
                values = {
                    "name": kept.name,
                    "size": self._size(row, size),
                    "used": self._size(row, used.size),
                    "quota": self._size(row, self._rules.quota),
                }
                await self._jobs.tell(tx, item, "documents-kept", **values)
            if is_waiting:
                await document_jobs.close(tx, row)
                await queues.done(tx, queues.INBOX, item.id)
        if kept is None:
            # Erased while it was being read.
            await asyncio.to_thread(self._blobs.remove, found.id)

    async def _remove(self, item: Item) -> None:
        for document_id in item.content["ids"]:
            await asyncio.to_thread(self._blobs.remove, document_id)
        async with self._db.write() as tx:
            await queues.done(tx, queues.INBOX, item.id)

    async def _room(self, item: Item) -> None:
        row = item.content
        name = self._texts.text(row["language"], "documents-room-name").body
        owner = row["sender"]
        try:
            room_id = await own_room.make(self._db, self._homeserver, self._maker, owner, name)
        except MatrixRequestError as e:
            log.warning("The homeserver refused a room for documents: %s", e.http_status)
            values = {"name": name, "contact": self._contact}
            await self._jobs.refuse(item, "documents-failed", **values)
            return
        async with self._db.write() as tx:
            if await queues.is_waiting(tx, queues.INBOX, item.id):
                link = f"https://matrix.to/#/{room_id}"
                await self._jobs.tell(tx, item, "documents-room", name=name, link=link)
                await queues.done(tx, queues.INBOX, item.id)

    def _size(self, row: Mapping[str, Any], size: int) -> str:
        return documents_shown.size(self._texts, row["language"], size)
