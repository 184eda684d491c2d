"""What bridge and Synapse share: the module in every process, its bot, and both secrets."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from sferum_bridge.doctor.files import entries, named
from sferum_bridge.doctor.report import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sferum_bridge.config import Config
    from sferum_bridge.doctor.files import Process

MODULE = "sferum_bridge.homeserver.SferumModule"
_WORKERS = (
    *("federation_sender_instances", "pusher_instances", "media_instance_running_background_jobs"),
    *("run_background_tasks_on", "notify_appservices_from_worker"),
    "update_user_directory_from_worker",
)
"""Settings that name workers."""
_MAIN = {"main", "master"}


def look(found: Sequence[Process], settings: Config) -> Iterator[Finding]:
    """Look at the entry of every process, and for workers nobody showed."""
    if not settings.homeserver.extension_secret:
        yield Finding(State.WRONG, "homeserver.extension_secret", "no-extension")
    for process in found:
        # A worker that lists no modules of its own has those of the shared files.
        if process.own and "modules" not in process.own:
            yield Finding(State.OK, "modules", "module", MODULE, where=process.where)
        else:
            yield from _entry(process, settings)
    if settings.homeserver.registration_shared_secret:
        yield _registration_secret(found[0], settings)
    given = {process.name for process in found if process.own}
    for name in sorted(_workers(found[0].config) - given):
        yield Finding(State.UNKNOWN, "modules", "worker", name, values={"worker": name})


def _entry(process: Process, settings: Config) -> Iterator[Finding]:
    modules = entries(process.config.get("modules"))
    names = [str(one.get("module")) for one in modules]
    ours = [one for one in modules if one.get("module") == MODULE]
    if not ours:
        says = "module-worker" if process.own else "module"
        fix = {"modules": [*({"module": name} for name in names), _ours(settings)]}
        yield Finding(State.WRONG, "modules", says, ", ".join(names), where=process.where, fix=fix)
        return
    where = process.where
    yield Finding(
        State.OK if len(ours) == 1 else State.WRONG, "modules", "module", MODULE, where=where
    )
    given = ours[0].get("config")
    entry: Mapping[str, Any] = given if isinstance(given, dict) else {}
    bot = str(entry.get("bot", ""))
    fix = {"modules": [*({"module": name} for name in names if name != MODULE), _ours(settings)]}
    right = bot == settings.bot_mxid
    state = State.OK if right else State.WRONG
    yield Finding(
        state, "modules … bot", "module-bot", bot, where=where, fix=None if right else fix
    )
    yield _secret(entry, process, settings, fix)
    for place, name in enumerate(names):
        if name != MODULE:
            order = "before" if place < names.index(MODULE) else "after"
            yield Finding(State.NOTE, "modules", f"module-{order}", name, where=where)


def _secret(
    entry: Mapping[str, Any], process: Process, settings: Config, fix: dict[str, Any]
) -> Finding:
    what, where = "modules … secret", process.where
    if entry.get("secret_file") is not None:
        what = "modules … secret_file"
        try:
            secret = named(entry["secret_file"], where).read_bytes().strip()
        except OSError:
            return Finding(State.UNKNOWN, what, "module-secret", where=where)
    else:
        secret = str(entry.get("secret", "")).encode()
    right = hmac.compare_digest(secret, settings.homeserver.extension_secret.encode())
    state = State.OK if right else State.WRONG
    return Finding(state, what, "module-secret", where=where, fix=None if right else fix)


def _registration_secret(main: Process, settings: Config) -> Finding:
    what = "registration_shared_secret"
    path = main.config.get(f"{what}_path")
    secret = str(main.config.get(what) or "").encode()
    if path:
        try:
            secret = named(path, main.where).read_bytes().strip()
        except OSError:
            return Finding(State.UNKNOWN, what, "shared-secret", where=main.where)
    wanted = settings.homeserver.registration_shared_secret.encode()
    state = State.OK if hmac.compare_digest(secret, wanted) else State.WRONG
    return Finding(state, what, "shared-secret", where=main.where)


def _ours(settings: Config) -> dict[str, Any]:
    config = {"secret": "<homeserver.extension_secret of config.yaml>", "bot": settings.bot_mxid}
    return {"module": MODULE, "config": config}


def _workers(config: Mapping[str, Any]) -> set[str]:
    """Return the names of the workers that the shared settings speak of."""
    found: set[str] = set()
    instances = config.get("instance_map")
    found |= set(instances) if isinstance(instances, dict) else set()
    writers = config.get("stream_writers")
    for value in [
        *(writers.values() if isinstance(writers, dict) else ()),
        *(config.get(name) for name in _WORKERS),
    ]:
        found |= set(value) if isinstance(value, list) else {value} if value else set()
    return {str(name) for name in found} - _MAIN
