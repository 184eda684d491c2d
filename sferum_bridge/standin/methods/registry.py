"""All API methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.methods.call import Call

if TYPE_CHECKING:
    from sferum_bridge.standin.methods.chats import ChatMethods
    from sferum_bridge.standin.methods.people import PeopleMethods
    from sferum_bridge.standin.methods.polling import PollingMethods
    from sferum_bridge.standin.methods.reading import ReadingMethods
    from sferum_bridge.standin.methods.sending import SendingMethods

Method = Callable[[Call], Any]


def registry(
    people: PeopleMethods,
    sending: SendingMethods,
    reading: ReadingMethods,
    chats: ChatMethods,
    polling: PollingMethods,
) -> Mapping[str, Method]:
    """Return the methods this stand-in knows; any other name is error 3."""
    return {
        "users.get": people.get,
        "account.getProfileInfo": people.profile_info,
        "messages.send": sending.send,
        "messages.edit": sending.edit,
        "messages.delete": sending.delete,
        "messages.markAsRead": sending.mark_as_read,
        "messages.setActivity": sending.set_activity,
        "messages.getConversations": reading.conversations,
        "messages.getConversationsById": reading.conversations_by_id,
        "messages.getConversationMembers": reading.members,
        "messages.getHistory": reading.history,
        "messages.getById": reading.by_id,
        "messages.getByConversationMessageId": reading.by_conversation_message_id,
        "messages.createChat": chats.create,
        "messages.addChatUser": chats.add_user,
        "messages.removeChatUser": chats.remove_user,
        "messages.editChat": chats.edit,
        "messages.getLongPollServer": polling.server,
        "messages.getLongPollHistory": polling.history,
    }
