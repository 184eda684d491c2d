"""`sferum-bridge roster`: look at a roster, apply it, undo it, see the rooms it makes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli import roster_files, roster_undo
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
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.config import Config
    from sferum_bridge.roster import Reading
    from sferum_bridge.roster.guards import Limits
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.imports import Applied, Choices, Prepared
    from sferum_bridge.store.schools import SchoolRecord


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say."""

    file: Path
    config_path: Path
    school: str = ""
    form: str = ""
    year: str = ""
    decide: Path | None = None
    delta: bool = False
    end_missing: bool = False
    opening: bool = False
    confirm: str = ""
    seen: str = ""


def _import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Take the options by which both `check` and `apply` are told what to do."""
    options = [
        click.argument("file", type=click.Path(path_type=Path, exists=True)),
        config_option,
        school_option,
        click.option(
            "--form",
            type=click.Choice(["template", "wide", "oneroster"]),
            default=None,
            help="What the file is; told by its contents, if left out.",
        ),
        click.option("--year", default="", help="The school year, as 2026/2027, if it is unsaid."),
        click.option(
            "--decide",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help='JSON: key of a person of the file → id of who it is, or "new".',
        ),
        click.option("--delta", is_flag=True, help="A list of changes: the absent are unchanged."),
        click.option("--end-missing", is_flag=True, help="Who is not in the file leaves."),
        click.option("--opening", is_flag=True, help="The school year is being opened."),
    ]

    @wraps(command)
    def taken(file: Path, config_path: Path, *, form: str | None, **more: Any) -> None:
        names = ("school", "year", "decide", "delta", "end_missing", "opening", "confirm", "seen")
        mine = {name: more.pop(name) for name in names if name in more}
        command(_Asked(file, config_path, form=form or "", **mine), **more)

    for option in reversed(options):
        taken = option(taken)
    return taken


@click.group()
def roster() -> None:
    """Read the school's lists."""


roster.add_command(roster_undo.batches)
roster.add_command(roster_undo.undo)
roster.add_command(roster_files.template)
roster.add_command(roster_files.export)


@roster.command()
@_import_options
@click.option(
    "--marked",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the file as .xlsx with what is wrong marked.",
)
@click.option("--details", is_flag=True, help="Who changes, and who is in which room.")
@language_option
@json_option
def check(asked: _Asked, marked: Path | None, lang: str, *, details: bool, as_json: bool) -> None:
    """Say everything that is wrong with a roster and what it would change; change nothing."""
    from sferum_bridge.cli import roster_shown

    if marked is not None:
        refuse_existing(marked)
    work = carry_out(_work(asked, apply=False))
    if marked is not None:
        _write_marked(asked.file, marked, work.reading, lang)
    if as_json:
        show_json(_json(work))
    elif work.prepared is None:
        roster_shown.show_problems(work.reading, lang)
    else:
        roster_shown.show_import(work.prepared, lang, details=details)
    if work.prepared is None:
        raise click.exceptions.Exit(1)


@roster.command("apply")
@_import_options
@click.option("--confirm", default="", help="The school's name, for what was held back.")
@click.option("--seen", default="", help="The code of what was held back, as it was shown.")
@click.option(
    "--rejected",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows that were left out as .xlsx, to be corrected and imported.",
)
@click.option("--details", is_flag=True, help="Who changed, and who is in which room.")
@language_option
@json_option
def apply_(
    asked: _Asked, rejected: Path | None, lang: str, *, details: bool, as_json: bool
) -> None:
    """Apply the good rows of a roster; the running bridge then makes the rooms."""
    from sferum_bridge.cli import roster_shown

    if rejected is not None:
        refuse_existing(rejected)
    work = carry_out(_work(asked, apply=True))
    if rejected is not None and work.has_rejected:
        _write_marked(asked.file, rejected, work.reading, lang, rejected=True)
    if as_json:
        show_json(_json(work))
    elif work.prepared is None:
        roster_shown.show_problems(work.reading, lang)
    else:
        roster_shown.show_import(work.prepared, lang, details=details)
    if work.prepared is None:
        raise click.ClickException("Nothing was imported: correct the file and try again.")
    if work.is_held:
        raise click.ClickException(
            "Nothing was imported. If all of what is held back is meant, repeat this with "
            f'--confirm "{work.school}" --seen {work.prepared.seen}'
        )
    if work.batch_id and not as_json:
        click.echo(f"Applied. To take it back: sferum-bridge roster undo {work.batch_id}")


