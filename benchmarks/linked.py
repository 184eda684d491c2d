"""A linked chat and room, and beside them a chat and a room that only a bare client ties together.

                        stand-in                        homeserver
    linked    chat: teacher, poster   ── the bridge ──   room: bot, people, ghost
    sibling   chat: carrier, poster   ── the carrier ─   room: service's bot, the same people, ghost

The *carrier* is a bridge without a bridge: what its account hears by long poll it says at once as a
ghost, what the homeserver sends it in a transaction it says at once to the chat. It keeps nothing,
so it is what a message's way costs at the least. Both ways begin with the same writer and end with
the same reader: somebody who posts in the stand-in and polls it, a teacher who writes in Matrix, a
pupil who syncs.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.bare import Arrivals, Matrix, Provisioner, beside, receiving, watch_chats
from benchmarks.enrolling import Size, enrolled
from benchmarks.figures import FigureError
from benchmarks.stage import running_bridge
from sferum_bridge.app import SFERUM, opened_database
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import chats
from tests.support.standin import Caller, StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.enrolling import Enrolled
    from benchmarks.stage import RunningBridge, Stage
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.standin.client import Person

_SCHOOL = Size(classes=1, pupils_a_class=6, staff=3)
_GHOST, _DEVICE = "carrier", "CARRIER"


@dataclass(frozen=True, slots=True)
class Trip:
    """One message's way; times in seconds. `half` is when the bare client had it in its hands."""

    whole: float
    half: float = 0.0


@dataclass(frozen=True, slots=True)
class _Side:
    """A chat and a room that belong together."""

    chat: int
    peer_id: int
    room_id: str


