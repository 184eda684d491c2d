"""What is said and done in chats, against scripted raw replies."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import Connector, NetworkError, Refused
from sferum_bridge.network.content import Draft, File, Place, Span, Style
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.network.vk.errors import VkRefused
from tests.support.vk_script import COOKIE, USER_ID, ScriptedVk, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractContextManager

CHAT = "2000000007"


@pytest.fixture
async def vk() -> AsyncIterator[ScriptedVk]:
    async with ScriptedVk().running() as server:
        yield server


@pytest.fixture
async def connector(vk: ScriptedVk) -> AsyncIterator[Connector]:
    network = VkNetwork(
        VkSettings(api_url=vk.url, web_url=vk.url, requests_per_second=100, request_timeout=5)
    )
    yield await network.connect(COOKIE)
    await network.close()


async def test_a_draft_is_sent_with_all_it_has(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.send", ok({"cmid": 31, "message_id": 9001}))
    spans = (Span(0, 4, Style.MENTION, "5"), Span(6, 2, Style.BOLD))
    draft = Draft("Анна, да", spans, ("photo1_2_ab", "doc3_4"), Place(55.75, -37.61))
    await connector.send(CHAT, draft, random_id=7)
    form = vk.called("messages.send")[0]
    assert form["message"] == "[id5|Анна], да"
    assert json.loads(form["format_data"])["items"] == [{"type": "bold", "offset": 12, "length": 2}]
    assert form["attachment"] == "photo1_2_ab,doc3_4"
    assert (form["lat"], form["long"]) == ("55.75", "-37.61")
    await connector.send(CHAT, Draft("x"), random_id=8)
    plain = vk.called("messages.send")[1]
    assert {"format_data", "attachment", "lat", "long", "forward"}.isdisjoint(plain)


async def test_an_edit_names_again_what_is_attached(vk: ScriptedVk, connector: Connector) -> None:
    attached = [
        {"type": "photo", "photo": {"owner_id": 1, "id": 2, "access_key": "ab"}},
        {"type": "audio_message", "audio_message": {"owner_id": 3, "id": 4}},
        {"type": "link", "link": {"url": "https://a"}},
        None,
    ]
    geo = {"coordinates": {"latitude": 55.75, "longitude": 37.61}}
    vk.script("messages.getById", ok({"items": [{"attachments": attached, "geo": geo}]}))
    vk.script("messages.edit", ok(1))
    await connector.edit(CHAT, "31", Draft("новое", (Span(0, 1, Style.BOLD),)))
    form = vk.called("messages.edit")[0]
    assert (form["peer_id"], form["cmid"], form["message"]) == (CHAT, "31", "новое")
    assert form["attachment"] == "photo1_2_ab,doc3_4"
    assert (form["keep_forward_messages"], form["keep_snippets"]) == ("1", "1")
    assert (form["lat"], form["long"]) == ("55.75", "37.61")
    assert "format_data" in form


def album(**more: Any) -> dict[str, Any]:
    def photo(number: int) -> dict[str, Any]:
        sizes = [{"url": f"https://sun1.userapi.com/{number}.jpg?key=x", "width": 9, "height": 9}]
        return {"type": "photo", "photo": {"owner_id": 1, "id": number, "sizes": sizes}}

    link = {"type": "link", "link": {"url": "https://a"}}
    which = {"conversation_message_id": 31, "from_id": USER_ID}
    return {"text": "[id5|Анна], да", "attachments": [photo(2), photo(3), link], **which, **more}


def called(number: int) -> Callable[[File], Awaitable[bool]]:
    async def is_it(file: File) -> bool:
        return f"/{number}.jpg" in file.identity and "key" not in file.identity

    return is_it


async def test_a_file_is_taken_out_and_all_else_is_named_again(
    vk: ScriptedVk, connector: Connector
) -> None:
    styles = {"version": "1", "items": [{"type": "bold", "offset": 0, "length": 2}]}
    geo = {"coordinates": {"latitude": 55.75, "longitude": 37.61}}
    vk.script("messages.getById", ok({"items": [album(format_data=styles, geo=geo)]}))
    vk.script("messages.edit", ok(1))
    await connector.take_out(CHAT, "31", called(2))
    form = vk.called("messages.edit")[0]
    assert (form["message"], form["attachment"]) == ("[id5|Анна], да", "photo1_3")
    assert json.loads(form["format_data"]) == styles
    assert (form["keep_forward_messages"], form["keep_snippets"]) == ("1", "1")
    assert (form["lat"], form["long"]) == ("55.75", "37.61")


async def test_words_are_taken_out_and_files_stay(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.getById", ok({"items": [album()]}))
    vk.script("messages.edit", ok(1))
    await connector.take_out(CHAT, "31", None)
    form = vk.called("messages.edit")[0]
    assert (form["message"], form["attachment"]) == ("", "photo1_2,photo1_3")
    # What is attached because of a word goes with it.
    assert form["keep_snippets"] == "0"


@pytest.mark.parametrize("text", ["да", ""])
@pytest.mark.parametrize("more", [
    {"fwd_messages": [{"from_id": 5, "text": "чужое"}]},
    {"attachments": [{"type": "poll", "poll": {"owner_id": 1, "id": 7, "question": "Кто?"}}]},
    {"attachments": [{"type": "wall", "wall": {"owner_id": 1, "id": 7, "text": "пост"}}]},
])  # fmt: skip
async def test_that_other_words_stay_is_told(
    vk: ScriptedVk, connector: Connector, text: str, more: dict[str, Any]
) -> None:
    vk.script("messages.getById", ok({"items": [album(text=text, **more)]}))
    vk.script("messages.edit", ok(1))
    with pytest.raises(Refused):
        await connector.take_out(CHAT, "31", None)


@pytest.mark.parametrize("where", ["post", "forward"])
async def test_a_file_in_something_else_is_not_taken_out(
    vk: ScriptedVk, connector: Connector, where: str
) -> None:
    item = album()
    [photo, *others] = item["attachments"]
    if where == "post":
        wall = {"owner_id": 1, "id": 7, "text": "пост", "attachments": [photo]}
        item["attachments"] = [{"type": "wall", "wall": wall}, *others]
    else:
        inmost = {"from_id": 5, "attachments": [photo]}
        item |= {"attachments": others, "fwd_messages": [{"from_id": 5, "fwd_messages": [inmost]}]}
    vk.script("messages.getById", ok({"items": [item]}))
    with pytest.raises(Refused):
        await connector.take_out(CHAT, "31", called(2))
    assert vk.called("messages.edit") == []


async def test_what_is_out_already_is_no_error(vk: ScriptedVk, connector: Connector) -> None:
    bare = album(text="")
    bare["attachments"].pop()
    items = [[album()], [], [bare]]
    vk.script("messages.getById", *(ok({"items": one}) for one in items))
    await connector.take_out(CHAT, "31", called(9))
    await connector.take_out(CHAT, "31", called(2))
    await connector.take_out(CHAT, "31", None)
    assert vk.called("messages.edit") == []


async def test_nothing_is_taken_out_where_the_rest_would_be_lost(
    vk: ScriptedVk, connector: Connector
) -> None:
    item = album()
    item["attachments"].append({"type": "gift", "gift": {"id": 7}})
    vk.script("messages.getById", ok({"items": [item]}))
    with pytest.raises(Refused):
        await connector.take_out(CHAT, "31", called(2))
    assert vk.called("messages.edit") == []


async def test_a_message_is_pinned_and_taken_down(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.pin", ok({"conversation_message_id": 31}), error(925))
    vk.script("messages.unpin", ok(1))
    await connector.pin(CHAT, "31")
    await connector.pin(CHAT, "")
    [pinned], [down] = vk.called("messages.pin"), vk.called("messages.unpin")
    assert (pinned["peer_id"], pinned["cmid"]) == (CHAT, "31")
    assert down["peer_id"] == CHAT
    with pytest.raises(Refused):
        await connector.pin(CHAT, "31")
    with pytest.raises(Refused):
        await connector.pin(CHAT, "x")


async def test_an_edit_of_what_is_gone_is_refused(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.getById", ok({"items": []}))
    with pytest.raises(Refused):
        await connector.edit(CHAT, "31", Draft("x"))
    assert vk.called("messages.edit") == []


@pytest.mark.parametrize("reply", [
    ok([{"conversation_message_id": 31, "response": 1}]), ok({"31": 1}), ok([]), ok(1),
])  # fmt: skip
async def test_deletions_are_for_all(vk: ScriptedVk, connector: Connector, reply: Any) -> None:
    vk.script("messages.delete", reply)
    await connector.delete(CHAT, ["31", "32"])
    form = vk.called("messages.delete")[0]
    assert (form["peer_id"], form["cmids"], form["delete_for_all"]) == (CHAT, "31,32", "1")


@pytest.mark.parametrize("reply", [
    ok([{"response": 1}, {"response": 0, "error": {"code": 924, "description": "x"}}]),
    ok([{"response": 0}]), ok({"31": 1, "32": 0}), error(924),
])  # fmt: skip
async def test_what_is_not_deleted_is_refused(
    vk: ScriptedVk, connector: Connector, reply: Any
) -> None:
    vk.script("messages.delete", reply)
    vk.script("messages.getById", ok({"items": [{"conversation_message_id": 32}]}))
    with pytest.raises(Refused):
        await connector.delete(CHAT, ["31", "32"])


@pytest.mark.parametrize("reply", [
    ok([{"response": 0, "error": {"code": 100, "description": "x"}}]), ok({"31": 0}), error(924),
])  # fmt: skip
@pytest.mark.parametrize("left", [[], [{"conversation_message_id": 31, "deleted": 1}]])
async def test_what_is_gone_already_is_deleted(
    vk: ScriptedVk, connector: Connector, reply: Any, left: list[Any]
) -> None:
    vk.script("messages.delete", reply)
    vk.script("messages.getById", ok({"items": left}))
    await connector.delete(CHAT, ["31"])
    assert vk.called("messages.getById")[0]["cmids"] == "31"


SAID = {"text": "[id5|Анна], да",
        "format_data": {"items": [{"type": "bold", "offset": 12, "length": 2}]}}  # fmt: skip
SPANS = (Span(0, 4, Style.MENTION, "5"), Span(6, 2, Style.BOLD))


async def test_an_edit_that_is_done_already_is_no_refusal(
    vk: ScriptedVk, connector: Connector
) -> None:
    vk.script("messages.getById", ok({"items": [SAID]}))
    vk.script("messages.edit", error(100), error(909))
    await connector.edit(CHAT, "31", Draft("Анна, да", SPANS))
    with pytest.raises(VkRefused) as caught:
        await connector.edit(CHAT, "31", Draft("Анна, да"))
    assert caught.value.code == 909


MINE, OTHER, ANOTHERS = (USER_ID, 1), (USER_ID, 2), (999, 1)


@pytest.mark.parametrize(("emoji", "known", "outcome"), [
    ("❤", MINE, nullcontext()), ("", ANOTHERS, nullcontext()),
    ("❤", OTHER, pytest.raises(VkRefused)), ("❤", ANOTHERS, pytest.raises(VkRefused)),
    ("", MINE, pytest.raises(VkRefused)),
])  # fmt: skip
async def test_a_reaction_that_is_there_already_is_no_refusal(
    vk: ScriptedVk,
    connector: Connector,
    emoji: str,
    known: tuple[int, int],
    outcome: AbstractContextManager[Any],
) -> None:
    vk.script("messages.sendReaction" if emoji else "messages.deleteReaction", error(1011))
    by = [{"user_id": known[0], "reaction_id": known[1]}]
    vk.script("messages.getReactedPeers", ok({"reactions": by}))
    with outcome:
        await connector.react(CHAT, "31", emoji)


async def test_one_refusal_stops_no_other_deletion(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.delete", ok([{"error": {"code": 924}}]), ok([{"response": 1}]))
    vk.script("messages.getById", ok({"items": [{"conversation_message_id": 1}]}))
    with pytest.raises(VkRefused) as caught:
        await connector.delete(CHAT, [str(number) for number in range(1, 151)])
    assert caught.value.code == 924
    assert [f["cmids"].count(",") + 1 for f in vk.called("messages.delete")] == [100, 50]


@pytest.mark.parametrize("emoji", ["❤️", "❤"])
async def test_a_reaction_is_its_number(vk: ScriptedVk, connector: Connector, emoji: str) -> None:
    vk.script("messages.sendReaction", ok(1))
    vk.script("messages.deleteReaction", ok(1))
    await connector.react(CHAT, "31", emoji)
    await connector.react(CHAT, "31", "")
    form = vk.called("messages.sendReaction")[0]
    assert (form["peer_id"], form["cmid"], form["reaction_id"]) == (CHAT, "31", "1")
    assert vk.called("messages.deleteReaction")[0]["cmid"] == "31"


async def test_a_reaction_vk_does_not_have_is_refused_unsent(
    vk: ScriptedVk, connector: Connector
) -> None:
    with pytest.raises(Refused):
        await connector.react(CHAT, "31", "🦄")
    assert vk.calls == []
    vk.script("messages.sendReaction", error(1011))
    vk.script("messages.getReactedPeers", ok({"reactions": []}))
    with pytest.raises(Refused):
        await connector.react(CHAT, "31", "👍")


async def test_typing_and_read_marks(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.setActivity", ok(1))
    vk.script("messages.markAsRead", ok(1))
    await connector.set_typing(CHAT)
    await connector.mark_read(CHAT, "31")
    assert vk.called("messages.setActivity")[0]["type"] == "typing"
    assert vk.called("messages.markAsRead")[0]["up_to_cmid"] == "31"


@pytest.mark.parametrize("chat_id", ["", "!room:school", "2000000007 "])
@pytest.mark.parametrize("act", [
    lambda c, chat: c.edit(chat, "1", Draft("x")), lambda c, chat: c.delete(chat, ["1"]),
    lambda c, chat: c.react(chat, "1", "👍"), lambda c, chat: c.set_typing(chat),
    lambda c, chat: c.mark_read(chat, "1"), lambda c, chat: c.members(chat),
    lambda c, chat: c.chat(chat),
])  # fmt: skip
async def test_chats_that_are_none_of_vks_are_refused_unsent(
    vk: ScriptedVk,
    connector: Connector,
    chat_id: str,
    act: Callable[[Connector, str], Awaitable[Any]],
) -> None:
    with pytest.raises(NetworkError) as caught:
        await act(connector, chat_id)
    assert isinstance(caught.value, Refused)
    assert caught.value.certain
    assert vk.calls == []


@pytest.mark.parametrize("message_id", ["", "x", "-1", "0", "9" * 20])
@pytest.mark.parametrize("act", [
    lambda c, one: c.edit(CHAT, one, Draft("x")), lambda c, one: c.delete(CHAT, ["1", one]),
    lambda c, one: c.react(CHAT, one, "👍"), lambda c, one: c.mark_read(CHAT, one),
])  # fmt: skip
async def test_messages_that_are_none_of_vks_are_refused_unsent(
    vk: ScriptedVk,
    connector: Connector,
    message_id: str,
    act: Callable[[Connector, str], Awaitable[Any]],
) -> None:
    with pytest.raises(Refused):
        await act(connector, message_id)
    assert vk.calls == []
