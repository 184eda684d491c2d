"""Everybody tries everything, at random: the school stays closed, and strangers undisturbed.

`SFERUM_WALK_STEPS` sets how many acts, `SFERUM_WALK_PARTS` in how many walks side by side, and
`SFERUM_WALK_SEED` which; `make contour-walk` walks long. With the same seed everybody tries the
same, though what comes first within a moment may differ.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.contour import walk_people, walk_powers, walk_rooms
from tests.contour.conftest import make
from tests.contour.walk import Walk
from tests.contour.walk_check import Check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.contour.actors import Wire
    from tests.contour.conftest import Receiver
    from tests.contour.servers import OpenSynapse
    from tests.contour.world import World
    from tests.support.postgres import PostgresServer

SHORT = 2016
# A walk keeps one Synapse busy, and that is one core.
PARTS = int(os.environ.get("SFERUM_WALK_PARTS", "1"))
STEPS = -(-int(os.environ.get("SFERUM_WALK_STEPS", SHORT)) // PARTS)
"""Of each walk."""
SEED = int(os.environ.get("SFERUM_WALK_SEED", SystemRandom().randrange(10**6)))
BETWEEN_MOVES = 72
BETWEEN_CHECKS = 288
BETWEEN_RESTARTS = 1440

ACTS = [*walk_rooms.act.all, *walk_people.act.all, *walk_powers.act.all]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300 + STEPS)]


@asynccontextmanager
async def _world(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    folder: Path,
    *,
    closed: bool,
) -> AsyncIterator[World]:
    """Make a school of the walk's own: it leaves nothing as it was."""
    world = await make(wire, remote, receiver, postgres, folder, closed=closed)
    try:
        yield world
    finally:
        await world.server.stop()


def _tell(walk: Walk, begun: float) -> None:
    """Say how far a walk is: of a long one one wants to know."""
    minutes = (time.monotonic() - begun) / 60
    left = minutes / walk.steps * max(0, STEPS - walk.steps)
    print(  # noqa: T201 — for whoever waits; pytest-xdist takes only what goes there
        f"SFERUM_WALK_SEED={walk.seed}: {minutes:.0f} min, {walk.steps} of {STEPS} acts, "
        f"{left:.0f} min left, answers {dict(walk.answers)}, broken "
        f"{dict(walk.failures.most_common(3))}",
        *([_report(walk)] if walk.violations else []),
        sep="\n",
        file=sys.stderr,
        flush=True,
    )


@pytest.mark.parametrize("part", range(PARTS))
async def test_nothing_anybody_does_opens_the_school(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    tmp_path: Path,
    part: int,
) -> None:
    async with _world(wire, remote, receiver, postgres, tmp_path, closed=True) as world:
        print(f"SFERUM_WALK_SEED={SEED + part}")  # noqa: T201 — with it the walk can be repeated
        walk = Walk(world, SEED + part)
        await walk.start()
        check = Check(walk)
        await check.everything()
        begun = time.monotonic()
        while walk.steps < STEPS and not walk.violations:
            await walk.run(ACTS, BETWEEN_MOVES)
            await walk.move()
            await check.settled()
            if walk.steps % BETWEEN_CHECKS == 0:
                await check.everything()
            if walk.steps % BETWEEN_RESTARTS == 0:
                await walk.restart()
                _tell(walk, begun)
        await check.everything()
        _tell(walk, begun)
        assert not walk.violations, _report(walk)
        # Everybody was refused a lot, and something was possible all the same.
        assert walk.answers["2xx"] > walk.steps / 5
        assert walk.answers["4xx"] > walk.steps / 5


async def test_the_checks_see_a_school_that_stands_open(
    wire: Wire, remote: OpenSynapse, receiver: Receiver, postgres: PostgresServer, tmp_path: Path
) -> None:
    async with _world(wire, remote, receiver, postgres, tmp_path, closed=False) as world:
        walk = Walk(world, 1)
        await walk.start()
        check = Check(walk)
        expected = {"company", "member", "away", "shape", "carried", "reached", "read"}
        expected |= {"whisper", "profile", "devices", "search", "media", "openid"}
        await walk.run(ACTS, BETWEEN_CHECKS)
        await check.everything()
        while unseen := expected - {violation.kind for violation in walk.violations}:
            assert walk.steps < SHORT, f"not seen: {sorted(unseen)}"
            await walk.run(ACTS, BETWEEN_MOVES)
            await check.everything()


def _report(walk: Walk) -> str:
    """Tell what is wrong, and what was done about the same people and rooms before."""
    lines = [f"SFERUM_WALK_SEED={walk.seed}, after {walk.steps} acts:"]
    lines += [walk.plain(f"{one.kind}: {one.text[:600]}") for one in walk.violations[:8]]
    return "\n".join([*lines, "What was done before:", *walk.tail(walk.violations[0])])
