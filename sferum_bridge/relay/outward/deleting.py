"""Deleting over there what was taken back here.

What is one message there may be several events here: its words and every file. It loses what is
taken back here as far as the network lets its writer change it, and is deleted with the last event
of it. What a voice message says in words is none of its own there, and goes with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sferum_bridge.network.base import LoginExpired, NetworkError
from sferum_bridge.relay.outward.errors import OWN_LOGIN_EXPIRED, TooLate
from sferum_bridge.store import chats, queues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import Connector
    from sferum_bridge.network.content import File
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_SECOND_MS = 1000
_WORDS = frozenset({"", "text"})
_TRANSCRIPT = "transcript"
"""The kind of a part that only puts another one into words."""
_OF_THE_MESSAGE = frozenset({"place"})
"""Kinds of parts that cannot be taken out of a message."""
_KEPT = "sending-part-kept"


class Deleting:
    """Deletes messages and parts of them."""

    def __init__(self, db: Database, posting: Posting, reports: Reports) -> None:
        self._db = db
        self._posting = posting
        self._reports = reports

    async def delete(self, errand: Errand, parts: Sequence[Mapped], since: int) -> None:
        """Delete the messages that an event became or came from; raises `NetworkError`.

        `parts` are those of the event, `since` is when they were known (milliseconds).
        """
        rest = await self._rest(errand, parts)
        if rest:
            await self._delete_part(errand, next(one for one in parts if not one.is_gone), since)
        else:
            await self._delete(errand, parts, since)

    async def _delete(self, errand: Errand, parts: Sequence[Mapped], since: int) -> None:
        errand = _of_remover(errand, parts[0])
        able = await self._posting.abilities(errand)
        if self._db.clock() - since > able.delete_seconds * _SECOND_MS:
            raise TooLate("a deletion after the network's time", "sending-delete-too-late")
        ids = [one.message_id for one in parts if not one.is_gone]

        async def delete(connector: Connector) -> None:
            await connector.delete(errand.known_as, ids)

        await self._posting.change(errand, delete, "sending-delete-refused")
        async with self._db.write() as tx:
            for one in parts:
                await chats.set_gone(tx, errand.chat.login_id, one)
            await queues.done(tx, queues.INBOX, errand.item.id)

    async def _rest(self, errand: Errand, parts: Sequence[Mapped]) -> Sequence[Mapped]:
        """Return what of the same message is shown by other events, and was not taken back."""
        of_message = await self._of_message(errand, parts[0])
        own = {one.part for one in parts}
        return [
            one
            for one in of_message
            if not one.is_gone and one.part not in own and one.kind != _TRANSCRIPT
        ]

    async def _of_message(self, errand: Errand, one: Mapped) -> Sequence[Mapped]:
        async with self._db.read() as tx:
            where = (errand.chat.login_id, errand.chat.chat_id, one.message_id)
            return await chats.parts_of(tx, *where)

    async def _delete_part(self, errand: Errand, one: Mapped, since: int) -> None:
        """Delete an event that shows a part of what is one message there; only its writer can.

        Where the rest cannot stay, all of it does, until the last of its events is taken back. A
        part that is not found counts as taken out only if all that is there is known for others.
        """
        able = await self._posting.abilities(errand)
        is_late = self._db.clock() - since > able.edit_seconds * _SECOND_MS
        of_message = await self._of_message(errand, one)
        others = {digest for other in of_message if other != one for digest in other.digests}
        is_found = is_unknown = False

        async def is_it(file: File) -> bool:
            nonlocal is_found, is_unknown
            async with self._db.read() as tx:
                said = (file.identity, file.former_identity)
                digests = {chats.digest_of(tx, each) for each in said}
            is_this = not digests.isdisjoint(one.digests)
            is_found |= is_this
            is_unknown |= not is_this and digests.isdisjoint(others)
            return is_this

        async def take_out(connector: Connector) -> None:
            is_words = one.kind in _WORDS
            await connector.take_out(errand.known_as, one.message_id, None if is_words else is_it)
            if is_unknown and not is_found:
                raise TooLate("a part that is not known by what is there now", _KEPT)

        try:
            if one.sender != errand.sender or is_late or one.kind in _OF_THE_MESSAGE:
                raise TooLate("a part that cannot be taken out", _KEPT)
            if one.kind != _TRANSCRIPT:
                await self._posting.change(errand, take_out, _KEPT)
        except NetworkError as e:
            await self._kept(errand, one, e)
            return
        async with self._db.write() as tx:
            await chats.set_gone(tx, errand.chat.login_id, one)
            await queues.done(tx, queues.INBOX, errand.item.id)

    async def _kept(self, errand: Errand, one: Mapped, e: NetworkError) -> None:
        """Note a part as gone here and tell that it stays there: in one, lest it be told never."""
        log.warning("%s was not carried out: %s", errand.item.name, e.detail)
        own = isinstance(e, LoginExpired) and errand.is_own
        async with self._db.write() as tx:
            await chats.set_gone(tx, errand.chat.login_id, one)
            await self._reports.tell(tx, errand.item, OWN_LOGIN_EXPIRED if own else e.text_key)
            await self._reports.failed(tx, errand.item, errand.login, e)
            await queues.done(tx, queues.INBOX, errand.item.id)


def _of_remover(errand: Errand, one: Mapped) -> Errand:
    """Return the errand through the login that may delete a message.

    That is its writer's, and for what others wrote there the linked one, which may be a moderator.
    """
    if not one.from_matrix and one.sender == errand.sender:
        return errand
    through = one.through if one.from_matrix else ""
    linked = errand.through(errand.chat.login_id) or errand
    return errand.through(through) or linked if through else linked