@roster.command()
@config_option
@json_option
def rooms(config_path: Path, *, as_json: bool) -> None:
    """List every room of every school, with its id."""
    rows = carry_out(_rooms(config_path))
    if as_json:
        show_json([dict(zip(("school", "name", "kind", "room"), r, strict=True)) for r in rows])
    else:
        show("Rooms", ("School", "Name", "Kind", "Room"), rows)


async def _rooms(config_path: Path) -> list[tuple[str, str, str, str]]:
    from sferum_bridge.store import rooms as stored
    from sferum_bridge.store import schools

    async with database(config_path) as (_, db), db.read() as tx:
        return [
            (record.name, str(room.actual.get("name", "")), room.kind, room.room_id)
            for record in await schools.records(tx)
            for room in (await stored.of_school(tx, record.id)).values()
        ]


# --- importing ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """What came of a file; without `prepared` it was refused as a whole."""

    reading: Reading
    school: str = ""
    prepared: Prepared | None = None
    is_held: bool = False
    batch_id: str = ""

    @property
    def has_rejected(self) -> bool:
        """Tell whether rows were left out."""
        return self.prepared is not None and self.prepared.left_out and not self.is_held


async def _work(asked: _Asked, *, apply: bool) -> _Work:
    from sferum_bridge.roster.model import Form
    from sferum_bridge.roster.reader import read
    from sferum_bridge.store import class_ids, imports, schools

    form = Form(asked.form) if asked.form else None
    reading = read(asked.file, form=form, year=asked.year, school=asked.school)
    unknown = {"oneroster_class_unknown", "oneroster_homeroom"}
    if any(each.code in unknown for each in reading.problems):
        # A list of changes: an earlier list may have said which classes these are.
        async with database(asked.config_path) as (_, db), db.read() as tx:
            found = _school_of(await schools.records(tx), _name(reading, asked))
            known = await class_ids.of(tx, found.id) if found else {}
        reading = read(asked.file, form=form, year=asked.year, school=asked.school, class_ids=known)
    if reading.fatal:
        return _Work(reading)
    choices = _choices(asked, reading)
    async with database(asked.config_path) as (config, db):
        limits = _limits(config)
        async with db.write() if apply else db.read() as tx:
            place = await _place(tx, config, reading, asked, apply=apply)
            if not apply:
                day = schools.day_in(place.timezone, tx.now)
                prepared = await imports.prepare(
                    tx, place.id, day, reading, choices, limits, place.name
                )
                return _Work(reading, place.name, prepared)
            done = await _apply(tx, place, reading, choices, limits, asked.file.name)
    return _Work(reading, place.name, done.prepared, done.is_held, done.batch_id)


async def _apply(
    tx: Tx, place: _Place, reading: Reading, choices: Choices, limits: Limits, label: str
) -> Applied:
    from sferum_bridge.store import imports, schools

    try:
        async with tx.attempt():
            name, zone = place.name, place.timezone
            school_id = place.id or await schools.add(tx, name, zone, place.language)
            done = await imports.apply(
                tx, school_id, reading, choices, limits, actor=CONSOLE, label=label
            )
            if done.is_held:
                raise _HeldError  # noqa: TRY301 - to have what was done taken back
    except _HeldError:
        # A school that was made for it goes again.
        return done
    return done


class _HeldError(Exception):
    """An import is held back."""


def _choices(asked: _Asked, reading: Reading) -> Choices:
    from sferum_bridge.roster.model import Severity
    from sferum_bridge.store.imports import Choices

    if asked.end_missing and asked.delta:
        raise click.UsageError("A list of changes names nobody missing: leave out --end-missing.")
    bad = [each for each in reading.problems if each.severity is Severity.ERROR]
    if asked.end_missing and bad:
        raise click.ClickException(
            f"{len(bad)} rows of the file are left out, and whoever stands in them is not missing. "
            "Correct them first (`check --marked OUT.xlsx` shows them), or leave out --end-missing."
        )
    decisions = _decisions(asked.decide, reading) if asked.decide else {}
    return Choices(
        decisions, asked.end_missing, asked.opening, asked.delta, asked.confirm, asked.seen
    )


