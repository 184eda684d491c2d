"""Announcements: written once, checked, posted in class rooms; edits and the end of it follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio
from sqlalchemy import delete, select, update

from sferum_bridge.bot.releasing import Releaser
from sferum_bridge.matrix.reading import Reading
from sferum_bridge.school import quiet
from sferum_bridge.store import accounts, audit, chats, rooms, schools, tables
from tests.support import guide
from tests.support.bot import (
    ADMIN,
    BOT,
    BROTHER,
    HOUR,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    World,
    a_world,
    assign,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bot import Said

ANNOUNCEMENTS = "!announcements"
PUPILS_5, PARENTS_5, PUPILS_9, PARENTS_9 = "!5-pupils", "!5-parents", "!9-pupils", "!9-parents"
# A little past midnight at the school, when the world begins.
NIGHT = quiet.read("21:00-07:00")


async def furnish(world: World) -> None:
    """Let the school's rooms exist with people in them."""
    async with world.db.write() as tx:
        for key, room_id, members in (
            (f"announcements/{world.ids['school']}", ANNOUNCEMENTS, (ADMIN, TEACHER)),
            (f"pupils/{world.ids['5А']}", PUPILS_5, (PUPIL, TEACHER)),
            (f"parents/{world.ids['5А']}", PARENTS_5, (MOTHER, TEACHER)),
            (f"pupils/{world.ids['9Б']}", PUPILS_9, (BROTHER, TEACHER)),
            (f"parents/{world.ids['9Б']}", PARENTS_9, ()),
        ):
            await rooms.intend(tx, key, world.ids["school"], key.partition("/")[0])
            await rooms.created(tx, key, room_id)
            for mxid in members:
                await rooms.set_member(tx, room_id, mxid, "join")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        await furnish(made)
        yield made


def posts(said: list[Said]) -> dict[str, Said]:
    """Return room → what is done there."""
    return {one.room: one for one in said if one.txn_id.startswith("post.")}


def answer(said: list[Said]) -> Said:
    [found] = [one for one in said if not one.txn_id.startswith("post.")]
    return found


async def sent(world: World, mxid: str, text: str) -> tuple[str, list[Said]]:
    """Announce something and confirm it; return the original's event id and what is said then."""
    event = await world.event(mxid, "m.room.message", {"msgtype": "m.text", "body": text})
    await world.arrive(event)
    preview = answer(await world.heard())
    return event["event_id"], await world.tap(mxid, preview, "✅")


async def edit(world: World, mxid: str, original: str, text: str) -> list[Said]:
    content = {
        "msgtype": "m.text",
        "body": f"* {text}",
        "m.new_content": {"msgtype": "m.text", "body": text},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original},
    }
    return await world.send(mxid, "m.room.message", content)


async def take_away(world: World, mxid: str, original: str, **more: Any) -> list[Said]:
    return await world.send(mxid, "m.room.redaction", {"redacts": original}, **more)


async def test_one_line_and_one_tap_put_it_into_every_room_of_a_class(world: World) -> None:
    preview = answer(await world.write(TEACHER, "!объявление 5А: завтра <b>урока</b> нет\nсовсем"))
    assert preview.offers == ["✅", "❗", "❌"]
    assert "Чатов: 2, людей в них: 2" in preview.body
    assert preview.body.index("5А · ученики, родители") < preview.body.index("завтра")
    said = await world.tap(TEACHER, preview, "✅")
    assert set(posts(said)) == {PUPILS_5, PARENTS_5}
    for post in posts(said).values():
        assert post.body.startswith("📢 Объявление · Анна Небывалова")
        assert post.body.endswith("завтра <b>урока</b> нет\nсовсем")
        assert "&lt;b&gt;урока" in post.content["formatted_body"]
        assert (post.content["msgtype"], post.content["m.mentions"]) == ("m.text", {})
    assert not posts(await world.tap(TEACHER, preview, "✅")), "sent once"
    told = answer(await world.work_off("bot/news"))
    assert told.to == TEACHER
    assert "доставлено, чатов: 2" in told.body


