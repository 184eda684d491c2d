"""From a linked room to the other network.

    inbox row ─► whose login? ─► parts noted with their random ids ─► sent, one after the other
                    │ nobody's                                             │
                    └─► the writer is told, once        one transaction: map, row done ◄─┘

A part keeps its random id when it is sent again, and the network sends one id once, so a crash
between sending and noting repeats nothing (`courier` tells what holds after an hour). What time
mends is waited out, and the lane stands still so that order is kept: a text waits for the large
file before it. What the network refuses for good is told to the writer, who may have it sent again
(`retrying`). Edits, deletions and reactions are `changes`. The lane's worker calls `handle`;
cancellation may fall anywhere.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sferum_bridge.network.base import LoginExpired, NetworkError
from sferum_bridge.relay.outward import to_network
from sferum_bridge.relay.outward.errand import Errand
from sferum_bridge.relay.outward.posting import message_id_of
from sferum_bridge.relay.outward.to_network import NotCarried
from sferum_bridge.store import chats, queues

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.relay.outward.changes import Changes
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.retrying import Retrying
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_REDACTION = "m.room.redaction"


class Outgoing:
    """Handles what people write in linked rooms.

    `ghost` gives the remote id of a ghost's account, empty for any other account.
    """

    def __init__(
        self,
        db: Database,
        posting: Posting,
        changes: Changes,
        retrying: Retrying,
        reports: Reports,
        ghost: Callable[[str], str],
    ) -> None:
        self._db = db
        self._posting = posting
        self._changes = changes
        self._retrying = retrying
        self._reports = reports
        self._ghost = ghost

    async def handle(self, item: Item) -> None:
        """Carry one event to its chat and mark its row done. Raises no `NetworkError`."""
        errand = await self._errand(item)
        if errand is None:
            return
        try:
            await self._carry_out(errand)
        except NetworkError as e:
            log.warning("%s was not sent: %s", item.name, e.detail)
            async with self._db.write() as tx:
                quoted = str(errand.content.get("body") or "")
                again = errand.is_new and e.text_key.startswith("network-")
                await self._reports.tell(tx, item, e.text_key, quoted=quoted, again=again)
                await self._reports.failed(tx, item, errand.login, e)
                await queues.done(tx, queues.INBOX, item.id)

    async def _errand(self, item: Item) -> Errand | None:
        """Return what is to be done, `None` where there is nothing: then the row is done."""
        event = item.content
        key = once = ""
        async with self._db.read() as tx:
            chat = await chats.chat_of_room(tx, event["room_id"])
            login = await self._login_for(tx, chat, item) if chat else None
            if chat is not None and login is None:
                key, once = "relay-not-heard", f"unheard.{chat.room_id}"
            elif chat is not None and login is not None and login.expired:
                is_said = event["type"] == "m.room.message"
                key, once = LoginExpired.text_key, "" if is_said else f"expired.{chat.room_id}"
            elif chat is not None and login is not None:
                logins = [o for o in await chats.all_logins(tx) if o.network == login.network]
                return Errand(item, chat, login, logins, self._ghost)
        async with self._db.write() as tx:
            if key:
                await self._reports.tell(tx, item, key, once)
            await queues.done(tx, queues.INBOX, item.id)
        return None

    async def _login_for(self, tx: Tx, chat: Chat, item: Item) -> Login | None:
        """Return the login an event goes out by: the writer's own, or the relay's if it is on.

        What a moderator takes back here is taken back there too, whoever they are.
        """
        for login in await chats.all_logins(tx):
            if login.id == chat.login_id:
                heard = chat.relay or login.mxid == item.content["sender"]
                return login if heard or item.content["type"] == _REDACTION else None
        return None

    async def _carry_out(self, errand: Errand) -> None:
        event_type = errand.item.content["type"]
        if event_type == _REDACTION:
            await self._changes.redact(errand)
        elif event_type == "m.reaction":
            await self._changes.react(errand)
        elif event_type == "m.room.encrypted":
            await self._not_carried(errand, "encrypted")
        elif event_type in to_network.POLL_ANSWERED:
            await self._not_carried(errand, "vote")
        elif self._retrying.is_asked(errand):
            await self._retrying.retry(errand)
        else:
            message = to_network.from_matrix(event_type, errand.content, errand.mentioned)
            if isinstance(message, NotCarried):
                await self._not_carried(errand, message.why)
            elif message.edits:
                await self._changes.edit(errand, message)
            else:
                await self._message(errand, message)

    async def _not_carried(self, errand: Errand, why: str) -> None:
        """Tell the sender once for a room that something of a kind does not go there."""
        async with self._db.write() as tx:
            if why:
                once = f"{why}.{errand.chat.room_id}"
                await self._reports.tell(tx, errand.item, f"sending-{why}", once)
                await self._reports.unsupported(tx, errand.item, errand.login)
            await queues.done(tx, queues.INBOX, errand.item.id)

    async def _message(self, errand: Errand, message: Message) -> None:
        able = await self._posting.abilities(errand)
        event_id = errand.item.name
        async with self._db.write() as tx:
            texts = await self._posting.texts(tx, errand, message.said, able.text_units)
            parts = await self._posting.note(tx, errand, event_id, texts)
            reply_to = await message_id_of(tx, errand, message.reply_to)
        left = await self._posting.post(errand, event_id, parts, message, reply_to)
        await self._posting.settle(errand, left)
