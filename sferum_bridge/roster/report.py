"""The report of a reading, as rows of a table and as JSON-ready values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sferum_bridge.roster.model import Severity

if TYPE_CHECKING:
    from sferum_bridge.roster.model import Problem, Reading

_ORDER = (Severity.FATAL, Severity.ERROR, Severity.WARNING)


class ReportRow(NamedTuple):
    """One line of the report. `row` is text, empty for the sheet as a whole."""

    severity: str
    sheet: str
    row: str
    column: str
    value: str
    reason: str
    suggestion: str


def problems_table(reading: Reading, lang: str = "ru") -> list[ReportRow]:
    """Return the problems in words, the gravest first, then in the order of the file.

    Raises:
        KeyError: `lang` is neither `ru` nor `en`.
    """
    return [
        ReportRow(
            problem.severity.value,
            problem.sheet,
            str(problem.row) if problem.row else "",
            problem.column,
            problem.value,
            problem.reason(lang),
            problem.suggestion(lang),
        )
        for problem in _sorted(reading)
    ]


def problems_json(reading: Reading, lang: str = "ru") -> list[dict[str, object]]:
    """Return the problems as values that `json.dumps` takes; `code` and `params` are stable."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity.value,
            "sheet": problem.sheet,
            "row": problem.row,
            "column": problem.column,
            "value": problem.value,
            "params": dict(problem.params),
            "reason": problem.reason(lang),
            "suggestion": problem.suggestion(lang),
        }
        for problem in _sorted(reading)
    ]


def _sorted(reading: Reading) -> list[Problem]:
    sheets = list(dict.fromkeys(problem.sheet for problem in reading.problems))
    return sorted(
        reading.problems,
        key=lambda problem: (
            _ORDER.index(problem.severity),
            sheets.index(problem.sheet),
            problem.row,
        ),
    )
