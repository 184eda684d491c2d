"""A parent link ends and comes back: who may say so, who hears of it, what it closes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from sferum_bridge.school import access
from sferum_bridge.school.kinship import AccessPolicy
from sferum_bridge.school.people import LinkState, Waits
from sferum_bridge.store import accounts, cases, kin, schools, tables
from sferum_bridge.store.cases import State
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    HOUR,
    MOTHER,
    OTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
    born,
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

FATHER = "@papa:school.example"
DEPUTY = "@zavuch:school.example"
PAPER = "решение суда № 2-145/2026 от 01.09.2026"
UNLINK = f"отвязать родителя Выдумкина Ася | Выдумкин Денис | {PAPER}"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        await people(made)
        yield made


async def people(world: World) -> None:
    """Add a father the roster knows and a second administrator; give a stranger a name."""
    world.names[STRANGER] = "Некто Новый"
    async with world.db.write() as tx:
        for mxid, family, given in ((FATHER, "Выдумкин", "Денис"), (DEPUTY, "Нигдеева", "Майя")):
            world.ids[mxid] = await accounts.add_person(tx, family, given)
            await accounts.add_account(tx, mxid, world.ids[mxid])
        await expect(tx, world.ids, PUPIL, FATHER)
        await assign(tx, world.ids, DEPUTY, "appointment", post="administrator")


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


async def joined(world: World, *mxids: str, child: str = PUPIL) -> list[Said]:
    """Have people become parents of a child; return what the bot said to the last of them."""
    code = await world.invite(child)
    said: list[Said] = []
    for mxid in mxids:
        said = await world.become_parent(mxid, code)
    return said


async def parents(world: World, child: str = PUPIL) -> set[str]:
    return {link.parent_id for link in await world.links(child)}


async def classes_of(world: World, mxid: str) -> set[str]:
    """Return the classes in whose parents' rooms somebody is, for any reason."""
    async with world.db.read() as tx:
        here = await schools.load(tx, world.ids["school"])
        person = await accounts.person_of(tx, mxid)
    why = access.reasons(here, date(2026, 9, 22)).get(person.id if person else "", ())
    return {r.class_id for r in why if r.role is access.Role.PARENT}


async def log(world: World, action: str) -> list[tuple[str, str, str]]:
    """Return actor, subject and reason of the records of an action."""
    a = tables.audit.c
    async with world.db.read() as tx:
        rows = await tx.all(select(tables.audit).where(a.action == action).order_by(a.id))
    return [(row.actor, row.subject, row.reason) for row in rows]


# --- «this is no parent» --------------------------------------------------------------------


async def test_one_tap_below_the_notice_sends_a_stranger_away(world: World) -> None:
    await joined(world, MOTHER)
    code = await world.invite()
    said = await world.become_parent(STRANGER, code)
    # The class teacher is asked, who has a no of their own.
    assert {s.to for s in said if "❌" in s.offers} == {PUPIL, MOTHER, TEACHER}
    said = await world.tap(PUPIL, to(said, PUPIL), "❌")
    assert await parents(world) == {world.ids[MOTHER]}
    assert {s.to for s in said} == {PUPIL, STRANGER, MOTHER, TEACHER}
    assert set(to(said, PUPIL).offers) == {"↩️", "✉️"}
    assert to(said, STRANGER).body == world.text("disowned-parent", child="Ася Выдумкина")
    answers = await world.write(OTHER, code)
    assert [a.body for a in answers] == [world.text("e-unknown")]
    assert (await log(world, "parent.unlink"))[0][:2] == (world.ids[PUPIL], world.ids[PUPIL])
    # The reaction proposes a new invite.
    assert any(s.holds_code for s in await world.tap(PUPIL, to(said, PUPIL), "✉️"))


@pytest.mark.parametrize("who", [MOTHER, TEACHER, ADMIN])
async def test_family_and_school_may_say_so_by_name(world: World, who: str) -> None:
    await joined(world, MOTHER, STRANGER)
    said = await world.write(who, "это не родитель Некто Новый")
    assert await parents(world) == {world.ids[MOTHER]}
    assert {s.to for s in said} == {STRANGER, PUPIL, MOTHER, TEACHER, who}


