"""Creating a room once, whatever happens in between.

intent row ──► createRoom (the room carries its key) ──► row gets the room id
     │                       │
     └── crash or no answer ─┴──► next time: look for a room of ours with that key ──► found: keep
                                                                                     not: create
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.store import dialogues, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

MARK = "io.github.sferum_bridge.room"
"""State event that carries the key of a room the bridge made. The key says nothing of anybody."""
_BOT_ONLY = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A room that exists, and whether it was created just now with the content asked for."""

    room_id: str
    fresh: bool = False


class RoomMaker:
    """Makes rooms under keys; a key has one room for ever."""

    def __init__(self, db: Database, homeserver: Homeserver) -> None:
        self._db = db
        self._homeserver = homeserver

    async def make(self, key: str, school_id: str, kind: str, content: Mapping[str, Any]) -> Made:
        """Return the room under `key`, created with `content` if it is not there yet.

        Those in `content["invite"]` are noted as invited. Whoever calls sees to it that a key is
        asked for once at a time: two at once would make two rooms. Raises `UnknownOutcome` when
        the homeserver did not answer: call again, the room will be found if it was made.
        """
        async with self._db.write() as tx:
            record = await rooms.by_key(tx, key)
            if record is None:
                await rooms.intend(tx, key, school_id, kind)
        if record is not None:
            if record.room_id:
                return Made(record.room_id)
            room_id = await self._find(key)
            if room_id:
                log.info("Found the room of an interrupted creation: %s", room_id)
                await self._made(key, room_id, ())
                return Made(room_id)
        mark = {"type": MARK, "state_key": "", "content": {"key": key}}
        content = {**content, "initial_state": [*content.get("initial_state", ()), mark]}
        room_id = await self._homeserver.create_room(content)
        await self._made(key, room_id, content.get("invite", ()))
        return Made(room_id, fresh=True)

    async def _made(self, key: str, room_id: str, invited: Any) -> None:
        async with self._db.write() as tx:
            await rooms.created(tx, key, room_id)
            await rooms.set_members(tx, room_id, invited, "invite")

    async def _find(self, key: str) -> str:
        async with self._db.read() as tx:
            known = set(await rooms.ids(tx))
            # Hundreds, which people opened; but whoever found theirs first may have written in it.
            direct = await dialogues.rooms(tx)
        known |= {room_id for room_id, mxid in direct.items() if not key.endswith(f"/{mxid}")}
        for room_id in await self._homeserver.joined_rooms():
            if room_id not in known:
                mark = await self._homeserver.state(room_id, MARK)
                if isinstance(mark, dict) and mark.get("key") == key:
                    return room_id
        return ""


def private(
    mxid: str, name: str, more: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return how a room of one account is made: only the bot lets people in and changes anything.

    Not even encryption, with which the bot could read nothing any more. `more` is further state,
    content by type.
    """
    state = {
        "m.room.join_rules": {"join_rule": "invite"},
        "m.room.history_visibility": {"history_visibility": "joined"},
        "m.room.guest_access": {"guest_access": "forbidden"},
        **(more or {}),
    }
    return {
        "preset": "private_chat",
        "name": name,
        "invite": [mxid],
        "creation_content": {"m.federate": False},
        "initial_state": [
            {"type": kind, "state_key": "", "content": content} for kind, content in state.items()
        ],
        "power_level_content_override": {
            "users_default": 0,
            "events_default": 0,
            "state_default": _BOT_ONLY,
            "invite": _BOT_ONLY,
            "kick": _BOT_ONLY,
            "ban": _BOT_ONLY,
            "redact": _BOT_ONLY,
        },
    }
