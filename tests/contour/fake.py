"""A server that is none: it has one room, and tells of it what it wants.

somebody of ours joins ─► make_join, send_join ─► the state that the fake chooses
an event after one that it withheld ─► get_missing_events ─► what it chooses
                                   └─► state_ids, event ───► the same
"""

from __future__ import annotations

import secrets
import ssl
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from signedjson.key import (
    encode_verify_key_base64,
    generate_signing_key,
    get_verify_key,
    write_signing_keys,
)
from signedjson.sign import sign_json

from tests.contour.actors import ForgedServer
from tests.contour.servers import write_certificate
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contour.actors import Json, Wire

FAR = 4_102_444_800_000
"""Until when its key is good: the year 2100, in milliseconds."""
SHOWN = ("m.room.create", "m.room.power_levels", "m.room.join_rules")


class FakeServer:
    """Serves `state` and `missing`, and signs; `async with` starts and stops it."""

    def __init__(self, wire: Wire, folder: Path, target: str, version: str) -> None:
        self._port = reserve_port()
        self.name = f"127.0.0.1:{self._port}"
        self.user = f"@f:{self.name}"
        self.version = version
        self._key = generate_signing_key("fake")
        self._certificate = folder / "fake.pem"
        write_certificate(self._certificate)
        with (folder / "fake.key").open("w", encoding="utf-8") as file:
            write_signing_keys(file, [self._key])
        self.forged = ForgedServer(wire, self.name, folder / "fake.key", target)
        self.events: dict[str, Json] = {}
        self.state: dict[tuple[str, str], str] = {}
        """What it says the room's state is, ids by type and key."""
        self.missing: list[str] = []
        """What it gives where it is asked for the events between two others."""
        self.asked: set[str] = set()
        """What it was asked for."""
        self.latest = ""
        self.room = "" if version == "12" else f"!{secrets.token_hex(9)}:{self.name}"

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context).start()
        self._found()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    def add(self, kind: str, content: Json, key: str | None = None, *, after: str = "") -> str:
        """Make an event of the fake's user; return its id. It is told to nobody."""
        before = after or self.latest
        wanted = [("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.member", self.user)]
        if kind == "m.room.member":
            wanted.append(("m.room.join_rules", ""))
        auth = [self.state[place] for place in wanted if place in self.state]
        if self.version == "12":
            # There the room's id is the create event's, which is named nowhere else.
            auth = [name for name in auth if name != self.state["m.room.create", ""]]
        event: Json = {
            "type": kind,
            "sender": self.user,
            "content": content,
            "auth_events": auth,
            "prev_events": [before] if before else [],
            "depth": len(self.events) + 1,
        }
        event |= {"room_id": self.room} if self.room else {}
        event |= {"state_key": key} if key is not None else {}
        event_id, signed = self.forged.event(self.version, event)
        self.events[event_id] = signed
        self.latest = event_id
        return event_id

    async def send(self, event_id: str) -> None:
        """Tell of one event."""
        await self.forged.transaction(pdus=[self.events[event_id]])

    def _found(self) -> None:
        """Make the room, which everybody may join."""
        creator = {} if self.version == "12" else {"creator": self.user}
        create = {"room_version": self.version, **creator}
        powers = {} if self.version == "12" else {self.user: 100}
        for kind, key, content in (
            ("m.room.create", "", create),
            ("m.room.member", self.user, {"membership": "join"}),
            ("m.room.power_levels", "", {"users": powers, "invite": 0}),
            ("m.room.join_rules", "", {"join_rule": "public"}),
        ):
            self.state[kind, key] = self.add(kind, content, key)
            if not self.room:
                self.room = f"!{self.latest[1:]}"

    def _told(self, ids: Any) -> list[Json]:
        return [self.events[event_id] for event_id in ids]

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path.split("/")
        what = "key" if path[2] == "key" else path[4]
        self.asked.add(what)
        found = getattr(self, f"_on_{what}", None)
        if found is None:
            return web.json_response({"errcode": "M_NOT_FOUND", "error": "no"}, status=404)
        return web.json_response(await found(request, path))

    async def _on_key(self, _: web.Request, __: list[str]) -> Json:
        verify = get_verify_key(self._key)
        keys = {f"ed25519:{verify.version}": {"key": encode_verify_key_base64(verify)}}
        told: Json = {
            "server_name": self.name,
            "verify_keys": keys,
            "old_verify_keys": {},
            "valid_until_ts": FAR,
        }
        return dict(sign_json(told, self.name, self._key))

    async def _on_make_join(self, _: web.Request, path: list[str]) -> Json:
        auth = [self.state[name, ""] for name in SHOWN]
        event = {
            "type": "m.room.member",
            "room_id": self.room,
            "sender": path[6],
            "state_key": path[6],
            "content": {"membership": "join"},
            "auth_events": auth[1:] if self.version == "12" else auth,
            "prev_events": [self.latest],
            "depth": len(self.events) + 1,
        }
        return {"room_version": self.version, "event": event}

    async def _on_send_join(self, request: web.Request, path: list[str]) -> Json:
        state = self._told(self.state.values())
        self.latest = path[6]
        self.events[path[6]] = await request.json()
        return {
            "state": state,
            "auth_chain": state,
            "event": self.events[path[6]],
            "origin": self.name,
        }

    async def _on_send(self, _: web.Request, __: list[str]) -> Json:
        return {"pdus": {}}

    async def _on_get_missing_events(self, _: web.Request, __: list[str]) -> Json:
        return {"events": self._told(self.missing)}

    async def _on_state_ids(self, _: web.Request, __: list[str]) -> Json:
        ids = list(self.state.values())
        return {"pdu_ids": ids, "auth_chain_ids": ids}

    async def _on_state(self, _: web.Request, __: list[str]) -> Json:
        state = self._told(self.state.values())
        return {"pdus": state, "auth_chain": state}

    async def _on_event(self, _: web.Request, path: list[str]) -> Json:
        found = self._told([path[5]] if path[5] in self.events else [])
        return {"origin": self.name, "origin_server_ts": 0, "pdus": found}
