"""The logins of the other network that are open right now."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from sferum_bridge.network.base import LoginExpired, Refused
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.network.base import Connector, Network
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database


class Connections:
    """Opens each stored login once and shares its connector. `networks` maps names to networks."""

    def __init__(self, db: Database, networks: Mapping[str, Network]) -> None:
        self._db = db
        self._networks = networks
        self._open: dict[str, Connector] = {}
        self._opening: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def connector(self, login: Login) -> Connector:
        """Return the connector of a login, opening it if need be. Raises `NetworkError`."""
        async with self._opening[login.id]:
            if login.network not in self._networks:
                raise Refused("this network is switched off")
            if login.id not in self._open:
                async with self._db.read() as tx:
                    secret = await chats.login_secret(tx, login.id)
                self._open[login.id] = await self._networks[login.network].connect(secret)
            return self._open[login.id]

    async def of(self, login_id: str) -> Connector:
        """Return the connector of a login by its id. Raises `NetworkError`."""
        async with self._db.read() as tx:
            found = [login for login in await chats.all_logins(tx) if login.id == login_id]
        if not found or found[0].expired:
            raise LoginExpired("the login is gone or needs its owner")
        return await self.connector(found[0])

    def is_open(self, login: Login, connector: Connector) -> bool:
        """Tell whether a connector is still the one by which a login is reached."""
        return self._open.get(login.id) is connector

    async def drop(self, login: Login) -> None:
        """Close a connector, so that the next use opens it afresh."""
        connector = self._open.pop(login.id, None)
        if connector is not None:
            await connector.close()

    async def close(self) -> None:
        """Close every connector and network."""
        while self._open:
            _, connector = self._open.popitem()
            await connector.close()
        for network in self._networks.values():
            await network.close()
