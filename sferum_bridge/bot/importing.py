"""`!импорт`: an administrator sends the school's list, sees what it changes, and decides (§4.3).

    «импорт» ─► a file ─► read (`import_reading`) ─► what it changes: nothing is changed yet
                                                            │
       who is meant? 1, 2, 0 ◄── somebody known by name ────┤
       «применить» ─► held? the school's name ─► read again ─► one transaction: applied, reported
                              └──◄── something else is held by now: shown anew
       «импорт отменить» ─► the file that waits is dropped, else the last import is undone

Only who administers the school is heard, at every step again. The file is taken out of the chat as
soon as it was read; it waits sealed, and goes with the decision or after a day.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sferum_bridge.bot import (
    commands,
    import_reading,
    import_undoing,
    importing_shown,
    register,
    staffing,
)
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.import_reading import AGAIN, LOOK, FileRead, NotRead
from sferum_bridge.roster.guards import Limits
from sferum_bridge.roster.matching import NEW, label
from sferum_bridge.school.attachments import MEGABYTE
from sferum_bridge.store import dialogues, documents, imports
from sferum_bridge.store.documents import LATER, OpenFile
from sferum_bridge.store.imports import Choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.events import Enclosed
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.store.imports import Pending, Prepared
    from sferum_bridge.store.schools import SchoolRecord

TOPIC = "import"
_UPLOADED = 3_600_000
"""A file put up earlier before its message was not put up for it; milliseconds."""

_APPLY = frozenset({"применить", "apply"})
_UNDO = frozenset({"отменить", "отмена", "undo", "cancel"})
_YEAR = frozenset({"год", "year"})
_DELTA = frozenset({"изменения", "changes"})
_LEAVE = frozenset({"выбывших", "отчислить", "leavers"})


# --- the command ----------------------------------------------------------------------------


async def begin(talk: Talk, command: Command) -> None:
    """Ask for a file; or apply, or drop, what waits; or undo the last import."""
    administered = {one.id: one for one in await register.administered(talk.tx, talk.person_id)}
    if not administered:
        await talk.reply("import-right")
        return
    words = command.argument.split()
    chosen = words.pop(0) if words and words[0] in administered else ""
    said = {word.strip(" .!,").casefold() for word in words}
    waiting = await imports.pending(talk.tx, talk.mxid)
    if said & _UNDO and waiting is not None:
        await _drop(talk)
    elif said & _UNDO:
        own = [administered[chosen]] if chosen else list(administered.values())
        await import_undoing.ask(talk, TOPIC, own)
    elif said & _APPLY and waiting is not None:
        await _apply(talk, waiting, leave=bool(said & _LEAVE))
    elif said & _APPLY:
        await talk.reply("import-gone")
    elif not chosen and len(administered) > 1:
        word = commands.word(Name.IMPORT, talk.language)
        await staffing.which_school(talk, list(administered.values()), word, command.argument)
    else:
        record = administered[chosen or next(iter(administered))]
        state: dict[str, Any] = {"topic": TOPIC, "asks": "file", "school": record.id}
        state |= {"opening": bool(said & _YEAR), "delta": bool(said & _DELTA)}
        await dialogues.open_dialogue(talk.tx, talk.mxid, state)
        key = "import-send-year" if state["opening"] else "import-send"
        await talk.reply(key, school=record.name, most=talk.settings.import_megabytes)


async def receive(talk: Talk, file: Enclosed) -> bool:
    """Take a file for an import, if that is what it was asked for or says; tell whether it is."""
    asked = await dialogues.dialogue(talk.tx, talk.mxid)
    state = asked[0] if asked else {}
    said = commands.parse(talk.said, prefix=talk.settings.prefix, direct=True)
    is_said = said is not None and said.name is Name.IMPORT and talk.said != file.name
    if talk.person is None or not (_waits_for_file(state) or is_said):
        return False
    administered = {one.id: one for one in await register.administered(talk.tx, talk.person_id)}
    if not administered:
        await talk.reply("import-right")
        return True
    if not _waits_for_file(state) or state["school"] not in administered:
        if len(administered) > 1:
            word = commands.word(Name.IMPORT, talk.language)
            await staffing.which_school(talk, list(administered.values()), word, "")
            return True
        state = {"school": next(iter(administered))}
    # A word about this file may not go to one that waits, whatever becomes of this one.
    await imports.drop(talk.tx, talk.mxid)
    if not file.media:
        await talk.reply("import-encrypted")
        return True
    since = (file.sent_at or talk.tx.now) - _UPLOADED
    shown = (talk.room_id, talk.event_id, talk.mxid)
    most = talk.settings.import_megabytes
    is_big = file.size > most * MEGABYTE
    due = talk.tx.now if is_big else LATER
    await documents.note_open(talk.tx, OpenFile(file.media, talk.person_id, *shown, since, due))
    if is_big:
        await talk.reply("import-too-big", most=most)
        return True
    await import_reading.ask(
        talk,
        LOOK,
        media=file.media,
        name=file.name,
        school=state["school"],
        event=talk.event_id,
        opening=bool(state.get("opening")),
        delta=bool(state.get("delta")),
    )
    await talk.reply("import-reading")
    return True


def _waits_for_file(state: Mapping[str, Any]) -> bool:
    return state.get("topic") == TOPIC and state.get("asks") == "file"


# --- what it would change -------------------------------------------------------------------


async def looked(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Tell what a file would change, and keep it until somebody decides."""
    await documents.due(talk.tx, str(content["media"]), talk.tx.now, str(content["event"]))
    school_id = str(content["school"])
    record = await register.administered_one(talk.tx, talk.person_id, school_id)
    if record is None:
        await talk.reply("import-right")
    elif not isinstance(answer, FileRead):
        await _not_read(talk, answer)
    elif answer.reading.fatal:
        await talk.answer(importing_shown.refused(talk, answer.reading))
        await _attach(talk, answer, "import-marked-name")
    else:
        choices = Choices(opening=bool(content["opening"]), delta=bool(content["delta"]))
        await imports.wait(talk.tx, record.id, talk.mxid, answer.name, answer.data, choices)
        prepared = await _prepared(talk, record, answer, choices)
        await talk.answer(importing_shown.problems_and_changes(talk, prepared))
        await _attach(talk, answer, "import-marked-name")
        await _go_on(talk, record, prepared, choices)


