"""Every kind of attachment, as the public documents lay it out, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from sferum_bridge.network.content import Call, File, FileKind, Other, Page, Part, Place, Poll
from sferum_bridge.network.vk.attachments import name_of, read_attachments, read_place

U = "https://sun1.userapi.com/a"


def size(letter: str, width: int = 0, height: int = 0, url: str = U) -> dict[str, Any]:
    return {"type": letter, "url": f"{url}/{letter}", "width": width, "height": height}


def picture(side: int) -> dict[str, Any]:
    return {"url": f"{U}/{side}", "width": side, "height": side}


CASES: list[tuple[str, dict[str, Any], list[Part]]] = [
    ("photo",
     {"id": 1, "sizes": [size("s", 75, 50), size("w", 1280, 853), size("x", 604, 403)]},
     [File(FileKind.PHOTO, f"{U}/w", width=1280, height=853)]),
    ("photo", {"sizes": [size("m"), size("y"), size("x")]}, [File(FileKind.PHOTO, f"{U}/y")]),
    ("photo", {"sizes": [size("x", 9, 9)], "orig_photo": size("base", 3000, 2000)},
     [File(FileKind.PHOTO, f"{U}/base", width=3000, height=2000)]),
    ("photo", {"sizes": [{"type": "x", "url": "javascript:x"}, None]}, [Other("photo")]),
    ("doc", {"title": "План.docx", "ext": "docx", "size": 1234, "url": U, "type": 1},
     [File(FileKind.DOCUMENT, U, name="План.docx", size=1234,
           mime="application/vnd.openxmlformats-officedocument.wordprocessingml.document")]),
    ("doc", {"title": "котик", "ext": "gif", "url": U, "type": 3},
     [File(FileKind.DOCUMENT, U, name="котик.gif", mime="image/gif")]),
    ("doc", {"title": "", "ext": "../x", "url": U}, [File(FileKind.DOCUMENT, U)]),
    ("doc", {"title": "x"}, [Other("doc")]),
    ("doc", {"url": U, "preview": {"audio_msg": {"duration": 3, "link_ogg": f"{U}.ogg",
                                                "waveform": [0, 31]}}},
     [File(FileKind.VOICE, f"{U}.ogg", mime="audio/ogg", seconds=3, waveform=(0, 31))]),
    ("doc", {"url": U, "preview": {"graffiti": {"width": 5, "height": 6, "src": f"{U}.png"}}},
     [File(FileKind.DRAWING, U, width=5, height=6)]),
    ("audio_message",
     {"duration": 7, "waveform": [0, 99, -1, "x", 5], "link_ogg": f"{U}.ogg", "link_mp3": U,
      "transcript": "Привет", "transcript_state": "done"},
     [File(FileKind.VOICE, f"{U}.ogg", mime="audio/ogg", seconds=7, waveform=(0, 31, 0, 0, 5),
           transcript="Привет")]),
    ("audio_message", {"link_mp3": U, "transcript": "При", "transcript_state": "in_progress"},
     [File(FileKind.VOICE, U, mime="audio/mpeg")]),
    ("audio_message", {"duration": 7}, [Other("audio_message")]),
    ("graffiti", {"url": U, "width": 10, "height": 20},
     [File(FileKind.DRAWING, U, width=10, height=20)]),
    ("video",
     {"title": "Урок", "duration": 60, "width": 1920, "height": 1080, "player": f"{U}/player",
      "files": {"mp4_240": f"{U}/240", "mp4_720": f"{U}/720", "mp4_1080": f"{U}/1080",
                "hls": f"{U}/hls"}},
     [File(FileKind.VIDEO, f"{U}/720", name="Урок.mp4", mime="video/mp4", width=1920, height=1080,
           seconds=60)]),
    ("video", {"files": {"mp4_1080": U}}, [File(FileKind.VIDEO, U, mime="video/mp4")]),
    ("video", {"title": "Урок", "player": U}, [Page(U, "Урок", kind="video")]),
    ("video", {"title": "Урок", "owner_id": -5, "id": 6},
     [Page("https://vk.com/video-5_6", "Урок", kind="video")]),
    ("video", {}, [Other("video")]),
    ("video_message", {"files": {"mp4_480": U}}, [File(FileKind.VIDEO, U, mime="video/mp4")]),
    ("sticker", {"sticker_id": 1, "images": [picture(64), picture(512), picture(128)]},
     [File(FileKind.STICKER, f"{U}/512", width=512, height=512)]),
    ("ugc_sticker", {"images": [picture(64)]},
     [File(FileKind.STICKER, f"{U}/64", width=64, height=64)]),
    ("sticker", {"images": []}, [Other("sticker")]),
    ("link", {"url": U, "title": "Статья", "caption": "a.ru", "description": "О школе"},
     [Page(U, "Статья", "О школе")]),
    ("link", {"url": "javascript:alert(1)", "title": "x"}, [Other("link")]),
    ("poll", {"question": "Идём?", "answers": [{"text": "Да", "votes": 5}, {"text": "Нет"}, None],
              "anonymous": True, "multiple": 1, "closed": False},
     [Poll("Идём?", (("Да", 5), ("Нет", 0)), is_anonymous=True, is_multiple=True)]),
    ("poll", {}, [Other("poll")]),
    ("call", {"state": "reached", "duration": 95, "video": True, "participants": {"count": 4}},
     [Call(is_over=True, seconds=95, is_video=True, participants=4)]),
    ("call", {"state": "canceled_by_initiator"}, [Call(is_over=True, is_missed=True)]),
    ("group_call_in_progress", {"join_link": U, "participants": {"count": 2}},
     [Call(is_over=False, join_url=U, participants=2)]),
    ("group_call_in_progress", {"vk_join_link": U}, [Call(is_over=False, join_url=U)]),
    ("audio", {"artist": "Хор", "title": "Гимн", "url": U, "duration": 9},
     [File(FileKind.AUDIO, U, name="Хор — Гимн.mp3", mime="audio/mpeg", seconds=9)]),
    ("audio", {"artist": "Хор", "title": "Гимн", "url": f"{U}/index.m3u8", "owner_id": 1, "id": 2},
     [Page("https://vk.com/audio1_2", "Хор — Гимн", kind="audio")]),
    ("audio", {}, [Other("audio")]),
    ("wall",
     {"id": 6, "from_id": -5, "text": "Новость",
      "attachments": [{"type": "doc", "doc": {"url": U}}],
      "copy_history": [{"id": 7, "owner_id": -8, "text": "Откуда"}]},
     [Page("https://vk.com/wall-5_6", "", "Новость", "post"), File(FileKind.DOCUMENT, U),
      Page("https://vk.com/wall-8_7", "", "Откуда", "post")]),
    ("wall", {}, [Other("wall")]),
    ("wall_reply", {"owner_id": -5, "id": 6, "text": "x"},
     [Page("https://vk.com/wall-5_6", "", "x", "wall_reply")]),
    ("market", {"owner_id": -5, "id": 6, "title": "Значок"},
     [Page("https://vk.com/market-5_6", "Значок", kind="market")]),
    ("article", {"view_url": U, "title": "x"}, [Page(U, "x", kind="article")]),
    ("gift", {"id": 5}, [Other("gift")]),
    ("hologram", {"id": 5}, [Other("hologram")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "parts"), CASES)
def test_attachment(kind: str, content: dict[str, Any], parts: list[Part]) -> None:
    assert list(read_attachments([{"type": kind, kind: content}])) == parts


@pytest.mark.parametrize("kind", sorted({case[0] for case in CASES}))
@pytest.mark.parametrize("content", [None, "x", [], 5, {"sizes": 5, "images": {}, "files": []}])
def test_an_attachment_of_which_nothing_is_known_is_still_there(kind: str, content: Any) -> None:
    (part,) = read_attachments([{"type": kind, kind: content}])
    assert isinstance(part, Other | Call)


def test_what_is_no_attachment_is_noticed() -> None:
    assert read_attachments([None, {}, {"type": "<b>"}, {"type": 5}]) == (Other("unknown"),) * 4
    assert read_attachments({"type": "photo"}) == ()


def test_posts_in_posts_end() -> None:
    post: dict[str, Any] = {"id": 1, "owner_id": 1, "text": "x"}
    for _ in range(1000):
        post = {"id": 1, "owner_id": 1, "text": "x", "copy_history": [post],
                "attachments": [{"type": "wall", "wall": post}]}  # fmt: skip
    assert len(read_attachments([{"type": "wall", "wall": post}])) == 15


@pytest.mark.parametrize(
    ("geo", "place"),
    [
        ({"type": "point", "coordinates": {"latitude": 55.75, "longitude": 37.61},
          "place": {"title": "Москва"}}, Place(55.75, 37.61, "Москва")),
        ({"coordinates": {"latitude": "55.75", "longitude": -37}}, Place(55.75, -37.0)),
        ({"coordinates": "55.75 37.61"}, Place(55.75, 37.61)),
        ({"coordinates": "55.75"}, Other("geo")),
        ({"coordinates": {"latitude": 155, "longitude": 1}}, Other("geo")),
        ({"coordinates": {"latitude": "nan", "longitude": 1}}, Other("geo")),
        ({"coordinates": {"latitude": 10**400, "longitude": 1}}, Other("geo")),
        ({"coordinates": {"latitude": True, "longitude": 1}}, Other("geo")),
        ({}, Other("geo")), ("x", Other("geo")),
    ],
)  # fmt: skip
def test_place(geo: Any, place: Part) -> None:
    assert read_place(geo) == place


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [
        ("photo", {"owner_id": 5, "id": 6, "access_key": "ab12"}, "photo5_6_ab12"),
        ("doc", {"owner_id": -5, "id": 6}, "doc-5_6"),
        ("audio_message", {"owner_id": 5, "id": 6, "access_key": "k"}, "doc5_6_k"),
        ("doc", {"owner_id": 5, "id": 6, "access_key": "a,photo1_1"}, "doc5_6"),
        ("doc", {"owner_id": 5}, ""), ("sticker", {"owner_id": 5, "id": 6}, ""),
    ],
)  # fmt: skip
def test_names_by_which_messages_attach(kind: str, content: dict[str, Any], name: str) -> None:
    assert name_of(kind, content) == name
