"""The stand-in as a process: `python -m sferum_bridge.standin --help`.

Theory of operation. One event loop serves everything. SIGTERM or SIGINT stops it: the socket is
closed, held polls are answered, calls under way get a second to end, the state file is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import sqlite3
import ssl
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sferum_bridge.standin.app import build
from sferum_bridge.standin.database import Database
from sferum_bridge.standin.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_TO_END = 1.0
IN_MEMORY = ":memory:"


def arguments(argv: list[str]) -> argparse.Namespace:
    """Read the command line; every field of `Settings` is an option."""
    parser = argparse.ArgumentParser(
        prog="python -m sferum_bridge.standin",
        description="A stand-in for Sferum on this machine, for demonstrations and tests.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--state",
        default=IN_MEMORY,
        help="file that keeps the state; a folder beside it keeps files",
    )
    parser.add_argument(
        "--announce", type=Path, help="file to write the address and the control key to (JSON)"
    )
    parser.add_argument("--tls-certificate", type=Path, help="serve https with this certificate")
    parser.add_argument("--tls-key", type=Path, help="the key of the certificate")
    for field in fields(Settings):
        name = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            action = argparse.BooleanOptionalAction
            parser.add_argument(name, action=action, default=field.default)
        else:
            parser.add_argument(name, type=type(field.default), default=field.default)
    return parser.parse_args(argv)


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal comes.

    Raises:
        OSError: The address cannot be listened on, or a file cannot be read or written.
        sqlite3.OperationalError: The state file cannot be opened.
    """
    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    control_key = secrets.token_urlsafe(24)
    with _files_of(options.state) as folder:
        database = Database(options.state)
        application = build(database, folder, settings, time.time, control_key)
        try:
            await _listen(application, options, control_key, stopping)
        finally:
            database.close()


async def _listen(
    application: web.Application,
    options: argparse.Namespace,
    control_key: str,
    stopping: asyncio.Event,
) -> None:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SECONDS_TO_END)
    try:
        await runner.setup()
        tls = _tls(options.tls_certificate, options.tls_key)
        site = web.TCPSite(runner, options.host, options.port, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        scheme = "https" if tls else "http"
        address = {"url": f"{scheme}://{host}:{port}", "host": host, "port": port}
        _announce(options.announce, {**address, "pid": os.getpid(), "control_key": control_key})
        await stopping.wait()
    finally:
        await runner.cleanup()


def main(argv: list[str]) -> int:
    """Run the stand-in; return the exit status."""
    options = arguments(argv)
    try:
        asyncio.run(serve(options))
    except (OSError, sqlite3.OperationalError) as error:
        sys.stderr.write(f"standin: {error}\n")
        return 1
    return 0


@contextmanager
def _files_of(state: str) -> Iterator[Path]:
    """Give the folder of the files: beside the state file, or for as long as the state lives."""
    if state == IN_MEMORY:
        with tempfile.TemporaryDirectory(prefix="standin-") as folder:
            yield Path(folder)
    else:
        yield Path(state + ".files")


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def _announce(file: Path | None, facts: dict[str, Any]) -> None:
    """Write the facts where they are wanted: to a file all at once, or to standard output.

    The file is readable by its owner only, for the control key in it.
    """
    if file is None:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        part = file.with_name(file.name + ".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(facts, stream)
        part.replace(file)
        sys.stdout.write(json.dumps({"port": facts["port"]}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
