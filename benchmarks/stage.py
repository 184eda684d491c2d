"""What is measured, brought up: a homeserver, bridges as processes of their own, schools in them.

A `Place` is a folder and a kind of database; a `Stage` is one Synapse in it, with the bridge's two
registrations and one of the bare client's. A `Stage` may have many schools, one after the other:
each is an installation of the bridge with a database of its own under the same tokens, so that each
begins from nothing. One bridge runs at a time, for all of them have one address.

Everything is stopped by leaving the `async with` it was started by, also when cancelled.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from ruamel.yaml import YAML

from benchmarks.figures import FigureError
from benchmarks.hollow import DOMAIN, hollow_homeserver
from sferum_bridge import config as settings
from sferum_bridge.cli.setup import write_registrations
from sferum_bridge.demo.processes import ChildProcess, pick_port
from sferum_bridge.demo.synapse import SynapseProcess, SynapseSettings
from sferum_bridge.matrix import registration
from tests.support.synapse import OVERRIDES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from benchmarks.hollow import Hollow
    from sferum_bridge.config import Config
    from tests.support.postgres import PostgresServer

REPOSITORY = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
FLOOR_BOT, FLOOR_PREFIX = "floorbot", "floor_"
_START_SECONDS, _SETTLE_SECONDS = 60.0, 1800.0
_PATIENCE, _HASTE = 0.25, 0.02
_LAST_STEPS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group of figures brings things up; `postgres` is `None` for SQLite."""

    folder: Path
    postgres: PostgresServer | None


@dataclass(frozen=True, slots=True)
class Service:
    """The application service that the bare client is."""

    port: int
    as_token: str
    hs_token: str

    @property
    def bot(self) -> str:
        """Return the Matrix id of its own account."""
        return f"@{FLOOR_BOT}:{DOMAIN}"

    def ghost(self, name: str) -> str:
        """Return the Matrix id of one of its accounts."""
        return f"@{FLOOR_PREFIX}{name}:{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds of memory, and the most it ever held, in MiB."""

    now: float
    peak: float


