"""Personal chats while something fails: no chat makes a login deaf, and nobody waits unknowing."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, insert, select

from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix import client, lanes
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.network import patience
from sferum_bridge.network.base import Refused, RemoteChat, TooFast, Unavailable
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward import pace
from sferum_bridge.relay.inward import personal as module
from sferum_bridge.relay.inward.personal_end import PersonalEnd
from sferum_bridge.relay.inward.queueing import Manner
from sferum_bridge.relay.inward.way import Inward, InwardSettings
from sferum_bridge.school.attachments import Policies, Policy
from sferum_bridge.store import accounts, chats, personal, queues, rooms, schools, tables
from tests.support import databases
from tests.support.bridge import until
from tests.support.messenger import BEGAN, CHAT, NETWORK, Account, Messenger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database

ASYA, BOT, CLASS = "@asya:school.example", "@bot:school.example", "!class:school.example"
FRIEND, OTHER = "77", "78"
_CLIENT = "/_matrix/client/v3"


class Friendly(Messenger):
    """A messenger with personal chats, which answers some questions otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.friends = {FRIEND: "Ольга Выдумкина", OTHER: "Фома Выдумкин"}
        self.trouble: dict[str, Exception] = {}
        """Chat → what looking it up ends in; under "" every question."""
        self.asked: Counter[str] = Counter()

    async def connect(self, secret: str) -> Connector:
        return Friend(self, secret)


class Friend(Account):
    """One account of it."""

    def __init__(self, messenger: Friendly, account_id: str) -> None:
        super().__init__(messenger, account_id)
        self._friendly = messenger

    async def chat(self, chat_id: str) -> RemoteChat:
        self._friendly.asked[chat_id] += 1
        for one in ("", chat_id):
            if one in self._friendly.trouble:
                raise self._friendly.trouble[one]
        if chat_id not in self._friendly.friends:
            return await super().chat(chat_id)
        name = self._friendly.friends[chat_id]
        return RemoteChat(chat_id, name, is_group=False, partner_id=chat_id)

    async def chats(self) -> Sequence[RemoteChat]:
        if "" in self._friendly.trouble:
            raise self._friendly.trouble[""]
        found = []
        for chat_id, messages in self._friendly.messages.items():
            partner = chat_id if chat_id in self._friendly.friends else ""
            found.append(
                RemoteChat(
                    chat_id,
                    chat_id,
                    is_group=not partner,
                    partner_id=partner,
                    written_at=messages[-1].sent_at,
                )
            )
        return found


