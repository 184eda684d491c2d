"""What an edit changes of a message that is shown in several events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.relay.inward.parts import Part, Plan, numbered, plan, wanted_still

KINDS = st.sampled_from(["photo", "document"])
WANTED = st.lists(st.builds(Part, KINDS, st.sampled_from("abc")), max_size=6)


def part(word: str) -> Part:
    kind, _, digest = word.partition(":")
    return Part(kind, digest)


def test_the_text_is_part_0_and_files_are_counted_from_1() -> None:
    assert numbered(["text", "photo", "photo"]) == [0, 1, 2]
    assert numbered(["photo"]) == [1]
    assert numbered([]) == []


@pytest.mark.parametrize(
    ("shown", "wanted", "expected"),
    [
        ("text:a", "text:a", Plan([], [], [])),
        ("text:a", "text:b", Plan([(0, 0)], [], [])),
        ("text:a photo:x", "photo:x", Plan([], [], [0])),
        ("photo:x photo:y", "photo:y", Plan([], [], [1])),
        ("photo:x photo:y", "photo:y photo:z photo:x", Plan([], [(3, 1)], [])),
        ("photo:x", "photo:y", Plan([(1, 0)], [], [])),
        ("text:a", "text:a photo:x", Plan([], [(1, 1)], [])),
        ("", "text:a", Plan([], [(1, 0)], [])),
    ],
)
def test_plans(shown: str, wanted: str, expected: Plan) -> None:
    parts = [part(each) for each in shown.split()]
    numbers = numbered([part.kind for part in parts])
    now = [Part(p.kind, p.digest, n) for p, n in zip(parts, numbers, strict=True)]
    found = plan(now, [part(each) for each in wanted.split()], max([0, *numbers]))
    assert found == expected


@pytest.mark.parametrize(
    ("wanted", "live", "gone", "expected"),
    [
        # A photo that could not be taken out, then a corrected caption.
        ("text:b photo:x photo:y", "text:a photo:y", "photo:x", [0, 2]),
        # A place, and what news older than the second deletion says of a photo.
        ("photo:y place:p", "photo:y", "place:p photo:x", [0]),
        ("text:a photo:y", "text:a", "photo:x photo:y", [0]),
        # One of two that are alike, before and after it was taken out there.
        ("photo:x photo:x", "photo:x", "photo:x", [0]),
        ("photo:x", "photo:x", "photo:x", [0]),
        ("photo:x photo:z", "photo:y", "photo:x", [1]),
        # Words say something else each time.
        ("text:b photo:x", "photo:x", "text:a", [1]),
        ("text:b photo:x", "photo:x", "", [0, 1]),
        ("text:b", "text:a", "text:b", [0]),
    ],
)
def test_what_was_deleted_here_is_wanted_no_more(
    wanted: str, live: str, gone: str, expected: list[int]
) -> None:
    lists = ([part(each) for each in said.split()] for said in (wanted, live, gone))
    assert wanted_still(*lists) == expected


@given(WANTED, WANTED)
def test_a_plan_leads_to_what_is_wanted_and_then_to_nothing_more(
    before: list[Part], after: list[Part]
) -> None:
    shown = {n: Part(p.kind, p.digest, n) for n, p in enumerate(before, 1)}
    found = plan(list(shown.values()), after, len(before))
    for number, place in found.changed:
        assert shown[number].kind == after[place].kind
        shown[number] = Part(after[place].kind, after[place].digest, number)
    for number in found.removed:
        del shown[number]
    for number, place in found.added:
        assert number > len(before)
        shown[number] = Part(after[place].kind, after[place].digest, number)
    now = sorted((part.kind, part.digest) for part in shown.values())
    assert now == sorted((part.kind, part.digest) for part in after)
    again = plan(list(shown.values()), after, max([0, *shown]))
    assert (again.added, again.removed) == ([], [])
