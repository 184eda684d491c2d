"""Scenarios 01 to 13 but 05 and 12: the parent link, with people at real clients."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import update

from sferum_bridge.bot.texts import Texts
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import tables
from tests.support.bridge import BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


def text(key: str) -> str:
    return Texts().text("ru", key).body


def only(replies: list[Reply]) -> Reply:
    [reply] = [r for r in replies if r.content.get("msgtype") != "m.image"]
    return reply


async def test_01_the_happy_path(town: Town) -> None:
    child = await town.pupil("Алёна", "Ёлкина-Сказочная")
    mother = await town.guardian(child, "Ольга", "Ёлкина-Сказочная")
    teacher = await town.class_teacher("5А")
    await teacher.news()
    code = (await child.say("!пригласить родителя"))[0].code
    asked = await mother.ask(f"https://school.example/i/{code}")
    for fact in ("Алёна Ёлкина-Сказочная", "5А", "Школа № 0", "подтвердить", "не мой"):
        assert fact in asked.body
    assert await child.links() == [], "nothing is changed yet"
    confirmed = only(await mother.tap(asked, "✅"))
    assert "Алёна Ёлкина-Сказочная" in confirmed.body
    assert "Алёна Ёлкина-Сказочная" in (await mother.ask("!мои дети")).body
    assert "Ольга Ёлкина-Сказочная" in (await child.ask("!мои родители")).body
    await mother.gets_into("parents", "5А")
    await mother.gets_into("materials", "5А")
    assert not await mother.is_in("pupils", "5А")
    await teacher.hears("Ольга Ёлкина-Сказочная", "Алёна Ёлкина-Сказочная")
    steps = [a for a in await town.actions_about(child.person_id) if a != "roster.apply"]
    assert steps == ["invite.issue", "invite.open", "parent.active", "consent.give"]


async def test_02_previews_learn_nothing_and_use_nothing_up(town: Town) -> None:
    child = await town.pupil("Дарья", "Радугина")
    mother = await town.guardian(child, "Нина", "Радугина")
    code = (await child.say("пригласить"))[0].code
    before = await town.links_of(child.person_id)
    link = f"{town.bridged.config.school.public_url}/i/{code}"
    for agent in ("WhatsApp/2.23", "Mozilla/5.0", "MailScanner"):
        for number in range(20):
            method, headers = ("GET", "HEAD")[number % 2], {"User-Agent": agent}
            async with town.bridged.session.request(method, link, headers=headers) as answer:
                assert answer.status == 200
                page = await answer.text()
            for secret in ("Дарья", "Радугина", "5А", "Школа № 0"):
                assert secret not in page
    assert await town.links_of(child.person_id) == before
    await mother.ask(link)
    assert "Готово, спасибо" in (await mother.ask("подтвердить")).body


async def test_03_opened_in_the_childs_session(town: Town) -> None:
    child = await town.pupil("Вера", "Самоварова")
    mother = await town.guardian(child, "Нина", "Самоварова")
    code = (await child.say("пригласить"))[0].code
    told = await child.ask(code)
    for remedy in ("другом устройстве", "инкогнито", "выйти из своей учётной записи"):
        assert remedy in told.body
    assert "не израсходовано" in told.body
    await mother.ask(code)
    await mother.ask("подтвердить")
    assert [link.state for link in await child.links()] == [LinkState.ACTIVE]


async def test_04_a_child_confirms_itself_through_a_second_account(town: Town) -> None:
    child = await town.pupil("Мира", "Кометина")
    second = await town.outsider("Мира")
    teacher = await town.class_teacher("5А")
    code = (await child.say("пригласить"))[0].code
    await second.ask(code)
    await teacher.news()
    assert "после проверки" in (await second.ask("подтвердить")).body
    assert not await second.is_in("parents", "5А")
    question = await teacher.hears("Новый родитель ждёт проверки", second.mxid)
    await teacher.tap(question, "❌")
    assert await child.links() == []
    assert "Мира" not in (await second.ask("мои дети")).body
    assert text("parents-none") == (await child.ask("мои родители")).body
    actions = await town.actions_about(child.person_id)
    assert [a for a in actions if a.startswith("parent.")] == ["parent.pending", "parent.unlink"]


async def test_06_a_third_parent(town: Town) -> None:
    child = await town.pupil("Лев", "Баранкин")
    parents = [await town.guardian(child, name, "Баранкин") for name in ("Пётр", "Анна")]
    code = (await child.say("пригласить"))[0].code
    for parent in parents:
        await parent.ask(code)
        await parent.ask("подтвердить")
    third = await town.outsider("Третий")
    told = await third.ask(code)
    assert told.body == text("e-full")
    for secret in ("Пётр", "Анна", "Лев", "5А"):
        assert secret not in told.body
    assert (await child.say("пригласить"))[0].body == text("e-full-invite")
    assert "invite.refused" in await town.actions_about(child.person_id)


async def test_07_two_race_for_the_last_slot(town: Town) -> None:
    """A hundred rounds with two processes: `test_race_for_the_last_slot`."""
    child = await town.pupil("Ева", "Коробкина")
    names = ("Рита", "Степан", "Тимур")
    one, *both = [await town.guardian(child, name, "Коробкин") for name in names]
    for given, class_name in (("Ева", "5А"), ("Фёдор", "5Б")):
        if given != "Ева":
            child = await town.pupil(given, "Коробкин", class_name)
            for parent in (one, *both):
                await town.expected(child, parent)
        code = (await child.say("пригласить"))[0].code
        await one.ask(code)
        await one.ask("подтвердить")
        for parent in both:
            assert given in (await parent.ask(code)).body
        said = await asyncio.gather(*(parent.say("подтвердить") for parent in both))
        bodies = [only(replies).body for replies in said]
        assert bodies.count(text("e-full")) == 1
        late = bodies.index(text("e-full"))
        linked = {link.parent_id for link in await child.links()}
        assert linked == {one.person_id, both[1 - late].person_id}
        await both[1 - late].gets_into("parents", class_name)
        assert not await both[late].is_in("parents", class_name)


async def test_08_the_same_link_serves_both_parents(town: Town) -> None:
    child = await town.pupil("Глеб", "Фонариков")
    mother = await town.guardian(child, "Ева", "Фонарикова")
    father = await town.guardian(child, "Илья", "Фонариков")
    code = (await child.say("пригласить"))[0].code
    for parent in (mother, father):
        await parent.ask(code)
        await parent.ask("подтвердить")
    assert len(await child.links()) == 2
    assert "уже подтвердили" in (await mother.ask(code)).body
    assert (await (await town.outsider()).ask(code)).body == text("e-full")
    assert len(await child.links()) == 2


async def test_09_expired(town: Town) -> None:
    child = await town.pupil("Софья", "Парусова")
    early = await town.guardian(child, "Дарья", "Парусова")
    late = await town.outsider()
    code = (await child.say("пригласить"))[0].code
    await early.ask(code)
    await ended_ago(town, child.person_id, 20 * MINUTE)
    assert (await late.ask(code)).body == text("e-expired")
    # A question that was opened in time may still be answered for half an hour.
    assert "Готово, спасибо" in (await early.ask("подтвердить")).body
    again = await town.guardian(child, "Егор", "Парусов")
    await ended_ago(town, child.person_id, -DAY)
    await again.ask(code)
    await ended_ago(town, child.person_id, 31 * MINUTE)
    assert (await again.ask("подтвердить")).body == text("e-expired")


async def ended_ago(town: Town, child_id: str, ago: int) -> None:
    """Let a child's invite have ended `ago` milliseconds ago, and questions be of before that."""
    c = tables.invites.c
    async with town.db.write() as tx:
        await tx.run(update(tables.dialogues).values(opened_at=tx.now - HOUR))
        change = update(tables.invites).where(c.child_id == child_id)
        await tx.run(change.values(expires_at=tx.now - ago))


