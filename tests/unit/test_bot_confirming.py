"""A code becomes a parent: the whole way, every refusal, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import TYPE_CHECKING

import pytest_asyncio
from sqlalchemy import select, update

from sferum_bridge.school.kinship import AccessPolicy
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, audit, invites, queues, tables
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
    expect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

MINUTE = 60_000


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


def to(said: list[Said], mxid: str) -> Said:
    [found] = [s for s in said if s.to == mxid]
    return found


# --- the way it should go -------------------------------------------------------------------


async def test_a_pupil_gets_a_code_a_link_and_a_date_in_the_schools_zone(world: World) -> None:
    answer, _picture = await world.write(PUPIL, "!пригласить родителя")
    assert answer.to == PUPIL
    assert re.search(r"^[0-9A-Z]{4}(-[0-9A-Z]{4}){6}$", answer.body, re.MULTILINE)
    assert f"https://school.example/i/{answer.code}" in answer.body
    # 14:13 of 21 September in UTC is already the 22nd in Vladivostok; the invite lives a week.
    assert "29 сентября 2026" in answer.body
    assert f"<pre><code>{answer.code}\n</code></pre>" in answer.content["formatted_body"]


async def test_the_mother_confirms_by_command(world: World) -> None:
    code = await world.invite()
    [question] = await world.write(MOTHER, f"Вот код: {code}")
    for fact in ("Ася Выдумкина", "5А", "Школа № 0 города Нигдейска"):
        assert fact in question.body
    assert await world.links() == []
    said = await world.write(MOTHER, "Подтвердить.")
    [link] = await world.links()
    assert (link.parent_id, link.state) == (world.ids[MOTHER], LinkState.ACTIVE)
    assert [s.to for s in said] == [MOTHER, PUPIL, TEACHER]
    assert "Ася Выдумкина" in to(said, MOTHER).body
    assert "Ольга Выдумкина" in to(said, PUPIL).body
    [children] = await world.write(MOTHER, "!мои дети")
    assert "Ася Выдумкина — 5А, Школа № 0" in children.body
    [parents] = await world.write(PUPIL, "мои родители")
    assert "Ольга Выдумкина" in parents.body
    assert "ждёт" not in parents.body


async def test_an_account_of_another_server_learns_nothing_by_a_code(world: World) -> None:
    mother = "@mama:elsewhere.example"
    code = await world.invite()
    [nothing] = await world.write(mother, "привет")
    for text in (code, f"https://school.example/i/{code}", "да", "подтвердить"):
        [answer] = await world.write(mother, text)
        assert answer.body == nothing.body
    assert await world.links() == []
    await world.become_parent(MOTHER, code)
    assert len(await world.links()) == 1


async def test_the_mother_confirms_by_tapping_the_offered_reaction(world: World) -> None:
    [question] = await world.write(MOTHER, f"https://school.example/i/{await world.invite()}")
    assert await world.tap(MOTHER, question, "✅\ufe0f")
    assert len(await world.links()) == 1


async def test_both_parents_use_the_same_code(world: World) -> None:
    world.names[OTHER] = "Денис"
    code = await world.invite()
    await world.become_parent(MOTHER, code)
    said = await world.become_parent(OTHER, code)
    assert len(await world.links()) == 2
    assert "Денис" in to(said, MOTHER).body


async def test_every_step_is_in_the_audit_log(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    async with world.db.read() as tx:
        rows = await tx.all(select(tables.audit).order_by(tables.audit.c.id))
        assert await audit.verify(tx) is None
    assert [row.action for row in rows] == [
        "invite.issue",
        "invite.open",
        "parent.active",
        "consent.give",
    ]
    assert {row.subject for row in rows} == {world.ids[PUPIL]}


async def test_a_yes_inside_a_sentence_is_not_consent(world: World) -> None:
    [question] = await world.write(MOTHER, await world.invite())
    for sentence in ("подтвердить потом", "да я спросить хотела", "спасибо"):
        [again] = await world.write(MOTHER, sentence)
        assert again.body == question.body
    assert await world.links() == []
    assert await world.write(MOTHER, "да")
    assert len(await world.links()) == 1


async def test_the_question_survives_a_restart_and_an_edit_counts(world: World) -> None:
    await world.write(MOTHER, await world.invite())
    edit = {
        "msgtype": "m.text",
        "body": "* подтвердить",
        "m.new_content": {"msgtype": "m.text", "body": "подтвердить"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$mistyped"},
    }
    await world.send(MOTHER, "m.room.message", edit)
    assert len(await world.links()) == 1


async def test_tapping_below_an_older_question_is_about_its_child(world: World) -> None:
    async with world.db.write() as tx:
        await expect(tx, world.ids, BROTHER, MOTHER)
    [first] = await world.write(MOTHER, await world.invite(PUPIL))
    [_] = await world.write(MOTHER, await world.invite(BROTHER))
    await world.tap(MOTHER, first, "✅")
    assert len(await world.links(PUPIL)) == 1
    assert await world.links(BROTHER) == []
    await world.write(MOTHER, "подтвердить")
    assert len(await world.links(BROTHER)) == 1


async def test_nobody_else_can_tap(world: World) -> None:
    [question] = await world.write(MOTHER, await world.invite())
    assert await world.tap(STRANGER, question, "✅") == []
    assert await world.links() == []


# --- refusals -------------------------------------------------------------------------------


async def test_the_child_itself_gets_three_remedies(world: World) -> None:
    code = await world.invite()
    [answer] = await world.write(PUPIL, code)
    assert all(
        word in answer.body for word in ("другом устройстве", "инкогнито", "выйти", "29 сен")
    )
    assert all(f"{n}. " in answer.body for n in (1, 2, 3))
    await world.become_parent(MOTHER, code)
    assert len(await world.links()) == 1


async def test_another_pupil_is_refused(world: World) -> None:
    [answer] = await world.write(BROTHER, await world.invite())
    assert answer.body == world.text("e-pupil")


async def test_a_third_parent_is_refused_and_the_child_too(world: World) -> None:
    code = await world.invite()
    await world.become_parent(MOTHER, code)
    await world.become_parent(OTHER, code)
    [answer] = await world.write(STRANGER, code)
    assert answer.body == world.text("e-full")
    assert "Ольга" not in answer.body
    [answer] = await world.write(PUPIL, "пригласить")
    assert answer.body == world.text("e-full-invite")
    [again] = await world.write(MOTHER, code)
    assert again.body == world.text("i-already", child="Ася")


async def test_an_expired_code_and_the_grace_for_a_question_asked_in_time(world: World) -> None:
    code = await world.invite()
    world.now += 7 * DAY - MINUTE
    await world.write(MOTHER, code)
    world.now += 20 * MINUTE
    [answer] = await world.write(OTHER, code)
    assert answer.body == world.text("e-expired")
    await world.write(MOTHER, "подтвердить")
    assert len(await world.links()) == 1


async def test_after_the_grace_it_is_over(world: World) -> None:
    code = await world.invite()
    world.now += 7 * DAY - MINUTE
    await world.write(MOTHER, code)
    world.now += 32 * MINUTE
    [answer] = await world.write(MOTHER, "подтвердить")
    assert answer.body == world.text("e-expired")
    assert await world.links() == []


async def test_what_must_not_be_told_apart_is_answered_alike(world: World) -> None:
    revoked = await world.invite()
    current = await world.invite()
    wrong = ("1" if current[0] != "1" else "2") + current[1:]
    of_a_leaver = await world.invite(BROTHER)
    async with world.db.write() as tx:
        await tx.run(
            update(tables.assignments)
            .where(tables.assignments.c.person_id == world.ids[BROTHER])
            .values(until=date(2026, 9, 20))
        )
    contents = []
    given = (revoked, wrong, "0000-" * 6 + "0000", of_a_leaver, current[:-1], current + "X-YZ")
    for code in given:
        answer = next(s for s in await world.write(STRANGER, code) if s.to == STRANGER)
        contents.append(answer.content)
    assert all(content == contents[0] for content in contents)
    assert contents[0]["body"] == world.text("e-unknown")


async def test_too_many_wrong_codes_stop_one_person_for_a_while(world: World) -> None:
    code = await world.invite()
    for n in range(10):
        world.now += 1000
        await world.write(STRANGER, f"0000-0000-0000-0000-0000-0000-000{n}")
    [answer] = await world.write(STRANGER, code)
    assert answer.body == "Слишком много попыток. Попробуйте через 10 минут."
    [other] = await world.write(MOTHER, code)
    assert "Ася Выдумкина" in other.body
    world.now += 10 * MINUTE
    [answer] = await world.write(STRANGER, code)
    assert "Ася Выдумкина" in answer.body


async def test_a_family_device_locks_nobody_out(world: World) -> None:
    code = await world.invite()
    for _ in range(20):
        world.now += 1000
        [answer] = await world.write(PUPIL, code)
    assert "инкогнито" in answer.body


async def test_a_parent_has_no_profile_to_invite_to(world: World) -> None:
    [answer] = await world.write(MOTHER, "!invite")
    assert answer.body.startswith("You have no right to do this")


async def test_a_code_in_a_room_is_answered_in_the_direct_chat(world: World) -> None:
    code = await world.invite()
    said = await world.write(MOTHER, f"вот {code}", room="!class:school.example")
    assert [(s.to, s.room) for s in said] == [(MOTHER, "")]
    assert await world.write(MOTHER, "0000-" * 6 + "0000", room="!class:school.example") == []


async def test_not_my_child_ends_the_invite(world: World) -> None:
    code = await world.invite()
    [question] = await world.write(OTHER, code)
    said = await world.tap(OTHER, question, "❌")
    assert {s.to for s in said} == {OTHER, PUPIL, TEACHER}
    [answer] = await world.write(MOTHER, code)
    assert answer.body == world.text("e-unknown")


async def test_a_parent_cannot_give_the_child_back_by_an_old_reaction(world: World) -> None:
    code = await world.invite()
    [question] = await world.write(MOTHER, code)
    await world.tap(MOTHER, question, "✅")
    [answer] = await world.tap(MOTHER, question, "❌")
    assert answer.body == world.text("not-mine-late", child="Ася")
    async with world.db.read() as tx:
        found = await invites.find(tx, code.replace("-", ""))
    assert found
    assert not found.revoked
    assert len(await world.links()) == 1


async def test_cancelling_leaves_everything_as_it_was(world: World) -> None:
    code = await world.invite()
    await world.write(MOTHER, code)
    [answer] = await world.write(MOTHER, "отмена")
    assert answer.body == world.text("cancelled")
    [answer] = await world.write(MOTHER, "подтвердить")
    assert answer.body == world.text("code-needed")
    await world.become_parent(MOTHER, code)
    assert len(await world.links()) == 1


# --- waiting for the class teacher ----------------------------------------------------------


async def test_an_unexpected_parent_waits_and_is_approved(world: World) -> None:
    world.names[STRANGER] = "Некто Новый"
    said = await world.become_parent(STRANGER, await world.invite())
    assert "после проверки" in to(said, STRANGER).body
    question = to(said, TEACHER)
    assert "Некто Новый" in question.body
    assert STRANGER in question.body
    [link] = await world.links()
    assert link.state is LinkState.PENDING
    [parents] = await world.write(PUPIL, "мои родители")
    assert "ждёт проверки" in parents.body
    said = await world.tap(TEACHER, question, "✅")
    assert {s.to for s in said} == {TEACHER, STRANGER, PUPIL}
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE
    [late] = await world.tap(TEACHER, question, "❌")
    assert late.body == world.text("approve-gone")
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE


async def test_a_rejected_parent_is_gone_from_both_sides_and_the_code_is_dead(world: World) -> None:
    code = await world.invite()
    said = await world.become_parent(STRANGER, code)
    said = await world.tap(TEACHER, to(said, TEACHER), "❌")
    assert {s.to for s in said} == {TEACHER, STRANGER, PUPIL}
    assert await world.links() == []
    [children] = await world.write(STRANGER, "мои дети")
    assert children.body == world.text("children-none")
    [answer] = await world.write(OTHER, code)
    assert answer.body == world.text("e-unknown")


async def test_only_the_class_teacher_or_an_administrator_decides(world: World) -> None:
    await world.become_parent(STRANGER, await world.invite())
    [link] = await world.links()
    command = f"approve {link.child_id} {link.parent_id}"
    for mxid in (PUPIL, BROTHER, STRANGER, MOTHER):
        [answer] = await world.write(mxid, command)
        assert answer.body == world.text("e-right", "en", action="approve")
    [link] = await world.links()
    assert link.state is LinkState.PENDING
    [question] = await world.write(ADMIN, "одобрить")
    await world.tap(ADMIN, question, "✅")
    [link] = await world.links()
    assert link.state is LinkState.ACTIVE


async def test_a_class_teacher_does_not_approve_her_own_link(world: World) -> None:
    said = await world.become_parent(TEACHER, await world.invite())
    # Nobody else leads the class, so the administrator is asked.
    assert {s.to for s in said} == {TEACHER, PUPIL, ADMIN}
    ids = f"{world.ids[PUPIL]} {world.ids[TEACHER]}"
    [answer] = await world.write(TEACHER, f"одобрить {ids}")
    assert answer.body == world.text("e-right", action="approve")
    [answer] = await world.write(TEACHER, "одобрить")
    assert answer.body == world.text("approve-none")


async def test_policies_decide_who_waits() -> None:
    async with a_world(access_policy=AccessPolicy.ALWAYS_APPROVAL) as world:
        await world.become_parent(MOTHER, await world.invite())
        [link] = await world.links()
        assert link.state is LinkState.PENDING


# --- crashes, races, hostile names ----------------------------------------------------------


async def test_a_repeated_event_changes_nothing(world: World) -> None:
    event = await world.event(PUPIL, "m.room.message", {"msgtype": "m.text", "body": "пригласить"})
    async with world.db.write() as tx:
        await queues.put(tx, queues.INBOX, "lane", event["event_id"], event)
    async with world.db.read() as tx:
        [item] = await queues.waiting(tx, queues.INBOX, "lane", 1)
    await world.bot.handle(item)
    await world.bot.handle(item)
    answer, _picture = await world.heard()
    async with world.db.read() as tx:
        assert len(await tx.all(select(tables.invites))) == 1
    assert answer.txn_id.startswith("bot.")
    assert re.fullmatch(r"[a-z0-9.]{1,200}", answer.txn_id)


async def test_a_crash_before_the_commit_gives_the_same_code_again(world: World) -> None:
    event = await world.event(PUPIL, "m.room.message", {"msgtype": "m.text", "body": "пригласить"})
    codes = []
    for _ in range(2):
        async with world.db.write() as tx:
            codes.append(
                await invites.issue(
                    tx, world.ids[PUPIL], world.ids["school"], "x", event["event_id"], DAY
                )
            )
            await tx.run(tables.invites.delete())
    await world.arrive(event)
    answer, _picture = await world.heard()
    assert {answer.code, *codes} == {answer.code}


async def test_two_confirm_for_the_last_slot_at_once(world: World) -> None:
    code = await world.invite()
    await world.become_parent(MOTHER, code)
    events = []
    for mxid in (STRANGER, OTHER):
        await world.write(mxid, code)
        content = {"msgtype": "m.text", "body": "подтвердить"}
        events.append(await world.event(mxid, "m.room.message", content))
    await asyncio.gather(*(world.arrive(event) for event in events))
    assert len(await world.links()) == 2
    bodies = [s.body for s in await world.heard()]
    assert bodies.count(world.text("e-full")) == 1
    async with world.db.read() as tx:
        known = [await accounts.person_of(tx, mxid) for mxid in (STRANGER, OTHER)]
    assert sum(person is not None for person in known) == 1


async def test_a_hostile_name_stays_a_name(world: World) -> None:
    world.names[STRANGER] = (
        "**Мама**\n\n# <img src=x onerror=1> [жми](https://evil.example)\u202e`x`"
    )
    said = await world.become_parent(STRANGER, await world.invite())
    html = to(said, TEACHER).content["formatted_body"]
    assert "<img" not in html
    assert "<a " not in html
    assert "<h1" not in html
    assert "**Мама** # &lt;img" in html
    assert all("\u202e" not in s.body for s in said)
    assert all("\nhttps" not in s.body for s in said)


async def test_somebody_without_a_display_name_is_called_by_the_account(world: World) -> None:
    await world.become_parent(STRANGER, await world.invite())
    [parents] = await world.write(PUPIL, "!parents")
    assert "prohozhiy" in parents.body


# --- whom the homeserver vouches for --------------------------------------------------------


async def guardian(world: World, *, access: bool = True) -> str:
    """Name a guardian in the roster, with an e-mail and without an account; return the id."""
    async with world.db.write() as tx:
        world.ids["guardian"] = await accounts.add_person(tx, "Выдумкин", "Денис")
        await accounts.add_contact(tx, world.ids["guardian"], "email", "denis@nigde.example")
        row = {"school_id": world.ids["school"], "child_id": world.ids[PUPIL]}
        row |= {"parent_id": world.ids["guardian"], "ground": "" if access else "решение суда"}
        await tx.run(tables.expected_parents.insert().values(**row, access=access))
    return world.ids["guardian"]


async def test_a_verified_contact_of_the_roster_needs_no_approval(world: World) -> None:
    person_id = await guardian(world)
    world.verified[STRANGER] = [("phone", "+79990000000"), ("email", "denis@nigde.example")]
    said = await world.become_parent(STRANGER, await world.invite())
    assert "Готово, спасибо" in to(said, STRANGER).body
    [link] = await world.links()
    assert (link.parent_id, link.state, link.vouched) == (person_id, LinkState.ACTIVE, True)


async def test_somebody_elses_contact_helps_nobody(world: World) -> None:
    await guardian(world)
    world.names[STRANGER] = "Денис Выдумкин"
    world.verified[STRANGER] = [("email", "other@nigde.example")]
    await world.become_parent(STRANGER, await world.invite())
    [link] = await world.links()
    assert (link.state, link.vouched) == (LinkState.PENDING, False)


async def test_a_denied_guardian_is_known_by_the_contact_and_not_let_in(world: World) -> None:
    person_id = await guardian(world, access=False)
    world.verified[STRANGER] = [("email", "denis@nigde.example")]
    await world.become_parent(STRANGER, await world.invite())
    [link] = await world.links()
    assert (link.parent_id, link.state) == (person_id, LinkState.PENDING)


async def test_one_guardian_is_not_two_accounts(world: World) -> None:
    person_id = await guardian(world)
    world.verified |= {key: [("email", "denis@nigde.example")] for key in (STRANGER, OTHER)}
    await world.become_parent(STRANGER, await world.invite())
    await world.become_parent(OTHER, await world.invite())
    first, second = await world.links()
    assert first.parent_id == person_id
    assert second.parent_id != person_id
