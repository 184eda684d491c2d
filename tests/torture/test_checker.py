"""The torture's checker finds what it is there to find."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.torture.checker import Count, Kind, Said, Shown, compare
from tests.torture.material import changed, files, kinds, said

ONE, TWO, THREE = (f"сюда 03 0000{n} слова" for n in (1, 2, 3))
MARK = "сюда 03 00002"
LONG = [f"{MARK}/{n} слова" for n in range(3)]


def message(line: str, kind: Kind = Kind.TEXT, **more: Any) -> Said:
    return Said(kind, [line], **more)


def texts(*lines: str) -> list[Shown]:
    return [Shown([line]) for line in lines]


def total(sent: list[Said], shown: list[Shown]) -> Count:
    return compare(sent, shown).total


THREE_SAID = [message(ONE), message(TWO), message(THREE)]


@pytest.mark.parametrize(
    ("shown", "count"),
    [
        (texts(ONE, TWO, THREE), Count(3)),
        (texts("чужое", ONE, TWO, "сюда 04 00001 чужое", THREE), Count(3)),
        (texts(ONE, THREE), Count(3, lost=1)),
        (texts(ONE, TWO, TWO, THREE), Count(3, doubled=1)),
        (texts(ONE, THREE, TWO), Count(3, reordered=1)),
        (texts(THREE, ONE, TWO), Count(3, reordered=1)),
        (texts(ONE, f"исправлено: {TWO}", THREE), Count(3, wrong=1)),
    ],
)
def test_texts(shown: list[Shown], count: Count) -> None:
    assert total(THREE_SAID, shown) == count


def test_an_edit_that_did_not_arrive_is_wrong() -> None:
    sent = message(ONE + " — и ещё", Kind.EDIT)
    assert total([sent], texts(ONE)) == Count(1, wrong=1)
    assert total([sent], texts(*sent.lines)) == Count(1)


def test_what_was_deleted_may_be_nowhere() -> None:
    sent = message(ONE, Kind.DELETION, gone=True)
    assert total([sent], texts(ONE)) == Count(1, wrong=1)
    assert total([sent], []) == Count(1)


def test_reactions_are_those_that_are_meant_and_no_others() -> None:
    sent = message(ONE, likes={"teacher": "❤", "other": ""})
    assert total([sent], [Shown([ONE], likes=frozenset({("teacher", "❤")}))]) == Count(1)
    for likes in ((), [("other", "❤")], [("teacher", "❤"), ("teacher", "👍")]):
        assert total([sent], [Shown([ONE], likes=frozenset(likes))]) == Count(1, wrong=1)


def test_an_answer_answers_the_message_it_did() -> None:
    sent = message(TWO, Kind.REPLY, answers="сюда 03 00001")
    assert total([sent], [Shown([TWO], answers="сюда 03 00001")]) == Count(1)
    assert total([sent], [Shown([TWO])]) == Count(1, wrong=1)


def test_a_long_text_may_come_in_parts_but_in_order_and_whole() -> None:
    sent = [message(ONE), Said(Kind.LONG, LONG), message(THREE)]
    assert total(sent, [*texts(ONE), Shown(LONG[:2]), Shown(LONG[2:]), *texts(THREE)]) == Count(3)
    assert total(sent, [*texts(ONE), Shown(LONG[2:]), Shown(LONG[:2]), *texts(THREE)]).reordered
    assert total(sent, [*texts(ONE), Shown(LONG[:2]), *texts(THREE, LONG[2])]).reordered == 1
    assert total(sent, [*texts(ONE), Shown(LONG[:2]), *texts(THREE)]).lost == 1


def test_a_part_that_an_edit_took_away_is_found_where_it_stayed() -> None:
    sent = Said(Kind.LONG, LONG[:1])
    assert total([sent], [Shown(LONG[:1])]) == Count(1)
    assert not total([sent], [Shown(LONG[:1]), Shown(LONG[1:])]).is_whole


def test_files_are_known_by_their_bytes_and_stand_before_what_follows() -> None:
    sent = [Said(Kind.DOCUMENT, [], ["aa", "bb"]), message(TWO)]
    both = [Shown(files=["aa"]), Shown(files=["bb"])]
    assert total(sent, [*both, *texts(TWO)]) == Count(2)
    assert total(sent, [both[0], *texts(TWO), both[1]]) == Count(2, reordered=1)
    assert total(sent, [both[0], Shown(files=["cc"]), *texts(TWO)]) == Count(2, lost=1)
    assert total(sent, [*both, both[1], *texts(TWO)]) == Count(2, doubled=1)


def test_two_chats_say_something_of_every_kind() -> None:
    random = Random(1)  # noqa: S311 - has to be repeatable
    assert set(kinds(random, 12, 0)) | set(kinds(random, 12, 1)) == set(Kind)
    for kind in Kind:
        lines = said(random, kind, MARK)
        one = Said(kind, lines, [f.digest for f in files(random, kind, MARK, several=True)])
        assert len(set(one.tokens)) == len(one.tokens)
        assert set(Said(kind, changed(random, lines)).tokens) <= set(one.tokens)
