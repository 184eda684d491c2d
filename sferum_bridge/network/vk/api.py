"""Calls of VK's API methods for one account.

Theory of operation. `Pace` lets at most n requests start in any second; waiters go in the order
they came (asyncio locks are fair), and a cancelled one takes nothing with it. A call that VK
answers with "the token is dead" renews the token and is repeated once, whoever else is doing the
same (see `login`). Nothing else is repeated here: the caller knows what is worth repeating.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import LoginExpired, NetworkError, Refused, Unavailable
from sferum_bridge.network.vk.errors import error_of
from sferum_bridge.network.vk.transport import Outage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.network.vk.login import WebLogin
    from sferum_bridge.network.vk.settings import VkSettings
    from sferum_bridge.network.vk.transport import Transport

# A little more than VK's second, for requests that do not arrive as evenly as they left.
WINDOW = 1.05

_TOO_BIG = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG})


class Pace:
    """Lets at most `count` turns start in any `WINDOW` seconds."""

    def __init__(self, count: int) -> None:
        self._starts: deque[float] = deque(maxlen=count)
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until the next request may start."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if len(self._starts) == self._starts.maxlen:
                await asyncio.sleep(max(0.0, self._starts[0] + WINDOW - clock()))
            self._starts.append(clock())


class VkApi:
    """VK's methods, called with one account's token."""

    def __init__(self, transport: Transport, settings: VkSettings, login: WebLogin) -> None:
        self._transport = transport
        self._settings = settings
        self._login = login
        self._pace = Pace(settings.requests_per_second)
        self._outage = Outage(f"the Sferum API for account {login.account_id}")

    async def call(self, method: str, params: Mapping[str, str | int]) -> Any:
        """Call `method` and return the `response` member of the reply, any JSON.

        Raises:
            NetworkError: One of `network.base`, or `errors.VkRefused` with VK's code.
        """
        try:
            response = await self._with_live_token(method, params)
        except NetworkError as error:
            self._outage.failed(error)
            raise
        self._outage.worked()
        return response

    async def _with_live_token(self, method: str, params: Mapping[str, str | int]) -> Any:
        token = await self._login.token()
        try:
            return await self._once(method, params, token)
        except LoginExpired:
            fresh = await self._login.renew(token)
        try:
            return await self._once(method, params, fresh)
        except LoginExpired as error:
            # A brand-new token is refused (VK binds tokens to addresses): more would be, too.
            self._login.give_up(error.detail)
            raise

    async def _once(self, method: str, params: Mapping[str, str | int], token: str) -> Any:
        form = {name: str(value) for name, value in params.items()}
        form |= {
            "access_token": token,
            "v": self._settings.api_version,
            "lang": self._settings.lang,
        }
        await self._pace.turn()
        reply = await self._transport.post(
            f"{self._settings.api_url}/method/{method}", form, what=method
        )
        if isinstance(reply.body, dict):
            if "error" in reply.body:
                raise error_of(method, reply.body["error"])
            if "response" in reply.body:
                return reply.body["response"]
        if reply.status in _TOO_BIG:
            raise Refused(f"{method}: HTTP {reply.status}")
        raise Unavailable(f"{method}: HTTP {reply.status} with something else than a VK reply")
