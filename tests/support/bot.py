"""A school on SQLite with its bot: people write to it, and what it says lies in the outbox."""

from __future__ import annotations

import itertools
import os
from base64 import b64decode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import insert, update

from sferum_bridge.bot.import_reading import Importer
from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix.downloads import MediaGone
from sferum_bridge.school import kinship
from sferum_bridge.store import (
    accounts,
    announcements,
    dialogues,
    kin,
    materials,
    news,
    queues,
    schools,
    tables,
)
from sferum_bridge.store.database import Database, _Sqlite, open_database
from sferum_bridge.store.sealing import Sealer
from tests.support.sferum import Sferum

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.school.people import ParentLink
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.queues import Item

BOT = "@helper:school.example"
PUPIL = "@asya:school.example"
BROTHER = "@foma:school.example"
TEACHER = "@klassnaya:school.example"
ADMIN = "@director:school.example"
MOTHER = "@mama:school.example"
STRANGER = "@prohozhiy:school.example"
OTHER = "@eshchyo:school.example"

SCHOOL = "Школа № 0 города Нигдейска"
_KEY = b"an invented key of 32 bytes, hah"
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
    offers: Sequence[str] = ()
    """The reactions under it."""
    file: str = ""
    """The text of the document it is, empty for a message."""
    data: bytes = b""
    """Its bytes."""

    @property
    def body(self) -> str:
        return str(self.content.get("body", ""))

    @property
    def holds_code(self) -> bool:
        """Whether a code stands in it on a line of its own."""
        return any(kinship.read_code(line) for line in self.body.splitlines())

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
    verified: dict[str, list[tuple[str, str]]]
    ids: dict[str, str] = field(default_factory=dict)
    sferum: Sferum = field(default_factory=Sferum)
    events: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """Room and event id → what the bot sees when it looks at an event."""
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    """File and Matrix id of who may not read it."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    """Address → the file, `None` for one that is too large."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Matrix id → the name the bot had the account be shown by."""
    relayed: list[dict[str, Any]] = field(default_factory=list)
    """What the bot asks the relay for."""
    copies: list[dict[str, Any]] = field(default_factory=list)
    """What becomes of the bot's copies in materials rooms."""
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

    async def work_off(self, lane: str) -> list[Said]:
        """Have the bot work a lane off that something else filled; return what it says then."""
        async with self.db.read() as tx:
            items = await queues.waiting(tx, queues.INBOX, lane, 100)
        for item in items:
            await self.bot.handle(item)
        return await self.heard()

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
                await queues.done(tx, queues.OUTBOX, item.id)
                if "post" in row:
                    said.append(await self._posted(tx, item, event_id))
                    continue
                if "relay" in row:
                    self.relayed.append(row)
                    continue
                if "material" in row:
                    self.copies.append(row)
                    if "revises" not in row and "withdraws" not in row:
                        await materials.shown(tx, row["material"], event_id)
                    continue
                if "name" in row:
                    self.renamed[row["mxid"]] = row["name"]
                    continue
                for reaction, command in row["offers"]:
                    await dialogues.add_offer(tx, event_id, reaction, row["to"], command)
                shown = [reaction for reaction, _ in row["offers"]]
                data = row.get("file", {}).get("data", "")
                whole = b64decode(data)
                file = whole.decode(errors="replace")
                to, room, content = row["to"], row["room"], row["content"]
                said.append(Said(item.name, to, room, content, event_id, shown, file, whole))
        return said

    async def _posted(self, tx: Tx, item: Item, event_id: str) -> Said:
        """Take an announcement's post, edit or end as the homeserver would."""
        row = item.content
        one, room_id = row["post"], item.lane
        is_new = "revises" not in row and "withdraws" not in row
        if is_new and await announcements.posted(tx, one, room_id, event_id, tx.now):
            await news.put(tx, announcements.DELIVERED, {"announcement": one})
        return Said(item.name, "", item.lane, row.get("content", {}), event_id)

    async def links(self, who: str = PUPIL) -> list[ParentLink]:
        """Return a child's live links."""
        async with self.db.read() as tx:
            return list(await kin.links_of_child(tx, self.ids[who]))

    async def invite(self, who: str = PUPIL) -> str:
        """Have a pupil ask for an invite; return the code as shown."""
        said = await self.write(who, "пригласить")
        return next(one.code for one in said if one.holds_code)

    async def become_parent(self, mxid: str, code: str) -> list[Said]:
        """Give a code and confirm; return what the bot says to the confirmation."""
        await self.write(mxid, code)
        return await self.write(mxid, "подтвердить")

    def text(self, key: str, language: str = "ru", **values: Any) -> str:
        return self.texts.text(language, key, **values).body


