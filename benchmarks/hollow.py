"""A homeserver with nothing behind it: what it is asked is so at once, and counted.

It keeps rooms as their state and answers every request the bridge makes of it, in microseconds, so
that what is measured of the bridge is the bridge. It checks nothing but the token; that a real
homeserver takes the same requests is shown by the other figures. In `transactions` it sends the
bridge what people write.

Two settings tell the bridge that this is no closed school: there is no extension, so no facts go
out. Everything else, the school's rooms included, the bridge makes as it does anywhere.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from benchmarks.figures import FigureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    State = dict[tuple[str, str], dict[str, Any]]

DOMAIN = "school.example"
_CLIENT, _REGISTER = "/_matrix/client/v3/", "/_synapse/admin/v1/register"
_A_TRANSACTION = 20
_ARRIVAL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: which kind, and about which room (empty for none)."""

    kind: str
    room_id: str


class Hollow:
    """The homeserver. `asked` is what the bridge asked of it since `forget`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.rooms: dict[str, State] = defaultdict(dict)
        self.asked: list[Asked] = []
        self.said = 0
        self.speakers: set[str] = set()
        self._spoken = asyncio.Event()
        self._numbers = itertools.count(1)
        self._bot = f"@sferumbot:{DOMAIN}"

    def forget(self) -> None:
        """Count anew."""
        self.asked.clear()
        self.said = 0

    def kinds(self) -> Mapping[str, int]:
        """Return how many requests of which kind there were."""
        return dict(sorted(Counter(one.kind for one in self.asked).items()))

    async def until_said(self, count: int) -> None:
        """Wait until so many messages were sent since `forget`.

        Raises:
            FigureError: They are not.
        """
        try:
            while self.said < count:
                self._spoken.clear()
                async with asyncio.timeout(_ARRIVAL_SECONDS):
                    await self._spoken.wait()
        except TimeoutError:
            raise FigureError(f"{self.said} of {count} messages were sent") from None

    async def transactions(
        self, bridge: str, hs_token: str, written: Sequence[tuple[str, str, str]]
    ) -> None:
        """Send the bridge texts as (room, who, text), in their order, some at a time."""
        headers = {"Authorization": f"Bearer {hs_token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            for at in range(0, len(written), _A_TRANSACTION):
                events = [self._event(*each) for each in written[at : at + _A_TRANSACTION]]
                where = f"{bridge}/_matrix/app/v1/transactions/{next(self._numbers)}"
                status = 0
                while status != HTTPStatus.OK:
                    async with http.put(where, json={"events": events}) as answer:
                        status = answer.status

    def _event(self, room_id: str, sender: str, text: str) -> dict[str, Any]:
        return {
            "type": "m.room.message",
            "room_id": room_id,
            "sender": sender,
            "event_id": f"$said{next(self._numbers)}",
            "origin_server_ts": time.time_ns() // 1_000_000,
            "content": {"msgtype": "m.text", "body": text},
        }

    # --- answering --------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        """Answer any request."""
        path = request.path_qs.partition("?")[0]
        content = await request.json() if request.method != "GET" and request.can_read_body else {}
        parts = [unquote(part) for part in path.removeprefix(_CLIENT).split("/")]
        user = request.query.get("user_id", self._bot)
        if path == _REGISTER:
            name = content.get("username", "")
            self.asked.append(Asked("account", ""))
            return web.json_response({"nonce": "n", "user_id": f"@{name}:{DOMAIN}"})
        if parts[0] == "rooms":
            room_id, what, *more = parts[1:]
            self.asked.append(Asked(what if request.method != "GET" else f"get {what}", room_id))
            return self._in_room(request.method, room_id, what, more, user, content)
        self.asked.append(Asked(parts[0], ""))
        if parts[0] == "createRoom":
            return web.json_response({"room_id": self._create(content)})
        if parts[0] == "joined_rooms":
            return web.json_response({"joined_rooms": list(self.rooms)})
        return web.json_response({})

    def _create(self, content: Mapping[str, Any]) -> str:
        room_id = f"!room{next(self._numbers)}"
        state = self.rooms[room_id]
        create = content.get("creation_content", {})
        state["m.room.create", ""] = {**create, "room_version": content.get("room_version", "12")}
        state["m.room.power_levels", ""] = dict(content.get("power_level_content_override", {}))
        state["m.room.name", ""] = {"name": content.get("name", "")}
        for event in content.get("initial_state", ()):
            state[event["type"], event.get("state_key", "")] = event["content"]
        state["m.room.member", self._bot] = {"membership": "join"}
        for mxid in content.get("invite", ()):
            state["m.room.member", mxid] = {"membership": "invite"}
        return room_id

    def _in_room(
        self,
        method: str,
        room_id: str,
        what: str,
        more: Sequence[str],
        user: str,
        content: dict[str, Any],
    ) -> web.Response:
        state = self.rooms[room_id]
        if what == "send":
            self.said += 1
            self.speakers.add(user)
            self._spoken.set()
        elif what == "state" and method == "PUT":
            state[more[0], "".join(more[1:])] = content
        elif what == "state" and more:
            found = state.get((more[0], "".join(more[1:])))
            if found is None:
                return web.json_response({"errcode": "M_NOT_FOUND"}, status=404)
            return web.json_response(found)
        elif what == "state":
            return web.json_response(
                [
                    {"type": kind, "state_key": key, "content": each, "sender": self._bot}
                    for (kind, key), each in state.items()
                ]
            )
        elif what in {"join", "leave"}:
            state["m.room.member", user] = {"membership": what}
        elif what in {"invite", "kick"}:
            membership = "invite" if what == "invite" else "leave"
            state["m.room.member", content["user_id"]] = {"membership": membership}
        return web.json_response({"event_id": f"$event{next(self._numbers)}", "room_id": room_id})


@asynccontextmanager
async def hollow_homeserver(port: int) -> AsyncIterator[Hollow]:
    """Serve one on the loopback interface."""
    hollow = Hollow(port)
    application = web.Application(client_max_size=32 * 1024 * 1024)
    application.router.add_route("*", "/{anything:.*}", hollow.answer)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield hollow
    finally:
        await runner.cleanup()
