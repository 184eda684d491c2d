"""Parent invites: issued, found by their code, ended. What a code may do `kinship` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, insert, select, update

from sferum_bridge.school import kinship
from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import invites, overrides, people

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement

    from sferum_bridge.store.database import Tx


async def issue(
    tx: Tx,
    child_id: str,
    school_id: str,
    issuer: str,
    seed: str,
    life: int,
    *,
    issued_as: str = "",
    for_person: str = "",
) -> str:
    """Issue a parent invite that lives `life` milliseconds; return the code to show.

    The child's earlier invites end: one link a child is open at a time. The same `seed` (the event
    that asked) gives the same code, so a command carried out again after a crash tells the truth.
    `issued_as` and `for_person` are as `kinship.Invite` has them.
    """
    # One at a time a child: two at once would each end the earlier invites and both stay open.
    await tx.run(select(people.c.id).where(people.c.id == child_id).with_for_update(key_share=True))
    code = kinship.write_code(tx.sealer.token(f"invite/{seed}", kinship.CODE_BYTES))
    if await find(tx, code.replace("-", "")) is not None:
        return code
    await revoke(tx, child_id, issuer, "a newer invite")
    await tx.run(
        insert(invites).values(
            id=schools.new_id(),
            school_id=school_id,
            child_id=child_id,
            digest=_digest(tx, code.replace("-", "")),
            issued_by=issuer,
            issued_at=tx.now,
            expires_at=tx.now + life,
            issued_as=issued_as,
            for_person=for_person,
        )
    )
    reason = f"as {issued_as}" if issued_as else ""
    audit.record(tx, issuer, "invite.issue", child_id, reason, school=school_id)
    return code


async def revoke(tx: Tx, child_id: str, actor: str, reason: str) -> int:
    """End every open invite of a child; return how many there were."""
    open_ = (invites.c.child_id == child_id, invites.c.revoked_at.is_(None))
    rows = await tx.all(select(invites.c.school_id).where(*open_).distinct())
    ended = await tx.run(update(invites).where(*open_).values(revoked_at=tx.now))
    for row in rows:
        audit.record(tx, actor, "invite.revoke", child_id, reason, school=row.school_id)
    return ended


async def open_of(tx: Tx, child_ids: Collection[str]) -> frozenset[str]:
    """Return those of some children who have an invite that has neither ended nor expired."""
    c = invites.c
    open_ = (c.child_id.in_(child_ids), c.revoked_at.is_(None), c.expires_at > tx.now)
    return frozenset(row.child_id for row in await tx.all(select(c.child_id).where(*open_)))


async def find(tx: Tx, symbols: str) -> kinship.Invite | None:
    """Return the invite of a code as `kinship.read_code` gave it, `None` when there is none.

    Looked up by keyed hash, so the time it takes says nothing about how much of a code is right.
    """
    return await _invite(tx, invites.c.digest == _digest(tx, symbols))


async def by_id(tx: Tx, invite_id: str) -> kinship.Invite | None:
    """Return an invite by id."""
    return await _invite(tx, invites.c.id == invite_id)


async def use(tx: Tx, invite_id: str, person_id: str, *, once: bool = False) -> bool:
    """Note who was the first to be linked by an invite; false when it has ended.

    With `once` also when somebody else was quicker. Whoever ends it at this moment waits, or was
    first: no link is made by an invite that had been revoked.
    """
    c = invites.c
    holds = [c.id == invite_id, c.revoked_at.is_(None)]
    if once:
        holds.append(c.used_by.in_(("", person_id)))
    first = case((c.used_by == "", person_id), else_=c.used_by)
    return bool(await tx.run(update(invites).where(*holds).values(used_by=first)))


async def _invite(tx: Tx, condition: ColumnElement[bool]) -> kinship.Invite | None:
    row = await tx.first(select(invites).where(condition))
    if row is None:
        return None
    return kinship.Invite(
        row.id,
        row.school_id,
        row.child_id,
        row.issued_by,
        row.expires_at,
        row.revoked_at is not None,
        row.issued_as,
        row.for_person,
        row.used_by,
    )


def _digest(tx: Tx, symbols: str) -> bytes:
    return tx.sealer.digest(symbols, "invite")


# --- exceptions -----------------------------------------------------------------------------


async def allow(
    tx: Tx, child_id: str, person_id: str, actor: str, reason: str, *, school: str
) -> None:
    """Let an adult who studies here be a parent of a child all the same (S-49): who and why."""
    row = {"child_id": child_id, "person_id": person_id, "granted_by": actor, "reason": reason}
    await tx.put(overrides, {**row, "at": tx.now})
    audit.record(
        tx, actor, "parent.exception", child_id, f"{reason}; parent {person_id}", school=school
    )


async def is_allowed(tx: Tx, child_id: str, person_id: str) -> bool:
    """Tell whether such an exception was made."""
    c = overrides.c
    query = select(c.at).where(c.child_id == child_id, c.person_id == person_id)
    return await tx.value(query) is not None
