"""Files that are no more than their own kind: pictures without a picture, sound without a sound."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int) -> bytes:
    """Return a picture that says its size and holds little else."""

    def part(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """Return the segments of a JPEG up to the one with the size."""
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"note"
    return b"\xff\xd8" + comment + b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1)


def ogg(seconds: int) -> bytes:
    """Return two pages of Ogg, the last of which says how many samples there are."""
    first = b"OggS\x00\x02" + struct.pack("<q", 0) + b"OpusHead" + bytes(range(64))
    return first + b"OggS\x00\x04" + struct.pack("<q", seconds * 48_000) + bytes(40)
