"""Scenario 33, and what belongs to it: class teachers come, go, share a class and hand it over."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from sferum_bridge.bot.texts import Texts
from sferum_bridge.school.layout import MODERATOR
from sferum_bridge.store import schools, tables
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import date

    from tests.support.scenario import Reply, Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

OF_A_CLASS = ("class", "pupils", "parents", "materials")
OF_THE_STAFF = ("school", "staff", "announcements")
WESTERNMOST, EASTERNMOST = "Etc/GMT+12", "Pacific/Kiritimati"
E_UNKNOWN = Texts().text("ru", "e-unknown").body


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of three classes with one administrator, where it is early."""
    folder = tmp_path_factory.mktemp("school")
    school = await BridgedSchool.start(folder, classes=("5А", "5Б", "7Б"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        town = await Town.open(school, stack)
        await move_to(town, WESTERNMOST)
        yield town


async def move_to(town: Town, timezone: str) -> None:
    """Have the school's clock show another zone, and touch nothing else.

    From the one end of the world to the other a day passes: midnight without waiting for it.
    """
    async with town.db.write() as tx:
        await tx.run(update(tables.schools).values(timezone=timezone))


async def today(town: Town) -> date:
    async with town.db.read() as tx:
        return (await schools.records(tx))[0].day(tx.now)


async def ordered(administrator: Who, text: str) -> Reply:
    """Order something and confirm it; return the preview."""
    preview = await administrator.ask(text)
    [done, *_] = await administrator.tap(preview, "✅")
    assert done.body == Texts().text("ru", "staffing-done").body
    return preview


async def become_parent(parent: Who, child: Who) -> str:
    """Go the whole way; return the answer to the confirmation."""
    code = (await child.say("пригласить"))[0].code
    await parent.ask(code)
    return (await parent.say("подтвердить"))[0].body


async def moderators_of(town: Town, kind: str, class_name: str = "") -> set[str]:
    """Return who moderates a room now, of people."""
    return (await moderators_over_time(town, kind, class_name))[-1]


async def moderators_over_time(town: Town, kind: str, class_name: str) -> list[set[str]]:
    """Return who was in a room with a moderator's power after each of its events."""
    room = await town.bridged.room(kind, class_name)
    events: list[dict[str, Any]] = []
    start = ""
    while True:
        where = f"rooms/{room}/messages?dir=f&limit=500{start}"
        _, page = await town.bridged.bot_calls("GET", where)
        events += page["chunk"]
        if "end" not in page or not page["chunk"]:
            break
        start = f"&from={page['end']}"
    joined: set[str] = set()
    powers: dict[str, int] = {}
    found = []
    for event in events:
        if event["type"] == "m.room.member":
            here = event["content"]["membership"] == "join"
            joined = joined | {event["state_key"]} if here else joined - {event["state_key"]}
        elif event["type"] == "m.room.power_levels":
            powers = event["content"]["users"]
        found.append({who for who in joined - {BOT} if powers.get(who, 0) >= MODERATOR})
    return found


async def never_without_a_moderator(town: Town, class_name: str) -> None:
    """Assert that since its first class teacher came a class's rooms always had a moderator."""
    for kind in OF_A_CLASS:
        after_each = await moderators_over_time(town, kind, class_name)
        first = next(number for number, there in enumerate(after_each) if there)
        assert all(after_each[first:]), kind


async def issued_by(town: Town, who: Who) -> int:
    """Return how many invites somebody has ever issued."""
    async with town.db.read() as tx:
        counts = [
            await tx.value(select(func.count()).where(table.c.issued_by == who.person_id))
            for table in (tables.invites, tables.pupil_invites)
        ]
    return sum(counts)


async def test_a_class_is_handed_over_without_a_gap(town: Town) -> None:
    before, administrator = await town.class_teacher("5Б"), await town.administrator()
    new = await town.staff("Вера", "Сказочная")
    preview = await ordered(administrator, "передать класс 5Б Сказочная Вера")
    assert "последний день" in preview.body
    for concerned in (before, new):
        await concerned.hears("классный руководитель 5Б")
    for kind in OF_A_CLASS:
        await new.gets_into(kind, "5Б")
    await before.gets_out_of("parents", "5Б")
    for kind in ("pupils", "parents"):
        assert await moderators_of(town, kind, "5Б") == {new.mxid}
    await never_without_a_moderator(town, "5Б")
    assert await before.is_in("staff"), "a class was handed over, nobody was dismissed"


async def test_a_class_has_two_class_teachers(town: Town) -> None:
    first, administrator = await town.class_teacher("5А"), await town.administrator()
    second = await town.staff("Зоя", "Небылицына")
    preview = await ordered(administrator, "назначить Небылицына Зоя классный руководитель 5А")
    assert "Их станет больше" in preview.body
    for concerned in (first, second):
        await concerned.hears("Зоя Небылицына", "классный руководитель 5А")
    await second.gets_into("parents", "5А")

    async def both_moderate() -> bool:
        return await moderators_of(town, "parents", "5А") == {first.mxid, second.mxid}

    await until(both_moderate)
    # Both are asked about a parent whom the roster does not name, and either decides.
    child = await town.pupil("Лев", "Придумкин")
    stranger = await town.outsider("Ольга Придумкина")
    await become_parent(stranger, child)
    for teacher in (first, second):
        question = await teacher.hears("Придумкина")
    await second.tap(question, "✅")
    await stranger.gets_into("parents", "5А")
    await ordered(administrator, "уволить Небылицына Зоя классный руководитель 5А по 01.09.2026")
    await second.gets_out_of("parents", "5А")
    assert await moderators_of(town, "parents", "5А") == {first.mxid}, "nobody stands in"
    assert await second.is_in("staff"), "one role ended, not all"


async def test_33_a_teacher_loses_the_role(town: Town) -> None:
    administrator, predecessor = await town.administrator(), await town.class_teacher("7Б")
    teacher = await town.staff("Мария", "Туманова-Ветрова")
    await ordered(administrator, "передать класс 7Б Туманова-Ветрова Мария")
    await predecessor.gets_out_of("parents", "7Б")
    son = await town.pupil("Олег", "Туманов")
    await town.expected(son, teacher)
    await become_parent(teacher, son)
    pupil = await town.pupil("Нина", "Выдумкина", "7Б")
    guardian = await town.guardian(pupil, "Инна", "Выдумкина")
    for kind in OF_A_CLASS:
        await teacher.gets_into(kind, "7Б")
    await teacher.gets_into("parents", "5А")
    # What she issued is good as long as she has the right.
    code = (await teacher.say("пригласить Выдумкина Нина"))[0].code
    assert "Нина" in (await guardian.ask(code)).body

    last_day = f"{await today(town):%d.%m.%Y}"
    preview = await ordered(administrator, f"уволить Туманова-Ветрова Мария по {last_day}")
    assert "7Б остаётся без классного руководителя" in preview.body
    assert "Олег" not in preview.body
    await teacher.hears("классный руководитель 7Б", "последний день")
    await town.quiet()
    for kind in (*OF_THE_STAFF, *OF_A_CLASS):
        assert await teacher.is_in(kind, "7Б" if kind in OF_A_CLASS else ""), (
            "until the day is over"
        )

    # Midnight. Nobody asks, nothing is changed: the bridge sees the new day by itself.
    await move_to(town, EASTERNMOST)
    for kind in OF_THE_STAFF:
        await teacher.gets_out_of(kind)
    for kind in OF_A_CLASS:
        await teacher.gets_out_of(kind, "7Б")
        await administrator.gets_into(kind, "7Б")
        leading = await moderators_of(town, kind, "7Б")
        assert administrator.mxid in leading
        assert teacher.mxid not in leading
    await never_without_a_moderator(town, "7Б")
    assert "исполняете обязанности" in (await administrator.ask("почему")).body

    # Her outstanding invite is void, also where it was opened before; she issues no further one.
    assert (await guardian.ask("подтвердить")).body == E_UNKNOWN
    assert (await guardian.ask(code)).body == E_UNKNOWN
    assert await pupil.links() == []
    for wish in ("пригласить Выдумкина Нина", "листки 7Б", "пригласить ученика 7Б Новый Юрий"):
        [refused] = await teacher.say(wish)
        assert "нет прав" in refused.body, wish
    assert await issued_by(town, teacher) == 1, "the one of before"

    # At the new day's first look it is revoked for good, whatever she is appointed to later.
    await town.bridged.stop_bridge()
    await town.bridged.start_bridge()

    async def revoked() -> bool:
        return "invite.revoke" in await town.actions_about(pupil.person_id)

    await until(revoked)

    # She is a mother as before.
    assert await teacher.is_in("parents", "5А")
    assert "Олег" in (await teacher.ask("мои дети")).body
    who = (await teacher.ask("кто я")).body
    assert "вы родитель: Олег, 5А" in who
    assert "руководитель" not in who


async def test_33_the_last_administrator_stays(town: Town) -> None:
    administrator = await town.administrator()
    for said in ("", " администратор", " по 31.12.2099"):
        [refused] = await administrator.say(f"уволить {administrator.person_id}{said}")
        assert "администратора" in refused.body
        assert [r.body for r in await administrator.say("подтвердить")] != [
            Texts().text("ru", "staffing-done").body
        ]
    assert await administrator.is_in("staff")
