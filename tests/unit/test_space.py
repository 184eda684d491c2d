"""The room on the disk: never more than there is, in the order it was asked for."""

from __future__ import annotations

import asyncio

import pytest

from sferum_bridge.network.space import Space


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_finds_no_room_waits_and_nobody_overtakes() -> None:
    space, going, order = Space(10), asyncio.Event(), []

    async def take(name: str, size: int) -> None:
        async with space.taken(size):
            order.append(name)
            assert space.free >= 0
            if name == "first":
                await going.wait()

    tasks = [
        asyncio.create_task(take(*each)) for each in (("first", 7), ("large", 9), ("small", 1))
    ]
    await settle()
    # The small one would fit: then large ones might wait for ever.
    assert order == ["first"]
    going.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "large", "small"]
    assert space.free == 10


async def test_more_than_there_is_takes_all_of_it() -> None:
    space = Space(10)
    async with space.taken(1000):
        assert space.free == 0
    assert space.free == 10


async def test_who_is_cancelled_takes_nothing_and_holds_up_nobody() -> None:
    space = Space(10)

    async def take() -> None:
        async with space.taken(8):
            pass

    async with space.taken(8):
        waiting, behind = asyncio.create_task(take()), asyncio.create_task(take())
        await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await behind
    assert space.free == 10


async def test_what_fails_gives_its_room_back() -> None:
    space = Space(10)
    with pytest.raises(OSError, match="disk"):
        async with space.taken(4):
            raise OSError("disk")
    assert space.free == 10
