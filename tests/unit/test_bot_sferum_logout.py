"""Who logs out leaves a class's chat to a colleague whose login sees the same one, or to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from sferum_bridge.network.base import Unavailable
from sferum_bridge.store import chats, queues, rooms, tables
from tests.support.bot import ADMIN, PUPIL, TEACHER, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said, World
    from tests.support.sferum import Account

KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"
HEIRS = "vk1.a.AnotherInventedKeyOfAnAdministrator.9876543210"
ROOM = "!parents:school.example"
TITLE = "5А родители"
PEOPLE = ["Анна Небывалова", "Пётр Придуманный", "Ольга Выдумкина"]
SAID = [("7", "100", 1000), ("8", "92", 2000)]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give a linked chat that an administrator's login sees as well."""
    async with a_world(sferum=True) as made:
        for name, key in ((PEOPLE[0], KEY), (PEOPLE[1], HEIRS)):
            made.sferum.add(name, key, **{TITLE: PEOPLE}).said[TITLE] = [*SAID]
        async with made.db.write() as tx:
            row = {"key": "parents/class-5a", "school_id": made.ids["school"], "kind": "parents"}
            await tx.run(insert(tables.rooms).values(**row, room_id=ROOM))
            for mxid in (TEACHER, ADMIN, PUPIL):
                await rooms.set_member(tx, ROOM, mxid, "join")
        await log_in(made, TEACHER, KEY)
        await log_in(made, ADMIN, HEIRS)
        await made.write(TEACHER, "чаты")
        await asked(made, TEACHER)
        await made.write(TEACHER, "связать 1")
        await made.tap(TEACHER, (await asked(made, TEACHER))[0], "✅")
        async with made.db.write() as tx:
            [chat] = await chats.all_chats(tx)
            mapped = chats.Mapped(chat.chat_id, "7", 0, ROOM, "$seven", from_matrix=False)
            await chats.map_message(tx, chat.login_id, mapped)
        yield made


async def asked(world: World, mxid: str) -> list[Said]:
    return await world.work_off(f"bot/sferum/{mxid}")


async def log_in(world: World, mxid: str, key: str) -> None:
    await world.write(mxid, "сферум войти")
    await world.write(mxid, key)
    await world.tap(mxid, (await asked(world, mxid))[0], "✅")
    await asked(world, mxid)


async def leaving(world: World) -> Said:
    """Want to log out; return the question."""
    await world.write(TEACHER, "сферум выйти")
    [question] = await asked(world, TEACHER)
    return question


def heir_of(world: World) -> Account:
    return world.sferum.accounts[1]


async def owners(world: World) -> list[str]:
    """Return through whose login each linked chat goes."""
    async with world.db.read() as tx:
        mxids = {login.id: login.mxid for login in await chats.all_logins(tx)}
        return [mxids[chat.login_id] for chat in await chats.all_chats(tx)]


async def test_a_chat_goes_on_through_a_colleagues_login(world: World) -> None:
    [asks] = await world.write(TEACHER, f"от имени {TITLE} да")
    await world.tap(TEACHER, asks, "✅")
    question = await leaving(world)
    assert "дальше через вход: Пётр Придуманный" in question.body
    assert "будут отвязаны" not in question.body
    assert await owners(world) == [TEACHER], "only asked"
    said = await world.tap(TEACHER, question, "✅")
    assert await owners(world) == [ADMIN]
    async with world.db.read() as tx:
        [chat] = await chats.all_chats(tx)
        # What was relayed is known on, and nobody speaks under the new owner's name unasked.
        assert await chats.is_mapped(tx, chat.login_id, chat.chat_id, "7")
        assert not chat.relay
        [place] = await chats.places(tx, chat.login_id, [chat.chat_id])
        assert not place.is_started, "what was written meanwhile is taken in"
        actions = [row.action for row in await tx.all(select(tables.audit.c.action))]
    assert actions[-2:] == ["chat.hand-over", "sferum.logout"]
    [news] = [one for one in said if one.to == ADMIN]
    assert "теперь через ваш вход" in news.body
    assert [one.room for one in said if one.room == ROOM] == [ROOM], "that relay ended"
    [state] = await world.write(ADMIN, "сферум")
    assert "через вход: Пётр Придуманный" in state.body


async def test_what_this_login_knows_goes_before_an_earlier_link(world: World) -> None:
    async with world.db.write() as tx:
        heir = next(one for one in await chats.all_logins(tx) if one.mxid == ADMIN)
        there = f"{heir.account_id}/{TITLE}"
        for message_id in ("7", "3"):
            mapped = chats.Mapped(there, message_id, 0, ROOM, "$old", from_matrix=False)
            await chats.map_message(tx, heir.id, mapped)
    await world.tap(TEACHER, await leaving(world), "✅")
    async with world.db.read() as tx:
        assert await chats.event_of(tx, heir.id, there, "7") == "$seven"
        assert await chats.event_of(tx, heir.id, there, "3") == "$old"


@pytest.mark.parametrize("why", ["people", "history", "silence", "two", "title", "error"])
async def test_what_is_not_surely_the_same_chat_is_not_handed_over(world: World, why: str) -> None:
    heir = heir_of(world)
    match why:
        case "people":
            heir.chats[TITLE] = [*PEOPLE, "Кто-то Ещё"]
        case "history":
            heir.said[TITLE] = [("7", "100", 1000), ("8", "92", 2001)]
        case "silence":
            heir.said[TITLE] = []
        case "two":
            heir.chats[f"{TITLE} "], heir.said[f"{TITLE} "] = PEOPLE, SAID
        case "title":
            heir.chats["Другое"], heir.said["Другое"] = heir.chats.pop(TITLE), SAID
        case "error":
            world.sferum.failing = Unavailable("x")
    question = await leaving(world)
    assert "будут отвязаны" in question.body
    said = await world.tap(TEACHER, question, "✅")
    assert await owners(world) == []
    assert any("больше не связан" in one.body for one in said if one.room == ROOM)


async def test_only_who_may_link_the_room_inherits_its_chat(world: World) -> None:
    async with world.db.write() as tx:
        c = tables.logins.c
        await tx.run(tables.logins.update().where(c.mxid == ADMIN).values(mxid=PUPIL))
    assert "будут отвязаны" in (await leaving(world)).body


async def test_only_who_is_in_the_room_inherits_its_chat(world: World) -> None:
    async with world.db.write() as tx:
        await rooms.set_member(tx, ROOM, ADMIN, "leave")
    assert "будут отвязаны" in (await leaving(world)).body


async def test_an_heir_who_left_meanwhile_inherits_nothing(world: World) -> None:
    question = await leaving(world)
    [theirs] = await world.write(ADMIN, "сферум выйти")
    await world.tap(ADMIN, theirs, "✅")
    await world.tap(TEACHER, question, "✅")
    assert await owners(world) == []


async def test_messages_under_way_are_waited_for(world: World) -> None:
    question = await leaving(world)
    async with world.db.write() as tx:
        await queues.put(tx, queues.INBOX, f"relay/{ROOM}", "$waits", {"type": "m.room.message"})
        [item] = await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1)
    [later] = await world.tap(TEACHER, question, "✅")
    assert later.body == world.text("sferum-leave-later")
    assert await owners(world) == [TEACHER]
    async with world.db.write() as tx:
        await queues.done(tx, queues.INBOX, item.id)
    await world.write(TEACHER, "да")
    assert await owners(world) == [ADMIN]
