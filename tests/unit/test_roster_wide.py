"""Wide sheets as journals and registers give them: whatever they look like, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.roster import read
from sferum_bridge.roster.model import Form, Reading, Relation, Severity
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.roster.sheets import Grid
from sferum_bridge.roster.titles import Meaning, meaning

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[list[Any]]
TITLE = ["Список учащихся школы № 7 на 2026/2027 учебный год"]
HEADER = ["№ п/п", "ФИО", "Класс", "Д.р.", "Родитель 1 ФИО", "Родитель 1 почта", "Тел. родителя 1"]
LINE = [1.0, "Облачкова Алёна Луновна", "5 «А»", 41712.0, "Облачкова Ольга", "o@example.org",
        80000000017.0]  # fmt: skip


def wide(*rows: list[Any], name: str = "Лист1", year: str = "", **more: Any) -> Reading:
    return read_grids([Grid(name, list(rows), **more)], year=year)


def codes(reading: Reading) -> list[tuple[str, int, str]]:
    return [(each.code, each.row, each.column) for each in reading.problems]


@pytest.mark.parametrize(
    ("title", "means"),
    [
        ("Ф.И.О.", Meaning("full_name")),
        ("Фамилия Имя Отчество", Meaning("full_name")),
        ("ФИО учащегося", Meaning("full_name")),
        ("фамилия_ученика", Meaning("family_name")),
        ("email_ученика", Meaning("email")),
        ("E-mail", Meaning("email")),
        ("Эл.почта", Meaning("email")),
        ("Адрес электронной почты", Meaning("email")),
        ("Моб. телефон", Meaning("phone")),
        ("Дата рожд.", Meaning("birth_date")),
        ("Литера", Meaning("letter")),
        ("телефон_родителя2", Meaning("phone", "2")),
        ("ФИО родителя (законного представителя)", Meaning("full_name", "1")),
        ("Родитель 2", Meaning("full_name", "2")),
        ("ФИО матери", Meaning("full_name", "mother", Relation.MOTHER)),
        ("Телефон отца", Meaning("phone", "father", Relation.FATHER)),
        ("№ п/п", Meaning("")),
        ("СНИЛС", None),
        ("Домашний адрес", None),
        ("Дата рождения родителя 1", None),
    ],
)
def test_titles_are_understood(title: str, means: Meaning | None) -> None:
    assert meaning(title) == means


def test_a_line_a_pupil() -> None:
    reading = wide(TITLE, [], HEADER, LINE, ["", "Всего: 1"])
    assert (reading.problems, reading.form) == ((), Form.WIDE)
    roster = reading.roster
    assert [(each.name, each.year) for each in roster.classes] == [("5А", "2026/2027")]
    pupil, parent = roster.people
    assert (pupil.family_name, pupil.given_name, pupil.middle_name) == (
        "Облачкова", "Алёна", "Луновна",
    )  # fmt: skip
    assert str(pupil.birth_date) == "2014-03-14"
    assert (parent.email, parent.phone) == ("o@example.org", "+70000000017")
    assert [(tie.child, tie.parent) for tie in roster.guardians] == [(pupil.key, parent.key)]
    assert roster.tells_of == {"pupil", "guardian"}


def test_a_sheet_for_each_class_named_after_it_or_by_a_line_above() -> None:
    header = ["Фамилия", "Имя"]
    reading = read_grids(
        [
            Grid("5А", [["2026-27 уч. год"], header, ["Икс", "Ян"]]),
            Grid("Лист2", [["Список 6 «Б» класса"], header, ["Игрек", "Яна"]]),
            Grid("Справка", [["Читай меня"]]),
        ]
    )
    assert codes(reading) == [("sheet_unread", 0, "")]
    assert [tie.class_name for tie in reading.roster.enrolments] == ["5А", "6Б"]
    assert {each.year for each in reading.roster.classes} == {"2026/2027"}


def test_grade_and_letter_in_columns_of_their_own() -> None:
    header = ["Параллель", "Литера", "Фамилия", "Имя"]
    reading = wide(header, [5.0, "а", "Икс", "Ян"], ["V", "А", "Игрек", "Ян"], year="2026/2027")
    assert [tie.class_name for tie in reading.roster.enrolments] == ["5А"]
    assert codes(reading) == [("class_roman", 3, "Параллель")]
    assert dict(reading.problems[0].params)["hint"] == "5А"


def test_titles_merged_over_several_columns_stand_before_each_of_them() -> None:
    top = ["Ученик", "", "", "Родитель 1", "", "Родитель 2", ""]
    header = ["Фамилия", "Имя", "Класс", "ФИО", "Телефон", "ФИО", "Телефон"]
    line = ["Икс", "Ян", "5А", "Икс Яна", "89000000001", "Икс Пётр", "89000000002"]
    reading = wide(top, header, line, year="2026/2027", merged=[(0, 0, 2), (0, 3, 4), (0, 5, 6)])
    assert reading.problems == ()
    assert [one.given_name for one in reading.roster.people] == ["Ян", "Яна", "Пётр"]


@pytest.mark.parametrize(
    ("name", "code", "parts"),
    [
        ("Мамедов Али Ахмед оглы", "", ("Мамедов", "Али", "Ахмед оглы")),
        ("Туманов-Росинкин Лев", "", ("Туманов-Росинкин", "Лев", "")),
        ("Икс Анна Мария Яновна", "name_split", ("Икс", "Анна", "Мария Яновна")),
        ("Иванов И.И.", "name_initials", None),
        ("Иванов", "name_parts", None),
        ("Иванов 12", "name_bad", None),
    ],
)
def test_names_in_one_cell(name: str, code: str, parts: tuple[str, ...] | None) -> None:
    reading = wide(["ФИО", "Класс"], [name, "5А"], year="2026/2027")
    assert [each[0] for each in codes(reading)] == [code] * bool(code)
    found = [(one.family_name, one.given_name, one.middle_name) for one in reading.roster.people]
    assert found == ([parts] if parts else [])


def test_a_bad_parent_does_not_cost_the_pupil() -> None:
    header = ["ФИО", "Класс", "ФИО матери", "Телефон матери", "ФИО отца", "Почта отца"]
    reading = wide(
        header, ["Икс Ян", "5А", "Икс Я.П.", "12", "", "x@example.org"], year="2026/2027"
    )
    assert [(each.code, each.column) for each in reading.problems] == [
        ("phone_bad", "Телефон матери"),
        ("name_initials", "ФИО матери"),
        ("parent_unnamed", "Фамилия"),
    ]
    assert all(each.severity is Severity.WARNING for each in reading.problems)
    assert len(reading.roster.people) == 1


def test_personal_columns_are_dropped_and_the_year_has_to_be_known() -> None:
    reading = wide([*HEADER, "СНИЛС", "Группа здоровья"], [*LINE, "000-111-222 33", "II"])
    assert [each.title for each in reading.dropped_columns] == ["СНИЛС", "Группа здоровья"]
    assert all(each.personal for each in reading.dropped_columns)
    assert "000-111" not in repr(reading)
    assert [each[0] for each in codes(reading)][-1] == "year_unsaid"
    assert reading.fatal


def test_hidden_sheets_are_not_read_and_siblings_meet_only_by_name_and_contact() -> None:
    mother = ["Облачкова Ольга", "o@example.org", ""]
    lines: Rows = [
        [2, "Облачков Лев", "6Б", "", *mother],
        [3, "Облачков Ян", "6Б", "", mother[0], "", ""],
    ]
    pupils: Rows = [TITLE, HEADER, LINE, *lines]
    shown = Grid("Лист1", pupils)
    old: Rows = [HEADER, [9, "Старый Ученик", "5А"]]
    hidden = Grid("Лист2", old, hidden=True)
    reading = read_grids([shown, hidden])
    assert [each.code for each in reading.problems] == ["sheet_hidden"]
    assert len({tie.parent for tie in reading.roster.guardians}) == 2
    assert "Старый" not in repr(reading.roster)


def test_a_line_that_is_there_again_on_another_sheet_is_taken_once() -> None:
    rows: Rows = [TITLE, ["Ид", *HEADER[1:]], LINE]
    one, other = (Grid(name, rows) for name in ("Лист1", "Лист2"))
    reading = read_grids([one, other])
    assert {each.severity for each in reading.problems} == {Severity.WARNING}
    assert [each.code for each in reading.problems] == ["row_twice", "parent_twice"]
    assert reading.roster == read_grids([one]).roster


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r", "cp866"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_of_any_program(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [["Список 5А класса, 2026/2027 учебный год"], ["Фамилия", "Имя", "Класс", "Моб.тел"],
             ["Щукина", "Юлия", "5А", "8 (900) 000-00-01"]]  # fmt: skip
    text = "\r\n".join(delimiter.join(line) for line in lines).replace("класса, ", "класса ")
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    reading = read(tmp_path / "a.csv")
    assert reading.problems == ()
    assert [(one.family_name, one.phone) for one in reading.roster.people] == [
        ("Щукина", "+79000000001")
    ]
