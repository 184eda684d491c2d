"""The two durable queues: once, in order, wiped when done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from sferum_bridge.store import queues
from sferum_bridge.store.queues import INBOX, OUTBOX
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Queue
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

both_queues = pytest.mark.parametrize("queue", [INBOX, OUTBOX], ids=["inbox", "outbox"])
LANE, OTHER = "!class:school.example", "!staff:school.example"
SECRET = "Контрольная в пятницу"


async def put(database: Database, queue: Queue, lane: str, name: str, content: object = "") -> bool:
    async with database.write() as tx:
        return await queues.put(tx, queue, lane, name, content)


@both_queues
async def test_twice_put_is_once_queued(database: Database, queue: Queue) -> None:
    assert await put(database, queue, LANE, "$1", {"body": "раз"})
    assert not await put(database, queue, LANE, "$1", {"body": "два"})
    async with database.read() as tx:
        (item,) = await queues.waiting(tx, queue, LANE, 10)
    assert (item.name, item.lane, item.content) == ("$1", LANE, {"body": "раз"})


@both_queues
async def test_the_order_within_a_lane_is_kept(
    database: Database, queue: Queue, clock: Clock
) -> None:
    names = [f"${n}" for n in range(20)]
    for name in names:
        clock.now -= 1  # a clock set back does not turn the order
        await put(database, queue, LANE, name)
        await put(database, queue, OTHER, f"{name}-other")
    async with database.read() as tx:
        assert sorted(await queues.lanes(tx, queue)) == sorted((LANE, OTHER))
        items = await queues.waiting(tx, queue, LANE, 100)
        assert [item.name for item in items] == names
        first = await queues.waiting(tx, queue, LANE, 3)
        assert [item.name for item in first] == names[:3]
        assert items[0].since == clock.now + 19


@both_queues
async def test_done_wipes_the_content_and_still_knows_the_name(
    database: Database, queue: Queue
) -> None:
    await put(database, queue, LANE, "$1", SECRET)
    async with database.write() as tx:
        (item,) = await queues.waiting(tx, queue, LANE, 1)
        await queues.done(tx, queue, item.id)
    assert not await put(database, queue, LANE, "$1", SECRET)
    async with database.read() as tx:
        assert await queues.waiting(tx, queue, LANE, 1) == []
        assert await queues.lanes(tx, queue) == []
        row = await tx.first(select(queue.table))
    assert row is not None
    assert row.sealed is None


@both_queues
async def test_what_is_passed_by_waits_no_longer(database: Database, queue: Queue) -> None:
    await put(database, queue, LANE, "$1", SECRET)
    await put(database, queue, LANE, "$2", SECRET)
    async with database.write() as tx:
        first, second = await queues.waiting(tx, queue, LANE, 10)
        await queues.pass_by(tx, queue, first.id)
        assert await queues.waiting(tx, queue, LANE, 10) == [second]


@both_queues
async def test_the_content_is_not_readable_in_the_database(
    database: Database, queue: Queue
) -> None:
    await put(database, queue, LANE, "$1", SECRET)
    async with database.read() as tx:
        sealed = await tx.value(select(queue.table.c.sealed))
    assert SECRET.encode() not in sealed


@both_queues
async def test_pruning_forgets_only_what_was_done_long_ago(
    database: Database, queue: Queue, clock: Clock
) -> None:
    for name in ("$old", "$young", "$waiting"):
        await put(database, queue, LANE, name)
    async with database.write() as tx:
        old, young, _waiting = await queues.waiting(tx, queue, LANE, 10)
        await queues.done(tx, queue, old.id)
    clock.now += 1000
    async with database.write() as tx:
        await queues.done(tx, queue, young.id)
        assert await queues.prune(tx, queue, clock.now) == 1
        assert await queues.prune(tx, queue, clock.now) == 0
        assert await tx.value(select(func.count()).select_from(queue.table)) == 2


@both_queues
async def test_an_id_is_never_used_again(database: Database, queue: Queue, clock: Clock) -> None:
    """A lane that was emptied goes on behind what it held, so order outlives pruning."""
    await put(database, queue, LANE, "$1")
    async with database.write() as tx:
        (item,) = await queues.waiting(tx, queue, LANE, 1)
        await queues.done(tx, queue, item.id)
        await queues.prune(tx, queue, clock.now + 1)
    await put(database, queue, LANE, "$2")
    async with database.read() as tx:
        (later,) = await queues.waiting(tx, queue, LANE, 1)
    assert later.id > item.id


@both_queues
async def test_the_same_delivery_many_times_at_once_is_queued_once(
    database: Database, queue: Queue
) -> None:
    for number in range(10):
        added = await asyncio.gather(*(put(database, queue, LANE, f"${number}") for _ in range(6)))
        assert sum(added) == 1
    async with database.read() as tx:
        items = await queues.waiting(tx, queue, LANE, 100)
    assert [item.name for item in items] == [f"${number}" for number in range(10)]


@both_queues
async def test_putting_wakes_the_lane_and_a_repetition_wakes_nobody(
    database: Database, queue: Queue
) -> None:
    bell = database.bell(queue.bell)
    async with database.write() as tx:
        await queues.put(tx, queue, LANE, "$1", "")
        await queues.put(tx, queue, OTHER, "$2", "")
        assert await bell.wait(0) == set()
    assert await bell.wait(0) == {LANE, OTHER}
    await put(database, queue, LANE, "$1")
    assert await bell.wait(0) == set()
