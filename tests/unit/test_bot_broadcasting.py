"""Broadcasts: announced to whom one may announce to, begun, ended, and kept in the posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.bot.releasing import Releaser
from sferum_bridge.network.base import Refused
from sferum_bridge.school import quiet
from sferum_bridge.school.broadcasts import (
    ForeignAddress,
    check_address,
    take_address,
    take_sferum,
)
from sferum_bridge.store import announcements, audit, broadcasts, chats, rooms, tables
from tests.support import guide, sferum
from tests.support.bot import (
    ADMIN,
    BROTHER,
    DAY,
    HOUR,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

PUPILS, PARENTS, OTHERS = "!5-pupils", "!5-parents", "!9-pupils"
HOSTS = frozenset({"vk.com", "vkvideo.ru"})
URL = "https://vk.com/video-1_2"


async def furnish(world: World) -> None:
    async with world.db.write() as tx:
        for key, room_id, people in (
            (f"pupils/{world.ids['5А']}", PUPILS, (PUPIL, TEACHER)),
            (f"parents/{world.ids['5А']}", PARENTS, (MOTHER, TEACHER)),
            (f"pupils/{world.ids['9Б']}", OTHERS, (BROTHER, TEACHER)),
        ):
            await rooms.intend(tx, key, world.ids["school"], key.partition("/")[0])
            await rooms.created(tx, key, room_id)
            for mxid in people:
                await rooms.set_member(tx, room_id, mxid, "join")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(broadcast_hosts=HOSTS) as made:
        await furnish(made)
        yield made


def posts(said: list[Said]) -> dict[str, str]:
    """Return room → what a post there says now."""
    shown = [one for one in said if one.txn_id.startswith("post.") and one.content]
    return {one.room: one.content.get("m.new_content", one.content)["body"] for one in shown}


def answer(said: list[Said]) -> Said:
    [found] = [one for one in said if not one.txn_id.startswith("post.")]
    return found


async def the_one(world: World) -> str:
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.broadcasts))
    return str(row.announcement_id)


@pytest.mark.parametrize(
    ("text", "words", "address"),
    [
        ("5А: День знаний https://vk.com/video1_2", "5А: День знаний", "https://vk.com/video1_2"),
        ("https://vk.com/v?x=1, смотрим в 10:00", "смотрим в 10:00", "https://vk.com/v?x=1"),
        ("День — https://vk.com/v. Ждём", "День Ждём", "https://vk.com/v"),
        ("а (https://vk.com/v)\nб", "а\nб", "https://vk.com/v"),
        ("нет адреса", "нет адреса", ""),
    ],
)
def test_an_address_is_taken_out_of_words(text: str, words: str, address: str) -> None:
    assert take_address(text) == (words, address)


@pytest.mark.parametrize(
    "address",
    [
        "http://vk.com/video1_2",
        "https://evil.example/vk.com",
        "https://vk.com.evil.example/v",
        "https://evilvk.com/v",
        "https://vk.com@evil.example/v",
        "https://user:word@vk.com/v",
        "https://vk.com:8443/v",
        "https://[vk.com/v",
        "https://vk.com/" + "x" * 2000,
        "https://vk.cоm/v",
    ],
)
def test_nobody_is_led_elsewhere(address: str) -> None:
    with pytest.raises(ForeignAddress):
        check_address(address, HOSTS)


def test_hosts_stand_for_all_below_them() -> None:
    for address in (URL, "https://m.vk.com/video1_2", "https://vkvideo.ru/x#t=1", "https://VK.com"):
        check_address(address, HOSTS)


async def test_a_broadcast_from_its_announcement_to_its_recording(world: World) -> None:
    asked = "трансляция 5А: День знаний, в 10:00"
    preview = answer(await world.write(TEACHER, f"{asked} {URL}"))
    assert URL in preview.body
    assert "5А · ученики, родители" in preview.body
    said = await world.tap(TEACHER, preview, "✅")
    one = await the_one(world)
    link = f"https://school.example/m/{one}"
    announced = posts(said)
    assert announced.keys() == {PUPILS, PARENTS}
    for body in announced.values():
        assert body.startswith("📺 Трансляция · Анна Небывалова\n\nДень знаний, в 10:00\n\n")
        assert link in body
    assert "vk.com" not in str([each.content for each in said if each.txn_id.startswith("post.")])
    sent = answer(said)
    assert sent.offers == ["📊", "🗑", "▶️", "⏹️"]
    world.now += HOUR
    said = await world.tap(TEACHER, sent, "▶️")
    begun = answer(said)
    on = posts(said)[PUPILS]
    assert "🔴 Идёт с 01:13" in on
    assert link in on
    again = await world.tap(TEACHER, sent, "▶️")
    assert (posts(again), "уже отмечено" in answer(again).body) == ({}, True)
    world.now += HOUR
    said = await world.tap(TEACHER, begun, "⏹️")
    over = posts(said)[PARENTS]
    assert "01:13 — 02:13, записи нет" in over
    assert link not in over
    recording = "https://vkvideo.ru/video-3_4"
    said = await world.write(TEACHER, f"трансляция запись {recording}")
    recorded = posts(said)[PARENTS]
    assert "01:13 — 02:13. Запись: " + link in recorded
    assert recording not in str([e.content for e in said if e.txn_id.startswith("post.")])
    shown = guide.Transcript()
    for who, text in (("Анна", f"{asked} {URL}"), ("Помощник", preview.body), ("Анна", "✅")):
        shown.say(who, text)
    shown.chat("5А · родители")
    shown.say("Помощник", announced[PARENTS].replace(one, "…"))
    shown.chat("чат с помощником")
    for who, text in (("Анна", "▶️"), ("Помощник", begun.body), ("Анна", "⏹")):
        shown.say(who, text)
    shown.say("Анна", f"трансляция запись {recording}")
    shown.chat("5А · родители, то же сообщение")
    shown.say("Помощник", recorded.replace(one, "…"))
    guide.hold("broadcast", "ru.md", shown)
    async with world.db.read() as tx:
        entries = await audit.entries(tx, school_ids={world.ids["school"]})
    done = [e.action for e in entries if e.action.startswith("broadcast.")]
    assert done == ["broadcast.record", "broadcast.end", "broadcast.begin"], "the newest first"


async def test_the_english_guide_shows_a_broadcast() -> None:
    async with a_world(broadcast_hosts=HOSTS) as world:
        await furnish(world)
        async with world.db.write() as tx:
            await tx.run(update(tables.schools).values(language="en"))
        await world.write(TEACHER, "language en")
        asked, recording = f"broadcast 5А: Day of knowledge, at 10:00 {URL}", f"{URL}0"
        preview = answer(await world.write(TEACHER, asked))
        said = await world.tap(TEACHER, preview, "✅")
        sent, announced, one = answer(said), posts(said)[PARENTS], await the_one(world)
        world.now += HOUR
        begun = answer(await world.tap(TEACHER, sent, "▶️"))
        world.now += HOUR
        await world.tap(TEACHER, begun, "⏹️")
        recorded = posts(await world.write(TEACHER, f"broadcast recording {recording}"))[PARENTS]
    shown = guide.Transcript()
    for who, text in (("Anna", asked), ("Assistant", preview.body), ("Anna", "✅")):
        shown.say(who, text)
    shown.chat("5А · parents")
    shown.say("Assistant", announced.replace(one, "…"))
    shown.chat("the chat with the assistant")
    for who, text in (("Anna", "▶️"), ("Assistant", begun.body), ("Anna", "⏹")):
        shown.say(who, text)
    shown.say("Anna", f"broadcast recording {recording}")
    shown.chat("5А · parents, the same message")
    shown.say("Assistant", recorded.replace(one, "…"))
    guide.hold("broadcast", "en.md", shown)


async def test_who_may_not_announce_may_not_broadcast(world: World) -> None:
    for who in (PUPIL, MOTHER, BROTHER):
        said = await world.write(who, f"трансляция 5А: каникулы {URL}")
        assert "нет прав" in answer(said).body
    assert "служебный помощник" in answer(await world.write(STRANGER, "трансляция 5А: а")).body
    said = await world.write(TEACHER, f"трансляция 9Б: чужой класс {URL}")
    assert "нет прав" in said[0].body
    async with world.db.read() as tx:
        drafts = await tx.all(select(tables.announcements.c.state))
    assert {row.state for row in drafts} == {"draft"}


@pytest.mark.parametrize("url", ["https://evil.example/v", "http://vk.com/v", "https://vk.com:1/"])
async def test_an_address_elsewhere_is_refused_with_the_list(world: World, url: str) -> None:
    told = answer(await world.write(TEACHER, f"трансляция 5А: смотрите {url}"))
    assert "vk.com, vkvideo.ru" in told.body
    async with world.db.read() as tx:
        assert await tx.all(select(tables.announcements)) == [], "nothing is left behind"
    for text in ("трансляция", "трансляция 5А: без ссылки", f"трансляция {URL}"):
        assert answer(await world.write(TEACHER, text)).body == world.text("broadcast-how")


async def test_nobody_ends_what_another_broadcasts(world: World) -> None:
    preview = answer(await world.write(TEACHER, f"трансляция 5А: концерт {URL}"))
    await world.tap(TEACHER, preview, "✅")
    for who in (ADMIN, PUPIL):
        for word in ("началась", "закончилась", f"запись {URL}"):
            said = await world.write(who, f"трансляция {word}")
            assert posts(said) == {}
            assert answer(said).body == world.text("broadcast-none")
    async with world.db.write() as tx:
        c = tables.assignments.c
        await tx.run(tables.assignments.delete().where(c.person_id == world.ids[TEACHER]))
    said = await world.write(TEACHER, "трансляция закончилась")
    assert posts(said) == {}, "nor who has lost the right meanwhile"


async def test_an_edit_changes_words_and_address_and_no_foreign_one(world: World) -> None:
    text = f"трансляция 5А: концерт {URL}"
    event = await world.event(TEACHER, "m.room.message", {"msgtype": "m.text", "body": text})
    await world.arrive(event)
    await world.tap(TEACHER, answer(await world.heard()), "✅")
    one = await the_one(world)

    async def edit(new: str) -> list[Said]:
        relation = {"rel_type": "m.replace", "event_id": event["event_id"]}
        content = {"msgtype": "m.text", "body": f"* {new}", "m.relates_to": relation}
        content["m.new_content"] = {"msgtype": "m.text", "body": new}
        return await world.send(TEACHER, "m.room.message", content)

    said = await edit("трансляция 5А: концерт хора https://vkvideo.ru/v2")
    assert "концерт хора\n\nСмотреть" in posts(said)[PUPILS]
    said = await edit("трансляция 5А: обман https://evil.example/v")
    assert posts(said) == {}
    said = await edit("трансляция 5А: концерт оркестра")
    assert "оркестра" in posts(said)[PUPILS]
    async with world.db.read() as tx:
        known = await broadcasts.of(tx, one)
    assert known is not None
    assert known.url == "https://vkvideo.ru/v2"


async def test_nobody_said_it_is_over(world: World) -> None:
    preview = answer(await world.write(TEACHER, f"трансляция 5А: концерт {URL}"))
    sent = answer(await world.tap(TEACHER, preview, "✅"))
    await world.tap(TEACHER, sent, "▶️")
    world.now += 4 * HOUR + 1
    keeper = Housekeeper(world.db, world.bot)
    await keeper.once()
    await keeper.once()
    assert "Закончилась" in posts(await world.heard())[PUPILS]
    one = await the_one(world)
    world.now += 400 * DAY
    await keeper.once()
    async with world.db.read() as tx:
        assert await announcements.by_id(tx, one) is not None, "what it was stays"


async def test_quiet_hours_hold_it_too() -> None:
    # A little past midnight at the school, when the world begins.
    night = quiet.read("21:00-07:00")
    async with a_world(broadcast_hosts=HOSTS, quiet_hours=night) as world:
        await furnish(world)
        preview = answer(await world.write(TEACHER, f"трансляция 5А: концерт {URL}"))
        said = await world.tap(TEACHER, preview, "✅")
        assert posts(said) == {}
        early = await world.write(TEACHER, "трансляция началась")
        assert answer(early).body == world.text("broadcast-none")
        world.now += 8 * HOUR
        await Releaser(world.db, world.bot).once()
        assert posts(await world.heard()).keys() == {PUPILS, PARENTS}
        [told] = await world.work_off("bot/news")
        assert "▶️" in told.offers, "who announced it at night begins it from there"
        assert "Идёт" in posts(await world.tap(TEACHER, told, "▶️"))[PUPILS]


# --- as a call of Sferum --------------------------------------------------------------------

LIVE = "трансляция 5А: разбор контрольной в Сферуме"


@pytest.fixture
async def live() -> AsyncIterator[World]:
    """Give a school whose class teacher is logged in to Sferum."""
    async with a_world(sferum=True, broadcast_hosts=HOSTS) as made:
        await furnish(made)
        account = made.sferum.add("Анна", "key")
        async with made.db.write() as tx:
            await chats.save_login(tx, "sferum", account.id, "Анна", TEACHER, "key")
        yield made


async def sferum_says(world: World, mxid: str = TEACHER) -> list[Said]:
    return await world.work_off(f"bot/sferum/{mxid}")


async def announced_live(world: World) -> Said:
    preview = answer(await world.write(TEACHER, LIVE))
    assert world.text("broadcast-check-sferum") in preview.body
    assert "в Сферуме" not in preview.body.partition(world.text("broadcast-check-sferum"))[0]
    return answer(await world.tap(TEACHER, preview, "✅"))


async def begun_live(world: World) -> Said:
    sent = await announced_live(world)
    await world.tap(TEACHER, sent, "▶️")
    await sferum_says(world)
    return sent


async def kept(world: World) -> broadcasts.Broadcast:
    one = await the_one(world)
    async with world.db.read() as tx:
        found = await broadcasts.of(tx, one)
    assert found is not None
    return found


async def test_a_call_of_sferum_begins_with_the_broadcast_and_ends_with_it(live: World) -> None:
    sent = await announced_live(live)
    assert live.sferum.calls == [], "nothing begins before it is said to"
    assert (await kept(live)).url == ""
    over = await live.write(TEACHER, "трансляция закончилась")
    assert answer(over).body == live.text("broadcast-not-begun")
    assert await live.tap(TEACHER, sent, "▶️") == [], "Sferum is asked first"
    said = await sferum_says(live)
    assert live.sferum.calls == ["call-0"]
    assert "🔴 Идёт с" in posts(said)[PUPILS]
    assert "vk.com" not in str([one.content for one in said])
    assert (await kept(live)).url == "https://vk.com/call/join/call-0"
    begun = answer(said)
    live.now += HOUR
    said = await live.tap(TEACHER, begun, "⏹️")
    assert "записи нет" in posts(said)[PARENTS]
    await sferum_says(live)
    assert live.sferum.calls == []


async def test_a_recording_ends_what_still_goes_on(live: World) -> None:
    await begun_live(live)
    said = await live.write(TEACHER, f"трансляция запись {URL}")
    assert "Запись:" in posts(said)[PARENTS]
    await sferum_says(live)
    assert live.sferum.calls == []


async def test_twice_begun_is_one_call(live: World) -> None:
    sent = await announced_live(live)
    await live.tap(TEACHER, sent, "▶️")
    await live.write(TEACHER, "трансляция началась")
    said = [*await sferum_says(live), *await sferum_says(live), *await sferum_says(live)]
    assert live.text("broadcast-already") in [one.body for one in said]
    assert live.sferum.calls == ["call-0"]
    assert (await kept(live)).call == "call-0"


async def test_a_deleted_broadcast_ends_its_call(live: World) -> None:
    sent = await begun_live(live)
    await live.tap(TEACHER, sent, "🗑")
    await sferum_says(live)
    assert live.sferum.calls == []
    assert (await kept(live)).ended_at == live.now


async def test_what_was_deleted_while_sferum_was_asked_begins_nowhere(live: World) -> None:
    sent = await announced_live(live)
    await live.tap(TEACHER, sent, "▶️")
    await live.tap(TEACHER, sent, "🗑")
    said = [*await sferum_says(live), *await sferum_says(live)]
    assert not posts(said)
    assert live.sferum.calls == []


async def test_one_nobody_ends_ends_in_sferum_too(live: World) -> None:
    await begun_live(live)
    live.now += 4 * HOUR + 1
    await Housekeeper(live.db, live.bot).once()
    assert "записи нет" in posts(await live.heard())[PUPILS]
    await sferum_says(live, "")
    assert live.sferum.calls == []


async def test_what_sferum_refuses_is_said_and_may_be_tried_again(
    live: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Refused("not now")

    sent = await announced_live(live)
    with monkeypatch.context() as patch:
        patch.setattr(sferum._Connector, "start_call", refuse)
        await live.tap(TEACHER, sent, "▶️")
        said = await sferum_says(live)
    assert live.text("broadcast-sferum-failed") in answer(said).body
    assert not posts(said)
    await live.tap(TEACHER, sent, "▶️")
    assert "🔴" in posts(await sferum_says(live))[PUPILS]


async def test_who_has_no_login_is_told_how(live: World) -> None:
    said = await live.write(ADMIN, LIVE)
    assert answer(said).body == live.text("broadcast-login")
    async with a_world(broadcast_hosts=HOSTS) as world:
        await furnish(world)
        said = await world.write(TEACHER, LIVE)
        assert answer(said).body == world.text("broadcast-no-sferum")


@pytest.mark.parametrize(
    ("text", "words", "is_there"),
    [
        ("5А: разбор в Сферуме", "5А: разбор", True),
        ("5A: review — In Sferum.", "5A: review", True),
        ("как мы живём в сферуме, рассказ", "как мы живём в сферуме, рассказ", False),
        ("в Сферуме", "в Сферуме", False),
    ],
)
def test_in_sferum_stands_at_the_end(text: str, words: str, *, is_there: bool) -> None:
    assert take_sferum(text) == (words, is_there)
