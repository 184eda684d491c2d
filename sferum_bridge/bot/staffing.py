"""An administrator changes who works at the school, who leads a class, where a pupil is (§2.2).

    the command ─► who, what, from when ─► rule (`school.staffing`) ─► preview: ✅ or ❌
                   (`ordering`)                                                   │
    people told ◄── news ◄── carried out ◄── still the same? ◄── the rule again ◄─┘
    (`staff_news`)

Only an administrator of the school orders, and has to be one still when confirming. What is known
of others by then may have changed what the order does: then it is shown and asked again. Whoever is
concerned is told by the news that carrying out puts, the same for orders of the console.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, ordering, register, staff_lines
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.ordering import Place, Unclear
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import applications, staffing
from sferum_bridge.school.staffing import Act, Refused
from sferum_bridge.store import accounts, dialogues, schools
from sferum_bridge.store import staffing as stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.ordering import Read
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.staffing import Changes, Order
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "staffing"

# What stands before the draft in an argument that the bot itself has offered.
_DO = "do"
_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")

# --- the command ----------------------------------------------------------------------------


async def begin(talk: Talk, command: Command) -> None:
    """Take one of the four commands: show what it would change, and ask."""
    match command.argument.split() if command.offered else ():
        case [first, draft] if first == _DO:
            asked = await dialogues.dialogue(talk.tx, talk.mxid)
            if asked is None or asked[0].get("draft") != draft:
                await talk.reply("staffing-gone")
            else:
                await _confirm(talk, asked[0])
            return
    try:
        await _read(talk, command)
    except Unclear as e:
        await talk.reply(e.key, **e.values)


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Carry out what was shown, leave it, or show it again."""
    match command.name:
        case Name.CANCEL:
            await dialogues.close_dialogue(talk.tx, talk.mxid)
            await talk.reply("staffing-cancelled")
        case Name.CONFIRM if not command.argument:
            await _confirm(talk, state)
        case _:
            await _ask(talk, state)


async def _read(talk: Talk, command: Command) -> None:
    """Find out the school and the order, and ask about it."""
    administered = {r.id: r for r in await register.administered(talk.tx, talk.person_id)}
    if not administered:
        await talk.reply("staffing-right")
        return
    word = commands.word(command.name, talk.language)
    words = command.argument.split()
    if words and words[0] in administered:
        record = administered[words.pop(0)]
    elif len(administered) == 1:
        [record] = administered.values()
    else:
        await which_school(talk, list(administered.values()), word, command.argument)
        return
    place = await _place(talk, record)
    found = await ordering.read(talk, command.name, place, f"{word} {record.id}", words)
    if found is not None:
        await _draft(talk, place, found)


async def _place(talk: Talk, record: SchoolRecord) -> Place:
    return Place(record, await schools.load(talk.tx, record.id), record.day(talk.tx.now))


async def which_school(
    talk: Talk, records: Sequence[SchoolRecord], word: str, argument: str
) -> None:
    """Ask an administrator of several schools which one a command is for."""
    numbered = list(zip(_NUMBERS, records, strict=False))
    lines = [
        talk.text("staffing-school", number=number, school=record.name)
        for number, record in numbered
    ]
    offers = [Offer(number, f"{word} {record.id} {argument}") for number, record in numbered]
    await talk.answer(paragraphs([talk.text("staffing-which-school"), bullets(lines)]), offers)


# --- the question ---------------------------------------------------------------------------


async def _draft(talk: Talk, place: Place, read: Read) -> None:
    """Keep an order and ask about it."""
    state = {
        "topic": TOPIC,
        "draft": schools.new_id(),
        "school": place.record.id,
        "order": read.order.kept(),
        "labels": {who.person_id: who.label for who in read.people},
        "new": {who.account: who.name for who in read.people if who.account},
    }
    await _ask(talk, state)


