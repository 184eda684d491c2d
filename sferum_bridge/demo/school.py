"""A whole school on this machine: Synapse, the bridge and the Sferum stand-in, started in order.

    roster ─► Synapse ─► accounts ─► stand-in: people, chat ─► login ─► bridge: rooms ─► link

Theory of operation. Every step looks at what is there and does what is missing, so a start after a
kill at any moment goes on where the last one stopped. `stop` ends the bridge first, so that it can
still say what it has to both sides, then Synapse, then the stand-in. A cancellation during `start`
leaves children running: the caller stops in its `finally`. A cancellation during `stop` (a second
Ctrl-C) kills what is left. The folder is to be locked by the caller for all of that.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import aiohttp
from mautrix.errors import MatrixRequestError

from sferum_bridge import config as settings
from sferum_bridge.app import opened_database, opened_homeserver, registrar
from sferum_bridge.demo import parts, people, sferum
from sferum_bridge.demo.folder import DemoError
from sferum_bridge.demo.parts import HOST, PORTS, SERVER_NAME
from sferum_bridge.demo.processes import ChildFailedError, pick_port
from sferum_bridge.network.base import NetworkError
from sferum_bridge.roster import write_sample
from sferum_bridge.store import schools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.demo.folder import DemoFolder
    from sferum_bridge.demo.people import Cast
    from sferum_bridge.demo.processes import ChildProcess
    from sferum_bridge.demo.synapse import SynapseProcess
    from sferum_bridge.store.database import Database

_Part = TypeVar("_Part")
_LOOK_SECONDS = 0.4
_START_SECONDS = 60.0
_IMPORT_SECONDS = 600.0
_REPORT_LINES = 500
# The bridge looks every two seconds at what other processes changed, and opens the room to ghosts.
_UNTIL_LINKED_SECONDS = 4.0


class Voice(Protocol):
    """Where a start says how far it is."""

    def step(self, name: str, **values: object) -> None:
        """Say that a step begins; `name` names a text of `words`."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Say how far a long step is."""

    def show(self, text: str) -> None:
        """Show what another command said."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A demo that runs."""

    homeserver: str
    bot: str
    cast: Cast
    chat: sferum.SferumChat
    moved: Mapping[str, tuple[int, int]]
    """Port's name → preferred and used port, for those that were taken."""


