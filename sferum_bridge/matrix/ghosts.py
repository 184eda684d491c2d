"""Those in whose name the bridge speaks: ghosts of remote users, and people who logged in.

A ghost is registered, gets its device and its name, and joins a room when it first has something to
say there; what was done is stored, so a restart costs no request. A person who logged in to the
other network is played through the double-puppet registration, under a device of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import DEVICE_NAME
from sferum_bridge.store import chats, rooms

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.database import Database

DEVICE = "SFERUMBRIDGE"
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Sender:
    """Who an event is sent as. An empty `mxid` is the bot."""

    mxid: str = ""
    name: str = ""
    puppet: bool = False


class Ghosts:
    """Gets senders ready and remembers what they have."""

    def __init__(self, db: Database, homeserver: Homeserver, prefix: str) -> None:
        self._db = db
        self._homeserver = homeserver
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self._joined: set[tuple[str, str]] = set()
        self._busy: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    def mxid(self, remote_id: str) -> str:
        """Return the Matrix id of the ghost of a remote user."""
        return f"@{self._prefix}{remote_id}:{self._homeserver.domain}"

    def is_ghost(self, mxid: str) -> bool:
        """Tell whether an account is a ghost's."""
        return mxid.startswith(f"@{self._prefix}")

    def remote_id(self, mxid: str) -> str:
        """Return which remote user a ghost plays; empty for an account that is no ghost."""
        return _localpart(mxid).removeprefix(self._prefix) if self.is_ghost(mxid) else ""

    async def ready_bot(self, name: str) -> None:
        """Make sure the bot exists, has its device and its name."""
        bot = self._homeserver.bot_mxid
        async with self._db.read() as tx:
            known = await chats.ghost_name(tx, bot)
        if known == name:
            return
        await self._homeserver.register(_localpart(bot))
        await self._homeserver.put_device(bot, DEVICE, DEVICE_NAME)
        await self._homeserver.set_name(bot, name)
        await self._remember(bot, name)

    async def ready(self, sender: Sender, room_id: str) -> None:
        """Make sure a sender exists and is in a room. Raises `MatrixRequestError`."""
        if not sender.mxid:
            return
        await self.exists(sender)
        place = (sender.mxid, room_id)
        if sender.puppet or place in self._joined:
            return
        async with self._lock(place):
            if place not in self._joined:
                await self._in_room(sender.mxid, room_id)

    async def exists(self, sender: Sender) -> None:
        """Make sure a sender has an account, a device and its name. Raises `MatrixRequestError`."""
        known = self._names.get(sender.mxid)
        if known is not None and known == (sender.name or known):
            return
        async with self._lock(sender.mxid):
            await self._made(sender)

    def _lock(self, what: object) -> asyncio.Lock:
        """Return what whoever gets the same ready holds: several rooms, or lanes, may want it."""
        return self._busy.setdefault(what, asyncio.Lock())

    async def _made(self, sender: Sender) -> None:
        known = self._names.get(sender.mxid)
        if known is None:
            async with self._db.read() as tx:
                known = await chats.ghost_name(tx, sender.mxid)
        if known is None:
            if not sender.puppet:
                await self._homeserver.register(_localpart(sender.mxid))
            await self._homeserver.put_device(
                sender.mxid, DEVICE, DEVICE_NAME, puppet=sender.puppet
            )
        # Without a name it is somebody who spoke before: that is known already.
        name = sender.name or known or ""
        if known != name and not sender.puppet:
            await self._homeserver.set_name(sender.mxid, name)
        if known != name:
            await self._remember(sender.mxid, name)
        self._names[sender.mxid] = name

    async def forget(self, sender: Sender, room_id: str) -> None:
        """Forget that a sender is in a room: the homeserver just said otherwise."""
        self._joined.discard((sender.mxid, room_id))
        async with self._db.write() as tx:
            await rooms.set_member(tx, room_id, sender.mxid, "leave")

    async def _in_room(self, mxid: str, room_id: str) -> None:
        async with self._db.read() as tx:
            member = (await rooms.members(tx, room_id)).get(mxid)
        if member != "join":
            try:
                await self._homeserver.invite(room_id, mxid)
                await self._homeserver.join(room_id, mxid)
            except MatrixRequestError as e:
                # Whoever is in already, for a kill came before it was noted, is not invited.
                if e.http_status != _FORBIDDEN or (
                    await self._homeserver.membership(room_id, mxid) != "join"
                ):
                    raise
            async with self._db.write() as tx:
                await rooms.set_member(tx, room_id, mxid, "join")
        self._joined.add((mxid, room_id))

    async def _remember(self, mxid: str, name: str) -> None:
        async with self._db.write() as tx:
            await chats.save_ghost(tx, mxid, name)


def _localpart(mxid: str) -> str:
    return mxid[1:].partition(":")[0]
