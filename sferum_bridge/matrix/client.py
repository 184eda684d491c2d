"""The homeserver, as the bridge asks it.

Every request waits out what time can mend: a homeserver that is away (said once in the log, and
once when it is back), an overloaded one, a rate limit with the wait it names. An error of the
homeserver's own it waits out for some tries: a Synapse on SQLite that was ended in the middle of
writing numbers its next events like some it has, and fails until it has counted past them. What is
left comes as `mautrix.errors.MatrixRequestError`. A request that must not be made twice (creating a
room) is not repeated once it may have arrived: it raises `UnknownOutcome`, for the caller to find
out.

mautrix' own HTTP layer is not used: it drops the wait a rate limit names, repeats after a fixed
time, and logs bodies. Its errors, types and formatter are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from mautrix.errors import MatrixRequestError
from yarl import URL

from sferum_bridge.matrix import answers
from sferum_bridge.matrix.answers import TryAgain, UnknownOutcome, chunk_of, mapping, text_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

__all__ = ["Homeserver", "TryAgain", "UnknownOutcome", "path"]

log = logging.getLogger(__name__)

DEVICE_NAME = "sferum-bridge"
"""What people see of the bridge in the list of their sessions."""

# No HTTP statuses of anybody's: what `_once` says when there was none.
_NEVER_SENT, _NO_ANSWER = 598, 599
_AWAY = frozenset({502, 503, 504, _NEVER_SENT, _NO_ANSWER})
_TOO_MANY, _BROKEN = 429, 500
_LATER, _NOT_TAKEN = _AWAY | {_TOO_MANY}, frozenset({_NEVER_SENT, _TOO_MANY})
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 4.0
"""The longest is also how long somebody waits on after the homeserver has come back."""
_BROKEN_TRIES = 6
_MOST_BYTES = 64 * 1024 * 1024
"""Of an answer that is no file: the whole state of a large room has some millions."""
# For how long nothing may move, not for how long it may take.
_STREAMED = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)


class _TooMuch(Exception):
    """An answer does not end."""


def path(*segments: str, version: str = "v3") -> str:
    """Return a client API path of quoted segments."""
    return f"/_matrix/client/{version}/" + "/".join(quote(s, safe="") for s in segments)


class Homeserver:
    """One homeserver, spoken to as the bridge's appservice or, as `puppet`, for a local account."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        as_token: str,
        puppet_token: str,
        bot_mxid: str,
    ) -> None:
        self._session = session
        self._base = url.rstrip("/")
        self._tokens = {False: as_token, True: puppet_token}
        self.bot_mxid = bot_mxid
        self.domain = bot_mxid.partition(":")[2]
        self.away = False
        self.sent: Counter[str] = Counter()
        """How many requests of each kind went out: what the benchmarks count."""
        self.heard: Callable[[str, int, float, float], None] = lambda *_: None
        """Told of each try: its kind, status, the seconds it took, and those a 429 asks for."""

    async def request(
        self,
        method: str,
        where: str,
        *,
        content: Any = None,
        chunks: Callable[[], AsyncIterator[bytes]] | None = None,
        query: Mapping[str, str] | None = None,
        user: str = "",
        device: str = "",
        puppet: bool = False,
        repeatable: bool = True,
        headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        kind: str = "",
    ) -> Any:
        """Make one request and return the JSON answer.

        `user` is played by the bridge's appservice, or by the double-puppet one with `puppet`.
        `chunks` gives the body anew for every try; then its length is in `headers`, and it may
        take as long as it needs.
        `headers` that say what time it is are a function, asked at every try.
        Raises `MatrixRequestError` for a refusal, `TryAgain` for trouble that repeating at once
        does not mend, and `UnknownOutcome` (see above).
        """
        parameters = dict(query or {})
        if user:
            parameters["user_id"] = user
        if device:
            parameters["device_id"] = device
        url = URL(self._base + where, encoded=True).extend_query(parameters)
        body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
        own = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._tokens[puppet]}",
        }

        def call() -> Any:
            more = headers() if callable(headers) else headers or {}
            data = None if method == "GET" else chunks() if chunks else body
            return self._session.request(
                method,
                url,
                data=data,
                headers={**own, **more},
                timeout=_STREAMED if chunks else self._session.timeout,
            )

        wait, broken = _FIRST_WAIT, 0
        while True:
            self.sent[kind or where] += 1
            began = time.monotonic()
            status, text, pause = await self._once(call)
            named = answers.named_wait(text, pause) if status == _TOO_MANY else 0.0
            self.heard(kind, status, time.monotonic() - began, named)
            broken += status == _BROKEN
            if named:
                # It said when: waiting longer each time would be waiting for nothing.
                await asyncio.sleep(named + _FIRST_WAIT * random.random())  # noqa: S311 - spreads
                continue
            if status == _BROKEN and repeatable and broken < _BROKEN_TRIES:
                log.info("The homeserver failed at %s; trying again", kind or method)
            elif status not in _LATER:
                return answers.read(status, text)
            elif not repeatable and status not in _NOT_TAKEN:
                raise UnknownOutcome(f"{method} {kind or where}: {text[:80]}")
            await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311 - spreads, hides nothing
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _once(self, call: Callable[[], Any]) -> tuple[int, str, str]:
        """Return status, body and Retry-After of one try; 5xx also for no answer at all."""
        try:
            async with call() as answer:
                status, text = answer.status, await _text(answer)
                pause = answer.headers.get("Retry-After", "")
        except aiohttp.ClientConnectorError as e:
            status, text, pause = _NEVER_SENT, type(e).__name__, ""
        except (aiohttp.ClientError, TimeoutError) as e:
            status, text, pause = _NO_ANSWER, type(e).__name__, ""
        except _TooMuch:
            status, text, pause = _BROKEN, "", ""
        if status in _AWAY and not self.away:
            self.away = True
            log.warning("The homeserver does not answer (%s); waiting until it does", text[:80])
        elif status not in _AWAY and self.away:
            self.away = False
            log.info("The homeserver answers again; going on")
        return status, text, pause

    async def ask_for_events(self, registration: str) -> bool:
        """Have the homeserver send the bridge at once what it holds back; false if it cannot.

        One that found the bridge away tries again by itself, but later each time, up to minutes.
        `registration` is the id by which it knows the bridge.
        """
        where = path("appservice", registration, "ping", version="v1")
        try:
            await self.request("POST", where, repeatable=False, kind="ping")
        except UnknownOutcome:
            return False
        except (MatrixRequestError, TryAgain) as e:
            log.info("The homeserver was not asked for what it holds back (%s)", e.http_status)
        return True

    # --- accounts ---------------------------------------------------------------------------

    async def register(self, localpart: str) -> None:
        """Make sure an account of the bridge's own namespace exists."""
        content = {
            "type": "m.login.application_service",
            "username": localpart,
            "inhibit_login": True,
        }
        try:
            await self.request("POST", path("register"), content=content, kind="register")
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") != "M_USER_IN_USE":
                raise

    async def put_device(self, mxid: str, device: str, name: str, *, puppet: bool = False) -> None:
        """Give an account the device under which the bridge sends (MSC4190)."""
        await self.request(
            "PUT",
            path("devices", device),
            content={"display_name": name},
            user=mxid,
            puppet=puppet,
            kind="device",
        )

    async def set_name(self, mxid: str, name: str, *, puppet: bool = False) -> None:
        """Set the name an account is shown by."""
        await self.request(
            "PUT",
            path("profile", mxid, "displayname"),
            content={"displayname": name},
            user=mxid,
            puppet=puppet,
            kind="name",
        )

    async def name_of(self, mxid: str) -> str:
        """Return the name an account gives itself, empty when it gives none or is hidden."""
        try:
            profile = await self.request("GET", path("profile", mxid), kind="profile")
        except MatrixRequestError:
            return ""
        name = mapping(profile).get("displayname")
        return name if isinstance(name, str) else ""

    # --- rooms ------------------------------------------------------------------------------

    async def create_room(self, content: Mapping[str, Any]) -> str:
        """Create a room as the bot; return its id. Raises `UnknownOutcome`."""
        if self.away:
            # A proxy in front answers for one that is away: each room would have to be looked for.
            await self.request("GET", "/_matrix/client/versions", kind="versions")
        answer = await self.request(
            "POST", path("createRoom"), content=content, repeatable=False, kind="createRoom"
        )
        try:
            return text_in(answer, "room_id")
        except TryAgain as e:
            raise UnknownOutcome("createRoom: an answer that names no room") from e

    async def joined_rooms(self) -> Sequence[str]:
        """Return the ids of every room the bot is in."""
        answer = await self.request("GET", path("joined_rooms"), kind="joined_rooms")
        found = mapping(answer).get("joined_rooms")
        if not isinstance(found, list):
            raise TryAgain(answers.UNUSABLE)
        return [room_id for room_id in found if isinstance(room_id, str)]

    async def state(self, room_id: str, event_type: str, state_key: str = "") -> Any:
        """Return the content of a state event, `None` when there is none."""
        try:
            where = path("rooms", room_id, "state", event_type, state_key)
            return await self.request("GET", where, kind="state")
        except MatrixRequestError as e:
            if getattr(e, "errcode", "") == "M_NOT_FOUND":
                return None
            raise

    async def whole_state(self, room_id: str) -> Sequence[Any]:
        """Return every state event of a room; of one the bot left, those of when it left.

        Raises `MatrixRequestError` when the bot never was in it, or the room is no more.
        """
        where = path("rooms", room_id, "state")
        answer = await self.request("GET", where, kind="whole_state")
        if not isinstance(answer, list):
            raise TryAgain(answers.UNUSABLE)
        return answer

    async def set_state(
        self, room_id: str, event_type: str, content: Any, state_key: str = "", *, user: str = ""
    ) -> None:
        """Set a state event as the bot, or as the local account `user`."""
        where = path("rooms", room_id, "state", event_type, state_key)
        puppet = bool(user)
        await self.request(
            "PUT", where, content=content, user=user, puppet=puppet, kind="set_state"
        )

    async def invite(self, room_id: str, mxid: str, *, user: str = "") -> None:
        """Invite somebody as the bot, or as the local account `user`."""
        where = path("rooms", room_id, "invite")
        content, puppet = {"user_id": mxid}, bool(user)
        await self.request("POST", where, content=content, user=user, puppet=puppet, kind="invite")

    async def join(self, room_id: str, mxid: str = "", *, puppet: bool = False) -> None:
        """Join as the bot, as a ghost, or as a local account with `puppet`."""
        where = path("rooms", room_id, "join")
        await self.request("POST", where, user=mxid, puppet=puppet, kind="join")

    async def kick(self, room_id: str, mxid: str, reason: str = "") -> None:
        """Remove somebody, or take an invite back, as the bot."""
        where = path("rooms", room_id, "kick")
        content = {"user_id": mxid, "reason": reason} if reason else {"user_id": mxid}
        await self.request("POST", where, content=content, kind="kick")

    async def unban(self, room_id: str, mxid: str) -> None:
        """Lift somebody's ban, as the bot."""
        where = path("rooms", room_id, "unban")
        await self.request("POST", where, content={"user_id": mxid}, kind="unban")

    async def leave(self, room_id: str) -> None:
        """Leave a room as the bot."""
        await self.request("POST", path("rooms", room_id, "leave"), kind="leave")

    async def people_in(self, room_id: str) -> set[str] | None:
        """Return who is in or invited to a room, `None` when the bot may not know."""
        try:
            answer = await self.request("GET", path("rooms", room_id, "members"), kind="members")
        except MatrixRequestError:
            return None
        return {
            text_in(event, "state_key")
            for event in chunk_of(answer)
            if mapping(mapping(event).get("content")).get("membership") in ("join", "invite")
        }

    async def membership(self, room_id: str, mxid: str) -> str:
        """Return somebody's membership as the homeserver has it; `leave` for none."""
        content = await self.state(room_id, "m.room.member", mxid)
        return str(mapping(content).get("membership", "leave"))

    async def recent_events(self, room_id: str, limit: int) -> Sequence[Any]:
        """Return the last `limit` events of a room the bot is in, the oldest first."""
        answer = await self.request(
            "GET",
            path("rooms", room_id, "messages"),
            query={"dir": "b", "limit": str(limit)},
            kind="messages",
        )
        return chunk_of(answer)[::-1]

    async def event(self, room_id: str, event_id: str) -> Any:
        """Return one event of a room, `None` where the bot sees none: no such, or not its room."""
        try:
            where = path("rooms", room_id, "event", event_id)
            return await self.request("GET", where, kind="event")
        except MatrixRequestError:
            return None

    def stream(self, where: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Open an answer for reading, as the bot: one try, whatever its status (see `media`)."""
        return self._session.get(
            URL(self._base + where, encoded=True),
            headers={"Authorization": f"Bearer {self._tokens[False]}"},
            allow_redirects=False,
            timeout=_STREAMED,
        )

    async def upload(self, data: bytes, mimetype: str, name: str) -> str:
        """Upload a file as the bot; return its mxc: address."""
        answer = await self.request(
            "POST",
            "/_matrix/media/v3/upload",
            content=data,
            query={"filename": name},
            headers={"Content-Type": mimetype},
            kind="upload",
        )
        return text_in(answer, "content_uri")

    async def send(
        self,
        room_id: str,
        event_type: str,
        txn_id: str,
        content: Mapping[str, Any],
        *,
        user: str = "",
        device: str = "",
        puppet: bool = False,
        ts: int = 0,
    ) -> str:
        """Send an event once per `txn_id`; return its id. `ts`, in milliseconds, dates it."""
        put = partial(
            self.request,
            "PUT",
            path("rooms", room_id, "send", event_type, txn_id),
            content=content,
            query={"ts": str(ts)} if ts else None,
            user=user,
            device=device,
            puppet=puppet,
            kind="send",
        )
        try:
            answer = await put()
        except MatrixRequestError as e:
            if not device or getattr(e, "errcode", "") != "M_UNKNOWN_DEVICE":
                raise
            # Whoever changes a password may sign all their devices out, the bridge's among them.
            await self.put_device(user, device, DEVICE_NAME, puppet=puppet)
            answer = await put()
        return text_in(answer, "event_id")


async def _text(answer: aiohttp.ClientResponse) -> str:
    """Return the body of an answer. Raises `_TooMuch`."""
    pieces, size = [], 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > _MOST_BYTES:
            raise _TooMuch
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "replace")
