"""What the client does when the homeserver is slow, away, or strange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from mautrix.errors import MatrixRequestError, MForbidden

from sferum_bridge.matrix import client as client_module
from sferum_bridge.matrix.client import Homeserver, TryAgain, UnknownOutcome, path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp.test_utils import TestServer

Answers = list[Any]


class Script:
    """Answers requests one after the other as told, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: Answers = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append(
            (request.method, request.raw_path, dict(request.headers), json.loads(body or "null"))
        )
        answer = self.answers.pop(0) if self.answers else (200, {})
        if answer == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, content, *headers = answer
        text = content if isinstance(content, str) else json.dumps(content)
        return web.Response(status=status, text=text, headers=headers[0] if headers else None)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def homeserver(
    script: Script,
    aiohttp_server: Callable[[web.Application], Awaitable[TestServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Homeserver]:
    monkeypatch.setattr(client_module, "_FIRST_WAIT", 0.01)
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", script.handle)
    server = await aiohttp_server(application)
    async with aiohttp.ClientSession() as session:
        yield Homeserver(
            session,
            str(server.make_url("/")),
            as_token="as",
            puppet_token="puppet",
            bot_mxid="@bot:school.example",
        )


async def test_a_rate_limit_is_waited_out(homeserver: Homeserver, script: Script) -> None:
    script.answers = [
        (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 20}),
        (429, "no json", {"Retry-After": "0"}),
        (200, {"event_id": "$a"}),
    ]
    assert await homeserver.send("!r", "m.room.message", "t", {}) == "$a"
    assert len(script.asked) == 3
    assert homeserver.sent["send"] == 3


async def test_each_wait_that_is_named_is_kept_to_and_not_drawn_out(
    homeserver: Homeserver, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = list[float]()

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    script.answers = [
        *[(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 300})] * 8,
        (200, {"event_id": "$a"}),
    ]
    assert await homeserver.send("!r", "m.room.message", "t", {}) == "$a"
    assert len(rests) == 8
    assert all(0.3 <= seconds < 0.32 for seconds in rests)


async def test_an_absent_homeserver_is_waited_for_and_said_once(
    homeserver: Homeserver, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    script.answers = [(502, ""), (503, ""), "cut", (504, ""), (200, {"event_id": "$a"})]
    assert await homeserver.send("!r", "m.room.message", "t", {}) == "$a"
    said = [r.levelname for r in caplog.records if r.name.startswith("sferum_bridge")]
    assert said == ["WARNING", "INFO"]
    assert not homeserver.away


async def test_an_error_of_the_homeservers_own_is_tried_again_for_a_while(
    homeserver: Homeserver, script: Script
) -> None:
    script.answers = [*[(500, {"errcode": "M_UNKNOWN"})] * 5, (200, {"event_id": "$a"})]
    assert await homeserver.send("!r", "m.room.message", "t", {}) == "$a"
    assert len(script.asked) == 6
    script.answers = [(500, "")] * 9
    with pytest.raises(TryAgain):
        await homeserver.join("!r")
    assert len(script.answers) == 3


async def test_a_room_whose_creation_failed_is_not_created_again_by_itself(
    homeserver: Homeserver, script: Script
) -> None:
    script.answers = [(500, ""), (200, {"room_id": "!second"})]
    with pytest.raises(TryAgain):
        await homeserver.create_room({})
    assert len(script.asked) == 1


async def test_what_says_the_time_is_said_anew_at_every_try(
    homeserver: Homeserver, script: Script
) -> None:
    script.answers = [(502, ""), (503, ""), (200, {})]
    times = iter(range(3))
    await homeserver.request("GET", "/facts", headers=lambda: {"X-Time": str(next(times))})
    assert [headers["X-Time"] for _, _, headers, _ in script.asked] == ["0", "1", "2"]
    assert {headers["Authorization"] for _, _, headers, _ in script.asked} == {"Bearer as"}


@pytest.mark.parametrize("answer", ["cut", (502, ""), (504, "")])
async def test_a_room_is_never_created_twice_by_itself(
    homeserver: Homeserver, script: Script, answer: Any
) -> None:
    script.answers = [answer, (200, {"room_id": "!second"})]
    with pytest.raises(UnknownOutcome):
        await homeserver.create_room({})
    assert len(script.asked) == 1


async def test_no_further_room_is_asked_for_while_the_homeserver_is_away(
    homeserver: Homeserver, script: Script
) -> None:
    # A proxy in front of it answers, so the first may have arrived.
    script.answers = [(502, "")]
    with pytest.raises(UnknownOutcome):
        await homeserver.create_room({})
    script.answers = [(502, ""), (502, ""), (200, {}), (200, {"room_id": "!a"})]
    assert await homeserver.create_room({}) == "!a"
    ways = [where.rpartition("/")[2] for _, where, _, _ in script.asked]
    assert ways == ["createRoom", *["versions"] * 3, "createRoom"]


async def test_a_refusal_is_an_error_with_its_code(homeserver: Homeserver, script: Script) -> None:
    script.answers = [(403, {"errcode": "M_FORBIDDEN", "error": "No"})]
    with pytest.raises(MForbidden):
        await homeserver.join("!r")


@pytest.mark.parametrize("answer", [(418, "<html>teapot</html>"), (404, "[]"), (400, '"text"')])
async def test_a_strange_answer_is_an_error_too(
    homeserver: Homeserver, script: Script, answer: Any
) -> None:
    script.answers = [answer]
    with pytest.raises(MatrixRequestError):
        await homeserver.join("!r")


async def test_who_is_played_is_said_with_the_right_token(
    homeserver: Homeserver, script: Script
) -> None:
    script.answers = [(200, {"event_id": "$a"})]
    await homeserver.send("!r/1", "m.x", "t 1", {}, user="@p:x", device="D", puppet=True, ts=5)
    method, where, headers, _ = script.asked[0]
    assert method == "PUT"
    assert where.startswith("/_matrix/client/v3/rooms/%21r%2F1/send/m.x/t%201?")
    assert "user_id=@p:x" in where
    assert "device_id=D" in where
    assert "ts=5" in where
    assert headers["Authorization"] == "Bearer puppet"


async def test_an_account_that_exists_is_registered(homeserver: Homeserver, script: Script) -> None:
    script.answers = [(400, {"errcode": "M_USER_IN_USE", "error": "taken"})]
    await homeserver.register("sferum_1")
    script.answers = [(400, {"errcode": "M_EXCLUSIVE", "error": "not yours"})]
    with pytest.raises(MatrixRequestError):
        await homeserver.register("director")


async def test_a_hidden_profile_is_no_error(homeserver: Homeserver, script: Script) -> None:
    script.answers = [(403, {"errcode": "M_FORBIDDEN"}), (200, {"displayname": 7})]
    assert await homeserver.name_of("@a:b") == ""
    assert await homeserver.name_of("@a:b") == ""


@pytest.mark.parametrize(
    ("answer", "reaches"),
    [
        ((200, {"duration_ms": 3}), True),
        ((502, {"errcode": "M_CONNECTION_FAILED"}), False),
        # Another id than the bridge writes: nothing is known by that.
        ((403, {"errcode": "M_FORBIDDEN"}), True),
    ],
)
async def test_what_is_held_back_is_asked_for_once(
    homeserver: Homeserver, script: Script, answer: Any, *, reaches: bool
) -> None:
    script.answers = [answer]
    assert await homeserver.ask_for_events("sferum-bridge") is reaches
    [(method, where, _, _)] = script.asked
    assert (method, where) == ("POST", "/_matrix/client/v1/appservice/sferum-bridge/ping")


def test_segments_are_quoted() -> None:
    assert path("rooms", "!a/b", "join") == "/_matrix/client/v3/rooms/%21a%2Fb/join"


async def test_a_device_that_was_signed_out_is_made_anew(
    homeserver: Homeserver, script: Script
) -> None:
    script.answers = [
        (400, {"errcode": "M_UNKNOWN_DEVICE", "error": "no such device"}),
        (200, {}),
        (200, {"event_id": "$a"}),
    ]
    sent = await homeserver.send(
        *("!r", "m.room.message", "t", {}),
        user="@olga:school.example",
        device="SFERUMBRIDGE",
        puppet=True,
    )
    assert sent == "$a"
    first, made, again = script.asked
    assert (made[0], made[1].partition("?")[0]) == ("PUT", path("devices", "SFERUMBRIDGE"))
    assert made[2]["Authorization"] == "Bearer puppet"
    assert first[1] == again[1]
