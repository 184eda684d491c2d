"""Rows of the way in that an earlier version of the bridge queued, as this one would have. Pure.

A bridge that was stopped with something in its outbox, and is another version when it starts again,
carries it out all the same: it would else be said by the bot, or not at all, and be unknown when it
is heard of again. The transaction id is the one it had, so that what was sent already stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.relay.inward import parts

if TYPE_CHECKING:
    from sferum_bridge.store.queues import Item


def is_older(content: Any) -> bool:
    """Tell whether a row is a relayed message as the first version queued it: one event, whole."""
    return (
        isinstance(content, Mapping)
        and "relay" not in content
        and isinstance(content.get("origin"), Mapping)
        and isinstance(content.get("as"), Mapping)
    )


def current(item: Item) -> Item:
    """Return a row as this version queues it; what is no older one stays as it is."""
    row = item.content
    if not is_older(row):
        return item
    origin = row["origin"]
    base, _, number = item.name.rpartition(".")
    shown = {
        "relay": "show",
        "room": row["room"],
        "base": base,
        "part": int(number),
        "origin": [origin["login_id"], origin["chat_id"], origin["message_id"]],
        "network": base.partition(".")[0],
        "as": row["as"],
        "otherwise": row.get("otherwise"),
        # What it answers is named in its content.
        "reply_to": "",
        "ts": row.get("ts", 0),
        "kind": parts.TEXT,
        # Not known: whatever an edit says is new.
        "digest": "",
        "content": row["content"],
    }
    return replace(item, content=shown)
