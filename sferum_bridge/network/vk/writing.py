"""What an account says and does in chats: send, edit, delete, react, pin, typing, read marks.

A change may be asked for twice, when only its answer was lost: VK refuses some of what is done
already, so a refusal counts only where a look shows that it is not done.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    Sent,
    Unavailable,
)
from sferum_bridge.network.vk import remaining
from sferum_bridge.network.vk.directory import peer_id_of
from sferum_bridge.network.vk.errors import VkRefused
from sferum_bridge.network.vk.reactions import read_reacted
from sferum_bridge.network.vk.text import read, write
from sferum_bridge.network.vk.values import (
    chunks_of,
    dicts,
    flag,
    ident,
    items,
    listed,
    part,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.network.content import Draft, File
    from sferum_bridge.network.vk.api import VkApi
    from sferum_bridge.network.vk.archive import Archive
    from sferum_bridge.network.vk.reactions import ReactionTable
    from sferum_bridge.network.vk.remaining import Params

_INT32 = 2**31
_DELETED_AT_ONCE = 100


class Writer:
    """Writes in the name of one account."""

    def __init__(
        self, api: VkApi, archive: Archive, reactions: ReactionTable, account_id: str
    ) -> None:
        self._api = api
        self._archive = archive
        self._account_id = account_id
        self._reactions = reactions

    async def send(self, chat_id: str, draft: Draft, *, random_id: int, reply_to: str) -> Sent:
        """Send a message. VK drops a repetition with the same `random_id` for one hour.

        Raises:
            ValueError: If `random_id` is 0 (VK would send every repetition) or no int32.
            Refused: If VK does, as with a text longer than it takes, or an id is none of VK's.
        """
        if not random_id or not -_INT32 <= random_id < _INT32:
            raise ValueError("random_id has to be an int32 and not 0")
        peer_id = peer_id_of(chat_id, "messages.send")
        params: Params = {"peer_id": peer_id, "random_id": random_id, **_said(draft)}
        if draft.attached:
            params["attachment"] = ",".join(draft.attached)
        if draft.place is not None:
            params |= {"lat": str(draft.place.latitude), "long": str(draft.place.longitude)}
        if reply_to:
            params["forward"] = json.dumps(
                {
                    "peer_id": peer_id,
                    "conversation_message_ids": [_cmid(reply_to, "messages.send")],
                    "is_reply": True,
                }
            )
        reply = await self._api.call("messages.send", params)
        cmid = ident(reply.get("cmid")) if isinstance(reply, dict) else 0
        if cmid <= 0:
            cmid = await self._cmid_of(reply)
        return Sent(chat_id, str(cmid))

    async def edit(self, chat_id: str, message_id: str, draft: Draft) -> None:
        """Make an own message say something else.

        VK may drop what an edit does not name, so what is attached is looked up and named again.

        Raises:
            Refused: If the message is gone, or VK refuses, as after its time for edits (909).
        """
        peer_id = peer_id_of(chat_id, "messages.edit")
        cmid = _cmid(message_id, "messages.edit")
        now = await self._now(peer_id, cmid)
        if now is None:
            raise Refused("messages.edit: the message is not there any more")
        kept = [name for name, _ in remaining.attached(now) if name]
        attached = [*kept, *(name for name in draft.attached if name not in kept)]
        params: Params = {
            "peer_id": peer_id,
            "cmid": cmid,
            **_said(draft),
            **remaining.staying(now),
        }
        if attached:
            params["attachment"] = ",".join(attached)
        if draft.place is not None:
            params |= {"lat": str(draft.place.latitude), "long": str(draft.place.longitude)}
        try:
            await self._api.call("messages.edit", params)
        except VkRefused:
            if not await self._says(peer_id, cmid, draft):
                raise

    async def take_out(
        self, chat_id: str, message_id: str, is_it: Callable[[File], Awaitable[bool]] | None
    ) -> None:
        """Take a file out of an own message, or its words; the rest is named again and stays.

        Raises:
            Refused: If something else in it has no name to be kept by, if it is in a post or in
                what is forwarded, if with the words are forwards, a poll or the like, which stay,
                or if VK refuses, as for what others wrote (15) and after its time for edits (909).
        """
        peer_id, cmid = peer_id_of(chat_id, "messages.edit"), _cmid(message_id, "messages.edit")
        now = await self._now(peer_id, cmid)
        if now is None:
            return
        if is_it is None:
            left = remaining.without_words(now)
        else:
            left = await remaining.without_file(now, is_it)
        if left is not None:
            await self._api.call("messages.edit", {"peer_id": peer_id, "cmid": cmid, **left})
        if left is None or is_it is None:
            await remaining.look_for_more(now, self._account_id, is_it)

    async def _now(self, peer_id: int, cmid: int) -> dict[str, Any] | None:
        """Return a message as it is, `None` if it is gone or nothing of it is told."""
        now = await self._archive.by_cmid(peer_id, [cmid])
        return now[0] if now and now[0].keys() != {"peer_id"} else None

    async def _says(self, peer_id: int, cmid: int, draft: Draft) -> bool:
        """Tell whether a message says already what it was to say."""
        wanted = read(*write(draft.text, draft.spans))
        for item in await self._archive.by_cmid(peer_id, [cmid]):
            return read(text(item.get("text")), item.get("format_data")) == wanted
        return False

    async def delete(self, chat_id: str, message_ids: Sequence[str]) -> None:
        """Delete messages for all.

        Raises:
            Refused: If VK does not delete one of them, as after its time for that (924); the others
                are deleted all the same. What is gone already is as good as deleted.
        """
        method = "messages.delete"
        peer_id = peer_id_of(chat_id, method)
        cmids = [_cmid(one, method) for one in message_ids]
        refusal: Refused | None = None
        for some in chunks_of(cmids, _DELETED_AT_ONCE):
            params: Params = {"peer_id": peer_id, "cmids": listed(some), "delete_for_all": 1}
            try:
                refused = _refusal(await self._api.call(method, params))
            except VkRefused as e:
                refused = e
            if refused is not None and await self._are_there(peer_id, some):
                refusal = refused
        if refusal is not None:
            raise refusal

    async def _are_there(self, peer_id: int, cmids: Sequence[int]) -> bool:
        found = await self._archive.by_cmid(peer_id, cmids)
        return any(not flag(item.get("deleted")) for item in found)

    async def react(self, chat_id: str, message_id: str, emoji: str) -> None:
        """React in place of an earlier reaction; empty: take it back.

        Raises:
            Refused: If VK has no such reaction, or does not let one react.
        """
        method = "messages.sendReaction" if emoji else "messages.deleteReaction"
        params: Params = {
            "peer_id": peer_id_of(chat_id, method),
            "cmid": _cmid(message_id, method),
        }
        if emoji:
            reaction_id = self._reactions.id_of(emoji)
            if reaction_id is None:
                raise Refused(f"{method}: no such reaction")
            params["reaction_id"] = reaction_id
        try:
            await self._api.call(method, params)
        except VkRefused:
            if await self._reacted(params) != params.get("reaction_id", 0):
                raise

    async def _reacted(self, params: Params) -> int:
        """Return the number of this account's reaction to a message, 0 for none."""
        where = {name: params[name] for name in ("peer_id", "cmid")}
        by = read_reacted(await self._api.call("messages.getReactedPeers", where))
        return by.get(int(self._account_id), 0)

    async def pin(self, chat_id: str, message_id: str) -> None:
        """Pin a message in place of what is pinned; empty: have nothing pinned.

        Raises:
            Refused: If VK lets this account pin nothing there (925), or not this message (970).
        """
        method = "messages.pin" if message_id else "messages.unpin"
        params: Params = {"peer_id": peer_id_of(chat_id, method)}
        if message_id:
            params["cmid"] = _cmid(message_id, method)
        await self._api.call(method, params)

    async def set_typing(self, chat_id: str) -> None:
        """Tell a chat that this account is writing."""
        method = "messages.setActivity"
        await self._api.call(method, {"peer_id": peer_id_of(chat_id, method), "type": "typing"})

    async def mark_read(self, chat_id: str, message_id: str) -> None:
        """Tell a chat that this account has read everything up to a message."""
        method = "messages.markAsRead"
        params: Params = {
            "peer_id": peer_id_of(chat_id, method),
            "up_to_cmid": _cmid(message_id, method),
        }
        await self._api.call(method, params)

    async def _cmid_of(self, reply: Any) -> int:
        """Return the cmid of a message just sent, from the message id that older versions reply.

        The message is sent: an error from here on is never certain, and repeating it with the same
        `random_id` asks VK for the same message again.
        """
        message_id = ident(reply.get("message_id") if isinstance(reply, dict) else reply)
        if message_id <= 0:
            raise Unavailable("messages.send: a reply that names no message")
        try:
            found = await self._api.call("messages.getById", {"message_ids": message_id})
        except (LoginExpired, NeedsPerson) as error:
            error.certain = False
            raise
        except NetworkError as error:
            raise Unavailable(f"sent, but where is not known: {error.detail}") from error
        for item in items(found):
            cmid = ident(item.get("conversation_message_id"))
            if cmid > 0:
                return cmid
        raise Unavailable("messages.getById: the message just sent is not in the reply")


def _said(draft: Draft) -> Params:
    message, styles = write(draft.text, draft.spans)
    params: Params = {"message": message}
    if styles:
        params["format_data"] = json.dumps(styles)
    return params


def _cmid(message_id: str, method: str) -> int:
    number = int(message_id) if message_id.isascii() and message_id.isdigit() else 0
    if not 0 < number < _INT32:
        raise Refused(f"{method}: the id of the message is none of VK's")
    return number


def _refusal(reply: Any) -> Refused | None:
    """Return why one of several messages was not deleted; `None` if all of them were.

    The reply is a list of objects with `response` or `error`, or, in older versions, an object that
    has 1 beside each number.
    """
    answers = dicts(reply)
    for answer in answers:
        code = ident(part(answer, "error").get("code"))
        if code:
            return VkRefused(f"messages.delete: VK error {code}", code)
    done = [flag(answer.get("response", 1)) for answer in answers]
    if isinstance(reply, dict):
        done = [flag(one) for one in reply.values()]
    return None if all(done) else Refused("messages.delete: not every message was deleted")
