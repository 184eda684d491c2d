"""Files of every kind: what is read, what is refused, and that nothing hostile gets further."""

from __future__ import annotations

import csv
import gc
import io
import random
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from sferum_bridge.roster import Limits, Reading, problems_table, read, sheets
from sferum_bridge.roster.reader import read_grids
from tests.support.rosters import GOOD, Rows, grids

EXPECTED = read_grids(grids()).roster


def workbook(path: Path, sheets: dict[str, Rows] | None = None) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in (GOOD if sheets is None else sheets).items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def csv_text(rows: Rows, delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def fatal(reading: Reading) -> str:
    assert reading.fatal
    assert not reading.roster.people
    assert problems_table(reading, "ru")
    assert problems_table(reading, "en")
    return reading.problems[0].code


def test_a_workbook(tmp_path: Path) -> None:
    reading = read(workbook(tmp_path / "школа.xlsx"))
    assert (reading.problems, reading.roster) == ((), EXPECTED)


def test_other_sheets_of_a_workbook_do_not_matter(tmp_path: Path) -> None:
    reading = read(workbook(tmp_path / "a.xlsx", {"Инструкция": [["Читай"]], **GOOD}))
    assert (reading.problems, reading.roster) == ((), EXPECTED)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_a_folder_of_csv(tmp_path: Path, encoding: str, delimiter: str) -> None:
    for name, rows in GOOD.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(rows, delimiter), encoding)
    reading = read(tmp_path)
    assert (reading.problems, reading.roster) == ((), EXPECTED)


@pytest.mark.parametrize("encoding", ["utf-8", "cp866"])
def test_a_zip_of_csv_in_a_folder(tmp_path: Path, encoding: str) -> None:
    packed = io.BytesIO()
    old: list[tuple[bytes, bytes]] = []
    with zipfile.ZipFile(packed, "w") as archive:
        for letter, (name, rows) in zip("pqrs", GOOD.items(), strict=True):
            inner = f"Выгрузка/{name}.csv"
            if encoding == "cp866":
                # Archivers of Windows write names like this and say nothing of it.
                raw = inner.encode("cp866")
                inner = letter * len(raw)
                old.append((inner.encode(), raw))
            archive.writestr(inner, csv_text(rows, ";").encode("cp1251"))
        archive.writestr("__MACOSX/._Ученики.csv", b"\x00\x05\x16\x07")
    data = packed.getvalue()
    for stand_in, raw in old:
        data = data.replace(stand_in, raw)
    path = tmp_path / "школа.zip"
    path.write_bytes(data)
    reading = read(path)
    assert (reading.problems, reading.roster) == ((), EXPECTED)


