"""Events as the arrays of the long poll, which differ by its version and mode.

Versions up to 10 name messages by the account's `message_id` and use the codes 2 to 7; from 11 on
they are named by `cmid` and the codes lie above 10000. Text is HTML-escaped here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.hints import additional, attachments, escape
from sferum_bridge.standin.values import (
    CHAT_BASE,
    WITH_MESSAGE,
    Conversation,
    Event,
    Kind,
    Member,
    Message,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.reactions import Reactions

Update = list[Any]

LOWEST_VERSION, HIGHEST_VERSION = 0, 21
FIRST_WITH_CMID = 11
FIRST_OLD_WITH_CMID = 10
FIRST_WITH_BOTH_IDS = 21

MODE_ATTACHMENTS, MODE_EXTENDED, MODE_PTS, MODE_RANDOM_ID = 2, 8, 32, 128

UNREAD, OUTGOING, FROM_CHAT = 1, 2, 8192
DELETED, DELETED_FOR_ALL = 128, 131072
SILENT, REPLY, WITH_REACTIONS = 1048576, 2097152, 16777216

CODES = {
    Kind.NEW: 4,
    Kind.EDIT: 5,
    Kind.REFRESH: 18,
    Kind.RESTORED: 3,
    Kind.READ_BY_ME: 6,
    Kind.READ_BY_PEER: 7,
}
ACTIVITY_CODES = {
    "typing": 63,
    "audiomessage": 64,
    "photo": 65,
    "video": 66,
    "file": 67,
    "videomessage": 68,
}
MY_REACTION = 1


class Updates:
    """Renders the events of one account after the other."""

    def __init__(self, chats: Chats, messages: Messages, reactions: Reactions) -> None:
        self._chats = chats
        self._messages = messages
        self._reactions = reactions
        self._new: dict[Kind, Callable[[Event, Member, int, int], Update | None]] = {
            **dict.fromkeys(WITH_MESSAGE, self._message),
            Kind.FLAGS: self._flags,
            Kind.REFETCH: self._refetch,
            Kind.READ_BY_ME: self._read,
            Kind.READ_BY_PEER: self._read,
            Kind.ACTIVITY: self._activity,
            Kind.CHAT: self._chat,
            Kind.PEER_FLAGS: self._peer_flags,
            Kind.REACTION: self._reaction,
            Kind.UNREAD_REACTIONS: self._unread_reactions,
            Kind.WIPED: self._wiped,
            Kind.CALL: self._call,
            Kind.PUSH: self._push,
        }

    def full(self, event: Event, version: int, mode: int) -> Update | None:
        """Return an event for the long poll; None when this version does not speak of it."""
        if event.kind is Kind.RAW:
            return list(event.data["update"])
        member = self._chats.member(event.conversation_id, event.user_id)
        if member is None:
            return None
        return self._new[event.kind](event, member, version, mode)

    def brief(self, event: Event, version: int) -> Update | None:
        """Return an event as `getLongPollHistory` cuts it."""
        member = self._chats.member(event.conversation_id, event.user_id)
        if member is None:
            return None
        if event.kind in WITH_MESSAGE:
            message = self._messages.get(event.conversation_id, event.cmid)
            name = self._name(event.kind, event, version)
            if message is None or not name:
                return None
            flags = self._message_flags(message, member, version)
            return [*name, flags, member.peer_id]
        update = self.full(event, version, MODE_EXTENDED)
        if update and event.kind is Kind.FLAGS:
            return update[:4]
        if update and event.kind in (Kind.READ_BY_ME, Kind.READ_BY_PEER):
            return update[:3]
        return update

    def _message(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        message = self._messages.get(event.conversation_id, event.cmid)
        name = self._name(event.kind, event, version)
        if message is None or not name:
            return None
        if version < FIRST_WITH_CMID and event.kind is Kind.RESTORED:
            return [*name, DELETED, member.peer_id]
        flags = self._message_flags(message, member, version)
        number = self._number(event)
        head = [*name, flags]
        if version >= FIRST_WITH_CMID and event.kind is Kind.NEW:
            head.append(number)
        if message.deleted:
            if version < FIRST_WITH_CMID:
                return None
            with_peer = event.kind is not Kind.NEW or version >= FIRST_WITH_BOTH_IDS
            return [*head, member.peer_id] if with_peer else head
        update: Update = [*head, member.peer_id, message.date, escape(message.draft.text)]
        return update + self._rest(event, message, member, version, mode)

    def _rest(
        self, event: Event, message: Message, member: Member, version: int, mode: int
    ) -> Update:
        chat = self._chats.get(event.conversation_id)
        mine = message.from_id == member.user_id
        beside: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        if mode & MODE_ATTACHMENTS:
            with_reply = event.kind is not Kind.EDIT
            answered = self._answered(message, chat)
            beside = (
                additional(message, chat, answered),
                attachments(message.draft, with_reply=with_reply),
            )
        random_id = message.draft.random_id if mine and mode & MODE_RANDOM_ID else 0
        if version >= FIRST_WITH_CMID:
            return [*beside, random_id, self._number(event), message.update_time]
        rest: Update = []
        if mode & (MODE_ATTACHMENTS | MODE_RANDOM_ID):
            rest += beside
        if mode & MODE_RANDOM_ID:
            rest.append(random_id)
            if version >= FIRST_OLD_WITH_CMID:
                rest += [message.cmid, message.update_time]
        return rest

    def _flags(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del mode
        if version < FIRST_WITH_CMID:
            return [2, self._number(event), event.data["mask"], member.peer_id]
        update = [10002, event.cmid, event.data["mask"], member.peer_id]
        return [*update, self._number(event)] if version >= FIRST_WITH_BOTH_IDS else update

    def _refetch(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        del member, mode
        if version >= FIRST_WITH_CMID:
            return [10019, event.cmid]
        return [19, self._number(event)] if version >= FIRST_OLD_WITH_CMID else None

    def _read(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del mode
        code = CODES[event.kind]
        if version < FIRST_WITH_CMID:
            return [code, member.peer_id, self._number(event)]
        own = event.kind is Kind.READ_BY_PEER
        left = self._messages.count_after(
            member.user_id, event.conversation_id, event.cmid, own=own
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

    def _peer_flags(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del version, mode
        return [12 if event.data["set"] else 10, member.peer_id, event.data["mask"]]

    def _reaction(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        del mode
        if version < FIRST_WITH_CMID:
            return None
        data = event.data
        update: Update = [601, data["action"], member.peer_id, event.cmid]
        if data["action"] == MY_REACTION:
            update.append(data["own"])
        update.append(len(data["blocks"]))
        for reaction_id, count, ids in data["blocks"]:
            update += [3 + len(ids), reaction_id, count, len(ids), *ids]
        return [*update, *data["tail"]]

    def _unread_reactions(
        self, event: Event, member: Member, version: int, mode: int
    ) -> Update | None:
        del mode
        if version < FIRST_WITH_CMID:
            return None
        return [602, member.peer_id, len(event.data["cmids"]), *event.data["cmids"]]

    def _wiped(self, event: Event, member: Member, version: int, mode: int) -> Update:
        del mode
        if version < FIRST_WITH_CMID:
            return [13, member.peer_id, self._number(event)]
        update = [10013, member.peer_id, event.cmid]
        return [*update, 0, self._number(event)] if version >= FIRST_WITH_BOTH_IDS else update

    def _call(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        del member
        call_id, caller = event.data["call_id"], event.data["caller"]
        if version < FIRST_WITH_CMID:
            return [70, caller, call_id]
        if not mode & MODE_EXTENDED:
            return None
        shown = {"call_id": call_id, "caller_info": {"user_id": caller}, "conversation_params": ""}
        return [115, shown]

    def _push(self, event: Event, member: Member, version: int, mode: int) -> Update | None:
        del version
        if not mode & MODE_EXTENDED:
            return None
        data = {"sound": event.data["sound"], "disabled_until": event.data["until"]}
        return [114, {"peer_id": member.peer_id, **data}]

    def _name(self, kind: Kind, event: Event, version: int) -> Update:
        """Return code and id of an event about a message; nothing where it is not told."""
        code = CODES[kind]
        if version >= FIRST_WITH_CMID:
            return [10000 + code, event.cmid]
        if kind is Kind.REFRESH and version < FIRST_OLD_WITH_CMID:
            return []
        return [code, self._number(event)]

    def _answered(self, message: Message, chat: Conversation) -> int:
        if not message.draft.reply_cmid:
            return 0
        answered = self._messages.get(chat.id, message.draft.reply_cmid)
        return answered.from_id if answered else 0

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
        if version >= FIRST_WITH_CMID:
            flags |= REPLY if message.draft.reply_cmid else 0
            flags |= WITH_REACTIONS if self._reactions.of(message) else 0
        if message.deleted:
            flags |= DELETED | DELETED_FOR_ALL
        return flags
