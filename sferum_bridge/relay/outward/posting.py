"""Sending the parts of an event: noted, sent in order, mapped.

Each part but the last is mapped as soon as it went out, the last one together with the end of the
event's row; so after a kill only what is not mapped is sent again, under the same random id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.network.base import Refused
from sferum_bridge.network.content import Draft
from sferum_bridge.relay.outward import splitting, to_network
from sferum_bridge.relay.outward.errand import NOTED
from sferum_bridge.relay.outward.errors import NotTaken, TakenBack
from sferum_bridge.store import chats, queues, sending
from sferum_bridge.store.chats import Mapped
from sferum_bridge.store.sending import Tried

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sferum_bridge.network.base import Abilities, Connector, Sent
    from sferum_bridge.relay.outward.courier import Courier
    from sferum_bridge.relay.outward.errand import Errand
    from sferum_bridge.relay.outward.html import Styled
    from sferum_bridge.relay.outward.reports import Reports
    from sferum_bridge.relay.outward.to_network import Message
    from sferum_bridge.store.database import Database, Tx

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is to be sent."""

    number: int
    said: Styled
    random_id: int
    digest: str
    """Of the text as it will be heard again: see `chats.Mapped`."""


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

        return await self._courier.ask(errand, known, partial(self.waits, errand))

    async def texts(
        self, tx: Tx, errand: Errand, said: Styled, able: Abilities
    ) -> Sequence[Styled]:
        """Return what is sent for a text, in parts the network takes.

        Who does not speak through their own login is named in front of every part.
        """
        if errand.is_own:
            return splitting.split(said, able.text_units, able.units)
        said = to_network.without_mentions_of_all(said)
        prefix = splitting.prefix(await _shown_name(tx, errand))
        return splitting.split(said, able.text_units, able.units, prefix)

    async def note(
        self,
        tx: Tx,
        errand: Errand,
        event_id: str,
        texts: Sequence[Styled],
        able: Abilities,
        *,
        first: int = 0,
        seed: str = "",
    ) -> Sequence[Part]:
        """Note the parts of an event before they go out, numbered from `first`.

        Those that are on the other side already are left out. `seed`: see `chats.about_to_send`.
        """
        mapped = {one.part for one in await chats.by_event(tx, event_id)}
        noted = []
        for number, said in enumerate(texts, first):
            if number not in mapped:
                digest = digest_of(tx, said, able)
                random_id = await chats.about_to_send(
                    tx,
                    errand.login.id,
                    errand.known_as,
                    event_id,
                    number,
                    seed,
                    digest=digest,
                    heard_in="" if errand.is_linked else errand.chat.room_id,
                )
                noted.append(Part(number, said, random_id, digest))
        if noted and event_id != errand.item.name:
            row = errand.item.content
            row[NOTED] = event_id
            await queues.change(tx, queues.INBOX, errand.item.id, row)
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
                waiting = partial(self.waits, errand)
                try:
                    attached = (await self._courier.upload(errand, message.file, waiting),)
                except TakenBack:
                    found = await self._courier.find(errand, _tried(errand, part))
                    if found is None:
                        raise
                    through = errand.login.id
                    where = (errand, event_id, part.number, found.message_id, part.digest)
                    return became(*where, through)
        draft = Draft(part.said.text, part.said.spans, attached, place)
        sent = await self._send(errand, part, draft, reply_to if is_first else "")
        through = errand.login.id
        return became(errand, event_id, part.number, sent.message_id, part.digest, through)

    async def _send(self, errand: Errand, part: Part, draft: Draft, reply_to: str) -> Sent:
        tried = _tried(errand, part)

        async def send(answered: str) -> Sent:
            return await self._courier.send(
                errand, draft, tried, reply_to=answered, waiting=partial(self.waits, errand)
            )

        try:
            return await send(reply_to)
        except Refused as e:
            if not reply_to or isinstance(e, NotTaken | TakenBack):
                raise
            # What it answers may be deleted there meanwhile, and it be no worse for that.
            log.info("%s is sent as no answer: %s", errand.item.name, e.detail)
            return await send("")

    async def change(
        self, errand: Errand, request: Callable[[Connector], Awaitable[None]], text_key: str
    ) -> None:
        """Make a request; what is refused without a reason of its own is told as `text_key`."""
        try:
            await self._courier.ask(errand, request, partial(self.waits, errand))
        except Refused as e:
            if e.text_key in {Refused.text_key, NotTaken.text_key}:
                e.text_key = text_key
            raise

    async def waits(self, errand: Errand, asked: float) -> None:
        """Say that an event waits for the network, which has `asked` for so many seconds."""
        async with self._db.write() as tx:
            if asked:
                await self._reports.slowed(tx, errand.item, errand.login)
            else:
                await self._reports.waits(tx, errand.item, errand.login)

    async def settle(self, errand: Errand, left: Sequence[Mapped] = ()) -> None:
        """Map what is left and finish the row: the event has arrived."""
        # Were this lost, the parts would go out again under the ids they were noted with.
        async with self._db.write(lasting=False) as tx:
            for mapped in left:
                await chats.map_message(tx, errand.chat.login_id, mapped)
            await self._reports.arrived(tx, errand.item, errand.login)
            await queues.done(tx, queues.INBOX, errand.item.id)


def digest_of(tx: Tx, said: Styled, able: Abilities) -> str:
    """Return the digest of a text as the network will tell of it: some it writes otherwise."""
    return chats.digest_of(tx, able.echo(said.text, said.spans))


def _tried(errand: Errand, part: Part) -> Tried:
    since, login = errand.item.since, errand.login
    return Tried(part.number, part.random_id, since, login.id, login.account_id, part.digest)


def became(
    errand: Errand, event_id: str, part: int, message_id: str, digest: str, through: str
) -> Mapped:
    """Return what is noted of a part once it is known which message it became.

    `through` is the login it went out through; it is known under the linked one all the same.
    """
    return Mapped(
        errand.chat.chat_id,
        message_id,
        part,
        errand.chat.room_id,
        event_id,
        from_matrix=True,
        digest=digest,
        through=through,
    )


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
    known = await sending.writer(tx, errand.chat.room_id, errand.sender)
    if known is None:
        return localpart
    person, has_namesake = known
    return f"{person.full_name} ({localpart})" if has_namesake else person.full_name
