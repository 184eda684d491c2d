"""A room as the database has it: what is wanted of it, and what the bridge did to it last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import shape
from sferum_bridge.school.drift import CREATE, NAME, POWER, Event, Target, says
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import absences, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.school.drift import Content, Key, State
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.rooms import RoomRecord
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one room at one moment; two are equal when nothing was changed between."""

    record: SchoolRecord
    wanted: Wanted
    room: RoomRecord
    gate: str
    children: Mapping[str, bool]
    """Rooms that are to hang in it → whether the bridge has hung them there."""
    members: Mapping[str, str]
    staying_out: Mapping[str, str]

    def target(self, state: State, *, bot: str, ghosts: str) -> Target:
        """Return how the room has to be; of which version it is its own state says."""
        domain = bot.partition(":")[2]
        version = version_of(state)
        hung = [room_id for room_id, done in self.children.items() if done]
        wanted = shape.state(
            self.wanted, gate=self.gate, bot=bot, version=version, children=hung, domain=domain
        )
        return Target(
            bot=bot,
            ghosts=ghosts,
            shape=wanted,
            before=self._before(bot, version, domain),
            members=frozenset(self.wanted.members),
            known=self.members,
            staying_out=self.staying_out,
        )

    def _before(self, bot: str, version: str, domain: str) -> dict[Key, Content]:
        child: Content = shape.child(domain)
        before = {("m.space.child", room_id): child for room_id in self.children}
        actual = self.room.actual
        if "name" in actual:
            before[NAME] = {"name": actual["name"]}
        if "users" in actual:
            plan = self.wanted.room.plan
            before[POWER] = shape.last_levels(plan, actual, bot=bot, version=version)
        return before

    def actual(self, target: Target, state: State, put_back: Iterable[Key]) -> dict[str, Any]:
        """Return the shape to note as the room's last known one after a look."""
        now = dict(self.room.actual)
        done = {
            each
            for each in (NAME, POWER)
            if each in state and says(state[each].content, target.shape[each])
        }
        done |= set(put_back)
        if NAME in done:
            now["name"] = self.wanted.name
        if POWER in done:
            now |= shape.levels_given(self.wanted)
        now["version"] = version_of(state)
        return now


def version_of(state: State) -> str:
    """Return the version of a room."""
    create = state.get((CREATE, ""))
    return str(create.content.get("room_version", "1")) if create else ""


def read_state(events: Iterable[Any]) -> State:
    """Return state events by type and state key; what is no event is left out."""
    return {
        (event["type"], event["state_key"]): Event(event["content"], event["sender"])
        for event in events
        if isinstance(event, dict)
        and isinstance(event.get("content"), dict)
        and all(isinstance(event.get(key), str) for key in ("type", "state_key", "sender"))
    }


async def view(tx: Tx, wishes: Wishes, room_key: str) -> View | None:
    """Read a room; `None` for one that is not made yet, or that nobody wants any more."""
    room = await rooms.by_key(tx, room_key)
    records = {record.id: record for record in await schools.records(tx)}
    if room is None or not room.room_id or room.school_id not in records:
        return None
    record = records[room.school_id]
    wanted = await wishes.of(tx, record)
    one = next((one for one in wanted if one.room.key == room_key), None)
    if one is None:
        return None
    inside = [each.room.key for each in wanted if each.room.parent == room_key]
    gate_key = key(Kind.GATE, record.id)
    # Not all rooms of the school: each of them is looked at.
    known = await rooms.by_keys(tx, [*inside, gate_key])
    gate = known.get(gate_key) if room_key != gate_key else None
    return View(
        record=record,
        wanted=one,
        room=room,
        gate=gate.room_id if gate else "",
        children={
            each.room_id: each.actual.get("space") == room.room_id
            for each in map(known.get, inside)
            if each and each.room_id
        },
        members=await rooms.members(tx, room.room_id),
        staying_out=await absences.of_room(tx, room.room_id),
    )
