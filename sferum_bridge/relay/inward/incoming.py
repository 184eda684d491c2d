"""From the other network into Matrix: every login is listened to, and what comes is queued.

    connector.listen ─► batch ─► what was missed ─► names ─► one transaction: rows + cursor ─► next
          ▲                       (history)                         │
          │                                                         └─► what passes (typing, reads)
          └────────── a failure that time mends: the last stored cursor, after a wait

One task a login. The cursor moves only together with what lay before it, so a crash repeats at most
a batch, and a repeated message is known by its transaction id (queued before) or by the message map
(sent before). The echo of what we sent is known by its random id even when the answer to our
sending never came; that of what went out through another login is found out (`echoes`). Names and
chats are looked up before the transaction, never in it. Cancelling stops a login between two
awaits; nothing is held that is not stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.network.base import (
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    RemoteChange,
    RemoteMessage,
    Unavailable,
)
from sferum_bridge.relay.inward import describing, queueing
from sferum_bridge.relay.inward.pace import Pace, asked_wait
from sferum_bridge.relay.inward.turn import Turn
from sferum_bridge.store import chats, failures
from sferum_bridge.store import logins as stored_logins
from sferum_bridge.store.away import is_away, outlasting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from sferum_bridge.network.base import Abilities, Batch, Connector
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.inward.echoes import Echoes
    from sferum_bridge.relay.inward.history import History
    from sferum_bridge.relay.inward.names import Names
    from sferum_bridge.relay.inward.passing import Passing
    from sferum_bridge.relay.inward.personal import Personal
    from sferum_bridge.relay.inward.queueing import Queueing
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Listening:
    """Somebody who listens, and by what: a login as it was, and the seal of its secret."""

    task: asyncio.Task[None]
    by: tuple[Login, bytes]


class Incoming:
    """Listens to every login and queues what happens in linked chats.

    `describe` queues what tells clients of linked rooms, `login_lost` is told of a login that only
    its owner can mend, `poll` are the seconds between looks at what other processes changed.
    """

    def __init__(
        self,
        db: Database,
        connections: Connections,
        names: Names,
        queueing_: Queueing,
        history: History,
        echoes: Echoes,
        personal: Personal,
        passing: Passing,
        describe: Callable[[Tx, Login, Abilities], Awaitable[None]],
        login_lost: Callable[[Tx, Login, NetworkError], Awaitable[None]],
        *,
        poll: float = _POLL_SECONDS,
    ) -> None:
        self._db = db
        self._connections = connections
        self._names = names
        self._queueing = queueing_
        self._history = history
        self._echoes = echoes
        self._personal = personal
        self._passing = passing
        self._describe = describe
        self._login_lost = login_lost
        self._poll = poll
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Login id → held by whoever queues what it hears."""

    async def run(self) -> None:
        """Listen for ever, taking up new logins and links as they come."""
        bell = self._db.bell(chats.LOGINS_BELL)
        listening: dict[str, _Listening] = {}
        beginning: set[str] = set()
        rung = True
        async with asyncio.TaskGroup() as tasks:
            while True:
                with outlasting(log, "Listening"):
                    await self._look(tasks, listening, beginning)
                    if rung:
                        async with self._db.write() as tx:
                            await describing.withdraw(tx)
                rung = bool(await bell.wait(self._poll))

    async def _look(
        self,
        tasks: asyncio.TaskGroup,
        listening: dict[str, _Listening],
        beginning: set[str],
    ) -> None:
        """Take up what is new among logins and links, and give up what is gone."""
        async with self._db.read() as tx:
            logins = [login for login in await chats.all_logins(tx) if not login.expired]
            seals = await stored_logins.seals(tx)
            fresh = await chats.logins_to_begin(tx)
        for gone in listening.keys() - {login.id for login in logins}:
            # Its owner logged out: nothing is heard by it from now on.
            listening.pop(gone).task.cancel()
        for login in logins:
            now = (login, seals.get(login.id, b""))
            before = listening.get(login.id)
            if before is not None and before.by != now and not before.task.done():
                # Renewed, or somebody else's by now: what the old key opened is used no longer.
                before.task.cancel()
                await asyncio.wait([before.task])
                await self._connections.drop(login)
            if before is None or before.task.done():
                listening[login.id] = _Listening(tasks.create_task(self._listen(login)), now)
            if login.id in fresh and login.id not in beginning:
                beginning.add(login.id)
                begin = partial(self._begin_all, login)
                tasks.create_task(_noted(begin, login.id, beginning))

    async def _listen(self, login: Login) -> None:
        pace = Pace(login.id)
        while True:
            connector = None
            try:
                connector = await self._connections.connector(login)
                await self._hear(login, connector, pace)
            except (LoginExpired, NeedsPerson) as e:
                # No seal: it was closed meanwhile, for the owner logged in anew.
                seal = self._connections.seal(login, connector)
                if seal and await self._gave_up(login, seal, e):
                    return
            except NetworkError as e:
                pace.failed(e)
            except Exception as e:  # noqa: BLE001 - see below
                # One login's trouble, or the database's, ends no other's listening.
                level = logging.WARNING if is_away(e) else logging.ERROR
                failures.report(log, e, "Login %s cannot go on; waiting", login.id, level=level)
            await pace.rest()

    async def _hear(self, login: Login, connector: Connector, pace: Pace) -> None:
        """Store batch after batch. Ends by raising."""
        async with self._db.write() as tx:
            await self._describe(tx, login, connector.abilities)
            cursor = await chats.cursor(tx, login.id)
        async for batch in connector.listen(cursor):
            pace.worked()
            await self._store(login, connector, batch)

    async def _gave_up(self, login: Login, seal: bytes, error: NetworkError) -> bool:
        """Note that only its owner can mend a login, whose secret lies under a `seal`.

        False where they did so meanwhile, and while the database is away.
        """
        log.warning("Login %s needs its owner: %s", login.id, error.detail)
        await self._connections.drop(login)
        with outlasting(log, f"Login {login.id}"):
            async with self._db.write() as tx:
                if not await chats.set_expired(tx, login.id, seal):
                    return False
                await self._login_lost(tx, login, error)
            return True
        return False

    async def _begin_all(self, login: Login) -> None:
        """Take in the end of every chat that was linked; what fails is tried at the next look."""
        try:
            connector = await self._connections.connector(login)
            # That it answers at all: else an outage would be taken for chats that tell nothing.
            await connector.chats()
            # Described first: a chat that was begun is looked at no more.
            async with self._db.write() as tx:
                fresh = await chats.not_started(tx, login.id)
                await self._describe(tx, login, connector.abilities)
            for place in fresh:
                async with self._turns[login.id]:
                    await self._history.begin(login, connector, place)
        except NetworkError as e:
            log.info("What was written before a link waits: %s", e.detail)
            await asyncio.sleep(max(self._poll, asked_wait(e)))
        except Exception as e:  # noqa: BLE001 - it is tried again
            failures.report(log, e, "What was written before a link waits")
            await asyncio.sleep(_LONGEST_WAIT)

    async def _store(self, login: Login, connector: Connector, batch: Batch) -> None:
        """Queue what a batch brings for linked chats, and move the cursor behind it."""
        async with self._turns[login.id]:
            concerned = {queueing.chat_of(event) for event in batch.events} | batch.gaps
            async with self._db.read() as tx:
                places = await chats.places(tx, login.id, concerned) if concerned else ()
            known = {place.chat.chat_id for place in places}
            taken_up = await self._personal.take_up(login, connector, batch, known)
            if taken_up or not all(place.is_started for place in places):
                # What happens in a chat may come before the look that finds it newly linked.
                async with self._db.write() as tx:
                    places = await chats.places(tx, login.id, concerned)
                    await self._describe(tx, login, connector.abilities)
            for place in places:
                if not place.is_started:
                    await self._history.begin(login, connector, place)
                elif place.chat.chat_id in batch.gaps:
                    await self._history.fill(login, connector, place)
            linked = {place.chat.chat_id: place.chat for place in places}
            heard = [event for event in batch.events if isinstance(event, RemoteMessage)]
            await self._echoes.settle(login, linked.values(), heard)
            pinned = await self._pinned(connector, batch, linked)
            while unknown := await self._store_if_known(login, batch, linked, pinned):
                await self._names.learn(login.network, connector, unknown)
        self._passing.offer(login, linked, batch)

    async def _store_if_known(
        self,
        login: Login,
        batch: Batch,
        linked: Collection[str],
        pinned: Mapping[str, str],
    ) -> Sequence[str]:
        """Store a batch; where somebody's name is not known, store nothing and return who."""
        events = [event for event in batch.events if queueing.chat_of(event) in linked]
        ids = {user_id for event in events for user_id in queueing.people_of(event)}
        if unknown := self._names.missing(login.network, ids):
            return unknown
        # Were this lost, it would be heard again behind the cursor that is left.
        async with self._db.write(lasting=False) as tx:
            if events:
                # Once more: a chat may have been linked to another room, or to none, meanwhile.
                now = await chats.places(tx, login.id, linked, hold=True)
                chat_of = {place.chat.chat_id: place.chat for place in now}
                await self._queue(tx, login, batch, chat_of, pinned)
            await chats.set_cursor(tx, login.id, batch.cursor)
        return ()

    async def _queue(
        self,
        tx: Tx,
        login: Login,
        batch: Batch,
        chat_of: Mapping[str, Chat],
        pinned: Mapping[str, str],
    ) -> None:
        turn = Turn(tx, login)
        seen: dict[str, str] = {}
        for event in batch.events:
            chat = chat_of.get(queueing.chat_of(event))
            if chat is None:
                continue
            await self._queueing.put_or_tell(turn, chat, event)
            if isinstance(event, RemoteMessage):
                seen[event.chat_id] = event.message_id
        for chat_id, message_id in pinned.items():
            if chat_id in chat_of:
                await self._queueing.pin(turn, chat_of[chat_id], message_id)
        for chat_id, message_id in seen.items():
            await chats.set_seen(tx, login.id, chat_id, message_id)

    async def _pinned(
        self, connector: Connector, batch: Batch, linked: Collection[str]
    ) -> Mapping[str, str]:
        """Look up what is pinned in linked chats that changed."""
        changed = {event.chat_id for event in batch.events if isinstance(event, RemoteChange)}
        found = {}
        for chat_id in sorted(changed & set(linked)):
            try:
                found[chat_id] = (await connector.chat(chat_id)).pinned
            except (Refused, Unavailable) as e:
                # A change of what is pinned is told by the chat itself, too.
                log.warning("A changed chat cannot be looked at: %s", e.detail)
            except NetworkError:
                raise
            except Exception as e:  # noqa: BLE001 - its trouble ends no other chat's hearing
                failures.report(log, e, "A changed chat cannot be looked at")
        return found


async def _noted(work: Callable[[], Awaitable[None]], login_id: str, under_way: set[str]) -> None:
    try:
        await work()
    finally:
        under_way.discard(login_id)
