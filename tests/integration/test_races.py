"""Two bridge processes on one PostgreSQL, and two people act at the same moment.

PostgreSQL lets each statement see what was committed by then: whatever was read before somebody
else's commit may have changed behind it. So each race is played with one hand holding still.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from sqlalchemy import func, select

from sferum_bridge.bot.service import Bot
from sferum_bridge.bot.settings import BotSettings
from sferum_bridge.bot.texts import Texts
from sferum_bridge.school import kinship, staffing
from sferum_bridge.school.people import LinkState, ParentLink, Waits
from sferum_bridge.store import accounts, audit, erasing, invites, kin, migrate, schools, tables
from sferum_bridge.store import staffing as stored
from sferum_bridge.store.database import open_database
from sferum_bridge.store.sealing import Sealer
from tests.support.bot import (
    ADMIN,
    MOTHER,
    OTHER,
    PUPIL,
    SETTINGS,
    STRANGER,
    TEACHER,
    World,
    assign,
    settle,
)
from tests.support.databases import KEY
from tests.support.sferum import absent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.database import Database
    from tests.support.postgres import PostgresServer

DEPUTY = "@zavuch:school.example"
PAPER = "решение суда № 2-145/2026 от 01.09.2026"
BLOCKED = 0.5
"""Seconds after which something that waits for a lock does so for good."""


@dataclass
class Two:
    """One school in one database, and two bridges on it."""

    first: World
    second: World

    async def code(self) -> tuple[str, kinship.Invite]:
        """Have the pupil ask for an invite."""
        code = await self.first.invite()
        async with self.first.db.read() as tx:
            invite = await invites.find(tx, kinship.read_code(code) or "")
        assert invite is not None
        return code, invite

    async def chain_holds(self) -> None:
        async with self.first.db.read() as tx:
            assert await audit.verify(tx) is None


@asynccontextmanager
async def two_bridges(postgres: PostgresServer, **settings: Any) -> AsyncIterator[Two]:
    url = (await postgres.fresh_database()).url
    ids: dict[str, str] = {}
    dbs = [open_database(url, Sealer(KEY), clock=lambda: World.now) for _ in range(2)]
    await migrate.upgrade(dbs[0].engine)
    async with dbs[0].write() as tx:
        await settle(tx, ids)
        ids[DEPUTY] = await accounts.add_person(tx, "Нигдеева", "Майя")
        await accounts.add_account(tx, DEPUTY, ids[DEPUTY])
        await assign(tx, ids, DEPUTY, "appointment", post="administrator")
    worlds = [_world(db, ids, **settings) for db in dbs]
    # Events of the two must not be called the same.
    worlds[1].counter = worlds[0].counter
    yield Two(*worlds)
    for db in dbs:
        await db.close()


def _world(db: Database, ids: dict[str, str], **settings: Any) -> World:
    async def join(_room_id: str) -> None:
        return

    async def name_of(_mxid: str) -> str:
        return ""

    async def contacts_of(_mxid: str) -> list[tuple[str, str]]:
        return []

    texts = Texts()
    chosen = BotSettings(**{**SETTINGS, **settings})
    bot = Bot(db, texts, chosen, join, name_of, contacts_of, **absent(db))
    return World(db, bot, texts, {}, [], {}, ids)


@pytest_asyncio.fixture
async def two(postgres: PostgresServer) -> AsyncIterator[Two]:
    async with two_bridges(postgres) as made:
        yield made


async def message(world: World, who: str, text: str) -> dict[str, Any]:
    """Make a message to the bot that is still on its way."""
    return await world.event(who, "m.room.message", {"msgtype": "m.text", "body": text})


async def arrives(world: World, event: dict[str, Any]) -> asyncio.Task[None]:
    """Let a message arrive at one bridge, which has to wait for what the other holds."""
    begun = asyncio.create_task(world.arrive(event))
    await asyncio.sleep(BLOCKED)
    assert not begun.done(), "it was to wait for the other"
    return begun


async def told(two: Two, who: str) -> list[str]:
    return [said.body for said in await two.first.heard() if said.to == who]


# --- an invite --------------------------------------------------------------------------------


async def test_an_invite_for_one_serves_one_though_two_confirm_at_once(
    postgres: PostgresServer,
) -> None:
    async with two_bridges(postgres, single_use=True) as two:
        code, invite = await two.code()
        await two.second.write(STRANGER, code)
        child_id, mother = two.first.ids[PUPIL], two.first.ids[MOTHER]
        event = await message(two.second, STRANGER, "подтвердить")
        async with two.first.db.write() as tx:
            link = ParentLink(child_id, mother, LinkState.ACTIVE)
            assert await kin.link(tx, link, mother) is None
            assert await invites.use(tx, invite.id, mother, once=True)
            late = await arrives(two.second, event)
        await late
        assert [link.parent_id for link in await two.first.links()] == [mother]
        assert await told(two, STRANGER) == [two.first.text("e-used")]
        async with two.first.db.read() as tx:
            assert await accounts.person_of(tx, STRANGER) is None
        await two.chain_holds()


async def test_nobody_is_linked_by_an_invite_that_is_being_revoked(two: Two) -> None:
    code, _ = await two.code()
    await two.second.write(STRANGER, code)
    event = await message(two.second, STRANGER, "подтвердить")
    async with two.first.db.write() as tx:
        pupil = two.first.ids[PUPIL]
        assert await invites.revoke(tx, pupil, pupil, "by the child")
        late = await arrives(two.second, event)
    await late
    assert await two.first.links() == []
    assert await told(two, STRANGER) == [two.first.text("e-unknown")]


async def test_who_is_being_erased_becomes_no_parent(two: Two) -> None:
    code, _ = await two.code()
    await two.second.write(MOTHER, code)
    event = await message(two.second, MOTHER, "подтвердить")
    async with two.first.db.write() as tx:
        await erasing.erase(tx, two.first.ids[MOTHER], "console", "wish")
        late = await arrives(two.second, event)
    await late
    assert await two.first.links() == []
    await two.chain_holds()


async def test_who_is_being_erased_does_not_come_back(two: Two) -> None:
    code, _ = await two.code()
    await two.first.become_parent(MOTHER, code)
    await two.first.write(MOTHER, "выйти")
    await two.first.write(MOTHER, "да")
    event = await message(two.second, MOTHER, "вернуть")
    async with two.first.db.write() as tx:
        await erasing.erase(tx, two.first.ids[MOTHER], "console", "wish")
        late = await arrives(two.second, event)
    await late
    assert await two.first.links() == []


# --- two words --------------------------------------------------------------------------------


async def test_the_school_and_the_child_give_their_words_at_once(two: Two) -> None:
    child_id, father = two.first.ids[PUPIL], two.first.ids[MOTHER]
    both = frozenset({Waits.SCHOOL, Waits.CHILD})
    async with two.first.db.write() as tx:
        link = ParentLink(child_id, father, LinkState.PENDING, both)
        assert await kin.link(tx, link, father) is None
    event = await message(two.second, PUPIL, f"одобрить {child_id} {father}")
    async with two.first.db.write() as tx:
        assert await kin.approve(tx, child_id, father, Waits.SCHOOL, two.first.ids[TEACHER])
        late = await arrives(two.second, event)
    await late
    [held] = await two.first.links()
    assert (held.state, held.waits_for, held.vouched) == (LinkState.ACTIVE, frozenset(), True)


async def test_a_removal_is_approved_while_the_parent_leaves(two: Two) -> None:
    code, _ = await two.code()
    await two.first.become_parent(MOTHER, code)
    await two.first.write(ADMIN, f"отвязать родителя Ася | Ольга | {PAPER}")
    await two.first.write(MOTHER, "выйти")
    child_id, mother = two.first.ids[PUPIL], two.first.ids[MOTHER]
    [case_id] = [row.id for row in await _rows(two, tables.cases)]
    event = await message(two.second, DEPUTY, f"одобрить {case_id}")
    async with two.first.db.write() as tx:
        assert await kin.unlink(tx, child_id, mother, mother, "left")
        late = await arrives(two.second, event)
        # As the bot does it: what rested on the link is withdrawn.
        c = tables.cases.c
        await tx.run(tables.cases.update().where(c.id == case_id).values(state="withdrawn"))
    await late
    assert await told(two, DEPUTY) == [two.first.text("approve-gone")]
    [case] = await _rows(two, tables.cases)
    assert case.state == "withdrawn"


async def _rows(two: Two, table: Any) -> list[Any]:
    async with two.first.db.read() as tx:
        return list(await tx.all(select(table)))


# --- orders -----------------------------------------------------------------------------------


async def test_two_administrators_dismiss_each_other(two: Two) -> None:
    await two.first.write(ADMIN, "уволить Нигдеева Майя")
    await two.second.write(DEPUTY, "уволить Придуманный Пётр")
    event = await message(two.second, DEPUTY, "да")
    async with two.first.db.write() as tx:
        here = await stored.read(tx, two.first.ids["school"])
        late = await arrives(two.second, event)
        today = date(2026, 9, 22)
        order = staffing.dismiss(here, two.first.ids[DEPUTY], today - timedelta(days=1), today)
        await stored.carry_out(tx, here.id, order, two.first.ids[ADMIN], "dismiss", today)
    await late
    async with two.first.db.read() as tx:
        left = await schools.administrators(tx, two.first.ids["school"], date(2026, 9, 23))
    assert left == [two.first.ids[ADMIN]]
    assert await told(two, DEPUTY) == [two.first.text("staffing-right")]


async def test_an_issuer_is_dismissed_while_a_parent_confirms(two: Two) -> None:
    said = await two.first.write(TEACHER, "пригласить Ася")
    code = next(one.code for one in said if one.holds_code)
    async with two.first.db.read() as tx:
        invite = await invites.find(tx, kinship.read_code(code) or "")
    assert invite is not None
    await two.second.write(ADMIN, "уволить Небывалова Анна по 21.09.2026")
    child_id, mother = two.first.ids[PUPIL], two.first.ids[MOTHER]
    event = await message(two.second, ADMIN, "да")
    async with two.first.db.write() as tx:
        link = ParentLink(child_id, mother, LinkState.ACTIVE)
        assert await kin.link(tx, link, mother) is None
        assert await invites.use(tx, invite.id, mother)
        # Which ends the invite that was just used, and then waits for the school's row.
        late = await arrives(two.second, event)
    await late
    assert len(await two.first.links()) == 1
    assert two.first.text("staffing-done") in await told(two, ADMIN)
    await two.chain_holds()


# --- a pupil's invite -------------------------------------------------------------------------


async def test_a_slip_serves_one_account_though_two_say_yes_at_once(two: Two) -> None:
    async with two.first.db.write() as tx:
        two.first.ids["new"] = await accounts.add_person(tx, "Новенькая", "Вера")
        await assign(tx, two.first.ids, "new", "enrolment", class_id=two.first.ids["5А"])
    said = await two.first.write(TEACHER, "пригласить ученика 5А Новенькая")
    code = next(one.code for one in said if one.holds_code)
    for rounds in (two.first, two.second):
        await rounds.write(STRANGER if rounds is two.first else OTHER, code)
    events = [
        await message(world, who, "да")
        for world, who in ((two.first, STRANGER), (two.second, OTHER))
    ]
    await asyncio.gather(two.first.arrive(events[0]), two.second.arrive(events[1]))
    async with two.first.db.read() as tx:
        assert len(await accounts.mxids_of(tx, two.first.ids["new"])) == 1
        used = select(func.count()).where(tables.pupil_invites.c.used_at.is_not(None))
        assert await tx.value(used) == 1
    await two.chain_holds()
