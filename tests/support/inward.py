"""The way from a messenger into a real homeserver, without the rest of a bridge."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import aiohttp

from sferum_bridge.bot.texts import Texts
from sferum_bridge.demo.synapse import SynapseProcess
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.ghosts import Ghosts
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.matrix.registration import double_puppet, own
from sferum_bridge.network.space import Space
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward.queueing import Manner
from sferum_bridge.relay.inward.way import Inward, InwardSettings
from sferum_bridge.school.attachments import Policies, Policy
from sferum_bridge.store import chats, migrate, queues, rooms
from tests.support.bridge import Client, until
from tests.support.databases import opened
from tests.support.messenger import CHAT, NETWORK, Messenger
from tests.support.synapse import BOT, SERVER_NAME, settings_for
from tests.support.synapse import Account as MatrixAccount
from tests.support.synapse import Homeserver as Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database, Tx

GHOST = "@sferum_{}:" + SERVER_NAME
_TOKENS = {"as_token": secrets.token_hex(16), "hs_token": secrets.token_hex(16)}
_PUPPETS = secrets.token_hex(16)


@asynccontextmanager
async def running_homeserver(folder: Path, **settings: Any) -> AsyncIterator[Server]:
    """Run a Synapse that knows the bridge's two registrations, without the contour."""
    paths = []
    for name, content in {
        "own": own(
            address="", domain=SERVER_NAME, bot="sferumbot", ghost_prefix="sferum_", **_TOKENS
        )
        | {"url": None},
        "puppets": double_puppet(domain=SERVER_NAME, accounts=".*", as_token=_PUPPETS),
    }.items():
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(content), "utf-8")
    process = SynapseProcess(settings_for(folder, registrations=tuple(paths), **settings))
    server = Server(process, bot=MatrixAccount(BOT, _TOKENS["as_token"]), facts_secret="")
    await process.start()
    try:
        yield server
    finally:
        await process.stop()


@dataclass
class Linked:
    """A room in which somebody reads what a chat of the messenger says."""

    messenger: Messenger
    database: Database
    homeserver: Homeserver
    room_id: str
    reader: Client
    login_id: str
    inward: Inward
    lost: list[str]

    async def events(self, *types: str) -> list[dict[str, Any]]:
        """Return the room's events, the oldest first; redacted ones are empty."""
        _, answer = await self.reader.call(
            "GET", f"rooms/{self.room_id}/messages", dir="b", limit="500"
        )
        wanted = types or ("m.room.message", "m.sticker", "m.reaction")
        return [event for event in reversed(answer["chunk"]) if event["type"] in wanted]

    async def shown(self) -> list[str]:
        """Return what the room shows: the newest body of each message that was not redacted."""
        newest: dict[str, str] = {}
        for event in await self.events("m.room.message", "m.sticker"):
            content = event["content"]
            relation = content.get("m.relates_to", {})
            if relation.get("rel_type") == "m.replace":
                if relation["event_id"] in newest:
                    newest[relation["event_id"]] = content["m.new_content"]["body"]
            elif content:
                newest[event["event_id"]] = content["body"]
        return list(newest.values())

    async def until_shown(self, *bodies: str) -> None:
        """Wait until the room's last messages are some, and nothing else behind them."""

        async def so() -> bool:
            return (await self.shown())[-len(bodies) :] == list(bodies)

        try:
            await until(so)
        except TimeoutError:
            shown = await self.shown()
            assert shown[-len(bodies) :] == list(bodies), f"{shown} and not {bodies}"

    async def last(self, count: int = 1) -> list[dict[str, Any]]:
        """Return the last events of the room's messages."""
        return (await self.events("m.room.message", "m.sticker"))[-count:]

    async def begun(self) -> None:
        """Wait until the end of the chat is taken in: what is written then is new."""

        async def so() -> bool:
            async with self.database.read() as tx:
                return not await chats.not_started(tx, self.login_id)

        await until(so)

    async def idle(self) -> None:
        """Wait until everything that was heard is stored and nothing waits in the outbox."""

        async def so() -> bool:
            async with self.database.read() as tx:
                cursor = await chats.cursor(tx, self.login_id)
                waiting = await queues.lanes(tx, queues.OUTBOX)
            return cursor == str(len(self.messenger.batches)) and not waiting

        await until(so)

    async def settled(self) -> list[str]:
        """Wait for `idle`, and return what the room shows then."""
        await self.idle()
        return await self.shown()


@asynccontextmanager
async def working(linked: Linked) -> AsyncIterator[None]:
    """Have the way in work; what is under way at the end is cut off."""
    lanes = Lanes(
        linked.database,
        queues.OUTBOX,
        linked.inward.handle,
        is_apart=linked.inward.is_apart,
        foresee=linked.inward.foresee,
        give_up=linked.inward.give_up,
    )
    tasks = [asyncio.create_task(linked.inward.run()), asyncio.create_task(lanes.run())]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await linked.inward.close()


@asynccontextmanager
async def linked_room(
    server: Server,
    url: str,
    *,
    people: Mapping[str, str],
    owner_logs_in: bool = False,
    policy: Policy | None = None,
    history: int = 20,
    everybody: bool = False,
    before: Sequence[tuple[str, str]] = (),
    space: Space | None = None,
) -> AsyncIterator[Linked]:
    """Link a chat of a messenger to a fresh room, with a database at `url`.

    The login is `owner`'s; with `owner_logs_in` it is the reader's. `before` is what was written
    before the link. Nothing works yet: see `working`.
    """
    messenger = Messenger()
    for user_id, name in {"owner": "Учительница Сказочная", **people}.items():
        messenger.person(user_id, name)
    for sender, text in before:
        messenger.written(sender, text)
    account = await server.account("reader")
    async with opened(url) as database, aiohttp.ClientSession() as session:
        await migrate.upgrade(database)
        homeserver = Homeserver(
            session,
            server.process.url,
            as_token=_TOKENS["as_token"],
            puppet_token=_PUPPETS,
            bot_mxid=BOT,
        )
        ghosts = Ghosts(database, homeserver, "sferum_")
        await ghosts.ready_bot("Помощник школы")
        reader = Client(session, server.process.url, account.user_id, account.token)
        room_id = await homeserver.create_room({"invite": [reader.mxid]})
        await reader.call("POST", f"rooms/{room_id}/join")
        mxid = reader.mxid if owner_logs_in else ""
        async with database.write() as tx:
            login_id = await chats.save_login(tx, NETWORK, "owner", "", mxid, "owner")
            await chats.set_cursor(tx, login_id, str(len(messenger.batches)))
            await chats.link(tx, chats.Chat(login_id, CHAT, room_id, relay=False))
            await rooms.set_member(tx, room_id, reader.mxid, "join")
        lost: list[str] = []

        async def login_lost(_tx: Tx, login: Login, error: NetworkError) -> None:
            lost.append(f"{login.account_id}: {type(error).__name__}")

        manner = Manner("{name} (Сферум)", partial(Texts().text, "ru"), ZoneInfo("Europe/Moscow"))
        inward = Inward(
            database,
            homeserver,
            ghosts,
            Connections(database, {NETWORK: messenger}),
            InwardSettings(
                manner, Policies(policy or Policy()), history, space or Space(), everybody=everybody
            ),
            login_lost,
        )
        yield Linked(messenger, database, homeserver, room_id, reader, login_id, inward, lost)
