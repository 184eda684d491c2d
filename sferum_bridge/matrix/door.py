"""Whose business an event is, decided before anything is stored.

The homeserver sends every event of the rooms its bot is in, and the bot made every school room.
Only three kinds are kept: what concerns the bot's own chats, commands in school rooms, and what is
written in rooms with a linked chat. The rest of what a school says to itself is dropped here.

Of what happens to a school room beside that nothing is kept either: a change of members or shape
that the bridge did not make has the room looked at (`watch`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_

from sferum_bridge.school.drift import IN, MEMBER, NAME, POWER, WATCHED
from sferum_bridge.store import rooms as stored
from sferum_bridge.store.tables import chats, room_members, rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.store.database import Tx

BOT_LANE, RELAY_LANE = "bot/", "relay/"
_OF_THE_BOT = frozenset({"m.room.message", "m.room.encrypted", "m.reaction", "m.room.member"})
"""What may concern the bot in a chat of its own."""
_RELAYED = frozenset(
    {
        *("m.room.message", "m.room.encrypted", "m.sticker", "m.reaction", "m.room.redaction"),
        *("m.poll.start", "m.poll.response", "m.poll.end"),
        *("org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.response"),
        "org.matrix.msc3381.poll.end",
    }
)
"""What is said in a room with a linked chat, or done to what was said."""


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
        return self._is_said(event) or self._is_state(event)

    def _is_said(self, event: Mapping[str, Any]) -> bool:
        return (
            not self._is_ours(event)
            and self._own_mark not in event["content"]
            and event["type"] in _OF_THE_BOT | _RELAYED
        )

    def _is_state(self, event: Mapping[str, Any]) -> bool:
        """Tell whether it changes members or shape; server administrators act in the bot's name."""
        if not isinstance(event.get("state_key"), str):
            return False
        if event["type"] == MEMBER:
            return not self._is_ours(event) or self._is_the_bot_out(event)
        return event["type"] in WATCHED

    def _is_the_bot_out(self, event: Mapping[str, Any]) -> bool:
        return event["state_key"] == self._bot and event["content"].get("membership") not in IN

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        sender: str = event["sender"]
        return sender == self._bot or sender.startswith(self._ghosts)

    async def lanes(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Return the lane of each event that may concern us, empty for what does not."""
        ids = {event["room_id"] for event in events if self._is_said(event)}
        query = (
            select(rooms.c.room_id, chats.c.login_id)
            .join(chats, chats.c.room_id == rooms.c.room_id, isouter=True)
            .where(rooms.c.room_id.in_(ids), rooms.c.school_id.is_not(None))
        )
        linked = {row.room_id: row.login_id is not None for row in await tx.all(query)}
        return [self._lane(event, linked) if self._is_said(event) else "" for event in events]

    async def stirred(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the school rooms to which something happens here that the bridge did not do.

        Of its own acts those are known as such that it has noted by now. To take one of them for
        somebody else's costs one look.
        """
        events = [event for event in events if self._is_state(event)]
        ids = {event["room_id"] for event in events}
        query = select(rooms.c.room_id, rooms.c.key)
        ours = (rooms.c.room_id.in_(ids), rooms.c.school_id.is_not(None))
        keys = {row.room_id: row.key for row in await tx.all(query.where(*ours))} if ids else {}
        events = [event for event in events if event["room_id"] in keys]
        pairs = [(e["room_id"], e["state_key"]) for e in events if e["type"] == MEMBER]
        m = room_members.c
        known = select(m.room_id, m.mxid).where(tuple_(m.room_id, m.mxid).in_(pairs))
        members = {(row.room_id, row.mxid) for row in await tx.all(known)} if pairs else set()
        found: set[str] = set()
        for event in events:
            room_id, content = event["room_id"], event["content"]
            if event["type"] == MEMBER:
                now_in = content.get("membership") in IN
                is_known = (room_id, event["state_key"]) in members
                # Who is brought in was invited by the bridge, and whom it removed it has forgotten.
                expected = now_in == is_known and content.get("membership") not in {"ban", "knock"}
                expected = expected and event["state_key"] != self._bot
            else:
                record = await stored.by_room_id(tx, room_id)
                expected = record is not None and _is_noted(event, record.actual)
            if not expected:
                found.add(room_id)
        return found

    def _lane(self, event: Mapping[str, Any], linked: Mapping[str, bool]) -> str:
        room_id, content = str(event["room_id"]), event["content"]
        if room_id not in linked:
            return BOT_LANE + room_id if event["type"] in _OF_THE_BOT else ""
        body = content.get("body")
        is_message = event["type"] == "m.room.message"
        if is_message and isinstance(body, str) and self._is_command(body):
            return BOT_LANE + room_id
        return RELAY_LANE + room_id if linked[room_id] and event["type"] in _RELAYED else ""


def _is_noted(event: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """Tell whether a change of shape is the bridge's own last one."""
    key, content = (event["type"], event["state_key"]), event["content"]
    if key == NAME:
        return bool(content.get("name") == actual.get("name"))
    return key == POWER and content.get("users") == actual.get("users", ())
