"""What the homeserver extension costs the homeserver, and how soon what it is told holds.

Requests: two Synapses on one PostgreSQL, with and without the extension, asked in turns (`twins`),
in rooms whose state is small and big; once as they come, once with an event cache so small that it
forgets the room. A town: everybody of it is pushed in parts, as the bridge does, then Synapse is
restarted and reads it from its database. Propagation: a main process and a worker.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import secrets
import statistics
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from benchmarks import ticker, town, twins
from benchmarks.figures import Figure, FigureError, Group, Measured, percentile
from benchmarks.stage import REPOSITORY
from sferum_bridge.homeserver.facts import read
from sferum_bridge.matrix.policy import parts
from sferum_bridge.school import contour
from tests.support.synapse import BOT, request
from tests.support.workers import REDIS, running_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.stage import Place
    from tests.support.synapse import Homeserver

_WHAT = {
    twins.SEND: ("PUT …/send", 1.05),
    twins.INVITE: ("POST …/invite", 1.10),
    twins.JOIN: ("POST …/join", 1.10),
}
_CACHES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "warm": ("an event cache that holds the rooms", {}),
    "cold": ("an event cache of 200 events", {"event_cache_size": 200}),
}
COSTS = {
    (cache, what): Figure(
        f"contour.{what}.{cache}",
        "",
        goal,
        f"{request_} at a Synapse with the extension, divided by the same without it: median of "
        f"each, {about}; the worst of the rooms' sizes (events of state). `likely` is between what "
        "the ratio lies 95 times of 100. `processor` is the same ratio of the processor's time "
        "that Synapse used, and `transactions` how many more of the database's one request takes.",
    )
    for cache, (about, _) in _CACHES.items()
    for what, (request_, goal) in _WHAT.items()
}
DECISION = Figure(
    "contour.decision",
    "µs",
    5,
    "One decision with the whole town known, processor's time, the best of five tries; the slowest "
    "of the kinds.",
)
LOADING = Figure(
    "contour.stall_loading",
    "ms",
    50,
    "The longest time in which Synapse served nobody while it read the whole town from its "
    "database after a start: the least of three starts, since what else the machine does comes by "
    "chance. `floor` is the longest while Synapse had nothing to do.",
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

    requests: twins.Size
    people: int
    decisions: int
    changes: int


_HEAP, _REPEATED = 500, 5
_PATIENCE, _STARTS = 60, 3
_QUIET = 3.0  # seconds until a Synapse that has just started has nothing to do
FULL = _Size(twins.Size(12, 40, 10, (10, 300, 2000)), 200_000, 20_000, 200)
QUICK = _Size(twins.Size(1, 2, 2, (10, 30)), 600, 200, 5)


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all of it. Propagation needs PostgreSQL and a Redis, and is left out without."""
    size = QUICK if quick else FULL
    found: list[Measured] = []
    for cache, (_, overrides) in _CACHES.items():
        sides = await twins.compare(place, size.requests, overrides)
        found += [_cost(cache, what, sides) for what in _WHAT]
    inhabitants = town.build(size.people)
    found.append(_decisions(inhabitants, size))
    found += await _town(place, inhabitants)
    if place.postgres is not None and REDIS:
        found.append(await _propagation(place, size))
    return found


def _cost(cache: str, what: str, sides: tuple[twins.Twin, twins.Twin]) -> Measured:
    by_state = {
        states: tuple(side.costs[what, states] for side in sides) for states in sides[0].rooms
    }
    ratios = {
        states: twins.median_ratio(ours.seconds, bare.seconds)
        for states, (ours, bare) in by_state.items()
    }
    worst = max(ratios, key=ratios.__getitem__)
    ours, bare = by_state[worst]
    low, high = twins.likely(ours.seconds, bare.seconds)
    more = sum(ours.transactions - bare.transactions for ours, bare in by_state.values())
    requests = sum(len(ours.seconds) for ours, _ in by_state.values())
    processor = {
        states: ours.processor / bare.processor for states, (ours, bare) in by_state.items()
    }
    return Measured(
        COSTS[cache, what],
        ratios[worst],
        runs=len(ours.seconds),
        floor=statistics.median(bare.seconds) * 1000,
        extra={
            "floor_unit": "ms",
            "ratio_by_state": {str(states): round(ratio, 3) for states, ratio in ratios.items()},
            "likely": f"{low:.3f} to {high:.3f}",
            "processor_by_state": {str(states): round(one, 3) for states, one in processor.items()},
            "transactions": round(more / requests, 2),
        },
    )


