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
    owners: Mapping[str, str]
    """Account id → the Matrix account of whoever logged in with it."""
    members: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def is_in(self, room_id: str, mxid: str) -> bool:
        """Tell whether somebody is known to be in a room."""
        return bool(mxid) and (await self.members_of(room_id)).get(mxid) == "join"

    async def members_of(self, room_id: str) -> Mapping[str, str]:
        """Return Matrix id → membership of a room."""
        if room_id not in self.members:
            self.members[room_id] = await rooms.members(self.tx, room_id)
        return self.members[room_id]


async def begin(tx: Tx, login: Login) -> Turn:
    """Begin a turn of a login."""
    logins = await chats.all_logins(tx)
    owners = {other.account_id: other.mxid for other in logins if other.network == login.network}
    return Turn(tx, login, owners)
