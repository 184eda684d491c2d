"""Plain calls to a Synapse, as any client makes them, and the settings a test's Synapse needs."""

from __future__ import annotations

import hashlib
import hmac
import io
import itertools
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.demo.synapse import SynapseProcess, SynapseSettings
from tests.support.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarl import URL

SERVER_NAME = "school.example"
BOT = f"@sferumbot:{SERVER_NAME}"
FACTS_PATH = "/_synapse/client/sferum/v1/facts"

NO_RATE_LIMITS: Mapping[str, Any] = {
    name: {"per_second": 1000, "burst_count": 1000}
    for name in (
        *("rc_message", "rc_registration", "rc_joins_per_room", "rc_room_creation"),
        "rc_user_directory",
    )
} | {
    "rc_login": {
        name: {"per_second": 1000, "burst_count": 1000}
        for name in ("address", "account", "failed_attempts")
    },
    "rc_joins": {name: {"per_second": 1000, "burst_count": 1000} for name in ("local", "remote")},
    "rc_invites": {
        name: {"per_second": 1000, "burst_count": 1000}
        for name in ("per_room", "per_user", "per_issuer")
    },
}

OVERRIDES: Mapping[str, Any] = {
    **NO_RATE_LIMITS,
    # Else a second first sync of the same person shows what the first one saw.
    "caches": {"sync_response_cache_duration": "0s"},
}

_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a Matrix account."""

    user_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: dict[str, Any]

    @property
    def errcode(self) -> str:
        return str(self.body.get("errcode", ""))


class Homeserver:
    """A running Synapse together with what its operator knows: the secrets."""

    def __init__(self, process: SynapseProcess, *, bot: Account, facts_secret: str) -> None:
        self.process = process
        self.bot = bot
        self.facts_secret = facts_secret

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: Account | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request; a path without a leading slash is below /_matrix/client/v3/."""
        headers = {"Authorization": f"Bearer {by.token}"} if by else {}
        return await request(
            method, self._address(path), json_body=body, headers=headers, params=params
        )

    async def account(self, name: str = "person", *, admin: bool = False) -> Account:
        """Make an account with a fresh name through the shared-secret endpoint and log it in."""
        path = "/_synapse/admin/v1/register"
        nonce = (await self.call("GET", path)).body["nonce"]
        name = f"{name}-{next(_names)}-{secrets.token_hex(3)}"
        password = secrets.token_urlsafe(12)
        words = (nonce, name, password, "admin" if admin else "notadmin")
        mac = hmac.new(
            self.process.registration_shared_secret.encode(),
            "\0".join(words).encode(),
            hashlib.sha1,  # what the endpoint asks for
        ).hexdigest()
        answer = await self.call(
            "POST",
            path,
            {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac},
        )
        assert answer.status == 200, answer
        return Account(answer.body["user_id"], answer.body["access_token"])

    async def login(self, user: str, password: str) -> Account:
        """Log in with a password."""
        answer = await self.call(
            "POST",
            "login",
            {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": user},
                "password": password,
            },
        )
        assert answer.status == 200, answer
        return Account(answer.body["user_id"], answer.body["access_token"])

    async def room(self, by: Account, **config: Any) -> str:
        """Create a room."""
        answer = await self.call("POST", "createRoom", config, by=by)
        assert answer.status == 200, answer
        return str(answer.body["room_id"])

    async def membership(self, room_id: str, person: Account) -> str:
        """Tell what `person` itself sees of its membership: join, invite or an empty text."""
        rooms = (await self.call("GET", "sync", by=person)).body.get("rooms", {})
        return next((kind for kind in ("join", "invite") if room_id in rooms.get(kind, {})), "")

    async def push(self, facts: Mapping[str, Any] | bytes, *, secret: str | None = None) -> Answer:
        """Push facts as the bridge does."""
        body = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
        return await request(
            "POST",
            self._address(FACTS_PATH),
            raw_body=body,
            headers={"X-Sferum-Mac": sign(secret or self.facts_secret, body)},
        )

    async def generation(self) -> int:
        """Ask which facts the homeserver has."""
        return int((await self.standing())["generation"])

    async def standing(self) -> dict[str, Any]:
        """Ask where the facts stand."""
        now = str(int(time.time()))
        mac = sign(self.facts_secret, f"GET {FACTS_PATH} {now}".encode())
        answer = await request(
            "GET",
            self._address(FACTS_PATH),
            headers={"X-Sferum-Time": now, "X-Sferum-Mac": mac},
        )
        assert answer.status == 200, answer
        return answer.body

    def _address(self, path: str) -> str:
        below = path if path.startswith("/") else f"/_matrix/client/v3/{path}"
        return self.process.url + below


def sign(secret: str, text: bytes) -> str:
    """Compute the code that the facts endpoint asks for."""
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


async def request(
    method: str,
    url: str | URL,
    *,
    json_body: object = None,
    raw_body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Answer:
    """Make one request on a connection of its own."""
    data = None if raw_body is None else io.BytesIO(raw_body)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.request(
            method, url, json=json_body, data=data, headers=headers, params=params
        ) as answer,
    ):
        body = await answer.json(content_type=None)
        return Answer(answer.status, body if isinstance(body, dict) else {"": body})


def write_registration(
    folder: Path, name: str = "sferum", *, url: str | None = None
) -> tuple[Path, Account]:
    """Write the registration of a bot with ghosts.

    Args:
        folder: Where the file goes.
        name: Id of the application service.
        url: Where Synapse sends its transactions; `None` for nowhere.

    Returns:
        The file, and the bot with its token.
    """
    token = secrets.token_urlsafe(32)
    path = folder / f"{name}.json"
    content = {
        "id": name,
        "url": url,
        "as_token": token,
        "hs_token": secrets.token_urlsafe(32),
        "sender_localpart": "sferumbot",
        "rate_limited": False,
        "namespaces": {
            "users": [
                {"exclusive": True, "regex": f"@sferum_.*:{SERVER_NAME}"},
                {"exclusive": True, "regex": f"@sferumbot:{SERVER_NAME}"},
            ]
        },
        "io.element.msc4190": True,
    }
    path.write_text(json.dumps(content), "utf-8")  # every JSON text is YAML too
    return path, Account(BOT, token)


def settings_for(folder: Path, **changes: Any) -> SynapseSettings:
    """Return settings of a Synapse for tests: no rate limits, the contour's module on."""
    base: dict[str, Any] = {
        "folder": folder,
        "server_name": SERVER_NAME,
        "overrides": OVERRIDES,
        "port": reserve_port(),
    }
    return SynapseSettings(**(base | changes))
