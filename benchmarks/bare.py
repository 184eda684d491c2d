"""The bare clients: nothing but requests, to a homeserver and to the stand-in.

Nothing is stored, checked or repeated here; a request that is refused ends the measurement.
`Matrix` speaks with any access token. `Provisioner` makes a school's rooms with the requests that
cannot be done without. The watchers at the end note what arrives; each runs until it is cancelled,
and `beside` runs them beside a block.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from benchmarks.figures import FigureError
from sferum_bridge.matrix import shape
from sferum_bridge.matrix.client import path
from sferum_bridge.matrix.creation import MARK
from sferum_bridge.school.layout import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    import aiohttp

    from benchmarks.enrolling import Account, Enrolled
    from benchmarks.stage import Service
    from sferum_bridge.school.layout import WantedRoom
    from tests.support.standin import Caller

_ARRIVAL_SECONDS = 60.0
_SYNC_FILTER = json.dumps(
    {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "timeline": {"types": ["m.room.message"], "limit": 100},
            "state": {"types": [], "lazy_load_members": True},
            "ephemeral": {"types": []},
            "account_data": {"types": []},
        },
    }
)


class Matrix:
    """A homeserver's client API, by one access token."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self._http = http
        self._url = url
        self._token = token

    async def request(
        self,
        method: str,
        where: str,
        content: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        token: str = "",
    ) -> dict[str, Any]:
        """Make one request; another `token` than its own may be given.

        Raises:
            FigureError: It was refused.
        """
        headers = {"Authorization": f"Bearer {token or self._token}"}
        async with self._http.request(
            method,
            self._url + where,
            params=query,
            json=None if method == "GET" else content or {},
            headers=headers,
        ) as answer:
            body = await answer.json(content_type=None)
            if not answer.ok:
                error = body.get("errcode", "") if isinstance(body, dict) else ""
                raise FigureError(
                    f"the homeserver refused a bare {method} of {where.rpartition('/')[2]}: "
                    f"{answer.status} {error}"
                )
            return dict(body)

    async def logged_in(self, account: Account) -> Matrix:
        """Sign in to an account as any client does; return its own client."""
        content = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": account.mxid},
            "password": account.password,
        }
        answer = await self.request("POST", path("login"), content)
        return Matrix(self._http, self._url, answer["access_token"])

    async def register(self, mxid: str) -> None:
        """Make an account of the service's own; `mxid` lies in its namespace."""
        content = {
            "type": "m.login.application_service",
            "username": mxid[1:].partition(":")[0],
            "inhibit_login": True,
        }
        await self.request("POST", path("register"), content)

    async def put_device(self, mxid: str, device: str) -> None:
        """Give one of the service's accounts a device, as the bridge gives its ghosts."""
        where = path("devices", device)
        await self.request("PUT", where, {"display_name": "bare"}, query={"user_id": mxid})

    async def set_name(self, mxid: str, name: str) -> None:
        """Have one of the service's accounts be shown by a name."""
        where = path("profile", mxid, "displayname")
        await self.request("PUT", where, {"displayname": name}, query={"user_id": mxid})

    async def create(self, content: Mapping[str, Any]) -> str:
        """Create a room; return its id."""
        return str((await self.request("POST", path("createRoom"), content))["room_id"])

    async def join(self, room_id: str, mxid: str, token: str = "") -> None:
        """Join as somebody the token may act for."""
        where = path("rooms", room_id, "join")
        await self.request("POST", where, query={"user_id": mxid}, token=token)

    async def invite(self, room_id: str, mxid: str) -> None:
        """Invite somebody."""
        await self.request("POST", path("rooms", room_id, "invite"), {"user_id": mxid})

    async def say(self, room_id: str, text: str, query: Mapping[str, str] | None = None) -> None:
        """Send a text; it serves as transaction id too."""
        where = path("rooms", room_id, "send", "m.room.message", text)
        await self.request("PUT", where, {"msgtype": "m.text", "body": text}, query=query)

    async def joined(self, room_id: str) -> set[str]:
        """Return who is in a room."""
        answer = await self.request("GET", path("rooms", room_id, "joined_members"))
        return set(answer["joined"])

    async def watch(self, arrivals: Arrivals) -> None:
        """Sync for ever and note the texts that arrive."""
        query = {"filter": _SYNC_FILTER, "timeout": "0"}
        while True:
            answer = await self.request("GET", path("sync"), query=query)
            query |= {"since": answer["next_batch"], "timeout": "30000"}
            for room in answer.get("rooms", {}).get("join", {}).values():
                for event in room["timeline"]["events"]:
                    arrivals.note(str(event["content"].get("body", "")))


# --- a school -------------------------------------------------------------------------------


