"""The stand-in's state: files of an older one, forwards within forwards, what pictures say."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.standin.database import ADDED, SCHEMA, Database
from sferum_bridge.standin.objects import trimmed
from sferum_bridge.standin.probing import image_size, ogg_seconds
from tests.support.samples import jpeg, ogg, png

if TYPE_CHECKING:
    from pathlib import Path


def test_an_older_state_file_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(SCHEMA)
        old.execute("INSERT INTO conversations (is_chat, title, owner_id) VALUES (1, '5А', 7)")
    old.close()
    for _ in range(2):
        database = Database(path)
        row = database.one("SELECT * FROM conversations")
        database.close()
        assert row is not None
        assert (row["title"], row["pinned_cmid"], row["link"]) == ("5А", 0, "")
        added = {column for table, column, _ in ADDED if table == "conversations"}
        assert added <= set(row.keys())


def test_forwards_are_kept_to_a_depth() -> None:
    message: dict[str, Any] = {"text": "last", "fwd_messages": []}
    for _ in range(60):
        message = {"text": "outer", "fwd_messages": [message]}
    depth, at = 0, trimmed(message, 45)
    while at["fwd_messages"]:
        depth, at = depth + 1, at["fwd_messages"][0]
    assert depth == 45


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(1600, 900), (1600, 900)),
        (jpeg(640, 480), (640, 480)),
        (b"GIF89a\x14\x00\x1e\x00", (20, 30)),
        (png(5, 5)[:12], None),
        (png(0, 5), None),
        (jpeg(5, 5)[:8], None),
        (b"\xff\xd8\xff\xe0\x00\x00", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_what_a_picture_says_of_its_size(
    tmp_path: Path, data: bytes, size: tuple[int, int] | None
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert image_size(path) == size


@pytest.mark.parametrize(
    ("data", "seconds"), [(ogg(7), 7), (b"OggS", 0), (ogg(3)[:9], 0), (b"ID3", 0), (b"", 0)]
)
def test_how_long_a_recording_says_it_is(tmp_path: Path, data: bytes, seconds: int) -> None:
    path = tmp_path / "recording"
    path.write_bytes(data)
    assert ogg_seconds(path) == seconds
