"""What is stored of a school as a roster, to be written by `roster.export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select

from sferum_bridge.roster import Contacts
from sferum_bridge.roster.model import (
    Relation,
    Roster,
    RosterAppointment,
    RosterClass,
    RosterEnrolment,
    RosterGuardian,
    RosterKey,
    RosterLeadership,
    RosterPerson,
    RosterTeaching,
    SchoolInfo,
)
from sferum_bridge.school import classes as naming
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    LinkState,
    Teaching,
)
from sferum_bridge.store import enrol
from sferum_bridge.store.tables import expected_parents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from sferum_bridge.roster.model import RosterTie
    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

Tie = TypeVar("Tie", Enrolment, Appointment, Leadership, Teaching)


async def roster(tx: Tx, record: SchoolRecord, year: str = "") -> Roster:
    """Return a school as of today: what is not over yet, of one school year.

    The year is the latest in which anybody is enrolled, if none is named. Parents are those who are
    expected and those who confirmed.
    """
    known = await enrol.known(tx, record.id)
    school, today = known.school, record.day(tx.now)
    year = year or _latest(school, today)
    of_year = {id_: each.name for id_, each in school.classes.items() if each.year == year}
    ids = {person_id: roster_id for roster_id, person_id in known.external_ids.items()}

    def key(person_id: str) -> RosterKey:
        if id_ := ids.get(person_id):
            return RosterKey(external_id=id_)
        person = school.people[person_id]
        full = f"{person.family_name} {person.given_name} {person.middle_name}"
        return RosterKey(name=naming.key(full), birth=str(person.birth_date or ""), line=person_id)

    enrolments = [
        RosterEnrolment(
            key(tie.person_id), of_year[tie.class_id], since=tie.term.since, until=tie.term.until
        )
        for tie in _held(school.enrolments, today)
        if tie.class_id in of_year
    ]
    appointments = [
        RosterAppointment(key(tie.person_id), tie.post, tie.term.since, tie.term.until)
        for tie in _held(school.appointments, today)
    ]
    leaderships = [
        RosterLeadership(key(tie.person_id), of_year[tie.class_id], tie.term.since, tie.term.until)
        for tie in _held(school.leaderships, today)
        if tie.class_id in of_year
    ]
    teachings = [
        RosterTeaching(
            key(tie.person_id), of_year[tie.class_id], tie.subject, tie.term.since, tie.term.until
        )
        for tie in _held(school.teachings, today)
        if tie.class_id in of_year
    ]
    pupils = {tie.person for tie in enrolments}
    guardians = [tie for tie in await _guardians(tx, school, key) if tie.child in pupils]
    ties: list[RosterTie] = [*appointments, *leaderships, *teachings]
    shown = pupils | {tie.person for tie in ties}
    shown |= {tie.parent for tie in guardians}
    contacts = known.contacts or {}
    people = []
    for id_, person in school.people.items():
        if key(id_) in shown:
            both = contacts.get(id_, Contacts())
            people.append(
                RosterPerson(
                    key(id_), ids.get(id_, ""), person.family_name, person.given_name,
                    person.middle_name, person.birth_date, both.email, both.phone,
                )
            )  # fmt: skip
    return Roster(
        school=SchoolInfo(record.name, record.timezone, record.language),
        classes=tuple(RosterClass(name, year) for name in sorted(of_year.values())),
        people=tuple(people),
        enrolments=tuple(enrolments),
        appointments=tuple(appointments),
        leaderships=tuple(leaderships),
        teachings=tuple(teachings),
        guardians=tuple(guardians),
    )


def _latest(school: School, today: date) -> str:
    taught = {school.classes[tie.class_id].year for tie in _held(school.enrolments, today)}
    return max(taught or {each.year for each in school.classes.values()}, default="")


def _held(ties: Sequence[Tie], today: date) -> list[Tie]:
    return [tie for tie in ties if tie.term.until is None or tie.term.until >= today]


async def _guardians(
    tx: Tx, school: School, key_of: Callable[[str], RosterKey]
) -> list[RosterGuardian]:
    query = select(expected_parents).where(expected_parents.c.school_id == school.id)
    found = {
        (row.child_id, row.parent_id): RosterGuardian(
            key_of(row.child_id), key_of(row.parent_id), Relation(row.relation), row.access,
            row.ground,
        )
        for row in await tx.all(query)
        if {row.child_id, row.parent_id} <= school.people.keys()
    }  # fmt: skip
    for link in school.parent_links:
        if link.state is LinkState.ACTIVE and link.parent_id in school.people:
            tie = RosterGuardian(key_of(link.child_id), key_of(link.parent_id))
            found.setdefault((link.child_id, link.parent_id), tie)
    return list(found.values())
