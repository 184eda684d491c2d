"""An administrator changes roles by talking to the bot; nobody else does, and all are told."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update

from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.roster.plan import ClassKey, Ended, NewEnrolment, Plan, Recognised
from sferum_bridge.school.access import Role, group
from sferum_bridge.school.people import Enrolment, Leadership
from sferum_bridge.store import (
    accounts,
    enrol,
    invites,
    pupil_invites,
    queues,
    schools,
    staffing,
    tables,
)
from tests.support.bot import (
    ADMIN,
    BOT,
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
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

NEWS = "bot/news"
HAND_OVER = "передать класс 5А Сказочная Вера"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    # It is 22 September 2026 at the school.
    async with a_world() as made:
        yield made


async def ties(world: World, who: str) -> set[tuple[str, str, str]]:
    """Return kind, class or post, and last day of everything somebody is."""
    c = tables.assignments.c
    async with world.db.read() as tx:
        rows = await tx.all(select(tables.assignments).where(c.person_id == world.ids[who]))
    return {(r.kind, r.class_id or r.post, str(r.until or "")) for r in rows}


async def new_teacher(world: World, mxid: str = OTHER, family: str = "Сказочная") -> None:
    async with world.db.write() as tx:
        world.ids[mxid] = await accounts.add_person(tx, family, "Вера")
        await accounts.add_account(tx, mxid, world.ids[mxid])
        await assign(tx, world.ids, mxid, "appointment", post="teacher")


async def records_about(world: World, who: str) -> set[tuple[str, str, str]]:
    c = tables.audit.c
    async with world.db.read() as tx:
        query = select(c.action, c.actor, c.reason).where(c.subject == world.ids[who])
        return {(r.action, r.actor, r.reason) for r in await tx.all(query)}


async def confirmed(world: World, text: str) -> list[Said]:
    """Order something and confirm it; return what the people concerned are told."""
    [asked] = await world.write(ADMIN, text)
    [done] = await world.tap(ADMIN, asked, "✅")
    assert done.body == world.text("staffing-done")
    return await world.work_off(NEWS)


def to(said: list[Said], mxid: str) -> str:
    [found] = [s.body for s in said if s.to == mxid]
    return found


# --- dismissal ------------------------------------------------------------------------------


async def test_33_a_teacher_is_dismissed_at_a_date_after_a_preview(world: World) -> None:
    [asked] = await world.write(ADMIN, "уволить Небывалова Анна по 31.12.2026")
    for fact in ("Анна Небывалова", "31 декабря 2026", "5А остаётся без классного руководителя"):
        assert fact in asked.body
    assert "алгебра" in asked.body
    assert asked.offers == ["✅", "❌"]
    assert {until for _, _, until in await ties(world, TEACHER)} == {""}, "only shown"
    [done] = await world.tap(ADMIN, asked, "✅")
    assert done.to == ADMIN
    told = await world.work_off(NEWS)
    assert {s.to for s in told} == {TEACHER}
    assert "последний день 31 декабря" in to(told, TEACHER)
    assert {until for _, _, until in await ties(world, TEACHER)} == {"2026-12-31"}
    record = ("leadership.end", world.ids[ADMIN], "class-5a; dismiss; until 2026-12-31")
    assert record in await records_about(world, TEACHER)


async def test_33_day_by_day_and_who_stands_in(world: World) -> None:
    await world.become_parent(TEACHER, await world.invite(BROTHER))
    await confirmed(world, "уволить Небывалова Анна по 24.09.2026")
    for leads in (True, True, True, False):
        [who] = await world.write(TEACHER, "кто я")
        assert ("классный руководитель: 5А" in who.body) is leads
        [why] = await world.write(ADMIN, "почему")
        assert ("исполняете обязанности классного руководителя" in why.body) is not leads
        [children] = await world.write(TEACHER, "мои дети")
        assert "Фома" in children.body
        world.now += DAY
    await new_teacher(world)
    await confirmed(world, "назначить Сказочная Вера классный руководитель 5А")
    [why] = await world.write(ADMIN, "почему")
    assert "исполняете" not in why.body


async def test_other_administrators_learn_that_they_stand_in(world: World) -> None:
    await new_teacher(world)
    async with world.db.write() as tx:
        await assign(tx, world.ids, OTHER, "appointment", post="administrator")
    told = await confirmed(world, "уволить Небывалова Анна")
    assert "5А остаётся без классного руководителя с 23 сентября" in to(told, OTHER)


async def test_what_was_issued_by_a_right_ends_with_it(world: World) -> None:
    led = group(Role.CLASS_TEACHER, "class-5a")
    async with world.db.write() as tx:
        teacher, school = world.ids[TEACHER], world.ids["school"]
        await assign(tx, world.ids, TEACHER, "leadership", class_id="class-9b")
        code = await invites.issue(
            tx, world.ids[PUPIL], school, teacher, "seed", 30 * DAY, issued_as=led
        )
        world.ids["new"] = await accounts.add_person(tx, "Выдумкин", "Лев")
        await assign(tx, world.ids, "new", "enrolment", class_id="class-5a")
        slip = await pupil_invites.issue(
            tx, world.ids["new"], school, teacher, led, "seed", 30 * DAY
        )

    async def revoked() -> list[bool]:
        async with world.db.read() as tx:
            parents = await invites.find(tx, code.replace("-", ""))
            pupils = await pupil_invites.find(tx, slip.replace("-", ""))
        assert parents
        assert pupils
        return [parents.revoked, pupils.revoked]

    await confirmed(world, "уволить Небывалова Анна по 23.09.2026")
    assert await revoked() == [False, False], "a right that is still held"
    await confirmed(world, "уволить Небывалова Анна по 21.09.2026")
    assert await revoked() == [True, True]
    reason = "the issuer lost the right"
    assert ("invite.revoke", world.ids[ADMIN], reason) in await records_about(world, PUPIL)
    assert ("pupil-invite.revoke", world.ids[ADMIN], reason) in await records_about(world, "new")


async def test_an_invite_is_void_on_the_day_by_rule(world: World) -> None:
    async with world.db.write() as tx:
        led = group(Role.CLASS_TEACHER, "class-5a")
        people = (world.ids[PUPIL], world.ids["school"], world.ids[TEACHER])
        code = await invites.issue(tx, *people, "seed", 30 * DAY, issued_as=led)
    await confirmed(world, "уволить Небывалова Анна по 23.09.2026")
    [asked] = await world.write(MOTHER, code)
    assert "Ася" in asked.body
    world.now += 2 * DAY
    [answer] = await world.write(MOTHER, "подтвердить")
    assert answer.body == world.text("e-unknown")
    assert await world.links() == []


async def test_an_invite_does_not_come_back_to_life_with_the_right(world: World) -> None:
    """A bridge revokes it on the day; who is appointed anew invites anew."""
    async with world.db.write() as tx:
        led = group(Role.CLASS_TEACHER, "class-5a")
        people = (world.ids[PUPIL], world.ids["school"], world.ids[TEACHER])
        code = await invites.issue(tx, *people, "seed", 30 * DAY, issued_as=led)
    await confirmed(world, "уволить Небывалова Анна по 23.09.2026")
    for day, open_ in ((date(2026, 9, 23), True), (date(2026, 9, 24), False)):
        async with world.db.write() as tx:
            await staffing.revoke_void(tx, world.ids["school"], "bridge", day)
        async with world.db.read() as tx:
            invite = await invites.find(tx, code.replace("-", ""))
        assert invite
        assert invite.revoked is not open_
    record = ("invite.revoke", "bridge", "the issuer lost the right")
    assert record in await records_about(world, PUPIL)
    world.now += 2 * DAY
    await confirmed(world, "назначить Небывалова Анна классный руководитель 5А")
    [answer] = await world.write(MOTHER, code)
    assert answer.body == world.text("e-unknown")


async def test_what_the_child_issued_is_not_ended_by_a_teachers_end(world: World) -> None:
    code = await world.invite()
    await confirmed(world, "уволить Небывалова Анна по 21.09.2026")
    [asked] = await world.write(MOTHER, code)
    assert "Ася" in asked.body


async def test_a_roster_that_ends_a_class_teacher_ends_their_invites(world: World) -> None:
    led = group(Role.CLASS_TEACHER, "class-5a")
    people = (world.ids[PUPIL], world.ids["school"], world.ids[TEACHER])
    async with world.db.write() as tx:
        code = await invites.issue(tx, *people, "seed", 30 * DAY, issued_as=led)
        ended = Ended(Leadership(world.ids[TEACHER], "class-5a"), date(2026, 9, 21))
        await enrol.carry_out(tx, world.ids["school"], Plan(to_end=[ended]), "console")
        invite = await invites.find(tx, code.replace("-", ""))
    assert invite
    assert invite.revoked


async def test_one_role_ends_and_the_others_stay(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, TEACHER, "appointment", post="administrator")
    told = await confirmed(world, "уволить Небывалова Анна администратор по 30.09.2026")
    assert "администратор школы — последний день 30 сентября 2026" in to(told, TEACHER)
    assert await ties(world, TEACHER) == {
        ("appointment", "administrator", "2026-09-30"),
        ("appointment", "teacher", ""),
        ("leadership", "class-5a", ""),
        ("teaching", "class-9b", ""),
    }
    await confirmed(world, "уволить Небывалова Анна классное руководство 5А по 30.09.2026")
    assert ("leadership", "class-5a", "2026-09-30") in await ties(world, TEACHER)
    assert ("teaching", "class-9b", "") in await ties(world, TEACHER)


async def test_who_stands_in_invites_by_a_right_that_lasts(world: World) -> None:
    await confirmed(world, "уволить Небывалова Анна по 01.09.2026")
    said = await world.write(ADMIN, "пригласить Выдумкина Ася")
    [code] = [s.code for s in said if s.to == ADMIN and s.holds_code]
    [asked] = await world.write(MOTHER, code)
    assert "Ася" in asked.body


# --- class teachers -------------------------------------------------------------------------


async def test_a_class_is_handed_over(world: World) -> None:
    await new_teacher(world)
    told = await confirmed(world, f"{HAND_OVER} с 11.01.2027")
    assert ("leadership", "class-5a", "2027-01-10") in await ties(world, TEACHER)
    assert ("leadership", "class-5a", "") in await ties(world, OTHER)
    for mxid in (TEACHER, OTHER):
        assert "5А" in to(told, mxid)
    assert "с 11 января 2027" in to(told, OTHER)


async def test_of_several_class_teachers_one_has_to_be_named(world: World) -> None:
    await new_teacher(world)
    await new_teacher(world, STRANGER, "Небылицына")
    await confirmed(world, "назначить Небылицына Вера классный руководитель 5А")
    [answer] = await world.write(ADMIN, HAND_OVER)
    assert "Анна Небывалова, Вера Небылицына" in answer.body
    await confirmed(world, f"{HAND_OVER} от Небывалова Анна с 01.10.2026 г.")
    assert ("leadership", "class-5a", "2026-09-30") in await ties(world, TEACHER)
    assert ("leadership", "class-5a", "") in await ties(world, STRANGER)
    [answer] = await world.write(ADMIN, "hand over 5A to Сказочная Вера from Придуманный Пётр")
    assert answer.body == world.text(
        "staffing-refused-not-leading", "en", names="Вера Сказочная, Пётр Придуманный"
    )


async def test_a_class_without_one_simply_gets_a_class_teacher(world: World) -> None:
    await confirmed(world, "передать класс 9Б Небывалова Анна")
    assert ("leadership", "class-9b", "") in await ties(world, TEACHER)


# --- pupils ---------------------------------------------------------------------------------


async def test_34_a_move_is_told_to_both_class_teachers_and_the_family(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await world.become_parent(STRANGER, await world.invite())
    await new_teacher(world)
    async with world.db.write() as tx:
        await assign(tx, world.ids, OTHER, "leadership", class_id="class-9b")
    told = await confirmed(world, "перевести 5А Выдумкина Ася в 9Б класс с 01.10.2026")
    assert {s.to for s in told} == {TEACHER, OTHER, PUPIL, MOTHER}, "not who waits for approval"
    for said in told:
        assert "5А → 9Б" in said.body
        assert "1 октября 2026" in said.body
    assert ("enrolment", "class-5a", "2026-09-30") in await ties(world, PUPIL)
    assert ("enrolment", "class-9b", "") in await ties(world, PUPIL)


async def test_36_out_of_the_school_and_nowhere_is_no_error(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    told = await confirmed(world, "перевести Выдумкина Ася из школы")
    assert {s.to for s in told} == {TEACHER, PUPIL, MOTHER}
    assert "не числится" in to(told, MOTHER)
    [children] = await world.write(MOTHER, "мои дети")
    assert "Ася Выдумкина — сейчас не числится ни в одном классе" in children.body
    [before] = await world.links()
    # The other school takes two weeks, and nothing that tidies up takes the tie away.
    keeper = Housekeeper(world.db, world.bot)
    for _ in range(14):
        world.now += DAY
        await keeper.once()
    assert await world.heard() == []
    assert "не числится" in (await world.write(MOTHER, "мои дети"))[0].body
    assert await world.links() == [before]
    async with world.db.write() as tx:
        lyceum = await schools.add(tx, "Лицей № 0", "Europe/Moscow", "ru")
        row = {"id": "class-6", "school_id": lyceum, "name": "6А", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
        where = {"school": lyceum, PUPIL: world.ids[PUPIL]}
        await assign(tx, where, PUPIL, "enrolment", class_id="class-6")
    [children] = await world.write(MOTHER, "мои дети")
    assert "6А, Лицей № 0" in children.body


async def test_34_a_roster_that_moves_a_pupil_is_news_and_a_new_year_is_not(world: World) -> None:
    async with world.db.write() as tx:
        row = {"id": "next", "school_id": world.ids["school"], "name": "6А", "year": "2027/2028"}
        await tx.run(insert(tables.classes).values(**row))
    moves = {PUPIL: ("class-5a", ClassKey("9Б", "2026/2027"))}
    moves[BROTHER] = ("class-9b", ClassKey("6А", "2027/2028"))
    plan = Plan(
        recognised=[Recognised(who, world.ids[who]) for who in moves],  # type: ignore[arg-type]  # any key will do
        to_end=[
            Ended(Enrolment(world.ids[who], left), date(2026, 9, 21))
            for who, (left, _) in moves.items()
        ],
        enrolments_to_add=[
            NewEnrolment(who, entered, None, None)  # type: ignore[arg-type]  # the same
            for who, (_, entered) in moves.items()
        ],
    )
    async with world.db.write() as tx:
        await enrol.carry_out(tx, world.ids["school"], plan, "console")
    async with world.db.read() as tx:
        items = await queues.waiting(tx, queues.INBOX, NEWS, 10)
    content = {"school": world.ids["school"], "child": world.ids[PUPIL], "since": "2026-09-22"}
    content |= {"from": "class-5a", "to": "class-9b"}
    assert [item.content["content"] for item in items] == [content]
    told = await world.work_off(NEWS)
    assert {s.to for s in told} == {TEACHER, PUPIL}


async def test_a_transfer_out_that_was_a_mistake_is_taken_back(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await confirmed(world, "перевести Выдумкина Ася из школы")
    told = await confirmed(world, "перевести Выдумкина Ася в 5А")
    assert {s.to for s in told} == {TEACHER, PUPIL, MOTHER}
    assert "в классе 5А с 22 сентября" in to(told, MOTHER)
    assert "приходит ученик: Ася Выдумкина" in to(told, TEACHER)
    [children] = await world.write(MOTHER, "мои дети")
    assert "Ася Выдумкина — 5А" in children.body


async def test_a_planned_move_that_is_taken_back_is_no_move(world: World) -> None:
    await confirmed(world, "перевести Выдумкина Ася в 9Б с 01.10.2026")
    told = await confirmed(world, "перевести Выдумкина Ася в 5А с 25.09.2026")
    assert {s.to for s in told} == {TEACHER, PUPIL}
    assert "9Б → 5А" in to(told, PUPIL)
    assert not [s for s in told if "5А → 5А" in s.body]


# --- who is meant ---------------------------------------------------------------------------


async def test_namesakes_are_told_apart_by_what_they_are(world: World) -> None:
    await new_teacher(world)
    await world.become_parent(MOTHER, await world.invite())
    async with world.db.write() as tx:
        c = tables.people.c
        row = {"family_name": "Сказочная", "given_name": "Вера"}
        await tx.run(update(tables.people).where(c.id == world.ids[MOTHER]).values(**row))
    [which] = await world.write(ADMIN, "назначить Сказочная Вера сотрудник с 01.10.2026")
    assert "сотрудник школы" in which.body
    assert "родитель, 5А" in which.body
    number = "1️⃣" if which.body.index("родитель") < which.body.index("сотрудник школы") else "2️⃣"
    [asked] = await world.tap(ADMIN, which, number)
    assert "сотрудник — с 1 октября 2026" in asked.body
    await world.tap(ADMIN, asked, "✅")
    assert await ties(world, MOTHER) == {("appointment", "staff", "")}
    # Who works here is meant by a dismissal.
    await confirmed(world, "перевести Выдумкина Ася из школы")


async def test_an_account_that_is_new_to_the_school_gets_a_post(world: World) -> None:
    [answer] = await world.write(ADMIN, f"назначить {STRANGER} учитель")
    assert answer.body == world.text("staffing-name", account=STRANGER)
    told = await confirmed(world, f"назначить {STRANGER} Сказочный Лев Львович учитель")
    async with world.db.read() as tx:
        person = await accounts.person_of(tx, STRANGER)
    assert person
    assert person.formal_name == "Лев Львович"
    assert "учитель — с 22 сентября" in to(told, STRANGER)
    world.ids[STRANGER] = person.id
    assert await ties(world, STRANGER) == {("appointment", "teacher", "")}
    assert world.renamed[STRANGER] == "Лев Сказочный"
    assert "account.tie" in {action for action, _, _ in await records_about(world, STRANGER)}


async def test_whether_another_school_knows_an_account_makes_no_difference(world: World) -> None:
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Тайная", "Зоя")
        await accounts.add_account(tx, OTHER, world.ids[OTHER])
    asked = []
    for mxid in (OTHER, STRANGER):
        [unnamed] = await world.write(ADMIN, f"назначить {mxid} учитель")
        [named] = await world.write(ADMIN, f"назначить {mxid} Сказочная Вера учитель")
        [done] = await world.tap(ADMIN, named, "✅")
        bodies = f"{unnamed.body}\n{named.body}\n{done.body}"
        asked.append(bodies.replace(mxid, "@"))
    assert asked[0] == asked[1]
    assert "Тайная" not in asked[0]
    assert await ties(world, OTHER) == {("appointment", "teacher", "")}


async def test_an_administrator_of_two_schools_says_which(world: World) -> None:
    async with world.db.write() as tx:
        world.ids["lyceum"] = await schools.add(tx, "Лицей № 0", "Europe/Moscow", "ru")
        where = {"school": world.ids["lyceum"], ADMIN: world.ids[ADMIN]}
        await assign(tx, where, ADMIN, "appointment", post="administrator")
    [which] = await world.write(ADMIN, "уволить Небывалова Анна по 31.12.2026")
    assert "Лицей № 0" in which.body
    said = [await world.tap(ADMIN, which, number) for number in ("1️⃣", "2️⃣")]
    [found] = [s for [s] in said if "31 декабря" in s.body]
    assert [s.body for [s] in said if s is not found] == [world.text("find-nobody")]


# --- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize("mxid", [TEACHER, PUPIL, MOTHER])
async def test_nobody_else_changes_roles(world: World, mxid: str) -> None:
    orders = ("уволить Придуманный Пётр", "перевести Выдумкина Ася в 9Б", "назначить X учитель")
    for text in (*orders, "передать класс 5А Небывалова Анна", "уволить"):
        [answer] = await world.write(mxid, text)
        assert answer.body == world.text("staffing-right")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("уволить Придуманный Пётр", "администратора"),
        ("уволить Никто Никого", "Никто не подходит"),
        ("уволить Выдумкина Ася", "ничего и не остаётся"),
        ("уволить", "последний рабочий день"),
        ("уволить Небывалова Анна с 01.10.2026", "последний рабочий день"),
        ("уволить Небывалова Анна по 31.02.2026", "Дата непонятна"),
        ("уволить Небывалова Анна 31.12.2026", "Дата непонятна"),
        ("уволить Небывалова Анна по 31.12", "Дата непонятна"),
        ("уволить Небывалова Анна по 31 декабря 2026", "Дата непонятна"),
        ("уволить Придуманный Пётр администратор", "администратора"),
        ("уволить Небывалова Анна администратор", "ничего и не остаётся"),
        (f"уволить {STRANGER}", "Никто не подходит"),
        ("перевести Выдумкина Ася в 9Б по 01.10.2026", "куда перевести"),
        ("перевести Придуманный Пётр в 9Б", "Никто не подходит"),
        ("передать класс 5А Придуманный Пётр по 01.10.2026", "нового классного руководителя"),
        ("перевести Выдумкина Ася в 99Я", "Такого класса"),
        ("перевести Выдумкина Ася", "куда перевести"),
        ("перевести из школы", "куда перевести"),
        ("перевести Выдумкина Ася в 5А", "так уже есть"),
        ("назначить Небывалова Анна", "кого и кем"),
        ("назначить Небывалова Анна учитель", "так уже есть"),
        ("назначить Небывалова Анна классный руководитель 99Я", "Такого класса"),
        ("назначить Небывалова Анна сотрудник с 02.10.2026 по 01.10.2026", "раньше первого"),
        (f"назначить {BOT} Сказочная Вера учитель", "не учётная запись человека"),
        ("назначить @sferum_7:school.example Сказочная Вера учитель", "не учётная запись"),
        ("передать класс 5А Небывалова Анна", "так уже есть"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_asked(
    world: World, text: str, fact: str
) -> None:
    [answer] = await world.write(ADMIN, text)
    assert fact in answer.body
    assert not answer.offers
    [answer] = await world.write(ADMIN, "подтвердить")
    assert answer.body == world.text("code-needed")


async def test_days_that_may_be_mistyped_are_pointed_out(world: World) -> None:
    [asked] = await world.write(ADMIN, "уволить Небывалова Анна по 2026-09-01")
    assert "уже прошло" in asked.body
    [asked] = await world.write(ADMIN, "уволить Небывалова Анна по 31.12.2028")
    assert "больше года" in asked.body


async def test_a_no_leaves_everything_and_anything_else_asks_again(world: World) -> None:
    [asked] = await world.write(ADMIN, "уволить Небывалова Анна")
    [again] = await world.write(ADMIN, "да, наверное")
    assert again.body == asked.body
    [answer] = await world.tap(ADMIN, again, "❌")
    assert answer.body == world.text("staffing-cancelled")
    [answer] = await world.tap(ADMIN, asked, "✅")
    assert answer.body == world.text("staffing-gone")
    assert {until for _, _, until in await ties(world, TEACHER)} == {""}


async def test_a_tap_below_an_older_question_orders_nothing_else(world: World) -> None:
    [first] = await world.write(ADMIN, "уволить Небывалова Анна")
    await world.write(ADMIN, "перевести Выдумкина Ася в 9Б")
    [answer] = await world.tap(ADMIN, first, "✅")
    assert answer.body == world.text("staffing-gone")
    await world.write(ADMIN, "да")
    assert ("enrolment", "class-9b", "") in await ties(world, PUPIL)
    assert {until for _, _, until in await ties(world, TEACHER)} == {""}


async def test_what_has_changed_meanwhile_is_shown_again(world: World) -> None:
    [asked] = await world.write(ADMIN, "уволить Небывалова Анна по 31.12.2026")
    async with world.db.write() as tx:
        await assign(tx, world.ids, TEACHER, "leadership", class_id="class-9b")
    [again] = await world.tap(ADMIN, asked, "✅")
    assert world.text("staffing-anew") in again.body
    assert "9Б" in again.body
    assert {until for _, _, until in await ties(world, TEACHER)} == {""}
    [done] = await world.tap(ADMIN, again, "✅")
    assert done.body == world.text("staffing-done")


async def test_who_lost_the_right_meanwhile_changes_nothing(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, TEACHER, "appointment", post="administrator")
    [asked] = await world.write(TEACHER, "перевести Выдумкина Ася в 9Б")
    await confirmed(world, "уволить Небывалова Анна по 01.09.2026")
    for answer in (await world.tap(TEACHER, asked, "✅"), await world.write(TEACHER, "да")):
        assert answer[0].body != world.text("staffing-done")
    assert ("enrolment", "class-9b", "") not in await ties(world, PUPIL)


async def test_two_administrators_cannot_dismiss_each_other(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, TEACHER, "appointment", post="administrator")
    [one] = await world.write(ADMIN, "уволить Небывалова Анна")
    [other] = await world.write(TEACHER, "уволить Придуманный Пётр")
    [done] = await world.tap(ADMIN, one, "✅")
    assert done.body == world.text("staffing-done")
    [refused] = await world.tap(TEACHER, other, "✅")
    assert "дня без администратора" in refused.body
