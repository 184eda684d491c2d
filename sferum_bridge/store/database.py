"""One database, PostgreSQL or SQLite, and the transactions everything happens in.

A command's whole effect, the answer to it included, is one transaction: after a crash it has
happened or it has not. `Tx.wake` names who is to look at new work; they are woken after the
commit, never before, and a rolled back transaction wakes nobody.

SQLite's statements run in the event loop's own thread: they take microseconds, and handing each to
another thread and back costs ten times as much. What may wait does not run there: a commit that
waits for the disk has a thread, unless the disk was quick for long; the beginning of a writer,
which waits for other processes, asks and sleeps. Writers begin IMMEDIATE, one at a time in this
process: a deferred transaction that turns into a writer half-way would fail with "database is
locked" where nothing can wait for it.

What only reads has no transaction on either database: it would show each statement the same, and
beginning and ending it costs more than the one statement that most of them are.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError, InvalidRequestError, OperationalError
from sqlalchemy.util import greenlet_spawn

from sferum_bridge.store import state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, Row, Table
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry

    from sferum_bridge.store.sealing import Sealer

_LOCKED_SECONDS = 30.0
_LOCKED_PAUSE = 0.005
_CHECKPOINT_PAGES = 1000
"""Of SQLite's log: from how many on they are moved into the file. It is SQLite's own default."""
_MOST_LOGGED = 100
"""After how many transactions that need no thread one has it all the same: else the log would grow,
and what need not last might be lost long after."""
_SOON_SECONDS = 0.01
"""How long it is waited for somebody else's transaction that lasts."""
_ON_DISK = "database.on_disk"
_QUICK_SECONDS, _QUICK_ONES = 0.004, 20
"""A disk that made nobody wait longer, so many times in a row, is waited for without a thread."""
_FRESH_SECONDS = 5.0
"""How long a connection to a server counts as working after it was used."""
_FREE_SECONDS = 30.0
"""How long a connection is waited for: longer, and all that there are wait for each other."""


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
        """Wait for a ring, at most `timeout` seconds; return the lanes rung since last time.

        Raises `CancelledError` where the task was cancelled and a library lost that: `wait_for` of
        Python 3.11 does when what it waits for ends at the same moment. Else nothing would end it.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        lanes, self._lanes = self._lanes, set()
        return lanes


class Runner(Protocol):
    """An open connection that runs statements."""

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Run some so that an exception undoes only them."""


