"""A real Synapse as a process of its own, living in one folder.

The folder holds all of it: homeserver.yaml, the signing key, secrets, the log, media and (unless
another database is named) SQLite. A second start from the same folder continues where the first
one stopped. It listens on loopback and speaks to nobody: no federation, no key servers, no
statistics. The privacy settings are those that the closed contour needs of any homeserver (I-7),
so the demo is set up as a school's own server should be.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from ruamel.yaml import YAML

from sferum_bridge.demo.processes import ChildProcess, pick_port
from sferum_bridge.doctor import needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)

CONTOUR_MODULE = "sferum_bridge.homeserver.SferumModule"

PRIVACY: Mapping[str, Any] = {
    **needs.values(),
    "suppress_key_server_warning": True,
    "presence": {"enabled": True},
}
"""What a school's homeserver.yaml has to say whatever else it says, and why: `doctor.needs`."""

RATE_LIMITS: Mapping[str, Any] = {
    # One machine plays everybody, so all logins come from one address; guessing stays slow.
    "rc_login": {
        "address": {"per_second": 5, "burst_count": 100},
        "account": {"per_second": 1, "burst_count": 10},
        "failed_attempts": {"per_second": 0.17, "burst_count": 5},
    },
    "rc_message": {"per_second": 10, "burst_count": 50},
}
"""Limits of a demo: ordinary use never meets them, an attack still does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynapseSettings:
    """How one Synapse is set up. Whatever is not here, the folder remembers."""

    folder: Path
    server_name: str
    """The part of Matrix ids after the colon; fixed for the life of the folder."""
    port: int = 0
    """Preferred port; a free one is taken where it is 0 or in use."""
    host: str = "127.0.0.1"
    public_base_url: str = ""
    """What clients are told; empty means the address it listens on."""
    database: Mapping[str, Any] | None = None
    """The `database` section of homeserver.yaml; `None` is SQLite in the folder."""
    registrations: tuple[Path, ...] = ()
    """Application services: their registration files."""
    contour: Mapping[str, Any] | None = None
    """Settings of our module; `None` starts Synapse without it."""
    modules: tuple[Mapping[str, Any], ...] = ()
    """Further modules, loaded before ours: {"module": ..., "config": {...}}."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of homeserver.yaml; they give way to `PRIVACY` only."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the process on top of ours."""
    log_level: str = "WARNING"
    start_timeout: float = 90.0
    """Seconds until it must answer; the first start creates the database."""
    stop_timeout: float = 15.0
    """Seconds it has to end by itself."""


class SynapseProcess:
    """One Synapse: write its folder, start, ask for its addresses, stop.

    Restarting the same object keeps the port, so clients go on with the address they have.
    """

    def __init__(self, settings: SynapseSettings) -> None:
        self.settings = settings
        self.port = 0
        self._child = ChildProcess(
            "Synapse",
            [sys.executable, "-m", "synapse.app.homeserver", "-c", str(self.config_path)],
            log_path=settings.folder / "synapse.out",
            cwd=settings.folder,
            environment=settings.environment,
            stop_timeout=settings.stop_timeout,
            # Two on one SQLite would ruin it.
            lock_path=settings.folder / "synapse.lock",
        )

    @property
    def config_path(self) -> Path:
        """Where its homeserver.yaml is."""
        return self.settings.folder / "homeserver.yaml"

    @property
    def url(self) -> str:
        """Its address on this machine, without a slash at the end; known once started."""
        return f"http://{self.settings.host}:{self.port}"

    @property
    def public_url(self) -> str:
        """The address that people give their client."""
        return self.settings.public_base_url.rstrip("/") or self.url

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._child.running

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid

    @property
    def registration_shared_secret(self) -> str:
        """The secret of the account-creating admin endpoint; never log it."""
        return self._secrets()["registration_shared_secret"]

    def prepare(self) -> None:
        """Write what the folder lacks and the configuration anew; keys and secrets stay.

        Raises:
            OSError: The folder cannot be written.
        """
        folder = self.settings.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = self.port or pick_port(self.settings.port, self.settings.host)
        key_path = folder / "signing.key"
        if not key_path.exists():
            seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
            _write_private(key_path, f"ed25519 a_{secrets.token_hex(2)} {seed}\n")
        yaml = YAML()
        yaml.default_flow_style = False
        for path, content in (
            (self.config_path, self._config()),
            (folder / "log.yaml", self._log_config()),
        ):
            _write_private(path, "")
            yaml.dump(content, path)

    async def start(self) -> None:
        """Start and return once clients are served.

        Raises:
            ChildFailedError: It ended or stayed silent; the message has the end of its log.
        """
        self.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._child.end_leftover()
        self.prepare()
        self._child.start()
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=2), trust_env=False
            ) as session:
                await self._child.wait_until(
                    lambda: self._healthy(session), timeout=self.settings.start_timeout
                )
        except BaseException:
            await self._child.kill()
            raise
        logger.info("Synapse serves %s at %s", self.settings.server_name, self.url)

    async def stop(self) -> None:
        """Ask it to end, kill it after the bound. Harmless if it does not run."""
        await self._child.stop()

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        await self._child.kill()

    def log_tail(self, lines: int = 30) -> str:
        """Return the last `lines` lines of its log."""
        return self._child.log_tail(lines)

    async def _healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/health") as answer:
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _secrets(self) -> dict[str, str]:
        path = self.settings.folder / "secrets.json"
        if not path.exists():
            names = ("registration_shared_secret", "macaroon_secret_key", "form_secret")
            _write_private(path, json.dumps({name: secrets.token_urlsafe(32) for name in names}))
        return dict(json.loads(path.read_text("utf-8")))

    def _config(self) -> dict[str, Any]:
        settings, folder = self.settings, self.settings.folder
        modules = [dict(module) for module in settings.modules]
        if settings.contour is not None:
            modules.append({"module": CONTOUR_MODULE, "config": dict(settings.contour)})
        listener = {
            "type": "http",
            "port": self.port,
            "bind_addresses": [settings.host],
            "tls": False,
            "resources": [{"names": ["client"], "compress": False}],
        }
        sqlite = {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}}
        return {
            "server_name": settings.server_name,
            "public_baseurl": f"{self.public_url}/",
            "listeners": [listener],
            "database": dict(settings.database or sqlite),
            "signing_key_path": str(folder / "signing.key"),
            "media_store_path": str(folder / "media"),
            "log_config": str(folder / "log.yaml"),
            **self._secrets(),
            "app_service_config_files": [str(path) for path in settings.registrations],
            "modules": modules,
            # Hashing at full strength costs a third of a second of CPU a login: too much for a
            # machine that makes hundreds of demo accounts, whose passwords guard nothing.
            "bcrypt_rounds": 4,
            **RATE_LIMITS,
            **settings.overrides,
            **PRIVACY,
        }

    def _log_config(self) -> dict[str, Any]:
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "plain": {"format": "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s"}
            },
            "filters": {
                "context": {"()": "synapse.logging.context.LoggingContextFilter", "request": ""}
            },
            "handlers": {
                # The process's output already goes to a file in the folder.
                "output": {
                    "class": "logging.StreamHandler",
                    "formatter": "plain",
                    "filters": ["context"],
                }
            },
            "root": {"level": self.settings.log_level, "handlers": ["output"]},
            "loggers": {"sferum_bridge.homeserver": {"level": "INFO"}},
        }


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
