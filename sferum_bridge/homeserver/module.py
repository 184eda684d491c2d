"""The module itself: what Synapse asks, put to the contour.

Nearly all questions come twice. The spam callbacks answer first, with a clear "forbidden". They
skip server administrators and a room's initial state, so the wrapped event check (see `guard`)
asks again about the event that is about to be made, whoever makes it. It is the same question to
the same pure function, so both agree.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from synapse.api.errors import SynapseError
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver.endpoint import PATH, FactsResource
from sferum_bridge.homeserver.guard import wrap_event_check
from sferum_bridge.homeserver.ledger import Ledger, UnreadableError
from sferum_bridge.homeserver.settings import Settings, parse
from sferum_bridge.school.contour import Action, Facts, Reason, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.synapse_rust.types import Requester

logger = logging.getLogger(__name__)

MEMBER = "m.room.member"
THIRD_PARTY_INVITE = "m.room.third_party_invite"
ENCRYPTION = "m.room.encryption"

ACTIONS: Mapping[str, Action] = {
    "invite": Action.INVITE,
    "join": Action.JOIN,
    "knock": Action.JOIN,
}
"""What a membership event asks of the contour. Leaving and banning are the room's own business;
knocking is asking to join, and who may not be let in has nothing to ask."""

SpamVerdict = Literal["NOT_SPAM"] | Codes


class SferumModule:
    """What Synapse loads. Decides who is invited to and joins school rooms (S-44, I-7)."""

    def __init__(self, config: Settings, api: ModuleApi) -> None:
        self._settings = config
        clock = api._clock  # noqa: SLF001 — caches and resources want Synapse's own clock
        self._ledger = Ledger(api, clock)
        wrap_event_check(api, self.is_event_allowed)
        api.register_spam_checker_callbacks(
            user_may_invite=self.user_may_invite,
            federated_user_may_invite=self.federated_user_may_invite,
            user_may_join_room=self.user_may_join_room,
            user_may_send_3pid_invite=self.user_may_send_3pid_invite,
        )
        api.register_third_party_rules_callbacks(on_create_room=self.on_create_room)
        api.register_web_resource(PATH, FactsResource(api, clock, self._ledger, config))
        api.looping_background_call(
            self._ledger.poll,
            config.poll_seconds * 1000,
            desc="sferum_poll",
            run_on_all_instances=True,
        )

    @staticmethod
    def parse_config(config: dict[str, Any]) -> Settings:
        """Check the entry in homeserver.yaml; Synapse calls this before anything starts.

        Raises:
            ConfigError: See `settings.parse`.
        """
        return parse(config)

    async def user_may_invite(self, inviter: str, invitee: str, room_id: str) -> SpamVerdict:
        """Decide an invite over the client API, and an inbound one after the next callback."""
        return await self._verdict(Action.INVITE, inviter, invitee, room_id)

    async def federated_user_may_invite(self, event: EventBase) -> SpamVerdict:
        """Decide an invite that another server sends."""
        return await self._verdict(Action.INVITE, event.sender, event.state_key, event.room_id)

    async def user_may_join_room(
        self,
        user: str,
        room_id: str,
        is_invited: bool,  # noqa: FBT001 — Synapse's signature
    ) -> SpamVerdict:
        """Decide a join. A change of name joins again, so who belongs is always let in."""
        del is_invited  # an old invite opens nothing once somebody does not belong
        return await self._verdict(Action.JOIN, user, user, room_id)

    async def user_may_send_3pid_invite(
        self, inviter: str, medium: str, address: str, room_id: str
    ) -> SpamVerdict:
        """Refuse inviting an e-mail address or phone into a school room: nobody knows whose."""
        del medium, address
        allowed = await self._is_no_school_room(THIRD_PARTY_INVITE, inviter, room_id)
        return NOT_SPAM if allowed else Codes.FORBIDDEN

    async def on_create_room(
        self,
        requester: Requester,
        config: dict[str, Any],
        is_requester_admin: bool,  # noqa: FBT001 — Synapse's signature
    ) -> None:
        """Look at a room before it exists; may change `config`, what the client asked for.

        Memberships in the initial state are refused to everybody: Synapse checks them like any
        state, so they invite past the callbacks for invites, and no client needs them.

        Clients that encrypt every direct chat ask for that when they create it. A direct chat
        with the bot alone is made without encryption, so that the bot can read what it is asked;
        the client shows the room as unencrypted. Nobody else's room is touched.

        Raises:
            SynapseError: The initial state holds memberships, or the facts cannot be read.
        """
        del is_requester_admin
        if await self._facts() is None and requester.user.to_string() != self._settings.bot:
            # The creator's own join would be refused, and leave half a room.
            raise SynapseError(HTTPStatus.SERVICE_UNAVAILABLE, "the school's facts are missing")
        state = config.get("initial_state")
        if not isinstance(state, list):
            return
        if any(_type_of(event) in {MEMBER, THIRD_PARTY_INVITE} for event in state):
            raise SynapseError(
                HTTPStatus.FORBIDDEN,
                "initial_state may not hold memberships, use `invite`",
                Codes.FORBIDDEN,
            )
        if config.get("is_direct") is True and config.get("invite") == [self._settings.bot]:
            config["initial_state"] = [event for event in state if _type_of(event) != ENCRYPTION]

    async def is_event_allowed(self, event: EventBase) -> bool:
        """Decide an event that this server is about to make; asked for all of them, so quick."""
        if event.type == MEMBER:
            membership = event.content.get("membership")
            action = ACTIONS.get(membership) if isinstance(membership, str) else None
            if action is None:
                return True
            if "third_party_invite" in event.content:
                return await self._is_no_school_room(
                    THIRD_PARTY_INVITE, event.sender, event.room_id
                )
            actor = event.sender if action is Action.INVITE else event.state_key
            return await self._is_allowed(action, actor, event.state_key, event.room_id)
        if event.type == THIRD_PARTY_INVITE:
            return await self._is_no_school_room(event.type, event.sender, event.room_id)
        return True

    async def _verdict(self, action: Action, actor: str, target: str, room_id: str) -> SpamVerdict:
        allowed = await self._is_allowed(action, actor, target, room_id)
        return NOT_SPAM if allowed else Codes.FORBIDDEN

    async def _is_allowed(self, action: Action, actor: str, target: str, room_id: str) -> bool:
        facts = await self._facts()
        if facts is None:
            allowed, reason = self._settings.bot in {actor, target}, Reason.NO_FACTS
        else:
            decision = decide(action, actor, target, room_id, facts)
            allowed, reason = decision.allowed, decision.reason
        if not allowed:
            logger.info("Refused %s of %s by %s to %s: %s", action, target, actor, room_id, reason)
        return allowed

    async def _is_no_school_room(self, what: str, actor: str, room_id: str) -> bool:
        facts = await self._facts()
        allowed = facts is not None and room_id not in facts.rooms
        if not allowed:
            logger.info("Refused %s by %s to %s", what, actor, room_id)
        return allowed

    async def _facts(self) -> Facts | None:
        try:
            return await self._ledger.current()
        except UnreadableError:
            return None


def _type_of(event: object) -> object:
    return event.get("type") if isinstance(event, dict) else None
