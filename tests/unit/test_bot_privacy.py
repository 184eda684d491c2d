"""Getting one's data, and asking for their destruction: who may, what is in it, what is told."""

from __future__ import annotations

import json
import shlex
from base64 import b64decode
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, update

from sferum_bridge.bot import papers
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.roster.model import Relation
from sferum_bridge.school.corrections import Field
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import LinkState, ParentLink, Post
from sferum_bridge.store import (
    accounts,
    audit,
    cases,
    erasing,
    invites,
    kin,
    queues,
    schools,
    tables,
)
from sferum_bridge.store.dossier import Side
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
    from collections.abc import AsyncIterator, Sequence

    from sferum_bridge.store.cases import Case
    from tests.support.bot import Said

FATHER_PHONE, CHILD_MAIL = "+70000000001", "asya@example.org"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        await a_family(made)
        yield made


async def a_family(world: World) -> None:
    """Link a mother and a father, with contacts, to the pupil."""
    async with world.db.write() as tx:
        world.ids[OTHER] = await accounts.add_person(tx, "Отцовский", "Глеб")
        await accounts.add_account(tx, OTHER, world.ids[OTHER])
        await accounts.add_contact(tx, world.ids[OTHER], "phone", FATHER_PHONE)
        await accounts.add_contact(tx, world.ids[PUPIL], "email", CHILD_MAIL)
        for parent in (MOTHER, OTHER):
            link = ParentLink(world.ids[PUPIL], world.ids[parent], LinkState.ACTIVE)
            assert await kin.link(tx, link, world.ids[parent]) is None


async def export(
    world: World, who: str, text: str = "экспорт", *, room: str = ""
) -> tuple[Any, str, str]:
    """Ask for data; return what the JSON holds, the document, and what is said beside them."""
    content = {"msgtype": "m.text", "body": text}
    event = await world.event(who, "m.room.message", content, room=room)
    await world.arrive(event)
    async with world.db.read() as tx:
        items = [
            item
            for lane in await queues.lanes(tx, queues.OUTBOX)
            for item in await queues.waiting(tx, queues.OUTBOX, lane, 10)
        ]
    files = {i.content["file"]["name"]: i.content["file"] for i in items if "file" in i.content}
    assert {i.content["to"] for i in items} == {who}
    assert not room or {i.content["room"] for i in items} == {""}
    [said] = [s.body for s in await world.heard() if s.body]
    if not files:
        return None, "", said
    data = {name.rpartition(".")[2]: b64decode(f["data"]).decode() for name, f in files.items()}
    return json.loads(data["json"]), data["html"], said


async def actions(world: World) -> Sequence[tuple[str, str, str]]:
    async with world.db.read() as tx:
        assert await audit.verify(tx) is None
        return [(e.actor, e.action, e.subject) for e in reversed(await audit.entries(tx))]


async def open_cases(world: World) -> Sequence[Case]:
    async with world.db.read() as tx:
        return [
            case
            for record in await schools.records(tx)
            for case in await cases.waiting(tx, record.id)
            if case.kind is cases.Kind.ERASURE
        ]


# --- export ---------------------------------------------------------------------------------


async def test_a_pupil_gets_everything_about_themselves(world: World) -> None:
    await world.invite(BROTHER)
    data, page, said = await export(world, BROTHER)
    assert data["profile"][0]["family_name"] == "Выдумкин"
    [role] = data["roles"]
    assert (role["kind"], role["class"]) == ("enrolment", "9Б")
    assert data["accounts"][0]["account"] == BROTHER
    assert len(data["invites"]) == 1
    assert [entry["action"] for entry in data["journal"]] == ["invite.issue"]
    assert "создано приглашение для родителя" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "Фома Выдумкин" in said
    exported = (world.ids[BROTHER], "privacy.export", world.ids[BROTHER])
    assert (await actions(world))[-1] == exported


