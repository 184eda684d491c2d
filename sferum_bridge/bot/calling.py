"""Somebody of the staff starts a group call in a room, and it ends (S-24, S-26, S-48).

    «!звонок» in a room ─► may they? ─┬─ linked, logged in ─► Sferum is asked ─► link in the chat
                                      │                              │ refused
                                      └─ the school's own meetings ◄─┘
                                                    │
                        one post with a link, which opens for members (`web.link`)
                                                    │ «!звонок закончить», or time is up
                                                    ▼
                      one line: who, from when to when, how long, how many came

A call of Sferum is told of in its chat, in the name of who started it, and from there it comes into
the room like any other. What the row of a call says is what the line in the room is made of, so a
bridge that was away ends a call late and tells of it once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import linked_rooms, messenger, register
from sferum_bridge.bot.texts import LANGUAGES, paragraphs
from sferum_bridge.network.base import NetworkError, RemoteCall
from sferum_bridge.school import access
from sferum_bridge.school import calls as rules
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import accounts, audit, calls, chats, rooms, voices
from sferum_bridge.store.calls import Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.calls import Call
    from sferum_bridge.store.schools import SchoolRecord

_OVER = frozenset(
    {"закончить", "закончен", "закончился", "завершить", "конец", "end", "ended", "over", "stop"}
)
_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class _Place:
    """A room of a school, and whether who speaks may start calls there."""

    room_id: str
    record: SchoolRecord
    may_start: bool

    @property
    def language(self) -> str:
        language = self.record.language
        return language if language in LANGUAGES else LANGUAGES[0]


async def call(talk: Talk, command: Command) -> None:
    """Start a call in the room it was said in, or end the one that goes on there."""
    place = await _place(talk, talk.asked_in)
    if place is None:
        await talk.reply("call-where")
        return
    going_on = await calls.going_on(talk.tx, place.room_id)
    is_own = going_on is not None and going_on.caller_id == talk.person_id
    if not place.may_start and not is_own:
        await talk.reply("call-right")
    elif command.argument.strip(" .!").casefold() in _OVER:
        if going_on is None:
            await talk.reply("call-none")
        else:
            await _end(talk, going_on, place.record)
    elif command.argument:
        await talk.reply("call-how")
    elif going_on is not None:
        await talk.reply("call-goes-on")
    elif not place.may_start:
        await talk.reply("call-right")
    else:
        await _start(talk, place)


async def started(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Take the call Sferum has started, or do without it."""
    place = await _place(talk, str(content["room"]))
    if isinstance(answer, RemoteCall):
        end = partial(messenger.ask, talk, messenger.END_CALL, login=content["login"])
        if place is None or not place.may_start:
            await talk.reply("call-right")
            await end(call=answer.id)
        elif not await _begin_sferum(talk, place, content, answer):
            await talk.reply("call-goes-on")
            await end(call=answer.id)
    elif place is None or not place.may_start:
        await talk.reply("call-right")
    elif talk.settings.meetings.are_there:
        await _begin_own(talk, place)
    else:
        why = talk.text(messenger.text_key(answer))
        await talk.answer(paragraphs([talk.text("call-sferum-failed"), why]))


