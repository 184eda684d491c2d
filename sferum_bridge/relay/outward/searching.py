"""Looking into a chat's history whether something arrived though nobody said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.store import chats, sending

if TYPE_CHECKING:
    from sferum_bridge.network.base import Connector, RemoteMessage
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.store.database import Database
    from sferum_bridge.store.sending import Tried

_CLOCKS_APART = 5 * 60 * 1000
_PAGE, _MOST_PAGES = 100, 50


async def find(
    db: Database, connector: Connector, errand: Errand, tried: Tried
) -> RemoteMessage | None:
    """Return the message that a part became, `None` if it is not there. Raises `NetworkError`."""
    chat = errand.chat
    async with db.read() as tx:
        after = await sending.last_before(tx, chat.login_id, chat.chat_id, tried.since)
    for _ in range(_MOST_PAGES):
        page = await connector.history(errand.known_as, after=after, limit=_PAGE)
        for message in page:
            if await _is_it(db, errand, tried, message):
                return message
        if len(page) < _PAGE or not after:
            return None
        after = page[-1].message_id
    return None


async def _is_it(db: Database, errand: Errand, tried: Tried, message: RemoteMessage) -> bool:
    if message.random_id == tried.random_id and errand.login.id == tried.login_id:
        return True
    recent = message.sent_at * 1000 >= tried.since - _CLOCKS_APART
    said = message.content.text
    if not said or message.sender_id != tried.account_id or not recent:
        return False
    chat = errand.chat
    async with db.read() as tx:
        same = chats.digest_of(tx, said) == tried.digest
        return same and not await chats.is_mapped(
            tx, chat.login_id, chat.chat_id, message.message_id
        )
