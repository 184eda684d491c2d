"""Plans: what an import would do, and that a second one would do nothing (scenarios 15, 22, 23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from sferum_bridge.roster import Contacts, Known, Plan, make_plan
from sferum_bridge.roster.diff import diff
from sferum_bridge.roster.matching import NEW, Doubt
from sferum_bridge.roster.outcome import outcome
from sferum_bridge.roster.plan import ClassKey, Outcome
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Leadership,
    Person,
    Post,
    School,
    SchoolClass,
    Teaching,
    Term,
)
from tests.support.rosters import GOOD, PUPIL_HEADER, grids, with_row

if TYPE_CHECKING:
    from sferum_bridge.roster.sheets import Grid

Tie = TypeVar("Tie", Enrolment, Appointment, Leadership, Teaching)

TODAY = date(2026, 10, 1)
YESTERDAY = TODAY - timedelta(days=1)
NOTHING = Known(School("school", "Школа", {}, {}), {}, {})


def applied(plan: Plan, known: Known) -> Known:
    """Do what a plan says to plain values, as a store does to its tables."""
    school = known.school
    ids = {each.key: each.person_id for each in plan.recognised}
    people, external = dict(school.people), dict(known.external_ids)
    contacts = dict(known.contacts or {})
    for new in plan.people_to_add:
        person_id = ids[new.key] = f"p{len(people)}"
        people[person_id] = Person(
            person_id, new.family_name, new.given_name, new.middle_name, new.birth_date
        )
        contacts[person_id] = Contacts(new.email, new.phone)
        external |= {new.external_id: person_id} if new.external_id else {}
    for change in plan.people_to_change:
        people[change.person_id] = Person(
            change.person_id, change.family_name, change.given_name, change.middle_name,
            change.birth_date,
        )  # fmt: skip
        contacts[change.person_id] = Contacts(change.email, change.phone)
        external |= {change.external_id: change.person_id} if change.external_id else {}
    classes = dict(school.classes)
    for added in plan.classes_to_add:
        class_id = f"c{len(classes)}"
        classes[class_id] = SchoolClass(class_id, added.name, added.year)
    class_ids = {ClassKey(each.name, each.year): each.id for each in classes.values()}
    terms = {id(one.assignment): one.term for one in plan.to_redate}
    for end in plan.to_end:
        terms[id(end.assignment)] = Term(end.assignment.term.since, end.until)

    def ended(ties: list[Tie]) -> list[Tie]:
        return [replace(tie, term=terms.get(id(tie), tie.term)) for tie in ties]

    expected = {(tie.child_id, tie.parent_id): tie for tie in school.expected_parents}
    for tie in plan.expected_parents_to_end:
        del expected[tie.child_id, tie.parent_id]
    for pair in plan.expected_parents_to_add:
        child, parent = ids[pair.child], ids[pair.parent]
        expected[child, parent] = ExpectedParent(child, parent, pair.access)
    return Known(
        School(
            school.id, school.name, people, classes,
            enrolments=ended(list(school.enrolments)) + [
                Enrolment(ids[t.person], class_ids[t.school_class], Term(t.since, t.until))
                for t in plan.enrolments_to_add
            ],
            appointments=ended(list(school.appointments)) + [
                Appointment(ids[t.person], t.post, Term(t.since, t.until))
                for t in plan.appointments_to_add
            ],
            leaderships=ended(list(school.leaderships)) + [
                Leadership(ids[t.person], class_ids[t.school_class], Term(t.since, t.until))
                for t in plan.leaderships_to_add
            ],
            teachings=ended(list(school.teachings)) + [
                Teaching(ids[t.person], class_ids[t.school_class], t.subject,
                         Term(t.since, t.until))
                for t in plan.teachings_to_add
            ],
            expected_parents=list(expected.values()),
        ),
        external,
        contacts,
    )  # fmt: skip


def planned(sheets: list[Grid], known: Known) -> Plan:
    reading = read_grids(sheets)
    assert not reading.fatal
    return make_plan(reading.roster, known, TODAY)


@pytest.fixture
def stored() -> Known:
    """The good roster, imported."""
    return applied(planned(grids(), NOTHING), NOTHING)


def id_of(known: Known, external_id: str) -> str:
    return known.external_ids[external_id]


def test_into_an_empty_school_everything_is_new() -> None:
    plan = planned(grids(), NOTHING)
    assert [each.name for each in plan.classes_to_add] == ["5А", "6Б"]
    assert len(plan.people_to_add) == 7
    assert len(plan.enrolments_to_add) == 3
    assert len(plan.appointments_to_add) == 3
    assert len(plan.leaderships_to_add) == 2
    assert len(plan.teachings_to_add) == 3
    assert len(plan.expected_parents_to_add) == 4
    assert not any((plan.to_end, plan.missing, plan.conflicts, plan.recognised))


def test_the_same_file_twice_changes_nothing(stored: Known) -> None:
    plan = planned(grids(), stored)
    assert plan.empty
    assert not plan.missing
    assert not plan.conflicts
    assert len(plan.recognised) == 7


def test_a_school_without_any_ids_is_recognised_all_the_same() -> None:
    rows = [["", *row[1:]] for row in GOOD["Ученики"][1:]]
    staff = [["", *row[1:]] for row in GOOD["Сотрудники"][1:]]
    sheets = grids(
        Ученики=[PUPIL_HEADER, *rows],
        Сотрудники=[GOOD["Сотрудники"][0], *staff],
        Родители=GOOD["Родители"][:1],
    )
    known = applied(planned(sheets, NOTHING), NOTHING)
    again = planned(sheets, known)
    assert again.empty
    assert not again.conflicts
    adopted = planned(grids(Родители=GOOD["Родители"][:1]), known)
    assert not adopted.people_to_add
    assert {c.external_id for c in adopted.people_to_change} == {"01", "02", "03", "С1", "С2"}


def test_a_move_ends_one_class_and_begins_another(stored: Known) -> None:
    moved = [*GOOD["Ученики"][:3], ["03", "Ветерков", "Глеб", "", "2013-09-01", "5А"]]
    plan = planned(grids(Ученики=moved), stored)
    assert [(t.person.external_id, t.school_class.name) for t in plan.enrolments_to_add] == [
        ("03", "5А")
    ]
    assert [(end.assignment.person_id, end.until) for end in plan.to_end] == [
        (id_of(stored, "03"), YESTERDAY)
    ]
    assert planned(grids(Ученики=moved), applied(plan, stored)).empty


@pytest.mark.parametrize(
    ("last_day", "until"), [("", YESTERDAY), ("20.09.2026", date(2026, 9, 20)),
                            ("20.10.2026", date(2026, 10, 20))],
)  # fmt: skip
def test_a_pupil_who_left_loses_the_class_at_the_date(
    stored: Known, last_day: str, until: date
) -> None:
    row = ["03", "Ветерков", "Глеб", "", "2013-09-01", "6Б", "", "", "выбыл", "", last_day]
    left = grids(Ученики=[*GOOD["Ученики"][:3], row])
    plan = planned(left, stored)
    assert [(end.assignment.person_id, end.until) for end in plan.to_end] == [
        (id_of(stored, "03"), until)
    ]
    assert not plan.enrolments_to_add
    assert planned(left, applied(plan, stored)).empty


def test_somebody_who_only_ever_left_is_not_stored() -> None:
    row = ["03", "Ветерков", "Глеб", "", "", "6Б", "", "", "выбыл"]
    plan = planned(grids(Ученики=[*GOOD["Ученики"][:3], row]), NOTHING)
    assert "Ветерков" not in {person.family_name for person in plan.people_to_add}
    assert len(plan.expected_parents_to_add) == 3


def test_the_absent_are_listed_and_keep_everything(stored: Known) -> None:
    plan = planned(
        grids(Ученики=GOOD["Ученики"][:3], Родители=GOOD["Родители"][:2]), stored
    )  # fmt: skip
    assert plan.empty
    people = stored.school.people
    assert {(people[m.person_id].given_name, m.roles) for m in plan.missing} == {
        ("Глеб", ("pupil",)),
        ("Денис", ("guardian",)),
    }
    assert not make_plan(read_grids(grids()).roster, stored, TODAY, full=False).missing


def test_a_guardian_named_for_one_child_only_is_no_longer_expected_by_the_other(
    stored: Known,
) -> None:
    rows = [row for row in GOOD["Родители"] if row[0] != "03"]
    plan = planned(grids(Родители=rows), stored)
    assert [tie.child_id for tie in plan.expected_parents_to_end] == [id_of(stored, "03")]
    assert planned(grids(Родители=rows), applied(plan, stored)).empty


def test_access_that_is_denied_replaces_the_tie(stored: Known) -> None:
    rows = [*GOOD["Родители"]]
    rows[2] = ["01", "Облачков", "Денис", "", "отец", "", "", "нет", "решение суда № 0"]
    plan = planned(grids(Родители=rows), stored)
    assert [(tie.access, tie.ground) for tie in plan.expected_parents_to_add] == [
        (False, "решение суда № 0")
    ]
    assert planned(grids(Родители=rows), applied(plan, stored)).empty


def test_a_dismissed_teacher_who_is_a_parent_stays_a_parent(stored: Known) -> None:
    row = [*GOOD["Сотрудники"][1], "", "", "30.09.2026"]
    plan = planned(grids(Сотрудники=[GOOD["Сотрудники"][0], row, GOOD["Сотрудники"][2]]), stored)
    assert {type(end.assignment) for end in plan.to_end} == {Appointment, Leadership, Teaching}
    assert {end.until for end in plan.to_end} == {YESTERDAY}
    assert not plan.expected_parents_to_end


def staff(first: str, second: str, *, until: str = "") -> list[Grid]:
    """Return the good roster with other roles of its two members of staff."""
    head, one, two = GOOD["Сотрудники"]
    return grids(
        Сотрудники=[
            head,
            [*one[:4], first, *one[5:], "", "", until],
            [*two[:4], second, *two[5:]],
        ]
    )


def test_the_last_administrator_is_kept_whatever_the_list_calls_them(stored: Known) -> None:
    """Made one at the console, they stand in the school's own list as they always did."""
    head = id_of(stored, "С2")
    plan = planned(staff("учитель", "учитель"), stored)
    assert [(c.doubt, c.candidates) for c in plan.conflicts] == [
        (Doubt.LAST_ADMINISTRATOR, (head,))
    ]
    assert plan.empty


