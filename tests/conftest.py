"""Fixtures that every test may ask for: databases and a real homeserver on each of them.

Starting costs seconds, so one PostgreSQL and one Synapse a database serve the whole run. A test
that stops, breaks or reconfigures its Synapse starts one of its own with `start_homeserver`.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_asyncio
from xdist.scheduler import LoadScopeScheduling

from sferum_bridge.demo.synapse import SynapseProcess
from tests.support import nesting
from tests.support.inward import running_homeserver
from tests.support.postgres import PostgresServer
from tests.support.school_day import SchoolDay
from tests.support.synapse import (
    BOT,
    OVERRIDES,
    Account,
    Homeserver,
    settings_for,
    write_registration,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from xdist.remote import Producer

BACKENDS = ("sqlite", "postgres")


class _ByFile(LoadScopeScheduling):
    """Has one worker run a file of integration tests: some follow each other as days do.

    Those of the shared Synapse are apart for each of its databases, so that it changes once. A
    mark, `xdist_group`, would do if xdist 3.8 could name its groups to this pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        on = test.partition("[")[2].rstrip("]").partition("-")[0]
        if "integration/" not in file:
            return nodeid
        return f"{file} {on}" if on in BACKENDS else file


def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Producer | None
) -> LoadScopeScheduling | None:
    """Distribute tests by file where `--dist loadscope` is asked for."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session", autouse=True)
def _no_nested_transactions() -> Iterator[None]:
    with nesting.refused():
        yield


class StartHomeserver(Protocol):
    """Starts a Synapse that only this test uses; it is stopped with the test."""

    async def __call__(
        self,
        backend: str = "sqlite",
        *,
        contour: Mapping[str, Any] | None = None,
        appservice_url: str | None = None,
        **settings: Any,
    ) -> Homeserver:
        """Start it; `contour` changes settings of our module, `settings` those of Synapse."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """Give the PostgreSQL server of this run; it starts with the first database."""
    server = PostgresServer()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=BACKENDS)
async def homeserver(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> AsyncIterator[Homeserver]:
    """Give a Synapse with our module and a bot, once on SQLite and once on PostgreSQL."""
    folder = tmp_path_factory.mktemp(f"synapse-{request.param}")
    server = await prepare_homeserver(postgres, folder, request.param)
    await server.process.start()
    await register_bot(server)
    yield server
    await server.process.stop()


@pytest_asyncio.fixture
async def start_homeserver(
    tmp_path: Path, postgres: PostgresServer
) -> AsyncIterator[StartHomeserver]:
    """Give a function that starts further Synapses."""
    async with AsyncExitStack() as started:

        async def start(
            backend: str = "sqlite",
            *,
            contour: Mapping[str, Any] | None = None,
            appservice_url: str | None = None,
            **settings: Any,
        ) -> Homeserver:
            folder = tmp_path / f"synapse-{secrets.token_hex(3)}"
            folder.mkdir()
            server = await prepare_homeserver(
                postgres, folder, backend, contour, appservice_url, **settings
            )
            started.push_async_callback(server.process.stop)
            await server.process.start()
            await register_bot(server)
            return server

        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plain_homeserver(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Homeserver]:
    """Give a Synapse with the bridge's registrations and without the contour."""
    async with running_homeserver(tmp_path_factory.mktemp("synapse-plain")) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def school_day(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> AsyncIterator[SchoolDay]:
    """Give a school on an ordinary day; tests leave its people and rooms as they were."""
    folder = tmp_path_factory.mktemp("school-day")
    turn = {"turn_uris": ["turn:turn.school.example"], "turn_shared_secret": "turn"}
    server = await prepare_homeserver(postgres, folder, "sqlite", overrides={**OVERRIDES, **turn})
    await server.process.start()
    await register_bot(server)
    async with SchoolDay.at(server) as day:
        yield day
    await server.process.stop()


async def prepare_homeserver(
    postgres: PostgresServer,
    folder: Path,
    backend: str,
    contour: Mapping[str, Any] | None = None,
    appservice_url: str | None = None,
    **settings: Any,
) -> Homeserver:
    """Set up a Synapse without starting it."""
    if backend == "postgres":
        settings["database"] = (await postgres.fresh_database()).synapse
    secret = secrets.token_urlsafe(32)
    registration, bot = write_registration(folder, url=appservice_url)
    process = SynapseProcess(
        settings_for(
            folder,
            registrations=(registration,),
            contour={"secret": secret, "bot": BOT, **(contour or {})},
            **settings,
        )
    )
    return Homeserver(process, bot=bot, facts_secret=secret)


async def register_bot(server: Homeserver) -> Account:
    """Make the bot's account, as a bridge does at its start."""
    answer = await server.call(
        "POST",
        "register",
        {
            "type": "m.login.application_service",
            "username": "sferumbot",
            "inhibit_login": True,
        },
        by=server.bot,
    )
    assert answer.status == 200, answer
    return server.bot