async def _ask(talk: Talk, state: Mapping[str, Any], *, anew: bool = False) -> None:
    """Show what an order does today, and ask; `anew`: it is not what was shown before."""
    place = await _still_administered(talk, state)
    if place is None:
        return
    order, labels = staffing.restored(state["order"]), state["labels"]
    try:
        changes = staffing.decide(place.here, order, place.today)
    except Refused as e:
        await _refuse(talk, e, state)
        return
    seen = {**state, "seen": _digest(changes)}
    await dialogues.open_dialogue(talk.tx, talk.mxid, seen)
    rows = stored.described(changes)
    parts = [talk.text("staffing-anew")] if anew else []
    parts += [
        talk.text("staffing-ask", school=place.record.name),
        bullets([staff_lines.change(talk, talk.language, place.here, row, labels) for row in rows]),
        *(staff_lines.notice(talk, place.here, notice) for notice in changes.notices),
        talk.text("staffing-how"),
    ]
    # The draft stands in the offer: a tap below an older question orders nothing else.
    word = commands.word(_NAMES[order.act], talk.language)
    no = commands.word(Name.CANCEL, talk.language)
    offers = (Offer("✅", f"{word} {_DO} {state['draft']}"), Offer("❌", no))
    await talk.answer(paragraphs(parts), offers)


_NAMES = {
    Act.APPOINT: Name.APPOINT,
    Act.LEAD: Name.APPOINT,
    Act.DISMISS: Name.DISMISS,
    Act.HAND_OVER: Name.HAND_OVER,
    Act.TRANSFER: Name.TRANSFER,
}


def _digest(changes: Changes) -> str:
    rows = sorted(json.dumps(row, sort_keys=True) for row in stored.described(changes))
    return digest("\n".join(rows))


# --- the answer -----------------------------------------------------------------------------


async def _confirm(talk: Talk, state: Mapping[str, Any]) -> None:
    """Carry an order out, if it still does what was shown."""
    # Before the right is looked at: whoever dismisses this person at the same time goes first.
    here = await stored.read(talk.tx, str(state["school"]))
    place = await _still_administered(talk, state)
    if place is None:
        return
    order = staffing.restored(state["order"])
    try:
        changes = staffing.decide(here, order, place.today)
        if _digest(changes) != state["seen"]:
            await _ask(talk, state, anew=True)
            return
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        for account, name in state["new"].items():
            # Who is new may be somebody the installation knows, and hold the post already.
            order = await _with_newcomer(talk, place, order, account, name)
            changes = staffing.decide(here, order, place.today)
    except Refused as e:
        await _refuse(talk, e, state)
        return
    await stored.carry_out(
        talk.tx, place.record.id, changes, talk.person_id, order.act.value, place.today
    )
    await talk.reply("staffing-done")


async def _with_newcomer(talk: Talk, place: Place, order: Order, account: str, name: str) -> Order:
    """Return the order with the person in place of an account that is new at the school."""
    was_nobody = await accounts.person_of(talk.tx, account) is None
    names = applications.names(name)
    person_id = await stored.newcomer(talk.tx, place.record.id, account, names, talk.person_id)
    if was_nobody:
        await talk.rename(person_id, f"{names[1]} {names[0]}")
    if order.person_id == account:
        return replace(order, person_id=person_id)
    return replace(order, from_id=person_id)


async def _still_administered(talk: Talk, state: Mapping[str, Any]) -> Place | None:
    """Return the school of a draft; `None`, and answered, for who administers it no more."""
    record = await register.administered_one(talk.tx, talk.person_id, str(state["school"]))
    if record is not None:
        return await _place(talk, record)
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    await talk.reply("staffing-right")
    return None


async def _refuse(talk: Talk, refused: Refused, state: Mapping[str, Any]) -> None:
    open_ = await dialogues.dialogue(talk.tx, talk.mxid)
    if open_ is not None and open_[0].get("draft") == state["draft"]:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
    names = ", ".join(state["labels"].values())
    await talk.reply(f"staffing-refused-{refused.refusal.value}", names=names)
