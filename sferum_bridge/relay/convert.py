"""How a message looks on the other side. Pure: values in, values out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.network.base import RemoteMessage

MOST_SYMBOLS = 4096
"""UTF-16 units a message may have on the other side; longer ones are split."""

DOUBLE_PUPPET = "fi.mau.double_puppet_source"
"""Marks what the bridge says in a person's own name, so that it does not go back."""

_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A Matrix event for the other network: text, or the kind of what cannot go there yet."""

    text: str = ""
    reply_to: str = ""
    """The event id it answers."""
    not_carried: str = ""


def to_matrix(message: RemoteMessage, *, label: str, reply_to: str) -> dict[str, Any]:
    """Return the content of the event that shows a remote message.

    `label` says in words what the message holds besides text (a photo, a poll), empty for nothing;
    `reply_to` is the event it answers, empty for none.
    """
    parts = [part for part in (message.text, label) if part]
    content: dict[str, Any] = {"msgtype": "m.text", "body": "\n".join(parts) or "…"}
    if reply_to:
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
    # Nobody is notified by what merely looks like a mention.
    content["m.mentions"] = {}
    return content


def from_matrix(content: Mapping[str, Any]) -> Outgoing:
    """Return what to send for the content of an `m.room.message` event."""
    relates = content.get("m.relates_to")
    relates = relates if isinstance(relates, dict) else {}
    if relates.get("rel_type") == "m.replace":
        return Outgoing(not_carried="edit")
    kind, body = content.get("msgtype"), content.get("body")
    if kind not in _TEXTS or not isinstance(body, str):
        return Outgoing(not_carried="file")
    answered = relates.get("m.in_reply_to")
    answered = answered.get("event_id") if isinstance(answered, dict) else ""
    if answered:
        body = _without_fallback(body)
    body = body.strip()
    if not body:
        return Outgoing(not_carried="empty")
    if kind == "m.emote":
        body = f"* {body}"
    return Outgoing(text=body, reply_to=answered if isinstance(answered, str) else "")


def in_front(name: str, text: str) -> str:
    """Return text with the name of who wrote it in front, for a message another account sends.

    A name cannot pretend to be more than a name: no line breaks, no control characters.
    """
    kept = (c for c in " ".join(name.split()) if unicodedata.category(c)[0] != "C" and c != ":")
    return f"{''.join(kept)[:64]}: {text}"


def split(text: str, most: int = MOST_SYMBOLS) -> Sequence[str]:
    """Split text into parts of at most `most` UTF-16 units, at line breaks or spaces if it can."""
    parts = []
    while _units(text) > most:
        cut = _fitting(text, most)
        for separator in ("\n", " "):
            better = text.rfind(separator, cut // 2, cut)
            if better > 0:
                cut = better
                break
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text] if text or not parts else parts


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _fitting(text: str, most: int) -> int:
    """Return how many characters of a text fit into `most` units."""
    units = 0
    for count, c in enumerate(text):
        units += 2 if ord(c) > 0xFFFF else 1  # noqa: PLR2004 - beyond it UTF-16 needs two units
        if units > most:
            return count
    return len(text)


def _without_fallback(body: str) -> str:
    """Drop the quotation older clients put above a reply."""
    lines = body.split("\n")
    if not lines[0].startswith("> <"):
        return body
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    return "\n".join(lines)
