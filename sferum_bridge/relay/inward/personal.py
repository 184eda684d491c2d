"""Personal chats, each as a direct room of the login's owner with the ghost of the other person.

    first message ─► is it personal? ─► room made ─► owner in, marked direct ─► linked
    «связать 3» ─► a row of the outbox ────┘

Off unless the school wants it. Everything may be done twice: the room has a key, and the batch that
held the message comes again until it is stored. The room is never federated, by invite only, and
holds nobody but the owner, the ghost and the bot. Where the owner's last role in the school ends,
the room ends with it; where their login ends, it stays for reading.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain, path
from sferum_bridge.network.base import NetworkError, Refused, RemoteMessage, Unavailable
from sferum_bridge.store import chats, failures, logins, personal, rooms
from sferum_bridge.store.database import is_away

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import Batch, Connector, RemoteChat
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_EVERY = 20.0
_MOST_KNOWN = 20_000
_BOT_ONLY, _DIRECT = 100, "m.direct"


class Personal:
    """Makes rooms of personal chats. `ghost_name` is what a ghost is called, `{name}` in it.

    `by_itself`: a first message makes one; else only whoever asks for it gets one.
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        maker: RoomMaker,
        connections: Connections,
        ghost_name: str,
        *,
        by_itself: bool,
        every: float = _EVERY,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._maker = maker
        self._connections = connections
        self._ghost_name = ghost_name
        self._by_itself = by_itself
        self._every = every
        self._passed: set[tuple[str, str]] = set()
        """Chats that have no room and get none by themselves, as far as that is known."""

    async def take_up(
        self, login: Login, connector: Connector, batch: Batch, linked: Collection[str]
    ) -> bool:
        """Make rooms of the personal chats in which somebody wrote; tell whether one is new.

        Raises `NetworkError` for what time mends: then the batch comes again.
        """
        if not self._by_itself or not login.mxid:
            return False
        written = {
            e.chat_id for e in batch.events if isinstance(e, RemoteMessage) and not e.service
        }
        made = False
        for chat_id in sorted(written - {*linked}):
            if (login.id, chat_id) not in self._passed:
                made |= await self._take_up(login, connector, chat_id)
        return made

    async def _take_up(self, login: Login, connector: Connector, chat_id: str) -> bool:
        try:
            chat = await connector.chat(chat_id)
        except Refused:
            chat = None
        async with self._db.read() as tx:
            room_key = personal.key(tx, login.mxid, login.id, chat_id)
            wanted = (
                chat is not None
                and is_personal(chat, login.account_id)
                and not await personal.is_ended(tx, room_key)
                and await personal.may(tx, login.mxid)
            )
        if chat is not None and wanted:
            try:
                await self._open(login, chat, is_new=True)
            except TryAgain as e:
                raise Unavailable("the homeserver makes no room now") from e
            except MatrixRequestError as e:
                log.warning("No room for a personal chat of login %s: %s", login.id, e.http_status)
            else:
                return True
        if len(self._passed) < _MOST_KNOWN:
            self._passed.add((login.id, chat_id))
        return False

    async def open(self, item: Item) -> None:
        """Make the room of a personal chat that somebody asked for. Raises `MatrixRequestError`."""
        login_id, chat_id, _ = item.content["origin"]
        async with self._db.read() as tx:
            found = [one for one in await chats.all_logins(tx) if one.id == login_id]
        if not found or found[0].expired or not found[0].mxid:
            return
        try:
            chat = await (await self._connections.connector(found[0])).chat(chat_id)
        except NetworkError as e:
            if e.retry:
                raise
            log.warning("No room for a personal chat of login %s: %s", login_id, e.detail)
            return
        if is_personal(chat, found[0].account_id):
            await self._open(found[0], chat, is_new=False)

    async def _open(self, login: Login, chat: RemoteChat, *, is_new: bool) -> None:
        async with self._db.read() as tx:
            room_key = personal.key(tx, login.mxid, login.id, chat.id)
        name = self._ghost_name.format(name=chat.title or chat.id)
        content = shape(login.mxid, name, self._homeserver.bot_mxid)
        made = await self._maker.make(room_key, "", personal.KIND, content)
        await self._bring_in(login.mxid, made.room_id)
        with suppress(MatrixRequestError):
            # A favour to clients: the room is theirs without it.
            await self._mark_direct(login.mxid, self._ghosts.mxid(chat.partner_id), made.room_id)
        async with self._db.write() as tx:
            link = chats.Chat(login.id, chat.id, made.room_id, relay=False)
            await personal.begin(tx, link, room_key, is_new=is_new)

    async def _bring_in(self, mxid: str, room_id: str) -> None:
        """Have the owner be in; who cannot be brought in has the invite."""
        try:
            if await self._homeserver.membership(room_id, mxid) not in {"invite", "join"}:
                await self._homeserver.invite(room_id, mxid)
            await self._homeserver.join(room_id, mxid, puppet=True)
        except MatrixRequestError as e:
            log.info("The owner of a personal chat has to accept it: %s", e.http_status)
            return
        async with self._db.write() as tx:
            await rooms.set_member(tx, room_id, mxid, "join")

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

    # --- the end ----------------------------------------------------------------------------

    async def run(self) -> None:
        """End the rooms of those who have no role in a school any more, for ever."""
        while True:
            try:
                await self._end_all()
            except (MatrixRequestError, TryAgain) as e:
                log.warning("Rooms of personal chats are ended later: %s", type(e).__name__)
            except Exception as e:  # noqa: BLE001 - it is tried again
                level = logging.WARNING if is_away(e) else logging.ERROR
                failures.report(log, e, "Rooms of personal chats are ended later", level=level)
            await asyncio.sleep(self._every)

    async def _end_all(self) -> None:
        async with self._db.read() as tx:
            owned = await personal.owners(tx)
            may = {mxid: await personal.may(tx, mxid) for mxid in set(owned.values())}
        for room_id, mxid in owned.items():
            if not may[mxid]:
                await self._end(room_id)

    async def _end(self, room_id: str) -> None:
        async with self._db.write() as tx:
            await logins.unlink(tx, room_id)
        bot = self._homeserver.bot_mxid
        for one in sorted(await self._homeserver.people_in(room_id) or ()):
            if one != bot:
                await self._homeserver.kick(room_id, one)
        await self._homeserver.leave(room_id)
        async with self._db.write() as tx:
            await personal.forget(tx, room_id)


def is_personal(chat: RemoteChat, account_id: str) -> bool:
    """Tell whether a chat is one with another person, and not with oneself."""
    return not chat.is_group and chat.partner_id not in {"", account_id}


def shape(mxid: str, name: str, bot: str) -> Mapping[str, Any]:
    """Return how the room of a personal chat is made: closed to all but its two, for ever."""
    functional = {"service_members": [bot]}
    return {
        "preset": "private_chat",
        "is_direct": True,
        "name": name,
        "invite": [mxid],
        "creation_content": {"m.federate": False},
        "initial_state": [
            {"type": kind, "state_key": "", "content": content}
            for kind, content in (
                ("m.room.join_rules", {"join_rule": "invite"}),
                ("m.room.history_visibility", {"history_visibility": "joined"}),
                ("m.room.guest_access", {"guest_access": "forbidden"}),
                # So that clients call the room by the other person, and not by the bot (MSC4171).
                ("io.element.functional_members", functional),
            )
        ],
        "power_level_content_override": {
            "users_default": 0,
            "events_default": 0,
            "state_default": _BOT_ONLY,
            "invite": _BOT_ONLY,
            "kick": _BOT_ONLY,
            "ban": _BOT_ONLY,
            "redact": _BOT_ONLY,
        },
    }
