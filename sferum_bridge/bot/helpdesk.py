"""Requests to the school's administrators, and the queue in which they and reports are taken up.

    «обращение …» ──► ticket ──► ✋ taken ──► 💬 answered, as often as need be ──► ✅ closed
    🚩, «пожаловаться» ─┘ (`reporting`)          │ each step is told to who opened it
                                                 └ 💬 more, from who opened it

Who may take something up is asked anew at every step. What is passed on is what was written,
without codes and passwords, and what the school knows anyway: name, roles, account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, register, tickets_shown
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import bullets, paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import tickets as rules
from sferum_bridge.store import accounts, dialogues, schools, tickets
from sferum_bridge.store.tickets import Kind, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.tickets import Ticket

TOPIC = "helpdesk"
_FREE = {"free": True, "except": [Name.REQUEST.value]}
_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")
_MOST_A_DAY = 10
_LISTED = 10
_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE


async def request(talk: Talk, command: Command) -> None:
    """Take a request to the school, or begin to ask for it; or what was tapped below an answer."""
    first, _, rest = command.argument.partition(" ")
    if command.offered and first == "school":
        asked = await dialogues.dialogue(talk.tx, talk.mxid)
        text = str(asked[0].get("text", "")) if asked and asked[0].get("topic") == TOPIC else ""
        if text:
            await _open(talk, text, rest)
        else:
            await talk.reply("ticket-gone")
    elif command.offered and first:
        one = await tickets.by_id(talk.tx, first)
        if one is None or one.opened_by != talk.person_id or one.state is State.CLOSED:
            await talk.reply("ticket-gone")
        else:
            await _ask(talk, "more", id=one.id)
            await talk.reply("ticket-more")
    elif command.argument:
        await _begin(talk, command.argument)
    else:
        await _ask(talk, "text")
        await talk.reply("request-text", contact=talk.settings.support_contact)


async def answer(talk: Talk, command: Command) -> None:
    """Take a step with a ticket that was tapped; without one show the queue."""
    ticket_id, _, step = command.argument.partition(" ")
    if not command.offered or not ticket_id:
        await show(talk, command)
        return
    one = await tickets.by_id(talk.tx, ticket_id)
    if one is None or talk.person_id not in await handlers(talk, one):
        await talk.reply("ticket-not-yours")
    elif one.state is State.CLOSED:
        await talk.reply("ticket-closed-already")
    elif step == "take":
        await _take(talk, one)
    elif step == "answer":
        await _ask(talk, "answer", id=one.id)
        await talk.reply("ticket-answer")
    elif step == "close":
        await _close(talk, one)


async def show(talk: Talk, _command: Command) -> None:
    """Show what waits to somebody who takes things up, and to everybody their own."""
    shown = 0
    for record in await register.schools_of(talk.tx, talk.person_id):
        today = record.day(talk.tx.now)
        if not await schools.decides(talk.tx, talk.person_id, record.id, today):
            continue
        for one in await tickets.waiting(talk.tx, record.id):
            if talk.person_id in await handlers(talk, one):
                if shown == _LISTED:
                    await talk.reply("tickets-more")
                    return
                await talk.answer(*await tickets_shown.question(talk, talk.language, one))
                tickets.record(talk.tx, one, talk.person_id, "read")
                shown += 1
    mine = (await tickets.opened_by(talk.tx, talk.person_id))[-_LISTED:]
    if mine:
        lines = [await tickets_shown.own_line(talk, one) for one in mine]
        await talk.answer(paragraphs([talk.text("tickets-mine"), bullets(lines)]))
    elif not shown:
        await talk.reply("tickets-none")


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take the answer to the question that is open."""
    asks = state.get("asks")
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("ticket-cancelled")
        return
    if asks == "school" or not talk.said:
        await talk.reply("ticket-gone" if asks != "school" else "request-school-tap")
        return
    if asks == "text":
        await _begin(talk, talk.said)
        return
    one = await tickets.by_id(talk.tx, str(state.get("id", "")))
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    if one is None or one.state is State.CLOSED:
        await talk.reply("ticket-closed-already")
    elif asks == "more" and one.opened_by == talk.person_id:
        await _add(talk, one)
    elif asks == "answer" and talk.person_id in await handlers(talk, one):
        await _answer(talk, one)
    else:
        await talk.reply("ticket-not-yours")


# --- asking ---------------------------------------------------------------------------------


async def _ask(talk: Talk, asks: str, **more: str) -> None:
    free = {} if asks == "school" else _FREE
    state = {"topic": TOPIC, "asks": asks, **free, **more}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)


async def _begin(talk: Talk, text: str) -> None:
    # Also of one who has no role yet or no more: something may have gone wrong with just that.
    own = (await register.schools_of(talk.tx, talk.person_id))[: len(_NUMBERS)]
    if not own:
        await talk.reply("request-nowhere", contact=talk.settings.support_contact)
    elif len(own) == 1:
        await _open(talk, text, own[0].id)
    else:
        word = commands.word(Name.REQUEST, talk.language)
        offers = [
            Offer(number, f"{word} school {record.id}")
            for number, record in zip(_NUMBERS, own, strict=False)
        ]
        await _ask(talk, "school", text=rules.without_secrets(text)[: rules.MOST_CHARACTERS])
        lines = [talk.text("announce-school-line", school=record.name) for record in own]
        await talk.answer(paragraphs([talk.text("request-school"), bullets(lines)]), offers)


