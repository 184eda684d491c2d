"""Queueing remote events: a turn that ends before it begins leaves no coroutine behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sferum_bridge.relay.inward.queueing import Queueing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING = cast("Any", None)


@asynccontextmanager
async def cancelled() -> AsyncIterator[None]:
    raise asyncio.CancelledError
    yield


async def test_what_is_cancelled_at_its_beginning_was_not_begun() -> None:
    queueing = Queueing(NOTHING, NOTHING, NOTHING)
    turn = cast("Any", SimpleNamespace(tx=SimpleNamespace(attempt=cancelled)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for work in (queueing.put_or_tell, queueing.pin):
            with pytest.raises(asyncio.CancelledError):
                await work(turn, NOTHING, NOTHING)
        gc.collect()
