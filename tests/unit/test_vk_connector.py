"""Chats, contacts, sending against scripted raw replies; our requests against VK's schema."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    Connector,
    Contact,
    Member,
    NetworkError,
    Refused,
    RemoteChat,
    Unavailable,
)
from sferum_bridge.network.content import Draft, FileKind, Place, Span, Style
from sferum_bridge.network.vk import VkNetwork, VkSettings
from tests.support.vk_script import COOKIE, Raw, ScriptedVk, error, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHAT = 2000000007
ANNA = {"id": 700002, "first_name": "Анна", "last_name": "Вымышленная", "photo_200": "https://a/b"}
GROUP = {"id": 9, "name": "Школа", "photo_200": "https://c/d"}
SCHEMA = Path(
    os.environ.get("SFERUM_VK_SCHEMA")
    or Path(__file__).resolve().parents[2].parent / "shared" / "vk-api-schema"
)


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


def chat(number: int, **settings: Any) -> dict[str, Any]:
    peer = {"id": 2000000000 + number, "type": "chat", "local_id": number}
    fields = {"title": f"Чат {number}", "members_count": 3, "state": "in"} | settings
    return {"conversation": {"peer": peer, "chat_settings": fields}, "last_message": {}}


def dialogue(peer_id: int, kind: str = "user") -> dict[str, Any]:
    return {"conversation": {"peer": {"id": peer_id, "type": kind, "local_id": 1}}}


def page(count: int, items: list[Any]) -> dict[str, Any]:
    return ok({"count": count, "items": items, "profiles": [ANNA], "groups": [GROUP]})


async def test_chats_are_those_the_account_is_in(vk: ScriptedVk, connector: Connector) -> None:
    broken = [{}, {"conversation": {"peer": {"id": "x"}}}, None, {"conversation": None}]
    left = [chat(8, state="kicked"), chat(9, state="left")]
    vk.script(
        "messages.getConversations",
        page(9, [chat(7), dialogue(700002), dialogue(-9, "group"), *left, *broken]),
    )
    assert await connector.chats() == [
        RemoteChat(str(CHAT), "Чат 7", is_group=True, member_count=3),
        RemoteChat(
            "700002",
            "Анна Вымышленная",
            is_group=False,
            avatar_url="https://a/b",
            partner_id="700002",
        ),
        RemoteChat("-9", "Школа", is_group=False, avatar_url="https://c/d"),
    ]


async def test_a_list_of_chats_tells_when_they_were_last_written_in(
    vk: ScriptedVk, connector: Connector
) -> None:
    items = [dialogue(700002) | {"last_message": {"date": 1_790_000_000}}, chat(7)]
    items.append(dialogue(700003) | {"last_message": {"date": "yesterday"}})
    vk.script("messages.getConversations", page(3, items))
    assert [found.written_at for found in await connector.chats()] == [1_790_000_000, 0, 0]


async def test_a_chat_has_a_photo_and_a_pinned_message(
    vk: ScriptedVk, connector: Connector
) -> None:
    settings = {"photo": {"photo_200": "https://e/f"}}
    pinned = {"pinned_message": {"id": 1, "conversation_message_id": 30}}
    shown = chat(7, **settings, **pinned)["conversation"]
    vk.script("messages.getConversationsById", page(1, [shown]))
    assert await connector.chat(str(CHAT)) == RemoteChat(
        str(CHAT), "Чат 7", is_group=True, member_count=3, avatar_url="https://e/f", pinned="30"
    )
    assert vk.called("messages.getConversationsById")[0]["peer_ids"] == str(CHAT)


@pytest.mark.parametrize("items", [[], [chat(7, state="left")["conversation"]], [None]])
async def test_a_chat_the_account_is_not_in_is_refused(
    vk: ScriptedVk, connector: Connector, items: list[Any]
) -> None:
    vk.script("messages.getConversationsById", page(1, items))
    with pytest.raises(Refused):
        await connector.chat(str(CHAT))


async def test_members_come_by_the_thousand(vk: ScriptedVk, connector: Connector) -> None:
    def members(*listed: Any) -> dict[str, Any]:
        return page(1001, [{"member_id": one} if type(one) is int else one for one in listed])

    anna = {"member_id": 700002, "is_admin": True}
    group = {"member_id": -9, "is_owner": 1}
    vk.script("messages.getConversationMembers", members(anna, None, {}), members(group, 5, 700002))
    assert await connector.members(str(CHAT)) == [
        Member(Contact("700002", "Анна Вымышленная", "https://a/b")),
        Member(Contact("-9", "Школа", "https://c/d"), is_admin=True),
        Member(Contact("5", "")),
    ]
    asked = vk.called("messages.getConversationMembers")
    assert [(f["offset"], f["count"]) for f in asked] == [("0", "1000"), ("1000", "1000")]


async def test_a_chat_that_jumps_to_the_front_meanwhile_is_not_missed(
    vk: ScriptedVk, connector: Connector
) -> None:
    # 250 chats; while the first page was read, the last one became the newest.
    vk.script(
        "messages.getConversations",
        page(250, [chat(n) for n in range(1, 201)]),
        page(250, [chat(n) for n in range(200, 250)]),
        page(250, [chat(250), *[chat(n) for n in range(1, 200)]]),
    )
    found = [found.id for found in await connector.chats()]
    assert len(found) == len(set(found)) == 250
    assert [f["offset"] for f in vk.called("messages.getConversations")] == ["0", "200", "0"]


async def test_contacts_are_people_and_communities(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("users.get", ok([ANNA, {"id": "x"}, None]))
    vk.script("groups.getById", ok({"groups": [GROUP], "profiles": []}))
    assert await connector.contacts(["700002", "-9", "not one", "", "700002", "0"]) == [
        Contact("700002", "Анна Вымышленная", "https://a/b"),
        Contact("-9", "Школа", "https://c/d"),
    ]
    assert vk.called("users.get")[0]["user_ids"] == "700002"
    assert vk.called("groups.getById")[0]["group_ids"] == "9"


async def test_contacts_nobody_knows_are_left_out(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("users.get", error(113))
    assert await connector.contacts(["700002"]) == []
    assert await connector.contacts([]) == []
    assert len(vk.called("users.get")) == 1


async def test_contacts_go_out_by_the_thousand(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("users.get", ok([]))
    await connector.contacts([str(n) for n in range(1, 1502)])
    assert [f["user_ids"].count(",") + 1 for f in vk.called("users.get")] == [1000, 501]


async def test_send_returns_where_the_message_is(vk: ScriptedVk, connector: Connector) -> None:
    vk.script("messages.send", ok({"cmid": 31, "message_id": 9001}))
    sent = await connector.send(str(CHAT), Draft("Привет <b> & Ко\n"), random_id=-5, reply_to="30")
    assert (sent.chat_id, sent.message_id) == (str(CHAT), "31")
    form = vk.called("messages.send")[0]
    assert (form["peer_id"], form["random_id"]) == (str(CHAT), "-5")
    assert form["message"] == "Привет <b> & Ко\n"
    assert json.loads(form["forward"]) == {
        "peer_id": CHAT, "conversation_message_ids": [30], "is_reply": True,
    }  # fmt: skip


@pytest.mark.parametrize("reply", [9001, {"message_id": 9001}])
async def test_older_versions_reply_an_id_from_which_the_cmid_is_learnt(
    vk: ScriptedVk, connector: Connector, reply: Any
) -> None:
    vk.script("messages.send", ok(reply))
    found = {"id": 9001, "conversation_message_id": 31}
    vk.script("messages.getById", ok({"count": 1, "items": [found]}))
    assert (await connector.send(str(CHAT), Draft("x"), random_id=1)).message_id == "31"
    assert vk.called("messages.getById")[0]["message_ids"] == "9001"


@pytest.mark.parametrize(
    "reply", [error(6), error(100), error(14), Raw(status=500), ok({"items": []}), ok(None)]
)
async def test_once_sent_no_error_claims_that_nothing_happened(
    vk: ScriptedVk, connector: Connector, reply: Any
) -> None:
    vk.script("messages.send", ok(9001))
    vk.script("messages.getById", reply)
    with pytest.raises(NetworkError) as caught:
        await connector.send(str(CHAT), Draft("x"), random_id=1)
    assert not caught.value.certain


@pytest.mark.parametrize("reply", [ok(None), ok("x"), ok([]), ok(True), ok({})])
async def test_a_send_reply_that_names_no_message_is_unavailable(
    vk: ScriptedVk, connector: Connector, reply: Any
) -> None:
    vk.script("messages.send", reply)
    with pytest.raises(Unavailable):
        await connector.send(str(CHAT), Draft("x"), random_id=1)


@pytest.mark.parametrize(
    ("chat_id", "reply_to"),
    [("", ""), ("!room", ""), ("7" * 30, ""), ("7", "x"), ("7", "-1"), ("7", "9" * 30)],
)
async def test_ids_that_are_none_of_vks_are_refused_unsent(
    vk: ScriptedVk, connector: Connector, chat_id: str, reply_to: str
) -> None:
    with pytest.raises(Refused):
        await connector.send(chat_id, Draft("x"), random_id=1, reply_to=reply_to)
    assert vk.calls == []


@pytest.mark.parametrize("random_id", [0, 2**31, -(2**31) - 1])
async def test_a_random_id_that_does_not_deduplicate_is_a_mistake(
    connector: Connector, random_id: int
) -> None:
    with pytest.raises(ValueError, match="random_id"):
        await connector.send("7", Draft("x"), random_id=random_id)


def parameters_of(method: str) -> dict[str, Any]:
    """Return the schema of a method's parameters by name."""
    file = SCHEMA / method.split(".", maxsplit=1)[0] / "methods.json"
    methods = json.loads(file.read_text())["methods"]
    found = next(one for one in methods if one["name"] == method)
    return {parameter["name"]: parameter for parameter in found["parameters"]}


