"""`sferum-bridge school`: what schools there are, and who works there; orders are in `staffing`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli import staffing, year
from sferum_bridge.cli.common import (
    carry_out,
    config_option,
    database,
    json_option,
    school_option,
    show,
    show_json,
)
from sferum_bridge.cli.staffing import ROLES, find_school

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.people import School
    from sferum_bridge.school.staffing import Assignment
    from sferum_bridge.store.schools import SchoolRecord


@click.group()
def school() -> None:
    """See schools and their staff; appoint, dismiss, hand classes over, move pupils.

    PERSON is a name as in the school's lists, the id of a person, or a Matrix account.
    """


@school.command("list")
@config_option
@json_option
def list_(config_path: Path, *, as_json: bool) -> None:
    """List schools and classes, with how many people they have today."""
    rows = carry_out(_list(config_path))
    if as_json:
        show_json(rows)
    else:
        columns = ("School", "Class", "Year", "Pupils", "Parents", "Class teachers", "Staff")
        show("Schools", columns, [tuple(row.values()) for row in rows])


@school.command()
@config_option
@school_option
@click.option("--all", "past", is_flag=True, help="With roles that are over.")
@json_option
def staff(config_path: Path, school: str, *, past: bool, as_json: bool) -> None:
    """List who has which role, from when to when, and who gave it."""
    rows = carry_out(_staff(config_path, school, past=past))
    if as_json:
        show_json(rows)
    else:
        columns = ("School", "Person", "Id", "Role", "Of", "From", "Until", "Given by", "Given on")
        show("Staff", columns, [tuple(row.values()) for row in rows])


for command in (staffing.appoint, staffing.dismiss, staffing.hand_over, staffing.transfer):
    school.add_command(command)
school.add_command(year.year)


async def _list(config_path: Path) -> list[dict[str, Any]]:
    from sferum_bridge.school import access
    from sferum_bridge.store import schools

    rows: list[dict[str, Any]] = []
    async with database(config_path) as (_, db), db.read() as tx:
        for record in await schools.records(tx):
            here = await schools.load(tx, record.id)
            today = access.reasons(here, record.day(tx.now))
            named = {"school": record.name, "class": "", "year": ""}
            rows.append(named | _counts(list(today.values())))
            for each in sorted(here.classes.values(), key=lambda c: (c.year, c.name)):
                of_class = [[r for r in why if r.class_id == each.id] for why in today.values()]
                rows.append({**named, "class": each.name, "year": each.year, **_counts(of_class)})
    return rows


def _counts(people: Sequence[Sequence[Reason]]) -> dict[str, int]:
    """Count people by what they are, each once."""
    from sferum_bridge.school.access import Role

    def having(*roles: Role) -> int:
        return sum(any(reason.role in roles for reason in why) for why in people)

    return {
        "pupils": having(Role.PUPIL),
        "parents": having(Role.PARENT),
        "class_teachers": having(Role.CLASS_TEACHER),
        "staff": having(Role.STAFF, Role.CLASS_TEACHER, Role.TEACHER),
    }


async def _staff(config_path: Path, name: str, *, past: bool) -> list[dict[str, str]]:
    from sferum_bridge.store import schools
    from sferum_bridge.store import staffing as stored

    rows = []
    async with database(config_path) as (_, db), db.read() as tx:
        records = await schools.records(tx)
        chosen = [await find_school(tx, name)] if name else records
        for record in chosen:
            here = await schools.load(tx, record.id)
            given = await stored.given_by(tx, here)
            today = record.day(tx.now)
            ties: list[Assignment]
            ties = [*here.appointments, *here.leaderships, *here.teachings]
            for tie in ties:
                if past or tie.term.until is None or tie.term.until >= today:
                    actor, at = given.get(tie, ("", 0))
                    rows.append(_staff_row(record, here, tie, actor, at))
    return sorted(rows, key=lambda row: tuple(row.values()))


def _staff_row(
    record: SchoolRecord, here: School, tie: Assignment, actor: str, at: int
) -> dict[str, str]:
    from sferum_bridge.school.people import Appointment, Teaching

    giver = here.people.get(actor)
    on = record.day(at)
    of = "" if isinstance(tie, Appointment) else here.classes[tie.class_id].name
    if isinstance(tie, Teaching) and tie.subject:
        of = f"{of}, {tie.subject}"
    kind = "teaching" if isinstance(tie, Teaching) else "leadership"
    return {
        "school": record.name,
        "person": here.people[tie.person_id].full_name,
        "id": tie.person_id,
        "role": tie.post.value if isinstance(tie, Appointment) else ROLES[kind],
        "of": of,
        "from": str(tie.term.since or ""),
        "until": str(tie.term.until or ""),
        "given_by": giver.full_name if giver else actor,
        "given_on": str(on) if at else "",
    }
