"""Sending the parts of an event: noted, sent in order, mapped.

Each part but the last is mapped as soon as it went out, the last one together with the end of the
event's row; so after a kill only what is not mapped is sent again, under the same random id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.network.content import Draft
from sferum_bridge.relay.outward import splitting, to_network
from sferum_bridge.store import accounts, chats, queues, sending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.network.base import Abilities, Connector
    from sferum_bridge.relay.outward.courier import Courier
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.html import Styled
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.chats import Mapped
    from sferum_bridge.store.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is to be sent."""

    number: int
    said: Styled
    random_id: int
    digest: str
    """Of the text: see `chats.Mapped`."""


class Posting:
    """Sends what people write, through `courier`."""

    def __init__(self, db: Database, courier: Courier, reports: Reports) -> None:
        self._db = db
        self._courier = courier
        self._reports = reports

    async def abilities(self, errand: Errand) -> Abilities:
        """Return what the network takes, waiting for it if need be. Raises `NetworkError`."""

        async def known(connector: Connector) -> Abilities:
            return connector.abilities

        return await self._courier.ask(errand.login, known, lambda: self.waits(errand))

    async def texts(self, tx: Tx, errand: Errand, said: Styled, most: int) -> Sequence[Styled]:
        """Return what is sent for a text, in its parts of at most `most` units.

        Who does not speak through their own login is named in front of every part.
        """
        if errand.is_own:
            return splitting.split(said, most)
        said = to_network.without_mentions_of_all(said)
        prefix = splitting.prefix(await _shown_name(tx, errand))
        parts = splitting.split(said, most - splitting.units(prefix))
        return [part.after(prefix).stripped() for part in parts]

    async def note(
        self,
        tx: Tx,
        errand: Errand,
        event_id: str,
        texts: Sequence[Styled],
        *,
        first: int = 0,
        seed: str = "",
    ) -> Sequence[Part]:
        """Note the parts of an event before they go out, numbered from `first`.

        Those that are on the other side already are left out. `seed`: see `chats.about_to_send`.
        """
        chat = errand.chat
        mapped = {one.part for one in await chats.by_event(tx, event_id)}
        noted = []
        for number, said in enumerate(texts, first):
            if number not in mapped:
                random_id = await chats.about_to_send(
                    tx, chat.login_id, chat.chat_id, event_id, number, seed
                )
                noted.append(Part(number, said, random_id, chats.digest_of(tx, said.text)))
        return noted

    async def post(
        self,
        errand: Errand,
        event_id: str,
        parts: Sequence[Part],
        message: Message | None = None,
        reply_to: str = "",
    ) -> Sequence[Mapped]:
        """Send parts, the first of an event with its file or place and as the answer it is.

        Returns what is left to be mapped. Raises `NetworkError`; parts sent before stay mapped.
        """
        left: list[Mapped] = []
        for part in parts:
            if left:
                async with self._db.write() as tx:
                    await chats.map_message(tx, errand.chat.login_id, left[0])
            left = [await self._part(errand, event_id, part, message, reply_to)]
        return left

    async def _part(
        self, errand: Errand, event_id: str, part: Part, message: Message | None, reply_to: str
    ) -> Mapped:
        is_first = message is not None and part.number == 0
        attached: tuple[str, ...] = ()
        place = None
        if message is not None and is_first:
            place = message.place
            if message.file is not None:
                attached = (
                    await self._courier.upload(
                        errand.login, errand.chat, message.file, lambda: self.waits(errand)
                    ),
                )
        sent = await self._courier.send(
            errand.login,
            errand.chat,
            Draft(part.said.text, part.said.spans, attached, place),
            part.random_id,
            reply_to=reply_to if is_first else "",
            since=errand.item.since,
            waiting=lambda: self.waits(errand),
        )
        return chats.Mapped(
            errand.chat.chat_id,
            sent.message_id,
            part.number,
            errand.chat.room_id,
            event_id,
            from_matrix=True,
            digest=part.digest,
        )

    async def waits(self, errand: Errand) -> None:
        """Say that an event waits for the network."""
        async with self._db.write() as tx:
            await self._reports.waits(tx, errand.item, errand.login)

    async def settle(self, errand: Errand, left: Sequence[Mapped] = ()) -> None:
        """Map what is left and finish the row: the event has arrived."""
        async with self._db.write() as tx:
            for mapped in left:
                await chats.map_message(tx, errand.chat.login_id, mapped)
            await self._reports.arrived(tx, errand.item, errand.login)
            await queues.done(tx, queues.INBOX, errand.item.id)


async def message_id_of(tx: Tx, errand: Errand, event_id: str) -> str:
    """Return the message of the errand's chat that an event is, empty for none."""
    for mapped in await chats.by_event(tx, event_id) if event_id else ():
        here = (mapped.room_id, mapped.chat_id) == (errand.chat.room_id, errand.chat.chat_id)
        if here and not mapped.is_gone:
            return mapped.message_id
    return ""


async def _shown_name(tx: Tx, errand: Errand) -> str:
    """Return the name put in front; with the account beside it where two have the same."""
    localpart = errand.sender[1:].partition(":")[0]
    person = await accounts.person_of(tx, errand.sender)
    if person is None:
        return localpart
    if await sending.has_namesake(tx, errand.chat.room_id, person):
        return f"{person.full_name} ({localpart})"
    return person.full_name
