"""Holds the rows of a roster against each other and makes one value of them.

Sheets refer to each other: pupils and staff to classes, parents to pupils, classes to staff. A row
that contradicts another is left out; where it is unclear which of two is right, both are, since an
id that binds a parent to the wrong child is worse than a child that waits for a corrected file.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from sferum_bridge.roster import columns, guardians, values
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
    from collections.abc import Callable, Iterable, Mapping

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.rows import ClassRow, Rows

Human = TypeVar("Human", PupilRow, StaffRow)
_Where = tuple[str, int]


def assemble(rows: Rows, findings: Findings) -> Roster:
    """Return the roster that the rows make; what contradicts is in `findings`."""
    known = _classes(rows.classes, findings)
    names = list(known)
    pupils = _dated(columns.PUPILS.name, rows.pupils, findings)
    staff = _dated(columns.STAFF.name, rows.staff, findings)
    pupils = [row for row in pupils if _in_class(row, names, findings)]
    staff = [row for row in staff if _classes_exist(row, names, findings)]
    pupils, staff = _without_shared_ids(pupils, staff, findings)
    pupils = _without_namesakes(columns.PUPILS.name, pupils, _pupil_places, findings)
    staff = _without_namesakes(columns.STAFF.name, staff, _staff_places, findings)
    kept = {row.external_id for row in pupils}
    rows.skipped_pupils |= {row.external_id for row in rows.pupils if row.external_id} - kept
    children = {row.external_id: _key(columns.PUPILS.name, row) for row in pupils}
    people = _people(pupils, staff)
    employees = people[len(pupils) :]
    expected = guardians.join(rows, children, employees, findings)
    guardians.warn_of_shared_contacts(pupils, rows.parents, staff, findings)
    return Roster(
        school=_school(rows),
        classes=tuple(_roster_class(row) for row in known.values()),
        people=(*people, *expected.people),
        enrolments=tuple(
            RosterEnrolment(
                _key(columns.PUPILS.name, row), row.class_name, row.status, row.since, row.until
            )
            for row in pupils
        ),
        appointments=tuple(
            RosterAppointment(_key(columns.STAFF.name, row), post, row.since, row.until)
            for row in staff
            for post in row.posts
        ),
        leaderships=_leaderships(staff, known, findings),
        teachings=tuple(
            RosterTeaching(_key(columns.STAFF.name, row), name, subject, row.since, row.until)
            for row in staff
            for subject, name in row.teaches
        ),
        guardians=expected.ties,
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
            _say(
                findings, "class_twice", columns.CLASSES.name, row.row, "Класс", row.name,
                other=str(first.row),
            )  # fmt: skip
    return known


def _dated(sheet: str, rows: Iterable[Human], findings: Findings) -> list[Human]:
    kept = []
    for row in rows:
        if row.since and row.until and row.until < row.since:
            _say(findings, "date_order", sheet, row.row, "Дата по", row.until.strftime("%d.%m.%Y"))
        else:
            kept.append(row)
    return kept


def _in_class(row: PupilRow, names: list[str], findings: Findings) -> bool:
    return _class_exists(row.class_name, names, findings, (columns.PUPILS.name, row.row), "Класс")


def _classes_exist(row: StaffRow, names: list[str], findings: Findings) -> bool:
    where = (columns.STAFF.name, row.row)
    taught = dict.fromkeys(name for _, name in row.teaches)
    missing = [
        not _class_exists(name, names, findings, where, title)
        for title, asked in (("Классное руководство", row.leads), ("Преподаёт", taught))
        for name in asked
    ]
    return not any(missing)


def _class_exists(
    name: str, names: list[str], findings: Findings, where: _Where, title: str
) -> bool:
    if name in names:
        return True
    hint = values.closest(name, names) or ", ".join(names[:10]) or "—"
    _say(findings, "class_unknown", *where, title, name, name=name, hint=hint)
    return False


def _without_shared_ids(
    pupils: list[PupilRow], staff: list[StaffRow], findings: Findings
) -> tuple[list[PupilRow], list[StaffRow]]:
    """Leave out every row whose id another row has too; an id is one person's in the school."""
    owners: dict[str, list[_Where]] = defaultdict(list)
    pupils = _without_repeated(columns.PUPILS.name, pupils, findings)
    staff = _without_repeated(columns.STAFF.name, staff, findings)
    for sheet, row in _both(pupils, staff):
        if row.external_id:
            owners[row.external_id].append((sheet, row.row))
    doubtful: set[_Where] = set()
    for sheet, row in _both(pupils, staff):
        others = [place for place in owners.get(row.external_id, ()) if place != (sheet, row.row)]
        if others:
            doubtful.add((sheet, row.row))
            _say(findings, "id_twice", sheet, row.row, "Ид", row.external_id, where=_list(others))
    return (
        [row for row in pupils if (columns.PUPILS.name, row.row) not in doubtful],
        [row for row in staff if (columns.STAFF.name, row.row) not in doubtful],
    )


def _both(
    pupils: list[PupilRow], staff: list[StaffRow]
) -> Iterable[tuple[str, PupilRow | StaffRow]]:
    yield from ((columns.PUPILS.name, row) for row in pupils)
    yield from ((columns.STAFF.name, row) for row in staff)