def test_an_administrator_goes_when_another_one_stays(stored: Known) -> None:
    def ended(sheets: list[Grid]) -> list[str]:
        ends = planned(sheets, stored).to_end
        return [e.assignment.person_id for e in ends if isinstance(e.assignment, Appointment)]

    assert ended(staff("администратор; учитель", "учитель")) == [id_of(stored, "С2")]
    assert ended(staff("администратор; учитель", "учитель", until="31.12.2026")) == [
        id_of(stored, "С1")
    ], "after New Year there would be none: only the teacher's own last day is noted"


def test_a_correction_is_a_change_but_spelling_is_not(stored: Known) -> None:
    rows = [*GOOD["Ученики"]]
    rows[1] = ["01", "ОБЛАЧКОВА", "Алена", "", "15.03.2014", "5А"]
    plan = planned(grids(Ученики=rows), stored)
    change = plan.people_to_change[0]
    assert change.changed == {"birth_date"}
    assert (change.given_name, change.middle_name) == ("Алёна", "Луновна")
    assert planned(grids(Ученики=rows), applied(plan, stored)).empty


def test_contacts_count_only_when_they_are_known(stored: Known) -> None:
    rows = [*GOOD["Родители"]]
    rows[4] = ["02", "Громова", "Анна", "", "мать", "anna@example.org", "+7 000 000-00-09"]
    staff = [*GOOD["Сотрудники"]]
    staff[1] = [*staff[1], "+7 000 000-00-09"]
    sheets = grids(Родители=rows, Сотрудники=staff)
    plan = planned(sheets, stored)
    assert [(c.phone, c.changed) for c in plan.people_to_change] == [
        ("+70000000009", frozenset({"phone"}))
    ]
    assert planned(sheets, replace(stored, contacts=None)).empty


