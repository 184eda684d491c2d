"""Who may end a parent link and take the ending back, and what paper it takes (D-4, D-10).

One parent never ends the other's link, whatever their post (СК РФ ст. 66). A link for which nobody
of the school has vouched is different: whoever sees a stranger in it says so, and it is gone at
once (scenario 11). Everything here is asked at the moment of the act (S-53).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class As(StrEnum):
    """What somebody is to a parent link; one may be several at once."""

    CHILD = "child"
    PARENT = "parent"
    """The very parent it is about."""
    OTHER_PARENT = "other parent"
    """Another parent of the child, who has access by now."""
    FAMILY = "family"
    """Another parent or guardian: linked, waiting, or only named by the roster."""
    CLASS_TEACHER = "class teacher"
    ADMINISTRATOR = "administrator"


_SCHOOL = frozenset({As.CLASS_TEACHER, As.ADMINISTRATOR})
_FAMILY = frozenset({As.PARENT, As.FAMILY})


class Disowning(StrEnum):
    """What follows when somebody says that a child's parent is none."""

    ENDS = "ends"
    LEAVE = "leave"
    """It is their own link: they leave."""
    DOUBT = "doubt"
    """The link stays, and those who may end it hear of the doubt."""
    ON_PAPER = "on paper"
    """An administrator ends it with a document and a second person."""
    NO_RIGHT = "no right"


def disowning(standing: Collection[As], *, vouched: bool, of_age: bool) -> Disowning:
    """Tell what «this is no parent» does, said by somebody of this standing.

    `vouched`: the roster or somebody of the school stands for the parent. `of_age`: the pupil is an
    adult, who needs no parent here and ends any link alone (D-10).
    """
    held = frozenset(standing)
    if As.PARENT in held:
        return Disowning.LEAVE
    if As.CHILD in held and of_age:
        return Disowning.ENDS
    if not vouched and held & (_SCHOOL | {As.CHILD, As.OTHER_PARENT}):
        return Disowning.ENDS
    if As.FAMILY in held:
        return Disowning.NO_RIGHT
    if As.ADMINISTRATOR in held:
        return Disowning.ON_PAPER
    return Disowning.DOUBT if held & {As.CHILD, As.CLASS_TEACHER} else Disowning.NO_RIGHT


def may_remove(standing: Collection[As]) -> bool:
    """Tell whether somebody may ask for a removal on paper: an administrator outside the family."""
    return As.ADMINISTRATOR in standing and _FAMILY.isdisjoint(standing)


def may_second(standing: Collection[As], *, opened_it: bool) -> bool:
    """Tell whether somebody may be the second to approve a removal (D-4)."""
    of_school = not _SCHOOL.isdisjoint(standing)
    return of_school and _FAMILY.isdisjoint(standing) and not opened_it


class Ending(StrEnum):
    """How a link came to its end."""

    LEFT = "left"
    """By the parent."""
    DISOWNED = "disowned"
    """Somebody said that this is no parent, or rejected one who waited."""
    REMOVED = "removed"
    """On paper, by two people of the school."""


def may_restore(
    ending: Ending, standing: Collection[As], *, took_part: bool, by_adult_child: bool
) -> bool:
    """Tell whether somebody may take the end of a link back (scenario 16).

    `took_part`: they ended it, or opened its removal. `by_adult_child`: the pupil ended it and is
    an adult, so that nobody else decides about it.
    """
    held = frozenset(standing)
    if ending is Ending.LEFT or As.PARENT in held:
        return ending is Ending.LEFT and As.PARENT in held
    if by_adult_child:
        return As.CHILD in held
    if ending is Ending.REMOVED:
        return took_part and bool(held & _SCHOOL) and As.FAMILY not in held
    return bool(held & _SCHOOL) or (took_part and bool(held))


# --- the paper ------------------------------------------------------------------------------

_LONGEST_KIND, _LONGEST_NUMBER = 80, 40
_DAY = re.compile(r"(?<!\d)(?:(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{4})-(\d{2})-(\d{2}))(?!\d)")
_OF = re.compile(r"(?:^|[\s(])(?:от|of|from|dated)\s*$", re.IGNORECASE)
_SIGN = re.compile(r"(?:№|#|(?<!\w)(?:номер|number|no\.|n)(?!\w))\s*", re.IGNORECASE)
_AROUND = " ,;:.()"


@dataclass(frozen=True, slots=True)
class Paper:
    """The document a removal rests on: a court's decision, an act of guardianship or registry."""

    kind: str
    number: str
    date: date


class Flaw(StrEnum):
    """What is wrong with a document as it was typed; each has a text."""

    KIND = "kind"
    NUMBER = "number"
    DATE = "date"
    NO_SUCH_DAY = "day"
    FUTURE = "future"


def read_paper(typed: str, today: date) -> Paper | Flaw:
    """Read «решение суда № 2-145/2026 от 01.09.2026»; return the first thing that is missing.

    The date is ДД.ММ.ГГГГ or ISO, and no later than `today`.
    """
    dates = list(_DAY.finditer(typed))
    head = _OF.sub("", typed[: dates[-1].start()] if dates else typed)
    sign = _SIGN.search(head)
    kind = head[: sign.start()].strip(_AROUND) if sign else head.strip(_AROUND)
    number = head[sign.end() :].strip(_AROUND) if sign else ""
    if not kind or len(kind) > _LONGEST_KIND or not any(c.isalpha() for c in kind):
        return Flaw.KIND
    if not any(c.isdigit() for c in number) or len(number) > _LONGEST_NUMBER:
        return Flaw.NUMBER
    if not dates:
        return Flaw.DATE
    day, month, year, *iso = dates[-1].groups()
    try:
        of = date(*(int(part) for part in (iso if iso[0] else (year, month, day))))
    except ValueError:
        return Flaw.NO_SUCH_DAY
    return Paper(kind, number, of) if of <= today else Flaw.FUTURE
