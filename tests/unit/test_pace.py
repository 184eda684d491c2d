"""How long a login rests: longer each time, and never shorter than it is asked to."""

from __future__ import annotations

import asyncio

import pytest

from sferum_bridge.network.base import TooFast, Unavailable
from sferum_bridge.relay.inward import pace
from sferum_bridge.relay.inward.pace import Pace


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(pace, "_LONGEST_WAIT", 0.002)


async def rested(resting: Pace) -> float:
    clock = asyncio.get_running_loop().time
    before = clock()
    await resting.rest()
    return clock() - before


async def test_a_wait_that_is_asked_for_is_kept_once() -> None:
    resting = Pace("1")
    resting.failed(TooFast("slower", 0.3))
    assert await rested(resting) >= 0.3
    resting.failed(Unavailable("away"))
    assert await rested(resting) < 0.3


async def test_failing_and_hearing_again_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    resting = Pace("1")
    for _ in range(3):
        resting.failed(Unavailable("away"))
    resting.worked()
    resting.worked()
    assert len(caplog.records) == 2
