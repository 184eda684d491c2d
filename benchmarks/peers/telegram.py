"""mautrix-telegram with its client replaced (see `telethon_stub`), on PostgreSQL where Synapse is.

Its settings are those of its example, without history, and with a log as short as ours.
"""

from __future__ import annotations

import asyncio
import json
import sysconfig
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from benchmarks.bare import Arrivals
from benchmarks.figures import FigureError
from benchmarks.hollow import DOMAIN
from benchmarks.peers.guest import GuestsWays, Running
from benchmarks.peers.installed import installed
from benchmarks.stage import HOST
from sferum_bridge.demo.processes import ChildProcess, pick_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.peers.guest import Guest
    from benchmarks.stage import Place, Stage

_REQUIREMENT = "mautrix-telegram[sqlite]==0.15.3"
_STUB = Path(__file__).with_name("telethon_stub.py")
_BOT = f"@telegrambot:{DOMAIN}"
_START_SECONDS = 120.0


class Telegram:
    """The peer: `prepare` it, then run it."""

    name = "telegram"
    about = "mautrix-telegram 0.15.3, its client replaced"

    def __init__(self) -> None:
        self._python: Path | None = None
        self._port = pick_port()

    async def prepare(self, place: Place) -> Path:
        """Install it; return its registration as an application service.

        Raises:
            NotHere: It cannot be installed.
        """
        self._python = await installed(_REQUIREMENT)
        database = f"sqlite:{place.folder / 'telegram.db'}"
        if place.postgres is not None:
            address = (await place.postgres.fresh_database()).address
            database = address.set(drivername="postgres").render_as_string(hide_password=False)
        settings = _example(self._python)
        _adapt(settings, database, self._port)
        _write(settings, place.folder)
        making = self._process(place.folder, "-g")
        async with making:
            while making.running:  # noqa: ASYNC110 - a process tells nobody
                await asyncio.sleep(0.05)
        registration = place.folder / "telegram-registration.yaml"
        if not registration.exists():
            raise FigureError(f"mautrix-telegram made no registration: {making.log_tail(1)}")
        return registration

    @asynccontextmanager
    async def running(self, place: Place, stage: Stage, guest: Guest) -> AsyncIterator[Running]:
        """Run it with a chat, which the guest reads and writes in; one other person is there."""
        path = place.folder / "telegram.yaml"
        settings = YAML().load(path)
        settings["homeserver"]["address"] = stage.url
        _write(settings, place.folder)
        async with _remote() as remote:
            process = self._process(place.folder, remote=remote.port)
            async with process:
                await process.wait_until(self._listens, timeout=_START_SECONDS)
                try:
                    # Whoever invites its bot is somebody it has to be logged in for.
                    content = {"preset": "trusted_private_chat", "invite": [_BOT]}
                    await guest.matrix.create({**content, "is_direct": True})
                    await remote.ready()
                    await remote.post("Здравствуйте!")
                    room_id = await guest.join_where_invited()
                except FigureError as error:
                    story = f"{error}; mautrix-telegram said:\n{process.log_tail()}"
                    raise FigureError(story) from None
                ways = GuestsWays(self.name, room_id, guest, remote.post, remote.sent)
                yield Running(ways, process)

    def _process(self, folder: Path, *words: str, remote: int = 0) -> ChildProcess:
        files = ("-c", folder / "telegram.yaml", "-r", folder / "telegram-registration.yaml")
        return ChildProcess(
            "mautrix-telegram",
            [str(each) for each in (self._python, _STUB, *files, *words)],
            log_path=folder / "telegram.log",
            cwd=folder,
            environment={"PEER_REMOTE": str(remote)},
        )

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            return False
        writer.close()
        return True


# --- settings -----------------------------------------------------------------------------


def _example(python: Path) -> dict[str, Any]:
    libraries = sysconfig.get_path("purelib", vars={"base": str(python.parent.parent)})
    settings: dict[str, Any] = YAML().load(
        Path(libraries) / "mautrix_telegram" / "example-config.yaml"
    )
    return settings


def _adapt(settings: dict[str, Any], database: str, port: int) -> None:
    """Change what has to be other than in the example; the rest stays as people have it."""
    # The address is another once there is a homeserver; without any it makes no registration.
    settings["homeserver"].update({"address": f"http://{HOST}", "domain": DOMAIN})
    settings["appservice"].update(
        {
            "address": f"http://{HOST}:{port}",
            "hostname": HOST,
            "port": port,
            "database": database,
        }
    )
    settings["telegram"].update({"api_id": 1, "api_hash": "none"})
    bridge = settings["bridge"]
    bridge.update({"double_puppet_server_map": {}, "login_shared_secret_map": {}})
    bridge["permissions"] = {DOMAIN: "full"}
    bridge["backfill"]["enable"] = False
    settings["logging"]["root"] = {"level": "INFO", "handlers": ["console"]}
    settings["logging"]["loggers"] = {}
    del settings["logging"]["handlers"]["file"]


def _write(settings: dict[str, Any], folder: Path) -> None:
    YAML().dump(settings, folder / "telegram.yaml")


# --- the other side -------------------------------------------------------------------------


class _Remote:
    """What the stub takes for Telegram: one line, texts in and out."""

    def __init__(self) -> None:
        self.port = 0
        self.sent = Arrivals()
        self._ready = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def ready(self) -> None:
        """Wait until the bridge takes what is posted.

        Raises:
            FigureError: It does not.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise FigureError("mautrix-telegram did not log in") from None

    async def post(self, text: str) -> None:
        """Have the other person write in the chat."""
        if self._writer is None:
            raise FigureError("mautrix-telegram is not connected")
        self._writer.write(json.dumps({"text": text}).encode() + b"\n")
        await self._writer.drain()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear what one client tells."""
        self._writer = writer
        async for line in reader:
            told = json.loads(line)
            if "sent" in told:
                self.sent.note(told["sent"])
            else:
                self._ready.set()


@asynccontextmanager
async def _remote() -> AsyncIterator[_Remote]:
    remote = _Remote()
    server = await asyncio.start_server(remote.serve, HOST, 0)
    remote.port = server.sockets[0].getsockname()[1]
    async with server:
        yield remote