async def test_the_audience_is_asked_for_and_any_words_answer(world: World) -> None:
    asked = answer(await world.write(ADMIN, "объявление"))
    assert "одним сообщением" in asked.body
    # A text may begin with the words of a command.
    asked = answer(await world.write(ADMIN, "Перевести часы не забудьте"))
    assert asked.offers == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    unclear = await world.write(ADMIN, "родителям 77Ж")
    assert len(unclear) == 2
    preview = answer(await world.write(ADMIN, "родители"))
    assert "вся школа · родители" in preview.body
    assert "Перевести часы" in preview.body
    assert set(posts(await world.write(ADMIN, "да"))) == {PARENTS_5, PARENTS_9}


async def test_a_choice_is_tapped_and_the_staff_is_an_audience(world: World) -> None:
    asked = answer(await world.write(ADMIN, "объявление Педсовет в 15:00"))
    preview = answer(await world.tap(ADMIN, asked, "4️⃣"))
    assert set(posts(await world.tap(ADMIN, preview, "✅"))) == {ANNOUNCEMENTS}
    asked = answer(await world.write(ADMIN, "объявление Линейка в 9:00"))
    preview = answer(await world.tap(ADMIN, asked, "1️⃣"))
    everywhere = {ANNOUNCEMENTS, PUPILS_5, PARENTS_5, PUPILS_9, PARENTS_9}
    assert set(posts(await world.tap(ADMIN, preview, "✅"))) == everywhere


async def test_nobody_reaches_beyond_their_right(world: World) -> None:
    for who in (PUPIL, MOTHER, BROTHER):
        assert "нет прав" in answer(await world.write(who, "объявление 5А: каникулы!")).body
    assert "служебный помощник" in answer(await world.write(STRANGER, "объявление 5А: а")).body
    for beyond in ("школа: а", "9Б: а", "учителям: а", "5 и 9Б: а"):
        said = await world.write(TEACHER, f"объявление {beyond}")
        assert not posts(said)
        assert not any("✅" in one.offers for one in said), beyond
    preview = answer(await world.write(TEACHER, "объявление родителям: собрание"))
    assert "5А · родители" in preview.body
    # Whoever else taps or answers does nothing.
    assert await world.tap(ADMIN, preview, "✅") == []
    async with world.db.write() as tx:
        c = tables.assignments.c
        await tx.run(delete(tables.assignments).where(c.kind == "leadership"))
    assert "нет прав" in answer(await world.tap(TEACHER, preview, "✅")).body


async def test_a_message_in_the_announcements_room_is_one(world: World) -> None:
    content = {"msgtype": "m.text", "body": "5А, родители: сбор у школы"}
    event = await world.event(ADMIN, "m.room.message", content, room=ANNOUNCEMENTS)
    await world.arrive(event)
    preview = answer(await world.heard())
    assert (preview.to, preview.room) == (ADMIN, "")
    said = await world.tap(ADMIN, preview, "✅")
    assert set(posts(said)) == {PARENTS_5}
    said = await take_away(world, ADMIN, event["event_id"], room=ANNOUNCEMENTS)
    assert set(posts(said)) == {PARENTS_5}
    # The whole school hears it; the staff has it where it was written.
    await world.write(ADMIN, "всем: линейка", room=ANNOUNCEMENTS)
    assert set(posts(await world.write(ADMIN, "да"))) == {PUPILS_5, PARENTS_5, PUPILS_9, PARENTS_9}
    file = {"msgtype": "m.file", "body": "приказ.pdf", "url": "mxc://s/m"}
    [told] = await world.send(ADMIN, "m.room.message", file, room=ANNOUNCEMENTS)
    assert "только текст" in told.body
    assert await world.write(TEACHER, "5А: я не администратор", room=ANNOUNCEMENTS) == []


