"""Two processes of the bridge on one PostgreSQL, and a chat that changes hands while it is used.

PostgreSQL lets each statement see what was committed by then; so each race is played with one hand
holding still (see `test_races`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.relay.outward import waits as between_tries
from sferum_bridge.store import chats, logins, queues
from tests.support.messenger import CHAT, NETWORK
from tests.support.outward import OWNER, ROOM, TEACHER, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

BLOCKED = 0.5
"""Seconds after which something that waits for a lock does so for good."""


@pytest.fixture
async def two(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Way, Way]]:
    """Give two bridges on one database, one messenger."""
    monkeypatch.setattr(between_tries, "_FIRST_WAIT", 0.01)
    url = (await postgres.fresh_database()).url
    async with (
        linked(tmp_path, url=url) as first,
        linked(tmp_path, url=url, beside=first) as second,
    ):
        yield first, second


async def waits(task: asyncio.Task[object]) -> bool:
    done, _ = await asyncio.wait([task], timeout=BLOCKED)
    return not done


async def heir_of(way: Way) -> str:
    async with way.db.write() as tx:
        return await chats.save_login(tx, NETWORK, "heir", "Сменщик", TEACHER, "heir")


async def put_there(way: Way, name: str) -> None:
    """Queue a row of the way in, as `incoming` does: for the chats that are linked by then."""
    async with way.db.write() as tx:
        for place in await chats.places(tx, way.login_id, [CHAT], hold=True):
            room_id = place.chat.room_id
            await queues.put(tx, queues.OUTBOX, room_id, name, {"origin": place.chat.login_id})


async def queued(way: Way, queue: queues.Queue, lane: str) -> list[queues.Item]:
    async with way.db.read() as tx:
        return list(await queues.waiting(tx, queue, lane, 10))


async def test_what_is_written_while_a_chat_changes_hands_goes_through_the_heir(
    two: tuple[Way, Way],
) -> None:
    first, second = two
    heir = await heir_of(first)
    async with first.db.write() as tx:
        assert await logins.are_at_rest(tx, [ROOM])
        said = {"msgtype": "m.text", "body": "в эту минуту"}
        writing = asyncio.create_task(second.put(said, TEACHER))
        hearing = asyncio.create_task(put_there(second, "in"))
        assert await waits(writing)
        assert await waits(hearing)
        await logins.hand_over(tx, ROOM, heir, CHAT)
    event_id = await writing
    await hearing
    # What the login that is gone heard is for nobody: the heir takes in the chat's end anew.
    assert await queued(first, queues.OUTBOX, ROOM) == []
    await second.work()
    async with first.db.read() as tx:
        assert await chats.event_of(tx, heir, CHAT, "1") == event_id
    assert second.messenger.messages[CHAT][0].sender_id == "heir"


@pytest.mark.parametrize("side", ["in", "out"])
async def test_a_chat_that_is_used_this_moment_changes_no_hands(
    two: tuple[Way, Way], side: str
) -> None:
    first, second = two

    async def ask() -> bool:
        async with first.db.write() as tx:
            return await logins.are_at_rest(tx, [ROOM])

    assert await ask()
    async with second.db.write() as tx:
        if side == "in":
            await chats.places(tx, second.login_id, [CHAT], hold=True)
            asking = asyncio.create_task(ask())
            assert await waits(asking)
            await queues.put(tx, queues.OUTBOX, ROOM, "in", {})
        else:
            await queues.put(tx, queues.INBOX, f"relay/{ROOM}", "$out", {})
            asking = asyncio.create_task(ask())
            assert await waits(asking)
    assert not await asking


async def test_two_bridges_send_what_is_written_once_and_in_order(two: tuple[Way, Way]) -> None:
    """Nobody should run two; where it happens all the same nobody sees anything twice."""
    first, second = two
    said = [f"сообщение {n}" for n in range(12)]
    for text in said:
        await first.put({"msgtype": "m.text", "body": text}, OWNER)
    # Where both note a part at once, one of them fails, and its lane comes again.
    await asyncio.gather(first.work(), second.work(), return_exceptions=True)
    while await queued(first, queues.INBOX, f"relay/{ROOM}"):
        await first.work()
    assert first.messenger.texts() == said
    for number in range(12):
        [mapped] = await first.mapped(f"$e{number}")
        assert mapped.message_id == str(number + 1)
