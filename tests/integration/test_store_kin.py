"""Invites and parent links as the database keeps them, whoever is quicker."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from sferum_bridge.school import kinship
from sferum_bridge.school.kinship import Answer
from sferum_bridge.school.people import LinkState, ParentLink, Waits
from sferum_bridge.store import accounts, audit, invites, kin, schools
from sferum_bridge.store.tables import assignments, expected_parents
from sferum_bridge.store.tables import invites as invites_table
from tests.support import databases
from tests.support.databases import DAY

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from tests.support.databases import Clock, Family

database_url = databases.database_url
clock = databases.clock
database = databases.database

BOT = "@sferumbot:school.example"
WEEK = 7 * 24 * 3600 * 1000


async def new_family(database: Database, adults: int = 4) -> Family:
    async with database.write() as tx:
        return await databases.family(tx, adults)


async def issue(database: Database, f: Family, seed: str) -> str:
    """Issue an invite; return the code as a parent would type it."""
    async with database.write() as tx:
        return await invites.issue(tx, f.child_id, f.school_id, f.child_id, seed, WEEK)


async def find(database: Database, code: str) -> kinship.Invite | None:
    symbols = kinship.read_code(code)
    assert symbols is not None
    async with database.read() as tx:
        return await invites.find(tx, symbols)


async def link(database: Database, child_id: str, parent_id: str) -> Answer | None:
    async with database.write() as tx:
        return await kin.link(tx, ParentLink(child_id, parent_id, LinkState.ACTIVE), BOT)


# --- invites --------------------------------------------------------------------------------


async def test_a_code_finds_its_invite_and_is_not_stored(database: Database, clock: Clock) -> None:
    f = await new_family(database)
    code = await issue(database, f, "$event")
    found = await find(database, code.lower().replace("-", " "))
    assert found is not None
    assert (found.child_id, found.school_id, found.issued_by) == (
        f.child_id,
        f.school_id,
        f.child_id,
    )
    assert found.expires_at == clock.now + WEEK
    assert not found.revoked
    async with database.read() as tx:
        assert await invites.by_id(tx, found.id) == found
        row = await tx.first(select(invites_table))
    assert row is not None
    symbols = code.replace("-", "")
    assert not any(symbols in str(value) or symbols.encode() == value for value in row)


async def test_a_wrong_code_finds_nothing(database: Database) -> None:
    f = await new_family(database)
    await issue(database, f, "$event")
    assert await find(database, kinship.write_code(b"\1" * kinship.CODE_BYTES)) is None


async def test_the_same_event_gives_the_same_code_and_one_invite(database: Database) -> None:
    f = await new_family(database)
    first = await issue(database, f, "$event")
    assert await issue(database, f, "$event") == first
    assert await issue(database, f, "$another") != first
    async with database.read() as tx:
        assert await tx.value(select(func.count()).select_from(invites_table)) == 2


async def test_a_command_that_was_rolled_back_gives_the_same_code(database: Database) -> None:
    f = await new_family(database)
    codes = []

    async def killed_before_the_answer_is_stored() -> None:
        async with database.write() as tx:
            codes.append(await invites.issue(tx, f.child_id, f.school_id, BOT, "$event", WEEK))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await killed_before_the_answer_is_stored()
    assert await find(database, codes[0]) is None
    codes.append(await issue(database, f, "$event"))
    assert codes[0] == codes[1]


async def test_a_newer_invite_ends_the_earlier_and_no_replay_revives_it(database: Database) -> None:
    f = await new_family(database)
    old = await issue(database, f, "$old")
    new = await issue(database, f, "$new")
    await issue(database, f, "$old")
    old_invite, new_invite = await find(database, old), await find(database, new)
    assert old_invite is not None
    assert new_invite is not None
    assert (old_invite.revoked, new_invite.revoked) == (True, False)


async def test_revoking_counts_what_it_ended(database: Database) -> None:
    f = await new_family(database)
    code = await issue(database, f, "$event")
    async with database.write() as tx:
        assert await invites.revoke(tx, f.child_id, BOT, "asked by the pupil") == 1
        assert await invites.revoke(tx, f.child_id, BOT, "again") == 0
    found = await find(database, code)
    assert found is not None
    assert found.revoked


async def test_of_two_invites_issued_at_once_one_stays_open(database: Database) -> None:
    f = await new_family(database)
    await asyncio.gather(*(issue(database, f, f"$event-{n}") for n in range(6)))
    async with database.read() as tx:
        still_open = select(func.count()).where(invites_table.c.revoked_at.is_(None))
        assert await tx.value(still_open) == 1


# --- links ----------------------------------------------------------------------------------


async def test_two_parents_and_no_third(database: Database) -> None:
    f = await new_family(database)
    assert await link(database, f.child_id, f.adults[0]) is None
    assert await link(database, f.child_id, f.adults[0]) is Answer.ALREADY
    assert await link(database, f.child_id, f.adults[1]) is None
    assert await link(database, f.child_id, f.adults[2]) is Answer.FULL
    assert await link(database, f.child_id, f.adults[1]) is Answer.ALREADY
    async with database.read() as tx:
        held = await kin.parents(tx, f.child_id)
        assert [person.id for person, _state in held] == list(f.adults[:2])
        assert [p.id for p, _state in await kin.children(tx, f.adults[1])] == [f.child_id]
        assert await kin.children(tx, f.adults[2]) == []


async def test_a_self_parent_is_an_error_and_no_full_house(database: Database) -> None:
    f = await new_family(database)
    with pytest.raises(IntegrityError):
        await link(database, f.child_id, f.child_id)
    with pytest.raises(IntegrityError):
        await link(database, f.child_id, "nobody")
    async with database.read() as tx:
        assert await kin.links_of_child(tx, f.child_id) == []


async def test_an_ended_link_frees_its_slot_for_anybody(database: Database) -> None:
    f = await new_family(database)
    for parent_id in f.adults[:2]:
        await link(database, f.child_id, parent_id)
    async with database.write() as tx:
        assert await kin.unlink(tx, f.child_id, f.adults[0], BOT, "asked")
        assert not await kin.unlink(tx, f.child_id, f.adults[0], BOT, "asked again")
    assert await link(database, f.child_id, f.adults[2]) is None
    assert await link(database, f.child_id, f.adults[0]) is Answer.FULL
    async with database.write() as tx:
        await kin.unlink(tx, f.child_id, f.adults[1], BOT, "asked")
    assert await link(database, f.child_id, f.adults[0]) is None


async def test_a_waiting_link_holds_a_slot_until_it_is_approved(database: Database) -> None:
    f = await new_family(database)
    async with database.write() as tx:
        waiting = frozenset({Waits.SCHOOL, Waits.CHILD})
        link_ = ParentLink(f.child_id, f.adults[0], LinkState.PENDING, waiting)
        assert await kin.link(tx, link_, BOT) is None
        assert await kin.links_of_child(tx, f.child_id) == [link_]
        assert await kin.approve(tx, f.child_id, f.adults[0], Waits.CHILD, BOT)
        [held] = await kin.links_of_child(tx, f.child_id)
        assert held.state is LinkState.PENDING
        assert held.waits_for == frozenset({Waits.SCHOOL})
        assert await kin.approve(tx, f.child_id, f.adults[0], Waits.SCHOOL, BOT)
        assert not await kin.approve(tx, f.child_id, f.adults[0], Waits.SCHOOL, BOT)
        assert not await kin.approve(tx, f.child_id, f.adults[1], Waits.SCHOOL, BOT)
        states = [held.state for held in await kin.links_of_child(tx, f.child_id)]
    assert states == [LinkState.ACTIVE]


async def test_the_last_slot_is_given_once(database: Database) -> None:
    for _ in range(50):
        f = await new_family(database, adults=3)
        assert await link(database, f.child_id, f.adults[0]) is None
        answers = await asyncio.gather(*(link(database, f.child_id, p) for p in f.adults[1:]))
        assert sorted(map(str, answers)) == [Answer.FULL, "None"]


async def test_the_same_parent_twice_at_once_is_one_link(database: Database) -> None:
    for _ in range(10):
        f = await new_family(database, adults=1)
        answers = await asyncio.gather(*(link(database, f.child_id, f.adults[0]) for _ in "12"))
        assert sorted(map(str, answers)) == [Answer.ALREADY, "None"]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_order_never_more_than_two(database: Database, seed: int) -> None:
    """Random links and unlinks, some at once, against a plain set as the model."""
    chance = random.Random(seed)  # noqa: S311 — a repeatable sequence, no secret
    f = await new_family(database, adults=5)
    model: set[str] = set()
    for _ in range(25):
        who = chance.sample(list(f.adults), k=chance.choice((1, 1, 2, 3)))
        if model and chance.random() < 0.4:
            async with database.write() as tx:
                ended = await kin.unlink(tx, f.child_id, who[0], BOT, "chance")
            assert ended == (who[0] in model)
            model.discard(who[0])
            continue
        answers = await asyncio.gather(*(link(database, f.child_id, p) for p in who))
        free = 2 - len(model)
        newcomers = [p for p in who if p not in model]
        added = {p for p, answer in zip(who, answers, strict=True) if answer is None}
        assert len(added) == min(free, len(newcomers))
        model |= added
        async with database.read() as tx:
            live = await kin.links_of_child(tx, f.child_id)
        assert {held.parent_id for held in live} == model
        assert len(live) <= kinship.MOST_PARENTS
    async with database.read() as tx:
        assert await audit.verify(tx) is None


# --- what else is asked ---------------------------------------------------------------------


async def test_a_link_makes_the_school_look_at_its_rooms(database: Database) -> None:
    f = await new_family(database)
    bell = database.bell(schools.ROOMS_BELL)
    await bell.wait(0)
    await link(database, f.child_id, f.adults[0])
    assert await bell.wait(0) == {""}
    async with database.read() as tx:
        (record,) = await schools.records(tx)
    assert record.wanted > 1


async def test_places_and_class_teachers_follow_the_calendar(database: Database) -> None:
    f = await new_family(database)
    async with database.write() as tx:
        await tx.run(
            insert(assignments).values(
                id=schools.new_id(),
                school_id=f.school_id,
                person_id=f.adults[0],
                kind="leadership",
                class_id=f.class_id,
                since=DAY,
                until=DAY + timedelta(days=30),
            )
        )
        places = await kin.places(tx, f.child_id, DAY)
        assert [(p.class_id, p.class_name) for p in places] == [(f.class_id, "5А")]
        for days, expected in ((-1, []), (0, [f.adults[0]]), (30, [f.adults[0]]), (31, [])):
            day = DAY + timedelta(days=days)
            assert await kin.class_teachers(tx, f.child_id, day) == expected
        assert await kin.places(tx, f.adults[0], DAY) == []
        assert await kin.class_teachers(tx, f.adults[0], DAY) == []


async def test_only_a_guardian_with_access_is_expected(database: Database) -> None:
    f = await new_family(database)
    async with database.write() as tx:
        for parent_id, access in zip(f.adults[:2], (True, False), strict=True):
            await tx.run(
                insert(expected_parents).values(
                    school_id=f.school_id, child_id=f.child_id, parent_id=parent_id, access=access
                )
            )
        expected = [await kin.is_expected(tx, f.school_id, f.child_id, p) for p in f.adults[:3]]
    assert expected == [True, False, False]


async def test_a_parent_belongs_to_the_childs_school_while_linked(database: Database) -> None:
    f = await new_family(database)
    async with database.write() as tx:
        assert await accounts.schools_of(tx, f.adults[0]) == set()
        await kin.link(tx, ParentLink(f.child_id, f.adults[0], LinkState.ACTIVE), BOT)
        assert await accounts.schools_of(tx, f.adults[0]) == {f.school_id}
        await kin.unlink(tx, f.child_id, f.adults[0], BOT, "asked")
        assert await accounts.schools_of(tx, f.adults[0]) == set()
