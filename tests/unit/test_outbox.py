"""The bot's messages reach the homeserver one after the other, and wait for no reaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import aiohttp
import pytest_asyncio
from aiohttp import web

from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.matrix.outbox import Offer, Outbox
from sferum_bridge.store import queues
from tests.support.bot import BOT, PUPIL, a_world
from tests.support.bridge import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp.test_utils import TestServer

    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

YES_NO = (Offer("✅", "да"), Offer("❌", "нет"))


class Chat:
    """A homeserver that takes messages, and reactions when and as it is told to."""

    def __init__(self) -> None:
        self.sent = list[str]()
        self.takes_reactions = asyncio.Event()
        self.status = 200

    async def send(self, request: web.Request) -> web.Response:
        content = await request.json()
        name = request.match_info["txn"]
        if request.match_info["kind"] == "m.reaction":
            await self.takes_reactions.wait()
            self.sent.append(f"{name} {content['m.relates_to']['key']}")
            return web.json_response({"event_id": f"$of-{name}"}, status=self.status)
        self.sent.append(f"{name} {content['body']}")
        return web.json_response({"event_id": f"$of-{name}"})

    async def has_two(self) -> bool:
        return len(self.sent) == 2


@pytest_asyncio.fixture
async def chat() -> Chat:
    return Chat()


@pytest_asyncio.fixture
async def db(
    chat: Chat, aiohttp_server: Callable[[web.Application], Awaitable[TestServer]]
) -> AsyncIterator[Database]:
    """Give a database whose outbox is carried to the homeserver."""
    application = web.Application()
    application.router.add_put("/_matrix/client/v3/rooms/{room}/send/{kind}/{txn}", chat.send)
    server = await aiohttp_server(application)
    async with a_world() as world, aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session, str(server.make_url("/")), as_token="a", puppet_token="p", bot_mxid=BOT
        )
        carrier = Outbox(world.db, homeserver, cast("RoomMaker", None))

        async def carry(item: Item) -> None:
            await carrier.handle(item)

        lanes = Lanes(world.db, queues.OUTBOX, carry)
        task = asyncio.create_task(lanes.run())
        yield world.db
        task.cancel()
        await asyncio.wait([task])


async def said(db: Database, name: str, text: str, offers: tuple[Offer, ...] = ()) -> None:
    async with db.write() as tx:
        await outbox.say(tx, name, {"body": text}, to=PUPIL, room_id="!chat", offers=offers)


async def is_empty(db: Database) -> bool:
    async with db.read() as tx:
        return not await queues.lanes(tx, queues.OUTBOX)


async def test_the_next_answer_does_not_wait_for_the_reactions_under_this_one(
    db: Database, chat: Chat
) -> None:
    await said(db, "a", "Ваш ребёнок?", YES_NO)
    await said(db, "b", "Готово")
    await until(chat.has_two)
    assert chat.sent == ["a Ваш ребёнок?", "b Готово"]
    chat.takes_reactions.set()
    await until(lambda: is_empty(db))
    assert chat.sent[2:] == ["a.r0 ✅", "a.r1 ❌"]


async def test_a_reaction_that_is_refused_is_given_up(db: Database, chat: Chat) -> None:
    chat.status = 403
    chat.takes_reactions.set()
    await said(db, "a", "Ваш ребёнок?", YES_NO)
    await until(lambda: is_empty(db))
    assert chat.sent == ["a Ваш ребёнок?", "a.r0 ✅"]
