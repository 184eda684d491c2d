"""Reporting a message: 🚩 under it, `!пожаловаться` as a reply to it, or a link to it (120-ФЗ).

    🚩 or reply ─► what shows who reports is taken away ─► the message as it stands, read by the bot
                                                                     │
          class teacher and administrators, never its author ◄─ ticket, sealed, in the audit log

A link in the bot's own chat reports without anything being seen in the room. Only of a room one is
in: of any other the answer is the same as of one that does not exist. Who wrote a message is known
by `authorship`; secrets are struck out of what it shows as of everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import about, authorship, helpdesk, ticket_steps
from sferum_bridge.school import tickets as rules
from sferum_bridge.store import rooms, schools, tickets
from sferum_bridge.store.tickets import Kind, State

if TYPE_CHECKING:
    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.witness import Reported

_MOST_CHARACTERS = 2_000


async def how(talk: Talk, _command: Command) -> None:
    """Say how a message is reported, where none was named."""
    await talk.reply("report-how")


async def report(talk: Talk, reported: Reported) -> None:
    """Open a report of a message, and bring it to whoever may take it up."""
    if talk.person is None:
        await talk.answer(about.outsider(talk))
        return
    room_id, event_id = reported.room_id, reported.event_id
    record = await rooms.by_room_id(talk.tx, room_id)
    inside = record is not None and talk.mxid in await rooms.members(talk.tx, room_id)
    shown = _shown(reported.event) if reported.event is not None else None
    if record is None or not inside or shown is None:
        await talk.reply("report-not-found")
        return
    whose = await authorship.of_message(talk, room_id, event_id, shown["sender"])
    author = whose.author
    if shown["sender"] == talk.mxid or (author is not None and author.id == talk.person_id):
        await talk.reply("report-own")
        return
    for earlier in await tickets.opened_by(talk.tx, talk.person_id):
        if earlier.state is not State.CLOSED and earlier.content.get("event") == event_id:
            await talk.reply("report-already")
            return
    if await helpdesk.is_limited(talk, Kind.REPORT):
        return
    here = await schools.load_classes(talk.tx, record.school_id)
    place = record.key.partition("/")[2]
    said = rules.without_secrets(reported.reason)[: rules.MOST_CHARACTERS]
    content = {
        "account": talk.mxid,
        "event": event_id,
        "said": [{"by": talk.person_id, "text": said}],
        "shown": {**shown, "room": record.key, "name": author.full_name if author else "—"},
    }
    one = await tickets.open_(
        talk.tx,
        record.school_id,
        Kind.REPORT,
        talk.person_id,
        content,
        class_id=place if place in here.classes else "",
        about=whose.about,
    )
    reached = await ticket_steps.ask_handlers(talk, one)
    key = "report-sent" if reached else "request-nobody"
    await talk.reply(key, contact=talk.settings.support_contact)


def _shown(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a message shows: its first words and its latest; `None` where it shows none.

    A file is shown by its name: who takes the report up is asked to look at it in the room.
    """
    content, sender, at = event.get("content"), event.get("sender"), event.get("origin_server_ts")
    if not isinstance(content, Mapping) or not isinstance(sender, str):
        return None
    text = _words(content)
    unsigned = event.get("unsigned")
    relations = unsigned.get("m.relations") if isinstance(unsigned, Mapping) else None
    latest = relations.get("m.replace") if isinstance(relations, Mapping) else None
    replaced = latest.get("content") if isinstance(latest, Mapping) else None
    new = replaced.get("m.new_content") if isinstance(replaced, Mapping) else None
    edited = _words(new) if isinstance(new, Mapping) else ""
    if not text and not edited:
        return None
    return {
        "sender": sender,
        "at": at if isinstance(at, int) else 0,
        "text": text,
        "edited": edited if edited != text else "",
    }


def _words(content: Mapping[str, Any]) -> str:
    body, name = content.get("body"), content.get("filename")
    words = [each for each in (body, name) if isinstance(each, str) and each]
    # Struck out before it is cut: half a code is known as none.
    return rules.without_secrets("\n".join(dict.fromkeys(words)))[:_MOST_CHARACTERS]
