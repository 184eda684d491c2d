"""A roster with what is wrong in it marked: cells coloured, the reason in a comment (scenario 38).

Written from the file as it came, so it can be corrected and imported again. What a school messenger
must not hold (СНИЛС and the like) is not copied. With `rejected` only the rows that were left out
are in it, with what they refer to: the staff, the classes, the children of parents.
Imported where it is used: what writes workbooks takes ten MiB.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.comments import Comment  # type: ignore[import-not-found]  # not in the stubs
from openpyxl.styles import Font, PatternFill

from sferum_bridge.roster import columns, csv_files, table, values
from sferum_bridge.roster.model import Severity
from sferum_bridge.roster.reader import read
from sferum_bridge.roster.sheets import Grid, Limits, load
from sferum_bridge.roster.template import fill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster.model import Problem, Reading
    from sferum_bridge.roster.values import Cell

_FILLS = {
    Severity.FATAL: PatternFill("solid", start_color="FFFF9999"),
    Severity.ERROR: PatternFill("solid", start_color="FFFFC7CE"),
    Severity.WARNING: PatternFill("solid", start_color="FFFFEB9C"),
}
_GRAVITY = (Severity.FATAL, Severity.ERROR, Severity.WARNING)
_LONGEST = 32_000
"""Characters of a cell: a workbook takes 32,767."""
_SHARE = 2
"""Times what a workbook may take to be read: it is read here, and one is written."""
_ID, _CHILD = "Ид", "Ид ребёнка"
MOST_CELLS = 400_000
"""Cells of the file that are written; beyond them only those with a finding are."""
_COMMENT_WIDTH, _COMMENT_HEIGHT = 320, 160


def marked(
    path: Path, reading: Reading, lang: str, *, rejected: bool = False, limits: Limits | None = None
) -> bytes:
    """Return the workbook. Blocks as reading does; the file was read before.

    Raises:
        FileError: the file cannot be read (any more).
    """
    limits = limits or Limits()
    found = load(path, limits)
    grids: Sequence[Grid] = found.grids or [
        Grid(name.removesuffix(".csv"), csv_files.rows(data, name, limits.rows))
        for name, data in found.oneroster.items()
    ]
    book = Workbook()
    book.remove(book.worksheets[0])
    shown = [grid for grid in grids if not grid.hidden]
    wanted = _wanted_ids(shown, reading) if rejected else set()
    left = MOST_CELLS
    for grid in shown:
        sheet = _Sheet(book.create_sheet(_sheet_name(grid.name)), grid, reading, lang, left)
        left = sheet.write(rejected=rejected, ids=wanted)
    _summary(book, reading, lang)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet_name(name: str) -> str:
    return "".join("_" if sign in "[]:*?/\\" else sign for sign in name)[:31] or "_"


def _is_of(problem: Problem, grid: Grid) -> bool:
    sheet = columns.sheet_named(grid.name)
    return problem.sheet in {grid.name, sheet.name if sheet else grid.name}


def _text(cell: Cell) -> str:
    try:
        return values.text(cell)
    except values.CellError:
        return ""


def _wanted_ids(grids: Sequence[Grid], reading: Reading) -> set[str]:
    """Return the children to whom parents belong whose rows were left out."""
    found = set()
    for grid in grids:
        if columns.sheet_named(grid.name) is not columns.PARENTS:
            continue
        header = table.header_row(grid) or 0
        place = _places(grid, header).get(columns.title_key(_CHILD))
        for problem in reading.problems:
            if problem.severity is Severity.ERROR and _is_of(problem, grid) and place is not None:
                line = grid.rows[problem.row - 1] if problem.row <= len(grid.rows) else ()
                found.add(_text(line[place]) if place < len(line) else "")
    return found - {""}


def _places(grid: Grid, header: int) -> Mapping[str, int]:
    line = grid.rows[header] if grid.rows else ()
    return {columns.title_key(_text(cell)): place for place, cell in enumerate(line)}


class _Sheet:
    """Writes one sheet."""

    def __init__(self, sheet: Any, grid: Grid, reading: Reading, lang: str, left: int) -> None:
        self._sheet = sheet
        self._grid = grid
        self._lang = lang
        self._left = left
        self._header = table.header_row(grid) or 0
        self._places = _places(grid, self._header)
        self._problems: dict[tuple[int, int], list[Problem]] = defaultdict(list)
        self._bad: set[int] = set()
        for problem in reading.problems:
            if _is_of(problem, grid):
                row = max(problem.row, 1)
                place = self._places.get(columns.title_key(problem.column), 0)
                self._problems[row, place].append(problem)
                if problem.severity is Severity.ERROR:
                    self._bad.add(row)
        names = {columns.sheet_named(grid.name), None}
        own = {grid.name, *(sheet.name for sheet in names if sheet)}
        self._hidden = {
            self._places.get(columns.title_key(each.title))
            for each in reading.dropped_columns
            if each.personal and each.sheet in own
        }

    def write(self, *, rejected: bool, ids: set[str]) -> int:
        """Write the rows; return how many cells may still be written."""
        number = 0
        for index, line in enumerate(self._grid.rows):
            if rejected and not self._is_kept(index, line, ids):
                continue
            number += 1
            for place, cell in enumerate(line):
                self._cell(number, place, cell, index)
        self._sheet.freeze_panes = f"A{self._header + 2}"
        return self._left

    def _is_kept(self, index: int, line: Sequence[Cell], ids: set[str]) -> bool:
        kind = columns.sheet_named(self._grid.name)
        if kind not in {columns.PUPILS, columns.PARENTS} or index <= self._header:
            return True
        place = self._places.get(columns.title_key(_ID))
        is_child = (
            kind is columns.PUPILS
            and place is not None
            and place < len(line)
            and _text(line[place]) in ids
        )
        return index + 1 in self._bad or is_child

    def _cell(self, number: int, place: int, cell: Cell, index: int) -> None:
        problems = self._problems.get((index + 1, place), ())
        if not problems and (cell in ("", None) or self._left <= 0):
            return
        self._left -= 1
        hidden = place in self._hidden and index > self._header
        target = self._sheet.cell(number, place + 1)
        if not hidden and isinstance(cell, str | date):
            # Text is text whatever it begins with: no program that opens the file computes it.
            fill(target, cell[:_LONGEST] if isinstance(cell, str) else cell)
        elif not hidden:
            target.value = cell
        if problems:
            gravest = min((each.severity for each in problems), key=_GRAVITY.index)
            target.fill = _FILLS[gravest]
            target.comment = self._comment(problems)

    def _comment(self, problems: Sequence[Problem]) -> Comment:
        said = "\n\n".join(
            f"{each.reason(self._lang)}\n→ {each.suggestion(self._lang)}" for each in problems
        )
        comment = Comment(said[:_LONGEST], "sferum-bridge")
        comment.width, comment.height = _COMMENT_WIDTH, _COMMENT_HEIGHT
        return comment


_TITLES = {
    "ru": ("Замечания", ("Лист", "Строка", "Столбец", "Значение", "Что не так", "Что сделать")),
    "en": ("Findings", ("Sheet", "Row", "Column", "Value", "What is wrong", "What to do")),
}


def _summary(book: Workbook, reading: Reading, lang: str) -> None:
    """Add a sheet that lists every problem: not all of them stand in a cell."""
    name, titles = _TITLES[lang]
    while name in book.sheetnames:
        name += "_"
    sheet = book.create_sheet(name)
    sheet.append(titles)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, each in enumerate(reading.problems, 2):
        said = (each.sheet, each.row or "", each.column, each.value)
        for place, value in enumerate((*said, each.reason(lang), each.suggestion(lang)), 1):
            cell = sheet.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"
    sheet.freeze_panes = "A2"


def main(path: str, lang: str, rejected: str) -> None:
    """Read a file and write the workbook to the standard output, as a process of its own.

    What `reader.read` is told of the school comes in as JSON. Memory and processor time are
    bounded, so a running bridge needs none of what this takes.
    """
    limits = Limits()
    seconds = _SHARE * limits.seconds
    resource.setrlimit(resource.RLIMIT_AS, (_SHARE * limits.memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    file, said = Path(path), json.load(sys.stdin)
    reading = read(file, limits, **said)
    written = marked(file, reading, lang, rejected=rejected == "rejected", limits=limits)
    sys.stdout.buffer.write(written)


if __name__ == "__main__":
    main(*sys.argv[1:4])
