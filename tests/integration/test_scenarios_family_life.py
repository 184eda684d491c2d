"""Scenarios 05, 16, 17, 24: a family after the first link, with people at real clients.

Elder brothers, divorces, corrections that meet the next import, consents and coming of age. What
an undo may no longer do a day later is shown by `tests/unit/test_bot_parting.py`, where the clock
can be moved.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot.reach import Action
from sferum_bridge.bot.texts import Texts
from sferum_bridge.school.people import LinkState, Waits
from sferum_bridge.store import accounts, consents, schools, tables
from tests.support.bridge import BridgedSchool, until
from tests.support.rosters import CLASS_HEADER, PARENT_HEADER, PUPIL_HEADER, STAFF_HEADER, Rows
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.school.people import Person
    from tests.support.scenario import Reply, Who

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


def text(key: str, **values: Any) -> str:
    return Texts().text("ru", key, **values).body


async def new_code(child: Who) -> str:
    """Have a child ask for an invite; return the code."""
    return (await child.say("пригласить"))[0].code


async def become_parent(parent: Who, child: Who) -> Reply:
    """Go the whole way; return the answer to the confirmation."""
    await parent.ask(await new_code(child))
    return await parent.ask("подтвердить")


async def parents_of(child: Who) -> set[str]:
    return {link.parent_id for link in await child.links()}


async def log_of(town: Town, action: str, about: Who) -> list[tuple[str, str]]:
    """Return actor and reason of the audit records of an action about somebody."""
    c = tables.audit.c
    async with town.db.read() as tx:
        mine = (c.action == action, c.subject == about.person_id)
        rows = await tx.all(select(c.actor, c.reason).where(*mine).order_by(c.id))
    return [(row.actor, row.reason) for row in rows]


# --- 05 -------------------------------------------------------------------------------------


async def test_05_redeemed_under_another_pupils_account(town: Town) -> None:
    child = await town.pupil("Алёна", "Кнопочкина")
    brother = await town.pupil("Пётр", "Кнопочкин", "5Б")
    mother = await town.guardian(child, "Ольга", "Кнопочкина")
    administrator, teacher = await town.administrator(), await town.class_teacher("5А")
    code = await new_code(child)
    assert (await brother.ask(code)).body == text("e-pupil")
    assert (await brother.ask("подтвердить")).body == text("code-needed")
    links, [invite] = await town.links_of(child.person_id)
    assert links == [], "no slot"
    assert invite.used_by == "", "the invite is as it was"
    # An administrator makes an exception for an adult, and says why; nobody else does.
    reason = "совершеннолетний брат, опекун"
    exception = f"исключение Кнопочкина Алёна | {brother.mxid} | {reason}"
    assert (await teacher.ask(exception)).body == text("e-right", action=Action.EXCEPTION)
    named = {"child": "Алёна Кнопочкина", "adult": "Пётр Кнопочкин", "reason": reason}
    assert (await administrator.ask(exception)).body == text("exception-done", **named)
    assert (await teacher.hears("исключение")).body == text("exception-told", **named)
    [(who, why)] = await log_of(town, "parent.exception", child)
    assert who == administrator.person_id
    assert reason in why
    assert brother.person_id in why
    # He confirms like everybody, by the same code, and it still serves the mother.
    asked = await brother.ask(code)
    assert "Алёна Кнопочкина" in asked.body
    values = {"child": "Алёна Кнопочкина", "class": "5А"}
    assert (await brother.ask("подтвердить")).body == text("i-pending", **values)
    assert await parents_of(child) == {brother.person_id}
    await mother.ask(code)
    assert (await mother.ask("подтвердить")).body == text("confirmed", **values)
    assert await parents_of(child) == {brother.person_id, mother.person_id}


# --- 16 -------------------------------------------------------------------------------------


async def test_16_divorce(town: Town) -> None:
    child = await town.pupil("Алёна", "Блюдцева")
    other = await town.pupil("Глеб", "Блюдцев", "5Б")
    mother = await town.guardian(child, "Ольга", "Блюдцева")
    father = await town.guardian(child, "Денис", "Блюдцев")
    await town.expected(other, father)
    for parent, of in ((mother, child), (father, child), (father, other)):
        await become_parent(parent, of)
    for parent, class_name in ((mother, "5А"), (father, "5А"), (father, "5Б")):
        await parent.gets_into("parents", class_name)
    await never_the_other_parent(child, mother, father)
    await removed_on_paper_and_restored(town, child, mother, father)
    await left_and_came_back(child, mother)
    assert await parents_of(child) == {mother.person_id, father.person_id}


async def never_the_other_parent(child: Who, mother: Who, father: Who) -> None:
    paper = "решение суда № 1 от 01.09.2026"
    unlink = f"отвязать родителя Блюдцева Алёна | Блюдцев Денис | {paper}"
    for said in (unlink, "это не родитель Денис Блюдцев"):
        refused = (await mother.ask(said)).body
        assert refused == text("part-right")
        assert "администратор школы" in refused
    assert await parents_of(child) == {mother.person_id, father.person_id}


async def removed_on_paper_and_restored(town: Town, child: Who, mother: Who, father: Who) -> None:
    administrator, teacher = await town.administrator(), await town.class_teacher("5А")
    names = {"child": "Алёна Блюдцева", "parent": "Денис Блюдцев"}
    whom = "отвязать родителя Блюдцева Алёна | Блюдцев Денис"
    word = "отвязать родителя"
    for paper, missing in (
        ("№ 2-17 от 01.09.2026", "paper-kind"),
        ("решение суда от 01.09.2026", "paper-number"),
        ("решение суда № 2-17", "paper-date"),
    ):
        answer = await administrator.ask(f"{whom} | {paper}")
        assert answer.body == text(missing, word=word)
    asked = await administrator.ask(f"{whom} | решение суда № 2-17 от 01.09.2026")
    assert asked.body == text("remove-asked", paper="решение суда № 2-17, 01.09.2026", **names)
    assert len(await child.links()) == 2, "a second person has to approve"
    question = await teacher.hears("Просьба убрать родителя", "Денис Блюдцев")
    assert "решение суда № 2-17 от 01.09.2026" in question.body
    approve = next(line for line in question.body.splitlines() if line.startswith("одобрить"))
    assert (await administrator.ask(approve)).body == text("e-right", action=Action.APPROVE)
    [done] = await teacher.tap(question, "✅")
    assert done.body == text("removed", hours=24, **names)

    # The rooms of this child, its line in the list, and nothing of the other child's.
    for kind in ("parents", "materials"):
        await father.gets_out_of(kind, "5А")
        assert await father.is_in(kind, "5Б")
    assert await mother.is_in("parents", "5А")
    assert (await father.hears("завершила")).body == text("removed-parent", child="Алёна Блюдцева")
    assert (await child.hears("изменила")).body == text("removed-child", parent="Денис Блюдцев")
    assert (await mother.hears("изменила")).body == text("removed-others", **names)
    listed = (await father.ask("мои дети")).body
    assert "Глеб Блюдцев" in listed
    assert "Алёна" not in listed
    assert "Денис" not in (await child.ask("мои родители")).body
    [(approved_by, reason)] = await log_of(town, "parent.unlink", child)
    assert approved_by == teacher.person_id
    assert "№ 2-17 of 01.09.2026" in reason
    [(opened_by, _)] = await log_of(town, "removal.open", child)
    assert opened_by == administrator.person_id

    # Whoever was removed or gained by it takes nothing back; the two who did it may.
    for who in (mother, father):
        assert (await who.ask("вернуть")).body == text("restore-nothing")
    undo = await administrator.hears("больше не родитель", "Денис Блюдцев")
    [restored] = await administrator.tap(undo, "↩️")
    assert restored.body == text("restored", **names)
    await father.gets_into("parents", "5А")
    assert (await father.hears("восстановлена")).body == text(
        "restored-parent", child="Алёна Блюдцева"
    )
    assert "Алёна Блюдцева" in (await father.ask("мои дети")).body


async def left_and_came_back(child: Who, mother: Who) -> None:
    question = await mother.ask("выйти")
    assert question.body == text("leave-ask", child="Алёна Блюдцева")
    assert mother.person_id in await parents_of(child), "not before the answer"
    [left] = await mother.tap(question, "✅")
    assert left.body == text("left", child="Алёна Блюдцева", hours=24)
    await mother.gets_out_of("parents", "5А")
    assert (await child.hears("вышел")).body == text("left-child", parent="Ольга Блюдцева")
    assert (await mother.ask("мои дети")).body == text("children-none")
    restored = await mother.ask("вернуть")
    assert restored.body == text("restored", child="Алёна Блюдцева", parent="Ольга Блюдцева")
    await mother.gets_into("parents", "5А")


async def test_16_a_wrong_parent_sent_away_can_come_back(town: Town) -> None:
    child = await town.pupil("Егор", "Блюдечкин")
    uncle = await town.outsider("Дядя Фёдор")
    teacher = await town.class_teacher("5А")
    await become_parent(uncle, child)
    notice = await child.hears("Дядя Фёдор", "❌")
    await teacher.news()
    [gone] = await child.tap(notice, "❌")
    names = {"child": "Егор Блюдечкин", "parent": "Дядя Фёдор"}
    assert gone.body == text("disowned", hours=24, **names)
    assert await child.links() == []
    assert (await uncle.hears("снята")).body == text("disowned-parent", child="Егор Блюдечкин")
    told = await teacher.hears("Егор Блюдечкин", "Дядя Фёдор")
    assert told.body == text("disowned-teacher", **names)
    # As it was: he waits for the school again, and has no room.
    [restored] = await child.tap(gone, "↩️")
    assert restored.body == text("restored", **names)
    [link] = await child.links()
    assert link.waits_for == {Waits.SCHOOL}
    assert not await uncle.is_in("parents", "5А")


# --- 17 -------------------------------------------------------------------------------------

PUPILS: Rows = [
    PUPIL_HEADER,
    ["И17", "Елкина-Громова", "Алена", "", "12.03.2014", "5А"],
]
PARENTS: Rows = [
    PARENT_HEADER,
    ["И17", "Громова", "Ольга", "", "мать", "", "", "", ""],
    ["И17", "Громов", "Денис", "", "отец", "", "", "", ""],
]
STAFF: Rows = [STAFF_HEADER, ["Н17", "Сказочник", "Лука", "", "учитель", "", ""]]
CLASSES: Rows = [CLASS_HEADER, ["5А", "2026/2027", "", "", ""]]


async def test_17_corrections(town: Town) -> None:
    await roster(town, "apply")
    child, mother, father = [
        await town.account_of(await id_of(town, family, given))
        for family, given in (
            ("Елкина-Громова", "Алена"),
            ("Громова", "Ольга"),
            ("Громов", "Денис"),
        )
    ]
    await child.gets_into("pupils", "5А")
    teacher = await town.class_teacher("5А")
    await become_parent(father, child)
    asked = await mother.ask(await new_code(child))
    assert "Алена Елкина-Громова" in asked.body
    for one in (child, father, teacher):
        await one.news()
    note, again = await mother.say(
        "исправить\nфамилия: Ёлкина-Громова\nимя: Алёна\nотчество: Ивановна\n"
        "дата рождения: 13.03.2014\nкласс: 5Б"
    )
    for line in (
        "фамилия: Елкина-Громова → Ёлкина-Громова — исправлю сразу",
        "имя: Алена → Алёна — исправлю сразу",
        "отчество: Ивановна — если отчества нет, допишу",
        "дата рождения: 13.03.2014 — сверю",
        "класс: его меняет школа, а не родители. Если класс не тот, напишите классному",
    ):
        assert line in note.body
    assert again.body == asked.body
    assert (await who_is(town, child)).full_name == "Алена Елкина-Громова", "nothing yet"

    # Confirmed at once, whatever has still to be decided.
    confirmed, corrected = await mother.tap(again, "✅")
    assert confirmed.body == text("confirmed", **{"child": "Алена Елкина-Громова", "class": "5А"})
    await mother.gets_into("parents", "5А")
    for line in (
        "фамилия: Елкина-Громова → Ёлкина-Громова — исправлено",
        "имя: Алена → Алёна — исправлено",
        "отчество: — → Ивановна — исправлено",
        "дата рождения: 12.03.2014 → 13.03.2014 — ждёт решения классного руководителя",
    ):
        assert line in corrected.body
    now = await who_is(town, child)
    assert (now.full_name, now.middle_name) == ("Алёна Ёлкина-Громова", "Ивановна")
    assert now.birth_date == date(2014, 3, 12), "the old date stays until it is decided"
    assert "5А" in (await mother.ask("мои дети")).body, "class is the school's to change"
    await shown_everywhere(child, mother, father)

    # The next import does not revert it, and says so.
    await the_next_import_keeps_it(town, child)
    question = await teacher.hears("Сейчас: 12.03.2014", "Просят: 13.03.2014")
    assert "Алёна Ёлкина-Громова" in question.body
    assert "Ольга Громова" in question.body
    await teacher.tap(question, "✅")
    assert (await who_is(town, child)).birth_date == date(2014, 3, 13)
    for one in (child, father):
        await one.hears("дата рождения: 12.03.2014 → 13.03.2014")
    await mother.hears("Школа исправила", "13.03.2014")
    told = await roster_table(town)
    assert "список: 12.03.2014, профиль: 13.03.2014 (исправил родитель)" in told


async def shown_everywhere(child: Who, mother: Who, father: Who) -> None:
    """The new name is in both profiles, in the display name, and both others are told."""
    for one in (child, father):
        await one.hears("фамилия: Елкина-Громова → Ёлкина-Громова")
    for parent in (mother, father):
        assert "Алёна Ёлкина-Громова" in (await parent.ask("мои дети")).body
    assert "Алёна Ёлкина-Громова" in (await child.ask("кто я")).body

    async def display_name() -> bool:
        _, profile = await child.client.call("GET", f"profile/{child.mxid}/displayname")
        return bool(profile["displayname"] == "Алёна Ёлкина-Громова")

    await until(display_name)


async def the_next_import_keeps_it(town: Town, child: Who) -> None:
    said = json.loads(await roster(town, "check", "--json"))
    assert said["plan"]["people_to_change"] == 0
    differences = {
        (each["field"], each["listed"], each["profile"], each["outcome"])
        for each in said["corrected"]
        if each["person_id"] == child.person_id
    }
    assert differences == {
        ("family_name", "Елкина-Громова", "Ёлкина-Громова", "kept"),
        ("given_name", "Алена", "Алёна", "kept"),
        ("middle_name", "", "Ивановна", "kept"),
    }
    told = await roster_table(town)
    assert "список: Елкина-Громова, профиль: Ёлкина-Громова (исправил родитель)" in told
    await roster(town, "apply")
    now = await who_is(town, child)
    assert (now.full_name, now.middle_name) == ("Алёна Ёлкина-Громова", "Ивановна")


async def roster_table(town: Town) -> str:
    """Return what `roster check` shows to people."""
    return await roster(town, "check", "--lang", "ru")


async def roster(town: Town, what: str, *options: str) -> str:
    """Have the command line check or apply the list of scenario 17; return what it prints."""
    path = town.bridged.folder / "list.xlsx"
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    sheets = {"Ученики": PUPILS, "Родители": PARENTS, "Сотрудники": STAFF, "Классы": CLASSES}
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    command = [sys.executable, "-m", "sferum_bridge", "roster", what, str(path), *options]
    command += ["--config", str(town.bridged.folder / "config.yaml"), "--school", "Школа № 0"]
    pipe = asyncio.subprocess.PIPE
    # Wide enough for a row of a table to be a line.
    env = {**os.environ, "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=env)
    out, errors = await process.communicate()
    assert process.returncode == 0, out.decode() + errors.decode()
    return out.decode()


async def id_of(town: Town, family: str, given: str) -> str:
    c = tables.people.c
    async with town.db.read() as tx:
        [row] = await tx.all(select(c.id).where(c.family_name == family, c.given_name == given))
    return str(row.id)


async def who_is(town: Town, who: Who) -> Person:
    async with town.db.read() as tx:
        person = await accounts.person(tx, who.person_id)
    assert person is not None
    return person


# --- 24 -------------------------------------------------------------------------------------


async def test_24_consents_by_age(town: Town) -> None:
    async with town.db.read() as tx:
        today = (await schools.records(tx))[0].day(tx.now)
    younger = await town.pupil("Лев", "Росинкин", born=date(today.year - 13, 1, 1))
    older = await town.pupil("Вера", "Росинкина", "5Б", born=date(today.year - 15, 1, 1))
    mother = await town.guardian(younger, "Анна", "Росинкина")
    await town.expected(older, mother)
    await of_thirteen_nobody_asks(town, younger, mother)
    await of_fifteen_the_pupil_is_asked_too(town, older, mother)
    await each_takes_back_their_own(town, younger, older, mother)


async def of_thirteen_nobody_asks(town: Town, younger: Who, mother: Who) -> None:
    confirmed = await become_parent(mother, younger)
    assert confirmed.body == text("confirmed", **{"child": "Лев Росинкин", "class": "5А"})
    assert [link.state for link in await younger.links()] == [LinkState.ACTIVE]
    notice = await younger.hears("Анна Росинкина")
    assert notice.body == text("news-child", parent="Анна Росинкина")
    await mother.gets_into("parents", "5А")
    assert await given_for(town, younger) == [(mother.person_id, "1", True)]


async def of_fifteen_the_pupil_is_asked_too(town: Town, older: Who, mother: Who) -> None:
    waiting = await become_parent(mother, older)
    assert waiting.body == text("i-pending-child", **{"child": "Вера Росинкина", "class": "5Б"})
    [link] = await older.links()
    assert (link.state, link.waits_for) == (LinkState.PENDING, frozenset({Waits.CHILD}))
    assert not await mother.is_in("parents", "5Б")
    question = await older.hears("Это ваш родитель или законный представитель?")
    assert "Анна Росинкина" in question.body
    [thanks] = await older.tap(question, "✅")
    assert thanks.body == text(
        "approve-child-done", parent="Анна Росинкина", child="Вера Росинкина"
    )
    await mother.gets_into("parents", "5Б")
    assert await given_for(town, older) == [
        (mother.person_id, "1", True),
        (older.person_id, "child-1", True),
    ]
    # Both see which text they agreed to, and when.
    year = date.today().year  # noqa: DTZ011 - of either zone on any day but one
    for who, version in ((older, "child-1"), (mother, "1")):
        assert f"Текст {version}, " in (listed := (await who.ask("согласия")).body)
        assert str(year) in listed


async def each_takes_back_their_own(town: Town, younger: Who, older: Who, mother: Who) -> None:
    # Nobody takes back what another gave.
    for who in (younger, await town.class_teacher("5Б"), await town.administrator()):
        assert (await who.ask("отозвать согласие")).body == text("withdraw-none")
    question = await older.ask("отозвать согласие")
    assert question.body == text("withdraw-ask-pupil", parents="Анна Росинкина")
    [done] = await older.tap(question, "✅")
    assert done.body == text("withdrawn-pupil", word="одобрить")
    [link] = await older.links()
    assert (link.state, link.waits_for) == (LinkState.PENDING, frozenset({Waits.CHILD}))
    await mother.gets_out_of("parents", "5Б")
    assert await mother.is_in("parents", "5А"), "what the other child gives stays"
    assert await given_for(town, older) == [
        (mother.person_id, "1", True),
        (older.person_id, "child-1", False),
    ]
    # Given again, it is a consent of its own.
    question = await older.ask("одобрить")
    await older.tap(question, "✅")
    await mother.gets_into("parents", "5Б")
    assert (await given_for(town, older))[-1] == (older.person_id, "child-1", True)
    # Without the parent's there is no link.
    question = await mother.ask("отозвать согласие Лев")
    assert question.body == text("withdraw-ask-parent", child="Лев Росинкин")
    [done] = await mother.tap(question, "✅")
    assert done.body == text("withdrawn-parent")
    assert await younger.links() == []
    await mother.gets_out_of("parents", "5А")
    assert await given_for(town, younger) == [(mother.person_id, "1", False)]
    assert await log_of(town, "consent.withdraw", younger) == [(mother.person_id, "")]


async def given_for(town: Town, child: Who) -> list[tuple[str, str, bool]]:
    """Return giver, version and whether it holds, of each consent about a child."""
    async with town.db.read() as tx:
        found = await consents.of(tx, child.person_id)
        assert all(0 < one.given_at <= tx.now for one in found)
    return [(one.actor_id, one.version, not one.withdrawn_at) for one in found]


async def test_24_of_age(town: Town) -> None:
    async with town.db.read() as tx:
        today = (await schools.records(tx))[0].day(tx.now)
    # Of age since yesterday or the day before, as leap years fall: told until three days after.
    student = await town.pupil("Нина", "Росинкина-Взрослая", born=today - timedelta(days=6576))
    father = await town.guardian(student, "Игорь", "Росинкин")
    await become_parent(father, student)
    question = await student.hears("Это ваш родитель или законный представитель?")
    await student.tap(question, "✅")
    await father.gets_into("parents", "5А")
    # A bridge looks once a day, and when it starts.
    await town.bridged.stop_bridge()
    await town.bridged.start_bridge()
    told = await student.hears("восемнадцать лет")
    assert told.body == text("birthday", word="это не родитель")
    assert await parents_of(student) == {father.person_id}, "it is for the student to say"
    asked = await student.ask("это не родитель")
    names = {"child": "Нина Росинкина-Взрослая", "parent": "Игорь Росинкин"}
    assert asked.body == text("disown-ask", **names)
    [ended] = await student.tap(asked, "✅")
    assert ended.body == text("disowned", hours=24, **names)
    assert await student.links() == []
    await father.gets_out_of("parents", "5А")


# --- the dialogue and the two restarts ------------------------------------------------------


async def test_the_dialogue_survives_a_restart_of_the_bridge_and_of_the_client(
    town: Town,
) -> None:
    child, other = await town.pupil("Дарья", "Черничкина"), await town.pupil("Юна", "Черникина")
    mother = await town.guardian(child, "Мира", "Черничкина")
    passer_by = await town.outsider()
    teacher = await town.class_teacher("5А")
    await mother.ask(await new_code(child))
    _, question = await mother.say("исправить отчество Юрьевна")
    code = await new_code(other)
    await passer_by.ask(code)
    await town.bridged.kill_bridge()
    for who in (mother, passer_by):
        await signs_in_anew(town, who)
    await town.bridged.start_bridge()
    await town.bridged.settled()

    # By reaction below the message of before, with what was corrected before.
    confirmed, corrected = await mother.tap(question, "✅")
    assert confirmed.body == text("confirmed", **{"child": "Дарья Черничкина", "class": "5А"})
    assert "отчество: — → Юрьевна — исправлено" in corrected.body
    assert await parents_of(child) == {mother.person_id}
    assert (await who_is(town, child)).middle_name == "Юрьевна"

    # By words, and with the other choice.
    for one in (other, teacher):
        await one.news()
    assert (await passer_by.ask("это не мой ребёнок")).body == text("not-mine")
    assert (await other.hears("не к тому")).body == text("not-mine-child")
    assert (await teacher.hears("не к тому")).body == text(
        "not-mine-teacher", child="Юна Черникина"
    )
    assert await other.links() == []
    assert (await passer_by.ask(code)).body == text("e-unknown")


async def signs_in_anew(town: Town, who: Who) -> None:
    """Sign out everywhere and in again, as on a new phone."""
    status, _ = await who.client.call("POST", "logout/all")
    assert status == 200
    who.client = await town.sign_in(who.mxid, who.password)
