"""Gathers what is found while a file is read, so that all of it is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.roster.model import DroppedColumn, Form, Problem, Reading, Roster, Severity
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from sferum_bridge.roster.rows import Row

_VALUE_SHOWN = 60
"""Characters of a cell that a problem shows."""


class Findings:
    """The problems and dropped columns of one reading."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._dropped: list[DroppedColumn] = []
        self._titles: dict[tuple[str, str, str], str] = {}

    @property
    def fatal(self) -> bool:
        """Tell whether nothing may be imported any more."""
        return any(problem.severity is Severity.FATAL for problem in self._problems)

    def call(self, sheet: str, title: str, written: str, slot: str = "") -> None:
        """Note what a sheet calls a column of the template; `slot` tells parents apart."""
        self._titles[sheet, title, slot] = written

    def add(
        self,
        code: str,
        severity: Severity,
        *,
        sheet: str = "",
        row: int = 0,
        column: str = "",
        value: str = "",
        slot: str = "",
        **params: str,
    ) -> None:
        """Note a problem; the value is cleaned and shortened, params are shown as they are."""
        shown = classes.clean(value[: _VALUE_SHOWN * 4])
        if len(shown) > _VALUE_SHOWN:
            shown = shown[: _VALUE_SHOWN - 1] + "…"
        column = self._titles.get((sheet, column, slot), column)
        filled = tuple(sorted(params.items()))
        self._problems.append(Problem(code, severity, sheet, row, column, shown, filled))

    def of_row(
        self,
        code: str,
        row: Row,
        column: str,
        value: str = "",
        *,
        severity: Severity = Severity.ERROR,
        **params: str,
    ) -> None:
        """Note a problem of a row, in a column of the template; see `add`."""
        self.add(
            code, severity, sheet=row.sheet, row=row.row, column=column, value=value,
            slot=row.slot, **params,
        )  # fmt: skip

    def drop(self, sheet: str, title: str, *, personal: bool) -> None:
        """Note a column of which nothing is kept."""
        self._dropped.append(DroppedColumn(sheet, title, personal))

    def reading(self, roster: Roster, form: Form = Form.TEMPLATE) -> Reading:
        """Return the outcome; the roster is emptied when something fatal was found."""
        kept = Roster() if self.fatal else roster
        return Reading(kept, tuple(self._problems), tuple(self._dropped), form)