@dataclass
class Matrix:
    """A homeserver: the rooms it made, who is in them, and what it fails at."""

    rooms: dict[str, dict[str, str]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    direct: dict[str, Any] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    """What is asked, with or without a room → the status it is answered by."""
    asked: Counter[str] = field(default_factory=Counter)
    slow: float = 0.0
    """For how long it makes a room (seconds)."""

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post(f"{_CLIENT}/createRoom", self.create)
        app.router.add_get(f"{_CLIENT}/joined_rooms", self.joined)
        app.router.add_get(f"{_CLIENT}/account/whoami", self.whoami)
        app.router.add_route("*", f"{_CLIENT}/user/{{mxid}}/account_data/m.direct", self.m_direct)
        app.router.add_get(f"{_CLIENT}/rooms/{{room}}/members", self.members)
        app.router.add_get(f"{_CLIENT}/rooms/{{room}}/state/{{kind}}/{{key:.*}}", self.state)
        app.router.add_post(f"{_CLIENT}/rooms/{{room}}/{{what}}", self.change)
        app.router.add_route("*", "/{rest:.*}", self.taken)
        return app

    def _failing(self, what: str, room: str = "") -> web.Response | None:
        self.asked[what] += 1
        status = self.fails.get(what) or self.fails.get(f"{what} {room}")
        return web.json_response({"errcode": "M_X"}, status=status) if status else None

    async def create(self, request: web.Request) -> web.Response:
        content = await request.json()
        if failing := self._failing("createRoom"):
            return failing
        await asyncio.sleep(self.slow)
        room_id = f"!own{len(self.rooms)}:school.example"
        self.rooms[room_id] = {BOT: "join", **dict.fromkeys(content["invite"], "invite")}
        self.marks[room_id] = content["initial_state"][-1]["content"]["key"]
        return web.json_response({"room_id": room_id})

    async def joined(self, _: web.Request) -> web.Response:
        found = [room_id for room_id, people in self.rooms.items() if people.get(BOT) == "join"]
        return web.json_response({"joined_rooms": found})

    async def whoami(self, _: web.Request) -> web.Response:
        return self._failing("whoami") or web.json_response({"user_id": BOT})

    async def m_direct(self, request: web.Request) -> web.Response:
        if failing := self._failing("m.direct"):
            return failing
        if request.method == "PUT":
            self.direct = await request.json()
        return web.json_response(self.direct)

    async def members(self, request: web.Request) -> web.Response:
        room = self.rooms[request.match_info["room"]]
        if BOT not in room:
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        chunk = [{"state_key": one, "content": {"membership": how}} for one, how in room.items()]
        return web.json_response({"chunk": chunk})

    async def state(self, request: web.Request) -> web.Response:
        room_id, kind = request.match_info["room"], request.match_info["kind"]
        if kind == "m.room.member":
            how = self.rooms[room_id].get(request.match_info["key"], "leave")
            return web.json_response({"membership": how})
        return web.json_response({"key": self.marks.get(room_id, "")})

    async def taken(self, _: web.Request) -> web.Response:
        return web.json_response({"event_id": "$event"})

    async def change(self, request: web.Request) -> web.Response:
        room_id, what = request.match_info["room"], request.match_info["what"]
        if failing := self._failing(what, room_id):
            return failing
        room = self.rooms.setdefault(room_id, {})
        who = request.query.get("user_id", BOT)
        if what in {"kick", "leave"}:
            room.pop((await request.json()).get("user_id", who) if what == "kick" else who, None)
        elif what == "join":
            room[who] = "join"
        return web.json_response({})


@dataclass
class Rig:
    """A pupil with a login, her class chat that is linked, and the way in."""

    db: Database
    clock: databases.Clock
    messenger: Friendly
    matrix: Matrix
    homeserver: Homeserver
    inward: Inward
    login: Login
    child_id: str

    async def rows(self) -> list[tuple[str, str]]:
        """Return room and message id of what waits to be shown, in order."""
        found: list[dict[str, Any]] = []
        async with self.db.read() as tx:
            for lane in sorted(await queues.lanes(tx, queues.OUTBOX)):
                found += [i.content for i in await queues.waiting(tx, queues.OUTBOX, lane, 100)]
        return [(row["room"], row["origin"][2]) for row in found if row["relay"] == "show"]

    async def heard(self) -> None:
        """Wait until everything the messenger told is stored."""

        async def so() -> bool:
            async with self.db.read() as tx:
                return await chats.cursor(tx, self.login.id) == str(len(self.messenger.batches))

        await until(so)

    async def linked(self) -> dict[str, str]:
        """Return personal chat → its room."""
        async with self.db.read() as tx:
            return {c.chat_id: c.room_id for c in await chats.all_chats(tx) if c.chat_id != CHAT}

    async def news(self) -> list[dict[str, Any]]:
        """Return what the bot is to tell."""
        async with self.db.read() as tx:
            return [i.content for i in await queues.waiting(tx, queues.INBOX, "bot/news", 100)]

    async def ask_for(self, *chat_ids: str) -> None:
        """Ask for the rooms of personal chats, as the bot does."""
        async with self.db.write() as tx:
            for chat_id in chat_ids:
                row = {"relay": personal.OPEN, "origin": [self.login.id, chat_id, ""]}
                row["title"] = self.messenger.friends.get(chat_id, "чужой")
                lane = f"personal/{self.login.id}"
                await queues.put(tx, queues.OUTBOX, lane, f"ask.{chat_id}", row)

    async def set_role(self, *, has_one: bool) -> None:
        """Enrol the pupil, or let her leave the school."""
        async with self.db.write() as tx:
            [record] = await schools.records(tx)
            if not has_one:
                await tx.run(delete(tables.assignments))
            else:
                row = {"id": schools.new_id(), "school_id": record.id, "person_id": self.child_id}
                row |= {
                    "kind": "enrolment",
                    "class_id": await tx.value(select(tables.classes.c.id)),
                }
                await tx.run(insert(tables.assignments).values(**row))
            await schools.changed(tx, record.id)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear meanwhile what the messenger tells; nothing of it is shown."""
        task = asyncio.create_task(self.inward.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Carry out meanwhile what waits in the outbox."""
        work = Lanes(self.db, queues.OUTBOX, self.inward.handle, give_up=self.inward.give_up)
        task = asyncio.create_task(work.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    for place in (client, lanes, pace, module):
        monkeypatch.setattr(place, "_FIRST_WAIT", 0.002)
        monkeypatch.setattr(place, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(patience, "_SECONDS", 0.0)
    clock, messenger, matrix = databases.Clock(), Friendly(), Matrix()
    clock.now = (BEGAN + 10_000) * 1000
    for account, name in {"owner": "Ася", "mate": "Фома", **messenger.friends}.items():
        messenger.person(account, name)
    server = TestServer(matrix.application())
    await server.start_server()
    async with (
        databases.opened(f"sqlite:///{tmp_path}/a.db", clock) as db,
        aiohttp.ClientSession() as session,
    ):
        async with db.engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
        homeserver = Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid=BOT,
        )
        async with db.write() as tx:
            family = await databases.family(tx)
            await accounts.add_account(tx, ASYA, family.child_id)
            login_id = await chats.save_login(tx, NETWORK, "owner", "Ася", ASYA, "owner")
            await chats.set_cursor(tx, login_id, "0")
            await chats.link(tx, chats.Chat(login_id, CHAT, CLASS, relay=False))
            await chats.set_seen(tx, login_id, CHAT, "")
            [login] = await chats.all_logins(tx)
        manner = Manner("{name} (Сферум)", partial(Texts().text, "ru"), ZoneInfo("Europe/Moscow"))
        inward = Inward(
            db,
            homeserver,
            Ghosts(db, homeserver, "sferum_"),
            Connections(db, {NETWORK: messenger}),
            InwardSettings(manner, Policies(Policy()), history=20, personal=True),
            login_lost,
        )
        yield Rig(db, clock, messenger, matrix, homeserver, inward, login, family.child_id)
        await inward.close()
    await server.close()


async def login_lost(_tx: object, login: Login, error: Exception) -> None:
    raise AssertionError(f"login {login.id} is lost: {error}")


# --- a first message ------------------------------------------------------------------------


async def write_in_both(rig: Rig) -> list[RemoteMessage]:
    """Have a friend write, and the class; as one batch."""
    said = [rig.messenger.written(FRIEND, "привет", FRIEND), rig.messenger.written("mate", "урок")]
    await rig.messenger.happen(*said)
    return said


@pytest.mark.parametrize(
    "trouble",
    [Unavailable("error 10"), Refused("error 917"), KeyError("what nobody foresaw")],
    ids=lambda e: type(e).__name__,
)
async def test_a_chat_that_is_never_told_of_makes_nobody_deaf(rig: Rig, trouble: Exception) -> None:
    rig.messenger.trouble[FRIEND] = trouble
    async with rig.listening():
        await write_in_both(rig)
        await rig.heard()
        assert await rig.rows() == [(CLASS, "1")]
        tries = rig.messenger.asked[FRIEND]
        assert tries == (5 if isinstance(trouble, Unavailable) else 1)
        # It is no verdict: with the next message the room is there, and what was passed by.
        rig.messenger.trouble.clear()
        await rig.messenger.say(FRIEND, "ты где?", FRIEND)
        await rig.heard()
        room_id = (await rig.linked())[FRIEND]
        assert await rig.rows() == [(CLASS, "1"), (room_id, "1"), (room_id, "2")]


async def test_that_the_network_asks_to_slow_down_is_waited_out(rig: Rig) -> None:
    rig.messenger.trouble[FRIEND] = TooFast("slowly", 0.001)
    async with rig.listening():
        await write_in_both(rig)

        async def is_tried() -> bool:
            return rig.messenger.asked[FRIEND] > 8

        await until(is_tried)
        assert await rig.rows() == []
        rig.messenger.trouble.clear()
        await rig.heard()
        assert [message for _, message in await rig.rows()] == ["1", "1"]


@pytest.mark.parametrize("status", [500, 403])
async def test_a_room_that_is_never_made_makes_nobody_deaf(rig: Rig, status: int) -> None:
    rig.matrix.fails["createRoom"] = status
    async with rig.listening():
        await write_in_both(rig)
        await rig.heard()
        assert await rig.rows() == [(CLASS, "1")]
        rig.matrix.fails.clear()
        await rig.messenger.say(FRIEND, "ты где?", FRIEND)
        await rig.heard()
        room_id = (await rig.linked())[FRIEND]
        assert await rig.rows() == [(CLASS, "1"), (room_id, "1"), (room_id, "2")]


async def test_a_homeserver_that_fails_at_everything_is_waited_for(rig: Rig) -> None:
    rig.matrix.fails |= {"createRoom": 500, "whoami": 500}
    async with rig.listening():
        await write_in_both(rig)

        async def is_tried() -> bool:
            return rig.matrix.asked["createRoom"] > 8

        await until(is_tried)
        assert await rig.rows() == []
        rig.matrix.fails.clear()
        await rig.heard()
        room_id = (await rig.linked())[FRIEND]
        assert sorted(await rig.rows()) == sorted([(CLASS, "1"), (room_id, "1")])


@pytest.mark.parametrize("what", ["join", "m.direct"])
async def test_what_the_owner_can_do_does_not_hold_the_link_up(rig: Rig, what: str) -> None:
    rig.matrix.fails[what] = 401
    async with rig.listening():
        await write_in_both(rig)
        await rig.heard()
    room_id = (await rig.linked())[FRIEND]
    assert rig.matrix.rooms[room_id][ASYA] == ("invite" if what == "join" else "join")
    assert (room_id, "1") in await rig.rows()


async def test_who_has_no_role_today_may_have_one_tomorrow(rig: Rig) -> None:
    await rig.set_role(has_one=False)
    async with rig.listening():
        await write_in_both(rig)
        await rig.heard()
        assert await rig.linked() == {}
        await rig.set_role(has_one=True)
        await rig.messenger.say(FRIEND, "ты где?", FRIEND)
        await rig.heard()
        assert [message for room, message in await rig.rows() if room != CLASS] == ["1", "2"]


async def test_of_what_is_no_personal_chat_it_is_asked_once(rig: Rig) -> None:
    async with rig.listening():
        for text in ("раз", "два", "три"):
            await rig.messenger.say("mate", text, "another-class")
            await rig.heard()
    assert rig.messenger.asked["another-class"] == 1
    assert await rig.linked() == {}


async def test_a_message_lost_in_a_gap_makes_a_room_too(rig: Rig) -> None:
    now = rig.clock.now // 1000
    for chat_id, since in ((FRIEND, 60), (OTHER, -3600)):
        old = rig.messenger.written(chat_id, "давно", chat_id)
        new = rig.messenger.written(chat_id, "в разрыве", chat_id)
        moved = [*map(partial(at, now - 7200), [old]), at(now + since, new)]
        rig.messenger.messages[chat_id] = moved
    async with rig.listening():
        await rig.messenger.happen(gaps=[FRIEND, OTHER, CHAT])
        await rig.heard()
    assert list(await rig.linked()) == [FRIEND]
    assert [message for _, message in await rig.rows()] == ["2"]


def at(when: int, message: RemoteMessage) -> RemoteMessage:
    """Return a message as one of another time (seconds)."""
    return type(message)(
        message.chat_id, message.message_id, message.sender_id, message.content, when
    )


async def test_two_who_ask_for_one_chat_at_once_get_one_room(rig: Rig) -> None:
    rig.matrix.slow = 0.5
    await rig.ask_for(FRIEND)
    async with rig.working(), rig.listening():

        async def is_making() -> bool:
            return rig.matrix.asked["createRoom"] > 0

        await until(is_making)
        await rig.messenger.say(FRIEND, "привет", FRIEND)
        await rig.heard()

        async def is_done() -> bool:
            async with rig.db.read() as tx:
                return f"personal/{rig.login.id}" not in await queues.lanes(tx, queues.OUTBOX)

        await until(is_done)
    assert len(rig.matrix.rooms) == 1
    assert list((await rig.linked()).values()) == list(rig.matrix.rooms)


# --- asked for ------------------------------------------------------------------------------


async def test_a_network_that_is_away_is_waited_for(rig: Rig) -> None:
    rig.messenger.trouble[""] = Unavailable("away")
    await rig.ask_for(FRIEND)
    async with rig.working():

        async def is_tried() -> bool:
            return rig.messenger.asked[FRIEND] > 12

        await until(is_tried)
        assert await rig.news() == []
        rig.messenger.trouble.clear()

        async def is_there() -> bool:
            return FRIEND in await rig.linked()

        await until(is_there)


@pytest.mark.parametrize(
    ("trouble", "status", "why"),
    [
        (Refused("error 917"), 0, "network-refused"),
        (Unavailable("error 10"), 0, "network-unavailable"),
        (None, 403, ""),
        (None, 500, ""),
    ],
)
async def test_whoever_asked_is_told_that_there_is_no_room(
    rig: Rig, trouble: Exception | None, status: int, why: str
) -> None:
    if trouble:
        rig.messenger.trouble[FRIEND] = trouble
    if status:
        rig.matrix.fails["createRoom"] = status
    await rig.ask_for(FRIEND)
    async with rig.working():

        async def told() -> bool:
            return bool(await rig.news())

        await until(told)
    [row] = await rig.news()
    assert row["kind"] == personal.NOT_OPENED
    assert row["content"] == {"login": rig.login.id, "title": "Ольга Выдумкина", "why": why}


# --- the end --------------------------------------------------------------------------------


async def two_rooms(rig: Rig) -> list[str]:
    """Have the rooms of both personal chats be there; return their ids."""
    async with rig.listening():
        for chat_id in (FRIEND, OTHER):
            await rig.messenger.say(chat_id, "привет", chat_id)
        await rig.heard()
    return list((await rig.linked()).values())


async def test_a_room_that_cannot_end_holds_no_other_up(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = sorted(await two_rooms(rig))
    ending = PersonalEnd(rig.db, rig.homeserver, personal.Holders())
    await ending.once()
    assert len(await rig.linked()) == 2
    await rig.set_role(has_one=False)
    rig.matrix.fails[f"kick {first}"] = 403
    caplog.set_level(logging.WARNING, "sferum_bridge")
    await ending.once()
    assert await rig.linked() == {}
    assert (BOT in rig.matrix.rooms[first], rig.matrix.rooms[second]) == (True, {})
    assert ASYA not in caplog.text
    rig.matrix.fails.clear()
    await ending.once()
    assert rig.matrix.rooms[first] == {}
    async with rig.db.read() as tx:
        assert await personal.owners(tx) == {}


async def test_an_end_that_was_cut_off_is_brought_to_its_end(rig: Rig) -> None:
    await two_rooms(rig)
    await rig.set_role(has_one=False)
    # The bot has left already; only that it is over was not noted.
    rig.matrix.rooms = {room_id: {} for room_id in rig.matrix.rooms}
    await PersonalEnd(rig.db, rig.homeserver, personal.Holders()).once()
    async with rig.db.read() as tx:
        assert await personal.owners(tx) == {}


async def test_a_school_is_read_when_it_or_its_day_has_changed_and_not_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = schools.load

    async def counted(tx: Any, school_id: str) -> Any:
        read.append(school_id)
        return await load(tx, school_id)

    monkeypatch.setattr(schools, "load", counted)
    holders = personal.Holders()

    async def may() -> bool:
        async with rig.db.read() as tx:
            found = [await personal.may(tx, ASYA, holders) for _ in range(3)]
            assert not await personal.may(tx, "@nobody:school.example", holders)
        assert len(set(found)) == 1
        return found[0]

    assert await may()
    assert len(read) == 1
    rig.clock.now += 24 * 3600 * 1000
    assert await may()
    assert len(read) == 2
    await rig.set_role(has_one=False)
    assert not await may()
    assert len(read) == 3
    async with rig.db.read() as tx:
        # Where nobody has such a room no school is read at all.
        assert await personal.over(tx, personal.Holders()) == ()
    assert len(read) == 3


async def test_an_owner_whose_name_has_a_slash_is_known(rig: Rig) -> None:
    mxid = "@5a/asya:school.example"
    async with rig.db.write() as tx:
        room_key = personal.key(tx, mxid, rig.login.id, FRIEND)
        await rooms.intend(tx, room_key, "", personal.KIND)
        await rooms.created(tx, room_key, "!own:school.example")
        assert await personal.owners(tx) == {"!own:school.example": mxid}
