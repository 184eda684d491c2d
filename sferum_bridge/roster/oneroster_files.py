"""The files of a OneRoster zip to lines: manifest, headers, statuses, required values (§4.1)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sferum_bridge.roster import oneroster_columns as columns
from sferum_bridge.roster import values
from sferum_bridge.roster.model import Severity
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sferum_bridge.roster.findings import Findings

_MANIFEST = "manifest.csv"
_MODES = ("absent", "bulk", "delta")
_ALWAYS = ("orgs", "users")
_MOST_LINES = 500_000
"""Lines of one file; a school of seven thousand pupils has a tenth of that."""
_MOST_TEXT = 500
ACTIVE, DELETED = "active", "tobedeleted"


@dataclass(slots=True)
class Line:
    """A line of a file: its values by name, and whether a list of changes deletes it."""

    file: str
    row: int
    values: Mapping[str, str]
    deleted: bool = False

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def id(self) -> str:
        """Return the id by which other lines name this one."""
        return self.values["sourcedId"]

    def several(self, name: str) -> list[str]:
        """Return the values of a field that holds a list."""
        return [one for one in (part.strip() for part in self[name].split(",")) if one]


@dataclass(slots=True)
class Files:
    """What was read of a zip. `delta` holds the files that tell of changes only."""

    version: str = columns.V11
    lines: dict[str, list[Line]] = field(default_factory=dict)
    delta: set[str] = field(default_factory=set)

    def of(self, file: str) -> list[Line]:
        """Return the lines of a file, none for one that is absent."""
        return self.lines.get(file, [])


def read(found: Mapping[str, bytes], findings: Findings) -> Files:
    """Return the lines of every file that is of use; what is wrong is in `findings`."""
    files = Files()
    deep = next((name for name in found if PurePosixPath(name).name != name), None)
    if deep is not None and _MANIFEST not in found:
        findings.add("oneroster_folder", Severity.FATAL, sheet=deep, name=deep)
        return files
    modes = _manifest(found, files, findings)
    if findings.fatal:
        return files
    for name, names in columns.TABLES[files.version].items():
        mode = modes.get(name, "absent")
        if mode == "absent":
            continue
        lines = _lines(found[f"{name}.csv"], name, names, findings, delta=mode == "delta")
        files.lines[name] = list(lines)
        if mode == "delta":
            files.delta.add(name)
    return files


def _manifest(found: Mapping[str, bytes], files: Files, findings: Findings) -> Mapping[str, str]:
    """Return how each file comes; hold it against the files there are."""
    if _MANIFEST not in found:
        findings.add("oneroster_no_manifest", Severity.FATAL, sheet=_MANIFEST, found=_list(found))
        return {}
    rows = list(_rows(found[_MANIFEST], _MANIFEST, findings))
    if not rows or [cell.strip() for cell in rows[0][1]][:2] != ["propertyName", "value"]:
        findings.add(
            "oneroster_header", Severity.FATAL, sheet=_MANIFEST, row=1, place="1",
            expected="propertyName", found=rows[0][1][0] if rows and rows[0][1] else "—",
        )  # fmt: skip
        return {}
    said = {cells[0].strip(): cells[1].strip() for _, cells in rows[1:] if len(cells) > 1}
    version = said.get("oneroster.version", "")
    files.version = version[:3]
    if said.get("manifest.version") != "1.0" or files.version not in columns.TABLES:
        findings.add(
            "oneroster_version", Severity.FATAL, sheet=_MANIFEST, value=version,
            column="oneroster.version", version=version or "—",
        )  # fmt: skip
        return {}
    modes = {}
    for name in (*columns.TABLES[files.version], *columns.IGNORED[files.version]):
        mode = _mode(name, said.get(f"file.{name}", ""), f"{name}.csv" in found, findings)
        if mode:
            modes[name] = mode
    if "delta" not in modes.values():
        for name in (*_ALWAYS, *(("roles",) if files.version == columns.V12 else ())):
            if modes.get(name, "absent") == "absent":
                needed = f"{name}.csv"
                findings.add("oneroster_needed", Severity.FATAL, sheet=_MANIFEST, name=needed)
    return modes


def _mode(name: str, mode: str, there: bool, findings: Findings) -> str:  # noqa: FBT001 - three facts about a file
    """Return how a file comes after the manifest, '' for what the manifest does not say."""
    if mode not in _MODES:
        if there or mode:
            findings.add(
                "oneroster_mode",
                Severity.FATAL,
                sheet=_MANIFEST,
                column=f"file.{name}",
                value=mode,
                name=name,
            )
        return ""
    if there and mode == "absent":
        findings.add(
            "oneroster_undeclared", Severity.WARNING, sheet=f"{name}.csv", name=f"{name}.csv"
        )
    elif not there and mode != "absent":
        findings.add(
            "oneroster_promised",
            Severity.FATAL,
            sheet=_MANIFEST,
            column=f"file.{name}",
            name=f"{name}.csv",
        )
    return mode


def _lines(
    data: bytes, file: str, names: Sequence[str], findings: Findings, *, delta: bool
) -> Iterator[Line]:
    """Give the lines that can be used; an id that comes twice, with other values, is nobody's."""
    sheet = f"{file}.csv"
    rows = _rows(data, sheet, findings)
    header = next(rows, (1, []))[1]
    expected = [name.lstrip("*") for name in names]
    placed = _header(header, expected, file, findings)
    if placed is None:
        return
    required = [name[1:] for name in names if name.startswith("*")]
    kept: dict[str, Line] = {}
    shared: set[str] = set()
    personal = dict.fromkeys(columns.PERSONAL.get(file, ()), False)
    empty = True
    for row, cells in rows:
        if not any(cells):
            continue
        empty = False
        said = {
            name: classes.clean(cell)[:_MOST_TEXT]
            for name, cell in zip(placed, cells, strict=False)
            if cell and name
        }
        for name in personal.keys() & said.keys():
            personal[name] = True
            del said[name]
        line = Line(file, row, said)
        if not _whole(line, required, len(cells), len(header), findings, delta=delta):
            continue
        first = kept.setdefault(line.id, line)
        if first is not line and first.values == line.values:
            refuse(
                findings, "row_twice", line, "sourcedId", Severity.WARNING, other=str(first.row)
            )  # fmt: skip
        elif first is not line:
            shared.add(line.id)
            refuse(findings, "oneroster_id_twice", line, "sourcedId", other=str(first.row))
    if empty:
        findings.add("oneroster_empty", Severity.FATAL, sheet=sheet, name=sheet, file=file)
    for name in (each for each, filled in personal.items() if filled):
        findings.drop(sheet, name, personal=True)
        findings.add(
            "column_dropped", Severity.WARNING, sheet=sheet, row=1, column=name, title=name
        )
    yield from (line for line in kept.values() if line.id not in shared)


