"""The people of a school and what ties them to it.

Nobody *is* a pupil or a teacher: people hold assignments, each with dates, and their access is the
union of what the assignments active today give (S-56). Every id is opaque text; dates are calendar
days in the school's zone, both ends included, `None` meaning open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date


class Post(StrEnum):
    """What a person is appointed to do in a school (requirements §2.2)."""

    ADMINISTRATOR = "administrator"
    TEACHER = "teacher"
    STAFF = "staff"


class LinkState(StrEnum):
    """How far a parent link has come (D-1). Either way it holds one of the child's two slots."""

    PENDING = "pending"
    """Confirmed by the parent, visible to both sides; rooms wait for the class teacher."""
    ACTIVE = "active"
    """Confirmed and, where the policy asks, approved: the parent has the rooms."""


@dataclass(frozen=True, slots=True)
class Person:
    """One human being, with the one name everybody sees (design §3)."""

    id: str
    family_name: str
    given_name: str
    middle_name: str = ""
    birth_date: date | None = None

    @property
    def full_name(self) -> str:
        """Return given and family name, the order in which people are addressed."""
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def formal_name(self) -> str:
        """Return given name and patronymic, how a teacher is addressed; else the full name."""
        return f"{self.given_name} {self.middle_name}" if self.middle_name else self.full_name


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class, a mixed set of grades or a college group, in one school year (S-23)."""

    id: str
    name: str
    """Normalised, as `classes.normalise` gives it: 5А, 10-ИТ."""
    year: str
    """The school year it belongs to, as 2026/2027."""
    closed_on: date | None = None
    """The first day on which it is no more: its rooms can be read, and nobody writes there."""
    kept_until: date | None = None
    """Of a closed class: the last day on which its rooms can be read."""
    successor_id: str = ""
    """Of a class that was merged into another: that one. A closed class without has graduated."""

    def is_closed(self, day: date) -> bool:
        """Tell whether the class is no more on `day`."""
        return self.closed_on is not None and self.closed_on <= day

    def is_kept(self, day: date) -> bool:
        """Tell whether the rooms of a closed class can be read on `day`."""
        return self.is_closed(day) and (self.kept_until is None or day <= self.kept_until)


@dataclass(frozen=True, slots=True)
class Term:
    """The days on which an assignment holds, ends included; an open end is `None`."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Tell whether `day` lies within the term."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


ALWAYS = Term()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A pupil belongs to a class."""

    person_id: str
    class_id: str
    term: Term = ALWAYS


@dataclass(frozen=True, slots=True)
class Appointment:
    """A person works for the school in a post."""

    person_id: str
    post: Post
    term: Term = ALWAYS


@dataclass(frozen=True, slots=True)
class Leadership:
    """A teacher leads a class: the class teacher. Several per class are possible."""

    person_id: str
    class_id: str
    term: Term = ALWAYS


@dataclass(frozen=True, slots=True)
class Teaching:
    """A teacher teaches a subject to a class."""

    person_id: str
    class_id: str
    subject: str
    term: Term = ALWAYS


class Waits(StrEnum):
    """Whose word a pending link waits for."""

    SCHOOL = "school"
    """The class teacher's or an administrator's (D-1)."""
    CHILD = "child"
    """The pupil's own, from the age of consent on (scenario 24)."""


@dataclass(frozen=True, slots=True)
class ParentLink:
    """A confirmed tie of parent and child; one record, seen from both sides (S-39)."""

    child_id: str
    parent_id: str
    state: LinkState
    waits_for: frozenset[Waits] = frozenset()
    vouched: bool = False
    """Whether the roster or somebody of the school vouched for the parent."""


@dataclass(frozen=True, slots=True)
class ExpectedParent:
    """A guardian the roster names. Expected, not linked: only confirmation makes a parent."""

    child_id: str
    parent_id: str
    access: bool = True
    """False where the roster says a court or the guardianship office denies access."""


@dataclass(frozen=True, slots=True)
class School:
    """Everything the rules need to know of one school, as one immutable value."""

    id: str
    name: str
    people: Mapping[str, Person]
    classes: Mapping[str, SchoolClass]
    enrolments: Sequence[Enrolment] = ()
    appointments: Sequence[Appointment] = ()
    leaderships: Sequence[Leadership] = ()
    teachings: Sequence[Teaching] = ()
    parent_links: Sequence[ParentLink] = ()
    expected_parents: Sequence[ExpectedParent] = ()