async def test_without_a_name_the_one_who_can_be_meant_is_asked_about(world: World) -> None:
    await joined(world, MOTHER, STRANGER)
    for who in (PUPIL, MOTHER, TEACHER, ADMIN):
        [question] = await world.write(who, "это не родитель")
        assert "Некто Новый" in question.body
        assert question.offers == ["✅"]
    assert len(await parents(world)) == 2
    await world.tap(MOTHER, question, "✅")
    assert len(await parents(world)) == 2
    await world.tap(ADMIN, question, "✅")
    assert await parents(world) == {world.ids[MOTHER]}


async def test_of_several_one_is_chosen_first_the_child_then_the_parent(world: World) -> None:
    world.names[OTHER] = "Ещё Один"
    await joined(world, STRANGER, OTHER)
    await joined(world, STRANGER, child=BROTHER)
    [which_child] = await world.write(ADMIN, "это не родитель")
    assert len(which_child.offers) == 2
    number = which_child.offers[0 if "1️⃣ Ася" in which_child.body else 1]
    [which_parent] = await world.tap(ADMIN, which_child, number)
    assert len(which_parent.offers) == 2
    await world.tap(ADMIN, which_parent, which_parent.offers[0])
    assert len(await parents(world)) == 1
    assert len(await parents(world, BROTHER)) == 1


async def test_nobody_else_may_say_so(world: World) -> None:
    await joined(world, MOTHER, STRANGER)
    ids = f"{(await world.links())[1].parent_id} {world.ids[PUPIL]}"
    for who in (BROTHER, FATHER):
        for name in ("", "Некто Новый", ids):
            [answer] = await world.write(who, f"это не родитель {name}")
            assert answer.body == world.text("disown-nobody")
    # A class teacher of one class has no say in another.
    await joined(world, STRANGER, child=BROTHER)
    await world.write(TEACHER, "это не родитель Фома")
    assert len(await parents(world, BROTHER)) == 1
    assert len(await parents(world)) == 2


async def test_a_waiting_parent_says_nothing_against_another(world: World) -> None:
    world.names[OTHER] = "Ещё Один"
    await joined(world, STRANGER, OTHER)
    [answer] = await world.write(OTHER, "это не родитель Некто Новый")
    assert answer.body == world.text("disown-nobody")


async def test_one_parent_never_ends_the_other(world: World) -> None:
    said = await joined(world, MOTHER, FATHER)
    assert to(said, MOTHER).offers == []
    for text in ("это не родитель", "это не родитель Денис", UNLINK):
        [answer] = await world.write(MOTHER, text)
        assert answer.body == world.text("part-right")
    assert len(await parents(world)) == 2


async def test_a_doubt_about_a_vouched_parent_is_passed_on(world: World) -> None:
    said = await joined(world, FATHER)
    said = await world.tap(PUPIL, to(said, PUPIL), "❌")
    names = {"child": "Ася Выдумкина", "parent": "Денис Выдумкин"}
    assert to(said, PUPIL).body == world.text("doubt", **names)
    assert to(said, TEACHER).body == world.text("doubt-news", by="Ася Выдумкина", **names)
    said = await world.write(TEACHER, "это не родитель Денис")
    assert {s.to for s in said} == {TEACHER, ADMIN, DEPUTY}
    [answer] = await world.write(ADMIN, "это не родитель Денис")
    assert "отвязать родителя Ася Выдумкина | Денис Выдумкин" in answer.body
    assert await parents(world) == {world.ids[FATHER]}
    assert len(await log(world, "parent.doubt")) == 2


async def test_an_approved_parent_is_vouched_for(world: World) -> None:
    said = await joined(world, STRANGER)
    notice = to(said, PUPIL)
    await world.tap(TEACHER, to(said, TEACHER), "✅")
    said = await world.tap(PUPIL, notice, "❌")
    assert {s.to for s in said} == {PUPIL, TEACHER}
    assert len(await parents(world)) == 1


