"""The connector and the stand-in: two readings of VK's public descriptions, made to meet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.content import Content, Draft
from sferum_bridge.network.vk import VkNetwork, VkSettings
from tests.support.vk_school import VERSIONS, Ear

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.standin import StandIn
    from tests.support.vk_school import VkSchool

pytest_plugins = ["tests.support.standin", "tests.support.vk_school"]

every_version = pytest.mark.parametrize("vk_school", VERSIONS, ids=str, indirect=True)


async def test_log_in_names_the_educational_profile(vk_school: VkSchool) -> None:
    session = await vk_school.network.log_in(f"remixdsid={vk_school.anna.cookie}")
    assert session.account_id == str(vk_school.anna.user_id) == vk_school.connector.account_id
    assert (session.name, session.secret) == ("Анна Вымышленная", vk_school.anna.cookie)
    with pytest.raises(LoginExpired):
        await vk_school.network.log_in("vk1.a.of-nobody")
    await vk_school.control.log_out(vk_school.anna.user_id)
    with pytest.raises(LoginExpired):
        await vk_school.network.connect(vk_school.anna.cookie)


async def test_chats_and_contacts(vk_school: VkSchool) -> None:
    await vk_school.control.post_to_user(vk_school.boris.user_id, vk_school.anna.user_id, "лично")
    found = {chat.id: chat for chat in await vk_school.connector.chats()}
    boris = str(vk_school.boris.user_id)
    assert (found[vk_school.chat_id].title, found[vk_school.chat_id].is_group) == ("7 «А»", True)
    assert found[vk_school.chat_id].member_count == 2
    assert (found[boris].title, found[boris].is_group) == ("Борис Придуманный", False)
    contacts = await vk_school.connector.contacts([boris, "987654321"])
    assert [contact.name for contact in contacts] == ["Борис Придуманный"]


@every_version
async def test_what_is_sent_and_heard_is_what_was_written(vk_school: VkSchool) -> None:
    text = 'a <b> &amp; "c"\nВторая строка 👩‍🏫'
    async with Ear(vk_school.connector).open() as ear:
        cmid = await vk_school.boris_writes(text)
        sent = await vk_school.connector.send(
            vk_school.chat_id, Draft(text), random_id=-77, reply_to=str(cmid)
        )
        await ear.until(lambda: len(ear.heard) == 2)
    assert sent.chat_id == vk_school.chat_id
    theirs = ear.heard[vk_school.chat_id, str(cmid)]
    own = ear.heard[sent.chat_id, sent.message_id]
    assert (theirs.content, theirs.sender_id) == (Content(text), str(vk_school.boris.user_id))
    assert (theirs.outgoing, theirs.random_id) == (False, 0)
    assert (own.content, own.sender_id) == (Content(text), vk_school.connector.account_id)
    assert (own.outgoing, own.random_id, own.reply_to) == (True, -77, str(cmid))


@every_version
async def test_a_dialogue_has_the_other_person_as_its_chat(vk_school: VkSchool) -> None:
    boris = str(vk_school.boris.user_id)
    async with Ear(vk_school.connector).open() as ear:
        await vk_school.control.post_to_user(
            vk_school.boris.user_id, vk_school.anna.user_id, "лично"
        )
        await vk_school.connector.send(boris, Draft("и тебе"), random_id=5)
        await ear.until(lambda: len(ear.heard) == 2)
    assert [(e.chat_id, e.sender_id, e.content.text) for e in ear.heard.values()] == [
        (boris, boris, "лично"),
        (boris, vk_school.connector.account_id, "и тебе"),
    ]


async def test_the_same_random_id_is_sent_once(vk_school: VkSchool) -> None:
    first = await vk_school.connector.send(vk_school.chat_id, Draft("раз"), random_id=9)
    again = await vk_school.connector.send(vk_school.chat_id, Draft("раз"), random_id=9)
    await vk_school.control.fault("messages.send", "cut_after")
    with pytest.raises(Unavailable) as caught:
        await vk_school.connector.send(vk_school.chat_id, Draft("два"), random_id=10)
    assert not caught.value.certain
    await vk_school.connector.send(vk_school.chat_id, Draft("два"), random_id=10)
    assert first == again
    written = await vk_school.control.messages(vk_school.chat.chat)
    assert [message["text"] for message in written if message["text"]] == ["раз", "два"]


async def test_a_change_whose_answer_was_lost_is_made_again_without_harm(
    vk_school: VkSchool,
) -> None:
    connector, chat_id = vk_school.connector, vk_school.chat_id
    sent = await connector.send(chat_id, Draft("раз"), random_id=11)
    changes: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("messages.edit", lambda: connector.edit(chat_id, sent.message_id, Draft("два"))),
        ("messages.sendReaction", lambda: connector.react(chat_id, sent.message_id, "👍")),
        ("messages.deleteReaction", lambda: connector.react(chat_id, sent.message_id, "")),
        ("messages.delete", lambda: connector.delete(chat_id, [sent.message_id])),
    ]
    for method, change in changes:
        await vk_school.control.fault(method, "cut_after")
        with pytest.raises(Unavailable):
            await change()
        for _ in range(2):
            await change()
    own = [m for m in await vk_school.control.messages(vk_school.chat.chat) if m["text"]]
    assert [(m["text"], m["deleted"]) for m in own] == [("два", True)]


@every_version
async def test_keys_positions_and_tokens_may_die_at_any_time(vk_school: VkSchool) -> None:
    anna = vk_school.anna.user_id
    async with Ear(vk_school.connector).open() as ear:
        await vk_school.boris_writes("0")
        await vk_school.control.expire_keys(anna)
        await vk_school.boris_writes("1")
        await vk_school.control.expire_keys(anna, lost=True)
        await vk_school.boris_writes("2")
        await vk_school.control.expire_tokens(anna)
        await vk_school.control.expire_keys(anna)
        await vk_school.boris_writes("3")
        await vk_school.control.fault("longpoll", "error", code=3)
        await vk_school.boris_writes("4")
        await vk_school.control.fault("longpoll", "duplicate")
        await vk_school.boris_writes("5")
        await vk_school.control.fault("longpoll", "cut", times=3)
        await vk_school.control.fault("messages.getLongPollServer", "http", code=502)
        await vk_school.boris_writes("6")
        await ear.until(lambda: len(ear.heard) == 7)
    assert ear.texts() == [str(number) for number in range(7)]
    assert {type(error) for error in ear.errors} <= {Unavailable}


@every_version
async def test_what_was_written_while_away_is_heard_in_order(vk_school: VkSchool) -> None:
    async with Ear(vk_school.connector).open() as ear:
        pass
    for number in range(450):  # three pages of history, and more than a long poll looks back
        await vk_school.boris_writes(str(number))
    async with ear.open():
        await ear.until(lambda: len(ear.heard) == 450)
    assert ear.texts() == [str(number) for number in range(450)]
    assert ear.repeated == 0


async def test_a_killed_and_restarted_messenger_costs_nothing(vk_school: VkSchool) -> None:
    async with Ear(vk_school.connector).open() as ear:
        await vk_school.boris_writes("до")
        await ear.until(lambda: len(ear.heard) == 1)
        await vk_school.standin.kill()
        with pytest.raises(Unavailable):
            await vk_school.connector.send(vk_school.chat_id, Draft("в никуда"), random_id=3)
        await vk_school.standin.start()
        await vk_school.boris_writes("после")
        await vk_school.connector.send(vk_school.chat_id, Draft("в никуда"), random_id=3)
        await ear.until(lambda: len(ear.heard) == 3)
    assert ear.texts() == ["до", "после", "в никуда"]


async def test_errors_say_what_to_do(vk_school: VkSchool) -> None:
    async def send() -> None:
        await vk_school.connector.send(vk_school.chat_id, Draft("x"), random_id=1)

    cases: list[tuple[int, type[NetworkError]]] = [
        (6, TooFast), (9, TooFast), (10, Unavailable), (14, NeedsPerson), (901, Refused),
    ]  # fmt: skip
    for code, kind in cases:
        await vk_school.control.fault("messages.send", "error", code=code)
        with pytest.raises(kind):
            await send()
    with pytest.raises(Refused):
        await vk_school.connector.send(vk_school.chat_id, Draft("x" * 9001), random_id=2)
    with pytest.raises(Refused):
        await vk_school.connector.send("2000009999", Draft("x"), random_id=2)
    await send()
    await vk_school.control.log_out(vk_school.anna.user_id)
    await vk_school.control.expire_tokens()
    with pytest.raises(LoginExpired):
        await send()


async def test_the_pace_stays_under_the_messengers_limit(standin: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    folder.mkdir()
    # Not imported: pytest loads the fixtures' module itself, after this one.
    async with type(standin)(folder, "--calls-per-second", "3") as strict:
        anna = await strict.control.add_user("Анна", "Вымышленная")
        network = VkNetwork(VkSettings(api_url=strict.url, web_url=strict.url))
        connector = await network.connect(anna.cookie)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(connector.contacts([connector.account_id]))
        counted = await strict.control.counters()
        await network.close()
    assert counted["seen"]["users.get"] == 8
    assert counted["refused"] == {}


async def test_a_call_is_started_and_ended(vk_school: VkSchool) -> None:
    call = await vk_school.connector.start_call()
    assert call.join_url.startswith("https://vk.com/call/join/")
    await vk_school.connector.end_call(call.id)
    with pytest.raises(Refused):
        await vk_school.connector.end_call(call.id)
