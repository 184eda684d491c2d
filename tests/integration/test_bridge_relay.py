"""Messages between a linked Sferum chat and its room: both ways, once, in order, by name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.store.tables import inbox, outbox
from tests.support.bridge import BridgedSchool, Client, LinkedChat, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Relayed:
    """A linked room with a pupil in it."""

    def __init__(
        self, bridged: BridgedSchool, room_id: str, chat: LinkedChat, pupil: Client, teacher: Client
    ) -> None:
        self.bridged = bridged
        self.room_id = room_id
        self.chat = chat
        self.pupil = pupil
        self.teacher = teacher

    async def post(self, text: str, by: int | None = None) -> None:
        """Write in the chat, as a Sferum user."""
        control = self.bridged.standin.control
        await control.post(by or self.chat.others[0], self.chat.chat, text)

    async def in_sferum(self) -> list[tuple[int, str]]:
        """Return sender and text of every message of the chat."""
        messages = await self.bridged.standin.control.messages(self.chat.chat)
        return [(m["from_id"], m["text"]) for m in messages if not m.get("action")]

    async def in_matrix(self) -> list[tuple[str, str]]:
        """Return sender and text of the room's messages."""
        return await self.pupil.texts(self.room_id, 500)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sqlite", "postgres"])
async def relayed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> AsyncIterator[Relayed]:
    """Give a class whose pupils' room is linked, relay on."""
    folder = tmp_path_factory.mktemp("school")
    server = postgres if request.param == "postgres" else None
    bridged = await BridgedSchool.start(folder, server, classes=("5А",), pupils=2)
    try:
        school = await bridged.school()
        room_id = await bridged.room("pupils", "5А")
        teacher = school.leaderships[0].person_id
        people = ("Знайка Лунный", "Пончик Сиропчиков")
        chat = await bridged.link_chat(teacher, room_id, "5А ученики", people, relay=True)
        pupil = await bridged.client(school.enrolments[0].person_id)
        yield Relayed(bridged, room_id, chat, pupil, await bridged.client(teacher))
    finally:
        await bridged.stop()


async def bodies(relayed: Relayed, prefix: str) -> list[str]:
    return [body for _, body in await relayed.in_matrix() if body.startswith(prefix)]


async def test_a_sferum_message_comes_from_a_ghost_with_the_right_name(relayed: Relayed) -> None:
    await relayed.post("вход: привет <b>&amp; все</b>\nвторая строка")

    async def arrived() -> list[tuple[str, str]]:
        return [m for m in await relayed.in_matrix() if m[1].startswith("вход: ")]

    [(sender, body)] = await until(arrived)
    assert body == "вход: привет <b>&amp; все</b>\nвторая строка"
    assert sender == f"@sferum_{relayed.chat.others[0]}:school.example"
    _, profile = await relayed.bridged.bot_calls("GET", f"profile/{sender}")
    assert profile["displayname"] == "Знайка Лунный (Сферум)"


async def test_a_pupils_message_arrives_named_and_does_not_come_back(relayed: Relayed) -> None:
    await relayed.pupil.say(relayed.room_id, "выход: это я")

    async def arrived() -> list[tuple[int, str]]:
        return [m for m in await relayed.in_sferum() if m[1].endswith("выход: это я")]

    [(sender, text)] = await until(arrived)
    school = await relayed.bridged.school()
    person = school.people[school.enrolments[0].person_id]
    assert sender == relayed.chat.owner
    assert text == f"{person.full_name}: выход: это я"
    await asyncio.sleep(1)
    assert len([b for _, b in await relayed.in_matrix() if "выход: это я" in b]) == 1


async def test_the_teacher_speaks_as_themselves_both_ways(relayed: Relayed) -> None:
    await relayed.teacher.say(relayed.room_id, "учитель из Matrix")
    await relayed.post("учитель из Сферума", by=relayed.chat.owner)

    async def both() -> bool:
        there = (relayed.chat.owner, "учитель из Matrix") in await relayed.in_sferum()
        here = (relayed.teacher.mxid, "учитель из Сферума") in await relayed.in_matrix()
        return there and here

    await until(both)
    await asyncio.sleep(1)
    assert len([t for _, t in await relayed.in_sferum() if "учитель из" in t]) == 2


async def test_order_is_kept_both_ways(relayed: Relayed) -> None:
    wanted = [f"порядок {n}" for n in range(15)]
    for text in wanted:
        await relayed.post(text)
        await relayed.pupil.say(relayed.room_id, f"оттуда {text}")

    async def all_there() -> bool:
        back = [t for _, t in await relayed.in_sferum() if "оттуда порядок" in t]
        return len(back) == 15 and len(await bodies(relayed, "порядок")) == 15

    await until(all_there)
    assert await bodies(relayed, "порядок") == wanted
    back = [t.partition("оттуда ")[2] for _, t in await relayed.in_sferum() if "оттуда " in t]
    assert back == wanted


