"""How each process of a demo is set up: its settings, its files, its command."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from sferum_bridge import config as settings
from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.demo.synapse import SynapseProcess, SynapseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.config import Config
    from sferum_bridge.demo.folder import DemoFolder

SERVER_NAME = "school.localhost"
"""For ever: it is part of every Matrix id. Clients connect by the homeserver's URL instead."""
HOST = "127.0.0.1"
PORTS: Mapping[str, int] = {"synapse": 8008, "bridge": 29350, "standin": 18480}
"""The ports a demo prefers."""

_SUPPORT = "help@school.example"
_SPEAKING = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def write_config(folder: DemoFolder, ports: Mapping[str, int]) -> Config:
    """Write the bridge's settings for these ports; secrets of an earlier start stay."""
    folder.synapse.mkdir(mode=0o700, exist_ok=True)
    synapse = SynapseProcess(SynapseSettings(folder=folder.synapse, server_name=SERVER_NAME))
    bridge_url = f"http://{HOST}:{ports['bridge']}"
    standin_url = f"http://{HOST}:{ports['standin']}"
    homeserver_url = f"http://{HOST}:{ports['synapse']}"
    wanted: Mapping[str, Mapping[str, object]] = {
        "homeserver": {
            "address": homeserver_url,
            "public_address": homeserver_url,
            "domain": SERVER_NAME,
            "registration_shared_secret": synapse.registration_shared_secret,
        },
        "appservice": {"address": bridge_url, "port": ports["bridge"]},
        "school": {"public_url": bridge_url, "support": _SUPPORT},
        "sferum": {"api_url": standin_url, "web_url": standin_url},
    }
    yaml, path = YAML(), folder.config
    data = yaml.load(path.read_text("utf-8")) if path.exists() else {}
    for section, values in wanted.items():
        data.setdefault(section, {}).update(values)
    temporary = path.with_name("config.new")
    settings.write_private(temporary, b"")
    yaml.dump(data, temporary)
    temporary.replace(path)
    return settings.ensure(path)


def synapse(
    folder: DemoFolder, config: Config, port: int, registrations: Sequence[Path]
) -> SynapseProcess:
    """Return the homeserver with our module and both registrations, not started yet."""
    secret = config.homeserver.extension_secret
    return SynapseProcess(
        SynapseSettings(
            folder=folder.synapse,
            server_name=SERVER_NAME,
            port=port,
            registrations=tuple(registrations),
            contour={"secret": secret, "bot": config.bot_mxid},
            environment=_SPEAKING,
        )
    )


def bridge(folder: DemoFolder) -> ChildProcess:
    """Return the bridge, not started yet."""
    return ChildProcess(
        "the bridge",
        [*_ours("sferum_bridge"), "run", "--config", str(folder.config)],
        log_path=folder.bridge_log,
        environment=_SPEAKING,
        lock_path=folder.bridge_lock,
    )


def standin(folder: DemoFolder, port: int) -> ChildProcess:
    """Return the stand-in, not started yet."""
    state, announcement = str(folder.standin_state), str(folder.announcement)
    options = ("--port", str(port), "--state", state, "--announce", announcement)
    return ChildProcess(
        "the stand-in",
        [*_ours("sferum_bridge.standin"), *options],
        log_path=folder.standin_log,
        environment=_SPEAKING,
        lock_path=folder.standin_lock,
    )


def roster_import(folder: DemoFolder, roster: Path, language: str) -> ChildProcess:
    """Return the command that imports a roster; its report is all there is in its log."""
    folder.roster_log.unlink(missing_ok=True)
    width = shutil.get_terminal_size((120, 24)).columns
    command = ("roster", "apply", str(roster), "--config", str(folder.config), "--lang", language)
    return ChildProcess(
        "the import of the roster",
        [*_ours("sferum_bridge"), *command],
        log_path=folder.roster_log,
        environment={**_SPEAKING, "COLUMNS": str(width)},
    )


def _ours(package: str) -> list[str]:
    return [sys.executable, "-m", package]
