"""The room on the disk for files that are being passed on.

A file lies on disk from its first byte to its last: where it comes from and where it goes to may be
slow, or away for an hour. Many together must not fill the disk, so each takes its room first and
waits for it in turn. Nothing is held here that a kill would leave behind: the files have no names.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


MOST_BYTES = 2 * 1024 * 1024 * 1024


class Space:
    """So many bytes, given out in the order they are asked for."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._free = most_bytes
        self._first = asyncio.Lock()
        self._freed = asyncio.Event()

    @property
    def free(self) -> int:
        """Return how many bytes are free."""
        return self._free

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Have `size` bytes while the block runs, all there are if they are fewer."""
        size = min(size, self._most)
        async with self._first:
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._freed.set()
