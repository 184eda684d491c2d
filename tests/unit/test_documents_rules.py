"""What a store of documents takes, what documents are called, to whom a copy may go (S-40)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import documents as rules
from sferum_bridge.school.attachments import MEGABYTE, Policy
from sferum_bridge.school.documents import Refusal, Rules, Used
from sferum_bridge.school.people import (
    Appointment,
    Enrolment,
    Leadership,
    LinkState,
    ParentLink,
    Post,
    School,
    SchoolClass,
    Teaching,
)

NONE = Used()


def test_limits_are_those_of_one_file_of_all_together_and_of_their_number() -> None:
    small = Rules(files=Policy(1000), quota=2500, most=3)
    assert small.judge("а.pdf", "application/pdf", 1000, NONE) is None
    assert small.judge("а.pdf", "application/pdf", 0, NONE) is None, "not known yet"
    assert small.judge("а.pdf", "application/pdf", 1001, NONE) is Refusal.TOO_BIG
    assert small.judge("а.exe", "application/x-msdownload", 5, NONE) is Refusal.WRONG_KIND
    assert small.judge("а.pdf", "application/x-msdownload", 5, NONE) is Refusal.WRONG_KIND
    assert small.judge("а.pdf", "application/pdf", 501, Used(2, 2000)) is Refusal.FULL
    assert small.judge("а.pdf", "application/pdf", 500, Used(2, 2000)) is None
    assert small.judge("а.pdf", "application/pdf", 0, Used(2, 2500)) is Refusal.FULL
    assert small.judge("а.pdf", "application/pdf", 1, Used(3, 3)) is Refusal.TOO_MANY
    assert [small.room(Used(1, size)) for size in (0, 2000, 2500, 9999)] == [1000, 500, 0, 0]


def test_who_has_a_store_is_the_schools_to_say() -> None:
    assert Rules().has_store({"parents", "staff"})
    assert not Rules().has_store({"pupils"})
    assert not Rules(roles=frozenset()).has_store({"parents"})


@pytest.mark.parametrize(
    ("caption", "file_name", "mime", "name"),
    [
        ("", "IMG_1.jpg", "image/jpeg", "IMG_1.jpg"),
        ("Справка о составе семьи", "scan.PDF", "application/pdf", "Справка о составе семьи.pdf"),
        ("СНИЛС.pdf\nвторая строка", "scan.pdf", "application/pdf", "СНИЛС.pdf"),
        ("договор.exe", "scan.pdf", "application/pdf", "договор.exe.pdf"),
        ("../../etc/passwd", "scan.pdf", "application/pdf", "passwd.pdf"),
        ("", "", "application/pdf", "file.pdf"),
        ("«Полис»", "a.png", "image/png", "Полис.png"),
        ("злой\u202egpj.exe", "a.png", "image/png", "злойgpj.exe.png"),
    ],
)
def test_a_document_is_called_as_its_owner_says_and_ends_as_the_file_does(
    caption: str, file_name: str, mime: str, name: str
) -> None:
    assert rules.name_of(caption, file_name, mime) == name


@given(st.text(), st.text(), st.sampled_from(["application/pdf", "", "x"]))
def test_any_name_is_short_and_of_one_line(caption: str, file_name: str, mime: str) -> None:
    name = rules.name_of(caption, file_name, mime)
    assert 0 < len(name) <= rules.MOST_CHARACTERS
    assert name.isprintable()
    assert "/" not in name


def test_a_name_is_taken_once() -> None:
    taken = ["Справка.pdf", "СПРАВКА (2).PDF"]
    assert rules.unlike("справка.pdf", taken) == "справка (3).pdf"
    assert rules.unlike("Справка.png", taken) == "Справка.png"
    assert rules.renamed("a.pdf", "  . ") == ""


@given(st.lists(st.integers(0, 30 * MEGABYTE), max_size=40))
def test_an_export_is_divided_without_losing_or_repeating_anything(sizes: list[int]) -> None:
    most = 50 * MEGABYTE
    parts = rules.volumes(sizes, most)
    assert [number for part in parts for number in part] == list(range(len(sizes)))
    assert all(parts)
    assert all(sum(sizes[n] for n in part) <= most or len(part) == 1 for part in parts)


def test_a_copy_goes_to_teachers_of_the_own_child_alone() -> None:
    school = _school()
    day = date(2026, 10, 1)
    assert set(rules.recipients(school, day, "mother", {})) == {"leader-5", "teacher-5"}
    assert set(rules.recipients(school, day, "child", {})) == {"leader-5", "teacher-5"}
    # Another parent of the class, who teaches elsewhere, is met as a parent and gets nothing.
    assert "teacher-9" not in rules.recipients(school, day, "mother", {})
    assert rules.recipients(school, day, "stranger", {}) == []
    closed = {"parents>teachers": "none"}
    assert set(rules.recipients(school, day, "mother", closed)) == {"leader-5"}


def _school() -> School:
    return School(
        "1",
        "Школа № 0",
        people={},
        classes={one: SchoolClass(one, f"{one}А", "2026/2027") for one in ("5", "9")},
        enrolments=[Enrolment("child", "5"), Enrolment("other", "5")],
        appointments=[Appointment("boss", Post.ADMINISTRATOR)],
        leaderships=[Leadership("leader-5", "5")],
        teachings=[Teaching("teacher-5", "5", "алгебра"), Teaching("teacher-9", "9", "алгебра")],
        parent_links=[
            ParentLink("child", "mother", LinkState.ACTIVE),
            ParentLink("other", "teacher-9", LinkState.ACTIVE),
        ],
    )
