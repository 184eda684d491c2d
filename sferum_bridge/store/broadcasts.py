"""Broadcasts: where the announcement they belong to leads, since when and until when.

A broadcast is a row beside its announcement's and goes with it. Its addresses are sealed: they are
given out only to those whom it is for, when they ask. One that is a call of Sferum has none before
it has begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from sferum_bridge.store.tables import announcements, broadcasts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from sferum_bridge.store.database import Tx

_SEAL = "broadcast"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast. Times are milliseconds since the epoch, UTC; 0 for not yet."""

    announcement_id: str
    url: str
    """Where it is watched; empty where that is not known yet."""
    recording: str
    """Where it can be watched afterwards; empty for nowhere."""
    begun_at: int = 0
    ended_at: int = 0
    login: str = ""
    """The login whose account begins the call of Sferum that it is; empty for one at an address."""
    call: str = ""
    """That call, in Sferum; empty before."""


async def add(tx: Tx, announcement_id: str, url: str, login: str = "") -> None:
    """Note that an announcement is one of a broadcast, at an address or by a login's call."""
    sealed = _sealed(tx, Broadcast(announcement_id, url, "", login=login))
    await tx.run(insert(broadcasts).values(announcement_id=announcement_id, sealed=sealed))


async def of(tx: Tx, announcement_id: str) -> Broadcast | None:
    """Return the broadcast of an announcement, held for this transaction; `None` for no such."""
    c = broadcasts.c
    query = select(broadcasts).where(c.announcement_id == announcement_id)
    row = await tx.first(query.with_for_update())
    return _broadcast(tx, row) if row else None


async def save(tx: Tx, one: Broadcast) -> None:
    """Note what a broadcast now is."""
    await tx.run(
        update(broadcasts)
        .where(broadcasts.c.announcement_id == one.announcement_id)
        .values(
            sealed=_sealed(tx, one),
            begun_at=one.begun_at or None,
            ended_at=one.ended_at or None,
        )
    )


async def last_of(tx: Tx, author_id: str) -> str:
    """Return the announcement of somebody's newest broadcast that was sent; empty for none."""
    a = announcements.c
    query = (
        select(a.id)
        .join(broadcasts, broadcasts.c.announcement_id == a.id)
        .where(a.author_id == author_id, a.state == "sent")
    )
    return str(await tx.value(query.order_by(a.at.desc(), a.id).limit(1)) or "")


async def overdue(tx: Tx, before: int) -> Sequence[str]:
    """Return the announcements of broadcasts begun before a time (milliseconds) and not ended."""
    c = broadcasts.c
    query = select(c.announcement_id).where(c.ended_at.is_(None), c.begun_at < before)
    return [row.announcement_id for row in await tx.all(query.order_by(c.begun_at))]


def _sealed(tx: Tx, one: Broadcast) -> bytes:
    words = {"url": one.url, "recording": one.recording, "login": one.login, "call": one.call}
    return tx.sealer.seal(words, _SEAL)


def _broadcast(tx: Tx, row: Row[*tuple[Any, ...]]) -> Broadcast:
    sealed = tx.sealer.unseal(row.sealed, _SEAL)
    return Broadcast(
        row.announcement_id,
        sealed["url"],
        sealed["recording"],
        row.begun_at or 0,
        row.ended_at or 0,
        # A row of before such calls has neither.
        sealed.get("login", ""),
        sealed.get("call", ""),
    )
