"""What the relay asks the store while it sends, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import accounts, chats, reactions, rooms, sending
from sferum_bridge.store.chats import Mapped
from sferum_bridge.store.reactions import Key, Reaction
from sferum_bridge.store.sending import Tried
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

CHAT, ROOM = "2000000001", "!5:school.example"


async def login(database: Database) -> str:
    async with database.write() as tx:
        return await chats.save_login(tx, "sferum", "1", "Ася", "@asya:school.example", "invented")


async def test_since_when_and_after_what(database: Database, clock: Clock) -> None:
    login_id = await login(database)
    times = []
    for number in ("1", "2", "3"):
        async with database.write() as tx:
            one = Mapped(CHAT, number, 0, ROOM, f"${number}", from_matrix=True)
            await chats.map_message(tx, login_id, one)
            times.append(tx.now)
        clock.now += 1000
    async with database.read() as tx:
        assert await sending.mapped_at(tx, "$2") == times[1]
        assert await sending.mapped_at(tx, "$nowhere") == 0
        assert await sending.last_before(tx, login_id, CHAT, times[1]) == "2"
        assert await sending.last_before(tx, login_id, CHAT, times[0] - 1) == ""
        assert await sending.last_before(tx, login_id, "another", times[2]) == ""


async def test_a_part_that_is_sent_anew_has_another_id(database: Database) -> None:
    login_id = await login(database)
    async with database.write() as tx:
        first = await chats.about_to_send(tx, login_id, CHAT, "$a", 0)
        assert await sending.tried(tx, "$a") == [Tried(0, first, tx.now, login_id, "1", "")]
        assert await chats.about_to_send(tx, login_id, CHAT, "$a", 0, "$again") == first
        await sending.renew(tx, "$a", 0)
        second = await chats.about_to_send(tx, login_id, CHAT, "$a", 0, "$again")
        assert second != first
        assert await chats.about_to_send(tx, login_id, CHAT, "$a", 0) == second


async def test_a_reaction_is_found_by_the_event_that_shows_it(database: Database) -> None:
    key = Key(await login(database), CHAT, "7")
    async with database.write() as tx:
        await reactions.save(tx, key, Reaction("1", "👍", "$r", "@asya:school.example", 0))
        assert await sending.reaction_of(tx, "$r") == (key.login_id, CHAT, "7", "1")
        assert await sending.reaction_of(tx, "$other") is None
        await reactions.save(tx, key, Reaction("1", "", "$r", "@asya:school.example", 0))
        assert await sending.reaction_of(tx, "$r") is None


async def test_a_namesake_is_somebody_else_in_the_room(database: Database) -> None:
    people = {}
    async with database.write() as tx:
        for mxid, family in (("@a:b", "Синичкина"), ("@c:d", "Синичкина"), ("@e:f", "Совина")):
            person_id = await accounts.add_person(tx, family, "Ася")
            await accounts.add_account(tx, mxid, person_id)
            people[mxid] = await accounts.person(tx, person_id)
        await rooms.set_member(tx, ROOM, "@a:b", "join")
        await rooms.set_member(tx, ROOM, "@c:d", "invite")
        await rooms.set_member(tx, ROOM, "@e:f", "join")
    first = people["@a:b"]
    async with database.write() as tx:
        assert await sending.writer(tx, ROOM, "@a:b") == (first, False)
        await rooms.set_member(tx, ROOM, "@c:d", "join")
        assert await sending.writer(tx, ROOM, "@a:b") == (first, True)
        assert await sending.writer(tx, "!other", "@a:b") == (first, False)
        assert await sending.writer(tx, ROOM, "@nobody:f") is None
