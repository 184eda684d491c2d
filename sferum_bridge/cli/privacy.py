"""`sferum-bridge privacy`: hand out what is kept about somebody, and destroy it with proof (§3)."""

from __future__ import annotations

import getpass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sferum_bridge.cli import erasing, exporting
from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    language_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.matrix.outbox import File

_person = click.argument("person_id")
_folder = click.Path(path_type=Path, file_okay=False)


@click.group()
def privacy() -> None:
    """Hand out what is kept about somebody; destroy it, with proof."""


@privacy.command()
@config_option
@json_option
def requests(config_path: Path, *, as_json: bool) -> None:
    """List who wants to be erased and until when it has to be done, and what is left half done."""
    rows = carry_out(_requests(config_path))
    if as_json:
        show_json(rows)
    else:
        columns = ("Person", "School", "State", "Asked", "Due")
        show("Erasures asked for", columns, [tuple(row.values()) for row in rows])


@privacy.command()
@_person
@config_option
@language_option
@click.option("--output", type=_folder, required=True, help="The folder to write into.")
@click.option("--messages/--no-messages", default=True, help="With the index of own messages.")
def export(person_id: str, config_path: Path, lang: str, output: Path, *, messages: bool) -> None:
    """Write everything that is kept about somebody, to read and as JSON.

    The index of their messages says in which rooms and when they wrote, not what. Interrupted, it
    goes on where it stopped when the command is run again with the same folder.
    """
    notes = exporting.Notes(output / f"{person_id}.part") if messages else None
    _write(output, carry_out(exporting.export(person_id, config_path, lang, notes)))
    if notes is not None:
        notes.drop()


@privacy.command()
@_person
@config_option
@language_option
@click.option("--school", default="", help="Only what this school keeps, by name.")
@click.option("--yes", is_flag=True, help="Do it; without, only say what would go.")
@click.option("--reason", default="", help="Why; it stays in the log, so name nobody.")
@click.option("--force-reason", default="", help="Why although something stands against it.")
@click.option("--output", type=_folder, help="The folder for the act of destruction.")
@click.option("--by", default=getpass.getuser, help="Who carries it out, for the act.")
@click.option("--operator", default="", help="The operator's name and address, for the act.")
@click.option(
    "--wait",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a homeserver that does not answer.",
)
def erase(
    person_id: str,
    config_path: Path,
    lang: str,
    school: str,
    reason: str,
    force_reason: str,
    output: Path | None,
    by: str,
    operator: str,
    wait: float,
    *,
    yes: bool,
) -> None:
    """Say what erasing somebody would destroy; with --yes, destroy it and write the act.

    With --school what other schools keep of the person stays, and with it profile and account; for
    whom no other school knows that is everything. Interrupted, it goes on where it stopped when the
    command is run again.
    """
    wish = erasing.Wish(person_id, school, reason, force_reason, by, operator, lang, wait)
    if not yes:
        carry_out(erasing.preview(wish, config_path))
        return
    if not reason.strip() or output is None:
        raise click.UsageError("--yes needs --reason and --output.")
    files, left = carry_out(erasing.erase(wish, config_path))
    _write(output, files)
    if left:
        raise click.ClickException(erasing.refusal(left))


@privacy.command()
@_person
@config_option
@click.option("--school", default="", help="Whose roster, by name, if several remember them.")
@click.option("--reason", required=True, help="Why a roster may name them again.")
def readmit(person_id: str, config_path: Path, school: str, reason: str) -> None:
    """Let a school's roster bring back somebody who was erased, as somebody new."""
    carry_out(_readmit(person_id, config_path, school, reason))
    click.echo("The next roster that names them adds them as somebody new.")


async def _requests(config_path: Path) -> list[dict[str, str]]:
    from sferum_bridge.store import cases, schools
    from sferum_bridge.store import erasing as stored
    from sferum_bridge.store.privacy import DUE_DAYS

    async with database(config_path) as (_, db), db.read() as tx:
        records = {record.id: record for record in await schools.records(tx)}
        wishes = [
            (case.subject_id, case.school_id, case.state.value, case.opened_at)
            for record in records.values()
            for case in await cases.of_kind(tx, record.id, cases.Kind.ERASURE)
        ]
        wishes += [
            (done.person_id, school_id, f"erased; {erasing.still(done)}", done.at)
            for done in await stored.unfinished(tx)
            for school_id in done.school_ids or [""]
        ]
        found = []
        for person_id, school_id, state, at in wishes:
            record = records.get(school_id)
            day = record.day(at) if record else None
            found.append(
                {
                    "person": person_id,
                    "school": record.name if record else "",
                    "state": state,
                    "asked": str(day or ""),
                    "due": str(day + timedelta(days=DUE_DAYS)) if day else "",
                }
            )
        return found


async def _readmit(person_id: str, config_path: Path, school: str, reason: str) -> None:
    from sferum_bridge.store import enrol, tombstones

    async with database(config_path) as (_, db), db.write() as tx:
        remembered = await tombstones.schools_of(tx, person_id)
        if school:
            remembered &= {await enrol.school_named(tx, school)}
        if len(remembered) > 1:
            raise click.ClickException("Several schools remember them: name one with --school.")
        for school_id in remembered:
            await tombstones.forget(tx, person_id, school_id, "console", reason)
        if not remembered:
            raise click.ClickException(f"No roster is kept from naming {person_id}.")


def _write(folder: Path, files: Sequence[File]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_bytes(file.data)
        click.echo(f"Wrote {folder / file.name}")
