"""What `privacy export` does: all that is kept about somebody, with the index of their messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import database

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.outbox import File
    from sferum_bridge.store.database import Database, Tx

_MOST_PAGES = 400
"""Pages of one room's history that are looked through for somebody's messages."""


class Notes:
    """How far every room was looked through, kept in a file beside the export until it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rooms: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def keep(self) -> None:
        """Write them down: a kill leaves the notes as they were, or as they are."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self.rooms), "utf-8")
        fresh.replace(self._path)

    def drop(self) -> None:
        """Forget them."""
        self._path.unlink(missing_ok=True)


async def known(tx: Tx, person_id: str) -> None:
    """End the command when there is nobody of that id."""
    from sferum_bridge.store import accounts

    if await accounts.person(tx, person_id) is None:
        raise click.ClickException(f"There is nobody with the id {person_id}.")


async def export(
    person_id: str, config_path: Path, lang: str, notes: Notes | None
) -> Sequence[File]:
    """Return the documents; with `notes` the index of messages is in them."""
    from sferum_bridge.app import opened_homeserver
    from sferum_bridge.bot import papers
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.store import accounts, audit, dossier

    async with database(config_path) as (config, db):
        async with db.read() as tx:
            await known(tx, person_id)
            mxids = await accounts.mxids_of(tx, person_id)
        found: dict[str, Any] = {}
        if notes is not None:
            async with opened_homeserver(config) as homeserver:
                found["messages"] = await index(db, homeserver, mxids, notes)
        async with db.write() as tx:
            content = {**await dossier.gather(tx, person_id), **found}
            for school_id in sorted(await dossier.schools_of(tx, person_id)) or [""]:
                audit.record(tx, "console", "privacy.export", person_id, school=school_id)
        return papers.dossier(Texts(), lang, content)


async def index(
    db: Database, homeserver: Homeserver, mxids: Sequence[str], notes: Notes
) -> list[dict[str, str]]:
    """Look through every school room for what some accounts wrote; note each page."""
    from rich.console import Console
    from rich.progress import track

    from sferum_bridge.store import rooms, schools

    async with db.read() as tx:
        kinds = {
            room.room_id: room.kind
            for record in await schools.records(tx)
            for room in (await rooms.of_school(tx, record.id)).values()
            if room.room_id and mxids
        }
    console = Console(stderr=True)
    for room_id in track(kinds, "Rooms", console=console, disable=not console.is_terminal):
        await _look_through(homeserver, room_id, mxids, notes)
    found = sorted(
        (at, event_id, kinds[room_id])
        for room_id in kinds
        for event_id, at in notes.rooms[room_id]["events"]
    )
    return [{"room": kind, "event": event_id, "at": _utc(at)} for at, event_id, kind in found]


async def _look_through(
    homeserver: Homeserver, room_id: str, mxids: Sequence[str], notes: Notes
) -> None:
    from mautrix.errors import MatrixRequestError

    from sferum_bridge.matrix import history

    room = notes.rooms.setdefault(room_id, {"events": [], "end": "", "pages": 0, "done": False})
    while not room["done"] and room["pages"] < _MOST_PAGES:
        try:
            page = await history.messages_of(homeserver, room_id, mxids, room["end"])
        except MatrixRequestError as e:
            click.echo(f"The bot may not read {room_id} ({e.http_status}).", err=True)
            return
        room["events"] += page.events
        room["end"], room["pages"], room["done"] = page.end, room["pages"] + 1, not page.end
        notes.keep()
    if not room["done"]:
        click.echo(f"Only the newest part of {room_id} was looked through.", err=True)


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
