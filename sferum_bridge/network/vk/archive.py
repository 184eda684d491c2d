"""What VK has stored of chats: messages, who reacted, the history.

    entries of a batch ─► asked: whole messages (100 a call) ─► asked: reactions ─► events

Nothing is given out before all of it is there: a failure that time mends is raised, and the caller
comes back for the same batch. A message that is gone meanwhile is passed by. Where VK refuses to
tell of a message (a chat the account has lost), what the update told of it has to do, so that one
chat cannot make the login deaf to all others.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    Refused,
    RemoteDeletion,
    RemoteEdit,
    RemoteEvent,
    RemoteMessage,
    RemoteReactions,
)
from sferum_bridge.network.vk.answers import DELETIONS, Found, answered
from sferum_bridge.network.vk.errors import VkRefused
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.reactions import Reactions, read_counters, read_reacted
from sferum_bridge.network.vk.updates import Ask, Entry, Reacted, Want
from sferum_bridge.network.vk.values import (
    MalformedError,
    chunks_of,
    dicts,
    flag,
    ident,
    items,
    listed,
    peer_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.vk.api import VkApi
    from sferum_bridge.network.vk.reactions import ReactionTable

log = logging.getLogger(__name__)

_LOOKUP = 100
_PAGE = 200
_MOST_PLACES = 10_000


class Archive:
    """Asks VK for what it has stored, in the name of one account."""

    def __init__(self, api: VkApi, account_id: str, reactions: ReactionTable) -> None:
        self._api = api
        self._account_id = account_id
        self._reactions = reactions
        # The old layout tells of deletions by a number that VK does not translate any more then.
        self._places: dict[int, tuple[str, str]] = {}

    async def events(self, entries: Sequence[Entry], known: Any = None) -> list[RemoteEvent]:
        """Return the entries of a batch as events, in order, with all that has to be asked for.

        `known` are message objects that came with the batch.
        """
        found = Found()
        for item in dicts(known):
            if not flag(item.get("is_cropped")):
                self._keep(item, found)
        asks = [e for e in entries if isinstance(e, Ask) and e.want is not Want.REACTIONS]
        await self._find([ask for ask in asks if found.get(ask) is None], found)
        drafted: list[RemoteEvent | Reacted | Ask] = []
        newest: set[tuple[str, str]] = set()  # messages given as they are now, edits included
        for entry in entries:
            if isinstance(entry, Ask):
                drafted += self._lost(entry, found)
                drafted += answered(entry, found, self._account_id, newest)
            elif not (isinstance(entry, RemoteEdit) and _place(entry.message) in newest):
                drafted.append(entry)
        return await self._with_reactions(drafted)

    async def by_cmid(self, peer_id: int, cmids: Sequence[int]) -> list[dict[str, Any]]:
        """Return the message objects that are there, at most 100.

        Raises:
            NetworkError: As `VkApi.call`.
        """
        asked: dict[str, str | int] = {"peer_id": peer_id, "cmids": listed(cmids)}
        reply = await self._api.call("messages.getById", asked)
        return [{"peer_id": peer_id, **item} for item in items(reply)]

    async def history(self, chat_id: str, *, after: str, limit: int) -> list[RemoteMessage]:
        """Return messages as `network.base.Connector.history` does.

        The newest are looked at first, which is all there is to do for a short gap. A longer one is
        asked for by the numbers that follow `after`: they are the chat's own, without holes but
        for what is gone.
        """
        peer_id = peer_of(chat_id)
        if not peer_id or (after and not (after.isascii() and after.isdigit())):
            raise Refused("messages.getHistory: an id that is none of VK's")
        page, total = await self._newest(peer_id, 0, min(limit, _PAGE))
        if not after:
            collected = list(page)
            while page and len(collected) < limit:
                page, _ = await self._newest(peer_id, len(collected), min(limit, _PAGE))
                collected += page
            return self._ordered(collected, 0)[-limit:]
        numbers = [n for item in page if (n := ident(item.get("conversation_message_id"))) > 0]
        if not numbers or min(numbers) <= int(after) + 1 or total <= len(page):
            return self._ordered(page, int(after))[:limit]
        messages: list[RemoteMessage] = []
        for cmids in chunks_of(range(int(after) + 1, max(numbers) + 1), _LOOKUP):
            messages += self._ordered(await self.by_cmid(peer_id, cmids), int(after))
            if len(messages) >= limit:
                break
        return messages[:limit]

    async def _newest(
        self, peer_id: int, offset: int, count: int
    ) -> tuple[list[dict[str, Any]], int]:
        asked: dict[str, str | int] = {"peer_id": peer_id, "offset": offset, "count": count}
        reply = await self._api.call("messages.getHistory", asked)
        total = ident(reply.get("count")) if isinstance(reply, dict) else 0
        return [{"peer_id": peer_id, **item} for item in items(reply)], total

    def _ordered(self, found: Iterable[dict[str, Any]], after: int) -> list[RemoteMessage]:
        """Return the messages behind a number that can be read, each once, the oldest first."""
        kept = Found()
        for item in found:
            self._keep(item, kept)
        wholes = sorted(kept.by_place.values(), key=lambda whole: whole.cmid)
        return [whole.message for whole in wholes if whole.message and whole.cmid > after]

    async def _find(self, asks: list[Ask], found: Found) -> None:
        places: dict[int, list[int]] = {}
        for ask in asks:
            if not ask.message_id:
                places.setdefault(ask.peer_id, []).append(ask.cmid)
        for peer_id, cmids in places.items():
            for part in chunks_of(list(dict.fromkeys(cmids)), _LOOKUP):
                try:
                    answer = await self.by_cmid(peer_id, part)
                except VkRefused as e:
                    log.warning("messages cannot be fetched (error %d)", e.code)
                    found.refused |= {(peer_id, cmid) for cmid in part}
                    continue
                for item in answer:
                    self._keep(item, found)
        numbers = list(dict.fromkeys(ask.message_id for ask in asks if ask.message_id))
        for part in chunks_of(numbers, _LOOKUP):
            try:
                reply = await self._api.call("messages.getById", {"message_ids": listed(part)})
            except VkRefused as e:
                log.warning("messages cannot be fetched (error %d); passed by", e.code)
                continue
            for item in items(reply):
                self._keep(item, found)

    def _lost(self, ask: Ask, found: Found) -> list[RemoteDeletion]:
        """Remember where a message asked for by its own number is, for when it is deleted."""
        whole = found.get(ask)
        if ask.message_id and whole is not None:
            self._places[ask.message_id] = str(whole.peer_id), str(whole.cmid)
            if len(self._places) > _MOST_PLACES:
                del self._places[next(iter(self._places))]
        place = self._places.get(ask.message_id)
        if whole is not None or place is None or ask.want not in DELETIONS:
            return []
        return [RemoteDeletion(*place, DELETIONS[ask.want])]

    def _keep(self, item: dict[str, Any], found: Found) -> None:
        try:
            found.add(read_message(item, self._account_id))
        except MalformedError:
            log.warning("a message object cannot be read; it is passed by")

    async def _with_reactions(
        self, drafted: list[RemoteEvent | Reacted | Ask]
    ) -> list[RemoteEvent]:
        asked: dict[int, list[int]] = {}
        for one in drafted:
            if isinstance(one, Ask):
                asked.setdefault(one.peer_id, []).append(one.cmid)
        answers: dict[tuple[int, int], Reactions] = {}
        for peer_id, cmids in asked.items():
            for part in chunks_of(list(dict.fromkeys(cmids)), _LOOKUP):
                try:
                    answers |= await self._reacted(peer_id, part)
                except VkRefused as e:
                    log.warning("reactions cannot be fetched (error %d); passed by", e.code)
        events: list[RemoteEvent] = []
        for one in drafted:
            if isinstance(one, Ask):
                by = answers.get((one.peer_id, one.cmid))
                if by is not None:
                    events.append(self._shown(Reacted(one.peer_id, one.cmid, by)))
            else:
                events.append(self._shown(one) if isinstance(one, Reacted) else one)
        return events

    def _shown(self, one: Reacted) -> RemoteReactions:
        return RemoteReactions(str(one.peer_id), str(one.cmid), self._reactions.shown(one.by))

    async def _reacted(
        self, peer_id: int, cmids: Sequence[int]
    ) -> dict[tuple[int, int], Reactions]:
        reply = await self._api.call(
            "messages.getMessagesReactions", {"peer_id": peer_id, "cmids": listed(cmids)}
        )
        counters = {ident(item.get("cmid")): item.get("counters") for item in items(reply)}
        answers: dict[tuple[int, int], Reactions] = {}
        for cmid in cmids:
            by = read_counters(counters.get(cmid, []))
            if by is None:
                # VK names three people of a kind there.
                reacted = {"peer_id": peer_id, "cmid": cmid}
                by = read_reacted(await self._api.call("messages.getReactedPeers", reacted))
            answers[peer_id, cmid] = by
        return answers


def _place(message: RemoteMessage) -> tuple[str, str]:
    return message.chat_id, message.message_id
