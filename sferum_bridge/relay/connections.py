"""The logins of the other network that are open right now.

Opening and closing of one login are done one after the other, under its lock. Each connector is
kept with the seal of the secret it was opened by, so that what the network says of an old secret is
never held against a login that was renewed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.network.base import LoginExpired, NeedsPerson, Refused
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from sferum_bridge.network.base import Connector, Download, Network
    from sferum_bridge.network.content import File
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database


@dataclass(frozen=True, slots=True)
class _Opened:
    connector: Connector
    seal: bytes


class Connections:
    """Opens each stored login once and shares its connector. `networks` maps names to networks."""

    def __init__(self, db: Database, networks: Mapping[str, Network]) -> None:
        self._db = db
        self._networks = networks
        self._open: dict[str, _Opened] = {}
        self._refused: dict[str, bytes] = {}
        """Login id → the seal of the secret that opened nothing the last time."""
        self._opening: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def connector(self, login: Login) -> Connector:
        """Return the connector of a login, opening it if need be. Raises `NetworkError`."""
        async with self._opening[login.id]:
            if login.network not in self._networks:
                raise Refused("this network is switched off")
            if login.id not in self._open:
                async with self._db.read() as tx:
                    secret = await chats.login_secret(tx, login.id)
                    seal = await chats.login_seal(tx, login.id)
                try:
                    connector = await self._networks[login.network].connect(secret)
                except (LoginExpired, NeedsPerson):
                    self._refused[login.id] = seal
                    raise
                self._open[login.id] = _Opened(connector, seal)
            return self._open[login.id].connector

    async def of(self, login_id: str) -> Connector:
        """Return the connector of a login by its id. Raises `NetworkError`."""
        async with self._db.read() as tx:
            found = [login for login in await chats.all_logins(tx) if login.id == login_id]
        if not found or found[0].expired:
            raise LoginExpired("the login is gone or needs its owner")
        return await self.connector(found[0])

    def download(self, network: str, file: File) -> AbstractAsyncContextManager[Download]:
        """Open a file of a network for reading; no login is needed. Raises `NetworkError`."""
        if network not in self._networks:
            raise Refused("this network is switched off")
        return self._networks[network].download(file)

    def seal(self, login: Login, connector: Connector | None) -> bytes:
        """Return the seal of the secret by which a connector was opened.

        `None` for the connector: of the secret that opened none the last time. Empty for what is
        open no more.
        """
        if connector is None:
            return self._refused.get(login.id, b"")
        opened = self._open.get(login.id)
        return opened.seal if opened and opened.connector is connector else b""

    async def drop(self, login: Login) -> None:
        """Close a connector, so that the next use opens it afresh."""
        async with self._opening[login.id]:
            opened = self._open.pop(login.id, None)
        if opened is not None:
            await opened.connector.close()

    async def close(self) -> None:
        """Close every connector and network."""
        while self._open:
            _, opened = self._open.popitem()
            await opened.connector.close()
        for network in self._networks.values():
            await network.close()
