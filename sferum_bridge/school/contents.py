"""What a file holds, whatever it is called: a program, an archive of programs, or neither (S-13).

Told by the bytes that programs begin with, and by looking into archives: into ZIP (which books,
office documents and Scratch projects are too), TAR and their compressed forms, and into archives in
those, one level deep. What nobody can look into is *sealed*: an archive with a password, one of
another form (RAR, 7z, XZ), a damaged one, one deeper than that, or one that grows too large.

It reads a file that is handed in, in the caller's thread, and of a hostile one no more than the
limits below say. A virus is no business of this module: that takes a scanner.
"""

from __future__ import annotations

import bz2
import gzip
import tarfile
import zipfile
import zlib
from contextlib import closing
from enum import StrEnum, unique
from io import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from sferum_bridge.school.attachments import MEGABYTE, PROGRAM_SUFFIXES, suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_ENTRIES = 10_000
"""Entries of one archive; more of them are as good as sealed."""
MOST_BYTES = 128 * MEGABYTE
"""What is unpacked of one file altogether to look further; more is as good as sealed."""
LEVELS = 2
"""How deep archives are looked into: the file itself, and those in it."""

_HEAD = 64
_PIECE = 64 * 1024
_DOS = (b"MZ", b"ZM")
_PROGRAMS = (
    b"\x7fELF",
    b"dex\n",
    b"\xca\xfe\xba\xbe",  # Java, and macOS for several processors
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),  # macOS
    b"L\x00\x00\x00\x01\x14\x02\x00",  # a shortcut of Windows
    b"!<arch>\ndebian",
    b"\xed\xab\xee\xdb",  # RPM
)
_ZIP, _GZIP, _BZIP2 = b"PK\x03\x04", b"\x1f\x8b", b"BZh"
_PACKED = (_GZIP, _BZIP2)
_SEALED = (
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"MSCF",  # CAB
    b"\xfd7zXZ\x00",  # it says itself how much memory is to be taken
    b"\x28\xb5\x2f\xfd",  # Zstandard
    b"xar!",
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_INSTALLERS = (0x84, 0x86)
_INSTALLER = b"\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
"""The class id of a Windows installer or its patch, behind the first byte."""
_TAR, _TAR_AT = b"ustar", 257
_SOURCES = frozenset({"py", "ipynb", "pas", "cpp", "c", "h", "java", "cs", "kt", "sql", "txt"})
"""Texts in which a first line for Unix is usual, and harmless: nothing runs them by a tap."""
_OF_DOCUMENTS = frozenset({"[Content_Types].xml", "mimetype", "geogebra.xml", "project.json"})
"""What tells a document that is a ZIP from an archive: its scripts run nowhere else."""
_SCRIPTS = frozenset({"js", "sh", "bash"})
_MACROS = "vbaProject.bin"
_ARCHIVES = frozenset({"zip", "jar", "tar", "tgz", "gz", "bz2"})
_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error),
    *(EOFError, OSError, ValueError, RuntimeError, OverflowError),
)


@unique
class Inside(StrEnum):
    """What a file holds."""

    HARMLESS = "harmless"
    """Nothing of the below; a virus may be in it all the same."""
    PROGRAM = "program"
    HOLDS_PROGRAM = "holds-program"
    SEALED = "sealed"


class _TooLarge(ValueError):
    pass


def look(file: IO[bytes], name: str = "", *, passing: frozenset[str] = frozenset()) -> Inside:
    """Tell what a file holds; it must be one that can be sought in, and is left at its beginning.

    `name` is what it is called, empty for unknown. `passing`: endings of programs that a school
    lets through by name, so they may lie in an archive too.
    """
    try:
        return _Look(PROGRAM_SUFFIXES - passing).into(file, name, LEVELS)
    finally:
        file.seek(0)


def is_program(head: bytes, name: str = "") -> bool:
    """Tell whether a file is a program by its first 64 bytes (fewer only if it has no more)."""
    if head.startswith(_DOS):
        # A text may begin so too, but not with the numbers that follow in a program.
        return len(head) >= _HEAD and b"\x00" in head[:_HEAD]
    if head.startswith(b"#!"):
        return head[2:].lstrip(b" ").startswith(b"/") and suffix(name) not in _SOURCES
    return head.startswith(_PROGRAMS)


