"""What an import is going to do, as flat values that a store applies one after the other.

People are named by `RosterKey`, since new ones have no id yet: `recognised` gives the ids of
those who have one, and whoever applies the plan adds the ids of `people_to_add` to them. Classes
are named by name and school year for the same reason. `planner` makes plans.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Teaching, Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sferum_bridge.roster.matching import Namesake
    from sferum_bridge.roster.model import Relation, RosterClass, RosterKey, RosterPerson
    from sferum_bridge.school.people import ExpectedParent, Post


@dataclass(frozen=True, slots=True, order=True)
class ClassKey:
    """Names a class: by name and school year, whether it is stored yet or not."""

    name: str
    year: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """A person of the roster whom the store knows."""

    key: RosterKey
    person_id: str


@dataclass(frozen=True, slots=True)
class PersonChange:
    """The new values of a known person, all of them; `changed` names the fields that differ."""

    person_id: str
    external_id: str
    family_name: str
    given_name: str
    middle_name: str
    birth_date: date | None
    email: str
    phone: str
    changed: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewEnrolment:
    """A pupil enters a class."""

    person: RosterKey
    school_class: ClassKey
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """A person enters a post."""

    person: RosterKey
    post: Post
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class NewLeadership:
    """A class gets a class teacher."""

    person: RosterKey
    school_class: ClassKey
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class NewTeaching:
    """A class gets a teacher in a subject."""

    person: RosterKey
    school_class: ClassKey
    subject: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class NewExpectedParent:
    """A guardian to expect. The same pair may be stored with other access: this replaces it."""

    child: RosterKey
    parent: RosterKey
    relation: Relation
    access: bool
    ground: str


NewAssignment: TypeAlias = NewEnrolment | NewAppointment | NewLeadership | NewTeaching
StoredAssignment: TypeAlias = Enrolment | Appointment | Leadership | Teaching


@dataclass(frozen=True, slots=True)
class Ended:
    """A stored assignment whose last day becomes `until`; it may lie in the past."""

    assignment: StoredAssignment
    until: date


@dataclass(frozen=True, slots=True)
class Redated:
    """A stored assignment with other days: another first one, or no last one any more."""

    assignment: StoredAssignment
    term: Term

    @property
    def changed(self) -> frozenset[str]:
        """Return which of `since` and `until` are others."""
        old = self.assignment.term
        return frozenset(
            name for name in ("since", "until") if getattr(old, name) != getattr(self.term, name)
        )


def terms_of(ended: Iterable[Ended], redated: Iterable[Redated]) -> dict[StoredAssignment, Term]:
    """Return the days that assignments come to have; one that ends does, whatever else it was."""
    terms = {one.assignment: one.term for one in redated}
    return terms | {one.assignment: Term(one.assignment.term.since, one.until) for one in ended}


@dataclass(frozen=True, slots=True)
class Missing:
    """Somebody the store has and the file has not; nothing is done about it."""

    person_id: str
    roles: tuple[str, ...]
    """Of `pupil`, `staff`, `guardian`: what the person is by the stored ties open today."""


class Outcome(StrEnum):
    """What becomes of a field that a parent corrected (S-37)."""

    KEPT = "kept"
    """The file still says what it said then: the profile stays."""
    OVERRULED = "overruled"
    """The file says something new: it wins."""
    AGREED = "agreed"
    """The file says by now what the parent said."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A field that a parent corrected, as the file and the profile have it; texts, dates as ISO."""

    person_id: str
    name: str
    """Full name of the person in the profile, for whoever reads it."""
    field: str
    listed: str
    profile: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to do, in the order in which it can be done."""

    recognised: Sequence[Recognised] = ()
    classes_to_add: Sequence[RosterClass] = ()
    people_to_add: Sequence[RosterPerson] = ()
    people_to_change: Sequence[PersonChange] = ()
    to_end: Sequence[Ended] = ()
    to_redate: Sequence[Redated] = ()
    enrolments_to_add: Sequence[NewEnrolment] = ()
    appointments_to_add: Sequence[NewAppointment] = ()
    leaderships_to_add: Sequence[NewLeadership] = ()
    teachings_to_add: Sequence[NewTeaching] = ()
    expected_parents_to_add: Sequence[NewExpectedParent] = ()
    expected_parents_to_end: Sequence[ExpectedParent] = ()
    missing: Sequence[Missing] = ()
    conflicts: Sequence[Namesake] = ()
    corrected: Sequence[Corrected] = ()

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to do; what is only told of is no work."""
        told_only = ("recognised", "missing", "conflicts", "corrected")
        work = (getattr(self, part.name) for part in fields(self) if part.name not in told_only)
        return not any(work) and not self.corrections_over

    @property
    def corrections_over(self) -> Sequence[Corrected]:
        """Return the corrections to forget: the file wins, or agrees."""
        return tuple(each for each in self.corrected if each.outcome is not Outcome.KEPT)
