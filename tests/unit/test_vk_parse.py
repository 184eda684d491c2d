"""Long-poll updates and message objects, as the public documents lay them out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.network.base import RemoteMessage
from sferum_bridge.network.vk.parse import (
    Missing,
    parse_history,
    parse_message,
    parse_updates,
    unescape,
)

ME = "700001"
CHAT = 2000000007
ANNA = 700002


def new(**changes: Any) -> list[Any]:
    """Return a full new-layout message of Anna in a chat, with the named elements changed."""
    elements = {
        "code": 10004, "cmid": 31, "flags": 8192 + 1, "minor": 12, "peer": CHAT, "ts": 1700000000,
        "text": "Привет", "additional": {"title": " ... ", "from": str(ANNA)}, "attachments": {},
        "random_id": 0, "message_id": 9001, "update_ts": 0,
    }  # fmt: skip
    return list((elements | changes).values())


def old(*tail: Any, **changes: Any) -> list[Any]:
    elements = {
        "code": 4, "message_id": 9001, "flags": 8192 + 1, "peer": CHAT, "ts": 1700000000,
        "text": "Привет", "extra": {"from": str(ANNA)}, "attachments": {}, "random_id": 0,
    }  # fmt: skip
    return [*(elements | changes).values(), *tail]


def message(**changes: Any) -> RemoteMessage:
    fields: dict[str, Any] = {
        "chat_id": str(CHAT), "message_id": "31", "sender_id": str(ANNA), "text": "Привет",
        "sent_at": 1700000000,
    }  # fmt: skip
    return RemoteMessage(**(fields | changes))


def photo(number: int = 1) -> dict[str, str]:
    return {f"attach{number}_type": "photo", f"attach{number}": "1_2"}


CASES: list[tuple[str, list[Any], RemoteMessage]] = [
    ("chat", new(), message()),
    ("text is HTML", new(text="a &lt;b&gt; &amp;amp; &quot;c&quot;<br>d"),
     message(text='a <b> &amp; "c"\nd')),
    ("a typed <br> stays", new(text="&lt;br&gt;"), message(text="<br>")),
    ("what was not escaped stays", new(text="&copy 2 & co"), message(text="&copy 2 & co")),
    ("own echo", new(flags=8192 + 2, random_id=-77, additional={"from": ME}),
     message(sender_id=ME, outgoing=True, random_id=-77)),
    ("own echo, no author", new(flags=8192 + 2, random_id=77, additional={}),
     message(sender_id=ME, outgoing=True, random_id=77)),
    ("another's random_id is not ours", new(random_id=77), message()),
    ("dialogue", new(peer=ANNA, flags=1, additional={"title": " ... "}),
     message(chat_id=str(ANNA))),
    ("own in a dialogue", new(peer=ANNA, flags=2, additional=[]),
     message(chat_id=str(ANNA), sender_id=ME, outgoing=True)),
    ("new kind of user id", new(peer=200_000_000_001, flags=1, additional={}),
     message(chat_id="200000000001", sender_id="200000000001")),
    ("reply", new(attachments={"fwd": "0_0", "reply": '{"conversation_message_id":30}'}),
     message(reply_to="30")),
    ("unreadable reply", new(attachments={"reply": "{"}), message()),
    ("forward", new(text="", attachments={"fwd": "0_0"}), message(text="", notice="forward")),
    ("photos", new(attachments=photo() | photo(2)), message(notice="photo")),
    ("voice", new(text="", attachments={"attach1_type": "doc", "attach1_kind": "audiomsg"}),
     message(text="", notice="audio_message")),
    ("several kinds", new(attachments=photo(2) | {"attach1_type": "poll", "geo": "x"}),
     message(notice="poll, photo, geo")),
    ("a kind that is no word", new(attachments={"attach1_type": "<script>"}),
     message(notice="unknown")),
    ("counted, not named", new(attachments={"attachments_count": "1"}), message(notice="unknown")),
    ("nothing understood", new(text=""), message(text="", notice="unknown")),
    ("service", new(text="x", additional={"from": str(ANNA), "source_act": "chat_title_update"}),
     message(text="", notice="service:chat_title_update")),
    ("half a surrogate pair, NUL", new(text="a\ud800b\x00"), message(text="a\ufffdb\ufffd")),
    ("v21 carries more", [*new(), 1, 2], message()),
    ("old chat", old(31, 0), message()),
    ("old dialogue", old(31, 0, peer=ANNA, flags=1, extra={"title": " ... "}),
     message(chat_id=str(ANNA))),
    ("old own echo", old(31, 0, flags=8192 + 3, random_id=5, extra={"from": ME}),
     message(sender_id=ME, outgoing=True, random_id=5)),
    ("old reply and photo",
     old(31, attachments=photo() | {"reply": {"conversation_message_id": 2}}),
     message(reply_to="2", notice="photo")),
]  # fmt: skip


@pytest.mark.parametrize(("update", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_update(update: list[Any], expected: RemoteMessage) -> None:
    parsed = parse_updates([update], ME)
    assert parsed.entries == [expected]
    assert parsed.malformed == []


@pytest.mark.parametrize(
    "update",
    [
        [10004, 31, 131072 + 128, 12],
        [10004, 31, 131072 + 128, 12, CHAT],
        new(flags=8192 + 128),
        old(31, flags=8192 + 128),
        [4, 9001, 131072 + 128, CHAT],
        [10005, 31, 1, CHAT, 1700000000, "x", {}, {}, 0, 9001, 1700000001],
        [10003, 31, 131072, CHAT],
        [2, 9001, 128, CHAT],
        [63, CHAT, [ANNA], 1, 1700000000],
        [115, {"call_id": "x"}],
        [99999],
    ],
)
def test_updates_that_are_no_new_message_are_passed_by(update: list[Any]) -> None:
    parsed = parse_updates([update], ME)
    assert (parsed.entries, parsed.malformed) == ([], [])


@pytest.mark.parametrize("update", [old(), old(0), [4, 9001, 1, CHAT]])
def test_an_old_message_without_its_number_in_the_chat_is_asked_for(update: list[Any]) -> None:
    assert parse_updates([update], ME).entries == [Missing(message_id=9001)]


def test_malformed_updates_are_named_by_code_and_the_rest_goes_on() -> None:
    broken: list[Any] = [
        new(text=["no text"]), new(cmid=0), new(flags=None), new(additional={}), new(peer=2**70),
        new(additional="x"), [], None, ["private text"], [True], old(31, text=5),
    ]  # fmt: skip
    parsed = parse_updates([*broken, new()], ME)
    assert parsed.entries == [message()]
    assert parsed.malformed == ["10004"] * 6 + ["none"] * 4 + ["4"]


def item(**changes: Any) -> dict[str, Any]:
    fields = {
        "id": 9001, "conversation_message_id": 31, "date": 1700000000, "peer_id": CHAT,
        "from_id": ANNA, "out": 0, "text": "a &lt;b&gt;", "random_id": 0, "version": 100,
    }  # fmt: skip
    return fields | changes


ITEMS: list[tuple[str, dict[str, Any], RemoteMessage | None]] = [
    ("text is no HTML here", item(), message(text="a &lt;b&gt;")),
    ("own", item(from_id=700001, out=1, random_id=9),
     message(text="a &lt;b&gt;", sender_id=ME, outgoing=True, random_id=9)),
    ("reply", item(text="x", reply_message={"conversation_message_id": 30}),
     message(text="x", reply_to="30")),
    ("kinds", item(text="", attachments=[{"type": "photo"}, {"type": "photo"}, {"type": "doc"}],
                   fwd_messages=[{}], geo={"type": "point"}),
     message(text="", notice="photo, doc, forward, geo")),
    ("service", item(action={"type": "chat_invite_user", "member_id": 5}),
     message(text="", notice="service:chat_invite_user")),
    ("deleted", item(deleted=1), None),
    ("no number in the chat", item(conversation_message_id=0), None),
]  # fmt: skip


@pytest.mark.parametrize(("given_item", "expected"), [c[1:] for c in ITEMS])
def test_message_object(given_item: dict[str, Any], expected: RemoteMessage | None) -> None:
    assert parse_message(given_item, ME) == expected


def test_history_takes_new_messages_only_and_asks_for_those_without_object() -> None:
    history = [
        [10004, 31, 1, CHAT],
        [10005, 30, 1, CHAT],
        [4, 9005, 1, CHAT],
        [10004, 40, 1, CHAT],
        [10004, 41, 131072 + 128, CHAT],
        [10006, CHAT, 31],
        [10004, "?", 1, CHAT],
    ]
    items = [
        item(text="x"),
        item(conversation_message_id=30, id=9000),
        item(conversation_message_id=35, id=9005, text="y"),
    ]
    parsed = parse_history(history, items, ME)
    assert parsed.entries == [
        message(text="x"),
        message(text="y", message_id="35"),
        Missing(peer_id=CHAT, cmid=40),
    ]
    assert parsed.malformed == ["10004"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
keys = st.sampled_from(
    ["from", "source_act", "reply", "fwd", "geo", "attach1_type", "attach1_kind",
     "attachments_count", "conversation_message_id", "peer_id", "from_id", "id", "text", "date",
     "attachments", "action", "type", "deleted", "random_id", "reply_message"]
)  # fmt: skip
objects = st.dictionaries(keys, json_values)
near_updates = st.builds(
    lambda code, rest: [code, *rest],
    st.sampled_from([4, 10004]),
    st.lists(json_values | objects | st.integers(0, 2**33), max_size=14),
)


@given(st.lists(json_values | near_updates))
def test_whatever_comes_it_never_raises(updates: list[Any]) -> None:
    parsed = parse_updates(updates, ME)
    assert len(parsed.entries) + len(parsed.malformed) <= len(updates)


@given(st.lists(near_updates) | json_values, st.lists(objects) | json_values)
def test_whatever_a_history_holds_it_never_raises(history: Any, items: Any) -> None:
    parse_history(history, items, ME)
    for one in items if isinstance(items, list) else []:
        parse_message(one, ME)


@given(st.text())
def test_unescape_undoes_what_vk_does(text: str) -> None:
    escaped = (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
    assert unescape(escaped.replace("\n", "<br>")) == text


@given(st.text(alphabet=st.characters(), max_size=50))
def test_texts_can_be_stored_as_utf8_without_nul(text: str) -> None:
    entry = parse_updates([new(text=text)], ME).entries[0]
    assert isinstance(entry, RemoteMessage)
    assert b"\x00" not in entry.text.encode()
