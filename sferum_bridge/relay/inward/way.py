"""The way from the other network into Matrix, put together: `app` makes one `Inward`.

    incoming  ─► (history, names, queueing) ─► outbox ─► delivery ─► (speaking …) ─► Matrix
      └────────► passing ───────────────────────────────────────────────────────────► Matrix

Everything that matters is stored: `close` may come at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.relay.inward import describing
from sferum_bridge.relay.inward.carrier import Carrier
from sferum_bridge.relay.inward.delivery import Delivery
from sferum_bridge.relay.inward.history import History
from sferum_bridge.relay.inward.incoming import Incoming
from sferum_bridge.relay.inward.names import Names
from sferum_bridge.relay.inward.passing import Passing
from sferum_bridge.relay.inward.queueing import Queueing
from sferum_bridge.relay.inward.reacting import Reacting
from sferum_bridge.relay.inward.revising import Revising
from sferum_bridge.relay.inward.speaking import Speaking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.base import NetworkError
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.inward.queueing import Manner
    from sferum_bridge.school.attachments import Policy
    from sferum_bridge.store.chats import Login
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item


@dataclass(frozen=True, slots=True)
class InwardSettings:
    """How people and things are named, which files pass, how much of the past is shown."""

    manner: Manner
    policy: Policy
    history: int
    """Messages of a chat from before it was linked."""


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
        queueing = Queueing(ghosts, names, settings.manner)
        history = History(db, names, queueing, most=settings.history)
        self._carrier = Carrier(db, homeserver, connections, settings.policy)
        self._passing = Passing(db, homeserver, ghosts)
        speaking = Speaking(homeserver, ghosts, self._carrier, say)
        revising = Revising(db, homeserver, ghosts, speaking, say)
        reacting = Reacting(db, homeserver, ghosts)
        self._delivery = Delivery(
            db, homeserver, ghosts, self._carrier, speaking, revising, reacting
        )
        describe = partial(
            describing.describe,
            bot=homeserver.bot_mxid,
            most_bytes=settings.policy.most_bytes,
        )
        self._incoming = Incoming(
            db, connections, names, queueing, history, self._passing, describe, login_lost
        )

    @staticmethod
    def is_ours(item: Item) -> bool:
        """Tell whether a row of the outbox is one that `handle` carries out."""
        return isinstance(item.content, dict) and "relay" in item.content

    async def handle(self, item: Item) -> None:
        """Carry out a row."""
        await self._delivery.handle(item)

    def foresee(self, items: Sequence[Item]) -> None:
        """Begin with what takes long of rows whose turn will come."""
        self._carrier.foresee(items)

    async def run(self) -> None:
        """Listen for ever."""
        await self._incoming.run()

    async def close(self) -> None:
        """Drop what is under way; all of it that matters is stored."""
        await self._carrier.close()
        await self._passing.close()
