"""A proxy in front of a homeserver that answers 429 when it is told to, as a busy one does.

What it refuses the homeserver never hears of. Everything else passes through unchanged. The wait it
names is true, as a homeserver's is, but for once: somebody else may have been quicker. So a request
is refused twice at most.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_MOST_BYTES = 64 * 1024 * 1024
_MOST_REFUSALS = 2
_OF_ONE_LEG = {"host", "content-length", "transfer-encoding", "connection"}


class Storm:
    """Stands before the homeserver at `behind`."""

    def __init__(self, behind: str, seed: str = "storm") -> None:
        self._behind = behind
        self._random = random.Random(seed)  # noqa: S311 - has to be repeatable
        self._port = reserve_port()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.share = 0.0
        """Which part of all requests is refused now."""
        self.is_due = False
        """Whether the next request is refused, whatever the share."""
        self.longest_wait_ms = 1000
        """The most it asks to wait for."""
        self.refused = self.passed = 0
        self._refused: Counter[tuple[str, str, bytes]] = Counter()

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_MOST_BYTES)
        application.router.add_route("*", "/{anything:.*}", self._take)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
        )
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        assert self._session is not None
        body = await request.read()
        which = request.method, request.path_qs, body
        often = self._refused[which] < _MOST_REFUSALS and self._random.random() < self.share
        if self.is_due or often:
            self.is_due = False
            self.refused += 1
            self._refused[which] += 1
            wait = self._random.randint(100, self.longest_wait_ms)
            told = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many", "retry_after_ms": wait}
            return web.json_response(told, status=429)
        del self._refused[which]
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_ONE_LEG}
        try:
            async with self._session.request(
                request.method, self._behind + request.path_qs, data=body, headers=headers
            ) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            return web.Response(status=502)
        self.passed += 1
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in _OF_ONE_LEG}
        return web.Response(status=answer.status, body=content, headers=headers)
