"""Announcements' posts at the homeserver: taken away with their edits, and not sent when over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from sferum_bridge.matrix import posts
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.posts import Posts
from sferum_bridge.store import announcements, queues
from sferum_bridge.store.announcements import State
from tests.support.bot import TEACHER, World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp.test_utils import TestServer

    from sferum_bridge.store.announcements import Announcement

ROOM = "!5-pupils"


class Room:
    """A homeserver of one room: what is sent and redacted there, and the edits it tells of."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.redacted: list[str] = []
        self.edits: list[str] = []
        self.refuses = ""
        """The event that nobody may redact."""

    async def answer(self, request: web.Request) -> web.Response:
        parts = request.path.split("/")
        if "relations" in parts:
            return web.json_response({"chunk": [{"event_id": each} for each in self.edits]})
        if "redact" in parts:
            event_id = parts[parts.index("redact") + 1]
            if event_id == self.refuses:
                return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
            self.redacted.append(event_id)
        else:
            assert "send" in parts
            self.sent.append(parts[-1])
        await request.text()
        return web.json_response({"event_id": f"$of-{parts[-1]}"})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


@pytest.fixture
async def room() -> Room:
    return Room()


@pytest.fixture
async def carrier(
    world: World,
    room: Room,
    aiohttp_server: Callable[[web.Application], Awaitable[TestServer]],
) -> AsyncIterator[Posts]:
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", room.answer)
    server = await aiohttp_server(application)
    async with aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid="@bot:school.example",
        )
        yield Posts(world.db, homeserver)


async def put(world: World) -> Announcement:
    content: dict[str, Any] = {"msgtype": "m.text", "body": "текст"}
    async with world.db.write() as tx:
        one = await announcements.draft(
            tx, world.ids["school"], world.ids[TEACHER], None, "текст", event_id="$a"
        )
        await announcements.change(tx, one, state=State.SENT.value)
        await posts.put(tx, one, [ROOM], content)
    return one


async def withdraw(world: World, one: Announcement) -> None:
    async with world.db.write() as tx:
        await announcements.change(tx, one, state=State.WITHDRAWN.value)
        await posts.withdraw(tx, one, [ROOM])


async def carry_out(world: World, carrier: Posts) -> None:
    """Work the outbox of the room off."""
    async with world.db.read() as tx:
        items = await queues.waiting(tx, queues.OUTBOX, ROOM, 10)
    for item in items:
        await carrier.handle(item)
    async with world.db.read() as tx:
        assert not await queues.waiting(tx, queues.OUTBOX, ROOM, 10)


async def test_the_edits_of_a_withdrawn_post_are_taken_away_too(
    world: World, room: Room, carrier: Posts
) -> None:
    one = await put(world)
    await carry_out(world, carrier)
    [name] = room.sent
    room.edits = ["$edit-of-one-thing", "$edit-of-another"]
    await withdraw(world, one)
    await carry_out(world, carrier)
    assert room.redacted == [*room.edits, f"$of-{name}"]


async def test_an_edit_that_cannot_be_taken_away_leaves_no_other(
    world: World, room: Room, carrier: Posts, caplog: pytest.LogCaptureFixture
) -> None:
    one = await put(world)
    await carry_out(world, carrier)
    room.edits, room.refuses = ["$first-edit", "$second-edit"], "$first-edit"
    await withdraw(world, one)
    await carry_out(world, carrier)
    assert room.redacted == ["$second-edit", f"$of-{room.sent[0]}"]
    assert "refused" in caplog.text


async def test_what_is_withdrawn_while_it_waits_is_not_sent(
    world: World, room: Room, carrier: Posts
) -> None:
    one = await put(world)
    await withdraw(world, one)
    await carry_out(world, carrier)
    assert (room.sent, room.redacted) == ([], [])
    assert await world.work_off("bot/news") == [], "nor is it said to be delivered"


async def test_what_a_kill_left_in_the_room_is_found_again_and_taken_away(
    world: World, room: Room, carrier: Posts
) -> None:
    one = await put(world)
    async with world.db.write() as tx:
        assert await announcements.begin_post(tx, one.id, ROOM)
    await withdraw(world, one)
    await carry_out(world, carrier)
    [name] = room.sent
    assert room.redacted == [f"$of-{name}"]
