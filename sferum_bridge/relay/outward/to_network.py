"""What a Matrix event says, for the other network. Pure; whatever comes, it never raises."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.content import FileKind, Place, Span, Style
from sferum_bridge.relay.outward import html
from sferum_bridge.relay.outward.html import Styled
from sferum_bridge.school.attachments import mime_for, name_for, plain_mime

if TYPE_CHECKING:
    from collections.abc import Callable

REDACTION = "m.room.redaction"
PINNED = "m.room.pinned_events"
_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})
_FILES = {
    "m.image": FileKind.PHOTO,
    "m.video": FileKind.VIDEO,
    "m.audio": FileKind.AUDIO,
    "m.file": FileKind.DOCUMENT,
    "m.sticker": FileKind.PHOTO,
}
POLL = frozenset({"m.poll.start", "org.matrix.msc3381.poll.start"})
POLL_ANSWERED = frozenset(
    {
        *("m.poll.response", "org.matrix.msc3381.poll.response"),
        *("m.poll.end", "org.matrix.msc3381.poll.end"),
    }
)
# Everywhere a picture; what only some messengers show goes as a document.
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
_VOICES = frozenset({"audio/ogg", "audio/opus"})
_MXC = re.compile(r"mxc://([A-Za-z0-9.:\-\[\]]{1,255})/([A-Za-z0-9_\-]{1,255})")
_GEO = re.compile(r"geo:(-?\d{1,3}(?:\.\d{1,15})?),(-?\d{1,3}(?:\.\d{1,15})?)")
_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")
_EVERYBODY = "@room"
_MOST_ANSWERS = 20
_EMOJI_STYLES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of Matrix, as its sender describes it. `size` in bytes, 0 where it is not said."""

    server: str
    media_id: str
    kind: FileKind
    name: str
    mime: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be sent: words, a file, a place, or several of them."""

    said: Styled
    file: Attachment | None = None
    place: Place | None = None
    reply_to: str = ""
    """The event id it answers."""
    edits: str = ""
    """The event id it takes the place of."""


@dataclass(frozen=True, slots=True)
class NotCarried:
    """What cannot go there; `why` is the end of a text's key, empty where there is nothing."""

    why: str = ""


NOTHING = NotCarried()


def from_matrix(
    event_type: str, content: Mapping[str, Any], mentioned: Callable[[str], str]
) -> Message | NotCarried:
    """Return what to send for an event. `mentioned`: see `html.read`."""
    # Empty is what was deleted before the homeserver could hand it over.
    is_gone, edits = not content, ""
    relation = _mapping(content.get("m.relates_to"))
    if relation.get("rel_type") == "m.replace":
        edits = event_id_of(relation.get("event_id"))
        content = _mapping(content.get("m.new_content"))
    # A poll that is changed is a new question there; its votes stay here anyhow.
    if is_gone or event_type in POLL:
        return NOTHING if is_gone or edits else _poll(content)
    kind = "m.sticker" if event_type == "m.sticker" else _text(content.get("msgtype"))
    if kind in _TEXTS:
        said = _said(content, mentioned, _answers(relation) and not edits)
        if not said.text:
            return NOTHING
        said = said.after("* ") if kind == "m.emote" else said
        return Message(said, reply_to=_answered(relation), edits=edits)
    if kind == "m.location":
        return _place(content, relation)
    if kind not in _FILES:
        return NotCarried("unknown")
    return _file(kind, content, mentioned, relation, edits)


def is_encrypted_file(content: Mapping[str, Any]) -> bool:
    """Tell whether only its recipients could open a file."""
    return isinstance(content.get("file"), Mapping)


def _file(
    kind: str,
    content: Mapping[str, Any],
    mentioned: Callable[[str], str],
    relation: Mapping[str, Any],
    edits: str,
) -> Message | NotCarried:
    if is_encrypted_file(content):
        return NotCarried("encrypted")
    found = _MXC.fullmatch(_text(content.get("url")))
    if found is None:
        return NotCarried("unknown")
    body, filename = _text(content.get("body")), _text(content.get("filename"))
    info = _mapping(content.get("info"))
    size = info.get("size")
    mime = plain_mime(_text(info.get("mimetype")))
    name = name_for(filename or body, mime, "sticker" if kind == "m.sticker" else "file")
    mime = mime_for(name, mime)
    # Without a name of its own the body is the name, and no caption (MSC2530).
    has_caption = bool(filename) and filename != body and kind != "m.sticker"
    said = _said(content, mentioned, fallback=False) if has_caption else Styled("")
    return Message(
        said,
        Attachment(
            found[1],
            found[2],
            _kind(kind, mime, content),
            name,
            mime,
            size if type(size) is int and size > 0 else 0,
        ),
        reply_to=_answered(relation),
        edits=edits,
    )


