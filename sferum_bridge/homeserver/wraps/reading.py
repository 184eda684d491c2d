"""Reading without being there: a room of the contour is read by those who are or were in it.

Synapse lets everybody read a room whose history is `world_readable`. Nobody can set that for a room
of the contour; this stands for the room that had it before, or got it by other means.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.auth.base import BaseAuth
from synapse.api.errors import AuthError, NotFoundError
from synapse.handlers.events import EventHandler
from synapse.handlers.room import RoomContextHandler
from synapse.http.servlet import parse_json_object_from_request
from synapse.notifier import Notifier
from synapse.rest.client.room import RoomRedactEventRestServlet

from sferum_bridge.homeserver.inside import is_hidden, membership
from sferum_bridge.homeserver.wrapping import Point, Wrapper

if TYPE_CHECKING:
    from synapse.synapse_rust.types import Requester
    from synapse.types import UserID

IN_ROOM = Point(
    "BaseAuth.check_user_in_room_or_world_readable",
    ("room_id", "requester", "allow_departed_users"),
    closes="Everybody reads messages, members and state of a room of the contour whose history was "
    "opened to the world.",
)
EVENT = Point(
    "EventHandler.get_event",
    ("user", "room_id", "event_id", "show_redacted"),
    closes="The same for one event.",
)
CONTEXT = Point(
    "RoomContextHandler.get_event_context",
    ("requester", "room_id", "event_id", "limit", "event_filter", "use_admin_priviledge"),
    closes="The same for one event and those around it.",
)
REDACT = Point(
    "RoomRedactEventRestServlet._do",
    ("request", "requester", "room_id", "event_id", "txn_id"),
    closes="Redacting something in a room tells whether it exists.",
)
LISTEN = Point(
    "Notifier._is_world_readable",
    ("room_id",),
    closes="The same for what is said from now on, asked for by an old request for one room.",
)
POINTS = (IN_ROOM, EVENT, CONTEXT, REDACT, LISTEN)


def install(wrapper: Wrapper) -> None:
    """Stand before what people read of rooms they are not in."""
    wrapper.put(BaseAuth, IN_ROOM, partial(_entering, wrapper))
    wrapper.put(EventHandler, EVENT, partial(_reading, wrapper))
    wrapper.put(RoomContextHandler, CONTEXT, partial(_reading_around, wrapper))
    wrapper.put(RoomRedactEventRestServlet, REDACT, partial(_redacting, wrapper))
    wrapper.put(Notifier, LISTEN, partial(_listening, wrapper))


async def _is_stranger(user: str, room_id: str, wrapper: Wrapper) -> bool:
    """Tell whether to hide a room; of who was ever in it, without asking for facts."""
    store = wrapper.store
    return await membership(room_id, user, store) is None and await is_hidden(
        room_id, user, await wrapper.facts(), store
    )


async def is_event_hidden(user: str, event_id: str, wrapper: Wrapper) -> bool:
    """Tell whether there is an event, but none that somebody is to know of."""
    event = await wrapper.store.get_event(event_id, allow_none=True)
    return event is not None and await _is_stranger(user, event.room_id, wrapper)


def _entering(wrapper: Wrapper, original: Any) -> Any:
    async def check_user_in_room_or_world_readable(
        auth: Any,
        room_id: str,
        requester: Requester,
        allow_departed_users: bool = False,  # noqa: FBT001, FBT002 — Synapse's signature
    ) -> Any:
        try:
            return await auth.check_user_in_room(
                room_id, requester, allow_departed_users=allow_departed_users
            )
        except AuthError:
            if await wrapper.is_inside(room_id):
                raise AuthError(
                    HTTPStatus.FORBIDDEN,
                    f"User {requester.user!r} not in room {room_id}, and room previews are "
                    "disabled",
                ) from None
        return await original(auth, room_id, requester, allow_departed_users=allow_departed_users)

    return check_user_in_room_or_world_readable


def _reading(wrapper: Wrapper, original: Any) -> Any:
    async def get_event(
        handler: Any, user: UserID, room_id: str | None, event_id: str, *rest: Any, **named: Any
    ) -> Any:
        if await is_event_hidden(user.to_string(), event_id, wrapper):
            return None
        return await original(handler, user, room_id, event_id, *rest, **named)

    return get_event


def _reading_around(wrapper: Wrapper, original: Any) -> Any:
    async def get_event_context(
        handler: Any, requester: Requester, room_id: str, event_id: str, *rest: Any, **named: Any
    ) -> Any:
        # Server administrators see everything over the admin API, and are said to.
        by_admin, user = named.get("use_admin_priviledge", False), requester.user.to_string()
        if not by_admin and (
            await _is_stranger(user, room_id, wrapper)
            or await is_event_hidden(user, event_id, wrapper)
        ):
            return None
        return await original(handler, requester, room_id, event_id, *rest, **named)

    return get_event_context


def _redacting(wrapper: Wrapper, original: Any) -> Any:
    async def _do(
        servlet: Any, request: Any, requester: Requester, room_id: str, *rest: Any
    ) -> Any:
        if await _is_stranger(requester.user.to_string(), room_id, wrapper):
            # What is no JSON is refused before anybody looks for the room.
            parse_json_object_from_request(request)
            raise NotFoundError(f"Could not find room_version for {room_id}")
        return await original(servlet, request, requester, room_id, *rest)

    return _do


def _listening(wrapper: Wrapper, original: Any) -> Any:
    async def _is_world_readable(notifier: Any, room_id: str) -> Any:
        return not await wrapper.is_inside(room_id) and await original(notifier, room_id)

    return _is_world_readable
