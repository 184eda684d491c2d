"""A school of which many rooms are linked, on a homeserver with nothing behind it (see `hollow`).

The rooms are made by the bridge, as anywhere; the chats and their people are the stand-in's. The
bridge that a measurement starts afterwards finds all of it in its database.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.enrolling import Size, enrolled
from benchmarks.figures import FigureError
from benchmarks.linked import logged_in
from benchmarks.stage import running_bridge
from sferum_bridge.app import opened_database
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import chats
from tests.support.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from benchmarks.enrolling import Enrolled
    from benchmarks.hollow import Hollow
    from benchmarks.stage import Stage
    from sferum_bridge.standin.client import Person
    from tests.support.postgres import PostgresServer

_KINDS = (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS)
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What bridges with many chats are set up on; `postgres` is `None` for SQLite."""

    stage: Stage
    hollow: Hollow
    postgres: PostgresServer | None


@dataclass(frozen=True, slots=True)
class Chat:
    """A linked chat, its room, and who is in it beside the login's owner."""

    number: int
    """In the stand-in."""
    room_id: str
    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Many:
    """A school of which many rooms are linked."""

    hollow: Hollow
    standin: StandIn
    school: Enrolled
    chats: Sequence[Chat]
    writer: str
    """The Matrix account of the login's owner."""

    async def into(self, chat: Chat, who: int, count: int) -> None:
        """Have a person of a chat say so much there, without waiting for anything to arrive."""
        sender = chat.people[who % len(chat.people)].user_id
        for number in range(count):
            await self.standin.control.post(sender, chat.number, f"Сообщение {number}")

    async def out(self, chats: Sequence[Chat], count: int) -> None:
        """Have the owner write so much in rooms in turn; return when the stand-in has it all."""
        seen = (await self._sent()) + count
        written = [
            (chats[number % len(chats)].room_id, self.writer, f"Сообщение {number}")
            for number in range(count)
        ]
        at = self.school.config.appservice
        await self.hollow.transactions(at.address, at.hs_token, written)
        # Another process is asked: there is no event to wait for.
        while await self._sent() < seen:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)

    async def _sent(self) -> int:
        counters = await self.standin.control.counters()
        return counters["seen"].get("messages.send", 0)


@asynccontextmanager
async def many_chats(ground: Ground, count: int, people: int) -> AsyncIterator[Many]:
    """Have a bridge make a school's rooms, and link so many of them; each chat has its people."""
    name, postgres = f"many-{count}", ground.postgres
    folder = ground.stage.folder / f"standin-{name}"
    folder.mkdir(parents=True)
    async with StandIn(folder, "--calls-per-second", "0") as standin:
        where = ground.stage.installation(
            name,
            database=(await postgres.fresh_database()).url if postgres else "",
            enabled=True,
            api_url=standin.url,
            web_url=standin.url,
            requests_per_second=1000,
        )
        classes = -(-count // len(_KINDS))
        school = await enrolled(where, Size(classes, pupils_a_class=1, staff=classes + 2))
        async with running_bridge(where) as bridge:
            await bridge.settled()
        yield await _linked(ground.hollow, standin, school, count, people)


async def _linked(
    hollow: Hollow, standin: StandIn, school: Enrolled, count: int, people: int
) -> Many:
    teacher = await standin.control.add_user("Вера", "Лучикова")
    login, room_ids = await logged_in(school, teacher), await school.room_ids()
    keys = [room.key for room in school.wanted if room.kind in _KINDS][:count]
    made: list[Chat] = []
    async with opened_database(school.config, school.folder) as db:
        for key in keys:
            there = [
                await standin.control.add_user(f"Имя{len(made)}", f"Фамилия{number}")
                for number in range(people)
            ]
            chat = await standin.control.add_chat(
                key, teacher.user_id, [person.user_id for person in there]
            )
            made.append(Chat(chat.chat, room_ids[key], there))
            async with db.write() as tx:
                linked = chats.Chat(login, str(chat.peer_id), room_ids[key], relay=True)
                await chats.link(tx, linked)
        async with db.read() as tx:
            (owner,) = {one.mxid for one in await chats.all_logins(tx)}
    # A login begins at the newest event, so nothing may be written before it has begun.
    await standin.control.clear_faults()
    async with running_bridge(school.folder):
        await _heard(standin)
        await _begun(school)
    return Many(hollow, standin, school, made, owner)


async def _heard(standin: StandIn) -> None:
    """Wait until the bridge listens to the login, which takes longer the more chats there are.

    Raises:
        FigureError: It does not.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # Another process is asked: there is no event to wait for.
            while not (await standin.control.counters())["seen"].get("longpoll", 0):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise FigureError("the bridge does not listen to its login") from None


async def _begun(school: Enrolled) -> None:
    """Wait until the beginning of every linked chat was taken in."""
    async with opened_database(school.config, school.folder) as db:
        waiting = True
        while waiting:
            await asyncio.sleep(0.1)
            async with db.read() as tx:
                waiting = bool(await chats.logins_to_begin(tx))
