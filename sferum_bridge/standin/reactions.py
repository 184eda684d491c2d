"""Reactions: one a person and message, named by numbers whose pictures the service gives out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.values import Kind, Message

if TYPE_CHECKING:
    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.settings import Settings

REACTION_IDS = range(1, 33)
I_SET, OTHER_SET, I_REMOVED, OTHER_REMOVED = 1, 2, 3, 4


class Reactions:
    """Who has reacted to what."""

    def __init__(
        self, database: Database, messages: Messages, journal: Journal, settings: Settings
    ) -> None:
        self._db = database
        self._messages = messages
        self._journal = journal
        self._settings = settings

    def of(self, message: Message) -> dict[int, list[int]]:
        """Return the people behind each reaction, the reactions in the order of their ids."""
        found: dict[int, list[int]] = defaultdict(list)
        for row in self._db.all(
            "SELECT reaction_id, user_id FROM reactions WHERE conversation_id = ? AND cmid = ?"
            " ORDER BY reaction_id, user_id",
            message.conversation_id,
            message.cmid,
        ):
            found[row["reaction_id"]].append(row["user_id"])
        return dict(found)

    def of_chat(self, conversation_id: int) -> dict[int, dict[int, int]]:
        """Return, for every cmid that has any, who has reacted and how."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for row in self._db.all(
            "SELECT cmid, user_id, reaction_id FROM reactions WHERE conversation_id = ?",
            conversation_id,
        ):
            found[row["cmid"]][row["user_id"]] = row["reaction_id"]
        return found

    def set(self, user_id: int, message: Message, reaction_id: int) -> None:
        """React in place of an earlier reaction; 0 takes it back.

        Raises:
            ApiError: 1009 for an unknown reaction, 1010 for a message that takes none.
        """
        if reaction_id and reaction_id not in REACTION_IDS:
            raise ApiError(Code.UNKNOWN_REACTION)
        if message.draft.action:
            raise ApiError(Code.NO_REACTIONS)
        place = message.conversation_id, message.cmid
        with self._db.transaction():
            self._db.run(
                "DELETE FROM reactions WHERE conversation_id = ? AND cmid = ? AND user_id = ?",
                *place,
                user_id,
            )
            if reaction_id:
                self._db.run(
                    "INSERT INTO reactions VALUES (?, ?, ?, ?, ?)",
                    *place,
                    user_id,
                    reaction_id,
                    user_id == message.from_id,
                )
            self._tell(user_id, message, reaction_id)

    def read(self, user_id: int, conversation_id: int, cmids: list[int]) -> None:
        """Note that the author has seen the reactions to its messages."""
        with self._db.transaction():
            for cmid in cmids:
                self._db.run(
                    "UPDATE reactions SET seen = 1 WHERE conversation_id = ? AND cmid = ?",
                    conversation_id,
                    cmid,
                )
            self._tell_unread(user_id, conversation_id)

    def unread(self, user_id: int, conversation_id: int) -> list[int]:
        """Return the cmids of the author's messages with reactions it has not seen."""
        rows = self._db.all(
            "SELECT DISTINCT cmid FROM reactions JOIN messages USING (conversation_id, cmid)"
            " WHERE conversation_id = ? AND from_id = ? AND NOT seen ORDER BY cmid",
            conversation_id,
            user_id,
        )
        return [row["cmid"] for row in rows]

    def _tell(self, user_id: int, message: Message, reaction_id: int) -> None:
        found = self.of(message)
        named = sum(map(len, found.values())) <= self._settings.named_reactions
        blocks = [[number, len(ids), ids if named else []] for number, ids in found.items()]
        for reader in self._messages.readers(message):
            data: dict[str, Any] = {"blocks": blocks, "tail": []}
            if reader == user_id:
                data["action"] = I_SET if reaction_id else I_REMOVED
                data["own"] = reaction_id
            else:
                data["action"] = OTHER_SET if reaction_id else OTHER_REMOVED
                if reaction_id:
                    data["tail"] = [1, user_id, reaction_id] if named else [0, reaction_id]
            self._journal.record(reader, Kind.REACTION, message.conversation_id, message.cmid, data)
        if user_id != message.from_id and reaction_id:
            self._tell_unread(message.from_id, message.conversation_id)

    def _tell_unread(self, user_id: int, conversation_id: int) -> None:
        data = {"cmids": self.unread(user_id, conversation_id)}
        self._journal.record(user_id, Kind.UNREAD_REACTIONS, conversation_id, 0, data)


def counters(found: dict[int, list[int]], most: int = 3) -> list[dict[str, Any]]:
    """Return reactions as the API counts them, which names at most three people each."""
    return [
        {"reaction_id": number, "count": len(ids), "user_ids": ids[:most]}
        for number, ids in found.items()
    ]


def check_known(reaction_id: int) -> None:
    """Raise error 100 for a number that is no reaction."""
    if reaction_id not in REACTION_IDS:
        raise bad_parameter("reaction_id")
