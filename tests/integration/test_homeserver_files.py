"""Files of the bridge that were shown while Synapse was without the module, and old notes.

What is opened by whom with the module: `tests/contour`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.conftest import prepare_homeserver, register_bot
from tests.contour.actors import Actor, Wire
from tests.contour.settling import PICTURE
from tests.contour.walk_stored import rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

    from tests.support.postgres import PostgresServer
    from tests.support.synapse import Account, Homeserver

HURRY = '''
from sferum_bridge.homeserver import module

class Hurry:
    """Has our module look for new events and old notes at once."""

    def __init__(self, config, api):
        module.BACKLOG_LOOK = 200
        module.TIDY = 400

    @staticmethod
    def parse_config(config):
        return config
'''
NOTES = "SELECT media_id, event_id FROM sferum_shown"


@dataclass
class Class:
    """A linked room with two pupils, on a Synapse that is started with and without the module."""

    server: Homeserver
    wire: Wire
    room: str = ""

    async def open(self) -> None:
        """Make everybody and the room."""
        server = self.server
        bot = await register_bot(server)
        self.bot = self._actor(bot)
        names = ("first", "second", "boss")
        self.first, self.second, self.boss = [
            self._actor(await server.account(name, admin=name == "boss")) for name in names
        ]
        self.ghost = replace(
            self.bot,
            user_id=f"@sferum_1:{self.bot.server}",
            query={"user_id": f"@sferum_1:{self.bot.server}"},
        )
        body = {"type": "m.login.application_service", "username": "sferum_1"}
        registered = await self.bot.post("register", {**body, "inhibit_login": True})
        assert registered.status == 200, registered
        self.room = await self.bot.create()
        for member in (self.ghost, self.first):
            await self.bot.invite(self.room, member.user_id)
            assert (await member.join(self.room)).status == 200

    def _actor(self, account: Account) -> Actor:
        return Actor(self.wire, self.server.process.url, account.user_id, account.token)

    async def restart(self, *, module: bool) -> None:
        """Stop Synapse, and start it with the module or without."""
        process = self.server.process
        await process.stop()
        await self.wire.renew()
        contour = {"secret": self.server.facts_secret, "bot": self.bot.user_id}
        process.settings = replace(process.settings, contour=contour if module else None)
        await process.start()

    async def push(self) -> None:
        pupils = ["class/5/pupils"]
        fact = {"school": "1", "kind": "pupils", "audience": pupils, "linked": True}
        answer = await self.server.push(
            {
                "generation": 1,
                "kind": "full",
                "service": [self.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": {one.user_id: pupils for one in (self.first, self.second)},
                "rooms": {self.room: fact},
                "kin": {},
                "schools": {"1": {"classes": ["5"], "contacts": {}}},
            }
        )
        assert answer.status == 200, answer

    async def relay(self) -> str:
        """Have the ghost show a picture; return its id."""
        media = await self.ghost.upload(PICTURE)
        assert await self.ghost.show(self.room, media)
        return media

    async def opens(self, who: Actor, media: str) -> bool:
        path = f"/_matrix/client/v1/media/download/{who.server}/{media}"
        return (await who.fetch(path))[0] == 200


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 — another process is watched
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(params=("sqlite", "postgres"))
async def pupils(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> AsyncIterator[Class]:
    """Give a class on a Synapse that has never had the module."""
    (tmp_path / "hurry.py").write_text(HURRY, "utf-8")
    server = await prepare_homeserver(postgres, tmp_path, request.param)
    server.process.settings = replace(
        server.process.settings,
        contour=None,
        modules=({"module": "hurry.Hurry", "config": {}},),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    wire = Wire()
    await server.process.start()
    found = Class(server, wire)
    await found.open()
    yield found
    await wire.renew()
    await server.process.stop()


async def test_what_was_shown_without_the_module_opens_with_it(pupils: Class) -> None:
    first, second = pupils.first, pupils.second
    media, secret, passed_on = [await pupils.relay() for _ in range(3)]
    shared = await first.create(invite=[second.user_id], creation_content={"m.federate": False})
    assert (await second.join(shared)).status == 200
    # Whoever was shown a file passes it on, and who was not shows nothing to themselves.
    assert await first.show(shared, passed_on)
    own = await second.create(creation_content={"m.federate": False})
    assert await second.show(own, secret)
    picture = await pupils.bot.upload(PICTURE)
    content = {"url": f"mxc://{first.server}/{picture}"}
    assert (await pupils.bot.set_state(pupils.room, "m.room.avatar", content)).status == 200
    taken_back = await pupils.ghost.upload(PICTURE)
    event = await pupils.ghost.show(pupils.room, taken_back)
    await pupils.bot.put(f"rooms/{pupils.room}/redact/{event}/t", {})

    await pupils.restart(module=True)
    await pupils.push()
    await eventually(lambda: pupils.opens(second, passed_on))
    for seen in (media, secret, passed_on, picture):
        assert await pupils.opens(first, seen)
    for hidden in (media, secret, picture):
        assert not await pupils.opens(second, hidden)
    assert not await pupils.opens(first, taken_back)

    kept = await pupils.relay()
    gone = f"/_synapse/admin/v1/media/{first.server}/{media}"
    assert (await pupils.boss.call("DELETE", gone)).status == 200

    async def is_forgotten() -> bool:
        return media not in {row[0] for row in rows(pupils.server.process, NOTES)}

    await eventually(is_forgotten)
    assert {kept, passed_on} <= {row[0] for row in rows(pupils.server.process, NOTES)}
    assert await pupils.opens(first, kept)

    if pupils.server.process.settings.database is not None:
        return  # starts cost seconds, and nothing of what follows is another on PostgreSQL
    await pupils.restart(module=False)
    meanwhile = await pupils.relay()
    await pupils.restart(module=True)
    await eventually(lambda: pupils.opens(first, meanwhile))
    assert not await pupils.opens(second, meanwhile)
