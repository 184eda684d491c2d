"""Facts as they are now: without the groups that have ended by themselves (`school.terms`).

The end is that of this machine's clock, so nobody need push it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from sferum_bridge.school import terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.school.contour import Facts


class Today:
    """Remembers what of the facts holds now, until they change or the next group ends."""

    def __init__(self) -> None:
        self._pushed: Facts | None = None
        self._ends: Mapping[str, int] = {}
        self._today: Facts | None = None
        self._until = 0

    def of(self, pushed: Facts) -> Facts:
        """Return what holds now of the facts that were pushed."""
        now = _now()
        if self._pushed is pushed and self._today is not None and now < self._until:
            return self._today
        if self._pushed is not pushed:
            self._pushed, self._ends = pushed, terms.ends(pushed)
        over = [group for group, end in self._ends.items() if end <= now]
        self._until = min((e for e in self._ends.values() if e > now), default=sys.maxsize)
        self._today = terms.without(pushed, over) if over else pushed
        return self._today

    def over(self, ago: int) -> tuple[Facts | None, frozenset[str]]:
        """Return the facts that were pushed, and their groups that ended `ago` milliseconds ago."""
        before = _now() - ago
        return self._pushed, frozenset(g for g, end in self._ends.items() if end <= before)


def _now() -> int:
    return time.time_ns() // 1_000_000
