"""Announcements and tickets on both databases: who is last, who is first, what is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.school.announcements import Audience, Part
from sferum_bridge.store import accounts, announcements, schools, tickets
from sferum_bridge.store.announcements import State
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database

database_url = databases.database_url
clock = databases.clock
database = databases.database

WHOM = Audience(grades=frozenset({5}), parts=frozenset({Part.PARENTS}))


@pytest.fixture
async def places(database: Database) -> tuple[str, str]:
    """Give a school and somebody in it."""
    async with database.write() as tx:
        school = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
        return school, await accounts.add_person(tx, "Небывалова", "Анна")


async def test_of_posts_sent_at_once_one_is_the_last(
    database: Database, places: tuple[str, str]
) -> None:
    school, author = places
    rooms = [f"!{number}" for number in range(8)]
    async with database.write() as tx:
        one = await announcements.draft(tx, school, author, WHOM, "текст", event_id="$a")
        await announcements.add_posts(tx, one, rooms)

    async def posted(room: str) -> bool:
        async with database.write() as tx:
            event = "" if room == "!3" else f"$in-{room}"
            return await announcements.posted(tx, one.id, room, event, tx.now)

    assert sum(await asyncio.gather(*map(posted, rooms))) == 1
    async with database.read() as tx:
        states = {post.room_id: post.state for post in await announcements.posts_of(tx, one.id)}
        recent = await announcements.recent_posts(tx, 0)
    assert [room for room, state in states.items() if state == "refused"] == ["!3"]
    assert set(recent) == set(rooms) - {"!3"}


async def test_an_announcement_is_read_as_it_was_written(
    database: Database, places: tuple[str, str]
) -> None:
    school, author = places
    async with database.write() as tx:
        old = await announcements.draft(tx, school, author, None, "старый", event_id="$old")
        one = await announcements.draft(tx, school, author, WHOM, "текст", event_id="$a")
        assert await announcements.by_id(tx, old.id) is None, "a draft replaces a draft"
        assert await announcements.of_event(tx, "$a") == one
        assert await announcements.originals(tx, {"$a", "$old", "$b"}) == {"$a"}
        await announcements.change(tx, one, state=State.HELD.value, due_at=5, text="новый")
        with pytest.raises(KeyError):
            await announcements.change(tx, one, colour="red")
        assert await announcements.next_due(tx) == (one.id, 5)
        await announcements.add_posts(tx, one, ["!r"])
        readings = [(one.id, "!r", f"@{number}:s") for number in range(2_500)]
        for _ in range(2):
            await announcements.read_by(tx, readings)
        assert len((await announcements.readers_of(tx, one.id))["!r"]) == 2_500
        await announcements.prune(tx, tx.now + 1, tx.now + 1)
        assert await announcements.of_event(tx, "$a") is not None, "what is held is kept"
        await announcements.change(tx, one, state=State.SENT.value)
        await announcements.prune(tx, tx.now + 1, tx.now + 1)
        assert await announcements.of_event(tx, "$a") is None
        assert await announcements.readers_of(tx, one.id) == {}


async def test_tickets_are_found_by_whom_they_name(
    database: Database, places: tuple[str, str]
) -> None:
    school, person = places
    async with database.write() as tx:
        other = await accounts.add_person(tx, "Выдумкина", "Ася")
        mine = await tickets.open_(tx, school, tickets.Kind.REQUEST, person, {"said": []})
        shown = {"said": [], "shown": {"sender": "@asya:s"}}
        report = await tickets.open_(
            tx, school, tickets.Kind.REPORT, person, shown, class_id="", about=other
        )
        assert await tickets.by_id(tx, report.id) == report
        assert set(await tickets.naming(tx, person, [])) == {mine.id, report.id}
        assert await tickets.naming(tx, other, []) == [report.id]
        assert await tickets.naming(tx, "nobody", ["@asya:s"]) == [report.id]
        assert await tickets.naming(tx, other, [], "another school") == []
        await tickets.change(tx, mine, state=tickets.State.CLOSED.value, closed_at=tx.now)
        assert [one.id for one in await tickets.waiting(tx, school)] == [report.id]
        await tickets.prune(tx, tx.now + 1)
        assert [one.id for one in await tickets.opened_by(tx, person)] == [report.id]
        assert await tickets.forget(tx, other, []) == 1
