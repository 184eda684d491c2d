"""Announcements, their posts in rooms, and who has read there since.

A post's row is written with the outbox row that sends it, and gets its event id with the mark that
the outbox row is done: whatever is killed in between, an edit later finds the post it changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, insert, select, update

from sferum_bridge.school import announcements as rules
from sferum_bridge.store import schools
from sferum_bridge.store.tables import announcements, broadcasts, posts, readers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Row

    from sferum_bridge.school.announcements import Audience
    from sferum_bridge.store.database import Tx

DELIVERED = "announcement-delivered"
"""News: the last post of an announcement was sent, or refused."""
HELD_BELL = "announcements"
"""Rung when an announcement was put off until quiet hours end."""
_SEAL = "announcement"
_CHUNK = 1_000


class State(StrEnum):
    """How far an announcement has come."""

    DRAFT = "draft"
    HELD = "held"
    """Confirmed; waits for the end of quiet hours."""
    SENT = "sent"
    WITHDRAWN = "withdrawn"


class PostState(StrEnum):
    """How far a post has come."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement. Times are milliseconds since the epoch, UTC; 0 for never."""

    id: str
    school_id: str
    author_id: str
    event_id: str
    """The message it was written in."""
    room_id: str
    """The school room that is in; empty for a direct chat."""
    audience: Audience | None
    """`None` while it is being asked for."""
    text: str
    is_urgent: bool
    state: State
    at: int
    due_at: int
    sent_at: int
    edits: int


@dataclass(frozen=True, slots=True)
class Post:
    """An announcement in one room."""

    room_id: str
    event_id: str
    state: PostState


async def draft(
    tx: Tx,
    school_id: str,
    author_id: str,
    audience: Audience | None,
    text: str,
    *,
    event_id: str,
    room_id: str = "",
) -> Announcement:
    """Note what somebody wants to announce; an earlier draft of theirs is forgotten."""
    c = announcements.c
    mine = (c.author_id == author_id, c.state == State.DRAFT.value)
    await tx.run(delete(announcements).where(*mine))
    made = Announcement(
        schools.new_id(),
        school_id,
        author_id,
        event_id,
        room_id,
        audience,
        text,
        is_urgent=False,
        state=State.DRAFT,
        at=tx.now,
        due_at=0,
        sent_at=0,
        edits=0,
    )
    await tx.run(
        insert(announcements).values(
            id=made.id,
            school_id=school_id,
            author_id=author_id,
            event_id=event_id,
            room_id=room_id,
            audience=_written(audience),
            sealed=tx.sealer.seal(text, _SEAL),
            state=made.state.value,
            at=tx.now,
        )
    )
    return made


async def by_id(tx: Tx, announcement_id: str) -> Announcement | None:
    """Return an announcement, held for this transaction; `None` when there is none."""
    query = select(announcements).where(announcements.c.id == announcement_id)
    row = await tx.first(query.with_for_update())
    return _announcement(tx, row) if row else None


async def of_event(tx: Tx, event_id: str) -> Announcement | None:
    """Return the announcement that was written in a message, held for this transaction."""
    query = select(announcements).where(announcements.c.event_id == event_id)
    row = await tx.first(query.with_for_update())
    return _announcement(tx, row) if row else None


async def originals(tx: Tx, event_ids: set[str]) -> set[str]:
    """Return which of some events are messages that announcements were written in."""
    if not event_ids:
        return set()
    query = select(announcements.c.event_id).where(announcements.c.event_id.in_(event_ids))
    return {row.event_id for row in await tx.all(query)}


async def by_author(tx: Tx, author_id: str, most: int) -> Sequence[Announcement]:
    """Return what somebody announced last, the newest first; no drafts."""
    c = announcements.c
    query = select(announcements).where(c.author_id == author_id, c.state != State.DRAFT.value)
    rows = await tx.all(query.order_by(c.at.desc(), c.id).limit(most))
    return [_announcement(tx, row) for row in rows]


async def next_due(tx: Tx) -> tuple[str, int] | None:
    """Return the announcement whose quiet hours end first, and when they do."""
    c = announcements.c
    query = select(c.id, c.due_at).where(c.state == State.HELD.value)
    row = await tx.first(query.order_by(c.due_at, c.id).limit(1))
    return (row.id, row.due_at) if row else None


async def change(tx: Tx, one: Announcement, **values: Any) -> None:
    """Note what an announcement now is: columns of its table, and `audience` or `text` as values.

    Raises `KeyError` for a column there is none of.
    """
    if "audience" in values:
        values["audience"] = _written(values["audience"])
    if "text" in values:
        values["sealed"] = tx.sealer.seal(values.pop("text"), _SEAL)
    if unknown := values.keys() - announcements.c.keys():
        raise KeyError(*unknown)
    await tx.run(update(announcements).where(announcements.c.id == one.id).values(**values))


# --- posts ----------------------------------------------------------------------------------


async def add_posts(tx: Tx, one: Announcement, room_ids: Sequence[str]) -> None:
    """Note that an announcement is on its way into rooms."""
    waiting = {"announcement_id": one.id, "state": PostState.WAITING.value, "at": tx.now}
    if room_ids:
        await tx.run(insert(posts), [{**waiting, "room_id": room_id} for room_id in room_ids])


async def posts_of(tx: Tx, announcement_id: str) -> Sequence[Post]:
    """Return where an announcement stands or is to stand."""
    query = select(posts).where(posts.c.announcement_id == announcement_id)
    rows = await tx.all(query.order_by(posts.c.room_id))
    return [Post(row.room_id, row.event_id, PostState(row.state)) for row in rows]


