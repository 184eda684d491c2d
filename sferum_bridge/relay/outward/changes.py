"""What is done to messages that are on the other side: edits, deletions, reactions.

An edit is carried out on the parts a message became: the texts are put in their order over the
parts that are there, what is too much is deleted, what is missing is sent under numbers that were
never used. All of it may be done twice. Before a part is deleted it is noted as gone, so that the
news of its deletion takes nothing away here. Deletions of messages are `deleting`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mautrix.errors import MatrixRequestError

from sferum_bridge.matrix import marks
from sferum_bridge.matrix.ghosts import Sender
from sferum_bridge.network.base import LoginExpired, NetworkError, Refused
from sferum_bridge.network.content import Draft
from sferum_bridge.relay import puppets
from sferum_bridge.relay.outward import to_network
from sferum_bridge.relay.outward.deleting import Deleting
from sferum_bridge.relay.outward.errors import TakenBack, TooLate
from sferum_bridge.relay.outward.posting import digest_of
from sferum_bridge.relay.outward.retrying import event_of
from sferum_bridge.relay.outward.waits import OnTakenBack
from sferum_bridge.store import chats, queues, reactions, sending
from sferum_bridge.store.reactions import Key, Reaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.matrix.client import Homeserver
    from sferum_bridge.network.base import Abilities, Connector
    from sferum_bridge.relay.outward.courier import Courier
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.html import Styled
    from sferum_bridge.relay.outward.posting import Posting
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Database

log = logging.getLogger(__name__)

_SECOND_MS = 1000
_EARLIER_TEXTS = 3
"""Of so many texts before the last one the news is known as our own, however late it comes."""
_TEXT_KINDS = frozenset({"", "text"})
"""What of a message words can be changed: what went from here, and the words that came."""


class Changes:
    """Carries changes over, through `courier`."""

    def __init__(
        self,
        db: Database,
        homeserver: Homeserver,
        courier: Courier,
        posting: Posting,
        reports: Reports,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._courier = courier
        self._posting = posting
        self._reports = reports
        self._deleting = Deleting(db, posting, reports)

    # --- edits ------------------------------------------------------------------------------

    async def edit(self, errand: Errand, message: Message) -> None:
        """Make a message say something else. Raises `NetworkError`."""
        async with self._db.read() as tx:
            parts = [
                one for one in await chats.by_event(tx, message.edits) if _is_here(errand, one)
            ]
            since = await sending.mapped_at(tx, message.edits)
        there = [one for one in parts if not one.is_gone]
        if not there or await self._author(errand, there[0]) != errand.sender:
            await self._finish(errand, "sending-edit-unknown")
            return
        errand = _of_writer(errand, there[0])
        if any(one.kind not in _TEXT_KINDS for one in there):
            await self._finish(errand, "sending-edit-kind")
            return
        able = await self._posting.abilities(errand)
        if self._db.clock() - since > able.edit_seconds * _SECOND_MS:
            raise TooLate("an edit after the network's time", "sending-edit-too-late")
        async with self._db.read() as tx:
            texts = await self._posting.texts(tx, errand, message.said, able)
        await self._rewrite(errand, there, texts, able)
        surplus = there[len(texts) :]
        gone = [one for one in parts if one.is_gone and one.from_matrix]
        await self._delete_surplus(errand, surplus, gone)
        async with self._db.write() as tx:
            # Numbers are never used twice: the random id is made of them.
            first = max(one.part for one in parts) + 1
            more = texts[len(there) :]
            noted = await self._posting.note(tx, errand, message.edits, more, able, first=first)
        left = await self._posting.post(errand, message.edits, noted)
        await self._posting.settle(errand, left)

    async def _author(self, errand: Errand, mapped: Mapped) -> str:
        """Return who wrote an event. The homeserver lets anybody send what claims to edit it."""
        if mapped.sender and not mapped.from_matrix:
            return mapped.sender
        event = await event_of(self._homeserver, errand.chat.room_id, mapped.event_id)
        return str(event.get("sender", ""))

    async def _rewrite(
        self, errand: Errand, there: Sequence[Mapped], texts: Sequence[Styled], able: Abilities
    ) -> None:
        for one, said in zip(there, texts, strict=False):
            async with self._db.write() as tx:
                # First, so that the news of the edit is known as our own.
                digest = digest_of(tx, said, able)
                earlier = [known for known in one.digests if known != digest]
                digest = " ".join([digest, *earlier[:_EARLIER_TEXTS]])
                await chats.set_shown(tx, errand.chat.login_id, one, digest=digest)
            draft = Draft(said.text, said.spans)

            async def change(
                connector: Connector, message_id: str = one.message_id, draft: Draft = draft
            ) -> None:
                await connector.edit(errand.known_as, message_id, draft)

            await self._posting.change(errand, change, "sending-edit-refused")

    async def _delete_surplus(
        self, errand: Errand, surplus: Sequence[Mapped], gone: Sequence[Mapped]
    ) -> None:
        if not surplus:
            # What an earlier edit was about to delete when it was cut off may still be there.
            surplus = gone
        if not surplus:
            return
        async with self._db.write() as tx:
            for one in surplus:
                await chats.set_gone(tx, errand.chat.login_id, one)
        ids = [one.message_id for one in surplus]

        async def delete(connector: Connector) -> None:
            await connector.delete(errand.known_as, ids)

        try:
            # They are noted as gone: who deletes the rest would not find them.
            await self._courier.ask(errand, delete, taken_back=OnTakenBack.GO_ON)
        except Refused as e:
            log.info("%s: parts too many stay: %s", errand.item.name, e.detail)

    # --- deletions --------------------------------------------------------------------------

    async def redact(self, errand: Errand) -> None:
        """Delete for all what was taken back here, be it a message or a reaction."""
        event_id = to_network.redacted_by(errand.item.content)
        async with self._db.read() as tx:
            parts = [one for one in await chats.by_event(tx, event_id) if _is_here(errand, one)]
            since = await sending.mapped_at(tx, event_id)
            reaction = await sending.reaction_of(tx, event_id) if not parts else None
        if reaction is not None:
            await self._take_back(errand, reaction)
        elif any(not one.is_gone for one in parts):
            await self._deleting.delete(errand, parts, since)
        else:
            await self._finish(errand)

    async def _take_back(self, errand: Errand, found: tuple[str, str, str, str]) -> None:
        login_id, chat_id, message_id, user_id = found
        mine = (errand.chat.login_id, errand.chat.chat_id, errand.login.account_id)
        if (login_id, chat_id, user_id) == mine:
            await self._react(errand, message_id, "", "")
        else:
            await self._finish(errand)

    # --- reactions --------------------------------------------------------------------------

    async def react(self, errand: Errand) -> None:
        """React as the sender, in place of their earlier reaction: there everybody has one.

        Nobody reacts through another's account: it would be taken for that person's own.
        """
        async with self._db.read() as tx:
            parts = await chats.by_event(tx, errand.target)
        here = [one for one in parts if _is_here(errand, one) and not one.is_gone]
        if not here:
            await self._finish(errand)
            return
        if not errand.is_own:
            await self._finish(errand, "sending-reaction-own", once="reaction")
            return
        able = await self._posting.abilities(errand)
        relation = errand.content["m.relates_to"]
        emoji = to_network.reaction(relation.get("key"), able.reactions)
        if not emoji:
            known = " ".join(sorted(able.reactions))
            await self._finish(errand, "sending-reaction-kind", once="emoji", known=known)
            return
        await self._react(errand, here[0].message_id, emoji, errand.item.name)

    async def _react(self, errand: Errand, message_id: str, emoji: str, event_id: str) -> None:
        chat = errand.chat
        key = Key(chat.login_id, chat.chat_id, message_id)
        account_id = errand.login.account_id
        async with self._db.write() as tx:
            # First, so that the news of the reaction is known as our own.
            known = (await reactions.of_message(tx, key)).get(account_id)
            before = known or Reaction(account_id, "", "", "", 0)
            now = replace(before, emoji=emoji, event_id=event_id, mxid=errand.sender, at=0)
            await reactions.save(tx, key, now)

        async def react(connector: Connector) -> None:
            await connector.react(errand.known_as, message_id, emoji)

        try:
            await self._posting.change(errand, react, "sending-reaction-refused")
        except NetworkError as e:
            # What takes it back comes next; it finds what may be there by what is noted.
            if e.certain or not isinstance(e, TakenBack):
                async with self._db.write() as tx:
                    await reactions.save(tx, key, before)
            raise
        if known is not None and emoji:
            await self._withdraw(errand)
        async with self._db.write() as tx:
            await reactions.confirm(tx, key, account_id, event_id)
        await self._finish(errand)

    async def _withdraw(self, errand: Errand) -> None:
        """Take back the reactions here that the new one took the place of there.

        They are looked up: when the row is carried out again, what is noted is the new one. Only
        older ones: another may have been given since, and its turn is yet to come.
        """
        said = errand.item.content.get("origin_server_ts")
        before = said if isinstance(said, int) else 0
        sender = Sender(errand.sender, puppet=True)
        content = {puppets.MARK: errand.login.network}
        room_id = errand.chat.room_id
        with suppress(MatrixRequestError):
            own = await marks.reactions_by(
                self._homeserver, room_id, errand.target, errand.sender, before=before
            )
            for event_id in own.values():
                txn_id = f"relay.replaced.{errand.item.name}.{event_id[1:13]}"
                await marks.redact(self._homeserver, room_id, event_id, txn_id, sender, content)

    # --- all of them ------------------------------------------------------------------------

    async def _finish(
        self, errand: Errand, key: str = "", *, once: str = "", **values: Any
    ) -> None:
        """Mark the row done; tell the sender something, for the whole room where it has `once`."""
        async with self._db.write() as tx:
            if key:
                named = f"{once}.{errand.chat.room_id}" if once else ""
                await self._reports.tell(tx, errand.item, key, named, **values)
            await queues.done(tx, queues.INBOX, errand.item.id)


def _is_here(errand: Errand, one: Mapped) -> bool:
    return (one.room_id, one.chat_id) == (errand.chat.room_id, errand.chat.chat_id)


def _of_writer(errand: Errand, one: Mapped) -> Errand:
    """Return the errand through the login whose message is changed: no other may change it.

    Raises `LoginExpired`.
    """
    if not one.from_matrix:
        return errand  # what its writer wrote there
    through = errand.through(one.through or errand.chat.login_id)
    if through is None:
        raise LoginExpired("the login a message went out through")
    return through
