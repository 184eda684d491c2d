"""Rows and sheets: what is understood, and what is said of the rest (scenarios 22, 23 and 38)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.roster import Reading, problems_json, problems_table
from sferum_bridge.roster.model import Relation, Severity, Status
from sferum_bridge.roster.reader import read_grids
from sferum_bridge.roster.sheets import Grid
from sferum_bridge.school.people import Post
from tests.support.rosters import GOOD, PUPIL_HEADER, Rows, grids, last_row, with_row


def codes(reading: Reading, *, warnings: bool = False) -> list[tuple[str, str, int, str]]:
    return [
        (problem.code, problem.sheet, problem.row, problem.column)
        for problem in reading.problems
        if warnings or problem.severity is not Severity.WARNING
    ]


def names(reading: Reading) -> set[str]:
    return {f"{p.family_name} {p.given_name}" for p in reading.roster.people}


def test_a_good_roster_is_read_whole() -> None:
    reading = read_grids(grids())
    roster = reading.roster
    assert reading.problems == ()
    assert [(each.name, each.year, each.next_name) for each in roster.classes] == [
        ("5А", "2026/2027", "6А"),
        ("6Б", "2026/2027", ""),
    ]
    assert [(tie.person.external_id, tie.class_name) for tie in roster.enrolments] == [
        ("01", "5А"), ("02", "5А"), ("03", "6Б"),
    ]  # fmt: skip
    assert [(tie.person.external_id, tie.post) for tie in roster.appointments] == [
        ("С1", Post.TEACHER),
        ("С2", Post.ADMINISTRATOR),
        ("С2", Post.TEACHER),
    ]
    assert [(tie.person.external_id, tie.class_name) for tie in roster.leaderships] == [
        ("С1", "5А"),
        ("С2", "6Б"),
    ]
    assert [(tie.subject, tie.class_name) for tie in roster.teachings] == [
        ("Алгебра", "5А"),
        ("Алгебра", "6Б"),
        ("Музыка", "6Б"),
    ]


def test_parents_are_one_person_only_by_name_and_contact_together() -> None:
    roster = read_grids(grids()).roster
    by_child = {(t.child.external_id, t.relation): t.parent for t in roster.guardians}
    assert by_child["01", Relation.MOTHER] == by_child["03", Relation.GUARDIAN]
    assert by_child["02", Relation.MOTHER].external_id == "С1"
    assert len(roster.people) == 3 + 2 + 2

    nameless = [*GOOD["Родители"], ["02", "Облачков", "Денис", "", "отец", "", "", "", ""]]
    roster = read_grids(grids(Родители=nameless)).roster
    assert len({t.parent for t in roster.guardians if t.relation is Relation.FATHER}) == 2


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (["04", "Икс", "Ян", "", "31.02.2014", "5А"], "date_none", "Дата рождения"),
        (["04", "Икс", "Ян", "", "весной", "5А"], "date_bad", "Дата рождения"),
        (["04", "Икс", "Ян", "", "01.01.0014", "5А"], "date_bad", "Дата рождения"),
        (["04", "Икс", "Ян", "", 1e300, "5А"], "date_bad", "Дата рождения"),
        (["04", "Икс", "Ян", "", True, "5А"], "date_bad", "Дата рождения"),
        (["04", "Икс", "Ян", "", "", "5В"], "class_unknown", "Класс"),
        (["04", "Икс", "Ян", "", "", "V А"], "class_roman", "Класс"),
        (["04", "Икс", "Ян", "", "", date(2026, 3, 1)], "text_is_date", "Класс"),
        (["04", "", "Ян", "", "", "5А"], "cell_missing", "Фамилия"),
        (["04", "Икс", "\u00a0", "", "", "5А"], "cell_missing", "Имя"),
        (["04", "Икс", "123", "", "", "5А"], "name_bad", "Имя"),
        (["04", "И" * 501, "Ян", "", "", "5А"], "text_long", "Фамилия"),
        (["04", "Икс", "Ян", "", "", "5А", "", "", "ушёл"], "choice_unknown", "Статус"),
        (["04", "Икс", "Ян", "", "", "5А", "", "", "", "02.02.2027", "01.02.2027"],
         "date_order", "Дата по"),
        (["", "Лучиков", "Лев", "", "", "5А"], "namesakes", "Фамилия"),
    ],
)  # fmt: skip
def test_a_bad_pupil_is_left_out_alone(cells: list[str], code: str, column: str) -> None:
    reading = read_grids(with_row("Ученики", *cells))
    assert codes(reading) == [(code, "Ученики", last_row("Ученики"), column)]
    assert reading.roster == read_grids(grids()).roster
    assert not reading.fatal


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (["С3", "Икс", "Ян", "", "учител"], "role_unknown", "Роль"),
        (["С3", "Икс", "Ян", "", ";"], "role_unknown", "Роль"),
        (["С3", "Икс", "Ян", "", "учитель", "5А; 9Ж"], "class_unknown", "Классное руководство"),
        (["С3", "Икс", "Ян", "", "учитель", "", "Алгебра: 9Ж"], "class_unknown", "Преподаёт"),
        (["С3", "Икс", "Ян", "", "учитель", "", "Алгебра"], "teaching_bad", "Преподаёт"),
    ],
)
def test_a_bad_member_of_staff_is_left_out_alone(cells: list[str], code: str, column: str) -> None:
    reading = read_grids(with_row("Сотрудники", *cells))
    assert codes(reading) == [(code, "Сотрудники", last_row("Сотрудники"), column)]
    assert reading.roster == read_grids(grids()).roster


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (["99", "Икс", "Яна"], "child_unknown", "Ид ребёнка"),
        (["01", "Икс", "Яна"], "parent_third", "Ид ребёнка"),
        (["01", "Облачкова", "ОЛЬГА"], "parent_twice", "Фамилия"),
        (["02", "Икс", "Ян", "", "отец", "", "", "нет"], "ground_missing", "Основание"),
        (["02", "Икс", "Ян", "", "сосед"], "choice_unknown", "Кем приходится"),
    ],
)
def test_a_bad_parent_is_left_out_alone(cells: list[str], code: str, column: str) -> None:
    reading = read_grids(with_row("Родители", *cells))
    assert codes(reading) == [(code, "Родители", last_row("Родители"), column)]
    assert reading.roster == read_grids(grids()).roster


def test_a_guardian_without_access_takes_no_place() -> None:
    reading = read_grids(
        with_row("Родители", "01", "Икс", "Ян", "", "иной", "", "", "нет", "решение суда № 0")
    )
    assert codes(reading) == []
    denied = [tie for tie in reading.roster.guardians if not tie.access]
    assert [(tie.child.external_id, tie.ground) for tie in denied] == [("01", "решение суда № 0")]


def test_a_shared_id_leaves_out_both_and_the_parents_of_either() -> None:
    reading = read_grids(with_row("Ученики", "01", "Икс", "Ян", "", "", "6Б"))
    assert codes(reading)[:2] == [
        ("id_twice", "Ученики", 2, "Ид"),
        ("id_twice", "Ученики", last_row("Ученики"), "Ид"),
    ]
    assert [code for code, *_ in codes(reading)[2:]] == ["child_skipped", "child_skipped"]
    assert names(reading) == {
        "Лучиков Лев", "Ветерков Глеб", "Облачкова Ольга", "Громова Анна", "Парусов Илья",
    }  # fmt: skip


def test_a_row_copied_twice_is_one() -> None:
    reading = read_grids(with_row("Ученики", *GOOD["Ученики"][2]))
    assert codes(reading) == []
    assert [problem.code for problem in reading.problems] == ["row_twice"]
    assert reading.roster == read_grids(grids()).roster


def test_a_row_that_is_there_again_with_something_else_is_nobodys() -> None:
    row = [*GOOD["Ученики"][2][:5], "5А", "lev@example.org"]
    reading = read_grids(with_row("Ученики", *row))
    said = [(problem.row, dict(problem.params)) for problem in reading.problems]
    assert said[:2] == [(3, {"where": "Ученики: 5"}), (5, {"where": "Ученики: 3"})]
    assert codes(reading)[:2] == [
        ("id_twice", "Ученики", 3, "Ид"),
        ("id_twice", "Ученики", 5, "Ид"),
    ]


def test_a_parent_copied_twice_is_one() -> None:
    reading = read_grids(with_row("Родители", *GOOD["Родители"][1]))
    assert codes(reading) == []
    assert [problem.code for problem in reading.problems] == ["parent_twice"]
    assert reading.roster == read_grids(grids()).roster


def test_namesakes_with_ids_are_two_people() -> None:
    reading = read_grids(with_row("Ученики", "04", "Лучиков", "Лев", "", "01.01.2015", "5А"))
    assert codes(reading) == []
    assert len(reading.roster.enrolments) == 4


def test_namesakes_without_ids_both_wait() -> None:
    rows = [PUPIL_HEADER, *[["", "Лучиков", "Лев", "", day, "5А"] for day in ("", "1.1.2014")]]
    reading = read_grids(grids(Ученики=rows, Родители=GOOD["Родители"][:1]))
    assert [(code, row) for code, _, row, _ in codes(reading)] == [
        ("namesakes", 2),
        ("namesakes", 3),
    ]
    assert not reading.roster.enrolments


def test_numbers_that_a_spreadsheet_made_become_text_again() -> None:
    reading = read_grids(
        with_row(
            "Ученики", 17.0, "Икс", "Ян", "", 41712.0, 5.0, "", 80000000017.0, "", "", ""
        )
    )  # fmt: skip
    assert [(problem.code, problem.value) for problem in reading.problems] == [
        ("class_unknown", "5")
    ]
    good = with_row("Ученики", 17.0, "Икс", "Ян", "", 41712.0, "5А", "", 80000000017.0)
    person = read_grids(good).roster.people[3]
    assert person.external_id == "17"
    assert person.birth_date == date(2014, 3, 14)
    assert person.phone == "+70000000017"


@pytest.mark.parametrize(
    "cell", ["14.03.2014", "14.3.2014 г.", "2014-03-14", date(2014, 3, 14), 41712, 41712.5,
             datetime(2014, 3, 14, 12, tzinfo=UTC)],
)  # fmt: skip
def test_dates_in_every_form(cell: str) -> None:
    person = read_grids(with_row("Ученики", "04", "Икс", "Ян", "", cell, "5А")).roster.people[3]
    assert person.birth_date == date(2014, 3, 14)


def test_contacts_that_cannot_be_used_do_not_cost_the_row() -> None:
    reading = read_grids(
        with_row("Ученики", "04", "Икс", "Ян", "", "", "5А", "нет@", "+7 000 12 доб. 3")
    )
    assert [problem.code for problem in reading.problems] == ["email_bad", "phone_bad"]
    assert (reading.roster.people[3].email, reading.roster.people[3].phone) == ("", "")


def test_a_childs_contact_that_is_a_parents_is_pointed_out() -> None:
    reading = read_grids(with_row("Ученики", "04", "Икс", "Ян", "", "", "5А", "olga@example.org"))
    assert [problem.code for problem in reading.problems] == ["contact_shared"]
    assert dict(reading.problems[0].params) == {"where": "Родители: 2, Родители: 4"}


def test_spelling_stays_and_look_alikes_meet() -> None:
    nfd = "И\N{COMBINING BREVE}огурт"
    rows = with_row("Ученики", "04", f" {nfd}\u00a0", "Ёжик", "", "", '05 "a" класс')
    roster = read_grids(rows).roster
    assert roster.people[3].family_name == "Йогурт"
    assert roster.people[3].given_name == "Ёжик"
    assert roster.enrolments[3].class_name == "5А"


def test_statuses() -> None:
    rows = with_row("Ученики", "04", "Икс", "Ян", "", "", "5А", "", "", "Второй  год")
    assert read_grids(rows).roster.enrolments[3].status is Status.REPEATS
    assert Status.REPEATS.enrolled
    assert not Status.LEFT.enrolled


def test_personal_columns_are_dropped_and_their_content_appears_nowhere() -> None:
    secret = "000-111-222 33"
    header = [*PUPIL_HEADER, "СНИЛС", "Паспорт (серия, номер)", "Домашний адрес", "Рост"]
    rows = [header, ["01", "Облачкова", "Алёна", *[""] * 2, "5А", *[""] * 5, *[secret] * 4]]
    reading = read_grids(grids(Ученики=rows, Родители=GOOD["Родители"][:2]))
    assert [(column.title, column.personal) for column in reading.dropped_columns] == [
        ("СНИЛС", True),
        ("Паспорт (серия, номер)", True),
        ("Домашний адрес", True),
        ("Рост", False),
    ]
    assert [problem.code for problem in reading.problems] == ["column_dropped"] * 3 + [
        "column_unknown"
    ]
    assert secret not in repr(reading)


def test_titles_above_the_header_and_totals_below_are_no_rows() -> None:
    titled: Rows = [["Список учащихся школы № 7"], [], ["", "на 1 сентября"]]
    rows = [*titled, *GOOD["Ученики"], [], ["Всего:", "3"]]
    reading = read_grids(grids(Ученики=rows))
    assert reading.problems == ()
    assert reading.roster == read_grids(grids()).roster
    shifted = read_grids(grids(Ученики=[*rows, ["04", "", "Ян", "", "", "5А"]]))
    assert codes(shifted) == [("cell_missing", "Ученики", 10, "Фамилия")]


def test_structure_that_cannot_be_read_imports_nothing_but_tells_all() -> None:
    no_class: Rows = [[cell for cell in PUPIL_HEADER if cell != "Класс*"], ["01", "Икс", "Ян"]]
    twice: Rows = [["Ид", "Фамилия*", "Имя*", "Роль*", "Роль"], ["С1", "Икс", "Ян", "учитель", ""]]
    bad_parent = [*GOOD["Родители"], ["01", "", "Ян"]]
    reading = read_grids(
        [
            Grid("Ученики", no_class),
            Grid("Сотрудники", twice),
            Grid("Родители", bad_parent),
            Grid("Школа", [["ничего"]]),
        ]
    )
    assert codes(reading) == [
        ("column_missing", "Ученики", 1, "Класс"),
        ("cell_missing", "Родители", 6, "Фамилия"),
        ("column_twice", "Сотрудники", 1, "Роль"),
        ("sheet_missing", "Классы", 0, ""),
        ("header_missing", "Школа", 0, ""),
    ]
    assert reading.fatal
    assert not reading.roster.people
    assert not reading.roster.classes


def test_a_school_year_that_is_none_is_fatal() -> None:
    reading = read_grids(with_row("Классы", "7В", "этот"))
    assert codes(reading) == [("year_bad", "Классы", last_row("Классы"), "Учебный год")]
    assert reading.fatal


def test_parents_may_be_absent_altogether() -> None:
    reading = read_grids(grids(Родители=[]))
    assert not reading.fatal
    assert [problem.code for problem in reading.problems] == ["sheet_absent"]


def test_class_teachers_that_cannot_be_found_are_warned_of() -> None:
    reading = read_grids(with_row("Классы", "7В", "2026/2027", "Некто Нигде"))
    assert [problem.code for problem in reading.problems] == [
        "teacher_unknown",
        "class_without_teacher",
    ]
    assert [each.name for each in reading.roster.classes] == ["5А", "6Б", "7В"]


def test_the_report_is_in_both_languages_gravest_first() -> None:
    reading = read_grids(with_row("Ученики", "04", "Икс", "Ян", "", "31.02.2014", "5А", "нет@"))
    table = problems_table(reading, "ru")
    assert [row.severity for row in table] == ["error", "warning"]
    assert table[0][1:5] == ("Ученики", "5", "Дата рождения", "31.02.2014")
    assert table[0].reason == "Такого дня в календаре нет."
    assert "calendar" in problems_table(reading, "en")[0].reason
    assert json.loads(json.dumps(problems_json(reading)))[0]["code"] == "date_none"


cells = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.sampled_from(["5А", "учитель", "01", "С1", "Алгебра: 5А", "да", "2026/2027", "Всего"]),
)


@given(st.dictionaries(st.sampled_from(list(GOOD)), st.lists(st.lists(cells, max_size=12))))
def test_whatever_the_cells_hold_there_is_a_reading_with_words(
    garbage: dict[str, Rows],
) -> None:
    changed = {name: [*GOOD[name], *rows] for name, rows in garbage.items()}
    reading = read_grids(grids(**changed))
    for lang in ("ru", "en"):
        problems_table(reading, lang)
    json.dumps(problems_json(reading))


@given(st.lists(st.tuples(st.text(max_size=8), st.lists(st.lists(cells, max_size=6)))))
def test_whatever_the_sheets_are_called_there_is_a_reading(
    sheets: list[tuple[str, Rows]],
) -> None:
    reading = read_grids([Grid(name, rows) for name, rows in sheets])
    assert reading.fatal
    assert not reading.roster.people
