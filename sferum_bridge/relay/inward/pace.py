"""How soon a login that failed to hear the network tries again."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from sferum_bridge.network.base import TooFast

if TYPE_CHECKING:
    from sferum_bridge.network.base import NetworkError

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class Pace:
    """The rests of one login: longer each time, and never shorter than the network asks for.

    The first failure of a row is logged, and the first success after it.
    """

    def __init__(self, login_id: str) -> None:
        self._login_id = login_id
        self._wait = _FIRST_WAIT
        self._asked = 0.0
        self._failing = False

    def worked(self) -> None:
        """Note that the network was heard."""
        if self._failing:
            log.info("Login %s hears the network again", self._login_id)
        self._wait, self._failing = _FIRST_WAIT, False

    def failed(self, error: NetworkError) -> None:
        """Note a failure that time mends."""
        self._asked = asked_wait(error)
        if not self._failing:
            log.warning(
                "Login %s does not hear the network: %s; waiting", self._login_id, error.detail
            )
        self._failing = True

    async def rest(self) -> None:
        """Wait until it is worth trying again."""
        wait, self._wait = max(self._wait, self._asked), min(self._wait * 2, _LONGEST_WAIT)
        spread = 0.5 + random.random()  # noqa: S311 - spreads the load
        # What is asked for is the least.
        await asyncio.sleep(max(wait * spread, self._asked))
        self._asked = 0.0


def asked_wait(error: NetworkError) -> float:
    """Return the seconds that the network asks to wait, 0 for none."""
    return error.retry_after if isinstance(error, TooFast) else 0.0
