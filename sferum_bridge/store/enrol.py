"""Carrying a roster's plan out, whole, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.roster import Contacts, Known
from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Term
from sferum_bridge.store import accounts, audit, corrections, schools, staffing, tombstones
from sferum_bridge.store.tables import (
    assignments,
    classes,
    contacts,
    expected_parents,
    people,
    roster_ids,
)
from sferum_bridge.store.tables import schools as schools_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster import Plan, RosterKey
    from sferum_bridge.roster.plan import StoredAssignment
    from sferum_bridge.store.database import Tx


_CHUNK = 500


async def school_named(tx: Tx, name: str) -> str:
    """Return the id of the school of that name, empty when there is none."""
    query = select(schools_table.c.id).where(schools_table.c.name == name)
    return str(await tx.value(query) or "")


async def known(tx: Tx, school_id: str) -> Known:
    """Return what is stored of a school, as rosters are compared with it."""
    ids = await tx.all(select(roster_ids).where(roster_ids.c.school_id == school_id))
    school = await schools.load(tx, school_id)
    found: dict[str, dict[str, str]] = {}
    ordered = sorted(school.people)
    for start in range(0, len(ordered), _CHUNK):
        c = contacts.c
        theirs = select(contacts).where(c.person_id.in_(ordered[start : start + _CHUNK]))
        for row in await tx.all(theirs.order_by(c.person_id, c.kind, c.digest)):
            if row.kind not in found.setdefault(row.person_id, {}):
                value = tx.sealer.unseal(row.sealed, f"contact.{row.kind}")
                found[row.person_id][row.kind] = value
    return Known(
        school,
        {row.roster_id: row.person_id for row in ids},
        {
            person_id: Contacts(both.get("email", ""), both.get("phone", ""))
            for person_id, both in found.items()
        },
        await corrections.roster_values(tx, set(school.people)),
        await tombstones.reader(tx, school_id),
    )


async def carry_out(tx: Tx, school_id: str, plan: Plan, actor: str) -> None:
    """Do everything a plan says, and have the school's rooms looked at."""
    ids = {r.key: r.person_id for r in plan.recognised}
    await _people(tx, school_id, plan, ids)
    for each in plan.corrections_over:
        reason = f"the roster {each.outcome.value}"
        await corrections.drop(tx, each.person_id, each.field, actor, reason, school=school_id)
    class_ids = await _classes(tx, school_id, plan)
    for ended in plan.to_end:
        term = Term(ended.assignment.term.since, ended.until)
        await _date(tx, school_id, ended.assignment, term)
        person_id = ended.assignment.person_id
        audit.record(tx, actor, "assignment.end", person_id, "roster", school=school_id)
    for one in plan.to_redate:
        await _date(tx, school_id, one.assignment, one.term)
    await _assign(tx, school_id, plan, ids, class_ids)
    await _tell_of_moves(tx, school_id, plan, ids, class_ids)
    await _expect(tx, school_id, plan, ids)
    for person_id in sorted(_touched(plan, ids)):
        audit.record(tx, actor, "roster.apply", person_id, school=school_id)
    await schools.changed(tx, school_id)
    record = next(each for each in await schools.records(tx) if each.id == school_id)
    await staffing.revoke_void(tx, school_id, actor, record.day(tx.now))


async def _tell_of_moves(
    tx: Tx,
    school_id: str,
    plan: Plan,
    ids: Mapping[RosterKey, str],
    class_ids: Mapping[tuple[str, str], str],
) -> None:
    """Have people told who changes class within the year; a new year moves everybody."""
    years = {class_id: year for (_, year), class_id in class_ids.items()}
    left = {
        ended.assignment.person_id: (ended.assignment.class_id, ended.until + timedelta(days=1))
        for ended in plan.to_end
        if isinstance(ended.assignment, Enrolment)
    }
    entered = [
        (ids[new.person], class_ids[new.school_class.name, new.school_class.year], new.since)
        for new in plan.enrolments_to_add
    ]
    # A move that was told for another day.
    entered += [
        (one.assignment.person_id, one.assignment.class_id, one.term.since)
        for one in plan.to_redate
        if isinstance(one.assignment, Enrolment) and "since" in one.changed
    ]
    for child_id, to, first in entered:
        class_id, since = left.get(child_id, ("", None))
        if since is not None and years[class_id] == years[to] and class_id != to:
            since = max(since, first or since)
            await staffing.tell_of_move(tx, school_id, child_id, class_id, to, since)


