"""Who ends a parent link and takes that back, as tables; and how a document is read."""

from __future__ import annotations

from datetime import date
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import parting
from sferum_bridge.school.parting import As, Disowning, Ending, Flaw, Paper

TODAY = date(2026, 9, 22)
CHILD, PARENT, OTHER, FAMILY = As.CHILD, As.PARENT, As.OTHER_PARENT, As.FAMILY
TEACHER, ADMIN = As.CLASS_TEACHER, As.ADMINISTRATOR
EVERY_STANDING = [
    frozenset(held)
    for held in chain.from_iterable(combinations(As, size) for size in range(len(As) + 1))
]


@pytest.mark.parametrize(
    ("standing", "unvouched", "vouched", "of_age"),
    [
        ({CHILD}, Disowning.ENDS, Disowning.DOUBT, Disowning.ENDS),
        ({OTHER, FAMILY}, Disowning.ENDS, Disowning.NO_RIGHT, Disowning.NO_RIGHT),
        # Named by the roster or waiting: no parent who has access by now.
        ({FAMILY}, Disowning.NO_RIGHT, Disowning.NO_RIGHT, Disowning.NO_RIGHT),
        ({TEACHER}, Disowning.ENDS, Disowning.DOUBT, Disowning.DOUBT),
        ({ADMIN}, Disowning.ENDS, Disowning.ON_PAPER, Disowning.ON_PAPER),
        ({TEACHER, ADMIN}, Disowning.ENDS, Disowning.ON_PAPER, Disowning.ON_PAPER),
        # One parent never the other, whatever the post.
        ({ADMIN, OTHER, FAMILY}, Disowning.ENDS, Disowning.NO_RIGHT, Disowning.NO_RIGHT),
        ({TEACHER, OTHER, FAMILY}, Disowning.ENDS, Disowning.NO_RIGHT, Disowning.NO_RIGHT),
        ({PARENT}, Disowning.LEAVE, Disowning.LEAVE, Disowning.LEAVE),
        ({PARENT, ADMIN}, Disowning.LEAVE, Disowning.LEAVE, Disowning.LEAVE),
        (set(), Disowning.NO_RIGHT, Disowning.NO_RIGHT, Disowning.NO_RIGHT),
    ],
)
def test_who_may_say_that_this_is_no_parent(
    standing: set[As], unvouched: Disowning, vouched: Disowning, of_age: Disowning
) -> None:
    assert parting.disowning(standing, vouched=False, of_age=False) is unvouched
    assert parting.disowning(standing, vouched=True, of_age=False) is vouched
    assert parting.disowning(standing, vouched=True, of_age=True) is of_age


@pytest.mark.parametrize("held", EVERY_STANDING)
def test_a_vouched_link_is_ended_at_once_by_an_adult_pupil_alone(held: frozenset[As]) -> None:
    assert parting.disowning(held, vouched=True, of_age=False) is not Disowning.ENDS
    ends = parting.disowning(held, vouched=True, of_age=True) is Disowning.ENDS
    assert ends == (CHILD in held and PARENT not in held)


@pytest.mark.parametrize("held", EVERY_STANDING)
def test_a_removal_takes_two_of_the_school_and_none_of_the_family(held: frozenset[As]) -> None:
    outside = not held & {PARENT, FAMILY}
    assert parting.may_remove(held) == (ADMIN in held and outside)
    second = parting.may_second(held, opened_it=False)
    assert second == (bool(held & {ADMIN, TEACHER}) and outside)
    assert not parting.may_second(held, opened_it=True)


