"""Writes the wide sheet: a line a pupil with up to two parents (§4.3), the year above it."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook

from sferum_bridge.roster import names, values
from sferum_bridge.roster.model import ClassKind, Status
from sferum_bridge.roster.template import BOLD, escape, fill, written

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sferum_bridge.roster.model import Roster, RosterKey, RosterPerson
    from sferum_bridge.roster.template import Value

MOST_PARENTS = 2
_PUPIL = (
    "Ид", "Фамилия", "Имя", "Отчество", "Дата рождения", "Класс", "Эл. почта", "Телефон",
)  # fmt: skip
_WHOLE, _PARTS = ("ФИО",), ("фамилия", "имя", "отчество")
_CONTACTS = ("почта", "телефон")


def write(roster: Roster, path: Path, lost: Counter[str]) -> None:
    """Write a workbook, or a CSV where the name says so; what it cannot hold is counted."""
    lines = list(_lines(roster, lost))
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
            writer.writerows([written(cell) for cell in line] for line in lines)
        return
    book: Any = Workbook()
    page = book.worksheets[0]
    page.title = "Список"
    for row, line in enumerate(lines, start=1):
        for place, value in enumerate(line, start=1):
            fill(page.cell(row=row, column=place), value)
            if row == _HEADER:
                page.cell(row=row, column=place).font = BOLD
    page.freeze_panes = f"A{_HEADER + 1}"
    book.save(path)


_HEADER = 2


def _lines(roster: Roster, lost: Counter[str]) -> Iterator[Sequence[Value]]:
    people = {person.key: person for person in roster.people}
    parents = _parents(roster, lost)
    shown = {key for keys in parents.values() for key in keys}
    whole = all(_survives(people[key]) for key in shown)
    year = next((each.year for each in roster.classes), "")
    school = f"{roster.school.name}, " if roster.school else ""
    yield [escape(f"{school}{year} учебный год") if year else ""]
    yield [*_PUPIL, *(
        f"Родитель {number} {title}"
        for number in range(1, MOST_PARENTS + 1)
        for title in (*(_WHOLE if whole else _PARTS), *_CONTACTS)
    )]  # fmt: skip
    _count(roster, people, shown, lost)
    for tie in roster.enrolments:
        if not tie.status.enrolled:
            lost["statuses"] += 1
            continue
        lost["statuses"] += tie.status is Status.REPEATS
        lost["pupil_terms"] += bool(tie.since or tie.until)
        pupil = people[tie.person]
        line: list[Value] = [
            pupil.external_id, pupil.family_name, pupil.given_name, pupil.middle_name,
            pupil.birth_date, tie.class_name, pupil.email, pupil.phone,
        ]  # fmt: skip
        for key in parents.get(tie.person, ()):
            parent = people[key]
            parts = (parent.family_name, parent.given_name, parent.middle_name)
            line += [" ".join(filter(None, parts))] if whole else parts
            line += [parent.email, parent.phone]
        yield line


def _parents(roster: Roster, lost: Counter[str]) -> dict[RosterKey, list[RosterKey]]:
    found: dict[RosterKey, list[RosterKey]] = defaultdict(list)
    pupils = {tie.person for tie in roster.enrolments if tie.status.enrolled}
    for tie in roster.guardians:
        if tie.child not in pupils:
            continue
        if not tie.access:
            lost["denied"] += 1
        elif len(found[tie.child]) >= MOST_PARENTS:
            lost["third"] += 1
        else:
            lost["relations"] += bool(tie.relation)
            found[tie.child].append(tie.parent)
    return found


def _survives(person: RosterPerson) -> bool:
    """Tell whether a name in one cell is taken apart as it was."""
    parts = (person.family_name, person.given_name, person.middle_name)
    try:
        found = names.split(" ".join(filter(None, parts)))
    except values.CellError:
        return False
    return not found.doubtful and parts == (
        found.family_name, found.given_name, found.middle_name,
    )  # fmt: skip


def _count(
    roster: Roster,
    people: dict[RosterKey, RosterPerson],
    parents: set[RosterKey],
    lost: Counter[str],
) -> None:
    lost["staff"] += len(
        {tie.person for tie in roster.appointments} | {tie.person for tie in roster.leaderships}
    )
    filled = {tie.class_name for tie in roster.enrolments if tie.status.enrolled}
    lost["classes"] += sum(
        each.name not in filled or each.kind is not ClassKind.CLASS or bool(each.next_name)
        for each in roster.classes
    )
    lost["school"] += roster.school is not None
    children: dict[RosterKey, int] = defaultdict(int)
    for tie in roster.guardians:
        children[tie.parent] += 1
    for key in parents:
        person = people[key]
        lost["parent_ids"] += bool(person.external_id or person.birth_date)
        lost["parents_apart"] += children[key] > 1 and not (person.email or person.phone)
