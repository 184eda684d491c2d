"""How a remote message looks in Matrix: which events show it, and what each says. Pure.

RemoteMessage ─► words (text, forwards, polls …) ─► one m.text or m.notice
             ├─► each place ─► m.location
             ├─► each file  ─► made when it is uploaded: m.image, m.audio, m.sticker …
             └─► what a voice message says ─► m.notice behind it
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.content import File, FileKind, Place
from sferum_bridge.relay.inward import rich, wording
from sferum_bridge.relay.inward.parts import TEXT
from sferum_bridge.school import attachments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.network.base import RemoteMessage
    from sferum_bridge.relay.inward.rich import Rich
    from sferum_bridge.relay.inward.wording import Look

MESSAGE, STICKER = "m.room.message", "m.sticker"
MOST_FILES = 30
"""Files of one message that are shown."""
_MOST_BYTES = 44_000
"""Of an event's text in both forms; the homeserver takes 65,536 for all of it."""
_MOST_FALLBACK = 1000
_MOST_WAVES, _LOUDEST, _LOUDEST_THERE = 120, 1024, 31
_PLACE, _TRANSCRIPT = "place", "transcript"
_GROUPS = {
    FileKind.PHOTO: "image",
    FileKind.DRAWING: "image",
    FileKind.STICKER: "image",
    FileKind.VIDEO: "video",
    FileKind.VOICE: "audio",
    FileKind.AUDIO: "audio",
}
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """An event of a message: with `file` its content is made once that is uploaded."""

    kind: str
    content: Mapping[str, Any]
    file: File | None = None

    @property
    def said(self) -> str:
        """Return what it shows as text, by which an edit tells whether that has changed."""
        if self.file is None:
            return json.dumps(self.content, ensure_ascii=False, sort_keys=True)
        return self.file.identity


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file the homeserver has: its `mxc:` address, type and size in bytes."""

    mxc: str
    mime: str
    size: int


def shown(message: RemoteMessage, look: Look, *, silent: bool = False) -> Sequence[Shown]:
    """Return the events that show a message, at least one.

    `silent` is for what was written long ago: nobody's phone is to ring.
    """
    files = list(wording.files_of(message.content))
    kept = files[:MOST_FILES]
    text, is_said = wording.words(message, look, left_out=len(files) - len(kept))
    parts: list[Shown] = []
    if text.body:
        parts.append(Shown(TEXT, text_content(text, notice=silent or not is_said)))
    if message.service is None:
        parts += [
            Shown(_PLACE, _place(part, look))
            for part in message.content.parts
            if isinstance(part, Place) and wording.is_on_the_map(part)
        ]
    for file in kept:
        parts.append(Shown(file.kind.value, {}, file))
        if file.transcript:
            said = look.say("relay-transcript")
            heard = rich.beside(rich.Rich(said.body, said.html), rich.plain(file.transcript))
            parts.append(Shown(_TRANSCRIPT, text_content(heard, notice=True)))
    return parts


def text_content(text: Rich, *, notice: bool = False) -> dict[str, Any]:
    """Return the content of a text, cut to what an event can hold."""
    people = sorted(text.mentions - {rich.ROOM})
    mentions: dict[str, Any] = {"user_ids": people} if people else {}
    if rich.ROOM in text.mentions:
        mentions["room"] = True
    content: dict[str, Any] = {
        "msgtype": "m.notice" if notice else "m.text",
        "body": _fitting(text.body),
        # Nobody is notified by what merely looks like a mention.
        "m.mentions": mentions,
    }
    if text.html != rich.plain(text.body).html and len(text.html.encode()) < _MOST_BYTES - len(
        content["body"].encode()
    ):
        content |= {"format": "org.matrix.custom.html", "formatted_body": text.html}
    return content


def file_content(file: File, uploaded: Uploaded, name: str) -> tuple[str, dict[str, Any]]:
    """Return type and content of the event that shows an uploaded file.

    `name` is what it is called where the messenger gave no name. What is not of the type that its
    kind promises is shown as a document: clients would show a broken picture.
    """
    called = attachments.name_for(file.name, uploaded.mime, name)
    info: dict[str, Any] = {"mimetype": uploaded.mime, "size": uploaded.size}
    content: dict[str, Any] = {"body": called, "url": uploaded.mxc, "info": info}
    content["m.mentions"] = {}
    group = _GROUPS.get(file.kind, "")
    if not uploaded.size or not attachments.is_shown(uploaded.mime, group or "?"):
        return MESSAGE, {"msgtype": "m.file", "filename": called, **content}
    if group in {"image", "video"} and file.width > 0 and file.height > 0:
        info |= {"w": file.width, "h": file.height}
    if group in {"audio", "video"} and file.seconds > 0:
        info["duration"] = file.seconds * _MILLISECONDS
    if file.kind is FileKind.STICKER:
        return STICKER, {**content, "body": name}
    if file.kind is FileKind.VOICE:
        content |= _voice(file)
    return MESSAGE, {"msgtype": f"m.{group}", "filename": called, **content}


def edited(content: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    """Return the content that replaces what an event of ours says."""
    is_file = "url" in content
    body = str(content.get("body", ""))[:_MOST_FALLBACK]
    return {
        **(content if is_file else {"msgtype": content.get("msgtype", "m.text")}),
        # What older clients show; who was mentioned before is not notified again.
        "body": f"* {body}",
        "m.mentions": {},
        "m.new_content": dict(content),
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }


def in_the_name_of(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as the bot says it for somebody: the name in front, or as a caption."""
    if not name:
        return dict(content)
    if "url" in content:
        return {**content, "body": name}
    named = {**content, "body": f"{name}: {content['body']}"}
    if "formatted_body" in content:
        named["formatted_body"] = f"<strong>{escape(name)}</strong>: {content['formatted_body']}"
    return named


def answering(content: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    """Return content as an answer to an event."""
    return {**content, "m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


def stored(file: File) -> dict[str, Any]:
    """Return a file as it lies in a queue."""
    return {**asdict(file), "kind": file.kind.value}


def restored(row: Mapping[str, Any]) -> File:
    """Return a file that lay in a queue."""
    kind, waveform = FileKind(row["kind"]), tuple(row["waveform"])
    return File(**{**row, "kind": kind, "waveform": waveform})


def _place(place: Place, look: Look) -> dict[str, Any]:
    said = wording.place_words(place, look)
    uri = f"geo:{place.latitude:.6f},{place.longitude:.6f}"
    return {
        "msgtype": "m.location",
        "body": said,
        "geo_uri": uri,
        "org.matrix.msc3488.location": {"uri": uri, "description": said},
        "m.mentions": {},
    }


def _voice(file: File) -> dict[str, Any]:
    """Return what makes a sound a voice message (MSC3245) with its waveform (MSC1767)."""
    waves = file.waveform
    step = max(1, -(-len(waves) // _MOST_WAVES))
    loud = [max(waves[at : at + step]) for at in range(0, len(waves), step)]
    scaled = [min(max(wave, 0), _LOUDEST_THERE) * _LOUDEST // _LOUDEST_THERE for wave in loud]
    audio: dict[str, Any] = {"duration": max(file.seconds, 0) * _MILLISECONDS}
    if scaled:
        audio["waveform"] = scaled
    return {"org.matrix.msc1767.audio": audio, "org.matrix.msc3245.voice": {}}


def _fitting(body: str) -> str:
    written = body.encode()
    if len(written) <= _MOST_BYTES:
        return body
    return written[:_MOST_BYTES].decode(errors="ignore") + "…"
