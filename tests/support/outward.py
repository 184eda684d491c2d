"""The way from Matrix to a messenger, without a homeserver that does more than answer questions.

`Talking` is the messenger of `tests.support.messenger` with the other half of the seam: it takes
messages, remembers random ids for an hour of its own clock, and fails as it is told to.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import insert, select

from sferum_bridge.bot import keys
from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.open_files import OpenFiles
from sferum_bridge.network.base import Abilities, Sent, Unavailable
from sferum_bridge.network.content import Content, File
from sferum_bridge.network.patience import Patience
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.outward.reports import Shown
from sferum_bridge.relay.outward.way import Outward, OutwardSettings
from sferum_bridge.school.attachments import Policies, Policy
from sferum_bridge.store import accounts, chats, queues, rooms, tables
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer
from tests.support.messenger import BEGAN, CHAT, NETWORK, Account, Messenger

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )
    from pathlib import Path

    from sferum_bridge.network.base import Connector, NetworkError, RemoteChat
    from sferum_bridge.network.content import Draft, FileKind
    from sferum_bridge.store.database import Database

ROOM = "!room"
OWNER, PUPIL, TEACHER = "@owner:school.example", "@pupil:school.example", "@t:school.example"
PATIENCE = Patience(100, 600.0)
_HOUR = 3600


class Talking(Messenger):
    """The messenger, which can be talked to."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = float(BEGAN)
        self.drafts: dict[str, Draft] = {}
        self.answers: dict[str, str] = {}
        self.reactions: dict[str, str] = {}
        self.deleted: list[str] = []
        self.uploads: dict[str, tuple[FileKind, str, str, bytes]] = {}
        self.typed: list[str] = []
        self.read: list[str] = []
        self.pins: list[str] = []
        self.errors: list[NetworkError] = []
        """What the next requests that change something fail with, without an effect."""
        self.deaf: list[NetworkError] = []
        """What the next sends fail with though they had their effect."""
        self.poison: dict[str, NetworkError] = {}
        """What a send or an edit with a certain text fails with, however often it is made."""
        self.is_away = False
        """Whether nothing is answered at all."""
        self.abilities = Abilities(60, 86_400, 86_400, 100_000, frozenset(("👍", "❤", "🔥")))
        self.sends = self.looked = 0
        """How many sends were asked for, and how often a chat was looked up."""
        self._random: dict[int, tuple[float, str]] = {}

    async def connect(self, secret: str) -> Connector:
        """Open a login."""
        return cast("Connector", Talker(self, secret))

    def texts(self) -> list[str]:
        """Return what the chat shows by now."""
        messages = self.messages.get(CHAT, [])
        return [m.content.text for m in messages if m.message_id not in self.deleted]

    def take(self, sender: str, draft: Draft, random_id: int, reply_to: str) -> str:
        """Take a message, once for a random id; return its id."""
        at, known = self._random.get(random_id, (0.0, ""))
        if known and self.clock - at < _HOUR:
            return known
        message = self.written(sender, Content(draft.text, draft.spans), random_id=random_id)
        self.messages[CHAT][-1] = replace(message, sent_at=int(self.clock), outgoing=True)
        self._random[random_id] = (self.clock, message.message_id)
        self.drafts[message.message_id] = draft
        self.answers[message.message_id] = reply_to
        return message.message_id


class Talker(Account):
    """One account that talks."""

    _messenger: Talking

    def __init__(self, messenger: Talking, account_id: str) -> None:
        super().__init__(messenger, account_id)
        self.abilities = messenger.abilities

    def _fail(self, text: str = "") -> None:
        if self._messenger.is_away:
            raise Unavailable("away")
        if text in self._messenger.poison:
            raise self._messenger.poison[text]
        if self._messenger.errors:
            raise self._messenger.errors.pop(0)

    async def chat(self, chat_id: str) -> RemoteChat:
        if self._messenger.is_away:
            raise Unavailable("away")
        self._messenger.looked += 1
        return await super().chat(chat_id)

    async def send(self, chat_id: str, draft: Draft, *, random_id: int, reply_to: str = "") -> Sent:
        self._messenger.sends += 1
        self._fail(draft.text)
        message_id = self._messenger.take(self.account_id, draft, random_id, reply_to)
        if self._messenger.deaf:
            raise self._messenger.deaf.pop(0)
        return Sent(chat_id, message_id)

    async def edit(self, chat_id: str, message_id: str, draft: Draft) -> None:
        self._fail(draft.text)
        known = self._messenger.messages[chat_id]
        number = int(message_id) - 1
        known[number] = replace(known[number], content=Content(draft.text, draft.spans))

    async def take_out(
        self, chat_id: str, message_id: str, is_it: Callable[[File], Awaitable[bool]] | None
    ) -> None:
        self._fail()
        known = self._messenger.messages[chat_id]
        content = known[int(message_id) - 1].content
        if is_it is None:
            content = replace(content, text="", spans=())
        else:
            files = [part for part in content.parts if isinstance(part, File)]
            gone = [file for file in files if await is_it(file)]
            content = replace(content, parts=tuple(p for p in content.parts if p not in gone))
        known[int(message_id) - 1] = replace(known[int(message_id) - 1], content=content)

    async def pin(self, chat_id: str, message_id: str) -> None:
        self._fail()
        self._messenger.pinned[chat_id] = message_id
        self._messenger.pins.append(message_id)
        if self._messenger.deaf:
            raise self._messenger.deaf.pop(0)

    async def delete(self, chat_id: str, message_ids: Sequence[str]) -> None:
        assert chat_id == CHAT
        self._fail()
        self._messenger.deleted += message_ids

    async def react(self, chat_id: str, message_id: str, emoji: str) -> None:
        assert chat_id == CHAT
        self._fail()
        self._messenger.reactions[message_id] = emoji

    async def set_typing(self, chat_id: str) -> None:
        self._fail()
        self._messenger.typed.append(chat_id)

    async def mark_read(self, chat_id: str, message_id: str) -> None:
        assert chat_id == CHAT
        self._fail()
        self._messenger.read.append(message_id)

    async def upload(
        self, chat_id: str, kind: FileKind, name: str, mime: str, chunks: AsyncIterable[bytes]
    ) -> str:
        assert chat_id == CHAT
        data = b"".join([chunk async for chunk in chunks])
        self._fail()
        key = f"file-{len(self._messenger.uploads)}"
        self._messenger.uploads[key] = (kind, name, mime, data)
        return key


