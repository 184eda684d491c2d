"""What is chosen for a school year, as people write it: `5А+5Б=6А; 11А=выпуск; =1А; 6А: Петрова`.

Parts stand between semicolons or on lines of their own. Left of `=` stand classes or a pupil, right
what becomes of them; behind `:` stands who leads a class from then on. Who is meant by a name is
found out elsewhere. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.school import classes
from sferum_bridge.school.year import GRADUATES, REPEATS, Choices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sferum_bridge.school.people import School

_PARTS = re.compile(r"[;\n]")
SAID = {
    "ru": {"graduates": "выпуск", "repeats": "повторно"},
    "en": {"graduates": "graduates", "repeats": "repeats"},
}
"""How what becomes of a class or a pupil is written, by language."""
GRADUATE = frozenset({"выпуск", "выпускается", "выпускаются", "graduate", "graduates"})
_OUT = frozenset({"выбыл", "выбыла", "выбыли", "уходит", "out", "leaves"})
_AGAIN = frozenset({"повторно", "второй год", "второгодник", "again", "repeats"})


class Unreadable(ValueError):
    """A part of what was chosen cannot be understood; `part` is it.

    With `twice` it is of a class about which another part says the same: nobody can tell which of
    them is meant.
    """

    def __init__(self, part: str, *, twice: bool = False) -> None:
        super().__init__(part)
        self.part = part
        self.twice = twice


@dataclass(frozen=True, slots=True)
class Said:
    """What was chosen, with people as they were written."""

    choices: Choices
    pupils: Sequence[tuple[str, str]] = field(default_factory=list)
    """What was typed of a pupil, and where they go (see `Choices.pupils`)."""
    leaders: Sequence[tuple[str, str]] = field(default_factory=list)
    """Name of a class, and what was typed of who leads it."""


def parts(text: str) -> Sequence[str]:
    """Return the parts of what was written."""
    return [part.strip() for part in _PARTS.split(text) if part.strip()]


def read(said: Iterable[str], school: School, ending: Collection[str] = ()) -> Said:
    """Return what parts mean at a school; raises `Unreadable`.

    `ending` are the ids of the classes of the year that ends: of one name those are meant.
    """
    of_name = _in_use(school, ending)
    becomes: dict[str, str] = {}
    pupils: list[tuple[str, str]] = []
    leaders: list[tuple[str, str]] = []
    new: list[str] = []
    for part in said:
        left, equals, right = (piece.strip() for piece in part.partition("="))
        if not equals:
            name, colon, person = (piece.strip() for piece in part.partition(":"))
            of_class = _class_name(name, part) if colon and person else ""
            if not of_class:
                raise Unreadable(part)
            if of_class in dict(leaders):
                raise Unreadable(part, twice=True)
            leaders.append((of_class, person))
        elif not left:
            new += [_class_name(name, part) for name in re.split(r"[,\s]+", right)]
        elif ids := _classes(left, of_name):
            if becomes.keys() & set(ids):
                raise Unreadable(part, twice=True)
            target = GRADUATES if _word(right) in GRADUATE else _class_name(right, part)
            becomes |= dict.fromkeys(ids, target)
        else:
            pupils.append((left, _goes_to(right, part)))
    return Said(Choices(becomes=becomes, new=new), pupils, leaders)


def _in_use(school: School, ending: Collection[str]) -> Mapping[str, str]:
    """Return name → id of the classes there are; of one name that which ends, or the newest."""
    there = [c for c in school.classes.values() if not c.closed_on]
    there.sort(key=lambda c: (c.id in ending, c.year))
    return {one.name: one.id for one in there}


def _classes(text: str, of_name: Mapping[str, str]) -> Sequence[str]:
    """Return the ids of the classes that stand left of an equals sign; none if it is a person."""
    found = []
    for piece in text.split("+"):
        try:
            found.append(of_name.get(classes.normalise(piece), ""))
        except classes.ClassNameError:
            return []
    return found if all(found) else []


def _goes_to(text: str, part: str) -> str:
    if _word(text) in _AGAIN:
        return REPEATS
    return GRADUATES if _word(text) in _OUT | GRADUATE else _class_name(text, part)


def _class_name(text: str, part: str) -> str:
    try:
        return classes.normalise(text)
    except classes.ClassNameError as e:
        raise Unreadable(part) from e


def _word(text: str) -> str:
    return classes.key(text).strip(" .!")
