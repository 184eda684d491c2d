"""What the stand-in remembers and allows: sending once, editing, history, restarts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.standin import (
    ApiRefused,
    Caller,
    Served,
    StandIn,
    running_standin,  # noqa: F401 - the fixture `standin`
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from pathlib import Path


async def texts(served: Served, chat: int) -> list[str]:
    """Return what stands in a chat, service messages left out."""
    found = await served.control.messages(chat)
    return [m["text"] for m in found if not m["action"] and not m["deleted"]]


async def test_a_repeated_random_id_gives_the_first_message(served: Served) -> None:
    person = await served.control.add_user("Анна", "Вымышленная")
    chat = await served.control.add_chat("5А", person.user_id)
    other = await served.control.add_chat("5Б", person.user_id)
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        params = {"peer_id": chat.peer_id, "random_id": -5, "message": "один раз"}
        first = await caller.call("messages.send", **params)
        assert set(first) == {"cmid", "message_id"}
        assert await caller.call("messages.send", **params) == first
        assert await caller.call("messages.send", v="5.199", **params) == first["message_id"]
        elsewhere = await caller.call("messages.send", **{**params, "peer_id": other.peer_id})
        assert elsewhere != first
        for _ in range(2):
            await caller.call("messages.send", **{**params, "random_id": 0, "message": "много"})
    assert await texts(served, chat.chat) == ["один раз", "много", "много"]


async def test_a_random_id_is_forgotten_in_time(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--repeat-seconds", "1")
    async with StandIn(tmp_path, *options) as standin, Caller(standin.url) as caller:
        person = await standin.control.add_user("Анна", "Вымышленная")
        chat = await standin.control.add_chat("5А", person.user_id)
        await caller.log_in(person)
        params = {"peer_id": chat.peer_id, "random_id": 9, "message": "опять"}
        first = await caller.call("messages.send", **params)
        await asyncio.sleep(2.1)
        assert await caller.call("messages.send", **params) != first


async def test_a_cut_after_the_effect_is_healed_by_the_random_id(served: Served) -> None:
    person = await served.control.add_user("Анна", "Вымышленная")
    chat = await served.control.add_chat("5А", person.user_id)
    await served.control.fault("messages.send", "cut_after")
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        params = {"peer_id": chat.peer_id, "random_id": 1, "message": "ровно раз"}
        with pytest.raises(aiohttp.ClientConnectionError):
            await caller.call("messages.send", **params)
        await caller.call("messages.send", **params)
    assert await texts(served, chat.chat) == ["ровно раз"]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_restart_keeps_everything(tmp_path: Path, end: str) -> None:
    standin = StandIn(tmp_path, "--calls-per-second", "0")
    async with standin, Caller(standin.url) as hers, Caller(standin.url) as his:
        teacher = await standin.control.add_user("Анна", "Вымышленная", role="teacher")
        pupil = await standin.control.add_user("Пётр", "Придуманный")
        chat = await standin.control.add_chat("5А", teacher.user_id, [pupil.user_id])
        await hers.log_in(teacher)
        await his.log_in(pupil)
        where = await his.call("messages.getLongPollServer", need_pts=1)
        params = {"peer_id": chat.peer_id, "random_id": 3, "message": "до остановки"}
        sent = await hers.call("messages.send", **params)
        url = standin.url
        if end == "stop":
            assert await standin.stop() == 0
        else:
            await standin.kill()
        assert not standin.running
        await standin.start()
        assert standin.url == url
        assert await hers.call("messages.send", **params) == sent
        batch = await his.poll(where)
        assert [update[6] for update in batch["updates"]] == ["до остановки"]
        assert await texts(standin.served, chat.chat) == ["до остановки"]
        assert "error" not in await his.web_token(pupil.cookie)


async def test_a_stop_answers_the_polls_that_wait(tmp_path: Path) -> None:
    standin = StandIn(tmp_path)
    async with standin, Caller(standin.url) as caller:
        await caller.log_in(await standin.control.add_user("Анна", "Вымышленная"))
        where = await caller.call("messages.getLongPollServer")
        waiting = asyncio.ensure_future(caller.poll(where))
        await standin.polled()
        async with asyncio.timeout(5):
            assert await standin.stop() == 0
            assert (await waiting)["updates"] == []


async def test_limits_of_sending(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--text-limit", "10", "--change-seconds", "0")
    async with StandIn(tmp_path, *options) as standin, Caller(standin.url) as caller:
        person = await standin.control.add_user("Анна", "Вымышленная")
        guest = await standin.control.add_user("Гость", "Небывалый")
        chat = await standin.control.add_chat("5А", guest.user_id, [person.user_id])
        await caller.log_in(person)
        sending = {"peer_id": chat.peer_id, "random_id": 0}

        async def code(method: str, **params: Any) -> int:
            with pytest.raises(ApiRefused) as refused:
                await caller.call(method, **params)
            return int(refused.value.code)

        assert await code("messages.send", **sending, message="м" * 11) == 914
        assert await code("messages.send", **sending, message="") == 100
        assert await code("messages.send", **sending, message="м", attachment="photo1_1") == 100
        sent = await caller.call("messages.send", **sending, message="м")
        foreign = await standin.control.post(guest.user_id, chat.chat, "чужое")
        await asyncio.sleep(1.1)
        named = {"peer_id": chat.peer_id, "cmid": sent["cmid"], "message": "н"}
        assert await code("messages.edit", **named) == 909
        assert await code("messages.edit", **{**named, "cmid": foreign}) == 15
        assert await code("messages.edit", **{**named, "cmid": 1}) == 920
        (refused,) = await caller.call(
            "messages.delete", peer_id=chat.peer_id, cmids=sent["cmid"], delete_for_all=1
        )
        assert refused["error"]["code"] == 924
        await standin.control.change_chat(chat.chat, writing_disabled=True)
        assert await code("messages.send", **sending, message="м") == 1012
        kick = {"chat_id": chat.chat, "member_id": guest.user_id}
        assert await code("messages.removeChatUser", **kick) == 925
        await caller.call("messages.removeChatUser", **{**kick, "member_id": person.user_id})
        assert await code("messages.send", **sending, message="м") == 922


async def test_history_from_both_ends(served: Served) -> None:
    person = await served.control.add_user("Анна", "Вымышленная")
    chat = await served.control.add_chat("5А", person.user_id)
    cmids = [await served.control.post(person.user_id, chat.chat, f"{n}") for n in range(6)]
    async with Caller(served.url) as caller:
        await caller.log_in(person)

        async def page(**params: Any) -> list[int]:
            answer = await caller.call("messages.getHistory", peer_id=chat.peer_id, **params)
            assert answer["count"] == 7
            return [item["conversation_message_id"] for item in answer["items"]]

        assert await page(count=2) == cmids[:-3:-1]
        assert await page(count=2, rev=1) == [1, cmids[0]]
        assert await page(count=2, offset=2) == [cmids[3], cmids[2]]
        assert await page(count=3, start_cmid=cmids[2]) == [cmids[2], cmids[1], cmids[0]]
        assert await page(count=3, start_cmid=cmids[2], offset=-2) == cmids[4:1:-1]
        assert await page(count=2, start_cmid=cmids[2], rev=1) == cmids[2:4]
        assert await page(count=1, start_cmid=-1, offset=-1) == [cmids[5]]


async def test_a_dialog_has_its_own_peer_on_each_side(served: Served) -> None:
    control = served.control
    teacher = await control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await control.add_user("Пётр", "Придуманный")
    async with Caller(served.url) as hers, Caller(served.url) as his:
        await hers.log_in(teacher)
        await his.log_in(pupil)
        where = await his.call("messages.getLongPollServer")
        sent = await hers.call(
            "messages.send", peer_id=pupil.user_id, random_id=1, message="Зайди после урока"
        )
        (update,) = (await his.poll(where))["updates"]
        assert (update[2], update[4]) == (1, teacher.user_id)
        assert "from" not in update[7]
        history = await his.call("messages.getHistory", peer_id=teacher.user_id, extended=1)
        assert [item["from_id"] for item in history["items"]] == [teacher.user_id]
        assert history["conversations"][0]["peer"]["id"] == teacher.user_id
        assert sent["cmid"] == history["items"][0]["conversation_message_id"]


async def test_school_fields_come_when_asked_for(served: Served) -> None:
    person = await served.control.add_user(
        "Анна", "Вымышленная", role="teacher", organization="Школа № 0"
    )
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        (plain,) = await caller.call("users.get")
        assert "educational_profile" not in plain
        fields = "profile_type,educational_profile"
        (full,) = await caller.call("users.get", user_ids=person.user_id, fields=fields)
        roles = full["educational_profile"]["edu_roles"]
        assert (full["profile_type"], roles["main_role_code"]) == (2, "teacher")
        assert roles["organizations"][0]["organization_name"] == "Школа № 0"
        (ordinary,) = await caller.call("users.get", user_ids=person.profiles[0], fields=fields)
        assert "educational_profile" not in ordinary


async def test_attachments_are_shown_in_history_and_poll(served: Served) -> None:
    person = await served.control.add_user("Анна", "Вымышленная")
    chat = await served.control.add_chat("5А", person.user_id)
    poll = {"type": "poll", "poll": {"id": 4, "owner_id": 1, "question": "Едем?", "answers": []}}
    async with Caller(served.url) as caller:
        await caller.log_in(person)
        where = await caller.call("messages.getLongPollServer")
        await served.control.post(person.user_id, chat.chat, attachments=[poll])
        (update,) = (await caller.poll(where))["updates"]
        assert (update[8]["attach1_type"], update[8]["attach1"]) == ("poll", "1_4")
        assert json.loads(update[8]["attachments"]) == [poll]
        history = await caller.call("messages.getHistory", peer_id=chat.peer_id, count=1)
        assert history["items"][0]["attachments"] == [poll]


async def test_accounts_may_number_their_chats_on_their_own(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--no-shared-chat-ids")
    async with StandIn(tmp_path, *options) as standin, Caller(standin.url) as caller:
        teacher = await standin.control.add_user("Анна", "Вымышленная")
        pupil = await standin.control.add_user("Пётр", "Придуманный")
        await standin.control.add_chat("Учительская", teacher.user_id)
        chat = await standin.control.add_chat("5А", teacher.user_id, [pupil.user_id])
        assert chat.peers == {teacher.user_id: 2_000_000_002, pupil.user_id: 2_000_000_001}
        await caller.log_in(pupil)
        found = await caller.call("messages.getConversationsById", peer_ids=2_000_000_001)
        assert found["items"][0]["chat_settings"]["title"] == "5А"


async def test_two_processes_do_not_share_a_state_file(standin: StandIn, tmp_path: Path) -> None:
    second = StandIn(tmp_path)
    with pytest.raises(RuntimeError, match="locked"):
        await second.start()
    assert await second.stop() == 1
