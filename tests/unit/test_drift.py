"""What counts as a drift, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.drift import (
    MEMBER,
    NAME,
    OFF,
    POWER,
    WATCHED,
    Act,
    Drift,
    Event,
    Kind,
    State,
    Target,
    compare,
    members_in,
    power_of,
)

BOT, GHOST = "@bot:school.example", "@sferum_1:school.example"
TEACHER, PUPIL, STRANGER = "@t:school.example", "@p:school.example", "@s:school.example"
LEVELS: dict[str, Any] = {"users": {TEACHER: 50}, "users_default": 0, "invite": 100}
RULES = ("m.room.join_rules", "")
TARGET = Target(
    bot=BOT,
    ghosts="@sferum_",
    shape={POWER: LEVELS, NAME: {"name": "5А"}, RULES: {"join_rule": "restricted"}},
    before={},
    members=frozenset({TEACHER, PUPIL}),
    known={TEACHER: "join", PUPIL: "join"},
)


def member(mxid: str, membership: str, by: str = "") -> dict[tuple[str, str], Event]:
    return {(MEMBER, mxid): Event({"membership": membership}, by or mxid)}


AS_IT_SHOULD_BE: State = {
    POWER: Event({**LEVELS, "historical": 100}, BOT),
    NAME: Event({"name": "5А"}, BOT),
    RULES: Event({"join_rule": "restricted"}, BOT),
    **member(BOT, "join"),
    **member(TEACHER, "join"),
    **member(PUPIL, "join"),
}


def found(state: dict[Any, Event], target: Target = TARGET) -> list[tuple[Kind, Act, str, str]]:
    return [
        (d.kind, d.act, d.actor, d.subject) for d in compare(target, {**AS_IT_SHOULD_BE, **state})
    ]


def test_a_room_as_it_should_be_has_not_drifted() -> None:
    assert found({}) == []


def test_what_the_bridge_is_about_to_do_is_no_drift() -> None:
    # A new class teacher and a new name are wanted, a pupil came and one is about to be removed.
    soon = replace(
        TARGET,
        shape={**TARGET.shape, POWER: {**LEVELS, "users": {}}, NAME: {"name": "6А"}},
        before={POWER: LEVELS, NAME: {"name": "5А"}},
        members=frozenset({TEACHER, STRANGER}),
    )
    assert found({}, soon) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({NAME: Event({"name": "x"}, TEACHER)}, (Kind.NAME, Act.PUT_BACK, TEACHER, "")),
        (
            {POWER: Event({**LEVELS, "users": {TEACHER: 100}}, BOT)},
            (Kind.POWER, Act.PUT_BACK, BOT, ""),
        ),
        ({POWER: Event({}, BOT)}, (Kind.POWER, Act.PUT_BACK, BOT, "")),
        ({RULES: Event({"join_rule": "public"}, TEACHER)}, (Kind.ENTRY, Act.PUT_BACK, TEACHER, "")),
        (
            {("m.room.canonical_alias", ""): Event({"alias": "#a:b"}, TEACHER)},
            (Kind.ADDED, Act.PUT_BACK, TEACHER, ""),
        ),
        (
            {("m.space.child", "!x"): Event({"via": ["a"]}, TEACHER)},
            (Kind.SPACE, Act.PUT_BACK, TEACHER, ""),
        ),
        (
            {("m.room.tombstone", ""): Event({"replacement_room": "!x"}, TEACHER)},
            (Kind.UPGRADED, Act.REPORT, TEACHER, ""),
        ),
        (
            {("m.room.encryption", ""): Event({"algorithm": "m"}, TEACHER)},
            (Kind.ENCRYPTED, Act.REPORT, TEACHER, ""),
        ),
        (member(STRANGER, "invite", TEACHER), (Kind.STRANGER, Act.REMOVE, TEACHER, STRANGER)),
        (member(STRANGER, "join"), (Kind.STRANGER, Act.REMOVE, STRANGER, STRANGER)),
        (member(STRANGER, "knock"), (Kind.STRANGER, Act.REMOVE, STRANGER, STRANGER)),
        (member(PUPIL, "leave", TEACHER), (Kind.REMOVED, Act.BRING_BACK, TEACHER, PUPIL)),
        (member(PUPIL, "leave"), (Kind.LEFT, Act.LET_BE, PUPIL, PUPIL)),
        (member(PUPIL, "ban", TEACHER), (Kind.BANNED, Act.LET_BE, TEACHER, PUPIL)),
    ],
)
def test_each_drift_has_its_act(
    state: dict[Any, Event], expected: tuple[Kind, Act, str, str]
) -> None:
    assert found(state) == [expected]


@pytest.mark.parametrize(
    "state",
    [
        member(GHOST, "join"),
        member(STRANGER, "ban", TEACHER),
        member(STRANGER, "leave"),
        {("m.room.topic", ""): Event({"topic": "x"}, TEACHER)},
        {("m.room.avatar", ""): Event({"url": "mxc://a/b"}, TEACHER)},
        {("m.room.pinned_events", ""): Event({"pinned": ["$a"]}, TEACHER)},
        *({(kind, "k"): Event(content, BOT)} for kind, content in OFF.items()),
    ],
)
def test_what_is_nobodys_business(state: dict[Any, Event]) -> None:
    assert found(state) == []


def test_who_was_never_brought_in_has_not_left() -> None:
    # They left long ago, lost the role and got it again: the bridge is about to bring them in.
    unknown = replace(TARGET, known={TEACHER: "join"})
    assert found(member(PUPIL, "leave"), unknown) == []


def test_a_ban_is_noted_once() -> None:
    noted = replace(TARGET, known={TEACHER: "join"}, staying_out={PUPIL: "banned"})
    assert found(member(PUPIL, "ban", TEACHER), noted) == []


def test_powers_come_first_since_the_rest_needs_them() -> None:
    state = {
        NAME: Event({"name": "x"}, TEACHER),
        **member(STRANGER, "join"),
        POWER: Event({**LEVELS, "invite": 0}, BOT),
    }
    assert found(state)[0][0] is Kind.POWER


@pytest.mark.parametrize("users", [{TEACHER: 100}, {TEACHER: "100"}, None, []])
def test_powers_of_any_form_are_read(users: Any) -> None:
    state = {POWER: Event({"users": users}, BOT)}
    assert power_of(TEACHER, state) == (100 if users == {TEACHER: 100} else 0)


_texts = st.sampled_from([BOT, TEACHER, PUPIL, STRANGER, GHOST])
_contents: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["membership", "users", "name", "via", "join_rule", "alias"]),
    st.sampled_from(["join", "invite", "leave", "ban", "knock", "public", 7, None, [], {}]),
)
_states = st.dictionaries(
    st.tuples(st.sampled_from([MEMBER, *sorted(WATCHED)]), _texts | st.just("")),
    st.builds(Event, _contents, _texts),
)


@given(_states)
def test_once_everything_is_done_nothing_has_drifted(state: dict[Any, Event]) -> None:
    """Whatever a room's state is, carrying the drifts out leaves only what is reported."""
    drifts = compare(TARGET, state)
    after, known, out = dict(state), dict(TARGET.known), {}
    for drift in drifts:
        match drift:
            case Drift(act=Act.PUT_BACK, key=key, content=content) if content is not None:
                after[key] = Event(content, BOT)
            case Drift(act=Act.REMOVE, subject=mxid):
                after[MEMBER, mxid] = Event({"membership": "leave"}, BOT)
            case Drift(kind=kind, act=Act.LET_BE, subject=mxid):
                out[mxid] = kind.value
    now = {mxid: how for mxid, how in members_in(after).items() if mxid != BOT}
    known = {mxid: how for mxid, how in now.items() if not mxid.startswith("@sferum_")}
    again = compare(replace(TARGET, known=known, staying_out=out), after)
    assert {drift.act for drift in again} <= {Act.REPORT}
