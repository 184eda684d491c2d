"""What people may do to each other's conversations: the rules, each in one transaction.

Both the API methods and the control interface act through here, so a message written by a test
goes the same way as one sent by a client.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import ApiError, Code, bad_parameter
from sferum_bridge.standin.values import CHAT_BASE, Conversation, Draft, Kind, Member, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.people import People
    from sferum_bridge.standin.settings import Settings

DELETED, DELETED_FOR_ALL = 128, 131072
TITLE_CHANGED, JOINED, LEFT, KICKED = 1, 6, 7, 8


class Messenger:
    """Acts in somebody's name. Every method raises `ApiError` when that person may not."""

    def __init__(
        self,
        database: Database,
        people: People,
        chats: Chats,
        messages: Messages,
        journal: Journal,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._db = database
        self._people = people
        self._chats = chats
        self._messages = messages
        self._journal = journal
        self._settings = settings
        self._clock = clock

    def part(self, user_id: int, peer_id: int) -> Member:
        """Return a user's part in what it calls `peer_id`, which may be over.

        Raises:
            ApiError: 917 for a chat it never was in, 936 for a user it has no dialog with.
        """
        member = self._chats.member_by_peer(user_id, peer_id)
        if member is None:
            raise ApiError(Code.CHAT_NO_ACCESS if peer_id > CHAT_BASE else Code.NO_CONTACT)
        return member

    def present_part(self, user_id: int, peer_id: int) -> Member:
        """Return a user's part in a conversation it is in now; otherwise as `part`, or 917."""
        member = self.part(user_id, peer_id)
        if not member.present:
            raise ApiError(Code.CHAT_NO_ACCESS)
        return member

    def send(self, user_id: int, peer_id: int, draft: Draft) -> Message:
        """Post a message; a repeated `random_id` within the hour returns the first one."""
        self._check_content(draft)
        with self._db.transaction():
            member = self._place_to_write(user_id, peer_id)
            since = self._clock() - self._settings.repeat_seconds
            earlier = self._messages.earlier(
                member.conversation_id, user_id, draft.random_id, since
            )
            if earlier:
                return earlier
            return self._append(self._chats.get(member.conversation_id), user_id, draft)

    def edit(self, user_id: int, message: Message, draft: Draft) -> None:
        """Replace what the user's own message says: 15, 909, 920 or 914 when that cannot be."""
        if message.draft.action:
            raise ApiError(Code.EDIT_KIND)
        if message.from_id != user_id:
            raise ApiError(Code.ACCESS)
        if self._too_old(message):
            raise ApiError(Code.EDIT_EXPIRED)
        self._check_content(draft)
        with self._db.transaction():
            self._messages.rewrite(message, draft)
            for reader in self._messages.readers(message):
                self._journal.record(reader, Kind.EDIT, message.conversation_id, message.cmid)

    def delete(self, user_id: int, message: Message, *, for_all: bool) -> None:
        """Delete a message from the user's sight, or from everybody's (924 when not allowed)."""
        with self._db.transaction():
            if not for_all:
                self._messages.hide(message, user_id)
                self._flag([user_id], message, DELETED)
                return
            member = self._chats.member(message.conversation_id, user_id)
            moderates = member is not None and member.is_admin
            if self._too_old(message) or not (moderates or message.from_id == user_id):
                raise ApiError(Code.NOT_FOR_ALL)
            readers = self._messages.delete(message)
            self._flag(readers, message, DELETED | DELETED_FOR_ALL)

    def read(self, user_id: int, peer_id: int, up_to_cmid: int) -> None:
        """Move the user's read mark forward and tell those whose messages it passed."""
        member = self.present_part(user_id, peer_id)
        chat = self._chats.get(member.conversation_id)
        cmid = min(up_to_cmid, chat.last_cmid)
        with self._db.transaction():
            if not self._chats.advance_read(chat.id, user_id, cmid):
                return
            self._journal.record(user_id, Kind.READ_BY_ME, chat.id, cmid)
            authors = set(self._messages.authors(chat.id, member.read_cmid + 1, cmid))
            for other in self._chats.members(chat.id):
                if other.user_id in authors and other.user_id != user_id:
                    self._journal.record(other.user_id, Kind.READ_BY_PEER, chat.id, cmid)

    def show_activity(self, user_id: int, peer_id: int, activity: str) -> None:
        """Tell the others that the user is typing, recording, or uploading."""
        member = self._place_to_write(user_id, peer_id)
        with self._db.transaction():
            for other in self._chats.members(member.conversation_id):
                if other.user_id != user_id:
                    data = {"activity": activity, "user_id": user_id, "at": int(self._clock())}
                    self._journal.record(
                        other.user_id, Kind.ACTIVITY, member.conversation_id, 0, data
                    )

    def create_chat(self, owner_id: int, title: str, members: Sequence[int]) -> Conversation:
        """Create a chat of known users (936 for an unknown one)."""
        for user_id in (owner_id, *members):
            if self._people.find(user_id) is None:
                raise ApiError(Code.NO_CONTACT, str(user_id))
        with self._db.transaction():
            chat = self._chats.create(title, owner_id, members)
            self._append(chat, owner_id, Draft(action={"type": "chat_create", "text": title}))
        return self._chats.get(chat.id)

    def invite(self, user_id: int, peer_id: int, guest_id: int) -> None:
        """Add somebody to a chat; one who left may come back so."""
        member = self.present_part(user_id, peer_id)
        if self._people.find(guest_id) is None:
            raise ApiError(Code.NO_CONTACT)
        chat = self._chats.get(member.conversation_id)
        guest = self._chats.member(chat.id, guest_id)
        if guest and guest.present:
            raise ApiError(Code.ACCESS, "user already in")
        with self._db.transaction():
            self._chats.join(chat.id, guest_id, user_id)
            action = {"type": "chat_invite_user", "member_id": guest_id}
            self._append(chat, user_id, Draft(action=action))
            self._tell_change(chat.id, JOINED, guest_id)

    def remove(self, user_id: int, peer_id: int, member_id: int) -> None:
        """Take somebody out of a chat, or leave it: 925 or 935 when that cannot be.

        An administrator may remove anybody but the owner, others those whom they invited.
        """
        member = self.present_part(user_id, peer_id)
        chat = self._chats.get(member.conversation_id)
        gone = self._chats.member(chat.id, member_id)
        if gone is None or not gone.present:
            raise ApiError(Code.NOT_IN_CHAT)
        leaving = member_id == user_id
        if not leaving and (member_id == chat.owner_id or not self.can_remove(member, gone)):
            raise ApiError(Code.NOT_ADMIN)
        with self._db.transaction():
            action = {"type": "chat_kick_user", "member_id": member_id}
            self._append(chat, user_id, Draft(action=action))
            self._tell_change(chat.id, LEFT if leaving else KICKED, member_id)
            self._chats.depart(chat.id, member_id, "left" if leaving else "kicked")

    def rename(self, user_id: int, peer_id: int, title: str) -> None:
        """Give a chat another title."""
        member = self.present_part(user_id, peer_id)
        chat = self._chats.get(member.conversation_id)
        with self._db.transaction():
            self._chats.rename(chat.id, title)
            action = {"type": "chat_title_update", "text": title, "old_text": chat.title}
            self._append(chat, user_id, Draft(action=action))
            self._tell_change(chat.id, TITLE_CHANGED, 0)

    @staticmethod
    def can_remove(member: Member, other: Member) -> bool:
        """Tell whether a member may remove another one."""
        return member.is_admin or other.invited_by == member.user_id

    def _place_to_write(self, user_id: int, peer_id: int) -> Member:
        member = self._chats.member_by_peer(user_id, peer_id)
        if member is None and peer_id < CHAT_BASE:
            if self._people.find(peer_id) is None:
                raise ApiError(Code.NO_CONTACT)
            dialog = self._chats.dialog(user_id, peer_id)
            member = self._chats.member(dialog.id, user_id)
        if member is None or member.state == "kicked":
            raise ApiError(Code.CHAT_NO_ACCESS)
        if not member.present:
            raise ApiError(Code.LEFT_CHAT)
        if not member.is_admin and self._chats.get(member.conversation_id).writing_disabled:
            raise ApiError(Code.WRITING_DISABLED)
        return member

    def _append(self, chat: Conversation, from_id: int, draft: Draft) -> Message:
        readers = [member.user_id for member in self._chats.members(chat.id)]
        message = self._messages.add(chat.id, from_id, draft, readers)
        # Whoever writes has seen what was there before.
        self._chats.advance_read(chat.id, from_id, message.cmid)
        for reader in readers:
            self._journal.record(reader, Kind.NEW, chat.id, message.cmid)
        return message

    def _flag(self, readers: Sequence[int], message: Message, mask: int) -> None:
        data = {"mask": mask}
        for reader in readers:
            self._journal.record(reader, Kind.FLAGS, message.conversation_id, message.cmid, data)

    def _tell_change(self, chat_id: int, change: int, extra: int) -> None:
        data: dict[str, Any] = {"change": change, "extra": extra}
        for member in self._chats.members(chat_id):
            self._journal.record(member.user_id, Kind.CHAT, chat_id, 0, data)

    def _check_content(self, draft: Draft) -> None:
        if not (draft.text or draft.forwards or draft.attachments):
            raise bad_parameter("message", "is empty or invalid")
        if len(draft.text) > self._settings.text_limit:
            raise ApiError(Code.TOO_LONG)

    def _too_old(self, message: Message) -> bool:
        return message.date < self._clock() - self._settings.change_seconds


def rewritten(
    draft: Draft, text: str, *, keep_forwards: bool, keep_format: dict[str, Any]
) -> Draft:
    """Return a message's content after an edit of its text."""
    forwards = draft.forwards if keep_forwards else ()
    return replace(draft, text=text, forwards=forwards, format_data=keep_format)
