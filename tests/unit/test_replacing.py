"""Who may put another account in the place of a person's (scenario 37)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from sferum_bridge.school.replacing import Refusal, Standing, refusal

NOBODY = Standing(
    is_the_same=False, is_family=False, leads=False, administers=False, works_beyond=False
)
LEADS, ADMINISTERS = replace(NOBODY, leads=True), replace(NOBODY, administers=True)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (NOBODY, Refusal.RIGHT),
        (LEADS, None),
        (ADMINISTERS, None),
        # A class teacher may not take hold of a colleague's account, nor of one beyond the school.
        (replace(LEADS, works_beyond=True), Refusal.STAFF),
        (replace(ADMINISTERS, works_beyond=True), Refusal.STAFF),
        (replace(LEADS, is_family=True), Refusal.FAMILY),
        (replace(ADMINISTERS, is_the_same=True), Refusal.SELF),
    ],
)
def test_who_may(standing: Standing, expected: Refusal | None) -> None:
    assert refusal(standing) is expected


def test_nothing_outweighs_a_reason_against_it() -> None:
    for flags in itertools.product([False, True], repeat=5):
        standing = Standing(*flags)
        if refusal(standing) is None:
            assert standing.leads or standing.administers
            assert not {standing.is_the_same, standing.is_family, standing.works_beyond} - {False}
