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
bridge was away: until then what people wrote in it would never arrive. So the second transaction
after a start is refused, once. Synapse then sends, two seconds later, all it holds, the oldest
first. It is the second, for the first may end a long absence, and after one that failed again
Synapse would wait for minutes.
"""

from __future__ import annotations

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


class Appservice:
    """The endpoints the homeserver calls.

    What is no event by its outer form is dropped like what is nobody's business. `fleeting` takes
    what is not stored (typing, read marks): it must not wait for anything, nor raise. With
    `asks_again` the second transaction is refused, see above.
    """

    def __init__(
        self,
        db: Database,
        hs_token: str,
        door: Door,
        fleeting: Callable[[Sequence[Any]], None] = lambda _: None,
        *,
        asks_again: bool = False,
    ) -> None:
        self._db = db
        self._fleeting = fleeting
        self._token = f"Bearer {hs_token}".encode()
        self._door = door
        self._to_refuse = _REFUSED if asks_again else 0
        self._seen = 0

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
        if self._seen == self._to_refuse:
            log.info("Asking the homeserver for whatever it holds back")
            return _error(503, "M_UNKNOWN", "Once more, and first what came before")
        events = [e for e in events if _is_event(e) and self._door.concerns_us(e)]
        if events:
            async with self._db.write() as tx:
                await take_in(tx, self._door, events)
        fleeting = body.get("ephemeral") or body.get("de.sorunome.msc2409.ephemeral")
        if isinstance(fleeting, list):
            self._fleeting(fleeting)
        return web.json_response({})

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def _unknown(self, _request: web.Request) -> web.Response:
        # Ghosts are made by the bridge when they speak, never because somebody asks for one.
        return _error(404, "M_NOT_FOUND", "Not here")


async def take_in(tx: Tx, door: Door, events: Sequence[Mapping[str, Any]]) -> None:
    """Queue what of some events that may concern us does; a row queued twice is one row.

    School rooms that somebody changed are marked to be looked at.
    """
    lanes = await door.lanes(tx, events)
    rows = [
        (lane, event["event_id"], event) for lane, event in zip(lanes, events, strict=True) if lane
    ]
    await queues.put_all(tx, queues.INBOX, rows)
    # Beside what else becomes of it: in a linked room it goes to the other network as well.
    for event in await door.followed(tx, events):
        await news.put(tx, materials.CHANGED, {"event": event}, f"material.{event['event_id']}")
    await rooms.stir(tx, await door.stirred(tx, events))


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("content"), dict):
        return False
    texts = [event.get(key) for key in ("event_id", "room_id", "sender", "type")]
    return all(isinstance(text, str) and text for text in texts) and all(
        is_storable(text) for text in (*texts, event.get("state_key", "")) if isinstance(text, str)
    )


def _error(status: int, code: str, text: str) -> web.Response:
    return web.json_response({"errcode": code, "error": text}, status=status)
