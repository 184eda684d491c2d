"""Files, materials and third parties through a real Synapse (S-06, S-13, S-16; scenarios 29, 32).

The teacher and the newcomer are at matrix-nio, everybody else at the plain client.
"""

from __future__ import annotations

import io
import re
import secrets
import zipfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio

from tests.support import guide
from tests.support.at_nio import at_nio
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.clamd import EICAR, FakeClamd
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

PDF = b"%PDF-1.7 " + b"a" * 2_000
EXE = b"MZ\x90\x00" + bytes(60) + b"PE\x00\x00"


@dataclass(frozen=True)
class Place:
    """A town, and the scanner of its homeserver."""

    town: Town
    clamd: FakeClamd


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give a settled school of two classes whose homeserver has a scanner."""
    folder = tmp_path_factory.mktemp("m")
    async with AsyncExitStack() as stack:
        clamd = FakeClamd(folder / "c")
        await clamd.start()
        stack.push_async_callback(clamd.stop)
        school = await BridgedSchool.start(
            folder,
            pupils=1,
            media={"rooms": {"pupils": {"fewer_kinds": ["zip"]}}},
            module={"scanner": f"unix:{folder / 'c'}", "scanner_seconds": 20},
        )
        stack.push_async_callback(school.stop)
        yield Place(await Town.open(school, stack), clamd)


@pytest_asyncio.fixture(loop_scope="session")
async def town(place: Place) -> Town:
    """Give the town."""
    return place.town


def zipped(**files: bytes) -> bytes:
    """Pack an archive; `_` stands for the dot in names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return out.getvalue()


async def upload(who: Who, data: bytes, name: str, mime: str) -> tuple[int, Any]:
    """Put a file up as a client does; return status and answer."""
    client = who.client
    async with client.session.post(
        f"{client.url}/_matrix/media/v3/upload",
        data=data,
        params={"filename": name},
        headers={"Authorization": f"Bearer {client.token}", "Content-Type": mime},
    ) as answer:
        return answer.status, await answer.json()


async def show(who: Who, room_id: str, url: str, name: str, **more: Any) -> tuple[int, Any]:
    """Show a file in a room; return status and answer."""
    where = f"rooms/{room_id}/send/m.room.message/{secrets.token_hex(8)}"
    content = {"msgtype": "m.file", "body": name, "url": url, **more}
    status, answer = await who.client.call("PUT", where, content)
    return status, answer


async def put(who: Who, room_id: str, data: bytes, name: str, mime: str, **more: Any) -> str:
    """Put a file up and show it; return the event's id."""
    status, answer = await upload(who, data, name, mime)
    assert status == 200, answer
    info = {"mimetype": mime, "size": len(data)}
    status, answer = await show(who, room_id, answer["content_uri"], name, info=info, **more)
    assert status == 200, answer
    return str(answer["event_id"])


REFUSED = [
    (EXE, "игра.exe", "application/octet-stream", "PROGRAM", "программы в школе"),
    (EXE, "фото.jpg", "image/jpeg", "PROGRAM", ""),
    (EXE, "", "application/octet-stream", "PROGRAM", ""),
    (PDF, "фото\u202egpj.exe", "image/jpeg", "PROGRAM", ""),
    (
        zipped(игра_exe=EXE),
        "работы.zip",
        "application/zip",
        "HOLDS_PROGRAM",
        "есть программа или макрос",
    ),
    (b"Rar!\x1a\x07\x01\x00", "работы.rar", "application/vnd.rar", "SEALED", "без пароля"),
    (PDF + EICAR, "реферат.pdf", "application/pdf", "VIRUS", "найден вирус"),
]
"""What is put up, its name and type, the error, and what the bot says: once a minute the same."""


async def test_a_program_is_refused_and_its_sender_is_told_why(town: Town) -> None:
    pupil, shown = await town.pupil("Вадим", "Ловкачёв"), guide.Transcript()
    for data, name, mime, code, words in REFUSED:
        status, answer = await upload(pupil, data, name, mime)
        error = f"IO.GITHUB.SFERUM_BRIDGE.FILE_{code}"
        assert (status, answer.get("errcode")) == (403, error), name
        if words:
            assert words in answer["error"], answer
            told = await pupil.hears(words)
            assert "не отправлен" in told.body
            if code == "PROGRAM":
                shown.say("Вадим", "(отправляет в чат класса файл «игра.exe»)")
                shown.chat("чат Вадима с помощником")
                shown.say("Помощник", told.body)
    guide.hold("refusal", "ru.md", shown)


