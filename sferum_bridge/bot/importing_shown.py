"""How the bot shows an import: what is wrong, what changes, what is asked, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name
from sferum_bridge.bot.texts import Text, bullets, fitting, harmless, paragraphs
from sferum_bridge.matrix.outbox import File, Offer
from sferum_bridge.roster.guards import confirms
from sferum_bridge.roster.matching import Doubt, label
from sferum_bridge.roster.model import Severity
from sferum_bridge.store import schools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.talk import Talk
    from sferum_bridge.roster import Reading
    from sferum_bridge.roster.guards import Hold
    from sferum_bridge.roster.matching import Namesake
    from sferum_bridge.roster.model import Problem
    from sferum_bridge.store.batches import Left, Undone
    from sferum_bridge.store.database import Tx
    from sferum_bridge.store.imports import Applied, Choices, Prepared

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHOWN = 5
"""Problems told in words; the workbook has all."""
_LEFT_SHOWN = 20
_CHOSEN = frozenset({Doubt.AMBIGUOUS, Doubt.NAMESAKE, Doubt.ID_REUSED})
"""Doubts that are answered by saying who is meant."""
_COUNTS = {
    "people_new": "import-people-new",
    "people_changed": "import-people-changed",
    "people_moved": "import-people-moved",
    "people_left": "import-people-left",
    "rooms_made": "import-rooms-made",
    "rooms_renamed": "import-rooms-renamed",
    "rooms_dropped": "import-rooms-dropped",
    "joins": "import-joins",
    "leaves": "import-leaves",
}


def workbook(name: str, data: bytes) -> File:
    """Return a workbook to hand over."""
    return File(f"{name}.xlsx", _XLSX, data)


def refused(talk: Talk, reading: Reading) -> Text:
    """Say why a file is not taken at all."""
    fatal = [each for each in reading.problems if each.severity is Severity.FATAL]
    lines = fitting([_problem(talk, each) for each in fatal])
    return paragraphs([talk.text("import-refused"), bullets(lines)])


def problems_and_changes(talk: Talk, prepared: Prepared) -> Text:
    """Say what a file would change, and what is wrong with it; nothing is changed by then."""
    parts = [talk.text("import-looked", school=prepared.known.school.name)]
    counts = _counts(talk, prepared)
    if counts:
        parts += [talk.text("import-would"), bullets(counts)]
    parts += _problems(talk, prepared.reading)
    return paragraphs(parts)


def _counts(talk: Talk, prepared: Prepared) -> list[Text]:
    told = [
        talk.text(_COUNTS[key], count=count) for key, count in prepared.diff.counts.items() if count
    ]
    plan = prepared.plan
    if plan.expected_parents_to_add:
        told.append(talk.text("import-guardians", count=len(plan.expected_parents_to_add)))
    if plan.missing:
        told.append(talk.text("import-missing", count=len(plan.missing)))
    return told


def _problems(talk: Talk, reading: Reading) -> list[Text]:
    if not reading.problems:
        return [talk.text("import-clean")]
    wrong = [each for each in reading.problems if each.severity is Severity.ERROR]
    notes = [each for each in reading.problems if each.severity is Severity.WARNING]
    shown = [*wrong, *notes][:_SHOWN]
    parts = [talk.text("import-problems", wrong=len(wrong), notes=len(notes))]
    parts.append(bullets(fitting([_problem(talk, each) for each in shown])))
    dropped = sorted({each.title for each in reading.dropped_columns if each.personal})
    if dropped:
        parts.append(talk.text("import-not-stored", columns=", ".join(dropped)))
    return parts


def _problem(talk: Talk, each: Problem) -> Text:
    where = ", ".join(filter(None, (each.sheet, str(each.row or ""), each.column)))
    said = f"{each.reason(talk.language)} {each.suggestion(talk.language)}"
    if not where:
        return talk.text("import-problem-file", said=said)
    return talk.text("import-problem", where=where, value=each.value or "—", said=said)


# --- questions ------------------------------------------------------------------------------


def to_choose(prepared: Prepared, choices: Choices) -> Sequence[Namesake]:
    """Return the people about whom nobody has decided yet who they are."""
    return [
        each
        for each in prepared.plan.conflicts
        if each.doubt in _CHOSEN and label(each.key) not in choices.decisions
    ]


def who(talk: Talk, prepared: Prepared, conflict: Namesake, left: int) -> Text:
    """Ask which of several people a row of the file means. Dates of birth are not told."""
    person = next(p for p in prepared.reading.roster.people if p.key == conflict.key)
    name = f"{person.family_name} {person.given_name} {person.middle_name}".strip()
    tie = [e.class_name for e in prepared.reading.roster.enrolments if e.person == conflict.key]
    school = prepared.known.school
    places: dict[str, list[str]] = {}
    for each in school.enrolments:
        if each.term.covers(prepared.diff.day):
            places.setdefault(each.person_id, []).append(school.classes[each.class_id].name)
    external = {one: number for number, one in prepared.known.external_ids.items()}
    lines = []
    for number, one in enumerate(conflict.candidates, 1):
        about = [*places.get(one, ()), f"№ {external[one]}" if one in external else ""]
        here = school.people[one]
        full = f"{here.family_name} {here.given_name} {here.middle_name}".strip()
        shown = ", ".join(filter(None, (full, *about)))
        lines.append(Text(f"{number} — {harmless(shown)}", _html(f"{number} — {harmless(shown)}")))
    place = ", ".join(filter(None, (", ".join(tie), conflict.key.external_id)))
    asked = talk.text("import-who", name=name, place=place or "—", left=left)
    return paragraphs([asked, bullets(fitting(lines)), talk.text("import-who-how")])


def _html(said: str) -> str:
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def question(talk: Talk, prepared: Prepared) -> tuple[Text, Sequence[Offer]]:
    """Ask whether it is to be done."""
    parts = [_hold(talk, each) for each in prepared.holds]
    told = [talk.text("import-holds"), bullets(parts)] if parts else []
    waiting = len(prepared.plan.conflicts)
    if waiting:
        told.append(talk.text("import-undecided", count=waiting))
    if prepared.plan.missing and prepared.left_out:
        told.append(talk.text("import-missing-rows"))
    elif prepared.plan.missing:
        told.append(talk.text("import-missing-how"))
    told.append(talk.text("import-ask"))
    word = commands.word(Name.IMPORT, talk.language)
    does = {"ru": "применить", "en": "apply"}[talk.language]
    no = commands.word(Name.CANCEL, talk.language)
    return paragraphs(told), [Offer("✅", f"{word} {does}"), Offer("❌", no)]


def held(talk: Talk, prepared: Prepared, school: str, said: str) -> Text:
    """Say what is held back, and that the school's name releases it; `said` did not."""
    # The right name does not if something else is held by now.
    why = "staffing-anew" if confirms(said, school) else "import-name-wrong"
    parts = [talk.text(why)] if said else []
    parts += [talk.text("import-holds"), bullets([_hold(talk, one) for one in prepared.holds])]
    return paragraphs([*parts, talk.text("import-name", school=school)])


