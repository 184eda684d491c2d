"""Invites and parent links. The limit of two parents is decided by the unique slot, here (I-2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, true, update

from sferum_bridge.school import kinship
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import (
    assignments,
    classes,
    expected_parents,
    invites,
    parent_links,
    people,
)
from sferum_bridge.store.tables import schools as schools_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pupil is enrolled."""

    school_id: str
    school_name: str
    class_id: str
    class_name: str


async def issue(tx: Tx, child_id: str, school_id: str, issuer: str, seed: str, life: int) -> str:
    """Issue a parent invite that lives `life` milliseconds; return the code to show.

    The child's earlier invites end: one link a child is open at a time. The same `seed` (the event
    that asked) gives the same code, so a command carried out again after a crash tells the truth.
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
        )
    )
    audit.record(tx, issuer, "invite.issue", child_id)
    return code


async def revoke(tx: Tx, child_id: str, actor: str, reason: str) -> int:
    """End every open invite of a child; return how many there were."""
    ended = await tx.run(
        update(invites)
        .where(invites.c.child_id == child_id, invites.c.revoked_at.is_(None))
        .values(revoked_at=tx.now)
    )
    if ended:
        audit.record(tx, actor, "invite.revoke", child_id, reason)
    return ended


async def find(tx: Tx, symbols: str) -> kinship.Invite | None:
    """Return the invite of a code as `kinship.read_code` gave it, `None` when there is none.

    Looked up by keyed hash, so the time it takes says nothing about how much of a code is right.
    """
    return await _invite(tx, invites.c.digest == _digest(tx, symbols))


async def invite(tx: Tx, invite_id: str) -> kinship.Invite | None:
    """Return an invite by id."""
    return await _invite(tx, invites.c.id == invite_id)


async def _invite(tx: Tx, condition: object) -> kinship.Invite | None:
    row = await tx.first(select(invites).where(condition))  # type: ignore[arg-type]  # a clause
    if row is None:
        return None
    return kinship.Invite(
        row.id,
        row.school_id,
        row.child_id,
        row.issued_by,
        row.expires_at,
        row.revoked_at is not None,
    )


async def links_of_child(tx: Tx, child_id: str) -> Sequence[ParentLink]:
    """Return the live links of a child, in slot order."""
    query = select(parent_links).where(
        parent_links.c.child_id == child_id, parent_links.c.slot.is_not(None)
    )
    rows = await tx.all(query.order_by(parent_links.c.slot))
    return [ParentLink(r.child_id, r.parent_id, LinkState(r.state)) for r in rows]


async def parents(tx: Tx, child_id: str) -> Sequence[tuple[Person, LinkState]]:
    """Return the parents a child shows, with how far each link has come."""
    query = (
        select(people, parent_links.c.state)
        .join(parent_links, parent_links.c.parent_id == people.c.id)
        .where(parent_links.c.child_id == child_id, parent_links.c.slot.is_not(None))
        .order_by(parent_links.c.slot)
    )
    return [(schools.person(row), LinkState(row.state)) for row in await tx.all(query)]


async def children(tx: Tx, parent_id: str) -> Sequence[tuple[Person, LinkState]]:
    """Return the children a parent shows, with how far each link has come."""
    query = (
        select(people, parent_links.c.state)
        .join(parent_links, parent_links.c.child_id == people.c.id)
        .where(parent_links.c.parent_id == parent_id, parent_links.c.slot.is_not(None))
        .order_by(people.c.given_name)
    )
    return [(schools.person(row), LinkState(row.state)) for row in await tx.all(query)]


async def places(tx: Tx, person_id: str, day: date) -> Sequence[Place]:
    """Return the classes in which somebody is enrolled on `day`."""
    query = (
        select(schools_table.c.id, schools_table.c.name, classes.c.id, classes.c.name)
        .select_from(assignments)
        .join(classes, classes.c.id == assignments.c.class_id)
        .join(schools_table, schools_table.c.id == assignments.c.school_id)
        .where(
            assignments.c.person_id == person_id,
            assignments.c.kind == "enrolment",
            (assignments.c.since.is_(None)) | (assignments.c.since <= day),
            (assignments.c.until.is_(None)) | (assignments.c.until >= day),
        )
        .order_by(classes.c.name)
    )
    return [Place(r[0], r[1], r[2], r[3]) for r in await tx.all(query)]


async def class_teachers(tx: Tx, child_id: str, day: date) -> Sequence[str]:
    """Return the person ids of the class teachers of a pupil on `day`."""
    class_ids = [place.class_id for place in await places(tx, child_id, day)]
    query = (
        select(assignments.c.person_id)
        .where(
            assignments.c.kind == "leadership",
            assignments.c.class_id.in_(class_ids),
            (assignments.c.since.is_(None)) | (assignments.c.since <= day),
            (assignments.c.until.is_(None)) | (assignments.c.until >= day),
        )
        .distinct()
    )
    return [row.person_id for row in await tx.all(query)]


async def is_expected(tx: Tx, school_id: str, child_id: str, parent_id: str) -> bool:
    """Tell whether the school's roster names this person as a guardian with access."""
    access = await tx.value(
        select(expected_parents.c.access).where(
            expected_parents.c.school_id == school_id,
            expected_parents.c.child_id == child_id,
            expected_parents.c.parent_id == parent_id,
        )
    )
    return bool(access)


