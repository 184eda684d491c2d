"""Making the wanted rooms actual.

    school changed ─► layout (wanted) ─┬─► missing rooms: intent, createRoom with its invites
                                       ├─► facts pushed: revocations hold from here on
                                       └─► each room: leaves, invites, joins, powers, name, space
                                             │ every step noted as it is done
                                             ▼
                                 revision of the school applied

What is wanted is compared with what is known to exist, in the store: an unchanged school costs no
request, and one pupil's move costs that pupil's. A crash leaves steps undone that the next run sees
as still wanted. Rooms are worked on side by side, at most `rooms_at_once`; within a room one after
the other, since the homeserver orders a room's events anyway.

Ways in, cheapest first: the invite that comes with the creation and a join in the account's name
(one request a person); invite and join in the account's name; where the double-puppet registration
does not cover the account, an invite the person accepts.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import shape
from sferum_bridge.matrix.client import UnknownOutcome
from sferum_bridge.school import access
from sferum_bridge.school.contour import RoomFact
from sferum_bridge.school.layout import Kind, key, layout
from sferum_bridge.store import accounts, chats, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import date

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.creation import RoomMaker
    from sferum_bridge.matrix.policy import Policy
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.schools import SchoolRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """How rooms are made.

    `poll`: seconds between looks at what other processes changed; `retry`: seconds after which what
    was refused is tried again; `refresh`: seconds after which an unchanged school is compared too.
    """

    room_version: str = "12"
    rooms_at_once: int = 4
    invites_at_creation: int = 50
    poll: float = 2.0
    retry: float = 60.0
    refresh: float = 6 * 3600.0


@dataclass(slots=True)
class Progress:
    """How far the current run has come, in steps (a room, a membership, a change of shape)."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A room as it should be, in Matrix' terms."""

    room: WantedRoom
    name: str
    members: Mapping[str, int]
    """Matrix id → power level."""

    @property
    def moderators(self) -> dict[str, int]:
        return {mxid: power for mxid, power in sorted(self.members.items()) if power}


