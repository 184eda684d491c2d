"""«импорт» once more: other days, other holds than were shown, and what an undo brings back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest_asyncio

from sferum_bridge.roster import Plan
from sferum_bridge.roster.plan import Ended, Redated
from sferum_bridge.school.people import Enrolment, Term
from sferum_bridge.store import accounts, batches, class_ids, enrol, imports, schools
from tests.support.bot import ADMIN, PUPIL, SCHOOL, TEACHER, World, a_world, assign
from tests.support.lists import PUPILS, answer, bodies, look, school, workbook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.rosters import Rows

_NEWS = "bot/news"
NEW = ["3", "Новиков", "Лев", "", "", "5А"]
"""So that the class of the first pupil is not empty without them."""


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give the school."""
    async with a_world() as made:
        yield made


async def term(world: World) -> Term:
    [tie] = [e for e in (await school(world)).enrolments if e.person_id == world.ids[PUPIL]]
    return tie.term


async def import_(world: World, pupils: Rows) -> str:
    """Send a list and have it applied, whatever is asked; return what is said of it."""
    world.now += 1_000
    told = await look(world, workbook(pupils))
    done = await answer(world, "применить")
    if SCHOOL in bodies(done):
        done = await answer(world, SCHOOL)
    assert "Сделано" in bodies(done)
    return bodies(told)


async def test_a_last_day_that_is_taken_back_is_shown_and_undone(world: World) -> None:
    first = await term(world)
    more: Rows = [*PUPILS, NEW]
    leaving: Rows = [PUPILS[0], [*PUPILS[1], "", "", "", "", "30.06.2030"], *more[2:]]
    await import_(world, leaving)
    assert await term(world) == Term(first.since, date(2030, 6, 30))
    assert "изменятся данные: 1" in await import_(world, more)
    assert await term(world) == first
    await answer(world, "импорт отменить")
    await answer(world, "подтвердить")
    assert await term(world) == Term(first.since, date(2030, 6, 30))


async def test_a_name_releases_only_what_was_shown(world: World) -> None:
    without = [row for row in PUPILS if row[1] != "Выдумкин"]
    await look(world, workbook(without))
    assert SCHOOL in bodies(await answer(world, "применить выбывших"))
    async with world.db.write() as tx:
        # Meanwhile the other pupil comes into the class that is left.
        await assign(tx, world.ids, PUPIL, "enrolment", class_id=world.ids["9Б"])
    enrolments = (await school(world)).enrolments
    shown = await answer(world, SCHOOL)
    assert "что-то изменилось" in bodies(shown)
    assert "в классе 9Б не останется учеников, сейчас их 2" in bodies(shown)
    assert (await school(world)).enrolments == enrolments
    assert "Сделано" in bodies(await answer(world, SCHOOL))


async def test_an_undo_tells_whoever_it_brings_back(world: World) -> None:
    more: Rows = [*PUPILS, NEW]
    await import_(world, more)
    await import_(world, [PUPILS[0], [*PUPILS[1][:5], "9Б"], *more[2:]])
    there = [one for one in await world.work_off(_NEWS) if one.to == PUPIL]
    assert "5А → 9Б" in bodies(there)
    await answer(world, "импорт отменить")
    await answer(world, "подтвердить")
    back = await world.work_off(_NEWS)
    assert "9Б → 5А" in bodies([one for one in back if one.to == PUPIL])
    assert "9Б" in bodies([one for one in back if one.to == TEACHER])


async def test_an_undo_forgets_what_a_list_called_the_classes(world: World) -> None:
    school_id = world.ids["school"]
    first, second = ({"c1": {"kind": "homeroom", "name": name}} for name in ("5А", "6А"))
    kept = []
    for ids in (first, second):
        async with (
            world.db.write() as tx,
            batches.recorded(tx, school_id, kind="import", actor=ADMIN, label="") as batch_id,
        ):
            await class_ids.keep(tx, school_id, ids)
        kept.append(batch_id)
    for batch_id, known in zip(reversed(kept), (first, {}), strict=True):
        async with world.db.write() as tx:
            assert (await imports.undo(tx, batch_id, ADMIN)).left == []
            assert await class_ids.of(tx, school_id) == known


async def test_what_another_school_calls_its_classes_stays_there(world: World) -> None:
    async with world.db.write() as tx:
        other = await schools.add(tx, "Другая школа", "Europe/Moscow", "ru")
        await class_ids.keep(tx, other, {"c1": {"kind": "homeroom", "name": "7В"}})
        assert await class_ids.of(tx, world.ids["school"]) == {}


async def test_contacts_of_which_a_list_says_nothing_new_stay(world: World) -> None:
    person_id = world.ids[PUPIL]
    async with world.db.write() as tx:
        await accounts.add_contact(tx, person_id, "email", "old@school.example")
        for phone in ("+79000000001", "+79000000002"):
            await accounts.add_contact(tx, person_id, "phone", phone)
    row = [*PUPILS[1], "new@school.example"]
    await import_(world, [PUPILS[0], row, PUPILS[2]])
    async with world.db.read() as tx:
        assert await accounts.contacts_of(tx, person_id, "email") == ["new@school.example"]
        phones = set(await accounts.contacts_of(tx, person_id, "phone"))
    assert phones == {"+79000000001", "+79000000002"}


async def test_a_move_that_was_told_for_another_day_is_told_again(world: World) -> None:
    first, second = date(2030, 10, 15), date(2030, 10, 20)
    day = timedelta(days=1)
    async with world.db.write() as tx:
        enrolments = (await schools.load(tx, world.ids["school"])).enrolments
        old = next(e for e in enrolments if e.person_id == world.ids[PUPIL])
        until = Ended(old, first - day)
        await enrol.carry_out(tx, world.ids["school"], Plan(to_end=[until]), "console")
        await assign(tx, world.ids, PUPIL, "enrolment", class_id=world.ids["9Б"], since=first)
    leaves = replace(old, term=Term(old.term.since, first - day))
    enters = Enrolment(world.ids[PUPIL], world.ids["9Б"], Term(first))
    ends, later = Ended(leaves, second - day), Redated(enters, Term(second))
    plan = Plan(to_end=[ends], to_redate=[later])
    async with world.db.write() as tx:
        await enrol.carry_out(tx, world.ids["school"], plan, "console")
    told = [one for one in await world.work_off(_NEWS) if one.to == PUPIL]
    assert "5А → 9Б, с 20 октября 2030" in bodies(told)
    own = [e.term for e in (await school(world)).enrolments if e.person_id == world.ids[PUPIL]]
    assert {*own} == {Term(old.term.since, second - day), Term(second)}
