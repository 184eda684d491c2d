"""The JSON objects of API replies, as one account sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.reactions import counters
from sferum_bridge.standin.values import CHAT_BASE, EDUCATIONAL, Conversation, Member, Message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sferum_bridge.standin.chats import Chats
    from sferum_bridge.standin.messages import Messages
    from sferum_bridge.standin.people import People
    from sferum_bridge.standin.reactions import Reactions
    from sferum_bridge.standin.values import Profile

WRITING_DISABLED = 1012
PHOTO_FIELDS = ("photo_50", "photo_100", "photo_200", "photo_max", "photo_base")
DEEPEST_FORWARDS = 45
"""How many forwarded messages stand within each other; what lies deeper is left out."""
OBJECT_VERSION = 10_000_000
"""`version` of messages and conversations counts changes; it starts somewhere."""


class Objects:
    """Builds users, messages and conversations."""

    def __init__(
        self, people: People, chats: Chats, messages: Messages, reactions: Reactions
    ) -> None:
        self._people = people
        self._chats = chats
        self._messages = messages
        self._reactions = reactions

    def user(self, profile: Profile, fields: Collection[str] = ()) -> dict[str, Any]:
        """Return a user with the optional fields that were asked for and are known."""
        known: dict[str, Any] = {
            "domain": profile.domain,
            "screen_name": profile.domain,
            "sex": 0,
            "online": 0,
            "has_photo": int(bool(profile.photo)),
            "profile_type": profile.profile_type,
            "is_service_account": False,
            "is_verified": False,
            "can_write_private_message": 1,
            "can_send_friend_request": 0,
            "can_invite_to_chats": True,
            "can_call": False,
        }
        if profile.photo:
            known.update(dict.fromkeys(PHOTO_FIELDS, profile.photo))
        if profile.profile_type == EDUCATIONAL:
            roles = {"user_id": profile.user_id, **profile.edu}
            known["edu_roles"] = roles
            known["educational_profile"] = {"edu_roles": roles}
        standing: dict[str, Any] = {"is_closed": False, "can_access_closed": True}
        if profile.deactivated:
            standing = {"deactivated": profile.deactivated}
        return {
            "id": profile.user_id,
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            **standing,
            **{name: value for name, value in known.items() if name in fields},
        }

    def users(self, user_ids: Iterable[int], fields: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the users among these ids."""
        return [self.user(profile, fields) for profile in self._people.many(user_ids)]

    def message(self, viewer: int, message: Message) -> dict[str, Any]:
        """Return a message with its reply and forwards."""
        member = self._chats.member(message.conversation_id, viewer)
        draft = message.draft
        shown: dict[str, Any] = {
            "id": self._messages.message_id(viewer, message.conversation_id, message.cmid),
            "date": message.date,
            "peer_id": member.peer_id if member else 0,
            "from_id": message.from_id,
            "out": int(message.from_id == viewer),
            "text": draft.text,
            "conversation_message_id": message.cmid,
            "version": OBJECT_VERSION + message.cmid,
            "random_id": draft.random_id if message.from_id == viewer else 0,
            "important": False,
            "is_hidden": False,
            "attachments": list(draft.attachments),
            "fwd_messages": list(draft.forwards),
        }
        optional = {
            "update_time": message.update_time,
            "action": draft.action,
            "payload": draft.payload,
            "format_data": draft.format_data,
            "is_silent": draft.silent,
            "geo": draft.geo,
            "keyboard": draft.keyboard,
            "deleted": int(message.deleted),
            "reply_message": self._answered(viewer, message, shown["peer_id"]),
            **self._reacted(viewer, message),
        }
        shown.update({name: value for name, value in optional.items() if value})
        if self._chats.get(message.conversation_id).pinned_cmid == message.cmid:
            shown["is_pinned"] = True
        return shown

    def _answered(self, viewer: int, message: Message, peer_id: int) -> dict[str, Any] | None:
        if not message.draft.reply_cmid:
            return None
        reply = self._messages.seen(viewer, message.conversation_id, message.draft.reply_cmid)
        return self._foreign(viewer, reply, peer_id) if reply else None

    def _reacted(self, viewer: int, message: Message) -> dict[str, Any]:
        reactions = self._reactions.of(message)
        own = next((number for number, ids in reactions.items() if viewer in ids), 0)
        return {"reactions": counters(reactions), "reaction_id": own}

    def forwarded(self, message: Message) -> dict[str, Any]:
        """Return what a forward keeps of a message: the same for whoever sees it."""
        draft = message.draft
        shown: dict[str, Any] = {
            "from_id": message.from_id,
            "date": message.date,
            "text": draft.text,
            "conversation_message_id": message.cmid,
            "attachments": list(draft.attachments),
            "fwd_messages": list(draft.forwards),
        }
        if draft.format_data:
            shown["format_data"] = draft.format_data
        if draft.geo:
            shown["geo"] = draft.geo
        answered = self._messages.get(message.conversation_id, draft.reply_cmid)
        if answered and not answered.deleted:
            shown["reply_message"] = {
                "from_id": answered.from_id,
                "date": answered.date,
                "text": answered.draft.text,
                "conversation_message_id": answered.cmid,
                "attachments": list(answered.draft.attachments),
            }
        return trimmed(shown, DEEPEST_FORWARDS)

    def pinned(self, viewer: int, message: Message, peer_id: int) -> dict[str, Any]:
        """Return the message that is pinned, as conversations and `messages.pin` show it."""
        return self._foreign(viewer, message, peer_id)

    def preview(self, chat: Conversation, viewer: Member | None) -> dict[str, Any]:
        """Return what an invite link shows of the chat behind it."""
        members = [member.user_id for member in self._chats.members(chat.id)]
        return {
            "admin_id": chat.owner_id,
            "joined": bool(viewer and viewer.present),
            "is_member": bool(viewer and viewer.present),
            "local_id": viewer.peer_id - CHAT_BASE if viewer else 0,
            "members": members[:4],
            "members_count": len(members),
            "title": chat.title,
            **_photo(chat),
        }

    def _foreign(self, viewer: int, message: Message, peer_id: int) -> dict[str, Any]:
        own_number = self._messages.message_id(viewer, message.conversation_id, message.cmid)
        return {**self.forwarded(message), "id": own_number, "peer_id": peer_id}

    def conversation(self, member: Member) -> dict[str, Any]:
        """Return a conversation as one of its members sees it."""
        chat = self._chats.get(member.conversation_id)
        last = self._messages.visible(member.user_id, chat.id, 0, 1, oldest_first=False)
        last_cmid = last[0].cmid if last else 0
        out_cmid = self._read_by_others(chat, member)

        def own_number(cmid: int) -> int:
            return self._messages.message_id(member.user_id, chat.id, cmid)

        unseen = self._reactions.unread(member.user_id, chat.id)
        shown: dict[str, Any] = {
            "peer": peer(member.peer_id),
            "last_message_id": own_number(last_cmid),
            "last_conversation_message_id": last_cmid,
            "in_read": own_number(member.read_cmid),
            "out_read": own_number(out_cmid),
            "in_read_cmid": member.read_cmid,
            "out_read_cmid": out_cmid,
            "sort_id": {"major_id": 0, "minor_id": own_number(last_cmid)},
            "is_marked_unread": False,
            "important": False,
            "can_write": self._can_write(chat, member),
            "version": OBJECT_VERSION + chat.last_cmid,
        }
        unread = self._messages.count_after(member.user_id, chat.id, member.read_cmid, own=False)
        if unread:
            shown["unread_count"] = unread
        if unseen:
            shown["unread_reactions"] = unseen
        if chat.is_chat:
            shown["chat_settings"] = self._chat_settings(chat, member)
        return shown

    def member(self, viewer: Member, member: Member, chat: Conversation) -> dict[str, Any]:
        """Return an item of `getConversationMembers`."""
        owner = member.user_id == chat.owner_id
        can_kick = viewer.is_admin or member.invited_by == viewer.user_id
        return {
            "member_id": member.user_id,
            "invited_by": member.invited_by,
            "join_date": member.join_date,
            "is_admin": member.is_admin,
            "is_owner": owner,
            "can_kick": chat.is_chat and can_kick and not owner,
        }

    def _chat_settings(self, chat: Conversation, member: Member) -> dict[str, Any]:
        members = self._chats.members(chat.id) if member.present else []
        admin = member.is_admin
        admins = [other.user_id for other in members if other.is_admin]
        pinned = self._messages.seen(member.user_id, chat.id, chat.pinned_cmid)
        shown: dict[str, Any] = {
            "title": chat.title,
            "owner_id": chat.owner_id,
            "members_count": len(members),
            "state": member.state,
            "active_ids": [m.user_id for m in members if m.user_id != member.user_id][:4],
            "admin_ids": admins,
            "is_group_channel": False,
            "is_service": False,
            "acl": {
                "can_change_info": member.present,
                "can_change_invite_link": admin,
                "can_change_pin": member.present,
                "can_invite": member.present,
                "can_promote_users": admin,
                "can_see_invite_link": admin,
                "can_moderate": admin,
                "can_copy_chat": False,
                "can_call": False,
                "can_use_mass_mentions": member.present,
                "can_send_reactions": member.present,
            },
            "writing_disabled": {"value": chat.writing_disabled},
            **_photo(chat),
        }
        if chat.description:
            shown["description"] = chat.description
        if pinned:
            shown["pinned_message"] = self.pinned(member.user_id, pinned, member.peer_id)
        return shown

    @staticmethod
    def _can_write(chat: Conversation, member: Member) -> dict[str, Any]:
        if not member.present:
            return {"allowed": False, "reason": 917}
        if chat.writing_disabled and not member.is_admin:
            return {"allowed": False, "reason": WRITING_DISABLED}
        return {"allowed": True}

    def _read_by_others(self, chat: Conversation, member: Member) -> int:
        others = (m for m in self._chats.members(chat.id) if m.user_id != member.user_id)
        return max((other.read_cmid for other in others), default=chat.last_cmid)


def _photo(chat: Conversation) -> dict[str, Any]:
    if not chat.photo:
        return {}
    return {
        "photo": dict.fromkeys(("photo_50", "photo_100", "photo_200", "photo_base"), chat.photo)
    }


def trimmed(message: dict[str, Any], levels: int) -> dict[str, Any]:
    """Return a message with so many levels of forwards."""
    inner = message.get("fwd_messages") or []
    kept = [trimmed(one, levels - 1) for one in inner] if levels else []
    return {**message, "fwd_messages": kept}


def peer(peer_id: int) -> dict[str, Any]:
    """Return the `peer` of a conversation object."""
    if peer_id > CHAT_BASE:
        return {"id": peer_id, "type": "chat", "local_id": peer_id - CHAT_BASE}
    return {"id": peer_id, "type": "user", "local_id": peer_id}