class Stage:
    """A running Synapse and what bridges on it share."""

    def __init__(
        self,
        folder: Path,
        url: str,
        values: Mapping[str, Any],
        service: Service,
        database: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.url = url
        """The homeserver's address."""
        self._values = values
        self.service = service
        self.database = database
        """How the homeserver reaches its PostgreSQL; `None` where it is on another database."""

    def installation(self, name: str, *, database: str = "", **sferum: Any) -> Path:
        """Write the settings of a further bridge; `sferum` are its Sferum settings.

        It is on SQLite where no address of a database is given.
        """
        folder = self.folder / name
        values = {**self._values, "sferum": {**self._values["sferum"], **sferum}}
        if database:
            values["database"] = {**self._values["database"], "url": database}
        _write_settings(folder, values)
        return folder


@asynccontextmanager
async def running_stage(place: Place, *more: Path) -> AsyncIterator[Stage]:
    """Start a Synapse on a fresh database; `more` are registrations of other services."""
    folder = place.folder / f"stage-{secrets.token_hex(3)}"
    bridge_port, floor_port, port = (pick_port() for _ in range(3))
    address = f"http://{HOST}:{bridge_port}"
    secret = secrets.token_urlsafe(32)
    database = (await place.postgres.fresh_database()).synapse if place.postgres else None
    synapse = SynapseProcess(
        SynapseSettings(
            folder=folder / "synapse",
            server_name=DOMAIN,
            port=port,
            database=database,
            registrations=(
                *(
                    folder / f"{name}.yaml"
                    for name in ("registration", "registration-double-puppet", "floor")
                ),
                *more,
            ),
            contour={"secret": secret, "bot": f"@sferumbot:{DOMAIN}"},
            overrides=OVERRIDES,
        )
    )
    synapse.prepare()
    values = _values(address, synapse.url, secret, synapse.registration_shared_secret)
    write_registrations(_write_settings(folder, values), folder)
    service = Service(floor_port, secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    _register_floor(folder / "floor.yaml", service)
    try:
        await synapse.start()
        arguments = database["args"] if database else None
        yield Stage(folder, synapse.url, values, service, arguments)
    finally:
        await synapse.stop()


@asynccontextmanager
async def hollow_stage(folder: Path) -> AsyncIterator[tuple[Stage, Hollow]]:
    """Serve a homeserver with nothing behind it."""
    port, bridge_port = pick_port(), pick_port()
    async with hollow_homeserver(port) as hollow:
        values = _values(f"http://{HOST}:{bridge_port}", hollow.url, "", "secret")
        yield Stage(folder, hollow.url, values, Service(0, "", "")), hollow


def _values(bridge: str, homeserver: str, extension_secret: str, shared: str) -> dict[str, Any]:
    """Return a bridge's settings, without Sferum; `shared` is the registration's secret."""
    values: dict[str, Any] = YAML().load(
        settings.upgrade("", secret=lambda: secrets.token_urlsafe(32))
    )
    values["homeserver"].update(
        {
            "address": homeserver,
            "domain": DOMAIN,
            "extension_secret": extension_secret,
            "registration_shared_secret": shared,
        }
    )
    port = int(bridge.rpartition(":")[2])
    values["appservice"].update({"address": bridge, "hostname": HOST, "port": port})
    values["sferum"]["enabled"] = False
    return values


def _write_settings(folder: Path, values: Mapping[str, Any]) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    YAML().dump(values, path)
    return settings.load(path)


def _register_floor(path: Path, service: Service) -> None:
    content = registration.own(
        address=f"http://{HOST}:{service.port}",
        domain=DOMAIN,
        bot=FLOOR_BOT,
        ghost_prefix=FLOOR_PREFIX,
        as_token=service.as_token,
        hs_token=service.hs_token,
    )
    YAML().dump({**content, "id": "floor"}, path)


class RunningBridge:
    """A bridge as a process of its own: its numbers, and what it costs."""

    def __init__(self, folder: Path) -> None:
        config = settings.load(folder / "config.yaml")
        self._address = config.appservice.address
        self._token = config.web.status_token
        self._process = ChildProcess(
            "the bridge",
            # Schools of a stage come one after the other, each on a database of its own.
            [
                *(sys.executable, "-m", "sferum_bridge", "run", "--take-over"),
                *("--config", str(folder / "config.yaml")),
            ],
            log_path=folder / "bridge.log",
            cwd=REPOSITORY,
        )
        self._http: aiohttp.ClientSession | None = None

    async def start(self, http: aiohttp.ClientSession) -> None:
        """Start and return once it listens, which is before it asks the homeserver anything."""
        self._http = http
        self._process.start()
        await self._process.wait_until(self._listens, timeout=_START_SECONDS)

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        await self._process.stop()

    async def status(self) -> dict[str, Any]:
        """Ask for its numbers."""
        if self._http is None:
            raise FigureError("the bridge has not been started")
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._http.get(f"{self._address}/status", headers=headers) as answer:
            return dict(await answer.json())

    async def settled(self) -> dict[str, Any]:
        """Wait until its only school's rooms are as they should be; return its numbers then.

        It is asked seldom while much is left to do, for asking takes time from what is measured.
        """
        async with asyncio.timeout(_SETTLE_SECONDS):
            while True:
                numbers = await self.status()
                (school,) = numbers["schools"]
                if school["settled"]:
                    return numbers
                left = school["steps_total"] - school["steps_done"]
                await asyncio.sleep(_PATIENCE if left > _LAST_STEPS else _HASTE)

    @property
    def process(self) -> ChildProcess:
        """Return the process, for `cpu_seconds` and `memory`."""
        return self._process

    def log_tail(self) -> str:
        """Return the end of what it logged."""
        return self._process.log_tail()

    async def _listens(self) -> bool:
        if self._http is None:
            return False
        try:
            async with self._http.get(f"{self._address}/health") as answer:
                return answer.status == HTTPStatus.OK
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running_bridge(folder: Path) -> AsyncIterator[RunningBridge]:
    """Start the bridge whose settings lie in `folder`."""
    bridge = RunningBridge(folder)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        try:
            await bridge.start(http)
            yield bridge
        finally:
            await bridge.stop()


def cpu_seconds(process: ChildProcess) -> float:
    """Return the processor time a process has taken, its own and the system's for it."""
    text = Path(f"/proc/{process.pid}/stat").read_text("ascii")
    return cpu_ticks(text) / os.sysconf("SC_CLK_TCK")


def memory(process: ChildProcess) -> Memory:
    """Return what a process holds of memory."""
    return memory_of(Path(f"/proc/{process.pid}/status").read_text("ascii"))


def cpu_ticks(stat: str) -> int:
    """Return user and system time, in clock ticks, of the text of a /proc/PID/stat."""
    # The second field is the program's name in parentheses, which may hold anything.
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_of(status: str) -> Memory:
    """Return the memory that the text of a /proc/PID/status tells of."""
    kib = {
        name: int(value.split()[0])
        for name, _, value in (line.partition(":") for line in status.splitlines())
        if name in {"VmRSS", "VmHWM"}
    }
    return Memory(kib["VmRSS"] / 1024, kib["VmHWM"] / 1024)
