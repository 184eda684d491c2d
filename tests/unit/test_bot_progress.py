"""Administrators see how far a large change of rooms is, in one message, and have it rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from sferum_bridge.bot.progress import Manner, ProgressTeller, Told, next_told
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.outbox import Outbox
from sferum_bridge.matrix.progress import Progress
from sferum_bridge.store import audit, dialogues, queues, rooms, schools
from tests.support.bot import ADMIN, BOT, OTHER, SCHOOL, TEACHER, World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp.test_utils import TestServer

    from sferum_bridge.matrix.creation import RoomMaker

BEGAN = World.now
MANNER = Manner(steps=100, after=8, least=5)


# --- when something is said -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "progress", "seconds", "paused", "says"),
    [
        # Short work, and long work that has just begun, is nobody's news.
        (None, Progress(0, 99, began=BEGAN), 60, False, None),
        (None, Progress(0, 1000, began=BEGAN), 7, False, None),
        (None, Progress(950, 1000, began=BEGAN), 60, False, None),
        (None, Progress(1000, 1000, began=BEGAN, finished=True), 60, False, None),
        (None, Progress(), 60, False, None),
        (None, Progress(80, 1000, began=BEGAN), 8, False, ("going", 8, 0)),
        (None, Progress(80, 1000, began=BEGAN), 8, True, ("paused", 8, 0)),
        # It is edited when there is something to say.
        (Told(BEGAN, 1000, 8), Progress(120, 1000, began=BEGAN), 20, False, None),
        (Told(BEGAN, 1000, 8), Progress(130, 1000, began=BEGAN), 20, False, ("going", 13, 1)),
        (Told(BEGAN, 1000, 8), Progress(81, 1000, began=BEGAN), 20, True, ("paused", 8, 1)),
        (
            Told(BEGAN, 1000, 8, "paused", 1),
            Progress(81, 1000, began=BEGAN),
            20,
            False,
            ("going", 8, 2),
        ),
        # After a restart what is left counts by what it was; before that nothing is known.
        (Told(BEGAN, 1000, 8, edits=3), Progress(), 20, False, None),
        (
            Told(BEGAN, 1000, 8, edits=3),
            Progress(0, 400, began=BEGAN + 1),
            20,
            False,
            ("going", 60, 4),
        ),
        # More work came while it went on; it is never said to be done before it is.
        (Told(BEGAN, 1000, 80), Progress(0, 2000, began=BEGAN), 20, False, ("going", 0, 1)),
        (Told(BEGAN, 1000, 8), Progress(1000, 1000, began=BEGAN), 20, False, ("going", 99, 1)),
        (
            Told(BEGAN, 1000, 8),
            Progress(1000, 1000, began=BEGAN, finished=True),
            20,
            False,
            ("done", 100, 1),
        ),
    ],
)
def test_when_something_is_said(
    told: Told | None,
    progress: Progress,
    seconds: int,
    paused: bool,  # noqa: FBT001 - a column of the table
    says: tuple[str, int, int] | None,
) -> None:
    found = next_told(told, progress, BEGAN + seconds * 1000, MANNER, paused=paused)
    assert (found and (found.says, found.percent, found.edits)) == says


# --- the message ----------------------------------------------------------------------------


class Chat:
    """A homeserver that keeps what is sent into direct chats."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def send(self, request: web.Request) -> web.Response:
        self.sent.append((request.match_info["room"], await request.json()))
        return web.json_response({"event_id": f"$of-{request.match_info['txn']}"})

    def texts(self) -> list[str]:
        """Return what was written, and what messages were changed to."""
        return [body.get("m.new_content", body)["body"] for _, body in self.sent]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


@pytest_asyncio.fixture
async def chat() -> Chat:
    return Chat()


