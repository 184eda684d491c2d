"""Files on the disk that are ciphertext from their first byte to their last.

    plain pieces ─► frames of 64 KiB, each sealed ─► <id>.part ─► fsync ─► <id>
                                                        │
                              a kill leaves this, which the next write or `sweep` takes away

A file begins with a version and a random salt; the key of its frames is derived from the document's
key and the salt, so no two writes ever share one. A frame's nonce is its number and whether it is
the last, and the document's id is authenticated with it: frames cannot be swapped, dropped, cut off
or moved to another document unseen. Nothing here is ever whole in memory, and nothing readable
touches the disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Collection
    from pathlib import Path
    from typing import IO

log = logging.getLogger(__name__)

KEY_BYTES = 32
_VERSION = b"\x01"
_SALT_BYTES, _TAG_BYTES = 16, 16
_HEAD = len(_VERSION) + _SALT_BYTES
_FRAME = 64 * 1024
_NUMBER_BYTES = 11
_PART = ".part"
_OURS = re.compile(rf"[0-9a-f]{{20}}({re.escape(_PART)})?")
"""What the bridge calls its files, by ids of `schools.new_id`."""


class BlobTooBigError(Exception):
    """A file has more bytes than may be stored."""


class BlobDiskError(Exception):
    """The disk does not take a file: it is full, or the folder is not the bridge's."""


class BlobBrokenError(Exception):
    """A stored file is missing, cut off or changed, or the key is not its own."""


class Blobs:
    """The folder of them, one file an id; ids are hexadecimal, made by the bridge."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(
        self, blob_id: str, key: bytes, chunks: AsyncIterable[bytes], most_bytes: int
    ) -> int:
        """Store a file under an id, in place of an earlier one; return its size in bytes.

        Raises `BlobTooBigError` as soon as that is known, `BlobDiskError`, and what `chunks` does;
        then nothing is left of it.
        """
        try:
            return await self._write(blob_id, key, chunks, most_bytes)
        except OSError as e:
            raise BlobDiskError(type(e).__name__) from e

    async def _write(
        self, blob_id: str, key: bytes, chunks: AsyncIterable[bytes], most_bytes: int
    ) -> int:
        path = self._path(blob_id)
        part = path.with_name(path.name + _PART)
        salt = os.urandom(_SALT_BYTES)
        frames = _Frames(key, salt, blob_id)
        size, waiting = 0, bytearray()
        file = await asyncio.to_thread(_created, part)
        try:
            await asyncio.to_thread(file.write, _VERSION + salt)
            async for chunk in _at_most(most_bytes, chunks):
                size += len(chunk)
                waiting += chunk
                # The last frame is marked, so one is always kept back.
                while len(waiting) > _FRAME:
                    await asyncio.to_thread(file.write, frames.seal(bytes(waiting[:_FRAME])))
                    del waiting[:_FRAME]
            await asyncio.to_thread(file.write, frames.seal(bytes(waiting), last=True))
            await asyncio.to_thread(_finished, file, part, path)
        except BaseException:
            file.close()
            part.unlink(missing_ok=True)
            raise
        return size

    async def read(self, blob_id: str, key: bytes) -> AsyncIterator[bytes]:
        """Give a file's plain pieces. Raises `BlobBrokenError`, at the latest behind the last."""
        try:
            file = await asyncio.to_thread(self._path(blob_id).open, "rb")
        except OSError as e:
            raise BlobBrokenError(f"{type(e).__name__}") from e
        try:
            head = await _piece(file, _HEAD)
            if len(head) != _HEAD or not head.startswith(_VERSION):
                raise BlobBrokenError("no head of a known version")
            frames = _Frames(key, head[len(_VERSION) :], blob_id)
            sealed = await _piece(file, _FRAME + _TAG_BYTES)
            while sealed:
                behind = await _piece(file, _FRAME + _TAG_BYTES)
                yield frames.open(sealed, last=not behind)
                sealed = behind
            if not frames.is_whole:
                raise BlobBrokenError("no frames")
        finally:
            file.close()

    async def check(self, blob_id: str, key: bytes) -> None:
        """Read a file to its end for nothing. Raises `BlobBrokenError`."""
        async for _ in self.read(blob_id, key):
            pass

    def remove(self, blob_id: str) -> None:
        """Take a file away, if there is one, and what an interrupted write left of it.

        Raises `BlobDiskError`.
        """
        path = self._path(blob_id)
        try:
            for each in (path, path.with_name(path.name + _PART)):
                each.unlink(missing_ok=True)
        except OSError as e:
            raise BlobDiskError(type(e).__name__) from e

    def sweep(self, known: Collection[str]) -> int:
        """Take away what belongs to none of the ids, and every beginning; return how much.

        Nothing else in the folder is touched, whoever put it there. Where no id is known at all,
        whole files stay: the database may be another one than theirs. Raises `BlobDiskError`.
        """
        try:
            strays = [path for path in self._ours() if path.name not in known]
            if not known and (whole := [path for path in strays if path.suffix != _PART]):
                log.warning(
                    "%d documents lie in %s of which the database knows none: they are left there. "
                    "Is it the database that belongs to them?",
                    len(whole),
                    self._folder,
                )
                strays = [path for path in strays if path.suffix == _PART]
            for path in strays:
                path.unlink(missing_ok=True)
        except OSError as e:
            raise BlobDiskError(type(e).__name__) from e
        return len(strays)

    def _ours(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        found = (path for path in self._folder.iterdir() if _OURS.fullmatch(path.name))
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def _path(self, blob_id: str) -> Path:
        if not blob_id.isalnum():
            raise ValueError("no id of a stored file")
        return self._folder / blob_id


class _Frames:
    """Seals or opens the frames of one file, in their order."""

    def __init__(self, key: bytes, salt: bytes, blob_id: str) -> None:
        derived = HKDF(SHA256(), KEY_BYTES, salt, b"sferum-bridge document").derive(key)
        self._cipher = AESGCM(derived)
        self._about = blob_id.encode()
        self._number = 0
        self.is_whole = False

    def seal(self, plain: bytes, *, last: bool = False) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), plain, self._about)

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        try:
            plain = self._cipher.decrypt(self._nonce(last=last), sealed, self._about)
        except (InvalidTag, ValueError) as e:
            raise BlobBrokenError("a frame was changed") from e
        self.is_whole = last
        return plain

    def _nonce(self, *, last: bool) -> bytes:
        number = self._number.to_bytes(_NUMBER_BYTES, "big")
        self._number += 1
        return number + bytes([last])


async def _at_most(most_bytes: int, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most_bytes:
            raise BlobTooBigError
        yield chunk


async def _piece(file: IO[bytes], size: int) -> bytes:
    try:
        return await asyncio.to_thread(file.read, size)
    except OSError as e:
        raise BlobBrokenError(type(e).__name__) from e


def _created(path: Path) -> IO[bytes]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "wb")


def _finished(file: IO[bytes], part: Path, path: Path) -> None:
    """Have what was written outlive a loss of power, under its name."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
