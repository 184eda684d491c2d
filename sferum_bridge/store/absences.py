"""Who belongs into a room and stays out of it: by their own wish, or because they were banned.

The executor brings nobody in who is named here; whoever comes back, or belongs there no longer, is
not named any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from sferum_bridge.store.tables import absences, rooms

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sferum_bridge.store.database import Tx

LEFT, BANNED = "left", "banned"


async def of_room(tx: Tx, room_id: str) -> Mapping[str, str]:
    """Return Matrix id → `left` or `banned` of those who stay out of a room."""
    rows = await tx.all(select(absences).where(absences.c.room_id == room_id))
    return {row.mxid: row.how for row in rows}


async def of_school(tx: Tx, school_id: str) -> Mapping[str, Mapping[str, str]]:
    """Return room id → Matrix id → `left` or `banned`, for every room of a school."""
    query = select(absences).join(rooms, rooms.c.room_id == absences.c.room_id)
    found: dict[str, dict[str, str]] = {}
    for row in await tx.all(query.where(rooms.c.school_id == school_id)):
        found.setdefault(row.room_id, {})[row.mxid] = row.how
    return found


async def note(tx: Tx, room_id: str, mxid: str, how: str) -> None:
    """Remember that somebody stays out of a room, and how that came: `left` or `banned`."""
    row = {"room_id": room_id, "mxid": mxid, "how": how, "at": tx.now}
    await tx.put(absences, row)


async def end(tx: Tx, room_id: str, mxids: Collection[str]) -> None:
    """Forget that some people stay out of a room."""
    if mxids:
        where = (absences.c.room_id == room_id, absences.c.mxid.in_(mxids))
        await tx.run(delete(absences).where(*where))


async def come_back(tx: Tx, mxids: Collection[str]) -> int:
    """Forget every room that some accounts left by their own wish; return how many those are."""
    where = (absences.c.mxid.in_(mxids), absences.c.how == LEFT)
    return await tx.run(delete(absences).where(*where))
