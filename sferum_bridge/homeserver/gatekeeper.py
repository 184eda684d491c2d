"""Rooms, as Synapse asks about them: who comes in, what is set there, how new ones are made.

The decisions are `school.contour`'s and `school.shape`'s; here they get the facts and the company
of a room, and the event or request is read. Whatever is malformed is left to Synapse to refuse.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from synapse.api.errors import SynapseError
from synapse.types import UserID

from sferum_bridge.homeserver.inside import (
    PRESENT,
    company,
    is_hidden,
    is_inside,
    is_of_school,
    membership,
)
from sferum_bridge.homeserver.naming import PROFILE, is_from_profile
from sferum_bridge.homeserver.nobody import is_nobody
from sferum_bridge.homeserver.refusals import refused
from sferum_bridge.school import shape
from sferum_bridge.school.contour import Action, Reason, Side, decide, may_be_in, may_create

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from synapse.events import EventBase
    from synapse.server import HomeServer

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

MEMBER = "m.room.member"
CREATE = "m.room.create"
POWER_LEVELS = "m.room.power_levels"
THIRD_PARTY_INVITE = "m.room.third_party_invite"
ENCRYPTION = "m.room.encryption"
GUEST_ACCESS = "m.room.guest_access"

# Clients show these as they are, and know no language to ask for.
NOT_ALL_OF_THEM = (
    "Пригласить всех этих людей в одну комнату нельзя. Кому можно писать, скажет помощник школы: "
    "«помощь». You cannot invite all of these people into one room."
)
NOT_PUBLIC = (
    "Комната школьной учётной записи не бывает открытой и не имеет адреса: создайте закрытую. "
    "A room of a school account is never public and has no alias: make a private one."
)
NOT_SO = (
    "С такими настройками комнату создать нельзя: создайте закрытую, без дополнений. "
    "A room cannot be made with these settings: make a private one, without extras."
)
BY_ID = (
    "По почте или телефону в комнату не приглашают: укажите имя учётной записи. "
    "People are not invited by e-mail or phone: give the Matrix id."
)
BY_INVITE = (
    "Участников указывают в приглашениях, а не в начальном состоянии комнаты. "
    "Name members in `invite`, not in `initial_state`."
)

ACTIONS: Mapping[str, Action] = {
    "invite": Action.INVITE,
    "join": Action.JOIN,
    "knock": Action.KNOCK,
}
"""What a membership event asks of the contour."""


class Gatekeeper:
    """Decides about rooms. `facts` raises `SynapseError` while they cannot be read.

    `withdraw` takes a room off every list, where it comes to be of the contour.
    """

    def __init__(
        self,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        bot: str,
        withdraw: Callable[[str], None],
    ) -> None:
        # Its cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._homeserver = homeserver
        self._facts = facts
        self._bot = bot
        self._withdraw = withdraw

    async def may(self, action: Action, actor: str, target: str, room_id: str) -> bool:
        """Decide an invite, a join or a knock; logs what it refuses.

        Whoever is in a room already may say so again: a change of name is a join.
        """
        try:
            facts = await self._facts()
        except SynapseError:
            allowed, reason = self._bot in {actor, target}, Reason.NO_FACTS
        else:
            others: Sequence[str] = ()
            if room_id not in facts.rooms and not facts.service & {actor, target}:
                if action is Action.JOIN and await self._is_in(target, room_id):
                    return True
                others = await company(room_id, self._store)
            decision = decide(action, actor, target, room_id, facts, company=others)
            allowed, reason = decision.allowed, decision.reason
            if allowed and await is_nobody(actor, target, facts, self._homeserver):
                allowed, reason = False, Reason.OUTSIDE
        if not allowed:
            logger.info("Refused %s of %s by %s to %s: %s", action, target, actor, room_id, reason)
        return allowed

    async def may_invite_from_afar(self, actor: str, target: str, room_id: str) -> bool:
        """Decide an invite by another server: of nobody, the bot included, into the contour.

        No other server is in a room of it. Synapse believes all the same what one claims of the
        membership of somebody of this server, and takes the bot for invited where it is joined.
        """
        if await is_inside(room_id, await self._facts(), self._store):
            logger.info("Refused invite of %s by %s to %s: closed room", target, actor, room_id)
            return False
        return await self.may(Action.INVITE, actor, target, room_id)

    async def may_invite_contact(self, actor: str, room_id: str) -> bool:
        """Decide inviting an e-mail address or a phone: into no room of the contour, by nobody."""
        facts = await self._facts()
        return room_id not in facts.rooms and facts.side(actor) is Side.OUTSIDER

    async def may_open(self, room_id: str, actor: str = "") -> bool:
        """Decide giving a room an alias or a place in the directory."""
        facts = await self._facts()
        if room_id in facts.rooms or facts.side(actor) is Side.EDUCATIONAL:
            return False
        members = await self._store.get_users_in_room(room_id) if room_id else ()
        return not any(facts.side(user) is Side.EDUCATIONAL for user in members)

    async def is_event_allowed(self, event: EventBase) -> bool:
        """Decide an event that this server is about to make; asked for all of them, so quick."""
        try:
            facts = await self._facts()
        except SynapseError:
            return self._without_facts(event)
        if event.type == MEMBER:
            allowed = await self._is_membership_allowed(event, facts)
            if allowed:
                await self._note_join(event, facts)
        elif not event.is_state():
            # Whoever has lost the role is not heard, though the bridge has yet to remove them.
            allowed = may_be_in(event.sender, event.room_id, facts)
        else:
            allowed = self._is_state_allowed(event, facts) and not (
                event.type == CREATE
                and await self._are_nobody(
                    event.sender, _texts(event.content.get("additional_creators")), facts
                )
            )
        if not allowed:
            logger.info("Refused %s by %s to %s", event.type, event.sender, event.room_id)
        return allowed

    async def prepare_room(self, actor: str, config: dict[str, Any]) -> None:
        """Look at a room before it exists, and close it where its maker is educational.

        May change `config`, what the client asked for: an educational person's room is not
        federated and admits no guests, whatever the client says by default. What the person chose
        and may not have is refused, all at once, so that no half room is left. Memberships in the
        initial state are refused to everybody: Synapse checks them like any state, so they invite
        past the callbacks for invites, and no client needs them.

        A direct chat with the bot alone is made without encryption, which clients ask for by
        default, so that the bot can read what it is asked; the client shows it as unencrypted.

        Raises:
            SynapseError: The room may not be made so, or the facts cannot be read.
        """
        if actor == self._bot:
            return
        facts = await self._facts()
        events = _dicts(config.get("initial_state"))
        if any(event.get("type") in {MEMBER, THIRD_PARTY_INVITE} for event in events):
            raise refused(BY_INVITE)
        creation = config.get("creation_content")
        creators = creation.get("additional_creators") if isinstance(creation, dict) else None
        invited = list(dict.fromkeys([*_texts(config.get("invite")), *_texts(creators)]))
        decision = may_create(actor, invited, facts)
        if not decision.allowed or await self._are_nobody(actor, invited, facts):
            logger.info("Refused a room of %s with others: %s", actor, decision.reason)
            raise refused(NOT_ALL_OF_THEM)
        if config.get("is_direct") is True and config.get("invite") == [self._bot]:
            events = [event for event in events if event.get("type") != ENCRYPTION]
        # Whoever is just being enrolled finds the bot before the facts say so.
        if facts.side(actor) is Side.EDUCATIONAL or self._bot in invited:
            self._close(actor, config, events, facts)

    def _close(
        self, actor: str, config: dict[str, Any], events: list[dict[str, Any]], facts: Facts
    ) -> None:
        if (
            config.get("visibility", "private") != "private"
            or config.get("preset") == "public_chat"
            or config.get("room_alias_name")
        ):
            raise refused(NOT_PUBLIC)
        if config.get("invite_3pid"):
            raise refused(BY_ID)
        kept = [event for event in events if event.get("type") != GUEST_ACCESS]
        for event in kept:
            content = event.get("content")
            if not isinstance(content, dict) or not shape.may_set(
                actor, "", str(event.get("type")), content, facts
            ):
                raise refused(NOT_SO)
        config["initial_state"] = [
            *kept,
            {"type": GUEST_ACCESS, "state_key": "", "content": {"guest_access": "forbidden"}},
        ]
        creation = config.get("creation_content")
        if isinstance(creation, dict) and "predecessor" in creation:
            raise refused(NOT_SO)
        config["creation_content"] = {
            **(creation if isinstance(creation, dict) else {}),
            "m.federate": False,
        }

    async def may_make_room(self, actor: str, config: Mapping[str, Any]) -> bool:
        """Decide a room that an upgrade makes, which nothing else asks about in time."""
        creation = config.get("creation_content")
        predecessor = creation.get("predecessor") if isinstance(creation, dict) else None
        if not isinstance(predecessor, dict):
            return True
        room_id = str(predecessor.get("room_id", ""))
        # Whoever is not to know of a room names it in vain, as one that there never was: to really
        # upgrade it is refused elsewhere.
        if await is_hidden(room_id, actor, await self._facts(), self._store):
            return True
        return await self.may_open(room_id, actor)

    async def _are_nobody(self, actor: str, others: Iterable[str], facts: Facts) -> bool:
        found = [await is_nobody(actor, one, facts, self._homeserver) for one in others]
        return any(found)

    async def _is_in(self, user: str, room_id: str) -> bool:
        return user in await self._store.get_users_in_room(room_id)

    def _without_facts(self, event: EventBase) -> bool:
        """What people write in rooms they are in goes on, and they may leave; nothing opens."""
        if event.sender == self._bot or not event.is_state():
            return True
        if event.type == MEMBER:
            return event.content.get("membership") == "leave" or event.state_key == self._bot
        return False

    async def _is_membership_allowed(self, event: EventBase, facts: Facts) -> bool:
        content, target = event.content, event.state_key
        wanted = content.get("membership")
        action = ACTIONS.get(wanted) if isinstance(wanted, str) else None
        if action is None:
            return await self._is_removal_allowed(event, facts)
        if "third_party_invite" in content and not (
            facts.side(target) is Side.OUTSIDER
            and await self.may_invite_contact(event.sender, event.room_id)
        ):
            return False
        if action is Action.JOIN and not await self._has_own_name(event, facts):
            return False
        actor = event.sender if action is Action.INVITE else target
        return await self.may(action, actor, target, event.room_id)

    async def _is_removal_allowed(self, event: EventBase, facts: Facts) -> bool:
        actor, target, room_id = event.sender, event.state_key, event.room_id
        if not shape.may_remove(actor, target, room_id, facts):
            return False
        held = await membership(room_id, target, self._store)
        if held not in PRESENT and not shape.may_tell(actor, target, room_id, facts):
            return False
        if event.content["membership"] == "leave" and held:
            return True  # an invite or a ban from before is taken back
        return not await is_nobody(actor, target, facts, self._homeserver)

    async def _note_join(self, event: EventBase, facts: Facts) -> None:
        """Have a room withdrawn into which a join, made now, brings the first of the school."""
        if (
            event.content.get("membership") == "join"
            and facts.side(event.state_key) is Side.EDUCATIONAL
            and event.room_id not in facts.rooms
            # They were just asked for, to decide it.
            and not is_of_school(await self._store.get_users_in_room(event.room_id), facts)
        ):
            self._withdraw(event.room_id)

    async def _has_own_name(self, event: EventBase, facts: Facts) -> bool:
        """Tell whether a join shows name and picture of the profile, none for this room alone."""
        if PROFILE.isdisjoint(event.content) or facts.side(event.state_key) is not Side.EDUCATIONAL:
            return True
        if is_from_profile(event.state_key, event.room_id):
            return True
        user = UserID.from_string(event.state_key)
        profile = await self._store.get_profileinfo(user)
        own = {"displayname": profile.display_name, "avatar_url": profile.avatar_url}
        return all(event.content[key] == own[key] for key in PROFILE & event.content.keys())

    def _is_state_allowed(self, event: EventBase, facts: Facts) -> bool:
        if event.type == POWER_LEVELS and not shape.may_hold_power(
            event.content, event.room_id, facts
        ):
            return False
        if event.type == THIRD_PARTY_INVITE and event.room_id in facts.rooms:
            return False  # by the bot neither: nobody knows whose address it is
        if event.type == CREATE:
            creators = event.content.get("additional_creators")
            if not may_create(event.sender, _texts(creators), facts).allowed:
                return False
            if event.sender == self._bot:
                return True
            # A room of version 12 has no id before this event.
            return shape.may_set(event.sender, "", event.type, event.content, facts)
        return shape.may_set(event.sender, event.room_id, event.type, event.content, facts)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    if not isinstance(value, list | tuple):  # events hold lists as tuples
        return []
    return [item for item in value if isinstance(item, str)]
