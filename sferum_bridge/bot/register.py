"""What the bot asks about people: their schools, classes and roles, each on its school's own day.

A day and a time of day belong to a school, for schools lie in several time zones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sferum_bridge.school import access
from sferum_bridge.school.access import Role
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, kin, schools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.kin import Place
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class Ties:
    """Everything one person is in one school."""

    school: School
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parent whose link waits for a class teacher (D-1)."""

    child: Person
    parent: Person
    class_name: str


def moment(record: SchoolRecord, at: int) -> datetime:
    """Return a time in milliseconds as the school's clock shows it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(record.timezone))


def day(record: SchoolRecord, now: int) -> date:
    """Return the calendar day it is at the school."""
    return moment(record, now).date()


async def school(tx: Tx, school_id: str) -> SchoolRecord | None:
    """Return a school, `None` when there is none."""
    return next((r for r in await schools.records(tx) if r.id == school_id), None)


async def schools_of(tx: Tx, person_id: str) -> Sequence[SchoolRecord]:
    """Return the schools somebody has to do with, by name."""
    ids = await accounts.schools_of(tx, person_id)
    return [record for record in await schools.records(tx) if record.id in ids] if ids else []


async def enrolled(tx: Tx, person_id: str) -> Sequence[tuple[SchoolRecord, Place]]:
    """Return where somebody is a pupil today."""
    return [
        (record, place)
        for record in await schools_of(tx, person_id)
        for place in await kin.places(tx, person_id, day(record, tx.now))
        if place.school_id == record.id
    ]


async def class_teachers(tx: Tx, child_id: str) -> Sequence[str]:
    """Return the people who lead a class of the child today."""
    found: dict[str, None] = {}
    for record in {record.id: record for record, _ in await enrolled(tx, child_id)}.values():
        found |= dict.fromkeys(await kin.class_teachers(tx, child_id, day(record, tx.now)))
    return list(found)


async def ties(tx: Tx, person_id: str) -> Sequence[Ties]:
    """Return what somebody is in each school today; schools where they are nothing are left out."""
    found = []
    for record in await schools_of(tx, person_id):
        here = await schools.load(tx, record.id)
        reasons = access.reasons(here, day(record, tx.now)).get(person_id, ())
        if reasons:
            found.append(Ties(here, reasons))
    return found


async def holds(tx: Tx, person_id: str, group_key: str) -> bool:
    """Tell whether somebody is in a group of `access.group` today, by an own assignment."""
    _, _, rest = group_key.partition("/")
    place, _, role = rest.partition("/")
    for record in await schools.records(tx):
        if await schools.is_in(tx, person_id, record.id, place, role, day(record, tx.now)):
            return True
    return False


async def administrators(tx: Tx, record: SchoolRecord) -> Sequence[str]:
    """Return the people who administer a school today."""
    return await schools.administrators(tx, record.id, day(record, tx.now))


async def administered(tx: Tx, person_id: str) -> Sequence[SchoolRecord]:
    """Return the schools somebody administers today."""
    own = await schools_of(tx, person_id)
    return [record for record in own if person_id in await administrators(tx, record)]


async def administered_one(tx: Tx, person_id: str, school_id: str) -> SchoolRecord | None:
    """Return a school if somebody administers it today."""
    own = await administered(tx, person_id)
    return next((record for record in own if record.id == school_id), None)


async def may_decide(tx: Tx, person_id: str, child_id: str) -> bool:
    """Tell whether somebody approves parents of a child: a class teacher or an administrator.

    Asked at every decision again: what somebody was when they were asked counts for nothing.
    """
    if person_id in await class_teachers(tx, child_id):
        return True
    records = {record.id: record for record, _ in await enrolled(tx, child_id)}
    return any([person_id in await administrators(tx, record) for record in records.values()])


async def waiting_for(tx: Tx, person_id: str) -> Sequence[Waiting]:
    """Return the parents whom somebody may approve today."""
    found = []
    for tie in await ties(tx, person_id):
        here = tie.school
        everywhere = any(reason.role is Role.ADMINISTRATOR for reason in tie.reasons)
        led = {r.class_id for r in tie.reasons if r.role is Role.CLASS_TEACHER}
        record = await school(tx, here.id)
        if record is None or not (led or everywhere):
            continue
        today = day(record, tx.now)
        class_of = {e.person_id: e.class_id for e in here.enrolments if e.term.covers(today)}
        found += [
            Waiting(
                here.people[link.child_id],
                here.people[link.parent_id],
                here.classes[class_of[link.child_id]].name,
            )
            for link in here.parent_links
            if link.state is LinkState.PENDING
            and link.parent_id != person_id
            and link.child_id in class_of
            and (everywhere or class_of[link.child_id] in led)
        ]
    return found
