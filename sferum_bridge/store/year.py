"""Opening a school year, and taking that back: each one transaction; the rooms follow.

A year that is to be opened on a day to come is kept as what was chosen for it (`year_plans`). On
the day it is planned anew, for the school as it is then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.school import year as rules
from sferum_bridge.school import year_plan
from sferum_bridge.school.people import Appointment
from sferum_bridge.school.year import Ambiguity, Fate, Problem
from sferum_bridge.school.year_preview import moves
from sferum_bridge.store import audit, batches, news, schools, staffing
from sferum_bridge.store.tables import classes, year_plans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.school.staffing import Assignment
    from sferum_bridge.school.year import Choices, Plan
    from sferum_bridge.store.batches import Batch, Undone
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

KIND = "year"
"""The kind of the batches that open a year."""
OPENED = "year.opened"
"""News of a year that was opened: `school`, `actor` (ids), `year`, `closed` (ids of classes), and
`left_out`, what was chosen and could not be. `actor` knows it already; empty on a day that came."""
UNDONE = "year.undone"
"""News of an opening that was undone: the same; `closed` are open again."""
FAILED = "year.failed"
"""News of a day that came and found the year not plannable any more: `school`, `problems`.

Without problems it was this version that could not do it."""
FARTHEST = timedelta(days=366)
"""How far ahead an opening may be planned."""
_SEALED = "year_plan"
_FAILED = "failed"


class Ambiguous(Exception):
    """A year cannot be opened, for the `problems`; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(problem.why.value for problem in problems))
        self.problems = problems


class NothingToUndo(Exception):
    """No year was opened that could still be closed again."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A year that is to be opened on a day to come."""

    school_id: str
    day: date
    actor: str
    choices: Choices
    failed: bool = False
    """Whether the day came and the year could not be opened; it is not tried again by itself."""


async def open_now(
    tx: Tx,
    record: SchoolRecord,
    choices: Choices,
    actor: str,
    kept_days: int,
    *,
    planned: bool = False,
) -> Plan:
    """Open a year at a school today; return what was done. Raises `Ambiguous`.

    What was planned for later is forgotten. `kept_days`: for how long the rooms of classes that end
    can be read. `planned`: whether `actor` ordered it some time ago, and is told that it is done.
    """
    today = record.day(tx.now)
    # Read under the lock that everybody takes who changes the school.
    here = await staffing.read(tx, record.id)
    plan = year_plan.plan(here, choices, today, kept_days)
    if plan.problems:
        raise Ambiguous(plan.problems)
    async with batches.recorded(tx, record.id, kind=KIND, actor=actor, label=plan.year):
        ids = await _classes(tx, record.id, plan)
        begins = [_with_id(tie, ids) for tie in plan.changes.begins]
        changes = replace(plan.changes, begins=begins)
        reason = f"year {plan.year}"
        await staffing.carry_out(tx, record.id, changes, actor, reason, today, tells_moves=False)
    for move in moves(plan):
        # Who goes with the class need not be told one by one.
        if move.singled_out:
            to, was = ids.get(move.to_id, move.to_id), here.classes[move.from_id].name
            child = (record.id, move.person_id, move.from_id, to)
            await staffing.tell_of_move(tx, *child, plan.day, was)
    await tx.run(delete(year_plans).where(year_plans.c.school_id == record.id))
    closed = [s.class_id for s in plan.steps if s.fate in {Fate.MERGED, Fate.GRADUATED}]
    knows = "" if planned else actor
    await _tell(tx, OPENED, record.id, knows, plan.year, closed, left_out=told(plan.left_out))
    return plan


def told(problems: Sequence[Problem]) -> list[list[Any]]:
    """Return problems as plain values for news; see `heard`."""
    return [[one.why.value, [*one.names], one.person_id] for one in problems]


def heard(values: Sequence[Sequence[Any]]) -> Sequence[Problem]:
    """Return the problems that `told` gave."""
    return [Problem(Ambiguity(why), names, id_) for why, names, id_ in values]


async def _classes(tx: Tx, school_id: str, plan: Plan) -> Mapping[str, str]:
    """Rename, close and make classes; return the plan's ids of new ones → theirs."""
    c = classes.c
    promoted = [step for step in plan.steps if step.fate is Fate.PROMOTED]
    for step in promoted:
        # Out of each other's way first: a name is somebody else's until they get theirs.
        await tx.run(update(classes).where(c.id == step.class_id).values(name=step.class_id))
    made = {}
    for step in plan.steps:
        named = {"name": step.becomes, "year": plan.year}
        match step.fate:
            case Fate.PROMOTED:
                await tx.run(update(classes).where(c.id == step.class_id).values(**named))
            case Fate.NEW:
                made[step.class_id] = schools.new_id()
                row = {"id": made[step.class_id], "school_id": school_id, **named}
                await tx.run(insert(classes).values(**row))
            case Fate.MERGED | Fate.GRADUATED:
                ended = {"closed_on": plan.day, "kept_until": plan.kept_until}
                ended_as = update(classes).where(c.id == step.class_id)
                await tx.run(ended_as.values(**ended, successor_id=step.successor_id))
    return made


def _with_id(tie: Assignment, ids: Mapping[str, str]) -> Assignment:
    if isinstance(tie, Appointment) or tie.class_id not in ids:
        return tie
    return replace(tie, class_id=ids[tie.class_id])


# --- a day to come --------------------------------------------------------------------------


