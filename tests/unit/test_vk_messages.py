"""Message objects of VK's API, as the public documents lay them out."""

from __future__ import annotations

from typing import Any

import pytest

from sferum_bridge.network.base import RemoteMessage, Service, ServiceKind, TooBig
from sferum_bridge.network.content import Content, Other, Place, Quote, Span, Style
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.transport import read_json
from sferum_bridge.network.vk.values import MalformedError

ME = "700001"
CHAT = 2000000007
ANNA = 700002


def item(**changes: Any) -> dict[str, Any]:
    fields = {
        "id": 9001, "conversation_message_id": 31, "date": 1700000000, "peer_id": CHAT,
        "from_id": ANNA, "out": 0, "text": "a &lt;b&gt;", "random_id": 0, "version": 100,
    }  # fmt: skip
    return fields | changes


def foreign(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"from_id": 5, "date": 7, "text": text, **more}


def message(content: Content | str = "a &lt;b&gt;", **changes: Any) -> RemoteMessage:
    fields: dict[str, Any] = {
        "chat_id": str(CHAT), "message_id": "31", "sender_id": str(ANNA), "sent_at": 1700000000,
        "content": Content(content) if isinstance(content, str) else content,
    }  # fmt: skip
    return RemoteMessage(**(fields | changes))


def unknown(*kinds: str, **more: Any) -> Content:
    return Content(parts=tuple(Other(kind) for kind in kinds or ("unknown",)), **more)


