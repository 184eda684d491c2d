"""What people learn about themselves, outsiders, rooms, and whatever else may be sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import accounts, dialogues, rooms
from tests.support.bot import (
    ADMIN,
    BOT,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


async def test_outsiders_always_get_the_same(world: World) -> None:
    await world.invite()
    contents = []
    for said in ("!invite", "мои дети", "привет", "кто я", "confirm", "да", "5А", "help", "…", ""):
        [answer] = await world.write(STRANGER, said)
        contents.append(answer.content)
    assert all(content == contents[0] for content in contents)
    assert "pomoshch@school.example" in contents[0]["body"]


async def test_who_am_i(world: World) -> None:
    [answer] = await world.write(TEACHER, "Кто я?")
    for fact in ("Анна Небывалова", TEACHER, "классный руководитель: 5А", "9Б, алгебра"):
        assert fact in answer.body
    [answer] = await world.write(ADMIN, "whoami")
    assert "you administer the school" in answer.body
    [answer] = await world.write(MOTHER, "кто я")
    assert "нет роли" in answer.body


async def test_why_in_a_room_is_answered_in_the_direct_chat(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    async with world.db.write() as tx:
        for kind, room_id in ((Kind.PARENTS, "!parents"), (Kind.PUPILS, "!pupils")):
            room_key = key(kind, world.ids["5А"])
            await rooms.intend(tx, room_key, world.ids["school"], kind.value)
            await rooms.created(tx, room_key, room_id)
    [answer] = await world.write(MOTHER, "!почему", room="!parents")
    assert (answer.to, answer.room) == (MOTHER, "")
    assert "«5А · родители»" in answer.body
    assert "вы родитель: Ася, 5А" in answer.body
    [answer] = await world.write(MOTHER, "!why", room="!pupils")
    assert answer.body == world.text("why-not", "en")
    [answer] = await world.write(TEACHER, "!why", room="!parents")
    assert "you are the class teacher: 5А" in answer.body
    assert "алгебра" not in answer.body
    [answer] = await world.write(TEACHER, "почему")
    assert "алгебра" in answer.body


async def test_why_of_a_room_that_is_named(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    async with world.db.write() as tx:
        for kind in (Kind.PARENTS, Kind.PUPILS):
            room_key = key(kind, world.ids["5А"])
            await rooms.intend(tx, room_key, world.ids["school"], kind.value)
            await rooms.created(tx, room_key, f"!{kind.value}-room")
    link = "https://matrix.to/#/!parents-room?via=school.example"
    links = (link, link.replace("!", "%21"))
    for named in ("5А · родители", "5а · Родители", "!parents-room", *links):
        [answer] = await world.write(MOTHER, f"почему {named}")
        assert "вы родитель: Ася, 5А" in answer.body, named
    # Where she has no place and what there is not are answered alike.
    refused = [await world.write(MOTHER, f"почему {it}") for it in ("5А · ученики", "!nowhere")]
    assert [said.body for [said] in refused] == [world.text("why-not")] * 2


async def test_who_may_search_whom(world: World) -> None:
    [found] = await world.write(ADMIN, "найти Выдумкин")
    assert "Фома Выдумкин" in found.body
    assert "Ася" not in found.body, "half a surname is another surname"
    [found] = await world.write(ADMIN, "найти 5a")
    assert "Ася Выдумкина" in found.body
    [found] = await world.write(TEACHER, "найти Фома")
    assert found.body == world.text("find-nobody"), "9Б is not her class"
    [found] = await world.write(TEACHER, "найти ВЫДУМКИНА ася")
    assert "Ася Выдумкина" in found.body
    for mxid in (PUPIL, MOTHER):
        [answer] = await world.write(mxid, "найти Фома")
        assert "Фома" not in answer.body


async def test_namesakes_are_numbered_and_never_guessed(world: World) -> None:
    async with world.db.write() as tx:
        for number in (1, 2):
            world.ids[f"twin{number}"] = await accounts.add_person(tx, "Сказочный", "Лев")
            await assign(tx, world.ids, f"twin{number}", "enrolment", class_id=world.ids["5А"])
    [found] = await world.write(ADMIN, "найти Лев Сказочный")
    assert "Лев Сказочный (1)" in found.body
    assert "Лев Сказочный (2)" in found.body


@pytest.mark.parametrize(
    ("mxid", "fact"),
    [
        (PUPIL, "пригласить"),
        (TEACHER, "одобрить"),
        (ADMIN, "одобрить"),
        (MOTHER, "пришлите код"),
    ],
)
async def test_help_is_by_role(world: World, mxid: str, fact: str) -> None:
    [answer] = await world.write(mxid, "Помощь")
    assert fact in answer.body


async def test_a_chosen_language_stays(world: World) -> None:
    [answer] = await world.write(PUPIL, "язык en")
    assert answer.body == world.text("language-done", "en")
    [answer] = await world.write(PUPIL, "мои родители")
    assert answer.body == world.text("parents-none", "en")
    [answer] = await world.write(PUPIL, "language русский")
    assert answer.body == world.text("language-done", "ru")


async def test_lists_that_are_empty_say_what_to_do(world: World) -> None:
    [answer] = await world.write(MOTHER, "мои дети")
    assert answer.body == world.text("children-none")
    [answer] = await world.write(TEACHER, "мои родители")
    assert answer.body == world.text("parents-not-a-pupil")
    [answer] = await world.write(PUPIL, "что-то непонятное")
    assert answer.body == world.text("not-understood")


# --- rooms ----------------------------------------------------------------------------------


def invite(**content: Any) -> dict[str, Any]:
    return {"membership": "invite", **content}


async def test_an_invite_to_a_direct_chat_is_taken_and_greeted(world: World) -> None:
    said = await world.send(
        PUPIL, "m.room.member", invite(is_direct=True), room="!new", state_key=BOT
    )
    assert world.joined == ["!new"]
    assert [(s.to, s.room) for s in said] == [(PUPIL, "!new")]
    assert "Здравствуйте, Ася!" in said[0].body
    async with world.db.read() as tx:
        assert await dialogues.person_in(tx, "!new") == PUPIL
    await world.send(PUPIL, "m.room.member", {"membership": "leave"}, room="!new", state_key=PUPIL)
    async with world.db.read() as tx:
        assert await dialogues.person_in(tx, "!new") == ""


async def test_an_invite_to_a_group_opens_a_direct_chat_instead(world: World) -> None:
    state = [{"type": "m.room.name", "content": {"name": "Наши"}}]
    said = await world.send(
        PUPIL,
        "m.room.member",
        invite(),
        room="!group",
        state_key=BOT,
        unsigned={"invite_room_state": state},
    )
    assert world.joined == []
    assert [(s.to, s.room) for s in said] == [(PUPIL, "")]


async def test_an_outsiders_invite_is_answered_like_everything_else(world: World) -> None:
    said = await world.send(STRANGER, "m.room.member", invite(), room="!s", state_key=BOT)
    [other] = await world.write(STRANGER, "кто я")
    assert said[0].content == other.content


async def test_with_a_third_person_a_direct_chat_is_none_any_more(world: World) -> None:
    await world.write(PUPIL, "кто я")
    room = f"!direct-{PUPIL}"
    third = {"membership": "invite"}
    await world.send(PUPIL, "m.room.member", third, room=room, state_key=STRANGER)
    said = await world.write(PUPIL, "!мои родители", room=room)
    assert [(s.to, s.room) for s in said] == [(PUPIL, "")]
    assert await world.write(PUPIL, "мои родители", room=room) == []


async def test_an_encrypted_chat_is_explained_once(world: World) -> None:
    first = await world.send(PUPIL, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"})
    second = await world.send(PUPIL, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"})
    assert [s.body for s in first] == [world.text("encrypted", bot=BOT)]
    assert second == []
    assert await world.send(PUPIL, "m.room.encrypted", {}, room="!elsewhere") == []


async def test_the_bot_ghosts_and_other_bots_are_ignored(world: World) -> None:
    for mxid in (BOT, "@sferum_42:school.example"):
        assert await world.write(mxid, "!help") == []
    notice = {"msgtype": "m.notice", "body": "!help"}
    assert await world.send(PUPIL, "m.room.message", notice) == []


async def test_talk_in_a_room_is_not_for_the_bot(world: World) -> None:
    for text in ("привет всем", "!важно: завтра контрольная", "почему так", "да", "👍"):
        assert await world.write(PUPIL, text, room="!class") == []


# --- whatever else --------------------------------------------------------------------------


async def test_a_failure_is_said_kindly_and_logged_without_words(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    # A class whose school vanished: nothing the bot can do, and nothing it may repeat.
    async with world.db.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE schools SET timezone = 'Nowhere/Secretville'")
    with caplog.at_level(logging.DEBUG, logger="sferum_bridge"):
        [answer] = await world.write(PUPIL, "пригласить секрет")
        [answer] = await world.write(PUPIL, "пригласить")
    assert answer.body == world.text("failed", contact="pomoshch@school.example")
    assert "ZoneInfoNotFoundError" in caplog.text
    assert "Secretville" not in caplog.text
    assert "пригласить" not in caplog.text


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "msgtype": st.sampled_from(["m.text", "m.image"]) | json_values,
        "body": st.text() | json_values,
        "membership": st.sampled_from(["invite", "join", "leave", "knock"]) | json_values,
        "m.relates_to": json_values
        | st.fixed_dictionaries({"rel_type": st.just("m.replace"), "event_id": json_values}),
        "m.new_content": json_values,
    },
)
events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["m.room.message", "m.reaction", "m.room.member", "m.room.encrypted"]
        )
        | json_values,
        "sender": st.sampled_from([PUPIL, STRANGER, TEACHER, ""]) | json_values,
        "room_id": st.sampled_from([f"!direct-{PUPIL}", "!x"]) | json_values,
        "content": contents | json_values,
        "state_key": st.sampled_from([BOT, PUPIL]) | json_values,
        "unsigned": json_values,
    },
)


async def test_no_event_makes_the_bot_stumble(caplog: Any) -> None:
    async with a_world() as world:
        await world.write(PUPIL, "кто я")
        sent: list[Any] = []

        @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
        @given(event=events | json_values)
        def collect(event: Any) -> None:
            sent.append(event)

        collect()
        for number, event in enumerate(sent):
            await world.arrive(event, f"$odd-{number}")
        assert "failed" not in caplog.text


async def test_no_words_make_the_bot_stumble(caplog: Any) -> None:
    async with a_world() as world:
        said: list[str] = []
        words = st.sampled_from(["одобрить", "confirm", "язык", "почему", "/i/", "!", "0000-"])
        sentences = st.lists(words | st.text(max_size=30), max_size=9).map(" ".join)

        @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
        @given(text=sentences)
        def collect(text: str) -> None:
            said.append(text)

        collect()
        for text in said:
            await world.write(PUPIL, text)
        assert "failed" not in caplog.text
