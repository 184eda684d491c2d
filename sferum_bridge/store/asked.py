"""Batches of people whom the homeserver was asked for, and whose outcome is not noted yet.

A bridge that is killed in between does not know whom it brought in. Who was, and left again by
themselves before it asks anew, is to stay out: so it says since when it has been asking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import state

if TYPE_CHECKING:
    from sferum_bridge.store.database import Tx

_KEY = "asked/"
_LONGEST_MS = 3600_000
"""What was left open for longer is another matter: whoever left then has been noticed."""


async def begin(tx: Tx, room_id: str) -> int:
    """Note that people are asked for in a room; return for how long they are, in milliseconds."""
    since = int(await state.get(tx, _KEY + room_id) or tx.now)
    ago = tx.now - since
    if not 0 < ago <= _LONGEST_MS:
        ago = 0
        await state.put(tx, _KEY + room_id, str(tx.now))
    return ago


async def end(tx: Tx, room_id: str) -> None:
    """Note that the outcome is known."""
    await state.drop(tx, _KEY + room_id)
