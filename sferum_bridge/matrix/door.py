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
_KINDS = frozenset({"m.room.message", "m.room.encrypted", "m.reaction", "m.room.member"})


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

    def concerns_us(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event may be anybody's business, without asking the database."""
        sender = event["sender"]
        ours = sender == self._bot or sender.startswith(self._ghosts)
        return not ours and self._own_mark not in event["content"] and event["type"] in _KINDS

    async def lanes(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Return the lane of each event that may concern us, empty for what does not."""
        ids = {event["room_id"] for event in events}
        query = (
            select(rooms.c.room_id, chats.c.login_id)
            .join(chats, chats.c.room_id == rooms.c.room_id, isouter=True)
            .where(rooms.c.room_id.in_(ids), rooms.c.school_id.is_not(None))
        )
        linked = {row.room_id: row.login_id is not None for row in await tx.all(query)}
        return [self._lane(event, linked) for event in events]

    def _lane(self, event: Mapping[str, Any], linked: Mapping[str, bool]) -> str:
        room_id, content = str(event["room_id"]), event["content"]
        if room_id not in linked:
            return BOT_LANE + room_id
        if event["type"] != "m.room.message":
            return ""
        body = content.get("body")
        if isinstance(body, str) and self._is_command(body):
            return BOT_LANE + room_id
        return RELAY_LANE + room_id if linked[room_id] else ""
