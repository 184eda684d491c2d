"""A school comes back as it was stored, however big; accounts find their people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from sferum_bridge.school import people as p
from sferum_bridge.school.access import Role, reasons
from sferum_bridge.store import accounts, kin, rooms, schools
from sferum_bridge.store.tables import assignments, classes, expected_parents, people
from tests.support import databases
from tests.support.databases import DAY

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database, Tx

database_url = databases.database_url
clock = databases.clock
database = databases.database

BOT = "@sferumbot:school.example"
PUPILS = 640


async def assign(tx: Tx, school_id: str, person_id: str, kind: str, **values: Any) -> None:
    await tx.run(
        insert(assignments).values(
            id=schools.new_id(), school_id=school_id, person_id=person_id, kind=kind, **values
        )
    )


async def add_class(tx: Tx, school_id: str, name: str) -> str:
    class_id = schools.new_id()
    await tx.run(insert(classes).values(id=class_id, school_id=school_id, name=name, year="2026"))
    return class_id


async def test_a_big_school_comes_back_whole(database: Database) -> None:
    """More people than SQLite takes in one list, read back as the value the rules work on."""
    async with database.write() as tx:
        school_id = await schools.add(tx, "Школа № 0", "Asia/Kamchatka", "ru")
        class_id = await add_class(tx, school_id, "1А")
        pupils = {f"pupil-{number:04}": date(2019, 1, number % 28 + 1) for number in range(PUPILS)}
        await tx.run(
            insert(people),
            [
                {
                    "id": person_id,
                    "family_name": "Выдумкин",
                    "given_name": person_id,
                    "middle_name": "Нигдеевич",
                    "birth_date": born,
                    "created_at": tx.now,
                }
                for person_id, born in pupils.items()
            ],
        )
        await tx.run(
            insert(assignments),
            [
                {
                    "id": f"enrolment-{person_id}",
                    "school_id": school_id,
                    "person_id": person_id,
                    "kind": "enrolment",
                    "class_id": class_id,
                    "since": DAY,
                }
                for person_id in pupils
            ],
        )
        parent_id = await accounts.add_person(tx, "Выдумкина", "Ева")
        await kin.link(tx, p.ParentLink("pupil-0639", parent_id, p.LinkState.ACTIVE), BOT)
    async with database.read() as tx:
        school = await schools.load(tx, school_id)
    assert (school.id, school.name) == (school_id, "Школа № 0")
    assert len(school.people) == PUPILS + 1
    for person_id, born in pupils.items():
        assert school.people[person_id] == p.Person(
            person_id, "Выдумкин", person_id, "Нигдеевич", born
        )
    assert {e.person_id for e in school.enrolments} == set(pupils)
    assert {e.term for e in school.enrolments} == {p.Term(DAY, None)}
    assert len(reasons(school, DAY)) == PUPILS + 1
    assert reasons(school, DAY - timedelta(days=1)) == {}


async def test_every_kind_of_tie_comes_back(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx, adults=6)
        teacher, head, waiting, expected, barred, ended = f.adults
        school, in_class = f.school_id, {"class_id": f.class_id}
        await assign(tx, school, head, "appointment", post="administrator", since=DAY)
        await assign(tx, school, teacher, "appointment", post="teacher")
        await assign(tx, school, teacher, "leadership", **in_class, until=DAY)
        await assign(tx, school, teacher, "teaching", **in_class, subject="Алгебра")
        for parent_id, access in ((expected, True), (barred, False)):
            values = {"school_id": school, "child_id": f.child_id, "parent_id": parent_id}
            await tx.run(insert(expected_parents).values(**values, access=access))
        await kin.link(tx, p.ParentLink(f.child_id, ended, p.LinkState.ACTIVE), BOT)
        await kin.unlink(tx, f.child_id, ended, BOT, "asked")
        await kin.link(tx, p.ParentLink(f.child_id, waiting, p.LinkState.PENDING), BOT)
    async with database.read() as tx:
        loaded = await schools.load(tx, school)
    assert loaded.classes == {f.class_id: p.SchoolClass(f.class_id, "5А", "2026/2027")}
    assert loaded.enrolments == [p.Enrolment(f.child_id, f.class_id)]
    assert sorted(loaded.appointments, key=lambda a: a.post) == [
        p.Appointment(head, p.Post.ADMINISTRATOR, p.Term(DAY, None)),
        p.Appointment(teacher, p.Post.TEACHER),
    ]
    assert loaded.leaderships == [p.Leadership(teacher, f.class_id, p.Term(None, DAY))]
    assert loaded.teachings == [p.Teaching(teacher, f.class_id, "Алгебра")]
    assert loaded.parent_links == [p.ParentLink(f.child_id, waiting, p.LinkState.PENDING)]
    assert {(e.parent_id, e.access) for e in loaded.expected_parents} == {
        (expected, True),
        (barred, False),
    }
    assert set(loaded.people) == {f.child_id, teacher, head, waiting, expected, barred}


async def test_a_school_knows_nothing_of_another(database: Database) -> None:
    async with database.write() as tx:
        one, other = await databases.family(tx), await databases.family(tx)
        await kin.link(tx, p.ParentLink(other.child_id, one.adults[0], p.LinkState.ACTIVE), BOT)
        await kin.link(tx, p.ParentLink(one.child_id, one.adults[0], p.LinkState.ACTIVE), BOT)
    async with database.read() as tx:
        loaded = await schools.load(tx, one.school_id)
        assert await accounts.schools_of(tx, one.adults[0]) == {one.school_id, other.school_id}
    assert set(loaded.people) == {one.child_id, one.adults[0]}
    assert [r.role for r in reasons(loaded, DAY)[one.adults[0]]] == [Role.PARENT]


async def test_changes_are_counted_until_they_are_applied(database: Database) -> None:
    async with database.write() as tx:
        school_id = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
    bell = database.bell(schools.ROOMS_BELL)
    await bell.wait(0)
    async with database.write() as tx:
        await schools.changed(tx, school_id)
        await schools.changed(tx, school_id)
    assert await bell.wait(0) == {""}
    async with database.write() as tx:
        (before,) = await schools.records(tx)
        await schools.applied(tx, school_id, before.wanted)
        (after,) = await schools.records(tx)
    assert before.wanted > before.applied
    assert after.wanted == after.applied == before.wanted


# --- accounts -------------------------------------------------------------------------------


async def test_an_account_finds_its_person(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        await accounts.add_account(tx, "@asya:school.example", f.child_id)
        await accounts.add_account(tx, "@zzz:school.example", f.child_id)
        found = await accounts.person_of(tx, "@asya:school.example")
        assert found is not None
        assert (found.id, found.full_name) == (f.child_id, "Ася Выдумкина")
        assert await accounts.person(tx, f.child_id) == found
        assert await accounts.person_of(tx, "@stranger:school.example") is None
        mxids = ["@asya:school.example", "@zzz:school.example"]
        assert sorted(await accounts.mxids_of(tx, f.child_id)) == mxids
        assert {k: sorted(v) for k, v in (await accounts.by_person(tx)).items()} == {
            f.child_id: mxids
        }


async def test_a_new_account_makes_the_school_look_at_its_rooms(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
    async with database.write() as tx:
        (before,) = await schools.records(tx)
        await accounts.add_account(tx, "@asya:school.example", f.child_id)
    async with database.read() as tx:
        (after,) = await schools.records(tx)
    assert after.wanted == before.wanted + 1


async def test_login_slips_are_for_those_without_an_account(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        values = {"school_id": f.school_id, "child_id": f.child_id, "parent_id": f.adults[0]}
        await tx.run(insert(expected_parents).values(**values, access=True))
        missing = await accounts.without_account(tx, f.school_id)
        assert {person.id for person in missing} == {f.child_id, f.adults[0]}
        await accounts.add_account(tx, "@asya:school.example", f.child_id)
        missing = await accounts.without_account(tx, f.school_id)
        assert [person.id for person in missing] == [f.adults[0]]
        assert await accounts.without_account(tx, "another school") == []
        gone = assignments.c.person_id == f.child_id
        day = DAY - timedelta(days=30)
        await tx.run(update(assignments).where(gone).values(until=day))
        assert await accounts.without_account(tx, f.school_id) == [], "nobody is left there"


async def test_the_language_is_remembered(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        assert await accounts.language_of(tx, f.child_id) == ""
        await accounts.set_language(tx, f.child_id, "en")
        assert await accounts.language_of(tx, f.child_id) == "en"
        assert await accounts.language_of(tx, "nobody") == ""


# --- rooms ----------------------------------------------------------------------------------


async def test_a_room_is_an_intent_before_it_exists(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        await rooms.intend(tx, "pupils/5", f.school_id, "pupils")
        await rooms.intend(tx, "direct/@asya:school.example", "", "direct")
        assert await rooms.ids(tx) == []
        await rooms.created(tx, "pupils/5", "!5:school.example")
        await rooms.set_actual(tx, "pupils/5", {"name": "5А · ученики", "users": {"@a:b": 50}})
        record = await rooms.by_room_id(tx, "!5:school.example")
        assert record is not None
        assert (record.key, record.school_id, record.kind) == ("pupils/5", f.school_id, "pupils")
        assert record.actual == {"name": "5А · ученики", "users": {"@a:b": 50}}
        assert await rooms.of_school(tx, f.school_id) == {"pupils/5": record}
        assert await rooms.ids(tx) == ["!5:school.example"]
        intent = await rooms.by_key(tx, "direct/@asya:school.example")
        assert intent is not None
        assert (intent.room_id, intent.school_id, intent.actual) == ("", "", {})
        assert await rooms.by_key(tx, "parents/5") is None
        assert await rooms.by_room_id(tx, "!unknown:school.example") is None


async def test_memberships_are_the_last_known(database: Database) -> None:
    room = "!5:school.example"
    async with database.write() as tx:
        f = await databases.family(tx)
        await rooms.intend(tx, "pupils/5", f.school_id, "pupils")
        await rooms.created(tx, "pupils/5", room)
        for mxid, membership in (("@a:x", "invite"), ("@a:x", "join"), ("@b:x", "join")):
            await rooms.set_member(tx, room, mxid, membership)
        await rooms.set_member(tx, room, "@b:x", "leave")
        await rooms.set_member(tx, room, "@c:x", "ban")
        assert await rooms.members(tx, room) == {"@a:x": "join"}
        assert await rooms.members_of_school(tx, f.school_id) == {room: {"@a:x": "join"}}
