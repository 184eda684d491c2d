"""Corrected data: what the profile says now, and what the roster said when it was corrected (S-37).

The record lets an import tell a roster that has not heard of the correction from one that says
something new. It goes when both agree again, and when the roster wins.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from sferum_bridge.school.corrections import CONTACTS, Field
from sferum_bridge.store import accounts, audit
from sferum_bridge.store.tables import corrections, people

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx

_LABEL = "correction"


async def values(tx: Tx, person: Person) -> Mapping[Field, str]:
    """Return what a profile says, as `school.corrections` writes it; class and school are not here.

    Of several contacts of a kind, which only one hand after another can have brought, it is one.
    """
    contacts = {
        what: next(iter(await accounts.contacts_of(tx, person.id, what.value)), "")
        for what in sorted(CONTACTS)
    }
    return {
        Field.FAMILY_NAME: person.family_name,
        Field.GIVEN_NAME: person.given_name,
        Field.MIDDLE_NAME: person.middle_name,
        Field.BIRTH_DATE: person.birth_date.isoformat() if person.birth_date else "",
        **contacts,
    }


async def make(
    tx: Tx, person: Person, what: Field, new: str, corrector: str, actor: str, *, school: str
) -> None:
    """Write a correction into a profile, and remember what the roster says.

    Args:
        tx: the transaction.
        person: whose profile it is, as it is now.
        what: the field.
        new: its value, as `school.corrections.value` gives it.
        corrector: id of the person who wants it corrected.
        actor: id of the person who decides that it is; the same one where nobody else has to.
        school: id of the school in whose log it is recorded.
    """
    old = (await values(tx, person))[what]
    row = people.c.id == person.id
    match what:
        case Field.EMAIL | Field.PHONE:
            await accounts.replace_contact(tx, person.id, what.value, new)
        case Field.BIRTH_DATE:
            await tx.run(update(people).where(row).values(birth_date=date.fromisoformat(new)))
        case _:
            await tx.run(update(people).where(row).values({what.value: new}))
    reason = f"{what.value}; asked for by {corrector}" if actor != corrector else what.value
    audit.record(tx, actor, "person.correct", person.id, reason, school=school)
    await _remember(tx, person.id, what, old, new, corrector)


async def _remember(
    tx: Tx, person_id: str, what: Field, old: str, new: str, corrector: str
) -> None:
    c = corrections.c
    earlier = await tx.value(
        select(c.roster_value).where(c.person_id == person_id, c.field == what.value)
    )
    listed = old if earlier is None else _said(tx, what, earlier)
    if listed == new:
        await tx.run(delete(corrections).where(c.person_id == person_id, c.field == what.value))
        return
    kept = {"roster_value": _kept(tx, what, listed), "corrected_by": corrector, "at": tx.now}
    row = {"person_id": person_id, "field": what.value, **kept}
    await tx.put(corrections, row)


async def roster_values(tx: Tx, person_ids: set[str]) -> Mapping[str, Mapping[str, str]]:
    """Return person → corrected field → what the roster said when it was corrected first."""
    found: dict[str, dict[str, str]] = {}
    query = select(corrections).order_by(corrections.c.person_id, corrections.c.field)
    for row in await tx.all(query):
        if row.person_id in person_ids:
            said = _said(tx, Field(row.field), row.roster_value)
            found.setdefault(row.person_id, {})[row.field] = said
    return found


async def drop(tx: Tx, person_id: str, what: str, actor: str, reason: str, *, school: str) -> None:
    """Forget that a field was corrected: the roster wins, or says the same by now."""
    c = corrections.c
    await tx.run(delete(corrections).where(c.person_id == person_id, c.field == what))
    audit.record(tx, actor, "correction.drop", person_id, f"{what}; {reason}", school=school)


def _kept(tx: Tx, what: Field, listed: str) -> str:
    # No contact lies open in the database (I-9); names and dates do in `people`, too.
    return b64encode(tx.sealer.seal(listed, _LABEL)).decode() if what in CONTACTS else listed


def _said(tx: Tx, what: Field, kept: str) -> str:
    return str(tx.sealer.unseal(b64decode(kept), _LABEL)) if what in CONTACTS else kept
