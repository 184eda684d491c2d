"""How every request of a client is answered: counted, met by a scripted fault or not, in JSON.

A client that goes away does not undo its call: the call is carried out all the same, as it would
be by a server that has already read it.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.standin.errors import ApiError
from sferum_bridge.standin.faults import Effect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sferum_bridge.standin.faults import Fault, Faults

PIECE = 65_536
ERROR_PAGE = "<html><body><h1>{}</h1></body></html>"


class Download(web.FileResponse):
    """A file as the answer."""

    def __init__(self, path: Path, mime: str) -> None:
        super().__init__(path, headers={"Content-Type": mime})
        self.path = path
        self.size = path.stat().st_size


class Answering:
    """Answers requests, each by what it is given to do."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def respond(
        self,
        request: web.Request,
        name: str,
        answer: Callable[[], Awaitable[Any]],
        refuse: Callable[[ApiError], Any],
    ) -> web.StreamResponse:
        """Answer with the JSON that `answer` returns, or with a response of its own making.

        `name` is what faults and counters call this request; `refuse` shows an error.
        """
        self._faults.seen[name] += 1
        fault = self._faults.take(name)
        effect = fault.effect if fault else None
        if effect is Effect.CUT:
            return cut(request)
        if fault and effect is Effect.HTTP:
            page = ERROR_PAGE.format(fault.code)
            return web.Response(status=fault.code, text=page, content_type="text/html")
        if fault and effect is Effect.BODY:
            return web.Response(text=fault.text, content_type="application/json")
        try:
            if fault:
                await _suffer(fault)
            body = await answer()
        except ApiError as error:
            self._faults.refused[f"{name} {error.code}"] += 1
            body = refuse(error)
        if effect is Effect.CUT_AFTER:
            if isinstance(body, Download):
                await _half(request, body)
            return cut(request)
        return body if isinstance(body, web.StreamResponse) else _json(body)


def cut(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _suffer(fault: Fault) -> None:
    if fault.effect is Effect.ERROR:
        raise ApiError(fault.code, fields=fault.fields)
    if fault.effect is Effect.HANG:
        await asyncio.sleep(fault.seconds)


async def _half(request: web.Request, whole: Download) -> None:
    """Send the first half of a file, promising all of it."""
    left = whole.size // 2
    response = web.StreamResponse(headers={"Content-Length": str(whole.size)})
    await response.prepare(request)
    with whole.path.open("rb") as stream:
        while left > 0:
            piece = stream.read(min(left, PIECE))
            await response.write(piece)
            left -= len(piece)


def _json(body: Any) -> web.Response:
    # A plain response of known length: headers and body leave in one write.
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(text=text, content_type="application/json")
