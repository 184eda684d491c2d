"""The contour's decisions: by table, and whatever the facts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.contour import Action, Decision, Facts, Reason, RoomFact, decide

BOT = "@sferumbot:school.example"
PUPIL = "@pupil:school.example"
PARENT = "@parent:school.example"
OUTSIDER = "@outsider:school.example"
GHOST = "@sferum_1:school.example"

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
        (Action.INVITE, OUTSIDER, PUPIL, OTHER_ROOM, True, Reason.NOT_OURS),
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


user_ids = st.sampled_from(["@bot:x", "@sferum_1:x", "@sferum_2:x", "@a:x", "@b:x", "@c:x"])
room_ids = st.sampled_from(["!1", "!2", "!3"])
groups = st.frozensets(st.sampled_from(["g1", "g2", "g3"]))
room_facts = st.builds(RoomFact, st.just("s"), st.just("k"), groups, st.booleans())
all_facts = st.builds(
    Facts,
    generation=st.integers(0, 9),
    service=st.sampled_from([frozenset[str](), frozenset({"@bot:x"})]),
    ghost_prefix=st.sampled_from(["", "@sferum_"]),
    people=st.dictionaries(user_ids, groups),
    rooms=st.dictionaries(room_ids, room_facts),
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
    is_ghost = bool(facts.ghost_prefix) and target.startswith(facts.ghost_prefix) and room.linked
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
        assert invite.allowed == join.allowed


@given(actions, user_ids, user_ids, room_ids, all_facts)
def test_rooms_of_others_are_left_alone(
    action: Action, actor: str, target: str, room_id: str, facts: Facts
) -> None:
    if room_id not in facts.rooms:
        assert decide(action, actor, target, room_id, facts).reason is Reason.NOT_OURS
