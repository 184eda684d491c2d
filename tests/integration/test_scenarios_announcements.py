"""Announcements through a real Synapse, seen by the people they are for (S-06, S-08, S-11, D-7).

Parents are at matrix-nio, everybody else at the plain client.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from sferum_bridge.store import tables
from tests.support import guide
from tests.support.at_nio import at_nio
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY, NIGHT = 13, 23


async def set_clock(town: Town, hour: int) -> None:
    """Move the school to where it is about that hour now, so that nothing waits for a night."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    # The names of these zones count the other way round.
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    async with town.db.write() as tx:
        await tx.run(update(tables.schools).values(timezone=zone))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of three classes where it is day."""
    folder = tmp_path_factory.mktemp("school")
    school = await BridgedSchool.start(folder, classes=("5А", "5Б", "7Б"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        town = await Town.open(school, stack)
        await set_clock(town, DAY)
        yield town


async def seen_at_nio(client: nio.AsyncClient, room_id: str) -> dict[str, str]:
    """Return event id → text of what the bot's messages say in a room, as nio shows them."""
    answer = await client.room_messages(room_id, limit=100)
    assert isinstance(answer, nio.RoomMessagesResponse), answer
    said: dict[str, str] = {}
    for event in reversed(answer.chunk):
        if isinstance(event, nio.RoomMessageText) and event.sender == BOT:
            relation = event.source["content"].get("m.relates_to", {})
            if relation.get("rel_type") == "m.replace":
                said[relation["event_id"]] = event.source["content"]["m.new_content"]["body"]
            else:
                said[event.event_id] = event.body
    return said


async def seen(who: Who, room_id: str) -> list[str]:
    """Return what the bot's messages in a room say, at the plain client; deleted ones are gone."""
    return [body for sender, body in await who.client.texts(room_id) if sender == BOT]


async def family(town: Town, class_name: str, family_name: str) -> tuple[Who, Who]:
    """Bring a pupil with a confirmed parent into a class."""
    child = await town.pupil("Ася", family_name, class_name)
    parent = await town.guardian(child, "Ольга", family_name)
    code = (await child.say("пригласить"))[0].code
    await parent.say(code)
    await parent.say("подтвердить")
    await parent.gets_into("parents", class_name)
    return child, parent


async def test_a_class_hears_what_its_teacher_wrote_once(town: Town) -> None:
    teacher = await town.staff("Анна", "Небывалова", leads="5А")
    await teacher.gets_into("parents", "5А")
    child, parent = await family(town, "5А", "Выдумкина")
    pupils, parents = [await town.bridged.room(kind, "5А") for kind in ("pupils", "parents")]
    shown = guide.Transcript()

    async with at_nio(parent.town.bridged, parent) as client:
        text = "объявление 5А: Завтра урока музыки нет"
        original = await teacher.client.say(teacher.chat, text)
        await town.worked_off(original)
        preview = await teacher.hears("Проверьте")
        assert "5А · ученики, родители" in preview.body
        assert await seen_at_nio(client, parents) == {}, "nothing before it is confirmed"
        [sent] = [r for r in await teacher.tap(preview, "✅") if "Отправляю" in r.body]
        [(post, heard)] = (await seen_at_nio(client, parents)).items()
        assert heard == "📢 Объявление · Анна Небывалова\n\nЗавтра урока музыки нет"
        assert await seen(child, pupils) == [heard]
        for line in (
            ("Анна", text),
            ("Помощник", preview.body),
            ("Анна", "✅"),
            ("Помощник", sent.body),
        ):
            shown.say(*line)
        shown.chat("5А · родители")
        shown.say("Помощник", heard)

        await client.room_read_markers(parents, post, post)

        newest = [sent]

        async def counted() -> bool:
            said = await teacher.tap(newest[-1], "📊")
            newest.extend(reply for reply in said if "Прочитали" in reply.body)
            return "5А · родители: 1 из" in newest[-1].body

        await until(counted)

        new = "объявление 5А: Завтра урока музыки нет, будет физика"
        replaced = {
            "m.new_content": {"msgtype": "m.text", "body": new},
            "m.relates_to": {"rel_type": "m.replace", "event_id": original},
        }
        [told] = await teacher.say(f"* {new}", **replaced)
        assert "Исправлено" in told.body
        assert (await seen_at_nio(client, parents))[post].endswith("будет физика")
        shown.chat("чат с помощником")
        shown.say("Анна", "(исправляет своё сообщение: «…, будет физика»)")
        shown.say("Помощник", told.body)

        where = f"rooms/{teacher.chat}/redact/{original}/{secrets.token_hex(8)}"
        status, answer = await teacher.client.call("PUT", where, {})
        assert status == 200, answer

        async def gone() -> bool:
            event = await client.room_get_event(parents, post)
            return isinstance(event.event, nio.RedactedEvent)

        await until(gone)
        left = await client.room_messages(parents, limit=100)
        assert isinstance(left, nio.RoomMessagesResponse), left
        assert "урока музыки" not in str([e.source for e in left.chunk]), "nor in its edits"
        assert "Объявление удалено" in (await teacher.hears("удалено")).body
    guide.hold("announcement", "ru.md", shown)


