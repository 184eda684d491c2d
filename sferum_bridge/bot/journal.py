"""Who did what to whom: the audit log, read by administrators and by everybody about themselves.

An administrator reads the log of the own school alone: nothing of a child's life in another, and no
name of anybody the school has nothing to do with (I-8). Whoever reads about themselves learns what
was done and by which role, not by whom. Reading the log is recorded in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sferum_bridge.bot import commands, finding, register
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import TextMissingError, bullets, fitting, paragraphs
from sferum_bridge.matrix.outbox import Offer
from sferum_bridge.school import naming
from sferum_bridge.store import accounts, audit, dossier, kin, schools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sferum_bridge.bot.commands import Command
    from sferum_bridge.bot.finding import Found
    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.bot.texts import Text, Texts
    from sferum_bridge.store.audit import Entry
    from sferum_bridge.store.schools import SchoolRecord

_FEW, _MOST = 10, 50
_UNNAMED = "—"
_BEFORE = re.compile(r"<(\d{1,18})")
_COUNT = re.compile(r"\d{1,3}")
# The id of a person in a reason; that of a case says nothing of anybody.
_PERSON_ID = re.compile(r"(?<!case )\b[0-9a-f]{20}\b")
WORDS = {"console": "journal-console", "bot": "journal-bot", "bridge": "journal-bot"}
"""Actors of the log that are nobody, and the texts that name them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of the log is wanted."""

    who: str
    """What was typed to name somebody, or an id; empty for everybody."""
    count: int
    before: int
    """Only what stands before this record; 0 from the newest on."""


async def show(talk: Talk, command: Command) -> None:
    """Show a page of the log: of the own schools to an administrator, else about oneself."""
    asked = _read(command.argument)
    administered = await register.administered(talk.tx, talk.person_id)
    if administered:
        await _of_schools(talk, administered, asked)
    elif asked.who or not await _has_a_profile(talk):
        await talk.reply("journal-not-allowed")
    else:
        await _own(talk, asked)


def action(texts: Texts, language: str, name: str) -> Text:
    """Return what an action of the log is called; one without a text is shown by its name."""
    try:
        return texts.text(language, f"action-{name.replace('.', '-')}")
    except TextMissingError:
        return texts.text(language, "journal-action", action=name)


def _read(argument: str) -> _Asked:
    words = argument.split()
    before, count = 0, _FEW
    if words and (said := _BEFORE.fullmatch(words[-1])):
        before = int(said.group(1))
        words.pop()
    if words and _COUNT.fullmatch(words[-1]):
        count = max(1, min(int(words.pop()), _MOST))
    return _Asked(" ".join(words), count, before)


async def _has_a_profile(talk: Talk) -> bool:
    """Tell whether somebody is a pupil or a parent, of whom others keep data here."""
    is_pupil = bool(await register.enrolled(talk.tx, talk.person_id))
    return is_pupil or bool(await kin.children(talk.tx, talk.person_id))


# --- an administrator -----------------------------------------------------------------------


async def _of_schools(talk: Talk, administered: Sequence[SchoolRecord], asked: _Asked) -> None:
    person_id, records = "", list(administered)
    if asked.who:
        found: dict[str, Found] = {}
        where: dict[str, list[SchoolRecord]] = {}
        for record in administered:
            for one in await finding.everybody(talk.tx, record, asked.who):
                found[one.person.id] = one
                where.setdefault(one.person.id, []).append(record)
        if len(found) != 1:
            word = commands.word(Name.JOURNAL, talk.language)
            await finding.choose(talk, list(found.values()), word, str(asked.count))
            return
        [person_id] = found
        records = where[person_id]
    people = {person_id, *await accounts.mxids_of(talk.tx, person_id)} if person_id else ()
    # One more than is shown tells whether there is another page.
    entries = await audit.entries(
        talk.tx,
        school_ids=[record.id for record in records],
        people=people,
        before=asked.before,
        limit=asked.count + 1,
        # Whose words somebody reported is not to learn who did, and when.
        reader=talk.person_id,
    )
    for record in records:
        subject = person_id or record.id
        audit.record(talk.tx, talk.person_id, "journal.read", subject, school=record.id)
    name_of = {record.id: await _names(talk, record) for record in records}
    by_id = {record.id: record for record in records}
    lines = [
        _line(talk, entry, by_id[entry.school_id], name_of[entry.school_id])
        for entry in entries[: asked.count]
    ]
    await _answer(talk, lines, entries, asked, person_id)


async def _names(talk: Talk, record: SchoolRecord) -> Callable[[str], str]:
    """Return what names the people and classes of a school, and nobody else."""
    here = await schools.load(talk.tx, record.id)
    names: Mapping[str, str] = naming.labels(here.people.values())
    person_of = {
        mxid: person_id
        for person_id, mxids in (await accounts.by_person(talk.tx)).items()
        for mxid in mxids
    }

    def name(who: str) -> str:
        if who in WORDS:
            return talk.text(WORDS[who]).body
        if who == record.id:
            return record.name
        if who in here.classes:
            return here.classes[who].name
        # A room, and an account nobody stands behind, have no other name.
        nobody = who.startswith("!") or (who.startswith("@") and who not in person_of)
        return who if nobody else names.get(person_of.get(who, who), _UNNAMED)

    return name


def _line(talk: Talk, entry: Entry, record: SchoolRecord, name: Callable[[str], str]) -> Text:
    why = _PERSON_ID.sub(lambda found: name(found.group()), entry.reason)
    return talk.text(
        "journal-line-why" if why else "journal-line",
        at=register.moment(record, entry.at),
        who=name(entry.actor),
        what=action(talk.texts, talk.language, entry.action).body,
        whom=name(entry.subject),
        **({"why": why} if why else {}),
    )


# --- about oneself --------------------------------------------------------------------------


async def _own(talk: Talk, asked: _Asked) -> None:
    around = await dossier.circle(talk.tx, talk.person_id)
    limit = asked.count + 1
    entries = await audit.entries(talk.tx, people=around.me, before=asked.before, limit=limit)
    records = {record.id: record for record in await schools.records(talk.tx)}
    # What belongs to no school is told by the clock of one of the own.
    own = await register.schools_of(talk.tx, talk.person_id) or list(records.values())
    audit.record(talk.tx, talk.person_id, "journal.read", talk.person_id)
    lines = [
        talk.text(
            "journal-line",
            at=register.moment(records.get(entry.school_id, own[0]), entry.at),
            who=talk.text(f"side-{around.side(entry.actor).value}").body,
            what=action(talk.texts, talk.language, entry.action).body,
            whom=talk.text(f"side-{around.side(entry.subject).value}").body,
        )
        for entry in entries[: asked.count]
    ]
    await _answer(talk, lines, entries, asked, "")


async def _answer(
    talk: Talk, lines: Sequence[Text], entries: Sequence[Entry], asked: _Asked, person_id: str
) -> None:
    if not lines:
        await talk.reply("journal-empty")
        return
    lines = fitting(lines)
    parts = [talk.text("journal"), bullets(lines)]
    offers = []
    if len(entries) > len(lines):
        last = entries[len(lines) - 1].id
        more = f"{person_id} {asked.count} <{last}".strip()
        said = f"{commands.word(Name.JOURNAL, talk.language)} {more}"
        parts.append(talk.text("journal-more", command=said))
        offers.append(Offer("⏭", said))
    await talk.answer(paragraphs(parts), offers)
