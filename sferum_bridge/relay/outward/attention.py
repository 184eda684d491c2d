"""Who is writing and has read what, told to the other network for those who logged in.

    transaction ─► heard: kept for a moment ─► bell ─► run: a round ─► set_typing · mark_read
                                                        every second at most

Nothing here is stored, waited for or repeated: it is worth nothing a minute later, and a messenger
that is away must cost nobody anything. Only owners of logins that know the chat are seen to type
and to read there, each through their own; private read receipts go nowhere (MSC2285). What does not
belong to a linked room is forgotten at the next round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, path
from sferum_bridge.network.base import NetworkError
from sferum_bridge.relay.outward.to_network import event_id_of
from sferum_bridge.store import chats, failures, voices
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Connector
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)

_ROUND = 1.0
_TYPING_EVERY = 8.0
"""The network shows somebody as writing for ten seconds."""
_TYPING_FOR = 120.0
_ASKING = 10.0
_MOST_KEPT = 2_000
_AROUND = 20


@dataclass(frozen=True, slots=True)
class _Seat:
    """Somebody's place in a linked chat: their login, and by which number it knows the chat."""

    chat: Chat
    login: Login
    known_as: str

    @property
    def key(self) -> tuple[str, str]:
        """Return what names it."""
        return self.chat.room_id, self.login.id


class Attention:
    """Tells the network who types and reads. `heard` takes events, `run` carries them on."""

    def __init__(self, db: Database, connections: Connections, homeserver: Homeserver) -> None:
        self._db = db
        self._connections = connections
        self._homeserver = homeserver
        self._bell = asyncio.Event()
        self._typing: dict[str, frozenset[str]] = {}
        self._read: dict[tuple[str, str], str] = {}
        self._told: dict[tuple[str, str], tuple[float, float]] = {}
        """Of each seat whose owner types: since when, and when that was told last."""
        self._marked: dict[tuple[str, str], str] = {}
        """The message up to which the owner of a seat has read, as far as we know."""

    def heard(self, events: Sequence[Any]) -> None:
        """Take what the homeserver says of the moment. Never raises, never waits."""
        for event in events:
            content = event.get("content") if isinstance(event, dict) else None
            room_id = event.get("room_id") if isinstance(event, dict) else None
            if not isinstance(content, dict) or not isinstance(room_id, str):
                continue
            if event.get("type") == "m.typing":
                users = content.get("user_ids")
                users = users if isinstance(users, list) else []
                _keep(self._typing, room_id, frozenset(u for u in users if isinstance(u, str)))
            elif event.get("type") == "m.receipt":
                for event_id, user in _readers(content):
                    _keep(self._read, (room_id, user), event_id)
        if self._typing or self._read:
            self._bell.set()

    async def run(self) -> None:
        """Tell the network for ever."""
        while True:
            # Whoever goes on writing is told of again without another event.
            timeout = _TYPING_EVERY if self._told else None
            try:
                async with asyncio.timeout(timeout):
                    await self._bell.wait()
            except TimeoutError:
                pass
            self._bell.clear()
            try:
                await self._round()
            except Exception as e:  # noqa: BLE001 - what is worth so little ends nothing else
                level = logging.WARNING if is_away(e) else logging.ERROR
                failures.report(log, e, "who types and reads was not told", level=level)
            await asyncio.sleep(_ROUND)

    async def _round(self) -> None:
        typing, self._typing = self._typing, {}
        read, self._read = self._read, {}
        async with self._db.read() as tx:
            seats = await _seats(tx)
        steps: list[Awaitable[None]] = []
        for seat in seats:
            if self._types(seat, typing.get(seat.chat.room_id)):
                steps.append(self._say_typing(seat))
            event_id = read.get((seat.chat.room_id, seat.login.mxid))
            if event_id:
                steps.append(self._say_read(seat, event_id))
        taken = {seat.key for seat in seats}
        for kept in (self._told, self._marked):
            for key in kept.keys() - taken:
                del kept[key]
        await asyncio.gather(*steps)

    def _types(self, seat: _Seat, users: frozenset[str] | None) -> bool:
        """Tell whether the network has to hear now that somebody is writing."""
        now = asyncio.get_running_loop().time()
        begun, told = self._told.get(seat.key, (now, 0.0))
        if users is not None and seat.login.mxid not in users:
            self._told.pop(seat.key, None)
            return False
        if users is None and seat.key not in self._told:
            return False
        if now - begun > _TYPING_FOR:
            self._told.pop(seat.key, None)
            return False
        if told and now - told < _TYPING_EVERY * 0.9:
            return False
        self._told[seat.key] = (begun, now)
        return True

    async def _say_typing(self, seat: _Seat) -> None:
        async def typing(connector: Connector) -> None:
            await connector.set_typing(seat.known_as)

        await self._tell(seat.login, typing)

    async def _say_read(self, seat: _Seat, event_id: str) -> None:
        message_id = await self._message(seat.chat, event_id)
        if not message_id or self._marked.get(seat.key) == message_id:
            return
        self._marked[seat.key] = message_id

        async def read(connector: Connector) -> None:
            await connector.mark_read(seat.known_as, message_id)

        await self._tell(seat.login, read)

    async def _message(self, chat: Chat, event_id: str) -> str:
        """Return the message that was read last; what is not on the other side has one before."""
        found = await self._known(chat, [event_id])
        if found:
            return found
        where = path("rooms", chat.room_id, "context", event_id)
        try:
            async with asyncio.timeout(_ASKING):
                answer = await self._homeserver.request(
                    "GET", where, query={"limit": str(_AROUND)}, kind="context"
                )
        except (MatrixRequestError, TryAgain, TimeoutError):
            return ""
        before = answer.get("events_before")
        before = before if isinstance(before, list) else []
        return await self._known(chat, [event_id_of(one.get("event_id")) for one in before])

    async def _known(self, chat: Chat, event_ids: Sequence[str]) -> str:
        """Return the message that is the first of some events that is one."""
        async with self._db.read() as tx:
            for event_id in event_ids:
                mapped = [m for m in await chats.by_event(tx, event_id) if not m.is_gone]
                mapped = [
                    m for m in mapped if (m.room_id, m.chat_id) == (chat.room_id, chat.chat_id)
                ]
                if mapped:
                    return mapped[-1].message_id
        return ""

    async def _tell(self, login: Login, step: Any) -> None:
        try:
            async with asyncio.timeout(_ASKING):
                await step(await self._connections.connector(login))
        except (NetworkError, TimeoutError) as e:
            log.debug("Login %s was not told of typing or reading: %s", login.id, e)


async def _seats(tx: Tx) -> Sequence[_Seat]:
    """Return who could be seen in which linked chat."""
    logins = {login.id: login for login in await chats.all_logins(tx) if not login.expired}
    linked = {chat.room_id: chat for chat in await chats.all_chats(tx)}
    ways = [(chat, chat.login_id, chat.chat_id) for chat in linked.values()]
    ways += [(linked[v.room_id], v.login_id, v.chat_id) for v in await voices.found(tx)]
    return [_Seat(chat, logins[id_], known_as) for chat, id_, known_as in ways if id_ in logins]


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if key in kept or len(kept) < _MOST_KEPT:
        kept[key] = value


def _readers(content: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return (event, reader) of the public read receipts."""
    found: list[tuple[str, str]] = []
    for event_id, receipts in content.items():
        if not event_id_of(event_id):
            continue
        public = receipts.get("m.read") if isinstance(receipts, Mapping) else None
        found += [(event_id, str(user)) for user in (public if isinstance(public, Mapping) else ())]
    return found
