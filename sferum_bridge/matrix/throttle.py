"""How much the making of rooms asks of the homeserver at once.

    answer in time ─► a little more at once, up to `most`
    429, 5xx, slow ─► half as much, at most once for what was asked before it was halved
    429            ─► besides, nothing is asked by anybody here until the wait it names is over

*Slow* is measured by the quick ones of the latest answers of the same kind, so that a slow machine
and a quick one find their own pace. The very quickest do not count: they had nothing to do, as
where all of a batch were in already; nor do refusals, which are always quick. A message of
somebody that is slow halves too: making rooms has time, people who write have none. Below one at
once there are rests between: at a half, as long as what was done.

A slot is held by a task; what a task that holds none asks is somebody else's and only listened to.
Cancellation gives the slot back.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_LEAST = 1 / 4
_SLOW = 3.0
_NEVER_SLOW = 0.06
"""Seconds: an answer as quick as that is no trouble."""
_LATEST, _QUICKER = 64, 3
"""The norm is told by so many answers, of which so many may be quicker without saying anything."""
_LONGEST_REST = 5.0
_DONE, _TOO_MANY, _BROKEN = 200, 429, 500
_LIVE = "send"
"""The kind of request that carries what somebody says."""


@dataclass(slots=True)
class _Turn:
    """What a task does in its slot: about how many people it is, and how long it was answered."""

    size: int
    seconds: float = 0.0


class Throttle:
    """Lets so many steps go on at once as the homeserver bears.

    Args:
        most: Steps at once, at most.
        rest: How long the homeserver rests after a step of many people: this part of its time.
        now: Seconds, of a clock that only goes forward.
    """

    def __init__(
        self, most: int, rest: float = 0.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = float(most)
        self._rest = rest
        self._now = now
        self._limit = 1.0
        self._halved_at = -1.0
        self._not_before = 0.0
        self._answers: dict[tuple[str, int], deque[float]] = defaultdict(
            lambda: deque(maxlen=_LATEST)
        )
        self._inside: dict[asyncio.Task[object] | None, _Turn] = {}
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def limit(self) -> float:
        """How many steps may go on at once; below one there are rests between."""
        return self._limit

    @asynccontextmanager
    async def step(self, size: int = 1) -> AsyncIterator[None]:
        """Wait for a slot and hold it; `size` is how many people the step is about."""
        await self._enter()
        task = asyncio.current_task()
        turn = self._inside[task] = _Turn(size)
        try:
            yield
            part = (self._rest if size > 1 else 0.0) + max(0.0, 1 / self._limit - 1)
            if part:
                await asyncio.sleep(min(turn.seconds * part, _LONGEST_REST))
        finally:
            del self._inside[task]
            self._call_in()

    async def _enter(self) -> None:
        while True:
            if (pause := self._not_before - self._now()) > 0:
                await asyncio.sleep(pause)
            elif len(self._inside) < max(1, int(self._limit)):
                return
            else:
                called = asyncio.get_running_loop().create_future()
                self._waiting.append(called)
                await called

    def _call_in(self) -> None:
        """Have all who wait look again: they are few, and those who were cancelled do not count."""
        waiting, self._waiting = self._waiting, []
        for called in waiting:
            if not called.done():
                called.set_result(None)

    def heard(self, kind: str, status: int, seconds: float, wait: float) -> None:
        """Take in how a request went: its kind, status, duration, and the wait a 429 names."""
        turn = self._inside.get(asyncio.current_task())
        began = self._now() - seconds
        if turn is None:
            if kind == _LIVE and self._is_slow(kind, 1, status, seconds):
                self._halve(began)
            return
        turn.seconds += seconds
        if status == _TOO_MANY:
            self._not_before = max(self._not_before, self._now() + wait)
        is_slow = self._is_slow(kind, turn.size, status, seconds)
        if status == _TOO_MANY or status >= _BROKEN or is_slow:
            self._halve(began)
        else:
            # By one a round; below one, where a round has only a part, by doubling.
            self._limit = min(self._most, self._limit + min(self._limit, 1 / self._limit))
            self._call_in()

    def _halve(self, began: float) -> None:
        if began >= self._halved_at:
            self._limit = max(_LEAST, self._limit / 2)
            self._halved_at = self._now()

    def _is_slow(self, kind: str, size: int, status: int, seconds: float) -> bool:
        """Tell whether something took long, and learn from it how long it takes."""
        if status != _DONE:
            return False
        # Batches of about the same size take about the same time.
        latest = self._answers[kind, size.bit_length()]
        norm = max(heapq.nsmallest(_QUICKER + 1, latest), default=seconds)
        latest.append(seconds)
        return seconds > max(_NEVER_SLOW, norm * _SLOW)
