"""Other application services: they hear and play nobody of the school (S-44).

An application service is sent what happens around the accounts its registration claims, and acts in
their names. The bridge's two registrations are the only ones that may do so with school accounts,
the bot and the ghosts. Another one that claims school accounts, as many a `@.*` does, is kept from
them, which is logged, and works on for everybody else. One that claims the bot or the ghosts for
itself alone keeps Synapse from starting: the bridge could not have them.

One that has no address is sent nothing in any case, and Synapse writes down every event for it all
the same: the bridge's registration for acting in people's names is such a one, and takes everybody.
It is told of nothing any more.
"""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from synapse.api.auth.base import BaseAuth
from synapse.api.errors import (
    AuthError,
    Codes,
    LoginError,
    SynapseError,
    UnstableSpecAuthError,
)
from synapse.handlers.appservice import ApplicationServicesHandler
from synapse.handlers.message import MessageHandler
from synapse.handlers.register import RegistrationHandler
from synapse.module_api.errors import ConfigError
from synapse.rest.client.login import LoginRestServlet
from synapse.types import UserID

from sferum_bridge.homeserver.inside import is_inside
from sferum_bridge.homeserver.wrapping import Point, Wrapper
from sferum_bridge.school.contour import Side

if TYPE_CHECKING:
    from collections.abc import Collection

    from synapse.appservice import ApplicationService
    from synapse.events import EventBase
    from synapse.synapse_rust.types import Requester

logger = logging.getLogger(__name__)

EVENT = Point(
    "ApplicationService.is_interested_in_event",
    ("event_id", "event", "store", "cache_context"),
    closes="An application service with a wide namespace is sent every message of the school.",
)
ROOM = Point(
    "ApplicationService.is_interested_in_room",
    ("room_id", "store", "cache_context"),
    closes="The same for typing notices and read receipts.",
)
PRESENCE = Point(
    "ApplicationService.is_interested_in_presence",
    ("user_id", "store", "cache_context"),
    closes="The same for who is online.",
)
TO_DEVICE = Point(
    "ApplicationServicesHandler._get_to_device_messages",
    ("service", "new_token", "users"),
    closes="The same for messages from device to device.",
)
DEVICES = Point(
    "ApplicationServicesHandler._is_appservice_interested_in_device_lists_of_user",
    ("appservice", "user_id"),
    closes="The same for changes of people's devices.",
)
PLAY = Point(
    "BaseAuth.validate_appservice_can_control_user_id",
    ("app_service", "user_id"),
    closes="An application service with a wide namespace reads and writes as anybody.",
)
LOG_IN = Point(
    "LoginRestServlet._do_appservice_login",
    ("login_submission", "appservice", "should_issue_refresh_token", "request_info"),
    closes="The same by logging in as anybody.",
)
REGISTER = Point(
    "RegistrationHandler.appservice_register",
    ("user_localpart", "as_token"),
    closes="An application service makes a ghost, or an account that the school is about to make.",
)
MEMBERS = Point(
    "MessageHandler.get_joined_members",
    ("requester", "room_id"),
    closes="An application service reads who is in a room that somebody of its namespace is in.",
)
CLAIMED = (
    "The application service %s claims school accounts. Nothing of theirs is sent to it, and it "
    "cannot act for them; narrow `namespaces: users:` in its registration."
)
POINTS = (EVENT, ROOM, PRESENCE, TO_DEVICE, DEVICES, PLAY, LOG_IN, REGISTER, MEMBERS)


def install(wrapper: Wrapper) -> None:
    """Look at the registrations, and stand before whatever application services get and do.

    Raises:
        ConfigError: A registration that is not the bridge's takes the bot or the ghosts.
    """
    homeserver = wrapper.homeserver
    services = wrapper.store.get_app_services()
    ours = [service for service in services if is_ours(service, wrapper)]
    others = [service for service in services if service not in ours]
    named = set()
    for service in others:
        if check_claims(service, wrapper.bot, ours, homeserver.hostname):
            logger.error(CLAIMED, service.id)
            named.add(service.id)
    if others:
        _Others(wrapper, others, named).install()
    for service in services:
        if not service.url:
            wrapper.put(service, EVENT, _deaf)


def _deaf(_original: Any) -> Any:
    async def is_interested_in_event(*_event: Any, **_named: Any) -> bool:
        return False

    return is_interested_in_event


