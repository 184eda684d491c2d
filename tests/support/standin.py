"""The Sferum stand-in as a process, and a bare client of what it serves.

`StandIn` starts, stops and kills the process; state outlives all three. `Caller` sends requests as
the public descriptions say and takes answers apart no further than the envelope. Nothing here needs
pytest but the fixtures at the end; a test module that imports them, or names this module in
`pytest_plugins`, can ask for the fixture `standin`, a stand-in of its own, or `served`, one for all
the tests of a file: quicker, for tests that bring their own people and leave nothing broken.

PYTEST_DONT_REWRITE: nothing is asserted here, and the module may be imported before it is named
as a plugin.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest
import pytest_asyncio

from sferum_bridge.standin.client import Person, StandInControl

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 30
SECONDS_TO_STOP = 10
APP_ID = "8202606"


class StandIn:
    """One stand-in with its state in a folder. `options` go to its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._control: StandInControl | None = None
        self._trust: ssl.SSLContext | None = None
        self.url = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.stop()

    def trust(self, context: ssl.SSLContext) -> None:
        """Make the control client trust the certificate that the options name."""
        self._trust = context

    @property
    def control(self) -> StandInControl:
        """Return the client of the running stand-in's control interface."""
        if self._control is None:
            raise RuntimeError("the stand-in is not running")
        return self._control

    @property
    def running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and wait until it listens; a restart keeps port and state."""
        announce = self._folder / "standin.json"
        with (self._folder / "standin.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "sferum_bridge.standin", "--port", str(self.port)),
                *("--state", str(self._folder / "standin.sqlite"), "--announce", str(announce)),
                *self._options,
                cwd=REPOSITORY,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # A Ctrl-C in the terminal is for the tests alone.
                start_new_session=True,
            )
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        async with asyncio.timeout(SECONDS_TO_START):
            line = await self._process.stdout.readline()
        if not line:
            await self._process.wait()
            raise RuntimeError((self._folder / "standin.log").read_text())
        facts = json.loads(announce.read_text())
        self.url, self.port = facts["url"], facts["port"]
        self._control = StandInControl(self.url, facts["control_key"], self._trust)

    async def stop(self) -> int:
        """Ask the process to end, as a service manager would; return its exit status."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the process at whatever it is doing."""
        await self._end(signal.SIGKILL)

    @property
    def served(self) -> Served:
        """Return what it shares with a stand-in that others use as well."""
        return Served(self.url, self.control)

    async def polled(self, times: int = 1) -> None:
        """Wait until so many long polls have come since the counters were cleared."""
        await self.served.polled(times)

    async def _end(self, number: signal.Signals) -> int:
        if self._control:
            await self._control.close()
            self._control = None
        if self._process is None:
            return 0
        if self._process.returncode is None:
            # Not send_signal: it may reap a process that just ended, and the status is lost.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
        async with asyncio.timeout(SECONDS_TO_STOP):
            return await self._process.wait()


class ApiRefused(Exception):
    """The API answered with an error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['error_code']} {error['error_msg']}")
        self.code = error["error_code"]
        self.error = error


class Caller:
    """A person's client: logs in with the cookie, calls methods, polls. Close it after use."""

    def __init__(self, url: str, *, version: str = "5.263") -> None:
        self._url = url
        self._version = version
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.token = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def web_token(self, cookie: str) -> Any:
        """Ask for access tokens with a cookie and return the answer as it is."""
        params = {"act": "web_token", "app_id": APP_ID}
        headers = {"Cookie": f"remixdsid={cookie}"}
        async with self._session.get(f"{self._url}/", params=params, headers=headers) as response:
            return await response.json()

    async def log_in(self, person: Person) -> Self:
        """Take the token of the person's main profile."""
        answer = await self.web_token(person.cookie)
        (self.token,) = (e["access_token"] for e in answer if e["user_id"] == person.user_id)
        return self

    async def raw(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and return the whole answer."""
        form = {"access_token": self.token, "v": self._version, **params}
        form = {name: str(value) for name, value in form.items()}
        async with self._session.post(f"{self._url}/method/{method}", data=form) as response:
            return dict(await response.json())

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method and return its response.

        Raises:
            ApiRefused: It answered with an error.
        """
        answer = await self.raw(method, **params)
        if "error" in answer:
            raise ApiRefused(answer["error"])
        return answer["response"]

    async def upload(self, url: str, field: str, data: bytes, name: str, mime: str = "") -> Any:
        """Post a file to an upload address, as a form."""
        form = aiohttp.FormData()
        form.add_field(
            field, io.BytesIO(data), filename=name, content_type=mime or "application/octet-stream"
        )
        async with self._session.post(url, data=form) as response:
            return await response.json(content_type=None)

    async def fetch(self, url: str) -> tuple[int, str, bytes]:
        """Download an address; return status, content type and bytes."""
        async with self._session.get(url) as response:
            return response.status, response.content_type, await response.read()

    async def poll(self, server: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Poll once from a place that `messages.getLongPollServer` gave."""
        query = {
            "act": "a_check",
            "key": server["key"],
            "ts": server["ts"],
            "wait": 25,
            "mode": 234,
            "version": 19,
            **params,
        }
        scheme = self._url.partition("://")[0]
        url = f"{scheme}://{server['server']}"
        # POST, because aiohttp quietly repeats a GET whose connection was cut.
        async with self._session.post(url, params=query) as response:
            return dict(await response.json())


@pytest_asyncio.fixture(name="standin")
async def running_standin(tmp_path: Path) -> AsyncIterator[StandIn]:
    """Give a running stand-in with an empty state and no rate limit."""
    async with StandIn(tmp_path, "--calls-per-second", "0") as running:
        yield running


@dataclass(frozen=True)
class Served:
    """A stand-in that others use as well: where it is, and who may play the people in it."""

    url: str
    control: StandInControl

    async def polled(self, times: int = 1) -> None:
        """Wait until so many long polls have come since the counters were cleared."""
        async with asyncio.timeout(SECONDS_TO_STOP):
            # Another process is asked: there is no event to wait for.
            while (await self.control.counters())["seen"].get("longpoll", 0) < times:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def served_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run one stand-in for a file of tests; give its address and control key."""
    folder = tmp_path_factory.mktemp("served")
    command = (
        *(sys.executable, "-m", "sferum_bridge.standin", "--calls-per-second", "0"),
        *("--state", str(folder / "standin.sqlite"), "--announce", str(folder / "standin.json")),
    )
    with (
        (folder / "standin.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError((folder / "standin.log").read_text())
        facts = json.loads((folder / "standin.json").read_text())
        yield facts["url"], facts["control_key"]
        process.terminate()


@pytest_asyncio.fixture(name="served")
async def served_standin(served_place: tuple[str, str]) -> AsyncIterator[Served]:
    """Give the stand-in of this file, with no faults and no counters left of other tests."""
    url, key = served_place
    async with StandInControl(url, key) as control:
        await control.clear_faults()
        yield Served(url, control)
