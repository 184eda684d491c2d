"""What Synapse does with a batch of joins that it is handed, eased a little.

It asks the database of everybody, one by one, whether they were in already; the batch has just
read it, and tells it once each, before anything is stored: nobody is told an old membership later.
And it goes through all of them in one go; after each, whoever else waits has a turn, and while
somebody's message is on its way several: it goes to the database and back a dozen times. So it is
where such events are made, of a batch or of a new room.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer

_FOR_A_MESSAGE = 0.005
"""Seconds that the batch stands still after each of its events while somebody's message is made."""


class HandedOver:
    """Knows the batches that are being handed over. Its parts are those of `enrolling_points`."""

    def __init__(self, api: ModuleApi, homeserver: HomeServer) -> None:
        # Its cached methods are typed as if unbound.
        store: Any = homeserver.get_datastores().main
        self._api = api
        self._known: dict[tuple[str, str], tuple[str | None, str | None]] = {}
        self._events: set[str] = set()
        self._speaking = 0
        """Messages and changes of state that this process is making."""
        ask = store.get_local_current_membership_for_user_in_room

        @functools.wraps(ask)
        async def asked(user_id: str, room_id: str) -> tuple[str | None, str | None]:
            found = self._known.pop((user_id, room_id), None)
            return found or await ask(user_id, room_id)

        creation: Any = homeserver.get_event_creation_handler()
        speak = creation.create_and_send_nonmember_event

        @functools.wraps(speak)
        async def spoken(*args: Any, **named: Any) -> Any:
            self._speaking += 1
            try:
                return await speak(*args, **named)
            finally:
                self._speaking -= 1

        store.get_local_current_membership_for_user_in_room = asked
        creation.create_and_send_nonmember_event = spoken
        create = creation.create_event

        @functools.wraps(create)
        async def created(*args: Any, **named: Any) -> Any:
            if named.get("for_batch"):
                await self._give_way()
            return await create(*args, **named)

        creation.create_event = created
        self._in_turns(homeserver.get_event_auth_handler(), "check_auth_rules_from_context")
        self._in_turns(homeserver.get_bulk_push_rule_evaluator(), "_action_for_event_by_user")

    async def _give_way(self) -> None:
        await self._api.sleep(_FOR_A_MESSAGE if self._speaking else 0)

    def _in_turns(self, owner: Any, name: str) -> None:
        go_through = getattr(owner, name)

        @functools.wraps(go_through)
        async def unhurried(event: EventBase, *rest: Any, **named: Any) -> Any:
            if event.event_id in self._events:
                await self._give_way()
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
