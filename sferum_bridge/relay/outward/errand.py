"""One event of a linked room on its way to the network, and whose login takes it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.relay.outward.to_network import event_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.queues import Item


@dataclass(frozen=True, slots=True)
class Errand:
    """An event, its chat, and the login through which the chat is known.

    `logins` are all logins of the same network; `ghost` gives the remote id of a ghost's account.
    """

    item: Item
    chat: Chat
    login: Login
    logins: Sequence[Login]
    ghost: Callable[[str], str]

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
        changes = {"m.room.redaction", "m.reaction"}
        is_edit = self._relation.get("rel_type") == "m.replace"
        return self.item.content["type"] not in changes and not is_edit

    @property
    def target(self) -> str:
        """Return the event this one is about, empty for none."""
        return event_id_of(self._relation.get("event_id"))

    @property
    def _relation(self) -> Mapping[str, Any]:
        relation = self.content.get("m.relates_to")
        return relation if isinstance(relation, Mapping) else {}

    def mentioned(self, mxid: str) -> str:
        """Return the remote id of a Matrix account, empty for who has none."""
        owned = (one.account_id for one in self.logins if one.mxid == mxid)
        return self.ghost(mxid) or next(owned, "")