async def test_under_immediate_access_a_stranger_loses_the_rooms_again() -> None:
    async with a_world(access_policy=AccessPolicy.IMMEDIATE) as world:
        said = await joined(world, STRANGER)
        [link] = await world.links()
        assert (link.state, link.vouched) == (LinkState.ACTIVE, False)
        assert "❌" in to(said, TEACHER).offers
        await world.tap(TEACHER, to(said, TEACHER), "❌")
        assert await world.links() == []
        # A second code does not undo at once what was said; the school looks first.
        said = await joined(world, STRANGER)
        [link] = await world.links()
        assert link.state is LinkState.PENDING
        assert "✅" in to(said, TEACHER).offers


async def test_an_adult_pupil_ends_any_link_and_only_they_take_it_back(world: World) -> None:
    await born(world, PUPIL, date(2008, 9, 22))
    await joined(world, MOTHER)
    # Of age the pupil is asked too.
    [question] = await world.write(PUPIL, "одобрить")
    await world.tap(PUPIL, question, "✅")
    assert await classes_of(world, MOTHER) == {world.ids["5А"]}
    [question] = await world.write(PUPIL, "это не родитель")
    said = await world.tap(PUPIL, question, "✅")
    assert await world.links() == []
    assert to(said, MOTHER).body == world.text("disowned-parent", child="Ася Выдумкина")
    assert to(said, TEACHER).offers == []
    for who in (TEACHER, MOTHER):
        for answer in await world.write(who, f"вернуть {await ended(world)}"):
            assert answer.body == world.text("restore-nothing")
    await world.tap(PUPIL, to(said, PUPIL), "↩️")
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE


async def ended(world: World) -> str:
    c = tables.parent_links.c
    async with world.db.read() as tx:
        return str(await tx.value(select(c.id).where(c.state == "ended")))


async def test_a_day_before_the_birthday_it_is_a_doubt(world: World) -> None:
    await born(world, PUPIL, date(2008, 9, 23))
    await joined(world, MOTHER)
    await world.write(PUPIL, "это не родитель Ольга")
    assert len(await world.links()) == 1


async def test_the_childs_name_alone_names_no_parent(world: World) -> None:
    await joined(world, STRANGER)
    for name in ("Ася", "5А"):
        [question] = await world.write(ADMIN, f"это не родитель {name}")
        assert question.offers == ["✅"]
    assert len(await parents(world)) == 1


async def test_who_waits_to_be_checked_learns_nobodys_name(world: World) -> None:
    await joined(world, STRANGER)
    said = await joined(world, MOTHER)
    assert {s.to for s in said} == {MOTHER, PUPIL, TEACHER}
    said = await world.write(MOTHER, "выйти")
    said = await world.tap(MOTHER, said[0], "✅")
    said += await world.write(MOTHER, "вернуть")
    assert STRANGER not in {s.to for s in said}


async def test_whom_the_roster_denies_learns_nobodys_name(world: World) -> None:
    await deny(world)
    said = await joined(world, FATHER)
    await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert FATHER not in {s.to for s in await joined(world, MOTHER)}


async def test_who_heard_that_somebody_comes_hears_that_they_were_rejected(world: World) -> None:
    await joined(world, MOTHER)
    said = await joined(world, STRANGER)
    assert "Некто Новый" in to(said, MOTHER).body
    said = await world.tap(TEACHER, to(said, TEACHER), "❌")
    names = {"child": "Ася Выдумкина", "parent": "Некто Новый"}
    assert to(said, MOTHER).body == world.text("disowned-others", **names)


