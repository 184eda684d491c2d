"""The event stream of one account: VK's user long poll.

Theory of operation. A `Listener` is one run of `Connector.listen`, used by one task. It holds
three things between batches: the position (`ts` of the stream, `pts` of the persistent history),
the server with its key, and whether it is behind.

    no server ──enter──► behind? ──yes──► catch_up (getLongPollHistory by pts) ──┐
        ▲                  │ no                              ▲    more pages     │
        │                  ▼                                 └───────────────────┤
        └──failed 2, 3── poll ◄──────────────────────────────────────────────────┘
                           └──failed 1──► catch_up

`pts` is what makes it lossless: it numbers every persistent event of the account, so on entering
and after every loss the stored `pts` is compared with the server's and the difference is fetched.
The `ts` to go on with is taken before the difference is fetched; what happens in between comes
twice, and is recognised by its ids. Only when VK has forgotten the stored `pts` itself (907, 908,
990), or never manages to tell even one event after it (`portions`, `patience`), does the stream
begin anew at the newest position; then the log says how much lies between, and the batch names
every chat as one with a gap, which the caller closes from its history. A reply of the long poll
itself that is too big is left, and its events are fetched by `pts`.

The position moves only when the whole batch is read. Nothing is open while a batch is out, so a
listener may be dropped or cancelled at any point; the next one begins at the last stored cursor.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import Batch, NetworkError, TooBig, Unavailable
from sferum_bridge.network.vk.errors import POSITION_LOST, VkRefused
from sferum_bridge.network.vk.ordering import in_order
from sferum_bridge.network.vk.portions import LESS
from sferum_bridge.network.vk.position import Position, Server, number, read_server
from sferum_bridge.network.vk.settings import MIN_LP_VERSION
from sferum_bridge.network.vk.updates import Parsed, parse_history, parse_updates
from sferum_bridge.network.vk.values import part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import RemoteChat, RemoteEvent
    from sferum_bridge.network.patience import Patience
    from sferum_bridge.network.vk.api import VkApi
    from sferum_bridge.network.vk.archive import Archive
    from sferum_bridge.network.vk.directory import Directory
    from sferum_bridge.network.vk.settings import VkSettings
    from sferum_bridge.network.vk.transport import Outage, Transport

log = logging.getLogger(__name__)

MODE = 2 + 8 + 32 + 64 + 128
"""Attachments and authors, fuller events, `pts`, online extras (as every client), `random_id`."""

_LAGGING = 1
_KEY_EXPIRED = 2
_BAD_VERSION = 4
_MAX_FAILURES = 3
_HISTORY_MESSAGES = 200
_HISTORY_EVENTS = 1000
_MAYBE_NEW = frozenset({"4", "10004", "none"})
"""Codes of updates that may tell of a new message."""


class Listener:
    """One run of `Connector.listen`, beginning at `cursor`."""

    def __init__(
        self,
        *,
        transport: Transport,
        api: VkApi,
        settings: VkSettings,
        account_id: str,
        outage: Outage,
        archive: Archive,
        directory: Directory,
        patience: Patience,
        cursor: str,
    ) -> None:
        self._transport = transport
        self._api = api
        self._settings = settings
        self._account_id = account_id
        self._outage = outage
        self._archive = archive
        self._directory = directory
        self._patience = patience
        self._position = Position.load(cursor) if cursor else None
        # Something lies between what the caller has and where the stream goes on.
        self._gap = bool(cursor) and self._position is None
        if self._gap:
            log.warning("the stored position of account %s cannot be read", account_id)
        self._version = settings.lp_version
        self._server: Server | None = None
        self._keep_ts = False
        self._behind = False
        self._failures = 0
        # One so-many-th of the events that VK tells at once is asked for.
        self._share = 1
        self._told: set[str] = set()

    async def next_batch(self) -> Batch:
        """Wait for the next batch. Raises `NetworkError`."""
        while True:
            batch = await self._step()
            if batch is not None:
                return await self._with_gaps(batch)

    async def _step(self) -> Batch | None:
        if self._server is None:
            return await self._enter()
        if self._behind:
            return await self._catch_up(self._known)
        return await self._poll(self._server, self._known)

    async def _with_gaps(self, batch: Batch) -> Batch:
        if not self._gap:
            return batch
        chats: Sequence[RemoteChat] = ()
        try:
            chats = await self._directory.chats()
        except Unavailable as error:
            if not self._patience.is_over("gaps", error):
                raise
        self._gap = False
        return replace(batch, gaps=frozenset(chat.id for chat in chats))

    @property
    def _known(self) -> Position:
        """Return the position, which is known once a server is."""
        if self._position is None:
            raise AssertionError("a listener with a server has a position")
        return self._position

    async def _enter(self) -> Batch | None:
        """Get a server, and find out whether we are behind it."""
        reply = await self._api.call(
            "messages.getLongPollServer", {"need_pts": 1, "lp_version": self._version}
        )
        server, fresh = read_server(reply, self._settings)
        old, keep_ts = self._position, self._keep_ts
        self._server, self._keep_ts = server, False
        if old is None:
            self._position = fresh
            return Batch((), fresh.dump())
        if keep_ts or not old.pts or not fresh.pts:
            # Without pts the old ts is all we have: VK says failed 1 if it is too old.
            return None
        self._position = Position(fresh.ts, old.pts)
        self._behind = fresh.pts != old.pts
        return None

    async def _catch_up(self, position: Position) -> Batch | None:
        """Fetch one page of what happened between the position and now."""
        try:
            page = _checked(
                await self._api.call(
                    "messages.getLongPollHistory",
                    {
                        "pts": position.pts,
                        "lp_version": self._version,
                        "msgs_limit": max(1, _HISTORY_MESSAGES // self._share),
                        "events_limit": max(1, _HISTORY_EVENTS // self._share),
                    },
                ),
                position,
            )
        except VkRefused as error:
            # Documented are only larger portions: VK may refuse small ones as no numbers it takes.
            if error.code not in POSITION_LOST and self._share == 1:
                raise
            return await self._start_afresh(position, error.detail)
        except LESS as error:
            if self._share < _HISTORY_EVENTS:
                self._share *= 2
                return None
            return await self._give_up(position, error)
        except Unavailable as error:
            return await self._give_up(position, error)
        self._share = max(1, self._share // 2)
        events = await self._events(
            parse_history(page["history"], self._account_id), part(page, "messages").get("items")
        )
        self._behind = bool(page.get("more"))
        self._position = replace(position, pts=number(page["new_pts"]) or position.pts)
        return Batch(events, self._position.dump())

    async def _give_up(self, position: Position, error: Unavailable) -> Batch | None:
        """Begin anew behind what is never told. Raises `error` while it may yet be."""
        if not self._patience.is_over(("pts", position.pts), error):
            raise error
        return await self._start_afresh(position, error.detail)

    async def _start_afresh(self, lost: Position, why: str) -> Batch | None:
        self._server, self._position, self._behind, self._gap = None, None, False, True
        self._share = 1
        batch = await self._enter()
        log.warning(
            "VK does not tell account %s what happened (%s): everything between pts %d and "
            "%d is lost to the bridge, %d events at most, but for what the chats' histories hold",
            self._account_id,
            why,
            lost.pts,
            self._known.pts,
            max(0, self._known.pts - lost.pts),
        )
        return batch

    async def _poll(self, server: Server, position: Position) -> Batch | None:
        try:
            reply = await self._ask(server, position)
            if "failed" in reply:
                self._recover(reply, position)
                return None
            ts, updates = number(reply.get("ts")), reply.get("updates")
            if ts is None or not isinstance(updates, list):
                raise Unavailable("long poll: a reply without a position or updates")
        except TooBig as error:
            log.warning("account %s: %s; its events are fetched", self._account_id, error.detail)
            self._lose(position)
            return None
        except NetworkError as error:
            self._outage.failed(error)
            raise
        self._outage.worked()
        self._failures = 0
        events = await self._events(parse_updates(updates, self._account_id))
        self._position = Position(ts, number(reply.get("pts")) or position.pts)
        # Typing and presence move only ts, which nobody needs to store as long as there is a pts.
        moved = self._position.pts != position.pts if position.pts else ts != position.ts
        return Batch(events, self._position.dump()) if events or moved else None

    async def _ask(self, server: Server, position: Position) -> dict[str, Any]:
        reply = await self._transport.get(
            server.url,
            {
                "act": "a_check",
                "key": server.key,
                "ts": str(position.ts),
                "wait": str(self._settings.wait),
                "mode": str(MODE),
                "version": str(self._version),
            },
            what="long poll",
            extra_time=self._settings.wait,
        )
        if not isinstance(reply.body, dict):
            raise Unavailable(f"long poll: HTTP {reply.status} with something else than a reply")
        return reply.body

    def _recover(self, reply: dict[str, Any], position: Position) -> None:
        """Do what a `failed` reply asks for. Raises `Unavailable` when it does not help."""
        self._failures += 1
        failed, ts = number(reply["failed"]), number(reply.get("ts"))
        if self._failures > _MAX_FAILURES:
            raise Unavailable(f"long poll: failed {failed} again and again")
        if failed == _BAD_VERSION:
            self._settle_version(reply)
            return
        if failed == _KEY_EXPIRED:
            self._server, self._keep_ts = None, True
            return
        if failed == _LAGGING and ts is not None:
            self._position = replace(position, ts=ts)
            self._behind = position.pts > 0
            self._tell_of_loss(position)
        else:
            self._lose(position)

    def _lose(self, position: Position) -> None:
        """Leave the server; by `pts` it is known what was missed, without it nothing is."""
        self._server = None
        self._position = position if position.pts else None
        self._tell_of_loss(position)

    def _tell_of_loss(self, position: Position) -> None:
        if not position.pts:
            self._gap = True
            log.warning(
                "VK lost the place of account %s in its events and has given no pts before: what "
                "happened between ts %d and now is lost to the bridge",
                self._account_id,
                position.ts,
            )

    def _settle_version(self, reply: dict[str, Any]) -> None:
        least = number(reply.get("min_version")) or MIN_LP_VERSION
        most = number(reply.get("max_version")) or MIN_LP_VERSION
        version = max(MIN_LP_VERSION, least, min(self._version, most))
        log.warning("long poll: VK refuses version %d, trying %d", self._version, version)
        self._version = version
        self._server, self._keep_ts = None, True

    async def _events(self, parsed: Parsed, known: Any = None) -> Sequence[RemoteEvent]:
        """Return what was read as events, with all that had to be asked for."""
        for code in parsed.malformed:
            if code not in self._told:
                self._told.add(code)
                log.warning("an update with code %s cannot be read; it is passed by", code)
        if _MAYBE_NEW & set(parsed.malformed):
            # What was written is in its chat's history all the same.
            self._gap = True
        return await self._archive.events(in_order(parsed.entries), known)


def _checked(page: Any, position: Position) -> dict[str, Any]:
    """Return a page of the history of events, which tells them and leads on.

    Raises:
        Unavailable: If it does not: whoever went on from there would miss what it should have told.
    """
    found: dict[str, Any] = page if isinstance(page, dict) else {}
    new_pts = number(found.get("new_pts"))
    if not new_pts or not isinstance(found.get("history"), list):
        raise Unavailable("messages.getLongPollHistory: a reply without a position or events")
    if new_pts < position.pts + bool(found.get("more")):
        raise Unavailable("messages.getLongPollHistory: a page that leads to no other")
    return found
