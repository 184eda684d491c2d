"""Applications: nothing is learned by making one, and one act of the right person decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio
from sqlalchemy import select, update

from sferum_bridge.bot.reach import Action
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, audit, cases, kin, schools, tables
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    MOTHER,
    OTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.cases import Case
    from tests.support.bot import Said

ROSTERED, GUARDIAN, HIRED = "rostered pupil", "rostered guardian", "rostered teacher"
"""People of the roster without an account."""


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        async with made.db.write() as tx:
            for key, family_name, given_name in (
                (ROSTERED, "Ёлкина", "Алёна"),
                (GUARDIAN, "Ёлкина", "Ольга"),
                (HIRED, "Новенькая", "Мария"),
            ):
                made.ids[key] = await accounts.add_person(tx, family_name, given_name)
            await assign(tx, made.ids, ROSTERED, "enrolment", class_id=made.ids["5А"])
            await assign(tx, made.ids, HIRED, "appointment", post="teacher")
            await expect(tx, made.ids, ROSTERED, GUARDIAN)
        yield made


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


async def the_case(world: World) -> Case:
    """Return the only application that is open."""
    async with world.db.read() as tx:
        [case] = await cases.waiting(tx, world.ids["school"])
    return case


async def person_of(world: World, mxid: str) -> str:
    """Return the id of the person an account is tied to, empty for none."""
    async with world.db.read() as tx:
        person = await accounts.person_of(tx, mxid)
    return person.id if person else ""


async def assignments_of(world: World, mxid: str) -> list[tuple[str, str | None, str]]:
    table = tables.assignments
    query = select(table).where(table.c.person_id == await person_of(world, mxid))
    async with world.db.read() as tx:
        return [(row.kind, row.class_id, row.post) for row in await tx.all(query)]


async def trail(world: World) -> list[tuple[str, str]]:
    """Return the actions of the audit log with the reason, the case's id left out."""
    async with world.db.read() as tx:
        rows = await tx.all(select(tables.audit).order_by(tables.audit.c.id))
        assert await audit.verify(tx) is None
    return [(row.action, row.reason.rpartition("case ")[0].rstrip("; ")) for row in rows]


async def another_school(world: World, name: str, admin: str) -> None:
    async with world.db.write() as tx:
        world.ids[name] = await schools.add(tx, name, "Europe/Moscow", "ru")
        world.ids[admin] = await accounts.add_person(tx, "Соседов", "Яков")
        await accounts.add_account(tx, admin, world.ids[admin])
        ids = {**world.ids, "school": world.ids[name]}
        await assign(tx, ids, admin, "appointment", post="administrator")


# --- what the applicant sees ----------------------------------------------------------------


async def test_an_application_in_one_line_reaches_who_may_decide(world: World) -> None:
    said = await world.write(STRANGER, "!заявка ученик 5А Ёлкина Алёна")
    assert to(said, STRANGER).body == world.text("apply-sent")
    question = to(said, TEACHER)
    for fact in (STRANGER, "ученик", "5А", "Ёлкина Алёна", "есть в этом классе", "✅", "❌"):
        assert fact in question.body
    assert "🔁" not in question.offers
    assert to(said, ADMIN).body == question.body
    assert {s.to for s in said} == {STRANGER, TEACHER, ADMIN}


async def test_step_by_step(world: World) -> None:
    [role] = await world.write(STRANGER, "заявка")
    assert list(role.offers) == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    [asked] = await world.tap(STRANGER, role, "1️⃣")
    assert asked.body == world.text("apply-class")
    [asked] = await world.write(STRANGER, "5 «а»")
    assert asked.body == world.text("apply-name")
    [again] = await world.write(STRANGER, "Алёна")
    assert again.body == asked.body
    [check] = await world.write(STRANGER, "Ёлкина\u202e Алёна")
    for fact in ("ученик", "5 «а»", "Ёлкина Алёна"):
        assert fact in check.body
    said = await world.write(STRANGER, "да")
    assert to(said, STRANGER).body == world.text("apply-sent")
    assert "есть в этом классе — Алёна Ёлкина (5А)" in to(said, TEACHER).body


