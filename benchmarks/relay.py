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
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, Group, Measured, percentile
from benchmarks.linked import linked_school
from benchmarks.stage import cpu_seconds, memory, running_stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.linked import Linked, Ways
    from benchmarks.stage import Place
    from sferum_bridge.demo.processes import ChildProcess

_COMMON = (
    "Both sides are processes of their own. The value is the median, over the rounds, of the "
    "difference of the two medians of a round; `bridge` and `bare` are over all messages."
)
IN = Figure(
    "relay.remote_to_matrix_p50_over_floor_ms",
    "ms",
    10,
    "From before a message is posted in the stand-in to when a pupil's /sync shows it, above the "
    "floor: a bare client that hears the same by its own long poll and says it at once as an "
    "appservice ghost with a device, in a sibling room of twins of the same people. "
    f"`long_poll p50` is what a bare long poll takes of it. {_COMMON}",
)
OUT = Figure(
    "relay.matrix_to_remote_p50_over_floor_ms",
    "ms",
    10,
    "From before a teacher's client sends a message to when another member's long poll of the "
    "stand-in shows it, above the floor: a bare appservice that is sent the same from a sibling "
    f"room of twins of the same people and says it at once with messages.send. {_COMMON}",
)
CPU = Figure(
    "bridge.cpu_seconds_per_1000_messages",
    "s",
    None,
    "Processor time (user and system) of the bridge's process, half of the messages going each "
    "way at the same time, at the named rate. What it takes when nothing happens is not taken off. "
    "The floor is the bare carrier's process at the same rate.",
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
    each_way_bare: int
    idle_seconds: float
    pair_rate: float = 2.5
    flood_rate: float = 8.0


_FULL = _Load(rounds=4, pairs=25, each_way=500, each_way_bare=150, idle_seconds=10)
_TINY = _Load(rounds=1, pairs=3, each_way=5, each_way_bare=5, idle_seconds=0.5)
_WARM_UP = 5
_SETTLING_SECONDS = 1.0


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all four."""
    load = _TINY if quick else _FULL
    async with running_stage(place) as stage, linked_school(stage) as linked:
        ours, bare = linked.ours, linked.bare
        async with linked.bridge():
            into = await _over_floor(IN, ours.into_matrix, bare.into_matrix, load)
            out = await _over_floor(OUT, ours.out_of_matrix, bare.out_of_matrix, load)
        into.extra["long_poll_p50"] = round(percentile(bare.heard + ours.heard, 50) * 1000, 2)
        return [into, out, *await _cost(linked, load)]


# --- time -----------------------------------------------------------------------------------


async def _over_floor(
    figure: Figure,
    ours: Callable[[], Awaitable[float]],
    bare: Callable[[], Awaitable[float]],
    load: _Load,
) -> Measured:
    for _ in range(_WARM_UP):
        await ours()
        await bare()
    rounds = [await _round(ours, bare, load) for _ in range(load.rounds)]
    differences = [statistics.median(a) - statistics.median(b) for a, b in rounds]
    all_ours = [milliseconds for one, _ in rounds for milliseconds in one]
    all_bare = [milliseconds for _, one in rounds for milliseconds in one]
    return Measured(
        figure,
        statistics.median(differences),
        runs=len(rounds),
        floor=percentile(all_bare, 50),
        extra={
            "spread": [round(min(differences), 2), round(max(differences), 2)],
            "bridge": _spread(all_ours),
            "bare": _spread(all_bare),
            "messages_each": len(all_ours),
        },
    )


async def _round(
    ours: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[float]], load: _Load
) -> tuple[list[float], list[float]]:
    """Return what one round of messages took, by the bridge and by the carrier, in ms."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(load.pairs):
        for by_bridge in (True, False) if number % 2 else (False, True):
            begin = time.perf_counter()
            took[by_bridge].append(1000 * await (ours() if by_bridge else bare()))
            await asyncio.sleep(max(0.0, begin + 1 / load.pair_rate - time.perf_counter()))
    return took[True], took[False]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {f"p{p}": round(percentile(values, p), 2) for p in (50, 95)}


# --- processor and memory -------------------------------------------------------------------


async def _cost(linked: Linked, load: _Load) -> Sequence[Measured]:
    floor, _ = await _flooded(linked.bare, linked.carrier, load, load.each_way_bare)
    async with linked.bridge() as bridge:
        process = bridge.process
        await asyncio.sleep(_SETTLING_SECONDS)
        before, idle_from = memory(process), cpu_seconds(process)
        await asyncio.sleep(load.idle_seconds)
        idle = (cpu_seconds(process) - idle_from) / load.idle_seconds
        cost, rate = await _flooded(linked.ours, process, load, load.each_way)
        after = memory(process)
    facts = {"messages": 2 * load.each_way, "messages_a_second": round(rate, 2)}
    more = {"before": round(before.now, 1), "peak": round(after.peak, 1)}
    shares = {"idle_cpu_share": round(idle, 4), "ratio": round(cost / floor, 2)}
    return [
        Measured(CPU, cost, runs=1, floor=floor, extra={**facts, **shares}),
        Measured(RSS, after.now, runs=1, extra={**facts, **more}),
    ]


async def _flooded(
    ways: Ways, process: ChildProcess, load: _Load, each_way: int
) -> tuple[float, float]:
    """Send both ways at once; return the CPU seconds for 1,000 messages, and messages a second."""
    begin_cpu, begin = cpu_seconds(process), time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for way in (ways.into_matrix, ways.out_of_matrix):
            tasks.create_task(_flood(way, load.flood_rate, each_way))
    seconds = time.perf_counter() - begin
    # Until what was sent is also noted as sent.
    await asyncio.sleep(_SETTLING_SECONDS)
    messages = 2 * each_way
    return (cpu_seconds(process) - begin_cpu) / messages * 1000, messages / seconds


async def _flood(way: Callable[[], Awaitable[float]], rate: float, count: int) -> None:
    """Send at a rate, without waiting for one to arrive before sending the next."""

    async def arrived() -> None:
        await way()

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(1, count + 1):
            tasks.create_task(arrived())
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))


GROUP = Group("relay", (IN, OUT, CPU, RSS), measure)
