"""Files to what they hold: a workbook, a CSV, a folder or a zip of CSV files.

What a file is is told by its content, never by its name alone. Everything is bounded: the size as
it comes, the size unpacked, the rows, and (for workbooks, see `xlsx_worker`) memory and time.
"""

from __future__ import annotations

import io
import json
import lzma
import signal
import subprocess
import sys
import threading
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sferum_bridge.roster import columns, csv_files
from sferum_bridge.roster.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sferum_bridge.roster.values import Cell

_WORKER = Path(__file__).with_name("xlsx_worker.py")
_MIB = 1024 * 1024
_BROKEN = (EOFError, OSError, ValueError, RuntimeError, NotImplementedError)
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_MEMBER = b"PK\x01\x02"
_MOST_MEMBERS = 5_000
"""Files in a zip. A workbook has dozens; each costs memory before anything is unpacked."""
_MACROS = "_VBA_PROJECT".encode("utf-16-le")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_REFUSED = (".xlsm", ".xltm", ".xlsb", ".xlam", ".xla")
_TEXTS = (".csv", ".tsv", ".txt")
_PASSWORD, _MUCH = 3, 4
_PATIENCE = 4
_SAID = 64 * 1024
"""Bytes of what the worker says of an error that are looked at."""
_KILLED = (-signal.SIGABRT, -signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a roster may be. The largest school known fits three times over."""

    file_bytes: int = 16 * _MIB
    """Bytes of the file as it comes; of each file of a folder."""
    unpacked_bytes: int = 128 * _MIB
    """Bytes of everything in a zip or workbook, unpacked."""
    rows: int = 100_000
    """Rows of one sheet."""
    memory_bytes: int = 1024 * _MIB
    """Address space of the process that reads a workbook."""
    seconds: int = 30
    """Processor time of that process; it gets four times as long on the clock."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a sheet from its very first row and column on, and where formulas stand."""

    name: str
    rows: Sequence[Sequence[Cell]]
    formulas: frozenset[tuple[int, int]] = frozenset()
    hidden: bool = False
    merged: Sequence[tuple[int, int, int]] = ()
    """Cells near the top merged side by side: row, first and last column, from 0."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds: sheets, or the files of a OneRoster zip, by name."""

    grids: Sequence[Grid] = ()
    oneroster: Mapping[str, bytes] = field(default_factory=dict)


def load(path: Path, limits: Limits) -> Loaded:
    """Return what a workbook, a CSV, or a folder or zip of CSV files holds.

    Blocks for up to `limits.seconds`: call it in a thread.

    Raises:
        FileError: there is nothing to read, or it is too much, or dangerous.
    """
    try:
        if path.is_dir():
            return _csv_files(_folder(path, limits), limits)
        data = _bounded(path, limits)
    except OSError as error:
        raise FileError("file_missing", error=error.strerror or "") from None
    if path.suffix.lower() in _REFUSED:
        raise FileError("file_macros")
    if not data:
        raise FileError("file_empty")
    if data.startswith(_OLE):
        return Loaded(_old_workbook(data, limits))
    if data.startswith(_ZIP):
        return _archive(data, limits)
    if data.startswith((b"PK", b"%PDF")) or not csv_files.looks_like_text(data):
        raise FileError("file_no_sheet")
    if data.lstrip()[:5].lower() in (b"<?xml", b"<html", b"<!doc") or data.startswith(b"{\\rtf"):
        raise FileError("file_no_sheet")
    if path.suffix.lower() not in _TEXTS and not csv_files.has_titles(data):
        raise FileError("file_no_sheet")
    return _csv_files([(path.name, data)], limits)


def _bounded(path: Path, limits: Limits) -> bytes:
    with path.open("rb") as file:
        data = file.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        raise FileError("file_big", limit=str(limits.file_bytes // _MIB))
    return data


def _folder(path: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    left = limits.unpacked_bytes
    for file in sorted(path.iterdir()):
        if file.suffix.lower() == ".csv" and file.is_file():
            data = _bounded(file, limits)
            left -= len(data)
            if left < 0:
                raise FileError("file_big", limit=str(limits.unpacked_bytes // _MIB))
            yield file.name, data


def _archive(data: bytes, limits: Limits) -> Loaded:
    if data.count(_MEMBER) > _MOST_MEMBERS:
        raise FileError("file_big", limit=str(limits.unpacked_bytes // _MIB))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > limits.unpacked_bytes:
                raise FileError("file_big", limit=str(limits.unpacked_bytes // _MIB))
            names = {member.filename.lower() for member in members}
            if any(name.endswith("vbaproject.bin") for name in names) or any(
                name.startswith(("basic/", "scripts/")) for name in names
            ):
                raise FileError("file_macros")
            if "xl/workbook.bin" in names:
                raise FileError("file_macros")
            if "xl/workbook.xml" in names or "content.xml" in names:
                return Loaded(_workbook(data, limits))
            return _csv_files(_zipped(archive, members), limits)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, *_BROKEN):
        # RuntimeError: a member is encrypted; NotImplementedError: packed in an unknown way.
        raise FileError("file_damaged") from None


def _zipped(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]
) -> Iterator[tuple[str, bytes]]:
    """Give the CSV files of a zip. Nothing is ever written to a disk, so no path leads anywhere."""
    for member in members:
        name = member.filename
        if not member.flag_bits & 0x800:  # Windows packs Cyrillic names in its old code page
            name = name.encode("cp437", "replace").decode("cp866", "replace")
        inner = PurePosixPath(name)
        if inner.suffix.lower() == ".csv" and not inner.parts[0].startswith(("__MACOSX", ".")):
            # A member never gives more than the size it declares, and those were summed up.
            yield name, archive.read(member)


def _old_workbook(data: bytes, limits: Limits) -> Sequence[Grid]:
    if _ENCRYPTED in data:
        raise FileError("file_password")
    if _MACROS in data:
        raise FileError("file_macros")
    return _workbook(data, limits)


def _workbook(data: bytes, limits: Limits) -> Sequence[Grid]:
    """Have the worker read a workbook; what it has written is understood while it goes on."""
    arguments = [str(limits.memory_bytes), str(limits.seconds), str(limits.rows + 1)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own program, and arguments that are numbers
        [sys.executable, "-I", str(_WORKER), *arguments], stdin=pipe, stdout=pipe, stderr=pipe
    ) as worker:
        # Whatever it does, it has an end: then there is nothing more to read of it.
        watch = threading.Timer(limits.seconds * _PATIENCE, worker.kill)
        watch.start()
        try:
            grids, said = _exchanged(worker, data)
            worker.wait()
        finally:
            watch.cancel()
            worker.kill()
    if worker.returncode:
        raise FileError(_why(worker.returncode, said))
    if grids is None:
        raise FileError("file_damaged")
    return [_checked(grid, limits) for grid in grids]


def _exchanged(worker: subprocess.Popen[bytes], data: bytes) -> tuple[Sequence[Grid] | None, bytes]:
    """Give the worker a file; return what it makes of it, if that is whole, and what it says."""
    given, written, said = worker.stdin, worker.stdout, worker.stderr
    if given is None or written is None or said is None:  # pragma: no cover - all are pipes
        return None, b""
    # It reads all of it before it writes anything.
    with suppress(BrokenPipeError), given:
        given.write(data)
    try:
        grids = _grids(written)
    except (ValueError, KeyError, TypeError):
        grids = None
        # Else it would wait for somebody to read on.
        written.close()
    return grids, said.read(_SAID)


def _why(returncode: int, said: bytes) -> str:
    if returncode == _PASSWORD:
        return "file_password"
    if returncode in (_MUCH, *_KILLED) or b"MemoryError" in said:
        return "file_heavy"
    return "file_damaged"


def _grids(written: Iterable[bytes]) -> list[Grid]:
    """Understand what the worker writes. Equal cells are one, since most of a sheet repeats."""
    grids: list[Grid] = []
    rows: list[list[Cell]] = []
    same: dict[str, str] = {}
    days: dict[str, date] = {}
    for line in written:
        value = json.loads(line.decode("utf-8", "surrogatepass"))
        if isinstance(value, dict):
            rows = []
            formulas = frozenset((row, column) for row, column in value["formulas"])
            merged = [(row, first, last) for row, first, last in value["merged"]]
            grids.append(Grid(value["name"], rows, formulas, value["hidden"], merged))
            continue
        rows += [
            [
                same.setdefault(cell, cell) if isinstance(cell, str) else _other(cell, days)
                for cell in row
            ]
            for row in value
        ]
    return grids


def _other(plain: float | dict[str, str], days: dict[str, date]) -> Cell:
    if not isinstance(plain, dict):
        return plain
    written = plain["date"]
    return days.get(written) or days.setdefault(written, date.fromisoformat(written))


def _checked(grid: Grid, limits: Limits) -> Grid:
    if len(grid.rows) > limits.rows and not grid.hidden:
        raise FileError("rows_many", limit=str(limits.rows), sheet=grid.name)
    return grid


def _csv_files(files: Iterable[tuple[str, bytes]], limits: Limits) -> Loaded:
    found = dict(files)
    if any(PurePosixPath(name).name in _ONEROSTER for name in found):
        return Loaded(oneroster=found)
    grids = []
    for name, data in found.items():
        stem = unicodedata.normalize("NFC", PurePosixPath(name).stem)
        grids.append(_checked(Grid(stem, csv_files.rows(data, stem, limits.rows)), limits))
    if not grids:
        raise FileError("file_no_sheet")
    if len(grids) == 1 and columns.sheet_named(grids[0].name) is not None:
        raise FileError("file_lone_csv")
    return Loaded(grids)


_ONEROSTER = frozenset(("manifest.csv", "orgs.csv", "users.csv", "enrollments.csv"))
