"""How the bridge is, for those who run it: `/health` for a watchdog, `/status` for an operator."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.store import chats, queues, schools
from sferum_bridge.store import logins as stored_logins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.facts import Facts
    from sferum_bridge.matrix.rooms import RoomKeeper
    from sferum_bridge.store.database import Database


class Status:
    """Tells live numbers to whoever has the token."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        facts: Facts,
        keeper: RoomKeeper,
        token: str,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._facts = facts
        self._keeper = keeper
        self._token = f"Bearer {token}".encode()

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the web application."""
        return [web.get("/health", self._health), web.get("/status", self._status)]

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _status(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._token):
            return web.json_response({"error": "The status token is missing or wrong."}, status=403)
        return web.json_response(await self.numbers())

    async def numbers(self) -> dict[str, Any]:
        """Return the numbers: no names, no message, only counts and opaque ids."""
        async with self._db.read() as tx:
            records = await schools.records(tx)
            logins = [
                (login, await stored_logins.standing(tx, login.id))
                for login in await chats.all_logins(tx)
            ]
            linked = await chats.all_chats(tx)
            waiting = {
                queue.bell: len(await queues.lanes(tx, queue))
                for queue in (queues.INBOX, queues.OUTBOX)
            }
        standing = self._facts.standing
        return {
            "homeserver": {"answers": not self._homeserver.away},
            "facts": {
                "generation": standing.generation,
                "whole": standing.whole,
                "processes_waiting": list(standing.waiting),
                "processes_missing": list(standing.missing),
            },
            "requests": dict(self._homeserver.sent),
            "schools": [
                {
                    "id": record.id,
                    "settled": record.applied >= record.wanted,
                    "paused": record.paused,
                    "steps_done": self._keeper.progress(record.id).done,
                    "steps_total": self._keeper.progress(record.id).total,
                }
                for record in records
            ],
            "lanes_waiting": waiting,
            "logins": [
                {"id": login.id, "expired": login.expired, "since": at.since, "heard": at.heard}
                for login, at in logins
            ],
            "linked_chats": len(linked),
        }
