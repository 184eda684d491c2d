"""Rooms: intents, what is known to exist, who is known to be in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from sferum_bridge.store import schools
from sferum_bridge.store.tables import chats, room_members, rooms

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from sqlalchemy import ColumnElement, Row

    from sferum_bridge.store.database import Tx


_OLD = "old/"
WATCH_BELL = "watch"
"""Rung when something happened in a school room that the bridge did not do."""


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room as last known. `room_id` is empty while its creation is only intended."""

    key: str
    school_id: str
    kind: str
    room_id: str
    actual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_replaced(self) -> bool:
        """Tell whether another room takes, or took, its place."""
        return self.key.startswith(_OLD)


async def of_school(tx: Tx, school_id: str) -> dict[str, RoomRecord]:
    """Return key → room of a school."""
    rows = await tx.all(select(rooms).where(rooms.c.school_id == school_id))
    return {r.key: _record(r) for r in rows}


async def by_key(tx: Tx, key: str) -> RoomRecord | None:
    """Return a room by its key, `None` when it was never intended."""
    r = await tx.first(select(rooms).where(rooms.c.key == key))
    return _record(r) if r else None


async def by_keys(tx: Tx, keys: Collection[str]) -> dict[str, RoomRecord]:
    """Return key → room, of those that were ever intended; as many as a space holds."""
    rows = await tx.all(select(rooms).where(rooms.c.key.in_(keys))) if keys else ()
    return {r.key: _record(r) for r in rows}


async def by_room_id(tx: Tx, room_id: str) -> RoomRecord | None:
    """Return the school room behind a room id, `None` when it is none of ours."""
    ours = (rooms.c.room_id == room_id, rooms.c.school_id.is_not(None))
    r = await tx.first(select(rooms).where(*ours))
    return _record(r) if r else None


async def linked(tx: Tx) -> dict[str, RoomRecord]:
    """Return room id → school room, of those a chat is linked to."""
    query = select(rooms).join(chats, chats.c.room_id == rooms.c.room_id)
    rows = await tx.all(query.where(rooms.c.school_id.is_not(None)))
    return {r.room_id: _record(r) for r in rows}


def _record(r: Row[*tuple[Any, ...]]) -> RoomRecord:
    return RoomRecord(r.key, r.school_id or "", r.kind, r.room_id or "", json.loads(r.actual))


async def ids(tx: Tx) -> Sequence[str]:
    """Return the ids of every room the bridge made."""
    query = select(rooms.c.room_id).where(rooms.c.room_id.is_not(None))
    return [row.room_id for row in await tx.all(query)]


async def forget(tx: Tx, key: str) -> None:
    """Forget a room, so that its key is free for another."""
    await tx.run(delete(rooms).where(rooms.c.key == key))


async def renew(tx: Tx, record: RoomRecord) -> None:
    """Have another room take the place of one; that one stays known, under a key nobody wants.

    Who was known to be in it is not known any more: the new room's people are brought in anew.
    """
    await tx.run(
        update(rooms).where(rooms.c.key == record.key).values(key=f"{_OLD}{record.room_id}")
    )
    await tx.run(delete(room_members).where(room_members.c.room_id == record.room_id))
    await intend(tx, record.key, record.school_id, record.kind)
    await set_actual(tx, record.key, {"predecessor": record.room_id})
    await schools.changed(tx, record.school_id)


async def intend(tx: Tx, key: str, school_id: str, kind: str) -> None:
    """Note that a room is about to be created; `school_id` is empty for a direct chat."""
    await tx.run(insert(rooms).values(key=key, school_id=school_id or None, kind=kind))


async def created(tx: Tx, key: str, room_id: str) -> None:
    """Note that an intended room exists."""
    await tx.run(update(rooms).where(rooms.c.key == key).values(room_id=room_id))


async def set_actual(tx: Tx, key: str, actual: Mapping[str, Any]) -> None:
    """Note the shape a room now has."""
    text = json.dumps(actual, ensure_ascii=False, sort_keys=True)
    await tx.run(update(rooms).where(rooms.c.key == key).values(actual=text))


