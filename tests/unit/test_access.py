"""Who is in which group, and why."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.access import Reason, Role, group, groups, reasons
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    LinkState,
    ParentLink,
    Post,
    School,
    SchoolClass,
    Teaching,
    Term,
)

DAY = date(2026, 10, 1)
CLASSES = {"5a": SchoolClass("5a", "5А", "2026/2027"), "5b": SchoolClass("5b", "5Б", "2026/2027")}


def school(**ties: Any) -> School:
    return School("s", "Школа № 0", people={}, classes=CLASSES, **ties)


def test_everybody_for_the_reason_they_have() -> None:
    found = reasons(
        school(
            enrolments=[Enrolment("asya", "5a")],
            appointments=[Appointment("boss", Post.ADMINISTRATOR)],
            leaderships=[Leadership("anna", "5a")],
            teachings=[Teaching("anna", "5b", "алгебра")],
            parent_links=[ParentLink("asya", "olga", LinkState.ACTIVE)],
        ),
        DAY,
    )
    assert found == {
        "asya": [Reason(Role.PUPIL, "5a")],
        "boss": [Reason(Role.STAFF), Reason(Role.ADMINISTRATOR)],
        "anna": [Reason(Role.CLASS_TEACHER, "5a"), Reason(Role.TEACHER, "5b", subject="алгебра")],
        "olga": [Reason(Role.PARENT, "5a", child_id="asya")],
    }


def test_a_waiting_parent_has_no_reason_yet() -> None:
    waiting = school(
        enrolments=[Enrolment("asya", "5a")],
        parent_links=[ParentLink("asya", "olga", LinkState.PENDING)],
    )
    assert "olga" not in reasons(waiting, DAY)


def test_the_parent_follows_the_child() -> None:
    moved = school(
        enrolments=[
            Enrolment("asya", "5a", Term(until=date(2026, 9, 30))),
            Enrolment("asya", "5b", Term(since=DAY)),
        ],
        parent_links=[ParentLink("asya", "olga", LinkState.ACTIVE)],
    )
    assert groups(moved, DAY)["olga"] == {group(Role.PARENT, "5b")}
    assert groups(moved, date(2026, 9, 30))["olga"] == {group(Role.PARENT, "5a")}


def test_a_teacher_who_is_dismissed_stays_a_parent() -> None:
    both = school(
        enrolments=[Enrolment("oleg", "5a")],
        appointments=[Appointment("maria", Post.TEACHER, Term(until=DAY))],
        leaderships=[Leadership("maria", "5b", Term(until=DAY))],
        parent_links=[ParentLink("oleg", "maria", LinkState.ACTIVE)],
    )
    assert groups(both, DAY)["maria"] == {
        group(Role.STAFF, "s"),
        group(Role.CLASS_TEACHER, "5b"),
        group(Role.PARENT, "5a"),
    }
    assert groups(both, date(2026, 10, 2))["maria"] == {group(Role.PARENT, "5a")}


people = st.sampled_from(["a", "b", "c", "d"])
places = st.sampled_from(["5a", "5b"])
days = st.dates(date(2026, 9, 1), date(2026, 12, 31))
terms = st.builds(Term, since=st.none() | days, until=st.none() | days)


@given(
    pupils=st.lists(st.builds(Enrolment, people, places, terms), max_size=4),
    leaders=st.lists(st.builds(Leadership, people, places, terms), max_size=4),
    links=st.lists(st.builds(ParentLink, people, people, st.sampled_from(LinkState)), max_size=4),
    day=days,
)
def test_access_is_the_union_of_what_each_tie_alone_gives(
    pupils: list[Enrolment], leaders: list[Leadership], links: list[ParentLink], day: date
) -> None:
    whole = groups(school(enrolments=pupils, leaderships=leaders, parent_links=links), day)
    parts = [
        groups(school(enrolments=pupils), day),
        *(groups(school(leaderships=[one]), day) for one in leaders),
        *(groups(school(enrolments=pupils, parent_links=[one]), day) for one in links),
    ]
    united = {
        person: frozenset().union(*(part.get(person, frozenset()) for part in parts))
        for person in {p for part in parts for p in part}
    }
    assert whole == united
    assert all(whole.values())
