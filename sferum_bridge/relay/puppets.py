"""What the bridge says in a person's own name, and how it knows it again.

A client that passes a message on copies all of its content, the mark included. So a message has a
seal beside it, made of its room, sender and time: whoever copies it, says it at another time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.store.sealing import Sealer

MARK = "fi.mau.double_puppet_source"
"""The content key of it: such an event does not go back where it came from."""
SEAL = "sferum_bridge.said"
"""The content key of what makes the mark a message's own."""


def seal(sealer: Sealer, room_id: str, mxid: str, ts: int) -> str:
    """Return the seal of a message; `ts` is its `origin_server_ts`."""
    return sealer.digest(f"{room_id}\0{mxid}\0{ts}", "said").hex()[:32]


def is_copied(sealer: Sealer, event: Mapping[str, Any]) -> bool:
    """Tell whether an event carries the mark of another.

    Without a seal it does not: reactions and redactions are never passed on.
    """
    said = event["content"].get(SEAL)
    if said is None:
        return False
    own = seal(sealer, event["room_id"], event["sender"], event.get("origin_server_ts", 0))
    return bool(said != own)
