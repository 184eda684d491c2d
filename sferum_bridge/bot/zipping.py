"""Documents as one ZIP file, made piece by piece: its length is known before its first byte.

They are stored as they are, since most of them are compressed already. Then nothing but names and
sizes decides how long the file is, and a homeserver wants to know that first.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from sferum_bridge.store.documents import Document

_PIECE = 64 * 1024
_FIRST_YEAR = 1980
"""Before it there is no time in a ZIP file."""


class _Sink(io.RawIOBase):
    """Takes what is written and hands it on; cannot go back, as a stream cannot."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # only ever bytes
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


async def zipped(
    documents: Sequence[Document], read: Callable[[Document], AsyncIterator[bytes]]
) -> AsyncIterator[bytes]:
    """Give the ZIP file of documents; `read` gives the bytes of one. Raises what that does."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for each in documents:
            with archive.open(_entry(each), "w") as out:
                async for piece in read(each):
                    out.write(piece)
                    yield sink.taken()
    yield sink.taken()


def size_of(documents: Sequence[Document]) -> int:
    """Return how many bytes `zipped` gives: the same, with zeros for what the documents say."""
    return sum(len(piece) for piece in _measured(documents))


def _measured(documents: Sequence[Document]) -> Iterator[bytes]:
    sink, zeros = _Sink(), bytes(_PIECE)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for each in documents:
            with archive.open(_entry(each), "w") as out:
                left = each.size
                while left > 0:
                    out.write(zeros[:left])
                    left -= _PIECE
                    yield sink.taken()
    yield sink.taken()


def _entry(document: Document) -> zipfile.ZipInfo:
    at = datetime.fromtimestamp(document.at / 1000, UTC)
    moment = (max(at.year, _FIRST_YEAR), at.month, at.day, at.hour, at.minute, at.second)
    entry = zipfile.ZipInfo(document.name.replace("/", "_"), moment)
    entry.file_size = document.size
    entry.external_attr = 0o600 << 16
    return entry