@dataclass
class Answering:
    """The homeserver, as far as it is asked: events, files, redactions."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes | int] = field(default_factory=dict)
    """A file by its id, or the HTTP status it is refused with."""
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    """File and account that may not read it."""
    before: dict[str, list[str]] = field(default_factory=dict)
    redacted: list[tuple[str, str]] = field(default_factory=list)
    pinned: list[Any] = field(default_factory=list)
    """What a room shows as pinned."""
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    """Whether it does not even say who asks."""

    def application(self) -> web.Application:
        """Return it as a web application."""
        client = "/_matrix/client/v3/rooms/{room}"
        application = web.Application()
        application.add_routes(
            [
                web.get(client + "/event/{event}", self._event),
                web.get(client + "/context/{event}", self._context),
                web.get(client + "/state/m.room.pinned_events/", self._pins),
                web.put(client + "/redact/{event}/{txn}", self._redact),
                web.get(
                    "/_matrix/client/v1/rooms/{room}/relations/{event}/m.annotation",
                    self._reactions,
                ),
                web.get("/_matrix/client/v3/account/whoami", self._whoami),
                web.get("/_matrix/client/v1/media/download/{server}/{media}", self._file),
                web.get("/_synapse/client/sferum/v1/media", self._may_read),
            ]
        )
        return application

    async def _event(self, request: web.Request) -> web.Response:
        event = self.events.get(request.match_info["event"])
        return web.json_response(event or {"errcode": "M_NOT_FOUND"}, status=200 if event else 404)

    async def _pins(self, _request: web.Request) -> web.Response:
        return web.json_response({"pinned": self.pinned})

    async def _context(self, request: web.Request) -> web.Response:
        before = self.before.get(request.match_info["event"], [])
        return web.json_response({"events_before": [{"event_id": one} for one in before]})

    async def _reactions(self, request: web.Request) -> web.Response:
        gone = {event_id for event_id, _ in self.redacted}
        chunk = [
            event
            for event in self.events.values()
            if event["event_id"] not in gone
            and event["type"] == "m.reaction"
            and request.match_info["event"] in str(event["content"].get("m.relates_to"))
        ]
        return web.json_response({"chunk": chunk})

    async def _redact(self, request: web.Request) -> web.Response:
        self.redacted.append((request.match_info["event"], request.query["user_id"]))
        return web.json_response({"event_id": "$redaction"})

    async def _whoami(self, _request: web.Request) -> web.Response:
        return web.json_response({}, status=502 if self.is_away else 200)

    async def _may_read(self, request: web.Request) -> web.Response:
        about = request.headers["X-Sferum-Media"], request.headers["X-Sferum-User"]
        if about in self.unreadable:
            return web.json_response({"errcode": "M_NOT_FOUND"}, status=404)
        return web.json_response({})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.match_info["media"])
        found = self.files.get(request.match_info["media"], 404)
        if isinstance(found, bytes):
            return web.Response(body=found)
        return web.json_response({}, status=found)


@dataclass
class Way:
    """A linked room, from which things are sent."""

    db: Database
    messenger: Talking
    homeserver: Answering
    outward: Outward
    login_id: str
    _numbers: Any = field(default_factory=count)

    async def put(
        self, content: Mapping[str, Any], sender: str = OWNER, kind: str = "m.room.message"
    ) -> str:
        """Queue an event; return its id."""
        number = next(self._numbers)
        event_id = f"$e{number}"
        event: dict[str, Any] = {"event_id": event_id, "room_id": ROOM, "type": kind}
        event["origin_server_ts"] = 1_790_000_000_000 + number
        event |= {"sender": sender, "content": dict(content)}
        self.homeserver.events[event_id] = event
        async with self.db.write() as tx:
            await queues.put(tx, queues.INBOX, f"relay/{ROOM}", event_id, event)
        return event_id

    async def work(self) -> None:
        """Handle all that waits."""
        async with self.db.read() as tx:
            items = await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 100)
        for item in items:
            await self.outward.handle(item)

    async def do(
        self, content: Mapping[str, Any], sender: str = OWNER, kind: str = "m.room.message"
    ) -> str:
        """Queue an event and handle it; return its id. Its row is done then."""
        event_id = await self.put(content, sender, kind)
        await self.work()
        async with self.db.read() as tx:
            assert not await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1)
        return event_id

    async def pin(self, *event_ids: Any, sender: str = OWNER) -> None:
        """Have a room show events as pinned, and handle that."""
        self.homeserver.pinned = list(event_ids)
        event = {"event_id": f"$e{next(self._numbers)}", "room_id": ROOM, "state_key": ""}
        event |= {"type": "m.room.pinned_events", "sender": sender}
        row = {**event, "content": {"pinned": self.homeserver.pinned}}
        async with self.db.write() as tx:
            await queues.put(tx, queues.INBOX, f"relay/{ROOM}", event["event_id"], row)
        await self.work()
        async with self.db.read() as tx:
            assert not await queues.waiting(tx, queues.INBOX, f"relay/{ROOM}", 1)

    async def say(self, body: str, sender: str = OWNER, **more: Any) -> str:
        """Say something."""
        return await self.do({"msgtype": "m.text", "body": body, **more}, sender)

    async def rows(self) -> list[dict[str, Any]]:
        """Return what was queued for Matrix, in its order."""
        table = tables.outbox
        async with self.db.read() as tx:
            found = await tx.all(select(table.c.sealed).order_by(table.c.id))
            return [tx.sealer.unseal(row.sealed, "outbox") for row in found]

    async def told(self) -> list[tuple[str, str]]:
        """Return whom the bot tells what."""
        return [(r["to"], r["content"]["body"]) for r in await self.rows() if r.get("to")]

    async def statuses(self) -> list[tuple[str, str]]:
        """Return the event and status of each status event."""
        kind = "com.beeper.message_send_status"
        found = [r["content"] for r in await self.rows() if r["type"] == kind]
        return [(c["m.relates_to"]["event_id"], c["status"]) for c in found]

    async def mapped(self, event_id: str) -> Sequence[chats.Mapped]:
        """Return the parts an event became."""
        async with self.db.read() as tx:
            return await chats.by_event(tx, event_id)

    def age(self, seconds: float) -> None:
        """Let time pass, on both sides."""
        self.messenger.clock += seconds


@asynccontextmanager
async def linked(
    folder: Path,
    *,
    relay: bool = True,
    shown: Shown = Shown.TROUBLE,
    policy: Policy | None = None,
    patience: Patience = PATIENCE,
    url: str = "",
    secret: str = "",
    beside: Way | None = None,
) -> AsyncIterator[Way]:
    """Link a chat of a messenger to a room; the login is `OWNER`'s.

    The database is a fresh file, or an empty one at `url`. `beside` is the first of two bridges
    that share one database and one messenger.
    """
    messenger = beside.messenger if beside else Talking()
    answering = beside.homeserver if beside else Answering()
    db = open_database(
        url or f"sqlite:///{folder}/a.db",
        Sealer(b"an invented key of 32 bytes, hah"),
        clock=lambda: int(messenger.clock * 1000),
    )
    if not beside:
        async with db.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
    server = TestServer(answering.application())
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid="@bot:school.example",
        )
        connections = Connections(db, {NETWORK: messenger})
        texts = Texts()
        outward = Outward(
            db,
            homeserver,
            Ghosts(db, homeserver, "sferum_"),
            connections,
            OutwardSettings(
                Policies(policy or Policy()),
                "!",
                shown,
                patience,
                is_private=lambda content: bool(keys.find_in(content)),
            ),
            lambda key, language, **values: texts.text(language or "ru", key, **values).content(),
            OpenFiles(homeserver, secret).may_pass_on,
        )
        login_id = beside.login_id if beside else ""
        if not beside:
            async with db.write() as tx:
                login_id = await chats.save_login(tx, NETWORK, "owner", "Учитель", OWNER, "owner")
                await chats.link(tx, chats.Chat(login_id, CHAT, ROOM, relay=relay))
        yield Way(db, messenger, answering, outward, login_id)
    await server.close()
    await db.close()


async def person(db: Database, mxid: str, given: str, family: str) -> None:
    """Put somebody into the room, by name."""
    async with db.write() as tx:
        person_id = await accounts.add_person(tx, family, given)
        await tx.run(
            insert(tables.accounts).values(mxid=mxid, person_id=person_id, created_at=tx.now)
        )
        await rooms.set_member(tx, ROOM, mxid, "join")
