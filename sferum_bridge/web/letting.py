"""Whom a link of a call or a broadcast lets in: asked when it is opened, of how things are then.

A call is for who is in its room by the homeserver's word, a broadcast for whom its announcement is
for by the school's. To anybody else a link says the same whether there is such a thing or not, so a
link that was passed on opens nothing and tells nothing (S-26, S-28, S-44).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.school import broadcasts as broadcast_rules
from sferum_bridge.school import calls as call_rules
from sferum_bridge.school.calls import Guest
from sferum_bridge.store import accounts, announcements, broadcasts, calls, schools
from sferum_bridge.store.announcements import State
from sferum_bridge.store.calls import Network

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sferum_bridge.school.calls import Meetings
    from sferum_bridge.store.database import Database

_SECONDS = 15.0


class Closed(StrEnum):
    """Why a link leads nowhere; the values are keys of texts."""

    NOT_YOURS = "link-not-yours"
    CALL_OVER = "link-call-over"
    CALL_GONE = "link-call-gone"
    BROADCAST_TO_COME = "link-broadcast-to-come"
    BROADCAST_OVER = "link-broadcast-over"
    AWAY = "link-away"


@dataclass(frozen=True, slots=True)
class Open:
    """Where a link leads one person, now."""

    url: str


class Letting:
    """Looks at who stands at a link.

    `membership` returns somebody's membership in a room as the homeserver has it; for it is waited
    so many seconds.
    """

    def __init__(
        self,
        db: Database,
        membership: Callable[[str, str], Awaitable[str]],
        meetings: Meetings,
        seconds: float = _SECONDS,
    ) -> None:
        self._db = db
        self._membership = membership
        self._meetings = meetings
        self._seconds = seconds

    async def open(self, link_id: str, mxid: str) -> Open | Closed:
        """Return where a link leads somebody who is signed in; notes that they went to a call."""
        async with self._db.read() as tx:
            room_id = await calls.room_of(tx, link_id)
        if not room_id:
            return await self._broadcast(link_id, mxid)
        try:
            # The homeserver client waits for one that is away; whoever looks at a page does not.
            async with asyncio.timeout(self._seconds):
                membership = await self._membership(room_id, mxid)
        except TimeoutError:
            return Closed.AWAY
        except MatrixRequestError:
            return Closed.NOT_YOURS  # no room of the bot's any more
        if membership != "join":
            return Closed.NOT_YOURS
        return await self._call(link_id, mxid)

    async def _call(self, call_id: str, mxid: str) -> Open | Closed:
        async with self._db.write() as tx:
            call = await calls.by_id(tx, call_id)
            if call is None or call.ended_at:
                return Closed.CALL_OVER
            if call.network is Network.OWN and not self._meetings.are_there:
                return Closed.CALL_GONE
            await calls.came(tx, call.id, mxid)
            if call.network is Network.SFERUM:
                return Open(call.url)
            person = await accounts.person_of(tx, mxid)
            leads = person is not None and person.id == call.caller_id
            guest = Guest(mxid, person.formal_name if person else "", leads)
            now = tx.now
        url = call_rules.way_in(self._meetings, call.room_id, call.meeting, guest, now)
        return Open(url)

    async def _broadcast(self, link_id: str, mxid: str) -> Open | Closed:
        async with self._db.read() as tx:
            one = await announcements.by_id(tx, link_id)
            broadcast = await broadcasts.of(tx, link_id) if one else None
            person = await accounts.person_of(tx, mxid)
            if one is None or broadcast is None or person is None or one.state is not State.SENT:
                return Closed.NOT_YOURS
            record = next((r for r in await schools.records(tx) if r.id == one.school_id), None)
            here = await schools.load(tx, one.school_id)
            now = tx.now
        if record is None or one.audience is None:
            return Closed.NOT_YOURS
        if not broadcast_rules.may_watch(one.audience, here, record.day(now), person.id):
            return Closed.NOT_YOURS
        if not broadcast.ended_at:
            return Open(broadcast.url) if broadcast.url else Closed.BROADCAST_TO_COME
        return Open(broadcast.recording) if broadcast.recording else Closed.BROADCAST_OVER
