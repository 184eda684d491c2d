"""What a message's way through other bridges costs, beside ours and the bare carrier's.

All run at the same time on one Synapse, and messages go one at a time, by each in turn, so that
whatever slows the machine slows all of them alike; who has nothing to carry takes next to nothing.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import aiohttp

from benchmarks.figures import Figure, Group, Measured, percentile
from benchmarks.linked import linked_school
from benchmarks.peers.guest import guest
from benchmarks.peers.heisenbridge import Heisenbridge
from benchmarks.peers.installed import NotHere
from benchmarks.peers.telegram import Telegram
from benchmarks.stage import cpu_seconds, memory, running_stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from benchmarks.linked import Linked
    from benchmarks.stage import Place
    from sferum_bridge.demo.processes import ChildProcess

T = TypeVar("T")
Peer = Heisenbridge | Telegram

OURS, BARE = "ours", "bare"
ABOUT: Mapping[str, str] = {
    OURS: "This bridge with the stand-in, in the same run",
    **{peer.name: peer.about for peer in (Heisenbridge, Telegram)},
}
"""Each bridge that is measured, and what it is."""

_FLOOR = (
    "The floor is the bare carrier of `relay`, over the stand-in, whose long poll the others do "
    "not have: it takes some 2 ms of it."
)
_BURST = (
    "A burst of messages into one room until its reader's /sync has the last, in messages a "
    "second, divided by those of a bare client that says as many in a sibling room, one request "
    "after the other. `processor` is what the bridge's process took for a message, `rss` what it "
    "holds of memory afterwards. heisenbridge waits 100 ms for more to join into one event, which "
    "is short beside a burst."
)
_IN = (
    "From before somebody writes on the other side to when a /sync in Matrix shows it, above the "
    f"floor: the median, over the rounds, of the difference of the medians. {_FLOOR}"
)
_OUT = (
    "From before a client's request in Matrix to when somebody on the other side has it, above "
    f"the floor: the median, over the rounds, of the difference of the medians. {_FLOOR}"
)
_KINDS = (
    ("in_p50_over_floor_ms", "ms", _IN),
    ("out_p50_over_floor_ms", "ms", _OUT),
    ("throughput_in_over_floor", "", _BURST),
)
FIGURES: Mapping[str, Sequence[Figure]] = {
    name: tuple(
        Figure(f"peers.{name}.{kind}", unit, None, f"{about}. {story}")
        for kind, unit, story in _KINDS
    )
    for name, about in ABOUT.items()
}
"""Of each bridge: into Matrix, out of it, a burst."""


@dataclass(frozen=True, slots=True)
class _Load:
    rounds: int
    each: int
    """Messages by each side in a round, one way."""
    burst: int


_FULL, _TINY = _Load(5, 20, 60), _Load(1, 3, 8)
_WARM_UP = 3
# A side's messages lie so far apart on the average that heisenbridge sends each at once; together
# they go at the rate of `relay` at the most.
_SECONDS_APART, _LEAST_PAUSE = 1.2, 0.4
_SETTLING_SECONDS = 1.0


class _Ways(Protocol):
    async def into_matrix(self) -> float: ...

    async def out_of_matrix(self) -> float: ...


@dataclass(slots=True)
class _Side:
    """A bridge or the bare carrier; `burst` sends so much and returns when the last was there."""

    name: str
    ways: _Ways
    burst: Callable[[int], Awaitable[float]]
    process: ChildProcess
    rates: list[float] = field(default_factory=list)
    processor: float = 0.0
    """Seconds for all bursts."""


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure whichever peers can be had; of the others say why not."""
    load = _TINY if quick else _FULL
    here: list[Peer] = []
    absent: dict[str, str] = {}
    registrations = []
    for peer in (Heisenbridge(), Telegram()):
        try:
            registrations.append(await peer.prepare(place))
        except NotHere as reason:
            absent[peer.name] = str(reason)
        else:
            here.append(peer)
    async with (
        running_stage(place, *registrations) as stage,
        linked_school(stage) as linked,
        linked.bridge() as bridge,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        AsyncExitStack() as opened,
    ):
        sides = [_bare(linked), _Side(OURS, linked.ours, linked.ours.post_many, bridge.process)]
        for peer in here:
            one = await opened.enter_async_context(guest(http, stage, linked.school, peer.name))
            running = await opened.enter_async_context(peer.running(place, stage, one))
            sides.append(_Side(peer.name, running.ways, running.ways.post_many, running.process))
        into = await _rounds(sides, lambda side: side.ways.into_matrix, load)
        out = await _rounds(sides, lambda side: side.ways.out_of_matrix, load)
        await _bursts(sides, load)
        measured = [
            one for side in sides[1:] for one in _measured(side, sides[0], into, out, load.burst)
        ]
    return measured + not_run(absent)


