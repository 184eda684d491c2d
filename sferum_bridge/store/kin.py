"""Parent links. The limit of two parents is decided by the unique slot, here (I-2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, select, true, update
from sqlalchemy.exc import IntegrityError

from sferum_bridge.school import kinship
from sferum_bridge.school.people import ExpectedParent, LinkState, ParentLink, Waits
from sferum_bridge.store import audit, schools
from sferum_bridge.store.tables import (
    assignments,
    classes,
    contacts,
    expected_parents,
    parent_links,
    people,
)
from sferum_bridge.store.tables import schools as schools_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import ColumnElement

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pupil is enrolled."""

    school_id: str
    school_name: str
    class_id: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A link that has ended, as it was while it lived."""

    id: str
    link: ParentLink
    at: int
    """When it ended, in milliseconds."""
    by: str
    """Id of the person who ended it."""


async def links_of_child(tx: Tx, child_id: str) -> Sequence[ParentLink]:
    """Return the live links of a child, in slot order."""
    query = select(parent_links).where(
        parent_links.c.child_id == child_id, parent_links.c.slot.is_not(None)
    )
    rows = await tx.all(query.order_by(parent_links.c.slot))
    return [schools.parent_link(r) for r in rows]


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


async def class_teachers(tx: Tx, child_id: str, day: date, *, school_id: str = "") -> Sequence[str]:
    """Return the person ids of the class teachers of a pupil on `day`, in one school if given."""
    class_ids = [
        place.class_id
        for place in await places(tx, child_id, day)
        if school_id in {"", place.school_id}
    ]
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


async def last_class_teachers(tx: Tx, child_id: str, school_id: str, day: date) -> Sequence[str]:
    """Return the people who lead today the class a former pupil of a school was in last."""
    c = assignments.c
    last = await tx.value(
        select(c.class_id)
        .where(c.person_id == child_id, c.school_id == school_id, c.kind == "enrolment")
        .order_by(c.until.desc())
        .limit(1)
    )
    query = select(c.person_id).where(
        c.kind == "leadership",
        c.class_id == last,
        (c.since.is_(None)) | (c.since <= day),
        (c.until.is_(None)) | (c.until >= day),
    )
    return sorted({row.person_id for row in await tx.all(query)})


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


async def is_denied(tx: Tx, school_id: str, child_id: str, parent_id: str) -> bool:
    """Tell whether the school's roster denies somebody access to a child: there is paper on it."""
    c = expected_parents.c
    pair = (c.school_id == school_id, c.child_id == child_id, c.parent_id == parent_id)
    return await tx.value(select(c.access).where(*pair)) is False


async def guardians(tx: Tx, child_id: str) -> frozenset[str]:
    """Return the ids of the people whom some roster names as guardians of a child."""
    c = expected_parents.c
    rows = await tx.all(select(c.parent_id).where(c.child_id == child_id).distinct())
    return frozenset(row.parent_id for row in rows)


async def guardian_with(
    tx: Tx, school_id: str, child_id: str, owned: Sequence[tuple[str, str]]
) -> ExpectedParent | None:
    """Return the guardian the roster names for a child with one of these contacts (kind, value).

    `None` when nobody has one, or when several have and so it names nobody.
    """
    digests = [tx.sealer.digest(value, kind) for kind, value in owned]
    c = expected_parents.c
    query = (
        select(c.parent_id, c.access)
        .join(contacts, contacts.c.person_id == c.parent_id)
        .where(c.school_id == school_id, c.child_id == child_id, contacts.c.digest.in_(digests))
        .distinct()
    )
    rows = await tx.all(query) if digests else ()
    if len(rows) != 1:
        return None
    return ExpectedParent(child_id, rows[0].parent_id, rows[0].access)


async def link(tx: Tx, wanted: ParentLink, actor: str, reason: str = "") -> kinship.Answer | None:
    """Make somebody a child's parent; return why not when another was quicker (I-2, scenario 07).

    The database decides: each slot of a child, and each pair of child and parent, is unique. Whose
    data were destroyed meanwhile is nobody's parent or child (`UNKNOWN`).
    """
    child_id, parent_id, state = wanted.child_id, wanted.parent_id, wanted.state
    if not await _held(tx, child_id, parent_id):
        return kinship.Answer.UNKNOWN
    for slot in range(1, kinship.MOST_PARENTS + 1):
        row = {
            "id": schools.new_id(),
            "child_id": child_id,
            "parent_id": parent_id,
            "slot": slot,
            "state": state.value,
            "confirmed_at": tx.now,
            "waits_for": _waits(wanted.waits_for),
            "vouched": wanted.vouched,
        }
        if not await tx.add(parent_links, row):
            if any(held.parent_id == parent_id for held in await links_of_child(tx, child_id)):
                return kinship.Answer.ALREADY
            continue
        why = f"{reason}; parent {parent_id}" if reason else f"parent {parent_id}"
        await _changed(tx, child_id, actor, f"parent.{state.value}", why)
        return None
    return kinship.Answer.FULL


