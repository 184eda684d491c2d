"""Materials: listed, found, filed from a chat, and following their originals (S-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from sferum_bridge.matrix.door import REFUSED
from sferum_bridge.store import erasing, materials, news, rooms, tables
from tests.support import guide
from tests.support.bot import (
    ADMIN,
    BOT,
    BROTHER,
    DAY,
    MOTHER,
    PUPIL,
    STRANGER,
    TEACHER,
    Said,
    World,
    a_world,
    assign,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHELF, PUPILS, OTHER_SHELF = "!materials-5a", "!pupils-5a", "!materials-9b"
MXC = "mxc://school.example/abc"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        async with world.db.write() as tx:
            for kind, place, room_id in (
                ("materials", "5А", SHELF),
                ("pupils", "5А", PUPILS),
                ("materials", "9Б", OTHER_SHELF),
            ):
                key = f"{kind}/{world.ids[place]}"
                await rooms.intend(tx, key, world.ids["school"], kind)
                await rooms.created(tx, key, room_id)
        yield world


def a_file(name: str, words: str = "", **more: Any) -> dict[str, Any]:
    info = {"mimetype": "application/pdf", "size": 9, "sly": "x"}
    body = {"body": words or name, "filename": name}
    return {"msgtype": "m.file", **body, "url": MXC, "info": info, **more}


async def post(world: World, who: str, room: str, content: Any) -> str:
    """Let something be written in a room that the bot sees; return its event id."""
    event = await world.event(who, "m.room.message", content, room=room)
    world.events[room, event["event_id"]] = event
    await world.arrive(event)
    return str(event["event_id"])


async def filed(world: World, who: str, event_id: str) -> tuple[list[Any], list[Said]]:
    """React with 📚 to a message; return the copies that makes, and what the bot says."""
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "📚"}
    before = len(world.copies)
    said = await world.send(who, "m.reaction", {"m.relates_to": relation}, room=PUPILS)
    return world.copies[before:], said


async def follows(world: World, event: Any) -> list[Any]:
    """Let the appservice see a change of a listed message; return what becomes of copies."""
    before = len(world.copies)
    async with world.db.write() as tx:
        await news.put(tx, materials.CHANGED, {"event": event})
    assert await world.work_off("bot/news") == []
    return world.copies[before:]


def edit(sender: str, room: str, target: str, new: Any) -> Any:
    relation = {"rel_type": "m.replace", "event_id": target}
    content = {"msgtype": "m.text", "body": "*", "m.new_content": new, "m.relates_to": relation}
    return {"type": "m.room.message", "sender": sender, "room_id": room, "content": content}


def redaction(room: str, target: str) -> Any:
    content = {"redacts": target}
    return {"type": "m.room.redaction", "sender": TEACHER, "room_id": room, "content": content}


async def listed(world: World, who: str, text: str = "материалы", room: str = "") -> str:
    [said] = await world.write(who, text, room=room)
    return said.body


async def test_a_teachers_post_is_listed_for_the_class_and_its_parents(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await post(world, TEACHER, SHELF, a_file("задачи.pdf", "Задачи на движение"))
    for who in (PUPIL, MOTHER, TEACHER):
        body = await listed(world, who)
        assert "Материалы, 1–1 из 1" in body
        assert "• Задачи на движение — Анна Небывалова" in body
    [said] = await world.write(PUPIL, "материалы")
    html = said.content["formatted_body"]
    assert '<a href="https://matrix.to/#/!materials-5a/$event-' in html
    assert "ни в одном" in await listed(world, ADMIN)
    assert "пока нет" in await listed(world, BROTHER)
    assert await world.heard() == []


async def test_a_strangers_command_says_what_a_stranger_hears(world: World) -> None:
    assert await listed(world, STRANGER) == await listed(world, STRANGER, "привет")


async def test_subject_teacher_day_and_words_find(world: World) -> None:
    async with world.db.write() as tx:
        await assign(tx, world.ids, ADMIN, "teaching", class_id=world.ids["5А"], subject="история")
    await post(world, TEACHER, SHELF, {"msgtype": "m.text", "body": "Правила класса"})
    world.now += 40 * DAY
    await post(world, ADMIN, SHELF, a_file("Древний Рим.pdf"))
    everything = await listed(world, PUPIL)
    assert everything.index("Древний Рим") < everything.index("Правила")
    assert "история, Пётр Придуманный" in everything
    for text, found in (
        ("материалы по истории", "Древний Рим"),
        ("материалы римом", "Древний Рим"),
        ("материалы учитель Небывалова", "Правила"),
        ("materials history", ""),
        ("материалы сентябрь", "Правила"),
    ):
        body = await listed(world, PUPIL, text)
        assert (found in body) if found else ("no such materials" in body), text
        assert ("из 1" in body) or not found, text
    by = await listed(world, PUPIL, "материалы по предметам")
    assert by.index("Древний Рим") < by.index("Правила")


async def test_in_a_classs_room_it_is_about_that_class(world: World) -> None:
    async with world.db.write() as tx:
        row = {"id": "lead-9b", "school_id": world.ids["school"], "kind": "leadership"}
        row |= {"person_id": world.ids[TEACHER], "class_id": world.ids["9Б"]}
        await tx.run(insert(tables.assignments).values(**row))
    await post(world, TEACHER, SHELF, a_file("пятый.pdf"))
    await post(world, TEACHER, OTHER_SHELF, a_file("девятый.pdf"))
    both = await listed(world, TEACHER)
    assert "пятый.pdf" in both
    assert "9Б" in both
    assert "девятый" not in await listed(world, TEACHER, "!материалы", room=PUPILS)


async def test_pages_of_twenty(world: World) -> None:
    for number in range(45):
        await post(world, TEACHER, SHELF, {"msgtype": "m.text", "body": f"Урок №{number:02}"})
        world.now += 1000
    [first] = await world.write(PUPIL, "материалы урок")
    assert first.body.count("•") == 20
    assert "1–20 из 45" in first.body
    [second] = await world.tap(PUPIL, first, "▶️")
    [third] = await world.tap(PUPIL, second, "▶️")
    assert "41–45 из 45" in third.body
    assert "Урок №00" in third.body
    assert third.offers == []


async def test_nobody_but_a_teacher_of_the_class_lists_anything(world: World) -> None:
    for who in (PUPIL, ADMIN, BROTHER):
        await post(world, who, SHELF, a_file("моё.pdf"))
    assert "пока нет" in await listed(world, PUPIL)
    event_id = await post(world, PUPIL, PUPILS, a_file("доклад.pdf"))
    for who in (PUPIL, ADMIN, BROTHER, STRANGER):
        assert await filed(world, who, event_id) == ([], [])


async def test_a_file_of_a_chat_is_filed_with_its_authors_name(world: World) -> None:
    event_id = await post(world, PUPIL, PUPILS, a_file("доклад.pdf", "Мой доклад"))
    [row], [said] = await filed(world, TEACHER, event_id)
    content = row["content"]
    assert content["body"] == "📚 Ася Выдумкина, из чата «5А · ученики»\n\nМой доклад"
    assert (content["url"], content["filename"]) == (MXC, "доклад.pdf")
    assert content["info"] == {"mimetype": "application/pdf", "size": 9}
    assert said.to == TEACHER
    assert "Мой доклад" in said.body
    assert "Мой доклад — Ася Выдумкина" in await listed(world, PUPIL)
    rows, [said] = await filed(world, TEACHER, event_id)
    assert rows == []
    assert "уже есть" in said.body
    async with world.db.read() as tx:
        actions = [row.action for row in await tx.all(select(tables.audit.c.action))]
    assert "material.file" in actions


async def test_a_text_and_a_ghosts_file_are_filed(world: World) -> None:
    world.names["@sferum_7:school.example"] = "Гость (Сферум)"
    ghost = await world.event(
        "@sferum_7:school.example", "m.room.message", a_file("снимок.png"), room=PUPILS
    )
    world.events[PUPILS, ghost["event_id"]] = ghost
    [row], _ = await filed(world, TEACHER, ghost["event_id"])
    assert "Гость (Сферум)" in row["content"]["body"]
    text = {"msgtype": "m.text", "body": "Ссылка: https://school.example/1"}
    [row], _ = await filed(world, TEACHER, await post(world, PUPIL, PUPILS, text))
    assert row["content"]["msgtype"] == "m.text"
    assert "https://school.example/1" in row["content"]["body"]


@pytest.mark.parametrize(
    "content",
    [
        {"msgtype": "m.file", "body": "а.pdf", "file": {"url": MXC}},
        {"msgtype": "m.notice", "body": "уведомление"},
        {"msgtype": "m.text", "body": "  "},
        {},
    ],
)
async def test_what_cannot_be_filed_is_said(world: World, content: Any) -> None:
    event_id = await post(world, PUPIL, PUPILS, content)
    await world.heard()
    rows, [said] = await filed(world, TEACHER, event_id)
    assert rows == []
    assert "незашифрованный" in said.body


async def test_the_guide_shows_how_it_goes_in_english(world: World) -> None:
    for who in (TEACHER, PUPIL):
        await world.write(who, "language en")
    async with world.db.write() as tx:
        await tx.run(update(tables.schools).values(language="en"))
    shown = guide.Transcript()
    shown.chat("5А · pupils")
    shown.say("Asya", "report.pdf")
    event_id = await post(world, PUPIL, PUPILS, a_file("report.pdf"))
    [row], [said] = await filed(world, TEACHER, event_id)
    shown.say("Teacher", "📚 (under this message)")
    shown.chat("the teacher's chat with the assistant")
    shown.say("Assistant", said.body)
    shown.chat("5А · materials")
    shown.say("Assistant", f"{row['content']['body']} [report.pdf]")
    shown.chat("Asya's chat with the assistant")
    shown.say("Asya", "materials")
    shown.say("Assistant", await listed(world, PUPIL, "materials"))
    guide.hold("materials", "en.md", shown)


async def test_edits_and_the_end_of_an_original_follow(world: World) -> None:
    posted = await post(world, TEACHER, SHELF, {"msgtype": "m.text", "body": "Урок 1"})
    original = await post(world, PUPIL, PUPILS, a_file("доклад.pdf"))
    await filed(world, TEACHER, original)
    new = {"msgtype": "m.text", "body": "Урок 2"}
    # Of somebody else's edit nothing is believed.
    assert await follows(world, edit(ADMIN, SHELF, posted, new)) == []
    assert "Урок 1" in await listed(world, PUPIL)
    assert await follows(world, edit(TEACHER, SHELF, posted, new)) == []
    assert "Урок 2" in await listed(world, PUPIL)
    [row] = await follows(world, edit(PUPIL, PUPILS, original, a_file("доклад.pdf", "Новый")))
    assert row["revises"]
    assert row["content"]["body"].endswith("Новый")
    assert "Новый" in await listed(world, PUPIL)
    [row] = await follows(world, redaction(PUPILS, original))
    assert row["withdraws"]
    assert await follows(world, redaction(SHELF, posted)) == []
    assert "пока нет" in await listed(world, PUPIL)


SECRET, SMALL = "mxc://school.example/secret", "mxc://school.example/small"


async def test_only_what_the_author_may_open_is_filed(world: World) -> None:
    world.unreadable = {(SECRET, PUPIL), (SMALL, PUPIL)}
    named = await post(world, PUPIL, PUPILS, a_file("справка.pdf", url=SECRET))
    rows, [said] = await filed(world, TEACHER, named)
    assert rows == []
    assert "не может открыть и сам автор" in said.body
    sly = {"url": SECRET, "thumbnail_url": SECRET}
    info = {"w": sly, "h": 3, "thumbnail_url": SECRET, "thumbnail_info": {"w": sly}}
    hidden = await post(world, PUPIL, PUPILS, a_file("снимок.png", info=info))
    [row], _ = await filed(world, TEACHER, hidden)
    assert row["content"]["url"] == MXC
    assert row["content"]["info"] == {"h": 3}
    world.unreadable = {(SECRET, PUPIL)}
    info |= {"thumbnail_url": SMALL, "thumbnail_info": {"w": 2, "h": sly}}
    shown = await post(world, PUPIL, PUPILS, a_file("снимок2.png", info=info))
    [row], _ = await filed(world, TEACHER, shown)
    assert row["content"]["info"] == {
        "h": 3,
        "thumbnail_url": SMALL,
        "thumbnail_info": {"w": 2},
    }


async def test_an_edit_brings_no_file_into_a_copy_that_its_author_may_not_open(
    world: World,
) -> None:
    world.unreadable = {(SECRET, PUPIL)}
    original = await post(world, PUPIL, PUPILS, a_file("доклад.pdf"))
    await filed(world, TEACHER, original)
    new = a_file("доклад.pdf", url=SECRET)
    [row] = await follows(world, edit(PUPIL, PUPILS, original, new))
    assert row["withdraws"]
    assert "пока нет" in await listed(world, PUPIL)


async def test_a_change_that_came_before_its_message_was_listed_follows(world: World) -> None:
    text = {"msgtype": "m.text", "body": "Урок 1"}
    edited = await post(world, TEACHER, SHELF, text)
    gone = await post(world, TEACHER, SHELF, {**text, "body": "Урок 3"})
    original = await post(world, PUPIL, PUPILS, a_file("доклад.pdf"))
    await filed(world, TEACHER, original)
    # The homeserver has them, and the appservice saw them while nothing was listed.
    for room, who, target, new in (
        (SHELF, TEACHER, edited, {**text, "body": "Урок 2"}),
        (PUPILS, PUPIL, original, a_file("доклад.pdf", "Новый")),
    ):
        replaced = {**edit(who, room, target, new), "event_id": "$edit"}
        del replaced["room_id"]
        seen = world.events[room, target]
        world.events[room, target] = {
            **seen,
            "unsigned": {"m.relations": {"m.replace": replaced}},
        }
    redacted = {"redacted_because": redaction(SHELF, gone)}
    world.events[SHELF, gone] = {**world.events[SHELF, gone], "content": {}, "unsigned": redacted}
    before = len(world.copies)
    assert await world.work_off("bot/news") == []
    [row] = world.copies[before:]
    assert row["revises"]
    assert row["content"]["body"].endswith("Новый")
    body = await listed(world, PUPIL)
    assert "Урок 2" in body
    assert "Новый" in body
    assert "Урок 1" not in body
    assert "Урок 3" not in body


async def test_the_copies_of_somebody_erased_are_taken_away(world: World) -> None:
    await filed(world, TEACHER, await post(world, PUPIL, PUPILS, a_file("доклад.pdf")))
    await post(world, TEACHER, SHELF, a_file("задачи.pdf"))
    async with world.db.write() as tx:
        for who in (PUPIL, TEACHER):
            await erasing.erase(tx, world.ids[who], "console", "asked")
    before = len(world.copies)
    await world.heard()
    [row] = world.copies[before:]
    assert row["withdraws"]
    async with world.db.write() as tx:
        [one] = await tx.all(select(tables.materials.c.id))
        kept = await materials.by_id(tx, one.id)
    assert kept is not None
    assert (kept.state, kept.author_id, kept.author, kept.sender) == ("gone", "", "", "")
    assert kept.title == ""


async def test_a_copy_that_is_deleted_is_listed_no_more(world: World) -> None:
    await filed(world, TEACHER, await post(world, PUPIL, PUPILS, a_file("доклад.pdf")))
    async with world.db.read() as tx:
        [row] = await tx.all(select(tables.materials.c.event_id))
    assert await follows(world, redaction(SHELF, row.event_id)) == []
    assert "пока нет" in await listed(world, PUPIL)


async def test_who_was_refused_something_is_told_in_their_language(world: World) -> None:
    await world.write(PUPIL, "язык en")
    refused = {"type": REFUSED, "sender": BOT, "room_id": "!gate", "event_id": "$r"}
    shown = guide.Transcript()
    shown.say("Asya", "(sends the file “game.exe” into the class's chat)")
    shown.chat("Asya's chat with the assistant")
    for who, why, words in (
        (PUPIL, "file-refused-program", "it is a program"),
        (TEACHER, "file-refused-virus", "найден вирус"),
    ):
        await world.arrive({**refused, "content": {"user": who, "why": why}}, f"$r-{who}")
        [said] = await world.heard()
        assert said.to == who
        assert words in said.body
        if who == PUPIL:
            shown.say("Assistant", said.body)
    guide.hold("refusal", "en.md", shown)
    for content in (
        {"user": PUPIL, "why": "hello"},
        {"user": STRANGER, "why": "file-refused-virus"},
        {},
    ):
        await world.arrive(
            {**refused, "content": content}, f"$r-{len(content)}-{content.get('why')}"
        )
    assert await world.heard() == []
