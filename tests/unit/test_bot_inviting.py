"""Invites for parents: everybody who may, in every shape, and everybody who may not."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.reach import Action
from sferum_bridge.store import accounts, audit, schools, tables
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    MOTHER,
    OTHER,
    PUPIL,
    SCHOOL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

CHILD = "5А Выдумкина Ася"
DEPUTY = "@zavuch:school.example"
STUDENT = "@studentka:school.example"
LYCEUM = "Лицей № 0 города Небывальска"
ISSUER = "Анна Небывалова"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


def to(said: list[Said], mxid: str) -> Said:
    """Return the one message to somebody, files aside."""
    [found] = [s for s in said if s.to == mxid and not s.file]
    return found


def sheet(said: list[Said]) -> str:
    [found] = [s.file for s in said if s.file.startswith("<!doctype html>")]
    return found


def codes(document: str) -> list[str]:
    return re.findall(r"<code>((?:[0-9A-Z]{4}-){6}[0-9A-Z]{4})</code>", document)


async def add(world: World, mxid: str, family_name: str, given_name: str, **more: Any) -> str:
    """Bring somebody into the world who has an account, and perhaps a date of birth."""
    async with world.db.write() as tx:
        world.ids[mxid] = await accounts.add_person(tx, family_name, given_name)
        await accounts.add_account(tx, mxid, world.ids[mxid])
        if more:
            change = update(tables.people).where(tables.people.c.id == world.ids[mxid])
            await tx.run(change.values(**more))
    return world.ids[mxid]


async def give(world: World, mxid: str, kind: str, *, school: str = "", **what: Any) -> None:
    ids = {**world.ids, "school": school or world.ids["school"]}
    async with world.db.write() as tx:
        await assign(tx, ids, mxid, kind, **what)


async def second_school(world: World) -> tuple[str, str]:
    """Open another school with a 5А of its own; return the ids of both."""
    async with world.db.write() as tx:
        school_id = await schools.add(tx, LYCEUM, "Europe/Moscow", "ru")
        row = {"id": "class-of-lyceum", "school_id": school_id, "name": "5А", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
    return school_id, "class-of-lyceum"


async def rows(world: World, table: Any) -> list[Any]:
    async with world.db.read() as tx:
        return list(await tx.all(select(table)))


async def two_parents(world: World) -> None:
    code = await world.invite()
    await world.become_parent(MOTHER, code)
    await world.become_parent(OTHER, code)


async def is_dead(world: World, code: str) -> bool:
    [answer] = await world.write(STRANGER, code)
    return answer.body == world.text("e-unknown")


# --- by the child ---------------------------------------------------------------------------


async def test_a_pupil_gets_a_picture_beside_the_code(world: World) -> None:
    answer, picture = await world.write(PUPIL, "!пригласить родителя")
    assert answer.holds_code
    assert "обоим родителям" in answer.body
    assert (picture.to, picture.room) == (answer.to, answer.room)
    assert "PNG" in picture.file[:8]
    assert answer.code not in picture.file


async def test_under_single_use_the_text_promises_one_parent() -> None:
    async with a_world(single_use=True) as world:
        answer, _picture = await world.write(PUPIL, "пригласить")
        assert "одному родителю" in answer.body
        said = await world.write(TEACHER, f"листок {CHILD}")
        assert "подходит одному родителю" in sheet(said)


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("пригласить маму завтра", "ru"),
        ("invite my parent tomorrow", "en"),
        ("пригласить Фома", "ru"),
    ],
)
async def test_a_pupil_who_adds_words_is_not_taken_at_them(
    world: World, words: str, language: str
) -> None:
    code = await world.invite()
    [answer] = await world.write(PUPIL, words)
    assert answer.body == world.text("invite-words", language)
    assert len(await rows(world, tables.invites)) == 1
    assert not await is_dead(world, code)


async def test_a_pupil_takes_the_own_invite_back(world: World) -> None:
    code = await world.invite()
    for words in ("отозвать маму", "revoke it please"):
        await world.write(PUPIL, words)
        assert not await is_dead(world, code)
    [answer] = await world.write(PUPIL, "отозвать приглашение")
    assert answer.body == world.text("revoke-done")
    assert await is_dead(world, code)
    [answer] = await world.write(PUPIL, "отозвать")
    assert answer.body == world.text("revoke-none")


async def test_taking_back_ends_an_invite_and_no_parent(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await world.write(PUPIL, "отозвать")
    assert len(await world.links()) == 1


def test_withdrawing_a_consent_is_not_taking_an_invite_back() -> None:
    for text, name in (
        ("отозвать согласие", Name.WITHDRAW),
        ("отозвать согласие Ася", Name.WITHDRAW),
        ("отозвать приглашение Ася", Name.REVOKE),
        ("отозвать Ася", Name.REVOKE),
    ):
        found = commands.parse(text, prefix="!", direct=True)
        assert found is not None
        assert found.name is name


# --- by the school --------------------------------------------------------------------------


async def test_a_class_teacher_invites_for_a_child_without_a_phone(world: World) -> None:
    old = await world.invite()
    said = await world.write(TEACHER, f"!пригласить родителя {CHILD}")
    answer, picture = (s for s in said if s.to == TEACHER)
    assert "Ася Выдумкина" in answer.body
    assert f"https://school.example/i/{answer.code}" in answer.body
    assert "PNG" in picture.file[:8]
    told = to(said, PUPIL)
    assert told.body == world.text("invite-told", issuer=ISSUER)
    assert not told.holds_code
    assert await is_dead(world, old)
    await world.become_parent(MOTHER, answer.code)
    [link] = await world.links()
    assert link.parent_id == world.ids[MOTHER]


async def test_an_invite_says_by_whose_right_it_was_issued_and_is_logged(world: World) -> None:
    await world.write(TEACHER, f"пригласить {CHILD}")
    await world.write(ADMIN, "invite Выдумкин Фома")
    by_child = {row.child_id: row for row in await rows(world, tables.invites)}
    first, second = by_child[world.ids[PUPIL]], by_child[world.ids[BROTHER]]
    assert first.issued_as == f"class/{world.ids['5А']}/leaders"
    assert second.issued_as == f"school/{world.ids['school']}/administrators"
    assert (first.issued_by, second.issued_by) == (world.ids[TEACHER], world.ids[ADMIN])
    logged = [
        (row.actor, row.action, row.subject, row.reason) for row in await rows(world, tables.audit)
    ]
    for row in (first, second):
        expected = (row.issued_by, "invite.issue", row.child_id, f"as {row.issued_as}")
        assert expected in logged


async def test_a_repeated_event_gives_the_same_code_and_tells_the_child_once(world: World) -> None:
    content = {"msgtype": "m.text", "body": f"пригласить {CHILD}"}
    event = await world.event(TEACHER, "m.room.message", content)
    await world.arrive(event)
    await world.arrive(event)
    said = await world.heard()
    assert len([s for s in said if s.to == PUPIL]) == 1
    assert len(await rows(world, tables.invites)) == 1


async def test_an_invite_ends_with_the_right_it_was_issued_by(world: World) -> None:
    # Scenario 33: her outstanding invites are void, the child's own is not.
    said = await world.write(TEACHER, f"пригласить {CHILD}")
    code = next(s for s in said if s.holds_code).code
    assert not await is_dead(world, code)
    async with world.db.write() as tx:
        c = tables.assignments.c
        led = update(tables.assignments).where(c.kind == "leadership")
        await tx.run(led.values(until=date(2026, 9, 1)))
    assert await is_dead(world, code)
    [answer] = await world.write(TEACHER, f"пригласить {CHILD}")
    assert answer.body == world.text("e-right", action=Action.INVITE)
    assert not await is_dead(world, await world.invite())


async def test_a_class_teacher_has_the_own_class_only(world: World) -> None:
    before = await rows(world, tables.invites)
    for name in ("Выдумкин Фома", "9Б Выдумкин Фома", "Нетакой Никто"):
        for command in ("пригласить", "отозвать", "листок"):
            [answer] = await world.write(TEACHER, f"{command} {name}")
            # The same for whom another class has and whom nobody has.
            assert answer.body == world.text("invite-not-yours")
    assert await rows(world, tables.invites) == before


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (f"invite {CHILD}", Action.INVITE),
        (f"revoke {CHILD}", Action.REVOKE),
        ("revoke", Action.REVOKE),
        ("slips 5А", Action.SLIPS),
        (f"slip {CHILD}", Action.SLIPS),
    ],
)
async def test_nobody_else_has_the_right(world: World, words: str, action: Action) -> None:
    await add(world, OTHER, "Нотная", "Дарья")
    await give(world, OTHER, "teaching", class_id=world.ids["5А"], subject="пение")
    code = await world.invite()
    for mxid in (MOTHER, OTHER):
        [answer] = await world.write(mxid, words)
        assert answer.body == world.text("e-right", "en", action=action)
    [answer] = await world.write(STRANGER, words)
    assert "Ася" not in answer.body
    assert len(await rows(world, tables.invites)) == 1
    assert not await is_dead(world, code)


async def test_another_pupil_cannot_invite_for_a_classmate(world: World) -> None:
    for words, text in (("пригласить", "invite-words"), ("отозвать", "revoke-words")):
        [answer] = await world.write(BROTHER, f"{words} {CHILD}")
        assert answer.body == world.text(text)
    [answer] = await world.write(BROTHER, f"листок {CHILD}")
    assert answer.body == world.text("e-right", action=Action.SLIPS)
    assert await rows(world, tables.invites) == []


async def test_staff_who_name_nobody_learn_how(world: World) -> None:
    for words, text in (("пригласить", "invite-how"), ("отозвать", "revoke-how")):
        [answer] = await world.write(TEACHER, words)
        assert answer.body == world.text(text)
    [answer] = await world.write(ADMIN, "листки")
    assert answer.body == world.text("slips-how")


async def test_two_parents_leave_no_room_for_an_invite_of_the_school(world: World) -> None:
    await two_parents(world)
    count = len(await rows(world, tables.invites))
    for words in ("пригласить", "листок"):
        [answer] = await world.write(TEACHER, f"{words} {CHILD}")
        assert answer.body == world.text("e-full-school", child="Ася Выдумкина")
        assert "Ольга" not in answer.body
    assert len(await rows(world, tables.invites)) == count


async def test_staff_take_an_invite_back_and_the_child_learns_it(world: World) -> None:
    code = await world.invite()
    said = await world.write(TEACHER, f"отозвать {CHILD}")
    assert to(said, TEACHER).body == world.text("revoke-done-school", child="Ася Выдумкина")
    assert to(said, PUPIL).body == world.text("revoke-told", issuer=ISSUER)
    assert await is_dead(world, code)
    [answer] = await world.write(ADMIN, f"отозвать {CHILD}")
    assert answer.body == world.text("revoke-none-school", child="Ася Выдумкина")


# --- nobody for the own child ---------------------------------------------------------------


@pytest.mark.parametrize("tie", ["expected", "denied", "linked"])
@pytest.mark.parametrize("who", [TEACHER, ADMIN])
async def test_staff_do_not_invite_to_their_own_child(world: World, who: str, tie: str) -> None:
    if tie == "linked":
        await world.become_parent(who, await world.invite())
    else:
        async with world.db.write() as tx:
            await expect(tx, world.ids, PUPIL, who)
            change = update(tables.expected_parents).where(
                tables.expected_parents.c.parent_id == world.ids[who]
            )
            await tx.run(change.values(access=tie == "expected"))
    count = len(await rows(world, tables.invites))
    for words in ("пригласить", "листок"):
        [answer] = await world.write(who, f"{words} {CHILD}")
        assert answer.body == world.text("invite-own-child")
    [answer] = await world.write(who, "листки 5А")
    assert world.text("slips-own-child") in answer.body
    assert len(await rows(world, tables.invites)) == count
    # Somebody else of the school may.
    other = ADMIN if who == TEACHER else TEACHER
    said = await world.write(other, f"пригласить {CHILD}")
    assert any(s.holds_code for s in said)


# --- who is meant ---------------------------------------------------------------------------


async def test_of_namesakes_the_chosen_one_is_invited_for(world: World) -> None:
    for mxid in ("@lev1:school.example", "@lev2:school.example"):
        await add(world, mxid, "Сказочный", "Лев")
        await give(world, mxid, "enrolment", class_id=world.ids["5А"])
    [question] = await world.write(TEACHER, "пригласить Сказочный Лев")
    assert question.offers == ["1️⃣", "2️⃣"]
    assert await rows(world, tables.invites) == []
    second = sorted((world.ids[f"@lev{n}:school.example"], n) for n in (1, 2))[1]
    said = await world.tap(TEACHER, question, "2️⃣")
    assert "Лев Сказочный (2)" in next(s for s in said if s.holds_code).body
    [row] = await rows(world, tables.invites)
    assert row.child_id == second[0]
    assert to(said, f"@lev{second[1]}:school.example").body.startswith("Школа")
    # The offer was the teacher's: nobody else can tap it.
    assert await world.tap(MOTHER, question, "1️⃣") == []


@pytest.mark.parametrize("typed", ["2", "2)", "2\ufe0f\u20e3", " 2. "])
async def test_the_chosen_ones_number_may_be_typed(world: World, typed: str) -> None:
    for mxid in ("@lev1:school.example", "@lev2:school.example"):
        await add(world, mxid, "Сказочный", "Лев")
        await give(world, mxid, "enrolment", class_id=world.ids["5А"])
    await world.write(TEACHER, "пригласить Сказочный Лев")
    [answer] = await world.write(TEACHER, "3")
    assert answer.body == world.text("not-understood")
    [answer] = await world.write(BROTHER, typed)
    assert answer.body == world.text("not-understood")
    said = await world.write(TEACHER, typed)
    assert "Лев Сказочный (2)" in next(s for s in said if s.holds_code).body


async def test_the_right_is_looked_at_again_when_the_choice_comes_late(world: World) -> None:
    for mxid in ("@lev1:school.example", "@lev2:school.example"):
        await add(world, mxid, "Сказочный", "Лев")
        await give(world, mxid, "enrolment", class_id=world.ids["5А"])
    [question] = await world.write(TEACHER, "листок Сказочный Лев")
    async with world.db.write() as tx:
        c = tables.assignments.c
        await tx.run(
            update(tables.assignments).where(c.kind == "leadership").values(until=date(2026, 9, 1))
        )
    [answer] = await world.tap(TEACHER, question, "1️⃣")
    assert answer.body == world.text("e-right", action=Action.SLIPS)
    assert await rows(world, tables.invites) == []


async def test_an_administrator_of_two_schools_is_told_which_is_which(world: World) -> None:
    school_id, class_id = await second_school(world)
    await add(world, STUDENT, "Выдумкина", "Ася")
    await give(world, STUDENT, "enrolment", school=school_id, class_id=class_id)
    # Of one school there is one Асю only, and nothing is asked (I-8).
    said = await world.write(ADMIN, f"пригласить {CHILD}")
    assert PUPIL in {s.to for s in said}
    assert STUDENT not in {s.to for s in said}
    await give(world, ADMIN, "appointment", school=school_id, post="administrator")
    [question] = await world.write(ADMIN, f"пригласить {CHILD}")
    assert LYCEUM in question.body
    assert SCHOOL in question.body
    lines = [line for line in question.body.splitlines() if LYCEUM in line]
    [number] = [offer for offer in question.offers if offer in lines[0]]
    said = await world.tap(ADMIN, question, number)
    assert STUDENT in {s.to for s in said}
    invite = next(row for row in await rows(world, tables.invites) if row.school_id == school_id)
    assert invite.issued_as == f"school/{school_id}/administrators"


async def test_a_pupil_of_both_schools_is_one_person(world: World) -> None:
    school_id, class_id = await second_school(world)
    await give(world, ADMIN, "appointment", school=school_id, post="administrator")
    await give(world, PUPIL, "enrolment", school=school_id, class_id=class_id)
    said = await world.write(ADMIN, "пригласить Выдумкина Ася")
    assert any(s.holds_code for s in said)


async def test_another_schools_administrator_finds_nobody(world: World) -> None:
    school_id, _ = await second_school(world)
    await add(world, DEPUTY, "Лицейский", "Егор")
    await give(world, DEPUTY, "appointment", school=school_id, post="administrator")
    for words in (f"пригласить {CHILD}", f"пригласить {world.ids[PUPIL]}", "листки 5А"):
        [answer] = await world.write(DEPUTY, words)
        assert answer.body == world.text("find-nobody")
    [answer] = await world.write(DEPUTY, f"листки {world.ids['5А']}")
    assert answer.body == world.text("find-nobody")


# --- paper ----------------------------------------------------------------------------------


async def classmate(world: World, given_name: str = "Лев", family_name: str = "Сказочный") -> str:
    mxid = "@lev:school.example"
    await add(world, mxid, family_name, given_name)
    await give(world, mxid, "enrolment", class_id=world.ids["5А"])
    return mxid


async def test_slips_for_a_class_hold_a_code_that_works_for_each(world: World) -> None:
    mate = await classmate(world)
    said = await world.write(TEACHER, "!листки 5А")
    answer = to(said, TEACHER)
    assert "2 приглашения" in answer.body
    assert not answer.offers
    for mxid in (PUPIL, mate):
        assert to(said, mxid).body == world.text("invite-told", issuer=ISSUER)
    document = sheet(said)
    assert "Ася Выдумкина, 5А" in document
    assert "Лев Сказочный, 5А" in document
    assert "29 сентября 2026" in document
    assert "обоим родителям" in document
    assert "@helper:school.example" in document
    assert "Фома" not in document
    first, second = codes(document)
    assert f"https://school.example/i/{first}" in document
    assert {row.issued_as for row in await rows(world, tables.invites)} == {
        f"class/{world.ids['5А']}/leaders"
    }
    children = set()
    for code in (first, second):
        [question] = await world.write(MOTHER, code)
        children |= {name for name in ("Ася", "Лев") if name in question.body}
    assert children == {"Ася", "Лев"}


async def test_a_class_teacher_of_one_class_need_not_name_it(world: World) -> None:
    assert len(codes(sheet(await world.write(TEACHER, "листки")))) == 1


@pytest.mark.parametrize("how", ["tap", "command"])
async def test_open_invites_end_only_after_a_question(world: World, how: str) -> None:
    await classmate(world)
    code = await world.invite()
    [question] = await world.write(TEACHER, "листки 5 «а»")
    assert question.offers == ["✅"]
    assert "У 1 ученика" in question.body
    assert not await is_dead(world, code)
    assert len(await rows(world, tables.invites)) == 1
    if how == "tap":
        said = await world.tap(TEACHER, question, "✅")
    else:
        command = next(line for line in question.body.splitlines() if world.ids["5А"] in line)
        said = await world.write(TEACHER, command)
    assert len(codes(sheet(said))) == 2
    assert await is_dead(world, code)


async def test_an_expired_invite_is_no_reason_to_ask(world: World) -> None:
    await world.invite()
    world.now += 8 * DAY
    assert sheet(await world.write(TEACHER, "листки 5А"))


async def test_who_has_two_parents_gets_no_slip(world: World) -> None:
    await classmate(world)
    await two_parents(world)
    await world.write(PUPIL, "отозвать")
    said = await world.write(ADMIN, "листки 5А")
    assert world.text("slips-full", count=1) in to(said, ADMIN).body
    document = sheet(said)
    assert "Лев" in document
    assert "Ася" not in document
    assert "Ольга" not in document


async def test_where_nobody_has_room_nothing_is_printed(world: World) -> None:
    await two_parents(world)
    await world.write(PUPIL, "отозвать")
    [answer] = await world.write(ADMIN, "листки 5А")
    assert answer.body.startswith(world.text("slips-none", **{"class": "5А"}))
    assert world.text("slips-full", count=1) in answer.body


async def test_a_slip_for_one_pupil(world: World) -> None:
    await classmate(world)
    old = await world.invite()
    said = await world.write(ADMIN, "slip Выдумкина Ася")
    assert to(said, ADMIN).body == world.text("slip-done", "en", child="Ася Выдумкина")
    # The family reads the school's language, whatever the administrator speaks.
    document = sheet(said)
    assert "Приглашение для родителя" in document
    assert '<html lang="ru">' in document
    [code] = codes(document)
    assert await is_dead(world, old)
    assert not await is_dead(world, code)


async def test_a_class_of_two_schools_is_asked_about_for_each(world: World) -> None:
    school_id, class_id = await second_school(world)
    await give(world, ADMIN, "appointment", school=school_id, post="administrator")
    await add(world, STUDENT, "Лицеева", "Майя")
    await give(world, STUDENT, "enrolment", school=school_id, class_id=class_id)
    questions = await world.write(ADMIN, "листки 5А")
    assert len(questions) == 2
    [lyceum] = [question for question in questions if LYCEUM in question.body]
    assert (
        world.text("slips-ask", **{"class": "5А"}, school=LYCEUM, count=0, command="x")[:-60]
        in lyceum.body[: len(lyceum.body)]
    )
    document = sheet(await world.tap(ADMIN, lyceum, "✅"))
    assert "Майя" in document
    assert "Ася" not in document


async def test_a_hostile_name_is_only_a_name_on_paper(world: World) -> None:
    await classmate(world, "<script>alert(1)</script>", '"><img src=x>')
    document = sheet(await world.write(TEACHER, "листки 5А"))
    assert "<script" not in document
    assert "<img" not in document
    assert "&lt;script&gt;alert(1)" in document


# --- adults who study -----------------------------------------------------------------------


def born(world: World, years: int) -> date:
    """Return the birthday of somebody who turned this old a month ago."""
    today = date(2026, 9, 22) - timedelta(days=30)
    return today.replace(year=today.year - years)


async def a_student(world: World, years: int | None = 20) -> str:
    """Bring an adult who studies in 9Б and is a guardian of Ася into the school."""
    more = {} if years is None else {"birth_date": born(world, years)}
    await add(world, STUDENT, "Учёная", "Вера", **more)
    await give(world, STUDENT, "enrolment", class_id=world.ids["9Б"])
    return STUDENT


@pytest.mark.parametrize("who", [STUDENT, "Учёная Вера"])
async def test_an_adult_who_studies_becomes_a_parent_by_exception(world: World, who: str) -> None:
    await a_student(world)
    code = await world.invite()
    [refused] = await world.write(STUDENT, code)
    assert refused.body == world.text("e-pupil")
    said = await world.write(ADMIN, f"!исключение {CHILD} | {who} | опекун | сестра")
    names = {"child": "Ася Выдумкина", "adult": "Вера Учёная", "reason": "опекун | сестра"}
    assert to(said, ADMIN).body == world.text("exception-done", **names)
    assert to(said, TEACHER).body == world.text("exception-told", **names)
    assert {s.to for s in said} == {ADMIN, TEACHER}
    [row] = await rows(world, tables.overrides)
    assert (row.granted_by, row.reason) == (world.ids[ADMIN], "опекун | сестра")
    logged = [row for row in await rows(world, tables.audit) if row.action == "parent.exception"]
    assert [(row.actor, row.subject) for row in logged] == [(world.ids[ADMIN], world.ids[PUPIL])]
    assert world.ids[STUDENT] in logged[0].reason
    await world.become_parent(STUDENT, code)
    [link] = await world.links()
    assert link.parent_id == world.ids[STUDENT]


async def test_an_exception_is_for_one_child(world: World) -> None:
    await a_student(world)
    await world.write(ADMIN, f"исключение {CHILD} | {STUDENT} | опекун")
    [answer] = await world.write(STUDENT, await world.invite(BROTHER))
    assert answer.body == world.text("e-pupil")


@pytest.mark.parametrize(
    "words", ["", CHILD, f"{CHILD} | {STUDENT}", f"{CHILD} | {STUDENT} | ", f"{CHILD} | | опекун"]
)
async def test_an_exception_needs_child_adult_and_reason(world: World, words: str) -> None:
    await a_student(world)
    [answer] = await world.write(ADMIN, f"исключение {words}".strip())
    assert answer.body == world.text("exception-how")
    assert await rows(world, tables.overrides) == []


@pytest.mark.parametrize("mxid", [TEACHER, PUPIL, MOTHER, STUDENT])
async def test_only_an_administrator_makes_an_exception(world: World, mxid: str) -> None:
    await a_student(world)
    [answer] = await world.write(mxid, f"исключение {CHILD} | {STUDENT} | опекун")
    assert answer.body == world.text("e-right", action=Action.EXCEPTION)
    assert await rows(world, tables.overrides) == []


async def test_no_exception_for_a_minor_the_child_or_oneself(world: World) -> None:
    await a_student(world, 17)
    await give(world, ADMIN, "enrolment", class_id=world.ids["9Б"])
    for who, text in (
        (STUDENT, world.text("exception-minor", adult="Вера Учёная")),
        ("Учёная Вера", world.text("exception-minor", adult="Вера Учёная")),
        (PUPIL, world.text("exception-self")),
        (ADMIN, world.text("exception-own")),
        ("Придуманный", world.text("exception-own")),
        ("Нетакая Никто", world.text("exception-nobody")),
    ):
        [answer] = await world.write(ADMIN, f"исключение {CHILD} | {who} | опекун")
        assert answer.body == text
    assert await rows(world, tables.overrides) == []


async def test_an_unknown_date_of_birth_leaves_it_to_the_administrator(world: World) -> None:
    await a_student(world, None)
    await world.write(ADMIN, f"исключение {CHILD} | {STUDENT} | опекун")
    assert len(await rows(world, tables.overrides)) == 1


async def test_an_exception_tells_nothing_about_people_of_another_school(world: World) -> None:
    school_id, class_id = await second_school(world)
    minor, adult = "@minor:school.example", "@adult:school.example"
    for mxid, years in ((minor, 15), (adult, 30)):
        await add(world, mxid, "Лицеева", "Тайна", birth_date=born(world, years))
        await give(world, mxid, "enrolment", school=school_id, class_id=class_id)
    for mxid in (minor, STRANGER):
        [answer] = await world.write(ADMIN, f"исключение {CHILD} | {mxid} | опекун")
        assert answer.body == world.text("exception-unknown", account=mxid)
    [answer] = await world.write(ADMIN, f"исключение {CHILD} | Лицеева Тайна | опекун")
    assert answer.body == world.text("exception-nobody")
    said = await world.write(ADMIN, f"исключение {CHILD} | {adult} | опекун")
    assert all("Тайна" not in s.body for s in said)
    assert {s.to for s in said} == {ADMIN, TEACHER}
    [row] = await rows(world, tables.overrides)
    assert row.person_id == world.ids[adult]


async def test_an_exception_asks_which_child_and_which_adult_are_meant(world: World) -> None:
    for n in (1, 2):
        await add(world, f"@lev{n}:school.example", "Сказочный", "Лев")
        await give(world, f"@lev{n}:school.example", "enrolment", class_id=world.ids["5А"])
        more = {"birth_date": born(world, 20)}
        await add(world, f"@vera{n}:school.example", "Учёная", "Вера", **more)
        await give(world, f"@vera{n}:school.example", "enrolment", class_id=world.ids["9Б"])
    [which] = await world.write(ADMIN, "исключение Сказочный Лев | Учёная Вера | опекун")
    [who] = await world.tap(ADMIN, which, "2️⃣")
    assert "Вера Учёная (1)" in who.body
    assert await rows(world, tables.overrides) == []
    said = await world.tap(ADMIN, who, "1️⃣")
    assert "опекун" in to(said, ADMIN).body
    [row] = await rows(world, tables.overrides)
    assert row.child_id == max(world.ids[f"@lev{n}:school.example"] for n in (1, 2))
    assert row.person_id == min(world.ids[f"@vera{n}:school.example"] for n in (1, 2))


async def test_everything_here_keeps_the_log_whole(world: World) -> None:
    await a_student(world)
    await world.write(TEACHER, "листки 5А")
    await world.write(ADMIN, f"отозвать {CHILD}")
    await world.write(ADMIN, f"исключение {CHILD} | {STUDENT} | опекун")
    logged = await rows(world, tables.audit)
    actions = [row.action for row in logged]
    assert actions == ["invite.issue", "invite.revoke", "parent.exception"]
    names = ("Ася", "Выдумкина", "Вера", "Анна", "Пётр")
    assert not any(name in row.reason for row in logged for name in names)
    async with world.db.read() as tx:
        assert await audit.verify(tx) is None
