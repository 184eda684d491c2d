"""Anna's connector at the stand-in, Boris whom the stand-in plays, and an ear at Anna's stream.

PYTEST_DONT_REWRITE: nothing is asserted here, and the module may be imported before it is named
as a plugin.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest_asyncio

from sferum_bridge.network.base import NetworkError, RemoteEvent, RemoteMessage
from sferum_bridge.network.vk import VkNetwork, VkSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from sferum_bridge.network.base import Connector
    from sferum_bridge.standin.client import Chat, Person, StandInControl
    from tests.support.standin import StandIn

PATIENCE = 30.0
BACK_OFF = 0.1

# The version asked of the API, the version asked of the long poll.
VERSIONS = [("5.241", 19), ("5.263", 21), ("5.199", 3), ("5.199", 10)]

Kind = TypeVar("Kind", bound=RemoteEvent)


@dataclass
class Ear:
    """Listens as the relay does: keeps the cursor, comes back after errors, knows repetitions."""

    connector: Connector
    cursor: str = ""
    events: list[RemoteEvent] = field(default_factory=list)
    heard: dict[tuple[str, str], RemoteMessage] = field(default_factory=dict)
    repeated: int = 0
    errors: list[NetworkError] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        while True:
            try:
                async for batch in self.connector.listen(self.cursor):
                    async with self.changed:
                        for event in batch.events:
                            self._hear(event)
                        self.cursor = batch.cursor
                        self.changed.notify_all()
            except NetworkError as error:
                self.errors.append(error)
                if not error.retry:
                    raise
                await asyncio.sleep(BACK_OFF)

    def _hear(self, event: RemoteEvent) -> None:
        self.events.append(event)
        if isinstance(event, RemoteMessage):
            key = (event.chat_id, event.message_id)
            self.repeated += key in self.heard
            self.heard[key] = event

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something heard makes a condition true."""
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(condition)

    async def next_of(self, kind: type[Kind]) -> Kind:
        """Return the first event of a kind and forget everything up to it."""
        await self.until(lambda: any(isinstance(event, kind) for event in self.events))
        while True:
            event = self.events.pop(0)
            if isinstance(event, kind):
                return event

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ear]:
        """Listen meanwhile, from the first cursor on."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.listen())
            await self.until(lambda: bool(self.cursor))
            yield self
            task.cancel()

    def texts(self) -> list[str]:
        """Return what people wrote, reports of the chat itself left out."""
        return [event.content.text for event in self.heard.values() if not event.service]


@dataclass
class VkSchool:
    """Anna's login, and Boris whom the stand-in plays."""

    standin: StandIn
    network: VkNetwork
    anna: Person
    boris: Person
    chat: Chat
    connector: Connector

    @property
    def control(self) -> StandInControl:
        """Return the stand-in's control interface."""
        return self.standin.control

    @property
    def chat_id(self) -> str:
        """Return what Anna's account calls the chat."""
        return str(self.chat.peers[self.anna.user_id])

    async def boris_writes(self, text: str = "", **more: Any) -> int:
        """Let Boris write into the chat; return the message's number."""
        return await self.control.post(self.boris.user_id, self.chat.chat, text, **more)

    async def written(self) -> list[dict[str, Any]]:
        """Return what stands in the chat, service messages and deleted ones left out."""
        found = await self.control.messages(self.chat.chat)
        return [one for one in found if not one["action"] and not one["deleted"]]


@pytest_asyncio.fixture(name="vk_school", params=VERSIONS[:1], ids=str)
async def running_vk_school(
    standin: StandIn, request: pytest.FixtureRequest
) -> AsyncIterator[VkSchool]:
    """Give a chat of Anna and Boris, and Anna's connector of the versions in `request.param`."""
    api_version, lp_version = request.param
    control = standin.control
    anna = await control.add_user("Анна", "Вымышленная")
    boris = await control.add_user("Борис", "Придуманный")
    chat = await control.add_chat("7 «А»", anna.user_id, [boris.user_id])
    network = VkNetwork(
        VkSettings(
            api_url=standin.url,
            web_url=standin.url,
            api_version=api_version,
            lp_version=lp_version,
            wait=5,
            requests_per_second=1000,
            request_timeout=20,
        )
    )
    try:
        connector = await network.connect(anna.cookie)
        yield VkSchool(standin, network, anna, boris, chat, connector)
    finally:
        await network.close()
