"""Looking whether rooms are as the bridge left them, and putting back what is not (scenario 37).

    an event the bridge did not cause ─► room stirred ─┐
    at the start, every few hours, `rooms check` ──────┴─► whole state of the room, one request
                                                                     │ school.drift.compare
      put back · stranger removed · who was removed brought back ◄───┤
      who left or was banned: let be ◄───────────────────────────────┤
      what only a human can mend: open until it is so no longer ◄────┘
                     │ one transaction: what is known, records, news
                     ▼
      whoever it concerns is told at once, the administrators in summaries

A look costs one request and changes nothing that is as it should be, so it may be repeated and
broken off anywhere. Rooms are looked at one after the other, with pauses in between, those in which
something happened first.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.matrix.view import read_state, view
from sferum_bridge.school.drift import (
    MEMBER,
    OPEN,
    Act,
    Drift,
    Kind,
    compare,
    members_in,
    power_of,
)
from sferum_bridge.store import absences, accounts, audit, drifts, news, rooms, schools
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.room import RoomFitter
    from sferum_bridge.matrix.view import View
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.school.drift import State
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)

_ALL_POWER = 100
_TRIES = 3
_HOUR_MS = 3600 * 1000
_KEPT_MS = 30 * 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How rooms are watched, in seconds.

    `every`: from one look at a room to the next though nothing happened there; `quiet`: from one
    summary for a school's administrators to the next; `pace`: the pause between two rooms of a full
    look; `settle`: how long is waited for more of the same before a look; `poll`: between looks for
    what other processes noted; `retry`: after which a look the homeserver refused is repeated.
    """

    every: float = 12 * 3600.0
    quiet: float = 900.0
    pace: float = 0.2
    settle: float = 0.5
    poll: float = 2.0
    retry: float = 30.0