def _header(
    header: Sequence[str], expected: Sequence[str], file: str, findings: Findings
) -> list[str] | None:
    """Return the name of each column in its place, empty for metadata; `None` if one is wrong."""
    sheet = f"{file}.csv"
    found = [cell.strip() for cell in header]
    while found and not found[-1]:
        found.pop()
    lacking = columns.MAY_LACK.get(file, frozenset())
    wanted = [name for name in expected if name not in lacking or name in found]
    for missing in (name for name in wanted if name not in found):
        findings.add(
            "oneroster_column", Severity.FATAL, sheet=sheet, row=1, column=missing, name=missing
        )
    if not set(wanted) <= set(found):
        return None
    for place, (one, other) in enumerate(zip(found, wanted, strict=False), start=1):
        if one != other:
            findings.add(
                "oneroster_header", Severity.FATAL, sheet=sheet, row=1, column=one,
                place=str(place), expected=other, found=one,
            )  # fmt: skip
            return None
    behind = found[len(wanted) :]
    for name in behind:
        if not name.startswith(columns.METADATA):
            findings.add(
                "oneroster_foreign", Severity.FATAL, sheet=sheet, row=1, column=name, name=name
            )
            return None
    return [*wanted, *[""] * len(behind)]


def _whole(  # noqa: PLR0911 - what may be wrong with a line, one after the other
    line: Line, required: Sequence[str], cells: int, titles: int, findings: Findings, *, delta: bool
) -> bool:
    """Tell whether a line has what it must have; note what it deletes."""
    if cells > titles:
        refuse(findings, "oneroster_cells", line, "", cells=str(cells), titles=str(titles))
        return False
    for name in required:
        if not line[name] and (name == "sourcedId" or line[columns.STATUS] != DELETED):
            refuse(findings, "cell_missing", line, name)
            return False
    status = line[columns.STATUS]
    if not delta:
        if status == DELETED:
            refuse(findings, "oneroster_bulk_deletes", line, columns.STATUS)
            return False
        return True
    for name in (columns.STATUS, columns.MODIFIED):
        if not line[name]:
            refuse(findings, "cell_missing", line, name)
            return False
    if status not in (ACTIVE, DELETED):
        allowed = f"{ACTIVE}, {DELETED}"
        refuse(findings, "choice_unknown", line, columns.STATUS, allowed=allowed, hint=allowed)
        return False
    line.deleted = status == DELETED
    return True


def _rows(data: bytes, sheet: str, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    try:
        written = data.decode("utf-8-sig")
    except UnicodeError:
        findings.add("oneroster_utf8", Severity.FATAL, sheet=sheet)
        return
    reader = csv.reader(io.StringIO(written, newline=""), strict=True)
    try:
        for row, cells in enumerate(reader, start=1):
            if row > _MOST_LINES:
                findings.add("rows_many", Severity.FATAL, sheet=sheet, limit=str(_MOST_LINES))
                return
            yield row, [values.disarmed(cell) if cell[:1] == "'" else cell for cell in cells]
    except csv.Error:
        findings.add("csv_broken", Severity.FATAL, sheet=sheet, line=str(reader.line_num))


def _list(names: Mapping[str, bytes]) -> str:
    return ", ".join(sorted(names))[:200]


def refuse(
    findings: Findings,
    code: str,
    line: Line,
    column: str,
    severity: Severity = Severity.ERROR,
    **params: str,
) -> None:
    """Say what is wrong with a line."""
    findings.add(
        code, severity, sheet=f"{line.file}.csv", row=line.row, column=column, value=line[column],
        **params,
    )  # fmt: skip
