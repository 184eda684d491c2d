"""CSV to rows of text: whatever program wrote it, in whatever encoding, with whatever delimiter.

Nothing in a CSV says how it is written. So every way that is possible is tried on its first lines,
and what shows the most titles of columns that are known here is taken.
"""

from __future__ import annotations

import csv
import io
import itertools
from typing import TYPE_CHECKING

from sferum_bridge.roster import titles
from sferum_bridge.roster.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MIB = 1024 * 1024
_HEAD_CHARACTERS, _HEAD_ROWS = 20_000, 25
_TITLES_ENOUGH = 2
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OLD = ("cp1251", "koi8-r", "cp866", "mac-cyrillic")
"""What Russian programs wrote before UTF-8, the likeliest first."""
_MOST_COLUMNS = 256
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\r\n\x0c\x1a\x1b")


def looks_like_text(data: bytes) -> bool:
    """Tell whether bytes may be a text at all: UTF-16, or without control characters."""
    return data.startswith(_UTF16) or not _CONTROLS & set(data[:_MIB])


def has_titles(data: bytes) -> bool:
    """Tell whether the first lines of a text show titles of columns that are known."""
    return _best(data)[2] >= _TITLES_ENOUGH


def rows(data: bytes, sheet: str, most: int) -> Sequence[Sequence[str]]:
    """Return the rows of a CSV, one more than is allowed at most.

    Raises:
        FileError: the encoding is not known, or a quotation mark is open or out of place.
    """
    encoding, delimiter, _ = _best(data)
    if not encoding:
        raise FileError("encoding_unknown", sheet=sheet)
    return parsed(data.decode(encoding), delimiter, sheet, most)


def _best(data: bytes) -> tuple[str, str, int]:
    """Return the encoding and delimiter that show the most titles, and how many; '' for none."""
    best, delimiter, shown = "", ";", -1
    for encoding in _encodings(data):
        if shown >= _TITLES_ENOUGH and encoding not in _OLD:
            break
        try:
            written = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        found, count = _delimiter(written)
        if count > shown:
            best, delimiter, shown = encoding, found, count
        if shown >= _TITLES_ENOUGH and encoding not in _OLD:
            break
    return best, delimiter, shown


def parsed(written: str, delimiter: str, sheet: str, most: int) -> Sequence[Sequence[str]]:
    """Return the rows of the text of a CSV.

    Raises:
        FileError: a quotation mark is open or out of place.
    """
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True)
    try:
        return [row[:_MOST_COLUMNS] for row in itertools.islice(reader, most + 1)]
    except csv.Error:
        # An open quotation mark would swallow the rows behind it.
        raise FileError("csv_broken", sheet=sheet, line=str(reader.line_num)) from None


def _delimiter(written: str) -> tuple[str, int]:
    """Return the delimiter under which the first lines show the most titles, and how many."""
    head = written[:_HEAD_CHARACTERS]
    counts = {}
    for delimiter in ";,\t":
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        try:
            first = list(itertools.islice(reader, _HEAD_ROWS))
        except csv.Error:
            first = []
        counts[delimiter] = max((titles.count(row) for row in first), default=0)
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best, counts[best]


def _encodings(data: bytes) -> Iterator[str]:
    if data.startswith(_UTF16):
        yield "utf-16"
    if b"\0" not in data[:_MIB]:
        yield "utf-8-sig"
        yield from _OLD
        # Not before: it takes five MiB, and a running bridge may never need it.
        import charset_normalizer  # noqa: PLC0415 - see above

        guess = charset_normalizer.from_bytes(data[:_MIB]).best()
        if guess is not None:
            yield guess.encoding
        return
    yield "utf-16-le"
    yield "utf-16-be"
