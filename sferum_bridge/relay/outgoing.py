"""From a linked room to the other network.

    inbox row ─► whose login? ─► parts noted with their random ids ─► sent, one after the other
                    │ nobody's                                             │
                    └─► the writer is told, once        one transaction: map, row done ◄─┘

A part keeps its random id when it is sent again, and the network sends one id once (VK: for an
hour), so a crash between sending and noting repeats nothing. What time mends is waited out, with
the wait the network names, and the lane stands still so that order is kept. What the network
refuses for good is told to the writer. The lane's worker calls `handle`; cancellation may fall
anywhere.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import outbox
from sferum_bridge.network.base import NetworkError, Sent, TooFast
from sferum_bridge.relay import convert
from sferum_bridge.store import accounts, chats, queues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


class Outgoing:
    """Handles what people write in linked rooms.

    `notice` turns a text key and a language (may be empty) into the content of a message.
    """

    def __init__(
        self,
        db: Database,
        connections: Connections,
        notice: Callable[[str, str], Mapping[str, Any]],
    ) -> None:
        self._db = db
        self._connections = connections
        self._notice = notice
        self._failing: set[str] = set()

    async def handle(self, item: Item) -> None:
        """Send one event to its chat and mark its row done."""
        event = item.content
        message = convert.from_matrix(event["content"])
        async with self._db.read() as tx:
            chat = await chats.chat_of_room(tx, event["room_id"])
            login, relayed = await self._login_for(tx, chat, event["sender"])
            name = await self._name(tx, event["sender"]) if relayed else ""
            reply_to = await self._remote_id(tx, message.reply_to)
        if chat is None or message.not_carried == "empty":
            await self._finish(item)
        elif login is None:
            await self._tell(item, "relay-not-heard", f"unheard.{chat.room_id}")
        elif message.not_carried:
            key = f"relay-not-carried-{message.not_carried}"
            await self._tell(item, key, f"{message.not_carried}.{chat.room_id}")
        else:
            text = convert.in_front(name, message.text) if relayed else message.text
            await self._send(item, chat, login, convert.split(text), reply_to)

    async def _send(
        self, item: Item, chat: Chat, login: Login, parts: Sequence[str], reply_to: str
    ) -> None:
        async with self._db.write() as tx:
            random_ids = [
                await chats.about_to_send(tx, chat.login_id, chat.chat_id, item.name, part)
                for part in range(len(parts))
            ]
        sent = []
        try:
            for part, (text, random_id) in enumerate(zip(parts, random_ids, strict=True)):
                answer = await self._send_part(
                    login, chat.chat_id, text, random_id, reply_to if part == 0 else ""
                )
                sent.append(answer)
        except NetworkError as e:
            log.warning("%s was not sent: %s", item.name, e.detail)
            await self._tell(item, e.text_key, item.name, sent=sent, chat=chat)
            return
        await self._finish(item, sent=sent, chat=chat)

    async def _send_part(
        self, login: Login, chat_id: str, text: str, random_id: int, reply_to: str
    ) -> Sent:
        """Send one part, waiting out what time mends. Raises the `NetworkError` that remains."""
        wait = _FIRST_WAIT
        while True:
            try:
                connector = await self._connections.connector(login)
                sent = await connector.send(chat_id, text, random_id=random_id, reply_to=reply_to)
            except NetworkError as e:
                if not e.retry:
                    raise
                if login.id not in self._failing:
                    log.warning("Login %s cannot send now: %s; waiting", login.id, e.detail)
                self._failing.add(login.id)
                pause = e.retry_after if isinstance(e, TooFast) else wait
                await asyncio.sleep(pause * (0.75 + random.random() / 2))  # noqa: S311 - spreads
                wait = min(wait * 2, _LONGEST_WAIT)
            else:
                if login.id in self._failing:
                    self._failing.discard(login.id)
                    log.info("Login %s sends again", login.id)
                return sent

    async def _login_for(self, tx: Tx, chat: Chat | None, mxid: str) -> tuple[Login | None, bool]:
        """Return the login a message goes out by, and whether it is another's (the relay)."""
        if chat is None:
            return None, False
        for login in await chats.all_logins(tx):
            if login.id == chat.login_id and not login.expired:
                relayed = login.mxid != mxid
                return (login, relayed) if chat.relay or not relayed else (None, False)
        return None, False

    async def _name(self, tx: Tx, mxid: str) -> str:
        person = await accounts.person_of(tx, mxid)
        return person.full_name if person else mxid

    async def _remote_id(self, tx: Tx, event_id: str) -> str:
        mapped = await chats.by_event(tx, event_id) if event_id else ()
        return mapped[0].message_id if mapped else ""

    async def _tell(
        self,
        item: Item,
        key: str,
        once: str,
        *,
        sent: Sequence[Sent] = (),
        chat: Chat | None = None,
    ) -> None:
        """Tell the writer in their direct chat, once per `once`, and finish the row."""
        mxid = item.content["sender"]
        async with self._db.write() as tx:
            person = await accounts.person_of(tx, mxid)
            language = await accounts.language_of(tx, person.id) if person else ""
            txn_id = f"relay.{once}.{mxid}".replace("/", "_")
            await outbox.say(tx, txn_id, self._notice(key, language), to=mxid)
            await self._done(tx, item, sent, chat)

    async def _finish(
        self, item: Item, *, sent: Sequence[Sent] = (), chat: Chat | None = None
    ) -> None:
        async with self._db.write() as tx:
            await self._done(tx, item, sent, chat)

    async def _done(self, tx: Tx, item: Item, sent: Sequence[Sent], chat: Chat | None) -> None:
        for part, one in enumerate(sent):
            if chat is not None:
                mapped = chats.Mapped(
                    chat.chat_id, one.message_id, part, chat.room_id, item.name, from_matrix=True
                )
                await chats.map_message(tx, chat.login_id, mapped)
        await queues.done(tx, queues.INBOX, item.id)
