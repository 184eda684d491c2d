"""What is attached to a message, as `content` values. Pure: no I/O, no log, raises nothing.

Attachments are `{"type": t, t: object}`. A kind that is not known, or an object of which nothing
can be used, becomes `Other`: people are told that something is there.
"""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.content import Call, File, FileKind, Other, Page, Part, Place, Poll
from sferum_bridge.network.vk.values import (
    MalformedError,
    address,
    amount,
    dicts,
    flag,
    ident,
    number,
    part,
    text,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SITE = "https://vk.com"
_MP4 = re.compile(r"mp4_([0-9]{3,4})")
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,10}")
# Lines of a video that a school's telephones show, and that its connection carries.
_BEST_LINES = 720
# Photos without measures are ranked by VK's letters for sizes, from the smallest.
_SIZES = "sopqmrxyzw"
_MOST_BARS = 1024
_LOUDEST = 31
_DEEPEST_POST, _MOST_COPIES = 3, 3
MOST_PARTS = 200
"""What of one message is read. VK lets people attach ten things; each costs words here."""
_LATITUDE, _LONGITUDE = 90.0, 180.0


def read_attachments(value: Any, depth: int = 0) -> tuple[Part, ...]:
    """Read the `attachments` of a message, or of a post in it (`depth` above 0).

    At most `MOST_PARTS`, whatever is in them; that there are more is one part more.
    """
    found: list[Part] = []
    for attachment in value if isinstance(value, list) else []:
        if len(found) > MOST_PARTS:
            break
        kind = word(attachment.get("type") if isinstance(attachment, dict) else None)
        content = part(attachment, kind)
        if kind == "wall":
            found += _post(content, depth)
        else:
            found.append(_READERS.get(kind, _anything)(kind, content))
    if len(found) > MOST_PARTS:
        found[MOST_PARTS:] = [Other("unknown")]
    return tuple(found)


def read_place(value: Any) -> Part:
    """Read the `geo` of a message."""
    point = value.get("coordinates") if isinstance(value, dict) else None
    try:
        if isinstance(point, str):
            latitude, longitude = (number(one) for one in point.replace(",", " ").split())
        elif isinstance(point, dict):
            latitude = number(point.get("latitude"))
            longitude = number(point.get("longitude"))
        else:
            return Other("geo")
    except (MalformedError, ValueError):
        return Other("geo")
    if abs(latitude) > _LATITUDE or abs(longitude) > _LONGITUDE:
        return Other("geo")
    return Place(latitude, longitude, text(part(value, "place").get("title")))


def name_of(kind: str, content: Any) -> str:
    """Return the name by which a message attaches something that is in VK, empty for none."""
    owner, own = ident(content.get("owner_id")), ident(content.get("id"))
    if kind not in _ATTACHABLE or not owner or own <= 0:
        return ""
    key = content.get("access_key")
    tail = f"_{key}" if isinstance(key, str) and key.isascii() and key.isalnum() else ""
    return f"{_ATTACHABLE[kind]}{owner}_{own}{tail}"


# A saved voice message or drawing is attached as the document it is.
_ATTACHABLE = {
    "photo": "photo", "video": "video", "audio": "audio", "doc": "doc", "audio_message": "doc",
    "graffiti": "doc", "wall": "wall", "market": "market", "poll": "poll",
}  # fmt: skip


def _photo(kind: str, content: dict[str, Any]) -> Part:
    best = _largest([*dicts(content.get("sizes")), part(content, "orig_photo")])
    if best is None:
        return Other(kind)
    return _picture(FileKind.PHOTO, best)


def _largest(pictures: list[dict[str, Any]]) -> dict[str, Any] | None:
    usable = [one for one in pictures if _picture_url(one)]

    def size(one: dict[str, Any]) -> tuple[int, int]:
        letter = one.get("type")
        rank = _SIZES.find(letter) if isinstance(letter, str) and letter else -1
        return amount(one.get("width")) * amount(one.get("height")), rank

    return max(usable, key=size, default=None)


def _picture_url(picture: dict[str, Any]) -> str:
    return address(picture.get("url")) or address(picture.get("src"))


def _picture(kind: FileKind, picture: dict[str, Any]) -> File:
    return File(
        kind,
        _picture_url(picture),
        width=amount(picture.get("width")),
        height=amount(picture.get("height")),
    )


def _doc(kind: str, content: dict[str, Any]) -> Part:
    preview = part(content, "preview")
    if voice := part(preview, "audio_msg"):
        return _voice(kind, content | voice)
    if drawing := part(preview, "graffiti"):
        return _drawing(kind, {"url": content.get("url")} | drawing)
    url = address(content.get("url"))
    if not url:
        return Other(kind)
    name, extension = text(content.get("title")), text(content.get("ext"))
    if _EXTENSION.fullmatch(extension):
        if not name.lower().endswith(f".{extension.lower()}"):
            name = f"{name or 'document'}.{extension}"
    else:
        extension = ""
    mime = mimetypes.guess_type(f"x.{extension}")[0] if extension else None
    size = amount(content.get("size"))
    return File(FileKind.DOCUMENT, url, name=name, mime=mime or "", size=size)


