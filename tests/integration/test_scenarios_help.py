"""Scenario 31 and reports of messages, through a real Synapse, from every side of them (S-41).

Families are at matrix-nio, the school at the plain client.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio

from tests.support import guide
from tests.support.at_nio import at_nio
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.scenario import Who

BAD = "Нина, дай списать, а то хуже будет"
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Give a settled school of two small classes."""
    school = await BridgedSchool.start(tmp_path_factory.mktemp("school"), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(school.stop)
        yield await Town.open(school, stack)


async def events_at_nio(client: nio.AsyncClient, room_id: str) -> list[Any]:
    """Return the last events of a room as nio shows them, the oldest first."""
    answer = await client.room_messages(room_id, limit=100)
    assert isinstance(answer, nio.RoomMessagesResponse), answer
    return list(reversed(answer.chunk))


async def say(client: nio.AsyncClient, town: Town, room_id: str, body: str) -> None:
    content = {"msgtype": "m.text", "body": body}
    answer = await client.room_send(room_id, "m.room.message", content)
    assert isinstance(answer, nio.RoomSendResponse), answer
    await town.worked_off(answer.event_id)


async def flag(client: nio.AsyncClient, town: Town, room_id: str, event_id: str) -> str:
    """Put the flag below a message; return the reaction's id."""
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "🚩"}
    answer = await client.room_send(room_id, "m.reaction", {"m.relates_to": relation})
    assert isinstance(answer, nio.RoomSendResponse), answer
    await town.worked_off(answer.event_id)
    return str(answer.event_id)


async def hears_at_nio(client: nio.AsyncClient, room_id: str, *words: str) -> str:
    """Wait until the bot has said all these words there; return the message."""

    async def found() -> str:
        bodies = [
            event.body
            for event in await events_at_nio(client, room_id)
            if isinstance(event, nio.RoomMessage) and event.sender == BOT
        ]
        return next((b for b in reversed(bodies) if all(word in b for word in words)), "")

    return str(await until(found))


async def test_a_request_is_seen_through_by_both_sides_and_a_kill(town: Town) -> None:
    administrator, pupil = await town.administrator(), await town.pupil("Ася", "Выдумкина")
    shown = guide.Transcript()
    async with at_nio(pupil.town.bridged, pupil) as client:
        text = "обращение Не вижу чат 5А, мой пароль: Qwerty12"
        await say(client, town, pupil.chat, text)
        told = await hears_at_nio(client, pupil.chat, "Обращение передано")
        shown.say("Ася", text)
        shown.say("Помощник", told)
        asked = await administrator.hears("Обращение в школу", "Ася Выдумкина", "ученик 5А")
        assert "Qwerty12" not in asked.body
        assert "Qwerty12" not in str(asked.content)
        await administrator.tap(asked, "✋")
        shown.say("Помощник", await hears_at_nio(client, pupil.chat, "взято в работу"))
        await administrator.tap(asked, "💬")
        # It is written, and the bridge dies of it: the answer comes all the same, and once.
        await administrator.client.say(administrator.chat, "Выйдите из чата и войдите снова")
        await town.bridged.kill_bridge()
        await town.bridged.start_bridge()
        answered = await hears_at_nio(client, pupil.chat, "Выйдите из чата и войдите снова")
        shown.say("Помощник", answered)
        await administrator.hears("Ответ передан")
        await administrator.tap(asked, "✅")
        shown.say("Помощник", await hears_at_nio(client, pupil.chat, "Ваше обращение закрыто"))
        events = [e for e in await events_at_nio(client, pupil.chat) if e.sender == BOT]
        bodies = [event.body for event in events if isinstance(event, nio.RoomMessage)]
        for said in ("войдите снова", "взято в работу", "обращение закрыто"):
            assert sum(said in body for body in bodies) == 1, said
    guide.hold("request", "ru.md", await impersonal(town, administrator, shown))
    actions = [a for a in await town.actions_about(pupil.person_id) if a.startswith("request.")]
    assert actions == ["request.open", "request.take", "request.answer", "request.close"]


async def impersonal(town: Town, who: Who, shown: guide.Transcript) -> guide.Transcript:
    """Give somebody of the roster, who is another in each run, one name in the guide."""
    school = await town.bridged.school()
    formal = school.people[who.person_id].formal_name
    return guide.Transcript([line.replace(formal, "Пётр Ильич") for line in shown.lines])


