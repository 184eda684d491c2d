"""The bot itself: one inbox row in, one transaction out.

    inbox row ──► read it ──► what needs the network first (join, the sender's name)
                                          │
                                          ▼
      ┌────────────────── one transaction ──────────────────┐
      │ still waiting? ─► who, which language ─► the topic:  │
      │ rule ─► store ─► answers in the outbox ─► row done   │
      └──────────────────────────────────────────────────────┘

Invariants: an event's effect, its answers and the mark that it had them are committed together, so
after a kill it has had all or nothing, and a repetition changes nothing. What fails for a reason of
its own gets a neutral answer and is marked done: one odd message must not silence a room. That the
database is away is no such reason: the error goes out to the lane, which asks again. Cancellation
between the network and the commit leaves the row waiting. Neither texts nor codes are ever logged.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import (
    about,
    amending,
    announcing,
    commands,
    confirming,
    documents,
    events,
    filing,
    import_reading,
    importing,
    keys,
    refusing,
    reporting,
    sferum_login,
    topics,
)
from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.bot.events import What
from sferum_bridge.bot.register import schools_of
from sferum_bridge.bot.talk import Talk, digest
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.bot.witness import Witness
from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.store import accounts, dialogues, failures, materials, queues, rooms, schools
from sferum_bridge.store.away import is_away

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

    from sferum_bridge.bot.events import Incoming
    from sferum_bridge.bot.import_reading import Importer
    from sferum_bridge.bot.messenger import Messenger
    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.talk import Answer
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.bot.witness import Reported
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out before the transaction: of whoever sent something, and of what."""

    name: str = ""
    contacts: Sequence[tuple[str, str]] = ()
    key: str = ""
    """The key of a login that stood in the message."""
    is_hidden: bool = False
    """Whether the message that held it was taken away."""
    answer: object = None
    """What the messenger answered to a question (`messenger`), or a file to import said."""
    reported: Reported | None = None
    """The message that is reported."""
    filed: Reported | None = None
    """The message that is filed with the materials; `name` is then that of whoever wrote it."""
    changed: Reported | None = None
    """The edit or the end of one that is listed."""


NOTHING = Known()


