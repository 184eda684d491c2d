"""What holds when the tables of the facts are damaged: less than before, never more."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.support.synapse import FACTS_PATH, OVERRIDES, Account, Homeserver, request, sign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conftest import StartHomeserver

REFUSED = {403, 404}


class School:
    """A class of two pupils and a teacher, with a room for the pupils, and two strangers."""

    def __init__(self, server: Homeserver) -> None:
        self.server = server

    async def open(self) -> None:
        server = self.server
        names = ("first", "second", "teacher", "stranger", "other")
        made = await asyncio.gather(*(server.account(name) for name in names))
        self.first, self.second, self.teacher, self.stranger, self.other = made
        self.room = await server.room(server.bot, preset="public_chat")
        self.spare = await server.room(server.bot, preset="public_chat")
        assert (await self.push(1)).get("readable") is True

    async def push(self, generation: int) -> dict[str, Any]:
        groups = {
            self.first: "class/5/pupils",
            self.second: "class/5/pupils",
            self.teacher: "class/5/teachers",
        }
        fact = {"school": "1", "kind": "pupils", "audience": ["class/5/pupils"], "linked": False}
        answer = await self.server.push(
            {
                "generation": generation,
                "kind": "full",
                "service": [self.server.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": {person.user_id: [group] for person, group in groups.items()},
                "rooms": {self.room: fact, self.spare: fact},
                "kin": {},
                "schools": {"1": {"classes": ["5"], "contacts": {}}},
            }
        )
        assert answer.status == 200, answer
        return answer.body

    async def told(self) -> dict[str, Any]:
        now = str(int(time.time()))
        mac = sign(self.server.facts_secret, f"GET {FACTS_PATH} {now}".encode())
        headers = {"X-Sferum-Time": now, "X-Sferum-Mac": mac}
        answer = await request("GET", self.server.process.url + FACTS_PATH, headers=headers)
        assert answer.status == 200, answer
        return answer.body

    async def joins(self, who: Account, room: str) -> bool:
        answer = await self.server.call("POST", f"rooms/{room}/join", {}, by=who)
        assert answer.status in REFUSED | {200, 503}, answer
        await self.server.call("POST", f"rooms/{room}/leave", {}, by=who)
        return answer.status == 200

    async def writes(self, who: Account, to: Account) -> bool:
        """Tell whether somebody can begin a direct chat, as the other sees it."""
        body = {"is_direct": True, "invite": [to.user_id]}
        answer = await self.server.call("POST", "createRoom", body, by=who)
        room = str(answer.body.get("room_id", ""))
        arrived = await self.server.membership(room, to) == "invite"
        assert arrived == (answer.status == 200), answer
        return arrived

    async def is_whole(self) -> None:
        """Everything is as the facts say."""
        assert await self.joins(self.first, self.room)
        assert not await self.joins(self.stranger, self.room)
        assert await self.writes(self.teacher, self.first)
        assert not await self.writes(self.stranger, self.first)
        assert await self.writes(self.stranger, self.other)

    async def restart(self) -> None:
        await self.server.process.stop()
        await self.server.process.start()


class BehindItsBack:
    """The database, written by somebody who is not the module."""

    def __init__(self, server: Homeserver) -> None:
        self._database = server.process.settings.database
        self._sqlite = server.process.settings.folder / "homeserver.db"

    async def write(self, *statements: str) -> None:
        if self._database is None:
            with sqlite3.connect(self._sqlite, timeout=20) as connection:
                for statement in statements:
                    assert connection.execute(statement).rowcount > 0, statement
            connection.close()
            return
        arguments = self._database["args"]
        pg = await asyncpg.connect(
            user=arguments["user"], database=arguments["dbname"], host=arguments["host"]
        )
        for statement in statements:
            assert not (await pg.execute(statement)).endswith(" 0"), statement
        await pg.close()


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 — another process is watched
            await asyncio.sleep(0.1)


@pytest.fixture(params=("sqlite", "postgres"))
async def school(request: pytest.FixtureRequest, start_homeserver: StartHomeserver) -> School:
    school = School(await start_homeserver(request.param))
    await school.open()
    return school


async def test_a_damaged_row_takes_rights_and_gives_none(school: School) -> None:
    await school.is_whole()
    await BehindItsBack(school.server).write(
        "UPDATE sferum_entries SET value = '{damaged' WHERE id LIKE '@first%'",
        f"UPDATE sferum_entries SET value = '' WHERE id = '{school.room}'",  # noqa: S608 — our own id
        # Of the right form, but nobody pushed it.
        "UPDATE sferum_entries SET value = '[\"class/5/teachers\"]' WHERE id LIKE '@second%'",
    )
    await school.restart()
    for pupil in (school.first, school.second):
        assert not await school.joins(pupil, school.spare)
        assert not await school.writes(school.stranger, pupil), "is still one of the school"
        assert not await school.writes(pupil, school.teacher)
        assert not await school.writes(pupil, school.stranger)
    assert not await school.joins(school.stranger, school.room), "is still a school room"
    assert await school.writes(school.stranger, school.other)
    told = await school.told()
    assert (told["damaged"], told["readable"]) == (3, True)
    log = school.server.process.log_tail(200)
    assert "3 rows of the school's facts are damaged" in log
    assert school.first.user_id not in log.partition("rows of the school's")[2].partition("\n")[0]
    assert (await school.push(2))["damaged"] == 0
    await school.is_whole()


LOSSES = (
    "DELETE FROM sferum_entries WHERE kind = 'people' AND id LIKE '@first%'",
    "DELETE FROM sferum_entries",
    "DELETE FROM sferum_generation",
    "UPDATE sferum_generation SET generation = 0",
    "UPDATE sferum_generation SET service = '[\"@first:school.example\"]'",
    (
        "INSERT INTO sferum_entries VALUES"
        " ('people', '@new:school.example', '[\"class/5/pupils\"]', 1, 5)"
    ),
)


@pytest.mark.parametrize(("backend", "losses"), [("sqlite", LOSSES), ("postgres", LOSSES[:1])])
async def test_lost_or_foreign_rows_shut_everybody_out(
    start_homeserver: StartHomeserver, backend: str, losses: tuple[str, ...]
) -> None:
    overrides = {**OVERRIDES, "max_event_delay_duration": "24h"}
    school = School(await start_homeserver(backend, overrides=overrides))
    await school.open()
    own = await school.server.room(school.stranger)
    for generation, loss in enumerate(losses, 2):
        await BehindItsBack(school.server).write(loss)
        await school.restart()
        assert (await school.told())["readable"] is False, loss
        await shuts_everybody_out(school, own, generation)
        # A difference repairs nothing, all of it does.
        delta = {"generation": 99, "kind": "delta", "base": generation - 1, "people": {}}
        refused = await school.server.push(delta)
        assert (refused.status, refused.body["generation"]) == (409, generation - 1), loss
        assert (await school.push(generation))["readable"] is True
        assert await school.joins(school.first, school.room), loss
        assert not await school.joins(school.stranger, school.room), loss
    await school.is_whole()


async def shuts_everybody_out(school: School, own: str, marker: int) -> None:
    server = school.server
    for person in (school.first, school.stranger):
        assert not await school.joins(person, school.room)
        assert (await server.call("POST", "createRoom", {}, by=person)).status == 503
    assert not await school.writes(school.stranger, school.other)
    # What people write where they are goes on, and the bot works.
    message = {"msgtype": "m.text", "body": "x"}
    for later in ({}, {"org.matrix.msc4140.delay": "3600000"}):
        path = f"rooms/{own}/send/m.room.message/{marker}{len(later)}"
        answer = await server.call("PUT", path, message, by=school.stranger, params=later)
        assert answer.status == 200, (later, answer)
        assert ("delay_id" if later else "event_id") in answer.body
    await server.room(server.bot)
    assert "School facts cannot be read" in server.process.log_tail(200)


async def test_tables_that_go_while_it_runs_shut_the_school_but_not_strangers(
    start_homeserver: StartHomeserver,
) -> None:
    school = School(await start_homeserver("sqlite"))
    await school.open()
    await BehindItsBack(school.server).write(
        "DELETE FROM sferum_generation", "DELETE FROM sferum_entries"
    )

    async def is_noticed() -> bool:
        return not (await school.told())["readable"]

    await eventually(is_noticed)
    assert not await school.joins(school.first, school.room)
    assert not await school.writes(school.teacher, school.first)
    assert not await school.writes(school.stranger, school.first)
    assert await school.writes(school.stranger, school.other)
    await school.push(2)
    await school.is_whole()
