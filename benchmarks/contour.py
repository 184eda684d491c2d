"""What the homeserver extension costs the homeserver, and how soon what it is told holds.

Requests: two Synapses on one PostgreSQL, with and without the extension, asked in turns, in rooms
whose state is small and big; once as they come, once with an event cache so small that it forgets
the room. A town: everybody of it is pushed in parts, as the bridge does, then Synapse is restarted
and reads it from its database. Propagation: a main process and a worker.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks import ticker, town
from benchmarks.bare import Matrix
from benchmarks.figures import Figure, FigureError, Group, Measured, percentile
from benchmarks.stage import REPOSITORY
from sferum_bridge.demo.synapse import SynapseProcess
from sferum_bridge.homeserver.facts import read
from sferum_bridge.matrix.client import path
from sferum_bridge.matrix.policy import parts
from sferum_bridge.school import contour
from tests.support.synapse import (
    BOT,
    OVERRIDES,
    Homeserver,
    request,
    settings_for,
    write_registration,
)
from tests.support.workers import REDIS, running_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from benchmarks.stage import Place
    from tests.support.synapse import Account

_WHAT = {"send": ("PUT …/send", 1.05), "invite": ("POST …/invite", 1.10), "join": ("…/join", 1.10)}
_CACHES = {
    "warm": ("an event cache that holds the rooms", {}),
    "cold": ("an event cache of 200 events", {"event_cache_size": 200}),
}
COSTS = {
    (cache, what): Figure(
        f"contour.{what}.{cache}",
        "",
        goal,
        f"{request_} at a Synapse with the extension, divided by the same without it: median of "
        f"each, {about}; the worst of the rooms' sizes (events of state).",
    )
    for cache, (about, _) in _CACHES.items()
    for what, (request_, goal) in _WHAT.items()
}
DECISION = Figure(
    "contour.decision", "µs", 5, "One decision with the whole town known; the slowest of the kinds."
)
LOADING = Figure(
    "contour.stall_loading",
    "ms",
    50,
    "The longest time in which Synapse served nobody while it read the whole town from its "
    "database after a start.",
)
PUSHING = Figure(
    "contour.stall_pushing", "ms", 50, "The same while the whole town was pushed to it in parts."
)
MEMORY = Figure(
    "contour.memory",
    "bytes",
    None,
    "What a process of Synapse holds more with the whole town known, for each person.",
)
PROPAGATION = Figure(
    "contour.propagation",
    "ms",
    None,
    "From sending a change to the main process until it and a worker both decide by it, 95th "
    "percentile.",
)


@dataclass(frozen=True, slots=True)
class _Size:
    """How much is measured."""

    rounds: int
    sends: int
    states: tuple[int, ...]
    people: int
    decisions: int
    changes: int


_HEAP = 500
_PATIENCE = 60
_QUIET = 3.0  # seconds until a Synapse that has just started has nothing to do
FULL = _Size(40, 5, (10, 300, 2000), 200_000, 20_000, 200)
QUICK = _Size(2, 1, (10, 30), 600, 200, 5)


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all of it. Propagation needs PostgreSQL and a Redis, and is left out without."""
    size = QUICK if quick else FULL
    found: list[Measured] = []
    for cache, (_, overrides) in _CACHES.items():
        found += await _costs(place, size, cache, overrides)
    inhabitants = town.build(size.people)
    found.append(_decisions(inhabitants, size))
    found += await _town(place, inhabitants)
    if place.postgres is not None and REDIS:
        found.append(await _propagation(place, size))
    return found


# --- requests -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Side:
    """One of the two Synapses, and what its requests took, in seconds."""

    server: Homeserver
    matrix: Matrix
    """The bot's client."""
    pupil: Matrix = field(init=False)
    rooms: dict[int, str] = field(default_factory=dict)
    took: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    async def timed(self, what: str, size: int, call: Awaitable[object]) -> None:
        begin = time.perf_counter()
        await call
        self.took.setdefault((what, size), []).append(time.perf_counter() - begin)


@asynccontextmanager
async def _synapse(
    place: Place, *, extension: bool, overrides: Mapping[str, Any], **settings: Any
) -> AsyncIterator[Homeserver]:
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


