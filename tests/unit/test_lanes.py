"""Order within a lane, side by side across lanes, nothing lost to an error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.matrix import lanes as lanes_module
from sferum_bridge.matrix.lanes import Lanes
from sferum_bridge.store import queues, tables
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from sferum_bridge.matrix.lanes import Note
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.queues import Item


def _opened(folder: Path) -> Database:
    return open_database(
        f"sqlite:///{folder}/lanes.db", Sealer(b"an invented key of 32 bytes, hah")
    )


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = _opened(tmp_path)
    async with db.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    yield db
    await db.close()


async def put(db: Database, *names: str) -> None:
    for name in names:
        async with db.write() as tx:
            await queues.put(tx, queues.INBOX, name[0], name, {"n": name})


async def run_until(
    db: Database,
    handle: Callable[[Item], Awaitable[Note | None]],
    done: asyncio.Event,
    lanes: Lanes | None = None,
) -> None:
    lanes = lanes or Lanes(db, queues.INBOX, handle, most_tries=3, poll=0.05)
    task = asyncio.create_task(lanes.run())
    try:
        async with asyncio.timeout(10):
            await done.wait()
        await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Worker:
    """Handles rows, remembers them, and is done after `expected` of them."""

    def __init__(self, db: Database, expected: int) -> None:
        self.db = db
        self.seen: list[str] = []
        self.done = asyncio.Event()
        self.expected = expected

    async def __call__(self, item: Item) -> None:
        self.seen.append(item.name)
        await asyncio.sleep(0)
        async with self.db.write() as tx:
            await queues.done(tx, queues.INBOX, item.id)
        if len(self.seen) >= self.expected:
            self.done.set()


async def test_a_lane_keeps_its_order_and_what_waited_comes_first(db: Database) -> None:
    names = [f"a{n:03}" for n in range(120)]
    await put(db, *names[:100])
    worker = Worker(db, 120)
    await asyncio.gather(run_until(db, worker, worker.done), put(db, *names[100:]))
    assert worker.seen == names


async def test_what_another_process_put_there_is_found(db: Database, tmp_path: Path) -> None:
    """The console's news wait for no message of a chat, and for no start of the bridge."""
    console = _opened(tmp_path)
    worker = Worker(db, 2)
    await put(db, "a1")

    async def order() -> None:
        while not worker.seen:  # noqa: ASYNC110 - the worker has no event for its first row
            await asyncio.sleep(0.01)
        await put(console, "b1")

    await asyncio.gather(run_until(db, worker, worker.done), order())
    await console.close()
    assert worker.seen == ["a1", "b1"]


async def test_a_slow_lane_holds_no_other_up(db: Database) -> None:
    release, other = asyncio.Event(), asyncio.Event()

    async def handle(item: Item) -> None:
        if item.lane == "a":
            await release.wait()
        async with db.write() as tx:
            await queues.done(tx, queues.INBOX, item.id)
        other.set()

    await put(db, "a1", "b1")
    await run_until(db, handle, other)
    release.set()
    async with db.read() as tx:
        assert await queues.lanes(tx, queues.INBOX) == ["a"]


async def test_an_error_is_tried_again_in_place(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "_FIRST_WAIT", 0.01)
    worker = Worker(db, 2)
    tries = 0

    async def handle(item: Item) -> None:
        nonlocal tries
        if item.name == "a1" and tries < 2:
            tries += 1
            raise RuntimeError("not yet")
        await worker(item)

    await put(db, "a1", "a2")
    await run_until(db, handle, worker.done)
    assert worker.seen == ["a1", "a2"]


async def test_what_fails_every_time_is_kept_and_passed_by(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "_FIRST_WAIT", 0.01)
    worker = Worker(db, 1)

    async def handle(item: Item) -> None:
        if item.name == "a1":
            raise RuntimeError("never")
        await worker(item)

    await put(db, "a1", "a2")
    await run_until(db, handle, worker.done)
    assert worker.seen == ["a2"]
    async with db.read() as tx:
        rows = await tx.all(tables.inbox.select().order_by(tables.inbox.c.id))
    assert rows[0].sealed is not None
    assert rows[1].sealed is None


SECRET = "контрольная в пятницу"


async def test_a_failure_is_logged_without_a_word_of_the_row(
    db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lanes_module, "_FIRST_WAIT", 0.01)
    worker, told = Worker(db, 1), []
    name = "a1.@vova:school.example"

    async def handle(item: Item) -> None:
        if item.name == name:
            raise KeyError(f"{SECRET} {item}")
        await worker(item)

    async def give_up(item: Item) -> None:
        told.append(item.name)
        raise ValueError(SECRET)

    await put(db, name, "a2")
    lanes = Lanes(db, queues.INBOX, handle, give_up=give_up, most_tries=2, poll=0.05)
    await run_until(db, handle, worker.done, lanes)
    assert worker.seen == ["a2"]
    assert told == [name]
    assert "KeyError at test_lanes.py:" in caplog.text
    assert "nobody was told" in caplog.text
    assert not any(word in caplog.text for word in (SECRET, "vova"))


