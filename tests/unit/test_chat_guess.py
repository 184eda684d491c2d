"""What the title and the people of a chat say about the room it belongs to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.chat_guess import Guess, Guesser
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    ExpectedParent,
    Person,
    Post,
    School,
    SchoolClass,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = date(2026, 9, 14)
NAMES = ("5А", "5Б", "6Б", "6В", "10-ИТ", "7", "5С", "1-3 комплект")
CLASSES = {name: SchoolClass(name, name, "2026/2027") for name in NAMES}
CLASSES["old 5А"] = SchoolClass("old 5А", "5А", "2025/2026")
PUPILS = {n: Person(f"pupil {n}", "Выдумкин", name) for n, name in enumerate("АБВГДЕ")}
PARENTS = {n: Person(f"parent {n}", "Выдумкина", name) for n, name in enumerate("ЖЗИКЛМ")}
STAFF = {n: Person(f"staff {n}", "Небывалова", name) for n, name in enumerate("НОПР")}
SCHOOL = School(
    "school",
    "Школа № 5 города Нигдейска",
    {one.id: one for group in (PUPILS, PARENTS, STAFF) for one in group.values()},
    CLASSES,
    enrolments=[Enrolment(one.id, "5А" if n < 4 else "5Б") for n, one in PUPILS.items()],
    appointments=[Appointment(one.id, Post.TEACHER) for one in STAFF.values()],
    expected_parents=[ExpectedParent(PUPILS[n].id, one.id) for n, one in PARENTS.items()],
)


def looks_like(title: str, names: Sequence[str] = ()) -> tuple[str, str]:
    found = Guesser(SCHOOL, DAY).guess(title, names)
    return found.class_id, found.kind.value if found.kind else ""


@pytest.mark.parametrize(
    ("title", "class_id", "kind"),
    [
        ("5А родители", "5А", "parents"),
        ("5A родители", "5А", "parents"),
        ("РOДИTEЛИ 5a", "5А", "parents"),
        ("Родители 5-А 2026/27", "5А", "parents"),
        ("5 «Б» ученики", "5Б", "pupils"),
        ("6 б класс", "6Б", ""),
        ("Наш 06Б!", "6Б", ""),
        ("Ребята из 6-в", "6В", "pupils"),
        ("В кино 6 в субботу", "", ""),
        ("Школа № 5 А класс лучше", "", ""),
        ("СОШ 5 · 6В родители", "6В", "parents"),
        ("МБОУ СОШ №5, мамы 5Б", "5Б", "parents"),
        ("10 ИТ студенты", "10-ИТ", ""),
        ("10-ИТ ученики", "10-ИТ", "pupils"),
        ("7 класс, родители", "7", "parents"),
        ("7-й класс", "7", ""),
        ("5c parents", "5С", "parents"),
        ("1-3 комплект ученики", "1-3 комплект", "pupils"),
        ("5А и 5Б родители", "", "parents"),
        ("5А родители и ученики", "5А", ""),
        ("15А родители", "", "parents"),
        ("5АБ родители", "", "parents"),
        ("5А 2025/26", "old 5А", ""),
        ("5А 2020-2021", "", ""),
        ("Педсовет", "", "staff"),
        ("Учителя школы 5", "", "staff"),
        ("Учителя 5А", "", ""),
        ("Папка с играми", "", ""),
        ("", "", ""),
        ("Соседи", "", ""),
    ],
)
def test_titles(title: str, class_id: str, kind: str) -> None:
    assert looks_like(title) == (class_id, kind)


def test_members_tell_what_the_title_does_not() -> None:
    pupils = [PUPILS[n].full_name for n in range(4)]
    parents = [PARENTS[n].full_name.upper() for n in range(4)]
    staff = [one.full_name for one in STAFF.values()]
    strangers = ["Кто-то Чужой"] * 9
    assert looks_like("Болталка", [*pupils, *staff, *strangers]) == ("5А", "pupils")
    assert looks_like("Болталка", [*parents, *staff, *strangers]) == ("5А", "parents")
    assert looks_like("Болталка", staff) == ("", "staff")
    # A teacher does not make a class's chat the staff's.
    assert looks_like("Болталка", [*staff, pupils[0]]) == ("", "")
    assert looks_like("5А", pupils) == ("5А", "pupils")
    # Families of a class together: there is no such room.
    assert looks_like("Болталка", [*pupils, *parents]) == ("5А", "")
    assert looks_like("Болталка", pupils[:2]) == ("", "")


def test_a_contradiction_suggests_nothing() -> None:
    pupils = [PUPILS[n].full_name for n in range(4)]
    assert looks_like("5Б", pupils) == ("", "")
    assert looks_like("5А родители", pupils) == ("5А", "")


def test_a_whole_guess_names_a_room() -> None:
    assert Guess(Kind.STAFF).is_whole
    assert Guess(Kind.PARENTS, "5А").is_whole
    assert not Guess(Kind.PARENTS).is_whole
    assert not Guess(None, "5А").is_whole


@given(title=st.text(max_size=200), names=st.lists(st.text(max_size=30), max_size=5))
def test_no_title_makes_it_stumble(title: str, names: list[str]) -> None:
    Guesser(SCHOOL, DAY).guess(title, names)


def test_a_closed_class_is_not_suggested() -> None:
    closed = {**SCHOOL.classes, "5Б": replace(SCHOOL.classes["5Б"], closed_on=DAY)}
    found = Guesser(replace(SCHOOL, classes=closed), DAY).guess("5Б родители")
    assert not found.class_id
