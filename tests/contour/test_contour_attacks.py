"""Every attack of the list: it fails at a school's server, and succeeds at one without our module.

Narrow: `pytest tests/contour -k A01`. Every attack in every way, after a restart too, with all room
versions and databases: `make contour`.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.contour.attacks import ATTACKS
from tests.contour.conftest import VERSION, WHOLE

if TYPE_CHECKING:
    from tests.contour.attack import Attack
    from tests.contour.world import World

POSSIBLE = [attack for attack in ATTACKS if VERSION in attack.versions]

CHEAP = frozenset("DFGH")
"""Groups whose attacks make no rooms."""

AFTER_RESTART = frozenset(
    {"A01", "A05", "A09", "A11", "A31", "B02a", "B09join", "B31", "C01", "C05", "C07public"}
    | {"C15", "D03b", "D05", "D06", "E05", "E15a", "F01", "F05", "G01", "G03", "H01", "H07"}
    | {"I01", "I06a", "I09a", "I17", "K01a", "K12"}
)
"""One of each kind, for the short run."""


def _succeeding() -> list[Attack]:
    """Return what succeeds without us; in the short run, variants that make rooms once a kind."""
    chosen: dict[object, Attack] = {}
    for attack in POSSIBLE:
        kind = attack.attempt.func if isinstance(attack.attempt, partial) else attack.attempt
        if attack.works_without:
            chosen.setdefault(attack.id if WHOLE or attack.id[0] in CHEAP else kind, attack)
    return list(chosen.values())


def test_no_number_is_given_twice() -> None:
    ids = [attack.id for attack in ATTACKS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("attack", POSSIBLE, ids=str)
@pytest.mark.asyncio(loop_scope="session")
async def test_the_school_is_closed(closed: World, attack: Attack) -> None:
    leak = await attack.attempt(closed)
    assert not leak, f"{attack.id} ({attack.what}): {leak}"


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_of_the_school_is_at_the_other_server(closed: World) -> None:
    """I27: whatever was tried, the other server's database and log hold no word of the school."""
    await closed.fence(closed.o2, closed.m2)
    folder = closed.remote.settings.folder
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert any(closed.o2.user_id.encode() in path.read_bytes() for path in files), "no traffic"
    secrets = closed.secrets
    words = [*asdict(secrets).values(), closed.s1.device]
    for path in files:
        content = path.read_bytes()
        for word in words:
            assert word.encode() not in content, (path.name, word)


@pytest.mark.parametrize("attack", [a for a in POSSIBLE if WHOLE or a.id in AFTER_RESTART], ids=str)
@pytest.mark.asyncio(loop_scope="session")
async def test_it_is_closed_after_a_restart(restarted: World, attack: Attack) -> None:
    """Nothing was pushed since, so the facts are those that the database kept."""
    leak = await attack.attempt(restarted)
    assert not leak, f"{attack.id} ({attack.what}): {leak}"


@pytest.mark.parametrize("attack", _succeeding(), ids=str)
@pytest.mark.asyncio(loop_scope="session")
async def test_it_succeeds_without_our_module(vanilla: World, attack: Attack) -> None:
    assert await attack.attempt(vanilla), f"{attack.id} ({attack.what}) did nothing"