async def test_edits_follow_and_only_the_authors(world: World) -> None:
    original, _ = await sent(world, TEACHER, "объявление 5А: в 8:00")
    for foreign in (ADMIN, PUPIL):
        assert not posts(await edit(world, foreign, original, "объявление 5А: в 5:00"))
    said = await edit(world, TEACHER, original, "объявление 5А: в 9:00")
    assert set(posts(said)) == {PUPILS_5, PARENTS_5}
    again = posts(await edit(world, TEACHER, original, "объявление 5А: в 10:00"))
    names = {one.txn_id for one in (*posts(said).values(), *again.values())}
    assert len(names) == 4, "each edit is an event of its own"
    assert all(one.body.endswith("в 10:00") for one in again.values())
    # Whom it was for stays; the author hears so.
    said = await edit(world, TEACHER, original, "объявление родителям 5А: в 11:00")
    assert set(posts(said)) == {PUPILS_5, PARENTS_5}
    assert any("не меняется" in one.body for one in said)
    own, _ = await sent(world, TEACHER, "объявление родителям: сбор")
    [told] = [one for one in await edit(world, TEACHER, own, "объявление родителям: два") if one.to]
    assert "Исправлено" in told.body
    # Who lost the class changes and ends nothing there any more, whatever else they lead.
    async with world.db.write() as tx:
        c = tables.assignments.c
        await tx.run(delete(tables.assignments).where(c.kind == "leadership"))
        await assign(tx, world.ids, TEACHER, "leadership", class_id=world.ids["9Б"])
    said = await edit(world, TEACHER, original, "объявление 5А: я больше не классный")
    assert not posts(said)
    assert "нет прав" in answer(said).body
    assert not posts(await take_away(world, TEACHER, original))
    assert set(posts(await take_away(world, ADMIN, original))) == {PUPILS_5, PARENTS_5}


async def test_a_draft_follows_its_message(world: World) -> None:
    body = {"msgtype": "m.text", "body": "объявление 5А: в 8:00"}
    event = await world.event(TEACHER, "m.room.message", body)
    await world.arrive(event)
    old = answer(await world.heard())
    preview = answer(await edit(world, TEACHER, event["event_id"], "объявление родителям: в 9:00"))
    assert "в 9:00" in preview.body
    assert set(posts(await world.tap(TEACHER, old, "✅"))) == {PARENTS_5}
    body = {"msgtype": "m.text", "body": "объявление 5А: отменённое"}
    event = await world.event(TEACHER, "m.room.message", body)
    await world.arrive(event)
    preview = answer(await world.heard())
    assert "ничего не отправляю" in answer(await take_away(world, TEACHER, event["event_id"])).body
    assert not posts(await world.tap(TEACHER, preview, "✅"))


async def test_its_end_is_the_end_of_every_post(world: World) -> None:
    original, _ = await sent(world, TEACHER, "объявление 5А: ошибка")
    assert await take_away(world, PUPIL, original) == []
    said = await take_away(world, TEACHER, original)
    assert set(posts(said)) == {PUPILS_5, PARENTS_5}
    assert await take_away(world, TEACHER, original) == []
    assert not posts(await edit(world, TEACHER, original, "объявление 5А: снова"))
    _, said = await sent(world, TEACHER, "объявление 5А: другая ошибка")
    assert set(posts(await world.tap(TEACHER, answer(said), "🗑"))) == {PUPILS_5, PARENTS_5}
    async with world.db.read() as tx:
        query = select(tables.audit.c.action).order_by(tables.audit.c.id)
        actions = [row.action for row in await tx.all(query)]
        assert await audit.verify(tx) is None
    assert actions == ["announcement.send", "announcement.withdraw"] * 2


async def test_quiet_hours_hold_back_what_is_not_urgent_and_say_so() -> None:
    async with a_world(quiet_hours=NIGHT) as world:
        await furnish(world)
        releaser = Releaser(world.db, world.bot)
        preview = answer(await world.write(TEACHER, "объявление 5А: контрольная"))
        assert "тихие часы" in preview.body
        assert "07:00" in preview.body
        held = await world.tap(TEACHER, preview, "✅")
        assert not posts(held)
        assert "07:00" in answer(held).body
        preview = answer(await world.write(TEACHER, "объявление 5А: прорвало трубу"))
        urgent = posts(await world.write(TEACHER, "срочно"))
        assert set(urgent) == {PUPILS_5, PARENTS_5}
        assert all(one.content["m.mentions"] == {"room": True} for one in urgent.values())
        original, held = await sent(world, TEACHER, "объявление 5А: забытое")
        assert not posts(await take_away(world, TEACHER, original))
        original, _ = await sent(world, TEACHER, "объявление 5А: старый текст")
        assert not posts(await edit(world, TEACHER, original, "объявление 5А: новый текст"))
        assert 0 < await releaser.once() <= 30
        assert await world.heard() == []
        world.now += 7 * HOUR
        await releaser.once()
        said = await world.heard()
        bodies = sorted(one.body.rpartition("\n")[2] for one in said)
        assert bodies == ["контрольная"] * 2 + ["новый текст"] * 2
        await releaser.once()
        assert await world.heard() == [], "nothing is sent twice"