def _voice(kind: str, content: dict[str, Any]) -> Part:
    ogg, mp3 = address(content.get("link_ogg")), address(content.get("link_mp3"))
    if not (ogg or mp3):
        return Other(kind)
    state = content.get("transcript_state", "done")
    bars = content.get("waveform")
    return File(
        FileKind.VOICE,
        ogg or mp3,
        mime="audio/ogg" if ogg else "audio/mpeg",
        seconds=amount(content.get("duration")),
        waveform=tuple(
            min(amount(bar), _LOUDEST)
            for bar in (bars if isinstance(bars, list) else [])[:_MOST_BARS]
        ),
        transcript=text(content.get("transcript")) if state == "done" else "",
    )


def _drawing(kind: str, content: dict[str, Any]) -> Part:
    return _picture(FileKind.DRAWING, content) if _picture_url(content) else Other(kind)


def _video(kind: str, content: dict[str, Any]) -> Part:
    files = part(content, "files")
    lines = {int(m[1]): key for key in files if (m := _MP4.fullmatch(key)) and address(files[key])}
    title = text(content.get("title"))
    if lines:
        fitting = [one for one in lines if one <= _BEST_LINES]
        best = lines[max(fitting) if fitting else min(lines)]
        return File(
            FileKind.VIDEO,
            address(files[best]),
            name=f"{title}.mp4" if title else "",
            mime="video/mp4",
            width=amount(content.get("width")),
            height=amount(content.get("height")),
            seconds=amount(content.get("duration")),
        )
    player = address(content.get("player")) or address(files.get("external"))
    url = player or _on_site("video", content)
    return Page(url, title, text(content.get("description")), "video") if url else Other(kind)


def _sticker(kind: str, content: dict[str, Any]) -> Part:
    best = _largest(dicts(content.get("images")))
    return Other(kind) if best is None else _picture(FileKind.STICKER, best)


def _link(kind: str, content: dict[str, Any]) -> Part:
    url = address(content.get("url"))
    told = text(content.get("description")) or text(content.get("caption"))
    return Page(url, text(content.get("title")), told) if url else Other(kind)


def _post(content: dict[str, Any], depth: int) -> list[Part]:
    """Read a post: Sferum's channels bring theirs so. What it shows is shown with it."""
    owner = ident(content.get("from_id")) or ident(content.get("to_id"))
    url = _on_site("wall", {"owner_id": owner} | content)
    said = text(content.get("text"))
    found: list[Part] = [Page(url, "", said, "post") if url or said else Other("wall")]
    if depth < _DEEPEST_POST:
        found += read_attachments(content.get("attachments"), depth + 1)
        for copied in dicts(content.get("copy_history"))[:_MOST_COPIES]:
            found += _post(copied, depth + 1)
    return found


def _poll(kind: str, content: dict[str, Any]) -> Part:
    question = text(content.get("question"))
    answers = tuple(
        (text(answer.get("text")), amount(answer.get("votes")))
        for answer in dicts(content.get("answers"))
    )
    if not question and not answers:
        return Other(kind)
    return Poll(
        question,
        answers,
        is_anonymous=flag(content.get("anonymous")),
        is_multiple=flag(content.get("multiple")),
        is_closed=flag(content.get("closed")),
    )


def _call(_: str, content: dict[str, Any]) -> Part:
    return Call(
        is_over=True,
        seconds=amount(content.get("duration")),
        is_missed=word(content.get("state")) not in {"reached", "unknown"},
        is_video=flag(content.get("video")),
        participants=amount(part(content, "participants").get("count")),
    )


def _call_going_on(_: str, content: dict[str, Any]) -> Part:
    links = (address(content.get(key)) for key in ("join_link", "vk_join_link"))
    return Call(
        is_over=False,
        join_url=next((link for link in links if link), ""),
        participants=amount(part(content, "participants").get("count")),
    )


def _audio(kind: str, content: dict[str, Any]) -> Part:
    title = " — ".join(filter(None, (text(content.get("artist")), text(content.get("title")))))
    url = address(content.get("url"))
    if url and ".m3u8" not in url:
        name = f"{title}.mp3" if title else ""
        seconds = amount(content.get("duration"))
        return File(FileKind.AUDIO, url, name=name, mime="audio/mpeg", seconds=seconds)
    page = _on_site("audio", content)
    return Page(page, title, kind=kind) if page else Other(kind)


def _anything(kind: str, content: dict[str, Any]) -> Part:
    """Read a kind that has nothing but a page, or is not known, as whatever can be opened."""
    keys = ("view_url", "share_url", "url", "link")
    url = next((found for key in keys if (found := address(content.get(key)))), "")
    if not url and kind in {"market", "story", "podcast", "wall_reply"}:
        url = _on_site({"wall_reply": "wall"}.get(kind, kind), content)
    title = text(content.get("title")) or text(content.get("name"))
    return Page(url, title, text(content.get("text")), kind) if url else Other(kind)


def _on_site(kind: str, content: dict[str, Any]) -> str:
    owner, own = ident(content.get("owner_id")), ident(content.get("id"))
    return f"{SITE}/{kind}{owner}_{own}" if owner and own > 0 else ""


_READERS: dict[str, Callable[[str, dict[str, Any]], Part]] = {
    "photo": _photo,
    "doc": _doc,
    "audio_message": _voice,
    "graffiti": _drawing,
    "video": _video,
    "video_message": _video,
    "sticker": _sticker,
    "ugc_sticker": _sticker,
    "link": _link,
    "poll": _poll,
    "call": _call,
    "group_call_in_progress": _call_going_on,
    "audio": _audio,
}
