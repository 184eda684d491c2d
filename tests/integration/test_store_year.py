"""A school year in the database: opened in one transaction, on its day, and taken back whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from sferum_bridge.school import year as rules
from sferum_bridge.school import year_plan
from sferum_bridge.school.year import GRADUATES, REPEATS, Ambiguity, Choices
from sferum_bridge.store import accounts, audit, batches, queues, schools, year
from sferum_bridge.store import tables as t
from sferum_bridge.store.batches import Kind
from sferum_bridge.store.staffing import MOVED
from tests.support import databases
from tests.support.bot import a_world

if TYPE_CHECKING:
    from datetime import date

    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.schools import SchoolRecord
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

DAY_MS = 24 * 3600 * 1000
DAY = timedelta(days=1)
OLD = "2025/2026"
_SCHOOL_TABLES = (t.classes, t.assignments, t.people, t.roster_ids, t.expected_parents)


async def town(tx: Tx, pupils: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Make a school of last year's classes; return its id and the ids of classes and pupils."""
    school_id = await schools.add(tx, "Школа № 0", "Asia/Vladivostok", "ru")
    ids: dict[str, str] = {}
    for name in sorted(set(pupils.values())):
        ids[name] = schools.new_id()
        row = {"id": ids[name], "school_id": school_id, "name": name, "year": OLD}
        await tx.run(insert(t.classes).values(**row))
    for pupil, class_name in pupils.items():
        ids[pupil] = await accounts.add_person(tx, "Выдуманная", pupil)
        await assign(tx, school_id, ids[pupil], "enrolment", class_id=ids[class_name])
    ids["head"] = await accounts.add_person(tx, "Придуманный", "Пётр")
    await assign(tx, school_id, ids["head"], "appointment", post="administrator")
    ids["teacher"] = await accounts.add_person(tx, "Небывалова", "Анна")
    await assign(tx, school_id, ids["teacher"], "appointment", post="teacher")
    for name in sorted(set(pupils.values())):
        await assign(tx, school_id, ids["teacher"], "leadership", class_id=ids[name])
    return school_id, ids


async def assign(tx: Tx, school_id: str, person_id: str, kind: str, **what: Any) -> None:
    row = {"id": schools.new_id(), "school_id": school_id, "person_id": person_id, "kind": kind}
    await tx.run(insert(t.assignments).values(**row, **what))


async def rows(tx: Tx) -> list[list[tuple[Any, ...]]]:
    """Return all that makes up the schools, in order."""
    return [
        sorted((tuple(row) for row in await tx.all(select(table))), key=repr)
        for table in _SCHOOL_TABLES
    ]


async def record_of(tx: Tx, school_id: str) -> SchoolRecord:
    return next(one for one in await schools.records(tx) if one.id == school_id)


async def opened(db: Database, school_id: str, choices: Choices) -> rules.Plan:
    async with db.write() as tx:
        return await year.open_now(tx, await record_of(tx, school_id), choices, "console", 365)


async def undone(db: Database, school_id: str) -> batches.Undone:
    async with db.write() as tx:
        return await year.undo(tx, await record_of(tx, school_id), "console", 30)


def as_planned(here: School) -> tuple[Any, ...]:
    """Return what matters of a school, classes by name: ids of new ones are made anew."""
    name = {c.id: f"{c.name} {c.year}" for c in here.classes.values()}
    return (
        sorted(
            (c.name, c.year, c.closed_on, c.kept_until, name.get(c.successor_id, ""))
            for c in here.classes.values()
        ),
        sorted(repr(replace(e, class_id=name[e.class_id])) for e in here.enrolments),
        sorted(repr(replace(e, class_id=name[e.class_id])) for e in here.leaderships),
    )


PUPILS = {"лев": "5А", "олег": "5А", "ася": "5Б", "фома": "5Б", "кит": "4А", "иван": "11А"}


def merged(ids: dict[str, str]) -> Choices:
    becomes = {ids["5А"]: "6А", ids["5Б"]: "6А"}
    return Choices(becomes, {ids["олег"]: REPEATS, ids["фома"]: REPEATS}, ["1А"])


