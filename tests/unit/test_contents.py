"""What files hold, whatever they are called (S-13)."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import archives, contents
from sferum_bridge.school.contents import Inside, look

if TYPE_CHECKING:
    from collections.abc import Mapping

EXE = b"MZ\x90\x00" + bytes(60) + b"PE\x00\x00"
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
SCRIPT = b"#! /bin/sh\nrm -rf /\n"
TEXT = "Домашняя работа. ".encode() * 20


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def packed_rarely(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.txt", data)
    return out.getvalue()


def locked(data: bytes) -> bytes:
    """Say of every file in a ZIP that it has a password, in its own head and in the list."""
    found = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = found.find(mark)
        while at >= 0:
            found[at + flags] |= 1
            at = found.find(mark, at + 4)
    return bytes(found)


def older_office(kind: bytes) -> bytes:
    """Make what OLE files begin with: sectors of 512 bytes, the directory in the first."""
    head = bytearray(512)
    head[:8], head[30:32] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", (9).to_bytes(2, "little")
    root = bytearray(128)
    root[80:96] = kind
    return bytes(head + root)


INSTALLER = bytes.fromhex("84100c0000000000c000000000000046")
WORD = bytes.fromhex("0609020000000000c000000000000046")
BY_CHANCE = b"PK\x05\x06" + bytes(range(1, 60))
"""What the end of a ZIP begins with, and then no such end."""
DOCX = {"[Content_Types].xml": b"<Types/>", "word/document.xml": TEXT}
APK = {"AndroidManifest.xml": bytes(10), "classes.dex": b"dex\n035\x00" + bytes(60)}


@pytest.mark.parametrize(
    ("data", "name", "found"),
    [
        (b"", "", Inside.HARMLESS),
        (TEXT, "работа.txt", Inside.HARMLESS),
        ("MZ — это Мой Заголовок, и дальше идёт обычный текст".encode() * 3, "", Inside.HARMLESS),
        (b"MZ", "", Inside.HARMLESS),
        (EXE, "", Inside.PROGRAM),
        (EXE, "фото.jpg", Inside.PROGRAM),
        (ELF, "фото.jpg", Inside.PROGRAM),
        (b"\xca\xfe\xba\xbe" + bytes(60), "", Inside.PROGRAM),
        (SCRIPT, "", Inside.PROGRAM),
        (SCRIPT, "photo.png", Inside.PROGRAM),
        (b"#!/usr/bin/env python3\nprint(1)\n", "урок.py", Inside.HARMLESS),
        (b"#!mapfile of a game\n", "", Inside.HARMLESS),
        (older_office(WORD), "работа.doc", Inside.HARMLESS),
        (older_office(INSTALLER), "работа.doc", Inside.PROGRAM),
        (older_office(WORD)[:100], "обрывок.doc", Inside.HARMLESS),
        (zipped({"работа.txt": TEXT, "папка/": b""}), "работы.zip", Inside.HARMLESS),
        (zipped(DOCX), "работа.docx", Inside.HARMLESS),
        (zipped({**DOCX, "word/vbaProject.bin": b"x"}), "работа.docx", Inside.HOLDS_PROGRAM),
        (zipped({"a/игра.EXE": b"x"}), "работы.zip", Inside.HOLDS_PROGRAM),
        (zipped({"фото.jpg\u202egpj.exe": b"x"}), "работы.zip", Inside.HOLDS_PROGRAM),
        (zipped({"фото.jpg": EXE}), "работы.zip", Inside.HOLDS_PROGRAM),
        (zipped(APK), "фото.zip", Inside.HOLDS_PROGRAM),
        (b"\xff\xd8 a picture before it" + zipped({"a.exe": b"x"}), "a.jpg", Inside.HOLDS_PROGRAM),
        (zipped({"a.js": b"run()"}), "a.zip", Inside.HOLDS_PROGRAM),
        (zipped({"geogebra.xml": b"<x/>", "its_javascript.js": b""}), "a.ggb", Inside.HARMLESS),
        (zipped({"внутри.zip": zipped({"a.txt": TEXT})}), "a.zip", Inside.HARMLESS),
        (zipped({"внутри.zip": zipped({"a.bat": TEXT})}), "a.zip", Inside.HOLDS_PROGRAM),
        (zipped({"внутри": zipped({"a.bat": TEXT})}), "a.zip", Inside.HOLDS_PROGRAM),
        (zipped({"1.zip": zipped({"2.zip": zipped({"a": TEXT})})}), "a.zip", Inside.SEALED),
        (locked(zipped({"a.txt": TEXT})), "a.zip", Inside.SEALED),
        (locked(zipped({"a.exe": TEXT})), "a.zip", Inside.HOLDS_PROGRAM),
        (zipped({"a.zip": locked(zipped({"a.txt": TEXT}))}), "a.zip", Inside.SEALED),
        (zipped({"a.txt": TEXT})[:60], "a.zip", Inside.SEALED),
        (b"Rar!\x1a\x07\x01\x00", "a.rar", Inside.SEALED),
        (zipped({"a.7z": b"7z\xbc\xaf\x27\x1c"}), "a.zip", Inside.SEALED),
        (tarred({"a.txt": TEXT}), "a.tar", Inside.HARMLESS),
        (tarred({"a.sh": TEXT}), "a.tar", Inside.HOLDS_PROGRAM),
        (tarred({"a": ELF}), "a.tar", Inside.HOLDS_PROGRAM),
        (gzip.compress(tarred({"a.txt": TEXT})), "a.tar.gz", Inside.HARMLESS),
        (gzip.compress(tarred({"a.exe": TEXT})), "a.tar.gz", Inside.HOLDS_PROGRAM),
        (gzip.compress(EXE), "a.gz", Inside.HOLDS_PROGRAM),
        (bz2.compress(tarred({"a.zip": zipped({"a.exe": b""})})), "a.bz2", Inside.HOLDS_PROGRAM),
        (gzip.compress(gzip.compress(TEXT)), "a.gz", Inside.SEALED),
        (gzip.compress(TEXT)[:-9], "a.gz", Inside.SEALED),
        (packed_rarely(TEXT), "a.zip", Inside.SEALED),
        (tarred({"a.txt": TEXT}) + zipped({"a.exe": b""}), "a.tar", Inside.HOLDS_PROGRAM),
        (gzip.compress(TEXT) + zipped({"a.exe": b""}), "a.gz", Inside.HOLDS_PROGRAM),
        (b"Rar!\x1a\x07\x01\x00" + zipped({"a.exe": b""}), "a.rar", Inside.HOLDS_PROGRAM),
        (zipped({"a": tarred({"a.exe": b""})}), "a.zip", Inside.HOLDS_PROGRAM),
        (b"\xff\xd8 a picture" + BY_CHANCE, "a.jpg", Inside.HARMLESS),
        (b"\xff\xd8 a picture" + BY_CHANCE, "a.zip", Inside.SEALED),
        (b"\x1f\x8b" + bytes(range(9, 200)), "", Inside.HARMLESS),
        (b"BZh" + bytes(range(9, 200)), "", Inside.HARMLESS),
        (zipped({"a.img": b"x"}), "a.zip", Inside.HOLDS_PROGRAM),
    ],
    # A packed file holds when it was packed, so it is no name for a test.
    ids=lambda value: "data" if isinstance(value, bytes) else None,
)
def test_what_is_inside(data: bytes, name: str, found: Inside) -> None:
    file = io.BytesIO(data)
    assert look(file, name) is found
    assert file.tell() == 0


def test_what_a_school_lets_through_may_lie_in_an_archive() -> None:
    archive = io.BytesIO(zipped({"сайт/index.js": b"run()"}))
    assert look(archive, "сайт.zip", passing=frozenset({"js"})) is Inside.HARMLESS


def test_a_bomb_is_as_good_as_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_BYTES", 100_000)
    bomb = zipped({f"{n}.zip": zipped({"a": bytes(30_000)}) + bytes(30_000) for n in range(5)})
    assert len(bomb) < 5_000
    assert look(io.BytesIO(bomb), "a.zip") is Inside.SEALED
    assert look(io.BytesIO(gzip.compress(bytes(200_000))), "a.gz") is Inside.SEALED


def test_a_long_list_is_as_good_as_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 3)
    files = {f"{n}.txt": b"" for n in range(4)}
    assert look(io.BytesIO(zipped(files)), "a.zip") is Inside.SEALED
    assert look(io.BytesIO(tarred(files)), "a.tar") is Inside.SEALED


def test_a_list_is_not_read_where_it_is_too_long() -> None:
    files = {f"{n}.txt": b"" for n in range(archives.MOST_ENTRIES)}
    assert look(io.BytesIO(zipped(files)), "a.zip") is Inside.HARMLESS
    assert look(io.BytesIO(zipped({**files, "x.txt": b""})), "a.zip") is Inside.SEALED
    long = {f"{n}{'x' * 60_000}.txt": b"" for n in range(20)}
    assert look(io.BytesIO(zipped(long)), "a.zip") is Inside.SEALED
    assert look(io.BytesIO(b"a picture" + zipped(long)), "a.jpg") is Inside.SEALED


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_in_a_tar(form: int) -> None:
    def made(name: str, more: Mapping[str, str]) -> io.BytesIO:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form, pax_headers=more) as archive:
            for each in (name, "б.txt"):
                entry = tarfile.TarInfo(each)
                entry.size = len(TEXT)
                archive.addfile(entry, io.BytesIO(TEXT))
        return out

    assert look(made("я" * 150 + ".txt", {}), "a.tar") is Inside.HARMLESS
    assert look(made("я" * 150 + ".exe", {}), "a.tar") is Inside.HOLDS_PROGRAM
    if form == tarfile.PAX_FORMAT:
        assert look(made("a.txt", {"comment": "x" * 1_000}), "a.tar") is Inside.HARMLESS
        assert look(made("a.txt", {"comment": "x" * 70_000}), "a.tar") is Inside.SEALED
        assert look(made("a.txt", {"GNU.sparse.major": "1"}), "a.tar") is Inside.SEALED


def test_a_tar_that_goes_back_ends() -> None:
    data = bytearray(tarred({"a.txt": TEXT}))
    data[124:136] = b"\xff" * 10 + b"\xfe\x00"  # -512, as GNU writes it
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    assert look(io.BytesIO(data), "a.tar") is Inside.SEALED


def test_what_takes_too_long_is_as_good_as_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_SECONDS", -1.0)
    for data in (zipped(DOCX), tarred(DOCX), gzip.compress(TEXT)):
        assert look(io.BytesIO(data), "a") is Inside.SEALED


def test_a_file_that_is_closed_meanwhile() -> None:
    file = io.BytesIO(TEXT)
    file.close()
    assert look(file) is Inside.SEALED


@given(
    st.sampled_from(
        [b"PK\x03\x04", b"\x1f\x8b\x08", b"MZ", EXE, zipped({"a": TEXT}), tarred(DOCX)]
    ),
    st.binary(max_size=300),
    st.integers(0, 2_000),
)
def test_nothing_raises(begins: bytes, rest: bytes, turned: int) -> None:
    data = bytearray(begins + rest)
    data[turned % len(data)] ^= 1
    assert isinstance(look(io.BytesIO(data), "a.zip"), Inside)
