"""Sending into Matrix, exactly once.

    a transaction of the bot or the relay ──► outbox row (lane, txn id) ──► its lane, in order
                                                                              │
              ghost / bot makes sure it can (registered, device, joined) ◄────┤
                                                                              ▼
              PUT /send/{type}/{txn id}?device_id=…   ── answer ──►  one transaction:
                                                                     row done, map, offers

The row is written in the transaction that decided to send, so what was decided is sent. The
transaction id is part of the row, and every sender owns a device, so the homeserver recognises a
repetition after a crash of either side for a day (without a device it would only remember in
memory). A row whose homeserver is away waits; a row the homeserver refuses for good is logged,
given up, and the lane goes on.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.ghosts import DEVICE, Sender
from sferum_bridge.store import chats, dialogues, queues, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

BOT = Sender()
_FORBIDDEN = 403


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


@dataclass(frozen=True, slots=True)
class Origin:
    """The part of a remote message that an event shows."""

    login_id: str
    chat_id: str
    message_id: str
    part: int = 0


async def say(
    tx: Tx,
    txn_id: str,
    content: Mapping[str, Any],
    *,
    to: str = "",
    room_id: str = "",
    offers: Sequence[Offer] = (),
    file: File | None = None,
) -> None:
    """Have the bot say something once, `to` a person's direct chat or in `room_id`.

    With only `to`, the direct chat is found when the time comes, or opened. `offers` are for the
    person `to`. `txn_id` must be the same whenever the same thing is to be said. With a `file` it
    is uploaded and sent, and `content` does not matter.
    """
    row: dict[str, Any] = {
        "to": to,
        "room": room_id,
        "type": "m.room.message",
        "content": content,
        "offers": [[o.reaction, o.command] for o in offers],
    }
    if file is not None:
        row["file"] = {**asdict(file), "data": b64encode(file.data).decode()}
    await queues.put(tx, queues.OUTBOX, room_id or f"dm/{to}", txn_id, row)


async def rename(tx: Tx, txn_id: str, mxid: str, name: str) -> None:
    """Have a person's account be shown by a name: people's names are the school's (design §3)."""
    await queues.put(tx, queues.OUTBOX, f"name/{mxid}", txn_id, {"mxid": mxid, "name": name})


async def relay(
    tx: Tx,
    txn_id: str,
    room_id: str,
    sender: Sender,
    content: Mapping[str, Any],
    origin: Origin,
    *,
    ts: int,
    otherwise: Sender | None = None,
) -> bool:
    """Have `sender` say what came from the other network; false when it was queued before.

    `ts` is when it was written there, in milliseconds. `otherwise` says it where the homeserver
    does not let `sender`: a person who left the room.
    """
    row = {
        "room": room_id,
        "type": "m.room.message",
        "content": content,
        "as": asdict(sender),
        "otherwise": asdict(otherwise) if otherwise else None,
        "origin": asdict(origin),
        "ts": ts,
    }
    return await queues.put(tx, queues.OUTBOX, room_id, txn_id, row)


class Outbox:
    """Carries outbox rows to the homeserver; `handle` is the handler of its lanes."""

    def __init__(
        self, db: Database, homeserver: Homeserver, ghosts: Ghosts, maker: RoomMaker
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._ghosts = ghosts
        self._maker = maker

    async def handle(self, item: Item) -> None:
        """Send one row and mark it done."""
        row = item.content
        if "name" in row:
            await self._rename(item)
            return
        sender = Sender(**row["as"]) if "as" in row else BOT
        try:
            room_id = row.get("room") or await self._direct_room(row["to"])
            if "file" in row:
                row = {**row, "content": await self._upload(row["file"])}
            event_id = await self._send(item.name, room_id, sender, row)
        except MatrixRequestError as e:
            if "origin" in row and e.http_status == _FORBIDDEN:
                # A chat linked a moment ago: the homeserver has yet to learn that ghosts belong
                # there. The lane tries again, and keeps what is refused to the end.
                raise
            code = getattr(e, "errcode", None) or e.http_status
            log.warning("The homeserver refused %s in %s: %s", item.name, item.lane, code)
            async with self._db.write() as tx:
                await queues.done(tx, queues.OUTBOX, item.id)
            return
        offers = row.get("offers") or ()
        if offers:
            # Before the reactions can be seen: whoever taps one must find it known.
            async with self._db.write() as tx:
                for reaction, command in offers:
                    await dialogues.add_offer(tx, event_id, reaction, row["to"], command)
            for number, (reaction, _) in enumerate(offers):
                await self._react(f"{item.name}.r{number}", room_id, event_id, reaction)
        async with self._db.write() as tx:
            if "origin" in row:
                await _map(tx, Origin(**row["origin"]), room_id, event_id)
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _rename(self, item: Item) -> None:
        mxid, name = item.content["mxid"], item.content["name"]
        try:
            await self._homeserver.set_name(mxid, name, puppet=True)
        except MatrixRequestError as e:
            # An account of another server or outside the bridge's reach keeps the name it has.
            log.warning("The homeserver refused %s: %s", item.name, e.http_status)
        async with self._db.write() as tx:
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

    async def _send(self, txn_id: str, room_id: str, sender: Sender, row: Mapping[str, Any]) -> str:
        async def once(speaker: Sender, txn_id: str) -> str:
            await self._ghosts.ready(speaker, room_id)
            return await self._homeserver.send(
                room_id,
                row["type"],
                txn_id,
                row["content"],
                user=speaker.mxid or self._homeserver.bot_mxid,
                device=DEVICE,
                puppet=speaker.puppet,
                ts=int(row.get("ts", 0)),
            )

        try:
            return await once(sender, txn_id)
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_FORBIDDEN" or not sender.mxid:
                raise
            # A ghost that somebody removed, or a person who left: what was said belongs here.
            await self._ghosts.forget(sender, room_id)
            if row.get("otherwise"):
                return await once(Sender(**row["otherwise"]), f"{txn_id}.ghost")
            return await once(sender, txn_id)

    async def _react(self, txn_id: str, room_id: str, event_id: str, reaction: str) -> None:
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": reaction}
        await self._homeserver.send(
            room_id,
            "m.reaction",
            txn_id,
            {"m.relates_to": relation},
            user=self._homeserver.bot_mxid,
            device=DEVICE,
        )

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


async def _map(tx: Tx, origin: Origin, room_id: str, event_id: str) -> None:
    await chats.map_message(
        tx,
        origin.login_id,
        chats.Mapped(
            origin.chat_id,
            origin.message_id,
            origin.part,
            room_id,
            event_id,
            from_matrix=False,
        ),
    )
