"""A clamd for tests: the one that is installed, or one that speaks as it does (`man clamd`).

The stand-in knows one virus, as every scanner does: the test file of EICAR. Of `INSTREAM` it takes
what clamd takes: pieces with their lengths, up to `most_bytes` altogether, and a null at the end of
commands and answers (`z`), and it closes the connection after one.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# In two pieces: else a scanner of whoever reads this file would take the file away.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
INSTALLED = shutil.which("clamd")


class FakeClamd:
    """A daemon on a socket of Unix."""

    def __init__(self, path: Path, most_bytes: int = 1_000_000) -> None:
        self._path = path
        self._most = most_bytes
        self._server: asyncio.Server | None = None
        self.seen: list[bytes] = []
        """The files it was asked about."""
        self.is_mute = False
        """Whether it takes everything and never answers."""

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = await reader.readuntil(b"\0")
            writer.write((await self._answer(command, reader)).encode() + b"\0")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, command: bytes, reader: asyncio.StreamReader) -> str:
        if command == b"zPING\0":
            return "PONG"
        if command != b"zINSTREAM\0":
            return "UNKNOWN COMMAND"
        data = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            if len(data) + length > self._most:
                return "INSTREAM size limit exceeded. ERROR"
            data += await reader.readexactly(length)
        self.seen.append(data)
        if self.is_mute:
            await asyncio.sleep(3600)
        return "stream: Eicar-Test-Signature FOUND" if EICAR in data else "stream: OK"


_DATABASE = "Eicar-Test-Signature:0:*:" + EICAR.hex() + "\n"


@asynccontextmanager
async def real_clamd(folder: Path) -> AsyncIterator[Path]:
    """Run the installed clamd with a signature of the test file alone; give its socket."""
    assert INSTALLED is not None
    (folder / "database").mkdir()
    (folder / "database" / "test.ndb").write_text(_DATABASE, encoding="ascii")
    socket, settings = folder / "clamd.ctl", folder / "clamd.conf"
    settings.write_text(
        f"LocalSocket {socket}\nDatabaseDirectory {folder / 'database'}\nForeground yes\n"
        "StreamMaxLength 1M\n",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(INSTALLED, "--config-file", str(settings))
    try:
        async with asyncio.timeout(60):
            while not socket.exists():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.1)
        yield socket
    finally:
        process.terminate()
        await process.wait()