def _hold(talk: Talk, hold: Hold) -> Text:
    what = hold.what
    if what in {"pupil", "staff", "guardian"}:
        what = talk.text(f"import-type-{what}").body
    return talk.text(f"import-hold-{hold.guard.value}", what=what, count=hold.count, of=hold.of)


# --- afterwards -----------------------------------------------------------------------------


def report(talk: Talk, done: Applied) -> Text:
    """Say what was done."""
    prepared = done.prepared
    parts = [talk.text("import-done" if done.batch_id else "import-nothing")]
    counts = _counts(talk, prepared)
    if counts:
        parts.append(bullets(counts))
    wrong = sum(each.severity is Severity.ERROR for each in prepared.reading.problems)
    if wrong:
        parts.append(talk.text("import-left-out", count=wrong))
    if prepared.plan.conflicts:
        parts.append(talk.text("import-undecided", count=len(prepared.plan.conflicts)))
    if done.batch_id:
        days = round(talk.settings.batch_life / (24 * 3_600_000))
        parts.append(talk.text("import-undo-hint", count=days))
    return paragraphs(parts)


def _what(talk: Talk, left: Left) -> str:
    return talk.text("import-class-ids").body if left.table == "bridge_state" else "—"


async def names_of(tx: Tx, school_id: str) -> Mapping[str, str]:
    """Return person → name, of everybody of a school."""
    school = await schools.load(tx, school_id)
    return {person.id: person.full_name for person in school.people.values()}


def undone(talk: Talk, done: Undone, names: Mapping[str, str]) -> Text:
    """Say what an undo put back, and what it left."""
    parts = [talk.text("import-undone", label=done.batch.label, count=done.restored)]
    if done.left:
        lines = [
            talk.text(
                f"import-left-{each.why.value.replace('_', '-')}",
                name=names.get(each.person_id) or each.name or _what(talk, each),
            )
            for each in done.left[:_LEFT_SHOWN]
        ]
        unique = {line.body: line for line in lines}
        parts += [talk.text("import-left", count=len(done.left)), bullets(list(unique.values()))]
    return paragraphs(parts)
