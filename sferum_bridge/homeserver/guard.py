"""Where Synapse has no callback of the shape we need, and how we notice that it changed.

`check_event_allowed` is asked about every event that this server creates, those of server
administrators and of createRoom's initial state included, which skip the other callbacks. But a
callback registered for it makes Synapse load the whole state of the room for every single message.
So the method itself is wrapped: our question looks at the event alone and comes first, then
Synapse goes on as before, which without other modules' callbacks costs nothing.

Wrapping relies on how the method is called. If a release changes that, Synapse must not start with
a wall that stands elsewhere: `wrap_event_check` raises, and Synapse refuses to start, naming the
method.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from synapse.module_api.errors import ConfigError
from synapse.util import SYNAPSE_VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi

METHOD = "ThirdPartyEventRulesModuleApiCallbacks.check_event_allowed"
PARAMETERS = ("event", "context")


def wrap_event_check(api: ModuleApi, is_allowed: Callable[[EventBase], Awaitable[bool]]) -> None:
    """Ask `is_allowed` about every event this process creates, before anything else is asked.

    Raises:
        ConfigError: This Synapse has no such method, or calls it otherwise.
    """
    rules: Any = getattr(getattr(api, "_callbacks", None), "third_party_event_rules", None)
    original = getattr(rules, "check_event_allowed", None)
    if original is None:
        raise _changed("is gone")
    if not inspect.iscoroutinefunction(original):
        raise _changed("is no coroutine function any more")
    found = tuple(inspect.signature(original).parameters)
    if found != PARAMETERS:
        raise _changed(f"takes ({', '.join(found)}) and not ({', '.join(PARAMETERS)})")

    async def check_event_allowed(event: EventBase, context: Any) -> Any:
        if not await is_allowed(event):
            return False, None
        return await original(event, context)

    rules.check_event_allowed = check_event_allowed


def _changed(how: str) -> ConfigError:
    return ConfigError(
        f"sferum_bridge.homeserver.SferumModule does not fit Synapse {SYNAPSE_VERSION}: its method "
        f"{METHOD} {how}. School rooms could not be kept closed, so Synapse does not start. Use a "
        "Synapse that this release of sferum-bridge names as supported, or a newer sferum-bridge."
    )