async def test_a_number_may_be_typed_until_something_else_is_asked(world: World) -> None:
    await another_school(world, "Лицей № 2", OTHER)
    [role] = await world.write(STRANGER, "заявка")
    [again] = await world.write(STRANGER, "7")
    assert again.body == role.body
    world.now += 1000
    [asked] = await world.write(STRANGER, "2.")
    assert asked.body == world.text("apply-school")
    world.now += 1000
    [asked] = await world.write(STRANGER, "2")
    assert asked.body == world.text("apply-class")


async def test_a_parent_names_the_child_and_themselves(world: World) -> None:
    [asked] = await world.write(STRANGER, "заявка родитель 5А Ёлкина Алёна")
    assert asked.body == world.text("apply-name")
    [check] = await world.write(STRANGER, "Ёлкина Ольга")
    said = await world.tap(STRANGER, check, "✅")
    question = to(said, TEACHER).body
    for fact in ("родитель", "Ребёнок: Ёлкина Алёна", "Ёлкина Ольга", "с таким именем указан"):
        assert fact in question


async def test_what_is_asked_can_be_left_and_changed(world: World) -> None:
    [role] = await world.write(STRANGER, "заявка")
    [asked] = await world.write(STRANGER, "мои дети")
    assert asked.body == role.body
    [asked] = await world.write(STRANGER, "учитель")
    assert asked.body == world.text("apply-name")
    [check] = await world.write(STRANGER, "Новенькая Мария")
    [again] = await world.write(STRANGER, "что дальше?")
    assert again.body == check.body
    [left] = await world.tap(STRANGER, again, "❌")
    assert left.body == world.text("apply-cancelled")
    [gone] = await world.tap(STRANGER, check, "✅")
    assert gone.body == world.text("apply-gone")
    [outside] = await world.write(STRANGER, "да")
    assert "`" not in outside.body
    assert "Чтобы войти, нужно приглашение" in outside.body


async def test_a_tap_below_an_older_question_hands_over_nothing_else(world: World) -> None:
    await world.write(STRANGER, "заявка учитель")
    [first] = await world.write(STRANGER, "Новенькая Мария")
    await world.write(STRANGER, "заявка сотрудник")
    [second] = await world.write(STRANGER, "Другой Кто-то")
    [again] = await world.tap(STRANGER, first, "✅")
    assert again.body == second.body
    said = await world.tap(STRANGER, again, "✅")
    assert "Другой Кто-то" in to(said, ADMIN).body


async def test_a_tap_about_something_else_hands_nothing_over(world: World) -> None:
    # Somebody with an invite's question open begins an application, and confirms the older one.
    [question] = await world.write(MOTHER, await world.invite())
    await world.write(MOTHER, "заявка учитель")
    await world.write(MOTHER, "Выдумкина Ольга")
    await world.tap(MOTHER, question, "✅")
    assert len(await world.links()) == 1
    async with world.db.read() as tx:
        assert not await cases.waiting(tx, world.ids["school"])


async def test_the_answer_is_the_same_whatever_is_true(world: World) -> None:
    contents = []
    for number, line in enumerate(
        (
            "заявка ученик 5А Ёлкина Алёна",
            "заявка ученик 5А Выдумкина Ася",
            "заявка ученик 99Я Небывалый Никто",
            "заявка учитель Новенькая Мария",
            "заявка сотрудник Небывалый Никто",
        )
    ):
        mxid = f"@stranger-{number}:school.example"
        contents.append(to(await world.write(mxid, line), mxid).content)
    assert all(content == contents[0] for content in contents)


async def test_with_several_schools_the_answer_is_the_same_too(world: World) -> None:
    await another_school(world, "Лицей № 7", OTHER)
    contents, heard = [], []
    for number, school in enumerate(("школа 0", "лицей 7", "гимназия 12", "школа или лицей")):
        mxid = f"@stranger-{number}:school.example"
        [asked] = await world.write(mxid, "заявка ученик 5А Ёлкина Алёна")
        assert asked.body == world.text("apply-school")
        [check] = await world.write(mxid, school)
        said = await world.tap(mxid, check, "✅")
        contents.append(to(said, mxid).content)
        heard.append({s.to for s in said} - {mxid})
    assert all(content == contents[0] for content in contents)
    assert heard == [{TEACHER, ADMIN}, {OTHER}, set(), set()]


async def test_a_class_that_is_not_there_is_the_administrators_business(world: World) -> None:
    said = await world.write(STRANGER, "заявка ученик 5Б Ёлкина Алёна")
    assert {s.to for s in said} == {STRANGER, ADMIN}
    assert "в этом классе нет, есть в другом — Алёна Ёлкина (5А)" in to(said, ADMIN).body


