"""`sferum-bridge roster`: look at a roster, apply it, see the rooms it makes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    show,
    show_json,
)

if TYPE_CHECKING:
    from sferum_bridge.config import Config
    from sferum_bridge.roster import Plan, Reading
    from sferum_bridge.roster.plan import Corrected
    from sferum_bridge.store.database import Tx

_file = click.argument("file", type=click.Path(path_type=Path, exists=True))
_language = click.option("--lang", type=click.Choice(["ru", "en"]), default="ru", show_default=True)
_school = click.option("--school", default="", help="The school, if the file does not name it.")


@click.group()
def roster() -> None:
    """Read the school's lists."""


@roster.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def template(folder: Path) -> None:
    """Write the empty template, as XLSX and as CSV files, into a folder."""
    from sferum_bridge.roster import write_template

    write_template(folder)
    click.echo(f"Wrote {folder / 'roster-template.xlsx'} and the same as CSV files beside it.")


@roster.command()
@_file
@config_option
@_school
@_language
@json_option
def check(file: Path, config_path: Path, school: str, lang: str, *, as_json: bool) -> None:
    """Say everything that is wrong with a roster and what it would change; change nothing."""
    reading, plan = carry_out(_plan(file, config_path, school))
    _report(reading, plan, lang, as_json=as_json)
    if reading.fatal:
        raise click.exceptions.Exit(1)


@roster.command("apply")
@_file
@config_option
@_school
@_language
@json_option
def apply_(file: Path, config_path: Path, school: str, lang: str, *, as_json: bool) -> None:
    """Apply the good rows of a roster; the running bridge then makes the rooms."""
    reading, plan = carry_out(_plan(file, config_path, school, apply=True))
    _report(reading, plan, lang, as_json=as_json)
    if reading.fatal:
        raise click.ClickException("Nothing was imported: correct the file and try again.")


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


async def _plan(
    file: Path, config_path: Path, school: str, *, apply: bool = False
) -> tuple[Reading, Plan]:
    from sferum_bridge.roster import Plan, make_plan, read
    from sferum_bridge.store import enrol

    reading = read(file)
    if reading.fatal:
        return reading, Plan()
    async with database(config_path) as (config, db), db.write() as tx:
        school_id, timezone = await _school_of(tx, config, reading, school, create=apply)
        day = datetime.fromtimestamp(tx.now / 1000, UTC).astimezone(ZoneInfo(timezone)).date()
        plan = make_plan(reading.roster, await enrol.known(tx, school_id), day)
        if apply and not plan.empty:
            await enrol.carry_out(tx, school_id, plan, "console")
        return reading, plan


async def _school_of(
    tx: Tx, config: Config, reading: Reading, name: str, *, create: bool
) -> tuple[str, str]:
    from sferum_bridge.store import schools

    info = reading.roster.school
    name = name or (info.name if info else "")
    if not name:
        raise click.ClickException("The file does not name its school. Name it with --school.")
    timezone = (info.timezone if info else "") or config.school.timezone
    language = (info.language if info else "") or config.school.language
    known = {record.name: record for record in await schools.records(tx)}
    if name in known:
        # The zone in a file is for a new school; an existing one keeps its own.
        return known[name].id, known[name].timezone
    school_id = await schools.add(tx, name, timezone, language) if create else ""
    return school_id, timezone


def _report(reading: Reading, plan: Plan, lang: str, *, as_json: bool) -> None:
    from sferum_bridge.roster import problems_json, problems_table

    if as_json:
        show_json(
            {
                "problems": problems_json(reading),
                "plan": _counts(plan),
                "corrected": [asdict(each) for each in plan.corrected],
                "conflicts": [asdict(each) for each in plan.conflicts],
            }
        )
        return
    rows = [
        row._replace(severity=_GRAVE[lang][row.severity]) for row in problems_table(reading, lang)
    ]
    if rows:
        show(*_FINDINGS[lang], rows)
    if reading.fatal:
        return
    words = _RUSSIAN if lang == "ru" else _ENGLISH
    counted = [(words[key], count) for key, count in _counts(plan).items() if count]
    if counted:
        show("Что изменится" if lang == "ru" else "What changes", ("", ""), counted)
    else:
        click.echo("Изменений нет." if lang == "ru" else "Nothing changes.")
    if plan.conflicts:
        names = {p.key: f"{p.family_name} {p.given_name}" for p in reading.roster.people}
        doubts = [
            (names[each.key], _DOUBTS[lang][each.doubt], ", ".join(each.candidates))
            for each in plan.conflicts
        ]
        show(*_CONFLICTS[lang], doubts)
    if plan.corrected:
        show(*_CORRECTED[lang], [_corrected_row(each, lang) for each in plan.corrected])


