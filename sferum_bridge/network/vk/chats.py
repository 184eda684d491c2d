"""Conversations, people and communities as values of `network.base`. Pure: no I/O, raises nothing.

`names` and the like are what VK sends beside a list: `profiles` and `groups`.
"""

from __future__ import annotations

from typing import Any

from sferum_bridge.network.base import Contact, Member, RemoteChat
from sferum_bridge.network.vk.values import (
    address,
    amount,
    cmid_of,
    dicts,
    flag,
    ident,
    items,
    part,
    text,
)

_GONE = frozenset({"kicked", "left", "out"})


def read_people(profiles: Any) -> list[Contact]:
    """Read users; those without an id are left out."""
    found = []
    for profile in dicts(profiles):
        if user := ident(profile.get("id")):
            names = (text(profile.get(key)) for key in ("first_name", "last_name"))
            name = " ".join(filter(None, names))
            found.append(Contact(str(user), name, address(profile.get("photo_200"))))
    return found


def read_communities(groups: Any) -> list[Contact]:
    """Read communities, whose ids are negative where they stand beside users'."""
    return [
        Contact(str(-group_id), text(group.get("name")), address(group.get("photo_200")))
        for group in dicts(groups)
        if (group_id := ident(group.get("id")))
    ]


def contacts_beside(reply: Any) -> dict[str, Contact]:
    """Return by id whom a reply names beside its list."""
    if not isinstance(reply, dict):
        return {}
    known = [*read_people(reply.get("profiles")), *read_communities(reply.get("groups"))]
    return {contact.id: contact for contact in known}


def read_chat(conversation: Any, contacts: dict[str, Contact]) -> RemoteChat | None:
    """Read a conversation; `None` for one that is unreadable or that the account has left."""
    peer = part(conversation, "peer")
    if not (peer_id := ident(peer.get("id"))):
        return None
    chat_id = str(peer_id)
    if peer.get("type") != "chat":
        other = contacts.get(chat_id, Contact(chat_id, ""))
        partner = chat_id if peer.get("type") == "user" else ""
        return RemoteChat(
            chat_id, other.name, is_group=False, avatar_url=other.avatar_url, partner_id=partner
        )
    settings = conversation.get("chat_settings")
    if not isinstance(settings, dict) or text(settings.get("state")) in _GONE:
        return None
    return RemoteChat(
        chat_id,
        text(settings.get("title")),
        is_group=True,
        member_count=amount(settings.get("members_count")),
        avatar_url=address(part(settings, "photo").get("photo_200")),
        pinned=cmid_of(settings.get("pinned_message")),
    )


def read_members(reply: Any) -> list[Member]:
    """Read a page of `messages.getConversationMembers`."""
    contacts = contacts_beside(reply)
    return [
        Member(
            contacts.get(str(member_id), Contact(str(member_id), "")),
            is_admin=flag(member.get("is_admin")) or flag(member.get("is_owner")),
        )
        for member in items(reply)
        if (member_id := ident(member.get("member_id")))
    ]
