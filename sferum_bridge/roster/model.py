"""What a roster says, as values: the people of a file, what ties them to the school, what is wrong.

A `Roster` is flat: people once, however many lines name them, and ties that point at them by
`RosterKey`. Names are cleaned and classes normalised; contacts are fields of their own so that they
can be sealed apart (S-15). A `Reading` is a roster and everything there is to say about the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sferum_bridge.roster import messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import Post


class Severity(StrEnum):
    """What a problem means for the import."""

    FATAL = "fatal"
    """Nothing is imported from this file."""
    ERROR = "error"
    """This row is left out; the others are not affected."""
    WARNING = "warning"
    """The row is imported; a detail is left out or deserves a look."""


class Status(StrEnum):
    """Where a pupil stands."""

    STUDIES = "studies"
    LEFT = "left"
    GRADUATED = "graduated"
    REPEATS = "repeats"

    @property
    def enrolled(self) -> bool:
        """Tell whether the pupil is in the class."""
        return self in (Status.STUDIES, Status.REPEATS)


class Relation(StrEnum):
    """What an expected guardian is to the child."""

    UNSAID = ""
    MOTHER = "mother"
    FATHER = "father"
    GUARDIAN = "guardian"
    TRUSTEE = "trustee"
    OTHER = "other"


class Form(StrEnum):
    """What a roster comes as."""

    TEMPLATE = "template"
    """The «Школьный шаблон»: a sheet for each kind of people (§4.3)."""
    WIDE = "wide"
    """A line a pupil with up to two parents, as school journals give it."""
    ONEROSTER = "oneroster"
    """A zip of CSV files after OneRoster 1.1 or 1.2 (§4.1)."""


class ClassKind(StrEnum):
    """What stands behind a class name (S-23)."""

    CLASS = "class"
    MIXED = "mixed"
    """Several grades taught together."""
    COLLEGE = "college"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct, with the place to do it.

    `row` counts from 1 as a spreadsheet shows it, 0 meaning the sheet as a whole. `value` is what
    stands there, shortened; it is empty for columns that are dropped, whose content is never read
    further. `code` and `params` are stable and free of language.
    """

    code: str
    severity: Severity
    sheet: str = ""
    row: int = 0
    column: str = ""
    value: str = ""
    params: tuple[tuple[str, str], ...] = ()

    def reason(self, lang: str) -> str:
        """Say what is wrong, in `ru` or `en`."""
        return messages.reason(self.code, lang, **dict(self.params))

    def suggestion(self, lang: str) -> str:
        """Say what to do about it, in `ru` or `en`."""
        return messages.suggestion(self.code, lang, **dict(self.params))


@dataclass(frozen=True, slots=True, order=True)
class RosterKey:
    """Names a person within one reading.

    With an id of the school's own system nothing else is set. Without one, name and birth date
    (ISO, or empty) are, and `line` keeps namesakes apart: names alone never make two lines one.
    """

    external_id: str = ""
    name: str = ""
    birth: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class SchoolInfo:
    """What the file says of the school itself; empty where it says nothing."""

    name: str
    timezone: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class RosterClass:
    """A class of a school year. `name` and `next_name` are normalised, `year` is as 2026/2027."""

    name: str
    year: str
    kind: ClassKind = ClassKind.CLASS
    next_name: str = ""


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """A person, named once however many lines speak of them.

    `email` is as written in lower case, `phone` is international (+79…); both empty if unknown.
    """

    key: RosterKey
    external_id: str
    family_name: str
    given_name: str
    middle_name: str = ""
    birth_date: date | None = None
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class RosterEnrolment:
    """A pupil's place in a class."""

    person: RosterKey
    class_name: str
    status: Status = Status.STUDIES
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RosterAppointment:
    """A post of a staff member."""

    person: RosterKey
    post: Post
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RosterLeadership:
    """A class teacher's class."""

    person: RosterKey
    class_name: str
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RosterTeaching:
    """A subject taught to a class."""

    person: RosterKey
    class_name: str
    subject: str
    since: date | None = None
    until: date | None = None


RosterTie: TypeAlias = RosterEnrolment | RosterAppointment | RosterLeadership | RosterTeaching
RosterClassTie: TypeAlias = RosterEnrolment | RosterLeadership | RosterTeaching


@dataclass(frozen=True, slots=True)
class RosterGuardian:
    """A guardian to expect: no parent before they confirm (S-38).

    `ground` is the paper that denies access; never empty where `access` is false.
    """

    child: RosterKey
    parent: RosterKey
    relation: Relation = Relation.UNSAID
    access: bool = True
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Endings:
    """What a list of changes says is over; ties as they are named there, without days of their own.

    A person's end is the end of every tie; a class's end is that of every tie to it, while the
    class itself stays.
    """

    people: Sequence[RosterKey] = ()
    classes: Sequence[RosterClass] = ()
    enrolments: Sequence[RosterEnrolment] = ()
    appointments: Sequence[RosterAppointment] = ()
    leaderships: Sequence[RosterLeadership] = ()
    teachings: Sequence[RosterTeaching] = ()
    guardians: Sequence[RosterGuardian] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything one file says, in the order of the file.

    `full` tells whether the file names everybody of those it `tells_of`: then the absent may be
    told as missing, and who is named loses the ties that are not. A list of changes (`full` false)
    leaves everything else as it is; what it ends is in `endings`. A person without names in one is
    somebody known by id alone.
    """

    school: SchoolInfo | None = None
    classes: Sequence[RosterClass] = ()
    people: Sequence[RosterPerson] = ()
    enrolments: Sequence[RosterEnrolment] = ()
    appointments: Sequence[RosterAppointment] = ()
    leaderships: Sequence[RosterLeadership] = ()
    teachings: Sequence[RosterTeaching] = ()
    guardians: Sequence[RosterGuardian] = ()
    full: bool = True
    tells_of: frozenset[str] = frozenset(("pupil", "staff", "guardian"))
    """The roles the file speaks of at all; a sheet of pupils says nothing of the staff."""
    days_told: frozenset[str] = frozenset()
    """Of which ties the file tells the days, as `enrolment.until`: where it then names none, there
    is none. Days it does not tell stay as they are."""
    endings: Endings = field(default_factory=Endings)


@dataclass(frozen=True, slots=True)
class DroppedColumn:
    """A column that is not of the template: nothing of it was kept."""

    sheet: str
    title: str
    personal: bool
    """True for what a school messenger must not hold: СНИЛС, passport, address, health."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of reading a file. With a fatal problem the roster is empty."""

    roster: Roster = field(default_factory=Roster)
    problems: Sequence[Problem] = ()
    dropped_columns: Sequence[DroppedColumn] = ()
    form: Form = Form.TEMPLATE
    class_ids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What a OneRoster file says of its classes, by their ids; whoever keeps it can read a later
    list of changes that names classes by their ids alone (see `reader.read`)."""

    @property
    def fatal(self) -> bool:
        """Tell whether nothing at all may be imported."""
        return any(problem.severity is Severity.FATAL for problem in self.problems)
