"""To-device messages pass no room, so nothing else asks who may reach whom by them.

Verification requests, calls, room keys and arbitrary content arrive on every device of whoever
they are addressed to. They follow `may_meet`: a message to somebody whom the sender may not meet is
accepted and goes nowhere, as one to an account that does not exist. The others of the same request
are delivered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.federation.federation_server import FederationHandlerRegistry
from synapse.handlers.devicemessage import DeviceMessageHandler

from sferum_bridge.homeserver.masks import hidden_among, put_on
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import may_meet

if TYPE_CHECKING:
    from synapse.synapse_rust.types import Requester
    from synapse.types import JsonDict

DIRECT = "m.direct_to_device"

SEND = Point(
    "DeviceMessageHandler.send_device_message",
    ("requester", "message_type", "messages"),
    closes="Anybody reaches the devices of a pupil, and a pupil those of anybody here or on "
    "another server, by to-device messages: verification requests, calls, any content.",
)
RECEIVE = Point(
    "FederationHandlerRegistry.on_edu",
    ("edu_type", "origin", "content"),
    closes="Another server's people reach the devices of a pupil by to-device messages.",
)
POINTS = (SEND, RECEIVE)


def install(wrapper: Wrapper) -> None:
    """Let to-device messages reach only whom the sender may meet."""
    server = wrapper.homeserver.hostname

    def sending(original: Any) -> Any:
        async def send_device_message(
            handler: Any, requester: Requester, message_type: str, messages: dict[str, Any]
        ) -> None:
            may = partial(may_meet, requester.user.to_string(), facts=await wrapper.facts())
            masks = hidden_among(messages, may, server)
            await original(handler, requester, message_type, put_on(messages, masks))

        return send_device_message

    def receiving(original: Any) -> Any:
        async def on_edu(registry: Any, edu_type: str, origin: str, content: JsonDict) -> None:
            # Comes by here on the process that receives it and on the one that stores it.
            if edu_type == DIRECT and isinstance(content.get("messages"), dict):
                may = partial(may_meet, str(content.get("sender")), facts=await wrapper.facts())
                messages = content["messages"]
                content = {**content, "messages": {u: messages[u] for u in messages if may(u)}}
            await original(registry, edu_type, origin, content)

        return on_edu

    wrapper.put(DeviceMessageHandler, SEND, sending)
    wrapper.put(FederationHandlerRegistry, RECEIVE, receiving)
