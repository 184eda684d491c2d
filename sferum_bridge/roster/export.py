"""Writes a roster in the forms that `reader` reads, and counts what a form cannot hold.

No form holds everything a school may be, see `LEFT_OUT`. What is written is read back as it was,
but for what was counted.
"""

from __future__ import annotations

import zipfile
from collections import Counter, defaultdict
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

from sferum_bridge.roster import columns, export_oneroster, export_wide, values
from sferum_bridge.roster.model import Form, Status
from sferum_bridge.roster.rows import MADE_UP
from sferum_bridge.roster.template import write_csv_to, write_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sferum_bridge.roster.model import (
        Roster,
        RosterClassTie,
        RosterGuardian,
        RosterKey,
        RosterPerson,
    )
    from sferum_bridge.roster.template import Value

LEFT_OUT: Mapping[str, tuple[str, str]] = {
    "staff": ("сотрудники и их должности", "staff and their posts"),
    "unposted": ("люди без должности", "people without a post"),
    "terms": ("свои сроки отдельных должностей", "days of single posts or subjects"),
    "roles": ("вторые роли человека", "second roles of a person"),
    "subjects": ("предметы со знаками «:» и «;»", "subjects with “:” or “;” in them"),
    "parent_ids": ("ид и дни рождения родителей", "ids and birthdays of guardians"),
    "parents_apart": (
        "общие родители без контакта: станут разными людьми",
        "shared guardians without a contact: they become several people",
    ),
    "denied": ("представители без доступа", "guardians without access"),
    "third": ("третьи и следующие представители", "third and further guardians"),
    "relations": ("степень родства", "what a guardian is to the child"),
    "statuses": ("выбывшие, выпущенные, второгодники", "who left, graduated or repeats"),
    "classes": ("виды и следующие классы, пустые классы", "kinds and next classes, empty classes"),
    "pupil_terms": ("сроки зачислений", "days of enrolments"),
    "school": ("часовой пояс и язык школы", "zone and language of the school"),
}
"""What a form may not hold, by code, in Russian and English."""

_POSTS = {post: word for word, post in reversed(values.ROLES.items())}
_POSTS[values.ROLES["сотрудник"]] = "сотрудник"
_STATUSES = {status: word for word, status in values.STATUSES.items()}
_RELATIONS = {relation: word for word, relation in values.RELATIONS.items()}
_KINDS = {kind: word for word, kind in values.CLASS_KINDS.items()}

Rows = dict[str, list["Mapping[str, Value]"]]


def write(roster: Roster, path: Path, form: Form, *, version: str = "1.2") -> Mapping[str, int]:
    """Write a roster to a file; return what was left out, by the codes of `LEFT_OUT`.

    The template becomes a workbook or, where the name ends in `.zip`, a zip of CSV files; a wide
    sheet a workbook, or a CSV by its name; OneRoster (of a `version`, 1.1 or 1.2) a zip.
    """
    lost: Counter[str] = Counter()
    ending = path.suffix.lower()
    if form is Form.ONEROSTER:
        path.write_bytes(_zipped(export_oneroster.files(roster, version, lost)))
    elif form is Form.WIDE:
        export_wide.write(roster, path, lost)
    elif ending == ".zip":
        rows = template_rows(roster, lost)
        path.write_bytes(
            _zipped({f"{each.name}.csv": _csv(each, rows[each.name]) for each in columns.SHEETS})
        )
    else:
        write_workbook(path, template_rows(roster, lost))
    return {code: count for code, count in lost.items() if count}


