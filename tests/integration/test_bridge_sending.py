"""What is written in a linked room reaches Sferum: every kind, through a real homeserver."""

from __future__ import annotations

import secrets
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.bridge import BridgedSchool, Client, LinkedChat, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc00000030101009ef6cf780000000049454e44ae426082"
)


class Linked:
    """A linked room with a pupil and the teacher, whose login it is."""

    def __init__(
        self, bridged: BridgedSchool, room_id: str, chat: LinkedChat, pupil: Client, teacher: Client
    ) -> None:
        self.bridged = bridged
        self.control = bridged.standin.control
        self.room_id = room_id
        self.chat = chat
        self.pupil = pupil
        self.teacher = teacher

    async def send(self, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event as the teacher."""
        return await self.send_as(self.teacher, content, kind)

    async def send_as(
        self, who: Client, content: dict[str, Any], kind: str = "m.room.message"
    ) -> str:
        """Send an event."""
        where = f"rooms/{self.room_id}/send/{kind}/{secrets.token_hex(8)}"
        status, answer = await who.call("PUT", where, content)
        assert status == 200, answer
        return str(answer["event_id"])

    async def upload(self, who: Client, data: bytes, mime: str) -> str:
        """Upload a file; return its address."""
        headers = {"Authorization": f"Bearer {who.token}", "Content-Type": mime}
        url = f"{who.url}/_matrix/media/v3/upload"
        async with who.session.post(url, data=BytesIO(data), headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["content_uri"])

    async def messages(self) -> list[dict[str, Any]]:
        """Return the chat's messages but those the chat reports."""
        found = await self.control.messages(self.chat.chat)
        return [m for m in found if not m.get("action")]

    async def arrives(self, text: str) -> dict[str, Any]:
        """Wait for a message with a text."""

        async def so() -> list[dict[str, Any]]:
            return [m for m in await self.messages() if m["text"] == text and not m["deleted"]]

        [found] = await until(so)
        return dict(found)

    async def is_told(self, who: Client, chat: str, words: str) -> str:
        """Wait until the bot has told somebody something; return it."""

        async def so() -> list[str]:
            return [body for _, body in await who.texts(chat) if words in body]

        return str((await until(so))[0])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def linked(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> AsyncIterator[Linked]:
    """Give a class whose pupils' room is linked, relay on."""
    folder = tmp_path_factory.mktemp("school")
    bridged = await BridgedSchool.start(folder, postgres, classes=("5А",), pupils=1)
    try:
        school = await bridged.school()
        room_id = await bridged.room("pupils", "5А")
        teacher = school.leaderships[0].person_id
        chat = await bridged.link_chat(teacher, room_id, "5А", ("Знайка Лунный",), relay=True)
        pupil = await bridged.client(school.enrolments[0].person_id)
        yield Linked(bridged, room_id, chat, pupil, await bridged.client(teacher))
    finally:
        await bridged.stop()


def answering(event_id: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


async def test_looks_and_mentions_arrive(linked: Linked) -> None:
    other = linked.chat.others[0]
    cmid = await linked.control.post(other, linked.chat.chat, "отзовись")

    async def shown() -> bool:
        return any(body == "отзовись" for _, body in await linked.teacher.texts(linked.room_id))

    assert cmid
    await until(shown)
    ghost = f"@sferum_{other}:school.example"
    html = f'😀 <b>Важно</b>: <a href="https://matrix.to/#/{ghost}">Знайка</a>, да'
    content = {"msgtype": "m.text", "body": "…", "format": "org.matrix.custom.html"}
    event_id = await linked.send({**content, "formatted_body": html})
    message = await linked.arrives(f"😀 Важно: [id{other}|Знайка], да")
    [item] = message["format_data"]["items"]
    assert (item["type"], item["offset"], item["length"]) == ("bold", 3, 5)
    new = {**content, "formatted_body": html.replace(", да", " &amp; <u>все</u> ")}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await linked.send({**new, "m.new_content": new, "m.relates_to": relation})
    await linked.arrives(f"😀 Важно: [id{other}|Знайка] & все")


async def test_an_answer_an_edit_and_a_deletion(linked: Linked) -> None:
    first = await linked.teacher.say(linked.room_id, "вопрос?")
    question = await linked.arrives("вопрос?")
    await linked.teacher.say(linked.room_id, "ответ", **answering(first))
    assert (await linked.arrives("ответ"))["reply_cmid"] == question["cmid"]
    new = {"msgtype": "m.text", "body": "вопрос!"}
    relation = {"rel_type": "m.replace", "event_id": first}
    await linked.send({**new, "m.new_content": new, "m.relates_to": relation})
    assert (await linked.arrives("вопрос!"))["cmid"] == question["cmid"]
    where = f"rooms/{linked.room_id}/redact/{first}/{secrets.token_hex(8)}"
    status, _ = await linked.teacher.call("PUT", where, {})
    assert status == 200

    async def deleted() -> bool:
        messages = await linked.messages()
        return any(m["cmid"] == question["cmid"] and m["deleted"] for m in messages)

    await until(deleted)


MENTIONS_ALL = {"m.mentions": {"room": True}}
REWRITTEN: list[tuple[str, str, dict[str, Any]]] = [
    ("@room, сюда", "@all, сюда", MENTIONS_ALL),
    ("@all сюда", "@\u2060all сюда", {}),
    ("[id1|Директор]", "[\u2060id1|Директор]", {}),
    ("с краю  \n\n", "с краю", {}),
    ("сердце ❤️", "сердце ❤️", {}),
]


@pytest.mark.parametrize(("said", "written", "more"), REWRITTEN, ids=["all", "at", "id", "", "❤"])
async def test_what_is_written_otherwise_there_is_not_taken_for_a_correction(
    linked: Linked, said: str, written: str, more: dict[str, Any]
) -> None:
    event_id = await linked.send({"msgtype": "m.text", "body": f"раз: {said}", **more})
    message = await linked.arrives(f"раз: {written}")
    new = {"msgtype": "m.text", "body": f"два: {said}", **more}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await linked.send({**new, "m.new_content": new, "m.relates_to": relation})
    assert (await linked.arrives(f"два: {written}"))["cmid"] == message["cmid"]
    # What follows it in the stream was heard behind it.
    other = linked.chat.others[0]
    await linked.control.post(other, linked.chat.chat, f"после {said}")

    async def heard() -> list[str]:
        bodies = [body for _, body in await linked.teacher.texts(linked.room_id)]
        return bodies if any(body.startswith("после ") for body in bodies[-1:]) else []

    assert not any("Исправлено в Сферуме" in body for body in await until(heard))


async def test_a_reaction_comes_and_goes(linked: Linked) -> None:
    event_id = await linked.teacher.say(linked.room_id, "ура")
    message = await linked.arrives("ура")
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}
    reaction = await linked.send({"m.relates_to": relation}, "m.reaction")

    async def reacted() -> dict[int, int]:
        return await linked.control.reactions(linked.chat.chat, message["cmid"])

    assert list(await until(reacted)) == [linked.chat.owner]
    where = f"rooms/{linked.room_id}/redact/{reaction}/{secrets.token_hex(8)}"
    await linked.teacher.call("PUT", where, {})

    async def gone() -> bool:
        return not await reacted()

    await until(gone)


@pytest.mark.parametrize(
    ("msgtype", "name", "mime", "data", "kind"),
    [
        ("m.image", "кот.png", "image/png", PNG, "photo"),
        ("m.file", "работа.pdf", "application/pdf", b"%PDF-" + b"x" * 2_000_000, "doc"),
        ("m.video", "кино.mp4", "video/mp4", b"x" * 1000, "video"),
    ],
    ids=["picture", "document", "video"],
)
async def test_files_of_a_pupil_arrive_before_what_follows(
    linked: Linked, msgtype: str, name: str, mime: str, data: bytes, kind: str
) -> None:
    url = await linked.upload(linked.pupil, data, mime)
    content = {"msgtype": msgtype, "body": f"вот {name}", "filename": name, "url": url}
    await linked.send_as(linked.pupil, {**content, "info": {"mimetype": mime}})
    await linked.teacher.say(linked.room_id, f"после {name}")
    after = await linked.arrives(f"после {name}")
    messages = await linked.messages()
    [sent] = [m for m in messages if m["text"].endswith(f": вот {name}")]
    assert sent["cmid"] < after["cmid"]
    assert [one["type"] for one in sent["attachments"]] == [kind]


async def test_a_program_is_told_and_does_not_go(linked: Linked) -> None:
    chat = await linked.pupil.direct_chat()
    url = await linked.upload(linked.pupil, b"MZ", "application/octet-stream")
    where = f"rooms/{linked.room_id}/send/m.room.message/{secrets.token_hex(8)}"
    content = {"msgtype": "m.file", "body": "игра.exe", "url": url}
    status, _ = await linked.pupil.call("PUT", where, content)
    assert status == 403
    await linked.is_told(linked.pupil, chat, "это программа")
    await linked.teacher.say(linked.room_id, "без игры")
    await linked.arrives("без игры")
    assert not any("игра" in str(message["attachments"]) for message in await linked.messages())


async def test_what_was_refused_is_sent_again_at_its_writers_word(linked: Linked) -> None:
    chat = await linked.teacher.direct_chat()
    await linked.control.fault("messages.send", "error", times=1, code=902)
    event_id = await linked.teacher.say(linked.room_id, "сначала не примут")
    await linked.is_told(linked.teacher, chat, "сначала не примут")
    await linked.teacher.say(linked.room_id, "!повторить", **answering(event_id))
    await linked.arrives("сначала не примут")

    async def failed() -> list[Any]:
        where = f"rooms/{linked.room_id}/messages"
        _, answer = await linked.teacher.call("GET", where, dir="b", limit="50")
        kind = "com.beeper.message_send_status"
        return [e["content"]["status"] for e in answer["chunk"] if e["type"] == kind]

    assert "FAIL_PERMANENT" in await until(failed)
    assert not any("повторить" in m["text"] for m in await linked.messages())


async def test_pins_go_there_and_do_not_come_back(linked: Linked) -> None:
    first = await linked.teacher.say(linked.room_id, "закрепите")
    second = await linked.teacher.say(linked.room_id, "и это")
    where = f"rooms/{linked.room_id}/state/m.room.pinned_events"
    cmids = [(await linked.arrives(text))["cmid"] for text in ("закрепите", "и это")]

    async def done() -> list[int]:
        """Return what the chat reports as pinned, one after the other; 0 as taken down."""
        found = await linked.control.messages(linked.chat.chat)
        actions = [m["action"] for m in found if m.get("action")]
        return [
            a["conversation_message_id"] if a["type"] == "chat_pin_message" else 0
            for a in actions
            if a["type"] in {"chat_pin_message", "chat_unpin_message"}
        ]

    wanted: list[int] = []
    for events, cmid in (([first], cmids[0]), ([first, second], cmids[1]), ([], 0)):
        status, _ = await linked.teacher.call("PUT", where, {"pinned": events})
        assert status == 200
        wanted.append(cmid)

        async def so() -> bool:
            return await done() == wanted

        await until(so)
    # The news of it has come by when this has: nothing was pinned here, nor there, because of it.
    await linked.control.post(linked.chat.others[0], linked.chat.chat, "после закреплённых")

    async def heard() -> bool:
        texts = [body for _, body in await linked.teacher.texts(linked.room_id)]
        return "после закреплённых" in texts

    await until(heard)
    assert (await linked.teacher.call("GET", where))[1]["pinned"] == []
    assert await done() == wanted


async def test_a_photo_of_an_album_is_taken_back_and_the_rest_stays(linked: Linked) -> None:
    control, owner = linked.control, linked.chat.owner
    photos = []
    for name in ("a.png", "b.png"):
        file = await control.add_file(PNG, name, "image/png")
        photos.append(await control.attachment("photo", owner, file))
    cmid = await control.post(owner, linked.chat.chat, "альбом", attachments=photos)

    async def shown() -> list[str]:
        where = f"rooms/{linked.room_id}/messages"
        _, answer = await linked.teacher.call("GET", where, dir="b", limit="20")
        images = [e for e in answer["chunk"] if e["content"].get("msgtype") == "m.image"]
        # The oldest first.
        return [e["event_id"] for e in images[1::-1]] if len(images) > 1 else []

    first, _ = await until(shown)
    where = f"rooms/{linked.room_id}/redact/{first}/{secrets.token_hex(8)}"
    assert (await linked.teacher.call("PUT", where, {}))[0] == 200

    async def left() -> bool:
        [message] = [m for m in await linked.messages() if m["cmid"] == cmid]
        return [one["photo"]["id"] for one in message["attachments"]] == [photos[1]["photo"]["id"]]

    await until(left)
    assert (await linked.arrives("альбом"))["cmid"] == cmid


async def test_typing_and_reading_of_the_teacher_are_seen(linked: Linked) -> None:
    event_id = await linked.teacher.say(linked.room_id, "прочти")
    await linked.arrives("прочти")
    for who in (linked.pupil, linked.teacher):
        where = f"rooms/{linked.room_id}/typing/{who.mxid}"
        await who.call("PUT", where, {"typing": True, "timeout": 20000})
    where = f"rooms/{linked.room_id}/receipt/m.read/{event_id}"
    await linked.teacher.call("POST", where, {})

    async def seen() -> bool:
        counted = (await linked.control.counters())["seen"]
        return {"messages.setActivity", "messages.markAsRead"} <= counted.keys()

    await until(seen)


async def test_kills_in_the_middle_of_files_lose_nothing_and_double_nothing(linked: Linked) -> None:
    wanted = []
    for number in range(4):
        url = await linked.upload(linked.teacher, b"%PDF-" + b"x" * 500_000, "application/pdf")
        name = f"файл {number}.pdf"
        content = {"msgtype": "m.file", "body": f"это {name}", "filename": name, "url": url}
        await linked.send({**content, "info": {"mimetype": "application/pdf"}})
        await linked.teacher.say(linked.room_id, f"за файлом {number}")
        wanted += [f"это {name}", f"за файлом {number}"]
        if number % 2:
            await linked.bridged.kill_bridge()
            await linked.bridged.start_bridge()

    async def all_there() -> bool:
        texts = [m["text"] for m in await linked.messages()]
        return wanted[-1] in texts

    await until(all_there, 120)
    found = [m for m in await linked.messages() if m["text"] in wanted]
    assert [m["text"] for m in found] == wanted
    assert all(len(m["attachments"]) == 1 for m in found[::2])
    bodies = [body for _, body in await linked.teacher.texts(linked.room_id)]
    assert [body for body in bodies if body in wanted] == wanted
    # No echo of an edit was taken for one that was made in Sferum.
    assert not any("Исправлено в Сферуме" in body for body in bodies)


async def test_changes_whose_answers_were_lost_are_no_failures(linked: Linked) -> None:
    chat = await linked.teacher.direct_chat()
    event_id = await linked.teacher.say(linked.room_id, "изменчивое")
    message = await linked.arrives("изменчивое")
    for method in ("messages.edit", "messages.sendReaction", "messages.delete"):
        await linked.control.fault(method, "cut_after", times=2)
    new = {"msgtype": "m.text", "body": "изменённое"}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await linked.send({**new, "m.new_content": new, "m.relates_to": relation})
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}
    await linked.send({"m.relates_to": relation}, "m.reaction")
    where = f"rooms/{linked.room_id}/redact/{event_id}/{secrets.token_hex(8)}"
    await linked.teacher.call("PUT", where, {})
    await linked.teacher.say(linked.room_id, "после изменчивого")
    await linked.arrives("после изменчивого")
    [found] = [m for m in await linked.messages() if m["cmid"] == message["cmid"]]
    assert (found["text"], found["deleted"]) == ("изменённое", True)
    assert (await linked.control.counters())["seen"]["messages.delete"] >= 3
    bodies = [body for _, body in await linked.teacher.texts(chat)]
    assert not any("осталось" in body or "не ушло" in body for body in bodies)


async def test_what_sferum_always_fails_at_is_told_and_stops_nobody(linked: Linked) -> None:
    bridged = linked.bridged
    chat = await linked.teacher.direct_chat()
    await bridged.stop_bridge()
    bridged.change_settings("sferum", send_tries=3, send_seconds=0)
    await bridged.start_bridge()
    troubles: list[tuple[str, int]] = [("error", 1), ("error", 10), ("http", 500)]
    for effect, code in troubles:
        said = f"на этом Сферум падает: {effect} {code}"
        await linked.control.fault("messages.send", effect, times=3, code=code)
        await linked.teacher.say(linked.room_id, said)
        await linked.teacher.say(linked.room_id, f"следом за {effect} {code}")
        await linked.arrives(f"следом за {effect} {code}")
        told = await linked.is_told(linked.teacher, chat, said)
        assert "раз за разом" in told
    assert not any("падает" in m["text"] for m in await linked.messages())
    # Each time its effect was there, only the answer was not: nobody is told of that.
    await linked.control.fault("messages.send", "cut_after", times=3)
    await linked.teacher.say(linked.room_id, "дошло без ответа")
    await linked.teacher.say(linked.room_id, "и дальше")
    await linked.arrives("и дальше")
    assert [m["text"] for m in await linked.messages()][-2:] == ["дошло без ответа", "и дальше"]
    assert not any("дошло без" in body for _, body in await linked.teacher.texts(chat))