class Watch:
    """Watches every school's rooms.

    `reason` gives the text that somebody who is removed sees: language → text.
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        wishes: Wishes,
        fitter: RoomFitter,
        settings: WatchSettings,
        reason: Callable[[str], str],
        *,
        ghost_prefix: str,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._wishes = wishes
        self._fitter = fitter
        self._settings = settings
        self._reason = reason
        self._ghosts = f"@{ghost_prefix}"
        # At a start everything is looked at, but for what a start shortly before had looked at.
        self._begun = db.clock() - _HOUR_MS
        self._not_before: dict[str, int] = {}

    async def run(self) -> None:
        """Watch for ever. Raises what is not a database that is away."""
        bell = self._db.bell(rooms.WATCH_BELL)
        while True:
            pause = self._settings.poll
            with outlasting(log, "Watching rooms"):
                if await self.once():
                    pause = self._settings.pace
            if await bell.wait(pause):
                await asyncio.sleep(self._settings.settle)

    async def once(self) -> bool:
        """Look where something happened, and at one more room whose turn it is; false for none."""
        now = self._db.clock()
        since = max(self._begun, now - int(self._settings.every * 1000))
        async with self._db.read() as tx:
            stirred = await rooms.stirred(tx)
            turns = await rooms.not_looked_at(tx, since, most=50)
        turns = [key for key in turns if self._not_before.get(key, 0) <= now]
        for key in [key for key in stirred if self._not_before.get(key, 0) <= now]:
            await self._try(key)
        for key in turns[:1]:
            await self._try(key)
        await self._summarise()
        return bool(turns)

    async def _try(self, key: str) -> None:
        try:
            await self.look(key)
            self._not_before.pop(key, None)
        except (MatrixRequestError, TryAgain) as e:
            log.warning("A look at %s failed, going on later: %s", key, e)
            self._not_before[key] = self._db.clock() + int(self._settings.retry * 1000)

    async def _summarise(self) -> None:
        before = self._db.clock() - int(self._settings.quiet * 1000)
        async with self._db.read() as tx:
            due = await drifts.due(tx, before)
        if due:
            async with self._db.write() as tx:
                await drifts.prune(tx, tx.now - _KEPT_MS)
                for school_id in due:
                    await news.put(tx, drifts.SUMMARY, {"school": school_id})

    async def names(self) -> Mapping[str, str]:
        """Return key → name of every room there is to look at."""
        found: dict[str, str] = {}
        async with self._db.read() as tx:
            for record in await schools.records(tx):
                made = await rooms.of_school(tx, record.id)
                for one in await self._wishes.of(tx, record):
                    if (room := made.get(one.room.key)) and room.room_id:
                        found[one.room.key] = one.name
        return found

    # --- one room ---------------------------------------------------------------------------

    async def look(self, key: str, *, repair: bool = True) -> Sequence[Drift]:
        """Look at the room under a key; return what has drifted, and, with `repair`, mend it.

        Raises `MatrixRequestError` and `TryAgain`; then nothing is noted, and it is to be repeated.
        """
        async with self._db.read() as tx:
            seen = await view(tx, self._wishes, key)
        if seen is None:
            async with self._db.write() as tx:
                await rooms.looked_at(tx, key, tx.now)
            return ()
        async with self._fitter.one_at_a_time[seen.room.room_id]:
            begun = self._db.clock()
            for _ in range(_TRIES):
                async with self._db.read() as tx:
                    seen = await view(tx, self._wishes, key)
                if seen is None:
                    return ()
                state = await self._state(seen)
                async with self._db.read() as tx:
                    same = await view(tx, self._wishes, key) == seen
                if same:
                    return await self._judge(seen, state, begun, repair=repair)
        # Somebody is changing the school this very moment: it stays stirred, or its turn comes.
        return ()

    async def _state(self, seen: View) -> State:
        """Return the state of a room; empty when the homeserver shows the bot none."""
        try:
            return read_state(await self._homeserver.whole_state(seen.room.room_id))
        except MatrixRequestError:
            return {}

    async def _judge(
        self, seen: View, state: State, begun: int, *, repair: bool
    ) -> Sequence[Drift]:
        found: list[Drift] = []
        if not self._is_in(state):
            own = state.get((MEMBER, self._homeserver.bot_mxid))
            by = own.sender if own else ""
            if not repair or not await self._come_back(seen, state):
                found = [Drift(Kind.OUT, Act.REPORT, by)]
                if repair:
                    async with self._db.write() as tx:
                        await self._note(tx, seen, found, begun)
                return found
            found = [Drift(Kind.BACK, Act.PUT_BACK, by)]
            state = read_state(await self._homeserver.whole_state(seen.room.room_id))
        target = seen.target(state, bot=self._homeserver.bot_mxid, ghosts=self._ghosts)
        found += compare(target, state)
        if not repair:
            return found
        done = [await self._carry_out(seen, drift, state) for drift in found]
        put_back = [each.key for each in done if each.act is Act.PUT_BACK]
        async with self._db.write() as tx:
            await rooms.set_actual(tx, seen.room.key, seen.actual(target, state, put_back))
            await self._note_members(tx, seen, state, done)
            await self._note(tx, seen, done, begun)
        return done

    def _is_in(self, state: State) -> bool:
        own = state.get((MEMBER, self._homeserver.bot_mxid))
        return own is not None and own.content.get("membership") == "join"

    async def _come_back(self, seen: View, state: State) -> bool:
        """Join as the bot: invited by somebody, from the gate, or let in by whoever has the power.

        From the gate it works while somebody is in the room who may invite.
        """
        room_id, bot = seen.room.room_id, self._homeserver.bot_mxid
        for mxid in ("", *self._mighty(state)):
            try:
                if mxid:
                    await self._homeserver.invite(room_id, bot, user=mxid)
                await self._homeserver.join(room_id)
            except MatrixRequestError:
                continue
            return True
        return False

    def _mighty(self, state: State) -> Sequence[str]:
        """Return the local accounts in a room that somebody gave all power."""
        bot, domain = self._homeserver.bot_mxid, self._homeserver.domain
        return [
            mxid
            for mxid, how in members_in(state).items()
            if how == "join" and mxid != bot and mxid.partition(":")[2] == domain
            if power_of(mxid, state) >= _ALL_POWER
        ]

    async def _carry_out(self, seen: View, drift: Drift, state: State) -> Drift:
        """Do what a drift asks for; return it, or that the bot has no power to."""
        try:
            if drift.act is Act.REMOVE:
                await self._remove(seen, drift.subject)
            elif drift.act is Act.PUT_BACK and drift.content is not None:
                await self._put_back(seen, drift, state)
        except MatrixRequestError as e:
            log.warning("The homeserver refused to mend %s: %s", seen.room.key, e.http_status)
            return Drift(Kind.STUCK, Act.REPORT, drift.actor, drift.subject)
        return drift

    async def _remove(self, seen: View, mxid: str) -> None:
        room_id, reason = seen.room.room_id, self._reason(seen.record.language)
        try:
            await self._homeserver.kick(room_id, mxid, reason)
        except MatrixRequestError:
            # They left, or the console and the bridge looked at the same time.
            if await self._homeserver.membership(room_id, mxid) in {"join", "invite", "knock"}:
                raise

    async def _put_back(self, seen: View, drift: Drift, state: State) -> None:
        """Set state as the bot; where its own power was taken, as whoever has got it all."""
        room_id, (event_type, state_key) = seen.room.room_id, drift.key
        try:
            await self._homeserver.set_state(room_id, event_type, drift.content, state_key)
        except MatrixRequestError:
            mighty = self._mighty(state)
            if not mighty:
                raise
            await self._homeserver.set_state(
                room_id, event_type, drift.content, state_key, user=mighty[0]
            )

    # --- what is noted ----------------------------------------------------------------------

    async def _note_members(self, tx: Tx, seen: View, state: State, done: Sequence[Drift]) -> None:
        room_id = seen.room.room_id
        removed = {drift.subject for drift in done if drift.act is Act.REMOVE}
        now = {mxid: how for mxid, how in members_in(state).items() if mxid not in removed}
        now.pop(self._homeserver.bot_mxid, None)
        for mxid in now.keys() | seen.members.keys():
            if now.get(mxid) != seen.members.get(mxid):
                await rooms.set_member(tx, room_id, mxid, now.get(mxid, "leave"))
        await absences.end(tx, room_id, now.keys() & seen.staying_out.keys())
        for drift in done:
            if drift.act is Act.LET_BE:
                banned = drift.kind is Kind.BANNED
                how = absences.BANNED if banned else absences.LEFT
                await absences.note(tx, room_id, drift.subject, how)
        if any(drift.act is Act.BRING_BACK for drift in done):
            await schools.changed(tx, seen.record.id)

    async def _note(self, tx: Tx, seen: View, done: Sequence[Drift], begun: int) -> None:
        room_id, school_id = seen.room.room_id, seen.record.id
        since = tx.now - int(self._settings.quiet * 1000)
        fresh = []
        for drift in done:
            known = await drifts.is_known(tx, room_id, drift, since)
            is_open = drift.kind in OPEN
            if known and is_open:
                continue
            id_ = await drifts.note(tx, school_id, room_id, drift, is_open=is_open)
            await self._record(tx, seen, drift)
            if not known:
                fresh.append(id_)
        await drifts.close_others(tx, room_id, {drift.kind for drift in done})
        if fresh:
            await news.put(tx, drifts.FOUND, {"ids": fresh})
        # A millisecond earlier, so that what happened in the very one of the look is not missed.
        await rooms.looked_at(tx, seen.room.key, begun - 1)

    async def _record(self, tx: Tx, seen: View, drift: Drift) -> None:
        async def who(mxid: str) -> str:
            person = await accounts.person_of(tx, mxid) if mxid else None
            return person.id if person else mxid

        subject = await who(drift.subject) or seen.room.room_id
        by = await who(drift.actor) or "unknown"
        reason = f"{seen.room.key}; by {by}"
        action, school_id = f"drift.{drift.kind.value}", seen.record.id
        audit.record(tx, "bridge", action, subject, reason, school=school_id)
