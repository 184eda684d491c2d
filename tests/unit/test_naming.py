"""Namesakes: numbered in a stable order, and never told apart by a date of birth (scenario 22)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.roster import Known, make_plan
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.school import naming
from sferum_bridge.school.people import Enrolment, Person, School, SchoolClass, Term
from tests.support.rosters import PUPIL_HEADER, grids

TODAY = date(2026, 10, 1)
FIRST = Person("a", "Выдумкин", "Иван", birth_date=date(2014, 2, 1))
SECOND = Person("b", "Выдумкин", "Иван", birth_date=date(2014, 4, 3))
OTHER = Person("c", "Ветерков", "Иван")
ALONE = Person("d", "Ёлкина", "Алёна")


def test_only_namesakes_are_numbered() -> None:
    assert naming.labels([SECOND, OTHER, FIRST, ALONE]) == {
        "a": "Иван Выдумкин (1)",
        "b": "Иван Выдумкин (2)",
        "c": "Иван Ветерков",
        "d": "Алёна Ёлкина",
    }


def test_the_short_form_keeps_the_numbers_and_tells_apart_who_shares_an_initial() -> None:
    assert naming.short_labels([FIRST, SECOND, ALONE]) == {
        "a": "Иван В. (1)",
        "b": "Иван В. (2)",
        "d": "Алёна Ё.",
    }
    assert len(set(naming.short_labels([FIRST, SECOND, OTHER]).values())) == 3
    assert naming.short_labels([Person("e", "", "Денис")]) == {"e": "Денис"}


def test_spelling_makes_no_difference_between_namesakes() -> None:
    alike = [Person("a", "Ёлкин", "Лев"), Person("b", "ЕЛКИН", "лев")]
    assert naming.labels(alike) == {"a": "Лев Ёлкин (1)", "b": "лев ЕЛКИН (2)"}


@given(st.permutations([FIRST, SECOND, OTHER, ALONE]))
def test_the_order_of_the_list_does_not_matter(people: list[Person]) -> None:
    assert naming.labels(people) == naming.labels([FIRST, SECOND, OTHER, ALONE])
    assert "2014" not in "".join(naming.labels(people).values())


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (TODAY, {"a": "Иван Выдумкин (1)", "b": "Иван Выдумкин (2)", "c": "Иван Ветерков"}),
        (date(2027, 1, 1), {"a": "Иван Выдумкин", "b": "Иван Выдумкин", "c": "Иван Ветерков"}),
    ],
)
def test_accounts_are_shown_by_the_number_in_the_class(day: date, names: dict[str, str]) -> None:
    classes = {id_: SchoolClass(id_, name, "2026/2027") for id_, name in (("5a", "5А"),)}
    school = School(
        "s",
        "Школа",
        {person.id: person for person in (FIRST, SECOND, OTHER)},
        classes,
        enrolments=[
            Enrolment("a", "5a"),
            Enrolment("b", "5a", Term(None, date(2026, 12, 31))),
            Enrolment("c", "5a"),
        ],
    )
    assert naming.shown(school, day) == names


def test_two_pupils_of_one_name_and_class_stay_two() -> None:
    twins = [
        PUPIL_HEADER,
        ["И1", "Выдумкин", "Иван", "", "01.02.2014", "5А"],
        ["И2", "Выдумкин", "Иван", "", "03.04.2014", "5А"],
    ]
    reading = read_grids(grids(Ученики=twins, Родители=[]))
    plan = make_plan(reading.roster, Known(School("s", "Школа", {}, {})), TODAY)
    pupils = [person for person in plan.people_to_add if person.family_name == "Выдумкин"]
    assert [person.external_id for person in pupils] == ["И1", "И2"]
    assert len(plan.enrolments_to_add) == 2
