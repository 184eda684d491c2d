"""What is written in a form is read back, but for what the form cannot hold, which is said."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings

from sferum_bridge.roster import read
from sferum_bridge.roster.export import LEFT_OUT, write
from sferum_bridge.roster.export_oneroster import files
from sferum_bridge.roster.model import Form, RosterGuardian, RosterKey, RosterPerson, Severity
from sferum_bridge.roster.reader import read_grids
from tests.support import hostile
from tests.support.made_rosters import held, rosters
from tests.support.rosters import grids

if TYPE_CHECKING:
    from sferum_bridge.roster.model import Roster

GOOD = read_grids(grids()).roster
WAYS = [
    (Form.TEMPLATE, "a.xlsx", ""),
    (Form.TEMPLATE, "a.zip", ""),
    (Form.WIDE, "a.xlsx", ""),
    (Form.WIDE, "a.csv", ""),
    (Form.ONEROSTER, "a.zip", "1.1"),
    (Form.ONEROSTER, "a.zip", "1.2"),
]


def there_and_back(roster: Roster, form: Form, name: str, version: str) -> Roster:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(roster, path, form, version=version or "1.2")
        reading = read(path)
    worse = [each for each in reading.problems if each.severity is not Severity.WARNING]
    assert worse == []
    assert reading.form is form
    assert reading.roster.full
    return reading.roster


@pytest.mark.parametrize(("form", "name", "version"), WAYS)
def test_what_is_written_is_read_back(form: Form, name: str, version: str) -> None:
    @settings(
        max_examples=8 * (hostile.MORE or 50), deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(rosters())
    def holds(roster: Roster) -> None:
        # A file of OneRoster has at least one line.
        assume(form is not Form.ONEROSTER or any(t.status.enrolled for t in roster.enrolments))
        back = there_and_back(roster, form, name, version)
        assert held(back, form, version) == held(roster, form, version)

    holds()


def test_a_plain_school_loses_nothing_in_the_template(tmp_path: Path) -> None:
    assert write(GOOD, tmp_path / "a.xlsx", Form.TEMPLATE) == {}
    assert held(read(tmp_path / "a.xlsx").roster, Form.TEMPLATE) == held(GOOD, Form.TEMPLATE)


@pytest.mark.parametrize(
    ("form", "codes"),
    [
        (Form.WIDE, {"staff", "relations", "denied", "classes"}),
        (Form.ONEROSTER, {"relations", "denied", "classes"}),
    ],
)
def test_what_a_form_cannot_hold_is_counted(tmp_path: Path, form: Form, codes: set[str]) -> None:
    key = RosterKey(name="нет", line="x")
    denied = RosterGuardian(GOOD.enrolments[0].person, key, access=False, ground="суд")
    more = replace(
        GOOD,
        people=(*GOOD.people, RosterPerson(key, "", "Икс", "Ян")),
        guardians=(*GOOD.guardians, denied),
    )
    lost = write(more, tmp_path / "a.zip", form)
    assert codes <= set(lost)
    assert set(lost) <= set(LEFT_OUT)
    assert lost["denied"] == 1
    assert b"\xd0\x98\xd0\xba\xd1\x81" not in (tmp_path / "a.zip").read_bytes()


def test_cells_that_look_like_formulas_are_disarmed_in_every_form(tmp_path: Path) -> None:
    people = tuple(replace(one, family_name="=HYPERLINK(1)") for one in GOOD.people)
    roster = replace(GOOD, people=people)
    write(roster, tmp_path / "a.csv", Form.WIDE)
    assert ";'=HYPERLINK(1);" in (tmp_path / "a.csv").read_text("utf-8-sig")

    written = files(roster, "1.2", Counter())["users.csv"].decode()
    assert ",'=HYPERLINK(1)," in written
    assert ",=HYPERLINK" not in written
