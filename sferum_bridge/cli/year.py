"""`sferum-bridge school year`: look at the next school year, open it, take that back.

The same rules as in the chat with the bot (`school.year`). The running bridge makes the rooms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from sferum_bridge.cli.staffing import day_option, find_school
from sferum_bridge.cli.year_shown import as_plain, rooms_follow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sferum_bridge.bot.year_lines import Lines
    from sferum_bridge.school.people import School
    from sferum_bridge.school.year import Choices, Plan
    from sferum_bridge.store.batches import Undone
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord


_choices = click.argument("choices", nargs=-1)
_on = click.option(
    "--on", "day", callback=day_option, metavar="DAY", help="The day it opens; today, if left out."
)
_year = click.option("--year", default="", help="As 2026/2027; that of the day, if left out.")
_roster = click.option(
    "--roster",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The school's list of this year: its next classes, who repeats and who has left.",
)
_language = click.option("--lang", type=click.Choice(["ru", "en"]), default="en", show_default=True)
_wait = click.option("--wait", is_flag=True, help="Return when the rooms are so, too.")
_QUESTIONS = {
    "class": "{0} ({1}) is no class of this school, or closed: what is to become of it? {2}",
    "person": "{0}, {1}: it cannot be told which pupil that is, and the list says: {2}",
    "twice": "{0}, {1}: the list says {2}, and has somebody of that name in {3}",
    "elsewhere": "{0} is in {3}, not in {1}, and the list says: {2}",
}
"""What a list may leave unclear, by `next_year.Why`."""


@click.group()
def year() -> None:
    r"""Open the next school year: classes move up and keep their rooms.

    By the rule the number grows by one and the letter stays; grades 9, 11 and 12 leave. What is to
    be otherwise stands in CHOICES, each an argument:

    \b
    5А+5Б=6А               merged; the first keeps its rooms
    9А=10А, 11А=graduates  becomes another, or leaves
    =1А                    a new class
    "5А Petrov Lev=repeats", "…=6Б", "…=leaves"   not with the class
    "6А: Sidorova Vera"    who leads it from that day on
    """


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for, and how it is to be shown."""

    choices: Sequence[str]
    config_path: Path
    school: str
    day: date | None
    year: str
    roster: Path | None
    lang: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A plan, the school it is for, and the words for both."""

    record: SchoolRecord
    here: School
    plan: Plan
    lines: Lines


@year.command()
@_choices
@config_option
@school_option
@_on
@_year
@_roster
@_language
@json_option
def preview(**asked: Any) -> None:
    """Show every class, person, room, join and leave; change nothing."""
    _show(carry_out(_plan(_Asked(**asked), do=False)), _Asked(**asked), done=False)


@year.command("open")
@_choices
@config_option
@school_option
@_on
@_year
@_roster
@_language
@click.option("--yes", is_flag=True, help="Do it; without, only show what would change.")
@_wait
@json_option
def open_(*, yes: bool, wait: bool, **asked: Any) -> None:
    """Open the year, or plan that for a day to come; the running bridge then makes the rooms.

    Ends with 1, and changes nothing, when something is not clear.
    """
    how = _Asked(**asked)
    found = carry_out(_plan(how, do=yes))
    _show(found, how, done=yes)
    if yes and wait:
        carry_out(rooms_follow(how.config_path, found.record.id))


@year.command()
@config_option
@school_option
@_language
@click.option("--yes", is_flag=True, help="Do it; without, only say what would be undone.")
@_wait
@json_option
def undo(
    config_path: Path, school: str, lang: str, *, yes: bool, wait: bool, as_json: bool
) -> None:
    """Take back the last opening as a whole, or drop the one that is planned."""
    school_id, said, done = carry_out(_undo(config_path, school, lang, yes=yes))
    if as_json:
        left = [
            {"table": one.table, "person": one.person_id, "name": one.name, "why": one.why.value}
            for one in (done.left if done else ())
        ]
        restored = done.restored if done else 0
        show_json({"done": yes, "restored": restored, "left": left, "said": said})
    else:
        click.echo(said)
        click.echo("Done." if yes else "Nothing was changed. Add --yes to do it.", err=True)
    if yes and wait:
        carry_out(rooms_follow(config_path, school_id))


# --- the plan -------------------------------------------------------------------------------


async def _plan(asked: _Asked, *, do: bool) -> _Found:
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.bot.year_lines import Lines
    from sferum_bridge.school import year_plan
    from sferum_bridge.store import staffing, year

    async with database(asked.config_path) as (config, db), db.write() as tx:
        record = await find_school(tx, asked.school)
        here = await staffing.read(tx, record.id)
        lines = Lines(Texts(), asked.lang, here)
        choices, day = await _chosen(tx, record, here, asked, lines)
        kept = config.school.kept_days
        plan = year_plan.plan(here, choices, day, kept)
        if plan.problems:
            problems = "\n".join(f"  {lines.problem(one).body}" for one in plan.problems)
            raise click.ClickException(
                f"{lines.text('year-cannot', year=plan.year).body}\n{problems}"
            )
        if do and day > record.day(tx.now):
            await year.plan_for(tx, record, choices, day, CONSOLE, kept)
        elif do:
            await year.open_now(tx, record, choices, CONSOLE, kept)
        return _Found(record, here, plan, lines)


async def _chosen(
    tx: Tx, record: SchoolRecord, here: School, asked: _Asked, lines: Lines
) -> tuple[Choices, date]:
    """Return the choices of the list and of the arguments, which go first, and the day."""
    from sferum_bridge.bot import year_saying
    from sferum_bridge.bot.ordering import Unclear
    from sferum_bridge.school.year import Choices

    parts = [*asked.choices, *([f"on {asked.day.isoformat()}"] if asked.day else [])]
    try:
        chosen = year_saying.read("\n".join(parts), here, record.day(tx.now))
        said, day = chosen.choices, chosen.day
        year = year_saying.school_year(asked.year) if asked.year else said.year
    except Unclear as e:
        raise click.ClickException(lines.text(e.key, **e.values).body) from e
    listed = await _listed(tx, record, asked.roster, day) if asked.roster else Choices()
    # What was said first keeps its rooms, so the arguments stand before the list.
    becomes = dict(said.becomes) | {
        id_: name for id_, name in listed.becomes.items() if id_ not in said.becomes
    }
    pupils = {**listed.pupils, **said.pupils}
    return replace(said, becomes=becomes, pupils=pupils, year=year), day


async def _listed(tx: Tx, record: SchoolRecord, path: Path, day: date) -> Choices:
    from sferum_bridge.roster import next_year, read
    from sferum_bridge.roster.model import Severity
    from sferum_bridge.store import enrol

    reading = read(path)
    # A row that cannot be read may be the one that says who repeats.
    if any(each.severity is not Severity.WARNING for each in reading.problems):
        raise click.ClickException(
            f"{path.name} cannot be read as a list of the school, or not all of it. "
            f"See what is wrong with it: sferum-bridge roster check {path.name}"
        )
    found = next_year.choices(reading.roster, await enrol.known(tx, record.id), day)
    if found.questions:
        questions = "\n".join(
            f"  {_QUESTIONS[one.why].format(*one.names)}" for one in found.questions
        )
        raise click.ClickException(
            f"{path.name} is not clear, and nothing was changed:\n{questions}\n"
            "Correct these rows, or take them out and say them as CHOICES."
        )
    return found.choices


def _show(found: _Found, asked: _Asked, *, done: bool) -> None:
    from sferum_bridge.school.year_preview import preview as previewed

    shown = previewed(found.here, found.plan)
    if asked.as_json:
        show_json({"school": found.record.name, "done": done, **as_plain(found.here, shown)})
        return
    for key, lines in found.lines.sections(shown):
        if lines:
            title = found.lines.text(key).body.rstrip(":")
            show(title, ("",), [(line.body,) for line in lines])
    click.echo(f"{found.record.name}: {found.plan.year}, {found.plan.day}", err=True)
    said = "Done; the running bridge makes the rooms." if done else None
    click.echo(said or "Nothing was changed. Add --yes to `year open` to do it.", err=True)


# --- taking it back -------------------------------------------------------------------------


async def _undo(
    config_path: Path, name: str, lang: str, *, yes: bool
) -> tuple[str, str, Undone | None]:
    from sferum_bridge.bot import register
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.bot.year_lines import Lines
    from sferum_bridge.store import schools, year

    async with database(config_path) as (config, db), db.write() as tx:
        record = await find_school(tx, name)
        lines = Lines(Texts(), lang, await schools.load(tx, record.id))
        planned = await year.planned(tx, record.id)
        if planned is not None:
            if yes:
                await year.forget_plan(tx, record.id, CONSOLE)
            key = "year-forgotten-failed" if planned.failed else "year-forgotten"
            return record.id, lines.text(key, day=planned.day).body, None
        days = config.school.undo_days
        batch = await year.last_opened(tx, record.id, days)
        if batch is None:
            raise click.ClickException(lines.text("year-nothing-to-undo", days=days).body)
        if not yes:
            at = register.moment(record, batch.at).strftime("%Y-%m-%d %H:%M")
            return record.id, f"{record.name}: {batch.label}, opened {at}, would be undone.", None
        done = await year.undo(tx, record, CONSOLE, days)
        lines = replace(lines, here=await schools.load(tx, record.id))
        return record.id, lines.undone(done).body, done
