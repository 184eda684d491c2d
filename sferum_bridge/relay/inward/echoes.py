"""What went out through somebody's own login, heard back through the one that linked the chat.

    message by one who is expected ─► mapped by now? ─► asked of their login ─► theirs: mapped
                                            │ yes              │ no answer
                                            └─► passed by      └─► by its words

Only the account that sent a message sees its random id, and the linked login may hear the message
before the answer to the sending comes, or hear it though that answer never came. So before such a
message is queued it is found out whether it is one that went out from here: it waits a moment for
the answer, then the sender's login is asked for the random id, also of what was given up: it may
have gone out all the same. Where that cannot be asked (it has expired, the network is away), what
is said decides; of what was given up only for so long as it may still have gone out. Whatever is
found is noted in the map, where the sending finds it too, so after a kill on either side it is
found again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sferum_bridge.network.base import NetworkError
from sferum_bridge.store import chats, sending, voices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.base import RemoteMessage
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.voices import Expected

log = logging.getLogger(__name__)

# The answer to a sending mostly comes as soon as the echo.
_LOOKS = (0.0, 0.05, 0.1, 0.2, 0.4)
_ASKING = 10.0
_CLOCKS_APART = 5 * 60 * 1000
_WORDS_HOLD = 60 * 60 * 1000
"""Milliseconds after which the same words as those of a part that was given up are others."""
_PAGE, _MOST_PAGES = 100, 5


class Echoes:
    """Finds out which messages went out from here, before they are queued."""

    def __init__(self, db: Database, connections: Connections) -> None:
        self._db = db
        self._connections = connections

    async def settle(
        self, login: Login, linked: Iterable[Chat], messages: Iterable[RemoteMessage]
    ) -> None:
        """Map those of some messages that went out through other logins than `login`.

        `messages` are what it heard in `linked` chats. Nothing is asked where nothing is expected,
        nor of what has a random id: that its own account has sent.
        """
        rooms = {chat.chat_id: chat for chat in linked}
        heard = [
            one
            for one in messages
            if one.chat_id in rooms and one.service is None and not one.random_id
        ]
        if not heard:
            return
        async with self._db.read() as tx:
            expected = await voices.expected(tx, {chat.room_id for chat in rooms.values()})
        senders = {(one.room_id, one.account_id) for one in expected if one.login_id != login.id}
        for message in heard:
            chat = rooms[message.chat_id]
            if (chat.room_id, message.sender_id) in senders:
                await self._settle(chat, message)

    async def _settle(self, chat: Chat, message: RemoteMessage) -> None:
        known: Sequence[Expected] = ()
        for pause in _LOOKS:
            await asyncio.sleep(pause)
            known = await self._expected(chat, message)
            if all(one.is_over for one in known):
                break  # nothing is under way that could still tell
        theirs = await self._ask(chat, message, known[0]) if known else None
        if theirs is not None and theirs.random_id:
            found = [one for one in known if one.random_id == theirs.random_id]
        else:
            found = await self._by_words(message, known)
        if found:
            await self._map(chat, message, found[0])

    async def _expected(self, chat: Chat, message: RemoteMessage) -> Sequence[Expected]:
        """Return what a message may be; nothing where it is known by now what it is."""
        async with self._db.read() as tx:
            if await chats.is_mapped(tx, chat.login_id, chat.chat_id, message.message_id):
                return ()
            expected = await voices.expected(tx, {chat.room_id})
        theirs = [one for one in expected if one.account_id == message.sender_id]
        # What was given up may be of a chat that the room had before.
        return [one for one in theirs if one.chat_id == theirs[-1].chat_id]

    async def _ask(self, chat: Chat, message: RemoteMessage, one: Expected) -> RemoteMessage | None:
        """Return a message as its sender's login sees it; `None` where that cannot be told.

        `one` is the oldest of what it may be: the message is neither older than that, nor than
        what was known before it was sent.
        """
        since = max(one.since, message.sent_at * 1000 - _CLOCKS_APART)
        async with self._db.read() as tx:
            after = await sending.last_before(tx, chat.login_id, chat.chat_id, since)
        try:
            async with asyncio.timeout(_ASKING):
                connector = await self._connections.of(one.login_id)
                for _ in range(_MOST_PAGES):
                    page = await connector.history(one.chat_id, after=after, limit=_PAGE)
                    for theirs in page:
                        if theirs.message_id == message.message_id:
                            return theirs
                    if len(page) < _PAGE or not after:
                        return None
                    after = page[-1].message_id
        except (NetworkError, TimeoutError) as e:
            log.info("Login %s does not tell of a message: %s", one.login_id, type(e).__name__)
        return None

    async def _by_words(self, message: RemoteMessage, known: Sequence[Expected]) -> list[Expected]:
        """Return what says the same as a message; files alone count only while under way.

        So do words but for a time: somebody may say again there what did not arrive.
        """
        said, sent_at = message.content.text, message.sent_at * 1000
        async with self._db.read() as tx:
            digest = chats.digest_of(tx, said)
        return [
            one
            for one in known
            if one.digest == digest
            and (not one.is_over or (said and sent_at <= one.since + _WORDS_HOLD))
            and sent_at >= one.since - _CLOCKS_APART
        ]

    async def _map(self, chat: Chat, message: RemoteMessage, one: Expected) -> None:
        mapped = chats.Mapped(
            chat.chat_id,
            message.message_id,
            one.part,
            chat.room_id,
            one.event_id,
            from_matrix=True,
            digest=one.digest,
            through=one.login_id,
        )
        async with self._db.write() as tx:
            if not await chats.is_mapped(tx, chat.login_id, chat.chat_id, message.message_id):
                await chats.map_message(tx, chat.login_id, mapped)
