"""What the bridge does every hour, and that a database that is away ends none of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from sqlalchemy.exc import InterfaceError, ProgrammingError

from sferum_bridge.bot import housekeeping
from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.store import audit, tables
from tests.support.bot import DAY, HOUR, MOTHER, PUPIL, TEACHER, World, a_world, born

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


def today(world: World) -> date:
    """Return the day in the school's zone."""
    return datetime.fromtimestamp((world.now + 10 * HOUR) / 1000, UTC).date()


async def test_who_comes_of_age_is_told_once(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    day = today(world)
    await born(world, PUPIL, day.replace(year=day.year - 18))
    keeper = Housekeeper(world.db, world.bot)
    said = []
    for _ in range(3):
        await keeper.once()
        said += await world.heard()
        world.now += DAY // 2
    assert [one.to for one in said] == [PUPIL]
    assert "восемнадцать" in said[0].body


async def test_what_was_invited_by_a_right_that_is_over_is_revoked_on_the_new_day(
    world: World,
) -> None:
    said = await world.write(TEACHER, "пригласить Выдумкина Ася")
    assert any(one.holds_code for one in said)
    keeper = Housekeeper(world.db, world.bot)
    c = tables.assignments.c
    async with world.db.write() as tx:
        ends = update(tables.assignments).where(c.person_id == world.ids[TEACHER])
        await tx.run(ends.values(until=today(world)))
        audit.record(tx, "test", "roster.apply", world.ids[TEACHER], school=world.ids["school"])
    open_ = select(tables.invites.c.id).where(tables.invites.c.revoked_at.is_(None))
    for expected, pause in ((1, 0), (0, 2 * DAY)):
        world.now += pause
        await keeper.once()
        async with world.db.read() as tx:
            assert len(await tx.all(open_)) == expected


AWAY = InterfaceError("SELECT 1", None, OSError("connection refused"))
WRONG = ProgrammingError("SELEKT 1", None, ValueError("no such thing"))


@pytest.mark.parametrize(
    "error", [AWAY, ExceptionGroup("side by side", [AWAY, ExceptionGroup("below", [AWAY])])]
)
async def test_a_database_that_is_away_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(housekeeping, "_DATABASE_SECONDS", 0)
    keeper, kept, tries = Housekeeper(world.db, world.bot), asyncio.Event(), 0
    once = keeper.once

    async def away_at_first() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        await once()
        kept.set()

    monkeypatch.setattr(keeper, "once", away_at_first)
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(10):
        await kept.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tries == 3


@pytest.mark.parametrize("error", [WRONG, ExceptionGroup("side by side", [AWAY, WRONG])])
async def test_a_mistake_of_ours_is_no_database_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    keeper = Housekeeper(world.db, world.bot)

    async def wrong() -> None:
        raise error

    monkeypatch.setattr(keeper, "once", wrong)
    with pytest.raises(type(error)):
        await keeper.run()
