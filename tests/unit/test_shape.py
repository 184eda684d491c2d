"""What may be set in rooms inside the contour."""

from __future__ import annotations

from typing import Any

import pytest

from sferum_bridge.school import shape
from sferum_bridge.school.contour import Facts, RoomFact, SchoolFact

BOT, PUPIL, TEACHER, HEAD, OUTSIDER = (
    f"@{name}:school.example" for name in ("sferumbot", "pupil", "teacher", "head", "outsider")
)
FACTS = Facts(
    service=frozenset({BOT}),
    people={
        PUPIL: frozenset({"class/1/pupils"}),
        TEACHER: frozenset({"class/1/leaders", "school/1/staff"}),
        HEAD: frozenset({"school/1/administrators", "school/1/staff"}),
    },
    schools={"1": SchoolFact(frozenset({"1"}))},
    rooms={"!class": RoomFact("1", "pupils", frozenset({"class/1/pupils", "class/1/leaders"}))},
)

OPENINGS: list[tuple[str, dict[str, Any]]] = [
    ("m.room.join_rules", {"join_rule": "public"}),
    ("m.room.join_rules", {"join_rule": "knock"}),
    ("m.room.join_rules", {"join_rule": "restricted", "allow": []}),
    ("m.room.join_rules", {}),
    ("m.room.history_visibility", {"history_visibility": "world_readable"}),
    ("m.room.history_visibility", {"history_visibility": ["shared"]}),
    ("m.room.guest_access", {"guest_access": "can_join"}),
    ("m.room.canonical_alias", {"alias": "#a:school.example"}),
    ("m.room.tombstone", {"replacement_room": "!b"}),
    ("m.room.third_party_invite", {}),
    ("m.room.policy", {"via": "elsewhere.example"}),
    ("im.vector.modular.widgets", {"url": "https://elsewhere.example"}),
    ("m.room.create", {}),
    ("m.room.create", {"m.federate": True}),
    ("m.room.create", {"m.federate": False, "predecessor": {"room_id": "!a"}}),
    ("ru.sferum.chat", {}),
    ("io.github.sferum_bridge.room", {}),
]


@pytest.mark.parametrize(("kind", "content"), OPENINGS)
@pytest.mark.parametrize("actor", [PUPIL, TEACHER, HEAD])
@pytest.mark.parametrize("room", ["!class", "!own"])
def test_nobody_of_the_school_opens_a_room(
    actor: str, room: str, kind: str, content: dict[str, Any]
) -> None:
    try:
        assert not shape.may_set(actor, room, kind, content, FACTS)
    except TypeError:  # a value of a type that no set can hold
        pytest.fail("a mangled value must be refused, not raise")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("m.room.join_rules", {"join_rule": "invite"}),
        ("m.room.history_visibility", {"history_visibility": "joined"}),
        ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
        ("m.room.name", {"name": "x"}),
        ("m.room.power_levels", {}),
        ("m.room.create", {"m.federate": False}),
    ],
)
def test_a_room_of_ones_own_is_ones_own_business(kind: str, content: dict[str, Any]) -> None:
    assert shape.may_set(PUPIL, "!own", kind, content, FACTS)
    assert not shape.may_set(PUPIL, "!class", kind, content, FACTS)
    assert shape.may_set(BOT, "!class", kind, content, FACTS)


@pytest.mark.parametrize("kind", ["m.room.topic", "m.room.pinned_events", "m.room.avatar"])
def test_people_change_what_opens_nothing(kind: str) -> None:
    assert shape.may_set(TEACHER, "!class", kind, {}, FACTS)


def test_outsiders_rooms_are_left_alone() -> None:
    for kind, content in OPENINGS:
        ours = kind.startswith(shape.OURS)
        assert shape.may_set(OUTSIDER, "!theirs", kind, content, FACTS) is not ours
        assert not shape.may_set(OUTSIDER, "!class", kind, content, FACTS)


@pytest.mark.parametrize(
    ("users", "allowed"),
    [
        ({BOT: 100, TEACHER: 50, PUPIL: 0}, True),
        ({BOT: 100, TEACHER: 100}, False),
        ({BOT: 100, OUTSIDER: 50}, False),
        ({BOT: 100, HEAD: 50}, False),
        ({BOT: 100, OUTSIDER: 0}, True),
        ({BOT: 100, TEACHER: "50"}, False),
        ({BOT: 100, TEACHER: -1}, False),
        ("everybody", True),
    ],
)
def test_power_is_for_those_who_belong(users: Any, *, allowed: bool) -> None:
    assert shape.may_hold_power({"users": users}, "!class", FACTS) is allowed
    assert shape.may_hold_power({"users": users}, "!own", FACTS)


@pytest.mark.parametrize(
    ("actor", "target", "allowed"),
    [
        (TEACHER, PUPIL, True),
        (TEACHER, OUTSIDER, True),
        (TEACHER, HEAD, False),
        (TEACHER, BOT, False),
        (HEAD, TEACHER, True),
        (HEAD, BOT, False),
        (BOT, TEACHER, True),
        (TEACHER, TEACHER, True),
    ],
)
def test_who_removes_whom(actor: str, target: str, *, allowed: bool) -> None:
    assert shape.may_remove(actor, target, "!class", FACTS) is allowed


def test_a_ban_from_a_strangers_room_reaches_nobody_of_the_school() -> None:
    assert not shape.may_remove(OUTSIDER, PUPIL, "!theirs", FACTS)
    assert shape.may_remove(OUTSIDER, "@other:school.example", "!theirs", FACTS)
    assert shape.may_remove(TEACHER, PUPIL, "!own", FACTS)


def test_a_ban_tells_nobody_who_is_neither_met_nor_of_the_room() -> None:
    assert shape.may_tell(TEACHER, PUPIL, "!class", FACTS)
    assert shape.may_tell(BOT, OUTSIDER, "!class", FACTS)
    assert shape.may_tell(OUTSIDER, OUTSIDER, "!class", FACTS)
    assert not shape.may_tell(TEACHER, OUTSIDER, "!class", FACTS)
    assert not shape.may_tell(TEACHER, OUTSIDER, "!own", FACTS)
