"""The facts endpoint: what it takes, what it refuses, what survives."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.support.synapse import FACTS_PATH, Account, Answer, Homeserver, request, sign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conftest import StartHomeserver

BACKENDS = ("sqlite", "postgres")
ROOM = {"school": "1", "kind": "pupils", "audience": ["class/1/pupils"], "linked": False}
PERSON = "@pupil:school.example"


def full(generation: int, **changes: Any) -> dict[str, Any]:
    return {
        "generation": generation,
        "kind": "full",
        "service": ["@sferumbot:school.example"],
        "ghost_prefix": "@sferum_",
        "people": {PERSON: ["class/1/pupils"]},
        "rooms": {"!room": ROOM},
        **changes,
    }


def delta(generation: int, base: int, **changes: Any) -> dict[str, Any]:
    return {"generation": generation, "kind": "delta", "base": base, **changes}


async def join(server: Homeserver, who: Account, room: str) -> int:
    return (await server.call("POST", f"rooms/{room}/join", {}, by=who)).status


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 — another process is watched
            await asyncio.sleep(0.1)


async def test_generations_rise_and_nothing_else(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    first = await homeserver.push(full(now + 5))
    assert first == Answer(200, {"generation": now + 5, "people": 1, "rooms": 1})
    for refused in (full(now + 5), full(now + 4), delta(now + 9, now), delta(now + 9, now + 6)):
        answer = await homeserver.push(refused)
        assert (answer.status, answer.errcode) == (409, "SFERUM_STALE_GENERATION")
        assert answer.body["generation"] == now + 5
    other = {"@other:school.example": ["class/1/parents"]}
    second = await homeserver.push(delta(now + 6, now + 5, people=other))
    assert second == Answer(200, {"generation": now + 6, "people": 2, "rooms": 1})
    gone = {PERSON: None, "@never:school.example": None}
    third = await homeserver.push(delta(now + 8, now + 6, people=gone, rooms={"!room": None}))
    assert third == Answer(200, {"generation": now + 8, "people": 1, "rooms": 0})
    assert await homeserver.generation() == now + 8
    last = await homeserver.push(full(now + 9, people={}, rooms={}))
    assert last == Answer(200, {"generation": now + 9, "people": 0, "rooms": 0})


async def test_two_pushes_at_once_and_one_wins(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    assert (await homeserver.push(full(now + 1))).status == 200
    people = {f"@p{number}:school.example": ["g"] for number in range(200)}
    answers = await asyncio.gather(
        *(homeserver.push(delta(now + 2, now + 1, people=people)) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]


async def test_a_wrong_code_is_refused(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    body = json.dumps(full(now + 1)).encode()
    url = homeserver.process.url + FACTS_PATH
    right = sign(homeserver.facts_secret, body)
    for mac in ("", "0" * 64, right[:-1], right.upper() + " x", "код", sign("x" * 43, body)):
        headers = {"X-Sferum-Mac": mac}
        answer = await request("POST", url, raw_body=body, headers=headers)
        assert (answer.status, answer.errcode) == (403, "M_FORBIDDEN"), mac
    answer = await request("POST", url, raw_body=body + b" ", headers={"X-Sferum-Mac": right})
    assert answer.status == 403
    assert (await request("POST", url, raw_body=body)).status == 403
    assert await homeserver.generation() == now


async def test_asking_for_the_generation_needs_a_fresh_code(homeserver: Homeserver) -> None:
    url = homeserver.process.url + FACTS_PATH
    now = int(time.time())

    async def ask(moment: str, mac: str) -> int:
        headers = {"X-Sferum-Time": moment, "X-Sferum-Mac": mac}
        return (await request("GET", url, headers=headers)).status

    def code(moment: str) -> str:
        return sign(homeserver.facts_secret, f"GET {FACTS_PATH} {moment}".encode())

    assert await ask(str(now), code(str(now))) == 200
    assert await ask(str(now), code(str(now - 1))) == 403
    for moment in (str(now - 3600), str(now + 3600), "", "soon", "9" * 5000, "-1", "¹"):
        assert await ask(moment, code(moment)) == 403, moment
    assert (await request("GET", url)).status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"generation": ' + b"9" * 5000 + b"}",
        {"generation": "x"},
        {"generation": True},
        {"generation": 2**60},
        {"generation": 0},
        {"kind": "half"},
        {"kind": ["full"]},
        {"base": 1},
        {"kind": "delta"},
        {"kind": "delta", "base": 10**9 + 1},
        {"surprise": 1},
        {"service": "@bot:school.example"},
        {"service": [1]},
        {"ghost_prefix": None},
        {"people": []},
        {"people": {"pupil": []}},
        {"people": {PERSON: None}},
        {"people": {PERSON: "class/1/pupils"}},
        {"people": {PERSON: ["a\0b"]}},
        {"people": {PERSON: ["\ud800"]}},
        {"rooms": {"#alias": ROOM}},
        {"rooms": {"!room": None}},
        {"rooms": {"!room": {**ROOM, "linked": 1}}},
        {"rooms": {"!room": {**ROOM, "audience": "all"}}},
        {"rooms": {"!room": {"school": "1"}}},
        {"rooms": {"!room": {**ROOM, "name": "5А"}}},
    ],
)
async def test_nonsense_changes_nothing(
    homeserver: Homeserver, body: bytes | dict[str, Any]
) -> None:
    now = await homeserver.generation()
    push = body if isinstance(body, bytes) else full(10**9) | body
    answer = await homeserver.push(push)
    assert (answer.status, answer.errcode) == (400, "M_BAD_JSON"), answer
    assert await homeserver.generation() == now


async def test_a_full_push_names_everything(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    for field in ("service", "ghost_prefix", "people", "rooms"):
        push = full(now + 1)
        del push[field]
        answer = await homeserver.push(push)
        assert answer.status == 400
        assert field in answer.body["error"]


async def test_other_methods_are_not_served(homeserver: Homeserver) -> None:
    for method in ("PUT", "DELETE"):
        assert (await homeserver.call(method, FACTS_PATH, {})).status == 405


@pytest.mark.parametrize("backend", BACKENDS)
async def test_facts_survive_restart_and_crash(
    start_homeserver: StartHomeserver, backend: str
) -> None:
    server = await start_homeserver(backend, contour={"max_body_bytes": 4096})
    assert await server.generation() == 0
    outsider, pupil = await server.account(), await server.account()
    room = await server.room(server.bot, preset="public_chat")
    assert await join(server, outsider, room) == 200, "before the first push, all is open"
    people = {pupil.user_id: ["class/1/pupils"]}
    pushed = await server.push(full(7, people=people, rooms={room: ROOM}))
    assert pushed.status == 200
    assert (await server.push(full(8, service=["x" * 4096]))).status == 413

    async def holds() -> None:
        newcomer = await server.account()
        assert await join(server, newcomer, room) == 403
        assert await join(server, pupil, room) == 200
        assert await server.generation() == 7

    await holds()
    await server.process.stop()
    await server.process.start()
    await holds()
    await server.process.kill()
    await server.process.start()
    await holds()


class BehindItsBack:
    """The database as another process of the same Synapse would write it."""

    def __init__(self, server: Homeserver) -> None:
        self._database = server.process.settings.database
        self._sqlite = server.process.settings.folder / "homeserver.db"

    async def write(self, statement: str) -> None:
        if self._database is None:
            with sqlite3.connect(self._sqlite, timeout=20) as connection:
                connection.execute(statement)
            connection.close()
            return
        arguments = self._database["args"]
        connection_ = await asyncpg.connect(
            user=arguments["user"], database=arguments["dbname"], host=arguments["host"]
        )
        await connection_.execute(statement)
        await connection_.close()


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_process_finds_facts_it_was_not_told_of_and_fails_closed(
    start_homeserver: StartHomeserver, backend: str
) -> None:
    server = await start_homeserver(backend)
    database = BehindItsBack(server)
    person = await server.account()
    rooms = [await server.room(server.bot, preset="public_chat") for _ in range(3)]
    own = await server.room(person)
    assert (await server.push(full(1, people={}, rooms={rooms[0]: ROOM}))).status == 200
    assert await join(server, person, rooms[0]) == 403
    assert await join(server, person, rooms[1]) == 200

    await database.write(
        f"INSERT INTO sferum_people VALUES ('{person.user_id}', '[\"class/1/pupils\"]')"  # noqa: S608 — our own ids
    )
    await database.write("UPDATE sferum_facts SET generation = 2")

    async def may_join() -> bool:
        return await join(server, person, rooms[0]) == 200

    await eventually(may_join)

    await database.write("UPDATE sferum_people SET member_of = '{damaged'")
    await database.write("UPDATE sferum_facts SET generation = 3")

    async def is_shut() -> bool:
        return await join(server, person, rooms[2]) == 403

    await eventually(is_shut)
    assert (await server.call("POST", "createRoom", {}, by=person)).status == 503
    await server.room(server.bot)
    body = {"user_id": (await server.account()).user_id}
    assert (await server.call("POST", f"rooms/{own}/invite", body, by=person)).status == 403
    body = {"user_id": server.bot.user_id}
    assert (await server.call("POST", f"rooms/{own}/invite", body, by=person)).status == 200
    assert await join(server, server.bot, own) == 200
    message = {"msgtype": "m.text", "body": "x"}
    path = f"rooms/{own}/send/m.room.message/1"
    assert (await server.call("PUT", path, message, by=person)).status == 200
    assert "School facts cannot be read" in server.process.log_tail(200)
    assert "damaged" not in server.process.log_tail(200)

    # What the bridge does about it: it pushes everything anew.
    assert (await server.push(full(4, people={}, rooms={}))).status == 200
    assert await join(server, person, rooms[2]) == 200
