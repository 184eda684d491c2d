"""Files of a linked chat: each an event of its own, in order, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from sferum_bridge.network.content import Content, File, FileKind, Place
from sferum_bridge.network.space import Space
from sferum_bridge.school.attachments import SUFFIXES, Policy
from sferum_bridge.store import chats, queues
from tests.support import databases
from tests.support.bridge import until
from tests.support.inward import GHOST, Linked, linked_room, working
from tests.support.messenger import CHAT
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.synapse import Homeserver

database_url = databases.database_url

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASYA = "101"
MOST = 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def linked(
    plain_homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Linked]:
    url = f"sqlite:///{tmp_path_factory.mktemp('bridge') / 'bridge.db'}"
    policy = Policy(MOST, SUFFIXES)
    people = {ASYA: "Ася Выдумкина"}
    async with (
        linked_room(plain_homeserver, url, people=people, policy=policy) as linked,
        working(linked),
    ):
        yield linked


async def read(linked: Linked, mxc: str) -> bytes:
    """Download a file as the reader's client does."""
    url = f"{linked.reader.url}/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
    headers = {"Authorization": f"Bearer {linked.reader.token}"}
    async with linked.reader.session.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def last_contents(linked: Linked, count: int) -> list[dict[str, Any]]:
    await linked.idle()
    return [event["content"] for event in await linked.last(count)]


async def test_an_album_is_one_event_a_photo_behind_its_text(linked: Linked) -> None:
    photos = []
    for number in range(3):
        linked.messenger.file(f"https://cdn/{number}", bytes([number]) * 100_000, "image/jpeg")
        photos.append(File(FileKind.PHOTO, f"https://cdn/{number}", width=640, height=480))
    # The first is slow, and yet is the first.
    linked.messenger.files["https://cdn/0"].held.clear()
    await linked.messenger.say(ASYA, Content("экскурсия", parts=tuple(photos)))
    await linked.messenger.say(ASYA, "понравилось?")

    async def others_are_under_way() -> bool:
        return all(linked.messenger.files[f"https://cdn/{n}"].opened for n in (1, 2))

    await until(others_are_under_way)
    linked.messenger.files["https://cdn/0"].held.set()
    text, *shown, after = await last_contents(linked, 5)
    assert (text["body"], after["body"]) == ("экскурсия", "понравилось?")
    for number, one in enumerate(shown):
        assert one["msgtype"] == "m.image"
        assert one["info"] == {"mimetype": "image/jpeg", "size": 100_000, "w": 640, "h": 480}
        assert one["body"] == one["filename"] == "фото.jpg"
        assert await read(linked, one["url"]) == bytes([number]) * 100_000


async def test_a_voice_message_is_one_and_its_words_come_later(linked: Linked) -> None:
    linked.messenger.file("https://cdn/v.ogg?sign=1", b"OggS" * 10, "audio/ogg")
    voice = File(
        FileKind.VOICE,
        "https://cdn/v.ogg?sign=1",
        seconds=3,
        waveform=(0, 31, 62),
        mime="audio/ogg",
    )
    message = await linked.messenger.say(ASYA, Content(parts=(voice,)))
    [content] = await last_contents(linked, 1)
    assert content["msgtype"] == "m.audio"
    assert content["org.matrix.msc3245.voice"] == {}
    assert content["org.matrix.msc1767.audio"] == {"duration": 3000, "waveform": [0, 1024, 1024]}
    heard = File(
        FileKind.VOICE,
        "https://cdn/v.ogg?sign=2",
        seconds=3,
        waveform=(0, 31, 62),
        mime="audio/ogg",
        transcript="завтра контрольная",
    )
    await linked.messenger.edit(message, Content(parts=(heard,)))
    before, after = await last_contents(linked, 2)
    assert before == content  # not sent again
    assert (after["msgtype"], after["body"]) == ("m.notice", "Расшифровка: завтра контрольная")


