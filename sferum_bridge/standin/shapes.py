"""Attachments as VK shows them: `{"type": kind, kind: object}`, made from what is known of a file.

Ids, owner and access key are put in by `media`, which keeps the objects.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.files import address
from sferum_bridge.standin.probing import image_size, ogg_seconds, waveform

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.standin.values import StoredFile

Shape = dict[str, Any]

ALBUM = -3
"""The album of photos in messages."""
PHOTO_WIDTHS = (("s", 75), ("m", 130), ("x", 604), ("y", 807), ("z", 1080), ("w", 2560))
DOCUMENT_TYPES = {
    1: ("txt", "pdf", "doc", "docx", "rtf", "odt", "xls", "xlsx", "ppt", "pptx", "csv"),
    2: ("zip", "rar", "7z", "gz", "tar"),
    3: ("gif",),
    4: ("png", "jpg", "jpeg", "webp", "bmp"),
    5: ("mp3", "ogg", "wav", "m4a", "flac"),
    6: ("mp4", "mov", "avi", "mkv", "webm"),
    7: ("epub", "fb2", "djvu"),
}
OTHER_TYPE = 8


def photo(origin: str, file: StoredFile, path: Path, date: int) -> Shape:
    """Return a photo in the usual sizes; all of them lead to the original bytes."""
    width, height = image_size(path) or (100, 100)
    url = address(origin, file)
    sizes = [
        {"type": kind, "url": url, "width": w, "height": max(round(height * w / width), 1)}
        for kind, limit in PHOTO_WIDTHS
        if (w := min(limit, width))
    ]
    original = {"type": "base", "url": url, "width": width, "height": height}
    return {
        "album_id": ALBUM,
        "date": date,
        "text": "",
        "has_tags": False,
        "sizes": sizes or [original],
        "orig_photo": original,
        "web_view_token": file.key,
    }


def document(origin: str, file: StoredFile, path: Path, date: int) -> Shape:
    """Return a document; a picture has a preview."""
    extension = PurePath(file.name).suffix.removeprefix(".").lower()
    shown: Shape = {
        "title": file.name,
        "size": file.size,
        "ext": extension,
        "date": date,
        "type": next((n for n, known in DOCUMENT_TYPES.items() if extension in known), OTHER_TYPE),
        # The page of the document, which leads on to the file.
        "url": f"{origin}/doc/{file.key}",
    }
    size = image_size(path)
    if size:
        source = {"src": address(origin, file), "width": size[0], "height": size[1], "type": "o"}
        shown["preview"] = {"photo": {"sizes": [source]}}
    return shown


def voice(origin: str, file: StoredFile, path: Path, seconds: int = 0) -> Shape:
    """Return a voice message, whose transcript has yet to come."""
    return {
        "duration": seconds or ogg_seconds(path) or 1,
        "waveform": waveform(path),
        "link_ogg": address(origin, file),
        "link_mp3": address(origin, file),
        "transcript_state": "in_progress",
    }


def graffiti(origin: str, file: StoredFile, path: Path) -> Shape:
    """Return a drawing."""
    width, height = image_size(path) or (100, 100)
    return {"url": address(origin, file), "width": width, "height": height}


def video(origin: str, title: str, date: int, file: StoredFile | None, *, playable: bool) -> Shape:
    """Return a video: with `files` where it is playable, else with a page for the browser only."""
    shown: Shape = {
        "title": title,
        "description": "",
        "duration": 1,
        "date": date,
        "adding_date": date,
        "type": "video",
        "views": 0,
        "is_private": 1,
        "image": [{"url": f"{origin}/static/cover.png", "width": 320, "height": 240}],
        "player": f"{origin}/player?oid={{owner}}&id={{id}}",
    }
    if file is None:
        shown["processing"] = 1
    elif playable:
        shown["files"] = {"mp4_480": address(origin, file)}
    return shown


def sticker(origin: str, sticker_id: int) -> Shape:
    """Return a sticker of the one pack there is."""
    images = [
        {"url": f"{origin}/static/sticker-{sticker_id}.png", "width": side, "height": side}
        for side in (64, 128, 256, 352, 512)
    ]
    return {
        "inner_type": "base_sticker_new",
        "sticker_id": sticker_id,
        "product_id": 1,
        "images": images,
        "images_with_background": images,
        "is_allowed": True,
    }


def place(latitude: float, longitude: float, title: str = "") -> Shape:
    """Return the `geo` of a message."""
    shown: Shape = {
        "type": "point",
        "coordinates": {"latitude": latitude, "longitude": longitude},
        "showmap": 1,
    }
    if title:
        shown["place"] = {
            "id": 1,
            "title": title,
            "latitude": latitude,
            "longitude": longitude,
            "created": 0,
            "icon": "",
            "country": "",
            "city": "",
        }
    return shown


def poll(question: str, answers: list[str], date: int, *, anonymous: bool, multiple: bool) -> Shape:
    """Return a poll nobody has answered."""
    return {
        "question": question,
        "answers": [
            {"id": number, "text": text, "votes": 0, "rate": 0}
            for number, text in enumerate(answers, start=1)
        ],
        "votes": 0,
        "created": date,
        "end_date": 0,
        "anonymous": anonymous,
        "multiple": multiple,
        "closed": False,
        "is_board": False,
        "can_edit": False,
        "can_vote": True,
        "can_report": False,
        "can_share": True,
        "disable_unvote": False,
        "author_id": 0,
        "answer_ids": [],
    }


def wall(author_id: int, text: str, date: int, attachments: list[Shape]) -> Shape:
    """Return a post of a page."""
    return {
        "from_id": author_id,
        "to_id": author_id,
        "date": date,
        "text": text,
        "post_type": "post",
        "attachments": attachments,
    }


def link(url: str, title: str, description: str = "") -> Shape:
    """Return the snippet of a link."""
    return {"url": url, "title": title, "caption": "", "description": description}


def call_under_way(initiator_id: int, join_link: str, participants: list[int]) -> Shape:
    """Return a call that can be joined."""
    return {
        "initiator_id": initiator_id,
        "join_link": join_link,
        "participants": {"list": participants, "count": len(participants)},
    }


def ended_call(
    initiator_id: int, receiver_id: int, state: str, time: int, *, seconds: int, video: bool
) -> Shape:
    """Return a call that is over; `state` is `reached` or says who gave up."""
    shown: Shape = {
        "initiator_id": initiator_id,
        "receiver_id": receiver_id,
        "state": state,
        "time": time,
        "video": video,
    }
    if state == "reached":
        shown["duration"] = seconds
    return shown
