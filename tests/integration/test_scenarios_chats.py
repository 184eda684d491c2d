"""A class teacher connects Sferum and links a chat by talking to the bot; and what goes wrong then.

One school, one teacher, one Sferum account: the tests follow each other as days do.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.store import chats
from tests.support import outside
from tests.support.bridge import BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.client import Person
    from tests.support.scenario import Reply, Who

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOTHER = ("Тётушка", "Пончикова")
COLLEAGUE = ("Галина", "Соседская")


@dataclass
class Linking:
    """The school, the teacher on both sides, and the parents' chat of the class in Sferum."""

    town: Town
    teacher: Who
    administrator: Who
    there: Person
    colleague: Who
    """The other class teacher."""
    colleague_there: Person
    mother: Person
    chat: int
    room: str
    keys: list[str]
    """Every key that was ever given to the bot."""

    @property
    def control(self) -> Any:
        return self.town.bridged.standin.control

    async def give_key(self, who: Who, cookie: str) -> list[Reply]:
        """Give the key that was asked for; return what the bot says to it."""
        self.keys.append(cookie)
        return await who.say(cookie)

    async def connect(self, who: Who, cookie: str) -> None:
        """Log in, the whole way."""
        await who.ask("сферум войти")
        [*_, question] = await self.give_key(who, cookie)
        [done] = await who.tap(question, "✅")
        assert "Сферум подключён" in done.body

    async def here(self) -> list[tuple[str, str]]:
        return await self.teacher.client.texts(self.room, 500)

    async def in_sferum(self) -> list[tuple[int, str]]:
        messages = await self.control.messages(self.chat)
        return [(m["from_id"], m["text"]) for m in messages if not m.get("action")]

    async def arrives_here(self, text: str) -> str:
        """Wait for a message of Sferum; return who it comes from."""

        async def found() -> list[str]:
            return [sender for sender, body in await self.here() if body == text]

        [sender] = await until(found)
        return str(sender)

    async def arrives_there(self, text: str) -> int:
        """Wait for a message of Matrix; return who it comes from."""

        async def found() -> list[int]:
            return [sender for sender, body in await self.in_sferum() if body == text]

        [sender] = await until(found)
        return int(sender)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def linking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linking]:
    """Give a settled class, and its teacher with an account of Sferum nobody connected yet."""
    folder = tmp_path_factory.mktemp("school")
    bridged = await BridgedSchool.start(folder, classes=("5А",), pupils=1)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(bridged.stop)
        town = await Town.open(bridged, stack)
        teacher, head = await town.class_teacher("5А"), await town.administrator()
        name = (await bridged.school()).people[teacher.person_id]
        control = bridged.standin.control
        there = await control.add_user(name.given_name, name.family_name, role="teacher")
        mother = await control.add_user(*MOTHER)
        colleague = await town.staff(*COLLEAGUE, leads="5А")
        await colleague.gets_into("parents", "5А")
        colleague_there = await control.add_user(*COLLEAGUE, role="teacher")
        members = [mother.user_id, colleague_there.user_id]
        chat = await control.add_chat("5A родители 2026/27", there.user_id, members)
        await control.add_chat("Соседи", there.user_id, [mother.user_id])
        room = await bridged.room("parents", "5А")
        yield Linking(
            town, teacher, head, there, colleague, colleague_there, mother, chat.chat, room, []
        )


async def is_hidden(who: Who, room: str, key: str) -> bool:
    """Tell whether no client of the room finds a key in what was said there."""
    _, answer = await who.client.call("GET", f"rooms/{room}/messages", dir="b", limit="200")
    return key not in str(answer)


async def test_the_key_is_taken_away_and_the_account_asked_about(linking: Linking) -> None:
    how = await linking.teacher.ask("сферум войти")
    assert "remixdsid" in how.body
    [trying, question] = await linking.give_key(linking.teacher, linking.there.cookie)
    assert trying.body.startswith("Сообщение с ключом я удалил.")
    assert linking.there.name in question.body
    assert await is_hidden(linking.teacher, linking.teacher.chat, linking.there.cookie)
    # The dialogue outlives the bridge.
    await linking.town.bridged.kill_bridge()
    await linking.town.bridged.start_bridge()
    [done] = await linking.teacher.tap(question, "✅")
    assert "Сферум подключён" in done.body


