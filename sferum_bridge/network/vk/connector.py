"""`VkNetwork` and `VkConnector`: the two protocols of `network.base`, kept by VK's methods."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    Batch,
    Contact,
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    RemoteChat,
    Sent,
    Session,
    Unavailable,
)
from sferum_bridge.network.vk.api import VkApi
from sferum_bridge.network.vk.errors import UNKNOWN_USER, VkRefused
from sferum_bridge.network.vk.login import WebLogin, cookie_of
from sferum_bridge.network.vk.longpoll import Listener
from sferum_bridge.network.vk.transport import Outage, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from sferum_bridge.network.vk.settings import VkSettings

_CHAT_PAGE = 200
_USER_PAGE = 1000
_GROUP_PAGE = 500
_INT32 = 2**31
_GONE = frozenset({"kicked", "left", "out"})


class VkNetwork:
    """Sferum inside VK Messenger. Make it inside a running event loop; `close` it in the end."""

    def __init__(self, settings: VkSettings) -> None:
        self._settings = settings
        self._transport = Transport(settings)

    async def log_in(self, secret: str) -> Session:
        """Check a pasted cookie (`remixdsid`, its value or as `name=value`).

        Raises:
            LoginExpired: If VK gives no token for it.
            Refused: If the account has no educational profile.
        """
        cookie = cookie_of(secret)
        connector = await self.connect(cookie)
        own = await connector.contacts([connector.account_id])
        return Session(connector.account_id, own[0].name if own else "", cookie)

    async def connect(self, secret: str) -> VkConnector:
        """Open the session of a stored cookie; the same errors as `log_in`."""
        login = WebLogin(self._transport, self._settings, cookie_of(secret))
        await login.open()
        return VkConnector(self._transport, self._settings, login)

    async def close(self) -> None:
        """Close the connections all accounts share."""
        await self._transport.close()


class VkConnector:
    """One educational profile. `login` is open."""

    def __init__(self, transport: Transport, settings: VkSettings, login: WebLogin) -> None:
        self._transport = transport
        self._settings = settings
        self._account_id = login.account_id
        self._api = VkApi(transport, settings, login)
        self._outage = Outage(f"the Sferum event stream of account {login.account_id}")

    @property
    def account_id(self) -> str:
        """Return the educational profile's user id."""
        return self._account_id

    async def chats(self) -> Sequence[RemoteChat]:
        """List every conversation: chats the account has not left, dialogues, communities."""
        found: dict[str, RemoteChat] = {}
        offset, total = 0, 1
        while offset < total:
            page = await self._chat_page(offset)
            total = _count(page)
            if not page.get("items"):
                break
            offset += _CHAT_PAGE
            found |= _chats_of(page)
        if total > _CHAT_PAGE:
            # A conversation in which somebody wrote meanwhile jumped over us to the first page.
            found |= _chats_of(await self._chat_page(0))
        return list(found.values())

    async def contacts(self, ids: Sequence[str]) -> Sequence[Contact]:
        """Look people and (negative ids) communities up; others' kinds of ids are left out."""
        numbers = list(dict.fromkeys(number for text in ids if (number := _peer_id(text))))
        people = [number for number in numbers if number > 0]
        communities = [-number for number in numbers if number < 0]
        found: list[Contact] = []
        for part in _parts(people, _USER_PAGE):
            asked: dict[str, str | int] = {"user_ids": _listed(part), "fields": "photo_200"}
            found += _people(await self._look_up("users.get", asked))
        for part in _parts(communities, _GROUP_PAGE):
            reply = await self._look_up("groups.getById", {"group_ids": _listed(part)})
            found += _communities(reply.get("groups") if isinstance(reply, dict) else reply)
        return found

    async def send(self, chat_id: str, text: str, *, random_id: int, reply_to: str = "") -> Sent:
        """Send text. VK drops a repetition with the same `random_id` for one hour.

        Raises:
            ValueError: If `random_id` is 0 (VK would send every repetition) or no int32.
            Refused: If VK does, as with a text longer than it takes, or an id is none of VK's.
        """
        if not random_id or not -_INT32 <= random_id < _INT32:
            raise ValueError("random_id has to be an int32 and not 0")
        peer_id = _peer_id(chat_id)
        if not peer_id:
            raise Refused("messages.send: the chat's id is none of VK's")
        params: dict[str, str | int] = {
            "peer_id": peer_id,
            "random_id": random_id,
            "message": text,
        }
        if reply_to:
            params["forward"] = _reply(peer_id, reply_to)
        reply = await self._api.call("messages.send", params)
        cmid = reply.get("cmid") if isinstance(reply, dict) else None
        if type(cmid) is not int:
            cmid = await self._cmid_of(reply)
        return Sent(chat_id, str(cmid))

    async def listen(self, cursor: str) -> AsyncGenerator[Batch, None]:
        """Yield batches for ever; see `network.base.Connector.listen` and `longpoll`."""
        listener = Listener(
            transport=self._transport,
            api=self._api,
            settings=self._settings,
            account_id=self._account_id,
            outage=self._outage,
            cursor=cursor,
        )
        while True:
            yield await listener.next_batch()

    async def close(self) -> None:
        """End the session. It owns nothing: connections are the network's, for all accounts."""

    async def _chat_page(self, offset: int) -> dict[str, Any]:
        page = await self._api.call(
            "messages.getConversations", {"count": _CHAT_PAGE, "offset": offset, "extended": 1}
        )
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

    async def _cmid_of(self, reply: Any) -> int:
        """Return the cmid of a message just sent, from the message id that older versions reply.

        The message is sent: an error from here on is never certain, and repeating it with the same
        `random_id` asks VK for the same message again.
        """
        message_id = reply.get("message_id") if isinstance(reply, dict) else reply
        if type(message_id) is not int:
            raise Unavailable("messages.send: a reply that names no message")
        try:
            found = await self._api.call("messages.getById", {"message_ids": message_id})
        except (LoginExpired, NeedsPerson) as error:
            error.certain = False
            raise
        except NetworkError as error:
            raise Unavailable(f"sent, but where is not known: {error.detail}") from error
        for item in _items(found):
            cmid = item.get("conversation_message_id")
            if type(cmid) is int:
                return cmid
        raise Unavailable("messages.getById: the message just sent is not in the reply")


