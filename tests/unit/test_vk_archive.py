"""What has to be asked for before a batch is given out, against scripted raw replies."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    Batch,
    NetworkError,
    Refused,
    RemoteDeletion,
    RemoteEdit,
    RemoteEvent,
    RemoteMessage,
    RemoteReactions,
    RemoteRead,
    Unavailable,
)
from sferum_bridge.network.content import Content, File, FileKind, Other
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.network.vk.position import Position
from tests.support.vk_script import COOKIE, Raw, ScriptedVk, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.network.vk.connector import VkConnector

CHAT = 2000000007
ANNA = 700002
URL = "https://sun1.userapi.com/a"
PHOTO = {"type": "photo", "photo": {"sizes": [{"type": "x", "url": URL, "width": 5, "height": 4}]}}


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


@pytest.fixture
async def connector(vk: ScriptedVk) -> AsyncIterator[VkConnector]:
    network = VkNetwork(
        VkSettings(
            api_url=vk.url,
            web_url=vk.url,
            requests_per_second=100,
            request_timeout=5,
            reactions={1: "❤️", 4: "👍"},
        )
    )
    yield await network.connect(COOKIE)
    await network.close()


def live(cmid: int, text: str = "x", attachments: Any = None, code: int = 10004) -> list[Any]:
    tail = [CHAT, 1700000000, text, {"from": str(ANNA)}, attachments or {}, 0, 9000 + cmid, 0]
    return [code, cmid, 8193, *([2] if code == 10004 else []), *tail]


def item(cmid: int, text: str = "x", **more: Any) -> dict[str, Any]:
    return {
        "id": 9000 + cmid, "conversation_message_id": cmid, "date": 1700000000, "peer_id": CHAT,
        "from_id": ANNA, "out": 0, "text": text, "random_id": 0, **more,
    }  # fmt: skip


def items(*found: Any) -> dict[str, Any]:
    return ok({"count": len(found), "items": list(found)})


def message(cmid: int, content: Content | None = None) -> RemoteMessage:
    said = content or Content("x")
    return RemoteMessage(str(CHAT), str(cmid), str(ANNA), said, 1700000000)


async def hear(vk: ScriptedVk, connector: VkConnector, *updates: Any) -> list[RemoteEvent]:
    """Return the events of one reply of the long poll."""
    vk.serve_long_poll(ts=100, pts=50)
    vk.polls.append({"ts": 101, "pts": 51, "updates": list(updates)})
    batch = await first(connector, Position(100, 50).dump())
    return list(batch.events)


async def first(connector: VkConnector, cursor: str) -> Batch:
    async with aclosing(connector.listen(cursor)) as stream:
        return await anext(stream)


async def test_what_is_attached_is_fetched_in_one_call_and_in_its_place(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    picture = {"attach1_type": "photo", "attach1": "1_2"}
    vk.script("messages.getById", items(item(3, attachments=[PHOTO]), item(1, attachments=[PHOTO])))
    events = await hear(vk, connector, live(1, "x", picture), live(2), live(3, "x", picture))
    shown = Content("x", parts=(File(FileKind.PHOTO, URL, width=5, height=4),))
    assert events == [message(1, shown), message(2), message(3, shown)]
    assert [f["cmids"] for f in vk.called("messages.getById")] == ["1,3"]


async def test_messages_are_asked_for_by_the_hundred_and_by_chat(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getById", items())
    cut = [[10005, cmid, 1, CHAT] for cmid in range(1, 102)]
    events = await hear(vk, connector, *cut, [10005, 5, 1, ANNA], *cut)
    asked = vk.called("messages.getById")
    # Which chat is asked first is all the same: each has an order of its own.
    assert sorted((f["peer_id"], f["cmids"].count(",") + 1) for f in asked) == [
        (str(CHAT), 1), (str(CHAT), 100), (str(ANNA), 1),
    ]  # fmt: skip
    assert events == []


@pytest.mark.parametrize("reply", [error(6), error(10), Raw(status=502), error(14)])
async def test_a_failure_that_passes_gives_no_part_of_the_batch_out(
    vk: ScriptedVk, connector: VkConnector, reply: Any
) -> None:
    vk.script("messages.getById", reply, items(item(2)))
    with pytest.raises(NetworkError):
        await hear(vk, connector, live(1), [10005, 2, 1, CHAT])
    vk.polls.append({"ts": 101, "pts": 51, "updates": [live(1), [10005, 2, 1, CHAT]]})
    batch = await first(connector, Position(100, 50).dump())
    assert batch.events == [message(1), RemoteEdit(message(2))]


async def test_where_vk_refuses_to_tell_more_the_update_has_to_do(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getById", error(917))
    picture = {"attach1_type": "photo"}
    events = await hear(
        vk,
        connector,
        live(1, "x", picture),
        live(2, "x", {"fwd": "0_0"}, code=10005),
        [10005, 3, 1, CHAT],
    )
    assert events == [
        message(1, Content("x", parts=(Other("photo"),))),
        RemoteEdit(message(2, Content("x", parts=(Other("forward"),)))),
    ]


async def test_a_message_that_is_gone_meanwhile_is_passed_by(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getById", items(item(2, deleted=1), item(3, is_expired=True)))
    picture = {"attach1_type": "photo"}
    events = await hear(
        vk, connector, live(1, "x", picture), live(2, "x", picture), [10005, 3, 1, CHAT]
    )
    assert events == [RemoteDeletion(str(CHAT), "3", for_all=True)]


async def test_an_edit_that_is_already_in_what_was_fetched_is_not_told_again(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getById", items(item(1, "new", attachments=[PHOTO])))
    picture = {"attach1_type": "photo"}
    events = await hear(
        vk,
        connector,
        live(1, "old", picture),
        live(1, "new", picture, code=10005),
        live(1, "new", code=10005),
        live(2, "a"),
        live(2, "b", code=10005),
    )
    told = [type(event).__name__ for event in events]
    assert told == ["RemoteMessage", "RemoteMessage", "RemoteEdit"]


async def test_the_old_layout_is_translated_by_asking(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    found = [item(1), item(2), item(3, deleted=1), item(4), item(5)]
    vk.script("messages.getById", items(*found))
    events = await hear(
        vk,
        connector,
        [4, 9001, 1, CHAT, 17, "x"],
        [5, 9002, 1, CHAT, 17, "x"],
        [2, 9003, 131072 + 128, CHAT],
        [6, CHAT, 9004],
        [7, CHAT, 9005],
        [10019, 9006],
    )
    assert events == [
        message(1),
        RemoteEdit(message(2)),
        RemoteDeletion(str(CHAT), "3", for_all=True),
        RemoteRead(str(CHAT), connector.account_id, "4"),
        RemoteRead(str(CHAT), "", "5"),
    ]
    asked = [f["message_ids"] for f in vk.called("messages.getById")]
    assert asked == ["9001,9002,9003,9004,9005,9006"]


async def test_reactions_are_shown_by_the_table_and_unknown_ones_by_number(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    events = await hear(
        vk, connector, [601, 2, CHAT, 31, 3, 4, 4, 1, 1, 11, 4, 1, 1, 1, 12, 4, 77, 1, 1, 13]
    )
    assert events == [RemoteReactions(str(CHAT), "31", {"11": "👍", "12": "❤️", "13": "№77"})]
    assert connector.abilities.reactions == {"❤️", "👍"}


async def test_who_has_reacted_is_asked_where_vk_does_not_say(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    few = {"cmid": 31, "counters": [{"reaction_id": 4, "count": 2, "user_ids": [11, 12]}]}
    many = {"cmid": 32, "counters": [{"reaction_id": 4, "count": 4, "user_ids": [11, 12, 13]}]}
    vk.script("messages.getMessagesReactions", ok({"items": [few, many]}))
    people = [{"user_id": user, "reaction_id": 4} for user in (11, 12, 13, 14)]
    vk.script("messages.getReactedPeers", ok({"count": 4, "reactions": [*people, None, {}]}))
    events = await hear(
        vk,
        connector,
        [601, 2, CHAT, 31, 1, 3, 4, 2, 0, 0, 4],
        [601, 2, CHAT, 32, 1, 3, 4, 4, 0, 0, 4],
        [601, 4, CHAT, 33, "x"],
        live(34),
    )
    assert events == [
        RemoteReactions(str(CHAT), "31", {"11": "👍", "12": "👍"}),
        RemoteReactions(str(CHAT), "32", dict.fromkeys(["11", "12", "13", "14"], "👍")),
        RemoteReactions(str(CHAT), "33", {}),
        message(34),
    ]
    assert [f["cmids"] for f in vk.called("messages.getMessagesReactions")] == ["31,32,33"]
    assert [f["cmid"] for f in vk.called("messages.getReactedPeers")] == ["32"]


async def test_reactions_that_came_with_a_fetched_message_follow_it(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    had = item(1, reactions=[{"reaction_id": 1, "count": 1, "user_ids": [11]}])
    vk.script("messages.getById", items(had))
    events = await hear(vk, connector, [10005, 1, 1, CHAT])
    assert events == [RemoteEdit(message(1)), RemoteReactions(str(CHAT), "1", {"11": "❤️"})]


async def test_refused_reactions_do_not_stop_the_rest(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getMessagesReactions", error(917))
    events = await hear(vk, connector, [601, 2, CHAT, 31, "x"], live(1))
    assert events == [message(1)]


def history_page(total: int, *cmids: int) -> dict[str, Any]:
    return ok({"count": total, "items": [item(cmid) for cmid in cmids]})


def numbers(found: Any) -> list[int]:
    return [int(one.message_id) for one in found]


async def test_the_last_messages_come_oldest_first(vk: ScriptedVk, connector: VkConnector) -> None:
    pages = [history_page(900, *range(n, n - 200, -1)) for n in (900, 700, 500)]
    vk.script("messages.getHistory", *pages)
    found = await connector.history(str(CHAT), after="", limit=450)
    assert numbers(found) == list(range(451, 901))
    assert [f["offset"] for f in vk.called("messages.getHistory")] == ["0", "200", "400"]


async def test_a_short_gap_is_one_question(vk: ScriptedVk, connector: VkConnector) -> None:
    vk.script("messages.getHistory", history_page(900, *range(900, 880, -1)))
    assert numbers(await connector.history(str(CHAT), after="896", limit=20)) == [
        897, 898, 899, 900,
    ]  # fmt: skip
    assert len(vk.calls) == 1


async def test_a_long_gap_is_asked_for_by_numbers(vk: ScriptedVk, connector: VkConnector) -> None:
    vk.script("messages.getHistory", history_page(900, 900, 899, 898))
    # Everything up to 250 is deleted.
    vk.script("messages.getById", items(), items(item(260), item(251)), items(item(301)))
    found = await connector.history(str(CHAT), after="100", limit=3)
    assert numbers(found) == [251, 260, 301]
    asked = [f["cmids"].split(",") for f in vk.called("messages.getById")]
    assert [(one[0], one[-1], len(one)) for one in asked] == [
        ("101", "200", 100), ("201", "300", 100), ("301", "400", 100),
    ]  # fmt: skip


async def test_a_chat_that_begins_behind_the_gap_is_one_question(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    vk.script("messages.getHistory", history_page(2, 901, 900))
    assert numbers(await connector.history(str(CHAT), after="5", limit=20)) == [900, 901]
    assert len(vk.calls) == 1


@pytest.mark.parametrize(("chat_id", "after"), [("x", ""), (str(CHAT), "x"), (str(CHAT), "-1")])
async def test_a_history_of_ids_that_are_none_is_refused(
    vk: ScriptedVk, connector: VkConnector, chat_id: str, after: str
) -> None:
    with pytest.raises(Refused):
        await connector.history(chat_id, after=after, limit=5)
    assert vk.calls == []


async def test_a_lost_position_names_every_chat_as_a_gap(
    vk: ScriptedVk, connector: VkConnector
) -> None:
    peer = {"peer": {"id": CHAT, "type": "chat"}, "chat_settings": {"title": "7А", "state": "in"}}
    chats = ok({"count": 1, "items": [{"conversation": peer}]})
    vk.serve_long_poll(ts=200, pts=1050)
    vk.script("messages.getLongPollHistory", error(907))
    vk.script("messages.getConversations", Raw(status=502), chats)
    with pytest.raises(Unavailable):
        await first(connector, Position(100, 50).dump())
    batch = await first(connector, Position(100, 50).dump())
    assert (list(batch.events), batch.gaps) == ([], frozenset({str(CHAT)}))
    assert batch.cursor == Position(200, 1050).dump()
    batch = await first(connector, "what no bridge wrote")
    assert batch.gaps == {str(CHAT)}
    assert (await first(connector, "")).gaps == frozenset()