async def test_where_the_bot_may_not_it_is_taken_away_in_the_writers_name(linking: Linking) -> None:
    who = await linking.town.outsider()
    body = {"preset": "private_chat", "is_direct": True, "invite": ["@sferumbot:school.example"]}
    status, answer = await who.client.call("POST", "createRoom", body)
    assert status == 200, answer
    room = str(answer["room_id"])
    await until(lambda: who.client.texts(room))
    key = "vk1.a.AnInventedKeyThatOpensNothing.0123456789"
    await who.client.say(room, f"remixdsid={key}")

    async def hidden() -> bool:
        return await is_hidden(who, room, key)

    await until(hidden)
    linking.keys.append(key)


async def test_a_chat_is_suggested_linked_and_carries_both_ways(linking: Linking) -> None:
    teacher = linking.teacher
    await linking.control.post(linking.mother.user_id, linking.chat, "до связи")
    [_, listed] = await teacher.say("чаты")
    assert "1 — «5A родители 2026/27», участников: 3. Похоже на чат «5А · родители»" in listed.body
    [_, question] = await teacher.say("связать 1")
    assert "неизвестны: 1" in question.body
    said = await teacher.tap(question, "✅")
    assert "связан с чатом" in said[0].body

    async def announced() -> list[str]:
        return [body for _, body in await linking.here() if "теперь связан с чатом" in body]

    assert len(await until(announced)) == 1
    await linking.administrator.hears("связан с чатом Сферума", "5А · родители")
    await linking.control.post(linking.mother.user_id, linking.chat, "из Сферума")
    sender = await linking.arrives_here("из Сферума")
    assert sender.startswith(f"@sferum_{linking.mother.user_id}:")
    await teacher.client.say(linking.room, "из Matrix")
    assert await linking.arrives_there("из Matrix") == linking.there.user_id


async def test_a_key_in_a_linked_room_is_not_carried(linking: Linking) -> None:
    key = "vk1.a.AnotherInventedKeyPastedInTheWrongPlace.12345"
    await linking.teacher.client.say(linking.room, f"вот remixdsid={key}")
    await linking.teacher.hears("его могли увидеть участники чата")
    assert await is_hidden(linking.teacher, linking.room, key)
    picture = {"msgtype": "m.image", "filename": "снимок.png", "url": "mxc://school.example/none"}
    await linking.teacher.client.say(linking.room, f"вот {key}", **picture)
    html = f"<p>{key[:20]}<b>{key[20:]}</b></p>"
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html}
    await linking.teacher.client.say(linking.room, "вот", **formatted)
    await linking.teacher.client.say(linking.room, "ой")
    await linking.arrives_there("ой")

    async def hidden() -> bool:
        _, answer = await linking.teacher.client.call(
            "GET", f"rooms/{linking.room}/messages", dir="b", limit="200"
        )
        return key[20:] not in str(answer) and "снимок.png" not in str(answer)

    await until(hidden)
    assert key[20:] not in str(await linking.in_sferum())
    assert "снимок" not in str(await linking.in_sferum())
    linking.keys.append(key)


