"""Holds the rows of a roster against each other and makes one value of them.

Sheets refer to each other: pupils and staff to classes, parents to pupils, classes to staff. A row
that contradicts another is left out; where it is unclear which of two is right, both are, since an
id that binds a parent to the wrong child is worse than a child that waits for a corrected file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import astuple, replace
from datetime import date
from itertools import islice, pairwise
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.roster import guardians, values
from sferum_bridge.roster.model import (
    Roster,
    RosterAppointment,
    RosterClass,
    RosterEnrolment,
    RosterKey,
    RosterLeadership,
    RosterPerson,
    RosterTeaching,
    SchoolInfo,
    Severity,
)
from sferum_bridge.roster.rows import PupilRow, StaffRow
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.rows import ClassRow, Row, Rows

Human = TypeVar("Human", PupilRow, StaffRow)
_Where = tuple[str, int]
_PLACES_SHOWN = 3
"""Other rows that a problem names."""
_HINTS = 200
"""Unknown classes for which the closest known one is looked for."""
_OF_PERSON = ("family_name", "given_name", "middle_name", "birth_date", "email", "phone")


def assemble(rows: Rows, findings: Findings) -> Roster:
    """Return the roster that the rows make; what contradicts is in `findings`."""
    known = _classes(rows.classes, findings)
    names = _Names(known)
    pupils = _dated(rows.pupils, findings)
    staff = _dated(rows.staff, findings)
    pupils = [row for row in pupils if names.has(row.class_name, row, "Класс", findings)]
    staff = [row for row in staff if _classes_exist(row, names, findings)]
    pupils, staff = _without_shared_ids(pupils, staff, findings)
    pupils = _without_namesakes(pupils, _pupil_places, findings)
    staff = _without_namesakes(staff, _staff_places, findings)
    kept = {row.ref for row in pupils}
    rows.skipped_pupils |= {row.ref for row in rows.pupils} - kept
    keys = [_key(row) for row in pupils]
    children = {row.ref: key for row, key in zip(pupils, keys, strict=True)}
    learners = _people(pupils, keys)
    employees = _people(staff, [_key(row) for row in staff])
    expected = guardians.join(rows, children, employees, findings)
    guardians.warn_of_shared_contacts(pupils, rows.parents, staff, findings)
    return Roster(
        school=_school(rows),
        classes=tuple(_roster_class(row) for row in known.values()),
        people=(*learners, *employees, *expected.people),
        enrolments=tuple(
            RosterEnrolment(key, row.class_name, row.status, row.since, row.until)
            for row, key in zip(pupils, keys, strict=True)
        ),
        appointments=tuple(
            RosterAppointment(_key(row), post, row.since, row.until)
            for row in staff
            for post in row.posts
        ),
        leaderships=_leaderships(staff, known, findings) if "staff" in rows.tells_of else (),
        teachings=tuple(
            RosterTeaching(_key(row), name, subject, row.since, row.until)
            for row in staff
            for subject, name in row.teaches
        ),
        guardians=expected.ties,
        tells_of=rows.tells_of if rows.parents else rows.tells_of - {"guardian"},
        days_told=frozenset(rows.days_told),
    )


def _school(rows: Rows) -> SchoolInfo | None:
    if not rows.school:
        return None
    first = rows.school[0]
    return SchoolInfo(first.name, first.timezone, first.language)


def _roster_class(row: ClassRow) -> RosterClass:
    return RosterClass(row.name, row.year, row.kind, row.next_name)


def _classes(rows: Iterable[ClassRow], findings: Findings) -> Mapping[str, ClassRow]:
    known: dict[str, ClassRow] = {}
    for row in rows:
        first = known.setdefault(row.name, row)
        if first is not row:
            findings.of_row(
                "class_twice", row, "Класс", row.name,
                other=str(first.row),
            )  # fmt: skip
    return known


def _dated(rows: Iterable[Human], findings: Findings) -> list[Human]:
    kept = []
    for row in rows:
        if row.since and row.until and row.until < row.since:
            findings.of_row("date_order", row, "Дата по", row.until.strftime("%d.%m.%Y"))
        else:
            kept.append(row)
    return kept


class _Names:
    """Knows the classes there are, and which one was meant where there is no such class."""

    def __init__(self, known: Mapping[str, ClassRow]) -> None:
        self._known = known
        self._hints: dict[str, str] = {}

    def has(self, name: str, row: Row, title: str, findings: Findings) -> bool:
        """Tell whether there is a class; say so if there is none."""
        if name in self._known:
            return True
        hint = self._hints.get(name, "")
        if not hint:
            # To compare with every class takes a moment, which thousands of names do not get.
            close = len(self._hints) < _HINTS and values.closest(name, list(self._known))
            hint = close or ", ".join(list(self._known)[:10]) or "—"
            self._hints[name] = hint
        findings.of_row("class_unknown", row, title, name, name=name, hint=hint)
        return False


def _classes_exist(row: StaffRow, names: _Names, findings: Findings) -> bool:
    taught = dict.fromkeys(name for _, name in row.teaches)
    missing = [
        not names.has(name, row, title, findings)
        for title, asked in (("Классное руководство", row.leads), ("Преподаёт", taught))
        for name in asked
    ]
    return not any(missing)


def _without_shared_ids(
    pupils: list[PupilRow], staff: list[StaffRow], findings: Findings
) -> tuple[list[PupilRow], list[StaffRow]]:
    """Leave out every row whose id another row has too; an id is one person's in the school.

    Rows of one pupil whose terms do not meet are no doubt, where the class changes in between.
    """
    pupils = _without_repeated(pupils, findings)
    staff = _without_repeated(staff, findings)
    owners: dict[str, list[PupilRow | StaffRow]] = defaultdict(list)
    everybody: list[PupilRow | StaffRow] = [*pupils, *staff]
    for row in everybody:
        if row.external_id:
            owners[row.external_id].append(row)
    doubtful: set[_Where] = set()
    for id_, sharing in owners.items():
        if len(sharing) == 1 or _changes_class(sharing):
            continue
        for row in sharing:
            doubtful.add(_where(row))
            others = [_where(other) for other in sharing[: _PLACES_SHOWN + 1] if other is not row]
            findings.of_row("id_twice", row, "Ид", id_, where=_list(others))
    return (
        [row for row in pupils if _where(row) not in doubtful],
        [row for row in staff if _where(row) not in doubtful],
    )


def _changes_class(rows: Sequence[PupilRow | StaffRow]) -> bool:
    """Tell whether rows are one pupil's, in one class after the other."""
    first = rows[0]
    if not all(
        isinstance(row, PupilRow)
        and all(getattr(row, name) == getattr(first, name) for name in _OF_PERSON)
        for row in rows
    ):
        return False
    terms = sorted(
        (row.since or date.min, row.until or date.max, row.class_name)
        for row in rows
        if isinstance(row, PupilRow)
    )
    return all(one[1] < next_[0] and one[2] != next_[2] for one, next_ in pairwise(terms))


