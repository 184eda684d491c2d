"""Requests and reports: who gets them, what each side is told, and what nobody learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.school import tickets as rules
from sferum_bridge.store import (
    accounts,
    announcements,
    audit,
    chats,
    dossier,
    erasing,
    rooms,
    schools,
    tables,
    tickets,
)
from tests.support import guide
from tests.support.bot import (
    ADMIN,
    BOT,
    BROTHER,
    MOTHER,
    OTHER,
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

MINUTE = 60_000
PUPILS, STAFF = "!5-pupils", "!staff"
SECOND = "@zavuch:school.example"


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        async with made.db.write() as tx:
            made.ids[SECOND] = await accounts.add_person(tx, "Второй", "Яков")
            await accounts.add_account(tx, SECOND, made.ids[SECOND])
            await assign(tx, made.ids, SECOND, "appointment", post="administrator")
            for key, room_id, members in (
                (f"pupils/{made.ids['5А']}", PUPILS, (PUPIL, TEACHER, OTHER)),
                (f"staff/{made.ids['school']}", STAFF, (ADMIN, TEACHER, SECOND)),
            ):
                await rooms.intend(tx, key, made.ids["school"], key.partition("/")[0])
                await rooms.created(tx, key, room_id)
                for mxid in members:
                    await rooms.set_member(tx, room_id, mxid, "join")
            made.ids[OTHER] = await accounts.add_person(tx, "Обидчиков", "Вася")
            await accounts.add_account(tx, OTHER, made.ids[OTHER])
            await assign(tx, made.ids, OTHER, "enrolment", class_id=made.ids["5А"])
        yield made


def to(said: list[Said], mxid: str) -> Said:
    [found] = [one for one in said if one.to == mxid]
    return found


def write_down(world: World, room: str, event_id: str, sender: str, body: str, **more: Any) -> None:
    """Let a message stand in a room."""
    content = {"msgtype": "m.text", "body": body}
    event = {"sender": sender, "origin_server_ts": world.now, "content": content, **more}
    world.events[room, event_id] = event


async def flag(world: World, mxid: str, event_id: str, room: str = PUPILS) -> list[Said]:
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "🚩"}
    return await world.send(mxid, "m.reaction", {"m.relates_to": relation}, room=room)


async def trail(world: World) -> list[tuple[str, str]]:
    """Return action and actor of what the log has about tickets."""
    c = tables.audit.c
    ours = c.action.startswith("re") & c.reason.startswith("ticket")
    query = select(tables.audit).where(ours).order_by(c.id)
    async with world.db.read() as tx:
        rows = await tx.all(query)
        assert await audit.verify(tx) is None
    who = {id_: name for name, id_ in world.ids.items()}
    return [(row.action, who[row.actor]) for row in rows]


# --- requests -------------------------------------------------------------------------------


async def test_a_request_is_taken_answered_and_closed_and_the_person_sees_each(
    world: World,
) -> None:
    await world.become_parent(MOTHER, await world.invite())
    said = await world.write(MOTHER, "обращение Не вижу чат 5А. Мой пароль: Qwerty12")
    assert {one.to for one in said} == {MOTHER, ADMIN, SECOND}
    asked = to(said, ADMIN)
    assert "Ольга Выдумкина, родитель 5А" in asked.body
    assert MOTHER in asked.body
    assert "Не вижу чат 5А. Мой пароль: […]" in asked.body
    taken = await world.tap(ADMIN, asked, "✋")
    assert "Пётр Придуманный" in to(taken, MOTHER).body
    assert "взял на себя" in to(taken, SECOND).body
    assert "уже занимается" in to(await world.tap(SECOND, to(said, SECOND), "✋"), SECOND).body
    await world.tap(ADMIN, asked, "💬")
    answered = await world.write(ADMIN, "Выйдите из чата и войдите: исправить это можно так")
    heard = to(answered, MOTHER)
    assert "исправить это можно так" in heard.body
    await world.tap(MOTHER, heard, "💬")
    more = await world.write(MOTHER, "Спасибо, помогло")
    assert "Спасибо, помогло" in to(more, ADMIN).body
    assert {one.to for one in more} == {MOTHER, ADMIN}
    closed = await world.tap(ADMIN, asked, "✅")
    assert "закрыто" in to(closed, MOTHER).body
    assert "уже закрыто" in to(await world.tap(SECOND, to(said, SECOND), "✅"), SECOND).body
    assert await trail(world) == [
        ("request.open", MOTHER),
        ("request.take", ADMIN),
        ("request.answer", ADMIN),
        ("request.add", MOTHER),
        ("request.close", ADMIN),
    ]
    assert "закрыто: обращение Не вижу чат" in (await world.write(MOTHER, "обращения"))[0].body


async def test_the_queue_shows_what_waits_and_only_to_those_who_may(world: World) -> None:
    await world.write(PUPIL, "обращение")
    said = await world.write(PUPIL, "Помощь нужна с чатом")
    assert "Помощь нужна с чатом" in to(said, ADMIN).body
    [shown] = await world.write(SECOND, "обращения")
    assert "Помощь нужна с чатом" in shown.body
    for other in (TEACHER, MOTHER):
        assert "ничего нет" in to(await world.write(other, "обращения"), other).body
    async with world.db.read() as tx:
        [one] = await tickets.waiting(tx, world.ids["school"])
    # A right is asked for at every step: what is offered to one is nothing to another.
    [told] = await world.write(TEACHER, f"ответить {one.id} close")
    assert "ничего нет" in told.body
    assert await world.tap(TEACHER, shown, "✅") == []


async def test_a_command_is_not_passed_on_as_an_answer(world: World) -> None:
    asked = to(await world.write(PUPIL, "обращение Что с чатом?"), ADMIN)
    await world.tap(ADMIN, asked, "✋")
    await world.tap(ADMIN, asked, "💬")
    # A bare command is one, and the question stays.
    [told] = await world.write(ADMIN, "кто я")
    assert "Придуманный" in told.body
    # One with words behind may be an answer as well: it is asked.
    [sure] = await world.write(ADMIN, "найти Иванова")
    assert "найти Иванова" in sure.body
    assert sure.to == ADMIN
    [sure] = await world.write(ADMIN, "ага")
    assert "найти Иванова" in to(await world.write(ADMIN, "да"), PUPIL).body
    assert {one.to for one in await world.tap(ADMIN, sure, "✅")} == {ADMIN}, "passed on once"
    await world.tap(ADMIN, asked, "💬")
    [sure] = await world.write(ADMIN, "Исправить это можно так: выйдите")
    assert "Исправить это можно" in to(await world.tap(ADMIN, sure, "✅"), PUPIL).body
    # Not wanted after all: the command itself, written once more, is carried out.
    await world.tap(ADMIN, asked, "💬")
    await world.write(ADMIN, "найти Выдумкин")
    found = await world.write(ADMIN, "найти Выдумкин")
    assert {one.to for one in found} == {ADMIN}
    assert "похожи на команду" not in found[0].body


async def test_words_long_after_the_question_go_to_nobody(world: World) -> None:
    asked = to(await world.write(PUPIL, "обращение Что с чатом?"), ADMIN)
    for said, meant in (("Сейчас посмотрю", "больше 15 минут"), ("найти Выдумкин", "Выдумкин")):
        await world.tap(ADMIN, asked, "💬")
        world.now += 16 * MINUTE
        [told] = await world.write(ADMIN, said)
        assert told.to == ADMIN
        assert meant in told.body
        await world.write(ADMIN, "отмена")
    await world.write(PUPIL, "обращение")
    world.now += 16 * MINUTE
    [told] = await world.write(PUPIL, "кто я")
    assert told.to == PUPIL
    [told] = await world.write(PUPIL, "Всё ещё не вижу")
    assert "больше 15 минут" in told.body
    await world.tap(ADMIN, asked, "💬")
    [sure] = await world.write(ADMIN, "найти Иванова")
    world.now += 16 * MINUTE
    assert {one.to for one in await world.tap(ADMIN, sure, "✅")} == {ADMIN}


async def test_nobody_but_people_of_the_school_asks_it(world: World) -> None:
    for said in ("обращение Впустите", "пожаловаться", "обращения", "помощь"):
        [told] = await world.write(STRANGER, said)
        assert told.body == (await world.write(STRANGER, "что угодно"))[0].body
        assert "pomoshch@school.example" in told.body
    async with world.db.write() as tx:
        world.ids["former"] = await accounts.add_person(tx, "Бывший", "Ян")
        await accounts.add_account(tx, "@former:school.example", world.ids["former"])
    [told] = await world.write("@former:school.example", "обращение а")
    assert "pomoshch@school.example" in told.body


async def test_too_many_requests_are_refused_and_a_second_thought_is_free(world: World) -> None:
    await world.become_parent(MOTHER, await world.invite())
    await world.write(MOTHER, "обращение")
    assert "ничего не передаю" in to(await world.write(MOTHER, "отмена"), MOTHER).body
    for number in range(10):
        assert len(await world.write(MOTHER, f"обращение {number}")) == 3
    [told] = await world.write(MOTHER, "обращение ещё")
    assert "Слишком много" in told.body
    assert len(await world.write(PUPIL, "обращение а")) == 3


async def test_who_has_children_in_two_schools_says_which(world: World) -> None:
    async with world.db.write() as tx:
        lyceum = await schools.add(tx, "Лицей", "Europe/Moscow", "ru")
        ids = {**world.ids, "school": lyceum}
        await assign(tx, ids, TEACHER, "appointment", post="teacher")
    [asked] = await world.write(TEACHER, "обращение Потерял ключ")
    assert asked.offers == ["1️⃣", "2️⃣"]
    first = next(line for line in asked.body.splitlines() if line.startswith("•"))
    number = "1️⃣" if "Нигдейска" in first else "2️⃣"
    said = await world.tap(TEACHER, asked, number)
    assert {one.to for one in said} == {TEACHER, ADMIN, SECOND}
    assert "Лицей" not in to(said, ADMIN).body


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("пароль: Qwerty12", "пароль: […]"),
        ("мой пароль Qwerty12 не подходит", "мой пароль […] не подходит"),
        ("пароль не подходит", "пароль не подходит"),
        ("токен syt_YWRtaW4_abcdefghijklmnop_123456", "токен […]"),
        ("вот https://school.example/i/ABCD-EFGH", "вот […]"),
        ("сайт https://school.example/help/about/everything", None),
        ("5А, 16:30, +7 900 000-00-00", None),
    ],
)
def test_secrets_are_struck_out_and_nothing_else(said: str, kept: str | None) -> None:
    assert rules.without_secrets(said) == (kept or said)


async def test_a_code_of_an_invite_is_struck_out(world: World) -> None:
    code = await world.invite()
    for written in (code, code.lower(), f"не берёт {code}!"):
        said = await world.write(PUPIL, f"обращение Код {written}")
        assert code.casefold() not in to(said, ADMIN).body.casefold()


# --- reports --------------------------------------------------------------------------------


async def test_a_flag_reaches_class_teacher_and_administrators_with_the_message(
    world: World,
) -> None:
    new = {"m.new_content": {"body": "Фома молодец", "msgtype": "m.text"}}
    relations = {"m.relations": {"m.replace": {"content": new}}}
    write_down(world, PUPILS, "$bad", OTHER, "Фома дурак", unsigned=relations)
    said = await flag(world, PUPIL, "$bad")
    assert {one.to for one in said} == {PUPIL, TEACHER, ADMIN, SECOND}
    shown = to(said, TEACHER).body
    for words in ("Фома дурак", "Фома молодец", "Вася Обидчиков", "5А · ученики", OTHER):
        assert words in shown
    assert world.sferum.hidden, "the flag says in the room who reported"
    assert "уже передана" in to(await flag(world, PUPIL, "$bad"), PUPIL).body
    # What was said stays as it was, whatever becomes of the message.
    world.events.clear()
    [again] = await world.write(TEACHER, "обращения")
    assert "Фома дурак" in again.body
    done = await world.tap(TEACHER, to(said, TEACHER), "✅")
    assert "рассмотрена" in to(done, PUPIL).body
    assert OTHER not in {one.to for one in done}
    assert await trail(world) == [
        ("report.open", PUPIL),
        ("report.read", TEACHER),
        ("report.close", TEACHER),
    ]
    async with world.db.read() as tx:
        about = await audit.entries(tx, people={world.ids[OTHER], OTHER}, limit=10)
    assert not about, "whom it is about reads nothing of it in the own journal"


async def test_nobody_judges_their_own_words(world: World) -> None:
    write_down(world, PUPILS, "$t", TEACHER, "Все двоечники")
    said = await flag(world, PUPIL, "$t")
    assert {one.to for one in said} == {PUPIL, ADMIN, SECOND}
    assert "ничего нет" in to(await world.write(TEACHER, "обращения"), TEACHER).body
    write_down(world, STAFF, "$a", ADMIN, "Премии не будет")
    assert {one.to for one in await flag(world, TEACHER, "$a", STAFF)} == {TEACHER, SECOND}
    write_down(world, PUPILS, "$own", PUPIL, "ой")
    assert "собственное" in to(await flag(world, PUPIL, "$own"), PUPIL).body


async def test_words_that_another_account_sent_are_their_authors_all_the_same(
    world: World,
) -> None:
    async with world.db.write() as tx:
        one = await announcements.draft(
            tx, world.ids["school"], world.ids[ADMIN], None, "текст", event_id="$a"
        )
        await announcements.change(tx, one, state="sent")
        await announcements.add_posts(tx, one, [PUPILS])
        await announcements.posted(tx, one.id, PUPILS, "$post", tx.now)
        login = await chats.save_login(tx, "sferum", "42", "Анна", TEACHER, "secret")
        await chats.link(tx, chats.Chat(login, "7", PUPILS, relay=True))
        await accounts.replace(tx, world.ids[SECOND], "@novy:school.example", "console")
    second = "@novy:school.example"
    everybody = {TEACHER, ADMIN, second}
    for event_id, sender, author in (
        ("$post", BOT, ADMIN),
        ("$relayed", BOT, TEACHER),
        ("$ghost", "@sferum_42:school.example", TEACHER),
        ("$before", SECOND, second),
        ("$unknown", "@sferum_43:school.example", ""),
    ):
        write_down(world, PUPILS, event_id, sender, f"Обидное {event_id}")
        said = await flag(world, PUPIL, event_id)
        assert {one.to for one in said} == {PUPIL, *everybody} - {author}, event_id
    # Who wrote an announcement does not report it as another's.
    async with world.db.write() as tx:
        await rooms.set_member(tx, PUPILS, ADMIN, "join")
    assert "собственное" in to(await flag(world, ADMIN, "$post"), ADMIN).body


async def test_who_is_reported_learns_nothing_from_the_journal_or_an_export(world: World) -> None:
    write_down(world, STAFF, "$a", ADMIN, "Премии не будет")
    await flag(world, TEACHER, "$a", STAFF)
    [page] = await world.write(ADMIN, "журнал")
    assert "жалоба" not in page.body
    [page] = await world.write(SECOND, "журнал")
    assert "жалоба на сообщение" in page.body
    files = [one.file for one in await world.write(SECOND, "экспорт Небывалова") if one.file]
    assert len(files) == 2
    assert "report" not in files[0]
    own = [one.file for one in await world.write(TEACHER, "экспорт") if one.file]
    assert "report.open" in "".join(own)


async def test_no_secret_of_a_reported_message_is_kept(world: World) -> None:
    code = await world.invite()
    write_down(world, PUPILS, "$s", OTHER, f"мой пароль: Qwerty12, код {code}")
    said = await flag(world, PUPIL, "$s")
    assert "Qwerty12" not in to(said, TEACHER).body
    assert code not in to(said, TEACHER).body
    async with world.db.read() as tx:
        [one] = await tickets.opened_by(tx, world.ids[PUPIL])
    assert "Qwerty12" not in str(one.content)


async def test_a_reply_and_a_link_report_too(world: World) -> None:
    write_down(world, PUPILS, "$bad", OTHER, "Дай списать, а то побью")
    content = {
        "msgtype": "m.text",
        "body": "!пожаловаться он угрожает",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$bad"}},
    }
    said = await world.send(PUPIL, "m.room.message", content, room=PUPILS)
    assert "он угрожает" in to(said, TEACHER).body
    assert len(world.sferum.hidden) == 1
    write_down(world, PUPILS, "$worse", OTHER, "И тебя тоже")
    link = f"https://matrix.to/#/{PUPILS}/$worse?via=school.example"
    said = await world.write(PUPIL, f"пожаловаться {link} снова он")
    assert "И тебя тоже" in to(said, TEACHER).body
    assert "снова он" in to(said, TEACHER).body
    assert len(world.sferum.hidden) == 1, "in the own chat there is nothing to hide"
    assert "🚩" in (await world.write(PUPIL, "пожаловаться"))[0].body


async def test_a_room_one_is_not_in_is_like_one_there_is_not(world: World) -> None:
    write_down(world, STAFF, "$s", ADMIN, "тайна")
    answers = set()
    for link in (f"https://matrix.to/#/{STAFF}/$s", "https://matrix.to/#/!none/$s"):
        said = await world.write(BROTHER, f"пожаловаться {link}")
        assert [one.to for one in said] == [BROTHER]
        answers.add(said[0].body)
    answers.add(to(await flag(world, PUPIL, "$nothing"), PUPIL).body)
    assert len(answers) == 1
    # A flag in a chat that is no school room is a reaction like any other.
    assert await flag(world, PUPIL, "$s", "!somewhere") == []


async def test_a_report_goes_when_either_is_erased_and_is_given_to_who_made_it(
    world: World,
) -> None:
    write_down(world, PUPILS, "$bad", OTHER, "Гадость про Асю")
    await flag(world, PUPIL, "$bad")
    await world.write(PUPIL, "обращение Мои слова")
    async with world.db.read() as tx:
        own = await dossier.gather(tx, world.ids[PUPIL])
    assert {row["content"] for row in own["tickets"]} == {"", "Мои слова"}
    assert "Гадость" not in str(own["tickets"])
    async with world.db.write() as tx:
        done = await erasing.erase(tx, world.ids[OTHER], "console", "test")
    assert done.destroyed["tickets"] == 1
    async with world.db.read() as tx:
        left = await tickets.waiting(tx, world.ids["school"])
    assert [one.kind for one in left] == ["request"]


async def test_the_english_guide_shows_a_request(world: World) -> None:
    for who in (PUPIL, ADMIN):
        await world.write(who, "language en")
    shown = guide.Transcript()
    text = "request I cannot see the chat of 5А, my password: Qwerty12"
    said = await world.write(PUPIL, text)
    shown.say("Asya", text)
    shown.say("Assistant", to(said, PUPIL).body)
    shown.chat("the administrator's chat with the assistant")
    asked = to(said, ADMIN)
    shown.say("Assistant", asked.body)
    shown.say("Administrator", "✋")
    taken = await world.tap(ADMIN, asked, "✋")
    await world.tap(ADMIN, asked, "💬")
    answered = await world.write(ADMIN, "Please leave the chat and come back")
    closed = await world.tap(ADMIN, asked, "✅")
    shown.chat("Asya's chat with the assistant")
    for each in (taken, answered, closed):
        shown.say("Assistant", to(each, PUPIL).body)
    guide.hold("request", "en.md", shown)
