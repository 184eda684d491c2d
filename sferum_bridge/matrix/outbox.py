"""Sending into Matrix, exactly once.

    a transaction of the bot or the relay ──► outbox row (lane, txn id) ──► its lane, in order
                                                                              │
              ghost / bot makes sure it can (registered, device, joined) ◄────┤
                                                                              ▼
              PUT /send/{type}/{txn id}?device_id=…   ── answer ──►  one transaction:
                                                                     row done, map, offers

The row is written in the transaction that decided to send, so what was decided is sent. The
transaction id is part of the row, and every sender owns a device, so the homeserver recognises a
repetition after a crash of either side for a day (without a device it would only remember in
memory). A row whose homeserver is away waits; a row the homeserver refuses for good is logged,
dropped, and the lane goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.store import queues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Offer:
    """A reaction the bot puts under its message, and the command that tapping it gives."""

    reaction: str
    command: str


async def say(
    tx: Tx,
    txn_id: str,
    content: Mapping[str, Any],
    *,
    to: str = "",
    room_id: str = "",
    offers: Sequence[Offer] = (),
) -> None:
    """Have the bot say something once, `to` a person's direct chat or in `room_id`.

    With only `to`, the direct chat is found when the time comes, or opened. `offers` are for the
    person `to`. `txn_id` must be the same whenever the same thing is to be said.
    """
    row = {
        "to": to,
        "room": room_id,
        "type": "m.room.message",
        "content": content,
        "offers": [[o.reaction, o.command] for o in offers],
    }
    await queues.put(tx, queues.OUTBOX, room_id or f"dm/{to}", txn_id, row)
