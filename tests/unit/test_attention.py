"""Typing and reading of those who logged in, told to the messenger."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import Unavailable
from sferum_bridge.relay.outward import attention
from tests.support.bridge import until
from tests.support.messenger import CHAT
from tests.support.outward import OWNER, PUPIL, ROOM, Way, linked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_ROUND", 0.01)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Way]:
    async with linked(folder) as way:
        task = asyncio.create_task(way.outward.run())
        try:
            yield way
            assert not task.done(), task.result()
        finally:
            task.cancel()


def typing(*users: Any, room: str = ROOM) -> dict[str, Any]:
    return {"type": "m.typing", "room_id": room, "content": {"user_ids": list(users)}}


def receipt(event_id: str, user: str, kind: str = "m.read") -> dict[str, Any]:
    content = {event_id: {kind: {user: {"ts": 1}}}}
    return {"type": "m.receipt", "room_id": ROOM, "content": content}


async def test_an_owner_who_types_is_seen_to_and_others_are_not(tmp_path: Path) -> None:
    async with running(tmp_path) as way:
        way.outward.heard([typing(PUPIL), typing(OWNER, room="!elsewhere")])
        way.outward.heard([typing(PUPIL, OWNER)])

        async def seen() -> list[str]:
            return way.messenger.typed

        assert await until(seen) == [CHAT]
        way.outward.heard([typing(OWNER, PUPIL)])
        # Something behind it, to know that the round is over.
        event_id = await way.say("x")
        way.outward.heard([receipt(event_id, OWNER)])

        async def read() -> list[str]:
            return way.messenger.read

        await until(read)
        assert way.messenger.typed == [CHAT]


async def test_who_goes_on_typing_is_told_of_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "_TYPING_EVERY", 0.05)
    async with running(tmp_path) as way:
        way.outward.heard([typing(OWNER)])

        async def often() -> bool:
            return len(way.messenger.typed) >= 3

        await until(often)
        way.outward.heard([typing()])
        event_id = await way.say("x")
        way.outward.heard([receipt(event_id, OWNER)])

        async def read() -> list[str]:
            return way.messenger.read

        await until(read)
        count = len(way.messenger.typed)
        way.outward.heard([receipt(await way.say("y"), OWNER)])

        async def read_both() -> bool:
            return len(way.messenger.read) == 2

        await until(read_both)
        assert len(way.messenger.typed) == count


async def test_what_was_read_is_told_once_and_only_for_the_owner(tmp_path: Path) -> None:
    async with running(tmp_path) as way:
        one, two = await way.say("раз"), await way.say("два")
        way.outward.heard([receipt(one, PUPIL), receipt(two, OWNER, "m.read.private")])
        way.outward.heard([receipt(one, OWNER)])

        async def read() -> list[str]:
            return way.messenger.read

        await until(read)
        way.outward.heard([receipt(one, OWNER)])
        # Not on the other side itself: what stands before it is.
        way.homeserver.before["$notice"] = ["$other", two, one]
        way.outward.heard([receipt("$notice", OWNER)])

        async def read_both() -> bool:
            return len(way.messenger.read) >= 2

        await until(read_both)
        assert way.messenger.read == ["1", "2"]


async def test_a_messenger_that_is_away_costs_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as way:
        one, two = await way.say("раз"), await way.say("два")
        way.messenger.errors = [Unavailable("away")]
        way.outward.heard([receipt(one, OWNER)])

        async def failed() -> bool:
            return not way.messenger.errors

        await until(failed)
        way.outward.heard([receipt(two, OWNER)])

        async def read() -> list[str]:
            return way.messenger.read

        assert await until(read) == ["2"]


BROKEN: list[Any] = [
    None,
    5,
    {},
    {"type": "m.typing"},
    {"type": "m.typing", "room_id": ROOM, "content": {"user_ids": 7}},
    {"type": "m.typing", "room_id": ROOM, "content": {"user_ids": [None, {}]}},
    {"type": "m.receipt", "room_id": ROOM, "content": {"$a": 5, "$b": {"m.read": []}}},
    {"type": "m.receipt", "room_id": 5, "content": {}},
    {"type": "m.receipt", "room_id": ROOM, "content": {"$\ud800": {"m.read": {OWNER: {}}}}},
    {"type": "m.presence", "sender": OWNER, "content": {}},
]


async def test_whatever_comes_nothing_raises(tmp_path: Path) -> None:
    async with running(tmp_path) as way:
        way.outward.heard(BROKEN)
        way.outward.heard([receipt(await way.say("x"), OWNER)])

        async def read() -> list[str]:
            return way.messenger.read

        await until(read)
        assert way.messenger.typed == []
