"""Whether a change of a room's shape is what the bridge itself gave the room last, as it noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix import shape
from sferum_bridge.school.drift import CHILD, NAME, POWER
from sferum_bridge.school.layout import PLANS, Kind, key
from sferum_bridge.store import rooms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.rooms import RoomRecord


async def is_noted(tx: Tx, event: Mapping[str, Any], room: RoomRecord, bot: str) -> bool:
    """Tell it of a state event in a school room. What anybody set to just that is no change."""
    content = event["content"]
    what = (event["type"], event["state_key"])
    if what == NAME:
        return bool(content.get("name") == room.actual.get("name"))
    if what == POWER:
        return bool(content.get("users") == room.actual.get("users", ()))
    if what[0] == CHILD:
        child = await rooms.by_room_id(tx, what[1])
        hangs_here = child is not None and child.actual.get("space") == room.room_id
        return hangs_here and content == shape.child(bot.partition(":")[2])
    plan = next((plan for kind, plan in PLANS.items() if kind == room.kind), None)
    if plan is None:
        return False
    gate_key = key(Kind.GATE, room.school_id)
    gate = await rooms.by_key(tx, gate_key) if room.key != gate_key else None
    given = shape.entry(plan, gate.room_id if gate else "")
    return bool(content == given.get(what))
