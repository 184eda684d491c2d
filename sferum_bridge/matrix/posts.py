"""Announcements in rooms: put there, changed and taken away, each exactly once.

    a transaction of the bot ──► outbox row in the room's lane ──► its turn ──► PUT send / redact
                                                                                     │
                          one transaction: row done, the post's event noted  ◄───────┘

An edit or a withdrawal is a row behind the post's own, so by its turn the post's event is known. A
row names its announcement only; what was refused for good has nothing that could be changed, and
what was withdrawn while it waited is not sent at all.
"""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.ghosts import DEVICE, Sender
from sferum_bridge.store import announcements, news, queues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.store.announcements import Announcement
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)

_POST = "post"
"""The key by which a row of the outbox is known as one of these; it holds the announcement's id."""


async def put(
    tx: Tx, one: Announcement, room_ids: Sequence[str], content: Mapping[str, Any]
) -> None:
    """Post an announcement into rooms."""
    await announcements.add_posts(tx, one, room_ids)
    await _queue(tx, one, room_ids, "", {"content": dict(content)})


async def revise(
    tx: Tx, one: Announcement, room_ids: Sequence[str], content: Mapping[str, Any]
) -> None:
    """Have posts say something else; `one.edits` numbers the edit."""
    row = {"content": dict(content), "revises": True}
    await _queue(tx, one, room_ids, f".e{one.edits}", row)


async def withdraw(tx: Tx, one: Announcement, room_ids: Sequence[str]) -> None:
    """Take posts away."""
    await _queue(tx, one, room_ids, ".x", {"withdraws": True})


async def _queue(
    tx: Tx, one: Announcement, room_ids: Sequence[str], suffix: str, row: dict[str, Any]
) -> None:
    row = {**row, _POST: one.id}
    rows = [(room_id, f"post.{one.id}.{_short(room_id)}{suffix}", row) for room_id in room_ids]
    await queues.put_all(tx, queues.OUTBOX, rows)


def _short(room_id: str) -> str:
    return hashlib.blake2b(room_id.encode(), digest_size=9).hexdigest()


class Posts:
    """Carries these rows to the homeserver; `handle` is their handler."""

    def __init__(self, db: Database, homeserver: Homeserver) -> None:
        self._db = db
        self._homeserver = homeserver

    def is_ours(self, item: Item) -> bool:
        """Tell whether a row of the outbox is one of these."""
        return isinstance(item.content, dict) and _POST in item.content

    async def handle(self, item: Item) -> None:
        """Carry one row out and mark it done."""
        row, room_id, at = item.content, item.lane, self._db.clock()
        event_id = await carry(
            self._homeserver, item, partial(self._shown, item), partial(self._begin, item)
        )
        async with self._db.write() as tx:
            is_new = not row.get("revises") and not row.get("withdraws")
            if is_new and await announcements.posted(tx, row[_POST], room_id, event_id, at):
                # With the last one the whole is delivered, and its author is told.
                await news.put(tx, announcements.DELIVERED, {"announcement": row[_POST]})
            await queues.done(tx, queues.OUTBOX, item.id)

    async def _shown(self, item: Item) -> str:
        async with self._db.read() as tx:
            post = await announcements.post_in(tx, item.content[_POST], item.lane)
        return post.event_id if post else ""

    async def _begin(self, item: Item) -> bool:
        async with self._db.write() as tx:
            return await announcements.begin_post(tx, item.content[_POST], item.lane)


async def carry(
    homeserver: Homeserver,
    item: Item,
    shown: Callable[[], Awaitable[str]],
    begin: Callable[[], Awaitable[bool]],
) -> str:
    """Send, change or take away what the bot shows; return the id of what is new, empty for none.

    `shown` gives the event that shows it, empty for none; `begin` tells whether what is new is
    still to be sent. A refusal is logged.
    """
    room_id, row = item.lane, item.content
    content = row.get("content", {})
    try:
        if row.get("revises") or row.get("withdraws"):
            if not (event_id := await shown()):
                return ""
            if row.get("withdraws"):
                await take_away(homeserver, item.name, room_id, event_id)
                return ""
            content = edit_of(event_id, content)
        elif not await begin():
            return ""
        return await homeserver.send(
            room_id,
            "m.room.message",
            item.name,
            content,
            user=homeserver.bot_mxid,
            device=DEVICE,
        )
    except MatrixRequestError as e:
        code = getattr(e, "errcode", None) or e.http_status
        log.warning("The homeserver refused %s: %s", item.name, code)
        return ""


async def take_away(homeserver: Homeserver, txn_id: str, room_id: str, event_id: str) -> None:
    """Redact what the bot said with its edits: each of them holds the whole, and outlives it.

    Raises `MatrixRequestError` for a refusal, after all of it was tried.
    """
    refused: MatrixRequestError | None = None
    edits = await marks.edits_of(homeserver, room_id, event_id)
    for each in [*edits, event_id]:
        try:
            await marks.redact(homeserver, room_id, each, f"{txn_id}.{each[1:13]}", Sender(), {})
        except MatrixRequestError as e:
            refused = e
    if refused is not None:
        raise refused


def edit_of(event_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that changes a message, with the new text for clients that know no edits."""
    fallback = {**content, "body": f"* {content['body']}"}
    if "formatted_body" in content:
        fallback["formatted_body"] = f"* {content['formatted_body']}"
    relation = {"rel_type": "m.replace", "event_id": event_id}
    # An edit rings nobody a second time.
    quiet: dict[str, Any] = {"m.mentions": {}}
    return {
        **fallback,
        **quiet,
        "m.new_content": {**content, **quiet},
        "m.relates_to": relation,
    }
