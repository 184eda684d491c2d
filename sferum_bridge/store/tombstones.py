"""Who was erased, kept so that a roster which names them again does not bring them back unseen.

A tombstone is a keyed hash of what a roster says of somebody: their id there, and their name with
the date of birth. Nothing can be read out of it; only a roster that holds the same can be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from sferum_bridge.school import classes
from sferum_bridge.store import audit
from sferum_bridge.store.tables import tombstones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from sferum_bridge.roster.model import RosterPerson
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


async def put(
    tx: Tx, school_id: str, forms: Iterable[Person], roster_ids: Iterable[str] = ()
) -> None:
    """Remember in a school that somebody is about to be erased.

    `forms` is the person, once with each name and date of birth a roster may say of them.
    """
    forms = list(forms)
    said = {_by_id(roster_id) for roster_id in roster_ids}
    said |= {_by_name(form) for form in forms}
    said |= {_by_birthday(form, form.birth_date) for form in forms}
    for each in sorted(said):
        digest = tx.sealer.digest(each, "tombstone")
        row = {"school_id": school_id, "digest": digest, "person_id": forms[0].id, "at": tx.now}
        await tx.add(tombstones, row)


async def reader(tx: Tx, school_id: str) -> Callable[[RosterPerson], str]:
    """Return what tells of a person of a roster whom of the school they may be who was erased.

    It returns the id of the erased person, empty for nobody. Where both dates of birth are known
    they have to agree; else the name alone makes somebody look at it.
    """
    c, sealer = tombstones.c, tx.sealer
    rows = await tx.all(select(c.digest, c.person_id).where(c.school_id == school_id))
    stones = {row.digest: str(row.person_id) for row in rows}

    def erased(person: RosterPerson) -> str:
        said = [_by_id(person.external_id)] if person.external_id else []
        if person.birth_date is None:
            said.append(_by_name(person))
        else:
            said += [_by_birthday(person, person.birth_date), _by_birthday(person, None)]
        found = (stones.get(sealer.digest(each, "tombstone"), "") for each in said)
        return next((id_ for id_ in found if id_), "")

    return erased if stones else _nobody


async def schools_of(tx: Tx, person_id: str) -> frozenset[str]:
    """Return the ids of the schools in which an erased person is remembered."""
    c = tombstones.c
    rows = await tx.all(select(c.school_id).where(c.person_id == person_id).distinct())
    return frozenset(row.school_id for row in rows)


async def forget(tx: Tx, person_id: str, school_id: str, actor: str, reason: str) -> bool:
    """Let a school's roster name an erased person again, as somebody new; false if it could."""
    c = tombstones.c
    gone = delete(tombstones).where(c.person_id == person_id, c.school_id == school_id)
    if not await tx.run(gone):
        return False
    audit.record(tx, actor, "privacy.readmit", person_id, reason, school=school_id)
    return True


def _nobody(_person: RosterPerson) -> str:
    return ""


def _by_id(roster_id: str) -> str:
    return f"id/{roster_id}"


def _by_name(person: Person | RosterPerson) -> str:
    return f"name/{classes.key(f'{person.family_name} {person.given_name}')}"


def _by_birthday(person: Person | RosterPerson, birth_date: date | None) -> str:
    day = birth_date.isoformat() if birth_date else ""
    return f"born {day}/{classes.key(f'{person.family_name} {person.given_name}')}"
