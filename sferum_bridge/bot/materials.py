"""`!материалы`: the lesson materials of one's classes, listed, searched, page by page (S-06).

Everybody sees what is in the materials rooms they are admitted to, from the school year's beginning
on, whenever they came. In a class's room the command is about that class.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from sferum_bridge.bot import commands, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import Text, bullets, harmless, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import materials as rules
from sferum_bridge.school.layout import PLANS, Kind
from sferum_bridge.school.materials import PAGE, Entry
from sferum_bridge.store import materials, rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.schools import SchoolRecord

_NEXT = "▶️"
_PAGE = "page"


@dataclass(frozen=True, slots=True)
class _Line(Entry):
    """An entry, and the message it stands for."""

    link: str


async def show(talk: Talk, command: Command) -> None:
    """List what fits the words behind the command."""
    text, first = command.argument, 0
    if command.offered and text.startswith(f"{_PAGE} "):
        _, number, *rest = [*text.split(" ", 2), ""]
        first, text = int(number), rest[0]
    classes = await _classes(talk)
    if not classes:
        await talk.reply("materials-nowhere")
        return
    query = rules.read(text, max(record.day(talk.tx.now) for _, record in classes.values()))
    fitting = [line for line in await _lines(talk, classes) if rules.fits(line, query)]
    found = rules.ordered(fitting, query.order)
    if not found:
        await talk.reply("materials-none-such" if text.strip() else "materials-none")
        return
    shown = found[first : first + PAGE]
    parts = [
        talk.text("materials-head", first=first + 1, last=first + len(shown), count=len(found)),
        bullets([_line(talk, line, several=len(classes) > 1) for line in shown]),
    ]
    offers: Sequence[Offer] = ()
    if first + PAGE < len(found):
        word = commands.word(Name.MATERIALS, talk.language)
        offers = [Offer(_NEXT, f"{word} {_PAGE} {first + PAGE} {text}".rstrip())]
        parts.append(talk.text("materials-next"))
    elif not text.strip():
        parts.append(talk.text("materials-how"))
    await talk.answer(paragraphs(parts), offers)


async def _classes(talk: Talk) -> Mapping[str, tuple[str, SchoolRecord]]:
    """Return id → name and school of the classes whose materials somebody reads.

    Asked in the room of one of them, only that one.
    """
    admitted = PLANS[Kind.MATERIALS].audience
    found: dict[str, tuple[str, SchoolRecord]] = {}
    for tie in await register.ties(talk.tx, talk.person_id):
        record = await register.school(talk.tx, tie.school.id)
        for reason in tie.reasons:
            if record is not None and reason.role in admitted:
                found[reason.class_id] = tie.school.classes[reason.class_id].name, record
    here = await rooms.by_room_id(talk.tx, talk.asked_in) if talk.asked_in else None
    place = here.key.partition("/")[2] if here else ""
    return {place: found[place]} if place in found else found


async def _lines(talk: Talk, classes: Mapping[str, tuple[str, SchoolRecord]]) -> Sequence[_Line]:
    lines = []
    for one in await materials.of_classes(talk.tx, classes.keys()):
        name, record = classes[one.class_id]
        where = f"{quote(one.room_id, safe='!:')}/{quote(one.event_id, safe='$')}"
        lines.append(
            _Line(
                one.title,
                one.subject,
                one.author,
                name,
                register.day(record, one.at),
                f"https://matrix.to/#/{where}",
            )
        )
    return lines


def _line(talk: Talk, line: _Line, *, several: bool) -> Text:
    """Return a line: the title, which leads to the message, and what else is known of it."""
    known = [line.subject, line.teacher, line.class_name if several else ""]
    at = datetime(line.day.year, line.day.month, line.day.day, tzinfo=UTC)
    about = talk.text("materials-line", about=", ".join(filter(None, known)), at=at)
    title = harmless(line.title)
    html = f'<a href="{escape(line.link)}">{escape(title)}</a> — {about.html}'
    return Text(f"{title} — {about.body}", html)
