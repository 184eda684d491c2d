"""From a linked room to the other network.

    inbox row ─► whose login? ─► parts noted with their random ids ─► sent, one after the other
              (`routes`) │ nobody's                                        │
                         └─► the writer is told, once   one transaction: map, row done ◄─┘

A part keeps its random id when it is sent again, and the network sends one id once, so a crash
between sending and noting repeats nothing (`courier` tells what holds after an hour). What time
mends is waited out, and the lane stands still so that order is kept: a text waits for the large
file before it. What the network refuses for good is told to the writer, who may have it sent again
(`retrying`). Edits, deletions and reactions are `changes`, pins `pinning`. The lane's worker calls
`handle`; cancellation may fall anywhere.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import LoginExpired, NeedsPerson, NetworkError, Refused
from sferum_bridge.relay.outward import to_network
from sferum_bridge.relay.outward.errand import NOTED, Errand
from sferum_bridge.relay.outward.errors import OWN_LOGIN_EXPIRED, TakenBack
from sferum_bridge.relay.outward.posting import message_id_of
from sferum_bridge.relay.outward.routes import NoWay
from sferum_bridge.relay.outward.to_network import PINNED, REDACTION, NotCarried
from sferum_bridge.store import queues, voices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sferum_bridge.relay.outward.changes import Changes
    from sferum_bridge.relay.outward.pinning import Pinning
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.retrying import Retrying
    from sferum_bridge.relay.outward.routes import Routes
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)


class Outgoing:
    """Handles what people write in linked rooms; `routes` says through whose login.

    `is_private` tells by its content what never leaves Matrix, whatever was queued.
    """

    def __init__(
        self,
        db: Database,
        posting: Posting,
        changes: Changes,
        pinning: Pinning,
        retrying: Retrying,
        reports: Reports,
        routes: Routes,
        is_private: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        self._db = db
        self._posting = posting
        self._changes = changes
        self._pinning = pinning
        self._retrying = retrying
        self._reports = reports
        self._routes = routes
        self._is_private = is_private

    async def handle(self, item: Item) -> None:
        """Carry one event to its chat and mark its row done. Raises no `NetworkError`."""
        way = await self._routes.of(item)
        error = await self._tried(way) if isinstance(way, Errand) else None
        if isinstance(way, Errand) and error is not None and _may_be_relayed(way, error):
            # The writer's own login was lost on the way.
            other = await self._routes.of(item, without={way.login.id})
            if isinstance(other, Errand):
                way, error = other, await self._tried(other)
        if isinstance(way, NoWay):
            async with self._db.write() as tx:
                if way.text_key:
                    quoted = "" if way.once else self._quoted(item)
                    await self._reports.tell(tx, item, way.text_key, way.once, quoted=quoted)
                await self._give_up(tx, item)
                await queues.done(tx, queues.INBOX, item.id)
        elif error is not None:
            await self._failed(way, error)

    async def give_up(self, item: Item) -> None:
        """Tell the sender of an event that this version fails on."""
        quoted = str(item.content["content"].get("body") or "")
        async with self._db.write() as tx:
            await self._reports.tell(tx, item, "sending-broken", quoted=quoted)
            await self._give_up(tx, item)

    async def _give_up(self, tx: Tx, item: Item) -> None:
        for event_id in self._under_way(item):
            await voices.give_up(tx, event_id)

    def _under_way(self, item: Item) -> set[str]:
        """Return the events a row may have noted parts of: itself, what it edits or repeats."""
        return {item.name, item.content.get(NOTED, item.name)}

    def _quoted(self, item: Item) -> str:
        """Return by what the writer of an event will know it; nothing of what is private."""
        content = item.content["content"]
        return "" if self._is_private(content) else str(content.get("body") or "")

    async def _tried(self, errand: Errand) -> NetworkError | None:
        try:
            await self._carry_out(errand)
        except NetworkError as e:
            return e
        return None

    async def _failed(self, errand: Errand, e: NetworkError) -> None:
        """Tell the sender that an event did not arrive, and mark its row done."""
        item = errand.item
        if isinstance(e, TakenBack):
            async with self._db.write() as tx:
                # Where anything may have been sent, the history was looked at: it is not there.
                for event_id in self._under_way(item):
                    await voices.expect_no_more(tx, event_id)
                await queues.done(tx, queues.INBOX, item.id)
            return
        log.warning("%s was not sent: %s", item.name, e.detail)
        own = isinstance(e, LoginExpired) and errand.is_own
        key = OWN_LOGIN_EXPIRED if own else e.text_key
        async with self._db.write() as tx:
            quoted = str(errand.content.get("body") or "")
            again = errand.is_new and key.startswith("network-")
            await self._reports.tell(tx, item, key, quoted=quoted, again=again)
            await self._reports.failed(tx, item, errand.login, e)
            await self._give_up(tx, item)
            if not errand.is_linked and key == Refused.text_key:
                # Perhaps they are in that chat no more.
                await voices.drop(tx, errand.chat.room_id, errand.login.id)
            await queues.done(tx, queues.INBOX, item.id)

    async def _carry_out(self, errand: Errand) -> None:
        event_type = errand.item.content["type"]
        if self._is_private(errand.content):
            await self._not_carried(errand, "")
        elif event_type == REDACTION:
            await self._changes.redact(errand)
        elif event_type == PINNED:
            await self._pinning.pin(errand)
        elif event_type == "m.reaction":
            await self._changes.react(errand)
        elif event_type == "m.room.encrypted":
            await self._not_carried(errand, "encrypted")
        elif event_type in to_network.POLL_ANSWERED:
            await self._not_carried(errand, "vote")
        elif (target := self._retrying.asked(errand.content)) is not None:
            await self._retrying.retry(errand, target)
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
        if any(one.login_id != errand.login.id for one in errand.begun):
            await self._retrying.go_on(errand, message, able)
        async with self._db.write() as tx:
            texts = await self._posting.texts(tx, errand, message.said, able)
            parts = await self._posting.note(tx, errand, event_id, texts, able)
            reply_to = await message_id_of(tx, errand, message.reply_to)
        left = await self._posting.post(errand, event_id, parts, message, reply_to)
        await self._posting.settle(errand, left)


def _may_be_relayed(errand: Errand, error: NetworkError) -> bool:
    """Tell whether something new that its writer's own login lost may go through the linked one."""
    is_lost = isinstance(error, LoginExpired | NeedsPerson)
    return is_lost and errand.is_new and errand.chat.relay and not errand.is_linked