CASES: list[tuple[str, dict[str, Any], RemoteMessage | None]] = [
    ("text is no HTML here", item(), message()),
    ("own", item(from_id=700001, out=1, random_id=9),
     message(sender_id=ME, outgoing=True, random_id=9)),
    ("another's random_id is not ours", item(random_id=9), message()),
    ("styles", item(text="ab", format_data={"items": [{"type": "bold", "offset": 0, "length": 1}]}),
     message(Content("ab", (Span(0, 1, Style.BOLD),)))),
    ("reply", item(reply_message={"conversation_message_id": 30, "peer_id": CHAT}),
     message(reply_to="30")),
    ("reply without its chat", item(reply_message={"conversation_message_id": 30}),
     message(reply_to="30")),
    ("reply from elsewhere",
     item(reply_message=foreign(conversation_message_id=30, peer_id=5)),
     message(Content("a &lt;b&gt;", quotes=(Quote("5", 7, Content("x")),)))),
    ("forwards", item(text="", fwd_messages=[foreign(), foreign("y", fwd_messages=[foreign("z")])]),
     message(Content(quotes=(
         Quote("5", 7, Content("x")),
         Quote("5", 7, Content("y", quotes=(Quote("5", 7, Content("z")),))))))),
    ("a forward that answered", item(text="", fwd_messages=[foreign(reply_message=foreign("q"))]),
     message(Content(quotes=(
         Quote("5", 7, Content("x", quotes=(Quote("5", 7, Content("q")),))),)))),
    ("a forward of nobody", item(text="", fwd_messages=[{"text": "x"}, None, 5]),
     message(Content(quotes=(Quote("", 0, Content("x")),)))),
    ("an empty forward", item(text="", fwd_messages=[{"from_id": 5}]),
     message(Content(quotes=(Quote("5", 0, unknown()),)))),
    ("place", item(text="", geo={"coordinates": {"latitude": 1, "longitude": 2}}),
     message(Content(parts=(Place(1.0, 2.0),)))),
    ("buttons", item(keyboard={"buttons": [[{"action": {"type": "text", "label": "Да"}}, None],
                                          [{"action": {"label": "Нет"}}, {"action": {}}], 5]}),
     message(Content("a &lt;b&gt;", buttons=("Да", "Нет")))),
    ("kinds", item(attachments=[{"type": "gift"}, {"type": "gift"}]),
     message(Content("a &lt;b&gt;", parts=(Other("gift"), Other("gift"))))),
    ("unavailable", item(text="", is_unavailable=True), message(unknown("unavailable"))),
    ("nothing", item(text=""), message(unknown())),
    ("no text", item(text=None), message(unknown())),
    ("no time", item(date="x"), message(sent_at=0)),
    ("dialogue", item(peer_id=ANNA, from_id=None), message(chat_id=str(ANNA))),
    ("own in a dialogue", item(peer_id=ANNA, from_id=None, out=1),
     message(chat_id=str(ANNA), sender_id=ME, outgoing=True)),
    ("deleted", item(deleted=1), None),
    ("its time is over", item(is_expired=True), None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_message_object(given: dict[str, Any], expected: RemoteMessage | None) -> None:
    assert read_message(given, ME).message == expected


@pytest.mark.parametrize(
    "broken",
    [item(conversation_message_id=0), item(peer_id=None), item(from_id="x"), {}, None, [], 5,
     item(peer_id=2**70)],
)  # fmt: skip
def test_a_message_that_names_no_place_or_author_is_malformed(broken: Any) -> None:
    with pytest.raises(MalformedError):
        read_message(broken, ME)


SERVICES: list[tuple[dict[str, Any], Service]] = [
    ({"type": "chat_create", "text": "7А"}, Service(ServiceKind.CREATED, title="7А")),
    ({"type": "chat_title_update", "text": "7Б", "old_text": "7А"},
     Service(ServiceKind.RENAMED, title="7Б")),
    ({"type": "chat_photo_update"}, Service(ServiceKind.PHOTO_CHANGED)),
    ({"type": "chat_photo_remove"}, Service(ServiceKind.PHOTO_REMOVED)),
    ({"type": "chat_invite_user", "member_id": 5}, Service(ServiceKind.INVITED, "5")),
    ({"type": "chat_invite_user", "member_id": ANNA}, Service(ServiceKind.JOINED, str(ANNA))),
    ({"type": "chat_invite_user", "member_id": -5}, Service(ServiceKind.INVITED, "-5")),
    ({"type": "chat_invite_user_by_link"}, Service(ServiceKind.JOINED_BY_LINK)),
    ({"type": "chat_invite_user_by_message_request", "member_id": 5},
     Service(ServiceKind.INVITED, "5")),
    ({"type": "chat_invite_user_by_call", "member_id": 5}, Service(ServiceKind.INVITED, "5")),
    ({"type": "chat_invite_user_by_call_join_link"}, Service(ServiceKind.JOINED_BY_LINK)),
    ({"type": "chat_kick_user", "member_id": 5}, Service(ServiceKind.KICKED, "5")),
    ({"type": "chat_kick_user", "member_id": str(ANNA)}, Service(ServiceKind.LEFT, str(ANNA))),
    ({"type": "chat_kick_user_call_block", "member_id": 5}, Service(ServiceKind.KICKED, "5")),
    ({"type": "chat_kick_don"}, Service(ServiceKind.KICKED)),
    ({"type": "chat_pin_message", "member_id": ANNA, "conversation_message_id": 30, "message": "x"},
     Service(ServiceKind.PINNED, str(ANNA), message_id="30")),
    ({"type": "chat_unpin_message", "conversation_message_id": 30},
     Service(ServiceKind.UNPINNED, message_id="30")),
    ({"type": "chat_screenshot", "member_id": 5}, Service(ServiceKind.SCREENSHOT, "5")),
    ({"type": "chat_group_call_started"}, Service(ServiceKind.CALL_STARTED)),
    ({"type": "conversation_style_update"}, Service(ServiceKind.STYLE_CHANGED)),
    ({"type": "call_transcription_failed"},
     Service(ServiceKind.OTHER, word="call_transcription_failed")),
    ({"type": "<b>"}, Service(ServiceKind.OTHER, word="unknown")),
    ({"text": ["x"]}, Service(ServiceKind.OTHER, word="unknown")),
]  # fmt: skip


@pytest.mark.parametrize(("action", "service"), SERVICES)
def test_service_message(action: dict[str, Any], service: Service) -> None:
    given = item(text="не поддерживается Вашим приложением", action=action)
    assert read_message(given, ME).message == message(Content(), service=service)


def mended(raw: bytes) -> Any:
    return read_json(raw, what="x", most_odd=2**22)


def test_forwards_in_forwards_are_cut_and_told() -> None:
    nested = foreign("0")
    for number in range(1, 1000):
        nested = foreign(str(number), fwd_messages=[nested])
    deep = '{"fwd_messages": [' * 3000 + "]}" * 3000
    for given in (item(fwd_messages=[nested]), mended(deep.encode())):
        content = read_message(item() | given, ME).message
        assert content is not None
        depth, quotes = 0, content.content.quotes
        while quotes:
            depth, last = depth + 1, quotes[0].content
            quotes = last.quotes
        assert depth == 45
        assert last.parts[-1] == Other("forward")


def test_json_deeper_than_python_goes_is_cut_where_it_is_too_deep() -> None:
    # Every other kind of escape is in it as well: what is in quotes opens and closes nothing.
    deep = (
        '{"a": 1, "b": '
        + r'["\"]", "\u0432\/[\\", ' * 100_000
        + "0"
        + "]" * 100_000
        + ', "c": "]"}'
    )
    read = mended(deep.encode())
    assert (read["a"], read["c"], read["b"][:2]) == (1, "]", ['"]', "в/[\\"])
    assert mended(b"[" * 100_000) is None
    assert mended(b'{"a": "' + b"[" * 100_000 + b'"}') == {"a": "[" * 100_000}


@pytest.mark.parametrize(
    ("raw", "read"),
    [(b'["' + b"\xff" + b'"]', ["\ufffd"]), (b"[" + b"1" * 5000 + b"]", [0]),
     (b'["a\nb"]', ["a\nb"]), (b"<html>", None), (b"", None)],
)  # fmt: skip
def test_odd_json_is_read_as_far_as_it_goes(raw: bytes, read: Any) -> None:
    assert mended(raw) == read


@pytest.mark.parametrize("odd", [b"[" * 5000 + b"]" * 5000, b'["\xff"]', b"[" + b"1" * 5000 + b"]"])
def test_odd_json_is_mended_up_to_a_size_and_plain_json_read_beyond(odd: bytes) -> None:
    # Mending is slow, and nobody else is served meanwhile.
    with pytest.raises(TooBig, match="x: the answer is odd"):
        read_json(odd, what="x", most_odd=len(odd) - 1)
    read_json(odd, what="x", most_odd=len(odd))
    assert read_json(b"[1, 2]", what="x", most_odd=1) == [1, 2]