class RoomKeeper:
    """Keeps every school's rooms as the school wants them.

    `name_of` gives a room's name: (kind, class name, school name, language) → text.
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        maker: RoomMaker,
        policy: Policy,
        settings: KeeperSettings,
        name_of: Callable[[Kind, str, str, str], str],
        *,
        ghost_prefix: str,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._maker = maker
        self._policy = policy
        self._settings = settings
        self._name_of = name_of
        self._ghost_prefix = f"@{ghost_prefix}"
        self._seen: dict[str, tuple[object, int]] = {}
        self._progress: dict[str, Progress] = {}

    def progress(self, school_id: str) -> Progress:
        """Return how far the present or latest run over a school has come."""
        return self._progress.get(school_id, Progress())

    async def run(self) -> None:
        """Work for ever: at every change, at every school's midnight, and after every failure."""
        await self._start_policy()
        bell = self._db.bell(schools.ROOMS_BELL)
        while True:
            try:
                await self.catch_up()
            except* (MatrixRequestError, UnknownOutcome):
                log.exception("Making rooms was interrupted; going on shortly")
            await bell.wait(self._settings.poll)

    async def catch_up(self) -> None:
        """Apply every school that changed. Raises `MatrixRequestError` and `UnknownOutcome`."""
        async with self._db.read() as tx:
            records = await schools.records(tx)
            linked = frozenset(chat.room_id for chat in await chats.all_chats(tx))
        for record in records:
            seen = (record.wanted, self._today(record), linked)
            last, again = self._seen.get(record.id, (None, 0))
            if seen == last and self._db.clock() < again:
                continue
            complete = await self.apply(record, linked)
            pause = self._settings.retry if not complete else self._settings.refresh
            self._seen[record.id] = (seen, self._db.clock() + int(pause * 1000))

    async def apply(self, record: SchoolRecord, linked: frozenset[str]) -> bool:
        """Make one school's rooms as they should be; false when something was refused.

        One member's refusal holds nobody else up; it is logged, and tried again later. Raises like
        `catch_up`.
        """
        day = self._today(record)
        async with self._db.read() as tx:
            school = await schools.load(tx, record.id)
            mxids = await accounts.by_person(tx)
            known = await rooms.of_school(tx, record.id)
            members = await rooms.members_of_school(tx, record.id)
        wanted = self._in_matrix(school, record, day, mxids)
        progress = Progress(total=self._count(wanted, known, members))
        self._progress[record.id] = progress
        room_ids = await self._create_missing(record, wanted, known, progress)
        self._set_facts(school, day, mxids, room_ids, linked)
        await self._policy.sync()
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)
        async with asyncio.TaskGroup() as tasks:
            made = [
                tasks.create_task(self._make_actual(one, room_ids, at_once, progress))
                for one in wanted
                if one.room.kind is not Kind.GATE
            ]
        if record.applied != record.wanted:
            async with self._db.write() as tx:
                await schools.applied(tx, record.id, record.wanted)
        return all(task.result() for task in made)

    # --- what is wanted ---------------------------------------------------------------------

    def _today(self, record: SchoolRecord) -> date:
        now = datetime.fromtimestamp(self._db.clock() / 1000, UTC)
        return now.astimezone(ZoneInfo(record.timezone)).date()

    def _in_matrix(
        self,
        school: School,
        record: SchoolRecord,
        day: date,
        mxids: Mapping[str, Sequence[str]],
    ) -> list[_Wanted]:
        found = []
        for room in layout(school, day):
            class_name = school.classes[room.class_id].name if room.class_id else ""
            members = {
                mxid: power
                for person_id, power in sorted(room.members.items())
                for mxid in mxids.get(person_id, ())
            }
            name = self._name_of(room.kind, class_name, school.name, record.language)
            found.append(_Wanted(room, name, members))
        return found

    def _count(
        self,
        wanted: Sequence[_Wanted],
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

    async def _start_policy(self) -> None:
        async with self._db.read() as tx:
            linked = frozenset(chat.room_id for chat in await chats.all_chats(tx))
            mxids = await accounts.by_person(tx)
            for record in await schools.records(tx):
                school = await schools.load(tx, record.id)
                known = await rooms.of_school(tx, record.id)
                ids = {k: r.room_id for k, r in known.items() if r.room_id}
                self._set_facts(school, self._today(record), mxids, ids, linked)
        await self._policy.start()

    def _set_facts(
        self,
        school: School,
        day: date,
        mxids: Mapping[str, Sequence[str]],
        room_ids: Mapping[str, str],
        linked: frozenset[str],
    ) -> None:
        people = {
            mxid: groups
            for person_id, groups in access.groups(school, day).items()
            for mxid in mxids.get(person_id, ())
        }
        facts = {
            room_ids[room.key]: RoomFact(
                school.id, room.kind.value, room.audience, linked=room_ids[room.key] in linked
            )
            for room in layout(school, day)
            if room.key in room_ids
        }
        self._policy.set_school(school.id, people, facts)

    # --- making it so -----------------------------------------------------------------------

    async def _create_missing(
        self,
        record: SchoolRecord,
        wanted: Sequence[_Wanted],
        known: Mapping[str, rooms.RoomRecord],
        progress: Progress,
    ) -> dict[str, str]:
        room_ids = {k: r.room_id for k, r in known.items() if r.room_id}
        gate_key = key(Kind.GATE, record.id)
        at_once = asyncio.Semaphore(self._settings.rooms_at_once)

        async def create(one: _Wanted) -> None:
            async with at_once:
                content = shape.creation(
                    one.room,
                    name=one.name,
                    gate=room_ids.get(gate_key, ""),
                    bot=self._homeserver.bot_mxid,
                    version=self._settings.room_version,
                    moderators=one.moderators,
                    invite=list(one.members)[: self._settings.invites_at_creation],
                )
                made = await self._maker.make(one.room.key, record.id, one.room.kind.value, content)
            room_ids[one.room.key] = made.room_id
            if made.fresh:
                actual = {"name": one.name, "users": one.moderators}
                async with self._db.write() as tx:
                    await rooms.set_actual(tx, one.room.key, actual)
            progress.done += 1

        missing = [one for one in wanted if one.room.key not in room_ids]
        if missing and missing[0].room.key == gate_key:
            await create(missing.pop(0))
        async with asyncio.TaskGroup() as tasks:
            for one in missing:
                tasks.create_task(create(one))
        return room_ids

    async def _make_actual(
        self,
        one: _Wanted,
        room_ids: Mapping[str, str],
        at_once: asyncio.Semaphore,
        progress: Progress,
    ) -> bool:
        room_id = room_ids[one.room.key]
        complete = True
        async with at_once:
            async with self._db.read() as tx:
                record = await rooms.by_room_id(tx, room_id)
                members = await rooms.members(tx, room_id)
            await self._shape(one, room_id, dict(record.actual if record else {}), room_ids)
            for mxid in members:
                if mxid not in one.members and not mxid.startswith(self._ghost_prefix):
                    complete &= await self._tried(self._remove(room_id, mxid), room_id, mxid)
            for mxid in one.members:
                if members.get(mxid) != "join":
                    coming = self._bring_in(room_id, mxid, members.get(mxid, ""))
                    complete &= await self._tried(coming, room_id, mxid)
                    progress.done += 1
        return complete

    async def _tried(self, step: Awaitable[None], room_id: str, mxid: str) -> bool:
        try:
            await step
        except MatrixRequestError as e:
            log.warning("The homeserver refused %s in %s: %s", mxid, room_id, e.http_status)
            return False
        return True

    async def _shape(
        self, one: _Wanted, room_id: str, actual: dict[str, Any], room_ids: Mapping[str, str]
    ) -> None:
        before = dict(actual)
        if actual.get("users", {}) != one.moderators:
            levels = shape.power_levels(
                one.room.plan,
                one.moderators,
                bot=self._homeserver.bot_mxid,
                version=self._settings.room_version,
            )
            await self._homeserver.set_state(room_id, "m.room.power_levels", levels)
            actual["users"] = one.moderators
        if actual.get("name") != one.name:
            await self._homeserver.set_state(room_id, "m.room.name", {"name": one.name})
            actual["name"] = one.name
        space = room_ids.get(one.room.parent, "")
        if space and actual.get("space") != space:
            child = {"via": [self._homeserver.domain]}
            await self._homeserver.set_state(space, "m.space.child", child, room_id)
            actual["space"] = space
        if actual != before:
            async with self._db.write() as tx:
                await rooms.set_actual(tx, one.room.key, actual)

    async def _bring_in(self, room_id: str, mxid: str, membership: str) -> None:
        if membership != "invite":
            try:
                await self._homeserver.invite(room_id, mxid)
            except MatrixRequestError:
                # Refused for somebody who is in already, which is what is wanted; else for good.
                if await self._homeserver.membership(room_id, mxid) not in {"invite", "join"}:
                    raise
            await self._note(room_id, mxid, "invite")
        if mxid.partition(":")[2] != self._homeserver.domain:
            return
        try:
            await self._homeserver.join(room_id, mxid, puppet=True)
        except MatrixRequestError as e:
            log.info("%s has to accept the invite to %s (%s)", mxid, room_id, e.http_status)
            return
        await self._note(room_id, mxid, "join")

    async def _remove(self, room_id: str, mxid: str) -> None:
        try:
            await self._homeserver.kick(room_id, mxid)
        except MatrixRequestError:
            if await self._homeserver.membership(room_id, mxid) in {"invite", "join"}:
                raise
        await self._note(room_id, mxid, "leave")

    async def _note(self, room_id: str, mxid: str, membership: str) -> None:
        async with self._db.write() as tx:
            await rooms.set_member(tx, room_id, mxid, membership)