def _bare(linked: Linked) -> _Side:
    def burst(count: int) -> Awaitable[float]:
        return linked.bare.say_many(linked.service, linked.as_ghost, count)

    return _Side(BARE, linked.bare, burst, linked.carrier)


# --- one at a time ------------------------------------------------------------------------

Times = dict[str, list[list[float]]]
"""By side and round, what each message took in milliseconds."""


async def _rounds(
    sides: Sequence[_Side], way: Callable[[_Side], Callable[[], Awaitable[float]]], load: _Load
) -> Times:
    times: Times = {side.name: [] for side in sides}
    pause = max(_LEAST_PAUSE, _SECONDS_APART / len(sides))
    for number in range(-1, load.rounds):
        # The first fills caches.
        for took in times.values():
            took.append([])
        for turn in range(load.each if number >= 0 else _WARM_UP):
            for side in in_turn(sides, turn):
                begin = time.perf_counter()
                times[side.name][-1].append(1000 * await way(side)())
                await asyncio.sleep(max(0.0, begin + pause - time.perf_counter()))
    return {name: took[1:] for name, took in times.items()}


def in_turn(sides: Sequence[T], turn: int) -> list[T]:
    """Return the sides in a turn's order: each is first equally often, and follows each other."""
    first = turn // 2 % len(sides)
    order = [*sides[first:], *sides[:first]]
    return order[::-1] if turn % 2 else order


# --- a burst ------------------------------------------------------------------------------


async def _bursts(sides: Sequence[_Side], load: _Load) -> None:
    for number in range(-1, load.rounds):
        for side in in_turn(sides, number + 1):
            cpu, begin = cpu_seconds(side.process), time.perf_counter()
            rate = load.burst / (await side.burst(load.burst) - begin)
            # Until what was sent is also noted as sent.
            await asyncio.sleep(_SETTLING_SECONDS)
            if number >= 0:
                side.rates.append(rate)
                side.processor += cpu_seconds(side.process) - cpu


# --- what was found -----------------------------------------------------------------------


def _measured(side: _Side, bare: _Side, into: Times, out: Times, burst: int) -> list[Measured]:
    in_figure, out_figure, burst_figure = FIGURES[side.name]
    ratios = [mine / floor for mine, floor in zip(side.rates, bare.rates, strict=True)]
    messages = len(side.rates) * burst
    return [
        over_floor(in_figure, into[side.name], into[BARE]),
        over_floor(out_figure, out[side.name], out[BARE]),
        Measured(
            burst_figure,
            statistics.median(ratios),
            runs=len(ratios),
            floor=statistics.median(bare.rates),
            extra={
                "floor_unit": "messages/s",
                "spread": [round(min(ratios), 3), round(max(ratios), 3)],
                "burst": burst,
                "processor": f"{side.processor / messages * 1000:.2f} ms",
                "rss": f"{memory(side.process).now:.1f} MiB",
            },
        ),
    ]


def over_floor(
    figure: Figure, mine: Sequence[Sequence[float]], bare: Sequence[Sequence[float]]
) -> Measured:
    """Return by how much the medians of the rounds exceed the floor's, in milliseconds."""
    differences = [
        statistics.median(a) - statistics.median(b) for a, b in zip(mine, bare, strict=True)
    ]
    every, floor = [[ms for one in took for ms in one] for took in (mine, bare)]
    return Measured(
        figure,
        statistics.median(differences),
        runs=len(differences),
        floor=percentile(floor, 50),
        extra={
            "spread": [round(min(differences), 2), round(max(differences), 2)],
            **{f"p{p}": round(percentile(every, p), 2) for p in (50, 95)},
            "messages": len(every),
        },
    )


def not_run(absent: Mapping[str, str]) -> list[Measured]:
    """Return, for peers that cannot be had here, that they were not run, and why."""
    return [
        Measured(figure, None, runs=0, not_run=reason)
        for name, reason in absent.items()
        for figure in FIGURES[name]
    ]


GROUP = Group("peers", tuple(one for three in FIGURES.values() for one in three), measure)
