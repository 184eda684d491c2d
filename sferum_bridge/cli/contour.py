"""`sferum-bridge contour`: break-glass. Who must look into a school's rooms does it in the open."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    school_option,
    show,
    show_json,
)
from sferum_bridge.demo import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.config import Config
    from sferum_bridge.school.opening import Opening
    from sferum_bridge.school.people import School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_HOUR_MS = 3600 * 1000
_UNITS = {"m": 60 * 1000, "h": _HOUR_MS, "d": 24 * _HOUR_MS}
_LENGTH = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
_language = click.option(
    "--lang", type=click.Choice(words.LANGUAGES), help="Default: what LANG says, else ru."
)


@click.group()
def contour() -> None:
    """Let an account into a school's rooms in an emergency: logged, told, and not for long."""


@contour.command("open")
@config_option
@click.option(
    "--who",
    required=True,
    metavar="ACCOUNT",
    help="Whom to let in, as @name:server. Best an account made for this: meanwhile it is one of "
    "the school's, and leaves rooms of its own with outsiders.",
)
@click.option("--reason", default="", help="Why; it stays in the log, so name nobody.")
@click.option("--for", "length", default="", metavar="TIME", help="How long: 90m, 4h, 1d.")
@click.option("--until", default="", metavar="TIME", help="Until when, by the school's clock.")
@click.option(
    "--room",
    "rooms",
    multiple=True,
    metavar="ROOM",
    help="A room's id, or what it is for: staff, parents/5А; may be repeated.",
)
@school_option
@_language
@json_option
def open_(config_path: Path, lang: str | None, *, as_json: bool, **asked: Any) -> None:
    """Let ACCOUNT into rooms of a school until a time; the school's administrators are told.

    Without --room it lists the rooms there are. At the end the account is out again by itself.
    Until then it belongs to the school: it leaves the rooms it shares with outsiders, for good.
    """
    say = _Voice(lang)
    made = carry_out(_open(config_path, say, **asked))
    if as_json:
        show_json({"id": made.id, "until": _iso(made.until)})
    else:
        click.echo(say("done-open", number=made.id))
        click.echo(say("running"), err=True)


@contour.command()
@click.argument("number", metavar="[ID]", default="")
@config_option
@_language
def close(number: str, config_path: Path, lang: str | None) -> None:
    """End what was opened, before its time; without ID the only one there is."""
    say = _Voice(lang)
    ended = carry_out(_close(config_path, say, number))
    click.echo(say("done-close", number=ended))
    click.echo(say("running"), err=True)


@contour.command()
@config_option
@click.option("--all", "past", is_flag=True, help="With what is over.")
@_language
@json_option
def status(config_path: Path, lang: str | None, *, past: bool, as_json: bool) -> None:
    """List what is open to whom, why, and until when."""
    say = _Voice(lang)
    rows = carry_out(_status(config_path, say, past=past))
    if as_json:
        show_json(rows)
    elif rows:
        shown = [[*row.values()] for row in rows]
        show(say("title"), [say(f"column-{name}") for name in rows[0]], shown)
    else:
        click.echo(say("none"))


class _Voice:
    """Says the texts of this command in one language."""

    def __init__(self, lang: str | None) -> None:
        from sferum_bridge.bot.texts import Texts

        self.language = lang or words.language_of_environment()
        self.texts: Texts = Texts()

    def __call__(self, key: str, **values: str) -> str:
        return self.texts.text(self.language, f"contour-{key}", **values).body

    def refuse(self, key: str, **values: str) -> click.ClickException:
        """Return what ends the command."""
        return click.ClickException(self(key, **values))


async def _open(
    config_path: Path,
    say: _Voice,
    *,
    who: str,
    reason: str,
    length: str,
    until: str,
    rooms: Sequence[str],
    school: str,
) -> Opening:
    from sferum_bridge.school import opening
    from sferum_bridge.store import openings

    async with database(config_path) as (config, db), db.write() as tx:
        record = await _school(tx, say, school)
        end = _end(say, record, tx.now, length, until)
        hours = config.school.break_glass_hours
        refusal = opening.check(reason, tx.now, end, int(hours * _HOUR_MS))
        if refusal is None and not _is_a_person(config, who):
            refusal = opening.Refusal.ACCOUNT
        if refusal is not None:
            raise say.refuse(f"refused-{refusal.value}", who=who, hours=f"{hours:g}")
        keys = await _rooms(tx, say, record, rooms)
        return await openings.begin(tx, record.id, who, keys, reason, end)


