"""The sheet «Родители»: who is expected to become whose parent.

Parents have no id and no birthday in the template. Two lines speak of one person only when the name
and a contact agree; that is also how a teacher is known to be a parent too (scenario 15). A name
alone never does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.roster.model import RosterGuardian, RosterKey, RosterPerson, Severity
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.rows import HumanRow, ParentRow, PupilRow, Rows, StaffRow

_MOST_PARENTS = 2
_MOST_GUARDIANS = 12
"""Guardians of one child, those without access too; no family has more."""
_SHOWN = 4


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
        if row.slot:
            return False  # the child stands in the same line, of which is said what is wrong
        code = "child_skipped" if row.child_id in rows.skipped_pupils else "child_unknown"
        findings.of_row(code, row, "Ид ребёнка", row.child_id)
        return False
    if not row.access and not row.ground:
        findings.of_row("ground_missing", row, "Основание")
        return False
    return True


def _at_most_two(rows: Iterable[ParentRow], findings: Findings) -> list[ParentRow]:
    """Leave out repetitions, and whoever would be a third parent with access (S-53, I-2)."""
    met: dict[tuple[str, tuple[str, ...]], ParentRow] = {}
    holders: dict[str, list[ParentRow]] = defaultdict(list)
    guardians: Counter[str] = Counter()
    kept = []
    for row in rows:
        twice = met.setdefault((row.child_id, _full(row)), row)
        having = holders[row.child_id]
        if twice is not row:
            copied = replace(row, row=twice.row, sheet=twice.sheet, slot=twice.slot) == twice
            severity = Severity.WARNING if copied else Severity.ERROR
            findings.of_row(
                "parent_twice",
                row,
                "Фамилия",
                row.family_name,
                severity=severity,
                other=str(twice.row),
            )
        elif row.access and len(having) >= _MOST_PARENTS:
            del met[row.child_id, _full(row)]
            places = ", ".join(str(other.row) for other in having)
            findings.of_row("parent_third", row, "Ид ребёнка", _child(row), rows=places)
        elif guardians[row.child_id] >= _MOST_GUARDIANS:
            findings.of_row("guardians_many", row, "Ид ребёнка", limit=str(_MOST_GUARDIANS))
        else:
            guardians[row.child_id] += 1
            if row.access:
                having.append(row)
            kept.append(row)
    return kept


def _child(row: ParentRow) -> str:
    return "" if row.slot else row.child_id


class _Register:
    """Knows people by name and contact together, the staff from the start."""

    def __init__(self, staff: Sequence[RosterPerson]) -> None:
        self._people: dict[RosterKey, RosterPerson] = {}
        self._known: dict[tuple[str, str], RosterPerson] = {}
        for person in staff:
            self._learn(person)

    def key_of(self, row: ParentRow) -> RosterKey:
        """Return the key of the person a line speaks of, a new one if nobody fits."""
        line = f"{row.sheet}:{row.row}{row.slot and f':{row.slot}'}"
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
    everybody: list[HumanRow] = [*pupils, *parents, *staff]
    counted = Counter(contact for row in everybody for contact in (row.email, row.phone))
    owners: dict[str, list[HumanRow]] = defaultdict(list)
    for row in everybody:
        for contact in (row.email, row.phone):
            # Lists of nearly every contact would be lists of one.
            if contact and counted[contact] > 1:
                owners[contact].append(row)
    for pupil in pupils:
        for title, contact in (("Эл. почта", pupil.email), ("Телефон", pupil.phone)):
            if contact not in owners:
                continue
            others = [
                each
                for each in owners[contact][:_SHOWN]
                if each is not pupil and not _same_pupil(each, pupil)
            ]
            if others:
                where = ", ".join(f"{each.sheet}: {each.row}" for each in others[: _SHOWN - 1])
                findings.add(
                    "contact_shared", Severity.WARNING, sheet=pupil.sheet, row=pupil.row,
                    column=title, value=contact, where=where,
                )  # fmt: skip


def _same_pupil(one: HumanRow, pupil: PupilRow) -> bool:
    """Tell whether a row is another of the same pupil, who changes class."""
    return bool(pupil.external_id) and getattr(one, "external_id", "") == pupil.external_id
