"""What is stored is written, and read back as nothing new; spellings meet (scenario 23)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.roster import make_plan, read
from sferum_bridge.roster.export import write
from sferum_bridge.roster.model import Form, Severity
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.store import enrol, listing, schools
from tests.support import databases
from tests.support.rosters import GOOD, grids

if TYPE_CHECKING:
    from pathlib import Path

    from sferum_bridge.roster import Plan, Roster
    from sferum_bridge.store.database import Database, Tx

database_url = databases.database_url
clock = databases.clock
database = databases.database

NFD = unicodedata.normalize("NFD", "Ёжикова-Йогуртова")


async def imported(tx: Tx, school_id: str, roster: Roster) -> Plan:
    plan = make_plan(roster, await enrol.known(tx, school_id), databases.DAY)
    await enrol.carry_out(tx, school_id, plan, "test")
    return plan


@pytest.mark.parametrize(
    ("form", "name", "version"),
    [
        (Form.TEMPLATE, "a.zip", ""),
        (Form.WIDE, "a.csv", ""),
        (Form.ONEROSTER, "a.zip", "1.1"),
        (Form.ONEROSTER, "a.zip", "1.2"),
    ],
)
async def test_what_is_exported_changes_nothing_when_it_is_imported(
    database: Database, tmp_path: Path, form: Form, name: str, version: str
) -> None:
    async with database.write() as tx:
        school_id = await schools.add(tx, "Школа № 7", "Europe/Moscow", "ru")
        await imported(tx, school_id, read_grids(grids()).roster)
    async with database.read() as tx:
        record = await schools.record(tx, school_id)
        assert record is not None
        roster = await listing.roster(tx, record)
        write(roster, tmp_path / name, form, version=version or "1.2")
        back = read(tmp_path / name)
        assert [each for each in back.problems if each.severity is not Severity.WARNING] == []
        plan = make_plan(back.roster, await enrol.known(tx, school_id), databases.DAY)
    assert not plan.people_to_add
    assert not plan.people_to_change
    assert not plan.enrolments_to_add
    assert not plan.leaderships_to_add
    assert not plan.missing
    if form is Form.TEMPLATE:
        assert plan.empty


def spelled(*, again: bool) -> list[list[Any]]:
    """Return pupils as one program writes them, and as another does."""
    rows = GOOD["Ученики"]
    if again:
        return [
            rows[0],
            ["", "ЁЖИКОВА-ЙОГУРТОВА", "Алена", "", "14.03.2014", "5 «а»"],
            ["", "Петров-Водкин", "Лев", "", "2014-05-01", "05А"],
            ["", "Щукин", "Юрий", "", 41712.0, "1С"],
        ]
    return [
        rows[0],
        ["", NFD, " Алёна\u00a0", "", "14.03.2014", "5A"],
        ["", "Петров\u2011Водкин", "Лев  ", "", "01.05.2014", "5-A класс"],
        ["", "Щукин", "Юрий", "", "14.03.2014", "1C"],
    ]


async def test_other_spellings_are_nobody_new(database: Database) -> None:
    classes = [*GOOD["Классы"], ["1С", "2026/2027", "", "", ""]]
    first, second = (
        read_grids(grids(Ученики=spelled(again=again), Родители=[], Классы=classes))
        for again in (False, True)
    )
    for reading in (first, second):
        assert [each.code for each in reading.problems if each.severity is Severity.ERROR] == []
    async with database.write() as tx:
        school_id = await schools.add(tx, "Школа № 7", "Europe/Moscow", "ru")
        await imported(tx, school_id, first.roster)
        plan = await imported(tx, school_id, second.roster)
        school = await schools.load(tx, school_id)
    assert plan.empty
    names = {person.family_name for person in school.people.values()}
    assert names >= {"Ёжикова-Йогуртова", "Петров-Водкин", "Щукин"}
    assert sorted(each.name for each in school.classes.values()) == ["1С", "5А", "6Б"]
