"""What is written is what is read: the shipped template and school, and the texts of the report."""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from sferum_bridge.roster import (
    Known,
    Roster,
    columns,
    make_plan,
    messages,
    read,
    write_sample,
    write_template,
)
from sferum_bridge.roster.template import FOLDER, WORKBOOK, Value, write_csv, write_workbook
from sferum_bridge.roster.template_reader import _KINDS
from sferum_bridge.school.people import School

CONFIG = Path(__file__).parents[2] / "config"
PACKAGE = Path(columns.__file__).parent


def content(path: Path) -> object:
    book = load_workbook(path)
    return {
        page.title: [
            [(cell.value, cell.number_format, cell.comment and cell.comment.text) for cell in row]
            for row in page.iter_rows()
        ]
        for page in book.worksheets
    }


def test_the_shipped_template_is_the_one_the_code_writes(tmp_path: Path) -> None:
    write_template(tmp_path)
    assert content(CONFIG / WORKBOOK) == content(tmp_path / WORKBOOK)
    made = {file.name: file.read_bytes() for file in (tmp_path / FOLDER).iterdir()}
    assert made == {file.name: file.read_bytes() for file in (CONFIG / FOLDER).iterdir()}
    assert len(made) == len(columns.SHEETS)


def test_the_shipped_school_is_the_one_the_code_writes(tmp_path: Path) -> None:
    write_sample(tmp_path / "demo-school.xlsx")
    assert content(CONFIG / "demo-school.xlsx") == content(tmp_path / "demo-school.xlsx")


@pytest.mark.parametrize("name", [WORKBOOK, FOLDER])
def test_the_empty_template_is_read_as_an_empty_school(name: str) -> None:
    reading = read(CONFIG / name)
    assert (reading.problems, reading.dropped_columns) == ((), ())
    told = reading.roster
    assert told == Roster(tells_of=told.tells_of, days_told=told.days_told)


def test_every_column_has_its_place_in_a_row() -> None:
    for sheet in columns.SHEETS:
        kind, _ = _KINDS[sheet.name]
        places = {each.name for each in fields(kind)} - {"row", "sheet", "slot", "made_up"}
        assert {column.field for column in sheet.columns} == places


def test_the_demo_school_is_whole() -> None:
    reading = read(CONFIG / "demo-school.xlsx")
    roster = reading.roster
    assert reading.problems == ()
    assert roster.school is not None
    assert roster.school.timezone == "Europe/Moscow"
    assert [each.name for each in roster.classes] == ["1А", "5А", "5Б", "7В", "9А", "10-ИТ"]
    sizes = Counter(tie.class_name for tie in roster.enrolments)
    assert set(sizes.values()) == {8}
    assert Counter(tie.class_name for tie in roster.leaderships) == dict.fromkeys(sizes, 1)
    staff = {tie.person for tie in roster.appointments}
    assert len(staff) == 12
    assert sum(tie.post == "administrator" for tie in roster.appointments) == 1
    parents = Counter(tie.parent for tie in roster.guardians)
    assert staff & set(parents), "somebody is teacher and parent"
    assert max(parents.values()) >= 2, "somebody has two children here"
    per_child = Counter(Counter(tie.child for tie in roster.guardians).values())
    assert per_child[2] > per_child[1] > 0
    pupils = {tie.person for tie in roster.enrolments}
    birthdays = [person.birth_date for person in roster.people if person.key in pupils]
    assert None in birthdays
    assert sum(day is not None for day in birthdays) > 30


def test_a_sample_of_any_size_is_read_without_a_word(tmp_path: Path) -> None:
    names = [f"{grade}{letter}" for grade in range(1, 5) for letter in "АБВ"]
    path = tmp_path / "big.xlsx"
    write_sample(path, class_names=names, pupils_per_class=25, staff=20, seed=3)
    reading = read(path)
    assert reading.problems == ()
    assert len(reading.roster.enrolments) == 300
    plan = make_plan(reading.roster, Known(School("s", "", {}, {})), date(2026, 9, 1))
    assert len(plan.people_to_add) == len(reading.roster.people)
    with pytest.raises(ValueError, match="class teacher"):
        write_sample(path, class_names=names, staff=12)


def test_cells_that_look_like_formulas_are_disarmed_and_come_back(tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Value]]] = {
        "Школа": [{"name": "=1+1"}],
        "Классы": [{"name": "5А", "year": "2026/2027"}],
        "Ученики": [
            {"family_name": "-Икс", "given_name": "@Ян", "class_name": "5А",
             "phone": "+7 000 000-00-01", "birth_date": date(2014, 3, 14)},
        ],
    }  # fmt: skip
    write_workbook(tmp_path / "a.xlsx", rows)
    page = load_workbook(tmp_path / "a.xlsx")["Школа"]
    assert (page["A2"].data_type, page["A2"].value, page["A2"].quotePrefix) == ("s", "=1+1", True)
    for sheet in columns.SHEETS:
        write_csv(tmp_path / f"{sheet.name}.csv", sheet, rows.get(sheet.name, []))
    assert "'=1+1" in (tmp_path / "Школа.csv").read_text("utf-8-sig")
    for path in (tmp_path / "a.xlsx", tmp_path):
        roster = read(path).roster
        assert roster.school is not None
        assert roster.school.name == "=1+1"
        person = roster.people[0]
        assert (person.family_name, person.given_name) == ("-Икс", "@Ян")
        assert (person.phone, person.birth_date) == ("+70000000001", date(2014, 3, 14))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", messages.CATALOGUE)
def test_both_languages_say_the_same(code: str) -> None:
    russian, english = messages.CATALOGUE[code]
    for text in (*russian, *english):
        assert text.strip()
    assert placeholders("".join(russian)) >= placeholders("".join(english))


def test_every_text_is_used_and_every_code_has_one() -> None:
    source = "".join(
        path.read_text("utf-8")
        for path in [*PACKAGE.glob("*.py"), PACKAGE.parent / "school" / "classes.py"]
        if not path.name.startswith("messages")
    )
    assert [code for code in messages.CATALOGUE if f'"{code}"' not in source] == []
    with pytest.raises(KeyError):
        messages.reason("date_bad", "xx")
    with pytest.raises(KeyError):
        messages.reason("no_such_code", "ru")