class Bot:
    """Answers people. `handle` is the handler of the inbox rows that are for the bot.

    `join` joins a room as the bot, `display_name` returns what an account calls itself, `contacts`
    what the homeserver has verified for it (`Policy.contacts_of`), `hide` takes a message away
    (room, event, sender) and tells whether it could; all wait for a homeserver that is away and
    raise only what waiting will not mend. `look` returns one event of a room, `None` for one the
    bot does not see. `may_show` tells whether a file may be shown in somebody's name (file,
    account). `messenger` asks the school messenger, `importer` reads files to import.
    """

    def __init__(
        self,
        db: Database,
        texts: Texts,
        settings: BotSettings,
        join: Callable[[str], Awaitable[None]],
        display_name: Callable[[str], Awaitable[str]],
        contacts: Callable[[str], Awaitable[Sequence[tuple[str, str]]]],
        hide: Callable[[str, str, str], Awaitable[bool]],
        messenger: Messenger,
        look: Callable[[str, str], Awaitable[Mapping[str, Any] | None]],
        may_show: Callable[[str, str], Awaitable[bool]],
        importer: Importer,
    ) -> None:
        self._db = db
        self._texts = texts
        self._settings = settings
        self._join = join
        self._display_name = display_name
        self._contacts = contacts
        self._hide = hide
        self._messenger = messenger
        self._importer = importer
        self._witness = Witness(db, settings.prefix, hide, look, may_show)

    async def handle(self, item: Item) -> None:
        """Carry out one inbox row. Raises only when the database is away."""
        event = events.read(item.content, item.name)
        try:
            if event.what is not What.NEWS and not self._is_a_person(event.sender):
                await self._done(item)
                return
            known = await self._before(event)
            async with self._db.write() as tx:
                if await queues.is_waiting(tx, queues.INBOX, item.id):
                    await self._carry_out(tx, event, known)
                    await queues.done(tx, queues.INBOX, item.id)
        except Exception as e:
            if is_away(e) or isinstance(e, TryAgain):
                raise
            failures.report(log, e, "event %s failed", item.name)
            await self._apologise(item, event)

    def _is_a_person(self, mxid: str) -> bool:
        return bool(mxid) and not self._settings.is_ours(mxid)

    async def _done(self, item: Item) -> None:
        async with self._db.write() as tx:
            await queues.done(tx, queues.INBOX, item.id)

    async def _before(self, event: Incoming) -> Known:
        """Do what needs the homeserver or the messenger; return what they say that may matter."""
        if self._is_direct_invite(event):
            await self._join(event.room_id)
        if event.what is What.NEWS:
            return await self._before_news(event)
        if event.what not in {What.MESSAGE, What.REACTION}:
            return NOTHING
        async with self._db.read() as tx:
            asked = await dialogues.dialogue(tx, event.sender)
            direct = await dialogues.person_in(tx, event.room_id) == event.sender
        wanted = direct and asked is not None and sferum_login.waits_for_key(asked[0])
        if key := (keys.find_bare(event.text) if wanted else "") or event.key:
            hidden = await self._hide(event.room_id, event.event_id, event.sender)
            return Known(key=key, is_hidden=hidden)
        if (filed := await self._witness.filed(event)) is not None:
            author = str((filed.event or {}).get("sender", ""))
            return Known(await self._name(author), filed=filed)
        reported = await self._witness.reported(event, direct=direct)
        if reported is not None or (event.what is What.MESSAGE and asked is None):
            return Known(reported=reported)
        return await self._sender(event.sender)

    async def _before_news(self, event: Incoming) -> Known:
        if event.value in import_reading.QUESTIONS:
            return Known(answer=await self._importer.answer(event.value, event.content))
        if event.value in topics.ANSWERS:
            return Known(answer=await self._messenger.answer(event.value, event.content))
        if event.value == materials.CHANGED:
            return Known(changed=await self._witness.changed(event.content))
        if event.value == refusing.NEWS and event.room_id:
            await self._hide(event.room_id, event.event_id, event.sender)
        return NOTHING

    async def _sender(self, mxid: str) -> Known:
        name, contacts = await asyncio.gather(self._name(mxid), self._contacts(mxid))
        return Known(name, tuple(contacts))

    async def _name(self, mxid: str) -> str:
        try:
            return await self._display_name(mxid) if mxid else ""
        except Exception as e:  # noqa: BLE001 - somebody without a profile can be a parent too
            log.warning("the homeserver gave no name for a sender: %s", type(e).__name__)
            return ""

    def _is_invite(self, event: Incoming) -> bool:
        return (
            event.what is What.MEMBERSHIP
            and event.value == "invite"
            and event.target == self._settings.bot_mxid
        )

    def _is_direct_invite(self, event: Incoming) -> bool:
        return self._is_invite(event) and event.direct

    async def _carry_out(self, tx: Tx, event: Incoming, known: Known) -> None:
        if known.reported is not None:
            talk = await self._talk(tx, event, known, "")
            await reporting.report(talk, known.reported)
            return
        match event.what:
            case What.MESSAGE:
                await self._message(tx, event, known)
            case What.REACTION:
                await self._reaction(tx, event, known)
            case What.REDACTION:
                await amending.taken_back(await self._talk(tx, event, NOTHING, ""), event.target)
            case What.MEMBERSHIP:
                await self._membership(tx, event)
            case What.ENCRYPTED:
                if await dialogues.person_in(tx, event.room_id) == event.sender:
                    await self._cannot_read(tx, event)
            case What.NEWS:
                await self._news(tx, event, known)
            case What.NOTHING:
                pass

    async def _news(self, tx: Tx, event: Incoming, known: Known) -> None:
        if take := topics.ANSWERS.get(event.value):
            talk = await self._talk(tx, event, known, str(event.content.get("language", "")))
            await take(talk, event.content, known.answer)
        elif event.value == materials.CHANGED:
            if known.changed is not None:
                await filing.changed(await self._talk(tx, event, NOTHING, ""), known.changed)
        else:
            talk = await self._talk(tx, event, NOTHING, "")
            quiet = self._settings.quiet_hours
            if event.value in topics.UNHURRIED and quiet:
                record = await schools.record(tx, str(event.content["school"]))
                talk.quietly = bool(record and quiet.ends(tx.now, record.timezone))
            await topics.NEWS[event.value](talk, event.content)

    async def _reaction(self, tx: Tx, event: Incoming, known: Known) -> None:
        if known.filed is not None:
            await filing.file(await self._talk(tx, event, known, ""), known.filed)
            return
        said = await dialogues.offer(tx, event.target, event.value, event.sender)
        command = commands.offered(said) if said else None
        if command is not None:
            await self._command(tx, event, command, known)

    async def _message(self, tx: Tx, event: Incoming, known: Known) -> None:
        if known.key:
            talk = await self._talk(tx, event, known, "")
            await sferum_login.give_key(talk, known.key, is_hidden=known.is_hidden)
            return
        direct = await dialogues.person_in(tx, event.room_id) == event.sender
        command = commands.parse(event.text, prefix=self._settings.prefix, direct=direct)
        if direct and event.file is not None and not event.target:
            talk = await self._talk(tx, event, known, "")
            if await importing.receive(talk, event.file) or (
                _names_a_file(command) and await documents.receive(talk, event.file)
            ):
                return
        if event.target and await amending.edited(
            await self._talk(tx, event, known, ""), event.target, command
        ):
            return
        if direct and (number := commands.number(event.text)):
            # Typed where a list says to tap it: not every client shows reactions.
            said = await dialogues.latest_offer(tx, number, event.sender)
            command = (commands.offered(said) if said else None) or command
        if command is not None:
            await self._command(tx, event, command, known)
        elif not event.target and not event.answers:
            talk = await self._talk(tx, event, known, "")
            if not await filing.overheard(talk, event):
                await announcing.overheard(talk, event.room_id, has_file=event.file is not None)

    # --- rooms ------------------------------------------------------------------------------

    async def _membership(self, tx: Tx, event: Incoming) -> None:
        if self._is_invite(event):
            await self._invited(tx, event)
            return
        person = await dialogues.person_in(tx, event.room_id)
        if not person:
            return
        gone = event.target in {person, self._settings.bot_mxid} and event.value in {"leave", "ban"}
        third = event.target not in {person, self._settings.bot_mxid}
        if gone or (third and event.value in {"invite", "join"}):
            # With a third person in it a room is no place for what the bot tells one.
            await dialogues.drop_room(tx, event.room_id)

    async def _invited(self, tx: Tx, event: Incoming) -> None:
        talk = await self._talk(tx, event, NOTHING, "")
        if event.direct:
            await dialogues.add_room(tx, event.room_id, event.sender)
            talk.room_id = event.room_id
            if event.encrypted:
                await self._cannot_read(tx, event)
                return
        elif await rooms.by_room_id(tx, event.room_id) is not None:
            return
        # Invited to a room of several people the bot stays out, and opens a direct chat instead.
        await about.greet(talk)

    async def _cannot_read(self, tx: Tx, event: Incoming) -> None:
        talk = await self._talk(tx, event, NOTHING, "")
        content = talk.text("encrypted", bot=self._settings.bot_mxid).content(notice=True)
        # Named by the room, so that it is said there once, however much is written.
        txn_id = f"bot.encrypted.{digest(event.room_id)}"
        await outbox.say(tx, txn_id, content, to=event.sender, room_id=event.room_id)

    # --- commands ---------------------------------------------------------------------------

    async def _talk(self, tx: Tx, event: Incoming, known: Known, language: str) -> Talk:
        person = await accounts.person_of(tx, event.sender)
        direct = await dialogues.person_in(tx, event.room_id) == event.sender
        return Talk(
            tx,
            self._texts,
            self._settings,
            event_id=event.event_id,
            mxid=event.sender,
            person=person,
            language=await self._language(tx, person, language),
            room_id=event.room_id if direct else "",
            asked_in="" if direct else event.room_id,
            said=event.text,
            display_name=known.name,
            contacts=known.contacts,
        )

    async def _language(self, tx: Tx, person: Person | None, said_in: str) -> str:
        """Choose what to answer in: the person's choice, what they just spoke, their school's."""
        chosen = await accounts.language_of(tx, person.id) if person else ""
        of_schools = (
            [record.language for record in await schools_of(tx, person.id)] if person else []
        )
        wishes = (chosen, said_in, *of_schools, self._settings.default_language)
        return next((wish for wish in wishes if wish in LANGUAGES), LANGUAGES[0])

    async def _command(self, tx: Tx, event: Incoming, command: Command, known: Known) -> None:
        talk = await self._talk(tx, event, known, command.language)
        await _carry_out(talk, command)

    async def converse(
        self, mxid: str, command: Command, *, nonce: str, language: str = ""
    ) -> Sequence[Answer]:
        """Carry out what somebody signed in as `mxid` says on the page; return what is answered.

        The same topics, rules and texts as in a chat, in one transaction; others are told in their
        chats. `language` is the one the page is read in. `nonce` is one word of the page's own for
        each form it shows: what is said twice with the same one is done twice, which every topic
        has to bear, and told to others once.
        """
        page: list[Answer] = []
        sender = await self._sender(mxid)
        async with self._db.write() as tx:
            person = await accounts.person_of(tx, mxid)
            talk = Talk(
                tx,
                self._texts,
                self._settings,
                event_id=f"page.{mxid}.{nonce}",
                mxid=mxid,
                person=person,
                language=language or await self._language(tx, person, command.language),
                display_name=sender.name,
                contacts=sender.contacts,
                page=page,
            )
            await _carry_out(talk, command)
        return page

    async def errand(self, name: str, work: Callable[[Talk], Awaitable[object]]) -> None:
        """Do something nobody asked for, in one transaction; `name` is the same for the same one.

        The talk has no person behind it: it is there to `tell` and `inform`.
        """
        async with self._db.write() as tx:
            talk = Talk(
                tx,
                self._texts,
                self._settings,
                event_id=f"errand.{name}",
                mxid="",
                person=None,
                language=self._settings.default_language,
            )
            await work(talk)

    async def _apologise(self, item: Item, event: Incoming) -> None:
        """Say that something went wrong, where that can be seen, and let the row go."""
        async with self._db.write() as tx:
            direct = await dialogues.person_in(tx, event.room_id) == event.sender
            if direct and event.what in {What.MESSAGE, What.REACTION}:
                text = self._texts.text(
                    self._settings.default_language,
                    "failed",
                    contact=self._settings.support_contact,
                )
                txn_id = f"bot.{digest(event.event_id)}.failed"
                content = text.content(notice=True)
                await outbox.say(tx, txn_id, content, to=event.sender, room_id=event.room_id)
            await queues.done(tx, queues.INBOX, item.id)