async def test_what_a_stranger_asked_for_is_not_decided_any_more(world: World) -> None:
    await joined(world, STRANGER)
    await world.write(STRANGER, "исправить имя Анна")
    await world.write(PUPIL, "это не родитель Некто Новый")
    async with world.db.read() as tx:
        [case] = await cases.about(tx, world.ids[PUPIL])
    assert case.state is State.WITHDRAWN
    [nothing] = await world.write(TEACHER, "одобрить")
    assert nothing.body == world.text("approve-none")


# --- leaving --------------------------------------------------------------------------------


async def test_a_parent_leaves_after_a_question_and_comes_back(world: World) -> None:
    await joined(world, MOTHER)
    [question] = await world.write(MOTHER, "выйти")
    assert "Ася Выдумкина" in question.body
    assert len(await world.links()) == 1
    said = await world.tap(MOTHER, question, "✅")
    assert {s.to for s in said} == {MOTHER, PUPIL, TEACHER}
    assert await world.links() == []
    assert await classes_of(world, MOTHER) == set()
    [children] = await world.write(MOTHER, "мои дети")
    assert children.body == world.text("children-none")
    said = await world.tap(MOTHER, to(said, MOTHER), "↩️")
    assert {s.to for s in said} == {MOTHER, PUPIL, TEACHER}
    assert await classes_of(world, MOTHER) == {world.ids["5А"]}
    assert [action[:2] for action in await log(world, "parent.restore")] == [
        (world.ids[MOTHER], world.ids[PUPIL])
    ]


async def test_leaving_by_words_and_staying(world: World) -> None:
    await joined(world, MOTHER)
    [question] = await world.write(MOTHER, "leave")
    for words in ("ну не знаю", "confirm it please"):
        [again] = await world.write(MOTHER, words)
        assert world.text("leave-ask", "en", child="Ася Выдумкина") in {again.body, question.body}
    [answer] = await world.write(MOTHER, "отмена")
    assert answer.body == world.text("leave-stayed")
    assert len(await world.links()) == 1
    await world.write(MOTHER, "выйти Ася")
    await world.write(MOTHER, "да")
    assert await world.links() == []
    [late] = await world.tap(MOTHER, question, "✅")
    assert late.body.startswith("You no longer show")


async def test_a_typed_answer_is_no_tap(world: World) -> None:
    await joined(world, MOTHER)
    [answer] = await world.write(MOTHER, f"выйти {world.ids[PUPIL]} ✅")
    assert answer.body == world.text("leave-nobody")
    assert len(await world.links()) == 1


async def test_an_older_question_is_about_its_own_child(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await joined(world, MOTHER)
    await joined(world, MOTHER, child=BROTHER)
    [which] = await world.write(MOTHER, "выйти")
    assert len(which.offers) == 2
    [about_asya] = await world.write(MOTHER, "выйти Ася")
    [about_foma] = await world.write(MOTHER, "выйти Фома")
    [stayed] = await world.tap(MOTHER, about_foma, "❌")
    assert stayed.body == world.text("leave-stayed")
    await world.tap(MOTHER, about_asya, "✅")
    assert await world.links() == []
    # The other child's rooms stay.
    assert await classes_of(world, MOTHER) == {world.ids["9Б"]}


async def test_who_is_no_parent_learns_who_ends_the_role(world: World) -> None:
    for who in (PUPIL, TEACHER, ADMIN):
        [answer] = await world.write(who, "выйти")
        assert answer.body.startswith("Вы здесь не родитель")
        assert "Школа № 0" in answer.body
    [answer] = await world.write(MOTHER, "выйти")
    assert answer.body == world.text("leave-nothing")


# --- on paper -------------------------------------------------------------------------------


async def test_two_people_of_the_school_remove_a_parent_on_paper(world: World) -> None:
    await joined(world, MOTHER, FATHER)
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, FATHER)
    await joined(world, FATHER, child=BROTHER)
    said = await world.write(ADMIN, UNLINK)
    assert {s.to for s in said} == {ADMIN, DEPUTY, TEACHER}
    question = to(said, DEPUTY)
    for fact in ("Денис Выдумкин", "решение суда", "2-145/2026", "01.09.2026", "Пётр"):
        assert fact in question.body
    assert len(await parents(world)) == 2
    said = await world.tap(DEPUTY, question, "✅")
    assert await parents(world) == {world.ids[MOTHER]}
    assert await classes_of(world, FATHER) == {world.ids["9Б"]}
    assert {s.to for s in said} == {ADMIN, DEPUTY, TEACHER, FATHER, PUPIL, MOTHER}
    neutral = to(said, FATHER).body + to(said, MOTHER).body + to(said, PUPIL).body
    assert not any(word in neutral for word in ("суд", "2-145", "Пётр", "Майя", "Ольга"))
    [record] = await log(world, "parent.unlink")
    assert record[:2] == (world.ids[DEPUTY], world.ids[PUPIL])
    assert "№ 2-145/2026" in record[2]
    assert "Выдумкин" not in record[2]


