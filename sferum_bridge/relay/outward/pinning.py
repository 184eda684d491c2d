"""What is pinned: a room has a list, the network one message a chat.

    the list was changed ─► as it is by now ─► the last of it that is on the other side
         ─► another one than is pinned there? ─► pinned there in its place

The last one of the list was pinned last, by clients and by the bridge alike. Which one is pinned
there is noted first, in one transaction with how far the row has come: then the news of it changes
nothing here, and what a kill cut off is done all the same. What the bridge pins itself is dropped
at the door, so nothing goes round. The news of a pin that another one from here has taken the place
of is of the past, until the news of that one comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.network.base import NetworkError
from sferum_bridge.relay.outward.posting import message_id_of
from sferum_bridge.relay.outward.to_network import PINNED, event_id_of
from sferum_bridge.store import chats, queues

if TYPE_CHECKING:
    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Connector
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.store.database import Database

_BEFORE = "sferum_bridge.pinned_before"
"""In a row that was begun: which event was pinned there before."""
_LOOKED_AT = 100


class Pinning:
    """Pins over there what is pinned here."""

    def __init__(self, db: Database, homeserver: Homeserver, posting: Posting) -> None:
        self._db = db
        self._homeserver = homeserver
        self._posting = posting

    async def pin(self, errand: Errand) -> None:
        """Have the network show as pinned what the room does. Raises `NetworkError`.

        Raises `MatrixRequestError` where the homeserver does not tell what is pinned.
        """
        chat, row = errand.chat, errand.item.content
        event_id, message_id = await self._last(errand)
        async with self._db.write() as tx:
            if _BEFORE not in row:
                before = await chats.pinned_event(tx, chat.room_id)
                if before == event_id or row.get("state_key") != "":
                    await queues.done(tx, queues.INBOX, errand.item.id)
                    return
                # Also in the row at hand, which may be tried once more.
                row[_BEFORE] = before
                await queues.change(tx, queues.INBOX, errand.item.id, row)
            await chats.pin_over(tx, chat.room_id, event_id)

        async def pin(connector: Connector) -> None:
            # Its answer may have been lost, and everybody is told of each pin.
            if (await connector.chat(errand.known_as)).pinned != message_id:
                await connector.pin(errand.known_as, message_id)

        try:
            await self._posting.change(errand, pin, "sending-pin-refused")
        except NetworkError:
            async with self._db.write() as tx:
                if await chats.pinned_event(tx, chat.room_id) == event_id:
                    await chats.set_pinned_event(tx, chat.room_id, row[_BEFORE])
            raise
        async with self._db.write() as tx:
            await queues.done(tx, queues.INBOX, errand.item.id)

    async def _last(self, errand: Errand) -> tuple[str, str]:
        """Return the last pinned event that is on the other side, and its message; else empty."""
        state: Any = await self._homeserver.state(errand.chat.room_id, PINNED)
        listed = state.get("pinned") if isinstance(state, dict) else None
        listed = listed if isinstance(listed, list) else []
        async with self._db.read() as tx:
            for event_id in map(event_id_of, reversed(listed[-_LOOKED_AT:])):
                if message_id := await message_id_of(tx, errand, event_id):
                    return event_id, message_id
        return "", ""
