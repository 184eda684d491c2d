"""One room: from how it is known to be to how it should be.

Ways in, cheapest first: the invite that came with the creation and a join in the account's name
(one request a person); invite and join in the account's name; where the double-puppet registration
does not cover the account, an invite the person accepts. Every step is noted as it is done.

Why a join was refused the homeserver does not say: the registration may not cover the account, or
the extension may have had no facts that moment, or the account may just have got another name. So
each refused step is one to be tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import shape
from sferum_bridge.store import absences, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """How far a run over a school has come, in steps (a room made, a membership)."""

    done: int = 0
    total: int = 0


class RoomFitter:
    """Makes existing rooms fit."""

    def __init__(
        self, db: Database, homeserver: Homeserver, *, version: str, ghost_prefix: str
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._version = version
        self._ghosts = f"@{ghost_prefix}"
        self.one_at_a_time: Mapping[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Room id → held by whoever changes the room."""

    async def fit(self, one: Wanted, room_ids: Mapping[str, str], progress: Progress) -> bool:
        """Make one room as it should be; false when somebody could not be brought in or removed.

        Whoever is invited and has yet to accept is not brought in.

        `room_ids` maps keys to rooms that exist. Raises `MatrixRequestError` for a refused shape.
        """
        async with self.one_at_a_time[room_ids[one.room.key]]:
            return await self._fit(one, room_ids, progress)

    async def remove(self, one: Wanted, room_id: str) -> bool:
        """Remove whoever belongs in a room no more, and change nothing else; false when refused."""
        async with self.one_at_a_time[room_id]:
            async with self._db.read() as tx:
                members = await rooms.members(tx, room_id)
            return await self._remove_others(one, room_id, members)

    async def _fit(self, one: Wanted, room_ids: Mapping[str, str], progress: Progress) -> bool:
        room_id = room_ids[one.room.key]
        async with self._db.read() as tx:
            record = await rooms.by_room_id(tx, room_id)
            members = await rooms.members(tx, room_id)
            staying_out = await absences.of_room(tx, room_id)
        if over := staying_out.keys() - one.members.keys():
            # Who belongs there no longer, and comes to again one day, comes like everybody.
            async with self._db.write() as tx:
                await absences.end(tx, room_id, over)
        absent = {mxid: members.get(mxid, "") for mxid in one.members if mxid not in staying_out}
        absent = {mxid: how for mxid, how in absent.items() if how != "join"}
        # Whoever leads the room from now on is in it before the others lose it (scenario 33).
        first = {mxid: how for mxid, how in absent.items() if mxid in one.moderators}
        complete = await self._bring_all_in(room_id, first, progress)
        await self._shape(one, room_id, dict(record.actual if record else {}), room_ids)
        complete &= await self._remove_others(one, room_id, members)
        rest = {mxid: how for mxid, how in absent.items() if mxid not in first}
        return await self._bring_all_in(room_id, rest, progress) and complete

    async def _remove_others(self, one: Wanted, room_id: str, members: Iterable[str]) -> bool:
        complete = True
        for mxid in members:
            if mxid not in one.members and not mxid.startswith(self._ghosts):
                complete &= await self._tried(self._remove(room_id, mxid), room_id, mxid)
        return complete

    async def _bring_all_in(
        self, room_id: str, absent: Mapping[str, str], progress: Progress
    ) -> bool:
        complete = True
        for mxid, how in absent.items():
            complete &= await self._tried(self._bring_in(room_id, mxid, how), room_id, mxid)
            progress.done += 1
        return complete

    async def _tried(self, step: Awaitable[bool], room_id: str, mxid: str) -> bool:
        try:
            return await step
        except MatrixRequestError as e:
            log.warning("The homeserver refused %s in %s: %s", mxid, room_id, e.http_status)
            return False

    async def _shape(
        self, one: Wanted, room_id: str, actual: dict[str, Any], room_ids: Mapping[str, str]
    ) -> None:
        before, plan, bot = dict(actual), one.room.plan, self._homeserver.bot_mxid
        # A room keeps the version it was made in, whatever is set today.
        version = str(actual.get("version", self._version))
        levels = shape.power_levels(plan, one.moderators, bot=bot, version=version)
        if levels != shape.last_levels(plan, actual, bot=bot, version=version):
            await self._homeserver.set_state(room_id, "m.room.power_levels", levels)
            actual |= {"users": one.moderators, "levels": shape.LEVELS}
        if actual.get("name") != one.name:
            await self._homeserver.set_state(room_id, "m.room.name", {"name": one.name})
            actual["name"] = one.name
        space = room_ids.get(one.room.parent, "")
        if space and actual.get("space") != space:
            child = shape.child(self._homeserver.domain)
            await self._homeserver.set_state(space, "m.space.child", child, room_id)
            actual["space"] = space
        if actual != before:
            async with self._db.write() as tx:
                await rooms.set_actual(tx, one.room.key, actual)

    async def _bring_in(self, room_id: str, mxid: str, membership: str) -> bool:
        """Bring somebody in as far as the bridge can; false where that is to be tried again."""
        if membership != "invite":
            try:
                await self._homeserver.invite(room_id, mxid)
            except MatrixRequestError:
                # Refused for somebody who is in already, which is what is wanted; else for good.
                if await self._homeserver.membership(room_id, mxid) not in {"invite", "join"}:
                    raise
            await self._note(room_id, mxid, "invite")
        if mxid.partition(":")[2] != self._homeserver.domain:
            return True
        try:
            await self._homeserver.join(room_id, mxid, puppet=True)
        except MatrixRequestError as e:
            log.info(
                "%s was not let into %s (%s): to be tried again, unless they accept the invite",
                *(mxid, room_id, e.http_status),
            )
            return False
        await self._note(room_id, mxid, "join")
        return True

    async def _remove(self, room_id: str, mxid: str) -> bool:
        try:
            await self._homeserver.kick(room_id, mxid)
        except MatrixRequestError:
            if await self._homeserver.membership(room_id, mxid) in {"invite", "join"}:
                raise
        await self._note(room_id, mxid, "leave")
        return True

    async def _note(self, room_id: str, mxid: str, membership: str) -> None:
        async with self._db.write() as tx:
            await rooms.set_member(tx, room_id, mxid, membership)
