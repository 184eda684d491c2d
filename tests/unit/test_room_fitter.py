"""Bringing people into rooms while the homeserver refuses or fails: all of it is tried again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
import pytest_asyncio
from aiohttp import web

from sferum_bridge.matrix import client
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.creation import RoomMaker
from sferum_bridge.matrix.facts import Facts
from sferum_bridge.matrix.policy import Policy
from sferum_bridge.matrix.progress import Progress, Run
from sferum_bridge.matrix.room import RoomFitter
from sferum_bridge.matrix.rooms import KeeperSettings, RoomKeeper
from sferum_bridge.matrix.shape import LEVELS, Wanted
from sferum_bridge.matrix.wishes import Wishes
from sferum_bridge.school.layout import MEMBER, Kind, WantedRoom, layout
from sferum_bridge.store import accounts, migrate, rooms, schools
from tests.support import databases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest
    from aiohttp.test_utils import TestServer

    from sferum_bridge.store.database import Database

ROOM, KEY = "!parents", "parents/1"
MOTHER, GUEST = "@mother:school.example", "@guest:elsewhere.example"
PUPIL = "@pupil:school.example"
clock = databases.clock


class Doors:
    """A homeserver that refuses so many invites and joins, and says who is in.

    In `broken` rooms it fails at whatever is asked.
    """

    def __init__(self) -> None:
        self.refused = Counter[str]()
        self.broken: set[str] = set()
        self.asked = Counter[str]()
        self.memberships: dict[str, str] = {}

    async def invite(self, request: web.Request) -> web.Response:
        return self._answer(request, "invite", (await request.json())["user_id"])

    async def join(self, request: web.Request) -> web.Response:
        return self._answer(request, "join", request.query["user_id"])

    async def member(self, request: web.Request) -> web.Response:
        how = self.memberships.get(request.match_info["mxid"], "leave")
        return web.json_response({"membership": how})

    async def state(self, request: web.Request) -> web.Response:
        return self._answer(request, "state", "")

    def _answer(self, request: web.Request, what: str, mxid: str) -> web.Response:
        self.asked[what] += 1
        if request.match_info["room"] in self.broken:
            return web.json_response({"errcode": "M_UNKNOWN"}, status=500)
        if self.refused[what]:
            self.refused[what] -= 1
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        self.memberships[mxid] = what
        return web.json_response({})


@pytest_asyncio.fixture
async def db(tmp_path: Path, clock: databases.Clock) -> AsyncIterator[Database]:
    async with databases.opened(f"sqlite:///{tmp_path / 'bridge.db'}", clock) as opened:
        await migrate.upgrade(opened)
        yield opened


@pytest_asyncio.fixture
async def doors() -> Doors:
    return Doors()


@pytest_asyncio.fixture
async def homeserver(
    doors: Doors,
    aiohttp_server: Callable[[web.Application], Awaitable[TestServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Homeserver]:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)
    application = web.Application()
    below = "/_matrix/client/v3/rooms/{room}"
    application.router.add_post(f"{below}/invite", doors.invite)
    application.router.add_post(f"{below}/join", doors.join)
    application.router.add_get(f"{below}/state/m.room.member/{{mxid}}", doors.member)
    application.router.add_put(f"{below}/state/{{kind}}/{{key:.*}}", doors.state)
    server = await aiohttp_server(application)
    async with aiohttp.ClientSession() as session:
        yield Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid="@bot:school.example",
        )


@pytest_asyncio.fixture
async def fit(db: Database, homeserver: Homeserver) -> Callable[..., Awaitable[bool]]:
    """Give what makes a room have these members, as often as it is called."""
    async with db.write() as tx:
        school_id = await schools.add(tx, "Школа", "Europe/Moscow", "ru")
        await rooms.intend(tx, KEY, school_id, "parents")
        await rooms.created(tx, KEY, ROOM)
        actual = {"name": "Родители", "users": {}, "levels": LEVELS, "version": "12"}
        await rooms.set_actual(tx, KEY, actual)
    fitter = RoomFitter(db, homeserver, version="12", ghost_prefix="sferum_")

    async def fit(*members: str) -> bool:
        room = WantedRoom(KEY, Kind.PARENTS, "1", "", frozenset(), {})
        wanted = Wanted(room, "Родители", dict.fromkeys(members, MEMBER))
        async with db.read() as tx:
            record = await schools.record(tx, school_id)
        assert record is not None
        return await fitter.fill(wanted, {KEY: ROOM}, Run(db, record, Progress()))

    return fit


async def known(db: Database) -> dict[str, str]:
    async with db.read() as tx:
        return await rooms.members(tx, ROOM)


async def test_a_join_that_was_refused_is_tried_again(
    db: Database, doors: Doors, fit: Callable[..., Awaitable[bool]]
) -> None:
    doors.refused["join"] = 1
    assert not await fit(MOTHER), "else nobody would look again for hours"
    assert await known(db) == {MOTHER: "invite"}
    assert await fit(MOTHER)
    assert await known(db) == {MOTHER: "join"}
    assert doors.asked == {"invite": 1, "join": 2}
    assert await fit(MOTHER)
    assert doors.asked == {"invite": 1, "join": 2}, "who is in costs nothing"


async def test_an_invite_that_was_refused_is_tried_again(
    db: Database, doors: Doors, fit: Callable[..., Awaitable[bool]]
) -> None:
    doors.refused["invite"] = 1
    assert not await fit(MOTHER)
    assert await known(db) == {}
    assert await fit(MOTHER)
    assert await known(db) == {MOTHER: "join"}


async def test_an_account_of_another_server_is_invited_and_no_more(
    db: Database, doors: Doors, fit: Callable[..., Awaitable[bool]]
) -> None:
    assert await fit(GUEST)
    assert await known(db) == {GUEST: "invite"}
    assert doors.asked == {"invite": 1}


# --- a school's rooms -----------------------------------------------------------------------


async def a_class_with_rooms(db: Database) -> dict[str, str]:
    """Add a school with a class, a pupil with an account, and rooms; return kind → room id."""
    async with db.write() as tx:
        family = await databases.family(tx)
        await accounts.add_account(tx, PUPIL, family.child_id)
        school = await schools.load(tx, family.school_id)
        for room in layout(school, databases.DAY):
            await rooms.intend(tx, room.key, school.id, room.kind.value)
            await rooms.created(tx, room.key, f"!{room.kind.value}")
    return {room.kind.value: f"!{room.kind.value}" for room in layout(school, databases.DAY)}


async def test_a_room_in_trouble_holds_no_other_up_and_is_tried_again_soon(
    db: Database, clock: databases.Clock, doors: Doors, homeserver: Homeserver
) -> None:
    made = await a_class_with_rooms(db)
    policy = Policy(db, homeserver, "", ghost_prefix="sferum_")
    keeper = RoomKeeper(
        db,
        homeserver,
        RoomMaker(db, homeserver),
        Facts(db, policy),
        KeeperSettings(rooms_at_once=1, retry=10, refresh=6 * 3600),
        Wishes(lambda kind, _class, _school, _language: kind.value),
        RoomFitter(db, homeserver, version="12", ghost_prefix="sferum_"),
    )

    async def in_rooms() -> set[str]:
        async with db.read() as tx:
            return {kind for kind, room in made.items() if PUPIL in await rooms.members(tx, room)}

    doors.broken = {made["pupils"]}
    await keeper.catch_up()
    assert await in_rooms() == {"class", "materials"}
    for _ in range(4):
        before = doors.asked["state"]
        await keeper.catch_up()
        assert doors.asked["state"] == before, "not at once"
        clock.now += 10_000
        await keeper.catch_up()
        assert doors.asked["state"] > before, "and never later than that"
    doors.broken.clear()
    clock.now += 10_000
    await keeper.catch_up()
    assert await in_rooms() == {"class", "materials", "pupils"}
