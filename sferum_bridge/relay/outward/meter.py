"""Reading a file of the homeserver up to what may pass, whatever its sender said of its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.matrix.downloads import MediaAway
from sferum_bridge.relay.outward.errors import FileAway, FileTooBig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.matrix.downloads import Media


class Meter:
    """Counts what is read of a file, whatever its sender said of its size."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._broken: MediaAway | None = None

    def take(self, size: int) -> None:
        """Look at a size the homeserver names before anything is read. Raises `FileTooBig`."""
        if size > self._most:
            raise FileTooBig(f"a file of {size} bytes")

    def check(self) -> None:
        """Raise why reading was broken off, if it was."""
        if self._size > self._most:
            raise FileTooBig(f"a file of more than {self._most} bytes")
        if self._broken is not None:
            raise FileAway(f"the homeserver gives no file now: {self._broken}")

    async def chunks(self, media: Media) -> AsyncIterator[bytes]:
        """Read a file up to what may pass. Raises `FileTooBig` behind it, and `MediaAway`."""
        try:
            async for chunk in media.chunks():
                self._size += len(chunk)
                self.check()
                yield chunk
        except MediaAway as e:
            self._broken = e
            raise
