"""Two Synapses, one with the extension and one without, that are asked the same in turns.

On a machine that does something else besides, nothing can be compared that lies apart in time. So
each request goes to the one and at once to the other, and each time the other one comes first. What
a request costs is told in three ways: the time until its answer, which people feel and which is
uneven; the processor's time of the whole process until it has nothing more to do, which is steadier
by far; and the database's transactions, in which there is no chance.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks import tally
from benchmarks.bare import Matrix
from benchmarks.figures import FigureError, percentile
from benchmarks.stage import REPOSITORY
from sferum_bridge.demo.synapse import SynapseProcess
from sferum_bridge.matrix.client import path
from tests.support.synapse import (
    BOT,
    OVERRIDES,
    Homeserver,
    request,
    settings_for,
    write_registration,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from benchmarks.stage import Place
    from tests.support.synapse import Account

SEND, INVITE, JOIN = "send", "invite", "join"
"""The kinds of requests."""

_MESSAGE = {"msgtype": "m.text", "body": "Здравствуйте!"}
_SETTLE = 0.1  # seconds in which what a request leaves behind is done
_IDLE, _IDLE_SECONDS, _PATIENCE = 0.03, 3, 300
_RESAMPLED = 400


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked: in each round and room so many messages, then so many guests."""

    rounds: int
    sends: int
    guests: int
    states: tuple[int, ...]
    """Events of state in each of the rooms."""


@dataclass(slots=True)
class Cost:
    """What requests of one kind in one room cost one of the two."""

    seconds: list[float] = field(default_factory=list)
    """Until the answer, for each request."""
    processor: float = 0.0
    """Seconds that the process used, for all of them."""
    transactions: float = 0.0


@dataclass(slots=True)
class Twin:
    """One of the two, and what its requests cost."""

    server: Homeserver
    bot: Matrix
    pupil: Matrix
    guests: list[Account]
    rooms: dict[int, str] = field(default_factory=dict)
    """By their events of state."""
    costs: dict[tuple[str, int], Cost] = field(default_factory=dict)

    def processor(self) -> float:
        """Return the seconds of a processor that the process and all its threads have used."""
        pid = self.server.process.pid
        if pid is None:
            raise FigureError("a homeserver ended by itself")
        # What clock_getcpuclockid(3) returns on Linux; /proc tells hundredths of a second only.
        return time.clock_gettime(~pid << 3 | 2)

    async def transactions(self) -> float:
        """Return how many transactions all requests so far took."""
        return float(
            (await request("GET", self.server.process.url + tally.PATH)).body["transactions"]
        )

    async def idle(self) -> None:
        """Wait until nothing is left to do: after its first start Synapse tidies its database."""
        quiet = 0
        for _ in range(_PATIENCE):
            before = self.processor()
            await asyncio.sleep(1)
            quiet = quiet + 1 if self.processor() - before < _IDLE else 0
            if quiet == _IDLE_SECONDS:
                return
        raise FigureError("a homeserver does not come to rest")

    async def ask(self, kind: str, states: int, guest: Account | None = None) -> None:
        """Make one request of a kind, in the room with so many events of state."""
        room = self.rooms[states]
        if kind == SEND:
            where = path("rooms", room, "send", "m.room.message", secrets.token_hex(8))
            await self.pupil.request("PUT", where, _MESSAGE)
        elif guest is None:
            raise FigureError(f"nobody to {kind}")
        elif kind == INVITE:
            who = {"user_id": guest.user_id}
            await self.bot.request("POST", path("rooms", room, "invite"), who)
        else:
            await self.bot.request("POST", path("rooms", room, "join"), token=guest.token)


async def compare(place: Place, size: Size, overrides: Mapping[str, Any]) -> tuple[Twin, Twin]:
    """Ask both; return the one with the extension, and the one without."""
    module = {"module": "benchmarks.tally.Tally", "config": {}}
    both: dict[str, Any] = {
        "overrides": overrides,
        "modules": (module,),
        "environment": {"PYTHONPATH": str(REPOSITORY)},
    }
    async with (
        synapse(place, extension=True, **both) as with_it,
        synapse(place, extension=False, **both) as without,
        aiohttp.ClientSession() as http,
    ):
        ours, bare = [await _furnished(server, http, size) for server in (with_it, without)]
        for twin in (ours, bare):
            await twin.idle()
        for number in range(size.rounds + 1):
            for states in size.states:
                await _round((ours, bare), states, size)
            if not number:  # the first was for warming up
                ours.costs.clear()
                bare.costs.clear()
    return ours, bare


async def _round(twins: tuple[Twin, Twin], states: int, size: Size) -> None:
    guests = [[twin.guests.pop() for _ in range(size.guests)] for twin in twins]
    await _heap(twins, SEND, states, [[None] * size.sends] * 2)
    await _heap(twins, INVITE, states, guests)
    await _heap(twins, JOIN, states, guests)


