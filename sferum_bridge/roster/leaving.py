"""Who leaves by a roster: those it ends by name, and those it does not name any more; pure.

The absent are only listed, unless somebody chose that they leave (§4.3).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from sferum_bridge.roster.plan import ClassKey, Ended, Missing
from sferum_bridge.school import classes
from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Teaching

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.model import Endings, Roster, RosterKey
    from sferum_bridge.roster.plan import StoredAssignment
    from sferum_bridge.school.people import ExpectedParent, School

Leaving: TypeAlias = "tuple[list[Ended], set[ExpectedParent]]"
"""Assignments with the last day of each, and guardians who are not expected any more."""

_ROLES = {
    Enrolment: "pupil",
    Appointment: "staff",
    Leadership: "staff",
    Teaching: "staff",
}


def missing(
    school: School, present: Collection[str], told: frozenset[str], today: date
) -> tuple[Missing, ...]:
    """Return who is stored and not `present` (ids), of the roles the file tells of."""
    roles: dict[str, set[str]] = defaultdict(set)
    for tie in _ties(school):
        # Who leads a class or teaches has a post; without one the ties would be nobody's.
        if isinstance(tie, Enrolment | Appointment) and not _is_over(tie, today):
            roles[tie.person_id].add(_ROLES[type(tie)])
    for expected in school.expected_parents:
        roles[expected.parent_id].add("guardian")
    found = {id_: own & told for id_, own in roles.items() if id_ not in present}
    return tuple(Missing(id_, tuple(sorted(found[id_]))) for id_ in sorted(found) if found[id_])


def of_missing(school: School, absent: Iterable[Missing], today: date) -> Leaving:
    """Return what ends when the absent leave, in the roles in which they are missing."""
    roles = {each.person_id: each.roles for each in absent}
    ends = [
        Ended(tie, today - timedelta(days=1))
        for tie in _ties(school)
        if _ROLES[type(tie)] in roles.get(tie.person_id, ()) and not _is_over(tie, today)
    ]
    expected = {
        tie for tie in school.expected_parents if "guardian" in roles.get(tie.parent_id, ())
    }
    return ends, expected


def of_endings(
    roster: Roster, school: School, ids: Mapping[RosterKey, str], today: date
) -> Leaving:
    """Return what a list of changes ends; `ids` gives everybody of it whom the store knows."""
    named = _named(roster.endings, roster, ids)
    people = {ids[key] for key in roster.endings.people if key in ids}
    over = {ClassKey(each.name, each.year) for each in roster.endings.classes}
    keys = {id_: ClassKey(each.name, each.year) for id_, each in school.classes.items()}
    ends = []
    for tie in _ties(school):
        place = keys[tie.class_id] if not isinstance(tie, Appointment) else None
        is_named = (tie.person_id, *_object(tie, place)) in named
        if (tie.person_id in people or place in over or is_named) and not _is_over(tie, today):
            ends.append(Ended(tie, today - timedelta(days=1)))
    pairs = {(ids.get(tie.child), ids.get(tie.parent)) for tie in roster.endings.guardians}
    expected = {
        tie
        for tie in school.expected_parents
        if (tie.child_id, tie.parent_id) in pairs or people & {tie.child_id, tie.parent_id}
    }
    return ends, expected


def _named(
    endings: Endings, roster: Roster, ids: Mapping[RosterKey, str]
) -> set[tuple[object, ...]]:
    years = {each.name: each.year for each in (*roster.classes, *endings.classes)}

    def place(name: str) -> ClassKey:
        return ClassKey(name, years.get(name, ""))

    found: set[tuple[object, ...]] = set()
    for e in endings.enrolments:
        found.add((ids.get(e.person), Enrolment, place(e.class_name)))
    for a in endings.appointments:
        found.add((ids.get(a.person), Appointment, a.post))
    for led in endings.leaderships:
        found.add((ids.get(led.person), Leadership, place(led.class_name)))
    for t in endings.teachings:
        found.add((ids.get(t.person), Teaching, place(t.class_name), classes.key(t.subject)))
    return found


def _object(tie: StoredAssignment, place: ClassKey | None) -> tuple[object, ...]:
    if isinstance(tie, Appointment):
        return Appointment, tie.post
    if isinstance(tie, Teaching):
        return Teaching, place, classes.key(tie.subject)
    return type(tie), place


def _ties(school: School) -> Sequence[StoredAssignment]:
    return (*school.enrolments, *school.appointments, *school.leaderships, *school.teachings)


def _is_over(tie: StoredAssignment, today: date) -> bool:
    return tie.term.until is not None and tie.term.until < today
