"""Having the bot tell somebody why something was refused, which most clients do not show.

    refused ─► an event of the bot in the gate room of a school ─► transaction ─► bridge ─► chat

The bot alone is in a gate room, so nobody else sees it, and the bridge takes the event's content
away when it has read it. It names the account and the reason, nothing of what was refused. Once a
minute for the same person and reason: whoever tries again and again has heard it. Whoever is of no
school is told nothing but the answer.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sferum_bridge.school.contour import NO_GROUPS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.module_api import ModuleApi

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

EVENT = "io.github.sferum_bridge.refused"
GATE = "gate"
PAUSE = 60.0
"""Seconds in which somebody hears the same only once."""
REMEMBERED = 10_000


class Telling:
    """Tells people. `facts` raises `SynapseError` while they cannot be read."""

    def __init__(self, api: ModuleApi, facts: Callable[[], Awaitable[Facts]], bot: str) -> None:
        self._api = api
        self._facts = facts
        self._bot = bot
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, user: str, why: str) -> None:
        """Have somebody told, in a while; `why` is the key of the bot's text."""
        now = time.monotonic()
        if now - self._told.get((user, why), -PAUSE) < PAUSE:
            return
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[user, why] = now
        _ = self._api.run_as_background_process("sferum_tell", self._send, user, why)

    async def _send(self, user: str, why: str) -> None:
        facts = await self._facts()
        groups = facts.people.get(user, NO_GROUPS)
        schools = {facts.schools_of[group] for group in groups if group in facts.schools_of}
        gates = (
            room_id
            for room_id, room in facts.rooms.items()
            if room.kind == GATE and room.school in schools
        )
        gate = next(gates, None)
        if gate is None:
            return
        content = {"user": user, "why": why}
        event = {"type": EVENT, "room_id": gate, "sender": self._bot, "content": content}
        await self._api.create_and_send_event_into_room(event)
