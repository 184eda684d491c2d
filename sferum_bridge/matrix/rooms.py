"""Making the wanted rooms actual.

    school changed ─► layout (wanted) ─┬─► facts pushed: revocations hold from here on
                                       ├─► missing rooms: intent, createRoom with its invites
                                       ├─► their facts pushed
                                       └─► each room: leaves, invites, joins, powers, name, space
                                             │ every step noted as it is done
                                             ▼
                                 revision of the school applied

What is wanted is compared with what is known to exist, in the store: an unchanged school costs no
request, and one pupil's move costs that pupil's. A crash leaves steps undone that the next run sees
as still wanted. Rooms are worked on side by side, at most `rooms_at_once`; within a room one after
the other, since the homeserver orders a room's events anyway.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import shape
from sferum_bridge.matrix.client import TryAgain, UnknownOutcome
from sferum_bridge.matrix.policy import NotEverywhere
from sferum_bridge.matrix.room import Progress
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import chats, rooms, schools
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.facts import Facts
    from sferum_bridge.matrix.room import RoomFitter
    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.schools import SchoolRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """How rooms are made.

    `poll`: seconds between looks at what other processes changed; `retry`: seconds after which what
    failed is tried again. Where it was refused that is doubled each time, up to `refresh`: seconds
    after which an unchanged school is compared too.
    """

    room_version: str = "12"
    rooms_at_once: int = 4
    invites_at_creation: int = 50
    poll: float = 2.0
    retry: float = 10.0
    refresh: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class _Look:
    """The last look at a school: what it was like, and when to look again all the same."""

    state: object
    pause: float
    again: int


class RoomKeeper:
    """Keeps every school's rooms as the school wants them."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        maker: RoomMaker,
        facts: Facts,
        settings: KeeperSettings,
        wishes: Wishes,
        fitter: RoomFitter,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._maker = maker
        self._facts = facts
        self._settings = settings
        self._wishes = wishes
        self._fitter = fitter
        self._looks: dict[str, _Look] = {}
        self._progress: dict[str, Progress] = {}

    def progress(self, school_id: str) -> Progress:
        """Return how far the present or latest run over a school has come."""
        return self._progress.get(school_id, Progress())

    async def run(self) -> None:
        """Work for ever: at every change, at every school's midnight, and after every failure."""
        bell = self._db.bell(schools.ROOMS_BELL)
        while True:
            with outlasting(log, "Making rooms"):
                await self.catch_up()
            await bell.wait(self._settings.poll)

    async def catch_up(self) -> None:
        """Apply every school that changed; what was refused or interrupted is tried again later."""
        async with self._db.read() as tx:
            records = await schools.records(tx)
        for record in records:
            state = (record.wanted, record.day(self._db.clock()))
            look = self._looks.get(record.id)
            if look is not None and look.state == state and self._db.clock() < look.again:
                continue
            complete = waits = False
            try:
                complete = await self.apply(record)
            except* NotEverywhere:
                waits = True  # for somebody to mend the homeserver; the log has said it
            except* TryAgain as errors:
                waits = True  # nothing was refused, and the trouble may be over any moment
                log.warning("Making rooms was interrupted; going on later: %s", errors.exceptions)
            except* (MatrixRequestError, UnknownOutcome) as errors:
                log.warning("Making rooms was interrupted; going on later: %s", errors.exceptions)
            failed_before = look.pause if look is not None and look.state == state else 0.0
            failed_before = 0.0 if waits else failed_before
            pause = self._pause(failed_before, complete=complete)
            self._looks[record.id] = _Look(state, pause, self._db.clock() + int(pause * 1000))

    def _pause(self, failed_before: float, *, complete: bool) -> float:
        """Return the seconds until a school is looked at again though nothing in it changed."""
        refresh, retry = self._settings.refresh, self._settings.retry
        return refresh if complete else min(max(failed_before * 2, retry), refresh)

    async def apply(self, record: SchoolRecord) -> bool:
        """Make one school's rooms as they should be; false when something was refused.

        One member's refusal holds nobody else up; it is logged. Raises `MatrixRequestError`,
        `UnknownOutcome` and `TryAgain`, alone or in a group, when a room could not be made or
        shaped, and `NotEverywhere` when nobody may be brought in.
        """
        async with self._db.read() as tx:
            wanted = await self._wishes.of(tx, record)
            known = await rooms.of_school(tx, record.id)
            members = await rooms.members_of_school(tx, record.id)
        progress = Progress(total=self._count(wanted, known, members))
        self._progress[record.id] = progress
        try:
            await self._facts.refresh()
        except NotEverywhere:
            # Nobody comes in, but whoever is to go goes.
            await self._remove(wanted, known)
            raise
        room_ids = await self._create_missing(record, wanted, known, progress)
        if len(room_ids) > sum(bool(room.room_id) for room in known.values()):
            await self._facts.refresh()
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)
        made = await asyncio.gather(
            *(
                self._fit(one, room_ids, at_once, progress)
                for one in wanted
                if one.room.kind is not Kind.GATE
            ),
            return_exceptions=True,
        )
        # One room's trouble holds no other up.
        if failures := [each for each in made if isinstance(each, BaseException)]:
            raise BaseExceptionGroup("rooms", failures)
        if record.applied != record.wanted:
            async with self._db.write() as tx:
                await schools.applied(tx, record.id, record.wanted)
        return all(made)

    async def _remove(
        self, wanted: Sequence[Wanted], known: Mapping[str, rooms.RoomRecord]
    ) -> None:
        for one in wanted:
            record = known.get(one.room.key)
            if record is not None and record.room_id and one.room.kind is not Kind.GATE:
                await self._fitter.remove(one, record.room_id)

    def _count(
        self,
        wanted: Sequence[Wanted],
        known: Mapping[str, rooms.RoomRecord],
        members: Mapping[str, Mapping[str, str]],
    ) -> int:
        steps = 0
        for one in wanted:
            record = known.get(one.room.key)
            room_id = record.room_id if record else ""
            steps += not room_id
            joined = {m for m, how in members.get(room_id, {}).items() if how == "join"}
            steps += len(one.members.keys() - joined)
        return steps

    # --- making it so -----------------------------------------------------------------------

    async def _create_missing(
        self,
        record: SchoolRecord,
        wanted: Sequence[Wanted],
        known: Mapping[str, rooms.RoomRecord],
        progress: Progress,
    ) -> dict[str, str]:
        room_ids = {k: r.room_id for k, r in known.items() if r.room_id}
        gate_key = key(Kind.GATE, record.id)
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)

        def before(one: Wanted) -> str:
            record = known.get(one.room.key)
            return str(record.actual.get("predecessor", "")) if record else ""

        async def create(one: Wanted) -> None:
            async with at_once:
                content = shape.creation(
                    one,
                    gate=room_ids.get(gate_key, ""),
                    bot=self._homeserver.bot_mxid,
                    version=self._settings.room_version,
                    most_invites=self._settings.invites_at_creation,
                    predecessor=before(one),
                )
                made = await self._maker.make(one.room.key, record.id, one.room.kind.value, content)
            room_ids[one.room.key] = made.room_id
            if made.fresh:
                actual = {
                    "name": one.name,
                    "users": one.moderators,
                    "levels": shape.LEVELS,
                    "version": self._settings.room_version,
                    "predecessor": before(one),
                }
                async with self._db.write() as tx:
                    await rooms.set_actual(tx, one.room.key, actual)
            progress.done += 1

        missing = [one for one in wanted if one.room.key not in room_ids]
        if missing and missing[0].room.key == gate_key:
            await create(missing.pop(0))
        async with asyncio.TaskGroup() as tasks:
            for one in missing:
                tasks.create_task(create(one))
        for one in wanted:
            if before(one):
                await self._move(one.room, before(one), room_ids)
        return room_ids

    async def _move(self, room: WantedRoom, old: str, room_ids: Mapping[str, str]) -> None:
        """Have a linked chat go on in the room that takes another's place, and say so in that one.

        What people read in the old one they go on reading there. The bot may not be in it any more.
        """
        new, space = room_ids[room.key], room_ids.get(room.parent, "")
        with suppress(MatrixRequestError):
            replaced = {"body": "", "replacement_room": new}
            await self._homeserver.set_state(old, "m.room.tombstone", replaced)
        if space:
            with suppress(MatrixRequestError):
                await self._homeserver.set_state(space, "m.space.child", {}, old)
        async with self._db.write() as tx:
            await chats.move(tx, old, new)
            record = await rooms.by_key(tx, room.key)
            actual = dict(record.actual if record else {})
            actual.pop("predecessor", None)
            await rooms.set_actual(tx, room.key, actual)

    async def _fit(
        self,
        one: Wanted,
        room_ids: Mapping[str, str],
        at_once: asyncio.Semaphore,
        progress: Progress,
    ) -> bool:
        async with at_once:
            try:
                return await self._fitter.fit(one, room_ids, progress)
            except MatrixRequestError as e:
                log.warning("The homeserver refused %s: %s", one.room.key, e.http_status)
                return False
