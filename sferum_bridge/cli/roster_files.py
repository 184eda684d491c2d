"""`sferum-bridge roster template` and `roster export`: rosters as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli.common import (
    CONSOLE,
    carry_out,
    config_option,
    database,
    json_option,
    language_option,
    refuse_existing,
    school_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDINGS = {
    "template": (".xlsx", ".zip"),
    "wide": (".xlsx", ".csv"),
    "oneroster": (".zip",),
    "oneroster-1.1": (".zip",),
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def template(folder: Path) -> None:
    """Write the empty template, as XLSX and as CSV files, into a folder."""
    from sferum_bridge.roster import write_template

    write_template(folder)
    click.echo(f"Wrote {folder / 'roster-template.xlsx'} and the same as CSV files beside it.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@school_option
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_ENDINGS)),
    default="template",
    show_default=True,
    help="template: .xlsx, or .zip of CSV files; wide: .xlsx or .csv; oneroster: .zip.",
)
@click.option("--year", default="", help="The school year, as 2026/2027; the latest, if left out.")
@language_option
@json_option
def export(
    file: Path, config_path: Path, school: str, form: str, year: str, lang: str, *, as_json: bool
) -> None:
    """Write what is stored of a school into a file that can be imported.

    The file holds contacts: it is made readable for its owner alone, and the export is recorded.
    Says what the format cannot hold.
    """
    endings = _ENDINGS[form]
    if file.suffix.lower() not in endings:
        raise click.ClickException(f"{form} is written as {' or '.join(endings)}: name {file} so.")
    refuse_existing(file)
    lost = carry_out(_export(file, config_path, school, form, year))
    from sferum_bridge.roster.export import LEFT_OUT

    if as_json:
        show_json({"file": str(file), "left_out": lost})
        return
    words = {code: texts[lang == "en"] for code, texts in LEFT_OUT.items()}
    click.echo(f"Записано: {file}" if lang == "ru" else f"Written: {file}")
    if lost:
        title = "Чего этот формат не вмещает" if lang == "ru" else "What this format cannot hold"
        show(title, ("", ""), [(words[code], count) for code, count in lost.items()])


async def _export(
    file: Path, config_path: Path, school: str, form: str, year: str
) -> Mapping[str, int]:
    from sferum_bridge.cli.staffing import find_school
    from sferum_bridge.roster.export import write
    from sferum_bridge.roster.model import Form
    from sferum_bridge.store import audit, listing

    async with database(config_path) as (_, db), db.write() as tx:
        wanted = await find_school(tx, school)
        roster = await listing.roster(tx, wanted, year)
        if not roster.classes:
            raise click.ClickException("There is nothing of this school year. Name another --year.")
        audit.record(tx, CONSOLE, "roster.export", wanted.id, form, school=wanted.id)
        kind, _, version = form.partition("-")
        # Beside its place, then moved there: nobody ever finds half a file.
        unfinished = file.with_name(f".{os.getpid()}-{file.name}")
        try:
            unfinished.touch(mode=0o600)
            lost = write(roster, unfinished, Form(kind), version=version or "1.2")
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
        return lost
