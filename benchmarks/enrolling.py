"""Schools to measure with: a made-up roster applied to a bridge, accounts for everybody in it.

Everybody gets two accounts: one that the bridge knows, and a twin for the bare client, so that
neither side meets accounts which the other has already put into rooms.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from benchmarks.figures import FigureError
from sferum_bridge import config as settings
from sferum_bridge.app import opened_database, opened_homeserver, registrar
from sferum_bridge.bot.texts import Texts
from sferum_bridge.roster import make_plan, read, write_sample
from sferum_bridge.school import access
from sferum_bridge.school.layout import layout
from sferum_bridge.store import enrol, rooms, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.matrix.accounts import Registrar
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.database import Database

_ACCOUNTS_AT_ONCE = 4
_GRADES = (1, 5, 7, 8, 9, 10, 2, 3, 4, 6, 11)
# So many that there may be classes for a thousand chats.
_LETTERS = [*"АБВГДЕЖЗИК", *(f"{a}{b}" for a in "АБВГДЕЖ" for b in "ЛМНПР")]
_FIRST_MONTH = 9


@dataclass(frozen=True, slots=True)
class Size:
    """How big a school is; parents have no accounts yet, so they do not count."""

    classes: int
    pupils_a_class: int
    staff: int

    @property
    def people(self) -> int:
        """Return how many people get an account."""
        return self.classes * self.pupils_a_class + self.staff


@dataclass(frozen=True, slots=True)
class Account:
    """A Matrix account and its password."""

    mxid: str
    password: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A school in the database of the bridge whose settings lie in `folder`; no room exists yet."""

    folder: Path
    config: Config
    school: School
    day: date
    language: str
    accounts: Mapping[str, Account]
    """By person: what the bridge knows."""
    twins: Mapping[str, Account]
    """By person: what only the bare client uses."""

    @property
    def wanted(self) -> Sequence[WantedRoom]:
        """Return every space and room that the school should have."""
        return layout(self.school, self.day)

    @property
    def events_wanted(self) -> int:
        """Count what has to happen: rooms, memberships, rooms hung into spaces."""
        return sum(1 + len(room.members) + bool(room.parent) for room in self.wanted)

    def names(self) -> Mapping[str, str]:
        """Return what each room is to be called, by its key."""
        texts, classes = Texts(), self.school.classes
        return {
            room.key: texts.room_name(
                room.kind,
                classes[room.class_id] if room.class_id else None,
                self.school.name,
                self.language,
            )
            for room in self.wanted
        }

    async def room_ids(self) -> Mapping[str, str]:
        """Return the rooms that the bridge has made, by key."""
        async with opened_database(self.config, self.folder) as db, db.read() as tx:
            known = await rooms.of_school(tx, self.school.id)
        return {key: record.room_id for key, record in known.items() if record.room_id}

    async def touch(self) -> None:
        """Say that other rooms may be wanted; a running bridge looks within seconds."""
        async with opened_database(self.config, self.folder) as db, db.write() as tx:
            await schools.changed(tx, self.school.id)


def class_names(count: int) -> Sequence[str]:
    """Return names for so many classes, of all grades."""
    return [f"{grade}{letter}" for letter in _LETTERS for grade in _GRADES][:count]


async def enrolled(folder: Path, size: Size) -> Enrolled:
    """Apply a roster of that size to the bridge in `folder`, and make the accounts.

    Raises:
        FigureError: The roster was not taken as it is.
    """
    config = settings.load(folder / "config.yaml")
    async with opened_database(config, folder) as db, opened_homeserver(config) as homeserver:
        record = await _apply(db, folder, size)
        day = datetime.now(ZoneInfo(record.timezone)).date()
        async with db.read() as tx:
            school = await schools.load(tx, record.id)
        people = [school.people[person_id] for person_id in access.groups(school, day)]
        if len(people) != size.people:
            raise FigureError(f"{len(people)} of {size.people} people came out of the roster")
        accounts, twins = await _accounts(registrar(config, db, homeserver), people)
        return Enrolled(folder, config, school, day, record.language, accounts, twins)


async def _apply(db: Database, folder: Path, size: Size) -> schools.SchoolRecord:
    today = datetime.now(UTC).date()
    path = folder / "roster.xlsx"
    write_sample(
        path,
        class_names=class_names(size.classes),
        pupils_per_class=size.pupils_a_class,
        staff=size.staff,
        year=today.year - (today.month < _FIRST_MONTH),
    )
    reading = await asyncio.to_thread(read, path)
    info = reading.roster.school
    if reading.fatal or info is None:
        raise FigureError("the made-up roster cannot be read")
    async with db.write() as tx:
        school_id = await schools.add(tx, info.name, info.timezone, info.language)
        plan = make_plan(reading.roster, await enrol.known(tx, school_id), today)
        await enrol.carry_out(tx, school_id, plan, "benchmark")
    async with db.read() as tx:
        (record,) = await schools.records(tx)
    return record


async def _accounts(
    maker: Registrar, people: Sequence[Person]
) -> tuple[dict[str, Account], dict[str, Account]]:
    accounts: dict[str, Account] = {}
    twins: dict[str, Account] = {}
    at_once = asyncio.Semaphore(_ACCOUNTS_AT_ONCE)

    async def make(person: Person) -> None:
        async with at_once:
            accounts[person.id] = Account(*await maker.create(person))
            name, password = f"twin-{secrets.token_hex(5)}", secrets.token_urlsafe(9)
            twins[person.id] = Account(
                await maker.register(name, person.full_name, password), password
            )

    async with asyncio.TaskGroup() as tasks:
        for person in people:
            tasks.create_task(make(person))
    return accounts, twins
