"""Reads one workbook (XLSX, XLS, ODS) from standard input and writes its cells; its own program.

A workbook comes from outside: a few bytes of it can claim a billion cells or unpack to gigabytes.
So it is parsed where that costs nothing: in a process with bounded memory and time, which knows
nothing of us and whose end, however it comes, is just an unreadable file. `sheets` starts it.

A line of JSON for each sheet, an object, is followed by lines of some of its rows each, lists.

Imports nothing of ours, so that it starts quickly.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import resource
import sys
import zipfile
from datetime import date, datetime
from html import unescape
from typing import TYPE_CHECKING, Any

import python_calamine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PASSWORD, MUCH = 3, 4
"""Exit codes that say more than that something went wrong: a password, too many characters."""

_MOST_OUT = 64 * 1024 * 1024
"""Characters written at most: one long text may stand in a million cells."""
_MOST_TEXT = 600
"""Characters of a cell that go out; whoever reads them finds more than fit already too many."""
_MOST_COLUMNS = 256
_TOGETHER = 100
"""Rows in a line: to begin to write one costs more than to write a row."""
_TOP = 25
"""Rows in which cells merged side by side may be titles over several columns."""
_MOST_CELLS = 4_000_000
_MOST_FORMULAS = 300_000
_PIECE, _OVERLAP = 1 << 20, 1 << 12

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*\"([^\"]*)\"")
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s[^>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"[^>]*>\s*<(?:\w+:)?f[\s>/]"
)


def main() -> None:
    """Read, limited to the bytes of memory, seconds and rows given as arguments."""
    memory, seconds, rows = (int(argument) for argument in sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    data = sys.stdin.buffer.read()
    formulas = _formulas(data) if data.startswith(b"PK") else {}
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except python_calamine.PasswordError:
        sys.exit(PASSWORD)
    del data
    left, cells = _MOST_OUT, 0
    for about in book.sheets_metadata:
        if about.typ is not python_calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(about.name)
        merged = list(sheet.merged_cell_ranges or ())
        head = {
            "name": about.name,
            "hidden": about.visible is not python_calamine.SheetVisibleEnum.Visible,
            "formulas": formulas.get(about.name, []),
            "merged": [[r, c, to] for (r, c), (_, to) in merged if r < _TOP and to > c][
                :_MOST_COLUMNS
            ],
        }
        for value in itertools.chain([head], _together(_rows(sheet, rows, merged))):
            line = _written(value)
            left -= len(line)
            cells += sum(map(len, value))
            if left < 0 or cells > _MOST_CELLS:
                sys.exit(MUCH)
            # A lone surrogate is written as it is, and read as it is.
            sys.stdout.buffer.write(line.encode("utf-8", "surrogatepass") + b"\n")


def _together(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    while some := list(itertools.islice(rows, _TOGETHER)):
        yield some


def _rows(
    sheet: python_calamine.CalamineSheet,
    most: int,
    merged: Iterable[tuple[tuple[int, int], tuple[int, int]]],
) -> Iterator[list[Any]]:
    """Give the rows from the very first cell on; a cell merged downwards is in each of its rows."""
    down = sorted((first, column, last) for (first, column), (last, _) in merged if last > first)
    down.reverse()
    spread: dict[int, tuple[int, Any]] = {}
    for number, line in enumerate(sheet.iter_rows()):
        if number >= most:
            return
        cells = [
            cell if cell.__class__ is str and len(cell) < _MOST_TEXT else _plain(cell)
            for cell in line[:_MOST_COLUMNS]
        ]
        while down and down[-1][0] <= number:
            first, column, last = down.pop()
            if first == number and column < len(cells):
                spread[column] = (last, cells[column])
        if spread:
            spread = {column: one for column, one in spread.items() if number <= one[0]}
            for column, (_, value) in spread.items():
                cells[column] = value
        while cells and cells[-1] == "":
            cells.pop()
        yield cells


def _plain(cell: object) -> object:
    if isinstance(cell, str):
        return cell[:_MOST_TEXT]
    if isinstance(cell, int | float):
        return cell
    if isinstance(cell, datetime):
        return {"date": cell.date().isoformat()}
    if isinstance(cell, date):
        return {"date": cell.isoformat()}
    return str(cell)


def _formulas(data: bytes) -> dict[str, list[list[int]]]:
    """Return (row, column) from 0 of every formula, by sheet: calamine gives values alone."""
    found: dict[str, list[list[int]]] = {}
    if b"xl/workbook.xml" not in data:
        return found
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
            return found
        targets = {
            relation.get("Id", ""): relation.get("Target", "")
            for relation in _attributes(_RELATION, archive.read("xl/_rels/workbook.xml.rels"))
        }
        for sheet in _attributes(_SHEET, archive.read("xl/workbook.xml")):
            target = targets.get(sheet.get("r:id", ""), "")
            path = target[1:] if target.startswith("/") else f"xl/{target}"
            if path in names:
                found[sheet.get("name", "")] = _formulas_in(archive, path)
    return found


def _formulas_in(archive: zipfile.ZipFile, path: str) -> list[list[int]]:
    """Look through the part of a sheet piece by piece; unpacked it may be a hundred MiB."""
    found: dict[tuple[int, int], None] = {}
    piece = b""
    with archive.open(path) as part:
        while more := part.read(_PIECE):
            piece = piece[-_OVERLAP:] + more
            if b"<f" in piece or b":f" in piece:
                cells = _FORMULA.finditer(piece)
                found.update(dict.fromkeys((int(c[2]) - 1, _column(c[1])) for c in cells))
            if len(found) > _MOST_FORMULAS:
                sys.exit(MUCH)
    return [list(place) for place in found]


def _attributes(tag: re.Pattern[bytes], part: bytes) -> list[dict[str, str]]:
    return [
        {name: unescape(value) for name, value in _ATTRIBUTE.findall(found[0].decode())}
        for found in tag.finditer(part)
    ]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


if __name__ == "__main__":
    main()
