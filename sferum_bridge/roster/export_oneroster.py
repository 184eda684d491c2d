"""Writes OneRoster 1.1 and 1.2 as full lists (§4.1): the files of the zip, by name.

Every class becomes a homeroom, every subject taught to a class a scheduled class with the pupils of
that class in it. Who has no id gets one that is made up, and is read back without.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from sferum_bridge.roster import oneroster_columns as columns
from sferum_bridge.roster.model import ClassKind, Relation, Status
from sferum_bridge.roster.oneroster_people import STUDENT, TEACHER
from sferum_bridge.roster.rows import MADE_UP, UNNAMED
from sferum_bridge.roster.template import escape
from sferum_bridge.school.people import Post

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sferum_bridge.roster.model import Roster, RosterKey, RosterPerson

_MOST_PARENTS = 2
_SCHOOL, _TERM, _HOMEROOM_COURSE = (f"{MADE_UP}{name}" for name in ("school", "year", "homeroom"))
_POSTS = {
    Post.ADMINISTRATOR: {columns.V11: "administrator", columns.V12: "siteAdministrator"},
    Post.TEACHER: dict.fromkeys((columns.V11, columns.V12), TEACHER),
    Post.STAFF: dict.fromkeys((columns.V11, columns.V12), "aide"),
}
_RELATIONS = {
    Relation.GUARDIAN: "guardian",
    Relation.TRUSTEE: "guardian",
    Relation.OTHER: "relative",
}
_FIRST_DAY, _LAST_DAY = "09-01", "08-31"

_Line = dict[str, str]


def files(roster: Roster, version: str, lost: Counter[str]) -> Mapping[str, bytes]:
    """Return the files of a zip, by name; what OneRoster cannot hold is counted."""
    writer = _Writer(roster, version, lost)
    lines = {name: each for name, each in writer.lines().items() if each}
    known = (*columns.TABLES[version], *columns.IGNORED[version])
    manifest = [
        ("propertyName", "value"),
        ("manifest.version", "1.0"),
        ("oneroster.version", version),
        *((f"file.{name}", "bulk" if name in lines else "absent") for name in sorted(known)),
        ("source.systemName", "sferum-bridge"),
    ]
    found = {"manifest.csv": _csv(manifest)}
    for name, each in lines.items():
        titles = [title.lstrip("*") for title in columns.TABLES[version][name]]
        titles = [title for title in titles if title not in columns.MAY_LACK.get(name, ())]
        rows = [[escape(line.get(title, "")) for title in titles] for line in each]
        found[f"{name}.csv"] = _csv([titles, *rows])
    return found


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    written = StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()


@dataclass(slots=True)
class _Writer:
    """Makes the lines of every file."""

    roster: Roster
    version: str
    lost: Counter[str]
    ids: dict[RosterKey, str] = field(default_factory=dict)

    def lines(self) -> dict[str, list[_Line]]:
        """Return the lines by file."""
        for number, person in enumerate(self.roster.people, start=1):
            self.ids[person.key] = person.external_id or f"{MADE_UP}{number}"
        enrolments = [tie for tie in self.roster.enrolments if tie.status.enrolled]
        self.lost["statuses"] += len(self.roster.enrolments) - len(enrolments)
        self.lost["statuses"] += sum(tie.status is Status.REPEATS for tie in enrolments)
        agents = self._agents({tie.person for tie in enrolments})
        roles = self._roles({tie.person for tie in enrolments}, agents)
        shown = [person for person in self.roster.people if person.key in roles]
        self.lost["unposted"] += len(self.roster.people) - len(shown)
        found = {
            "orgs": self._orgs(),
            "academicSessions": self._sessions(),
            "users": [self._user(person, roles, agents) for person in shown],
            "demographics": [
                {"sourcedId": self.ids[person.key], "birthDate": person.birth_date.isoformat()}
                for person in shown
                if person.birth_date
            ],
            **self._taught(set(roles)),
        }
        if self.version == columns.V12:
            found["roles"] = [
                {
                    "sourcedId": f"{MADE_UP}{number}-{place}",
                    "userSourcedId": self.ids[key],
                    "roleType": "secondary" if place else "primary",
                    "role": role,
                    "beginDate": _day(since),
                    "endDate": _day(until),
                    "orgSourcedId": _SCHOOL,
                }
                for number, (key, each) in enumerate(roles.items())
                for place, (role, (since, until)) in enumerate(each.items())
            ]
        return found

    def _orgs(self) -> list[_Line]:
        school = self.roster.school
        self.lost["school"] += bool(school and (school.timezone or school.language))
        name = school.name if school else UNNAMED
        return [{"sourcedId": _SCHOOL, "name": name, "type": "school"}]

    def _sessions(self) -> list[_Line]:
        """Return the school year; OneRoster calls it by the year it ends in."""
        return [
            {
                "sourcedId": f"{_TERM}-{year[-4:]}",
                "title": year,
                "type": "schoolYear",
                "startDate": f"{year[:4]}-{_FIRST_DAY}",
                "endDate": f"{year[-4:]}-{_LAST_DAY}",
                "schoolYear": year[-4:],
            }
            for year in dict.fromkeys(each.year for each in self.roster.classes)
        ]

    # --- people -----------------------------------------------------------------------------

    def _agents(self, pupils: set[RosterKey]) -> dict[RosterKey, list[RosterKey]]:
        """Return the guardians of each pupil. One without access is none to a reader of these."""
        found: dict[RosterKey, list[RosterKey]] = defaultdict(list)
        for tie in self.roster.guardians:
            if tie.child not in pupils:
                continue
            if not tie.access:
                self.lost["denied"] += 1
            elif len(found[tie.child]) >= _MOST_PARENTS:
                self.lost["third"] += 1
            else:
                found[tie.child].append(tie.parent)
        return found

    def _roles(
        self, pupils: set[RosterKey], agents: Mapping[RosterKey, Sequence[RosterKey]]
    ) -> dict[RosterKey, dict[str, tuple[date | None, date | None]]]:
        """Return the roles of everybody who has one; in 1.1 people have one role, without days."""
        found: dict[RosterKey, dict[str, tuple[date | None, date | None]]] = defaultdict(dict)
        for key in pupils:
            found[key][STUDENT] = (None, None)
        for tie in self.roster.appointments:
            role = _POSTS[tie.post][self.version]
            self.lost["terms"] += role in found[tie.person]
            found[tie.person].setdefault(role, (tie.since, tie.until))
        relations: dict[RosterKey, set[Relation]] = defaultdict(set)
        wanted = {(child, parent) for child, parents in agents.items() for parent in parents}
        for each in self.roster.guardians:
            if (each.child, each.parent) in wanted:
                relations[each.parent].add(each.relation)
        for key, several in relations.items():
            role = _RELATIONS.get(min(several), "parent") if len(several) == 1 else "parent"
            kept = self.version == columns.V12 or key not in found
            self.lost["relations"] += not (
                kept and several <= {Relation.UNSAID, Relation.GUARDIAN, Relation.OTHER}
                and len(several) == 1
            )  # fmt: skip
            if kept:
                found[key][role] = (None, None)
        if self.version == columns.V11:
            for key, roles in found.items():
                best = next((r for r in ("administrator", TEACHER) if r in roles), None)
                best = best or next(iter(roles))
                self.lost["roles"] += len(roles) - 1
                self.lost["terms"] += roles[best] != (None, None)
                found[key] = {best: roles[best]}
        # Whoever leads or teaches and has no post would be nobody: it is counted with the unposted.
        return {
            person.key: found[person.key] for person in self.roster.people if person.key in found
        }

    def _user(
        self,
        person: RosterPerson,
        roles: Mapping[RosterKey, Mapping[str, object]],
        agents: Mapping[RosterKey, Sequence[RosterKey]],
    ) -> _Line:
        id_ = self.ids[person.key]
        return {
            "sourcedId": id_,
            "enabledUser": "true",
            "orgSourcedIds": _SCHOOL,
            "primaryOrgSourcedId": _SCHOOL,
            "role": next(iter(roles[person.key])),
            "username": id_,
            "givenName": person.given_name,
            "familyName": person.family_name,
            "middleName": person.middle_name,
            "email": person.email,
            "phone": person.phone,
            "agentSourcedIds": ",".join(self.ids[key] for key in agents.get(person.key, ())),
        }

    # --- classes ----------------------------------------------------------------------------

    def _taught(self, shown: set[RosterKey]) -> dict[str, list[_Line]]:
        """Return courses, classes and enrolments: homerooms, and a group for each subject."""
        years = {each.name: each.year for each in self.roster.classes}
        homes = {name: f"{MADE_UP}{year}-{name}" for name, year in years.items()}
        subjects: dict[tuple[str, str], str] = {}
        courses = {"": _HOMEROOM_COURSE}
        for tie in self.roster.teachings:
            courses.setdefault(tie.subject, f"{MADE_UP}course-{len(courses)}")
            subjects.setdefault((tie.class_name, tie.subject), f"{MADE_UP}group-{len(subjects)}")
        self.lost["classes"] += sum(
            each.kind is not ClassKind.CLASS or bool(each.next_name) for each in self.roster.classes
        )
        classes = [
            self._class(homes[name], name, name, "homeroom", _HOMEROOM_COURSE, year)
            for name, year in years.items()
        ]
        classes += [
            self._class(id_, f"{subject} {name}"[:500], name, "scheduled", courses[subject],
                        years[name])
            for (name, subject), id_ in subjects.items()
        ]  # fmt: skip
        enrolled: list[_Line] = []

        def enrol(
            class_id: str, key: RosterKey, role: str, term: tuple[date | None, date | None],
            primary: str = "",
        ) -> None:  # fmt: skip
            if key not in shown:
                return
            enrolled.append(
                {
                    "sourcedId": f"{MADE_UP}enrolment-{len(enrolled)}",
                    "classSourcedId": class_id,
                    "schoolSourcedId": _SCHOOL,
                    "userSourcedId": self.ids[key],
                    "role": role,
                    "primary": primary,
                    "beginDate": _day(term[0]),
                    "endDate": _day(term[1]),
                }
            )

        groups: dict[str, list[str]] = defaultdict(list)
        for (name, _), id_ in subjects.items():
            groups[name].append(id_)
        for place in self.roster.enrolments:
            if place.status.enrolled:
                for id_ in (homes[place.class_name], *groups[place.class_name]):
                    enrol(id_, place.person, STUDENT, (place.since, place.until))
        for lead in self.roster.leaderships:
            enrol(homes[lead.class_name], lead.person, TEACHER, (lead.since, lead.until), "true")
        for lesson in self.roster.teachings:
            id_ = subjects[lesson.class_name, lesson.subject]
            enrol(id_, lesson.person, TEACHER, (lesson.since, lesson.until), "false")
        return {
            "courses": [
                {"sourcedId": id_, "title": subject or "Класс", "orgSourcedId": _SCHOOL}
                for subject, id_ in courses.items()
            ],
            "classes": classes,
            "enrollments": enrolled,
        }

    @staticmethod
    def _class(id_: str, title: str, code: str, kind: str, course: str, year: str) -> _Line:
        return {
            "sourcedId": id_,
            "title": title,
            "courseSourcedId": course,
            "classCode": code,
            "classType": kind,
            "schoolSourcedId": _SCHOOL,
            "termSourcedIds": f"{_TERM}-{year[-4:]}",
        }


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
