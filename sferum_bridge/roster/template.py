"""Writes workbooks and CSV files of the school template, from the columns the reader knows.

The empty template and the sample are made by the same few functions, so what is written is what is
read.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from openpyxl import Workbook
from openpyxl.comments import Comment  # type: ignore[import-not-found]  # not in the stubs
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import (  # type: ignore[import-not-found]  # not in the stubs
    DataValidation,
)

from sferum_bridge.roster import columns, values
from sferum_bridge.roster.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.roster.columns import Column, Sheet

Value: TypeAlias = str | date | None
"""What is written into one cell."""

WORKBOOK = "roster-template.xlsx"
FOLDER = "roster-template"

BOLD = Font(bold=True)
_TEXT, _DATE = "@", "DD.MM.YYYY"
_ROWS_WITH_CHOICES = 5000
_WIDTH = 18
_CHOICES: Mapping[Kind, Sequence[str]] = {
    Kind.STATUS: tuple(values.STATUSES),
    Kind.RELATION: tuple(values.RELATIONS),
    Kind.ACCESS: tuple(values.ACCESS),
    Kind.CLASS_KIND: tuple(values.CLASS_KINDS),
    Kind.LANGUAGE: tuple(values.LANGUAGES),
}
# Files that are made again from the same code do not differ for the hour they were made in.
_MADE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def write_template(folder: Path) -> None:
    """Write the empty template into `folder`: a workbook, and CSV files in a folder of their own.

    The examples stand in the notes of the headers only, so nobody imports them by mistake.
    """
    write_workbook(folder / WORKBOOK, {})
    files = folder / FOLDER
    files.mkdir(parents=True, exist_ok=True)
    for sheet in columns.SHEETS:
        write_csv(files / f"{sheet.name}.csv", sheet, ())


def write_workbook(path: Path, rows: Mapping[str, Sequence[Mapping[str, Value]]]) -> None:
    """Write a workbook of all sheets; `rows` are by name of the sheet, cells by field."""
    # The stubs know half of openpyxl: pages and cells are Any from here on.
    book: Any = Workbook()
    book.remove(book.worksheets[0])
    for sheet in columns.SHEETS:
        page = book.create_sheet(sheet.name)
        _write_header(page, sheet)
        for index, row in enumerate(rows.get(sheet.name, ()), start=2):
            for place, column in enumerate(sheet.columns, start=1):
                _fill(page.cell(row=index, column=place), row.get(column.field), column)
    book.properties.creator = "sferum-bridge"
    book.properties.created = book.properties.modified = _MADE
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def write_csv(path: Path, sheet: Sheet, rows: Sequence[Mapping[str, Value]]) -> None:
    """Write one sheet as CSV the way Russian Excel opens it: UTF-8 with BOM, semicolons."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        write_csv_to(file, sheet, rows)


def write_csv_to(file: TextIO, sheet: Sheet, rows: Sequence[Mapping[str, Value]]) -> None:
    """Write one sheet into a text file that is open, without translation of line ends."""
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(_title(column) for column in sheet.columns)
    for row in rows:
        writer.writerow(written(row.get(column.field)) for column in sheet.columns)


def escape(text: str) -> str:
    """Disarm text that a spreadsheet would take for a formula; the reader takes the mark off.

    So does a text get one that looks disarmed already.
    """
    return f"'{text}" if text.lstrip("'")[:1] in _FORMULA else text


_FORMULA = ("=", "+", "-", "@")


def fill(cell: Any, value: Value) -> None:
    """Put a value into a cell of a workbook: a day, or a text whatever it looks like."""
    if isinstance(value, str) and value.startswith("'"):
        value = escape(value)
    cell.value = value or None
    cell.number_format = _DATE if isinstance(value, date) else _TEXT
    if isinstance(value, str) and value.startswith(_FORMULA):
        # What a workbook has for an apostrophe typed before the text.
        cell.data_type = "s"
        cell.quotePrefix = True


def _fill(cell: Any, value: Value, column: Column) -> None:
    fill(cell, value)
    cell.number_format = _format(column)


def written(value: Value) -> str:
    """Return what stands in a cell of a CSV."""
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return escape(value or "")


def _title(column: Column) -> str:
    return f"{column.title}*" if column.required else column.title


def _format(column: Column) -> str:
    # Text keeps the zeros of an id, and keeps «1-3» from becoming the first of March.
    return _DATE if column.kind is Kind.DATE else _TEXT


def _write_header(page: Any, sheet: Sheet) -> None:
    for place, column in enumerate(sheet.columns, start=1):
        cell = page.cell(row=1, column=place, value=_title(column))
        cell.font = BOLD
        shade = "FFF2CC" if column.required else "DDEBF7"
        cell.fill = PatternFill("solid", fgColor=shade)
        example = f"\nПример: {column.example}" if column.example else ""
        cell.comment = Comment(f"{column.help}{example}", "sferum-bridge", height=110, width=280)
        letter = get_column_letter(place)
        page.column_dimensions[letter].width = max(_WIDTH, len(column.title) + 4)
        page.column_dimensions[letter].number_format = _format(column)
        _offer_choices(page, column, letter)
    page.freeze_panes = "A2"


def _offer_choices(page: Any, column: Column, letter: str) -> None:
    choices = _CHOICES.get(column.kind)
    if choices is None:
        return
    offer = DataValidation(type="list", formula1=f'"{",".join(choices)}"', allow_blank=True)
    offer.add(f"{letter}2:{letter}{_ROWS_WITH_CHOICES}")
    page.add_data_validation(offer)