@pytest.mark.parametrize("who", [ADMIN, DEPUTY])
async def test_either_of_the_two_takes_a_removal_back(world: World, who: str) -> None:
    await joined(world, MOTHER, FATHER)
    said = await world.write(ADMIN, UNLINK)
    said = await world.tap(DEPUTY, to(said, DEPUTY), "✅")
    assert to(said, who).offers == ["↩️"]
    for other in (FATHER, MOTHER, PUPIL, TEACHER):
        [answer] = await world.write(other, f"вернуть {await ended(world)}")
        assert answer.body == world.text("restore-nothing")
    await world.write(who, "вернуть")
    assert await parents(world) == {world.ids[MOTHER], world.ids[FATHER]}


async def test_a_second_approver_is_never_the_first_nor_of_the_family(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, MOTHER, "appointment", post="administrator")
    await joined(world, MOTHER, FATHER)
    [answer] = await world.write(MOTHER, UNLINK)
    assert answer.body == world.text("remove-family")
    said = await world.write(ADMIN, UNLINK)
    assert {s.to for s in said} == {ADMIN, DEPUTY, TEACHER}
    async with world.db.read() as tx:
        [case] = await cases.about(tx, world.ids[PUPIL])
    for who in (ADMIN, MOTHER, FATHER, PUPIL):
        [answer] = await world.write(who, f"одобрить {case.id}")
        assert answer.body == world.text("e-right", action="approve")
    assert len(await parents(world)) == 2
    [again] = await world.write(ADMIN, UNLINK)
    assert again.body.startswith("Такая просьба уже ждёт")
    await world.write(TEACHER, f"одобрить {case.id}")
    assert await parents(world) == {world.ids[MOTHER]}


async def test_without_a_second_nothing_is_opened(world: World) -> None:
    await joined(world, FATHER)
    async with world.db.write() as tx:
        c = tables.assignments.c
        gone = c.person_id.in_((world.ids[DEPUTY], world.ids[TEACHER]))
        await tx.run(update(tables.assignments).where(gone).values(until=date(2026, 9, 1)))
    [answer] = await world.write(ADMIN, UNLINK)
    assert answer.body == world.text("remove-alone")
    async with world.db.read() as tx:
        assert await cases.about(tx, world.ids[PUPIL]) == []


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("", "remove-how"),
        ("Выдумкина Ася | Выдумкин Денис", "remove-how"),
        ("Выдумкина Ася | Выдумкин Денис | № 5 от 01.09.2026", "paper-kind"),
        ("Выдумкина Ася | Выдумкин Денис | решение суда от 01.09.2026", "paper-number"),
        ("Выдумкина Ася | Выдумкин Денис | решение суда № 5", "paper-date"),
        ("Выдумкина Ася | Выдумкин Денис | решение суда № 5 от 31.02.2026", "paper-day"),
        ("Выдумкина Ася | Выдумкин Денис | решение суда № 5 от 01.09.2027", "paper-future"),
    ],
)
async def test_what_is_missing_is_named(world: World, typed: str, key: str) -> None:
    await joined(world, FATHER)
    [answer] = await world.write(ADMIN, f"отвязать родителя {typed}")
    assert answer.body == world.text(key, word="отвязать родителя")
    async with world.db.read() as tx:
        assert await cases.about(tx, world.ids[PUPIL]) == []


