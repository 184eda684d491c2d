"""A member with a login of their own, in a chat that was linked through somebody else's.

The stand-in gives each account a number of its own for the chat. One school a database; the tests
follow each other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.store import audit, chats, logins, voices
from tests.support.bridge import BridgedSchool, Client, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.client import Chat, Person, StandInControl
    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 12
HELD_BACK = 150
"""Seconds: Synapse tries a bridge that was away after a growing pause."""


@dataclass
class Shared:
    """A linked room, the teacher who linked it, and a pupil with a login of their own."""

    bridged: BridgedSchool
    room_id: str
    chat: Chat
    teacher: Client
    teacher_there: Person
    pupil: Client
    pupil_there: Person
    other: Person

    @property
    def control(self) -> StandInControl:
        return self.bridged.standin.control

    async def there(self) -> list[tuple[int, str]]:
        """Return sender and text of what the chat shows by now."""
        messages = await self.control.messages(self.chat.chat)
        return [
            (m["from_id"], m["text"])
            for m in messages
            if not m.get("action") and not m.get("deleted")
        ]

    async def here(self) -> list[tuple[str, str]]:
        """Return sender and text of the room's messages."""
        return await self.pupil.texts(self.room_id, 500)

    async def quiet(self) -> None:
        """Wait until what is said last in Sferum is here: what came before it was taken in."""
        text = f"тихо {len(await self.here())}"
        await self.control.post(self.other.user_id, self.chat.chat, text)

        async def heard() -> bool:
            return text in [body for _, body in await self.here()]

        await until(heard)

    async def send(self, kind: str, content: dict[str, Any]) -> str:
        """Have the pupil send an event."""
        where = f"rooms/{self.room_id}/send/{kind}/{content!r:.40}{len(await self.here())}"
        status, answer = await self.pupil.call("PUT", where.replace(" ", ""), content)
        assert status == 200, answer
        return str(answer["event_id"])


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sqlite", "postgres"])
async def shared(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> AsyncIterator[Shared]:
    """Give the pupils' room of a class, linked, relay on; the pupil has yet to log in."""
    server = postgres if request.param == "postgres" else None
    folder = tmp_path_factory.mktemp("school")
    bridged = await BridgedSchool.start(folder, server, classes=("5А",), pupils=1)
    try:
        school = await bridged.school()
        control = bridged.standin.control
        teacher_there = await control.add_user("Учительница", "Сказочная", role="teacher")
        pupil_there, other = [
            await control.add_user(*name.split()) for name in ("Знайка Лунный", "Пончик Сиропчиков")
        ]
        # So that the numbers differ: the pupil is in another chat already.
        await control.add_chat("Соседи", pupil_there.user_id, [other.user_id])
        members = [pupil_there.user_id, other.user_id]
        chat = await control.add_chat("5А ученики", teacher_there.user_id, members)
        await control.post(other.user_id, chat.chat, "до связи")
        shared = Shared(
            bridged,
            await bridged.room("pupils", "5А"),
            chat,
            await bridged.client(school.leaderships[0].person_id),
            teacher_there,
            await bridged.client(school.enrolments[0].person_id),
            pupil_there,
            other,
        )
        await log_in(shared, teacher_there, shared.teacher.mxid, link=True)
        await shared.quiet()
        yield shared
    finally:
        await bridged.stop()


async def log_in(shared: Shared, there: Person, mxid: str, *, link: bool = False) -> str:
    """Store a login, as the bot does; with `link` the chat is linked through it."""
    async with shared.bridged.database() as db, db.write() as tx:
        login = await chats.save_login(
            tx, logins.SFERUM, str(there.user_id), there.name, mxid, there.cookie
        )
        if link:
            peer = str(shared.chat.peers[there.user_id])
            await chats.link(tx, chats.Chat(login, peer, shared.room_id, relay=True))
            audit.record(tx, "test", "chat.link", shared.room_id)
    return login


@pytest_asyncio.fixture(loop_scope="session")
async def own_login(shared: Shared) -> None:
    """Have the pupil be logged in, whichever of these tests came before in this process."""
    async with shared.bridged.database() as db, db.read() as tx:
        known = {login.mxid for login in await chats.all_logins(tx)}
    if shared.pupil.mxid in known:
        return
    await log_in(shared, shared.pupil_there, shared.pupil.mxid)
    await shared.pupil.say(shared.room_id, "теперь сам")

    async def arrived() -> bool:
        return (shared.pupil_there.user_id, "теперь сам") in await shared.there()

    await until(arrived)


async def test_before_they_log_in_the_linked_login_speaks_for_them(shared: Shared) -> None:
    await shared.pupil.say(shared.room_id, "ещё без входа")

    async def arrived() -> list[int]:
        return [by for by, text in await shared.there() if text.endswith(": ещё без входа")]

    assert await until(arrived) == [shared.teacher_there.user_id]


async def test_then_they_speak_for_themselves_and_hear_nothing_twice(shared: Shared) -> None:
    assert len(set(shared.chat.peers.values())) > 1
    await log_in(shared, shared.pupil_there, shared.pupil.mxid)
    event_id = await shared.pupil.say(shared.room_id, "сам за себя")

    async def arrived() -> list[int]:
        return [by for by, text in await shared.there() if text == "сам за себя"]

    assert await until(arrived) == [shared.pupil_there.user_id]
    await shared.quiet()
    assert [m for m in await shared.here() if m[1] == "сам за себя"] == [
        (shared.pupil.mxid, "сам за себя")
    ]
    async with shared.bridged.database() as db, db.read() as tx:
        [mapped] = await chats.by_event(tx, event_id)
        [linked] = await chats.all_chats(tx)
        assert mapped.chat_id == linked.chat_id
        [voice] = await voices.found(tx)
        assert voice.chat_id == str(shared.chat.peers[shared.pupil_there.user_id])


@pytest.mark.usefixtures("own_login")
async def test_what_they_write_there_is_theirs_here_and_does_not_go_back(shared: Shared) -> None:
    await shared.control.post(shared.pupil_there.user_id, shared.chat.chat, "из приложения")

    async def arrived() -> list[str]:
        return [by for by, text in await shared.here() if text == "из приложения"]

    assert await until(arrived) == [shared.pupil.mxid]
    await shared.quiet()
    assert [t for _, t in await shared.there()].count("из приложения") == 1


@pytest.mark.usefixtures("own_login")
async def test_what_they_read_there_is_read_here(shared: Shared) -> None:
    """In Sferum's own app, though the chat was linked through another login."""
    chat, reader = shared.chat.chat, shared.pupil_there.user_id
    cmid = await shared.control.post(shared.other.user_id, chat, "прочтёте?")

    async def shown() -> str:
        where = f"rooms/{shared.room_id}/messages"
        _, answer = await shared.pupil.call("GET", where, dir="b", limit="50")
        found = [e for e in answer["chunk"] if e["content"].get("body") == "прочтёте?"]
        return str(found[0]["event_id"]) if found else ""

    event_id = await until(shown)

    async def listens() -> bool:
        async with shared.bridged.database() as db, db.read() as tx:
            return all([await chats.cursor(tx, one.id) for one in await chats.all_logins(tx)])

    # What is of the moment is lost on a login that does not listen yet.
    await until(listens)
    await shared.control.read(reader, chat, cmid)

    async def read() -> bool:
        _, answer = await shared.teacher.call("GET", "sync", timeout="0")
        told = answer["rooms"]["join"][shared.room_id]["ephemeral"]["events"]
        marks = [one["content"].get(event_id, {}).get("m.read", {}) for one in told]
        return any(shared.pupil.mxid in mark for mark in marks)

    await until(read)


@pytest.mark.usefixtures("own_login")
async def test_their_changes_go_the_same_way(shared: Shared) -> None:
    event_id = await shared.pupil.say(shared.room_id, "до правки")
    new = {"msgtype": "m.text", "body": "после правки"}
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await shared.send(
        "m.room.message",
        {**new, "body": "* правка", "m.new_content": new, "m.relates_to": relation},
    )

    async def edited() -> bool:
        return (shared.pupil_there.user_id, "после правки") in await shared.there()

    await until(edited)
    messages = await shared.control.messages(shared.chat.chat)
    [cmid] = [m["cmid"] for m in messages if m["text"] == "после правки"]
    thumb = {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}
    await shared.send("m.reaction", {"m.relates_to": thumb})

    async def reacted() -> bool:
        given = await shared.control.reactions(shared.chat.chat, cmid)
        return [*given] == [shared.pupil_there.user_id]

    await until(reacted)
    await shared.quiet()
    assert not [body for _, body in await shared.here() if "Исправлено" in body]
    await shared.pupil.call("PUT", f"rooms/{shared.room_id}/redact/{event_id}/1", {})

    async def deleted() -> bool:
        return "после правки" not in [text for _, text in await shared.there()]

    await until(deleted)


@pytest.mark.usefixtures("own_login")
async def test_many_at_once_keep_their_order_and_are_each_there_once(shared: Shared) -> None:
    async def write(client: Client, who: str) -> None:
        for number in range(MANY):
            await client.say(shared.room_id, f"{who} {number}")

    async def post(user_id: int, who: str) -> None:
        for number in range(MANY):
            await shared.control.post(user_id, shared.chat.chat, f"{who} {number}")

    # Some answers never come, so that the echo is heard before the sending is known.
    await shared.control.fault("messages.send", "cut_after", times=3)
    await asyncio.gather(
        write(shared.pupil, "ученик"),
        write(shared.teacher, "учитель"),
        post(shared.pupil_there.user_id, "ученик там"),
        post(shared.other.user_id, "другой"),
    )
    said = ("ученик", "учитель", "ученик там", "другой")
    wanted = {who: [f"{who} {number}" for number in range(MANY)] for who in said}

    def of(texts: list[str], who: str) -> list[str]:
        return [text for text in texts if text.rpartition(" ")[0] == who]

    async def arrived() -> bool:
        there = [text for _, text in await shared.there()]
        here = [text for _, text in await shared.here()]
        return all(len(of(side, who)) >= MANY for side in (there, here) for who in said)

    await until(arrived)
    await shared.quiet()
    there = [text for _, text in await shared.there()]
    here = [text for _, text in await shared.here()]
    assert {who: of(there, who) for who in said} == wanted
    assert {who: of(here, who) for who in said} == wanted
    await shared.control.clear_faults()


@pytest.mark.usefixtures("own_login")
async def test_killed_between_sending_and_knowing_it_is_said_once(shared: Shared) -> None:
    texts = [f"убитое {number}" for number in range(2)]
    for text in texts:
        # It has its effect, and the answer never comes.
        await shared.control.fault("messages.send", "cut_after", times=1)
        await shared.pupil.say(shared.room_id, text)

        async def there(text: str = text) -> bool:
            return text in [body for _, body in await shared.there()]

        await until(there, HELD_BACK)
        await shared.bridged.kill_bridge()
        await shared.bridged.start_bridge()
    await shared.control.clear_faults()
    await shared.pupil.say(shared.room_id, "после всего")

    async def arrived() -> bool:
        return "после всего" in [text for _, text in await shared.there()]

    await until(arrived, HELD_BACK)
    await shared.quiet()
    for side in (await shared.there(), await shared.here()):
        assert [text for _, text in side if text in texts] == texts


@pytest.mark.usefixtures("own_login")
async def test_their_login_lost_they_are_heard_through_the_linked_one(shared: Shared) -> None:
    user = shared.pupil_there.user_id
    await shared.control.log_out(user)
    await shared.control.expire_tokens(user)
    await shared.control.expire_keys(user)
    await shared.pupil.say(shared.room_id, "без своего входа")

    async def arrived() -> list[int]:
        return [by for by, text in await shared.there() if text.endswith(": без своего входа")]

    assert await until(arrived) == [shared.teacher_there.user_id]
    await shared.quiet()
    assert len([b for _, b in await shared.here() if "без своего входа" in b]) == 1