async def test_a_row_of_another_key_stands_in_its_lane_and_ends_no_other(
    db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever starts the bridge with a wrong key must find all there with the right one."""
    foreign = open_database(
        f"sqlite:///{tmp_path}/lanes.db", Sealer(b"some other key of 32 bytes, too!!")
    )
    await put(foreign, "a1")
    await foreign.close()
    worker = Worker(db, 1)
    await put(db, "a2", "b1")
    await run_until(db, worker, worker.done)
    assert worker.seen == ["b1"]
    assert "a lane of inbox stands still: SealBrokenError" in caplog.text
    async with db.read() as tx:
        assert await queues.lanes(tx, queues.INBOX) == ["a"]


async def test_a_row_that_cannot_be_foreseen_is_handled_in_its_turn(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(db, 2)

    def foresee(items: Sequence[Item]) -> None:
        raise TypeError(f"{SECRET} {items}")

    await put(db, "a1", "b1")
    lanes = Lanes(db, queues.INBOX, worker, foresee=foresee, poll=0.05)
    await run_until(db, worker, worker.done, lanes)
    assert sorted(worker.seen) == ["a1", "b1"]
    assert "cannot be foreseen" in caplog.text
    assert SECRET not in caplog.text


# --- noting beside the next -----------------------------------------------------------------


class Noting:
    """Handles rows and leaves noting them to the lane; `steps` is what happened, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.last = "a4"
        self.done = asyncio.Event()
        self.fails = ""
        """The row that cannot be noted."""
        self.held = ""
        """The row that is noted once the one behind it was handled."""
        self.behind = asyncio.Event()

    async def __call__(self, item: Item) -> Note:
        self.steps.append(item.name)
        if self.held and item.name > self.held:
            self.behind.set()

        async def note(tx: Tx) -> None:
            if item.name == self.fails:
                raise ValueError
            if item.name == self.held:
                await self.behind.wait()
                for _ in range(50):
                    await asyncio.sleep(0)
            self.steps.append(f"{item.name} noted")
            await queues.done(tx, queues.INBOX, item.id)
            if item.name == self.last:
                self.done.set()

        return note

    def lanes(self, db: Database, *, apart: str = "") -> Lanes:
        return Lanes(
            db,
            queues.INBOX,
            self,
            is_apart=lambda item: item.name in apart.split(),
            most_tries=2,
            poll=0.05,
        )


async def test_each_row_is_noted_before_the_next_is_handled(db: Database) -> None:
    await put(db, "a1", "a2", "a3", "a4")
    noting = Noting()
    await run_until(db, noting, noting.done, noting.lanes(db))
    rows = ("a1", "a2", "a3", "a4")
    assert noting.steps == [step for name in rows for step in (name, f"{name} noted")]


async def test_a_row_apart_is_handled_while_one_is_noted_and_no_further_one(db: Database) -> None:
    await put(db, "a1", "a2", "a3", "a4")
    noting = Noting()
    noting.held = "a2"
    await run_until(db, noting, noting.done, noting.lanes(db, apart="a3 a4"))
    assert noting.steps[:5] == ["a1", "a1 noted", "a2", "a3", "a2 noted"]
    assert sorted(noting.steps[5:]) == ["a3 noted", "a4", "a4 noted"]
    async with db.read() as tx:
        assert not await queues.lanes(tx, queues.INBOX)


async def test_what_a_kill_left_unnoted_is_handled_again_in_order(db: Database) -> None:
    await put(db, "a1", "a2", "a3", "a4")
    killed = Noting()
    killed.held = "a2"
    await run_until(db, killed, killed.behind, _stuck(killed, db))
    assert killed.steps == ["a1", "a1 noted", "a2", "a3"]
    noting = Noting()
    await run_until(db, noting, noting.done, noting.lanes(db, apart="a2 a3 a4"))
    assert [step for step in noting.steps if "noted" not in step] == ["a2", "a3", "a4"]


def _stuck(noting: Noting, db: Database) -> Lanes:
    """Return lanes in which the held row is never noted."""

    async def handle(item: Item) -> Note:
        note = await noting(item)

        async def forever(tx: Tx) -> None:
            if item.name == noting.held:
                await asyncio.Event().wait()
            await note(tx)

        return forever

    return Lanes(db, queues.INBOX, handle, is_apart=lambda item: item.name == "a3", poll=0.05)


async def test_a_row_that_cannot_be_noted_is_passed_by_and_the_one_beside_it_is_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "_FIRST_WAIT", 0.01)
    await put(db, "a1", "a2", "a3", "a4")
    noting = Noting()
    noting.fails = "a2"
    await run_until(db, noting, noting.done, noting.lanes(db, apart="a1 a2 a3 a4"))
    assert [step for step in noting.steps if "noted" not in step] == ["a1", "a2", "a3", "a4"]
    async with db.read() as tx:
        rows = await tx.all(tables.inbox.select().order_by(tables.inbox.c.id))
    assert [row.event_id for row in rows if row.sealed is not None] == ["a2"]
    assert all(row.done_at for row in rows)
