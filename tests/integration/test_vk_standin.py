"""The connector and the stand-in: two readings of VK's public descriptions, made to meet."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sferum_bridge.network.base import (
    Connector,
    LoginExpired,
    NeedsPerson,
    NetworkError,
    Refused,
    RemoteMessage,
    TooFast,
    Unavailable,
)
from sferum_bridge.network.vk import VkNetwork, VkSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sferum_bridge.standin.client import Chat, Person, StandInControl
    from tests.support.standin import StandIn

pytest_plugins = ["tests.support.standin"]

PATIENCE = 20.0
BACK_OFF = 0.1

# The version asked of the API, the version asked of the long poll.
VERSIONS = [("5.241", 19), ("5.263", 21), ("5.199", 3), ("5.199", 10)]


@dataclass
class Ear:
    """Listens as the relay does: keeps the cursor, comes back after errors, knows repetitions."""

    connector: Connector
    cursor: str = ""
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
                            key = (event.chat_id, event.message_id)
                            self.repeated += key in self.heard
                            self.heard[key] = event
                        self.cursor = batch.cursor
                        self.changed.notify_all()
            except NetworkError as error:
                self.errors.append(error)
                if not error.retry:
                    raise
                await asyncio.sleep(BACK_OFF)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(condition)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ear]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.listen())
            await self.until(lambda: bool(self.cursor))
            yield self
            task.cancel()

    def texts(self) -> list[str]:
        return [event.text for event in self.heard.values() if not event.notice]


@dataclass
class School:
    """Anna's login, and Boris whom the stand-in plays."""

    standin: StandIn
    network: VkNetwork
    anna: Person
    boris: Person
    chat: Chat
    connector: Connector

    @property
    def control(self) -> StandInControl:
        return self.standin.control

    @property
    def chat_id(self) -> str:
        return str(self.chat.peers[self.anna.user_id])

    async def boris_writes(self, text: str, **more: Any) -> int:
        return await self.control.post(self.boris.user_id, self.chat.chat, text, **more)


@pytest.fixture(params=VERSIONS[:1], ids=str)
async def school(standin: StandIn, request: pytest.FixtureRequest) -> AsyncIterator[School]:
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
            request_timeout=5,
        )
    )
    connector = await network.connect(anna.cookie)
    yield School(standin, network, anna, boris, chat, connector)
    await network.close()


every_version = pytest.mark.parametrize("school", VERSIONS, ids=str, indirect=True)


async def test_log_in_names_the_educational_profile(school: School) -> None:
    session = await school.network.log_in(f"remixdsid={school.anna.cookie}")
    assert session.account_id == str(school.anna.user_id) == school.connector.account_id
    assert (session.name, session.secret) == ("Анна Вымышленная", school.anna.cookie)
    with pytest.raises(LoginExpired):
        await school.network.log_in("vk1.a.of-nobody")
    await school.control.log_out(school.anna.user_id)
    with pytest.raises(LoginExpired):
        await school.network.connect(school.anna.cookie)


async def test_chats_and_contacts(school: School) -> None:
    await school.control.post_to_user(school.boris.user_id, school.anna.user_id, "лично")
    found = {chat.id: chat for chat in await school.connector.chats()}
    boris = str(school.boris.user_id)
    assert (found[school.chat_id].title, found[school.chat_id].is_group) == ("7 «А»", True)
    assert found[school.chat_id].member_count == 2
    assert (found[boris].title, found[boris].is_group) == ("Борис Придуманный", False)
    contacts = await school.connector.contacts([boris, "987654321"])
    assert [contact.name for contact in contacts] == ["Борис Придуманный"]


@every_version
async def test_what_is_sent_and_heard_is_what_was_written(school: School) -> None:
    text = 'a <b> &amp; "c"\nВторая строка 👩‍🏫'
    async with Ear(school.connector).open() as ear:
        cmid = await school.boris_writes(text)
        sent = await school.connector.send(school.chat_id, text, random_id=-77, reply_to=str(cmid))
        await ear.until(lambda: len(ear.heard) == 2)
    assert sent.chat_id == school.chat_id
    theirs = ear.heard[school.chat_id, str(cmid)]
    own = ear.heard[sent.chat_id, sent.message_id]
    assert (theirs.text, theirs.sender_id) == (text, str(school.boris.user_id))
    assert (theirs.outgoing, theirs.random_id, theirs.notice) == (False, 0, "")
    assert (own.text, own.sender_id) == (text, school.connector.account_id)
    assert (own.outgoing, own.random_id, own.reply_to) == (True, -77, str(cmid))


@every_version
async def test_a_dialogue_has_the_other_person_as_its_chat(school: School) -> None:
    boris = str(school.boris.user_id)
    async with Ear(school.connector).open() as ear:
        await school.control.post_to_user(school.boris.user_id, school.anna.user_id, "лично")
        await school.connector.send(boris, "и тебе", random_id=5)
        await ear.until(lambda: len(ear.heard) == 2)
    assert [(e.chat_id, e.sender_id, e.text) for e in ear.heard.values()] == [
        (boris, boris, "лично"),
        (boris, school.connector.account_id, "и тебе"),
    ]


