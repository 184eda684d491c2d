"""Clients that others wrote hold real conversations with the stand-in: aiovk, vk_api, SferumBridge.

The last two name VK's hosts in their code. They are believed to reach them: every connection of
this process to those hosts is made to the stand-in, which has a certificate for them.
"""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import throwaway_certificate
from tests.support.samples import ogg, png
from tests.support.standin import (
    Caller,
    Served,
    StandIn,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.standin.client import Person

aiovk = pytest.importorskip("aiovk")
aiovk_longpoll = pytest.importorskip("aiovk.longpoll")
vk_api = pytest.importorskip("vk_api")
vk_api_upload = pytest.importorskip("vk_api.upload")
vk_api_longpoll = pytest.importorskip("vk_api.longpoll")
sferum = pytest.importorskip("SferumBridge.sferum_api")
urllib3_connection = pytest.importorskip("urllib3.util.connection")

VK_HOSTS = ("web.vk.me", "api.vk.me", "api.vk.ru", "api.vk.com")


async def token_of(url: str, person: Person) -> str:
    async with Caller(url) as caller:
        return (await caller.log_in(person)).token


@asynccontextmanager
async def vk_is_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandIn]:
    """Run a stand-in that answers at VK's hosts, for `requests` in this process."""
    certificate, key = throwaway_certificate(folder, "127.0.0.1", *VK_HOSTS)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    standin = StandIn(folder, "--calls-per-second", "0", *options)
    standin.trust(ssl.create_default_context(cafile=str(certificate)))
    connect = urllib3_connection.create_connection

    def redirected(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        assert address[0] in VK_HOSTS
        return connect(("127.0.0.1", standin.port), *args, **kwargs)

    monkeypatch.setattr(urllib3_connection, "create_connection", redirected)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "*")
    async with standin:
        yield standin


async def test_aiovk_writes_and_listens(served: Served) -> None:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await served.control.add_user("Пётр", "Придуманный")

    hers = aiovk.TokenSession(await token_of(served.url, teacher))
    his = aiovk.TokenSession(await token_of(served.url, pupil))
    hers.REQUEST_URL = his.REQUEST_URL = f"{served.url}/method/"
    async with hers, his:
        api = aiovk.API(hers)
        listening = aiovk_longpoll.UserLongPoll(his, mode=[2, 32, 128], wait=20)
        listening.use_https = False
        made = await api.messages.createChat(user_ids=pupil.user_id, title="5А")
        peer_id = 2_000_000_000 + made["chat_id"]
        await listening.get_pts()
        sent = await api.messages.send(peer_id=peer_id, message="Доброе <утро>", random_id=1)
        updates = (await listening.wait())["updates"]
        assert [(update[0], update[5]) for update in updates] == [(4, "Доброе &lt;утро&gt;")]
        assert updates[0][6]["from"] == str(teacher.user_id)
        his_api = aiovk.API(his)
        await his_api.messages.send(
            peer_id=peer_id, message="Здравствуйте", random_id=2, reply_to=updates[0][1]
        )
        history = await api.messages.getHistory(peer_id=peer_id)
        assert [item["text"] for item in history["items"]] == ["Здравствуйте", "Доброе <утро>", ""]
        assert history["items"][0]["reply_message"]["id"] == sent
        with pytest.raises(aiovk.exceptions.VkAPIError, match="917"):
            await api.messages.getHistory(peer_id=2_000_000_999)


async def test_vk_api_uploads_writes_and_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with vk_is_here(tmp_path, monkeypatch) as standin:
        teacher = await standin.control.add_user("Анна", "Вымышленная", role="teacher")
        pupil = await standin.control.add_user("Пётр", "Придуманный")
        chat = await standin.control.add_chat("5А", teacher.user_id, [pupil.user_id])
        session = await asyncio.to_thread(logged_in, teacher.cookie)
        cmid = await standin.control.post(pupil.user_id, chat.chat, "Где задание?")
        await asyncio.to_thread(converse, session, chat.peer_id, cmid)
        messages = await standin.control.messages(chat.chat)
        kinds = [one["type"] for one in messages[-1]["attachments"]]
        assert (messages[-1]["text"], kinds) == ("Вот оно", ["photo", "doc", "audio_message"])
        await asyncio.to_thread(hear, session, chat.peer_id)


