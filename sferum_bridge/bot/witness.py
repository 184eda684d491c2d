"""Looking at a message that somebody reports or files, before the transaction that takes it up.

What shows in the room who reports, a 🚩 or a reply, is taken away first; then the message is read
as it stands. After a kill both are done again, and nobody sees a difference.

The bot may read nearly every file, and what it shows may be read by everybody in the room. So of a
message that is filed it passes on only the files that whoever wrote the message may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, events
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.events import What
from sferum_bridge.school import tickets
from sferum_bridge.school.materials import is_shelf
from sferum_bridge.store import rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    media: frozenset[str] = frozenset()
    """Of a message that is filed: the files in it that its sender may read."""


class Witness:
    """Looks at what is reported. `hide`, `look` and `may_show` are those of `service.Bot`."""

    def __init__(
        self,
        db: Database,
        prefix: str,
        hide: Callable[[str, str, str], Awaitable[bool]],
        look: Callable[[str, str], Awaitable[Mapping[str, Any] | None]],
        may_show: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        self._db = db
        self._prefix = prefix
        self._hide = hide
        self._look = look
        self._may_show = may_show

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
        media = await self._media(latest(seen or {}))
        return Reported(event.room_id, event.target, seen, media=media)

    async def changed(self, content: Mapping[str, Any]) -> Reported | None:
        """Return the edit or the end of a message that is listed, which news are about.

        News of `store.materials.CHANGED` hold it, or say which message it would be of.
        """
        change = content.get("event")
        if not isinstance(change, Mapping):
            change = await self._since(content)
        if change is None:
            return None
        new = new_content(change)
        media = await self._media({**change, "content": new}) if new is not None else frozenset()
        return Reported(str(change.get("room_id", "")), "", change, media=media)

    async def _since(self, content: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what has become of a message since an edit; `None` for nothing."""
        room_id, source = str(content.get("room", "")), str(content.get("source", ""))
        seen = await self._look(room_id, source)
        if seen is None:
            return None
        unsigned = seen.get("unsigned")
        if isinstance(unsigned, Mapping) and "redacted_because" in unsigned:
            return {"type": "m.room.redaction", "room_id": room_id, "redacts": source}
        edit = edit_of(seen)
        return {**edit, "room_id": room_id} if edit.get("event_id", "") != content["edit"] else None

    async def _media(self, event: Mapping[str, Any]) -> frozenset[str]:
        seen = events.read(event, "")
        named = {seen.file.media, seen.file.thumbnail} - {""} if seen.file else set()
        return frozenset([one for one in named if await self._may_show(one, seen.sender)])

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


def latest(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event as its last edit left it."""
    new = new_content(edit_of(event))
    return {**event, "content": new} if new is not None else event


def edit_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the last edit of an event, as the homeserver adds it; empty for none."""
    unsigned = event.get("unsigned")
    relations = unsigned.get("m.relations") if isinstance(unsigned, Mapping) else None
    edit = relations.get("m.replace") if isinstance(relations, Mapping) else None
    return edit if isinstance(edit, Mapping) else {}


def new_content(edit: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what an edit makes of a message; `None` for what is no edit."""
    content = edit.get("content")
    new = content.get("m.new_content") if isinstance(content, Mapping) else None
    return new if isinstance(new, Mapping) else None
