"""Which spaces and rooms a school has, and who is in them with what power (design §4).

The layout is derived whole from the school and the day; rooms are named by stable keys, so that a
class that is renamed keeps its room and history (S-48). The executor in `matrix.rooms` compares it
with what is known to exist.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sferum_bridge.school.access import Role, group, groups, past_group, readers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
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
    is_read_only: bool = False
    """Whether nobody but the bot writes there: the class is no more."""


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

_CLOSED: Mapping[Kind, Plan] = {
    kind: replace(plan, moderators=frozenset(), is_read_only=True) for kind, plan in PLANS.items()
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
    is_closed: bool = False
    """Whether it is of a class that is no more."""

    @property
    def plan(self) -> Plan:
        """Return how rooms of this kind are made."""
        return _CLOSED[self.kind] if self.is_closed else PLANS[self.kind]


def key(kind: Kind, place: str) -> str:
    """Return the stable key of a room of `kind` at `place`."""
    return f"{kind.value}/{place}"


def layout(school: School, day: date) -> Sequence[WantedRoom]:
    """Return every space and room the school wants on `day`, spaces before what hangs in them."""
    members = _by_group(school, day)
    school_space = key(Kind.SCHOOL, school.id)
    rooms = [_room(members, Kind.GATE, school.id, "")]
    rooms += [
        _room(members, kind, school.id, "" if kind is Kind.SCHOOL else school_space)
        for kind in _OF_A_SCHOOL
    ]
    for one in sorted(school.classes.values(), key=lambda c: (c.name, c.year)):
        class_space = key(Kind.CLASS, one.id)
        is_closed, is_kept = one.is_closed(day), one.is_kept(day)
        hangs_in = school_space if is_kept or not is_closed else ""
        for kind in _OF_A_CLASS:
            parent = hangs_in if kind is Kind.CLASS else class_space
            if is_closed:
                rooms.append(_closed(members, kind, one.id, parent, is_kept=is_kept))
            else:
                rooms.append(_room(members, kind, one.id, parent))
    return rooms


def left_over(school: School, made: Iterable[str]) -> Sequence[WantedRoom]:
    """Return what is wanted of rooms whose class is gone: nobody in them, and nobody's to write in.

    `made` are the keys of rooms there are. A class goes when what made it is undone.
    """
    kinds = {kind.value: kind for kind in _OF_A_CLASS}
    found = []
    for each in sorted(made):
        kind, _, place = each.partition("/")
        if kind in kinds and place not in school.classes:
            found.append(_closed({}, kinds[kind], place, "", is_kept=False))
    return found


def _by_group(school: School, day: date) -> Mapping[str, AbstractSet[str]]:
    """Return group → the people in it, those of classes that are no more too."""
    found: dict[str, set[str]] = {}
    for person_id, keys in groups(school, day).items():
        for group_key in keys:
            found.setdefault(group_key, set()).add(person_id)
    for person_id, ties in readers(school, day).items():
        for tie in ties:
            found.setdefault(past_group(tie.role, tie.class_id), set()).add(person_id)
    return found


def _room(
    by_group: Mapping[str, AbstractSet[str]], kind: Kind, place: str, parent: str
) -> WantedRoom:
    plan = PLANS[kind]
    class_id = place if kind in _OF_A_CLASS else ""
    audience = {role: group(role, place) for role in plan.audience}
    members = {person_id: MEMBER for g in audience.values() for person_id in by_group.get(g, ())}
    for role in plan.moderators:
        for person_id in by_group.get(group(role, place), ()):
            members[person_id] = MODERATOR
    return WantedRoom(
        key(kind, place), kind, class_id, parent, frozenset(audience.values()), members
    )


def _closed(
    by_group: Mapping[str, AbstractSet[str]],
    kind: Kind,
    class_id: str,
    parent: str,
    *,
    is_kept: bool,
) -> WantedRoom:
    audience = {past_group(role, class_id) for role in PLANS[kind].audience if is_kept}
    members = {person_id: MEMBER for g in audience for person_id in by_group.get(g, ())}
    return WantedRoom(
        key(kind, class_id), kind, class_id, parent, frozenset(audience), members, is_closed=True
    )
