"""What opening a school year changes, for whoever decides: classes, people, rooms, joins, leaves.

Rooms are compared as the layout wants them before and behind the day, so what is shown is what the
executor does. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import layout
from sferum_bridge.school.people import Enrolment, Leadership
from sferum_bridge.school.year import Fate, after

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sferum_bridge.school.layout import Kind, WantedRoom
    from sferum_bridge.school.people import School, SchoolClass
    from sferum_bridge.school.year import Plan


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody whose class changes. Ids of classes; empty for into or out of the school."""

    person_id: str
    from_id: str
    to_id: str
    singled_out: bool = False
    """Whether they do not go where their class goes."""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What happens to one room; joins and leaves name people, of whom some may have no account."""

    kind: Kind
    before: SchoolClass | None
    """The class as it is today; none for a room that is made."""
    now: SchoolClass
    """The class as it is then."""
    closes: bool
    joins: Sequence[str]
    leaves: Sequence[str]

    @property
    def is_renamed(self) -> bool:
        """Tell whether it gets another name."""
        return self.before is not None and (self.closes or self.before.name != self.now.name)


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything a plan does to a school."""

    plan: Plan
    then: School
    """The school as it is behind the day."""
    pupils: Sequence[Move]
    leaders: Sequence[Move]
    """Class teachers: `from_id` is led no more, `to_id` is led from now on."""
    rooms: Sequence[RoomChange]


def preview(school: School, plan: Plan) -> Preview:
    """Return what a plan without problems does to a school."""
    then = after(school, plan)
    return Preview(plan, then, moves(plan), _leaders(plan), _rooms(school, then, plan.day, plan))


def moves(plan: Plan) -> Sequence[Move]:
    """Return the pupils whose class changes."""
    over = [tie for tie in plan.changes.over if isinstance(tie, Enrolment)]
    left = {tie.person_id: tie.class_id for tie in over}
    entered = {
        tie.person_id: tie.class_id for tie in plan.changes.begins if isinstance(tie, Enrolment)
    }
    return [
        Move(id_, left.get(id_, ""), entered.get(id_, ""), id_ in plan.singled_out)
        for id_ in dict.fromkeys((*left, *entered))
    ]


def _leaders(plan: Plan) -> Sequence[Move]:
    over = [tie for tie in plan.changes.over if isinstance(tie, Leadership)]
    begins = [tie for tie in plan.changes.begins if isinstance(tie, Leadership)]
    return [
        *(Move(tie.person_id, tie.class_id, "") for tie in over),
        *(Move(tie.person_id, "", tie.class_id) for tie in begins),
    ]


def _rooms(school: School, then: School, day: date, plan: Plan) -> Sequence[RoomChange]:
    """Compare what is wanted on the day without and with the plan, for rooms of its classes."""
    closing = {s.class_id for s in plan.steps if s.fate in {Fate.MERGED, Fate.GRADUATED}}
    planned = {step.class_id for step in plan.steps}
    before = {room.key: room for room in layout(school, day)}
    found = []
    for room in layout(then, day):
        if room.class_id not in planned:
            continue
        old = before.get(room.key)
        was, now = _members(old), _members(room)
        change = RoomChange(
            room.kind,
            school.classes.get(room.class_id),
            then.classes[room.class_id],
            room.class_id in closing,
            sorted(now - was),
            sorted(was - now),
        )
        if old is None or change.is_renamed or change.joins or change.leaves:
            found.append(change)
    return found


def _members(room: WantedRoom | None) -> set[str]:
    return set(room.members) if room else set()
