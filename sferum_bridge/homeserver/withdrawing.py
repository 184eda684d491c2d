"""Rooms of the contour stand on no list and have no alias; those from before are given up.

The wraps hide both anyway (see `wraps.directory`); nothing of the school is left lying about. Asked
for by `sweep`, where facts change, and by `gatekeeper`, where somebody of the school joins a room
that nobody of it was in.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.storage.database import make_in_list_sql_clause
from synapse.types import RoomAlias

from sferum_bridge.homeserver.storing import batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

logger = logging.getLogger(__name__)


class Withdrawal:
    """Takes rooms off every list, in whichever process. `store` is Synapse's main one."""

    def __init__(self, api: ModuleApi, store: Any) -> None:
        self._api = api
        self._store = store

    def begin(self, room_id: str) -> None:
        """Withdraw a room beside what is being done."""
        _ = self._api.run_as_background_process("sferum_withdraw", self.withdraw, rooms=[room_id])

    async def withdraw(self, rooms: Collection[str]) -> None:
        """Take rooms of the contour off the lists they stand on, and give up their aliases."""
        if not rooms:
            return
        for room_id in await self._api.run_db_interaction("sferum_listed", _listed, rooms):
            logger.info("%s is of the school now, and no longer listed or named", room_id)
            lists = self._api.public_room_list_manager
            if await lists.room_is_in_public_room_list(room_id):
                await lists.remove_room_from_public_room_list(room_id)
            await self._api.run_db_interaction("sferum_unlist", _unlist, room_id)
            for alias in await self._store.get_aliases_for_room(room_id):
                await self._store.delete_room_alias(RoomAlias.from_string(alias))


def in_batches(
    txn: LoggingTransaction, query: str, column: str, values: Collection[str]
) -> Iterable[tuple[Any, ...]]:
    """Yield the rows of `query` for which `column` is one of `values`."""
    for some in batches(list(values)):
        clause, arguments = make_in_list_sql_clause(txn.database_engine, column, some)
        txn.execute(f"{query} {clause}", arguments)
        yield from txn.fetchall()


def _listed(txn: LoggingTransaction, rooms: Collection[str]) -> set[str]:
    """Return those of `rooms` that stand on a list or have an alias.

    By the keys of `rooms` and the index `room_aliases_id` (room_id). `appservice_room_list` has
    none by room and is read as a whole, as Synapse itself does whenever it shows a list.
    """
    found: set[str] = set()
    for query in (
        "SELECT room_id FROM rooms WHERE is_public AND",
        "SELECT room_id FROM appservice_room_list WHERE",
        "SELECT room_id FROM room_aliases WHERE",
    ):
        found.update(room for (room,) in in_batches(txn, query, "room_id", rooms))
    return found


def _unlist(txn: LoggingTransaction, room_id: str) -> None:
    """Take a room off the lists of application services."""
    txn.execute("DELETE FROM appservice_room_list WHERE room_id = ?", (room_id,))