async def test_10_what_must_not_be_told_apart(town: Town) -> None:
    child = await town.pupil("Таисия", "Якорькова")
    revoked = (await child.say("пригласить"))[0].code
    open_ = (await child.say("пригласить"))[0].code
    wrong = open_[:-1] + ("2" if open_[-1] != "2" else "3")
    guesser, other = await town.outsider(), await town.outsider()
    answers = [(await guesser.ask(code)).body for code in (revoked, wrong, "0000-" * 6 + "0000")]
    assert set(answers) == {text("e-unknown")}
    for _ in range(8):
        last = await guesser.ask("0000-" * 6 + "0000")
    assert "Слишком много попыток" in last.body
    # The right code does not help who guessed too often; nobody else is affected.
    assert "Слишком много попыток" in (await guesser.ask(open_)).body
    assert "Таисия" in (await other.ask(open_)).body


async def test_11_forwarded_to_a_third_person(town: Town) -> None:
    child = await town.pupil("Егор", "Снежинкин")
    mother = await town.guardian(child, "Мира", "Снежинкина")
    teacher = await town.class_teacher("5А")
    code = (await child.say("пригласить"))[0].code
    await mother.ask(code)
    await mother.ask("подтвердить")
    for one in (child, mother, teacher):
        await one.news()
    stranger = await town.outsider("Добрый Сосед")
    asked = await stranger.ask(code)
    told = await stranger.tap(asked, "✅")
    assert await stranger.client.joined() == {stranger.chat}, "no room before a decision"
    for secret in ("Мира", "Снежинкина"):
        assert not [r for r in (asked, *told) if secret in r.body]
    for one in (mother, teacher):
        await one.hears("Добрый Сосед", "Егор")
    notice = await child.hears("Добрый Сосед", "это не родитель")
    # In words or below the notice; the bot proposes a new link at once.
    [gone] = await child.say("это не родитель Добрый Сосед")
    names = {"parent": "Добрый Сосед", "child": "Егор Снежинкин"}
    assert gone.body == Texts().text("ru", "disowned", hours=24, **names).body
    assert [link.parent_id for link in await child.links()] == [mother.person_id]
    assert (await town.links_of(child.person_id))[1] == [], "no invite is open any more"
    for one in (mother, teacher):
        await one.hears("Добрый Сосед", "приглашения ребёнка отключены")
    [late] = await child.tap(notice, "❌")
    assert late.body == text("disown-nobody")
    other = await town.outsider()
    assert (await other.ask(code)).body == text("e-unknown")
    assert (await stranger.ask("мои дети")).body == text("children-none")
    fresh = (await child.tap(gone, "✉️"))[0].code
    assert fresh != code
    assert "Егор" in (await other.ask(fresh)).body


async def test_13_a_crash_in_the_middle(town: Town) -> None:
    child = await town.pupil("Артём", "Винтиков")
    mother = await town.guardian(child, "Полина", "Винтикова")
    code = (await child.say("пригласить"))[0].code
    await mother.ask(code)
    await mother.client.say(mother.chat, "подтвердить")
    await until(child.links)
    await town.bridged.kill_bridge()
    await town.bridged.synapse.stop()
    await asyncio.sleep(1)
    await town.bridged.synapse.start()
    await town.bridged.start_bridge()
    await town.quiet()
    await mother.gets_into("parents", "5А")
    [told] = [r for r in await mother.news() if "Готово, спасибо" in r.body]
    assert "Артём" in told.body
    actions = await town.actions_about(child.person_id)
    assert actions.count("parent.active") == 1
