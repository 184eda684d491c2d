"""What a OneRoster list called a school's classes, so that a list of changes can name them by id.

Names of classes and subjects only: nothing of anybody.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sferum_bridge.store import state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx

PREFIX = "roster.classes."
"""What the name begins with by which it is remembered; the id of the school follows."""


async def keep(tx: Tx, school_id: str, class_ids: Mapping[str, Mapping[str, str]]) -> None:
    """Note what a list says of its classes, beside what earlier ones did."""
    if class_ids:
        known = {**await of(tx, school_id), **class_ids}
        written = json.dumps({id_: dict(each) for id_, each in known.items()}, ensure_ascii=False)
        await state.put(tx, f"{PREFIX}{school_id}", written)


async def of(tx: Tx, school_id: str) -> Mapping[str, Mapping[str, str]]:
    """Return what is known of a school's classes by their ids."""
    found: dict[str, Mapping[str, str]] = json.loads(
        await state.get(tx, f"{PREFIX}{school_id}") or "{}"
    )
    return found
