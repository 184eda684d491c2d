"""Joins of many people into one room, made as Synapse makes each, and stored as one.

    who they are ─► may they ─► tips, state ─► a chain of joins ─► stored, people told
                                    ▲                  │
                                    └── other tips now ┘

Invariants:
    Nobody comes in whom Synapse and the contour would not let in alone: the same callbacks are
    asked, every event goes through the auth rules, and who is banned stays out.
    The chain hangs on all the tips of the room. Where somebody says something while it is made, it
    is made anew, some times; what is said in the moment that storing takes hangs on the tips as
    well, as two messages sent at once do, and Synapse's next event follows both. Who writes waits
    for nothing but the storing; other changes of memberships in the room wait for the batch, in the
    same process, and a purge of the room does; one that is cut off by a kill leaves nothing held
    but that, for two minutes. A ban that meets it prevails by Matrix' own rules about state.
    Stored is everything or nothing: Synapse stores up to 100 events in one transaction.
    Who is in already is passed over, and who left since it was first asked for stays out, so a
    batch can be repeated.

Why it is quick: one look at the room, one chain of state groups, one transaction and one wake-up
for everybody, where a join alone needs each for itself. A join is authorised by the bot, as the
room's join rule lets it (`restricted`, see `matrix.shape`): so no invite is needed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synapse.api.constants import EventTypes, Membership
from synapse.api.errors import AuthError, NotFoundError, UnsupportedRoomVersionError
from synapse.events.snapshot import UnpersistedEventContext
from synapse.handlers.worker_lock import NEW_EVENT_DURING_PURGE_LOCK_NAME
from synapse.storage.database import make_in_list_sql_clause
from synapse.types import create_requester
from synapse.types.state import StateFilter

from sferum_bridge.homeserver.enrolling_chain import Chain, Person
from sferum_bridge.homeserver.enrolling_handed import HandedOver
from sferum_bridge.homeserver.enrolling_points import NotThisRoomError
from sferum_bridge.homeserver.enrolling_way import Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from synapse.events import EventBase
    from synapse.events.snapshot import EventContext
    from synapse.module_api import ModuleApi
    from synapse.server import HomeServer
    from synapse.storage.database import LoggingTransaction

    from sferum_bridge.school.contour import Facts

logger = logging.getLogger(__name__)

TRIES = 4
"""How often a batch is made while the room changes beneath it; the last is stored in any case."""


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
        self._handed = HandedOver(homeserver, Way(api, homeserver))

    async def enrol(self, room_id: str, users: Sequence[str], since_ms: int) -> Outcome:
        """Bring people into a school room, at most `MOST`, but for who left since a moment.

        Raises:
            NotThisRoomError: Nobody is brought in: it is no such room, or the bot cannot.
            SynapseError: The facts cannot be read now, or another of Synapse's processes is away.
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
            members = self._homeserver.get_room_member_handler().member_linearizer
            # As Synapse changes a membership: others of this process wait their turn, and a purge
            # of the room until it is done.
            async with (
                members.queue((room_id,)),
                self._homeserver.get_worker_locks_handler().acquire_read_write_lock(
                    NEW_EVENT_DURING_PURGE_LOCK_NAME, room_id, write=False
                ),
            ):
                made, kept_out = await self._bring_in(room_id, coming, since_ms)
            joined |= made
            refused |= kept_out
        if refused:
            logger.info("Not enrolled in %s: %s", room_id, refused)
        return Outcome(joined, refused)

    async def _check_ours(self, room_id: str) -> None:
        if room_id not in (await self._facts()).rooms:
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
        if one.is_suspended:
            return "suspended"
        is_invited = one.membership == Membership.INVITE
        verdict = await self._callbacks.user_may_join_room(one.user, room_id, is_invited)
        return "" if verdict == self._callbacks.NOT_SPAM else "not_let"

    # --- the room -------------------------------------------------------------------------------

    async def _bring_in(
        self, room_id: str, people: Sequence[Person], since_ms: int
    ) -> tuple[set[str], dict[str, str]]:
        for left in reversed(range(TRIES)):
            chain = await Chain.begin(self._homeserver, room_id, self._bot, people)
            for one in people:
                await chain.add(one, since_ms)
            if chain.first is None:
                return chain.joined, chain.refused
            pairs = [chain.first]
            if chain.rest:
                pairs += await UnpersistedEventContext.batch_persist_unpersisted_contexts(
                    chain.rest, room_id, chain.group, self._groups
                )
                self._remember(chain, pairs[1:])
            tips = await self._store.get_prev_events_for_room(room_id)
            if left and set(tips) != set(chain.tips):
                logger.info("%s changed while people were enrolled; once more", room_id)
                continue
            bot = self._store.get_app_service_by_user_id(self._bot)
            writers = self._homeserver.config.worker.events_shard_config
            is_stored_here = writers.should_handle(self._homeserver.get_instance_name(), room_id)
            try:
                ids = [event.event_id for event, _ in pairs]
                known = chain.memberships if is_stored_here else {}
                with self._handed.over(room_id, ids, known):
                    # Checks each by the auth rules, finds whoever stores the room's events, and
                    # wakes up who waits for them.
                    await self._creation.handle_new_client_event(
                        create_requester(self._bot, app_service=bot), pairs, ratelimit=False
                    )
            except AuthError as error:
                raise NotThisRoomError(str(error)) from error
            break
        return chain.joined | {event.state_key for event, _ in pairs}, chain.refused

    def _remember(self, chain: Chain, pairs: Sequence[tuple[EventBase, EventContext]]) -> None:
        """Have Synapse's cache know of each state what it asks when it goes on with the event.

        It puts there what it stores, but for batches; then it walks the chain of groups in the
        database for each event, twice.
        """
        groups: Any = self._groups
        for (event, context), before in zip(pairs, chain.before, strict=True):
            members = {EventTypes.Member: {event.state_key, self._bot}}
            groups._insert_into_cache(  # noqa: SLF001 — see `enrolling_points`
                {context.state_group_before_event: before},
                StateFilter.freeze(members, include_others=True),
                cache_seq_num_members=groups._state_group_members_cache.sequence,  # noqa: SLF001
                cache_seq_num_non_members=groups._state_group_cache.sequence,  # noqa: SLF001
            )


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
        " COALESCE(u.suspended, FALSE), p.displayname, p.avatar_url, m.membership FROM users AS u"
        " LEFT JOIN profiles AS p ON p.full_user_id = u.name"
        " LEFT JOIN local_current_membership AS m ON m.user_id = u.name AND m.room_id = ?"
        f" WHERE {clause}",
        (room_id, *names),
    )
    found: dict[str, Person | None] = {}
    for name, is_closed, is_guest, is_locked, is_suspended, shown, avatar, membership in txn:
        profile = {"displayname": shown, "avatar_url": avatar}
        found[name] = (
            None
            if is_closed or is_guest or is_locked
            else Person(
                name,
                {key: value for key, value in profile.items() if value is not None},
                membership or "",
                is_suspended=bool(is_suspended),
            )
        )
    return found
