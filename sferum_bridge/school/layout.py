"""Which spaces and rooms a school has, and who is in them with what power (design §4).

The layout is derived whole from the school and the day; rooms are named by stable keys, so that a
class that is renamed keeps its room and history (S-48). The executor in `matrix.rooms` compares it
with what is known to exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school.access import Role, group, groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import School

MODERATOR = 50
MEMBER = 0


class Kind(StrEnum):
    """What a room is for."""

    GATE = "gate"
    """The bot alone: school rooms may be joined from it, so the bot can authorise a join."""
    SCHOOL = "school"
    STAFF = "staff"
    ANNOUNCEMENTS = "announcements"
    CLASS = "class"
    PUPILS = "pupils"
    PARENTS = "parents"
    MATERIALS = "materials"


@dataclass(frozen=True, slots=True)
class Plan:
    """How rooms of a kind are made: whom they admit, who moderates, and how they behave."""

    audience: frozenset[Role]
    moderators: frozenset[Role]
    is_space: bool = False
    only_moderators_post: bool = False
    history_for_newcomers: bool = False
    """Whether people who join later read what was written before (D-12)."""


_ALL_OF_A_CLASS = frozenset({Role.PUPIL, Role.PARENT, Role.CLASS_TEACHER, Role.TEACHER})
_TEACHERS = frozenset({Role.CLASS_TEACHER, Role.TEACHER})

PLANS: Mapping[Kind, Plan] = {
    Kind.GATE: Plan(frozenset(), frozenset()),
    Kind.SCHOOL: Plan(frozenset({Role.STAFF}), frozenset({Role.ADMINISTRATOR}), is_space=True),
    Kind.STAFF: Plan(frozenset({Role.STAFF}), frozenset({Role.ADMINISTRATOR})),
    Kind.ANNOUNCEMENTS: Plan(
        frozenset({Role.STAFF}),
        frozenset({Role.ADMINISTRATOR}),
        only_moderators_post=True,
        history_for_newcomers=True,
    ),
    Kind.CLASS: Plan(_ALL_OF_A_CLASS, frozenset({Role.CLASS_TEACHER}), is_space=True),
    Kind.PUPILS: Plan(
        frozenset({Role.PUPIL, Role.CLASS_TEACHER, Role.TEACHER}), frozenset({Role.CLASS_TEACHER})
    ),
    Kind.PARENTS: Plan(
        frozenset({Role.PARENT, Role.CLASS_TEACHER}), frozenset({Role.CLASS_TEACHER})
    ),
    Kind.MATERIALS: Plan(
        _ALL_OF_A_CLASS, _TEACHERS, only_moderators_post=True, history_for_newcomers=True
    ),
}

_OF_A_SCHOOL = (Kind.SCHOOL, Kind.STAFF, Kind.ANNOUNCEMENTS)
_OF_A_CLASS = (Kind.CLASS, Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS)


@dataclass(frozen=True, slots=True)
class WantedRoom:
    """A room as it should be. `members` maps person ids to power levels."""

    key: str
    kind: Kind
    class_id: str
    """Empty for the rooms of the whole school."""
    parent: str
    """Key of the space it hangs in; empty for none."""
    audience: frozenset[str]
    """The groups it admits."""
    members: Mapping[str, int]

    @property
    def plan(self) -> Plan:
        """Return how rooms of this kind are made."""
        return PLANS[self.kind]


def key(kind: Kind, place: str) -> str:
    """Return the stable key of a room of `kind` at `place`."""
    return f"{kind.value}/{place}"


def layout(school: School, day: date) -> Sequence[WantedRoom]:
    """Return every space and room the school wants on `day`, spaces before what hangs in them."""
    by_group: dict[str, set[str]] = {}
    for person_id, keys in groups(school, day).items():
        for group_key in keys:
            by_group.setdefault(group_key, set()).add(person_id)

    def room(kind: Kind, place: str, class_id: str, parent: str) -> WantedRoom:
        plan = PLANS[kind]
        audience = {role: group(role, place) for role in plan.audience}
        members = {
            person_id: MEMBER for g in audience.values() for person_id in by_group.get(g, ())
        }
        for role in plan.moderators:
            for person_id in by_group.get(group(role, place), ()):
                members[person_id] = MODERATOR
        return WantedRoom(
            key(kind, place), kind, class_id, parent, frozenset(audience.values()), members
        )

    school_space = key(Kind.SCHOOL, school.id)
    rooms = [room(Kind.GATE, school.id, "", "")]
    rooms += [
        room(kind, school.id, "", "" if kind is Kind.SCHOOL else school_space)
        for kind in _OF_A_SCHOOL
    ]
    for class_id in sorted(school.classes, key=lambda c: school.classes[c].name):
        class_space = key(Kind.CLASS, class_id)
        rooms += [
            room(kind, class_id, class_id, school_space if kind is Kind.CLASS else class_space)
            for kind in _OF_A_CLASS
        ]
    return rooms
