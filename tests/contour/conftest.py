"""The worlds that are attacked: one with our module, one without, and the server beside them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.contour.actors import Actor, Wire
from tests.contour.cluster import ClusteredSynapse
from tests.contour.servers import OpenSynapse
from tests.contour.world import World, register
from tests.support.ports import reserve_port
from tests.support.workers import REDIS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

_VARIANT = os.environ.get("SFERUM_CONTOUR", "")

WHOLE = bool(_VARIANT)
"""Whether every attack is made in every way, as `make contour` does."""

VERSION, DATABASE, *_PROCESSES = (_VARIANT or "12,sqlite").split(",")
"""The room version and the database of this run; Synapse's defaults unless told otherwise."""

WORKER = _PROCESSES == ["worker"]
"""Whether the school's Synapse has a worker, which answers whatever it may. Needs PostgreSQL."""


# Application services: id → what its people's names begin with.
SERVICES = {"sferum": "sferum", "stranger": "as2_", "wide": "wide"}


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes what an application service is sent."""

    url: str
    transactions: list[str]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.renew()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def remote(
    wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenSynapse]:
    """Start the second server, as Synapse comes."""
    server = OpenSynapse(tmp_path_factory.mktemp("hs2"))
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    """Listen in the place of an application service."""
    found = Receiver(f"http://127.0.0.1:{(port := reserve_port())}", [])

    async def take(request: web.Request) -> web.Response:
        found.transactions.append(await request.text())
        return web.json_response({})

    app = web.Application()
    app.router.add_put("/_matrix/app/v1/transactions/{id}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield found
    await runner.cleanup()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """Give the school with our module."""
    world = await make(
        wire, remote, receiver, postgres, tmp_path_factory.mktemp("closed"), closed=True
    )
    yield world
    await world.server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def restarted(closed: World) -> World:
    """Give the school after its Synapse was killed and started again."""
    await closed.restart()
    return closed


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vanilla(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """Give the same school on a Synapse without us."""
    world = await make(
        wire, remote, receiver, postgres, tmp_path_factory.mktemp("vanilla"), closed=False
    )
    yield world
    await world.server.stop()


async def make(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    folder: Path,
    *,
    closed: bool,
    **settings: Any,
) -> World:
    """Start a Synapse with further `settings`, and build the school on it."""
    if WORKER and not REDIS:
        pytest.skip("there is no redis-server on this machine")
    secret = secrets.token_urlsafe(32)
    server = (ClusteredSynapse if WORKER else OpenSynapse)(
        folder,
        module_secret=secret if closed else "",
        database=(await postgres.fresh_database()).synapse if DATABASE == "postgres" else None,
        registrations=tuple(folder / f"{name}.json" for name in SERVICES),
        **settings,
    )
    server.prepare()
    services = {
        name: _registration(wire, server, name, prefix, receiver)
        for name, prefix in SERVICES.items()
    }
    await server.start()
    world = World(
        wire,
        server,
        remote,
        services=services,
        facts_secret=secret,
        version=VERSION,
        closed=closed,
    )
    world.transactions = receiver.transactions
    try:
        await _fill(world)
    except BaseException:
        await server.kill()
        raise
    return world


async def _fill(world: World) -> None:
    for actor in (world.bot, world.as2, world.as3):
        name = actor.user_id[1:].partition(":")[0]
        body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
        assert (await actor.post("register", body)).status == 200
    tag = secrets.token_hex(3)
    for name in ("m", "m2"):
        world.actors[name] = await register(world.wire, world.remote, f"{name}{tag}")
    await asyncio.gather(world.build(), _strangers_rooms(world))


def _registration(
    wire: Wire, server: OpenSynapse, name: str, prefix: str, receiver: Receiver
) -> Actor:
    sender = f"{prefix}bot"
    token = secrets.token_urlsafe(32)
    wide = name == "wide"
    own = [{"exclusive": True, "regex": f"@{sender}:{server.name}"}]
    content = {
        "id": name,
        "url": receiver.url if wide else None,
        "as_token": token,
        "hs_token": secrets.token_urlsafe(32),
        "sender_localpart": sender,
        "rate_limited": False,
        "protocols": [name],
        "io.element.msc4190": name == "sferum",
        "namespaces": {
            "users": [*own, {"exclusive": not wide, "regex": f"@{prefix}.*:{server.name}"}],
            "aliases": [{"exclusive": True, "regex": f"#{prefix}.*"}],
        },
    }
    (server.settings.folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    return Actor(wire, server.url, f"@{sender}:{server.name}", token)


async def _strangers_rooms(world: World) -> None:
    """Make the rooms of the other server."""
    m = world.m
    alias = f"open{secrets.token_hex(3)}"
    world.remote_alias = f"#{alias}:{world.remote.name}"
    world.remote_public = await m.create(
        preset="public_chat", visibility="public", room_alias_name=alias
    )
    rules = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    world.remote_knock = await m.create(initial_state=[rules])
