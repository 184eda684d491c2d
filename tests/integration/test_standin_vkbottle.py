"""A client library that others wrote talks to the stand-in: vkbottle, API and long poll."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.certificates import throwaway_certificate
from tests.support.standin import (
    APP_ID,
    Served,
    StandIn,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.standin.client import Person

vkbottle = pytest.importorskip("vkbottle")
vkbottle_http = pytest.importorskip("vkbottle.http")
vkbottle_polling = pytest.importorskip("vkbottle.polling")


@asynccontextmanager
async def client(
    served: Served, person: Person, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Any]:
    """Give vkbottle's API object, logged in by the person's cookie."""
    connector = aiohttp.TCPConnector(ssl=trust or True)
    async with aiohttp.ClientSession(connector=connector) as session:
        query = {"act": "web_token", "app_id": APP_ID}
        headers = {"Cookie": f"remixdsid={person.cookie}"}
        async with session.get(f"{served.url}/", params=query, headers=headers) as response:
            answer = await response.json()
        (token,) = (e["access_token"] for e in answer if e["user_id"] == person.user_id)
        api = vkbottle.API(token, http_client=vkbottle_http.AiohttpClient(session=session))
        api.API_URL = f"{served.url}/method/"
        yield api


async def test_a_conversation(served: Served) -> None:
    control = served.control
    teacher = await control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await control.add_user("Пётр", "Придуманный")
    async with client(served, teacher) as hers, client(served, pupil) as his:
        chat = await hers.messages.create_chat(user_ids=[pupil.user_id], title="5А, математика")
        peer_id = 2_000_000_000 + chat.chat_id
        first = await hers.messages.send(peer_id=peer_id, random_id=11, message="Доброе утро")
        again = await hers.messages.send(peer_id=peer_id, random_id=11, message="Доброе утро")
        assert first == again
        dialogs = await his.messages.get_conversations(extended=True)
        (item,) = dialogs.items
        assert item.conversation.chat_settings.title == "5А, математика"
        assert item.conversation.unread_count == 2
        assert item.last_message.text == "Доброе утро"
        await his.messages.mark_as_read(peer_id=peer_id)
        reply = await his.messages.send(
            peer_id=peer_id, random_id=12, message="Здравствуйте", reply_to=item.last_message.id
        )
        history = await hers.messages.get_history(peer_id=peer_id)
        assert [message.text for message in history.items] == ["Здравствуйте", "Доброе утро", ""]
        assert history.items[0].reply_message.text == "Доброе утро"
        assert history.items[2].action.type.value == "chat_create"
        await his.messages.edit(peer_id=peer_id, message_id=reply, message="Здравствуйте!")
        found = await his.messages.get_by_id(message_ids=[reply])
        assert found.items[0].text == "Здравствуйте!"
        assert found.items[0].update_time
        members = await hers.messages.get_conversation_members(peer_id=peer_id)
        assert {member.member_id for member in members.items} == {teacher.user_id, pupil.user_id}


async def test_people_and_errors(served: Served) -> None:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    async with client(served, teacher) as api:
        (me,) = await api.users.get()
        assert (me.id, me.first_name) == (teacher.user_id, "Анна")
        profile = await api.account.get_profile_info()
        assert profile.last_name == "Вымышленная"
        with pytest.raises(vkbottle.VKAPIError[917]):
            await api.messages.get_history(peer_id=2_000_000_777)


@pytest.mark.parametrize("version", [3, 10, 19])
async def test_the_long_poll_of_the_library(tmp_path: Path, version: int) -> None:
    certificate, key = throwaway_certificate(tmp_path, "127.0.0.1")
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    trust = ssl.create_default_context(cafile=str(certificate))
    standin = StandIn(tmp_path, "--calls-per-second", "0", *options)
    standin.trust(trust)
    async with standin:
        teacher = await standin.control.add_user("Анна", "Вымышленная", role="teacher")
        pupil = await standin.control.add_user("Пётр", "Придуманный")
        chat = await standin.control.add_chat("5А", teacher.user_id, [pupil.user_id])
        async with client(standin.served, teacher, trust) as api:
            polling = vkbottle_polling.UserPolling(api, wait=20, lp_version=version)
            batches = polling.listen()
            waiting = asyncio.ensure_future(anext(batches))
            await standin.polled()
            await standin.control.post(pupil.user_id, chat.chat, "2 < 3\nи всё")
            async with asyncio.timeout(10):
                batch = await waiting
            code, text_at = (10004, 6) if version > 10 else (4, 5)
            (update,) = batch["updates"]
            assert update[0] == code
            assert update[text_at] == "2 &lt; 3<br>и всё"
            assert update[text_at + 1]["from"] == str(pupil.user_id)
            await batches.aclose()