async def test_what_is_called_a_program_is_not_shown_in_class(town: Town) -> None:
    pupil, mate = await town.pupil("Гриша", "Хитрецов"), await town.pupil("Зоя", "Зрячева")
    room = await town.bridged.room("pupils", "5А")
    status, answer = await upload(pupil, PDF, "", "application/octet-stream")
    assert status == 200, answer
    url = answer["content_uri"]
    refused = [
        ("игра.apk", {}, "PROGRAM"),
        ("игра.pdf", {"info": {"mimetype": "application/x-msdownload"}}, "PROGRAM"),
        ("чертёж.dwg", {}, "WRONG_KIND"),
        ("работы.zip", {}, "WRONG_KIND"),
        ("работа.pdf", {"file": {"url": url}}, "ENCRYPTED"),
    ]
    for name, more, code in refused:
        status, answer = await show(pupil, room, url, name, **more)
        assert (status, answer["errcode"]) == (403, f"IO.GITHUB.SFERUM_BRIDGE.FILE_{code}"), name
    status, answer = await show(pupil, room, url, "работа.pdf")
    assert status == 200, answer
    seen = [body for _, body in await mate.client.texts(room)]
    assert [body for body in seen if body in {"работа.pdf", *(name for name, _, _ in refused)}] == [
        "работа.pdf"
    ]
    assert "такого вида" in (await pupil.hears("такого вида")).body


async def test_while_the_scanner_is_away_files_wait(place: Place) -> None:
    pupil = await place.town.pupil("Лида", "Терпеливая")
    await place.clamd.stop()
    try:
        status, answer = await upload(pupil, PDF, "работа.pdf", "application/pdf")
        assert (status, answer["errcode"]) == (503, "IO.GITHUB.SFERUM_BRIDGE.FILE_UNSCANNED")
        await pupil.hears("не отвечает")
    finally:
        await place.clamd.start()
    status, answer = await upload(pupil, PDF, "работа.pdf", "application/pdf")
    assert status == 200, answer
    assert place.clamd.seen[-1] == PDF


# --- materials ------------------------------------------------------------------------------


async def read_at_nio(client: nio.AsyncClient, room_id: str) -> dict[str, nio.RoomMessageFile]:
    """Return name → file of what matrix-nio shows of a room's past."""
    answer = await client.room_messages(room_id, limit=100)
    assert isinstance(answer, nio.RoomMessagesResponse), answer
    files = [event for event in answer.chunk if isinstance(event, nio.RoomMessageFile)]
    return {str(event.source["content"].get("filename", event.body)): event for event in files}


async def opened(client: nio.AsyncClient, url: str) -> bytes | None:
    """Return a file as matrix-nio gets it, `None` where it is refused."""
    answer = await client.download(mxc=url)
    return answer.body if isinstance(answer, nio.DownloadResponse) else None


async def react(who: Who, room_id: str, event_id: str, key: str) -> str:
    """React to a message; return the reaction's id."""
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    where = f"rooms/{room_id}/send/m.reaction/{secrets.token_hex(8)}"
    status, answer = await who.client.call("PUT", where, {"m.relates_to": relation})
    assert status == 200, answer
    return str(answer["event_id"])


async def test_a_newcomer_reads_what_was_posted_in_september(town: Town) -> None:
    teacher, early = await town.class_teacher("5А"), await town.pupil("Ася", "Раннева")
    room, chat = [await town.bridged.room(kind, "5А") for kind in ("materials", "pupils")]
    await early.client.say(chat, "это было до новенького")
    await town.worked_off(
        await put(teacher, room, PDF, "Задачи на движение", "application/pdf", filename="з.pdf")
    )
    new = await town.pupil("Никита", "Новеньков")
    parent = await town.guardian(new, "Ольга", "Новенькова")
    await parent.say((await new.say("пригласить"))[0].code)
    await parent.say("подтвердить")
    for who in (new, parent):
        await who.gets_into("materials", "5А")
        async with at_nio(who.town.bridged, who) as client:
            files = await read_at_nio(client, room)
            assert await opened(client, files["з.pdf"].url) == PDF
            sent = await client.room_send(
                room, "m.room.message", {"msgtype": "m.text", "body": "я"}
            )
            assert isinstance(sent, nio.RoomSendError), "only teachers post"
        assert "Задачи на движение" in (await who.ask("материалы движение")).body
    assert "это было до новенького" not in [body for _, body in await new.client.texts(chat)]
    status, _ = await parent.client.call("GET", f"rooms/{chat}/messages", dir="b")
    assert status == 403