async def test_every_kind_of_file(linked: Linked) -> None:
    kinds = {
        FileKind.VIDEO: ("ролик.mp4", "video/mp4"),
        FileKind.AUDIO: ("песня.mp3", "audio/mpeg"),
        FileKind.DOCUMENT: ("работа.docx", ""),
        FileKind.STICKER: ("", "image/png"),
        FileKind.DRAWING: ("", "image/png"),
    }
    parts = []
    for kind, (name, mime) in kinds.items():
        linked.messenger.file(f"https://cdn/{kind}", b"x", mime)
        parts.append(File(kind, f"https://cdn/{kind}", name, seconds=2, width=10, height=10))
    await linked.messenger.say(ASYA, Content(parts=(*parts, Place(55.75, 37.61, "Школа"))))
    await linked.idle()
    place, video, audio, document, sticker, drawing = await linked.last(6)
    assert place["content"]["geo_uri"] == "geo:55.750000,37.610000"
    assert place["content"]["body"] == "Школа (55.75000, 37.61000)"
    assert (video["content"]["msgtype"], video["content"]["info"]["duration"]) == ("m.video", 2000)
    assert audio["content"]["body"] == "песня.mp3"
    docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert document["content"]["msgtype"] == "m.file"
    assert document["content"]["info"]["mimetype"] == docx
    assert (sticker["type"], sticker["content"]["body"]) == ("m.sticker", "стикер")
    assert drawing["content"]["msgtype"] == "m.image"


async def test_a_type_that_is_not_what_its_kind_promises_is_a_document(linked: Linked) -> None:
    linked.messenger.file("https://cdn/odd", b"%PDF", "application/pdf")
    linked.messenger.file("https://cdn/none", b"", "image/png")
    odd = File(FileKind.PHOTO, "https://cdn/odd")
    none = File(FileKind.PHOTO, "https://cdn/none", name="пусто.png")
    await linked.messenger.say(ASYA, Content(parts=(odd, none)))
    one, other = await last_contents(linked, 2)
    assert (one["msgtype"], one["body"]) == ("m.file", "фото.pdf")
    assert (other["msgtype"], other["info"]["size"]) == ("m.file", 0)


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("вирус.apk", {}, "школа не пропускает"),
        ("фото.jpg\u202egpj.exe", {}, "школа не пропускает"),
        ("много.pdf", {"size": MOST + 1}, "(1 МБ) слишком большой"),
        ("врёт.pdf", {"size": 10}, "слишком большой"),
        ("молчит.pdf", {"size": 0}, "слишком большой"),
        ("нет.pdf", {"gone": True}, "не удалось получить"),
    ],
)
async def test_what_cannot_come_is_told_in_its_place(
    linked: Linked, name: str, more: dict[str, Any], told: str
) -> None:
    linked.messenger.file(f"https://cdn/{name}", b"x" * (MOST + 1), **more)
    file = File(FileKind.DOCUMENT, f"https://cdn/{name}", name)
    await linked.messenger.say(ASYA, Content("вот", parts=(file,)))
    await linked.messenger.say(ASYA, "дальше")
    text, notice, after = await last_contents(linked, 3)
    assert (text["body"], after["body"]) == ("вот", "дальше")
    assert notice["msgtype"] == "m.notice"
    assert told in notice["body"]
    assert "\u202e" not in notice["body"]


async def test_what_breaks_off_is_fetched_again(linked: Linked) -> None:
    data = bytes(range(256)) * 1000
    linked.messenger.file("https://cdn/weak", data, fails=1, breaks_off=1)
    file = File(FileKind.DOCUMENT, "https://cdn/weak", "важно.pdf")
    await linked.messenger.say(ASYA, Content(parts=(file,)))
    [content] = await last_contents(linked, 1)
    assert await read(linked, content["url"]) == data


