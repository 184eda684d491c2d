"""Files of drafts, uploaded to VK.

    pieces ─► a file on disk ─► upload server ─► saved ─► the name under which a message attaches it

VK takes an upload in three steps: a server is asked for, the file is sent there as a form, and what
that answers is saved. The file lies on disk meanwhile, because its length has to be told before it
is sent. Uploading again leaves something unused behind in VK, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import tempfile
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import FileNotTaken, Refused, Unavailable
from sferum_bridge.network.content import FileKind
from sferum_bridge.network.vk.attachments import name_of
from sferum_bridge.network.vk.directory import peer_id_of
from sferum_bridge.network.vk.values import dicts, ident, part, storable, text, word

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from typing import BinaryIO

    from sferum_bridge.network.space import Space
    from sferum_bridge.network.vk.api import VkApi
    from sferum_bridge.network.vk.files import Files

# What VK takes as a photo. Anything else to be seen (a moving GIF, a drawing program's file) stays
# as it is as a document.
_PHOTOS = frozenset({"image/jpeg", "image/png"})
_PICTURES = frozenset({FileKind.PHOTO, FileKind.STICKER, FileKind.DRAWING})
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}")
_MIME = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,90}")
_ANY = "application/octet-stream"
_MOST_TITLE = 128


class Uploads:
    """Uploads in the name of one account."""

    def __init__(self, api: VkApi, files: Files, most_bytes: int, space: Space) -> None:
        self._api = api
        self._files = files
        self._most_bytes = most_bytes
        self._space = space

    async def upload(
        self, chat_id: str, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        """Upload a file for a chat; return the name under which a message attaches it.

        Raises:
            Refused: If it is empty, too big, or of a kind VK does not take.
            NetworkError: As the API's calls and `Files.post`.
        """
        peer_id = peer_id_of(chat_id, "upload")
        mime = mime.partition(";")[0].strip().lower()
        mime = mime if _MIME.fullmatch(mime) else _ANY
        # How large it is nobody says beforehand.
        async with self._space.taken(self._most_bytes):
            return await self._upload(peer_id, kind, name, mime, chunks)

    async def _upload(
        self, peer_id: int, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        with tempfile.TemporaryFile() as spool:
            await self._fill(spool, chunks)
            if kind is FileKind.VIDEO:
                return await self._video(name, mime, spool)
            if kind in _PICTURES and mime in _PHOTOS:
                return await self._photo(peer_id, mime, spool)
            purpose = "audio_message" if kind is FileKind.VOICE else "doc"
            return await self._document(peer_id, purpose, name, mime, spool)

    async def _fill(self, spool: BinaryIO, chunks: AsyncIterable[bytes]) -> None:
        size = 0
        async for piece in chunks:
            size += len(piece)
            if size > self._most_bytes:
                raise Refused(f"upload: more than {self._most_bytes} bytes")
            await asyncio.to_thread(spool.write, piece)
        if not size:
            raise Refused("upload: an empty file")
        spool.seek(0)

    async def _photo(self, peer_id: int, mime: str, spool: BinaryIO) -> str:
        server = await self._api.call("photos.getMessagesUploadServer", {"peer_id": peer_id})
        name = f"photo{mimetypes.guess_extension(mime) or ''}"
        sent = await self._files.post(_url(server), "photo", name, mime, spool)
        saved = await self._api.call("photos.saveMessagesPhoto", _photo_sent(sent))
        for photo in dicts(saved):
            if attached := name_of("photo", photo):
                return attached
        raise FileNotTaken("photos.saveMessagesPhoto: a reply that names no photo")

    async def _document(
        self, peer_id: int, purpose: str, name: str, mime: str, spool: BinaryIO
    ) -> str:
        server = await self._api.call(
            "docs.getMessagesUploadServer", {"peer_id": peer_id, "type": purpose}
        )
        sent = await self._files.post(_url(server), "file", _plain_name(name, mime), mime, spool)
        token = text(sent.get("file")) if isinstance(sent, dict) else ""
        if not token:
            raise _not_taken(sent)
        title = storable(name).strip()[:_MOST_TITLE]
        saved = await self._api.call(
            "docs.save", {"file": token} | ({"title": title} if title else {})
        )
        # Older versions answer a list.
        found = saved if isinstance(saved, dict) else {"doc": next(iter(dicts(saved)), {})}
        kind = word(found.get("type", "doc"))
        if attached := name_of(kind, part(found, kind)):
            return attached
        raise FileNotTaken("docs.save: a reply that names no document")

    async def _video(self, name: str, mime: str, spool: BinaryIO) -> str:
        title = storable(name).strip()[:_MOST_TITLE]
        server = await self._api.call("video.save", {"name": title or "video", "is_private": 1})
        video: dict[str, Any] = server if isinstance(server, dict) else {}
        sent = await self._files.post(
            _url(server), "video_file", _plain_name(name, mime), mime, spool
        )
        if not isinstance(sent, dict) or "error" in sent:
            raise _not_taken(sent)
        owner = ident(video.get("owner_id")) or ident(sent.get("owner_id"))
        own = ident(video.get("video_id")) or ident(sent.get("video_id"))
        key = video.get("access_key")
        if attached := name_of("video", {"owner_id": owner, "id": own, "access_key": key}):
            return attached
        raise FileNotTaken("video.save: a reply that names no video")


def _url(server: Any) -> str:
    url = text(server.get("upload_url")) if isinstance(server, dict) else ""
    if not url:
        raise Unavailable("upload: no upload server in the reply")
    return url


def _plain_name(name: str, mime: str) -> str:
    """Return a file name that every server can read: the ending tells VK what it is."""
    ending = name[name.rfind(".") :] if "." in name else ""
    if not _EXTENSION.fullmatch(ending):
        ending = mimetypes.guess_extension(mime) or ""
    return f"file{ending}"


def _photo_sent(sent: Any) -> dict[str, str | int]:
    """Return what is to be saved of an upload server's answer, in its old form or the new one."""
    if not isinstance(sent, dict) or "error" in sent:
        raise _not_taken(sent)
    if "photo" not in sent or "hash" not in sent:
        return {"photo": json.dumps(sent), "upload_v2": 1}
    photo = text(sent["photo"])
    if photo in {"", "[]"}:
        raise _not_taken(sent)
    return {"photo": photo, "server": ident(sent.get("server")), "hash": text(sent["hash"])}


def _not_taken(sent: Any) -> Refused | FileNotTaken:
    if isinstance(sent, dict):
        return Refused(f"upload: not taken ({word(sent.get('error'))})")
    return FileNotTaken("upload: an answer that is no JSON object")
