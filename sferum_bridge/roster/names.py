"""Full names in one cell, taken apart as they are written in Russian lists: family name first."""

from __future__ import annotations

from dataclasses import dataclass

from sferum_bridge.roster.values import CellError, check_name

_OF_SOMEBODY = frozenset(("оглы", "оглу", "кызы", "гызы", "улы", "уулу", "заде"))
"""Words that belong to the father's name before them: «Ахмед оглы»."""
_FEWEST, _MOST = 2, 3


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a name; `doubtful` where it has more words than can be told apart for sure."""

    family_name: str
    given_name: str
    middle_name: str = ""
    doubtful: bool = False


def split(written: str) -> Parts:
    """Take a full name apart.

    Raises:
        CellError: `name_initials`, `name_parts` (one word), `name_bad` (digits, no letters).
    """
    check_name(written)
    words = written.split()
    if len(words) < _FEWEST:
        raise CellError("name_parts")
    family, given, *middle = words
    beside = [word for word in middle if word.casefold() not in _OF_SOMEBODY]
    return Parts(family, given, " ".join(middle), len(beside) > _MOST - _FEWEST)
