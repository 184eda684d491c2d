"""All API methods by name. `execute`, which calls others, is known to `web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.methods.call import Call

if TYPE_CHECKING:
    from sferum_bridge.standin.methods.calling import CallMethods
    from sferum_bridge.standin.methods.chats import ChatMethods
    from sferum_bridge.standin.methods.people import PeopleMethods
    from sferum_bridge.standin.methods.polling import PollingMethods
    from sferum_bridge.standin.methods.reacting import ReactingMethods
    from sferum_bridge.standin.methods.reading import ReadingMethods
    from sferum_bridge.standin.methods.sending import SendingMethods
    from sferum_bridge.standin.methods.uploading import UploadingMethods

Method = Callable[[Call], Any]


def registry(
    people: PeopleMethods,
    sending: SendingMethods,
    reading: ReadingMethods,
    chats: ChatMethods,
    polling: PollingMethods,
    uploading: UploadingMethods,
    reacting: ReactingMethods,
    calling: CallMethods,
) -> Mapping[str, Method]:
    """Return the methods this stand-in knows; any other name is error 3."""
    return {
        "users.get": people.get,
        "groups.getById": people.groups,
        "account.getProfileInfo": people.profile_info,
        "account.setSilenceMode": chats.silence,
        "messages.send": sending.send,
        "messages.edit": sending.edit,
        "messages.delete": sending.delete,
        "messages.restore": sending.restore,
        "messages.deleteConversation": sending.wipe,
        "messages.markAsRead": sending.mark_as_read,
        "messages.setActivity": sending.set_activity,
        "messages.sendReaction": reacting.send,
        "messages.deleteReaction": reacting.delete,
        "messages.getReactionsAssets": reacting.assets,
        "messages.getMessagesReactions": reacting.of_messages,
        "messages.getReactedPeers": reacting.peers,
        "messages.markReactionsAsRead": reacting.mark_as_read,
        "messages.getConversations": reading.conversations,
        "messages.getConversationsById": reading.conversations_by_id,
        "messages.getConversationMembers": reading.members,
        "messages.getHistory": reading.history,
        "messages.getById": reading.by_id,
        "messages.getByConversationMessageId": reading.by_conversation_message_id,
        "messages.getMessageReadPeers": reading.read_peers,
        "messages.createChat": chats.create,
        "messages.addChatUser": chats.add_user,
        "messages.removeChatUser": chats.remove_user,
        "messages.setMemberRole": chats.set_role,
        "messages.editChat": chats.edit,
        "messages.setChatPhoto": chats.set_photo,
        "messages.deleteChatPhoto": chats.delete_photo,
        "messages.pin": chats.pin,
        "messages.unpin": chats.unpin,
        "messages.getInviteLink": chats.link,
        "messages.joinChatByInviteLink": chats.join,
        "messages.getChatPreview": chats.preview,
        "messages.getLongPollServer": polling.server,
        "messages.getLongPollHistory": polling.history,
        "messages.startCall": calling.start_in_chat,
        "messages.forceCallFinish": calling.finish,
        "calls.start": calling.start,
        "calls.forceFinish": calling.finish,
        "photos.getMessagesUploadServer": uploading.photo_server,
        "photos.saveMessagesPhoto": uploading.save_photo,
        "photos.getById": uploading.photos,
        "photos.getChatUploadServer": uploading.chat_photo_server,
        "docs.getMessagesUploadServer": uploading.document_server,
        "docs.save": uploading.save_document,
        "docs.getById": uploading.documents,
        "video.save": uploading.save_video,
        "video.get": uploading.videos,
    }
