"""Consents are listed and taken back by who gave them; coming of age is told once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.school.people import LinkState, Waits
from sferum_bridge.store import consents, queues, tables
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    HOUR,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    born,
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.consents import Consent
    from tests.support.bot import Said


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


async def joined(world: World, mxid: str, child: str = PUPIL) -> list[Said]:
    return await world.become_parent(mxid, await world.invite(child))


async def given(world: World, mxid: str) -> list[Consent]:
    async with world.db.read() as tx:
        return list(await consents.of(tx, world.ids[mxid]))


async def agreed(world: World) -> None:
    """Have the mother of a pupil of fifteen become one, the pupil agreeing."""
    await born(world, PUPIL, date(2011, 3, 1))
    said = await joined(world, MOTHER)
    await world.tap(PUPIL, to(said, PUPIL), "✅")


# --- the list -------------------------------------------------------------------------------


async def test_everybody_sees_the_consents_they_gave_and_those_about_them(world: World) -> None:
    await agreed(world)
    [answer] = await world.write(PUPIL, "мои согласия")
    assert "Вы: что родители видят" in answer.body
    assert "Родитель: Ольга Выдумкина" in answer.body
    assert "Текст 1, 22 сентября 2026" in answer.body
    [answer] = await world.write(MOTHER, "согласия")
    assert "Ребёнок: Ася Выдумкина" in answer.body
    # The pupil's own consent is the pupil's business.
    assert "Вы: что родители" not in answer.body
    [answer] = await world.write(TEACHER, "согласия")
    assert answer.body == world.text("consents-none")


async def test_names_are_shown_while_the_link_shows_them(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "выйти")
    await world.write(MOTHER, "да")
    for who, name in ((MOTHER, "Ася"), (PUPIL, "Ольга")):
        [answer] = await world.write(who, "согласия")
        assert name not in answer.body
        assert "—" in answer.body


# --- a parent's -----------------------------------------------------------------------------


async def test_without_the_parents_consent_the_link_ends(world: World) -> None:
    await joined(world, MOTHER)
    [question] = await world.write(MOTHER, "отозвать согласие")
    assert "Ася Выдумкина" in question.body
    [kept] = await world.tap(MOTHER, question, "❌")
    assert kept.body == world.text("withdraw-kept")
    assert len(await world.links()) == 1
    said = await world.tap(MOTHER, question, "✅")
    assert {s.to for s in said} == {MOTHER, PUPIL, TEACHER}
    assert await world.links() == []
    [consent] = await given(world, MOTHER)
    assert consent.withdrawn_at == world.now
    [answer] = await world.write(MOTHER, "согласия")
    assert "Отозвано 22 сентября 2026" in answer.body
    async with world.db.read() as tx:
        actions = [r.action for r in await tx.all(select(tables.audit.c.action))]
    assert {"consent.withdraw", "parent.unlink"} <= set(actions)


async def test_what_rests_on_no_consent_is_not_restored(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "отозвать согласие Ася")
    await world.write(MOTHER, "да")
    [answer] = await world.write(MOTHER, "вернуть")
    assert answer.body == world.text("restore-consent")
    # A new code asks for it again.
    world.now += HOUR
    await joined(world, MOTHER)
    assert len(await world.links()) == 1
    assert [bool(c.withdrawn_at) for c in await given(world, MOTHER)] == [True, False]


async def test_the_child_is_chosen_among_several(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await joined(world, MOTHER)
    await joined(world, MOTHER, BROTHER)
    [which] = await world.write(MOTHER, "отозвать согласие")
    assert len(which.offers) == 2
    [answer] = await world.write(MOTHER, "отозвать согласие Сказочный")
    assert answer.body == world.text("withdraw-nobody")
    [question] = await world.tap(MOTHER, which, which.offers[0])
    await world.tap(MOTHER, question, "✅")
    assert len(await world.links()) + len(await world.links(BROTHER)) == 1


async def test_a_consent_that_carries_nothing_any_more_is_taken_back_at_once(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "выйти")
    await world.write(MOTHER, "да")
    [answer] = await world.write(MOTHER, "отозвать согласие")
    assert answer.body == world.text("withdrawn")
    [consent] = await given(world, MOTHER)
    assert consent.withdrawn_at
    [answer] = await world.write(MOTHER, "отозвать согласие")
    assert answer.body == world.text("withdraw-none")


async def test_of_a_link_that_ended_it_is_taken_back_beside_another_that_lives(
    world: World,
) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await joined(world, MOTHER)
    await joined(world, MOTHER, BROTHER)
    await world.write(MOTHER, "выйти Ася")
    await world.write(MOTHER, "да")
    # Without a name it is about the child who is still shown.
    [question] = await world.write(MOTHER, "отозвать согласие")
    assert "Фома" in question.body
    await world.tap(MOTHER, question, "❌")
    [answer] = await world.write(MOTHER, "отозвать согласие Ася")
    assert answer.body == world.text("withdrawn")
    held = {c.subject_id: not c.withdrawn_at for c in await given(world, MOTHER)}
    assert held == {world.ids[PUPIL]: False, world.ids[BROTHER]: True}
    assert len(await world.links(BROTHER)) == 1


async def test_nobody_takes_back_what_another_gave(world: World) -> None:
    await joined(world, MOTHER)
    for who in (PUPIL, TEACHER, ADMIN):
        [answer] = await world.write(who, "отозвать согласие")
        assert answer.body == world.text("withdraw-none")
    assert not (await given(world, MOTHER))[0].withdrawn_at


# --- a pupil's ------------------------------------------------------------------------------


async def test_without_the_pupils_consent_the_rooms_close_and_the_link_waits(world: World) -> None:
    await agreed(world)
    [question] = await world.write(PUPIL, "отозвать согласие")
    assert "Ольга Выдумкина" in question.body
    said = await world.write(PUPIL, "подтвердить")
    assert {s.to for s in said} == {PUPIL, MOTHER, TEACHER}
    [link] = await world.links()
    assert (link.state, link.waits_for) == (LinkState.PENDING, frozenset({Waits.CHILD}))
    own = [c for c in await given(world, PUPIL) if c.actor_id == world.ids[PUPIL]]
    assert [c.withdrawn_at for c in own] == [world.now]
    # The pupil may agree again, and that is a consent of its own.
    world.now += HOUR
    [question] = await world.write(PUPIL, "одобрить")
    await world.tap(PUPIL, question, "✅")
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE
    own = [c for c in await given(world, PUPIL) if c.actor_id == world.ids[PUPIL]]
    assert [bool(c.withdrawn_at) for c in own] == [True, False]


async def test_an_undoing_opens_no_rooms_the_pupil_closed_meanwhile(world: World) -> None:
    await agreed(world)
    await world.write(MOTHER, "выйти")
    await world.write(MOTHER, "да")
    await world.write(PUPIL, "отозвать согласие")
    [answer] = await world.write(MOTHER, "вернуть")
    assert answer.body == world.text("restore-consent")
    assert await world.links() == []
    # With a new code both are asked again.
    said = await joined(world, MOTHER)
    await world.tap(PUPIL, to(said, PUPIL), "✅")
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE


async def test_a_no_after_that_ends_no_vouched_link(world: World) -> None:
    await agreed(world)
    await world.write(PUPIL, "отозвать согласие")
    await world.write(PUPIL, "да")
    [question] = await world.write(PUPIL, "одобрить")
    said = await world.tap(PUPIL, question, "❌")
    assert {s.to for s in said} == {PUPIL, TEACHER}
    [link] = await world.links()
    assert link.state is LinkState.PENDING


async def test_a_no_to_a_stranger_is_the_end_of_it(world: World) -> None:
    await born(world, PUPIL, date(2011, 3, 1))
    said = await joined(world, STRANGER)
    question = next(s for s in said if s.to == PUPIL)
    said = await world.tap(PUPIL, question, "❌")
    assert await world.links() == []
    assert {s.to for s in said} == {PUPIL, STRANGER, TEACHER}


# --- of age ---------------------------------------------------------------------------------


def at(world: World, day: int, hour: int) -> None:
    """Set the clock to an hour in the school's zone of a day in September 2026."""
    local = datetime(2026, 9, day, hour, tzinfo=UTC).timestamp() * 1000
    world.now = int(local) - 10 * HOUR