async def test_a_childs_export_holds_the_child_and_of_the_other_parent_a_given_name(
    world: World,
) -> None:
    data, page, _ = await export(world, MOTHER, "экспорт Ася")
    assert data["person"] == world.ids[PUPIL]
    assert data["contacts"] == [{"kind": "email", "value": CHILD_MAIL}]
    assert {row["given_name"] for row in data["family"]} == {"Ольга", "Глеб"}
    written = json.dumps(data, ensure_ascii=False) + page
    for secret in ("Отцовский", FATHER_PHONE, OTHER, MOTHER, "Небывалова", world.ids[OTHER]):
        assert secret not in written


async def test_a_name_that_is_an_accounts_is_not_shown_as_a_given_name(world: World) -> None:
    async with world.db.write() as tx:
        values = {"family_name": "", "given_name": "Глеб Отцовский"}
        people = tables.people
        await tx.run(update(people).where(people.c.id == world.ids[OTHER]).values(**values))
    data, page, _ = await export(world, MOTHER, "экспорт Ася")
    assert "Отцовский" not in json.dumps(data, ensure_ascii=False) + page


async def test_a_parents_own_export_names_the_child_and_not_the_other_parent(world: World) -> None:
    data, page, _ = await export(world, MOTHER)
    assert data["family"][0]["who"] == "child"
    assert data["family"][0]["given_name"] == "Ася"
    written = json.dumps(data, ensure_ascii=False) + page
    for secret in ("Глеб", "Отцовский", FATHER_PHONE, CHILD_MAIL):
        assert secret not in written


async def test_it_goes_to_the_own_direct_chat_wherever_it_was_asked(world: World) -> None:
    data, _, _ = await export(world, PUPIL, "!экспорт", room="!class:school.example")
    assert data["person"] == world.ids[PUPIL]


@pytest.mark.parametrize(
    ("who", "text"),
    [(TEACHER, "экспорт Ася"), (PUPIL, "экспорт Фома"), (BROTHER, "экспорт Ася")],
)
async def test_nobody_else_gets_it(world: World, who: str, text: str) -> None:
    before = await actions(world)
    data, _, said = await export(world, who, text)
    assert data is None
    assert said == world.text("export-not-allowed")
    assert await actions(world) == before


async def test_a_parent_gets_no_other_child(world: World) -> None:
    data, _, said = await export(world, MOTHER, "экспорт Фома")
    assert data is None
    assert said == world.text("find-nobody")
    # Nor by an id that somebody typed.
    data, _, said = await export(world, MOTHER, f"экспорт {world.ids[BROTHER]}")
    assert data is None


async def test_a_parent_who_waits_or_is_denied_or_whose_child_is_of_age_gets_nothing(
    world: World,
) -> None:
    links, expected, people = tables.parent_links, tables.expected_parents, tables.people
    mine = links.c.parent_id == world.ids[MOTHER]
    for change, back in (
        (
            update(links).where(mine).values(state="pending"),
            update(links).where(mine).values(state="active"),
        ),
        (
            update(expected).values(access=False, ground="решение суда"),
            update(expected).values(access=True, ground=""),
        ),
        (
            update(people)
            .where(people.c.id == world.ids[PUPIL])
            .values(birth_date=date(2008, 9, 1)),
            update(people).where(people.c.id == world.ids[PUPIL]).values(birth_date=None),
        ),
    ):
        async with world.db.write() as tx:
            await tx.run(change)
        data, _, _ = await export(world, MOTHER, "экспорт Ася")
        assert data is None
        assert not (await open_cases(world))
        async with world.db.write() as tx:
            await tx.run(back)
    assert (await export(world, MOTHER, "экспорт Ася"))[0] is not None


