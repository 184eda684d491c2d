"""Personal documents on both databases: whose they are, their keys, and files sent at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from sferum_bridge.school.documents import Rules, Used
from sferum_bridge.store import accounts, documents, queues, tables
from sferum_bridge.store.documents import LATER, OpenFile
from sferum_bridge.store.sealing import SealBrokenError
from tests.support import databases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Database

database_url = databases.database_url
clock = databases.clock
database = databases.database

MEDIA = "mxc://school.example/abc"


@pytest.fixture
async def owners(database: Database) -> Sequence[str]:
    """Give two people."""
    async with database.write() as tx:
        return [await accounts.add_person(tx, "Выдумкина", given) for given in ("Ольга", "Ася")]


async def test_a_document_is_its_owners_alone(database: Database, owners: Sequence[str]) -> None:
    olga, asya = owners
    async with database.write() as tx:
        mine = await documents.add(tx, olga, "СНИЛС.pdf", "application/pdf", 10)
        hers = await documents.add(tx, asya, "СНИЛС.pdf", "application/pdf", 20)
        found = await documents.one(tx, olga, mine)
        assert found is not None
        assert await documents.of(tx, olga) == []
        assert await documents.used(tx, olga) == Used(1, 10)
        kept = await documents.keep(tx, found, 12)
        assert kept is not None
        assert await documents.used(tx, olga) == Used(1, 12)
        assert await documents.of(tx, olga) == [kept]
        assert await documents.one(tx, olga, hers) is None
        assert await documents.one(tx, asya, mine) is None
        assert await documents.ids(tx) == {mine, hers}
    # A row that is moved to another person, or under another id, opens nothing.
    async with database.write() as tx:
        c = tables.documents.c
        sealed = await tx.value(select(c.sealed).where(c.id == hers))
        await tx.run(update(tables.documents).where(c.id == mine).values(sealed=sealed))
        with pytest.raises(SealBrokenError):
            await documents.of(tx, olga)


async def test_files_sent_at_once_do_not_take_more_than_there_is(
    database: Database, owners: Sequence[str]
) -> None:
    olga = owners[0]
    rules = Rules(quota=25)
    async with database.write() as tx:
        await documents.add(tx, olga, "a.pdf", "application/pdf", 5)

    async def send(number: int) -> bool:
        async with database.write() as tx:
            name = f"{number}.pdf"
            if rules.judge(name, "application/pdf", 10, await documents.used(tx, olga)):
                return False
            await documents.add(tx, olga, name, "application/pdf", 10)
            return True

    assert sum(await asyncio.gather(*map(send, range(6)))) == 2
    async with database.read() as tx:
        assert await documents.used(tx, olga) == Used(3, 25)


async def test_erasing_leaves_no_key_and_has_everything_taken_away(
    database: Database, owners: Sequence[str]
) -> None:
    olga, asya = owners
    async with database.write() as tx:
        gone = {await documents.add(tx, olga, f"{n}.pdf", "x/y", 1) for n in range(3)}
        stays = await documents.add(tx, asya, "a.pdf", "x/y", 1)
        for media, who in ((MEDIA, olga), (f"{MEDIA}d", asya)):
            await documents.note_open(tx, OpenFile(media, who, "!r", "$e", "@o:x", 0, LATER))
    async with database.write() as tx:
        assert await documents.erase(tx, olga) == 3
        assert await documents.erase(tx, olga) == 0
    async with database.read() as tx:
        assert await documents.ids(tx) == {stays}
        keys = await tx.all(select(tables.document_keys.c.person_id))
        assert [row.person_id for row in keys] == [asya]
        assert [one.media for one in await documents.due_files(tx, 10)] == [MEDIA]
        lane = documents.LANE + documents.REMOVE
        [row] = await queues.waiting(tx, queues.INBOX, lane, 10)
        assert set(row.content["ids"]) == gone


async def test_what_is_readable_is_known_by_the_message_that_shows_it(
    database: Database, owners: Sequence[str]
) -> None:
    olga = owners[0]
    async with database.write() as tx:
        for event_id in ("", "$first"):
            one = OpenFile(MEDIA, olga, "!r", event_id, "", 0, LATER)
            await documents.note_open(tx, one)
            await documents.note_open(tx, one)
        for _ in range(2):
            assert await documents.shown(tx, MEDIA, "!r", "$second")
        assert not await documents.shown(tx, f"{MEDIA}d", "!r", "$second"), "taken away meanwhile"
        await documents.due(tx, MEDIA, tx.now, "$second")
        [over] = await documents.due_files(tx, 10)
        assert (over.event_id, over.room_id) == ("$second", "!r")
        assert not await documents.is_last(tx, over)
        await documents.closed(tx, MEDIA, "$first")
        assert await documents.is_last(tx, over)
        assert await documents.is_open(tx, MEDIA)
        await documents.closed(tx, MEDIA, "$second")
        assert not await documents.is_open(tx, MEDIA)
