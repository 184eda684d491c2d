"""Every event this server makes is looked at, whoever makes it and however.

Synapse's own callback `check_event_allowed` sees them all, those of server administrators and of
createRoom's initial state included, which skip the other callbacks. But a callback registered for
it makes Synapse load the whole state of the room for every single message. So the method itself is
wrapped: our question looks at the event alone and comes first, then Synapse goes on as before,
which without other modules' callbacks costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.homeserver.wraps.appservices import is_ours

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from synapse.events import EventBase

POINT = Point(
    "ThirdPartyEventRulesModuleApiCallbacks.check_event_allowed",
    ("event", "context"),
    closes="Invites, joins and state by server administrators, in createRoom's initial state, by "
    "a room upgrade or a delayed event pass the other callbacks.",
)
POINTS = (POINT,)


def install(wrapper: Wrapper, is_allowed: Callable[[EventBase, bool], Awaitable[bool]]) -> None:
    """Ask `is_allowed` about every event this process creates, before anything else is asked.

    It is told whether the bridge asked for the event, be it in the name of a school account.
    What is allowed is looked through for files of the bridge that it shows.
    """

    def make(original: Any) -> Any:
        async def check_event_allowed(event: EventBase, context: Any) -> Any:
            # Not there where nobody set it.
            service = getattr(context, "app_service", None)
            by_bridge = service is not None and is_ours(service, wrapper)
            if not await is_allowed(event, by_bridge):
                return False, None
            await wrapper.files.note(event, by_bridge=by_bridge)
            return await original(event, context)

        return check_event_allowed

    rules = wrapper.homeserver.get_module_api_callbacks().third_party_event_rules
    wrapper.put(rules, POINT, make)
