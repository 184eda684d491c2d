"""Whom an announcement is for, by what people write; and when quiet hours end."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import announcements as rules
from sferum_bridge.school import quiet
from sferum_bridge.school.announcements import Audience, Part, Refused, Unclear
from sferum_bridge.school.people import Enrolment, School, SchoolClass, Term

DAY = date(2026, 9, 14)
NAMES = {
    "a": "5А",
    "b": "5Б",
    "e": "5Е",
    "c": "6А",
    "k": "1-3 комплект",
    "it": "10-ИТ",
    "g": "ИС-21",
}
CLASSES = {i: SchoolClass(i, name, "2026/2027") for i, name in NAMES.items()}
OLD = SchoolClass("old", "5А", "2025/2026")
SCHOOL = School(
    "s",
    "Школа № 0",
    {},
    {**CLASSES, "old": OLD},
    enrolments=[
        *(Enrolment("p", i) for i in CLASSES),
        Enrolment("p", "old", Term(None, date(2026, 5, 31))),
    ],
)
HERE = rules.alive(SCHOOL, DAY)
PARENTS, PUPILS, STAFF = (frozenset({part}) for part in (Part.PARENTS, Part.PUPILS, Part.STAFF))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("5А, 5Б", Audience(class_ids=frozenset("ab"))),
        ("5a", Audience(class_ids=frozenset("a"))),
        ("5 классы", Audience(grades=frozenset({5}))),
        # A letter behind the number names one class, and never the whole grade.
        ("5А классу", Audience(class_ids=frozenset("a"))),
        ("родителям 5А класса", Audience(class_ids=frozenset("a"), parts=PARENTS)),
        ("5-А класс", Audience(class_ids=frozenset("a"))),
        ("класс 5А", Audience(class_ids=frozenset("a"))),
        ("5a class", Audience(class_ids=frozenset("a"))),
        ("5А класс, 6А класс", Audience(class_ids=frozenset("ac"))),
        ("родителям 5А и 5-Б классов", Audience(class_ids=frozenset("ab"), parts=PARENTS)),
        # So where it is an ordinal's ending as well.
        ("5е классу", Audience(class_ids=frozenset("e"))),
        ("5-е классу", Audience(class_ids=frozenset("e"))),
        ("5-е классы", Audience(grades=frozenset({5}))),
        ("5-го класса", Audience(grades=frozenset({5}))),
        ("1–4 классы", Audience(grades=frozenset({1, 2, 3, 4}))),
        ("родителям 5-х классов", Audience(grades=frozenset({5}), parts=PARENTS)),
        ("классы 1-4", Audience(grades=frozenset({1, 2, 3, 4}))),
        ("grades 1-4", Audience(grades=frozenset({1, 2, 3, 4}))),
        ("1-3 комплект родителям", Audience(class_ids=frozenset("k"), parts=PARENTS)),
        ("ученикам 10-ИТ", Audience(class_ids=frozenset({"it"}), parts=PUPILS)),
        ("всей школе", Audience(whole=True)),
        ("Родители", Audience(parts=PARENTS)),
        ("учителям", Audience(parts=STAFF)),
        ("parents and pupils of 5А", Audience(class_ids=frozenset("a"), parts=rules.FAMILIES)),
    ],
)
def test_an_audience_is_read_as_people_write_it(said: str, meant: Audience) -> None:
    assert rules.read(said, HERE) == meant
    assert rules.split(f"{said}: завтра: нет урока", HERE) == (meant, "завтра: нет урока")
    assert rules.from_json(rules.to_json(meant)) == meant


@pytest.mark.parametrize(
    "said",
    [
        *("", "Внимание", "5В", "5В классу", "родителям 5А кроме Пети", "99 классы"),
        # A part that goes unread would leave everybody.
        *("родителям 4-1 классов", "родителям 5А–6А"),
        # The staff has no rooms of a class.
        *("учителям 5А", "родителям и учителям 5 классов"),
    ],
)
def test_what_is_not_understood_is_no_audience(said: str) -> None:
    with pytest.raises(Unclear):
        rules.read(said, HERE)
    assert rules.split(f"{said}: текст", HERE) == (None, f"{said}: текст".strip())


@given(st.text(max_size=60))
def test_whatever_is_written_is_an_audience_or_none(said: str) -> None:
    audience, text = rules.split(said, HERE)
    assert text in said
    assert audience is None or rules.rooms(audience, SCHOOL, DAY) is not None


def test_rooms_are_those_of_living_classes_and_roles() -> None:
    assert rules.rooms(Audience(grades=frozenset({5})), SCHOOL, DAY) == [
        "pupils/a",
        "parents/a",
        "pupils/b",
        "parents/b",
        "pupils/e",
        "parents/e",
    ]
    assert rules.rooms(Audience(grades=frozenset({2}), parts=PARENTS), SCHOOL, DAY) == ["parents/k"]
    whole = rules.rooms(Audience(whole=True), SCHOOL, DAY)
    assert whole[0] == "announcements/s"
    assert len(whole) == 1 + 2 * len(CLASSES)
    assert not [key for key in whole if key.endswith("/old")]
    assert rules.rooms(Audience(parts=STAFF), SCHOOL, DAY) == ["announcements/s"]


def test_a_class_teacher_reaches_the_own_classes_and_no_more() -> None:
    own = rules.narrowed(Audience(parts=PARENTS), {"a"}, SCHOOL)
    assert rules.rooms(own, SCHOOL, DAY) == ["parents/a"]
    for beyond in (
        Audience(whole=True),
        Audience(parts=STAFF),
        Audience(class_ids=frozenset("ab")),
        Audience(grades=frozenset({5})),
    ):
        with pytest.raises(Refused):
            rules.narrowed(beyond, {"a"}, SCHOOL)
    with pytest.raises(Refused):
        rules.narrowed(Audience(), (), SCHOOL)


def ms(year: int, month: int, day: int, hour: int, minute: int) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        ("21:00-07:00", ms(2026, 9, 14, 17, 59), None),
        ("21:00-07:00", ms(2026, 9, 14, 18, 0), ms(2026, 9, 15, 4, 0)),
        ("21:00-07:00", ms(2026, 9, 15, 3, 59), ms(2026, 9, 15, 4, 0)),
        ("21:00-07:00", ms(2026, 9, 15, 4, 0), None),
        ("13:00-15:00", ms(2026, 9, 14, 11, 0), ms(2026, 9, 14, 12, 0)),
        ("13:00-15:00", ms(2026, 9, 14, 12, 0), None),
    ],
)
def test_quiet_hours_end(hours: str, now: int, end: int | None) -> None:
    quiet_hours = quiet.read(hours)
    assert quiet_hours is not None
    assert quiet_hours.ends(now, "Europe/Moscow") == end


def test_quiet_hours_end_by_the_clock_when_it_is_changed_that_night() -> None:
    quiet_hours = quiet.read("21:00-07:00")
    assert quiet_hours is not None
    # On 25 October 2026 Berlin goes back from UTC+2 to UTC+1.
    end = quiet_hours.ends(ms(2026, 10, 24, 20, 0), "Europe/Berlin")
    assert end == ms(2026, 10, 25, 6, 0)


def test_quiet_hours_of_a_setting() -> None:
    assert quiet.read("") is None
    for wrong in ("21-7", "25:00-07:00", "07:00-07:00", "ночью"):
        with pytest.raises(ValueError, match=r"write them|must end"):
            quiet.read(wrong)
