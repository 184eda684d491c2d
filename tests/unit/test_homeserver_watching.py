"""Which changed rooms are looked at, from where on, and how often it is tried again to leave."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from synapse.storage.databases.main.roommember import EventIdMembership
from synapse.storage.databases.main.state_deltas import StateDelta

from sferum_bridge.homeserver.inside import AT_ONCE
from sferum_bridge.homeserver.watching import FIRST_RETRY, Watch
from sferum_bridge.school.contour import Facts, RoomFact, SchoolFact

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

PUPIL, OTHER, STRANGER, BOT = "@pupil:x", "@other:x", "@stranger:x", "@bot:x"
FACTS = Facts(
    generation=1,
    service=frozenset({BOT}),
    people={user: frozenset({"class/1/pupils"}) for user in (PUPIL, OTHER)},
    rooms={"!class": RoomFact("1", "pupils", frozenset({"class/1/pupils"}))},
    schools={"1": SchoolFact(classes=frozenset({"1"}))},
)


class Synapse:
    """What of Synapse is asked: its record of changed state, members of rooms, its database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.newest = 100
        self.changes: list[StateDelta] = []
        self.members: dict[str, list[str]] = {}
        self.sleeps = 0

    def get_datastores(self) -> Any:
        return self

    @property
    def main(self) -> Synapse:
        return self

    def get_room_max_stream_ordering(self) -> int:
        return self.newest

    async def get_partial_current_state_deltas(
        self, after: int, upto: int
    ) -> tuple[int, list[StateDelta]]:
        return upto, [change for change in self.changes if after < change.stream_id <= upto]

    async def get_membership_from_event_ids(
        self, ids: Iterable[str]
    ) -> dict[str, EventIdMembership | None]:
        """Every event here is called by its membership."""
        return {i: EventIdMembership("", i.lstrip("$")) for i in ids}

    async def get_local_users_in_room(self, room_id: str) -> list[str]:
        return self.members.get(room_id, [])

    async def run_db_interaction(
        self, _: str, func: Callable[..., Any], *arguments: object
    ) -> object:
        return func(self.connection.cursor(), *arguments)

    async def sleep(self, _: float) -> None:
        self.sleeps += 1

    def change(
        self, room: str, user: str, now: str | None = "$join", before: str | None = None
    ) -> None:
        """Have somebody's membership become another."""
        self.newest += 1
        self.changes.append(StateDelta(self.newest, room, "m.room.member", user, now, before))


class Leaving:
    """Takes note of who is looked at, and where."""

    def __init__(self) -> None:
        self.stuck: set[str] = set()
        self.stays: set[str] = set()
        self.fails: set[str] = set()
        self.looked: list[tuple[str, object]] = []

    async def look(self, user: str, facts: Facts, only: Container[str] | None = None) -> None:
        assert facts is FACTS
        self.looked.append((user, only))
        if user in self.fails:
            raise RuntimeError(user)
        if only is None:
            self.stuck.discard(user)
        if user in self.stays:
            self.stuck.add(user)


async def facts() -> Facts:
    return FACTS


@pytest.fixture
def synapse() -> Iterator[Synapse]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield Synapse(connection)


def watch(synapse: Any, leaving: Any) -> Watch:
    return Watch(synapse, synapse, facts, leaving)


async def test_people_of_the_school_are_looked_at_in_rooms_that_changed(synapse: Synapse) -> None:
    await watch(synapse, Leaving()).look()
    leaving = Leaving()
    watching = watch(synapse, leaving)
    await watching.look()
    assert not leaving.looked
    synapse.members = {room: [OTHER, STRANGER] for room in ("!own", "!left", "!met")}
    synapse.change("!class", PUPIL)
    synapse.change("!strangers", STRANGER)
    synapse.change("!gone", PUPIL, None, "$join")
    synapse.change("!renamed", PUPIL, "$join", "$join")
    synapse.change("!back", PUPIL, "$join", "$leave")
    synapse.change("!own", STRANGER, "$invite")
    synapse.change("!left", STRANGER, "$leave", "$join")
    synapse.change("!met", BOT)
    await watching.look()
    assert sorted(leaving.looked, key=str) == [(OTHER, {"!own"}), (PUPIL, {"!back"})]
    await watching.look()
    assert len(leaving.looked) == 2


async def test_at_the_first_start_everybody_of_the_school_is_looked_at(
    synapse: Synapse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sferum_bridge.homeserver.watching.AT_FIRST", 1)
    await watch(synapse, Leaving()).look()
    # That start was cut short: the next begins anew.
    leaving = Leaving()
    watching = watch(synapse, leaving)
    for _ in range(3):
        await watching.look()
    assert leaving.looked == [(PUPIL, None), (OTHER, None)]
    leaving = Leaving()
    await watch(synapse, leaving).look()
    assert not leaving.looked


async def test_a_crowd_lets_others_have_their_turns(synapse: Synapse) -> None:
    await watch(synapse, Leaving()).look()
    leaving = Leaving()
    watching = watch(synapse, leaving)
    synapse.members = {"!own": [OTHER]}
    for number in range(3 * AT_ONCE):
        synapse.change("!own", f"@s{number}:y")
        synapse.change("!theirs", f"@s{number}:y")
    await watching.look()
    assert leaving.looked == [(OTHER, {"!own"})]
    assert synapse.sleeps == 5


async def test_another_start_goes_on_where_it_was(synapse: Synapse) -> None:
    await watch(synapse, Leaving()).look()
    synapse.change("!back", PUPIL)
    leaving = Leaving()
    await watch(synapse, leaving).look()
    assert leaving.looked == [(PUPIL, {"!back"})]
    leaving = Leaving()
    await watch(synapse, leaving).look()
    assert not leaving.looked


async def test_who_could_not_leave_is_looked_at_again_ever_more_seldom(synapse: Synapse) -> None:
    await watch(synapse, Leaving()).look()
    leaving = Leaving()
    watching = watch(synapse, leaving)
    await watching.look()
    leaving.stays = {PUPIL}
    synapse.change("!back", PUPIL)
    looks = []
    for number in range(1 + 7 * FIRST_RETRY):
        before = len(leaving.looked)
        await watching.look()
        looks += [number] * (len(leaving.looked) - before)
    assert looks == [0, FIRST_RETRY - 1, 3 * FIRST_RETRY - 1, 7 * FIRST_RETRY - 1]
    again = Leaving()
    await watch(synapse, again).look()
    assert again.looked == [(PUPIL, {"!back"})], "so that it is not forgotten at a restart"


async def test_one_who_cannot_be_looked_at_keeps_nobody_else(synapse: Synapse) -> None:
    await watch(synapse, Leaving()).look()
    leaving = Leaving()
    watching = watch(synapse, leaving)
    await watching.look()
    leaving.fails = {PUPIL}
    synapse.change("!back", PUPIL)
    await watching.look()
    synapse.change("!back", OTHER)
    await watching.look()
    assert [user for user, _ in leaving.looked] == [PUPIL, OTHER]
    assert leaving.stuck == {PUPIL}
