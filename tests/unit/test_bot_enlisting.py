"""A pupil of the first grades comes in: invited by name, by letter or slip, and nobody else."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest_asyncio
from sqlalchemy import delete, insert, select, update

from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.school import kinship
from sferum_bridge.store import accounts, audit, mails, schools, tables
from sferum_bridge.store.mails import Cause
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
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.database import Tx
    from tests.support.bot import Said

GLEB, FEKLA, NAMESAKE, PARENT = "pupil", "classmate", "namesake", "guardian"
"""People of the roster without an account."""
FIRST_TEACHER = "@pervaya:school.example"
ADDRESS = "gleb@example.org"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(sends_mail=True) as made:
        await add_first_class(made)
        yield made


@pytest_asyncio.fixture
async def without_mail() -> AsyncIterator[World]:
    async with a_world() as made:
        await add_first_class(made)
        yield made


async def add_first_class(world: World) -> None:
    ids = world.ids
    async with world.db.write() as tx:
        ids["1А"] = "class-1a"
        row = {"id": ids["1А"], "school_id": ids["school"], "name": "1А", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
        for key, family_name, given_name in (
            (GLEB, "Сочинский", "Глеб"),
            (FEKLA, "Выдуманная", "Фёкла"),
            (PARENT, "Сочинская", "Инна"),
            (FIRST_TEACHER, "Мнимая", "Вера"),
        ):
            ids[key] = await accounts.add_person(tx, family_name, given_name)
        await assign(tx, ids, GLEB, "enrolment", class_id=ids["1А"])
        await assign(tx, ids, FEKLA, "enrolment", class_id=ids["1А"])
        await accounts.add_account(tx, FIRST_TEACHER, ids[FIRST_TEACHER])
        await assign(tx, ids, FIRST_TEACHER, "leadership", class_id=ids["1А"])
        await expect(tx, ids, GLEB, PARENT)
        await accounts.add_contact(tx, ids[PARENT], "email", "inna@example.org")


async def invite(world: World, words: str = "1А Сочинский Глеб") -> list[Said]:
    return await world.write(FIRST_TEACHER, f"!пригласить ученика {words}")


async def letters(world: World) -> list[mails.Mail]:
    """Return the letters that wait, and have none wait any longer."""
    found = []
    async with world.db.write() as tx:
        while (mail := await mails.due(tx)) is not None:
            found.append(mail)
            await mails.sent(tx, mail)
    return found


async def addresses(world: World, who: str = GLEB) -> list[str]:
    async with world.db.read() as tx:
        return list(await accounts.contacts_of(tx, world.ids[who], "email"))


async def accounts_of(world: World, who: str = GLEB) -> list[str]:
    async with world.db.read() as tx:
        return list(await accounts.mxids_of(tx, world.ids[who]))


def code_in(text: str) -> str:
    lines = [line for line in text.splitlines() if "/" not in line]
    return next(line for line in lines if kinship.read_code(line))


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


# --- inviting -------------------------------------------------------------------------------


async def test_without_an_address_there_is_a_code_a_link_and_a_slip(world: World) -> None:
    answer, slip = await invite(world)
    assert "Глеб Сочинский" in answer.body
    assert f"https://school.example/p/{answer.code}" in answer.body
    # Two weeks on, by the clock of a school in Vladivostok.
    assert "6 октября 2026" in answer.body
    for part in ("Глеб Сочинский", answer.code, f"https://school.example/p/{answer.code}"):
        assert part in slip.file
    assert await letters(world) == []


async def test_an_address_gets_a_letter_with_the_given_name_alone(world: World) -> None:
    [answer] = await invite(world, f"1А Сочинский Глеб <{ADDRESS.title()}>")
    assert not answer.holds_code
    assert ADDRESS not in answer.body.lower()
    [letter] = await letters(world)
    assert letter.to == ADDRESS
    code = code_in(letter.body)
    assert f"https://school.example/p/{code}" in letter.body
    assert "pomoshch@school.example" in letter.body
    assert "6 октября 2026" in letter.body
    assert "Глеб" in letter.subject
    for secret in ("Сочинск", "1А", "Школа № 0", "Мнимая"):
        assert secret not in letter.subject + letter.body
    assert await addresses(world) == [ADDRESS]


async def test_the_slip_of_a_letter_has_its_code_and_is_printed_while_it_holds(
    world: World,
) -> None:
    [answer] = await invite(world, f"1А Глеб Сочинский {ADDRESS}")
    [letter] = await letters(world)
    [slip] = await world.tap(FIRST_TEACHER, answer, "🖨️")
    assert code_in(letter.body) in slip.file
    await invite(world)
    [gone] = await world.tap(FIRST_TEACHER, answer, "🖨️")
    assert gone.body == world.text("enlist-slip-gone")


async def test_a_slip_is_not_printed_for_who_lost_the_right(world: World) -> None:
    [answer] = await invite(world, f"1А Сочинский {ADDRESS}")
    async with world.db.write() as tx:
        await end_assignments(tx, world.ids[FIRST_TEACHER])
    [refused] = await world.tap(FIRST_TEACHER, answer, "🖨️")
    assert refused.body == world.text("enlist-right")


async def end_assignments(tx: Tx, person_id: str) -> None:
    a = tables.assignments
    await tx.run(update(a).where(a.c.person_id == person_id).values(until=date(2026, 9, 1)))


async def test_an_address_the_school_knows_is_used_unless_somebody_shares_it(
    world: World,
) -> None:
    async with world.db.write() as tx:
        await accounts.add_contact(tx, world.ids[GLEB], "email", ADDRESS)
    [answer] = await invite(world)
    assert answer.body == world.text(
        "enlist-mailed", child="Глеб Сочинский", typed=0, until=until(world)
    )
    assert [letter.to for letter in await letters(world)] == [ADDRESS]
    async with world.db.write() as tx:
        await accounts.add_contact(tx, world.ids[FEKLA], "email", ADDRESS)
    answer, _ = await invite(world)
    assert answer.holds_code
    assert await letters(world) == []


def until(world: World) -> datetime:
    begin = datetime.fromtimestamp(world.now / 1000, UTC).astimezone(ZoneInfo("Asia/Vladivostok"))
    return begin + timedelta(days=14)


async def test_a_corrected_address_replaces_the_wrong_one(world: World) -> None:
    await invite(world, "1А Сочинский gelb@example.org")
    await invite(world, f"1А Сочинский {ADDRESS}")
    assert await addresses(world) == [ADDRESS]
    # The letter to the wrong address would have brought a code that holds no more.
    assert [letter.to for letter in await letters(world)] == [ADDRESS]


async def test_a_parents_address_is_refused_and_names_nobody(world: World) -> None:
    [answer] = await invite(world, "1А Сочинский Глеб Inna@Example.org")
    assert answer.body == world.text("enlist-contact")
    assert "Инна" not in answer.body
    assert await addresses(world) == []
    async with world.db.read() as tx:
        assert await tx.all(select(tables.pupil_invites)) == []


async def test_one_mailbox_is_not_for_two_siblings(world: World) -> None:
    async with world.db.write() as tx:
        world.ids["sibling"] = await accounts.add_person(tx, "Сочинская", "Яна")
        await assign(tx, world.ids, "sibling", "enrolment", class_id=world.ids["1А"])
    await invite(world, f"1А Сочинский Глеб {ADDRESS}")
    [refused] = await invite(world, f"1А Сочинская Яна {ADDRESS}")
    assert refused.body == world.text("enlist-contact")
    assert "Глеб" not in refused.body
    assert await addresses(world, "sibling") == []
    answer, slip = await invite(world, "1А Сочинская Яна")
    assert answer.code in slip.file


async def test_where_the_page_makes_no_accounts_letter_and_slip_say_how_to_go_on() -> None:
    async with a_world(sends_mail=True, creates_accounts=False) as world:
        await add_first_class(world)
        _, slip = await invite(world)
        for line in world.text("enlist-slip-steps-account", bot=BOT).splitlines():
            assert line in slip.file
        assert world.text("enlist-slip-login") not in slip.file
        await invite(world, f"1А Сочинский {ADDRESS}")
        [letter] = await letters(world)
        assert "пароль" not in letter.body
        assert BOT in letter.body


async def test_what_is_no_address_is_refused(world: World) -> None:
    for words in ("gleb@", "a@b.example c@d.example", "@gleb:school.example", "a@b@example.org"):
        [answer] = await invite(world, f"1А Сочинский {words}")
        assert answer.body == world.text("enlist-bad-address")
    assert await letters(world) == []


async def test_without_a_mail_server_an_address_is_kept_and_the_slip_does(
    without_mail: World,
) -> None:
    answer, slip = await invite(without_mail, f"1А Сочинский {ADDRESS}")
    assert without_mail.text("enlist-no-mail") in answer.body
    assert answer.code in slip.file
    assert await addresses(without_mail) == [ADDRESS]
    assert await letters(without_mail) == []


async def test_a_class_teacher_of_another_class_gets_e_right_whatever_there_is(
    world: World,
) -> None:
    refused = world.text("enlist-right")
    for words in (
        "1А Сочинский Глеб",
        "1А Никого Нет",
        "1А",
        "3Ж Кто Угодно",
        f"1А Глеб {ADDRESS}",
    ):
        [answer] = await world.write(TEACHER, f"!пригласить ученика {words}")
        assert answer.body == refused
    # Without a class it is just nobody of the own one.
    [answer] = await world.write(TEACHER, "!пригласить ученика Сочинский Глеб")
    assert answer.body == world.text("find-nobody")
    [answer] = await world.write(TEACHER, "!пригласить ученика 5А Нетакого")
    assert answer.body == world.text("find-nobody")


async def test_pupils_and_parents_get_e_right(world: World) -> None:
    for mxid in (PUPIL, MOTHER, BROTHER):
        [answer] = await world.write(mxid, "!пригласить ученика 1А Сочинский Глеб")
        assert answer.body == world.text("enlist-right")


async def test_an_administrator_invites_in_every_class(world: World) -> None:
    answer, _ = await world.write(ADMIN, "!invite pupil 1А Сочинский Глеб")
    assert answer.holds_code
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.pupil_invites))
    assert row.issued_as == f"school/{world.ids['school']}/administrators"


async def test_a_pupil_with_an_account_needs_none(world: World) -> None:
    [answer] = await world.write(TEACHER, "!пригласить ученика 5А Ася Выдумкина")
    assert answer.body == world.text("enlist-has-account", child="Ася Выдумкина")


async def test_the_command_alone_says_how(world: World) -> None:
    [answer] = await invite(world, "")
    assert answer.body == world.text("enlist-how")


async def test_namesakes_are_chosen_from_a_list_that_keeps_the_address(world: World) -> None:
    async with world.db.write() as tx:
        world.ids[NAMESAKE] = await accounts.add_person(tx, "Сочинский", "Глеб")
        await assign(tx, world.ids, NAMESAKE, "enrolment", class_id=world.ids["1А"])
    [question] = await invite(world, f"1А Сочинский Глеб {ADDRESS}")
    assert "(1)" in question.body
    assert "(2)" in question.body
    assert await letters(world) == []
    async with world.db.read() as tx:
        offers = await tx.all(select(tables.offers.c.command))
    assert len(offers) == 2
    assert ADDRESS not in str(offers), "contacts are sealed where they wait as well"
    [answer] = await world.tap(FIRST_TEACHER, question, "2️⃣")
    assert "Глеб Сочинский" in answer.body
    [letter] = await letters(world)
    assert letter.to == ADDRESS
    second = max(world.ids[GLEB], world.ids[NAMESAKE])
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.pupil_invites))
    assert row.person_id == second


async def test_the_same_command_said_twice_gives_one_code_and_one_letter(world: World) -> None:
    command = Command(Name.INVITE_PUPIL, "ru", f"1А Сочинский {ADDRESS}")
    for _ in range(2):
        await world.bot.converse(FIRST_TEACHER, command, nonce="form")
    assert len(await letters(world)) == 1
    await world.bot.converse(FIRST_TEACHER, command, nonce="form")
    assert await letters(world) == []
    async with world.db.read() as tx:
        assert len(await tx.all(select(tables.pupil_invites))) == 1


# --- a whole class --------------------------------------------------------------------------


async def test_a_whole_class_is_asked_about_and_gets_one_sheet(world: World) -> None:
    earlier, _ = await invite(world)
    [question] = await invite(world, "1 «а»")
    assert "2 ученика" in question.body
    async with world.db.read() as tx:
        assert len(await tx.all(select(tables.pupil_invites))) == 1
    answer, sheet = await world.tap(FIRST_TEACHER, question, "✅")
    assert "2 приглашения" in answer.body
    assert "Глеб Сочинский" in sheet.file
    assert "Фёкла Выдуманная" in sheet.file
    assert await refusal(world, STRANGER, earlier.code)


async def test_a_whole_class_is_left_alone_after_a_no(world: World) -> None:
    for no in ("отмена", "не знаю"):
        await invite(world, "1А")
        [answer] = await world.write(FIRST_TEACHER, no)
        assert answer.body == world.text("enlist-class-cancelled")
    await invite(world, "1А")
    answer, _ = await world.write(FIRST_TEACHER, "да")
    assert "2 приглашения" in answer.body


async def test_a_class_that_needs_no_more_is_said_to_a_late_yes(world: World) -> None:
    [question] = await invite(world, "1А")
    async with world.db.write() as tx:
        await accounts.add_account(tx, STRANGER, world.ids[GLEB])
        await accounts.add_account(tx, OTHER, world.ids[FEKLA])
    [answer] = await world.tap(FIRST_TEACHER, question, "✅")
    assert answer.body == world.text("enlist-class-none", **{"class": "1А"})


async def test_a_late_yes_of_who_lost_the_right_prints_nothing(world: World) -> None:
    [question] = await invite(world, "1А")
    async with world.db.write() as tx:
        await end_assignments(tx, world.ids[FIRST_TEACHER])
        await assign(tx, world.ids, FIRST_TEACHER, "leadership", class_id=world.ids["5А"])
    [answer] = await world.tap(FIRST_TEACHER, question, "✅")
    assert answer.body == world.text("enlist-right")


async def test_a_class_in_which_everybody_has_an_account_needs_nothing(world: World) -> None:
    [answer] = await world.write(TEACHER, "!пригласить ученика 5А")
    assert answer.body == world.text("enlist-class-none", **{"class": "5А"})


# --- giving the code to the bot -------------------------------------------------------------


async def refusal(world: World, mxid: str, code: str) -> bool:
    [answer] = await world.write(mxid, code)
    return answer.body == world.text("e-unknown")


async def test_an_account_nobody_knows_becomes_the_pupil_after_a_question(world: World) -> None:
    invited, _ = await invite(world)
    async with world.db.read() as tx:
        before = (await schools.records(tx))[0].wanted
    [question] = await world.write(STRANGER, f"вот: https://school.example/p/{invited.code}")
    for fact in ("Глеб Сочинский", "1А", "Школа № 0 города Нигдейска"):
        assert fact in question.body
    assert await accounts_of(world) == []
    said = await world.tap(STRANGER, question, "✅")
    assert to(said, STRANGER).body == world.text(
        "enlist-done", child="Глеб Сочинский", **{"class": "1А"}
    )
    told = to(said, FIRST_TEACHER).body
    assert "Глеб Сочинский" in told
    assert STRANGER in told
    assert await accounts_of(world) == [STRANGER]
    assert world.renamed == {STRANGER: "Глеб Сочинский"}
    async with world.db.read() as tx:
        assert (await schools.records(tx))[0].wanted > before
        assert await audit.verify(tx) is None
        actions = {row.action for row in await tx.all(select(tables.audit))}
    assert {"pupil-invite.issue", "account.tie"} <= actions
    assert await refusal(world, OTHER, invited.code)


async def test_a_letter_still_on_its_way_is_withdrawn_once_the_pupil_is_in(world: World) -> None:
    [answer] = await invite(world, f"1А Сочинский {ADDRESS}")
    [slip] = await world.tap(FIRST_TEACHER, answer, "🖨️")
    found = re.search(r"(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}", slip.file)
    assert found is not None
    await world.write(STRANGER, found.group())
    await world.write(STRANGER, "да")
    assert await accounts_of(world) == [STRANGER]
    assert await letters(world) == []


async def test_whoever_issued_it_is_told_beside_the_class_teacher(world: World) -> None:
    invited, _ = await world.write(ADMIN, "!пригласить ученика 1А Сочинский")
    await world.write(STRANGER, invited.code)
    said = await world.write(STRANGER, "да")
    assert {one.to for one in said} == {STRANGER, FIRST_TEACHER, ADMIN}


async def test_the_question_may_be_left_and_asked_again(world: World) -> None:
    invited, _ = await invite(world)
    [question] = await world.write(STRANGER, invited.code)
    [again] = await world.write(STRANGER, "да, наверное, это я")
    assert again.body == question.body
    [left] = await world.write(STRANGER, "отмена")
    assert left.body == world.text("cancelled")
    await world.write(STRANGER, invited.code)
    await world.write(STRANGER, "да")
    assert await accounts_of(world) == [STRANGER]


async def test_a_yes_below_an_older_question_is_about_that_one(world: World) -> None:
    invited, _ = await invite(world)
    [question] = await world.write(STRANGER, invited.code)
    parents_code = await world.invite()
    [parents] = await world.write(STRANGER, parents_code)
    assert "Ася Выдумкина" in parents.body
    await world.tap(STRANGER, question, "✅")
    assert await accounts_of(world) == [STRANGER]
    assert await world.links() == []


async def test_whoever_the_school_knows_cannot_become_the_pupil(world: World) -> None:
    invited, _ = await invite(world)
    for mxid in (BROTHER, MOTHER, TEACHER):
        [answer] = await world.write(mxid, invited.code)
        assert answer.body == world.text("enlist-known")
    assert not await refusal(world, STRANGER, invited.code)


async def test_somebody_who_became_known_after_the_question_is_not_tied(world: World) -> None:
    invited, _ = await invite(world)
    [question] = await world.write(STRANGER, invited.code)
    async with world.db.write() as tx:
        person_id = await accounts.add_person(tx, "Иная", "Кто-то")
        await accounts.add_account(tx, STRANGER, person_id)
    [answer] = await world.tap(STRANGER, question, "✅")
    assert answer.body == world.text("enlist-known")
    assert await accounts_of(world) == []


async def test_an_invite_ends_in_every_way_it_should_and_all_look_alike(world: World) -> None:
    async def leave(tx: Tx) -> None:
        await end_assignments(tx, world.ids[GLEB])

    async def lose_the_right(tx: Tx) -> None:
        await end_assignments(tx, world.ids[FIRST_TEACHER])

    async def get_an_account(tx: Tx) -> None:
        await accounts.add_account(tx, "@gotoviy:school.example", world.ids[GLEB])

    async def be_revoked(tx: Tx) -> None:
        await tx.run(update(tables.pupil_invites).values(revoked_at=tx.now))

    for end in (leave, lose_the_right, get_an_account, be_revoked):
        invited, _ = await invite(world)
        [question] = await world.write(STRANGER, invited.code)
        async with world.db.write() as tx:
            await end(tx)
        [late] = await world.tap(STRANGER, question, "✅")
        assert late.body == world.text("e-unknown"), end.__name__
        assert await refusal(world, OTHER, invited.code), end.__name__
        async with world.db.write() as tx:
            await tx.run(delete(tables.accounts).where(tables.accounts.c.mxid.like("@gotoviy%")))
            await tx.run(update(tables.assignments).values(until=None))


async def test_an_invite_lives_two_weeks(world: World) -> None:
    invited, _ = await invite(world)
    world.now += 14 * DAY
    assert await refusal(world, STRANGER, invited.code)


# --- a letter that did not arrive -----------------------------------------------------------


async def test_a_letter_given_up_is_told_once_with_its_cause(world: World) -> None:
    await invite(world, f"1А Сочинский {ADDRESS}")
    async with world.db.write() as tx:
        mail = await mails.due(tx)
        assert mail is not None
        await mails.failed(tx, mail, Cause.ADDRESS)
        await mails.failed(tx, mail, Cause.TIME)
    [told] = await world.work_off("bot/news")
    assert told.to == FIRST_TEACHER
    assert told.body == world.text("e-mail", child="Глеб Сочинский", cause=Cause.ADDRESS)
    assert ADDRESS not in told.body
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.mails))
    assert row.sealed is None
    [slip] = await world.tap(FIRST_TEACHER, told, "🖨️")
    assert code_in(mail.body) in slip.file
