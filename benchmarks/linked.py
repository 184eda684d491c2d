"""A linked chat and room, and beside them a chat and a room that only the bare carrier ties.

                        stand-in                          homeserver
    linked    chat: teacher, poster   ── the bridge ──   room: bot, people, ghost
    sibling   chat: carrier, poster   ── the carrier ─   room: service's bot, the same people, ghost

Both ways begin with the same writer and end with the same reader: somebody who posts in the
stand-in and polls it, a teacher who writes in Matrix, a pupil who syncs. These run here; bridge and
carrier are processes of their own.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.bare import Arrivals, Matrix, Provisioner, beside, watch_chats
from benchmarks.carrier import INTO_MATRIX, OUT_OF_MATRIX, Orders
from benchmarks.enrolling import Size, enrolled
from benchmarks.figures import FigureError
from benchmarks.stage import REPOSITORY, running_bridge
from sferum_bridge.app import opened_database
from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import chats, logins
from tests.support.standin import Caller, StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.enrolling import Enrolled
    from benchmarks.stage import RunningBridge, Stage
    from sferum_bridge.standin.client import Chat, Person

_SCHOOL = Size(classes=1, pupils_a_class=6, staff=3)
_GHOST, _DEVICE = "carrier", "CARRIER"
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Side:
    """A chat and a room that belong together, and what texts on their ways begin with."""

    chat: Chat
    room_id: str
    into_matrix: str
    out_of_matrix: str


class Ways:
    """Sends messages both ways over one side, and times them in seconds."""

    def __init__(
        self,
        side: _Side,
        standin: StandIn,
        poster: Person,
        teacher: Matrix,
        at_reader: Arrivals,
        at_poster: Arrivals,
    ) -> None:
        self._side = side
        self._standin = standin
        self._poster = poster
        self._teacher = teacher
        self._at_reader = at_reader
        self._at_poster = at_poster
        self._numbers = itertools.count(1)
        self.heard: list[float] = []
        """How long a bare long poll took for each message posted in the chat."""

    async def into_matrix(self) -> float:
        """Post in the chat; the way ends in the reader's sync."""
        text = f"{self._side.into_matrix}{next(self._numbers)}"
        begin = time.perf_counter()
        await self._standin.control.post(self._poster.user_id, self._side.chat.chat, text)
        end = await self._at_reader.when(text)
        self.heard.append(await self._at_poster.when(text) - begin)
        return end - begin

    async def out_of_matrix(self) -> float:
        """Write in the room; the way ends in the poster's long poll."""
        text = f"{self._side.out_of_matrix}{next(self._numbers)}"
        begin = time.perf_counter()
        await self._teacher.say(self._side.room_id, text)
        return await self._at_poster.when(text) - begin


@dataclass(frozen=True, slots=True)
class Linked:
    """Both sides, ready but for the bridge."""

    ours: Ways
    bare: Ways
    carrier: ChildProcess
    school: Enrolled

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[RunningBridge]:
        """Run the bridge, and give it once it carries both ways.

        Raises:
            FigureError: It does not, or a message in the block did not arrive.
        """
        await self.school.touch()
        async with running_bridge(self.school.folder) as bridge:
            # The homeserver lets the ghost in once it knows that the room is linked.
            await bridge.settled()
            try:
                await self.ours.into_matrix()
                await self.ours.out_of_matrix()
                yield bridge
            except* FigureError as errors:
                story = f"{errors.exceptions[0]}; the bridge's log ends:\n{bridge.log_tail()}"
                raise FigureError(story) from None


