"""Saying in a room what somebody said in the other network, as whom the homeserver lets say it.

    who logged in ──403──► their ghost ──403──► invited anew ──403──► waited for ──403──► the bot

Of a chat linked a moment ago the homeserver has yet to learn that ghosts belong there, so a refusal
is tried again for a while. Where it stays one (a room in which only teachers post), the bot says
it, with the name in front, and does so at once from then on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.ghosts import DEVICE, Sender
from sferum_bridge.relay import puppets
from sferum_bridge.relay.inward import to_matrix
from sferum_bridge.relay.inward.reacting import marked
from sferum_bridge.relay.inward.rich import Rich
from sferum_bridge.relay.inward.to_matrix import MESSAGE, Uploaded
from sferum_bridge.school import attachments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.content import File
    from sferum_bridge.relay.inward.carrier import Carrier, Missing
    from sferum_bridge.relay.inward.wording import Phrase
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item

    Event = tuple[str, Mapping[str, Any]]
    """Type and content."""

log = logging.getLogger(__name__)

FORBIDDEN = 403
_MEGABYTE = 1024 * 1024
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


class Speaking:
    """Speaks for people. `say` gives a text of the catalogue by its key and values."""

    def __init__(
        self,
        homeserver: Homeserver,
        ghosts: Ghosts,
        carrier: Carrier,
        say: Callable[..., Phrase],
        db: Database,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._carrier = carrier
        self._say = say
        self._mute: set[tuple[str, str]] = set()
        """Rooms and ghosts that are not let speak there; asked again after a restart."""

    async def event(self, item: Item, name: str, part: Mapping[str, Any]) -> Event:
        """Return the event that shows a part, once its file is where it belongs.

        `name` tells the part's file from others of the row. What cannot be shown is a notice that
        says so.
        """
        if "file" not in part:
            return MESSAGE, part["content"]
        file = to_matrix.restored(part["file"])
        called = self._say(f"relay-file-{file.kind.value}").body
        outcome = await self._carrier.carry(item, name, part)
        if isinstance(outcome, Uploaded):
            return to_matrix.file_content(file, outcome, called.strip("[]"))
        return MESSAGE, self._instead(file, outcome, called)

    def shown(self, name: str) -> None:
        """Forget what was kept to show a part again: it is shown and noted."""
        self._carrier.forget(name)

    async def speak(self, row: Mapping[str, Any], txn_id: str, event: Event) -> tuple[str, Sender]:
        """Say an event as who said it there; return its id and who says it here.

        Raises `MatrixRequestError` when not even the bot may.
        """
        sender, ghost = Sender(**row["as"]), Sender(**(row["otherwise"] or row["as"]))
        try:
            if (row["room"], sender.mxid) not in self._mute:
                return await self._send(row, txn_id, sender, event), sender
        except MatrixRequestError as e:
            if e.http_status != FORBIDDEN or not sender.mxid:
                raise
            # A ghost that somebody removed, or a person who left: what was said belongs here.
            await self._ghosts.forget(sender, row["room"])
            if sender.puppet:
                txn_id = f"{txn_id}.ghost"
            if event_id := await self._patiently(row, txn_id, ghost, event):
                return event_id, ghost
            log.warning("Ghosts may not speak in %s; the bot does", row["room"])
            self._mute.add((row["room"], sender.mxid))
        kind, content = event
        named = to_matrix.in_the_name_of(ghost.name, content)
        return await self._send(row, f"{txn_id}.bot", Sender(), (kind, named)), Sender()

    async def change(
        self, row: Mapping[str, Any], txn_id: str, speaker: Sender, event: Event, shown: str
    ) -> None:
        """Change what an event of `speaker` shows.

        Where that is refused (the person is no longer in the room, and nobody else may change their
        words) the ghost answers with what it says now. Raises `MatrixRequestError`.
        """
        kind, content = event
        if not speaker.mxid:
            content = to_matrix.in_the_name_of(
                Sender(**(row["otherwise"] or row["as"])).name, content
            )
        replacing = (MESSAGE, to_matrix.edited(content, shown))
        try:
            await self._send(row, txn_id, speaker, replacing)
        except MatrixRequestError as e:
            if e.http_status != FORBIDDEN or not speaker.mxid:
                raise
            await self._ghosts.forget(speaker, row["room"])
            if not speaker.puppet and await self._patiently(row, txn_id, speaker, replacing):
                return
            answer = (kind, to_matrix.answering(content, shown))
            await self.speak(row, f"{txn_id}.answer", answer)

    async def _patiently(
        self, row: Mapping[str, Any], txn_id: str, ghost: Sender, event: Event
    ) -> str:
        """Return the id of an event a ghost sends, empty when that stays forbidden."""
        for pause in (0.0, *_PAUSES):
            await asyncio.sleep(pause)
            try:
                return await self._send(row, txn_id, ghost, event)
            except MatrixRequestError as e:
                if e.http_status != FORBIDDEN:
                    raise
        return ""

    async def _send(self, row: Mapping[str, Any], txn_id: str, sender: Sender, event: Event) -> str:
        await self._ghosts.ready(sender, row["room"])
        kind, content = event
        ts = int(row.get("ts", 0))
        if sender.puppet:
            ts = ts or self._db.clock()
            seal = puppets.seal(self._db.sealer, row["room"], sender.mxid, ts)
            content = {**content, puppets.SEAL: seal}
        return await self._homeserver.send(
            row["room"],
            kind,
            txn_id,
            marked(row, sender, content),
            user=sender.mxid or self._homeserver.bot_mxid,
            device=DEVICE,
            puppet=sender.puppet,
            ts=ts,
        )

    def _instead(self, file: File, missing: Missing, called: str) -> dict[str, Any]:
        count = -(-missing.size // _MEGABYTE)
        size = self._say("relay-size", count=count).body if count > 0 else "?"
        name = attachments.safe_name(file.name) or called
        said = self._say(f"relay-missing-{missing.why}", name=name, size=size)
        return to_matrix.text_content(Rich(said.body, said.html), notice=True)
