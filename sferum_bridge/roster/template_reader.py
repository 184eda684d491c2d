"""Reads the «Школьный шаблон»: each sheet by its name, each column by its title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.roster import columns, table, titles, values
from sferum_bridge.roster.model import Severity
from sferum_bridge.roster.rows import (
    MADE_UP,
    ClassRow,
    ParentRow,
    PupilRow,
    Row,
    Rows,
    SchoolRow,
    StaffRow,
)
from sferum_bridge.roster.table import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster.columns import Column, Sheet
    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.sheets import Grid


def read(grids: Sequence[Grid], findings: Findings) -> Rows:
    """Return the rows of the sheets of the template; what is wrong is in `findings`."""
    rows = Rows()
    for sheet in columns.SHEETS:
        grid = _find(sheet, grids, findings)
        if grid is not None:
            _SheetReader(sheet, grid, findings, rows).read()
    return rows


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

    def read(self) -> None:
        header = table.header_row(self._grid)
        if header is None:
            self._say("header_missing", Severity.FATAL)
            return
        read = self._columns(header)
        if read is None:
            return
        for tie in _TIES.get(self._sheet.name, ()):
            told = {column.field for column in read} & {"since", "until"}
            self._rows.days_told |= {f"{tie}.{day}" for day in told}
        kind, kept = _KINDS[self._sheet.name]
        keep = getattr(self._rows, kept).append
        places = [column.place for column in read]
        grid = self._grid
        for index in range(header + 1, len(grid.rows)):
            line = grid.rows[index]
            formula = bool(grid.formulas) and any((index, p) in grid.formulas for p in places)
            if table.is_no_row(line, places, formula):
                continue
            parsed, usable = self._parsed(index, read, formula=formula)
            if kind is PupilRow and parsed.get("external_id", "").startswith(MADE_UP):
                parsed["made_up"] = parsed.pop("external_id")
            if usable:
                keep(kind(row=index + 1, sheet=grid.name, **parsed))
            elif kind is PupilRow:
                ref = parsed.get("external_id") or parsed.get("made_up") or ""
                self._rows.skipped_pupils.add(ref)

    def _parsed(
        self, index: int, read: Sequence[table.Column], *, formula: bool
    ) -> tuple[dict[str, Any], bool]:
        line = self._grid.rows[index]
        width = len(line)
        parsed: dict[str, Any] = {}
        usable = True
        for column in read:
            # Most cells say what one above them did.
            cell = line[column.place] if column.place < width else ""
            value = None if formula else column.known.get(cell)
            if value is None:
                value, good = column.take(self._grid, index, self._findings)
                usable &= good
            if value is not NOTHING:
                parsed[column.field] = value
        return parsed, usable

    def _columns(self, header: int) -> list[table.Column] | None:
        """Return the columns to read; `None` when the sheet cannot be read for its columns."""
        known = {columns.title_key(column.title): column for column in self._sheet.columns}
        places: dict[str, table.Column] = {}
        whole = True
        for place, cell in enumerate(self._grid.rows[header]):
            title = table.title(cell)
            if not title:
                continue
            column = known.get(columns.title_key(title)) or self._meant(title)
            if column is None:
                self._foreign_column(header, title)
            elif column.field in places:
                self._say("column_twice", Severity.FATAL, header, column.title, title=column.title)
                whole = False
            else:
                places[column.field] = table.Column(
                    place, column.field, column.title, column.kind, required=column.required
                )
                self._findings.call(self._grid.name, column.title, title.rstrip("* "))
        for column in self._sheet.columns:
            if column.required and column.field not in places:
                self._say(
                    "column_missing", Severity.FATAL, header, column.title, title=column.title
                )
                whole = False
        return list(places.values()) if whole else None

    def _meant(self, title: str) -> Column | None:
        """Return the column that a synonym means, as «E-mail» does."""
        found = titles.meaning(title)
        if found is None or found.slot or not found.field:
            return None
        return next((each for each in self._sheet.columns if each.field == found.field), None)

    def _foreign_column(self, header: int, title: str) -> None:
        drop_column(
            self._findings, self._grid.name, header, title,
            [column.title for column in self._sheet.columns],
        )  # fmt: skip

    def _say(
        self, code: str, severity: Severity, index: int = -1, column: str = "", **params: str
    ) -> None:
        self._findings.add(
            code, severity, sheet=self._grid.name, row=index + 1, column=column, **params
        )


def drop_column(
    findings: Findings, sheet: str, header: int, title: str, known: Sequence[str]
) -> None:
    """Say that a column is not read; of a personal one, that it must not be here (S-15)."""
    personal = columns.is_personal(title)
    findings.drop(sheet, title, personal=personal)
    if personal:
        findings.add(
            "column_dropped", Severity.WARNING, sheet=sheet, row=header + 1, column=title,
            title=title,
        )  # fmt: skip
        return
    hint = values.closest(title, list(known)) or ", ".join(known)
    findings.add(
        "column_unknown", Severity.WARNING, sheet=sheet, row=header + 1, column=title, title=title,
        hint=hint,
    )  # fmt: skip


_TIES: Mapping[str, Sequence[str]] = {
    columns.PUPILS.name: ("enrolment",),
    columns.STAFF.name: ("appointment", "leadership", "teaching"),
}
"""The ties whose days a sheet has."""
_KINDS: Mapping[str, tuple[type[Row], str]] = {
    columns.PUPILS.name: (PupilRow, "pupils"),
    columns.PARENTS.name: (ParentRow, "parents"),
    columns.STAFF.name: (StaffRow, "staff"),
    columns.CLASSES.name: (ClassRow, "classes"),
    columns.SCHOOL.name: (SchoolRow, "school"),
}