async def _people(tx: Tx, school_id: str, plan: Plan, ids: dict[RosterKey, str]) -> None:
    await _add_people(tx, school_id, plan, ids)
    for change in plan.people_to_change:
        await tx.run(
            update(people)
            .where(people.c.id == change.person_id)
            .values(
                family_name=change.family_name,
                given_name=change.given_name,
                middle_name=change.middle_name,
                birth_date=change.birth_date,
            )
        )
        await _identify(tx, school_id, change.person_id, change.external_id)
        for kind, value in (("email", change.email), ("phone", change.phone)):
            if kind in change.changed:
                await _reach(tx, change.person_id, kind, value)


async def _add_people(tx: Tx, school_id: str, plan: Plan, ids: dict[RosterKey, str]) -> None:
    """Add everybody new, table by table: a school is a thousand people, and comes at once."""
    rows: list[dict[str, Any]] = []
    numbers: dict[str, str] = {}
    reached: list[dict[str, Any]] = []
    for new in plan.people_to_add:
        person_id = ids[new.key] = schools.new_id()
        rows.append(
            {
                "id": person_id,
                "family_name": new.family_name,
                "given_name": new.given_name,
                "middle_name": new.middle_name,
                "birth_date": new.birth_date,
                "created_at": tx.now,
            }
        )
        if new.external_id:
            numbers[new.external_id] = person_id
        for kind, value in (("email", new.email), ("phone", new.phone)):
            if value:
                reached.append(accounts.contact_row(tx, person_id, kind, value))
    if rows:
        await tx.run(insert(people), rows)
    r = roster_ids.c
    for start in range(0, len(numbers), _CHUNK):
        piece = list(numbers)[start : start + _CHUNK]
        # An id that the school gave to somebody else is no longer whose it was.
        await tx.run(delete(roster_ids).where(r.school_id == school_id, r.roster_id.in_(piece)))
    if numbers:
        given = [
            {"school_id": school_id, "roster_id": number, "person_id": person_id}
            for number, person_id in numbers.items()
        ]
        await tx.run(insert(roster_ids), given)
    if reached:
        await tx.run(insert(contacts), reached)


async def _identify(tx: Tx, school_id: str, person_id: str, roster_id: str) -> None:
    if roster_id:
        await tx.run(
            delete(roster_ids).where(
                roster_ids.c.school_id == school_id, roster_ids.c.roster_id == roster_id
            )
        )
        await tx.run(
            insert(roster_ids).values(school_id=school_id, roster_id=roster_id, person_id=person_id)
        )


async def _reach(tx: Tx, person_id: str, kind: str, value: str) -> None:
    """Store a contact instead of the one that `known` compared; others of the person stay."""
    c = contacts.c
    mine = (c.person_id == person_id, c.kind == kind)
    old = await tx.value(select(c.digest).where(*mine).order_by(c.digest).limit(1))
    if old is not None:
        await tx.run(delete(contacts).where(*mine, c.digest == old))
    await accounts.add_contact(tx, person_id, kind, value)


async def _classes(tx: Tx, school_id: str, plan: Plan) -> dict[tuple[str, str], str]:
    for new in plan.classes_to_add:
        await tx.run(
            insert(classes).values(
                id=schools.new_id(), school_id=school_id, name=new.name, year=new.year
            )
        )
    rows = await tx.all(select(classes).where(classes.c.school_id == school_id))
    return {(row.name, row.year): row.id for row in rows}