async def test_a_long_text_is_split_and_nothing_is_lost(relayed: Relayed) -> None:
    words = " ".join(f"слово{n}" for n in range(1200))
    await relayed.teacher.say(relayed.room_id, words)

    async def arrived() -> bool:
        texts = [t for _, t in await relayed.in_sferum() if t.startswith("слово")]
        return " ".join(texts).split() == words.split()

    await until(arrived)


async def test_a_file_is_answered_not_swallowed(relayed: Relayed) -> None:
    chat = await relayed.pupil.direct_chat()
    content = {"msgtype": "m.file", "body": "работа.docx", "url": "mxc://school.example/abc"}
    for number in range(2):
        where = f"rooms/{relayed.room_id}/send/m.room.message/file{number}"
        status, _ = await relayed.pupil.call("PUT", where, content)
        assert status == 200

    async def told() -> bool:
        bodies = [b for _, b in await relayed.pupil.texts(chat) if "не отдаёт" in b]
        return len(bodies) == 2

    await until(told)


async def test_what_the_network_refuses_is_told(relayed: Relayed) -> None:
    control = relayed.bridged.standin.control
    chat = await relayed.teacher.direct_chat()
    await control.fault("messages.send", "error", times=1, code=902)
    await relayed.teacher.say(relayed.room_id, "не примут")

    async def told() -> bool:
        return any("не принял" in body for _, body in await relayed.teacher.texts(chat))

    await until(told)
    await relayed.teacher.say(relayed.room_id, "а это примут")

    async def arrived() -> bool:
        return any(text == "а это примут" for _, text in await relayed.in_sferum())

    await until(arrived)


@pytest.mark.parametrize(
    ("effect", "code"), [("error", 6), ("error", 10), ("http", 502), ("cut", 0), ("cut_after", 0)]
)
async def test_what_time_mends_is_waited_out_and_sent_once(
    relayed: Relayed, effect: str, code: int
) -> None:
    control = relayed.bridged.standin.control
    fields = {"code": code} if code else {}
    await control.fault("messages.send", effect, times=2, **fields)
    text = f"после беды {effect} {code}"
    await relayed.teacher.say(relayed.room_id, text)

    async def arrived() -> int:
        return [t for _, t in await relayed.in_sferum()].count(text)

    assert await until(arrived) == 1
    await asyncio.sleep(0.5)
    assert await arrived() == 1
    assert [b for _, b in await relayed.in_matrix()].count(text) == 1


async def test_a_repeated_batch_is_shown_once(relayed: Relayed) -> None:
    await relayed.bridged.standin.control.fault("longpoll", "duplicate", times=2)
    await relayed.post("дважды сказанное")
    await relayed.post("и ещё одно")

    async def arrived() -> bool:
        return bool(await bodies(relayed, "и ещё одно"))

    await until(arrived)
    await asyncio.sleep(1)
    assert await bodies(relayed, "дважды сказанное") == ["дважды сказанное"]


async def test_an_absent_stand_in_is_waited_for(relayed: Relayed) -> None:
    standin = relayed.bridged.standin
    await standin.kill()
    await relayed.teacher.say(relayed.room_id, "пока Сферума нет")
    await asyncio.sleep(2)
    await standin.start()
    await relayed.post("Сферум снова есть")

    async def both() -> bool:
        there = any(text == "пока Сферума нет" for _, text in await relayed.in_sferum())
        return there and bool(await bodies(relayed, "Сферум снова есть"))

    await until(both, 60)


async def test_a_stand_in_that_is_down_at_the_start_is_waited_for(relayed: Relayed) -> None:
    bridged = relayed.bridged
    await bridged.stop_bridge()
    await bridged.standin.stop()
    before = len(bridged.log())
    await bridged.start_bridge()

    async def noticed() -> bool:
        return "does not hear the network" in bridged.log()[before:]

    await until(noticed)
    await bridged.standin.start()
    await relayed.post("наконец-то")

    async def arrived() -> bool:
        return bool(await bodies(relayed, "наконец-то"))

    await until(arrived, 60)
    assert bridged.log()[before:].count("does not hear the network") == 1


async def test_the_queues_keep_no_words_once_done(relayed: Relayed) -> None:
    async def empty() -> bool:
        async with relayed.bridged.database() as db, db.read() as tx:
            waiting = [
                *await tx.all(select(inbox.c.id).where(inbox.c.sealed.is_not(None))),
                *await tx.all(select(outbox.c.id).where(outbox.c.sealed.is_not(None))),
            ]
        return not waiting

    await until(empty)


async def test_a_dead_login_is_told_and_not_tried_for_ever(relayed: Relayed) -> None:
    control = relayed.bridged.standin.control
    chat = await relayed.teacher.direct_chat()
    await control.log_out(relayed.chat.owner)
    await control.expire_tokens()
    await control.expire_keys()

    async def told() -> bool:
        return any("больше не действует" in body for _, body in await relayed.teacher.texts(chat))

    await until(told, 60)
    status = await relayed.bridged.status()
    assert [login["expired"] for login in status["logins"]] == [True]
