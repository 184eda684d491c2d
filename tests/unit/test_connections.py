"""Open logins: what is said of an old secret is not held against a login that was renewed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import LoginExpired, Refused
from sferum_bridge.network.content import File, FileKind
from sferum_bridge.relay.connections import Connections
from sferum_bridge.store import chats, logins
from tests.support import databases
from tests.support.messenger import NETWORK, Messenger

if TYPE_CHECKING:
    from sferum_bridge.network.base import Connector
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database

database = databases.database
clock = databases.clock
database_url = databases.database_url


class Doors(Messenger):
    """A messenger that knows some secrets no more, and may be slow to open."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: set[str] = set()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.asked: list[str] = []
        self.is_asked = asyncio.Event()

    async def connect(self, secret: str) -> Connector:
        self.asked.append(secret)
        self.is_asked.set()
        await self.may_open.wait()
        if secret in self.dead:
            raise LoginExpired("unknown secret")
        return await super().connect(secret)


async def renew(database: Database, secret: str) -> Login:
    async with database.write() as tx:
        await chats.save_login(tx, NETWORK, "1", "Ася", "@asya:s.example", secret)
        found = await logins.of_account(tx, NETWORK, "1")
    assert found is not None
    return found


async def expire(database: Database, login: Login, seal: bytes) -> bool:
    async with database.write() as tx:
        changed = await chats.set_expired(tx, login.id, seal)
        [now] = await chats.all_logins(tx)
    assert now.expired is changed
    return changed


async def test_a_login_renewed_meanwhile_is_not_expired_by_its_old_connector(
    database: Database,
) -> None:
    doors = Doors()
    connections = Connections(database, {NETWORK: doors})
    login = await renew(database, "old")
    old = await connections.connector(login)
    seal = connections.seal(login, old)
    # Renewed with the very same secret even: it was tried, and works.
    await renew(database, "old")
    assert not await expire(database, login, seal)
    await connections.drop(login)
    assert connections.seal(login, old) == b""
    new = await connections.connector(login)
    assert await expire(database, login, connections.seal(login, new))


async def test_a_secret_that_opens_nothing_is_known_by_its_seal(database: Database) -> None:
    doors = Doors()
    connections = Connections(database, {NETWORK: doors})
    login = await renew(database, "old")
    doors.dead = {"old"}
    with pytest.raises(LoginExpired):
        await connections.connector(login)
    seal = connections.seal(login, None)
    await renew(database, "new")
    assert not await expire(database, login, seal)
    # Somebody else opened it meanwhile: that says nothing of the old one.
    await connections.connector(login)
    assert connections.seal(login, None) == seal
    doors.dead = {"old", "newer"}
    await connections.drop(login)
    await renew(database, "newer")
    with pytest.raises(LoginExpired):
        await connections.connector(login)
    assert await expire(database, login, connections.seal(login, None))


async def test_a_login_that_is_dropped_while_it_opens_opens_anew(database: Database) -> None:
    doors = Doors()
    connections = Connections(database, {NETWORK: doors})
    login = await renew(database, "old")
    doors.may_open.clear()
    opening = asyncio.create_task(connections.connector(login))
    await doors.is_asked.wait()
    await renew(database, "new")
    dropping = asyncio.create_task(connections.drop(login))
    await asyncio.sleep(0)
    doors.may_open.set()
    old, _ = await asyncio.gather(opening, dropping)
    assert await connections.connector(login) is not old
    assert doors.asked == ["old", "new"]


async def test_a_file_needs_no_login(database: Database) -> None:
    doors: Any = Doors()
    doors.file("https://cdn/a", b"data")
    connections = Connections(database, {NETWORK: doors})
    file = File(FileKind.DOCUMENT, "https://cdn/a")
    async with connections.download(NETWORK, file) as source:
        assert [piece async for piece in source.chunks()] == [b"data"]
    assert doors.asked == []
    with pytest.raises(Refused):
        connections.download("another", file)