def _without_repeated(sheet: str, rows: list[Human], findings: Findings) -> list[Human]:
    """Keep one of rows that are the same in every cell and have an id: a copy too many."""
    seen: dict[tuple[object, ...], Human] = {}
    kept = []
    for row in rows:
        cells = tuple(getattr(row, name) for name in _fields(row))
        first = seen.setdefault(cells, row) if row.external_id else row
        if first is row:
            kept.append(row)
        else:
            _say(
                findings, "row_twice", sheet, row.row, "Ид", row.external_id,
                severity=Severity.WARNING, other=str(first.row),
            )  # fmt: skip
    return kept


def _fields(row: PupilRow | StaffRow) -> list[str]:
    sheet = columns.PUPILS if isinstance(row, PupilRow) else columns.STAFF
    return [column.field for column in sheet.columns]


def _pupil_places(row: PupilRow) -> list[object]:
    """Where a pupil without an id must have no namesake: the class, or the same day of birth."""
    return [row.class_name, *([row.birth_date] if row.birth_date else [])]


def _staff_places(_row: StaffRow) -> list[object]:
    return ["staff"]


def _without_namesakes(
    sheet: str,
    rows: list[Human],
    places: Callable[[Human], list[object]],
    findings: Findings,
) -> list[Human]:
    """Leave out people without an id who have a namesake in the same place (scenario 22)."""
    met: dict[tuple[str, object], list[int]] = defaultdict(list)
    for row in rows:
        for place in places(row):
            met[full_key(row), place].append(row.row)
    kept = []
    for row in rows:
        others = {n for place in places(row) for n in met[full_key(row), place]} - {row.row}
        if others and not row.external_id:
            where = _list([(sheet, other) for other in sorted(others)])
            _say(findings, "namesakes", sheet, row.row, "Фамилия", row.family_name, where=where)
        else:
            kept.append(row)
    return kept


def _list(places: Iterable[_Where]) -> str:
    return ", ".join(f"{sheet}: {row}" for sheet, row in places)


def full_key(row: PupilRow | StaffRow) -> str:
    """Return the comparison key of the full name, patronymic included."""
    return classes.key(f"{row.family_name} {row.given_name} {row.middle_name}")


def _key(sheet: str, row: PupilRow | StaffRow) -> RosterKey:
    if row.external_id:
        return RosterKey(external_id=row.external_id)
    birth = row.birth_date if isinstance(row, PupilRow) else None
    written = birth.isoformat() if birth else ""
    return RosterKey(name=full_key(row), birth=written, line=f"{sheet}:{row.row}")


def _people(pupils: list[PupilRow], staff: list[StaffRow]) -> tuple[RosterPerson, ...]:
    return tuple(
        RosterPerson(
            key=_key(sheet, row),
            external_id=row.external_id,
            family_name=row.family_name,
            given_name=row.given_name,
            middle_name=row.middle_name,
            birth_date=row.birth_date if isinstance(row, PupilRow) else None,
            email=row.email,
            phone=row.phone,
        )
        for sheet, row in _both(pupils, staff)
    )


def _leaderships(
    staff: list[StaffRow], known: Mapping[str, ClassRow], findings: Findings
) -> tuple[RosterLeadership, ...]:
    """Join what «Сотрудники» and «Классы» say of class teachers; both may name the same one."""
    led: dict[tuple[RosterKey, str], RosterLeadership] = {}

    def lead(row: StaffRow, name: str) -> None:
        person = _key(columns.STAFF.name, row)
        led[person, name] = RosterLeadership(person, name, row.since, row.until)

    for row in staff:
        for name in row.leads:
            lead(row, name)
    for taught in known.values():
        if taught.leader:
            found = _staff_named(taught.leader, staff)
            if found is not None:
                lead(found, taught.name)
            else:
                _say(
                    findings, "teacher_unknown", columns.CLASSES.name, taught.row,
                    "Классный руководитель", taught.leader, severity=Severity.WARNING,
                )  # fmt: skip
    for taught in known.values():
        if not any(name == taught.name for _, name in led):
            _say(
                findings, "class_without_teacher", columns.CLASSES.name, taught.row,
                "Классный руководитель", severity=Severity.WARNING,
            )  # fmt: skip
    return tuple(led.values())


def _staff_named(leader: str, staff: list[StaffRow]) -> StaffRow | None:
    """Find staff by id, else by the full name with or without patronymic, if only one has it."""
    by_id = [row for row in staff if row.external_id == leader]
    wanted = classes.key(leader)
    by_name = [
        row
        for row in staff
        if wanted in (full_key(row), classes.key(f"{row.family_name} {row.given_name}"))
    ]
    found = by_id or by_name
    return found[0] if len(found) == 1 else None


def _say(
    findings: Findings,
    code: str,
    sheet: str,
    at: int,
    column: str,
    value: str = "",
    *,
    severity: Severity = Severity.ERROR,
    **params: str,
) -> None:
    findings.add(code, severity, sheet=sheet, row=at, column=column, value=value, **params)
