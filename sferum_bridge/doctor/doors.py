"""The listeners: what of Synapse can be reached from beyond this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.doctor.files import entries
from sferum_bridge.doctor.outbound import is_loopback
from sferum_bridge.doctor.report import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sferum_bridge.doctor.files import Process

_EVERYWHERE = ["::", "0.0.0.0"]  # noqa: S104 - what Synapse takes where nothing is written
_INNER = ("metrics", "manhole", "replication")


def look(found: Sequence[Process]) -> Iterator[Finding]:
    """Look at every listener of every process."""
    for process in found:
        own = "worker_listeners" if process.own else "listeners"
        for listener in entries((process.own or process.config).get(own)):
            yield from _one(listener, own, process)


def _one(listener: Mapping[str, Any], setting: str, process: Process) -> Iterator[Finding]:
    if listener.get("path"):
        return
    given = listener.get("bind_addresses") or []
    single = listener.get("bind_address")
    addresses = [*given, *([single] if single else [])] or _EVERYWHERE
    outside = [str(one) for one in addresses if not is_loopback(str(one))]
    what, found = f"{setting}, {listener.get('port')}", ", ".join(outside or map(str, addresses))
    serves = _serves(listener)
    where = process.where
    for kind in _INNER:
        if kind in serves:
            hidden = not outside or (
                kind == "replication" and "worker_replication_secret" in process.config
            )
            state = State.OK if hidden else State.WRONG
            yield Finding(state, what, f"listener-{kind}", found, where=where)
    if "client" in serves:
        # Who set `x_forwarded` has a proxy in front, which is where the admin API can be kept in.
        behind = listener.get("x_forwarded") is True
        state = State.NOTE if behind else State.WRONG
        yield Finding(state if outside else State.OK, what, "listener-client", found, where=where)


def _serves(listener: Mapping[str, Any]) -> set[str]:
    found = {str(listener.get("type"))}
    for resource in entries(listener.get("resources")):
        names = resource.get("names")
        found |= {names} if isinstance(names, str) else set(map(str, names or ()))
    return found
