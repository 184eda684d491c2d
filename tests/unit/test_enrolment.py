"""Asking the extension to enrol many: what is believed of its answers, and when it is let alone."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sferum_bridge.matrix.client import Homeserver, TryAgain
from sferum_bridge.matrix.enrolment import ENROL, Enrolled, Enrolment
from tests.support.synapse import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "s" * 32
ROOM = "!room"
PUPIL, OTHER = "@pupil:school.example", "@other:school.example"

Said = tuple[int, Any]


class Door:
    """Says what it is told to, in turn, the last again and again."""

    def __init__(self, get: list[Said], post: list[Said]) -> None:
        self._says = {"GET": get, "POST": post}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, dict(request.headers), body))
        says = self._says[request.method]
        status, content = says.pop(0) if len(says) > 1 else says[0]
        return web.json_response(content, status=status)

    def count(self, method: str) -> int:
        return sum(method == one for one, _, _ in self.asked)


@asynccontextmanager
async def enrolment(
    door: Door, *, secret: str = SECRET, again: float = 300.0
) -> AsyncIterator[Enrolment]:
    app = web.Application()
    app.router.add_route("*", ENROL, door.answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        homeserver = Homeserver(
            session,
            str(server.make_url("")),
            as_token="as",
            puppet_token="p",
            bot_mxid="@bot:school.example",
        )
        yield Enrolment(homeserver, secret, again=again)


HERE: Said = (200, {"most": 100})
DONE: Said = (200, {"joined": [PUPIL], "refused": {OTHER: "banned"}})


async def test_without_a_secret_nobody_is_asked() -> None:
    door = Door([HERE], [DONE])
    async with enrolment(door, secret="") as asks:
        assert not await asks.available()
        assert await asks.enrol(ROOM, [PUPIL]) is None
    assert not door.asked


async def test_who_is_in_and_who_not() -> None:
    door = Door([HERE], [(200, {"joined": [PUPIL, "@else:x"], "refused": {OTHER: "banned"}})])
    async with enrolment(door) as asks:
        for _ in range(2):
            found = await asks.enrol(ROOM, [PUPIL, OTHER])
            assert found == Enrolled(frozenset({PUPIL}), {OTHER: "banned"})
    assert door.count("GET") == 1, "it is asked once whether it is there"


async def test_rooms_that_are_filled_at_once_ask_once_whether_it_is_there() -> None:
    door = Door([HERE], [DONE])
    async with enrolment(door) as asks:
        await asyncio.gather(*(asks.enrol(ROOM, [PUPIL]) for _ in range(3)))
    assert (door.count("GET"), door.count("POST")) == (1, 3)


async def test_every_request_is_signed_for_itself() -> None:
    door = Door([HERE], [DONE])
    async with enrolment(door) as asks:
        for _ in range(2):
            await asks.enrol(ROOM, [PUPIL])
    posts = [(headers, body) for method, headers, body in door.asked if method == "POST"]
    nonces = {headers["X-Sferum-Nonce"] for headers, _ in posts}
    assert len(nonces) == len(posts)
    for headers, body in posts:
        digest = hashlib.sha256(body).hexdigest()
        names = ("X-Sferum-Since", "X-Sferum-Time")
        said = (headers["X-Sferum-Nonce"], digest, *(headers[name] for name in names))
        assert headers["X-Sferum-Mac"] == sign(SECRET, " ".join(["POST", ENROL, *said]).encode())


@pytest.mark.parametrize("status", [403, 404, 501])
async def test_where_it_is_not_the_ordinary_ways_are_taken_and_it_is_asked_again_later(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door([(status, {"errcode": "M_UNRECOGNIZED"})], [DONE])
    async with enrolment(door) as asks:
        for _ in range(3):
            assert not await asks.available()
            assert await asks.enrol(ROOM, [PUPIL]) is None
    assert door.count("GET") == 1
    assert len(caplog.records) == 1, "said once"
    door = Door([(status, {}), HERE], [DONE])
    async with enrolment(door, again=0.0) as asks:
        assert not await asks.available()
        assert await asks.available()


async def test_one_room_that_it_leaves_alone_is_no_reason_to_give_it_up() -> None:
    door = Door([HERE], [(409, {"errcode": "SFERUM_NOT_THIS_ROOM"}), DONE])
    async with enrolment(door) as asks:
        assert await asks.enrol(ROOM, [PUPIL]) is None
        assert await asks.available()
        assert await asks.enrol(ROOM, [PUPIL]) is not None


async def test_it_goes_while_it_is_used() -> None:
    """Another version of Synapse was started."""
    door = Door([HERE], [(501, {"errcode": "SFERUM_NOT_HERE"})])
    async with enrolment(door) as asks:
        assert await asks.available()
        assert await asks.enrol(ROOM, [PUPIL]) is None
        assert not await asks.available()


async def test_a_busy_room_is_waited_for() -> None:
    door = Door([HERE], [(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10}), DONE])
    async with enrolment(door) as asks:
        assert await asks.enrol(ROOM, [PUPIL]) is not None
    assert door.count("POST") == 2


@pytest.mark.parametrize("answer", [{}, {"joined": PUPIL}, {"joined": [1]}, []])
async def test_an_answer_of_something_else_is_not_believed(answer: object) -> None:
    door = Door([HERE], [(200, answer)])
    async with enrolment(door) as asks:
        with pytest.raises(TryAgain):
            await asks.enrol(ROOM, [PUPIL])