async def test_an_administrator_gets_what_the_own_school_keeps_and_nothing_of_another(
    world: World,
) -> None:
    async with world.db.write() as tx:
        lyceum = await schools.add(tx, "Лицей № 00", "Europe/Moscow", "ru")
        row = {"id": "class-lyceum", "school_id": lyceum, "name": "1Ы", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
        there = {**world.ids, "school": lyceum}
        await assign(tx, there, PUPIL, "enrolment", class_id="class-lyceum")
        audit.record(tx, "console", "roster.apply", world.ids[PUPIL], school=lyceum)
    data, page, _ = await export(world, ADMIN, "экспорт Выдумкина Ася")
    written = json.dumps(data, ensure_ascii=False) + page
    for secret in ("Лицей", "1Ы", "roster.apply", CHILD_MAIL, "Отцовский"):
        assert secret not in written
    [role] = data["roles"]
    assert role["class"] == "5А"
    # The mother speaks for the whole child.
    data, _, _ = await export(world, MOTHER, "экспорт Ася")
    assert {role["class"] for role in data["roles"]} == {"5А", "1Ы"}
    assert data["contacts"]


async def test_an_administrator_chooses_between_several_who_fit(world: World) -> None:
    _, _, said = await export(world, ADMIN, "экспорт Выдумкина")
    assert "1️⃣" in said
    assert "Ольга" in said


async def test_a_document_shows_a_name_as_text(world: World) -> None:
    hostile = '<script>alert("x")</script>'
    async with world.db.write() as tx:
        people = tables.people
        mine = people.c.id == world.ids[PUPIL]
        await tx.run(update(people).where(mine).values(middle_name=hostile))
    data, page, _ = await export(world, PUPIL)
    assert data["profile"][0]["middle_name"] == hostile
    assert "<script" not in page


async def test_an_export_reads_in_english_too(world: World) -> None:
    _, page, said = await export(world, MOTHER, "export Ася")
    assert '<html lang="en">' in page
    assert "Data about a person" in page
    assert "What was done with the data" in page
    assert said.startswith("Done")


def test_a_word_without_a_text_is_shown_as_it_is(world: World) -> None:
    content = {"person": "p", "made_at": "2026-09-22T10:00:00+10:00", "roles": [{"kind": "<x>"}]}
    page = papers.dossier(world.texts, "ru", content)[0].data.decode()
    assert "<td>&lt;x&gt;</td>" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_papers_has_a_text(world: World, language: str) -> None:
    kinds = [*Side, *cases.Kind, *cases.State, *LinkState, *Post, *Relation, *Field]
    spoken = {str(one) for one in kinds if one} - {Field.CLASS, Field.SCHOOL}
    spoken |= {"ended", "enrolment", "appointment", "leadership", "teaching"}
    for word in spoken:
        assert world.texts.text(language, f"value-{word}").body
    for kind in set(Kind) - {Kind.GATE}:
        assert world.texts.text(language, f"paper-room-{kind}").body
    for way in ("self", "parent", "former-parent"):
        assert world.texts.text(language, f"asks-{way}").body


# --- asking to be erased --------------------------------------------------------------------


async def test_a_parent_asks_to_have_a_child_erased_and_administrators_decide(
    world: World,
) -> None:
    [question] = await world.write(MOTHER, "удалить Ася")
    assert "Ася Выдумкина" in question.body
    assert "Останутся" in question.body
    assert await open_cases(world) == []
    said = await world.tap(MOTHER, question, "✅")
    [asked] = [s for s in said if s.to == ADMIN]
    [told] = [s for s in said if s.to == MOTHER]
    # Thirty days from the 22nd of September.
    assert "22 октября 2026" in asked.body
    assert "22 октября 2026" in told.body
    assert "родитель" in asked.body
    [case] = await open_cases(world)
    assert (case.subject_id, case.opened_by) == (world.ids[PUPIL], world.ids[MOTHER])
    said = await world.tap(ADMIN, asked, "✅")
    [answer] = [s for s in said if s.to == ADMIN]
    [news] = [s for s in said if s.to == MOTHER]
    words = ["sferum-bridge", "privacy", "erase", world.ids[PUPIL], "--school", SCHOOL]
    assert shlex.join(words) in answer.body
    assert news.body == world.text("erase-approved-news")
    # The bot itself destroys nothing.
    async with world.db.read() as tx:
        assert await erasing.erasure(tx, world.ids[PUPIL]) is None
        child = await accounts.person(tx, world.ids[PUPIL])
    assert child is not None
    assert child.full_name == "Ася Выдумкина"


async def test_one_asks_for_oneself_by_words_alone_and_once(world: World) -> None:
    await world.write(PUPIL, "удалить")
    [again] = await world.write(PUPIL, "удалить всё скорее")
    assert again.body == world.text("erase-not-allowed")
    [question] = await world.write(PUPIL, "подтвердить, наверное")
    assert "Вы просите" in question.body
    assert await open_cases(world) == []
    said = await world.write(PUPIL, "подтвердить")
    assert [s.to for s in said] == [ADMIN, PUPIL]
    assert "сам человек" in said[0].body
    await world.write(PUPIL, "удалить")
    world.now += 3 * DAY
    said = await world.write(PUPIL, "да")
    # It is asked for already: nobody is asked twice, and the day stays.
    assert [s.to for s in said] == [PUPIL]
    assert "22 октября 2026" in said[0].body
    assert len(await open_cases(world)) == 1


async def test_thinking_better_of_it_changes_nothing(world: World) -> None:
    [question] = await world.write(MOTHER, "удалить")
    [said] = await world.tap(MOTHER, question, "❌")
    assert said.body == world.text("erase-cancelled")
    await world.write(MOTHER, "удалить")
    [said] = await world.write(MOTHER, "отмена")
    assert said.body == world.text("erase-cancelled")
    assert await open_cases(world) == []


async def test_a_refusal_says_why(world: World) -> None:
    [question] = await world.write(MOTHER, "удалить")
    await world.tap(MOTHER, question, "✅")
    [case] = await open_cases(world)
    said = await world.write(ADMIN, f"отклонить {case.id} договор действует")
    [news] = [s for s in said if s.to == MOTHER]
    assert "договор действует" in news.body
    assert await open_cases(world) == []
    [late] = await world.write(ADMIN, f"одобрить {case.id}")
    assert late.body == world.text("approve-gone")


async def test_it_stands_in_the_list_of_what_waits(world: World) -> None:
    [question] = await world.write(MOTHER, "удалить")
    await world.tap(MOTHER, question, "✅")
    [asked] = await world.write(ADMIN, "одобрить")
    assert "Просьба удалить все данные" in asked.body
    [none] = await world.write(TEACHER, "одобрить")
    assert none.body == world.text("approve-none")


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (TEACHER, "удалить Ася"),
        (ADMIN, "удалить Ася"),
        (BROTHER, "удалить Ася"),
        (MOTHER, "удалить Фома"),
    ],
)
async def test_nobody_has_somebody_else_erased(world: World, who: str, text: str) -> None:
    [said] = await world.write(who, text)
    assert said.body == world.text("erase-not-allowed")
    assert await open_cases(world) == []


