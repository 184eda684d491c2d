"""Announcements and tickets on both databases: who is last, who is first, what is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.school.announcements import Audience, Part
from sferum_bridge.store import accounts, announcements, audit, schools, tickets
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
        recent = await announcements.recent_posts(tx, 0, rooms[1:])
    assert [room for room, state in states.items() if state == "refused"] == ["!3"]
    assert set(recent) == set(rooms[1:]) - {"!3"}
    async with database.read() as tx:
        assert await announcements.author_of_post(tx, "!1", "$in-!1") == author
        assert await announcements.author_of_post(tx, "!2", "$in-!1") == ""


async def test_a_post_withdrawn_before_it_was_begun_is_not_sent(
    database: Database, places: tuple[str, str]
) -> None:
    school, author = places
    async with database.write() as tx:
        one = await announcements.draft(tx, school, author, WHOM, "текст", event_id="$a")
        await announcements.add_posts(tx, one, ["!begun", "!waits"])
        assert await announcements.begin_post(tx, one.id, "!begun")
        await announcements.change(tx, one, state=State.WITHDRAWN.value)
        # It may stand in the room: only its event, told again, makes it known which it is.
        assert await announcements.begin_post(tx, one.id, "!begun")
        assert not await announcements.begin_post(tx, one.id, "!waits")
        assert not await announcements.begin_post(tx, "forgotten", "!waits")


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


async def test_who_is_reported_does_not_read_of_it_even_when_it_is_forgotten(
    database: Database, places: tuple[str, str]
) -> None:
    school, reporter = places
    async with database.write() as tx:
        about, other = [await accounts.add_person(tx, "А", name) for name in ("Б", "В")]
        report = await tickets.open_(tx, school, tickets.Kind.REPORT, reporter, {}, about=about)
        await tickets.open_(tx, school, tickets.Kind.REQUEST, reporter, {})

    async def told(**more: Any) -> list[str]:
        async with database.read() as tx:
            found = await audit.entries(tx, school_ids=[school], **more)
        return sorted(one.action for one in found)

    both = ["report.open", "request.open"]
    assert await told() == await told(reader=other) == await told(reader=reporter) == both
    assert await told(reader=about) == await told(reports=False) == ["request.open"]
    async with database.write() as tx:
        await tickets.change(tx, report, state=tickets.State.CLOSED.value, closed_at=tx.now)
        await tickets.prune(tx, tx.now + 1)
    assert await told(reader=about) == await told(reader=other) == ["request.open"]
    assert await told(reader=reporter) == both


async def test_an_account_that_was_replaced_is_still_its_persons(
    database: Database, places: tuple[str, str]
) -> None:
    _, person = places
    async with database.write() as tx:
        await accounts.add_account(tx, "@old:s", person)
        await accounts.replace(tx, person, "@new:s", "console")
    async with database.read() as tx:
        before = await accounts.person_before(tx, "@old:s")
        assert before is not None
        assert before.id == person
        for never in ("@new:s", "@ol:s", "none", "@stranger:s"):
            assert await accounts.person_before(tx, never) is None
