"""Changes of many at once, recorded so that each can be undone as a whole (§4.3).

    recorded ─► rows before │ any writes of one transaction │ rows after ─► what differs, sealed
    undo ─► each row that still is as the batch left it is put back; what was changed since is left

A batch is one transaction: it has happened or it has not, and the rooms follow. Nobody is torn out
of a life they have here since: a person the batch brought who is linked, or has an account, stays,
and only their assignments end. Nor does anybody come back whom somebody has let go since: of a
person who lost an assignment after the batch none is opened again. An erasure takes what a batch
knows of somebody with it (`forget`).
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sferum_bridge.school import staffing as rules
from sferum_bridge.school.people import Post
from sferum_bridge.store import audit, schools, snapshots, staffing
from sferum_bridge.store import tables as t
from sferum_bridge.store.snapshots import ASSIGNMENTS, CLASSES, KEPT, PEOPLE, Change

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.snapshots import Kept, Snapshot

_DAY = 24 * 3600 * 1000
_BATCH, _CHANGE = "batch", "batch_change"
_TABLES = {kept.table.name: kept for kept in KEPT}
_OF_PERSON = frozenset({"people", "contacts", "corrections", "roster_ids"})


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it is listed. Times are milliseconds since the epoch, UTC."""

    id: str
    school_id: str
    kind: str
    """`import` or `year`."""
    actor: str
    label: str
    at: int
    undone_at: int | None
    changes: int
    """How many rows it changed."""


class Kind(StrEnum):
    """Why a batch, or a row of it, is not put back."""

    UNKNOWN = "unknown"
    """There is no such batch, or no longer."""
    EXPIRED = "expired"
    """It is older than `school.undo_days`."""
    UNDONE = "undone"
    """It has been undone already."""
    CHANGED = "changed"
    """Somebody changed the row since."""
    IN_USE = "in_use"
    """A new person or class that something refers to by now: the assignments have ended."""
    TAKEN = "taken"
    """What the row needs is gone, or its name has been given away."""
    LAST_ADMINISTRATOR = "last_administrator"
    """The school would have no administrator left."""


