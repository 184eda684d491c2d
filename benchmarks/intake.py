"""Whole schools from a roster file, with accounts for everybody and parents who have confirmed.

The file is applied by the command that a school's administrator types, as a process of its own. So
that thousands can be brought in, accounts are written straight into the homeserver's tables, which
has to be on PostgreSQL: nobody signs in to them, and nothing but the password is missing. A parent
becomes one as a confirmation makes it, by a link; before that nobody is a member.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from openpyxl import load_workbook

from benchmarks.enrolling import Account, Enrolled, Size, class_names
from benchmarks.figures import FigureError
from benchmarks.hollow import DOMAIN
from sferum_bridge import config as settings
from sferum_bridge.app import opened_database
from sferum_bridge.roster import write_sample
from sferum_bridge.school import access
from sferum_bridge.school.people import LinkState, ParentLink
from sferum_bridge.store import accounts, kin, schools
from tests.support.crowd import apply_roster, register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.stage import Stage
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.database import Database, Tx
    from tests.support.postgres import PostgresServer

_FIRST_MONTH = 9
_LINKS_A_TRANSACTION = 200


@dataclass(frozen=True, slots=True)
class Crowd:
    """How big a school is: its `size`, and how many parents have confirmed."""

    size: Size
    parents: int

    @property
    def described(self) -> str:
        """Say it."""
        pupils = self.size.classes * self.size.pupils_a_class
        return (
            f"{pupils} pupils and {self.parents} parents in {self.size.classes} classes, "
            f"{self.size.staff} staff"
        )


@dataclass(frozen=True, slots=True)
class Intake:
    """A school that was imported; no room exists yet."""

    school: Enrolled
    roster: Path
    """The file it came from."""
    applied_seconds: float
    """What applying the file took, the start of the command included."""

    @property
    def memberships(self) -> int:
        """Count who has to be in which room, the bot aside."""
        return sum(len(room.members) for room in self.school.wanted)


async def imported(stage: Stage, postgres: PostgresServer, name: str, crowd: Crowd) -> Intake:
    """Import a made-up school of that size into a fresh installation of the bridge.

    Raises:
        FigureError: The roster was not taken as it is.
    """
    address = (await postgres.fresh_database()).url
    folder = stage.installation(name, database=address)
    roster = folder / "roster.xlsx"
    await asyncio.to_thread(_write, roster, crowd.size)
    seconds = await applied(folder, roster)
    config = settings.load(folder / "config.yaml")
    async with opened_database(config, folder) as db:
        async with db.read() as tx:
            (record,) = await schools.records(tx)
        await _confirm(db, record.id, crowd.parents)
        async with db.read() as tx:
            school = await schools.load(tx, record.id)
        day = datetime.now(ZoneInfo(record.timezone)).date()
        people = [school.people[person_id] for person_id in access.groups(school, day)]
        expected = crowd.size.people + crowd.parents - _both(school, people)
        if len(people) != expected:
            raise FigureError(f"{len(people)} of {expected} people came out of the roster")
        ours, twins = _logins(people, "own"), _logins(people, "twin")
        if stage.database is None:
            raise FigureError("thousands of accounts need a homeserver on PostgreSQL")
        named = [(side[p.id].mxid, p.full_name) for side in (ours, twins) for p in people]
        await register(stage.database, named)
        async with db.write() as tx:
            for person_id, account in ours.items():
                await accounts.add_account(tx, account.mxid, person_id)
    enrolled = Enrolled(folder, config, school, day, record.language, ours, twins)
    return Intake(enrolled, roster, seconds)


async def applied(folder: Path, roster: Path) -> float:
    """Apply a roster as an administrator does; return the seconds it took.

    Raises:
        FigureError: It was refused.
    """
    begin = time.perf_counter()
    if why := await apply_roster(folder / "config.yaml", roster):
        raise FigureError(f"the roster was not applied: {why}")
    return time.perf_counter() - begin


def with_one_moved(intake: Intake, person_id: str, class_name: str) -> Path:
    """Write the roster anew with one pupil in another class; return the file.

    Raises:
        FigureError: The file does not name the pupil.
    """
    person = intake.school.school.people[person_id]
    whose = (person.family_name, person.given_name, person.middle_name)
    book = load_workbook(intake.roster)
    sheet = book["Ученики"]
    # A star marks a column that has to be filled in.
    header = [str(cell.value).rstrip(" *") for cell in sheet[1]]
    names = [header.index(title) for title in ("Фамилия", "Имя", "Отчество")]
    rows = [
        row
        for row in sheet.iter_rows(min_row=2)
        if tuple(row[column].value for column in names) == whose
    ]
    if len(rows) != 1:
        raise FigureError(f"{len(rows)} rows of the roster are the pupil's who is to move")
    rows[0][header.index("Класс")].value = class_name
    path = intake.roster.with_name("moved.xlsx")
    book.save(path)
    return path


def _write(path: Path, size: Size) -> None:
    today = datetime.now(UTC).date()
    write_sample(
        path,
        class_names=class_names(size.classes),
        pupils_per_class=size.pupils_a_class,
        staff=size.staff,
        year=today.year - (today.month < _FIRST_MONTH),
    )


async def _confirm(db: Database, school_id: str, most: int) -> None:
    """Have so many of the parents whom the roster names confirm, each every child."""
    async with db.read() as tx:
        school = await schools.load(tx, school_id)
    expected = [one for one in school.expected_parents if one.access]
    parents = list(dict.fromkeys(one.parent_id for one in expected))[:most]
    if len(parents) < most:
        raise FigureError(f"the roster names {len(parents)} of {most} parents")
    chosen = set(parents)
    links = [one for one in expected if one.parent_id in chosen]
    for at in range(0, len(links), _LINKS_A_TRANSACTION):
        async with db.write() as tx:
            for one in links[at : at + _LINKS_A_TRANSACTION]:
                await _link(tx, ParentLink(one.child_id, one.parent_id, LinkState.ACTIVE))


async def _link(tx: Tx, link: ParentLink) -> None:
    if (answer := await kin.link(tx, link, link.parent_id, "benchmark")) is not None:
        raise FigureError(f"a parent was not linked: {answer}")


def _both(school: School, people: Sequence[Person]) -> int:
    """Count staff who are parents too: they are one person each."""
    staff = {one.person_id for one in school.appointments}
    parents = {one.parent_id for one in school.parent_links}
    return len(staff & parents & {person.id for person in people})


def _logins(people: Sequence[Person], kind: str) -> dict[str, Account]:
    return {person.id: Account(f"@{kind}-{secrets.token_hex(6)}:{DOMAIN}", "") for person in people}