async def uploads_of(server: Homeserver, mxid: str) -> set[str]:
    """Return what an account uploaded, as the server's administrator sees it."""
    boss = await server.account("boss", admin=True)
    url = f"{server.process.url}/_synapse/admin/v1/users/{mxid}/media?limit=1000"
    headers = {"Authorization": f"Bearer {boss.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        listed = (await answer.json())["media"]
    return {f"mxc://{SERVER_NAME}/{one['media_id']}" for one in listed}


async def test_a_file_is_the_upload_of_who_shows_it(
    linked: Linked, plain_homeserver: Homeserver
) -> None:
    vera = linked.messenger.person("103", "Вера Выдумкина")
    linked.messenger.pictures[vera] = "https://cdn/vera.jpg"
    linked.messenger.file("https://cdn/vera.jpg", b"a picture", "image/jpeg")
    linked.messenger.file("https://cdn/whose.txt", b"one")
    linked.messenger.file("https://cdn/edited.txt", b"two")
    whose = File(FileKind.DOCUMENT, "https://cdn/whose.txt", "whose.txt")
    edited = File(FileKind.DOCUMENT, "https://cdn/edited.txt", "edited.txt")
    message = await linked.messenger.say(vera, Content(parts=(whose,)))
    await linked.messenger.edit(message, Content(parts=(whose, edited)))
    contents = await last_contents(linked, 2)
    _, profile = await linked.reader.call("GET", f"profile/{GHOST.format(vera)}")
    shown = {one["url"] for one in contents} | {profile["avatar_url"]}
    assert len(shown) == 3
    assert await uploads_of(plain_homeserver, GHOST.format(vera)) == shown


async def test_a_file_of_who_logged_in_is_their_own_upload(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people={}, owner_logs_in=True) as linked,
        working(linked),
    ):
        linked.messenger.file("https://cdn/own.txt", b"mine")
        file = File(FileKind.DOCUMENT, "https://cdn/own.txt", "own.txt")
        await linked.messenger.say("owner", Content(parts=(file,)))
        [content] = await last_contents(linked, 1)
        assert await uploads_of(plain_homeserver, linked.reader.mxid) == {content["url"]}


async def test_a_file_outlives_the_login_it_was_heard_through(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people={ASYA: "Ася"}) as linked:
        linked.messenger.file("https://cdn/late.txt", b"late")
        file = File(FileKind.DOCUMENT, "https://cdn/late.txt", "late.txt")
        await linked.messenger.say(ASYA, Content(parts=(file,)))
        hearing = asyncio.create_task(linked.inward.run())

        async def is_queued() -> bool:
            async with linked.database.read() as tx:
                rows = await queues.waiting(tx, queues.OUTBOX, linked.room_id, 10)
                # What describes the room is queued before what is said there.
                return any(row.content["relay"] == "show" for row in rows)

        await until(is_queued)
        hearing.cancel()
        async with linked.database.write() as tx:
            await chats.set_expired(tx, linked.login_id)
        async with working(linked):
            await linked.until_shown("late.txt")
        [content] = [one["content"] for one in await linked.last()]
        assert await read(linked, content["url"]) == b"late"


