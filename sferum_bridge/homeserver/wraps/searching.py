"""The search for people: it finds those whom one may write to, and counts no others.

Synapse asks modules about every person it found, but only after it cut off the page and noted
whether there were more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from synapse.storage.databases.main.user_directory import UserDirectoryStore
from synapse.util.duration import Duration

from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import may_find

if TYPE_CHECKING:
    from synapse.storage.databases.main.user_directory import SearchResult

SEARCH = Point(
    "UserDirectoryStore.search_user_dir",
    ("user_id", "search_term", "limit", "show_locked_users"),
    closes="A search for people tells that more were found than are shown, and so who exists; "
    "who is hidden takes the places of those who may be found.",
)
POINTS = (SEARCH,)

LOOKED_THROUGH = 10_000
"""How many hits are looked through: as many as Synapse ranks."""
AT_ONCE = 1_000
"""Hits that are looked through in one go, 3 ms; then whoever else waits has a turn."""


def install(wrapper: Wrapper) -> None:
    """Stand before the search for people, in every process that answers it."""
    wrapper.put(UserDirectoryStore, SEARCH, partial(_searching, wrapper))


def _searching(wrapper: Wrapper, original: Any) -> Any:
    clock = wrapper.homeserver.get_clock()

    async def search_user_dir(
        store: Any, user_id: str, search_term: str, limit: int, *arguments: Any, **named: Any
    ) -> SearchResult:
        facts = await wrapper.facts()
        # Asked at any rate: where deciding fails, it must not tell that somebody was found.
        may_find(user_id, user_id, facts)
        # All at once: a second query where many are hidden would tell of them by its time.
        found = await original(store, user_id, search_term, LOOKED_THROUGH, *arguments, **named)
        hits, shown = found["results"], []
        for start in range(0, len(hits), AT_ONCE):
            if start:
                await clock.sleep(Duration(milliseconds=0))
            some = hits[start : start + AT_ONCE]
            shown += [hit for hit in some if may_find(user_id, hit["user_id"], facts).allowed]
        return {"limited": len(shown) > limit, "results": shown[:limit]}

    return search_user_dir
