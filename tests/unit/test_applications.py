"""What an application says, which school and class it means, and whom the applicant resembles."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import applications
from sferum_bridge.school.applications import Application, Asked, AskedRole, Like
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Leadership,
    Person,
    Post,
    School,
    SchoolClass,
    Term,
)

PUPIL, PARENT, TEACHER, STAFF = AskedRole
DAY = date(2026, 10, 1)
TODAY = Term(date(2026, 9, 1), date(2027, 5, 31))
NEXT_MONTH = Term(date(2026, 11, 1))
LAST_YEAR = Term(date(2025, 9, 1), date(2026, 5, 31))
HERE = School(
    "school",
    "Школа № 0",
    {
        person.id: person
        for person in (
            Person("alyona", "Ёлкина", "Алёна"),
            Person("ivan1", "Иванов", "Иван", "Петрович"),
            Person("ivan2", "Иванов", "Иван"),
            Person("ivan7", "Иванов", "Иван"),
            Person("new", "Завтрашний", "Ким"),
            Person("gone", "Вчерашний", "Глеб"),
            Person("double", "Петров-Водкин", "Лев"),
            Person("olga", "Ёлкина", "Ольга", "Ивановна"),
            Person("aunt", "Небывалова", "Зоя"),
            Person("maria", "Иванова", "Мария"),
            Person("left", "Ушедшая", "Анна"),
        )
    },
    {c.id: c for c in (SchoolClass("5a", "5А", "2026/2027"), SchoolClass("7v", "7В", "2026/2027"))}
    | {
        "old": SchoolClass("old", "5А", "2025/2026"),
        "10it": SchoolClass("10it", "10-ИТ", "2026/2027"),
    },
    enrolments=[
        Enrolment("alyona", "5a", TODAY),
        Enrolment("ivan1", "5a", TODAY),
        Enrolment("ivan2", "5a", TODAY),
        Enrolment("ivan7", "7v", TODAY),
        Enrolment("new", "5a", NEXT_MONTH),
        Enrolment("gone", "old", LAST_YEAR),
        Enrolment("double", "7v", TODAY),
    ],
    appointments=[
        Appointment("maria", Post.TEACHER, NEXT_MONTH),
        Appointment("left", Post.STAFF, LAST_YEAR),
    ],
    leaderships=[Leadership("aunt", "5a", TODAY)],
    expected_parents=[
        ExpectedParent("alyona", "olga"),
        ExpectedParent("alyona", "aunt", access=False),
    ],
)


@pytest.mark.parametrize(
    ("line", "application"),
    [
        ("ученик 5А Ёлкина Алёна", Application(PUPIL, "", "5А", "", "Ёлкина Алёна")),
        ("Ученица 5 а Ёлкина Алёна", Application(PUPIL, "", "5 а", "", "Ёлкина Алёна")),
        ("ученик, 5 «А» класс, Ёлкина Алёна", Application(PUPIL, "", "5 «А»", "", "Ёлкина Алёна")),
        ("ученик Ёлкина Алёна класс 10-ИТ", Application(PUPIL, "", "10-ИТ", "", "Ёлкина Алёна")),
        (
            "ученик 5А Ёлкина Алёна Ивановна",
            Application(PUPIL, name="Ёлкина Алёна Ивановна", class_name="5А"),
        ),
        ("учитель Иванова Мария", Application(TEACHER, name="Иванова Мария")),
        ("teacher Ivanova Maria.", Application(TEACHER, name="Ivanova Maria")),
        ("родитель 5А Ёлкина Алёна", Application(PARENT, class_name="5А", child="Ёлкина Алёна")),
        (
            "мама 5А Ёлкина Алёна, Ёлкина Ольга",
            Application(PARENT, "", "5А", "Ёлкина Алёна", "Ёлкина Ольга"),
        ),
        ("родитель", Application(PARENT)),
        ("сотрудник Иванова", Application(STAFF)),
        ("ученик 5А", Application(PUPIL, class_name="5А")),
        ("ученик 5А,", Application(PUPIL, class_name="5А")),
        ("директор Иванова Мария", Application()),
        ("", Application()),
    ],
)
def test_reading_a_line(line: str, application: Application) -> None:
    assert applications.read(line) == application


@given(text=st.text(max_size=200) | st.text(alphabet="ученик 5А,;«».\n", max_size=60))
def test_whatever_is_typed_is_bounded(text: str) -> None:
    said = applications.read(f"ученик {text}")
    for value in (said.class_name, said.name):
        assert len(value) <= applications.LONGEST
        assert "\n" not in value


def test_what_is_asked_in_which_order() -> None:
    application = Application()
    asked = []
    for said in ("родитель", "школа 0", "5А", "Ёлкина Алёна", "Ёлкина Ольга"):
        missing = application.missing(several_schools=True)
        assert missing is not None
        asked.append(missing)
        application = application.with_answer(missing, said)
    assert asked == list(Asked)
    assert application.missing(several_schools=True) is None
    teacher = Application(TEACHER, name="Иванова Мария")
    assert teacher.missing(several_schools=False) is None
    assert teacher.missing(several_schools=True) is Asked.SCHOOL


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked.ROLE, "директор"),
        (Asked.NAME, "Алёна"),
        (Asked.NAME, "Ёлкина 5А"),
        (Asked.CHILD, "+7 000 000-00-00"),
        (Asked.CLASS, " \u200b "),
    ],
)
def test_what_tells_nothing_is_asked_again(asked: Asked, said: str) -> None:
    assert Application().with_answer(asked, said) == Application()


def test_what_was_kept_comes_back() -> None:
    for application in (
        Application(),
        Application(PARENT, "0", "5А", "Ёлкина Алёна", "Ёлкина Ольга"),
    ):
        assert applications.restored({**asdict(application), "topic": "apply"}) == application


@pytest.mark.parametrize("role", AskedRole)
def test_every_role_has_a_word_that_is_read_back(role: AskedRole) -> None:
    for said in (role.value, applications.word(role, "ru"), applications.word(role, "en")):
        assert applications.read_role(said.upper()) is role


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Гимназия № 5 города Нигдейска", "g5"),
        ("гимназия 5", "g5"),
        ("5", "g5"),
        ("школа №12", "s12"),
        ("в двенадцатой, номер 12", "s12"),
        ("лицей", "l"),
        ("ЛИЦЕЙ «Ёлка»", "l"),
        ("школа", ""),
        ("школа 7", ""),
        ("", ""),
        ("№", ""),
    ],
)
def test_which_school_is_meant(typed: str, found: str) -> None:
    schools = {
        "g5": "Гимназия № 5 города Нигдейска",
        "s12": "Школа № 12",
        "s13": "Школа № 13",
        "l": "Лицей «Елка»",
    }
    assert applications.addressed(typed, schools) == found


def test_the_only_school_is_always_meant() -> None:
    assert applications.addressed("другая", {"s": "Школа № 0"}) == "s"
    assert applications.addressed("другая", {}) == ""


@pytest.mark.parametrize(
    ("typed", "found"),
    [("5а", "5a"), ("5 «A» класс", "5a"), ("V А", "5a"), ("10ИТ", "10it"), ("5Б", ""), ("", "")],
)
def test_which_class_is_meant(typed: str, found: str) -> None:
    named = applications.class_named(HERE, DAY, typed)
    assert (named.id if named else "") == found


def test_a_class_of_another_year_is_meant_only_while_it_is_in_use() -> None:
    last_year = date(2025, 10, 1)
    named = applications.class_named(HERE, last_year, "5А")
    assert named is not None
    assert named.id == "old"
    del_new = {id_: each for id_, each in HERE.classes.items() if id_ != "5a"}
    assert applications.class_named(replace(HERE, classes=del_new), DAY, "5А") is None


@pytest.mark.parametrize(
    ("application", "like", "people", "children"),
    [
        (Application(PUPIL, "", "5А", "", "Ёлкина Алёна"), Like.IN_CLASS, ("alyona",), ()),
        (Application(PUPIL, "", "5A", "", "алена  елкина"), Like.IN_CLASS, ("alyona",), ()),
        (Application(PUPIL, "", "5А", "", "Ёлкина Алёна Ивановна"), Like.IN_CLASS, ("alyona",), ()),
        (Application(PUPIL, "", "5А", "", "Иванов Иван"), Like.IN_CLASS, ("ivan1", "ivan2"), ()),
        (Application(PUPIL, "", "5А", "", "Иванов Иван Ильич"), Like.IN_CLASS, ("ivan2",), ()),
        (Application(PUPIL, "", "7В", "", "Ёлкина Алёна"), Like.ELSEWHERE, ("alyona",), ()),
        (Application(PUPIL, "", "99", "", "Ёлкина Алёна"), Like.ELSEWHERE, ("alyona",), ()),
        (Application(PUPIL, "", "5А", "", "Завтрашний Ким"), Like.IN_CLASS, ("new",), ()),
        (Application(PUPIL, "", "5А", "", "Вчерашний Глеб"), Like.NOBODY, (), ()),
        (Application(PUPIL, "", "5А", "", "Ёлкина Ольга"), Like.PARENT, ("olga",), ("alyona",)),
        (Application(PUPIL, "", "5А", "", "Ёлкин Денис"), Like.PARENT, (), ("alyona",)),
        (Application(PUPIL, "", "7В", "", "Ёлкин Денис"), Like.NOBODY, (), ()),
        (Application(PUPIL, "", "7В", "", "Ёлкина Ольга"), Like.PARENT, ("olga",), ("alyona",)),
        (Application(PUPIL, "", "7В", "", "Петрова-Водкина Ия"), Like.PARENT, (), ("double",)),
        (Application(PUPIL, "", "5А", "", "Чужой Кто-то"), Like.NOBODY, (), ()),
        (
            Application(PARENT, "", "5А", "Ёлкина Алёна", "Ёлкина Ольга"),
            Like.GUARDIAN,
            ("olga",),
            ("alyona",),
        ),
        (
            Application(PARENT, "", "5А", "Ёлкина Алёна", "Чужой Кто-то"),
            Like.CHILD,
            (),
            ("alyona",),
        ),
        (
            Application(PARENT, "", "5А", "Иванов Иван", "Чужой Кто-то"),
            Like.CHILD,
            (),
            ("ivan1", "ivan2"),
        ),
        (Application(PARENT, "", "5А", "Завтрашний Ким", "Чужой Кто-то"), Like.NOBODY, (), ()),
        (Application(PARENT, "", "5А", "Никто Нигде", "Чужой Кто-то"), Like.NOBODY, (), ()),
        (Application(TEACHER, name="Иванова Мария"), Like.STAFF, ("maria",), ()),
        (Application(STAFF, name="Зоя Небывалова"), Like.STAFF, ("aunt",), ()),
        (Application(STAFF, name="Ушедшая Анна"), Like.NOBODY, (), ()),
    ],
)
def test_whom_an_applicant_resembles(
    application: Application, like: Like, people: tuple[str, ...], children: tuple[str, ...]
) -> None:
    found = applications.likeness(application, HERE, DAY, frozenset())
    assert (found.like, found.people, found.children) == (like, people, children)
    assert not found.taken


def test_who_has_an_account_is_looked_at_last() -> None:
    ivan = Application(PUPIL, "", "5А", "", "Иванов Иван")
    one = applications.likeness(ivan, HERE, DAY, {"ivan1"})
    assert (one.people, one.taken) == (("ivan2",), False)
    both = applications.likeness(ivan, HERE, DAY, {"ivan1", "ivan2", "maria"})
    assert (both.people, both.taken) == (("ivan1", "ivan2"), True)
    maria = applications.likeness(Application(TEACHER, name="Иванова Мария"), HERE, DAY, {"maria"})
    assert maria.taken


def test_denied_guardians_are_found_too() -> None:
    [aunt] = applications.expected("Небывалова Зоя", HERE, "alyona")
    assert not aunt.access
    assert applications.expected("Небывалова Зоя", HERE, "ivan1") == []


def test_the_parts_of_a_name() -> None:
    assert applications.names("Ёлкина Алёна") == ("Ёлкина", "Алёна", "")
    assert applications.names("Ёлкина Алёна Эльдар кызы") == ("Ёлкина", "Алёна", "Эльдар кызы")
