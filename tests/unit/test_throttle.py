"""How much is asked at once: more while answers come quickly, half as much when they do not."""

from __future__ import annotations

import asyncio
import time

import pytest

from sferum_bridge.matrix.throttle import Throttle

QUICK, SLOW = 0.1, 0.5


class Clock:
    """Seconds as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def answered(
    throttle: Throttle, times: int = 1, *, status: int = 200, seconds: float = QUICK
) -> None:
    """Make so many steps one after the other, each answered like this."""
    for _ in range(times):
        async with throttle.step():
            throttle.heard("join", status, seconds, 0.0)


async def test_it_begins_with_one_and_grows_to_the_most() -> None:
    throttle = Throttle(4)
    assert throttle.limit == 1
    await answered(throttle, 2)
    assert throttle.limit == 2.5
    await answered(throttle, 30)
    assert throttle.limit == 4


@pytest.mark.parametrize(("status", "seconds"), [(429, 0.001), (500, 0.001), (503, 9), (200, SLOW)])
async def test_trouble_halves_it(status: int, seconds: float) -> None:
    clock = Clock()
    throttle = Throttle(8, now=clock)
    await answered(throttle, 60)
    clock.now += 100
    await answered(throttle, status=status, seconds=seconds)
    assert throttle.limit == 4


async def test_what_was_asked_before_it_was_halved_does_not_halve_it_again() -> None:
    clock = Clock()
    throttle = Throttle(8, now=clock)
    await answered(throttle, 60)
    clock.now += 100
    await answered(throttle, 4, seconds=SLOW)
    assert throttle.limit == 4
    clock.now += 2 * SLOW
    await answered(throttle, seconds=SLOW)
    assert throttle.limit == 2


async def test_what_is_slow_is_told_by_the_quickest_of_its_kind_and_size() -> None:
    throttle = Throttle(8)
    for seconds in (2.0, 2.1, 5.9):
        async with throttle.step(200):
            throttle.heard("enrol", 200, seconds, 0.0)
    assert throttle.limit > 2, "a batch of many takes its time"
    async with throttle.step(1):
        throttle.heard("enrol", 200, 0.1, 0.0)
    async with throttle.step(1):
        throttle.heard("enrol", 200, 2.0, 0.0)
    assert throttle.limit < 2


@pytest.mark.parametrize("status", [200, 403, 409, 501])
async def test_a_quick_answer_now_and_then_and_refusals_are_no_norm(status: int) -> None:
    """A batch of people who are in already, or one that is refused, does nothing."""
    throttle = Throttle(4)
    for times in (20, 40):
        await answered(throttle, 1 if status == 200 else 5, status=status, seconds=0.001)
        await answered(throttle, times, seconds=QUICK)
    assert throttle.limit == 4


async def test_a_norm_that_holds_no_more_is_forgotten_within_some_dozen_answers() -> None:
    throttle = Throttle(4)
    await answered(throttle, 60)
    await answered(throttle, 80, seconds=40 * QUICK)
    assert throttle.limit == 4


async def test_a_slow_message_of_somebody_halves_it_and_nothing_else_of_others_counts() -> None:
    clock = Clock()
    throttle = Throttle(8, now=clock)
    await answered(throttle, 60)
    clock.now += 100
    for kind, status, seconds, wait in (
        *[("send", 200, QUICK, 0.0)] * 4,
        ("join", 429, QUICK, 60.0),
        ("whole_state", 200, 60.0, 0.0),
        ("send", 200, QUICK * 2, 0.0),
    ):
        throttle.heard(kind, status, seconds, wait)
    assert throttle.limit == 8
    throttle.heard("send", 200, SLOW, 0.0)
    assert throttle.limit == 4
    await asyncio.wait_for(answered(throttle), 1)


async def test_a_wait_that_is_named_holds_for_everybody() -> None:
    throttle = Throttle(4)
    await answered(throttle, 30)
    began: list[float] = []

    async def lane() -> None:
        async with throttle.step():
            began.append(time.monotonic())

    at = time.monotonic()
    async with throttle.step():
        throttle.heard("join", 429, 0.01, 0.3)
    await asyncio.gather(lane(), lane())
    assert min(began) - at >= 0.3


async def test_no_more_go_on_at_once_than_it_says() -> None:
    throttle = Throttle(3)
    await answered(throttle, 30)
    inside = most = 0

    async def lane() -> None:
        nonlocal inside, most
        async with throttle.step():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(lane() for _ in range(30)))
    assert most == 3


async def test_who_is_cancelled_while_waiting_keeps_nobody_out() -> None:
    throttle = Throttle(1)
    async with throttle.step():
        waiting = asyncio.create_task(answered(throttle))
        behind = asyncio.create_task(answered(throttle))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(behind, 1)


async def test_below_one_there_are_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", rest)
    clock = Clock()
    throttle = Throttle(4, 0.5, now=clock)
    async with throttle.step(50):
        throttle.heard("enrol", 200, 2.0, 0.0)
    assert rests == [1.0], "after a batch: half of what it took"
    rests.clear()
    for _ in range(5):
        clock.now += 100
        await answered(throttle, status=503)
    assert throttle.limit == 1 / 4
    assert rests == pytest.approx([QUICK, *[3 * QUICK] * 3], rel=0.5)
    await answered(throttle, 2)
    assert throttle.limit == 1
