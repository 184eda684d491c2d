"""Message objects of the API as `RemoteMessage` values. Pure: no I/O, no log.

What names a message (chat, number, author) has to be readable; everything else that is not what it
is described to be is left empty, and a message of which nothing is left says `Other("unknown")`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sferum_bridge.network.base import RemoteMessage, Service, ServiceKind
from sferum_bridge.network.content import Content, Other, Part, Quote
from sferum_bridge.network.vk.attachments import read_attachments, read_place
from sferum_bridge.network.vk.text import read
from sferum_bridge.network.vk.values import (
    MalformedError,
    cmid_of,
    dicts,
    flag,
    ident,
    inner,
    integer,
    is_chat,
    moment,
    part,
    place_number,
    random_id,
    text,
    word,
)

UNKNOWN = Other("unknown")
# Forwards in forwards beyond this are told and not shown. VK's own figure for its lists is 45.
_DEEPEST = 45
_MOST_BUTTONS = 100

_SERVICES = {
    "chat_create": ServiceKind.CREATED,
    "chat_title_update": ServiceKind.RENAMED,
    "chat_photo_update": ServiceKind.PHOTO_CHANGED,
    "chat_photo_remove": ServiceKind.PHOTO_REMOVED,
    "chat_invite_user": ServiceKind.INVITED,
    "chat_invite_user_by_call": ServiceKind.INVITED,
    "chat_invite_user_by_link": ServiceKind.JOINED_BY_LINK,
    "chat_invite_user_by_call_join_link": ServiceKind.JOINED_BY_LINK,
    "chat_invite_user_by_message_request": ServiceKind.INVITED,
    "chat_kick_user": ServiceKind.KICKED,
    "chat_kick_user_call_block": ServiceKind.KICKED,
    "chat_kick_don": ServiceKind.KICKED,
    "chat_pin_message": ServiceKind.PINNED,
    "chat_unpin_message": ServiceKind.UNPINNED,
    "chat_screenshot": ServiceKind.SCREENSHOT,
    "chat_group_call_started": ServiceKind.CALL_STARTED,
    "conversation_style_update": ServiceKind.STYLE_CHANGED,
}
_ITSELF = {ServiceKind.INVITED: ServiceKind.JOINED, ServiceKind.KICKED: ServiceKind.LEFT}
_TITLED = frozenset({ServiceKind.CREATED, ServiceKind.RENAMED})
_PINS = frozenset({ServiceKind.PINNED, ServiceKind.UNPINNED})


@dataclass(frozen=True, slots=True)
class Whole:
    """What a message object told: the message, `None` for one that is gone, and its reactions.

    `expired` is one that is gone because its time is over, of which no update tells more.
    """

    peer_id: int
    cmid: int
    message_id: int
    message: RemoteMessage | None
    reactions: Any = None
    expired: bool = False


def read_message(item: Any, account_id: str) -> Whole:
    """Read a message object.

    Raises:
        MalformedError: If it does not say which message it is, or whose.
    """
    if not isinstance(item, dict):
        raise MalformedError
    peer = integer(item.get("peer_id"))
    cmid = place_number(item.get("conversation_message_id"))
    message_id = ident(item.get("id"))
    expired = flag(item.get("is_expired"))
    if expired or flag(item.get("deleted")):
        return Whole(peer, cmid, message_id, None, expired=expired)
    outgoing = flag(item.get("out"))
    sender = ident(item.get("from_id")) or author(peer, account_id, outgoing=outgoing)
    service = read_service(part(item, "action"), sender) if item.get("action") else None
    reply, quoted = _reply(item.get("reply_message"), peer)
    message = RemoteMessage(
        chat_id=str(peer),
        message_id=str(cmid),
        sender_id=str(sender),
        content=Content() if service else told(read_content(item, quoted)),
        sent_at=moment(item.get("date")),
        random_id=random_id(item.get("random_id")) if outgoing else 0,
        outgoing=outgoing,
        reply_to="" if service else reply,
        service=service,
    )
    return Whole(peer, cmid, message_id, message, item.get("reactions"))


def author(peer_id: int, account_id: str, *, outgoing: bool) -> int:
    """Return who wrote a message that does not say it: between two it is the one or the other.

    Raises:
        MalformedError: In a chat, where anybody may have.
    """
    if outgoing:
        return int(account_id)
    if is_chat(peer_id):
        raise MalformedError
    return peer_id


def told(content: Content) -> Content:
    """Return the content, or that nothing of it was understood: people are told, whatever it is."""
    return Content(parts=(UNKNOWN,)) if content.is_empty else content


def read_content(item: dict[str, Any], quoted: list[dict[str, Any]], depth: int = 0) -> Content:
    """Read what a message says. `quoted` are messages it shows besides its forwards."""
    plain, spans = read(text(item.get("text")), item.get("format_data"))
    parts = list(read_attachments(item.get("attachments")))
    if item.get("geo"):
        parts.append(read_place(item["geo"]))
    if flag(item.get("is_unavailable")):
        parts.append(Other("unavailable"))
    forwards = [*quoted, *dicts(item.get("fwd_messages"))]
    if forwards and depth >= _DEEPEST:
        forwards = []
        parts.append(Other("forward"))
    return Content(
        text=plain,
        spans=spans,
        parts=tuple(parts),
        quotes=tuple(_quote(one, depth + 1) for one in forwards),
        buttons=read_buttons(item.get("keyboard")),
    )


def _quote(item: dict[str, Any], depth: int) -> Quote:
    answered = part(item, "reply_message")
    content = told(read_content(item, [answered] if answered else [], depth))
    sender = ident(item.get("from_id"))
    return Quote(str(sender) if sender else "", moment(item.get("date")), content)


def _reply(value: Any, peer_id: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the message answered: its number here, or itself where it is from another chat."""
    if not isinstance(value, dict) or not value:
        return "", []
    cmid = cmid_of(value)
    if cmid and ident(value.get("peer_id", peer_id)) == peer_id:
        return cmid, []
    return "", [value]


def read_service(action: dict[str, Any], sender: int) -> Service:
    """Read the `action` of a message: a report of the chat itself."""
    kind_word = word(action.get("type"))
    kind = _SERVICES.get(kind_word, ServiceKind.OTHER)
    subject = ident(action.get("member_id"))
    if subject == sender and kind in _ITSELF:
        kind = _ITSELF[kind]
    return Service(
        kind,
        subject_id=str(subject) if subject else "",
        title=text(action.get("text")) if kind in _TITLED else "",
        message_id=cmid_of(action) if kind in _PINS else "",
        word=kind_word if kind is ServiceKind.OTHER else "",
    )


def read_buttons(value: Any) -> tuple[str, ...]:
    """Return the labels of a keyboard."""
    keyboard = inner(value)
    rows = keyboard.get("buttons") if isinstance(keyboard, dict) else None
    labels = (
        text(part(button, "action").get("label"))
        for row in (rows if isinstance(rows, list) else [])
        for button in dicts(row)
    )
    return tuple(label for label in labels if label)[:_MOST_BUTTONS]


def parts_of(kinds: list[str]) -> tuple[Part, ...]:
    """Return kinds of which nothing else is known, each once."""
    return tuple(Other(kind) for kind in dict.fromkeys(kinds))
