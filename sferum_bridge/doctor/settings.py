"""The plain settings of homeserver.yaml, held against `needs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sferum_bridge.doctor.files import FileError, entries, mapping, named
from sferum_bridge.doctor.needs import (
    HARMLESS_EXPERIMENTS,
    NEEDS,
    UNSAFE_EXPERIMENTS,
    fragment,
)
from sferum_bridge.doctor.report import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sferum_bridge.doctor.files import Process
    from sferum_bridge.doctor.needs import Config, Need

_EXPERIMENTS = "experimental_features"


def look(found: Sequence[Process]) -> Iterator[Finding]:
    """Look at every setting: of the main process, and where a worker's own file says otherwise."""
    for process in found:
        for need in NEEDS:
            if not process.own or need.path.partition(".")[0] in process.own:
                yield _one(need, process)
        if not process.own or _EXPERIMENTS in process.own:
            yield from _experiments(process)
        yield from _more(process)


def untold() -> Iterator[Finding]:
    """Return what cannot be told of any setting without homeserver.yaml."""
    for need in NEEDS:
        yield Finding(State.UNKNOWN, need.path, need.why, fix=_fix(need))


def shown(value: object) -> str:
    """Write a value on one line, as YAML may have it too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _one(need: Need, process: Process) -> Finding:
    value, written = need.read(process.config)
    state = need.state(value, process.config)
    return Finding(
        state,
        need.path,
        f"{need.why}-{value_kind}" if (value_kind := _kind(need, state)) else need.why,
        found="" if value is None else shown(value),
        absent=not written,
        where=process.where,
        fix=_fix(need) if state is State.WRONG else None,
    )


def _kind(need: Need, state: State) -> str:
    """Return which text speaks of a value that is neither the wanted one nor wrong."""
    return "note" if state is State.NOTE and need.why in {"federation", "registration"} else ""


def _fix(need: Need) -> dict[str, Any]:
    return fragment(need.path, need.want)


def _experiments(process: Process) -> Iterator[Finding]:
    flags = process.config.get(_EXPERIMENTS)
    for name, value in flags.items() if isinstance(flags, dict) else ():
        path = f"{_EXPERIMENTS}.{name}"
        if name in UNSAFE_EXPERIMENTS:
            safe = UNSAFE_EXPERIMENTS[name]
            if value is not None and value != safe:
                text = name.partition("_")[0]
                fix = fragment(path, safe)
                yield Finding(State.WRONG, path, text, shown(value), where=process.where, fix=fix)
        elif value and name not in HARMLESS_EXPERIMENTS:
            yield Finding(State.NOTE, path, "experiment", shown(value), where=process.where)


def _more(process: Process) -> Iterator[Finding]:
    """Look at what is worth knowing, and no setting of `NEEDS`."""
    config = process.config if not process.own else process.own
    log_config = config.get("worker_log_config" if process.own else "log_config")
    if log_config:
        yield _logging(str(log_config), process)
    retention = config.get("retention")
    if isinstance(retention, dict) and retention.get("enabled") is True:
        yield Finding(State.NOTE, "retention.enabled", "retention", "true", where=process.where)
    if config.get("use_appservice_legacy_authorization") is True:
        name = "use_appservice_legacy_authorization"
        fix = {name: False}
        yield Finding(State.WRONG, name, "legacy", "true", where=process.where, fix=fix)
    yield from _strangers(config, process)


def _strangers(config: Config, process: Process) -> Iterator[Finding]:
    """Say where accounts come from besides the school."""
    service = config.get("matrix_authentication_service")
    if isinstance(service, dict) and service.get("enabled") is True:
        name = "matrix_authentication_service"
        yield Finding(State.NOTE, name, "accounts-elsewhere", where=process.where)
    for provider in entries(config.get("oidc_providers")):
        if provider.get("enable_registration", True) is True:
            name = f"oidc_providers.{provider.get('idp_id', 'oidc')}"
            yield Finding(State.NOTE, name, "accounts-elsewhere", where=process.where)


def _logging(name: str, process: Process) -> Finding:
    """Look for a logger that would write requests and rows of the database into the log."""
    path = named(name, process.where)
    try:
        config = mapping(path)
    except FileError:
        return Finding(State.UNKNOWN, "log_config", "logging", str(path), where=process.where)
    loggers = config.get("loggers")
    levels = {
        str(logger): settings.get("level")
        for logger, settings in (loggers.items() if isinstance(loggers, dict) else ())
        if isinstance(settings, dict)
    }
    root = config.get("root")
    levels["root"] = root.get("level") if isinstance(root, dict) else None
    loud = sorted(
        logger
        for logger, level in levels.items()
        if str(level).upper() in {"DEBUG", "NOTSET", "TRACE", "10", "0"}
        and not logger.startswith("sferum_bridge")
    )
    state = State.WRONG if loud else State.OK
    found = ", ".join(f"{logger}: {levels[logger]}" for logger in loud)
    return Finding(state, "log_config", "logging", found or "INFO", where=str(path))
