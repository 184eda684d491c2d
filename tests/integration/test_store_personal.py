"""Voices and rooms of personal chats in the store, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import chats, logins, personal, rooms, voices
from sferum_bridge.store.chats import Chat, Mapped
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

ROOM, OWN = "!5:school.example", "!own:school.example"
HERS, HIS = "2000000001", "2000000077"
ASYA, FOMA = "@asya:s.example", "@foma:s.example"


async def two_logins(database: Database) -> tuple[str, str]:
    async with database.write() as tx:
        first = await chats.save_login(tx, logins.SFERUM, "1", "Ася В.", ASYA, "one")
        second = await chats.save_login(tx, logins.SFERUM, "2", "Фома В.", FOMA, "two")
        await chats.link(tx, Chat(first, HERS, ROOM, relay=True))
    return first, second


async def test_a_voice_goes_where_its_room_goes(database: Database, clock: Clock) -> None:
    hers, his = await two_logins(database)
    async with database.write() as tx:
        for mxid in (ASYA, FOMA):
            await rooms.set_member(tx, ROOM, mxid, "join")
        [(chat, login)] = await voices.wanted(tx, tx.now)
        assert (chat.room_id, login.id) == (ROOM, his)
        await voices.note(tx, ROOM, his, "")
        assert not await voices.found(tx)
        assert not await voices.wanted(tx, tx.now)
    clock.now += 1
    async with database.write() as tx:
        assert await voices.wanted(tx, tx.now)
        await voices.note(tx, ROOM, his, HIS)
        await voices.note(tx, "!nowhere", his, HIS)
        await chats.move(tx, ROOM, "!moved")
        assert [(v.room_id, v.chat_id) for v in await voices.found(tx)] == [("!moved", HIS)]
        # Whoever carries the chat on needs none.
        await logins.hand_over(tx, "!moved", his, HIS)
        assert not await voices.in_room(tx, "!moved")
        await voices.note(tx, "!moved", hers, HERS)
        await logins.forget(tx, hers)
        assert not await voices.in_room(tx, "!moved")


async def test_what_is_expected_until_it_is_known(database: Database) -> None:
    hers, his = await two_logins(database)
    async with database.write() as tx:
        where = (his, HIS, "$event", 0)
        number = await chats.about_to_send(tx, *where, digest="d", heard_in=ROOM)
        await chats.about_to_send(tx, hers, HERS, "$relayed", 0, digest="d")
        [one] = await voices.expected(tx, [ROOM, "!other"])
        assert (one.random_id, one.account_id, one.digest, one.is_over) == (number, "2", "d", False)
        await voices.give_up(tx, "$event")
        [one] = await voices.expected(tx, [ROOM])
        assert one.is_over
        mapped = Mapped(HERS, "7", 0, ROOM, "$event", from_matrix=True, through=his)
        await chats.map_message(tx, hers, mapped)
        assert await voices.expected(tx, [ROOM]) == []
        assert await chats.by_event(tx, "$event") == [mapped]
        assert await voices.expected(tx, []) == ()


async def test_a_personal_chat_is_ended_until_it_is_asked_for(database: Database) -> None:
    hers, _ = await two_logins(database)
    async with database.write() as tx:
        key = personal.key(tx, ASYA, hers, "77")
        assert key.startswith(f"personal/{ASYA}/")
        await rooms.intend(tx, key, "", personal.KIND)
        assert await personal.owners(tx) == {}
        await rooms.created(tx, key, OWN)
        await personal.begin(tx, Chat(hers, "77", OWN, relay=False), key, is_new=True)
        assert await personal.owners(tx) == {OWN: ASYA}
        [place] = await chats.places(tx, hers, ["77"])
        assert place.is_started
        await personal.begin(tx, Chat(hers, "77", OWN, relay=False), key, is_new=False)
        [place] = await chats.places(tx, hers, ["77"])
        assert place.is_started
        assert await personal.end(tx, ASYA, hers, "77")
        assert not await personal.end(tx, ASYA, hers, "77")
        assert await personal.is_ended(tx, key)
        assert await personal.owners(tx) == {OWN: ASYA}
        await personal.begin(tx, Chat(hers, "77", OWN, relay=False), key, is_new=False)
        assert not await personal.is_ended(tx, key)
        # Who has no role in a school has none.
        assert not await personal.may(tx, ASYA, personal.Holders())
        assert await personal.over(tx, personal.Holders()) == [OWN]
        await logins.unlink(tx, OWN)
        await personal.forget(tx, OWN)
        assert await personal.owners(tx) == {}
