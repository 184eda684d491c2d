"""A parent corrects a child's data: while confirming and later, and what the roster says to it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from sferum_bridge.roster import make_plan
from sferum_bridge.roster.plan import Outcome
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.store import accounts, audit, dialogues, enrol, invites, tables
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
    expect,
)
from tests.support.rosters import CLASS_HEADER, PUPIL_HEADER, STAFF_HEADER, grids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sferum_bridge.school.people import Person
    from tests.support.bot import Said

BORN = date(2014, 3, 12)
MINUTE = 60_000
EVERYTHING = "исправить фамилия Выдумкина-Ёлкина, отчество Ивановна, др 12.04.2014, класс 5Б"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        async with made.db.write() as tx:
            # As a roster without ё has it.
            row = {"family_name": "Елкина", "given_name": "Алена", "birth_date": BORN}
            pupil = tables.people.c.id == made.ids[PUPIL]
            await tx.run(update(tables.people).where(pupil).values(**row))
        yield made


async def person(world: World, who: str = PUPIL) -> Person:
    async with world.db.read() as tx:
        found = await accounts.person(tx, world.ids[who])
    assert found is not None
    return found


async def rows(world: World, table: Any) -> Sequence[Any]:
    async with world.db.read() as tx:
        return await tx.all(select(table))


async def a_parent(world: World, mxid: str = MOTHER, child: str = PUPIL) -> None:
    async with world.db.write() as tx:
        if child != PUPIL:
            await expect(tx, world.ids, child, mxid)
    await world.become_parent(mxid, await world.invite(child))


async def second_parent(world: World) -> None:
    """Give the child a father whom the roster names."""
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Выдумкин", "Денис")
        await accounts.add_account(tx, OTHER, world.ids[OTHER])
        await expect(tx, world.ids, PUPIL, OTHER)
    await a_parent(world, OTHER)


def to(said: Sequence[Said], mxid: str) -> str:
    return "\n".join(s.body for s in said if s.to == mxid)


def asked(said: Sequence[Said], mxid: str) -> Said:
    """Return the one message by which somebody is asked to decide."""
    [found] = [s for s in said if s.to == mxid and "✅" in s.offers]
    return found


# --- while the question is open -------------------------------------------------------------


async def test_scenario_17(world: World) -> None:
    await second_parent(world)
    await world.write(MOTHER, await world.invite())
    text = "исправить фамилия: Ёлкина, имя Алёна, отчество Ивановна, др 12.04.2014, класс 5Б"
    note, question = await world.write(MOTHER, text)
    assert "фамилия: Елкина → Ёлкина — исправлю сразу" in note.body
    assert "дата рождения: 12.04.2014 — сверю" in note.body
    assert "класс: его меняет школа" in note.body
    assert "классному руководителю" in note.body
    assert "Алена Елкина" in question.body
    assert (await person(world)).family_name == "Елкина", "nothing is changed before confirming"
    assert not await rows(world, tables.cases)

    said = await world.write(MOTHER, "подтвердить")
    assert len(await world.links()) == 2
    child = await person(world)
    assert (child.family_name, child.given_name, child.middle_name) == (
        "Ёлкина", "Алёна", "Ивановна",
    )  # fmt: skip
    assert child.birth_date == BORN, "the old value stays until somebody decides"
    assert world.renamed == {PUPIL: "Алёна Ёлкина"}
    for mxid in (PUPIL, OTHER):
        assert "фамилия: Елкина → Ёлкина" in to(said, mxid)
        assert "12.04.2014" not in to(said, mxid)
    assert "отчество: — → Ивановна — исправлено" in to(said, MOTHER)
    assert "дата рождения: 12.03.2014 → 12.04.2014 — ждёт" in to(said, MOTHER)

    case = asked(said, TEACHER)
    for fact in ("Алёна Ёлкина", "5А", "Ольга Выдумкина", "Сейчас: 12.03.2014", "12.04.2014"):
        assert fact in case.body
    said = await world.tap(TEACHER, case, "✅")
    assert (await person(world)).birth_date == date(2014, 4, 12)
    assert "12.04.2014" in to(said, MOTHER)
    assert "дата рождения: 12.03.2014 → 12.04.2014" in to(said, PUPIL)
    assert "дата рождения: 12.03.2014 → 12.04.2014" in to(said, OTHER)
    [children] = await world.write(MOTHER, "мои дети")
    assert "Алёна Ёлкина" in children.body


async def test_correct_alone_says_what_can_be_corrected(world: World) -> None:
    [question] = await world.write(MOTHER, await world.invite())
    how, again = await world.write(MOTHER, "исправить")
    assert "исправить фамилия: Ёлкина" in how.body
    assert again.body == question.body
    unknown, again = await world.write(MOTHER, "исправить ошибку в имени")
    assert "Не получилось понять" in unknown.body
    assert again.body == question.body
    part, _ = await world.write(MOTHER, "исправить отчество Ивановна, рост 150")
    assert "«рост 150»" in part.body
    assert "отчество: Ивановна" in part.body


async def test_whoever_holds_a_code_learns_nothing_the_question_does_not_say(world: World) -> None:
    await world.write(STRANGER, await world.invite())
    answers = []
    for text in ("12.03.2014", "13.03.2014"):
        note, _ = await world.write(STRANGER, f"исправить дата рождения {text}")
        answers.append(note.body.replace(text, "…"))
    assert answers[0] == answers[1]


async def test_whoever_waits_for_approval_changes_nothing_and_learns_nothing(world: World) -> None:
    replies = []
    for mxid, born in ((STRANGER, "12.03.2014"), (OTHER, "13.03.2014")):
        await world.write(mxid, await world.invite())
        await world.write(mxid, f"исправить фамилия Ёлкина, дата рождения {born}")
        said = await world.write(mxid, "подтвердить")
        replies.append(to(said, mxid).replace(born, "…").partition("Исправления")[2])
    assert replies[0] == replies[1]
    assert (await person(world)).family_name == "Елкина"
    assert world.renamed == {}
    # The right date asks nobody anything; the rest waits for the class teacher.
    fields = [case.kind for case in await rows(world, tables.cases)]
    assert fields == ["correction"] * 3


async def test_a_correction_that_is_taken_back_is_not_made(world: World) -> None:
    await world.write(MOTHER, await world.invite())
    await world.write(MOTHER, "исправить имя Анна")
    note, _ = await world.write(MOTHER, "исправить имя Алена")
    assert "так и записано" in note.body
    said = await world.write(MOTHER, "подтвердить")
    assert "Исправления" not in to(said, MOTHER)
    assert not await rows(world, tables.cases)


async def test_corrections_wait_for_the_older_question(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await world.write(MOTHER, await world.invite())
    _, first = await world.write(MOTHER, "исправить фамилия Ёлкина")
    await world.write(MOTHER, await world.invite(BROTHER))
    await world.tap(MOTHER, first, "✅")
    assert (await person(world)).family_name == "Ёлкина"
    assert (await person(world, BROTHER)).family_name == "Выдумкин"


async def test_a_correction_makes_the_question_no_younger(world: World) -> None:
    await world.write(MOTHER, await world.invite())
    async with world.db.read() as tx:
        expires = await tx.value(select(tables.invites.c.expires_at))
    world.now = expires + MINUTE
    note, _ = await world.write(MOTHER, "исправить фамилия Ёлкина")
    assert "исправлю" in note.body
    said = await world.write(MOTHER, "подтвердить")
    assert len(await world.links()) == 1
    assert "исправлено" in to(said, MOTHER)


async def test_a_refused_parent_corrects_nothing(world: World) -> None:
    await world.write(MOTHER, await world.invite())
    await world.write(MOTHER, EVERYTHING)
    async with world.db.write() as tx:
        await invites.revoke(tx, world.ids[PUPIL], world.ids[PUPIL], "test")
    await world.write(MOTHER, "подтвердить")
    assert (await person(world)).middle_name == ""
    assert not await rows(world, tables.corrections)


# --- later ----------------------------------------------------------------------------------


async def test_a_linked_parent_corrects_at_any_time(world: World) -> None:
    await a_parent(world)
    said = await world.write(MOTHER, EVERYTHING)
    child = await person(world)
    assert (child.family_name, child.middle_name) == ("Елкина", "Ивановна")
    assert "фамилия: Елкина → Выдумкина-Ёлкина — ждёт" in to(said, MOTHER)
    assert "класс: его меняет школа" in to(said, MOTHER)
    assert "отчество" in to(said, PUPIL)
    assert len([s for s in said if s.to == TEACHER and "✅" in s.offers]) == 2
    assert not [s for s in said if s.to == ADMIN], "the class teacher can be reached"
    assert world.renamed == {}, "a patronymic is not shown in chats"


@pytest.mark.parametrize("mxid", [PUPIL, TEACHER, ADMIN])
async def test_nobody_else_corrects(world: World, mxid: str) -> None:
    [answer] = await world.write(mxid, "исправить фамилия Ёлкина")
    assert answer.body == world.text("correct-right")
    assert (await person(world)).family_name == "Елкина"


async def test_outsiders_hear_what_outsiders_hear(world: World) -> None:
    [answer] = await world.write(STRANGER, "исправить фамилия Ёлкина")
    assert answer.body == (await world.write(STRANGER, "привет"))[0].body


async def test_with_several_children_the_parent_says_whose(world: World) -> None:
    await a_parent(world)
    await a_parent(world, child=BROTHER)
    [which] = await world.write(MOTHER, "исправить отчество Ивановна")
    assert len(which.offers) == 2
    [again] = await world.write(MOTHER, "Алёне")
    assert again.body == which.body
    number = next(line.split()[1] for line in which.body.splitlines() if "Алена" in line)
    await world.tap(MOTHER, which, number)
    assert (await person(world)).middle_name == "Ивановна"
    assert (await person(world, BROTHER)).middle_name == ""
    [how] = await world.tap(MOTHER, which, number)
    assert how.body == world.text("correct-how"), "the corrections went with the question"
    async with world.db.read() as tx:
        rows_ = await tx.all(select(tables.offers.c.command))
        said = [dialogues.offered(tx, row.command) for row in rows_]
    assert said
    assert not any("Ивановна" in command for command in said), "it is kept once, with the question"


async def test_the_question_whose_data_it_is_can_be_dropped(world: World) -> None:
    await a_parent(world)
    await a_parent(world, child=BROTHER)
    await world.write(MOTHER, "исправить отчество Ивановна")
    [answer] = await world.write(MOTHER, "отмена")
    assert answer.body == world.text("correct-cancelled")
    await world.write(MOTHER, "исправить отчество Ивановна")
    [which] = await world.write(MOTHER, "исправить отчество Петровна")
    await world.tap(MOTHER, which, which.offers[0])
    patronymics = {(await person(world, who)).middle_name for who in (PUPIL, BROTHER)}
    assert patronymics == {"", "Петровна"}


async def test_what_cannot_be_read_is_said_and_the_rest_is_done(world: World) -> None:
    await a_parent(world)
    said = await world.write(
        MOTHER,
        "исправить отчество Ивановна, имя 4лёна, др 31.02.2014, почта asya, телефон 1, школа",
    )
    body = to(said, MOTHER)
    for text in ("имя: не получилось", "дата рождения: не получилось", "asya@example.org",
                 "+7 900", "школа: после слова", "Ивановна — исправлено"):  # fmt: skip
        assert text in body
    assert (await person(world)).given_name == "Алена"


async def test_asking_again_asks_nobody_twice(world: World) -> None:
    await a_parent(world)
    first = asked(await world.write(MOTHER, "исправить имя Анна"), TEACHER)
    said = await world.write(MOTHER, "исправить имя Анна")
    assert not to(said, TEACHER)
    assert "ждёт решения" in to(said, MOTHER)
    second = asked(await world.write(MOTHER, "исправить имя Инна"), TEACHER)
    [gone] = await world.tap(TEACHER, first, "✅")
    assert gone.body == world.text("approve-gone")
    await world.tap(TEACHER, second, "✅")
    assert (await person(world)).given_name == "Инна"


async def test_nobody_keeps_the_class_teacher_busy(world: World) -> None:
    await world.become_parent(STRANGER, await world.invite())
    names = ["Анна", "Инна", "Нина", "Лина", "Мина", "Рина", "Зина", "Дина", "Ева", "Ия"]
    for name in names:
        world.now += 1000
        asked(await world.write(STRANGER, f"исправить имя {name}"), TEACHER)
    [answer] = await world.write(STRANGER, "исправить имя Яна")
    assert answer.body == "Слишком много попыток. Попробуйте через 10 минут."
    world.now += 10 * MINUTE
    asked(await world.write(STRANGER, "исправить имя Яна"), TEACHER)


async def test_namesakes_are_renumbered_with_a_name(world: World) -> None:
    twin = "@dvoynik:school.example"
    async with world.db.write() as tx:
        world.ids[twin] = await accounts.add_person(tx, "Ёлкина", "Анна")
        await accounts.add_account(tx, twin, world.ids[twin])
        await assign(tx, world.ids, twin, "enrolment", class_id=world.ids["5А"])
    await a_parent(world)
    case = asked(await world.write(MOTHER, "исправить имя Анна"), TEACHER)
    await world.tap(TEACHER, case, "✅")
    assert set(world.renamed) == {PUPIL, twin}
    assert {name[-3:] for name in world.renamed.values()} == {"(1)", "(2)"}
    [found] = await world.write(TEACHER, "найти Елкина")
    assert all(name in found.body for name in world.renamed.values())
    # The link is the right one's.
    [children] = await world.write(MOTHER, "мои дети")
    assert "Анна Елкина" in children.body
    async with world.db.read() as tx:
        linked = [row.child_id for row in await tx.all(select(tables.parent_links))]
    assert linked == [world.ids[PUPIL]]


# --- contacts -------------------------------------------------------------------------------


async def contacts(world: World) -> Sequence[str]:
    async with world.db.read() as tx:
        return await accounts.contacts_of(tx, world.ids[PUPIL], "email")


async def test_a_contact_is_for_the_class_teacher_to_decide(world: World) -> None:
    await a_parent(world)
    said = await world.write(MOTHER, "исправить почта Asya@Nigde.example")
    assert await contacts(world) == []
    await world.tap(TEACHER, asked(said, TEACHER), "✅")
    assert await contacts(world) == ["asya@nigde.example"]
    said = await world.write(MOTHER, "исправить почта novaya@nigde.example")
    await world.tap(TEACHER, asked(said, TEACHER), "✅")
    assert await contacts(world) == ["novaya@nigde.example"]
    [row] = await rows(world, tables.corrections)
    assert "nigde" not in str(row), "no contact lies open in the database"
    async with world.db.read() as tx:
        known = await enrol.known(tx, world.ids["school"])
    assert known.corrections == {world.ids[PUPIL]: {"email": ""}}


async def test_somebody_elses_contact_is_refused(world: World) -> None:
    async with world.db.write() as tx:
        await accounts.add_contact(tx, world.ids[MOTHER], "phone", "+79000000000")
    await a_parent(world)
    said = await world.write(MOTHER, "исправить телефон 8 900 000-00-00")
    assert "уже используется" in to(said, MOTHER)
    assert not await rows(world, tables.cases)


async def test_a_contact_that_was_taken_meanwhile_is_not_stored(world: World) -> None:
    await a_parent(world)
    case = asked(await world.write(MOTHER, "исправить почта asya@nigde.example"), TEACHER)
    async with world.db.write() as tx:
        await accounts.add_contact(tx, world.ids[BROTHER], "email", "asya@nigde.example")
    [answer] = await world.tap(TEACHER, case, "✅")
    assert answer.body == world.text("correction-taken")
    assert await contacts(world) == []


# --- the decision ---------------------------------------------------------------------------


async def test_a_rejection_says_why(world: World) -> None:
    await a_parent(world)
    said = await world.write(MOTHER, "исправить имя Анна")
    lines = asked(said, TEACHER).body.splitlines()
    reject = next(line for line in lines if line.startswith("отклонить"))
    said = await world.write(TEACHER, f"{reject} в свидетельстве Алёна")
    assert "в свидетельстве Алёна" in to(said, MOTHER)
    assert (await person(world)).given_name == "Алена"
    [case] = await rows(world, tables.cases)
    assert (case.state, case.decided_by) == ("rejected", world.ids[TEACHER])


async def test_an_outdated_request_is_not_carried_out(world: World) -> None:
    await a_parent(world)
    case = asked(await world.write(MOTHER, "исправить имя Анна"), TEACHER)
    async with world.db.write() as tx:
        pupil = tables.people.c.id == world.ids[PUPIL]
        await tx.run(update(tables.people).where(pupil).values(given_name="Инна"))
    [answer] = await world.tap(TEACHER, case, "✅")
    assert "было Алена, сейчас Инна" in answer.body
    assert (await person(world)).given_name == "Инна"
    assert await world.tap(TEACHER, case, "❌")
    [row] = await rows(world, tables.cases)
    assert row.state == "rejected"


async def test_without_a_class_teacher_the_administrator_decides(world: World) -> None:
    async with world.db.write() as tx:
        a = tables.assignments
        await tx.run(a.delete().where(a.c.kind == "leadership"))
    await a_parent(world)
    case = asked(await world.write(MOTHER, "исправить имя Анна"), ADMIN)
    await world.tap(ADMIN, case, "✅")
    assert (await person(world)).given_name == "Анна"


async def test_no_parent_decides_about_the_own_child(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, PUPIL, TEACHER)
    await a_parent(world, TEACHER)
    await a_parent(world, MOTHER)
    for mxid in (TEACHER, MOTHER):
        said = await world.write(mxid, "исправить имя Анна")
        assert not [s for s in said if s.to in {TEACHER, MOTHER} and "✅" in s.offers]
        case = asked(said, ADMIN)
        command = next(line for line in case.body.splitlines() if line.startswith("одобрить"))
        for parent in (TEACHER, MOTHER):
            await world.write(parent, command)
    assert (await person(world)).given_name == "Алена"


async def test_every_change_is_in_the_audit_log(world: World) -> None:
    await a_parent(world)
    case = asked(await world.write(MOTHER, "исправить отчество Ивановна, имя Анна"), TEACHER)
    await world.tap(TEACHER, case, "✅")
    async with world.db.read() as tx:
        log = await tx.all(select(tables.audit).order_by(tables.audit.c.id))
        assert await audit.verify(tx) is None
    made = [(row.actor, row.reason) for row in log if row.action == "person.correct"]
    assert made == [
        (world.ids[MOTHER], "middle_name"),
        (world.ids[TEACHER], f"given_name; asked for by {world.ids[MOTHER]}"),
    ]
    assert not any("Ивановна" in row.reason or "Анна" in row.reason for row in log)


# --- the roster -----------------------------------------------------------------------------


async def imported(world: World, *names: str, apply: bool = True) -> list[tuple[str, ...]]:
    """Import a roster of one pupil; return what it says of corrected fields."""
    pupils = [PUPIL_HEADER, ["", *names, "5А"]]
    staff = [STAFF_HEADER, ["", "Небывалова", "Анна", "", "учитель", "5А"]]
    classes = [CLASS_HEADER, ["5А", "2026/2027", "", "", ""]]
    reading = read_grids(grids(Ученики=pupils, Родители=[], Сотрудники=staff, Классы=classes))
    assert not reading.fatal
    async with world.db.write() as tx:
        known = await enrol.known(tx, world.ids["school"])
        plan = make_plan(reading.roster, known, date(2026, 10, 1))
        assert not plan.people_to_add, "the pupil is recognised"
        if apply and not plan.empty:
            await enrol.carry_out(tx, world.ids["school"], plan, "console")
    return [(each.field, each.listed, each.profile, each.outcome) for each in plan.corrected]


async def test_a_roster_that_has_not_heard_of_it_changes_nothing_and_says_so(world: World) -> None:
    await a_parent(world)
    await world.write(MOTHER, "исправить фамилия Ёлкина, отчество Ивановна")
    old = ("Елкина", "Алена", "", "12.03.2014")
    for _ in range(2):
        assert await imported(world, *old) == [
            ("family_name", "Елкина", "Ёлкина", Outcome.KEPT),
            ("middle_name", "", "Ивановна", Outcome.KEPT),
        ]
    child = await person(world)
    assert (child.family_name, child.middle_name) == ("Ёлкина", "Ивановна")


async def test_a_name_that_became_another_is_still_recognised_by_the_old_one(world: World) -> None:
    await a_parent(world)
    said = await world.write(MOTHER, "исправить фамилия Сосенкина, др 13.03.2014")
    for case in [s for s in said if s.to == TEACHER and "✅" in s.offers]:
        await world.tap(TEACHER, case, "✅")
    kept = await imported(world, "Елкина", "Алена", "", "12.03.2014")
    assert kept == [
        ("birth_date", "2014-03-12", "2014-03-13", Outcome.KEPT),
        ("family_name", "Елкина", "Сосенкина", Outcome.KEPT),
    ]
    mixed = await imported(world, "Сосенкина", "Алена", "", "12.03.2014")
    assert mixed[1][3] is Outcome.AGREED
    assert [row.field for row in await rows(world, tables.corrections)] == ["birth_date"]


async def test_a_roster_that_says_something_new_wins(world: World) -> None:
    await a_parent(world)
    await world.write(MOTHER, "исправить фамилия Ёлкина, отчество Ивановна")
    said = await imported(world, "Елкина", "Алена", "Петровна", "12.03.2014")
    assert said[1] == ("middle_name", "Петровна", "Ивановна", Outcome.OVERRULED)
    assert (await person(world)).middle_name == "Петровна"
    again = await imported(world, "Елкина", "Алена", "Петровна", "12.03.2014")
    assert again == [("family_name", "Елкина", "Ёлкина", Outcome.KEPT)]
    log = await rows(world, tables.audit)
    assert [row.reason for row in log if row.action == "correction.drop"] == [
        "middle_name; the roster overruled"
    ]


async def test_a_correction_that_goes_back_leaves_no_record(world: World) -> None:
    await a_parent(world)
    await world.write(MOTHER, "исправить фамилия Ёлкина")
    await world.write(MOTHER, "исправить фамилия Елкина")
    assert not await rows(world, tables.corrections)
    assert await imported(world, "Елкина", "Алена", "", "12.03.2014") == []