async def test_an_administrator_announces_in_the_announcements_room(town: Town) -> None:
    administrator, other = await town.administrator(), await town.pupil("Фома", "Иной", "7Б")
    pupil = await town.pupil("Лев", "Пятибэшный", "5Б")
    hall = await town.bridged.room("announcements")
    event_id = await administrator.client.say(hall, "5 классы: Едем в музей")
    await town.worked_off(event_id)
    preview = await administrator.hears("Едем в музей", "5 классы")
    await administrator.tap(preview, "✅")
    assert (await seen(pupil, await town.bridged.room("pupils", "5Б")))[-1].endswith("Едем в музей")
    elsewhere = await seen(other, await town.bridged.room("pupils", "7Б"))
    assert not [body for body in elsewhere if "музей" in body]
    texts = [body for sender, body in await administrator.client.texts(hall) if sender == BOT]
    assert texts == [], "the staff has it where it was written"


async def test_a_pupil_announces_nothing_whatever_they_try(town: Town) -> None:
    pupil, mate = await town.pupil("Пётр", "Хитров"), await town.pupil("Нина", "Соседкина")
    room = await town.bridged.room("pupils", "5А")
    before = await seen(mate, room)
    [told] = await pupil.say("объявление 5А: каникулы!")
    assert "нет прав" in told.body
    event_id = await pupil.client.say(room, "!объявление школа: каникулы!")
    await town.worked_off(event_id)
    assert "нет прав" in (await pupil.hears("нет прав")).body
    hall = await town.bridged.room("announcements")
    where = f"rooms/{hall}/send/m.room.message/{secrets.token_hex(8)}"
    status, _ = await pupil.client.call("PUT", where, {"msgtype": "m.text", "body": "всем: ура"})
    assert status == 403
    # An edit in somebody else's name changes nothing anybody sees.
    teacher = await town.class_teacher("5А")
    parents = await town.bridged.room("parents", "5А")
    earlier = await seen(teacher, parents)
    original = await teacher.client.say(room, "!объявление 5А: контрольная")
    await town.worked_off(original)
    await teacher.tap(await teacher.hears("контрольная"), "✅")
    forged = {
        "m.new_content": {"msgtype": "m.text", "body": "!объявление 5А: отмена"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original},
    }
    event_id = await pupil.client.say(room, "* !объявление 5А: отмена", **forged)
    await town.worked_off(event_id)
    new = (await seen(teacher, parents))[len(earlier) :]
    assert [body.rpartition("\n")[2] for body in new] == ["контрольная"]
    assert await seen(mate, room) == before, "there it was written"


async def test_it_goes_out_once_though_the_bridge_is_killed(town: Town) -> None:
    administrator = await town.administrator()
    pupils = {name: await town.pupil("Юля", f"Живучая{name}", name) for name in ("5А", "5Б", "7Б")}
    preview = await administrator.ask("объявление школа: Линейка в 9:00")
    relation = {"rel_type": "m.annotation", "event_id": preview.event_id, "key": "✅"}
    where = f"rooms/{administrator.chat}/send/m.reaction/{secrets.token_hex(8)}"
    await administrator.client.call("PUT", where, {"m.relates_to": relation})
    c = tables.posts.c

    async def count(*which: Any) -> int:
        async with town.db.read() as tx:
            return int(await tx.value(select(func.count()).select_from(tables.posts).where(*which)))

    earlier = await count(c.state == "sent")
    await until(lambda: count(c.state == "waiting"))
    await town.bridged.kill_bridge()
    await town.bridged.start_bridge()

    async def all_sent() -> bool:
        return not await count(c.state == "waiting") and await count(c.state == "sent") > earlier

    await until(all_sent)
    await town.quiet()
    for name, pupil in pupils.items():
        bodies = await seen(pupil, await town.bridged.room("pupils", name))
        assert sum("Линейка" in body for body in bodies) == 1, name


async def test_quiet_hours_hold_it_through_a_kill_until_morning(town: Town) -> None:
    teacher, pupil = await town.class_teacher("7Б"), await town.pupil("Соня", "Ночная", "7Б")
    room = await town.bridged.room("pupils", "7Б")
    await set_clock(town, NIGHT)
    try:
        preview = await teacher.ask("объявление 7Б: Принесите сменную обувь")
        assert "тихие часы" in preview.body
        [told] = await teacher.tap(preview, "✅")
        assert "07:00" in told.body
    finally:
        await set_clock(town, DAY)
    assert not [body for body in await seen(pupil, room) if "обувь" in body]
    await town.bridged.kill_bridge()
    async with town.db.write() as tx:
        c = tables.announcements.c
        await tx.run(update(tables.announcements).where(c.state == "held").values(due_at=tx.now))
    await town.bridged.start_bridge()

    async def came() -> bool:
        return sum("обувь" in body for body in await seen(pupil, room)) == 1

    await until(came)
    assert "доставлено" in (await teacher.hears("доставлено")).body
