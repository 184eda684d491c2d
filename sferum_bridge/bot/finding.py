"""Finding the person somebody means by what they typed: «5А Ёлкина Алёна», «Ёлкина», «Алёна 5А».

Names alone never decide between two: who has a namesake is chosen from a list, where each has a
reaction of its own (scenario 22). Only people of the asked school are looked at (I-8), and whom a
list has shown to somebody is recorded: the log answers who saw a child's data (§3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import register
from sferum_bridge.bot.texts import bullets, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import classes, naming
from sferum_bridge.school.access import Role, reasons
from sferum_bridge.store import audit, schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.school.access import Reason
    from sferum_bridge.school.people import Person, School
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.schools import SchoolRecord

_NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣")
_WORDS = re.compile(r"[^\s,;|()]+")
_STAFF = frozenset({Role.STAFF, Role.ADMINISTRATOR, Role.TEACHER, Role.CLASS_TEACHER})


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who may be meant."""

    person: Person
    class_id: str = ""
    """Of a pupil: the class they are in today."""
    class_name: str = ""
    label: str = ""
    """The name that tells them from a namesake: «Иван Иванов (2)»."""
    school_id: str = ""
    """Of whose people they are one; empty where a parent chooses among the own children."""


async def pupils(
    tx: Tx, record: SchoolRecord, text: str, *, class_ids: frozenset[str] | None = None
) -> Sequence[Found]:
    """Return the pupils of a school today who fit what was typed.

    Every word has to be part of the name or the name of the class; an empty text fits everybody.
    `class_ids`, if given, are the only classes looked at. An id of a person fits that person alone.
    """
    here = await schools.load(tx, record.id)
    return pupils_of(here, reasons(here, record.day(tx.now)), text, class_ids=class_ids)


async def pupils_ever(tx: Tx, record: SchoolRecord, text: str) -> Sequence[Found]:
    """Return the pupils of today who fit; where there is none, those who were or will be one.

    So a transfer out of the school that was a mistake can be taken back.
    """
    found = await pupils(tx, record, text)
    if found:
        return found
    here = await schools.load(tx, record.id)
    return _fitting(here, dict.fromkeys((e.person_id for e in here.enrolments), ""), text)


async def staff(tx: Tx, record: SchoolRecord, text: str) -> Sequence[Found]:
    """Return the people who work in a school today and fit what was typed."""
    here = await schools.load(tx, record.id)
    return staff_of(here, reasons(here, record.day(tx.now)), text)


async def parents_of(
    tx: Tx, record: SchoolRecord, child_id: str, text: str = ""
) -> Sequence[Found]:
    """Return the linked parents of a child who fit what was typed."""
    here = await schools.load(tx, record.id)
    ids = [link.parent_id for link in here.parent_links if link.child_id == child_id]
    return _fitting(here, dict.fromkeys(ids, ""), text)


async def everybody(tx: Tx, record: SchoolRecord, text: str) -> Sequence[Found]:
    """Return whoever a school has to do with and who fits: pupils, staff, guardians, former too."""
    here = await schools.load(tx, record.id)
    today = reasons(here, record.day(tx.now))
    in_class = {id_: r.class_id for id_, why in today.items() for r in why if r.role is Role.PUPIL}
    return _fitting(here, dict.fromkeys(here.people, "") | in_class, text)


def pupils_of(
    school: School,
    today: Mapping[str, Sequence[Reason]],
    text: str,
    *,
    class_ids: frozenset[str] | None = None,
) -> Sequence[Found]:
    """Return the pupils who fit, of a school that was read already (`today`: access.reasons)."""
    in_class = {
        person_id: reason.class_id
        for person_id, why in today.items()
        for reason in why
        if reason.role is Role.PUPIL and (class_ids is None or reason.class_id in class_ids)
    }
    return _fitting(school, in_class, text)


def staff_of(school: School, today: Mapping[str, Sequence[Reason]], text: str) -> Sequence[Found]:
    """Return the staff who fit, of a school that was read already (`today`: access.reasons)."""
    ids = [id_ for id_, why in today.items() if any(r.role in _STAFF for r in why)]
    return _fitting(school, dict.fromkeys(ids, ""), text)