class _Look:
    """One look into one file; `programs` are the endings that are not let through."""

    def __init__(self, programs: frozenset[str]) -> None:
        self._programs = programs
        self._left = MOST_BYTES

    def into(self, file: IO[bytes], name: str, levels: int) -> Inside:
        """Look into a file, and into `levels` of archives."""
        file.seek(0)
        head = file.read(_TAR_AT + len(_TAR))
        if is_program(head[:_HEAD], name) or _is_installer(file, head):
            return Inside.PROGRAM
        try:
            found = self._archive(file, head, levels)
        except _BROKEN:
            found = Inside.SEALED
        return found

    def _archive(self, file: IO[bytes], head: bytes, levels: int) -> Inside:
        if head.startswith(_SEALED):
            return Inside.SEALED
        file.seek(0)
        if head.startswith(_PACKED):
            with closing(_unpacking(file, head)) as inner, self._spooled(inner, b"") as whole:
                return self._packed(whole, levels)
        if head[_TAR_AT:] == _TAR:
            return _worst(self._in_tar(file, levels)) if levels else Inside.SEALED
        # The list of a ZIP stands at its end, so anything may stand before it.
        if zipfile.is_zipfile(file):
            return _worst(self._in_zip(file, levels)) if levels else Inside.SEALED
        return Inside.SEALED if head.startswith(_ZIP) else Inside.HARMLESS

    def _packed(self, whole: IO[bytes], levels: int) -> Inside:
        """Look into what was compressed as one; that is no level: `.tar.gz` is one archive."""
        if whole.read(_HEAD).startswith(_PACKED):
            return Inside.SEALED
        found = self.into(whole, "", levels)
        return Inside.HOLDS_PROGRAM if found is Inside.PROGRAM else found

    def _in_zip(self, file: IO[bytes], levels: int) -> Iterator[Inside]:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            is_document = any(entry.filename in _OF_DOCUMENTS for entry in entries)
            programs = self._programs - _SCRIPTS if is_document else self._programs
            if len(entries) > MOST_ENTRIES:
                yield Inside.SEALED
            for entry in entries[:MOST_ENTRIES]:
                name = entry.filename
                if suffix(name) in programs or name.rpartition("/")[2] == _MACROS:
                    yield Inside.HOLDS_PROGRAM
                elif entry.flag_bits & 1 or entry.compress_type == zipfile.ZIP_LZMA:
                    yield Inside.SEALED
                elif not entry.is_dir():
                    with archive.open(entry) as inner:
                        yield self._entry(inner, name, levels)

    def _in_tar(self, file: IO[bytes], levels: int) -> Iterator[Inside]:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for count, entry in enumerate(archive):
                if count == MOST_ENTRIES:
                    yield Inside.SEALED
                    return
                if suffix(entry.name) in self._programs:
                    yield Inside.HOLDS_PROGRAM
                elif entry.isfile() and (inner := archive.extractfile(entry)) is not None:
                    yield self._entry(inner, entry.name, levels)

    def _entry(self, inner: IO[bytes], name: str, levels: int) -> Inside:
        """Look at one file of an archive by its first bytes, and into it if it is an archive."""
        head = inner.read(_HEAD)
        if is_program(head, name):
            return Inside.PROGRAM
        if head.startswith(_SEALED):
            return Inside.SEALED
        if not head.startswith((_ZIP, *_PACKED)) and suffix(name) not in _ARCHIVES:
            return Inside.HARMLESS
        with self._spooled(inner, head) as file:
            return self.into(file, name, levels - 1)

    def _spooled(self, inner: IO[bytes], head: bytes) -> Any:
        """Unpack into a file that can be sought in. Raises `_TooLarge`, one of `_BROKEN`."""
        whole = SpooledTemporaryFile(max_size=MEGABYTE)  # noqa: SIM115 - whoever asked closes it
        try:
            self._fill(whole.write, inner, head)
        except BaseException:
            whole.close()
            raise
        whole.seek(0)
        return whole

    def _fill(self, write: Callable[[bytes], int], inner: IO[bytes], head: bytes) -> None:
        write(head)
        while piece := inner.read(_PIECE):
            self._left -= write(piece)
            if self._left < 0:
                raise _TooLarge


def _worst(found: Iterable[Inside]) -> Inside:
    worst = Inside.HARMLESS
    for one in found:
        if one in {Inside.PROGRAM, Inside.HOLDS_PROGRAM}:
            return Inside.HOLDS_PROGRAM
        worst = one if one is Inside.SEALED else worst
    return worst


def _unpacking(file: IO[bytes], head: bytes) -> Any:
    return gzip.GzipFile(fileobj=file) if head.startswith(_GZIP) else bz2.BZ2File(file)


def _is_installer(file: IO[bytes], head: bytes) -> bool:
    """Tell whether it is an installer of Windows, which looks like a document of older Word."""
    if not head.startswith(_OLE) or len(head) < _HEAD:
        return False
    size = 1 << min(int.from_bytes(head[30:32], "little"), 20)
    directory = (int.from_bytes(head[48:52], "little") + 1) * size
    end = file.seek(0, SEEK_END)
    file.seek(min(directory + 80, end))
    kind = file.read(16)
    return kind[1:] == _INSTALLER and kind[0] in _INSTALLERS