async def plan_for(
    tx: Tx, record: SchoolRecord, choices: Choices, day: date, actor: str, kept_days: int
) -> Plan:
    """Have a year opened when a day comes; return what that would do today. Raises `Ambiguous`.

    It takes the place of what was planned before.
    """
    plan = year_plan.plan(await staffing.read(tx, record.id), choices, day, kept_days)
    if plan.problems:
        raise Ambiguous(plan.problems)
    # The year is that of the day, whenever it is asked again.
    sealed = tx.sealer.seal(replace(choices, year=plan.year).kept(), _SEALED)
    await tx.run(delete(year_plans).where(year_plans.c.school_id == record.id))
    row = {"school_id": record.id, "day": day, "actor": actor, "at": tx.now}
    await tx.run(insert(year_plans).values(**row, sealed=sealed))
    audit.record(tx, actor, "year.plan", record.id, f"{plan.year}; {day}", school=record.id)
    return plan


async def planned(tx: Tx, school_id: str) -> Planned | None:
    """Return what is planned for a school, `None` for nothing."""
    row = await tx.first(select(year_plans).where(year_plans.c.school_id == school_id))
    if row is None:
        return None
    kept = dict(tx.sealer.unseal(row.sealed, _SEALED))
    failed = bool(kept.pop(_FAILED, False))
    return Planned(row.school_id, row.day, row.actor, rules.restored(kept), failed)


async def due(tx: Tx) -> Sequence[SchoolRecord]:
    """Return the schools for which a year is planned whose day has come, and was not tried yet."""
    plans = {row.school_id: row for row in await tx.all(select(year_plans))}
    records = await schools.records(tx) if plans else []
    return [
        record
        for record in records
        if record.id in plans
        and plans[record.id].day <= record.day(tx.now)
        and _FAILED not in tx.sealer.unseal(plans[record.id].sealed, _SEALED)
    ]


async def open_as_planned(tx: Tx, record: SchoolRecord, kept_days: int) -> None:
    """Open the year that was planned for today; where that is not clear any more, say so.

    Done once, by whoever comes first. What could not be opened stays planned, to be looked at.
    """
    # The lock of whoever changes the school, before the plan is looked at: it may be done by then.
    await staffing.read(tx, record.id)
    found = await planned(tx, record.id)
    if found is None or found.failed or found.day > record.day(tx.now):
        return
    try:
        await open_now(tx, record, found.choices, found.actor, kept_days, planned=True)
    except Ambiguous as e:
        await fail(tx, record, e.problems)


async def fail(tx: Tx, record: SchoolRecord, problems: Sequence[Problem] = ()) -> None:
    """Note that the year planned for today could not be opened, and have that told, once.

    Without `problems` it was this version that could not do it.
    """
    mine = year_plans.c.school_id == record.id
    row = await tx.first(select(year_plans).where(mine))
    kept = tx.sealer.unseal(row.sealed, _SEALED) if row else {_FAILED: True}
    if _FAILED in kept:
        return
    sealed = tx.sealer.seal({**kept, _FAILED: True}, _SEALED)
    await tx.run(update(year_plans).where(mine).values(sealed=sealed))
    why = ", ".join(problem.why.value for problem in problems)
    audit.record(tx, "bridge", "year.fail", record.id, why, school=record.id)
    await news.put(tx, FAILED, {"school": record.id, "problems": told(problems)})


async def forget_plan(tx: Tx, school_id: str, actor: str) -> bool:
    """Forget what was planned for a school; false for nothing."""
    if not await tx.run(delete(year_plans).where(year_plans.c.school_id == school_id)):
        return False
    audit.record(tx, actor, "year.forget", school_id, school=school_id)
    return True


async def prune(tx: Tx, before: int) -> None:
    """Forget what could not be opened on a day before a time (milliseconds)."""
    await tx.run(delete(year_plans).where(year_plans.c.day < schools.day_in("UTC", before)))


# --- undoing --------------------------------------------------------------------------------


async def last_opened(tx: Tx, school_id: str, days: float) -> Batch | None:
    """Return the opening that can be undone, `None` for none within `days`."""
    since = tx.now - days * 24 * 3600 * 1000
    for batch in await batches.of_school(tx, school_id):
        if batch.kind == KIND and batch.undone_at is None:
            return batch if batch.at >= since else None
    return None


async def undo(tx: Tx, record: SchoolRecord, actor: str, days: float) -> Undone:
    """Take the last opening of a year back, as a whole; raises `NothingToUndo`.

    What somebody changed since stays, and is listed.
    """
    await staffing.read(tx, record.id)
    batch = await last_opened(tx, record.id, days)
    if batch is None:
        raise NothingToUndo
    before = await schools.load(tx, record.id)
    try:
        done = await batches.undo(tx, batch.id, actor, days=days)
    except batches.NotUndoableError as e:
        raise NothingToUndo from e
    now = await schools.load(tx, record.id)
    opened = [
        c.id for c in now.classes.values() if not c.closed_on and before.classes[c.id].closed_on
    ]
    await _tell(tx, UNDONE, record.id, actor, batch.label, opened)
    return done


async def _tell(
    tx: Tx, kind: str, school_id: str, actor: str, year: str, class_ids: Sequence[str], **more: Any
) -> None:
    content = {"school": school_id, "actor": actor, "year": year, "closed": list(class_ids)}
    await news.put(tx, kind, {**content, **more})
