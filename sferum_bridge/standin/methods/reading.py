"""Conversations, members, history, and the long poll's way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.errors import bad_parameter
from sferum_bridge.standin.values import CHAT_BASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.messenger import Messenger
    from sferum_bridge.standin.methods.call import Call
    from sferum_bridge.standin.objects import Objects
    from sferum_bridge.standin.values import Member, Message

FILTERS = dict.fromkeys(("all", "archive", "important", "sorted_chats", "unanswered", "unread"))
LATEST = -1


class ReadingMethods:
    """Methods that read and change nothing."""

    def __init__(
        self, messenger: Messenger, chats: Chats, messages: Messages, objects: Objects
    ) -> None:
        self._messenger = messenger
        self._chats = chats
        self._messages = messages
        self._objects = objects

    def conversations(self, call: Call) -> dict[str, Any]:
        """messages.getConversations: the latest first, those without a message left out."""
        offset, count = call.number("offset", 0, 0), call.number("count", 20, 0, 200)
        wanted = call.choice("filter", FILTERS, "all")
        everything = []
        unread = 0
        for member in self._chats.all_of(call.user_id):
            shown = self._objects.conversation(member)
            unread += bool(shown.get("unread_count"))
            if shown["last_message_id"] and _passes(wanted, shown):
                everything.append((member, shown))
        everything.sort(key=lambda pair: pair[1]["last_message_id"], reverse=True)
        page = everything[offset : offset + count]
        last = {
            member: self._messages.seen(
                member.user_id, member.conversation_id, shown["last_conversation_message_id"]
            )
            for member, shown in page
        }
        answer: dict[str, Any] = {"count": len(everything), "items": []}
        for member, shown in page:
            item = {"conversation": shown}
            message = last[member]
            if message:
                item["last_message"] = self._objects.message(call.user_id, message)
            answer["items"].append(item)
        if unread:
            answer["unread_count"] = unread
        return {**answer, **self._extended(call, last, last.values())}

    def conversations_by_id(self, call: Call) -> dict[str, Any]:
        """messages.getConversationsById: only those the caller is or was in."""
        if not call.has("peer_ids"):
            raise bad_parameter("peer_ids", "is undefined")
        found = [
            member
            for peer_id in call.numbers("peer_ids", 100)
            if (member := self._chats.member_by_peer(call.user_id, peer_id))
        ]
        items = [self._objects.conversation(member) for member in found]
        return {"count": len(items), "items": items, **self._extended(call, found, ())}

    def members(self, call: Call) -> dict[str, Any]:
        """messages.getConversationMembers: profiles come without asking."""
        viewer = self._messenger.present_part(call.user_id, call.number("peer_id"))
        chat = self._chats.get(viewer.conversation_id)
        members = self._chats.members(chat.id)
        offset, count = call.number("offset", 0, 0), call.number("count", 20, 1, 1000)
        page = members[offset : offset + count]
        fields = call.names("fields")
        return {
            "count": len(members),
            "items": [self._objects.member(viewer, member, chat) for member in page],
            "profiles": self._objects.users((member.user_id for member in page), fields),
            "groups": [],
        }

    def history(self, call: Call) -> dict[str, Any]:
        """messages.getHistory: newest first, or oldest first with `rev`.

        With a start, `offset` counts from it and may be negative to reach to the other side.
        """
        peer_id = call.number("peer_id", 0) or call.number("user_id")
        member = self._messenger.part(call.user_id, peer_id)
        oldest_first = call.flag("rev")
        skip = self._start(call, member, oldest_first=oldest_first) + call.number("offset", 0)
        count = call.number("count", 20, 0, 200)
        found = self._messages.visible(
            call.user_id, member.conversation_id, max(skip, 0), count, oldest_first=oldest_first
        )
        answer = {
            "count": self._messages.count_visible(call.user_id, member.conversation_id),
            "items": [self._objects.message(call.user_id, message) for message in found],
        }
        if call.flag("extended"):
            answer["conversations"] = [self._objects.conversation(member)]
        return {**answer, **self._extended(call, [member], found)}

    def by_id(self, call: Call) -> dict[str, Any]:
        """messages.getById: by the account's numbers, or by cmid; the missing are left out."""
        cmids = call.numbers("cmids", 100)
        if cmids:
            return self._by_cmid(call, cmids)
        message_ids = call.numbers("message_ids", 100)
        if not message_ids:
            raise bad_parameter("message_ids", "is undefined")
        places = (self._messages.place(call.user_id, number) for number in message_ids)
        found = (self._messages.shown(call.user_id, *place) for place in places if place)
        return self._listed(call, [message for message in found if message])

    def by_conversation_message_id(self, call: Call) -> dict[str, Any]:
        """messages.getByConversationMessageId: by cmid; the missing are left out."""
        cmids = call.numbers("conversation_message_ids", 100)
        if not cmids:
            raise bad_parameter("conversation_message_ids", "is undefined")
        return self._by_cmid(call, cmids)

    def read_peers(self, call: Call) -> dict[str, Any]:
        """messages.getMessageReadPeers: the members who have read a message, its author not."""
        viewer = self._messenger.present_part(call.user_id, call.number("peer_id"))
        cmid = call.number("cmid", low=0)
        message = self._messages.seen(call.user_id, viewer.conversation_id, cmid)
        if message is None:
            raise bad_parameter("cmid")
        readers = [
            member.user_id
            for member in self._chats.members(viewer.conversation_id)
            if member.read_cmid >= cmid and member.user_id != message.from_id
        ]
        offset, count = call.number("offset", 0, 0), call.number("count", 20, 0, 1000)
        page = readers[offset : offset + count]
        answer: dict[str, Any] = {"count": len(readers), "items": page}
        if call.flag("extended"):
            answer["profiles"] = self._objects.users(page, call.names("fields"))
            answer["groups"] = []
        return answer

    def _by_cmid(self, call: Call, cmids: list[int]) -> dict[str, Any]:
        member = self._messenger.part(call.user_id, call.number("peer_id"))
        found = (self._messages.shown(call.user_id, member.conversation_id, c) for c in cmids)
        return self._listed(call, [message for message in found if message])

    def _listed(self, call: Call, found: list[Message]) -> dict[str, Any]:
        items = [self._objects.message(call.user_id, message) for message in found]
        return {"count": len(items), "items": items, **self._extended(call, (), found)}

    def _start(self, call: Call, member: Member, *, oldest_first: bool) -> int:
        """Return how many messages lie before the start, in the order asked for."""
        cmid = call.number("start_cmid", 0)
        if call.has("start_message_id"):
            number = call.number("start_message_id")
            message = self._messages.seen_by_id(call.user_id, number)
            if message is None and number != LATEST:
                raise bad_parameter("start_message_id")
            cmid = message.cmid if message else LATEST
        if cmid in (0, LATEST):
            return 0
        if oldest_first:
            return self._messages.count_visible(call.user_id, member.conversation_id, last=cmid - 1)
        return self._messages.count_visible(call.user_id, member.conversation_id, first=cmid + 1)

    def _extended(
        self, call: Call, members: Iterable[Member], messages: Iterable[Message | None]
    ) -> dict[str, Any]:
        if not call.flag("extended"):
            return {}
        return {
            "profiles": profiles(self._objects, call, members, messages),
            "groups": [],
        }


def profiles(
    objects: Objects, call: Call, members: Iterable[Member], messages: Iterable[Message | None]
) -> list[dict[str, Any]]:
    """Return the users whom conversations and messages speak of."""
    user_ids = [call.user_id]
    user_ids += [member.peer_id for member in members if member.peer_id < CHAT_BASE]
    for message in messages:
        if message:
            user_ids.append(message.from_id)
            user_ids.append(int(message.draft.action.get("member_id", message.from_id)))
            user_ids += [int(forward.get("from_id", 0)) for forward in message.draft.forwards]
    return objects.users(user_ids, call.names("fields"))


def _passes(wanted: str, conversation: dict[str, Any]) -> bool:
    if wanted == "unread":
        return bool(conversation.get("unread_count"))
    return wanted in {"all", "sorted_chats"}
