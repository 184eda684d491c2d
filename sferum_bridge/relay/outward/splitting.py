"""What makes one message several, and what stands in front of each. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sferum_bridge.relay.outward.html import Styled

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_NAME = 64
_LEAST_UNITS = 2


def prefix(name: str) -> str:
    """Return what stands in front of a message that another account sends: who wrote it.

    A name cannot pretend to be more than a name: no line breaks, no control characters.
    """
    kept = (c for c in " ".join(name.split()) if unicodedata.category(c)[0] != "C" and c != ":")
    return f"{''.join(kept)[:_MOST_NAME]}: "


def split(said: Styled, most: int) -> Sequence[Styled]:
    """Split text into parts of at most `most` UTF-16 units, at line breaks or spaces if it can.

    There is always a first part; it is empty where there is no text.
    """
    most = max(most, _LEAST_UNITS)
    text, parts, start = said.text, [], 0
    while units(text[start : start + most]) > most or len(text) - start > most:
        cut = start + _fitting(text[start : start + most], most)
        for separator in ("\n", " "):
            better = text.rfind(separator, (start + cut) // 2, cut + 1)
            if better > start:
                cut = better
                break
        parts.append(said.cut(start, cut).stripped())
        start = cut + len(text[cut:]) - len(text[cut:].lstrip())
    parts.append(said.cut(start, len(text)).stripped())
    return [part for part in parts if part.text] or [Styled("")]


def units(text: str) -> int:
    """Return how many UTF-16 units a text has."""
    return len(text.encode("utf-16-le")) // 2


def _fitting(text: str, most: int) -> int:
    """Return how many characters of a text fit into `most` units."""
    units = 0
    for count, c in enumerate(text):
        units += 2 if ord(c) > 0xFFFF else 1  # noqa: PLR2004 - beyond it UTF-16 needs two units
        if units > most:
            return count
    return len(text)
