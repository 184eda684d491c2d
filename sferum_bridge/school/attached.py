"""The files a message shows, and whether they may be shown in a room (S-13). Pure.

What a message says of a file is its writer's word. Where the homeserver keeps the file it knows
better: the size, the type it gives readers, and the name it was put up by. Both have to pass.

Of pictures, sound and films the text is often a description and no name: «Вид с vk.com». Where what
is shown is of such a type, the text counts as a name only if that ends as a program does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.school.attachments import (
    PROGRAM_SUFFIXES,
    Refusal,
    Verdict,
    is_program,
    is_shown,
    mime_for,
    plain_mime,
    suffix,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sferum_bridge.school.attachments import Policy

STICKER = "m.sticker"
_UNKNOWN = "application/octet-stream"
_ASSUMED = {
    "m.image": "image/png",
    STICKER: "image/png",
    "m.video": "video/mp4",
    "m.audio": "audio/ogg",
}
"""What clients take a file for whose type nobody says."""
_WORDS = frozenset({"com", "app", "run", "so", "inf", "url", "command"})
"""Endings of programs that end ordinary texts too."""
_SCALARS = (str, int, float, type(None))


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as the homeserver keeps it."""

    name: str
    """By which it was put up; empty where none was said."""
    mime: str
    size: int
    """Bytes; 0 where they are not there yet."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as a message speaks of it."""

    address: str
    """Its mxc: address; empty for one that is encrypted."""
    name: str
    mime: str
    size: int
    assumed: str = ""
    """The type that clients show it as where none is said."""


def attached(content: object, kind: str = "") -> Iterator[Attached]:
    """Yield the files that a content speaks of, those of an edit and of a gallery included.

    `kind`: the type of the event. A sticker has a description and no name.
    """
    if isinstance(content, Mapping):
        if isinstance(content.get("file"), Mapping) or isinstance(content.get("url"), str):
            yield _read(content, kind)
        for key, item in content.items():
            # Thumbnails and keys are none of what somebody saves.
            if key not in {"info", "file"} and not isinstance(item, _SCALARS):
                yield from attached(item, kind)
    elif isinstance(content, list | tuple):  # events hold lists as tuples
        for item in content:
            yield from attached(item, kind)


def refusal(one: Attached, kept: Kept | None, policy: Policy) -> Refusal | None:
    """Return why a file may not be shown, `None` where it may."""
    if not one.address:
        return Refusal.ENCRYPTED
    stored = plain_mime(kept.mime) if kept else ""
    mime = plain_mime(one.mime) or ("" if stored == _UNKNOWN else stored)
    ending = suffix(one.name)
    if not mime and ending not in policy.suffixes:
        mime = one.assumed
    seen = any(is_shown(mime, group) for group in ("image", "audio", "video"))
    surely = policy.suffixes | (PROGRAM_SUFFIXES - _WORDS)
    name = "" if seen and ending not in surely else one.name
    size = kept.size if kept else one.size
    match policy.of(name, mime_for(name, mime), size):
        case Verdict.WRONG_KIND:
            program = is_program(name, mime, policy.suffixes)
            return Refusal.PROGRAM if program else Refusal.WRONG_KIND
        case Verdict.TOO_BIG:
            return Refusal.TOO_BIG
        case Verdict.PASSES:
            disguised = kept is not None and is_program(kept.name, stored, policy.suffixes)
            return Refusal.PROGRAM if disguised else None


def _read(content: Mapping[str, Any], kind: str) -> Attached:
    info, url = content.get("info"), content.get("url")
    info = info if isinstance(info, Mapping) else {}
    size, encrypted = info.get("size"), isinstance(content.get("file"), Mapping)
    name = "" if kind == STICKER else _text(content.get("filename")) or _text(content.get("body"))
    return Attached(
        "" if encrypted else _text(url),
        name,
        _text(info.get("mimetype")),
        size if type(size) is int else 0,
        _ASSUMED.get(_text(content.get("msgtype")) or kind, ""),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
