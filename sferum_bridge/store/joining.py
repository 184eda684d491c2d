"""Joining a school by an application: what its approval writes, in the caller's transaction (S-60).

Roles are a set (S-56): whoever is somebody here already keeps what they have. Each change has its
record, under the case that decided it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, insert, or_, select, update

from sferum_bridge.store import accounts, audit, schools
from sferum_bridge.store.tables import accounts as accounts_table
from sferum_bridge.store.tables import assignments, expected_parents, parent_links

if TYPE_CHECKING:
    from datetime import date

    from sferum_bridge.school.people import Post
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx


async def tie(tx: Tx, case: Case, mxid: str, person_id: str, actor: str) -> bool:
    """Have the account `mxid` be a person's; false when it is somebody else's for good.

    An account whose person is nothing anywhere, such as a parent who was sent away, is free to be
    tied to the person it belongs to.
    """
    held = await accounts.person_of(tx, mxid)
    if held is not None and held.id == person_id:
        return True
    if held is None:
        await accounts.add_account(tx, mxid, person_id)
    elif await is_nothing(tx, held.id):
        c = accounts_table.c
        await tx.run(update(accounts_table).where(c.mxid == mxid).values(person_id=person_id))
        for school_id in await accounts.schools_of(tx, person_id):
            await schools.changed(tx, school_id)
    else:
        return False
    audit.record(tx, actor, "account.tie", person_id, f"case {case.id}", school=case.school_id)
    return True


async def is_nothing(tx: Tx, person_id: str) -> bool:
    """Tell whether no school and no family has anything to do with somebody, nor ever had."""
    a, e, p = assignments.c, expected_parents.c, parent_links.c
    ties = (
        exists().where(a.person_id == person_id),
        exists().where(or_(e.parent_id == person_id, e.child_id == person_id)),
        exists().where(or_(p.parent_id == person_id, p.child_id == person_id), p.slot.is_not(None)),
    )
    return not await tx.value(select(or_(*ties)))


async def enrol(tx: Tx, case: Case, person_id: str, class_id: str, since: date, actor: str) -> None:
    """Make somebody a pupil of a class from a day on."""
    await _assign(tx, case, person_id, actor, kind="enrolment", class_id=class_id, since=since)


async def appoint(tx: Tx, case: Case, person_id: str, post: Post, since: date, actor: str) -> None:
    """Appoint somebody to a post of the school from a day on."""
    await _assign(tx, case, person_id, actor, kind="appointment", post=post.value, since=since)


async def _assign(
    tx: Tx, case: Case, person_id: str, actor: str, *, kind: str, **what: Any
) -> None:
    row = {"id": schools.new_id(), "school_id": case.school_id, "person_id": person_id}
    await tx.run(insert(assignments).values(**row, kind=kind, **what))
    await schools.changed(tx, case.school_id)
    audit.record(tx, actor, f"{kind}.add", person_id, f"case {case.id}", school=case.school_id)
