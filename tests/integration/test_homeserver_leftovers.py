"""Invites that wait for somebody while whoever sent them comes to the school.

Rooms on lists and aliases from before: `tests/contour/test_contour_leftovers.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from synapse.storage.database import LoggingTransaction
from synapse.storage.engines.sqlite import Sqlite3Engine

from sferum_bridge.homeserver import backlog, files, sweep, withdrawing
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.synapse import Homeserver

PUPIL = ["class/1/pupils"]


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 — another process is watched
            await asyncio.sleep(0.05)


async def push(server: Homeserver, people: Mapping[str, list[str]]) -> None:
    answer = await server.push(
        {
            "generation": await server.generation() + 1,
            "kind": "full",
            "service": [server.bot.user_id],
            "ghost_prefix": "@sferum_",
            "people": people,
            "kin": {},
            "schools": {"1": {"classes": ["1"], "contacts": {}}},
            "rooms": {},
        }
    )
    assert answer.status == 200, answer


async def test_an_invite_goes_when_whoever_sent_it_comes_to_the_school(
    homeserver: Homeserver,
) -> None:
    await push(homeserver, {})
    names = ("host", "gone", "guest", "friend")
    host, gone, guest, friend = [await homeserver.account(name) for name in names]
    rooms = [
        await homeserver.room(by, invite=[guest.user_id], creation_content={"m.federate": False})
        for by in (host, gone, friend)
    ]
    left = await homeserver.call("POST", f"rooms/{rooms[1]}/leave", {}, by=gone)
    assert left.status == 200

    async def invites() -> list[str]:
        return [await homeserver.membership(room, guest) for room in rooms]

    assert await invites() == ["invite"] * 3
    await push(homeserver, {host.user_id: PUPIL, gone.user_id: PUPIL})

    async def are_gone() -> bool:
        return await invites() == ["", "", "invite"]

    await eventually(are_gone)


async def test_only_rows_of_the_people_concerned_are_read(homeserver: Homeserver) -> None:
    """Every statement finds its rows by an index; on a database as Synapse has made it."""
    path = homeserver.process.settings.folder / "homeserver.db"
    if not path.exists():
        return  # PostgreSQL decides by the size of tables, which are small here
    asked: list[str] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.set_trace_callback(asked.append)
        engine = Sqlite3Engine({"name": "sqlite3", "args": {}})
        transaction = LoggingTransaction(
            txn=connection.cursor(),
            name="test",
            server_name=SERVER_NAME,
            database_engine=engine,
        )
        host = await homeserver.account("reader")
        room = await homeserver.room(host)
        _ = sweep._invited(transaction, {host.user_id}, ())
        _ = withdrawing._listed(transaction, [room])
        _ = files._shown_to(transaction, "media", host.user_id)
        newest = backlog._newest(transaction)
        assert newest
        _ = backlog._made(transaction, 0, newest, "%")
        _ = backlog._page(transaction, ("", ""))
        connection.set_trace_callback(None)
        plans = {
            text: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]
            for text in asked
        }
    assert len(plans) == 9
    for text, plan in plans.items():
        if "appservice_room_list" not in text:
            assert all(step.startswith("SEARCH") for step in plan), (text, plan)
