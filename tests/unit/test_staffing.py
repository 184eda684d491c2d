"""Orders about staff, class teachers and pupils: what ends and begins, and access day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import access, staffing
from sferum_bridge.school.layout import MODERATOR, Kind, key, layout
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
from sferum_bridge.school.staffing import Act, Caution, Changes, Notice, Order, Refusal, Refused

TODAY = date(2026, 11, 24)
DAY = timedelta(days=1)
LAST = date(2026, 12, 31)
PEOPLE = {id_: Person(id_, "Выдуманная", id_) for id_ in ("maria", "anna", "head", "oleg", "lev")}
SCHOOL = School(
    "s",
    "Школа № 0",
    PEOPLE,
    {id_: SchoolClass(id_, id_.upper(), "2026/2027") for id_ in ("5а", "5б", "7б")},
    enrolments=[Enrolment("oleg", "5а"), Enrolment("lev", "7б")],
    appointments=[
        Appointment("maria", Post.TEACHER),
        Appointment("anna", Post.TEACHER),
        Appointment("head", Post.ADMINISTRATOR),
    ],
    leaderships=[Leadership("maria", "7б")],
    teachings=[Teaching("maria", "5а", "Музыка")],
    parent_links=[ParentLink("oleg", "maria", LinkState.ACTIVE)],
)


def roles(school: School, person_id: str, day: date) -> set[str]:
    return {
        f"{reason.role.value} {reason.class_id}".strip() + (" acting" if reason.acting else "")
        for reason in access.reasons(school, day).get(person_id, ())
    }


def leaders(school: School, class_id: str, day: date) -> set[str]:
    return {id_ for id_ in PEOPLE if f"leaders {class_id}" in roles(school, id_, day)}


def cautions(changes: Changes) -> list[Caution]:
    return [notice.caution for notice in changes.notices]


def refusal(order: Order, school: School = SCHOOL) -> Refusal:
    with pytest.raises(Refused) as refused:
        staffing.decide(school, order, TODAY)
    return refused.value.refusal


# --- dismissal ------------------------------------------------------------------------------


def test_33_a_dismissal_holds_from_the_day_after_and_what_else_one_is_stays() -> None:
    changes = staffing.dismiss(SCHOOL, "maria", LAST, TODAY)
    [notice] = changes.notices
    assert (notice.caution, notice.class_id, notice.day) == (Caution.UNLED, "7б", LAST + DAY)
    school = staffing.after(SCHOOL, changes)
    works = {"staff", "leaders 7б", "teachers 5а"}
    for day in (TODAY, LAST - DAY, LAST):
        assert roles(school, "maria", day) == {"parents 5а", *works}
        assert roles(school, "head", day) == {"staff", "administrators"}
    for day in (LAST + DAY, LAST + 40 * DAY):
        assert roles(school, "maria", day) == {"parents 5а"}
        assert "leaders 7б acting" in roles(school, "head", day)


def test_33_the_rooms_of_a_class_always_have_a_moderator() -> None:
    school = staffing.after(SCHOOL, staffing.dismiss(SCHOOL, "maria", LAST, TODAY))
    named = staffing.after(school, staffing.lead(school, "anna", "7б", LAST + 5 * DAY))
    moderators = []
    for number in range(-1, 8):
        rooms = {room.key: room for room in layout(named, LAST + number * DAY)}
        for kind in (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS):
            members = rooms[key(kind, "7б")].members
            moderators.append({id_ for id_, power in members.items() if power == MODERATOR})
    assert moderators == [{"maria"}] * 6 + [{"head"}] * 12 + [{"anna"}] * 9


def test_what_would_begin_later_never_does() -> None:
    later = Leadership("maria", "5б", Term(LAST + DAY))
    over = Appointment("maria", Post.STAFF, Term(None, TODAY - 30 * DAY))
    school = replace(
        SCHOOL,
        leaderships=[*SCHOOL.leaderships, later],
        appointments=[*SCHOOL.appointments, over],
    )
    changes = staffing.dismiss(school, "maria", LAST, TODAY)
    assert changes.drops == [later]
    assert over not in changes.over
    assert later not in staffing.after(school, changes).leaderships


def test_the_last_administrator_stays_on_every_day_to_come() -> None:
    assert refusal(Order(Act.DISMISS, "head", LAST)) is Refusal.LAST_ADMINISTRATOR
    two = staffing.after(SCHOOL, staffing.appoint(SCHOOL, "anna", Post.ADMINISTRATOR, TODAY))
    staffing.dismiss(two, "head", LAST, TODAY)
    for_a_while = staffing.after(
        SCHOOL, staffing.appoint(SCHOOL, "anna", Post.ADMINISTRATOR, TODAY, LAST + 9 * DAY)
    )
    assert refusal(Order(Act.DISMISS, "head", LAST), for_a_while) is Refusal.LAST_ADMINISTRATOR
    staffing.dismiss(for_a_while, "anna", LAST, TODAY)


def test_a_past_without_an_administrator_keeps_nobody_in_office() -> None:
    two = staffing.after(SCHOOL, staffing.appoint(SCHOOL, "anna", Post.ADMINISTRATOR, TODAY))
    changes = staffing.decide(two, Order(Act.DISMISS, "head", TODAY - 9 * DAY), TODAY)
    assert cautions(changes) == [Caution.PAST]


def test_a_former_administrator_may_go() -> None:
    former = Appointment("maria", Post.ADMINISTRATOR, Term(None, TODAY - DAY))
    school = replace(SCHOOL, appointments=[*SCHOOL.appointments, former])
    assert staffing.dismiss(school, "maria", LAST, TODAY).over


def test_one_post_ends_and_the_rest_stays() -> None:
    both = staffing.after(SCHOOL, staffing.appoint(SCHOOL, "maria", Post.ADMINISTRATOR, TODAY))
    order = Order(Act.DISMISS, "maria", LAST, post=Post.ADMINISTRATOR)
    changes = staffing.decide(both, order, TODAY)
    assert changes.over == [Appointment("maria", Post.ADMINISTRATOR, Term(TODAY))]
    assert not changes.notices
    assert roles(staffing.after(both, changes), "maria", LAST + DAY) == {
        *("staff", "leaders 7б", "teachers 5а", "parents 5а")
    }
    alone = Order(Act.DISMISS, "head", LAST, post=Post.ADMINISTRATOR)
    assert refusal(alone) is Refusal.LAST_ADMINISTRATOR
    assert refusal(replace(alone, post=Post.TEACHER)) is Refusal.NOTHING
    only_post = staffing.decide(SCHOOL, Order(Act.DISMISS, "maria", LAST, post=Post.TEACHER), TODAY)
    assert cautions(only_post) == [Caution.NO_POST]


def test_leading_one_class_ends_and_the_rest_stays() -> None:
    order = Order(Act.DISMISS, "maria", LAST, class_id="7б")
    changes = staffing.decide(SCHOOL, order, TODAY)
    assert changes.over == SCHOOL.leaderships
    assert changes.notices == [Notice(Caution.UNLED, "7б", LAST + DAY)]
    assert refusal(replace(order, class_id="5а")) is Refusal.NOTHING


def test_a_class_is_said_to_be_unled_from_the_day_on_which_it_is() -> None:
    """Who was to take over in February never does: until then somebody else leads the class."""
    february = date(2027, 2, 1)
    handed_over = staffing.after(
        SCHOOL, staffing.hand_over(SCHOOL, "7б", "maria", "anna", february)
    )
    changes = staffing.dismiss(handed_over, "anna", LAST, TODAY)
    assert changes.notices == [Notice(Caution.UNLED, "7б", february)]


def test_nobody_is_dismissed_who_does_not_work_here() -> None:
    assert refusal(Order(Act.DISMISS, "lev", TODAY)) is Refusal.NOTHING
    gone = staffing.after(SCHOOL, staffing.dismiss(SCHOOL, "maria", TODAY, TODAY))
    assert refusal(Order(Act.DISMISS, "maria", LAST), gone) is Refusal.NOTHING


# --- posts and classes ----------------------------------------------------------------------


def test_an_appointment_holds_for_its_term() -> None:
    changes = staffing.appoint(SCHOOL, "maria", Post.ADMINISTRATOR, LAST, LAST + 2 * DAY)
    school = staffing.after(SCHOOL, changes)
    there = ["administrators" in roles(school, "maria", LAST + n * DAY) for n in range(-1, 4)]
    assert there == [False, True, True, True, False]


def test_what_is_so_already_is_refused_and_a_longer_term_is_not() -> None:
    assert refusal(Order(Act.APPOINT, "anna", TODAY, post=Post.TEACHER)) is Refusal.ALREADY
    assert refusal(Order(Act.LEAD, "maria", LAST, class_id="7б")) is Refusal.ALREADY
    backwards = Order(Act.APPOINT, "anna", LAST, LAST - DAY, Post.ADMINISTRATOR)
    assert refusal(backwards) is Refusal.BACKWARDS
    short = staffing.after(SCHOOL, staffing.appoint(SCHOOL, "anna", Post.STAFF, TODAY, LAST))
    assert staffing.appoint(short, "anna", Post.STAFF, TODAY).begins
    assert staffing.appoint(short, "anna", Post.STAFF, LAST + DAY).begins


def test_two_class_teachers_are_possible_and_said_so() -> None:
    changes = staffing.lead(SCHOOL, "anna", "7б", TODAY)
    assert cautions(changes) == [Caution.LED]
    assert leaders(staffing.after(SCHOOL, changes), "7б", TODAY) == {"maria", "anna"}
    assert cautions(staffing.lead(SCHOOL, "stranger", "5а", TODAY)) == [Caution.NO_POST]


def test_a_pupil_who_gets_a_post_is_noticed() -> None:
    assert cautions(staffing.appoint(SCHOOL, "lev", Post.STAFF, TODAY)) == [Caution.PUPIL]


def test_a_class_is_handed_over_without_a_gap_and_without_an_overlap() -> None:
    day = date(2027, 1, 11)
    school = staffing.after(SCHOOL, staffing.hand_over(SCHOOL, "7б", "maria", "anna", day))
    for number in range(-3, 4):
        here = day + number * DAY
        assert leaders(school, "7б", here) == ({"maria"} if here < day else {"anna"}), here
        assert not staffing.is_unled(school, "7б", here)


def test_handing_over_leaves_the_other_class_teacher_and_the_last_day_alone() -> None:
    school = replace(
        SCHOOL,
        leaderships=[Leadership("maria", "7б", Term(None, LAST)), Leadership("head", "7б")],
    )
    changes = staffing.hand_over(school, "7б", "maria", "anna", TODAY)
    assert changes.begins == [Leadership("anna", "7б", Term(TODAY, LAST))]
    assert leaders(staffing.after(school, changes), "7б", TODAY) == {"head", "anna"}
    # To one who leads it already: only the other's time ends.
    to_the_second = staffing.hand_over(school, "7б", "maria", "head", TODAY)
    assert not to_the_second.begins
    assert leaders(staffing.after(school, to_the_second), "7б", TODAY) == {"head"}


def test_only_who_leads_a_class_hands_it_over() -> None:
    order = Order(Act.HAND_OVER, "anna", TODAY, class_id="7б", from_id="head")
    assert refusal(order) is Refusal.NOT_LEADING
    assert refusal(replace(order, person_id="maria", from_id="maria")) is Refusal.ALREADY


# --- pupils ---------------------------------------------------------------------------------


def test_34_parents_follow_and_a_sibling_keeps_them() -> None:
    family = replace(
        SCHOOL,
        enrolments=[Enrolment("alyona", "5а"), Enrolment("ilya", "5а"), Enrolment("lev", "5б")],
        parent_links=[
            ParentLink("alyona", "olga", LinkState.ACTIVE),
            ParentLink("ilya", "olga", LinkState.ACTIVE),
            ParentLink("alyona", "denis", LinkState.ACTIVE),
        ],
    )
    moved = staffing.after(family, staffing.transfer(family, "alyona", "5б", LAST))
    assert roles(moved, "alyona", LAST - DAY) == {"pupils 5а"}
    assert roles(moved, "alyona", LAST) == {"pupils 5б"}
    assert roles(moved, "olga", LAST - DAY) == {"parents 5а"}
    assert roles(moved, "olga", LAST) == {"parents 5а", "parents 5б"}
    assert roles(moved, "denis", LAST) == {"parents 5б"}


@pytest.mark.parametrize("gap", [0, 14])
def test_36_a_transfer_in_either_order_with_days_between(gap: int) -> None:
    """Each school's groups come from its own enrolments; the link is above them (S-55)."""
    link = ParentLink("oleg", "maria", LinkState.ACTIVE)
    lyceum = School(
        "l", "Лицей № 0", PEOPLE, {"6а": SchoolClass("6а", "6А", "2026/2027")}, parent_links=[link]
    )
    leaves, enters = date(2027, 1, 15), date(2027, 1, 15) + gap * DAY
    left = staffing.after(SCHOOL, staffing.transfer(SCHOOL, "oleg", None, leaves))
    entered = staffing.after(lyceum, staffing.transfer(lyceum, "oleg", "6а", enters))
    for number in range(-2, gap + 3):
        day = leaves + number * DAY
        assert ("parents 5а" in roles(left, "maria", day)) == (day < leaves)
        # Whichever of the two acted first: one school knows nothing of the other.
        assert roles(lyceum, "oleg", day) == set()
        assert roles(entered, "maria", day) == ({"parents 6а"} if day >= enters else set())
        assert roles(entered, "oleg", day) == ({"pupils 6а"} if day >= enters else set())
    assert link in left.parent_links
    assert layout(left, leaves)
    assert layout(lyceum, leaves)


