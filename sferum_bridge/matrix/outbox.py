"""What the bot says, sent into Matrix exactly once.

    a transaction of the bot ──► outbox row (lane, txn id) ──► its lane, in order
                                                                    │
    one transaction: row done, offers  ◄── answer ── PUT /send/{type}/{txn id}?device_id=…

The row is written in the transaction that decided to send, so what was decided is sent. The
transaction id is part of the row, and the bot owns a device, so the homeserver recognises a
repetition after a crash of either side for a day (without a device it would only remember in
memory). A row whose homeserver is away waits; a row the homeserver refuses for good is logged,
given up, and the lane goes on. Reactions to tap are put under a message once it is there, in a lane
of their own: the next answer waits for none of them. Rows of the relay lie in the rooms' lanes: see
`relay.delivery`.
"""

from __future__ import annotations

import json
import logging
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.ghosts import DEVICE
from sferum_bridge.matrix.hiding import hide
from sferum_bridge.matrix.posts import edit_of
from sferum_bridge.store import dialogues, documents, queues, rooms, state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_KEPT = "said/"


@dataclass(frozen=True, slots=True)
class Offer:
    """A reaction the bot puts under its message, and the command that tapping it gives."""

    reaction: str
    command: str


@dataclass(frozen=True, slots=True)
class File:
    """A picture or document the bot sends; small, since it lies in the queue as a whole."""

    name: str
    mimetype: str
    data: bytes
    width: int = 0
    """Of a picture, in pixels; 0 for a document."""
    height: int = 0

    @property
    def is_picture(self) -> bool:
        """Tell whether clients show it in the chat."""
        return self.mimetype.startswith("image/")


async def say(
    tx: Tx,
    txn_id: str,
    content: Mapping[str, Any],
    *,
    to: str = "",
    room_id: str = "",
    offers: Sequence[Offer] = (),
    file: File | None = None,
    shows: str = "",
    keep: str = "",
) -> None:
    """Have the bot say something once, `to` a person's direct chat or in `room_id`.

    With only `to`, the direct chat is found when the time comes, or opened. `offers` are for the
    person `to`. `txn_id` must be the same whenever the same thing is to be said. With a `file` it
    is uploaded and sent, and `content` does not matter. `shows` is the readable file of a document
    in it (`documents.note_open`), which is taken away again some day. `keep` is a name under which
    the message is known until it was revised for the last time (`revise`).
    """
    row: dict[str, Any] = {
        "to": to,
        "room": room_id,
        "type": "m.room.message",
        "content": content,
        "offers": [[o.reaction, o.command] for o in offers],
    }
    if shows:
        row["shows"] = shows
    if keep:
        row["keep"] = keep
    if file is not None:
        row["file"] = {**asdict(file), "data": b64encode(file.data).decode()}
    await queues.put(tx, queues.OUTBOX, room_id or f"dm/{to}", txn_id, row)


async def revise(
    tx: Tx, txn_id: str, content: Mapping[str, Any], *, to: str, keep: str, last: bool = False
) -> None:
    """Have what was said to somebody as `keep` say something else; `last` where it stays so.

    It rings nobody. What was not sent, or was said elsewhere, is not revised.
    """
    row = {"to": to, "revises": keep, "content": content, "last": last}
    await queues.put(tx, queues.OUTBOX, f"dm/{to}", txn_id, row)


async def rename(tx: Tx, txn_id: str, mxid: str, name: str) -> None:
    """Have a person's account be shown by a name: people's names are the school's (design §3)."""
    await queues.put(tx, queues.OUTBOX, f"name/{mxid}", txn_id, {"mxid": mxid, "name": name})