class DemoSchool:
    """The demo of one folder.

    Args:
        folder: Where it lives; locked by the caller.
        voice: Hears how far it is.
        write_registrations: Writes both registrations of the settings into a folder.
        roster: A roster to import; `None` imports the sample if there is no school yet.
        language: Of the roster's report.
        ports: Preferred ports.
    """

    def __init__(
        self,
        folder: DemoFolder,
        voice: Voice,
        write_registrations: Callable[[Config, Path], list[Path]],
        *,
        roster: Path | None = None,
        language: str = "ru",
        ports: Mapping[str, int] = PORTS,
    ) -> None:
        self.folder = folder
        self._voice = voice
        self._write_registrations = write_registrations
        self._roster = roster
        self._language = language
        self._preferred = ports
        self._synapse: SynapseProcess | None = None
        self._bridge: ChildProcess | None = None
        self._standin: ChildProcess | None = None

    @property
    def synapse(self) -> SynapseProcess:
        """The homeserver, from `start` on."""
        return _started(self._synapse)

    @property
    def bridge(self) -> ChildProcess:
        """The bridge's process, from `start` on."""
        return _started(self._bridge)

    @property
    def standin(self) -> ChildProcess:
        """The stand-in's process, from `start` on."""
        return _started(self._standin)

    @property
    def config(self) -> Config:
        """The bridge's settings."""
        return settings.load(self.folder.config)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Open the bridge's database."""
        async with opened_database(self.config, self.folder.path) as db:
            yield db

    async def start(self) -> Ready:
        """Start everything, do what is missing, return once people can come.

        Raises:
            DemoError: The roster cannot be imported, or a part refused another one's request.
            ChildFailedError: A process ended or did not become ready; has its log's tail.
        """
        await self.folder.end_leftovers()
        ports = self._pick_ports()
        config = self._prepare(ports)
        await self._import_roster()
        self._voice.step("synapse")
        await self.synapse.start()
        self._voice.step("standin")
        await self.start_standin()
        try:
            async with self.database() as db:
                ready = await self._fill(db, config, ports)
        except MatrixRequestError as e:
            raise DemoError(f"Synapse refused a request of the demo: {e}") from e
        except NetworkError as e:
            raise DemoError(f"The Sferum stand-in refused a request: {e.detail}") from e
        return ready

    async def start_bridge(self) -> None:
        """Start the bridge and return once it listens."""
        self.bridge.start()
        url = f"{self.config.appservice.address}/health"
        await self.bridge.wait_until(lambda: _answers(url), timeout=_START_SECONDS)

    async def start_standin(self) -> None:
        """Start the stand-in and return once it listens."""
        self.folder.announcement.unlink(missing_ok=True)
        self.standin.start()

        async def announced() -> bool:
            return self.folder.announcement.exists()

        await self.standin.wait_until(announced, timeout=_START_SECONDS)

    async def stop(self) -> None:
        """End all children in order; cancelled, it kills them."""
        children = [c for c in (self._bridge, self._synapse, self._standin) if c is not None]
        try:
            for child in children:
                await child.stop()
        except asyncio.CancelledError:
            for child in children:
                await child.kill()
            raise

    async def watch(self) -> None:
        """Return never; raise once a child ends by itself.

        Raises:
            ChildFailedError: Names it and has its log's tail.
        """
        while True:
            self._all_run()
            await asyncio.sleep(_LOOK_SECONDS)

    async def settle(self, voice: Voice | None = None) -> None:
        """Return once every school's rooms are as the school wants them.

        Raises:
            ChildFailedError: A child ended meanwhile.
        """
        while True:
            self._all_run()
            found = (await self.status()).get("schools", [])
            if voice:
                done = sum(one["steps_done"] for one in found)
                voice.progress("rooms", done, sum(one["steps_total"] for one in found))
            if found and all(one["settled"] for one in found):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def status(self) -> dict[str, Any]:
        """Return the bridge's own numbers; empty while it does not answer."""
        config = self.config
        headers = {"Authorization": f"Bearer {config.web.status_token}"}
        try:
            async with (
                _session() as session,
                session.get(f"{config.appservice.address}/status", headers=headers) as answer,
            ):
                return dict(await answer.json()) if answer.ok else {}
        except (aiohttp.ClientError, TimeoutError):
            return {}

    # --- the steps of a start ---------------------------------------------------------------

    def _pick_ports(self) -> dict[str, int]:
        before = self.folder.recall().get("ports", {})
        ports = {
            name: pick_port(before.get(name, preferred), HOST)
            for name, preferred in self._preferred.items()
        }
        self.folder.note(ports=ports)
        return ports

    def _prepare(self, ports: Mapping[str, int]) -> Config:
        folder = self.folder
        config = parts.write_config(folder, ports)
        registrations = self._write_registrations(config, folder.path)
        self._synapse = parts.synapse(folder, config, ports["synapse"], registrations)
        self._bridge = parts.bridge(folder)
        self._standin = parts.standin(folder, ports["standin"])
        return config

    async def _import_roster(self) -> None:
        roster = self._roster
        if roster is None:
            async with self.database() as db, db.read() as tx:
                if await schools.records(tx):
                    return
            roster = self.folder.sample
            write_sample(roster)
        self._voice.step("roster", file=roster.name)
        child = parts.roster_import(self.folder, roster, self._language)
        child.start()

        async def over() -> bool:
            return not child.running

        try:
            await child.wait_until(over, timeout=_IMPORT_SECONDS)
        finally:
            await child.kill()
        self._voice.show(child.log_tail(_REPORT_LINES))
        if child.returncode:
            raise DemoError(f"The roster {roster} was not imported, so nothing was started.")

    async def _fill(self, db: Database, config: Config, ports: Mapping[str, int]) -> Ready:
        self._voice.step("accounts")
        async with opened_homeserver(config) as homeserver:
            logins = await people.make_accounts(
                db,
                registrar(config, db, homeserver),
                self.folder.logins,
                SERVER_NAME,
                lambda done, total: self._voice.progress("accounts", done, total),
            )
        cast = await people.cast(db, logins)
        chat = await sferum.make_chat(self.folder, cast)
        owner = cast.class_teacher.mxid if cast.class_teacher else ""
        login_id = await sferum.log_in(db, config, chat, owner)
        self._voice.step("bridge")
        await self.start_bridge()
        self._voice.step("rooms")
        await self.settle(self._voice)
        if cast.school_class and await sferum.link(db, login_id, chat, cast.school_class.id):
            self._voice.step("link", chat=chat.title)
            await asyncio.sleep(_UNTIL_LINKED_SECONDS)
            self._all_run()
        moved = {
            name: (preferred, ports[name])
            for name, preferred in self._preferred.items()
            if preferred and ports[name] != preferred
        }
        return Ready(self.synapse.public_url, config.bot_mxid, cast, chat, moved)

    def _all_run(self) -> None:
        for name, child in (
            ("Synapse", self.synapse),
            ("The bridge", self.bridge),
            ("The stand-in", self.standin),
        ):
            if not child.running:
                said = child.log_tail()
                raise ChildFailedError(
                    f"{name} ended by itself, so the rest was stopped too; the same command goes "
                    "on where it was. "
                    + (f"The end of its log:\n{said}" if said else "It logged nothing.")
                )


def _started(part: _Part | None) -> _Part:
    if part is None:
        raise DemoError("The demo has not been started.")
    return part


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False)


async def _answers(url: str) -> bool:
    try:
        async with _session() as session, session.get(url) as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError):
        return False
