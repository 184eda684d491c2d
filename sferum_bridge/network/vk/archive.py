"""What VK has stored of chats: messages, who reacted, the history.

    entries of a batch ─► asked: whole messages (100 a call) ─► asked: reactions ─► events

Nothing is given out before all of it is there: a failure that time mends is raised, and the caller
comes back for the same batch. A message that is gone meanwhile is passed by. Where VK refuses to
tell of a message (a chat the account has lost), or never manages to (`portions`, `patience`), what
the update told of it has to do, so that one chat cannot make the login deaf to all others.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import (
    Refused,
    RemoteDeletion,
    RemoteEdit,
    RemoteEvent,
    RemoteMessage,
    RemoteReactions,
    Unavailable,
)
from sferum_bridge.network.vk.answers import DELETIONS, Found, answered, unreadable
from sferum_bridge.network.vk.errors import VkRefused
from sferum_bridge.network.vk.messages import read_message
from sferum_bridge.network.vk.portions import LESS, by_halves
from sferum_bridge.network.vk.reactions import Reactions, read_counters, read_reacted
from sferum_bridge.network.vk.updates import Ask, Entry, Reacted, Want
from sferum_bridge.network.vk.values import (
    chunks_of,
    cmid_of,
    dicts,
    flag,
    ident,
    items,
    listed,
    peer_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sferum_bridge.network.patience import Patience
    from sferum_bridge.network.vk.api import VkApi
    from sferum_bridge.network.vk.reactions import ReactionTable

log = logging.getLogger(__name__)

_LOOKUP = 100
_PAGE = 200
_MOST_PLACES = 10_000
_MOST_SKIPPED = 20
_MOST_EMPTY = 100
"""Lookups one after the other that find nothing: 10,000 messages that are gone, or a lie."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Messages of a history, the newest first, and the offset of what lies behind them."""

    items: list[dict[str, Any]]
    total: int
    behind: int
    is_whole: bool
    """Whether none had to be passed by."""


