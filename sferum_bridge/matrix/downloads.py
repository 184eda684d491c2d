"""Reading files of the homeserver piece by piece, so that none is ever whole in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from sferum_bridge.matrix.client import path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.matrix.client import Homeserver

_CHUNK = 64 * 1024


class MediaGone(Exception):
    """The homeserver does not have the file, or does not give it to the bridge."""


class MediaAway(Exception):
    """The homeserver could not give the file now: ask later."""


@dataclass(frozen=True, slots=True)
class Media:
    """A file that is being read. `size` in bytes, 0 where the homeserver does not say."""

    size: int
    _answer: aiohttp.ClientResponse

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read it, once. Raises `MediaAway` where it breaks off."""
        try:
            async for chunk in self._answer.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as e:
            raise MediaAway(type(e).__name__) from e


@asynccontextmanager
async def opened(homeserver: Homeserver, server: str, media_id: str) -> AsyncIterator[Media]:
    """Open a file as the bot. Raises `MediaGone` and `MediaAway`."""
    where = path("media", "download", server, media_id, version="v1")
    try:
        async with homeserver.stream(where) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                raise _refusal(answer.status)
            yield Media(answer.content_length or 0, answer)
    except (aiohttp.ClientError, TimeoutError) as e:
        raise MediaAway(type(e).__name__) from e


async def answers(homeserver: Homeserver) -> bool:
    """Tell whether the homeserver answers, whatever becomes of a file of its."""
    try:
        async with homeserver.stream(path("account", "whoami")) as answer:
            return answer.status < 500  # noqa: PLR2004 - HTTP's own number
    except (aiohttp.ClientError, TimeoutError):
        return False


def _refusal(status: int) -> Exception:
    final = 400 <= status < 500 and status not in {401, 429}  # noqa: PLR2004 - HTTP's own numbers
    return MediaGone(f"HTTP {status}") if final else MediaAway(f"HTTP {status}")
