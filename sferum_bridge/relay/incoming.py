"""From the other network into Matrix.

    connector.listen ─► batch ─► one transaction: outbox rows of linked chats + cursor ─► next batch
          ▲                                                                                  │
          └────────── a failure that time mends: the last stored cursor, after a wait ◄──────┘

One task a login. The cursor moves only together with what lay before it, so a crash repeats at
most a batch, and a repeated message is known by its transaction id (queued before) or by the
message map (sent before). The echo of what we sent is known by its random id even when the answer
to our sending never came. Names are looked up before the transaction, never in it. Cancelling stops
a login between two awaits; nothing is held that is not stored.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import LoginExpired, NeedsPerson, NetworkError
from sferum_bridge.relay import convert
from sferum_bridge.store import chats, rooms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import Batch, Connector, RemoteMessage
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.store.chats import Chat, Login
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class IncomingSettings:
    """How remote people and things are named.

    `ghost_name` has `{name}` in it; `label` turns the kind of what cannot be shown into words.
    """

    ghost_name: str
    label: Callable[[str], str]
    poll: float = 2.0
    """Seconds between looks at what other processes changed."""


class Incoming:
    """Listens to every login and queues what is written in linked chats.

    `login_lost` is told of a login that only its owner can mend.
    """

    def __init__(
        self,
        db: Database,
        connections: Connections,
        ghosts: Ghosts,
        settings: IncomingSettings,
        login_lost: Callable[[Tx, Login, NetworkError], Awaitable[None]],
    ) -> None:
        self._db = db
        self._connections = connections
        self._ghosts = ghosts
        self._settings = settings
        self._login_lost = login_lost
        self._names: dict[tuple[str, str], str] = {}

    async def run(self) -> None:
        """Listen for ever, taking up new logins as they come."""
        bell = self._db.bell(chats.LOGINS_BELL)
        listening: set[str] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                async with self._db.read() as tx:
                    logins = await chats.all_logins(tx)
                for login in logins:
                    if not login.expired and login.id not in listening:
                        listening.add(login.id)
                        tasks.create_task(self._listen_while_it_lasts(login, listening))
                await bell.wait(self._settings.poll)

    async def _listen_while_it_lasts(self, login: Login, listening: set[str]) -> None:
        try:
            await self._listen(login)
        finally:
            listening.discard(login.id)

    async def _listen(self, login: Login) -> None:
        wait, failing = _FIRST_WAIT, False
        while True:
            try:
                connector = await self._connections.connector(login)
                async with self._db.read() as tx:
                    cursor = await chats.cursor(tx, login.id)
                async for batch in connector.listen(cursor):
                    if failing:
                        log.info("Login %s hears the network again", login.id)
                    wait, failing = _FIRST_WAIT, False
                    await self._store(login, connector, batch)
            except (LoginExpired, NeedsPerson) as e:
                log.warning("Login %s needs its owner: %s", login.id, e.detail)
                await self._connections.drop(login)
                async with self._db.write() as tx:
                    await chats.set_expired(tx, login.id)
                    await self._login_lost(tx, login, e)
                return
            except NetworkError as e:
                if not failing:
                    log.warning(
                        "Login %s does not hear the network: %s; waiting", login.id, e.detail
                    )
                failing = True
                await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311 - spreads the load
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _store(self, login: Login, connector: Connector, batch: Batch) -> None:
        """Queue what a batch brings for linked chats, and move the cursor behind it."""
        while unknown := await self._store_if_known(login, batch):
            await self._learn_names(login.network, connector, unknown)

    async def _store_if_known(self, login: Login, batch: Batch) -> Sequence[str]:
        """Store a batch; where a writer's name is not known, store nothing and return who."""
        async with self._db.write() as tx:
            linked = {c.chat_id: c for c in await chats.all_chats(tx) if c.login_id == login.id}
            wanted = [message for message in batch.events if message.chat_id in linked]
            writers = {(login.network, message.sender_id) for message in wanted}
            unknown = sorted(i for _, i in writers - self._names.keys())
            if unknown:
                return unknown
            if wanted:
                owners = {
                    other.account_id: other.mxid
                    for other in await chats.all_logins(tx)
                    if other.network == login.network
                }
                for message in wanted:
                    owner = owners.get(message.sender_id, "")
                    await self._queue(tx, login, linked[message.chat_id], message, owner)
            await chats.set_cursor(tx, login.id, batch.cursor)
        return ()

    async def _queue(
        self, tx: Tx, login: Login, chat: Chat, message: RemoteMessage, owner: str
    ) -> None:
        origin = outbox.Origin(login.id, chat.chat_id, message.message_id)
        if await chats.is_mapped(tx, login.id, chat.chat_id, message.message_id):
            return
        if message.random_id:
            echo = await chats.echo_of(tx, login.id, chat.chat_id, message.random_id)
            if echo is not None:
                event_id, part = echo
                mapped = chats.Mapped(
                    chat.chat_id, message.message_id, part, chat.room_id, event_id, from_matrix=True
                )
                await chats.map_message(tx, login.id, mapped)
                return
        name = self._names[login.network, message.sender_id]
        ghost = Sender(
            self._ghosts.mxid(message.sender_id), self._settings.ghost_name.format(name=name)
        )
        # A person who logged in is heard as themselves where they are a member; else as a ghost,
        # so that what they wrote is not lost.
        is_in = owner and (await rooms.members(tx, chat.room_id)).get(owner) == "join"
        sender = Sender(owner, puppet=True) if is_in else ghost
        reply_to = ""
        if message.reply_to:
            reply_to = await chats.event_of(tx, login.id, chat.chat_id, message.reply_to)
        label = self._settings.label(message.notice) if message.notice else ""
        content = convert.to_matrix(message, label=label, reply_to=reply_to)
        if sender.puppet:
            content[convert.DOUBLE_PUPPET] = login.network
        txn_id = f"{login.network}.{login.account_id}.{chat.chat_id}.{message.message_id}.0"
        sent_at = message.sent_at * 1000
        await outbox.relay(
            tx, txn_id, chat.room_id, sender, content, origin, ts=sent_at, otherwise=ghost
        )

    async def _learn_names(
        self, network: str, connector: Connector, unknown: Sequence[str]
    ) -> None:
        contacts = await connector.contacts(unknown)
        if len(self._names) > _MOST_NAMES:
            self._names.clear()
        # Whom the network does not know is known by the id from now on.
        self._names |= {(network, i): i for i in unknown}
        self._names |= {(network, contact.id): contact.name for contact in contacts}
