"""The rows that make up a school, as they stand at one moment, and what differs between two.

`batches` compares before and after with it. A row is held as plain values, as JSON takes them, so
that it can be sealed; columns that say nothing of the school (`Kept.apart`) are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Date, LargeBinary, select, union

from sferum_bridge.store import class_ids
from sferum_bridge.store import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement, CompoundSelect, Row, Table

    from sferum_bridge.store.database import Tx

Plain: TypeAlias = dict[str, Any]
"""A row, or part of one: column → JSON value."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows are compared."""

    table: Table
    key: tuple[str, ...]
    people: tuple[str, ...] = ()
    """The columns that name people; a row without any is the school's alone."""
    apart: frozenset[str] = frozenset()
    """Columns that differ without meaning anything, or that are the person's own."""
    named: str = ""
    """Of what is remembered by name (`state`): what the name of a school's row begins with."""

    @property
    def is_personal(self) -> bool:
        """Tell whether its rows belong to people, who stand above schools."""
        return bool(self.people) and "school_id" not in self.table.c

    def of_school(self, school_id: str) -> ColumnElement[bool]:
        """Return the condition for the rows of a school, if they are not people's."""
        if self.named:
            return self.table.c[self.key[0]] == f"{self.named}{school_id}"
        return self.table.c.school_id == school_id

    def key_of(self, row: Plain) -> tuple[Any, ...]:
        """Return what names a row in its table."""
        return tuple(row[name] for name in self.key)

    def where(self, row: Plain) -> list[ColumnElement[bool]]:
        """Return the conditions that find a row."""
        whole = self.values(row)
        return [self.table.c[name] == whole[name] for name in self.key]

    def values(self, row: Plain) -> dict[str, Any]:
        """Return plain values as the table's columns take them."""
        return {name: _typed(self.table, name, value) for name, value in row.items()}


PEOPLE = Kept(t.people, ("id",), ("id",), frozenset({"language", "created_at", "erased_at"}))
CLASSES = Kept(t.classes, ("id",))
# A contact sealed again is the same contact.
CONTACTS = Kept(t.contacts, ("person_id", "kind", "digest"), ("person_id",), frozenset({"sealed"}))
CORRECTIONS = Kept(
    t.corrections, ("person_id", "field"), ("person_id", "corrected_by"), frozenset({"at"})
)
ROSTER_IDS = Kept(t.roster_ids, ("school_id", "roster_id"), ("person_id",))
ASSIGNMENTS = Kept(t.assignments, ("id",), ("person_id",))
EXPECTED = Kept(
    t.expected_parents, ("school_id", "child_id", "parent_id"), ("child_id", "parent_id")
)

CLASS_IDS = Kept(t.bridge_state, ("key",), named=class_ids.PREFIX)

