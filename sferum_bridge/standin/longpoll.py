"""The user long poll: keys, cursors, and the waiting itself.

Theory of operation. A poll is refused at once, answered at once when the account has events after
its `ts`, or held until one is recorded or its time is over (see `journal`). It changes nothing:
the cursor belongs to the client, so a poll may be repeated, cut or cancelled at any point. After
the wait it is judged again, because the key may have died meanwhile.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sferum_bridge.standin.faults import Effect
from sferum_bridge.standin.updates import HIGHEST_VERSION, LOWEST_VERSION, MODE_PTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sferum_bridge.standin.database import Database
    from sferum_bridge.standin.faults import Faults
    from sferum_bridge.standin.journal import Journal
    from sferum_bridge.standin.settings import Settings
    from sferum_bridge.standin.updates import Updates


class LongPoll:
    """Gives out long-poll keys and answers `act=a_check`."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        updates: Updates,
        faults: Faults,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._db = database
        self._journal = journal
        self._updates = updates
        self._faults = faults
        self._settings = settings
        self._clock = clock

    def server(self, user_id: int, host: str, *, with_pts: bool) -> dict[str, Any]:
        """Return `{server, key, ts, pts?}`: where to poll and where to begin.

        The key is the account's present one while it lives, else a new one. `server` comes
        without a scheme.
        """
        ts, pts = self._journal.position(user_id)
        access = {"server": f"{host}/lp{user_id}", "key": self._key(user_id), "ts": ts}
        return {**access, "pts": pts} if with_pts else access

    def expire_keys(self, user_id: int | None, *, lost: bool) -> None:
        """Kill the keys of one account or of all; `lost` takes their cursors too (`failed: 3`)."""
        where, values = ("", ()) if user_id is None else (" WHERE user_id = ?", (user_id,))
        self._db.run(
            f"UPDATE poll_keys SET expires = 0, lost = ?{where}",  # noqa: S608 - ours alone
            lost,
            *values,
        )
        self._journal.wake_all()

    async def check(self, user_id: int, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer one poll: `{ts, pts?, updates}` or `{failed, ...}`."""
        version, mode = _integer(query, "version"), _integer(query, "mode") or 0
        if version is None or not LOWEST_VERSION <= version <= HIGHEST_VERSION:
            return {"failed": 4, "min_version": LOWEST_VERSION, "max_version": HIGHEST_VERSION}
        ts = _integer(query, "ts")
        if ts is None:
            return {"failed": 3}
        refusal = self._refusal(user_id, query, ts)
        if refusal is None:
            seconds = min(max(_integer(query, "wait") or 0, 0), self._settings.longest_wait)
            await self._journal.wait(user_id, ts, seconds)
            refusal = self._refusal(user_id, query, ts)
        return refusal or self._batch(user_id, ts, version, mode)

    def _batch(self, user_id: int, ts: int, version: int, mode: int) -> dict[str, Any]:
        events = self._journal.since_ts(user_id, ts)
        rendered = (self._updates.full(event, version, mode) for event in events)
        updates = [update for update in rendered if update is not None]
        behind = ts + len(events)
        if updates and self._faults.take_batch(Effect.DUPLICATE):
            behind = ts
        if updates and self._faults.take_batch(Effect.REORDER):
            updates.reverse()
        answer: dict[str, Any] = {"ts": behind, "updates": updates}
        if mode & MODE_PTS:
            answer["pts"] = self._journal.pts_at(user_id, behind)
        return answer

    def _refusal(self, user_id: int, query: Mapping[str, str], ts: int) -> dict[str, Any] | None:
        row = self._db.one("SELECT * FROM poll_keys WHERE user_id = ?", user_id)
        if row is None or not secrets.compare_digest(row["key"], query.get("key", "")):
            return {"failed": 2, "error": "wrong key"}
        if row["expires"] <= self._clock():
            return {"failed": 3} if row["lost"] else {"failed": 2, "error": "key expired"}
        now = self._journal.position(user_id)[0]
        if ts > now or now - ts > self._settings.poll_depth:
            return {"failed": 1, "ts": now}
        return None

    def _key(self, user_id: int) -> str:
        row = self._db.one(
            "SELECT key FROM poll_keys WHERE user_id = ? AND expires > ?", user_id, self._clock()
        )
        if row:
            return str(row["key"])
        key = secrets.token_hex(20)
        expires = self._clock() + self._settings.key_seconds
        self._db.run("INSERT OR REPLACE INTO poll_keys VALUES (?, ?, ?, 0)", user_id, key, expires)
        return key


def _integer(query: Mapping[str, str], name: str) -> int | None:
    """Return a number of the query; 0 when it is absent, None when it is none."""
    try:
        return int(query.get(name, "0"))
    except ValueError:
        return None