async def test_a_long_wait_that_is_asked_for_is_no_longer_than_patience(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with (
        linked_room(plain_homeserver, database_url, people={ASYA: "Ася"}) as linked,
        working(linked),
    ):
        linked.inward._carrier._patience = 0.2
        slow = linked.messenger.file("https://cdn/quota.txt", b"x", too_fast=3600.0)
        file = File(FileKind.DOCUMENT, "https://cdn/quota.txt", "quota.txt")
        await linked.messenger.say(ASYA, Content(parts=(file,)))
        await linked.messenger.say(ASYA, "дальше")
        notice, after = await last_contents(linked, 2)
        assert ("не удалось получить" in notice["body"], after["body"]) == (True, "дальше")
        assert slow.opened >= 2


async def test_files_take_turns_where_the_disk_has_no_room(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    space = Space(250_000)
    async with (
        linked_room(plain_homeserver, database_url, people={ASYA: "Ася"}, space=space) as linked,
        working(linked),
    ):
        names = [f"{number}.txt" for number in range(4)]
        files = []
        for name in names:
            linked.messenger.file(f"https://cdn/{name}", name.encode() * 20_000)
            linked.messenger.files[f"https://cdn/{name}"].held.clear()
            files.append(File(FileKind.DOCUMENT, f"https://cdn/{name}", name))
        await linked.messenger.say(ASYA, Content(parts=tuple(files)))

        async def is_full() -> bool:
            return space.free == 50_000

        # Two of 100,000 bytes have room, the others wait for it.
        await until(is_full)
        for name in names:
            linked.messenger.files[f"https://cdn/{name}"].held.set()
        await linked.until_shown(*names)
        assert space.free == 250_000


async def test_parts_come_and_go_with_edits(linked: Linked) -> None:
    files = {}
    for name in ("a", "b", "c"):
        linked.messenger.file(f"https://cdn/{name}.txt", name.encode())
        files[name] = File(FileKind.DOCUMENT, f"https://cdn/{name}.txt", f"{name}.txt")
    first = Content("два файла", parts=(files["a"], files["b"]))
    message = await linked.messenger.say(ASYA, first)
    assert (await linked.settled())[-3:] == ["два файла", "a.txt", "b.txt"]
    await linked.messenger.edit(message, Content("один", parts=(files["b"],)))
    assert (await linked.settled())[-2:] == ["один", "b.txt"]
    await linked.messenger.edit(message, Content("", parts=(files["c"],)))
    assert (await linked.settled())[-1:] == ["c.txt"]
    assert "один" not in await linked.shown()
    await linked.messenger.edit(message, Content("снова", parts=(files["c"], files["a"])))
    assert (await linked.settled())[-3:] == ["c.txt", "снова", "a.txt"]
    await linked.messenger.delete(message)
    assert not {"c.txt", "снова", "a.txt"} & set(await linked.settled())


async def test_what_was_deleted_here_alone_comes_back_with_no_edit(linked: Linked) -> None:
    files = []
    for name in ("kept.txt", "alone.txt"):
        linked.messenger.file(f"https://cdn/{name}", name.encode())
        files.append(File(FileKind.DOCUMENT, f"https://cdn/{name}", name))
    message = await linked.messenger.say(ASYA, Content("с ошибкой", parts=tuple(files)))
    assert (await linked.settled())[-3:] == ["с ошибкой", "kept.txt", "alone.txt"]
    async with linked.database.write() as tx:
        [_, one, _] = await chats.parts_of(tx, linked.login_id, CHAT, message.message_id)
        await chats.set_gone(tx, linked.login_id, one)
    await linked.messenger.edit(message, Content("без ошибки", parts=tuple(files)))
    assert (await linked.settled())[-3:] == ["без ошибки", "kept.txt", "alone.txt"]


async def test_a_kill_in_the_middle_of_uploads_doubles_and_loses_nothing(
    plain_homeserver: Homeserver, database_url: str
) -> None:
    async with linked_room(plain_homeserver, database_url, people={ASYA: "Ася"}) as linked:
        wanted = []
        for number in range(6):
            url = f"https://cdn/{number}.txt"
            linked.messenger.file(url, str(number).encode() * 200_000)
            file = File(FileKind.DOCUMENT, url, f"{number}.txt")
            await linked.messenger.say(ASYA, Content(f"вот {number}", parts=(file,)))
            wanted += [f"вот {number}", f"{number}.txt"]
        for pause in (0.3, 0.15, 0.6, 0.25, 0.4):
            async with working(linked):
                await asyncio.sleep(pause)
        async with working(linked):
            await linked.until_shown(*wanted)
        files = [e["content"] for e in await linked.last(12) if "url" in e["content"]]
        assert len({content["url"] for content in files}) == 6
        assert await read(linked, files[3]["url"]) == b"3" * 200_000


async def test_a_ghost_carries_its_users_picture(linked: Linked) -> None:
    borya = linked.messenger.person("102", "Боря Придумкин")
    linked.messenger.pictures[borya] = "https://cdn/borya.jpg?sign=1"
    linked.messenger.file("https://cdn/borya.jpg?sign=1", b"a picture", "image/jpeg")
    await linked.messenger.say(borya, "это я")
    await linked.idle()
    _, profile = await linked.reader.call("GET", f"profile/{GHOST.format(borya)}")
    assert await read(linked, profile["avatar_url"]) == b"a picture"
    assert profile["displayname"] == "Боря Придумкин (Сферум)"
