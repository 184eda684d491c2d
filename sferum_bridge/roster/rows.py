"""Rows of the template after each cell was understood, before rows are held against each other.

The fields are those that `columns` names; what a cell does not say has its default here. Nobody
changes a row; that they are not frozen spares a third of the time it takes to read a large file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.roster.model import ClassKind, Relation, Status

if TYPE_CHECKING:
    from datetime import date

    from sferum_bridge.school.people import Post


MADE_UP = "x-sferum-bridge-"
"""How an id begins that an export made up, to tie lines together; nobody has it as their own."""
UNNAMED = "—"
"""What an export calls a school whose name is not known, where a name has to be."""


@dataclass(slots=True, kw_only=True)
class Row:
    """A row and where it stands; `row` counts from 1 as a spreadsheet shows it."""

    row: int
    sheet: str
    slot: str = ""
    """Which parent of a wide row it is; else empty."""


@dataclass(slots=True, kw_only=True)
class HumanRow(Row):
    """What rows about people share."""

    family_name: str
    given_name: str
    middle_name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(slots=True, kw_only=True)
class PupilRow(HumanRow):
    """A row of «Ученики»."""

    class_name: str
    external_id: str = ""
    made_up: str = ""
    birth_date: date | None = None
    status: Status = Status.STUDIES
    since: date | None = None
    until: date | None = None

    @property
    def ref(self) -> str:
        """Return what rows of parents name the pupil by: an id, else the place of the row."""
        return self.external_id or self.made_up or f"\0{self.sheet}:{self.row}"


@dataclass(slots=True, kw_only=True)
class ParentRow(HumanRow):
    """A row of «Родители», or the parent of one `slot` of a wide row; `child_id` is a `ref`."""

    child_id: str
    relation: Relation = Relation.UNSAID
    access: bool = True
    ground: str = ""


@dataclass(slots=True, kw_only=True)
class StaffRow(HumanRow):
    """A row of «Сотрудники»; `teaches` holds (subject, class) pairs."""

    posts: tuple[Post, ...]
    external_id: str = ""
    leads: tuple[str, ...] = ()
    teaches: tuple[tuple[str, str], ...] = ()
    since: date | None = None
    until: date | None = None


@dataclass(slots=True, kw_only=True)
class ClassRow(Row):
    """A row of «Классы»; `leader` is an id or a name of «Сотрудники»."""

    name: str
    year: str
    leader: str = ""
    kind: ClassKind = ClassKind.CLASS
    next_name: str = ""


@dataclass(slots=True, kw_only=True)
class SchoolRow(Row):
    """The row of «Школа»."""

    name: str
    timezone: str = ""
    language: str = ""


@dataclass(slots=True)
class Rows:
    """Everything that could be read, and the refs of pupils whose rows could not."""

    pupils: list[PupilRow] = field(default_factory=list)
    parents: list[ParentRow] = field(default_factory=list)
    staff: list[StaffRow] = field(default_factory=list)
    classes: list[ClassRow] = field(default_factory=list)
    school: list[SchoolRow] = field(default_factory=list)
    skipped_pupils: set[str] = field(default_factory=set)
    tells_of: frozenset[str] = frozenset(("pupil", "staff", "guardian"))
    days_told: set[str] = field(default_factory=set)
    """Both: see `model.Roster`."""