async def test_who_is_meant_is_asked(world: World) -> None:
    await joined(world, MOTHER, FATHER)
    paper = "решение суда № 5 от 2026-09-01"
    [answer] = await world.write(ADMIN, f"отвязать Сказочный | Денис | {paper}")
    assert answer.body == world.text("find-nobody")
    [answer] = await world.write(ADMIN, f"отвязать Ася | Сказочный | {paper}")
    assert answer.body == world.text("remove-no-parent", child="Ася Выдумкина")
    async with world.db.write() as tx:
        c = tables.people.c
        alike = {"given_name": "Денис", "family_name": "Выдумкин"}
        await tx.run(update(tables.people).where(c.id == world.ids[MOTHER]).values(**alike))
    [which] = await world.write(ADMIN, f"отвязать Ася | Денис | {paper}")
    assert len(which.offers) == 2
    said = await world.tap(ADMIN, which, which.offers[1])
    assert len({s.to for s in said}) == 3


async def test_what_a_dismissed_administrator_asked_for_is_void(world: World) -> None:
    await joined(world, FATHER)
    said = await world.write(ADMIN, UNLINK)
    async with world.db.write() as tx:
        mine = tables.assignments.c.person_id == world.ids[ADMIN]
        await tx.run(update(tables.assignments).where(mine).values(until=date(2026, 9, 1)))
    [answer] = await world.tap(DEPUTY, to(said, DEPUTY), "✅")
    assert answer.body == world.text("approve-gone")
    assert await parents(world) == {world.ids[FATHER]}


async def test_a_rejected_request_changes_nothing(world: World) -> None:
    await joined(world, FATHER)
    await world.write(ADMIN, UNLINK)
    async with world.db.read() as tx:
        [case] = await cases.about(tx, world.ids[PUPIL])
    said = await world.write(DEPUTY, f"отклонить {case.id} бумаги не видно")
    assert "бумаги не видно" in to(said, ADMIN).body
    assert await parents(world) == {world.ids[FATHER]}


async def test_a_link_that_ended_meanwhile_is_not_removed_again(world: World) -> None:
    await joined(world, FATHER)
    said = await world.write(ADMIN, UNLINK)
    await world.write(FATHER, "выйти")
    await world.write(FATHER, "да")
    await joined(world, FATHER)
    [answer] = await world.tap(DEPUTY, to(said, DEPUTY), "✅")
    assert answer.body == world.text("approve-gone")
    assert await parents(world) == {world.ids[FATHER]}
    async with world.db.read() as tx:
        [case] = await cases.about(tx, world.ids[PUPIL])
    assert case.state is State.WITHDRAWN


async def test_who_asked_for_a_removal_hears_that_it_is_needed_no_more(world: World) -> None:
    await joined(world, FATHER)
    said = await world.write(ADMIN, UNLINK)
    question = to(said, DEPUTY)
    await world.write(FATHER, "выйти")
    said = await world.write(FATHER, "да")
    names = {"child": "Ася Выдумкина", "parent": "Денис Выдумкин"}
    assert to(said, ADMIN).body == world.text("remove-over", **names)
    [gone] = await world.tap(DEPUTY, question, "✅")
    assert gone.body == world.text("approve-gone")


async def test_a_mistyped_paper_makes_way_for_the_right_one(world: World) -> None:
    await joined(world, FATHER)
    said = await world.write(ADMIN, UNLINK.replace("2-145", "2-154"))
    wrong = to(said, DEPUTY)
    said = await world.write(ADMIN, UNLINK)
    [gone] = await world.tap(DEPUTY, wrong, "✅")
    assert gone.body == world.text("approve-gone")
    assert await parents(world) == {world.ids[FATHER]}
    # What another has asked for waits for its answer.
    [again] = await world.write(DEPUTY, UNLINK.replace("2-145", "2-154"))
    assert again.body.startswith("Такая просьба уже ждёт")
    await world.tap(DEPUTY, to(said, DEPUTY), "✅")
    assert await parents(world) == set()
    [record] = await log(world, "parent.unlink")
    assert "№ 2-145/2026" in record[2]