async def test_a_right_that_ended_overnight_sends_nothing_in_the_morning() -> None:
    async with a_world(quiet_hours=NIGHT) as world:
        await furnish(world)
        await sent(world, TEACHER, "объявление 5А: утром")
        async with world.db.write() as tx:
            c = tables.assignments.c
            await tx.run(delete(tables.assignments).where(c.kind == "leadership"))
        world.now += 7 * HOUR
        await Releaser(world.db, world.bot).once()
        said = await world.heard()
        assert not posts(said)
        told = answer(said)
        assert told.to == TEACHER
        assert "больше нет на него прав" in told.body
        assert "Удалено" in (await world.write(TEACHER, "объявления"))[0].body


async def test_an_edit_without_words_changes_nothing(world: World) -> None:
    original, _ = await sent(world, TEACHER, "объявление 5А: в 8:00")
    new = {"msgtype": "m.image", "body": "фото.jpg", "url": "mxc://s/m"}
    relation = {"rel_type": "m.replace", "event_id": original}
    content = {**new, "m.new_content": new, "m.relates_to": relation}
    said = await world.send(TEACHER, "m.room.message", content)
    assert not posts(said)
    assert "осталось прежним" in answer(said).body
    assert not posts(await edit(world, TEACHER, original, "объявление"))
    assert "в 8:00" in (await world.write(TEACHER, "объявления"))[0].body


async def test_a_room_it_was_written_in_gets_no_post(world: World) -> None:
    said = await world.write(TEACHER, "!объявление 5А: здесь уже стоит", room=PARENTS_5)
    assert set(posts(await world.tap(TEACHER, answer(said), "✅"))) == {PUPILS_5}
    said = await world.write(TEACHER, "!объявление родителям 5А: и здесь", room=PARENTS_5)
    assert "уже стоит в этом чате" in said[0].body
    assert not any("✅" in one.offers for one in said)


async def test_the_author_is_told_which_rooms_sferum_hears_too(world: World) -> None:
    preview = answer(await world.write(TEACHER, "объявление 5А: сбор"))
    assert "Сферум" not in preview.body
    async with world.db.write() as tx:
        login = await chats.save_login(tx, "sferum", "1", "Анна", TEACHER, "secret")
        await chats.link(tx, chats.Chat(login, "7", PARENTS_5, relay=True))
    preview = answer(await world.write(TEACHER, "объявление 5А: сбор"))
    assert "связанных с чатами Сферума: 1" in preview.body
    said = await world.tap(TEACHER, preview, "✅")
    assert set(posts(said)) == {PUPILS_5, PARENTS_5}
    summary = answer(await world.tap(TEACHER, answer(said), "📊"))
    assert "связанных с чатами Сферума: 1" in summary.body


async def test_what_was_withdrawn_is_not_said_to_be_delivered(world: World) -> None:
    original, _ = await sent(world, TEACHER, "объявление 5А: ошибка")
    await take_away(world, TEACHER, original)
    assert await world.work_off("bot/news") == []


