"""A school on SQLite with its bot: people write to it, and what it says lies in the outbox."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, dialogues, kin, queues, schools, tables
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from sferum_bridge.school.people import ParentLink
    from sferum_bridge.store.database import Database, Tx

BOT = "@helper:school.example"
PUPIL = "@asya:school.example"
BROTHER = "@foma:school.example"
TEACHER = "@klassnaya:school.example"
ADMIN = "@director:school.example"
MOTHER = "@mama:school.example"
STRANGER = "@prohozhiy:school.example"
OTHER = "@eshchyo:school.example"

SCHOOL = "Школа № 0 города Нигдейска"
HOUR = 3_600_000
DAY = 24 * HOUR
SETTINGS = {
    "bot_mxid": BOT,
    "ghost_prefix": "@sferum_",
    "public_url": "https://school.example",
    "support_contact": "pomoshch@school.example",
}


@dataclass(frozen=True)
class Said:
    """A message of the bot, as the outbox holds it."""

    txn_id: str
    to: str
    room: str
    content: Mapping[str, Any]
    event_id: str

    @property
    def body(self) -> str:
        return str(self.content["body"])

    @property
    def code(self) -> str:
        """The code in it, as shown."""
        return next(line for line in self.body.splitlines() if kinship.read_code(line))


@dataclass
class World:
    """The school, its bot, and the hands of everybody who writes to it."""

    db: Database
    bot: Bot
    texts: Texts
    names: dict[str, str]
    joined: list[str]
    ids: dict[str, str] = field(default_factory=dict)
    now: int = 1_790_000_000_000
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def write(self, mxid: str, text: str, *, room: str = "") -> list[Said]:
        """Write in the direct chat with the bot, or in `room`; return what the bot says then."""
        content = {"msgtype": "m.text", "body": text}
        return await self.send(mxid, "m.room.message", content, room=room)

    async def tap(self, mxid: str, message: Said, emoji: str) -> list[Said]:
        """Put a reaction under a message of the bot."""
        relation = {"rel_type": "m.annotation", "event_id": message.event_id, "key": emoji}
        return await self.send(mxid, "m.reaction", {"m.relates_to": relation})

    async def send(
        self, mxid: str, kind: str, content: Any, *, room: str = "", **more: Any
    ) -> list[Said]:
        """Let an event arrive; return what the bot says then."""
        event = await self.event(mxid, kind, content, room=room, **more)
        await self.arrive(event)
        return await self.heard()

    async def event(
        self, mxid: str, kind: str, content: Any, *, room: str = "", **more: Any
    ) -> dict[str, Any]:
        """Make an event."""
        if not room:
            room = f"!direct-{mxid}"
            async with self.db.write() as tx:
                await dialogues.add_room(tx, room, mxid)
        event_id = f"$event-{next(self.counter)}"
        made = {"type": kind, "sender": mxid, "room_id": room, "event_id": event_id}
        return {**made, "content": content, **more}

    async def arrive(self, event: Any, event_id: str = "") -> None:
        """Put an event into the inbox and have the bot work the lane off."""
        lane = f"lane-{next(self.counter)}"
        async with self.db.write() as tx:
            await queues.put(tx, queues.INBOX, lane, event_id or event["event_id"], event)
        async with self.db.read() as tx:
            items = await queues.waiting(tx, queues.INBOX, lane, 10)
        for item in items:
            await self.bot.handle(item)
        async with self.db.read() as tx:
            assert not await queues.waiting(tx, queues.INBOX, lane, 10)

    async def heard(self) -> list[Said]:
        """Deliver what waits in the outbox, as the homeserver would; return it in order."""
        said: list[Said] = []
        async with self.db.write() as tx:
            items = [
                item
                for lane in await queues.lanes(tx, queues.OUTBOX)
                for item in await queues.waiting(tx, queues.OUTBOX, lane, 100)
            ]
            for item in sorted(items, key=lambda item: item.id):
                row, event_id = item.content, f"$said-{next(self.counter)}"
                for reaction, command in row["offers"]:
                    await dialogues.add_offer(tx, event_id, reaction, row["to"], command)
                await queues.done(tx, queues.OUTBOX, item.id)
                said.append(Said(item.name, row["to"], row["room"], row["content"], event_id))
        return said

    async def links(self, who: str = PUPIL) -> list[ParentLink]:
        """Return a child's live links."""
        async with self.db.read() as tx:
            return list(await kin.links_of_child(tx, self.ids[who]))

    async def invite(self, who: str = PUPIL) -> str:
        """Have a pupil ask for an invite; return the code as shown."""
        [answer] = await self.write(who, "пригласить")
        return answer.code

    async def become_parent(self, mxid: str, code: str) -> list[Said]:
        """Give a code and confirm; return what the bot says to the confirmation."""
        await self.write(mxid, code)
        return await self.write(mxid, "подтвердить")

    def text(self, key: str, language: str = "ru", **values: Any) -> str:
        return self.texts.text(language, key, **values).body


