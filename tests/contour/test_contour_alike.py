"""Whoever and whatever is hidden is answered about exactly as what does not exist.

Each question is asked about something of the school's and about something that there is not, whose
id is as long, and the answers are compared: status, headers and every byte. Only what each answer
has of its own is left out: the id that was asked for, ids of new rooms and events, times.

Which of the two is asked for first changes from question to question, so that a cache cannot make
up for a difference. Times are not asserted: `SFERUM_ALIKE_ROUNDS=100` (with `-s`) prints how long
the answers take in the median, for whoever wants to look.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.school.layout import Kind
from tests.contour.actors import ForgedServer, Json, Whole, quoted
from tests.contour.alike import QUESTIONS
from tests.contour.conftest import WHOLE
from tests.contour.school import room_fact

if TYPE_CHECKING:
    from tests.contour.alike import Question
    from tests.contour.world import World

    Request = tuple[str, str, Json | None]
    """Method, path, body."""

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRANGE = re.compile(rb"[!$][\w-]{18,}(?::[\w.]+:\d+)?|\d{10,}")
"""Ids of rooms and events, and times."""
ROUNDS = int(os.environ.get("SFERUM_ALIKE_ROUNDS", "0"))
LONG = {"chat", "ghost"}
"""Kinds that are asked about in the long run only: the answers come the way of others."""
OWN = {"date", "content-length"}
"""Headers that every answer has of its own; the length is compared with what was left out."""


def _like(known: str) -> str:
    """Return an id as long as another, of nothing."""
    sign, name, colon, server = re.fullmatch(r"([@!#$]?)([^:]+)(:?)(.*)", known).groups()  # type: ignore[union-attr]  # every id is so
    return f"{sign}{'z' * len(name)}{colon}{server}"


async def _hidden_alias(world: World) -> str:
    """Return an alias that a room had before the bridge told of it."""
    alias = f"#before{secrets.token_hex(4)}:{world.server.name}"
    room = await world.o.create(preset="public_chat", room_alias_name=alias[1:].partition(":")[0])
    assert (await world.o.get(f"directory/room/{quoted(alias)}")).body["room_id"] == room
    await world.push(rooms={room: room_fact(Kind.PUPILS, "7b")})
    return alias


async def _hidden(world: World, kind: str) -> str:
    """Return the id of something of the school's."""
    if kind == "alias":
        return await _hidden_alias(world)
    if kind == "ghost":
        return world.ghosts[0] if world.ghosts else (await world.linked_room("s1"))[1].user_id
    known = {
        "person": world.s1.user_id,
        "room": world.rooms["pupils"],
        "chat": world.dm,
        "file": world.media["s1"],
        "event": world.message,
    }
    return known[kind]


async def _filled(world: World, question: Question, name: str) -> tuple[Any, Request]:
    """Return who asks about `name`, and the request."""
    actor = {"anonymous": world.anonymous, "forged": world.forged}.get(question.who)
    asker: Any = actor or getattr(world, question.who, None) or world.actors[question.who]
    words = {
        "SERVER": world.server.name,
        "FORGED": world.remote.name,
        "PUPILS": world.rooms["pupils"],
        "DEVICE": world.s1.device,
        "@o": world.o.user_id,
    }
    path, body = question.path, json.dumps(question.body)
    if "COMMON" in path:
        assert (await world.o.join(world.remote_public, world.remote.name)).status == 200
        # Answered once all of the room's state is here, which the join came without.
        assert (await world.o.get(f"rooms/{world.remote_public}/joined_members")).status == 200
        path = path.replace("COMMON", world.remote_public)
    if "ROOM" in path:
        path = path.replace("ROOM", await asker.create())
    for word, value in words.items():
        path, body = path.replace(word, value), body.replace(word, value)
    path = path.replace("{}", name if isinstance(asker, ForgedServer) else quoted(name))
    content: Json | None = json.loads(body.replace('"{}"', json.dumps(name)))
    if question.method == "GET":
        content = None
    return asker, (question.method, path, content)


async def _ask(world: World, question: Question, name: str) -> Whole:
    """Ask about `name`; return status, headers and body, without what is the answer's own."""
    asker, request = await _filled(world, question, name)
    status, headers, text = await asker.whole(*request)
    for known in {name, quoted(name)}:
        text = text.replace(known.encode(), b"ID")
    plain = {key: value for key, value in headers.items() if key.lower() not in OWN}
    return status, plain, STRANGE.sub(b"OTHER", text)


@pytest.mark.parametrize(
    "question", [one for one in QUESTIONS if WHOLE or one.kind not in LONG], ids=str
)
async def test_what_is_hidden_is_answered_like_what_is_not_there(
    closed: World, question: Question
) -> None:
    hidden = await _hidden(closed, question.kind)
    names = [hidden, _like(hidden)]
    if QUESTIONS.index(question) % 2:
        names.reverse()
    answers = [await _ask(closed, question, name) for name in names]
    assert answers[0] == answers[1]


@pytest.mark.skipif(not ROUNDS, reason="a measurement, for whoever wants to look")
@pytest.mark.timeout(3600)
async def test_how_long_the_answers_take(closed: World) -> None:
    """Print the medians, of what is hidden and of what is not there, asked in turns."""
    for question in QUESTIONS:
        if question.who != "o" or question.kind in LONG:
            continue
        hidden = await _hidden(closed, question.kind)
        asked = [await _filled(closed, question, name) for name in (hidden, _like(hidden))]
        took: list[list[float]] = [[], []]
        for number in range(ROUNDS):
            # By turns first: whatever is asked next finds a warmer server.
            for which in (number % 2, 1 - number % 2):
                asker, request = asked[which]
                began = time.perf_counter()
                await asker.whole(*request)
                took[which].append((time.perf_counter() - began) * 1000)
        one, other = map(statistics.median, took)
        print(f"{one:7.2f} {other:7.2f} ms {one / other:5.2f}  {question}")  # noqa: T201