async def link(
    tx: Tx, child_id: str, parent_id: str, state: LinkState, actor: str
) -> kinship.Answer | None:
    """Make somebody a child's parent; return why not when another was quicker (I-2, scenario 07).

    The database decides: each slot of a child, and each pair of child and parent, is unique.
    """
    for slot in range(1, kinship.MOST_PARENTS + 1):
        added = await tx.run(
            tx.insert(parent_links)
            .values(
                id=schools.new_id(),
                child_id=child_id,
                parent_id=parent_id,
                slot=slot,
                state=state.value,
                confirmed_at=tx.now,
            )
            .on_conflict_do_nothing()
        )
        if not added:
            if any(held.parent_id == parent_id for held in await links_of_child(tx, child_id)):
                return kinship.Answer.ALREADY
            continue
        audit.record(tx, actor, f"parent.{state.value}", child_id, f"parent {parent_id}")
        await _changed(tx, child_id)
        return None
    return kinship.Answer.FULL


async def approve(tx: Tx, child_id: str, parent_id: str, actor: str) -> bool:
    """Give a waiting parent the rooms (D-1); false when there is no such waiting link."""
    done = await tx.run(
        update(parent_links)
        .where(
            parent_links.c.child_id == child_id,
            parent_links.c.parent_id == parent_id,
            parent_links.c.state == LinkState.PENDING.value,
        )
        .values(state=LinkState.ACTIVE.value)
    )
    if done:
        audit.record(tx, actor, "parent.approve", child_id, f"parent {parent_id}")
        await _changed(tx, child_id)
    return bool(done)


async def unlink(
    tx: Tx,
    child_id: str,
    parent_id: str,
    actor: str,
    reason: str,
    *,
    state: LinkState | None = None,
) -> bool:
    """End a parent link and free its slot; false when there is none (in `state`, if given)."""
    in_state = parent_links.c.state == state.value if state else true()
    done = await tx.run(
        update(parent_links)
        .where(
            parent_links.c.child_id == child_id,
            parent_links.c.parent_id == parent_id,
            parent_links.c.slot.is_not(None),
            in_state,
        )
        .values(state="ended", slot=None, ended_at=tx.now)
    )
    if done:
        audit.record(tx, actor, "parent.unlink", child_id, f"{reason}; parent {parent_id}")
        await _changed(tx, child_id)
    return bool(done)


async def _changed(tx: Tx, child_id: str) -> None:
    query = select(assignments.c.school_id).where(assignments.c.person_id == child_id).distinct()
    for row in await tx.all(query):
        await schools.changed(tx, row.school_id)


def _digest(tx: Tx, symbols: str) -> bytes:
    return tx.sealer.digest(symbols, "invite")