def is_ours(service: ApplicationService, wrapper: Wrapper) -> bool:
    """Tell whether a registration is one of the bridge's."""
    return service.id in wrapper.settings.registrations or service.sender.to_string() == wrapper.bot


def check_claims(
    service: ApplicationService, bot: str, ours: Collection[ApplicationService], domain: str
) -> bool:
    """Tell whether a registration claims the bot or a ghost of `ours`.

    Raises:
        ConfigError: It claims one for itself alone, so the bridge could not have it.
    """
    ghosts = [
        _literal_start(namespace.regex.pattern)
        for own in ours
        for namespace in own.namespaces["users"]
        if namespace.exclusive
    ]
    theirs = (bot, *(f"{start}1:{domain}" for start in ghosts))
    claims = [
        namespace
        for namespace in service.namespaces["users"]
        if any(namespace.regex.match(user) for user in theirs)
        or any(_literal_start(namespace.regex.pattern).startswith(start) for start in ghosts)
    ]
    if any(claim.exclusive for claim in claims):
        raise ConfigError(
            f"sferum_bridge.homeserver.SferumModule: the application service registration "
            f"`{service.id}` claims accounts of the bridge for itself: {bot} or its ghosts. "
            "Narrow each `regex` under `namespaces: users:` in that registration's file to its "
            f"own accounts, as in `@{service.sender.localpart}_.*:{domain}`, or take the file out "
            "of `app_service_config_files`. If the registration is sferum-bridge's own, name its "
            "id under `registrations` in this module's `config`."
        )
    return bool(claims)


def _literal_start(regex: str) -> str:
    """Return what every text that matches begins with: `@sferum_` of `@sferum_.*:example`."""
    start = ""
    signs = iter(regex)
    for sign in signs:
        if sign == "\\":
            start += next(signs, "")
        elif sign in ".^$*+?{}[]|()":
            break
        else:
            start += sign
    return start


