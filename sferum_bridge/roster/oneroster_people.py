"""Reads the people of OneRoster: users, roles, enrolments, and agents as guardians (§4.1)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sferum_bridge.roster import oneroster_files, values
from sferum_bridge.roster.columns import Kind
from sferum_bridge.roster.model import (
    Endings,
    Relation,
    Roster,
    RosterAppointment,
    RosterEnrolment,
    RosterGuardian,
    RosterKey,
    RosterLeadership,
    RosterPerson,
    RosterTeaching,
    RosterTie,
    Severity,
)
from sferum_bridge.roster.oneroster_columns import V11
from sferum_bridge.roster.oneroster_users import Users
from sferum_bridge.school import classes
from sferum_bridge.school.people import Post

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.oneroster import Group, Taught
    from sferum_bridge.roster.oneroster_files import Files, Line

POSTS: Mapping[str, Post] = {
    "administrator": Post.ADMINISTRATOR,
    "siteAdministrator": Post.ADMINISTRATOR,
    "principal": Post.ADMINISTRATOR,
    "teacher": Post.TEACHER,
    "aide": Post.STAFF,
    "proctor": Post.STAFF,
    "counselor": Post.STAFF,
    # They administer more than a school, and nothing in this one.
    "districtAdministrator": Post.STAFF,
    "systemAdministrator": Post.STAFF,
}
STUDENT, TEACHER = "student", "teacher"
RELATIONS: Mapping[str, Relation] = {
    "parent": Relation.UNSAID,
    "guardian": Relation.GUARDIAN,
    "relative": Relation.OTHER,
}
_ENROLMENT_ROLES = ("administrator", "proctor", STUDENT, TEACHER)
_DAYS_IN = {
    "enrolment": "enrollments",
    "leadership": "enrollments",
    "teaching": "enrollments",
    "appointment": "roles",
}
"""Which file tells the days of a tie; 1.1 has none with those of posts."""
_MOST_PARENTS = 2
Term = tuple["date | None", "date | None"]


def read(files: Files, taught: Taught, findings: Findings) -> Roster:
    """Return the people and ties of a school, without the school and its classes."""
    return _Reader(files, taught, findings).read()


class _Reader:
    """Reads one file; what is deleted goes to the endings."""

    def __init__(self, files: Files, taught: Taught, findings: Findings) -> None:
        self._files = files
        self._taught = taught
        self._findings = findings
        self._delta = bool(files.delta)
        self._users = Users(files, taught.school_id, findings)
        self._homerooms = {
            group.name for group in taught.groups.values() if group.homeroom and not group.deleted
        }
        self._roles: dict[str, dict[str, Term]] = defaultdict(dict)
        self._said_roles: set[str] = set()
        self._gone_roles: list[tuple[str, str]] = []
        self._enrolments: dict[tuple[str, str], RosterEnrolment] = {}
        self._enrolled_by: dict[tuple[str, str], Line] = {}
        self._leaderships: list[RosterLeadership] = []
        self._teachings: dict[tuple[RosterKey, str, str], RosterTeaching] = {}
        self._ended_enrolments: list[RosterEnrolment] = []
        self._ended_leaderships: list[RosterLeadership] = []
        self._ended_teachings: list[RosterTeaching] = []

    def read(self) -> Roster:
        """Read roles, enrolments, agents, and then whoever has any of them."""
        self._read_roles()
        self._read_enrolments()
        guardians = self._guardians()
        appointments = [
            RosterAppointment(self._users.key(id_), post, since, until)
            for id_, roles in self._roles.items()
            for post, (since, until) in self._posts(roles).items()
        ]
        ties: list[RosterTie] = [*self._enrolments.values(), *appointments]
        ties += [*self._leaderships, *self._teachings.values()]
        tied = {tie.person for tie in ties}
        tied |= {key for tie in guardians for key in (tie.child, tie.parent)}
        gone = tuple(
            self._users.key(id_) for id_, line in self._users.by_id.items() if line.deleted
        )
        return Roster(
            people=tuple(self._people(tied)),
            enrolments=tuple(self._enrolments.values()),
            appointments=tuple(appointments),
            leaderships=tuple(self._leaderships),
            teachings=tuple(self._teachings.values()),
            guardians=guardians,
            endings=Endings(
                people=gone,
                enrolments=tuple(self._ended_enrolments),
                appointments=tuple(
                    RosterAppointment(self._users.key(id_), POSTS[role])
                    for id_, role in self._gone_roles
                    if role in POSTS
                ),
                leaderships=tuple(self._ended_leaderships),
                teachings=tuple(self._ended_teachings),
            ),
            tells_of=frozenset(("pupil", "staff", *(("guardian",) if guardians else ()))),
            days_told=frozenset(
                f"{tie}.{day}"
                for tie, file in _DAYS_IN.items()
                for day in ("since", "until")
                if file in self._files.lines
            ),
        )

    # --- who is there, and as what ----------------------------------------------------------

    def _read_roles(self) -> None:
        if self._files.version == V11:
            for line in self._users.by_id.values():
                if not line.deleted and self._role_known(line):
                    self._roles[line.id][line["role"]] = (None, None)
            return
        school = self._taught.school_id
        for line in self._files.of("roles"):
            user = line["userSourcedId"]
            if school and line["orgSourcedId"] not in (school, ""):
                continue
            if not self._users.is_one(user):
                self._refuse("oneroster_orphan", line, "userSourcedId")
            elif line.deleted:
                self._gone_roles.append((user, line["role"]))
            elif self._role_known(line) and (term := self._term(line)) is not None:
                self._roles[user][line["role"]] = term

    def _role_known(self, line: Line) -> bool:
        role = line["role"]
        known = {*POSTS, *RELATIONS, STUDENT}
        if role in known:
            return True
        foreign = role.startswith("ext:")
        severity = Severity.WARNING if foreign else Severity.ERROR
        allowed = ", ".join(sorted(known))
        hint = values.closest(role, sorted(known)) or allowed
        self._refuse("role_unknown", line, "role", severity, allowed=allowed, hint=hint)
        return False

    @staticmethod
    def _posts(roles: Mapping[str, Term]) -> Mapping[Post, Term]:
        found: dict[Post, Term] = {}
        for role, term in roles.items():
            if role in POSTS:
                found.setdefault(POSTS[role], term)
        return found

    # --- enrolments -------------------------------------------------------------------------

    def _read_enrolments(self) -> None:
        """Pupils of homerooms first: whom a group consists of tells which classes it is of."""
        here = [line for line in self._files.of("enrollments") if self._resolved(line)]
        groups = self._taught.groups
        members: dict[str, set[str]] = defaultdict(set)
        for line in here:
            group = groups[line["classSourcedId"]]
            if line["role"] == STUDENT and group.homeroom:
                self._enrol(line, group)
            elif line["role"] == STUDENT:
                members[line["classSourcedId"]].add(line["userSourcedId"])
        homes: dict[str, set[str]] = defaultdict(set)
        for user, name in self._enrolments:
            homes[user].add(name)
        for line in here:
            if line["role"] == TEACHER:
                group = groups[line["classSourcedId"]]
                of_group = members[line["classSourcedId"]]
                taught = {name for user in of_group for name in homes.get(user, ())}
                # The code of a group may be anything, and need not be a class there is.
                of_class = group.name and (line.deleted or group.name in self._homerooms)
                self._teach(line, group, {group.name} if of_class else taught)

    def _resolved(self, line: Line) -> bool:  # noqa: PLR0911 - what may be wrong, one by one
        """Tell whether a line is of this school, and says of whom and of what it speaks."""
        if self._taught.school_id and line["schoolSourcedId"] not in (self._taught.school_id, ""):
            return False
        for column in ("classSourcedId", "userSourcedId", "role"):
            if not line[column]:
                self._refuse("cell_missing", line, column)
                return False
        if line["role"] not in _ENROLMENT_ROLES:
            allowed = ", ".join(_ENROLMENT_ROLES)
            self._refuse("role_unknown", line, "role", allowed=allowed, hint=allowed)
            return False
        if line["classSourcedId"] not in self._taught.groups:
            described = "classes" in self._files.lines and "classes" not in self._files.delta
            if described and self._of_other_year(line["classSourcedId"]):
                return False
            code = "oneroster_orphan" if described else "oneroster_class_unknown"
            self._refuse(code, line, "classSourcedId")
            return False
        if not line.deleted and not self._users.is_one(line["userSourcedId"]):
            self._refuse("oneroster_orphan", line, "userSourcedId")
            return False
        group = self._taught.groups[line["classSourcedId"]]
        if group.homeroom and group.name not in self._homerooms and not line.deleted:
            self._refuse("oneroster_orphan", line, "classSourcedId")
            return False
        return True

    def _of_other_year(self, class_id: str) -> bool:
        """Tell whether a class is there and was left out, of which was told already."""
        return any(line.id == class_id for line in self._files.of("classes"))

    def _enrol(self, line: Line, group: Group) -> None:
        term = self._term(line)
        if term is None:
            return
        user = line["userSourcedId"]
        tie = RosterEnrolment(self._users.key(user), group.name, since=term[0], until=term[1])
        if line.deleted:
            self._ended_enrolments.append(tie)
            return
        place = user, group.name
        if place in self._enrolments:
            first, by = self._enrolments[place], self._enrolled_by[place]
            # Who left and came back has two: what holds longer is what they are now.
            lasts = tie.until is None or (first.until is not None and first.until < tie.until)
            left_out, kept = (by, line) if lasts else (line, by)
            code, other = "oneroster_enrolled_twice", str(kept.row)
            self._refuse(code, left_out, "userSourcedId", Severity.WARNING, other=other)
            if not lasts:
                return
        self._enrolments[place], self._enrolled_by[place] = tie, line

    def _teach(self, line: Line, group: Group, taught: set[str]) -> None:
        term = self._term(line)
        if term is None:
            return
        person = self._users.key(line["userSourcedId"])
        leads = group.homeroom and line["primary"] == "true"
        if group.homeroom and (leads or self._delta):
            tie = RosterLeadership(person, group.name, *term)
            ended = line.deleted or not leads
            (self._ended_leaderships if ended else self._leaderships).append(tie)
        if leads:
            return
        if not taught:
            code = "oneroster_homeroom" if group.name else "oneroster_group"
            self._refuse(code, line, "classSourcedId", Severity.WARNING, name=group.name)
        for name in sorted(taught):
            lesson = RosterTeaching(person, name, group.subject, *term)
            if line.deleted:
                self._ended_teachings.append(lesson)
            elif group.subject:
                self._teachings.setdefault((person, name, classes.key(group.subject)), lesson)

    def _term(self, line: Line) -> Term | None:
        """Return the days of a line; `None` if they cannot be understood, which is said."""
        days: list[date | None] = []
        for name in ("beginDate", "endDate"):
            try:
                found = values.parse(Kind.DATE, line[name]) if line[name] else None
            except values.CellError as error:
                self._refuse(error.code, line, name)
                return None
            days.append(found)  # type: ignore[arg-type]  # a DATE is a date
        since, until = days
        if since and until and until < since:
            self._refuse("date_order", line, "endDate")
            return None
        return since, until

    # --- guardians --------------------------------------------------------------------------

    def _guardians(self) -> tuple[RosterGuardian, ...]:
        """Join what pupils say of their agents and these of the pupils: at most two have access."""
        pupils = {id_ for id_, roles in self._roles.items() if STUDENT in roles}
        pupils |= {user for user, _ in self._enrolments}
        pairs: dict[tuple[str, str], Line] = {}
        for line in self._users.by_id.values():
            if line.deleted:
                continue
            for agent in line.several("agentSourcedIds"):
                child, parent = (line.id, agent) if line.id in pupils else (agent, line.id)
                if not self._users.is_one(agent):
                    if agent not in self._users.everybody:
                        severity = Severity.WARNING
                        self._refuse("oneroster_orphan", line, "agentSourcedIds", severity)
                elif parent in pupils or (child not in pupils and not self._delta):
                    self._refuse("oneroster_agent", line, "agentSourcedIds", Severity.WARNING)
                elif child != parent:
                    pairs.setdefault((child, parent), line)
        kept: dict[str, list[str]] = defaultdict(list)
        found = []
        for (child, parent), line in pairs.items():
            if len(kept[child]) >= _MOST_PARENTS:
                first = ", ".join(kept[child])
                self._refuse("parent_third", line, "agentSourcedIds", rows=first)
                continue
            kept[child].append(str(line.row))
            known = [RELATIONS[role] for role in self._roles.get(parent, ()) if role in RELATIONS]
            relation = next(iter(known), Relation.UNSAID)
            found.append(RosterGuardian(self._users.key(child), self._users.key(parent), relation))
        enrolled = {tie.person for tie in self._enrolments.values()}
        return tuple(tie for tie in found if self._delta or tie.child in enrolled)

    # --- people -----------------------------------------------------------------------------

    def _people(self, tied: set[RosterKey]) -> Iterable[RosterPerson]:
        named = set()
        birthdays = self._users.birthdays()
        for id_, line in self._users.by_id.items():
            key = self._users.key(id_)
            named.add(key)
            if line.deleted:
                continue
            if key in tied or self._delta:
                yield self._users.person(line, key, birthdays.get(id_))
            elif id_ not in self._roles:
                if not self._has_role(id_):
                    self._refuse("oneroster_no_role", line, "sourcedId")
            else:
                student = STUDENT in self._roles[id_]
                code = "oneroster_no_class" if student else "oneroster_no_child"
                self._refuse(code, line, "sourcedId")
        for key in sorted(tied - named):
            yield RosterPerson(key, key.external_id, "", "")

    def _has_role(self, id_: str) -> bool:
        """Tell whether a user has a role somewhere, of which was told if it is unknown."""
        if self._files.version == V11:
            return True
        if not self._said_roles:
            self._said_roles = {line["userSourcedId"] for line in self._files.of("roles")}
        return id_ in self._said_roles

    def _refuse(
        self,
        code: str,
        line: Line,
        column: str,
        severity: Severity = Severity.ERROR,
        **params: str,
    ) -> None:
        oneroster_files.refuse(self._findings, code, line, column, severity, **params)
