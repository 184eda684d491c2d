"""Reads a roster of any form: file → grids → rows → roster, gathering every problem on the way.

Problems of structure (no sheet, no header, a required column missing, no school year) are fatal:
the reading then has all the problems that could be found and an empty roster. Problems of a row
leave out that row alone.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sferum_bridge.roster import assemble, columns, csv_files, template_reader, wide
from sferum_bridge.roster.errors import FileError
from sferum_bridge.roster.findings import Findings
from sferum_bridge.roster.model import Form, Reading, Roster, Severity
from sferum_bridge.roster.sheets import Grid, Limits, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


def read(
    path: Path,
    limits: Limits | None = None,
    *,
    form: Form | None = None,
    year: str = "",
    school: str = "",
    class_ids: Mapping[str, Mapping[str, str]] | None = None,
) -> Reading:
    """Read a roster: the template, a wide sheet, or OneRoster.

    Never raises for what a file holds. Blocks for seconds at worst: call it in a thread.

    Args:
        path: an .xlsx, .xls or .ods, a .csv, or a folder or zip of CSV files.
        limits: how much the file may be.
        form: what it is; told by what is in it when not given.
        year: the school year, as 2026/2027, where the file does not say it (a wide sheet may not).
        school: name or id of the one school to read, where a OneRoster file is of several.
        class_ids: `Reading.class_ids` of earlier lists, for a list of changes that names classes
            which it does not describe.
    """
    with _uncollected():
        return _read(path, limits or Limits(), form, year, school, class_ids or {})


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the search for cyclic garbage until a file is read.

    A roster is hundreds of thousands of small values without a cycle among them; to look through
    all of them again each time they have grown by a quarter takes a third of the reading.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(
    path: Path,
    limits: Limits,
    form: Form | None,
    year: str,
    school: str,
    class_ids: Mapping[str, Mapping[str, str]],
) -> Reading:
    findings = Findings()
    try:
        found = load(path, limits)
        if found.oneroster and form in (None, Form.ONEROSTER):
            from sferum_bridge.roster import oneroster  # noqa: PLC0415 - few schools have it

            return oneroster.read(found.oneroster, findings, school, class_ids)
        if form is Form.ONEROSTER:
            raise FileError("file_not_oneroster")  # noqa: TRY301 - told like the others
        grids = found.grids or [
            Grid(name.removesuffix(".csv"), csv_files.rows(data, name, limits.rows))
            for name, data in found.oneroster.items()
        ]
    except FileError as error:
        findings.add(error.code, Severity.FATAL, sheet=error.sheet, row=0, **error.params)
        return findings.reading(Roster(), form or Form.TEMPLATE)
    return read_grids(grids, findings, form=form, year=year)


def read_grids(
    grids: Sequence[Grid],
    findings: Findings | None = None,
    *,
    form: Form | None = None,
    year: str = "",
) -> Reading:
    """Read sheets whose cells are at hand already, by whatever way they came."""
    findings = findings or Findings()
    shown = []
    for grid in grids:
        if grid.hidden:
            findings.add("sheet_hidden", Severity.WARNING, sheet=grid.name, name=grid.name)
        else:
            shown.append(grid)
    form = form or _form(shown)
    if form is Form.WIDE:
        rows = wide.read(shown, findings, year)
    else:
        rows = template_reader.read(shown, findings)
    if findings.fatal:
        return findings.reading(Roster(), form)
    return findings.reading(assemble.assemble(rows, findings), form)


def _form(grids: Sequence[Grid]) -> Form:
    """Tell what sheets are: the template by their names, a wide sheet by its titles."""
    known = [sheet for grid in grids if (sheet := columns.sheet_named(grid.name)) is not None]
    alone = known == [columns.PUPILS] and len(grids) == 1
    if known and not alone:
        return Form.TEMPLATE
    return Form.WIDE if any(map(wide.is_one, grids)) else Form.TEMPLATE
