"""The sheet «Родители»: who is expected to become whose parent.

Parents have no id and no birthday in the template. Two lines speak of one person only when the name
and a contact agree; that is also how a teacher is known to be a parent too (scenario 15). A name
alone never does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.roster import columns
from sferum_bridge.roster.model import RosterGuardian, RosterKey, RosterPerson, Severity
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.rows import HumanRow, ParentRow, PupilRow, Rows, StaffRow

_MOST_PARENTS = 2


@dataclass(frozen=True, slots=True)
class Expected:
    """Guardians who are not among the staff, and the ties of all guardians."""

    people: tuple[RosterPerson, ...]
    ties: tuple[RosterGuardian, ...]


def join(
    rows: Rows,
    children: Mapping[str, RosterKey],
    staff: Sequence[RosterPerson],
    findings: Findings,
) -> Expected:
    """Tie guardians to the children of the roster, whose keys are given by their ids."""
    kept = _at_most_two([row for row in rows.parents if _usable(row, rows, children, findings)],
                        findings)  # fmt: skip
    register = _Register(staff)
    ties = tuple(
        RosterGuardian(
            child=children[row.child_id],
            parent=register.key_of(row),
            relation=row.relation,
            access=row.access,
            ground=row.ground,
        )
        for row in kept
    )
    return Expected(register.newcomers(), ties)


def _usable(
    row: ParentRow, rows: Rows, children: Mapping[str, RosterKey], findings: Findings
) -> bool:
    if row.child_id not in children:
        code = "child_skipped" if row.child_id in rows.skipped_pupils else "child_unknown"
        _say(findings, code, row, "Ид ребёнка", row.child_id)
        return False
    if not row.access and not row.ground:
        _say(findings, "ground_missing", row, "Основание")
        return False
    return True


def _at_most_two(rows: Iterable[ParentRow], findings: Findings) -> list[ParentRow]:
    """Leave out repetitions, and whoever would be a third parent with access (S-53, I-2)."""
    by_child: dict[str, list[ParentRow]] = defaultdict(list)
    kept = []
    for row in rows:
        siblings = by_child[row.child_id]
        twice = next((other for other in siblings if _full(other) == _full(row)), None)
        holders = [other for other in siblings if other.access]
        if twice is not None:
            _say(findings, "parent_twice", row, "Фамилия", row.family_name, other=str(twice.row))
        elif row.access and len(holders) >= _MOST_PARENTS:
            places = ", ".join(str(other.row) for other in holders)
            _say(findings, "parent_third", row, "Ид ребёнка", row.child_id, rows=places)
        else:
            siblings.append(row)
            kept.append(row)
    return kept


class _Register:
    """Knows people by name and contact together, the staff from the start."""

    def __init__(self, staff: Sequence[RosterPerson]) -> None:
        self._people: dict[RosterKey, RosterPerson] = {}
        self._known: dict[tuple[str, str], RosterPerson] = {}
        for person in staff:
            self._learn(person)

    def key_of(self, row: ParentRow) -> RosterKey:
        """Return the key of the person a line speaks of, a new one if nobody fits."""
        line = f"{columns.PARENTS.name}:{row.row}"
        written = RosterPerson(
            key=RosterKey(name=classes.key(" ".join(_full(row))), line=line),
            external_id="",
            family_name=row.family_name,
            given_name=row.given_name,
            middle_name=row.middle_name,
            email=row.email,
            phone=row.phone,
        )
        met = (self._known.get(mark) for mark in _marks(written))
        same = next((person for person in met if person and _agree(person, written)), None)
        if same is None:
            self._people[written.key] = written
            self._learn(written)
            return written.key
        fuller = replace(
            self._people.get(same.key, same),
            middle_name=same.middle_name or written.middle_name,
            email=same.email or written.email,
            phone=same.phone or written.phone,
        )
        if same.key in self._people:
            self._people[same.key] = fuller
        self._learn(fuller)
        return same.key

    def newcomers(self) -> tuple[RosterPerson, ...]:
        """Return those who were not known before."""
        return tuple(self._people.values())

    def _learn(self, person: RosterPerson) -> None:
        for mark in _marks(person):
            self._known.setdefault(mark, person)


def _marks(person: RosterPerson) -> list[tuple[str, str]]:
    name = classes.key(f"{person.family_name} {person.given_name}")
    return [(name, contact) for contact in (person.email, person.phone) if contact]


def _agree(one: RosterPerson, other: RosterPerson) -> bool:
    patronymics = {classes.key(person.middle_name) for person in (one, other)} - {""}
    return len(patronymics) <= 1


def _full(row: HumanRow) -> tuple[str, ...]:
    names = (row.family_name, row.given_name, row.middle_name)
    return tuple(classes.key(name) for name in names)


def warn_of_shared_contacts(
    pupils: Sequence[PupilRow],
    parents: Sequence[ParentRow],
    staff: Sequence[StaffRow],
    findings: Findings,
) -> None:
    """Warn where a child has somebody else's phone or e-mail (S-31, S-58)."""
    owners: dict[str, list[tuple[str, int]]] = defaultdict(list)
    sheets: list[tuple[str, Sequence[HumanRow]]] = [
        (columns.PUPILS.name, pupils),
        (columns.PARENTS.name, parents),
        (columns.STAFF.name, staff),
    ]
    for sheet, rows in sheets:
        for row in rows:
            for contact in filter(None, (row.email, row.phone)):
                owners[contact].append((sheet, row.row))
    for pupil in pupils:
        for title, contact in (("Эл. почта", pupil.email), ("Телефон", pupil.phone)):
            mine = (columns.PUPILS.name, pupil.row)
            others = [place for place in owners[contact] if place != mine] if contact else []
            if others:
                where = ", ".join(f"{sheet}: {number}" for sheet, number in others[:3])
                findings.add(
                    "contact_shared", Severity.WARNING, sheet=columns.PUPILS.name, row=pupil.row,
                    column=title, value=contact, where=where,
                )  # fmt: skip


def _say(
    findings: Findings, code: str, row: ParentRow, column: str, value: str = "", **params: str
) -> None:
    findings.add(
        code, Severity.ERROR, sheet=columns.PARENTS.name, row=row.row, column=column, value=value,
        **params,
    )  # fmt: skip