def _decisions(path: Path, reading: Reading) -> Mapping[str, str]:
    from sferum_bridge.roster.matching import label

    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as e:
        raise click.ClickException(f"{path} is not JSON: {e}") from e
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
        raise click.ClickException(
            f'{path} is to be an object like {{"id:007": "new"}}: key → id of a person, or "new".'
        )
    unknown = sorted(set(said) - {label(person.key) for person in reading.roster.people})
    if unknown:
        raise click.ClickException(
            f"{path} decides about people whom the file does not have: {', '.join(unknown)}. "
            "The keys are in `sferum-bridge roster check FILE --json`, under conflicts."
        )
    return said


@dataclass(frozen=True, slots=True)
class _Place:
    """The school of a file; without an id it is still to be made."""

    id: str
    name: str
    timezone: str
    language: str = field(default="")


async def _place(tx: Tx, config: Config, reading: Reading, asked: _Asked, *, apply: bool) -> _Place:
    """Find the school a file is for: the one named, the file's, or the only one there is."""
    from sferum_bridge.roster.guards import confirms
    from sferum_bridge.store import schools

    info, name = reading.roster.school, _name(reading, asked)
    records = await schools.records(tx)
    found = _school_of(records, name)
    if found is not None:
        # The zone in a file is for a new school; an existing one keeps its own.
        return _Place(found.id, found.name, found.timezone)
    if not name:
        raise click.ClickException("The file does not name its school. Name it with --school.")
    if records and not confirms(asked.confirm, name):
        known = ", ".join(f"«{one.name}»" for one in records)
        said = (
            f"There is no school called «{name}» here, only {known}. Name the right one with "
            f'--school; to make a new one, use `apply` with --confirm "{name}".'
        )
        if apply:
            raise click.ClickException(said)
        click.echo(said, err=True)
    timezone = (info.timezone if info else "") or config.school.timezone
    language = (info.language if info else "") or config.school.language
    return _Place("", name, timezone, language)


def _name(reading: Reading, asked: _Asked) -> str:
    info = reading.roster.school
    return asked.school or (info.name if info else "")


def _school_of(records: Sequence[SchoolRecord], name: str) -> SchoolRecord | None:
    """Return the school of that id or name, or the only one where none is named."""
    from sferum_bridge.roster.guards import confirms

    found = [one for one in records if one.id == name]
    found = found or [one for one in records if confirms(name, one.name)]
    if not found and not name and len(records) == 1:
        return records[0]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise click.ClickException(
            f"Several schools are called «{name}». Name the one that is meant by its id, with "
            f"--school: {ids}"
        )
    return found[0] if found else None


def _limits(config: Config) -> Limits:
    from sferum_bridge.roster.guards import Limits

    return Limits(*config.imports.percents)


def _json(work: _Work) -> dict[str, Any]:
    from sferum_bridge.cli import roster_shown

    if work.prepared is None:
        nothing: dict[str, Any] = {"plan": {}, "corrected": [], "conflicts": [], "holds": []}
        nothing |= {"seen": "", "held": False, "batch": ""}
        return {**roster_shown.reading_json(work.reading), **nothing}
    said = roster_shown.as_json(work.prepared)
    return {"school": work.school, **said, "held": work.is_held, "batch": work.batch_id}


def _write_marked(
    file: Path, out: Path, reading: Reading, lang: str, *, rejected: bool = False
) -> None:
    from sferum_bridge.roster.errors import FileError
    from sferum_bridge.roster.marked import marked

    try:
        written = marked(file, reading, lang, rejected=rejected)
    except FileError:
        click.echo(f"{out} is not written: the file itself cannot be read.", err=True)
        return
    try:
        with out.open("xb") as opened:
            opened.write(written)
    except OSError as e:
        raise click.ClickException(f"{out} cannot be written: {e.strerror}") from e