@pytest_asyncio.fixture
async def deliver(
    world: World, chat: Chat, aiohttp_server: Callable[[web.Application], Awaitable[TestServer]]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Give what carries the outbox to the homeserver."""
    application = web.Application()
    where = "/_matrix/client/v3/rooms/{room}/send/m.room.message/{txn}"
    application.router.add_put(where, chat.send)
    server = await aiohttp_server(application)
    async with aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session, str(server.make_url("/")), as_token="a", puppet_token="p", bot_mxid=BOT
        )
        outbox = Outbox(world.db, homeserver, cast("RoomMaker", None))

        async def carry() -> None:
            async with world.db.read() as tx:
                items = [
                    item
                    for lane in await queues.lanes(tx, queues.OUTBOX)
                    for item in await queues.waiting(tx, queues.OUTBOX, lane, 100)
                ]
            for item in items:
                await outbox.handle(item)

        yield carry


async def test_long_work_is_one_message_that_changes(
    world: World, chat: Chat, deliver: Callable[[], Awaitable[None]]
) -> None:
    async with world.db.write() as tx:
        await dialogues.add_room(tx, "!direct", ADMIN)
        (record,) = await schools.records(tx)
        for number in range(2):
            await rooms.intend(tx, f"r/{number}", record.id, "pupils")
            await rooms.created(tx, f"r/{number}", f"!{number}")
            await rooms.set_members(tx, f"!{number}", [TEACHER, OTHER][: number + 1], "join")
    progress = Progress(0, 200, began=world.now)
    before = ProgressTeller(world.db, world.bot, lambda _: progress, MANNER)
    for done in (0, 10, 20, 22, 24):
        world.now += 5000
        progress.done = done
        await before.once()
        await deliver()
    assert chat.texts() == [
        world.text("progress-going", school=SCHOOL, percent=percent) for percent in (5, 10)
    ]
    # A restart: another teller, and work that begins with what is left.
    progress = Progress()
    after = ProgressTeller(world.db, world.bot, lambda _: progress, MANNER)
    await after.once()
    await deliver()
    assert len(chat.sent) == 2
    progress = Progress(0, 50, began=world.now)
    await after.once()
    await deliver()
    await world.write(ADMIN, "пауза")
    await after.once()
    await deliver()
    await world.write(ADMIN, "продолжить")
    progress = Progress(50, 50, began=world.now, finished=True, refused=3)
    await after.once()
    await deliver()
    await after.once()
    await deliver()
    said = chat.texts()
    assert said[2] == world.text("progress-going", school=SCHOOL, percent=75)
    assert said[3] == world.text("progress-paused", school=SCHOOL, percent=75)
    assert said[-1].startswith(world.text("progress-done", school=SCHOOL, rooms=2, members=3))
    assert "Не получилось: 3" in said[-1]
    changed = [body["m.relates_to"]["event_id"] for _, body in chat.sent if "m.relates_to" in body]
    assert len(set(changed)) == 1, "one message"
    assert len(changed) == len(chat.sent) - 1
    assert {room for room, _ in chat.sent} == {"!direct"}, "to the administrator alone"


# --- pause ----------------------------------------------------------------------------------


async def test_an_administrator_has_it_rest_and_go_on(world: World) -> None:
    async def is_paused() -> bool:
        async with world.db.read() as tx:
            (record,) = await schools.records(tx)
        return record.paused

    for text, key, paused in (
        ("продолжить", "resume-already", False),
        ("пауза", "pause-done", True),
        ("!пауза", "pause-already", True),
        ("!продолжить", "resume-done", False),
        ("!pause", "pause-done", True),
    ):
        said = [one.body for one in await world.write(ADMIN, text)]
        language = "en" if text == "!pause" else "ru"
        assert said == [world.text(key, language)], text
        assert await is_paused() is paused
    async with world.db.read() as tx:
        (record,) = await schools.records(tx)
        found = (await audit.entries(tx, school_ids=[record.id]))[::-1]
    assert [one.action for one in found if one.action.startswith("rooms.")] == [
        *("rooms.pause", "rooms.resume", "rooms.pause"),
    ]


async def test_nobody_else_does(world: World) -> None:
    for text in ("пауза", "продолжить"):
        assert [one.body for one in await world.write(TEACHER, text)] == [world.text("pause-right")]
    async with world.db.read() as tx:
        (record,) = await schools.records(tx)
    assert not record.paused
