"""Aliases and the list of rooms: rooms of the contour have no name to find them by (S-44).

A school room has no alias. Should it have got one before the school knew of it, the alias is given
up when somebody asks for it, and is free again, also in its answer. A room that somebody
educational is in keeps its alias, unresolved: it may be a room of outsiders, which that person is
about to leave.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership
from synapse.api.errors import Codes, NotFoundError, SynapseError
from synapse.handlers.directory import DirectoryHandler
from synapse.http.servlet import parse_json_object_from_request
from synapse.rest.client.directory import ClientDirectoryListServer, ClientDirectoryServer
from synapse.rest.client.knock import KnockRoomAliasServlet
from synapse.rest.client.room import JoinRoomAliasServlet, RoomSummaryRestServlet
from synapse.storage.databases.main.directory import DirectoryWorkerStore
from synapse.storage.databases.main.room import RoomWorkerStore
from synapse.types import RoomAlias

from sferum_bridge.homeserver.asking import who_asks
from sferum_bridge.homeserver.inside import NOWHERE, membership
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from synapse.http.site import SynapseRequest
    from synapse.synapse_rust.types import Requester

STORED = Point(
    "DirectoryWorkerStore.get_association_from_room_alias",
    ("room_alias",),
    closes="Making a room with the alias of a school room tells that there is one.",
)
RESOLVE = Point(
    "DirectoryHandler.get_association",
    ("room_alias",),
    closes="An alias of this server, or of another that points here, tells anybody the id of a "
    "room of the contour: without an account, over federation, in a join.",
)
RESOLVE_REQUEST = Point(
    "ClientDirectoryServer.on_GET",
    ("request", "room_alias"),
    closes="A school account asks another server about an alias, which is the way to its rooms.",
)
JOIN_REQUEST = Point(
    "JoinRoomAliasServlet.on_POST",
    ("request", "room_identifier"),
    closes="The same, by joining: the refusal comes after the question.",
)
JOIN_AGAIN_REQUEST = Point(
    "JoinRoomAliasServlet.on_PUT",
    ("request", "room_identifier", "txn_id"),
    closes="The same, in a request that may be repeated.",
)
KNOCK_REQUEST = Point(
    "KnockRoomAliasServlet.on_POST",
    ("request", "room_identifier"),
    closes="The same, by knocking.",
)
SUMMARY_REQUEST = Point(
    "RoomSummaryRestServlet.on_GET",
    ("request", "room_identifier"),
    closes="The same, by asking for the room's summary.",
)
NAME = Point(
    "DirectoryHandler.create_association",
    ("requester", "room_alias", "room_id", "servers", "check_membership"),
    closes="A moderator, server administrator or application service gives a room of the contour "
    "an alias.",
)
NAME_REQUEST = Point(
    "ClientDirectoryServer.on_PUT",
    ("request", "room_alias"),
    closes="Asking for an alias of a room tells whether the room exists, even without an account.",
)
IS_LISTED = Point(
    "ClientDirectoryListServer.on_GET",
    ("request", "room_id"),
    closes="Asking whether a room is listed tells whether it exists, even without an account.",
)
LIST = Point(
    "DirectoryHandler.edit_published_room_list",
    ("requester", "room_id", "visibility"),
    closes="A moderator or server administrator puts a room of the contour on the public list; "
    "the answer tells strangers that it exists.",
)
LIST_ELSEWHERE = Point(
    "DirectoryHandler.edit_published_appservice_room_list",
    ("appservice_id", "network_id", "room_id", "visibility"),
    closes="Any application service puts any room on a list of its own, which everybody can read.",
)
LISTED = Point(
    "RoomWorkerStore.get_largest_public_rooms",
    ("network_tuple", "search_filter", "limit", "bounds", "forwards", "ignore_non_federatable"),
    closes="A room of the contour that was listed before the school knew of it stays listed.",
)
POINTS = (
    STORED,
    RESOLVE,
    RESOLVE_REQUEST,
    JOIN_REQUEST,
    JOIN_AGAIN_REQUEST,
    KNOCK_REQUEST,
    SUMMARY_REQUEST,
    NAME,
    NAME_REQUEST,
    IS_LISTED,
    LIST,
    LIST_ELSEWHERE,
    LISTED,
)


def install(wrapper: Wrapper) -> None:
    """Stand before the making and resolving of aliases, and before the lists of rooms."""
    wrapper.put(DirectoryWorkerStore, STORED, partial(_finding, wrapper))
    wrapper.put(DirectoryHandler, RESOLVE, partial(_resolving, wrapper))
    wrapper.put(ClientDirectoryServer, RESOLVE_REQUEST, partial(_asking_afar, wrapper))
    for servlet, point in (
        (JoinRoomAliasServlet, JOIN_REQUEST),
        (JoinRoomAliasServlet, JOIN_AGAIN_REQUEST),
        (KnockRoomAliasServlet, KNOCK_REQUEST),
        (RoomSummaryRestServlet, SUMMARY_REQUEST),
    ):
        wrapper.put(servlet, point, partial(_entering_afar, wrapper))
    wrapper.put(DirectoryHandler, NAME, partial(_naming, wrapper))
    wrapper.put(ClientDirectoryServer, NAME_REQUEST, partial(_asking_for_name, wrapper))
    wrapper.put(ClientDirectoryListServer, IS_LISTED, partial(_asking_for_list, wrapper))
    wrapper.put(DirectoryHandler, LIST, partial(_publishing, wrapper))
    wrapper.put(DirectoryHandler, LIST_ELSEWHERE, partial(_publishing_elsewhere, wrapper))
    wrapper.put(RoomWorkerStore, LISTED, partial(_listing, wrapper))


def _not_found(alias: str) -> SynapseError:
    return SynapseError(HTTPStatus.NOT_FOUND, f"Room alias {alias} not found", Codes.NOT_FOUND)


# --- aliases ----------------------------------------------------------------------------------


def _finding(wrapper: Wrapper, original: Any) -> Any:
    async def get_association_from_room_alias(store: Any, room_alias: RoomAlias) -> Any:
        found = await original(store, room_alias)
        if found and found.room_id in (await wrapper.facts()).rooms:
            await store.delete_room_alias(room_alias)
            return None
        return found

    return get_association_from_room_alias


def _resolving(wrapper: Wrapper, original: Any) -> Any:
    async def get_association(handler: Any, room_alias: RoomAlias) -> Any:
        found = await original(handler, room_alias)
        if await wrapper.is_inside(found["room_id"]):
            raise _not_found(room_alias.to_string())
        return found

    return get_association


def _asking_afar(wrapper: Wrapper, original: Any) -> Any:
    async def on_GET(  # noqa: N802 — the name Synapse looks for
        servlet: Any, request: SynapseRequest, room_alias: str
    ) -> Any:
        if _is_elsewhere(wrapper, room_alias):
            asker = await servlet.auth.get_optional_user_by_req(request, allow_guest=True)
            user = asker.user.to_string() if asker else ""
            if (await wrapper.facts()).side(user) is Side.EDUCATIONAL:
                raise _not_found(room_alias)
        return await original(servlet, request, room_alias)

    return on_GET


def _entering_afar(wrapper: Wrapper, original: Any) -> Any:
    async def answer(
        servlet: Any, request: SynapseRequest, room_identifier: str, **rest: Any
    ) -> Any:
        if _is_elsewhere(wrapper, room_identifier):
            user = await who_asks(wrapper.homeserver, request) or ""
            if (await wrapper.facts()).side(user) is Side.EDUCATIONAL:
                raise _not_found(room_identifier)
        return await original(servlet, request, room_identifier=room_identifier, **rest)

    return answer


def _is_elsewhere(wrapper: Wrapper, name: str) -> bool:
    """Tell whether a name is an alias that another server has to be asked about."""
    here = wrapper.homeserver.hostname
    return RoomAlias.is_valid(name) and RoomAlias.from_string(name).domain != here


def _naming(wrapper: Wrapper, original: Any) -> Any:
    async def create_association(
        handler: Any,
        requester: Requester,
        room_alias: RoomAlias,
        room_id: str,
        *arguments: Any,
        **named: Any,
    ) -> Any:
        side = (await wrapper.facts()).side(requester.user.to_string())
        if side is not Side.OUTSIDER or await wrapper.is_inside(room_id):
            raise refused(
                "У комнат школы нет адреса, приглашайте по имени учётной записи. "
                "Rooms of the school have no address, invite people by their account."
            )
        return await original(handler, requester, room_alias, room_id, *arguments, **named)

    return create_association


def _asking_for_name(wrapper: Wrapper, original: Any) -> Any:
    async def on_PUT(  # noqa: N802 — the name Synapse looks for
        servlet: Any, request: SynapseRequest, room_alias: str
    ) -> Any:
        room_id = parse_json_object_from_request(request).get("room_id")
        if request.content:
            request.content.seek(0)  # Synapse's own method reads it once more
        if (
            RoomAlias.is_valid(room_alias)
            and isinstance(room_id, str)
            and await wrapper.is_inside(room_id)
        ):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "Room does not exist")
        return await original(servlet, request, room_alias)

    return on_PUT


# --- lists ------------------------------------------------------------------------------------


def _asking_for_list(wrapper: Wrapper, original: Any) -> Any:
    async def on_GET(  # noqa: N802 — the name Synapse looks for
        servlet: Any, request: SynapseRequest, room_id: str
    ) -> Any:
        if await wrapper.is_inside(room_id):
            raise NotFoundError("Unknown room")
        return await original(servlet, request, room_id)

    return on_GET


def _publishing(wrapper: Wrapper, original: Any) -> Any:
    store = wrapper.store

    async def edit_published_room_list(
        handler: Any, requester: Requester, room_id: str, visibility: str
    ) -> Any:
        user = requester.user.to_string()
        takes_off = (
            visibility == "private" and await membership(room_id, user, store) == Membership.JOIN
        )
        if not takes_off and await wrapper.is_inside(room_id):
            room_id = NOWHERE
        return await original(handler, requester, room_id, visibility)

    return edit_published_room_list


def _publishing_elsewhere(wrapper: Wrapper, original: Any) -> Any:
    async def edit_published_appservice_room_list(
        handler: Any, appservice_id: str, network_id: str, room_id: str, visibility: str
    ) -> Any:
        if visibility == "public" and await wrapper.is_inside(room_id):
            return None  # as for a room that does not exist, which can be listed, to no effect
        return await original(handler, appservice_id, network_id, room_id, visibility)

    return edit_published_appservice_room_list


def _listing(wrapper: Wrapper, original: Any) -> Any:
    async def get_largest_public_rooms(
        store: Any,
        network_tuple: Any,
        search_filter: Any,
        limit: int | None,
        *arguments: Any,
        **named: Any,
    ) -> Any:
        hidden = 0
        while True:
            wanted = None if limit is None else limit + hidden
            found = await original(store, network_tuple, search_filter, wanted, *arguments, **named)
            shown = [room for room in found if not await wrapper.is_inside(room.room_id)]
            # A page that came out short would be taken for the last one.
            if wanted is None or len(found) < wanted or len(shown) >= (limit or 0):
                return shown[:limit]
            hidden = len(found) - len(shown)

    return get_largest_public_rooms