@pytest.mark.parametrize(
    ("ending", "standing", "took_part", "by_adult_child", "may"),
    [
        (Ending.LEFT, {PARENT}, True, False, True),
        (Ending.LEFT, {CHILD}, False, False, False),
        (Ending.LEFT, {ADMIN}, False, False, False),
        (Ending.LEFT, {TEACHER, OTHER, FAMILY}, False, False, False),
        (Ending.DISOWNED, {CHILD}, True, False, True),
        (Ending.DISOWNED, {CHILD}, False, False, False),
        (Ending.DISOWNED, {OTHER, FAMILY}, True, False, True),
        (Ending.DISOWNED, {OTHER, FAMILY}, False, False, False),
        (Ending.DISOWNED, {TEACHER}, False, False, True),
        (Ending.DISOWNED, {ADMIN}, False, False, True),
        (Ending.DISOWNED, {PARENT}, False, False, False),
        (Ending.DISOWNED, {PARENT, TEACHER}, False, False, False),
        # Was class teacher when ending it, and is nothing by now.
        (Ending.DISOWNED, set(), True, False, False),
        (Ending.DISOWNED, {CHILD}, True, True, True),
        (Ending.DISOWNED, {ADMIN}, False, True, False),
        (Ending.REMOVED, {ADMIN}, True, False, True),
        (Ending.REMOVED, {TEACHER}, True, False, True),
        (Ending.REMOVED, {ADMIN}, False, False, False),
        (Ending.REMOVED, {ADMIN, FAMILY}, True, False, False),
        (Ending.REMOVED, {PARENT}, False, False, False),
        (Ending.REMOVED, set(), True, False, False),
    ],
)
def test_who_may_take_an_end_back(
    ending: Ending,
    standing: set[As],
    took_part: bool,  # noqa: FBT001 - a column of the table
    by_adult_child: bool,  # noqa: FBT001 - a column of the table
    may: bool,  # noqa: FBT001 - a column of the table
) -> None:
    said = parting.may_restore(ending, standing, took_part=took_part, by_adult_child=by_adult_child)
    assert said is may


@pytest.mark.parametrize(
    ("typed", "paper"),
    [
        ("решение суда № 2-145/2026 от 01.09.2026", ("решение суда", "2-145/2026", 1)),
        ("Решение суда №2-145/2026, 1.9.2026 г.", ("Решение суда", "2-145/2026", 1)),
        ("распоряжение опеки: № 17-р (от 2026-09-01)", ("распоряжение опеки", "17-р", 1)),
        ("court decision No. 12 of 2026-09-22", ("court decision", "12", 22)),
        ("акт номер 5 от 22.09.2026", ("акт", "5", 22)),
        ("court decision #7 dated 01.09.2026", ("court decision", "7", 1)),
        # A day inside the kind is not the document's.
        ("решение о лишении от 01.02.2026 № 8 от 01.09.2026", None),
    ],
)
def test_a_paper_is_read(typed: str, paper: tuple[str, str, int] | None) -> None:
    read = parting.read_paper(typed, TODAY)
    assert isinstance(read, Paper)
    if paper is None:
        assert (read.number, read.date) == ("8", date(2026, 9, 1))
    else:
        kind, number, day = paper
        assert read == Paper(kind, number, date(2026, 9, day))


@pytest.mark.parametrize(
    ("typed", "flaw"),
    [
        ("", Flaw.KIND),
        ("№ 5 от 01.09.2026", Flaw.KIND),
        ("17 № 5 от 01.09.2026", Flaw.KIND),
        ("а" * 81 + " № 5 от 01.09.2026", Flaw.KIND),
        ("решение суда", Flaw.NUMBER),
        ("решение суда от 01.09.2026", Flaw.NUMBER),
        ("решение суда № б/н от 01.09.2026", Flaw.NUMBER),
        ("решение суда № " + "1" * 41 + " от 01.09.2026", Flaw.NUMBER),
        ("решение суда № 5", Flaw.DATE),
        ("решение суда № 5 от 1 сентября", Flaw.DATE),
        ("решение суда № 5 от 31.02.2026", Flaw.NO_SUCH_DAY),
        ("решение суда № 5 от 23.09.2026", Flaw.FUTURE),
    ],
)
def test_what_a_paper_lacks_is_named(typed: str, flaw: Flaw) -> None:
    assert parting.read_paper(typed, TODAY) is flaw


@given(typed=st.text(max_size=60) | st.text(alphabet="№# 0123456789.-от№nNсуд", max_size=60))
def test_whatever_is_typed_a_paper_is_whole_or_none(typed: str) -> None:
    read = parting.read_paper(typed, TODAY)
    if isinstance(read, Paper):
        assert read.kind
        assert any(c.isdigit() for c in read.number)
        assert read.date <= TODAY