async def _prepared(talk: Talk, record: SchoolRecord, file: FileRead, choices: Choices) -> Prepared:
    day, limits = record.day(talk.tx.now), Limits(*talk.settings.import_percents)
    return await imports.prepare(talk.tx, record.id, day, file.reading, choices, limits)


async def _go_on(talk: Talk, record: SchoolRecord, prepared: Prepared, choices: Choices) -> None:
    """Ask what is to be decided next: who is meant, or whether it is to be done."""
    state: dict[str, Any] = {"topic": TOPIC, "school": record.id}
    open_ = importing_shown.to_choose(prepared, choices)
    if open_:
        conflict = open_[0]
        state |= {"asks": "who", "key": label(conflict.key), "ids": list(conflict.candidates)}
        state |= {"left": len(open_), "free": True}
        await dialogues.open_dialogue(talk.tx, talk.mxid, state)
        await talk.answer(importing_shown.who(talk, prepared, conflict, len(open_)))
    elif prepared.plan.empty and not prepared.plan.missing:
        await imports.drop(talk.tx, talk.mxid)
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("import-nothing")
    else:
        await dialogues.open_dialogue(talk.tx, talk.mxid, state | {"asks": "go", "free": True})
        await talk.answer(*importing_shown.question(talk, prepared))


async def _attach(talk: Talk, file: FileRead, key: str) -> None:
    if file.marked:
        await talk.attach(importing_shown.workbook(talk.text(key).body, file.marked))


# --- deciding -------------------------------------------------------------------------------