class _Others:
    """Keeps application services that are not the bridge's from the contour."""

    def __init__(
        self, wrapper: Wrapper, services: Collection[ApplicationService], named: set[str]
    ) -> None:
        self._wrapper = wrapper
        self._store = wrapper.store
        self._ids = frozenset(service.id for service in services)
        self._services = services
        self._named = named  # in the log, once

    def install(self) -> None:
        wrapper = self._wrapper
        for service in self._services:
            wrapper.put(service, EVENT, partial(self._event, service))
            wrapper.put(service, ROOM, partial(self._room, service))
            wrapper.put(service, PRESENCE, partial(self._presence, service))
        wrapper.put(ApplicationServicesHandler, TO_DEVICE, self._to_device)
        wrapper.put(ApplicationServicesHandler, DEVICES, self._devices)
        wrapper.put(BaseAuth, PLAY, self._play)
        wrapper.put(LoginRestServlet, LOG_IN, self._log_in)
        wrapper.put(RegistrationHandler, REGISTER, self._register)
        wrapper.put(MessageHandler, MEMBERS, self._members)

    # --- what they hear ---------------------------------------------------------------------

    def _event(self, service: ApplicationService, original: Any) -> Any:
        async def is_interested_in_event(
            event_id: str, event: EventBase, store: Any, **cache: Any
        ) -> bool:
            about = {event.sender} | ({event.state_key} if event.is_state() else set())
            if await self._concerns_school(service, about, event.room_id):
                return False
            return bool(await original(event_id, event, store, **cache))

        return is_interested_in_event

    def _room(self, service: ApplicationService, original: Any) -> Any:
        async def is_interested_in_room(room_id: str, store: Any, **cache: Any) -> bool:
            if await self._concerns_school(service, (), room_id):
                return False
            return bool(await original(room_id, store, **cache))

        return is_interested_in_room

    def _presence(self, service: ApplicationService, original: Any) -> Any:
        async def is_interested_in_presence(user_id: UserID, store: Any, **cache: Any) -> bool:
            if await self._concerns_school(service, {user_id.to_string()}):
                return False
            return bool(await original(user_id, store, **cache))

        return is_interested_in_presence

    def _to_device(self, original: Any) -> Any:
        async def _get_to_device_messages(
            handler: Any,
            service: ApplicationService,
            new_token: int,
            users: Collection[str | UserID],
        ) -> Any:
            if service.id in self._ids:
                users = [
                    user
                    for user in users
                    if not await self._concerns_school(service, {_full(user)})
                ]
            return await original(handler, service, new_token, users)

        return _get_to_device_messages

    def _devices(self, original: Any) -> Any:
        async def _is_appservice_interested_in_device_lists_of_user(
            handler: Any, appservice: ApplicationService, user_id: str
        ) -> Any:
            if appservice.id in self._ids and await self._concerns_school(appservice, {user_id}):
                return False
            return await original(handler, appservice, user_id)

        return _is_appservice_interested_in_device_lists_of_user

    async def _concerns_school(
        self, service: ApplicationService, users: Collection[str], room_id: str = ""
    ) -> bool:
        """Tell whether something is not for that service; yes where the facts cannot be read.

        It does not raise: Synapse asks for all services in one go, the bridge's among them.
        """
        try:
            facts = await self._wrapper.facts()
            # A room that the bot is making is not in the facts yet.
            of_school = [
                user
                for user in users
                if user == self._wrapper.bot or facts.side(user) is not Side.OUTSIDER
            ]
            concerns = bool(of_school) or (
                bool(room_id) and await is_inside(room_id, facts, self._store)
            )
        except Exception as error:  # noqa: BLE001 — whatever it is, it must not open anything
            # Not the error's text: it could quote an id.
            logger.warning("Kept from %s, unasked: %s", service.id, type(error).__name__)
            return True
        if service.id not in self._named and any(map(service.is_interested_in_user, of_school)):
            self._named.add(service.id)
            logger.error(
                CLAIMED,
                service.id,
            )
        return concerns

    # --- what they do -----------------------------------------------------------------------

    def _play(self, original: Any) -> Any:
        async def validate_appservice_can_control_user_id(
            auth: Any, app_service: ApplicationService, user_id: str
        ) -> Any:
            if app_service.id in self._ids and await self._is_kept(user_id):
                raise AuthError(
                    HTTPStatus.FORBIDDEN,
                    f"Application service cannot masquerade as this user ({user_id}).",
                )
            return await original(auth, app_service, user_id)

        return validate_appservice_can_control_user_id

    def _log_in(self, original: Any) -> Any:
        async def _do_appservice_login(
            servlet: Any,
            login_submission: dict[str, Any],
            appservice: ApplicationService,
            *arguments: Any,
            **named: Any,
        ) -> Any:
            identifier = login_submission.get("identifier")
            user = identifier.get("user") if isinstance(identifier, dict) else None
            if appservice.id in self._ids and isinstance(user, str):
                full = user if user.startswith("@") else self._own(user)
                if await self._is_kept(full):
                    raise LoginError(
                        HTTPStatus.FORBIDDEN, "Invalid access_token", errcode=Codes.FORBIDDEN
                    )
            return await original(servlet, login_submission, appservice, *arguments, **named)

        return _do_appservice_login

    def _register(self, original: Any) -> Any:
        async def appservice_register(handler: Any, user_localpart: str, as_token: str) -> Any:
            service = self._store.get_app_service_by_token(as_token)
            if service is not None and service.id in self._ids:
                user = self._own(user_localpart)
                if await self._is_kept(user):
                    raise SynapseError(
                        HTTPStatus.BAD_REQUEST,
                        "Invalid user localpart for this application service.",
                        errcode=Codes.EXCLUSIVE,
                    )
            return await original(handler, user_localpart, as_token)

        return appservice_register

    def _members(self, original: Any) -> Any:
        async def get_joined_members(handler: Any, requester: Requester, room_id: str) -> Any:
            if requester.app_service_id in self._ids and await self._wrapper.is_inside(room_id):
                raise UnstableSpecAuthError(
                    HTTPStatus.FORBIDDEN, "Appservice not in room", errcode=Codes.NOT_JOINED
                )
            return await original(handler, requester, room_id)

        return get_joined_members

    async def _is_kept(self, user: str) -> bool:
        """Tell whether an account is of the school, was once, or is played by the bridge."""
        facts = await self._wrapper.facts()
        return (
            user == self._wrapper.bot
            or user in facts.people
            or facts.side(user) is not Side.OUTSIDER
        )

    def _own(self, localpart: str) -> str:
        return UserID(localpart, self._wrapper.homeserver.hostname).to_string()


def _full(user: str | UserID) -> str:
    return user if isinstance(user, str) else user.to_string()
