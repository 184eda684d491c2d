"""What materials are listed as, and how they are found again (S-06)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school.materials import (
    MOST_WORDS,
    Entry,
    Order,
    described,
    fits,
    is_shelf,
    ordered,
    read,
)

TODAY = date(2026, 11, 10)
SUBJECTS = ("алгебра", "геометрия", "Русский язык")
MOTION = Entry("Задачи на движение", "алгебра", "Анна Петровна", "5А", date(2026, 9, 14))
YOLKA = Entry("Диктант «Ёлка»", "русский язык", "Пётр Ильич", "5А", date(2026, 10, 2))
LOOSE = Entry("расписание.pdf", "", "Анна Петровна", "5Б", date(2026, 11, 9))


@pytest.mark.parametrize(
    ("words", "file_name", "own", "subject", "title"),
    [
        ("", "задачи.pdf", ["алгебра"], "алгебра", "задачи.pdf"),
        ("", "задачи.pdf", ["алгебра", "геометрия"], "", "задачи.pdf"),
        ("", "задачи.pdf", [""], "", "задачи.pdf"),
        ("Геометрия: Углы", "у.pdf", ["алгебра"], "геометрия", "Углы"),
        ("#геометрия: Углы", "", [], "геометрия", "Углы"),
        ("русский  ЯЗЫК: диктант", "", [], "Русский язык", "диктант"),
        ("Геометрия:", "углы.pdf", [], "геометрия", "углы.pdf"),
        ("Геометрия:\nУглы и стороны", "", [], "геометрия", "Углы и стороны"),
        ("Геометрия:", "", [], "геометрия", "Геометрия:"),
        ("Ссылка: https://school.example/1", "", [], "", "Ссылка: https://school.example/1"),
        ("\n  Повторить §5  \nи §6", "", [], "", "Повторить §5"),
        ("я" * 500, "", [], "", "я" * 119 + "…"),
    ],
)
def test_what_it_is_listed_as(
    words: str, file_name: str, own: list[str], subject: str, title: str
) -> None:
    assert described(words, file_name, SUBJECTS, own) == (subject, title)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [LOOSE, YOLKA, MOTION]),
        ("алгебра", [MOTION]),
        ("по алгебре", [MOTION]),
        ("по русскому", [YOLKA]),
        ("учитель Анна", [LOOSE, MOTION]),
        ("Анны Петровны за сентябрь", [MOTION]),
        ("сентября", [MOTION]),
        ("в сентябре и октябре", [YOLKA, MOTION]),
        ("September", [MOTION]),
        ("ЕЛКА", [YOLKA]),
        ("Ёлку", [YOLKA]),
        ("5а", [YOLKA, MOTION]),
        ("5A задачи", [MOTION]),
        ("5Б", [LOOSE]),
        ("02.10", [YOLKA]),
        ("2.10.2026", [YOLKA]),
        ("2.10.26", [YOLKA]),
        ("с 14.09 по 02.10", [YOLKA, MOTION]),
        ("02.10.2025", []),
        ("12.12", []),
        ("99.99", [LOOSE, YOLKA, MOTION]),
        ("физика", []),
        ("pdf", [LOOSE]),
    ],
)
def test_finding(text: str, found: list[Entry]) -> None:
    query = read(text, TODAY)
    assert [entry for entry in (LOOSE, YOLKA, MOTION) if fits(entry, query)] == found


def test_no_more_words_than_some_are_looked_for() -> None:
    words = [f"слово{number}" for number in range(2000)]
    assert read(" ".join(["Рим", "рим", *words]), TODAY).words == ("рим", *words[: MOST_WORDS - 1])


def test_a_day_without_a_year_is_the_last_one() -> None:
    assert read("12.12", TODAY).since == date(2025, 12, 12)
    assert read("29.02", TODAY).since is None


@pytest.mark.parametrize(
    ("text", "order", "words"),
    [
        ("по предметам", Order.SUBJECT, ()),
        ("движение по учителям", Order.TEACHER, ("движение",)),
        ("by teacher", Order.TEACHER, ()),
        ("по датам", Order.DATE, ()),
        ("по предмету алгебра", Order.DATE, ("алгебра",)),
    ],
)
def test_order(text: str, order: Order, words: tuple[str, ...]) -> None:
    query = read(text, TODAY)
    assert (query.order, query.words) == (order, words)


def test_ordered() -> None:
    everything = [LOOSE, YOLKA, MOTION]
    assert ordered(everything, Order.DATE) == everything
    assert ordered(everything, Order.SUBJECT) == [MOTION, YOLKA, LOOSE]
    assert ordered(everything, Order.TEACHER) == [LOOSE, MOTION, YOLKA]


def test_the_reaction() -> None:
    assert is_shelf("📚")
    assert is_shelf("📚\ufe0f")
    assert not is_shelf("👍")
    assert not is_shelf(None)


@given(st.text(), st.text())
def test_nothing_raises(words: str, name: str) -> None:
    _, title = described(words, name, SUBJECTS, ["алгебра"])
    assert len(title) <= 120
    fits(MOTION, read(words, TODAY))