async def _costs(
    place: Place, size: _Size, cache: str, overrides: Mapping[str, Any]
) -> Sequence[Measured]:
    async with (
        _synapse(place, extension=True, overrides=overrides) as ours,
        _synapse(place, extension=False, overrides=overrides) as bare,
        aiohttp.ClientSession() as http,
    ):
        sides = [
            _Side(server, Matrix(http, server.process.url, server.bot.token))
            for server in (ours, bare)
        ]
        guests = [await _furnish(side, http, size) for side in sides]
        for number in range(size.rounds):
            for states in size.states:
                turns = list(zip(sides, guests, strict=True))
                # Who comes first finds the database's memory colder.
                for side, waiting in turns if number % 2 else reversed(turns):
                    await _round(side, waiting.pop(), states, size.sends)
    return [_ratio(cache, what, sides, size) for what in _WHAT]


async def _furnish(side: _Side, http: aiohttp.ClientSession, size: _Size) -> list[Account]:
    """Make the rooms, a pupil who is in them, and all who are to come in."""
    server = side.server
    pupil = await server.account("pupil")
    side.pupil = Matrix(http, server.process.url, pupil.token)
    guests = [await server.account("guest") for _ in range(size.rounds * len(size.states))]
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
        if states == size.states[0] and server.process.settings.contour:
            await _tell(server, [pupil, *guests], ())
        side.rooms[states] = await side.matrix.create(content)
    if server.process.settings.contour:
        await _tell(server, [pupil, *guests], side.rooms.values())
    for room in side.rooms.values():
        await side.pupil.join(room, pupil.user_id)
    return guests


async def _tell(server: Homeserver, people: Sequence[Account], rooms: Iterable[str]) -> None:
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


async def _round(side: _Side, guest: Account, states: int, sends: int) -> None:
    room = side.rooms[states]
    message = {"msgtype": "m.text", "body": "Здравствуйте!"}
    for _ in range(sends):
        where = path("rooms", room, "send", "m.room.message", secrets.token_hex(8))
        await side.timed("send", states, side.pupil.request("PUT", where, message))
    invite = side.matrix.request("POST", path("rooms", room, "invite"), {"user_id": guest.user_id})
    await side.timed("invite", states, invite)
    join = side.matrix.request("POST", path("rooms", room, "join"), token=guest.token)
    await side.timed("join", states, join)


def _ratio(cache: str, what: str, sides: Sequence[_Side], size: _Size) -> Measured:
    ours, bare = (
        {states: statistics.median(side.took[what, states]) * 1000 for states in size.states}
        for side in sides
    )
    ratios = {states: ours[states] / bare[states] for states in size.states}
    worst = max(ratios, key=ratios.__getitem__)
    return Measured(
        COSTS[cache, what],
        ratios[worst],
        runs=len(sides[0].took[what, worst]),
        floor=bare[worst],
        extra={
            "floor_unit": "ms",
            "ratio_by_state": {str(states): round(ratio, 3) for states, ratio in ratios.items()},
        },
    )


# --- a town -------------------------------------------------------------------------------------


def _decisions(inhabitants: town.Town, size: _Size) -> Measured:
    """Decide about people at random, some near each other and some not, in this process."""
    facts = read(json.dumps(inhabitants.push(1, BOT))).apply(contour.Facts())
    everybody, rooms = list(facts.people), list(facts.rooms)
    pairs: list[tuple[str, str, str]] = []
    for _ in range(size.decisions):
        one = random.randrange(len(everybody))
        near = (one + random.randrange(1, 60)) % len(everybody)
        other = random.choice((near, random.randrange(len(everybody))))
        pairs.append((everybody[one], everybody[other], random.choice(rooms)))
    asked: dict[str, Callable[[str, str, str], object]] = {
        "may_contact": lambda one, other, _: contour.may_contact(one, other, facts),
        "may_meet": lambda one, other, _: contour.may_meet(one, other, facts),
        "may_see": lambda one, other, _: contour.may_see(one, other, facts),
        "may_find": lambda one, other, _: contour.may_find(one, other, facts),
        "may_read_media": lambda one, other, _: contour.may_read_media(one, other, facts),
        "decide": lambda one, _, room: contour.decide(contour.Action.JOIN, one, one, room, facts),
    }
    took = {name: _microseconds(ask, pairs) for name, ask in asked.items()}
    return Measured(
        DECISION,
        max(took.values()),
        runs=len(pairs),
        extra={"people": len(facts.people), "each": {k: f"{v:.2f} µs" for k, v in took.items()}},
    )


