"""Files on the disk that are ciphertext from their first byte, and what damage does to them."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.bot import zipping
from sferum_bridge.store import schools
from sferum_bridge.store.blobs import (
    BlobBrokenError,
    BlobDiskError,
    Blobs,
    BlobTooBigError,
)
from sferum_bridge.store.documents import Document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEY = bytes(range(32))
FRAME = 64 * 1024
WORDS = "Справка о составе семьи. ".encode()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "documents")


async def pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def whole(blobs: Blobs, blob_id: str = "a1", key: bytes = KEY) -> bytes:
    return b"".join([piece async for piece in blobs.read(blob_id, key)])


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 7])
async def test_what_was_written_is_read_and_is_not_on_the_disk(
    blobs: Blobs, tmp_path: Path, size: int
) -> None:
    data = (WORDS * (size // len(WORDS) + 1))[:size]
    assert await blobs.write("a1", KEY, pieces(data), size) == size
    assert await whole(blobs) == data
    [path] = (tmp_path / "documents").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert WORDS[:16] not in path.read_bytes()


async def test_no_two_writes_look_alike(blobs: Blobs, tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        await blobs.write("a1", KEY, pieces(WORDS), 1000)
        written.append((tmp_path / "documents" / "a1").read_bytes())
    assert written[0][17:] != written[1][17:]


async def test_every_change_is_seen(blobs: Blobs, tmp_path: Path) -> None:
    data = os.urandom(2 * FRAME + 100)
    await blobs.write("a1", KEY, pieces(data), len(data))
    path = tmp_path / "documents" / "a1"
    good = path.read_bytes()
    sealed, head = FRAME + 16, 17
    first, second = good[head : head + sealed], good[head + sealed : head + 2 * sealed]
    bad = [
        (good[: head + sealed], "changed"),  # cut behind a frame
        (good[:-1], "changed"),
        (good[:head], "no frames"),
        (b"", "no head"),
        (b"\x02" + good[1:], "no head"),
        (good[:1] + bytes(16) + good[17:], "changed"),  # another salt
        (good[:1000] + bytes([good[1000] ^ 1]) + good[1001:], "changed"),
        (good[:head] + second + first + good[head + 2 * sealed :], "changed"),  # swapped
        (good + first, "changed"),  # a frame too many
    ]
    for content, why in bad:
        path.write_bytes(content)
        with pytest.raises(BlobBrokenError, match=why):
            await blobs.check("a1", KEY)
    # Under another id, by another key, and not there at all.
    path.with_name("b2").write_bytes(good)
    for blob_id, key in (("b2", KEY), ("a1", bytes(32)), ("c3", KEY)):
        path.write_bytes(good)
        with pytest.raises(BlobBrokenError):
            await whole(blobs, blob_id, key)
    assert await whole(blobs) == data


async def test_what_is_too_big_or_breaks_off_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(2 * FRAME)
        raise ConnectionResetError

    folder = tmp_path / "documents"
    with pytest.raises(BlobTooBigError):
        await blobs.write("a1", KEY, pieces(bytes(1001)), 1000)
    with pytest.raises(BlobDiskError):
        await blobs.write("a1", KEY, broken(), 10**9)
    assert list(folder.iterdir()) == []
    # Nor does a try that fails touch what is there.
    await blobs.write("a1", KEY, pieces(WORDS), 1000)
    with pytest.raises(BlobTooBigError):
        await blobs.write("a1", KEY, pieces(bytes(1001)), 1000)
    assert await whole(blobs) == WORDS


async def test_a_sweep_takes_what_belongs_to_nothing(blobs: Blobs, tmp_path: Path) -> None:
    kept, stray = schools.new_id(), schools.new_id()
    assert blobs.sweep({kept}) == 0, "there is no folder yet"
    for blob_id in (kept, stray):
        await blobs.write(blob_id, KEY, pieces(WORDS), 1000)
    folder = tmp_path / "documents"
    (folder / f"{kept}.part").write_bytes(b"half")
    assert blobs.sweep({kept}) == 2
    assert [path.name for path in folder.iterdir()] == [kept]
    blobs.remove(kept)
    blobs.remove(kept)
    assert list(folder.iterdir()) == []
    with pytest.raises(ValueError, match="no id"):
        blobs.remove("../key")


async def test_a_sweep_touches_nothing_but_what_the_bridge_made(
    blobs: Blobs, tmp_path: Path
) -> None:
    kept, folder = schools.new_id(), tmp_path / "documents"
    await blobs.write(kept, KEY, pieces(WORDS), 1000)
    others = {"sferum-bridge.db", "sferum-bridge.key", "config.yaml", "README", f"{kept}.bak"}
    for name in others:
        (folder / name).write_bytes(b"theirs")
    # A disk of its own has such a folder; one may even be called as a document is.
    directories = {"lost+found", "f" * 20}
    for name in directories:
        (folder / name).mkdir()
    assert blobs.sweep({kept}) == 0
    assert {path.name for path in folder.iterdir()} == {kept, *others, *directories}
    with pytest.raises(BlobDiskError):
        blobs.remove("f" * 20)


async def test_a_database_that_knows_nothing_takes_no_documents(
    blobs: Blobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept, folder = schools.new_id(), tmp_path / "documents"
    await blobs.write(kept, KEY, pieces(WORDS), 1000)
    (folder / f"{kept}.part").write_bytes(b"half")
    assert blobs.sweep(set()) == 1
    assert [path.name for path in folder.iterdir()] == [kept]
    assert "1 documents lie in" in caplog.text
    assert kept not in caplog.text


async def test_an_archive_is_as_long_as_was_said_and_opens_anywhere() -> None:
    contents = {"Справка.pdf": os.urandom(3 * FRAME + 5), "пусто.txt": b"", "СНИЛС.jpg": WORDS}
    documents = [
        Document(str(n), "p", name, "x", len(data), 1_790_000_000_000 * (n > 0), KEY)
        for n, (name, data) in enumerate(contents.items())
    ]

    def read(one: Document) -> AsyncIterator[bytes]:
        return pieces(contents[one.name])

    made = b"".join([piece async for piece in zipping.zipped(documents, read)])
    assert len(made) == zipping.size_of(documents)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents
