"""Files: whose they are, who was shown those of the bridge, and so who may open which (S-44).

What people put up themselves follows who they are (`contour.may_read_media`). What the bridge puts
up, relayed files and what the bot sends, is for whoever may read an event that shows it. Synapse
does not know which events show a file, so they are noted in `sferum_shown` before they are stored:

    event to be made ─► mxc: addresses in it ─┬─ made by the bridge ─────────────► sferum_shown
    (or long made, `backlog`)                 └─ or by whom it was shown to ────►
    request for a file ─► its owner ─► may_read_media ─┬─► yes or no
                          (in memory)                  └─► sferum_shown ─► an event that Synapse
                                                                           lets the reader see

So whoever was shown a file can forward it, and who only knows the id of one does not open it to
themselves by naming it. An event that was redacted shows nothing, nor does an edit of one. What a
room's state shows, pictures above all, is for whoever is in the room or invited, whenever it was
set. Somebody of no school opens what the bridge itself showed while they were there, and nothing
that was passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership, RelationTypes
from synapse.api.errors import SynapseError
from synapse.events import relation_from_event
from synapse.visibility import filter_and_transform_events_for_client

from sferum_bridge.homeserver import tables
from sferum_bridge.school.contour import Reason, Side, may_read_media

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.school.contour import Facts

REMEMBERED = 20_000
"""Files whose owner is kept in memory: a few megabytes, most of a day's pictures of a school."""
MOST = 20
"""Files of one event that are looked at; the bridge shows one, and its thumbnail."""
BRIDGE = frozenset({Side.SERVICE, Side.GHOST})
PRESENT = frozenset({Membership.JOIN, Membership.INVITE})
SHOWING = frozenset({"url", "thumbnail_url", "avatar_url"})
"""What holds the address of a file, of messages, pictures of rooms and of people."""

SCALARS = (int, float, type(None))


@dataclass(frozen=True, slots=True)
class Made:
    """An event that stands in Synapse's database."""

    event_id: str
    room_id: str
    sender: str
    content: object


class Files:
    """Knows the files of this server, and notes what the bridge's are shown by."""

    def __init__(
        self, api: ModuleApi, homeserver: HomeServer, facts: Callable[[], Awaitable[Facts]]
    ) -> None:
        self._run = api.run_db_interaction
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._storage = homeserver.get_storage_controllers
        self._facts = facts
        self._here = re.compile(f"mxc://{re.escape(homeserver.hostname)}/([A-Za-z0-9_-]+)")
        self._owners: dict[str, str | None] = {}
        self._has_table = False

    async def let(self, reader: str, media_id: str) -> bool:
        """Tell whether somebody may read a file; what does not exist is Synapse's to refuse."""
        owner = await self._owner(media_id)
        if owner is None:
            return True
        facts = await self._facts()
        decision = may_read_media(reader, owner, facts)
        if decision.reason is Reason.SHOWN:
            return await self._is_shown_to(reader, media_id, facts)
        return decision.allowed

    async def is_shown_since(self, media_id: str, since: int, but: str) -> bool:
        """Tell whether an event made since a time (milliseconds), `but` for one, shows a file.

        It may be anybody's file, and any event that is not encrypted and stands still.
        """
        rows = await self._run("sferum_shown_since", _shown_since, media_id, since)
        found = await self._store.get_events([event_id for event_id in rows if event_id != but])
        events = await self._standing(found.values())
        return any(media_id in self._named(event.content) for event in events)

    async def note(self, event: EventBase, *, by_bridge: bool) -> None:
        """Take note of the files of the bridge that an event shows, which is about to be made.

        `by_bridge`: it asked for the event, be it in the name of a school account.
        """
        named = self._named(event.content)
        if not named:
            return
        if by_bridge:
            await self._show(named, event.event_id, event.room_id)
            return
        try:
            facts = await self._facts()
        except SynapseError:
            return  # nobody is kept from writing; `backlog` comes by again
        await self._pass_on(named, event.sender, event.event_id, event.room_id, facts)

    async def note_made(self, event: Made, facts: Facts) -> None:
        """Take the same note of an event that was made long ago, or without this module."""
        named = self._named(event.content)
        await self._pass_on(named, event.sender, event.event_id, event.room_id, facts)

    def _named(self, content: object) -> list[str]:
        found = (self._here.fullmatch(address) for address in addresses(content))
        return list(dict.fromkeys(match[1] for match in found if match))[:MOST]

    async def _pass_on(
        self, named: Iterable[str], sender: str, event_id: str, room_id: str, facts: Facts
    ) -> None:
        shown = [one for one in named if await self._may_pass_on(sender, one, facts)]
        await self._show(shown, event_id, room_id)

    async def _may_pass_on(self, sender: str, media_id: str, facts: Facts) -> bool:
        owner = await self._owner(media_id)
        if owner is None or facts.side(owner) not in BRIDGE:
            return False
        # A new picture of a ghost is told to its rooms by Synapse.
        return facts.side(sender) in BRIDGE or await self._is_shown_to(sender, media_id, facts)

    async def _show(self, media: Iterable[str], event_id: str, room_id: str) -> None:
        for media_id in media:
            await self._in_table("sferum_show", _insert, (media_id, event_id, room_id))

    async def _owner(self, media_id: str) -> str | None:
        """Return who put a file up, which never changes; `None` where there is none."""
        if media_id not in self._owners:
            found = await self._store.get_local_media(media_id)
            if found is None:
                return None
            if len(self._owners) >= REMEMBERED:
                self._owners.clear()
            self._owners[media_id] = found.user_id
        return self._owners[media_id]

    async def _is_shown_to(self, reader: str, media_id: str, facts: Facts) -> bool:
        rows = await self._in_table("sferum_shown_to", _shown_to, media_id, reader)
        if not all(how in PRESENT for _, _, how in rows):
            forgotten = await self._store.get_forgotten_rooms_for_user(reader)
            rows = [row for row in rows if row[1] not in forgotten]
        there = {event: how for event, _, how in rows}
        found = await self._store.get_events(there)
        events = await self._standing(found.values())
        is_outsider = facts.side(reader) is Side.OUTSIDER
        if is_outsider:
            events = [event for event in events if facts.side(event.sender) in BRIDGE]
        if any(event.is_state() and there[event.event_id] in PRESENT for event in events):
            return True
        members: list[EventBase] = []
        others: list[EventBase] = []
        for event in events:
            is_member = not is_outsider and there[event.event_id] == Membership.JOIN
            (members if is_member else others).append(event)
        # Open history is for those in the room: else it would show what was put up after somebody
        # left, or what the bot sent to a former pupil to whomever that one lets in.
        return await self._is_read(reader, members) or await self._is_read(
            reader, others, is_peeking=True
        )

    async def _is_read(
        self, reader: str, events: list[EventBase], *, is_peeking: bool = False
    ) -> bool:
        if not events:
            return False
        return bool(
            await filter_and_transform_events_for_client(
                self._storage(), reader, events, is_peeking=is_peeking
            )
        )

    async def _standing(self, events: Iterable[EventBase]) -> list[EventBase]:
        """Return the events that were not taken back, nor are edits of what was."""
        standing = [event for event in events if not event.internal_metadata.is_redacted()]
        edited = {
            event.event_id: relation.parent_id
            for event in standing
            if (relation := relation_from_event(event))
            and relation.rel_type == RelationTypes.REPLACE
        }
        if not edited:
            return standing
        found = await self._store.get_events(edited.values())
        kept = {event_id for event_id, e in found.items() if not e.internal_metadata.is_redacted()}
        return [e for e in standing if e.event_id not in edited or edited[e.event_id] in kept]

    async def _in_table(self, name: str, work: Callable[..., Any], *arguments: object) -> Any:
        if not self._has_table:
            await self._run("sferum_tables", tables.create)
            self._has_table = True
        return await self._run(name, work, *arguments)


def addresses(value: object) -> Iterator[str]:
    """Yield what clients of an event fetch; a text may hold any address, and shows nothing."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, str):
                if key in SHOWING:
                    yield item
            elif not isinstance(item, SCALARS):  # hundreds, in power levels
                yield from addresses(item)
    elif isinstance(value, list | tuple):  # events hold lists as tuples
        for item in value:
            yield from addresses(item)


def _insert(txn: LoggingTransaction, row: tuple[str, str, str]) -> None:
    txn.execute(
        "INSERT INTO sferum_shown (media_id, event_id, room_id) VALUES (?, ?, ?)"
        " ON CONFLICT (media_id, event_id) DO NOTHING",
        row,
    )


def _shown_since(txn: LoggingTransaction, media_id: str, since: int) -> list[str]:
    """Return events that may show a file, by `events_ts`: a look at what was said since, no more.

    Its id may hold `_`, which stands for any letter; what is found is read again.
    """
    txn.execute(
        "SELECT e.event_id FROM events AS e"
        " INNER JOIN event_json AS j ON j.event_id = e.event_id"
        " WHERE e.origin_server_ts >= ? AND j.json LIKE ?",
        (since, f"%/{media_id}%"),
    )
    return [row[0] for row in txn.fetchall()]


def _shown_to(txn: LoggingTransaction, media_id: str, reader: str) -> list[tuple[str, str, str]]:
    """Return events that show a file in rooms that an account is or was in: id, room, membership.

    By the key of `sferum_shown` and `local_current_membership_idx` (user_id, room_id).
    """
    txn.execute(
        "SELECT s.event_id, s.room_id, m.membership FROM sferum_shown AS s"
        " INNER JOIN local_current_membership AS m ON m.user_id = ? AND m.room_id = s.room_id"
        " WHERE s.media_id = ?",
        (reader, media_id),
    )
    return txn.fetchall()