def logged_in(cookie: str) -> Any:
    """Return vk_api's session with the token of the educational profile."""
    session = vk_api.VkApi()
    answer = session.http.get(
        "https://web.vk.me/?act=web_token&app_id=8202606", cookies={"remixdsid": cookie}, timeout=10
    )
    (token,) = (one["access_token"] for one in answer.json() if one["profile_type"] == 2)
    session.token = {"access_token": token}
    return session


def converse(session: Any, peer_id: int, cmid: int) -> None:
    """Send what vk_api can send: files by their three steps, a reply, a packed call."""
    api = session.get_api()
    upload = vk_api_upload.VkUpload(session)
    (photo,) = upload.photo_messages(named("доска.png", png(800, 600)), peer_id)
    doc = upload.document_message(named("задание.txt", b"1 + 1"), "задание", peer_id=peer_id)["doc"]
    voice = upload.audio_message(named("voice.ogg", ogg(3)), peer_id=peer_id)["audio_message"]
    upload.http.close()
    assert (doc["title"], voice["duration"]) == ("задание", 3)
    attachment = ",".join(
        f"{kind}{one['owner_id']}_{one['id']}"
        for kind, one in (("photo", photo), ("doc", doc), ("doc", voice))
    )
    forward = {"peer_id": peer_id, "conversation_message_ids": [cmid], "is_reply": True}
    params = {"peer_id": peer_id, "random_id": 5, "message": "Вот оно"}
    sent = api.messages.send(**params, attachment=attachment, forward=json.dumps(forward))
    (message,) = api.messages.getById(message_ids=sent)["items"]
    assert message["reply_message"]["text"] == "Где задание?"
    packed = f"return [API.messages.getHistory({json.dumps({'peer_id': peer_id})})];"
    assert api.execute(code=packed)[0]["count"] == 3


def hear(session: Any, peer_id: int) -> None:
    """Listen with vk_api's own long poll, which reads the old form of the events."""
    kinds = vk_api_longpoll.VkEventType
    listening = vk_api_longpoll.VkLongPoll(session, wait=5)
    api = session.get_api()
    sent = api.messages.send(peer_id=peer_id, random_id=6, message="2 < 3\nи всё")
    (new,) = listening.check()
    assert (new.type, new.message_id, new.text) == (kinds.MESSAGE_NEW, sent, "2 &lt; 3\nи всё")
    assert (new.from_me, new.from_chat, new.peer_id, new.random_id) == (True, True, peer_id, 6)
    api.messages.edit(peer_id=peer_id, message_id=sent, message="2 < 4")
    (edit,) = listening.check()
    assert (edit.type, edit.message_id, edit.text) == (kinds.MESSAGE_EDIT, sent, "2 &lt; 4")
    api.messages.delete(message_ids=sent, delete_for_all=1)
    (gone,) = listening.check()
    assert (gone.type, gone.message_id) == (kinds.MESSAGE_FLAGS_SET, sent)
    assert gone.mask == 128 + 131072
    listening.session.close()
    session.http.close()


def named(name: str, data: bytes) -> io.BytesIO:
    stream = io.BytesIO(data)
    stream.name = name
    return stream


async def test_sferumbridge_talks_as_the_web_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with vk_is_here(tmp_path, monkeypatch) as standin:
        teacher = await standin.control.add_user("Анна", "Вымышленная", role="teacher")
        chat = await standin.control.add_chat("5А", teacher.user_id)
        asked = await standin.control.post(teacher.user_id, chat.chat, "Кто дежурный?")

        def talk() -> tuple[Any, Any, Any]:
            api = sferum.SferumAPI(teacher.cookie)
            assert api.user["user_id"] == teacher.user_id
            sent = api.send_message(chat.peer_id, "*Я* и _ты_", asked, format=True)
            history = api.get_history(chat.peer_id, 20)
            code = f'return API.messages.getHistory({{"peer_id":{chat.peer_id}}});'
            return sent, history, api.execute(code)

        sent, history, executed = await asyncio.to_thread(talk)
        assert set(sent) == {"cmid", "message_id"}
        last = history["items"][-1]
        assert last["conversation_message_id"] == sent["cmid"]
        assert last["reply_message"]["text"] == "Кто дежурный?"
        assert last["text"] == "Я и ты"
        assert last["format_data"]["items"][0] == {"type": "bold", "offset": 0, "length": 1}
        roles = history["profiles"][0]["educational_profile"]["edu_roles"]
        assert roles["main_role_code"] == "teacher"
        assert executed["count"] == 3
