"""Invites that wait while whoever sent them comes to the school; members who are back in a room.

Rooms on lists and aliases from before: `tests/contour/test_contour_leftovers.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from synapse.storage.database import LoggingTransaction
from synapse.storage.engines.sqlite import Sqlite3Engine

from sferum_bridge.homeserver import backlog, files, sweep, tables, withdrawing
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from tests.conftest import StartHomeserver
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


def _bring_back(database: Path, room: str, person: str) -> None:
    """Have somebody's join hold again instead of the leave, as forks of a room's history can."""
    with closing(sqlite3.connect(database)) as connection, connection:
        ((join,),) = connection.execute(
            "SELECT event_id FROM room_memberships"
            " WHERE room_id = ? AND user_id = ? AND membership = 'join'",
            (room, person),
        )
        ((newest,),) = connection.execute("SELECT max(stream_ordering) FROM events")
        held = ("current_state_events", "state_key"), ("local_current_membership", "user_id")
        for table, column in held:
            statement = f"UPDATE {table} SET membership = 'join', event_id = ?"  # noqa: S608
            where = f" WHERE {column} = ? AND room_id = ?"
            assert connection.execute(statement + where, (join, person, room)).rowcount == 1
        # Where the leave was noted, a join after it is.
        noted = connection.execute(
            "UPDATE current_state_delta_stream SET prev_event_id = event_id, event_id = ?"
            " WHERE state_key = ? AND room_id = ? AND prev_event_id = ?",
            (join, person, room, join),
        )
        assert noted.rowcount == 1
        extremity = "UPDATE event_forward_extremities SET event_id = ? WHERE room_id = ?"
        connection.execute(extremity, (join, room))
        # Synapse was killed before anybody looked.
        connection.execute("UPDATE sferum_watched SET position = ?", (newest - 1,))


async def test_who_is_back_in_a_room_leaves_it_also_after_a_crash(
    start_homeserver: StartHomeserver,
) -> None:
    server = await start_homeserver("sqlite", contour={})
    await push(server, {})
    host, newcomer = [await server.account(name) for name in ("host", "newcomer")]
    room = await server.room(host, preset="public_chat")
    joined = await server.call("POST", f"rooms/{room}/join", {}, by=newcomer)
    assert joined.status == 200

    async def is_out() -> bool:
        return await server.membership(room, newcomer) == ""

    await push(server, {newcomer.user_id: PUPIL})
    await eventually(is_out)
    database = server.process.settings.folder / "homeserver.db"

    async def is_noted() -> bool:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            table = "SELECT 1 FROM sqlite_master WHERE name = 'sferum_watched'"
            if not list(connection.execute(table)):
                return False  # nobody has looked yet
            ((newest,),) = connection.execute("SELECT max(stream_ordering) FROM events")
            return [(newest,)] == list(connection.execute("SELECT position FROM sferum_watched"))

    await eventually(is_noted)
    await server.process.kill()
    _bring_back(database, room, newcomer.user_id)
    await server.process.start()
    members = f"rooms/{room}/joined_members"

    async def is_alone() -> bool:
        found = await server.call("GET", members, by=host)
        return await is_out() and list(found.body["joined"]) == [host.user_id]

    await eventually(is_alone)


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
        _ = sweep._elsewhere(transaction, {host.user_id}, ())
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


def test_a_note_goes_with_its_file() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE local_media_repository (media_id TEXT PRIMARY KEY)")
        engine = Sqlite3Engine({"name": "sqlite3", "args": {}})
        transaction = LoggingTransaction(
            txn=connection.cursor(), name="test", server_name=SERVER_NAME, database_engine=engine
        )
        tables.create(transaction)
        connection.execute("INSERT INTO local_media_repository VALUES ('kept')")
        connection.execute("INSERT INTO sferum_unseen VALUES ('kept'), ('deleted')")
        backlog._forget_unseen(transaction)
        assert list(connection.execute("SELECT media_id FROM sferum_unseen")) == [("kept",)]