def _reply(peer_id: int, reply_to: str) -> str:
    if not reply_to.isascii() or not reply_to.isdigit():
        raise Refused("messages.send: the id of the message replied to is none of VK's")
    return json.dumps(
        {"peer_id": peer_id, "conversation_message_ids": [int(reply_to)], "is_reply": True}
    )


def _chats_of(page: dict[str, Any]) -> dict[str, RemoteChat]:
    names = {contact.id: contact.name for contact in _people(page.get("profiles"))}
    names |= {contact.id: contact.name for contact in _communities(page.get("groups"))}
    chats = (_chat(item.get("conversation"), names) for item in _items(page))
    return {chat.id: chat for chat in chats if chat is not None}


def _chat(conversation: Any, names: dict[str, str]) -> RemoteChat | None:
    """Read a conversation; `None` for one that is unreadable or that the account has left."""
    peer = conversation.get("peer") if isinstance(conversation, dict) else None
    if not isinstance(peer, dict) or type(peer.get("id")) is not int:
        return None
    chat_id = str(peer["id"])
    if peer.get("type") != "chat":
        return RemoteChat(chat_id, names.get(chat_id, ""), is_group=False)
    settings = conversation.get("chat_settings")
    if not isinstance(settings, dict) or settings.get("state") in _GONE:
        return None
    title, members = settings.get("title"), settings.get("members_count")
    return RemoteChat(
        chat_id,
        title if isinstance(title, str) else "",
        is_group=True,
        member_count=members if type(members) is int else 0,
    )


def _people(profiles: Any) -> list[Contact]:
    found = []
    for profile in _dicts(profiles):
        if type(profile.get("id")) is int:
            parts = (profile.get("first_name"), profile.get("last_name"))
            name = " ".join(part for part in parts if isinstance(part, str) and part)
            found.append(Contact(str(profile["id"]), name, _text(profile.get("photo_200"))))
    return found


def _communities(groups: Any) -> list[Contact]:
    return [
        Contact(str(-group["id"]), _text(group.get("name")), _text(group.get("photo_200")))
        for group in _dicts(groups)
        if type(group.get("id")) is int
    ]


def _items(reply: Any) -> list[dict[str, Any]]:
    return _dicts(reply.get("items") if isinstance(reply, dict) else None)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _count(page: dict[str, Any]) -> int:
    count = page.get("count")
    return count if type(count) is int else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _peer_id(text: str) -> int:
    """Return a peer id, 0 for what is none."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0  # noqa: PLR2004 - e-mail peers, the longest, have fewer digits


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in numbers)


def _parts(numbers: list[int], size: int) -> Iterable[list[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
