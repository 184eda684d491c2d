"""How much goes through at most: a burst of messages into one room, and into ten, either way.

In rounds a burst goes by the bridge and one by the bare client, which take turns in going first.
The time of a burst is from before its first message is sent until the last has been read.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, Group, Measured
from benchmarks.linked import linked_school
from benchmarks.stage import running_stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.linked import Linked, Ways
    from benchmarks.stage import Place

    Burst = Callable[[Ways, int], Awaitable[float]]

_ROOMS = 10
_INTO = (
    "Messages a second from posts in the stand-in to a pupil's /sync, divided by those of a bare "
    "client that says the same in sibling rooms of twins of the same people at once, as an "
    "appservice ghost with a device, one request under way in each room, for a homeserver takes a "
    "room's messages one by one anyway. It hears nothing: what a chat costs is the bridge's own."
)
_OUT = (
    "Messages a second from class teachers' requests to another member's long poll of the "
    "stand-in, divided by those of a bare appservice that is sent the same from sibling rooms and "
    "says it at once with messages.send. Each teacher has one request under way."
)
ONE_IN, TEN_IN, ONE_OUT, TEN_OUT = [
    Figure(
        f"relay.throughput_{way}_{rooms}_over_floor", "", goal, f"{about} {where}", at_least=True
    )
    for way, about in (("in", _INTO), ("out", _OUT))
    for rooms, goal, where in (
        ("one_room", 0.95, "One room."),
        ("ten_rooms", 0.9, "Ten rooms at the same time."),
    )
]


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all four."""
    # A burst into one room is a third of one into ten, and needs more rounds to stand still.
    rounds, many_rounds, each = (1, 1, 5) if quick else (20, 6, 60)
    async with (
        running_stage(place) as stage,
        linked_school(stage, 2 if quick else _ROOMS) as linked,
    ):
        many = range(len(linked.pairs))
        async with linked.bridge():
            return [
                await _over_floor(figure, linked, where, times, count, out=out)
                for figure, where, times, count, out in (
                    (ONE_IN, range(1), rounds, each, False),
                    (TEN_IN, many, many_rounds, max(each // 3, 2), False),
                    (ONE_OUT, range(1), rounds, each, True),
                    (TEN_OUT, many, many_rounds, max(each // 3, 2), True),
                )
            ]


async def _over_floor(
    figure: Figure, linked: Linked, where: range, rounds: int, each: int, *, out: bool
) -> Measured:
    """Send `each` messages in every pair of `where`, in rounds."""

    def said(ways: Ways, count: int) -> Awaitable[float]:
        return ways.say_many(linked.service, linked.as_ghost, count)

    def written(ways: Ways, count: int) -> Awaitable[float]:
        return ways.write_many(count)

    def posted(ways: Ways, count: int) -> Awaitable[float]:
        return ways.post_many(count)

    bursts = {True: written if out else posted, False: written if out else said}
    rates: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-1, rounds):
        for by_bridge in (True, False) if number % 2 else (False, True):
            ways = [linked.pairs[place][0 if by_bridge else 1] for place in where]
            # The first round fills caches.
            count = each if number >= 0 else min(each, 5)
            rate = await _rate(ways, bursts[by_bridge], count)
            if number >= 0:
                rates[by_bridge].append(rate)
    ratios = [ours / bare for ours, bare in zip(rates[True], rates[False], strict=True)]
    return Measured(
        figure,
        statistics.median(ratios),
        runs=rounds,
        floor=statistics.median(rates[False]),
        extra={
            "floor_unit": "messages/s",
            "bridge": f"{statistics.median(rates[True]):.1f} messages/s",
            "spread": [round(min(ratios), 3), round(max(ratios), 3)],
            "burst": each * len(where),
        },
    )


async def _rate(ways: Sequence[Ways], burst: Burst, count: int) -> float:
    begin = time.perf_counter()
    ends = await asyncio.gather(*(burst(each, count) for each in ways))
    return len(ways) * count / (max(ends) - begin)


GROUP = Group("throughput", (ONE_IN, TEN_IN, ONE_OUT, TEN_OUT), measure)
