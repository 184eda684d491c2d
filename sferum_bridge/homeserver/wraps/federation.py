"""Other servers: they neither come into a room of the contour nor learn that there is one (S-44).

Rooms of the contour are made with `m.federate: false`, which Synapse's own rules keep. These walls
stand for the rooms that were made otherwise, and give every question about a room of the contour
the answer that an unknown room gets. What other servers send about such a room is dropped unread.
What they may ask of a room they are not in (its events, state, members) Synapse refuses by itself.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import attr
from synapse.api.constants import EventTypes, Membership, RejectedReason
from synapse.api.errors import AuthError, Codes, NotFoundError, SynapseError
from synapse.federation.federation_server import FederationServer
from synapse.federation.transport.server.federation import RoomComplexityServlet
from synapse.handlers.federation import FederationHandler
from synapse.handlers.federation_event import FederationEventHandler

from sferum_bridge.homeserver.inside import PRESENT, membership
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side, may_contact

if TYPE_CHECKING:
    from synapse.events import EventBase
    from synapse.events.snapshot import EventContext
    from synapse.federation.units import Transaction
    from synapse.types import JsonDict

MAKE_JOIN = Point(
    "FederationServer.on_make_join_request",
    ("origin", "room_id", "user_id", "supported_versions"),
    closes="Another server asks to join a room of the contour, or learns that it exists.",
)
MAKE_KNOCK = Point(
    "FederationServer.on_make_knock_request",
    ("origin", "room_id", "user_id", "supported_versions"),
    closes="Another server asks to knock at a room of the contour, or learns that it exists.",
)
MAKE_LEAVE = Point(
    "FederationServer.on_make_leave_request",
    ("origin", "room_id", "user_id"),
    closes="Another server learns that a room of the contour exists by asking to leave it.",
)
SEND = Point(
    "FederationServer._on_send_membership_event",
    ("origin", "content", "membership_type", "room_id"),
    closes="Another server sends a join or knock without asking first, and gets the room's state.",
)
EVENTS = Point(
    "FederationServer._handle_pdus_in_txn",
    ("origin", "transaction", "request_time"),
    closes="Another server puts events into a room of the contour, or learns that it exists.",
)
EXCHANGE = Point(
    "FederationHandler.exchange_third_party_invite",
    ("sender_user_id", "target_user_id", "room_id", "signed"),
    closes="Whoever holds the token of an invite by e-mail or phone makes it one of a person, also "
    "without an account; a school account's name goes to a server that somebody chose.",
)
EXCHANGED = Point(
    "FederationHandler.on_exchange_third_party_invite_request",
    ("event_dict",),
    closes="Another server has an invite by e-mail or phone made one of a person.",
)
COMPLEXITY = Point(
    "RoomComplexityServlet.on_GET",
    ("origin", "content", "query", "room_id"),
    closes="Another server asks how big a room is, and learns that it exists.",
)
FETCH = Point(
    "FederationServer.on_pdu_request",
    ("origin", "event_id"),
    closes="Another server learns that there is an event by asking for it.",
)
EVENT = Point(
    "FederationEventHandler._check_event_auth",
    ("origin", "event", "context"),
    closes="Another server puts an invite or ban of a pupil, with words in it, into a room that "
    "this server is in for others.",
)
JOINED = Point(
    "FederationEventHandler.process_remote_join",
    ("origin", "room_id", "auth_events", "state", "event", "room_version", "partial_state"),
    closes="The same by the state of a room that somebody of this server joins.",
)
FETCHED = Point(
    "FederationEventHandler._get_state_ids_after_missing_prev_event",
    ("destination", "room_id", "event_id"),
    closes="The same by state that is fetched afterwards: of a room whose join came with little of "
    "it, and where events are missing between those that came.",
)
POINTS = (
    MAKE_JOIN,
    MAKE_KNOCK,
    MAKE_LEAVE,
    SEND,
    EVENTS,
    FETCH,
    EVENT,
    JOINED,
    FETCHED,
    EXCHANGE,
    EXCHANGED,
    COMPLEXITY,
)


def install(wrapper: Wrapper) -> None:
    """Stand before what other servers ask and send about rooms."""
    for point, change in (
        (MAKE_JOIN, Membership.JOIN),
        (MAKE_KNOCK, Membership.KNOCK),
        (MAKE_LEAVE, Membership.LEAVE),
    ):
        wrapper.put(FederationServer, point, partial(_asking, wrapper, change))
    wrapper.put(FederationServer, SEND, partial(_sending, wrapper))
    wrapper.put(FederationServer, EVENTS, partial(_receiving, wrapper))
    wrapper.put(FederationServer, FETCH, partial(_fetching, wrapper))
    wrapper.put(FederationEventHandler, EVENT, partial(_checking, wrapper))
    wrapper.put(FederationEventHandler, JOINED, partial(_taking_over, wrapper))
    wrapper.put(FederationEventHandler, FETCHED, partial(_fetching_state, wrapper))
    wrapper.put(FederationHandler, EXCHANGE, partial(_exchanging, wrapper))
    wrapper.put(FederationHandler, EXCHANGED, partial(_exchanging_for_others, wrapper))
    wrapper.put(RoomComplexityServlet, COMPLEXITY, partial(_weighing, wrapper))


async def _check_known(room_id: str, origin: str, change: str, wrapper: Wrapper) -> None:
    """Let a server leave a room of outsiders that somebody educational is in, nothing else."""
    if not await wrapper.is_inside(room_id):
        return
    hosts = wrapper.homeserver.get_event_auth_handler()
    if (
        change != Membership.LEAVE
        or room_id in (await wrapper.facts()).rooms
        or not await hosts.is_host_in_room(room_id, origin)
    ):
        raise _unknown(room_id)


def _asking(wrapper: Wrapper, change: str, original: Any) -> Any:
    async def on_make_request(
        server: Any, origin: str, room_id: str, user_id: str, **rest: Any
    ) -> Any:
        await _check_known(room_id, origin, change, wrapper)
        return await original(server, origin, room_id, user_id, **rest)

    return on_make_request


def _sending(wrapper: Wrapper, original: Any) -> Any:
    async def _on_send_membership_event(
        server: Any, origin: str, content: JsonDict, membership_type: str, room_id: str
    ) -> Any:
        await _check_known(room_id, origin, membership_type, wrapper)
        return await original(server, origin, content, membership_type, room_id)

    return _on_send_membership_event


def _receiving(wrapper: Wrapper, original: Any) -> Any:
    async def _handle_pdus_in_txn(
        server: Any, origin: str, transaction: Transaction, request_time: int
    ) -> Any:
        kept = [
            event
            for event in transaction.pdus
            if not isinstance(event.get("room_id"), str)
            or not await wrapper.is_inside(event["room_id"])
        ]
        return await original(server, origin, attr.evolve(transaction, pdus=kept), request_time)

    return _handle_pdus_in_txn


def _fetching(wrapper: Wrapper, original: Any) -> Any:
    async def on_pdu_request(server: Any, origin: str, event_id: str) -> Any:
        try:
            return await original(server, origin, event_id)
        except AuthError:
            event = await wrapper.store.get_event(event_id, allow_none=True)
            if event is None or not await wrapper.is_inside(event.room_id):
                raise
            return HTTPStatus.NOT_FOUND, ""  # as of an event that there is not

    return on_pdu_request


async def _is_unwelcome(event: EventBase, wrapper: Wrapper) -> bool:
    """Tell whether an event of another server is about somebody of the school, who is not there."""
    if event.type != EventTypes.Member or not event.is_state() or event.sender == event.state_key:
        return False
    is_mine = wrapper.homeserver.is_mine_id
    if is_mine(event.sender) or not is_mine(event.state_key):
        return False
    facts = await wrapper.facts()
    if may_contact(event.sender, event.state_key, facts).allowed:
        return False
    store = wrapper.store
    return (
        # Whoever is there still, from before, may be put out.
        event.membership != Membership.LEAVE
        or await membership(event.room_id, event.state_key, store) not in PRESENT
    )


def _checking(wrapper: Wrapper, original: Any) -> Any:
    async def _check_event_auth(
        handler: Any, origin: str | None, event: EventBase, context: EventContext
    ) -> None:
        await original(handler, origin, event, context)
        if not context.rejected and await _is_unwelcome(event, wrapper):
            context.rejected = RejectedReason.AUTH_ERROR

    return _check_event_auth


def _taking_over(wrapper: Wrapper, original: Any) -> Any:
    async def process_remote_join(
        handler: Any,
        origin: str,
        room_id: str,
        auth_events: list[EventBase],
        state: list[EventBase],
        *rest: Any,
        **named: Any,
    ) -> Any:
        kept = [other for other in state if not await _is_unwelcome(other, wrapper)]
        return await original(handler, origin, room_id, auth_events, kept, *rest, **named)

    return process_remote_join


def _fetching_state(wrapper: Wrapper, original: Any) -> Any:
    async def _get_state_ids_after_missing_prev_event(
        handler: Any, destination: str, room_id: str, event_id: str
    ) -> Any:
        # The events are stored by now, as outliers, which nobody is shown. Only the map is left to
        # be cut: Synapse makes it without asking whether an event was rejected.
        state = await original(handler, destination, room_id, event_id)
        is_mine, store = wrapper.homeserver.is_mine_id, wrapper.store
        members = {
            key: state[key] for key in state if key[0] == EventTypes.Member and is_mine(key[1])
        }
        events = await store.get_events(members.values(), allow_rejected=True)
        dropped = set()
        for key, member_id in members.items():
            if member_id not in events or await _is_unwelcome(events[member_id], wrapper):
                _, held = await store.get_local_current_membership_for_user_in_room(key[1], room_id)
                # Without what put somebody out, what brought it in could win again.
                if member_id != held:
                    dropped.add(key)
        return {key: found for key, found in state.items() if key not in dropped}

    return _get_state_ids_after_missing_prev_event


def _exchanging(wrapper: Wrapper, original: Any) -> Any:
    async def exchange_third_party_invite(
        handler: Any, sender_user_id: str, target_user_id: str, room_id: str, signed: JsonDict
    ) -> Any:
        facts = await wrapper.facts()
        sides = {facts.side(sender_user_id), facts.side(target_user_id)}
        if sides != {Side.OUTSIDER} or await wrapper.is_inside(room_id):
            raise AuthError(HTTPStatus.FORBIDDEN, "You are not invited to this room.")
        return await original(handler, sender_user_id, target_user_id, room_id, signed)

    return exchange_third_party_invite


def _exchanging_for_others(wrapper: Wrapper, original: Any) -> Any:
    async def on_exchange_third_party_invite_request(handler: Any, event_dict: JsonDict) -> Any:
        room_id = event_dict.get("room_id")
        if isinstance(room_id, str) and await wrapper.is_inside(room_id):
            raise _unknown(room_id)
        return await original(handler, event_dict)

    return on_exchange_third_party_invite_request


def _weighing(wrapper: Wrapper, original: Any) -> Any:
    async def on_GET(  # noqa: N802 — the name Synapse looks for
        servlet: Any, origin: str, content: None, query: Any, room_id: str
    ) -> Any:
        if await wrapper.is_inside(room_id):
            raise SynapseError(HTTPStatus.NOT_FOUND, "Room not found", errcode=Codes.INVALID_PARAM)
        return await original(servlet, origin, content, query, room_id)

    return on_GET


def _unknown(room_id: str) -> NotFoundError:
    return NotFoundError(f"Could not find room_version for {room_id}")
