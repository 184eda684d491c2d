"""A batch is undone as a whole, and what somebody did since is left; on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select, update

from sferum_bridge.school import people as p
from sferum_bridge.school import staffing as rules
from sferum_bridge.school.corrections import Field
from sferum_bridge.store import (
    accounts,
    audit,
    batches,
    corrections,
    erasing,
    kin,
    schools,
    staffing,
)
from sferum_bridge.store import tables as t
from sferum_bridge.store.batches import Kind, NotUndoableError
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database, Tx
    from tests.support.databases import Clock, Family

database_url = databases.database_url
clock = databases.clock
database = databases.database

DAY_MS = 24 * 3600 * 1000
COMPARED = (t.people, t.classes, t.roster_ids, t.assignments, t.expected_parents, t.corrections)


async def rows(tx: Tx) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything a batch may change, in order; contacts by what they say."""
    found = {
        table.name: sorted((tuple(row) for row in await tx.all(select(table))), key=repr)
        for table in COMPARED
    }
    people = [row.id for row in await tx.all(select(t.people.c.id))]
    found["contacts"] = [
        (one, kind, *await accounts.contacts_of(tx, one, kind))
        for one in sorted(people)
        for kind in ("email", "phone")
    ]
    return found


async def enrol(tx: Tx, f: Family, person_id: str, class_id: str, since: date | None = None) -> str:
    assignment_id = schools.new_id()
    tie = {"id": assignment_id, "school_id": f.school_id, "person_id": person_id}
    await tx.run(
        insert(t.assignments).values(**tie, kind="enrolment", class_id=class_id, since=since)
    )
    return assignment_id


async def everything(tx: Tx, f: Family) -> tuple[str, str]:
    """Do whatever imports and school years do; return the ids of a new pupil and a new class."""
    new_class = schools.new_id()
    values = {"id": new_class, "school_id": f.school_id, "name": "6Б", "year": "2026/2027"}
    await tx.run(insert(t.classes).values(**values))
    await tx.run(update(t.classes).where(t.classes.c.id == f.class_id).values(name="6А"))
    newcomer = await accounts.add_person(tx, "Новиков", "Лев")
    await accounts.add_contact(tx, newcomer, "phone", "+79000000001")
    await tx.run(
        insert(t.roster_ids).values(school_id=f.school_id, roster_id="У9", person_id=newcomer)
    )
    await enrol(tx, f, newcomer, new_class)
    moved = t.assignments.c.person_id == f.child_id
    await tx.run(update(t.assignments).where(moved).values(until=databases.DAY))
    await enrol(tx, f, f.child_id, new_class, databases.DAY + timedelta(days=1))
    person = t.people.c.id == f.child_id
    await tx.run(update(t.people).where(person).values(family_name="Иначев", birth_date=None))
    await accounts.replace_contact(tx, f.child_id, "email", "new@school.example")
    await tx.run(delete(t.expected_parents))
    await tx.run(delete(t.corrections))
    expected = {"school_id": f.school_id, "child_id": newcomer, "parent_id": f.adults[1]}
    await tx.run(insert(t.expected_parents).values(**expected, access=True))
    return newcomer, new_class


async def settled(tx: Tx) -> Family:
    """Give a school with something of every kind."""
    f = await databases.family(tx, adults=3)
    person = t.people.c.id == f.child_id
    await tx.run(update(t.people).where(person).values(birth_date=date(2014, 2, 1)))
    await accounts.add_contact(tx, f.child_id, "email", "old@school.example")
    await tx.run(
        insert(t.roster_ids).values(school_id=f.school_id, roster_id="У1", person_id=f.child_id)
    )
    expected = {"school_id": f.school_id, "child_id": f.child_id, "parent_id": f.adults[0]}
    await tx.run(insert(t.expected_parents).values(**expected, access=False, ground="суд"))
    corrected = {"person_id": f.child_id, "field": "family_name", "roster_value": "Раньшев"}
    await tx.run(insert(t.corrections).values(**corrected, corrected_by=f.adults[0], at=tx.now))
    return f


async def changed(database: Database) -> tuple[Family, str, str, str]:
    """Do everything as one batch; return the family, the batch, the new pupil and class."""
    async with database.write() as tx:
        f = await settled(tx)
    async with (
        database.write() as tx,
        batches.recorded(
            tx, f.school_id, kind="import", actor="console", label="список.xlsx"
        ) as batch_id,
    ):
        newcomer, new_class = await everything(tx, f)
    return f, batch_id, newcomer, new_class


async def test_undone_everything_is_as_it_was(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        f = await settled(tx)
        before = await rows(tx)
    clock.now += DAY_MS
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="year", actor="console", label="2026") as batch_id,
    ):
        await everything(tx, f)
    async with database.read() as tx:
        [listed] = await batches.of_school(tx, f.school_id)
        assert await rows(tx) != before
        revision = next(one.wanted for one in await schools.records(tx))
    assert (listed.id, listed.kind, listed.actor, listed.label) == (
        batch_id, "year", "console", "2026",
    )  # fmt: skip
    assert listed.changes == 14
    assert listed.undone_at is None
    clock.now += 29 * DAY_MS
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
    assert done.left == []
    assert done.restored == listed.changes
    async with database.read() as tx:
        assert await rows(tx) == before
        assert next(one.wanted for one in await schools.records(tx)) > revision
        assert (await batches.of_school(tx, f.school_id))[0].undone_at == clock.now
        said = [
            (one.subject, one.reason) for one in await audit.entries(tx, actions=["batch.undo"])
        ]
        assert await audit.verify(tx) is None
    assert (f.child_id, batch_id) in said


async def test_what_somebody_changed_since_is_left_and_told(database: Database) -> None:
    f, batch_id, newcomer, _ = await changed(database)
    async with database.write() as tx:
        child = await accounts.person(tx, f.child_id)
        assert child is not None
        field = Field.FAMILY_NAME
        args = (child, field, "Верно", f.adults[0], "teacher")
        await corrections.make(tx, *args, school=f.school_id)
        # In the meantime the new pupil's contact is another one, too.
        await accounts.replace_contact(tx, newcomer, "phone", "+79000000002")
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
    told = {(one.table, one.person_id, one.why) for one in done.left}
    assert told == {
        ("people", f.child_id, Kind.CHANGED),
        ("corrections", f.child_id, Kind.CHANGED),
        ("people", newcomer, Kind.IN_USE),
        ("classes", "", Kind.IN_USE),
    }
    async with database.read() as tx:
        child = await accounts.person(tx, f.child_id)
        assert child is not None
        assert child.family_name == "Верно"
        assert await accounts.contacts_of(tx, f.child_id, "email") == ["old@school.example"]
        school = await schools.load(tx, f.school_id)
    open_ = {(e.person_id, e.class_id) for e in school.enrolments if e.term.until is None}
    assert open_ == {(f.child_id, f.class_id)}


async def test_parents_linked_since_keep_their_links(database: Database, clock: Clock) -> None:
    f, batch_id, newcomer, new_class = await changed(database)
    clock.now += DAY_MS
    async with database.write() as tx:
        await accounts.add_account(tx, "@new:school.example", newcomer)
        link = p.ParentLink(newcomer, f.adults[1], p.LinkState.ACTIVE)
        await kin.link(tx, link, "bot")
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
    assert {(one.table, one.why) for one in done.left} == {
        ("people", Kind.IN_USE), ("classes", Kind.IN_USE),
    }  # fmt: skip
    assert [one.name for one in done.left if one.table == "classes"] == ["6Б"]
    async with database.read() as tx:
        school = await schools.load(tx, f.school_id)
        today = next(one.day(tx.now) for one in await schools.records(tx))
        contacts = await accounts.contacts_of(tx, newcomer, "phone")
    assert [link.child_id for link in school.parent_links] == [newcomer]
    [enrolment] = [one for one in school.enrolments if one.person_id == newcomer]
    assert enrolment.class_id == new_class
    assert enrolment.term.until == today - timedelta(days=1)
    assert contacts == ["+79000000001"], "who stays keeps what is known of them"


async def test_two_classes_that_swapped_their_names_swap_back(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx, adults=1)
        other = schools.new_id()
        values = {"id": other, "school_id": f.school_id, "year": "2026/2027"}
        await tx.run(insert(t.classes).values(**values, name="5Б"))
    c = t.classes.c
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="year", actor="console", label="") as batch_id,
    ):
        for class_id, name in ((other, "-"), (f.class_id, "5Б"), (other, "5А")):
            await tx.run(update(t.classes).where(c.id == class_id).values(name=name))
    async with database.write() as tx:
        assert (await batches.undo(tx, batch_id, "admin")).left == []
        names = {row.id: row.name for row in await tx.all(select(t.classes))}
    assert names == {f.class_id: "5А", other: "5Б"}


async def test_a_name_given_away_stays_given_away(database: Database) -> None:
    f, batch_id, _, _ = await changed(database)
    async with database.write() as tx:
        values = {"id": schools.new_id(), "school_id": f.school_id, "year": "2026/2027"}
        await tx.run(insert(t.classes).values(**values, name="5А"))
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
    assert [(one.table, one.why) for one in done.left] == [("classes", Kind.TAKEN)]


async def test_a_batch_is_undone_once_and_in_time(database: Database, clock: Clock) -> None:
    f, batch_id, _, _ = await changed(database)

    async def refused(which: str, **more: float) -> Kind:
        async with database.write() as tx:
            with pytest.raises(NotUndoableError) as refusal:
                await batches.undo(tx, which, "admin", **more)
        return refusal.value.why

    assert await refused("nothing") is Kind.UNKNOWN
    clock.now += 2 * DAY_MS
    assert await refused(batch_id, days=1) is Kind.EXPIRED
    async with database.write() as tx:
        await batches.undo(tx, batch_id, "admin", days=3)
    assert await refused(batch_id) is Kind.UNDONE
    async with database.write() as tx:
        await batches.prune(tx, clock.now - DAY_MS)
        assert await batches.of_school(tx, f.school_id) == []
        assert await tx.all(select(t.batch_changes)) == []