@asynccontextmanager
async def linked_school(stage: Stage) -> AsyncIterator[Linked]:
    """Bring up a school, the stand-in and both sides; watchers run until the block ends."""
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
        ours = await _linked_side(school, standin, teacher, poster)
        bare = await _sibling_side(stage, school, standin, carrier, poster, http)
        caller = await opened.enter_async_context(Caller(standin.url))
        orders = Orders(
            homeserver=stage.url,
            service=stage.service,
            room_id=bare.room_id,
            ghost=stage.service.ghost(_GHOST),
            device=_DEVICE,
            standin=standin.url,
            token=(await caller.log_in(carrier)).token,
            peer_id=bare.chat.peer_id,
        )
        process = await opened.enter_async_context(_running_carrier(stage, orders))
        client = Matrix(http, stage.url)
        writer, reader = [
            await client.logged_in(school.accounts[person]) for person in _people(school)
        ]
        hearer = await opened.enter_async_context(Caller(standin.url))
        at_reader, at_poster = Arrivals(), Arrivals()
        await opened.enter_async_context(
            beside(
                reader.watch(at_reader),
                watch_chats(await hearer.log_in(poster), at_poster.note),
            )
        )
        sides = [Ways(side, standin, poster, writer, at_reader, at_poster) for side in (ours, bare)]
        yield Linked(sides[0], sides[1], process, school)


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


def _people(school: Enrolled) -> tuple[str, str]:
    """Return the class teacher and a pupil of the only class."""
    return school.school.leaderships[0].person_id, school.school.enrolments[0].person_id


async def _linked_side(
    school: Enrolled, standin: StandIn, teacher: Person, poster: Person
) -> _Side:
    """Log the class teacher in, link the pupils' room, let the bridge take its place."""
    chat = await standin.control.add_chat("5А", teacher.user_id, [poster.user_id])
    room = next(room for room in school.wanted if room.kind is Kind.PUPILS)
    room_id = (await school.room_ids())[room.key]
    mxid = school.accounts[_people(school)[0]].mxid
    account = str(teacher.user_id)
    async with opened_database(school.config, school.folder) as db, db.write() as tx:
        login = await chats.save_login(
            tx, logins.SFERUM, account, teacher.name, mxid, teacher.cookie
        )
        await chats.link(tx, chats.Chat(login, str(chat.peer_id), room_id, relay=False))
    # A login begins at the newest event, so nothing may be written before it has begun.
    await standin.control.clear_faults()
    async with running_bridge(school.folder):
        await standin.polled()
    return _Side(chat, room_id, "ours-in-", "ours-out-")


async def _sibling_side(
    stage: Stage,
    school: Enrolled,
    standin: StandIn,
    carrier: Person,
    poster: Person,
    http: aiohttp.ClientSession,
) -> _Side:
    """Make a chat and a room like the linked ones, with the same people and the carrier's ghost."""
    chat = await standin.control.add_chat("5Б", carrier.user_id, [poster.user_id])
    service, ghost = Matrix(http, stage.url, stage.service.as_token), stage.service.ghost(_GHOST)
    await service.register(stage.service.bot)
    await service.register(ghost)
    await service.put_device(ghost, _DEVICE)
    room = next(room for room in school.wanted if room.kind is Kind.PUPILS)
    same_people = replace(school, twins=school.accounts)
    maker = Provisioner(service, same_people, stage.service, at_once=1)
    room_id = await maker.create(room)
    await maker.fill(room)
    await service.invite(room_id, ghost)
    await service.join(room_id, ghost)
    return _Side(chat, room_id, INTO_MATRIX, OUT_OF_MATRIX)


@asynccontextmanager
async def _running_carrier(stage: Stage, orders: Orders) -> AsyncIterator[ChildProcess]:
    path, ready = stage.folder / "carrier.json", stage.folder / "carrier.ready"
    path.write_text(json.dumps(asdict(orders)), "utf-8")
    process = ChildProcess(
        "the bare carrier",
        [sys.executable, "-m", "benchmarks.carrier", str(path), str(ready)],
        log_path=stage.folder / "carrier.log",
        cwd=REPOSITORY,
    )

    async def listens() -> bool:
        return ready.exists()

    async with process:
        await process.wait_until(listens, timeout=_START_SECONDS)
        yield process