def _fitting(school: School, in_class: Mapping[str, str], text: str) -> Sequence[Found]:
    labels = naming.labels(school.people[id_] for id_ in in_class)
    words = _WORDS.findall(text)
    found = []
    for person_id, class_id in in_class.items():
        person = school.people[person_id]
        name = school.classes[class_id].name if class_id else ""
        parts = [person.family_name, person.given_name, person.middle_name]
        known = {classes.key(word) for part in parts for word in [part, *part.split()] if part}
        one = Found(person, class_id, name, labels[person_id], school.id)
        if words == [person_id]:
            return [one]
        if all(classes.key(word) in known or _is_class(word, name) for word in words):
            found.append(one)
    return sorted(found, key=lambda one: (one.class_name, one.label, one.person.id))


def _is_class(word: str, name: str) -> bool:
    try:
        return bool(name) and classes.normalise(word) == name
    except classes.ClassNameError:
        return False


async def one(
    talk: Talk, record: SchoolRecord, command: Command, word: str, *, rest: str = ""
) -> Found | None:
    """Return the one pupil a command is about; `None` when the person has been asked or told.

    `word` is the command that a chosen reaction gives, with the person's id and `rest` behind it.
    """
    found = await pupils(talk.tx, record, command.argument)
    if len(found) == 1:
        return found[0]
    await choose(talk, found, word, rest)
    return None


async def choose(talk: Talk, found: Sequence[Found], word: str, rest: str = "") -> None:
    """Say that nobody fits, or list who does, each with a reaction that means this very person."""
    if not found:
        await talk.reply("find-nobody")
        return
    shown = found[: len(_NUMBERS)]
    note_shown(talk, shown)
    offers = [
        Offer(number, f"{word} {one.person.id} {rest}".strip())
        for number, one in zip(_NUMBERS, shown, strict=False)
    ]
    lines = [
        talk.text("find-one", number=number, name=one.label, **{"class": one.class_name or "—"})
        for number, one in zip(_NUMBERS, shown, strict=False)
    ]
    more = len(found) - len(shown)
    parts = [talk.text("find-which"), bullets(lines)]
    if more:
        parts.append(talk.text("find-more", more=more))
    await talk.answer(paragraphs(parts), offers)


_MOST_LISTED = 30


async def search(talk: Talk, command: Command) -> None:
    """List the pupils who fit: of the whole school for administrators, else of the own classes."""
    everyone: list[Found] = []
    allowed = False
    for tie in await register.ties(talk.tx, talk.person_id):
        roles = {r.role for r in tie.reasons}
        led = frozenset(r.class_id for r in tie.reasons if r.role is Role.CLASS_TEACHER)
        if not led and Role.ADMINISTRATOR not in roles:
            continue
        allowed = True
        record = await register.school(talk.tx, tie.school.id)
        today = record.day(talk.tx.now) if record else None
        if today is None:
            continue
        everyone += pupils_of(
            tie.school,
            reasons(tie.school, today),
            command.argument,
            class_ids=None if Role.ADMINISTRATOR in roles else led,
        )
    if not allowed:
        await talk.reply("find-not-allowed")
    elif not everyone:
        await talk.reply("find-nobody")
    else:
        shown = everyone[:_MOST_LISTED]
        note_shown(talk, shown)
        lines = [
            talk.text("find-line", name=each.label, **{"class": each.class_name}) for each in shown
        ]
        head = talk.text("find-page", all=len(everyone))
        rest = len(everyone) - _MOST_LISTED
        tail = [talk.text("find-more", more=rest)] if rest > 0 else []
        await talk.answer(paragraphs([head, bullets(lines), *tail]))


def note_shown(talk: Talk, shown: Sequence[Found]) -> None:
    """Write into the log whom somebody was shown."""
    for one in shown:
        if one.school_id and one.person.id != talk.person_id:
            audit.record(talk.tx, talk.actor, "person.find", one.person.id, school=one.school_id)
