"""Our module fails in every callback and every wrap, and nothing opens.

The attacks are those of the list that succeed without the module. While each is made, either the
facts cannot be had or every decision raises; only what sets the scene is spared. Those that ask
whether something exists are left out: an error where there was none tells that, and no more.

`make test` breaks each kind of thing for some attacks, `make contour` for all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.contour.attacks import ATTACKS
from tests.contour.conftest import make
from tests.support.saboteur import PATH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contour.actors import Wire
    from tests.contour.attack import Attack
    from tests.contour.conftest import Receiver
    from tests.contour.servers import OpenSynapse
    from tests.contour.world import World
    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPOSITORY = Path(__file__).resolve().parents[2]
ALL = bool(os.environ.get("SFERUM_CONTOUR_FAULTS"))
SOME = 14
ORACLES = ("E15", "E33", "G20", "I22", "I43")
SLOW = {"A31", "A32", "F04", "F05"}
"""They wait for messages between servers, which do not come while everything fails."""
KINDS = ("ledger", "decisions")
USED = [
    attack
    for attack in ATTACKS
    if attack.works_without and not attack.id.startswith(ORACLES) and attack.id not in SLOW
]
CASES = [
    pytest.param(kind, attack, id=f"{kind}-{attack.id}")
    for number, attack in enumerate(USED)
    for place, kind in enumerate(KINDS)
    if ALL or number % SOME == place
]


class Sabotage:
    """The switch of the saboteur in a world's Synapse."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kind = ""
        self._scenes = 0
        for name in ("loose_room", "linked_room", "person", "push", "ghost"):
            setattr(world, name, self._spared(getattr(world, name)))

    async def break_(self, kind: str) -> None:
        self._kind = kind
        await self._switch(kind)

    async def _switch(self, kind: str) -> None:
        for url in self._world.server.processes:
            body = {"broken": kind}
            status, answer = await self._world.wire.send("PUT", url + PATH, json=body)
            assert status == 200, answer
            assert bool(json.loads(answer)["places"]) is bool(kind)

    def _spared(self, scene: Any) -> Any:
        async def whole(*arguments: Any, **named: Any) -> Any:
            self._scenes += 1
            await self._switch("")
            try:
                return await scene(*arguments, **named)
            finally:
                self._scenes -= 1
                await self._switch("" if self._scenes else self._kind)

        return whole


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sabotaged(
    wire: Wire,
    remote: OpenSynapse,
    receiver: Receiver,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[World, Sabotage]]:
    """Give the school with a module that can break ours."""
    world = await make(
        wire,
        remote,
        receiver,
        postgres,
        tmp_path_factory.mktemp("sabotaged"),
        closed=True,
        modules=({"module": "tests.support.saboteur.Saboteur", "config": {}},),
        environment={"PYTHONPATH": str(REPOSITORY)},
    )
    yield world, Sabotage(world)
    await world.server.stop()


@pytest.mark.parametrize(("kind", "attack"), CASES)
async def test_nothing_opens_when_the_module_fails(
    sabotaged: tuple[World, Sabotage], kind: str, attack: Attack
) -> None:
    world, sabotage = sabotaged
    await sabotage.break_(kind)
    leak = ""
    try:
        async with asyncio.timeout(20):
            leak = await attack.attempt(world)
    except (AssertionError, KeyError) as error:
        pytest.skip(f"the scene itself needs what is broken: {error!r:.60}")
    finally:
        await sabotage.break_("")
    assert not leak, f"{attack.id} ({attack.what}): {leak}"
