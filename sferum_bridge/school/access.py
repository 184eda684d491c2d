"""Who is in which group, and why.

A *group* is everybody with the same tie to the same class or school; rooms admit groups (`layout`).
A person is in a group for one or more reasons, and stays while one of them is left: access is a
union, recomputed whole, never patched (S-56, I-7). The reasons are kept because people may ask for
them (`!почему`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from sferum_bridge.school.people import LinkState, Post
from sferum_bridge.school.rights import FORMER, PAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sferum_bridge.school.people import School, SchoolClass


class Role(StrEnum):
    """The tie that puts a person into a group."""

    ADMINISTRATOR = "administrators"
    STAFF = "staff"
    CLASS_TEACHER = "leaders"
    TEACHER = "teachers"
    PUPIL = "pupils"
    PARENT = "parents"


SCHOOL_ROLES = frozenset({Role.ADMINISTRATOR, Role.STAFF})
_FAMILIES = frozenset({Role.PUPIL, Role.PARENT})
_DAY = timedelta(days=1)
_SUMMER = timedelta(days=120)
"""Before the year opens pupils may have left already, by the order of June."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One tie of one person: the role, where, and through whom or what."""

    role: Role
    class_id: str = ""
    """Empty for the roles of the whole school."""
    subject: str = ""
    child_id: str = ""
    acting: bool = False
    """Of a class teacher: an administrator who stands in until there is one."""


def group(role: Role, place: str) -> str:
    """Return the key of the group that `role` makes at `place` (a class's id or the school's)."""
    scope = "school" if role in SCHOOL_ROLES else "class"
    return f"{scope}/{place}/{role.value}"


def reasons(school: School, day: date) -> Mapping[str, Sequence[Reason]]:
    """Return person → every reason active on `day` in this school.

    A pupil's class follows the child, so a parent's reasons come from the classes in which the
    child is enrolled on that day (scenario 34). A link that waits for approval gives none (D-1).
    """
    found: dict[str, list[Reason]] = defaultdict(list)
    own = chain(_as_pupil(school, day), _as_staff(school, day), _standing_in(school, day))
    for person_id, reason in own:
        found[person_id].append(reason)
    classes_of = {
        person_id: [r.class_id for r in why if r.role is Role.PUPIL]
        for person_id, why in found.items()
    }
    for child_id, parent_id in kin(school):
        found[parent_id] += [
            Reason(Role.PARENT, class_id, child_id=child_id)
            for class_id in classes_of.get(child_id, ())
        ]
    return {person_id: why for person_id, why in found.items() if why}


def kin(school: School) -> Iterator[tuple[str, str]]:
    """Yield child and parent of every link that gives access.

    Whom a court or the guardianship office denies access has none by whatever approval.
    """
    denied = {(e.child_id, e.parent_id) for e in school.expected_parents if not e.access}
    for link in school.parent_links:
        if link.state is LinkState.ACTIVE and (link.child_id, link.parent_id) not in denied:
            yield link.child_id, link.parent_id


def _as_pupil(school: School, day: date) -> Iterator[tuple[str, Reason]]:
    for enrolment in school.enrolments:
        if enrolment.term.covers(day):
            yield enrolment.person_id, Reason(Role.PUPIL, enrolment.class_id)


def _as_staff(school: School, day: date) -> Iterator[tuple[str, Reason]]:
    for appointment in school.appointments:
        if appointment.term.covers(day):
            yield appointment.person_id, Reason(Role.STAFF)
            if appointment.post is Post.ADMINISTRATOR:
                yield appointment.person_id, Reason(Role.ADMINISTRATOR)
    for lead in school.leaderships:
        if lead.term.covers(day):
            yield lead.person_id, Reason(Role.CLASS_TEACHER, lead.class_id)
    for teaching in school.teachings:
        if teaching.term.covers(day):
            reason = Reason(Role.TEACHER, teaching.class_id, subject=teaching.subject)
            yield teaching.person_id, reason


def _standing_in(school: School, day: date) -> Iterator[tuple[str, Reason]]:
    """Yield the administrators for every class that has lost its class teacher (scenario 33).

    A class that never had one is left as it is, and so is one without pupils: of a past year.
    """
    led = {lead.class_id for lead in school.leaderships if lead.term.covers(day)}
    lost = {
        lead.class_id
        for lead in school.leaderships
        if lead.term.until is not None and lead.term.until < day
    }
    with_pupils = {e.class_id for e in school.enrolments if e.term.covers(day)}
    heads = {
        a.person_id
        for a in school.appointments
        if a.post is Post.ADMINISTRATOR and a.term.covers(day)
    }
    for class_id in sorted((lost - led) & with_pupils):
        for person_id in sorted(heads):
            yield person_id, Reason(Role.CLASS_TEACHER, class_id, acting=True)


def former(school: School) -> str:
    """Return the group of those who are of the school no more, whose files stay its own."""
    return f"school/{school.id}/{FORMER}"


def past_group(role: Role, class_id: str) -> str:
    """Return the key of the group of those who had `role` in a class on its last day."""
    return f"class/{class_id}/{PAST}{role.value}"


def readers(school: School, day: date) -> Mapping[str, Sequence[Reason]]:
    """Return person → the ties of closed classes by which they read those classes' rooms on `day`.

    They are the ties of the class's last day (`_last_days`). Graduates and their parents read until
    the rooms are kept no longer; whoever read as a colleague, or went into another class, while
    they are here.
    """
    kept = {c.id: c for c in school.classes.values() if c.is_kept(day)}
    found: dict[str, list[Reason]] = defaultdict(list)
    here = reasons(school, day) if kept else {}
    days = _last_days(school, kept)
    for last in sorted(set(days.values())):
        for person_id, why in reasons(school, last).items():
            for reason in why:
                of_class = kept.get(reason.class_id)
                if of_class is None or days[of_class.id] != last or reason.acting:
                    continue
                graduated = reason.role in _FAMILIES and not of_class.successor_id
                if graduated or (reason.child_id or person_id) in here:
                    found[person_id].append(reason)
    return found


def _last_days(school: School, closed: Mapping[str, SchoolClass]) -> Mapping[str, date]:
    """Return class → the last day on which it was one.

    That is the day before it closed; of one that graduates and had lost all its pupils in the
    summer before, the last day on which it had any.
    """
    days = {id_: c.closed_on - _DAY for id_, c in closed.items() if c.closed_on}
    graduated = {id_ for id_ in days if not closed[id_].successor_id}
    with_pupils: dict[str, date] = {}
    for tie in school.enrolments:
        if tie.class_id in graduated and (tie.term.since or date.min) <= days[tie.class_id]:
            until = min(tie.term.until or date.max, days[tie.class_id])
            with_pupils[tie.class_id] = max(until, with_pupils.get(tie.class_id, until))
    recent = {id_: day for id_, day in with_pupils.items() if day >= days[id_] - _SUMMER}
    return {**days, **recent}


def groups(school: School, day: date) -> Mapping[str, frozenset[str]]:
    """Return person → the groups they are in on `day`."""
    return {
        person_id: frozenset(group(r.role, r.class_id or school.id) for r in why)
        for person_id, why in reasons(school, day).items()
    }
