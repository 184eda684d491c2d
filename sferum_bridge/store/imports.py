"""An import from the reading of a file to the report: prepared, asked about, carried out (§4.3).

    reading ─► known ─► plan ─► outcome ─► diff, holds      (`prepare`: changes nothing)
                          └─ in one recorded transaction, if nothing is held or its word is given ─►
                             `enrol.carry_out` ─► a batch that can be undone        (`apply`)

What was looked at is looked at again when it is applied: the store may be another by then. A file
that came to the bot waits sealed in `pending_imports`.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from sferum_bridge.roster import make_plan
from sferum_bridge.roster.diff import diff
from sferum_bridge.roster.guards import confirms, fingerprint, held
from sferum_bridge.roster.matching import label
from sferum_bridge.roster.model import Severity
from sferum_bridge.roster.outcome import outcome
from sferum_bridge.store import batches, class_ids, enrol, schools, staffing
from sferum_bridge.store.tables import pending_imports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster import Known, Plan, Reading
    from sferum_bridge.roster.diff import Diff
    from sferum_bridge.roster.guards import Hold, Limits
    from sferum_bridge.school.people import School
    from sferum_bridge.store.batches import Undone
    from sferum_bridge.store.database import Tx

_LABEL = "pending_import"
_KIND = "import"


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody decided about a file."""

    decisions: Mapping[str, str] = field(default_factory=dict)
    """Label of a person of the file (`matching.label`) → id of a stored person, or `new`."""
    end_missing: bool = False
    """Whether those who are not in the file leave."""
    opening: bool = False
    """Whether a school year is being opened."""
    delta: bool = False
    """Whether the file is a list of changes, whatever it says itself."""
    confirmed: str = ""
    """What was typed for the school's name."""
    seen: str = ""
    """What was held back when it was typed, as `Prepared.seen` gave it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an import would do."""

    reading: Reading
    known: Known
    plan: Plan
    diff: Diff
    holds: Sequence[Hold]

    @property
    def left_out(self) -> bool:
        """Tell whether rows of the file are left out."""
        return any(each.severity is Severity.ERROR for each in self.reading.problems)

    @property
    def seen(self) -> str:
        """Return what stands for everything that is held back."""
        return fingerprint(self.holds)

    def released(self, choices: Choices, name: str) -> bool:
        """Tell whether what is held back was shown, and confirmed by the school's `name`."""
        return confirms(choices.confirmed, name) and choices.seen == self.seen


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an import."""

    prepared: Prepared
    is_held: bool = False
    """Whether nothing was done, since a hold was not confirmed."""
    batch_id: str = ""
    """Of what was done; empty if nothing was to be done."""


async def prepare(
    tx: Tx,
    school_id: str,
    day: date,
    reading: Reading,
    choices: Choices,
    limits: Limits,
    name: str = "",
) -> Prepared:
    """Say what an import would do at a school on its day; `name` is that of one not made yet.

    Those who are missing leave only by a file none of whose rows are left out: whoever stands in
    such a row is not missing.
    """
    known = await enrol.known(tx, school_id)
    if not known.school.name:
        known = replace(known, school=replace(known.school, name=name))
    return await asyncio.to_thread(_prepared, known, day, reading, choices, limits)


def _prepared(
    known: Known, day: date, reading: Reading, choices: Choices, limits: Limits
) -> Prepared:
    roster = reading.roster
    keys = {label(person.key): person.key for person in roster.people}
    decisions = {keys[one]: said for one, said in choices.decisions.items() if one in keys}
    left_out = any(each.severity is Severity.ERROR for each in reading.problems)
    plan = make_plan(
        roster,
        known,
        day,
        full=False if choices.delta else None,
        decisions=decisions,
        end_missing=choices.end_missing and not left_out,
    )
    turn = outcome(known.school, plan, day)
    named = roster.school.name if roster.school else ""
    limits = replace(limits, opening=choices.opening)
    holds = held(turn, plan, named, len(roster.people), limits, left_out=left_out)
    return Prepared(reading, known, plan, diff(turn, plan), holds)


async def apply(
    tx: Tx,
    school_id: str,
    reading: Reading,
    choices: Choices,
    limits: Limits,
    *,
    actor: str,
    label: str,
) -> Applied:
    """Carry an import out, as one batch called `label`, unless it is held and not confirmed."""
    record = next(each for each in await schools.records(tx) if each.id == school_id)
    day = record.day(tx.now)
    async with batches.recorded(tx, school_id, kind=_KIND, actor=actor, label=label) as batch_id:
        prepared = await prepare(tx, school_id, day, reading, choices, limits)
        if prepared.holds and not prepared.released(choices, record.name):
            return Applied(prepared, is_held=True)
        if not prepared.plan.empty:
            await enrol.carry_out(tx, school_id, prepared.plan, actor)
        await class_ids.keep(tx, school_id, reading.class_ids)
    done = await batches.one(tx, batch_id)
    return Applied(prepared, batch_id=done.id if done else "")


async def undo(tx: Tx, batch_id: str, actor: str, *, days: float = 30) -> Undone:
    """Undo an import, see `batches.undo`; who changes class by that is told as by the import.

    A move that was still to come is taken back in silence: nobody goes anywhere.
    """
    batch = await batches.one(tx, batch_id)
    before = await staffing.read(tx, batch.school_id) if batch else None
    done = await batches.undo(tx, batch_id, actor, days=days)
    if before is not None and done.batch.kind == _KIND:
        record = next(each for each in await schools.records(tx) if each.id == before.id)
        day = record.day(tx.now)
        for child_id, (left, entered) in _moves(before, await schools.load(tx, before.id), day):
            await staffing.tell_of_move(tx, before.id, child_id, left, entered, day)
    return done


def _moves(before: School, after: School, day: date) -> Iterator[tuple[str, tuple[str, str]]]:
    """Give who is in another class of the same year on a day: person, from where and to where."""
    was, now = (
        {(e.person_id, e.class_id) for e in school.enrolments if e.term.covers(day)}
        for school in (before, after)
    )
    entered = dict(sorted(now - was))
    for child_id, left in sorted(was - now):
        to = entered.get(child_id)
        # The class that is left may be gone with the import.
        if to and before.classes[left].year == after.classes[to].year:
            yield child_id, (left, to)


# --- files that wait ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that waits for a decision."""

    id: str
    school_id: str
    mxid: str
    """Who sent it, and alone decides."""
    name: str
    data: bytes
    choices: Choices
    at: int


