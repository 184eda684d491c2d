"""A chat of Sferum is carried by right of an office, and no longer than that."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert, update

from sferum_bridge.bot.link_standing import LinkStanding
from sferum_bridge.store import chats, former, logins, rooms, schools, tables
from tests.support.bot import ADMIN, PUPIL, TEACHER, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import World

KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"
HEIRS = "vk1.a.AnotherInventedKeyOfAnAdministrator.9876543210"
ROOM = "!parents:school.example"
TITLE = "5А родители"
PEOPLE = ["Анна Небывалова", "Пётр Придуманный", "Ольга Выдумкина"]
BEFORE = date(2026, 9, 20)
"""The day before the one it is in that world."""


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give a chat that is linked through a class teacher's login."""
    async with a_world(sferum=True) as made:
        made.sferum.add(PEOPLE[0], KEY, **{TITLE: PEOPLE})
        made.sferum.add(PEOPLE[1], HEIRS, **{TITLE: PEOPLE})
        async with made.db.write() as tx:
            row = {"key": "parents/class-5a", "school_id": made.ids["school"], "kind": "parents"}
            await tx.run(insert(tables.rooms).values(**row, room_id=ROOM))
            for mxid in (TEACHER, ADMIN, PUPIL):
                await rooms.set_member(tx, ROOM, mxid, "join")
        await log_in(made, TEACHER, KEY)
        await link(made, TEACHER)
        async with made.db.write() as tx:
            [chat] = await chats.all_chats(tx)
            await chats.set_seen(tx, chat.login_id, chat.chat_id, "42")
        yield made


async def log_in(world: World, mxid: str, key: str) -> None:
    await world.write(mxid, "сферум войти")
    await world.write(mxid, key)
    question = (await world.work_off(f"bot/sferum/{mxid}"))[0]
    await world.tap(mxid, question, "✅")
    await world.work_off(f"bot/sferum/{mxid}")


async def link(world: World, mxid: str) -> None:
    await world.write(mxid, "чаты")
    await world.work_off(f"bot/sferum/{mxid}")
    await world.write(mxid, "связать 1")
    question = (await world.work_off(f"bot/sferum/{mxid}"))[0]
    await world.tap(mxid, question, "✅")


async def end_leadership(world: World) -> None:
    async with world.db.write() as tx:
        a = tables.assignments
        await tx.run(update(a).where(a.c.kind == "leadership").values(until=BEFORE))
        await schools.changed(tx, world.ids["school"])


async def linked_through(world: World) -> list[str]:
    async with world.db.read() as tx:
        owners = {login.id: login.mxid for login in await chats.all_logins(tx)}
        return [owners[chat.login_id] for chat in await chats.all_chats(tx)]


async def test_a_link_ends_with_the_office_and_is_told_of_once(world: World) -> None:
    standing = LinkStanding(world.db, world.bot)
    await standing.once()
    assert await linked_through(world) == [TEACHER]
    assert await world.heard() == []
    await end_leadership(world)
    await standing.once()
    assert await linked_through(world) == []
    told = {said.to or said.room: said.body for said in await world.heard()}
    assert "вы за него больше не отвечаете" in told[TEACHER]
    assert "Анна Небывалова" in told[ADMIN]
    assert "«чаты»" in told[ADMIN]
    assert "не связан" in told[ROOM]
    async with world.db.read() as tx:
        noted = await former.of_room(tx, ROOM)
        assert noted is not None
        assert noted.seen == "42"
        # The login is its owner's, and stays.
        assert [login.mxid for login in await chats.all_logins(tx)] == [TEACHER]
    await standing.once()
    assert await world.heard() == []


async def test_a_link_outlives_its_room_that_is_replaced(world: World) -> None:
    standing, new = LinkStanding(world.db, world.bot), "!anew:school.example"
    await standing.once()
    async with world.db.write() as tx:
        record = await rooms.by_room_id(tx, ROOM)
        assert record is not None
        await rooms.renew(tx, record)
    # The new room is being made meanwhile.
    await standing.once()
    assert await linked_through(world) == [TEACHER]
    async with world.db.write() as tx:
        await rooms.created(tx, record.key, new)
        await chats.move(tx, ROOM, new)
        a = tables.assignments
        await tx.run(update(a).where(a.c.kind == "leadership").values(until=BEFORE))
    await standing.once()
    assert await linked_through(world) == []


async def test_whoever_holds_the_office_now_links_the_room_again(world: World) -> None:
    standing = LinkStanding(world.db, world.bot)
    await end_leadership(world)
    await standing.once()
    await log_in(world, ADMIN, HEIRS)
    await link(world, ADMIN)
    assert await linked_through(world) == [ADMIN]
    await standing.once()
    assert await linked_through(world) == [ADMIN]


async def test_a_day_that_begins_ends_what_ended_the_day_before(world: World) -> None:
    standing = LinkStanding(world.db, world.bot)
    async with world.db.write() as tx:
        a = tables.assignments
        today = (await schools.records(tx))[0].day(world.now)
        await tx.run(update(a).where(a.c.kind == "leadership").values(until=today))
    await standing.once()
    assert await linked_through(world) == [TEACHER]
    world.now += 2 * 24 * 3600 * 1000
    await standing.once()
    assert await linked_through(world) == []


@pytest.mark.parametrize("who", ["nobody", "console"])
async def test_the_schools_own_login_stays_and_a_strangers_does_not(world: World, who: str) -> None:
    mxid = "" if who == "console" else "@gone:school.example"
    async with world.db.write() as tx:
        await tx.run(update(tables.logins).values(mxid=mxid))
    await LinkStanding(world.db, world.bot).once()
    assert await linked_through(world) == ([""] if who == "console" else [])


async def test_a_link_ends_with_its_class(world: World) -> None:
    # Administrators may link the rooms of every class, but in a closed one nobody writes.
    async with world.db.write() as tx:
        for chat in await chats.all_chats(tx):
            await logins.unlink(tx, chat.room_id)
    await log_in(world, ADMIN, HEIRS)
    await link(world, ADMIN)
    standing = LinkStanding(world.db, world.bot)
    await standing.once()
    assert await linked_through(world) == [ADMIN]
    async with world.db.write() as tx:
        one = tables.classes.c.id == "class-5a"
        await tx.run(update(tables.classes).where(one).values(closed_on=BEFORE))
        await schools.changed(tx, world.ids["school"])
    await standing.once()
    assert await linked_through(world) == []
    told = {said.to or said.room: said.body for said in await world.heard()}
    assert "класс закрыт" in told[ADMIN]
    assert "не связан" in told[ROOM]
    # Nor is it offered again.
    await world.write(ADMIN, "чаты")
    await world.work_off(f"bot/sferum/{ADMIN}")
    await world.write(ADMIN, "связать 1 5А родители")
    await world.work_off(f"bot/sferum/{ADMIN}")
    assert await linked_through(world) == []
