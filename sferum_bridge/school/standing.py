"""What follows from holding a set of groups, worked out before anybody asks.

Decisions are asked for at every event, and a town's facts do not fit a processor's caches: what a
decision costs is how many places in memory it looks at. People with the same groups, as a class's
pupils, share one *standing*, where everything about those groups stands together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.school import rights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sferum_bridge.school.contour import RoomFact, SchoolFact

    Near = Mapping[str, frozenset[str]]
    """Group → groups that are near to it in one way."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for everybody who has exactly these groups."""

    groups: frozenset[str]
    is_educational: bool
    """Whether one of the groups is a living one."""
    writers: tuple[frozenset[str], ...]
    """For each of the groups: those whose people may write to its people first."""
    together: tuple[frozenset[str], ...]
    """For each of the groups: those with which it shares a school room."""
    staff_of: tuple[frozenset[str], ...]
    """For each of the groups that is a school's staff: all groups of that school."""


class Standings(dict[frozenset[str], Standing]):
    """Standings by groups; one that nobody asked about before is derived when somebody does."""

    def __init__(self, former: frozenset[str], writers: Near, together: Near, staffs: Near) -> None:
        """Take `former`, the groups of those who left, and what is near to each group."""
        super().__init__()
        self._former = former
        self._nears = (writers, together, staffs)

    def __missing__(self, groups: frozenset[str]) -> Standing:
        """Derive a standing and keep it."""
        writers, together, staff_of = (
            tuple(near[group] for group in groups if near.get(group)) for near in self._nears
        )
        is_educational = not groups <= self._former
        standing = Standing(groups, is_educational, writers, together, staff_of)
        self[groups] = standing
        return standing


def touches(groups: frozenset[str], near: tuple[frozenset[str], ...]) -> bool:
    """Tell whether one of `near` has one of `groups`."""
    for found in near:  # noqa: SIM110 — `any` would make a generator for mostly one turn
        if not groups.isdisjoint(found):
            return True
    return False


def writers(schools: Mapping[str, SchoolFact]) -> Near:
    """Return for each group the groups whose people may write to its people first."""
    found: dict[str, frozenset[str]] = {}
    for school_id, school in schools.items():
        # Unknown changes were refused when they were pushed; a damaged row narrows nothing.
        table = rights.changed(school.contacts) if school.contacts else rights.RIGHTS
        everywhere = {
            role: frozenset(_keys(role, school_id, school.classes)) for role in rights.ROLES
        }
        for place in (*sorted(school.classes), ""):
            for whom in rights.ROLES:
                if (whom in rights.OF_A_SCHOOL) is bool(place):
                    continue
                found[_key(whom, place or school_id)] = frozenset().union(
                    *(
                        everywhere[who] if within is rights.Within.SCHOOL else {_key(who, place)}
                        for (who, to), within in table.items()
                        if to == whom
                        and within is not rights.Within.NONE
                        # A role of the whole school is held in no class.
                        and (
                            within is rights.Within.SCHOOL
                            or (place and who not in rights.OF_A_SCHOOL)
                        )
                    )
                )
    return found


def together(rooms: Mapping[str, RoomFact]) -> Near:
    """Return for each group the groups with which it shares a school room."""
    found: dict[str, set[str]] = {}
    for audience in {room.audience for room in rooms.values()}:
        for group in audience:
            found.setdefault(group, set()).update(audience)
    return {group: frozenset(groups) for group, groups in found.items()}


def schools_of(schools: Mapping[str, SchoolFact]) -> dict[str, str]:
    """Return for each group the school it is of."""
    return {
        key: school_id
        for school_id, school in schools.items()
        for role in (*rights.ROLES, *rights.READERS, rights.FORMER)
        for key in _keys(role, school_id, school.classes)
    }


def staffs(schools: Mapping[str, str]) -> Near:
    """Return for each school's staff all groups of that school, from what `schools_of` returned."""
    found: dict[str, set[str]] = {}
    for group, school_id in schools.items():
        found.setdefault(_key(rights.STAFF, school_id), set()).add(group)
    return {group: frozenset(groups) for group, groups in found.items()}


def _key(role: str, place: str) -> str:
    return f"{'school' if role in rights.OF_A_SCHOOL else 'class'}/{place}/{role}"


def _keys(role: str, school_id: str, classes: Iterable[str]) -> Iterable[str]:
    if role in rights.OF_A_SCHOOL:
        return (_key(role, school_id),)
    return (_key(role, class_id) for class_id in classes)
