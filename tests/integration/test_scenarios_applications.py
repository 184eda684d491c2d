"""Scenarios 20 and 21: applications with a role, by people the school does not know."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.bridge import BridgedSchool
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def test_20_a_mother_applies_as_a_pupil(town: Town) -> None:
    child = await town.pupil("Алёна", "Ёлочкина")
    mother = await town.outsider("Ольга Ёлочкина")
    administrator = await town.administrator()
    await administrator.news()
    before = await mother.client.joined()
    await mother.say("заявка ученик 5А Ёлочкина Ольга")
    question = await administrator.hears("Ёлочкина Ольга", "5А", "похоже на родителя")
    assert "Алёна" in question.body
    assert await mother.client.joined() == before, "nothing of the class is visible meanwhile"
    assert not [r for r in await mother.news() if "Алёна" in r.body]
    await administrator.tap(question, "🔁")
    asked = await mother.hears("Алёна Ёлочкина", "5А")
    await mother.tap(asked, "✅")
    await mother.gets_into("parents", "5А")
    assert not await mother.is_in("pupils", "5А")
    assert len(await child.links()) == 1


async def test_20_the_wrong_role_is_rejected_with_a_reason(town: Town) -> None:
    await town.pupil("Семён", "Одуванчиков")
    mother = await town.outsider("Вера")
    administrator = await town.administrator()
    await administrator.news()
    await mother.say("заявка ученик 5А Одуванчикова Вера")
    question = await administrator.hears("Одуванчикова Вера")
    await administrator.tap(question, "❌")
    told = await mother.hears("Заявка отклонена")
    assert "ссылку-приглашение" in told.body


async def test_21_an_outsider_applies(town: Town) -> None:
    stranger = await town.outsider("Анна Петровна")
    administrator = await town.administrator()
    other_teacher = await town.class_teacher("5Б")
    for teacher in (administrator, other_teacher):
        await teacher.news()
    real = await stranger.say("заявка ученик 5А Придуманная Анна")
    invented = await (await town.outsider()).say("заявка ученик 99Ы Придуманная Анна")
    assert [r.body for r in real] == [r.body.replace("99Ы", "5А") for r in invented]
    question = await administrator.hears("Придуманная Анна", "5А")
    # The class teacher of another class neither hears of it nor decides.
    assert not [r for r in await other_teacher.news() if "Придуманная" in r.body]
    approve = next(line for line in question.body.splitlines() if line.startswith("одобрить "))
    assert "нет прав" in (await other_teacher.ask(approve)).body
    assert "служебный помощник" in (await stranger.ask(approve)).body
    rooms = await stranger.client.joined()
    assert rooms == {stranger.chat}
    for _ in range(3):
        last = await stranger.say("заявка учитель Придуманная Анна")
    assert "Слишком много" in last[-1].body
