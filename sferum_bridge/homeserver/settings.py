"""The module's entry in homeserver.yaml, checked before Synapse starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse.module_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_SECRET_BYTES = 32
DEFAULT_MAX_BODY = 2 * 1024 * 1024
DEFAULT_CLOCK_SKEW = 60.0
DEFAULT_POLL = 1.0
DEFAULT_ACK = 1.0
DEFAULT_HEARTBEAT = 5.0
DEFAULT_STALE = 15.0
DEFAULT_TIMEOUT = 20.0
DEFAULT_SCAN = 60.0
REGISTRATIONS = frozenset({"sferum-bridge", "sferum-bridge-double-puppet"})
"""What the bridge writes (`sferum-bridge registration`)."""
SCANNER = re.compile(r"tcp://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})|unix:(/.+)")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Scanner:
    """Where clamd listens, and what holds of it."""

    address: tuple[str, int] | str
    """Host and port, or the path of a socket."""
    seconds: float = DEFAULT_SCAN
    """For how long a file may take, connecting included."""
    required: bool = True
    """Whether nothing is taken while it does not answer; else files pass unseen meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decides."""

    secret: bytes
    """Shared with the bridge; authenticates pushed facts."""
    bot: str
    """Matrix id of the bridge's bot."""
    max_body_bytes: int = DEFAULT_MAX_BODY
    """Largest request. Whatever is more is pushed in parts, and longer ones would be a wait for
    everybody while they are read."""
    clock_skew_seconds: float = DEFAULT_CLOCK_SKEW
    """How far the clock of whoever asks for the generation may be off."""
    poll_seconds: float = DEFAULT_POLL
    """How often each process looks for facts that it was not told of."""
    ack_seconds: float = DEFAULT_ACK
    """How long the answer to a push waits for the other processes, at most."""
    heartbeat_seconds: float = DEFAULT_HEARTBEAT
    """How often each process says that it is alive."""
    stale_seconds: float = DEFAULT_STALE
    """After how long a process that could not say so decides nothing for the school's side."""
    process_timeout: float = DEFAULT_TIMEOUT
    """After how long others take it for dead; more than `stale_seconds`."""
    expected_processes: frozenset[str] = frozenset()
    """Workers that must have the module, by `worker_name`, besides those of `instance_map`. While
    one does not report, the bridge brings nobody into rooms."""
    allow_openid: bool = False
    """Whether people of the school may prove to third parties who they are. Calls of Element Call
    need it, by its authorisation service."""
    push_gateways: frozenset[str] = frozenset()
    """Origins, as in `https://matrix.org`, to which notifications for people of the school go."""
    scanner: Scanner | None = None
    """A ClamAV daemon that looks through every file that is put up; `None` for no scanner."""
    registrations: frozenset[str] = REGISTRATIONS
    """Ids of the application services that are the bridge's; that of the bot always is."""

    def __repr__(self) -> str:
        """Leave the secret out: Synapse may print its modules' settings."""
        return f"Settings(bot={self.bot!r})"


