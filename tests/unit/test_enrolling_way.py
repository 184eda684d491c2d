"""Events that nobody looks at are made without haste while somebody's message is on its way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from sferum_bridge.homeserver.enrolling_way import Way

BREAK = 0.005


@pytest.fixture
def creation() -> Any:
    """Give what stands for Synapse's maker of events, whose sending ends when it is let."""
    may_end = asyncio.Event()
    return SimpleNamespace(
        may_end=may_end,
        create_event=AsyncMock(return_value="made"),
        create_and_send_nonmember_event=AsyncMock(side_effect=may_end.wait),
    )


@pytest.fixture
def rests(creation: Any) -> list[float]:
    """Give the rests that were made since."""
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    homeserver: Any = SimpleNamespace(get_event_creation_handler=lambda: creation)
    api: Any = SimpleNamespace(sleep=sleep)
    Way(api, homeserver)
    return rests


async def test_it_stands_still_only_while_a_message_is_on_its_way(
    creation: Any, rests: list[float]
) -> None:
    assert await creation.create_event("by", {}, for_batch=True) == "made"
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(creation.create_and_send_nonmember_event())
        await asyncio.sleep(0)
        await creation.create_event("by", {}, for_batch=True)
        creation.may_end.set()
    await creation.create_event("by", {}, for_batch=True)
    assert rests == [0, BREAK, 0]


async def test_what_is_made_alone_waits_for_nothing(creation: Any, rests: list[float]) -> None:
    creation.may_end.set()
    await creation.create_and_send_nonmember_event()
    assert await creation.create_event("by", {}) == "made"
    assert await creation.create_event("by", {}, for_batch=False) == "made"
    assert rests == []


async def test_a_message_that_failed_is_on_its_way_no_more(
    creation: Any, rests: list[float]
) -> None:
    send = creation.create_and_send_nonmember_event
    send.__wrapped__.side_effect = LookupError
    with pytest.raises(LookupError):
        await send()
    await creation.create_event(for_batch=True)
    assert rests == [0]
