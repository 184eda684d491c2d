"""Long-poll updates of every version, as the public documents lay them out."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sferum_bridge.network.base import (
    RemoteChange,
    RemoteDeletion,
    RemoteEdit,
    RemoteMessage,
    RemoteRead,
    RemoteTyping,
    Service,
    ServiceKind,
)
from sferum_bridge.network.content import Content, Other, Span, Style
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.updates import (
    Ask,
    Entry,
    Reacted,
    Want,
    parse_history,
    parse_updates,
)
from sferum_bridge.network.vk.values import MalformedError

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


def edit(code: int = 10005, **changes: Any) -> list[Any]:
    elements = new(code=code, **changes)
    return [*elements[:3], *elements[4:]]


def message(content: Content | str = "Привет", **changes: Any) -> RemoteMessage:
    fields: dict[str, Any] = {
        "chat_id": str(CHAT), "message_id": "31", "sender_id": str(ANNA), "sent_at": 1700000000,
        "content": Content(content) if isinstance(content, str) else content,
    }  # fmt: skip
    return RemoteMessage(**(fields | changes))


def hinted(*kinds: str, text: str = "Привет", **changes: Any) -> Ask:
    """Return the message that is to be asked for because of what is attached."""
    content = Content(text, parts=tuple(Other(kind) for kind in kinds))
    return Ask(Want.MESSAGE, CHAT, 31, hint=message(content, **changes))


def photo(number: int = 1) -> dict[str, str]:
    return {f"attach{number}_type": "photo", f"attach{number}": "1_2"}


def served(kind: ServiceKind, **more: Any) -> RemoteMessage:
    return message(Content(), service=Service(kind, **more))


def act(**keys: Any) -> list[Any]:
    extra = {"from": str(ANNA), **{f"source_{key}": value for key, value in keys.items()}}
    return new(text="не поддерживается", additional=extra, attachments=photo())


STYLES = {"version": 1, "items": [{"type": "bold", "offset": 0, "length": 2}]}
LIVE: list[tuple[str, list[Any], Entry]] = [
    ("chat", new(), message()),
    ("text is HTML", new(text="a &lt;b&gt; &amp;amp; &quot;c&quot;<br>d"),
     message('a <b> &amp; "c"\nd')),
    ("a typed <br> stays", new(text="&lt;br&gt;"), message("<br>")),
    ("mention", new(text="[id5|Анна]"),
     message(Content("Анна", (Span(0, 4, Style.MENTION, "5"),)))),
    ("styles", new(text="&lt;b", additional={"from": str(ANNA), "format_data": json.dumps(STYLES)}),
     message(Content("<b", (Span(0, 2, Style.BOLD),)))),
    ("styles elsewhere", new(text="ab", attachments={"format_data": STYLES}),
     message(Content("ab", (Span(0, 2, Style.BOLD),)))),
    ("own echo", new(flags=8192 + 2, random_id=-77, additional={"from": ME}),
     message(sender_id=ME, outgoing=True, random_id=-77)),
    ("own echo, no author", new(flags=8192 + 2, random_id="77", additional={}),
     message(sender_id=ME, outgoing=True, random_id=77)),
    ("another's random_id is not ours", new(random_id=77), message()),
    ("a random_id that is none", new(flags=8194, random_id=2**40),
     message(outgoing=True, sender_id=str(ANNA))),
    ("dialogue", new(peer=ANNA, flags=1, additional={"title": " ... "}),
     message(chat_id=str(ANNA))),
    ("own in a dialogue", new(peer=ANNA, flags=2, additional=[]),
     message(chat_id=str(ANNA), sender_id=ME, outgoing=True)),
    ("new kind of user id", new(peer=200_000_000_001, flags=1, additional={}),
     message(chat_id="200000000001", sender_id="200000000001")),
    ("community", new(peer=-5, flags=1, additional=None), message(chat_id="-5", sender_id="-5")),
    ("reply", new(attachments={"fwd": "0_0", "reply": '{"conversation_message_id":30}'}),
     message(reply_to="30")),
    ("reply as an object", new(attachments={"reply": {"conversation_message_id": 30}}),
     message(reply_to="30")),
    ("unreadable reply", new(attachments={"reply": "{"}), message()),
    ("buttons",
     new(additional={"from": str(ANNA), "keyboard": {"buttons": [[{"action": {"label": "Да"}}]]}}),
     message(Content("Привет", buttons=("Да",)))),
    ("forward", new(text="", attachments={"fwd": "0_0"}), hinted("forward", text="")),
    ("photos", new(attachments=photo() | photo(2)), hinted("photo")),
    ("voice", new(text="", attachments={"attach1_type": "doc", "attach1_kind": "audiomsg"}),
     hinted("audio_message", text="")),
    ("several kinds", new(attachments=photo(2) | {"attach1_type": "poll", "geo": "x"}),
     hinted("poll", "photo", "geo")),
    ("a kind that is no word", new(attachments={"attach1_type": "<script>"}), hinted("unknown")),
    ("counted, not named", new(attachments={"attachments_count": "1"}), hinted("unknown")),
    ("counted as none", new(attachments={"attachments_count": "0"}), message()),
    ("nothing understood", new(text=""), hinted("unknown", text="")),
    ("template", new(additional={"from": str(ANNA), "has_template": "1"}), hinted()),
    ("half a surrogate pair, NUL", new(text="a\ud800b\x00"), message("a\ufffdb\ufffd")),
    ("v21 carries more", [*new(), 1, 2], message()),
    ("its time is over", new(additional={"from": str(ANNA), "is_expired": "1"}),
     RemoteDeletion(str(CHAT), "31", for_all=True)),
    ("created", act(act="chat_create", text="7 &quot;А&quot;"),
     served(ServiceKind.CREATED, title='7 "А"')),
    ("renamed", act(act="chat_title_update", text="7Б", old_text="7А"),
     served(ServiceKind.RENAMED, title="7Б")),
    ("left", act(act="chat_kick_user", mid=str(ANNA)),
     served(ServiceKind.LEFT, subject_id=str(ANNA))),
    ("pinned", act(act="chat_pin_message", mid=str(ANNA), message="x", chat_local_id="30"),
     served(ServiceKind.PINNED, subject_id=str(ANNA), message_id="30")),
    ("edited", edit(), RemoteEdit(message())),
    ("an edited reply has lost what it answers", edit(attachments={"fwd": "0_0"}),
     Ask(Want.EDIT, CHAT, 31, hint=message(Content("Привет", parts=(Other("forward"),))))),
    ("updated", edit(10018), RemoteEdit(message())),
    ("time over", edit(10018, text="", additional={"from": str(ANNA), "is_expired": "1"}),
     RemoteDeletion(str(CHAT), "31", for_all=True)),
    ("deleted no more", edit(10003), Ask(Want.EDIT, CHAT, 31)),
    ("deleted no more, short", [10003, 31, 128, CHAT], Ask(Want.EDIT, CHAT, 31)),
    ("no text", new(text=["no text"]), Ask(Want.MESSAGE, CHAT, 31)),
    ("no author", new(additional={}), Ask(Want.MESSAGE, CHAT, 31)),
    ("no mapping", edit(attachments="x"), Ask(Want.EDIT, CHAT, 31)),
    ("cut", [10005, 31, 1, CHAT], Ask(Want.EDIT, CHAT, 31)),
    ("deleted before it came", [10004, 31, 131072 + 128, 12, CHAT],
     RemoteDeletion(str(CHAT), "31", for_all=True)),
    ("deleted before its edit came", [10005, 31, 131072 + 128, CHAT],
     RemoteDeletion(str(CHAT), "31", for_all=True)),
    ("came deleted", new(flags=8192 + 128), RemoteDeletion(str(CHAT), "31", for_all=False)),
    ("deleted for all", [10002, 31, 131072 + 128, CHAT],
     RemoteDeletion(str(CHAT), "31", for_all=True)),
    ("deleted for me", [10002, 31, 128, CHAT, 9001],
     RemoteDeletion(str(CHAT), "31", for_all=False)),
    ("fetch again", [10019, 31], Ask(Want.EDIT, message_id=31)),
    ("fetch again, with its chat", [10019, 31, CHAT], Ask(Want.EDIT, CHAT, 31)),
    ("I have read", [10006, CHAT, 31, 0], RemoteRead(str(CHAT), ME, "31")),
    ("somebody has read", [10007, CHAT, 31, 0], RemoteRead(str(CHAT), "", "31")),
    ("the other has read", [10007, ANNA, 31], RemoteRead(str(ANNA), str(ANNA), "31")),
    ("pinned message", [52, 5, CHAT, 31], RemoteChange(str(CHAT))),
    ("joined", [52, 6, CHAT, ANNA], RemoteChange(str(CHAT))),
    ("old change", [51, 7, 1], RemoteChange(str(CHAT))),
    ("typing", [63, CHAT, [ANNA, 700001, 5], 3, 1], RemoteTyping(str(CHAT), (str(ANNA), "5"))),
    ("typing, the other order", [63, [ANNA], CHAT, 1, 1], RemoteTyping(str(CHAT), (str(ANNA),))),
    ("speaking", [64, CHAT, [ANNA], 1, 1], RemoteTyping(str(CHAT), (str(ANNA),))),
    ("filming", [68, ANNA, [ANNA], 1, 1], RemoteTyping(str(ANNA), (str(ANNA),))),
    ("old typing", [61, ANNA, 1], RemoteTyping(str(ANNA), (str(ANNA),))),
    ("old typing in a chat", [62, ANNA, 7], RemoteTyping(str(CHAT), (str(ANNA),))),
    ("old message", [4, 9001, 1, CHAT, 17, "x", {"from": str(ANNA)}, {}, 0, 31],
     Ask(Want.MESSAGE, message_id=9001)),
    ("old edit", [5, 9001, 1, CHAT, 17, "x", {}, {}], Ask(Want.EDIT, message_id=9001)),
    ("old deletion", [2, 9001, 128, CHAT], Ask(Want.DELETION, message_id=9001)),
    ("old deletion for all", [2, 9001, 131072 + 128, CHAT],
     Ask(Want.DELETION_FOR_ALL, message_id=9001)),
    ("old read mark", [6, CHAT, 9001], Ask(Want.READ_BY_ME, message_id=9001)),
    ("old read mark of others", [7, CHAT, 9001, 0], Ask(Want.READ_BY_PEER, message_id=9001)),
    ("reactions", [601, 1, CHAT, 31, 2, 2, 5, 4, 2, 2, 11, 12, 4, 32, 1, 1, 13],
     Reacted(CHAT, 31, {11: 4, 12: 4, 13: 32})),
    ("another's reaction", [601, 2, CHAT, 31, 1, 4, 30, 1, 1, 11, 1, 11, 30],
     Reacted(CHAT, 31, {11: 30})),
    ("the last reaction removed", [601, 4, CHAT, 31, 0], Reacted(CHAT, 31, {})),
    ("too many to be named", [601, 2, CHAT, 31, 1, 3, 2, 3, 0, 0, 6],
     Ask(Want.REACTIONS, CHAT, 31)),
    ("not all are named", [601, 2, CHAT, 31, 1, 4, 2, 3, 1, 11], Ask(Want.REACTIONS, CHAT, 31)),
    ("unreadable reactions", [601, 2, CHAT, 31, 5, "x"], Ask(Want.REACTIONS, CHAT, 31)),
    ("cut reactions", [601, 2, CHAT, 31], Ask(Want.REACTIONS, CHAT, 31)),
]  # fmt: skip


@pytest.mark.parametrize(("update", "expected"), [c[1:] for c in LIVE], ids=[c[0] for c in LIVE])
def test_update(update: list[Any], expected: Entry) -> None:
    parsed = parse_updates([update], ME)
    assert parsed.entries == [expected]
    assert parsed.malformed == []


@pytest.mark.parametrize(
    "update",
    [
        [10004, 31, 131072 + 128, 12],
        [4, 9001, 131072 + 128, CHAT],
        [10002, 31, 8, CHAT],
        [10003, 31, 1, CHAT],
        [10003, 31, 131072],
        [2, 9001, 4096, CHAT],
        [52, 4, CHAT, 0],
        [63, CHAT, [700001], 1, 1700000000],
        [8, -5, 1, 17],
        [10013, CHAT, 31],
        [115, {"call_id": "x"}],
        [602, CHAT, 1, 31],
        [99999],
    ],
    ids=str,
)
def test_updates_that_tell_the_bridge_nothing_are_passed_by(update: list[Any]) -> None:
    parsed = parse_updates([update], ME)
    assert (parsed.entries, parsed.malformed) == ([], [])


def test_malformed_updates_are_named_by_code_and_the_rest_goes_on() -> None:
    broken: list[Any] = [
        new(cmid=0), new(peer=2**70), [10006, CHAT], [52], [63, CHAT, "x"], [601, 1], [2, "x", 128],
        [], None, ["private text"], [True], [10**30, 1], [10002, 31, None, CHAT],
    ]  # fmt: skip
    parsed = parse_updates([*broken, new()], ME)
    assert parsed.entries == [message()]
    assert parsed.malformed == [
        "10004", "10004", "10006", "52", "63", "601", "2", "none", "none", "none", "none", "10002",
    ]  # fmt: skip


@pytest.mark.parametrize("code", [*range(1, 10), 51, 52, *range(61, 69), 601, *range(10002, 10020)])
def test_updates_cut_anywhere_never_raise(code: int) -> None:
    fillings: list[Any] = [None, 5, "x", [], {}, CHAT]
    for length in range(13):
        for filling in fillings:
            update = [code, *[filling] * length]
            for parsed in (parse_updates([update], ME), parse_history([update], ME)):
                assert len(parsed.entries) + len(parsed.malformed) <= 1


def test_in_a_history_messages_are_cut_to_their_names() -> None:
    history = [
        [10004, 31, 1, CHAT],
        [10005, 30, 1, CHAT],
        [10018, 29, 1, CHAT],
        [10003, 28, 128, CHAT],
        [4, 9005, 1, CHAT],
        [10004, 41, 131072 + 128, CHAT],
        [10006, CHAT, 31],
        [10004, "?", 1, CHAT],
    ]
    parsed = parse_history(history, ME)
    assert parsed.entries == [
        Ask(Want.MESSAGE, CHAT, 31),
        Ask(Want.EDIT, CHAT, 30),
        Ask(Want.EDIT, CHAT, 29),
        Ask(Want.EDIT, CHAT, 28),
        Ask(Want.MESSAGE, message_id=9005),
        RemoteDeletion(str(CHAT), "41", for_all=True),
        RemoteRead(str(CHAT), ME, "31"),
    ]
    assert parsed.malformed == ["10004"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
near_updates = st.builds(
    lambda code, rest: [code, *rest],
    st.sampled_from([2, 4, 5, 6, 51, 52, 61, 63, 601, 10002, 10003, 10004, 10005, 10006, 10019]),
    st.lists(json_values | st.integers(0, 2**33), max_size=14),
)


@settings(max_examples=50)
@given(st.lists(json_values | near_updates, max_size=5) | json_values)
def test_whatever_comes_it_never_raises(updates: Any) -> None:
    for parsed in (parse_updates(updates, ME), parse_history(updates, ME)):
        read = len(parsed.entries) + len(parsed.malformed)
        assert read <= (len(updates) if isinstance(updates, list) else 0)


ODD: list[Any] = [
    None, True, 0, -1, 2**70, 1.5, float("nan"), float("inf"), "", "x", "-5", "\ud800", "\x00",
    "9" * 30, "{", "[1]", '{"buttons": 5}', [], [[]], [None], {}, {"items": [5]},
    {"url": "https://a"}, CHAT,
]  # fmt: skip


def mutated(value: Any, chance: Random, odds: float = 0.15) -> Any:
    """Return a value in which something is replaced, lost or one too many."""
    if chance.random() < odds:
        return chance.choice(ODD)
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if chance.random() > odds / 3}
        return {key: mutated(one, chance, odds / 2) for key, one in kept.items()}
    if isinstance(value, list):
        some = [mutated(one, chance, odds / 2) for one in value if chance.random() > odds / 3]
        if chance.random() < odds:
            some.insert(chance.randrange(len(some) + 1), chance.choice(ODD))
        return some
    return value


UPDATES = [update for _, update, _ in LIVE]
ITEM = {
    "id": 9001, "conversation_message_id": 31, "date": 1700000000, "peer_id": CHAT,
    "from_id": ANNA, "out": 0, "text": "[id5|x] y", "random_id": 0, "format_data": STYLES,
    "attachments": [{"type": "photo", "photo": {"sizes": [{"url": "https://a", "width": 1}]}},
                    {"type": "audio_message", "audio_message": {"link_ogg": "https://a"}},
                    {"type": "wall", "wall": {"id": 1, "copy_history": [{"id": 1}]}},
                    {"type": "poll", "poll": {"answers": [{"text": "x", "votes": 1}]}}],
    "fwd_messages": [{"from_id": 5, "text": "x", "fwd_messages": [{"text": "y"}]}],
    "geo": {"coordinates": {"latitude": 1, "longitude": 1}}, "reply_message": {"id": 5},
    "keyboard": {"buttons": [[{"action": {"label": "x"}}]]},
}  # fmt: skip


seeds = st.integers(0, 2**32).map(Random)


@given(seeds)
def test_updates_with_something_wrong_in_them_never_raise(chance: Random) -> None:
    updates = [mutated(update, chance) for update in UPDATES]
    parse_updates(updates, ME)
    parse_history(updates, ME)


@given(seeds)
def test_objects_with_something_wrong_in_them_are_read_or_malformed(chance: Random) -> None:
    for _ in range(20):
        try:
            read = read_message(mutated(ITEM, chance), ME).message
        except MalformedError:
            continue
        if read is not None:
            assert read.service or not read.content.is_empty
            assert b"\x00" not in read.content.text.encode()