def template_rows(roster: Roster, lost: Counter[str]) -> Rows:
    """Return the rows of the template, by sheet; what it cannot hold is counted."""
    people = {person.key: person for person in roster.people}
    ties = _usable(roster, people, lost)
    having = {tie.child for tie in ties}
    ids = {
        key: person.external_id or (f"{MADE_UP}{number}" if key in having else "")
        for number, (key, person) in enumerate(people.items(), start=1)
    }
    return {
        columns.PUPILS.name: [
            {
                "external_id": ids[tie.person],
                **_named(people[tie.person]),
                "birth_date": people[tie.person].birth_date,
                "class_name": tie.class_name,
                "status": "" if tie.status is Status.STUDIES else _STATUSES[tie.status],
                "since": tie.since,
                "until": tie.until,
            }
            for tie in roster.enrolments
        ],
        columns.PARENTS.name: [
            {
                "child_id": ids[tie.child],
                **_named(people[tie.parent]),
                "relation": _RELATIONS.get(tie.relation, ""),
                "access": "" if tie.access else "нет",
                "ground": tie.ground,
            }
            for tie in ties
        ],
        columns.STAFF.name: _staff(roster, people, lost),
        columns.CLASSES.name: [
            {
                "name": each.name,
                "year": each.year,
                "kind": _KINDS[each.kind],
                "next_name": each.next_name,
            }
            for each in roster.classes
        ],
        columns.SCHOOL.name: [
            {
                "name": roster.school.name,
                "timezone": roster.school.timezone,
                "language": roster.school.language,
            }
        ]
        if roster.school
        else [],
    }


def _usable(
    roster: Roster, people: Mapping[RosterKey, RosterPerson], lost: Counter[str]
) -> list[RosterGuardian]:
    """Return the ties the template can hold: of pupils, and no third with access."""
    pupils = {tie.person for tie in roster.enrolments}
    staff = {tie.person for tie in roster.appointments}
    holders: Counter[RosterKey] = Counter()
    several = Counter(tie.parent for tie in roster.guardians)
    kept = []
    for tie in roster.guardians:
        if tie.child not in pupils:
            continue
        if tie.access and holders[tie.child] >= export_wide.MOST_PARENTS:
            lost["third"] += 1
            continue
        holders[tie.child] += tie.access
        kept.append(tie)
    for key in dict.fromkeys(tie.parent for tie in kept):
        person = people[key]
        lost["parent_ids"] += bool(
            key not in staff and (person.external_id or person.birth_date is not None)
        )
        shared = several[key] > 1 or key in staff
        lost["parents_apart"] += shared and not (person.email or person.phone)
    return kept


def _staff(
    roster: Roster, people: Mapping[RosterKey, RosterPerson], lost: Counter[str]
) -> list[Mapping[str, Value]]:
    posts: dict[RosterKey, list[str]] = defaultdict(list)
    terms: dict[RosterKey, tuple[object, object]] = {}
    for tie in roster.appointments:
        term = terms.setdefault(tie.person, (tie.since, tie.until))
        lost["terms"] += term != (tie.since, tie.until)
        posts[tie.person].append(_POSTS[tie.post])
    leads: dict[RosterKey, list[str]] = defaultdict(list)
    lessons: dict[RosterKey, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for leadership in roster.leaderships:
        leads[leadership.person].append(leadership.class_name)
    for lesson in roster.teachings:
        if set(lesson.subject) & set(";:"):
            lost["subjects"] += 1
        else:
            lessons[lesson.person][lesson.subject].append(lesson.class_name)
    others: list[RosterClassTie] = [*roster.leaderships, *roster.teachings]
    for other in others:
        held = terms.get(other.person)
        lost["terms"] += held is not None and held != (other.since, other.until)
    lost["unposted"] += len((leads.keys() | lessons.keys()) - posts.keys())
    first = {tie.person: tie for tie in reversed(roster.appointments)}
    return [
        {
            "external_id": people[key].external_id,
            **_named(people[key]),
            "posts": "; ".join(dict.fromkeys(words)),
            "leads": "; ".join(leads[key]),
            "teaches": "; ".join(
                f"{subject}: {', '.join(names)}" for subject, names in lessons[key].items()
            ),
            "since": first[key].since,
            "until": first[key].until,
        }
        for key, words in posts.items()
    ]


def _named(person: RosterPerson) -> Mapping[str, Value]:
    return {
        "family_name": person.family_name,
        "given_name": person.given_name,
        "middle_name": person.middle_name,
        "email": person.email,
        "phone": person.phone,
    }


def _csv(sheet: columns.Sheet, rows: Sequence[Mapping[str, Value]]) -> bytes:
    written = StringIO(newline="")
    write_csv_to(written, sheet, rows)
    return written.getvalue().encode("utf-8-sig")


def _zipped(files: Mapping[str, bytes]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()
