"""How long one question that the messenger does not answer is asked again.

While the messenger is away everything waits. But a single question may be one it never answers (a
message too large to be told, a chat whose history is broken there), and a login that waited for it
would be deaf for ever. So what fails again and again, while other questions are answered in
between, is passed by, and said in the log.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.network.base import TooBig

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sferum_bridge.network.base import Unavailable

log = logging.getLogger(__name__)

_TRIES = 5
_SECONDS = 600.0
_MOST = 10_000


@dataclass(slots=True)
class _Failing:
    first: float
    last: float
    count: int = 0


class Patience:
    """Remembers which questions fail. A question is asked `tries` times and for `seconds`.

    To be used for questions that are asked only after others were answered.
    """

    def __init__(
        self,
        tries: int = _TRIES,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tries = tries
        self._seconds = _SECONDS if seconds is None else seconds
        self._clock = clock
        self._failing: dict[Hashable, _Failing] = {}

    def is_over(self, what: Hashable, error: Unavailable) -> bool:
        """Tell whether to pass a question by now that it raised `error` once more.

        An answer that is too big is so every time. Then it is said in the log: what is passed by
        is not shown.
        """
        if not isinstance(error, TooBig) and not self._is_lasting(what):
            return False
        log.error("A question that is never answered is passed by: %s", error.detail)
        return True

    def _is_lasting(self, what: Hashable) -> bool:
        now = self._clock()
        if len(self._failing) > _MOST:
            self._failing.clear()
        failing = self._failing.get(what)
        if failing is None or now - failing.last > max(self._seconds, 1.0):
            failing = self._failing[what] = _Failing(now, now)
        failing.last = now
        failing.count += 1
        return failing.count >= self._tries and now - failing.first >= self._seconds
