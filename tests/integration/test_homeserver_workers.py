"""A homeserver of several processes: what one is told holds in all of them, or is not confirmed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.synapse import FACTS_PATH, Account, Answer, Homeserver, request, sign
from tests.support.workers import REDIS, Cluster, running_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.skipif(not REDIS, reason="there is no redis-server on this machine")

ROUNDS = 20
FAST: dict[str, Any] = {
    "heartbeat_seconds": 0.5,
    "poll_seconds": 0.5,
    "stale_seconds": 2.5,
    "process_timeout": 4,
}
ROOM = {"school": "1", "kind": "pupils", "audience": ["class/1/pupils"], "linked": False}


class Clustered:
    """A cluster, its school's facts, and whoever pushes them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.main = cluster.main
        self.worker = cluster.at(cluster.workers[0])
        self.generation = 0

    async def push(self, *, by: Homeserver | None = None, **changes: Any) -> Answer:
        self.generation += 1
        body = {
            "generation": self.generation,
            "kind": "full",
            "service": [self.main.bot.user_id],
            "ghost_prefix": "@sferum_",
            "people": {},
            "rooms": {},
            "kin": {},
            "schools": {"1": {"classes": ["1"], "contacts": {}}},
        }
        if self.generation > 1:
            body = {
                "generation": self.generation,
                "kind": "delta",
                "base": self.generation - 1,
            }
        answer = await (by or self.main).push({**body, **changes})
        assert answer.status == 200, answer
        return answer

    async def told(self, server: Homeserver | None = None) -> dict[str, Any]:
        server = server or self.main
        now = str(int(time.time()))
        mac = sign(server.facts_secret, f"GET {FACTS_PATH} {now}".encode())
        headers = {"X-Sferum-Time": now, "X-Sferum-Mac": mac}
        answer = await request("GET", server._address(FACTS_PATH), headers=headers)
        assert answer.status == 200, answer
        return answer.body

    async def everybody_reports(self) -> None:
        names = {"main", *(worker.name for worker in self.cluster.workers)}

        async def report() -> bool:
            told = await self.told()
            return told["processes"].keys() == names and not told["waiting"]

        await eventually(report)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> float:
    """Wait until something holds; return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 — other processes are watched
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def joins(server: Homeserver, who: Account, room: str) -> bool:
    answer = await server.call("POST", f"rooms/{room}/join", {}, by=who)
    assert answer.status in {200, 403, 404}, answer
    return answer.status == 200


@asynccontextmanager
async def clustered(
    folder: Path,
    postgres: PostgresServer,
    *,
    own: dict[str, Any] | None = None,
    listed: bool = True,
    **contour: Any,
) -> AsyncIterator[Clustered]:
    database = (await postgres.fresh_database()).synapse
    async with running_cluster(
        folder,
        database,
        workers={"worker1": own or {}},
        listed=("worker1",) if listed else (),
        contour=contour,
    ) as cluster:
        yield Clustered(cluster)


async def test_what_is_confirmed_holds_in_every_process(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with clustered(tmp_path, postgres) as c:
        await c.everybody_reports()
        pupil = await c.main.account()
        room = await c.main.room(c.main.bot, preset="public_chat")
        answer = await c.push(rooms={room: ROOM})
        assert answer.body["waiting"] == answer.body["missing"] == []
        sides = [(c.main, c.worker), (c.worker, c.main)]
        for number in range(ROUNDS):
            told, used = sides[number % 2]
            granted = await c.push(by=told, people={pupil.user_id: ["class/1/pupils"]})
            assert granted.body["waiting"] == []
            assert granted.body["processes"] == {"main": c.generation, "worker1": c.generation}
            assert await joins(used, pupil, room), "a grant holds at once"
            await used.call("POST", f"rooms/{room}/leave", {}, by=pupil)
            revoked = await c.push(by=told, people={pupil.user_id: None})
            assert revoked.body["waiting"] == []
            assert not await joins(used, pupil, room), "nothing opens after the answer"
        # And while asked without a pause: never after the answer, in any process.
        for told, used in sides:
            await c.push(by=told, people={pupil.user_id: ["class/1/pupils"]})
            answered = asyncio.Event()

            async def try_often(used: Homeserver, answered: asyncio.Event) -> list[bool]:
                late: list[bool] = []
                while len(late) < 10:
                    after = answered.is_set()
                    joined = await joins(used, pupil, room)
                    late += [joined] if after else []
                    await used.call("POST", f"rooms/{room}/leave", {}, by=pupil)
                return late

            trying = asyncio.create_task(try_often(used, answered))
            await asyncio.sleep(0.2)
            assert (await c.push(by=told, people={pupil.user_id: None})).body["waiting"] == []
            answered.set()
            assert not any(await trying)


async def test_without_redis_a_process_looks_by_itself(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with clustered(tmp_path, postgres, ack_seconds=0) as c:
        await c.everybody_reports()
        room = await c.main.room(c.main.bot, preset="public_chat")
        await c.push(rooms={room: ROOM})
        await c.everybody_reports()
        await c.cluster.redis.kill()
        for by, other in ((c.main, "worker1"), (c.worker, "main")):
            answer = await c.push(by=by, people={"@a:school.example": ["class/1/pupils"]})
            assert answer.body["waiting"] == [other], "nobody told it, and nobody says so"

            async def is_there(other: str = other) -> bool:
                return bool((await c.told())["processes"][other] == c.generation)

            assert await eventually(is_there) < 2.5, "one second between looks, and the look"


async def test_a_process_that_is_held_up_is_waited_for_and_then_decides_nothing(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with clustered(tmp_path, postgres, ack_seconds=0.3, **FAST) as c:
        await c.everybody_reports()
        pupil = await c.main.account()
        room = await c.main.room(c.main.bot, preset="public_chat")
        await c.push(rooms={room: ROOM}, people={pupil.user_id: ["class/1/pupils"]})
        await c.everybody_reports()
        pid = c.cluster.workers[0].process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            answer = await c.push(people={pupil.user_id: None})
            assert answer.body["waiting"] == ["worker1"]
            asked = asyncio.create_task(joins(c.worker, pupil, room))

            async def is_given_up() -> bool:
                told = await c.told()
                return told["missing"] == ["worker1"] and not told["waiting"]

            took = await eventually(is_given_up)
            assert took > FAST["stale_seconds"], "not before it has stopped deciding"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert not await asked, "what it wakes up to is decided by what holds now"
        await c.everybody_reports()


async def test_a_worker_without_the_module_is_missing(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with clustered(tmp_path, postgres, own={"modules": []}, **FAST) as c:
        assert (await c.told())["missing"] == ["worker1"]
        assert (await c.push()).body["missing"] == ["worker1"]


async def test_a_worker_that_nobody_lists_may_be_expected(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    expected = ["worker1", "worker2"]
    async with clustered(tmp_path, postgres, listed=False, expected_processes=expected) as c:
        await c.everybody_reports()
        assert (await c.told())["missing"] == ["worker2"]
        assert (await c.told(c.worker))["missing"] == ["worker2"]
