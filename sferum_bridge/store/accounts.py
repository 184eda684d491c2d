"""Which Matrix account is which person, and what language they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, insert, select, update

from sferum_bridge.store import schools
from sferum_bridge.store.tables import (
    accounts,
    assignments,
    contacts,
    expected_parents,
    parent_links,
    people,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


async def person_of(tx: Tx, mxid: str) -> Person | None:
    """Return the person behind a Matrix account, `None` for an account nobody here knows."""
    row = await tx.first(
        select(people)
        .join(accounts, accounts.c.person_id == people.c.id)
        .where(accounts.c.mxid == mxid)
    )
    return schools.person(row) if row else None


async def person(tx: Tx, person_id: str) -> Person | None:
    """Return a person by id."""
    row = await tx.first(select(people).where(people.c.id == person_id))
    return schools.person(row) if row else None


async def mxids_of(tx: Tx, person_id: str) -> Sequence[str]:
    """Return the Matrix accounts of a person, the oldest first."""
    query = select(accounts.c.mxid).where(accounts.c.person_id == person_id)
    return [row.mxid for row in await tx.all(query.order_by(accounts.c.created_at))]


async def by_person(tx: Tx) -> dict[str, list[str]]:
    """Return person → Matrix accounts, for everybody who has one."""
    found: dict[str, list[str]] = {}
    for row in await tx.all(select(accounts.c.person_id, accounts.c.mxid)):
        found.setdefault(row.person_id, []).append(row.mxid)
    return found


async def add_account(tx: Tx, mxid: str, person_id: str) -> None:
    """Tie a Matrix account to a person and have the rooms of their schools looked at."""
    await tx.run(insert(accounts).values(mxid=mxid, person_id=person_id, created_at=tx.now))
    for school_id in await schools_of(tx, person_id):
        await schools.changed(tx, school_id)


async def add_person(tx: Tx, family_name: str, given_name: str, middle_name: str = "") -> str:
    """Add somebody no roster names; return the person's id."""
    person_id = schools.new_id()
    await tx.run(
        insert(people).values(
            id=person_id,
            family_name=family_name,
            given_name=given_name,
            middle_name=middle_name,
            created_at=tx.now,
        )
    )
    return person_id


async def schools_of(tx: Tx, person_id: str) -> set[str]:
    """Return the ids of every school a person has to do with, through a child too."""
    own = await tx.all(
        select(assignments.c.school_id).where(assignments.c.person_id == person_id).distinct()
    )
    child = await tx.all(
        select(assignments.c.school_id)
        .join(parent_links, parent_links.c.child_id == assignments.c.person_id)
        .where(parent_links.c.parent_id == person_id, parent_links.c.slot.is_not(None))
        .distinct()
    )
    return {row.school_id for row in (*own, *child)}


async def without_account(tx: Tx, school_id: str) -> Sequence[Person]:
    """Return the people of a school, expected guardians included, who have no account yet."""
    missing = ~exists().where(accounts.c.person_id == people.c.id)
    ties = select(assignments.c.person_id).where(assignments.c.school_id == school_id)
    guardians = select(expected_parents.c.parent_id).where(
        expected_parents.c.school_id == school_id
    )
    query = select(people).where(missing, people.c.id.in_(ties.union(guardians)))
    return [schools.person(row) for row in await tx.all(query.order_by(people.c.id))]


async def language_of(tx: Tx, person_id: str) -> str:
    """Return the language a person chose, empty when they did not."""
    query = select(people.c.language).where(people.c.id == person_id)
    return str(await tx.value(query) or "")


async def set_language(tx: Tx, person_id: str, language: str) -> None:
    """Remember the language a person chose."""
    await tx.run(update(people).where(people.c.id == person_id).values(language=language))


async def add_contact(tx: Tx, person_id: str, kind: str, value: str) -> None:
    """Store a contact (`email` or `phone`, normalised), sealed, once (I-9)."""
    digest = tx.sealer.digest(value, kind)
    known = await tx.value(
        select(contacts.c.kind).where(
            contacts.c.person_id == person_id, contacts.c.kind == kind, contacts.c.digest == digest
        )
    )
    if known is None:
        sealed = tx.sealer.seal(value, f"contact.{kind}")
        await tx.run(
            insert(contacts).values(person_id=person_id, kind=kind, digest=digest, sealed=sealed)
        )