async def test_a_teacher_files_a_pupils_report(town: Town) -> None:
    teacher, pupil = await town.class_teacher("5Б"), await town.pupil("Лена", "Докладова", "5Б")
    mate = await town.pupil("Никита", "Читаев", "5Б")
    room, chat = [await town.bridged.room(kind, "5Б") for kind in ("materials", "pupils")]
    shown = guide.Transcript()
    shown.chat("5Б · ученики")
    shown.say("Лена", "доклад.pdf")
    report = await put(pupil, chat, PDF + b"1", "доклад.pdf", "application/pdf")
    await town.worked_off(await react(pupil, chat, report, "📚"))
    assert await mate.client.texts(room) == [], "a pupil files nothing"
    await town.worked_off(await react(teacher, chat, report, "📚"))
    shown.say("Учитель", "📚 (под этим сообщением)")
    shown.chat("чат учителя с помощником")
    shown.say("Помощник", (await teacher.hears("Положил в")).body)
    async with at_nio(mate.town.bridged, mate) as client:
        files = await read_at_nio(client, room)
        assert await opened(client, files["доклад.pdf"].url) == PDF + b"1"
    shown.chat("5Б · материалы")
    [(_, body)] = await mate.client.texts(room)
    shown.say("Помощник", f"{body} [доклад.pdf]")
    listed = await mate.ask("материалы")
    shown.chat("чат Никиты с помощником")
    shown.say("Никита", "материалы")
    shown.say("Помощник", re.sub(r"\d+\s\S+\s\d{4}\sг\.", "10 ноября 2026 г.", listed.body))
    await pupil.client.call("PUT", f"rooms/{chat}/redact/{report}/{secrets.token_hex(8)}", {})

    async def is_gone() -> bool:
        files = await mate.client.texts(room)
        return not any(body for _, body in files)

    await until(is_gone)
    assert "пока нет" in (await mate.ask("материалы")).body
    guide.hold("materials", "ru.md", shown)


async def test_another_class_reads_nothing_of_it(town: Town) -> None:
    teacher, other = await town.class_teacher("5А"), await town.pupil("Борис", "Бэшный", "5Б")
    room = await town.bridged.room("materials", "5А")
    await town.worked_off(await put(teacher, room, PDF, "секрет.pdf", "application/pdf"))
    assert "секрет" not in (await other.ask("материалы")).body
    status, _ = await other.client.call("GET", f"rooms/{room}/messages", dir="b")
    assert status == 403


# --- third parties --------------------------------------------------------------------------

WIDGET = {"type": "customwidget", "url": "https://games.example/", "name": "Игра", "data": {}}


async def test_widgets_bots_and_bridges_are_refused_and_explained(town: Town) -> None:
    teacher = await town.class_teacher("5А")
    pupil = await town.pupil("Костя", "Любопытнов")
    bot = await town.outsider("Погодный бот")
    bridged = await town.outsider("Вася (другой мессенджер)")
    class_room = await town.bridged.room("pupils", "5А")
    async with at_nio(teacher.town.bridged, teacher) as client:
        own = await client.room_create(invite=[pupil.mxid], name="Кружок")
        assert isinstance(own, nio.RoomCreateResponse), own
        for room in (class_room, own.room_id):
            for kind in ("im.vector.modular.widgets", "m.widget", "m.bridge"):
                put_state = await client.room_put_state(room, kind, WIDGET, state_key="игра")
                assert isinstance(put_state, nio.RoomPutStateError), (room, kind)
                assert "не работают" in put_state.message
                assert "do not work" in put_state.message
                seen = await client.room_get_state_event(room, kind, "игра")
                assert isinstance(seen, nio.RoomGetStateEventError)
            for guest in (bot, bridged):
                invited = await client.room_invite(room, guest.mxid)
                assert isinstance(invited, nio.RoomInviteError)
                assert "cannot be invited" in invited.message
    told: list[str] = []

    async def both() -> list[str]:
        told.extend(reply.body for reply in await teacher.news())
        found = [text for text in told if "виджеты" in text or "Приглашение" in text]
        return found if len(found) > 1 else []

    widgets, invites = sorted(await until(both))
    assert "виджеты" in widgets
    assert "администратору школы" in widgets
    assert "Приглашение не отправлено" in invites
    for guest in (bot, bridged):
        _, synced = await guest.client.call("GET", "sync", timeout="0")
        assert not synced.get("rooms", {}).get("invite")
    # The bot says nothing that nobody asked for or has to know.
    said = [body for sender, body in await pupil.client.texts(pupil.chat) if sender == BOT]
    assert len(said) == 1, said