def _without_repeated(rows: list[Human], findings: Findings) -> list[Human]:
    """Keep one of rows that are the same in every cell and have an id: a copy too many.

    The copy may stand in another sheet, as with a sheet for each class.
    """
    seen: dict[tuple[object, ...], Human] = {}
    kept = []
    ids = Counter(row.external_id for row in rows)
    for row in rows:
        if not row.external_id or ids[row.external_id] == 1:
            kept.append(row)
            continue
        first = seen.setdefault(astuple(replace(row, row=0, sheet="")), row)
        if first is row:
            kept.append(row)
        else:
            findings.of_row(
                "row_twice", row, "Ид", row.external_id, severity=Severity.WARNING,
                other=str(first.row),
            )  # fmt: skip
    return kept


def _pupil_places(row: PupilRow) -> list[object]:
    """Where a pupil without an id must have no namesake: the class, or the same day of birth."""
    return [row.class_name, *([row.birth_date] if row.birth_date else [])]


def _staff_places(_row: StaffRow) -> list[object]:
    return ["staff"]


def _without_namesakes(
    rows: list[Human], places: Callable[[Human], list[object]], findings: Findings
) -> list[Human]:
    """Leave out people without an id who have a namesake in the same place (scenario 22)."""
    if all(row.external_id for row in rows):
        return rows
    met: dict[tuple[str, object], list[Human]] = defaultdict(list)
    for row in rows:
        for place in places(row):
            met[full_key(row), place].append(row)
    kept = []
    for row in rows:
        alike = [] if row.external_id else [met[full_key(row), place] for place in places(row)]
        if all(len(each) == 1 for each in alike):
            kept.append(row)
            continue
        others = dict.fromkeys(
            _where(other) for each in alike for other in each[: _PLACES_SHOWN + 1]
        )
        others.pop(_where(row), None)
        findings.of_row("namesakes", row, "Фамилия", row.family_name, where=_list(others))
    return kept


