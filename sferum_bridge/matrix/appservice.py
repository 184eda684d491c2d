"""Receiving the homeserver's transactions.

    PUT /transactions/{id} ─► token ─► the door: whose is it? ─► inbox rows, one insert ─► 200
                                         │ nobody's
                                         └─► dropped, never stored

The 200 is given only after the events are in the inbox, in one database transaction; a repeated
transaction changes nothing, for a row is known by its event id. What nobody needs (the talk of
rooms that are not linked) is dropped at the door. Handling happens later, in `lanes`. That somebody
changed a school room is noted with them, for `watch`. Who is writing and has read what is handed on
as it comes and never stored: it is worth nothing a minute later.

A Synapse that ends while it sends a transaction keeps it, but takes up unsent ones only once the
bridge was away: until then what people wrote in it would never arrive. Where the homeserver
extension does not see to that (`homeserver.untold`), the second transaction after a start is
refused, once. Synapse then sends, two seconds later, all it holds, the oldest first. It is the
second, for the first may end a long absence, and after one that failed again Synapse would wait for
minutes.

While rooms are made and filled, and while a remote chat is lively, Synapse would tell of each join
and of each ghost's message as soon as it has answered for the last one: a transaction of each, as
dear to it as a join, of which nothing is anybody's business. When it tells of nothing else for a
while, the answer is given a moment later, and it tells of dozens at once. What it held back it
tells of in transactions that are made already: those are answered at once.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.matrix.door import is_storable
from sferum_bridge.store import materials, news, queues, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.matrix.door import Door
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)

_REFUSED = 2
MOST_BYTES = 32 * 1024 * 1024
_BUSY = 3
"""So many transactions of nothing but own acts, one after the other, and more are coming."""
_GATHER = 0.1
"""Seconds by which the next one is answered later: what somebody says meanwhile waits as long."""
_FRESH_MS = 1000
"""What is older was held back."""


class Appservice:
    """The endpoints the homeserver calls.

    What is no event by its outer form is dropped like what is nobody's business. `fleeting` takes
    what is not stored (typing, read marks): it must not wait for anything, nor raise. `asks_again`
    is asked whether to refuse the second transaction, see above.
    """

    def __init__(
        self,
        db: Database,
        hs_token: str,
        door: Door,
        fleeting: Callable[[Sequence[Any]], None] = lambda _: None,
        *,
        asks_again: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._fleeting = fleeting
        self._token = f"Bearer {hs_token}".encode()
        self._door = door
        self._asks_again = asks_again
        self._seen = 0
        self._idle = 0
        """Transactions since the last one of which anything came."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        prefix = "/_matrix/app/v1"
        return [
            web.put(prefix + "/transactions/{txn_id}", self._guarded(self._transaction)),
            web.post(prefix + "/ping", self._guarded(self._ping)),
            web.get(prefix + "/users/{id}", self._guarded(self._unknown)),
            web.get(prefix + "/rooms/{alias}", self._guarded(self._unknown)),
        ]

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, self._token):
                return _error(403, "M_FORBIDDEN", "Wrong hs_token")
            return await handler(request)

        return guarded

    async def _transaction(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            body = None
        events = body.get("events") if isinstance(body, dict) else None
        if not isinstance(events, list):
            return _error(400, "M_BAD_JSON", "Not a transaction")
        self._seen += 1
        if self._seen == _REFUSED and self._asks_again():
            log.info("Asking the homeserver for whatever it holds back")
            return _error(503, "M_UNKNOWN", "Once more, and first what came before")
        ours = [e for e in events if _is_event(e) and self._door.concerns_us(e)]
        came_of_it = False
        if ours:
            # Work on what came begins meanwhile. It writes down that it does before it does
            # anything that cannot be done again, and with that what came is on the disk as well.
            async with self._db.write(lasting=False) as tx:
                came_of_it = await take_in(tx, self._door, ours)
            if came_of_it:
                await self._db.on_disk()
        fleeting = body.get("ephemeral") or body.get("de.sorunome.msc2409.ephemeral")
        if isinstance(fleeting, list):
            self._fleeting(fleeting)
        is_idle = not came_of_it and not fleeting and all(map(self._is_own_and_fresh, events))
        self._idle = self._idle + 1 if is_idle else 0
        if self._idle > _BUSY:
            await asyncio.sleep(_GATHER)
        return web.json_response({})

    def _is_own_and_fresh(self, event: Any) -> bool:
        """Tell whether an event of which nothing came is state, or the bridge's own, and new."""
        if not _is_event(event) or not ("state_key" in event or self._door.is_own(event)):
            return False
        unsigned = event.get("unsigned")
        age = unsigned.get("age") if isinstance(unsigned, dict) else None
        return isinstance(age, int) and age < _FRESH_MS

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def _unknown(self, _request: web.Request) -> web.Response:
        # Ghosts are made by the bridge when they speak, never because somebody asks for one.
        return _error(404, "M_NOT_FOUND", "Not here")


async def take_in(tx: Tx, door: Door, events: Sequence[Mapping[str, Any]]) -> bool:
    """Queue what of some events that may concern us does; a row queued twice is one row.

    School rooms that somebody changed are marked to be looked at. Tells whether any of them was
    anybody's business.
    """
    lanes = await door.lanes(tx, events)
    rows = [
        (lane, event["event_id"], event) for lane, event in zip(lanes, events, strict=True) if lane
    ]
    await queues.put_all(tx, queues.INBOX, rows)
    # Beside what else becomes of it: in a linked room it goes to the other network as well.
    followed = await door.followed(tx, events)
    for event in followed:
        await news.put(tx, materials.CHANGED, {"event": event}, f"material.{event['event_id']}")
    stirred = await door.stirred(tx, events)
    await rooms.stir(tx, stirred)
    return bool(rows or followed or stirred)


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("content"), dict):
        return False
    texts = [event.get(key) for key in ("event_id", "room_id", "sender", "type")]
    return all(isinstance(text, str) and text for text in texts) and all(
        is_storable(text) for text in (*texts, event.get("state_key", "")) if isinstance(text, str)
    )


def _error(status: int, code: str, text: str) -> web.Response:
    return web.json_response({"errcode": code, "error": text}, status=status)