async def test_nothing_written_is_no_batch(database: Database) -> None:
    async with database.write() as tx:
        f = await settled(tx)
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="import", actor="console", label="again"),
    ):
        # Sealed again it is other bytes, and the same contact.
        await accounts.replace_contact(tx, f.child_id, "email", "old@school.example")
    async with database.read() as tx:
        assert await batches.of_school(tx, f.school_id) == []


async def test_the_last_administrator_stays_in_office(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx, adults=1)
        old = {"id": "a", "school_id": f.school_id, "person_id": f.adults[0]}
        post = {"kind": "appointment", "post": "administrator"}
        await tx.run(insert(t.assignments).values(**old, **post))
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="import", actor="a", label="") as batch_id,
    ):
        chief = await accounts.add_person(tx, "Главный", "Пётр")
        new = {"id": "b", "school_id": f.school_id, "person_id": chief}
        await tx.run(insert(t.assignments).values(**new, **post))
    async with database.write() as tx:
        # Whoever was in office before leaves on another way.
        await tx.run(delete(t.assignments).where(t.assignments.c.id == "a"))
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
        school = await schools.load(tx, f.school_id)
    assert {(one.person_id, one.why) for one in done.left} == {
        (chief, Kind.LAST_ADMINISTRATOR), (chief, Kind.IN_USE),
    }  # fmt: skip
    assert [one.person_id for one in school.appointments] == [chief]


async def test_people_of_another_school_are_left_out(database: Database, clock: Clock) -> None:
    """Who comes from another school is theirs: only the place here is undone."""
    async with database.write() as tx:
        f, other = await databases.family(tx, adults=1), await databases.family(tx, adults=1)
    clock.now += DAY_MS
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="year", actor="console", label="") as batch_id,
    ):
        await enrol(tx, f, other.child_id, f.class_id)
    async with database.write() as tx:
        await batches.undo(tx, batch_id, "admin")
        assert await accounts.person(tx, other.child_id) is not None
        theirs = await schools.load(tx, other.school_id)
        ours = await schools.load(tx, f.school_id)
    assert [one.person_id for one in theirs.enrolments] == [other.child_id]
    assert [one.person_id for one in ours.enrolments] == [f.child_id]


async def test_an_erased_person_does_not_come_back(database: Database) -> None:
    f, batch_id, _, _ = await changed(database)
    async with database.write() as tx:
        await erasing.erase(tx, f.child_id, "console", "asked")
        # A tie of theirs that is left is not the batch's any more.
        about = t.batch_changes.c
        query = select(about.id).where(about.person_id == f.child_id)
        assert await tx.value(query) is None
    async with database.write() as tx:
        await batches.undo(tx, batch_id, "admin")
        child = await accounts.person(tx, f.child_id)
        assert await accounts.contacts_of(tx, f.child_id, "email") == []
    assert child is not None
    assert (child.family_name, child.birth_date) == ("", None)


async def test_nothing_of_a_batch_stands_readable(database: Database) -> None:
    await changed(database)
    async with database.read() as tx:
        recorded = [*await tx.all(select(t.batches)), *await tx.all(select(t.batch_changes))]
    stood = [value for row in recorded for value in row]
    assert len(stood) > 14
    plain = " ".join(str(value) for value in stood if not isinstance(value, bytes))
    hidden = b" ".join(value for value in stood if isinstance(value, bytes))
    for word in ("Раньшев", "Иначев", "Новиков", "new@", "+79", "список"):
        assert word not in plain
        assert word.encode() not in hidden


async def test_who_was_let_go_since_does_not_come_back(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        f = await settled(tx)
        post = {"kind": "appointment", "post": "teacher", "school_id": f.school_id}
        lead = {"kind": "leadership", "class_id": f.class_id, "school_id": f.school_id}
        for n, person_id in enumerate(f.adults[:2]):
            for what in (post, lead):
                row = {"id": f"{what['kind']}{n}", "person_id": person_id, **what}
                await tx.run(insert(t.assignments).values(**row))
    async with (
        database.write() as tx,
        batches.recorded(tx, f.school_id, kind="year", actor="console", label="2026") as batch_id,
    ):
        leads = t.assignments.c.kind == "leadership"
        await tx.run(update(t.assignments).where(leads).values(until=databases.DAY))
    clock.now += DAY_MS
    gone, stays = f.adults[:2]
    async with database.write() as tx:
        school = await staffing.read(tx, f.school_id)
        [held] = [one for one in school.appointments if one.person_id == gone]
        changes = rules.Changes(ends=[rules.Ending(held, databases.DAY)])
        args = (tx, f.school_id, changes, "admin", "dismissed")
        await staffing.carry_out(*args, databases.DAY + timedelta(days=1))
    async with database.write() as tx:
        done = await batches.undo(tx, batch_id, "admin")
    assert [(one.person_id, one.why) for one in done.left] == [(gone, Kind.CHANGED)]
    async with database.read() as tx:
        school = await schools.load(tx, f.school_id)
    assert [one.person_id for one in school.leaderships if one.term.until is None] == [stays]