def test_an_id_given_to_somebody_else_is_left_for_a_person_to_decide(stored: Known) -> None:
    rows = [*GOOD["Ученики"]]
    rows[3] = ["03", "Икс", "Ян", "", "", "5А"]
    plan = planned(grids(Ученики=rows), stored)
    assert [(c.doubt, c.candidates) for c in plan.conflicts] == [
        (Doubt.ID_REUSED, (id_of(stored, "03"),))
    ]
    assert plan.empty
    assert not plan.missing


def test_a_namesake_elsewhere_waits_for_a_decision(stored: Known) -> None:
    plan = planned(with_row("Ученики", "", "Лучиков", "Лев", "", "", "6Б"), stored)
    assert [person.family_name for person in plan.people_to_add] == ["Лучиков"]
    assert not plan.conflicts, "the other one is in the file too, and has an id"
    without = [row for row in GOOD["Ученики"] if row[0] != "02"]
    sheets = grids(
        Ученики=[*without, ["", "Лучиков", "Лев", "", "", "6Б"]], Родители=GOOD["Родители"][:1]
    )
    plan = planned(sheets, stored)
    assert not plan.people_to_add
    [conflict] = plan.conflicts
    assert (conflict.doubt, conflict.candidates) == (Doubt.NAMESAKE, (id_of(stored, "02"),))
    roster = read_grids(sheets).roster
    decided = make_plan(roster, stored, TODAY, decisions={conflict.key: NEW})
    assert [person.family_name for person in decided.people_to_add] == ["Лучиков"]
    assert not decided.conflicts
    decided = make_plan(roster, stored, TODAY, decisions={conflict.key: id_of(stored, "02")})
    assert not decided.people_to_add
    assert [new.school_class.name for new in decided.enrolments_to_add] == ["6Б"]


