"""Group calls: what goes on in which room, and who came by the link.

At most one call goes on in a room; a constraint of the table holds that. Who came is kept while the
call lasts and is then a number: nobody is marked present or absent by it (S-24).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from sferum_bridge.store import schools
from sferum_bridge.store.tables import call_guests, calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

_SEAL = "call"


class Network(StrEnum):
    """Whose call it is."""

    OWN = "own"
    SFERUM = "sferum"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times are milliseconds since the epoch, UTC; `ended_at` is 0 while it goes on."""

    id: str
    school_id: str
    room_id: str
    caller_id: str
    network: Network
    meeting: str
    """What the meeting is called where it takes place; of Sferum's: its number of the call."""
    login_id: str
    """The login to Sferum it was started through; empty for the school's own."""
    url: str
    """The address of a call of Sferum; empty for the school's own."""
    started_at: int
    ended_at: int = 0


async def start(
    tx: Tx,
    school_id: str,
    room_id: str,
    caller_id: str,
    network: Network,
    meeting: str,
    *,
    login_id: str = "",
    url: str = "",
) -> Call | None:
    """Note that a call goes on in a room; `None` where one does already."""
    made = Call(
        schools.new_id(), school_id, room_id, caller_id, network, meeting, login_id, url, tx.now
    )
    sealed = tx.sealer.seal({"meeting": meeting, "login": login_id, "url": url}, _SEAL)
    row: dict[str, Any] = {"id": made.id, "school_id": school_id, "room_id": room_id}
    row |= {"caller_id": caller_id, "network": network.value, "started_at": tx.now}
    row["sealed"] = sealed
    is_first = await tx.add(calls, row)
    return made if is_first else None


async def by_id(tx: Tx, call_id: str) -> Call | None:
    """Return a call, held for this transaction; `None` when there is none."""
    row = await tx.first(select(calls).where(calls.c.id == call_id).with_for_update())
    return _call(tx, row) if row else None


async def room_of(tx: Tx, call_id: str) -> str:
    """Return the room a call is in; empty when there is no such call."""
    return str(await tx.value(select(calls.c.room_id).where(calls.c.id == call_id)) or "")


async def going_on(tx: Tx, room_id: str) -> Call | None:
    """Return the call that goes on in a room, held for this transaction."""
    query = select(calls).where(calls.c.room_id == room_id, calls.c.ended_at.is_(None))
    row = await tx.first(query.with_for_update())
    return _call(tx, row) if row else None


async def overdue(tx: Tx, before: int) -> Sequence[str]:
    """Return the calls begun before a time (milliseconds) that nobody has ended."""
    query = select(calls.c.id).where(calls.c.ended_at.is_(None), calls.c.started_at < before)
    return [row.id for row in await tx.all(query.order_by(calls.c.started_at))]


async def came(tx: Tx, call_id: str, mxid: str) -> None:
    """Note that somebody went to a call; noted twice it is noted once."""
    values = {"call_id": call_id, "mxid": mxid}
    await tx.add(call_guests, values)


async def end(tx: Tx, one: Call) -> int:
    """Note that a call is over; return how many came by its link, and forget who."""
    g = call_guests.c
    query = select(func.count()).select_from(call_guests).where(g.call_id == one.id)
    count = int(await tx.value(query))
    await tx.run(delete(call_guests).where(g.call_id == one.id))
    await tx.run(update(calls).where(calls.c.id == one.id).values(ended_at=tx.now))
    return count


async def prune(tx: Tx, before: int) -> None:
    """Forget calls that ended before a time (milliseconds); the rooms tell of them on."""
    await tx.run(delete(calls).where(calls.c.ended_at < before))


def _call(tx: Tx, row: Row[*tuple[Any, ...]]) -> Call:
    sealed = tx.sealer.unseal(row.sealed, _SEAL)
    return Call(
        row.id,
        row.school_id,
        row.room_id,
        row.caller_id,
        Network(row.network),
        sealed["meeting"],
        sealed["login"],
        sealed["url"],
        row.started_at,
        row.ended_at or 0,
    )
