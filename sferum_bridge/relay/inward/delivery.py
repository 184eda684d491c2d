"""What happened in the other network, shown in Matrix: the outbox rows that `queueing` made.

    row ─► show         ─► PUT /send/{base}.{part} ─► one transaction: map, row done
       ├─► edit, delete ─► `revising`: compared with what is shown, step by step, each noted
       ├─► react        ─► `reacting`: likewise with who is shown to have reacted
       ├─► pin          ─► the room's pinned messages
       ├─► leave        ─► the ghost of somebody who left
       ├─► picture      ─► that of a ghost
       └─► describe     ─► state that tells clients of the bridge

A room's rows are carried out one after the other, so whatever changes a message finds it shown.
Transaction ids are made of login, chat, message and part: a kill between sending and noting sends
the same again, and the homeserver, which knows every sender's device, gives the same event. What
the homeserver refuses for good is logged and passed by.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.relay.inward import to_matrix
from sferum_bridge.relay.inward.revising import mapped
from sferum_bridge.relay.inward.to_matrix import Uploaded
from sferum_bridge.school import attachments
from sferum_bridge.store import chats, queues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.relay.inward.carrier import Carrier
    from sferum_bridge.relay.inward.reacting import Reacting
    from sferum_bridge.relay.inward.revising import Revising
    from sferum_bridge.relay.inward.speaking import Speaking
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_SHOW = "show"


class Delivery:
    """Carries out the relay's rows; `handle` is the handler of those in the outbox."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        carrier: Carrier,
        speaking: Speaking,
        revising: Revising,
        reacting: Reacting,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._carrier = carrier
        self._speaking = speaking
        self._acts: Mapping[str, Callable[[Item], Awaitable[None]]] = {
            _SHOW: self._show,
            "edit": revising.edit,
            "delete": revising.delete,
            "react": reacting.show,
            "pin": self._pin,
            "leave": self._leave,
            "picture": self._picture,
            "describe": self._describe,
        }

    async def handle(self, item: Item) -> None:
        """Carry out one row and mark it done."""
        kind = item.content["relay"]
        try:
            await self._acts[kind](item)
        except MatrixRequestError as e:
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused %s in %s: %s", item.name, item.lane, code)
            if kind == _SHOW:
                raise  # a message is worth further tries, and is kept to the end
        if kind != _SHOW:
            async with self._db.write() as tx:
                await queues.done(tx, queues.OUTBOX, item.id)

    async def _show(self, item: Item) -> None:
        row, number = item.content, item.content["part"]
        kind, content = await self._speaking.event(item, item.name, row)
        if row["reply_to"]:
            event_id = await self._event_of(row, row["reply_to"])
            if event_id:
                content = to_matrix.answering(content, event_id)
        txn_id = f"{row['base']}.{number}"
        event_id, said_by = await self._speaking.speak(row, txn_id, (kind, content))
        sender = said_by.mxid or self._homeserver.bot_mxid
        noted = mapped(row, number, event_id, sender, row)
        async with self._db.write() as tx:
            await chats.map_message(tx, row["origin"][0], noted)
            await queues.done(tx, queues.OUTBOX, item.id)
        self._speaking.shown(item.name)

    async def _pin(self, item: Item) -> None:
        row = item.content
        event_id = await self._event_of(row, row["origin"][2])
        async with self._db.read() as tx:
            before = await chats.pinned_event(tx, row["room"])
        if event_id != before:
            await marks.pin(self._homeserver, row["room"], event_id, before)
            async with self._db.write() as tx:
                await chats.set_pinned_event(tx, row["room"], event_id)

    async def _leave(self, item: Item) -> None:
        sender, room_id = Sender(**item.content["as"]), item.content["room"]
        try:
            await marks.leave(self._homeserver, room_id, sender.mxid)
        finally:
            await self._ghosts.forget(sender, room_id)

    async def _picture(self, item: Item) -> None:
        row, ghost = item.content, Sender(**item.content["as"])
        outcome = await self._carrier.carry(item, item.name, row)
        if isinstance(outcome, Uploaded) and attachments.is_shown(outcome.mime, "image"):
            await self._ghosts.exists(ghost)
            await marks.set_picture(self._homeserver, ghost, outcome.mxc)
            async with self._db.write() as tx:
                await chats.set_ghost_picture(tx, ghost.mxid, row["digest"])
        self._carrier.forget(item.name)

    async def _describe(self, item: Item) -> None:
        for kind, state_key, content in item.content["state"]:
            await self._homeserver.set_state(item.content["room"], kind, content, state_key)

    async def _event_of(self, row: Mapping[str, Any], message_id: str) -> str:
        login_id, chat_id, _ = row["origin"]
        async with self._db.read() as tx:
            return await chats.event_of(tx, login_id, chat_id, message_id, row["room"])
