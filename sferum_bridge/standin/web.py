"""What clients talk to: web_token, the API methods, the long poll. Files are in `depot`."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.standin.errors import ApiError, Code
from sferum_bridge.standin.faults import LONG_POLL, WEB_TOKEN
from sferum_bridge.standin.methods.call import Call, parse_version
from sferum_bridge.standin.methods.execute import carry_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.standin.answering import Answering
    from sferum_bridge.standin.faults import Faults
    from sferum_bridge.standin.longpoll import LongPoll
    from sferum_bridge.standin.methods.registry import Method
    from sferum_bridge.standin.people import People
    from sferum_bridge.standin.settings import Settings

COOKIE = "remixdsid"
EXECUTE = "execute"


class Pace:
    """The rate limit: so many calls a token within any one second."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def allow(self, token: str) -> bool:
        """Tell whether one more call is in time, and count it if it is."""
        if not self._per_second:
            return True
        calls, now = self._calls[token], time.monotonic()
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= self._per_second:
            return False
        calls.append(now)
        return True


class Web:
    """The public side of the stand-in."""

    def __init__(
        self,
        people: People,
        longpoll: LongPoll,
        methods: Mapping[str, Method],
        faults: Faults,
        answering: Answering,
        settings: Settings,
    ) -> None:
        self._people = people
        self._longpoll = longpoll
        self._methods = methods
        self._faults = faults
        self._answering = answering
        self._settings = settings
        self._pace = Pace(settings.calls_per_second)

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        return [
            web.route("*", "/", self.token),
            web.route("*", "/method/{name}", self.method),
            web.route("*", r"/lp{user_id:\d{1,18}}", self.poll),
        ]

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Answer `act=web_token`: an array with an element a profile, or an object with `error`."""

        async def answer() -> Any:
            params = await parameters(request)
            if params.get("act") != "web_token":
                raise web.HTTPNotFound
            if params.get("app_id") != str(self._settings.app_id):
                return _login_error("invalid_client")
            profiles = self._people.logged_in(request.cookies.get(COOKIE, ""))
            if not profiles:
                return _login_error("unauthorized")
            return [self._access(profile.user_id, profile.profile_type) for profile in profiles]

        def refuse(error: ApiError) -> Any:
            return {"error": {"error_code": error.code, "error_msg": str(error)}}

        return await self._answering.respond(request, WEB_TOKEN, answer, refuse)

    async def method(self, request: web.Request) -> web.StreamResponse:
        """Answer an API call: `{"response": ...}` or `{"error": {...}}`."""
        name = request.match_info["name"]
        params: dict[str, str] = {}

        async def answer() -> Any:
            params.update(await parameters(request))
            return self._call(request, name, params)

        def refuse(error: ApiError) -> Any:
            return {"error": _error_object(error, name, params)}

        return await self._answering.respond(request, name, answer, refuse)

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """Answer a long poll."""

        async def answer() -> Any:
            params = await parameters(request)
            if params.get("act") != "a_check":
                raise web.HTTPNotFound
            return await self._longpoll.check(int(request.match_info["user_id"]), params)

        def refuse(error: ApiError) -> Any:
            return {"failed": error.code}

        return await self._answering.respond(request, LONG_POLL, answer, refuse)

    def _access(self, user_id: int, profile_type: int) -> dict[str, Any]:
        token, expires = self._people.issue_token(user_id)
        if self._settings.expires_as_duration:
            expires = self._settings.token_seconds
        return {
            "user_id": user_id,
            "profile_type": profile_type,
            "access_token": token,
            "expires": expires,
        }

    def _call(self, request: web.Request, name: str, params: dict[str, str]) -> dict[str, Any]:
        token = params.get("access_token", "")
        if not token:
            scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
            token = credentials.strip() if scheme.lower() == "bearer" else ""
        if not token:
            raise ApiError(Code.AUTH, "no access_token passed.")
        user_id = self._people.holder(token)
        version = parse_version(params.get("v", ""))
        if not self._pace.allow(token):
            raise ApiError(Code.TOO_MANY)
        shown = {key: value for key, value in params.items() if key != "access_token"}
        self._faults.requests.append((name, shown))
        call = Call(user_id, version, request.host, params, request.scheme)
        if name == EXECUTE:
            return carry_out(call, self._packed)
        return {"response": self._carry(name, call)}

    def _packed(self, name: str, call: Call) -> Any:
        self._faults.seen[name] += 1
        fault = self._faults.take_error(name)
        if fault:
            raise ApiError(fault.code, fields=fault.fields)
        return self._carry(name, call)

    def _carry(self, name: str, call: Call) -> Any:
        method = self._methods.get(name)
        if method is None:
            raise ApiError(Code.UNKNOWN_METHOD)
        return method(call)


async def parameters(request: web.Request) -> dict[str, str]:
    """Return the parameters of the query and the form body; the body wins."""
    params = dict(request.query)
    if request.method == "POST":
        form = await request.post()
        params.update({name: value for name, value in form.items() if isinstance(value, str)})
    return params


def _login_error(error: str) -> dict[str, Any]:
    return {"error": error, "error_description": "User is not authorized"}


def _error_object(error: ApiError, name: str, params: dict[str, str]) -> dict[str, Any]:
    shown = [{"key": "method", "value": name}, {"key": "oauth", "value": "1"}]
    shown += [
        {"key": key, "value": value} for key, value in params.items() if key != "access_token"
    ]
    return {
        "error_code": error.code,
        "error_msg": str(error),
        "request_params": shown,
        **error.fields,
    }