def parse(config: Mapping[str, Any]) -> Settings:
    """Read the module's `config` section.

    Raises:
        ConfigError: Something is missing, unknown or out of bounds; says what to write instead.
    """
    if not isinstance(config, dict):
        raise _refuse("must be a mapping with at least `secret_file` and `bot`")
    known = {field.name for field in fields(Settings)} | {
        *("secret_file", "scanner_seconds", "scanner_required")
    }
    if unknown := sorted(set(config) - known):
        raise _refuse(f"unknown setting `{unknown[0]}`; known are {', '.join(sorted(known))}")
    heartbeat = _number(config, "heartbeat_seconds", DEFAULT_HEARTBEAT, 0.1, 60)
    stale = _number(config, "stale_seconds", DEFAULT_STALE, 0.5, 600)
    timeout = _number(config, "process_timeout", DEFAULT_TIMEOUT, 1, 3600)
    if not 2 * heartbeat <= stale < timeout:
        raise _refuse(
            "`stale_seconds` must be at least twice `heartbeat_seconds`, and less than "
            "`process_timeout`: a process must stop deciding before others stop waiting for it"
        )
    return Settings(
        secret=_secret(config),
        bot=_bot(config.get("bot")),
        max_body_bytes=int(_number(config, "max_body_bytes", DEFAULT_MAX_BODY, 1024, 2**30)),
        clock_skew_seconds=_number(config, "clock_skew_seconds", DEFAULT_CLOCK_SKEW, 1, 3600),
        poll_seconds=_number(config, "poll_seconds", DEFAULT_POLL, 0.1, heartbeat),
        ack_seconds=_number(config, "ack_seconds", DEFAULT_ACK, 0, 30),
        heartbeat_seconds=heartbeat,
        stale_seconds=stale,
        process_timeout=timeout,
        expected_processes=_names(config, "expected_processes"),
        allow_openid=_switch(config, "allow_openid"),
        push_gateways=_origins(config, "push_gateways"),
        scanner=_scanner(config),
        registrations=_registrations(config.get("registrations", sorted(REGISTRATIONS))),
    )


def _secret(config: Mapping[str, Any]) -> bytes:
    inline, path = config.get("secret"), config.get("secret_file")
    if (inline is None) == (path is None):
        raise _refuse("give either `secret_file` or `secret`, one of them")
    if path is not None:
        try:
            secret = Path(str(path)).read_bytes().strip()
        except OSError as error:
            raise _refuse(f"`secret_file` cannot be read: {error}") from error
    elif isinstance(inline, str):
        secret = inline.encode()
    else:
        raise _refuse("`secret` must be a text")
    if len(secret) < MIN_SECRET_BYTES:
        raise _refuse(
            f"the secret has {len(secret)} bytes, {MIN_SECRET_BYTES} are needed; make one with "
            "`openssl rand -hex 32`"
        )
    return secret


def _bot(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("@") or ":" not in value:
        raise _refuse("`bot` must be the bot's Matrix id, as in `@sferumbot:school.example`")
    return value


def _number(config: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _refuse(f"`{name}` must be a number from {low:g} to {high:g}")
    return float(value)


def _scanner(config: Mapping[str, Any]) -> Scanner | None:
    value = config.get("scanner", "")
    if not value:
        return None
    found = SCANNER.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[2] and not 0 < int(found[2]) < 2**16):
        raise _refuse(
            "`scanner` must be where clamd listens, as in `unix:/run/clamav/clamd.ctl` or "
            "`tcp://127.0.0.1:3310`"
        )
    return Scanner(
        found[3] or (found[1].strip("[]"), int(found[2])),
        _number(config, "scanner_seconds", DEFAULT_SCAN, 0.1, 600),
        _switch(config, "scanner_required", default=True),
    )


def _switch(config: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = config.get(name, default)
    if not isinstance(value, bool):
        raise _refuse(f"`{name}` must be true or false")
    return value


def _names(config: Mapping[str, Any], name: str) -> frozenset[str]:
    values = config.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _refuse(f"`{name}` must be a list of worker names, as in `generic_worker1`")
    return frozenset(values)


def _origins(config: Mapping[str, Any], name: str) -> frozenset[str]:
    values = config.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _refuse(f"`{name}` must be a list of hosts, as in `matrix.org`")
    origins = [value if "://" in value else f"https://{value}" for value in values]
    for value, origin in zip(values, origins, strict=True):
        if not ORIGIN.fullmatch(origin):
            raise _refuse(
                f"`{name}` has `{value}`, which is no host; write `matrix.org`, or "
                "`http://127.0.0.1:5000` for a gateway without TLS"
            )
    return frozenset(origin.lower() for origin in origins)


def _registrations(values: object) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _refuse("`registrations` must be a list of ids, as in the registrations' files")
    return frozenset(values)


def _refuse(problem: str) -> ConfigError:
    return ConfigError(f"sferum_bridge.homeserver.SferumModule: {problem}")