_ANSWERS = frozenset({Name.CONFIRM, Name.NOT_MINE, Name.CORRECT, Name.CANCEL, Name.UNKNOWN})
"""What is said to an open question."""
_OF_AN_INVITE = frozenset({Name.CONFIRM, Name.NOT_MINE})


def _names_a_file(command: Command | None) -> bool:
    """Tell whether words below a file are its name: also «справка», which alone is a command."""
    return command is None or not (command.prefixed or command.name is Name.CODE)


def _is_free_answer(talk: Talk, command: Command, asked: tuple[Any, int] | None) -> bool:
    """Tell whether words answer a question that asks for any: whatever they begin with.

    Only a command with its prefix is one then, and those that the question itself excepts; with
    `sends`, where the words go straight to somebody else, a bare command word is one as well. And
    a question that is old was forgotten: then a command is a command again.
    """
    if asked is None or talk.tx.now - asked[1] > dialogues.FREE_FOR:
        return False
    state = asked[0]
    plain = bool(talk.said) and not talk.asked_in and not command.prefixed and not command.offered
    bare = not command.argument and command.name not in {*_ANSWERS, Name.CODE}
    is_one = command.name in state.get("except", ()) or (bare and bool(state.get("sends")))
    return bool(state.get("free")) and plain and not is_one


