"""The other network's side: cursors, linked chats, which message is which event; dialogues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import chats, dialogues
from sferum_bridge.store.chats import Chat, Mapped
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

NETWORK, CHAT, ROOM, ASYA = "sferum", "2000000001", "!5:school.example", "@asya:school.example"


async def save_login(database: Database, cookie: str = "an invented one") -> str:
    async with database.write() as tx:
        return await chats.save_login(tx, NETWORK, "1000001", "Ася В.", ASYA, cookie)


async def test_a_cursor_outlives_a_new_login(database: Database) -> None:
    login_id = await save_login(database)
    async with database.write() as tx:
        assert await chats.cursor(tx, login_id) == ""
        await chats.set_cursor(tx, login_id, "ts=7;pts=11")
        await chats.set_expired(tx, login_id)
        (login,) = await chats.all_logins(tx)
    assert (login.account_id, login.expired, login.mxid) == ("1000001", True, ASYA)
    assert await save_login(database, "a newer cookie") == login_id
    async with database.read() as tx:
        (login,) = await chats.all_logins(tx)
        assert await chats.login_secret(tx, login_id) == "a newer cookie"
        assert await chats.cursor(tx, login_id) == "ts=7;pts=11"
    assert not login.expired


async def test_a_login_and_a_link_wake_the_listeners(database: Database) -> None:
    bell = database.bell(chats.LOGINS_BELL)
    login_id = await save_login(database)
    assert await bell.wait(0) == {""}
    async with database.write() as tx:
        await chats.link(tx, Chat(login_id, CHAT, ROOM, relay=True))
    assert await bell.wait(0) == {""}


async def test_a_chat_and_a_room_have_one_partner_each(database: Database) -> None:
    login_id = await save_login(database)
    first = Chat(login_id, CHAT, ROOM, relay=True)
    second = Chat(login_id, "2000000002", "!6:school.example", relay=False)
    moved = Chat(login_id, CHAT, "!6:school.example", relay=False)
    async with database.write() as tx:
        await chats.link(tx, first)
        await chats.link(tx, second)
        assert await chats.chat_of_room(tx, ROOM) == first
        await chats.link(tx, moved)
        assert await chats.all_chats(tx) == [moved]
        assert await chats.chat_of_room(tx, ROOM) is None


async def test_a_message_and_its_event_find_each_other(database: Database) -> None:
    login_id = await save_login(database)
    parts = [Mapped(CHAT, "17", part, ROOM, "$event", from_matrix=True) for part in (0, 1)]
    async with database.write() as tx:
        assert not await chats.is_mapped(tx, login_id, CHAT, "17")
        for mapped in reversed(parts):
            await chats.map_message(tx, login_id, mapped)
        again = Mapped(CHAT, "17", 0, ROOM, "$another", from_matrix=False)
        await chats.map_message(tx, login_id, again)
        assert await chats.is_mapped(tx, login_id, CHAT, "17")
        assert not await chats.is_mapped(tx, login_id, "2000000002", "17")
        assert await chats.by_event(tx, "$event") == parts
        assert await chats.by_event(tx, "$another") == []
        assert await chats.event_of(tx, login_id, CHAT, "17") == "$event"
        assert await chats.event_of(tx, login_id, CHAT, "18") == ""


async def test_a_part_keeps_its_random_id_and_its_echo_is_known(database: Database) -> None:
    login_id = await save_login(database)
    async with database.write() as tx:
        first = await chats.about_to_send(tx, login_id, CHAT, "$event", 0)
        second = await chats.about_to_send(tx, login_id, CHAT, "$event", 1)
        assert first != second
        assert 0 < first < 2**31
    async with database.write() as tx:
        assert await chats.about_to_send(tx, login_id, CHAT, "$event", 0) == first
        assert await chats.echo_of(tx, login_id, CHAT, second) == ("$event", 1)
        assert await chats.echo_of(tx, login_id, "2000000002", second) is None
        assert await chats.echo_of(tx, login_id, CHAT, 0) is None


async def test_what_was_sent_long_ago_is_forgotten(database: Database, clock: Clock) -> None:
    login_id = await save_login(database)
    async with database.write() as tx:
        old = await chats.about_to_send(tx, login_id, CHAT, "$old", 0)
    clock.now += 1000
    async with database.write() as tx:
        young = await chats.about_to_send(tx, login_id, CHAT, "$young", 0)
        assert await chats.prune_sending(tx, clock.now) == 1
        assert await chats.echo_of(tx, login_id, CHAT, old) is None
        assert await chats.echo_of(tx, login_id, CHAT, young) == ("$young", 0)


async def test_a_ghost_has_its_latest_name(database: Database) -> None:
    async with database.write() as tx:
        assert await chats.ghost_name(tx, "@sferum_1:school.example") is None
        for name in ("Учитель В.", "Учитель Выдумкин"):
            await chats.save_ghost(tx, "@sferum_1:school.example", name)
        assert await chats.ghost_name(tx, "@sferum_1:school.example") == "Учитель Выдумкин"


# --- dialogues ------------------------------------------------------------------------------


async def test_the_latest_direct_chat_is_used(database: Database, clock: Clock) -> None:
    for room_id in ("!old:school.example", "!new:school.example"):
        clock.now += 1
        async with database.write() as tx:
            await dialogues.add_room(tx, room_id, ASYA)
    async with database.write() as tx:
        assert await dialogues.room_with(tx, ASYA) == "!new:school.example"
        await dialogues.drop_room(tx, "!new:school.example")
        assert await dialogues.room_with(tx, ASYA) == "!old:school.example"
        assert await dialogues.rooms(tx) == {"!old:school.example": ASYA}
        assert await dialogues.room_with(tx, "@stranger:school.example") == ""


async def test_a_question_replaces_the_earlier_one(database: Database, clock: Clock) -> None:
    async with database.write() as tx:
        assert await dialogues.dialogue(tx, ASYA) is None
        for state in ({"ask": "code"}, {"ask": "confirm", "invite": "1"}):
            await dialogues.open_dialogue(tx, ASYA, state)
        found = await dialogues.dialogue(tx, ASYA)
        assert found == ({"ask": "confirm", "invite": "1"}, clock.now)
        await dialogues.close_dialogue(tx, ASYA)
        assert await dialogues.dialogue(tx, ASYA) is None


async def test_an_offer_is_for_one_person(database: Database) -> None:
    async with database.write() as tx:
        await dialogues.add_offer(tx, "$event", "✅", ASYA, "confirm")
        assert await dialogues.offer(tx, "$event", "✅", ASYA) == "confirm"
        assert await dialogues.offer(tx, "$event", "✅", "@stranger:school.example") == ""
        assert await dialogues.offer(tx, "$event", "❌", ASYA) == ""


async def test_tries_are_counted_and_forgotten(database: Database, clock: Clock) -> None:
    start = clock.now
    for _ in range(3):
        clock.now += 10
        async with database.write() as tx:
            await dialogues.note_attempt(tx, ASYA, "code")
            await dialogues.open_dialogue(tx, ASYA, "asked")
            await dialogues.add_offer(tx, f"${clock.now}", "✅", ASYA, "confirm")
    async with database.write() as tx:
        assert await dialogues.attempts_since(tx, ASYA, "code", start) == (3, start + 10)
        assert await dialogues.attempts_since(tx, ASYA, "code", start + 20) == (2, start + 20)
        assert await dialogues.attempts_since(tx, "@stranger:school.example", "code", 0) == (0, 0)
        await dialogues.prune(tx, start + 30)
        assert await dialogues.attempts_since(tx, ASYA, "code", 0) == (1, start + 30)
        assert await dialogues.dialogue(tx, ASYA) is not None
        assert await dialogues.offer(tx, f"${start + 10}", "✅", ASYA) == ""
        assert await dialogues.offer(tx, f"${start + 30}", "✅", ASYA) == "confirm"
