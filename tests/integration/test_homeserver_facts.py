"""The facts endpoint: what it takes, what it refuses, what survives."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.synapse import FACTS_PATH, Account, Answer, Homeserver, request, sign

if TYPE_CHECKING:
    from tests.conftest import StartHomeserver

BACKENDS = ("sqlite", "postgres")
REFUSED = {403, 404}
"""A room that somebody may not enter does not even exist for them."""
ROOM = {"school": "1", "kind": "pupils", "audience": ["class/1/pupils"], "linked": False}
SCHOOL = {"classes": ["1"], "contacts": {}}
PERSON = "@pupil:school.example"


def full(generation: int, **changes: Any) -> dict[str, Any]:
    return {
        "generation": generation,
        "kind": "full",
        "service": ["@sferumbot:school.example"],
        "ghost_prefix": "@sferum_",
        "people": {PERSON: ["class/1/pupils"]},
        "rooms": {"!room": ROOM},
        "kin": {},
        "schools": {"1": SCHOOL},
        **changes,
    }


def delta(generation: int, base: int, **changes: Any) -> dict[str, Any]:
    return {"generation": generation, "kind": "delta", "base": base, **changes}


def told(generation: int, *, people: int, rooms: int) -> Answer:
    """Return what a server of one process answers when all is well."""
    return Answer(
        200,
        {
            "generation": generation,
            "people": people,
            "rooms": rooms,
            "readable": True,
            "damaged": 0,
            "processes": {"main": generation},
            "waiting": [],
            "missing": [],
            "tells_all": True,
        },
    )


async def join(server: Homeserver, who: Account, room: str) -> int:
    return (await server.call("POST", f"rooms/{room}/join", {}, by=who)).status


async def test_generations_rise_and_nothing_else(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    first = await homeserver.push(full(now + 5))
    assert first == told(now + 5, people=1, rooms=1)
    for refused in (full(now + 5), full(now + 4), delta(now + 9, now), delta(now + 9, now + 6)):
        answer = await homeserver.push(refused)
        assert (answer.status, answer.errcode) == (409, "SFERUM_STALE_GENERATION")
        assert answer.body["generation"] == now + 5
    other = {"@other:school.example": ["class/1/parents"]}
    second = await homeserver.push(delta(now + 6, now + 5, people=other))
    assert second == told(now + 6, people=2, rooms=1)
    gone = {PERSON: None, "@never:school.example": None}
    third = await homeserver.push(delta(now + 8, now + 6, people=gone, rooms={"!room": None}))
    assert third == told(now + 8, people=1, rooms=0)
    assert await homeserver.generation() == now + 8
    last = await homeserver.push(full(now + 9, people={}, rooms={}))
    assert last == told(now + 9, people=0, rooms=0)


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
        {"kin": {"pupil": []}},
        {"kin": {PERSON: None}},
        {"kin": {PERSON: PERSON}},
        {"schools": {"1": None}},
        {"schools": {"1": {"classes": []}}},
        {"schools": {"1": {**SCHOOL, "classes": "1"}}},
        {"schools": {"1": {**SCHOOL, "contacts": {"pupils>pupils": "town"}}}},
        {"schools": {"1": {**SCHOOL, "contacts": {"pupils>everybody": "class"}}}},
        {"schools": {"1": {**SCHOOL, "name": "Школа 1"}}},
        {"part": 1},
        {"part": {"push": "x", "number": 1}},
        {"part": {"push": "", "number": 1, "of": 1}},
        {"part": {"push": "x" * 65, "number": 1, "of": 1}},
        {"part": {"push": "x", "number": 0, "of": 1}},
        {"part": {"push": "x", "number": 2, "of": 1}},
        {"part": {"push": "x", "number": 1, "of": 10**6}},
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
    for field in ("service", "ghost_prefix", "people", "rooms", "kin", "schools"):
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
        assert await join(server, newcomer, room) in REFUSED
        assert await join(server, pupil, room) == 200
        assert await server.generation() == 7

    await holds()
    await server.process.stop()
    await server.process.start()
    await holds()
    await server.process.kill()
    await server.process.start()
    await holds()


@pytest.mark.parametrize("kind", ["full", "delta"])
async def test_a_push_in_parts_holds_when_it_is_complete(homeserver: Homeserver, kind: str) -> None:
    now = await homeserver.generation()
    assert (await homeserver.push(full(now + 1, people={}, rooms={}))).status == 200
    people = {f"@p{number}:school.example": ["class/1/pupils"] for number in range(9)}
    head = full(now + 2) if kind == "full" else delta(now + 2, now + 1)
    other = head | {"people": {PERSON: []}, "part": {"push": "other", "number": 1, "of": 2}}
    assert (await homeserver.push(other)).status == 202
    for number in (3, 1, 1, 2):  # in any order, and repeated
        assert await homeserver.generation() == now + 1
        some = dict(list(people.items())[3 * number - 3 : 3 * number])
        part = {"push": f"mine-{kind}", "number": number, "of": 3}
        answer = await homeserver.push({**head, "people": some, "rooms": {}, "part": part})
        assert answer.status == (200 if number == 2 else 202)
    assert answer == told(now + 2, people=9, rooms=0)
    late = other | {"part": {"push": "other", "number": 2, "of": 2}}
    answer = await homeserver.push(late)
    assert (answer.status, answer.errcode) == (409, "SFERUM_STALE_GENERATION")


async def test_parts_of_different_pushes_are_not_put_together(homeserver: Homeserver) -> None:
    now = await homeserver.generation()
    for number, generation in ((1, now + 1), (2, now + 2)):
        part = {"push": "mixed", "number": number, "of": 2}
        answer = await homeserver.push(full(generation, part=part))
    assert (answer.status, answer.errcode) == (400, "M_BAD_JSON")
    assert await homeserver.generation() == now
