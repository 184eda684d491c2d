"""A database is held by the one bridge that runs on it; commands work beside that one.

Two bridges on one database would both answer people and both make rooms. So a bridge holds a lock
for as long as it runs, and gives it up with its process, however that ends: on PostgreSQL an
advisory lock of a connection of its own, on SQLite an flock on a file beside the database.

    hold ─► held ─► connection lost ─► tried again until the server is back ─► held
      │                                       └─ another was quicker ─► `Occupied`: this one ends
      └─ somebody else's ─► waited for a moment (one that is just ending) ─► `Occupied`

A bridge outlasts restarts and kills of PostgreSQL, and takes its lock again `look` seconds later at
most. A bridge whose machine vanished is noticed by the server within half a minute; a server that
does not answer for longer than that, by the bridge.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from sferum_bridge.store.away import Unreachable, is_away, is_unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import URL, Connection

log = logging.getLogger(__name__)

_LOCK = 0x5FE7_0A0F
_PAUSE = 0.1
_ANSWER_SECONDS, _CLOSE_SECONDS = 40.0, 5.0
"""More than the server takes to notice a lost session: else its lock would be in our own way."""
# Only for connections by TCP; a Unix socket is closed with its process.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)


class Occupied(Exception):
    """Another bridge runs on the same database."""

    def __init__(self) -> None:
        super().__init__(
            "Another bridge runs on this database, and only one may. Stop that one, or give this "
            "one a database of its own (database.url)."
        )


class Hold(Protocol):
    """A database that is held."""

    async def keep(self) -> None:
        """Go on holding it, for ever. Raises `Occupied` when another bridge was quicker."""


@asynccontextmanager
async def held(url: str, *, patience: float = 5.0, look: float = 2.0) -> AsyncIterator[Hold]:
    """Hold the database of a URL, as `database.open_database` takes it.

    Args:
        url: The database.
        patience: Seconds to wait for a bridge that is just ending, or an own session that was lost.
        look: Seconds between looks whether a server still knows.

    Raises:
        Occupied: Another bridge runs on it.
        Unreachable: There is no such database, or it lets nobody in.
    """
    address = make_url(url)
    lock = (
        _OfFile(address)
        if address.get_backend_name() == "sqlite"
        else _OfServer(address, look, patience)
    )
    try:
        try:
            await _taken(lock, patience)
        except Exception as e:
            if not is_unusable(e):
                raise
            raise Unreachable(address, e) from e
        yield lock
    finally:
        await lock.release()


async def _taken(lock: _OfFile | _OfServer, patience: float) -> None:
    until = time.monotonic() + patience
    while not await lock.take():
        if time.monotonic() > until:
            raise Occupied
        await asyncio.sleep(_PAUSE)


class _OfFile:
    """A lock beside a SQLite file; the system holds it for the process."""

    def __init__(self, address: URL) -> None:
        # A database in memory is nobody else's anyway.
        self._path = f"{address.database}.lock" if address.database else ""
        self._descriptor = -1

    async def take(self) -> bool:
        if not self._path:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def keep(self) -> None:
        await asyncio.Event().wait()

    async def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class _OfServer:
    """A lock of a session at a PostgreSQL server, for one of its databases."""

    def __init__(self, address: URL, look: float, patience: float) -> None:
        self._engine = create_engine(
            address.set(drivername="postgresql+asyncpg"),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        self._look = look
        self._patience = patience
        self._session: Connection | None = None

    async def take(self) -> bool:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await self._take()

    async def _take(self) -> bool:
        # As in `database`: SQLAlchemy's asynchronous connections come with a lot.
        session = await greenlet_spawn(self._engine.connect)
        taken = False
        try:
            for setting in _KEEPALIVE:
                await greenlet_spawn(session.execute, text(setting))
            asked = text(f"SELECT pg_try_advisory_lock({_LOCK})")
            taken = bool(await greenlet_spawn(session.scalar, asked))
        finally:
            if taken:
                self._session = session
            else:
                await greenlet_spawn(session.close)
        return taken

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            try:
                if self._session is not None:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await greenlet_spawn(self._session.execute, text("SELECT 1"))
                else:
                    await _taken(self, self._patience)
                    log.info("The database answers again; it is still this bridge's")
            except Exception as e:
                if not is_away(e):
                    raise
                if self._session is not None:
                    log.warning("The database does not answer (%s)", type(e).__name__)
                    await self.release()

    async def release(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            # One that is lost cannot be closed in good order, and need not be.
            with suppress(Exception):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await greenlet_spawn(session.close)
