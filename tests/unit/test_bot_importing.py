"""«импорт» in the chat: nothing changes without a word, and everything can be taken back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import openpyxl
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.store import accounts, audit, batches, dialogues, imports, schools, tables
from tests.support.bot import ADMIN, DAY, PUPIL, SCHOOL, STRANGER, TEACHER, World, a_world
from tests.support.lists import FILE, PUPILS, answer, bodies, look, rows, school, send, workbook
from tests.support.rosters import PARENT_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give the school."""
    async with a_world() as made:
        yield made


async def test_a_list_is_looked_at_applied_and_undone(world: World) -> None:
    before = await rows(world)
    pupils = [*PUPILS, ["3", "Новиков", "Лев", "", "", "5А"]]
    parents = [PARENT_HEADER, ["3", "Новикова", "Вера", "", "мать", "vera@example.org"]]
    told = await look(world, workbook(pupils, parents))
    assert "пока ничего не изменено" in bodies(told).lower()
    assert "2 новых человека" in bodies(told)
    assert await rows(world) == before
    assert told[-1].offers == ["✅", "❌"]
    done = await answer(world, "применить")
    assert "Сделано" in bodies(done)
    here = await school(world)
    assert {"Новиков", "Новикова"} <= {one.family_name for one in here.people.values()}
    async with world.db.read() as tx:
        [batch] = await batches.of_school(tx, world.ids["school"])
        assert (batch.actor, batch.label) == (world.ids[ADMIN], "список.xlsx")
        assert await imports.pending(tx, ADMIN) is None
        assert await dialogues.dialogue(tx, ADMIN) is None
    asked = await answer(world, "импорт отменить")
    assert "список.xlsx" in bodies(asked)
    undone = await answer(world, "подтвердить")
    assert "отменён" in bodies(undone)
    after = await rows(world)
    for name in ("people", "classes", "assignments", "expected_parents", "roster_ids"):
        assert after[name] == before[name], name


async def test_the_file_leaves_the_chat_and_the_database(world: World) -> None:
    pupils = [*PUPILS, ["3", "Новиков", "Лев", "", "", "5А"]]
    await look(world, workbook(pupils))
    async with world.db.read() as tx:
        [shown] = await tx.all(select(tables.open_files))
        waiting = await imports.pending(tx, ADMIN)
        [stored] = await tx.all(select(tables.pending_imports))
    assert (shown.media, shown.due_at) == (FILE, world.now)
    assert waiting is not None
    assert waiting.data not in stored.sealed
    assert "Файл забыт" in bodies(await answer(world, "отмена"))
    async with world.db.read() as tx:
        assert await imports.pending(tx, ADMIN) is None
    await look(world, workbook(pupils))
    world.now += 2 * DAY
    await Housekeeper(world.db, world.bot).once()
    async with world.db.read() as tx:
        assert await tx.all(select(tables.pending_imports)) == []
    assert "больше нет" in bodies(await answer(world, "импорт применить"))


async def test_nobody_else_may(world: World) -> None:
    for who in (TEACHER, PUPIL):
        assert "администратор" in bodies(await world.write(who, "импорт"))
        assert await send(world, workbook(), who=who, caption="импорт")
        async with world.db.read() as tx:
            assert await tx.all(select(tables.pending_imports)) == []
            assert await tx.all(select(tables.open_files)) == []
    assert "импорт" not in bodies(await world.write(STRANGER, "импорт"))


async def test_who_is_no_administrator_any_more_changes_nothing(world: World) -> None:
    await look(world, workbook([*PUPILS, ["3", "Новиков", "Лев", "", "", "5А"]]))
    before = await rows(world)
    async with world.db.write() as tx:
        c = tables.assignments.c
        mine = (c.person_id == world.ids[ADMIN], c.post == "administrator")
        await tx.run(tables.assignments.update().where(*mine).values(post="teacher"))
    told = await answer(world, "применить")
    assert "администратор" in bodies(told)
    assert (await rows(world))["people"] == before["people"]
    async with world.db.read() as tx:
        assert await imports.pending(tx, ADMIN) is None


async def test_a_file_with_a_caption_is_taken_and_one_without_is_not(world: World) -> None:
    assert "прочитан" in bodies(await send(world, workbook(), caption="!импорт"))
    await answer(world, "отмена")
    assert "прочитан" not in bodies(await send(world, workbook())), "nobody asked for it"


