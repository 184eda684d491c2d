"""Everybody of a linked chat in its room, as ghosts: the setting `sferum.members: all`.

    a chat is linked, or its people change ─► a row in a lane of its own, `members/{room}`
    the row's turn ─► who is in the chat, who of them is not in the room ─► ghosts, a few at a time

What is said goes first: messages have the room's own lane, and a ghost that has something to say
gets ready there, whatever this one does. It waits as long as the homeserver's limits ask, and a few
joins are under way at a time, over all rooms. A kill loses nothing: what is done is stored ghost by
ghost, and the row stands until all of it is. Who is out leaves with the chat's own report of it
(`queueing`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import NetworkError
from sferum_bridge.relay.inward.pace import asked_wait
from sferum_bridge.store import chats, queues, rooms, schools, state

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import Member
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.inward.names import Names
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

GATHER = "gather"
_GATHERED = "gathered/"
_MOST = 1000
"""Ghosts of one chat that come without having said anything."""
AT_ONCE = 3
"""Ghosts that are on their way into rooms at the same time."""
_FORBIDDEN = 403
# Of a chat linked a moment ago the homeserver has yet to learn that ghosts belong there.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class _Place:
    login_id: str
    chat_id: str
    room_id: str
    network: str


async def wish(tx: Tx, login: Login, chat: Chat) -> None:
    """Queue that whoever of a chat is not in its room yet comes in."""
    row = {"relay": GATHER, "room": chat.room_id, "origin": [login.id, chat.chat_id, ""]}
    row |= {"network": login.network}
    lane, name = f"members/{chat.room_id}", f"{GATHER}.{schools.new_id()}"
    await queues.put(tx, queues.OUTBOX, lane, name, row)


async def wish_all(tx: Tx, login: Login) -> None:
    """Queue it for the chats linked through a login for which that was not done since the link."""
    known = set(await state.under(tx, _GATHERED))
    for chat, since in await chats.linked_through(tx, login.id):
        mark = f"{chat.login_id}/{chat.chat_id}/{chat.room_id}/{since}"
        if mark not in known:
            await wish(tx, login, chat)
            await state.put(tx, _GATHERED + chat.room_id, mark)


class Gathering:
    """Carries out those rows. `ghost_name` is what a ghost is called, `{name}` in it."""

    def __init__(
        self,
        db: Database,
        ghosts: Ghosts,
        connections: Connections,
        names: Names,
        ghost_name: str,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._db = db
        self._ghosts = ghosts
        self._connections = connections
        self._names = names
        self._ghost_name = ghost_name
        self._some = asyncio.Semaphore(at_once)

    async def gather(self, item: Item) -> None:
        """Bring in who is in the chat and not in the room. Raises `TryAgain`."""
        row = item.content
        login_id, chat_id, _ = row["origin"]
        place = _Place(login_id, chat_id, row["room"], row["network"])
        members = await self._members(place)
        absent = await self._absent(place, members) if members else ()
        refused = absent
        for pause in (0.0, *_PAUSES):
            await asyncio.sleep(pause)
            refused = await self._bring(place.room_id, absent)
            if len(refused) < len(absent) or not absent:
                # Those that are left are refused for reasons of their own.
                break
        else:
            await self._forget(place)
        if refused:
            log.warning("%d of %d may not join %s", len(refused), len(absent), place.room_id)

    async def _members(self, place: _Place) -> Sequence[Member]:
        """Ask who is in the chat, for as long as time may mend what fails; nobody where it cannot.

        Then it is wished anew when the login hears again.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                connector = await self._connections.of(place.login_id)
                return await connector.members(place.chat_id)
            except NetworkError as e:
                log.info("Who is in a chat of login %s: %s", place.login_id, e.detail)
                if not e.retry:
                    await self._forget(place)
                    return ()
                asked = asked_wait(e)
            await asyncio.sleep(min(max(wait, asked), _LONGEST_WAIT))
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _forget(self, place: _Place) -> None:
        async with self._db.write() as tx:
            await state.drop(tx, _GATHERED + place.room_id)

    async def _absent(self, place: _Place, members: Sequence[Member]) -> Sequence[Sender]:
        self._names.note(place.network, [member.contact for member in members])
        async with self._db.read() as tx:
            linked = await chats.chat_of_room(tx, place.room_id)
            if linked is None or (linked.login_id, linked.chat_id) != (
                place.login_id,
                place.chat_id,
            ):
                return ()
            there = await rooms.members(tx, place.room_id)
            logins = await chats.all_logins(tx)
        owners = {one.account_id: one.mxid for one in logins if one.network == place.network}
        return [
            self._ghost(place.network, user_id)
            for user_id in [member.contact.id for member in members][:_MOST]
            # Who logged in is there as themselves.
            if not _is_in(there, (self._ghosts.mxid(user_id), owners.get(user_id, "")))
        ]

    def _ghost(self, network: str, user_id: str) -> Sender:
        name = self._names.of(network, user_id)
        return Sender(self._ghosts.mxid(user_id), self._ghost_name.format(name=name))

    async def _bring(self, room_id: str, senders: Sequence[Sender]) -> Sequence[Sender]:
        """Bring ghosts into a room; return those whom the homeserver refuses."""
        refused: list[Sender] = []
        trouble: list[TryAgain] = []

        async def one(sender: Sender) -> None:
            async with self._some:
                try:
                    await self._ghosts.ready(sender, room_id)
                except MatrixRequestError as e:
                    if e.http_status != _FORBIDDEN:
                        log.warning("A ghost cannot come to %s: %s", room_id, e.http_status)
                    refused.append(sender)
                except TryAgain as e:
                    trouble.append(e)

        # One by itself: where nobody may come yet, not everybody has to try.
        for some in (senders[:1], senders[1:]):
            if refused:
                return senders
            async with asyncio.TaskGroup() as tasks:
                for sender in some:
                    tasks.create_task(one(sender))
        if trouble:
            raise trouble[0]
        return refused


def _is_in(there: Mapping[str, Any], who: Collection[str]) -> bool:
    return any(there.get(mxid) == "join" for mxid in who if mxid)
