"""One event of a linked room on its way to the network, and whose login takes it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.relay.outward.to_network import PINNED, REDACTION, event_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.queues import Item
    from sferum_bridge.store.sending import Tried

NOTED = "sferum_bridge.noted"
"""In a row that was begun: the other event of which it has noted parts."""


@dataclass(frozen=True, slots=True)
class Errand:
    """An event, the chat it belongs to, and the login through which it goes there.

    What is known of messages is kept under `chat`, as the linked login knows it. `ways` are the
    numbers of that chat by the logins that know it and work; `logins` all of the same network;
    `ghost` gives the remote id of a ghost's account. `begun` are the parts that were to be sent
    before, and are not known to be on the other side. `repeats` is the event that is sent again by
    the word of this one.
    """

    item: Item
    chat: Chat
    login: Login
    ways: Mapping[str, str]
    logins: Sequence[Login]
    ghost: Callable[[str], str]
    begun: Sequence[Tried] = ()
    repeats: str = ""

    @property
    def known_as(self) -> str:
        """Return the number by which the errand's login knows the chat."""
        return self.ways[self.login.id]

    @property
    def is_linked(self) -> bool:
        """Tell whether it goes through the linked login, which hears it as its own."""
        return self.login.id == self.chat.login_id

    def through(self, login_id: str) -> Errand | None:
        """Return the errand as another login carries it out, `None` if that one cannot."""
        for login in self.logins:
            if login.id == login_id and login_id in self.ways:
                return replace(self, login=login)
        return None

    @property
    def sender(self) -> str:
        """Return who wrote the event."""
        return str(self.item.content["sender"])

    @property
    def content(self) -> Mapping[str, Any]:
        """Return the content of the event."""
        content: Mapping[str, Any] = self.item.content["content"]
        return content

    @property
    def is_own(self) -> bool:
        """Tell whether the sender speaks through their own login."""
        return bool(self.login.mxid) and self.login.mxid == self.sender

    @property
    def is_new(self) -> bool:
        """Tell whether it says something, rather than change what was said."""
        changes = {REDACTION, PINNED, "m.reaction"}
        return self.item.content["type"] not in changes and not self._edits

    @property
    def stands_for(self) -> set[str]:
        """Return the events of which it is enough that one is taken back: nothing is left to do."""
        return {self.item.name, self._edits, self.repeats} - {""}

    @property
    def may_be_there(self) -> bool:
        """Tell whether parts were noted before a kill, of which nobody knows if they arrived."""
        return bool(self.begun) or NOTED in self.item.content

    @property
    def _edits(self) -> str:
        is_edit = _relation(self.content).get("rel_type") == "m.replace"
        return self.target if is_edit else ""

    @property
    def target(self) -> str:
        """Return the event this one is about, empty for none."""
        return target_of(self.content)

    def mentioned(self, mxid: str) -> str:
        """Return the remote id of a Matrix account, empty for who has none."""
        owned = (one.account_id for one in self.logins if one.mxid == mxid)
        return self.ghost(mxid) or next(owned, "")


def target_of(content: Mapping[str, Any]) -> str:
    """Return the event that one with such a content is about, empty for none."""
    return event_id_of(_relation(content).get("event_id"))


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, Mapping) else {}
