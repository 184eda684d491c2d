"""Working through a durable queue: in order within a lane, in parallel across lanes.

    bell rings for lane A ──► is A running? ── yes ──► it will look again before it stops
                                   │ no
                                   ▼
                     task A: read the first rows ─► handle one ─► handle the next ─► … empty ─► end

A bell rings in its own process only: what another one put there, such as the news of a command of
the console, is found by looking from time to time.

Invariants: a lane is worked on once at a time, so its rows are handled in the order of their ids
and never twice at once. A row is handled until it is marked done; a handler that raises is asked
again after a growing wait, and the lane stands still meanwhile: order is worth more than haste.

A handler marks its row done itself, or returns a `Note` that does, for the lane to commit. Where
the next row `is_apart`, it is handled while that commit waits for the disk; the one behind it is
not begun before. So a kill finds two rows at most that had their effect and are not marked: the
next start handles both again, in their order.

A row that fails every time is kept, reported and passed by, so that one broken event does not
silence a chat for ever; that the homeserver or the database is away counts as no try. Cancellation
ends every lane between or inside handlers; what was not marked done is found again at the next
start, so handlers are idempotent.

A log names a row by its number alone: its name may hold somebody's id, and an error its words.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.store import failures, queues
from sferum_bridge.store.away import is_away, outlasting
from sferum_bridge.store.sealing import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item, Queue

    Note = Callable[[Tx], Awaitable[None]]
    """Writes down what came of a row, and that it is done; a second time changes nothing."""

log = logging.getLogger(__name__)

_BATCH = 50
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0


class Lanes:
    """Runs one queue. `handle` gets a row and marks it done, or returns what does.

    `is_apart` tells of a row that nothing has to be noted before it is handled: by default of none.
    `foresee` is shown rows whose turn will come, so that slow work for them can begin; `give_up`
    gets a row that failed every time before it is passed by, to tell whom it concerns, and may fail
    itself; `poll` are the seconds between looks for what other processes put there.
    """

    def __init__(
        self,
        db: Database,
        queue: Queue,
        handle: Callable[[Item], Awaitable[Note | None]],
        *,
        is_apart: Callable[[Item], bool] = lambda _: False,
        foresee: Callable[[Sequence[Item]], None] | None = None,
        give_up: Callable[[Item], Awaitable[None]] | None = None,
        most_tries: int = 6,
        poll: float = 2.0,
    ) -> None:
        self._db = db
        self._queue = queue
        self._handle = handle
        self._is_apart = is_apart
        self._foresee = foresee
        self._give_up = give_up
        self._most_tries = most_tries
        self._poll = poll
        self._running: set[str] = set()
        self._again: set[str] = set()

    def statistics(self) -> dict[str, int]:
        """Return live numbers: how many lanes are being worked on."""
        return {"lanes": len(self._running)}

    async def run(self) -> None:
        """Work for ever; whatever waited before the start comes first."""
        bell = self._db.bell(self._queue.bell)
        clock = asyncio.get_running_loop().time
        next_look = clock()
        async with asyncio.TaskGroup() as tasks:
            while True:
                lanes = await bell.wait(max(0.0, next_look - clock()))
                if clock() >= next_look:
                    lanes |= await self._waiting()
                    next_look = clock() + self._poll
                for lane in lanes:
                    if lane in self._running:
                        self._again.add(lane)
                    else:
                        self._running.add(lane)
                        tasks.create_task(self._run_lane(lane))

    async def _waiting(self) -> set[str]:
        """Return every lane with work, none while the database is away: the next look finds it."""
        with outlasting(log, self._queue.bell):
            async with self._db.read() as tx:
                return set(await queues.lanes(tx, self._queue))
        return set()

    async def _run_lane(self, lane: str) -> None:
        while True:
            self._again.discard(lane)
            items = await self._look(lane)
            self._look_ahead(items)
            await self._work(items)
            # A row committed since the look has rung, or will: then the lane starts again.
            if len(items) < _BATCH and lane not in self._again:
                self._running.discard(lane)
                return

    async def _look(self, lane: str) -> Sequence[Item]:
        wait = _FIRST_WAIT
        while True:
            try:
                async with self._db.read() as tx:
                    return await queues.waiting(tx, self._queue, lane, _BATCH)
            except SealBrokenError as e:
                # Another key than it was sealed with, or damage: nothing of it may be passed by.
                failures.report(log, e, "a lane of %s stands still", self._queue.bell)
            except Exception as e:
                if not is_away(e):
                    raise
                log.warning("%s waits for the database: %s", self._queue.bell, type(e).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _look_ahead(self, items: Sequence[Item]) -> None:
        """Let slow work begin; a row that cannot be foreseen is dealt with in its turn."""
        if self._foresee is None:
            return
        try:
            self._foresee(items)
        except Exception as e:  # noqa: BLE001 - one row's trouble must not end every lane
            failures.report(log, e, "%s cannot be foreseen", self._queue.bell)

    async def _work(self, items: Sequence[Item]) -> None:
        behind: tuple[Item, Note] | None = None
        for item in items:
            if behind and not self._is_apart(item):
                await self._until_noted(*behind)
                behind = None
            async with asyncio.TaskGroup() as beside:
                if behind:
                    beside.create_task(self._noted_beside(*behind))
                note = await self._until(item, partial(self._handle, item))
            behind = (item, note) if note else None
        if behind:
            await self._until_noted(*behind)

    async def _noted_beside(self, item: Item, note: Note) -> None:
        # The next row's request goes out first: the note's statements run in this thread.
        await asyncio.sleep(0)
        await self._until_noted(item, note)

    async def _until_noted(self, item: Item, note: Note) -> None:
        async def commit() -> None:
            # What happened is told of afterwards: were that lost, it would be done once more.
            async with self._db.write(lasting=False) as tx:
                await note(tx)

        await self._until(item, commit)

    async def _until(self, item: Item, act: Callable[[], Awaitable[Note | None]]) -> Note | None:
        wait, tries = _FIRST_WAIT, 0
        while tries < self._most_tries:
            try:
                return await act()
            except Exception as e:  # noqa: BLE001 - the row is still there for the next try
                if is_away(e) or isinstance(e, TryAgain):
                    log.warning("%s %s waits: %s", self._queue.bell, item.id, type(e).__name__)
                else:
                    tries += 1
                    failures.report(log, e, "%s %s failed; trying again", self._queue.bell, item.id)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        log.error("%s %s failed every time; passing it by", self._queue.bell, item.id)
        await self._pass_by(item)
        return None

    async def _pass_by(self, item: Item) -> None:
        wait = _FIRST_WAIT
        while True:
            with outlasting(log, self._queue.bell):
                if self._give_up is not None:
                    await self._tell(item, self._give_up)
                async with self._db.write() as tx:
                    await queues.pass_by(tx, self._queue, item.id)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _tell(self, item: Item, give_up: Callable[[Item], Awaitable[None]]) -> None:
        try:
            await give_up(item)
        except Exception as e:
            if is_away(e):
                raise
            failures.report(log, e, "nobody was told of %s %s", self._queue.bell, item.id)