async def approve(tx: Tx, child_id: str, parent_id: str, who: Waits, actor: str) -> bool:
    """Give the word a waiting link waits for; with the last one the parent has the rooms (D-1).

    False when there is no link that waits for `who`.
    """
    c = parent_links.c
    live = (c.child_id == child_id, c.parent_id == parent_id, c.slot.is_not(None))
    # Held until the end: school and child may give their words at the same moment.
    row = await tx.first(select(parent_links).where(*live).with_for_update())
    link = schools.parent_link(row) if row else None
    if link is None or who not in link.waits_for:
        return False
    left = link.waits_for - {who}
    state = LinkState.PENDING if left else LinkState.ACTIVE
    vouched = link.vouched or who is Waits.SCHOOL
    values = {"waits_for": _waits(left), "state": state.value, "vouched": vouched}
    await tx.run(update(parent_links).where(*live).values(**values))
    await _changed(tx, child_id, actor, "parent.approve", f"by {who.value}; parent {parent_id}")
    return True


async def unlink(
    tx: Tx,
    child_id: str,
    parent_id: str,
    actor: str,
    reason: str,
    *,
    as_read: ParentLink | None = None,
) -> bool:
    """End a parent link and free its slot; false when there is none.

    With `as_read` also when it has changed since: it was approved in another process, so what was
    decided about it is decided no more.
    """
    unchanged = _unchanged(as_read) if as_read else true()
    done = await tx.run(
        update(parent_links)
        .where(
            parent_links.c.child_id == child_id,
            parent_links.c.parent_id == parent_id,
            parent_links.c.slot.is_not(None),
            unchanged,
        )
        .values(
            state="ended",
            slot=None,
            ended_at=tx.now,
            ended_by=actor,
            # Every expression here sees the row as it was.
            ended_as=parent_links.c.state,
        )
    )
    if done:
        await _changed(tx, child_id, actor, "parent.unlink", f"{reason}; parent {parent_id}")
    return bool(done)


async def link_id(tx: Tx, child_id: str, parent_id: str, *, hold: bool = False) -> str:
    """Return the id of a live link, by which its end can be taken back; empty when there is none.

    It is none that anybody has to keep secret: whoever names it is asked for the right. With `hold`
    nobody else ends or approves it until this transaction is over: links are held before cases.
    """
    c = parent_links.c
    query = select(c.id).where(c.child_id == child_id, c.parent_id == parent_id)
    query = query.where(c.slot.is_not(None))
    return str(await tx.value(query.with_for_update() if hold else query) or "")


async def ended(tx: Tx, link_id: str) -> Ended | None:
    """Return a link that has ended, `None` when it lives or there is none.

    Neither when the same parent was linked again and that has ended too: then only that counts.
    """
    found = await _ended(tx, parent_links.c.id == link_id)
    return found[0] if found else None


async def ended_by(tx: Tx, person_id: str, since: int) -> Sequence[Ended]:
    """Return the links somebody has ended since a time (milliseconds), the latest first."""
    return await _ended(
        tx, (parent_links.c.ended_by == person_id) & (parent_links.c.ended_at >= since)
    )


async def _ended(tx: Tx, condition: ColumnElement[bool]) -> Sequence[Ended]:
    c = parent_links.c
    # Whose data were destroyed has no family any more.
    erased = exists().where(
        people.c.id.in_((c.child_id, c.parent_id)), people.c.erased_at.is_not(None)
    )
    # Of one pair only the last end counts: who left, came again and was removed left for nothing.
    after = parent_links.alias()
    superseded = exists().where(
        after.c.child_id == c.child_id,
        after.c.parent_id == c.parent_id,
        (after.c.ended_at > c.ended_at)
        | ((after.c.ended_at == c.ended_at) & (after.c.confirmed_at > c.confirmed_at)),
    )
    # The first version kept no state to go back to.
    query = select(parent_links).where(condition, c.slot.is_(None), c.ended_as != "")
    query = query.where(~erased, ~superseded)
    return [
        Ended(
            row.id,
            ParentLink(
                row.child_id,
                row.parent_id,
                LinkState(row.ended_as),
                frozenset(Waits(who) for who in row.waits_for.split()),
                row.vouched,
            ),
            row.ended_at,
            row.ended_by,
        )
        for row in await tx.all(query.order_by(c.ended_at.desc(), c.id))
    ]


