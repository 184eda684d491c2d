"""Through whose login an event of a linked room goes to the other network.

    the writer has a login that knows the chat ─► through it, in their own name
    else, or where it is lost, and members are heard through the linked one ─► named in front
    else, or where the room is linked no more ─► not at all: the writer is told why

What a moderator takes back here is taken back there too, whoever they are. What was begun through
one login goes on through it while that is possible: only it knows the random id again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.network.base import LoginExpired, NetworkError
from sferum_bridge.relay.outward.errand import Errand
from sferum_bridge.relay.outward.errors import OWN_LOGIN_EXPIRED, UNLINKED, TakenBack
from sferum_bridge.relay.outward.to_network import (
    PINNED,
    POLL_ANSWERED,
    REDACTION,
    redacted_by,
)
from sferum_bridge.store import chats, sending, voices

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sferum_bridge.network.base import Connector
    from sferum_bridge.relay.outward.courier import Courier
    from sferum_bridge.relay.voices import Voices
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item
    from sferum_bridge.store.sending import Tried

log = logging.getLogger(__name__)

_AGAIN = 10 * 60 * 1000
"""After how many milliseconds somebody's chat is looked for again that was not found."""


@dataclass(frozen=True, slots=True)
class NoWay:
    """Why an event goes nowhere: a text for its sender, told once for each `once` if it has one."""

    text_key: str = ""
    once: str = ""


@dataclass(frozen=True, slots=True)
class _Room:
    """A linked room as one of its events finds it."""

    chat: Chat
    linked: Login
    logins: Sequence[Login]
    """All of the same network."""
    ways: Mapping[str, str]
    """Login → number of the chat, of those that work."""
    unsure: Sequence[Login]
    """Logins of the writer by which the chat has yet to be looked for."""
    is_lost: bool
    """Whether the writer has a login that knows the chat and works no more."""
    begun: Sequence[Tried]
    """See `Errand`."""


class Routes:
    """Finds the way of each event. `ghost` gives the remote id of a ghost's account."""

    def __init__(
        self, db: Database, finder: Voices, courier: Courier, ghost: Callable[[str], str]
    ) -> None:
        self._db = db
        self._finder = finder
        self._courier = courier
        self._ghost = ghost

    async def of(self, item: Item, *, without: Collection[str] = ()) -> Errand | NoWay:
        """Return what is to be done with an event, not through some logins that are lost."""
        async with self._db.read() as tx:
            room = await self._room(tx, item, without)
        if room is not None and room.unsure and not await self._heard_already(room, item):
            try:
                await self._look(room, item)
            except TakenBack:
                return NoWay()
            async with self._db.read() as tx:
                room = await self._room(tx, item, without)
        if room is None:
            return await self._unlinked(item)
        login = self._login(room, item)
        if isinstance(login, NoWay):
            return login
        return _as_begun(self._errand(room, item, login))

    def _errand(self, room: _Room, item: Item, login: Login) -> Errand:
        return Errand(item, room.chat, login, room.ways, room.logins, self._ghost, room.begun)

    async def _unlinked(self, item: Item) -> NoWay:
        """Return what is told of what still waited when its room was unlinked.

        Nothing of a reaction or a pin, nor of the end of what was never there.
        """
        event = item.content
        is_lost = event["type"] not in {REDACTION, PINNED, "m.reaction", *POLL_ANSWERED}
        if event["type"] == REDACTION:
            async with self._db.read() as tx:
                known = await chats.by_event(tx, redacted_by(event))
            is_lost = any(not one.is_gone for one in known)
        return NoWay(UNLINKED if is_lost else "")

    async def _room(self, tx: Tx, item: Item, without: Collection[str]) -> _Room | None:
        event = item.content
        chat = await chats.chat_of_room(tx, event["room_id"])
        everybody = await chats.all_logins(tx)
        linked = [one for one in everybody if chat is not None and one.id == chat.login_id]
        if chat is None or not linked:
            return None
        logins = [one for one in everybody if one.network == linked[0].network]
        live = {one.id for one in logins if not one.expired} - {*without}
        known = await voices.in_room(tx, chat.room_id)
        ways = {one.login_id: one.chat_id for one in known.values() if one.chat_id}
        ways[chat.login_id] = chat.chat_id
        own = {one.id for one in logins if one.mxid == event["sender"]}
        long_ago = tx.now - _AGAIN
        unsure = [
            one
            for one in logins
            if one.id in (own & live) - ways.keys()
            and (one.id not in known or known[one.id].looked_at < long_ago)
        ]
        works = {login_id: way for login_id, way in ways.items() if login_id in live}
        lost = (own & ways.keys()) - live
        begun = await _begun(tx, item)
        return _Room(chat, linked[0], logins, works, unsure, is_lost=bool(lost), begun=begun)

    async def _heard_already(self, room: _Room, item: Item) -> bool:
        return any(one.mxid == item.content["sender"] for one in room.logins if one.id in room.ways)

    async def _look(self, room: _Room, item: Item) -> None:
        """Look for the chat by the writer's logins; a network that is away is waited for.

        Not where the event has another way. The linked login tells of what fails whether it is the
        network or this question alone.
        """
        waits = isinstance(self._login(room, item), NoWay) and room.chat.login_id in room.ways
        linked = self._errand(room, item, room.linked) if waits else None
        for login in room.unsure:
            try:
                await self._find(room, login, linked)
            except TakenBack:
                raise
            except NetworkError as e:
                log.info("Login %s looks for a chat later: %s", login.id, e.detail)

    async def _find(self, room: _Room, login: Login, linked: Errand | None) -> None:
        async def find(_: Connector | None = None) -> None:
            await self._finder.find(room.chat, login)

        if linked is None:
            await find()
        else:
            await self._courier.ask(linked, find)

    def _login(self, room: _Room, item: Item) -> Login | NoWay:
        """Return the login an event goes out by: the writer's own, or the relay's if it is on."""
        event, chat = item.content, room.chat
        for login in room.logins:
            if login.mxid == event["sender"] and login.id in room.ways:
                return login
        by_relay = chat.relay or event["type"] == REDACTION
        if by_relay and chat.login_id in room.ways:
            return room.linked
        if not by_relay and not room.is_lost:
            return NoWay("relay-not-heard", f"unheard.{chat.room_id}")
        key = OWN_LOGIN_EXPIRED if room.is_lost else LoginExpired.text_key
        is_said = event["type"] == "m.room.message"
        return NoWay(key, "" if is_said else f"expired.{chat.room_id}")


async def _begun(tx: Tx, item: Item) -> Sequence[Tried]:
    tried = await sending.tried(tx, item.name)
    known = {one.part for one in await chats.by_event(tx, item.name)} if tried else set()
    return [one for one in tried if one.part not in known]


def _as_begun(errand: Errand) -> Errand:
    """Return the errand through the login that was begun with, if that may go on."""
    for one in errand.begun:
        before = errand.through(one.login_id)
        if before is not None and (before.is_own or (before.is_linked and errand.chat.relay)):
            return before
    return errand