async def test_the_same_random_id_is_sent_once(school: School) -> None:
    first = await school.connector.send(school.chat_id, "раз", random_id=9)
    again = await school.connector.send(school.chat_id, "раз", random_id=9)
    await school.control.fault("messages.send", "cut_after")
    with pytest.raises(Unavailable) as caught:
        await school.connector.send(school.chat_id, "два", random_id=10)
    assert not caught.value.certain
    await school.connector.send(school.chat_id, "два", random_id=10)
    assert first == again
    written = await school.control.messages(school.chat.chat)
    assert [message["text"] for message in written if message["text"]] == ["раз", "два"]


@every_version
async def test_keys_positions_and_tokens_may_die_at_any_time(school: School) -> None:
    anna = school.anna.user_id
    async with Ear(school.connector).open() as ear:
        await school.boris_writes("0")
        await school.control.expire_keys(anna)
        await school.boris_writes("1")
        await school.control.expire_keys(anna, lost=True)
        await school.boris_writes("2")
        await school.control.expire_tokens(anna)
        await school.control.expire_keys(anna)
        await school.boris_writes("3")
        await school.control.fault("longpoll", "error", code=3)
        await school.boris_writes("4")
        await school.control.fault("longpoll", "duplicate")
        await school.boris_writes("5")
        await school.control.fault("longpoll", "cut", times=3)
        await school.control.fault("messages.getLongPollServer", "http", code=502)
        await school.boris_writes("6")
        await ear.until(lambda: len(ear.heard) == 7)
    assert ear.texts() == [str(number) for number in range(7)]
    assert {type(error) for error in ear.errors} <= {Unavailable}


@every_version
async def test_what_was_written_while_away_is_heard_in_order(school: School) -> None:
    async with Ear(school.connector).open() as ear:
        pass
    for number in range(450):  # three pages of history, and more than a long poll looks back
        await school.boris_writes(str(number))
    async with ear.open():
        await ear.until(lambda: len(ear.heard) == 450)
    assert ear.texts() == [str(number) for number in range(450)]
    assert ear.repeated == 0


async def test_a_killed_and_restarted_messenger_costs_nothing(school: School) -> None:
    async with Ear(school.connector).open() as ear:
        await school.boris_writes("до")
        await ear.until(lambda: len(ear.heard) == 1)
        await school.standin.kill()
        with pytest.raises(Unavailable):
            await school.connector.send(school.chat_id, "в никуда", random_id=3)
        await school.standin.start()
        await school.boris_writes("после")
        await school.connector.send(school.chat_id, "в никуда", random_id=3)
        await ear.until(lambda: len(ear.heard) == 3)
    assert ear.texts() == ["до", "после", "в никуда"]


async def test_what_cannot_be_carried_is_noticed(school: School) -> None:
    async with Ear(school.connector).open() as ear:
        await school.boris_writes("", attachments=[{"type": "poll", "poll": {"id": 1}}])
        await school.control.change_chat(school.chat.chat, title="7 «Б»")
        await ear.until(lambda: len(ear.heard) == 2)
    assert [(e.text, e.notice) for e in ear.heard.values()] == [
        ("", "poll"),
        ("", "service:chat_title_update"),
    ]


async def test_errors_say_what_to_do(school: School) -> None:
    async def send() -> None:
        await school.connector.send(school.chat_id, "x", random_id=1)

    cases: list[tuple[int, type[NetworkError]]] = [
        (6, TooFast), (9, TooFast), (10, Unavailable), (14, NeedsPerson), (901, Refused),
    ]  # fmt: skip
    for code, kind in cases:
        await school.control.fault("messages.send", "error", code=code)
        with pytest.raises(kind):
            await send()
    with pytest.raises(Refused):
        await school.connector.send(school.chat_id, "x" * 9001, random_id=2)
    with pytest.raises(Refused):
        await school.connector.send("2000009999", "x", random_id=2)
    await send()
    await school.control.log_out(school.anna.user_id)
    await school.control.expire_tokens()
    with pytest.raises(LoginExpired):
        await send()


async def test_the_pace_stays_under_the_messengers_limit(standin: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    folder.mkdir()
    # Not imported: pytest loads the fixtures' module itself, after this one.
    async with type(standin)(folder, "--calls-per-second", "3") as strict:
        anna = await strict.control.add_user("Анна", "Вымышленная")
        network = VkNetwork(VkSettings(api_url=strict.url, web_url=strict.url))
        connector = await network.connect(anna.cookie)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(connector.contacts([connector.account_id]))
        counted = await strict.control.counters()
        await network.close()
    assert counted["seen"]["users.get"] == 8
    assert counted["refused"] == {}
