"""Destroying what is kept about one person, with what proves it (§3).

    look ──► hold? ──► one transaction: ties end, data go, name and birthday are blanked,
                       tombstone, audit record, and an `Erasure` that says what is left to do
                                     │
                                     ▼ outside, as often as it takes
                       each direct chat left, each Matrix account closed ──► `closed`

The person's row stays, blank, since records point at its id; so do the records, which name nobody.
Whose an account was is forgotten with the rest: until it is closed it is a stranger's. A kill
between the two halves leaves an `unfinished` erasure, which the next run finishes.

A person stands above schools (S-55): what one school keeps can go while another keeps its own. Then
the profile, the account, and the links to children of other schools stay as they are.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, or_, select, true, update

from sferum_bridge.store import (
    accounts,
    audit,
    batches,
    cases,
    corrections,
    documents,
    dossier,
    first_passwords,
    kin,
    logins,
    materials,
    openings,
    privacy,
    schools,
    state,
    tickets,
    tombstones,
    traces,
)
from sferum_bridge.store import tables as t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, Table

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx

BLANK = "—"
"""What stands where a name was."""
_WHY = "erasure"
_PREFIX = "erasure/"


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that was carried out, and what is left of it. Names nobody."""

    person_id: str
    at: int
    reason: str
    school_ids: Sequence[str]
    destroyed: Mapping[str, int]
    """Category → how much of it there was."""
    accounts: Sequence[str] = field(default_factory=list)
    """Matrix accounts that are still to be closed."""
    rooms: Sequence[str] = field(default_factory=list)
    """Direct chats with them that the bot is still to leave."""
    closed: int = 0
    """How many accounts have been closed."""
    elsewhere: int = 0
    """How many accounts of other servers have been forgotten; to close them is not ours."""
    only_here: bool = False
    """Only what one school kept was destroyed: others have to do with the person."""


async def erase(tx: Tx, person_id: str, actor: str, reason: str, *, school_id: str = "") -> Erasure:
    """Destroy what is kept about somebody, but for their Matrix accounts; return what was done.

    With `school_id` only what that school keeps, if another one has to do with the person. Holds
    are the caller's to look at. An erasure that was carried out before is returned as it is.

    Raises:
        LookupError: there is no such person, or the school keeps nothing about them.
    """
    await tx.run(select(t.people.c.id).where(t.people.c.id == person_id).with_for_update())
    earlier = await erasure(tx, person_id)
    if earlier is not None:
        return earlier
    person = await accounts.person(tx, person_id)
    if person is None:
        raise LookupError("there is no such person")
    own = sorted(await dossier.schools_of(tx, person_id))
    if school_id and own != [school_id]:
        return await _erase_at(tx, person, actor, reason, school_id, own)
    mxids = await accounts.mxids_of(tx, person_id)
    me = {person_id, *mxids}
    d = t.direct_rooms.c
    direct = [row.room_id for row in await tx.all(select(d.room_id).where(d.mxid.in_(mxids)))]
    counts = await privacy.inventory(tx, person_id)
    done = Erasure(person_id, tx.now, reason, own, counts, list(mxids), direct)
    found = await traces.marks(tx, person, mxids)
    await _bury(tx, person, own)
    kept = privacy.kept_of(person_id, me)
    await _end_ties(tx, person_id, actor, kept)
    await _end_assignments(tx, person_id, actor)
    await _end_cases(tx, me, actor)
    await tickets.forget(tx, person_id, mxids)
    await openings.forget(tx, mxids, actor)
    await _forget(tx, kept, me, direct)
    await traces.wipe(tx, found, direct)
    await batches.forget(tx, person_id)
    await first_passwords.forget(tx, person_id)
    # Behind what still waits of the person: this row has their files taken away.
    await documents.erase(tx, person_id)
    await _blank(tx, person_id)
    for each in own:
        await schools.changed(tx, each)
    for each in own or [""]:
        audit.record(tx, actor, "privacy.erase", person_id, reason, school=each)
    await _remember(tx, done)
    return done


async def _erase_at(
    tx: Tx, person: Person, actor: str, reason: str, school_id: str, own: Sequence[str]
) -> Erasure:
    if school_id not in own:
        earlier = await erasure(tx, person.id, school_id)
        if earlier is None:
            raise LookupError("the school keeps nothing about them")
        return earlier
    mxids = await accounts.mxids_of(tx, person.id)
    me = {person.id, *mxids}
    children = await privacy.children_at(tx, person.id, school_id)
    counts = await privacy.inventory(tx, person.id, school_id)
    done = Erasure(person.id, tx.now, reason, [school_id], counts, only_here=True)
    await _bury(tx, person, [school_id])
    kept = privacy.kept_at(person.id, me, school_id, children)
    await _end_ties(tx, person.id, actor, kept)
    # An ended link, too, would say that the school has to do with the parent.
    p = t.parent_links.c
    mine = (p.parent_id == person.id, p.child_id.in_(children))
    await tx.run(delete(t.parent_links).where(*mine))
    await _end_cases(tx, me, actor, school_id)
    await tickets.forget(tx, person.id, mxids, school_id)
    await openings.forget(tx, mxids, actor, school_id)
    for category in ("roster_ids", "exceptions", "roles", "announcements", "calls"):
        table, rows = kept[category]
        # A role that has ended would keep the name among the school's people: so it goes.
        if await tx.run(delete(table).where(rows)) and category == "roles":
            audit.record(tx, actor, "assignment.end", person.id, _WHY, school=school_id)
    await materials.forget(tx, kept["materials"][1])
    await batches.forget(tx, person.id, school_id)
    await schools.changed(tx, school_id)
    audit.record(tx, actor, "privacy.erase", person.id, reason, school=school_id)
    await _remember(tx, done)
    return done


