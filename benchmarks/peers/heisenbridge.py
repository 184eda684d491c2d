"""heisenbridge, an IRC bridge, with a real IRC server and real clients on its other side.

It joins what one sender says within 100 ms into one event, so two people take turns in writing.
Out it sends one message in 1.5 s after a burst; below one a second it does not wait. The server's
own brake is off.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.bare import Arrivals
from benchmarks.figures import FigureError
from benchmarks.peers.guest import GuestsWays, Running
from benchmarks.peers.installed import NotHere, installed
from benchmarks.stage import HOST
from sferum_bridge.demo.processes import ChildProcess, pick_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.peers.guest import Guest
    from benchmarks.stage import Place, Stage

_REQUIREMENT = "heisenbridge==1.15.4"
_CHANNEL, _NETWORK = "#class", "bench"
_SERVER_SETTINGS = """\
[Global]
Name = irc.example
Info = Benchmark
AdminEMail = nobody@irc.example
Listen = {host}
Ports = {port}
[Limits]
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 20
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
"""
_START_SECONDS = 60.0


class Heisenbridge:
    """The peer: `prepare` it, then run it."""

    name = "heisenbridge"
    about = "heisenbridge 1.15.4 with ngircd"

    def __init__(self) -> None:
        self._python: Path | None = None
        self._port = pick_port()

    async def prepare(self, place: Place) -> Path:
        """Install it; return its registration as an application service.

        Raises:
            NotHere: It cannot be installed, or there is no IRC server.
        """
        if shutil.which("ngircd") is None:
            raise NotHere("ngircd is not installed (Debian: apt-get install ngircd)")
        self._python = await installed(_REQUIREMENT)
        registration = place.folder / "heisenbridge.yaml"
        making = self._process(place.folder, "--generate", "--listen-port", str(self._port))
        async with making:
            while making.running:  # noqa: ASYNC110 - a process tells nobody
                await asyncio.sleep(0.05)
        if not registration.exists():
            raise FigureError(f"heisenbridge made no registration: {making.log_tail(1)}")
        return registration

    @asynccontextmanager
    async def running(self, place: Place, stage: Stage, guest: Guest) -> AsyncIterator[Running]:
        """Run it with a channel, which the guest reads and writes in; two people are there."""
        async with AsyncExitStack() as opened:
            port = await opened.enter_async_context(_irc_server(place.folder))
            at_remote = Arrivals()
            people = [
                await opened.enter_async_context(_irc_client(port, nick, at_remote))
                for nick in ("anna", "boris")
            ]
            process = self._process(place.folder, "--owner", guest.mxid, stage.url)
            await opened.enter_async_context(process)
            try:
                room_id = await _joined_channel(guest, port)
            except FigureError as error:
                raise FigureError(f"{error}; heisenbridge said:\n{process.log_tail()}") from None
            turns = itertools.cycle(people)

            async def post(text: str) -> None:
                await next(turns).say(text)
                # Once the other has it: else the server may take two of one's in a row.
                await at_remote.when(text)

            yield Running(GuestsWays(self.name, room_id, guest, post, at_remote), process)

    def _process(self, folder: Path, *words: str) -> ChildProcess:
        return ChildProcess(
            "heisenbridge",
            [
                *(str(self._python), "-m", "heisenbridge"),
                *("--config", str(folder / "heisenbridge.yaml"), *words),
            ],
            log_path=folder / "heisenbridge.log",
            cwd=folder,
        )


async def _joined_channel(guest: Guest, port: int) -> str:
    """Do what its owner does to be in a channel; return the channel's room."""
    control = await guest.join_where_invited()
    await guest.ask(control, f"ADDNETWORK {_NETWORK}", "Network added.")
    await guest.ask(control, f"ADDSERVER {_NETWORK} {HOST} {port}", "Server added.")
    await guest.matrix.say(control, f"OPEN {_NETWORK}")
    network = await guest.join_where_invited()
    await guest.ask(network, "NICK vera", "Nickname set to vera")
    await guest.ask(network, "CONNECT", "Welcome to the Internet Relay Network")
    await guest.matrix.say(network, f"JOIN {_CHANNEL}")
    return await guest.join_where_invited()


@asynccontextmanager
async def _irc_server(folder: Path) -> AsyncIterator[int]:
    """Run an IRC server; give its port."""
    port, settings = pick_port(), folder / "ngircd.conf"
    settings.write_text(_SERVER_SETTINGS.format(host=HOST, port=port), "ascii")
    process = ChildProcess(
        "ngircd",
        [str(shutil.which("ngircd")), "--nodaemon", "--config", str(settings)],
        log_path=folder / "ngircd.log",
    )

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    async with process:
        await process.wait_until(listens, timeout=_START_SECONDS)
        yield port


class _IrcClient:
    """Somebody in the channel."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()

    async def say(self, text: str) -> None:
        await self.send(f"PRIVMSG {_CHANNEL} :{text}")


@asynccontextmanager
async def _irc_client(port: int, nick: str, heard: Arrivals) -> AsyncIterator[_IrcClient]:
    """Be in the channel as `nick`; what is said there is noted."""
    reader, writer = await asyncio.open_connection(HOST, port)
    client, inside = _IrcClient(writer), asyncio.Event()

    async def listen() -> None:
        async for raw in reader:
            line = raw.decode(errors="replace").rstrip("\r\n")
            if line.startswith("PING"):
                await client.send(line.replace("PING", "PONG", 1))
            _, kind, *rest = [*line.split(" ", 3), "", ""][:4]
            if kind == "PRIVMSG":
                heard.note(rest[1].removeprefix(":"))
            elif kind == "001":  # welcome: only now one may join
                await client.send(f"JOIN {_CHANNEL}")
            elif kind == "366":  # the end of the list of those who are inside
                inside.set()

    listening = asyncio.create_task(listen())
    try:
        await client.send(f"NICK {nick}")
        await client.send(f"USER {nick} 0 * :{nick}")
        async with asyncio.timeout(_START_SECONDS):
            await inside.wait()
        yield client
    finally:
        listening.cancel()
        writer.close()
