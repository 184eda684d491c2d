"""What went out through a member's own login is known again when the linked login hears it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from sferum_bridge.network.content import Content
from sferum_bridge.relay.connections import Connections
from sferum_bridge.relay.inward import echoes
from sferum_bridge.relay.inward.echoes import Echoes
from sferum_bridge.store import chats, voices
from tests.support.messenger import CHAT, NETWORK
from tests.support.outward import ROOM, Way, linked
from tests.support.seats import NUMBERS, SECOND, Seats, seats_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sferum_bridge.network.base import RemoteMessage
    from sferum_bridge.store.chats import Chat, Login

RANDOM = 77


@dataclass
class Ear:
    """The linked login, which hears; the second's parts are noted as if they were under way."""

    way: Way
    seats: Seats
    echoes: Echoes
    linked: Login
    chat: Chat

    async def sends(self, text: str, event_id: str = "$sent") -> int:
        """Note a part as it is noted before it goes out; return its random id."""
        async with self.way.db.write() as tx:
            digest = chats.digest_of(tx, text)
            where = (self.seats.second, NUMBERS[SECOND], event_id, 0)
            return await chats.about_to_send(tx, *where, digest=digest, heard_in=ROOM)

    async def hears(self, *messages: RemoteMessage) -> list[tuple[str, str]]:
        """Hear messages; return message and event of those that are known by then."""
        heard = [replace(one, random_id=0) for one in messages]
        await self.echoes.settle(self.linked, [self.chat], heard)
        async with self.way.db.read() as tx:
            known = [await chats.parts_of(tx, self.linked.id, CHAT, m.message_id) for m in heard]
        return [(one.message_id, one.event_id) for parts in known for one in parts]

    def there(self, content: Content | str, random_id: int = 0) -> RemoteMessage:
        """Have the second's account have written something."""
        return self.way.messenger.written(SECOND, content, random_id=random_id)


@pytest.fixture
async def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    monkeypatch.setattr(echoes, "_LOOKS", (0.0, 0.01))
    async with linked(tmp_path) as way:
        seats = await seats_of(way)
        await seats.log_in()
        async with way.db.write() as tx:
            await voices.note(tx, ROOM, seats.second, NUMBERS[SECOND])
            [login] = [one for one in await chats.all_logins(tx) if one.id == way.login_id]
            [chat] = await chats.all_chats(tx)
        connections = Connections(way.db, {NETWORK: way.messenger})
        yield Ear(way, seats, Echoes(way.db, connections), login, chat)


async def test_where_nothing_is_under_way_nothing_is_asked(ear: Ear) -> None:
    assert await ear.hears(ear.there("из Сферума")) == []
    assert ear.seats.done == []


async def test_it_is_known_by_the_random_id_that_its_sender_sees(ear: Ear) -> None:
    number = await ear.sends("привет")
    theirs, ours = ear.there("привет", RANDOM), ear.there("привет!", number)
    # The same words, written in Sferum meanwhile, are another message.
    assert await ear.hears(theirs, ours) == [(ours.message_id, "$sent")]
    assert ear.seats.through("history") == [SECOND, SECOND]
    async with ear.way.db.read() as tx:
        assert await voices.expected(tx, [ROOM]) == []
        [mapped] = await chats.by_event(tx, "$sent")
    assert (mapped.from_matrix, mapped.through) == (True, ear.seats.second)
    # And nothing is asked of what comes after it.
    assert await ear.hears(ear.there("ещё")) == []
    assert len(ear.seats.done) == 2


async def test_the_answer_to_the_sending_is_waited_for_a_moment(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echoes, "_LOOKS", (0.0, *(0.02,) * 100))
    number = await ear.sends("привет")
    message = ear.there("привет", number)
    hearing = asyncio.create_task(ear.hears(message))
    await asyncio.sleep(0)
    async with ear.way.db.write() as tx:
        one = chats.Mapped(CHAT, message.message_id, 0, ROOM, "$sent", from_matrix=True)
        await chats.map_message(tx, ear.linked.id, replace(one, through=ear.seats.second))
    assert await hearing == [(message.message_id, "$sent")]
    assert ear.seats.done == []


async def test_where_its_sender_cannot_be_asked_the_words_decide(ear: Ear) -> None:
    for event_id in ("$first", "$second"):
        await ear.sends("одно и то же", event_id)
    await ear.seats.expire(ear.seats.second)
    other, *same = [ear.there(text) for text in ("другое", *("одно  и то же",) * 3)]
    assert await ear.hears(other, *same) == [
        (same[0].message_id, "$first"),
        (same[1].message_id, "$second"),
    ]


async def given_up(ear: Ear, *texts: str) -> list[int]:
    """Note parts that were given up, as events named by what they say; return their random ids."""
    numbers = [await ear.sends(text, f"${text}") for text in texts]
    async with ear.way.db.write() as tx:
        for text in texts:
            await voices.give_up(tx, f"${text}")
    return numbers


async def test_of_what_was_given_up_its_senders_login_is_asked(ear: Ear) -> None:
    """Whoever says the same in Sferum later on is heard; what had arrived all the same is known."""
    await given_up(ear, "ещё", "раз", "Не придём")
    _, number = await given_up(ear, "другое", "дошло")
    ear.way.age(6 * 24 * 3600)
    again, arrived = ear.there("Не придём", RANDOM), ear.there("дошло, но позже", number)
    assert await ear.hears(again, arrived) == [(arrived.message_id, "$дошло")]
    assert ear.seats.through("history") == [SECOND, SECOND]


async def test_what_was_given_up_is_known_by_its_words_for_a_time(ear: Ear) -> None:
    await given_up(ear, "сказано", "", "сказано потом")
    await ear.seats.expire(ear.seats.second)
    file, words, later = ear.there(Content("")), ear.there("сказано"), ear.there("сказано потом")
    later = replace(later, sent_at=later.sent_at + 2 * 3600)
    assert await ear.hears(file, words, later) == [(words.message_id, "$сказано")]


async def test_a_number_of_a_chat_that_the_room_had_before_is_not_asked(ear: Ear) -> None:
    async with ear.way.db.write() as tx:
        where = (ear.seats.second, "former-chat", "$former", 0)
        await chats.about_to_send(tx, *where, heard_in=ROOM)
    ear.way.age(1)
    number = await ear.sends("привет")
    message = ear.there("привет!", number)
    assert await ear.hears(message) == [(message.message_id, "$sent")]


async def test_what_others_say_waits_for_nothing(ear: Ear) -> None:
    await ear.sends("привет")
    message = ear.way.messenger.written("9", "привет")
    assert await ear.hears(message) == []
    assert ear.seats.done == []
