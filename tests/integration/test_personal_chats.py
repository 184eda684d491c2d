"""Personal chats of Sferum: a room of the owner's alone with the other person, behind the wall."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sferum_bridge.store import chats, logins, personal
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.scenario import Town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sferum_bridge.standin.client import Person, StandInControl
    from tests.support.scenario import Who

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Two:
    """A teacher with a login, a pupil of the class with one, and a mother who has no account."""

    town: Town
    teacher: Who
    teacher_there: Person
    pupil: Who
    pupil_there: Person
    mother: Person
    dialog: int = 0

    @property
    def control(self) -> StandInControl:
        return self.town.bridged.standin.control

    @property
    def ghost(self) -> str:
        return f"@sferum_{self.mother.user_id}:school.example"

    async def writes(self, text: str, to: Person | None = None) -> None:
        """Have the mother write to somebody, the teacher if it is nobody else."""
        to = to or self.teacher_there
        self.dialog, _ = await self.control.post_to_user(self.mother.user_id, to.user_id, text)

    async def rooms(self, who: Who) -> set[str]:
        """Return the rooms somebody is in with the mother."""
        found = set()
        for room_id in await who.client.joined():
            _, answer = await who.client.call("GET", f"rooms/{room_id}/joined_members")
            if self.ghost in answer.get("joined", ()):
                found.add(room_id)
        return found

    async def room(self, who: Who) -> str:
        """Wait for the one room somebody is in with the mother."""

        async def so() -> set[str]:
            return await self.rooms(who)

        [room_id] = await until(so)
        return str(room_id)

    async def shows(self, who: Who, room_id: str, *texts: str) -> None:
        """Wait until a room shows some texts, each once."""

        async def so() -> bool:
            bodies = [body for _, body in await who.client.texts(room_id)]
            return all(text in bodies for text in texts)

        await until(so)
        bodies = [body for _, body in await who.client.texts(room_id)]
        assert [bodies.count(text) for text in texts] == [1] * len(texts)

    async def there(self) -> list[tuple[int, str]]:
        """Return sender and text of the chat in Sferum."""
        return [(m["from_id"], m["text"]) for m in await self.control.messages(self.dialog)]

    async def arrives(self, text: str) -> int:
        """Wait for a text to be in the chat in Sferum; return whose it is there."""

        async def so() -> list[int]:
            return [sender for sender, body in await self.there() if body == text]

        [sender] = await until(so)
        return int(sender)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    bridged = await BridgedSchool.start(
        tmp_path_factory.mktemp("school"), classes=("5А",), pupils=1
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(bridged.stop)
        town = await Town.open(bridged, stack)
        teacher, pupil = await town.class_teacher("5А"), await town.pupil("Знайка", "Лунный")
        control = bridged.standin.control
        teacher_there = await control.add_user("Учительница", "Сказочная", role="teacher")
        pupil_there = await control.add_user("Знайка", "Лунный")
        mother = await control.add_user("Тётушка", "Пончикова")
        async with town.db.write() as tx:
            for who, there in ((teacher, teacher_there), (pupil, pupil_there)):
                await chats.save_login(
                    tx, logins.SFERUM, str(there.user_id), there.name, who.mxid, there.cookie
                )

        async def listening() -> bool:
            async with town.db.read() as tx:
                known = await chats.all_logins(tx)
                return all([await chats.cursor(tx, one.id) for one in known])

        await until(listening)
        yield Two(town, teacher, teacher_there, pupil, pupil_there, mother)


async def test_without_the_setting_there_are_none(two: Two) -> None:
    await two.writes("до настройки")
    [_, listed] = await two.teacher.say("чаты")
    assert "личный чат" not in listed.body
    assert not await two.rooms(two.teacher)
    bridged = two.town.bridged
    bridged.change_settings("sferum", personal_chats=True)
    assert await bridged.stop_bridge() == 0
    await bridged.start_bridge()


async def test_a_first_message_makes_a_room_for_the_owner_alone(two: Two) -> None:
    await two.writes("здравствуйте")
    room_id = await two.room(two.teacher)
    await two.shows(two.teacher, room_id, "здравствуйте")
    client = two.teacher.client
    _, state = await client.call("GET", f"rooms/{room_id}/state")
    of = {(e["type"], e["state_key"]): e["content"] for e in state}
    assert of["m.room.create", ""]["m.federate"] is False
    assert of["m.room.join_rules", ""] == {"join_rule": "invite"}
    assert of["m.room.guest_access", ""] == {"guest_access": "forbidden"}
    people = {key for kind, key in of if kind == "m.room.member"}
    assert people == {BOT, two.teacher.mxid, two.ghost}
    _, direct = await client.call("GET", f"user/{two.teacher.mxid}/account_data/m.direct")
    assert direct[two.ghost] == [room_id]

    async def described() -> list[Any]:
        _, state = await client.call("GET", f"rooms/{room_id}/state")
        return [e for e in state if e["type"] == "m.bridge"]

    # It says what network it is, and not whose account the chat is with.
    [bridge] = await until(described)
    assert bridge["content"]["channel"].keys() == {"id"}
    assert bridge["content"]["channel"]["id"] != str(two.mother.user_id)


async def test_both_sides_write_and_nothing_comes_back(two: Two) -> None:
    room_id = await two.room(two.teacher)
    await two.teacher.client.say(room_id, "добрый день")
    assert await two.arrives("добрый день") == two.teacher_there.user_id
    await two.control.post_to_user(two.teacher_there.user_id, two.mother.user_id, "из приложения")
    await two.writes("спасибо")
    await two.shows(two.teacher, room_id, "добрый день", "из приложения", "спасибо")
    said = await two.teacher.client.texts(room_id)
    assert (two.teacher.mxid, "из приложения") in said
    assert [text for _, text in await two.there()].count("из приложения") == 1
    assert len(await two.rooms(two.teacher)) == 1


async def test_nobody_else_sees_the_room_or_the_other_person(two: Two) -> None:
    room_id = await two.room(two.teacher)
    pupil, teacher = two.pupil.client, two.teacher.client
    hidden = await pupil.call("GET", f"profile/{two.ghost}")
    assert hidden == await pupil.call("GET", "profile/@sferum_987654321:school.example")
    assert hidden[0] in {403, 404}
    status, _ = await teacher.call("GET", f"profile/{two.ghost}")
    assert status == 200
    status, _ = await pupil.call("POST", f"rooms/{room_id}/join")
    assert status == (await pupil.call("POST", "rooms/!nowhere:school.example/join"))[0]
    # Not even the owner brings somebody in, or opens it.
    status, _ = await teacher.call("POST", f"rooms/{room_id}/invite", {"user_id": two.pupil.mxid})
    assert status == 403
    for kind, content in (
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
    ):
        status, _ = await teacher.call("PUT", f"rooms/{room_id}/state/{kind}", content)
        assert status == 403


async def test_a_kill_makes_no_second_room_and_loses_nothing(two: Two) -> None:
    texts = ["раз", "два", "три"]
    for text in texts:
        await two.writes(text, two.pupil_there)
        await two.town.bridged.kill_bridge()
        await two.town.bridged.start_bridge()
    room_id = await two.room(two.pupil)
    await two.shows(two.pupil, room_id, *texts)
    bodies = [body for _, body in await two.pupil.client.texts(room_id) if body in texts]
    assert bodies == texts
    assert len(await two.rooms(two.pupil)) == 1
    await two.pupil.client.say(room_id, "и обратно")
    assert await two.arrives("и обратно") == two.pupil_there.user_id


async def test_its_owner_ends_it_and_asks_for_it_again(two: Two) -> None:
    room_id = await two.room(two.teacher)

    async def number() -> str:
        [_, listed] = await two.teacher.say("чаты")
        [line] = [one for one in listed.body.splitlines() if "Пончикова, личный чат" in one]
        return line.strip(" -•").partition(" ")[0]

    said = await two.teacher.ask(f"отвязать {await number()}")
    assert "больше не связан" in said.body
    await two.writes("уже не видно")
    await two.arrives("уже не видно")
    said = await two.teacher.ask(f"связать {await number()}")
    assert "Открываю" in said.body
    await two.writes("снова видно")
    await two.shows(two.teacher, room_id, "снова видно")
    assert await two.room(two.teacher) == room_id


async def test_with_the_last_role_the_room_ends(two: Two) -> None:
    room_id = await two.room(two.pupil)
    await two.town.move(two.pupil, "")

    async def out() -> Any:
        return room_id not in await two.pupil.client.joined()

    await until(out)

    async def ended() -> bool:
        async with two.town.db.read() as tx:
            linked = {chat.room_id for chat in await chats.all_chats(tx)}
            return room_id not in linked | {*await personal.owners(tx)}

    await until(ended)
    _, answer = await two.town.bridged.bot_calls("GET", "joined_rooms")
    assert room_id not in answer["joined_rooms"]
    # The other's room is as it was.
    assert await two.room(two.teacher)
