"""What the homeserver has to know of every school, kept up to date.

Facts are read afresh from the database each time, under one lock, so that an older look never
overwrites a newer one. Whoever makes rooms asks for them in between (`refresh`); `run` looks by
itself for chats that were linked, so that a ghost need not wait for a school that is being filled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.policy import NotEverywhere, SchoolPolicy
from sferum_bridge.school import access
from sferum_bridge.school.attachments import Policies
from sferum_bridge.school.contour import RoomFact, SchoolFact
from sferum_bridge.school.layout import layout, left_over
from sferum_bridge.school.opening import admitted
from sferum_bridge.store import accounts, chats, openings, personal, rooms, schools
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.matrix.policy import Policy, Standing
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.schools import SchoolRecord

log = logging.getLogger(__name__)


class Facts:
    """Tells `policy` what holds in every school.

    Args:
        db: Where it stands.
        policy: Pushes it.
        contacts: Changes to the rights table, see `rights.changed`.
        files: Which files may be shown in school rooms.
        poll: Seconds between looks at linked chats and at openings.
        mend: Seconds between questions whether the homeserver still holds what it should.
    """

    def __init__(
        self,
        db: Database,
        policy: Policy,
        contacts: Mapping[str, str] = MappingProxyType({}),
        files: Policies | None = None,
        *,
        poll: float = 1.0,
        mend: float = 30.0,
    ) -> None:
        self._db = db
        self._contacts = contacts
        self._files = files or Policies()
        self._policy = policy
        self._poll = poll
        self._mend = mend
        self._one = asyncio.Lock()

    async def start(self) -> None:
        """Make sure the homeserver holds what it should. Raises `ExtensionMissing`."""
        async with self._one:
            await self._look()
            await self._policy.start()

    async def refresh(self) -> None:
        """Return when the homeserver decides by what the database says now.

        Raises `MatrixRequestError`, and `NotEverywhere` where not the whole of it does.
        """
        async with self._one:
            await self._look()
            await self._policy.sync()

    @property
    def standing(self) -> Standing:
        """Where the facts stand at the homeserver, as it said last."""
        return self._policy.standing

    async def run(self) -> None:
        """Look for linked chats, and for openings that began or are over, for ever."""
        known: object = None
        mended = time.monotonic()
        while True:
            try:
                async with self._db.read() as tx:
                    found = (await chats.all_chats(tx), await openings.holding(tx))
                    over = await openings.overdue(tx)
                if over:
                    async with self._db.write() as tx:
                        for one in over:
                            await openings.end(tx, one, "bridge")
                if found != known:
                    known = found
                    await self.refresh()
                if time.monotonic() - mended >= self._mend:
                    mended = time.monotonic()
                    async with self._one:
                        await self._policy.mend()
            except NotEverywhere:
                pass  # pushed all the same, and the policy has said it
            except (MatrixRequestError, TryAgain) as e:
                known = None
                log.warning("The homeserver did not take facts (%s); trying again", e)
            except Exception as e:
                if not is_away(e):
                    raise
                known = None
                log.warning("Facts wait for the database: %s", type(e).__name__)
            await asyncio.sleep(self._poll)

    async def _look(self) -> None:
        async with self._db.read() as tx:
            linked = {chat.room_id for chat in await chats.all_chats(tx)}
            mxids = await accounts.by_person(tx)
            owned = dict(await personal.owners(tx))
            for record in await schools.records(tx):
                await self._look_at(tx, record, linked, mxids, owned)

    async def _look_at(
        self,
        tx: Tx,
        record: SchoolRecord,
        linked: set[str],
        mxids: dict[str, list[str]],
        owned: dict[str, str],
    ) -> None:
        """Tell of one school, and of those of `owned`, rooms of personal chats, that it takes."""
        school = await schools.load(tx, record.id)
        day = record.day(tx.now)
        let_in = await openings.holding(tx, record.id)
        made = {k: r.room_id for k, r in (await rooms.of_school(tx, record.id)).items()}
        groups = access.groups(school, day)
        # Who reads what is left of a closed class is here for that, and else as somebody who left.
        reading = {
            person_id: frozenset(access.past_group(tie.role, tie.class_id) for tie in ties)
            for person_id, ties in access.readers(school, day).items()
        }
        gone = frozenset({access.former(school)})
        kin: dict[str, frozenset[str]] = {}
        for child_id, parent_id in access.kin(school):
            for mxid in mxids.get(child_id, ()):
                kin[mxid] = kin.get(mxid, frozenset()) | frozenset(mxids.get(parent_id, ()))
        facts = {
            made[room.key]: RoomFact(
                school.id,
                room.kind.value,
                room.audience.union(admitted(let_in, room.key).values()),
                linked=made[room.key] in linked,
            )
            for room in (*layout(school, day), *left_over(school, filter(made.get, made)))
            if made.get(room.key)
        }
        people = {
            mxid: groups.get(person_id, gone) | reading.get(person_id, frozenset())
            for person_id in school.people
            for mxid in mxids.get(person_id, ())
        }
        for one in let_in:
            people[one.mxid] = people.get(one.mxid, frozenset()) | {one.group}
        # A personal chat is a room of the school that admits its owner alone, and ghosts.
        living = {mxid for mxid, held in people.items() if held - gone.union(*reading.values())}
        for room_id in [room_id for room_id, mxid in owned.items() if mxid in living]:
            mxid = owned.pop(room_id)
            own = personal.group(tx, mxid)
            people[mxid] |= {own}
            facts[room_id] = RoomFact(
                school.id, personal.KIND, frozenset({own}), linked=room_id in linked
            )
        self._policy.set_school(
            school.id,
            SchoolPolicy(
                fact=SchoolFact(frozenset(school.classes), self._contacts, self._files),
                people=people,
                kin={child: parents for child, parents in kin.items() if parents},
                rooms=facts,
            ),
        )
