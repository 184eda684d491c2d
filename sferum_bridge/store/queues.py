"""The two durable queues: what came from Matrix, and what has to be sent into Matrix.

Both are ordered within a lane (a room). A row is done when `done_at` is set; its content is wiped
at that moment, the row itself stays for a while so that a repeated delivery is recognised. Content
is sealed: messages of children do not lie readable in a queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, text, update

from sferum_bridge.store.tables import inbox, outbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from sferum_bridge.store.database import Tx

INBOX_BELL = "inbox"
OUTBOX_BELL = "outbox"
REACTIONS = "reactions/"
"""What the lane begins with in which a room's reactions to tap wait, beside what is said there."""


@dataclass(frozen=True, slots=True)
class Item:
    """One waiting row. `name` is the event id (inbox) or the transaction id (outbox)."""

    id: int
    lane: str
    name: str
    content: Any
    since: int
    """When it was queued, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Which table, which column names a row, and who is woken."""

    table: Table
    name_column: str
    since_column: str
    bell: str


INBOX = Queue(inbox, "event_id", "received_at", INBOX_BELL)
OUTBOX = Queue(outbox, "txn_id", "queued_at", OUTBOX_BELL)

_WAITING = {
    table: select(table)
    .where(
        table.c.lane == bindparam("lane"),
        table.c.done_at.is_(None),
        table.c.id > bindparam("after"),
    )
    .order_by(table.c.id)
    .limit(bindparam("limit"))
    for table in (inbox, outbox)
}
_DONE = {
    table: update(table)
    .where(table.c.id == bindparam("item_id"))
    .values(done_at=bindparam("now"), sealed=None)
    for table in (inbox, outbox)
}


async def put(tx: Tx, queue: Queue, lane: str, name: str, content: Any) -> bool:
    """Queue something under a name; false when that name was queued before."""
    return bool(await put_all(tx, queue, [(lane, name, content)]))


async def put_all(tx: Tx, queue: Queue, rows: Sequence[tuple[str, str, Any]]) -> int:
    """Queue rows of lane, name and content, in their order; return how many are new."""
    if not rows:
        return 0
    values = [
        {
            queue.name_column: name,
            "lane": lane,
            "sealed": tx.sealer.seal(content, queue.bell),
            queue.since_column: tx.now,
        }
        for lane, name, content in rows
    ]
    if len(values) == 1:
        # As most are: SQLAlchemy keeps no compiled form of an insert of several.
        added = int(await tx.add(queue.table, values[0]))
    else:
        added = await tx.run(tx.insert(queue.table).values(values).on_conflict_do_nothing())
    if added:
        for lane, _, _ in rows:
            tx.wake(queue.bell, lane)
    return added


async def lanes(tx: Tx, queue: Queue) -> Sequence[str]:
    """Return every lane in which something waits."""
    table = queue.table
    query = select(table.c.lane).where(table.c.done_at.is_(None)).distinct()
    return [row.lane for row in await tx.all(query)]


async def waiting(tx: Tx, queue: Queue, lane: str, limit: int, *, after: int = 0) -> Sequence[Item]:
    """Return the first `limit` rows that wait in a lane behind the row `after`, in order."""
    which = {"lane": lane, "limit": limit, "after": after}
    rows = await tx.all(_WAITING[queue.table], which)
    return [
        Item(
            id=row.id,
            lane=row.lane,
            name=getattr(row, queue.name_column),
            content=tx.sealer.unseal(row.sealed, queue.bell),
            since=getattr(row, queue.since_column),
        )
        for row in rows
    ]


async def change(tx: Tx, queue: Queue, item_id: int, content: Any) -> None:
    """Have a row that waits hold something else: how far its work has come."""
    table = queue.table
    sealed = tx.sealer.seal(content, queue.bell)
    which = (table.c.id == item_id, table.c.done_at.is_(None))
    await tx.run(update(table).where(*which).values(sealed=sealed))


async def done(tx: Tx, queue: Queue, item_id: int) -> None:
    """Say that a row has had its effect; wipe what it held."""
    await tx.run(_DONE[queue.table], {"item_id": item_id, "now": tx.now})


async def pass_by(tx: Tx, queue: Queue, item_id: int) -> None:
    """Give a row up without its effect; what it held stays until it is pruned."""
    table = queue.table
    await tx.run(update(table).where(table.c.id == item_id).values(done_at=tx.now))


async def prune(tx: Tx, queue: Queue, before: int) -> int:
    """Forget rows done before a time (milliseconds); return how many."""
    table = queue.table
    return await tx.run(delete(table).where(table.c.done_at < before))


async def hold(tx: Tx) -> None:
    """Have nothing be queued or done by others until this transaction ends.

    On PostgreSQL alone: SQLite has one writer at a time anyhow. For what is rare and quick.
    """
    if tx.dialect == "postgresql":
        await tx.run(text("LOCK TABLE inbox, outbox IN SHARE ROW EXCLUSIVE MODE"))


async def is_waiting(tx: Tx, queue: Queue, item_id: int) -> bool:
    """Tell whether a row has still to have its effect; holds it for this transaction.

    Should two bridges ever run on one PostgreSQL, the second waits here and finds the row done.
    """
    table = queue.table
    query = select(table.c.id).where(table.c.id == item_id, table.c.done_at.is_(None))
    return await tx.value(query.with_for_update()) is not None