async def test_whom_the_school_removed_it_looks_at_again(world: World) -> None:
    await joined(world, FATHER)
    said = await world.write(ADMIN, UNLINK)
    await world.tap(DEPUTY, to(said, DEPUTY), "✅")
    await joined(world, FATHER)
    [link] = await world.links()
    assert (link.state, link.vouched) == (LinkState.PENDING, False)


# --- taking it back -------------------------------------------------------------------------


async def test_a_day_later_it_is_too_late(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "выйти")
    said = await world.write(MOTHER, "да")
    world.now += DAY + 1
    [answer] = await world.tap(MOTHER, to(said, MOTHER), "↩️")
    assert answer.body == world.text("restore-late", hours=24)
    [answer] = await world.write(MOTHER, "вернуть")
    assert answer.body == world.text("restore-nothing")
    assert await world.links() == []


async def test_a_full_profile_takes_nobody_back(world: World) -> None:
    await joined(world, MOTHER, STRANGER)
    said = await world.write(PUPIL, "это не родитель Некто Новый")
    await joined(world, FATHER)
    [answer] = await world.tap(PUPIL, to(said, PUPIL), "↩️")
    assert answer.body == world.text("restore-full")
    assert await parents(world) == {world.ids[MOTHER], world.ids[FATHER]}


async def test_who_came_again_is_not_restored_twice(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "выйти")
    said = await world.write(MOTHER, "да")
    await joined(world, MOTHER)
    [answer] = await world.tap(MOTHER, to(said, MOTHER), "↩️")
    assert answer.body == world.text("restore-already")
    assert len(await world.links()) == 1


async def test_a_waiting_parent_comes_back_waiting(world: World) -> None:
    said = await joined(world, STRANGER)
    notice = to(said, PUPIL)
    said = await world.tap(PUPIL, notice, "❌")
    said = await world.tap(TEACHER, to(said, TEACHER), "↩️")
    assert {s.to for s in said} == {TEACHER, PUPIL, STRANGER}
    [link] = await world.links()
    assert link.state is LinkState.PENDING
    [question] = await world.write(TEACHER, "одобрить")
    await world.tap(TEACHER, question, "✅")
    assert await classes_of(world, STRANGER) == {world.ids["5А"]}


async def test_a_rejection_can_be_taken_back(world: World) -> None:
    said = await joined(world, STRANGER)
    said = await world.tap(TEACHER, to(said, TEACHER), "❌")
    assert await world.links() == []
    await world.tap(TEACHER, to(said, TEACHER), "↩️")
    [link] = await world.links()
    assert link.state is LinkState.PENDING


