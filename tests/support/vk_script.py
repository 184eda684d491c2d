"""A server that answers with the raw replies a test wrote down, as VK's public documents show them.

It knows nothing of VK by itself and shares no code with the connector it is for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

COOKIE = "vk1.a.cookie-of-nobody"
USER_ID = 700001


@dataclass(frozen=True)
class Raw:
    """A reply that is not plain JSON with status 200. `cut` closes the connection instead."""

    status: int = 200
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: float = 0.0


def profiles(token: str, expires: int = 3600) -> list[dict[str, Any]]:
    """Return a web_token reply in which the educational profile is not where old clients look."""
    return [
        {"user_id": USER_ID, "profile_type": 2, "access_token": token, "expires": expires},
        {"user_id": 5, "profile_type": 0, "access_token": "ordinary", "expires": expires},
    ]


def error(code: int, **more: Any) -> dict[str, Any]:
    """Return a failure envelope."""
    return {"error": {"error_code": code, "error_msg": "told by VK", **more}}


def ok(response: Any) -> dict[str, Any]:
    """Return a success envelope."""
    return {"response": response}


@dataclass(frozen=True)
class Uploaded:
    """What came as the field of a form: its size, its beginning, the length told beforehand."""

    field: str
    name: str
    mime: str
    size: int
    first: bytes
    told: int


class ScriptedVk:
    """Replies by script; a script that is used up leaves its last line standing."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: deque[Any] = deque([profiles("token-1")])
        self.methods: dict[str, deque[Any]] = defaultdict(deque)
        self.answers: dict[str, Callable[[dict[str, str]], Any]] = {}
        """Methods whose replies depend on what is asked."""
        self.polls: deque[Any] = deque()
        self.uploads: deque[Any] = deque()
        self.uploaded: list[Uploaded] = []
        self.files: dict[str, deque[Any]] = defaultdict(deque)
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.poll_queries: list[dict[str, str]] = []
        self.cookies: list[str] = []
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedVk]:
        app = web.Application()
        app.router.add_get("/", self._web_token)
        app.router.add_post("/method/{method}", self._method)
        app.router.add_get("/lp/{server}", self._poll)
        app.router.add_post("/upload", self._upload)
        app.router.add_get("/file/{name}", self._file)
        server = TestServer(app)
        await server.start_server()
        self.url = f"http://127.0.0.1:{server.port}"
        try:
            yield self
        finally:
            self._closing.set()
            await server.close()

    def script(self, method: str, *replies: Any) -> None:
        self.methods[method].extend(replies)

    def serve_long_poll(self, ts: int = 100, pts: int = 50, name: str = "a", **more: Any) -> None:
        server = f"{self.url.removeprefix('http://')}/lp/{name}"
        reply = {"server": server, "key": f"key-{name}", "ts": ts, "pts": pts, **more}
        self.script("messages.getLongPollServer", ok(reply))

    def called(self, method: str) -> list[dict[str, str]]:
        return [form for name, form in self.calls if name == method]

    async def _web_token(self, request: web.Request) -> web.StreamResponse:
        self.cookies.append(request.headers.get("Cookie", ""))
        return await self._answer(request, self.tokens)

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        form = {k: str(v) for k, v in (await request.post()).items()}
        self.calls.append((method, form))
        if method in self.answers:
            return await self._answer(request, deque([self.answers[method](form)]))
        return await self._answer(request, self.methods[method])

    async def _poll(self, request: web.Request) -> web.StreamResponse:
        self.poll_queries.append({"server": request.match_info["server"], **request.query})
        if not self.polls:
            await self._closing.wait()
            return web.json_response({"failed": 3})
        return await self._answer(request, self.polls, keep=0)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        reader = await request.multipart()
        part = await reader.next()
        assert isinstance(part, BodyPartReader)
        size, first = 0, b""
        while piece := await part.read_chunk():
            size, first = size + len(piece), first or piece[:100]
        self.uploaded.append(
            Uploaded(
                part.name or "",
                part.filename or "",
                part.headers.get("Content-Type", ""),
                size,
                first,
                request.content_length or 0,
            )
        )
        return await self._answer(request, self.uploads)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self.files[request.match_info["name"]])

    async def _answer(
        self, request: web.Request, script: deque[Any], keep: int = 1
    ) -> web.StreamResponse:
        reply = script.popleft() if len(script) > keep else script[0]
        if not isinstance(reply, Raw):
            return web.json_response(reply)
        await asyncio.sleep(reply.hang)
        if reply.cut and request.transport is not None:
            request.transport.close()
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        return web.Response(status=reply.status, body=body, headers=reply.headers)
