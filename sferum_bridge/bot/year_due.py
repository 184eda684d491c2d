"""Opens a school year on the day it was planned for, soon after the school's midnight.

The plan lies in the database and goes with the opening, so a bridge that was away opens late and
never twice. What fails is told to the school's administrators, and its plan kept for them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sferum_bridge.store import failures, year
from sferum_bridge.store.away import is_away, outlasting

if TYPE_CHECKING:
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_EVERY = 30.0
"""Seconds between looks: one small query."""


class YearOpener:
    """Looks after the planned years of one bridge.

    `kept_days`: for how long the rooms of classes that end can be read.
    """

    def __init__(self, db: Database, kept_days: int) -> None:
        self._db = db
        self._kept_days = kept_days

    async def run(self) -> None:
        """Open years for ever."""
        while True:
            with outlasting(log, "Opening a school year"):
                await self.once()
            await asyncio.sleep(_EVERY)

    async def once(self) -> None:
        """Open whatever is due; a school that this version fails on holds up no other."""
        async with self._db.read() as tx:
            due = await year.due(tx)
        for record in due:
            try:
                async with self._db.write() as tx:
                    await year.open_as_planned(tx, record, self._kept_days)
            except Exception as e:
                if is_away(e):
                    raise
                failures.report(log, e, "A planned school year could not be opened")
                async with self._db.write() as tx:
                    await year.fail(tx, record)
