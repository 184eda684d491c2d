"""What an import asks about once more before it does it, because it is rarely meant (§4.3).

Pure. What is held is done when somebody types the school's name (`confirms`): a slip of the hand
does not, and a file of another school names another one. That releases what they were shown and
nothing else (`fingerprint`): meanwhile the file or the school may have become another. While a
year is being opened, what a roll-over does by its nature is not asked about (`Limits.opening`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school import classes, staffing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.outcome import Outcome
    from sferum_bridge.roster.plan import Plan
    from sferum_bridge.school.people import School

_OPENING = 3
"""How many times more may leave at a roll-over: two of eleven years do, and some families."""
_ENOUGH = 10
"""Of fewer people, stored or in a file, it cannot be told whether it speaks of the same school."""
_DIGITS = 12
_QUOTES = str.maketrans("", "", "«»„“”\"'.")


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is asked; per cent, Clever's published defaults."""

    leave: float = 10
    """Of the people of one type, how many may leave."""
    change: float = 75
    """Of the people of one type, how many may change."""
    known: float = 30
    """Of the people of the file, how many have to be known."""
    opening: bool = False
    """Whether a school year is being opened."""


class Guard(StrEnum):
    """What is asked about."""

    LEAVE = "leave"
    """Many of a type would leave."""
    CHANGE = "change"
    """Many of a type would change."""
    EMPTY = "empty"
    """A class would have no pupils any more."""
    GUARDIANS = "guardians"
    """All parents of a class would vanish."""
    UNLED = "unled"
    """Rows of the file are left out, and a class would lose, or not get, its class teacher."""
    NAME = "name"
    """The file names another school."""
    UNKNOWN = "unknown"
    """The school knows hardly anybody of the file."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that is held back until somebody confirms it."""

    guard: Guard
    what: str = ""
    """A type of people (`pupil`, `staff`, `guardian`), a class, or the name in the file."""
    count: int = 0
    of: int = 0
    who: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Ids of the people of the store it is about; only their number is shown."""


def fingerprint(holds: Sequence[Hold]) -> str:
    """Return what tells whether the same is held back, of the same people; empty for nothing."""
    if not holds:
        return ""
    rows = sorted((h.guard.value, h.what, h.count, h.of, sorted(h.who)) for h in holds)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:_DIGITS]


def held(
    turn: Outcome, plan: Plan, named: str, count: int, limits: Limits, *, left_out: bool = False
) -> Sequence[Hold]:
    """Return what of an import is to be confirmed.

    Args:
        turn: the school before and after.
        plan: what would be done.
        named: the name of the school in the file, empty if there is none.
        count: how many people the file names.
        limits: from where on it is asked.
        left_out: whether rows of the file were left out.
    """
    return [
        *_wrong_school(turn.before, plan, named, count, limits),
        *_leaving(turn, limits),
        *([] if limits.opening else _changing(turn, plan, limits)),
        *_classes(turn, limits, left_out=left_out),
    ]


def confirms(said: str, name: str) -> bool:
    """Tell whether somebody typed the name of a school; quotes, case and spaces do not matter."""
    return bool(said.strip()) and _plain(said) == _plain(name)


def _plain(name: str) -> str:
    return "".join(classes.key(name.translate(_QUOTES)).split())


def _wrong_school(
    school: School, plan: Plan, named: str, count: int, limits: Limits
) -> Sequence[Hold]:
    found = []
    if named and not confirms(named, school.name):
        found.append(Hold(Guard.NAME, named))
    met = len(plan.recognised)
    compared = min(count, len(school.people))
    if compared >= _ENOUGH and met * 100 < limits.known * compared:
        found.append(Hold(Guard.UNKNOWN, "", met, count))
    return found


def _leaving(turn: Outcome, limits: Limits) -> Sequence[Hold]:
    most = limits.leave * (_OPENING if limits.opening else 1)
    gone: dict[str, set[str]] = defaultdict(set)
    here: dict[str, set[str]] = defaultdict(set)
    for day in turn.days:
        after = present(turn.after, day)
        for kind, ids in present(turn.before, day).items():
            here[kind] |= ids
            gone[kind] |= ids - after[kind]
    return [
        Hold(Guard.LEAVE, kind, len(ids), len(here[kind]), frozenset(ids))
        for kind, ids in gone.items()
        if ids and len(ids) * 100 > most * len(here[kind])
    ]


def _changing(turn: Outcome, plan: Plan, limits: Limits) -> Sequence[Hold]:
    # Who gets the school's own id is no other person by that: so a first list with ids comes in.
    changed = {each.person_id for each in plan.people_to_change if each.changed - {"external_id"}}
    changed |= _moved(turn)
    return [
        Hold(Guard.CHANGE, kind, len(ids & changed), len(ids), frozenset(ids & changed))
        for kind, ids in present(turn.before, turn.days[0]).items()
        if len(ids & changed) * 100 > limits.change * len(ids)
    ]


def _moved(turn: Outcome) -> set[str]:
    day = turn.days[-1]
    was, now = (
        {(e.person_id, e.class_id) for e in school.enrolments if e.term.covers(day)}
        for school in (turn.before, turn.after)
    )
    return {person_id for person_id, _ in was - now}


def present(school: School, day: date) -> Mapping[str, set[str]]:
    """Return who is at a school on a day, by type: pupils, staff, and guardians of the pupils."""
    pupils = {e.person_id for e in school.enrolments if e.term.covers(day)}
    staff = {a.person_id for a in school.appointments if a.term.covers(day)}
    guardians = {e.parent_id for e in school.expected_parents if e.child_id in pupils}
    guardians |= {e.parent_id for e in school.parent_links if e.child_id in pupils}
    return {"pupil": pupils, "staff": staff, "guardian": guardians}


def _classes(turn: Outcome, limits: Limits, *, left_out: bool) -> Sequence[Hold]:
    day = turn.days[-1]
    was, now = _pupils(turn.before, day), _pupils(turn.after, day)
    years = {each.year for each in turn.after.classes.values()}
    found = []
    for class_id, each in turn.after.classes.items():
        # At a roll-over the classes of the year that is over become empty.
        over = limits.opening and each.year < max(years)
        ids, left = was.get(class_id, set()), now.get(class_id, set())
        if ids and not left and not over:
            found.append(Hold(Guard.EMPTY, each.name, len(ids), len(ids), frozenset(ids)))
        if left and not over:
            parents = _guardians(turn.before, ids)
            if parents and not _guardians(turn.after, left):
                whom = frozenset(parents)
                found.append(Hold(Guard.GUARDIANS, each.name, len(parents), len(parents), whom))
        unled = ids and staffing.is_unled(turn.before, class_id, day)
        if left_out and not unled and staffing.is_unled(turn.after, class_id, day):
            found.append(Hold(Guard.UNLED, each.name))
    return found


def _pupils(school: School, day: date) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in school.enrolments:
        if each.term.covers(day):
            found[each.class_id].add(each.person_id)
    return found


def _guardians(school: School, children: set[str]) -> set[str]:
    expected = {each.parent_id for each in school.expected_parents if each.child_id in children}
    return expected | {each.parent_id for each in school.parent_links if each.child_id in children}
