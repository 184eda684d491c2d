"""What goes wrong meanwhile: kills, restarts, and a messenger in a bad mood."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp

from tests.support.bridge import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from tests.support.bridge import BridgedSchool
    from tests.support.postgres import PostgresServer

DRAIN_SECONDS = 12.0
"""How long the bridge may take to end when it is asked to."""

# method, effect, and what else the fault needs; each is something that time mends.
FAULTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("messages.send", "error", {"code": 6}),
    ("messages.send", "error", {"code": 10}),
    ("messages.send", "error", {"code": 1}),
    ("messages.send", "http", {"code": 502}),
    ("messages.send", "cut", {}),
    ("messages.send", "cut_after", {}),
    ("longpoll", "http", {"code": 500}),
    ("longpoll", "cut", {}),
    ("longpoll", "cut_after", {}),
    ("longpoll", "duplicate", {}),
    ("users.get", "error", {"code": 6}),
    ("messages.getLongPollServer", "error", {"code": 10}),
    ("messages.getLongPollHistory", "http", {"code": 504}),
)


class Trouble:
    """Makes trouble until there were `kills` of the bridge. `pace`: seconds between two, about."""

    def __init__(
        self,
        bridged: BridgedSchool,
        postgres: PostgresServer | None,
        random: Random,
        *,
        kills: int,
        pace: float,
    ) -> None:
        self._bridged = bridged
        self._postgres = postgres
        self._random = random
        self._kills = kills
        self._pace = pace
        self.made: Counter[str] = Counter()
        self.longest_drain = 0.0
        self.unclean: list[int | None] = []
        """Exit statuses of a bridge that did not end well when it was asked to."""

    async def run(self) -> None:
        """Make all the trouble; everything runs again in the end."""
        others: list[Callable[[], Awaitable[None]]] = [
            self._end_bridge,
            self._restart_standin,
            self._restart_synapse,
            self._expire,
        ]
        if self._postgres is not None:
            others.append(self._restart_postgres)
        every = 10
        while self.made["bridge killed"] < self._kills:
            await asyncio.sleep(self._random.expovariate(1 / self._pace))
            await self._fault()
            await self._kill_bridge()
            if self.made["bridge killed"] % every == every // 2:
                turn = self.made["bridge killed"] // every
                await others[turn % len(others)]()

    async def _kill_bridge(self) -> None:
        await self._bridged.kill_bridge()
        await self._bridged.start_bridge()
        self.made["bridge killed"] += 1

    async def _end_bridge(self) -> None:
        # Before it is up nothing listens to the signal.
        await until(self._bridged.status)
        begin = time.monotonic()
        status = await self._bridged.stop_bridge()
        self.longest_drain = max(self.longest_drain, time.monotonic() - begin)
        if status != 0:
            self.unclean.append(status)
        await self._bridged.start_bridge()
        self.made["bridge ended"] += 1

    async def _restart_standin(self) -> None:
        await self._bridged.standin.kill()
        await asyncio.sleep(self._random.random())
        await self._bridged.standin.start()
        self.made["Sferum killed"] += 1

    async def _restart_synapse(self) -> None:
        await self._bridged.synapse.kill()
        await self._bridged.synapse.start()
        self.made["Synapse killed"] += 1

    async def _restart_postgres(self) -> None:
        assert self._postgres is not None
        await self._postgres.crash()
        self.made["PostgreSQL crashed"] += 1

    async def _expire(self) -> None:
        control = self._bridged.standin.control
        await control.expire_tokens()
        await control.expire_keys(lost=self._random.random() < 1 / 2)
        self.made["tokens and keys expired"] += 1

    async def _fault(self) -> None:
        method, effect, more = self._random.choice(FAULTS)
        times = self._random.randint(1, 3)
        try:
            await self._bridged.standin.control.fault(method, effect, times=times, **more)
        except (aiohttp.ClientError, RuntimeError):
            return
        self.made["faults"] += 1
