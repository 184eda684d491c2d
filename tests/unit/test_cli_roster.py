"""What the command line says of fields that a parent corrected: always, and in both languages."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.cli import roster_shown, roster_words
from sferum_bridge.cli.common import show_json
from sferum_bridge.roster import Known, Plan, Reading, Roster
from sferum_bridge.roster.diff import Diff
from sferum_bridge.roster.guards import Guard, Hold
from sferum_bridge.roster.matching import Doubt, Namesake
from sferum_bridge.roster.model import RosterKey, RosterPerson
from sferum_bridge.roster.plan import Corrected, Outcome
from sferum_bridge.school.corrections import SCHOOLS_OWN, Field
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import School
from sferum_bridge.store import batches, snapshots
from sferum_bridge.store.imports import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING_WRONG = Reading(Roster(), ())


def prepared(plan: Plan, reading: Reading = NOTHING_WRONG, *holds: Hold) -> Prepared:
    school = School("s", "Школа", {}, {})
    return Prepared(reading, Known(school), plan, Diff(date(2026, 9, 1), (), (), ()), holds)


def report(capsys: pytest.CaptureFixture[str], lang: str, corrected: Sequence[Corrected]) -> str:
    roster_shown.show_import(prepared(Plan(corrected=corrected)), lang)
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_a_difference_is_shown_as_list_and_profile(capsys: pytest.CaptureFixture[str]) -> None:
    kept = Corrected("p", "Алёна Ёлкина", "family_name", "Елкина", "Ёлкина", Outcome.KEPT)
    said = report(capsys, "ru", [kept])
    assert "Изменений нет." in said
    assert "список: Елкина, профиль: Ёлкина (исправил родитель)" in said
    new = Corrected("p", "A", "birth_date", "", "2014-03-12", Outcome.OVERRULED)
    said = report(capsys, "en", [new])
    assert "list: —, profile: 12.03.2014" in said
    assert "wins" in said


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("field", sorted(set(Field) - SCHOOLS_OWN))
def test_every_field_and_outcome_has_words(
    capsys: pytest.CaptureFixture[str], lang: str, outcome: Outcome, field: str
) -> None:
    each = Corrected("p", "Алёна Ёлкина", field, "", "", outcome)
    assert "Алёна Ёлкина" in report(capsys, lang, [each])


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt_has_words(capsys: pytest.CaptureFixture[str], lang: str, doubt: Doubt) -> None:
    person = RosterPerson(RosterKey("1"), "", "Парусов", "Илья")
    reading = Reading(Roster(people=(person,)), ())
    plan = Plan(conflicts=[Namesake(person.key, doubt, ("p",))])
    roster_shown.show_import(prepared(plan, reading), lang)
    assert "Парусов Илья" in capsys.readouterr().out


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("guard", Guard)
def test_every_hold_has_words(capsys: pytest.CaptureFixture[str], lang: str, guard: Guard) -> None:
    hold = Hold(guard, "pupil", 3, 20)
    work = prepared(Plan(), NOTHING_WRONG, hold)
    roster_shown.show_import(work, lang)
    said = capsys.readouterr().out
    assert "--confirm" in said
    assert f"--seen {work.seen}" in said
    assert json.loads(json.dumps(roster_shown.as_json(work)))["seen"] == work.seen


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_every_row_and_reason_of_an_undo_has_words(lang: str) -> None:
    assert {kept.table.name for kept in snapshots.KEPT} == set(roster_words.TABLES[lang])
    final = {batches.Kind.UNKNOWN, batches.Kind.EXPIRED, batches.Kind.UNDONE}
    assert set(batches.Kind) - final == set(roster_words.LEFT[lang])
    assert set(Kind) - {Kind.GATE} == set(roster_words.KINDS[lang])


def test_programs_get_ids_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    agreed = Corrected("p", "Алёна Ёлкина", "given_name", "Алёна", "Алёна", Outcome.AGREED)
    show_json(roster_shown.as_json(prepared(Plan(corrected=[agreed]))))
    assert json.loads(capsys.readouterr().out)["corrected"] == [
        {
            "person_id": "p",
            "name": "Алёна Ёлкина",
            "field": "given_name",
            "listed": "Алёна",
            "profile": "Алёна",
            "outcome": "agreed",
        }
    ]
