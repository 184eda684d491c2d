"""One database, PostgreSQL or SQLite, and the transactions everything happens in.

A command's whole effect, the answer to it included, is one transaction: after a crash it has
happened or it has not. `Tx.wake` names who is to look at new work; they are woken after the
commit, never before, and a rolled back transaction wakes nobody.

SQLite writers begin IMMEDIATE, one at a time in this process and one at a time beside other
processes: a deferred transaction that turns into a writer half-way would fail with "database is
locked" where nothing can wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from sqlalchemy import Executable, Row
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from sferum_bridge.store.sealing import Sealer


def now_ms() -> int:
    """Return the time: milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class Bell:
    """Wakes one waiter, and tells it in which lanes there is work."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._lanes: set[str] = set()

    def ring(self, lanes: set[str]) -> None:
        """Wake the waiter."""
        self._lanes |= lanes
        self._event.set()

    async def wait(self, timeout: float | None = None) -> set[str]:
        """Wait for a ring, at most `timeout` seconds; return the lanes rung since last time."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        lanes, self._lanes = self._lanes, set()
        return lanes


class Tx:
    """A transaction: run statements, seal values, say who has to look afterwards."""

    def __init__(self, connection: AsyncConnection, sealer: Sealer, now: int) -> None:
        self._connection = connection
        self.sealer = sealer
        self.now = now
        """When the transaction began, in milliseconds: one time for all it writes."""
        self.woken: dict[str, set[str]] = defaultdict(set)
        self.records: list[tuple[str, str, str, str]] = []
        """Audit records to append at the end: actor, action, subject, reason (see `audit`)."""
        self.last_steps: list[Callable[[Tx], Awaitable[None]]] = []
        """What has to be done right before the commit, in order."""
        self.dialect = connection.dialect.name

    async def run(self, statement: Executable, parameters: Any = None) -> int:
        """Execute a statement that returns no rows; return how many rows it touched."""
        return (await self._connection.execute(statement, parameters)).rowcount

    async def all(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return every row."""
        return (await self._connection.execute(statement)).all()

    async def first(self, statement: Executable) -> Row[*tuple[Any, ...]] | None:
        """Return the first row, if there is one."""
        return (await self._connection.execute(statement)).first()

    async def value(self, statement: Executable) -> Any:
        """Return the first column of the first row, or `None`."""
        return (await self._connection.execute(statement)).scalar()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Try something that may fail, without losing the whole transaction."""
        recorded = len(self.records)
        try:
            async with self._connection.begin_nested():
                yield
        except BaseException:
            del self.records[recorded:]
            raise

    def wake(self, bell: str, lane: str = "") -> None:
        """Ring `bell` for `lane` once the transaction is committed."""
        self.woken[bell].add(lane)


class Database:
    """The open database."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer, clock: Callable[[], int]) -> None:
        self.engine = engine
        self.sealer = sealer
        self.clock = clock
        self._bells: dict[str, Bell] = defaultdict(Bell)
        self._one_writer = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    def bell(self, name: str) -> Bell:
        """Return the bell called `name`; each has one waiter."""
        return self._bells[name]

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """Open a transaction; commit at the end, roll back on any exception."""
        woken: dict[str, set[str]] = {}
        try:
            async with self._one_writer or nullcontext(), self._transaction() as tx:
                yield tx
                for step in tx.last_steps:
                    await step(tx)
                woken = tx.woken
        finally:
            # Also when cancelled behind the last statement: the commit may have been made, and
            # nobody would come to look until the next one.
            for bell, lanes in woken.items():
                self._bells[bell].ring(lanes)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads."""
        async with self.engine.connect() as connection:
            yield Tx(connection, self.sealer, self.clock())

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Tx]:
        async with self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.sync_connection.info["write"] = True  # type: ignore[union-attr]  # connected
            async with connection.begin():
                yield Tx(connection, self.sealer, self.clock())

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def open_database(
    url: str,
    sealer: Sealer,
    *,
    clock: Callable[[], int] = now_ms,
    pool_size: int = 8,
) -> Database:
    """Open a database by URL: `sqlite:///path` or `postgresql://user:password@host/name`."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        address = address.set(drivername="sqlite+aiosqlite")
        engine = create_async_engine(address, pool_size=pool_size, connect_args={"timeout": 30})
        event.listen(engine.sync_engine, "connect", _sqlite_connected)
        event.listen(engine.sync_engine, "begin", _sqlite_begin)
    else:
        address = address.set(drivername="postgresql+asyncpg")
        engine = create_async_engine(address, pool_size=pool_size, pool_pre_ping=True)
    return Database(engine, sealer, clock)


def _sqlite_connected(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin DEFERRED, and late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # An event is acknowledged to the homeserver once it is stored; a power cut must not lose it.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    writes = connection.info.pop("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
