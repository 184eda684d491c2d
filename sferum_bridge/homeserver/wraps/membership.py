"""Joining, knocking, inviting and leaving: school accounts stay here, and hidden rooms stay hidden.

The callbacks decide who gets into a room of this server. What they cannot do is answer as if the
room did not exist, and keep a request to another server from leaving: that server learns the
account's name from the request itself.

Where nobody of this server is in a room, nothing of its state is known, and Synapse takes back what
somebody has there (an invite, a knock) for whoever asks it to. Only the one it is about may.
"""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership
from synapse.api.errors import SynapseError
from synapse.handlers.federation import FederationHandler
from synapse.handlers.room_member import RoomMemberHandler, RoomMemberMasterHandler

from sferum_bridge.homeserver.inside import NOWHERE, is_hidden
from sferum_bridge.homeserver.naming import PROFILE, change_of
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.homeserver.wraps.appservices import is_ours
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synapse.synapse_rust.types import Requester
    from synapse.types import JsonDict, UserID

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

COMING = frozenset({Membership.JOIN, Membership.KNOCK})
OPENING = COMING | {Membership.INVITE}
LOCKED_IN = frozenset({Side.EDUCATIONAL, Side.GHOST})

CHANGE = Point(
    "RoomMemberHandler.update_membership_locked",
    (
        "requester",
        "target",
        "room_id",
        "action",
        "txn_id",
        "remote_room_hosts",
        "third_party_signed",
        "ratelimit",
        "content",
        "new_room",
        "require_consent",
        "outlier",
        "prev_event_ids",
        "state_event_ids",
        "depth",
        "origin_server_ts",
        "prev_state_events",
        "delay_id",
    ),
    closes="Joining, knocking at, leaving or inviting into a room of the contour answers otherwise "
    "than for a room that does not exist, and so tells that it exists.",
)
JOIN_AWAY = Point(
    "FederationHandler.do_invite_join",
    ("target_hosts", "room_id", "joinee", "content"),
    closes="A school account joins a room of another server.",
)
KNOCK_AWAY = Point(
    "FederationHandler.do_knock",
    ("target_hosts", "room_id", "knockee", "content"),
    closes="A school account knocks at a room of another server, which learns of the account.",
)
REJECT_AWAY = Point(
    "RoomMemberMasterHandler.remote_reject_invite",
    ("invite_event_id", "txn_id", "requester", "content"),
    closes="Anybody takes back somebody's invite to a room that nobody of this server is in, by a "
    "kick, whose words go to the invited and to the other server.",
)
RESCIND_AWAY = Point(
    "RoomMemberMasterHandler.remote_rescind_knock",
    ("knock_event_id", "txn_id", "requester", "content"),
    closes="The same of a knock: a pupil writes to a stranger who knocked somewhere, or the other "
    "way round.",
)
POINTS = (CHANGE, JOIN_AWAY, KNOCK_AWAY, REJECT_AWAY, RESCIND_AWAY)


def install(wrapper: Wrapper) -> None:
    """Stand before changes of membership, and before what of them leaves this server."""
    wrapper.put(RoomMemberHandler, CHANGE, partial(_changing, wrapper))
    wrapper.put(FederationHandler, JOIN_AWAY, partial(_joining_away, wrapper))
    wrapper.put(FederationHandler, KNOCK_AWAY, partial(_knocking_away, wrapper))
    # Workers have the main process do both.
    for point in (REJECT_AWAY, RESCIND_AWAY):
        wrapper.put(RoomMemberMasterHandler, point, partial(_taking_back, wrapper))


def _changing(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store
    here = wrapper.homeserver.hostname
    # What the bridge asks for is decided, and nothing is hidden from it: it tries again where the
    # facts have yet to arrive.
    bridge = {service.id for service in store.get_app_services() if is_ours(service, wrapper)}

    async def update_membership_locked(
        handler: Any,
        requester: Requester,
        target: UserID,
        room_id: str,
        action: str,
        **rest: Any,
    ) -> Any:
        with change_of(target.to_string(), room_id, action, rest.get("content")):
            return await changed(handler, requester, target, room_id, action, **rest)

    async def changed(
        handler: Any,
        requester: Requester,
        target: UserID,
        room_id: str,
        action: str,
        **rest: Any,
    ) -> Any:
        actor = requester.user.to_string()
        if requester.app_service_id in bridge or actor == wrapper.bot or rest.get("new_room"):
            return await original(handler, requester, target, room_id, action, **rest)
        if action in COMING and target != requester.user:
            # Synapse asks about the target first, and so would tell who is of the school.
            raise refused("Cannot join or knock for another user.")
        try:
            facts = await wrapper.facts()
        except SynapseError:
            if action in OPENING:
                raise
            return await original(handler, requester, target, room_id, action, **rest)
        if await is_hidden(room_id, actor, facts, store):
            logger.info("Refused %s by %s to %s: hidden", action, actor, room_id)
            away = any(host != here for host in rest.get("remote_room_hosts") or ())
            if away and action in COMING:
                # The servers that were named would tell the asker which room we asked for.
                raise _unknown_there(target.to_string(), action, facts)
            room_id = NOWHERE
        if action == Membership.LEAVE and facts.side(actor) in LOCKED_IN:
            # Leaving a room from before may be told to other servers; they need no name for it.
            content = rest.get("content") or {}
            rest["content"] = {key: content[key] for key in content.keys() - PROFILE}
        return await original(handler, requester, target, room_id, action, **rest)

    return update_membership_locked


def _joining_away(wrapper: Wrapper, original: Any) -> Any:
    async def do_invite_join(
        handler: Any, target_hosts: Iterable[str], room_id: str, joinee: str, content: Any
    ) -> Any:
        _check_stays(joinee, await wrapper.facts())
        return await original(handler, target_hosts, room_id, joinee, content)

    return do_invite_join


def _knocking_away(wrapper: Wrapper, original: Any) -> Any:
    async def do_knock(
        handler: Any, target_hosts: Iterable[str], room_id: str, knockee: str, content: Any
    ) -> Any:
        _check_stays(knockee, await wrapper.facts())
        return await original(handler, target_hosts, room_id, knockee, content)

    return do_knock


def _taking_back(wrapper: Wrapper, original: Any) -> Any:
    async def remote_take_back(
        handler: Any, event_id: str, txn_id: str | None, requester: Requester, content: JsonDict
    ) -> Any:
        waiting = await wrapper.store.get_event(event_id)
        if waiting.state_key != requester.user.to_string():
            # As where nothing waits.
            raise SynapseError(HTTPStatus.NOT_FOUND, "Not a known room")
        if await _is_locked_in(waiting.state_key, wrapper):
            content = {}  # the other server needs no words with it
        return await original(handler, event_id, txn_id, requester, content)

    return remote_take_back


async def _is_locked_in(user: str, wrapper: Wrapper) -> bool:
    try:
        return (await wrapper.facts()).side(user) in LOCKED_IN
    except SynapseError:
        return True  # leaving goes on without facts


def _unknown_there(target: str, action: str, facts: Facts) -> SynapseError:
    """Return what comes of asking other servers for a room that they do not have."""
    if facts.side(target) in LOCKED_IN:
        return _refused()
    return SynapseError(HTTPStatus.BAD_GATEWAY, f"Failed to make_{action} via any server")


def _check_stays(user: str, facts: Facts) -> None:
    if facts.side(user) in LOCKED_IN:
        raise _refused()


def _refused() -> SynapseError:
    return refused(
        "Школьная учётная запись входит только в комнаты своего сервера. "
        "A school account enters rooms of its own server only."
    )
