"""The bridge is killed at random moments of an import: no room twice, nobody missing, nobody more.

The test runs a short form; `make import-kills` the long one (`SFERUM_IMPORT_KILLS`: kills, classes,
pupils of each), on both databases. What a run does follows from its seed, which it prints;
`SFERUM_IMPORT_SEED` gives it one.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from sferum_bridge.matrix.creation import MARK
from sferum_bridge.school.layout import layout
from sferum_bridge.store import accounts, audit, rooms, schools
from tests.support.bridge import BOT, BridgedSchool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer

KILLS, CLASSES, PUPILS = map(int, os.environ.get("SFERUM_IMPORT_KILLS", "2,2,3").split(","))
SEED = os.environ.get("SFERUM_IMPORT_SEED") or str(SystemRandom().randrange(10**9))
IS_LONG = KILLS > 10
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(0 if IS_LONG else 900),
]
NAMES = [f"{grade}{letter}" for letter in "АБВГ" for grade in range(1, 12)]
LOOK = 0.02
"""Seconds between looks at how far the bridge is: a kill comes in the middle of a step."""


@pytest.mark.parametrize("backend", ["sqlite", "postgres"] if IS_LONG else ["sqlite"])
async def test_an_import_goes_on_after_every_kill(
    backend: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    print(f"SFERUM_IMPORT_SEED={SEED}")  # noqa: T201 - so that a failure can be played again
    random = Random(f"{SEED} {backend}")  # noqa: S311 - has to be repeatable
    server = postgres if backend == "postgres" else None
    # The school before the import: one class. Small batches make for many moments.
    settings = {"batch": 2, "at_once": 2, "rest": 0.0}
    bridged = await BridgedSchool.start(tmp_path, server, classes=("1Я",), pupils=1, rooms=settings)
    try:
        await bridged.stop_bridge()
        await bridged.enrol(NAMES[:CLASSES], PUPILS)
        for kill in range(KILLS):
            await bridged.start_bridge()
            await killed_on_the_way(bridged, random, KILLS - kill)
        await bridged.start_bridge()
        await bridged.settled(600 if IS_LONG else 180)
        await check(bridged)
    finally:
        await bridged.stop()


async def killed_on_the_way(bridged: BridgedSchool, random: Random, kills: int) -> None:
    """Kill the bridge after about its share of the steps that are left."""
    share = random.uniform(0, 2) / (kills + 1)
    values = bridged.config
    address = f"http://127.0.0.1:{values.appservice.port}/status"
    headers = {"Authorization": f"Bearer {values.web.status_token}"}
    while True:
        with suppress(aiohttp.ClientConnectionError):
            async with bridged.session.get(address, headers=headers) as answer:
                status = await answer.json()
            done = sum(one["steps_done"] for one in status["schools"])
            total = sum(one["steps_total"] for one in status["schools"])
            is_settled = all(one["settled"] for one in status["schools"])
            if is_settled or (total and done >= share * total):
                break
        await asyncio.sleep(LOOK)
    await asyncio.sleep(random.uniform(0, 0.1))
    await bridged.kill_bridge()


async def check(bridged: BridgedSchool) -> None:
    """Hold the homeserver's rooms and members against what the schools want."""
    wanted: dict[str, set[str]] = {}
    async with bridged.database() as db, db.read() as tx:
        mxids = await accounts.by_person(tx)
        for record in await schools.records(tx):
            known = await rooms.of_school(tx, record.id)
            members = await rooms.members_of_school(tx, record.id)
            for room in layout(await schools.load(tx, record.id), record.day(tx.now)):
                room_id = known[room.key].room_id
                wanted[room_id] = {m for person in room.members for m in mxids.get(person, ())}
                assert members.get(room_id, {}) == dict.fromkeys(wanted[room_id], "join")
        assert await audit.verify(tx) is None
    _, answer = await bridged.bot_calls("GET", "joined_rooms")
    keys: Counter[str] = Counter()
    for room_id in answer["joined_rooms"]:
        _, events = await bridged.bot_calls("GET", f"rooms/{room_id}/state")
        state: dict[tuple[str, str], Any] = {(e["type"], e["state_key"]): e for e in events}
        if (MARK, "") not in state:
            continue
        key = state[MARK, ""]["content"]["key"]
        keys[key] += 1
        if not key.startswith("direct/"):
            there = {
                mxid
                for (kind, mxid), event in state.items()
                if kind == "m.room.member" and event["content"]["membership"] in {"join", "invite"}
            }
            assert there == wanted[room_id] | {BOT}, key
    assert {key for key, count in keys.items() if count > 1} == set(), "no room twice"
    assert sum(not key.startswith("direct/") for key in keys) == len(wanted)
