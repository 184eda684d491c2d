"""Which files the bridge showed while nobody took note, and notes that are of no use any more.

`files` takes note of an event when it is made. It does not where there was no module yet, in this
process or in all, or no facts. So each event is looked at once more, in the background and in the
order they were made: who was shown a file can have passed it on. `sferum_noted` holds up to which
place in Synapse's stream of events that is done, so a server that had no module is read through
from the first event on, and one that was killed goes on where it was.

An event says who it is from, and not that the bridge asked for it. So what the bridge showed in the
name of a school account, of files that are its own, cannot be found this way.

One process does this. Nothing waits for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sferum_bridge.homeserver import tables
from sferum_bridge.homeserver.files import Made
from sferum_bridge.homeserver.ledger import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from synapse.module_api import ModuleApi
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.homeserver.files import Files
    from sferum_bridge.school.contour import Facts

LOOK = 5_000
"""Milliseconds from one look for new events to the next."""
TIDY = 600_000
"""Milliseconds from one look for useless notes to the next; an event is stored long before."""
BATCH = 500
"""Places in the stream that are read at once: some milliseconds of the database."""
PAUSE = 0.05
"""Seconds from one batch to the next, in which others are served."""
PAGE = 1_000
"""Notes that are looked at in one look: a hundred thousand a day."""

Note = tuple[str, str]
"""Media id and event id: the key of `sferum_shown`."""


class Backlog:
    """Keeps the notes of files complete, and no longer than needed. For one process only.

    `facts` raises `UnreadableError` while it is not sure what holds.
    """

    def __init__(self, api: ModuleApi, files: Files, facts: Callable[[], Awaitable[Facts]]) -> None:
        self._api = api
        self._run = api.run_db_interaction
        self._files = files
        self._facts = facts
        self._shows = f"%mxc://{api.server_name}/%"
        self._through: int | None = None
        self._tidied: Note = ("", "")
        self._useless: list[Note] = []

    async def look(self) -> None:
        """Take note of every event since the last look; what fails is tried at the next one."""
        end = None
        while True:
            try:
                facts = await self._facts()
            except UnreadableError:
                return
            if not facts.generation:
                return  # nothing was pushed yet, so nobody is known to be the bridge
            if self._through is None:
                await self._run("sferum_tables", tables.create)
                self._through = await self._run("sferum_noted", _through)
            if end is None:
                end = await self._run("sferum_newest", _newest)
            if self._through >= end:
                return
            upto = min(self._through + BATCH, end)
            for event in await self._run("sferum_made", _made, self._through, upto, self._shows):
                await self._files.note_made(event, facts)
            await self._run("sferum_noted", _remember, upto)
            self._through = upto
            if upto < end:
                await self._api.sleep(PAUSE)

    async def tidy(self) -> None:
        """Delete notes of events or files that were not there at the last look and are not now.

        An event is stored after the note of it, so one that is not there yet is given time.
        """
        if self._through is None:
            return  # there may be no tables
        await self._run("sferum_forget", _forget, self._useless)
        await self._run("sferum_forget_unseen", _forget_unseen)
        page = await self._run("sferum_tidy", _page, self._tidied)
        self._useless = [note for note, is_useless in page if is_useless]
        self._tidied = page[-1][0] if len(page) == PAGE else ("", "")


def _through(txn: LoggingTransaction) -> int:
    txn.execute("SELECT through FROM sferum_noted")
    row = txn.fetchone()
    return int(row[0]) if row else 0


def _remember(txn: LoggingTransaction, through: int) -> None:
    txn.execute(
        "INSERT INTO sferum_noted (id, through) VALUES (1, ?)"
        " ON CONFLICT (id) DO UPDATE SET through = excluded.through",
        (through,),
    )


def _newest(txn: LoggingTransaction) -> int:
    """Return the last place in the stream, by the index `events_stream_ordering`."""
    txn.execute("SELECT max(stream_ordering) FROM events")
    row = txn.fetchone()
    return int(row[0] or 0) if row else 0


def _made(txn: LoggingTransaction, after: int, upto: int, shows: str) -> list[Made]:
    """Return events with an address of a file in them; by the index `events_stream_ordering`."""
    txn.execute(
        "SELECT e.event_id, e.room_id, e.sender, j.json FROM events AS e"
        " INNER JOIN event_json AS j ON j.event_id = e.event_id"
        " WHERE e.stream_ordering > ? AND e.stream_ordering <= ? AND j.json LIKE ?"
        " ORDER BY e.stream_ordering",
        (after, upto, shows),
    )
    return [
        Made(event_id, room_id, sender, json.loads(text).get("content"))
        for event_id, room_id, sender, text in txn
    ]


def _page(txn: LoggingTransaction, after: Note) -> list[tuple[Note, bool]]:
    """Return notes, and whether there is no such event or no such file; all by unique indexes."""
    txn.execute(
        "SELECT s.media_id, s.event_id, e.event_id IS NULL OR m.media_id IS NULL"  # noqa: S608 — a number
        " FROM sferum_shown AS s"
        " LEFT JOIN events AS e ON e.event_id = s.event_id"
        " LEFT JOIN local_media_repository AS m ON m.media_id = s.media_id"
        " WHERE (s.media_id, s.event_id) > (?, ?)"
        f" ORDER BY s.media_id, s.event_id LIMIT {PAGE}",
        after,
    )
    return [((media, event), bool(is_useless)) for media, event, is_useless in txn]


def _forget(txn: LoggingTransaction, notes: Iterable[Note]) -> None:
    """Delete those of the notes that are of no use still."""
    txn.execute_batch(
        "DELETE FROM sferum_shown WHERE media_id = ? AND event_id = ?"
        " AND (NOT EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = sferum_shown.event_id)"
        " OR NOT EXISTS (SELECT 1 FROM local_media_repository AS m"
        " WHERE m.media_id = sferum_shown.media_id))",
        notes,
    )


def _forget_unseen(txn: LoggingTransaction) -> None:
    """Delete notes of files that are deleted: a file is there before it is noted."""
    txn.execute(
        "DELETE FROM sferum_unseen WHERE NOT EXISTS (SELECT 1 FROM local_media_repository AS m"
        " WHERE m.media_id = sferum_unseen.media_id)"
    )