async def told(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Say so where the link of a call may not have come into its chat."""
    if isinstance(answer, NetworkError):
        await talk.reply("call-not-told", link=str(content["url"]))


async def over(talk: Talk, _content: Mapping[str, Any], answer: object) -> None:
    """Say so where Sferum did not end a call by our word: it goes on until all have left."""
    # Where time was up nobody asked for it, and nobody is there to be told.
    if isinstance(answer, NetworkError) and talk.mxid:
        await talk.reply("call-not-ended")


async def time_up(talk: Talk, call_id: str) -> None:
    """End a call that nobody has ended for too long."""
    one = await calls.by_id(talk.tx, call_id)
    record = await register.school(talk.tx, one.school_id) if one else None
    if one is not None and record is not None and not one.ended_at:
        await _end(talk, one, record)


def link(talk: Talk, one_id: str) -> str:
    """Return the link that opens a call or a broadcast for whom it is for."""
    return f"{talk.settings.public_url}/m/{one_id}"


# --- the steps ------------------------------------------------------------------------------


async def _place(talk: Talk, room_id: str) -> _Place | None:
    made = await rooms.by_room_id(talk.tx, room_id) if room_id else None
    record = await register.school(talk.tx, made.school_id) if made else None
    if made is None or record is None or made.key.partition("/")[0] != made.kind:
        return None  # also where another room has taken its place
    where = made.key.partition("/")[2]
    held = {
        access.group(reason.role, reason.class_id or tie.school.id)
        for tie in await register.ties(talk.tx, talk.person_id)
        for reason in tie.reasons
        if tie.school.id == record.id
    }
    may = rules.may_start(Kind(made.kind), record.id, where, held)
    return _Place(room_id, record, may)


async def _start(talk: Talk, place: _Place) -> None:
    through = await _through(talk, place.room_id)
    if through is not None:
        login_id, chat_id = through
        where = {"login": login_id, "chat": chat_id, "room": place.room_id}
        await messenger.ask(talk, messenger.START_CALL, **where)
    elif talk.settings.meetings.are_there:
        await _begin_own(talk, place)
    else:
        is_linked = await chats.chat_of_room(talk.tx, place.room_id) is not None
        await talk.reply(
            "call-login" if is_linked and talk.settings.calls_in_sferum else "call-nowhere"
        )


async def _through(talk: Talk, room_id: str) -> tuple[str, str] | None:
    """Return a login of this person, and by which number it knows the chat of a room."""
    chat = await chats.chat_of_room(talk.tx, room_id)
    if chat is None or not talk.settings.calls_in_sferum:
        return None
    spoken = (await voices.in_room(talk.tx, room_id)).values()
    known = {voice.login_id: voice.chat_id for voice in spoken if voice.chat_id}
    known[chat.login_id] = chat.chat_id
    own = [one for one in await linked_rooms.own_logins(talk) if not one.expired]
    return next(((one.id, known[one.id]) for one in own if one.id in known), None)


async def _begin_own(talk: Talk, place: _Place) -> None:
    meeting = f"school-{secrets.token_hex(10)}"
    one = await calls.start(
        talk.tx, place.record.id, place.room_id, talk.person_id, Network.OWN, meeting
    )
    if one is None:
        await talk.reply("call-goes-on")
        return
    _record(talk, one, "call.start")
    author = talk.person.formal_name if talk.person else ""
    post = talk.texts.text(place.language, "call-post", author=author, link=link(talk, one.id))
    await talk.announce(place.room_id, post, rings=True)
    await talk.reply("call-started")


async def _begin_sferum(
    talk: Talk, place: _Place, content: Mapping[str, Any], answer: RemoteCall
) -> bool:
    one = await calls.start(
        talk.tx,
        place.record.id,
        place.room_id,
        talk.person_id,
        Network.SFERUM,
        answer.id,
        login_id=str(content["login"]),
        url=answer.join_url,
    )
    if one is None:
        return False
    _record(talk, one, "call.start")
    said = talk.texts.text(place.language, "call-in-sferum", link=answer.join_url).body
    where = {"login": one.login_id, "chat": content["chat"], "number": one.id}
    await messenger.ask(talk, messenger.TELL_CALL, **where, text=said, url=answer.join_url)
    await talk.reply("call-started-sferum")
    return True


async def _end(talk: Talk, one: Call, record: SchoolRecord) -> None:
    """End a call and write the one line about it into its room (S-48)."""
    count = await calls.end(talk.tx, one)
    _record(talk, one, "call.end")
    is_sferum = one.network is Network.SFERUM
    if is_sferum:
        await messenger.ask(talk, messenger.END_CALL, login=one.login_id, call=one.meeting)
    caller = await accounts.person(talk.tx, one.caller_id)
    language = record.language if record.language in LANGUAGES else LANGUAGES[0]
    line = talk.texts.text(
        language,
        "call-over-sferum" if is_sferum else "call-over",
        author=caller.formal_name if caller else "",
        at=register.moment(record, one.started_at),
        end=register.moment(record, talk.tx.now),
        minutes=max(1, -(-(talk.tx.now - one.started_at) // _MINUTE)),
        # How many came to a call of Sferum only Sferum knows.
        **({} if is_sferum else {"count": count}),
    )
    await talk.announce(one.room_id, line)


def _record(talk: Talk, one: Call, action: str) -> None:
    why = f"call {one.id}"
    actor = talk.actor or "bridge"
    audit.record(talk.tx, actor, action, one.caller_id, why, school=one.school_id)
