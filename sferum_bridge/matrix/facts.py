"""What the homeserver has to know of every school, kept up to date.

Facts are read afresh from the database each time, under one lock, so that an older look never
overwrites a newer one. Whoever makes rooms asks for them in between (`refresh`); `run` looks by
itself for chats that were linked, so that a ghost need not wait for a school that is being filled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.school import access
from sferum_bridge.school.contour import RoomFact
from sferum_bridge.school.layout import layout
from sferum_bridge.store import accounts, chats, rooms, schools
from sferum_bridge.store.database import is_away

if TYPE_CHECKING:
    from sferum_bridge.matrix.policy import Policy
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.schools import SchoolRecord

log = logging.getLogger(__name__)


class Facts:
    """Tells `policy` what holds in every school. `poll`: seconds between looks at linked chats."""

    def __init__(self, db: Database, policy: Policy, *, poll: float = 1.0) -> None:
        self._db = db
        self._policy = policy
        self._poll = poll
        self._one = asyncio.Lock()

    async def start(self) -> None:
        """Make sure the homeserver holds what it should. Raises `ExtensionMissing`."""
        async with self._one:
            await self._look()
            await self._policy.start()

    async def refresh(self) -> None:
        """Return when the homeserver decides by what the database says now.

        Raises `MatrixRequestError`.
        """
        async with self._one:
            await self._look()
            await self._policy.sync()

    async def run(self) -> None:
        """Look for linked chats for ever."""
        known = None
        while True:
            try:
                async with self._db.read() as tx:
                    linked = await chats.all_chats(tx)
                if linked != known:
                    await self.refresh()
                    known = linked
            except (MatrixRequestError, TryAgain) as e:
                log.warning("The homeserver did not take facts (%s); trying again", e)
            except Exception as e:
                if not is_away(e):
                    raise
                log.warning("Facts wait for the database: %s", type(e).__name__)
            await asyncio.sleep(self._poll)

    async def _look(self) -> None:
        async with self._db.read() as tx:
            linked = {chat.room_id for chat in await chats.all_chats(tx)}
            mxids = await accounts.by_person(tx)
            for record in await schools.records(tx):
                await self._look_at(tx, record, linked, mxids)

    async def _look_at(
        self, tx: Tx, record: SchoolRecord, linked: set[str], mxids: dict[str, list[str]]
    ) -> None:
        school = await schools.load(tx, record.id)
        day = record.day(tx.now)
        made = {k: r.room_id for k, r in (await rooms.of_school(tx, record.id)).items()}
        people = {
            mxid: groups
            for person_id, groups in access.groups(school, day).items()
            for mxid in mxids.get(person_id, ())
        }
        facts = {
            made[room.key]: RoomFact(
                school.id, room.kind.value, room.audience, linked=made[room.key] in linked
            )
            for room in layout(school, day)
            if made.get(room.key)
        }
        self._policy.set_school(school.id, people, facts)
