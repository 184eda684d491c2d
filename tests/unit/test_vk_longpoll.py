"""The event stream against scripted raw replies: keys that die, gaps, positions VK forgot."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    Batch,
    NetworkError,
    RemoteMessage,
    RemoteRead,
    RemoteTyping,
    Unavailable,
)
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.network.vk.position import Position, server_url
from tests.support.vk_script import COOKIE, Raw, ScriptedVk, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.network.vk.connector import VkConnector

CHAT = 2000000007
ANNA = 700002


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


@pytest.fixture
async def connector(vk: ScriptedVk) -> AsyncIterator[VkConnector]:
    network = VkNetwork(
        VkSettings(api_url=vk.url, web_url=vk.url, requests_per_second=100, request_timeout=5)
    )
    yield await network.connect(COOKIE)
    await network.close()


def new(cmid: int) -> list[Any]:
    additional = {"from": str(ANNA)}
    return [10004, cmid, 1, 2, CHAT, 1700000000, f"text {cmid}", additional, {}, 0, 9000 + cmid, 0]


def item(cmid: int) -> dict[str, Any]:
    return {
        "id": 9000 + cmid, "conversation_message_id": cmid, "date": 1700000000, "peer_id": CHAT,
        "from_id": ANNA, "out": 0, "text": f"text {cmid}", "random_id": 0,
    }  # fmt: skip


def history(new_pts: int, *cmids: int, more: int = 0) -> dict[str, Any]:
    return ok(
        {
            "history": [[10004, cmid, 1, CHAT] for cmid in cmids],
            "messages": {"count": len(cmids), "items": [item(cmid) for cmid in cmids]},
            "from_pts": 0,
            "new_pts": new_pts,
            "more": more,
        }
    )


def cursor(ts: int, pts: int) -> str:
    return Position(ts, pts).dump()


async def take(connector: VkConnector, count: int, start: str = "") -> list[Batch]:
    """Return the first `count` batches."""
    batches: list[Batch] = []
    async with aclosing(connector.listen(start)) as stream:
        async for batch in stream:
            batches.append(batch)
            if len(batches) == count:
                break
    return batches


def messages(batch: Batch) -> list[RemoteMessage]:
    return [event for event in batch.events if isinstance(event, RemoteMessage)]


def numbers(batches: list[Batch]) -> list[list[str]]:
    return [[event.message_id for event in messages(batch)] for batch in batches]


def no_chats(vk: ScriptedVk) -> None:
    vk.script("messages.getConversations", ok({"count": 0, "items": []}))


async def test_the_first_cursor_comes_at_once_and_events_follow(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.polls.extend(
        [
            {"ts": 101, "pts": 50, "updates": [[8, -ANNA, 1, 1]]},
            {"ts": 102, "pts": 50, "updates": [[63, CHAT, [ANNA], 1, 1]]},
            {"ts": 103, "pts": 52, "updates": [new(1), new(2)]},
            {"ts": "104", "pts": "53", "updates": [[10006, CHAT, 2, 0]]},
        ]
    )
    batches = await take(connector, 4)
    assert numbers(batches) == [[], [], ["1", "2"], []]
    assert [json.loads(b.cursor) for b in batches] == [
        {"ts": 100, "pts": 50},
        {"ts": 102, "pts": 50},
        {"ts": 103, "pts": 52},
        {"ts": 104, "pts": 53},
    ]
    assert batches[1].events == [RemoteTyping(str(CHAT), (str(ANNA),))]
    assert messages(batches[2])[0].content.text == "text 1"
    assert batches[3].events == [RemoteRead(str(CHAT), connector.account_id, "2")]
    assert vk.called("messages.getLongPollServer")[0]["need_pts"] == "1"
    assert vk.poll_queries[0] == {
        "server": "a", "act": "a_check", "key": "key-a", "ts": "100", "wait": "25",
        "mode": "234", "version": "19",
    }  # fmt: skip
    assert [query["ts"] for query in vk.poll_queries] == ["100", "101", "102", "103"]


async def test_a_stored_cursor_goes_on_without_history_when_nothing_happened(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=200, pts=50)
    vk.polls.append({"ts": 201, "pts": 51, "updates": [new(1)]})
    assert numbers(await take(connector, 1, cursor(100, 50))) == [["1"]]
    assert vk.poll_queries[0]["ts"] == "200"
    assert vk.called("messages.getLongPollHistory") == []


async def test_what_happened_while_away_is_fetched_page_by_page(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=200, pts=53)
    vk.script("messages.getLongPollHistory", history(52, 1, 2, more=1), history(53, 3))
    vk.polls.append({"ts": 201, "pts": 54, "updates": [new(4)]})
    batches = await take(connector, 3, cursor(100, 50))
    assert numbers(batches) == [["1", "2"], ["3"], ["4"]]
    assert [json.loads(batch.cursor)["pts"] for batch in batches] == [52, 53, 54]
    assert [f["pts"] for f in vk.called("messages.getLongPollHistory")] == ["50", "52"]


async def test_a_batch_that_is_not_stored_comes_again(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=200, pts=52)
    vk.script("messages.getLongPollHistory", history(52, 1, 2))
    first = await take(connector, 1, cursor(100, 50))
    second = await take(connector, 1, cursor(100, 50))
    assert first == second


async def test_failed_1_fetches_the_gap(vk: ScriptedVk, connector: VkConnector) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.polls.extend([{"failed": 1, "ts": 400}, {"ts": 401, "pts": 60, "updates": [new(9)]}])
    vk.script("messages.getLongPollHistory", history(59, 7, 8))
    assert numbers(await take(connector, 3)) == [[], ["7", "8"], ["9"]]
    assert vk.poll_queries[1]["ts"] == "400"


async def test_failed_2_takes_a_new_key_and_keeps_ts(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.serve_long_poll(ts=300, pts=90, name="b")
    vk.polls.extend([{"failed": 2}, {"ts": 101, "pts": 51, "updates": [new(1)]}])
    assert numbers(await take(connector, 2)) == [[], ["1"]]
    assert [(q["key"], q["ts"]) for q in vk.poll_queries] == [("key-a", "100"), ("key-b", "100")]
    assert vk.called("messages.getLongPollHistory") == []


@pytest.mark.parametrize("failed", [{"failed": 3}, {"failed": 1}, {"failed": 77}, {"failed": "?"}])
async def test_failed_3_takes_both_and_fetches_the_gap(
    vk: ScriptedVk, connector: VkConnector, failed: dict[str, Any]
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.serve_long_poll(ts=300, pts=51, name="b")
    vk.polls.extend([failed, {"ts": 301, "pts": 52, "updates": [new(2)]}])
    vk.script("messages.getLongPollHistory", history(51, 1))
    assert numbers(await take(connector, 3)) == [[], ["1"], ["2"]]
    assert [(q["key"], q["ts"]) for q in vk.poll_queries] == [("key-a", "100"), ("key-b", "300")]


async def test_failed_4_settles_on_a_version_both_know(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.polls.extend(
        [
            {"failed": 4, "min_version": 0, "max_version": 3},
            {"ts": 101, "pts": 51, "updates": [[4, 9005, 1, ANNA, 17, "hi", {}, {}, 0]]},
        ]
    )
    vk.script("messages.getById", ok({"count": 1, "items": [item(5)]}))
    batches = await take(connector, 2)
    assert numbers(batches) == [[], ["5"]]
    assert [query["version"] for query in vk.poll_queries] == ["19", "3"]
    assert vk.called("messages.getLongPollServer")[1]["lp_version"] == "3"


async def test_failing_again_and_again_is_left_to_the_caller(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll()
    vk.polls.extend([{"failed": 2}] * 10)
    with pytest.raises(Unavailable, match="again and again"):
        await take(connector, 2)
    assert len(vk.poll_queries) == 4


@pytest.mark.parametrize("code", [907, 908, 990])
async def test_a_position_vk_forgot_begins_anew_and_says_what_is_lost(
    vk: ScriptedVk, connector: VkConnector, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    no_chats(vk)
    vk.serve_long_poll(ts=200, pts=1050)
    vk.script("messages.getLongPollHistory", error(code))
    vk.polls.append({"ts": 201, "pts": 1051, "updates": [new(1)]})
    batches = await take(connector, 2, cursor(100, 50))
    assert numbers(batches) == [[], ["1"]]
    assert json.loads(batches[0].cursor) == {"ts": 200, "pts": 1050}
    assert "between pts 50 and 1050 is lost" in caplog.text


async def test_without_pts_the_old_ts_is_tried_and_a_loss_is_told(
    vk: ScriptedVk, connector: VkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    no_chats(vk)
    vk.script(
        "messages.getLongPollServer",
        ok({"server": f"{vk.url}/lp/a", "key": "k", "ts": 300}),
    )
    vk.polls.extend([{"failed": 1, "ts": 300}, {"ts": 301, "updates": [new(1)]}])
    assert numbers(await take(connector, 1, cursor(100, 0))) == [["1"]]
    assert [query["ts"] for query in vk.poll_queries] == ["100", "300"]
    assert "lost to the bridge" in caplog.text


async def test_a_message_without_contents_is_fetched_in_its_place(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    short = [4, 9002, 1, CHAT, 17, "x", {"from": str(ANNA)}, {}, 0]
    vk.polls.append({"ts": 101, "pts": 51, "updates": [new(1), short, new(3)]})
    vk.script("messages.getById", ok({"count": 1, "items": [item(2)]}))
    assert numbers(await take(connector, 2)) == [[], ["1", "2", "3"]]
    assert vk.called("messages.getById")[0]["message_ids"] == "9002"


async def test_a_history_entry_without_object_is_fetched_too(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=52)
    page = history(52, 1)
    page["response"]["history"].append([10004, 2, 1, CHAT])
    vk.script("messages.getLongPollHistory", page)
    vk.script("messages.getById", ok({"count": 1, "items": [item(2)]}))
    assert numbers(await take(connector, 1, cursor(100, 50))) == [["1", "2"]]
    asked = vk.called("messages.getById")[0]
    assert (asked["peer_id"], asked["cmids"]) == (str(CHAT), "2")


async def test_malformed_updates_are_told_by_code_alone(
    vk: ScriptedVk, connector: VkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    vk.serve_long_poll()
    broken: list[Any] = [[10004, 0, *["private"] * 12], ["private"], 7]
    vk.polls.append({"ts": 101, "pts": 51, "updates": [*broken, *broken, new(1)]})
    there = {"peer": {"id": CHAT, "type": "chat"}, "chat_settings": {"title": "7А"}}
    vk.script("messages.getConversations", ok({"count": 1, "items": [{"conversation": there}]}))
    batches = await take(connector, 2)
    assert numbers(batches) == [[], ["1"]]
    # One of them may have been a message: the chats' histories tell.
    assert batches[1].gaps == {str(CHAT)}
    assert "private" not in caplog.text
    assert caplog.text.count("code 10004") == 1


@pytest.mark.parametrize(
    "reply",
    [Raw(status=502), Raw(cut=True), Raw(body="<html>"), [], {"ts": 1}, {"ts": None, "updates": []},
     {"ts": 1, "updates": {}}],
)  # fmt: skip
async def test_a_broken_poll_raises_and_the_cursor_still_holds(
    vk: ScriptedVk, connector: VkConnector, reply: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    vk.serve_long_poll(ts=100, pts=50)
    for _ in range(2):
        vk.polls.extend([reply, reply])  # aiohttp itself repeats a GET that was cut off
        with pytest.raises(Unavailable):
            await take(connector, 1, cursor(100, 50))
        vk.polls.clear()
    vk.polls.append({"ts": 101, "pts": 51, "updates": [new(1)]})
    assert numbers(await take(connector, 1, cursor(100, 50))) == [["1"]]
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("sferum_bridge")]
    assert [("does not work" in line, "works again" in line) for line in ours] == [
        (True, False),
        (False, True),
    ]
    assert "key-a" not in "".join(ours)


@pytest.mark.parametrize("stored", ["nonsense", "{}", "[1]", '{"ts":"x","pts":1}', "null"])
async def test_a_cursor_that_is_none_begins_now(
    vk: ScriptedVk, connector: VkConnector, stored: str
) -> None:
    no_chats(vk)
    vk.serve_long_poll(ts=100, pts=50)
    batches = await take(connector, 1, stored)
    assert batches == [Batch((), cursor(100, 50))]


@pytest.mark.parametrize(
    "reply",
    [ok(None), ok({}), ok({"server": "s", "key": "k"}), ok({"server": 1, "key": 2, "ts": 3})],
)
async def test_a_server_reply_that_names_none_is_unavailable(
    vk: ScriptedVk, connector: VkConnector, reply: Any
) -> None:
    vk.script("messages.getLongPollServer", reply)
    with pytest.raises(NetworkError):
        await take(connector, 1)


def test_the_server_is_reached_by_https_unless_vk_is_on_loopback() -> None:
    real, local = VkSettings(), VkSettings(api_url="http://127.0.0.1:5", web_url="http://[::1]:5")
    assert server_url("im46.vk.example/im1858", real) == "https://im46.vk.example/im1858"
    assert server_url("https://im46.vk.example/x", real) == "https://im46.vk.example/x"
    assert server_url("127.0.0.1:5/lp", local) == "http://127.0.0.1:5/lp"
    assert server_url("https://im46.vk.example/x", local) == "https://im46.vk.example/x"
    for server, settings in [
        ("http://127.0.0.1:5/lp", real),
        ("http://im46.vk.example/x", local),
        ("im46.vk.example/x", local),
        ("file:///etc/passwd", real),
        ("", real),
    ]:
        with pytest.raises(Unavailable):
            server_url(server, settings)
