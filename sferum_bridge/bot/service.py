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

import logging
import traceback
from typing import TYPE_CHECKING

from sferum_bridge.bot import about, approving, commands, confirming, events, inviting
from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.bot.events import What
from sferum_bridge.bot.register import schools_of
from sferum_bridge.bot.talk import Talk, digest
from sferum_bridge.bot.texts import LANGUAGES
from sferum_bridge.matrix import outbox
from sferum_bridge.matrix.client import TryAgain
from sferum_bridge.store import accounts, dialogues, queues, rooms
from sferum_bridge.store.database import is_away

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sferum_bridge.bot.events import Incoming
    from sferum_bridge.bot.settings import BotSettings
    from sferum_bridge.bot.texts import Texts
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.database import Database, Tx
    from sferum_bridge.store.queues import Item

log = logging.getLogger(__name__)


class Bot:
    """Answers people. `handle` is the handler of the inbox rows that are for the bot.

    `join` joins a room as the bot, `display_name` returns what an account calls itself; both wait
    for a homeserver that is away and raise only what waiting will not mend.
    """

    def __init__(
        self,
        db: Database,
        texts: Texts,
        settings: BotSettings,
        join: Callable[[str], Awaitable[None]],
        display_name: Callable[[str], Awaitable[str]],
    ) -> None:
        self._db = db
        self._texts = texts
        self._settings = settings
        self._join = join
        self._display_name = display_name

    async def handle(self, item: Item) -> None:
        """Carry out one inbox row. Raises only when the database is away."""
        event = events.read(item.content, item.name)
        try:
            if not self._is_a_person(event.sender):
                await self._done(item)
                return
            name = await self._before(event)
            async with self._db.write() as tx:
                if await queues.is_waiting(tx, queues.INBOX, item.id):
                    await self._carry_out(tx, event, name)
                    await queues.done(tx, queues.INBOX, item.id)
        except Exception as e:
            if is_away(e) or isinstance(e, TryAgain):
                raise
            # The message of an error may quote what somebody wrote: its type and place must do.
            place = traceback.extract_tb(e.__traceback__)[-1]
            log.error(  # noqa: TRY400 - a traceback would show the message
                "event %s failed: %s at %s:%s",
                item.name,
                type(e).__name__,
                place.filename,
                place.lineno,
            )
            await self._apologise(item, event)

    def _is_a_person(self, mxid: str) -> bool:
        ghosts = self._settings.ghost_prefix
        ours = mxid == self._settings.bot_mxid or bool(ghosts and mxid.startswith(ghosts))
        return bool(mxid) and not ours

    async def _done(self, item: Item) -> None:
        async with self._db.write() as tx:
            await queues.done(tx, queues.INBOX, item.id)

    async def _before(self, event: Incoming) -> str:
        """Do what needs the homeserver; return the sender's name where it may be needed."""
        if self._is_direct_invite(event):
            await self._join(event.room_id)
        if event.what not in {What.MESSAGE, What.REACTION}:
            return ""
        async with self._db.read() as tx:
            if await accounts.person_of(tx, event.sender) is not None:
                return ""
            asked = await dialogues.dialogue(tx, event.sender)
        if asked is None and event.what is What.MESSAGE:
            return ""
        try:
            return await self._display_name(event.sender)
        except Exception as e:  # noqa: BLE001 - somebody without a profile can be a parent too
            log.warning("no name for the sender of %s: %s", event.event_id, type(e).__name__)
            return ""

    def _is_invite(self, event: Incoming) -> bool:
        return (
            event.what is What.MEMBERSHIP
            and event.value == "invite"
            and event.target == self._settings.bot_mxid
        )

    def _is_direct_invite(self, event: Incoming) -> bool:
        return self._is_invite(event) and event.direct

    async def _carry_out(self, tx: Tx, event: Incoming, name: str) -> None:
        match event.what:
            case What.MESSAGE:
                await self._message(tx, event, name)
            case What.REACTION:
                said = await dialogues.offer(tx, event.target, event.value, event.sender)
                command = commands.offered(said) if said else None
                if command is not None:
                    await self._command(tx, event, command, name)
            case What.MEMBERSHIP:
                await self._membership(tx, event)
            case What.ENCRYPTED:
                if await dialogues.person_in(tx, event.room_id) == event.sender:
                    await self._cannot_read(tx, event)
            case What.NOTHING:
                pass

    async def _message(self, tx: Tx, event: Incoming, name: str) -> None:
        direct = await dialogues.person_in(tx, event.room_id) == event.sender
        command = commands.parse(event.text, prefix=self._settings.prefix, direct=direct)
        if command is not None:
            await self._command(tx, event, command, name)

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
        talk = await self._talk(tx, event, "", "")
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
        talk = await self._talk(tx, event, "", "")
        content = talk.text("encrypted", bot=self._settings.bot_mxid).content(notice=True)
        # Named by the room, so that it is said there once, however much is written.
        txn_id = f"bot.encrypted.{digest(event.room_id)}"
        await outbox.say(tx, txn_id, content, to=event.sender, room_id=event.room_id)

    # --- commands ---------------------------------------------------------------------------

    async def _talk(self, tx: Tx, event: Incoming, name: str, language: str) -> Talk:
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
            display_name=name,
        )

    async def _language(self, tx: Tx, person: Person | None, said_in: str) -> str:
        """Choose what to answer in: the person's choice, what they just spoke, their school's."""
        chosen = await accounts.language_of(tx, person.id) if person else ""
        of_schools = (
            [record.language for record in await schools_of(tx, person.id)] if person else []
        )
        wishes = (chosen, said_in, *of_schools, self._settings.default_language)
        return next((wish for wish in wishes if wish in LANGUAGES), LANGUAGES[0])

    async def _command(self, tx: Tx, event: Incoming, command: Command, name: str) -> None:
        talk = await self._talk(tx, event, name, command.language)
        asked = await dialogues.dialogue(tx, event.sender)
        invite_id = asked[0]["invite"] if asked else ""
        if command.offered and command.argument and command.name in _ABOUT_AN_INVITE:
            invite_id = command.argument
        if command.name is Name.CODE:
            quietly = not talk.room_id and not command.prefixed
            await confirming.give_code(talk, command.code, quietly=quietly)
        elif talk.person is None and not invite_id:
            await talk.answer(about.outsider(talk))
        elif command.name in _ABOUT_AN_INVITE:
            await _about_an_invite(talk, command, invite_id)
        elif talk.person is None or (command.name is Name.UNKNOWN and invite_id):
            await confirming.ask_again(talk, invite_id)
        else:
            await _of_a_person(talk, command, event.room_id)

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


