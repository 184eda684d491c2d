"""Holds the bridge to one rule while tests run: who has a transaction open opens no other in it.

There are few connections to a database: had each a task that waits for a second one, all would wait
for each other. Tasks that are begun within a transaction are looked at as well, for it may wait for
them.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from sferum_bridge.store.database import Tx

    Opening = Callable[..., AbstractAsyncContextManager[Tx]]


@dataclass
class _Held:
    database: Database
    is_open: bool = True


_holding: ContextVar[_Held | None] = ContextVar("holding", default=None)
_is_allowed: ContextVar[bool] = ContextVar("is_allowed", default=False)


@contextmanager
def refused() -> Iterator[None]:
    """Have a transaction that is opened within another of the same database fail."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("read", "write"):
            patch.setattr(Database, name, _watched(getattr(Database, name)))
        yield


@contextmanager
def allowed() -> Iterator[None]:
    """Let it pass where a test plays two who have nothing to do with each other."""
    before = _is_allowed.set(True)
    try:
        yield
    finally:
        _is_allowed.reset(before)


def _watched(opening: Opening) -> Opening:
    @asynccontextmanager
    async def watched(database: Database, **how: bool) -> AsyncIterator[Tx]:
        outer = _holding.get()
        is_within = outer is not None and outer.is_open and outer.database is database
        if is_within and not _is_allowed.get():
            raise AssertionError("a transaction is opened within another")
        held = _Held(database)
        _holding.set(held)
        try:
            async with opening(database, **how) as tx:
                yield tx
        finally:
            held.is_open = False
            _holding.set(outer)

    return watched
