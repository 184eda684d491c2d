"""The way from the other network into Matrix, put together: `app` makes one `Inward`.

    incoming ─► (personal, history, echoes, names, queueing) ─► outbox
      │                            outbox ─► delivery ─► (speaking …) ─► Matrix
      └────────► passing ──────────────────────────────────────────────► Matrix

Everything that matters is stored: `close` may come at any moment.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sferum_bridge.matrix.creation import RoomMaker
from sferum_bridge.network.space import Space
from sferum_bridge.relay.inward import describing, gathering, older
from sferum_bridge.relay.inward.carrier import Carrier
from sferum_bridge.relay.inward.delivery import Delivery, is_apart
from sferum_bridge.relay.inward.echoes import Echoes
from sferum_bridge.relay.inward.gathering import Gathering
from sferum_bridge.relay.inward.history import History
from sferum_bridge.relay.inward.incoming import Incoming
from sferum_bridge.relay.inward.names import Names
from sferum_bridge.relay.inward.passing import Passing
from sferum_bridge.relay.inward.personal import Personal
from sferum_bridge.relay.inward.personal_end import PersonalEnd
from sferum_bridge.relay.inward.personal_rooms import PersonalRooms
from sferum_bridge.relay.inward.queueing import Queueing
from sferum_bridge.relay.inward.reacting import Reacting
from sferum_bridge.relay.inward.revising import Revising
from sferum_bridge.relay.inward.speaking import Speaking
from sferum_bridge.store.personal import Holders

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.matrix.lanes import Note
    from sferum_bridge.network.base import Abilities, NetworkError
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.inward.queueing import Manner
    from sferum_bridge.school.attachments import Policies
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item


@dataclass(frozen=True, slots=True)
class InwardSettings:
    """How people and things are named, which files pass, how much of the past is shown."""

    manner: Manner
    policies: Policies
    history: int
    """Messages of a chat from before it was linked."""
    space: Space = field(default_factory=Space)
    """Where files lie on their way."""
    personal: bool = False
    """Whether a first message of a personal chat makes a room."""
    everybody: bool = False
    """Whether all of a linked chat are in its room as ghosts, or only who said something."""


class Inward:
    """Listens while it `run`s, and carries out the rows of the outbox that it made."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        connections: Connections,
        settings: InwardSettings,
        login_lost: Callable[[Tx, Login, NetworkError], Awaitable[None]],
    ) -> None:
        names, say = Names(), settings.manner.say
        everybody = settings.everybody
        queueing = Queueing(ghosts, names, settings.manner, everybody=everybody)
        echoes = Echoes(db, connections)
        history = History(db, names, queueing, echoes, most=settings.history)
        self._carrier = Carrier(
            db, homeserver, connections, ghosts, settings.policies, settings.space
        )
        self._passing = Passing(db, homeserver, ghosts)
        speaking = Speaking(homeserver, ghosts, self._carrier, say, db)
        revising = Revising(db, homeserver, ghosts, speaking, say)
        reacting = Reacting(db, homeserver, ghosts)
        gathering_ = Gathering(db, ghosts, connections, names, settings.manner.ghost_name)
        holders, maker = Holders(), RoomMaker(db, homeserver)
        rooms = PersonalRooms(db, homeserver, ghosts, maker, settings.manner.ghost_name)
        personal = Personal(
            db, homeserver, rooms, connections, holders, by_itself=settings.personal
        )
        self._personal_end = PersonalEnd(db, homeserver, holders)
        self._delivery = Delivery(
            db,
            homeserver,
            ghosts,
            self._carrier,
            speaking,
            revising,
            reacting,
            gathering_,
            personal,
            say,
        )
        bot, most_bytes = homeserver.bot_mxid, settings.policies.general.most_bytes

        async def describe(tx: Tx, login: Login, abilities: Abilities) -> None:
            await describing.describe(tx, login, abilities, bot=bot, most_bytes=most_bytes)
            if everybody:
                await gathering.wish_all(tx, login)

        self._incoming = Incoming(
            db,
            connections,
            names,
            queueing,
            history,
            echoes,
            personal,
            self._passing,
            describe,
            login_lost,
        )

    @staticmethod
    def is_ours(item: Item) -> bool:
        """Tell whether a row of the outbox is one that `handle` carries out."""
        content = item.content
        return isinstance(content, dict) and ("relay" in content or older.is_older(content))

    async def handle(self, item: Item) -> Note:
        """Carry out a row; return what notes that and marks it done."""
        return await self._delivery.handle(older.current(item))

    @staticmethod
    def is_apart(item: Item) -> bool:
        """Tell whether a row may be carried out while the one before it is being noted."""
        return isinstance(item.content, dict) and is_apart(item.content)

    async def give_up(self, item: Item) -> None:
        """Tell, in its place, of a row that failed every time."""
        await self._delivery.give_up(item)

    def foresee(self, items: Sequence[Item]) -> None:
        """Begin with what takes long of rows whose turn will come."""
        self._carrier.foresee(items)

    async def run(self) -> None:
        """Listen for ever, and end rooms of personal chats whose owners left the school."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._incoming.run())
            tasks.create_task(self._personal_end.run())

    async def close(self) -> None:
        """Drop what is under way; all of it that matters is stored."""
        await self._carrier.close()
        await self._passing.close()