class NotUndoableError(Exception):
    """A batch cannot be undone; `why` says for which of the first three reasons."""

    def __init__(self, why: Kind) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Left:
    """A row that was not put back."""

    table: str
    person_id: str
    """Whom it is about, empty for a class."""
    name: str
    """Of a class, else empty."""
    why: Kind


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: how many rows are as they were, and which are not."""

    batch: Batch
    restored: int
    left: Sequence[Left]


# --- recording ------------------------------------------------------------------------------


@asynccontextmanager
async def recorded(
    tx: Tx, school_id: str, *, kind: str, actor: str, label: str
) -> AsyncIterator[str]:
    """Record what is written to a school within; give the id of the batch.

    What the writes depend on is to be read within too: nobody else changes the school meanwhile.
    Where nothing differs at the end there is no batch.
    """
    await staffing.read(tx, school_id)
    before = await snapshots.take(tx, school_id)
    batch_id = schools.new_id()
    yield batch_id
    after = await snapshots.take(tx, school_id, before.people)
    changes = list(snapshots.difference(before, after, tx.now))
    if not changes:
        return
    sealed = tx.sealer.seal({"label": label}, _BATCH)
    row = {"id": batch_id, "school_id": school_id, "kind": kind, "actor": actor, "at": tx.now}
    await tx.run(insert(t.batches).values(**row, sealed=sealed))
    await tx.run(insert(t.batch_changes), [_sealed(tx, batch_id, each) for each in changes])
    audit.record(tx, actor, f"batch.{kind}", batch_id, school=school_id)


def _sealed(tx: Tx, batch_id: str, change: Change) -> dict[str, Any]:
    said = {"table": change.kept.table.name, "before": change.before, "after": change.after}
    people = (*change.people, "", "")
    return {
        "batch_id": batch_id,
        "person_id": people[0],
        "other_id": people[1],
        "sealed": tx.sealer.seal(said, _CHANGE),
    }


# --- looking --------------------------------------------------------------------------------


async def of_school(tx: Tx, school_id: str) -> Sequence[Batch]:
    """List the batches of a school that are still known, the newest first."""
    query = _listed().where(t.batches.c.school_id == school_id)
    rows = await tx.all(query.order_by(t.batches.c.at.desc(), t.batches.c.id))
    return [_batch(tx, row) for row in rows]


async def one(tx: Tx, batch_id: str) -> Batch | None:
    """Return a batch, `None` if there is none, or no longer."""
    row = await tx.first(_listed().where(t.batches.c.id == batch_id))
    return _batch(tx, row) if row else None


def _listed() -> Any:
    c = t.batch_changes.c
    counted = select(func.count()).where(c.batch_id == t.batches.c.id).scalar_subquery()
    return select(t.batches, counted.label("changes"))


def _batch(tx: Tx, row: Row[*tuple[Any, ...]]) -> Batch:
    label = tx.sealer.unseal(row.sealed, _BATCH)["label"]
    return Batch(
        row.id, row.school_id, row.kind, row.actor, label, row.at, row.undone_at, row.changes
    )


async def changes_of(tx: Tx, batch_id: str) -> Sequence[Change]:
    """Return what a batch changed, in the order in which it was recorded."""
    c = t.batch_changes.c
    query = select(c.sealed).where(c.batch_id == batch_id).order_by(c.id)
    said = [tx.sealer.unseal(row.sealed, _CHANGE) for row in await tx.all(query)]
    return [Change(_TABLES[each["table"]], each["before"], each["after"]) for each in said]


async def prune(tx: Tx, before: int) -> None:
    """Forget the batches from before a time (milliseconds): they cannot be undone any more."""
    await tx.run(delete(t.batches).where(t.batches.c.at < before))


async def forget(tx: Tx, person_id: str, school_id: str = "") -> None:
    """Forget what batches know of somebody who is erased; with `school_id` those of that school."""
    c = t.batch_changes.c
    mine = or_(c.person_id == person_id, c.other_id == person_id)
    if school_id:
        theirs = select(t.batches.c.id).where(t.batches.c.school_id == school_id)
        mine &= c.batch_id.in_(theirs)
    await tx.run(delete(t.batch_changes).where(mine))


# --- undoing --------------------------------------------------------------------------------


async def undo(tx: Tx, batch_id: str, actor: str, *, days: float = 30) -> Undone:
    """Put back what still is as a batch left it, and say what is not.

    The school keeps an administrator in office whatever the batch did.

    Raises:
        NotUndoableError: there is no such batch, it is older than `days`, or has been undone.
    """
    batch = await one(tx, batch_id)
    if batch is None:
        raise NotUndoableError(Kind.UNKNOWN)
    if batch.at < tx.now - days * _DAY:
        raise NotUndoableError(Kind.EXPIRED)
    b = t.batches.c
    still = (b.id == batch_id, b.undone_at.is_(None))
    if not await tx.run(update(t.batches).where(*still).values(undone_at=tx.now)):
        raise NotUndoableError(Kind.UNDONE)
    school_id = batch.school_id
    held = await staffing.read(tx, school_id)
    record = next(each for each in await schools.records(tx) if each.id == school_id)
    today = record.day(tx.now)
    changes = await changes_of(tx, batch_id)
    let_go = await _let_go(tx, batch)
    try:
        async with tx.attempt():
            undoing = _Undoing(tx, school_id, today, let_go)
            await undoing.run(changes)
            left = await schools.load(tx, school_id)
            if rules.loses_administrators(held, left, today):
                raise _Unadministered  # noqa: TRY301 - to have what was done taken back
    except _Unadministered:
        undoing = _Undoing(tx, school_id, today, let_go)
        await undoing.run([each for each in changes if not _makes_administrator(each)])
        undoing.leave(
            Kind.LAST_ADMINISTRATOR, *(each for each in changes if _makes_administrator(each))
        )
    for person_id in sorted({each.person_id for each in changes} - {""}):
        audit.record(tx, actor, "batch.undo", person_id, batch_id, school=school_id)
    audit.record(tx, actor, "batch.undo", batch_id, school=school_id)
    await schools.changed(tx, school_id)
    await staffing.revoke_void(tx, school_id, actor, today)
    return Undone(replace(batch, undone_at=tx.now), undoing.restored, undoing.left)


async def _let_go(tx: Tx, batch: Batch) -> Collection[str]:
    """Return who lost an assignment after a batch, by another one or by hand."""
    c = t.audit.c
    since = (c.school_id == batch.school_id, c.at > batch.at, c.action.like("%.end"))
    return {row.subject for row in await tx.all(select(c.subject).where(*since).distinct())}


class _Unadministered(Exception):
    """The school would be left without any administrator."""


def _makes_administrator(change: Change) -> bool:
    post = (change.after or {}).get("post")
    return change.kept is ASSIGNMENTS and post == Post.ADMINISTRATOR.value


class _Undoing:
    """Puts back the rows of one batch: takes away, renames, changes, then adds."""

    def __init__(self, tx: Tx, school_id: str, today: date, let_go: Collection[str]) -> None:
        self._tx = tx
        self._school_id = school_id
        self._let_go = let_go
        self._yesterday = today - timedelta(days=1)
        self.restored = 0
        self.left: list[Left] = []

    async def run(self, changes: Sequence[Change]) -> None:
        """Put back what is still as the batch left it."""
        about = frozenset(each.person_id for each in changes) - {""}
        now = await snapshots.take(self._tx, self._school_id, about)
        fit = [each for each in changes if self._fits(each, now)]
        added = [each for each in fit if each.before is None]
        stays = await self._staying(added)
        for kept in reversed(KEPT):
            for each in [one for one in added if one.kept is kept]:
                await self._take_away(each, stays)
        await self._change([each for each in fit if each.before and each.after])
        for each in fit:
            if each.after is None:
                await self._add(each)

    def leave(self, why: Kind, *changes: Change) -> None:
        """Note rows that are not put back."""
        for each in changes:
            name = each.row.get("name", "") if each.kept is CLASSES else ""
            self.left.append(Left(each.kept.table.name, each.person_id, name, why))

    def _fits(self, change: Change, now: Snapshot) -> bool:
        """Tell whether there is something to put back that nobody has changed since."""
        held = now.of(change.kept).get(change.kept.key_of(change.row))
        if change.after is None:
            fits = held is None
        elif held is None:
            if change.before is None:
                return False
            fits = False
        else:
            apart = change.kept.apart
            fits = all(held[n] == v for n, v in change.after.items() if n not in apart)
        if change.kept is ASSIGNMENTS and change.before and change.person_id in self._let_go:
            fits = False
        if not fits:
            self.leave(Kind.CHANGED, change)
        return fits

    async def _staying(self, added: Sequence[Change]) -> Collection[str]:
        """Return the new people that something refers to besides what is taken away."""
        going: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        for each in added:
            going[each.kept.table.name].add(each.kept.key_of(each.row))
        new = {each.person_id for each in added if each.kept is PEOPLE}
        return await snapshots.in_use(self._tx, new, going) & new

    async def _take_away(self, change: Change, stays: Collection[str]) -> None:
        kept, row = change.kept, change.row
        if change.person_id in stays and kept.table.name in _OF_PERSON:
            if kept is PEOPLE:
                self.leave(Kind.IN_USE, change)
            return
        if change.person_id in stays and kept is ASSIGNMENTS and await self._end(change):
            return
        if kept is CLASSES and await self._has_ties(row["id"]):
            self.leave(Kind.IN_USE, change)
            return
        self.restored += await self._tx.run(delete(kept.table).where(*kept.where(row)))

    async def _end(self, change: Change) -> bool:
        """End an assignment of somebody who stays; tell whether it had begun at all."""
        since, until = (change.row[name] for name in ("since", "until"))
        last = self._yesterday.isoformat()
        if since and since > last:
            return False
        if not until or until > last:
            where = ASSIGNMENTS.where(change.row)
            await self._tx.run(update(t.assignments).where(*where).values(until=self._yesterday))
        self.restored += 1
        return True

    async def _has_ties(self, class_id: str) -> bool:
        query = select(t.assignments.c.id).where(t.assignments.c.class_id == class_id)
        return await self._tx.value(query.limit(1)) is not None

    async def _change(self, changes: Sequence[Change]) -> None:
        renamed = [each for each in changes if each.kept is CLASSES]
        renamed = await self._free_names(renamed)
        for each in [one for one in renamed if "name" in (one.before or {})]:
            # Out of each other's way first: two classes may have swapped their names.
            where = CLASSES.where(each.row)
            await self._tx.run(update(t.classes).where(*where).values(name=each.row["id"]))
        for each in (*renamed, *(one for one in changes if one.kept is not CLASSES)):
            values = each.kept.values(each.before or {})
            where = each.kept.where(each.row)
            self.restored += await self._tx.run(
                update(each.kept.table).where(*where).values(**values)
            )

    async def _free_names(self, renamed: Sequence[Change]) -> list[Change]:
        """Return the classes whose old name nobody else has by now."""
        c = t.classes.c
        rows = await self._tx.all(
            select(c.id, c.name, c.year).where(c.school_id == self._school_id)
        )
        names = {row.id: (row.name, row.year) for row in rows}
        wanted = list(renamed)
        while True:
            after = dict(names)
            for each in wanted:
                name, year = after[each.row["id"]]
                old = each.before or {}
                after[each.row["id"]] = (old.get("name", name), old.get("year", year))
            holders: dict[tuple[str, str], list[str]] = defaultdict(list)
            for class_id, name_and_year in after.items():
                holders[name_and_year].append(class_id)
            twice = {one for ids in holders.values() if len(ids) > 1 for one in ids}
            taken = [each for each in wanted if each.row["id"] in twice]
            if not taken:
                return wanted
            self.leave(Kind.TAKEN, *taken)
            wanted = [each for each in wanted if each not in taken]

    async def _add(self, change: Change) -> None:
        kept: Kept = change.kept
        try:
            async with self._tx.attempt():
                await self._tx.run(insert(kept.table).values(**kept.values(change.row)))
        except IntegrityError:
            self.leave(Kind.TAKEN, change)
        else:
            self.restored += 1
