"""`!год`: an administrator opens the next school year, and takes that back (scenario 35).

    год · 5А+5Б=6А; 11А=выпуск ─► choices ─► plan ─► problems, or a preview and the question
                               (`year_saying`)                        │ the school's name, typed
    people told ◄── news ◄── opened, or planned for a day ◄── still the same? ◄───────────────┘
    (`year_news`)

Whoever confirms has to be an administrator then still, and what is done is what was shown: where
the school has changed since, it is shown and asked again.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import commands, finding, register, staffing, year_saying
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.finding import Found
from sferum_bridge.bot.ordering import Unclear
from sferum_bridge.bot.talk import digest
from sferum_bridge.bot.texts import bullets, fitting, paragraphs
from sferum_bridge.bot.year_lines import Lines
from sferum_bridge.matrix.outbox import File, Offer
from sferum_bridge.school import classes, year_plan
from sferum_bridge.school import year as rules
from sferum_bridge.school.year_preview import preview
from sferum_bridge.store import dialogues, schools
from sferum_bridge.store import staffing as stored_staffing
from sferum_bridge.store import year as stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.people import School
    from sferum_bridge.school.year import Choices, Plan
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "year"
_UNDO = frozenset({"отменить", "отмена", "вернуть", "undo", "cancel"})
_OPEN, _TAKE_BACK = "open", "undo"


async def begin(talk: Talk, command: Command) -> None:
    """Show what opening the next year changes, or what taking it back does, and ask."""
    administered = {r.id: r for r in await register.administered(talk.tx, talk.person_id)}
    if not administered:
        await talk.reply("staffing-right")
        return
    word = commands.word(Name.YEAR, talk.language)
    first, _, rest = command.argument.partition(" ")
    if first in administered:
        record, said = administered[first], rest.strip()
    elif len(administered) == 1:
        [record] = administered.values()
        said = command.argument
    else:
        await staffing.which_school(talk, list(administered.values()), word, command.argument)
        return
    if classes.key(said) in _UNDO:
        await _ask_to_undo(talk, record)
        return
    here, today = await schools.load(talk.tx, record.id), record.day(talk.tx.now)
    try:
        chosen = year_saying.read(said, here, today)
    except Unclear as e:
        finding.note_shown(talk, e.shown if isinstance(e, year_saying.Several) else ())
        await talk.answer(paragraphs([talk.text(e.key, **e.values), talk.text("year-how")]))
        return
    _record(talk, record, here, chosen.choices)
    state = {"what": _OPEN, "choices": chosen.choices.kept(), "day": chosen.day.isoformat()}
    await _ask_to_open(talk, record, here, {**_state(record), **state})


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Do what was shown if the school's name was typed, leave it, or say how to answer."""
    if command.name is Name.CANCEL:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("year-left")
        return
    record = await _still_administered(talk, state)
    if record is None:
        return
    if _bare(talk.said) != _bare(record.name):
        await talk.reply("year-type-name", school=record.name)
    elif state["what"] == _TAKE_BACK:
        await _undo(talk, record, state)
    else:
        await _open(talk, record, state)


def _record(talk: Talk, record: SchoolRecord, here: School, choices: Choices) -> None:
    """Write into the log who was looked up; all the rest are shown as what a class is."""
    named = dict.fromkeys((*choices.pupils, *choices.leaders.values()))
    finding.note_shown(talk, [Found(here.people[id_], school_id=record.id) for id_ in named])


def _state(record: SchoolRecord) -> dict[str, Any]:
    return {"topic": TOPIC, "school": record.id}


def _bare(text: str) -> str:
    """Return a school's name as it is compared: without case, quotes and signs."""
    return " ".join(re.findall(r"\w+", classes.key(text)))


async def _still_administered(talk: Talk, state: Mapping[str, Any]) -> SchoolRecord | None:
    record = await register.administered_one(talk.tx, talk.person_id, str(state["school"]))
    if record is None:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("staffing-right")
    return record


# --- opening --------------------------------------------------------------------------------


