"""Opening a school year: what becomes of every class and of whoever is in it (S-48, scenario 35).

    classes of the year that ends ─┬─► promoted: keeps its id, so its rooms and their history
      + what was chosen            ├─► merged: its people go into another, its rooms are read only
                                   └─► graduated: its people go, its rooms are read only
    pupils ─► with their class, or where it was chosen: another class, a new one, the grade again,
              out of the school

A plan is made for a day as if it were today: on it classes get their names, what ends has ended the
day before. Whoever stays in a class that is promoted keeps the enrolment they have. What cannot be
told for sure is a `Problem`, and a plan with problems is not carried out. Here are the values;
`year_plan` makes a plan. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sferum_bridge.school import staffing
from sferum_bridge.school.people import SchoolClass
from sferum_bridge.school.staffing import Changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School

GRADUATES: Final = ""
"""What a class becomes that leaves the school, and where a pupil goes who does."""
REPEATS: Final = "="
"""Where a pupil goes who stays in the grade: the class of next year with the name of today's."""
LEAVING = frozenset({9, 11, 12})
"""Grades behind which a class leaves or is formed anew, if nothing else is chosen (§2.4)."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What differs from the rule: number + 1, same letter; the grades `LEAVING` leave."""

    becomes: Mapping[str, str] = field(default_factory=dict)
    """Class id → name, or `GRADUATES`. Of several that become one the first keeps its rooms."""
    pupils: Mapping[str, str] = field(default_factory=dict)
    """Person id → name of a class, which is made if there is none, `REPEATS` or `GRADUATES`."""
    new: Sequence[str] = ()
    """Names of classes to make."""
    leaders: Mapping[str, str] = field(default_factory=dict)
    """Name of a class → person id of who leads it from that day on, in place of everybody else."""
    year: str = ""
    """The year to open, as 2026/2027; empty for the one that runs on the day."""

    def kept(self) -> dict[str, Any]:
        """Return the choices as plain values, to be kept until the day; see `restored`."""
        return {
            "becomes": dict(self.becomes),
            "pupils": dict(self.pupils),
            "new": list(self.new),
            "leaders": dict(self.leaders),
            "year": self.year,
        }


def restored(kept: Mapping[str, Any]) -> Choices:
    """Return the choices that `Choices.kept` gave."""
    return Choices(**kept)


class Ambiguity(StrEnum):
    """Why a year cannot be opened."""

    NOTHING = "nothing"
    """No class is of a year before: the year has been opened, or there is no school yet."""
    UNSAID = "unsaid"
    """A class is not of the year before, so nobody can tell what becomes of it."""
    NOT_ENDING = "not-ending"
    """It was said what a class becomes that is of the new year already, or is no more."""
    TWO_TO_ONE = "two-to-one"
    """Several classes would get one name, and not all of them were said to."""
    TAKEN = "taken"
    """There is a class of that name in the new year already."""
    NO_PUPIL = "no-pupil"
    """Somebody for whom a class was chosen is in none of those that end; of `left_out` if gone."""
    NO_CLASS = "no-class"
    """A pupil is to repeat a grade that has no class next year."""
    WHICH_CLASS = "which-class"
    """A pupil is to repeat a grade that has several classes, none with the name of theirs."""
    NO_SUCH_CLASS = "no-such-class"
    """A class teacher was chosen for a class that there will not be."""
    NOT_STAFF = "not-staff"
    """Who was chosen for a class's teacher does not work here on the day. Only of `left_out`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a year cannot be opened, and what it is about."""

    why: Ambiguity
    names: Sequence[str] = ()
    """Names of classes."""
    person_id: str = ""


class Fate(StrEnum):
    """What becomes of a class."""

    PROMOTED = "promoted"
    MERGED = "merged"
    GRADUATED = "graduated"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one class."""

    fate: Fate
    class_id: str
    """Of a new class `new/` and its name, until it is made."""
    name: str
    """What it is called today; empty for a new one."""
    becomes: str
    """Of a promoted or new one its name, of a merged one its successor's; else empty."""
    successor_id: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What opening a year does; nothing where there are problems."""

    year: str
    day: date
    kept_until: date
    """The last day on which the rooms of classes that end can be read."""
    steps: Sequence[Step] = ()
    changes: Changes = field(default_factory=Changes)
    problems: Sequence[Problem] = ()
    left_out: Sequence[Problem] = ()
    """What was chosen and cannot be, though all the rest can."""
    singled_out: frozenset[str] = frozenset()
    """Pupils who do not go where their class goes."""

    @property
    def unled(self) -> Sequence[str]:
        """Return the ids of classes that will have pupils and no class teacher."""
        return [n.class_id for n in self.changes.notices if n.class_id]


def after(school: School, plan: Plan) -> School:
    """Return the school as it is when a plan was carried out; new classes have the plan's ids."""
    changed = dict(school.classes)
    for step in plan.steps:
        if step.fate in {Fate.PROMOTED, Fate.NEW}:
            changed[step.class_id] = SchoolClass(step.class_id, step.becomes, plan.year)
        else:
            changed[step.class_id] = replace(
                changed[step.class_id],
                closed_on=plan.day,
                kept_until=plan.kept_until,
                successor_id=step.successor_id,
            )
    return replace(staffing.after(school, plan.changes), classes=changed)
