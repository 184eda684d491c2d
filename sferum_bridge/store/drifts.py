"""What was found in rooms that the bridge had not done, until it has been told and is long past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.school.drift import Kind
from sferum_bridge.store.tables import drifts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Row, Select

    from sferum_bridge.school.drift import Drift
    from sferum_bridge.store.database import Tx

FOUND = "drift.found"
"""News of what was found just now: `ids` of rows here. Whoever it concerns is told."""
SUMMARY = "drift.summary"
"""News for a `school`'s administrators: whatever they were not told yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found. `at` is milliseconds since the epoch, UTC."""

    id: int
    school_id: str
    room_id: str
    kind: Kind
    actor: str
    """Matrix id of who did it, empty where nobody is known."""
    subject: str
    """Matrix id of whom it befell, empty where it befell the room."""
    at: int
    is_open: bool
    """Whether it stays so until a human acts."""


async def note(tx: Tx, school_id: str, room_id: str, drift: Drift, *, is_open: bool) -> int:
    """Write down what was found; return its id."""
    row = {
        "school_id": school_id,
        "room_id": room_id,
        "kind": drift.kind.value,
        "actor": drift.actor,
        "subject": drift.subject,
        "at": tx.now,
        "is_open": is_open,
    }
    return int(await tx.value(insert(drifts).values(row).returning(drifts.c.id)))


async def is_known(tx: Tx, room_id: str, drift: Drift, since: int) -> bool:
    """Tell whether the same was found since a time (milliseconds), or is open still."""
    c = drifts.c
    same = (c.room_id == room_id, c.kind == drift.kind.value, c.subject == drift.subject)
    query = select(c.id).where(*same, c.is_open | ((c.actor == drift.actor) & (c.at >= since)))
    return await tx.value(query.limit(1)) is not None


async def close_others(tx: Tx, room_id: str, kinds: Collection[Kind]) -> None:
    """Note that what was open in a room is so no longer, but for these kinds."""
    c = drifts.c
    where = (c.room_id == room_id, c.is_open, c.kind.not_in([kind.value for kind in kinds]))
    await tx.run(update(drifts).where(*where).values(is_open=False))


async def by_ids(tx: Tx, ids: Collection[int]) -> Sequence[Found]:
    """Return some rows, in the order in which they were found."""
    return [_found(r) for r in await tx.all(_ordered().where(drifts.c.id.in_(ids)))]


async def untold(tx: Tx, school_id: str) -> Sequence[Found]:
    """Return what the administrators of a school have not been told."""
    where = (drifts.c.school_id == school_id, drifts.c.told_at.is_(None))
    return [_found(r) for r in await tx.all(_ordered().where(*where))]


async def due(tx: Tx, before: int) -> Sequence[str]:
    """Return the schools that have something to be told, and were last told before a time."""
    c = drifts.c
    recently = select(c.school_id).where(c.told_at >= before)
    query = select(c.school_id).where(c.told_at.is_(None), c.school_id.not_in(recently))
    return [row.school_id for row in await tx.all(query.distinct())]


async def told(tx: Tx, found: Collection[Found]) -> None:
    """Note that the administrators are told of these."""
    ids = [each.id for each in found]
    await tx.run(update(drifts).where(drifts.c.id.in_(ids)).values(told_at=tx.now))


async def prune(tx: Tx, before: int) -> None:
    """Forget what was found, told and settled before a time (milliseconds)."""
    c = drifts.c
    await tx.run(delete(drifts).where(c.at < before, c.told_at.is_not(None), ~c.is_open))


def _ordered() -> Select[Any]:
    return select(drifts).order_by(drifts.c.id)


def _found(r: Row[*tuple[Any, ...]]) -> Found:
    return Found(r.id, r.school_id, r.room_id, Kind(r.kind), r.actor, r.subject, r.at, r.is_open)
