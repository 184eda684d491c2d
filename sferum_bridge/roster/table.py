"""What reading any sheet takes: where its header is, which lines are none, what a column holds."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from sferum_bridge.roster import titles, values
from sferum_bridge.roster.model import Severity
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sferum_bridge.roster.columns import Kind
    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.sheets import Grid

HEADER_WITHIN = 20
"""Rows from the top among which the header is looked for: titles and logos stand above it."""

NOTHING = object()
"""What an empty cell holds."""

_TITLES_ENOUGH = 2
_FOOTER = re.compile(
    r"(?:всего|итого|мальчик\w*|девоч\w*|классн\w+ рук\w*|директор|зам\w*|подпись|исполнитель|дата)"
    r"(?!\w)"
)
_FOOTER_CELLS = 4
_KNOWN = 5_000
_REPEATED = (str, date)
_TITLE_SHOWN = 80


def header_row(grid: Grid) -> int | None:
    """Return the place of the row with the most titles, `None` when there is none."""
    best, most = None, _TITLES_ENOUGH - 1
    for index, line in enumerate(grid.rows[:HEADER_WITHIN]):
        count = titles.count(line)
        if count > most:
            best, most = index, count
    return best


def title(cell: values.Cell) -> str:
    """Return the text of a header's cell, shortened; what is no text has none."""
    try:
        return values.text(cell)[:_TITLE_SHOWN]
    except values.CellError:
        return ""


def is_no_row(line: Sequence[values.Cell], places: Collection[int], formula: bool) -> bool:  # noqa: FBT001 - a private kind of question
    """Tell whether a line is empty where the columns are, or a footer like «Всего: 27»."""
    if len(line) - line.count("") > _FOOTER_CELLS:
        return False
    written = {place: classes.clean(str(cell)) for place, cell in enumerate(line)}
    if not formula and not any(written.get(place) for place in places):
        return True
    return any(_FOOTER.match(cell.casefold()) for cell in written.values() if cell)


class Column:
    """Reads the cells of one column of one sheet; a text or day that comes again is read once.

    A `spare` column is one of which a bad cell costs nothing but itself.
    """

    def __init__(
        self,
        place: int,
        field: str,
        title: str,
        kind: Kind,
        *,
        required: bool = False,
        spare: bool = False,
        slot: str = "",
    ) -> None:
        self.place = place
        self.field = field
        self.title = title
        self.required = required
        self.slot = slot
        self._kind = kind
        self._parse = values.parser(kind)
        self._spare = spare
        self.known: dict[values.Cell, object] = {}
        """What texts and days of this column hold, once they were understood."""
        self._formula_said = False

    def read(self, cell: values.Cell) -> object:
        """Return the value of a cell, or `NOTHING`.

        Raises:
            CellError: it cannot be understood, or has to be there and is not.
        """
        known = self.known.get(cell)
        if known is not None:
            return known
        value: object
        if not isinstance(cell, str):
            value = values.parse(self._kind, cell)
        elif written := values.text(cell):
            value = self._parse(written)
        elif self.required:
            raise values.CellError("cell_missing")
        else:
            value = NOTHING
        # No numbers: 1, 1.0 and true are equal, and do not mean the same.
        if len(self.known) < _KNOWN and isinstance(cell, _REPEATED):
            self.known[cell] = value
        return value

    def take(
        self,
        grid: Grid,
        index: int,
        findings: Findings,
    ) -> tuple[object, bool]:
        """Return the value of a cell and whether its row can be used; say what is wrong with it."""
        line = grid.rows[index]
        cell = line[self.place] if self.place < len(line) else ""
        formula = bool(grid.formulas) and (index, self.place) in grid.formulas
        try:
            value = self.read(cell)
            if not formula:
                return value, True
            if value is NOTHING:
                raise values.CellError("formula_empty")  # noqa: TRY301 - reported like the others
        except values.CellError as error:
            severity = Severity.WARNING if self._spare else error.severity
            if formula and error.code == "cell_missing":
                error = values.CellError("formula_empty")
            findings.add(
                error.code, severity, sheet=grid.name, row=index + 1, column=self.title,
                value=str(cell), slot=self.slot, **error.params,
            )  # fmt: skip
            return NOTHING, severity is Severity.WARNING
        if not self._formula_said:
            self._formula_said = True
            findings.add(
                "formula_value", Severity.WARNING, sheet=grid.name, row=index + 1,
                column=self.title, slot=self.slot,
            )  # fmt: skip
        return value, True
