"""Whose business an event is, decided before anything is stored.

The homeserver sends every event of the rooms its bot is in, and the bot made every school room.
Only five kinds are kept: what concerns the bot's own chats, commands in school rooms, what is
announced, reported or filed, what is written in rooms with a linked chat, and what the homeserver
extension refused. The rest of what a school says to itself is dropped here.

Of what happens to a school room beside that nothing is kept either: a change of members or shape
that the bridge did not make has the room looked at (`watch`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select, tuple_

from sferum_bridge.matrix.noted import is_noted
from sferum_bridge.school.drift import IN, MEMBER, WATCHED
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.materials import is_shelf
from sferum_bridge.school.tickets import is_flag
from sferum_bridge.store import announcements, materials
from sferum_bridge.store import rooms as stored
from sferum_bridge.store.tables import chats, room_members, rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sferum_bridge.store.database import Tx

BOT_LANE, RELAY_LANE = "bot/", "relay/"
REFUSED = "io.github.sferum_bridge.refused"
"""What the homeserver extension has the bot say in a gate room: whom to tell why something was
refused."""
_OF_THE_BOT = frozenset({"m.room.message", "m.room.encrypted", "m.reaction", "m.room.member"})
"""What may concern the bot in a chat of its own."""
_WRITTEN = frozenset(
    {"m.room.message", "m.sticker", "m.poll.start", "org.matrix.msc3381.poll.start"}
)
"""What may hold words of its sender."""
_RELAYED = frozenset(
    {
        *_WRITTEN,
        *("m.room.encrypted", "m.reaction", "m.room.redaction", "m.poll.response", "m.poll.end"),
        *("org.matrix.msc3381.poll.response", "org.matrix.msc3381.poll.end"),
        "m.room.pinned_events",
    }
)
"""What is said in a room with a linked chat, or done to what was said."""
# Built once: it is asked of every transaction.
_ROOMS = (
    select(rooms.c.room_id, rooms.c.kind, rooms.c.school_id, chats.c.login_id)
    .join(chats, chats.c.room_id == rooms.c.room_id, isouter=True)
    # Rooms of personal chats are no school's, and linked.
    .where(
        rooms.c.room_id.in_(bindparam("ids", expanding=True)),
        or_(rooms.c.school_id.is_not(None), chats.c.login_id.is_not(None)),
    )
)


class Door:
    """Sorts events into the lanes of the inbox.

    `is_for_the_bot` tells by its content whether what was written in a room of many is meant for
    the bot, or is for nobody else to see; `own_mark` is the content key of what the bridge says in
    somebody's own name, and `is_copied` tells who carries it though it is another's.
    """

    def __init__(
        self,
        *,
        bot_mxid: str,
        ghost_prefix: str,
        own_mark: str,
        is_copied: Callable[[Mapping[str, Any]], bool] = lambda _: False,
        is_for_the_bot: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        self._bot = bot_mxid
        self._ghosts = f"@{ghost_prefix}"
        self._own_mark = own_mark
        self._is_copied = is_copied
        self._is_for_the_bot = is_for_the_bot

    def concerns_us(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event may be anybody's business, without asking the database."""
        if self._is_enrolment(event):
            return False
        return (
            self._is_said(event)
            or self._is_state(event)
            or self._is_refusal(event)
            # Listed materials follow what ghosts and the bot do to messages, too.
            or bool(_changes(event))
        )

    def is_own(self, event: Mapping[str, Any]) -> bool:
        """Tell whether the bridge itself said or did it: as its bot, a ghost, or in one's name."""
        return self._is_ours(event) or self._own_mark in event["content"]

    def _is_refusal(self, event: Mapping[str, Any]) -> bool:
        kind, sender = str(event["type"]), str(event["sender"])
        return kind == REFUSED and sender == self._bot

    def _is_said(self, event: Mapping[str, Any]) -> bool:
        return (
            not self._is_ours(event)
            and (self._own_mark not in event["content"] or self._is_copied(event))
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
        return event["state_key"] == self._bot and _membership(event) not in IN

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        sender: str = event["sender"]
        return sender == self._bot or sender.startswith(self._ghosts)

    async def lanes(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Return the lane of each event that may concern us, empty for what does not."""
        ids = {event["room_id"] for event in events if self._is_said(event)}
        rows = await tx.all(_ROOMS, {"ids": list(ids)})
        linked = {row.room_id: row.login_id is not None for row in rows}
        # Where a chat is linked, what is said is the chat's; there `!` begins an announcement.
        heard = {Kind.ANNOUNCEMENTS, Kind.MATERIALS}
        speaks = {row.room_id for row in rows if row.kind in heard and row.login_id is None}
        of_school = {row.room_id for row in rows if row.school_id is not None}
        changed = {_changes(event) for event in events if self._is_said(event)} - {""}
        announced = await announcements.originals(tx, changed)
        return [
            self._lane(event, linked, of_school, speaks, announced)
            if self._is_said(event)
            else BOT_LANE + "refused"
            if self._is_refusal(event)
            else ""
            for event in events
        ]

    async def followed(
        self, tx: Tx, events: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """Return the events that change or take away a message which is listed as material."""
        known = await materials.known(tx, {_changes(event) for event in events} - {""})
        return [event for event in events if _changes(event) in known] if known else []

    async def stirred(self, tx: Tx, events: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the school rooms to which something happens here that the bridge did not do.

        Of its own acts those are known as such that it has noted by now. To take one of them for
        somebody else's costs one look.
        """
        events = [event for event in events if self._is_state(event)]
        if not events:
            return set()
        ids = {event["room_id"] for event in events}
        query = select(rooms.c.room_id, rooms.c.key)
        ours = (rooms.c.room_id.in_(ids), rooms.c.school_id.is_not(None))
        keys = {row.room_id: row.key for row in await tx.all(query.where(*ours))}
        events = [event for event in events if event["room_id"] in keys]
        pairs = [(e["room_id"], e["state_key"]) for e in events if e["type"] == MEMBER]
        m = room_members.c
        known = select(m.room_id, m.mxid).where(tuple_(m.room_id, m.mxid).in_(pairs))
        members = {(row.room_id, row.mxid) for row in await tx.all(known)} if pairs else set()
        found: set[str] = set()
        for event in events:
            room_id = event["room_id"]
            if event["type"] == MEMBER:
                now_in = _membership(event) in IN
                is_known = (room_id, event["state_key"]) in members
                # Who is brought in was invited by the bridge, and whom it removed it has forgotten.
                expected = now_in == is_known and _membership(event) not in {"ban", "knock"}
                expected = expected and event["state_key"] != self._bot
            else:
                record = await stored.by_room_id(tx, room_id)
                expected = record is not None and await is_noted(tx, event, record, self._bot)
            if not expected:
                found.add(room_id)
        return found

    def _is_enrolment(self, event: Mapping[str, Any]) -> bool:
        """Tell whether the bridge brought somebody in: the bot authorises no other join."""
        by = event["content"].get("join_authorised_via_users_server")
        return event["type"] == MEMBER and by == self._bot and _membership(event) == "join"

    def _lane(
        self,
        event: Mapping[str, Any],
        linked: Mapping[str, bool],
        of_school: Collection[str],
        speaks: Collection[str],
        announced: Collection[str],
    ) -> str:
        room_id = str(event["room_id"])
        changes = _changes(event)
        if room_id not in linked:
            is_ours = event["type"] in _OF_THE_BOT or changes in announced
            return BOT_LANE + room_id if is_ours else ""
        if event["type"] in _WRITTEN and self._is_for_the_bot(event["content"]):
            return BOT_LANE + room_id
        if room_id in of_school and _is_for_the_school(event):
            return BOT_LANE + room_id
        said_anew = event["type"] == "m.room.message" and not changes
        if changes in announced or (room_id in speaks and said_anew):
            return BOT_LANE + room_id
        return RELAY_LANE + room_id if linked[room_id] and event["type"] in _RELAYED else ""


def _is_for_the_school(event: Mapping[str, Any]) -> bool:
    """Tell whether it is a reaction that reports or files a message: it goes to the bot alone."""
    relation = event["content"].get("m.relates_to")
    key = relation.get("key") if isinstance(relation, dict) else None
    return event["type"] == "m.reaction" and (is_flag(key) or is_shelf(key))


def _changes(event: Mapping[str, Any]) -> str:
    """Return the message an event edits or takes away, empty where it does neither."""
    content = event["content"]
    if event["type"] == "m.room.redaction":
        target = content.get("redacts") or event.get("redacts")
        return target if isinstance(target, str) and is_storable(target) else ""
    relation = content.get("m.relates_to")
    if not isinstance(relation, dict) or relation.get("rel_type") != "m.replace":
        return ""
    target = relation.get("event_id")
    return target if isinstance(target, str) and is_storable(target) else ""


def _membership(event: Mapping[str, Any]) -> str:
    found = event["content"].get("membership")
    return found if isinstance(found, str) else ""


def is_storable(text: str) -> bool:
    """Tell whether databases take a text: what none does would be sent again for ever."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
