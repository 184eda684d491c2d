"""What a message's way through the bridge costs: time above the floor, processor time, memory.

Messages go one at a time, one by the bridge and one by the bare carrier (see `linked`), the two
taking turns in going first, at about 2.5 a second. Times are of one machine's monotonic clock, from
just before the writer's request is sent to when the reader has the message.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, Group, Measured, percentile
from benchmarks.linked import Trip, linked_school
from benchmarks.stage import running_stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.linked import Linked
    from benchmarks.stage import Place

_COMMON = (
    "The value is the median, over the rounds, of the difference of the two medians of a round. "
    "`parts` splits the carrier's way where it had the message in its hands."
)
IN = Figure(
    "relay.remote_to_matrix_p50_over_floor_ms",
    "ms",
    10,
    "From before a message is posted in the stand-in to when a pupil's /sync shows it, above the "
    "floor: a bare client that hears the same by its own long poll and says it at once as an "
    f"appservice ghost with a device, in a sibling room of the same people. {_COMMON}",
)
OUT = Figure(
    "relay.matrix_to_remote_p50_over_floor_ms",
    "ms",
    10,
    "From before a teacher's client sends a message to when another member's long poll of the "
    "stand-in shows it, above the floor: a bare appservice that is sent the same from a sibling "
    f"room of the same people and says it at once with messages.send. {_COMMON}",
)
CPU = Figure(
    "bridge.cpu_seconds_per_1000_messages",
    "s",
    None,
    "Processor time (user and system) of the bridge's process, half of the messages going each "
    "way at the same time, at the named rate. What it takes when nothing happens is not taken off.",
)
RSS = Figure(
    "bridge.rss_mib_after",
    "MiB",
    None,
    "Resident memory of the bridge's process after those messages; `before` is after its start, "
    "`peak` the most it ever had.",
)


@dataclass(frozen=True, slots=True)
class _Load:
    """How much is sent; rates are messages a second."""

    rounds: int
    pairs: int
    each_way: int
    idle_seconds: float
    pair_rate: float = 2.5
    flood_rate: float = 6.0


_FULL = _Load(rounds=4, pairs=30, each_way=500, idle_seconds=10)
_TINY = _Load(rounds=1, pairs=3, each_way=5, idle_seconds=0.5)
_WARM_UP = 5
_SETTLING_SECONDS = 1.0


async def measure(place: Place, quick: bool) -> Sequence[Measured]:  # noqa: FBT001 - Group's type
    """Measure all four."""
    load = _TINY if quick else _FULL
    async with running_stage(place) as stage, linked_school(stage) as linked:
        async with linked.bridge():
            latencies = [
                await _over_floor(IN, linked.remote_to_matrix, linked.bare_remote_to_matrix, load),
                await _over_floor(OUT, linked.matrix_to_remote, linked.bare_matrix_to_remote, load),
            ]
        return [*latencies, *await _cost(linked, load)]


# --- time -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Round:
    ours: Sequence[Trip]
    bare: Sequence[Trip]

    @property
    def over_floor(self) -> float:
        """Return how much later the bridge is at the median, in milliseconds."""
        return (_median(self.ours) - _median(self.bare)) * 1000


async def _over_floor(
    figure: Figure,
    ours: Callable[[], Awaitable[Trip]],
    bare: Callable[[], Awaitable[Trip]],
    load: _Load,
) -> Measured:
    for _ in range(_WARM_UP):
        await ours()
        await bare()
    rounds = [await _round(ours, bare, load) for _ in range(load.rounds)]
    differences = [one.over_floor for one in rounds]
    all_ours = [trip.whole * 1000 for one in rounds for trip in one.ours]
    all_bare = [trip.whole * 1000 for one in rounds for trip in one.bare]
    halves = [trip.half * 1000 for one in rounds for trip in one.bare]
    rest = [whole - half for whole, half in zip(all_bare, halves, strict=True)]
    return Measured(
        figure,
        statistics.median(differences),
        runs=len(rounds),
        floor=percentile(all_bare, 50),
        extra={
            "spread": [round(min(differences), 2), round(max(differences), 2)],
            "bridge": _spread(all_ours),
            "bare": _spread(all_bare),
            "parts": {
                "until_in_hand_p50": round(percentile(halves, 50), 2),
                "from_there_p50": round(percentile(rest, 50), 2),
            },
            "messages": len(all_ours),
        },
    )


async def _round(
    ours: Callable[[], Awaitable[Trip]], bare: Callable[[], Awaitable[Trip]], load: _Load
) -> _Round:
    trips: dict[bool, list[Trip]] = {True: [], False: []}
    for number in range(load.pairs):
        for by_bridge in (True, False) if number % 2 else (False, True):
            begin = time.perf_counter()
            trips[by_bridge].append(await (ours() if by_bridge else bare()))
            await asyncio.sleep(max(0.0, begin + 1 / load.pair_rate - time.perf_counter()))
    return _Round(trips[True], trips[False])


def _median(trips: Sequence[Trip]) -> float:
    return statistics.median(trip.whole for trip in trips)


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {f"p{p}": round(percentile(values, p), 2) for p in (50, 95)}


# --- processor and memory -------------------------------------------------------------------


async def _cost(linked: Linked, load: _Load) -> Sequence[Measured]:
    async with linked.bridge() as bridge:
        await asyncio.sleep(_SETTLING_SECONDS)
        before, idle_from = bridge.memory(), bridge.cpu_seconds()
        await asyncio.sleep(load.idle_seconds)
        begin_cpu, begin = bridge.cpu_seconds(), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_flood(linked.remote_to_matrix, load))
            tasks.create_task(_flood(linked.matrix_to_remote, load))
        seconds = time.perf_counter() - begin
        # Until what was sent is also noted as sent.
        await asyncio.sleep(_SETTLING_SECONDS)
        cpu, after = bridge.cpu_seconds() - begin_cpu, bridge.memory()
    messages = 2 * load.each_way
    idle = (begin_cpu - idle_from) / load.idle_seconds
    facts: dict[str, Any] = {
        "messages": messages,
        "messages_a_second": round(messages / seconds, 2),
    }
    return [
        Measured(
            CPU,
            cpu / messages * 1000,
            runs=1,
            extra={**facts, "idle_cpu_share": round(idle, 4), "rate_asked": 2 * load.flood_rate},
        ),
        Measured(
            RSS,
            after.now,
            runs=1,
            extra={**facts, "before": round(before.now, 1), "peak": round(after.peak, 1)},
        ),
    ]


async def _flood(way: Callable[[], Awaitable[Trip]], load: _Load) -> None:
    """Send at the asked rate, without waiting for one to arrive before sending the next."""
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(load.each_way):
            tasks.create_task(_arrived(way))
            await asyncio.sleep(
                max(0.0, begin + (number + 1) / load.flood_rate - time.perf_counter())
            )


async def _arrived(way: Callable[[], Awaitable[Trip]]) -> None:
    await way()


GROUP = Group("relay", (IN, OUT, CPU, RSS), measure)
