"""What the first and last bytes of a file say about it. Reads a few kilobytes, believes nothing."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

OPUS_RATE = 48_000
PNG, GIF, JPEG = b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8\xff"
FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
"""The JPEG segments that hold the size of the picture."""
BARS, LOUDEST = 128, 32


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF or JPEG; None for anything else."""
    with path.open("rb") as stream:
        try:
            width, height = _size(stream)
        except struct.error:
            return None
    return (width, height) if width and height else None


def _size(stream: BinaryIO) -> tuple[int, int]:
    head = stream.read(26)
    if head.startswith(PNG):
        width, height = struct.unpack(">II", head[16:24])
        return int(width), int(height)
    if head.startswith(GIF):
        width, height = struct.unpack("<HH", head[6:10])
        return int(width), int(height)
    return _jpeg_size(stream) if head.startswith(JPEG) else (0, 0)


def _jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(2)
    while True:
        marker, kind, length = struct.unpack(">BBH", stream.read(4))
        if marker != 0xFF:  # noqa: PLR2004 - what every segment begins with
            raise struct.error
        if kind in FRAMES:
            height, width = struct.unpack(">xHH", stream.read(5))
            return int(width), int(height)
        stream.seek(length - 2, 1)


def ogg_seconds(path: Path) -> int:
    """Return how long an Opus recording in Ogg plays, in seconds; 0 when it is none."""
    with path.open("rb") as stream:
        if stream.read(4) != b"OggS":
            return 0
        stream.seek(max(path.stat().st_size - 65_536, 0))
        tail = stream.read()
    last = tail.rfind(b"OggS")
    if last < 0 or len(tail) < last + 14:
        return 0
    (samples,) = struct.unpack("<q", tail[last + 6 : last + 14])
    return max(int(samples) // OPUS_RATE, 1)


def waveform(path: Path) -> list[int]:
    """Return bars from 0 to 31 that look like sound and are the same for the same bytes."""
    with path.open("rb") as stream:
        head = stream.read(BARS)
    return [byte % LOUDEST for byte in head] or [0]
