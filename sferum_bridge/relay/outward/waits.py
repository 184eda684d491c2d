"""The waits between two tries of a request: how long, and who is told of them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from sferum_bridge.network.base import TooFast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sferum_bridge.network.base import NetworkError

    Waiting = Callable[[float], Awaitable[None]]
    """Called with 0 when the first wait begins, and once more where the network asks for long
    waits, with the seconds it has asked for."""
    Unless = Callable[[], Awaitable[bool]]
    """Tells whether what waits is wanted no more."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_LONGEST_ASKED = 1800.0
"""How far the waits grow that the network asks for, where it does not ask for more, in seconds."""
_TOLD_AFTER = 300.0
"""Seconds of waits that the network asks for, after which a writer is told of them."""


class Waits:
    """The waits of one request, which grow; `waiting` is told of them."""

    def __init__(self, waiting: Waiting | None) -> None:
        self._waiting = waiting
        self._next = _FIRST_WAIT
        self._growth = 1
        self._asked = 0.0
        self._is_told = False

    async def rest(self, error: NetworkError, unless: Unless | None = None) -> None:
        """Wait after a failure; where that takes long, only while `unless` is not so."""
        left = await self.after(error)
        while left > _LONGEST_WAIT:
            await asyncio.sleep(_LONGEST_WAIT)
            left -= _LONGEST_WAIT
            if unless is not None and await unless():
                return
        await asyncio.sleep(left)

    async def after(self, error: NetworkError) -> float:
        """Return how long to wait after a failure, in seconds."""
        pause, self._next = self._next, min(self._next * 2, _LONGEST_WAIT)
        before = self._asked
        if isinstance(error, TooFast):
            most = max(error.retry_after, _LONGEST_ASKED)
            pause = min(error.retry_after * self._growth, most)
            self._growth *= 2
            self._asked += pause
        if self._waiting is not None and not self._is_told:
            await self._waiting(0.0)
        if self._waiting is not None and before < _TOLD_AFTER <= self._asked:
            await self._waiting(self._asked)
        self._is_told = True
        return pause * (0.75 + random.random() / 2)  # noqa: S311 - spreads
