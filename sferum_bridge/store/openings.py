"""Break-glass openings: who was let into which rooms, why and until when (`school.opening`).

Each of them is in the audit log, and the school's administrators are told, in the transaction that
makes or ends it. What it opens is derived like everything else: facts and wanted rooms ask for
those that hold, so an end needs nobody to do anything but look.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from sferum_bridge.school.opening import Opening
from sferum_bridge.store import audit, news, schools
from sferum_bridge.store.tables import openings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

OPENED, ENDED = "contour.open", "contour.end"
"""Kinds of news, and actions of the audit log."""


async def begin(
    tx: Tx, school_id: str, mxid: str, rooms: Collection[str], reason: str, until: int
) -> Opening:
    """Let an account into rooms (their keys); what stands against it was checked before."""
    made = Opening(
        schools.new_id(), school_id, mxid, frozenset(rooms), reason.strip(), tx.now, until
    )
    await tx.run(
        insert(openings).values(
            id=made.id,
            school_id=school_id,
            mxid=mxid,
            rooms=json.dumps(sorted(made.rooms)),
            reason=made.reason,
            since=made.since,
            until=until,
        )
    )
    audit.record(tx, "console", OPENED, mxid, made.reason, school=school_id)
    await _tell(tx, OPENED, made)
    await schools.changed(tx, school_id)
    return made


async def end(tx: Tx, opening: Opening, actor: str) -> bool:
    """End one now; false when it was over already. `actor` is `console` or `bridge`."""
    c = openings.c
    still = (c.id == opening.id, c.ended_at.is_(None))
    if await tx.value(select(c.id).where(*still)) is None:
        return False
    await tx.run(update(openings).where(*still).values(ended_at=tx.now))
    audit.record(tx, actor, ENDED, opening.mxid, school=opening.school_id)
    await _tell(tx, ENDED, opening)
    await schools.changed(tx, opening.school_id)
    return True


async def holding(tx: Tx, school_id: str = "") -> Sequence[Opening]:
    """Return those that last now, of all schools or of one."""
    c = openings.c
    query = select(openings).where(c.ended_at.is_(None), c.until > tx.now).order_by(c.since, c.id)
    if school_id:
        query = query.where(c.school_id == school_id)
    return [_read(row) for row in await tx.all(query)]


async def overdue(tx: Tx) -> Sequence[Opening]:
    """Return those whose time is up, and which nobody has ended yet."""
    c = openings.c
    query = select(openings).where(c.ended_at.is_(None), c.until <= tx.now)
    return [_read(row) for row in await tx.all(query)]


async def ever(tx: Tx) -> Sequence[Opening]:
    """Return all there were, the newest first."""
    query = select(openings).order_by(openings.c.since.desc(), openings.c.id)
    return [_read(row) for row in await tx.all(query)]


async def _tell(tx: Tx, kind: str, opening: Opening) -> None:
    content = {
        "school": opening.school_id,
        "who": opening.mxid,
        "rooms": sorted(opening.rooms),
        "reason": opening.reason,
        "until": opening.until,
    }
    await news.put(tx, kind, content)


def _read(r: Row[*tuple[Any, ...]]) -> Opening:
    rooms = frozenset(json.loads(r.rooms))
    return Opening(r.id, r.school_id, r.mxid, rooms, r.reason, r.since, r.until, r.ended_at)
