"""Scenarios 12, 14, 15, 34 and 36: families whose children move, and who have several."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot.texts import Texts
from sferum_bridge.school import access
from sferum_bridge.store import schools, tables
from tests.support.bridge import BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

LYCEUM = "Школа № 2 (лицей)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lyceum(town: Town) -> str:
    """Give a second school of the same installation."""
    return await town.school(LYCEUM, "1А")


async def become_parent(parent: Who, child: Who) -> str:
    """Go the whole way; return the answer to the confirmation."""
    code = (await child.say("пригласить"))[0].code
    assert child.person_id
    await parent.ask(code)
    return (await parent.ask("подтвердить")).body


async def ordered(administrator: Who, text: str) -> None:
    """Order something in the chat and confirm it."""
    await administrator.tap(await administrator.ask(text), "✅")


async def console(town: Town, *words: str) -> None:
    """Run a command of the console beside the running bridge."""
    command = [sys.executable, "-m", "sferum_bridge", *words]
    command += ["--config", str(town.bridged.folder / "config.yaml")]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def test_12_a_child_moves_or_leaves_between_issue_and_redemption(town: Town) -> None:
    moved, gone = await town.pupil("Алёна", "Лучикова"), await town.pupil("Семён", "Лучиков")
    mother = await town.guardian(moved, "Ольга", "Лучикова")
    father = await town.guardian(gone, "Пётр", "Лучиков")
    teacher = await town.class_teacher("5А")
    codes = [(await child.say("пригласить"))[0].code for child in (moved, gone)]
    await town.move(moved, "5Б")
    await town.move(gone, "")
    asked = await mother.ask(codes[0])
    assert "5Б" in asked.body
    await mother.ask("подтвердить")
    await mother.gets_into("parents", "5Б")
    assert not await mother.is_in("parents", "5А")
    await teacher.news()
    assert (await father.ask(codes[1])).body == Texts().text("ru", "e-unknown").body
    await teacher.hears("Семён Лучиков", "не числится")


async def test_14_several_children_twins_and_two_schools(town: Town, lyceum: str) -> None:
    mine = await town.pupil("Алёна", "Ромашкина")
    twins = [await town.pupil(name, "Ромашкин", "1А", school=lyceum) for name in ("Лев", "Глеб")]
    mother = await town.guardian(mine, "Ольга", "Ромашкина")
    for twin in twins:
        await town.expected(twin, mother)
    for child, name in ((mine, "Алёна"), (twins[0], "Лев"), (twins[1], "Глеб")):
        answer = await become_parent(mother, child)
        assert name in answer, "each confirmation names its own child"
    listed = (await mother.ask("мои дети")).body
    for line in ("Алёна Ромашкина — 5А", f"Лев Ромашкин — 1А, {LYCEUM}", "Глеб Ромашкин — 1А"):
        assert line in listed
    for child in (mine, *twins):
        assert "Ольга Ромашкина" in (await child.ask("мои родители")).body
    await mother.gets_into("parents", "1А")
    assert (await mother.client.joined()).issuperset({await town.bridged.room("parents", "5А")})
    room = await town.bridged.room("parents", "1А")
    _, members = await mother.client.call("GET", f"rooms/{room}/joined_members")
    assert list(members["joined"]).count(mother.mxid) == 1
    await nobody_learns_of_the_other_school(town, lyceum, mine, twins)


async def nobody_learns_of_the_other_school(
    town: Town, lyceum: str, mine: Who, twins: list[Who]
) -> None:
    """Each school's rules and log are asked: neither holds a word of the other's children (I-8)."""
    school_id = await town.school_id()
    c = tables.audit.c
    async with town.db.read() as tx:
        for here, own, others in ((school_id, [mine], twins), (lyceum, twins, [mine])):
            school = await schools.load(tx, here)
            assert {who.person_id for who in own} <= set(school.people)
            assert not {who.person_id for who in others} & set(school.people)
            log = await tx.all(select(c.subject, c.reason).where(c.school_id == here))
            for who in others:
                assert not [row for row in log if who.person_id in row.subject + row.reason]


async def test_15_a_teacher_who_is_a_parent(town: Town) -> None:
    child = await town.pupil("Олег", "Компасов")
    teacher = await town.staff("Мария", "Компасова")
    await town.expected(child, teacher)
    answer = await become_parent(teacher, child)
    assert "Олег" in answer
    assert "Олег Компасов" in (await teacher.ask("мои дети")).body
    await teacher.gets_into("parents", "5А")
    assert await teacher.is_in("staff")
    # Nobody becomes a parent by saying so, an administrator neither.
    administrator = await town.administrator()
    for said in ("подтвердить Олег Компасов", "я родитель Олега", "подтвердить"):
        await administrator.say(said)
    assert [link.parent_id for link in await child.links()] == [teacher.person_id]


async def test_34_a_parents_access_follows_the_child(town: Town) -> None:
    moving, staying = (
        await town.pupil("Алёна", "Звёздочкина"),
        await town.pupil("Илья", "Звёздочкин"),
    )
    mother = await town.guardian(moving, "Ольга", "Звёздочкина")
    father = await town.guardian(moving, "Денис", "Звёздочкин")
    await town.expected(staying, mother)
    for parent, child in ((mother, moving), (father, moving), (mother, staying)):
        await become_parent(parent, child)
        await parent.gets_into("parents", "5А")
    await mother.client.say(await town.bridged.room("parents", "5А"), "до перевода")
    teachers = [await town.class_teacher(name) for name in ("5А", "5Б")]
    await ordered(await town.administrator(), "перевести Звёздочкина Алёна в 5Б")
    for concerned in (*teachers, moving, mother, father):
        await concerned.hears("Алёна Звёздочкина", "5А → 5Б")
    await moving.gets_into("pupils", "5Б")
    for parent in (mother, father):
        await parent.gets_into("parents", "5Б")
    await father.gets_out_of("parents", "5А")
    await moving.gets_out_of("pupils", "5А")
    assert await mother.is_in("parents", "5А"), "her other child has stayed"
    old = await town.bridged.room("parents", "5А")
    await mother.client.say(old, "после перевода")
    # What somebody could read stays readable to them; nothing newer arrives.
    read = [body for _, body in await father.client.texts(old)]
    assert "до перевода" in read
    assert "после перевода" not in read


async def leaves(town: Town, child: Who, name: str) -> None:
    """Let the school's administrator send a pupil off, in the chat."""
    teacher, administrator = await town.class_teacher("5А"), await town.administrator()
    await ordered(administrator, f"перевести {name} из школы")
    for concerned in (teacher, child):
        await concerned.hears(name.split(maxsplit=1)[0], "не числится")


