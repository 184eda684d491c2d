"""Which files were taken without a look (S-13): those of outsiders, and while facts were missing.

Outsiders among themselves are not disturbed (S-44), but one may be of the school tomorrow and show
there what they put up today; what is noted in `sferum_unseen` is then to be put up anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.homeserver import tables

if TYPE_CHECKING:
    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction


class Unseen:
    """Keeps ids of files in Synapse's database."""

    def __init__(self, api: ModuleApi) -> None:
        self._run = api.run_db_interaction
        self._has_table = False

    async def note(self, media_id: str) -> None:
        """Note that nobody looked at a file."""
        await self._create()
        await self._run("sferum_note_unseen", _insert, media_id)

    async def has(self, media_id: str) -> bool:
        """Tell whether nobody looked at a file."""
        await self._create()
        return await self._run("sferum_is_unseen", _has, media_id)

    async def _create(self) -> None:
        if not self._has_table:
            await self._run("sferum_tables", tables.create)
            self._has_table = True


def _insert(txn: LoggingTransaction, media_id: str) -> None:
    txn.execute(
        "INSERT INTO sferum_unseen (media_id) VALUES (?) ON CONFLICT (media_id) DO NOTHING",
        (media_id,),
    )


def _has(txn: LoggingTransaction, media_id: str) -> bool:
    txn.execute("SELECT 1 FROM sferum_unseen WHERE media_id = ?", (media_id,))
    return txn.fetchone() is not None
