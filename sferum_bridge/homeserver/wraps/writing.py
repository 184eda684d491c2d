"""Writing, as a way to ask: whether there is a room, or an event of a room one is not to know of.

A relation or a redaction names an event of any room, and Synapse says whether it knows that one. A
delayed event is taken for every room there is, whoever asks, as whether it may be sent is looked at
when its time has come. What is said about a hidden room or event is said as about none.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.constants import EventTypes
from synapse.api.errors import AuthError, NotFoundError, SynapseError
from synapse.events import relation_from_event
from synapse.handlers.delayed_events import DelayedEventsHandler
from synapse.handlers.message import EventCreationHandler

from sferum_bridge.homeserver.inside import NOWHERE, is_hidden
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.homeserver.wraps.reading import is_event_hidden
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from synapse.events import EventBase
    from synapse.synapse_rust.types import Requester

SEND = Point(
    "EventCreationHandler.create_and_send_nonmember_event",
    (
        "requester",
        "event_dict",
        "prev_event_ids",
        "state_event_ids",
        "ratelimit",
        "txn_id",
        "ignore_shadow_ban",
        "outlier",
        "depth",
        "prev_state_events",
        "delay_id",
    ),
    closes="Writing into a room is refused later where there is one, as the event is made first.",
)
RELATE = Point(
    "EventCreationHandler._validate_event_relation",
    ("event",),
    closes="A reaction, an answer in a thread or a redaction in a room of one's own tells whether "
    "the event exists that it is about.",
)
DELAY = Point(
    "DelayedEventsHandler.add",
    (
        "requester",
        "room_id",
        "event_type",
        "state_key",
        "origin_server_ts",
        "content",
        "delay",
        "sticky_duration_ms",
    ),
    closes="An event to be sent later is taken for every room there is, so the answer tells "
    "whether there is one.",
)
POINTS = (SEND, RELATE, DELAY)


def install(wrapper: Wrapper) -> None:
    """Stand before what people write into rooms, now or later."""
    wrapper.put(EventCreationHandler, SEND, partial(_sending, wrapper))
    wrapper.put(EventCreationHandler, RELATE, partial(_relating, wrapper))
    wrapper.put(DelayedEventsHandler, DELAY, partial(_delaying, wrapper))


async def _is_unknown(wrapper: Wrapper, room_id: str, user: str) -> bool:
    """Tell whether to hide a room; not while facts are missing, when nothing is known of any."""
    try:
        facts = await wrapper.facts()
    except SynapseError:
        return False
    return await is_hidden(room_id, user, facts, wrapper.store)


def _sending(wrapper: Wrapper, original: Any) -> Any:
    async def create_and_send_nonmember_event(
        handler: Any, requester: Requester, event_dict: dict[str, Any], *rest: Any, **named: Any
    ) -> Any:
        room_id = event_dict["room_id"]
        if await _is_unknown(wrapper, room_id, requester.user.to_string()):
            raise AuthError(HTTPStatus.FORBIDDEN, f"User {requester.user} not in room {room_id}")
        return await original(handler, requester, event_dict, *rest, **named)

    return create_and_send_nonmember_event


def _relating(wrapper: Wrapper, original: Any) -> Any:
    async def _validate_event_relation(handler: Any, event: EventBase) -> None:
        if event.type == EventTypes.Redaction and event.redacts is not None:
            await _check_redacts(wrapper, event.sender, event.redacts)
        try:
            await original(handler, event)
        except SynapseError:
            relation = relation_from_event(event)
            if relation and await is_event_hidden(event.sender, relation.parent_id, wrapper):
                raise SynapseError(
                    HTTPStatus.BAD_REQUEST, "Can't send relation to unknown event"
                ) from None
            raise

    return _validate_event_relation


async def _check_redacts(wrapper: Wrapper, user: str, event_id: str) -> None:
    """Have nobody redact what there is not, as Synapse lets who may redact everything in a room.

    Else its refusal of what is in another room would tell that it is there. The bridge may, whose
    messages the server's own rules may have deleted before.
    """
    try:
        side = (await wrapper.facts()).side(user)
    except SynapseError:
        return
    if side in {Side.SERVICE, Side.GHOST}:
        return
    known = await wrapper.store.get_event(event_id, allow_none=True)
    if known is None or await is_event_hidden(user, event_id, wrapper):
        raise NotFoundError(f"Could not find event {event_id}")


def _delaying(wrapper: Wrapper, original: Any) -> Any:
    async def add(handler: Any, requester: Requester, *, room_id: str, **rest: Any) -> Any:
        if not await _is_unknown(wrapper, room_id, requester.user.to_string()):
            return await original(handler, requester, room_id=room_id, **rest)
        try:
            return await original(handler, requester, room_id=NOWHERE, **rest)
        except NotFoundError as error:
            raise NotFoundError(error.msg.replace(NOWHERE, room_id)) from None

    return add
