"""What Synapse does with a batch of joins that it is handed, eased a little.

It asks the database of everybody, one by one, whether they were in already; the batch has just
read it, and tells it once each, before anything is stored: nobody is told an old membership later.
And it goes through all of them in one go; now it gives way after each (`enrolling_way`).
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from synapse.events import EventBase
    from synapse.server import HomeServer

    from sferum_bridge.homeserver.enrolling_way import Way


class HandedOver:
    """Knows the batches that are being handed over. Its parts are those of `enrolling_points`."""

    def __init__(self, homeserver: HomeServer, way: Way) -> None:
        # Its cached methods are typed as if unbound.
        store: Any = homeserver.get_datastores().main
        self._way = way
        self._known: dict[tuple[str, str], tuple[str | None, str | None]] = {}
        self._events: set[str] = set()
        ask = store.get_local_current_membership_for_user_in_room

        @functools.wraps(ask)
        async def asked(user_id: str, room_id: str) -> tuple[str | None, str | None]:
            found = self._known.pop((user_id, room_id), None)
            return found or await ask(user_id, room_id)

        store.get_local_current_membership_for_user_in_room = asked
        self._in_turns(homeserver.get_event_auth_handler(), "check_auth_rules_from_context")
        self._in_turns(homeserver.get_bulk_push_rule_evaluator(), "_action_for_event_by_user")

    def _in_turns(self, owner: Any, name: str) -> None:
        go_through = getattr(owner, name)

        @functools.wraps(go_through)
        async def unhurried(event: EventBase, *rest: Any, **named: Any) -> Any:
            if event.event_id in self._events:
                await self._way.give()
            return await go_through(event, *rest, **named)

        setattr(owner, name, unhurried)

    @contextmanager
    def over(
        self,
        room_id: str,
        events: Iterable[str],
        memberships: Mapping[str, tuple[str | None, str | None]],
    ) -> Iterator[None]:
        """Hand over a batch: ids of its events, and what its people are so far by Matrix id."""
        ids = set(events)
        self._events |= ids
        self._known.update({(user, room_id): was for user, was in memberships.items()})
        try:
            yield
        finally:
            self._events -= ids
            for user in memberships:
                self._known.pop((user, room_id), None)
