"""What the running server itself says, asked as an outsider, as the bridge, and by the extension.

Every question reads only: nothing is registered, sent or joined, so asking a school's own server at
noon is harmless. Answers are looked at, never kept or logged.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp

from sferum_bridge.doctor.outbound import is_loopback
from sferum_bridge.doctor.report import Finding, State
from sferum_bridge.matrix.policy import FACTS, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sferum_bridge.config import Config

_CLIENT = "/_matrix/client/v3"
_SECONDS = 10.0
_MOST_ROOMS = 50
_SOON, _TOO_FAR = 5, 60
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Unreachable(Exception):
    """The server does not answer at its address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is empty where it was no JSON object."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


class Running:
    """A running server. `rooms` are ids of the school's rooms."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: Config, rooms: Sequence[str]
    ) -> None:
        self._session = session
        self._settings = settings
        self._rooms = rooms[:_MOST_ROOMS]
        self.processes: set[str] = set()
        """The processes of Synapse that report to the extension, once it was asked."""
        self._base = settings.homeserver.address.rstrip("/")

    async def look(self) -> AsyncIterator[Finding]:
        """Ask all there is to ask. Raises `Unreachable` when there is no server."""
        sent = time.time()
        versions = await self._get("/_matrix/client/versions")
        if versions.status != HTTPStatus.OK or "versions" not in versions.body:
            raise Unreachable
        server = str(versions.headers.get("Server", ""))
        yield Finding(State.OK, self._base, "answers", server)
        yield _clock(versions, (sent + time.time()) / 2)
        if self._settings.homeserver.extension_secret:
            for one in await self._extension():
                yield one
        for token, says in (
            (self._settings.appservice.as_token, "token"),
            (self._settings.appservice.double_puppet_token, "token-puppet"),
        ):
            yield await self._token(token, says)
        yield await self._strangers_profile()
        yield await self._strangers_list()
        yield await self._registration()
        yield _delayed_events(versions)
        yield await self._identity()
        async for finding in self._school_rooms():
            yield finding
        async for finding in self._from_outside():
            yield finding

    # --- by the bridge ----------------------------------------------------------------------

    async def _extension(self) -> list[Finding]:
        secret = self._settings.homeserver.extension_secret.encode()
        answer = await self._get(FACTS, headers=question(secret, FACTS))
        match answer.status:
            case HTTPStatus.OK:
                return self._standing(answer.body)
            case HTTPStatus.NOT_FOUND:
                return [Finding(State.WRONG, FACTS, "facts-missing")]
            case HTTPStatus.FORBIDDEN if "X-Sferum-Time" in str(answer.body.get("error")):
                return [Finding(State.WRONG, FACTS, "clock")]
            case HTTPStatus.FORBIDDEN:
                return [Finding(State.WRONG, FACTS, "module-secret")]
        return [Finding(State.WRONG, FACTS, "facts-unreadable", f"HTTP {answer.status}")]

    def _standing(self, told: Mapping[str, Any]) -> list[Finding]:
        """Read where the facts stand, in which processes."""
        generation = told.get("generation")
        found = f"generation {generation}"
        if told.get("readable") is False or told.get("damaged"):
            facts = Finding(State.WRONG, FACTS, "facts-unreadable", found)
        else:
            # Nothing was pushed: the bridge never ran against this server.
            facts = Finding(State.OK if generation else State.NOTE, FACTS, "facts", found)
        processes = told.get("processes")
        self.processes = set(processes) if isinstance(processes, dict) else set()
        return [
            facts,
            *(
                Finding(State.WRONG, FACTS, f"process-{how}", name, values={"worker": name})
                for how in ("missing", "waiting")
                for name in map(str, told.get(how) or ())
            ),
        ]

    async def _token(self, token: str, says: str) -> Finding:
        answer = await self._get(f"{_CLIENT}/account/whoami", token=token)
        state = State.OK if answer.status == HTTPStatus.OK else State.WRONG
        return Finding(state, "whoami", says, f"HTTP {answer.status}")

    # --- as somebody nobody knows -----------------------------------------------------------

    async def _strangers_profile(self) -> Finding:
        answer = await self._get(f"{_CLIENT}/profile/{quote(self._settings.bot_mxid, safe='')}")
        what = f"GET profile/{self._settings.bot_mxid}"
        if answer.status == HTTPStatus.NOT_FOUND:
            # Refused to everybody or no such account: both look like this.
            return Finding(State.UNKNOWN, what, "profiles-anonymous", f"HTTP {answer.status}")
        state = State.OK if answer.status in _REFUSED else State.WRONG
        return Finding(state, what, "profiles-anonymous", f"HTTP {answer.status}")

    async def _strangers_list(self) -> Finding:
        answer = await self._get(f"{_CLIENT}/publicRooms?limit=1")
        state = State.OK if answer.status in _REFUSED else State.WRONG
        return Finding(state, "GET publicRooms", "public-rooms", f"HTTP {answer.status}")

    async def _registration(self) -> Finding:
        # Whether a name is free is only told where somebody may register it.
        answer = await self._get(f"{_CLIENT}/register/available?username=sferum-bridge-doctor")
        is_open = answer.status == HTTPStatus.OK
        says = "registration-live" if is_open else "registration"
        found = f"HTTP {answer.status}"
        state = State.NOTE if is_open else State.OK
        return Finding(state, "GET register/available", says, found)

    async def _identity(self) -> Finding:
        answer = await self._get("/.well-known/matrix/client")
        named = answer.body.get("m.identity_server")
        found = str(named.get("base_url", "")) if isinstance(named, dict) else ""
        state = State.WRONG if found else State.OK
        return Finding(state, ".well-known/matrix/client", "identity-server", found)

    async def _school_rooms(self) -> AsyncIterator[Finding]:
        listed = aliased = 0
        for room_id in self._rooms:
            quoted = quote(room_id, safe="")
            answer = await self._get(f"{_CLIENT}/directory/list/room/{quoted}")
            listed += answer.body.get("visibility") == "public"
            token = self._settings.appservice.as_token
            answer = await self._get(f"{_CLIENT}/rooms/{quoted}/aliases", token=token)
            aliased += bool(answer.body.get("aliases"))
        if self._rooms:
            for number, what, says in (
                (listed, "GET directory/list/room", "room-list"),
                (aliased, "GET rooms/…/aliases", "aliases"),
            ):
                state = State.WRONG if number else State.OK
                yield Finding(state, what, says, f"{number} / {len(self._rooms)}")

    async def _from_outside(self) -> AsyncIterator[Finding]:
        """Ask where people's clients ask: the admin API has no business there."""
        public = self._settings.homeserver.public_address.rstrip("/")
        if not public or is_loopback(urlsplit(public).hostname or ""):
            return
        where = "/_synapse/admin/v1/server_version"
        try:
            answer = await self._get(where, base=public)
        except Unreachable:
            yield Finding(State.UNKNOWN, public, "listener-client")
            return
        state = State.WRONG if answer.body else State.OK
        if answer.status == HTTPStatus.NOT_FOUND:
            state = State.OK
        yield Finding(state, f"{public}{where}", "listener-client", f"HTTP {answer.status}")

    async def _get(
        self,
        where: str,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        base: str = "",
    ) -> Answer:
        given = dict(headers or {})
        if token:
            given["Authorization"] = f"Bearer {token}"
        try:
            async with self._session.get(
                (base or self._base) + where,
                headers=given,
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                allow_redirects=False,
            ) as answer:
                text = await answer.text(errors="replace")
                return Answer(answer.status, _object(text), answer.headers)
        except (aiohttp.ClientError, TimeoutError, ValueError) as e:
            raise Unreachable from e


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _delayed_events(versions: Answer) -> Finding:
    features = versions.body.get("unstable_features")
    on = isinstance(features, dict) and features.get("org.matrix.msc4140") is True
    state = State.WRONG if on else State.OK
    return Finding(state, "GET versions: msc4140", "delayed-events", str(on).lower())


def _clock(answer: Answer, now: float) -> Finding:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return Finding(State.UNKNOWN, "Date", "clock")
    apart = abs(theirs - now)
    state = State.OK if apart <= _SOON else State.NOTE if apart < _TOO_FAR else State.WRONG
    return Finding(state, "Date", "clock", f"{apart:.0f} s")
