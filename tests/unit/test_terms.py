"""Groups that end by themselves: what holds at a time, and who is left behind."""

from __future__ import annotations

from sferum_bridge.school import terms
from sferum_bridge.school.contour import Action, Facts, RoomFact, SchoolFact, decide
from sferum_bridge.school.opening import Opening

BOT, MOTHER, ROOT = (f"@{name}:school.example" for name in ("bot", "mother", "root"))
PARENTS, END = "class/1/parents", 1_000
OPENING = Opening("7", "1", ROOT, frozenset({"parents/1"}), "why", 0, END)
FACTS = Facts(
    generation=3,
    service=frozenset({BOT}),
    people={MOTHER: frozenset({PARENTS}), ROOT: frozenset({OPENING.group})},
    rooms={
        "!parents": RoomFact("1", "parents", frozenset({PARENTS, OPENING.group})),
        "!staff": RoomFact("1", "staff", frozenset({"school/1/staff"})),
    },
    schools={"1": SchoolFact(frozenset({"1"}))},
).prepare()


def may_join(user: str, facts: Facts) -> bool:
    return decide(Action.JOIN, user, user, "!parents", facts).allowed


def test_the_end_stands_in_the_key() -> None:
    assert terms.end_of(OPENING.group) == END
    assert terms.end_of(PARENTS) is None
    for unreadable in ("until/", "until/x/7", "until/-1/7", "until/\u0661/7"):
        assert terms.end_of(unreadable) == 0
    assert terms.ends(FACTS) == {OPENING.group: END}


def test_after_the_end_nobody_comes_in_by_it_and_everybody_else_does() -> None:
    over = terms.without(FACTS, {OPENING.group})
    assert may_join(ROOT, FACTS)
    assert not may_join(ROOT, over)
    assert may_join(MOTHER, over)
    assert over.generation == FACTS.generation
    assert over.rooms["!staff"] is FACTS.rooms["!staff"]
    assert over.people is FACTS.people


def test_who_has_another_reason_to_be_there_is_not_left_behind() -> None:
    assert terms.left_behind(FACTS, {OPENING.group}) == {ROOT: frozenset({"!parents"})}
    both = Facts(
        people={ROOT: frozenset({OPENING.group, PARENTS})},
        rooms=FACTS.rooms,
        schools=FACTS.schools,
    )
    assert terms.left_behind(both, {OPENING.group}) == {ROOT: frozenset()}
    assert terms.left_behind(FACTS, frozenset()) == {}
