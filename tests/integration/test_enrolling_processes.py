"""People are enrolled by the batch while Synapse dies, and by the processes of one of several."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.bridge import until
from tests.support.enrolling import hall
from tests.support.workers import REDIS, running_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StartHomeserver
    from tests.support.enrolling import Hall
    from tests.support.postgres import PostgresServer

COUNT, KILLS = 12, 1
WORKERS_COUNT = 12


async def joins(at: Hall, room: str) -> dict[str, int]:
    """Count everybody's joins in the room's history."""
    return Counter(
        event["state_key"]
        for event in await at.timeline(room, at.server.bot)
        if event["type"] == "m.room.member" and event["content"]["membership"] == "join"
    )


async def tells_of(at: Hall, room: str, everybody: set[str]) -> bool:
    """Tell whether a process shows everybody in the room, and in its history."""
    members = await at.members(room)
    return (
        {mxid for mxid, how in members.items() if how == "join"}
        == everybody
        == {*await joins(at, room)}
    )


async def says(at: Hall, room: str, number: int) -> None:
    answer = await at.server.call(
        "PUT",
        f"rooms/{room}/send/m.room.message/{number}",
        {"msgtype": "m.text", "body": str(number)},
        by=at.server.bot,
    )
    assert answer.status == 200, answer


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_a_kill_in_a_batch_leaves_nothing_half_done(
    start_homeserver: StartHomeserver, backend: str
) -> None:
    server = await start_homeserver(backend)
    async with hall(server) as at:
        people = [one.user_id for one in await at.newcomers(COUNT)]
        room = await at.room()
        await at.tell()
        assert await at.enrolment.available()
        for number in range(KILLS):
            ids = people[: COUNT * (number + 1) // KILLS]
            asked = asyncio.create_task(at.enrolment.enrol(room, ids))
            # From before anything is made to after the events are stored.
            await asyncio.sleep(random.uniform(0.005, 0.25))  # noqa: S311 - no secret
            await server.process.kill()
            await server.process.start()
            done = await asked
            assert done is not None
            assert done.joined == set(ids)
            await says(at, room, number)
        assert await joins(at, room) == dict.fromkeys([*people, server.bot.user_id], 1)
        assert len(await at.tips(room)) == 1


@pytest.mark.skipif(not REDIS, reason="there is no redis-server on this machine")
@pytest.mark.parametrize("writers", [(), ("worker1",)], ids=["main writes", "a worker writes"])
async def test_any_process_enrols(
    tmp_path: Path, postgres: PostgresServer, writers: tuple[str, ...]
) -> None:
    """Asked of the main process and of a worker, also at once, with messages beside."""
    database = (await postgres.fresh_database()).synapse
    async with running_cluster(
        tmp_path, database, workers={"worker1": {}}, listed=writers, writers=writers
    ) as cluster:
        worker = cluster.at(cluster.workers[0])
        async with hall(cluster.main) as at, hall(worker) as there:
            people = [one.user_id for one in await at.newcomers(2 * WORKERS_COUNT)]
            room = await at.room()
            await at.tell()
            mine, theirs = people[:WORKERS_COUNT], people[WORKERS_COUNT:]
            (done, also, *_) = await asyncio.gather(
                at.enrolment.enrol(room, mine),
                there.enrolment.enrol(room, theirs),
                *(says(at, room, number) for number in range(5)),
            )
            assert done is not None
            assert also is not None
            assert done.joined | also.joined == set(people)
            everybody = {*people, at.server.bot.user_id}
            # What one process writes the other one tells of when it has heard of it.
            await until(partial(tells_of, at, room, everybody))
            assert await joins(at, room) == dict.fromkeys(everybody, 1)
            await says(at, room, 5)
            assert len(await at.tips(room)) == 1