# --- what was done, and what is left of it --------------------------------------------------


async def erasure(tx: Tx, person_id: str, school_id: str = "") -> Erasure | None:
    """Return the erasure of somebody, whole or at one school; `None` when there was none."""
    written = await state.get(tx, _key(person_id, school_id))
    return Erasure(**json.loads(written)) if written else None


async def unfinished(tx: Tx) -> Sequence[Erasure]:
    """Return the erasures of which something is left to be done, the oldest first."""
    found = [Erasure(**json.loads(each)) for each in await state.under(tx, _PREFIX)]
    left = [each for each in found if each.accounts or each.rooms]
    return sorted(left, key=lambda each: (each.at, each.person_id))


async def left_room(tx: Tx, person_id: str, room_id: str) -> Erasure:
    """Note that the bot has left a direct chat with an erased person.

    Raises:
        LookupError: nobody was erased under this id.
    """
    done = await _known(tx, person_id)
    done = replace(done, rooms=[each for each in done.rooms if each != room_id])
    await _remember(tx, done)
    return done


async def closed(tx: Tx, person_id: str, mxid: str, *, elsewhere: bool = False) -> Erasure:
    """Note that a Matrix account of an erased person is closed.

    With `elsewhere` it is another server's, and only forgotten. Noting it twice changes nothing.

    Raises:
        LookupError: nobody was erased under this id.
    """
    done = await _known(tx, person_id)
    if mxid not in done.accounts:
        return done
    done = replace(
        done,
        accounts=[each for each in done.accounts if each != mxid],
        closed=done.closed + (not elsewhere),
        elsewhere=done.elsewhere + elsewhere,
    )
    await _remember(tx, done)
    action = "account.untie" if elsewhere else "account.close"
    for school_id in done.school_ids or [""]:
        audit.record(tx, "console", action, person_id, school=school_id)
    return done


async def _known(tx: Tx, person_id: str) -> Erasure:
    # Two runs at once count one account once.
    await tx.run(select(t.people.c.id).where(t.people.c.id == person_id).with_for_update())
    done = await erasure(tx, person_id)
    if done is None:
        raise LookupError("there is no such erasure")
    return done


async def _remember(tx: Tx, done: Erasure) -> None:
    key = _key(done.person_id, done.school_ids[0] if done.only_here else "")
    await state.put(tx, key, json.dumps(asdict(done), ensure_ascii=False))


def _key(person_id: str, school_id: str) -> str:
    return f"{_PREFIX}{person_id}/{school_id}" if school_id else f"{_PREFIX}{person_id}"


# --- the parts of it ------------------------------------------------------------------------


async def _bury(tx: Tx, person: Person, school_ids: Sequence[str]) -> None:
    """Put a tombstone into every school, under each name and birthday its roster may say."""
    listed = (await corrections.roster_values(tx, {person.id})).get(person.id, {})
    families = {person.family_name, listed.get("family_name", person.family_name)}
    given = {person.given_name, listed.get("given_name", person.given_name)}
    born = {person.birth_date}
    if listed.get("birth_date"):
        born.add(date.fromisoformat(listed["birth_date"]))
    forms = [
        replace(person, family_name=family, given_name=first, birth_date=day)
        for family, first, day in product(families, given, born)
    ]
    r = t.roster_ids.c
    for school_id in school_ids:
        query = select(r.roster_id).where(r.person_id == person.id, r.school_id == school_id)
        await tombstones.put(tx, school_id, forms, [x.roster_id for x in await tx.all(query)])


