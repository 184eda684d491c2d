"""VK as it was recorded, told again with changes: what the connector of the fuzz listens to.

`tell` puts a batch into the long poll, `miss` one that only the history tells; `items` are the
message objects it is asked for, by their number; `instead` has the next answers of a method be
something else. It takes nothing apart, so anything may be put into it.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.hostile import written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.recorded import Recorded

COOKIE = "vk1.a.cookie-of-nobody"
LONG_POLL, WEB_TOKEN, FILE = "longpoll", "web_token", "file"
_TS, _PTS = 100_000, 50_000


class Replay:
    """One account's VK."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self.url = ""
        self.items: dict[int, Any] = {}
        self.instead: dict[str, deque[Any]] = defaultdict(deque)
        """JSON (the whole body), bytes, a status with bytes; or what makes one of the true body."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._batches: list[tuple[bool, list[Any]]] = []
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replay]:
        """Serve meanwhile."""
        app = web.Application()
        app.router.add_get("/", self._web_token)
        app.router.add_post("/method/{method}", self._method)
        app.router.add_get("/lp", self._poll)
        app.router.add_get("/file/{name}", self._file)
        server = TestServer(app)
        await server.start_server()
        self.url = f"http://127.0.0.1:{server.port}"
        try:
            yield self
        finally:
            self._news.set()
            await server.close()

    @property
    def position(self) -> str:
        """Return the cursor behind everything that was told."""
        told = len(self._batches)
        return json.dumps({"ts": _TS + told, "pts": _PTS + told}, separators=(",", ":"))

    def tell(self, updates: list[Any]) -> None:
        """Tell a batch."""
        self._put((True, updates))

    def miss(self, history: list[Any]) -> None:
        """Have a batch be lost to the long poll."""
        self._put((False, history))

    def _put(self, batch: tuple[bool, list[Any]]) -> None:
        self._batches.append(batch)
        self._news.set()

    async def _web_token(self, _: web.Request) -> web.Response:
        profile = {"user_id": self._recorded.me, "profile_type": 2, "access_token": "token"}
        return self._answer(WEB_TOKEN, [{**profile, "expires": 86_400}])

    async def _method(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        params = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append((name, params))
        match name:
            case "messages.getLongPollServer":
                told = len(self._batches)
                server = f"{self.url.removeprefix('http://')}/lp"
                found: Any = {"server": server, "key": "key", "ts": _TS + told, "pts": _PTS + told}
            case "messages.getLongPollHistory":
                since = int(params["pts"]) - _PTS
                if not 0 <= since <= len(self._batches):
                    return self._answer(name, {"error": {"error_code": 908}})
                history = self._batches[since][1] if since < len(self._batches) else []
                more = {"more": 1} if since + 1 < len(self._batches) else {}
                messages = {"count": 0, "items": []}
                new_pts = _PTS + min(since + 1, len(self._batches))
                found = {"history": history, "messages": messages, "new_pts": new_pts, **more}
            case "messages.getById":
                named = params.get("cmids") or params.get("message_ids") or ""
                items = [self.items[int(n)] for n in named.split(",") if int(n) in self.items]
                found = {"count": len(items), "items": items}
            case "messages.getHistory":
                numbers = sorted(self.items, reverse=True)
                offset, size = int(params["offset"]), int(params["count"])
                items = [self.items[n] for n in numbers[offset : offset + size]]
                found = {"count": len(numbers), "items": items}
            case _:
                found = self._recorded.replies.get(name, {"count": 0, "items": []})
        return self._answer(name, {"response": found})

    async def _poll(self, request: web.Request) -> web.Response:
        at = int(request.query["ts"]) - _TS
        if not 0 <= at <= len(self._batches):
            return self._answer(LONG_POLL, {"failed": 1, "ts": _TS + len(self._batches)})
        while at >= len(self._batches):
            self._news.clear()
            await self._news.wait()
            if at >= len(self._batches):
                return web.json_response({"failed": 2})  # closing
        is_live, updates = self._batches[at]
        if not is_live:
            return self._answer(LONG_POLL, {"failed": 1, "ts": _TS + len(self._batches)})
        reply = {"ts": _TS + at + 1, "pts": _PTS + at + 1, "updates": updates}
        return self._answer(LONG_POLL, reply)

    async def _file(self, _: web.Request) -> web.Response:
        # Words in place of a file (`application/json`) are waited out: see `vk.files`.
        return self._answer(FILE, b"a file", "application/octet-stream")

    def _answer(self, name: str, body: Any, content_type: str = "application/json") -> web.Response:
        if self.instead[name]:
            reply = self.instead[name].popleft()
            body = reply(body) if callable(reply) else reply
        status = 200
        if isinstance(body, tuple):
            status, body = body
        raw = body if isinstance(body, bytes) else written(body)
        return web.Response(status=status, body=raw, content_type=content_type)
