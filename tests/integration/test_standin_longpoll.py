"""The stand-in's long poll, asked as the public descriptions say."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from tests.support.standin import (
    ApiRefused,
    Caller,
    Served,
    StandIn,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.standin.client import Chat, Person

INCOMING_IN_CHAT = 1 + 8192
OUTGOING_IN_CHAT = 2 + 8192


class School(NamedTuple):
    """Two people who share a chat, each with a client."""

    standin: Served
    teacher: Person
    pupil: Person
    chat: Chat
    hers: Caller
    his: Caller


@pytest_asyncio.fixture
async def school(served: Served) -> AsyncIterator[School]:
    async with Caller(served.url) as hers, Caller(served.url) as his:
        yield await make_school(served, hers, his)


async def make_school(standin: Served, hers: Caller, his: Caller) -> School:
    teacher = await standin.control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await standin.control.add_user("Пётр", "Придуманный")
    # So that the two do not count their messages alike.
    await standin.control.post_to_user(teacher.user_id, teacher.user_id, "заметка")
    chat = await standin.control.add_chat("5А", teacher.user_id, [pupil.user_id])
    await hers.log_in(teacher)
    await his.log_in(pupil)
    return School(standin, teacher, pupil, chat, hers, his)


async def server(caller: Caller) -> dict[str, Any]:
    return dict(await caller.call("messages.getLongPollServer", need_pts=1, lp_version=19))


async def say(caller: Caller, school: School, text: str, **params: Any) -> dict[str, int]:
    peer_id = school.chat.peer_id
    given = {"random_id": 0, "message": text, **params}
    return dict(await caller.call("messages.send", peer_id=peer_id, **given))


async def test_a_poll_is_held_until_something_happens(school: School) -> None:
    where = await server(school.his)
    waiting = asyncio.ensure_future(school.his.poll(where))
    await school.standin.polled()
    assert not waiting.done()
    sent = await say(school.hers, school, "Урок перенесён")
    batch = await asyncio.wait_for(waiting, 5)
    assert [update[1] for update in batch["updates"]] == [sent["cmid"]]
    assert batch["ts"] > where["ts"]
    assert batch["pts"] > where["pts"]


async def test_a_poll_without_events_ends_with_its_time(school: School) -> None:
    where = await server(school.his)
    before = time.monotonic()
    assert await school.his.poll(where, wait=1) == {
        "ts": where["ts"],
        "pts": where["pts"],
        "updates": [],
    }
    assert 0.9 < time.monotonic() - before < 3


async def test_both_sides_of_a_new_message(school: School) -> None:
    mine, theirs = await server(school.hers), await server(school.his)
    sent = await say(school.hers, school, 'Дети <5А> & "Ко"\nздесь', random_id=77)
    (own,) = (await school.hers.poll(mine))["updates"]
    (seen,) = (await school.his.poll(theirs))["updates"]
    escaped = "Дети &lt;5А&gt; &amp; &quot;Ко&quot;<br>здесь"
    cmid, peer_id = sent["cmid"], school.chat.peer_id
    assert own[:3] == [10004, cmid, OUTGOING_IN_CHAT]
    assert seen[:3] == [10004, cmid, INCOMING_IN_CHAT]
    assert own[4] == seen[4] == peer_id
    assert own[6] == seen[6] == escaped
    assert seen[7]["from"] == str(school.teacher.user_id)
    assert (own[9], seen[9]) == (77, 0)
    assert own[10] == sent["message_id"] == seen[10] + 1
    assert len(own) == len(seen) == 12


@pytest.mark.parametrize("version", [0, 3, 10])
async def test_the_old_form_of_a_new_message(school: School, version: int) -> None:
    where = await server(school.his)
    sent = await say(school.hers, school, "По-старому")
    (update,) = (await school.his.poll(where, version=version))["updates"]
    own_number = sent["message_id"] - 1
    assert update[:4] == [4, own_number, INCOMING_IN_CHAT, school.chat.peer_id]
    assert update[5] == "По-старому"
    assert update[8] == 0
    assert update[9:] == ([sent["cmid"], 0] if version == 10 else [])


async def test_the_mode_decides_what_comes_along(school: School) -> None:
    where = await server(school.hers)
    await say(school.hers, school, "коротко", random_id=5)
    bare = await school.hers.poll(where, mode=0)
    assert "pts" not in bare
    (update,) = bare["updates"]
    assert update[7:10] == [{}, {}, 0]
    (full,) = (await school.hers.poll(where, mode=2 + 32 + 128))["updates"]
    assert full[7]["title"] == "5А"
    assert full[9] == 5
    (old,) = (await school.hers.poll(where, mode=0, version=3))["updates"]
    assert len(old) == 6


async def test_replies_edits_deletions_reads_and_typing(school: School) -> None:
    first = await say(school.hers, school, "Кто дежурный?")
    where = await server(school.hers)
    chat = school.chat
    forward = f'{{"conversation_message_ids":[{first["cmid"]}],"is_reply":true}}'
    await school.his.call("messages.setActivity", peer_id=chat.peer_id, type="typing")
    await school.his.call("messages.markAsRead", peer_id=chat.peer_id, up_to_cmid=first["cmid"])
    reply = await say(school.his, school, "Я", forward=forward)
    await school.his.call("messages.edit", peer_id=chat.peer_id, cmid=reply["cmid"], message="Я!")
    (deleted,) = await school.his.call(
        "messages.delete", peer_id=chat.peer_id, cmids=reply["cmid"], delete_for_all=1
    )
    assert deleted["response"] == 1
    updates = (await school.hers.poll(where, version=21))["updates"]
    cmid, peer_id = reply["cmid"], chat.peer_id
    gone = 128 + 131072
    flags = INCOMING_IN_CHAT + 2097152 + gone
    number = first["message_id"] + 1
    assert [update[:4] for update in updates] == [
        [63, peer_id, [school.pupil.user_id], 1],
        [10007, peer_id, first["cmid"], 0],
        [10004, cmid, flags, number],
        [10005, cmid, flags, peer_id],
        [10002, cmid, gone, peer_id],
    ]
    assert await school.hers.call("messages.getById", message_ids=number) == {
        "count": 0,
        "items": [],
    }


async def test_a_live_reply_names_what_it_answers(school: School) -> None:
    first = await say(school.hers, school, "Кто дежурный?")
    where = await server(school.hers)
    reply = await say(school.his, school, "Я", reply_to=first["message_id"] - 1)
    (update,) = (await school.hers.poll(where))["updates"]
    assert update[8]["reply"] == f'{{"conversation_message_id": {first["cmid"]}}}'
    found = await school.hers.call(
        "messages.getByConversationMessageId",
        peer_id=school.chat.peer_id,
        conversation_message_ids=reply["cmid"],
    )
    assert found["items"][0]["reply_message"]["id"] == first["message_id"]


async def test_members_come_and_go(school: School) -> None:
    guest = await school.standin.control.add_user("Гость", "Небывалый")
    where = await server(school.hers)
    params = {"chat_id": school.chat.chat, "user_id": guest.user_id}
    await school.hers.call("messages.addChatUser", **params)
    await school.standin.control.remove_member(school.chat.chat, guest.user_id)
    updates = (await school.hers.poll(where))["updates"]
    assert [update[0] for update in updates] == [10004, 52, 10004, 52]
    assert updates[0][7]["source_act"] == "chat_invite_user"
    assert updates[1][1:] == [6, school.chat.peer_id, guest.user_id]
    assert updates[3][1:] == [8, school.chat.peer_id, guest.user_id]
    async with Caller(school.standin.url) as caller:
        await caller.log_in(guest)
        with pytest.raises(ApiRefused, match="917 "):
            await say(caller, school, "я ещё тут")


async def test_the_four_failures(school: School) -> None:
    where = await server(school.his)
    assert await school.his.poll(where, version=22) == {
        "failed": 4,
        "min_version": 0,
        "max_version": 21,
    }
    ahead = await school.his.poll(where, ts=where["ts"] + 1)
    assert ahead == {"failed": 1, "ts": where["ts"]}
    assert (await school.his.poll(where, key="nonsense"))["failed"] == 2
    await school.standin.control.expire_keys(school.pupil.user_id)
    assert (await school.his.poll(where))["failed"] == 2
    again = await server(school.his)
    assert again["key"] != where["key"]
    assert (await school.his.poll(again, wait=0))["updates"] == []
    await school.standin.control.expire_keys(school.pupil.user_id, lost=True)
    assert await school.his.poll(again) == {"failed": 3}


async def test_a_key_that_expires_ends_the_poll_that_waits_with_it(school: School) -> None:
    where = await server(school.his)
    waiting = asyncio.ensure_future(school.his.poll(where))
    await school.standin.polled()
    await school.standin.control.expire_keys()
    assert (await asyncio.wait_for(waiting, 5))["failed"] == 2


async def test_a_short_key_and_a_short_memory(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--key-seconds", "1", "--poll-depth", "3")
    async with (
        StandIn(tmp_path, *options) as standin,
        Caller(standin.url) as hers,
        Caller(standin.url) as his,
    ):
        school = await make_school(standin.served, hers, his)
        where = await server(his)
        for number in range(4):
            await say(hers, school, f"сообщение {number}")
        late = await his.poll(where)
        assert late == {"failed": 1, "ts": where["ts"] + 4}
        history = await his.call("messages.getLongPollHistory", pts=where["pts"], lp_version=19)
        assert [item["text"] for item in history["messages"]["items"]] == [
            f"сообщение {number}" for number in range(4)
        ]
        await asyncio.sleep(1.1)
        assert (await his.poll({**where, "ts": late["ts"]}))["failed"] == 2


async def test_the_gap_is_read_page_by_page(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--history-messages", "2", "--history-depth", "50")
    async with (
        StandIn(tmp_path, *options) as standin,
        Caller(standin.url) as hers,
        Caller(standin.url) as his,
    ):
        school = await make_school(standin.served, hers, his)
        where = await server(his)
        sent = [(await say(hers, school, f"№ {number}"))["cmid"] for number in range(5)]
        pts, seen, pages = where["pts"], [], 0
        more = True
        while more:
            page = await his.call("messages.getLongPollHistory", pts=pts, lp_version=19, extended=1)
            assert page["from_pts"] == pts
            seen += [(update[0], update[1], update[3]) for update in page["history"]]
            pts, more, pages = page["new_pts"], page.get("more", False), pages + 1
        assert seen == [(10004, cmid, school.chat.peer_id) for cmid in sent]
        assert pages == 3
        by_ts = await his.call("messages.getLongPollHistory", ts=where["ts"], lp_version=3)
        assert [update[0] for update in by_ts["history"]] == [4, 4]
        with pytest.raises(ApiRefused, match="908 "):
            await his.call("messages.getLongPollHistory", pts=pts + 1)
        with pytest.raises(ApiRefused, match="907 "):
            await his.call("messages.getLongPollHistory", pts=pts - 51)


async def test_a_duplicated_batch_comes_twice(school: School) -> None:
    where = await server(school.his)
    await school.standin.control.fault("longpoll", "duplicate")
    await say(school.hers, school, "дважды")
    first = await school.his.poll(where)
    assert first["ts"] == where["ts"]
    second = await school.his.poll({**where, "ts": first["ts"]})
    assert second["updates"] == first["updates"]
    assert second["ts"] == where["ts"] + 1


async def test_scripted_faults_of_the_poll(school: School) -> None:
    where = await server(school.his)
    await school.standin.control.fault("longpoll", "cut")
    await school.standin.control.fault("longpoll", "error", code=3)
    with pytest.raises(aiohttp.ClientConnectionError):
        await school.his.poll(where)
    assert await school.his.poll(where) == {"failed": 3}


async def test_headers_and_body_leave_in_one_write(school: School) -> None:
    where = await server(school.his)
    host, _, path = where["server"].partition("/")
    target = f"/{path}?act=a_check&key={where['key']}&ts={where['ts']}&wait=9&mode=234&version=19"
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await school.standin.polled()
    await say(school.hers, school, "одним куском")
    chunk = await asyncio.wait_for(reader.read(65536), 5)
    head, _, body = chunk.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.endswith(b"}")
    writer.close()
    await writer.wait_closed()
