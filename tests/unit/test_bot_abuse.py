"""What people try who mean ill: each was possible once, or looks as if it could be."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update

from sferum_bridge.bot import events
from sferum_bridge.school import contacts
from sferum_bridge.school.kinship import AccessPolicy
from sferum_bridge.school.people import LinkState, ParentLink, Waits
from sferum_bridge.store import accounts, cases, dossier, erasing, kin, schools, tables
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

FATHER = "@papa:school.example"
DEPUTY = "@zavuch:school.example"
HEAD_ELSEWHERE = "@direktor2:school.example"
PAPER = "решение суда № 2-145/2026 от 01.09.2026"
UNLINK = f"отвязать родителя Выдумкина Ася | Выдумкин Денис | {PAPER}"
MAIL, PHONE = ("email", "denis@nigde.example"), ("phone", "+70000000001")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        await people(made)
        yield made


async def people(world: World) -> None:
    """Add a father the roster knows, with two contacts, and a second administrator."""
    async with world.db.write() as tx:
        for mxid, family, given in ((FATHER, "Выдумкин", "Денис"), (DEPUTY, "Нигдеева", "Майя")):
            world.ids[mxid] = await accounts.add_person(tx, family, given)
            await accounts.add_account(tx, mxid, world.ids[mxid])
        for contact in (MAIL, PHONE):
            await accounts.add_contact(tx, world.ids[FATHER], *contact)
        await expect(tx, world.ids, PUPIL, FATHER)
        await assign(tx, world.ids, DEPUTY, "appointment", post="administrator")


async def another_school(world: World) -> dict[str, str]:
    """Add a school with an administrator of its own; return the ids by which to assign there."""
    async with world.db.write() as tx:
        there = {**world.ids, "school": await schools.add(tx, "Лицей № 00", "Europe/Moscow", "ru")}
        there["1Ы"] = "class-lyceum"
        row = {"id": there["1Ы"], "school_id": there["school"], "name": "1Ы"}
        await tx.run(insert(tables.classes).values(**row, year="2026/2027"))
        there[HEAD_ELSEWHERE] = await accounts.add_person(tx, "Лицейский", "Лев")
        await accounts.add_account(tx, HEAD_ELSEWHERE, there[HEAD_ELSEWHERE])
        await assign(tx, there, HEAD_ELSEWHERE, "appointment", post="administrator")
    world.ids[HEAD_ELSEWHERE] = there[HEAD_ELSEWHERE]
    return there


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


async def ended_links(world: World) -> list[str]:
    p = tables.parent_links.c
    async with world.db.read() as tx:
        rows = await tx.all(select(p.id).where(p.slot.is_(None)).order_by(p.ended_at, p.id))
    return [row.id for row in rows]


# --- coming back after being sent away --------------------------------------------------------


async def test_an_earlier_leaving_does_not_undo_a_removal_on_paper(world: World) -> None:
    code = await world.invite()
    await world.become_parent(FATHER, code)
    await world.write(FATHER, "выйти")
    said = await world.write(FATHER, "да")
    world.now += 60_000
    await world.become_parent(FATHER, code)
    asked = await world.write(ADMIN, UNLINK)
    await world.tap(DEPUTY, to(asked, DEPUTY), "✅")
    assert await world.links() == []
    [answer] = await world.tap(FATHER, to(said, FATHER), "↩️")
    assert answer.body == world.text("restore-nothing")
    [answer] = await world.write(FATHER, "вернуть")
    assert answer.body == world.text("restore-nothing")
    assert await world.links() == []


async def test_a_stranger_keeps_no_way_back_in_store(world: World) -> None:
    code = await world.invite()
    for _ in range(2):
        await world.become_parent(STRANGER, code)
        await world.write(STRANGER, "выйти")
        await world.write(STRANGER, "да")
        world.now += 60_000
    said = await world.become_parent(STRANGER, code)
    await world.tap(PUPIL, to(said, PUPIL), "❌")
    for link_id in await ended_links(world):
        await world.write(STRANGER, f"вернуть {link_id}")
    assert await world.links() == []


async def test_a_removed_guardian_has_no_second_account(world: World) -> None:
    await world.become_parent(FATHER, await world.invite())
    asked = await world.write(ADMIN, UNLINK)
    await world.tap(DEPUTY, to(asked, DEPUTY), "✅")
    world.verified[STRANGER] = [PHONE]
    await world.become_parent(STRANGER, await world.invite())
    [link] = await world.links()
    assert (link.state, link.vouched) == (LinkState.PENDING, False)


async def test_one_guardian_of_the_roster_vouches_for_one_account(world: World) -> None:
    await world.become_parent(FATHER, await world.invite())
    world.verified[STRANGER] = [PHONE]
    await world.become_parent(STRANGER, await world.invite())
    _, second = await world.links()
    assert (second.state, second.vouched) == (LinkState.PENDING, False)


async def test_whom_the_school_removed_has_nobodys_child_erased(world: World) -> None:
    code = await world.invite()
    await world.become_parent(FATHER, code)
    await world.write(FATHER, "выйти")
    await world.write(FATHER, "да")
    world.now += 60_000
    await world.become_parent(FATHER, code)
    asked = await world.write(ADMIN, UNLINK)
    await world.tap(DEPUTY, to(asked, DEPUTY), "✅")
    [answer] = await world.write(FATHER, "удалить Ася")
    assert answer.body == world.text("erase-not-allowed")


# --- one tap for another ----------------------------------------------------------------------


async def test_choosing_whom_to_erase_is_not_the_answer_to_whether(world: World) -> None:
    async with world.db.write() as tx:
        for child in (PUPIL, BROTHER):
            link = ParentLink(world.ids[child], world.ids[MOTHER], LinkState.ACTIVE, vouched=True)
            assert await kin.link(tx, link, world.ids[MOTHER]) is None
        rename = update(tables.people).where(tables.people.c.id == world.ids[BROTHER])
        await tx.run(rename.values(family_name="Выдумкина"))
    [choice] = await world.write(MOTHER, "удалить Выдумкина")
    [question] = await world.tap(MOTHER, choice, "1️⃣")
    assert "✅" in question.offers
    async with world.db.read() as tx:
        assert await cases.waiting(tx, world.ids["school"]) == []
    said = await world.tap(MOTHER, question, "✅")
    assert {s.to for s in said} == {MOTHER, ADMIN, DEPUTY}


# --- links and long texts ---------------------------------------------------------------------


async def test_no_stranger_has_the_bot_hand_out_a_link(world: World) -> None:
    world.names[STRANGER] = "Мама Аси evil.example https://evil.example/a www.evil.example @all:x"
    said = await world.become_parent(STRANGER, await world.invite())
    said += await world.write(
        OTHER, "заявка ученик 5А.evil.example Ссылкина https://evil.example/войти"
    )
    told = [s for s in said if s.to in {PUPIL, TEACHER, ADMIN}]
    assert len(told) >= 3
    for one in told:
        assert "evil.example" not in one.body
        assert "://" not in one.body
        assert "@all:x" not in one.body


async def test_a_long_journal_is_no_longer_than_an_event_may_be(world: World) -> None:
    async with world.db.write() as tx:
        for number in range(60):
            case = await cases.open_(
                tx, world.ids["school"], cases.Kind.APPLICATION, "", STRANGER, {"n": number}
            )
            reason = "\"&<'" * 1_000
            await cases.decide(tx, case, cases.State.REJECTED, world.ids[ADMIN], reason)
    [said] = await world.write(ADMIN, "журнал 50")
    assert len(str(said.content).encode()) < 48_000
    seen = 0
    for _ in range(20):
        seen += said.body.count("\n• ") + said.body.startswith("• ")
        if "⏭" not in said.offers:
            break
        [said] = await world.tap(ADMIN, said, "⏭")
        assert len(str(said.content).encode()) < 48_000
    # Each case was opened and decided, and every page but the last is recorded behind its look.
    assert seen >= 120


# --- another school ---------------------------------------------------------------------------


async def test_appointing_somebody_elses_pupil_tells_no_birthday(world: World) -> None:
    there = await another_school(world)
    async with world.db.write() as tx:
        row = update(tables.people).where(tables.people.c.id == world.ids[PUPIL])
        await tx.run(row.values(birth_date=date(2014, 3, 12)))
        await assign(tx, there, PUPIL, "appointment", post="staff")
    async with world.db.read() as tx:
        told = await dossier.gather(tx, world.ids[PUPIL], school_ids={there["school"]})
        own = await dossier.gather(tx, world.ids[PUPIL], school_ids={world.ids["school"]})
    assert told["profile"][0]["birth_date"] == ""
    assert own["profile"][0]["birth_date"] == "2014-03-12"


async def test_a_class_teacher_of_another_school_decides_no_correction_here(world: World) -> None:
    there = await another_school(world)
    async with world.db.write() as tx:
        await assign(tx, there, PUPIL, "enrolment", class_id=there["1Ы"])
        world.ids[OTHER] = there[OTHER] = await accounts.add_person(tx, "Соседкина", "Рита")
        await accounts.add_account(tx, OTHER, there[OTHER])
        await assign(tx, there, OTHER, "leadership", class_id=there["1Ы"])
        # She is a mother at the first school.
        link = ParentLink(world.ids[BROTHER], world.ids[OTHER], LinkState.ACTIVE)
        assert await kin.link(tx, link, world.ids[OTHER]) is None
        case = await cases.open_(
            tx,
            world.ids["school"],
            cases.Kind.CORRECTION,
            world.ids[PUPIL],
            world.ids[MOTHER],
            {"field": "birth_date", "old": "", "new": "2014-03-12"},
        )
    [answer] = await world.write(OTHER, f"одобрить {case.id}")
    assert answer.body == world.text("e-right", action="approve")


async def test_a_guardian_who_is_class_teacher_decides_no_correction_of_the_child(
    world: World,
) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, PUPIL, TEACHER)
        case = await cases.open_(
            tx,
            world.ids["school"],
            cases.Kind.CORRECTION,
            world.ids[PUPIL],
            world.ids[MOTHER],
            {"field": "birth_date", "old": "", "new": "2014-03-12"},
        )
    [answer] = await world.write(TEACHER, f"одобрить {case.id}")
    assert answer.body == world.text("e-right", action="approve")


# --- making others hear, and making the bot work ----------------------------------------------


async def test_an_alarm_is_not_rung_for_ever() -> None:
    async with a_world(single_use=True, attempts=3) as world:
        code = await world.invite()
        await world.become_parent(MOTHER, code)
        said = [s for _ in range(6) for s in await world.write(STRANGER, code)]
        assert len([s for s in said if s.to == TEACHER]) == 3


async def test_many_cases_do_not_hide_that_there_are_more(world: World) -> None:
    async with world.db.write() as tx:
        for number in range(14):
            await cases.open_(
                tx, world.ids["school"], cases.Kind.ERASURE, world.ids[PUPIL], f"@{number}:x",
                {"by": "self"},
            )  # fmt: skip
    said = await world.write(ADMIN, "одобрить")
    assert len(said) == 11
    assert said[-1].body == world.text("approve-more", word="одобрить")


@pytest.mark.parametrize("odd", [[], {}, 7, None, True])
def test_nothing_odd_in_an_event_is_an_error(odd: Any) -> None:
    for content in (odd, {"msgtype": odd, "body": odd}, {"m.relates_to": odd}, {"membership": odd}):
        for kind in ("m.room.message", "m.reaction", "m.room.member", odd):
            event = {"type": kind, "sender": odd, "room_id": odd, "content": content}
            assert events.read({**event, "unsigned": {"invite_room_state": [odd]}}, "$e").text == ""
    replaced = {"m.relates_to": {"rel_type": "m.replace"}, "m.new_content": {"msgtype": odd}}
    assert events.read({"type": "m.room.message", "content": replaced}, "$e").text == ""


@pytest.mark.parametrize(
    "typed",
    [
        *("mama(1)@mail.example", "a:b@mail.example", '"a"@mail.example', "a\\b@mail.example"),
        *("a@mail.example\r\nBcc: x@mail.example", "a\x00@mail.example", "a\u200b@mail.example"),
        *("a@[127.0.0.1]", "a@b@mail.example", "a@mail.example.", "<a@mail.example>", "a@mail"),
    ],
)
def test_an_address_is_one_and_the_same_to_everybody(typed: str) -> None:
    assert contacts.email(typed) == ""


@pytest.mark.parametrize("typed", ["A.B+c@Mail.example", "ася@школа.рф", "o'neil_x-1@a-b.example"])
def test_an_address_is_kept_in_small_letters(typed: str) -> None:
    assert contacts.email(typed) == typed.lower()


# --- papers -----------------------------------------------------------------------------------


async def test_what_a_choice_keeps_lies_sealed(world: World) -> None:
    async with world.db.write() as tx:
        twin = await accounts.add_person(tx, "Выдумкина", "Ася")
        world.ids["twin"] = twin
        await assign(tx, world.ids, "twin", "enrolment", class_id=world.ids["9Б"])
    [choice] = await world.write(ADMIN, UNLINK)
    async with world.db.read() as tx:
        rows = await tx.all(select(tables.offers))
    assert rows
    assert not any("решение суда" in row.command for row in rows)
    said = await world.tap(ADMIN, choice, "1️⃣")
    assert said


async def test_an_erased_parent_is_linked_and_restored_by_nobody(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    async with world.db.write() as tx:
        link = ParentLink(world.ids[PUPIL], world.ids[FATHER], LinkState.PENDING)
        assert await kin.link(tx, link, world.ids[FATHER]) is None
        link_id = await kin.link_id(tx, world.ids[PUPIL], world.ids[FATHER])
        assert await kin.unlink(tx, world.ids[PUPIL], world.ids[FATHER], "x", "x")
        gone = await kin.ended(tx, link_id)
        assert gone is not None
        await erasing.erase(tx, world.ids[FATHER], "console", "wish")
        assert await kin.restore(tx, gone, world.ids[TEACHER]) is not None
        assert await kin.link(tx, link, world.ids[FATHER]) is not None
    assert len(await world.links()) == 1


async def test_the_words_of_school_and_child_are_both_heard(world: World) -> None:
    async with world.db.write() as tx:
        both = frozenset({Waits.SCHOOL, Waits.CHILD})
        link = ParentLink(world.ids[PUPIL], world.ids[FATHER], LinkState.PENDING, both)
        assert await kin.link(tx, link, world.ids[FATHER]) is None
        pair = (world.ids[PUPIL], world.ids[FATHER])
        assert await kin.approve(tx, *pair, Waits.SCHOOL, world.ids[TEACHER])
        assert await kin.approve(tx, *pair, Waits.CHILD, world.ids[PUPIL])
    [held] = await world.links()
    assert held.state is LinkState.ACTIVE


async def test_who_was_removed_waits_with_a_second_account_under_immediate_access() -> None:
    async with a_world(access_policy=AccessPolicy.IMMEDIATE) as world:
        await people(world)
        await world.become_parent(FATHER, await world.invite())
        asked = await world.write(ADMIN, UNLINK)
        await world.tap(DEPUTY, to(asked, DEPUTY), "✅")
        world.verified[STRANGER] = [MAIL]
        await world.become_parent(STRANGER, await world.invite())
        [link] = await world.links()
        assert link.state is LinkState.PENDING