async def test_the_author_learns_how_many_have_read_and_not_who(world: World) -> None:
    _, said = await sent(world, TEACHER, "объявление 5А: прочтите")
    reading = Reading(world.db, lambda mxid: mxid == BOT or mxid.startswith("@sferum_"))
    before, after = {"ts": world.now - 1}, {"ts": world.now + 1}
    for room_id, mxid, said_at in (
        (PUPILS_5, PUPIL, after),
        (PARENTS_5, MOTHER, before),
        (PUPILS_5, TEACHER, after),
        (PUPILS_9, BROTHER, after),
        (PUPILS_5, "@sferum_1:school.example", after),
        (PUPILS_5, BOT, after),
    ):
        content = {"$any": {"m.read": {mxid: said_at}, "m.read.private": {MOTHER: after}}}
        reading.heard([{"type": "m.receipt", "room_id": room_id, "content": content}])
    reading.heard([None, {"type": "m.receipt"}, {"type": "m.receipt", "content": {"$a": 1}}])
    await reading.store()
    async with world.db.write() as tx:
        stored = {(row.room_id, row.mxid) for row in await tx.all(select(tables.readers))}
        assert stored == {(PUPILS_5, PUPIL), (PUPILS_5, TEACHER)}
        await tx.run(delete(tables.readers).where(tables.readers.c.mxid == TEACHER))
    # What was stored is not stored again with each receipt.
    again = {"$b": {"m.read": {mxid: {"ts": world.now + 2} for mxid in (PUPIL, TEACHER)}}}
    reading.heard([{"type": "m.receipt", "room_id": PUPILS_5, "content": again}])
    await reading.store()
    async with world.db.read() as tx:
        assert [row.mxid for row in await tx.all(select(tables.readers))] == [PUPIL]
    summary = answer(await world.tap(TEACHER, answer(said), "📊"))
    assert "2 из 2" in summary.body
    assert "Прочитали: 1 из 2" in summary.body
    assert "5А · ученики: 1 из 1" in summary.body
    assert "5А · родители: 0 из 1" in summary.body
    assert "Ася" not in summary.body
    assert [one.body for one in await world.write(TEACHER, "объявления")] == [summary.body]
    assert "ничего не объявляли" in answer(await world.write(ADMIN, "объявления")).body


async def test_too_long_is_refused_and_no_room_is_said(world: World) -> None:
    assert "длиннее" in answer(await world.write(TEACHER, "объявление 5А: " + "а" * 3900)).body
    async with world.db.write() as tx:
        await tx.run(update(tables.rooms).values(room_id=None))
    said = await world.write(TEACHER, "объявление 5А: никому")
    assert "никто бы не увидел" in said[0].body


async def test_an_administrator_of_two_schools_says_which(world: World) -> None:
    async with world.db.write() as tx:
        other = await schools.add(tx, "Лицей", "Europe/Moscow", "ru")
        mine = {**world.ids, "school": other}
        await assign(tx, mine, ADMIN, "appointment", post="administrator")
        teacher = await accounts.add_person(tx, "Лицейский", "Лев")
        world.ids["lyceum"] = teacher
    asked = answer(await world.write(ADMIN, "объявление школа: ура"))
    assert asked.offers == ["1️⃣", "2️⃣"]
    assert "Лицей" in asked.body
    line = next(n for n, name in enumerate(asked.body.splitlines()) if "Нигдейска" in name)
    first = next(n for n, name in enumerate(asked.body.splitlines()) if name.startswith("•"))
    asked = answer(await world.tap(ADMIN, asked, ("1️⃣", "2️⃣")[line - first]))
    preview = answer(await world.tap(ADMIN, asked, "1️⃣"))
    assert len(posts(await world.tap(ADMIN, preview, "✅"))) == 5
    # A class that only one of them has says it, too.
    assert "9Б" in answer(await world.write(ADMIN, "объявление 9Б: ура")).body


async def test_the_english_guide_shows_an_announcement(world: World) -> None:
    await world.write(TEACHER, "language en")
    shown = guide.Transcript()
    text = "announce parents of 5А: we meet at 18:00"
    preview = answer(await world.write(TEACHER, text))
    said = await world.tap(TEACHER, preview, "✅")
    for who, line in (("Anna", text), ("Assistant", preview.body), ("Anna", "✅")):
        shown.say(who, line)
    shown.say("Assistant", answer(said).body)
    shown.chat("5А · parents (a school that speaks Russian)")
    shown.say("Assistant", posts(said)[PARENTS_5].body)
    guide.hold("announcement", "en.md", shown)
