"""What an import is held back for, and what it is shown to do; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.roster import Known, Plan, make_plan
from sferum_bridge.roster.diff import diff
from sferum_bridge.roster.guards import Guard, Hold, Limits, confirms, fingerprint, held
from sferum_bridge.roster.model import (
    Roster,
    RosterClass,
    RosterEnrolment,
    RosterKey,
    RosterPerson,
)
from sferum_bridge.roster.outcome import outcome
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Leadership,
    Person,
    Post,
    School,
    SchoolClass,
    Term,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TODAY = date(2026, 10, 1)
YEAR = "2026/2027"
NAME = "СОШ № 7 города Нигдейска"


def a_school(size: int = 20) -> Known:
    """Give a school of two classes, half of the pupils in each, every pupil with a parent."""
    people = {f"p{n}": Person(f"p{n}", "Ученик", f"Имя{n}") for n in range(size)}
    people |= {f"m{n}": Person(f"m{n}", "Мать", f"Имя{n}") for n in range(size)}
    people |= {"t": Person("t", "Учитель", "Анна"), "a": Person("a", "Завуч", "Пётр")}
    half = size // 2
    school = School(
        "s",
        NAME,
        people,
        {"A": SchoolClass("A", "5А", YEAR), "B": SchoolClass("B", "5Б", YEAR)},
        enrolments=[Enrolment(f"p{n}", "A" if n < half else "B") for n in range(size)],
        appointments=[Appointment("t", Post.TEACHER), Appointment("a", Post.ADMINISTRATOR)],
        leaderships=[Leadership("t", "A")],
        expected_parents=[ExpectedParent(f"p{n}", f"m{n}") for n in range(size)],
    )
    return Known(school, {f"N{id_}": id_ for id_ in people})


def the_list(known: Known, names: Sequence[str], moved: Sequence[str] = ()) -> Roster:
    """Give a list of pupils by their ids; those `moved` stand in 5Б."""
    school = known.school
    in_a = {e.person_id for e in school.enrolments if e.class_id == "A"}
    people, enrolments = [], []
    for id_ in names:
        key = RosterKey(f"N{id_}")
        stored = school.people.get(id_, Person(id_, "Новый", id_))
        names_ = (stored.family_name, stored.given_name)
        people.append(RosterPerson(key, key.external_id, *names_))
        name = "5А" if id_ in in_a and id_ not in moved else "5Б"
        enrolments.append(RosterEnrolment(key, name))
    classes = [RosterClass("5А", YEAR), RosterClass("5Б", YEAR)]
    told = frozenset(("pupil",))
    return Roster(classes=classes, people=people, enrolments=enrolments, tells_of=told)


def judged(
    known: Known, roster: Roster, named: str = NAME, limits: Limits | None = None, **more: bool
) -> tuple[Plan, Sequence[Hold]]:
    """Return the plan in which the absent leave, and what is held back of it."""
    plan = make_plan(roster, known, TODAY, end_missing=True)
    turn = outcome(known.school, plan, TODAY)
    count = len(roster.people)
    return plan, held(turn, plan, named, count, limits or Limits(), **more)


ALL = [f"p{n}" for n in range(20)]


def test_nothing_is_held_where_little_changes() -> None:
    known = a_school()
    plan, holds = judged(known, the_list(known, ALL))
    assert plan.empty
    assert holds == []
    plan, holds = judged(known, the_list(known, [*ALL[:-2], "n1"]))
    assert len(plan.people_to_add) == 1
    assert holds == [], "a tenth may leave"


def test_more_than_a_tenth_of_a_type_is_held() -> None:
    known = a_school()
    _, holds = judged(known, the_list(known, ALL[3:]))
    assert Hold(Guard.LEAVE, "pupil", 3, 20) in holds
    # Whose child left is no guardian any more.
    assert Hold(Guard.LEAVE, "guardian", 3, 20) in holds
    _, holds = judged(known, the_list(known, ALL[3:]), limits=Limits(opening=True))
    assert holds == [], "at a roll-over some leave"
    _, holds = judged(known, the_list(known, ALL[3:]), limits=Limits(leave=15))
    assert holds == []


def test_the_absent_leave_only_when_somebody_chose_so() -> None:
    known = a_school()
    roster = the_list(known, ALL[3:])
    plan = make_plan(roster, known, TODAY)
    assert plan.empty
    assert [each.person_id for each in plan.missing] == ["p0", "p1", "p2"]
    plan = make_plan(roster, known, TODAY, end_missing=True)
    assert {each.assignment.person_id for each in plan.to_end} == {"p0", "p1", "p2"}
    assert {each.until for each in plan.to_end} == {TODAY - timedelta(days=1)}
    plan = make_plan(roster, known, TODAY, full=False, end_missing=True)
    assert plan.empty
    assert not plan.missing, "a list of changes names nobody missing"


def test_the_last_administrator_stays_though_missing() -> None:
    known = a_school()
    roster = replace(the_list(known, ALL), tells_of=frozenset(("pupil", "staff")))
    plan = make_plan(roster, known, TODAY, end_missing=True)
    assert {each.assignment.person_id for each in plan.to_end} == {"t"}


def test_a_class_that_would_be_empty_is_held() -> None:
    known = a_school()
    limits = Limits(leave=100)
    _, holds = judged(known, the_list(known, ALL[10:]), limits=limits)
    assert holds == [Hold(Guard.EMPTY, "5А", 10, 10)]
    _, holds = judged(known, the_list(known, ALL, moved=ALL[:10]), limits=limits)
    assert holds == [Hold(Guard.EMPTY, "5А", 10, 10)]


def test_a_class_whose_parents_would_vanish_is_held() -> None:
    known = a_school()
    over = [each for each in known.school.expected_parents if each.child_id in ALL[:10]]
    plan = Plan(expected_parents_to_end=over)
    turn = outcome(known.school, plan, TODAY)
    assert Hold(Guard.GUARDIANS, "5А", 10, 10) in held(turn, plan, NAME, 0, Limits(known=0))


def test_more_than_three_quarters_changed_is_held() -> None:
    known = a_school()
    people = {
        id_: replace(each, middle_name="Иначе") if id_ in ALL[:16] else each
        for id_, each in known.school.people.items()
    }
    old = Known(replace(known.school, people=people), known.external_ids)
    roster = the_list(known, ALL)
    changed = [replace(each, middle_name="Так") for each in roster.people]
    _, holds = judged(old, replace(roster, people=changed))
    assert Hold(Guard.CHANGE, "pupil", 20, 20) in holds
    _, holds = judged(old, replace(roster, people=changed[:15] + list(roster.people[15:])))
    assert holds == []
    _, holds = judged(old, replace(roster, people=changed), limits=Limits(opening=True))
    assert holds == []


@pytest.mark.parametrize(
    ("named", "is_held"), [("", False), ("сош №7, города нигдейска", True), (NAME, False)]
)
def test_a_file_that_names_another_school_is_held(named: str, *, is_held: bool) -> None:
    known = a_school()
    _, holds = judged(known, the_list(known, ALL), named)
    assert bool(holds) is is_held
    _, holds = judged(known, the_list(known, ALL), "Гимназия № 1")
    assert holds == [Hold(Guard.NAME, "Гимназия № 1")]


def test_a_file_of_strangers_is_held() -> None:
    known = a_school()
    roster = replace(the_list(known, [f"n{n}" for n in range(20)]), full=False)
    _, holds = judged(known, roster)
    assert holds == [Hold(Guard.UNKNOWN, "", 0, 20)]
    few = a_school(2)
    _, holds = judged(few, replace(the_list(few, [f"n{n}" for n in range(20)]), full=False))
    assert holds == [], "of a school that knows hardly anybody nothing can be told"


def test_a_class_that_loses_its_teacher_to_a_bad_row_is_held() -> None:
    known = a_school()
    [led] = known.school.leaderships
    from sferum_bridge.roster.plan import Ended  # noqa: PLC0415 - one test alone

    plan = Plan(to_end=[Ended(led, TODAY - timedelta(days=1))])
    turn = outcome(known.school, plan, TODAY)
    limits = Limits(known=0)
    assert held(turn, plan, NAME, 0, limits, left_out=True) == [Hold(Guard.UNLED, "5А")]
    assert held(turn, plan, NAME, 0, limits) == [], "the file says so itself"


@pytest.mark.parametrize("said", [NAME, "сош №7 города «Нигдейска»", "СОШ  № 7 ГОРОДА НИГДЕЙСКА."])
def test_the_name_is_taken_however_it_is_typed(said: str) -> None:
    assert confirms(said, NAME)


@pytest.mark.parametrize("said", ["", " ", "да", "СОШ № 8 города Нигдейска", "СОШ № 7"])
def test_nothing_else_is_the_name(said: str) -> None:
    assert not confirms(said, NAME)


def test_a_confirmation_is_of_the_people_it_was_asked_about() -> None:
    known = a_school()
    _, first = judged(known, the_list(known, ALL[3:]))
    _, again = judged(known, the_list(known, ALL[3:]))
    _, others = judged(known, the_list(known, [*ALL[:2], *ALL[5:]]))
    assert list(first) == list(others), "as many, and other ones"
    assert fingerprint(first) == fingerprint(again)
    assert fingerprint(first) != fingerprint(others)
    assert fingerprint([]) == ""


def test_the_diff_names_people_classes_rooms_and_members() -> None:
    known = a_school()
    roster = the_list(known, [*ALL, "n1"], moved=["p0"])
    roster = replace(roster, classes=[*roster.classes, RosterClass("1А", YEAR)])
    plan = make_plan(roster, known, TODAY)
    shown = diff(outcome(known.school, plan, TODAY), plan)
    assert [(line.name, line.what, line.was, line.becomes) for line in shown.people] == [
        ("Новый n1", "new", "", "5Б"),
        ("Ученик Имя0", "moved", "5А", "5Б"),
    ]
    sizes = {(line.name, line.was, line.becomes) for line in shown.classes}
    assert sizes == {("5А", 10, 9), ("5Б", 10, 12), ("1А", 0, 0)}
    pupils = {line.class_name: line for line in shown.rooms if line.kind is Kind.PUPILS}
    assert pupils["5А"].leaves == ("Ученик Имя0",)
    assert pupils["5Б"].joins == ("Новый n1", "Ученик Имя0")
    assert pupils["1А"].what == "made"
    # The class's space, room and materials, of two who come and one who goes; four rooms are made.
    assert shown.counts["joins"] == 6
    assert shown.counts["leaves"] == 3
    assert shown.counts["rooms_made"] == 4


def test_what_a_date_brings_later_is_shown_and_guarded() -> None:
    known = a_school()
    later = TODAY + timedelta(days=30)
    roster = the_list(known, ALL)
    ends = [
        replace(each, until=later) if each.person.external_id in {"Np0", "Np1", "Np2"} else each
        for each in roster.enrolments
    ]
    plan, holds = judged(known, replace(roster, enrolments=ends))
    turn = outcome(known.school, plan, TODAY)
    assert turn.days == [TODAY, later + timedelta(days=1)]
    assert Hold(Guard.LEAVE, "pupil", 3, 20) in holds
    assert diff(turn, plan).counts["people_left"] == 6, "with the parent of each"


def test_the_outcome_is_what_the_store_would_hold() -> None:
    known = a_school()
    plan = make_plan(
        the_list(known, [*ALL[1:], "n1"], moved=["p1"]), known, TODAY, end_missing=True
    )
    after = outcome(known.school, plan, TODAY).after
    here = {e.person_id for e in after.enrolments if e.term.covers(TODAY)}
    assert here == {*ALL[1:], "new id:Nn1"}
    [moved] = [e for e in after.enrolments if e.person_id == "p1" and e.term.covers(TODAY)]
    assert moved.class_id == "B"
    over = Term(None, TODAY - timedelta(days=1))
    assert Enrolment("p0", "A", over) in after.enrolments
