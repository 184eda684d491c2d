"""What a room tells of itself and of the rooms below it, and who may replace it by another."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import attr
from synapse.api.constants import Membership
from synapse.api.errors import NotFoundError, UnstableSpecAuthError
from synapse.handlers.reports import ReportsHandler
from synapse.handlers.room import RoomCreationHandler
from synapse.handlers.room_summary import RoomSummaryHandler
from synapse.storage.databases.main.roommember import RoomMemberWorkerStore

from sferum_bridge.homeserver.inside import NOWHERE, is_hidden, is_inside, membership
from sferum_bridge.homeserver.nobody import is_nobody
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school import shape
from sferum_bridge.school.contour import Side, may_be_in

if TYPE_CHECKING:
    from synapse.synapse_rust.types import Requester

    from sferum_bridge.school.contour import Facts

IS_SHOWN = Point(
    "RoomSummaryHandler._is_local_room_accessible",
    ("room_id", "requester", "origin"),
    closes="A room of the contour whose join rules or history somebody opened shows its name, "
    "topic and picture to anybody, without an account and to other servers.",
)
SUMMARY = Point(
    "RoomSummaryHandler.get_room_summary",
    ("requester", "room_id", "remote_room_hosts"),
    closes="The answer about a room one may not see differs from that about an unknown room; a "
    "pupil reads what rooms of other servers are called and about, without entering one.",
)
HIERARCHY = Point(
    "RoomSummaryHandler.get_room_hierarchy",
    (
        "requester",
        "requested_room_id",
        "suggested_only",
        "omit_remote_room_hierarchy",
        "admin_skip_room_visibility_check",
        "max_depth",
        "limit",
        "from_token",
        "remote_room_hosts",
    ),
    closes="The same for the rooms of a space, where servers can be named that are to be asked.",
)
CHILDREN = Point(
    "RoomSummaryHandler._summarize_local_room",
    (
        "requester",
        "origin",
        "room_id",
        "suggested_only",
        "include_children",
        "admin_skip_room_visibility_check",
    ),
    closes="A space's hierarchy lists the ids of its rooms to those who may not be in them; a "
    "pupil's own space shows rooms of other servers.",
)
UPGRADE = Point(
    "RoomCreationHandler.upgrade_room",
    (
        "requester",
        "old_room_id",
        "new_version",
        "additional_creators",
        "auto_member",
        "ratelimit",
    ),
    closes="A moderator moves a school room's people into a new room that the school does not "
    "know; the answer tells strangers that the room exists.",
)
BANS = Point(
    "RoomMemberWorkerStore.get_ban_event_ids_in_room",
    ("room_id",),
    closes="A stranger's room, from which somebody hidden was banned before, is replaced by a new "
    "one that is left half made, as the ban cannot be made again.",
)
REPORT = Point(
    "ReportsHandler.report_room",
    ("requester", "room_id", "reason"),
    closes="Reporting a room tells whether it exists.",
)
POINTS = (IS_SHOWN, SUMMARY, HIERARCHY, CHILDREN, UPGRADE, BANS, REPORT)

_REPLACING: ContextVar[str | None] = ContextVar("sferum_replacing", default=None)
"""Who replaces a room by a new one, while it is made: Synapse's own chain of calls follows it."""


def install(wrapper: Wrapper) -> None:
    """Stand before summaries and hierarchies, upgrades and reports."""
    wrapper.put(RoomSummaryHandler, IS_SHOWN, partial(_showing, wrapper))
    wrapper.put(RoomSummaryHandler, SUMMARY, partial(_summing_up, wrapper))
    wrapper.put(RoomSummaryHandler, HIERARCHY, partial(_going_down, wrapper))
    wrapper.put(RoomSummaryHandler, CHILDREN, partial(_listing, wrapper))
    wrapper.put(RoomCreationHandler, UPGRADE, partial(_upgrading, wrapper))
    wrapper.put(RoomMemberWorkerStore, BANS, partial(_banning, wrapper))
    wrapper.put(ReportsHandler, REPORT, partial(_reporting, wrapper))


