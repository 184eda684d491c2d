"""The module itself: what Synapse asks, put to the gatekeeper and the contour.

Nearly all questions about rooms come twice. The spam callbacks answer first, with a clear
"forbidden". They skip server administrators, a room's initial state, upgrades and delayed events,
so the wrapped event check (see `wraps.events`) asks again about the event that is about to be made,
whoever makes it. It is the same question to the same pure function, so both agree. Where Synapse
asks nobody, `wraps` stand before its own methods.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from synapse.api.errors import SynapseError
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes

from sferum_bridge.homeserver import contacts, media, wraps
from sferum_bridge.homeserver.backlog import LOOK as BACKLOG_LOOK
from sferum_bridge.homeserver.backlog import TIDY, Backlog
from sferum_bridge.homeserver.departing import Departures
from sferum_bridge.homeserver.endpoint import PATH, FactsResource
from sferum_bridge.homeserver.enrolling import PATH as ENROL_PATH
from sferum_bridge.homeserver.enrolling import EnrolResource
from sferum_bridge.homeserver.explaining import Explaining
from sferum_bridge.homeserver.files import Files
from sferum_bridge.homeserver.gatekeeper import Gatekeeper
from sferum_bridge.homeserver.ledger import Ledger, UnreadableError
from sferum_bridge.homeserver.openings import LOOK, Openings
from sferum_bridge.homeserver.passwords import PATH as PASSWORDS_PATH
from sferum_bridge.homeserver.passwords import PasswordsResource
from sferum_bridge.homeserver.settings import Settings, parse
from sferum_bridge.homeserver.sweep import Sweep
from sferum_bridge.homeserver.telling import Telling
from sferum_bridge.homeserver.unseen import Unseen
from sferum_bridge.homeserver.untold import Untold
from sferum_bridge.homeserver.uploads import Uploads
from sferum_bridge.homeserver.watching import LOOK as WATCH_LOOK
from sferum_bridge.homeserver.watching import Watch
from sferum_bridge.homeserver.withdrawing import Withdrawal
from sferum_bridge.homeserver.wrapping import Wrapper
from sferum_bridge.homeserver.wraps import events, uploads
from sferum_bridge.homeserver.wraps.appservices import is_ours
from sferum_bridge.school.contour import Action, Facts, may_find

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi, UserProfile
    from synapse.synapse_rust.types import Requester
    from synapse.types import RoomAlias, StateMap

logger = logging.getLogger(__name__)

SpamVerdict = Literal["NOT_SPAM"] | Codes


class SferumModule:
    """What Synapse loads: keeps the contour closed (S-44, I-7)."""

    def __init__(self, config: Settings, api: ModuleApi) -> None:
        homeserver = api._hs  # noqa: SLF001 — Synapse's parts, for what the API does not offer
        clock = api._clock  # noqa: SLF001 — caches and resources want Synapse's own clock
        self._ledger = Ledger(api, clock, config)
        withdrawal = Withdrawal(api, homeserver.get_datastores().main)
        self._gatekeeper = Gatekeeper(homeserver, self.facts, config.bot, withdrawal.begin)
        files = Files(api, homeserver, self.facts)
        wrapper = Wrapper(homeserver, self.facts, config.bot, config, files)
        telling = Telling(api, self.facts, config.bot)
        unseen = Unseen(api)
        self._uploads = Uploads(api, homeserver, self.facts, config.scanner, telling, files, unseen)
        self._explaining = Explaining(homeserver, self.facts, telling)
        events.install(wrapper, self._is_event_allowed)
        uploads.install(wrapper, self._uploads.check_file, unseen.note)
        for wrap in wraps.ALL:
            wrap.install(wrapper)
        api.register_spam_checker_callbacks(
            user_may_invite=self.user_may_invite,
            federated_user_may_invite=self.federated_user_may_invite,
            user_may_join_room=self.user_may_join_room,
            user_may_send_3pid_invite=self.user_may_send_3pid_invite,
            user_may_create_room=self.user_may_create_room,
            user_may_create_room_alias=self.user_may_create_room_alias,
            user_may_publish_room=self.user_may_publish_room,
            check_username_for_spam=self.check_username_for_spam,
        )
        api.register_third_party_rules_callbacks(
            on_create_room=self.on_create_room,
            check_visibility_can_be_modified=self.check_visibility_can_be_modified,
        )
        ours = [s for s in wrapper.store.get_app_services() if is_ours(s, wrapper)]
        untold = Untold(api, homeserver, ours)
        facts = FactsResource(api, clock, self._ledger, config, tells_all=untold.fits)
        api.register_web_resource(PATH, facts)
        api.register_web_resource(contacts.PATH, contacts.ContactsResource(api, clock, config))
        passwords = PasswordsResource(api, clock, homeserver, config)
        api.register_web_resource(PASSWORDS_PATH, passwords)
        enrolling = EnrolResource(api, clock, homeserver, self.facts, config)
        api.register_web_resource(ENROL_PATH, enrolling)
        api.delayed_background_call(0, enrolling.begin, desc="sferum_enrol_begin")
        door = media.MediaResource(api, clock, homeserver, files, config)
        api.register_web_resource(media.PATH, door)
        if api.should_run_background_tasks():
            departures, sure = Departures(api, homeserver), self._ledger.sure
            self._ledger.on_change(Sweep(api, homeserver, sure, departures).changed)
            watch = Watch(api, homeserver, sure, departures)
            api.looping_background_call(watch.look, WATCH_LOOK, desc="sferum_watch")
            openings = Openings(api, homeserver, self._ledger)
            api.looping_background_call(openings.look, LOOK, desc="sferum_openings")
            backlog = Backlog(api, files, sure)
            api.looping_background_call(backlog.look, BACKLOG_LOOK, desc="sferum_backlog")
            api.looping_background_call(backlog.tidy, TIDY, desc="sferum_tidy")
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

    async def facts(self) -> Facts:
        """Return the facts that hold.

        Raises:
            SynapseError: They cannot be read (503), so whoever asks has to refuse.
        """
        try:
            return await self._ledger.facts()
        except UnreadableError as error:
            raise SynapseError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the school's facts are missing"
            ) from error

    async def _is_event_allowed(
        self,
        event: EventBase,
        by_bridge: bool,  # noqa: FBT001 — it is handed over as a question
    ) -> bool:
        if not await self._gatekeeper.is_event_allowed(event):
            await self._explaining.state(event)
            return False
        await self._uploads.check_event(event, by_bridge=by_bridge)
        return True

    # --- who comes in -----------------------------------------------------------------------

    async def user_may_invite(self, inviter: str, invitee: str, room_id: str) -> SpamVerdict:
        """Decide an invite over the client API, and an inbound one after the next callback."""
        if await self._gatekeeper.may(Action.INVITE, inviter, invitee, room_id):
            return NOT_SPAM
        await self._explaining.invite(inviter, room_id)
        return Codes.FORBIDDEN

    async def federated_user_may_invite(self, event: EventBase) -> SpamVerdict:
        """Decide an invite that another server sends."""
        return await _verdict(
            self._gatekeeper.may_invite_from_afar(event.sender, event.state_key, event.room_id)
        )

    async def user_may_join_room(
        self,
        user: str,
        room_id: str,
        is_invited: bool,  # noqa: FBT001 — Synapse's signature
    ) -> SpamVerdict:
        """Decide a join, the one that follows a change of name included."""
        del is_invited  # an old invite opens nothing once somebody does not belong
        return await _verdict(self._gatekeeper.may(Action.JOIN, user, user, room_id))

    async def user_may_send_3pid_invite(
        self, inviter: str, medium: str, address: str, room_id: str
    ) -> SpamVerdict:
        """Refuse inviting an e-mail address or phone into the contour: nobody knows whose."""
        del medium, address
        return await _verdict(self._gatekeeper.may_invite_contact(inviter, room_id))

    # --- new rooms and their place ----------------------------------------------------------

    async def on_create_room(
        self,
        requester: Requester,
        config: dict[str, Any],
        is_requester_admin: bool,  # noqa: FBT001 — Synapse's signature
    ) -> None:
        """See `Gatekeeper.prepare_room`; asked of everybody, administrators included."""
        del is_requester_admin
        await self._gatekeeper.prepare_room(requester.user.to_string(), config)

    async def user_may_create_room(self, user: str, config: dict[str, Any]) -> SpamVerdict:
        """Decide the room that an upgrade would make."""
        return await _verdict(self._gatekeeper.may_make_room(user, config))

    async def user_may_create_room_alias(self, user: str, alias: RoomAlias) -> SpamVerdict:
        """Refuse aliases by school accounts; the room is looked at by `wraps.directory`."""
        del alias
        return await _verdict(self._gatekeeper.may_open("", user))

    async def user_may_publish_room(self, user: str, room_id: str) -> SpamVerdict:
        """Refuse rooms of the contour a place in the directory."""
        return await _verdict(self._gatekeeper.may_open(room_id, user))

    async def check_visibility_can_be_modified(
        self, room_id: str, state: StateMap[EventBase], new_visibility: str
    ) -> bool:
        """Refuse rooms of the contour a place in the directory, by whomever."""
        del state
        return new_visibility == "private" or await _closed(self._gatekeeper.may_open(room_id))

    # --- people -----------------------------------------------------------------------------

    async def check_username_for_spam(self, user_profile: UserProfile, requester_id: str) -> bool:
        """Hide from a search of people whom the requester may not write to."""
        return not may_find(requester_id, user_profile["user_id"], await self.facts()).allowed


async def _verdict(question: Awaitable[bool]) -> SpamVerdict:
    return NOT_SPAM if await question else Codes.FORBIDDEN


async def _closed(question: Awaitable[bool]) -> bool:
    """Answer no where the question fails: Synapse would take a failure of these for a yes."""
    try:
        return await question
    except Exception:
        logger.exception("A question was refused because it failed")
        return False
