"""Whom a peer knows in Matrix: an account of its own, which writes in the peer's room and reads it.

The school's bridge and extension do not know it. A peer invites it where it wants it; what it says
to a peer's bot is answered there.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.bare import Arrivals, Matrix, Texts, beside
from benchmarks.enrolling import Account
from benchmarks.figures import FigureError
from sferum_bridge.app import opened_database, opened_homeserver, registrar
from sferum_bridge.matrix.client import path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import aiohttp

    from benchmarks.enrolling import Enrolled
    from benchmarks.stage import Stage
    from sferum_bridge.demo.processes import ChildProcess

_PATIENCE_SECONDS = 60.0


class _Ears(Arrivals):
    """What a guest hears: noted by its text for who waits for that, and queued in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Texts()

    def note(self, text: str) -> None:
        super().note(text)
        self.heard.note(text)


class Guest:
    """An account that is signed in; `guest` makes it and keeps it reading."""

    def __init__(self, mxid: str, matrix: Matrix) -> None:
        self.mxid = mxid
        self.matrix = matrix
        self.ears = _Ears()
        self._joined: set[str] = set()

    async def join_where_invited(self) -> str:
        """Wait for an invite, accept it, return the room.

        Raises:
            FigureError: There is none.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not (rooms := await self._invites() - self._joined):  # noqa: ASYNC110 - a sync
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise FigureError(f"{self.mxid} was not invited") from None
        room_id = min(rooms)
        await self.matrix.join(room_id, self.mxid)
        self._joined.add(room_id)
        return room_id

    async def ask(self, room_id: str, command: str, answer: str) -> None:
        """Say something to a bot, and wait until an answer with these words is heard.

        Raises:
            FigureError: It is not given.
        """
        await self.matrix.say(room_id, command)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while answer not in await self.ears.heard.next():
                    pass
        except TimeoutError:
            raise FigureError(f"{command!r} was not answered with {answer!r}") from None

    async def _invites(self) -> set[str]:
        answer = await self.matrix.request("GET", path("sync"), query={"timeout": "0"})
        return set(answer.get("rooms", {}).get("invite", {}))


@asynccontextmanager
async def guest(
    http: aiohttp.ClientSession, stage: Stage, school: Enrolled, name: str
) -> AsyncIterator[Guest]:
    """Make an account and let it read until the block ends."""
    config, password = school.config, secrets.token_urlsafe(12)
    async with opened_database(config, school.folder) as db, opened_homeserver(config) as server:
        mxid = await registrar(config, db, server).register(f"guest-{name}", "Гость", password)
    matrix = await Matrix(http, stage.url).logged_in(Account(mxid, password))
    one = Guest(mxid, matrix)
    async with beside(matrix.watch(one.ears)):
        yield one


class GuestsWays:
    """Messages both ways through a peer, timed in seconds as `linked.Ways` times ours.

    `post` has somebody on the other side write, `at_remote` notes what somebody reads there.
    """

    def __init__(
        self,
        name: str,
        room_id: str,
        one: Guest,
        post: Callable[[str], Awaitable[None]],
        at_remote: Arrivals,
    ) -> None:
        self._name = name
        self._room_id = room_id
        self._guest = one
        self._post = post
        self._at_remote = at_remote
        self._numbers = itertools.count(1)

    async def into_matrix(self) -> float:
        """Have somebody write on the other side; the way ends in the guest's sync."""
        text = f"{self._name}-in-{next(self._numbers)}"
        begin = time.perf_counter()
        await self._post(text)
        return await self._guest.ears.when(text) - begin

    async def out_of_matrix(self) -> float:
        """Write in the room; the way ends where somebody reads on the other side."""
        text = f"{self._name}-out-{next(self._numbers)}"
        begin = time.perf_counter()
        await self._guest.matrix.say(self._room_id, text)
        return await self._at_remote.when(text) - begin

    async def post_many(self, count: int) -> float:
        """Have so much written at once there; return when the guest's sync had the last."""
        texts = [f"{self._name}-in-{next(self._numbers)}" for _ in range(count)]
        for text in texts:
            await self._post(text)
        return max([await self._guest.ears.when(text) for text in texts])


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that carries both ways, and its process."""

    ways: GuestsWays
    process: ChildProcess