def test_a_planned_move_can_be_changed_and_taken_back() -> None:
    planned = staffing.after(SCHOOL, staffing.transfer(SCHOOL, "oleg", "5б", LAST))
    other = staffing.after(planned, staffing.transfer(planned, "oleg", "7б", LAST))
    assert roles(other, "oleg", LAST) == {"pupils 7б"}
    back = staffing.after(planned, staffing.transfer(planned, "oleg", "5а", LAST - 5 * DAY))
    days = (TODAY, LAST - 5 * DAY, LAST, LAST + 90 * DAY)
    assert all(roles(back, "oleg", day) == {"pupils 5а"} for day in days)


def test_a_move_keeps_the_last_day_of_the_year() -> None:
    year = replace(SCHOOL, enrolments=[Enrolment("oleg", "5а", Term(None, LAST))])
    [new] = staffing.transfer(year, "oleg", "5б", TODAY).begins
    assert new.term == Term(TODAY, LAST)


def test_who_is_in_the_class_or_nowhere_is_not_moved() -> None:
    assert refusal(Order(Act.TRANSFER, "oleg", TODAY, class_id="5а")) is Refusal.ALREADY
    gone = staffing.after(SCHOOL, staffing.transfer(SCHOOL, "oleg", None, TODAY))
    assert refusal(Order(Act.TRANSFER, "oleg", LAST), gone) is Refusal.NOTHING