def _showing(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def _is_local_room_accessible(
        handler: Any, room_id: str, requester: str | None, origin: str | None = None
    ) -> Any:
        facts = await wrapper.facts()
        if requester is None:
            is_shown = not await is_inside(room_id, facts, store)
        else:
            is_shown = await _is_shown(requester, room_id, facts, store)
        return is_shown and await original(handler, room_id, requester, origin)

    return _is_local_room_accessible


def _summing_up(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def get_room_summary(
        handler: Any,
        requester: str | None,
        room_id: str,
        remote_room_hosts: list[str] | None = None,
    ) -> Any:
        hosts, user = remote_room_hosts, requester or ""
        facts = await wrapper.facts()
        hidden = await is_hidden(room_id, user, facts, store)
        if hidden or await _is_out_of_reach(wrapper, user, room_id, facts):
            room_id, hosts = NOWHERE, None if hosts is None else []
        return await original(handler, requester, room_id, hosts)

    return get_room_summary


def _going_down(wrapper: Wrapper, original: Any) -> Any:
    async def get_room_hierarchy(
        handler: Any, requester: Requester, requested_room_id: str, *rest: Any, **named: Any
    ) -> Any:
        user, facts = requester.user.to_string(), await wrapper.facts()
        # Server administrators see everything over the admin API, and are said to.
        if named.get("admin_skip_room_visibility_check") or not (
            await is_hidden(requested_room_id, user, facts, wrapper.store)
            or await _is_out_of_reach(wrapper, user, requested_room_id, facts)
        ):
            return await original(handler, requester, requested_room_id, *rest, **named)
        if named.get("remote_room_hosts"):
            named["remote_room_hosts"] = ()
        try:
            return await original(handler, requester, NOWHERE, *rest, **named)
        except UnstableSpecAuthError as error:
            # Another one: whoever waits for the same answer gets the same error.
            told = error.msg.replace(NOWHERE, requested_room_id)
            raise UnstableSpecAuthError(
                error.code, told, error.errcode, error.previous_errcode
            ) from None

    return get_room_hierarchy


def _listing(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def _summarize_local_room(
        handler: Any, requester: str | None, *arguments: Any, **named: Any
    ) -> Any:
        entry = await original(handler, requester, *arguments, **named)
        # Server administrators see everything over the admin API, and are said to.
        if not entry or named.get("admin_skip_room_visibility_check"):
            return entry
        facts, user = await wrapper.facts(), requester or ""
        children = [
            child
            for child in entry.children_state_events
            if await _is_shown(user, child["state_key"], facts, store)
            # Synapse asks other servers about what it does not find here.
            and not await _is_out_of_reach(wrapper, user, child["state_key"], facts)
        ]
        return attr.evolve(entry, children_state_events=children)

    return _summarize_local_room


async def _is_shown(user: str, room_id: str, facts: Facts, store: Any) -> bool:
    return may_be_in(user, room_id, facts) and not await is_hidden(room_id, user, facts, store)


async def _is_out_of_reach(wrapper: Wrapper, user: str, room_id: str, facts: Facts) -> bool:
    """Tell whether only other servers know a room, and somebody of the school asks about it."""
    return facts.side(user) is Side.EDUCATIONAL and not await wrapper.store.is_host_joined(
        room_id, wrapper.homeserver.hostname
    )


def _upgrading(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def upgrade_room(
        handler: Any, requester: Requester, old_room_id: str, *arguments: Any, **named: Any
    ) -> Any:
        user = requester.user.to_string()
        facts = await wrapper.facts()
        if facts.side(user) is not Side.SERVICE and await is_inside(old_room_id, facts, store):
            if await membership(old_room_id, user, store) != Membership.JOIN:
                raise NotFoundError(f"Unknown room id {old_room_id}")
            raise refused(
                "Комнату школы заменяет новой только школа, попросите администратора. "
                "Only the school replaces its rooms, ask the administrator."
            )
        _REPLACING.set(user)
        try:
            return await original(handler, requester, old_room_id, *arguments, **named)
        finally:
            _REPLACING.set(None)

    return upgrade_room


def _banning(wrapper: Wrapper, original: Any) -> Any:
    async def get_ban_event_ids_in_room(store: Any, room_id: str) -> Any:
        bans = await original(store, room_id)
        user = _REPLACING.get()
        if user is None or not bans:
            return bans
        facts, kept = await wrapper.facts(), []
        for ban in await store.get_events_as_list(bans):
            banned = ban.state_key
            if shape.may_remove(user, banned, "", facts) and not await is_nobody(
                user, banned, facts, wrapper.homeserver
            ):
                kept.append(ban.event_id)
        return kept

    return get_ban_event_ids_in_room


def _reporting(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def report_room(handler: Any, requester: Requester, room_id: str, reason: str) -> Any:
        user = requester.user.to_string()
        if await is_hidden(room_id, user, await wrapper.facts(), store):
            room_id = NOWHERE
        return await original(handler, requester, room_id, reason)

    return report_room
