"""The way from a recorded VK to a strict homeserver: connector, queues, lanes, all of it ours."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import aiohttp

from sferum_bridge.bot.texts import Texts
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.network.vk import VkNetwork, VkSettings
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward.queueing import Manner
from sferum_bridge.relay.inward.way import Inward, InwardSettings
from sferum_bridge.school.attachments import Policies, Policy
from sferum_bridge.store import chats, queues, tables
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer
from tests.support.replay import COOKIE, Replay
from tests.support.strict import Strict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database, Tx
    from tests.support.recorded import Recorded

ROOM, BOT = "!room:school.example", "@sferumbot:school.example"
NETWORK = "sferum"
SENDER = 777_001
_FROM_CHAT = 8192


@dataclass
class Replayed:
    """A linked chat, and what is told of it."""

    recorded: Recorded
    vk: Replay
    matrix: Strict
    db: Database
    login_id: str
    lost: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=partial(count, 1000))

    def number(self) -> int:
        """Return a message's number that no other has."""
        return int(next(self._numbers))

    def guard(self, text: str) -> list[Any]:
        """Return an update with which nothing is wrong: it has to arrive, whatever is beside it."""
        number, peer = self.number(), self.recorded.peer
        self.vk.items[number] = self.item(number, text)
        written = [1_790_000_000, text, {"from": str(SENDER)}, {}, 0, number, 0]
        return [10004, number, _FROM_CHAT, number, peer, *written]

    async def around(self, *updates: Any, missed: bool = False, about: Any = None) -> None:
        """Tell updates between two guards, and wait until both have arrived."""
        first, last = f"до {self.number()}", f"после {self.number()}"
        batch = [self.guard(first), *updates, self.guard(last)]
        if missed:
            # There messages are cut to their names.
            for brief in (batch[0], batch[-1]):
                brief[3:] = [self.recorded.peer]
        (self.vk.miss if missed else self.vk.tell)(batch)
        try:
            await self.matrix.until_text(last)
        except TimeoutError:
            raise AssertionError(f"stuck: {about or updates!r}"[:2000]) from None
        assert first in self.matrix.texts(), about or updates

    def item(self, number: int, text: str = "", **more: Any) -> dict[str, Any]:
        """Return a message object."""
        named = {"id": number, "conversation_message_id": number, "peer_id": self.recorded.peer}
        return {**named, "from_id": SENDER, "date": 1_790_000_000, "out": 0, "text": text, **more}

    def hint(self, number: int) -> list[Any]:
        """Return an update that has a message be asked for."""
        update = self.guard("")
        update[1] = update[3] = number
        update[8] = {"attach1_type": "photo", "attach1": "1_1"}
        return update

    async def cursor(self) -> str:
        """Return the stored position."""
        async with self.db.read() as tx:
            return await chats.cursor(tx, self.login_id)


@asynccontextmanager
async def replayed(recorded: Recorded, folder: Path) -> AsyncIterator[Replayed]:
    """Listen to a recorded VK, and show what is heard; everything runs meanwhile."""
    db = open_database(f"sqlite:///{folder}/a.db", Sealer(b"an invented key of 32 bytes, hah"))
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with (
        Replay(recorded).running() as vk,
        Strict().running() as matrix,
        aiohttp.ClientSession() as session,
    ):
        homeserver = Homeserver(
            session, matrix.url, as_token="as", puppet_token="puppet", bot_mxid=BOT
        )
        settings = VkSettings(
            api_url=vk.url, web_url=vk.url, wait=5, requests_per_second=100_000, request_timeout=5
        )
        connections = Connections(db, {NETWORK: VkNetwork(settings)})
        async with db.write() as tx:
            login_id = await chats.save_login(tx, NETWORK, str(recorded.me), "", "", COOKIE)
            await chats.set_cursor(tx, login_id, vk.position)
            await chats.link(tx, chats.Chat(login_id, str(recorded.peer), ROOM, relay=False))
        rig = Replayed(recorded, vk, matrix, db, login_id)

        async def login_lost(_tx: Tx, login: Login, error: NetworkError) -> None:
            rig.lost.append(f"{login.account_id}: {error.detail}")

        manner = Manner("{name} (Сферум)", partial(Texts().text, "ru"), ZoneInfo("Europe/Moscow"))
        inward = Inward(
            db,
            homeserver,
            Ghosts(db, homeserver, "sferum_"),
            connections,
            InwardSettings(manner, Policies(Policy()), history=0),
            login_lost,
        )
        lanes = Lanes(db, queues.OUTBOX, inward.handle, foresee=inward.foresee)
        tasks = [asyncio.create_task(work) for work in (inward.run(), lanes.run())]
        try:
            yield rig
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await inward.close()
            await connections.close()
    await db.close()
