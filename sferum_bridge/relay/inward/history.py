"""What was written before anybody listened: before a chat was linked, and in what was missed.

    a link    ─► the last so many messages ─► rows, "started" ─┐ one transaction
    a gap     ─► the messages after the last one seen ─► rows, seen ─► next page … ─► the batch

All of it is queued before what came later, so a room's order holds, under the names that a message
has wherever it comes from: what is known is passed by. It is shown with its own times and so that
nobody's phone rings. A kill repeats a page at most. The caller holds the login's turn, so that
nothing newer is queued meanwhile.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sferum_bridge.network.base import Refused
from sferum_bridge.relay.inward import queueing
from sferum_bridge.relay.inward.turn import begin
from sferum_bridge.store import chats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.relay.inward.names import Names
    from sferum_bridge.relay.inward.queueing import Queueing
    from sferum_bridge.store.chats import Login, Place
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_PAGE = 100
_MOST_PAGES = 50


class History:
    """Takes in what was missed. `most` messages are shown of a chat that was linked just now."""

    def __init__(
        self,
        db: Database,
        names: Names,
        queueing_: Queueing,
        *,
        most: int,
    ) -> None:
        self._db = db
        self._names = names
        self._queueing = queueing_
        self._most = most

    async def begin(self, login: Login, connector: Connector, place: Place) -> None:
        """Take in the end of a chat that was linked. Raises `NetworkError` for what time mends."""
        messages = await self._page(connector, place, "", self._most) if self._most else ()
        await self._learn(login, connector, messages)
        async with self._db.write() as tx:
            known = await chats.places(tx, login.id, [place.chat.chat_id])
            if not known or known[0].is_started or known[0].chat != place.chat:
                return
            turn = await begin(tx, login)
            for message in messages:
                await self._queueing.put_or_tell(turn, place.chat, message, silent=True)
            last = messages[-1].message_id if messages else ""
            await chats.set_seen(tx, login.id, place.chat.chat_id, last)

    async def fill(self, login: Login, connector: Connector, place: Place) -> None:
        """Take in what came after the last message seen. Raises `NetworkError` likewise."""
        if not place.seen:
            return
        after = place.seen
        for _ in range(_MOST_PAGES):
            messages = await self._page(connector, place, after, _PAGE)
            if not messages:
                return
            await self._learn(login, connector, messages)
            after = messages[-1].message_id
            async with self._db.write() as tx:
                turn = await begin(tx, login)
                for message in messages:
                    await self._queueing.put_or_tell(turn, place.chat, message, silent=True)
                await chats.set_seen(tx, login.id, place.chat.chat_id, after)
            if len(messages) < _PAGE:
                return
        log.error("A chat of login %s missed too much; the rest is not shown", login.id)

    async def _page(
        self, connector: Connector, place: Place, after: str, limit: int
    ) -> Sequence[RemoteMessage]:
        try:
            return await connector.history(place.chat.chat_id, after=after, limit=limit)
        except Refused as e:
            log.warning("The history of a chat cannot be read: %s", e.detail)
            return ()

    async def _learn(
        self, login: Login, connector: Connector, messages: Sequence[RemoteMessage]
    ) -> None:
        ids = {user_id for message in messages for user_id in queueing.people_of(message)}
        if unknown := self._names.missing(login.network, ids):
            await self._names.learn(login.network, connector, unknown)
