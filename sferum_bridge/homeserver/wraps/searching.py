"""The search for people: it finds those whom one may write to, and counts no others.

Synapse asks modules about every person it found, but only after it cut off the page and noted
whether there were more.

Whom it may find at all, Synapse reads off a table with a row for each pair of people who share a
room: four million for the space of a school with two thousand, written while they are brought in.
Somebody of the school finds by the facts instead, and for school rooms no row is written.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership
from synapse.api.errors import SynapseError
from synapse.handlers.user_directory import UserDirectoryHandler
from synapse.storage.databases.main.user_directory import UserDirectoryStore
from synapse.util.duration import Duration

from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side, may_find

if TYPE_CHECKING:
    from synapse.storage.databases.main.user_directory import SearchResult

SEARCH = Point(
    "UserDirectoryStore.search_user_dir",
    ("user_id", "search_term", "limit", "show_locked_users"),
    closes="A search for people tells that more were found than are shown, and so who exists; "
    "who is hidden takes the places of those who may be found.",
)
SHARE = Point(
    "UserDirectoryHandler._handle_room_membership_event",
    ("room_id", "prev_event_id", "event_id", "state_key"),
    closes="Whom somebody of the school finds hangs on the rooms they share and not on whom they "
    "may write to, and a row is written for each pair of people in a school room.",
)
POINTS = (SEARCH, SHARE)

LOOKED_THROUGH = 10_000
"""How many hits are looked through: as many as Synapse ranks."""
AT_ONCE = 1_000
"""Hits that are looked through in one go, 3 ms; then whoever else waits has a turn."""


def install(wrapper: Wrapper) -> None:
    """Stand before the search for people, in every process that answers it."""
    wrapper.put(UserDirectoryStore, SEARCH, partial(_searching, wrapper))
    wrapper.put(UserDirectoryHandler, SHARE, partial(_sharing, wrapper))


def _searching(wrapper: Wrapper, original: Any) -> Any:
    clock = wrapper.homeserver.get_clock()

    async def search_user_dir(
        store: Any, user_id: str, search_term: str, limit: int, *arguments: Any, **named: Any
    ) -> SearchResult:
        facts = await wrapper.facts()
        # Asked at any rate: where deciding fails, it must not tell that somebody was found.
        may_find(user_id, user_id, facts)
        among = _OfAll(store) if facts.side(user_id) is Side.EDUCATIONAL else store
        # All at once: a second query where many are hidden would tell of them by its time.
        found = await original(among, user_id, search_term, LOOKED_THROUGH, *arguments, **named)
        hits, shown = found["results"], []
        for start in range(0, len(hits), AT_ONCE):
            if start:
                await clock.sleep(Duration(milliseconds=0))
            some = hits[start : start + AT_ONCE]
            shown += [hit for hit in some if may_find(user_id, hit["user_id"], facts).allowed]
        return {"limited": len(shown) > limit, "results": shown[:limit]}

    return search_user_dir


class _OfAll:
    """Synapse's store as it is where everybody is found, whatever rooms one shares with them."""

    def __init__(self, store: Any) -> None:
        self._store = store
        directory = copy(store.hs.config.userdirectory)
        directory.user_directory_search_all_users = True
        self.hs = SimpleNamespace(config=SimpleNamespace(userdirectory=directory))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _sharing(wrapper: Wrapper, original: Any) -> Any:
    async def _handle_room_membership_event(
        handler: Any, room_id: str, prev_event_id: str | None, event_id: str | None, state_key: str
    ) -> None:
        is_mine = wrapper.homeserver.is_mine_id(state_key)
        if not (is_mine and await _is_in_school_room(event_id, room_id)):
            await original(handler, room_id, prev_event_id, event_id, state_key)

    async def _is_in_school_room(event_id: str | None, room_id: str) -> bool:
        """Tell whether somebody is in a school room; what came before may be of another time."""
        try:
            is_school_room = room_id in (await wrapper.facts()).rooms
        except SynapseError:  # not readable now; a row too many does no harm
            return False
        event = (
            await wrapper.store.get_event(event_id, allow_none=True)
            if is_school_room and event_id
            else None
        )
        return event is not None and event.membership == Membership.JOIN

    return _handle_room_membership_event