def test_an_open_quotation_mark_does_not_swallow_rows(tmp_path: Path) -> None:
    for name, rows in GOOD.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(rows, ";"), "utf-8")
    with (tmp_path / "Родители.csv").open("a", encoding="utf-8") as file:
        file.write('02;Икс;Ян;;;;;нет;"решение\n02;Игрек;Яна;;;;;;\n')
    reading = read(tmp_path)
    assert fatal(reading) == "csv_broken"
    assert reading.problems[0].sheet == "Родители"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.xlsx", b"", "file_empty"),
        ("a.xlsx", b"just a text", "file_no_sheet"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "file_no_sheet"),
        ("Классы.csv", "Класс;Учебный год\n".encode(), "file_lone_csv"),
        ("a.csv", "Ид;Фамилия\n".encode(), "column_missing"),
        ("a.csv", b"just a text", "sheet_missing"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "file_damaged"),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "file_no_sheet"),
        ("a.xlsx", b"PK\x03\x04" + bytes(50), "file_damaged"),
        ("a.xlsm", b"PK\x03\x04" + bytes(50), "file_macros"),
    ],
)
def test_what_is_no_sheet(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert fatal(read(tmp_path / name)) == code


def test_nothing_there_and_nothing_in_there(tmp_path: Path) -> None:
    assert fatal(read(tmp_path / "нет.xlsx")) == "file_missing"
    assert fatal(read(tmp_path)) == "file_no_sheet"


def test_macros_are_refused_whatever_the_name_says(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert fatal(read(path)) == "file_macros"


def test_a_truncated_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    path.write_bytes(path.read_bytes()[:-300])
    assert fatal(read(path)) == "file_damaged"


def test_size_is_bounded_as_it_comes_and_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    assert fatal(read(path, Limits(file_bytes=1000))) == "file_big"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb.bin", bytes(8_000_000))
    assert fatal(read(path, Limits(unpacked_bytes=4_000_000))) == "file_big"


def test_rows_are_bounded(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    assert fatal(read(path, Limits(rows=3))) == "rows_many"


def replaced(path: Path, part: str, content: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[part] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_few_bytes_that_claim_billions_of_cells_kill_only_their_reader(tmp_path: Path) -> None:
    bomb = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1"><v>1</v></c></row>'
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    path = replaced(workbook(tmp_path / "a.xlsx"), "xl/worksheets/sheet1.xml", bomb)
    assert fatal(read(path)) == "file_heavy"


def test_xml_entities_are_not_followed(tmp_path: Path) -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>'
    )
    path = replaced(workbook(tmp_path / "a.xlsx"), "xl/worksheets/sheet1.xml", bomb)
    reading = read(path)
    assert reading.fatal
    assert Path("/etc/hostname").read_text().strip() not in repr(reading)


def test_a_formula_without_a_result_is_an_error_of_its_row(tmp_path: Path) -> None:
    rows = [
        *GOOD["Ученики"],
        ["04", "Икс", "Ян", "", "", '="5"&"А"'],
        ["05", "Игрек", "Яна", "", "", "6Б"],
    ]
    reading = read(workbook(tmp_path / "a.xlsx", {**GOOD, "Ученики": rows}))
    assert [(p.code, p.row, p.column) for p in reading.problems] == [("formula_empty", 5, "Класс")]
    assert [tie.person.external_id for tie in reading.roster.enrolments] == ["01", "02", "03", "05"]


def test_a_formula_with_a_result_is_read_as_its_value(tmp_path: Path) -> None:
    rows = [*GOOD["Ученики"], ["04", "Икс", "Ян", "", "", '="6"&"Б"']]
    path = workbook(tmp_path / "a.xlsx", {**GOOD, "Ученики": rows})
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as archive:
        page = archive.read(part).decode()
    start = page.index("<f>")
    end = page.index("</c>", start)
    formula = page[start : page.index("</f>", start) + 4]
    cell = page.rindex("<c ", 0, start)
    page = f'{page[:cell]}<c r="F5" t="str">{formula}<v>6Б</v>{page[end:]}'
    reading = read(replaced(path, part, page.encode()))
    assert [(p.code, p.row) for p in reading.problems] == [("formula_value", 5)]
    assert reading.roster.enrolments[3].class_name == "6Б"


def test_damage_of_any_kind_ends_in_a_reading(tmp_path: Path) -> None:
    good = workbook(tmp_path / "a.xlsx").read_bytes()
    dice = random.Random(1)  # noqa: S311 - damage, no secret
    for _ in range(15):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 40)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path = tmp_path / "b.xlsx"
        path.write_bytes(data[: dice.randrange(len(data) // 2, len(data) + 1)])
        problems_table(read(path))


def test_garbage_is_looked_for_again_once_a_file_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    assert gc.isenabled()
    assert fatal(read(tmp_path / "a.xlsx")) == "file_damaged"
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; sys.exit(3)", "file_password"),
        ("import sys; sys.stdin.buffer.read(); sys.exit('MemoryError')", "file_heavy"),
        ("import sys; sys.stdin.buffer.read(); print('[no\\n' * 100_000)", "file_damaged"),
        ("import sys; sys.stdin.buffer.read(); print('[]')", ""),
        ("import time; time.sleep(60)", "file_heavy"),
    ],
)
def test_whatever_the_worker_does_it_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, code: str
) -> None:
    (tmp_path / "worker.py").write_text(program)
    monkeypatch.setattr(sheets, "_WORKER", tmp_path / "worker.py")
    monkeypatch.setattr(sheets, "_PATIENCE", 1)
    limits = Limits(seconds=1) if "sleep" in program else Limits()
    reading = read(workbook(tmp_path / "a.xlsx"), limits)
    assert reading.problems[0].code == (code or "sheet_missing")
