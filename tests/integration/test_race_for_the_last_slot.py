"""Scenario 07: two processes on one PostgreSQL, and a child has room for one more parent.

Never a third parent, never half a link; whoever is late reads E-FULL.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from sqlalchemy import func, insert, select

from sferum_bridge.bot.texts import Texts
from sferum_bridge.school import kinship
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import accounts, audit, dialogues, invites, kin, migrate, queues, schools
from sferum_bridge.store.database import Database, open_database
from sferum_bridge.store.sealing import Sealer
from sferum_bridge.store.tables import assignments, classes, outbox, parent_links
from tests.support.databases import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.support.postgres import PostgresServer

HOUR = 3_600_000
START = 4.0
"""Seconds that two processes need to be ready."""


@pytest_asyncio.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[tuple[str, Database]]:
    url = (await postgres.fresh_database()).url
    db = open_database(url, Sealer(KEY))
    await migrate.upgrade(db.engine)
    yield url, db
    await db.close()


async def families(db: Database, count: int) -> list[tuple[str, Sequence[str]]]:
    """Make children with one parent each, and two people each with the question open.

    Returns child's id and the two people's accounts.
    """
    made: list[tuple[str, Sequence[str]]] = []
    async with db.write() as tx:
        school_id = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
        row = {"id": "class", "school_id": school_id, "name": "5А", "year": "2026/2027"}
        await tx.run(insert(classes).values(**row))
        for number in range(count):
            child_id = await accounts.add_person(tx, "Выдумкин", f"Имя{number}")
            tie = {"id": schools.new_id(), "school_id": school_id, "person_id": child_id}
            await tx.run(
                insert(assignments).values(**tie, kind="enrolment", class_id="class", post="")
            )
            parent_id = await accounts.add_person(tx, "Выдумкина", f"Мама{number}")
            link = ParentLink(child_id, parent_id, LinkState.ACTIVE)
            assert await kin.link(tx, link, parent_id) is None
            code = await invites.issue(
                tx, child_id, school_id, child_id, f"$race{number}", 100 * HOUR
            )
            symbols = kinship.read_code(code)
            invite = await invites.find(tx, symbols or "")
            assert invite is not None
            people = [f"@one{number}:school.example", f"@two{number}:school.example"]
            for mxid in people:
                state = {"topic": "confirm", "invite": invite.id}
                await dialogues.open_dialogue(tx, mxid, state)
            made.append((child_id, people))
    return made


async def race(url: str, *runs: Sequence[tuple[float, str, str]]) -> None:
    """Let each run be handled by a process of its own."""
    command = [sys.executable, "-m", "tests.support.racer", url]
    pipes: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    processes = [await asyncio.create_subprocess_exec(*command, **pipes) for _ in runs]
    inputs = [json.dumps(run).encode() for run in runs]
    ended = await asyncio.gather(
        *(process.communicate(text) for process, text in zip(processes, inputs, strict=True))
    )
    for process, (_, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors.decode()[-2000:]


async def outcome(db: Database, made: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Check every child: two parents, one of the two who raced, and the other was told E-FULL."""
    full = Texts().text("ru", "e-full").body
    told: dict[str, list[str]] = {}
    async with db.read() as tx:
        for row in await tx.all(select(outbox.c.sealed).where(outbox.c.sealed.is_not(None))):
            said = tx.sealer.unseal(row.sealed, queues.OUTBOX_BELL)
            told.setdefault(said["to"], []).append(said["content"]["body"])
        for child_id, people in made:
            links = await kin.links_of_child(tx, child_id)
            assert len(links) == 2
            parents = {link.parent_id for link in links}
            ids = [await accounts.person_of(tx, mxid) for mxid in people]
            winners = [person for person in ids if person is not None and person.id in parents]
            assert len(winners) == 1
            losers = [m for m, person in zip(people, ids, strict=True) if person is None]
            assert len(losers) == 1, "who lost the race is no half-made person"
            assert told[losers[0]] == [full]
            [winner] = set(people) - set(losers)
            assert full not in told[winner]
        live = select(func.count()).where(parent_links.c.slot.is_not(None))
        assert await tx.value(live) == 2 * len(made)
        assert await audit.verify(tx) is None


async def test_07_a_hundred_rounds_for_the_last_slot(database: tuple[str, Database]) -> None:
    url, db = database
    made = await families(db, 100)
    first = time.time() + START + 100 * 0.02
    moments = [first + 0.03 * number for number in range(len(made))]
    runs = [
        [
            (when, people[side], "подтвердить")
            for when, (_, people) in zip(moments, made, strict=True)
        ]
        for side in (0, 1)
    ]
    await race(url, *runs)
    await outcome(db, made)


async def test_07_a_thousand_confirm_at_once(database: tuple[str, Database]) -> None:
    url, db = database
    made = await families(db, 500)
    when = time.time() + START + 500 * 0.02
    runs = [[(when, people[side], "подтвердить") for _, people in made] for side in (0, 1)]
    await race(url, *runs)
    await outcome(db, made)
