"""Reads one XLSX from standard input and writes its cells as JSON; a program of its own.

A workbook comes from outside: a few bytes of it can claim a billion cells or unpack to gigabytes.
So it is parsed where that costs nothing: in a process with bounded memory and time, which knows
nothing of us and whose end, however it comes, is just an unreadable file. `sheets` starts it.

Imports nothing of ours, so that it starts quickly.
"""

from __future__ import annotations

import io
import json
import re
import resource
import sys
import zipfile
from datetime import date, datetime
from html import unescape

import python_calamine

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
    formulas = _formulas(data)
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    sheets = []
    for name in book.sheet_names:
        grid = book.get_sheet_by_name(name).to_python(skip_empty_area=False, nrows=rows)
        cells = [[_plain(cell) for cell in line] for line in grid]
        sheets.append({"name": name, "rows": cells, "formulas": formulas.get(name, [])})
    json.dump(sheets, sys.stdout)


def _plain(cell: object) -> object:
    if isinstance(cell, datetime):
        return {"date": cell.date().isoformat()}
    if isinstance(cell, date):
        return {"date": cell.isoformat()}
    return cell if isinstance(cell, str | int | float) else str(cell)


def _formulas(data: bytes) -> dict[str, list[list[int]]]:
    """Return (row, column) from 0 of every formula, by sheet: calamine gives values alone."""
    found: dict[str, list[list[int]]] = {}
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
                cells = _FORMULA.finditer(archive.read(path))
                found[sheet.get("name", "")] = [[int(c[2]) - 1, _column(c[1])] for c in cells]
    return found


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
