"""Group calls: started in a room by who may, told of once, ended with one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.network.base import LoginExpired, Refused
from sferum_bridge.school.calls import Meetings, SetUp
from sferum_bridge.store import audit, calls, chats, queues, rooms, tables
from tests.support import sferum
from tests.support.bot import (
    ADMIN,
    HOUR,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
)
from tests.support.guide import Transcript, hold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said
    from tests.support.sferum import Account

PUPILS, PARENTS = "!5-pupils", "!5-parents"
LOGIN, TITLE = "login", "5А класс"
OWN = Meetings(SetUp.JITSI, "https://meet.school.example", "school", "an invented secret")
_MINUTE = HOUR // 60


async def furnish(world: World) -> None:
    """Let two rooms of a class exist."""
    async with world.db.write() as tx:
        for kind, room_id, people in (
            ("pupils", PUPILS, (PUPIL, TEACHER)),
            ("parents", PARENTS, (MOTHER, TEACHER)),
        ):
            key = f"{kind}/{world.ids['5А']}"
            await rooms.intend(tx, key, world.ids["school"], kind)
            await rooms.created(tx, key, room_id)
            for mxid in people:
                await rooms.set_member(tx, room_id, mxid, "join")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(meetings=OWN) as made:
        await furnish(made)
        yield made


@pytest.fixture
async def linked() -> AsyncIterator[World]:
    """Give a school whose class teacher is logged in to Sferum, with a linked room, and no more."""
    async with a_world(sferum=True) as made:
        await furnish(made)
        await link(made)
        yield made


async def link(world: World) -> Account:
    account = world.sferum.add("Анна", "key", **{TITLE: ["Анна", "Ася"]})
    async with world.db.write() as tx:
        login_id = await chats.save_login(tx, "sferum", account.id, "Анна", TEACHER, "key")
        chat = chats.Chat(login_id, f"{account.id}/{TITLE}", PUPILS, relay=True)
        await chats.link(tx, chat)
    return account


def conversation(words: dict[str, str], post: Said, line: Said, call: calls.Call) -> Transcript:
    """Tell of a call as the guide does."""
    shown = Transcript()
    shown.chat(words["room"])
    shown.say(words["teacher"], words["start"])
    shown.say(words["bot"], post.body.replace(call.id, "…"))
    shown.say(words["teacher"], words["end"])
    shown.say(words["bot"], line.body)
    return shown


async def sferum_says(world: World, mxid: str) -> list[Said]:
    """Have what was asked of Sferum be answered, and what is asked of it then."""
    lane = f"bot/sferum/{mxid}"
    return [*await world.work_off(lane), *await world.work_off(lane)]


def in_room(said: list[Said], room_id: str) -> list[Said]:
    return [one for one in said if one.room == room_id]


def to(said: list[Said], mxid: str) -> str:
    [found] = [one.body for one in said if one.to == mxid]
    return found


async def the_call(world: World, room_id: str = PUPILS) -> calls.Call:
    async with world.db.read() as tx:
        found = await calls.going_on(tx, room_id)
    assert found is not None
    return found


async def test_the_english_guide_shows_a_call() -> None:
    async with a_world(meetings=OWN) as world:
        await furnish(world)
        async with world.db.write() as tx:
            await tx.run(update(tables.schools).values(language="en"))
        await world.write(TEACHER, "language en")
        [post] = in_room(await world.write(TEACHER, "!call", room=PUPILS), PUPILS)
        one = await the_call(world)
        world.now += 44 * _MINUTE + 1
        [line] = in_room(await world.write(TEACHER, "!call end", room=PUPILS), PUPILS)
    words = {"room": "5А · pupils", "teacher": "Anna", "bot": "Assistant"}
    words |= {"start": "!call", "end": "!call end"}
    hold("call", "en.md", conversation(words, post, line, one))


async def test_a_call_is_one_post_and_one_line_when_it_is_over(world: World) -> None:
    said = await world.write(TEACHER, "!звонок", room=PUPILS)
    one = await the_call(world)
    [post] = in_room(said, PUPILS)
    assert f"https://school.example/m/{one.id}" in post.body
    assert (post.content["msgtype"], post.content["m.mentions"]) == ("m.text", {"room": True})
    assert "meet.school.example" not in str(post.content), "where it is only members are told"
    assert "!звонок закончить" in to(said, TEACHER)
    async with world.db.write() as tx:
        for mxid in (PUPIL, TEACHER, PUPIL):
            await calls.came(tx, one.id, mxid)
    started = world.now
    world.now += 44 * _MINUTE + 1
    over = await world.write(TEACHER, "!звонок закончить", room=PUPILS)
    [line] = in_room(over, PUPILS)
    assert "Анна Небывалова" in line.body
    assert "45 минут" in line.body
    assert line.body.endswith("Вошли по ссылке: 2.")
    assert line.content["msgtype"] == "m.notice", "rings nobody"
    words = {"room": "5А · ученики", "teacher": "Анна", "bot": "Помощник"}
    words |= {"start": "!звонок", "end": "!звонок закончить"}
    hold("call", "ru.md", conversation(words, post, line, one))
    async with world.db.read() as tx:
        assert await tx.all(select(tables.call_guests)) == [], "nobody is marked present"
        ended = await calls.by_id(tx, one.id)
        entries = await audit.entries(tx, school_ids={world.ids["school"]})
    assert ended is not None
    assert (ended.started_at, ended.ended_at) == (started, world.now)
    assert [e.action for e in entries if e.action.startswith("call.")] == ["call.end", "call.start"]
    again = await world.write(TEACHER, "!call end", room=PUPILS)
    assert not in_room(again, PUPILS)


async def test_who_may_not_starts_and_ends_none(world: World) -> None:
    for who, room_id in ((PUPIL, PUPILS), (MOTHER, PARENTS), (STRANGER, PUPILS)):
        said = await world.write(who, "!звонок", room=room_id)
        assert not in_room(said, room_id)
    await world.write(TEACHER, "!звонок", room=PUPILS)
    said = await world.write(PUPIL, "!звонок закончить", room=PUPILS)
    assert "учителя и администраторы" in to(said, PUPIL)
    assert not in_room(said, PUPILS)
    await the_call(world)
    said = await world.write(ADMIN, "!звонок закончить", room=PUPILS)
    assert in_room(said, PUPILS), "an administrator in the room ends what others began"


async def test_a_teacher_in_a_room_as_a_parent_is_a_parent_there(world: World) -> None:
    child = world.ids[PUPIL]
    async with world.db.write() as tx:
        c = tables.assignments.c
        mine = (c.person_id == world.ids[TEACHER], c.kind == "leadership")
        await tx.run(update(tables.assignments).where(*mine).values(class_id=world.ids["9Б"]))
        row = {"id": "link", "child_id": child, "parent_id": world.ids[TEACHER], "slot": 1}
        row |= {"state": "active", "confirmed_at": tx.now}
        await tx.run(tx.insert(tables.parent_links).values(**row))
    said = await world.write(TEACHER, "!звонок", room=PARENTS)
    assert "учителя и администраторы" in to(said, TEACHER)
    assert not in_room(said, PARENTS)


async def test_one_call_a_room_and_none_elsewhere(world: World) -> None:
    await world.write(TEACHER, "!звонок", room=PUPILS)
    first = await the_call(world)
    said = await world.write(TEACHER, "!звонок", room=PUPILS)
    assert not in_room(said, PUPILS)
    assert "уже идёт" in to(said, TEACHER)
    assert (await the_call(world)).id == first.id
    assert in_room(await world.write(TEACHER, "!call", room=PARENTS), PARENTS)
    for room_id in ("", "!elsewhere"):
        said = await world.write(TEACHER, "!звонок", room=room_id)
        assert [one.body for one in said] == [world.text("call-where")]
    said = await world.write(TEACHER, "!звонок завтра в 10", room=PUPILS)
    assert [one.body for one in said] == [world.text("call-how")]


async def test_a_call_nobody_ends_ends_once(world: World) -> None:
    await world.write(TEACHER, "!звонок", room=PUPILS)
    keeper = Housekeeper(world.db, world.bot)
    world.now += 4 * HOUR - 1
    await keeper.once()
    assert not in_room(await world.heard(), PUPILS)
    world.now += 2
    await keeper.once()
    await keeper.once()
    [line] = in_room(await world.heard(), PUPILS)
    assert "240 минут" in line.body or "241 минут" in line.body


async def test_without_any_set_up_it_is_said_who_can_make_one() -> None:
    async with a_world() as world:
        await furnish(world)
        said = await world.write(TEACHER, "!звонок", room=PUPILS)
        assert [one.body for one in said] == [world.text("call-nowhere")]


async def test_in_a_linked_room_sferum_calls_and_its_chat_is_told_once(linked: World) -> None:
    said = await linked.write(TEACHER, "!звонок", room=PUPILS)
    assert said == [], "Sferum is asked first"
    said = await sferum_says(linked, TEACHER)
    assert not in_room(said, PUPILS), "it comes into the room as what is said in the chat does"
    assert "Звонок Сферума начат" in to(said, TEACHER)
    [(chat_id, text)] = linked.sferum.told.values()
    assert chat_id.endswith(TITLE)
    assert text == "📞 Звонок. Присоединиться: https://vk.com/call/join/call-0"
    one = await the_call(linked)
    assert one.url == "https://vk.com/call/join/call-0"
    linked.now += 10 * _MINUTE
    said = await linked.write(TEACHER, "!звонок закончить", room=PUPILS)
    [line] = in_room(said, PUPILS)
    assert "10 минут" in line.body
    await sferum_says(linked, TEACHER)
    assert linked.sferum.calls == []


async def test_a_call_of_sferum_nobody_ends_ends_there_too(linked: World) -> None:
    await linked.write(TEACHER, "!звонок", room=PUPILS)
    await sferum_says(linked, TEACHER)
    linked.now += 4 * HOUR + 1
    await Housekeeper(linked.db, linked.bot).once()
    [line] = in_room(await linked.heard(), PUPILS)
    assert "Звонок Сферума закончен" in line.body
    await sferum_says(linked, "")
    assert linked.sferum.calls == []


async def test_who_ends_a_call_is_told_where_sferum_does_not(
    linked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end_call(*_: object) -> None:
        raise Refused("not now")

    await linked.write(TEACHER, "!звонок", room=PUPILS)
    await sferum_says(linked, TEACHER)
    monkeypatch.setattr(sferum._Connector, "end_call", end_call)
    await linked.write(TEACHER, "!звонок закончить", room=PUPILS)
    said = await sferum_says(linked, TEACHER)
    assert to(said, TEACHER) == linked.text("call-not-ended")
    # Of one that was ended because time was up nobody is there to be told.
    await linked.write(TEACHER, "!звонок", room=PUPILS)
    await sferum_says(linked, TEACHER)
    linked.now += 4 * HOUR + 1
    await Housekeeper(linked.db, linked.bot).once()
    await linked.heard()
    assert await sferum_says(linked, "") == []


async def test_asked_twice_before_sferum_answers_there_is_one_call(linked: World) -> None:
    for _ in range(2):
        await linked.write(TEACHER, "!звонок", room=PUPILS)
    said = await sferum_says(linked, TEACHER)
    assert len(linked.sferum.told) == 1
    assert linked.sferum.calls == ["call-0"], "the second is ended at once"
    assert any("уже идёт" in one.body for one in said)


async def test_what_sferum_refuses_the_schools_own_meetings_do() -> None:
    async with a_world(sferum=True, meetings=OWN) as world:
        await furnish(world)
        await link(world)
        world.sferum.failing = Refused("not for educational profiles")
        await world.write(TEACHER, "!звонок", room=PUPILS)
        said = await sferum_says(world, TEACHER)
        [post] = in_room(said, PUPILS)
        assert "/m/" in post.body


async def test_without_them_it_is_said_why_there_is_none(linked: World) -> None:
    linked.sferum.failing = LoginExpired("dead")
    await linked.write(TEACHER, "!звонок", room=PUPILS)
    said = await sferum_says(linked, TEACHER)
    assert not in_room(said, PUPILS)
    told = to(said, TEACHER)
    assert "Сферум не начал звонок" in told
    assert "Войдите" in told
    async with linked.db.read() as tx:
        assert await tx.all(select(tables.calls)) == [], "nothing is left behind"


async def test_who_lost_the_right_while_sferum_was_asked_starts_none(linked: World) -> None:
    await linked.write(TEACHER, "!звонок", room=PUPILS)
    async with linked.db.write() as tx:
        c = tables.assignments.c
        await tx.run(tables.assignments.delete().where(c.person_id == linked.ids[TEACHER]))
    said = await sferum_says(linked, TEACHER)
    assert not in_room(said, PUPILS)
    assert linked.sferum.told == {}
    assert linked.sferum.calls == []


async def test_another_administrator_without_a_login_is_told_how(linked: World) -> None:
    said = await linked.write(ADMIN, "!звонок", room=PUPILS)
    assert "сферум войти" in to(said, ADMIN)


async def test_a_chat_that_may_not_have_been_told(linked: World) -> None:
    await linked.write(TEACHER, "!звонок", room=PUPILS)
    async with linked.db.read() as tx:
        [item] = await queues.waiting(tx, queues.INBOX, f"bot/sferum/{TEACHER}", 10)
    await linked.bot.handle(item)
    # The login ends between the call and the message about it.
    linked.sferum.failing = LoginExpired("dead")
    said = await sferum_says(linked, TEACHER)
    assert any("https://vk.com/call/join/call-0" in one.body for one in said if one.to == TEACHER)
