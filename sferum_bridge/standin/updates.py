"""Events as the arrays of the long poll, which differ by its version and mode.

Versions up to 10 name messages by the account's `message_id` and use the codes 2 to 7; from 11 on
they are named by `cmid` and the codes lie above 10000. Text is HTML-escaped here and nowhere else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.values import CHAT_BASE, Conversation, Event, Kind, Member, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messages import Messages

Update = list[Any]

LOWEST_VERSION, HIGHEST_VERSION = 0, 21
FIRST_WITH_CMID = 11
FIRST_OLD_WITH_CMID = 10
FIRST_WITH_BOTH_IDS = 21

MODE_ATTACHMENTS, MODE_PTS, MODE_RANDOM_ID = 2, 32, 128

UNREAD, OUTGOING, FROM_CHAT = 1, 2, 8192
DELETED, DELETED_FOR_ALL = 128, 131072
SILENT, REPLY = 1048576, 2097152

ACTIVITY_CODES = {
    "typing": 63,
    "audiomessage": 64,
    "photo": 65,
    "video": 66,
    "file": 67,
    "videomessage": 68,
}


def escape(text: str) -> str:
    """Return text as the long poll gives it: HTML-escaped, a newline as `<br>`."""
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, escaped)
    return text.replace("\n", "<br>")


class Updates:
    """Renders the events of one account after the other."""

    def __init__(self, chats: Chats, messages: Messages) -> None:
        self._chats = chats
        self._messages = messages
        self._new: dict[Kind, Callable[[Event, Member, int, int], Update | None]] = {
            Kind.NEW: self._message,
            Kind.EDIT: self._message,
            Kind.FLAGS: self._flags,
            Kind.READ_BY_ME: self._read,
            Kind.READ_BY_PEER: self._read,
            Kind.ACTIVITY: self._activity,
            Kind.CHAT: self._chat,
        }

    def full(self, event: Event, version: int, mode: int) -> Update | None:
        """Return an event for the long poll; None when this version does not speak of it."""
        member = self._chats.member(event.conversation_id, event.user_id)
        if member is None:
            return None
        return self._new[event.kind](event, member, version, mode)

    def brief(self, event: Event, version: int) -> Update | None:
        """Return an event as `getLongPollHistory` cuts it."""
        member = self._chats.member(event.conversation_id, event.user_id)
        if member is None:
            return None
        if event.kind in (Kind.NEW, Kind.EDIT):
            message = self._messages.get(event.conversation_id, event.cmid)
            if message is None:
                return None
            code = 4 if event.kind is Kind.NEW else 5
            flags = self._message_flags(message, member, version)
            return [*self._name(code, event, version), flags, member.peer_id]
        update = self.full(event, version, 0)
        if update and event.kind is Kind.FLAGS:
            return update[:4]
        if update and event.kind in (Kind.READ_BY_ME, Kind.READ_BY_PEER):
            return update[:3]
        return update

    def _message(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        message = self._messages.get(event.conversation_id, event.cmid)
        if message is None:
            return None
        chat = self._chats.get(event.conversation_id)
        flags = self._message_flags(message, member, version)
        mine = message.from_id == member.user_id
        wanted = bool(mode & MODE_ATTACHMENTS)
        additional = _additional(message, chat) if wanted else {}
        attachments = _attachments(message) if wanted else {}
        random_id = message.draft.random_id if mine and mode & MODE_RANDOM_ID else 0
        when = [message.date, escape(message.draft.text)]
        name = self._name(4 if event.kind is Kind.NEW else 5, event, version)
        number = self._number(event)
        if version >= FIRST_WITH_CMID:
            head = [*name, flags]
            if event.kind is Kind.NEW:
                head.append(number)
            if message.deleted:
                with_peer = event.kind is Kind.EDIT or version >= FIRST_WITH_BOTH_IDS
                return [*head, member.peer_id] if with_peer else head
            tail = [additional, attachments, random_id, number, message.update_time]
            return [*head, member.peer_id, *when, *tail]
        if message.deleted:
            return None
        update: Update = [*name, flags, member.peer_id, *when]
        if mode & (MODE_ATTACHMENTS | MODE_RANDOM_ID):
            update += [additional, attachments]
        if mode & MODE_RANDOM_ID:
            update.append(random_id)
            if version >= FIRST_OLD_WITH_CMID:
                update += [message.cmid, message.update_time]
        return update

    def _flags(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del mode
        update = [*self._name(2, event, version), event.data["mask"], member.peer_id]
        return [*update, self._number(event)] if version >= FIRST_WITH_BOTH_IDS else update

    def _read(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del mode
        by_me = event.kind is Kind.READ_BY_ME
        code = 6 if by_me else 7
        if version < FIRST_WITH_CMID:
            return [code, member.peer_id, self._number(event)]
        left = self._messages.count_after(
            member.user_id, event.conversation_id, event.cmid, own=not by_me
        )
        return [10000 + code, member.peer_id, event.cmid, left]

    def _activity(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        del mode
        activity, user_id = event.data["activity"], event.data["user_id"]
        code = ACTIVITY_CODES[activity]
        if version >= FIRST_WITH_CMID or activity == "audiomessage":
            return [code, member.peer_id, [user_id], 1, event.data["at"]]
        if activity != "typing":
            return None
        if member.peer_id > CHAT_BASE:
            return [62, user_id, member.peer_id - CHAT_BASE]
        return [61, user_id, 1]

    def _chat(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del version, mode
        return [52, event.data["change"], member.peer_id, event.data["extra"]]

    def _name(self, code: int, event: Event, version: int) -> Update:
        if version >= FIRST_WITH_CMID:
            return [10000 + code, event.cmid]
        return [code, self._number(event)]

    def _number(self, event: Event) -> int:
        return self._messages.message_id(event.user_id, event.conversation_id, event.cmid)

    def _message_flags(self, message: Message, member: Member, version: int) -> int:
        mine = message.from_id == member.user_id
        flags = OUTGOING if mine else 0
        if not mine and message.cmid > member.read_cmid:
            flags |= UNREAD
        if member.peer_id > CHAT_BASE:
            flags |= FROM_CHAT
        if message.draft.silent:
            flags |= SILENT
        if message.draft.reply_cmid and version >= FIRST_WITH_CMID:
            flags |= REPLY
        if message.deleted:
            flags |= DELETED | DELETED_FOR_ALL
        return flags


def _additional(message: Message, chat: Conversation) -> dict[str, Any]:
    draft = message.draft
    shown: dict[str, Any] = {"title": escape(chat.title) if chat.is_chat else " ... "}
    if chat.is_chat:
        shown["from"] = str(message.from_id)
    if draft.silent:
        shown["is_silent"] = "1"
    if draft.payload:
        shown["payload"] = draft.payload
    if draft.action:
        shown["source_act"] = draft.action["type"]
        for key, source in (("member_id", "mid"), ("text", "text"), ("old_text", "old_text")):
            if key in draft.action:
                shown[f"source_{source}"] = escape(str(draft.action[key]))
    return shown


def _attachments(message: Message) -> dict[str, Any]:
    draft = message.draft
    shown: dict[str, Any] = {}
    for number, attachment in enumerate(draft.attachments, start=1):
        kind = attachment["type"]
        content = attachment.get(kind, {})
        shown[f"attach{number}_type"] = kind
        shown[f"attach{number}"] = f"{content.get('owner_id', 0)}_{content.get('id', 0)}"
    if draft.attachments:
        shown["attachments_count"] = str(len(draft.attachments))
        shown["attachments"] = json.dumps(draft.attachments, ensure_ascii=False)
    if draft.reply_cmid:
        shown["reply"] = json.dumps({"conversation_message_id": draft.reply_cmid})
    if draft.forwards:
        shown["fwd"] = "0_0"
    return shown
