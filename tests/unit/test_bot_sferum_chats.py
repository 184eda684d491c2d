"""Chats of Sferum are listed, linked to closed rooms, and decided about by who may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from sferum_bridge.network.base import Refused, Unavailable
from sferum_bridge.store import chats, news, personal, rooms, tables, voices
from tests.support.bot import ADMIN, BROTHER, PUPIL, TEACHER, a_world, assign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.chats import Chat
    from tests.support.bot import Said, World

KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"
ADMINS = "vk1.a.AnotherInventedKeyOfAnAdministrator.9876543210"
PARENTS, PUPILS, STAFF = "!parents:school.example", "!pupils:school.example", "!staff:s.example"
OTHERS = "!others:school.example"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(sferum=True) as made:
        made.sferum.add(
            "Анна Небывалова",
            KEY,
            **{
                "5А родители": ["Анна Небывалова", "Ольга Выдумкина", "Чужой Человек"],
                "Родители 9-Б": ["Анна Небывалова", "Кто-то Иной"],
                "Соседи": ["Анна Небывалова", "Сосед Соседов"],
            },
        )
        made.sferum.add("Пётр Придуманный", ADMINS, **{"Учителя школы": ["Пётр Придуманный"]})
        async with made.db.write() as tx:
            for key, room_id in (
                ("parents/class-5a", PARENTS),
                ("pupils/class-5a", PUPILS),
                ("parents/class-9b", OTHERS),
                (f"staff/{made.ids['school']}", STAFF),
            ):
                row = {"key": key, "school_id": made.ids["school"], "room_id": room_id}
                await tx.run(insert(tables.rooms).values(**row, kind=key.partition("/")[0]))
            await rooms.set_member(tx, PARENTS, TEACHER, "join")
        await log_in(made, TEACHER, KEY)
        yield made


async def asked(world: World, mxid: str) -> list[Said]:
    return await world.work_off(f"bot/sferum/{mxid}")


async def log_in(world: World, mxid: str, key: str) -> None:
    await world.write(mxid, "сферум войти")
    await world.write(mxid, key)
    [question] = await asked(world, mxid)
    await world.tap(mxid, question, "✅")
    await asked(world, mxid)


async def listed(world: World, mxid: str = TEACHER) -> Said:
    await world.write(mxid, "чаты")
    [answer] = await asked(world, mxid)
    return answer


async def question(world: World, text: str, mxid: str = TEACHER) -> Said:
    """Say something that has the messenger asked, and return what comes of it."""
    await world.write(mxid, text)
    [answer] = await asked(world, mxid)
    return answer


async def linked(world: World) -> list[Chat]:
    async with world.db.read() as tx:
        return sorted(await chats.all_chats(tx), key=lambda chat: chat.room_id)


async def link(world: World, text: str = "связать 1", mxid: str = TEACHER) -> list[Said]:
    await listed(world, mxid)
    return await world.tap(mxid, await question(world, text, mxid), "✅")


async def records(world: World) -> list[tuple[str, str, str, str]]:
    c = tables.audit.c
    async with world.db.read() as tx:
        rows = await tx.all(select(c.action, c.actor, c.subject, c.reason).order_by(c.id))
    return [(r.action, r.actor, r.subject, r.reason) for r in rows if r.action[:4] == "chat"]


# --- the list -------------------------------------------------------------------------------


async def test_chats_are_listed_with_what_they_look_like(world: World) -> None:
    answer = await listed(world)
    assert "1 — «5А родители», участников: 3. Похоже на чат «5А · родители»" in answer.body
    # Whose class it is not is shown no room for it.
    assert "2 — «Родители 9-Б», участников: 2\n" in answer.body
    assert "3 — «Соседи», участников: 2\n" in answer.body
    assert "Чужой" not in answer.body
    await link(world)
    assert "1 — «5А родители», участников: 3. Связан с чатом" in (await listed(world)).body


async def test_who_links_nothing_is_told_who_does(world: World) -> None:
    world.sferum.add("Ася Выдумкина", "vk1.a.key-of-a-pupil-0123456789", **{"5А": []})
    [none] = await world.write(PUPIL, "чаты")
    assert none.body == world.text("sferum-none")
    await log_in(world, PUPIL, "vk1.a.key-of-a-pupil-0123456789")
    answer = await listed(world, PUPIL)
    assert world.text("chats-right") in answer.body
    [refused] = await world.write(PUPIL, "связать 1 5А родители")
    assert refused.body == world.text("link-right", room="5А · родители")
    assert not await linked(world)


async def test_a_messenger_that_does_not_answer(world: World) -> None:
    world.sferum.failing = Unavailable("x")
    assert world.text("sferum-network-unavailable") in (await listed(world)).body
    world.sferum.failing = None
    await listed(world)
    world.sferum.failing = Refused("x")
    answer = await question(world, "связать 1")
    assert answer.body == world.text("sferum-network-refused")


# --- linking --------------------------------------------------------------------------------


async def test_a_class_teacher_links_a_chat_to_the_own_class(world: World) -> None:
    [how] = await world.write(TEACHER, "связать 1")
    assert how.body == world.text("link-how")
    await listed(world)
    asks = await question(world, "связать 1")
    for fact in ("«5А родители», участников: 3", "«5А · родители», участников: 1"):
        assert fact in asks.body
    # The teacher is here, the mother is not yet, and nobody knows the third.
    assert "мне неизвестны: 2" in asks.body
    assert not await linked(world), "only asked"
    said = await world.tap(TEACHER, asks, "✅")
    [chat] = await linked(world)
    assert (chat.room_id, chat.chat_id, chat.relay) == (PARENTS, "100/5А родители", False)
    by_room = {one.room: one.body for one in said}
    assert "связан с чатом Сферума «5А родители»" in by_room[PARENTS]
    news = next(one for one in said if one.to == ADMIN)
    assert "Анна Небывалова" in news.body
    assert await records(world) == [("chat.link", world.ids[TEACHER], "class-5a", "parents")]


async def test_another_room_than_the_title_says(world: World) -> None:
    await listed(world)
    asks = await question(world, "связать 3 5a ученики")
    assert "«5А · ученики»" in asks.body
    [which] = await world.write(TEACHER, "связать 3 какой-нибудь")
    assert which.body == world.text("link-which", number="3")
    # The list lives on behind a question.
    which = await question(world, "связать 3")
    assert which.body == world.text("link-which", number="3")


@pytest.mark.parametrize("text", ["связать 9", "связать 0", "связать 1х", "связать родители"])
async def test_a_number_that_is_not_there(world: World, text: str) -> None:
    await listed(world)
    [answer] = await world.write(TEACHER, text)
    assert answer.body == world.text("chats-no-such")


async def test_a_foreign_class_is_refused(world: World) -> None:
    await listed(world)
    [refused] = await world.write(TEACHER, "связать 2 9Б родители")
    assert refused.body == world.text("link-right", room="9Б · родители")
    assert (await question(world, "связать 2")).body == refused.body
    [refused] = await world.write(TEACHER, "связать 2 учителя")
    assert refused.body == world.text("link-right", room="Учительская")
    assert not await linked(world)


async def test_an_administrator_links_any_room(world: World) -> None:
    await log_in(world, ADMIN, ADMINS)
    answer = await listed(world, ADMIN)
    assert "Похоже на чат «Учительская»" in answer.body
    await world.tap(ADMIN, await question(world, "связать 1", ADMIN), "✅")
    assert [chat.room_id for chat in await linked(world)] == [STAFF]


async def test_what_is_linked_is_said_with_what_to_do(world: World) -> None:
    await link(world)
    await listed(world)
    [taken] = await world.write(TEACHER, "связать 1 5А ученики")
    values = {"title": "5А родители", "room": "5А · родители", "number": "1"}
    assert taken.body == world.text("link-chat-taken", **values)
    [taken] = await world.write(TEACHER, "связать 3 5А родители")
    assert taken.body == world.text("link-room-taken", room="5А · родители")
    assert "`" not in taken.body


async def test_rights_are_asked_again_with_the_answer(world: World) -> None:
    await listed(world)
    asks = await question(world, "связать 1")
    c = tables.assignments.c
    async with world.db.write() as tx:
        await tx.run(tables.assignments.delete().where(c.kind == "leadership"))
    [refused] = await world.tap(TEACHER, asks, "✅")
    assert refused.body == world.text("link-right", room="5А · родители")
    assert not await linked(world)


async def test_two_who_link_one_room(world: World) -> None:
    await log_in(world, ADMIN, ADMINS)
    await listed(world, ADMIN)
    first = await question(world, "связать 1 5А родители", ADMIN)
    await link(world)
    [late] = await world.tap(ADMIN, first, "✅")
    assert late.body == world.text("link-room-taken", room="5А · родители")
    [again] = await world.tap(ADMIN, first, "✅")
    assert again.body == world.text("sferum-gone")
    assert len(await linked(world)) == 1


async def test_no_and_a_typed_yes(world: World) -> None:
    await listed(world)
    asks = await question(world, "связать 1")
    [no] = await world.tap(TEACHER, asks, "❌")
    assert no.body == world.text("sferum-cancelled")
    [gone] = await world.tap(TEACHER, asks, "✅")
    assert gone.body == world.text("sferum-gone")
    asks = await question(world, "связать 1")
    [again] = await world.write(TEACHER, "как это?")
    assert again.body == asks.body
    await world.write(TEACHER, "да")
    assert len(await linked(world)) == 1


# --- unlinking ------------------------------------------------------------------------------


async def test_unlinking_by_number_name_and_room(world: World) -> None:
    for text in ("отвязать 1", "отвязать 5А родители", "отвязать", "unlink 5A parents"):
        await link(world)
        await listed(world)
        [asks] = await world.write(TEACHER, text)
        assert "5А · " in asks.body
        said = await world.tap(TEACHER, asks, "✅")
        assert not await linked(world)
        assert any(one.room == PARENTS for one in said)
    await link(world)
    [asks] = await world.write(TEACHER, "!отвязать", room=PARENTS)
    await world.tap(TEACHER, asks, "✅")
    assert not await linked(world)
    assert {action for action, *_ in await records(world)} == {"chat.link", "chat.unlink"}


async def test_which_of_several_is_asked(world: World) -> None:
    await link(world)
    await link(world, "связать 3 5А ученики")
    for text in ("отвязать", "отвязать что-нибудь", "отвязать 2"):
        [which] = await world.write(TEACHER, text)
        assert world.text("unlink-which") in which.body
        assert "«5А · родители»" in which.body
        assert "«5А · ученики»" in which.body
    [asks] = await world.write(TEACHER, "отвязать 5а ученики")
    assert "ученики" in asks.body
    assert len(await linked(world)) == 2


async def test_who_may_unlink(world: World) -> None:
    await link(world)
    for mxid in (BROTHER, PUPIL):
        [answer] = await world.write(mxid, "отвязать 5А родители")
        assert answer.body == world.text("chats-none-linked")
    [asks] = await world.write(ADMIN, "отвязать 5А родители")
    said = await world.tap(ADMIN, asks, "✅")
    assert not await linked(world)
    # Whose login it was hears of it.
    assert any(one.to == TEACHER and "Пётр Придуманный" in one.body for one in said)


async def test_the_owner_of_a_login_may_always_unlink_it(world: World) -> None:
    await link(world)
    c = tables.assignments.c
    async with world.db.write() as tx:
        await tx.run(tables.assignments.delete().where(c.kind == "leadership"))
    [asks] = await world.write(TEACHER, "отвязать")
    await world.tap(TEACHER, asks, "✅")
    assert not await linked(world)


async def test_a_parent_is_still_taken_off_on_paper(world: World) -> None:
    [how] = await world.write(ADMIN, "отвязать родителя")
    assert "решение суда" in how.body
    text = "отвязать Никто | Никтова | решение суда № 1 от 01.09.2026"
    [none] = await world.write(ADMIN, text)
    assert "чат" not in none.body


# --- heard through another's login ----------------------------------------------------------


async def test_relay_is_off_until_the_owner_grants_it(world: World) -> None:
    await link(world)
    [refused] = await world.write(ADMIN, "от имени 5А родители да")
    assert refused.body == world.text("relay-not-yours")
    [asks] = await world.write(TEACHER, "от имени 5А родители да")
    assert not (await linked(world))[0].relay
    said = await world.tap(TEACHER, asks, "✅")
    assert (await linked(world))[0].relay
    in_room = next(one.body for one in said if one.room == PARENTS)
    assert "через учётную запись Анна Небывалова" in in_room
    [same] = await world.write(TEACHER, "от имени да")
    assert same.body == world.text("relay-already-on")
    # To end it is anybody's who may unlink the room.
    await world.write(ADMIN, "от имени 5А родители нет")
    assert not (await linked(world))[0].relay
    assert [action for action, *_ in await records(world)][-2:] == [
        "chat.relay-on",
        "chat.relay-off",
    ]


@pytest.mark.parametrize("text", ["от имени", "от имени 5А родители", "relay 5A parents maybe"])
async def test_relay_wants_a_clear_word(world: World, text: str) -> None:
    await link(world)
    [how] = await world.write(TEACHER, text)
    assert how.body in {world.text("relay-how"), world.text("relay-how", "en")}


# --- beside all that ------------------------------------------------------------------------


async def test_logging_out_unlinks_after_asking(world: World) -> None:
    await link(world)
    asks = await question(world, "сферум выйти")
    assert "5А · родители" in asks.body
    assert len(await linked(world)) == 1
    said = await world.tap(TEACHER, asks, "✅")
    assert not await linked(world)
    assert any(one.room == PARENTS for one in said)
    assert any(one.to == ADMIN for one in said)


async def test_state_shows_rooms_and_through_whom(world: World) -> None:
    await link(world)
    [state] = await world.write(ADMIN, "сферум")
    assert "«5А · родители» — через вход: Анна Небывалова" in state.body
    [state] = await world.write(PUPIL, "сферум")
    assert "5А" not in state.body


async def test_help_names_the_words_to_those_who_have_them(world: World) -> None:
    [help_] = await world.write(TEACHER, "помощь")
    assert "связать 3 5А родители" in help_.body
    [help_] = await world.write(PUPIL, "помощь")
    assert "связать" not in help_.body
    assert "сферум" in help_.body


async def test_a_question_is_asked_once_more_after_a_kill(world: World) -> None:
    await world.write(TEACHER, "чаты")
    # The bridge ends here: what was to be asked waits, and the dialogue begins with the answer.
    [answer] = await asked(world, TEACHER)
    assert "5А родители" in answer.body
    assert not await asked(world, TEACHER)


async def test_teachers_of_one_class_hear_of_each_other(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, ADMIN, "leadership", class_id="class-5a")
    said = await link(world)
    assert len([one for one in said if one.to == ADMIN]) == 1


# --- known by another number ----------------------------------------------------------------


async def test_a_chat_that_another_login_linked_is_known_as_linked(world: World) -> None:
    await link(world)
    [chat] = await linked(world)
    key = "vk1.a.key-of-a-colleague-0123456789"
    world.sferum.add("Пётр Придуманный", key, **{"5А родители": ["Пётр Придуманный"]})
    await log_in(world, ADMIN, key)
    async with world.db.write() as tx:
        [own] = [one for one in await chats.all_logins(tx) if one.mxid == ADMIN]
        await voices.note(tx, chat.room_id, own.id, f"{own.account_id}/5А родители")
    assert "Связан с чатом «5А · родители»" in (await listed(world, ADMIN)).body
    [taken] = await world.write(ADMIN, "связать 1")
    assert "уже связан" in taken.body
    [state] = await world.write(ADMIN, "сферум")
    assert world.text("sferum-heard") in state.body
    [asks] = await world.write(ADMIN, "отвязать 1")
    await world.tap(ADMIN, asks, "✅")
    assert not await linked(world)
    async with world.db.read() as tx:
        assert not await voices.found(tx)


# --- personal chats -------------------------------------------------------------------------


async def test_personal_chats_are_the_owners_own_matter() -> None:
    async with a_world(sferum=True, personal_chats=True) as world:
        account = world.sferum.add("Ася Выдумкина", KEY, Соседи=["Ася Выдумкина"])
        account.friends = {"77": "Ольга Выдумкина", account.id: "Ася Выдумкина"}
        # A pupil, who may link nothing of the school.
        await log_in(world, PUPIL, KEY)
        answer = await listed(world, PUPIL)
        assert "2 — Ольга Выдумкина, личный чат" in answer.body
        # Notes to oneself are none.
        assert "3 — " not in answer.body
        [said] = await world.write(PUPIL, "связать 2")
        assert said.body == world.text("personal-opening", title="Ольга Выдумкина")
        [row] = world.relayed
        async with world.db.write() as tx:
            [login] = await chats.all_logins(tx)
            assert (row["relay"], row["origin"]) == (personal.OPEN, [login.id, "77", ""])
            key = personal.key(tx, PUPIL, login.id, "77")
            await rooms.intend(tx, key, "", personal.KIND)
            await rooms.created(tx, key, "!own:school.example")
            chat = chats.Chat(login.id, "77", "!own:school.example", relay=False)
            await personal.begin(tx, chat, key, is_new=False)
        [said] = await world.write(PUPIL, "связать 2")
        assert said.body == world.text("personal-taken", title="Ольга Выдумкина")
        assert "личный чат. Есть и здесь" in (await listed(world, PUPIL)).body
        [said] = await world.write(PUPIL, "отвязать 2")
        assert said.body == world.text("personal-ended", title="Ольга Выдумкина")
        [said] = await world.write(PUPIL, "отвязать 2")
        assert said.body == world.text("personal-none", title="Ольга Выдумкина")
        assert not await linked(world)
        assert len(world.relayed) == 1


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("network-refused", "sferum-network-refused"),
        ("", "personal-failed-here"),
    ],
)
async def test_whoever_asked_for_a_personal_chat_is_told_that_there_is_none(
    why: str, reason: str
) -> None:
    async with a_world(sferum=True, personal_chats=True) as world:
        world.sferum.add("Ася Выдумкина", KEY)
        await log_in(world, PUPIL, KEY)
        async with world.db.write() as tx:
            [login] = await chats.all_logins(tx)
            told = {"login": login.id, "title": "Ольга Выдумкина", "why": why}
            await news.put(tx, personal.NOT_OPENED, told)
            # Of one that was forgotten meanwhile nobody is told.
            await news.put(tx, personal.NOT_OPENED, {**told, "login": "forgotten"})
        [said] = await world.work_off("bot/news")
        failed = world.text("personal-failed", title="Ольга Выдумкина")
        assert (said.to, said.body) == (PUPIL, f"{failed}\n\n{world.text(reason)}")


async def test_without_the_setting_personal_chats_are_not_listed(world: World) -> None:
    world.sferum.accounts[0].friends = {"77": "Ольга Выдумкина"}
    assert "личный" not in (await listed(world)).body