async def _heap(
    twins: tuple[Twin, Twin], kind: str, states: int, guests: Sequence[Sequence[Account | None]]
) -> None:
    """Make requests of one kind in one room, as many as there are guests."""
    costs = [twin.costs.setdefault((kind, states), Cost()) for twin in twins]
    sides = list(zip(twins, costs, guests, strict=True))
    for twin, cost, _ in sides:
        cost.transactions -= await twin.transactions()
    for twin, cost, _ in sides:
        cost.processor -= twin.processor()
    for number in range(len(guests[0])):
        # Who comes second finds the machine warmer.
        for twin, cost, mine in sides if number % 2 else reversed(sides):
            begin = time.perf_counter()
            await twin.ask(kind, states, mine[number])
            cost.seconds.append(time.perf_counter() - begin)
    await asyncio.sleep(_SETTLE)
    for twin, cost, _ in sides:
        cost.processor += twin.processor()
    for twin, cost, _ in sides:
        cost.transactions += await twin.transactions()


async def _furnished(server: Homeserver, http: aiohttp.ClientSession, size: Size) -> Twin:
    """Make the rooms, a pupil who is in them, and all who are to come in."""
    pupil = await server.account("pupil")
    number = (size.rounds + 1) * size.guests * len(size.states)
    url = server.process.url
    twin = Twin(
        server,
        bot=Matrix(http, url, server.bot.token),
        pupil=Matrix(http, url, pupil.token),
        guests=[await server.account("guest") for _ in range(number)],
    )
    people = [pupil, *twin.guests]
    has_extension = server.process.settings.contour is not None
    if has_extension:
        await tell(server, people, ())
    for states in size.states:
        content = {
            "preset": "private_chat",
            "creation_content": {"m.federate": False},
            "invite": [pupil.user_id],
            "initial_state": [
                {"type": "org.example.state", "state_key": str(number), "content": {"n": number}}
                for number in range(states)
            ],
        }
        twin.rooms[states] = await twin.bot.create(content)
    if has_extension:
        await tell(server, people, twin.rooms.values())
    for room in twin.rooms.values():
        await twin.pupil.join(room, pupil.user_id)
    return twin


# --- figures out of costs ---------------------------------------------------------------------


def median_ratio(ours: Sequence[float], bare: Sequence[float]) -> float:
    """Return the median of the one, divided by that of the other."""
    return statistics.median(ours) / statistics.median(bare)


def likely(ours: Sequence[float], bare: Sequence[float]) -> tuple[float, float]:
    """Return between what the ratio lies 95 times of 100, by drawing anew from what was found."""
    draw = random.Random(0)  # the same answer for the same numbers
    found = [
        median_ratio(draw.choices(ours, k=len(ours)), draw.choices(bare, k=len(bare)))
        for _ in range(_RESAMPLED)
    ]
    return percentile(found, 3), percentile(found, 97)


# --- one Synapse ------------------------------------------------------------------------------


@asynccontextmanager
async def synapse(
    place: Place, *, extension: bool, overrides: Mapping[str, Any], **settings: Any
) -> AsyncIterator[Homeserver]:
    """Run a Synapse on a fresh database, with a bot; with the extension or without."""
    folder = place.folder / f"synapse-{secrets.token_hex(3)}"
    folder.mkdir()
    secret = secrets.token_urlsafe(32)
    registration, bot = write_registration(folder)
    database = (await place.postgres.fresh_database()).synapse if place.postgres else None
    process = SynapseProcess(
        settings_for(
            folder,
            registrations=(registration,),
            contour={"secret": secret, "bot": BOT} if extension else None,
            overrides={**OVERRIDES, **overrides},
            database=database,
            **settings,
        )
    )
    server = Homeserver(process, bot=bot, facts_secret=secret)
    try:
        await process.start()
        content = {
            "type": "m.login.application_service",
            "username": "sferumbot",
            "inhibit_login": True,
        }
        await server.call("POST", "register", content, by=bot)
        yield server
    finally:
        await process.stop()


async def tell(server: Homeserver, people: Iterable[Account], rooms: Iterable[str]) -> None:
    """Push facts by which these people are a class's pupils, and these rooms are for them."""
    fact = {"school": "1", "kind": "pupils", "audience": ["class/1/pupils"], "linked": False}
    push = {
        "generation": await server.generation() + 1,
        "kind": "full",
        "service": [BOT],
        "ghost_prefix": "@sferum_",
        "people": {person.user_id: ["class/1/pupils"] for person in people},
        "rooms": dict.fromkeys(rooms, fact),
        "kin": {},
        "schools": {"1": {"classes": ["1"], "contacts": {}}},
    }
    answer = await server.push(push)
    if answer.status != HTTPStatus.OK:
        raise FigureError(f"the extension refused facts: {answer.status}")
