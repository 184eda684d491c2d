"""Answers larger than is read, or too slow to come: asked for in halves, waited for with an end."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network import patience
from sferum_bridge.network.base import (
    Batch,
    RemoteEdit,
    RemoteMessage,
    TooBig,
    TooSlow,
    Unavailable,
)
from sferum_bridge.network.content import Content, Other
from sferum_bridge.network.patience import Patience
from sferum_bridge.network.vk import (
    VkNetwork,
    VkSettings,
    answers,
    archive,
    longpoll,
    messages,
    updates,
)
from sferum_bridge.network.vk import live as live_updates
from sferum_bridge.network.vk.portions import by_halves
from sferum_bridge.network.vk.position import Position
from tests.support.vk_script import COOKIE, Raw, ScriptedVk, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from sferum_bridge.network.vk.connector import VkConnector

CHAT = 2000000007
ANNA = 700002
MOST_BYTES = 40_000
HUGE = "x" * (MOST_BYTES + 1)
DEEP = "[" * 4000 + "]" * 4000
SLOW = Raw(hang=0.6, body="{}")


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tries alone decide what is never answered."""
    monkeypatch.setattr(patience, "_SECONDS", 0.0)


@pytest.fixture
async def connector(vk: ScriptedVk) -> AsyncIterator[VkConnector]:
    settings = VkSettings(
        api_url=vk.url,
        web_url=vk.url,
        requests_per_second=1000,
        request_timeout=0.3,
        max_reply_bytes=MOST_BYTES,
    )
    network = VkNetwork(settings)
    yield await network.connect(COOKIE)
    await network.close()


def item(cmid: int, text: str = "x") -> dict[str, Any]:
    return {
        "id": 9000 + cmid, "conversation_message_id": cmid, "date": 1700000000, "peer_id": CHAT,
        "from_id": ANNA, "out": 0, "text": text, "random_id": 0,
    }  # fmt: skip


class Chat:
    """Messages 1 to `last`; some are huge, some too deep, some make VK think for too long."""

    def __init__(
        self,
        last: int,
        *,
        huge: Iterable[int] = (),
        deep: Iterable[int] = (),
        slow: Iterable[int] = (),
    ) -> None:
        self.numbers = range(1, last + 1)
        self.huge, self.deep, self.slow = frozenset(huge), frozenset(deep), frozenset(slow)

    def get_by_id(self, form: dict[str, str]) -> Any:
        listed = form.get("cmids") or form["message_ids"]
        asked = {int(n) % 9000 for n in listed.split(",")}
        return self._told([n for n in self.numbers if n in asked], len(asked))

    def get_history(self, form: dict[str, str]) -> Any:
        offset, count = int(form["offset"]), int(form["count"])
        return self._told(self.numbers[::-1][offset : offset + count], len(self.numbers))

    def _told(self, numbers: Sequence[int], count: int) -> Any:
        if self.slow & {*numbers}:
            return SLOW
        found = [item(n, HUGE if n in self.huge else "x") for n in numbers]
        told = {"count": count, "items": found}
        if self.deep & {*numbers}:
            return Raw(body=json.dumps({"response": told, "more": 1})[:-2] + DEEP + "}")
        return ok(told)


def live(cmid: int, code: int = 10004, attached: str = "") -> list[Any]:
    tail = [CHAT, 1700000000, "x", {"from": str(ANNA)}, {}, 0, 9000 + cmid, 0]
    if attached:
        tail[4] = {"attach1_type": attached}
    return [code, cmid, 1, *([2] if code == 10004 else []), *tail]


def short(cmid: int) -> list[Any]:
    """Return an update that names a message and tells nothing of it, as in what was missed."""
    return [10004, cmid, 1, CHAT]


def bare(cmid: int) -> list[Any]:
    """Return the same as the long poll tells it."""
    return [10004, cmid, 1, 2, CHAT]


def said(event: Any) -> tuple[str, Content]:
    message = event.message if isinstance(event, RemoteEdit) else event
    return message.message_id, message.content


async def first(connector: VkConnector, cursor: str) -> Batch:
    async with aclosing(connector.listen(cursor)) as stream:
        return await anext(stream)


NOTHING_KNOWN = Content(parts=(Other("unknown"),))


