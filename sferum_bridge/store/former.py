"""Which chat a room was linked to before, so that the same chat goes on there.

Noted when a room is unlinked. Who links the same chat again may know it by another number; what is
known of its messages goes along then (`inherit`), and nothing is shown twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, tuple_, update

from sferum_bridge.store import chats, state
from sferum_bridge.store.tables import chats as chats_table
from sferum_bridge.store.tables import message_map, reactions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Tx

_FORMER = "chat.former/"


@dataclass(frozen=True, slots=True)
class Former:
    """A chat that was linked to a room, as the login knew it through which it was."""

    login_id: str
    chat_id: str
    seen: str
    """The last message that was queued for the room; empty where what came after is not wanted."""


async def note(tx: Tx, room_id: str, *, resumes: bool) -> None:
    """Note which chat is linked to a room; nothing where none is.

    `resumes` tells whether what is written there meanwhile is to be shown when it is linked again.
    """
    r = await tx.first(select(chats_table).where(chats_table.c.room_id == room_id))
    if r is not None:
        noted = [r.login_id, r.chat_id, r.seen if resumes else ""]
        await state.put(tx, _FORMER + room_id, json.dumps(noted))


async def of_room(tx: Tx, room_id: str) -> Former | None:
    """Return the chat a room was linked to before, `None` for none.

    Nor for one that is linked to another room by now: what is known of it belongs there.
    """
    noted = await state.get(tx, _FORMER + room_id)
    if not noted:
        return None
    old = Former(*json.loads(noted))
    c = chats_table.c
    query = select(c.room_id).where(c.login_id == old.login_id, c.chat_id == old.chat_id)
    return old if await tx.value(query) in {None, room_id} else None


async def last_messages(tx: Tx, old: Former, room_id: str, limit: int) -> Sequence[Mapped]:
    """Return the first parts of the last messages of a former chat that its room still shows."""
    c = message_map.c
    query = (
        select(c.message_id)
        .where(c.login_id == old.login_id, c.chat_id == old.chat_id, c.room_id == room_id)
        .where(c.is_gone.is_(False))
        .group_by(c.message_id)
        .order_by(func.max(c.mapped_at).desc(), func.length(c.message_id).desc())
        .order_by(c.message_id.desc())
        .limit(limit)
    )
    # Their numbers are text: in the order of its length and signs.
    ids = sorted((r.message_id for r in await tx.all(query)), key=lambda one: (len(one), one))
    found = []
    for message_id in ids:
        parts = await chats.parts_of(tx, old.login_id, old.chat_id, message_id)
        found.append(next(one for one in parts if not one.is_gone))
    return found


async def resume(tx: Tx, room_id: str, seen: str) -> None:
    """Have the chat of a room be taken in from behind a message on, when it begins."""
    await tx.run(update(chats_table).where(chats_table.c.room_id == room_id).values(seen=seen))


async def inherit(tx: Tx, old: Former, login_id: str, chat_id: str) -> None:
    """Have what is known of a chat's messages be known under another login's number of it.

    A chat numbers its messages alike for all its members.
    """
    for table, rest in (
        (message_map, ("message_id", "part")),
        (reactions, ("message_id", "user_id")),
    ):
        c = table.c
        theirs = (c.login_id == login_id, c.chat_id == chat_id)
        mine = (c.login_id == old.login_id, c.chat_id == old.chat_id)
        columns = [c[name] for name in rest]
        # Of an earlier link of theirs: what this one knows holds.
        known = select(*columns).where(*mine)
        await tx.run(delete(table).where(*theirs, tuple_(*columns).in_(known)))
        await tx.run(update(table).where(*mine).values(login_id=login_id, chat_id=chat_id))
