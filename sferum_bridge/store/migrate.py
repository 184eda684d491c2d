"""Bring a database to the tables this version works on, and refuse those it cannot work on.

A move is one transaction, on SQLite too, so a kill leaves the tables as they were before or as they
are after. Two programs that start at once move one after the other: PostgreSQL by an advisory lock,
SQLite because the transaction is a writer from its beginning. There is no alembic.ini; the
revisions lie in the package, in `migrations/`.

Where nothing is to be moved, as at nearly every start, Alembic is not even imported: it would stay
in memory, and takes as much as a hundred linked chats.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from sferum_bridge.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x5FE7_0A0E
_OWN = {"alembic_version"}
HEAD = max(path.name.partition("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))
"""The newest revision: every file is called by its own."""


class SchemaError(Exception):
    """The tables in the database are not those this version works on; says what to do."""


async def upgrade(database: Database | AsyncEngine, revision: str = "head") -> None:
    """Move the tables forward to `revision`, from nothing in an empty database.

    Raises:
        SchemaError: the database belongs to another program or to a newer version. It is unchanged.
    """
    if revision == "head" and isinstance(database, Database) and await _is_at_head(database):
        return
    async with _moving(_engine(database)) as connection:
        await connection.run_sync(_move, "upgrade", revision)


async def downgrade(database: Database | AsyncEngine, revision: str = "base") -> None:
    """Move the tables back to `revision`; `base` drops them all, with everything in them.

    Raises:
        SchemaError: the database belongs to another program or to a newer version. It is unchanged.
    """
    async with _moving(_engine(database)) as connection:
        await connection.run_sync(_move, "downgrade", revision)


async def current(database: Database | AsyncEngine) -> str | None:
    """Return the revision the tables are at, `None` where there are none.

    Raises:
        SchemaError: the database belongs to another program or to a newer version.
    """
    async with _engine(database).connect() as connection:
        return await connection.run_sync(_current, _scripts())


async def check(database: Database | AsyncEngine) -> None:
    """Make sure that the tables are those of this version; nothing is changed.

    Raises:
        SchemaError: they are older, newer, another program's, or not there.
    """
    found, head = await current(database), _scripts().get_current_head()
    if found is None:
        raise SchemaError("the database is empty: upgrade it first")
    if found != head:
        raise SchemaError(f"the tables are at revision {found}, not {head}: upgrade them first")


async def _is_at_head(database: Database) -> bool:
    try:
        async with database.read() as tx:
            found = await tx.all(text("SELECT version_num FROM alembic_version"))
    except DBAPIError:
        return False  # there is no such table, or whatever is wrong shows when it is moved
    return [row.version_num for row in found] == [HEAD]


def _engine(database: Database | AsyncEngine) -> AsyncEngine:
    return database.engine if isinstance(database, Database) else database


@asynccontextmanager
async def _moving(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open the transaction of one move, alone in the database."""
    async with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            async with connection.begin():
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                yield connection
            return
        # SQLite alters a table by copying it and dropping the old one; with foreign keys on, that
        # would take what refers to it along. The switch has no effect inside a transaction.
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.execute("PRAGMA foreign_keys=OFF")
        try:
            raw.info["write"] = True
            async with connection.begin():
                yield connection
                if (await connection.execute(text("PRAGMA foreign_key_check"))).first():
                    raise SchemaError("the move would leave rows that refer to nothing")
        finally:
            await driver.execute("PRAGMA foreign_keys=ON")


# Alembic is imported where it is used, see above.
# ruff: noqa: PLC0415


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic reads settings as an ini file does, where % begins a reference.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _move(connection: Connection, way: str, revision: str) -> None:
    from alembic import command

    _current(connection, _scripts())
    config = _config()
    config.attributes["connection"] = connection
    {"upgrade": command.upgrade, "downgrade": command.downgrade}[way](config, revision)


def _current(connection: Connection, scripts: ScriptDirectory) -> str | None:
    from alembic.runtime.migration import MigrationContext

    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            f"the tables are at revision {found}, which this version does not know: "
            "a newer version made them, or another program"
        )
    if found is None and (others := set(inspect(connection).get_table_names()) - _OWN):
        raise SchemaError(
            f"the database holds tables of another program ({min(others)}): "
            "the bridge needs a database of its own"
        )
    return found