# --- all orders -----------------------------------------------------------------------------


def test_days_in_the_past_and_far_ahead_are_noticed() -> None:
    for day, caution in ((TODAY - DAY, Caution.PAST), (TODAY.replace(year=2028), Caution.FAR)):
        order = Order(Act.TRANSFER, "oleg", day, class_id="5б")
        assert cautions(staffing.decide(SCHOOL, order, TODAY)) == [caution]


days = st.dates(date(2026, 9, 1), date(2027, 6, 1))
orders = st.builds(
    Order,
    st.sampled_from(Act),
    st.sampled_from(sorted(PEOPLE)),
    days,
    st.none() | days,
    st.none() | st.sampled_from(Post),
    st.sampled_from(["", "5а", "5б", "7б"]),
    st.sampled_from(sorted(PEOPLE)),
)


@given(orders)
def test_an_order_is_kept_as_it_was_given(order: Order) -> None:
    assert staffing.restored(order.kept()) == order


@given(st.lists(orders, max_size=6), days)
def test_whatever_is_ordered_the_school_has_an_administrator(
    given_orders: list[Order], day: date
) -> None:
    school = SCHOOL
    for order in given_orders:
        try:
            changes = staffing.decide(school, order, TODAY)
        except Refused:
            continue
        assert not any(ending.assignment in changes.drops for ending in changes.ends)
        school = staffing.after(school, changes)
    assert day < TODAY or any("administrators" in roles(school, id_, day) for id_ in PEOPLE)
