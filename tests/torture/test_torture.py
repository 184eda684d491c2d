"""Messages under a bridge that is killed all the time: none lost, none doubled, none out of order.

The test runs a short form; `make torture` the long one (`SFERUM_TORTURE`: kills, messages, chats).
What a run does follows from its seed, which it prints; `SFERUM_TORTURE_SEED` gives it one.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.table import Table

from tests.support.bridge import BridgedSchool, until
from tests.support.postgres import PostgresServer
from tests.torture.checker import NOTHING, Verdict, compare
from tests.torture.talk import Talk
from tests.torture.trouble import DRAIN_SECONDS, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.school.people import School

KILLS, MESSAGES, CHATS = map(int, os.environ.get("SFERUM_TORTURE", "5,96,4").split(","))
SEED = os.environ.get("SFERUM_TORTURE_SEED") or str(SystemRandom().randrange(10**9))
PACE = 2.5
"""Seconds from when a bridge is started to when it is killed, about."""
SECONDS_TO_FINISH = 300
KINDS = ("pupils", "parents")
GRADES = "АБВГДЕЖЗИКЛМ"


async def linked(bridged: BridgedSchool, school: School) -> list[Talk]:
    """Link as many chats as there are to be, two a class, by the class teacher's login."""
    talks: list[Talk] = []
    leaders = {leadership.class_id: leadership.person_id for leadership in school.leaderships}
    for group in school.classes.values():
        for kind in KINDS[: CHATS - len(talks)]:
            room_id = await bridged.room(kind, group.name)
            assert room_id
            title, others = f"{group.name} {kind}", ("Знайка Лунный",)
            teacher = leaders[group.id]
            chat = await bridged.link_chat(teacher, room_id, title, others, relay=False)
            client = await bridged.client(teacher)
            talks.append(Talk(bridged, len(talks), room_id, chat, client))
    return talks


async def arrived(talks: list[Talk]) -> bool:
    """Tell whether everything sent is found, however often and in whatever order."""
    return all(inward.lost + outward.lost == 0 for inward, outward in await verdicts(talks))


async def verdicts(talks: list[Talk]) -> list[tuple[Verdict, Verdict]]:
    """Compare, for every chat and both ways."""
    return [
        (
            compare(talk.inward, await talk.in_matrix()),
            compare(talk.outward, await talk.in_sferum()),
        )
        for talk in talks
    ]


@pytest.mark.timeout(600 + 60 * KILLS)
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_nothing_is_lost_doubled_or_reordered(backend: str, tmp_path: Path) -> None:
    if backend == "postgres" and "DATABASE_URL" in os.environ:
        pytest.skip("restarts the PostgreSQL server, so it has to be one of its own")
    random = Random(f"{SEED} {backend}")  # noqa: S311 - has to be repeatable
    async with AsyncExitStack() as stack:
        postgres = PostgresServer(durable=True) if backend == "postgres" else None
        if postgres is not None:
            stack.push_async_callback(postgres.stop)
        classes = [f"5{letter}" for letter in GRADES[: -(-CHATS // len(KINDS))]]
        bridged = await BridgedSchool.start(tmp_path, postgres, classes=classes, pupils=1)
        stack.push_async_callback(bridged.stop)
        talks = await linked(bridged, await bridged.school())
        trouble = Trouble(bridged, postgres, random, kills=KILLS, pace=PACE)
        each = MESSAGES // (2 * len(talks))
        # A kill takes about as long again as the bridge lives.
        pause = 2 * PACE * KILLS / each
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(trouble.run())
            for talk in talks:
                tasks.create_task(talk.write_in_sferum(each, pause))
                tasks.create_task(talk.write_in_matrix(each, pause))
        with suppress(TimeoutError):  # the verdict says what is missing
            await until(lambda: arrived(talks), SECONDS_TO_FINISH)
        # Whatever comes twice comes soon after.
        await asyncio.sleep(2)
        await bridged.stop_bridge()
        found = await verdicts(talks)
    report(backend, trouble, found)
    assert all(inward.is_whole and outward.is_whole for inward, outward in found), bridged.log()[
        -4000:
    ]
    assert trouble.unclean == []
    assert trouble.longest_drain <= DRAIN_SECONDS


def report(backend: str, trouble: Trouble, found: list[tuple[Verdict, Verdict]]) -> None:
    """Print what happened and what became of the messages."""
    table = Table("", "sent", "lost", "doubled", "reordered", title=f"{backend}, seed {SEED}")
    ways = [
        ("Sferum → Matrix", sum((inward for inward, _ in found), NOTHING)),
        ("Matrix → Sferum", sum((outward for _, outward in found), NOTHING)),
    ]
    for way, v in ways:
        table.add_row(way, str(v.sent), str(v.lost), str(v.doubled), str(v.reordered))
    console = Console()
    console.print(table)
    for what, times in trouble.made.items():
        console.print(f"{what}: {times}")
    console.print(f"longest end: {trouble.longest_drain:.1f} s")
