"""Making the wanted rooms actual.

    school changed ─► layout (wanted), less what is known (`due`) ─► facts pushed: revocations hold
                                                                              │
         who is to go goes: after who leads the room from now on has come in ◄┘
                     │ unless it rests (`pause`): then nothing but removals
                     ▼
      parents' rooms a few wait for, what others are missing in, the school's own, class by class:
         missing rooms made (an intent, createRoom) ─► their facts pushed ─► people come in
                     │ every step noted as it is done
                     ▼
      new names ─► revision of the school applied

What is wanted is compared with what is known to exist, in the store: an unchanged school costs no
request, and one pupil's move costs that pupil's. A crash leaves steps undone that the next run sees
as still wanted. Rooms are worked on side by side, as many as the homeserver bears (`throttle`); in
a room it is one after the other, since the homeserver orders a room's events anyway. A parents'
room that a few parents are missing in, then any room in which a few people are, comes before the
rest is made at all: people wait for it, and a crowd is an import.

A school that changes meanwhile is looked at anew within seconds (`Run`), so whoever is confirmed or
removed during a large import does not wait for its end.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import shape
from sferum_bridge.matrix.client import TryAgain, UnknownOutcome
from sferum_bridge.matrix.plan import read_plan
from sferum_bridge.matrix.policy import NotEverywhere
from sferum_bridge.matrix.progress import Progress, Run, Stopped
from sferum_bridge.matrix.throttle import Throttle
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import chats, rooms, schools
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.facts import Facts
    from sferum_bridge.matrix.plan import Plan
    from sferum_bridge.matrix.room import RoomFitter
    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.schools import SchoolRecord

    _Fit: TypeAlias = Callable[[Wanted, Mapping[str, str], Run], Awaitable[bool]]

log = logging.getLogger(__name__)

_PART = 5
"""Looking at a school takes one part in so many of the time that its rooms are made, at most."""


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """How rooms are made.

    `poll`: seconds between looks at what other processes changed; `retry`: seconds after which what
    failed is tried again. Where it was refused that is doubled each time, up to `refresh`: seconds
    after which an unchanged school is compared too. `renew`: seconds after which a run under way is
    begun anew for what changed meanwhile.
    """

    room_version: str = "12"
    rooms_at_once: int = 4
    invites_at_creation: int = 50
    poll: float = 2.0
    retry: float = 10.0
    refresh: float = 6 * 3600.0
    renew: float = 5.0


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
        throttle: Throttle | None = None,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._maker = maker
        self._facts = facts
        self._settings = settings
        self._wishes = wishes
        self._fitter = fitter
        self._throttle = throttle or Throttle(settings.rooms_at_once)
        self._looks: dict[str, _Look] = {}
        self._progress: dict[str, Progress] = {}
        self._under_way: set[str] = set()

    def progress(self, school_id: str) -> Progress:
        """Return how far the present or latest run over a school has come."""
        return self._progress.get(school_id, Progress())

    async def run(self) -> None:
        """Work for ever: at every change, at every school's midnight, and after every failure.

        Schools are worked on side by side, so none waits for another's import.
        """
        bell = self._db.bell(schools.ROOMS_BELL)
        async with asyncio.TaskGroup() as tasks:
            while True:
                with outlasting(log, "Making rooms"):
                    for record in await self._due():
                        tasks.create_task(self._outlast(record))
                await bell.wait(self._settings.poll)

    async def catch_up(self) -> None:
        """Apply every school that changed; what was refused or interrupted is tried again later."""
        for record in await self._due():
            await self._work(record)

    async def _due(self) -> Sequence[SchoolRecord]:
        """Return the schools to be looked at now, and take them for under way."""
        async with self._db.read() as tx:
            records = await schools.records(tx)
        now, found = self._db.clock(), []
        for record in records:
            look = self._looks.get(record.id)
            is_same = look is not None and look.state == self._state(record)
            if record.id in self._under_way or (is_same and look is not None and now < look.again):
                continue
            self._under_way.add(record.id)
            found.append(record)
        return found

    def _state(self, record: SchoolRecord) -> object:
        return (record.wanted, record.day(self._db.clock()), record.paused)

    async def _outlast(self, record: SchoolRecord) -> None:
        with outlasting(log, "Making rooms"):
            await self._work(record)

    async def _work(self, record: SchoolRecord) -> None:
        """Apply a school, and note when to look at it again."""
        state, look = self._state(record), self._looks.get(record.id)
        complete = waits = stopped = False
        try:
            try:
                complete = await self.apply(record)
            except Stopped:
                stopped = True
        except* NotEverywhere:
            waits = True  # for somebody to mend the homeserver; the log has said it
        except* TryAgain as errors:
            waits = True  # nothing was refused, and the trouble may be over any moment
            log.warning("Making rooms was interrupted; going on later: %s", errors.exceptions)
        except* (MatrixRequestError, UnknownOutcome) as errors:
            log.warning("Making rooms was interrupted; going on later: %s", errors.exceptions)
        finally:
            self._under_way.discard(record.id)
        if stopped:
            # What it was begun with holds no more: it is due again right now.
            self._looks.pop(record.id, None)
            self._db.bell(schools.ROOMS_BELL).ring(set())
            return
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

        One member's refusal holds nobody else up; it is logged. While the school rests, people are
        removed, power is taken, and nothing else is done. Raises `MatrixRequestError`,
        `UnknownOutcome` and `TryAgain`, alone or in a group, when a room could not be made or
        shaped, `NotEverywhere` when nobody may be brought in, and `Stopped` when it has to be begun
        anew.
        """
        begun = self._db.clock()
        async with self._db.read() as tx:
            plan = await read_plan(tx, self._wishes, record, self._fitter.house)
        progress = self._begin(record.id, sum(each.steps for each in plan.due.values()))
        # What takes long to find out is not found out all the time.
        renew = max(int(self._settings.renew * 1000), _PART * (self._db.clock() - begun))
        run = Run(self._db, record, progress, renew=renew)
        revoking = plan.where(lambda todo: todo.revokes)
        act = partial(self._act, plan, run)
        try:
            await self._facts.refresh()
        except NotEverywhere:
            # Nobody comes in, but whoever is to go goes.
            await act(revoking, self._fitter.revoke)
            raise
        if record.paused:
            complete = await act(revoking, self._fitter.revoke)
            plan.raise_failures()
            return complete
        complete = await act(revoking, self._fitter.clear)
        for wave, filled in plan.waves():
            if await self._create_missing(record, plan, wave, run):
                await self._facts.refresh()
            for one in wave:
                if one.room.key in plan.room_ids and (old := plan.predecessor(one)):
                    await self._move(one.room, old, plan.room_ids)
            complete &= await act(plan.to_fill(filled), self._fitter.fill)
        complete &= await act(plan.where(lambda todo: todo.rename), self._fitter.rename)
        # One room's trouble holds no other up.
        plan.raise_failures()
        progress.finished = True
        if record.applied != record.wanted:
            async with self._db.write() as tx:
                await schools.applied(tx, record.id, record.wanted)
        return complete

    def _begin(self, school_id: str, steps: int) -> Progress:
        """Return the progress of a run; one that is begun anew goes on where it was."""
        progress = self._progress.get(school_id)
        if progress is None or progress.finished:
            progress = self._progress[school_id] = Progress(began=self._db.clock())
        progress.total = progress.done + steps
        progress.refused = 0
        return progress

    # --- making it so -----------------------------------------------------------------------

    async def _act(self, plan: Plan, run: Run, some: Sequence[Wanted], fit: _Fit) -> bool:
        """Do something to rooms side by side, the first ones first; false when some was refused."""
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)

        async def one_room(one: Wanted) -> bool:
            async with at_once:
                try:
                    return await fit(one, plan.room_ids, run)
                except MatrixRequestError as e:
                    log.warning("The homeserver refused %s: %s", one.room.key, e.http_status)
                    return False

        done = await asyncio.gather(*map(one_room, some), return_exceptions=True)
        plan.failed(done)
        return all(each is True for each in done)

    async def _create_missing(
        self, record: SchoolRecord, plan: Plan, wave: Sequence[Wanted], run: Run
    ) -> bool:
        """Make the rooms that are not there; tell whether there were any to make."""
        missing = [one for one in wave if one.room.key not in plan.room_ids]
        if not missing:
            return False
        invites = 0 if await self._fitter.enrols() else self._settings.invites_at_creation
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)

        async def create(one: Wanted) -> None:
            async with at_once:
                await run.go_on()
                await self._create(record, plan, one, invites)
            run.stepped()
            run.progress.rooms += 1

        if missing[0].room.kind is Kind.GATE:
            # Without it the others would be made for good as rooms that nobody joins from it.
            await create(missing.pop(0))
        for layer in plan.layers(missing):
            plan.failed(await asyncio.gather(*map(create, layer), return_exceptions=True))
        return True

    async def _create(self, record: SchoolRecord, plan: Plan, one: Wanted, invites: int) -> None:
        children = plan.hang_in(one)
        content = shape.creation(
            one,
            gate=plan.room_ids.get(key(Kind.GATE, record.id), ""),
            bot=self._homeserver.bot_mxid,
            version=self._settings.room_version,
            most_invites=invites,
            predecessor=plan.predecessor(one),
            children=children.values(),
        )
        async with self._throttle.step():
            made = await self._maker.make(one.room.key, record.id, one.room.kind.value, content)
        plan.room_ids[one.room.key] = made.room_id
        if made.fresh:
            actual = {
                "name": one.name,
                **shape.levels_given(one),
                "version": self._settings.room_version,
                "predecessor": plan.predecessor(one),
            }
            async with self._db.write() as tx:
                await rooms.set_actual(tx, one.room.key, actual)
                # It is as it was asked for: there is nothing to look for yet.
                await rooms.looked_at(tx, one.room.key, tx.now)
                for child, room in (await rooms.by_keys(tx, children)).items():
                    hangs = {**room.actual, "space": made.room_id}
                    await rooms.set_actual(tx, child, hangs)
            plan.made.add(one.room.key)

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
