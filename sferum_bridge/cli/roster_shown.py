"""How `sferum-bridge roster` shows an import: tables in Russian or English, and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sferum_bridge.cli import roster_words as words
from sferum_bridge.cli.common import show, show_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.roster import Plan, Reading
    from sferum_bridge.roster.diff import Diff, PersonLine
    from sferum_bridge.roster.guards import Hold
    from sferum_bridge.roster.plan import Corrected
    from sferum_bridge.school.people import Person
    from sferum_bridge.store.batches import Undone
    from sferum_bridge.store.imports import Prepared


def show_problems(reading: Reading, lang: str) -> None:
    """Print what is wrong with a file."""
    from sferum_bridge.roster import problems_table

    rows = [
        row._replace(severity=words.GRAVE[lang][row.severity])
        for row in problems_table(reading, lang)
    ]
    if rows:
        show(*words.FINDINGS[lang], rows)


def show_import(prepared: Prepared, lang: str, *, details: bool = False) -> None:
    """Print what an import does, and what is to be decided first; with `details` who and where."""
    show_problems(prepared.reading, lang)
    show_plan(prepared.plan, lang)
    _show_diff(prepared.diff, lang, details=details)
    people = prepared.known.school.people
    if prepared.plan.conflicts:
        show(*words.CONFLICTS[lang], _conflict_rows(prepared, people, lang))
    if prepared.plan.corrected:
        show_corrected(prepared.plan.corrected, lang)
    if prepared.holds:
        title, *columns = words.HOLDS[lang]
        show(title, columns, [(hold_text(each, lang),) for each in prepared.holds])
        click.echo(words.RELEASE[lang].format(seen=prepared.seen))


def show_plan(plan: Plan, lang: str) -> None:
    """Print how much of each a plan changes."""
    told = words.COUNTS[lang]
    counted = [(told[key], count) for key, count in counts(plan).items() if count]
    if counted:
        show(words.CHANGES[lang], ("", ""), counted)
    if plan.empty:
        click.echo(words.NOTHING[lang])


def show_corrected(corrected: Sequence[Corrected], lang: str) -> None:
    """Print the fields that parents corrected."""
    show(*words.CORRECTED[lang], [_corrected_row(each, lang) for each in corrected])


def counts(plan: Plan) -> dict[str, int]:
    """Return how much of each a plan changes."""
    return {key: len(getattr(plan, key)) for key in words.COUNTS["en"]}


def as_json(prepared: Prepared) -> dict[str, Any]:
    """Return everything about an import, for programs."""
    from sferum_bridge.roster.matching import label

    names = _names(prepared)
    return {
        **reading_json(prepared.reading),
        "plan": counts(prepared.plan),
        "corrected": [asdict(each) for each in prepared.plan.corrected],
        "conflicts": [
            {
                "key": label(each.key),
                "name": names.get(each.key, ""),
                "doubt": each.doubt.value,
                "candidates": list(each.candidates),
            }
            for each in prepared.plan.conflicts
        ],
        "missing": [asdict(each) for each in prepared.plan.missing],
        "holds": [_hold_json(each) for each in prepared.holds],
        "seen": prepared.seen,
        "diff": {
            "day": prepared.diff.day.isoformat(),
            "counts": dict(prepared.diff.counts),
            "people": [asdict(each) for each in prepared.diff.people],
            "classes": [asdict(each) for each in prepared.diff.classes],
            "rooms": [asdict(each) for each in prepared.diff.rooms],
        },
    }


def reading_json(reading: Reading) -> dict[str, Any]:
    """Return what is wrong with a file, for programs."""
    from sferum_bridge.roster import problems_json

    return {
        "problems": problems_json(reading),
        "dropped": [asdict(each) for each in reading.dropped_columns],
    }


def _hold_json(hold: Hold) -> dict[str, Any]:
    return {"guard": hold.guard.value, "what": hold.what, "count": hold.count, "of": hold.of}


def hold_text(hold: Hold, lang: str) -> str:
    """Say what is held back."""
    what = words.TYPES[lang].get(hold.what, hold.what)
    return words.GUARDS[lang][hold.guard.value].format(what=what, count=hold.count, of=hold.of)


def show_undone(undone: Undone, people: Mapping[str, Person], lang: str, *, json: bool) -> None:
    """Print what an undo put back and what it left."""
    if json:
        left = [asdict(each) for each in undone.left]
        show_json({"batch": undone.batch.id, "restored": undone.restored, "left": left})
        return
    click.echo(words.UNDONE[lang].format(count=undone.restored, label=undone.batch.label))
    if undone.left:
        rows = [
            (
                people[each.person_id].full_name if each.person_id in people else each.name,
                words.TABLES[lang][each.table],
                words.LEFT[lang][each.why.value],
            )
            for each in undone.left
        ]
        title, columns = words.LEFT_HEAD[lang]
        show(title, columns, rows)


# --- parts ----------------------------------------------------------------------------------


def _show_diff(diff: Diff, lang: str, *, details: bool) -> None:
    told = words.DIFF[lang]
    counted = [(told[key], count) for key, count in diff.counts.items() if count]
    if counted:
        show(told["title"].format(day=f"{diff.day:%d.%m.%Y}"), ("", ""), counted)
    if not details:
        return
    if diff.people:
        rows = [
            (line.name, words.WHAT[lang][line.what], _about(line, lang)) for line in diff.people
        ]
        show(told["people"], told["people_columns"].split("|"), rows)
    if diff.classes:
        rows = [(each.name, str(each.was), str(each.becomes)) for each in diff.classes]
        show(told["classes"], told["classes_columns"].split("|"), rows)
    if diff.rooms:
        lines = [
            (
                f"{words.KINDS[lang][each.kind.value]} {each.class_name}".strip(),
                words.WHAT[lang][each.what],
                f"+{len(each.joins)} −{len(each.leaves)}",
                "; ".join([*(f"+ {n}" for n in each.joins), *(f"− {n}" for n in each.leaves)]),
            )
            for each in diff.rooms
        ]
        show(told["rooms"], told["rooms_columns"].split("|"), lines)


def _about(line: PersonLine, lang: str) -> str:
    if line.what == "changed":
        return ", ".join(words.FIELDS[lang].get(one, one) for one in line.fields)
    roles = ", ".join(words.TYPES[lang][role] for role in line.roles)
    place = f"{line.was} → {line.becomes}" if line.was and line.becomes else line.was + line.becomes
    return ", ".join(filter(None, (roles, place)))


def _names(prepared: Prepared) -> Mapping[Any, str]:
    return {
        person.key: f"{person.family_name} {person.given_name}"
        for person in prepared.reading.roster.people
    }


def _conflict_rows(
    prepared: Prepared, people: Mapping[str, Person], lang: str
) -> Sequence[tuple[str, str, str, str]]:
    from sferum_bridge.roster.matching import label

    names = _names(prepared)
    places: dict[str, list[str]] = {}
    for each in prepared.known.school.enrolments:
        if each.term.covers(prepared.diff.day):
            name = prepared.known.school.classes[each.class_id].name
            places.setdefault(each.person_id, []).append(name)

    def candidate(person_id: str) -> str:
        known = [*places.get(person_id, ())]
        person = people.get(person_id)
        if person is not None and person.birth_date is not None:
            known.append(f"{person.birth_date:%d.%m.%Y}")
        return f"{person_id} ({', '.join(known)})" if known else person_id

    return [
        (
            names.get(each.key) or each.key.external_id,
            words.DOUBTS[lang][each.doubt],
            label(each.key),
            "\n".join(candidate(one) for one in each.candidates),
        )
        for each in prepared.plan.conflicts
    ]


def _corrected_row(each: Corrected, lang: str) -> tuple[str, str, str]:
    from sferum_bridge.school.corrections import Field, written

    listed, profile = (written(Field(each.field), v) or "—" for v in (each.listed, each.profile))
    told = words.OUTCOMES[lang][each.outcome].format(listed=listed, profile=profile)
    return each.name, words.FIELDS[lang][each.field], told