def test_equal_names_with_another_birthday_are_never_the_same(stored: Known) -> None:
    rows = [*GOOD["Ученики"]]
    rows[1] = ["", "Облачкова", "Алёна", "Луновна", "01.01.2015", "5А"]
    plan = planned(grids(Ученики=rows, Родители=GOOD["Родители"][:1]), stored)
    assert [person.birth_date for person in plan.people_to_add] == [date(2015, 1, 1)]


def test_a_new_year_is_new_classes_and_the_old_ones_end(stored: Known) -> None:
    rows = [GOOD["Классы"][0], ["5А", "2027/2028"], ["6Б", "2027/2028"]]
    plan = planned(grids(Классы=rows), stored)
    assert [each.year for each in plan.classes_to_add] == ["2027/2028"] * 2
    assert not plan.people_to_add
    assert len([end for end in plan.to_end if isinstance(end.assignment, Enrolment)]) == 3
    assert planned(grids(Классы=rows), applied(plan, stored)).empty


# --- what a parent corrected (S-37) ---------------------------------------------------------


def corrected(stored: Known, external_id: str, **fields: tuple[str, str]) -> Known:
    """Have a parent correct fields of a pupil: name → what the roster said, what it is now."""
    person_id = id_of(stored, external_id)
    now: dict[str, Any] = {name: value for name, (_, value) in fields.items()}
    person = replace(stored.school.people[person_id], **now)
    school = replace(stored.school, people={**stored.school.people, person_id: person})
    listed = {name: before for name, (before, _) in fields.items()}
    return replace(stored, school=school, corrections={person_id: listed})


def with_first_pupil(*cells: str) -> list[Grid]:
    return grids(Ученики=[PUPIL_HEADER, list(cells), *GOOD["Ученики"][2:]])


KEPT, AGREED, OVERRULED = Outcome.KEPT, Outcome.AGREED, Outcome.OVERRULED
OLD_NEWS: list[tuple[str, str, list[Outcome], set[str]]] = [
    ("Облачкова", "Луновна", [KEPT, KEPT], set()),
    ("ОБЛАЧКОВА", "", [KEPT, KEPT], set()),
    ("Звёздочкина", "Луновна", [AGREED, KEPT], set()),
    ("Звездочкина", "Звёздовна", [AGREED, AGREED], set()),
]
# Without an id another name or patronymic is another pupil.
NEWS: list[tuple[str, str, list[Outcome], set[str]]] = [
    ("Облачкова", "Ветровна", [KEPT, OVERRULED], {"middle_name"}),
    ("Ветрова", "Луновна", [OVERRULED, KEPT], {"family_name"}),
]


