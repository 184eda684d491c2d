"""What is no message: redactions, typing, what was read, pinned messages, pictures, leaving.

All are the bot's, a ghost's, or with `puppet` those of somebody who logged in to the other network.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sferum_bridge.matrix.answers import chunk_of, mapping, text_in
from sferum_bridge.matrix.client import path
from sferum_bridge.matrix.ghosts import DEVICE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Sender

_PINNED = "m.room.pinned_events"
_PAGE, _MOST_PAGES = 100, 100


async def redact(
    homeserver: Homeserver,
    room_id: str,
    event_id: str,
    txn_id: str,
    sender: Sender,
    content: Mapping[str, Any],
) -> None:
    """Redact an event, once per `txn_id`. Raises `MatrixRequestError`.

    Who never spoke through the bridge has no device of it; a second redaction would do no harm.
    """
    await homeserver.request(
        "PUT",
        path("rooms", room_id, "redact", event_id, txn_id),
        content=content,
        user=sender.mxid or homeserver.bot_mxid,
        device="" if sender.puppet else DEVICE,
        puppet=sender.puppet,
        kind="redact",
    )


async def edits_of(homeserver: Homeserver, room_id: str, event_id: str) -> Sequence[str]:
    """Return the ids of the events that changed one. Raises `MatrixRequestError`."""
    where = path("rooms", room_id, "relations", event_id, "m.replace", version="v1")
    query, found = {"limit": str(_PAGE)}, []
    for _ in range(_MOST_PAGES):
        answer = await homeserver.request("GET", where, query=query, kind="relations")
        told: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
        found += [text_in(one, "event_id") for one in chunk_of(answer)]
        if not told.get("next_batch"):
            break
        query = {"limit": str(_PAGE), "from": str(told["next_batch"])}
    return found


async def reactions_by(
    homeserver: Homeserver, room_id: str, event_id: str, mxid: str, *, before: float = math.inf
) -> Mapping[str, str]:
    """Return key → id of the reactions somebody has to an event. Raises `MatrixRequestError`.

    Only those that are older than `before`, a time of the homeserver in milliseconds.
    """
    where = path("rooms", room_id, "relations", event_id, "m.annotation", version="v1")
    answer = await homeserver.request("GET", where, query={"limit": "100"}, kind="relations")
    found: dict[str, str] = {}
    for event in chunk_of(answer):
        when = mapping(event).get("origin_server_ts")
        is_older = isinstance(when, int) and when < before
        if mapping(event).get("sender") == mxid and (is_older or before == math.inf):
            relation = mapping(mapping(event.get("content")).get("m.relates_to"))
            if isinstance(relation.get("key"), str):
                found[relation["key"]] = text_in(event, "event_id")
    return found


async def type_for(homeserver: Homeserver, room_id: str, sender: Sender, seconds: float) -> None:
    """Show somebody as typing for some seconds, 0: no more. Raises `MatrixRequestError`."""
    content: dict[str, Any] = {"typing": seconds > 0}
    if seconds > 0:
        content["timeout"] = int(seconds * 1000)
    await homeserver.request(
        "PUT",
        path("rooms", room_id, "typing", sender.mxid),
        content=content,
        user=sender.mxid,
        puppet=sender.puppet,
        kind="typing",
    )


async def mark_read(homeserver: Homeserver, room_id: str, event_id: str, sender: Sender) -> None:
    """Show that somebody has read everything up to an event. Raises `MatrixRequestError`."""
    await homeserver.request(
        "POST",
        path("rooms", room_id, "receipt", "m.read", event_id),
        user=sender.mxid,
        puppet=sender.puppet,
        kind="receipt",
    )


async def set_picture(homeserver: Homeserver, sender: Sender, mxc: str) -> None:
    """Set the picture a ghost is shown by. Raises `MatrixRequestError`."""
    await homeserver.request(
        "PUT",
        path("profile", sender.mxid, "avatar_url"),
        content={"avatar_url": mxc},
        user=sender.mxid,
        kind="picture",
    )


async def leave(homeserver: Homeserver, room_id: str, mxid: str) -> None:
    """Have a ghost leave a room. Raises `MatrixRequestError`."""
    await homeserver.request("POST", path("rooms", room_id, "leave"), user=mxid, kind="leave")


async def pin(homeserver: Homeserver, room_id: str, event_id: str, before: str) -> None:
    """Pin an event in place of one that was pinned before; empty for none.

    What others have pinned stays. Raises `MatrixRequestError`.
    """
    state = await homeserver.state(room_id, _PINNED)
    listed = state.get("pinned") if isinstance(state, dict) else None
    pinned: Sequence[Any] = listed if isinstance(listed, list) else ()
    kept = [each for each in pinned if each not in (event_id, before)]
    wanted = [*kept, event_id] if event_id else kept
    if wanted != list(pinned):
        await homeserver.set_state(room_id, _PINNED, {"pinned": wanted})