async def test_before_the_decision_nothing_changes(world: World) -> None:
    before = await person_of(world, STRANGER)
    await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")
    assert (before, await person_of(world, STRANGER)) == ("", "")
    outside = [await world.write(who, "кто я") for who in (STRANGER, OTHER)]
    assert [s.body for s in outside[0]] == [s.body for s in outside[1]]


async def test_applications_are_limited_for_each_account_alone(world: World) -> None:
    for _ in range(3):
        await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")
    for line in ("заявка ученик 5А Ёлкина Алёна", "заявка"):
        [answer] = await world.write(STRANGER, line)
        assert answer.body == world.text("e-rate", minutes=24 * 60)
    assert len(await world.write(OTHER, "заявка учитель Новенькая Мария")) > 1
    world.now += DAY + 1
    assert len(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")) > 1


async def test_a_new_application_replaces_the_open_one(world: World) -> None:
    first = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), ADMIN)
    await world.write(STRANGER, "заявка учитель Новенькая Мария")
    assert (await the_case(world)).content["role"] == "teacher"
    [answer] = await world.tap(ADMIN, first, "✅")
    assert answer.body == world.text("approve-gone")
    assert ("application.withdrawn", "a newer application") in await trail(world)


async def test_what_was_typed_lies_sealed(world: World) -> None:
    await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")
    async with world.db.read() as tx:
        row = await tx.first(select(tables.cases))
        log = await tx.all(select(tables.audit))
    assert row is not None
    assert "Алёна".encode() not in row.sealed
    assert not any("лёна" in str(value) for record in log for value in record)


async def test_english_is_answered_in_english(world: World) -> None:
    [role] = await world.write(STRANGER, "apply")
    assert role.body == world.text("apply-role", "en")
    [asked] = await world.tap(STRANGER, role, "3️⃣")
    assert asked.body == world.text("apply-name", "en")


# --- who decides ----------------------------------------------------------------------------


async def test_nobody_else_can_decide(world: World) -> None:
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Чужая", "Зоя")
        await accounts.add_account(tx, OTHER, world.ids[OTHER])
        await assign(tx, world.ids, OTHER, "leadership", class_id=world.ids["9Б"])
    await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")
    case_id = (await the_case(world)).id
    for who in (OTHER, PUPIL, MOTHER):
        for words in ("одобрить {}", "отклонить {}", "сменить роль {} родитель"):
            [answer] = await world.write(who, words.format(case_id))
            assert answer.body == world.text("e-right", action=Action.APPROVE)
    assert (await the_case(world)).id == case_id
    assert "Чтобы войти" in (await world.write(STRANGER, f"одобрить {case_id}"))[0].body


async def test_staff_are_for_the_administrator_alone(world: World) -> None:
    said = await world.write(STRANGER, "заявка учитель Новенькая Мария")
    assert {s.to for s in said} == {STRANGER, ADMIN}
    [answer] = await world.write(TEACHER, f"одобрить {(await the_case(world)).id}")
    assert answer.body == world.text("e-right", action=Action.APPROVE)


async def test_nobody_decides_about_themselves(world: World) -> None:
    said = await world.write(ADMIN, "заявка родитель 5А Ёлкина Алёна, Придуманный Пётр")
    assert {s.to for s in said} == {ADMIN, TEACHER}
    case_id = (await the_case(world)).id
    for words in (f"одобрить {case_id}", f"сменить роль {case_id} родитель"):
        [answer] = await world.write(ADMIN, words)
        assert answer.body == world.text("e-right", action=Action.APPROVE)
    [answer] = await world.write(ADMIN, "одобрить")
    assert answer.body == world.text("approve-none")


async def test_the_right_is_looked_at_when_it_is_used(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), TEACHER)
    async with world.db.write() as tx:
        table = tables.assignments
        await tx.run(
            update(table)
            .where(table.c.person_id == world.ids[TEACHER], table.c.kind == "leadership")
            .values(class_id=world.ids["9Б"])
        )
    [answer] = await world.tap(TEACHER, question, "✅")
    assert answer.body == world.text("e-right", action=Action.APPROVE)
    assert await person_of(world, STRANGER) == ""


