"""A Synapse module that notes how long the process's clients would have waited.

Every 5 ms it asks to be woken. How much later than that it is woken is how long nobody was served:
a *stall*. `GET /_synapse/client/benchmark/ticker` tells the longest since it was asked last, in
milliseconds, and the memory that Python's own allocations and the process hold, in MiB.
"""

from __future__ import annotations

import gc
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse.module_api import DirectServeJsonResource

from benchmarks.stage import Memory, memory_of

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.module_api import ModuleApi
    from synapse.util.clock import Clock

PATH = "/_synapse/client/benchmark/ticker"
INTERVAL = 0.005


class Ticker:
    """What Synapse loads."""

    def __init__(self, config: dict[str, Any], api: ModuleApi) -> None:
        del config
        # As Synapse has it; its own clock would count and log each of these calls.
        self._reactor: Any = api._hs.get_reactor()  # noqa: SLF001 — the module API has none
        self._last = time.monotonic()
        self._longest = 0.0
        api.register_web_resource(PATH, _Answers(api._clock, self))  # noqa: SLF001 — resources want it
        self._tick()

    @staticmethod
    def parse_config(config: dict[str, Any]) -> dict[str, Any]:
        """Take any settings; there are none."""
        return config

    def _tick(self) -> None:
        now = time.monotonic()
        self._longest = max(self._longest, now - self._last - INTERVAL)
        self._last = now
        self._reactor.callLater(INTERVAL, self._tick)

    def take(self) -> float:
        """Return the longest stall since the last call, in seconds."""
        longest, self._longest = self._longest, 0.0
        self._last = time.monotonic()
        return longest


class _Answers(DirectServeJsonResource):
    def __init__(self, clock: Clock, ticker: Ticker) -> None:
        super().__init__(clock=clock)
        self._ticker = ticker

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802 — the name Synapse looks for
        stall = self._ticker.take()
        if request.args and b"collect" in request.args:
            gc.collect()
        memory = _memory()
        if request.args and b"collect" in request.args:
            self._ticker.take()
        return HTTPStatus.OK, {"stall_ms": stall * 1000, "memory_mib": memory.now}


def _memory() -> Memory:
    return memory_of(Path("/proc/self/status").read_text("ascii"))
