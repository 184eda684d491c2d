"""What was written before anybody listened: before a chat was linked, and in what was missed.

    a link    ─► the last so many messages ─► rows, "started" ─┐ one transaction
                 (a chat the room had before: as a gap since then)
    a gap     ─► the messages after the last one seen ─► rows, seen ─► next page … ─► the batch

All of it is queued before what came later, so a room's order holds, under the names that a message
has wherever it comes from: what is known is passed by. It is shown with its own times and so that
nobody's phone rings. A kill repeats a page at most. The caller holds the login's turn, so that
nothing newer is queued meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from sferum_bridge.network.base import BEGINNING, NetworkError, Refused, Unavailable
from sferum_bridge.network.patience import Patience
from sferum_bridge.relay.inward import queueing
from sferum_bridge.relay.inward.turn import Turn
from sferum_bridge.store import chats, failures, former

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.relay.inward.echoes import Echoes
    from sferum_bridge.relay.inward.names import Names
    from sferum_bridge.relay.inward.queueing import Queueing
    from sferum_bridge.store.chats import Chat, Login, Mapped, Place
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_PAGE = 100
_MOST_PAGES = 50
_COMPARED = 20
_MUCH_MORE = 3
_FARTHER, _FARTHEST = 4, 2000
_SECOND_MS = 1000
_CLOCKS_APART = 2 * 60 * 1000


class History:
    """Takes in what was missed. `most` messages are shown of a chat that was linked just now."""

    def __init__(
        self,
        db: Database,
        names: Names,
        queueing_: Queueing,
        echoes: Echoes,
        *,
        most: int,
    ) -> None:
        self._db = db
        self._names = names
        self._queueing = queueing_
        self._echoes = echoes
        self._most = most
        self._patience = Patience()

    async def begin(self, login: Login, connector: Connector, place: Place) -> None:
        """Take in the end of a chat that was linked. Raises `NetworkError` for what time mends.

        To be called only after the network answered something else (`network.patience`).
        One that goes on after an earlier link is taken in from where that ended.
        """
        seen = place.seen or await self._inherited(login, connector, place.chat)
        if seen:
            place = replace(place, seen=seen)
            await self.fill(login, connector, place)
            async with self._db.write() as tx:
                await chats.set_seen(tx, login.id, place.chat.chat_id, "")
            return
        messages, last = await self._end(login, connector, place.chat)
        shown = messages[-self._most :] if self._most else ()
        await self._echoes.settle(login, [place.chat], shown)
        await self._learn(login, connector, shown)
        async with self._db.write() as tx:
            known = await chats.places(tx, login.id, [place.chat.chat_id], hold=True)
            if not known or known[0].is_started or known[0].chat != place.chat:
                return
            turn = Turn(tx, login)
            for message in shown:
                await self._queueing.put_or_tell(turn, place.chat, message, silent=True)
            await chats.set_seen(tx, login.id, place.chat.chat_id, last)

    async def _end(
        self, login: Login, connector: Connector, chat: Chat
    ) -> tuple[Sequence[RemoteMessage], str]:
        """Return the last messages from before the link, and the one behind which a gap begins.

        The latter is empty where nothing is told; it is known also where nothing is to be shown.
        """
        limit = max(self._most, 1)
        while True:
            messages = await self._page(login, connector, chat.chat_id, "", limit)
            if messages is None:
                return (), ""
            before = await self._of_before(messages, chat)
            is_all = len(messages) < limit or limit >= _FARTHEST
            if before and (is_all or len(before) >= self._most):
                return before, before[-1].message_id
            if is_all:
                return (), messages[0].message_id if len(messages) >= limit else BEGINNING
            limit *= _FARTHER

    async def _of_before(
        self, messages: Sequence[RemoteMessage], chat: Chat
    ) -> Sequence[RemoteMessage]:
        """Leave out what was written after the link: it is heard, in its order and aloud.

        Where this begins long after the link, for the bridge was away, that may be more than is
        taken in here. Clocks differ; a time that is yet to come is no measure.
        """
        async with self._db.read() as tx:
            until, now = await chats.linked_at(tx, chat.room_id) + _CLOCKS_APART, tx.now
        return [
            one for one in messages if not until < one.sent_at * _SECOND_MS <= now + _CLOCKS_APART
        ]

    async def _inherited(self, login: Login, connector: Connector, chat: Chat) -> str:
        """Have what is known of a chat go on under this login, if the room had this chat before.

        Another login knows it by another number. That it is the same is seen by its messages:
        those known last have to be there, under their numbers and with what they say. Returns the
        message from which on it is to be taken in, empty for its end alone.
        """
        async with self._db.read() as tx:
            old = await former.of_room(tx, chat.room_id)
            known = await former.last_messages(tx, old, chat.room_id, _COMPARED) if old else ()
        if old is None or not known:
            return ""
        is_same = (old.login_id, old.chat_id) == (login.id, chat.chat_id)
        there: Sequence[RemoteMessage] = ()
        if not is_same:
            # Those behind the first; so one of the known is not compared.
            after = known[0].message_id
            there = await self._page(login, connector, chat.chat_id, after, _PAGE) or ()
            await self._learn(login, connector, there)
        async with self._db.write() as tx:
            turn = Turn(tx, login)
            if not is_same and not await self._is_same(turn, chat, known, there):
                return ""
            if not is_same:
                await former.inherit(tx, old, login.id, chat.chat_id)
            if old.seen:
                await former.resume(tx, chat.room_id, old.seen)
        return old.seen

    async def _is_same(
        self, turn: Turn, chat: Chat, known: Sequence[Mapped], there: Sequence[RemoteMessage]
    ) -> bool:
        by_id = {message.message_id: message for message in there}
        alike = other = 0
        for one in known:
            if (message := by_id.get(one.message_id)) is not None:
                says = await self._queueing.digests(turn, chat, message)
                is_alike = not says.isdisjoint(one.digests)
                alike, other = alike + is_alike, other + (not is_alike)
        # Some may have been changed since.
        return alike > 0 and alike >= _MUCH_MORE * other

    async def fill(self, login: Login, connector: Connector, place: Place) -> None:
        """Take in what came after the last message seen. Raises `NetworkError` likewise."""
        if not place.seen:
            return  # linked before a place to begin at was noted
        after = place.seen
        for _ in range(_MOST_PAGES):
            messages = await self._page(login, connector, place.chat.chat_id, after, _PAGE)
            if not messages:
                return
            await self._echoes.settle(login, [place.chat], messages)
            await self._learn(login, connector, messages)
            after = messages[-1].message_id
            async with self._db.write() as tx:
                now = await chats.places(tx, login.id, [place.chat.chat_id], hold=True)
                if not now or now[0].chat.room_id != place.chat.room_id:
                    return  # unlinked meanwhile: nothing of it belongs there any more
                turn = Turn(tx, login)
                for message in messages:
                    await self._queueing.put_or_tell(turn, place.chat, message, silent=True)
                await chats.set_seen(tx, login.id, place.chat.chat_id, after)
            if len(messages) < _PAGE:
                return
        log.error("A chat of login %s missed too much; the rest is not shown", login.id)

    async def _page(
        self, login: Login, connector: Connector, chat_id: str, after: str, limit: int
    ) -> Sequence[RemoteMessage] | None:
        """Return messages, `None` where there is no hope of being told them."""
        try:
            return await connector.history(chat_id, after=after, limit=limit)
        except Refused as e:
            log.warning("The history of a chat cannot be read: %s", e.detail)
        except Unavailable as e:
            if not self._patience.is_over((login.id, chat_id, after), e):
                raise
        except NetworkError:
            raise
        except Exception as e:  # noqa: BLE001 - one chat's trouble ends no other's hearing
            failures.report(log, e, "The history of a chat cannot be read")
        return None

    async def _learn(
        self, login: Login, connector: Connector, messages: Sequence[RemoteMessage]
    ) -> None:
        ids = {user_id for message in messages for user_id in queueing.people_of(message)}
        if unknown := self._names.missing(login.network, ids):
            await self._names.learn(login.network, connector, unknown)
