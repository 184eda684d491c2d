"""Which Matrix account is which person, and what language they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from sferum_bridge.store import audit, news, schools
from sferum_bridge.store.tables import (
    absences,
    accounts,
    assignments,
    contacts,
    dialogues,
    expected_parents,
    logins,
    parent_links,
    people,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


_LACKS = (~exists().where(accounts.c.person_id == people.c.id), people.c.erased_at.is_(None))
REPLACED = "account.replaced"
"""News of an account that stands for a person now: `person` and `actor` are ids of people, `old`
and `new` Matrix ids."""


_BEHIND = (
    select(people)
    .join(accounts, accounts.c.person_id == people.c.id)
    .where(accounts.c.mxid == bindparam("mxid"))
)
_REPLACE, _BECAME = "account.replace", " -> "
"""The action of the audit log, and what parts the old accounts from the new one in its reason."""


async def person_of(tx: Tx, mxid: str) -> Person | None:
    """Return the person behind a Matrix account, `None` for an account nobody here knows."""
    row = await tx.first(_BEHIND, {"mxid": mxid})
    return schools.person(row) if row else None


async def person_before(tx: Tx, mxid: str) -> Person | None:
    """Return the person an account stood for before another replaced it, `None` for none.

    Only the audit log knows that any more, so it is for rare questions: what is written stays
    its author's.
    """
    for entry in await audit.entries(tx, people=[mxid], actions=[_REPLACE]):
        if mxid in entry.reason.partition(_BECAME)[0].split(", "):
            return await person(tx, entry.subject)
    return None


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


async def replace(tx: Tx, person_id: str, mxid: str, actor: str) -> Sequence[str]:
    """Have another account stand for a person instead of all they had; return those.

    Roles stay the person's, so the new account takes them over and the old ones lose them
    (scenario 37); a login to the other network goes along. `mxid` must be nobody's yet.
    """
    old = await mxids_of(tx, person_id)
    await tx.run(delete(accounts).where(accounts.c.person_id == person_id))
    await add_account(tx, mxid, person_id)
    await tx.run(update(logins).where(logins.c.mxid.in_(old)).values(mxid=mxid))
    for table in (absences, dialogues):
        await tx.run(delete(table).where(table.c.mxid.in_(old)))
    reason = f"{', '.join(old) or 'none'}{_BECAME}{mxid}"
    school_ids = await schools_of(tx, person_id)
    # Of somebody no school has to do with yet, a guardian on a list say, it is recorded as well.
    for school_id in sorted(school_ids) or [""]:
        audit.record(tx, actor, _REPLACE, person_id, reason, school=school_id)
    content = {"person": person_id, "old": list(old), "new": mxid, "actor": actor}
    await news.put(tx, REPLACED, content)
    return old


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


async def lacks(tx: Tx, person_id: str) -> bool:
    """Tell whether a person, who was not erased, has no account."""
    return await tx.value(select(people.c.id).where(people.c.id == person_id, *_LACKS)) is not None


async def without_account(tx: Tx, school_id: str) -> Sequence[Person]:
    """Return the people of a school, expected guardians included, who have no account yet.

    Whoever is not there any more needs none, and their guardians neither.
    """
    # In the west it may still be yesterday.
    day = datetime.fromtimestamp(tx.now / 1000, UTC).date() - timedelta(days=1)
    a, e = assignments.c, expected_parents.c
    lasting = or_(a.until.is_(None), a.until >= day)
    ties = select(a.person_id).where(a.school_id == school_id, lasting)
    guardians = select(e.parent_id).where(e.school_id == school_id, e.child_id.in_(ties))
    query = select(people).where(*_LACKS, people.c.id.in_(ties.union(guardians)))
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
        await tx.run(insert(contacts).values(**contact_row(tx, person_id, kind, value)))


def contact_row(tx: Tx, person_id: str, kind: str, value: str) -> dict[str, Any]:
    """Return the row of a contact, sealed."""
    return {
        "person_id": person_id,
        "kind": kind,
        "digest": tx.sealer.digest(value, kind),
        "sealed": tx.sealer.seal(value, f"contact.{kind}"),
    }


async def contacts_of(tx: Tx, person_id: str, kind: str) -> Sequence[str]:
    """Return the contacts of a kind that a person has, unsealed."""
    query = select(contacts.c.sealed).where(
        contacts.c.person_id == person_id, contacts.c.kind == kind
    )
    rows = await tx.all(query.order_by(contacts.c.digest))
    return [tx.sealer.unseal(row.sealed, f"contact.{kind}") for row in rows]


async def owners_of_contact(tx: Tx, kind: str, value: str) -> Sequence[str]:
    """Return the ids of the people who have a contact (normalised)."""
    digest = tx.sealer.digest(value, kind)
    query = select(contacts.c.person_id).where(contacts.c.kind == kind, contacts.c.digest == digest)
    return [row.person_id for row in await tx.all(query.order_by(contacts.c.person_id))]


async def replace_contact(tx: Tx, person_id: str, kind: str, value: str) -> None:
    """Store a contact instead of all that a person had of its kind."""
    await tx.run(delete(contacts).where(contacts.c.person_id == person_id, contacts.c.kind == kind))
    await add_contact(tx, person_id, kind, value)
