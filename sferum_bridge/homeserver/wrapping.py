"""Standing in front of methods of Synapse, where it has no callback of the shape we need.

Each file in `wraps` closes one class of holes. It declares the methods it wraps as `Point`s, with
the parameters they had in the versions it was tried on, and says which hole each closes; the table
in docs/contour.md is generated from that. `Wrapper.put` looks at the method first: if a release
moved it or calls it otherwise, Synapse must not start with a wall that stands elsewhere, so it
raises and Synapse refuses to start, naming the method.

A wrap that fails refuses: whatever it raises goes to whoever asked, and Synapse's own method is
not reached.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synapse.module_api.errors import ConfigError
from synapse.util import SYNAPSE_VERSION

from sferum_bridge.homeserver.inside import is_inside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.server import HomeServer

    from sferum_bridge.homeserver.files import Files
    from sferum_bridge.homeserver.settings import Settings
    from sferum_bridge.school.contour import Facts

TRIED_ON = ("1.163.2",)
"""Versions of Synapse on which the whole of tests/contour was run."""


@dataclass(frozen=True, slots=True)
class Point:
    """A method of Synapse that is wrapped."""

    method: str
    """Class and name, as in `DeviceMessageHandler.send_device_message`."""
    parameters: tuple[str, ...]
    """Without `self`, in order."""
    closes: str
    """What anybody could do there without the wrap; a sentence for docs/contour.md."""
    is_async: bool = True


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a wrap needs: Synapse's parts, and the facts."""

    homeserver: HomeServer
    facts: Callable[[], Awaitable[Facts]]
    """Raises `SynapseError` (503) while they cannot be read, so whoever asks refuses."""
    bot: str
    """Matrix id of the bridge's bot."""
    settings: Settings
    files: Files

    @property
    def store(self) -> Any:
        """Synapse's main store. Its cached methods are typed as if unbound, hence `Any`."""
        return self.homeserver.get_datastores().main

    async def is_inside(self, room_id: str) -> bool:
        """Tell whether a room is of the contour, see `inside.is_inside`."""
        return await is_inside(room_id, await self.facts(), self.store)

    def put(self, owner: object, point: Point, make: Callable[[Any], Any]) -> None:
        """Replace the method of `owner`, one object, by what `make` returns for the original.

        `owner` may be a class, whose method then gets its object first: parts that Synapse has not
        made yet are wrapped that way, and those that every process makes for itself.

        Raises:
            ConfigError: This Synapse has no such method, or calls it otherwise.
        """
        name = point.method.rpartition(".")[2]
        original: Any = getattr(owner, name, None)
        check(original, point)
        # The wrap looks like the original, so another may be put before it.
        setattr(owner, name, functools.wraps(original)(make(original)))


def check(original: Any, point: Point) -> None:
    """Make sure a method is as it was when the wrap was written.

    Raises:
        ConfigError: It is gone or changed.
    """
    if original is None:
        raise _changed(point, "is gone")
    if inspect.iscoroutinefunction(inspect.unwrap(original)) is not point.is_async:
        raise _changed(point, f"is {'no' if point.is_async else 'a'} coroutine function now")
    found = tuple(name for name in inspect.signature(original).parameters if name != "self")
    if found != point.parameters:
        raise _changed(point, f"takes ({', '.join(found)}) and not ({', '.join(point.parameters)})")


def _changed(point: Point, how: str) -> ConfigError:
    return ConfigError(
        f"sferum_bridge.homeserver.SferumModule does not fit Synapse {SYNAPSE_VERSION}: its method "
        f"{point.method} {how}. The contour could not be kept closed, so Synapse does not start. "
        f"Use a Synapse that this release of sferum-bridge was tried on ({', '.join(TRIED_ON)}), "
        "or a newer sferum-bridge."
    )