async def birthdays(world: World) -> list[Said]:
    """Do what the bridge does every day."""
    await Housekeeper(world.db, world.bot).once()
    return await world.heard()


async def test_a_pupil_who_comes_of_age_is_told_once(world: World) -> None:
    await born(world, PUPIL, date(2008, 9, 25))
    await joined(world, MOTHER)
    at(world, 24, 23)
    assert await birthdays(world) == []
    at(world, 25, 8)
    assert await birthdays(world) == []
    at(world, 25, 9)
    [said] = await birthdays(world)
    assert (said.to, said.body) == (PUPIL, world.text("birthday", word="это не родитель"))
    for day in range(25, 31):
        at(world, day, 12)
        assert await birthdays(world) == []


async def test_it_is_told_late_rather_than_never_and_not_twice_by_pruning(world: World) -> None:
    await born(world, PUPIL, date(2008, 9, 22))
    await joined(world, MOTHER)
    at(world, 24, 10)
    assert len(await birthdays(world)) == 1
    world.now += 8 * DAY
    async with world.db.write() as tx:
        await queues.prune(tx, queues.OUTBOX, world.now - 7 * DAY)
    assert await birthdays(world) == []


async def test_only_who_has_parents_linked_and_a_birthday_is_told(world: World) -> None:
    await born(world, PUPIL, date(2008, 9, 25))
    await born(world, BROTHER, date(2009, 9, 25))
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await joined(world, MOTHER, BROTHER)
    at(world, 25, 12)
    assert await birthdays(world) == []


async def test_who_was_born_on_a_leap_day_is_of_age_in_march(world: World) -> None:
    await born(world, PUPIL, date(2008, 2, 29))
    await joined(world, MOTHER)
    for month, day, told in ((2, 28, 0), (3, 1, 1)):
        local = datetime(2026, month, day, 12, tzinfo=UTC).timestamp() * 1000
        world.now = int(local) - 10 * HOUR
        assert len(await birthdays(world)) == told
