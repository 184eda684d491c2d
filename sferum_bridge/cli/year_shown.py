"""A school year for programs to read, and how far its rooms have come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import database

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.school.people import School
    from sferum_bridge.school.year_preview import Move, Preview
    from sferum_bridge.store.database import Database

_SECONDS = 1.0


def as_plain(here: School, shown: Preview) -> dict[str, Any]:
    """Return everything a plan does, with names of classes and ids of people."""
    plan, then = shown.plan, shown.then

    def name(class_id: str) -> str:
        found = then.classes.get(class_id) or here.classes.get(class_id)
        return found.name if found else ""

    def moved(moves: Sequence[Move]) -> list[dict[str, Any]]:
        return [
            {
                "person": move.person_id,
                "name": here.people[move.person_id].full_name,
                "from": here.classes[move.from_id].name if move.from_id in here.classes else "",
                "to": name(move.to_id),
                "singled_out": move.singled_out,
            }
            for move in moves
        ]

    return {
        "year": plan.year,
        "day": plan.day.isoformat(),
        "kept_until": plan.kept_until.isoformat(),
        "classes": [
            {"what": step.fate.value, "class": step.name, "becomes": step.becomes}
            for step in plan.steps
        ],
        "pupils": moved(shown.pupils),
        "class_teachers": moved(shown.leaders),
        "unled": sorted(name(class_id) for class_id in plan.unled),
        "rooms": [
            {
                "kind": change.kind.value,
                "before": change.before.name if change.before else "",
                "now": change.now.name,
                "closes": change.closes,
                "joins": list(change.joins),
                "leaves": list(change.leaves),
            }
            for change in shown.rooms
        ],
    }


async def rooms_follow(config_path: Path, school_id: str) -> None:
    """Wait until the running bridge has made the rooms, showing how many are still to change."""
    from rich.progress import Progress

    async with database(config_path) as (config, db):
        with Progress(transient=True) as bar:
            task = bar.add_task("Rooms", total=None)
            while left := await _left(config, db, school_id):
                total = max(left, int(bar.tasks[0].total or 0))
                bar.update(task, total=total, completed=total - left)
                await asyncio.sleep(_SECONDS)
    click.echo("The rooms are so.", err=True)


async def _left(config: Config, db: Database, school_id: str) -> int:
    """Count the rooms that are not as the school wants them yet; 1 while they are being counted."""
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.matrix.due import House, Known, due
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.store import absences, rooms, schools

    async with db.read() as tx:
        record = next(r for r in await schools.records(tx) if r.id == school_id)
        if record.applied >= record.wanted:
            return 0
        known = await rooms.of_school(tx, school_id)
        ghosts = f"@{config.appservice.ghost_prefix}"
        house = House(config.bot_mxid, config.rooms.version, ghosts)
        left = 0
        for one in await Wishes(Texts().room_name).of(tx, record):
            room, parent = known.get(one.room.key), known.get(one.room.parent)
            room_id = room.room_id if room else ""
            members = await rooms.members(tx, room_id) if room_id else {}
            out = await absences.of_room(tx, room_id) if room_id else {}
            todo = due(one, Known(room, members, out, parent.room_id if parent else ""), house)
            left += todo.fill or bool(todo.gone) or todo.rename
        return max(left, 1)
