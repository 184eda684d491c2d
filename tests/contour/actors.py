"""Who tries, and how: people with a client, and a server that signs whatever it wants."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from signedjson.key import read_signing_keys
from signedjson.sign import sign_json
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures
from synapse.events import make_event_from_dict
from yarl import URL

from tests.support.synapse import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json = dict[str, Any]
Whole = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class Wire:
    """The connections of a run; renewed where a server restarted and the old ones are dead."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def renew(self) -> None:
        """Close every connection; the next request opens its own."""
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def send(self, method: str, url: str | URL, **rest: Any) -> tuple[int, bytes]:
        """Make one request; return the status and the body."""
        status, _, body = await self.whole(method, url, **rest)
        return status, body

    async def whole(self, method: str, url: str | URL, **rest: Any) -> Whole:
        """Make one request; return the status, the headers and the body."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=60), trust_env=False
            )
        async with self._session.request(method, url, ssl=False, **rest) as answer:
            return answer.status, dict(answer.headers), await answer.read()


def _as_answer(status: int, body: bytes) -> Answer:
    try:
        content = json.loads(body)
    except ValueError:
        content = {"raw": body.decode("latin-1")}
    return Answer(status, content if isinstance(content, dict) else {"": content})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a client: a person, a server administrator, an application service's user."""

    wire: Wire = field(repr=False)
    base: str
    """Address of the homeserver."""
    user_id: str
    token: str = field(default="", repr=False)
    device: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    """Goes with every request: `user_id` for an application service's users."""
    release: str = "v3"
    """What paths without a leading slash are below: v3, r0 or unstable."""

    @property
    def server(self) -> str:
        """The name of its homeserver."""
        return self.user_id.partition(":")[2]

    async def call(
        self, method: str, path: str, body: object = None, **params: str | int
    ) -> Answer:
        """Make one request; a path without a leading slash is below /_matrix/client/v3/."""
        if method in {"POST", "PUT"} and body is None:
            body = {}
        return _as_answer(*await self._send(method, path, params, json=body))

    async def get(self, path: str, **params: str | int) -> Answer:
        return await self.call("GET", path, **params)

    async def post(self, path: str, body: object = None, **params: str | int) -> Answer:
        return await self.call("POST", path, body, **params)

    async def put(self, path: str, body: object = None, **params: str | int) -> Answer:
        return await self.call("PUT", path, body, **params)

    async def whole(self, method: str, path: str, body: object = None) -> Whole:
        """Make one request; return every byte of the answer. The path may have a query."""
        url, headers = self._address(path, {})
        return await self.wire.whole(
            method, URL(url, encoded=True), json=body, headers=headers, params=dict(self.query)
        )

    async def fetch(self, path: str, **params: str | int) -> tuple[int, bytes]:
        """Get a file."""
        return await self._send("GET", path, params)

    async def upload(self, content: bytes, kind: str = "image/png") -> str:
        """Upload a file; return its id."""
        status, body = await self._send(
            "POST", "/_matrix/media/v3/upload", {}, data=content, headers={"Content-Type": kind}
        )
        answer = _as_answer(status, body)
        assert answer.status == 200, answer
        return str(answer.body["content_uri"]).rpartition("/")[2]

    async def state(self, room: str, kind: str, key: str = "", **params: str | int) -> Answer:
        return await self.get(f"rooms/{room}/state/{kind}/{quote(key, safe='')}", **params)

    async def set_state(self, room: str, kind: str, content: Json, key: str = "") -> Answer:
        return await self.put(f"rooms/{room}/state/{kind}/{quote(key, safe='')}", content)

    async def say(self, room: str, text: str = "x") -> str:
        """Send a message; return its id, empty where it was refused."""
        path = f"rooms/{room}/send/m.room.message/{secrets.token_hex(6)}"
        answer = await self.put(path, {"msgtype": "m.text", "body": text})
        return str(answer.body.get("event_id", ""))

    async def show(self, room: str, media: str) -> str:
        """Send a picture that was uploaded; return the event's id, empty where it was refused."""
        path = f"rooms/{room}/send/m.room.message/{secrets.token_hex(6)}"
        content = {"msgtype": "m.image", "body": "x", "url": f"mxc://{self.server}/{media}"}
        return str((await self.put(path, content)).body.get("event_id", ""))

    async def whisper(self, user_id: str, marker: str, *, kind: str = "m.room_key_request") -> None:
        """Send something to all devices of somebody."""
        content = {"messages": {user_id: {"*": {"marker": marker}}}}
        await self.put(f"sendToDevice/{kind}/{secrets.token_hex(6)}", content)

    async def create(self, **config: Any) -> str:
        """Create a room; return its id, empty where it was refused."""
        return str((await self.post("createRoom", config)).body.get("room_id", ""))

    async def invite(self, room: str, user_id: str) -> Answer:
        return await self.post(f"rooms/{room}/invite", {"user_id": user_id})

    async def join(self, room: str, *via: str) -> Answer:
        path = f"join/{quote(room, safe='')}"
        return await self.post(path, {}, **({"server_name": via[0]} if via else {}))

    async def _send(
        self, method: str, path: str, params: Mapping[str, str | int], **rest: Any
    ) -> tuple[int, bytes]:
        url, headers = self._address(path, rest.pop("headers", {}))
        query = {**self.query, **{name: str(value) for name, value in params.items()}}
        return await self.wire.send(method, url, headers=headers, params=query, **rest)

    def _address(self, path: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Return the address of a path, and the headers of a request for it."""
        below = path if path.startswith("/") else f"/_matrix/client/{self.release}/{path}"
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.base + below, {**headers, **own}


class ForgedServer:
    """Signs requests and events as the second server, without asking that server."""

    def __init__(self, wire: Wire, name: str, key_file: Path, target: str) -> None:
        self.wire = wire
        self.name = name
        self.target = target
        """The server it speaks to."""
        with key_file.open(encoding="utf-8") as file:
            (self._key,) = read_signing_keys(file)

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        """Make one signed request; a path without a leading slash is below the federation's v1."""
        status, _, content = await self.whole(method, path, body)
        return _as_answer(status, content)

    async def whole(self, method: str, path: str, body: object = None) -> Whole:
        """Make one signed request; return every byte of the answer."""
        below = path if path.startswith("/") else f"/_matrix/federation/v1/{path}"
        request: Json = {
            "method": method,
            "uri": below,
            "origin": self.name,
            "destination": self.target,
        }
        if body is not None:
            request["content"] = body
        sign_json(request, self.name, self._key)
        ((key_id, signature),) = request["signatures"][self.name].items()
        header = (
            f'X-Matrix origin="{self.name}",destination="{self.target}",'
            f'key="{key_id}",sig="{signature}"'
        )
        # The address goes out as it was signed.
        url = URL(f"https://{self.target}{below}", encoded=True)
        return await self.wire.whole(method, url, json=body, headers={"Authorization": header})

    async def get(self, path: str) -> Answer:
        return await self.call("GET", path)

    async def put(self, path: str, body: object) -> Answer:
        return await self.call("PUT", path, body)

    async def post(self, path: str, body: object) -> Answer:
        return await self.call("POST", path, body)

    async def edu(self, kind: str, content: Json) -> Answer:
        """Send one ephemeral event."""
        return await self.transaction(edus=[{"edu_type": kind, "content": content}])

    async def transaction(self, *, edus: list[Json] | None = None, **parts: Any) -> Answer:
        body = {
            "origin": self.name,
            "origin_server_ts": int(time.time() * 1000),
            "pdus": [],
            "edus": edus or [],
            **parts,
        }
        return await self.put(f"send/{secrets.token_hex(6)}", body)

    def event(self, version: str, content: Json) -> tuple[str, Json]:
        """Hash and sign an event; return its id and itself."""
        room_version = KNOWN_ROOM_VERSIONS[version]
        event: Json = {
            "origin": self.name,
            "origin_server_ts": int(time.time() * 1000),
            "hashes": {},
            "signatures": {},
            "unsigned": {},
            **content,
        }
        add_hashes_and_signatures(room_version, event, self.name, self._key)
        return make_event_from_dict(event, room_version).event_id, event


def quoted(text: str) -> str:
    """Write an id as a part of a path."""
    return quote(text, safe="")
