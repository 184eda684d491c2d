"""What the command line says of fields that a parent corrected: always, and in both languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.cli.roster import _report
from sferum_bridge.roster import Plan, Reading, Roster
from sferum_bridge.roster.matching import Doubt, Namesake
from sferum_bridge.roster.model import RosterPerson
from sferum_bridge.roster.plan import Corrected, Outcome
from sferum_bridge.school.corrections import SCHOOLS_OWN, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING_WRONG = Reading(Roster(), ())


def report(capsys: pytest.CaptureFixture[str], lang: str, corrected: Sequence[Corrected]) -> str:
    _report(NOTHING_WRONG, Plan(corrected=corrected), lang, as_json=False)
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
    person = RosterPerson("key", "", "Парусов", "Илья")  # type: ignore[arg-type]  # any key will do
    reading = Reading(Roster(people=(person,)), ())
    _report(reading, Plan(conflicts=[Namesake(person.key, doubt, ("p",))]), lang, as_json=False)
    assert "Парусов Илья" in capsys.readouterr().out


def test_programs_get_ids_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    agreed = Corrected("p", "Алёна Ёлкина", "given_name", "Алёна", "Алёна", Outcome.AGREED)
    _report(NOTHING_WRONG, Plan(corrected=[agreed]), "ru", as_json=True)
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
