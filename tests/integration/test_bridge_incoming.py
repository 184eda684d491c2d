"""What people do in Sferum, as it is seen in the linked room: the whole bridge, closed rooms on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.bridge import BridgedSchool, Client, LinkedChat, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.client import StandInControl

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Watched:
    """A linked room, and the pupil who reads it."""

    def __init__(
        self, bridged: BridgedSchool, room_id: str, chat: LinkedChat, pupil: Client
    ) -> None:
        self.bridged = bridged
        self.room_id = room_id
        self.chat = chat
        self.pupil = pupil

    @property
    def control(self) -> StandInControl:
        return self.bridged.standin.control

    async def post(self, text: str = "", **more: Any) -> int:
        """Write in the chat as a pupil of Sferum; return the message's number."""
        return await self.control.post(self.chat.others[0], self.chat.chat, text, **more)

    async def events(self) -> list[dict[str, Any]]:
        where = f"rooms/{self.room_id}/messages"
        _, answer = await self.pupil.call("GET", where, dir="b", limit="500")
        return list(reversed(answer["chunk"]))

    async def contents(self) -> list[dict[str, Any]]:
        """Return what the room's messages say now, in their order."""
        newest: dict[str, dict[str, Any]] = {}
        for event in await self.events():
            content, relation = event["content"], event["content"].get("m.relates_to", {})
            if event["type"] not in {"m.room.message", "m.sticker"} or not content:
                continue
            if relation.get("rel_type") == "m.replace":
                if relation["event_id"] in newest:
                    newest[relation["event_id"]] = content["m.new_content"]
            else:
                newest[event["event_id"]] = content
        return list(newest.values())

    async def bodies(self) -> list[str]:
        return [content["body"] for content in await self.contents()]

    async def until_last(self, *bodies: str) -> None:
        async def so() -> bool:
            return (await self.bodies())[-len(bodies) :] == list(bodies)

        try:
            await until(so)
        except TimeoutError:
            assert (await self.bodies())[-len(bodies) :] == list(bodies)

    async def read(self, mxc: str) -> bytes:
        url = f"{self.pupil.url}/_matrix/client/v1/media/download/{mxc.removeprefix('mxc://')}"
        headers = {"Authorization": f"Bearer {self.pupil.token}"}
        async with self.pupil.session.get(url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """Give a class whose pupils' room is linked."""
    folder = tmp_path_factory.mktemp("school")
    bridged = await BridgedSchool.start(folder, classes=("5А",), pupils=2)
    try:
        school = await bridged.school()
        room_id = await bridged.room("pupils", "5А")
        teacher = school.leaderships[0].person_id
        people = ("Знайка Лунный", "Пончик Сиропчиков")
        chat = await bridged.link_chat(teacher, room_id, "5А ученики", people, relay=False)
        pupil = await bridged.client(school.enrolments[0].person_id)
        yield Watched(bridged, room_id, chat, pupil)
    finally:
        await bridged.stop()


async def test_looks_of_a_text(watched: Watched) -> None:
    looks = {"version": 1, "items": [{"type": "bold", "offset": 3, "length": 5}]}
    await watched.post("😀 важно [https://school.example|сайт]", format_data=looks)
    await watched.until_last("😀 важно сайт (https://school.example)")
    [*_, content] = await watched.contents()
    assert "<strong>важно</strong>" in content["formatted_body"]


async def test_a_photo_and_a_document_can_be_opened_by_a_pupil(watched: Watched) -> None:
    control, owner = watched.control, watched.chat.others[0]
    photo = await control.add_file(b"\x89PNG" * 30_000, "a.png", "image/png")
    paper = await control.add_file(b"%PDF" * 50_000, "доклад.pdf", "application/pdf")
    attachments = [
        await control.attachment("photo", owner, photo),
        await control.attachment("doc", owner, paper),
    ]
    await watched.post("доклад", attachments=attachments)
    await watched.post("конец")

    async def there() -> list[dict[str, Any]]:
        contents = await watched.contents()
        return contents[-4:] if contents[-1]["body"] == "конец" else []

    text, picture, document, _ = await until(there)
    assert text["body"] == "доклад"
    assert await watched.read(picture["url"]) == b"\x89PNG" * 30_000
    assert document["body"] == "доклад.pdf"
    assert await watched.read(document["url"]) == b"%PDF" * 50_000


async def test_edits_reactions_and_deletions(watched: Watched) -> None:
    control, chat = watched.control, watched.chat
    author, other = chat.others
    cmid = await watched.post("черновик")
    await watched.until_last("черновик")
    await control.edit(author, chat.chat, cmid, "чистовик")
    await watched.until_last("чистовик")
    await control.react(other, chat.chat, cmid, 1)

    async def reactions() -> list[str]:
        return [
            e["sender"]
            for e in await watched.events()
            if e["type"] == "m.reaction" and e["content"]
        ]

    async def reacted() -> bool:
        return await reactions() == [f"@sferum_{other}:school.example"]

    await until(reacted)
    await control.react(other, chat.chat, cmid, 0)

    async def taken_back() -> bool:
        return not await reactions()

    await until(taken_back)
    await control.delete(author, chat.chat, cmid)

    async def gone() -> bool:
        return "чистовик" not in await watched.bodies()

    await until(gone)


async def test_a_voice_message_a_poll_and_a_call(watched: Watched) -> None:
    control, author = watched.control, watched.chat.others[0]
    sound = await control.add_file(b"OggS" * 5000, "voice.ogg", "audio/ogg")
    voice = await control.attachment("audio_message", author, sound, seconds=4)
    await watched.post(attachments=[voice])
    poll = await control.attachment("poll", author, question="Идём?", answers=["Да", "Нет"])
    await watched.post(attachments=[poll])

    async def there() -> list[dict[str, Any]]:
        contents = await watched.contents()
        return contents[-2:] if contents[-1]["body"].startswith("Опрос: Идём?") else []

    heard, _ = await until(there)
    assert heard["msgtype"] == "m.audio"
    assert heard["org.matrix.msc1767.audio"]["duration"] == 4000
    assert "org.matrix.msc3245.voice" in heard
    call = await control.start_call(author, watched.chat.chat)

    async def calling() -> bool:
        return any(call["join_link"] in body for body in await watched.bodies())

    await until(calling)
    await control.end_call(author, call["call_id"], seconds=65)

    async def over() -> bool:
        bodies = await watched.bodies()
        return bodies[-1].startswith("Звонок окончен") and not any(
            call["join_link"] in body for body in bodies
        )

    await until(over)


async def test_the_chat_reports_who_comes_and_goes(watched: Watched) -> None:
    control, chat = watched.control, watched.chat
    newcomer = await control.add_user("Незнайка", "Цветочный")
    await control.add_member(chat.chat, newcomer.user_id)
    await watched.until_last("Учительница Сказочная добавляет в чат: Незнайка Цветочный")
    await control.post(newcomer.user_id, chat.chat, "здравствуйте")
    await watched.until_last("здравствуйте")
    await control.remove_member(chat.chat, newcomer.user_id)
    await watched.until_last("Учительница Сказочная удаляет из чата: Незнайка Цветочный")

    async def out() -> bool:
        _, answer = await watched.pupil.call("GET", f"rooms/{watched.room_id}/joined_members")
        return f"@sferum_{newcomer.user_id}:school.example" not in answer["joined"]

    await until(out)


async def test_kills_while_files_are_on_their_way(watched: Watched) -> None:
    control, author = watched.control, watched.chat.others[1]
    wanted: list[str] = []

    async def talk() -> None:
        for number in range(8):
            data = str(number).encode() * 300_000
            paper = await control.add_file(data, f"{number}.txt", "text/plain")
            one = await control.attachment("doc", author, paper)
            await control.post(author, watched.chat.chat, f"файл {number}", attachments=[one])
            await control.post(author, watched.chat.chat, f"после {number}")

    for number in range(8):
        wanted += [f"файл {number}", f"{number}.txt", f"после {number}"]
    talking = asyncio.create_task(talk())
    for pause in (0.5, 1.3, 0.9):
        await asyncio.sleep(pause)
        await watched.bridged.kill_bridge()
        await watched.bridged.start_bridge()
    await talking
    await watched.until_last(*wanted)
    files = [content for content in (await watched.contents())[-24:] if "url" in content]
    assert await watched.read(files[5]["url"]) == b"5" * 300_000
