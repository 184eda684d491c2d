"""Reading a Matrix event into what the bot can act on. Pure; whatever comes, it never raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sferum_bridge.bot import keys, refusing
from sferum_bridge.matrix.door import REFUSED
from sferum_bridge.store.news import NEWS


class What(StrEnum):
    """What happened, as far as the bot cares."""

    MESSAGE = "message"
    REACTION = "reaction"
    REDACTION = "redaction"
    MEMBERSHIP = "membership"
    ENCRYPTED = "encrypted"
    NEWS = "news"
    """No event of Matrix: another process of the bridge did something people are to hear of, or
    the messenger is to be asked something (`messenger`)."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file in a message, as its sender declares it."""

    media: str
    """Its mxc: address; empty for one that is encrypted, or has none that can be."""
    name: str
    mime: str
    size: int
    """In bytes; 0 where nothing usable is said."""
    sent_at: int = 0
    """When the message was sent, in milliseconds; 0 where the homeserver does not say."""
    thumbnail: str = ""
    """The mxc: address of the small picture that a client made of it; empty for none."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event, each field a text; empty where the event has none."""

    what: What
    event_id: str
    room_id: str = ""
    sender: str = ""
    text: str = ""
    """Of a message: what was written, be it below a file; of an edit: what it was changed to."""
    key: str = ""
    """The key of a login that stands anywhere in what was written, of whatever kind that is."""
    target: str = ""
    """Of a reaction: the event it is under; of a redaction: the one that was taken away; of a
    message: the one it edits; of a membership: whose it is."""
    value: str = ""
    """Of a reaction: its emoji without variation selector; of a membership: the new one."""
    direct: bool = False
    """Of an invite: whether the inviter means it as a direct chat."""
    encrypted: bool = False
    """Of an invite: whether the room is encrypted."""
    answers: str = ""
    """Of a message: the event it is a reply to."""
    file: Enclosed | None = None
    """Of a message: the file or picture it is, be there words below it or not."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """Of news: what there is to tell; `value` says of what kind it is. For a question to the
    messenger `sender` is who wants to know."""


_KINDS = {
    "m.room.message": What.MESSAGE,
    "m.reaction": What.REACTION,
    "m.room.redaction": What.REDACTION,
    "m.room.member": What.MEMBERSHIP,
    "m.room.encrypted": What.ENCRYPTED,
    NEWS: What.NEWS,
    REFUSED: What.NEWS,
}
_WRITTEN = frozenset(
    {"m.room.message", "m.sticker", "m.poll.start", "org.matrix.msc3381.poll.start"}
)
_TEXTS = frozenset({"m.text", "m.emote"})
_FILES = frozenset({"m.image", "m.video", "m.audio", "m.file"})
_MEDIA = re.compile(r"mxc://[A-Za-z0-9.:\[\]-]{1,255}/[A-Za-z0-9_-]{1,255}")
_LATEST = 2**53
_EMOJI_STYLE = "\ufe0f"


def read(event: Any, event_id: str) -> Incoming:
    """Return what an event says."""
    event = _mapping(event)
    content = _mapping(event.get("content"))
    what = _KINDS.get(_text(event.get("type")), What.NOTHING)
    room_id, sender = _text(event.get("room_id")), _text(event.get("sender"))
    text = target = value = ""
    direct = encrypted = False
    answers = ""
    file: Enclosed | None = None
    match what:
        case What.MESSAGE:
            # Bots speak in notices; answering one could go on for ever.
            if content.get("msgtype") == "m.notice":
                what = What.NOTHING
            text = written(content)
            relation = _mapping(content.get("m.relates_to"))
            if relation.get("rel_type") == "m.replace":
                target = _text(relation.get("event_id"))
            answers = _text(_mapping(relation.get("m.in_reply_to")).get("event_id"))
            file = _enclosed(content, event.get("origin_server_ts"))
        case What.REACTION:
            relation = _mapping(content.get("m.relates_to"))
            target = _text(relation.get("event_id"))
            value = _text(relation.get("key")).replace(_EMOJI_STYLE, "")
        case What.REDACTION:
            # Room version 11 moved it into the content.
            target = _text(content.get("redacts")) or _text(event.get("redacts"))
        case What.MEMBERSHIP:
            target, value = _text(event.get("state_key")), _text(content.get("membership"))
            state = _stripped_state(event)
            # Not every client marks a direct chat; a room without name or kind is one as well.
            direct = content.get("is_direct") is True or not state & _OF_A_GROUP
            encrypted = "m.room.encryption" in state
        case What.NEWS:
            value = refusing.NEWS if event["type"] == REFUSED else _text(event.get("kind"))
            return Incoming(what, event_id, room_id, sender, value=value, content=content)
    key = keys.find_in(content) if _text(event.get("type")) in _WRITTEN else ""
    if key:
        # Not even a notice or a poll that holds one may stay where it is.
        what = What.MESSAGE
    return Incoming(
        what,
        event_id,
        room_id,
        sender,
        text,
        key,
        target,
        value,
        direct,
        encrypted,
        answers,
        file,
    )


_OF_A_GROUP = frozenset({"m.room.name", "m.room.canonical_alias", "a space"})


def _stripped_state(event: Mapping[str, Any]) -> frozenset[str]:
    state = _mapping(event.get("unsigned")).get("invite_room_state")
    found = set()
    for entry in map(_mapping, state if isinstance(state, list) else ()):
        content = _mapping(entry.get("content"))
        if entry.get("type") == "m.room.create" and content.get("type"):
            found.add("a space")
        elif content:
            found.add(_text(entry.get("type")))
    return frozenset(found)


def written(content: Mapping[str, Any]) -> str:
    """Return what somebody wrote: the words of a message, or those below a file (MSC2530)."""
    relation = _mapping(content.get("m.relates_to"))
    if relation.get("rel_type") == "m.replace":
        content = _mapping(content.get("m.new_content"))
    body, kind = _text(content.get("body")), _text(content.get("msgtype"))
    if kind in _FILES:
        # Without a name of its own the body is the name.
        return body if _text(content.get("filename")) not in {"", body} else ""
    if kind not in _TEXTS:
        return ""
    if "m.in_reply_to" not in relation:
        return body
    # Older clients repeat the message they answer above the answer.
    lines = body.splitlines()
    while lines and lines[0].startswith(">"):
        del lines[0]
    return "\n".join(lines)


def _enclosed(content: Mapping[str, Any], sent_at: Any) -> Enclosed | None:
    if _text(content.get("msgtype")) not in _FILES:
        return None
    info = _mapping(content.get("info"))
    size = info.get("size")
    return Enclosed(
        _address(content.get("url")),
        _text(content.get("filename")) or _text(content.get("body")),
        _text(info.get("mimetype")),
        size if type(size) is int and size > 0 else 0,
        sent_at if type(sent_at) is int and 0 < sent_at < _LATEST else 0,
        _address(info.get("thumbnail_url")),
    )


def _address(value: Any) -> str:
    media = _text(value)
    return media if _MEDIA.fullmatch(media) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
