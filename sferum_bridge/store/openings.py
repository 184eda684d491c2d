"""Break-glass openings: who was let into which rooms, why and until when (`school.opening`).

Each of them is in the audit log, and the school's administrators are told, in the transaction that
makes or ends it. What it opens is derived like everything else: facts and wanted rooms ask for
those that hold, so an end needs nobody to do anything but look.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, true, update

from sferum_bridge.school.opening import Opening
from sferum_bridge.store import accounts, audit, news, schools
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
    who = await _who(tx, mxid)
    audit.record(tx, "console", OPENED, who, made.reason, school=school_id)
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
    await _record_end(tx, opening, actor)
    await _tell(tx, ENDED, opening)
    return True


async def forget(tx: Tx, mxids: Collection[str], actor: str, school_id: str = "") -> None:
    """End and forget everything that was ever opened to accounts, at one school if it is given.

    Their owner is being erased, so nobody is told of them any more; what the log says stays.
    """
    c = openings.c
    at = c.school_id == school_id if school_id else true()
    mine = (c.mxid.in_(mxids), at)
    for row in await tx.all(select(openings).where(*mine, c.ended_at.is_(None))):
        await _record_end(tx, _read(row), actor)
    await tx.run(delete(openings).where(*mine))


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


async def _record_end(tx: Tx, opening: Opening, actor: str) -> None:
    who = await _who(tx, opening.mxid)
    audit.record(tx, actor, ENDED, who, school=opening.school_id)
    await schools.changed(tx, opening.school_id)


async def _who(tx: Tx, mxid: str) -> str:
    """Return whom the log names: a person by id, an account that nobody here knows by its own."""
    person = await accounts.person_of(tx, mxid)
    return person.id if person else mxid


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
