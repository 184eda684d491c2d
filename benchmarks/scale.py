"""A bridge with many chats: its memory, what a message costs it, what a restart asks.

The homeserver is one with nothing behind it (see `hollow`), so that thousands of messages take
seconds and the bridge's processor time is nearly all there is to see. The school, its rooms, the
ghosts and every message are as real to the bridge as anywhere; the messenger is the stand-in. All
of it is measured with the bridge on SQLite, and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import update

from benchmarks.figures import Figure, Group, Measured
from benchmarks.many import Ground, many_chats
from benchmarks.stage import cpu_seconds, hollow_stage, memory, running_bridge
from sferum_bridge.app import opened_database
from sferum_bridge.store.tables import rooms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.many import Many
    from benchmarks.stage import Place, RunningBridge
    from tests.support.postgres import PostgresServer

_HOLLOW = "The homeserver is one with nothing behind it, see benchmarks/hollow.py."


@dataclass(frozen=True, slots=True)
class _Figures:
    """What is measured of a bridge on one kind of database."""

    rss: Figure
    restart: Figure
    cost: Figure


def _figures(database: str, ending: str) -> _Figures:
    where = f"The bridge is on {database}. {_HOLLOW}"
    return _Figures(
        Figure(
            f"bridge.rss_mib_500_chats_5000_ghosts{ending}",
            "MiB",
            120,
            "Resident memory of the bridge's process once 5,000 people it had never heard of have "
            "each said something in one of 500 linked chats, at most 50 at the same time, and as "
            "many messages have gone the other way. `before` is after its start, `peak` the most "
            f"it ever had. {where}",
        ),
        Figure(
            f"bridge.restart_requests_per_chat{ending}",
            "requests",
            0,
            "What a restarted bridge with 500 linked chats asks the homeserver about rooms before "
            "it has said the first message, divided by the chats. The message is posted once it "
            "listens. `looks` are told apart: every room is looked at once after a start, five a "
            f"second, which nothing waits for. {where}",
        ),
        Figure(
            f"bridge.cost_at_1000_chats_over_10{ending}",
            "",
            1.1,
            "Processor time of the bridge for a message at the dearest of 10, 100 and 1,000 linked "
            "chats, divided by that at the cheapest: half of the messages go each way, as fast as "
            "they go, over ten chats; the rest are silent. The three take turns; the value is that "
            f"of the medians. `ms` is for a message. {where}",
        ),
    )


SQLITE, POSTGRESQL = _figures("SQLite", ""), _figures("PostgreSQL", "_postgres")

_ACTIVE = 10
_UNDER_WAY = 50
_SETTLING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Load:
    chats: int
    people: int
    """In each chat."""
    sizes: Sequence[int]
    rounds: int
    messages: int
    """Each way, in a round."""


_FULL = _Load(500, 10, (10, 100, 1000), 5, 500)
_TINY = _Load(12, 3, (3, 9), 1, 20)


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all three, on both databases."""
    load = _TINY if quick else _FULL
    measured = await _measured(place.folder / "hollow", None, SQLITE, load)
    if place.postgres is None:
        why = "PostgreSQL is left out with --sqlite"
        left_out = (POSTGRESQL.rss, POSTGRESQL.restart, POSTGRESQL.cost)
        return [*measured, *(Measured(one, None, runs=0, not_run=why) for one in left_out)]
    folder = place.folder / "hollow-postgresql"
    return [*measured, *await _measured(folder, place.postgres, POSTGRESQL, load)]


async def _measured(
    folder: Path, postgres: PostgresServer | None, figures: _Figures, load: _Load
) -> Sequence[Measured]:
    async with hollow_stage(folder) as (stage, hollow):
        ground = Ground(stage, hollow, postgres)
        async with many_chats(ground, load.chats, load.people) as many:
            rss = await _weight(many, load, figures.rss)
            restart = await _restart(many, figures.restart)
        return [rss, restart, await _cost(ground, load, figures.cost)]


# --- memory, restart ------------------------------------------------------------------------