async def was_sent_away(tx: Tx, child_id: str, parent_id: str) -> bool:
    """Tell whether somebody else ever ended this parent's link, and nobody took that back.

    What the roster says of a guardian then no longer speaks for them: the school looks again.
    """
    c = parent_links.c
    pair = (c.child_id == child_id, c.parent_id == parent_id, c.slot.is_(None))
    return await tx.value(select(c.id).where(*pair, c.ended_by != parent_id).limit(1)) is not None


async def restore(tx: Tx, gone: Ended, actor: str) -> kinship.Answer | None:
    """Let an ended link live again as it was; return why not.

    It takes a slot like any other link, by the same constraints: the database decides (I-2).
    """
    child_id, parent_id = gone.link.child_id, gone.link.parent_id
    if not await _held(tx, child_id, parent_id):
        return kinship.Answer.UNKNOWN
    c = parent_links.c
    for slot in range(1, kinship.MOST_PARENTS + 1):
        again = update(parent_links).where(c.id == gone.id, c.slot.is_(None))
        values = {"slot": slot, "state": gone.link.state.value, "ended_at": None}
        try:
            async with tx.attempt():
                done = await tx.run(again.values(**values, ended_by="", ended_as=""))
        except IntegrityError:
            if any(held.parent_id == parent_id for held in await links_of_child(tx, child_id)):
                return kinship.Answer.ALREADY
            continue
        if not done:
            return kinship.Answer.ALREADY
        await _changed(tx, child_id, actor, "parent.restore", f"parent {parent_id}")
        return None
    return kinship.Answer.FULL


async def ask_child_again(tx: Tx, child_id: str, actor: str) -> Sequence[str]:
    """Have every link of a pupil wait for the pupil's word again; return the parents' ids.

    The rooms close until it is given (scenario 24). A link that waits for it already is left out.
    """
    c = parent_links.c
    live = (c.child_id == child_id, c.slot.is_not(None))
    # Held until the end: who approves at this moment must not open the rooms behind it.
    rows = await tx.all(select(parent_links).where(*live).order_by(c.slot).with_for_update())
    waiting = []
    for held in map(schools.parent_link, rows):
        if Waits.CHILD in held.waits_for:
            continue
        waits_for = _waits(held.waits_for | {Waits.CHILD})
        again = update(parent_links).where(*live, c.parent_id == held.parent_id)
        await tx.run(again.values(waits_for=waits_for, state=LinkState.PENDING.value))
        why = f"the child's consent was withdrawn; parent {held.parent_id}"
        await _changed(tx, child_id, actor, "parent.pending", why)
        waiting.append(held.parent_id)
    return waiting


async def _held(tx: Tx, *person_ids: str) -> bool:
    """Keep people from being erased until the end; false when one has been."""
    rows = select(people.c.erased_at).where(people.c.id.in_(person_ids)).order_by(people.c.id)
    held = await tx.all(rows.with_for_update(read=True, key_share=True))
    return all(row.erased_at is None for row in held)


def _unchanged(link: ParentLink) -> ColumnElement[bool]:
    """Fit the live link that still is as it was read."""
    c = parent_links.c
    return and_(
        c.child_id == link.child_id,
        c.parent_id == link.parent_id,
        c.slot.is_not(None),
        c.state == link.state.value,
        c.waits_for == _waits(link.waits_for),
        c.vouched == link.vouched,
    )


async def _changed(tx: Tx, child_id: str, actor: str, action: str, reason: str) -> None:
    """Record a change and have the rooms looked at, in every school the child belongs to."""
    for school_id in await schools.of_pupil(tx, child_id):
        await schools.changed(tx, school_id)
        audit.record(tx, actor, action, child_id, reason, school=school_id)


def _waits(waits_for: frozenset[Waits]) -> str:
    return " ".join(sorted(waits_for))
