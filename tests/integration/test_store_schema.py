"""The tables are what `store.tables` says, on both databases, and refuse what must not be."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, text, update
from sqlalchemy.exc import IntegrityError

from sferum_bridge.store import migrate, schools
from sferum_bridge.store.migrate import SchemaError
from sferum_bridge.store.tables import metadata, parent_links
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database, Tx

database_url = databases.empty_database_url
clock = databases.clock
database = databases.database

CATALOGUE = {
    # SQLite keeps the statements themselves; but for spaces they have to be the same.
    "sqlite": ["SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"],
    "postgresql": [
        """SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public'""",
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ],
}


def catalogue(connection: Connection) -> set[tuple[Any, ...]]:
    """Return what the database itself says its tables, constraints and indexes are."""
    found: set[tuple[Any, ...]] = set()
    for query in CATALOGUE[connection.dialect.name]:
        for row in connection.exec_driver_sql(query):
            if "alembic_version" not in row and row[1] != "alembic_version_pkc":
                found.add(tuple(_plain(value) for value in row))
    return found


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    head, _, inside = " ".join(value.split()).partition("(")
    # The order of columns and constraints within CREATE TABLE means nothing: a later revision adds
    # its columns at the end. Only a comma between two of them parts them, not one within a bracket.
    parts = re.split(r", (?![^(]*\))", inside.removesuffix(")"))
    return (head.strip(), *sorted(part.strip() for part in parts))


async def tables_of(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names()))


async def test_the_migrated_tables_are_those_of_the_metadata(database: Database) -> None:
    def difference(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_checks_defaults_and_partial_indexes_are_the_same_too(database: Database) -> None:
    async with database.engine.connect() as connection:
        migrated = await connection.run_sync(catalogue)
    await migrate.downgrade(database)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        direct = await connection.run_sync(catalogue)
    assert migrated == direct
    assert len(migrated) > len(metadata.tables)


async def test_up_down_up(database: Database) -> None:
    # What tells a start that nothing is to be moved, without asking Alembic, knows the newest.
    assert await migrate.current(database) == migrate.HEAD == "0014"
    await migrate.check(database)
    await migrate.downgrade(database)
    assert await tables_of(database) <= {"alembic_version"}
    assert await migrate.current(database.engine) is None
    await migrate.upgrade(database.engine)
    assert await tables_of(database) == {*metadata.tables, "alembic_version"}
    await migrate.check(database)


async def test_upgrading_again_keeps_everything(database: Database) -> None:
    async with database.write() as tx:
        school_id = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
    await migrate.upgrade(database)
    async with database.read() as tx:
        assert [record.id for record in await schools.records(tx)] == [school_id]


async def test_an_empty_database_is_refused_at_start(database_url: str) -> None:
    async with databases.opened(database_url) as database:
        assert await migrate.current(database) is None
        with pytest.raises(SchemaError, match="empty"):
            await migrate.check(database)


async def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    async with database.engine.connect() as connection, connection.begin():
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (migrate.check, migrate.current, migrate.upgrade, migrate.downgrade):
        with pytest.raises(SchemaError, match="9999"):
            await attempt(database)
    assert await tables_of(database) == {*metadata.tables, "alembic_version"}


async def test_the_database_of_another_program_is_refused(database_url: str) -> None:
    async with databases.opened(database_url) as database:
        async with database.engine.connect() as connection, connection.begin():
            await connection.execute(text("CREATE TABLE user_ips (name text)"))
        for attempt in (migrate.check, migrate.upgrade):
            with pytest.raises(SchemaError, match="user_ips"):
                await attempt(database)
        assert await tables_of(database) == {"user_ips"}


async def test_two_programs_upgrade_at_once(database_url: str) -> None:
    async with (
        databases.opened(database_url) as one,
        databases.opened(database_url) as other,
        asyncio.TaskGroup() as both,
    ):
        both.create_task(migrate.upgrade(one))
        both.create_task(migrate.upgrade(other))
    async with databases.opened(database_url) as database:
        await migrate.check(database)


async def test_a_move_that_fails_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("the power is gone")

    def half(config: Any, _revision: str) -> None:
        config.attributes["connection"].execute(text("DROP TABLE offers"))
        fail()

    monkeypatch.setattr("alembic.command.downgrade", half)
    with pytest.raises(RuntimeError, match="power"):
        await migrate.downgrade(database)
    assert await tables_of(database) == {*metadata.tables, "alembic_version"}


async def test_foreign_keys_hold_after_a_move(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as tx:
            await tx.run(
                insert(parent_links).values(**link("nobody", "no one either", slot=1)),
            )


# --- what the database refuses by itself ----------------------------------------------------


def link(child_id: str, parent_id: str, **values: Any) -> dict[str, Any]:
    return {
        "id": schools.new_id(),
        "child_id": child_id,
        "parent_id": parent_id,
        "state": "active",
        "confirmed_at": 1,
        **values,
    }


async def insert_link(tx: Tx, child_id: str, parent_id: str, **values: Any) -> None:
    await tx.run(insert(parent_links).values(**link(child_id, parent_id, **values)))


async def refused(database: Database, child_id: str, parent_id: str, **values: Any) -> str:
    """Insert a link that must be refused; return what the database said."""
    with pytest.raises(IntegrityError) as caught:
        async with database.write() as tx:
            await insert_link(tx, child_id, parent_id, **values)
    return str(caught.value.orig)


async def test_nobody_is_their_own_parent(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
    said = await refused(database, f.child_id, f.child_id, slot=1)
    assert "ck_parent_links_no_self_parent" in said


async def test_there_is_no_third_slot(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        await insert_link(tx, f.child_id, f.adults[0], slot=1)
        await insert_link(tx, f.child_id, f.adults[1], slot=2)
    for slot in (1, 2):
        await refused(database, f.child_id, f.adults[2], slot=slot)
    for slot in (0, 3, -1):
        assert "two_slots" in await refused(database, f.child_id, f.adults[2], slot=slot)
    # Without a slot a link cannot be live, so there is no way around.
    assert "ended_frees_the_slot" in await refused(database, f.child_id, f.adults[2])
    assert "ended_frees_the_slot" in await refused(
        database, f.child_id, f.adults[2], state="ended", slot=1
    )
    assert "state" in await refused(database, f.child_id, f.adults[2], state="asleep", slot=1)


async def test_a_freed_slot_can_be_taken_again(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        await insert_link(tx, f.child_id, f.adults[0], slot=1)
        await insert_link(tx, f.child_id, f.adults[1], slot=2)
    ended = {"state": "ended", "slot": None, "ended_at": 2}
    async with database.write() as tx:
        await tx.run(
            update(parent_links).where(parent_links.c.parent_id == f.adults[0]).values(ended)
        )
        await insert_link(tx, f.child_id, f.adults[2], slot=1)
    await refused(database, f.child_id, f.adults[3], slot=1)


async def test_a_pair_is_unique_while_it_lives(database: Database) -> None:
    async with database.write() as tx:
        f = await databases.family(tx)
        await insert_link(tx, f.child_id, f.adults[0], slot=1)
    await refused(database, f.child_id, f.adults[0], slot=2)
    ended = {"state": "ended", "slot": None, "ended_at": 2}
    for _again in range(3):
        async with database.write() as tx:
            await tx.run(update(parent_links).where(parent_links.c.slot.is_not(None)).values(ended))
            await insert_link(tx, f.child_id, f.adults[0], slot=2)
