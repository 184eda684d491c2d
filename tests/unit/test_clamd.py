"""The scanner: what clamd says of files, and what holds while it does not answer (S-13)."""

from __future__ import annotations

import asyncio
import io
import socket
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.homeserver.clamd import NoAnswerError, TooLargeError, scan
from sferum_bridge.homeserver.settings import Scanner
from tests.support.clamd import EICAR, INSTALLED, FakeClamd, real_clamd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LARGE = bytes(3_000_000)


async def asked(scanner: Scanner, data: bytes) -> str:
    return await asyncio.to_thread(scan, scanner, io.BytesIO(data))


@pytest.fixture
async def clamd(tmp_path: Path) -> AsyncIterator[FakeClamd]:
    daemon = FakeClamd(tmp_path / "c")
    await daemon.start()
    yield daemon
    await daemon.stop()


async def check(scanner: Scanner) -> None:
    assert await asked(scanner, b"") == ""
    assert await asked(scanner, b"Homework." * 20_000) == ""
    assert "Eicar" in await asked(scanner, EICAR)
    with pytest.raises(TooLargeError):
        await asked(scanner, LARGE)
    assert await asked(scanner, b"after that") == ""


async def test_files_are_asked_about(clamd: FakeClamd, tmp_path: Path) -> None:
    await check(Scanner(str(tmp_path / "c"), 20))
    assert clamd.seen[1] == b"Homework." * 20_000


@pytest.mark.skipif(INSTALLED is None, reason="there is no clamd here")
async def test_the_installed_clamd_says_the_same(tmp_path: Path) -> None:
    async with real_clamd(tmp_path) as at:
        await check(Scanner(str(at), 60))


async def test_a_scanner_over_tcp(tmp_path: Path) -> None:
    daemon = FakeClamd(tmp_path / "c")
    server = await asyncio.start_server(daemon._serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert "Eicar" in await asked(Scanner(("127.0.0.1", port), 20), EICAR)
    server.close()


async def test_a_scanner_that_is_away_or_mute_is_no_answer(
    clamd: FakeClamd, tmp_path: Path
) -> None:
    with pytest.raises(NoAnswerError, match="FileNotFoundError"):
        await asked(Scanner(str(tmp_path / "nowhere"), 5), b"")
    clamd.is_mute = True
    with pytest.raises(NoAnswerError, match="TimeoutError"):
        await asked(Scanner(str(tmp_path / "c"), 0.3), b"")


async def test_another_service_at_its_place_is_no_answer(tmp_path: Path) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.school.example\r\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "c")
    with pytest.raises(NoAnswerError):
        await asked(Scanner(str(tmp_path / "c"), 5), LARGE)
    server.close()


def test_a_closed_port_is_no_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NoAnswerError):
        scan(Scanner(("127.0.0.1", port), 5), io.BytesIO(b""))
