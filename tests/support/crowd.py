"""Thousands of people, cheaply: accounts written into Synapse's tables, a roster applied as typed.

Nobody signs in to these accounts; whoever acts for one does so by the double-puppet registration.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from sferum_bridge.matrix.creation import MARK
from sferum_bridge.school.layout import layout
from sferum_bridge.store import accounts, rooms, schools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from tests.support.bridge import BridgedSchool

_PREPARING = 300.0
"""Seconds a Synapse may take."""


async def register(arguments: Mapping[str, Any], people: Sequence[tuple[str, str]]) -> None:
    """Make accounts (Matrix id, name they are shown by) in a Synapse's PostgreSQL database.

    `arguments` are those of the `database` section of homeserver.yaml.
    """
    now = int(time.time())
    async with _connected(arguments) as connection, connection.transaction():
        await connection.executemany(
            "INSERT INTO users (name, creation_ts, approved) VALUES ($1, $2, true)",
            [(mxid, now) for mxid, _ in people],
        )
        await connection.executemany(
            "INSERT INTO profiles (user_id, full_user_id, displayname) VALUES ($1, $2, $3)",
            [(mxid[1:].partition(":")[0], mxid, name) for mxid, name in people],
        )


async def prepared(arguments: Mapping[str, Any]) -> None:
    """Wait until a Synapse that was just installed has filled its tables.

    Else it would go through all accounts, for its statistics and its directory, while something
    else is measured: in a server's life it does so once, before there is anybody.
    """
    async with _connected(arguments) as connection, asyncio.timeout(_PREPARING):
        while await connection.fetchval("SELECT count(*) FROM background_updates"):  # noqa: ASYNC110 — another process tells nobody
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _connected(arguments: Mapping[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=arguments["host"],
        port=arguments.get("port"),
        user=arguments["user"],
        password=arguments.get("password"),
        database=arguments["dbname"],
    )
    try:
        yield connection
    finally:
        await connection.close()


async def apply_roster(config_path: Path, roster: Path, confirm: str = "") -> str:
    """Apply a roster by the command, as a process of its own; return why it failed, if it did.

    `confirm` is the name of a school that is new beside others.
    """
    command = ("-m", "sferum_bridge", "roster", "apply", str(roster), "--json")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--config", str(config_path)),
        *(("--confirm", confirm) if confirm else ()),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return said.decode().strip()[-1000:] or "it says nothing" if process.returncode else ""


async def amiss(bridged: BridgedSchool) -> list[str]:
    """Compare every school's rooms at the homeserver with what is wanted; return what is wrong.

    Looks for members missing and too many, rooms missing, and rooms that were made twice.
    """
    found: list[str] = []
    wanted: dict[str, set[str]] = {}
    async with bridged.database() as db, db.read() as tx:
        mxids = await accounts.by_person(tx)
        for record in await schools.records(tx):
            made = await rooms.of_school(tx, record.id)
            for room in layout(await schools.load(tx, record.id), record.day(tx.now)):
                members = {m for person in room.members for m in mxids.get(person, ())}
                known = made.get(room.key)
                if known is None or not known.room_id:
                    found.append(f"{room.key} was not made")
                else:
                    wanted[known.room_id] = members
    bot = bridged.config.bot_mxid
    _, answer = await bridged.bot_calls("GET", "joined_rooms")
    keys: dict[str, str] = {}
    for room_id in answer["joined_rooms"]:
        status, mark = await bridged.bot_calls("GET", f"rooms/{room_id}/state/{MARK}")
        if status != 200:
            continue
        if mark["key"] in keys:
            found.append(f"{mark['key']} was made twice")
        keys[mark["key"]] = room_id
    for room_id, members in wanted.items():
        _, answer = await bridged.bot_calls("GET", f"rooms/{room_id}/joined_members")
        actual = set(answer["joined"]) - {bot}
        if actual != members:
            less, more = len(members - actual), len(actual - members)
            found.append(f"{room_id}: {less} missing, {more} too many")
    return found
