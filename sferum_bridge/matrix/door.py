"""Whose business an event is, decided before anything is stored.

The homeserver sends every event of the rooms its bot is in, and the bot made every school room.
Only three kinds are kept: what concerns the bot's own chats, commands in school rooms, and what is
written in rooms with a linked chat. The rest of what a school says to itself is dropped here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from sferum_bridge.store.tables import chats, rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.store.database import Tx

BOT_LANE, RELAY_LANE = "bot/", "relay/"
_FOR_THE_BOT = frozenset({"m.room.message", "m.room.encrypted", "m.reaction", "m.room.member"})


class Door:
    """Sorts events into the lanes of the inbox.

    `is_command` tells whether a text written in a room of many is meant for the bot;
    `own_mark` is the content key of what the bridge says in somebody's own name.
    """

    def __init__(
        self, *, bot_mxid: str, ghost_prefix: str, own_mark: str, is_command: Callable[[str], bool]
    ) -> None:
        self._bot = bot_mxid
        self._ghosts = f"@{ghost_prefix}"
        self._own_mark = own_mark
        self._is_command = is_command

    async def lanes(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Return the lane of each event, empty for what is nobody's business."""
        ids = {event["room_id"] for event in events}
        made = {
            row.room_id
            for row in await tx.all(
                select(rooms.c.room_id).where(
                    rooms.c.room_id.in_(ids), rooms.c.school_id.is_not(None)
                )
            )
        }
        linked = {
            row.room_id
            for row in await tx.all(select(chats.c.room_id).where(chats.c.room_id.in_(ids)))
        }
        return [self._lane(event, made | linked, linked) for event in events]

    def _lane(self, event: Mapping[str, Any], shared: set[str], linked: set[str]) -> str:
        room_id, sender, content = str(event["room_id"]), event["sender"], event["content"]
        ours = sender == self._bot or sender.startswith(self._ghosts)
        if ours or self._own_mark in content or event["type"] not in _FOR_THE_BOT:
            return ""
        if room_id not in shared:
            return BOT_LANE + room_id
        if event["type"] != "m.room.message":
            return ""
        body = content.get("body")
        if isinstance(body, str) and self._is_command(body):
            return BOT_LANE + room_id
        return RELAY_LANE + room_id if room_id in linked else ""
