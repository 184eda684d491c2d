"""Messages and the copies that accounts have of them.

A message exists once and is named by its conversation and `cmid`. Every member has a copy with a
`message_id` of the account's own count; hiding the copy is "deleted for me".
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from sferum_bridge.standin.values import Draft, Message

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from sferum_bridge.standin.database import Database

VISIBLE = (
    "SELECT m.* FROM copies c JOIN messages m USING (conversation_id, cmid)"
    " WHERE c.user_id = ? AND c.conversation_id = ? AND NOT c.hidden AND NOT m.deleted"
)
OLDEST_FIRST = VISIBLE + " ORDER BY c.cmid LIMIT ? OFFSET ?"
NEWEST_FIRST = VISIBLE + " ORDER BY c.cmid DESC LIMIT ? OFFSET ?"


class Messages:
    """The messages in the state file. Knows no rule: `messenger` asks before it changes."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._db = database
        self._clock = clock

    def add(
        self,
        conversation_id: int,
        from_id: int,
        draft: Draft,
        readers: Iterable[int],
        date: int = 0,
    ) -> Message:
        """Append a message to a conversation and give each reader a copy; `date` 0 is now."""
        cmid = self._db.number(
            "UPDATE conversations SET last_cmid = last_cmid + 1 WHERE id = ? RETURNING last_cmid",
            conversation_id,
        )
        date = date or int(self._clock())
        self._db.run(
            "INSERT INTO messages VALUES (?, ?, ?, ?, 0, 0, ?, ?)",
            conversation_id,
            cmid,
            from_id,
            date,
            draft.random_id,
            json.dumps(asdict(draft), ensure_ascii=False),
        )
        for user_id in readers:
            message_id = self._db.number(
                "UPDATE profiles SET last_message_id = last_message_id + 1"
                " WHERE user_id = ? RETURNING last_message_id",
                user_id,
            )
            self._db.run(
                "INSERT INTO copies VALUES (?, ?, ?, ?, 0)",
                user_id,
                conversation_id,
                cmid,
                message_id,
            )
        return Message(conversation_id, cmid, from_id, date, 0, deleted=False, draft=draft)

    def earlier(
        self, conversation_id: int, from_id: int, random_id: int, since: float
    ) -> Message | None:
        """Return the message that was sent with this `random_id` since a moment, if one was."""
        row = self._db.one(
            "SELECT * FROM messages WHERE conversation_id = ? AND from_id = ? AND random_id = ?"
            " AND random_id != 0 AND date >= ? ORDER BY cmid DESC",
            conversation_id,
            from_id,
            random_id,
            since,
        )
        return _message(row) if row else None

    def rewrite(self, message: Message, draft: Draft, *, edited: bool = True) -> None:
        """Replace what a message says; it may be no edit of its author."""
        self._db.run(
            "UPDATE messages SET draft = ?, update_time = ? WHERE conversation_id = ? AND cmid = ?",
            json.dumps(asdict(draft), ensure_ascii=False),
            int(self._clock()) if edited else message.update_time,
            message.conversation_id,
            message.cmid,
        )

    def delete(self, message: Message) -> list[int]:
        """Delete a message for everybody; return the accounts that had it in sight."""
        self._db.run(
            "UPDATE messages SET deleted = 1 WHERE conversation_id = ? AND cmid = ?",
            message.conversation_id,
            message.cmid,
        )
        return self.readers(message)

    def hide(self, message: Message, user_id: int, *, hidden: bool = True) -> None:
        """Delete one account's copy, or bring it back."""
        self._db.run(
            "UPDATE copies SET hidden = ? WHERE user_id = ? AND conversation_id = ? AND cmid = ?",
            hidden,
            user_id,
            message.conversation_id,
            message.cmid,
        )

    def wipe(self, user_id: int, conversation_id: int) -> None:
        """Delete one account's copies of a whole conversation."""
        self._db.run(
            "UPDATE copies SET hidden = 1 WHERE user_id = ? AND conversation_id = ?",
            user_id,
            conversation_id,
        )

    def readers(self, message: Message) -> list[int]:
        """Return the accounts that have a copy they did not delete."""
        rows = self._db.all(
            "SELECT user_id FROM members JOIN copies USING (user_id, conversation_id)"
            " WHERE conversation_id = ? AND cmid = ? AND NOT hidden",
            message.conversation_id,
            message.cmid,
        )
        return [row["user_id"] for row in rows]

    def get(self, conversation_id: int, cmid: int) -> Message | None:
        """Return a message, also a deleted one."""
        row = self._db.one(
            "SELECT * FROM messages WHERE conversation_id = ? AND cmid = ?", conversation_id, cmid
        )
        return _message(row) if row else None

    def seen(self, user_id: int, conversation_id: int, cmid: int) -> Message | None:
        """Return a message that the account has and nobody deleted."""
        row = self._db.one(
            "SELECT m.* FROM copies c JOIN messages m USING (conversation_id, cmid)"
            " WHERE c.user_id = ? AND c.conversation_id = ? AND c.cmid = ?"
            " AND NOT c.hidden AND NOT m.deleted",
            user_id,
            conversation_id,
            cmid,
        )
        return _message(row) if row else None

    def shown(self, user_id: int, conversation_id: int, cmid: int) -> Message | None:
        """Return a message that the account sees, or its own one that was deleted for all."""
        message = self.get(conversation_id, cmid)
        if message and message.deleted and message.from_id == user_id:
            return message
        return self.seen(user_id, conversation_id, cmid)

    def place(self, user_id: int, message_id: int) -> tuple[int, int] | None:
        """Return conversation and cmid of a message by the account's own number for it."""
        row = self._db.one(
            "SELECT conversation_id, cmid FROM copies WHERE user_id = ? AND message_id = ?",
            user_id,
            message_id,
        )
        return (row["conversation_id"], row["cmid"]) if row else None

    def seen_by_id(self, user_id: int, message_id: int) -> Message | None:
        """Return a message that the account sees by the account's own number for it."""
        place = self.place(user_id, message_id)
        return self.seen(user_id, *place) if place else None

    def message_id(self, user_id: int, conversation_id: int, cmid: int) -> int:
        """Return the account's number for its newest copy at or before `cmid`; 0 for none."""
        return self._db.number(
            "SELECT message_id FROM copies WHERE user_id = ? AND conversation_id = ? AND cmid <= ?"
            " ORDER BY cmid DESC LIMIT 1",
            user_id,
            conversation_id,
            cmid,
        )

    def visible(
        self, user_id: int, conversation_id: int, offset: int, count: int, *, oldest_first: bool
    ) -> list[Message]:
        """Return a stretch of what an account sees of a conversation."""
        query = OLDEST_FIRST if oldest_first else NEWEST_FIRST
        rows = self._db.all(query, user_id, conversation_id, count, offset)
        return [_message(row) for row in rows]

    def count_visible(
        self, user_id: int, conversation_id: int, first: int = 0, last: int = 2**62
    ) -> int:
        """Count what an account sees of a conversation between two cmids, both included."""
        return self._db.number(
            "SELECT count(*) FROM copies c JOIN messages m USING (conversation_id, cmid)"
            " WHERE c.user_id = ? AND c.conversation_id = ? AND c.cmid BETWEEN ? AND ?"
            " AND NOT c.hidden AND NOT m.deleted",
            user_id,
            conversation_id,
            first,
            last,
        )

    def count_after(self, user_id: int, conversation_id: int, cmid: int, *, own: bool) -> int:
        """Count what an account sees after `cmid`: its own messages, or those of others."""
        return self._db.number(
            "SELECT count(*) FROM copies c JOIN messages m USING (conversation_id, cmid)"
            " WHERE c.user_id = ? AND c.conversation_id = ? AND c.cmid > ? AND (m.from_id = ?) = ?"
            " AND NOT c.hidden AND NOT m.deleted",
            user_id,
            conversation_id,
            cmid,
            user_id,
            own,
        )

    def authors(self, conversation_id: int, first: int, last: int) -> list[int]:
        """Return who wrote between two cmids, both included."""
        rows = self._db.all(
            "SELECT DISTINCT from_id FROM messages"
            " WHERE conversation_id = ? AND cmid BETWEEN ? AND ?",
            conversation_id,
            first,
            last,
        )
        return [row["from_id"] for row in rows]

    def everything(self, conversation_id: int) -> list[Message]:
        """Return every message of a conversation, deleted ones included, oldest first."""
        rows = self._db.all(
            "SELECT * FROM messages WHERE conversation_id = ? ORDER BY cmid", conversation_id
        )
        return [_message(row) for row in rows]


def _message(row: sqlite3.Row) -> Message:
    kept = json.loads(row["draft"])
    for name in ("forwards", "attachments"):
        kept[name] = tuple(kept[name])
    return Message(
        row["conversation_id"],
        row["cmid"],
        row["from_id"],
        row["date"],
        row["update_time"],
        deleted=bool(row["deleted"]),
        draft=Draft(**kept),
    )
