"""Misfortune: faults, expiry, events of the test's own, counters, forgetting everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.control.base import Route, body_of, field
from sferum_bridge.standin.faults import Effect, Fault
from sferum_bridge.standin.values import Kind

if TYPE_CHECKING:
    from aiohttp import web

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.faults import Faults
    from sferum_bridge.standin.files import Files
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.longpoll import LongPoll
    from sferum_bridge.standin.people import People


class TroubleControl:
    """The handlers about what goes wrong."""

    def __init__(
        self,
        database: Database,
        people: People,
        files: Files,
        journal: Journal,
        longpoll: LongPoll,
        faults: Faults,
    ) -> None:
        self._db = database
        self._people = people
        self._files = files
        self._journal = journal
        self._longpoll = longpoll
        self._faults = faults

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            ("POST", "/control/faults", self.add_fault),
            ("GET", "/control/faults", self.faults),
            ("DELETE", "/control/faults", self.clear_faults),
            ("POST", "/control/expire", self.expire),
            ("POST", "/control/events", self.tell),
            ("GET", "/control/counters", self.counters),
            ("GET", "/control/requests", self.requests),
            ("POST", "/control/reset", self.reset),
        ]

    async def add_fault(self, request: web.Request) -> Any:
        """Script a fault."""
        body = await body_of(request)
        self._faults.add(
            Fault(
                field(body, "method", str),
                Effect(field(body, "effect", str)),
                times=field(body, "times", int, 1),
                code=field(body, "code", int, 0),
                seconds=float(body.get("seconds", 0)),
                fields=field(body, "fields", dict, {}),
                text=field(body, "text", str, ""),
            )
        )
        return {}

    async def faults(self, request: web.Request) -> Any:
        """Show what is left of the script."""
        del request
        return {"faults": self._faults.pending()}

    async def clear_faults(self, request: web.Request) -> Any:
        """Forget the script and the counters."""
        del request
        self._faults.clear()
        return {}

    async def expire(self, request: web.Request) -> Any:
        """Make tokens or long-poll keys expire now."""
        body = await body_of(request)
        user_id = field(body, "user_id", int) if "user_id" in body else None
        if body.get("tokens"):
            self._people.expire_tokens(user_id)
        if body.get("keys"):
            self._longpoll.expire_keys(user_id, lost=bool(body.get("lost")))
        return {}

    async def tell(self, request: web.Request) -> Any:
        """Give an account an event that is shown as it is, whatever it be."""
        body = await body_of(request)
        data = {"update": field(body, "update", list)}
        with self._db.transaction():
            self._journal.record(field(body, "user_id", int), Kind.RAW, 0, 0, data)
        return {}

    async def counters(self, request: web.Request) -> Any:
        """Show how many requests came and how many were refused."""
        del request
        return {"seen": dict(self._faults.seen), "refused": dict(self._faults.refused)}

    async def requests(self, request: web.Request) -> Any:
        """Show the latest API calls."""
        del request
        shown = [{"method": name, "params": params} for name, params in self._faults.requests]
        return {"requests": shown}

    async def reset(self, request: web.Request) -> Any:
        """Forget everything."""
        del request
        self._db.clear()
        self._files.clear()
        self._faults.clear()
        self._journal.wake_all()
        return {}
