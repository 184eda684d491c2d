"""Long-poll updates and message objects as `RemoteMessage` values. Pure: no I/O, no log.

The layout of an update follows from its code, not from the version that was asked for: 4 is a new
message of the old layout (version 3), 10004 of the new one. Updates of other codes are passed by.
What cannot be read never raises here: it is counted by its code, and the rest goes on.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

from sferum_bridge.network.base import RemoteMessage

OLD_MESSAGE = 4
NEW_MESSAGE = 10004
FULL_NEW_MESSAGE = 12

CHAT_BASE = 2_000_000_000
_MAX_CHAT = CHAT_BASE + 100_000_000

_FLAG_OUTGOING = 2
_FLAGS_DELETED = 128 | 131072
_INT64 = 2**63
_INT32 = 2**31

# Not html.unescape for the whole text: it also changes things that VK did not escape ("&copy 2").
_ESCAPED = re.compile(r"<br ?/?>|&(?:lt|gt|amp|quot|apos|nbsp|#[0-9]{1,7});")
_WORD = re.compile(r"[a-z0-9_]{1,40}")
_ATTACHMENT_KEY = re.compile(r"attach([0-9]{1,3})_type")
_DOC_KINDS = {"audiomsg": "audio_message", "graffiti": "graffiti"}


class _MalformedError(Exception):
    """Something is not what it is described to be. Never leaves this file."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A new message to be asked for: by `cmid` in `peer_id`, or by `message_id`."""

    peer_id: int = 0
    cmid: int = 0
    message_id: int = 0


@dataclass(slots=True)
class Parsed:
    """What was read, in order. `malformed` has the codes of updates that could not be."""

    entries: list[RemoteMessage | Missing] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)


def is_chat(peer_id: int) -> bool:
    """Tell whether a peer is a chat of several people; its author has to be named then."""
    return CHAT_BASE < peer_id <= _MAX_CHAT


def parse_updates(updates: list[Any], account_id: str) -> Parsed:
    """Read the `updates` of a long-poll reply to the account `account_id`."""
    parsed = Parsed()
    for update in updates:
        try:
            entry = _update(update, account_id)
        except _MalformedError:
            parsed.malformed.append(_code_word(update))
        else:
            if entry is not None:
                parsed.entries.append(entry)
    return parsed


def parse_history(history: Any, items: Any, account_id: str) -> Parsed:
    """Read a page of `messages.getLongPollHistory`: short updates beside whole message objects.

    A new message whose object is not on the page comes out as `Missing`.
    """
    by_cmid: dict[tuple[int, int], Any] = {}
    by_id: dict[int, Any] = {}
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            peer_id, cmid = item.get("peer_id"), item.get("conversation_message_id")
            if type(peer_id) is int and type(cmid) is int:
                by_cmid[peer_id, cmid] = item
            if type(item.get("id")) is int:
                by_id[item["id"]] = item
    parsed = Parsed()
    for update in history if isinstance(history, list) else []:
        try:
            wanted = _short_update(update, account_id)
            if not isinstance(wanted, Missing):
                entry: RemoteMessage | Missing | None = wanted
            else:
                item = by_id.get(wanted.message_id) or by_cmid.get((wanted.peer_id, wanted.cmid))
                entry = wanted if item is None else _message(item, account_id)
        except _MalformedError:
            parsed.malformed.append(_code_word(update))
        else:
            if entry is not None:
                parsed.entries.append(entry)
    return parsed


def parse_message(item: Any, account_id: str) -> RemoteMessage | None:
    """Read a message object of the API; `None` when it is deleted or cannot be read."""
    try:
        return _message(item, account_id)
    except _MalformedError:
        return None


def unescape(text: str) -> str:
    """Undo the HTML in which long poll (and only long poll) wraps texts."""
    return _ESCAPED.sub(
        lambda match: "\n" if match[0].startswith("<") else html.unescape(match[0]), text
    )


def _update(update: Any, account_id: str) -> RemoteMessage | Missing | None:
    code = _code(update)
    if code == NEW_MESSAGE:
        if len(update) < FULL_NEW_MESSAGE:
            return None  # deleted for everybody before it was delivered
        _, cmid, flags, _, peer_id, sent_at, text, additional, attachments, random_id = update[:10]
    elif code == OLD_MESSAGE:
        _, _, flags, peer_id, *rest = [*update, *[None] * 10][:10]
        sent_at, text, additional, attachments, random_id, cmid = rest
        if type(cmid) is not int or cmid <= 0:
            return _short_update(update[:4], account_id)
    else:
        return None
    flagged = _integer(flags)
    if flagged & _FLAGS_DELETED:
        return None
    peer = _integer(peer_id)
    outgoing = bool(flagged & _FLAG_OUTGOING)
    extra = _mapping(additional)
    attached = _mapping(attachments)
    service = extra.get("source_act")
    body = "" if service else unescape(_string(text))
    return RemoteMessage(
        chat_id=str(peer),
        message_id=str(_integer(cmid, at_least=1)),
        sender_id=_author(peer, extra, account_id, outgoing=outgoing),
        text=_storable(body),
        sent_at=_integer(sent_at, at_least=0),
        random_id=_random_id(random_id) if outgoing else 0,
        outgoing=outgoing,
        reply_to=_live_reply(attached.get("reply")),
        notice=_notice(body, service, _live_kinds(attached)),
    )


