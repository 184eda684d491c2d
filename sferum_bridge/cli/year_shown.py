"""A school year for programs to read, and how far its rooms have come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli.common import database
from sferum_bridge.cli.rooms_progress import DONE, PAUSED, REFUSED, stand_of, wishes_of_rooms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.school.people import School
    from sferum_bridge.school.year_preview import Move, Preview

_SECONDS = 1.0
_PATIENCE = 120.0
"""Seconds without any change after which it is not waited longer."""
_STUCK = {
    PAUSED: "The year is stored, and the making of rooms rests. "
    "To have it go on: sferum-bridge rooms resume",
    REFUSED: "The year is stored, and the homeserver refused some of the rooms or joins. They are "
    "tried again. To see which: sferum-bridge rooms progress",
    "still": "The year is stored, and no room has changed for two minutes. See that the bridge "
    "runs (sferum-bridge doctor); then: sferum-bridge rooms progress",
}


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
        "left_out": [
            {"why": one.why.value, "names": list(one.names), "person": one.person_id}
            for one in plan.left_out
        ],
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
    """Wait until the running bridge has made the rooms, showing how far it is.

    Raises `ClickException` where nothing is to be waited for: their making rests, the homeserver
    refuses the rest of them, or nothing has changed for two minutes.
    """
    from rich.progress import Progress

    from sferum_bridge.store import schools

    async with database(config_path) as (config, db):
        wishes, seen, still = wishes_of_rooms(), None, 0
        with Progress(transient=True) as bar:
            task = bar.add_task("Rooms", total=100)
            while True:
                async with db.read() as tx:
                    record = await schools.record(tx, school_id)
                    stand = await stand_of(tx, config, wishes, record) if record else None
                if stand is None or stand.state == DONE:
                    break
                still = still + 1 if stand == seen else 0
                if told := _STUCK.get("still" if still * _SECONDS >= _PATIENCE else stand.state):
                    raise click.ClickException(told)
                bar.update(task, completed=stand.percent)
                seen = stand
                await asyncio.sleep(_SECONDS)
    click.echo("The rooms are so.", err=True)