async def _end_ties(
    tx: Tx, person_id: str, actor: str, kept: Mapping[str, tuple[Table, ColumnElement[bool]]]
) -> None:
    """End links and invites, and take guardians off the list, each with its record (I-10)."""
    p = t.parent_links.c
    for row in await tx.all(select(p.child_id, p.parent_id).where(kept["links"][1])):
        await kin.unlink(tx, row.child_id, row.parent_id, actor, _WHY)
    table, mine = kept["guardians"]
    for row in await tx.all(select(table).where(mine)):
        reason = f"{_WHY}; parent {row.parent_id}"
        audit.record(tx, actor, "guardian.remove", row.child_id, reason, school=row.school_id)
    await tx.run(delete(table).where(mine))
    # Also those for other people's children, issued by the person's right or for the person.
    await _revoke(tx, "invite.revoke", t.invites.c.child_id, actor, *kept["invites"])
    concerned = await _revoke(
        tx, "pupil-invite.revoke", t.pupil_invites.c.person_id, actor, *kept["pupil_invites"]
    )
    u, m = t.pupil_invites.c, t.mails.c
    for about in {person_id, *concerned}:
        # A letter brings an invite; one that another school's invite is in goes on.
        still = (u.person_id == about, u.revoked_at.is_(None), u.used_at.is_(None))
        if await tx.value(select(u.id).where(*still).limit(1)) is None:
            over = true() if about == person_id else m.state == "waiting"
            await tx.run(delete(t.mails).where(m.about_id == about, over))


async def _revoke(
    tx: Tx,
    action: str,
    about: Column[str],
    actor: str,
    table: Table,
    mine: ColumnElement[bool],
) -> frozenset[str]:
    """End invites; return the people whom they were to bring somebody to."""
    query = select(about.label("about"), table.c.school_id).where(mine).distinct()
    rows = await tx.all(query)
    for row in rows:
        audit.record(tx, actor, action, row.about, _WHY, school=row.school_id)
    await tx.run(update(table).where(mine).values(revoked_at=tx.now))
    return frozenset(row.about for row in rows)


async def _end_assignments(tx: Tx, person_id: str, actor: str) -> None:
    a = t.assignments.c
    for record in await schools.records(tx):
        yesterday = record.day(tx.now) - timedelta(days=1)
        mine = (a.person_id == person_id, a.school_id == record.id)
        open_ = a.until.is_(None) | (a.until > yesterday)
        # What would only have begun never did.
        never = await tx.run(delete(t.assignments).where(*mine, a.since > yesterday))
        ended = await tx.run(update(t.assignments).where(*mine, open_).values(until=yesterday))
        if never or ended:
            audit.record(tx, actor, "assignment.end", person_id, _WHY, school=record.id)


async def _end_cases(tx: Tx, me: set[str], actor: str, school_id: str = "") -> None:
    """Close what waits for a decision, and forget every case; its records stay."""
    for case in await privacy.cases_of(tx, me, school_id):
        erases = case.kind is cases.Kind.ERASURE
        if erases and case.subject_id not in me:
            # Somebody else is to be erased because this person asked: that stands.
            continue
        decision = cases.State.APPROVED if erases else cases.State.WITHDRAWN
        await cases.decide(tx, case, decision, actor, _WHY)
        await tx.run(delete(t.cases).where(t.cases.c.id == case.id))


async def _forget(
    tx: Tx,
    kept: Mapping[str, tuple[Table, ColumnElement[bool]]],
    me: set[str],
    direct: Sequence[str],
) -> None:
    gone = (
        *("contacts", "accounts", "roster_ids", "exceptions", "corrections", "direct_rooms"),
        # The texts themselves are the school's, and stay in its rooms.
        *("announcements", "readings", "calls", "call_guests"),
    )
    for category in gone:
        table, mine = kept[category]
        await tx.run(delete(table).where(mine))
    await materials.forget(tx, kept["materials"][1])
    await tx.run(delete(t.attempts).where(t.attempts.c.mxid.in_(me)))
    await tx.run(delete(t.absences).where(t.absences.c.mxid.in_(me)))
    await tx.run(delete(t.reactions).where(t.reactions.c.mxid.in_(me)))
    said = t.message_map.c.sender.in_(me)
    await tx.run(update(t.message_map).where(said).values(sender=""))
    found = t.drifts.c
    await tx.run(delete(t.drifts).where(or_(found.actor.in_(me), found.subject.in_(me))))
    keys = [f"{kind}/{each}" for kind in ("direct", "documents") for each in me]
    own = [t.rooms.c.key.startswith(f"personal/{each}/", autoescape=True) for each in me]
    which = or_(t.rooms.c.key.in_(keys), t.rooms.c.room_id.in_(direct), *own)
    await tx.run(delete(t.rooms).where(which))
    for row in await tx.all(select(t.logins.c.id).where(t.logins.c.mxid.in_(me))):
        for chat in await logins.chats_of(tx, row.id):
            await logins.unlink(tx, chat.room_id)
        await tx.run(delete(t.voices).where(t.voices.c.login_id == row.id))
        await tx.run(
            update(t.logins)
            .where(t.logins.c.id == row.id)
            .values(
                account_id=f"erased/{row.id}",
                name=BLANK,
                mxid="",
                sealed=tx.sealer.seal("", "login"),
                expired_at=tx.now,
            )
        )


async def _blank(tx: Tx, person_id: str) -> None:
    nothing: dict[str, Any] = {"family_name": "", "given_name": BLANK, "middle_name": ""}
    await tx.run(
        update(t.people)
        .where(t.people.c.id == person_id)
        .values(**nothing, birth_date=None, language="", erased_at=tx.now)
    )
