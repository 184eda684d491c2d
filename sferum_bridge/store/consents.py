"""The register of consents: who agreed to which text, for whom, when, and who took it back (§3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, or_, select, update

from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import consents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent. Times are milliseconds since the epoch, UTC; 0 for never."""

    id: str
    subject_id: str
    """Whose data it is about."""
    actor_id: str
    """Who gave it; only they may take it back."""
    version: str
    given_at: int
    withdrawn_at: int = 0


async def give(tx: Tx, subject_id: str, actor_id: str, version: str, *, school: str) -> None:
    """Note a consent; one that holds already is not given twice."""
    for held in await of(tx, subject_id):
        if (held.actor_id, held.version, held.withdrawn_at) == (actor_id, version, 0):
            return
    await tx.run(
        insert(consents).values(
            id=schools.new_id(),
            subject_id=subject_id,
            actor_id=actor_id,
            version=version,
            given_at=tx.now,
        )
    )
    audit.record(tx, actor_id, "consent.give", subject_id, f"text {version}", school=school)


async def withdraw(tx: Tx, subject_id: str, actor_id: str, *, school: str) -> bool:
    """Note that somebody takes their consent back; false when they had given none."""
    c = consents.c
    done = await tx.run(
        update(consents)
        .where(c.subject_id == subject_id, c.actor_id == actor_id, c.withdrawn_at.is_(None))
        .values(withdrawn_at=tx.now)
    )
    if done:
        audit.record(tx, actor_id, "consent.withdraw", subject_id, school=school)
    return bool(done)


async def of(tx: Tx, person_id: str) -> Sequence[Consent]:
    """Return every consent about somebody or given by them, the oldest first."""
    c = consents.c
    query = select(consents).where(or_(c.subject_id == person_id, c.actor_id == person_id))
    return [
        Consent(r.id, r.subject_id, r.actor_id, r.version, r.given_at, r.withdrawn_at or 0)
        for r in await tx.all(query.order_by(c.given_at, c.id))
    ]
