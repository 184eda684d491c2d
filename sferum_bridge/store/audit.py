"""The audit log: append-only, each record bound to the one before it by a keyed hash (I-10).

Records name people by id, never by name. `verify` finds the first record that was changed, and a
gap where records were taken out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, text

from sferum_bridge.store.tables import audit

if TYPE_CHECKING:
    from sferum_bridge.store.database import Tx

_START = b"\0" * 32
_LOCK = 0x5FE7_0A0D


def record(tx: Tx, actor: str, action: str, subject: str, reason: str = "") -> None:
    """Have it written who (`actor`) did what (`action`) to whom (`subject`), and why.

    The record is appended when the transaction ends, with all else it did, or not at all: the
    chain's lock is taken last, so that whoever holds it waits for nothing else.
    """
    if _append not in tx.last_steps:
        tx.last_steps.append(_append)
    tx.records.append((actor, action, subject, reason))


async def _append(tx: Tx) -> None:
    if not tx.records:
        return
    if tx.dialect == "postgresql":
        # Two records behind the same predecessor would fork the chain.
        await tx.run(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    previous = await tx.value(select(audit.c.hash).order_by(audit.c.id.desc()).limit(1)) or _START
    rows = []
    for actor, action, subject, reason in tx.records:
        chained = tx.sealer.chain(previous, _line(tx.now, actor, action, subject, reason))
        rows.append(
            {
                "at": tx.now,
                "actor": actor,
                "action": action,
                "subject": subject,
                "reason": reason,
                "previous": previous,
                "hash": chained,
            }
        )
        previous = chained
    await tx.run(insert(audit), rows)


async def verify(tx: Tx) -> int | None:
    """Return the id of the first record that does not fit its chain, `None` when all fit."""
    expected = _START
    for row in await tx.all(select(audit).order_by(audit.c.id)):
        line = _line(row.at, row.actor, row.action, row.subject, row.reason)
        if row.previous != expected or tx.sealer.chain(expected, line) != row.hash:
            return int(row.id)
        expected = row.hash
    return None


def _line(at: int, actor: str, action: str, subject: str, reason: str) -> str:
    return json.dumps([at, actor, action, subject, reason], ensure_ascii=False)