class Provisioner:
    """Makes a school's rooms for its twins.

    The same bodies in the same order, as many rooms at once: what the bridge sends, without the
    bridge. The rooms belong to `service`, so that the bridge is sent nothing of them.
    """

    def __init__(
        self, matrix: Matrix, enrolled: Enrolled, service: Service, *, at_once: int
    ) -> None:
        self._matrix = matrix
        self._enrolled = enrolled
        self._service = service
        self._names = enrolled.names()
        self._at_once = asyncio.Semaphore(at_once)
        self._ids: dict[str, str] = {}
        self._gate = ""

    async def provision(self) -> None:
        """Make every room and bring everybody in."""
        gate, *others = self._enrolled.wanted
        if gate.kind is not Kind.GATE:
            raise FigureError("the first wanted room is not the gate")
        await self.create(gate)
        self._gate = self._ids[gate.key]
        async with asyncio.TaskGroup() as tasks:
            for room in others:
                tasks.create_task(self.create(room))
        async with asyncio.TaskGroup() as tasks:
            for room in others:
                tasks.create_task(self.fill(room))

    async def create(self, room: WantedRoom) -> str:
        """Make one room with its invites; return its id."""
        async with self._at_once:
            members = self._members(room)
            content = shape.creation(
                shape.Wanted(room, self._names[room.key], members),
                gate=self._gate,
                bot=self._service.bot,
                version=self._enrolled.config.rooms.version,
                most_invites=len(members),
            )
            # As long as the bridge's, whose type the extension lets nobody else write.
            mark = {"type": MARK[::-1], "state_key": "", "content": {"key": room.key}}
            content["initial_state"] = [*content["initial_state"], mark]
            self._ids[room.key] = await self._matrix.create(content)
        return self._ids[room.key]

    async def fill(self, room: WantedRoom) -> None:
        """Hang one room into its space, and have everybody join."""
        room_id, puppet = self._ids[room.key], self._enrolled.config.appservice.double_puppet_token
        async with self._at_once:
            if room.parent in self._ids:
                where = path("rooms", self._ids[room.parent], "state", "m.space.child", room_id)
                domain = self._service.bot.partition(":")[2]
                await self._matrix.request("PUT", where, {"via": [domain]})
            for mxid in self._members(room):
                await self._matrix.join(room_id, mxid, puppet)

    def _members(self, room: WantedRoom) -> dict[str, int]:
        twins = self._enrolled.twins
        return {twins[person].mxid: power for person, power in sorted(room.members.items())}


# --- arrivals -------------------------------------------------------------------------------


class Arrivals:
    """When which text arrived, by the monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[str, asyncio.Future[float]] = {}

    def note(self, text: str) -> None:
        """Note that a text has arrived; the first time counts."""
        future = self._future(text)
        if not future.done():
            future.set_result(time.perf_counter())

    async def when(self, text: str) -> float:
        """Wait for a text; return when it came.

        Raises:
            FigureError: It does not come.
        """
        try:
            async with asyncio.timeout(_ARRIVAL_SECONDS):
                return await asyncio.shield(self._future(text))
        except TimeoutError:
            raise FigureError(f"{text!r} did not arrive") from None

    def _future(self, text: str) -> asyncio.Future[float]:
        if text not in self._at:
            self._at[text] = asyncio.get_running_loop().create_future()
        return self._at[text]


class Texts:
    """Texts in the order in which they came, to be taken one by one."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    def note(self, text: str) -> None:
        """Note that a text has come."""
        self._queue.put_nowait(text)

    async def next(self) -> str:
        """Wait for the next text."""
        return await self._queue.get()


async def watch_chats(
    caller: Caller, note: Callable[[str], None], ready: Callable[[], None] = lambda: None
) -> None:
    """Long-poll the stand-in for ever and note the texts that arrive.

    `ready` is called once nothing that comes can be missed.
    """
    server = await caller.call("messages.getLongPollServer", need_pts=1, lp_version=19)
    ready()
    while True:
        answer = await caller.poll(server)
        if "failed" in answer:
            raise FigureError(f"the stand-in's long poll failed: {answer['failed']}")
        server["ts"] = answer["ts"]
        for update in answer["updates"]:
            # A text stands alone among numbers and objects, whatever the version's order.
            for part in update:
                if isinstance(part, str):
                    note(part)


@asynccontextmanager
async def receiving(service: Service, note: Callable[[str], None]) -> AsyncIterator[None]:
    """Take the homeserver's transactions for the bare client; note the texts in them."""

    async def take(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {service.hs_token}".encode()):
            return web.json_response({}, status=403)
        for event in (await request.json())["events"]:
            if event["type"] == "m.room.message":
                note(str(event["content"].get("body", "")))
        return web.json_response({})

    server = web.Application(client_max_size=32 * 1024 * 1024)
    server.add_routes([web.put("/_matrix/app/v1/transactions/{id}", take)])
    runner = web.AppRunner(server, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", service.port).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def beside(*endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run watchers beside a block; one that fails ends the block, the block's end ends them."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in endless]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
