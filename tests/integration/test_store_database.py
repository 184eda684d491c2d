"""Transactions: all or nothing, woken behind the commit, usable after a cancellation."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import InvalidRequestError

from sferum_bridge.store import away, migrate, queues, state
from sferum_bridge.store import database as store_database
from sferum_bridge.store.database import Bell, open_database
from sferum_bridge.store.queues import INBOX
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.store.tables import bridge_state
from tests.support import databases, nesting

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database, Tx

database_url = databases.database_url
clock = databases.clock
database = databases.database

BELL, LANE = "some work", "!class:school.example"


async def write_row(database: Database, key: str) -> None:
    async with database.write() as tx:
        await tx.run(insert(bridge_state).values(key=key, value=""))
        tx.wake(BELL, LANE)


async def rows(database: Database) -> int:
    async with database.read() as tx:
        return int(await tx.value(select(func.count()).select_from(bridge_state)))


# --- opening --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "driver", "user"),
    [
        ("postgresql://postgres:secret@db/bridge", "postgresql+asyncpg", "postgres"),
        ("postgres://postgres:secret@db/bridge", "postgresql+asyncpg", "postgres"),
        ("postgresql+asyncpg://bridge@db/bridge", "postgresql+asyncpg", "bridge"),
        ("sqlite:////var/lib/sqlite:bridge.db", "sqlite+aiosqlite", None),
        ("sqlite+aiosqlite:///bridge.db", "sqlite+aiosqlite", None),
    ],
)
async def test_urls_are_understood_as_people_write_them(
    url: str, driver: str, user: str | None
) -> None:
    database = open_database(url, Sealer(databases.KEY))
    assert database.engine.url.drivername == driver
    assert database.engine.url.username == user
    assert database.engine.url.password == ("secret" if "secret" in url else None)
    await database.close()


async def test_sqlite_is_opened_durable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    async with databases.opened(url) as database, database.read() as tx:
        found = [
            await tx.value(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


# --- waking ---------------------------------------------------------------------------------


async def test_a_waiter_is_woken_behind_the_commit(database: Database) -> None:
    seen: list[int] = []

    async def wait() -> set[str]:
        lanes = await database.bell(BELL).wait()
        seen.append(await rows(database))
        return lanes

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await write_row(database, "1")
    async with asyncio.timeout(5):
        assert await waiter == {LANE}
    assert seen == [1]


async def test_a_rolled_back_transaction_wakes_nobody_and_leaves_nothing(
    database: Database,
) -> None:
    async def fail() -> None:
        async with database.write() as tx:
            await tx.run(insert(bridge_state).values(key="1", value=""))
            tx.wake(BELL, LANE)
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="mind"):
        await fail()
    assert await database.bell(BELL).wait(0.01) == set()
    assert await rows(database) == 0


async def test_a_bell_keeps_what_was_rung_while_nobody_waited() -> None:
    bell = Bell()
    bell.ring({"a"})
    bell.ring({"b"})
    assert await bell.wait(0) == {"a", "b"}
    assert await bell.wait(0) == set()


async def test_a_cancellation_that_a_library_lost_ends_the_wait() -> None:
    lost = asyncio.Event()

    async def loses_it() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            lost.set()
        await Bell().wait()

    task = asyncio.create_task(loses_it())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert lost.is_set()
    assert task.cancelled()


async def test_a_cancelled_waiter_loses_no_ring() -> None:
    bell = Bell()
    waiter = asyncio.create_task(bell.wait())
    await asyncio.sleep(0)
    bell.ring({"a"})
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert await bell.wait(0) == {"a"}


# --- cancelling and failing -----------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_transaction_leaves_the_pool_usable(
    database: Database, times: int
) -> None:
    """More of them than the pool has connections, cancelled at every step there is."""
    begun = 0
    for steps in range(60):
        task = asyncio.create_task(write_row(database, f"cancelled-{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0 if steps % 2 else 0.0005)
        begun += not task.done()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
    assert begun > 10
    before = await rows(database)
    async with asyncio.timeout(10), asyncio.TaskGroup() as writers:
        for number in range(20):
            writers.create_task(write_row(database, f"after-{number}"))
    assert await rows(database) == before + 20


async def test_what_was_committed_is_looked_at_even_if_its_writer_was_cancelled(
    database: Database,
) -> None:
    bell = database.bell(BELL)
    for steps in range(60):
        task = asyncio.create_task(write_row(database, f"row-{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0 if steps % 2 else 0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.read() as tx:
            query = select(bridge_state.c.key).where(bridge_state.c.key == f"row-{steps}")
            committed = await tx.value(query) is not None
        rung = await bell.wait(0) == {LANE}
        assert rung or not committed, steps


async def test_a_transaction_cancelled_in_the_middle_leaves_nothing(database: Database) -> None:
    inside = asyncio.Event()

    async def stay() -> None:
        async with database.write() as tx:
            await queues.put(tx, INBOX, LANE, "$1", "")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.read() as tx:
        assert await queues.waiting(tx, INBOX, LANE, 1) == []
    assert await database.bell(INBOX.bell).wait(0) == set()


async def test_whoever_gives_up_waiting_for_another_program_leaves_no_lock(
    database_url: str,
) -> None:
    async with databases.opened(database_url) as one, databases.opened(database_url) as other:
        await migrate.upgrade(one)
        async with one.write() as tx:
            await tx.run(insert(bridge_state).values(key="x", value=""))
            waiting = asyncio.create_task(write_row(other, "x"))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(5):
            await write_row(one, "y")
            await write_row(other, "z")
        assert await rows(one) == 3


async def test_an_attempt_that_fails_keeps_the_rest(database: Database) -> None:
    async with database.write() as tx:
        await tx.run(insert(bridge_state).values(key="1", value="kept"))
        with pytest.raises(Exception, match=r"(?i)unique"):
            async with tx.attempt():
                await tx.run(insert(bridge_state).values(key="1", value="twice"))
        await tx.run(insert(bridge_state).values(key="2", value="kept"))
    assert await rows(database) == 2


async def test_attempts_within_attempts_fail_alone_or_together(database: Database) -> None:
    async def fails(tx: Tx, *keys: str) -> None:
        async with tx.attempt():
            for key in keys:
                await state.put(tx, key, "")
            async with tx.attempt():
                await state.put(tx, f"{keys[0]} within", "")
            raise RuntimeError("changed my mind")

    async with database.write() as tx:
        async with tx.attempt():
            await state.put(tx, "1", "kept")
            with pytest.raises(RuntimeError, match="mind"):
                await fails(tx, "2", "3")
            await state.put(tx, "4", "kept")
        with pytest.raises(RuntimeError, match="mind"):
            await fails(tx, "5")
    async with database.read() as tx:
        kept = await tx.all(select(bridge_state.c.key).order_by(bridge_state.c.key))
    assert [row.key for row in kept] == ["1", "4"]


async def test_what_only_reads_changes_nothing(database: Database) -> None:
    row = {"key": "1", "value": ""}
    for statement in (
        insert(bridge_state).values(row),
        update(bridge_state).values(value="changed"),
        delete(bridge_state),
    ):
        with pytest.raises(InvalidRequestError, match="write"):
            async with database.read() as tx:
                await tx.run(statement)
    with pytest.raises(InvalidRequestError):
        async with database.read() as tx, tx.attempt():
            pass
    assert await rows(database) == 0


# --- on the disk ----------------------------------------------------------------------------


async def is_full(tx: Tx) -> bool:
    """Tell whether SQLite waits for the disk at the end of a transaction."""
    return int(await tx.value(text("PRAGMA synchronous"))) > 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_only_what_lasts_waits_for_the_disk(database: Database) -> None:
    for lasting in (True, False, True, False):
        async with database.write(lasting=lasting) as tx:
            await state.put(tx, "1", f"{lasting}")
            assert await is_full(tx) is lasting
        # It is there all the same, for another process as well.
        async with databases.opened(str(database.engine.url)) as other, other.read() as tx:
            assert await state.get(tx, "1") == f"{lasting}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_not_too_much_is_left_to_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_MOST_LOGGED", 3)
    seen = []
    await write_row(database, "1")
    for _ in range(8):
        async with database.write(lasting=False) as tx:
            await state.put(tx, "2", "")
            seen.append(await is_full(tx))
    assert seen == [False, False, False, True] * 2


async def test_who_waits_for_the_disk_lets_somebody_else_see_to_it(database: Database) -> None:
    await write_row(database, "1")
    await database.on_disk()
    assert await rows(database) == 1
    async with database.write(lasting=False) as tx:
        await state.put(tx, "2", "")
    waiting = asyncio.create_task(database.on_disk())
    await asyncio.sleep(0)
    await write_row(database, "3")
    await waiting
    assert await rows(database) == 3, "nothing was written for the sake of it alone"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_waits_for_the_disk_alone_sees_to_it(database: Database) -> None:
    async with database.write(lasting=False) as tx:
        await state.put(tx, "1", "")
    await database.on_disk()
    assert await rows(database) == 2
    # Everything is there now, and nothing left to be done.
    await database.on_disk()
    async with asyncio.timeout(5):
        await asyncio.gather(*(database.on_disk() for _ in range(3)))
    assert await rows(database) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("lasting", [True, False])
async def test_the_log_beside_the_file_stays_small(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, lasting: bool
) -> None:
    for name, value in (("CHECKPOINT_PAGES", 20), ("MOST_LOGGED", 10), ("QUICK_SECONDS", 60.0)):
        monkeypatch.setattr(store_database, f"_{name}", value)
    size = Path(f"{database.engine.url.database}-wal").stat
    sizes = []
    for number in range(300):
        async with database.write(lasting=lasting) as tx:
            await state.put(tx, f"{number}", "a" * 3000)
        sizes.append(size().st_size)
    assert 0 < max(sizes) < 2**20, "all of it would be more than three times as much"
    assert await rows(database) == 300


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_disk_is_waited_for_in_a_thread_until_it_was_quick_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, *args: Any, **named: Any) -> Any:
            threads[-1] = True
            return super().submit(*args, **named)

    async def written(seconds: float) -> list[bool]:
        monkeypatch.setattr(store_database, "_QUICK_SECONDS", seconds)
        threads.clear()
        for _ in range(4):
            threads.append(False)
            async with again.write() as tx:
                await state.put(tx, "1", f"{len(threads)}")
        return threads

    monkeypatch.setattr(store_database, "_QUICK_ONES", 3)
    monkeypatch.setattr(store_database, "ThreadPoolExecutor", Pool)
    async with databases.opened(str(database.engine.url)) as again:
        assert await written(60.0) == [True, True, True, False]
        assert await written(0.0) == [True, True, True, True], "one was too slow"
        assert await written(60.0) == [False, False, False, False]
        async with again.read() as tx:
            assert await state.get(tx, "1") == "4"


@pytest.mark.parametrize("lasting", [True, False])
async def test_a_transaction_that_fails_leaves_nothing_either_way(
    database: Database, *, lasting: bool
) -> None:
    async def fail() -> None:
        async with database.write(lasting=lasting) as tx:
            await state.put(tx, "1", "")
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="mind"):
        await fail()
    assert await rows(database) == 0
    await write_row(database, "2")
    assert await rows(database) == 1


# --- a server that went away ----------------------------------------------------------------


async def everybody_is_put_out(database: Database, url: str) -> None:
    """End all connections of a database's pool from outside, as a restart of its server does."""
    async with asyncio.TaskGroup() as several:
        for _ in range(3):
            several.create_task(rows(database))
    putting_out = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with databases.opened(url) as operator, operator.read() as tx:
        assert await tx.value(putting_out) >= 1
        async with asyncio.timeout(10):
            while await tx.value(putting_out):  # noqa: ASYNC110 - the server is asked
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_who_comes_back_after_a_while_does_not_notice(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_FRESH_SECONDS", 0.0)
    await everybody_is_put_out(database, database_url)
    await write_row(database, "1")
    assert await rows(database) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_who_comes_back_at_once_finds_it_away_once(
    database: Database, database_url: str
) -> None:
    await everybody_is_put_out(database, database_url)
    with pytest.raises(Exception, match=r"(?i)connection") as caught:
        await write_row(database, "1")
    assert away.is_away(caught.value)
    # The others, which would fail as well, were given up with it.
    await write_row(database, "1")
    assert await rows(database) == 1


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_there_are_no_more_connections_than_were_asked_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds none free waits; where none is given back, that counts as being away."""
    connections = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    async with (
        databases.opened(database_url) as operator,
        operator.read() as tx,
        databases.opened(database_url, connections=2) as database,
    ):
        before = await tx.value(connections)
        async with asyncio.timeout(10), asyncio.TaskGroup() as several:
            for number in range(20):
                several.create_task(write_row(database, f"{number}"))
        assert await tx.value(connections) == before + 2
        assert await rows(database) == 20
        monkeypatch.setattr(store_database, "_FREE_SECONDS", 0.05)
        with nesting.allowed():
            async with database.read(), database.read():
                with pytest.raises(TimeoutError) as caught:
                    await rows(database)
        assert away.is_away(caught.value)
        assert await rows(database) == 20


# --- side by side ---------------------------------------------------------------------------


async def test_readers_see_the_state_before_and_wait_for_nobody(database: Database) -> None:
    async with database.write() as tx:
        await tx.run(insert(bridge_state).values(key="1", value=""))
        with nesting.allowed():
            async with asyncio.timeout(5):
                assert await rows(database) == 0
    assert await rows(database) == 1


async def test_two_programs_write_at_once(database_url: str) -> None:
    """Each transaction reads before it writes: deferred, SQLite would answer «locked»."""

    async def work(handle: Database, name: str) -> None:
        for number in range(25):
            async with handle.write() as tx:
                await tx.value(select(func.count()).select_from(bridge_state))
                await asyncio.sleep(0.001)
                await tx.run(insert(bridge_state).values(key=f"{name}-{number}", value=""))

    async with databases.opened(database_url) as one, databases.opened(database_url) as other:
        await migrate.upgrade(one)
        async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
            for handle in (one, other):
                for name in "ab":
                    writers.create_task(work(handle, f"{id(handle)}-{name}"))
        assert await rows(one) == 100


async def test_programs_that_come_and_go_are_never_in_the_way(database_url: str) -> None:
    """The last to leave a SQLite database tidies it up; whoever comes then has to wait."""

    async def visit(name: str) -> None:
        for number in range(8):
            async with databases.opened(database_url) as handle:
                await write_row(handle, f"{name}-{number}")

    async with databases.opened(database_url) as handle:
        await migrate.upgrade(handle)
    async with asyncio.timeout(60), asyncio.TaskGroup() as visitors:
        for name in "abcd":
            visitors.create_task(visit(name))
    async with databases.opened(database_url) as handle:
        assert await rows(handle) == 32