class Outbox:
    """Carries outbox rows to the homeserver; `handle` is the handler of its lanes."""

    def __init__(self, db: Database, homeserver: Homeserver, maker: RoomMaker) -> None:
        self._db = db
        self._homeserver = homeserver
        self._maker = maker

    async def handle(self, item: Item) -> None:
        """Send one row and mark it done."""
        if "name" in item.content:
            await self._rename(item)
        elif "revises" in item.content:
            await self._revise(item)
        elif "reactions" in item.content:
            await self._react(item)
        else:
            await self._say(item)

    async def _say(self, item: Item) -> None:
        row = item.content
        if row.get("shows") and not await self._is_open(row["shows"]):
            # Its time was over, or its owner erased, before it could be sent.
            async with self._db.write() as tx:
                await queues.done(tx, queues.OUTBOX, item.id)
            return
        try:
            room_id = row.get("room") or await self._direct_room(row["to"])
            if "file" in row:
                row = {**row, "content": await self._upload(row["file"])}
            event_id = await self._homeserver.send(
                room_id,
                row["type"],
                item.name,
                row["content"],
                user=self._homeserver.bot_mxid,
                device=DEVICE,
            )
        except MatrixRequestError as e:
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused %s in %s: %s", item.name, item.lane, code)
            async with self._db.write() as tx:
                await queues.done(tx, queues.OUTBOX, item.id)
            return
        await self._said(item, room_id, event_id)

    async def _said(self, item: Item, room_id: str, event_id: str) -> None:
        row = item.content
        async with self._db.write() as tx:
            # Before the reactions can be seen: whoever taps one must find it known.
            for reaction, command in row.get("offers", ()):
                await dialogues.add_offer(tx, event_id, reaction, row["to"], command)
            if row.get("offers"):
                under = [reaction for reaction, _ in row["offers"]]
                content = {"room": room_id, "under": event_id, "reactions": under}
                lane = f"{queues.REACTIONS}{room_id}"
                await queues.put(tx, queues.OUTBOX, lane, f"{item.name}.r", content)
            media = row.get("shows")
            is_shown = not media or await documents.shown(tx, media, room_id, event_id)
            if row.get("keep"):
                await state.put(tx, _KEPT + row["keep"], json.dumps([room_id, event_id]))
            if is_shown:
                await queues.done(tx, queues.OUTBOX, item.id)
        if not is_shown:
            await hide(self._homeserver, room_id, event_id, self._homeserver.bot_mxid)
            async with self._db.write() as tx:
                await queues.done(tx, queues.OUTBOX, item.id)

    async def _is_open(self, media: str) -> bool:
        async with self._db.read() as tx:
            return await documents.is_open(tx, media)

    async def _rename(self, item: Item) -> None:
        mxid, name = item.content["mxid"], item.content["name"]
        try:
            await self._homeserver.set_name(mxid, name, puppet=True)
        except MatrixRequestError as e:
            # An account of another server or outside the bridge's reach keeps the name it has.
            log.warning("The homeserver refused %s: %s", item.name, e.http_status)
        async with self._db.write() as tx:
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _revise(self, item: Item) -> None:
        row, name = item.content, _KEPT + item.content["revises"]
        async with self._db.read() as tx:
            kept = json.loads(await state.get(tx, name) or "[]")
        if kept:
            try:
                room_id, event_id = kept
                await self._homeserver.send(
                    room_id,
                    "m.room.message",
                    item.name,
                    edit_of(event_id, row["content"]),
                    user=self._homeserver.bot_mxid,
                    device=DEVICE,
                )
            except MatrixRequestError as e:
                # They left the room, say: what it says no longer matters to anybody.
                log.info("The homeserver refused %s: %s", item.name, e.http_status)
        async with self._db.write() as tx:
            if row["last"]:
                await state.drop(tx, name)
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _upload(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Upload a file; return the content of its message. A crash behind it uploads it again."""
        file = File(**{**row, "data": b64decode(row["data"])})
        info: dict[str, Any] = {"mimetype": file.mimetype, "size": len(file.data)}
        if file.is_picture:
            info |= {"w": file.width, "h": file.height}
        return {
            "msgtype": "m.image" if file.is_picture else "m.file",
            "body": file.name,
            "filename": file.name,
            "info": info,
            "url": await self._homeserver.upload(file.data, file.mimetype, file.name),
            "m.mentions": {},
        }

    async def _react(self, item: Item) -> None:
        for number, reaction in enumerate(item.content["reactions"]):
            relation = {
                "rel_type": "m.annotation",
                "event_id": item.content["under"],
                "key": reaction,
            }
            try:
                await self._homeserver.send(
                    item.content["room"],
                    "m.reaction",
                    f"{item.name}{number}",
                    {"m.relates_to": relation},
                    user=self._homeserver.bot_mxid,
                    device=DEVICE,
                )
            except MatrixRequestError as e:
                # The command can be written, too; and who left the chat taps nothing.
                log.info("The homeserver refused %s: %s", item.name, e.http_status)
                break
        async with self._db.write() as tx:
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _direct_room(self, mxid: str) -> str:
        async with self._db.read() as tx:
            room_id = await dialogues.room_with(tx, mxid)
        if room_id:
            return room_id
        content = {
            "preset": "trusted_private_chat",
            "is_direct": True,
            "invite": [mxid],
            "creation_content": {"m.federate": False},
        }
        key = f"direct/{mxid}"
        made = await self._maker.make(key, "", "direct", content)
        alone = {mxid, self._homeserver.bot_mxid}
        if not made.fresh and await self._homeserver.people_in(made.room_id) != alone:
            # They left it, or somebody else came in: no place for what the bot tells one person.
            with suppress(MatrixRequestError):
                await self._homeserver.leave(made.room_id)
            async with self._db.write() as tx:
                await rooms.forget(tx, key)
            made = await self._maker.make(key, "", "direct", content)
        async with self._db.write() as tx:
            await dialogues.add_room(tx, made.room_id, mxid)
        return made.room_id
