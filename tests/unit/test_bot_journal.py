"""Who may read which part of the log, and what they learn of others there."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

import sferum_bridge
from sferum_bridge.bot import journal
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.school import access
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import accounts, audit, cases, kin, pupil_invites, schools, tables
from tests.support.bot import (
    ADMIN,
    BROTHER,
    MOTHER,
    OTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LYCEUM = "Лицей № 00"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


async def records(world: World) -> Sequence[tuple[str, str, str, str]]:
    """Return actor, action, subject and school of every record."""
    async with world.db.read() as tx:
        assert await audit.verify(tx) is None
        rows = await tx.all(select(tables.audit).order_by(tables.audit.c.id))
    return [(r.actor, r.action, r.subject, r.school_id) for r in rows]


async def note(world: World, actor: str, action: str, subject: str, reason: str = "") -> None:
    async with world.db.write() as tx:
        audit.record(tx, actor, action, subject, reason, school=world.ids["school"])


async def another_school(world: World, child: str) -> tuple[str, str]:
    """Let a child go to a second school, too; return it and a parent who belongs there."""
    async with world.db.write() as tx:
        school_id = await schools.add(tx, LYCEUM, "Europe/Moscow", "ru")
        row = {"id": "class-lyceum", "school_id": school_id, "name": "1Ы", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
        parent_id = await accounts.add_person(tx, "Лицейская", "Роза")
        audit.record(tx, parent_id, "invite.open", world.ids[child], school=school_id)
        await assign(
            tx, {**world.ids, "school": school_id}, child, "enrolment", class_id="class-lyceum"
        )
    return school_id, parent_id


async def test_an_administrator_reads_who_did_what_with_names_and_the_schools_time(
    world: World,
) -> None:
    await world.become_parent(MOTHER, await world.invite())
    [page] = await world.write(ADMIN, "!журнал")
    lines = page.body.splitlines()
    # 14:13 of 21 September in UTC is 00:13 of the 22nd in Vladivostok.
    assert any(
        line.startswith("• 22 сент. 2026")
        and "Ольга Выдумкина: родитель подключён · Ася Выдумкина" in line
        and "parent Ольга Выдумкина" in line
        for line in lines
    )
    assert "Ася Выдумкина: создано приглашение для родителя" in page.body
    assert not re.search("[0-9a-f]{20}", page.body)
    reader = (world.ids[ADMIN], "journal.read", world.ids["school"], world.ids["school"])
    assert (await records(world))[-1] == reader


async def test_it_is_narrowed_to_a_person_and_paged_by_a_reaction(world: World) -> None:
    for number in range(7):
        await note(world, "console", "roster.apply", world.ids[PUPIL], f"line {number}")
    await note(world, "console", "roster.apply", world.ids[BROTHER], "brother")
    [page] = await world.write(ADMIN, "журнал Ася 3")
    assert [n for n in range(7) if f"line {n}" in page.body] == [4, 5, 6]
    assert "brother" not in page.body
    assert page.offers == ["⏭"]
    [second] = await world.tap(ADMIN, page, "⏭")
    # The reading of the first page stands before it in time, and so on no later page.
    assert [n for n in range(7) if f"line {n}" in second.body] == [1, 2, 3]
    [third] = await world.tap(ADMIN, second, "⏭\ufe0f")
    assert [n for n in range(7) if f"line {n}" in third.body] == [0]
    assert third.offers == []
    read = [subject for _, action, subject, _ in await records(world) if action == "journal.read"]
    assert read == [world.ids[PUPIL]] * 3


async def test_namesakes_are_chosen_from_and_nobody_is_told(world: World) -> None:
    await note(world, "console", "roster.apply", world.ids[BROTHER], "only the brother")
    [choice] = await world.write(ADMIN, "журнал Выдумкин")
    # Фома alone is so called; both others are Выдумкина.
    assert "only the brother" in choice.body
    [choice] = await world.write(ADMIN, "журнал Выдумкина")
    assert choice.offers == ["1️⃣", "2️⃣"]
    [page] = await world.tap(ADMIN, choice, "2️⃣")
    # Nothing was done with these data but that they were shown in that very list.
    [line] = [line for line in page.body.splitlines() if line.startswith("•")]
    assert "Пётр Придуманный: показан в списке поиска · Ася Выдумкина" in line
    [nobody] = await world.write(ADMIN, "журнал Никтошина")
    assert nobody.body == world.text("find-nobody")


async def test_whom_a_search_shows_is_recorded_one_by_one_and_who_finds_nobody_sees_nothing(
    world: World,
) -> None:
    await world.write(TEACHER, "найти")
    await world.write(ADMIN, "найти Выдумкин")
    await world.write(ADMIN, "найти Никтошина")
    await world.write(MOTHER, "найти Ася")
    school = world.ids["school"]
    assert await records(world) == [
        (world.ids[TEACHER], "person.find", world.ids[PUPIL], school),
        (world.ids[ADMIN], "person.find", world.ids[BROTHER], school),
    ]


async def test_opening_a_pupils_invite_is_recorded(world: World) -> None:
    async with world.db.write() as tx:
        newcomer = await accounts.add_person(tx, "Новиков", "Тим")
        await assign(tx, {**world.ids, "new": newcomer}, "new", "enrolment", class_id="class-5a")
        code = await pupil_invites.issue(
            tx,
            newcomer,
            world.ids["school"],
            world.ids[ADMIN],
            access.group(access.Role.ADMINISTRATOR, world.ids["school"]),
            "seed",
            3_600_000,
        )
    [question] = await world.write(STRANGER, code)
    assert "Тим Новиков" in question.body
    opened = (STRANGER, "pupil-invite.open", newcomer, world.ids["school"])
    assert (await records(world))[-1] == opened


@pytest.mark.parametrize("who", [TEACHER, PUPIL, MOTHER])
async def test_nobody_else_reads_about_others(world: World, who: str) -> None:
    await world.become_parent(MOTHER, await world.invite())
    before = await records(world)
    [said] = await world.write(who, "журнал Выдумкин Фома")
    assert said.body == world.text("journal-not-allowed")
    assert await records(world) == before


async def test_staff_without_a_family_here_have_no_journal_and_outsiders_learn_nothing(
    world: World,
) -> None:
    [said] = await world.write(TEACHER, "журнал")
    assert said.body == world.text("journal-not-allowed")
    [said] = await world.write(STRANGER, "журнал")
    assert "служебный помощник" in said.body


async def test_a_pupil_reads_about_themselves_with_roles_for_names(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await note(world, world.ids[TEACHER], "person.correct", world.ids[PUPIL], "family_name")
    await note(world, "console", "roster.apply", world.ids[BROTHER], "of the brother")
    [page] = await world.write(PUPIL, "журнал")
    assert "сотрудник школы: данные исправлены · вы" in page.body
    assert "родитель: родитель подключён · вы" in page.body
    for secret in ("Ольга", "Небывалова", "brother", world.ids[MOTHER], "family_name"):
        assert secret not in page.body
    assert (await records(world))[-1] == (
        *(world.ids[PUPIL], "journal.read", world.ids[PUPIL]),
        "",
    )


async def test_nothing_of_another_school_is_shown_nor_any_name_from_there(world: World) -> None:
    lyceum, stranger = await another_school(world, PUPIL)
    await note(world, stranger, "invite.refused", world.ids[PUPIL], f"parent {stranger}")
    [page] = await world.write(ADMIN, "журнал Ася")
    assert "открыто приглашение" not in page.body
    assert "—: приглашение не принято · Ася Выдумкина · parent —" in page.body
    for secret in ("Роза", "Лицей", stranger):
        assert secret not in page.body
    assert all(
        school != lyceum for _, action, _, school in await records(world) if "read" in action
    )


async def test_an_account_of_somebody_elsewhere_is_not_named_but_an_unknown_one_is(
    world: World,
) -> None:
    _, stranger = await another_school(world, BROTHER)
    async with world.db.write() as tx:
        await accounts.add_account(tx, OTHER, stranger)
    await note(world, OTHER, "invite.open", world.ids[PUPIL])
    await note(world, STRANGER, "invite.open", world.ids[PUPIL])
    [page] = await world.write(ADMIN, "журнал")
    assert OTHER not in page.body
    assert f"{STRANGER}: открыто приглашение" in page.body


async def test_the_id_of_a_case_stays_and_an_action_without_a_text_shows_its_name(
    world: World,
) -> None:
    case = schools.new_id()
    await note(world, world.ids[ADMIN], "moon.landing", world.ids[PUPIL], f"case {case}")
    [page] = await world.write(ADMIN, "журнал")
    assert f"moon.landing · Ася Выдумкина · case {case}" in page.body


async def test_who_administers_no_more_reads_no_more(world: World) -> None:
    async with world.db.write() as tx:
        a = tables.assignments
        mine = a.c.person_id == world.ids[ADMIN]
        await tx.run(a.update().where(mine).values(until=date(2026, 9, 1)))
    [said] = await world.write(ADMIN, "журнал")
    assert said.body == world.text("journal-not-allowed")


async def test_a_pending_parent_reads_about_themselves(world: World) -> None:
    async with world.db.write() as tx:
        link = ParentLink(world.ids[BROTHER], world.ids[MOTHER], LinkState.PENDING)
        assert await kin.link(tx, link, world.ids[MOTHER]) is None
    [page] = await world.write(MOTHER, "journal")
    assert "you: parent waits to be checked · a child" in page.body


def test_every_action_that_is_recorded_has_a_text(world: World) -> None:
    folder = Path(sferum_bridge.__file__).parent
    code = "\n".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    calls = re.findall(r"audit\.record\((?:[^()]|\([^()]*\))*\)", code)
    actions = {name for call in calls for name in re.findall(r'"([a-z-]+\.[a-z-]+)"', call)}
    actions |= {
        f"{kind.value}.{state}"
        for kind in cases.Kind
        for state in ("open", "approved", "rejected", "withdrawn")
    }
    actions |= {f"parent.{what}" for what in ("active", "pending", "approve", "unlink", "restore")}
    assert len(actions) > 30
    for name in actions:
        for language in LANGUAGES:
            assert journal.action(world.texts, language, name).body != name, name
