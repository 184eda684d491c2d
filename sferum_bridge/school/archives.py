"""Archives of anybody, read within limits: the list of a ZIP, and what a TAR holds. Pure.

Python's own readers believe an archive: they take a list of any length into memory at once, and so
they do with the headers of a TAR, of which each entry then holds all again. So no single read is
larger than a list may be, none begins after the deadline, and a TAR is read header by header.
"""

from __future__ import annotations

import tarfile
import time
import zipfile
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, TYPE_CHECKING, Any

from sferum_bridge.school.attachments import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ENTRIES = 2_000
"""Entries of one archive."""
MOST_OF_LIST = MEGABYTE
"""Bytes of the list of a ZIP."""
MOST_SINGLES = 64 * 1024
"""Bytes that are asked for one by one, as Python asks for a name in a compressed file."""
MOST_OF_HEADER = 64 * 1024
"""Bytes of what a TAR says more of one entry."""

_LISTED = b"PK\x01\x02"
_BLOCK = 512
_HEADERS_OF_ENTRY = 4
_MORE = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE})
_LONG = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})


class TooLargeError(ValueError):
    """An archive has more in it than is looked at, or looking takes too long."""


class Budget:
    """What one file may cost altogether, the archives in it included."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._entries = 5 * MOST_ENTRIES
        self._listed = 4 * MOST_OF_LIST

    def check(self) -> None:
        """Raise `TooLargeError` after the deadline."""
        if time.monotonic() > self._until:
            raise TooLargeError

    def take(self, *, entries: int = 0, listed: int = 0) -> None:
        """Take entries, or bytes of lists. Raises `TooLargeError` where there are no more."""
        self._entries -= entries
        self._listed -= listed
        if self._entries < 0 or self._listed < 0:
            raise TooLargeError
        self.check()


class Bounded:
    """A file for Python's readers, of which they take no more than `MOST_OF_LIST` at once."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._singles = 0
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.is_list = False
        """Whether what is read now is the list of a ZIP, whose entries are counted."""
        self._listed = 0

    def read(self, size: int = -1) -> bytes:
        """Read as files do. Raises `TooLargeError` for too much, and after the deadline."""
        self._budget.check()
        self._singles += size == 1
        if size > MOST_OF_LIST or self._singles > MOST_SINGLES:
            raise TooLargeError
        data = self._file.read(size if size >= 0 else MOST_OF_LIST + 1)
        if self.is_list and size >= 0:  # without a size it is the tail, which is read again
            self._budget.take(listed=len(data))
            self._listed += data.count(_LISTED)
        if len(data) > MOST_OF_LIST or self._listed > MOST_ENTRIES:
            raise TooLargeError
        return data


@dataclass(frozen=True, slots=True)
class Entry:
    """What a TAR holds."""

    name: str
    part: Part | None
    """What is in it, to be read before the next entry is asked for; `None` for no file."""


class Part:
    """A file within a file, read once and onwards."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


def opened_zip(file: IO[bytes], budget: Budget) -> zipfile.ZipFile:
    """Read the list of a ZIP; it stands at the end, so anything may stand before it.

    Raises:
        TooLargeError: It is longer than is looked at.
        Exception: There is none, or it is damaged: `zipfile` promises no kind.
    """
    bounded: Any = Bounded(file, budget)
    bounded.is_list = True
    archive = zipfile.ZipFile(bounded)
    bounded.is_list = False
    return archive


def in_tar(file: IO[bytes], budget: Budget) -> Iterator[Entry]:
    """Yield what a TAR holds.

    Raises:
        TooLargeError: There are more entries, or longer headers, than are looked at.
        tarfile.TarError: It is damaged, or has holes (sparse files).
        ValueError: So it is.
    """
    end, at, entries = file.seek(0, SEEK_END), 0, 0
    always: dict[bytes, bytes] = {}
    once: dict[bytes, bytes] = {}
    for _ in range(MOST_ENTRIES * _HEADERS_OF_ENTRY):
        budget.check()
        file.seek(at)
        block = file.read(_BLOCK)
        if not block.strip(b"\0"):
            return
        head = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        at += _BLOCK
        if head.type in _MORE | _LONG:
            if not 0 <= head.size <= MOST_OF_HEADER:
                raise TooLargeError
            said = file.read(head.size)
            at += _whole_blocks(head.size)
            if head.type in _MORE:
                (always if head.type == tarfile.XGLTYPE else once).update(_records(said))
            elif head.type == tarfile.GNUTYPE_LONGNAME:
                once[b"path"] = said.partition(b"\0")[0]
            continue
        more, once = always | once, {}
        name = more[b"path"].decode(errors="replace") if b"path" in more else head.name
        size = int(more.get(b"size", head.size))
        has_data = head.isreg() or head.type not in tarfile.SUPPORTED_TYPES
        if head.type == tarfile.GNUTYPE_SPARSE or size < 0 or (has_data and at + size > end):
            raise tarfile.ReadError
        entries += 1
        if entries > MOST_ENTRIES:
            break
        budget.take(entries=1)
        yield Entry(name, Part(file, size) if has_data else None)
        at += _whole_blocks(size) if has_data else 0
    raise TooLargeError


def _whole_blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _records(said: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what a PAX header says of name and size: records of length, key and value."""
    at = 0
    while at < len(said) and said[at]:
        digits = said[at : at + 8].partition(b" ")[0]
        length = int(digits)
        if length <= len(digits):
            raise tarfile.ReadError
        key, _, value = said[at + len(digits) + 1 : at + length - 1].partition(b"=")
        if key.startswith(b"GNU.sparse"):
            raise tarfile.ReadError
        if key in {b"path", b"size"}:
            yield key, value
        at += length
