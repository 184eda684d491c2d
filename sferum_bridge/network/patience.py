"""How long one question that the messenger does not answer is asked again.

While the messenger is away everything waits. But a single question may be one it never answers (a
message it chokes on, a chat whose history is broken there), and a login or a room that waited for
it would be deaf for ever. So what fails again and again, while other questions are answered in
between, is given up, and said in the log.

To be told to wait is no failure: what the messenger asks for that is granted far longer, and then
ended all the same, for a room must not stand still for ever because of one message.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.network.base import TooBig, TooFast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sferum_bridge.network.base import NetworkError

log = logging.getLogger(__name__)

_TRIES = 5
_SECONDS = 600.0
_SLOW_SECONDS = 24 * 3600.0
_MOST = 10_000


@dataclass(slots=True)
class _Failing:
    first: float
    last: float
    count: int = 0


class Patience:
    """Remembers which questions fail.

    A question is asked `tries` times and for `seconds`, both at least; for `slow_seconds` where the
    messenger asks for time (`TooFast`). What did not fail again for `memory` seconds (as long as it
    is asked, if that is not given) is taken for answered.
    """

    def __init__(
        self,
        tries: int = _TRIES,
        seconds: float | None = None,
        slow_seconds: float = _SLOW_SECONDS,
        *,
        memory: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tries = tries
        self._seconds = _SECONDS if seconds is None else seconds
        self._slow_seconds = slow_seconds
        self._memory = memory
        self._clock = clock
        self._failing: dict[tuple[Hashable, bool], _Failing] = {}

    def is_over(self, what: Hashable, error: NetworkError, *, works: bool = True) -> bool:
        """Tell whether to give a question up by now that it raised `error` once more.

        `works` tells whether other questions are answered: an outage begins the count anew. An
        answer that is too big is so every time. What is given up is said in the log.
        """
        if not works:
            self.answered(what)
            return False
        if isinstance(error, TooBig):
            log.warning("An answer that is too big is done without: %s", error.detail)
            return True
        if not self._is_lasting(what, isinstance(error, TooFast)):
            return False
        log.error("A question that is never answered is passed by: %s", error.detail)
        return True

    def answered(self, what: Hashable) -> None:
        """Forget that a question failed."""
        for is_slow in (False, True):
            self._failing.pop((what, is_slow), None)

    def _is_lasting(self, what: Hashable, is_slow: bool) -> bool:  # noqa: FBT001 - of this file
        now, key = self._clock(), (what, is_slow)
        tries, seconds = (1, self._slow_seconds) if is_slow else (self._tries, self._seconds)
        if len(self._failing) > _MOST:
            self._failing.clear()
        failing = self._failing.get(key)
        memory = max(seconds, 1.0) if self._memory is None else self._memory
        if failing is None or now - failing.last > memory:
            failing = self._failing[key] = _Failing(now, now)
        failing.last = now
        failing.count += 1
        return failing.count >= tries and now - failing.first >= seconds
