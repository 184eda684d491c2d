"""Messages as the long poll tells them: text and author, and hints of all else. Pure."""

from __future__ import annotations

import re
from typing import Any

from sferum_bridge.network.base import RemoteMessage
from sferum_bridge.network.content import Content
from sferum_bridge.network.vk.messages import author, parts_of, read_buttons, read_service, told
from sferum_bridge.network.vk.text import read, unescape
from sferum_bridge.network.vk.values import (
    cmid_of,
    flag,
    inner,
    integer,
    is_chat,
    mapping,
    moment,
    random_id,
    string,
    text,
    word,
)

_OUTGOING = 2
_ATTACHMENT_KEY = re.compile(r"attach([0-9]{1,3})_type")
_DOC_KINDS = {"audiomsg": "audio_message", "graffiti": "graffiti"}
_NO_HINTS = frozenset({"reply", "emoji", "format_data"})


def read_live(
    fields: list[Any], cmid: int, flags: int, account_id: str
) -> tuple[RemoteMessage | None, bool]:
    """Read `[peer_id, ts, text, additional, attachments, random_id, …]` of an update.

    Returns the message, `None` for one whose time is over, and whether that is all of it.

    Raises:
        MalformedError: If it is not laid out so.
    """
    peer_id, sent_at, written, additional, attachments, said_random_id = fields[:6]
    peer = integer(peer_id)
    outgoing = bool(flags & _OUTGOING)
    extra, attached = mapping(additional), mapping(attachments)
    if flag(extra.get("is_expired")):
        return None, True
    said_from = extra.get("from") if is_chat(peer) else None
    sender = (
        integer(said_from) if said_from is not None else author(peer, account_id, outgoing=outgoing)
    )
    service = read_service(_action(extra), sender) if extra.get("source_act") else None
    hints = _hints(attached)
    content = Content()
    if service is None:
        styles = extra.get("format_data") or attached.get("format_data")
        plain, spans = read(unescape(string(written)), styles)
        buttons = read_buttons(extra.get("keyboard"))
        content = told(Content(plain, spans, parts_of(hints), buttons=buttons))
    live = RemoteMessage(
        chat_id=str(peer),
        message_id=str(cmid),
        sender_id=str(sender),
        content=content,
        sent_at=moment(sent_at),
        random_id=random_id(said_random_id) if outgoing else 0,
        outgoing=outgoing,
        reply_to="" if service else cmid_of(inner(attached.get("reply"))),
        service=service,
    )
    empty = not (content.text or content.buttons)
    complete = service is not None or not (hints or empty or flag(extra.get("has_template")))
    return live, complete


def _action(extra: dict[str, Any]) -> dict[str, Any]:
    """Return the `action` of a message object that the keys of an update spell out."""
    return {
        "type": extra.get("source_act"),
        "member_id": extra.get("source_mid"),
        "text": unescape(text(extra.get("source_text"))),
        "conversation_message_id": extra.get("source_chat_local_id"),
    }


def _hints(attached: dict[str, Any]) -> list[str]:
    """Return the kinds of what is attached, and of what there are signs only."""
    numbers = sorted(int(m[1]) for key in attached if (m := _ATTACHMENT_KEY.fullmatch(key)))
    kinds = []
    for number in numbers:
        kind = word(attached.get(f"attach{number}_type"))
        if kind == "doc":
            kind = _DOC_KINDS.get(word(attached.get(f"attach{number}_kind")), kind)
        kinds.append(kind)
    # A reply is marked as forwarded as well. An edited one is only that: it has to be asked for.
    if "fwd" in attached and "reply" not in attached:
        kinds.append("forward")
    if "geo" in attached:
        kinds.append("geo")
    signs = (key for key in attached if key not in _NO_HINTS and key != "fwd")
    if not kinds and any(attached[key] not in (None, 0, "0", "", "[]", []) for key in signs):
        kinds.append("unknown")
    return kinds
