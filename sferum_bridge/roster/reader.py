"""Reads a roster: file → grids → header → rows → roster, gathering every problem on the way.

Problems of structure (no sheet, no header, a required column missing, no school year) are fatal:
the reading then has all the problems that could be found and an empty roster. Problems of a row
leave out that row alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.roster import assemble, columns, values
from sferum_bridge.roster.findings import Findings
from sferum_bridge.roster.model import Reading, Roster, Severity
from sferum_bridge.roster.rows import (
    ClassRow,
    ParentRow,
    PupilRow,
    Row,
    Rows,
    SchoolRow,
    StaffRow,
)
from sferum_bridge.roster.sheets import FileError, Grid, Limits, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.roster.columns import Column, Sheet

_HEADER_WITHIN = 20
"""Rows from the top among which the header is looked for: titles and logos stand above it."""

_TITLES_ENOUGH = 2
_FOOTERS = ("всего", "итого")
_FOOTER_CELLS = 2


def read(path: Path, limits: Limits | None = None) -> Reading:
    """Read a roster in the school template: an XLSX, a folder of CSV files or a zip of them.

    Never raises for what a file holds. Blocks for seconds at worst: call it in a thread.
    """
    findings = Findings()
    try:
        grids = load(path, limits or Limits())
    except FileError as error:
        findings.add(
            error.code,
            Severity.FATAL,
            sheet=error.sheet,
            row=0,
            column="",
            value="",
            **error.params,
        )
        return findings.reading(Roster())
    return read_grids(grids, findings)


def read_grids(grids: Sequence[Grid], findings: Findings | None = None) -> Reading:
    """Read sheets whose cells are at hand already, by whatever way they came."""
    findings = findings or Findings()
    rows = Rows()
    for sheet in columns.SHEETS:
        grid = _find(sheet, grids, findings)
        if grid is not None:
            _SheetReader(sheet, grid, findings, rows).read()
    if findings.fatal:
        return findings.reading(Roster())
    return findings.reading(assemble.assemble(rows, findings))


def _find(sheet: Sheet, grids: Sequence[Grid], findings: Findings) -> Grid | None:
    found = [grid for grid in grids if columns.sheet_named(grid.name) is sheet]
    if len(found) > 1:
        findings.add("sheet_twice", Severity.FATAL, sheet=sheet.name, name=sheet.name)
    elif not found and sheet.required:
        names = ", ".join(grid.name for grid in grids)[:200] or "—"
        findings.add(
            "sheet_missing", Severity.FATAL, sheet=sheet.name, name=sheet.name, found=names
        )
    elif not found and sheet is not columns.SCHOOL:
        findings.add("sheet_absent", Severity.WARNING, sheet=sheet.name, name=sheet.name)
    return found[0] if len(found) == 1 else None


class _SheetReader:
    """Reads one grid into rows of its kind."""

    def __init__(self, sheet: Sheet, grid: Grid, findings: Findings, rows: Rows) -> None:
        self._sheet = sheet
        self._grid = grid
        self._findings = findings
        self._rows = rows
        self._formulas_said: set[str] = set()

    def read(self) -> None:
        header = self._header_row()
        if header is None:
            self._say("header_missing", Severity.FATAL)
            return
        places = self._places(header)
        if places is None:
            return
        for index in range(header + 1, len(self._grid.rows)):
            self._row(index, places)

    def _header_row(self) -> int | None:
        best, most = None, _TITLES_ENOUGH - 1
        for index, line in enumerate(self._grid.rows[:_HEADER_WITHIN]):
            count = columns.count_titles([cell for cell in line if isinstance(cell, str)])
            if count > most:
                best, most = index, count
        return best

    def _places(self, header: int) -> Mapping[int, Column] | None:
        """Map places in a line to columns; `None` when the sheet cannot be read for its columns."""
        known = {columns.title_key(column.title): column for column in self._sheet.columns}
        places: dict[int, Column] = {}
        whole = True
        for place, cell in enumerate(self._grid.rows[header]):
            title = self._title(cell)
            if not title:
                continue
            column = known.get(columns.title_key(title))
            if column is None:
                self._foreign_column(header, title)
            elif column in places.values():
                self._say("column_twice", Severity.FATAL, header, column.title, title=column.title)
                whole = False
            else:
                places[place] = column
        for column in self._sheet.columns:
            if column.required and column not in places.values():
                self._say(
                    "column_missing", Severity.FATAL, header, column.title, title=column.title
                )
                whole = False
        return places if whole else None

    @staticmethod
    def _title(cell: values.Cell) -> str:
        try:
            return values.text(cell)[:80]
        except values.CellError:
            return ""

    def _foreign_column(self, header: int, title: str) -> None:
        personal = columns.is_personal(title)
        self._findings.drop(self._sheet.name, title, personal=personal)
        if personal:
            self._say("column_dropped", Severity.WARNING, header, title, title=title)
            return
        titles = [column.title for column in self._sheet.columns]
        hint = values.closest(title, titles) or ", ".join(titles)
        self._say("column_unknown", Severity.WARNING, header, title, title=title, hint=hint)

    def _row(self, index: int, places: Mapping[int, Column]) -> None:
        line = self._grid.rows[index]
        cells = {
            column: line[place] if place < len(line) else "" for place, column in places.items()
        }
        at = {column: place for place, column in places.items()}
        if self._nothing_in(cells, index, at):
            return
        parsed: dict[str, Any] = {}
        usable = True
        for column, cell in cells.items():
            formula = (index, at[column]) in self._grid.formulas
            usable &= self._cell(index, column, cell, parsed, formula=formula)
        if usable:
            self._keep(index, parsed)
        elif self._sheet is columns.PUPILS and "external_id" in parsed:
            self._rows.skipped_pupils.add(parsed["external_id"])

    def _nothing_in(
        self, cells: Mapping[Column, values.Cell], index: int, at: Mapping[Column, int]
    ) -> bool:
        """Tell whether a row is empty, or a footer like «Всего: 27»."""
        if any((index, place) in self._grid.formulas for place in at.values()):
            filled = [str(cell) for cell in cells.values()]
        else:
            filled = [str(cell) for cell in cells.values() if str(cell).strip()]
        footer = len(list(filter(str.strip, filled))) <= _FOOTER_CELLS and any(
            word.strip().casefold().startswith(_FOOTERS) for word in filled
        )
        return not filled or footer

    def _cell(
        self,
        index: int,
        column: Column,
        cell: values.Cell,
        parsed: dict[str, Any],
        *,
        formula: bool,
    ) -> bool:
        """Parse one cell into `parsed`; tell whether the row can still be used."""
        try:
            empty = isinstance(cell, str) and not values.text(cell)
            if empty and formula:
                raise values.CellError("formula_empty")  # noqa: TRY301 - reported like the others
            if empty and column.required:
                raise values.CellError("cell_missing")  # noqa: TRY301 - reported like the others
            if not empty:
                parsed[column.field] = values.parse(column.kind, cell)
        except values.CellError as error:
            self._say(error.code, error.severity, index, column.title, str(cell), **error.params)
            return error.severity is Severity.WARNING
        if formula and column.field not in self._formulas_said:
            self._formulas_said.add(column.field)
            self._say("formula_value", Severity.WARNING, index, column.title)
        return True

    def _keep(self, index: int, parsed: Mapping[str, Any]) -> None:
        """Turn a parsed line into a row of its sheet's kind."""
        kind, kept = _KINDS[self._sheet.name]
        row: Row = kind(row=index + 1, **parsed)
        getattr(self._rows, kept).append(row)

    def _say(
        self,
        code: str,
        severity: Severity,
        index: int = -1,
        column: str = "",
        value: str = "",
        **params: str,
    ) -> None:
        self._findings.add(
            code,
            severity,
            sheet=self._sheet.name,
            row=index + 1,
            column=column,
            value=value,
            **params,
        )


_KINDS: Mapping[str, tuple[type[Row], str]] = {
    columns.PUPILS.name: (PupilRow, "pupils"),
    columns.PARENTS.name: (ParentRow, "parents"),
    columns.STAFF.name: (StaffRow, "staff"),
    columns.CLASSES.name: (ClassRow, "classes"),
    columns.SCHOOL.name: (SchoolRow, "school"),
}