async def test_what_waits_is_asked_again(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), TEACHER)
    [again] = await world.write(TEACHER, "заявки")
    assert again.body == question.body
    await world.tap(TEACHER, again, "✅")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]


# --- approving ------------------------------------------------------------------------------


async def test_a_pupil_of_the_roster_gets_the_account(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), ADMIN)
    said = await world.tap(ADMIN, question, "✅")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]
    assert world.renamed == {STRANGER: "Алёна Ёлкина"}
    assert to(said, STRANGER).body == world.text("application-approved-pupil", name="Алёна Ёлкина")
    assert STRANGER in to(said, TEACHER).body
    assert {s.to for s in said} == {STRANGER, TEACHER, ADMIN}
    [who] = await world.write(STRANGER, "кто я")
    assert "вы учитесь: 5А" in who.body
    assert await trail(world) == [
        ("application.open", ""),
        ("application.approved", ""),
        ("account.tie", ""),
    ]


async def test_two_namesakes_are_chosen_from(world: World) -> None:
    async with world.db.write() as tx:
        world.ids["second"] = await accounts.add_person(tx, "Ёлкина", "Алёна")
        await assign(tx, world.ids, "second", "enrolment", class_id=world.ids["5А"])
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), TEACHER)
    assert "Алёна Ёлкина (1) (5А), Алёна Ёлкина (2) (5А)" in question.body
    [which] = await world.tap(TEACHER, question, "✅")
    assert list(which.offers) == ["1️⃣", "2️⃣"]
    assert await person_of(world, STRANGER) == ""
    await world.tap(TEACHER, which, "2️⃣")
    assert await person_of(world, STRANGER) == max(world.ids["second"], world.ids[ROSTERED])


async def test_a_pupil_of_another_class_needs_the_administrator(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, TEACHER, "leadership", class_id=world.ids["9Б"])
        table = tables.assignments
        leads_5a = table.c.class_id == world.ids["5А"]
        await tx.run(table.delete().where(table.c.person_id == world.ids[TEACHER], leads_5a))
    said = await world.write(STRANGER, "заявка ученик 9Б Ёлкина Алёна")
    [answer] = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert answer.body == world.text("application-administrator")
    await world.tap(ADMIN, to(said, ADMIN), "✅")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]


