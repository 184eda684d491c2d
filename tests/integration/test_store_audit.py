"""The audit chain, and what is sealed: no change goes unnoticed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from sferum_bridge.store import accounts, audit, chats
from sferum_bridge.store.sealing import SealBrokenError, Sealer
from sferum_bridge.store.tables import audit as audit_table
from sferum_bridge.store.tables import contacts, logins
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database

database_url = databases.database_url
clock = databases.clock
database = databases.database

BOT = "@sferumbot:school.example"


async def record(database: Database, number: int) -> None:
    async with database.write() as tx:
        audit.record(tx, BOT, "parent.active", f"person-{number}", "parent x")


async def broken_at(database: Database) -> int | None:
    async with database.read() as tx:
        return await audit.verify(tx)


async def ids(database: Database) -> list[int]:
    async with database.read() as tx:
        rows = await tx.all(select(audit_table.c.id).order_by(audit_table.c.id))
        return [row.id for row in rows]


# --- the chain ------------------------------------------------------------------------------


async def test_an_empty_log_and_a_full_one_hold(database: Database) -> None:
    assert await broken_at(database) is None
    for number in range(5):
        await record(database, number)
    assert await broken_at(database) is None


@pytest.mark.parametrize(
    "change",
    [
        {"reason": ""},
        {"actor": "@someone:else.example"},
        {"action": "parent.unlink"},
        {"subject": "person-9"},
        {"at": 0},
        {"hash": b"\1" * 32},
        {"previous": b"\2" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_changed_record_is_found(database: Database, change: dict[str, Any]) -> None:
    for number in range(5):
        await record(database, number)
    third = (await ids(database))[2]
    async with database.write() as tx:
        await tx.run(update(audit_table).where(audit_table.c.id == third).values(change))
    assert await broken_at(database) == third


async def test_a_record_taken_out_is_found(database: Database) -> None:
    for number in range(5):
        await record(database, number)
    numbers = await ids(database)
    async with database.write() as tx:
        await tx.run(delete(audit_table).where(audit_table.c.id == numbers[1]))
    assert await broken_at(database) == numbers[2]


async def test_the_chain_of_another_key_does_not_fit(database: Database) -> None:
    await record(database, 1)
    async with database.read() as tx:
        tx.sealer = Sealer(b"x" * 32)
        assert await audit.verify(tx) is not None


async def test_records_made_at_once_do_not_fork_the_chain(database: Database) -> None:
    async with asyncio.TaskGroup() as writers:
        for number in range(30):
            writers.create_task(record(database, number))
    assert await broken_at(database) is None
    assert len(await ids(database)) == 30


async def test_a_fork_is_refused_by_the_database(database: Database) -> None:
    await record(database, 1)
    await record(database, 2)
    first, second = await ids(database)
    previous = select(audit_table.c.previous).where(audit_table.c.id == first).scalar_subquery()
    fork = update(audit_table).where(audit_table.c.id == second).values(previous=previous)
    with pytest.raises(IntegrityError):
        async with database.write() as tx:
            await tx.run(fork)


# --- sealing --------------------------------------------------------------------------------


def test_what_was_sealed_comes_back() -> None:
    sealer = Sealer(databases.KEY)
    for value in ("", "Привет", {"a": [1, None, True]}, 0, "x" * 100_000):
        assert sealer.unseal(sealer.seal(value, "login"), "login") == value
    assert sealer.seal("same", "login") != sealer.seal("same", "login")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[1:],
        lambda sealed: sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:],
        lambda sealed: sealed[:5],
        lambda _sealed: b"",
    ],
    ids=["end", "begin", "bit", "stump", "nothing"],
)
def test_a_changed_value_is_refused(spoil: Any) -> None:
    sealer = Sealer(databases.KEY)
    with pytest.raises(SealBrokenError):
        sealer.unseal(spoil(sealer.seal({"token": "invented"}, "login")), "login")


def test_a_value_moved_to_another_column_is_refused() -> None:
    sealer = Sealer(databases.KEY)
    with pytest.raises(SealBrokenError):
        sealer.unseal(sealer.seal("invented", "login"), "contact.phone")


def test_another_key_opens_nothing_and_makes_other_hashes() -> None:
    one, other = Sealer(databases.KEY), Sealer(b"x" * 32)
    with pytest.raises(SealBrokenError):
        other.unseal(one.seal("invented", "login"), "login")
    assert one.digest("code", "invite") != other.digest("code", "invite")
    assert one.digest("code", "invite") != one.digest("code", "email")
    assert one.token("seed", 18) == Sealer(databases.KEY).token("seed", 18)
    assert one.token("seed", 18) != other.token("seed", 18)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"short")


async def test_the_secret_of_a_login_is_refused_under_a_wrong_key(database: Database) -> None:
    async with database.write() as tx:
        login_id = await chats.save_login(tx, "sferum", "1000001", "Ася В.", "", "invented-cookie")
        assert await chats.login_secret(tx, login_id) == "invented-cookie"
        assert b"invented" not in await tx.value(select(logins.c.sealed))
    async with database.read() as tx:
        tx.sealer = Sealer(b"x" * 32)
        with pytest.raises(SealBrokenError):
            await chats.login_secret(tx, login_id)


async def test_a_contact_is_stored_once_and_unreadable(database: Database) -> None:
    async with database.write() as tx:
        person_id = await accounts.add_person(tx, "Выдумкин", "Адам")
        for _ in range(2):
            await accounts.add_contact(tx, person_id, "email", "adam@example.org")
        await accounts.add_contact(tx, person_id, "phone", "+70000000000")
        assert await tx.value(select(func.count()).select_from(contacts)) == 2
        for row in await tx.all(select(contacts)):
            assert b"example.org" not in row.sealed + row.digest
            assert tx.sealer.unseal(row.sealed, f"contact.{row.kind}")
