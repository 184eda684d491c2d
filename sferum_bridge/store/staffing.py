"""Carrying out what `school.staffing` decided, whole, in the caller's transaction.

Whoever did it, a command in a chat or one of the console: the people concerned are told by the bot,
as news.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from sferum_bridge.school import access
from sferum_bridge.school.people import Appointment, Enrolment, Leadership, Teaching
from sferum_bridge.store import accounts, audit, invites, mails, news, pupil_invites, schools
from sferum_bridge.store.tables import assignments
from sferum_bridge.store.tables import audit as audit_table
from sferum_bridge.store.tables import invites as invites_table
from sferum_bridge.store.tables import pupil_invites as pupil_invites_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Row, Table

    from sferum_bridge.school.people import School
    from sferum_bridge.school.staffing import Assignment, Changes
    from sferum_bridge.store.database import Tx

_LOCK = 0x5FE7_0A0E
MOVED = "moved"
"""News of a pupil who changes class: `school`, `child`, `from`, `to` (ids; `from` is empty for into
the school, `to` for out of it), `since` (the first day there)."""
STAFF = "staff"
"""News of staff who get or lose a role: `school`, `actor` (ids) and `changes` (see `described`)."""


async def read(tx: Tx, school_id: str) -> School:
    """Read a school in order to change it; whoever else wants to waits for this transaction.

    Otherwise two administrators who dismiss each other would both go. The school's row is not what
    is held: everybody who is done with all else waits for that, with invites and links in hand that
    an order may have to end (`schools.changed`).
    """
    if tx.dialect == "postgresql":
        await tx.run(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(school_id))))
    return await schools.load(tx, school_id)


async def carry_out(
    tx: Tx,
    school_id: str,
    changes: Changes,
    actor: str,
    reason: str,
    today: date,
    *,
    tells_moves: bool = True,
) -> None:
    """End, drop and begin assignments, each with its record, and have the rooms looked at.

    What somebody invited by a right they have lost already (`today` is the school's day) is revoked
    with it; a right that ends later takes its invites along on its day (`revoke_void`).
    `tells_moves`: whether teachers and families hear of pupils who change class. Raises
    `LookupError` when another process was quicker and an assignment is not as it was.
    """
    # The same twice in a roster is two rows, and one change.
    for ending in dict.fromkeys(changes.ends):
        held = _rows(school_id, ending.assignment)
        _must(await tx.run(update(assignments).where(*held).values(until=ending.until)))
        _record(tx, school_id, ending.assignment, "end", actor, f"{reason}; until {ending.until}")
    for tie in dict.fromkeys(changes.drops):
        _must(await tx.run(delete(assignments).where(*_rows(school_id, tie))))
        _record(tx, school_id, tie, "end", actor, f"{reason}; never begun")
    for tie in changes.begins:
        row = {"id": schools.new_id(), "school_id": school_id, "person_id": tie.person_id}
        term = {"since": tie.term.since, "until": tie.term.until}
        await tx.run(insert(assignments).values(**row, **term, **_columns(tie)))
        until = f" until {tie.term.until}" if tie.term.until else ""
        why = f"{reason}; from {tie.term.since}{until}"
        _record(tx, school_id, tie, "add", actor, why)
    await schools.changed(tx, school_id)
    await revoke_void(tx, school_id, actor, today)
    await _tell(tx, school_id, changes, actor, tells_moves=tells_moves)


def described(changes: Changes) -> list[dict[str, str]]:
    """Return what changes, as plain texts: for news, and to see whether it is still the same."""
    rows: list[tuple[str, Assignment, date | None]]
    rows = [("ends", ending.assignment, ending.until) for ending in changes.ends]
    rows += [("drops", tie, tie.term.until) for tie in changes.drops]
    rows += [("begins", tie, tie.term.until) for tie in changes.begins]
    return [
        {
            "what": what,
            "person_id": tie.person_id,
            "class_id": "",
            "post": "",
            "subject": "",
            **_columns(tie),
            "since": tie.term.since.isoformat() if tie.term.since else "",
            "until": until.isoformat() if until else "",
        }
        for what, tie, until in rows
    ]


async def tell_of_move(
    tx: Tx, school_id: str, child_id: str, left: str, entered: str, since: date, was: str = ""
) -> None:
    """Have both class teachers and the family told that a pupil changes class (scenario 34).

    `left` or `entered` is empty for into or out of the school; `was`: what the class that is left
    was called, where it has another name by now.
    """
    content = {"school": school_id, "child": child_id, "from": left, "to": entered}
    content |= {"was": was} if was else {}
    await news.put(tx, MOVED, {**content, "since": since.isoformat()})


async def newcomer(
    tx: Tx, school_id: str, mxid: str, name: tuple[str, str, str], actor: str
) -> str:
    """Return the id of the person behind an account; one nobody knows is made a person of `name`.

    `name` is family name, given name and patronymic.
    """
    known = await accounts.person_of(tx, mxid)
    if known is not None:
        return known.id
    person_id = await accounts.add_person(tx, *name)
    await accounts.add_account(tx, mxid, person_id)
    audit.record(tx, actor, "account.tie", person_id, "new at the school", school=school_id)
    return person_id


async def given_by(tx: Tx, school: School) -> Mapping[Assignment, tuple[str, int]]:
    """Return who gave people the roles they have, and when (milliseconds), as far as is recorded.

    A role that nobody gave by name comes from the first roster that named the person.
    """
    c = audit_table.c
    kinds = ("appointment", "leadership", "teaching")
    actions = ("roster.apply", *(f"{kind}.add" for kind in kinds))
    query = select(audit_table).where(c.school_id == school.id, c.action.in_(actions))
    of_person: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in await tx.all(query.order_by(c.id)):
        of_person.setdefault(row.subject, []).append(row)
    found: dict[Assignment, tuple[str, int]] = {}
    ties: list[Assignment] = [*school.appointments, *school.leaderships, *school.teachings]
    for tie in ties:
        rows = of_person.get(tie.person_id, [])
        # An application that was approved is recorded under its case.
        reasons = (f"{_what(tie)}; ", "case ")
        named = [
            row
            for row in rows
            if row.action == f"{_columns(tie)['kind']}.add" and row.reason.startswith(reasons)
        ]
        fitting = named[-1:] or [row for row in rows if row.action == "roster.apply"]
        if fitting:
            found[tie] = (fitting[0].actor, fitting[0].at)
    return found


def _record(tx: Tx, school_id: str, tie: Assignment, action: str, actor: str, reason: str) -> None:
    kind, what = _columns(tie)["kind"], _what(tie)
    audit.record(
        tx, actor, f"{kind}.{action}", tie.person_id, f"{what}; {reason}", school=school_id
    )


def _what(tie: Assignment) -> str:
    """Return what the log calls the object of an assignment: a post, or the id of a class."""
    return tie.post.value if isinstance(tie, Appointment) else tie.class_id


async def _tell(tx: Tx, school_id: str, changes: Changes, actor: str, *, tells_moves: bool) -> None:
    staff = [row for row in described(changes) if row["kind"] != "enrolment"]
    if staff:
        await news.put(tx, STAFF, {"school": school_id, "actor": actor, "changes": staff})
    moved = [tie.person_id for tie in _enrolments(changes)] if tells_moves else []
    for child_id in dict.fromkeys(moved):
        await _tell_of_moves(tx, school_id, changes, child_id)


def _enrolments(changes: Changes) -> Sequence[Enrolment]:
    return [tie for tie in (*changes.over, *changes.begins) if isinstance(tie, Enrolment)]


async def _tell_of_moves(tx: Tx, school_id: str, changes: Changes, child_id: str) -> None:
    own = [tie for tie in changes.begins if tie.person_id == child_id]
    new = next((tie for tie in own if isinstance(tie, Enrolment)), None)
    to, first = (new.class_id, new.term.since) if new else ("", None)
    left = {e.assignment: e.until + timedelta(days=1) for e in changes.ends}
    left |= {tie: tie.term.since for tie in changes.drops if tie.term.since}
    moves = {
        tie.class_id: first or day
        for tie, day in left.items()
        if isinstance(tie, Enrolment) and tie.person_id == child_id
    }
    if not moves and first:
        moves[""] = first
    for class_id, day in moves.items():
        # A move that was planned and is taken back leaves the child where it is.
        if class_id != to:
            await tell_of_move(tx, school_id, child_id, class_id, to, day)


async def revoke_void(tx: Tx, school_id: str, actor: str, today: date) -> None:
    """Revoke the open invites whose issuers no longer have the right they issued them by (I-7).

    No such invite is accepted anyway (`kinship`): this keeps it from coming back to life with a
    right that is given anew, and writes its end into the log.
    """
    held = access.groups(await schools.load(tx, school_id), today)
    reason = "the issuer lost the right"
    for row in await _open(tx, invites_table, school_id, invites_table.c.child_id):
        if row.issued_as not in held.get(row.issued_by, ()):
            await invites.revoke(tx, row.child_id, actor, reason)
    unused = pupil_invites_table.c.used_at.is_(None)
    for row in await _open(
        tx, pupil_invites_table, school_id, pupil_invites_table.c.person_id, unused
    ):
        if row.issued_as not in held.get(row.issued_by, ()):
            await pupil_invites.revoke(tx, row.person_id, actor, reason)
            await mails.withdraw(tx, row.person_id)


async def _open(
    tx: Tx, table: Table, school_id: str, whose: ColumnElement[str], *more: ColumnElement[bool]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the open invites of a school that were issued by somebody's right."""
    c = table.c
    open_ = (c.issued_as != "", c.revoked_at.is_(None), c.expires_at > tx.now)
    return await tx.all(
        select(whose, c.issued_by, c.issued_as).where(c.school_id == school_id, *open_, *more)
    )


def _columns(tie: Assignment) -> dict[str, str]:
    """Return the columns that say what an assignment is to."""
    match tie:
        case Appointment():
            return {"kind": "appointment", "post": tie.post.value}
        case Enrolment():
            return {"kind": "enrolment", "class_id": tie.class_id}
        case Leadership():
            return {"kind": "leadership", "class_id": tie.class_id}
        case Teaching():
            return {"kind": "teaching", "class_id": tie.class_id, "subject": tie.subject}


def _rows(school_id: str, tie: Assignment) -> list[ColumnElement[bool]]:
    c = assignments.c
    wanted = {"school_id": school_id, "person_id": tie.person_id, **_columns(tie)}
    days: Sequence[tuple[str, date | None]]
    days = (("since", tie.term.since), ("until", tie.term.until))
    same = [c[name] == value for name, value in wanted.items()]
    return same + [c[name].is_(None) if day is None else c[name] == day for name, day in days]


def _must(done: int) -> None:
    if not done:
        raise LookupError("an assignment is no longer as it was")