async def _carry_out(talk: Talk, command: Command) -> None:
    """Hand a command to the topic whose it is."""
    if talk.settings.is_elsewhere(talk.mxid):
        # Whoever holds a code there learns no more than whoever holds none.
        await talk.answer(about.outsider(talk))
        return
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    state = asked[0] if asked else {}
    # A question asked by the first version had no topic: there was only one.
    go_on = topics.DIALOGUES[state.get("topic", confirming.TOPIC)] if state else None
    if go_on is not None and _is_free_answer(talk, command, asked):
        await go_on(talk, state, command)
    elif command.name is Name.CODE:
        await confirming.give_code(talk, command)
    elif command.offered and command.argument and command.name in _OF_AN_INVITE:
        # Below an older question: it is about that child, whatever has been asked since.
        topic, _, invite_id = command.argument.rpartition(" ")
        await topics.DIALOGUES[topic or confirming.TOPIC](talk, {"invite": invite_id}, command)
    elif go_on is not None and (command.name in _ANSWERS or talk.person is None):
        await go_on(talk, state, command)
    elif handler := topics.FOR_ANYBODY.get(command.name):
        await handler(talk, command)
    elif talk.person is None:
        await talk.answer(about.outsider(talk))
    elif handler := topics.HANDLERS.get(command.name):
        await handler(talk, command)
    else:
        known = command.name in _ANSWERS - {Name.UNKNOWN}
        await talk.reply("code-needed" if known else "not-understood")
