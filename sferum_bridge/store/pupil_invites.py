"""Pupil invites: the way in for a pupil whom the roster names and who has no account (S-32).

Each is for one person of the roster, and for one account: using it up and revoking it exclude each
other in the database. Only the keyed hash of a code is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from sferum_bridge.school import kinship
from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import people, pupil_invites

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class PupilInvite:
    """An issued invite. Times are milliseconds since the epoch, UTC."""

    id: str
    school_id: str
    person_id: str
    issued_by: str
    issued_as: str
    """The group by whose right it was issued (`access.group`); void once the issuer left it."""
    expires_at: int
    revoked: bool
    used: bool

    def is_open(self, now: int) -> bool:
        """Tell whether nothing of its own has ended it."""
        return not self.revoked and not self.used and now < self.expires_at


def code_of(tx: Tx, seed: str) -> str:
    """Return the code that `issue` made, or will make, of a seed, as people see it."""
    return kinship.write_code(tx.sealer.token(f"pupil-invite/{seed}", kinship.CODE_BYTES))


async def issue(
    tx: Tx, person_id: str, school_id: str, issuer: str, issued_as: str, seed: str, life: int
) -> str:
    """Issue an invite for a pupil that lives `life` milliseconds; return the code to show.

    The pupil's earlier invite ends. The same `seed` gives the same code, so a command carried out
    again after a crash tells the truth.
    """
    # One at a time a pupil: two at once would each end the earlier invite and both stay open.
    await tx.run(
        select(people.c.id).where(people.c.id == person_id).with_for_update(key_share=True)
    )
    code = code_of(tx, seed)
    if await find(tx, code.replace("-", "")) is not None:
        return code
    await revoke(tx, person_id, issuer, "a newer invite")
    await tx.run(
        insert(pupil_invites).values(
            id=schools.new_id(),
            school_id=school_id,
            person_id=person_id,
            digest=_digest(tx, code.replace("-", "")),
            issued_by=issuer,
            issued_as=issued_as,
            issued_at=tx.now,
            expires_at=tx.now + life,
        )
    )
    audit.record(tx, issuer, "pupil-invite.issue", person_id, f"as {issued_as}", school=school_id)
    return code


async def revoke(tx: Tx, person_id: str, actor: str, reason: str) -> int:
    """End the open invites of a pupil; return how many there were."""
    c = pupil_invites.c
    open_ = (c.person_id == person_id, c.revoked_at.is_(None), c.used_at.is_(None))
    rows = await tx.all(select(c.school_id).where(*open_).distinct())
    ended = await tx.run(update(pupil_invites).where(*open_).values(revoked_at=tx.now))
    for row in rows:
        audit.record(tx, actor, "pupil-invite.revoke", person_id, reason, school=row.school_id)
    return ended


async def find(tx: Tx, symbols: str) -> PupilInvite | None:
    """Return the invite of a code as `kinship.read_code` gave it, `None` when there is none.

    Looked up by keyed hash, so the time it takes says nothing about how much of a code is right.
    """
    return await _invite(tx, pupil_invites.c.digest == _digest(tx, symbols))


async def by_id(tx: Tx, invite_id: str) -> PupilInvite | None:
    """Return an invite by id."""
    return await _invite(tx, pupil_invites.c.id == invite_id)


async def use(tx: Tx, invite_id: str) -> bool:
    """Use an invite up; false when another was quicker or it has been revoked."""
    c = pupil_invites.c
    open_ = (c.id == invite_id, c.revoked_at.is_(None), c.used_at.is_(None))
    return bool(await tx.run(update(pupil_invites).where(*open_).values(used_at=tx.now)))


async def _invite(tx: Tx, condition: ColumnElement[bool]) -> PupilInvite | None:
    row = await tx.first(select(pupil_invites).where(condition))
    if row is None:
        return None
    return PupilInvite(
        row.id,
        row.school_id,
        row.person_id,
        row.issued_by,
        row.issued_as,
        row.expires_at,
        row.revoked_at is not None,
        row.used_at is not None,
    )


def _digest(tx: Tx, symbols: str) -> bytes:
    return tx.sealer.digest(symbols, "pupil-invite")
