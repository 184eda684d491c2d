"""People at matrix-nio, a client library that is neither ours nor the bridge's."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import nio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bridge import BridgedSchool, Member
    from tests.support.scenario import Who


@asynccontextmanager
async def at_nio(bridged: BridgedSchool, who: Who | Member) -> AsyncIterator[nio.AsyncClient]:
    """Sign somebody in with matrix-nio."""
    client = nio.AsyncClient(bridged.synapse.url, who.mxid)
    assert isinstance(await client.login(who.password), nio.LoginResponse)
    try:
        yield client
    finally:
        await client.close()
