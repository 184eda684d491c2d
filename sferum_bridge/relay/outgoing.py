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
        async with self._db.write() as tx:
            chat = await chats.chat_of_room(tx, event["room_id"])
            if chat is None or message.not_carried == "empty":
                await queues.done(tx, queues.INBOX, item.id)
                return
            login = await self._login_for(tx, chat, event["sender"])
            if login is None:
                await self._tell(tx, item, "relay-not-heard", f"unheard.{chat.room_id}")
                return
            if login.expired:
                await self._tell(tx, item, "network-login-expired", item.name)
                return
            if message.not_carried:
                key = f"relay-not-carried-{message.not_carried}"
                await self._tell(tx, item, key, f"{message.not_carried}.{chat.room_id}")
                return
            text = message.text
            if login.mxid != event["sender"]:
                text = convert.in_front(await self._name(tx, event["sender"]), text)
            parts = convert.split(text)
            random_ids = [
                await chats.about_to_send(tx, chat.login_id, chat.chat_id, item.name, part)
                for part in range(len(parts))
            ]
            reply_to = await self._remote_id(tx, chat, message.reply_to)
        await self._send(item, chat, login, list(zip(parts, random_ids, strict=True)), reply_to)

    async def _send(
        self,
        item: Item,
        chat: Chat,
        login: Login,
        parts: Sequence[tuple[str, int]],
        reply_to: str,
    ) -> None:
        """Send the parts with their random ids; note where they went, and tell what failed."""
        sent: list[Sent] = []
        failure: NetworkError | None = None
        try:
            for text, random_id in parts:
                answered = "" if sent else reply_to
                sent.append(await self._send_part(login, chat.chat_id, text, random_id, answered))
        except NetworkError as e:
            log.warning("%s was not sent: %s", item.name, e.detail)
            failure = e
        async with self._db.write() as tx:
            for part, one in enumerate(sent):
                mapped = chats.Mapped(
                    chat.chat_id, one.message_id, part, chat.room_id, item.name, from_matrix=True
                )
                await chats.map_message(tx, chat.login_id, mapped)
            if failure is None:
                await queues.done(tx, queues.INBOX, item.id)
            else:
                await self._tell(tx, item, failure.text_key, item.name)

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

    async def _login_for(self, tx: Tx, chat: Chat, mxid: str) -> Login | None:
        """Return the login a message goes out by: the writer's own, or the relay's if it is on."""
        for login in await chats.all_logins(tx):
            if login.id == chat.login_id:
                return login if chat.relay or login.mxid == mxid else None
        return None

    async def _name(self, tx: Tx, mxid: str) -> str:
        person = await accounts.person_of(tx, mxid)
        return person.full_name if person else mxid

    async def _remote_id(self, tx: Tx, chat: Chat, event_id: str) -> str:
        mapped = await chats.by_event(tx, event_id) if event_id else ()
        here = (chat.room_id, chat.chat_id)
        return next((m.message_id for m in mapped if (m.room_id, m.chat_id) == here), "")

    async def _tell(self, tx: Tx, item: Item, key: str, once: str) -> None:
        """Tell the writer in their direct chat, once per `once`, and finish the row."""
        mxid = item.content["sender"]
        person = await accounts.person_of(tx, mxid)
        language = await accounts.language_of(tx, person.id) if person else ""
        txn_id = f"relay.{once}.{mxid}".replace("/", "_")
        await outbox.say(tx, txn_id, self._notice(key, language), to=mxid)
        await queues.done(tx, queues.INBOX, item.id)
