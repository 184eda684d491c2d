"""Somebody without an invite applies to the school in a role, and somebody decides (S-60).

    role, class, name ──► the case ──► asked of class teacher or administrator
                              │              │ approve, or another role: `admitting`
       the same answer        │              │
       to everybody ◄─────────┘              └ reject: told why, and may apply again

Whoever applies learns nothing by it: whether there is such a school, class or pupil, the answer is
the same, and they are nowhere until the decision (S-44, scenario 21). What was typed is shown only
to those who decide, and lies sealed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import admitting, commands, deciding
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import applications
from sferum_bridge.school.applications import Asked, AskedRole
from sferum_bridge.store import cases, dialogues, schools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.applications import Application

TOPIC = "apply"
_ATTEMPT = "application"
_MINUTE = 60_000
_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣")


async def apply(talk: Talk, command: Command) -> None:
    """Take an application that says everything, or begin to ask for the rest.

    Said by anybody: who is somebody here already may ask for another role. An account may make so
    many within a day (E-RATE).
    """
    if await _is_limited(talk):
        return
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    state = asked[0] if asked and asked[0].get("topic") == TOPIC else {}
    application = applications.read(command.argument)
    if not command.offered or application.role is not None:
        await _go_on_with(talk, application, at_once=bool(application.name))
    elif state.get("draft") == command.argument:
        await _hand_over(talk, applications.restored(state))
    elif state:
        # Below an older question, which was about another draft.
        await _go_on_with(talk, applications.restored(state))
    else:
        await talk.reply("apply-gone")


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take the answer to the question that is open."""
    application = applications.restored(state)
    missing = application.missing(several_schools=await _are_several(talk))
    match command.name:
        case Name.APPLY:
            await apply(talk, command)
        case Name.CANCEL:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("apply-cancelled")
        case Name.CONFIRM if missing is None and not (command.argument or command.offered):
            await _hand_over(talk, application)
        case Name.UNKNOWN if missing is not None:
            await _go_on_with(talk, application.with_answer(missing, command.argument))
        case _:
            await _go_on_with(talk, application)


async def _go_on_with(talk: Talk, application: Application, *, at_once: bool = False) -> None:
    """Ask for what is missing, else show it all and ask whether it is right.

    `at_once`: it was all said in one line, so there is nothing to repeat.
    """
    missing = application.missing(several_schools=await _are_several(talk))
    if missing is None and at_once:
        await _hand_over(talk, application)
        return
    draft = schools.new_id()
    state = {"topic": TOPIC, "draft": draft, **asdict(application)}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    apply_word = commands.word(Name.APPLY, talk.language)
    if missing is None:
        lines = bullets(admitting.lines(talk.texts, talk.language, application))
        text = paragraphs([talk.text("apply-check"), lines, talk.text("apply-check-how")])
        no = commands.word(Name.CANCEL, talk.language)
        # The draft stands in the offer: a tap below an older question hands over nothing else.
        await talk.answer(text, (Offer("✅", f"{apply_word} {draft}"), Offer("❌", no)))
    elif missing is Asked.ROLE:
        words = [applications.word(role, talk.language) for role in AskedRole]
        offers = [
            Offer(number, f"{apply_word} {said}")
            for number, said in zip(_NUMBERS, words, strict=True)
        ]
        await talk.answer(talk.text("apply-role"), offers)
    else:
        await talk.reply(f"apply-{missing.value}")


async def _hand_over(talk: Talk, application: Application) -> None:
    if await _is_limited(talk):
        return
    tx = talk.tx
    await dialogues.note_attempt(tx, talk.mxid, _ATTEMPT)
    open_ = await dialogues.dialogue(tx, talk.mxid)
    if open_ is not None and open_[0].get("topic") == TOPIC:
        await dialogues.close_dialogue(tx, talk.mxid)
    for who in {talk.mxid, talk.actor}:
        for earlier in await cases.opened_by(tx, who):
            if earlier.kind is cases.Kind.APPLICATION and earlier.state is cases.State.OPEN:
                state = cases.State.WITHDRAWN
                await cases.decide(tx, earlier, state, talk.actor, "a newer application")
    known = {record.id: record.name for record in await schools.records(tx)}
    school_id = applications.addressed(application.school, known)
    if school_id:
        case = await admitting.open_case(talk, school_id, application)
        await deciding.ask(talk, admitting.DECIDING, case)
    await talk.reply("apply-sent")


async def _is_limited(talk: Talk) -> bool:
    """Tell whether this account has applied too often, after having said so."""
    settings = talk.settings
    since = talk.tx.now - settings.applications_window
    made, first = await dialogues.attempts_since(talk.tx, talk.mxid, _ATTEMPT, since)
    if made < settings.applications:
        return False
    minutes = -(-(first + settings.applications_window - talk.tx.now) // _MINUTE)
    await talk.reply("e-rate", minutes=max(1, minutes))
    return True


async def _are_several(talk: Talk) -> bool:
    return len(await schools.records(talk.tx)) > 1