async def wait(tx: Tx, school_id: str, mxid: str, name: str, data: bytes, choices: Choices) -> str:
    """Keep a file until it is decided about, instead of any other of the same sender."""
    await tx.run(delete(pending_imports).where(pending_imports.c.mxid == mxid))
    pending_id = schools.new_id()
    row = {"id": pending_id, "school_id": school_id, "mxid": mxid, "at": tx.now}
    sealed = _sealed(tx, name, data, choices)
    await tx.run(insert(pending_imports).values(**row, sealed=sealed))
    return pending_id


async def pending(tx: Tx, mxid: str) -> Pending | None:
    """Return the file of somebody that waits, `None` if there is none."""
    row = await tx.first(select(pending_imports).where(pending_imports.c.mxid == mxid))
    if row is None:
        return None
    said: dict[str, Any] = tx.sealer.unseal(row.sealed, _LABEL)
    choices = Choices(**said["choices"])
    data = b64decode(said["data"])
    return Pending(row.id, row.school_id, row.mxid, said["name"], data, choices, row.at)


async def choose(tx: Tx, one: Pending, choices: Choices) -> None:
    """Note what was decided about a file that waits."""
    mine = pending_imports.c.id == one.id
    sealed = _sealed(tx, one.name, one.data, choices)
    await tx.run(update(pending_imports).where(mine).values(sealed=sealed))


async def drop(tx: Tx, mxid: str) -> bool:
    """Forget the file of somebody; tell whether there was one."""
    return bool(await tx.run(delete(pending_imports).where(pending_imports.c.mxid == mxid)))


async def prune(tx: Tx, before: int) -> None:
    """Forget the files that came before a time (milliseconds)."""
    await tx.run(delete(pending_imports).where(pending_imports.c.at < before))


def _sealed(tx: Tx, name: str, data: bytes, choices: Choices) -> bytes:
    said = {
        "name": name,
        "data": b64encode(data).decode(),
        "choices": {
            "decisions": dict(choices.decisions),
            "end_missing": choices.end_missing,
            "opening": choices.opening,
            "delta": choices.delta,
            "confirmed": choices.confirmed,
            "seen": choices.seen,
        },
    }
    return tx.sealer.seal(said, _LABEL)
