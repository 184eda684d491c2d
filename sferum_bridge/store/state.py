"""Small things the bridge itself has to remember, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from sferum_bridge.store.tables import bridge_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.store.database import Tx


async def get(tx: Tx, key: str) -> str:
    """Return what is remembered under a name, empty when nothing is."""
    return str(await tx.value(select(bridge_state.c.value).where(bridge_state.c.key == key)) or "")


async def under(tx: Tx, prefix: str) -> Sequence[str]:
    """Return everything that is remembered under names that begin alike."""
    c = bridge_state.c
    query = select(c.value).where(c.key.startswith(prefix, autoescape=True))
    return [row.value for row in await tx.all(query.order_by(c.key))]


async def put(tx: Tx, key: str, value: str) -> None:
    """Remember something under a name."""
    await tx.put(bridge_state, {"key": key, "value": value})


async def drop(tx: Tx, key: str) -> None:
    """Forget what is remembered under a name."""
    await tx.run(delete(bridge_state).where(bridge_state.c.key == key))
