"""Calls in conversations: a message while one goes on, another one in its place when it is over."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.errors import ApiError, Code
from sferum_bridge.standin.values import CHAT_BASE, Draft, Kind, Member

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger

CALL_CHANGED = 19
CALL_UNDER_WAY = 16_777_216
"""The flag of a conversation in which somebody is calling."""
JOIN_HOST = "https://vk.com/call/join/"
REACHED = "reached"


class Calls:
    """The calls that go on."""

    def __init__(
        self,
        database: Database,
        chats: Chats,
        messages: Messages,
        messenger: Messenger,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._db = database
        self._chats = chats
        self._messages = messages
        self._messenger = messenger
        self._journal = journal
        self._clock = clock

    def start(self, user_id: int, peer_id: int = 0, *, video: bool = False) -> dict[str, str]:
        """Call: a chat gets a message with the link, the other one of a dialog is rung up.

        Without a peer it is a call that nobody is told of. Returns `call_id` and `join_link`.
        """
        call_id = str(uuid.uuid4())
        join_link = JOIN_HOST + secrets.token_urlsafe(24)
        with self._db.transaction():
            conversation_id = cmid = 0
            if peer_id:
                member = self._messenger.present_part(user_id, peer_id)
                conversation_id = member.conversation_id
                cmid = self._announce(member, call_id, join_link)
            self._db.run(
                "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?)",
                call_id,
                conversation_id,
                cmid,
                user_id,
                int(self._clock()),
                video,
            )
        return {"call_id": call_id, "join_link": join_link}

    def finish(
        self, user_id: int, call_id: str, *, state: str = REACHED, seconds: int | None = None
    ) -> None:
        """End a call as one who is in the conversation (100 for one that is over).

        `seconds` is how long it lasted, by the clock when it is not given.
        """
        row = self._db.one("SELECT * FROM calls WHERE call_id = ?", call_id)
        if row is None:
            raise ApiError(Code.PARAMETER, "call_id is invalid")
        member = self._chats.member(row["conversation_id"], user_id)
        if user_id != row["initiator_id"] and (member is None or not member.present):
            raise ApiError(Code.ACCESS)
        with self._db.transaction():
            self._db.run("DELETE FROM calls WHERE call_id = ?", call_id)
            if row["conversation_id"]:
                lasted = int(self._clock()) - row["started"] if seconds is None else seconds
                self._replace(row, state, lasted)

    def _announce(self, member: Member, call_id: str, join_link: str) -> int:
        chat = self._chats.get(member.conversation_id)
        for other in self._chats.members(chat.id):
            if other.user_id != member.user_id:
                data = {"call_id": call_id, "caller": member.user_id}
                self._journal.record(other.user_id, Kind.CALL, chat.id, 0, data)
        if member.peer_id < CHAT_BASE:
            return 0
        shape = shapes.call_under_way(member.user_id, join_link, [member.user_id])
        attachment = {"type": "group_call_in_progress", "group_call_in_progress": shape}
        message = self._messenger.append(chat, member.user_id, Draft(attachments=(attachment,)))
        self._tell(chat.id, going_on=True)
        return message.cmid

    def _replace(self, row: sqlite3.Row, state: str, seconds: int) -> None:
        chat = self._chats.get(row["conversation_id"])
        message = self._messages.get(chat.id, row["cmid"])
        if message:
            self._messenger.withdraw(message)
            self._tell(chat.id, going_on=False)
        caller = self._chats.member(chat.id, row["initiator_id"])
        shape = shapes.ended_call(
            row["initiator_id"],
            caller.peer_id if caller else 0,
            state,
            row["started"],
            seconds=seconds,
            video=bool(row["video"]),
        )
        attachment: dict[str, Any] = {"type": "call", "call": shape}
        self._messenger.append(chat, row["initiator_id"], Draft(attachments=(attachment,)))

    def _tell(self, conversation_id: int, *, going_on: bool) -> None:
        self._messenger.tell_change(conversation_id, CALL_CHANGED, int(going_on))
        flags = {"set": going_on, "mask": CALL_UNDER_WAY}
        for member in self._chats.members(conversation_id):
            self._journal.record(member.user_id, Kind.PEER_FLAGS, conversation_id, 0, flags)
