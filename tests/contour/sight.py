"""What the victims of an attack see, each with its own client."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.contour.actors import Actor, Json

T = TypeVar("T")

Leak = str
"""What an attack brought about, in words; empty where nothing."""

_LITTLE = {
    # Invites pass every filter but one that lets no room through at all.
    "room": {
        "timeline": {"limit": 1, "types": []},
        **{part: {"types": []} for part in ("state", "ephemeral", "account_data")},
    },
    "presence": {"types": []},
    "account_data": {"types": []},
}


class Sight:
    """The part of a world that only looks. `bot` is in every room of the school, and sees it."""

    bot: Actor

    async def sync(self, actor: Actor, since: str = "", **filters: Any) -> Json:
        """Sync what is not in joined rooms: invites, knocks, to-device messages."""
        params: dict[str, str | int] = {"filter": json.dumps({**_LITTLE, **filters}), "timeout": 0}
        if since:
            params["since"] = since
        answer = await actor.get("sync", **params)
        assert answer.status == 200, answer
        return answer.body

    async def invites(self, actor: Actor) -> set[str]:
        """Return the rooms that somebody is invited to, as its client shows them."""
        return set((await self.sync(actor)).get("rooms", {}).get("invite", {}))

    async def invited_since(self, actor: Actor, before: set[str]) -> Leak:
        """Tell whether somebody got an invite more."""
        new = await self.invites(actor) - before
        return f"{actor.user_id} is invited to {', '.join(sorted(new))}" if new else ""

    async def is_invited(self, actor: Actor, room: str) -> Leak:
        invited = bool(room) and room in await self.invites(actor)
        return f"{actor.user_id} is invited to {room}" if invited else ""

    async def is_member(self, room: str, user_id: str, *, seen_by: Actor | None = None) -> Leak:
        """Tell whether a room has somebody in it, invited or knocking."""
        watcher = seen_by or self.bot
        answer = await watcher.state(room, "m.room.member", user_id)
        membership = answer.body.get("membership", "")
        found = answer.status == 200 and membership in {"join", "invite", "knock"}
        return f"{user_id}: {membership} in {room}" if found else ""

    async def is_member_joined(self, room: str, user_id: str, seen_by: Actor | None = None) -> Leak:
        """Tell whether somebody is in a room, an invite that waits not counted."""
        leak = await self.is_member(room, user_id, seen_by=seen_by)
        return leak if ": join" in leak else ""

    async def has_state(
        self, room: str, kind: str, content: Json, key: str = "", *, seen_by: Actor | None = None
    ) -> Leak:
        """Tell whether a room's state holds `content` (parts of it)."""
        answer = await (seen_by or self.bot).state(room, kind, key)
        held = answer.status == 200 and content.items() <= answer.body.items()
        return f"{kind} of {room} is {answer.body}" if held else ""

    async def heard(self, actor: Actor, marker: str) -> Leak:
        """Tell whether a to-device message has come to somebody."""
        events = (await self.sync(actor)).get("to_device", {}).get("events", [])
        found = any(event["content"].get("marker") == marker for event in events)
        return f"{actor.user_id} got the to-device message" if found else ""

    async def fence(self, sender: Actor, receiver: Actor) -> None:
        """Return when what went from one server to the other before now has come there."""
        marker = secrets.token_hex(6)
        await sender.whisper(receiver.user_id, marker)
        await until(lambda: self.heard(receiver, marker), 15)


async def until(condition: Callable[[], Awaitable[T]], seconds: float = 5) -> T:
    """Wait until `condition` returns something true; return it, or the last false one."""
    end = time.monotonic() + seconds
    while not (found := await condition()) and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # another process is watched
    return found
