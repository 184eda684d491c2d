"""Finding the chat that one login sees among the chats of another.

Each account numbers chats for itself, so the number says nothing. A chat is taken for the same only
when all of this fits, and only one does: the title, exactly the same people, and a message among
the last few that has the same place, writer and time on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.network.base import Connector

_LAST = 10


@dataclass(frozen=True, slots=True)
class Portrait:
    """By what a chat is known, whoever looks at it."""

    title: str
    people: frozenset[str]
    last: Mapping[str, tuple[str, int]]
    """Message → writer and time, of the last few."""

    def is_of(self, other: Portrait) -> bool:
        """Tell whether two portraits are of one chat."""
        both = self.last.keys() & other.last.keys()
        return (
            (self.title, self.people) == (other.title, other.people)
            and bool(both)
            and all(self.last[id_] == other.last[id_] for id_ in both)
        )


async def portray(connector: Connector, chat_id: str, title: str) -> Portrait:
    """Look at a chat. Raises `NetworkError`."""
    people = frozenset(one.contact.id for one in await connector.members(chat_id))
    messages = await connector.history(chat_id, after="", limit=_LAST)
    last = {one.message_id: (one.sender_id, one.sent_at) for one in messages}
    return Portrait(title, people, last)


async def find(wanted: Portrait, connector: Connector) -> str:
    """Return the id by which another login knows a chat, empty when that is not certain.

    Raises:
        NetworkError: It could not be asked.
    """
    found = []
    for chat in await connector.chats():
        alike = chat.is_group and chat.title == wanted.title
        if alike and wanted.is_of(await portray(connector, chat.id, chat.title)):
            found.append(chat.id)
    return found[0] if len(found) == 1 else ""