def _short_update(update: Any, account_id: str) -> RemoteMessage | Missing | None:
    """Read an update of a history: `[4, message_id, …]` or `[10004, cmid, flags, peer_id]`."""
    code = _code(update)
    if code not in (OLD_MESSAGE, NEW_MESSAGE):
        return None
    if code == NEW_MESSAGE and len(update) >= FULL_NEW_MESSAGE:
        return _update(update, account_id)
    _, number, flags, peer_id = [*update, *[None] * 4][:4]
    if _integer(flags) & _FLAGS_DELETED:
        return None
    if code == OLD_MESSAGE:
        return Missing(message_id=_integer(number, at_least=1))
    return Missing(peer_id=_integer(peer_id), cmid=_integer(number, at_least=1))


def _message(item: Any, account_id: str) -> RemoteMessage | None:
    if not isinstance(item, dict):
        raise _MalformedError
    if item.get("deleted"):
        return None
    author = str(_integer(item.get("from_id")))
    outgoing = bool(item.get("out")) or author == account_id
    action = item.get("action")
    service = (action.get("type") or "unknown") if isinstance(action, dict) else None
    text = "" if service else _string(item.get("text", ""))
    reply = item.get("reply_message")
    return RemoteMessage(
        chat_id=str(_integer(item.get("peer_id"))),
        message_id=str(_integer(item.get("conversation_message_id"), at_least=1)),
        sender_id=author,
        text=_storable(text),
        sent_at=_integer(item.get("date"), at_least=0),
        random_id=_random_id(item.get("random_id", 0)) if outgoing else 0,
        outgoing=outgoing,
        reply_to=_cmid_of(reply),
        notice=_notice(text, service, _kinds(item)),
    )


def _author(peer_id: int, extra: dict[str, Any], account_id: str, *, outgoing: bool) -> str:
    """Return who wrote it: in a chat it is said, between two it is the one or the other."""
    said = extra.get("from")
    if is_chat(peer_id) and said is not None:
        return str(_integer(said))
    if outgoing:
        return account_id
    if is_chat(peer_id):
        raise _MalformedError
    return str(peer_id)


def _notice(text: str, service: Any, kinds: list[str]) -> str:
    """Return what of a message cannot be carried: `service:<act>`, or kinds joined by commas.

    A message of which nothing at all was understood is `unknown`: people are told, whatever it is.
    """
    if service:
        return f"service:{_word(service)}"
    distinct = list(dict.fromkeys(kinds))
    if not distinct and not text:
        return "unknown"
    return ", ".join(distinct)


def _live_kinds(attached: dict[str, Any]) -> list[str]:
    numbers = sorted(int(m[1]) for key in attached if (m := _ATTACHMENT_KEY.fullmatch(key)))
    kinds = []
    for number in numbers:
        kind = _word(attached.get(f"attach{number}_type"))
        if kind == "doc":
            kind = _DOC_KINDS.get(_word(attached.get(f"attach{number}_kind")), kind)
        kinds.append(kind)
    # A reply is marked as forwarded as well; it is carried as what it is.
    if "fwd" in attached and "reply" not in attached:
        kinds.append("forward")
    if "geo" in attached:
        kinds.append("geo")
    if not kinds and attached.get("attachments_count") not in (None, 0, "0"):
        kinds.append("unknown")
    return kinds


def _kinds(item: dict[str, Any]) -> list[str]:
    attachments = item.get("attachments")
    kinds = [
        _word(attachment.get("type") if isinstance(attachment, dict) else None)
        for attachment in (attachments if isinstance(attachments, list) else [])
    ]
    if item.get("fwd_messages"):
        kinds.append("forward")
    if item.get("geo"):
        kinds.append("geo")
    return kinds


def _live_reply(reply: Any) -> str:
    if isinstance(reply, str):
        try:
            reply = json.loads(reply)
        except (ValueError, RecursionError):
            return ""
    return _cmid_of(reply)


def _cmid_of(message: Any) -> str:
    cmid = message.get("conversation_message_id") if isinstance(message, dict) else None
    return str(cmid) if type(cmid) is int and 0 < cmid < _INT64 else ""


def _code(update: Any) -> int:
    if not isinstance(update, list) or not update or type(update[0]) is not int:
        raise _MalformedError
    return update[0]


def _code_word(update: Any) -> str:
    """Return the code for the log; anything else in its place could be a text."""
    try:
        code = _code(update)
    except _MalformedError:
        return "none"
    return str(code) if abs(code) < _INT32 else "none"


def _integer(value: Any, *, at_least: int = -_INT64) -> int:
    """Return an int64 that may be written as text, as VK does in places."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if type(value) is not int or not at_least <= value < _INT64:
        raise _MalformedError
    return value


def _random_id(value: Any) -> int:
    number = _integer(value) if value is not None else 0
    return number if -_INT32 <= number < _INT32 else 0


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _MalformedError
    return value


def _mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; VK writes an empty one as `[]` at times, and may leave it out."""
    if isinstance(value, dict):
        return value
    if value in ([], None):
        return {}
    raise _MalformedError


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "unknown"


def _storable(text: str) -> str:
    """Replace what databases and UTF-8 cannot hold: NUL and halves of surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")