class Linked:
    """Sends messages both ways, by the bridge and by the bare carrier, and times them."""

    def __init__(
        self,
        school: Enrolled,
        standin: StandIn,
        sides: tuple[_Side, _Side],
        *,
        poster: int,
        teacher: Matrix,
        service: Matrix,
        ghost: str,
        carrier: Caller,
    ) -> None:
        self._school = school
        self._standin = standin
        self._ours, self._bare = sides
        self._poster = poster
        self._teacher = teacher
        self._service = service
        self._ghost = {"user_id": ghost, "device_id": _DEVICE}
        self._carrier = carrier
        self._numbers = itertools.count(1)
        self.at_reader, self.at_poster = Arrivals(), Arrivals()
        self.at_carrier, self.at_service = Arrivals(), Arrivals()

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[RunningBridge]:
        """Run the bridge of the linked pair, and return once it hears the chat."""
        await self._school.touch()
        async with running_bridge(self._school.folder) as bridge:
            await bridge.settled()
            try:
                for ours in (self.remote_to_matrix, self.matrix_to_remote):
                    await ours()
                yield bridge
            except FigureError as error:
                raise FigureError(f"{error}; the bridge's log ends:\n{bridge.log_tail()}") from None

    async def heard(self) -> None:
        """Run the bridge until its login has a place in the stand-in's events, then stop it."""
        await self._standin.control.clear_faults()
        async with running_bridge(self._school.folder):
            await self._standin.polled()

    # --- by the bridge ----------------------------------------------------------------------

    async def remote_to_matrix(self) -> Trip:
        """Post in the linked chat; the way ends in the reader's sync."""
        text = f"ours-in-{next(self._numbers)}"
        begin = time.perf_counter()
        await self._standin.control.post(self._poster, self._ours.chat, text)
        return Trip(await self.at_reader.when(text) - begin)

    async def matrix_to_remote(self) -> Trip:
        """Write in the linked room; the way ends in the poster's long poll."""
        text = f"ours-out-{next(self._numbers)}"
        begin = time.perf_counter()
        await self._teacher.say(self._ours.room_id, text)
        return Trip(await self.at_poster.when(text) - begin)

    # --- by the carrier ---------------------------------------------------------------------

    async def bare_remote_to_matrix(self) -> Trip:
        """Post in the sibling chat; the carrier hears it and says it in the sibling room."""
        text = f"bare-in-{next(self._numbers)}"

        async def carry() -> float:
            heard = await self.at_carrier.when(text)
            now = {"ts": str(time.time_ns() // 1_000_000)}
            await self._service.say(self._bare.room_id, text, {**self._ghost, **now})
            return heard

        async with asyncio.TaskGroup() as tasks:
            carried = tasks.create_task(carry())
            begin = time.perf_counter()
            await self._standin.control.post(self._poster, self._bare.chat, text)
            end = await self.at_reader.when(text)
        return Trip(end - begin, carried.result() - begin)

    async def bare_matrix_to_remote(self) -> Trip:
        """Write in the sibling room; the carrier is sent it and says it in the sibling chat."""
        number = next(self._numbers)
        text = f"bare-out-{number}"

        async def carry() -> float:
            heard = await self.at_service.when(text)
            await self._carrier.call(
                "messages.send", peer_id=self._bare.peer_id, random_id=number, message=text
            )
            return heard

        async with asyncio.TaskGroup() as tasks:
            carried = tasks.create_task(carry())
            begin = time.perf_counter()
            await self._teacher.say(self._bare.room_id, text)
            end = await self.at_poster.when(text)
        return Trip(end - begin, carried.result() - begin)


@asynccontextmanager
async def linked_school(stage: Stage) -> AsyncIterator[Linked]:
    """Bring up a school, the stand-in, and both pairs; watchers run until the block ends."""
    async with AsyncExitStack() as opened:
        folder = stage.folder / "standin"
        folder.mkdir()
        standin = await opened.enter_async_context(StandIn(folder, "--calls-per-second", "0"))
        connector = aiohttp.TCPConnector(limit=0)
        http = await opened.enter_async_context(aiohttp.ClientSession(connector=connector))
        school = await _made(stage, standin)
        poster, teacher, carrier = [
            await standin.control.add_user(given, family)
            for given, family in (("Лев", "Облачков"), ("Вера", "Лучикова"), ("Пётр", "Ветерков"))
        ]
        room, (writer, reader) = _pupils_room(school), _people(school)
        service = Matrix(http, stage.url, stage.service.as_token)
        ghost = stage.service.ghost(_GHOST)
        sibling = await _sibling(stage, school, room, service, ghost)
        chat = await standin.control.add_chat("5А", teacher.user_id, [poster.user_id])
        other = await standin.control.add_chat("5Б", carrier.user_id, [poster.user_id])
        room_id = (await school.room_ids())[room.key]
        await _link(school, teacher, writer, str(chat.peer_id), room_id)
        client = Matrix(http, stage.url)
        callers = [
            await (await opened.enter_async_context(Caller(standin.url))).log_in(person)
            for person in (poster, carrier)
        ]
        linked = Linked(
            school,
            standin,
            (
                _Side(chat.chat, chat.peer_id, room_id),
                _Side(other.chat, other.peer_id, sibling),
            ),
            poster=poster.user_id,
            teacher=await client.logged_in(school.accounts[writer]),
            service=service,
            ghost=ghost,
            carrier=callers[1],
        )
        await linked.heard()
        await opened.enter_async_context(receiving(stage.service, linked.at_service.note))
        pupil = await client.logged_in(school.accounts[reader])
        await opened.enter_async_context(
            beside(
                pupil.watch(linked.at_reader),
                watch_chats(callers[0], linked.at_poster.note),
                watch_chats(callers[1], linked.at_carrier.note),
            )
        )
        yield linked


async def _made(stage: Stage, standin: StandIn) -> Enrolled:
    folder = stage.installation(
        "linked",
        enabled=True,
        api_url=standin.url,
        web_url=standin.url,
        requests_per_second=1000,
    )
    school = await enrolled(folder, _SCHOOL)
    async with running_bridge(folder) as bridge:
        await bridge.settled()
    return school


def _pupils_room(school: Enrolled) -> WantedRoom:
    return next(room for room in school.wanted if room.kind is Kind.PUPILS)


def _people(school: Enrolled) -> tuple[str, str]:
    """Return the class teacher and a pupil of the only class."""
    return school.school.leaderships[0].person_id, school.school.enrolments[0].person_id


async def _sibling(
    stage: Stage, school: Enrolled, room: WantedRoom, service: Matrix, ghost: str
) -> str:
    """Make a room like the linked one, with the same people and a ghost of the bare client's."""
    await service.register(stage.service.bot)
    await service.register(ghost)
    await service.put_device(ghost, _DEVICE)
    same_people = replace(school, twins=school.accounts)
    maker = Provisioner(service, same_people, stage.service, at_once=1)
    room_id = await maker.create(room)
    await maker.fill(room)
    await service.invite(room_id, ghost)
    await service.join(room_id, ghost)
    return room_id


async def _link(
    school: Enrolled, teacher: Person, person_id: str, chat_id: str, room_id: str
) -> None:
    mxid = school.accounts[person_id].mxid
    account = str(teacher.user_id)
    async with opened_database(school.config, school.folder) as db, db.write() as tx:
        login = await chats.save_login(tx, SFERUM, account, teacher.name, mxid, teacher.cookie)
        await chats.link(tx, chats.Chat(login, chat_id, room_id, relay=False))
