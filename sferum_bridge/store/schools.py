"""Schools, their classes and assignments: read whole as the value the rules work on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import false, insert, select, update

from sferum_bridge.school.access import Role
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
    Waits,
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
    paused: bool = False
    """Whether the making of its rooms rests: people are removed, and nothing else is done."""

    def day(self, now: int) -> date:
        """Return the day it is in the school's zone at a time (milliseconds)."""
        return day_in(self.timezone, now)


def day_in(timezone: str, now: int) -> date:
    """Return the day it is in a zone at a time (milliseconds)."""
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(timezone)).date()


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
    return [_record(r) for r in rows]


def _record(r: Row[*tuple[Any, ...]]) -> SchoolRecord:
    paused = r.paused_at is not None
    return SchoolRecord(r.id, r.name, r.timezone, r.language, r.wanted, r.applied, paused)


async def record(tx: Tx, school_id: str) -> SchoolRecord | None:
    """Return one school, `None` when there is none."""
    r = await tx.first(select(schools).where(schools.c.id == school_id))
    return _record(r) if r else None


async def pause(tx: Tx, school_id: str, *, paused: bool) -> bool:
    """Have the making of a school's rooms rest or go on; false when it does already."""
    c = schools.c
    is_new = c.paused_at.is_(None) if paused else c.paused_at.is_not(None)
    change = update(schools).where(c.id == school_id, is_new)
    tx.wake(ROOMS_BELL)
    return bool(await tx.run(change.values(paused_at=tx.now if paused else None)))


async def changed(tx: Tx, school_id: str) -> None:
    """Say that the school's wanted rooms may have changed; the executor will look.

    Written when the transaction ends: every change of a school writes this one row, and whoever has
    written it holds up all others until the commit.
    """
    if _count_up not in tx.last_steps:
        # Before the audit's own last step, which has the lock that everybody waits for.
        tx.last_steps.insert(0, _count_up)
    tx.changed_schools.add(school_id)
    tx.wake(ROOMS_BELL)


async def _count_up(tx: Tx) -> None:
    # In one order, so that two who changed the same schools do not wait for each other.
    for school_id in sorted(tx.changed_schools):
        await tx.run(
            update(schools).where(schools.c.id == school_id).values(wanted=schools.c.wanted + 1)
        )


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
        classes={r.id: school_class(r) for r in class_rows},
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
        parent_links=[parent_link(r) for r in links],
        expected_parents=[ExpectedParent(r.child_id, r.parent_id, r.access) for r in expected],
    )


async def load_classes(tx: Tx, school_id: str) -> School:
    """Read of a school only its classes, from when to when each has pupils, and who leads it.

    The pupils themselves are left out: an enrolment here is one of nobody, and stands for all of
    the same days. A big school is read like a small one.
    """
    c = assignments.c
    ties = select(c.kind, c.class_id, c.since, c.until).where(c.school_id == school_id)
    enrolled = await tx.all(ties.where(c.kind == "enrolment").distinct())
    led = ties.add_columns(c.person_id).where(c.kind == "leadership").order_by(c.id)
    class_rows = await tx.all(select(classes).where(classes.c.school_id == school_id))
    return School(
        id=school_id,
        name=str(await tx.value(select(schools.c.name).where(schools.c.id == school_id)) or ""),
        people={},
        classes={r.id: school_class(r) for r in class_rows},
        enrolments=[Enrolment("", r.class_id, Term(r.since, r.until)) for r in enrolled],
        leaderships=[
            Leadership(r.person_id, r.class_id, Term(r.since, r.until)) for r in await tx.all(led)
        ],
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


async def of_pupil(tx: Tx, person_id: str) -> Sequence[str]:
    """Return the ids of the schools where somebody is enrolled, else of those where they were.

    A transfer may leave days on which a child is nowhere enrolled (scenario 36); what happens to a
    parent link then is still the business of the school the child comes from.
    """
    c = assignments.c
    query = select(c.school_id, c.until).where(c.person_id == person_id, c.kind == "enrolment")
    rows = await tx.all(query)
    today = datetime.fromtimestamp(tx.now / 1000, UTC).date()
    # A day more, since it may still be yesterday at the school.
    open_ = {r.school_id for r in rows if r.until is None or r.until + timedelta(days=1) >= today}
    return sorted(open_ or {r.school_id for r in rows})


async def administrators(tx: Tx, school_id: str, day: date) -> Sequence[str]:
    """Return the people who administer a school on `day`."""
    c = assignments.c
    query = select(c.person_id).where(
        c.school_id == school_id,
        c.kind == "appointment",
        c.post == Post.ADMINISTRATOR.value,
        (c.since.is_(None)) | (c.since <= day),
        (c.until.is_(None)) | (c.until >= day),
    )
    return sorted({row.person_id for row in await tx.all(query)})


async def decides(tx: Tx, person_id: str, school_id: str, day: date) -> bool:
    """Tell whether somebody leads a class of a school, or administers it, on `day`."""
    c = assignments.c
    query = select(c.id).where(
        c.person_id == person_id,
        c.school_id == school_id,
        (c.kind == "leadership") | (c.post == Post.ADMINISTRATOR.value),
        (c.since.is_(None)) | (c.since <= day),
        (c.until.is_(None)) | (c.until >= day),
    )
    return await tx.value(query.limit(1)) is not None


async def is_in(tx: Tx, person_id: str, school_id: str, place: str, role: str, day: date) -> bool:
    """Tell whether somebody leads the class `place`, or administers the school `place`, on `day`.

    `role` is a value of `access.Role`; only those two issue invites.
    """
    c = assignments.c
    tie = {
        Role.ADMINISTRATOR.value: (
            c.kind == "appointment",
            c.post == Post.ADMINISTRATOR.value,
            c.school_id == place,
        ),
        Role.CLASS_TEACHER.value: (c.kind == "leadership", c.class_id == place),
    }.get(role, (false(),))
    query = select(c.id).where(
        c.person_id == person_id,
        c.school_id == school_id,
        *tie,
        (c.since.is_(None)) | (c.since <= day),
        (c.until.is_(None)) | (c.until >= day),
    )
    return await tx.value(query.limit(1)) is not None


def parent_link(row: Row[*tuple[Any, ...]]) -> ParentLink:
    """Build the value from a row of `parent_links`."""
    waits_for = frozenset(Waits(who) for who in row.waits_for.split())
    return ParentLink(row.child_id, row.parent_id, LinkState(row.state), waits_for, row.vouched)


def school_class(row: Row[*tuple[Any, ...]]) -> SchoolClass:
    """Build the value from a row of `classes`."""
    closed = row.closed_on, row.kept_until, row.successor_id
    return SchoolClass(row.id, row.name, row.year, *closed)


def person(row: Row[*tuple[Any, ...]]) -> Person:
    """Build the value from a row of `people`."""
    return Person(row.id, row.family_name, row.given_name, row.middle_name, row.birth_date)
