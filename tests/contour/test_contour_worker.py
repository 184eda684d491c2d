"""The run with a worker is one: both processes answer, and both have the module.

`SFERUM_CONTOUR=12,postgres,worker`; every other test of this folder runs there unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contour.cluster import TO_WORKER, ClusteredSynapse
from tests.contour.conftest import WORKER

if TYPE_CHECKING:
    from tests.contour.world import World


@pytest.mark.parametrize(
    ("path", "is_worker"),
    [
        ("/_matrix/client/v3/rooms/!r:x/invite", True),
        ("/_matrix/client/r0/sendToDevice/m.room_key/1", True),
        ("/_matrix/client/v1/rooms/!r:x/hierarchy", True),
        ("/_matrix/federation/v2/invite/!r:x/$e", True),
        ("/_matrix/client/v3/rooms/!r:x/upgrade", False),
        ("/_matrix/client/v1/media/download/x/y", False),
        ("/_matrix/client/v3/directory/list/room/!r:x", False),
        ("/_synapse/admin/v1/register", False),
    ],
)
def test_a_request_goes_where_it_may_be_answered(path: str, *, is_worker: bool) -> None:
    assert bool(TO_WORKER.fullmatch(path)) is is_worker


@pytest.mark.skipif(not WORKER, reason="this run has no worker")
@pytest.mark.asyncio(loop_scope="session")
async def test_both_processes_answer_and_decide_by_the_same_facts(closed: World) -> None:
    server = closed.server
    assert isinstance(server, ClusteredSynapse)
    before = server.served
    assert (await closed.s1.get("account/whoami")).status == 200
    assert (await closed.s1.get("pushers")).status == 200
    assert [now - then for now, then in zip(server.served, before, strict=True)] == [1, 1]
    told = await closed.standing()
    assert len(told["processes"]) == 2
    assert not told["waiting"]
    assert not told["missing"]
