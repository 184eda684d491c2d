"""One event being answered: who said it, where, and the means to answer within its transaction.

What is said is numbered in the order in which it is said, and its transaction id is made of the
event's id and the number. The event has its effect once (the row is marked done in the same
transaction), so a repetition says nothing new.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.matrix import outbox
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.matrix.outbox import Offer
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx

_DIGEST_BYTES = 18


def digest(name: str) -> str:
    """Return what stands for an event or room id in a transaction id: short, in safe letters."""
    return hashlib.blake2b(name.encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()


class Talk:
    """What a topic gets: the transaction, the person behind the event, and a voice."""

    def __init__(
        self,
        tx: Tx,
        texts: Texts,
        settings: BotSettings,
        *,
        event_id: str,
        mxid: str,
        person: Person | None,
        language: str,
        room_id: str = "",
        display_name: str = "",
    ) -> None:
        self.tx = tx
        self.texts = texts
        self.settings = settings
        self.event_id = event_id
        self.mxid = mxid
        self.person = person
        """Who it is, `None` for an account nobody here knows."""
        self.language = language
        self.room_id = room_id
        """The direct chat it was said in; empty when the answer has to find one."""
        self.display_name = display_name
        self._said = 0

    @property
    def person_id(self) -> str:
        """Return the person's id, empty for somebody nobody here knows."""
        return self.person.id if self.person else ""

    @property
    def actor(self) -> str:
        """Return whom the audit log names: the person, or the account of an unknown one."""
        return self.person_id or self.mxid

    def text(self, key: str, /, **values: Any) -> Text:
        """Return a text in the person's language."""
        return self.texts.text(self.language, key, **values)

    async def answer(self, text: Text, offers: Sequence[Offer] = ()) -> None:
        """Answer where it was said if that is a direct chat, else in the person's own one."""
        await outbox.say(
            self.tx,
            self._next_txn_id(),
            text.content(notice=True),
            to=self.mxid,
            room_id=self.room_id,
            offers=offers,
        )

    async def reply(self, key: str, /, **values: Any) -> None:
        """Answer with one text."""
        await self.answer(self.text(key, **values))

    async def tell(self, mxid: str, text: Text, offers: Sequence[Offer] = ()) -> None:
        """Bring somebody else news, in their direct chat."""
        await outbox.say(self.tx, self._next_txn_id(), text.content(), to=mxid, offers=offers)

    async def inform(self, person_ids: Sequence[str], key: str, /, **values: Any) -> None:
        """Bring people news with one text, each in the own language, on every account they have."""
        for person_id in person_ids:
            language = await self.language_of(person_id)
            for mxid in await accounts.mxids_of(self.tx, person_id):
                await self.tell(mxid, self.texts.text(language, key, **values))

    async def language_of(self, person_id: str) -> str:
        """Return the language a person reads: their own choice, else their school's."""
        chosen = await accounts.language_of(self.tx, person_id)
        if chosen in LANGUAGES:
            return chosen
        for record in await register.schools_of(self.tx, person_id):
            if record.language in LANGUAGES:
                return record.language
        return self.settings.default_language

    def _next_txn_id(self) -> str:
        self._said += 1
        return f"bot.{digest(self.event_id)}.{self._said}"
