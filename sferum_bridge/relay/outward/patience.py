"""How long a request is made that fails while the network answers others. Pure but for a lock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is made that fails though others are answered: both have to be over."""

    tries: int
    seconds: float


class Trial:
    """Counts the failures of a request while the rest works; an outage begins the count anew."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._tries = 0
        self._since = 0.0

    def is_over(self, now: float, *, works: bool) -> bool:
        """Take one more failure; tell whether it was the last."""
        if not works:
            self._tries = 0
            return False
        if not self._tries:
            self._since = now
        self._tries += 1
        return self._tries >= self._patience.tries and now - self._since >= self._patience.seconds


class Look:
    """Whether a login was answered when that was asked last (seconds of the loop's clock)."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.at = float("-inf")
        self.works = False
