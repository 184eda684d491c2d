"""Conversations and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.standin.values import CHAT_BASE, Conversation, Member

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.settings import Settings

CHANGEABLE = frozenset(("title", "description", "photo", "pinned_cmid", "link", "writing_disabled"))


class Chats:
    """The conversations in the state file. Knows no rule: `messenger` asks before it changes."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float]) -> None:
        self._db = database
        self._settings = settings
        self._clock = clock

    def create(self, title: str, owner_id: int, members: Sequence[int]) -> Conversation:
        """Create a chat of its owner and other members."""
        with self._db.transaction():
            chat = self._insert(title, owner_id, is_chat=True)
            for user_id in dict.fromkeys((owner_id, *members)):
                self.join(chat, user_id, owner_id)
        return self.get(chat)

    def dialog(self, user_id: int, other: int) -> Conversation:
        """Return the dialog of two users (or of one with itself), creating it the first time."""
        member = self.member_by_peer(user_id, other)
        if member:
            return self.get(member.conversation_id)
        with self._db.transaction():
            dialog = self._insert("", user_id, is_chat=False)
            for mine, theirs in dict.fromkeys(((user_id, other), (other, user_id))):
                self._add_member(dialog, mine, theirs, user_id, is_admin=False)
        return self.get(dialog)

    def join(self, conversation_id: int, user_id: int, invited_by: int) -> None:
        """Make a user a member of a chat, again if they were one before."""
        back = self._db.run(
            "UPDATE members SET state = 'in', invited_by = ?, join_date = ?"
            " WHERE conversation_id = ? AND user_id = ?",
            invited_by,
            int(self._clock()),
            conversation_id,
            user_id,
        )
        if not back:
            peer_id = self._new_peer_id(conversation_id, user_id)
            owner = user_id == self.get(conversation_id).owner_id
            self._add_member(conversation_id, user_id, peer_id, invited_by, is_admin=owner)

    def depart(self, conversation_id: int, user_id: int, state: str) -> None:
        """Take a member out; `state` says how: `left` or `kicked`."""
        self._db.run(
            "UPDATE members SET state = ?, is_admin = 0 WHERE conversation_id = ? AND user_id = ?",
            state,
            conversation_id,
            user_id,
        )

    def change(self, conversation_id: int, **wanted: str | int) -> None:
        """Change what a chat is: columns of its row and their values."""
        for column, value in wanted.items():
            if column not in CHANGEABLE:
                raise ValueError(column)
            query = f"UPDATE conversations SET {column} = ? WHERE id = ?"  # noqa: S608 - see above
            self._db.run(query, value, conversation_id)

    def appoint(self, conversation_id: int, user_id: int, *, is_admin: bool) -> None:
        """Make a member an administrator, or an ordinary member again."""
        self._db.run(
            "UPDATE members SET is_admin = ? WHERE conversation_id = ? AND user_id = ?",
            is_admin,
            conversation_id,
            user_id,
        )

    def advance_read(self, conversation_id: int, user_id: int, cmid: int) -> bool:
        """Move a member's read mark forward; return whether it moved."""
        changed = self._db.run(
            "UPDATE members SET read_cmid = ?"
            " WHERE conversation_id = ? AND user_id = ? AND read_cmid < ?",
            cmid,
            conversation_id,
            user_id,
            cmid,
        )
        return changed > 0

    def exists(self, conversation_id: int) -> bool:
        """Tell whether there is such a conversation."""
        return self._db.one("SELECT 1 FROM conversations WHERE id = ?", conversation_id) is not None

    def by_link(self, link: str) -> Conversation | None:
        """Return the chat that an invite link leads into."""
        number = self._db.number("SELECT id FROM conversations WHERE link = ?", link) if link else 0
        return self.get(number) if number else None

    def get(self, conversation_id: int) -> Conversation:
        """Return a conversation that exists."""
        row = self._db.one("SELECT * FROM conversations WHERE id = ?", conversation_id)
        if row is None:
            raise LookupError(conversation_id)
        return Conversation(
            row["id"],
            bool(row["is_chat"]),
            row["title"],
            row["owner_id"],
            row["last_cmid"],
            bool(row["writing_disabled"]),
            row["description"],
            row["photo"],
            row["pinned_cmid"],
            row["link"],
        )

    def member(self, conversation_id: int, user_id: int) -> Member | None:
        """Return a user's part in a conversation, also when it is over."""
        where = "WHERE conversation_id = ? AND user_id = ?"
        return next(iter(self._members(where, conversation_id, user_id)), None)

    def member_by_peer(self, user_id: int, peer_id: int) -> Member | None:
        """Return a user's part in the conversation that the user calls `peer_id`."""
        return next(
            iter(self._members("WHERE user_id = ? AND peer_id = ?", user_id, peer_id)), None
        )

    def members(self, conversation_id: int) -> list[Member]:
        """Return the members who are in a conversation now, in the order of their joining."""
        where = "WHERE conversation_id = ? AND state = 'in' ORDER BY join_date, user_id"
        return self._members(where, conversation_id)

    def all_of(self, user_id: int) -> list[Member]:
        """Return a user's part in every conversation, also those that are over."""
        return self._members("WHERE user_id = ?", user_id)

    def _insert(self, title: str, owner_id: int, *, is_chat: bool) -> int:
        return self._db.number(
            "INSERT INTO conversations (is_chat, title, owner_id) VALUES (?, ?, ?) RETURNING id",
            is_chat,
            title,
            owner_id,
        )

    def _add_member(
        self, conversation_id: int, user_id: int, peer_id: int, invited_by: int, *, is_admin: bool
    ) -> None:
        self._db.run(
            "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, 'in', 0)",
            conversation_id,
            user_id,
            peer_id,
            invited_by,
            int(self._clock()),
            is_admin,
        )

    def _new_peer_id(self, conversation_id: int, user_id: int) -> int:
        if self._settings.shared_chat_ids:
            return CHAT_BASE + conversation_id
        highest = self._db.number("SELECT max(peer_id) FROM members WHERE user_id = ?", user_id)
        return max(highest, CHAT_BASE) + 1

    def _members(self, where: str, *values: int) -> list[Member]:
        rows = self._db.all(f"SELECT * FROM members {where}", *values)  # noqa: S608 - ours alone
        return [_member(row) for row in rows]


def _member(row: sqlite3.Row) -> Member:
    return Member(
        row["conversation_id"],
        row["user_id"],
        row["peer_id"],
        row["invited_by"],
        row["join_date"],
        bool(row["is_admin"]),
        row["state"],
        row["read_cmid"],
    )