# --- a town -------------------------------------------------------------------------------------


def _decisions(inhabitants: town.Town, size: _Size) -> Measured:
    """Decide about people at random, some near each other and some not, in this process."""
    facts = read(json.dumps(inhabitants.push(1, BOT))).apply(contour.Facts())
    everybody, rooms = list(facts.people), list(facts.rooms)
    draw = random.Random(0)  # the same questions in every run
    pairs: list[tuple[str, ...]] = []
    for _ in range(size.decisions):
        one = draw.randrange(len(everybody))
        near = (one + draw.randrange(1, 60)) % len(everybody)
        other = draw.choice((near, draw.randrange(len(everybody))))
        asked_about = (everybody[one], everybody[other], draw.choice(rooms))
        pairs.append(_anew(asked_about))
    asked: dict[str, Callable[..., object]] = {
        "may_contact": lambda one, other, _: contour.may_contact(one, other, facts),
        "may_meet": lambda one, other, _: contour.may_meet(one, other, facts),
        "may_see": lambda one, other, _: contour.may_see(one, other, facts),
        "may_find": lambda one, other, _: contour.may_find(one, other, facts),
        "may_read_media": lambda one, other, _: contour.may_read_media(one, other, facts),
        "may_be_in": lambda one, _, room: contour.may_be_in(one, room, facts),
        "decide": lambda one, _, room: contour.decide(contour.Action.JOIN, one, one, room, facts),
    }
    gc.collect()
    # Kinds in turns, so that what disturbs the machine for a while disturbs each of them.
    tries = [
        {name: _microseconds(ask, pairs) for name, ask in asked.items()} for _ in range(_REPEATED)
    ]
    took = {name: min(one[name] for one in tries) for name in asked}
    return Measured(
        DECISION,
        max(took.values()),
        runs=len(pairs),
        extra={"people": len(facts.people), "each": {k: f"{v:.2f} µs" for k, v in took.items()}},
    )


def _microseconds(ask: Callable[..., object], pairs: Sequence[tuple[str, ...]]) -> float:
    """Return the processor's time for one, median of heaps: now and then something interrupts."""
    each: list[float] = []
    for start in range(0, len(pairs), _HEAP):
        # As a request that was just read: with texts of its own, other objects than the facts'.
        heap = [_anew(pair) for pair in pairs[start : start + _HEAP]]
        begin = time.process_time()
        for pair in heap:
            ask(*pair)
        each.append((time.process_time() - begin) / len(heap) * 1e6)
    return statistics.median(each)


def _anew(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text[:1] + text[1:] for text in texts)


async def _town(place: Place, inhabitants: town.Town) -> Sequence[Measured]:
    module = {"module": "benchmarks.ticker.Ticker", "config": {}}
    environment = {"PYTHONPATH": str(REPOSITORY)}
    async with twins.synapse(
        place, extension=True, overrides={}, modules=(module,), environment=environment
    ) as server:
        await asyncio.sleep(_QUIET)
        await _ticked(server)
        await asyncio.sleep(_QUIET)
        idle = (await _ticked(server))["stall_ms"]
        before = await _ticked(server, collect=True)
        begin = time.perf_counter()
        for part in parts(inhabitants.push(1, BOT)):
            answer = await server.push(json.dumps(part).encode())
            if answer.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
                raise FigureError(f"the extension refused a town: {answer.status}")
        pushed = time.perf_counter() - begin
        pushing = await _ticked(server)
        loading: list[float] = []
        for _ in range(_STARTS):
            await server.process.stop()
            await server.process.start()
            await _ticked(server)
            await _until(server, lambda told: told["people"] == len(inhabitants.people))
            loading.append((await _ticked(server))["stall_ms"])
        after = await _ticked(server, collect=True)
    people = len(inhabitants.people)
    grown = (after["memory_mib"] - before["memory_mib"]) * 2**20
    about = {"people": people, "rooms": len(inhabitants.rooms)}
    return [
        Measured(
            LOADING,
            min(loading),
            runs=len(loading),
            floor=idle,
            extra={**about, "each": [f"{stall:.0f} ms" for stall in loading]},
        ),
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
        await twins.tell(cluster.main, [pupil], ())
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
