"""Logins as their owners see them: forgotten, and their chats handed over, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import chats, logins, queues, reactions
from sferum_bridge.store.chats import Chat, Mapped
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database
    from tests.support.databases import Clock

database_url = databases.database_url
clock = databases.clock
database = databases.database

ROOM = "!5:school.example"
HERS, HIS = "2000000001", "2000000077"


async def two_logins(database: Database) -> tuple[str, str]:
    async with database.write() as tx:
        first = await chats.save_login(tx, logins.SFERUM, "1", "Ася В.", "@asya:s.example", "one")
        second = await chats.save_login(tx, logins.SFERUM, "2", "Фома В.", "@foma:s.example", "two")
        await logins.begin(tx, first)
    return first, second


async def test_a_forgotten_login_leaves_no_secret_and_comes_back_as_itself(
    database: Database, clock: Clock
) -> None:
    login_id, other = await two_logins(database)
    async with database.write() as tx:
        await chats.set_cursor(tx, login_id, "ts=7")
        at = await logins.standing(tx, login_id)
        assert (at.since, at.heard) == (clock.now, clock.now)
        await logins.forget(tx, login_id)
        assert [one.id for one in await chats.all_logins(tx)] == [other]
        assert await chats.login_secret(tx, login_id) == ""
        assert await chats.cursor(tx, login_id) == ""
        at = await logins.standing(tx, login_id)
        assert (at.since, at.heard) == (0, 0)
        assert await logins.of_account(tx, logins.SFERUM, "1") is None
        again = await chats.save_login(tx, logins.SFERUM, "1", "Ася В.", "", "three")
    assert again == login_id


async def test_a_chat_that_is_handed_over_keeps_what_is_known_of_it(database: Database) -> None:
    hers, his = await two_logins(database)
    async with database.write() as tx:
        await chats.link(tx, Chat(hers, HERS, ROOM, relay=True))
        for login_id, chat_id, message_id, event_id in (
            (hers, HERS, "7", "$seven"),
            (hers, HERS, "8", "$eight"),
            (his, HIS, "7", "$of-an-earlier-link"),
            (his, HIS, "3", "$three"),
            (his, "elsewhere", "7", "$elsewhere"),
        ):
            mapped = Mapped(chat_id, message_id, 0, ROOM, event_id, from_matrix=False)
            await chats.map_message(tx, login_id, mapped)
        reaction = reactions.Reaction("9", "👍", "$thumb", "@foma:s.example", 1)
        await reactions.save(tx, reactions.Key(hers, HERS, "7"), reaction)
        await logins.hand_over(tx, ROOM, his, HIS)
        assert await chats.chat_of_room(tx, ROOM) == Chat(his, HIS, ROOM, relay=False)
        [place] = await chats.not_started(tx, his)
        assert place.chat.room_id == ROOM
        events = [await chats.event_of(tx, his, HIS, n) for n in ("3", "7", "8")]
        assert events == ["$three", "$seven", "$eight"]
        assert await chats.event_of(tx, his, "elsewhere", "7") == "$elsewhere"
        assert not await chats.is_mapped(tx, hers, HERS, "7")
        assert "9" in await reactions.of_message(tx, reactions.Key(his, HIS, "7"))
        await logins.hand_over(tx, "!nowhere:s.example", his, HIS)


async def test_a_room_is_at_rest_when_nothing_is_under_way(database: Database) -> None:
    async with database.write() as tx:
        assert await logins.are_at_rest(tx, [ROOM])
        await queues.put(tx, queues.OUTBOX, ROOM, "one", {})
        await queues.put(tx, queues.INBOX, f"relay/{ROOM}", "$two", {})
        for queue, lane in ((queues.OUTBOX, ROOM), (queues.INBOX, f"relay/{ROOM}")):
            assert not await logins.are_at_rest(tx, [ROOM])
            [item] = await queues.waiting(tx, queue, lane, 1)
            await queues.done(tx, queue, item.id)
        assert await logins.are_at_rest(tx, [ROOM])
