"""Which rooms a school has, and who is in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.access import Role, group, groups
from sferum_bridge.school.layout import MEMBER, MODERATOR, PLANS, Kind, key, layout
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    LinkState,
    ParentLink,
    Person,
    Post,
    School,
    SchoolClass,
    Teaching,
    Term,
)

DAY = date(2026, 10, 1)
PEOPLE = ("director", "leader", "subject", "pupil", "other-pupil", "mother", "waiting")

SCHOOL = School(
    id="s",
    name="Школа № 0",
    people={p: Person(p, p, p) for p in PEOPLE},
    classes={
        "5a": SchoolClass("5a", "5А", "2026/2027"),
        "5b": SchoolClass("5b", "5Б", "2026/2027"),
    },
    enrolments=[Enrolment("pupil", "5a"), Enrolment("other-pupil", "5b")],
    appointments=[
        Appointment("director", Post.ADMINISTRATOR),
        Appointment("leader", Post.TEACHER),
        Appointment("subject", Post.TEACHER),
    ],
    leaderships=[Leadership("leader", "5a")],
    teachings=[Teaching("subject", "5a", "Алгебра")],
    parent_links=[
        ParentLink("pupil", "mother", LinkState.ACTIVE),
        ParentLink("pupil", "waiting", LinkState.PENDING),
    ],
)


def members(school: School, kind: Kind, place: str, day: date = DAY) -> dict[str, int]:
    return {r.key: dict(r.members) for r in layout(school, day)}[key(kind, place)]


def test_everybody_is_exactly_where_the_roles_put_them() -> None:
    assert members(SCHOOL, Kind.GATE, "s") == {}
    staff = {"director": MODERATOR, "leader": MEMBER, "subject": MEMBER}
    for kind in (Kind.SCHOOL, Kind.STAFF, Kind.ANNOUNCEMENTS):
        assert members(SCHOOL, kind, "s") == staff
    assert members(SCHOOL, Kind.PUPILS, "5a") == {
        "pupil": MEMBER,
        "leader": MODERATOR,
        "subject": MEMBER,
    }
    assert members(SCHOOL, Kind.PARENTS, "5a") == {"mother": MEMBER, "leader": MODERATOR}
    assert members(SCHOOL, Kind.MATERIALS, "5a") == {
        "pupil": MEMBER,
        "mother": MEMBER,
        "leader": MODERATOR,
        "subject": MODERATOR,
    }
    assert members(SCHOOL, Kind.PUPILS, "5b") == {"other-pupil": MEMBER}
    assert members(SCHOOL, Kind.PARENTS, "5b") == {}


def test_a_parent_is_not_in_the_pupils_room_and_administrators_in_no_class() -> None:
    for room in layout(SCHOOL, DAY):
        if room.kind is Kind.PUPILS:
            assert "mother" not in room.members
        if room.class_id:
            assert "director" not in room.members


def test_parents_follow_the_child_into_another_class() -> None:
    moved = replace(SCHOOL, enrolments=[Enrolment("pupil", "5b")])
    assert "mother" not in members(moved, Kind.PARENTS, "5a")
    assert "mother" in members(moved, Kind.PARENTS, "5b")


def test_one_reason_gone_keeps_what_another_gives() -> None:
    both = replace(
        SCHOOL, parent_links=[ParentLink("pupil", "leader", LinkState.ACTIVE)], leaderships=[]
    )
    assert members(both, Kind.PARENTS, "5a") == {"leader": MEMBER}
    assert "leader" in members(both, Kind.STAFF, "s")


def test_terms_begin_and_end_on_their_days() -> None:
    term = Term(date(2026, 10, 2), date(2026, 10, 3))
    school = replace(SCHOOL, enrolments=[Enrolment("pupil", "5a", term)])
    there = [
        "pupil" in members(school, Kind.PUPILS, "5a", date(2026, 10, day)) for day in range(1, 5)
    ]
    assert there == [False, True, True, False]


def test_spaces_come_before_what_hangs_in_them() -> None:
    seen: set[str] = set()
    for room in layout(SCHOOL, DAY):
        assert not room.parent or room.parent in seen
        seen.add(room.key)


def test_only_materials_and_announcements_show_newcomers_the_past() -> None:
    shared = {kind for kind, plan in PLANS.items() if plan.history_for_newcomers}
    assert shared == {Kind.ANNOUNCEMENTS, Kind.MATERIALS}


@given(
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["5a", "5b"])), max_size=8),
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)), max_size=8),
)
def test_who_is_in_a_room_is_who_is_in_its_audience(
    enrolled: list[tuple[str, str]], linked: list[tuple[str, str]]
) -> None:
    school = replace(
        SCHOOL,
        enrolments=[Enrolment(person, class_id) for person, class_id in enrolled],
        parent_links=[ParentLink(child, parent, LinkState.ACTIVE) for child, parent in linked],
    )
    of_groups = groups(school, DAY)
    for room in layout(school, DAY):
        entitled = {p for p, keys in of_groups.items() if not keys.isdisjoint(room.audience)}
        assert set(room.members) == entitled


def test_groups_name_nobody() -> None:
    assert group(Role.PARENT, "5a") == "class/5a/parents"
    assert group(Role.STAFF, "s") == "school/s/staff"