def _microseconds(
    ask: Callable[[str, str, str], object], pairs: Sequence[tuple[str, str, str]]
) -> float:
    """Return the processor's time for one, median of heaps: now and then something interrupts."""
    each: list[float] = []
    for start in range(0, len(pairs), _HEAP):
        heap = pairs[start : start + _HEAP]
        begin = time.process_time()
        for pair in heap:
            ask(*pair)
        each.append((time.process_time() - begin) / len(heap) * 1e6)
    return statistics.median(each)


async def _town(place: Place, inhabitants: town.Town) -> Sequence[Measured]:
    module = {"module": "benchmarks.ticker.Ticker", "config": {}}
    environment = {"PYTHONPATH": str(REPOSITORY)}
    async with _synapse(
        place, extension=True, overrides={}, modules=(module,), environment=environment
    ) as server:
        await asyncio.sleep(_QUIET)
        before = await _ticked(server, collect=True)
        begin = time.perf_counter()
        for part in parts(inhabitants.push(1, BOT)):
            answer = await server.push(json.dumps(part).encode())
            if answer.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
                raise FigureError(f"the extension refused a town: {answer.status}")
        pushed = time.perf_counter() - begin
        pushing = await _ticked(server)
        await server.process.stop()
        await server.process.start()
        await _ticked(server)
        await _until(server, lambda told: told["people"] == len(inhabitants.people))
        loading = await _ticked(server)
        after = await _ticked(server, collect=True)
    people = len(inhabitants.people)
    grown = (after["memory_mib"] - before["memory_mib"]) * 2**20
    about = {"people": people, "rooms": len(inhabitants.rooms)}
    return [
        Measured(LOADING, loading["stall_ms"], runs=1, extra=about),
        Measured(PUSHING, pushing["stall_ms"], runs=1, extra={**about, "took": f"{pushed:.1f} s"}),
        Measured(MEMORY, grown / people, runs=1, extra=about),
    ]


async def _until(server: Homeserver, holds: Callable[[dict[str, Any]], bool]) -> None:
    for _ in range(_PATIENCE):
        if holds(await server.standing()):
            return
        await asyncio.sleep(1)
    raise FigureError("the extension does not say what it should")


async def _ticked(server: Homeserver, *, collect: bool = False) -> dict[str, float]:
    url = server.process.url + ticker.PATH + ("?collect=1" if collect else "")
    return (await request("GET", url)).body


# --- several processes ----------------------------------------------------------------------------


async def _propagation(place: Place, size: _Size) -> Measured:
    if place.postgres is None:
        raise FigureError("workers need PostgreSQL")
    folder = place.folder / f"cluster-{secrets.token_hex(3)}"
    folder.mkdir()
    database = (await place.postgres.fresh_database()).synapse
    took: list[float] = []
    async with running_cluster(folder, database, workers={"worker1": {}}) as cluster:
        pupil = await cluster.main.account()
        await _tell(cluster.main, [pupil], ())
        await _until(cluster.main, lambda told: "worker1" in told["processes"])
        base = await cluster.main.generation()
        for number in range(base + 1, base + 1 + size.changes):
            groups = ["class/1/pupils"] if number % 2 else None
            change = {
                "generation": number,
                "kind": "delta",
                "base": number - 1,
                "people": {pupil.user_id: groups},
            }
            begin = time.perf_counter()
            answer = await cluster.main.push(change)
            took.append(time.perf_counter() - begin)
            if answer.body.get("waiting") != [] or "worker1" not in answer.body["processes"]:
                raise FigureError("a worker did not take up a change")
    return Measured(
        PROPAGATION,
        percentile(took, 95) * 1000,
        runs=len(took),
        extra={"median": f"{statistics.median(took) * 1000:.1f} ms"},
    )


GROUP = Group(
    "contour",
    (*COSTS.values(), DECISION, LOADING, PUSHING, MEMORY, PROPAGATION),
    measure,
)