async def go_on(talk: Talk, state: Mapping[str, Any], command: Command) -> None:
    """Take the answer to the question that is open."""
    asks, words = state.get("asks"), talk.said.casefold().replace(",", " ").split()
    said = {word.strip(" .!") for word in words}
    waiting = await imports.pending(talk.tx, talk.mxid)
    if asks == "undo":
        await import_undoing.go_on(talk, state, command)
    elif command.name is Name.CANCEL:
        await _drop(talk)
    elif asks == "file":
        await talk.reply("import-waits-for-file")
    elif waiting is None:
        await dialogues.close_dialogue(talk.tx, talk.mxid)
        await talk.reply("import-gone")
    elif asks == "who":
        await _chosen(talk, state, waiting)
    elif asks == "name":
        seen = str(state.get("seen", ""))
        choices = replace(waiting.choices, confirmed=talk.said, seen=seen)
        await imports.choose(talk.tx, waiting, choices)
        await import_reading.ask(talk, AGAIN, id=waiting.id, apply=True)
    elif said & _APPLY or command.name is Name.CONFIRM:
        await _apply(talk, waiting, leave=bool(said & _LEAVE))
    else:
        await talk.reply("import-how-on")


async def _chosen(talk: Talk, state: Mapping[str, Any], waiting: Pending) -> None:
    ids, said = [str(one) for one in state["ids"]], talk.said.strip(" .!")
    if said in {"0", "новый", "new"}:
        decided = NEW
    elif said.isdecimal() and 0 < int(said[:4]) <= len(ids):
        decided = ids[int(said[:4]) - 1]
    elif said.casefold() in {"пропустить", "skip"}:
        decided = ""
    else:
        await talk.reply("import-who-again", most=len(ids))
        return
    decisions = {**waiting.choices.decisions, str(state["key"]): decided}
    await imports.choose(talk.tx, waiting, replace(waiting.choices, decisions=decisions))
    await import_reading.ask(talk, AGAIN, id=waiting.id, apply=False)


async def _apply(talk: Talk, waiting: Pending, *, leave: bool) -> None:
    choices = replace(waiting.choices, end_missing=leave, confirmed="", seen="")
    await imports.choose(talk.tx, waiting, choices)
    await import_reading.ask(talk, AGAIN, id=waiting.id, apply=True)


async def read_again(talk: Talk, content: Mapping[str, Any], answer: object) -> None:
    """Carry out what was decided about a file, or ask the next question."""
    waiting = await imports.pending(talk.tx, talk.mxid)
    record = None
    if waiting is not None:
        record = await register.administered_one(talk.tx, talk.person_id, waiting.school_id)
    if waiting is None or waiting.id != content["id"] or not isinstance(answer, FileRead):
        await _not_read(talk, answer if isinstance(answer, NotRead) else NotRead("import-gone"))
    elif record is None:
        await _drop(talk)
        await talk.reply("import-right")
    elif not content["apply"]:
        prepared = await _prepared(talk, record, answer, waiting.choices)
        await _go_on(talk, record, prepared, waiting.choices)
    else:
        await _carry_out(talk, record, waiting, answer)


async def _carry_out(talk: Talk, record: SchoolRecord, waiting: Pending, file: FileRead) -> None:
    limits = Limits(*talk.settings.import_percents)
    done = await imports.apply(
        talk.tx,
        record.id,
        file.reading,
        waiting.choices,
        limits,
        actor=talk.actor,
        label=waiting.name,
    )
    if done.is_held:
        state = {"topic": TOPIC, "asks": "name", "school": record.id, "free": True}
        state["seen"] = done.prepared.seen
        await dialogues.open_dialogue(talk.tx, talk.mxid, state)
        said = waiting.choices.confirmed
        await talk.answer(importing_shown.held(talk, done.prepared, record.name, said))
        return
    if waiting.choices.end_missing and done.prepared.left_out:
        await talk.reply("import-leavers-kept")
    await imports.drop(talk.tx, talk.mxid)
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    await talk.answer(importing_shown.report(talk, done))
    await _attach(talk, file, "import-rejected-name")


async def _drop(talk: Talk) -> None:
    await imports.drop(talk.tx, talk.mxid)
    await dialogues.close_dialogue(talk.tx, talk.mxid)
    await talk.reply("import-dropped")


async def _not_read(talk: Talk, answer: object) -> None:
    key = answer.key if isinstance(answer, NotRead) else "import-lost"
    if key == "import-too-big":
        await talk.reply("import-too-big", most=talk.settings.import_megabytes)
    else:
        await talk.reply(key)
