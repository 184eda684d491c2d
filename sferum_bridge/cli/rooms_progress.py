"""`sferum-bridge rooms progress`, `pause`, `resume`: how far rooms are, and having it rest."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import (
    CONSOLE,
    carry_out,
    config_option,
    database,
    json_option,
    school_option,
    show,
    show_json,
)
from sferum_bridge.cli.staffing import find_school

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.matrix.wishes import Wishes
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.schools import SchoolRecord

_LOOK_SECONDS = 1.0
_COLUMNS = ("School", "State", "Done", "Rooms to make", "To come in", "To go", "To rename")


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a school's rooms are: what is wanted of it that is so, and what is not yet."""

    school: str
    state: str
    percent: int
    rooms_to_make: int
    to_come_in: int
    to_go: int
    to_rename: int


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Say how far it is now, and do not wait for the end.")
@json_option
def progress(config_path: Path, *, once: bool, as_json: bool) -> None:
    """Show how far the making of rooms has come, until it is done; Ctrl-C ends only the showing.

    The running bridge makes them. A school whose rooms rest is not waited for, nor whom the
    homeserver refuses: they are tried again, less and less often. Where nobody looks (no terminal,
    or --json) it is said once.
    """
    from rich.console import Console

    if once or as_json or not Console(stderr=True).is_terminal:
        stands = carry_out(_stands(config_path))
        if as_json:
            show_json([asdict(stand) for stand in stands])
        else:
            show("Rooms", _COLUMNS, [_cells(stand) for stand in stands])
        return
    try:
        stands = carry_out(_follow(config_path))
    except KeyboardInterrupt:
        click.echo("The bridge goes on. To have it rest: sferum-bridge rooms pause", err=True)
        return
    show("Rooms", _COLUMNS, [_cells(stand) for stand in stands])


@click.command()
@config_option
@school_option
def pause(config_path: Path, school: str) -> None:
    """Have the making of a school's rooms rest: nobody is brought in, whoever has to leave does."""
    record, is_new = carry_out(_rest(config_path, school, paused=True))
    said = "rests now" if is_new else "rests already"
    click.echo(f"{record.name}: the making of rooms {said}. To go on: sferum-bridge rooms resume")


@click.command()
@config_option
@school_option
def resume(config_path: Path, school: str) -> None:
    """Have the making of a school's rooms go on."""
    record, is_new = carry_out(_rest(config_path, school, paused=False))
    said = "goes on" if is_new else "does not rest"
    click.echo(f"{record.name}: the making of rooms {said}. See: sferum-bridge rooms progress")


def _cells(stand: Stand) -> Sequence[object]:
    values = asdict(stand) | {"percent": f"{stand.percent} %"}
    return list(values.values())


async def _rest(config_path: Path, school: str, *, paused: bool) -> tuple[SchoolRecord, bool]:
    from sferum_bridge.store import audit, schools

    async with database(config_path) as (_, db), db.write() as tx:
        record = await find_school(tx, school)
        is_new = await schools.pause(tx, record.id, paused=paused)
        if is_new:
            action = "rooms.pause" if paused else "rooms.resume"
            audit.record(tx, CONSOLE, action, record.id, school=record.id)
    return record, is_new


async def _stands(config_path: Path) -> Sequence[Stand]:
    async with database(config_path) as (config, db):
        return await _look(db, config, wishes_of_rooms())


async def _follow(config_path: Path) -> Sequence[Stand]:
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    async with database(config_path) as (config, db):
        wishes = wishes_of_rooms()
        with Progress(*columns, TimeElapsedColumn(), transient=True) as bars:
            tasks: dict[str, TaskID] = {}
            while True:
                stands = await _look(db, config, wishes)
                for stand in stands:
                    task = tasks.get(stand.school) or bars.add_task(stand.school, total=100)
                    tasks[stand.school] = task
                    text = f"{stand.school} ({stand.state})"
                    bars.update(task, completed=stand.percent, description=text)
                if all(stand.state in {DONE, REFUSED, PAUSED} for stand in stands):
                    return stands
                await asyncio.sleep(_LOOK_SECONDS)


DONE, REFUSED, PAUSED = "done", "refused, tried again later", "paused"


def wishes_of_rooms() -> Wishes:
    """Return what tells which rooms are wanted; it remembers what it read."""
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.matrix.wishes import Wishes

    return Wishes(Texts().room_name)


async def _look(db: Database, config: Config, wishes: Wishes) -> Sequence[Stand]:
    from sferum_bridge.store import schools

    async with db.read() as tx:
        return [await stand_of(tx, config, wishes, one) for one in await schools.records(tx)]


async def stand_of(tx: Tx, config: Config, wishes: Wishes, record: SchoolRecord) -> Stand:
    """Return how far the rooms of a school are."""
    from sferum_bridge.matrix.due import House
    from sferum_bridge.matrix.plan import read_plan

    house = House(config.bot_mxid, config.rooms.version, f"@{config.appservice.ghost_prefix}")
    plan = await read_plan(tx, wishes, record, house)
    whole = sum(1 + len(one.members) for one in plan.wanted)
    todo = plan.due.values()
    left = sum(each.steps for each in todo)
    is_over = record.applied >= record.wanted
    is_done = is_over and not left
    if record.paused and not is_done:
        state = PAUSED
    elif is_over:
        # What is left was refused, or changed by itself a moment ago.
        state = REFUSED if left else DONE
    else:
        state = "being made"
    return Stand(
        school=record.name,
        state=state,
        percent=100 if is_done else min(99, max(0, whole - left) * 100 // max(whole, 1)),
        rooms_to_make=sum(each.create for each in todo),
        to_come_in=sum(len(each.absent) for each in todo),
        to_go=sum(len(each.gone) for each in todo),
        to_rename=sum(each.rename for each in todo),
    )
