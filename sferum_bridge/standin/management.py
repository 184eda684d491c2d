"""What people may do to chats: who is in, how they are called, what is pinned, where links lead."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.messenger import PINNED_CHANGED
from sferum_bridge.standin.values import Conversation, Draft, Kind, Member, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.people import People

TITLE_CHANGED, PHOTO_CHANGED, ADMIN_ADDED = 1, 2, 3
JOINED, LEFT, KICKED, ADMIN_REMOVED = 6, 7, 8, 9
DESCRIPTION_CHANGED = 24
INVITE_HOST = "https://vk.me/join/"
MUTED, SILENT = 16, 32
FOR_EVER = -1


class Management:
    """Acts in somebody's name. Every method raises `ApiError` when that person may not."""

    def __init__(
        self,
        database: Database,
        people: People,
        chats: Chats,
        messenger: Messenger,
        journal: Journal,
    ) -> None:
        self._db = database
        self._people = people
        self._chats = chats
        self._messenger = messenger
        self._journal = journal

    def create_chat(self, owner_id: int, title: str, members: Sequence[int]) -> Conversation:
        """Create a chat of known users (936 for an unknown one)."""
        for user_id in (owner_id, *members):
            if self._people.find(user_id) is None:
                raise ApiError(Code.NO_CONTACT, str(user_id))
        with self._db.transaction():
            chat = self._chats.create(title, owner_id, members)
            self._report(chat, owner_id, {"type": "chat_create", "text": title})
        return self._chats.get(chat.id)

    def invite(self, user_id: int, peer_id: int, guest_id: int) -> None:
        """Add somebody to a chat; one who left may come back so."""
        member = self._messenger.present_part(user_id, peer_id)
        if self._people.find(guest_id) is None:
            raise ApiError(Code.NO_CONTACT)
        chat = self._chats.get(member.conversation_id)
        self._check_absent(chat, guest_id)
        with self._db.transaction():
            self._chats.join(chat.id, guest_id, user_id)
            self._report(chat, user_id, {"type": "chat_invite_user", "member_id": guest_id})
            self._messenger.tell_change(chat.id, JOINED, guest_id)

    def join_by_link(self, user_id: int, link: str) -> Conversation:
        """Enter the chat that a link leads into (100 for a link into none)."""
        chat = self._chats.by_link(link)
        if chat is None:
            raise bad_parameter("link")
        self._check_absent(chat, user_id)
        with self._db.transaction():
            self._chats.join(chat.id, user_id, user_id)
            self._report(chat, user_id, {"type": "chat_invite_user_by_link"})
            self._messenger.tell_change(chat.id, JOINED, user_id)
        return chat

    def remove(self, user_id: int, peer_id: int, member_id: int) -> None:
        """Take somebody out of a chat, or leave it: 925 or 935 when that cannot be.

        An administrator may remove anybody but the owner, others those whom they invited.
        """
        member, chat = self._present(user_id, peer_id)
        gone = self._chats.member(chat.id, member_id)
        if gone is None or not gone.present:
            raise ApiError(Code.NOT_IN_CHAT)
        leaving = member_id == user_id
        if not leaving and (member_id == chat.owner_id or not can_remove(member, gone)):
            raise ApiError(Code.NOT_ADMIN)
        with self._db.transaction():
            self._report(chat, user_id, {"type": "chat_kick_user", "member_id": member_id})
            self._messenger.tell_change(chat.id, LEFT if leaving else KICKED, member_id)
            self._chats.depart(chat.id, member_id, "left" if leaving else "kicked")

    def rename(self, user_id: int, peer_id: int, title: str) -> None:
        """Give a chat another title."""
        _, chat = self._present(user_id, peer_id)
        with self._db.transaction():
            self._chats.change(chat.id, title=title)
            action = {"type": "chat_title_update", "text": title, "old_text": chat.title}
            self._report(chat, user_id, action)
            self._messenger.tell_change(chat.id, TITLE_CHANGED, 0)

    def describe(self, user_id: int, peer_id: int, description: str) -> None:
        """Give a chat another description, which no message reports."""
        _, chat = self._present(user_id, peer_id)
        with self._db.transaction():
            self._chats.change(chat.id, description=description)
            self._messenger.tell_change(chat.id, DESCRIPTION_CHANGED, 0)

    def set_photo(self, user_id: int, peer_id: int, photo: dict[str, Any] | None) -> Message:
        """Give a chat a photo (an attachment), or none."""
        _, chat = self._present(user_id, peer_id)
        url = photo["photo"]["orig_photo"]["url"] if photo else ""
        action = "chat_photo_update" if photo else "chat_photo_remove"
        with self._db.transaction():
            self._chats.change(chat.id, photo=url)
            self._messenger.tell_change(chat.id, PHOTO_CHANGED, 0)
            return self._report(chat, user_id, {"type": action}, (photo,) if photo else ())

    def pin(self, user_id: int, peer_id: int, message: Message) -> None:
        """Pin a message of a chat in place of what was pinned."""
        _, chat = self._present(user_id, peer_id)
        if message.conversation_id != chat.id or message.draft.action:
            raise bad_parameter("cmid")
        with self._db.transaction():
            self._chats.change(chat.id, pinned_cmid=message.cmid)
            action = {
                "type": "chat_pin_message",
                "member_id": user_id,
                "conversation_message_id": message.cmid,
                "message": message.draft.text[:100],
            }
            self._report(chat, user_id, action)
            self._messenger.tell_change(chat.id, PINNED_CHANGED, message.cmid)

    def unpin(self, user_id: int, peer_id: int) -> None:
        """Take down what is pinned in a chat."""
        _, chat = self._present(user_id, peer_id)
        with self._db.transaction():
            self._chats.change(chat.id, pinned_cmid=0)
            action = {
                "type": "chat_unpin_message",
                "member_id": user_id,
                "conversation_message_id": chat.pinned_cmid,
            }
            self._report(chat, user_id, action)
            self._messenger.tell_change(chat.id, PINNED_CHANGED, 0)

    def appoint(self, user_id: int, peer_id: int, member_id: int, *, is_admin: bool) -> None:
        """Make a member an administrator or take that away; the owner's to do (925)."""
        _, chat = self._present(user_id, peer_id)
        if user_id != chat.owner_id or member_id == user_id:
            raise ApiError(Code.NOT_ADMIN)
        member = self._chats.member(chat.id, member_id)
        if member is None or not member.present:
            raise ApiError(Code.NOT_IN_CHAT)
        with self._db.transaction():
            self._chats.appoint(chat.id, member_id, is_admin=is_admin)
            change = ADMIN_ADDED if is_admin else ADMIN_REMOVED
            self._messenger.tell_change(chat.id, change, member_id)

    def link(self, user_id: int, peer_id: int, *, reset: bool) -> str:
        """Return the invite link of a chat, for its administrators (919, 931)."""
        member, chat = self._present(user_id, peer_id)
        if not member.is_admin:
            raise ApiError(Code.LINK_NOT_YOURS if reset else Code.NO_LINK)
        if chat.link and not reset:
            return chat.link
        link = INVITE_HOST + secrets.token_urlsafe(24)
        self._chats.change(chat.id, link=link)
        return link

    def report(self, user_id: int, peer_id: int, action: dict[str, Any]) -> Message:
        """Post a service message of any kind, without what it speaks of."""
        _, chat = self._present(user_id, peer_id)
        with self._db.transaction():
            return self._report(chat, user_id, action)

    def mute(self, user_id: int, peer_id: int, until: int, *, sound: bool) -> None:
        """Change how a user is told of a conversation; `until` is 0, a time, or -1 for ever."""
        member = self._messenger.part(user_id, peer_id)
        data = {"sound": int(sound), "until": until}
        flags = {"set": bool(until), "mask": MUTED | (0 if sound else SILENT)}
        with self._db.transaction():
            self._journal.record(user_id, Kind.PEER_FLAGS, member.conversation_id, 0, flags)
            self._journal.record(user_id, Kind.PUSH, member.conversation_id, 0, data)

    def _present(self, user_id: int, peer_id: int) -> tuple[Member, Conversation]:
        member = self._messenger.present_part(user_id, peer_id)
        return member, self._chats.get(member.conversation_id)

    def _check_absent(self, chat: Conversation, guest_id: int) -> None:
        guest = self._chats.member(chat.id, guest_id)
        if guest and guest.present:
            raise ApiError(Code.ACCESS, "user already in")

    def _report(
        self,
        chat: Conversation,
        user_id: int,
        action: dict[str, Any],
        attachments: tuple[dict[str, Any], ...] = (),
    ) -> Message:
        draft = Draft(action=action, attachments=attachments)
        return self._messenger.append(chat, user_id, draft)


def can_remove(member: Member, other: Member) -> bool:
    """Tell whether a member may remove another one."""
    return member.is_admin or other.invited_by == member.user_id