async def test_the_right_is_looked_at_again_when_the_question_is_answered(world: World) -> None:
    [question] = await world.write(MOTHER, "удалить Ася")
    async with world.db.write() as tx:
        await kin.unlink(tx, world.ids[PUPIL], world.ids[MOTHER], "console", "test")
    for said in (await world.tap(MOTHER, question, "✅"), await world.write(MOTHER, "да")):
        assert [s.body for s in said] in (
            [world.text("erase-not-allowed")],
            [world.text("code-needed")],
        )
    assert await open_cases(world) == []


async def test_who_withdrew_the_own_consent_may_still_ask_it_for_the_child_for_a_month(
    world: World,
) -> None:
    async with world.db.write() as tx:
        await kin.unlink(tx, world.ids[PUPIL], world.ids[MOTHER], world.ids[MOTHER], "withdrawn")
    # The data themselves are handed out no more.
    assert (await export(world, MOTHER, "экспорт Ася"))[0] is None
    [question] = await world.write(MOTHER, "удалить Ася")
    said = await world.tap(MOTHER, question, "✅")
    [asked] = [s for s in said if s.to == ADMIN]
    assert "родитель, который отключился сам" in asked.body
    [case] = await open_cases(world)
    assert (case.subject_id, case.opened_by) == (world.ids[PUPIL], world.ids[MOTHER])
    world.now += 31 * DAY
    [said_late] = await world.write(MOTHER, "удалить Ася")
    assert said_late.body == world.text("erase-not-allowed")


