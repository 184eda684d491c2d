"""Files, up to the homeserver: streamed from a temporary file, never whole in memory.

A file is spooled before it is uploaded. Where it comes from may say a wrong length, break off, or
keep the file for a few minutes only; the homeserver may be away for an hour. Neither disturbs the
other this way, and what is too big is known before anything is uploaded.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import text_in
from sferum_bridge.matrix.client import TryAgain, path

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from typing import IO

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Sender

_IN_MEMORY = 256 * 1024
_CHUNK = 128 * 1024
_UPLOAD = "/_matrix/media/v3/upload"


class TooBig(Exception):
    """A file has more bytes than may pass."""


class Spool:
    """A file that was read to its end and can be read again."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it from its beginning."""
        await asyncio.to_thread(self._file.seek, 0)
        while chunk := await asyncio.to_thread(self._file.read, _CHUNK):
            yield chunk


@asynccontextmanager
async def spooled(chunks: AsyncIterable[bytes], most_bytes: int) -> AsyncIterator[Spool]:
    """Read a file to its end. Raises `TooBig` as soon as that is known, and what `chunks` does."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        size, waiting = 0, bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > most_bytes:
                raise TooBig
            waiting += chunk
            if len(waiting) >= _CHUNK:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(file.write, bytes(waiting))
        yield Spool(file, size)


async def upload(
    homeserver: Homeserver, spool: Spool, mime: str, sender: Sender | None = None
) -> str:
    """Upload a file as `sender`, the bot for none; return its mxc: address.

    Whose a file is decides who may read it by its id. Its name goes into no address.

    Raises `MatrixRequestError` and `TryAgain` as `Homeserver.request` does.
    """
    answer = await homeserver.request(
        "POST",
        _UPLOAD,
        chunks=spool.chunks,
        headers={"Content-Type": mime, "Content-Length": str(spool.size)},
        user=sender.mxid if sender else "",
        puppet=sender.puppet if sender else False,
        kind="upload",
    )
    return text_in(answer, "content_uri")


async def most_bytes(homeserver: Homeserver) -> int:
    """Return how large a file the homeserver takes, 0 where it does not say."""
    try:
        where = path("media", "config", version="v1")
        answer = await homeserver.request("GET", where, kind="media_config")
    except (MatrixRequestError, TryAgain):
        return 0
    most = answer.get("m.upload.size") if isinstance(answer, dict) else None
    return most if type(most) is int and most > 0 else 0
