"""Class names, school years and names of people in one form (requirements §4.3, scenario 23)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import classes

CYRILLIC_5A = "5\N{CYRILLIC CAPITAL LETTER A}"


@pytest.mark.parametrize(
    "written",
    ["5А", "5A", "5a", "5 «а»", "05А", "5-A класс", "5 А кл.", "класс 5а", "5 – а", '5"А"'],
)
def test_one_class_however_it_is_written(written: str) -> None:
    assert classes.normalise(written) == CYRILLIC_5A


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10-ИТ", "10-ИТ"),
        ("10 ит", "10-ИТ"),
        ("10«ИТ»", "10-ИТ"),
        ("1C", "1С"),
        ("1 С", "1С"),
        ("11", "11"),
        ("1Ы", "1Ы"),
        ("1-3 комплект", "1-3 комплект"),
        ("1–3  Комплект", "1-3 комплект"),
        ("ИC-21", "ИС-21"),
        ("IT-21", "IT-21"),
        ("10 физмат", "10 физмат"),
        ("7\N{COMBINING BREVE}Б", "7\N{COMBINING BREVE}Б"),
    ],
)
def test_streams_mixed_classes_and_groups_keep_their_shape(written: str, expected: str) -> None:
    assert classes.normalise(written) == expected


@pytest.mark.parametrize(
    ("written", "code", "suggestion"),
    [
        ("V А", "class_roman", "5А"),
        ("XI-Б", "class_roman", "11Б"),
        ("IX", "class_roman", "9"),
        ("ХА", "class_roman", "10А"),
        ("XXX", "class_roman", ""),
        ("", "class_empty", ""),
        ("«»", "class_empty", ""),
        ("класс", "class_empty", ""),
        ("5" * 40, "class_long", ""),
    ],
)
def test_what_is_no_class_name_is_refused_with_a_hint(
    written: str, code: str, suggestion: str
) -> None:
    with pytest.raises(classes.ClassNameError) as caught:
        classes.normalise(written)
    assert (caught.value.code, caught.value.suggestion) == (code, suggestion)


@pytest.mark.parametrize(
    "written", ["2026/2027", "2026-2027", "2026–27", "2026/27", " 2026 / 2027 уч. год"]
)
def test_school_years(written: str) -> None:
    assert classes.school_year(written) == "2026/2027"


@pytest.mark.parametrize("written", ["", "2026", "2026/2028", "2027/2026", "в этом"])
def test_no_school_years(written: str) -> None:
    with pytest.raises(ValueError, match=r"school year|two years"):
        classes.school_year(written)


def test_comparison_forgets_case_yo_and_spaces_but_not_letters() -> None:
    assert classes.key("ЕЛКИНА\u00a0 Алена") == classes.key("Ёлкина Алёна")
    assert classes.key(unicodedata.normalize("NFD", "Ёлкин Андрей")) == classes.key("Елкин андрей")
    assert classes.key("Петров\u2011Водкин") == classes.key("Петров-Водкин")
    assert classes.key("Иванов") != classes.key("Иванова")


def test_stored_text_keeps_its_spelling_and_nothing_invisible() -> None:
    assert classes.clean(" Ёлкина\u00a0\n Алёна ") == "Ёлкина Алёна"
    assert classes.clean("Ива\u200bнов\u202e\x00") == "Иванов"
    assert classes.clean("\ud800а") == "а"


@given(st.text(max_size=40))
def test_normalising_a_class_twice_changes_nothing(written: str) -> None:
    try:
        once = classes.normalise(written)
    except classes.ClassNameError:
        return
    assert classes.normalise(once) == once


@given(st.from_regex(r"0?[1-9][0-9]? ?[-«]? ?[А-ЯA-Za-zа-я]{0,4}»?( класс)?", fullmatch=True))
def test_normalising_a_likely_class_twice_changes_nothing(written: str) -> None:
    once = classes.normalise(written)
    assert classes.normalise(once) == once


@given(st.text(max_size=60))
def test_cleaning_and_keys_are_idempotent(written: str) -> None:
    assert classes.clean(classes.clean(written)) == classes.clean(written)
    assert classes.key(classes.key(written)) == classes.key(written)
    assert classes.key(classes.clean(written)) == classes.key(written)
