"""The audit log: append-only, each record bound to the one before it by a keyed hash (I-10).

Records name people by id, never by name. `verify` finds the first record that was changed, and a
gap where records were taken out. A sealed head says how many records there are and which is the
last, so that a tail cut off is missed as well; it is written with the records it counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, literal, or_, select, text

from sferum_bridge.store import state
from sferum_bridge.store.tables import audit, tickets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from typing import Any

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

_START = b"\0" * 32
_LOCK = 0x5FE7_0A0D
_HEAD = "audit.head"
_PIECE = 1_000
_REPORT = "report."
"""How the actions of a reported message begin (`store.tickets`)."""
_DOCUMENT = "document."
"""How the actions with a personal document begin: nobody else learns that there is one (S-40)."""

LOOKS = frozenset(
    {
        *("invite.open", "pupil-invite.open", "person.find", "privacy.export", "journal.read"),
        *("request.read", "report.read"),
    }
)
"""The actions that show somebody data about somebody: «who saw this child?» (152-ФЗ ст. 21)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. `at` is milliseconds since the epoch, UTC."""

    id: int
    at: int
    actor: str
    """Id of a person, the account of an unknown one, or a word: `console`, `bot`."""
    action: str
    subject: str
    reason: str
    school_id: str
    """Whose log it belongs to, empty for what concerns no school."""
    hash: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    """How many records there are, and the hash of the last."""

    count: int
    hash: bytes

    def written(self, tx: Tx) -> str:
        seal = tx.sealer.chain(self.hash, f"head {self.count}")
        return f"{self.count} {self.hash.hex()} {seal.hex()}"


def record(
    tx: Tx, actor: str, action: str, subject: str, reason: str = "", *, school: str = ""
) -> None:
    """Have it written who (`actor`) did what (`action`) to whom (`subject`), and why.

    `school` is the id of the school whose log it belongs to: nobody else's administrator reads it
    (I-8).

    The record is appended when the transaction ends, with all else it did, or not at all: the
    chain's lock is taken last, so that whoever holds it waits for nothing else.
    """
    if _append not in tx.last_steps:
        tx.last_steps.append(_append)
    tx.records.append((actor, action, subject, reason, school))


async def _append(tx: Tx) -> None:
    if not tx.records:
        return
    if tx.dialect == "postgresql":
        # Two records behind the same predecessor would fork the chain.
        await tx.run(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    written = await state.get(tx, _HEAD)
    head = _read(tx, written) or await _last(tx)
    records = list(tx.records)
    if not written and head.count:
        # The first version kept no head. Whoever takes the head away leaves this trace.
        records.insert(0, ("bridge", "audit.head", "", f"after {head.count} records", ""))
    previous = head.hash
    rows = []
    for actor, action, subject, reason, school in records:
        line = _line(tx.now, actor, action, subject, reason, school)
        chained = tx.sealer.chain(previous, line)
        rows.append(
            {
                "at": tx.now,
                "actor": actor,
                "action": action,
                "subject": subject,
                "reason": reason,
                "school_id": school,
                "previous": previous,
                "hash": chained,
            }
        )
        previous = chained
    await tx.run(insert(audit), rows)
    if not written or _read(tx, written):
        # A head that was forged stays as it is, so that `verify` goes on saying so.
        await state.put(tx, _HEAD, _Head(head.count + len(rows), previous).written(tx))


def _read(tx: Tx, written: str) -> _Head | None:
    """Return the head as it was written, `None` when it is not ours."""
    count, _, rest = written.partition(" ")
    try:
        head = _Head(int(count), bytes.fromhex(rest.partition(" ")[0]))
    except ValueError:
        return None
    return head if head.written(tx) == written else None


async def _last(tx: Tx) -> _Head:
    """Return the head as the records themselves would have it."""
    last = await tx.value(select(audit.c.hash).order_by(audit.c.id.desc()).limit(1))
    return _Head(int(await tx.value(select(func.count()).select_from(audit))), last or _START)


async def verify(tx: Tx) -> int | None:
    """Return the id of the first record that does not fit its chain, `None` when all fit.

    Where records are missing at the end, the id behind the last one that is there.
    """
    expected, count, last = _START, 0, 0
    async for row in _rows(tx):
        line = _line(row.at, row.actor, row.action, row.subject, row.reason, row.school_id)
        if row.previous != expected or tx.sealer.chain(expected, line) != row.hash:
            return int(row.id)
        expected, count, last = row.hash, count + 1, int(row.id)
    written = await state.get(tx, _HEAD)
    if not written and not count:
        return None
    return None if _read(tx, written) == _Head(count, expected) else last + 1


async def _rows(tx: Tx) -> AsyncIterator[Row[*tuple[Any, ...]]]:
    """Give every record in order, a piece at a time: three years of many schools are much."""
    last = 0
    while True:
        query = select(audit).where(audit.c.id > last).order_by(audit.c.id).limit(_PIECE)
        rows = await tx.all(query)
        for row in rows:
            yield row
        if len(rows) < _PIECE:
            return
        last = rows[-1].id


async def entries(
    tx: Tx,
    *,
    school_ids: Collection[str] | None = None,
    people: Collection[str] = (),
    since: int = 0,
    until: int = 0,
    actions: Collection[str] = (),
    before: int = 0,
    limit: int | None = None,
    reader: str = "",
    reports: bool = True,
) -> Sequence[Entry]:
    """Return records, the newest first.

    Args:
        tx: the transaction to read in.
        school_ids: only what belongs to the log of one of these schools (I-8); `None` for all.
        people: only what one of these ids of people, or accounts, did, underwent or is named in.
        since: only what happened from this time on (milliseconds).
        until: only what happened before this time (milliseconds); 0 for all.
        actions: only these actions; empty for all.
        before: only what stands before the record of this id; 0 for all.
        limit: how many at most; `None` for all.
        reader: a person who reads this: they get no report of a message but those they had a part
            in, and those that are known to be about somebody else, and of personal documents none
            but their own; empty for nobody of a school.
        reports: whether there may be reports of messages and personal documents at all.
    """
    c = audit.c
    query = select(audit).where(c.at >= since)
    if school_ids is not None:
        query = query.where(c.school_id.in_(school_ids))
    if until:
        query = query.where(c.at < until)
    if actions:
        query = query.where(c.action.in_(actions))
    if before:
        query = query.where(c.id < before)
    if not reports:
        query = query.where(~c.action.startswith(_REPORT), ~c.action.startswith(_DOCUMENT))
    elif reader:
        # Of one forgotten by now it is not known any more whom it was about.
        others = select(literal("ticket ").concat(tickets.c.id)).where(tickets.c.about != reader)
        told = or_(c.actor == reader, c.reason.in_(others))
        query = query.where(or_(~c.action.startswith(_REPORT), told))
        query = query.where(or_(~c.action.startswith(_DOCUMENT), c.actor == reader))
    if people:
        # Ids are random, so part of a reason that looks like one is one.
        named = [c.reason.contains(one, autoescape=True) for one in people]
        query = query.where(or_(c.subject.in_(people), c.actor.in_(people), *named))
    rows = await tx.all(query.order_by(c.id.desc()).limit(limit))
    return [
        Entry(r.id, r.at, r.actor, r.action, r.subject, r.reason, r.school_id, r.hash) for r in rows
    ]


def _line(at: int, actor: str, action: str, subject: str, reason: str, school: str) -> str:
    parts = [at, actor, action, subject, reason]
    # A record of no school is written as the first version wrote every record.
    return json.dumps([*parts, school] if school else parts, ensure_ascii=False)