@pytest.mark.parametrize(
    ("external_id", "family", "patronymic", "outcomes", "changed"),
    [*(("01", *row) for row in OLD_NEWS + NEWS), *(("", *row) for row in OLD_NEWS)],
)
def test_a_corrected_profile_and_the_roster(
    stored: Known,
    external_id: str,
    family: str,
    patronymic: str,
    outcomes: list[Outcome],
    changed: set[str],
) -> None:
    fields = {
        "family_name": ("Облачкова", "Звёздочкина"),
        "middle_name": ("Луновна", "Звёздовна"),
    }
    known = corrected(stored, "01", **fields)
    sheets = with_first_pupil(external_id, family, "Алёна", patronymic, "14.03.2014", "5А")
    if not external_id:
        sheets = [sheet for sheet in sheets if sheet.name != "Родители"]
    plan = planned(sheets, known)
    assert not plan.people_to_add
    assert [each.outcome for each in plan.corrected] == outcomes
    assert [(each.listed, each.profile) for each in plan.corrected] == [
        (family, "Звёздочкина"),
        (patronymic, "Звёздовна"),
    ]
    assert [set(change.changed) for change in plan.people_to_change] == [changed] * bool(changed)
    for change in plan.people_to_change:
        told = {"family_name": family, "middle_name": patronymic}
        profile = {name: now for name, (_, now) in fields.items()}
        assert all(getattr(change, name) == told[name] for name in changed)
        assert all(getattr(change, name) == profile[name] for name in fields.keys() - changed)
    assert plan.empty is (outcomes == [KEPT, KEPT])


def test_two_corrected_names_do_not_make_an_id_look_reused(stored: Known) -> None:
    known = corrected(
        stored,
        "02",
        family_name=("Лучиков", "Звёздочкин"),
        given_name=("Лев", "Леонид"),
    )
    plan = planned(grids(), known)
    assert not plan.conflicts
    assert plan.empty
    assert {each.outcome for each in plan.corrected} == {KEPT}


def test_a_corrected_contact_is_kept_only_where_contacts_are_compared(stored: Known) -> None:
    person_id = id_of(stored, "01")
    contacts = {**(stored.contacts or {}), person_id: Contacts("asya@example.org")}
    known = replace(
        stored, contacts=contacts, corrections={person_id: {"email": "staraya@example.org"}}
    )
    rows = [*GOOD["Ученики"]]
    rows[1] = [*rows[1], "staraya@example.org"]
    plan = planned(grids(Ученики=rows), known)
    assert plan.empty
    assert [(each.field, each.outcome) for each in plan.corrected] == [("email", KEPT)]
    assert not planned(grids(Ученики=rows), replace(known, contacts=None)).corrected


def test_who_comes_back_to_a_class_has_two_terms_in_it_and_the_same_file_changes_nothing() -> None:
    person = ["03", "Ветерков", "Глеб", "", "2013-09-01"]
    terms = [
        ("5А", "", "", "", "01.09.2026", "10.10.2026"),
        ("6Б", "", "", "", "11.10.2026", "30.11.2026"),
        ("5А", "", "", "", "01.12.2026", ""),
    ]
    pupils = [PUPIL_HEADER, *([*person, *term] for term in terms)]
    plan = planned(grids(Ученики=pupils, Родители=GOOD["Родители"][:1]), NOTHING)
    assert len(plan.enrolments_to_add) == len(terms)
    again = planned(grids(Ученики=pupils, Родители=GOOD["Родители"][:1]), applied(plan, NOTHING))
    assert again.empty
    twice = [PUPIL_HEADER, [*person, *terms[0]], [*person, *terms[2]]]
    read = read_grids(grids(Ученики=twice, Родители=GOOD["Родители"][:1]))
    assert [each.code for each in read.problems if each.severity.value == "error"] == [
        "id_twice"
    ] * 2


