"""A school room, people who belong in it, and the bridge's way of bringing them in by the batch."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from sferum_bridge.matrix import shape
from sferum_bridge.matrix.client import Homeserver as BridgeClient
from sferum_bridge.matrix.enrolment import Enrolment
from sferum_bridge.school.layout import Kind, WantedRoom, key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from tests.support.synapse import Account, Homeserver

PUPILS = "class/7b/pupils"
AUDIENCE = (PUPILS, "class/7b/teachers")
_AT_ONCE = 8


@dataclass
class Hall:
    """A server with one class; `people` are those the facts know."""

    server: Homeserver
    enrolment: Enrolment
    gate: str = ""
    people: dict[str, list[str]] = field(default_factory=dict)
    rooms: list[str] = field(default_factory=list)

    async def newcomers(self, count: int, *, groups: Iterable[str] = (PUPILS,)) -> list[Account]:
        """Make accounts of people of the class; `tell` pushes the facts."""
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> Account:
            async with turn:
                return await self.server.account(f"pupil{number}")

        found = await asyncio.gather(*(one(number) for number in range(count)))
        self.people |= {person.user_id: list(groups) for person in found}
        return list(found)

    async def room(
        self, *, version: str = "12", invite: Sequence[str] = (), known: bool = True, **more: Any
    ) -> str:
        """Make a class room as the bridge does."""
        bot = self.server.bot
        if not self.gate:
            self.gate = await self.server.room(bot, preset="private_chat")
        kind = Kind.PUPILS
        wanted = shape.Wanted(
            WantedRoom(key(kind, "7b"), kind, "7b", "", frozenset(AUDIENCE), {}), "7b", {}
        )
        content = shape.creation(
            wanted, gate=self.gate, bot=bot.user_id, version=version, most_invites=0
        )
        content["invite"] = list(invite)
        room = await self.server.room(bot, **{**content, **more})
        if known:
            self.rooms.append(room)
        return room

    async def tell(self) -> None:
        """Push the facts as they are now."""
        answer = await self.server.push(
            {
                "generation": await self.server.generation() + 1,
                "kind": "full",
                "service": [self.server.bot.user_id],
                "ghost_prefix": "@sferum_",
                "people": self.people,
                "rooms": {
                    room: {"school": "1", "kind": "pupils", "audience": AUDIENCE, "linked": False}
                    for room in self.rooms
                },
                "kin": {},
                "schools": {"1": {"classes": ["7b"], "contacts": {}}},
            }
        )
        assert answer.status == 200, answer

    async def members(self, room: str) -> dict[str, str]:
        """Return everybody's membership, as the bot reads it."""
        answer = await self.server.call("GET", f"rooms/{room}/members", by=self.server.bot)
        assert answer.status == 200, answer
        return {e["state_key"]: e["content"]["membership"] for e in answer.body["chunk"]}

    async def tips(self, room: str) -> list[str]:
        """Return the events that the next one would hang on, as the server's admins read them."""
        admin = await self.server.account("admin", admin=True)
        path = f"/_synapse/admin/v1/rooms/{room}/forward_extremities"
        answer = await self.server.call("GET", path, by=admin)
        assert answer.status == 200, answer
        return [one["event_id"] for one in answer.body["results"]]

    async def timeline(self, room: str, by: Account) -> list[dict[str, Any]]:
        """Return a room's events, the oldest first."""
        params = {"dir": "b", "limit": "500"}
        answer = await self.server.call("GET", f"rooms/{room}/messages", by=by, params=params)
        assert answer.status == 200, answer
        return list(reversed(answer.body["chunk"]))


@asynccontextmanager
async def hall(server: Homeserver, *, secret: str | None = None) -> AsyncIterator[Hall]:
    """Give a hall at a running server."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        client = BridgeClient(
            session,
            server._address("/").rstrip("/"),
            as_token=server.bot.token,
            puppet_token="",
            bot_mxid=server.bot.user_id,
        )
        yield Hall(server, Enrolment(client, secret or server.facts_secret))