async def test_a_lost_login_is_told_once_and_mended_in_one_step(linking: Linking) -> None:
    user = linking.there.user_id
    await linking.control.log_out(user)
    await linking.control.expire_tokens(user)
    await linking.control.expire_keys(user)
    await linking.teacher.hears("больше не действует", "сферум войти")
    await linking.administrator.hears(linking.there.name, "5А · родители", "сферум войти")
    tried = (await linking.control.counters())["seen"]["web_token"]
    await linking.town.bridged.kill_bridge()
    await linking.town.bridged.start_bridge()
    await linking.control.post(linking.mother.user_id, linking.chat, "пока входа нет")
    [state] = await linking.administrator.say("сферум")
    assert "сообщения не ходят" in state.body
    # Neither the restart nor the time since made the bridge try the dead login, or speak again.
    assert (await linking.control.counters())["seen"]["web_token"] == tried
    assert not await linking.teacher.news()
    await linking.connect(linking.teacher, await linking.control.log_in(user))
    await linking.control.post(linking.mother.user_id, linking.chat, "вход снова есть")
    await linking.arrives_here("вход снова есть")
    [state] = await linking.teacher.say("сферум")
    assert "работает с" in state.body


async def test_a_new_key_before_the_old_one_ends(linking: Linking) -> None:
    user = linking.there.user_id
    old = linking.keys[-1]
    await linking.connect(linking.teacher, await linking.control.log_in(user))
    assert linking.keys[-1] != old
    await linking.control.expire_tokens(user)
    await linking.control.expire_keys(user)
    await linking.control.post(linking.mother.user_id, linking.chat, "с новым ключом")
    await linking.arrives_here("с новым ключом")
    assert not await linking.teacher.news()


async def test_relay_by_the_owners_word_alone(linking: Linking) -> None:
    refused = await linking.administrator.ask("от имени 5А родители да")
    assert "только тот, чья учётная запись" in refused.body
    question = await linking.teacher.ask("от имени 5А родители да")
    await linking.teacher.tap(question, "✅")
    async with linking.town.db.read() as tx:
        assert [chat.relay for chat in await chats.all_chats(tx)] == [True]


async def test_a_colleague_carries_the_chat_on(linking: Linking) -> None:
    await linking.connect(linking.colleague, linking.colleague_there.cookie)
    [_, question] = await linking.teacher.say("сферум выйти")
    assert "дальше через вход: Галина Соседская" in question.body
    before = await linking.here()
    [done] = await linking.teacher.tap(question, "✅")
    assert "ключ стёрт" in done.body
    await linking.control.post(linking.mother.user_id, linking.chat, "через другой вход")
    await linking.colleague.hears("теперь через ваш вход")
    await linking.arrives_here("через другой вход")
    await linking.colleague.client.say(linking.room, "и обратно")
    assert await linking.arrives_there("и обратно") == linking.colleague_there.user_id
    # The teacher is heard no more, and of what was there before nothing came twice.
    await linking.teacher.client.say(linking.room, "а меня?")
    await linking.teacher.hears("не видны в Сферуме")
    after = await linking.here()
    assert [m for m in after if m in before] == before
    async with linking.town.db.read() as tx:
        assert [chat.relay for chat in await chats.all_chats(tx)] == [False]


async def test_logging_out_ends_it_all(linking: Linking) -> None:
    [_, question] = await linking.colleague.say("сферум выйти")
    assert "будут отвязаны" in question.body
    await linking.colleague.tap(question, "✅")
    await linking.administrator.hears("больше не связан со Сферумом")
    polled = (await linking.control.counters())["seen"].get("longpoll", 0)
    await linking.control.post(linking.mother.user_id, linking.chat, "после выхода")
    await asyncio.sleep(1)
    assert all(body != "после выхода" for _, body in await linking.here())
    # Nobody listens any more: the last poll was the one that was waiting.
    assert (await linking.control.counters())["seen"].get("longpoll", 0) <= polled + 1
    status = await linking.town.bridged.status()
    assert (status["logins"], status["linked_chats"]) == ([], 0)


async def test_no_key_was_ever_written_down(linking: Linking) -> None:
    # Synapse keeps what was redacted for a while (`redaction_retention_period`), the bridge never.
    folder = linking.town.bridged.folder
    written = [path for path in folder.glob("*.db*") if not path.name.startswith("homeserver")]
    assert written
    written += folder.glob("*.log")
    for path, content in outside.read(written).items():
        for key in linking.keys:
            assert key.encode() not in content, path
