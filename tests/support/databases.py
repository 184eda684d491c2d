"""A migrated database of a test's own, once on SQLite and once on PostgreSQL.

A test module takes the fixtures it wants by name: `database = databases.database`. The PostgreSQL
server is the run's one (`postgres` in conftest); the database in it is made fresh for each test.
Tables are moved to this version once a process, and copied for each test: that takes a tenth.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert

from sferum_bridge.store import accounts, migrate, schools
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.store.tables import assignments, classes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sferum_bridge.store.database import Tx
    from tests.support.postgres import Database as FreshDatabase
    from tests.support.postgres import PostgresServer

BACKENDS = ("sqlite", "postgres")
KEY = b"an invented key of 32 bytes, hah"
DAY = date(2026, 10, 1)


class Clock:
    """The time a test says it is, in milliseconds."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        """Return it."""
        return self.now


@dataclass(frozen=True, slots=True)
class Family:
    """A pupil of a class and people who might be the parents."""

    school_id: str
    class_id: str
    child_id: str
    adults: Sequence[str]


@pytest_asyncio.fixture(params=BACKENDS)
async def empty_database_url(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path
) -> str:
    """Give the URL of an empty database, as the settings would name it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    return _url(await postgres.fresh_database())


@pytest_asyncio.fixture(params=BACKENDS)
async def database_url(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path
) -> str:
    """Give the URL of a database that has its tables and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "bridge.db"
        await copy_tables(path)
        return f"sqlite:///{path}"
    return _url(await with_tables(postgres))


async def with_tables(postgres: PostgresServer) -> FreshDatabase:
    """Make a database on a server that has the bridge's tables and nothing in them."""
    if not postgres.pattern:
        made = await postgres.fresh_database()
        await _migrated(_url(made))
        postgres.pattern = str(made.address.database)
    return await postgres.fresh_database(postgres.pattern)


async def copy_tables(path: Path) -> None:
    """Make a SQLite file that has the bridge's tables and nothing in them."""
    if not _SQLITE:
        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "bridge.db"
            await _migrated(f"sqlite:///{first}")
            _SQLITE.append(first.read_bytes())
    await asyncio.to_thread(path.write_bytes, _SQLITE[0])


_SQLITE: list[bytes] = []


def _url(made: FreshDatabase) -> str:
    return made.address.set(drivername="postgresql").render_as_string(hide_password=False)


async def _migrated(url: str) -> None:
    async with opened(url) as database:
        await migrate.upgrade(database)


@pytest.fixture
def clock() -> Clock:
    """Give the clock of `database`."""
    return Clock()


@pytest_asyncio.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """Give a database that has its tables."""
    async with opened(database_url, clock) as opened_database:
        await migrate.upgrade(opened_database)  # where a module begins with an empty one
        yield opened_database


@asynccontextmanager
async def opened(
    url: str, clock: Clock | None = None, *, connections: int = 4
) -> AsyncIterator[Database]:
    """Open a database as a bridge process does, and close it."""
    handle = open_database(url, Sealer(KEY), clock=clock or Clock(), connections=connections)
    try:
        yield handle
    finally:
        await handle.close()


async def family(tx: Tx, adults: int = 4) -> Family:
    """Add a school with a class, one pupil in it, and adults without any tie."""
    school_id = await schools.add(tx, "Школа № 0 города Нигдейска", "Europe/Moscow", "ru")
    class_id = schools.new_id()
    await tx.run(
        insert(classes).values(id=class_id, school_id=school_id, name="5А", year="2026/2027")
    )
    child_id = await accounts.add_person(tx, "Выдумкина", "Ася")
    await tx.run(
        insert(assignments).values(
            id=schools.new_id(),
            school_id=school_id,
            person_id=child_id,
            kind="enrolment",
            class_id=class_id,
        )
    )
    names = [f"Взрослый-{number}" for number in range(adults)]
    found = [await accounts.add_person(tx, "Выдумкин", name) for name in names]
    return Family(school_id, class_id, child_id, found)
