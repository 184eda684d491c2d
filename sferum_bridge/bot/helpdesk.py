"""Requests to the school's administrators, and the queue in which they and reports are taken up.

    «обращение …» ──► ticket ──► ✋ taken ──► 💬 answered, as often as need be ──► ✅ closed
    🚩, «пожаловаться» ─┘ (`reporting`)          │ each step is told to who opened it
                                                 └ 💬 more, from who opened it

Who may take something up is asked anew at every step. What is passed on is what was written,
without codes and passwords, and what the school knows anyway: name, roles, account. It is not shown
before, so words for somebody else that may have been meant for the bot are asked about first, and
words that come long after the question go to nobody. The steps themselves are `ticket_steps`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, register, ticket_steps, tickets_shown
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import bullets, paragraphs, quoted
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import tickets as rules
from sferum_bridge.store import dialogues, schools, tickets
from sferum_bridge.store.tickets import Kind, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk

TOPIC = "helpdesk"
_FREE = {"free": True, "sends": True, "except": [Name.REQUEST.value]}
_NO_COMMANDS = frozenset({Name.UNKNOWN, Name.CODE, Name.CONFIRM, Name.NOT_MINE, Name.CANCEL})
"""What words are read as that are none, or that answer whatever was asked last."""
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
    elif command.offered and first == "sure":
        await _sure(talk, rest)
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
    if one is None or talk.person_id not in await ticket_steps.handlers(talk, one):
        await talk.reply("ticket-not-yours")
    elif one.state is State.CLOSED:
        await talk.reply("ticket-closed-already")
    elif step == "take":
        await ticket_steps.take(talk, one)
    elif step == "answer":
        await _ask(talk, "answer", id=one.id)
        await talk.reply("ticket-answer")
    elif step == "close":
        await ticket_steps.close(talk, one)


async def show(talk: Talk, _command: Command) -> None:
    """Show what waits to somebody who takes things up, and to everybody their own."""
    shown = 0
    for record in await register.schools_of(talk.tx, talk.person_id):
        today = record.day(talk.tx.now)
        if not await schools.decides(talk.tx, talk.person_id, record.id, today):
            continue
        able = await ticket_steps.Able.at(talk, record)
        for one in await tickets.waiting(talk.tx, record.id):
            if talk.person_id in able.handlers(one):
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
    elif await _is_late(talk):
        return
    elif asks == "sure" and command.name is Name.CONFIRM:
        await _pass_on(talk, state, str(state["then"]), str(state["text"]))
    elif asks == "sure":
        await _ask_whether(talk, state, str(state["then"]), str(state["text"]))
    elif asks == "answer" and command.argument and command.name not in _NO_COMMANDS:
        await _ask_whether(talk, state, str(asks), talk.said)
    else:
        await _pass_on(talk, state, str(asks), talk.said)


async def _pass_on(talk: Talk, state: Mapping[str, Any], asks: str, text: str) -> None:
    """Pass words on to whom they answer; `asks` is what was asked."""
    if asks == "text":
        await _begin(talk, text)
        return
    one = await tickets.by_id(talk.tx, str(state.get("id", "")))
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    if one is None or one.state is State.CLOSED:
        await talk.reply("ticket-closed-already")
    elif asks == "more" and one.opened_by == talk.person_id:
        await ticket_steps.add(talk, one, text)
    elif asks == "answer" and talk.person_id in await ticket_steps.handlers(talk, one):
        await ticket_steps.answer(talk, one, text)
    else:
        await talk.reply("ticket-not-yours")


# --- asking ---------------------------------------------------------------------------------


async def _ask(talk: Talk, asks: str, **more: str) -> None:
    free = {} if asks in {"school", "sure"} else _FREE
    state = {"topic": TOPIC, "asks": asks, **free, **more}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)


async def _is_late(talk: Talk) -> bool:
    """Tell whether the open question was asked too long ago, after having said so and closed it."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    if asked is None or talk.tx.now - asked[1] <= dialogues.FREE_FOR:
        return False
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    await talk.reply("ticket-late", minutes=dialogues.FREE_FOR // _MINUTE)
    return True


async def _ask_whether(talk: Talk, state: Mapping[str, Any], asks: str, text: str) -> None:
    """Ask whether words that look like a command are to be passed on."""
    safe = rules.without_secrets(text)[: rules.MOST_CHARACTERS]
    key = digest(talk.event_id)
    await _ask(talk, "sure", then=asks, id=str(state.get("id", "")), text=safe, key=key)
    offers = [Offer("✅", f"{commands.word(Name.REQUEST, talk.language)} sure {key}")]
    await talk.answer(paragraphs([talk.text("ticket-sure"), quoted(safe)]), offers)


async def _sure(talk: Talk, key: str) -> None:
    """Pass on the words that were asked about, if nothing else was asked since."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    state = asked[0] if asked else {}
    if state.get("topic") != TOPIC or state.get("key") != key:
        await talk.reply("ticket-gone")
    elif not await _is_late(talk):
        await _pass_on(talk, state, str(state["then"]), str(state["text"]))


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
    content = {"said": [ticket_steps.said(talk, text)], "account": talk.mxid}
    one = await tickets.open_(talk.tx, school_id, Kind.REQUEST, talk.person_id, content)
    reached = await ticket_steps.ask_handlers(talk, one)
    key = "request-sent" if reached else "request-nobody"
    await talk.reply(key, contact=talk.settings.support_contact)


async def is_limited(talk: Talk, kind: Kind) -> bool:
    """Count a ticket; tell whether this account has opened too many, after having said so."""
    since = talk.tx.now - _DAY
    made, first = await dialogues.attempts_since(talk.tx, talk.mxid, kind.value, since)
    if made < _MOST_A_DAY:
        await dialogues.note_attempt(talk.tx, talk.mxid, kind.value)
        return False
    await talk.reply("e-rate", minutes=max(1, -(-(first + _DAY - talk.tx.now) // _MINUTE)))
    return True
