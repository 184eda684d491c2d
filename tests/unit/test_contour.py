"""The contour's decisions: by table, and whatever the facts are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import rights
from sferum_bridge.school.contour import (
    Action,
    Decision,
    Facts,
    Reason,
    RoomFact,
    SchoolFact,
    Side,
    decide,
    may_contact,
    may_create,
    may_find,
    may_meet,
    may_read_media,
    may_see,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOT = "@sferumbot:school.example"
PUPIL = "@pupil:school.example"
PARENT = "@parent:school.example"
OUTSIDER = "@outsider:school.example"
STRANGER = "@stranger:elsewhere.example"
GHOST = "@sferum_1:school.example"
FAR_GHOST = "@sferum_1:elsewhere.example"

PUPILS_ROOM = "!pupils"
LINKED_ROOM = "!linked"
EMPTY_ROOM = "!empty"
OTHER_ROOM = "!elsewhere"

FACTS = Facts(
    generation=1,
    service=frozenset({BOT}),
    ghost_prefix="@sferum_",
    people={
        PUPIL: frozenset({"class/1/pupils"}),
        PARENT: frozenset({"class/1/parents"}),
    },
    rooms={
        PUPILS_ROOM: RoomFact("school", "pupils", frozenset({"class/1/pupils"})),
        LINKED_ROOM: RoomFact("school", "pupils", frozenset({"class/1/pupils"}), linked=True),
        EMPTY_ROOM: RoomFact("school", "gate", frozenset()),
    },
)


@pytest.mark.parametrize(
    ("action", "actor", "target", "room", "allowed", "reason"),
    [
        (Action.INVITE, BOT, PUPIL, PUPILS_ROOM, True, Reason.MEMBER),
        (Action.INVITE, BOT, PARENT, PUPILS_ROOM, False, Reason.OUTSIDE),
        (Action.INVITE, BOT, OUTSIDER, PUPILS_ROOM, False, Reason.OUTSIDE),
        (Action.INVITE, PUPIL, PUPIL, PUPILS_ROOM, False, Reason.NOT_INVITER),
        (Action.INVITE, OUTSIDER, PUPIL, PUPILS_ROOM, False, Reason.NOT_INVITER),
        (Action.INVITE, PUPIL, BOT, PUPILS_ROOM, True, Reason.SERVICE),
        (Action.INVITE, BOT, GHOST, PUPILS_ROOM, False, Reason.GHOST),
        (Action.INVITE, BOT, GHOST, LINKED_ROOM, True, Reason.GHOST),
        (Action.INVITE, PUPIL, GHOST, LINKED_ROOM, False, Reason.NOT_INVITER),
        (Action.INVITE, BOT, PUPIL, EMPTY_ROOM, False, Reason.OUTSIDE),
        (Action.INVITE, OUTSIDER, PUPIL, OTHER_ROOM, False, Reason.OUTSIDE),
        (Action.INVITE, OUTSIDER, STRANGER, OTHER_ROOM, True, Reason.NOT_OURS),
        (Action.INVITE, OUTSIDER, BOT, OTHER_ROOM, True, Reason.SERVICE),
        (Action.INVITE, PUPIL, GHOST, OTHER_ROOM, False, Reason.GHOST),
        (Action.KNOCK, PUPIL, PUPIL, PUPILS_ROOM, False, Reason.NO_KNOCK),
        (Action.KNOCK, PUPIL, PUPIL, OTHER_ROOM, False, Reason.NO_KNOCK),
        (Action.KNOCK, OUTSIDER, OUTSIDER, OTHER_ROOM, True, Reason.NOT_OURS),
        (Action.JOIN, FAR_GHOST, FAR_GHOST, LINKED_ROOM, False, Reason.OUTSIDE),
        (Action.JOIN, PUPIL, PUPIL, PUPILS_ROOM, True, Reason.MEMBER),
        (Action.JOIN, PARENT, PARENT, PUPILS_ROOM, False, Reason.OUTSIDE),
        (Action.JOIN, OUTSIDER, OUTSIDER, PUPILS_ROOM, False, Reason.OUTSIDE),
        (Action.JOIN, BOT, BOT, EMPTY_ROOM, True, Reason.SERVICE),
        (Action.JOIN, GHOST, GHOST, PUPILS_ROOM, False, Reason.GHOST),
        (Action.JOIN, GHOST, GHOST, LINKED_ROOM, True, Reason.GHOST),
        (Action.JOIN, OUTSIDER, OUTSIDER, OTHER_ROOM, True, Reason.NOT_OURS),
    ],
)
def test_decisions(
    action: Action, actor: str, target: str, room: str, *, allowed: bool, reason: Reason
) -> None:
    assert decide(action, actor, target, room, FACTS) == Decision(allowed=allowed, reason=reason)


def test_without_a_ghost_prefix_nobody_is_a_ghost() -> None:
    facts = Facts(rooms=FACTS.rooms)
    decision = decide(Action.JOIN, GHOST, GHOST, LINKED_ROOM, facts)
    assert decision == Decision(allowed=False, reason=Reason.OUTSIDE)


def test_without_facts_no_room_is_a_school_room() -> None:
    decision = decide(Action.JOIN, OUTSIDER, OUTSIDER, PUPILS_ROOM, Facts())
    assert decision == Decision(allowed=True, reason=Reason.NOT_OURS)


# --- whom people may write to -------------------------------------------------------------------

SCHOOLS = {
    "1": SchoolFact(frozenset({"5a", "5b"})),
    "2": SchoolFact(frozenset({"9a"})),
}
ROLES: Mapping[str, Sequence[str]] = {
    "head": ["school/1/administrators", "school/1/staff"],
    "clerk": ["school/1/staff"],
    "leader": ["school/1/staff", "class/5a/leaders"],
    "teacher": ["school/1/staff", "class/5a/teachers", "class/5b/teachers"],
    "pupil": ["class/5a/pupils"],
    "classmate": ["class/5a/pupils"],
    "pupil_b": ["class/5b/pupils"],
    "mother": ["class/5a/parents"],
    "other_parent": ["class/5a/parents"],
    "parent_b": ["class/5b/parents"],
    "pupil_9": ["class/9a/pupils"],
    "leader_9": ["school/2/staff", "class/9a/leaders"],
    "graduate": ["school/1/former"],
}
CONTACTS: Mapping[str, str] = {
    "head": "clerk leader teacher pupil classmate pupil_b mother other_parent parent_b",
    "clerk": "head leader teacher",
    "leader": "head clerk teacher pupil classmate mother other_parent",
    "teacher": "head clerk leader pupil classmate pupil_b mother other_parent parent_b",
    "pupil": "leader teacher classmate mother",
    "classmate": "leader teacher pupil",
    "pupil_b": "teacher",
    "mother": "leader teacher other_parent pupil",
    "other_parent": "leader teacher mother",
    "parent_b": "teacher",
    "pupil_9": "leader_9",
    "leader_9": "pupil_9",
    "graduate": "outsider",
    "outsider": "graduate",
}
"""Who may write first to whom, in words of requirements §2.2; the bot and themselves apart."""


def at(name: str) -> str:
    return f"@{name}:school.example"


TOWN = Facts(
    generation=1,
    service=frozenset({BOT}),
    ghost_prefix="@sferum_",
    people={at(name): frozenset(keys) for name, keys in ROLES.items()},
    kin={at("pupil"): frozenset({at("mother")})},
    schools=SCHOOLS,
    rooms={
        "!space": RoomFact(
            "1", "class", frozenset({f"class/5a/{r}" for r in ("pupils", "parents", "leaders")})
        ),
    },
)


@pytest.mark.parametrize("actor", CONTACTS)
@pytest.mark.parametrize("target", CONTACTS)
def test_the_rights_table(actor: str, target: str) -> None:
    expected = actor == target or target in CONTACTS[actor].split()
    assert may_contact(at(actor), at(target), TOWN).allowed is expected
    assert may_contact(at(actor), BOT, TOWN).allowed


def test_a_school_changes_single_rows() -> None:
    changes = {"pupils>pupils": "none", "parents>administrators": "school"}
    facts = replace(TOWN, schools={**SCHOOLS, "1": replace(SCHOOLS["1"], contacts=changes)})
    assert not may_contact(at("pupil"), at("classmate"), facts)
    assert may_contact(at("mother"), at("head"), facts)
    assert may_contact(at("pupil"), at("leader"), facts)
    assert not may_contact(at("pupil_9"), at("head"), facts)


@pytest.mark.parametrize(
    "changes", [{"pupils": "none"}, {"pupils>cats": "none"}, {"pupils>pupils": "town"}]
)
def test_a_change_that_says_nothing_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(rights.UnknownRightError):
        rights.changed(changes)


def test_seeing_follows_shared_rooms_and_meeting() -> None:
    assert may_see(at("other_parent"), at("pupil"), TOWN).reason is Reason.SHARED_ROOM
    assert not may_meet(at("other_parent"), at("pupil"), TOWN)
    assert not may_find(at("other_parent"), at("pupil"), TOWN)
    assert not may_see(at("parent_b"), at("pupil"), TOWN)
    assert may_see(at("pupil"), at("head"), TOWN)
    assert may_see(at("pupil"), GHOST, TOWN)
    assert not may_see(at("outsider"), GHOST, TOWN)


@pytest.mark.parametrize(
    ("reader", "owner", "allowed"),
    [
        ("classmate", "pupil", True),
        ("other_parent", "pupil", True),
        ("parent_b", "pupil", False),
        ("clerk", "pupil_b", True),
        ("pupil_b", "leader", True),
        ("pupil_9", "leader", False),
        ("pupil", "graduate", True),
        ("pupil_9", "graduate", False),
        ("outsider", "graduate", False),
        ("outsider", "pupil", False),
        ("pupil", "outsider", False),
        ("graduate", "pupil", False),
        ("outsider", "other_outsider", True),
    ],
)
def test_whose_files_are_read_by_whom(reader: str, owner: str, *, allowed: bool) -> None:
    assert may_read_media(at(reader), at(owner), TOWN).allowed is allowed


def test_what_the_bridge_puts_up_is_for_whom_it_is_shown_to() -> None:
    for owner, reader, reason in (
        (BOT, "pupil", Reason.SHOWN),
        (GHOST, "pupil", Reason.SHOWN),
        (BOT, "outsider", Reason.SHOWN),
        (BOT, "graduate", Reason.SHOWN),
        (GHOST, "outsider", Reason.OUTSIDE),
        (GHOST, "graduate", Reason.OUTSIDE),
    ):
        decision = may_read_media(at(reader), owner, TOWN)
        assert decision == Decision(allowed=False, reason=reason)
        assert may_read_media(BOT, owner, TOWN)


@pytest.mark.parametrize(
    ("actor", "others", "reason"),
    [
        ("pupil", ["classmate"], Reason.RIGHT),
        ("pupil", ["mother"], Reason.RIGHT),
        ("pupil", ["classmate", "leader"], Reason.NOT_HOST),
        ("leader", ["pupil", "classmate"], Reason.RIGHT),
        ("leader", ["pupil", "mother"], Reason.RIGHT),
        ("leader", ["pupil", "other_parent"], Reason.COMPANY),
        ("leader", ["pupil", "outsider"], Reason.OUTSIDE),
        ("outsider", ["pupil"], Reason.OUTSIDE),
        ("outsider", ["graduate", "other_outsider"], Reason.RIGHT),
    ],
)
def test_rooms_of_ones_own(actor: str, others: Sequence[str], reason: Reason) -> None:
    decision = may_create(at(actor), [at(other) for other in others], TOWN)
    assert decision.reason is reason
    assert decision.allowed is (reason is Reason.RIGHT)


# --- whatever the facts are ---------------------------------------------------------------------

KEYS = [
    f"{scope}/{place}/{role}"
    for scope, places, roles in (
        ("school", ("1", "2"), ("administrators", "staff", "former")),
        ("class", ("5a", "5b", "9a"), ("leaders", "teachers", "pupils", "parents")),
    )
    for place in places
    for role in roles
]
user_ids = st.sampled_from([BOT, GHOST, FAR_GHOST, *(at(name) for name in "abcdef")])
room_ids = st.sampled_from(["!1", "!2", "!3"])
groups = st.frozensets(st.sampled_from(KEYS), max_size=4)
room_facts = st.builds(RoomFact, st.just("1"), st.just("k"), groups, st.booleans())
people = st.sampled_from([at(name) for name in "abcdef"])
all_facts = st.builds(
    Facts,
    generation=st.integers(0, 9),
    service=st.sampled_from([frozenset[str](), frozenset({BOT})]),
    ghost_prefix=st.sampled_from(["", "@sferum_"]),
    people=st.dictionaries(people, groups),
    rooms=st.dictionaries(room_ids, room_facts),
    kin=st.dictionaries(people, st.frozensets(people, max_size=2)),
    schools=st.just(SCHOOLS),
)
actions = st.sampled_from(list(Action))


@given(actions, user_ids, user_ids, room_ids, all_facts)
def test_nobody_enters_a_school_room_without_a_reason(
    action: Action, actor: str, target: str, room_id: str, facts: Facts
) -> None:
    room = facts.rooms.get(room_id)
    if room is None or not decide(action, actor, target, room_id, facts).allowed:
        return
    is_service = target in facts.service
    is_ghost = facts.side(target) is Side.GHOST and room.linked
    belongs = bool(room.audience & facts.people.get(target, frozenset()))
    assert is_service or is_ghost or belongs


@given(user_ids, user_ids, room_ids, all_facts)
def test_only_the_bridge_invites_people_to_a_school_room(
    actor: str, target: str, room_id: str, facts: Facts
) -> None:
    if actor in facts.service or target in facts.service or room_id not in facts.rooms:
        return
    assert not decide(Action.INVITE, actor, target, room_id, facts).allowed


@given(user_ids, room_ids, all_facts)
def test_whoever_may_be_invited_may_join(target: str, room_id: str, facts: Facts) -> None:
    for actor in facts.service:
        invite = decide(Action.INVITE, actor, target, room_id, facts)
        join = decide(Action.JOIN, target, target, room_id, facts)
        if room_id in facts.rooms:
            assert invite.allowed == join.allowed


@given(user_ids, user_ids, all_facts)
def test_the_wall_is_closed_both_ways(one: str, other: str, facts: Facts) -> None:
    if {facts.side(one), facts.side(other)} != {Side.EDUCATIONAL, Side.OUTSIDER}:
        return
    for question in (may_contact, may_meet, may_see, may_find):
        assert not question(one, other, facts)
    assert not may_read_media(one, other, facts)


def test_a_room_that_admits_those_who_left_shows_nobody_to_them() -> None:
    audience = frozenset({"school/1/former", "class/5a/pupils"})
    facts = replace(TOWN, rooms={"!odd": RoomFact("1", "k", audience)})
    assert not may_see(at("pupil"), at("graduate"), facts)
    assert not may_see(at("graduate"), at("pupil"), facts)


@given(user_ids, user_ids, all_facts)
def test_outsiders_among_themselves_are_left_alone(one: str, other: str, facts: Facts) -> None:
    if {facts.side(one), facts.side(other)} != {Side.OUTSIDER}:
        return
    for question in (may_contact, may_meet, may_see, may_find):
        assert question(one, other, facts)
    assert decide(Action.INVITE, one, other, "!none", facts, company=[one])


@given(user_ids, user_ids, all_facts)
def test_rights_contain_each_other(one: str, other: str, facts: Facts) -> None:
    met = may_meet(one, other, facts).allowed
    assert met is may_meet(other, one, facts).allowed
    assert may_contact(one, other, facts).allowed <= met <= may_see(one, other, facts).allowed


@given(user_ids, user_ids, all_facts)
def test_schools_do_not_mix(one: str, other: str, facts: Facts) -> None:
    places = [
        {facts.schools_of[group] for group in facts.people.get(user, ())} for user in (one, other)
    ]
    kin = other in facts.kin.get(one, ()) or one in facts.kin.get(other, ())
    educational = facts.side(one) is facts.side(other) is Side.EDUCATIONAL
    if one != other and educational and not kin and not places[0] & places[1]:
        assert not may_meet(one, other, facts)


@given(actions, user_ids, user_ids, st.lists(user_ids, max_size=4), all_facts)
def test_in_ones_own_room_everybody_may_meet_the_newcomer(
    action: Action, actor: str, target: str, company: list[str], facts: Facts
) -> None:
    if not decide(action, actor, target, "!none", facts, company=company):
        return
    for user in company:
        assert may_meet(target, user, facts) or facts.service & {target, user}


@given(user_ids, user_ids, all_facts, all_facts, st.sampled_from(["same rooms", "others"]))
def test_what_an_earlier_generation_derived_changes_no_answer(
    one: str, other: str, earlier: Facts, later: Facts, rooms: str
) -> None:
    fresh = replace(later, rooms=earlier.rooms) if rooms == "same rooms" else later
    heir = replace(fresh).inherit(earlier.prepare())
    assert ("standings" in heir.__dict__) is (rooms == "same rooms")
    heir.prepare()
    for question in (may_contact, may_meet, may_see, may_find, may_read_media):
        assert question(one, other, heir) == question(one, other, fresh)
    assert heir.side(one) is fresh.side(one)
