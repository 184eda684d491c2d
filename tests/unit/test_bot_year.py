"""`!год`: shown in lists, done when the school's name is typed, taken back; for nobody else."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, update

from sferum_bridge.bot.year_due import YearOpener
from sferum_bridge.school import quiet
from sferum_bridge.school.year import Choices
from sferum_bridge.store import accounts, batches, rooms, schools, staffing, tables, year
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    MOTHER,
    OTHER,
    PUPIL,
    SCHOOL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

NEWS = "bot/news"
HOUR = DAY // 24
ASK = "год 2027/2028"
MERGE = f"{ASK}; 5А+5Б=6А; =1А"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    # It is 22 September 2026 at the school, whose classes are of 2026/2027.
    async with a_world() as made:
        async with made.db.write() as tx:
            made.ids["5Б"] = "class-5b"
            row = {"id": "class-5b", "school_id": made.ids["school"], "name": "5Б"}
            await tx.run(insert(tables.classes).values(**row, year="2026/2027"))
            await assign(tx, made.ids, TEACHER, "leadership", class_id="class-5b")
            for kind in ("pupils", "parents", "materials"):
                for class_id in ("class-5b", "class-5a"):
                    key = f"{kind}/{class_id}"
                    await rooms.intend(tx, key, made.ids["school"], kind)
                    await rooms.created(tx, key, f"!{key}:school.example")
        yield made


async def classes_of(world: World) -> dict[str, str]:
    """Return id → name of every class, with a mark for those that are closed."""
    async with world.db.read() as tx:
        here = await schools.load(tx, world.ids["school"])
    return {c.id: c.name + (" closed" if c.closed_on else "") for c in here.classes.values()}


def message(said: list[Said]) -> Said:
    """Return the message of an answer, files aside."""
    [one] = [one for one in said if not one.file]
    return one


async def move_house(world: World) -> None:
    """Have the class move to Б, so that the merge has somebody in it."""
    async with world.db.write() as tx:
        c = tables.assignments.c
        mine = (c.person_id == world.ids[PUPIL], c.kind == "enrolment")
        await tx.run(update(tables.assignments).where(*mine).values(class_id="class-5b"))


async def test_it_is_shown_before_it_is_done(world: World) -> None:
    await move_house(world)
    before = await classes_of(world)
    said = await world.write(ADMIN, MERGE)
    shown = message(said)
    for words in ("5А → 6А", "5Б → 6А, объединяется", "9Б — выпуск", "1А — новый класс", SCHOOL):
        assert words in shown.body
    [file] = [one for one in said if one.file]
    assert "Выдумкина Ася: 5Б → 6А" in file.file, "everybody who changes class stands in the file"
    assert "«5А · ученики» → «6А · ученики». Приходят: Выдумкина Ася" in file.file
    assert "«5Б · родители» → «5Б (2026/2027) · родители», только для чтения" in file.file
    assert await classes_of(world) == before
    # Neither a yes nor another name does it.
    for answer in ("да", "Школа № 1"):
        said = await world.write(ADMIN, answer)
        assert SCHOOL in message(said).body
        assert await classes_of(world) == before
    await world.write(ADMIN, "отмена")
    assert world.text("year-left") not in [s.body for s in await world.write(ADMIN, SCHOOL)]
    assert await classes_of(world) == before


async def test_the_schools_name_does_it_and_everybody_hears(world: World) -> None:
    await world.write(ADMIN, MERGE)
    said = await world.write(ADMIN, f"«{SCHOOL.lower()}»")
    assert "2027/2028" in message(said).body
    found = await classes_of(world)
    assert found[world.ids["5А"]] == "6А"
    assert found[world.ids["5Б"]] == "5Б closed"
    assert sorted(found.values()) == ["1А", "5Б closed", "6А", "9Б closed"]
    told = {one.room: one.body for one in await world.work_off(NEWS) if one.room}
    for kind in ("pupils", "parents", "materials"):
        pointer = told[f"!{kind}/class-5b:school.example"]
        assert f"https://matrix.to/#/!{kind}/class-5a:school.example" in pointer
        assert "6А" in pointer
    assert not [room for room in told if "class-5a" in room]


async def test_it_is_taken_back_whole(world: World) -> None:
    before = await classes_of(world)
    await world.write(ADMIN, MERGE)
    await world.write(ADMIN, SCHOOL)
    await world.work_off(NEWS)
    asked = message(await world.write(ADMIN, "год отменить"))
    assert "2027/2028" in asked.body
    assert await classes_of(world) != before
    await world.write(ADMIN, SCHOOL)
    assert await classes_of(world) == before
    told = {one.room: one.body for one in await world.work_off(NEWS) if one.room}
    assert told["!pupils/class-5b:school.example"] == world.text("year-room-open")
    nothing = world.text("year-nothing-to-undo", days=30)
    assert message(await world.write(ADMIN, "!год отменить")).body == nothing


@pytest.mark.parametrize("who", [TEACHER, PUPIL])
async def test_nobody_else_opens_a_year(world: World, who: str) -> None:
    for said in (MERGE, "год отменить", "год"):
        assert message(await world.write(who, said)).body == world.text("staffing-right")


async def test_a_stranger_learns_nothing(world: World) -> None:
    said = await world.write(STRANGER, MERGE)
    assert not [one for one in said if "5А" in one.body]


async def test_who_administers_no_more_confirms_nothing(world: World) -> None:
    before = await classes_of(world)
    await world.write(ADMIN, MERGE)
    async with world.db.write() as tx:
        c = tables.assignments.c
        mine = (c.person_id == world.ids[ADMIN], c.kind == "appointment")
        await tx.run(update(tables.assignments).where(*mine).values(post="teacher"))
    assert message(await world.write(ADMIN, SCHOOL)).body == world.text("staffing-right")
    assert await classes_of(world) == before


async def test_what_changed_meanwhile_is_shown_again(world: World) -> None:
    await world.write(ADMIN, MERGE)
    await move_house(world)
    async with world.db.write() as tx:
        await schools.changed(tx, world.ids["school"])
    said = await world.write(ADMIN, SCHOOL)
    assert world.text("staffing-anew") in message(said).body
    assert world.ids["5А"] in {
        id_ for id_, name in (await classes_of(world)).items() if name == "5А"
    }
    await world.write(ADMIN, SCHOOL)
    assert (await classes_of(world))[world.ids["5А"]] == "6А"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("год", ("уже открыт",)),
        (f"{ASK}; 5Б=6А", ("5А+5Б=6А",)),
        (f"{ASK}; непонятно", ("непонятно", "ничего не изменилось")),
        (f"{ASK}; Никто=повторно", ("Никто", "ничего не изменилось")),
        (f"{ASK}; 5А: Никто", ("Никто",)),
        (f"{ASK}; Выдумкина=повторно", ("класса этой параллели не будет",)),
        (f"{ASK}; с 01.09.2020", ("1 сентября 2020",)),
        (f"{ASK}; с 31.02.2027", ("с 31.02.2027",)),
    ],
)
async def test_what_is_unclear_is_said(world: World, said: str, words: tuple[str, ...]) -> None:
    before = await classes_of(world)
    answer = message(await world.write(ADMIN, said)).body
    for word in words:
        assert word in answer
    assert "год отменить" in answer, "how to say it stands below"
    await world.write(ADMIN, SCHOOL)
    assert await classes_of(world) == before


async def test_namesakes_are_told_apart_by_their_code(world: World) -> None:
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Выдумкина", "Ася")
        await assign(tx, world.ids, OTHER, "enrolment", class_id="class-5a")
    answer = message(await world.write(ADMIN, f"{ASK}; Выдумкина Ася=выбыл")).body
    assert world.ids[OTHER] in answer
    shown = message(await world.write(ADMIN, f"{ASK}; {world.ids[OTHER]}=выбыл")).body
    assert "Выдумкина Ася: 5А → из школы" in shown


async def test_a_year_is_planned_for_a_day(world: World) -> None:
    before = await classes_of(world)
    shown = message(await world.write(ADMIN, f"{ASK}; с 01.06.2027")).body
    assert "1 июня 2027" in shown
    said = message(await world.write(ADMIN, SCHOOL)).body
    assert "1 июня 2027" in said
    assert await classes_of(world) == before
    opener = YearOpener(world.db, 365)
    await opener.once()
    assert await classes_of(world) == before
    world.now += 252 * DAY
    await opener.once()
    assert (await classes_of(world))[world.ids["5А"]] == "6А"


async def test_what_is_planned_is_dropped(world: World) -> None:
    await world.write(ADMIN, f"{ASK}; с 01.06.2027")
    await world.write(ADMIN, SCHOOL)
    again = message(await world.write(ADMIN, ASK)).body
    assert "Уже намечено" in again
    await world.write(ADMIN, "отмена")
    await world.write(ADMIN, "год отменить")
    async with world.db.read() as tx:
        assert await year.planned(tx, world.ids["school"]) is None
        assert not await batches.of_school(tx, world.ids["school"])


async def test_who_reads_an_old_chat_is_told_why(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await world.write(ADMIN, f"{ASK}; 5А=выпуск")
    await world.write(ADMIN, SCHOOL)
    for who in (PUPIL, MOTHER):
        assert "Выпуск 2027 · 5А" in message(await world.write(who, "почему")).body
    answer = message(await world.write(BROTHER, "почему")).body
    assert "5А" not in answer


async def test_a_class_teacher_who_left_since_leads_nothing(world: World) -> None:
    await world.write(ADMIN, f"{ASK}; 6А: {world.ids[TEACHER]}; с 01.06.2027")
    await world.write(ADMIN, SCHOOL)
    async with world.db.write() as tx:
        c = tables.assignments.c
        hers = (c.person_id == world.ids[TEACHER],)
        await tx.run(update(tables.assignments).where(*hers).values(until=date(2027, 5, 1)))
    world.now += 252 * DAY
    await YearOpener(world.db, 365).once()
    assert (await classes_of(world))[world.ids["5А"]] == "6А"
    async with world.db.read() as tx:
        here = await schools.load(tx, world.ids["school"])
    assert not [lead for lead in here.leaderships if lead.term.covers(date(2027, 6, 1))]
    # Who planned it hears of it as well, for they were not there.
    told = [one for one in await world.work_off(NEWS) if one.to == ADMIN]
    [opened] = [one.body for one in told if "Открыт учебный год" in one.body]
    assert "в этот день здесь не работает, поэтому 6А — без классного руководителя" in opened


async def plan_and_spoil(world: World, said: str) -> None:
    """Have a year planned for June, and a class be made that stands in its way."""
    await world.write(ADMIN, f"{ASK}; {said}; с 01.06.2027")
    await world.write(ADMIN, SCHOOL)
    async with world.db.write() as tx:
        row = {"id": "class-6a", "school_id": world.ids["school"], "name": "6А"}
        await tx.run(insert(tables.classes).values(**row, year="2027/2028"))
    world.now += 252 * DAY


async def test_what_could_not_be_opened_is_kept_and_can_be_sent_again(world: World) -> None:
    await plan_and_spoil(world, "5А+5Б=6А; 9Б=10Б; =1А; 5А Выдумкина Ася=5В")
    before = await classes_of(world)
    opener = YearOpener(world.db, 365)
    for _ in range(3):
        await opener.once()
    assert await classes_of(world) == before
    [told] = await world.work_off(NEWS)
    assert "6А в новом году уже есть" in told.body
    again = "год 5А+5Б=6А; 9Б=10Б; =1А; 5А Выдумкина Ася=5В; 2027/2028"
    assert again in told.body
    async with world.db.write() as tx:
        planned = await year.planned(tx, world.ids["school"])
        await tx.run(delete(tables.classes).where(tables.classes.c.id == "class-6a"))
    assert planned is not None
    assert planned.failed
    # It does not open by itself any more; what was planned can be sent as it was written.
    await opener.once()
    assert (await classes_of(world))[world.ids["5А"]] == "5А"
    shown = message(await world.write(ADMIN, again)).body
    assert "не получилось" in shown
    await world.write(ADMIN, SCHOOL)
    assert (await classes_of(world))[world.ids["5А"]] == "6А"
    async with world.db.read() as tx:
        assert await year.planned(tx, world.ids["school"]) is None


async def test_news_of_midnight_ring_nobody() -> None:
    async with a_world(quiet_hours=quiet.read("21:00-07:00")) as world:
        await world.write(ADMIN, f"{ASK}; 9Б=10Б; 5А Выдумкина=6Б; с 01.06.2027")
        await world.write(ADMIN, SCHOOL)
        # A quarter past midnight at the school.
        world.now += 252 * DAY
        await YearOpener(world.db, 365).once()
        told = await world.work_off(NEWS)
        assert {ADMIN, PUPIL, TEACHER} <= {one.to for one in told}
        assert {one.content["msgtype"] for one in told} == {"m.notice"}
        # By day it rings.
        world.now += 12 * HOUR
        await world.write(ADMIN, "год отменить")
        await world.write(ADMIN, SCHOOL)
        async with world.db.write() as tx:
            await staffing.tell_of_move(
                tx, world.ids["school"], world.ids[PUPIL], "class-5a", "class-9b", date(2027, 6, 1)
            )
        told = [one for one in await world.work_off(NEWS) if one.to == PUPIL]
        assert {one.content["msgtype"] for one in told} == {"m.text"}


async def test_whom_the_command_showed_is_recorded(world: World) -> None:
    async def seen() -> list[str]:
        async with world.db.read() as tx:
            entries = await tx.all(
                select(tables.audit).where(tables.audit.c.action == "person.find")
            )
        return [entry.subject for entry in entries]

    await world.write(ADMIN, f"{ASK}; Выдумкина=выбыл")
    assert await seen() == [world.ids[PUPIL]]
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Выдумкина", "Ася")
        await assign(tx, world.ids, OTHER, "enrolment", class_id="class-5a")
    await world.write(ADMIN, "отмена")
    await world.write(ADMIN, f"{ASK}; Выдумкина=выбыл")
    assert sorted(await seen()) == sorted([world.ids[PUPIL], world.ids[PUPIL], world.ids[OTHER]])


@pytest.mark.parametrize(
    "said",
    ["Выдумкина=выбыл; 5А Ася=повторно", "с 01.06.2027; с 02.06.2027", "2028/2029", "5А=6А; 5а=6Б"],
)
async def test_what_is_said_twice_is_not_guessed(world: World, said: str) -> None:
    answer = message(await world.write(ADMIN, f"{ASK}; {said}")).body
    assert "сказано дважды" in answer


async def test_one_school_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await world.write(ADMIN, f"{ASK}; с 01.06.2027")
    await world.write(ADMIN, SCHOOL)
    world.now += 252 * DAY
    tried = []

    async def broken(_tx: object, record: object, _kept_days: int) -> None:
        tried.append(record)
        raise LookupError("Выдумкина")

    monkeypatch.setattr(year, "open_as_planned", broken)
    await YearOpener(world.db, 365).once()
    assert tried
    assert "could not be opened: LookupError" in caplog.text
    assert "Выдумкина" not in caplog.text
    [told] = await world.work_off(NEWS)
    assert "из-за ошибки в программе" in told.body
    assert SCHOOL in told.body
    # Once is enough, for the log and for the administrators.
    caplog.clear()
    await YearOpener(world.db, 365).once()
    assert not caplog.text
    async with world.db.read() as tx:
        planned = await year.planned(tx, world.ids["school"])
    assert planned is not None


async def test_what_was_not_shown_is_not_taken_back(world: World) -> None:
    await world.write(ADMIN, MERGE)
    await world.write(ADMIN, SCHOOL)
    assert "2027/2028" in message(await world.write(ADMIN, "год отменить")).body
    world.now += DAY
    async with world.db.write() as tx:
        [record] = await schools.records(tx)
        await year.open_now(tx, record, Choices(year="2028/2029"), "console", 365)
    opened = await classes_of(world)
    asked = message(await world.write(ADMIN, SCHOOL))
    assert "2028/2029" in asked.body
    assert await classes_of(world) == opened
    await world.write(ADMIN, SCHOOL)
    assert (await classes_of(world))[world.ids["5А"]] == "6А"


async def test_two_teachers_for_one_class_are_asked_about(world: World) -> None:
    said = f"{ASK}; 6А: {world.ids[TEACHER]}; 6а: {world.ids[ADMIN]}"
    answer = message(await world.write(ADMIN, said)).body
    assert f"6а: {world.ids[ADMIN]}" in answer
    assert "ничего не изменилось" in answer
