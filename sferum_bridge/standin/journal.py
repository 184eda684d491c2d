"""What each account is told: its events, numbered, and the polls that wait for them.

Theory of operation. Every account has two counters: `ts` counts all its events, `pts` only the
persistent ones (messages, changes, read marks; not typing and what else passes). An event is a row
with the two numbers it got. Rows and counters change inside the transaction that changes the
messages, so nothing can be seen that was not recorded, nor recorded and not seen.

A waiting poll holds an `asyncio.Event` in `_waiting`. `record` sets the events of its account;
since statements run without yielding to the loop, the poll wakes after the commit and reads whole
batches. A cancelled or timed-out poll takes its event out again and changes nothing else. `stop`
wakes all of them and lets no later one wait.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.values import PASSING, Event, Kind

if TYPE_CHECKING:
    import sqlite3

    from sferum_bridge.standin.database import Database

ALL = 1_000_000_000
"""A limit that limits nothing."""


class Journal:
    """The event rows of the state file."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._stopped = False

    def record(
        self,
        user_id: int,
        kind: Kind,
        conversation_id: int,
        cmid: int = 0,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Append an event to an account's journal and wake its polls."""
        persistent = kind not in PASSING
        row = self._db.one(
            "UPDATE profiles SET last_ts = last_ts + 1, last_pts = last_pts + ?"
            " WHERE user_id = ? RETURNING last_ts, last_pts",
            persistent,
            user_id,
        )
        if row is None:
            raise LookupError(user_id)
        self._db.run(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            user_id,
            row["last_ts"],
            row["last_pts"],
            persistent,
            kind.value,
            conversation_id,
            cmid,
            json.dumps(data or {}),
        )
        for waiting in self._waiting.get(user_id, ()):
            waiting.set()

    def position(self, user_id: int) -> tuple[int, int]:
        """Return an account's `ts` and `pts` now."""
        row = self._db.one("SELECT last_ts, last_pts FROM profiles WHERE user_id = ?", user_id)
        if row is None:
            raise LookupError(user_id)
        return row["last_ts"], row["last_pts"]

    def pts_at(self, user_id: int, ts: int) -> int:
        """Return the `pts` an account had when its `ts` was this."""
        row = self._db.one("SELECT pts FROM journal WHERE user_id = ? AND ts = ?", user_id, ts)
        if row:
            return int(row["pts"])
        later = self._db.number(
            "SELECT count(*) FROM journal WHERE user_id = ? AND ts > ? AND persistent", user_id, ts
        )
        return self.position(user_id)[1] - later

    def since_ts(self, user_id: int, ts: int) -> list[Event]:
        """Return an account's events after a `ts`."""
        rows = self._db.all(
            "SELECT * FROM journal WHERE user_id = ? AND ts > ? ORDER BY ts", user_id, ts
        )
        return [_event(row) for row in rows]

    def since_pts(self, user_id: int, pts: int, limit: int = ALL) -> list[Event]:
        """Return an account's persistent events after a `pts`, at most `limit`."""
        rows = self._db.all(
            "SELECT * FROM journal WHERE user_id = ? AND persistent AND pts > ?"
            " ORDER BY pts LIMIT ?",
            user_id,
            pts,
            limit,
        )
        return [_event(row) for row in rows]

    async def wait(self, user_id: int, ts: int, seconds: float) -> None:
        """Return once the account has an event after `ts`, or the time is over."""
        if self._stopped or self.position(user_id)[0] > ts:
            return
        waiting = asyncio.Event()
        self._waiting.setdefault(user_id, set()).add(waiting)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(waiting.wait(), seconds)
        finally:
            self._waiting[user_id].discard(waiting)

    def wake_all(self) -> None:
        """Let every waiting poll answer now."""
        for polls in self._waiting.values():
            for waiting in polls:
                waiting.set()

    def stop(self) -> None:
        """Let every waiting poll answer, and no later one wait."""
        self._stopped = True
        self.wake_all()


def _event(row: sqlite3.Row) -> Event:
    return Event(
        row["user_id"],
        row["ts"],
        row["pts"],
        bool(row["persistent"]),
        Kind(row["kind"]),
        row["conversation_id"],
        row["cmid"],
        json.loads(row["data"]),
    )
