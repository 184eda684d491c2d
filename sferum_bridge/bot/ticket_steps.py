"""What is done with a ticket: brought to who may take it up, taken, answered, added to, closed.

Each step is stored, recorded in the audit log, and told to the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, register, tickets_shown
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import tickets as rules
from sferum_bridge.store import accounts, schools, tickets
from sferum_bridge.store.tickets import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.schools import SchoolRecord
    from sferum_bridge.store.tickets import Ticket


def said(talk: Talk, text: str) -> dict[str, str]:
    """Return words as a ticket keeps them: whose they are, and no secret in them."""
    safe = rules.without_secrets(text)[: rules.MOST_CHARACTERS]
    return {"by": talk.person_id, "text": safe}


async def handlers(talk: Talk, one: Ticket) -> Sequence[str]:
    """Return who may take a ticket up today."""
    record = await register.school(talk.tx, one.school_id)
    return (await Able.at(talk, record)).handlers(one) if record else ()


@dataclass(frozen=True, slots=True)
class Able:
    """Who takes things up at a school today, read once for however many tickets."""

    administrators: Sequence[str]
    leaders: Mapping[str, Sequence[str]]
    """Class → who leads it."""

    @classmethod
    async def at(cls, talk: Talk, record: SchoolRecord) -> Able:
        """Look who they are."""
        here = await schools.load_classes(talk.tx, record.id)
        day = record.day(talk.tx.now)
        leaders: dict[str, list[str]] = {}
        for lead in here.leaderships:
            if lead.term.covers(day):
                leaders.setdefault(lead.class_id, []).append(lead.person_id)
        return cls(await register.administrators(talk.tx, record), leaders)

    def handlers(self, one: Ticket) -> Sequence[str]:
        """Return who may take a ticket up, those first who are nearest."""
        leaders = self.leaders.get(one.class_id, ()) if one.class_id else ()
        return rules.handlers(
            leaders, self.administrators, about=one.about, opened_by=one.opened_by
        )


async def ask_handlers(talk: Talk, one: Ticket) -> Sequence[str]:
    """Bring a ticket to everybody who may take it up; return whom it reached."""
    reached = []
    for person_id in await handlers(talk, one):
        mxids = await accounts.mxids_of(talk.tx, person_id)
        text, offers = await tickets_shown.question(talk, await talk.language_of(person_id), one)
        for mxid in mxids:
            await talk.tell(mxid, text, offers)
        if mxids:
            reached.append(person_id)
    return reached


async def take(talk: Talk, one: Ticket) -> None:
    """Take a ticket up, unless somebody has."""
    if one.taken_by == talk.person_id:
        await talk.reply("ticket-taken-done")
        return
    if one.taken_by:
        other = await accounts.person(talk.tx, one.taken_by)
        await talk.reply("ticket-taken-by", name=other.full_name if other else "—")
        return
    await _note_taken(talk, one)
    await talk.reply("ticket-taken-done")


async def _note_taken(talk: Talk, one: Ticket) -> None:
    me = talk.person.formal_name if talk.person else ""
    await tickets.change(talk.tx, one, state=State.TAKEN.value, taken_by=talk.person_id)
    tickets.record(talk.tx, one, talk.person_id, "take")
    await talk.inform([one.opened_by], "ticket-taken", kind=one.kind, name=me)
    others = [who for who in await handlers(talk, one) if who != talk.person_id]
    name = await _name(talk, one.opened_by)
    await talk.inform(others, "ticket-taken-others", kind=one.kind, name=me, who=name)


async def answer(talk: Talk, one: Ticket, text: str) -> None:
    """Pass an answer on to who opened a ticket; who answers has taken it up."""
    if not one.taken_by:
        await _note_taken(talk, one)
    whole = [*one.content.get("said", ()), said(talk, text)]
    await tickets.change(talk.tx, one, content={**one.content, "said": whole})
    tickets.record(talk.tx, one, talk.person_id, "answer")
    me = talk.person.formal_name if talk.person else ""
    heard = _Heard("ticket-answered", me, Name.REQUEST, "more", text)
    await _tell(talk, one, [one.opened_by], heard)
    word = commands.word(Name.ANSWER, talk.language)
    offers = [Offer("💬", f"{word} {one.id} answer"), Offer("✅", f"{word} {one.id} close")]
    await talk.answer(talk.text("ticket-answer-done"), offers)


async def add(talk: Talk, one: Ticket, text: str) -> None:
    """Pass on what who opened a ticket says besides."""
    whole = [*one.content.get("said", ()), said(talk, text)]
    await tickets.change(talk.tx, one, content={**one.content, "said": whole})
    tickets.record(talk.tx, one, talk.person_id, "add")
    able = await handlers(talk, one)
    whom = [one.taken_by] if one.taken_by in able else able
    name = talk.person.full_name if talk.person else ""
    await _tell(talk, one, whom, _Heard("ticket-added", name, Name.ANSWER, "answer", text))
    await talk.reply("ticket-more-done")


@dataclass(frozen=True, slots=True)
class _Heard:
    """What somebody hears of a ticket: who said what, and how it is answered."""

    key: str
    name: str
    command: Name
    step: str
    text: str


async def _tell(talk: Talk, one: Ticket, whom: Sequence[str], heard: _Heard) -> None:
    """Bring what was just said to people, with the reaction that answers it."""
    text = rules.without_secrets(heard.text)[: rules.MOST_CHARACTERS]
    for person_id in whom:
        language = await talk.language_of(person_id)
        head = talk.texts.text(language, heard.key, kind=one.kind, name=heard.name)
        offers = [Offer("💬", f"{commands.word(heard.command, language)} {one.id} {heard.step}")]
        for mxid in await accounts.mxids_of(talk.tx, person_id):
            await talk.tell(mxid, paragraphs([head, quoted(text)]), offers)


async def close(talk: Talk, one: Ticket) -> None:
    """Close a ticket, and tell who opened it."""
    await tickets.change(talk.tx, one, state=State.CLOSED.value, closed_at=talk.tx.now)
    tickets.record(talk.tx, one, talk.person_id, "close")
    await talk.inform([one.opened_by], "ticket-closed", kind=one.kind)
    await talk.reply("ticket-close-done")


async def _name(talk: Talk, person_id: str) -> str:
    person = await accounts.person(talk.tx, person_id)
    return person.full_name if person else "—"