class Tx:
    """A transaction: run statements, seal values, say who has to look afterwards.

    Building a statement costs four times what running it does, so what every message asks is built
    once, with `bindparam` for its values, and run with `parameters`.
    """

    def __init__(self, runner: Runner, dialect: str, sealer: Sealer, now: int) -> None:
        self._runner = runner
        self.dialect = dialect
        self.sealer = sealer
        self.now = now
        """When the transaction began, in milliseconds: one time for all it writes."""
        self.woken: dict[str, set[str]] = defaultdict(set)
        self.records: list[tuple[str, str, str, str, str]] = []
        """Audit records to append at the end: actor, action, subject, reason, school (`audit`)."""
        self.changed_schools: set[str] = set()
        """Schools whose rooms have to be looked at (see `schools.changed`)."""
        self.last_steps: list[Callable[[Tx], Awaitable[None]]] = []
        """What has to be done right before the commit, in order."""

    async def run(self, statement: Executable, parameters: Any = None) -> int:
        """Execute a statement that returns no rows; return how many rows it touched."""
        return (await self._runner.execute(statement, parameters)).rowcount

    async def all(
        self, statement: Executable, parameters: Any = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return every row."""
        return (await self._runner.execute(statement, parameters)).all()

    async def first(
        self, statement: Executable, parameters: Any = None
    ) -> Row[*tuple[Any, ...]] | None:
        """Return the first row, if there is one."""
        return (await self._runner.execute(statement, parameters)).first()

    async def value(self, statement: Executable, parameters: Any = None) -> Any:
        """Return the first column of the first row, or `None`."""
        return (await self._runner.execute(statement, parameters)).scalar()

    def insert(self, table: Table) -> Any:
        """Begin an INSERT that knows ON CONFLICT, as this database spells it."""
        return _insert(table, self.dialect)

    async def add(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row where none of the same keys is; tell whether it was."""
        return bool(await self.run(_insert_new(table, self.dialect), row))

    async def put(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert a row, or change the one with the same primary key: what `row` says of it."""
        await self.run(_insert_or_change(table, self.dialect, tuple(row)), row)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Try something that may fail, without losing the whole transaction."""
        recorded = len(self.records)
        try:
            async with self._runner.savepoint():
                yield
        except BaseException:
            del self.records[recorded:]
            raise

    def wake(self, bell: str, lane: str = "") -> None:
        """Ring `bell` for `lane` once the transaction is committed."""
        self.woken[bell].add(lane)


def _insert(table: Table, dialect: str) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


# Kept: see `Tx`.
@cache
def _insert_new(table: Table, dialect: str) -> Executable:
    return cast("Executable", _insert(table, dialect).on_conflict_do_nothing())


@cache
def _insert_or_change(table: Table, dialect: str, names: tuple[str, ...]) -> Executable:
    statement, keys = _insert(table, dialect), table.primary_key.columns
    values = {name: statement.excluded[name] for name in names if name not in keys}
    return cast(
        "Executable", statement.on_conflict_do_update(index_elements=list(keys), set_=values)
    )


class Database:
    """The open database. `engine` is for migrations; everything else uses `write` and `read`.

    It is made when it is asked for: SQLAlchemy's asynchronous engines come with its mapper of
    objects, which takes seven MiB, and nearly no start moves tables.
    """

    def __init__(
        self,
        engine: Callable[[], AsyncEngine],
        dialect: str,
        backend: Backend,
        sealer: Sealer,
        clock: Callable[[], int],
    ) -> None:
        self._make_engine = engine
        self._dialect = dialect
        self.sealer = sealer
        self.clock = clock
        self._backend = backend
        self._bells: dict[str, Bell] = defaultdict(Bell)

    @cached_property
    def engine(self) -> AsyncEngine:
        """Return the engine that migrations use."""
        return self._make_engine()

    def bell(self, name: str) -> Bell:
        """Return the bell called `name`; each has one waiter."""
        return self._bells[name]

    @asynccontextmanager
    async def write(self, *, lasting: bool = True) -> AsyncIterator[Tx]:
        """Open a transaction; commit at the end, roll back on any exception.

        Without `lasting` a power cut may undo it for a moment after (a kill never does), together
        with all that came behind it: for what would then be done once more, to the same end.
        """
        woken: dict[str, set[str]] = {}
        try:
            async with self._backend.writing(lasting=lasting) as runner:
                tx = self._tx(runner)
                yield tx
                for step in tx.last_steps:
                    await step(tx)
                woken = tx.woken
        finally:
            # Also when cancelled behind the last statement: the commit may have been made, and
            # nobody would come to look until the next one.
            for bell, lanes in woken.items():
                self._bells[bell].ring(lanes)

    async def on_disk(self) -> None:
        """Wait until no power cut can undo what was committed so far.

        Mostly somebody's next transaction sees to that, for the price of one.
        """
        if not await self._backend.on_disk():
            async with self.write() as tx:
                # Without a change nothing would be written, nor waited for.
                await state.put(tx, _ON_DISK, str(tx.now))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Read only. Each statement sees what is committed by then, at least."""
        async with self._backend.reading() as runner:
            yield self._tx(_Reader(runner))

    def _tx(self, runner: Runner) -> Tx:
        return Tx(runner, self._dialect, self.sealer, self.clock())

    async def close(self) -> None:
        """Close every connection."""
        await self._backend.close()
        if "engine" in self.__dict__:
            await self.engine.dispose()


async def _to_its_end(act: asyncio.Future[None]) -> None:
    """Wait for something that may not be left half-way, however often cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not act.done():
        try:
            await asyncio.wait([act])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        act.exception()  # looked at, but being cancelled says more
        raise cancelled
    act.result()


class _Reader:
    """Runs statements that change nothing: on a server nothing would undo them."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if statement.is_dml:
            raise InvalidRequestError("a statement that writes needs Database.write")
        return await self._runner.execute(statement, parameters)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        raise InvalidRequestError("what only reads has nothing to undo")


class Backend(Protocol):
    """How a kind of database opens transactions."""

    def writing(self, *, lasting: bool) -> AbstractAsyncContextManager[Runner]:
        """Open a transaction that is committed at the end: see `Database.write`."""

    def reading(self) -> AbstractAsyncContextManager[Runner]:
        """Open what only reads."""

    async def on_disk(self) -> bool:
        """Wait a moment until all that was committed lasts; false where it does not."""

    async def close(self) -> None:
        """Close what it opened."""


def open_database(
    url: str,
    sealer: Sealer,
    *,
    clock: Callable[[], int] = now_ms,
    connections: int = 5,
) -> Database:
    """Open a database by URL: `sqlite:///path` or `postgresql://user:password@host/name`.

    To a server there are so many `connections` at most. Whoever has opened a transaction opens no
    other in it, nor waits for somebody who does: all of them could be taken by such.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        address = address.set(drivername="postgresql+asyncpg")
        # Values are names and words of people; an error's text goes into logs.
        # The connection used last: each keeps prepared statements of its own, here and there.
        # How many there are is bounded once, where they are waited for: see `_Postgres`.
        pooled = create_engine(
            address, pool_size=connections, pool_use_lifo=True, hide_parameters=True
        )
        event.listen(pooled, "checkin", _noted)
        event.listen(pooled, "checkout", partial(_tried, pooled))
        backend = _Postgres(pooled, connections)
        return Database(lambda: _engine(address), "postgresql", backend, sealer, clock)
    # A connection goes between two threads, but is never used by both at once.
    inline = create_engine(
        address.set(drivername="sqlite+pysqlite"),
        max_overflow=-1,
        # The one used last: each keeps pages and prepared statements of its own.
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": _LOCKED_SECONDS},
    )
    event.listen(inline, "connect", _sqlite_connected)

    def engine_of_file() -> AsyncEngine:
        made = _engine(
            address.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": _LOCKED_SECONDS}
        )
        event.listen(made.sync_engine, "begin", _sqlite_begin)
        event.listen(made.sync_engine, "connect", _sqlite_connected)
        return made

    return Database(engine_of_file, "sqlite", _Sqlite(inline), sealer, clock)


def _engine(address: URL, **options: Any) -> AsyncEngine:
    # Imported where it is used: see `Database`.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    return create_async_engine(address, hide_parameters=True, **options)


# --- PostgreSQL -----------------------------------------------------------------------------


class _Postgres:
    """Opens transactions of a PostgreSQL server.

    As `sqlalchemy.ext.asyncio` does: the driver awaits within a greenlet. See `Database` for why
    that package is not used itself.

    Every transaction lasts: who waits for the disk is the server, and nobody here.

    A free connection is waited for here: SQLAlchemy's pool would have as many greenlets wait, each
    with a stack of its own.
    """

    def __init__(self, engine: Engine, connections: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(connections)
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self, *, lasting: bool) -> AsyncIterator[Runner]:  # noqa: ARG002 - see above
        async with self._connected(self._engine) as connection:
            yield _Remote(connection)
            await greenlet_spawn(connection.commit)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Runner]:
        async with self._connected(self._reader) as connection:
            yield _Remote(connection)

    async def on_disk(self) -> bool:
        return True

    @asynccontextmanager
    async def _connected(self, engine: Engine) -> AsyncIterator[Connection]:
        async with asyncio.timeout(_FREE_SECONDS):
            await self._free.acquire()
        try:
            connection = await greenlet_spawn(engine.connect)
            try:
                yield connection
            finally:
                # Rolls back what is not committed.
                await _to_its_end(asyncio.ensure_future(greenlet_spawn(connection.close)))
        finally:
            self._free.release()

    async def close(self) -> None:
        await greenlet_spawn(self._engine.dispose)


class _Remote:
    """Runs statements on a server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return await greenlet_spawn(self._connection.execute, statement, parameters)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        nested = await greenlet_spawn(self._connection.begin_nested)
        try:
            yield
        except BaseException as error:
            await greenlet_spawn(nested.__exit__, type(error), error, error.__traceback__)
            raise
        # A commit that fails is rolled back by it too.
        await greenlet_spawn(nested.__exit__, None, None, None)


def _noted(_connection: Any, record: ConnectionPoolEntry) -> None:
    """Note when a connection was used last."""
    record.info["used"] = time.monotonic()


def _tried(engine: Engine, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Try a connection that was not used for a while; where its server is gone, so are the others.

    SQLAlchemy's own `pool_pre_ping` asks before every use, which is half of all ways to the server.
    Whoever gets one whose server went away since finds the database away, as in mid-transaction.
    """
    dialect = engine.dialect
    if time.monotonic() - record.info.get("used", math.inf) < _FRESH_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except (dialect.loaded_dbapi.Error, OSError) as error:
        raise InvalidatePoolError from error


# --- SQLite ---------------------------------------------------------------------------------


class _Sqlite:
    """Opens transactions of a SQLite file, and commits them in one of three ways.

    - One that need not last is written to the log beside the file, as all are, and nobody waits.
    - One that lasts waits for the disk, and with it all before it last, for there is but one log.
      A disk that was quick for long is waited for right here: two threads that hand a message to
      each other wake each other eight times, which costs more than the disk takes.
    - A disk that may not be quick is waited for in a thread. So is it now and then in any case, to
      move what the log holds into the file.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one_writer = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._committed = self._lasting = self._moved = 0
        """How many transactions there were: all, those that last by now, those in the file."""
        self._lasts = asyncio.Event()
        """Set when the next one is on the disk, and replaced."""
        self._took: deque[float] = deque(maxlen=_QUICK_ONES)
        """How long the disk was waited for the last times, in seconds."""

    @asynccontextmanager
    async def writing(self, *, lasting: bool) -> AsyncIterator[Runner]:
        async with self._one_writer:
            is_full = self._committed - self._moved >= _MOST_LOGGED
            lasting = lasting or is_full
            in_thread = is_full or (lasting and not self._is_quick())
            connection = self._engine.connect()
            try:
                await _begin(connection, lasting=lasting, moves=in_thread)
                yield _Inline(connection)
                began = time.monotonic()
                if in_thread:
                    await self._commit_in_thread(connection)
                connection.commit()
                self._note(lasting=lasting, moved=in_thread)
                if lasting and not is_full:
                    self._took.append(time.monotonic() - began)
            finally:
                # Rolls back what is not committed.
                connection.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Runner]:
        with self._engine.connect() as connection:
            yield _Inline(connection)

    async def on_disk(self) -> bool:
        committed = self._committed
        try:
            async with asyncio.timeout(_SOON_SECONDS):
                while self._lasting < committed:
                    await self._lasts.wait()
        except TimeoutError:
            return False
        return True

    def _is_quick(self) -> bool:
        return len(self._took) == _QUICK_ONES and max(self._took) < _QUICK_SECONDS

    async def _commit_in_thread(self, connection: Connection) -> None:
        """Commit by the driver itself: what else the thread did would hold up the loop."""
        # The thread has the connection: it is nobody else's until it is done.
        loop, commit = asyncio.get_running_loop(), _driver(connection).commit
        try:
            await _to_its_end(loop.run_in_executor(self._thread, commit))
        except sqlite3.Error as error:
            raise OperationalError("COMMIT", None, error) from error

    def _note(self, *, lasting: bool, moved: bool) -> None:
        self._committed += 1
        if moved:
            self._moved = self._committed
        if lasting:
            self._lasting = self._committed
            self._lasts.set()
            self._lasts = asyncio.Event()

    async def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()


async def _begin(connection: Connection, *, lasting: bool, moves: bool) -> None:
    """Begin writing; wait without blocking while another process does.

    By the driver itself: SQLAlchemy takes ten times as long for each of these.
    """
    driver = _driver(connection)
    until = time.monotonic() + _LOCKED_SECONDS
    driver.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}")
    driver.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES if moves else 0}")
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if time.monotonic() > until:
                    raise OperationalError("BEGIN IMMEDIATE", None, error) from error
                await asyncio.sleep(_LOCKED_PAUSE)
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout={_LOCKED_SECONDS * 1000:.0f}")


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


class _Inline:
    """Runs statements right here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        # By the driver itself, see `_begin`. Of several with one name the innermost is meant.
        driver = _driver(self._connection)
        driver.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            # On a disk that is full, say, SQLite has undone all of it by itself.
            with suppress(sqlite3.OperationalError):
                driver.execute("ROLLBACK TO attempt")
                driver.execute("RELEASE attempt")
            raise
        driver.execute("RELEASE attempt")


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
