"""What goes wrong meanwhile: kills, restarts, lost logins, and a messenger in a bad mood."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.standin.client import ControlError
from sferum_bridge.store import chats, logins
from tests.support.bridge import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from random import Random

    from tests.support.bridge import BridgedSchool
    from tests.support.postgres import PostgresServer

DRAIN_SECONDS = 12.0
"""How long the bridge may take to end when it is asked to."""
SECONDS_A_KILL = 5.0
"""What a kill takes with all that belongs to it, about; how long a run is told to be."""
_SECONDS_AWAY = 180
_LOOK = 0.1
_NEEDS_PERSON = (14, 17)
_AT_ONCE = 0.15
"""How often a bridge is killed that may not even be up yet."""

_SENDING = ("messages.send", "messages.edit", "messages.delete", "messages.sendReaction")
_UPLOADING = ("docs.getMessagesUploadServer", "docs.save", "photos.saveMessagesPhoto")
_ASKING = ("messages.getById", "messages.getMessagesReactions", "users.get")
_READING = (*_ASKING, "messages.getLongPollServer", "messages.getLongPollHistory")
_TRANSFERS = ("upload", "file")
_FAILED = (1, 2, 3)
"""What a long poll may answer instead of events."""
# method, effect, and what else the fault needs; each is something that time mends.
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *((m, "error", {"code": code}) for m in _SENDING for code in (1, 6, 10)),
    *((m, "cut_after", {}) for m in _SENDING),
    *((m, "hang", {"seconds": 2.0}) for m in _SENDING),
    ("messages.send", "error", {"code": 9, "times": 1}),
    # A second one in a row would be a login that is over.
    ("messages.send", "error", {"code": 5, "times": 1}),
    ("messages.send", "http", {"code": 502}),
    ("messages.send", "cut", {}),
    ("messages.send", "body", {"text": "<html>"}),
    *((m, "error", {"code": 10}) for m in (*_UPLOADING, *_READING)),
    *((m, "http", {"code": 503}) for m in (*_READING, *_TRANSFERS)),
    *((m, "cut_after", {}) for m in (*_UPLOADING, *_READING, *_TRANSFERS)),
    *((m, "hang", {"seconds": 2.0}) for m in (*_READING, *_TRANSFERS)),
    *(("longpoll", effect, {}) for effect in ("cut", "cut_after", "duplicate", "reorder") * 2),
    *(("longpoll", "error", {"code": code}) for code in _FAILED),
    ("longpoll", "http", {"code": 500}),
    ("longpoll", "hang", {"seconds": 3.0}),
    ("longpoll", "body", {"text": "[]"}),
    ("web_token", "http", {"code": 502}),
)
_FAULTS_A_KILL = 2


class Trouble:
    """Makes trouble until there were `kills` of the bridge. `pace`: seconds one lives, about.

    `accounts` are those of the stand-in that may lose their login.

    It also sets the pace of those who talk: as much is said as there was trouble, so that each
    kill meets its share of it, however fast the machine is.
    """

    def __init__(
        self,
        bridged: BridgedSchool,
        postgres: PostgresServer | None,
        random: Random,
        *,
        kills: int,
        pace: float,
        accounts: Sequence[int],
        arrived: Callable[[], Awaitable[bool]],
    ) -> None:
        self._bridged = bridged
        self._postgres = postgres
        self._random = random
        self._kills = kills
        self._pace = pace
        self._accounts = accounts
        self._arrived = arrived
        self._begin = self._last = time.monotonic()
        self._open = asyncio.Event()
        self._open.set()
        self._inside = 0
        self.ending = asyncio.Event()
        """Set when all is to end before its time."""
        self.made: Counter[str] = Counter()
        self.longest_drain = 0.0
        self.unclean: list[int | None] = []
        """Exit statuses of a bridge that did not end well when it was asked to."""

    @property
    def kills(self) -> int:
        """Return how often the bridge was killed."""
        return self.made["bridge killed"]

    # --- the pace of those who talk ---------------------------------------------------------

    async def turn(self, share: float) -> bool:
        """Wait until it is time for this share of everything; false when all is to end."""
        while self._share() < share and not self.ending.is_set():  # noqa: ASYNC110 - time passes too
            await asyncio.sleep(_LOOK)
        return not self.ending.is_set()

    @asynccontextmanager
    async def passage(self, *, through_login: bool) -> AsyncIterator[None]:
        """Wait until one may act. Nobody may through a login while one is lost."""
        while through_login and not self._open.is_set():
            await self._open.wait()
        self._inside += through_login
        try:
            yield
        finally:
            self._inside -= through_login

    def _share(self) -> float:
        """Return how much of all trouble there was, the kill to come in proportion."""
        now = time.monotonic()
        each = (self._last - self._begin) / self.kills if self.kills else SECONDS_A_KILL
        return (self.kills + min((now - self._last) / each, 1)) / self._kills

    # --- trouble ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Make all the trouble; everything runs again in the end, and nothing fails any more."""
        others: list[Callable[[], Awaitable[None]]] = [
            self._end_bridge,
            self._restart_standin,
            self._restart_synapse,
            self._expire,
            self._lose_login,
        ]
        if self._postgres is not None:
            others.insert(3, self._restart_postgres)
        every = min(10, max(2, self._kills // len(others)))
        self._begin = self._last = time.monotonic()
        while self.kills < self._kills and not self.ending.is_set():
            if self._random.random() > _AT_ONCE:
                await self._up()
            for _ in range(_FAULTS_A_KILL):
                await self._fault()
            await asyncio.sleep(min(self._random.expovariate(1 / self._pace), 4 * self._pace))
            await self._kill_bridge()
            if self.kills % every == every // 2:
                await others[self.kills // every % len(others)]()
        await self._bridged.standin.control.clear_faults()
        # Else what waits for a minute because it was told to would be waited for.
        await self._kill_bridge()

    async def _up(self) -> None:
        with suppress(TimeoutError):
            await until(self._bridged.status, _SECONDS_AWAY)

    async def _kill_bridge(self) -> None:
        await self._bridged.kill_bridge()
        await self._bridged.start_bridge()
        self._last = time.monotonic()
        self.made["bridge killed"] += 1

    async def _end_bridge(self) -> None:
        # Before it is up nothing listens to the signal.
        await self._up()
        if self._random.random() < 1 / 2:
            # Nor may it wait for a messenger that does not answer.
            control = self._bridged.standin.control
            await control.fault("*", "hang", times=5, seconds=2 * DRAIN_SECONDS)
        await asyncio.sleep(self._random.random())
        begin = time.monotonic()
        status = await self._bridged.stop_bridge()
        self.longest_drain = max(self.longest_drain, time.monotonic() - begin)
        if status != 0:
            self.unclean.append(status)
        await self._bridged.standin.control.clear_faults()
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

    async def _lose_login(self) -> None:
        """Have a login need its owner, who logs in anew; meanwhile no owner says anything here.

        What is said through a lost login is refused and told, which other tests show. What is
        written in Sferum meanwhile has to arrive.
        """
        control = self._bridged.standin.control
        self._open.clear()
        try:
            while self._inside:  # noqa: ASYNC110 - soon
                await asyncio.sleep(_LOOK)
            await control.clear_faults()
            await self._kill_bridge()
            await until(self._arrived, _SECONDS_AWAY)
            if self._random.random() < 1 / 3:
                unlucky = self._random.choice(self._accounts)
                await control.log_out(unlucky)
                await control.expire_tokens(unlucky)
            else:
                code = self._random.choice(_NEEDS_PERSON)
                await control.fault("messages.getLongPollServer", "error", code=code)
            await control.expire_keys()
            await until(self._log_in_anew, _SECONDS_AWAY)
        except TimeoutError:
            self.made["no login lost: too slow"] += 1
        else:
            self.made["logins lost"] += 1
        finally:
            await control.clear_faults()
            await self._log_in_anew()
            self._open.set()

    async def _log_in_anew(self) -> int:
        """Log in again whoever has to; return how many that were."""
        count = 0
        async with self._bridged.database() as db:
            async with db.read() as tx:
                lost = [login for login in await chats.all_logins(tx) if login.expired]
            for login in lost:
                cookie = await self._bridged.standin.control.log_in(int(login.account_id))
                async with db.write() as tx:
                    await chats.save_login(
                        tx, logins.SFERUM, login.account_id, login.name, login.mxid, cookie
                    )
                count += 1
        return count

    async def _fault(self) -> None:
        method, effect, more = self._random.choice(FAULTS)
        more = {"times": self._random.randint(1, 3), **more}
        try:
            await self._bridged.standin.control.fault(method, effect, **more)
        except (aiohttp.ClientError, ControlError, RuntimeError):
            return
        self.made["faults"] += 1
