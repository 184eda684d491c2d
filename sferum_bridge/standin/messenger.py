"""What people may do with messages: the rules, each in one transaction.

Both the API methods and the control interface act through here, so a message written by a test
goes the same way as one sent by a client. What people do to chats is in `management`.
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
PINNED_CHANGED = 5


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

    def send(self, user_id: int, peer_id: int, draft: Draft, date: int = 0) -> Message:
        """Post a message; a repeated `random_id` within the hour returns the first one.

        A `date` other than 0 makes it one of that time.
        """
        self._check_content(draft)
        with self._db.transaction():
            member = self._place_to_write(user_id, peer_id)
            since = self._clock() - self._settings.repeat_seconds
            earlier = self._messages.earlier(
                member.conversation_id, user_id, draft.random_id, since
            )
            if earlier:
                return earlier
            return self.append(self._chats.get(member.conversation_id), user_id, draft, date)

    def edit(self, user_id: int, message: Message, draft: Draft) -> None:
        """Replace what the user's own message says: 15, 909, 920 or 914 when that cannot be."""
        unchanging = {"sticker", "call", "group_call_in_progress", "audio_message", "graffiti"}
        if message.draft.action or any(a["type"] in unchanging for a in message.draft.attachments):
            raise ApiError(Code.EDIT_KIND)
        if message.from_id != user_id:
            raise ApiError(Code.ACCESS)
        if self._too_old(message):
            raise ApiError(Code.EDIT_EXPIRED)
        self._check_content(draft)
        with self._db.transaction():
            self._messages.rewrite(message, draft)
            self._tell(message, Kind.EDIT)

    def refresh(self, message: Message, draft: Draft) -> None:
        """Replace what a message says without an edit: a transcript, a snippet, a vote."""
        with self._db.transaction():
            self._messages.rewrite(message, draft, edited=False)
            self._tell(message, Kind.REFRESH)

    def ask_to_fetch(self, message: Message) -> None:
        """Tell everybody that a message has to be fetched again."""
        with self._db.transaction():
            self._tell(message, Kind.REFETCH)

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
            self.withdraw(message)

    def withdraw(self, message: Message) -> None:
        """Delete a message for everybody, whoever wrote it. Within a transaction."""
        readers = self._messages.delete(message)
        self._flag(readers, message, DELETED | DELETED_FOR_ALL)
        if self._chats.get(message.conversation_id).pinned_cmid == message.cmid:
            self._chats.change(message.conversation_id, pinned_cmid=0)
            self.tell_change(message.conversation_id, PINNED_CHANGED, 0)

    def restore(self, user_id: int, message: Message) -> None:
        """Bring back what the user deleted from its own sight."""
        if message.deleted:
            raise bad_parameter("message_id")
        with self._db.transaction():
            self._messages.hide(message, user_id, hidden=False)
            self._journal.record(user_id, Kind.RESTORED, message.conversation_id, message.cmid)

    def wipe(self, user_id: int, peer_id: int) -> int:
        """Delete a whole conversation from the user's sight; return the last cmid."""
        member = self.part(user_id, peer_id)
        last = self._chats.get(member.conversation_id).last_cmid
        with self._db.transaction():
            self._messages.wipe(user_id, member.conversation_id)
            self._journal.record(user_id, Kind.WIPED, member.conversation_id, last)
        return last

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

    def append(self, chat: Conversation, from_id: int, draft: Draft, date: int = 0) -> Message:
        """Add a message to a conversation and tell all who are in it. Within a transaction."""
        readers = [member.user_id for member in self._chats.members(chat.id)]
        message = self._messages.add(chat.id, from_id, draft, readers, date)
        # Whoever writes has seen what was there before.
        self._chats.advance_read(chat.id, from_id, message.cmid)
        for reader in readers:
            self._journal.record(reader, Kind.NEW, chat.id, message.cmid)
        return message

    def tell_change(self, conversation_id: int, change: int, extra: int) -> None:
        """Tell all who are in a chat what has changed about it. Within a transaction."""
        data: dict[str, Any] = {"change": change, "extra": extra}
        for member in self._chats.members(conversation_id):
            self._journal.record(member.user_id, Kind.CHAT, conversation_id, 0, data)

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

    def _tell(self, message: Message, kind: Kind) -> None:
        for reader in self._messages.readers(message):
            self._journal.record(reader, kind, message.conversation_id, message.cmid)

    def _flag(self, readers: Sequence[int], message: Message, mask: int) -> None:
        data = {"mask": mask}
        for reader in readers:
            self._journal.record(reader, Kind.FLAGS, message.conversation_id, message.cmid, data)

    def _check_content(self, draft: Draft) -> None:
        if draft.empty:
            raise bad_parameter("message", "is empty or invalid")
        if len(draft.text) > self._settings.text_limit:
            raise ApiError(Code.TOO_LONG)
        if len(draft.attachments) > self._settings.most_attachments:
            raise bad_parameter("attachment", "names too many")

    def _too_old(self, message: Message) -> bool:
        return message.date < self._clock() - self._settings.change_seconds


def rewritten(
    draft: Draft,
    text: str,
    *,
    attachments: tuple[dict[str, Any], ...],
    keep_forwards: bool,
    keep_format: dict[str, Any],
) -> Draft:
    """Return a message's content after an edit."""
    forwards = draft.forwards if keep_forwards else ()
    return replace(
        draft, text=text, attachments=attachments, forwards=forwards, format_data=keep_format
    )