def _where(row: Row) -> _Where:
    return row.sheet, row.row


def _list(places: Iterable[_Where]) -> str:
    return ", ".join(f"{sheet}: {row}" for sheet, row in islice(places, _PLACES_SHOWN))


def full_key(row: PupilRow | StaffRow) -> str:
    """Return the comparison key of the full name, patronymic included."""
    return classes.key(f"{row.family_name} {row.given_name} {row.middle_name}")


def _key(row: PupilRow | StaffRow) -> RosterKey:
    if row.external_id:
        return RosterKey(external_id=row.external_id)
    birth = row.birth_date if isinstance(row, PupilRow) else None
    written = birth.isoformat() if birth else ""
    return RosterKey(name=full_key(row), birth=written, line=f"{row.sheet}:{row.row}")


def _people(
    rows: Sequence[PupilRow | StaffRow], keys: Sequence[RosterKey]
) -> tuple[RosterPerson, ...]:
    found: dict[RosterKey, RosterPerson] = {}
    for row, key in zip(rows, keys, strict=True):
        found[key] = RosterPerson(
            key=key,
            external_id=row.external_id,
            family_name=row.family_name,
            given_name=row.given_name,
            middle_name=row.middle_name,
            birth_date=row.birth_date if isinstance(row, PupilRow) else None,
            email=row.email,
            phone=row.phone,
        )
    return tuple(found.values())


def _leaderships(
    staff: list[StaffRow], known: Mapping[str, ClassRow], findings: Findings
) -> tuple[RosterLeadership, ...]:
    """Join what «Сотрудники» and «Классы» say of class teachers; both may name the same one."""
    led: dict[tuple[RosterKey, str], RosterLeadership] = {}

    def lead(row: StaffRow, name: str) -> None:
        person = _key(row)
        led[person, name] = RosterLeadership(person, name, row.since, row.until)

    for row in staff:
        for name in row.leads:
            lead(row, name)
    named = _Staff(staff)
    for taught in known.values():
        if taught.leader:
            found = named.find(taught.leader)
            if found is not None:
                lead(found, taught.name)
            else:
                findings.of_row(
                    "teacher_unknown", taught,
                    "Классный руководитель", taught.leader, severity=Severity.WARNING,
                )  # fmt: skip
    having = {name for _, name in led}
    for taught in known.values():
        if taught.name not in having:
            findings.of_row(
                "class_without_teacher", taught,
                "Классный руководитель", severity=Severity.WARNING,
            )  # fmt: skip
    return tuple(led.values())


class _Staff:
    """Finds staff by id, else by the full name with or without patronymic, if only one has it."""

    def __init__(self, staff: Iterable[StaffRow]) -> None:
        self._by_id: dict[str, list[StaffRow]] = defaultdict(list)
        self._by_name: dict[str, list[StaffRow]] = defaultdict(list)
        for row in staff:
            self._by_id[row.external_id].append(row)
            for name in {full_key(row), classes.key(f"{row.family_name} {row.given_name}")}:
                self._by_name[name].append(row)

    def find(self, leader: str) -> StaffRow | None:
        """Return the one person a cell names."""
        found = self._by_id.get(leader) or self._by_name.get(classes.key(leader), [])
        return found[0] if len(found) == 1 else None
