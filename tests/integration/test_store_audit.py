"""The audit chain, and what is sealed: no change goes unnoticed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from sferum_bridge.store import accounts, audit, chats, state
from sferum_bridge.store.sealing import SealBrokenError, Sealer
from sferum_bridge.store.tables import audit as audit_table
from sferum_bridge.store.tables import bridge_state, contacts, logins
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


async def test_records_in_another_order_are_found(database: Database) -> None:
    for number in range(5):
        await record(database, number)
    _, second, third, *_ = await ids(database)
    c = audit_table.c
    async with database.write() as tx:
        for old, new in ((second, -1), (third, second), (-1, third)):
            await tx.run(update(audit_table).where(c.id == old).values(id=new))
    assert await broken_at(database) == second


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


# --- the end of the chain -------------------------------------------------------------------


async def cut(database: Database, count: int) -> None:
    """Take the last records out."""
    async with database.write() as tx:
        gone = (await tx.all(select(audit_table.c.id).order_by(audit_table.c.id.desc())))[:count]
        await tx.run(delete(audit_table).where(audit_table.c.id.in_([row.id for row in gone])))


@pytest.mark.parametrize("count", [1, 3, 5])
async def test_a_tail_cut_off_is_found_at_once_and_behind_later_records(
    database: Database, count: int
) -> None:
    for number in range(5):
        await record(database, number)
    kept = (await ids(database))[: 5 - count]
    await cut(database, count)
    assert await broken_at(database) == (kept[-1] if kept else 0) + 1
    await record(database, 6)
    assert await broken_at(database) == (await ids(database))[len(kept)]


async def test_a_forged_head_is_found_and_no_later_record_mends_it(database: Database) -> None:
    for number in range(3):
        await record(database, number)
    async with database.read() as tx:
        early = await state.get(tx, "audit.head")
    await record(database, 3)
    count, digest, seal = early.split()
    await cut(database, 2)
    async with database.write() as tx:
        last = await tx.value(select(audit_table.c.hash).order_by(audit_table.c.id.desc()).limit(1))
        for forged in (f"2 {last.hex()} {seal}", f"2 {digest} {seal}", "2", "nonsense", f"{count}"):
            await state.put(tx, "audit.head", forged)
            assert await audit.verify(tx) is not None
    await record(database, 4)
    assert await broken_at(database) is not None


async def test_a_log_of_the_first_version_gets_its_head_with_the_next_record(
    database: Database,
) -> None:
    for number in range(3):
        await record(database, number)
    async with database.write() as tx:
        await tx.run(delete(bridge_state))
    assert await broken_at(database) is not None
    await record(database, 3)
    assert await broken_at(database) is None
    async with database.read() as tx:
        last, head = (await audit.entries(tx))[:2]
    # It is told in the log, where whoever took the head away cannot take it out.
    assert (head.action, head.reason) == ("audit.head", "after 3 records")
    assert last.subject == "person-3"
    await cut(database, 1)
    assert await broken_at(database) is not None


async def test_what_is_rolled_back_moves_no_head(database: Database) -> None:
    await record(database, 1)

    async def fail() -> None:
        async with database.write() as tx:
            audit.record(tx, BOT, "parent.active", "person-2")
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await fail()
    assert await broken_at(database) is None
    await record(database, 3)
    assert await broken_at(database) is None


async def test_a_log_longer_than_a_piece_is_checked_to_its_end(database: Database) -> None:
    async with database.write() as tx:
        for number in range(2_001):
            audit.record(tx, BOT, "roster.apply", f"person-{number}")
    assert await broken_at(database) is None
    last = (await ids(database))[-1]
    async with database.write() as tx:
        changed = update(audit_table).where(audit_table.c.id == last)
        await tx.run(changed.values(subject="person-x"))
    assert await broken_at(database) == last


# --- reading --------------------------------------------------------------------------------


async def test_entries_are_found_by_school_person_and_time(
    database: Database, clock: databases.Clock
) -> None:
    begin = clock.now
    for school, actor, subject, reason in (
        ("a", "p1", "p2", ""),
        ("b", "p1", "p3", ""),
        ("a", "console", "p3", "parent p1"),
        ("", "p2", "p2", ""),
        ("a", "console", "p3", "parent p10%"),
    ):
        clock.now += 1_000
        async with database.write() as tx:
            audit.record(tx, actor, "parent.active", subject, reason, school=school)

    async with database.read() as tx:

        async def found(**asked: Any) -> list[int]:
            first = (await audit.entries(tx))[-1].id
            return [entry.id - first for entry in await audit.entries(tx, **asked)]

        assert await found() == [4, 3, 2, 1, 0]
        assert await found(school_ids=["a"]) == [4, 2, 0]
        assert await found(school_ids=["a", "b"], limit=2) == [4, 2]
        assert await found(school_ids=[]) == []
        assert await found(people=["p2"]) == [3, 0]
        assert await found(people=["p2", "p3"], school_ids=["a"]) == [4, 2, 0]
        assert await found(people=["0%"]) == [4]
        assert await found(since=begin + 4_000) == [4, 3]
        assert await found(since=begin + 2_000, until=begin + 4_000) == [2, 1]
        assert await found(actions=["parent.active"], limit=1) == [4]
        assert await found(actions=["parent.unlink"]) == []
        third = (await audit.entries(tx))[2].id
        assert await found(before=third) == [1, 0]


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