_ABOUT_AN_INVITE = frozenset({Name.CONFIRM, Name.NOT_MINE, Name.CANCEL})


async def _about_an_invite(talk: Talk, command: Command, invite_id: str) -> None:
    if not invite_id:
        await talk.reply("code-needed")
    elif command.name is Name.NOT_MINE:
        await confirming.not_mine(talk, invite_id)
    elif command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("cancelled")
    elif command.argument and not command.offered:
        # More was said than yes: consent is not read out of a sentence.
        await confirming.ask_again(talk, invite_id)
    else:
        await confirming.confirm(talk, invite_id)


async def _of_a_person(talk: Talk, command: Command, room_id: str) -> None:
    match command.name:
        case Name.INVITE:
            await inviting.invite_parent(talk)
        case Name.CHILDREN:
            await about.my_children(talk)
        case Name.PARENTS:
            await about.my_parents(talk)
        case Name.WHOAMI:
            await about.who_am_i(talk)
        case Name.WHY:
            await about.why(talk, "" if talk.room_id else room_id)
        case Name.HELP:
            await about.help_(talk)
        case Name.APPROVE | Name.REJECT:
            await approving.decide(talk, command.name, command.argument)
        case Name.LANGUAGE:
            await about.choose_language(talk, command.argument)
        case _:
            await talk.reply("not-understood")
