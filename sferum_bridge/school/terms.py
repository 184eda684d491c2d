"""Groups that end by themselves: the end stands in the key, so nobody need be there to say it.

Whoever decides after the end takes the facts as they are `at` that time (break-glass, `opening`).
Times are milliseconds, UTC.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sferum_bridge.school.contour import Facts

_UNTIL = "until/"


def group_until(end: int, name: str) -> str:
    """Return the key of a group that holds until `end`."""
    return f"{_UNTIL}{end}/{name}"


def end_of(group: str) -> int | None:
    """Return when a group ends; `None` for one that does not by itself."""
    if not group.startswith(_UNTIL):
        return None
    said = group.removeprefix(_UNTIL).partition("/")[0]
    # What cannot be read has ended.
    return int(said) if said.isascii() and said.isdigit() else 0


def ends(facts: Facts) -> Mapping[str, int]:
    """Return group → end, of those groups in rooms' audiences that have one."""
    groups = {group for room in facts.rooms.values() for group in room.audience}
    return {group: end for group in groups if (end := end_of(group)) is not None}


def without(facts: Facts, over: Collection[str]) -> Facts:
    """Return facts by which no room admits the groups that are over.

    Of people nothing changes: who was in such a group stays on the school's side, without a right,
    until somebody pushes what they are now.
    """
    rooms = {
        room_id: room
        if room.audience.isdisjoint(over)
        else replace(room, audience=room.audience.difference(over))
        for room_id, room in facts.rooms.items()
    }
    return replace(facts, rooms=rooms).inherit(facts)


def left_behind(facts: Facts, over: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return account → the rooms that admitted it by groups that are over, and do so no more."""
    rooms = {
        room_id: groups
        for room_id, room in facts.rooms.items()
        if (groups := room.audience.intersection(over))
    }
    found = {}
    for user, groups in facts.people.items():
        if groups.isdisjoint(over):
            continue
        still = groups.difference(over)
        found[user] = frozenset(
            room_id
            for room_id, admitted in rooms.items()
            if not groups.isdisjoint(admitted) and facts.rooms[room_id].audience.isdisjoint(still)
        )
    return found