async def test_a_flag_reaches_the_school_and_nobody_else(town: Town) -> None:
    pupil, rude = await town.pupil("Нина", "Тихонова"), await town.pupil("Вася", "Грубов")
    teacher = await town.staff("Анна", "Небывалова", leads="5А")
    await teacher.gets_into("pupils", "5А")
    room = await town.bridged.room("pupils", "5А")
    bad = await rude.client.say(room, BAD)
    shown = guide.Transcript()
    async with at_nio(pupil.town.bridged, pupil) as client:
        reaction = await flag(client, town, room, bad)
        told = await hears_at_nio(client, pupil.chat, "Жалоба передана")
        asked = await teacher.hears("Жалоба на сообщение", BAD, "Вася Грубов")
        # What shows who it was is gone for everybody in the room.
        _, event = await rude.client.call("GET", f"rooms/{room}/event/{reaction}")
        assert "m.relates_to" not in event["content"]
        # The author takes it away; the school has what was said.
        where = f"rooms/{room}/redact/{bad}/{secrets.token_hex(8)}"
        assert (await rude.client.call("PUT", where, {}))[0] == 200
        [waiting] = [r for r in await teacher.say("обращения") if "Грубов" in r.body]
        assert BAD in waiting.body
        await teacher.tap(asked, "✅")
        closed = await hears_at_nio(client, pupil.chat, "Ваша жалоба рассмотрена")
        assert await rude.news() == [], "whom it is about hears nothing"
        shown.chat("5А · ученики")
        shown.say("Вася", BAD)
        shown.say("Нина", "🚩 (под этим сообщением; помощник её сразу убирает)")
        shown.chat("чат Нины с помощником")
        shown.say("Помощник", told)
        shown.say("Помощник", closed)
    guide.hold("report", "ru.md", shown)
    actions = [a for a in await town.actions_about(pupil.person_id) if a.startswith("report.")]
    assert actions == ["report.open", "report.read", "report.close"]
    assert not [a for a in await town.actions_about(rude.person_id) if a.startswith("report.")]


async def test_a_report_is_no_window_into_another_room(town: Town) -> None:
    stranger, pupil = await town.pupil("Лев", "Соседов", "5Б"), await town.pupil("Юля", "Тайнина")
    room = await town.bridged.room("pupils", "5А")
    secret = await pupil.client.say(room, "это только для 5А")
    answers = set()
    for link in (f"https://matrix.to/#/{room}/{secret}", "https://matrix.to/#/!none/$none"):
        answers.add((await stranger.ask(f"пожаловаться {link}")).body)
    assert len(answers) == 1
    teacher = await town.class_teacher("5А")
    assert not [r for r in await teacher.say("обращения") if "только для 5А" in r.body]
    # Whoever is in the room reports by a link, and nothing of it is seen there.
    before = await pupil.client.texts(room)
    mate = await town.pupil("Оля", "Другова")
    link = f"https://matrix.to/#/{room}/{secret}?via=school.example"
    async with at_nio(mate.town.bridged, mate) as client:
        await say(client, town, mate.chat, f"пожаловаться {link} так нельзя")
        assert await hears_at_nio(client, mate.chat, "Жалоба передана")
    assert await pupil.client.texts(room) == before
    assert "так нельзя" in (await teacher.hears("только для 5А")).body


async def test_help_is_for_everybody_by_what_they_are(town: Town) -> None:
    administrator, teacher = await town.administrator(), await town.class_teacher("5Б")
    pupil, outsider = await town.pupil("Гена", "Спросов", "5Б"), await town.outsider()
    helped = {who.mxid: (await who.ask("помощь")).body for who in (administrator, teacher, pupil)}
    assert "объявление школа: линейка в 9:00" in helped[administrator.mxid]
    assert "объявление родителям 5А: собрание в 18:00" in helped[teacher.mxid]
    assert "объявление" not in helped[pupil.mxid]
    assert all("обращение не вижу чат 5А" in body for body in helped.values())
    answers = {(await outsider.ask(said)).body for said in ("помощь", "обращение а", "🚩", "кто я")}
    [out] = answers
    assert town.bridged.config.school.support in out
    assert "5А" not in out
