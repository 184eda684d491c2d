"""Calls and broadcasts on both databases: one call a room, guests as a number, what stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sferum_bridge.school.announcements import Audience
from sferum_bridge.store import accounts, announcements, broadcasts, calls, schools
from sferum_bridge.store.announcements import State
from sferum_bridge.store.calls import Network
from sferum_bridge.store.tables import broadcasts as broadcasts_table
from sferum_bridge.store.tables import call_guests
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.calls import Call
    from sferum_bridge.store.database import Database

database_url = databases.database_url
clock = databases.clock
database = databases.database


@pytest.fixture
async def places(database: Database) -> tuple[str, str]:
    """Give a school and somebody in it."""
    async with database.write() as tx:
        school = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
        return school, await accounts.add_person(tx, "Небывалова", "Анна")


async def test_of_calls_started_at_once_one_goes_on(
    database: Database, places: tuple[str, str]
) -> None:
    async def start(number: int) -> Call | None:
        async with database.write() as tx:
            return await calls.start(tx, places[0], "!a", places[1], Network.OWN, str(number))

    [one] = [made for made in await asyncio.gather(*map(start, range(5))) if made]
    async with database.write() as tx:
        assert await calls.going_on(tx, "!a") == one
        assert await calls.start(tx, places[0], "!b", places[1], Network.OWN, "b") is not None
        for mxid in ("@a", "@b", "@a"):
            await calls.came(tx, one.id, mxid)
        assert await calls.overdue(tx, tx.now) == []
        assert one.id in await calls.overdue(tx, tx.now + 1)
        assert await calls.end(tx, one) == 2
        assert await tx.all(select(call_guests)) == []
        assert await calls.going_on(tx, "!a") is None
        ended = await calls.by_id(tx, one.id)
        assert ended == replace(one, ended_at=tx.now)
        assert await calls.start(tx, places[0], "!a", places[1], Network.OWN, "next") is not None
        await calls.prune(tx, tx.now + 1)
        assert await calls.room_of(tx, one.id) == ""
        assert await calls.going_on(tx, "!a") is not None, "what goes on is kept"


async def test_a_broadcast_stays_as_long_as_its_announcement(
    database: Database, places: tuple[str, str]
) -> None:
    school, author = places
    everybody = Audience(whole=True)
    async with database.write() as tx:
        plain = await announcements.draft(tx, school, author, everybody, "текст", event_id="$a")
        await announcements.change(tx, plain, state=State.SENT.value)
        one = await announcements.draft(tx, school, author, everybody, "трансляция", event_id="$b")
        await broadcasts.add(tx, one.id, "https://vk.com/v")
        assert await broadcasts.last_of(tx, author) == "", "nobody was told of it yet"
        await announcements.change(tx, one, state=State.SENT.value)
        assert await broadcasts.last_of(tx, author) == one.id
        known = await broadcasts.of(tx, one.id)
        assert known is not None
        assert await broadcasts.overdue(tx, tx.now + 1) == [], "it has not begun"
        begun = replace(known, begun_at=tx.now, recording="https://vk.com/r")
        await broadcasts.save(tx, begun)
        assert await broadcasts.of(tx, one.id) == begun
        assert await broadcasts.overdue(tx, tx.now + 1) == [one.id]
        gone = await announcements.draft(tx, school, author, everybody, "зря", event_id="$d")
        await broadcasts.add(tx, gone.id, "https://vk.com/v")
        await announcements.change(tx, gone, state=State.WITHDRAWN.value)
        for each in (plain, one, gone):
            await announcements.read_by(tx, [(each.id, "!r", "@o:x")])
        await announcements.prune(tx, tx.now + 1, tx.now + 1)
        assert await announcements.by_id(tx, plain.id) is None
        assert await broadcasts.of(tx, one.id) == begun
        assert await broadcasts.of(tx, gone.id) is None, "nobody can be shown it any more"
        assert await announcements.readers_of(tx, one.id) == {}
    async with database.write() as tx:
        # A draft that is forgotten takes its broadcast along.
        draft = await announcements.draft(tx, school, author, everybody, "ещё", event_id="$c")
        await broadcasts.add(tx, draft.id, "https://vk.com/v")
        await announcements.prune(tx, tx.now + 1, 0)
        rows = await tx.all(select(broadcasts_table.c.announcement_id))
        assert [row.announcement_id for row in rows] == [one.id]
