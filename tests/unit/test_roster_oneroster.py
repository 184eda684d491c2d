"""OneRoster 1.1 and 1.2: full lists and changes, and everything a zip of them may have wrong."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.roster import Known, make_plan, problems_table, read
from sferum_bridge.roster import oneroster_columns as columns
from sferum_bridge.roster.model import Form, Reading, Relation, Severity
from sferum_bridge.school.people import Post, School

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Lines = list[dict[str, str]]
TODAY = date(2026, 10, 1)

FILES: dict[str, Lines] = {
    "orgs": [
        {"sourcedId": "d", "name": "Район", "type": "district"},
        {"sourcedId": "s", "name": "Школа № 7", "type": "school", "parentSourcedId": "d"},
    ],
    "academicSessions": [
        {"sourcedId": "y", "title": "2026/2027", "type": "schoolYear", "startDate": "2026-09-01",
         "endDate": "2027-08-31", "schoolYear": "2027"},
    ],
    "courses": [
        {"sourcedId": "k", "title": "Класс", "orgSourcedId": "s"},
        {"sourcedId": "m", "title": "Алгебра", "orgSourcedId": "s"},
    ],
    "classes": [
        {"sourcedId": "5a", "title": "5 «A»", "courseSourcedId": "k", "classType": "homeroom",
         "schoolSourcedId": "s", "termSourcedIds": "y"},
        {"sourcedId": "alg", "title": "Алгебра, группа 1", "courseSourcedId": "m",
         "classType": "scheduled", "schoolSourcedId": "s", "termSourcedIds": "y"},
    ],
    "users": [
        {"sourcedId": "u1", "role": "student", "givenName": "Алёна", "familyName": "Облачкова",
         "agentSourcedIds": "p1"},
        {"sourcedId": "u2", "role": "student", "givenName": "Лев", "familyName": "Лучиков"},
        {"sourcedId": "p1", "role": "guardian", "givenName": "Ольга", "familyName": "Облачкова",
         "email": "o@example.org", "sms": "+7 900 000-00-01"},
        {"sourcedId": "p2", "role": "parent", "givenName": "Пётр", "familyName": "Лучиков",
         "agentSourcedIds": "u2"},
        {"sourcedId": "t1", "role": "teacher", "givenName": "Анна", "familyName": "Громова"},
        {"sourcedId": "a1", "role": "administrator", "givenName": "Илья", "familyName": "Парусов"},
    ],
    "enrollments": [
        {"sourcedId": "e1", "classSourcedId": "5a", "userSourcedId": "u1", "role": "student"},
        {"sourcedId": "e2", "classSourcedId": "5a", "userSourcedId": "u2", "role": "student",
         "beginDate": "2026-09-01"},
        {"sourcedId": "e3", "classSourcedId": "alg", "userSourcedId": "u1", "role": "student"},
        {"sourcedId": "e4", "classSourcedId": "5a", "userSourcedId": "t1", "role": "teacher",
         "primary": "true"},
        {"sourcedId": "e5", "classSourcedId": "alg", "userSourcedId": "t1", "role": "teacher"},
    ],
    "demographics": [{"sourcedId": "u1", "birthDate": "2014-03-14"}],
}  # fmt: skip
_ROLES = {"administrator": "siteAdministrator"}


def lines(version: str) -> dict[str, Lines]:
    """Return the good school with what every line needs, as the version has it."""
    found = {name: [dict(line) for line in each] for name, each in FILES.items()}
    for line in found["users"]:
        line |= {"enabledUser": "true", "orgSourcedIds": "s", "username": line["sourcedId"]}
    for line in found["enrollments"]:
        line |= {"schoolSourcedId": "s"}
    if version == columns.V12:
        found["roles"] = [
            {"sourcedId": f"r-{line['sourcedId']}", "userSourcedId": line["sourcedId"],
             "roleType": "primary", "orgSourcedId": "s",
             "role": _ROLES.get(line["role"], line["role"])}
            for line in found["users"]
        ]  # fmt: skip
    return found


def packed(
    path: Path,
    version: str,
    found: Mapping[str, Lines],
    *,
    mode: str = "bulk",
    changed: Mapping[str, bytes | None] | None = None,
    folder: str = "",
) -> Path:
    known = (*columns.TABLES[version], *columns.IGNORED[version])
    manifest = [
        ["propertyName", "value"],
        ["manifest.version", "1.0"],
        ["oneroster.version", version],
        *([f"file.{one}", mode if one in found else "absent"] for one in known),
    ]
    written = {"manifest.csv": csv_of(manifest)}
    for name, each in found.items():
        titles = [title.lstrip("*") for title in columns.TABLES[version][name]]
        written[f"{name}.csv"] = csv_of(
            [titles, *([line.get(t, "") for t in titles] for line in each)]
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**written, **(changed or {})}.items():
            if data is not None:
                archive.writestr(f"{folder}{name}", data)
    return path


def csv_of(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def changes(**files: Lines) -> dict[str, Lines]:
    """Return lines of changes: active unless something else is said."""
    day = "2026-10-01T06:00:00.000Z"
    return {
        name: [{"status": "active", "dateLastModified": day, **line} for line in each]
        for name, each in files.items()
    }


def codes(reading: Reading) -> list[tuple[str, str, int, str]]:
    for lang in ("ru", "en"):
        problems_table(reading, lang)
    return [(each.code, each.sheet, each.row, each.column) for each in reading.problems]


@pytest.mark.parametrize("version", [columns.V11, columns.V12])
def test_a_full_list(tmp_path: Path, version: str) -> None:
    reading = read(packed(tmp_path / "a.zip", version, lines(version)))
    assert (reading.problems, reading.form) == ((), Form.ONEROSTER)
    roster = reading.roster
    assert roster.full
    assert roster.school is not None
    assert roster.school.name == "Школа № 7"
    assert [(each.name, each.year) for each in roster.classes] == [("5А", "2026/2027")]
    assert [(tie.person.external_id, tie.class_name) for tie in roster.enrolments] == [
        ("u1", "5А"),
        ("u2", "5А"),
    ]
    assert {(tie.person.external_id, tie.post) for tie in roster.appointments} == {
        ("t1", Post.TEACHER),
        ("a1", Post.ADMINISTRATOR),
    }
    assert [(tie.person.external_id, tie.class_name) for tie in roster.leaderships] == [
        ("t1", "5А")
    ]
    assert [(tie.subject, tie.class_name) for tie in roster.teachings] == [("Алгебра", "5А")]
    assert {(t.child.external_id, t.parent.external_id, t.relation) for t in roster.guardians} == {
        ("u1", "p1", Relation.GUARDIAN),
        ("u2", "p2", Relation.UNSAID),
    }
    people = {one.external_id: one for one in roster.people}
    assert str(people["u1"].birth_date) == "2014-03-14"
    assert (people["p1"].email, people["p1"].phone) == ("o@example.org", "+79000000001")


def test_changes_name_what_ends_and_leave_the_rest(tmp_path: Path) -> None:
    full = read(packed(tmp_path / "a.zip", columns.V12, lines(columns.V12)))
    found = changes(
        users=[
            {"sourcedId": "u9", "enabledUser": "true", "username": "u9", "givenName": "Ян",
             "familyName": "Икс"},
            {"sourcedId": "p2", "status": "tobedeleted"},
        ],
        roles=[
            {"sourcedId": "r9", "userSourcedId": "u9", "roleType": "primary", "role": "student",
             "orgSourcedId": "s"},
            {"sourcedId": "r-t1", "userSourcedId": "t1", "roleType": "primary", "role": "teacher",
             "orgSourcedId": "s", "status": "tobedeleted"},
        ],
        enrollments=[
            {"sourcedId": "e9", "classSourcedId": "5a", "schoolSourcedId": "s",
             "userSourcedId": "u9", "role": "student"},
            {"sourcedId": "e2", "classSourcedId": "5a", "schoolSourcedId": "s",
             "userSourcedId": "u2", "role": "student", "status": "tobedeleted"},
            {"sourcedId": "e4", "classSourcedId": "5a", "schoolSourcedId": "s",
             "userSourcedId": "t1", "role": "teacher", "primary": "false"},
        ],
    )  # fmt: skip
    path = packed(tmp_path / "b.zip", columns.V12, found, mode="delta")
    reading = read(path, class_ids=full.class_ids)
    assert [each for each in reading.problems if each.severity is not Severity.WARNING] == []
    roster = reading.roster
    assert not roster.full
    assert [(tie.person.external_id, tie.class_name) for tie in roster.enrolments] == [("u9", "5А")]
    assert [(each.name, each.year) for each in roster.classes] == [("5А", "2026/2027")]
    ends = roster.endings
    assert [key.external_id for key in ends.people] == ["p2"]
    assert [(tie.person.external_id, tie.class_name) for tie in ends.enrolments] == [("u2", "5А")]
    assert [(tie.person.external_id, tie.post) for tie in ends.appointments] == [
        ("t1", Post.TEACHER)
    ]
    assert [tie.person.external_id for tie in ends.leaderships] == ["t1"]
    alone = read(path)
    assert {each.code for each in alone.problems} == {"oneroster_class_unknown"}
    assert not alone.roster.enrolments


ORGS = b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"


@pytest.mark.parametrize(
    ("file", "change", "code"),
    [
        ("manifest.csv", None, "oneroster_no_manifest"),
        ("users.csv", None, "oneroster_promised"),
        ("manifest.csv", b"propertyName,value\nmanifest.version,1.0\noneroster.version,2.0\n",
         "oneroster_version"),
        ("manifest.csv", b"property,value\n", "oneroster_header"),
        ("orgs.csv", b"sourcedId,status,dateLastModified,name,type,identifier\ns,,,A,school,\n",
         "oneroster_column"),
        ("orgs.csv", b"sourcedId,dateLastModified,status,name,type,identifier,parentSourcedId\n",
         "oneroster_header"),
        ("orgs.csv", b"sourcedid,status,dateLastModified,name,type,identifier,parentSourcedId\n",
         "oneroster_column"),
        ("orgs.csv", ORGS.strip() + b",x\ns,,,A,school,,,\n", "oneroster_foreign"),
        ("orgs.csv", ORGS, "oneroster_empty"),
        ("orgs.csv", ORGS + b"a,,,A,district,,b\nb,,,B,school,,a\n", "oneroster_cycle"),
        ("orgs.csv", ORGS + b"a,,,A,school,,\nb,,,B,school,,\n", "oneroster_schools"),
        ("orgs.csv", ORGS + b"a,,,A,district,,\n", "oneroster_no_school"),
        ("users.csv", "sourcedId,Имя".encode("cp1251"), "oneroster_utf8"),
        ("users.csv", b'sourcedId,"sta\ntus', "csv_broken"),
    ],
)  # fmt: skip
def test_a_zip_that_cannot_be_read_imports_nothing(
    tmp_path: Path, file: str, change: bytes | None, code: str
) -> None:
    path = packed(tmp_path / "a.zip", columns.V11, lines(columns.V11), changed={file: change})
    reading = read(path)
    assert code in {each[0] for each in codes(reading)}
    assert reading.fatal
    assert not reading.roster.people


def test_files_in_a_folder_of_the_zip_are_pointed_out(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", columns.V11, lines(columns.V11), folder="out/")
    assert [each[0] for each in codes(read(path))] == ["oneroster_folder"]


def test_metadata_at_the_right_end_and_one_of_several_schools(tmp_path: Path) -> None:
    orgs = (
        b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId,metadata.x\n"
        b"s,,,A,school,,,1\nz,,,B,school,77,,2\n"
    )
    path = packed(tmp_path / "a.zip", columns.V11, lines(columns.V11), changed={"orgs.csv": orgs})
    assert len(read(path, school="a").roster.enrolments) == 2
    other = read(path, school="77")
    assert other.roster.school is not None
    assert other.roster.school.name == "B"
    assert not other.roster.people


@pytest.mark.parametrize(
    ("file", "line", "code", "column"),
    [
        ("enrollments", {"classSourcedId": "no"}, "oneroster_orphan", "classSourcedId"),
        ("enrollments", {"userSourcedId": "no"}, "oneroster_orphan", "userSourcedId"),
        ("enrollments", {"role": "pupil"}, "role_unknown", "role"),
        ("enrollments", {"beginDate": "2026-02-31"}, "date_none", "beginDate"),
        ("enrollments", {"status": "tobedeleted"}, "oneroster_bulk_deletes", "status"),
        ("enrollments", {"schoolSourcedId": ""}, "cell_missing", "schoolSourcedId"),
        ("users", {"agentSourcedIds": "no"}, "oneroster_orphan", "agentSourcedIds"),
        ("users", {"role": "king"}, "role_unknown", "role"),
        ("users", {"familyName": ""}, "cell_missing", "familyName"),
        ("users", {"enabledUser": "false"}, "oneroster_disabled", "enabledUser"),
        ("users", {"email": "no@"}, "email_bad", "email"),
        ("users", {"password": "secret"}, "column_dropped", "password"),
        ("classes", {"title": "V А"}, "class_roman", "title"),
        ("classes", {"classType": "club"}, "choice_unknown", "classType"),
        ("classes", {"termSourcedIds": "no"}, "oneroster_orphan", "termSourcedIds"),
        ("classes", {"courseSourcedId": "no"}, "oneroster_orphan", "courseSourcedId"),
        ("academicSessions", {"schoolYear": "26/27"}, "oneroster_year", "schoolYear"),
        ("demographics", {"birthDate": "soon"}, "date_bad", "birthDate"),
        ("demographics", {"cityOfBirth": "secret"}, "column_dropped", "cityOfBirth"),
    ],
)
def test_a_bad_line_is_said_with_its_place(
    tmp_path: Path, file: str, line: dict[str, str], code: str, column: str
) -> None:
    found = lines(columns.V11)
    found[file][0] |= line
    reading = read(packed(tmp_path / "a.zip", columns.V11, found))
    assert (code, f"{file}.csv", column) in {
        (said, sheet, title) for said, sheet, _, title in codes(reading)
    }
    assert "secret" not in repr(reading)
    assert not reading.fatal


def test_an_id_that_comes_twice_is_nobodys_and_a_third_parent_is_left_out(tmp_path: Path) -> None:
    found = lines(columns.V11)
    found["users"][1]["agentSourcedIds"] = "p2,p1,a1"
    found["enrollments"].append({**found["enrollments"][0], "beginDate": "2026-09-02"})
    reading = read(packed(tmp_path / "a.zip", columns.V11, found))
    assert {each[0] for each in codes(reading)} >= {"oneroster_id_twice", "parent_third"}
    parents = [tie for tie in reading.roster.guardians if tie.child.external_id == "u2"]
    assert len(parents) == 2


@pytest.mark.parametrize(
    ("code", "enrolled", "taught", "problems"),
    [
        ("7Б", False, [], ["oneroster_homeroom"]),
        ("ALG-1", True, ["5А"], []),
        ("5а", False, ["5А"], []),
    ],
)
def test_the_code_of_a_group_need_not_be_a_class_there_is(
    tmp_path: Path, code: str, *, enrolled: bool, taught: list[str], problems: list[str]
) -> None:
    found = lines(columns.V11)
    found["classes"][1]["classCode"] = code
    if not enrolled:
        found["enrollments"] = [each for each in found["enrollments"] if each["sourcedId"] != "e3"]
    reading = read(packed(tmp_path / "a.zip", columns.V11, found))
    assert [each[0] for each in codes(reading)] == problems
    assert [tie.class_name for tie in reading.roster.teachings] == taught
    school = School("school", "Школа № 7", {}, {})
    assert len(make_plan(reading.roster, Known(school), TODAY).teachings_to_add) == len(taught)


def test_nobody_comes_into_a_class_that_the_same_changes_end(tmp_path: Path) -> None:
    full = read(packed(tmp_path / "a.zip", columns.V11, lines(columns.V11)))
    found = changes(
        classes=[{**FILES["classes"][0], "status": "tobedeleted"}],
        academicSessions=FILES["academicSessions"],
        enrollments=[{**FILES["enrollments"][0], "schoolSourcedId": "s"}],
    )
    path = packed(tmp_path / "b.zip", columns.V11, found, mode="delta")
    reading = read(path, class_ids=full.class_ids)
    assert ("oneroster_orphan", "enrollments.csv", 2, "classSourcedId") in codes(reading)
    make_plan(reading.roster, Known(School("school", "Школа № 7", {}, {})), TODAY)


def test_changes_end_a_class_by_its_id_alone(tmp_path: Path) -> None:
    full = read(packed(tmp_path / "a.zip", columns.V11, lines(columns.V11)))
    found = changes(
        classes=[
            {"sourcedId": "5a", "status": "tobedeleted"},
            {"sourcedId": "nowhere", "status": "tobedeleted"},
        ],
    )
    path = packed(tmp_path / "b.zip", columns.V11, found, mode="delta")
    reading = read(path, class_ids=full.class_ids)
    assert [(each.name, each.year) for each in reading.roster.endings.classes] == [
        ("5А", "2026/2027")
    ]
    assert not reading.roster.classes
    assert codes(reading) == [("oneroster_class_unknown", "classes.csv", 3, "sourcedId")]


def test_a_line_that_is_there_twice_is_taken_once(tmp_path: Path) -> None:
    found = lines(columns.V11)
    found["users"].append(dict(found["users"][0]))
    found["enrollments"].append(dict(found["enrollments"][0]))
    reading = read(packed(tmp_path / "a.zip", columns.V11, found))
    assert {each.severity for each in reading.problems} == {Severity.WARNING}
    assert codes(reading) == [
        ("row_twice", "enrollments.csv", 7, "sourcedId"),
        ("row_twice", "users.csv", 8, "sourcedId"),
    ]
    whole = read(packed(tmp_path / "b.zip", columns.V11, lines(columns.V11)))
    assert reading.roster == whole.roster


def test_a_class_of_a_new_list_is_of_the_year_that_the_list_says(tmp_path: Path) -> None:
    found = lines(columns.V11)
    found["academicSessions"][0] |= {"title": "2027/2028", "schoolYear": "2028"}
    found["classes"][0]["sourcedId"] = "5a-new"
    for line in found["enrollments"]:
        line["classSourcedId"] = line["classSourcedId"].replace("5a", "5a-new")
    said = {"kind": "homeroom", "name": "5А", "subject": "", "year": "2026/2027"}
    reading = read(packed(tmp_path / "a.zip", columns.V11, found), class_ids={"5a": said})
    assert [(each.name, each.year) for each in reading.roster.classes] == [("5А", "2027/2028")]


@pytest.mark.parametrize("first", [0, 1])
def test_who_left_a_class_and_came_back_is_in_it(tmp_path: Path, first: int) -> None:
    found = lines(columns.V11)
    left = {**found["enrollments"][0], "beginDate": "2026-09-01", "endDate": "2026-09-15"}
    back = {**found["enrollments"][0], "sourcedId": "e9", "beginDate": "2026-09-20"}
    found["enrollments"][:1] = [left, back][::-1] if first else [left, back]
    reading = read(packed(tmp_path / "a.zip", columns.V11, found))
    code = "oneroster_enrolled_twice"
    assert codes(reading) == [(code, "enrollments.csv", 3 if first else 2, "userSourcedId")]
    [tie] = [one for one in reading.roster.enrolments if one.person.external_id == "u1"]
    assert (tie.since, tie.until) == (date(2026, 9, 20), None)