async def test_the_latest_end_is_taken_back_first(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    await joined(world, MOTHER)
    await joined(world, MOTHER, child=BROTHER)
    for name in ("Ася", "Фома"):
        world.now += HOUR
        await world.write(MOTHER, f"выйти {name}")
        await world.write(MOTHER, "да")
    await world.write(MOTHER, "вернуть")
    assert len(await world.links(BROTHER)) == 1
    assert await world.links() == []
    await world.write(MOTHER, "вернуть")
    assert len(await world.links()) == 1


async def test_an_unknown_link_and_a_foreign_one_are_told_alike(world: World) -> None:
    await joined(world, MOTHER)
    await world.write(MOTHER, "выйти")
    await world.write(MOTHER, "да")
    link_id = await ended(world)
    answers = [
        (await world.write(who, f"вернуть {named}"))[0].body
        for who in (FATHER, BROTHER, ADMIN)
        for named in (link_id, "nothing")
    ]
    assert set(answers) == {world.text("restore-nothing")}


async def test_who_was_class_teacher_takes_nothing_back(world: World) -> None:
    await joined(world, STRANGER)
    said = await world.write(TEACHER, "это не родитель Новый")
    async with world.db.write() as tx:
        mine = tables.assignments.c.person_id == world.ids[TEACHER]
        await tx.run(update(tables.assignments).where(mine).values(until=date(2026, 9, 1)))
    [answer] = await world.tap(TEACHER, to(said, TEACHER), "↩️")
    assert answer.body == world.text("restore-nothing")


# --- whom the roster denies -----------------------------------------------------------------


async def deny(world: World) -> None:
    async with world.db.write() as tx:
        c = tables.expected_parents.c
        father = update(tables.expected_parents).where(c.parent_id == world.ids[FATHER])
        await tx.run(father.values(access=False, ground="решение суда"))


async def test_approving_whom_the_roster_denies_opens_nothing_and_says_so(world: World) -> None:
    await deny(world)
    said = await joined(world, FATHER)
    assert to(said, FATHER).body.startswith("Готово: Ася Выдумкина отображается у вас")
    question = to(said, TEACHER)
    assert world.text("approve-ask-denied") in question.body
    said = await world.tap(TEACHER, question, "✅")
    names = {"child": "Ася Выдумкина", "parent": "Денис Выдумкин"}
    assert to(said, TEACHER).body == world.text("approve-done-denied", **names)
    closed = world.text("approved-parent-closed", child="Ася Выдумкина")
    assert to(said, FATHER).body == closed
    assert "доступ запрещён" not in closed
    assert await classes_of(world, FATHER) == set()


async def test_under_immediate_access_no_room_is_promised_to_them() -> None:
    async with a_world(access_policy=AccessPolicy.IMMEDIATE) as world:
        await people(world)
        await deny(world)
        said = await joined(world, FATHER)
        values = {"child": "Ася Выдумкина", "class": "5А"}
        assert to(said, FATHER).body == world.text("confirmed-closed", **values)
        assert "доступ запрещён" in to(said, TEACHER).body
        assert await classes_of(world, FATHER) == set()


async def test_whom_the_roster_denies_sends_nobody_away(world: World) -> None:
    await deny(world)
    said = await joined(world, FATHER)
    await world.tap(TEACHER, to(said, TEACHER), "✅")
    await joined(world, STRANGER)
    await world.write(FATHER, "это не родитель Некто Новый")
    assert len(await parents(world)) == 2


async def test_the_child_does_not_speak_for_the_school(world: World) -> None:
    await joined(world, STRANGER)
    [link] = await world.links()
    [answer] = await world.write(PUPIL, f"одобрить {link.child_id} {link.parent_id}")
    assert answer.body == world.text("e-right", action="approve")
    await world.write(PUPIL, f"отклонить {link.child_id} {link.parent_id}")
    assert await world.links() == []


async def test_a_class_teacher_who_is_the_mother_rejects_no_father() -> None:
    async with a_world(access_policy=AccessPolicy.ALWAYS_APPROVAL) as world:
        await people(world)
        async with world.db.write() as tx:
            await assign(tx, world.ids, MOTHER, "leadership", class_id=world.ids["5А"])
        said = await joined(world, MOTHER)
        await world.tap(TEACHER, to(said, TEACHER), "✅")
        said = await joined(world, FATHER)
        question = next(s for s in said if s.to == MOTHER and "✅" in s.offers)
        [answer] = await world.tap(MOTHER, question, "❌")
        assert answer.body == world.text("part-right")
        assert len(await parents(world)) == 2


# --- the database decides -------------------------------------------------------------------


async def test_an_approval_in_between_is_not_overruled(world: World) -> None:
    await joined(world, STRANGER)
    [read] = await world.links()
    async with world.db.write() as tx:
        assert await kin.approve(
            tx, read.child_id, read.parent_id, Waits.SCHOOL, world.ids[TEACHER]
        )
        ended_ = await kin.unlink(tx, read.child_id, read.parent_id, "x", "late", as_read=read)
    assert not ended_
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE
