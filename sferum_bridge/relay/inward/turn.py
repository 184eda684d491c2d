"""What one transaction has looked up: a login, and who is who in its rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.store import chats, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Tx


@dataclass(slots=True)
class Turn:
    """The part of a login in a transaction."""

    tx: Tx
    login: Login
    members: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _owners: Mapping[str, str] | None = None

    async def owners(self) -> Mapping[str, str]:
        """Return account id → the Matrix account of whoever logged in with it."""
        if self._owners is None:
            self._owners = {
                one.account_id: one.mxid
                for one in await chats.all_logins(self.tx)
                if one.network == self.login.network
            }
        return self._owners

    async def is_in(self, room_id: str, mxid: str) -> bool:
        """Tell whether somebody is known to be in a room."""
        return bool(mxid) and (await self.members_of(room_id)).get(mxid) == "join"

    async def members_of(self, room_id: str) -> Mapping[str, str]:
        """Return Matrix id → membership of a room."""
        if room_id not in self.members:
            self.members[room_id] = await rooms.members(self.tx, room_id)
        return self.members[room_id]
