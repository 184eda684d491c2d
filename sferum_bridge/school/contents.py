"""What a file holds, whatever it is called: a program, an archive of programs, or neither (S-13).

Told by the bytes that programs begin with, and by looking into archives: into ZIP (which books,
office documents and Scratch projects are too), TAR and their compressed forms, and into archives in
those, one level deep. A file may be several of these at once: each is tried, and the worst counts.
What nobody can look into is *sealed*: an archive with a password, one of another form (RAR, 7z, XZ)
or packed in a rare way, a damaged one, one deeper than that, or one that is too large or takes too
long. What only looks like an archive by chance, as the tail of a picture may, is none.

It reads a file that is handed in, in the caller's thread, and of a hostile one no more than the
limits below and those of `archives` say. A virus is no business of this module: that takes a
scanner.
"""

from __future__ import annotations

import bz2
import gzip
import zipfile
from contextlib import closing, suppress
from enum import StrEnum, unique
from io import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Protocol

from sferum_bridge.school import archives
from sferum_bridge.school.attachments import MEGABYTE, PROGRAM_SUFFIXES, suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_BYTES = 128 * MEGABYTE
"""What is unpacked of one file altogether to look further; more is as good as sealed."""
MOST_SECONDS = 30.0
"""How long one file is looked into; what takes longer is as good as sealed."""
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
_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b\x08"
# Long enough that encrypted bytes do not begin so by chance; the last are those of an empty one.
_BZIP2 = tuple(
    b"BZh%d%s" % (level, mark)
    for level in range(1, 10)
    for mark in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
)
_PACKED = (_GZIP, *_BZIP2)
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those of which Python unpacks no more than it is asked for."""
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
_BEGINNING = _TAR_AT + len(_TAR)
_SOURCES = frozenset({"py", "ipynb", "pas", "cpp", "c", "h", "java", "cs", "kt", "sql", "txt"})
"""Texts in which a first line for Unix is usual, and harmless: nothing runs them by a tap."""
_OF_DOCUMENTS = frozenset({"[Content_Types].xml", "mimetype", "geogebra.xml", "project.json"})
"""What tells a document that is a ZIP from an archive: its scripts run nowhere else."""
_SCRIPTS = frozenset({"js", "sh", "bash"})
_MACROS = "vbaProject.bin"
_ARCHIVES = frozenset({"zip", "jar", "tar", "tgz", "gz", "bz2"})


@unique
class Inside(StrEnum):
    """What a file holds."""

    HARMLESS = "harmless"
    """Nothing of the below; a virus may be in it all the same."""
    PROGRAM = "program"
    HOLDS_PROGRAM = "holds-program"
    SEALED = "sealed"


def look(file: IO[bytes], name: str = "", *, passing: frozenset[str] = frozenset()) -> Inside:
    """Tell what a file holds; it must be one that can be sought in, and is left at its beginning.

    `name` is what it is called, empty for unknown. `passing`: endings of programs that a school
    lets through by name, so they may lie in an archive too.
    """
    try:
        return _Look(PROGRAM_SUFFIXES - passing).into(file, name, LEVELS)
    except Exception:  # noqa: BLE001 - whatever it is that cannot be read
        return Inside.SEALED
    finally:
        with suppress(ValueError):  # whoever put it up is gone, and it was closed
            file.seek(0)


def is_program(head: bytes, name: str = "") -> bool:
    """Tell whether a file is a program by its first 64 bytes (fewer only if it has no more)."""
    if head.startswith(_DOS):
        # A text may begin so too, but not with the numbers that follow in a program.
        return len(head) >= _HEAD and b"\x00" in head[:_HEAD]
    if head.startswith(b"#!"):
        return head[2:].lstrip(b" ").startswith(b"/") and suffix(name) not in _SOURCES
    return head.startswith(_PROGRAMS)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Look:
    """One look into one file; `programs` are the endings that are not let through."""

    def __init__(self, programs: frozenset[str]) -> None:
        self._programs = programs
        self._left = MOST_BYTES
        self._budget = archives.Budget(MOST_SECONDS)

    def into(self, file: IO[bytes], name: str, levels: int) -> Inside:
        """Look into a file, and into `levels` of archives."""
        file.seek(0)
        head = file.read(_BEGINNING)
        if is_program(head[:_HEAD], name) or _is_installer(file, head):
            return Inside.PROGRAM
        return _worst(self._forms(file, head, suffix(name), levels))

    def _forms(self, file: IO[bytes], head: bytes, ending: str, levels: int) -> Iterator[Inside]:
        """Look into a file as each form of archive that it may be."""
        if head.startswith(_SEALED):
            yield Inside.SEALED
        is_packed = head.startswith(_PACKED)
        if is_packed:
            yield from _read(self._in_packed(file, head, levels))
        if head[_TAR_AT:] == _TAR or (ending == "tar" and not is_packed):
            yield from _read(self._in_tar(file, levels))
        is_surely = head.startswith(_ZIP) or ending == "zip"
        yield from _read(self._in_zip(file, levels, is_surely=is_surely))

    def _in_packed(self, file: IO[bytes], head: bytes, levels: int) -> Iterator[Inside]:
        """Look into what was compressed as one; that is no level: `.tar.gz` is one archive."""
        file.seek(0)
        bounded: Any = archives.Bounded(file, self._budget)
        is_gzip = head.startswith(_GZIP)
        with closing(gzip.GzipFile(fileobj=bounded) if is_gzip else bz2.BZ2File(bounded)) as inner:
            whole = self._spooled(inner, b"")
        with whole:
            again = whole.read(_HEAD).startswith(_PACKED)
            yield Inside.SEALED if again else self.into(whole, "", levels)

    def _in_zip(self, file: IO[bytes], levels: int, *, is_surely: bool) -> Iterator[Inside]:
        try:
            archive = archives.opened_zip(file, self._budget)
        except archives.TooLargeError:
            raise
        except Exception:  # noqa: BLE001 - no list, or one by chance
            if is_surely:
                yield Inside.SEALED
            return
        if not levels:
            yield Inside.SEALED
            return
        with archive:
            entries = archive.infolist()
            is_document = any(entry.filename in _OF_DOCUMENTS for entry in entries)
            programs = self._programs - _SCRIPTS if is_document else self._programs
            for entry in entries:
                self._budget.take(entries=1)
                name = entry.filename
                if suffix(name) in programs or name.rpartition("/")[2] == _MACROS:
                    yield Inside.HOLDS_PROGRAM
                elif entry.flag_bits & 1 or entry.compress_type not in _PACKINGS:
                    yield Inside.SEALED
                elif not entry.is_dir():
                    yield from _read(self._unzipped(archive, entry, levels))

    def _unzipped(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, levels: int
    ) -> Iterator[Inside]:
        with archive.open(entry) as inner:
            yield self._entry(inner, entry.filename, levels)

    def _in_tar(self, file: IO[bytes], levels: int) -> Iterator[Inside]:
        if not levels:
            yield Inside.SEALED
            return
        for entry in archives.in_tar(file, self._budget):
            if suffix(entry.name) in self._programs:
                yield Inside.HOLDS_PROGRAM
            elif entry.part is not None:
                yield self._entry(entry.part, entry.name, levels)

    def _entry(self, inner: _Readable, name: str, levels: int) -> Inside:
        """Look at one file of an archive by its first bytes, and into it if it is an archive."""
        head = inner.read(_BEGINNING)
        if is_program(head[:_HEAD], name):
            return Inside.PROGRAM
        if head.startswith(_SEALED):
            return Inside.SEALED
        is_headed = head.startswith((_ZIP, *_PACKED)) or head[_TAR_AT:] == _TAR
        if not is_headed and suffix(name) not in _ARCHIVES:
            return Inside.HARMLESS
        with self._spooled(inner, head) as file:
            return self.into(file, name, levels - 1)

    def _spooled(self, inner: _Readable, head: bytes) -> Any:
        """Unpack into a file that can be sought in. Raises `TooLargeError`, or as `inner`."""
        whole = SpooledTemporaryFile(max_size=MEGABYTE)  # noqa: SIM115 - whoever asked closes it
        try:
            self._fill(whole.write, inner, head)
        except BaseException:
            whole.close()
            raise
        whole.seek(0)
        return whole

    def _fill(self, write: Callable[[bytes], int], inner: _Readable, head: bytes) -> None:
        write(head)
        while piece := inner.read(_PIECE):
            self._budget.check()
            self._left -= write(piece)
            if self._left < 0:
                raise archives.TooLargeError


def _worst(found: Iterable[Inside]) -> Inside:
    worst = Inside.HARMLESS
    for one in found:
        if one in {Inside.PROGRAM, Inside.HOLDS_PROGRAM}:
            return Inside.HOLDS_PROGRAM
        worst = one if one is Inside.SEALED else worst
    return worst


def _read(found: Iterator[Inside]) -> Iterator[Inside]:
    """Yield what is found, and that it is sealed where it cannot be read further."""
    try:
        yield from found
    except Exception:  # noqa: BLE001 - of damaged ones the readers raise anything
        yield Inside.SEALED


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