@cache
def _texts() -> Texts:
    return Texts()


class _Home:
    """A place for worlds, one after the other: a file, and engines that know their statements.

    Compiling the statements anew for each of thousands of worlds would cost more than all the rest.
    """

    _free: ClassVar[list[_Home]] = []
    _new: ClassVar[tuple[bytes, dict[str, str]]] = (b"", {})

    def __init__(self) -> None:
        # In memory where there is such a place: thousands of commits wait for no disk.
        fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own is made in it
        self._folder = TemporaryDirectory(dir=fast)
        self._path = Path(self._folder.name) / "bridge.db"
        self._opened = open_database(f"sqlite:///{self._path}", Sealer(_KEY))

    @classmethod
    @asynccontextmanager
    async def lent(cls, clock: Callable[[], int]) -> AsyncIterator[tuple[Database, dict[str, str]]]:
        """Give a database with the people every world has, and their ids."""
        home = cls._free.pop() if cls._free else cls()
        if not cls._new[0]:
            db = home._database(clock)
            ids = await _people(db)
            await db.close()
            cls._new = home._path.read_bytes(), ids
        content, ids = cls._new
        home._path.write_bytes(content)
        db = home._database(clock)
        try:
            yield db, dict(ids)
        finally:
            await db.close()
            home._path.unlink()
            cls._free.append(home)

    def _database(self, clock: Callable[[], int]) -> Database:
        backend = _Sqlite(self._opened._backend._engine)  # type: ignore[attr-defined]
        return Database(lambda: self._opened.engine, "sqlite", backend, Sealer(_KEY), clock)


@asynccontextmanager
async def a_world(**settings: Any) -> AsyncIterator[World]:
    """Open a world of one school: two pupils, a class teacher, an administrator, a mother."""
    names: dict[str, str] = {}
    joined: list[str] = []
    verified: dict[str, list[tuple[str, str]]] = {}
    texts = _texts()

    async def join(room_id: str) -> None:
        joined.append(room_id)

    async def name_of(mxid: str) -> str:
        return names.get(mxid, "")

    async def contacts_of(mxid: str) -> list[tuple[str, str]]:
        return verified.get(mxid, [])

    async def look(room_id: str, event_id: str) -> Mapping[str, Any] | None:
        return world.events.get((room_id, event_id)) if world else None

    async def may_show(media: str, mxid: str) -> bool:
        return world is None or (media, mxid) not in world.unreadable

    async def fetch(media: str, _mxid: str, _most: int) -> bytes | None:
        if world is None or media not in world.files:
            raise MediaGone
        return world.files[media]

    def clock() -> int:
        return world.now if world else World.now

    world: World | None = None
    async with _Home.lent(clock) as (db, ids):
        sferum = Sferum()
        bot = Bot(
            db,
            texts,
            BotSettings(**{**SETTINGS, **settings}),
            join,
            name_of,
            contacts_of,
            hide=sferum.hide,
            messenger=sferum.messenger(db, personal=bool(settings.get("personal_chats"))),
            look=look,
            may_show=may_show,
            importer=Importer(db, fetch, 1),
        )
        world = World(db, bot, texts, names, joined, verified, ids, sferum)
        yield world


async def _people(db: Database) -> dict[str, str]:
    """Make the tables and the people, once for the whole run; return their ids."""
    ids: dict[str, str] = {}
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with db.write() as tx:
        await settle(tx, ids)
    return ids


async def settle(tx: Tx, ids: dict[str, str]) -> None:
    """Make the school and its people in empty tables; `ids` gets everybody's id."""
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


async def born(world: World, mxid: str, day: date) -> None:
    """Let the school know somebody's date of birth."""
    c = tables.people.c
    async with world.db.write() as tx:
        await tx.run(update(tables.people).where(c.id == world.ids[mxid]).values(birth_date=day))


async def expect(tx: Tx, ids: Mapping[str, str], child: str, parent: str) -> None:
    """Write into the roster that somebody is a child's guardian."""
    row = {"school_id": ids["school"], "child_id": ids[child], "parent_id": ids[parent]}
    await tx.run(insert(tables.expected_parents).values(**row, access=True))
