"""Whose the bot is: one homeserver's bot works for one database.

A second bridge with another database under the same registration would make the same schools'
rooms again, and push facts that contradict the first one's. So the bot's own account data name the
database it works for, and a bridge that is not on that one does not begin. Names are random and say
nothing. Two that begin at the same moment for the first time are told apart at the next start.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.answers import mapping
from sferum_bridge.matrix.client import path
from sferum_bridge.store import state

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.database import Database

_KEY = "database-name"
_TYPE = "io.github.sferum_bridge.database"
_NOT_FOUND = 404


class OwnedElsewhere(Exception):
    """The bot works for another database."""

    def __init__(self, bot: str) -> None:
        super().__init__(
            f"{bot} works for another database at this homeserver. Two bridges need a homeserver "
            "each. If this database is to take the other one's place, because that was lost or "
            "moved, start once with --take-over."
        )


class Owner:
    """Makes sure that the bot works for this database and no other."""

    def __init__(self, db: Database, homeserver: Homeserver) -> None:
        self._db = db
        self._homeserver = homeserver
        self._known = ""

    async def check(self, *, take_over: bool = False) -> None:
        """Look whose the bot is; with `take_over` it may be anybody's.

        Raises `OwnedElsewhere`, `MatrixRequestError` and `TryAgain`.
        """
        self._known = await self._named()
        if self._known not in {"", await self._own()} and not take_over:
            raise OwnedElsewhere(self._homeserver.bot_mxid)

    async def take(self) -> None:
        """Have the bot work for this database from now on, if it does not yet."""
        own = await self._own()
        if self._known != own:
            content = {"name": own}
            await self._homeserver.request("PUT", self._where(), content=content, kind="owner")
            self._known = own

    async def _named(self) -> str:
        try:
            answer = await self._homeserver.request("GET", self._where(), kind="owner")
        except MatrixRequestError as e:
            if e.http_status == _NOT_FOUND:
                return ""
            raise
        return str(mapping(answer).get("name", ""))

    async def _own(self) -> str:
        async with self._db.read() as tx:
            name = await state.get(tx, _KEY)
        if not name:
            name = secrets.token_hex(16)
            async with self._db.write() as tx:
                await state.put(tx, _KEY, name)
        return name

    def _where(self) -> str:
        return path("user", self._homeserver.bot_mxid, "account_data", _TYPE)