def test_nobody_is_put_into_a_closed_class() -> None:
    """A list of the year that is over, read again: who it has in 5А is where they are by now."""
    roster = read_grids(grids()).roster
    known = applied(make_plan(roster, NOTHING, TODAY), NOTHING)
    school = known.school
    [fifth] = [c for c in school.classes.values() if c.name == "5А"]
    moved = [replace(e, class_id="new") if e.class_id == fifth.id else e for e in school.enrolments]
    classes = {
        **school.classes,
        fifth.id: replace(fifth, closed_on=TODAY),
        "new": SchoolClass("new", "6А", "2027/2028"),
    }
    later = replace(known, school=replace(school, classes=classes, enrolments=moved))
    plan = make_plan(roster, later, TODAY)
    assert not plan.enrolments_to_add
    assert not plan.leaderships_to_add
    assert not plan.to_end
    assert {(each.doubt, each.key.external_id) for each in plan.conflicts} == {
        (Doubt.CLOSED_CLASS, one) for one in ("01", "02", "С1")
    }


def pupil(since: str, until: str) -> list[Grid]:
    """Return the good roster with days for its last pupil."""
    row = [*GOOD["Ученики"][3], "", "", "", since, until]
    return grids(Ученики=[*GOOD["Ученики"][:3], row])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("01.09.2026", "20.10.2026"), ("01.09.2026", "")),
        (("01.09.2026", ""), ("15.10.2026", "")),
        (("15.10.2026", ""), ("10.10.2026", "")),
        (("15.10.2026", ""), ("", "")),
        (("01.09.2026", ""), ("02.09.2026", "")),
        (("15.10.2026", "20.10.2026"), ("10.10.2026", "")),
        (("15.10.2026", "20.10.2026"), ("10.10.2026", "25.10.2026")),
    ],
)
def test_days_that_are_others_or_taken_back_are_a_change(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    known = applied(planned(pupil(*first), NOTHING), NOTHING)
    plan = planned(pupil(*second), known)
    assert not plan.enrolments_to_add
    assert not plan.to_end
    [redated] = plan.to_redate
    assert redated.assignment.person_id == id_of(known, "03")
    shown = diff(outcome(known.school, plan, TODAY), plan)
    [line] = [each for each in shown.people if each.what == "changed"]
    names = [n for n, a, b in zip(("since", "until"), first, second, strict=True) if a != b]
    assert (line.name, line.fields) == ("Ветерков Глеб", tuple(names))
    after = applied(plan, known)
    assert planned(pupil(*second), after).empty
    enrolled = applied(planned(pupil(*second), NOTHING), NOTHING).school.enrolments
    assert [tie.term for tie in after.school.enrolments] == [tie.term for tie in enrolled]


def test_a_file_without_days_leaves_those_there_are() -> None:
    known = applied(planned(pupil("01.09.2026", "20.10.2026"), NOTHING), NOTHING)
    silent = [PUPIL_HEADER[:6], *GOOD["Ученики"][1:]]
    assert planned(grids(Ученики=silent), known).empty


def test_a_last_day_of_staff_is_taken_back_with_all_that_ended_then(stored: Known) -> None:
    leaving = staff("учитель", "администратор; учитель", until="31.12.2026")
    known = applied(planned(leaving, stored), stored)
    plan = planned(grids(), known)
    assert {one.term.until for one in plan.to_redate} == {None}
    assert {type(one.assignment) for one in plan.to_redate} == {Appointment, Leadership, Teaching}
    assert planned(grids(), applied(plan, known)).empty


def test_a_past_first_day_of_one_post_stays_its_own(stored: Known) -> None:
    school = stored.school
    led = [replace(tie, term=Term(date(2026, 9, 1))) for tie in school.leaderships]
    known = replace(stored, school=replace(school, leaderships=led))
    head, one, two = GOOD["Сотрудники"]
    since = grids(Сотрудники=[head, [*one, "", "01.08.2020"], two])
    assert planned(since, known).empty


def test_the_last_administrator_does_not_begin_later(stored: Known) -> None:
    head, one, two = GOOD["Сотрудники"]
    later = grids(Сотрудники=[head, one, [*two, "", "", "01.11.2026"]])
    plan = planned(later, stored)
    assert [c.doubt for c in plan.conflicts] == [Doubt.LAST_ADMINISTRATOR]
    posts = [one.assignment for one in plan.to_redate if isinstance(one.assignment, Appointment)]
    assert [tie.post for tie in posts] == [Post.TEACHER]
