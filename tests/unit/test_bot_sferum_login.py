"""People log in to Sferum by talking to the bot, each for themselves, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from sferum_bridge.bot import keys
from sferum_bridge.bot.housekeeping import Housekeeper
from sferum_bridge.network.base import NeedsPerson, Refused, TooFast, Unavailable
from sferum_bridge.store import accounts, chats, logins, news, tables
from tests.support.bot import ADMIN, MOTHER, OTHER, PUPIL, STRANGER, TEACHER, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.store.chats import Login
    from tests.support.bot import Said, World

KEY = "vk1.a.AnInventedKeyThatOpensNothing_at-all.0123456789"
WRONG = "vk1.a.AnotherInventedKeyNobodyKnows.9876543210"
MINUTE = 60_000


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(sferum=True) as made:
        made.sferum.add("Анна Небывалова", KEY)
        yield made


async def asked(world: World, mxid: str) -> list[Said]:
    """Have the messenger asked what waits, and return what the bot says then."""
    return await world.work_off(f"bot/sferum/{mxid}")


async def try_key(world: World, mxid: str, key: str = KEY) -> Said:
    """Give a key that was asked for; return what it opened, or why not."""
    await world.write(mxid, "сферум войти")
    await world.write(mxid, key)
    [answer] = await asked(world, mxid)
    return answer


async def connect(world: World, mxid: str, key: str = KEY) -> None:
    """Log in, the whole way."""
    await world.tap(mxid, await try_key(world, mxid, key), "✅")
    assert not await asked(world, mxid)


async def stored(world: World) -> list[Login]:
    async with world.db.read() as tx:
        return list(await chats.all_logins(tx))


async def records(world: World) -> list[tuple[str, str, str, str]]:
    c = tables.audit.c
    async with world.db.read() as tx:
        rows = await tx.all(select(c.action, c.actor, c.subject, c.reason).order_by(c.id))
    return [(r.action, r.actor, r.subject, r.reason) for r in rows]


async def test_a_login_from_the_key_to_the_store(world: World) -> None:
    [how] = await world.write(TEACHER, "сферум войти")
    for step in ("web.vk.me", "F12", "remixdsid", "На телефоне", "отмена"):
        assert step in how.body
    [trying] = await world.write(TEACHER, KEY)
    assert trying.body.startswith(world.text("sferum-key-hidden"))
    [(room, _, sender)] = world.sferum.hidden
    assert (room, sender) == (f"!direct-{TEACHER}", TEACHER)
    [question] = await asked(world, TEACHER)
    assert "Анна Небывалова" in question.body
    assert "зовут иначе" not in question.body
    assert question.offers == ["✅", "❌"]
    assert not await stored(world), "only asked"
    [done] = await world.tap(TEACHER, question, "✅")
    assert done.body == world.text("sferum-connected-staff")
    [login] = await stored(world)
    assert (login.name, login.mxid, login.expired) == ("Анна Небывалова", TEACHER, False)
    async with world.db.read() as tx:
        assert await chats.login_secret(tx, login.id) == KEY
    me = world.ids[TEACHER]
    assert ("sferum.login", me, me, "") in await records(world)
    # What an earlier key had open is closed, and nobody is told of that.
    assert not await asked(world, TEACHER)
    assert world.sferum.closed == [login.id]


async def test_the_key_lies_nowhere_in_the_open(world: World) -> None:
    await connect(world, TEACHER)
    await world.write(MOTHER, WRONG)
    async with world.db.read() as tx:
        for table in tables.metadata.tables.values():
            for row in await tx.all(select(table)):
                for value in row:
                    held = value if isinstance(value, bytes) else str(value).encode()
                    assert KEY.encode() not in held
                    assert WRONG.encode() not in held


@pytest.mark.parametrize(
    "text",
    [
        f"remixdsid={KEY}; Path=/",
        f"Cookie: a=b; remixdsid={KEY}; c=d",
        f"remixdsid\t{KEY}\t.vk.me",
        f"вот: «{KEY}»",
        "remixdsid: an-invented-key-of-another-shape",
    ],
)
async def test_a_key_is_known_in_whatever_it_is_wrapped(world: World, text: str) -> None:
    # Nobody asked for it, and yet it does not stay where it was written.
    [answer] = await world.write(TEACHER, text)
    assert len(world.sferum.hidden) == 1
    assert world.text("sferum-key-unasked") in answer.body
    assert not world.sferum.tried
    await world.write(TEACHER, "сферум войти")
    await world.write(TEACHER, text)
    await asked(world, TEACHER)
    assert world.sferum.tried in ([KEY], ["an-invented-key-of-another-shape"])


async def test_the_key_of_an_edit_is_taken_away_too(world: World) -> None:
    await world.write(TEACHER, "сферум войти")
    content = {
        "msgtype": "m.text",
        "body": f"* {KEY}",
        "m.new_content": {"msgtype": "m.text", "body": KEY},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$older"},
    }
    await world.send(TEACHER, "m.room.message", content)
    assert len(world.sferum.hidden) == 1
    [question] = await asked(world, TEACHER)
    assert "Анна Небывалова" in question.body


async def test_a_wrong_key_is_taken_away_and_asked_for_again(world: World) -> None:
    assert (await try_key(world, TEACHER, WRONG)).body == world.text("sferum-key-wrong")
    assert len(world.sferum.hidden) == 1
    # Still asked for, so that anything like a key counts now.
    await world.write(TEACHER, "0123456789abcdef0123456789abcdef")
    [again] = await asked(world, TEACHER)
    assert again.body == world.text("sferum-key-wrong")
    assert len(world.sferum.hidden) == 2
    [told] = await world.write(TEACHER, "а где его взять?")
    assert told.body == world.text("sferum-key-expected")
    await world.write(TEACHER, KEY)
    [question] = await asked(world, TEACHER)
    assert question.offers


async def test_what_cannot_be_taken_away_is_said(world: World) -> None:
    world.sferum.can_hide = False
    await world.write(TEACHER, "сферум войти")
    [answer] = await world.write(TEACHER, KEY)
    assert "Удалите, пожалуйста, сообщение с ключом сами" in answer.body


async def test_a_key_in_a_room_of_many(world: World) -> None:
    [answer] = await world.write(TEACHER, f"вот {KEY}", room="!class:school.example")
    assert world.sferum.hidden[0][0] == "!class:school.example"
    assert (answer.to, answer.room) == (TEACHER, "")
    assert "его могли увидеть участники" in answer.body
    assert not world.sferum.tried


HALF = len(KEY) // 2
HTML = "org.matrix.custom.html"
PHOTO = {"msgtype": "m.image", "url": "mxc://s/m", "body": "кот.png"}
HIDDEN_IN: list[tuple[str, dict[str, Any]]] = [
    ("m.room.message", {**PHOTO, "filename": "кот.png", "body": f"вот {KEY}"}),
    ("m.room.message", {**PHOTO, "body": f"{KEY}.png"}),
    ("m.room.message", {"msgtype": "m.text", "body": "вот", "format": HTML,
                        "formatted_body": f"<p>вот</p><code>{KEY}</code>"}),
    ("m.room.message", {"msgtype": "m.text", "body": "вот", "format": HTML,
                        "formatted_body": f"{KEY[:HALF]}<b>{KEY[HALF:]}</b>"}),
    ("m.room.message", {"msgtype": "m.text", "body": "вот", "format": HTML,
                        "formatted_body": "<td>remixdsid</td><td>an-invented-key-of-a-shape</td>"}),
    ("m.room.message", {"msgtype": "m.notice", "body": KEY}),
    ("m.room.message", {"msgtype": "m.location", "geo_uri": "geo:1,2", "body": KEY}),
    ("m.room.message", {"msgtype": "m.text", "body": "* да", "m.new_content": {
        "msgtype": "m.text", "body": "да", "format": HTML, "formatted_body": KEY}}),
    ("m.sticker", {"url": "mxc://s/m", "body": KEY}),
    ("m.poll.start", {"m.poll": {"question": {"m.text": [{"body": KEY}]}, "answers": []}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content"), HIDDEN_IN)
async def test_a_key_is_taken_away_wherever_in_an_event_it_stands(
    world: World, kind: str, content: dict[str, Any]
) -> None:
    assert keys.find_in(content)
    [answer] = await world.send(TEACHER, kind, content, room="!class:school.example")
    assert [room for room, *_ in world.sferum.hidden] == ["!class:school.example"]
    assert "его могли увидеть участники" in answer.body


def test_what_holds_no_key_is_left_alone() -> None:
    deep: Any = KEY[:8]
    for _ in range(5_000):
        deep = [deep]
    for content in (PHOTO, {}, deep, {"body": 5, "x": None}, {"body": "<" * 60_000}):
        assert keys.find_in(content) == ""


async def test_an_outsider_gets_nowhere(world: World) -> None:
    [out] = await world.write(STRANGER, "сферум войти")
    assert "Это служебный помощник школы" in out.body
    [answer] = await world.write(STRANGER, KEY)
    assert "Это служебный помощник школы" in answer.body
    assert len(world.sferum.hidden) == 1
    # Somebody the installation knows, and who is nothing at the school.
    async with world.db.write() as tx:
        nobody = await accounts.add_person(tx, "Ничей", "Никто")
        await accounts.add_account(tx, OTHER, nobody)
    [refused] = await world.write(OTHER, "сферум войти")
    assert refused.body == world.text("sferum-nobody")
    assert not await asked(world, OTHER)
    assert not world.sferum.tried


async def test_where_sferum_is_off_that_is_said() -> None:
    async with a_world() as world:
        for text in ("сферум", "сферум войти", "чаты", "связать 1"):
            [answer] = await world.write(TEACHER, text)
            assert answer.body == world.text("sferum-off")
        [help_] = await world.write(TEACHER, "помощь")
        assert "сферум" not in help_.body


async def test_nobody_logs_in_for_somebody_else(world: World) -> None:
    world.sferum.add("Ася Выдумкина", WRONG)
    await connect(world, TEACHER)
    assert (await try_key(world, PUPIL, KEY)).body == world.text("sferum-taken")
    [login] = await stored(world)
    assert login.mxid == TEACHER
    # Another's account that is not here yet: said plainly, for the network knows no school.
    question = await try_key(world, ADMIN, WRONG)
    assert "В школе вас зовут иначе: Пётр Придуманный" in question.body


async def test_two_who_race_for_one_account(world: World) -> None:
    first, second = await try_key(world, TEACHER), await try_key(world, PUPIL)
    await world.tap(PUPIL, second, "✅")
    [late] = await world.tap(TEACHER, first, "✅")
    assert late.body == world.text("sferum-taken")
    assert [login.mxid for login in await stored(world)] == [PUPIL]


async def test_no_is_no_and_the_key_is_forgotten(world: World) -> None:
    question = await try_key(world, TEACHER)
    [done] = await world.tap(TEACHER, question, "❌")
    assert done.body == world.text("sferum-cancelled")
    [gone] = await world.tap(TEACHER, question, "✅")
    assert gone.body == world.text("sferum-gone")
    assert not await stored(world)
    async with world.db.read() as tx:
        assert not await tx.all(select(tables.dialogues))


async def test_a_question_does_not_stay_open_for_ever(world: World) -> None:
    question = await try_key(world, TEACHER)
    world.now += 31 * MINUTE
    [late] = await world.tap(TEACHER, question, "✅")
    assert late.body == world.text("sferum-gone")
    assert not await stored(world)


async def test_housekeeping_forgets_a_key_nobody_confirmed(world: World) -> None:
    await try_key(world, TEACHER)
    await world.write(PUPIL, "сферум войти")
    keeper = Housekeeper(world.db, world.bot)
    await keeper.once()
    assert await world.write(TEACHER, "что?")
    world.now += 61 * MINUTE
    await keeper.once()
    async with world.db.read() as tx:
        left = [row.mxid for row in await tx.all(select(tables.dialogues))]
    assert left == [PUPIL], "a question without a key stays open"


async def test_yes_can_be_typed_and_other_words_ask_again(world: World) -> None:
    question = await try_key(world, TEACHER)
    [again] = await world.write(TEACHER, "что это?")
    assert again.body == question.body
    [done] = await world.write(TEACHER, "да")
    assert done.body == world.text("sferum-connected-staff")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Unavailable("x"), "sferum-network-unavailable"),
        (TooFast("x", 1.0), "sferum-network-too-fast"),
        (NeedsPerson("x"), "sferum-network-needs-person"),
        (Refused("x"), "sferum-no-profile"),
    ],
)
async def test_every_way_to_fail_is_said(world: World, error: Exception, text: str) -> None:
    world.sferum.failing = error  # type: ignore[assignment]  # each is a NetworkError
    assert (await try_key(world, TEACHER)).body == world.text(text)
    assert not await stored(world)


async def test_trying_keys_is_limited(world: World) -> None:
    for _ in range(10):
        await try_key(world, TEACHER, WRONG)
    await world.write(TEACHER, "сферум войти")
    [answer] = await world.write(TEACHER, KEY)
    assert "Слишком много попыток" in answer.body
    assert not await asked(world, TEACHER)
    assert len(world.sferum.tried) == 10
    world.now += 11 * MINUTE
    assert (await try_key(world, TEACHER)).offers


async def test_the_same_account_is_renewed_not_doubled(world: World) -> None:
    await connect(world, TEACHER)
    [before] = await stored(world)
    async with world.db.write() as tx:
        await chats.set_expired(tx, before.id)
    [state] = await world.write(TEACHER, "сферум")
    assert "больше не действует" in state.body
    world.sferum.accounts[0].key = WRONG
    await connect(world, TEACHER, WRONG)
    [after] = await stored(world)
    assert (after.id, after.expired) == (before.id, False)
    async with world.db.read() as tx:
        assert await chats.login_secret(tx, after.id) == WRONG


async def test_how_a_login_is(world: World) -> None:
    [none] = await world.write(TEACHER, "сферум")
    assert none.body == world.text("sferum-how-new")
    await connect(world, TEACHER)
    [new] = await world.write(TEACHER, "сферум")
    assert "ответа ещё не было" in new.body
    world.now += 3 * MINUTE
    [login] = await stored(world)
    async with world.db.write() as tx:
        await chats.set_cursor(tx, login.id, "somewhere")
    [works] = await world.write(TEACHER, "sferum")
    assert "works since" in works.body
    assert "last heard" in works.body


async def test_logging_out_erases_the_secret(world: World) -> None:
    [none] = await world.write(TEACHER, "сферум выйти")
    assert none.body == world.text("sferum-none")
    await connect(world, TEACHER)
    [login] = await stored(world)
    [question] = await world.write(TEACHER, "сферум выйти")
    assert "Анна Небывалова" in question.body
    [done] = await world.tap(TEACHER, question, "✅")
    assert done.body == world.text("sferum-left")
    assert not await stored(world)
    async with world.db.read() as tx:
        assert await chats.login_secret(tx, login.id) == ""
    me = world.ids[TEACHER]
    assert (await records(world))[-1] == ("sferum.logout", me, me, "")
    assert not await asked(world, TEACHER)
    assert world.sferum.closed.count(login.id) == 2
    # Whoever logs in again goes on where they were.
    await connect(world, TEACHER)
    assert [one.id for one in await stored(world)] == [login.id]


async def test_one_of_two_logins(world: World) -> None:
    world.sferum.add("Анна Запасная", WRONG)
    await connect(world, TEACHER)
    await connect(world, TEACHER, WRONG)
    [which] = await world.write(TEACHER, "сферум выйти")
    names = [login.name for login in await stored(world)]
    assert f"2 — {names[1]}" in which.body
    [question] = await world.write(TEACHER, "сферум выйти 2")
    await world.tap(TEACHER, question, "✅")
    assert [login.name for login in await stored(world)] == names[:1]


# --- a login that is lost -------------------------------------------------------------------


async def lose(world: World, **why: bool) -> list[Said]:
    [login] = await stored(world)
    async with world.db.write() as tx:
        await chats.set_expired(tx, login.id)
        await news.put(tx, logins.LOST, {"login": login.id, **why})
    return await world.work_off("bot/news")


async def test_a_lost_login_is_told_to_its_owner(world: World) -> None:
    await connect(world, TEACHER)
    [told] = await lose(world)
    assert (told.to, told.body) == (TEACHER, world.text("sferum-lost"))


async def test_and_to_the_administrators_where_a_room_hangs_on_it(world: World) -> None:
    await connect(world, TEACHER)
    [login] = await stored(world)
    async with world.db.write() as tx:
        row = {"key": "parents/class-5a", "school_id": world.ids["school"], "kind": "parents"}
        await tx.run(tables.rooms.insert().values(**row, room_id="!parents:school.example"))
        await chats.link(tx, chats.Chat(login.id, "7", "!parents:school.example", relay=False))
    told = {one.to: one.body for one in await lose(world, confirm=True)}
    assert told[TEACHER] == world.text("sferum-lost-confirm")
    assert "Анна Небывалова" in told[ADMIN]
    assert "5А · родители" in told[ADMIN]
    assert told.keys() == {TEACHER, ADMIN}
    [state] = await world.write(ADMIN, "сферум")
    assert "сообщения не ходят" in state.body
    assert "Анна Небывалова" in state.body


def test_talk_about_keys_holds_none() -> None:
    for text in (
        "где взять remixdsid?",
        "remixdsid не нашла",
        "vk1.a. это начало",
        "https://web.vk.me/im?sel=123456789",
    ):
        assert keys.find(text) == ""
        assert keys.find_bare(text) == ""
    assert keys.find_bare("ABCD-EFGH-KMNP-QRST-VWXY") == "ABCD-EFGH-KMNP-QRST-VWXY"
