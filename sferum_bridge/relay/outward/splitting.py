"""What makes one message several, and what stands in front of each. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sferum_bridge.network.content import Style
from sferum_bridge.relay.outward.html import Styled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.network.content import Span

    Measure = Callable[[str, Sequence[Span]], int]

_MOST_NAME = 64


def units(text: str, _spans: Sequence[Span] = ()) -> int:
    """Return how many UTF-16 units a text has."""
    return len(text.encode("utf-16-le")) // 2


def prefix(name: str) -> str:
    """Return what stands in front of a message that another account sends: who wrote it.

    A name cannot pretend to be more than a name: no line breaks, no control characters.
    """
    kept = (c for c in " ".join(name.split()) if unicodedata.category(c)[0] != "C" and c != ":")
    return f"{''.join(kept)[:_MOST_NAME]}: "


def split(said: Styled, most: int, measure: Measure = units, prefix: str = "") -> Sequence[Styled]:
    """Split text into parts of at most `most` units, at line breaks or spaces if it can.

    `measure` says how many units a text takes with its spans, as the network writes it; `prefix`
    stands in front of every part and counts. Nobody's name is cut in two where it is a mention.
    There is always a first part; it is empty where there is neither text nor prefix.
    """
    parts, start = [], _skipped(said.text, 0)
    while start < len(said.text):
        end = _end(said, start, most, measure, prefix)
        parts.append(said.cut(start, end).stripped().after(prefix).stripped())
        start = _skipped(said.text, end)
    return parts or [Styled(prefix).stripped()]


def _end(said: Styled, start: int, most: int, measure: Measure, prefix: str) -> int:
    """Return where a part that begins at `start` ends: as far as it fits, at a good place."""

    def fits_to(end: int) -> bool:
        part = said.cut(start, end).stripped().after(prefix)
        return measure(part.text, part.spans) <= most

    text = said.text
    # Far longer than what fits in any writing it need not be measured.
    if len(text) - start <= 2 * most and fits_to(len(text)):
        return len(text)
    end, too_far = start + 1, start + 2
    while too_far < len(text) and fits_to(too_far):
        end, too_far = too_far, start + 2 * (too_far - start)
    too_far = min(too_far, len(text))
    while too_far - end > 1:
        middle = (end + too_far) // 2
        end, too_far = (middle, too_far) if fits_to(middle) else (end, middle)
    for separator in ("\n", " "):
        better = text.rfind(separator, (start + end) // 2, end + 1)
        if better > start and _before_mention(said, better) == better:
            return better
    before = _before_mention(said, end)
    return before if before > start else end


def _before_mention(said: Styled, place: int) -> int:
    """Return the beginning of the mention that `place` lies within, else `place`."""
    inside = (
        s.start
        for s in said.spans
        if s.style is Style.MENTION and s.start < place < s.start + s.length
    )
    return min(inside, default=place)


def _skipped(text: str, place: int) -> int:
    """Return where the next word begins at or behind a place."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place