async def test_what_was_planned_is_done_and_told(database: Database) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
        here = await schools.load(tx, school_id)
        today = (await record_of(tx, school_id)).day(tx.now)
        before = (await record_of(tx, school_id)).wanted
    planned = year_plan.plan(here, merged(ids), today, 365)
    done = await opened(database, school_id, merged(ids))
    assert done == planned
    async with database.read() as tx:
        then = await schools.load(tx, school_id)
        assert as_planned(then) == as_planned(rules.after(here, planned))
        assert then.classes[ids["5А"]].name == "6А"
        assert (await record_of(tx, school_id)).wanted > before
        items = await queues.waiting(tx, queues.INBOX, "bot/news", 100)
        news = [(one.content["kind"], one.content["content"]) for one in items]
        assert await audit.verify(tx) is None
    moved = {content["child"] for kind, content in news if kind == MOVED}
    assert moved == {ids["олег"], ids["фома"]}, "who goes with the class is not told one by one"
    [told] = [content for kind, content in news if kind == year.OPENED]
    assert set(told["closed"]) == {ids["5Б"], ids["11А"]}


async def test_undone_everything_is_as_it_was(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
        before = await rows(tx)
    await opened(database, school_id, merged(ids))
    clock.now += 29 * DAY_MS
    done = await undone(database, school_id)
    assert done.left == []
    async with database.read() as tx:
        assert await rows(tx) == before
        items = await queues.waiting(tx, queues.INBOX, "bot/news", 100)
    last = items[-1].content
    assert last["kind"] == year.UNDONE
    assert set(last["content"]["closed"]) == {ids["5Б"], ids["11А"]}
    with pytest.raises(year.NothingToUndo):
        await undone(database, school_id)


async def test_after_thirty_days_it_stays(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
    await opened(database, school_id, merged(ids))
    clock.now += 30 * DAY_MS + 1
    with pytest.raises(year.NothingToUndo):
        await undone(database, school_id)


async def test_what_somebody_changed_since_is_left(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
    await opened(database, school_id, merged(ids))
    clock.now += DAY_MS
    c = t.assignments.c
    async with database.write() as tx:
        new_class = str(await tx.value(select(t.classes.c.id).where(t.classes.c.name == "1А")))
        newcomer = await accounts.add_person(tx, "Новиков", "Лев")
        await assign(tx, school_id, newcomer, "enrolment", class_id=new_class)
        gone = delete(t.assignments).where(c.person_id == ids["ася"], c.until.is_(None))
        await tx.run(gone)
    done = await undone(database, school_id)
    assert {one.why for one in done.left} <= {Kind.IN_USE, Kind.CHANGED, Kind.TAKEN}
    assert any(one.name == "1А" and one.why is Kind.IN_USE for one in done.left)
    async with database.read() as tx:
        here = await schools.load(tx, school_id)
    assert {here.classes[ids[name]].name for name in ("5А", "5Б")} == {"5А", "5Б"}
    assert any(e.person_id == newcomer and e.term.until is None for e in here.enrolments)


async def test_two_classes_may_take_each_others_names(database: Database) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, {"лев": "5А", "ася": "5Б"})
        before = await rows(tx)
    swapped = Choices(becomes={ids["5А"]: "6Б", ids["5Б"]: "6А"})
    await opened(database, school_id, swapped)
    async with database.read() as tx:
        here = await schools.load(tx, school_id)
    assert {here.classes[ids["5А"]].name, here.classes[ids["5Б"]].name} == {"6А", "6Б"}
    await undone(database, school_id)
    async with database.read() as tx:
        assert await rows(tx) == before


async def test_ambiguous_changes_nothing(database: Database) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
        before = await rows(tx)
    with pytest.raises(year.Ambiguous) as error:
        await opened(database, school_id, Choices(becomes={ids["5Б"]: "6А"}))
    assert [problem.why for problem in error.value.problems] == [Ambiguity.TWO_TO_ONE]
    async with database.read() as tx:
        assert await rows(tx) == before
        assert not await batches.of_school(tx, school_id)


# --- a day to come --------------------------------------------------------------------------


async def plan_for(db: Database, school_id: str, choices: Choices, days: int) -> date:
    async with db.write() as tx:
        record = await record_of(tx, school_id)
        day = record.day(tx.now) + days * DAY
        await year.plan_for(tx, record, choices, day, "console", 365)
    return day


async def open_due(db: Database) -> int:
    """Do what the bridge does again and again; return how many schools were due."""
    async with db.read() as tx:
        due = await year.due(tx)
    for record in [*due, *due]:
        async with db.write() as tx:
            await year.open_as_planned(tx, record, 365)
    return len(due)


async def test_a_year_opens_by_itself_at_the_schools_midnight(
    database: Database, clock: Clock
) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
    day = await plan_for(database, school_id, merged(ids), 3)
    async with database.read() as tx:
        planned = await year.planned(tx, school_id)
    assert planned is not None
    assert (planned.day, planned.choices.becomes) == (day, merged(ids).becomes)
    before = await class_names(database, school_id)
    for _ in range(3 * 24 + 24):
        clock.now += DAY_MS // 24
        async with database.read() as tx:
            here = (await record_of(tx, school_id)).day(tx.now)
        assert await open_due(database) == int(here == day)
        if here == day:
            break
        assert await class_names(database, school_id) == before
    async with database.read() as tx:
        [batch] = await batches.of_school(tx, school_id)
        assert (batch.kind, batch.at) == ("year", clock.now)
        assert await year.planned(tx, school_id) is None
        # The first hour of the day in Vladivostok, when it is yesterday in Greenwich.
        assert clock.now % DAY_MS // 3_600_000 == 14
    assert await open_due(database) == 0
    assert "6А" in await class_names(database, school_id)


async def class_names(db: Database, school_id: str) -> list[str]:
    async with db.read() as tx:
        return sorted(c.name for c in (await schools.load(tx, school_id)).classes.values())


async def test_what_is_unclear_on_the_day_is_said_and_not_done(
    database: Database, clock: Clock
) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
    await plan_for(database, school_id, merged(ids), 2)
    async with database.write() as tx:
        row = {"id": schools.new_id(), "school_id": school_id, "name": "6А"}
        planned = await year.planned(tx, school_id)
        assert planned is not None
        await tx.run(insert(t.classes).values(**row, year=planned.choices.year))
        before = await rows(tx)
    clock.now += 2 * DAY_MS
    assert await open_due(database) == 1
    assert await open_due(database) == 0
    async with database.read() as tx:
        assert await rows(tx) == before
        items = await queues.waiting(tx, queues.INBOX, "bot/news", 100)
        kept = await year.planned(tx, school_id)
    assert [item.content["kind"] for item in items] == [year.FAILED]
    assert kept == replace(planned, failed=True)
    async with database.write() as tx:
        await year.prune(tx, clock.now - 30 * DAY_MS)
        assert await year.planned(tx, school_id) == kept
        await year.prune(tx, clock.now + 2 * DAY_MS)
        assert await year.planned(tx, school_id) is None


async def test_what_was_planned_can_be_dropped_or_replaced(
    database: Database, clock: Clock
) -> None:
    async with database.write() as tx:
        school_id, ids = await town(tx, PUPILS)
    await plan_for(database, school_id, merged(ids), 2)
    later = await plan_for(database, school_id, Choices(), 5)
    async with database.write() as tx:
        planned = await year.planned(tx, school_id)
        assert planned is not None
        assert planned.day == later
        assert await year.forget_plan(tx, school_id, "console")
        assert not await year.forget_plan(tx, school_id, "console")
    clock.now += 9 * DAY_MS
    assert await open_due(database) == 0


# --- by property ----------------------------------------------------------------------------

_NAMES = ("1А", "4А", "4Б", "5А", "5Б", "9А", "11А")


@settings(max_examples=25, deadline=None)
@given(
    pupils=st.dictionaries(st.sampled_from("абвгдежз"), st.sampled_from(_NAMES), min_size=1),
    data=st.data(),
)
async def test_undo_after_open_is_nothing(pupils: dict[str, str], data: st.DataObject) -> None:
    """Whatever is chosen: what was opened is what was planned, and undone it never was."""
    async with a_world() as world:
        async with world.db.write() as tx:
            school_id, ids = await town(tx, pupils)
        targets = st.sampled_from([GRADUATES, REPEATS, "1Б", "5А", "6А", "6В"])
        going = data.draw(st.dictionaries(st.sampled_from(sorted(pupils)), targets))
        in_use = sorted(set(pupils.values()))
        names = st.sampled_from([GRADUATES, "2А", "6А", "6Б", "5А"])
        becomes = data.draw(st.dictionaries(st.sampled_from(in_use), names))
        choices = Choices(
            {ids[name]: target for name, target in becomes.items()},
            {ids[pupil]: target for pupil, target in going.items()},
        )
        async with world.db.read() as tx:
            before, here = await rows(tx), await schools.load(tx, school_id)
        try:
            planned = await opened(world.db, school_id, choices)
        except year.Ambiguous:
            async with world.db.read() as tx:
                assert await rows(tx) == before
            return
        async with world.db.read() as tx:
            then = await schools.load(tx, school_id)
        assert as_planned(then) == as_planned(rules.after(here, planned))
        done = await undone(world.db, school_id)
        assert done.left == []
        async with world.db.read() as tx:
            assert await rows(tx) == before
