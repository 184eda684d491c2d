"""Files at the stand-in: uploading in three steps, attaching, and getting the same bytes back."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from tests.support.samples import jpeg, ogg, png
from tests.support.standin import (
    ApiRefused,
    Caller,
    Served,
    StandIn,
    served_place,  # noqa: F401 - what `served` stands on
    served_standin,  # noqa: F401 - the fixture `served`
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.standin.client import Chat, Person


class Class(NamedTuple):
    """A teacher and a pupil in a chat; the teacher is logged in."""

    served: Served
    teacher: Person
    pupil: Person
    chat: Chat
    hers: Caller

    async def say(self, **params: Any) -> dict[str, Any]:
        """Send and return the message as the pupil finds it."""
        given = {"peer_id": self.chat.peer_id, "random_id": 0, **params}
        sent = await self.hers.call("messages.send", **given)
        async with Caller(self.served.url) as his:
            await his.log_in(self.pupil)
            named = {"peer_id": self.chat.peer_id, "cmids": sent["cmid"]}
            found = await his.call("messages.getById", **named)
        return dict(found["items"][0])


@pytest_asyncio.fixture
async def room(served: Served) -> AsyncIterator[Class]:
    teacher = await served.control.add_user("Анна", "Вымышленная", role="teacher")
    pupil = await served.control.add_user("Пётр", "Придуманный")
    chat = await served.control.add_chat("5А", teacher.user_id, [pupil.user_id])
    async with Caller(served.url) as hers:
        yield Class(served, teacher, pupil, chat, await hers.log_in(teacher))


def name(kind: str, media: dict[str, Any]) -> str:
    return f"{kind}{media['owner_id']}_{media['id']}_{media['access_key']}"


async def upload_document(
    caller: Caller, kind: str, data: bytes, file: str, title: str = ""
) -> Any:
    server = await caller.call("docs.getMessagesUploadServer", type=kind)
    reply = await caller.upload(server["upload_url"], "file", data, file)
    return await caller.call("docs.save", file=reply["file"], title=title)


@pytest.mark.parametrize("way", ["fields", "upload_v2"])
async def test_a_photo_goes_there_and_back(room: Class, way: str) -> None:
    data = png(1600, 900)
    server = await room.hers.call("photos.getMessagesUploadServer", peer_id=room.chat.peer_id)
    reply = await room.hers.upload(server["upload_url"], "photo", data, "доска.png", "image/png")
    if way == "upload_v2":
        whole = {"photo": json.dumps(reply), "upload_v2": 1}
        (photo,) = await room.hers.call("photos.saveMessagesPhoto", **whole)
    else:
        (photo,) = await room.hers.call("photos.saveMessagesPhoto", **reply)
    message = await room.say(attachment=name("photo", photo), message="Доска")
    (attachment,) = message["attachments"]
    sizes = {size["type"]: size for size in attachment["photo"]["sizes"]}
    assert (sizes["x"]["width"], sizes["x"]["height"]) == (604, 340)
    assert attachment["photo"]["orig_photo"]["width"] == 1600
    assert await room.hers.fetch(sizes["w"]["url"]) == (200, "image/png", data)


async def test_sizes_are_read_from_the_pictures_themselves(room: Class) -> None:
    for data, file, size in (
        (jpeg(640, 480), "a.jpg", (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 20, 30) + bytes(20), "a.gif", (20, 30)),
    ):
        stored = await room.served.control.add_file(data, file)
        made = await room.served.control.attachment("photo", room.pupil.user_id, stored)
        original = made["photo"]["orig_photo"]
        assert (original["width"], original["height"]) == size


async def test_documents_recordings_and_drawings(room: Class) -> None:
    text = "Домашнее задание".encode()
    doc = await upload_document(room.hers, "doc", text, "задание.txt", "ДЗ.txt")
    assert doc["type"] == "doc"
    assert (doc["doc"]["title"], doc["doc"]["ext"], doc["doc"]["size"]) == (
        "ДЗ.txt",
        "txt",
        len(text),
    )
    status, _, body = await room.hers.fetch(doc["doc"]["url"])
    assert (status, body) == (200, text)
    voice = await upload_document(room.hers, "audio_message", ogg(7), "voice.ogg")
    assert voice["audio_message"]["duration"] == 7
    assert 0 < len(voice["audio_message"]["waveform"]) <= 128
    drawing = await upload_document(room.hers, "graffiti", png(60, 40), "g.png")
    assert (drawing["graffiti"]["width"], drawing["graffiti"]["height"]) == (60, 40)
    # A recording is attached by its own name or as a document: both are in use.
    for kind in ("doc", "audio_message"):
        message = await room.say(attachment=name(kind, voice["audio_message"]))
        assert [one["type"] for one in message["attachments"]] == ["audio_message"]
    both = f"{name('doc', doc['doc'])},{name('graffiti', drawing['graffiti'])}"
    message = await room.say(attachment=both)
    assert [one["type"] for one in message["attachments"]] == ["doc", "graffiti"]


async def test_a_video_has_files_once_it_was_posted(room: Class) -> None:
    place = await room.hers.call("video.save", name="Опыт", is_private=1)
    made = await room.hers.upload(
        place["upload_url"], "video_file", b"moving", "v.mp4", "video/mp4"
    )
    assert (made["video_id"], made["size"]) == (place["video_id"], 6)
    video = {"owner_id": place["owner_id"], "id": place["video_id"]}
    message = await room.say(attachment=name("video", {**video, "access_key": place["access_key"]}))
    found = message["attachments"][0]["video"]
    assert found["title"] == "Опыт"
    assert (await room.hers.fetch(found["files"]["mp4_480"]))[2] == b"moving"
    assert (await room.hers.fetch(found["player"]))[0] == 200
    bare = await room.served.control.attachment("video", room.pupil.user_id, title="Чужое")
    assert "files" not in bare["video"]


async def test_what_cannot_be_uploaded(room: Class) -> None:
    hers = room.hers
    server = await hers.call("docs.getMessagesUploadServer", type="doc")
    assert "error" in await hers.upload(server["upload_url"], "file", b"MZ", "игра.exe")
    assert "error" in await hers.upload(server["upload_url"], "file", b"", "пусто.txt")
    assert "error" in await hers.upload(server["upload_url"], "wrong", b"text", "a.txt")
    photos = await hers.call("photos.getMessagesUploadServer")
    reply = await hers.upload(photos["upload_url"], "photo", b"no picture", "a.png")
    with pytest.raises(ApiRefused, match="129"):
        await hers.call("photos.saveMessagesPhoto", **reply)
    reply = await hers.upload(photos["upload_url"], "photo", png(4, 4), "a.png")
    with pytest.raises(ApiRefused, match="121"):
        await hers.call("photos.saveMessagesPhoto", **{**reply, "hash": "forged"})
    reply = await hers.upload(server["upload_url"], "file", b"text", "a.txt")
    async with Caller(room.served.url) as his:
        await his.log_in(room.pupil)
        with pytest.raises(ApiRefused, match="105"):
            await his.call("docs.save", file=reply["file"])


async def test_foreign_media_needs_its_key(room: Class) -> None:
    stored = await room.served.control.add_file(b"secret", "план.txt")
    doc = (await room.served.control.attachment("doc", room.pupil.user_id, stored))["doc"]
    bare = f"doc{doc['owner_id']}_{doc['id']}"
    for refused in (bare, bare + "_guess", "photo1_1", "nonsense"):
        with pytest.raises(ApiRefused, match="100"):
            await room.say(attachment=refused)
    assert (await room.say(attachment=name("doc", doc)))["attachments"]
    with pytest.raises(ApiRefused, match="100"):
        await room.say(attachment=",".join([name("doc", doc)] * 11))


async def test_an_edit_takes_away_what_it_does_not_name(room: Class) -> None:
    doc = (await upload_document(room.hers, "doc", b"one", "1.txt"))["doc"]
    message = await room.say(attachment=name("doc", doc), message="раз")
    named = {"peer_id": room.chat.peer_id, "cmid": message["conversation_message_id"]}

    async def edited(**params: Any) -> list[str]:
        await room.hers.call("messages.edit", **named, **params)
        shown = (await room.served.control.messages(room.chat.chat))[-1]
        return [one["type"] for one in shown["attachments"]]

    assert await edited(message="два", attachment=name("doc", doc)) == ["doc"]
    assert await edited(message="три") == []


async def test_places_stickers_and_keyboards(room: Class) -> None:
    message = await room.say(lat="59.9386", long="30.3141")
    assert message["geo"]["coordinates"] == {"latitude": 59.9386, "longitude": 30.3141}
    sticker = (await room.say(sticker_id=9))["attachments"][0]["sticker"]
    status, kind, _ = await room.hers.fetch(sticker["images"][0]["url"])
    assert (sticker["sticker_id"], status, kind) == (9, 200, "image/png")
    keyboard = '{"inline": true, "buttons": [[{"action": {"type": "text", "label": "Да"}}]]}'
    message = await room.say(message="Придёте?", keyboard=keyboard)
    assert message["keyboard"]["buttons"][0][0]["action"]["label"] == "Да"
    for wrong in ({"lat": "91", "long": "0"}, {"message": "к", "keyboard": '{"buttons": 5}'}):
        with pytest.raises(ApiRefused):
            await room.say(**wrong)


async def test_files_that_trouble_a_client(room: Class) -> None:
    control = room.served.control
    large = await control.add_file(b"begin", "large.bin", size=3_000_000)
    assert large.size == 3_000_000
    empty = await control.add_file(b"", "empty.bin", "text/html")
    assert await room.hers.fetch(empty.url) == (200, "text/html", b"")
    await control.fault("file", "cut_after")
    with pytest.raises(aiohttp.ClientPayloadError):
        await room.hers.fetch(large.url)
    status, _, body = await room.hers.fetch(large.url)
    assert (status, len(body), body[:6]) == (200, 3_000_000, b"begin\0")
    await control.fault("file", "http", code=503)
    assert (await room.hers.fetch(large.url))[0] == 503
    await control.drop_file(large)
    assert (await room.hers.fetch(large.url))[0] == 404


async def test_a_large_file_passes_and_a_larger_one_does_not(tmp_path: Path) -> None:
    options = ("--calls-per-second", "0", "--file-limit", "3000000")
    async with StandIn(tmp_path, *options) as standin, Caller(standin.url) as caller:
        await caller.log_in(await standin.control.add_user("Анна", "Вымышленная"))
        data = bytes(range(250)) * 12_000
        doc = await upload_document(caller, "doc", data, "large.bin")
        server = await caller.call("docs.getMessagesUploadServer")
        assert "error" in await caller.upload(server["upload_url"], "file", data + b"!", "l.bin")
        await standin.kill()
        await standin.start()
        assert (await caller.fetch(doc["doc"]["url"]))[2] == data
