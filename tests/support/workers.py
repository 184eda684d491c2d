"""A homeserver of several processes: the main one, workers, and the Redis by which they speak.

Needs a Redis server on this machine, as a school with workers has; `REDIS` is empty without one.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from ruamel.yaml import YAML

from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.demo.synapse import SynapseProcess
from tests.support.ports import reserve_port
from tests.support.synapse import BOT, Account, Homeserver, settings_for, write_registration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.demo.synapse import SynapseSettings

REDIS = shutil.which("redis-server") or ""
_HOST = "127.0.0.1"


class MainProcess(SynapseProcess):
    """The main process: it listens for workers, too."""

    def __init__(
        self,
        settings: SynapseSettings,
        redis_port: int,
        listed: Mapping[str, int],
        writers: Sequence[str] = (),
    ) -> None:
        super().__init__(settings)
        self._redis_port = redis_port
        self._replication = reserve_port()
        self._listed = listed
        """Workers in `instance_map`, and their replication ports."""
        self._writers = writers
        """Those of them that write events; empty for the main process."""

    def _config(self) -> dict[str, Any]:
        places = {"main": self._replication, **self._listed}
        writing = {"stream_writers": {"events": list(self._writers)}} if self._writers else {}
        return {**clustered(super()._config(), self._redis_port, places), **writing}


def clustered(
    config: Mapping[str, Any], redis_port: int, places: Mapping[str, int]
) -> dict[str, Any]:
    """Return the settings of a main process that has workers.

    Args:
        config: Its settings without.
        redis_port: Where Redis listens.
        places: Process → port of its replication listener; `main` is one of them.
    """
    return {
        **config,
        "listeners": [*config["listeners"], listener(places["main"], "replication")],
        "redis": {"enabled": True, "host": _HOST, "port": redis_port},
        "instance_map": {name: {"host": _HOST, "port": at} for name, at in places.items()},
    }


def redis_at(port: int, folder: Path) -> ChildProcess:
    """Return a Redis that keeps nothing, not started yet."""
    return ChildProcess(
        "Redis",
        [REDIS, "--port", str(port), "--bind", _HOST, "--save", "", "--appendonly", "no"],
        log_path=folder / "redis.log",
        cwd=folder,
    )


class Worker:
    """A generic worker that serves clients, and whom `serves` says beside them."""

    def __init__(
        self,
        main: SynapseProcess,
        name: str,
        port: int,
        *,
        serves: Sequence[str] = ("client",),
        **config: Any,
    ) -> None:
        folder = main.settings.folder
        self.name = name
        self.url = f"http://{_HOST}:{port}"
        path = folder / f"{name}.yaml"
        content = {
            "worker_app": "synapse.app.generic_worker",
            "worker_name": name,
            "worker_log_config": str(folder / "log.yaml"),
            "worker_listeners": [listener(port, *serves, "replication")],
            **config,
        }
        YAML().dump(content, path)
        self.process = ChildProcess(
            name,
            [
                *(sys.executable, "-m", "synapse.app.generic_worker"),
                *("-c", str(main.config_path), "-c", str(path)),
            ],
            log_path=folder / f"{name}.out",
            cwd=folder,
            environment=main.settings.environment,
        )

    async def start(self) -> None:
        """Start, and return once clients are served."""
        self.process.start()
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=2), trust_env=False
        ) as session:
            await self.process.wait_until(lambda: self._healthy(session), timeout=60)

    async def _healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/health") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


class Cluster:
    """A running homeserver of several processes."""

    def __init__(self, main: Homeserver, redis: ChildProcess, workers: Sequence[Worker]) -> None:
        self.main = main
        self.redis = redis
        self.workers = workers

    def at(self, worker: Worker) -> Homeserver:
        """Return the same homeserver as clients of a worker see it."""
        return _At(self.main, worker.url)


class _At(Homeserver):
    def __init__(self, main: Homeserver, url: str) -> None:
        super().__init__(main.process, bot=main.bot, facts_secret=main.facts_secret)
        self._url = url

    def _address(self, path: str) -> str:
        return super()._address(path).replace(self.process.url, self._url)


@asynccontextmanager
async def running_cluster(
    folder: Path,
    database: Mapping[str, Any],
    *,
    workers: Mapping[str, Mapping[str, Any]],
    listed: Sequence[str] = (),
    writers: Sequence[str] = (),
    contour: Mapping[str, Any] | None = None,
    modules: tuple[Mapping[str, Any], ...] = (),
    environment: Mapping[str, str] | None = None,
    with_module: bool = True,
) -> AsyncIterator[Cluster]:
    """Start Redis, the main process and the workers.

    Args:
        folder: Where everything lives.
        database: The `database` section: PostgreSQL.
        workers: Worker name → settings of its own file on top.
        listed: Those of them that stand in `instance_map`.
        writers: Those of the listed that write events, in place of the main process.
        contour: Changes to the settings of our module.
        modules: Further modules of every process.
        environment: Variables of the processes on top of ours.
        with_module: Whether our module is loaded.
    """
    redis_port = reserve_port()
    redis = redis_at(redis_port, folder)
    registration, bot = write_registration(folder)
    secret = "s" * 43
    settings = settings_for(
        folder / "synapse",
        database=database,
        registrations=(registration,),
        contour={"secret": secret, "bot": BOT, **(contour or {})} if with_module else None,
        modules=modules,
        environment=environment or {},
    )
    ports = {name: reserve_port() for name in workers}
    main = MainProcess(settings, redis_port, {name: ports[name] for name in listed}, writers)
    try:
        redis.start()
        await main.start()
        running = [Worker(main, name, ports[name], **own) for name, own in workers.items()]
        server = Homeserver(main, bot=bot, facts_secret=secret)
        await _register(server, bot)
        try:
            await asyncio.gather(*(worker.start() for worker in running))
            yield Cluster(server, redis, running)
        finally:
            await asyncio.gather(*(worker.process.stop() for worker in running))
    finally:
        await main.stop()
        await redis.stop()


async def _register(server: Homeserver, bot: Account) -> None:
    content = {
        "type": "m.login.application_service",
        "username": "sferumbot",
        "inhibit_login": True,
    }
    answer = await server.call("POST", "register", content, by=bot)
    assert answer.status == 200, answer


def listener(port: int, *names: str) -> dict[str, Any]:
    """Return a listener of Synapse on this machine, without TLS."""
    return {
        "type": "http",
        "port": port,
        "bind_addresses": [_HOST],
        "tls": False,
        "resources": [{"names": list(names), "compress": False}],
    }
