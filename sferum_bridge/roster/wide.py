"""Reads wide sheets: a line a pupil with their parents, as school journals and registers give it.

There is one sheet, or one for each class; whatever a sheet calls its columns is understood by
`titles`. A wide sheet says nothing of the staff, and seldom of the school year, which may stand
above the table («2026/2027 учебный год») or be given by whoever reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sferum_bridge.roster import columns, names, table, titles, values
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.model import Relation, Severity
from sferum_bridge.roster.rows import ClassRow, ParentRow, PupilRow, Rows
from sferum_bridge.roster.table import NOTHING
from sferum_bridge.roster.template_reader import drop_column
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.sheets import Grid
    from sferum_bridge.roster.titles import Meaning

_KINDS: Mapping[str, Kind] = {
    "external_id": Kind.ID,
    "full_name": Kind.TEXT,
    "family_name": Kind.NAME,
    "given_name": Kind.NAME,
    "middle_name": Kind.NAME,
    "birth_date": Kind.DATE,
    "class_name": Kind.CLASS,
    "grade": Kind.TEXT,
    "letter": Kind.TEXT,
    "email": Kind.EMAIL,
    "phone": Kind.PHONE,
    "status": Kind.STATUS,
    "relation": Kind.RELATION,
    "year": Kind.YEAR,
}
_TITLES = {
    "full_name": "ФИО",
    "grade": "Параллель",
    "letter": "Литера",
    "year": "Учебный год",
    **{each.field: each.title for each in (*columns.PUPILS.columns, *columns.PARENTS.columns)},
}
_NAMED = ("full_name", "family_name")
_YEAR = re.compile(r"\d{4}\s*[-/\u2010-\u2015\u2212]\s*(?:\d{4}|\d{2})(?!\d)")
_OF_CLASS = re.compile(
    r"(?<!\w)(\d{1,2}\s*[-\u2010-\u2015]?\s*[«\"“]?[^\W\d_]{1,4}[»\"”]?)\s*кл(?:асс\w*)?(?!\w)",
    re.IGNORECASE,
)
_CLASS_NAME = re.compile(r"\d{1,2}(?:[А-ЯЁA-Z]|-[А-ЯЁA-Z0-9]{2,4})?")
_ROMAN = "class_roman"


def is_one(grid: Grid) -> bool:
    """Tell whether a sheet has a header that names pupils."""
    header = table.header_row(grid)
    if header is None:
        return False
    found = [titles.meaning(title) for title in _header_titles(grid, header)]
    return any(each and not each.slot and each.field in _NAMED for each in found)


def read(grids: Sequence[Grid], findings: Findings, year: str) -> Rows:
    """Return the rows of wide sheets; what is wrong is in `findings`."""
    rows = Rows(tells_of=frozenset(("pupil", "guardian")))
    wide = [grid for grid in grids if is_one(grid)]
    for grid in grids:
        if grid not in wide:
            findings.add("sheet_unread", Severity.WARNING, sheet=grid.name, name=grid.name)
    if not wide:
        findings.add("header_missing", Severity.FATAL, sheet=grids[0].name if grids else "")
    said = {grid.name: _year_above(grid) for grid in wide}
    known = {each for each in said.values() if each}
    found: dict[str, ClassRow] = {}
    parents = False
    for grid in wide:
        of_sheet = year or said[grid.name] or (known.copy().pop() if len(known) == 1 else "")
        sheet = _Sheet(grid, findings, rows, found, of_sheet)
        sheet.read()
        parents |= sheet.has_parents
    rows.classes.extend(found.values())
    if not parents:
        rows.tells_of = frozenset(("pupil",))
    return rows


def _header_titles(grid: Grid, header: int) -> list[str]:
    """Return the titles of the header; of those that stand under a common one with it in front."""
    line = grid.rows[header]
    above = grid.rows[header - 1] if header else ()
    written = [table.title(cell) for cell in line]
    for row, first, last in grid.merged:
        common = table.title(above[first]) if row == header - 1 and first < len(above) else ""
        if common and titles.meaning(common) is not None:
            for place in range(first, min(last + 1, len(written))):
                if written[place]:
                    written[place] = f"{common} {written[place]}"
    return written


def _year_above(grid: Grid) -> str:
    header = table.header_row(grid) or 0
    for line in grid.rows[:header]:
        for cell in line:
            for found in _YEAR.findall(cell) if isinstance(cell, str) else ():
                try:
                    return classes.school_year(found)
                except ValueError:
                    continue
    return ""


@dataclass(slots=True)
class _Slot:
    """The columns of one parent."""

    relation: Relation
    columns: list[table.Column] = field(default_factory=list)


class _Sheet:
    """Reads one grid."""

    def __init__(
        self, grid: Grid, findings: Findings, rows: Rows, found: dict[str, ClassRow], year: str
    ) -> None:
        self._grid = grid
        self._findings = findings
        self._rows = rows
        self._classes = found
        self._year = year
        self._pupil: list[table.Column] = []
        self._slots: dict[str, _Slot] = {}
        self._class = ""

    @property
    def has_parents(self) -> bool:
        """Tell whether there is a column for a parent."""
        return bool(self._slots)

    def read(self) -> None:
        """Read every row below the header."""
        header = table.header_row(self._grid)
        if header is None or not self._columns(header):
            return
        grid = self._grid
        every = [*self._pupil, *(each for slot in self._slots.values() for each in slot.columns)]
        places = [column.place for column in self._pupil]
        for index in range(header + 1, len(grid.rows)):
            formula = bool(grid.formulas) and any((index, c.place) in grid.formulas for c in every)
            if not table.is_no_row(grid.rows[index], places, formula):
                self._row(index)

    def _columns(self, header: int) -> bool:
        """Find the columns to read; tell whether the sheet can be read with them."""
        whole = True
        seen: set[tuple[str, str]] = set()
        for place, title in enumerate(_header_titles(self._grid, header)):
            found = titles.meaning(title) if title else titles.Meaning("")
            if found is None:
                known = [_TITLES[each] for each in _KINDS if each in _TITLES]
                drop_column(self._findings, self._grid.name, header, title, known)
            elif found.field and (found.field, found.slot) in seen:
                self._say("column_twice", Severity.FATAL, header, title, title=title)
                whole = False
            elif found.field:
                seen.add((found.field, found.slot))
                self._add(place, title, found)
        has = {field for field, slot in seen if not slot}
        if "full_name" not in has:
            for missing in {"family_name", "given_name"} - has:
                title = _TITLES[missing]
                self._say("column_missing", Severity.FATAL, header, title, title=title)
                whole = False
        if "class_name" not in has and not {"grade", "letter"} <= has:
            self._class = self._class_of_sheet(header)
            if not self._class:
                self._say("column_missing", Severity.FATAL, header, "Класс", title="Класс")
                whole = False
        if not self._year and "year" not in has:
            self._say("year_unsaid", Severity.FATAL, -1)
            whole = False
        return whole

    def _add(self, place: int, title: str, found: Meaning) -> None:
        slot = found.slot
        name = _TITLES[found.field]
        column = table.Column(
            place, found.field, name, _KINDS[found.field], spare=bool(slot), slot=slot,
            required=not slot and found.field in ("full_name", "family_name", "given_name"),
        )  # fmt: skip
        self._findings.call(self._grid.name, name, title, slot)
        if slot:
            self._slots.setdefault(slot, _Slot(found.relation)).columns.append(column)
        else:
            self._pupil.append(column)

    def _class_of_sheet(self, header: int) -> str:
        """Return the class a sheet is named after, or that a line above its table names."""
        lines = [str(cell) for line in self._grid.rows[:header] for cell in line if cell != ""]
        written = [found for line in lines for found in _OF_CLASS.findall(line)]
        for name in (self._grid.name, *written):
            try:
                found = classes.normalise(name)
            except classes.ClassNameError as error:
                if error.code == _ROMAN:
                    self._say(_ROMAN, Severity.FATAL, -1, "Класс", hint=error.suggestion or "5А")
                continue
            if _CLASS_NAME.fullmatch(found):
                return found
        return ""

    def _row(self, index: int) -> None:
        parsed, usable = self._parsed(self._pupil, index)
        usable &= self._names(parsed, index, "", Severity.ERROR)
        year = parsed.pop("year", self._year)
        usable &= self._class_name(parsed, index)
        if not (usable and year):
            if usable:
                self._say("cell_missing", Severity.ERROR, index, "Учебный год")
            return
        name = parsed["class_name"]
        first = self._classes.setdefault(
            name, ClassRow(row=index + 1, sheet=self._grid.name, name=name, year=year)
        )
        if first.year != year:
            self._say("year_differs", Severity.FATAL, index, "Учебный год", year, year=first.year)
            return
        pupil = PupilRow(row=index + 1, sheet=self._grid.name, **parsed)
        self._rows.pupils.append(pupil)
        for key, slot in self._slots.items():
            self._parent(pupil, key, slot, index)

    def _parent(self, pupil: PupilRow, key: str, slot: _Slot, index: int) -> None:
        parsed, _ = self._parsed(slot.columns, index)
        if not parsed:
            return
        if not self._names(parsed, index, key, Severity.WARNING):
            return
        parsed.setdefault("relation", slot.relation)
        self._rows.parents.append(
            ParentRow(row=index + 1, sheet=self._grid.name, child_id=pupil.ref, slot=key, **parsed)
        )

    def _parsed(self, read: Sequence[table.Column], index: int) -> tuple[dict[str, Any], bool]:
        parsed: dict[str, Any] = {}
        usable = True
        for column in read:
            value, good = column.take(self._grid, index, self._findings)
            usable &= good
            if value is not NOTHING:
                parsed[column.field] = value
        return parsed, usable

    def _names(self, parsed: dict[str, Any], index: int, slot: str, severity: Severity) -> bool:
        """Take a name in one cell apart; tell whether there is a family and a given name."""
        whole = parsed.pop("full_name", "")
        if whole:
            try:
                parts = names.split(whole)
            except values.CellError as error:
                self._say(error.code, severity, index, "ФИО", whole, slot=slot, **error.params)
                return False
            if parts.doubtful:
                self._say(
                    "name_split", Severity.WARNING, index, "ФИО", whole, slot=slot,
                    family=parts.family_name, given=parts.given_name, middle=parts.middle_name,
                )  # fmt: skip
            parsed.setdefault("family_name", parts.family_name)
            parsed.setdefault("given_name", parts.given_name)
            if parts.middle_name:
                parsed.setdefault("middle_name", parts.middle_name)
        missing = [each for each in ("family_name", "given_name") if each not in parsed]
        if missing and slot:
            self._say("parent_unnamed", severity, index, _TITLES[missing[0]], slot=slot)
        return not missing

    def _class_name(self, parsed: dict[str, Any], index: int) -> bool:
        grade, letter = parsed.pop("grade", ""), parsed.pop("letter", "")
        if "class_name" in parsed:
            return True
        if not (grade or self._class):
            if grade == "" and not self._bad_class(index):
                self._say("cell_missing", Severity.ERROR, index, "Класс")
            return False
        try:
            parsed["class_name"] = classes.normalise(f"{grade}{letter}") if grade else self._class
        except classes.ClassNameError as error:
            self._say(
                error.code, Severity.ERROR, index, "Параллель", f"{grade}{letter}",
                hint=error.suggestion or "5А",
            )  # fmt: skip
            return False
        return True

    def _bad_class(self, index: int) -> bool:
        """Tell whether the cell of the class was said to be bad already."""
        column = next((each for each in self._pupil if each.field == "class_name"), None)
        line = self._grid.rows[index]
        return column is not None and column.place < len(line) and line[column.place] != ""

    def _say(
        self,
        code: str,
        severity: Severity,
        index: int,
        column: str = "",
        value: str = "",
        *,
        slot: str = "",
        **params: str,
    ) -> None:
        self._findings.add(
            code, severity, sheet=self._grid.name, row=index + 1, column=column, value=value,
            slot=slot, **params,
        )  # fmt: skip