def _corrected_row(each: Corrected, lang: str) -> tuple[str, str, str]:
    from sferum_bridge.school.corrections import Field, written

    listed, profile = (written(Field(each.field), v) or "—" for v in (each.listed, each.profile))
    told = _OUTCOMES[lang][each.outcome].format(listed=listed, profile=profile)
    return each.name, _FIELDS[lang][each.field], told


def _counts(plan: Plan) -> dict[str, Any]:
    return {key: len(getattr(plan, key)) for key in _ENGLISH}


_GRAVE = {
    "ru": {"fatal": "файл не принят", "error": "строка пропущена", "warning": "к сведению"},
    "en": {"fatal": "file refused", "error": "row left out", "warning": "note"},
}
_FINDINGS = {
    "ru": ("Замечания", ("", "Лист", "Строка", "Столбец", "Значение", "Что не так", "Что сделать")),
    "en": ("Findings", ("", "Sheet", "Row", "Column", "Value", "What is wrong", "What to do")),
}
_CONFLICTS = {
    "ru": ("Требуют решения", ("Кто", "Почему", "Номер в системе")),
    "en": ("To decide about", ("Who", "Why", "Id in the system")),
}
_DOUBTS = {
    "ru": {
        "id_reused": "номер из списка принадлежит другому человеку; оставлено как есть",
        "ambiguous": "подходят несколько человек; оставлено как есть",
        "namesake": "есть полный тёзка; вносится как новый человек",
        "erased": "данные уничтожены; чтобы снова внести: sferum-bridge privacy readmit",
        "last_administrator": "школа осталась бы без администратора; оставлен администратором",
    },
    "en": {
        "id_reused": "the id in the list is somebody else's; left as is",
        "ambiguous": "several people fit; left as is",
        "namesake": "somebody has the same name; added as somebody new",
        "erased": "the data were erased; to add again: sferum-bridge privacy readmit",
        "last_administrator": "the school would have no administrator; stays one",
    },
}
_CORRECTED = {
    "ru": ("Исправленное родителями", ("Кто", "Что", "Список и профиль")),
    "en": ("Corrected by parents", ("Who", "What", "List and profile")),
}
_FIELDS = {
    "ru": {
        "family_name": "фамилия",
        "given_name": "имя",
        "middle_name": "отчество",
        "birth_date": "дата рождения",
        "email": "почта",
        "phone": "телефон",
    },
    "en": {
        "family_name": "family name",
        "given_name": "given name",
        "middle_name": "patronymic",
        "birth_date": "date of birth",
        "email": "e-mail",
        "phone": "phone",
    },
}
_OUTCOMES = {
    "ru": {
        "kept": "список: {listed}, профиль: {profile} (исправил родитель)",
        "overruled": "список: {listed}, профиль: {profile} (исправил родитель); "
        "в списке новое, берётся оно",
        "agreed": "список: {listed}, профиль: {profile} (исправил родитель); совпало",
    },
    "en": {
        "kept": "list: {listed}, profile: {profile} (corrected by a parent)",
        "overruled": "list: {listed}, profile: {profile} (corrected by a parent); "
        "the list says something new and wins",
        "agreed": "list: {listed}, profile: {profile} (corrected by a parent); they agree",
    },
}
_ENGLISH = {
    "classes_to_add": "new classes",
    "people_to_add": "new people",
    "people_to_change": "people changed",
    "enrolments_to_add": "pupils into classes",
    "appointments_to_add": "appointments",
    "leaderships_to_add": "class teachers",
    "teachings_to_add": "subjects taught",
    "expected_parents_to_add": "guardians to expect",
    "to_end": "assignments ended",
    "missing": "people not in the file (nothing is done about them)",
    "conflicts": "people to decide about (left as they are)",
}
_RUSSIAN = {
    "classes_to_add": "новые классы",
    "people_to_add": "новые люди",
    "people_to_change": "изменённые люди",
    "enrolments_to_add": "зачисления в классы",
    "appointments_to_add": "должности",
    "leaderships_to_add": "классные руководители",
    "teachings_to_add": "преподавание предметов",
    "expected_parents_to_add": "ожидаемые родители",
    "to_end": "окончания",
    "missing": "нет в файле (с ними ничего не делается)",
    "conflicts": "требуют решения (оставлены как есть)",
}