async def _ask_to_open(
    talk: Talk, record: SchoolRecord, here: School, state: Mapping[str, Any], *, anew: bool = False
) -> None:
    """Show a plan and ask; where it cannot be carried out, say why. `anew`: it has changed."""
    plan = _plan(talk, record, here, state)
    lines = Lines(talk.texts, talk.language, here)
    if plan.problems:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        problems = bullets(fitting([lines.problem(one) for one in plan.problems]))
        parts = [talk.text("year-cannot", year=plan.year), problems, talk.text("year-how")]
        await talk.answer(paragraphs(parts))
        return
    await dialogues.open_dialogue(talk.tx, talk.mxid, {**state, "seen": _digest(plan)})
    shown = preview(here, plan)
    data = lines.whole(shown).encode()
    name = f"{talk.text('year-file').body} {plan.year.replace('/', '-')}.txt"
    await talk.attach(File(name, "text/plain", data))
    values = {"school": record.name, "year": plan.year, "day": plan.day}
    parts = [talk.text("staffing-anew")] if anew else []
    parts += [talk.text("year-shown", **values), lines.short(shown)]
    parts += [talk.text("year-ask", **values, until=plan.kept_until)]
    planned = await stored.planned(talk.tx, record.id)
    if planned is not None:
        key = "year-planned-failed" if planned.failed else "year-planned-already"
        parts.append(talk.text(key, day=planned.day))
    no = commands.word(Name.CANCEL, talk.language)
    await talk.answer(paragraphs(parts), [Offer("❌", no)])


async def _open(talk: Talk, record: SchoolRecord, state: Mapping[str, Any]) -> None:
    # Before it is planned: whoever else changes the school goes first.
    here = await stored_staffing.read(talk.tx, record.id)
    plan = _plan(talk, record, here, state)
    if plan.problems or _digest(plan) != state["seen"]:
        await _ask_to_open(talk, record, here, state, anew=True)
        return
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    choices, kept = rules.restored(state["choices"]), talk.settings.kept_days
    values = {"year": plan.year, "day": plan.day}
    if plan.day > record.day(talk.tx.now):
        await stored.plan_for(talk.tx, record, choices, plan.day, talk.person_id, kept)
        await talk.reply("year-planned", **values)
    else:
        await stored.open_now(talk.tx, record, choices, talk.person_id, kept)
        await talk.reply("year-opened", **values)


def _plan(talk: Talk, record: SchoolRecord, here: School, state: Mapping[str, Any]) -> Plan:
    day = max(date.fromisoformat(state["day"]), record.day(talk.tx.now))
    return year_plan.plan(here, rules.restored(state["choices"]), day, talk.settings.kept_days)


def _digest(plan: Plan) -> str:
    rows = [json.dumps(row, sort_keys=True) for row in stored_staffing.described(plan.changes)]
    steps = [f"{s.fate} {s.class_id} {s.becomes} {s.successor_id}" for s in plan.steps]
    out = [f"{p.why} {' '.join(p.names)} {p.person_id}" for p in plan.left_out]
    return digest("\n".join([str(plan.day), *steps, *out, *sorted(rows)]))


# --- taking it back -------------------------------------------------------------------------


async def _ask_to_undo(talk: Talk, record: SchoolRecord) -> None:
    planned = await stored.planned(talk.tx, record.id)
    if planned is not None:
        await stored.forget_plan(talk.tx, record.id, talk.person_id)
        key = "year-forgotten-failed" if planned.failed else "year-forgotten"
        await talk.reply(key, day=planned.day)
        return
    batch = await stored.last_opened(talk.tx, record.id, _days(talk))
    if batch is None:
        await talk.reply("year-nothing-to-undo", days=_days(talk))
        return
    state = {**_state(record), "what": _TAKE_BACK, "batch": batch.id}
    await dialogues.open_dialogue(talk.tx, talk.mxid, state)
    at = register.moment(record, batch.at)
    values = {"school": record.name, "year": batch.label, "at": at}
    no = commands.word(Name.CANCEL, talk.language)
    await talk.answer(talk.text("year-ask-undo", **values), [Offer("❌", no)])


async def _undo(talk: Talk, record: SchoolRecord, state: Mapping[str, Any]) -> None:
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    batch = await stored.last_opened(talk.tx, record.id, _days(talk))
    if batch is not None and batch.id != state["batch"]:
        # Somebody opened another since: what was shown is not what would be undone.
        await _ask_to_undo(talk, record)
        return
    try:
        done = await stored.undo(talk.tx, record, talk.person_id, _days(talk))
    except stored.NothingToUndo:
        await talk.reply("year-nothing-to-undo", days=_days(talk))
        return
    here = await schools.load(talk.tx, record.id)
    await talk.answer(Lines(talk.texts, talk.language, here).undone(done))


def _days(talk: Talk) -> int:
    return talk.settings.batch_life // (24 * 3600 * 1000)
