"""Reads OneRoster 1.1 and 1.2 (§4.1): the school, its years and classes; then its people.

A file of several schools is read for one of them. In a list of changes (`delta`) lines name what is
not described in it: people are known to the store by their ids, and classes by the `class_ids` that
an earlier reading gave. A homeroom is a class; a scheduled class is a group of its pupils who are
taught a subject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sferum_bridge.roster import oneroster_files, oneroster_people
from sferum_bridge.roster.model import Form, Reading, Roster, RosterClass, SchoolInfo, Severity
from sferum_bridge.roster.oneroster_files import refuse
from sferum_bridge.roster.rows import UNNAMED
from sferum_bridge.school import classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sferum_bridge.roster.findings import Findings
    from sferum_bridge.roster.model import RosterClassTie
    from sferum_bridge.roster.oneroster_files import Files, Line

_HOMEROOM, _SCHEDULED = "homeroom", "scheduled"


@dataclass(frozen=True, slots=True)
class Group:
    """A class of OneRoster: a homeroom has a `name`, a scheduled one a `subject` and maybe one.

    `name` of a scheduled class is the homeroom that its code names.
    """

    year: str
    name: str = ""
    subject: str = ""
    homeroom: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Taught:
    """What is known of the school before its people are looked at."""

    school_id: str
    """Empty where a list of changes does not describe its school: then all is of it."""
    groups: Mapping[str, Group]


def read(
    found: Mapping[str, bytes],
    findings: Findings,
    school: str,
    class_ids: Mapping[str, Mapping[str, str]],
) -> Reading:
    """Read the files of a zip, by name; `school` names one where there are several."""
    files = oneroster_files.read(found, findings)
    if findings.fatal:
        return findings.reading(Roster(), Form.ONEROSTER)
    org = _school(files, findings, school)
    if findings.fatal:
        return findings.reading(Roster(), Form.ONEROSTER)
    known = {id_: _kept(each) for id_, each in class_ids.items()}
    groups = _groups(files, findings, org.id if org else "", known)
    taught = Taught(org.id if org else "", {**known, **groups})
    roster = oneroster_people.read(files, taught, findings)
    ties: list[RosterClassTie] = []
    for part in (roster, roster.endings):
        ties += [*part.enrolments, *part.leaderships, *part.teachings]
    named = {tie.class_name for tie in ties}
    used = {line["classSourcedId"] for line in files.of("enrollments")}
    earlier = [
        (id_ in used, each.year, each)
        for id_, each in known.items()
        if id_ not in groups and each.homeroom and each.name in named
    ]
    # The last of a name counts: what this list says, else the class its lines name by id.
    homerooms = [each for *_, each in sorted(earlier, key=lambda one: one[:2])]
    homerooms += [each for each in groups.values() if each.homeroom]
    roster = replace(
        roster,
        school=SchoolInfo(org["name"]) if org and org["name"] != UNNAMED else None,
        classes=tuple(
            {
                each.name: RosterClass(each.name, each.year)
                for each in homerooms
                if not each.deleted
            }.values()
        ),
        endings=replace(
            roster.endings,
            classes=tuple(RosterClass(each.name, each.year) for each in homerooms if each.deleted),
        ),
        full=not files.delta,
    )
    kept = {id_: _written(each) for id_, each in groups.items() if not each.deleted}
    return replace(findings.reading(roster, Form.ONEROSTER), class_ids=kept)


def _written(group: Group) -> Mapping[str, str]:
    kind = _HOMEROOM if group.homeroom else _SCHEDULED
    return {"kind": kind, "year": group.year, "name": group.name, "subject": group.subject}


def _kept(said: Mapping[str, str]) -> Group:
    return Group(
        said.get("year", ""),
        said.get("name", ""),
        said.get("subject", ""),
        homeroom=said.get("kind") == _HOMEROOM,
    )


def _school(files: Files, findings: Findings, wanted: str) -> Line | None:
    """Return the school to read; `None` where a list of changes does not say which it is."""
    orgs = {line.id: line for line in files.of("orgs")}
    for line in orgs.values():
        parent = line["parentSourcedId"]
        if parent and parent not in orgs and "orgs" not in files.delta:
            refuse(findings, "oneroster_orphan", line, "parentSourcedId", Severity.WARNING)
    if _cycle(orgs, findings):
        return None
    schools = [line for line in orgs.values() if line["type"] == "school" and not line.deleted]
    key = classes.key(wanted)
    code = "oneroster_schools" if schools else "oneroster_no_school"
    if wanted and len(schools) > 1:
        schools = [
            each
            for each in schools
            if key in (classes.key(each["name"]), classes.key(each.id), each["identifier"])
        ]
    if len(schools) == 1:
        return schools[0]
    if files.delta and not schools:
        return None
    names = ", ".join(line["name"] for line in orgs.values() if line["type"] == "school")[:300]
    findings.add(code, Severity.FATAL, sheet="orgs.csv", column="type", names=names or "—")
    return None


def _cycle(orgs: Mapping[str, Line], findings: Findings) -> bool:
    """Tell whether some organisation is above itself; say which."""
    sure: set[str] = set()
    for start in orgs:
        way: dict[str, None] = {}
        here = start
        while here in orgs and here not in sure:
            if here in way:
                line = orgs[here]
                refuse(findings, "oneroster_cycle", line, "parentSourcedId", Severity.FATAL)
                return True
            way[here] = None
            here = orgs[here]["parentSourcedId"]
        sure.update(way)
    return False


def _groups(
    files: Files, findings: Findings, school_id: str, known: Mapping[str, Group]
) -> Mapping[str, Group]:
    """Return the classes of the school by their ids, those of the latest school year.

    A class that is deleted by its id alone is the one `known` by it, of whatever year.
    """
    years = _years(files, findings)
    courses = {line.id: line for line in files.of("courses")}
    found: dict[str, Group] = {}
    gone: dict[str, Group] = {}
    lines: dict[str, Line] = {}
    for line in files.of("classes"):
        if school_id and line["schoolSourcedId"] not in (school_id, ""):
            continue
        if line.deleted and not line["classType"]:
            if line.id in known:
                gone[line.id] = replace(known[line.id], deleted=True)
            else:
                refuse(findings, "oneroster_class_unknown", line, "sourcedId")
            continue
        group = _group(line, years, courses, files, findings)
        if group is not None:
            found[line.id] = group
            lines[line.id] = line
    latest = max((each.year for each in found.values()), default="")
    older = sorted({each.year for each in found.values()} - {latest})
    if older:
        findings.add(
            "oneroster_years", Severity.WARNING, sheet="classes.csv", year=latest,
            older=", ".join(older),
        )  # fmt: skip
    met: dict[str, Line] = {}
    kept = {}
    for id_, group in found.items():
        first = met.setdefault(group.name, lines[id_]) if group.homeroom else lines[id_]
        if group.year != latest:
            continue
        if first is not lines[id_] and found[first.id].year == latest:
            refuse(findings, "class_twice", lines[id_], "title", other=str(first.row))
        else:
            kept[id_] = group
    return {**gone, **kept}


def _years(files: Files, findings: Findings) -> Mapping[str, str]:
    """Return the school year of each session. OneRoster calls a year by the one it ends in."""
    found = {}
    for line in files.of("academicSessions"):
        written = line["schoolYear"]
        if len(written) == len("2027") and written.isdecimal():
            found[line.id] = f"{int(written) - 1:04}/{int(written):04}"
        elif not line.deleted:
            refuse(findings, "oneroster_year", line, "schoolYear")
    return found


def _group(
    line: Line,
    years: Mapping[str, str],
    courses: Mapping[str, Line],
    files: Files,
    findings: Findings,
) -> Group | None:
    terms = line.several("termSourcedIds")
    taught = {years[each] for each in terms if each in years}
    clear = len(taught) == 1 and all(each in years for each in terms)
    if not (clear or line.deleted):
        code = "oneroster_years_mixed" if len(taught) > 1 else "oneroster_orphan"
        refuse(findings, code, line, "termSourcedIds")
        return None
    year = max(taught, default="")
    course = courses.get(line["courseSourcedId"])
    if course is None and files.of("courses") and "courses" not in files.delta:
        refuse(findings, "oneroster_orphan", line, "courseSourcedId")
        return None
    kind = line["classType"]
    if kind == _HOMEROOM:
        try:
            name = classes.normalise(line["title"])
        except classes.ClassNameError as error:
            refuse(findings, error.code, line, "title", hint=error.suggestion or "5А")
            return None
        title = course["title"] if course else ""
        return Group(year, name, title, homeroom=True, deleted=line.deleted)
    if kind != _SCHEDULED:
        allowed = f"{_HOMEROOM}, {_SCHEDULED}"
        refuse(findings, "choice_unknown", line, "classType", allowed=allowed, hint=allowed)
        return None
    subject = line["subjects"] or (course["title"] if course else "") or line["title"]
    try:
        name = classes.normalise(line["classCode"])
    except classes.ClassNameError:
        name = ""
    return Group(year, name, subject, deleted=line.deleted)
