"""The waits between two tries of a request: how long, who is told, and what ends them early."""

from __future__ import annotations

import asyncio
import random
from enum import Enum, auto, unique
from typing import TYPE_CHECKING

from sferum_bridge.network.base import TooFast
from sferum_bridge.relay.outward.to_network import redacted_by
from sferum_bridge.store import queues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.store.database import Database

    Waiting = Callable[[float], Awaitable[None]]
    """Called with 0 when the first wait begins, and once more where the network asks for long
    waits, with the seconds it has asked for."""
    Unless = Callable[[], Awaitable[bool]]
    """Tells whether what waits is wanted no more."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_GROWS_FROM = 60.0
"""From how long on a wait that the network asks for grows, in seconds.

Less means too many requests at once, not too much of one kind.
"""
_LONGEST_ASKED = 1800.0
"""How far the waits grow that the network asks for, where it does not ask for more, in seconds."""
_TOLD_AFTER = 300.0
"""Seconds of waits that the network asks for, after which a writer is told of them."""
_PAGE = 100


@unique
class OnTakenBack(Enum):
    """What becomes of a request whose event is taken back while it waits."""

    END = auto()
    """`TakenBack`."""
    ASK_ANEW = auto()
    """It is made once more, and says by itself how it ends."""
    GO_ON = auto()
    """It has to be known what comes of it."""


class Waits:
    """The waits of one request, which grow; `waiting` is told of them."""

    def __init__(self, waiting: Waiting | None) -> None:
        self._waiting = waiting
        self._next = _FIRST_WAIT
        self._growth = 1
        self._asked = 0.0
        self._is_told = False
        self._unlooked = 0.0

    async def rest(self, error: NetworkError, unless: Unless | None = None) -> bool:
        """Wait after a failure, while `unless` is not so; tell whether it never was.

        It is asked now and then, over many short waits as over a long one.
        """
        left = await self.after(error)
        while left > 0:
            nap = min(left, _LONGEST_WAIT)
            await asyncio.sleep(nap)
            left -= nap
            self._unlooked += nap
            if unless is not None and self._unlooked >= _LONGEST_WAIT:
                self._unlooked = 0.0
                if await unless():
                    return False
        return True

    async def after(self, error: NetworkError) -> float:
        """Return how long to wait after a failure, in seconds."""
        pause, self._next = self._next, min(self._next * 2, _LONGEST_WAIT)
        before = self._asked
        if isinstance(error, TooFast):
            most = max(error.retry_after, _LONGEST_ASKED)
            pause = error.retry_after
            if pause >= _GROWS_FROM:
                pause = min(pause * self._growth, most)
                self._growth *= 2 if pause < most else 1
            self._asked += pause
        if self._waiting is not None and not self._is_told:
            await self._waiting(0.0)
        if self._waiting is not None and before < _TOLD_AFTER <= self._asked:
            await self._waiting(self._asked)
        self._is_told = True
        return pause * (0.75 + random.random() / 2)  # noqa: S311 - spreads


class Behind:
    """What waits behind events and takes them back. A row is read once, however many are asked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[int, Mapping[str, int]]] = {}
        """Lane → the last row read, and what the rows up to it take back: event → row."""

    async def takes_back(self, errand: Errand) -> bool:
        """Tell whether what takes an event back waits behind it, however far."""
        item = errand.item
        last, known = self._known.get(item.lane, (0, {}))
        last, left = max(last, item.id), {one: row for one, row in known.items() if row > item.id}
        while True:
            async with self._db.read() as tx:
                behind = await queues.waiting(tx, queues.INBOX, item.lane, _PAGE, after=last)
            left |= {gone: one.id for one in behind if (gone := redacted_by(one.content))}
            last = behind[-1].id if behind else last
            self._known[item.lane] = (last, left)
            if not left.keys().isdisjoint(errand.stands_for):
                return True
            if len(behind) < _PAGE:
                return False
