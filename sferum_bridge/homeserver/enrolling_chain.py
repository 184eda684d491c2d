"""One chain of joins, made and not stored yet; whoever makes one holds the room."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.constants import EventContentFields, EventTypes, JoinRules, Membership
from synapse.api.errors import SynapseError
from synapse.handlers.room_member import get_users_which_can_issue_invite
from synapse.types import create_requester

from sferum_bridge.homeserver.enrolling_points import NotThisRoomError
from sferum_bridge.homeserver.naming import change_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synapse.events import EventBase
    from synapse.server import HomeServer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """An account that may be brought in, with what its join shows, and its membership so far."""

    user: str
    shown: Mapping[str, str]
    membership: str
    is_suspended: bool


class Chain:
    """Joins that hang one on another, the `first` on all the tips of the room.

    `rest` are events whose contexts are to be stored beneath the state group `group`, `before` what
    the state before each of them says by which Synapse decides about it. `memberships` are what
    those who come in are so far: Matrix id → membership and its event.
    """

    def __init__(
        self,
        homeserver: HomeServer,
        room_id: str,
        bot: str,
        tips: Sequence[str],
        state: dict[tuple[str, str], str],
        events: Mapping[str, EventBase],
    ) -> None:
        self._homeserver = homeserver
        self._creation = homeserver.get_event_creation_handler()
        self._store: Any = homeserver.get_datastores().main
        self._room_id = room_id
        self._bot = bot
        self._state = state
        self._events = events
        self._last: Sequence[str] = tips
        self._depth: int | None = None
        # A batch changes nothing of it.
        self._rules = {
            key: event_id
            for key, event_id in state.items()
            if key[0] != EventTypes.Member or key[1] == bot
        }
        create = events[state[EventTypes.Create, ""]].content
        self._is_of_this_server = create.get(EventContentFields.FEDERATE) is False
        self.tips = tips
        self.group = 0
        self.first: tuple[EventBase, Any] | None = None
        self.rest: list[tuple[EventBase, Any]] = []
        self.before: list[dict[tuple[str, str], str]] = []
        self.memberships: dict[str, tuple[str | None, str | None]] = {}
        self.joined: set[str] = set()
        self.refused: dict[str, str] = {}

    @classmethod
    async def begin(
        cls, homeserver: HomeServer, room_id: str, bot: str, people: Sequence[Person]
    ) -> Chain:
        """Look at a room as it is now. Raises `NotThisRoomError` where the bot lets nobody in."""
        store: Any = homeserver.get_datastores().main
        tips = await store.get_prev_events_for_room(room_id)
        if not tips or await store.is_partial_state_room(room_id):
            raise NotThisRoomError("its state is not known here")
        found = await homeserver.get_state_handler().compute_state_after_events(room_id, tips)
        state = dict(found)
        entry = [(kind, "") for kind in (EventTypes.Create, EventTypes.PowerLevels)]
        entry += [(EventTypes.JoinRules, ""), (EventTypes.Member, bot)]
        members = [(EventTypes.Member, one.user) for one in people]
        ids = [state[key] for key in (*entry, *members) if key in state]
        events = await store.get_events(ids)
        _check_entry({key: events[state[key]] for key in entry if state.get(key) in events}, bot)
        return cls(homeserver, room_id, bot, tips, state, events)

    async def add(self, one: Person, since_ms: int) -> None:
        """Add somebody's join, unless they are in, may not come or left since by themselves."""
        before = self._events.get(self._state.get((EventTypes.Member, one.user), ""))
        membership = before.membership if before else ""
        if membership == Membership.JOIN:
            self.joined.add(one.user)
            return
        if membership == Membership.BAN:
            self.refused[one.user] = "banned"
            return
        if (
            before is not None
            and membership == Membership.LEAVE
            and before.sender == one.user
            and before.origin_server_ts >= since_ms
        ):
            self.refused[one.user] = "left"
            return
        content: dict[str, Any] = {"membership": Membership.JOIN, **one.shown}
        if membership != Membership.INVITE:
            content[EventContentFields.AUTHORISING_USER] = self._bot
        try:
            await self._add(one.user, content)
            was = (before.membership, before.event_id) if before else (None, None)
            self.memberships[one.user] = was
        except SynapseError as error:
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise  # nothing that they are refused for
            # One person must not keep the others out.
            logger.info("%s is not enrolled in %s: %s", one.user, self._room_id, error)
            self.refused[one.user] = "not_let"

    async def _add(self, user: str, content: dict[str, Any]) -> None:
        # As done by the server: it was asked of all at once whether an account is suspended.
        requester = create_requester(user, authenticated_entity=self._homeserver.hostname)
        as_next: dict[str, Any] = {
            "state_map": self._state,
            "for_batch": True,
            "depth": self._depth,
        }
        with change_of(user, self._room_id, Membership.JOIN, None):
            event, context = await self._creation.create_event(
                requester,
                {
                    "type": EventTypes.Member,
                    "content": content,
                    "room_id": self._room_id,
                    "sender": user,
                    "state_key": user,
                },
                prev_event_ids=list(self._last),
                require_consent=False,
                **(as_next if self.first else {}),
            )
        if self._is_of_this_server:
            # No other is to be told, which Synapse would find out by two questions for each join.
            event.internal_metadata.proactively_send = False
        membership = EventTypes.Member, user
        if self.first:
            self.rest.append((event, context))
            was = self._state.get(membership)
            self.before.append({**self._rules, **({membership: was} if was else {})})
        else:
            # Synapse works out the state where the tips meet; and whether so many groups hang on
            # one another by now that this one is to have its state whole.
            stored = await context.persist(event)
            self.first, self.group = (event, stored), stored.state_group or 0
        self._last, self._depth = [event.event_id], event.depth + 1
        self._state[membership] = event.event_id


def _check_entry(state: Mapping[tuple[str, str], EventBase], bot: str) -> None:
    """Make sure the bot may let people in who have no invite. Raises `NotThisRoomError`."""
    rules = state.get((EventTypes.JoinRules, ""))
    if (EventTypes.Create, "") not in state or rules is None:
        raise NotThisRoomError("its state is not known here")
    if rules.content.get("join_rule") not in {JoinRules.RESTRICTED, JoinRules.KNOCK_RESTRICTED}:
        raise NotThisRoomError("its join rule lets nobody authorise a join")
    if bot not in get_users_which_can_issue_invite(state):
        raise NotThisRoomError("the bot is not in it, or invites nobody")
