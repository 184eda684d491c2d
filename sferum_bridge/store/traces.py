"""What names somebody in passing: open questions of others, and what the bot is about to say.

Nobody's own words are touched. What people write in rooms stays theirs, also while it is on its
way; only somebody's own messages that still wait here go with them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select

from sferum_bridge.store import dialogues, queues
from sferum_bridge.store import tables as t

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from sqlalchemy import Row

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.queues import Queue

_PIECE = 500
_BOT = "bot/"


@dataclass(frozen=True, slots=True)
class Marks:
    """By what somebody is recognised in what is stored as text."""

    ids: frozenset[str]
    """The person's id, Matrix accounts and invites."""
    names: frozenset[str]
    """Given and family name in both orders; none while somebody else is called the same."""

    def are_in(self, content: Any) -> bool:
        """Tell whether something stored names the person, a document in it included."""
        said = json.dumps(content, ensure_ascii=False)
        if isinstance(content, dict) and "file" in content:
            said += b64decode(content["file"]["data"]).decode(errors="ignore")
        return any(mark in said for mark in self.ids | self.names)


async def marks(tx: Tx, person: Person, mxids: Collection[str]) -> Marks:
    """Return by what somebody is recognised, before anything of them is destroyed."""
    c, i, p = t.people.c, t.invites.c, t.pupil_invites.c
    parent = select(i.id).where(or_(i.child_id == person.id, i.for_person == person.id))
    pupil = select(p.id).where(p.person_id == person.id)
    invites = [row.id for query in (parent, pupil) for row in await tx.all(query)]
    family, given = person.family_name, person.given_name
    alike = select(func.count()).where(c.family_name == family, c.given_name == given)
    alone = await tx.value(alike.select_from(t.people)) == 1
    names = {f"{given} {family}".strip(), f"{family} {given}".strip()} if alone else set()
    return Marks(frozenset({person.id, *mxids, *invites}), frozenset(names))


async def wipe(tx: Tx, found: Marks, direct_rooms: Collection[str]) -> None:
    """Forget whatever names somebody, and what they themselves said that still waits.

    `direct_rooms` are the person's own chats with the bot.
    """
    for row in await tx.all(select(t.dialogues)):
        if row.mxid in found.ids or found.are_in(tx.sealer.unseal(row.sealed, "dialogue")):
            await tx.run(delete(t.dialogues).where(t.dialogues.c.mxid == row.mxid))
    o = t.offers.c
    for row in await tx.all(select(t.offers)):
        if row.mxid in found.ids or found.are_in(dialogues.offered(tx, row.command)):
            await tx.run(delete(t.offers).where(o.event_id == row.event_id))
    await _wipe_inbox(tx, found, direct_rooms)
    await _wipe_outbox(tx, found, direct_rooms)


async def _wipe_inbox(tx: Tx, found: Marks, direct_rooms: Collection[str]) -> None:
    own = {f"{_BOT}{room_id}" for room_id in direct_rooms}
    async for row, content in _held(tx, queues.INBOX):
        # Somebody else's words to the bot that still wait are answered; given up, they are not.
        to_bot = row.lane.startswith(_BOT) and row.done_at is not None
        sender = content.get("sender", "") if isinstance(content, dict) else ""
        ours = sender in found.ids or (not sender and found.are_in(content))
        if row.lane in own or ours or (to_bot and found.are_in(content)):
            await tx.run(delete(t.inbox).where(t.inbox.c.id == row.id))


async def _wipe_outbox(tx: Tx, found: Marks, direct_rooms: Collection[str]) -> None:
    own = {*direct_rooms, *(f"{kind}/{each}" for each in found.ids for kind in ("dm", "name"))}
    own |= {f"{queues.REACTIONS}{room_id}" for room_id in direct_rooms}
    async for row, content in _held(tx, queues.OUTBOX):
        # With `as` it is somebody of the school who speaks, not the bot.
        speaker = content.get("as")
        ours = speaker["mxid"] in found.ids if speaker else found.are_in(content)
        # An announcement is its author's words, not the bot's.
        ours = ours and "post" not in content
        if row.lane in own or ours:
            await tx.run(delete(t.outbox).where(t.outbox.c.id == row.id))


async def _held(tx: Tx, queue: Queue) -> AsyncIterator[tuple[Row[*tuple[Any, ...]], Any]]:
    """Give every row that still holds something, with what it holds."""
    table, last = queue.table, 0
    while True:
        held = select(table).where(table.c.sealed.is_not(None), table.c.id > last)
        rows = await tx.all(held.order_by(table.c.id).limit(_PIECE))
        for row in rows:
            yield row, tx.sealer.unseal(row.sealed, queue.bell)
        if len(rows) < _PIECE:
            return
        last = rows[-1].id