def breaches(schema: dict[str, Any], text: str) -> list[str]:
    """Say in what a form value breaks the schema of its parameter."""
    if schema["type"] == "array":
        parts = text.split(",")
        most = schema.get("maxItems")
        wrong = [w for part in parts for w in breaches({"type": "string"} | schema["items"], part)]
        return wrong + (["too many"] if most and len(parts) > most else [])
    if schema["type"] == "boolean":
        return [] if text in {"0", "1"} else ["no boolean"]
    if schema["type"] == "integer":
        number = int(text)
        low, high = schema.get("minimum", number), schema.get("maximum", number)
        return [] if low <= number <= high else ["out of bounds"]
    if schema["type"] == "number":
        float(text)
    return ["too long"] if len(text) > schema.get("maxLength", len(text)) else []


NOT_IN_THE_SCHEMA = {"format_data", "upload_v2"}
"""Parameters that clients send and VK has not described (docs/sferum.md)."""


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.skipif(not SCHEMA.is_dir(), reason="VK's API schema is not there")
async def test_our_requests_keep_vks_own_schema(vk: ScriptedVk, connector: Connector) -> None:
    chat_id = str(CHAT)
    known = {"id": 9001, "conversation_message_id": 31, "peer_id": CHAT, "from_id": 700002}
    vk.script("users.get", ok([ANNA]))
    vk.script("groups.getById", ok([GROUP]))
    vk.script("messages.getConversations", page(1, [chat(7)]))
    vk.script("messages.getConversationsById", page(1, [chat(7)["conversation"]]))
    vk.script("messages.getConversationMembers", page(1, [{"member_id": 700002}]))
    vk.script("messages.getHistory", ok({"count": 900, "items": [known]}))
    vk.script("messages.send", ok(9001))
    vk.script("messages.getById", ok({"items": [known]}))
    vk.serve_long_poll(ts=200, pts=60)
    entries = [[10004, 31, 1, CHAT], [601, 2, CHAT, 31]]
    vk.script("messages.getLongPollHistory", ok({"history": entries, "new_pts": 60, "more": 0}))
    counter = {"reaction_id": 1, "count": 9, "user_ids": [1, 2, 3]}
    vk.script("messages.getMessagesReactions", ok({"items": [{"cmid": 31, "counters": [counter]}]}))
    vk.script("messages.getReactedPeers", ok({"reactions": []}))
    vk.script("messages.delete", ok([]))
    for method in ("edit", "sendReaction", "deleteReaction", "setActivity", "markAsRead"):
        vk.script(f"messages.{method}", ok(1))
    vk.script("photos.getMessagesUploadServer", ok({"upload_url": f"{vk.url}/upload"}))
    vk.script("photos.saveMessagesPhoto", ok([{"owner_id": 1, "id": 2}]))
    vk.script("docs.getMessagesUploadServer", ok({"upload_url": f"{vk.url}/upload"}))
    vk.script("docs.save", ok({"type": "doc", "doc": {"owner_id": 1, "id": 2}}))
    vk.script("video.save", ok({"upload_url": f"{vk.url}/upload", "owner_id": 1, "video_id": 2}))
    vk.uploads.append({"server": 1, "photo": "[{}]", "hash": "ab", "file": "token"})

    await connector.contacts(["-9", *[str(n) for n in range(1, 1501)]])
    await connector.chats()
    await connector.chat(chat_id)
    await connector.members(chat_id)
    await connector.history(chat_id, after="5", limit=500)
    names = [
        await connector.upload(chat_id, kind, "x.bin", mime, pieces(b"x"))
        for kind, mime in (
            (FileKind.PHOTO, "image/png"), (FileKind.VOICE, "audio/ogg"),
            (FileKind.DOCUMENT, "text/plain"), (FileKind.VIDEO, "video/mp4"),
        )
    ]  # fmt: skip
    draft = Draft("x" * 4096, (Span(0, 9, Style.BOLD),), tuple(names), Place(-55.75, 37.6))
    await connector.send(chat_id, draft, random_id=-(2**31), reply_to="30")
    await connector.edit(chat_id, "31", draft)
    await connector.delete(chat_id, [str(n) for n in range(1, 151)])
    await connector.react(chat_id, "31", "❤️")
    await connector.react(chat_id, "31", "")
    await connector.set_typing(chat_id)
    await connector.mark_read(chat_id, "31")
    async for batch in connector.listen('{"ts":100,"pts":50}'):
        assert batch.events
        break
    assert len({method for method, _ in vk.calls}) == 23
    for method, form in vk.calls:
        described = parameters_of(method)
        for name, value in form.items():
            if name in {"access_token", "v", "lang"} | NOT_IN_THE_SCHEMA:
                continue
            assert name in described, f"{method} has no parameter {name}"
            assert breaches(described[name], value) == [], (method, name)
        missing = [n for n, p in described.items() if p.get("required") is True and n not in form]
        assert missing == [], method


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        "call",
        {"call_id": "c"},
        {"call_id": 7, "join_link": "https://vk.com/call/join/x"},
        {"call_id": "c" * 37, "join_link": "https://vk.com/call/join/x"},
        {"call_id": "c", "join_link": "javascript:alert(1)"},
        {"call_id": "c", "join_link": "http://vk.com/call/join/x"},
    ],
)
async def test_a_call_without_a_link_is_none(
    vk: ScriptedVk, connector: Connector, answer: Any
) -> None:
    vk.script("calls.start", ok(answer))
    with pytest.raises(Unavailable):
        await connector.start_call()
