"""The rooms of personal chats: each is made, its owner brought in, and linked.

    room made ─► owner in ─► marked direct ─► linked

A room is never federated, by invite only, and holds nobody but the owner, the ghost and the bot.
What the bot itself cannot do now raises; what is done for the owner and they can do themselves does
not hold the link up. One room of an owner is made at a time: a room has one key, and the list of
direct rooms is read and written as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, path
from sferum_bridge.matrix.creation import private
from sferum_bridge.store import chats, personal, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import RemoteChat
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_DIRECT = "m.direct"


class PersonalRooms:
    """Makes them. `ghost_name` is what a ghost is called, `{name}` in it."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        maker: RoomMaker,
        ghost_name: str,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._maker = maker
        self._ghost_name = ghost_name
        self._making: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Owner → held by whoever makes a room of theirs."""

    async def make(self, login: Login, chat: RemoteChat, *, is_new: bool, seen: str = "") -> None:
        """Make and link the room of a personal chat, if it is not there yet.

        `is_new` and `seen` as `store.personal.begin` has them. Raises `MatrixRequestError`,
        `TryAgain` and `UnknownOutcome`; then call again.
        """
        async with self._making[login.mxid]:
            async with self._db.read() as tx:
                room_key = personal.key(tx, login.mxid, login.id, chat.id)
            name = self._ghost_name.format(name=chat.title or chat.id)
            content = shape(login.mxid, name, self._homeserver.bot_mxid)
            made = await self._maker.make(room_key, "", personal.KIND, content)
            await self._bring_in(login.mxid, made.room_id)
            with suppress(MatrixRequestError, TryAgain):
                # A favour to clients: the room is theirs without it.
                await self._mark_direct(
                    login.mxid, self._ghosts.mxid(chat.partner_id), made.room_id
                )
            async with self._db.write() as tx:
                link = chats.Chat(login.id, chat.id, made.room_id, relay=False)
                await personal.begin(tx, link, room_key, is_new=is_new, seen=seen)

    async def _bring_in(self, mxid: str, room_id: str) -> None:
        """Have the owner be in; who cannot be brought in has the invite."""
        try:
            if await self._homeserver.membership(room_id, mxid) not in {"invite", "join"}:
                await self._homeserver.invite(room_id, mxid)
            is_in = await self._joins(mxid, room_id)
        except MatrixRequestError as e:
            log.info("The owner of a personal chat is not in it: %s", e.http_status)
            return
        if is_in:
            async with self._db.write() as tx:
                await rooms.set_member(tx, room_id, mxid, "join")

    async def _joins(self, mxid: str, room_id: str) -> bool:
        try:
            await self._homeserver.join(room_id, mxid, puppet=True)
        except TryAgain as e:
            # Such as a homeserver that does not know the second registration: they can do it.
            log.warning("The owner of a personal chat has to accept it: %s", e.http_status)
            return False
        return True

    async def _mark_direct(self, mxid: str, ghost: str, room_id: str) -> None:
        """Have the owner's clients list the room among people."""
        where = path("user", mxid, "account_data", _DIRECT)
        asked: dict[str, Any] = {"user": mxid, "puppet": True, "kind": "account_data"}
        try:
            known = await self._homeserver.request("GET", where, **asked)
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_NOT_FOUND":
                raise
            known = {}
        known = known if isinstance(known, dict) else {}
        mine = known.get(ghost)
        mine = mine if isinstance(mine, list) else []
        if room_id not in mine:
            content = {**known, ghost: [*mine, room_id]}
            await self._homeserver.request("PUT", where, content=content, **asked)


def is_personal(chat: RemoteChat, account_id: str) -> bool:
    """Tell whether a chat is one with another person, and not with oneself."""
    return not chat.is_group and chat.partner_id not in {"", account_id}


def shape(mxid: str, name: str, bot: str) -> Mapping[str, Any]:
    """Return how the room of a personal chat is made: closed to all but its two, for ever."""
    # So that clients call the room by the other person, and not by the bot (MSC4171).
    functional = {"io.element.functional_members": {"service_members": [bot]}}
    return {**private(mxid, name, functional), "is_direct": True}