async def members(tx: Tx, room_id: str) -> dict[str, str]:
    """Return Matrix id → last known membership (`invite` or `join`) in a room."""
    rows = await tx.all(select(room_members).where(room_members.c.room_id == room_id))
    return {row.mxid: row.membership for row in rows}


async def members_of(tx: Tx, room_ids: Collection[str]) -> dict[str, set[str]]:
    """Return room id → Matrix ids of those in it or invited, for some rooms."""
    found: dict[str, set[str]] = {}
    query = select(room_members.c.room_id, room_members.c.mxid)
    which = room_members.c.room_id.in_(room_ids)
    for row in await tx.all(query.where(which)) if room_ids else ():
        found.setdefault(row.room_id, set()).add(row.mxid)
    return found


async def members_of_school(tx: Tx, school_id: str) -> dict[str, dict[str, str]]:
    """Return room id → Matrix id → membership, for every room of a school."""
    query = (
        select(room_members)
        .join(rooms, rooms.c.room_id == room_members.c.room_id)
        .where(rooms.c.school_id == school_id)
    )
    found: dict[str, dict[str, str]] = {}
    for row in await tx.all(query):
        found.setdefault(row.room_id, {})[row.mxid] = row.membership
    return found


async def size_of_school(tx: Tx, school_id: str) -> tuple[int, int]:
    """Return how many rooms a school has, and how many places in them are taken."""
    ours = (rooms.c.school_id == school_id, rooms.c.room_id.is_not(None))
    made = select(func.count()).select_from(rooms).where(*ours, ~rooms.c.key.startswith(_OLD))
    joined = select(func.count()).select_from(
        rooms.join(room_members, room_members.c.room_id == rooms.c.room_id)
    )
    joined = joined.where(*ours, room_members.c.membership == "join")
    return int(await tx.value(made)), int(await tx.value(joined))


async def set_member(tx: Tx, room_id: str, mxid: str, membership: str) -> None:
    """Note somebody's membership; anything but `invite` and `join` means they are not in."""
    if membership in {"invite", "join"}:
        await set_members(tx, room_id, [mxid], membership)
        return
    await tx.run(
        delete(room_members).where(room_members.c.room_id == room_id, room_members.c.mxid == mxid)
    )


async def set_members(tx: Tx, room_id: str, mxids: Collection[str], membership: str) -> None:
    """Note that some people of a room are in it (`join`) or invited (`invite`)."""
    if not mxids:
        return
    statement = tx.insert(room_members).on_conflict_do_update(
        index_elements=["room_id", "mxid"], set_={"membership": membership}
    )
    rows = [{"room_id": room_id, "mxid": mxid, "membership": membership} for mxid in mxids]
    await tx.run(statement, rows)


async def stir(tx: Tx, room_ids: Collection[str]) -> None:
    """Have some school rooms looked at: something happened there that the bridge did not do."""
    if room_ids:
        await tx.run(update(rooms).where(rooms.c.room_id.in_(room_ids)).values(stirred_at=tx.now))
        tx.wake(WATCH_BELL)


async def stirred(tx: Tx) -> Sequence[str]:
    """Return the keys of the school rooms in which something happened since they were looked at."""
    return await _keys(tx, rooms.c.stirred_at > rooms.c.looked_at)


async def not_looked_at(tx: Tx, since: int, most: int) -> Sequence[str]:
    """Return keys of school rooms not looked at since a time (milliseconds), the longest first."""
    return await _keys(tx, rooms.c.looked_at < since, most)


async def _keys(tx: Tx, which: ColumnElement[bool], most: int | None = None) -> Sequence[str]:
    ours = (
        rooms.c.room_id.is_not(None),
        rooms.c.school_id.is_not(None),
        ~rooms.c.key.startswith(_OLD),
    )
    query = select(rooms.c.key).where(*ours, which).order_by(rooms.c.looked_at, rooms.c.key)
    return [row.key for row in await tx.all(query.limit(most))]


async def looked_at(tx: Tx, key: str, at: int) -> None:
    """Note that a room was looked at, and when the look began (milliseconds)."""
    await tx.run(update(rooms).where(rooms.c.key == key).values(looked_at=at))
