"""One room: from how it is known to be to how it should be.

Ways in, cheapest first: a batch through the homeserver extension, which takes many at once and
needs no invite; the invite that came with the creation and a join in the account's name; invite
and join in the account's name; where the double-puppet registration does not cover the account, an
invite the person accepts. Every step is noted as it is done, a batch in one transaction.

Why a join was refused the homeserver does not say: the registration may not cover the account, or
the extension may have had no facts that moment, or the account may just have got another name. So
each refused step is one to be tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import shape
from sferum_bridge.matrix.due import House, Known, due, levels, lowered
from sferum_bridge.matrix.enrolment import LEFT, MOST
from sferum_bridge.matrix.throttle import Throttle
from sferum_bridge.store import absences, asked, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.due import Due
    from sferum_bridge.matrix.enrolment import Enrolment
    from sferum_bridge.matrix.progress import Run
    from sferum_bridge.matrix.shape import Wanted
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_AT_ONCE = 4


class RoomFitter:
    """Makes existing rooms fit.

    Each of its acts reads anew what is to be done, since others look after rooms too; all return
    false when somebody could not be brought in or removed, and raise `MatrixRequestError` for a
    refused shape. `room_ids` maps keys to rooms that exist.

    Args:
        db: Where it stands.
        homeserver: Where the rooms are.
        version: The room version of rooms of which none is noted.
        ghost_prefix: What localparts of ghosts begin with.
        enrolment: The way in through the extension; None where there is none.
        throttle: How much is asked at once.
        batch: How many come in together through the extension, at most.
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        *,
        version: str,
        ghost_prefix: str,
        enrolment: Enrolment | None = None,
        throttle: Throttle | None = None,
        batch: int = MOST,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._enrolment = enrolment
        self._throttle = throttle or Throttle(_AT_ONCE)
        self._batch = batch
        self.house = House(homeserver.bot_mxid, version, f"@{ghost_prefix}")
        self.one_at_a_time: Mapping[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Room id → held by whoever changes the room."""

    async def enrols(self) -> bool:
        """Tell whether people come in without invites."""
        return self._enrolment is not None and await self._enrolment.available()

    async def clear(self, one: Wanted, room_ids: Mapping[str, str], run: Run) -> bool:
        """Take away who and what belongs there no more, after whoever leads it now has come in."""
        room_id = room_ids[one.room.key]
        async with self.one_at_a_time[room_id]:
            known, todo = await self._look(one, room_ids)
            complete = await self._bring_in(room_id, known, todo.leaders, run)
            if todo.levels:
                await run.go_on()
                await self._set_levels(one, known)
            return await self._remove_all(room_id, todo.gone, run) and complete

    async def revoke(self, one: Wanted, room_ids: Mapping[str, str], run: Run) -> bool:
        """Remove who belongs there no more, take power that is nobody's any more, and no more."""
        room_id = room_ids[one.room.key]
        async with self.one_at_a_time[room_id]:
            known, todo = await self._look(one, room_ids)
            complete = await self._remove_all(room_id, todo.gone, run)
            if todo.lower and known.record is not None:
                await self._set_levels(lowered(one, known.record), known)
            return complete

    async def fill(self, one: Wanted, room_ids: Mapping[str, str], run: Run) -> bool:
        """Bring everybody in, and do all the rest but the name.

        Whoever is invited and has yet to accept is not brought in.
        """
        room_id = room_ids[one.room.key]
        async with self.one_at_a_time[room_id]:
            known, todo = await self._look(one, room_ids)
            if todo.over:
                # Who belongs there no longer, and comes to again one day, comes like everybody.
                async with self._db.write() as tx:
                    await absences.end(tx, room_id, todo.over)
            if todo.hang:
                await run.go_on()
                await self._hang(one, room_id, known)
            # Power is given to who is there.
            first = todo.leaders if todo.levels else ()
            complete = await self._bring_in(room_id, known, first, run)
            if todo.levels:
                await run.go_on()
                await self._set_levels(one, known)
            rest = todo.others if todo.levels else todo.absent
            return await self._bring_in(room_id, known, rest, run) and complete

    async def rename(self, one: Wanted, room_ids: Mapping[str, str], run: Run) -> bool:
        """Give the room its name."""
        room_id = room_ids[one.room.key]
        async with self.one_at_a_time[room_id]:
            _, todo = await self._look(one, room_ids)
            if todo.rename:
                await run.go_on()
                async with self._throttle.step():
                    content = {"name": one.name}
                    await self._homeserver.set_state(room_id, "m.room.name", content)
                await self._note_shape(one, {"name": one.name})
                run.stepped()
        return True

    # --- shape ------------------------------------------------------------------------------

    async def _look(self, one: Wanted, room_ids: Mapping[str, str]) -> tuple[Known, Due]:
        room_id = room_ids[one.room.key]
        async with self._db.read() as tx:
            known = Known(
                record=await rooms.by_room_id(tx, room_id),
                members=await rooms.members(tx, room_id),
                staying_out=await absences.of_room(tx, room_id),
                space=room_ids.get(one.room.parent, ""),
            )
        return known, due(one, known, self.house)

    async def _set_levels(self, one: Wanted, known: Known) -> None:
        if known.record is None:
            return
        content = levels(one, known.record, self.house)
        async with self._throttle.step():
            await self._homeserver.set_state(known.record.room_id, "m.room.power_levels", content)
        await self._note_shape(one, shape.levels_given(one))

    async def _hang(self, one: Wanted, room_id: str, known: Known) -> None:
        """Hang the room into its space, and out of the one it hung in."""
        before = str(known.record.actual.get("space", "")) if known.record else ""
        child = shape.child(self.house.domain)
        for space, content in ((known.space, child), (before, {})):
            if space:
                async with self._throttle.step():
                    await self._homeserver.set_state(space, "m.space.child", content, room_id)
        await self._note_shape(one, {"space": known.space})

    async def _note_shape(self, one: Wanted, changed: Mapping[str, object]) -> None:
        async with self._db.write() as tx:
            record = await rooms.by_key(tx, one.room.key)
            if record is not None:
                await rooms.set_actual(tx, one.room.key, {**record.actual, **changed})

    # --- people -----------------------------------------------------------------------------

    async def _remove_all(self, room_id: str, gone: Sequence[str], run: Run) -> bool:
        complete = True
        for mxid in gone:
            is_gone = await self._tried(self._remove(room_id, mxid), room_id, mxid, run)
            run.progress.removed += is_gone
            complete &= is_gone
        return complete

    async def _remove(self, room_id: str, mxid: str) -> bool:
        async with self._throttle.step():
            try:
                await self._homeserver.kick(room_id, mxid)
            except MatrixRequestError:
                if await self._homeserver.membership(room_id, mxid) in {"invite", "join"}:
                    raise
        await self._note(room_id, mxid, "leave")
        return True

    async def _bring_in(self, room_id: str, known: Known, absent: Sequence[str], run: Run) -> bool:
        """Bring people in as far as the bridge can; false where that is to be tried again."""
        complete = True
        enrolled = await self._enrol(room_id, absent, run)
        for mxid in absent:
            if mxid not in enrolled:
                await run.go_on()
                how = known.members.get(mxid, "")
                step = self._invite_and_join(room_id, mxid, how)
                is_in = await self._tried(step, room_id, mxid, run)
                run.progress.entered += is_in
                complete &= is_in
        return complete

    async def _enrol(self, room_id: str, absent: Sequence[str], run: Run) -> set[str]:
        """Bring people of this server in by batches; return those who are in now."""
        found: set[str] = set()
        local = [mxid for mxid in absent if mxid.partition(":")[2] == self.house.domain]
        if not local or self._enrolment is None or not await self._enrolment.available():
            return found
        for start in range(0, len(local), self._batch):
            await run.go_on()
            batch = local[start : start + self._batch]
            async with self._throttle.step(len(batch)):
                async with self._db.write() as tx:
                    ago = await asked.begin(tx, room_id)
                done = await self._enrolment.enrol(room_id, batch, ago / 1000)
                async with self._db.write() as tx:
                    await asked.end(tx, room_id)
                    if done is None:
                        break
                    left = [mxid for mxid in batch if done.refused.get(mxid) == LEFT]
                    joined = [mxid for mxid in batch if mxid in done.joined or mxid in left]
                    await rooms.set_members(tx, room_id, joined, "join")
                    if left:
                        # They were in, which nobody could tell us: the look finds them gone.
                        await rooms.stir(tx, [room_id])
            found.update(joined)
            run.stepped(len(joined))
            run.progress.entered += len(joined)
            for why in sorted(set(done.refused.values())):
                count = sum(reason == why for reason in done.refused.values())
                log.info("%s not enrolled in %s (%s); trying otherwise", count, room_id, why)
        return found

    async def _invite_and_join(self, room_id: str, mxid: str, membership: str) -> bool:
        if membership != "invite":
            async with self._throttle.step():
                try:
                    await self._homeserver.invite(room_id, mxid)
                except MatrixRequestError:
                    # Refused for who is in already, which is what is wanted; else for good.
                    if await self._homeserver.membership(room_id, mxid) not in {"invite", "join"}:
                        raise
            await self._note(room_id, mxid, "invite")
        if mxid.partition(":")[2] != self.house.domain:
            return True
        try:
            async with self._throttle.step():
                await self._homeserver.join(room_id, mxid, puppet=True)
        except MatrixRequestError as e:
            log.info(
                "%s was not let into %s (%s): to be tried again, unless they accept the invite",
                *(mxid, room_id, e.http_status),
            )
            return False
        await self._note(room_id, mxid, "join")
        return True

    async def _tried(self, step: Awaitable[bool], room_id: str, mxid: str, run: Run) -> bool:
        done = False
        try:
            done = await step
        except MatrixRequestError as e:
            log.warning("The homeserver refused %s in %s: %s", mxid, room_id, e.http_status)
        run.stepped()
        run.progress.refused += not done
        return done

    async def _note(self, room_id: str, mxid: str, membership: str) -> None:
        async with self._db.write() as tx:
            await rooms.set_member(tx, room_id, mxid, membership)
