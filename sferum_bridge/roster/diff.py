"""What an import changes, told by person, class, room and membership; pure (§4.3, scenario 38).

Rooms and who is in them come from the school's layout before and after. Whoever has no account yet
is counted all the same: that is whom the room is for. What is shown is the last day on which
anything turns, so also what a date in the file brings later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.roster.guards import present
from sferum_bridge.school.layout import Kind, layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.outcome import Outcome
    from sferum_bridge.roster.plan import Plan
    from sferum_bridge.school.people import School


@dataclass(frozen=True, slots=True)
class PersonLine:
    """What becomes of one person."""

    name: str
    what: str
    """`new`, `changed`, `moved` or `left`."""
    roles: tuple[str, ...] = ()
    """Of `pupil`, `staff`, `guardian`: what somebody new becomes, or who left was."""
    fields: tuple[str, ...] = ()
    """Of somebody changed: names of fields, as `PersonChange` and `Redated` have them."""
    was: str = ""
    becomes: str = ""
    """Classes, of somebody who moves."""


@dataclass(frozen=True, slots=True)
class ClassLine:
    """A class with other pupils than before."""

    name: str
    year: str
    was: int
    becomes: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class RoomLine:
    """A space or room that is made, renamed, not needed any more, or gets other members."""

    kind: Kind
    class_name: str
    """Empty for the rooms of the whole school."""
    what: str
    """`made`, `renamed`, `dropped` or `kept`."""
    joins: tuple[str, ...]
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """The whole of it."""

    day: date
    people: Sequence[PersonLine]
    classes: Sequence[ClassLine]
    rooms: Sequence[RoomLine]

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how much of each there is: people, rooms and memberships."""
        found = dict.fromkeys(COUNTED, 0)
        for person in self.people:
            found[f"people_{person.what}"] += 1
        for room in self.rooms:
            if room.what != "kept":
                found[f"rooms_{room.what}"] += 1
            found["joins"] += len(room.joins)
            found["leaves"] += len(room.leaves)
        return found


COUNTED = (
    *("people_new", "people_changed", "people_moved", "people_left"),
    *("rooms_made", "rooms_renamed", "rooms_dropped", "joins", "leaves"),
)


def diff(turn: Outcome, plan: Plan) -> Diff:
    """Tell what is otherwise after a plan."""
    day = turn.days[-1]
    return Diff(day, _people(turn, plan, day), _classes(turn, day), _rooms(turn, day))


def _people(turn: Outcome, plan: Plan, day: date) -> Sequence[PersonLine]:
    was, becomes = _roles(turn.before, day), _roles(turn.after, day)
    new = set(turn.after.people) - set(turn.before.people)
    changed: dict[str, set[str]] = defaultdict(set)
    for change in plan.people_to_change:
        changed[change.person_id] |= change.changed
    for tie in plan.to_redate:
        changed[tie.assignment.person_id] |= tie.changed
    places = [_places(school, day) for school in (turn.before, turn.after)]
    found = []
    for person_id, person in turn.after.people.items():
        name = f"{person.family_name} {person.given_name} {person.middle_name}".strip()
        old, now = (each.get(person_id, "") for each in places)
        if person_id in new:
            found.append(PersonLine(name, "new", becomes.get(person_id, ()), becomes=now))
            continue
        if person_id in changed:
            found.append(PersonLine(name, "changed", fields=tuple(sorted(changed[person_id]))))
        if person_id in was and person_id not in becomes:
            found.append(PersonLine(name, "left", was[person_id], was=old))
        elif old != now:
            found.append(PersonLine(name, "moved", was=old, becomes=now))
    return sorted(found, key=lambda line: (_ORDER.index(line.what), line.name))


_ORDER = ("new", "moved", "left", "changed")


def _roles(school: School, day: date) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for role, ids in present(school, day).items():
        for person_id in ids:
            found[person_id].append(role)
    return {person_id: tuple(roles) for person_id, roles in found.items()}


def _places(school: School, day: date) -> Mapping[str, str]:
    """Return pupil → the names of their classes."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in school.enrolments:
        if each.term.covers(day):
            found[each.person_id].add(school.classes[each.class_id].name)
    return {person_id: ", ".join(sorted(names)) for person_id, names in found.items()}


def _classes(turn: Outcome, day: date) -> Sequence[ClassLine]:
    was, becomes = (_members(school, day) for school in (turn.before, turn.after))
    return [
        ClassLine(
            each.name,
            each.year,
            len(was[class_id]),
            len(becomes[class_id]),
            class_id not in turn.before.classes,
        )
        for class_id, each in turn.after.classes.items()
        if was[class_id] != becomes[class_id] or class_id not in turn.before.classes
    ]


def _members(school: School, day: date) -> defaultdict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in school.enrolments:
        if each.term.covers(day):
            found[each.class_id].add(each.person_id)
    return defaultdict(set, found)


def _rooms(turn: Outcome, day: date) -> Sequence[RoomLine]:
    old = {room.key: room for room in layout(turn.before, day)}
    new = {room.key: room for room in layout(turn.after, day)}
    found = []
    for key in dict.fromkeys((*new, *old)):
        room = new.get(key) or old[key]
        if room.kind is Kind.GATE:
            # Nobody is in it but the bot.
            continue
        names = [
            school.classes[room.class_id].name if room.class_id in school.classes else ""
            for school in (turn.before, turn.after)
        ]
        was = set(old[key].members) if key in old else set()
        becomes = set(new[key].members) if key in new else set()
        if key not in old or not turn.before.id:
            what = "made"
        elif key not in new:
            what = "dropped"
        else:
            what = "renamed" if names[0] != names[1] else "kept"
        if what == "kept" and was == becomes:
            continue
        joins, leaves = _named(turn, becomes - was), _named(turn, was - becomes)
        found.append(RoomLine(room.kind, names[1] or names[0], what, joins, leaves))
    return found


def _named(turn: Outcome, ids: set[str]) -> tuple[str, ...]:
    people = turn.after.people
    return tuple(
        sorted(f"{people[one].family_name} {people[one].given_name}".strip() for one in ids)
    )
