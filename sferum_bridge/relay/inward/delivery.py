"""What happened in the other network, shown in Matrix: the outbox rows that `queueing` made.

    row ─► show         ─► PUT /send/{base}.{part} ─► a note for the lane: map, row done
       ├─► edit, delete ─► `revising`: compared with what is shown, step by step, each noted
       ├─► react        ─► `reacting`: likewise with who is shown to have reacted
       ├─► pin          ─► the room's pinned messages
       ├─► leave        ─► the ghost of somebody who left
       ├─► gather       ─► `gathering`: the ghosts of all who are in the chat
       ├─► picture      ─► that of a ghost
       ├─► personal-open ─► `personal`: the room of a personal chat
       └─► describe     ─► state that tells clients of the bridge

A room's rows are carried out one after the other, so whatever changes a message finds it shown.
What only shows something new need not find that noted, and goes out meanwhile. Transaction ids are
made of login, chat, message and part: a kill between sending and noting sends the same again, and
the homeserver, which knows every sender's device, gives the same event. What the homeserver refuses
for good is logged and passed by.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.relay.inward import to_matrix
from sferum_bridge.relay.inward.gathering import GATHER
from sferum_bridge.relay.inward.revising import mapped
from sferum_bridge.relay.inward.rich import Rich
from sferum_bridge.relay.inward.to_matrix import MESSAGE, Uploaded
from sferum_bridge.school import attachments
from sferum_bridge.store import chats, personal, queues, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.matrix.lanes import Note
    from sferum_bridge.relay.inward.carrier import Carrier
    from sferum_bridge.relay.inward.gathering import Gathering
    from sferum_bridge.relay.inward.personal import Personal
    from sferum_bridge.relay.inward.reacting import Reacting
    from sferum_bridge.relay.inward.revising import Revising
    from sferum_bridge.relay.inward.speaking import Speaking
    from sferum_bridge.relay.inward.wording import Phrase
    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_SHOW = "show"
_BROKEN, _MOST_BROKEN = 500, 4


class NeverTaken(Exception):
    """The homeserver fails at one row every time, and works otherwise: it counts as a failure."""


def is_apart(row: Mapping[str, Any]) -> bool:
    """Tell of a row that it shows something new and looks at nothing that was shown before."""
    return row.get("relay") == _SHOW and not row.get("reply_to")


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
        gathering: Gathering,
        personal_: Personal,
        say: Callable[..., Phrase],
    ) -> None:
        self._db = db
        self._say = say
        self._broken: Counter[int] = Counter()
        """Row → how often the homeserver failed at it."""
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._carrier = carrier
        self._speaking = speaking
        self._personal = personal_
        self._acts: Mapping[str, Callable[[Item], Awaitable[Mapped | None]]] = {
            _SHOW: self._show,
            "edit": revising.edit,
            "delete": revising.delete,
            "react": reacting.show,
            "pin": self._pin,
            "leave": self._leave,
            GATHER: gathering.gather,
            "picture": self._picture,
            personal.OPEN: personal_.open,
            "describe": self._describe,
        }

    async def handle(self, item: Item) -> Note:
        """Carry out one row; return what notes that and marks it done.

        Raises `TryAgain` while the homeserver is in trouble, `NeverTaken` where it is so about this
        row alone.
        """
        kind, shown = item.content["relay"], None
        try:
            shown = await self._acts[kind](item)
            self._broken.pop(item.id, None)
        except TryAgain as e:
            self._broken[item.id] += e.http_status == _BROKEN
            if self._broken[item.id] >= _MOST_BROKEN and await self._works():
                raise NeverTaken from None
            raise
        except MatrixRequestError as e:
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused a %s (row %d): %s", kind, item.id, code)
            if kind == _SHOW:
                raise  # a message is worth further tries, and is kept to the end
        return partial(_note, item, shown)

    async def give_up(self, item: Item) -> None:
        """Say in the place of a message that failed every time that there is one.

        Who asked for the room of a personal chat is told that there is none.
        """
        row = item.content
        if row["relay"] == personal.OPEN:
            await self._personal.give_up(item)
        if row["relay"] != _SHOW:
            return
        said = self._say("relay-unreadable")
        notice = to_matrix.text_content(Rich(said.body, said.html), notice=True)
        txn_id = f"{row['base']}.{row['part']}.failed"
        bot = {**row, "as": {"mxid": ""}, "otherwise": None}
        event_id, _ = await self._speaking.speak(bot, txn_id, (MESSAGE, notice))
        noted = mapped(row, row["part"], event_id, self._homeserver.bot_mxid, row)
        async with self._db.write() as tx:
            await chats.map_message(tx, row["origin"][0], noted)

    async def _works(self) -> bool:
        """Tell whether the homeserver answers a request that has nothing to do with any row."""
        try:
            await self._homeserver.joined_rooms()
        except (MatrixRequestError, TryAgain):
            return False
        return True

    async def _show(self, item: Item) -> Mapped:
        row, number = item.content, item.content["part"]
        kind, content = await self._speaking.event(item, item.name, row)
        if row["reply_to"]:
            event_id = await self._event_of(row, row["reply_to"])
            if event_id:
                content = to_matrix.answering(content, event_id)
        txn_id = f"{row['base']}.{number}"
        event_id, said_by = await self._speaking.speak(row, txn_id, (kind, content))
        sender = said_by.mxid or self._homeserver.bot_mxid
        self._speaking.shown(item.name)
        return mapped(row, number, event_id, sender, row)

    async def _pin(self, item: Item) -> None:
        row = item.content
        event_id = await self._event_of(row, row["origin"][2])
        async with self._db.read() as tx:
            before = await chats.pinned_event(tx, row["room"])
            if await chats.is_pinned_over(tx, row["room"], event_id):
                return
        if event_id != before:
            await marks.pin(self._homeserver, row["room"], event_id, before)
        async with self._db.write() as tx:
            await chats.set_pinned_event(tx, row["room"], event_id)

    async def _leave(self, item: Item) -> None:
        sender, room_id = Sender(**item.content["as"]), item.content["room"]
        async with self._db.read() as tx:
            if (await rooms.members(tx, room_id)).get(sender.mxid) != "join":
                return
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


async def _note(item: Item, shown: Mapped | None, tx: Tx) -> None:
    if shown is not None:
        await chats.map_message(tx, item.content["origin"][0], shown)
    await queues.done(tx, queues.OUTBOX, item.id)