async def _weight(many: Many, load: _Load, figure: Figure) -> Measured:
    async with running_bridge(many.school.folder) as bridge:
        await many.standin.polled()
        await asyncio.sleep(_SETTLING_SECONDS)
        before = memory(bridge.process)
        many.hollow.forget()
        many.hollow.speakers.clear()
        turns = [(chat, who) for who in range(load.people) for chat in many.chats]
        for number, (chat, who) in enumerate(turns):
            await many.into(chat, who, 1)
            await many.hollow.until_said(number + 1 - _UNDER_WAY)
        messages = len(turns)
        await many.hollow.until_said(messages)
        await many.out(many.chats, messages)
        await asyncio.sleep(_SETTLING_SECONDS)
        after = memory(bridge.process)
    return Measured(
        figure,
        after.now,
        runs=1,
        extra={
            "before": round(before.now, 1),
            "peak": round(after.peak, 1),
            "chats": len(many.chats),
            "ghosts": len(many.hollow.speakers),
            "messages": 2 * messages,
        },
    )


async def _restart(many: Many, figure: Figure) -> Measured:
    # As after a night: all rooms have a look before them.
    async with opened_database(many.school.config, many.school.folder) as db, db.write() as tx:
        await tx.run(update(rooms).values(looked_at=0))
    linked = {chat.room_id for chat in many.chats}
    many.hollow.forget()
    begin = time.perf_counter()
    async with running_bridge(many.school.folder):
        listens = time.perf_counter() - begin
        await many.into(many.chats[-1], 0, 1)
        await many.hollow.until_said(1)
        shown = time.perf_counter() - begin
        asked = list(many.hollow.asked)
    before = asked[: next(n for n, one in enumerate(asked) if one.kind == "send")]
    about = [one for one in before if one.room_id in linked]
    looks = sum(one.kind == "get state" for one in about)
    return Measured(
        figure,
        (len(about) - looks) / len(linked),
        runs=1,
        extra={
            "chats": len(linked),
            "looks": looks,
            "requests_in_all": len(before),
            "listens_after_s": round(listens, 2),
            "first_message_after_s": round(shown, 2),
        },
    )


# --- cost -----------------------------------------------------------------------------------


async def _cost(ground: Ground, load: _Load, figure: Figure) -> Measured:
    costs: dict[int, list[float]] = {size: [] for size in load.sizes}
    async with AsyncExitStack() as opened:
        schools = {
            size: await opened.enter_async_context(many_chats(ground, size, 1))
            for size in load.sizes
        }
        for _ in range(load.rounds):
            for size, many in schools.items():
                async with running_bridge(many.school.folder) as bridge:
                    costs[size].append(await _cost_of(many, bridge, load.messages))
    medians = {size: statistics.median(found) for size, found in costs.items()}
    least, most = min(medians), max(medians)
    return Measured(
        figure,
        medians[most] / medians[least],
        runs=load.rounds,
        floor=medians[least],
        extra={
            "floor_unit": "ms",
            "ms": {f"{size}": round(ms, 3) for size, ms in medians.items()},
            "spread": {
                f"{size}": [round(min(found), 3), round(max(found), 3)]
                for size, found in costs.items()
            },
        },
    )


async def _cost_of(many: Many, bridge: RunningBridge, count: int) -> float:
    """Return what a message cost, in milliseconds of the processor."""
    active = many.chats[:_ACTIVE]
    await many.standin.polled()
    # A start looks at the whole school, which has nothing to do with messages.
    await bridge.settled()
    many.hollow.forget()
    await many.into(active[0], 0, 1)
    await many.hollow.until_said(1)
    await asyncio.sleep(_SETTLING_SECONDS)
    many.hollow.forget()
    begin = cpu_seconds(bridge.process)
    each = count // len(active)
    async with asyncio.TaskGroup() as tasks:
        for chat in active:
            tasks.create_task(many.into(chat, 0, each))
        tasks.create_task(many.out(active, each * len(active)))
    await many.hollow.until_said(each * len(active))
    await asyncio.sleep(_SETTLING_SECONDS)
    return (cpu_seconds(bridge.process) - begin) * 1000 / (2 * each * len(active))


GROUP = Group(
    "scale",
    tuple(figure for on in (SQLITE, POSTGRESQL) for figure in (on.rss, on.restart, on.cost)),
    measure,
)