async def _close(config_path: Path, say: _Voice, number: str) -> str:
    from sferum_bridge.store import openings

    async with database(config_path) as (_, db), db.write() as tx:
        found = [one for one in await openings.holding(tx) if number in {"", one.id}]
        if len(found) > 1:
            raise say.refuse("which-id")
        if not found:
            raise say.refuse("unknown-id" if number else "none")
        await openings.end(tx, found[0], "console")
        return found[0].id


async def _status(config_path: Path, say: _Voice, *, past: bool) -> list[dict[str, str]]:
    from sferum_bridge.store import openings, schools

    rows = []
    async with database(config_path) as (_, db), db.read() as tx:
        records = {record.id: record for record in await schools.records(tx)}
        for one in await openings.ever(tx):
            record, holds = records[one.school_id], one.holds(tx.now)
            if not holds and not past:
                continue
            here = await schools.load(tx, record.id)
            names = [say.texts.room_of_key(key, here, say.language) for key in sorted(one.rooms)]
            ended = one.until if one.ended_at is None else one.ended_at
            rows.append(
                {
                    "id": one.id,
                    "school": record.name,
                    "who": one.mxid,
                    "rooms": ", ".join(names),
                    "since": _iso(one.since, record.timezone),
                    "until": _iso(one.until if holds else ended, record.timezone),
                    "state": say(f"state-{'open' if holds else 'over'}"),
                    "reason": one.reason,
                }
            )
    return rows


# --- what is meant --------------------------------------------------------------------------


async def _school(tx: Tx, say: _Voice, name: str) -> SchoolRecord:
    from sferum_bridge.store import schools

    records = await schools.records(tx)
    found = [record for record in records if not name or name in {record.name, record.id}]
    if len(found) == 1:
        return found[0]
    if not records:
        raise say.refuse("no-school")
    raise say.refuse("unknown-school", school=name) if name else say.refuse("which-school")


def _end(say: _Voice, record: SchoolRecord, now: int, length: str, until: str) -> int:
    """Return the end in milliseconds."""
    if bool(length) == bool(until):
        raise say.refuse("which-term")
    if length:
        said = _LENGTH.fullmatch(length)
        if said is None:
            raise say.refuse("bad-term", term=length)
        return now + int(said.group(1)) * _UNITS[said.group(2)]
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise say.refuse("bad-term", term=until) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(record.timezone))
    return int(zoned.timestamp() * 1000)


def _is_a_person(config: Config, who: str) -> bool:
    localpart, _, domain = who.removeprefix("@").partition(":")
    ours = localpart == config.appservice.bot or localpart.startswith(
        config.appservice.ghost_prefix
    )
    return (
        who.startswith("@") and bool(localpart) and domain == config.homeserver.domain and not ours
    )


async def _rooms(tx: Tx, say: _Voice, record: SchoolRecord, asked: Sequence[str]) -> Sequence[str]:
    """Return the keys of the rooms that were named, or end with a list of what there is."""
    from sferum_bridge.store import rooms, schools

    here = await schools.load(tx, record.id)
    made = await rooms.of_school(tx, record.id)
    known = _known(here, {key: room.room_id for key, room in made.items() if room.room_id})
    found = {words: key for key, several in known.items() for words in several}
    missing = next((room for room in asked if room.casefold() not in found), "")
    if asked and not missing:
        return [found[room.casefold()] for room in asked]

    rows = [
        [several[0], say.texts.room_of_key(key, here, say.language)]
        for key, several in known.items()
    ]
    show(say("rooms-title", school=record.name), [say("column-room"), say("column-name")], rows)
    if missing:
        raise say.refuse("unknown-room", school=record.name, room=missing)
    raise say.refuse("refused-rooms")


def _known(here: School, made: Mapping[str, str]) -> dict[str, list[str]]:
    """Return key → what the room may be called, in small letters, the best first."""
    from sferum_bridge.school.layout import Kind
    from sferum_bridge.school.opening import NEVER

    names = {}
    for key in sorted(made):
        kind, _, place = key.partition("/")
        if kind in set(Kind) and Kind(kind) not in NEVER:
            of_class = here.classes.get(place)
            names[key] = f"{kind}/{of_class.name}".casefold() if of_class else kind
    known = {}
    for key, name in names.items():
        # Classes of two years may have one name; then the key tells them apart.
        only = [name] if list(names.values()).count(name) == 1 else []
        known[key] = [*only, key.casefold(), made[key].casefold()]
    return known


def _iso(at: int, timezone: str = "UTC") -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(timezone))
    return moment.isoformat(sep=" ", timespec="minutes")
