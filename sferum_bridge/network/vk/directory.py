"""Who and what is there: the chats of an account, their members, people and communities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import Contact, Member, Refused, RemoteChat, Unavailable
from sferum_bridge.network.vk.chats import (
    contacts_beside,
    read_chat,
    read_communities,
    read_members,
    read_people,
)
from sferum_bridge.network.vk.errors import UNKNOWN_USER, VkRefused
from sferum_bridge.network.vk.portions import LESS
from sferum_bridge.network.vk.values import chunks_of, ident, items, listed, part, peer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.patience import Patience
    from sferum_bridge.network.vk.api import VkApi

_CHAT_PAGE = 200
_MEMBER_PAGE = 1000
_USER_PAGE = 1000
_GROUP_PAGE = 500
_PHOTO = "photo_200"


class Directory:
    """Looks chats and people up, in the name of one account."""

    def __init__(self, api: VkApi, patience: Patience) -> None:
        self._api = api
        self._patience = patience

    async def chats(self) -> Sequence[RemoteChat]:
        """List every conversation: chats the account has not left, dialogues, communities."""
        found: dict[str, RemoteChat] = {}
        offset, total = 0, 1
        while offset < total:
            page, offset = await self._chats_from(offset)
            total = ident(page.get("count"))
            if not page.get("items"):
                break
            found |= _chats_of(page)
        if total > _CHAT_PAGE:
            # A conversation in which somebody wrote meanwhile jumped over us to the first page.
            page, _ = await self._chats_from(0)
            found |= _chats_of(page)
        return list(found.values())

    async def chat(self, chat_id: str) -> RemoteChat:
        """Look a conversation up.

        Raises:
            Refused: If the account is not in it (any more), or there is none.
        """
        asked: dict[str, str | int] = {
            "peer_ids": peer_id_of(chat_id, "messages.getConversationsById"),
            "extended": 1,
            "fields": _PHOTO,
        }
        reply = await self._api.call("messages.getConversationsById", asked)
        contacts = contacts_beside(reply)
        for item in items(reply):
            chat = read_chat(item, contacts)
            if chat is not None and chat.id == chat_id:
                return chat
        raise Refused("messages.getConversationsById: the account is in no such chat")

    async def members(self, chat_id: str) -> Sequence[Member]:
        """List everybody in a chat."""
        peer_id = peer_id_of(chat_id, "messages.getConversationMembers")
        found: dict[str, Member] = {}
        offset, total = 0, 1
        while offset < total:
            asked: dict[str, str | int] = {
                "peer_id": peer_id,
                "offset": offset,
                "count": _MEMBER_PAGE,
                "extended": 1,
                "fields": _PHOTO,
            }
            page = await self._api.call("messages.getConversationMembers", asked)
            listed_here = read_members(page)
            if not listed_here:
                break
            total = ident(page.get("count"))
            offset += _MEMBER_PAGE
            found |= {member.contact.id: member for member in listed_here}
        return list(found.values())

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look people and (negative ids) communities up; others' kinds of ids are left out."""
        numbers = list(dict.fromkeys(number for text in ids if (number := peer_of(text))))
        people = [number for number in numbers if number > 0]
        communities = [-number for number in numbers if number < 0]
        found: list[Contact] = []
        for some in chunks_of(people, _USER_PAGE):
            asked: dict[str, str | int] = {"user_ids": listed(some), "fields": _PHOTO}
            found += read_people(await self._look_up("users.get", asked))
        for some in chunks_of(communities, _GROUP_PAGE):
            reply = await self._look_up("groups.getById", {"group_ids": listed(some)})
            found += read_communities(reply.get("groups") if isinstance(reply, dict) else reply)
        return found

    async def _chats_from(self, offset: int) -> tuple[dict[str, Any], int]:
        """Return a page and the offset behind it, passing by what is too much by itself."""
        size = _CHAT_PAGE
        while True:
            try:
                return await self._chat_page(offset, size), offset + size
            except LESS as error:
                if size > 1:
                    size //= 2
                elif self._patience.is_over(("chats", offset), error):
                    offset += 1
                else:
                    raise

    async def _chat_page(self, offset: int, count: int) -> dict[str, Any]:
        asked: dict[str, str | int] = {
            "count": count,
            "offset": offset,
            "extended": 1,
            "fields": _PHOTO,
        }
        page = await self._api.call("messages.getConversations", asked)
        if not isinstance(page, dict):
            raise Unavailable("messages.getConversations: a reply that is no list")
        return page

    async def _look_up(self, method: str, params: dict[str, str | int]) -> Any:
        try:
            return await self._api.call(method, params)
        except VkRefused as error:
            if error.code == UNKNOWN_USER:
                return []
            raise


def peer_id_of(chat_id: str, method: str) -> int:
    """Return the peer id a chat's id is.

    Raises:
        Refused: If it is none, in the name of `method`.
    """
    peer_id = peer_of(chat_id)
    if not peer_id:
        raise Refused(f"{method}: the chat's id is none of VK's")
    return peer_id


def _chats_of(page: dict[str, Any]) -> dict[str, RemoteChat]:
    contacts = contacts_beside(page)
    found = {}
    for item in items(page):
        chat = read_chat(part(item, "conversation"), contacts)
        if chat is not None:
            written_at = ident(part(item, "last_message").get("date"))
            found[chat.id] = replace(chat, written_at=written_at)
    return found