async def test_one_message_too_big_costs_its_contents_and_no_other(
    vk: ScriptedVk, connector: VkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.answers["messages.getById"] = Chat(9, huge={2, 3, 4}).get_by_id
    heard = [live(1, attached="photo"), live(2, attached="photo"), bare(3), live(5, code=10005)]
    edit_unknown = [10005, 4, 1, CHAT]
    vk.polls.append({"ts": 101, "pts": 55, "updates": [*heard, edit_unknown]})
    batch = await first(connector, Position(100, 50).dump())
    assert [said(event) for event in batch.events] == [
        ("1", Content("x")),
        ("2", Content("x", parts=(Other("photo"),))),
        ("3", NOTHING_KNOWN),
        ("5", Content("x")),
    ]
    assert "done without: messages.getById: the answer is too big" in caplog.text
    assert "x" * 50 not in caplog.text


async def test_one_message_too_deep_and_large_to_be_mended_costs_no_other(
    vk: ScriptedVk, connector: VkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.answers["messages.getById"] = Chat(9, deep={2}).get_by_id
    updates = [live(1, attached="photo"), live(2, attached="photo"), bare(3)]
    vk.polls.append({"ts": 101, "pts": 53, "updates": updates})
    batch = await first(connector, Position(100, 50).dump())
    assert [said(event) for event in batch.events] == [
        ("1", Content("x")),
        ("2", Content("x", parts=(Other("photo"),))),
        ("3", Content("x")),
    ]
    assert "done without: messages.getById: the answer is odd" in caplog.text


async def test_messages_by_their_own_numbers_are_asked_for_in_halves_too(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.answers["messages.getById"] = Chat(9, huge={2}).get_by_id
    updates = [[4, 9000 + n, 1, CHAT, 17, "x"] for n in (1, 2, 3)]
    vk.polls.append({"ts": 101, "pts": 53, "updates": updates})
    batch = await first(connector, Position(100, 50).dump())
    assert [said(event)[0] for event in batch.events] == ["1", "3"]


async def test_one_message_that_is_too_slow_is_passed_by_after_so_many_tries(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.answers["messages.getById"] = Chat(9, slow={2}).get_by_id
    tries, batch = await tried(vk, connector, bare(1), bare(2), bare(3))
    # VK may be slow for a while: what is only slow is not given up at once.
    assert tries == 5
    assert [said(event)[0] for event in batch.events] == ["1", "2", "3"]
    assert said(batch.events[1])[1] == NOTHING_KNOWN


async def tried(vk: ScriptedVk, connector: VkConnector, *updates: Any) -> tuple[int, Batch]:
    """Return how often a batch had to be asked for, and the batch."""
    for tries in range(1, 20):
        vk.polls.append({"ts": 101, "pts": 53, "updates": list(updates)})
        try:
            return tries, await first(connector, Position(100, 50).dump())
        except Unavailable:
            vk.polls.clear()
    raise AssertionError("deaf for ever")


@pytest.mark.parametrize("reply", [error(10), Raw(status=500)])
async def test_one_message_that_vk_always_fails_on_costs_no_other(
    vk: ScriptedVk, connector: VkConnector, reply: Any
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    chat = Chat(9)

    def told(form: dict[str, str]) -> Any:
        return reply if "2" in form["cmids"].split(",") else chat.get_by_id(form)

    vk.answers["messages.getById"] = told
    tries, batch = await tried(vk, connector, bare(1), bare(2), bare(3))
    assert tries == 5
    assert [said(one) for one in batch.events] == [
        ("1", Content("x")), ("2", NOTHING_KNOWN), ("3", Content("x")),
    ]  # fmt: skip


class Fault(Exception):
    """What nobody foresaw."""


async def test_a_message_this_version_fails_on_costs_no_other(
    vk: ScriptedVk, connector: VkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    chat = Chat(9)
    vk.answers |= {"messages.getById": chat.get_by_id, "messages.getHistory": chat.get_history}
    reads, told, lived = messages.read_message, answers.answered, live_updates.read_live

    def read_message(item: dict[str, Any], account_id: str) -> Any:
        if item["conversation_message_id"] == 2:
            raise Fault
        return reads(item, account_id)

    def answer(ask: Any, *args: Any) -> Any:
        if ask.cmid == 4:
            raise Fault
        return told(ask, *args)

    def read_live(fields: list[Any], cmid: int, *args: Any) -> Any:
        if cmid == 6:
            raise Fault
        return lived(fields, cmid, *args)

    monkeypatch.setattr(archive, "read_message", read_message)
    monkeypatch.setattr(archive, "answered", answer)
    monkeypatch.setattr(updates, "read_live", read_live)
    vk.script("messages.getConversations", ok({"count": 0, "items": []}))
    heard = [bare(1), live(2, attached="photo"), bare(4), live(5), live(6), live(7)]
    vk.polls.append({"ts": 101, "pts": 57, "updates": heard})
    batch = await first(connector, Position(100, 50).dump())
    assert [said(one) for one in batch.events if said(one)[0] != "6"] == [
        ("1", Content("x")),
        ("2", Content("x", parts=(Other("photo"),))),
        ("5", Content("x")),
        ("7", Content("x")),
    ]
    missed = await connector.history(str(CHAT), after="0", limit=100)
    assert [said(one)[1] for one in missed[:3]] == [Content("x"), NOTHING_KNOWN, Content("x")]


async def test_reactions_or_a_list_of_chats_that_vk_always_fails_on_make_nobody_deaf(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.script("messages.getMessagesReactions", error(10))
    vk.script("messages.getLongPollHistory", error(10))
    vk.script("messages.getConversations", error(10))
    tries, batch = await tried(vk, connector, [601, 2, CHAT, 31, "x"], live(1))
    assert (tries, [said(one)[0] for one in batch.events]) == (5, ["1"])
    vk.methods["messages.getLongPollServer"].clear()
    vk.serve_long_poll(ts=200, pts=60)
    tries, batch = await tried(vk, connector)
    assert (batch.cursor, list(batch.events)) == (Position(200, 60).dump(), [])


async def test_a_long_poll_reply_too_big_is_fetched_by_pts(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.serve_long_poll(ts=102, pts=51, name="b")
    vk.polls.append({"ts": 101, "pts": 51, "updates": [live(1), HUGE]})
    page = {"history": [short(1)], "messages": {"items": [item(1)]}, "new_pts": 51}
    vk.script("messages.getLongPollHistory", ok(page))
    batch = await first(connector, Position(100, 50).dump())
    assert [said(event)[0] for event in batch.events] == ["1"]
    assert batch.cursor == Position(102, 51).dump()


async def test_a_long_poll_reply_too_big_without_pts_is_a_gap(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    peer = {"peer": {"id": CHAT, "type": "chat"}, "chat_settings": {"title": "7А", "state": "in"}}
    conversations = {"count": 1, "items": [{"conversation": peer}]}
    vk.script("messages.getConversations", ok(conversations))
    server = {"server": f"{vk.url}/lp/a", "key": "k", "ts": 100}
    vk.script("messages.getLongPollServer", ok(server), ok({**server, "ts": 300}))
    vk.polls.append({"ts": 101, "updates": [live(1), HUGE]})
    batch = await first(connector, Position(100, 0).dump())
    assert (set(batch.gaps), batch.cursor) == ({str(CHAT)}, Position(300, 0).dump())


async def test_a_page_of_what_was_missed_is_made_smaller_and_larger_again(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=200, pts=54)

    def told(form: dict[str, str]) -> Any:
        if int(form["msgs_limit"]) > 60:
            return SLOW if int(form["msgs_limit"]) > 150 else ok({"history": [HUGE], "new_pts": 1})
        pts = int(form["pts"]) + 1
        events = {"history": [short(pts)], "messages": {"items": [item(pts)]}, "new_pts": pts}
        return ok({**events, "more": int(pts < 54)})

    vk.answers["messages.getLongPollHistory"] = told
    found: list[str] = []
    async with aclosing(connector.listen(Position(100, 50).dump())) as stream:
        async for batch in stream:
            found += [said(event)[0] for event in batch.events]
            if len(found) == 4:
                break
    assert found == ["51", "52", "53", "54"]
    asked = [(f["msgs_limit"], f["events_limit"]) for f in vk.called("messages.getLongPollHistory")]
    assert asked[:4] == [("200", "1000"), ("100", "500"), ("50", "250"), ("100", "500")]


@pytest.mark.parametrize("small_is_refused", [False, True])
async def test_one_event_of_what_was_missed_that_is_too_big_begins_afresh(
    vk: ScriptedVk, connector: VkConnector, *, small_is_refused: bool
) -> None:
    vk.serve_long_poll(ts=200, pts=54)
    peer = {"peer": {"id": CHAT, "type": "chat"}, "chat_settings": {"title": "7А", "state": "in"}}
    conversations = {"count": 1, "items": [{"conversation": peer}]}
    vk.script("messages.getConversations", ok(conversations))

    def told(form: dict[str, str]) -> Any:
        if small_is_refused and int(form["msgs_limit"]) < 200:
            return error(100)
        return ok({"history": [HUGE], "new_pts": 54})

    vk.answers["messages.getLongPollHistory"] = told
    batch = await first(connector, Position(100, 50).dump())
    assert (set(batch.gaps), batch.cursor) == ({str(CHAT)}, Position(200, 54).dump())
    asked = [f["msgs_limit"] for f in vk.called("messages.getLongPollHistory")]
    assert asked == (["200", "100"] if small_is_refused else asked)
    assert small_is_refused or asked[-1] == "1"


async def test_one_event_of_what_was_missed_that_is_too_slow_is_waited_for(
    vk: ScriptedVk, connector: VkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VK may be slow for a while; only what stays so is given up, with what the histories hold."""
    monkeypatch.setattr(longpoll, "_HISTORY_EVENTS", 2)
    monkeypatch.setattr(connector._patience, "_tries", 2)
    vk.serve_long_poll(ts=200, pts=54)
    vk.script("messages.getConversations", ok({"count": 0, "items": []}))
    vk.answers["messages.getLongPollHistory"] = lambda _: SLOW
    with pytest.raises(TooSlow):
        await first(connector, Position(100, 50).dump())
    assert len(vk.called("messages.getLongPollHistory")) == 2
    batch = await first(connector, Position(100, 50).dump())
    assert batch.cursor == Position(200, 54).dump()
    assert len(vk.called("messages.getLongPollHistory")) == 4


@pytest.mark.parametrize("huge", [set(), {41}, {50}, {49, 50}, {41, 45, 50}])
async def test_a_history_passes_by_only_what_is_too_big(
    vk: ScriptedVk, connector: VkConnector, huge: set[int]
) -> None:
    chat = Chat(50, huge=huge)
    vk.answers |= {"messages.getHistory": chat.get_history, "messages.getById": chat.get_by_id}
    end = await connector.history(str(CHAT), after="", limit=10)
    wanted = [n for n in range(1, 51) if n not in huge][-10:]
    assert [said(one)[0] for one in end] == [str(n) for n in wanted]
    missed = await connector.history(str(CHAT), after="38", limit=100)
    assert [said(one)[0] for one in missed] == [str(n) for n in range(39, 51)]
    empty = {int(said(one)[0]) for one in missed if said(one)[1] == NOTHING_KNOWN}
    assert empty == huge


async def test_a_history_whose_pages_are_too_big_is_whole(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    chat = Chat(400)
    chat_told = chat.get_history

    def told(form: dict[str, str]) -> Any:
        return ok({"items": HUGE}) if int(form["count"]) > 30 else chat_told(form)

    vk.answers |= {"messages.getHistory": told, "messages.getById": chat.get_by_id}
    end = await connector.history(str(CHAT), after="", limit=150)
    assert [said(one)[0] for one in end] == [str(n) for n in range(251, 401)]
    missed = await connector.history(str(CHAT), after="250", limit=100)
    assert [said(one)[0] for one in missed] == [str(n) for n in range(251, 351)]


async def test_a_list_of_chats_passes_by_only_what_is_too_big(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    def told(form: dict[str, str]) -> Any:
        offset, count = int(form["offset"]), int(form["count"])
        found = [
            {
                "conversation": {
                    "peer": {"id": CHAT + n, "type": "chat"},
                    "chat_settings": {"title": HUGE if n == 3 else "7А", "state": "in"},
                }
            }
            for n in range(300)
        ][offset : offset + count]
        return ok({"count": 300, "items": found})

    vk.answers["messages.getConversations"] = told
    found = {chat.id for chat in await connector.chats()}
    assert found == {str(CHAT + n) for n in range(300) if n != 3}


async def test_reactions_that_are_too_big_hold_up_nothing(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.serve_long_poll(ts=100, pts=50)
    vk.answers["messages.getMessagesReactions"] = lambda _: ok({"items": HUGE})
    vk.polls.append({"ts": 101, "pts": 52, "updates": [[601, 2, CHAT, 31, "x"], live(1)]})
    batch = await first(connector, Position(100, 50).dump())
    assert [type(event) for event in batch.events] == [RemoteMessage]


async def test_halves_keep_the_order_and_every_number_is_answered_or_missed() -> None:
    async def ask(some: Sequence[int]) -> Sequence[int]:
        if len(some) > 3 or 13 in some:
            raise TooBig("too much")
        return some

    missed: list[int] = []
    found = await by_halves(range(100), ask, lambda number, _: missed.append(number))
    assert (found, missed) == ([n for n in range(100) if n != 13], [13])


def test_what_is_slow_is_waited_for_and_what_is_big_is_not() -> None:
    waiting = Patience(tries=3, seconds=0)
    assert waiting.is_over("a", TooBig("x"))
    slow = TooSlow("x")
    assert [waiting.is_over("a", slow) for _ in range(4)] == [False, False, True, True]
    assert not waiting.is_over("b", slow)


def test_a_failure_counts_only_while_it_lasts() -> None:
    now = 0.0
    waiting = Patience(tries=2, seconds=10, clock=lambda: now)
    failed = Unavailable("x")
    assert not waiting.is_over("a", failed)
    now = 5.0
    assert not waiting.is_over("a", failed)
    now = 10.0
    assert waiting.is_over("a", failed)
    assert not waiting.is_over("b", failed)
    # It was answered meanwhile: this is another failure.
    now = 30.0
    assert not waiting.is_over("b", failed)
