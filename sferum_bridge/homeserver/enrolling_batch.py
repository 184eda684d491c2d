"""Joins of many people into one room, made as Synapse makes each, and stored as one.

    who they are ─► may they ─► room held ─► tips, state ─► a chain of joins ─► stored ─► released
                                   │            ▲                                 │
                                   │            └──── the tips are others now ────┘
                                   └── others hold it: told to come back

Invariants:
    Nobody comes in whom Synapse and the contour would not let in alone: the same callbacks are
    asked, every event goes through the auth rules, and who is banned stays out.
    The chain hangs on all the tips of the room, and nothing else does: while it is made and stored,
    the room is held by the lock that Synapse itself takes when it takes history away, which whoever
    makes or stores an event waits for, in every process. Messages of the room wait that long; other
    rooms do not. Since storing waits for it, too, the batch is stored beside Synapse's queue of the
    room, in which nothing moves meanwhile. Where another process stores the room's events, the lock
    is given up just before: then, as with any join, what is made in between may be a second tip.
    Stored is everything or nothing: Synapse stores up to 100 events in one transaction.
    Who is in already is passed over, so a batch can be repeated.

Why it is quick: one look at the room, one chain of state groups, one transaction and one wake-up
for everybody, where a join alone needs each for itself. A join is authorised by the bot, as the
room's join rule lets it (`restricted`, see `matrix.shape`): so no invite is needed.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synapse.api.constants import Membership
from synapse.api.errors import AuthError, NotFoundError, SynapseError, UnsupportedRoomVersionError
from synapse.event_auth import validate_event_for_room_version
from synapse.events.snapshot import UnpersistedEventContext
from synapse.handlers.worker_lock import NEW_EVENT_DURING_PURGE_LOCK_NAME
from synapse.storage.controllers.persist_events import _PersistEventsTask
from synapse.storage.database import make_in_list_sql_clause
from synapse.types import PersistedEventPosition, create_requester

from sferum_bridge.homeserver.enrolling_chain import Chain, NotThisRoomError, Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

    from synapse.events.snapshot import EventPersistencePair
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction
    from synapse.storage.databases.main.lock import Lock

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

MOST = 100
"""People in one batch: what Synapse stores in one transaction."""
TRIES = 4
"""How often a batch is made while the room changes beneath it."""
PATIENCE_MS = 5_000
"""How long a batch waits for a room that others hold."""
LOOK_SECONDS = 0.02
UNHURRIED = 5
"""Events that are made in one go, some milliseconds; then whoever else waits has a turn."""


class BusyError(Exception):
    """Others hold the room, or it changes all the time: later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: who is in the room, and why who is not."""

    joined: Collection[str]
    refused: Mapping[str, str]


class Batches:
    """Makes them. `facts` raises `SynapseError` while they cannot be read."""

    def __init__(
        self,
        api: ModuleApi,
        homeserver: HomeServer,
        facts: Callable[[], Awaitable[Facts]],
        bot: str,
    ) -> None:
        self._api = api
        self._homeserver = homeserver
        self._facts = facts
        self._bot = bot
        # Their cached methods are typed as if unbound.
        self._store: Any = homeserver.get_datastores().main
        self._groups = homeserver.get_datastores().state
        self._creation = homeserver.get_event_creation_handler()
        self._callbacks: Any = homeserver.get_module_api_callbacks().spam_checker

    async def enrol(self, room_id: str, users: Sequence[str]) -> Outcome:
        """Bring people into a school room, at most `MOST`.

        Raises:
            NotThisRoomError: Nobody is brought in: it is no such room, or the bot cannot.
            BusyError: Nobody was brought in yet.
        """
        await self._check_ours(room_id)
        people, refused = await self._look_up(room_id, users)
        joined = {one.user for one in people if one.membership == Membership.JOIN}
        coming = []
        for one in [one for one in people if one.user not in joined]:
            if why := await self._why_not(one, room_id):
                refused[one.user] = why
            else:
                coming.append(one)
        if coming:
            async with self._held(room_id) as lock:
                made, kept_out = await self._bring_in(room_id, coming, lock)
            joined |= made
            refused |= kept_out
        if refused:
            logger.info("Not enrolled in %s: %s", room_id, refused)
        return Outcome(joined, refused)

    async def _check_ours(self, room_id: str) -> None:
        try:
            facts = await self._facts()
        except SynapseError as error:
            raise NotThisRoomError("the school's facts are missing") from error
        if room_id not in facts.rooms:
            raise NotThisRoomError("it is no school room")
        if await self._store.is_room_blocked(room_id):
            raise NotThisRoomError("it is blocked on this server")
        try:
            version = await self._store.get_room_version(room_id)
        except (NotFoundError, UnsupportedRoomVersionError) as error:
            raise NotThisRoomError("its version is not known") from error
        if not version.restricted_join_rule or version.msc4242_state_dags:
            raise NotThisRoomError("its version has no restricted joins")

    # --- who ------------------------------------------------------------------------------------

    async def _look_up(
        self, room_id: str, users: Sequence[str]
    ) -> tuple[list[Person], dict[str, str]]:
        """Return the accounts there are, and why others are none."""
        here = [user for user in dict.fromkeys(users) if self._homeserver.is_mine_id(user)]
        refused = {user: "not_of_this_server" for user in users if user not in set(here)}
        found = await self._api.run_db_interaction("sferum_enrolled", _accounts, room_id, here)
        people = []
        for user in here:
            one = found.get(user)
            if one is None:
                refused[user] = "closed_account" if user in found else "no_account"
            else:
                people.append(one)
        return people, refused

    async def _why_not(self, one: Person, room_id: str) -> str:
        """Ask who is asked about any join; an empty text where nobody minds."""
        if one.membership == Membership.BAN:
            return "banned"
        is_invited = one.membership == Membership.INVITE
        verdict = await self._callbacks.user_may_join_room(one.user, room_id, is_invited)
        return "" if verdict == self._callbacks.NOT_SPAM else "not_let"

    # --- the room -------------------------------------------------------------------------------

    @asynccontextmanager
    async def _held(self, room_id: str) -> AsyncIterator[Lock]:
        """Hold a room, so that nobody else makes or stores an event in it.

        Raises:
            BusyError: Others do.
        """
        members = self._homeserver.get_room_member_handler().member_linearizer
        handler = self._homeserver.get_worker_locks_handler()
        name = NEW_EVENT_DURING_PURGE_LOCK_NAME
        # As Synapse changes a membership: changes of this process wait their turn in the first.
        async with members.queue((room_id,)):
            give_up = self._api.get_current_time_msec() + PATIENCE_MS
            while (
                lock := await self._store.try_acquire_read_write_lock(name, room_id, write=True)
            ) is None:
                if self._api.get_current_time_msec() > give_up:
                    raise BusyError("others make events in it all the time")
                await self._api.sleep(LOOK_SECONDS)
            try:
                async with lock:
                    yield lock
            finally:
                # Synapse tells who waits before it has released, so that they find it held.
                handler.notify_lock_released(name, room_id)

    async def _bring_in(
        self, room_id: str, people: Sequence[Person], lock: Lock
    ) -> tuple[set[str], dict[str, str]]:
        for _ in range(TRIES):
            chain = await Chain.begin(self._homeserver, room_id, self._bot, people)
            for number, one in enumerate(people):
                await chain.add(one)
                if number % UNHURRIED == 0:
                    await self._api.sleep(0)
            if chain.first is None:
                return chain.joined, chain.refused
            pairs = [chain.first]
            if chain.rest:
                pairs += await UnpersistedEventContext.batch_persist_unpersisted_contexts(
                    chain.rest, room_id, chain.group, self._groups
                )
            # What hangs on other tips than these would be a fork.
            tips = await self._store.get_prev_events_for_room(room_id)
            if set(tips) != set(chain.tips) or not await lock.is_still_valid():
                logger.info("%s changed while people were enrolled; once more", room_id)
                continue
            try:
                await self._store_all(room_id, pairs, lock)
            except AuthError as error:
                raise NotThisRoomError(str(error)) from error
            return chain.joined | {event.state_key for event, _ in pairs}, chain.refused
        raise BusyError("it changes all the time")

    async def _store_all(
        self, room_id: str, pairs: Sequence[EventPersistencePair], lock: Lock
    ) -> None:
        """Store events, and wake up whoever waits for them, as Synapse does with its own."""
        here = self._homeserver.get_instance_name()
        writer = self._homeserver.config.worker.events_shard_config.get_instance(room_id)
        if writer != here:
            bot = self._store.get_app_service_by_user_id(self._bot)
            await lock.release()
            await self._creation.handle_new_client_event(
                create_requester(self._bot, app_service=bot), list(pairs), ratelimit=False
            )
            return
        auth, notifier = self._homeserver.get_event_auth_handler(), self._homeserver.get_notifier()
        for number, (event, _) in enumerate(pairs):
            validate_event_for_room_version(event)
            await auth.check_auth_rules_from_context(event)
            if number % UNHURRIED == 0:
                await self._api.sleep(0)
        persistence: Any = self._homeserver.get_storage_controllers().persistence
        # Nobody is notified of what they do themselves, so there are no push actions to work out.
        await persistence._persist_event_batch(  # noqa: SLF001 — its queue waits for what we hold
            room_id, _PersistEventsTask(events_and_contexts=list(pairs), backfilled=False)
        )
        stored = []
        for event, _ in pairs:
            notifier.notify_user_joined_room(event.event_id, room_id)
            place = event.internal_metadata.stream_ordering
            stored.append((event, PersistedEventPosition(here, place or 0)))
        try:
            await notifier.on_new_room_events(stored, self._store.get_room_max_token())
        except Exception:
            # They are in all the same, and their clients find it out a little later.
            logger.exception("Not everybody was told at once of who is in %s", room_id)


def _accounts(
    txn: LoggingTransaction, room_id: str, users: Sequence[str]
) -> dict[str, Person | None]:
    """Return accounts by name, `None` for one that is closed or a guest's.

    By the primary key of `users`, the unique index of `profiles` (full_user_id) and that of
    `local_current_membership` (user_id, room_id).
    """
    clause, names = make_in_list_sql_clause(txn.database_engine, "u.name", users)
    txn.execute(
        "SELECT u.name, u.deactivated, u.is_guest, COALESCE(u.locked, FALSE),"  # noqa: S608 — placeholders
        " p.displayname, p.avatar_url, m.membership FROM users AS u"
        " LEFT JOIN profiles AS p ON p.full_user_id = u.name"
        " LEFT JOIN local_current_membership AS m ON m.user_id = u.name AND m.room_id = ?"
        f" WHERE {clause}",
        (room_id, *names),
    )
    found: dict[str, Person | None] = {}
    for name, is_closed, is_guest, is_locked, shown, avatar, membership in txn:
        profile = {"displayname": shown, "avatar_url": avatar}
        found[name] = (
            None
            if is_closed or is_guest or is_locked
            else Person(
                name,
                {key: value for key, value in profile.items() if value is not None},
                membership or "",
            )
        )
    return found
