"""The way from Matrix to the other network, put together: `app` makes one `Outward`.

    inbox ─► outgoing ─► (routes, posting, changes, pinning, retrying) ─► courier ─► the network
    what is of the moment ─► attention ────────────────────────────► the network

The first is stored and arrives once; the second is told at once or not at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.relay.outward.attention import Attention
from sferum_bridge.relay.outward.changes import Changes
from sferum_bridge.relay.outward.courier import Courier
from sferum_bridge.relay.outward.outgoing import Outgoing
from sferum_bridge.relay.outward.pinning import Pinning
from sferum_bridge.relay.outward.posting import Posting
from sferum_bridge.relay.outward.reports import Reports
from sferum_bridge.relay.outward.retrying import Retrying
from sferum_bridge.relay.outward.routes import Routes
from sferum_bridge.relay.voices import Voices
from sferum_bridge.school.attachments import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.matrix.ghosts import Ghosts
    from sferum_bridge.network.patience import Patience
    from sferum_bridge.relay.connections import Connections
    from sferum_bridge.relay.outward.reports import Shown
    from sferum_bridge.school.attachments import Policies
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.queues import Item


@dataclass(frozen=True, slots=True)
class OutwardSettings:
    """Which files pass, what begins a command in a room, which status events there are.

    `is_private` tells by its content what never leaves Matrix: the key of a login, a command.
    """

    policies: Policies
    prefix: str
    shown: Shown
    patience: Patience
    is_private: Callable[[Mapping[str, Any]], bool]


class Outward:
    """Carries inbox rows of linked rooms out, and while it `run`s what is of the moment.

    `notice` gives the content of a message by text key, language (may be empty) and values;
    `may_pass_on` tells whether an account may have a file carried on (file, account).
    """

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        ghosts: Ghosts,
        connections: Connections,
        settings: OutwardSettings,
        notice: Callable[..., Mapping[str, Any]],
        may_pass_on: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        courier = Courier(
            db, connections, homeserver, settings.policies, settings.patience, may_pass_on
        )
        values: dict[str, str | int] = {
            "megabytes": settings.policies.general.most_bytes // MEGABYTE,
            "again": settings.prefix + Retrying.WORDS[0],
        }
        reports = Reports(notice, settings.shown, values)
        posting = Posting(db, courier, reports)
        self._voices = Voices(db, connections)
        self._outgoing = Outgoing(
            db,
            posting,
            Changes(db, homeserver, courier, posting, reports),
            Pinning(db, homeserver, posting),
            Retrying(
                db,
                homeserver,
                courier,
                posting,
                reports,
                prefix=settings.prefix,
                is_private=settings.is_private,
            ),
            reports,
            Routes(db, self._voices, courier, ghosts.remote_id),
            settings.is_private,
        )
        self._attention = Attention(db, connections, homeserver)

    async def handle(self, item: Item) -> None:
        """Carry out a row."""
        await self._outgoing.handle(item)

    async def give_up(self, item: Item) -> None:
        """Tell the sender of a row that failed every time."""
        await self._outgoing.give_up(item)

    def heard(self, events: Sequence[Any]) -> None:
        """Take what the homeserver says of the moment."""
        self._attention.heard(events)

    async def run(self) -> None:
        """Find voices, and tell the network of the moment, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._voices.run())
            tasks.create_task(self._attention.run())
