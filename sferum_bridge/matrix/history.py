"""Finding what somebody wrote in the school's rooms: which events and when, never what they say.

The bot made every school room and is in it, so it reads the whole history. A room is read in pages
from its newest event back; whoever reads notes where a page ended and goes on there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.matrix.answers import chunk_of, mapping, text_in
from sferum_bridge.matrix.client import path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sferum_bridge.matrix.client import Homeserver

PAGE = 500
_MESSAGES = ("m.room.message", "m.room.encrypted", "m.sticker")


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a room's history: event ids with their times in milliseconds."""

    events: Sequence[tuple[str, int]]
    end: str
    """Where the next page begins; empty when the room has no more."""


async def messages_of(
    homeserver: Homeserver, room_id: str, senders: Collection[str], begin: str = ""
) -> Page:
    """Return the next page of what some accounts wrote in a room, the newest first.

    Raises `MatrixRequestError` when the bot may not read the room.
    """
    wanted = {"senders": sorted(senders), "types": list(_MESSAGES)}
    query = {"dir": "b", "limit": str(PAGE), "filter": json.dumps(wanted)}
    if begin:
        query["from"] = begin
    where = path("rooms", room_id, "messages")
    answer = await homeserver.request("GET", where, query=query, kind="messages")
    found = [
        (text_in(event, "event_id"), int(ts) if isinstance(ts, int) else 0)
        for event in chunk_of(answer)
        if str(mapping(event).get("sender")) in senders
        for ts in (event.get("origin_server_ts"),)
    ]
    return Page(found, str(answer.get("end") or ""))
