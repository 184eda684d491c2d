"""The rules of becoming a parent, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sferum_bridge.school import kinship
from sferum_bridge.school.kinship import AccessPolicy, Answer, Invite, Redeemer
from sferum_bridge.school.people import LinkState, ParentLink, Waits

NOW = 1_000_000
INVITE = Invite("i", "school", "child", "child", NOW + 1)
GROWN_UP = Redeemer("adult", is_pupil=False)


def links(*parents: str) -> list[ParentLink]:
    return [ParentLink("child", parent, LinkState.PENDING) for parent in parents]


@pytest.mark.parametrize(
    ("invite", "redeemer", "held", "now", "answer"),
    [
        (INVITE, GROWN_UP, (), NOW, None),
        (INVITE, Redeemer("", is_pupil=False), (), NOW, None),
        (INVITE, GROWN_UP, ("a",), NOW, None),
        (INVITE, GROWN_UP, ("a", "b"), NOW, Answer.FULL),
        (INVITE, GROWN_UP, ("adult", "b"), NOW, Answer.ALREADY),
        (INVITE, GROWN_UP, ("adult",), NOW + 9, Answer.ALREADY),
        (INVITE, Redeemer("child", is_pupil=True), (), NOW, Answer.SELF),
        (INVITE, Redeemer("child", is_pupil=False), (), NOW, Answer.SELF),
        (INVITE, Redeemer("brother", is_pupil=True), (), NOW, Answer.PUPIL),
        (INVITE, GROWN_UP, (), NOW + 1, Answer.EXPIRED),
        (INVITE, Redeemer("child", is_pupil=True), (), NOW + 1, Answer.EXPIRED),
        (None, GROWN_UP, (), NOW, Answer.UNKNOWN),
        (Invite("i", "s", "child", "c", NOW + 1, revoked=True), GROWN_UP, (), NOW, Answer.UNKNOWN),
        (
            Invite("i", "s", "child", "c", NOW - 1, revoked=True),
            GROWN_UP,
            ("a", "b"),
            NOW,
            Answer.UNKNOWN,
        ),
    ],
)
def test_who_may_redeem(
    invite: Invite | None,
    redeemer: Redeemer,
    held: tuple[str, ...],
    now: int,
    answer: Answer | None,
) -> None:
    said = kinship.may_redeem(invite, redeemer, links(*held), child_is_pupil=True, now=now)
    assert said is answer


def test_a_child_that_left_is_unknown() -> None:
    said = kinship.may_redeem(INVITE, GROWN_UP, [], child_is_pupil=False, now=NOW)
    assert said is Answer.UNKNOWN


@pytest.mark.parametrize(("late", "answer"), [(9, None), (10, Answer.EXPIRED)])
def test_grace(late: int, answer: Answer | None) -> None:
    now = INVITE.expires_at + late
    said = kinship.may_redeem(INVITE, GROWN_UP, [], child_is_pupil=True, now=now, grace=10)
    assert said is answer


@pytest.mark.parametrize(("held", "answer"), [(0, None), (1, None), (2, Answer.FULL)])
def test_who_may_issue(held: int, answer: Answer | None) -> None:
    assert kinship.may_issue("child", links(*"ab"[:held])) is answer


@pytest.mark.parametrize(
    ("policy", "vouched", "waits"),
    [
        (AccessPolicy.IMMEDIATE, False, set()),
        (AccessPolicy.ROSTER_OR_APPROVAL, True, set()),
        (AccessPolicy.ROSTER_OR_APPROVAL, False, {Waits.SCHOOL}),
        (AccessPolicy.ALWAYS_APPROVAL, True, {Waits.SCHOOL}),
    ],
)
def test_whose_word_a_confirmed_link_waits_for(
    policy: AccessPolicy,
    vouched: bool,  # noqa: FBT001 - a column of the table
    waits: set[Waits],
) -> None:
    def left(*, child_decides: bool) -> frozenset[Waits]:
        return kinship.waits_after_confirming(policy, vouched=vouched, child_decides=child_decides)

    assert left(child_decides=False) == waits
    assert left(child_decides=True) == waits | {Waits.CHILD}


random_bytes = st.binary(min_size=kinship.CODE_BYTES, max_size=kinship.CODE_BYTES)


@given(random=random_bytes)
def test_a_code_is_read_back(random: bytes) -> None:
    code = kinship.write_code(random)
    assert len(code) == 34
    assert kinship.read_code(code) == code.replace("-", "")


@given(random=random_bytes, data=st.data())
def test_one_wrong_symbol_is_another_code(random: bytes, data: st.DataObject) -> None:
    code = kinship.write_code(random).replace("-", "")
    place = data.draw(st.integers(0, len(code) - 1))
    symbol = data.draw(st.sampled_from([s for s in kinship.ALPHABET if s != code[place]]))
    assert kinship.read_code(code[:place] + symbol + code[place + 1 :]) not in {None, code}


@given(text=st.text(max_size=200))
def test_reading_never_fails(text: str) -> None:
    found = kinship.read_code(text)
    assert found is None or len(found) == 28


def test_a_code_of_the_wrong_length_is_not_made() -> None:
    with pytest.raises(ValueError, match="18 bytes"):
        kinship.write_code(b"short")
