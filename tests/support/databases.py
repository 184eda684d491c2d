"""A migrated database of a test's own, once on SQLite and once on PostgreSQL.

A test module takes the fixtures it wants by name: `database = databases.database`. The PostgreSQL
server is the run's one (`postgres` in conftest); the database in it is made fresh for each test.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
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
    from pathlib import Path

    from sferum_bridge.store.database import Tx
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
async def database_url(
    request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path
) -> str:
    """Give the URL of an empty database, as the settings would name it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    address = (await postgres.fresh_database()).address
    return address.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def clock() -> Clock:
    """Give the clock of `database`."""
    return Clock()


@pytest_asyncio.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """Give a database that has its tables."""
    async with opened(database_url, clock) as opened_database:
        await migrate.upgrade(opened_database)
        yield opened_database


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None) -> AsyncIterator[Database]:
    """Open a database as a bridge process does, and close it."""
    handle = open_database(url, Sealer(KEY), clock=clock or Clock(), pool_size=4)
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
