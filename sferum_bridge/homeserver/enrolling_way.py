"""Giving way to those who write, while many events are made at once.

A message goes to the database and back a dozen times before it is sent. Synapse makes the events of
a batch, and of a new room, one after the other in one thread: each time the message comes back it
waits for the one that is being made. Somebody looks at their message, and nobody at those; so while
one is on its way they stand still after each event, for as long as several of its ways take.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer

_SECONDS = 0.005
"""A way to the database and back takes about one thousandth."""


class Way:
    """Knows whether messages are on their way. Its parts are those of `enrolling_points`."""

    def __init__(self, api: ModuleApi, homeserver: HomeServer) -> None:
        self._api = api
        self._messages = 0
        """Those, and single changes of state, that this process is making."""
        creation: Any = homeserver.get_event_creation_handler()
        creation.create_and_send_nonmember_event = self._counted(
            creation.create_and_send_nonmember_event
        )
        creation.create_event = self._unhurried(creation.create_event)

    async def give(self) -> None:
        """Let whoever waits have a turn, and several while a message is on its way."""
        await self._api.sleep(_SECONDS if self._messages else 0)

    def _counted(self, send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(send)
        async def counted(*args: Any, **named: Any) -> Any:
            self._messages += 1
            try:
                return await send(*args, **named)
            finally:
                self._messages -= 1

        return counted

    def _unhurried(self, create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(create)
        async def unhurried(*args: Any, **named: Any) -> Any:
            if named.get("for_batch"):
                await self.give()
            return await create(*args, **named)

        return unhurried
