"""Making chats and changing who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import bad_parameter
from sferum_bridge.standin.values import CHAT_BASE

if TYPE_CHECKING:
    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call

LONGEST_TITLE = 200


class ChatMethods:
    """Methods about chats."""

    def __init__(self, messenger: Messenger, chats: Chats) -> None:
        self._messenger = messenger
        self._chats = chats

    def create(self, call: Call) -> dict[str, Any]:
        """messages.createChat: the caller owns it."""
        guests = call.numbers("user_ids", 1000)
        chat = self._messenger.create_chat(call.user_id, _title(call), guests)
        mine = self._chats.member(chat.id, call.user_id)
        if mine is None:
            raise LookupError(chat.id)
        return {"chat_id": mine.peer_id - CHAT_BASE, "peer_ids": guests}

    def add_user(self, call: Call) -> int:
        """messages.addChatUser: invite somebody."""
        self._messenger.invite(call.user_id, call.chat_peer(), call.number("user_id"))
        return 1

    def remove_user(self, call: Call) -> int:
        """messages.removeChatUser: take somebody out, or leave."""
        name = "member_id" if call.has("member_id") else "user_id"
        self._messenger.remove(call.user_id, call.chat_peer(), call.number(name))
        return 1

    def edit(self, call: Call) -> int:
        """messages.editChat: another title."""
        self._messenger.rename(call.user_id, call.chat_peer(), _title(call))
        return 1


def _title(call: Call) -> str:
    title = call.text("title", LONGEST_TITLE).strip()
    if not title:
        raise bad_parameter("title", "is undefined")
    return title