KEPT = (PEOPLE, CLASSES, CONTACTS, CORRECTIONS, ROSTER_IDS, ASSIGNMENTS, EXPECTED, CLASS_IDS)
"""In the order in which rows can be added: what is referred to comes first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was added (`before` is none), taken away (`after` is none), or changed.

    Of a changed row both hold the key and the columns that differ, else the whole row.
    """

    kept: Kept
    before: Plain | None
    after: Plain | None

    @property
    def row(self) -> Plain:
        """Return the row as far as it is known, for its key."""
        return self.after or self.before or {}

    @property
    def people(self) -> tuple[str, ...]:
        """Return the ids of the people it is about."""
        return tuple(self.row[name] for name in self.kept.people if name in self.row)

    @property
    def person_id(self) -> str:
        """Return the id of the person it is about first, empty for what is the school's."""
        return next(iter(self.people), "")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of a school: table → key → row."""

    people: frozenset[str]
    rows: Mapping[str, Mapping[tuple[Any, ...], Plain]] = field(default_factory=dict)

    def of(self, kept: Kept) -> Mapping[tuple[Any, ...], Plain]:
        """Return the rows of one table."""
        return self.rows[kept.table.name]


async def take(tx: Tx, school_id: str, also: frozenset[str] = frozenset()) -> Snapshot:
    """Read a school's rows, and those of the people `also`, and hold them until the commit.

    On PostgreSQL a held person also keeps others from adding rows that name the person.
    """
    ids = also | {row.id for row in await tx.all(_people_of(school_id))}
    rows = {}
    for kept in KEPT:
        found = await _of_people(tx, kept, ids) if kept.is_personal else None
        if found is None:
            found = await _held(tx, kept, kept.of_school(school_id))
        rows[kept.table.name] = {kept.key_of(row): row for row in found}
    return Snapshot(ids, rows)


def difference(before: Snapshot, after: Snapshot, now: int) -> Iterator[Change]:
    """Compare two snapshots, the second of which has all the people of the first.

    Whoever had nothing to do with the school before and was not made `now` (milliseconds) is
    another school's: of them only what ties them to this one is compared.
    """
    made = {row["id"] for row in after.of(PEOPLE).values() if row["created_at"] == now}
    ours = before.people | made
    for kept in KEPT:
        old, new = before.of(kept), after.of(kept)
        for key in dict.fromkeys((*old, *new)):
            change = _change(kept, old.get(key), new.get(key))
            if change and (not kept.is_personal or change.person_id in ours):
                yield change


def _change(kept: Kept, old: Plain | None, new: Plain | None) -> Change | None:
    if old is None or new is None:
        return Change(kept, old, new)
    differs = [n for n in new if n not in kept.apart and old[n] != new[n]]
    if not differs:
        return None
    # With whom it is about, so that an erasure finds it.
    shown = dict.fromkeys((*kept.key, *kept.people, *differs))
    return Change(kept, {n: old[n] for n in shown}, {n: new[n] for n in shown})


def _people_of(school_id: str) -> CompoundSelect[Any]:
    """Select whom the school has to do with: by a tie, a list, or a child enrolled there."""
    a, e, r, p = t.assignments.c, t.expected_parents.c, t.roster_ids.c, t.parent_links.c
    here = select(a.person_id).where(a.school_id == school_id, a.kind == "enrolment")
    return union(
        select(a.person_id.label("id")).where(a.school_id == school_id),
        select(e.child_id).where(e.school_id == school_id),
        select(e.parent_id).where(e.school_id == school_id),
        select(r.person_id).where(r.school_id == school_id),
        select(p.parent_id).where(p.slot.is_not(None), p.child_id.in_(here)),
    )


async def _of_people(tx: Tx, kept: Kept, ids: frozenset[str]) -> list[Plain]:
    column = kept.table.c[kept.people[0]]
    ordered = sorted(ids)
    found = []
    for start in range(0, len(ordered), _CHUNK):
        found += await _held(tx, kept, column.in_(ordered[start : start + _CHUNK]))
    return found


async def _held(tx: Tx, kept: Kept, *which: ColumnElement[bool]) -> list[Plain]:
    in_order = [kept.table.c[name] for name in kept.key]
    query = select(kept.table).where(*which).order_by(*in_order).with_for_update()
    return [_plain(row) for row in await tx.all(query)]


async def in_use(tx: Tx, ids: set[str], going: Mapping[str, set[tuple[Any, ...]]]) -> set[str]:
    """Return who of these people is named by any row but those that are `going`.

    `going` is table → keys. A case or a letter names people without a constraint that says so.
    """
    named = [
        column
        for table in t.metadata.sorted_tables
        for column in table.c
        if any(key.column is t.people.c.id for key in column.foreign_keys)
    ]
    named += [t.cases.c.subject_id, t.mails.c.about_id, t.invites.c.for_person]
    ordered = sorted(ids)
    found: set[str] = set()
    for start in range(0, len(ordered), _CHUNK):
        piece = ordered[start : start + _CHUNK]
        for column in named:
            kept = next((k for k in KEPT if k.table is column.table), None)
            key = [kept.table.c[name] for name in kept.key] if kept else []
            query = select(column.label("person"), *key).where(column.in_(piece))
            rows = await tx.all(query if kept else query.distinct())
            gone = going.get(column.table.name, set()) if kept else set()
            found |= {row[0] for row in rows if tuple(map(_written, row[1:])) not in gone}
    return found


def _plain(row: Row[*tuple[Any, ...]]) -> Plain:
    return {name: _written(value) for name, value in row._mapping.items()}  # noqa: SLF001 - the public name of it


def _written(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes | memoryview) else value


def _typed(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if value is not None and isinstance(kind, Date):
        return date.fromisoformat(value)
    return bytes.fromhex(value) if value is not None and isinstance(kind, LargeBinary) else value
