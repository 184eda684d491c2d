"""Finding by which number the logins of a linked room's members know its chat.

    a login, a link, a new member ─► looked for in turn ─► a voice, or that there is none
    somebody speaks ─► looked for at once, where that was not done yet or is some time ago

A chat looks the same to everybody in it (`network.same_chat`), so what was found stays true until
the network refuses to take something there: then the voice is dropped and looked for anew.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING

from sferum_bridge.network import same_chat
from sferum_bridge.network.base import NetworkError
from sferum_bridge.store import chats, failures, voices
from sferum_bridge.store.away import is_away, outlasting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.same_chat import Portrait
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_EVERY = 60.0
_AGAIN = 6 * 3600 * 1000
"""After how many milliseconds a chat is looked for again that was not found."""


class Voices:
    """Finds voices and keeps them in the store. `every` are the seconds between looks."""

    def __init__(self, db: Database, connections: Connections, *, every: float = _EVERY) -> None:
        self._db = db
        self._connections = connections
        self._every = every

    async def find(self, chat: Chat, login: Login) -> None:
        """Look for a linked chat among those of a login, and note whether it is there.

        Raises:
            NetworkError: One of the two logins could not be asked.
        """
        await self._find(await self._portrait(chat), chat, login)

    async def _portrait(self, chat: Chat) -> Portrait:
        connector = await self._connections.of(chat.login_id)
        title = (await connector.chat(chat.chat_id)).title
        return await same_chat.portray(connector, chat.chat_id, title)

    async def _find(self, wanted: Portrait, chat: Chat, login: Login) -> None:
        known_as = await same_chat.find(wanted, await self._connections.connector(login))
        async with self._db.write() as tx:
            if await chats.chat_of_room(tx, chat.room_id) == chat:
                await voices.note(tx, chat.room_id, login.id, known_as)

    async def run(self) -> None:
        """Look for ever, whenever somebody logged in or a chat was linked, and now and then."""
        bell = self._db.bell(chats.VOICES_BELL)
        while True:
            wanted: Sequence[tuple[Chat, Login]] = ()
            with outlasting(log, "Looking for voices"):
                async with self._db.read() as tx:
                    wanted = await voices.wanted(tx, tx.now - _AGAIN)
            for chat, pairs in groupby(wanted, key=lambda pair: pair[0]):
                await self._tried(chat, [login for _, login in pairs])
            await bell.wait(self._every)

    async def _tried(self, chat: Chat, logins: Iterable[Login]) -> None:
        """Look for a chat by some logins; one's trouble ends the search for no other."""
        try:
            wanted = await self._portrait(chat)
            for login in logins:
                try:
                    await self._find(wanted, chat, login)
                except NetworkError as e:
                    # Looked for again at the next round, or when somebody speaks.
                    log.info("Login %s looks for a chat later: %s", login.id, e.detail)
        except NetworkError as e:
            log.info("A chat is looked for later: %s", e.detail)
        except Exception as e:  # noqa: BLE001 - it is looked for again
            level = logging.WARNING if is_away(e) else logging.ERROR
            failures.report(log, e, "A chat is looked for later", level=level)
