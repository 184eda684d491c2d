"""What the law asks of what is kept about people: how long, who may ask, what stands against (§3).

`erasing` destroys; here is what it looks at before, and how much there is.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select, true

from sferum_bridge.school import consent
from sferum_bridge.school.people import LinkState
from sferum_bridge.store import accounts, cases, dossier, kin, mails, schools, tickets
from sferum_bridge.store import tables as t

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Table

    from sferum_bridge.school.people import ParentLink, Person
    from sferum_bridge.store.cases import Case
    from sferum_bridge.store.database import Tx

_DAY = 24 * 3600 * 1000
DUE_DAYS = 30
"""Within how many days of the wish data are destroyed (152-ФЗ ст. 21)."""
_KEPT_DAYS = 30


class Hold(StrEnum):
    """Why somebody may not be erased before a human has said so for a reason."""

    ADMINISTRATOR = "administrator"
    LAST_ADMINISTRATOR = "last-administrator"
    REMOVAL = "removal"
    """A removal of a parent link is being decided: its papers speak of this person."""
    REFUSED = "refused"
    """A school whose data would go has refused it."""
    SCHOOLS = "several-schools"
    """Data of several schools would go, and not each has agreed: none decides for another (I-8)."""


async def prune(tx: Tx) -> None:
    """Forget what has been over for longer than it is kept (§3, retention)."""
    before = tx.now - _KEPT_DAYS * _DAY
    for table in (t.invites, t.pupil_invites):
        over = or_(table.c.expires_at < before, table.c.revoked_at < before)
        await tx.run(delete(table).where(over))
    await tx.run(delete(t.pupil_invites).where(t.pupil_invites.c.used_at < before))
    await mails.prune(tx, before)
    await cases.prune(tx, before)
    await tickets.prune(tx, before)


# --- who may ask ----------------------------------------------------------------------------


async def represents(
    tx: Tx, parent_id: str, child: Person, day: date, *, lately: bool = False
) -> bool:
    """Tell whether somebody speaks for a child about the child's data on `day`.

    An active parent does, unless a school's roster says that access is denied; for nobody of age.
    With `lately` so does who was one and ended the link themselves at most `DUE_DAYS` ago: the
    consent withdrawn, its data are asked to be destroyed.
    """
    e = t.expected_parents.c
    denied = select(e.child_id).where(
        e.child_id == child.id, e.parent_id == parent_id, e.access.is_(False)
    )
    links = list(await kin.links_of_child(tx, child.id))
    if lately:
        links += [gone for gone in await lately_left(tx, parent_id) if gone.child_id == child.id]
    active = any(k.parent_id == parent_id and k.state is LinkState.ACTIVE for k in links)
    if not active or consent.is_adult(child.birth_date, day):
        return False
    return await tx.value(denied.limit(1)) is None


async def lately_left(tx: Tx, parent_id: str) -> Sequence[ParentLink]:
    """Return the own links a parent ended at most `DUE_DAYS` ago, as they were."""
    since = tx.now - DUE_DAYS * _DAY
    gone = [one.link for one in await kin.ended_by(tx, parent_id, since)]
    return [link for link in gone if link.parent_id == parent_id]


# --- looking --------------------------------------------------------------------------------


async def holds(tx: Tx, person_id: str, school_id: str = "") -> Sequence[Hold]:
    """Return what stands against erasing somebody today, at one school if it is given."""
    own = {school_id} if school_id else await dossier.schools_of(tx, person_id)
    found = []
    for record in await schools.records(tx):
        if record.id not in own:
            continue
        administrators = await schools.administrators(tx, record.id, record.day(tx.now))
        if person_id in administrators:
            found.append(Hold.ADMINISTRATOR)
            if len(administrators) == 1:
                found.append(Hold.LAST_ADMINISTRATOR)
        for case in await cases.waiting(tx, record.id):
            concerned = {case.subject_id, str(case.content.get("parent", ""))}
            if case.kind is cases.Kind.REMOVAL and person_id in concerned:
                found.append(Hold.REMOVAL)
    # The oldest first, so the latest word of each school counts.
    said = {
        case.school_id: case.state
        for case in await cases.about(tx, person_id)
        if case.kind is cases.Kind.ERASURE and case.school_id in own
    }
    if cases.State.REJECTED in said.values():
        found.append(Hold.REFUSED)
    if len(own) > 1 and any(said.get(one) is not cases.State.APPROVED for one in own):
        found.append(Hold.SCHOOLS)
    return list(dict.fromkeys(found))


async def inventory(tx: Tx, person_id: str, school_id: str = "") -> Mapping[str, int]:
    """Return what an erasure would destroy: category → how much there is.

    With `school_id` what only that school keeps, of somebody whom others have to do with (S-55).
    """
    me = {person_id, *await accounts.mxids_of(tx, person_id)}
    if school_id:
        kept = kept_at(person_id, me, school_id, await children_at(tx, person_id, school_id))
    else:
        kept = {"profile": (t.people, t.people.c.id == person_id), **kept_of(person_id, me)}
    counts = {
        category: int(await tx.value(select(func.count()).select_from(table).where(mine)))
        for category, (table, mine) in kept.items()
    }
    named = await tickets.naming(tx, person_id, sorted(me), school_id)
    cases_ = len(await cases_of(tx, me, school_id))
    return {**counts, "cases": cases_, "tickets": len(named)}


def kept_of(person_id: str, me: set[str]) -> Mapping[str, tuple[Table, ColumnElement[bool]]]:
    """Return category → table and the rows of it that are about a person."""
    links, expected, invites_ = t.parent_links.c, t.expected_parents.c, t.invites.c
    pupil = t.pupil_invites.c
    return {
        "contacts": (t.contacts, t.contacts.c.person_id == person_id),
        "accounts": (t.accounts, t.accounts.c.person_id == person_id),
        "roster_ids": (t.roster_ids, t.roster_ids.c.person_id == person_id),
        "roles": (t.assignments, t.assignments.c.person_id == person_id),
        "links": (
            t.parent_links,
            or_(links.child_id == person_id, links.parent_id == person_id)
            & links.slot.is_not(None),
        ),
        "guardians": (
            t.expected_parents,
            or_(expected.child_id == person_id, expected.parent_id == person_id),
        ),
        "exceptions": (
            t.overrides,
            or_(t.overrides.c.child_id == person_id, t.overrides.c.person_id == person_id),
        ),
        "corrections": (t.corrections, t.corrections.c.person_id == person_id),
        "invites": (
            t.invites,
            or_(
                invites_.child_id == person_id,
                invites_.issued_by == person_id,
                invites_.for_person == person_id,
            )
            & invites_.revoked_at.is_(None),
        ),
        "pupil_invites": (
            t.pupil_invites,
            or_(pupil.person_id == person_id, pupil.issued_by == person_id)
            & pupil.revoked_at.is_(None)
            & pupil.used_at.is_(None),
        ),
        "mails": (t.mails, t.mails.c.about_id == person_id),
        "logins": (t.logins, t.logins.c.mxid.in_(me)),
        "dialogues": (t.dialogues, t.dialogues.c.mxid.in_(me)),
        "direct_rooms": (t.direct_rooms, t.direct_rooms.c.mxid.in_(me)),
        "openings": (t.openings, t.openings.c.mxid.in_(me)),
        "announcements": (t.announcements, t.announcements.c.author_id == person_id),
        "readings": (t.readers, t.readers.c.mxid.in_(me)),
        "documents": (t.documents, t.documents.c.person_id == person_id),
        "calls": (t.calls, t.calls.c.caller_id == person_id),
        "materials": (t.materials, t.materials.c.author_id == person_id),
        "call_guests": (t.call_guests, t.call_guests.c.mxid.in_(me)),
    }


def kept_at(
    person_id: str, me: set[str], school_id: str, children: Collection[str]
) -> Mapping[str, tuple[Table, ColumnElement[bool]]]:
    """Return category → table and the rows of it that one school alone keeps about a person.

    `me` is the person by id and accounts; `children` are those of `children_at`.
    """
    expected, invites_, pupil = t.expected_parents.c, t.invites.c, t.pupil_invites.c
    links, exceptions = t.parent_links.c, t.overrides.c
    whole = kept_of(person_id, me)
    here = {
        "roster_ids": t.roster_ids.c.school_id,
        "roles": t.assignments.c.school_id,
        "guardians": expected.school_id,
        "invites": invites_.school_id,
        "pupil_invites": pupil.school_id,
        "openings": t.openings.c.school_id,
        "announcements": t.announcements.c.school_id,
        "calls": t.calls.c.school_id,
        "materials": t.materials.c.school_id,
    }
    kept = {what: (whole[what][0], whole[what][1] & (c == school_id)) for what, c in here.items()}
    mine = (links.parent_id == person_id) & links.child_id.in_(children)
    kept["links"] = (t.parent_links, mine & links.slot.is_not(None))
    excepted = (exceptions.person_id == person_id) & exceptions.child_id.in_(children)
    kept["exceptions"] = (t.overrides, excepted)
    return kept


async def children_at(tx: Tx, parent_id: str, school_id: str) -> frozenset[str]:
    """Return the children of somebody, by live and ended links, who belong to one school alone."""
    p, a = t.parent_links.c, t.assignments.c
    linked = select(p.child_id).where(p.parent_id == parent_id)
    rows = await tx.all(select(a.person_id, a.school_id).where(a.person_id.in_(linked)).distinct())
    elsewhere = {row.person_id for row in rows if row.school_id != school_id}
    return frozenset(row.person_id for row in rows) - elsewhere


async def cases_of(tx: Tx, me: set[str], school_id: str = "") -> Sequence[Case]:
    """Return the cases about somebody, opened by them, or naming them by id or account.

    With `school_id` only those of one school.
    """
    c = t.cases.c
    at = c.school_id == school_id if school_id else true()
    rows = await tx.all(select(c.id).where(c.sealed.is_not(None), at))
    found = []
    for row in rows:
        case = await cases.by_id(tx, row.id)
        if case is not None and (
            not me.isdisjoint({case.subject_id, case.opened_by})
            or any(each in json.dumps(case.content) for each in me)
        ):
            found.append(case)
    return found