class Archive:
    """Asks VK for what it has stored, in the name of one account."""

    def __init__(
        self, api: VkApi, account_id: str, reactions: ReactionTable, patience: Patience
    ) -> None:
        self._api = api
        self._account_id = account_id
        self._reactions = reactions
        self._patience = patience
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
                drafted += self._answered(entry, found, newest)
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
        return [{**item, "peer_id": peer_id} for item in _objects(reply)]

    async def history(self, chat_id: str, *, after: str, limit: int) -> list[RemoteMessage]:
        """Return messages as `network.base.Connector.history` does.

        The newest are looked at first, which is all there is to do for a short gap. A longer one is
        asked for by the numbers that follow `after`: they are the chat's own, without holes but
        for what is gone.
        """
        peer_id = peer_of(chat_id)
        if not peer_id or (after and not (after.isascii() and after.isdigit())):
            raise Refused("messages.getHistory: an id that is none of VK's")
        page = await self._newest(peer_id, 0, min(limit, _PAGE))
        if not after:
            collected = list(page.items)
            while page.items and len(collected) < limit:
                page = await self._newest(peer_id, page.behind, min(limit, _PAGE))
                collected += page.items
            return self._ordered(collected, 0)[-limit:]
        numbers = [int(cmid) for item in page.items if (cmid := cmid_of(item))]
        is_short = not numbers or min(numbers) <= int(after) + 1 or page.total <= len(page.items)
        if page.is_whole and is_short:
            return self._ordered(page.items, int(after))[:limit]
        # What had to be passed by on top has higher numbers than what was told.
        last = max(numbers, default=int(after)) + (0 if page.is_whole else _LOOKUP)
        messages: list[RemoteMessage] = []
        empty = 0
        for cmids in chunks_of(range(int(after) + 1, last + 1), _LOOKUP):
            found = Found()
            await self._fetch(peer_id, cmids, found)
            told = self._ordered((), int(after), found)
            messages += told
            empty = 0 if told else empty + 1
            if len(messages) >= limit:
                break
            if empty >= _MOST_EMPTY:
                log.warning("a chat's numbers lead nowhere; its newest messages are taken")
                behind = int(messages[-1].message_id) if messages else int(after)
                messages += self._ordered(page.items, behind)
                break
        return messages[:limit]

    async def _newest(self, peer_id: int, offset: int, count: int) -> _Page:
        size, skipped = count, 0
        while skipped < _MOST_SKIPPED:
            asked: dict[str, str | int] = {
                "peer_id": peer_id,
                "offset": offset + skipped,
                "count": size,
            }
            try:
                reply = await self._api.call("messages.getHistory", asked)
            except LESS as error:
                if size > 1:
                    size //= 2
                elif self._patience.is_over((peer_id, "offset", offset + skipped), error):
                    size, skipped = count, skipped + 1
                else:
                    raise
            else:
                found = [{**item, "peer_id": peer_id} for item in items(reply)]
                total = ident(reply.get("count")) if isinstance(reply, dict) else 0
                return _Page(found, total, offset + skipped + len(found), not skipped)
        return _Page([], 0, offset + skipped, is_whole=False)

    def _ordered(
        self, items_: Iterable[dict[str, Any]], after: int, kept: Found | None = None
    ) -> list[RemoteMessage]:
        """Return the messages behind a number, each once, the oldest first.

        Those in `kept` are among them; one that had to be passed by is there and says nothing.
        """
        kept = Found() if kept is None else kept
        for item in items_:
            self._keep(item, kept)
        by_number = {cmid: unreadable(peer_id, cmid) for peer_id, cmid in kept.too_much}
        by_number |= {w.cmid: w.message for w in kept.by_place.values() if w.message}
        return [by_number[cmid] for cmid in sorted(by_number) if cmid > after]

    async def _find(self, asks: list[Ask], found: Found) -> None:
        places: dict[int, list[int]] = {}
        for ask in asks:
            if not ask.message_id:
                places.setdefault(ask.peer_id, []).append(ask.cmid)
        for peer_id, cmids in places.items():
            for part in chunks_of(list(dict.fromkeys(cmids)), _LOOKUP):
                try:
                    await self._fetch(peer_id, part, found)
                except VkRefused as e:
                    log.warning("messages cannot be fetched (error %d)", e.code)
                    found.refused |= {(peer_id, cmid) for cmid in part}
        numbers = list(dict.fromkeys(ask.message_id for ask in asks if ask.message_id))
        for part in chunks_of(numbers, _LOOKUP):
            try:
                await self._fetch(0, part, found)
            except VkRefused as e:
                log.warning("messages cannot be fetched (error %d); passed by", e.code)

    async def _fetch(self, peer_id: int, numbers: Sequence[int], found: Found) -> None:
        """Look messages up, at most 100: of a chat, or by their own numbers for no chat.

        Raises:
            NetworkError: As `VkApi.call`, while waiting may help.
        """

        async def ask(some: Sequence[int]) -> Sequence[dict[str, Any]]:
            if peer_id:
                return await self.by_cmid(peer_id, some)
            reply = await self._api.call("messages.getById", {"message_ids": listed(some)})
            return _objects(reply)

        def pass_by(number: int, _: Unavailable) -> None:
            found.too_much.add((peer_id, number))

        def miss(number: int, error: Unavailable) -> None:
            if not self._patience.is_over((peer_id, number), error):
                raise error
            pass_by(number, error)

        try:
            answer = await by_halves(numbers, ask, miss)
        except Unavailable as e:
            # Not what is slow: that was cut already, and waits for the one it is about.
            if isinstance(e, LESS) or not self._patience.is_over((peer_id, *numbers), e):
                raise
            answer = await by_halves(numbers, ask, pass_by, (Unavailable,))
        told = [self._keep(item, found) for item in answer]
        if peer_id and -1 in told:
            # One that does not even say which it is: any that is missing.
            found.too_much |= {(peer_id, number) for number in numbers} - found.by_place.keys()

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

    def _answered(
        self, ask: Ask, found: Found, newest: set[tuple[str, str]]
    ) -> Sequence[RemoteEvent | Reacted | Ask]:
        try:
            return answered(ask, found, self._account_id, newest)
        except Exception as e:  # noqa: BLE001 - one update must not make a login deaf to others
            log.error("an update cannot be read (%s)", type(e).__name__)  # noqa: TRY400 - no quotes
            return ()

    def _keep(self, item: dict[str, Any], found: Found) -> int:
        """Note a message that was told; return its number, -1 where not even that can be read."""
        try:
            whole = read_message(item, self._account_id)
        except Exception as e:  # noqa: BLE001 - one message must not make a login deaf to others
            log.warning("a message object cannot be read (%s)", type(e).__name__)
            peer_id, cmid = ident(item.get("peer_id")), int(cmid_of(item) or -1)
            if peer_id and cmid > 0:
                found.too_much.add((peer_id, cmid))
            return cmid
        found.add(whole)
        return whole.cmid

    async def _with_reactions(
        self, drafted: list[RemoteEvent | Reacted | Ask]
    ) -> list[RemoteEvent]:
        answers = await self._all_reacted(drafted)
        events: list[RemoteEvent] = []
        for one in drafted:
            if isinstance(one, Ask):
                by = answers.get((one.peer_id, one.cmid))
                if by is not None:
                    events.append(self._shown(Reacted(one.peer_id, one.cmid, by)))
            else:
                events.append(self._shown(one) if isinstance(one, Reacted) else one)
        return events

    async def _all_reacted(
        self, drafted: Sequence[RemoteEvent | Reacted | Ask]
    ) -> dict[tuple[int, int], Reactions]:
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
                except Unavailable as e:
                    if not self._patience.is_over((peer_id, "reactions", *part), e):
                        raise
        return answers

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


def _objects(reply: Any) -> list[dict[str, Any]]:
    """Return the message objects of a reply. Raises `Unavailable` for one that lists none."""
    if not isinstance(reply, dict) or not isinstance(reply.get("items"), list):
        raise Unavailable("messages.getById: a reply without messages")
    return [item if isinstance(item, dict) else {} for item in reply["items"]]


def _place(message: RemoteMessage) -> tuple[str, str]:
    return message.chat_id, message.message_id
