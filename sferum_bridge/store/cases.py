"""Cases: what waits for somebody's decision. An application, a correction, a removal of a parent.

What a case says beyond its people is sealed: it quotes what somebody wrote about a child. A decided
case keeps it until `prune`. Whose decision it is, and what follows, is for the bot's topics to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import cases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx


class Kind(StrEnum):
    """What a case is about."""

    APPLICATION = "application"
    CORRECTION = "correction"
    REMOVAL = "removal"
    """Of a parent link, on paper, by a second approver (D-4)."""
    ERASURE = "erasure"


class State(StrEnum):
    """How far a case has come."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. Times are milliseconds since the epoch, UTC."""

    id: str
    school_id: str
    kind: Kind
    subject_id: str
    """The person it is about, empty for somebody the school does not know."""
    opened_by: str
    """Id of the person, or the Matrix id of an unknown one."""
    opened_at: int
    content: Mapping[str, Any]
    state: State
    decided_by: str = ""
    decided_at: int = 0


async def open_(
    tx: Tx, school_id: str, kind: Kind, subject_id: str, opened_by: str, content: Mapping[str, Any]
) -> Case:
    """Open a case and record that."""
    case = Case(
        schools.new_id(), school_id, kind, subject_id, opened_by, tx.now, content, State.OPEN
    )
    await tx.run(
        insert(cases).values(
            id=case.id,
            school_id=school_id,
            kind=kind.value,
            subject_id=subject_id,
            opened_by=opened_by,
            opened_at=tx.now,
            sealed=tx.sealer.seal(dict(content), "case"),
            state=State.OPEN.value,
        )
    )
    audit.record(
        tx, opened_by, f"{kind.value}.open", subject_id, f"case {case.id}", school=school_id
    )
    return case


async def by_id(tx: Tx, case_id: str) -> Case | None:
    """Return a case, `None` when there is none."""
    row = await tx.first(select(cases).where(cases.c.id == case_id))
    return _case(tx, row) if row else None


async def waiting(tx: Tx, school_id: str) -> Sequence[Case]:
    """Return the open cases of a school, the oldest first."""
    c = cases.c
    query = select(cases).where(c.school_id == school_id, c.state == State.OPEN.value)
    return [_case(tx, row) for row in await tx.all(query.order_by(c.opened_at, c.id))]


async def of_kind(tx: Tx, school_id: str, kind: Kind) -> Sequence[Case]:
    """Return every case of a kind at a school, open or decided, the oldest first."""
    c = cases.c
    query = select(cases).where(c.school_id == school_id, c.kind == kind.value)
    return [_case(tx, row) for row in await tx.all(query.order_by(c.opened_at, c.id))]


async def about(tx: Tx, person_id: str) -> Sequence[Case]:
    """Return every case about somebody, open or decided, the oldest first."""
    query = select(cases).where(cases.c.subject_id == person_id)
    return [_case(tx, row) for row in await tx.all(query.order_by(cases.c.opened_at, cases.c.id))]


async def opened_by(tx: Tx, who: str) -> Sequence[Case]:
    """Return every case somebody opened, the oldest first."""
    query = select(cases).where(cases.c.opened_by == who)
    return [_case(tx, row) for row in await tx.all(query.order_by(cases.c.opened_at, cases.c.id))]


async def decide(tx: Tx, case: Case, state: State, actor: str, reason: str = "") -> bool:
    """Close an open case and record by whom and why; false when another was quicker."""
    done = await tx.run(
        update(cases)
        .where(cases.c.id == case.id, cases.c.state == State.OPEN.value)
        .values(state=state.value, decided_by=actor, decided_at=tx.now)
    )
    if done:
        why = f"{reason}; case {case.id}" if reason else f"case {case.id}"
        audit.record(
            tx,
            actor,
            f"{case.kind.value}.{state.value}",
            case.subject_id,
            why,
            school=case.school_id,
        )
    return bool(done)


async def prune(tx: Tx, before: int) -> int:
    """Forget cases decided before a time (milliseconds); return how many there were."""
    return await tx.run(delete(cases).where(cases.c.decided_at < before))


def _case(tx: Tx, row: Row[*tuple[Any, ...]]) -> Case:
    return Case(
        row.id,
        row.school_id,
        Kind(row.kind),
        row.subject_id,
        row.opened_by,
        row.opened_at,
        tx.sealer.unseal(row.sealed, "case") if row.sealed else {},
        State(row.state),
        row.decided_by,
        row.decided_at or 0,
    )
