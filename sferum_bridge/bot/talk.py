"""One event being answered: who said it, where, and the means to answer within its transaction.

What is said is numbered in the order in which it is said, and its transaction id is made of the
event's id and the number. The event has its effect once (the row is marked done in the same
transaction), so a repetition says nothing new.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.matrix import outbox
from sferum_bridge.store import accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.matrix.outbox import File, Offer
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Tx

_DIGEST_BYTES = 18


def digest(name: str) -> str:
    """Return what stands for an event or room id in a transaction id: short, in safe letters."""
    return hashlib.blake2b(name.encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing said to the person who asked, for a page that shows it instead of a chat."""

    text: Text | None
    offers: Sequence[Offer] = ()
    file: File | None = None
    key: str = ""
    """Which text it is, where it is one of the catalogue as it stands."""


class Talk:
    """What a topic gets: the transaction, the person behind the event, and a voice.

    With `page` the person asks on the invite page: what is answered to them is put there instead of
    into a chat; what others are told goes to their chats either way.
    """

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
        asked_in: str = "",
        said: str = "",
        display_name: str = "",
        contacts: Sequence[tuple[str, str]] = (),
        page: list[Answer] | None = None,
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
        self.asked_in = asked_in
        """The room of several people it was said in; empty in a direct chat and on the page."""
        self.said = said
        """What was written, as a whole; empty for a reaction, for news, and on the page."""
        self.display_name = display_name
        self.contacts = contacts
        """What the homeserver has verified for the account: kind (`email`, `phone`) and value."""
        self.quietly = False
        """Whether news ring nobody now: they can wait, and it is night (`school.quiet`)."""
        self._page = page
        self._said = 0

    @property
    def person_id(self) -> str:
        """Return the person's id, empty for somebody nobody here knows."""
        return self.person.id if self.person else ""

    @property
    def on_page(self) -> bool:
        """Whether it is answered on a page, where buttons stand for what a chat has words for."""
        return self._page is not None

    @property
    def actor(self) -> str:
        """Return whom the audit log names: the person, or the account of an unknown one."""
        return self.person_id or self.mxid

    def text(self, key: str, /, **values: Any) -> Text:
        """Return a text in the person's language."""
        return self.texts.text(self.language, key, **values)

    async def answer(self, text: Text, offers: Sequence[Offer] = (), *, key: str = "") -> None:
        """Answer where it was said if that is a direct chat, else in the person's own one."""
        if self._page is not None:
            self._page.append(Answer(text, offers, key=key))
            return
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
        await self.answer(self.text(key, **values), key=key)

    async def attach(self, file: File) -> None:
        """Answer with a picture or a document."""
        if self._page is not None:
            self._page.append(Answer(None, file=file))
            return
        await outbox.say(
            self.tx, self._next_txn_id(), {}, to=self.mxid, room_id=self.room_id, file=file
        )

    async def tell(self, mxid: str, text: Text, offers: Sequence[Offer] = ()) -> None:
        """Bring somebody else news, in their direct chat."""
        content = text.content(notice=self.quietly)
        await outbox.say(self.tx, self._next_txn_id(), content, to=mxid, offers=offers)

    async def tell_person(self, person_id: str, text: Text, offers: Sequence[Offer] = ()) -> None:
        """Bring somebody else news, on every account they have."""
        for mxid in await accounts.mxids_of(self.tx, person_id):
            await self.tell(mxid, text, offers)

    async def inform(
        self,
        person_ids: Sequence[str],
        key: str,
        /,
        *,
        offers: Callable[[str], Sequence[Offer]] = lambda _language: (),
        **values: Any,
    ) -> None:
        """Bring people news with one text, each in the own language, on every account they have.

        `offers` returns the reactions to put under it, with commands in that language.
        """
        for person_id in person_ids:
            language = await self.language_of(person_id)
            text = self.texts.text(language, key, **values)
            await self.tell_person(person_id, text, offers(language))

    async def announce(self, room_id: str, text: Text, *, rings: bool = False) -> None:
        """Say something in a room of several people, for everybody in it.

        With `rings` it rings also where somebody has the room set to quiet (MSC3952).
        """
        content = text.content(notice=not rings)
        if rings:
            content["m.mentions"] = {"room": True}
        await outbox.say(self.tx, self._next_txn_id(), content, room_id=room_id)

    async def rename(self, person_id: str, name: str) -> None:
        """Have every account of somebody be shown by `name`."""
        for mxid in await accounts.mxids_of(self.tx, person_id):
            await outbox.rename(self.tx, self._next_txn_id(), mxid, name)

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
