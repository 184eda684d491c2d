"""What a roster says anew of people the store knows; pure.

What the file is silent about stays; so does mere spelling. What a parent corrected stays while the
file says what it said then (scenario 17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.roster.matching import Contacts
from sferum_bridge.roster.plan import Corrected, Outcome, PersonChange
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster.matching import Known
    from sferum_bridge.roster.model import Roster, RosterKey, RosterPerson
    from sferum_bridge.school.people import Person


def changes(
    roster: Roster, known: Known, ids: Mapping[RosterKey, str]
) -> tuple[Sequence[PersonChange], Sequence[Corrected]]:
    """Return who changes, and what becomes of the fields that parents corrected.

    `ids` gives the people of the roster who were recognised.
    """
    corrected: list[Corrected] = []
    external = {person_id: id_ for id_, person_id in known.external_ids.items()}
    found = []
    for person in roster.people:
        stored = known.school.people.get(ids.get(person.key, ""))
        if stored is not None:
            change = _change(person, stored, known, external.get(stored.id, ""), corrected)
            if change.changed:
                found.append(change)
    return tuple(found), tuple(corrected)


def _change(
    person: RosterPerson,
    stored: Person,
    known: Known,
    external_id: str,
    corrected: list[Corrected],
) -> PersonChange:
    contacts = (known.contacts or {}).get(stored.id, Contacts())
    old: dict[str, object] = {
        "external_id": external_id,
        "family_name": stored.family_name,
        "given_name": stored.given_name,
        "middle_name": stored.middle_name,
        "birth_date": stored.birth_date,
        "email": contacts.email,
        "phone": contacts.phone,
    }
    told = set(old) if known.contacts is not None else set(old) - {"email", "phone"}
    before = known.corrections.get(stored.id, {})
    told -= _kept_as_corrected(person, stored, before, {n: old[n] for n in told}, corrected)
    new = {name: getattr(person, name) or value for name, value in old.items()}
    changed = frozenset(name for name in told if not _same(new[name], old[name]))
    kept = {name: new[name] if name in changed else value for name, value in old.items()}
    return PersonChange(person_id=stored.id, changed=changed, **kept)  # type: ignore[arg-type]  # each field has the type of its namesake above


def _kept_as_corrected(
    person: RosterPerson,
    stored: Person,
    corrections: Mapping[str, str],
    profile: Mapping[str, object],
    corrected: list[Corrected],
) -> set[str]:
    """Return the corrected fields the file may not change; what comes of each is noted."""
    kept = set()
    for name, before in corrections.items():
        if name not in profile:
            continue
        listed, now = str(getattr(person, name) or ""), str(profile[name] or "")
        if listed == now:
            outcome = Outcome.AGREED
        elif not listed or _same(listed, before):
            outcome = Outcome.KEPT
            kept.add(name)
        else:
            outcome = Outcome.AGREED if _same(listed, now) else Outcome.OVERRULED
        corrected.append(Corrected(stored.id, stored.full_name, name, listed, now, outcome))
    return kept


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return classes.key(one) == classes.key(other)
    return one == other