async def test_who_has_an_account_may_have_an_impostor(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Выдумкина Ася"), ADMIN)
    assert world.text("like-taken") in question.body
    [answer] = await world.tap(ADMIN, question, "✅")
    assert answer.body == world.text("application-taken", name="Ася Выдумкина")
    assert await person_of(world, STRANGER) == ""
    assert (await the_case(world)).state is cases.State.OPEN


async def test_a_pupil_no_roster_names_is_the_administrators_to_add(world: World) -> None:
    said = await world.write(STRANGER, "заявка ученик 5А Небывалый Никто Нигдеевич")
    [answer] = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert answer.body == world.text("application-administrator")
    await world.tap(ADMIN, to(said, ADMIN), "✅")
    assert await assignments_of(world, STRANGER) == [("enrolment", world.ids["5А"], "")]
    [who] = await world.write(STRANGER, "кто я")
    assert "Никто Небывалый" in who.body
    assert [action for action, _ in await trail(world)] == [
        "application.open",
        "application.approved",
        "account.tie",
        "enrolment.add",
    ]


async def test_a_slip_of_the_finger_makes_no_parent_a_pupil(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкин Денис"), ADMIN)
    [answer] = await world.tap(ADMIN, question, "✅")
    case_id = (await the_case(world)).id
    as_pupil = f"сменить роль {case_id} ученик"
    assert answer.body == world.text("application-really-a-pupil", recast=as_pupil)
    assert list(answer.offers) == ["🔁"]
    assert await person_of(world, STRANGER) == ""
    await world.write(ADMIN, as_pupil)
    assert await assignments_of(world, STRANGER) == [("enrolment", world.ids["5А"], "")]


async def test_a_class_that_is_not_there_takes_nobody(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5Б Небывалый Никто"), ADMIN)
    [answer] = await world.tap(ADMIN, question, "✅")
    assert answer.body == world.text("application-no-class")
    assert await person_of(world, STRANGER) == ""
    assert (await the_case(world)).state is cases.State.OPEN


async def test_a_teacher_of_the_roster_and_one_who_is_new(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка учитель Новенькая Мария"), ADMIN)
    assert "есть среди сотрудников — Мария Новенькая" in question.body
    await world.tap(ADMIN, question, "✅")
    assert await person_of(world, STRANGER) == world.ids[HIRED]
    question = to(await world.write(OTHER, "заявка сотрудник Небывалый Никто"), ADMIN)
    assert world.text("like-nobody") in question.body
    await world.tap(ADMIN, question, "✅")
    assert await assignments_of(world, OTHER) == [("appointment", None, "staff")]


async def test_somebody_known_keeps_what_they_are(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    question = to(await world.write(MOTHER, "заявка учитель Выдумкина Ольга"), ADMIN)
    assert world.text("application-known", name="Ольга Выдумкина") in question.body
    await world.tap(ADMIN, question, "✅")
    assert await person_of(world, MOTHER) == world.ids[MOTHER]
    assert await assignments_of(world, MOTHER) == [("appointment", None, "teacher")]
    assert len(await world.links()) == 1
    question = to(await world.write(MOTHER, "заявка учитель Выдумкина Ольга"), ADMIN)
    [answer] = await world.tap(ADMIN, question, "✅")
    assert answer.body == world.text("application-nothing-new")


async def test_an_account_never_becomes_two_people(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    question = to(await world.write(MOTHER, "заявка учитель Новенькая Мария"), ADMIN)
    [answer] = await world.tap(ADMIN, question, "✅")
    assert answer.body == world.text("application-two-people", name="Мария Новенькая")
    assert await person_of(world, MOTHER) == world.ids[MOTHER]
    assert (await the_case(world)).state is cases.State.OPEN


async def test_a_parent_who_was_sent_away_can_still_be_who_they_are(world: World) -> None:
    # A pupil confirmed by a second account (scenario 04), and was found out.
    said = await world.become_parent(STRANGER, await world.invite())
    await world.tap(TEACHER, to(said, TEACHER), "❌")
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), TEACHER)
    await world.tap(TEACHER, question, "✅")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]


async def test_the_same_tap_twice_changes_nothing_more(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна"), TEACHER)
    relation = {"rel_type": "m.annotation", "event_id": question.event_id, "key": "✅"}
    event = await world.event(TEACHER, "m.reaction", {"m.relates_to": relation})
    await world.arrive(event)
    await world.heard()
    before = await trail(world)
    await world.arrive(event)
    assert await world.heard() == []
    assert await trail(world) == before
    [answer] = await world.tap(TEACHER, question, "✅")
    assert answer.body == world.text("approve-gone")


async def test_the_same_application_twice_is_one(world: World) -> None:
    content = {"msgtype": "m.text", "body": "заявка ученик 5А Ёлкина Алёна"}
    event = await world.event(STRANGER, "m.room.message", content)
    await world.arrive(event)
    await world.heard()
    await world.arrive(event)
    assert await world.heard() == []
    assert [action for action, _ in await trail(world)] == ["application.open"]


# --- rejecting ------------------------------------------------------------------------------


async def test_a_rejection_tells_why_and_may_be_followed_by_another_try(world: World) -> None:
    await world.write(STRANGER, "заявка ученик 5А Небывалый Никто")
    case_id = (await the_case(world)).id
    said = await world.write(TEACHER, f"отклонить {case_id} нет такого ученика")
    assert "нет такого ученика" in to(said, STRANGER).body
    assert to(said, TEACHER).body == world.text("application-reject-done")
    assert len(await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")) > 1


async def test_a_parent_who_applied_as_a_pupil_is_told_what_to_do(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкина Ольга"), ADMIN)
    said = await world.tap(ADMIN, question, "❌")
    assert to(said, STRANGER).body == world.text("e-role")


async def test_decided_applications_are_forgotten(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Небывалый Никто"), ADMIN)
    await world.tap(ADMIN, question, "❌")
    await world.write(OTHER, "заявка ученик 5А Ёлкина Алёна")
    async with world.db.write() as tx:
        assert await cases.prune(tx, world.now) == 0
        assert await cases.prune(tx, world.now + 1) == 1
    await the_case(world)


# --- another role ---------------------------------------------------------------------------


async def test_a_mother_who_applied_as_a_pupil_becomes_a_parent(world: World) -> None:
    said = await world.write(STRANGER, "заявка ученик 5А Ёлкина Ольга")
    question = to(said, TEACHER)
    assert "нет в списке учеников; похоже на родителя: Алёна Ёлкина (5А)" in question.body
    assert "🔁" in question.offers
    said = await world.tap(TEACHER, question, "🔁")
    told = [s for s in said if s.to == STRANGER]
    assert told[0].body == world.text("application-approved-parent")
    for fact in ("Алёна Ёлкина", "5А", "Школа № 0"):
        assert fact in told[1].body
    assert await person_of(world, STRANGER) == world.ids[GUARDIAN]
    assert await world.links(ROSTERED) == []
    said = await world.tap(STRANGER, told[1], "✅")
    [link] = await world.links(ROSTERED)
    assert (link.parent_id, link.state) == (world.ids[GUARDIAN], LinkState.ACTIVE)
    [children] = await world.write(STRANGER, "мои дети")
    assert "Алёна Ёлкина — 5А" in children.body
    assert ("application.approved", "as parent instead of pupil") in await trail(world)


async def test_a_parent_no_roster_names_is_vouched_for_by_the_decider(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкин Денис"), TEACHER)
    await world.tap(TEACHER, question, "🔁")
    await world.write(STRANGER, "подтвердить")
    [link] = await world.links(ROSTERED)
    assert (link.state, link.vouched) == (LinkState.ACTIVE, True)
    async with world.db.read() as tx:
        [(parent, _)] = await kin.parents(tx, world.ids[ROSTERED])
    assert parent.full_name == "Денис Ёлкин"


async def test_a_parent_may_still_say_that_it_is_not_their_child(world: World) -> None:
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкин Денис"), TEACHER)
    await world.tap(TEACHER, question, "🔁")
    await world.write(STRANGER, "не мой")
    assert await world.links(ROSTERED) == []
    async with world.db.read() as tx:
        open_ = select(tables.invites.c.id).where(tables.invites.c.revoked_at.is_(None))
        assert await tx.all(open_) == []


async def test_an_application_as_a_parent_is_approved_the_same_way(world: World) -> None:
    said = await world.write(STRANGER, "заявка родитель 5А Ёлкина Алёна; Ёлкина Ольга")
    said = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert "Алёна Ёлкина" in to(said, TEACHER).body
    await world.write(STRANGER, "подтвердить")
    [link] = await world.links(ROSTERED)
    assert link.parent_id == world.ids[GUARDIAN]


async def test_the_child_hears_of_it_and_its_own_invite_ends(world: World) -> None:
    code = await world.invite()
    question = to(
        await world.write(STRANGER, "заявка родитель 5А Выдумкина Ася, Выдумкин Денис"), TEACHER
    )
    said = await world.tap(TEACHER, question, "✅")
    assert to(said, PUPIL).body == world.text("application-news-child")
    [answer] = await world.write(OTHER, code)
    assert answer.body == world.text("e-unknown")


async def test_which_child_is_chosen_or_named(world: World) -> None:
    async with world.db.write() as tx:
        world.ids["sister"] = await accounts.add_person(tx, "Ёлкина", "Яна")
        await assign(tx, world.ids, "sister", "enrolment", class_id=world.ids["5А"])
    question = to(await world.write(STRANGER, "заявка ученик 5А Ёлкин Денис"), TEACHER)
    [which] = await world.tap(TEACHER, question, "🔁")
    assert "Алёна Ёлкина" in which.body
    assert "Яна Ёлкина" in which.body
    case_id = (await the_case(world)).id
    [nobody] = await world.write(TEACHER, f"сменить роль {case_id} родитель Фома Выдумкин")
    assert nobody.body == world.text("find-nobody")
    await world.write(TEACHER, f"сменить роль {case_id} родитель Ёлкина Яна")
    await world.write(STRANGER, "подтвердить")
    assert len(await world.links("sister")) == 1


async def test_without_a_likely_child_the_decider_is_asked(world: World) -> None:
    await world.write(STRANGER, "заявка ученик 5А Чужой Никто")
    case_id = (await the_case(world)).id
    [answer] = await world.write(TEACHER, f"сменить роль {case_id} родитель")
    example = f"сменить роль {case_id} родитель"
    assert answer.body == world.text("application-which-child", example=example)
    [answer] = await world.write(TEACHER, f"сменить роль {case_id}")
    assert answer.body == world.text("application-which-role", example=example)
    [answer] = await world.write(TEACHER, "сменить роль")
    assert answer.body == world.text("approve-gone")


async def test_a_parent_turns_into_a_pupil_or_a_teacher(world: World) -> None:
    await world.write(STRANGER, "заявка родитель 5А Ёлкина Яна, Ёлкина Алёна")
    case_id = (await the_case(world)).id
    await world.write(TEACHER, f"сменить роль {case_id} ученик")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]
    await world.write(OTHER, "заявка ученик 5А Новенькая Мария")
    case_id = (await the_case(world)).id
    [answer] = await world.write(TEACHER, f"сменить роль {case_id} учитель")
    assert answer.body == world.text("application-administrator")
    await world.write(ADMIN, f"сменить роль {case_id} учитель")
    assert await person_of(world, OTHER) == world.ids[HIRED]


async def test_the_decider_may_name_whom_a_typing_error_hides(world: World) -> None:
    await world.write(STRANGER, "заявка ученик 5А Йолкина Алена")
    case_id = (await the_case(world)).id
    await world.write(TEACHER, f"сменить роль {case_id} ученик Ёлкина")
    assert await person_of(world, STRANGER) == world.ids[ROSTERED]


async def test_a_child_of_another_class_is_not_the_class_teachers(world: World) -> None:
    await world.write(STRANGER, "заявка родитель 5А Выдумкин Фома, Чужая Анна")
    case_id = (await the_case(world)).id
    [answer] = await world.write(TEACHER, f"одобрить {case_id}")
    assert answer.body == world.text("application-administrator")
    await world.write(ADMIN, f"одобрить {case_id}")
    await world.write(STRANGER, "подтвердить")
    assert len(await world.links(BROTHER)) == 1


async def test_no_parent_decides_about_the_other_one(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, ROSTERED, TEACHER)
    said = await world.write(STRANGER, "заявка родитель 5А Ёлкина Алёна, Ёлкин Денис")
    [answer] = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert answer.body == world.text("e-right", action=Action.APPROVE)
    assert await person_of(world, STRANGER) == ""


async def test_whom_the_roster_denies_access_is_asked_nothing(world: World) -> None:
    async with world.db.write() as tx:
        await tx.run(update(tables.expected_parents).values(access=False))
    said = await world.write(STRANGER, "заявка ученик 5А Ёлкина Ольга")
    [answer] = await world.tap(ADMIN, to(said, ADMIN), "🔁")
    assert answer.body == world.text("application-denied")
    assert await person_of(world, STRANGER) == ""


async def test_a_guardian_who_has_an_account_gets_no_second_one(world: World) -> None:
    said = await world.write(STRANGER, "заявка родитель 5А Выдумкина Ася, Выдумкина Ольга")
    assert world.text("like-taken") in to(said, TEACHER).body
    [answer] = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert answer.body == world.text("application-taken", name="Ольга Выдумкина")


async def test_a_third_parent_and_a_pupil_are_refused_and_nothing_is_half_done(
    world: World,
) -> None:
    code = await world.invite()
    await world.become_parent(MOTHER, code)
    await world.become_parent(OTHER, code)
    said = await world.write(STRANGER, "заявка родитель 5А Выдумкина Ася, Чужая Анна")
    [answer] = await world.tap(ADMIN, to(said, ADMIN), "✅")
    assert answer.body == world.text("application-full")
    assert await person_of(world, STRANGER) == ""
    assert (await the_case(world)).state is cases.State.OPEN
    [gone] = await world.write(STRANGER, "подтвердить")
    assert "Чтобы войти" in gone.body
    said = await world.write(BROTHER, "заявка родитель 5А Ёлкина Алёна, Выдумкин Фома")
    [answer] = await world.tap(ADMIN, to(said, ADMIN), "✅")
    assert answer.body == world.text("application-pupil")


async def test_another_schools_administrator_learns_nothing(world: World) -> None:
    await another_school(world, "Лицей № 7", OTHER)
    await world.write(STRANGER, "заявка ученик 5А Ёлкина Алёна")
    await world.write(STRANGER, "0")
    said = await world.write(STRANGER, "да")
    assert {s.to for s in said} == {STRANGER, TEACHER, ADMIN}
    [answer] = await world.write(OTHER, "заявки")
    assert answer.body == world.text("approve-none")
