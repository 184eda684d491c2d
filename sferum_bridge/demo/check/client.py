"""One person at a Matrix client: matrix-nio, HTTP only, no encryption.

A client syncs only while it waits for something. `hear` looks at what came since a `mark` first,
then goes on syncing, so nothing is missed between writing and listening.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import nio

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from sferum_bridge.demo.people import Login

_POLL_MS = 3000
_FILTER: dict[str, Any] = {"room": {"timeline": {"limit": 200}}, "presence": {"types": []}}


class Unmet(Exception):
    """Something the story promises did not happen; the text says what."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as this client received it."""

    room_id: str
    event_id: str
    kind: str
    sender: str
    content: dict[str, Any]

    @property
    def body(self) -> str:
        """Return the plain text of a message, empty for anything else."""
        body = self.content.get("body")
        return body if self.kind == "m.room.message" and isinstance(body, str) else ""


class Client:
    """A client of `login`, which signs in as its context begins.

    With a `token` it does not sign in, and only asks: it never syncs.
    """

    def __init__(self, homeserver: str, login: Login, *, token: str = "") -> None:
        self.mxid = login.mxid
        self.name = login.name
        self._password = login.password
        self._token = token
        self._nio: Any = nio.AsyncClient(homeserver, login.mxid)
        self._heard: list[Heard] = []

    async def __aenter__(self) -> Self:
        if self._token:
            self._nio.access_token = self._token
            return self
        answer = await self._nio.login(self._password, device_name="demo check")
        _expect(answer, nio.LoginResponse, f"{self.name} cannot sign in")
        await self.sync(wait=False)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._nio.close()

    async def sync(self, *, wait: bool = True) -> None:
        """Take in what is new, waiting a little for something."""
        try:
            answer = await self._nio.sync(timeout=_POLL_MS if wait else 0, sync_filter=_FILTER)
        except (aiohttp.ClientError, TimeoutError):
            # The homeserver is away; a client tries again.
            await asyncio.sleep(0.5)
            return
        if not isinstance(answer, nio.SyncResponse):
            await asyncio.sleep(0.5)
            return
        for room_id, room in answer.rooms.join.items():
            for event in room.timeline.events:
                source = event.source
                self._heard.append(
                    Heard(
                        room_id,
                        source["event_id"],
                        source["type"],
                        source["sender"],
                        source.get("content", {}),
                    )
                )

    @property
    def mark(self) -> int:
        """Return where `hear` has to begin for what comes from now on."""
        return len(self._heard)

    def heard(self, room_id: str, since: int = 0) -> list[Heard]:
        """Return what came in a room, in order."""
        return [one for one in self._heard[since:] if one.room_id == room_id]

    async def hear(
        self,
        what: str,
        wanted: Callable[[Heard], bool],
        *,
        since: int = 0,
        seconds: float = 30.0,
    ) -> Heard:
        """Wait for the first event that is `wanted`.

        Raises:
            Unmet: It did not come in time; `what` says what was missed.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for one in self._heard[since:]:
                        if wanted(one):
                            return one
                    since = self.mark
                    await self.sync()
        except TimeoutError:
            raise Unmet(f"{self.name} did not get {what} within {seconds:g} s") from None

    # --- rooms ------------------------------------------------------------------------------

    async def rooms(self) -> dict[str, str]:
        """Return room id → name of every room this person is in, direct chats left out."""
        await self.sync(wait=False)
        answer = await self._nio.joined_rooms()
        _expect(answer, nio.JoinedRoomsResponse, "the rooms were not listed")
        return {
            room_id: self._nio.rooms[room_id].name
            for room_id in answer.rooms
            if room_id in self._nio.rooms and self._nio.rooms[room_id].name
        }

    async def members(self, room_id: str) -> set[str]:
        """Return the Matrix ids of who is in a room."""
        answer = await self._nio.joined_members(room_id)
        _expect(answer, nio.JoinedMembersResponse, "the members were not listed")
        return {member.user_id for member in answer.members}

    def powers(self, room_id: str) -> dict[str, int]:
        """Return Matrix id → power level of who has a special one."""
        return dict(self._nio.rooms[room_id].power_levels.users)

    def name_of(self, room_id: str, mxid: str) -> str:
        """Return the name somebody is shown by in a room."""
        return str(self._nio.rooms[room_id].user_name(mxid))

    async def join(self, room_id: str) -> str:
        """Try to join; return the error code, empty when it worked."""
        return _code(await self._nio.join(room_id))

    async def invite(self, room_id: str, mxid: str) -> str:
        """Try to invite somebody; return the error code, empty when it worked."""
        return _code(await self._nio.room_invite(room_id, mxid))

    async def chat_with(self, bot: str) -> str:
        """Open a direct chat with the bot; return its id once the bot is in it."""
        preset = nio.RoomPreset.trusted_private_chat
        answer = await self._nio.room_create(is_direct=True, invite=[bot], preset=preset)
        _expect(answer, nio.RoomCreateResponse, "the direct chat was not made")
        room_id = str(answer.room_id)

        def greets(one: Heard) -> bool:
            return one.room_id == room_id and one.sender == bot and bool(one.body)

        await self.hear("the bot's greeting", greets)
        return room_id

    # --- talking ----------------------------------------------------------------------------

    async def say(self, room_id: str, text: str) -> str:
        """Write a message; return its event id."""
        return await self._send(room_id, "m.room.message", {"msgtype": "m.text", "body": text})

    async def tap(self, room_id: str, event_id: str, reaction: str) -> None:
        """Tap a reaction below a message."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": reaction}
        await self._send(room_id, "m.reaction", {"m.relates_to": relation})

    async def ask(self, room_id: str, text: str, of: str, expecting: str) -> Heard:
        """Write to `of` and wait for a message from them that holds `expecting`.

        Raises:
            Unmet: None came; the text quotes what came instead.
        """
        since = self.mark
        await self.say(room_id, text)

        def wanted(one: Heard) -> bool:
            return one.sender == of and expecting in one.body

        try:
            return await self.hear(f"«{expecting}» for «{text[:40]}»", wanted, since=since)
        except Unmet as e:
            instead = [one.body[:200] for one in self._heard[since:] if one.sender == of]
            raise Unmet(f"{e}; instead: {instead}") from None

    async def _send(self, room_id: str, kind: str, content: dict[str, Any]) -> str:
        answer = await self._nio.room_send(room_id, kind, content)
        _expect(answer, nio.RoomSendResponse, f"{self.name} cannot write")
        return str(answer.event_id)


def _code(answer: Any) -> str:
    return str(answer.status_code or "error") if isinstance(answer, nio.ErrorResponse) else ""


def _expect(answer: Any, kind: Any, failed: str) -> None:
    if not isinstance(answer, kind):
        raise Unmet(f"{failed}: {answer}")
