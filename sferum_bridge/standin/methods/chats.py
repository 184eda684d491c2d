"""Making chats and changing them: members, titles, photos, links, what is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin import shapes
from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.values import CHAT_BASE

if TYPE_CHECKING:
    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.management import Management
    from sferum_bridge.standin.media import Media
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.uploads import Uploads
    from sferum_bridge.standin.values import Message

LONGEST_TITLE = 200
ROLES = dict.fromkeys(("admin", "member"))


class ChatMethods:
    """Methods about chats."""

    def __init__(
        self,
        management: Management,
        messenger: Messenger,
        chats: Chats,
        messages: Messages,
        objects: Objects,
        uploads: Uploads,
        files: Files,
        media: Media,
    ) -> None:
        self._management = management
        self._messenger = messenger
        self._chats = chats
        self._messages = messages
        self._objects = objects
        self._uploads = uploads
        self._files = files
        self._media = media

    def create(self, call: Call) -> dict[str, Any]:
        """messages.createChat: the caller owns it."""
        guests = call.numbers("user_ids", 1000)
        chat = self._management.create_chat(call.user_id, _title(call), guests)
        return {"chat_id": self._peer_id(chat.id, call) - CHAT_BASE, "peer_ids": guests}

    def add_user(self, call: Call) -> int:
        """messages.addChatUser: invite somebody."""
        self._management.invite(call.user_id, call.chat_peer(), call.number("user_id"))
        return 1

    def remove_user(self, call: Call) -> int:
        """messages.removeChatUser: take somebody out, or leave."""
        name = "member_id" if call.has("member_id") else "user_id"
        self._management.remove(call.user_id, call.chat_peer(), call.number(name))
        return 1

    def edit(self, call: Call) -> int:
        """messages.editChat: another title, another description."""
        if call.has("title") or not call.has("description"):
            self._management.rename(call.user_id, call.chat_peer(), _title(call))
        if "description" in call.params:
            description = call.text("description", 1000)
            self._management.describe(call.user_id, call.chat_peer(), description)
        return 1

    def set_role(self, call: Call) -> int:
        """messages.setMemberRole: make an administrator, or an ordinary member."""
        role = call.choice("role", ROLES, "member")
        peer_id, member_id = call.number("peer_id"), call.number("member_id")
        self._management.appoint(call.user_id, peer_id, member_id, is_admin=role == "admin")
        return 1

    def set_photo(self, call: Call) -> dict[str, Any]:
        """messages.setChatPhoto: `file` is what the upload answered."""
        file, peer_id = self._uploads.take_chat_photo(call.user_id, call.text("file"))
        path = self._files.path(file.key)
        photo = self._media.add("photo", call.user_id, shapes.photo(call.origin, file, path, 0))
        message = self._management.set_photo(call.user_id, peer_id, photo)
        return self._changed(call, peer_id, message)

    def delete_photo(self, call: Call) -> dict[str, Any]:
        """messages.deleteChatPhoto."""
        peer_id = call.chat_peer()
        message = self._management.set_photo(call.user_id, peer_id, None)
        return self._changed(call, peer_id, message)

    def pin(self, call: Call) -> dict[str, Any]:
        """messages.pin: the answer is the message."""
        peer_id = call.number("peer_id")
        member = self._messenger.present_part(call.user_id, peer_id)
        if call.has("message_id"):
            message = self._messages.seen_by_id(call.user_id, call.number("message_id", low=0))
        else:
            name = "cmid" if call.has("cmid") else "conversation_message_id"
            cmid = call.number(name, low=0)
            message = self._messages.seen(call.user_id, member.conversation_id, cmid)
        if message is None:
            raise bad_parameter("cmid")
        self._management.pin(call.user_id, peer_id, message)
        return self._objects.pinned(call.user_id, message, peer_id)

    def unpin(self, call: Call) -> int:
        """messages.unpin."""
        self._management.unpin(call.user_id, call.number("peer_id"))
        return 1

    def link(self, call: Call) -> dict[str, str]:
        """messages.getInviteLink: for administrators."""
        peer_id, reset = call.number("peer_id"), call.flag("reset")
        return {"link": self._management.link(call.user_id, peer_id, reset=reset)}

    def join(self, call: Call) -> dict[str, int]:
        """messages.joinChatByInviteLink."""
        chat = self._management.join_by_link(call.user_id, call.text("link"))
        return {"chat_id": self._peer_id(chat.id, call) - CHAT_BASE}

    def preview(self, call: Call) -> dict[str, Any]:
        """messages.getChatPreview: by link, or of a chat the caller is in."""
        if call.has("link"):
            chat = self._chats.by_link(call.text("link"))
            if chat is None:
                raise bad_parameter("link")
        else:
            member = self._messenger.present_part(call.user_id, call.number("peer_id"))
            chat = self._chats.get(member.conversation_id)
        shown = self._objects.preview(chat, self._chats.member(chat.id, call.user_id))
        profiles = self._objects.users(shown["members"], call.names("fields"))
        return {"preview": shown, "profiles": profiles, "groups": []}

    def silence(self, call: Call) -> int:
        """account.setSilenceMode: how the caller is told of a conversation."""
        until = call.number("time", 0)
        peer_id = call.number("peer_id")
        self._management.mute(call.user_id, peer_id, until, sound=call.flag("sound"))
        return 1

    def _peer_id(self, chat: int, call: Call) -> int:
        member = self._chats.member(chat, call.user_id)
        if member is None:
            raise ApiError(Code.CHAT_NO_ACCESS)
        return member.peer_id

    def _changed(self, call: Call, peer_id: int, message: Message) -> dict[str, Any]:
        chat = self._chats.get(message.conversation_id)
        members = [member.user_id for member in self._chats.members(chat.id)]
        number = self._messages.message_id(call.user_id, chat.id, message.cmid)
        shown: dict[str, Any] = {
            "id": peer_id - CHAT_BASE,
            "type": "chat",
            "title": chat.title,
            "admin_id": chat.owner_id,
            "users": members,
            "members_count": len(members),
        }
        if chat.photo:
            shown.update(dict.fromkeys(("photo_50", "photo_100", "photo_200"), chat.photo))
        return {"message_id": number, "chat": shown}


def _title(call: Call) -> str:
    title = call.text("title", LONGEST_TITLE).strip()
    if not title:
        raise bad_parameter("title", "is undefined")
    return title
