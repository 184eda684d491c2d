"""Requests to enrol that were used up.

Whoever listened can send a request again within the minute that its time is good for, and so bring
back somebody who has left meanwhile. So each names a nonce, that is used up in Synapse's database
before anything is done: by every process, and after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synapse.storage.engines import PostgresEngine

from sferum_bridge.homeserver.tables import CREATE_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS sferum_nonces (
        nonce TEXT PRIMARY KEY,
        used_ms BIGINT NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS sferum_nonces_used ON sferum_nonces (used_ms)",
)


class Once:
    """Keeps nonces for `good_for_ms` milliseconds; `now_ms` is the clock."""

    def __init__(self, api: ModuleApi, now_ms: Callable[[], int], *, good_for_ms: int) -> None:
        self._run: Any = api.run_db_interaction
        self._now_ms = now_ms
        self._good_for_ms = good_for_ms

    async def begin(self) -> None:
        """Make the table."""
        await self._run("sferum_enrol_begin", _create)

    async def use_up(self, nonce: str) -> bool:
        """Use a nonce up; false where it was before. `begin` has to be over."""
        return bool(await self._run("sferum_nonces", self._use_up, nonce))

    def _use_up(self, txn: LoggingTransaction, nonce: str) -> bool:
        now = self._now_ms()
        txn.execute("DELETE FROM sferum_nonces WHERE used_ms < ?", (now - self._good_for_ms,))
        txn.execute(
            "INSERT INTO sferum_nonces (nonce, used_ms) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (nonce, now),
        )
        return txn.rowcount > 0


def _create(txn: LoggingTransaction) -> None:
    if isinstance(txn.database_engine, PostgresEngine):
        # IF NOT EXISTS alone fails when two processes create at once.
        txn.execute("SELECT pg_advisory_xact_lock(?)", (CREATE_LOCK,))
    for statement in _TABLES:
        txn.execute(statement)
