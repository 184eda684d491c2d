"""Where files go and come from: uploads, downloads, the pictures the service has itself."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from sferum_bridge.standin.answering import Download
from sferum_bridge.standin.files import address
from sferum_bridge.standin.uploads import FIELDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.answering import Answering
    from sferum_bridge.standin.errors import ApiError
    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.uploads import Uploads
    from sferum_bridge.standin.values import StoredFile

UPLOAD, FILE = "upload", "file"
"""What faults and counters call these requests."""
PIECE = 65_536
SIDE = 64


class Depot:
    """The handlers of uploads and downloads."""

    def __init__(self, files: Files, uploads: Uploads, answering: Answering) -> None:
        self._files = files
        self._uploads = uploads
        self._answering = answering

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.post(r"/upload/{ticket:[0-9a-f]{32}}", self.upload),
            web.get(r"/files/{key}/{name}", self.download),
            web.get(r"/doc/{key}", self.document),
            web.get(r"/static/{name}", self.picture),
            web.get("/player", self.player),
        ]

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the file of an upload address."""
        ticket = request.match_info["ticket"]

        async def answer() -> Any:
            try:
                fields = FIELDS.get(self._uploads.kind(ticket), ("file",))
            except LookupError as error:
                raise web.HTTPNotFound from error
            if not request.content_type.startswith("multipart/"):
                return {"error": "no_file", "error_descr": "this is no form with a file"}
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name in fields and part.filename:
                    origin = f"{request.scheme}://{request.host}"
                    mime = part.headers.get("Content-Type", "application/octet-stream")
                    chunks = _chunks(part)
                    return await self._uploads.receive(ticket, part.filename, mime, chunks, origin)
            return {"error": "no_file", "error_descr": "the form has no file"}

        return await self._answering.respond(request, UPLOAD, answer, _refused)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file back."""

        async def answer() -> Any:
            file = self._found(request)
            return Download(self._files.path(file.key), file.mime)

        return await self._answering.respond(request, FILE, answer, _refused)

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Lead from the page of a document to its file, as the service does."""
        file = self._found(request)
        raise web.HTTPFound(address(f"{request.scheme}://{request.host}", file))

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """Give one of the pictures that belong to the service: each name has its colour."""
        name = request.match_info["name"]
        return web.Response(body=_square(zlib.crc32(name.encode())), content_type="image/png")

    async def player(self, request: web.Request) -> web.StreamResponse:
        """Show the page that would play a video."""
        del request
        return web.Response(text="<html><body>video</body></html>", content_type="text/html")

    def _found(self, request: web.Request) -> StoredFile:
        file = self._files.find(request.match_info["key"])
        if file is None:
            raise web.HTTPNotFound
        return file


def _refused(error: ApiError) -> Any:
    return {"error": str(error.code), "error_descr": str(error)}


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(PIECE):
        yield bytes(chunk)


def _square(seed: int) -> bytes:
    """Return a PNG of one colour."""
    row = b"\0" + (seed & 0xFFFFFF).to_bytes(3, "big") * SIDE
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * SIDE)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
