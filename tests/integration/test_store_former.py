"""Which chat a room was linked to before, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import chats, former, logins, reactions
from sferum_bridge.store.chats import Chat, Mapped
from sferum_bridge.store.former import Former
from tests.support import databases

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database, Tx

database_url = databases.database_url
clock = databases.clock
database = databases.database

ROOM, ELSEWHERE = "!5:school.example", "!6:school.example"
HERS, HIS = "2000000001", "2000000077"


async def two_logins(tx: Tx) -> tuple[str, str]:
    first = await chats.save_login(tx, logins.SFERUM, "1", "Ася В.", "@asya:s.example", "one")
    second = await chats.save_login(tx, logins.SFERUM, "2", "Фома В.", "@foma:s.example", "two")
    return first, second


async def shown(tx: Tx, login_id: str, *numbers: int, room_id: str = ROOM) -> None:
    for number in numbers:
        mapped = Mapped(HERS, str(number), 0, room_id, f"${number}", from_matrix=False)
        await chats.map_message(tx, login_id, mapped)


async def test_where_a_link_ended_is_noted_only_where_it_is_to_go_on(database: Database) -> None:
    async with database.write() as tx:
        hers, _ = await two_logins(tx)
        await logins.unlink(tx, ROOM)
        assert await former.of_room(tx, ROOM) is None
        for resumes, seen in ((True, "42"), (False, "")):
            await chats.link(tx, Chat(hers, HERS, ROOM, relay=False))
            await chats.set_seen(tx, hers, HERS, "42")
            await logins.unlink(tx, ROOM, resumes=resumes)
            assert await former.of_room(tx, ROOM) == Former(hers, HERS, seen)


async def test_a_chat_that_is_linked_elsewhere_by_now_is_not_taken_from_there(
    database: Database,
) -> None:
    async with database.write() as tx:
        hers, _ = await two_logins(tx)
        await chats.link(tx, Chat(hers, HERS, ROOM, relay=False))
        await logins.unlink(tx, ROOM, resumes=True)
        await chats.link(tx, Chat(hers, HERS, ELSEWHERE, relay=False))
        assert await former.of_room(tx, ROOM) is None


async def test_the_last_messages_are_those_the_room_still_shows(database: Database) -> None:
    async with database.write() as tx:
        hers, _ = await two_logins(tx)
        await shown(tx, hers, 8, 9, 10, 11)
        await shown(tx, hers, 12, room_id=ELSEWHERE)
        gone = Mapped(HERS, "11", 0, ROOM, "$11", from_matrix=False)
        await chats.set_gone(tx, hers, gone)
        found = await former.last_messages(tx, Former(hers, HERS, ""), ROOM, 2)
        assert [one.message_id for one in found] == ["9", "10"]


async def test_what_is_known_goes_along_and_wins(database: Database) -> None:
    async with database.write() as tx:
        hers, his = await two_logins(tx)
        await shown(tx, hers, 7, 8)
        stale = Mapped(HIS, "7", 0, ROOM, "$of-an-earlier-link", from_matrix=False)
        await chats.map_message(tx, his, stale)
        liked = reactions.Reaction("9", "👍", "$thumb", "@foma:s.example", 1)
        await reactions.save(tx, reactions.Key(hers, HERS, "7"), liked)
        await former.inherit(tx, Former(hers, HERS, "8"), his, HIS)
        assert [await chats.event_of(tx, his, HIS, n) for n in ("7", "8")] == ["$7", "$8"]
        assert not await chats.is_mapped(tx, hers, HERS, "7")
        assert "9" in await reactions.of_message(tx, reactions.Key(his, HIS, "7"))
        await chats.link(tx, Chat(his, HIS, ROOM, relay=False))
        await former.resume(tx, ROOM, "8")
        [place] = await chats.not_started(tx, his)
        assert place.seen == "8"
