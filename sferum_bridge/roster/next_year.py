"""What a school's list says of the year to come: `Следующий класс`, and who repeats or leaves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.roster.matching import matching
from sferum_bridge.roster.model import Status
from sferum_bridge.school import classes
from sferum_bridge.school.year import GRADUATES, REPEATS, Choices
from sferum_bridge.school.year_words import GRADUATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.matching import Known
    from sferum_bridge.roster.model import Roster, RosterEnrolment, RosterKey

_GOES_TO: Mapping[Status, str] = {
    Status.REPEATS: REPEATS,
    Status.LEFT: GRADUATES,
    Status.GRADUATED: GRADUATES,
}


class Why(StrEnum):
    """Why a row of the list does not tell what is to be done."""

    CLASS = "class"
    """The school has no such class, or it is closed: its name, its year, what it is to become."""
    PERSON = "person"
    """It cannot be told which pupil it is: name, class, what the list says of them."""
    TWICE = "twice"
    """Somebody of that name studies on by another row, and may be the same: the same, and where."""
    ELSEWHERE = "elsewhere"
    """They are in another class than the list says: the same, and the classes they are in."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row that somebody has to decide about, with names for whoever does."""

    why: Why
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list chooses, and what it leaves open."""

    choices: Choices
    questions: Sequence[Question]


def choices(roster: Roster, known: Known, day: date) -> Listed:
    """Return what a list of the year that ends chooses for one that opens on `day`.

    Of classes that become one, the one that would be called so anyway keeps its rooms. Whoever left
    by the list, and is enrolled all the same, leaves with the year; who is enrolled no more is left
    alone. A pupil with several rows is where one says that they study.
    """
    return _Reader(roster, known, day).read()


class _Reader:
    """Reads one list for one school."""

    def __init__(self, roster: Roster, known: Known, day: date) -> None:
        self._roster = roster
        self._questions: list[Question] = []
        self._open = {c.id: c for c in known.school.classes.values() if not c.closed_on}
        found = matching(roster, known)
        self._ids, self._held = found.person_ids, found.held
        self._classes_of: dict[str, list[str]] = defaultdict(list)
        for tie in known.school.enrolments:
            if tie.class_id in self._open and (tie.term.until is None or tie.term.until >= day):
                self._classes_of[tie.person_id].append(self._open[tie.class_id].name)
        self._names = {p.key: f"{p.family_name} {p.given_name}".strip() for p in roster.people}
        # Without ids and days of birth two rows of one pupil are two people of one name.
        self._newcomers = {
            classes.key(self._names.get(tie.person, "")): tie.class_name
            for tie in roster.enrolments
            if tie.status.enrolled and tie.person not in self._ids
        }

    def read(self) -> Listed:
        """Return everything the list says."""
        becomes = self._becomes()
        rows: dict[RosterKey, list[RosterEnrolment]] = defaultdict(list)
        for tie in self._roster.enrolments:
            rows[tie.person].append(tie)
        pupils: dict[str, str] = {}
        for key, every in rows.items():
            # Of several rows those count by which somebody is in a class at all.
            ties = [tie for tie in every if tie.status.enrolled] or every
            said = {tie.status for tie in ties}
            if said <= _GOES_TO.keys() and self._is_clear(key, ties):
                pupils[self._ids[key]] = _GOES_TO[ties[-1].status]
        return Listed(Choices(becomes=becomes, pupils=pupils), self._questions)

    def _becomes(self) -> Mapping[str, str]:
        ids = {(c.name, c.year): c.id for c in self._open.values()}
        said = []
        for one in self._roster.classes:
            if one.next_name and (one.name, one.year) in ids:
                said.append((ids[one.name, one.year], one.name, one.next_name))
            elif one.next_name:
                self._ask(Why.CLASS, one.name, one.year, one.next_name)
        said.sort(key=lambda one: classes.in_next_grade(one[1]) != one[2])
        return {id_: _target(name) for id_, _, name in said}

    def _is_clear(self, key: RosterKey, ties: Sequence[RosterEnrolment]) -> bool:
        """Tell whether it is known who is meant, and that they are where the list says."""
        of_class, status = ties[-1].class_name, ties[-1].status
        row = (self._names.get(key) or key.external_id, of_class, status.value)
        places = self._classes_of[self._ids[key]] if key in self._ids else []
        if places:
            if not {tie.class_name for tie in ties} & set(places):
                self._ask(Why.ELSEWHERE, *row, ", ".join(sorted(places)))
                return False
            other = self._newcomers.get(classes.key(row[0]))
            if other is not None and not status.enrolled:
                self._ask(Why.TWICE, *row, other)
                return False
            return True
        # Who left and is not here, or not known here at all, has left.
        if status is Status.REPEATS or (key in self._held and key not in self._ids):
            self._ask(Why.PERSON, *row)
        return False

    def _ask(self, why: Why, *names: str) -> None:
        self._questions.append(Question(why, names))


def _target(name: str) -> str:
    return GRADUATES if classes.key(name) in GRADUATE else name
