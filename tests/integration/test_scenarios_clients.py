"""Any client: what people's clients do by themselves does not keep the bot from answering."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENCRYPTION = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def test_a_direct_chat_of_a_client_that_encrypts_every_direct_chat(town: Town) -> None:
    person = await town.outsider()
    content = {
        "preset": "trusted_private_chat",
        "visibility": "private",
        "is_direct": True,
        "invite": [BOT],
        "initial_state": [{**ENCRYPTION, "state_key": ""}],
    }
    status, answer = await person.client.call("POST", "createRoom", content)
    assert status == 200, answer
    person.chat = str(answer["room_id"])
    status, answer = await person.client.call("GET", f"rooms/{person.chat}/state/m.room.encryption")
    assert (status, answer["errcode"]) == (404, "M_NOT_FOUND"), "the chat is not encrypted"

    async def bot_is_in() -> bool:
        _, members = await person.client.call("GET", f"rooms/{person.chat}/joined_members")
        return BOT in members.get("joined", {})

    await until(bot_is_in)
    assert "помощник" in (await person.say("помощь"))[-1].body


async def test_a_room_that_was_encrypted_later_is_explained_once(town: Town) -> None:
    person = await town.outsider()
    status, answer = await person.client.call(
        "PUT", f"rooms/{person.chat}/state/m.room.encryption/", ENCRYPTION["content"]
    )
    assert status == 200, answer
    secret = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEnAC", "session_id": "x"}
    for number in range(2):
        where = f"rooms/{person.chat}/send/m.room.encrypted/{number}"
        status, answer = await person.client.call("PUT", where, secret)
        assert status == 200, answer
        await town.worked_off(str(answer["event_id"]))
    [told] = await person.news()
    assert "зашифрован" in told.body
    assert BOT in told.body


async def test_replies_and_edits_of_a_mistyped_command(town: Town) -> None:
    pupil = await town.pupil("Пётр", "Кузнечиков")
    mistyped = await pupil.client.say(pupil.chat, "мои радители")
    await town.worked_off(mistyped)
    [confused] = await pupil.news()
    assert "понимаю только команды" in confused.body
    edited = {
        "m.new_content": {"msgtype": "m.text", "body": "мои родители"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": mistyped},
    }
    [answer] = await pupil.say("* мои родители", **edited)
    assert "пригласить" in answer.body
    relation = {"m.relates_to": {"m.in_reply_to": {"event_id": confused.event_id}}}
    quoted = f"> <{BOT}> {confused.body}\n\nкто я"
    [answer] = await pupil.say(quoted, **relation)
    assert "Пётр Кузнечиков" in answer.body
    html = {"format": "org.matrix.custom.html", "formatted_body": "<p><b>кто</b> я</p>"}
    [answer] = await pupil.say("кто я", **html)
    assert pupil.mxid in answer.body