async def _assign(
    tx: Tx,
    school_id: str,
    plan: Plan,
    ids: Mapping[RosterKey, str],
    class_ids: Mapping[tuple[str, str], str],
) -> None:
    rows: list[dict[str, Any]] = []

    def add(kind: str, new: Any, **more: str) -> None:
        school_class = getattr(new, "school_class", None)
        rows.append(
            {
                "id": schools.new_id(),
                "school_id": school_id,
                "person_id": ids[new.person],
                "kind": kind,
                "class_id": class_ids[school_class.name, school_class.year]
                if school_class
                else None,
                "post": more.get("post", ""),
                "subject": more.get("subject", ""),
                "since": new.since,
                "until": new.until,
            }
        )

    for enrolment in plan.enrolments_to_add:
        add("enrolment", enrolment)
    for appointment in plan.appointments_to_add:
        add("appointment", appointment, post=appointment.post.value)
    for leadership in plan.leaderships_to_add:
        add("leadership", leadership)
    for teaching in plan.teachings_to_add:
        add("teaching", teaching, subject=teaching.subject)
    if rows:
        await tx.run(insert(assignments), rows)


async def _date(tx: Tx, school_id: str, given: StoredAssignment, term: Term) -> None:
    """Give a stored assignment other days."""
    c = assignments.c
    same = [c.school_id == school_id, c.person_id == given.person_id]
    if isinstance(given, Appointment):
        same += [c.kind == "appointment", c.post == given.post.value]
    elif isinstance(given, Enrolment):
        same += [c.kind == "enrolment", c.class_id == given.class_id]
    elif isinstance(given, Leadership):
        same += [c.kind == "leadership", c.class_id == given.class_id]
    else:
        same += [c.kind == "teaching", c.class_id == given.class_id, c.subject == given.subject]
    for column, day in ((c.since, given.term.since), (c.until, given.term.until)):
        same.append(column.is_(None) if day is None else column == day)
    await tx.run(update(assignments).where(*same).values(since=term.since, until=term.until))


async def _expect(tx: Tx, school_id: str, plan: Plan, ids: Mapping[RosterKey, str]) -> None:
    known_ids = {each.person_id for each in plan.recognised}
    pairs = [(e.child_id, e.parent_id) for e in plan.expected_parents_to_end]
    new = [(ids[e.child], ids[e.parent]) for e in plan.expected_parents_to_add]
    # The same pair may be there with other access; of new people nothing is.
    pairs += [pair for pair in new if known_ids.issuperset(pair)]
    c = expected_parents.c
    for child_id, parent_id in pairs:
        await tx.run(
            delete(expected_parents).where(
                c.school_id == school_id, c.child_id == child_id, c.parent_id == parent_id
            )
        )
    rows = [
        {
            "school_id": school_id,
            "child_id": ids[each.child],
            "parent_id": ids[each.parent],
            "relation": each.relation.value,
            "access": each.access,
            "ground": each.ground,
        }
        for each in plan.expected_parents_to_add
    ]
    if rows:
        await tx.run(insert(expected_parents), rows)


def _touched(plan: Plan, ids: Mapping[RosterKey, str]) -> set[str]:
    """Return the people of whom the plan changes anything: each gets one audit record."""
    new: Sequence[Any] = (
        *plan.enrolments_to_add,
        *plan.appointments_to_add,
        *plan.leaderships_to_add,
        *plan.teachings_to_add,
    )
    return (
        {ids[person.key] for person in plan.people_to_add}
        | {change.person_id for change in plan.people_to_change}
        | {ids[each.person] for each in new}
        | {each.assignment.person_id for each in plan.to_redate}
        | {ids[each.child] for each in plan.expected_parents_to_add}
        | {each.child_id for each in plan.expected_parents_to_end}
    )
