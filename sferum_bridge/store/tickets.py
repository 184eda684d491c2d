"""Tickets: requests to the school and reports of messages, with everything said about them.

What is in one is sealed: it quotes people. A closed one is kept until `prune`; that it was opened,
taken up, answered and closed, by whom and when, stays in the audit log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import tickets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

_SEAL = "ticket"


class Kind(StrEnum):
    """What a ticket is."""

    REQUEST = "request"
    REPORT = "report"


class State(StrEnum):
    """How far a ticket has come."""

    OPEN = "open"
    TAKEN = "taken"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket. Times are milliseconds since the epoch, UTC; 0 for never."""

    id: str
    school_id: str
    kind: Kind
    opened_by: str
    opened_at: int
    class_id: str
    """Of a report: the class in whose room it is about; empty for a room of the school."""
    about: str
    """Of a report: the person who wrote the message, empty for somebody unknown."""
    content: Mapping[str, Any]
    state: State
    taken_by: str
    closed_at: int


async def open_(
    tx: Tx,
    school_id: str,
    kind: Kind,
    opened_by: str,
    content: Mapping[str, Any],
    *,
    class_id: str = "",
    about: str = "",
) -> Ticket:
    """Open a ticket and record that; the record names who opened it and nobody else."""
    one = Ticket(
        schools.new_id(),
        school_id,
        kind,
        opened_by,
        tx.now,
        class_id,
        about,
        content,
        State.OPEN,
        "",
        0,
    )
    await tx.run(
        insert(tickets).values(
            id=one.id,
            school_id=school_id,
            kind=kind.value,
            opened_by=opened_by,
            opened_at=tx.now,
            class_id=class_id,
            about=about,
            sealed=tx.sealer.seal(dict(content), _SEAL),
            state=one.state.value,
        )
    )
    record(tx, one, opened_by, "open")
    return one


def record(tx: Tx, one: Ticket, actor: str, what: str) -> None:
    """Write a step into the log, under who opened it.

    It names nobody a report is about, so the own journal holds nothing of it; from the school's
    journal it is kept by `audit.entries`, which knows the action and the reason of this record.
    """
    action, why = f"{one.kind.value}.{what}", f"ticket {one.id}"
    audit.record(tx, actor, action, one.opened_by, why, school=one.school_id)


async def by_id(tx: Tx, ticket_id: str) -> Ticket | None:
    """Return a ticket, held for this transaction; `None` when there is none."""
    row = await tx.first(select(tickets).where(tickets.c.id == ticket_id).with_for_update())
    return _ticket(tx, row) if row else None


async def waiting(tx: Tx, school_id: str) -> Sequence[Ticket]:
    """Return the tickets of a school that are not closed, the oldest first."""
    c = tickets.c
    query = select(tickets).where(c.school_id == school_id, c.state != State.CLOSED.value)
    return [_ticket(tx, row) for row in await tx.all(query.order_by(c.opened_at, c.id))]


async def opened_by(tx: Tx, person_id: str) -> Sequence[Ticket]:
    """Return every ticket somebody opened, the oldest first."""
    c = tickets.c
    query = select(tickets).where(c.opened_by == person_id)
    return [_ticket(tx, row) for row in await tx.all(query.order_by(c.opened_at, c.id))]


async def change(tx: Tx, one: Ticket, **values: Any) -> None:
    """Note what a ticket now is: columns of its table, and `content` as a value."""
    if "content" in values:
        values["sealed"] = tx.sealer.seal(dict(values.pop("content")), _SEAL)
    await tx.run(update(tickets).where(tickets.c.id == one.id).values(**values))


async def forget(tx: Tx, person_id: str, mxids: Sequence[str], school_id: str = "") -> int:
    """Forget every ticket of somebody or about them or naming them; return how many there were."""
    found = await naming(tx, person_id, mxids, school_id)
    if found:
        await tx.run(delete(tickets).where(tickets.c.id.in_(found)))
    return len(found)


async def naming(
    tx: Tx, person_id: str, mxids: Sequence[str], school_id: str = ""
) -> Sequence[str]:
    """Return the ids of the tickets somebody opened, is meant by, or is named in by id."""
    c = tickets.c
    mine = or_(c.opened_by == person_id, c.about == person_id)
    rows = await tx.all(select(c.id, c.school_id, c.sealed, mine.label("mine")))
    marks = {person_id, *mxids}
    return [
        row.id
        for row in rows
        if school_id in {"", row.school_id} and (row.mine or _names(tx, row.sealed, marks))
    ]


def _names(tx: Tx, sealed: bytes, marks: set[str]) -> bool:
    said = json.dumps(tx.sealer.unseal(sealed, _SEAL), ensure_ascii=False)
    return any(mark in said for mark in marks)


async def prune(tx: Tx, before: int) -> None:
    """Forget tickets closed before a time (milliseconds)."""
    await tx.run(delete(tickets).where(tickets.c.closed_at < before))


def _ticket(tx: Tx, row: Row[*tuple[Any, ...]]) -> Ticket:
    return Ticket(
        row.id,
        row.school_id,
        Kind(row.kind),
        row.opened_by,
        row.opened_at,
        row.class_id,
        row.about,
        tx.sealer.unseal(row.sealed, _SEAL),
        State(row.state),
        row.taken_by,
        row.closed_at or 0,
    )