async def enters(town: Town, child: Who, head: Who, name: str) -> None:
    """Let the child apply to the lyceum, and the lyceum's administrator take it in."""
    await child.say(f"заявка ученик 1А {name}")
    await child.tap(await child.ask(LYCEUM), "✅")
    question = await head.hears(name, "1А")
    await head.tap(question, "✅")


@pytest.fixture(scope="module")
def lyceum_heads() -> list[Who]:
    """Keep the lyceum's administrator between the two orders of scenario 36."""
    return []


async def head_of(town: Town, lyceum: str, heads: list[Who]) -> Who:
    """Return the administrator of the lyceum, made one at the console."""
    if not heads:
        head = await town.outsider("Пётр Лицейский")
        name = ("--name", "Лицейский, Пётр, Львович", "--post", "administrator")
        await console(town, "school", "appoint", head.mxid, *name, "--school", lyceum, "--yes")
        heads.append(head)
    return heads[0]


@pytest.mark.parametrize("first", ["leaves", "enters"])
async def test_36_a_transfer_to_another_school(
    town: Town, lyceum: str, lyceum_heads: list[Who], first: str
) -> None:
    family = {"leaves": "Стрекозина", "enters": "Мотылькова"}[first]
    child = await town.pupil("Алёна", family)
    mother = await town.guardian(child, "Ольга", family)
    await become_parent(mother, child)
    await mother.gets_into("parents", "5А")
    head, name = await head_of(town, lyceum, lyceum_heads), f"{family} Алёна"
    if first == "leaves":
        await leaves(town, child, name)
        await mother.gets_out_of("parents", "5А")
        await child.gets_out_of("pupils", "5А")
        # Nowhere enrolled is no error, and the link is still there.
        assert "не числится" in (await mother.ask("мои дети")).body
        assert f"Ольга {family}" in (await child.ask("мои родители")).body
        await enters(town, child, head, name)
    else:
        await enters(town, child, head, name)
        await mother.gets_into("parents", "1А")
        assert await mother.is_in("parents", "5А"), "until the old school lets go"
        await leaves(town, child, name)
        await mother.gets_out_of("parents", "5А")
    await child.gets_into("pupils", "1А")
    await mother.gets_into("parents", "1А")
    assert [link.parent_id for link in await child.links()] == [mother.person_id]
    assert LYCEUM in (await mother.ask("мои дети")).body
    # The lyceum sees its own share alone (I-8).
    journal = "\n".join(reply.body for reply in await head.say(f"журнал {name}"))
    assert name.split()[1] in journal
    assert "5А" not in journal
    assert "Школа № 0" not in journal
    async with town.db.read() as tx:
        here = await schools.load(tx, lyceum)
        records = {r.id: r for r in await schools.records(tx)}
        reasons = access.reasons(here, records[lyceum].day(tx.now))
    assert [r.class_id in here.classes for r in reasons[mother.person_id]] == [True]

    async def nothing_left() -> bool:
        room = await town.bridged.room("materials", "5А")
        return room not in await mother.client.joined()

    await until(nothing_left)
