"""Schools, their classes and assignments: read whole as the value the rules work on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update

from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Leadership,
    LinkState,
    ParentLink,
    Person,
    Post,
    School,
    SchoolClass,
    Teaching,
    Term,
)
from sferum_bridge.store.tables import (
    assignments,
    classes,
    expected_parents,
    parent_links,
    people,
    schools,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

ROOMS_BELL = "rooms"


def new_id() -> str:
    """Return a fresh id: 80 random bits, opaque, safe in any key."""
    return secrets.token_hex(10)


@dataclass(frozen=True, slots=True)
class SchoolRecord:
    """A school as an installation knows it."""

    id: str
    name: str
    timezone: str
    language: str
    wanted: int
    applied: int

    def day(self, now: int) -> date:
        """Return the day it is in the school's zone at a time (milliseconds)."""
        return datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(self.timezone)).date()


async def add(tx: Tx, name: str, timezone: str, language: str) -> str:
    """Add a school; return its id."""
    school_id = new_id()
    await tx.run(
        insert(schools).values(id=school_id, name=name, timezone=timezone, language=language)
    )
    tx.wake(ROOMS_BELL)
    return school_id


async def records(tx: Tx) -> Sequence[SchoolRecord]:
    """List every school."""
    rows = await tx.all(select(schools).order_by(schools.c.name))
    return [SchoolRecord(r.id, r.name, r.timezone, r.language, r.wanted, r.applied) for r in rows]


async def changed(tx: Tx, school_id: str) -> None:
    """Say that the school's wanted rooms may have changed; the executor will look."""
    await tx.run(
        update(schools).where(schools.c.id == school_id).values(wanted=schools.c.wanted + 1)
    )
    tx.wake(ROOMS_BELL)


async def applied(tx: Tx, school_id: str, revision: int) -> None:
    """Say that the rooms are as revision `revision` of the school wants them."""
    await tx.run(update(schools).where(schools.c.id == school_id).values(applied=revision))


async def load(tx: Tx, school_id: str) -> School:
    """Read everything the rules need to know of a school."""
    name = await tx.value(select(schools.c.name).where(schools.c.id == school_id))
    rows = await tx.all(select(assignments).where(assignments.c.school_id == school_id))
    by_kind: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    class_rows = await tx.all(select(classes).where(classes.c.school_id == school_id))
    expected = await tx.all(
        select(expected_parents).where(expected_parents.c.school_id == school_id)
    )
    here = select(assignments.c.person_id).where(
        assignments.c.school_id == school_id, assignments.c.kind == "enrolment"
    )
    links = await tx.all(
        select(parent_links).where(
            parent_links.c.slot.is_not(None), parent_links.c.child_id.in_(here)
        )
    )
    ids = {r.person_id for r in rows} | {r.parent_id for r in expected}
    ids |= {r.child_id for r in expected} | {r.parent_id for r in links}
    return School(
        id=school_id,
        name=name or "",
        people=await _people(tx, ids),
        classes={r.id: SchoolClass(r.id, r.name, r.year) for r in class_rows},
        enrolments=[
            Enrolment(r.person_id, r.class_id, Term(r.since, r.until))
            for r in by_kind.get("enrolment", ())
        ],
        appointments=[
            Appointment(r.person_id, Post(r.post), Term(r.since, r.until))
            for r in by_kind.get("appointment", ())
        ],
        leaderships=[
            Leadership(r.person_id, r.class_id, Term(r.since, r.until))
            for r in by_kind.get("leadership", ())
        ],
        teachings=[
            Teaching(r.person_id, r.class_id, r.subject, Term(r.since, r.until))
            for r in by_kind.get("teaching", ())
        ],
        parent_links=[ParentLink(r.child_id, r.parent_id, LinkState(r.state)) for r in links],
        expected_parents=[ExpectedParent(r.child_id, r.parent_id, r.access) for r in expected],
    )


_CHUNK = 500


async def _people(tx: Tx, ids: set[str]) -> dict[str, Person]:
    # In pieces: SQLite bounds the number of parameters of one statement.
    ordered = sorted(ids)
    found: dict[str, Person] = {}
    for start in range(0, len(ordered), _CHUNK):
        piece = ordered[start : start + _CHUNK]
        for row in await tx.all(select(people).where(people.c.id.in_(piece))):
            found[row.id] = person(row)
    return found


def person(row: Row[*tuple[Any, ...]]) -> Person:
    """Build the value from a row of `people`."""
    return Person(row.id, row.family_name, row.given_name, row.middle_name, row.birth_date)
