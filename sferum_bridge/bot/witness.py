"""Looking at a message that somebody reports, before the transaction in which the report is taken.

What shows in the room who reports, a 🚩 or a reply, is taken away first; then the message is read
as it stands. After a kill both are done again, and nobody sees a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.events import What
from sferum_bridge.school import tickets
from sferum_bridge.school.materials import is_shelf
from sferum_bridge.store import rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sferum_bridge.bot.events import Incoming
    from sferum_bridge.store.database import Database


@dataclass(frozen=True, slots=True)
class Reported:
    """A message somebody reports, or files, as it stands."""

    room_id: str
    event_id: str
    event: Mapping[str, Any] | None
    """`None`: there is none, or none that the bot sees."""
    reason: str = ""


class Witness:
    """Looks at what is reported. `hide` and `look` are those of `service.Bot`."""

    def __init__(
        self,
        db: Database,
        prefix: str,
        hide: Callable[[str, str, str], Awaitable[bool]],
        look: Callable[[str, str], Awaitable[Mapping[str, Any] | None]],
    ) -> None:
        self._db = db
        self._prefix = prefix
        self._hide = hide
        self._look = look

    async def reported(self, event: Incoming, *, direct: bool) -> Reported | None:
        """Return the message that an event reports, `None` where it reports none."""
        if event.what is What.REACTION:
            return await self._flagged(event)
        if event.what is What.MESSAGE and not event.target:
            return await self._named(event, direct=direct)
        return None

    async def filed(self, event: Incoming) -> Reported | None:
        """Return the message of a school room that a reaction files, `None` where it files none."""
        if event.what is not What.REACTION or not is_shelf(event.value):
            return None
        async with self._db.read() as tx:
            if await rooms.by_room_id(tx, event.room_id) is None:
                return None
        seen = await self._look(event.room_id, event.target)
        return Reported(event.room_id, event.target, seen)

    async def _named(self, event: Incoming, *, direct: bool) -> Reported | None:
        """Return what a command reports: the message it replies to or links to."""
        command = commands.parse(event.text, prefix=self._prefix, direct=direct)
        if command is None or command.name is not Name.REPORT:
            return None
        room_id, event_id, reason = tickets.linked(command.argument)
        if not direct:
            await self._hide(event.room_id, event.event_id, event.sender)
            if not event_id:
                room_id, event_id = event.room_id, event.answers
        if not event_id:
            return None
        return Reported(room_id, event_id, await self._look(room_id, event_id), reason)

    async def _flagged(self, event: Incoming) -> Reported | None:
        if not tickets.is_flag(event.value):
            return None
        async with self._db.read() as tx:
            if await rooms.by_room_id(tx, event.room_id) is None:
                return None
        await self._hide(event.room_id, event.event_id, event.sender)
        seen = await self._look(event.room_id, event.target)
        return Reported(event.room_id, event.target, seen)
