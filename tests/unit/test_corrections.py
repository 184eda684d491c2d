"""What a parent may correct: how it is typed, how it is stored, what comes of it (S-37)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import classes
from sferum_bridge.school.corrections import (
    NAMES,
    Field,
    Verdict,
    judge,
    read,
    value,
    written,
)

TODAY = date(2026, 10, 1)
FAMILY, GIVEN, MIDDLE = Field.FAMILY_NAME, Field.GIVEN_NAME, Field.MIDDLE_NAME
BORN, EMAIL, PHONE = Field.BIRTH_DATE, Field.EMAIL, Field.PHONE

fields = st.sampled_from(Field)
names = st.sampled_from(sorted(NAMES))
typed = (
    st.text(max_size=80)
    | st.text(alphabet="ЁёЕеЙйлкинаА -–'’\u0301\u00a0ABz", max_size=20)
    | st.sampled_from(("Ёлкина", "елкина", "ЕЛКИНА", "12.03.2014", "a@b.example", "89000000000"))
)


# --- what comes of it -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "old", "new", "verdict"),
    [
        (FAMILY, "Елкина", "Ёлкина", Verdict.APPLY),
        (FAMILY, "ЁЛКИНА", "Ёлкина", Verdict.APPLY),
        (FAMILY, "Ёлкина", "Ёлкина", Verdict.NOTHING),
        (FAMILY, "Елкина", "Сосенкина", Verdict.ASK),
        (FAMILY, "Елкина", "", Verdict.INVALID),
        (GIVEN, "Алена", "Алёна", Verdict.APPLY),
        (GIVEN, "Алена", "Анна", Verdict.ASK),
        (MIDDLE, "", "Ивановна", Verdict.APPLY),
        (MIDDLE, "Ивановна", "Петровна", Verdict.ASK),
        (BORN, "2014-03-12", "2014-03-12", Verdict.NOTHING),
        (BORN, "2014-03-12", "2014-04-12", Verdict.ASK),
        (BORN, "", "2014-04-12", Verdict.ASK),
        (EMAIL, "", "asya@nigde.example", Verdict.ASK),
        (PHONE, "+79000000000", "+79000000001", Verdict.ASK),
        (Field.CLASS, "5А", "5Б", Verdict.REFUSE),
        (Field.CLASS, "5А", "5А", Verdict.NOTHING),
        (Field.SCHOOL, "Школа № 0", "школа № 0", Verdict.NOTHING),
        (Field.SCHOOL, "Школа № 0", "Школа № 1", Verdict.REFUSE),
    ],
)
def test_judge(what: Field, old: str, new: str, verdict: Verdict) -> None:
    assert judge(what, old, new) is verdict


@given(fields, typed, typed)
def test_a_correction_that_was_made_changes_nothing_more(what: Field, old: str, new: str) -> None:
    stored = value(what, new, TODAY)
    assert value(what, stored, TODAY) == stored
    if judge(what, old, stored) in {Verdict.APPLY, Verdict.ASK}:
        assert judge(what, stored, stored) is Verdict.NOTHING


@given(st.sampled_from((FAMILY, GIVEN)), typed, typed, typed)
def test_what_is_applied_at_once_never_changes_who_somebody_is_for_the_roster(
    what: Field, old: str, new: str, other: str
) -> None:
    stored = value(what, new, TODAY)
    if judge(what, old, stored) is Verdict.APPLY:
        before, after = [old, other], [stored, other]
        if what is GIVEN:
            before, after = before[::-1], after[::-1]
        assert classes.key(" ".join(before)) == classes.key(" ".join(after))


@given(names, typed)
def test_stored_names_hold_nothing_but_letters(what: Field, text: str) -> None:
    stored = value(what, text, TODAY)
    assert all(char.isalpha() or char in " '’-" for char in stored)
    assert stored == classes.clean(stored)


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "text", "stored"),
    [
        (FAMILY, "  Ёлкина. ", "Ёлкина"),
        (FAMILY, "Е\u0308лкина", "Ёлкина"),
        (FAMILY, "ёлкина", "Ёлкина"),
        (FAMILY, "ЁЛКИНА - СКАЗОЧНАЯ", "Ёлкина-Сказочная"),
        (FAMILY, "Ёлкина–Сказочная", "Ёлкина-Сказочная"),
        (FAMILY, "д’Облачков", "д’Облачков"),
        (MIDDLE, "мамед оглы", "Мамед оглы"),
        (FAMILY, "Ёлкина2", ""),
        (FAMILY, "Eлкина", ""),  # a Latin E
        (FAMILY, "Ёлкина <b>", ""),
        (FAMILY, "Ё" * 61, ""),
        (MIDDLE, "нет", ""),
        (MIDDLE, "-", ""),
        (BORN, "12.03.2014", "2014-03-12"),
        (BORN, "2014-03-12", "2014-03-12"),
        (BORN, "1.2.2014 г.", "2014-02-01"),
        (BORN, "31.02.2014", ""),
        (BORN, "01.10.2021", "2021-10-01"),
        (BORN, "02.10.2021", ""),
        (BORN, "02.10.2000", "2000-10-02"),
        (BORN, "01.10.2000", ""),
        (BORN, "12.03.2027", ""),
        (BORN, "весной", ""),
        (EMAIL, "Asya@Nigde.Example", "asya@nigde.example"),
        (EMAIL, "asya", ""),
        (PHONE, "8 (900) 000-00-00", "+79000000000"),
        (PHONE, "12", ""),
        (Field.CLASS, "5 «б» класс", "5Б"),
        (Field.CLASS, "V б", "V б"),
        (Field.SCHOOL, " школа  № 0", "школа № 0"),
    ],
)
def test_values(what: Field, text: str, stored: str) -> None:
    assert value(what, text, TODAY) == stored


def test_dates_are_written_as_people_write_them() -> None:
    assert written(BORN, "2014-03-12") == "12.03.2014"
    assert written(BORN, "") == ""
    assert written(FAMILY, "Ёлкина") == "Ёлкина"


# --- what was typed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("фамилия: Ёлкина", {FAMILY: "Ёлкина"}),
        ("отчество Ивановна", {MIDDLE: "Ивановна"}),
        ("имя = Алёна", {GIVEN: "Алёна"}),
        ("фамилию на Ёлкина", {FAMILY: "Ёлкина"}),
        ("ФАМИЛИЯ:Ёлкина", {FAMILY: "Ёлкина"}),
        ("дата рождения 12.03.2014", {BORN: "12.03.2014"}),
        ("дату рождения: 12.03.2014", {BORN: "12.03.2014"}),
        ("др 12.03.2014", {BORN: "12.03.2014"}),
        ("д.р. 12.03.2014", {BORN: "12.03.2014"}),
        ("фамилия Ёлкина, имя Алёна\nкласс 5Б", {FAMILY: "Ёлкина", GIVEN: "Алёна",
                                                 Field.CLASS: "5Б"}),
        ("фамилия Ёлкина имя Алёна", {FAMILY: "Ёлкина", GIVEN: "Алёна"}),
        ("фамилия Школа", {FAMILY: "Школа"}),
        ("фамилия, имя", {FAMILY: "", GIVEN: ""}),
        ("имя Анна, имя Алёна", {GIVEN: "Алёна"}),
        ("почта class.name@nigde.example", {EMAIL: "class.name@nigde.example"}),
        ("контакт a@nigde.example; контакт +7 900 000-00-00",
         {EMAIL: "a@nigde.example", PHONE: "+7 900 000-00-00"}),
        ("family name: Elkina, given name Anna, middle name X, date of birth 2014-03-12",
         {FAMILY: "Elkina", GIVEN: "Anna", MIDDLE: "X", BORN: "2014-03-12"}),
        ("class to 5Б, school № 0", {Field.CLASS: "5Б", Field.SCHOOL: "№ 0"}),
    ],
)  # fmt: skip
def test_read(text: str, values: dict[Field, str]) -> None:
    told = read(text)
    assert told.values == values
    assert not told.unknown


def test_what_names_no_field_is_said_to_be_unknown() -> None:
    told = read("ошибка, отчество Ивановна, в имени Алёна нет ё")
    assert told.values == {MIDDLE: "Ивановна"}
    assert told.unknown == ("ошибка", "в имени Алёна нет ё")
    assert read("рост 150 имя Алёна").unknown == ("рост 150",)
    assert read(" ,\n").unknown == ()


@given(st.text(max_size=200))
def test_anything_can_be_read(text: str) -> None:
    told = read(text)
    for what, said in told.values.items():
        value(what, said, TODAY)
