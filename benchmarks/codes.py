"""Whether the time of an answer tells codes apart that are answered alike (scenario 10).

A bot on SQLite, in this process, is given codes of every kind by strangers, in turns. What is
measured is how far the medians of the kinds lie apart; the floor is how far those of as many heaps
do into which chance has put the same tries, which is noise.
"""

from __future__ import annotations

import itertools
import random
import statistics
import time
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import update

from benchmarks.figures import Figure, FigureError, Group, Measured
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, erasing, tables
from tests.support.bot import BROTHER, a_world, assign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.stage import Place
    from tests.support.bot import World

APART = Figure(
    "codes.medians_apart_percent",
    "%",
    None,
    "Revoked, mistyped, invented, of a child that left, and of one that was erased: the same bytes "
    "are answered. The value is by how much the slowest kind's median time exceeds the quickest's; "
    "the floor is the same of as many heaps that chance made of all tries, the largest of twenty "
    "draws.",
)
_TRIES, _TINY = 150, 5
_DRAWS = 20
SISTER = "@mayya:school.example"


async def measure(
    place: Place,  # noqa: ARG001 - a world of its own is all it needs
    *,
    quick: bool,
) -> Sequence[Measured]:
    """Measure it."""
    async with a_world() as world:
        codes = await _codes(world)
        taken: dict[str, list[float]] = {kind: [] for kind in codes}
        said: set[str] = set()
        numbers = itertools.count()
        for _ in range(_TINY if quick else _TRIES):
            for kind, code in random.sample(sorted(codes.items()), len(codes)):
                mxid = f"@stranger{next(numbers)}:school.example"
                content = {"msgtype": "m.text", "body": code}
                event = await world.event(mxid, "m.room.message", content)
                begin = time.perf_counter()
                await world.arrive(event)
                taken[kind].append(time.perf_counter() - begin)
                said |= {one.body for one in await world.heard() if one.to == mxid}
    if len(said) != 1:
        raise FigureError("codes that must not be told apart were answered differently")
    medians = {kind: statistics.median(times) for kind, times in taken.items()}
    return [
        Measured(
            APART,
            _apart(list(medians.values())),
            runs=sum(map(len, taken.values())),
            floor=_noise([second for times in taken.values() for second in times], len(taken)),
            extra={
                "floor_unit": "%",
                "medians": {kind: f"{1000 * one:.2f} ms" for kind, one in medians.items()},
            },
        )
    ]


async def _codes(world: World) -> Mapping[str, str]:
    async with world.db.write() as tx:
        world.ids[SISTER] = await accounts.add_person(tx, "Выдумкина", "Майя")
        await accounts.add_account(tx, SISTER, world.ids[SISTER])
        await assign(tx, world.ids, SISTER, "enrolment", class_id=world.ids["5А"])
    revoked = await world.invite()
    open_ = await world.invite()
    gone = await world.invite(BROTHER)
    erased = await world.invite(SISTER)
    c = tables.assignments.c
    async with world.db.write() as tx:
        left = update(tables.assignments).where(c.person_id == world.ids[BROTHER])
        await tx.run(left.values(until=date(2026, 9, 1)))
        await erasing.erase(tx, world.ids[SISTER], "benchmark", "wish")
    # The first to try it ends it; nobody who comes later makes any difference.
    await world.write("@first:school.example", gone)
    return {
        "revoked": revoked,
        "mistyped": open_[:-1] + ("2" if open_[-1] != "2" else "3"),
        "invented": kinship.write_code(random.randbytes(kinship.CODE_BYTES)),
        "of a child that left": gone,
        "of an erased child": erased,
    }


def _apart(medians: Sequence[float]) -> float:
    return 100 * (max(medians) / min(medians) - 1)


def _noise(times: Sequence[float], heaps: int) -> float:
    found = []
    for _ in range(_DRAWS):
        shuffled = random.sample(times, len(times))
        found.append(_apart([statistics.median(shuffled[i::heaps]) for i in range(heaps)]))
    return max(found)


GROUP = Group("codes", (APART,), measure)
