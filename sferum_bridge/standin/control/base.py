"""The door of the control interface, and the readers of its bodies."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from sferum_bridge.standin.errors import ApiError

Act = Callable[[web.Request], Awaitable[Any]]
Route = tuple[str, str, Act]
CHAT = r"/control/chats/{chat:\d{1,18}}"
MISSING = object()


def guarded(key: str, routes: Iterable[Route]) -> list[web.RouteDef]:
    """Return the routes, open to whoever has the key; what goes wrong becomes a status."""
    return [web.route(method, path, _handler(key, act)) for method, path, act in routes]


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request; nothing counts as an empty one."""
    body = json.loads(await request.text() or "{}")
    if not isinstance(body, dict):
        raise TypeError("not an object")
    return body


def field(body: dict[str, Any], name: str, kind: type, default: Any = MISSING) -> Any:
    """Return a field of the right type; without a default it is required."""
    value = body.get(name, default)
    if value is MISSING or not isinstance(value, kind):
        raise ValueError(name)
    return value


def number_in(request: web.Request, name: str) -> int:
    """Return a number of the path."""
    return int(request.match_info[name])


def _handler(key: str, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {key}".encode()):
            return web.json_response({"error": "control key"}, status=401)
        try:
            return web.json_response(await act(request))
        except ApiError as error:
            body = {"error": str(error), "code": error.code}
            return web.json_response(body, status=409)
        except LookupError as error:
            return web.json_response({"error": f"unknown: {error}"}, status=404)
        except (ValueError, TypeError, OverflowError) as error:
            return web.json_response({"error": f"bad body: {error}"}, status=400)

    return handler
