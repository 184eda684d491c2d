"""What the bridge does every hour though nobody asked: forget, revoke, congratulate.

Each part is a transaction of its own and done again without harm, so a kill between two costs
nothing. A database that is away is waited for; the hour begins when all was done.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.bot import broadcasting, calling, consenting
from sferum_bridge.store import (
    announcements,
    batches,
    broadcasts,
    calls,
    chats,
    dialogues,
    imports,
    privacy,
    queues,
    schools,
    staffing,
    year,
)
from sferum_bridge.store.away import outlasting

if TYPE_CHECKING:
    from datetime import date

    from sferum_bridge.bot.service import Bot
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_KEPT = 7 * 24 * 3600 * 1000
"""How long rows of queues that are done, and what goes with them, are kept; milliseconds."""
_KEYS_KEPT = 3600 * 1000
"""How long the key of a login waits for its owner to say that it is theirs; milliseconds."""
_ANNOUNCED_KEPT = 90 * 24 * 3600 * 1000
"""For how long an edit of an announcement follows, its readers are known, and the link of a call
that is over says so; milliseconds."""
_CALL_LIFE = 4 * 3600 * 1000
_BATCH_LIFE = 30 * 24 * 3600 * 1000
_IMPORT_LIFE = 24 * 3600 * 1000
_EVERY = 3600.0
_DATABASE_SECONDS = 5.0


class Housekeeper:
    """Keeps house for one bridge.

    `call_life`: after how long a call nobody ends is over; `batch_life`: how long an import can be
    undone; `import_life`: how long a list waits for a decision; milliseconds.
    """

    def __init__(
        self,
        db: Database,
        bot: Bot,
        call_life: int = _CALL_LIFE,
        batch_life: int = _BATCH_LIFE,
        import_life: int = _IMPORT_LIFE,
    ) -> None:
        self._db = db
        self._bot = bot
        self._call_life = call_life
        self._batch_life = batch_life
        self._import_life = import_life
        self._begun: dict[str, date] = {}
        self._congratulated: dict[str, date] = {}

    async def run(self) -> None:
        """Keep house for ever. Raises what is not a database that is away."""
        while True:
            pause = _DATABASE_SECONDS
            with outlasting(log, "Housekeeping"):
                await self.once()
                pause = _EVERY
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """Do all of it."""
        await self._forget()
        await self._end_calls()
        await self._revoke_void_invites()
        await self._tell_of_birthdays()

    async def _forget(self) -> None:
        before = self._db.clock() - _KEPT
        async with self._db.write() as tx:
            await queues.prune(tx, queues.INBOX, before)
            await queues.prune(tx, queues.OUTBOX, before)
            await chats.prune_sending(tx, before)
            await dialogues.prune(tx, before)
            await announcements.prune(tx, before, self._db.clock() - _ANNOUNCED_KEPT)
            await calls.prune(tx, self._db.clock() - _ANNOUNCED_KEPT)
            await dialogues.prune_keys(tx, self._db.clock() - _KEYS_KEPT)
            await privacy.prune(tx)
            await batches.prune(tx, self._db.clock() - self._batch_life)
            await year.prune(tx, self._db.clock() - self._batch_life)
            await imports.prune(tx, self._db.clock() - self._import_life)

    async def _end_calls(self) -> None:
        """End the calls and broadcasts that nobody has ended."""
        before = self._db.clock() - self._call_life
        async with self._db.read() as tx:
            found = await calls.overdue(tx, before)
            shown = await broadcasts.overdue(tx, before)
        for one_id in found:
            end = partial(calling.time_up, call_id=one_id)
            await self._bot.errand(f"call.{one_id}.over", end)
        for one_id in shown:
            end = partial(broadcasting.time_up, announcement_id=one_id)
            await self._bot.errand(f"broadcast.{one_id}.over", end)

    async def _revoke_void_invites(self) -> None:
        """Revoke what was invited by a right that is over, at each school once on a new day."""
        async with self._db.write() as tx:
            days = {record.id: record.day(tx.now) for record in await schools.records(tx)}
            for school_id, day in days.items():
                if self._begun.get(school_id) != day:
                    await staffing.revoke_void(tx, school_id, "bridge", day)
        self._begun.update(days)

    async def _tell_of_birthdays(self) -> None:
        """Tell pupils who came of age what they decide now; each school is looked at once a day."""
        found: list[str] = []
        days: dict[str, date] = {}
        async with self._db.read() as tx:
            for record in await schools.records(tx):
                day = consenting.telling_day(record, tx.now)
                if self._congratulated.get(record.id) != day:
                    days[record.id] = day
                    found += await consenting.come_of_age(tx, record)
        for person_id in found:
            tell = partial(consenting.tell_of_age, person_id=person_id)
            await self._bot.errand(f"birthday.{person_id}", tell)
        # Only now: who was not told because the database went away is told the next time.
        self._congratulated.update(days)
