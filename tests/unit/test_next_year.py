"""What a school's list of this year says of the next one, and what it leaves unclear."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from sferum_bridge.roster import Known
from sferum_bridge.roster.model import Roster, Severity, Status
from sferum_bridge.roster.next_year import Listed, Why, choices
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.school.people import Enrolment, Person, School, SchoolClass, Term
from sferum_bridge.school.year import GRADUATES, REPEATS
from tests.support.rosters import CLASS_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows, grids

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = date(2027, 9, 1)
YEAR = "2026/2027"
KNOWN = Known(
    School(
        "s",
        "Школа",
        {id_: Person(id_, "Выдумкина", id_.title()) for id_ in ("ася", "лев", "фома")},
        {id_: SchoolClass(id_, id_, YEAR) for id_ in ("5А", "6Б")},
        enrolments=[Enrolment("ася", "5А"), Enrolment("лев", "5А"), Enrolment("фома", "6Б")],
    ),
    {"1": "ася", "2": "лев", "3": "фома"},
)


Row: TypeAlias = tuple[str, str, str, str]


def listed(
    *pupils: Row, known: Known = KNOWN, becomes: Mapping[str, str] = MappingProxyType({})
) -> Listed:
    """Return what a list says of the next year, see `read`."""
    return choices(read(*pupils, becomes=becomes), known, DAY)


def read(*pupils: Row, becomes: Mapping[str, str] = MappingProxyType({})) -> Roster:
    """Read a list of pupils (id, name, class, status) and of what classes become."""
    rows: Rows = [PUPIL_HEADER]
    rows += [[id_, "Выдумкина", name, "", "", of, "", "", how] for id_, name, of, how in pupils]
    named = {"5А": "", "6Б": "", **becomes}
    of_year: Rows = [CLASS_HEADER, *([name, YEAR, "", "", to] for name, to in named.items())]
    staff: Rows = [STAFF_HEADER, ["С1", "Небывалова", "Анна", "", "учитель", "", ""]]
    sheets: dict[str, Any] = {"Ученики": rows, "Классы": of_year, "Сотрудники": staff}
    reading = read_grids(grids(**sheets, Родители=[]))
    assert {each.severity for each in reading.problems} <= {Severity.WARNING}
    return reading.roster


def test_who_repeats_or_left_is_told() -> None:
    found = listed(
        ("1", "Ася", "5А", "второй год"), ("2", "Лев", "5А", "выбыл"), becomes={"5А": "6В"}
    )
    assert not found.questions
    assert found.choices.pupils == {"ася": REPEATS, "лев": GRADUATES}
    assert found.choices.becomes == {"5А": "6В"}


def test_who_moved_to_another_class_does_not_leave() -> None:
    # Of a format that gives one pupil several places.
    roster = read(("3", "Фома", "6Б", "учится"))
    [studies] = roster.enrolments
    left = replace(studies, class_name="5А", status=Status.LEFT)
    for ties in ((studies, left), (left, studies)):
        assert choices(replace(roster, enrolments=ties), KNOWN, DAY) == listed()
    # Where nothing but the name tells whether it is one pupil, it is asked.
    [question] = listed(("", "Ася", "5А", "выбыл"), ("", "Ася", "6Б", "учится")).questions
    assert (question.why, question.names[-1]) == (Why.TWICE, "6Б")


def test_who_is_here_no_more_is_no_question() -> None:
    over = [replace(e, term=Term(None, date(2027, 5, 1))) for e in KNOWN.school.enrolments]
    known = replace(KNOWN, school=replace(KNOWN.school, enrolments=over))
    found = listed(("1", "Ася", "5А", "выбыл"), ("9", "Нина", "5А", "выбыл"), known=known)
    assert found == Listed(replace(found.choices, pupils={}), [])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("9", "Нина", "5А", "второй год"), Why.PERSON),
        (("1", "Ася", "6Б", "выбыл"), Why.ELSEWHERE),
        (("1", "Ася", "6Б", "второй год"), Why.ELSEWHERE),
    ],
)
def test_what_cannot_be_told_is_asked(row: tuple[str, str, str, str], why: Why) -> None:
    found = listed(row)
    [question] = found.questions
    assert question.why is why
    assert question.names[0] == f"Выдумкина {row[1]}"
    assert not found.choices.pupils


def test_a_class_that_the_school_has_not_is_asked_about() -> None:
    [question] = listed(("1", "Ася", "5А", "учится"), becomes={"7Г": "8Г"}).questions
    assert (question.why, list(question.names)) == (Why.CLASS, ["7Г", YEAR, "8Г"])
    closed = {**KNOWN.school.classes, "6Б": SchoolClass("6Б", "6Б", YEAR, closed_on=DAY)}
    known = replace(KNOWN, school=replace(KNOWN.school, classes=closed))
    [question] = listed(("1", "Ася", "5А", "учится"), known=known, becomes={"6Б": "7Б"}).questions
    assert question.why is Why.CLASS