async def _open(talk: Talk, text: str, school_id: str) -> None:
    own = {record.id for record in await register.schools_of(talk.tx, talk.person_id)}
    if school_id not in own:
        await talk.reply("ticket-gone")
        return
    if await is_limited(talk, Kind.REQUEST):
        return
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is not None and asked[0].get("topic") == TOPIC:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
    content = {"said": [_said(talk, text)], "account": talk.mxid}
    one = await tickets.open_(talk.tx, school_id, Kind.REQUEST, talk.person_id, content)
    reached = await ask_handlers(talk, one)
    key = "request-sent" if reached else "request-nobody"
    await talk.reply(key, contact=talk.settings.support_contact)


def _said(talk: Talk, text: str) -> dict[str, str]:
    safe = rules.without_secrets(text)[: rules.MOST_CHARACTERS]
    return {"by": talk.person_id, "text": safe}


async def is_limited(talk: Talk, kind: Kind) -> bool:
    """Count a ticket; tell whether this account has opened too many, after having said so."""
    since = talk.tx.now - _DAY
    made, first = await dialogues.attempts_since(talk.tx, talk.mxid, kind.value, since)
    if made < _MOST_A_DAY:
        await dialogues.note_attempt(talk.tx, talk.mxid, kind.value)
        return False
    await talk.reply("e-rate", minutes=max(1, -(-(first + _DAY - talk.tx.now) // _MINUTE)))
    return True


# --- the queue ------------------------------------------------------------------------------


async def handlers(talk: Talk, one: Ticket) -> Sequence[str]:
    """Return who may take a ticket up today."""
    record = await register.school(talk.tx, one.school_id)
    if record is None:
        return ()
    administrators = await register.administrators(talk.tx, record)
    leaders: Sequence[str] = ()
    if one.class_id:
        here = await schools.load_classes(talk.tx, one.school_id)
        day = record.day(talk.tx.now)
        leaders = [
            lead.person_id
            for lead in here.leaderships
            if lead.class_id == one.class_id and lead.term.covers(day)
        ]
    return rules.handlers(leaders, administrators, about=one.about, opened_by=one.opened_by)


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


async def _take(talk: Talk, one: Ticket) -> None:
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


async def _answer(talk: Talk, one: Ticket) -> None:
    if not one.taken_by:
        await _note_taken(talk, one)
    said = [*one.content.get("said", ()), _said(talk, talk.said)]
    await tickets.change(talk.tx, one, content={**one.content, "said": said})
    tickets.record(talk.tx, one, talk.person_id, "answer")
    me = talk.person.formal_name if talk.person else ""
    await _tell(talk, one, [one.opened_by], "ticket-answered", me, Name.REQUEST, "more")
    word = commands.word(Name.ANSWER, talk.language)
    offers = [Offer("💬", f"{word} {one.id} answer"), Offer("✅", f"{word} {one.id} close")]
    await talk.answer(talk.text("ticket-answer-done"), offers)


async def _add(talk: Talk, one: Ticket) -> None:
    said = [*one.content.get("said", ()), _said(talk, talk.said)]
    await tickets.change(talk.tx, one, content={**one.content, "said": said})
    tickets.record(talk.tx, one, talk.person_id, "add")
    able = await handlers(talk, one)
    whom = [one.taken_by] if one.taken_by in able else able
    name = talk.person.full_name if talk.person else ""
    await _tell(talk, one, whom, "ticket-added", name, Name.ANSWER, "answer")
    await talk.reply("ticket-more-done")


async def _tell(
    talk: Talk, one: Ticket, whom: Sequence[str], key: str, name: str, command: Name, step: str
) -> None:
    """Bring what was just said to people, with the reaction that answers it."""
    text = rules.without_secrets(talk.said)[: rules.MOST_CHARACTERS]
    for person_id in whom:
        language = await talk.language_of(person_id)
        head = talk.texts.text(language, key, kind=one.kind, name=name)
        offers = [Offer("💬", f"{commands.word(command, language)} {one.id} {step}")]
        for mxid in await accounts.mxids_of(talk.tx, person_id):
            await talk.tell(mxid, paragraphs([head, quoted(text)]), offers)


async def _close(talk: Talk, one: Ticket) -> None:
    await tickets.change(talk.tx, one, state=State.CLOSED.value, closed_at=talk.tx.now)
    tickets.record(talk.tx, one, talk.person_id, "close")
    await talk.inform([one.opened_by], "ticket-closed", kind=one.kind)
    await talk.reply("ticket-close-done")


async def _name(talk: Talk, person_id: str) -> str:
    person = await accounts.person(talk.tx, person_id)
    return person.full_name if person else "—"
