"""Files to grids of cells: an XLSX, a folder of CSV files, or a zip of them.

What a file is is told by its content, never by its name alone. Everything is bounded: the size as
it comes, the size unpacked, the rows, and (for XLSX, see `xlsx_worker`) memory and time.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import lzma
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sferum_bridge.roster import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sferum_bridge.roster.values import Cell

_WORKER = Path(__file__).with_name("xlsx_worker.py")
_MIB = 1024 * 1024
_BROKEN = (EOFError, OSError, ValueError, RuntimeError, NotImplementedError)
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_TITLES_ENOUGH = 2
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a roster may be. The largest school known fits three times over."""

    file_bytes: int = 16 * _MIB
    """Bytes of the file as it comes; of each file of a folder."""
    unpacked_bytes: int = 128 * _MIB
    """Bytes of everything in a zip or workbook, unpacked."""
    rows: int = 50_000
    """Rows of one sheet."""
    memory_bytes: int = 1024 * _MIB
    """Address space of the process that reads a workbook."""
    seconds: int = 30
    """Processor time of that process; it gets twice as long on the clock."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a sheet from its very first row and column on, and where formulas stand."""

    name: str
    rows: Sequence[Sequence[Cell]]
    formulas: frozenset[tuple[int, int]] = frozenset()


class FileError(Exception):
    """A file is nothing that can be read. `code` names the text, `params` fill it."""

    def __init__(self, code: str, sheet: str = "", **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.sheet = sheet
        self.params = params


def load(path: Path, limits: Limits) -> list[Grid]:
    """Return the sheets of a workbook, a folder of CSV files or a zip of them.

    Blocks for up to `limits.seconds`: call it in a thread.

    Raises:
        FileError: there is nothing to read, or it is too much, or dangerous.
    """
    try:
        if path.is_dir():
            return _csv_grids(_folder(path, limits), limits)
        data = _bounded(path, limits)
    except OSError as error:
        raise FileError("file_missing", error=error.strerror or "") from None
    if path.suffix.lower() in (".xlsm", ".xltm", ".xlsb", ".xlam"):
        raise FileError("file_macros")
    if not data:
        raise FileError("file_empty")
    if data.startswith(_OLE):
        raise FileError("file_old")
    if data.startswith(_ZIP):
        return _archive(data, limits)
    raise FileError("file_lone_csv" if path.suffix.lower() == ".csv" else "file_no_sheet")


def _bounded(path: Path, limits: Limits) -> bytes:
    with path.open("rb") as file:
        data = file.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        raise FileError("file_big", limit=str(limits.file_bytes // _MIB))
    return data


def _folder(path: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.iterdir()):
        if file.suffix.lower() == ".csv" and file.is_file():
            yield file.name, _bounded(file, limits)


def _archive(data: bytes, limits: Limits) -> list[Grid]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > limits.unpacked_bytes:
                raise FileError("file_big", limit=str(limits.unpacked_bytes // _MIB))
            names = {member.filename.lower() for member in members}
            if any(name.endswith("vbaproject.bin") for name in names):
                raise FileError("file_macros")
            if "xl/workbook.bin" in names:
                raise FileError("file_macros")
            if "xl/workbook.xml" in names:
                return _workbook(data, limits)
            if "content.xml" in names:
                raise FileError("file_old")
            return _csv_grids(_zipped(archive, members), limits)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, *_BROKEN):
        # RuntimeError: a member is encrypted; NotImplementedError: packed in an unknown way.
        raise FileError("file_damaged") from None


def _zipped(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]
) -> Iterator[tuple[str, bytes]]:
    for member in members:
        name = member.filename
        if not member.flag_bits & 0x800:  # Windows packs Cyrillic names in its old code page
            name = name.encode("cp437", "replace").decode("cp866", "replace")
        inner = PurePosixPath(name)
        if inner.suffix.lower() == ".csv" and not inner.parts[0].startswith(("__MACOSX", ".")):
            # A member never gives more than the size it declares, and those were summed up.
            yield inner.name, archive.read(member)


def _workbook(data: bytes, limits: Limits) -> list[Grid]:
    arguments = [str(limits.memory_bytes), str(limits.seconds), str(limits.rows + 1)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program, and arguments that are numbers
            [sys.executable, "-I", str(_WORKER), *arguments],
            input=data,
            capture_output=True,
            timeout=limits.seconds * 2,
            check=True,
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise FileError("file_damaged") from None
    grids = [
        Grid(
            name=sheet["name"],
            rows=[[_cell(cell) for cell in line] for line in sheet["rows"]],
            formulas=frozenset((row, column) for row, column in sheet["formulas"]),
        )
        for sheet in found
    ]
    return [_checked(grid, limits) for grid in grids]


def _cell(plain: str | float | dict[str, str]) -> Cell:
    return date.fromisoformat(plain["date"]) if isinstance(plain, dict) else plain


def _checked(grid: Grid, limits: Limits) -> Grid:
    if len(grid.rows) > limits.rows and columns.sheet_named(grid.name) is not None:
        raise FileError("rows_many", limit=str(limits.rows), sheet=grid.name)
    return grid


def _csv_grids(files: Iterator[tuple[str, bytes]], limits: Limits) -> list[Grid]:
    grids = []
    for name, data in files:
        stem = unicodedata.normalize("NFC", PurePosixPath(name).stem)
        grids.append(_checked(Grid(stem, _csv_rows(data, stem, limits.rows)), limits))
    if not grids:
        raise FileError("file_no_sheet")
    return grids


def _csv_rows(data: bytes, sheet: str, most_rows: int) -> list[list[str]]:
    """Read one row more than is allowed at most.

    Try what the encoding may be and the delimiters, and take what shows the most titles.
    """
    best: list[list[str]] | None = None
    most = -1
    broken: FileError | None = None
    for encoding in _encodings(data):
        try:
            written = data.decode(encoding)
        except UnicodeError:
            continue
        for delimiter in ";,\t":
            reader = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True)
            try:
                rows = list(itertools.islice(reader, most_rows + 1))
            except csv.Error:
                # An open quotation mark would swallow the rows behind it.
                broken = FileError("csv_broken", sheet=sheet, line=str(reader.line_num))
                continue
            titles = max((columns.count_titles(row) for row in rows[:20]), default=0)
            if titles > most:
                best, most = rows, titles
        if most >= _TITLES_ENOUGH:
            break
    if broken is not None and most < _TITLES_ENOUGH:
        raise broken
    if best is None:
        raise FileError("encoding_unknown", sheet=sheet)
    return best


def _encodings(data: bytes) -> Iterator[str]:
    if data.startswith(_UTF16):
        yield "utf-16"
    yield "utf-8-sig"
    # Not before: it takes five MiB, and a running bridge may never need it.
    import charset_normalizer  # noqa: PLC0415 - see above

    guess = charset_normalizer.from_bytes(data[:_MIB]).best()
    if guess is not None:
        yield guess.encoding
    yield "cp1251"