def _kind(kind: str, mime: str, content: Mapping[str, Any]) -> FileKind:
    is_voice = "org.matrix.msc3245.voice" in content or "m.voice" in content
    if kind == "m.audio" and is_voice and mime in _VOICES:
        return FileKind.VOICE
    found = _FILES[kind]
    if found is FileKind.PHOTO and mime not in _PHOTOS:
        return FileKind.DOCUMENT
    return found


def _place(content: Mapping[str, Any], relation: Mapping[str, Any]) -> Message | NotCarried:
    newer = _mapping(content.get("m.location") or content.get("org.matrix.msc3488.location"))
    uri = _text(newer.get("uri")) or _text(content.get("geo_uri"))
    found = _GEO.match(uri)
    if found is None:
        return NotCarried("unknown")
    latitude, longitude = float(found[1]), float(found[2])
    if math.fabs(latitude) > 90 or math.fabs(longitude) > 180:  # noqa: PLR2004 - degrees
        return NotCarried("unknown")
    # The body is a sentence of the client; only what the sender said of the place goes along.
    title = clean(_text(newer.get("description"))).strip()
    return Message(
        Styled(title), place=Place(latitude, longitude, title), reply_to=_answered(relation)
    )


def _poll(content: Mapping[str, Any]) -> Message | NotCarried:
    poll = _mapping(content.get("m.poll") or content.get("m.poll.start"))
    poll = poll or _mapping(content.get("org.matrix.msc3381.poll.start"))
    given = poll.get("answers")
    answers = [_extensible(one) for one in (given if isinstance(given, list) else ())]
    question = _extensible(poll.get("question"))
    if not question or not any(answers):
        return NotCarried("unknown")
    lines = [f"{n}. {answer}" for n, answer in enumerate(answers[:_MOST_ANSWERS], 1)]
    return Message(Styled("\n".join([f"📊 {question}", *lines])))


def _extensible(value: Any) -> str:
    """Return a text of MSC1767 in any of its forms, as one line."""
    value = _mapping(value)
    written = value.get("m.text") or value.get("org.matrix.msc1767.text") or value.get("body")
    if isinstance(written, list):
        written = next((_mapping(one).get("body") for one in written), "")
    return " ".join(clean(_text(written)).split())


def _said(content: Mapping[str, Any], mentioned: Callable[[str], str], fallback: bool) -> Styled:  # noqa: FBT001 - of this file
    formatted = content.get("formatted_body")
    said = Styled("")
    if content.get("format") == "org.matrix.custom.html" and isinstance(formatted, str):
        said = html.read(clean(formatted), mentioned)
    if not said.text:
        body = clean(_text(content.get("body")))
        said = Styled(_without_fallback(body) if fallback else body).stripped()
    everybody = _mapping(content.get("m.mentions")).get("room") is True
    at = said.text.find(_EVERYBODY) if everybody else -1
    if at >= 0:
        return Styled(said.text, (*said.spans, Span(at, len(_EVERYBODY), Style.MENTION)))
    return said


def _answers(relation: Mapping[str, Any]) -> bool:
    return "m.in_reply_to" in relation


def _answered(relation: Mapping[str, Any]) -> str:
    # In a thread the answered message is for older clients; the thread's first one is meant.
    if relation.get("is_falling_back") is True:
        return event_id_of(relation.get("event_id"))
    return event_id_of(_mapping(relation.get("m.in_reply_to")).get("event_id"))


def redacted_by(event: Mapping[str, Any]) -> str:
    """Return what a redaction takes away, empty for any other event."""
    if event.get("type") != REDACTION:
        return ""
    # In the content since room version 11, beside it before.
    return event_id_of(_mapping(event.get("content")).get("redacts") or event.get("redacts"))


def event_id_of(value: Any) -> str:
    """Return an event id that an event names, empty for what can be none: anybody may write any."""
    return value if isinstance(value, str) and _EVENT_ID.fullmatch(value) else ""


def _without_fallback(body: str) -> str:
    """Drop the quotation older clients put above a reply."""
    lines = body.split("\n")
    if not lines[0].startswith("> <"):
        return body
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    return "\n".join(lines)


def clean(text: str) -> str:
    """Return text without what cannot be stored or shown: half surrogates, control characters."""
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c >= " " or c in "\n\t")


def without_mentions_of_all(said: Styled) -> Styled:
    """Return it with nobody called together: for those who speak through another's account."""
    kept = (s for s in said.spans if s.style is not Style.MENTION or s.target)
    return Styled(said.text, tuple(kept))


# --- reactions ------------------------------------------------------------------------------


def reaction(key: Any, allowed: frozenset[str]) -> str:
    """Return the emoji of the network that a reaction of Matrix means, empty for none of them.

    Variation selectors and skin tones make no difference.
    """
    if not isinstance(key, str):
        return ""
    known = {_EMOJI_STYLES.sub("", emoji): emoji for emoji in sorted(allowed)}
    return known.get(_EMOJI_STYLES.sub("", key), "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