async def test_a_bad_row_is_marked_and_the_good_ones_are_done(world: World) -> None:
    pupils = [
        ["Ид", "Фамилия*", "Имя*", "Отчество", "Дата рождения", "Класс*", "СНИЛС"],
        *([*row, "112-233-445 95"] for row in PUPILS[1:]),
        ["3", "Новиков", "Лев", "", "31.02.2014", "5А", ""],
        ["4", '=HYPERLINK("x")', "Ян", "", "", "5А", ""],
        ["5", "Ладов", "Ян", "", "", "5А", ""],
    ]
    told = await look(world, workbook(pupils))
    assert "СНИЛС" in bodies(told)
    assert "31.02.2014" in bodies(told)
    [marked] = [one for one in told if one.data]
    book = openpyxl.load_workbook(io.BytesIO(marked.data))
    sheet = book["Ученики"]
    assert sheet["E4"].comment.text.startswith("Такого дня")
    assert sheet["E4"].fill.start_color.rgb == "FFFFC7CE"
    assert sheet["G2"].value is None, "what must not be here is not handed back either"
    done = await answer(world, "применить")
    names = {one.family_name for one in (await school(world)).people.values()}
    assert "Ладов" in names
    assert "Новиков" not in names
    [rejected] = [one for one in done if one.data]
    book = openpyxl.load_workbook(io.BytesIO(rejected.data))
    kept = [row[1] for row in book["Ученики"].iter_rows(min_row=2, values_only=True)]
    assert "Новиков" in kept
    assert "Ладов" not in kept
    # Corrected and sent again: only what was wrong is new.
    book["Ученики"]["E2"] = "28.02.2014"
    out = io.BytesIO()
    book.save(out)
    again = await look(world, out.getvalue())
    assert "1 новый человек" in bodies(again)
    await answer(world, "применить")
    assert "Новиков" in {one.family_name for one in (await school(world)).people.values()}


async def test_the_same_list_again_changes_nothing(world: World) -> None:
    await look(world, workbook())
    await answer(world, "применить")
    before = await rows(world)
    assert "Изменений нет" in bodies(await look(world, workbook()))
    assert await rows(world) == before


async def test_who_leaves_is_chosen_and_a_mass_leave_is_confirmed(world: World) -> None:
    without = [row for row in PUPILS if row[1] != "Выдумкин"]
    told = await look(world, workbook(without))
    assert "применить выбывших" in bodies(told)
    before = await rows(world)
    held = await answer(world, "применить выбывших")
    assert SCHOOL in bodies(held)
    assert "в классе 9Б не останется учеников" in bodies(held)
    assert (await rows(world))["assignments"] == before["assignments"]
    wrong = await answer(world, "Другая школа")
    assert "не совпало" in bodies(wrong)
    done = await answer(world, "школа №0 города нигдейска")
    assert "Сделано" in bodies(done)
    today = next(iter((await school(world)).enrolments)).term
    assert today is not None
    async with world.db.read() as tx:
        record = (await schools.records(tx))[0]
    day = record.day(world.now)
    open_ = {e.class_id for e in (await school(world)).enrolments if e.term.covers(day)}
    assert open_ == {world.ids["5А"]}


async def test_a_namesake_is_asked_about(world: World) -> None:
    pupils = [*PUPILS[:2], ["", "Выдумкин", "Фома", "", "", "5А"]]
    told = await look(world, workbook(pupils))
    assert "Кто это в файле" in bodies(told)
    assert "1 — Выдумкин Фома, 9Б" in bodies(told)
    assert "от 0 до 1" in bodies(await answer(world, "не знаю"))
    await answer(world, "0")
    await answer(world, "применить")
    same = [one for one in (await school(world)).people.values() if one.given_name == "Фома"]
    assert len(same) == 2, "somebody new, though of the same name"
    async with world.db.read() as tx:
        records = await audit.entries(tx, actions=["batch.import"])
    assert [one.actor for one in records] == [world.ids[ADMIN]]


async def test_what_is_no_list_is_refused(world: World) -> None:
    told = await look(world, b"not a list at all")
    assert "не принят" in bodies(told)
    assert "больше, чем" in bodies(await send(world, None, caption="импорт"))
    assert "больше, чем" in bodies(await send(world, b"", caption="импорт", size=20_000_000))
    async with world.db.read() as tx:
        assert await imports.pending(tx, ADMIN) is None


async def test_in_english(world: World) -> None:
    async with world.db.write() as tx:
        await accounts.set_language(tx, world.ids[ADMIN], "en")
    told = await look(world, workbook([*PUPILS, ["3", "Novikov", "Lev", "", "", "5А"]]), "import")
    assert "1 new person" in bodies(told)
    assert "Done" in bodies(await answer(world, "apply"))
    assert "Undo the import" in bodies(await answer(world, "import undo"))
    assert "is undone" in bodies(await answer(world, "confirm"))