async def test_every_school_decides_for_itself(world: World) -> None:
    async with world.db.write() as tx:
        lyceum = await schools.add(tx, "Лицей № 00", "Europe/Moscow", "ru")
        row = {"id": "class-lyceum", "school_id": lyceum, "name": "1Ы", "year": "2026/2027"}
        await tx.run(insert(tables.classes).values(**row))
        there = {**world.ids, "school": lyceum}
        await assign(tx, there, PUPIL, "enrolment", class_id="class-lyceum")
        world.ids[STRANGER] = await accounts.add_person(tx, "Лицейский", "Лев")
        await accounts.add_account(tx, STRANGER, world.ids[STRANGER])
        there[STRANGER] = world.ids[STRANGER]
        await assign(tx, there, STRANGER, "appointment", post="administrator")
    [question] = await world.write(PUPIL, "удалить")
    said = await world.tap(PUPIL, question, "✅")
    to_admins = {s.to: s.body for s in said if s.to != PUPIL}
    assert set(to_admins) == {ADMIN, STRANGER}
    assert not any("Лицей" in body for body in to_admins.values())
    assert len(await open_cases(world)) == 2


async def test_a_person_no_school_knows_is_told_whom_to_ask(world: World) -> None:
    async with world.db.write() as tx:
        world.ids[STRANGER] = await accounts.add_person(tx, "", "Прохожий")
        await accounts.add_account(tx, STRANGER, world.ids[STRANGER])
    [question] = await world.write(STRANGER, "удалить")
    [said] = await world.tap(STRANGER, question, "✅")
    assert "pomoshch@school.example" in said.body


async def test_an_administrator_does_not_decide_about_themselves(world: World) -> None:
    [question] = await world.write(ADMIN, "удалить")
    said = await world.tap(ADMIN, question, "✅")
    assert [s.to for s in said] == [ADMIN]
    [case] = await open_cases(world)
    [refused] = await world.write(ADMIN, f"одобрить {case.id}")
    assert "нет прав" in refused.body


# --- what an erasure leaves in the bot ------------------------------------------------------


async def test_after_an_erasure_nobody_sees_the_name_anywhere(world: World) -> None:
    async with world.db.write() as tx:
        await erasing.erase(tx, world.ids[PUPIL], "console", "wish of the mother")
    said: list[Said] = []
    for who, text in (
        (MOTHER, "мои дети"),
        (ADMIN, "журнал"),
        (ADMIN, "найти Ася"),
        (TEACHER, "найти"),
        (PUPIL, "кто я"),
    ):
        said += await world.write(who, text)
    assert not any("Ася" in s.body for s in said)
    # The account that is still to be closed is a stranger's.
    assert "служебный помощник" in said[-1].body


async def test_an_invite_of_somebody_erased_opens_nothing_more(world: World) -> None:
    async with world.db.write() as tx:
        await kin.unlink(tx, world.ids[PUPIL], world.ids[OTHER], "console", "test")
    code = await world.invite()
    async with world.db.write() as tx:
        await erasing.erase(tx, world.ids[PUPIL], "console", "wish")
    [said] = await world.write(STRANGER, code)
    assert said.body == world.text("e-unknown")
    async with world.db.read() as tx:
        invite = await invites.find(tx, code.replace("-", ""))
    assert invite is not None
    assert replace(invite, revoked=True) == invite


async def test_a_guardian_the_roster_named_is_expected_no_more(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, OTHER)
        await erasing.erase(tx, world.ids[OTHER], "console", "wish")
        assert not await kin.is_expected(
            tx, world.ids["school"], world.ids[BROTHER], world.ids[OTHER]
        )
        assert not await accounts.without_account(tx, world.ids["school"])