async def post_in(tx: Tx, announcement_id: str, room_id: str) -> Post | None:
    """Return the post of an announcement in one room."""
    c = posts.c
    row = await tx.first(
        select(posts).where(c.announcement_id == announcement_id, c.room_id == room_id)
    )
    return Post(row.room_id, row.event_id, PostState(row.state)) if row else None


async def begin_post(tx: Tx, announcement_id: str, room_id: str) -> bool:
    """Note that a post is about to be sent; tell whether it is.

    It is not where the announcement was withdrawn first. A post begun before is sent once more all
    the same: a kill may have come when it was in the room and not noted, and by its event alone it
    can be taken away.
    """
    mine = (posts.c.announcement_id == announcement_id, posts.c.room_id == room_id)
    one = await by_id(tx, announcement_id)
    is_begun = await tx.value(select(posts.c.is_begun).where(*mine))
    if is_begun is None or one is None or (one.state is State.WITHDRAWN and not is_begun):
        return False
    await tx.run(update(posts).where(*mine).values(is_begun=True))
    return True


async def posted(tx: Tx, announcement_id: str, room_id: str, event_id: str, at: int) -> bool:
    """Note the event a post became, none where it was refused; tell whether it was the last.

    `at` is when it was sent, in milliseconds: who reads from then on has it before their eyes.
    """
    c = posts.c
    # Held first, so that of two rooms' posts sent at once one surely is the last.
    await by_id(tx, announcement_id)
    state = PostState.SENT if event_id else PostState.REFUSED
    await tx.run(
        update(posts)
        .where(c.announcement_id == announcement_id, c.room_id == room_id)
        .values(event_id=event_id, state=state.value, at=at)
    )
    left = select(c.room_id).where(
        c.announcement_id == announcement_id, c.state == PostState.WAITING.value
    )
    return await tx.value(left.limit(1)) is None


# --- readers --------------------------------------------------------------------------------


async def recent_posts(
    tx: Tx, since: int, room_ids: Collection[str]
) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Return room → announcement and time of each post sent there since a time (milliseconds).

    Only of some rooms, each looked up by `ix_posts_room_id`.
    """
    c, ids = posts.c, sorted(room_ids)
    query = select(c.room_id, c.announcement_id, c.at).where(
        c.state == PostState.SENT.value, c.at >= since
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for start in range(0, len(ids), _CHUNK):
        piece = c.room_id.in_(ids[start : start + _CHUNK])
        for row in await tx.all(query.where(piece)):
            found.setdefault(row.room_id, []).append((row.announcement_id, row.at))
    return found


async def author_of_post(tx: Tx, room_id: str, event_id: str) -> str:
    """Return who wrote what a post of the bot says, as a person's id; empty for no post."""
    c = posts.c
    query = (
        select(announcements.c.author_id)
        .join(posts, c.announcement_id == announcements.c.id)
        .where(c.room_id == room_id, c.event_id == event_id)
    )
    return str(await tx.value(query) or "")


async def read_by(tx: Tx, rows: Sequence[tuple[str, str, str]]) -> None:
    """Note who has read: announcement, room and Matrix id; noted twice it is noted once."""
    for start in range(0, len(rows), _CHUNK):
        piece = rows[start : start + _CHUNK]
        values = [{"announcement_id": a, "room_id": r, "mxid": m} for a, r, m in piece]
        await tx.run(tx.insert(readers).values(values).on_conflict_do_nothing())


async def readers_of(tx: Tx, announcement_id: str) -> Mapping[str, set[str]]:
    """Return room → who has read there since the post."""
    query = select(readers).where(readers.c.announcement_id == announcement_id)
    found: dict[str, set[str]] = {}
    for row in await tx.all(query):
        found.setdefault(row.room_id, set()).add(row.mxid)
    return found


# --- the end --------------------------------------------------------------------------------


async def prune(tx: Tx, drafts_before: int, before: int) -> None:
    """Forget drafts, and whatever else is older than a time (milliseconds).

    What it said stays in the rooms; only that an edit follows it ends, and the counting.
    """
    c = announcements.c
    is_draft = c.state == State.DRAFT.value
    await tx.run(delete(announcements).where(is_draft, c.at < drafts_before))
    # The link of a broadcast leads to its recording for as long as the school keeps it; who read
    # of it is counted no longer than with any other.
    is_broadcast = c.id.in_(select(broadcasts.c.announcement_id))
    is_shown = and_(is_broadcast, c.state == State.SENT.value)
    is_past = (c.state != State.HELD.value, c.at < before)
    counted = select(c.id).where(*is_past)
    await tx.run(delete(readers).where(readers.c.announcement_id.in_(counted)))
    await tx.run(delete(announcements).where(*is_past, ~is_shown))


def _written(audience: Audience | None) -> str:
    return json.dumps(rules.to_json(audience)) if audience else ""


def _announcement(tx: Tx, row: Row[*tuple[Any, ...]]) -> Announcement:
    return Announcement(
        row.id,
        row.school_id,
        row.author_id,
        row.event_id,
        row.room_id,
        rules.from_json(json.loads(row.audience)) if row.audience else None,
        tx.sealer.unseal(row.sealed, _SEAL),
        row.is_urgent,
        State(row.state),
        row.at,
        row.due_at or 0,
        row.sent_at or 0,
        row.edits,
    )
