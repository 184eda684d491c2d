"""The bytes of photos, documents and recordings: a folder beside the state file.

A file is written whole under another name and gets its row last, so that a killed process leaves
no half of one. Reading and writing go piece by piece: a large file does not lie in memory.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from sferum_bridge.standin.values import StoredFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.standin.database import Database


class TooLarge(Exception):
    """More bytes came than are allowed."""


class Files:
    """The files in the folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._db = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def keep(
        self, name: str, mime: str, chunks: AsyncIterator[bytes], most: int, *, padded_to: int = 0
    ) -> StoredFile:
        """Keep what comes, with zeros behind it up to a size.

        Raises:
            TooLarge: More than `most` bytes came; nothing is kept.
        """
        key = secrets.token_urlsafe(16)
        part = self._folder / f"{key}.part"
        size = 0
        try:
            with part.open("wb") as stream:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise TooLarge(name)
                    stream.write(chunk)
                size = max(size, padded_to)
                stream.truncate(size)
            part.rename(self.path(key))
        finally:
            part.unlink(missing_ok=True)
        self._db.run("INSERT INTO files VALUES (?, ?, ?, ?)", key, name, mime, size)
        return StoredFile(key, name, mime, size)

    def find(self, key: str) -> StoredFile | None:
        """Return a file by its key."""
        row = self._db.one("SELECT * FROM files WHERE key = ?", key)
        return StoredFile(row["key"], row["name"], row["mime"], row["size"]) if row else None

    def path(self, key: str) -> Path:
        """Return where the bytes of a file are; the key is one that `find` knows."""
        return self._folder / key

    def drop(self, key: str) -> None:
        """Forget a file: its address answers 404 from now on."""
        self._db.run("DELETE FROM files WHERE key = ?", key)
        self.path(key).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete the bytes of all files."""
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)


def address(origin: str, file: StoredFile) -> str:
    """Return the URL of a file at a server."""
    return f"{origin}/files/{file.key}/{quote(file.name, safe='') or 'file'}"
