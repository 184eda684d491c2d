"""`sferum-bridge roster batches|undo`: what was imported, and taking it back as a whole."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from sferum_bridge.cli.common import (
    CONSOLE,
    carry_out,
    config_option,
    database,
    json_option,
    language_option,
    school_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.school.people import Person
    from sferum_bridge.store.batches import Batch, Undone
    from sferum_bridge.store.schools import SchoolRecord


@click.command()
@config_option
@school_option
@language_option
@json_option
def batches(config_path: Path, school: str, lang: str, *, as_json: bool) -> None:
    """List the imports and school years that can still be undone, the newest first."""
    record, found = carry_out(_batches(config_path, school))
    if as_json:
        show_json([asdict(each) for each in found])
        return
    zone = ZoneInfo(record.timezone)

    def moment(at: int | None) -> str:
        return f"{datetime.fromtimestamp(at / 1000, zone):%d.%m.%Y %H:%M}" if at else ""

    rows = [
        (each.id, moment(each.at), each.kind, each.label, each.changes, moment(each.undone_at))
        for each in found
    ]
    titles = {
        "ru": ("Номер", "Когда", "Что", "Название", "Записей", "Отменено"),
        "en": ("Id", "When", "What", "Name", "Rows", "Undone"),
    }
    show(record.name, titles[lang], rows)


@click.command()
@click.argument("batch", default="")
@config_option
@school_option
@language_option
@json_option
def undo(batch: str, config_path: Path, school: str, lang: str, *, as_json: bool) -> None:
    """Undo an import as a whole: the one of an id, or the last one.

    A school year is undone by `school year undo`. What somebody changed since is left as it is,
    and listed.
    """
    from sferum_bridge.cli import roster_shown

    undone, people = carry_out(_carry_out_undo(config_path, school, batch))
    roster_shown.show_undone(undone, people, lang, json=as_json)


async def _batches(config_path: Path, school: str) -> tuple[SchoolRecord, Sequence[Batch]]:
    from sferum_bridge.cli.staffing import find_school
    from sferum_bridge.store import batches as stored

    async with database(config_path) as (_, db), db.read() as tx:
        record = await find_school(tx, school)
        return record, await stored.of_school(tx, record.id)


async def _carry_out_undo(
    config_path: Path, school: str, batch: str
) -> tuple[Undone, Mapping[str, Person]]:
    from sferum_bridge.cli.staffing import find_school
    from sferum_bridge.store import batches as stored
    from sferum_bridge.store import imports, schools, year
    from sferum_bridge.store.batches import NotUndoableError

    async with database(config_path) as (config, db), db.write() as tx:
        if not batch:
            record = await find_school(tx, school)
            known = await stored.of_school(tx, record.id)
            batch = next((each.id for each in known if each.undone_at is None), "")
        try:
            # Before: who is taken away by it has a name, too.
            found = await stored.one(tx, batch)
            if found is not None and found.kind == year.KIND:
                raise click.ClickException(_A_YEAR.format(year=found.label))
            people = (await schools.load(tx, found.school_id)).people if found else {}
            undone = await imports.undo(tx, batch, CONSOLE, days=config.school.undo_days)
        except NotUndoableError as e:
            days = config.school.undo_days
            raise click.ClickException(_NOT_UNDONE[e.why.value].format(days=days)) from e
        return undone, people


# That one tells the people concerned, too.
_A_YEAR = "That is the school year {year}. Take it back with: sferum-bridge school year undo"
_NOT_UNDONE = {
    "unknown": "There is nothing of that id to undo. See: sferum-bridge roster batches",
    "expired": "It is older than {days} days (school.undo_days), and stays.",
    "undone": "It has been undone already.",
}