@asynccontextmanager
async def a_world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Open a world of one school: two pupils, a class teacher, an administrator, a mother."""
    names: dict[str, str] = {}
    joined: list[str] = []
    texts = Texts()

    async def join(room_id: str) -> None:
        joined.append(room_id)

    async def name_of(mxid: str) -> str:
        return names.get(mxid, "")

    def clock() -> int:
        return world.now

    url = f"sqlite:///{folder / 'bridge.db'}"
    db = open_database(url, Sealer(b"an invented key of 32 bytes, hah"), clock=clock)
    bot = Bot(db, texts, BotSettings(**{**SETTINGS, **settings}), join, name_of)
    world = World(db, bot, texts, names, joined)
    try:
        async with db.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
        async with db.write() as tx:
            await _people(tx, world.ids)
        yield world
    finally:
        await db.close()


async def _people(tx: Tx, ids: dict[str, str]) -> None:
    ids["school"] = await schools.add(tx, SCHOOL, "Asia/Vladivostok", "ru")
    ids["5А"], ids["9Б"] = "class-5a", "class-9b"
    for name in ("5А", "9Б"):
        row = {"id": ids[name], "school_id": ids["school"], "name": name, "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
    for mxid, family_name, given_name in (
        (PUPIL, "Выдумкина", "Ася"),
        (BROTHER, "Выдумкин", "Фома"),
        (TEACHER, "Небывалова", "Анна"),
        (ADMIN, "Придуманный", "Пётр"),
        (MOTHER, "Выдумкина", "Ольга"),
    ):
        ids[mxid] = await accounts.add_person(tx, family_name, given_name)
        await accounts.add_account(tx, mxid, ids[mxid])
    await assign(tx, ids, PUPIL, "enrolment", class_id=ids["5А"])
    await assign(tx, ids, BROTHER, "enrolment", class_id=ids["9Б"])
    await assign(tx, ids, TEACHER, "appointment", post="teacher")
    await assign(tx, ids, TEACHER, "leadership", class_id=ids["5А"])
    await assign(tx, ids, TEACHER, "teaching", class_id=ids["9Б"], subject="алгебра")
    await assign(tx, ids, ADMIN, "appointment", post="administrator")
    await expect(tx, ids, PUPIL, MOTHER)


async def assign(tx: Tx, ids: Mapping[str, str], mxid: str, kind: str, **what: Any) -> None:
    """Give somebody an assignment in the school."""
    row = {"id": schools.new_id(), "school_id": ids["school"], "person_id": ids[mxid], "kind": kind}
    await tx.run(insert(tables.assignments).values(**row, **what))


async def expect(tx: Tx, ids: Mapping[str, str], child: str, parent: str) -> None:
    """Write into the roster that somebody is a child's guardian."""
    row = {"school_id": ids["school"], "child_id": ids[child], "parent_id": ids[parent]}
    await tx.run(insert(tables.expected_parents).values(**row, access=True))
