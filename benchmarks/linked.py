"""A linked chat and room, and beside them a chat and a room that only the bare carrier ties.

                        stand-in                          homeserver
    linked    chat: teacher, poster   ── the bridge ──   room: bot, people, ghost
    sibling   chat: carrier, poster   ── the carrier ─   room: service's bot, their twins, ghost

The extension lets no other service bring people of the school into a room, hence the twins.
There may be several such pairs, each of a class of its own. All sibling rooms are carried into the
first one's chat; only the first one's chat is carried into its room.

Both ways begin and end alike: somebody posts in the stand-in and polls it, a teacher writes in
Matrix, a pupil syncs. These run here; bridge and
carrier are processes of their own.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks.bare import Arrivals, Matrix, Provisioner, beside, watch_chats
from benchmarks.carrier import INTO_MATRIX, OUT_OF_MATRIX, Orders
from benchmarks.enrolling import Size, enrolled
from benchmarks.figures import FigureError, leaves
from benchmarks.stage import REPOSITORY, running_bridge
from sferum_bridge.app import opened_database
from sferum_bridge.demo.processes import ChildProcess
from sferum_bridge.school.layout import Kind
from sferum_bridge.school.people import Post
from sferum_bridge.store import chats, logins
from tests.support.standin import Caller, StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from benchmarks.enrolling import Account, Enrolled
    from benchmarks.stage import RunningBridge, Stage
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.standin.client import Chat, Person

_GHOST, _DEVICE = "carrier", "CARRIER"
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Side:
    """A chat and a room that belong together, and what texts on their ways begin with."""

    chat: Chat
    room_id: str
    into_matrix: str
    out_of_matrix: str
    people: tuple[Account, Account]
    """Who writes in the room, and who reads there: the class teacher and a pupil, or twins."""


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
        self.room_id = side.room_id

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

    # --- many, as fast as they go -----------------------------------------------------------

    async def post_many(self, count: int) -> float:
        """Post one after the other in the chat; return when the last was in the reader's sync."""
        texts = [f"{self._side.into_matrix}{next(self._numbers)}" for _ in range(count)]
        for text in texts:
            await self._standin.control.post(self._poster.user_id, self._side.chat.chat, text)
        return max([await self._at_reader.when(text) for text in texts])

    async def say_many(self, service: Matrix, query: Mapping[str, str], count: int) -> float:
        """Say one after the other in the room at once, with nothing in between; return likewise."""
        texts = [f"{self._side.into_matrix}{next(self._numbers)}" for _ in range(count)]
        for text in texts:
            await service.say(self._side.room_id, text, query)
        return max([await self._at_reader.when(text) for text in texts])

    async def write_many(self, count: int) -> float:
        """Write one after the other in the room; return when the poster's poll had the last."""
        texts = [f"{self._side.out_of_matrix}{next(self._numbers)}" for _ in range(count)]
        for text in texts:
            await self._teacher.say(self._side.room_id, text)
        return max([await self._at_poster.when(text) for text in texts])


@dataclass(frozen=True, slots=True)
class Linked:
    """Pairs of both sides, ready but for the bridge."""

    pairs: Sequence[tuple[Ways, Ways]]
    """What the bridge carries, and beside it what the carrier does."""
    carrier: ChildProcess
    school: Enrolled
    service: Matrix
    """The bare client, and by which query it speaks as its ghost."""
    as_ghost: Mapping[str, str]

    @property
    def ours(self) -> Ways:
        """Return the first pair's ways that the bridge carries."""
        return self.pairs[0][0]

    @property
    def bare(self) -> Ways:
        """Return the first pair's ways that the carrier carries."""
        return self.pairs[0][1]

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
                for ours, _ in self.pairs:
                    await ours.into_matrix()
                    await ours.out_of_matrix()
                yield bridge
            except* FigureError as errors:
                story = f"{leaves(errors)[0]}; the bridge's log ends:\n{bridge.log_tail()}"
                raise FigureError(story) from None


@asynccontextmanager
async def linked_school(stage: Stage, pairs: int = 1) -> AsyncIterator[Linked]:
    """Bring up a school, the stand-in and both sides; watchers run until the block ends."""
    async with AsyncExitStack() as opened:
        folder = stage.folder / "standin"
        folder.mkdir()
        standin = await opened.enter_async_context(StandIn(folder, "--calls-per-second", "0"))
        connector = aiohttp.TCPConnector(limit=0)
        http = await opened.enter_async_context(aiohttp.ClientSession(connector=connector))
        size = Size(classes=pairs, pupils_a_class=6 if pairs == 1 else 2, staff=pairs + 2)
        school = await made(stage, standin, size)
        poster, teacher, carrier = [
            await standin.control.add_user(given, family)
            for given, family in (("Лев", "Облачков"), ("Вера", "Лучикова"), ("Пётр", "Ветерков"))
        ]
        ours = await _linked_sides(school, standin, teacher, poster)
        service = Matrix(http, stage.url, stage.service.as_token)
        ghost = stage.service.ghost(_GHOST)
        await service.register(stage.service.bot)
        await service.register(ghost)
        await service.put_device(ghost, _DEVICE)
        bare = [
            await _sibling_side(stage, school, standin, number, carrier, poster, service)
            for number in range(pairs)
        ]
        caller = await opened.enter_async_context(Caller(standin.url))
        orders = Orders(
            homeserver=stage.url,
            service=stage.service,
            room_id=bare[0].room_id,
            ghost=ghost,
            device=_DEVICE,
            standin=standin.url,
            token=(await caller.log_in(carrier)).token,
            peer_id=bare[0].chat.peer_id,
        )
        process = await opened.enter_async_context(_running_carrier(stage, orders))
        client = Matrix(http, stage.url)
        clients = {
            person: await client.logged_in(person)
            for person in {person for side in (*ours, *bare) for person in side.people}
        }
        hearer = await opened.enter_async_context(Caller(standin.url))
        at_reader, at_poster = Arrivals(), Arrivals()
        await opened.enter_async_context(
            beside(
                *(clients[side.people[1]].watch(at_reader) for side in (*ours, *bare)),
                # Of those without a login of their own the name is in front.
                watch_chats(
                    await hearer.log_in(poster),
                    lambda text: at_poster.note(text.rpartition(" ")[2]),
                ),
            )
        )
        ways = [
            Ways(side, standin, poster, clients[side.people[0]], at_reader, at_poster)
            for side in (*ours, *bare)
        ]
        both = list(zip(ways[: len(ours)], ways[len(ours) :], strict=True))
        yield Linked(both, process, school, service, {"user_id": ghost, "device_id": _DEVICE})


async def made(stage: Stage, standin: StandIn, size: Size, **sferum: Any) -> Enrolled:
    """Have a bridge make a school's rooms; `sferum` are more of its Sferum settings."""
    folder = stage.installation(
        "linked",
        enabled=True,
        api_url=standin.url,
        web_url=standin.url,
        requests_per_second=1000,
        **sferum,
    )
    school = await enrolled(folder, size)
    async with running_bridge(folder) as bridge:
        await bridge.settled()
    return school


def pupils_rooms(school: Enrolled) -> Sequence[tuple[WantedRoom, tuple[str, str]]]:
    """Return each class's pupils' room, with its class teacher and a pupil."""
    leaders = {one.class_id: one.person_id for one in school.school.leaderships}
    pupils = {one.class_id: one.person_id for one in school.school.enrolments}
    return [
        (room, (leaders[room.class_id], pupils[room.class_id]))
        for room in school.wanted
        if room.kind is Kind.PUPILS
    ]


async def logged_in(school: Enrolled, teacher: Person) -> str:
    """Log somebody in who may link a chat to any of the pupils' rooms; return the login's id.

    That is the class teacher where there is one class, and an administrator where there are more.
    """
    owner = school.school.leaderships[0].person_id
    if len(school.school.classes) > 1:
        owner = next(
            one.person_id for one in school.school.appointments if one.post is Post.ADMINISTRATOR
        )
    mxid, account = school.accounts[owner].mxid, str(teacher.user_id)
    async with opened_database(school.config, school.folder) as db, db.write() as tx:
        return await chats.save_login(
            tx, logins.SFERUM, account, teacher.name, mxid, teacher.cookie
        )


async def _linked_sides(
    school: Enrolled, standin: StandIn, teacher: Person, poster: Person
) -> Sequence[_Side]:
    """Log somebody in, link the pupils' rooms, let the bridge take its place."""
    login, room_ids, sides = await logged_in(school, teacher), await school.room_ids(), []
    for number, (room, people) in enumerate(pupils_rooms(school)):
        both = school.accounts[people[0]], school.accounts[people[1]]
        chat = await standin.control.add_chat(f"5А {number}", teacher.user_id, [poster.user_id])
        names = (f"ours-{number}-in-", f"ours-{number}-out-")
        sides.append(_Side(chat, room_ids[room.key], *names, both))
    async with opened_database(school.config, school.folder) as db, db.write() as tx:
        for side in sides:
            peer_id = str(side.chat.peer_id)
            await chats.link(tx, chats.Chat(login, peer_id, side.room_id, relay=True))
    # A login begins at the newest event, so nothing may be written before it has begun.
    await standin.control.clear_faults()
    async with running_bridge(school.folder):
        await standin.polled()
    return sides


async def _sibling_side(
    stage: Stage,
    school: Enrolled,
    standin: StandIn,
    number: int,
    carrier: Person,
    poster: Person,
    service: Matrix,
) -> _Side:
    """Make a chat and a room like linked ones, with twins and the carrier's ghost."""
    chat = await standin.control.add_chat("5Б", carrier.user_id, [poster.user_id])
    room, (teacher, pupil) = pupils_rooms(school)[number]
    room_id = await sibling_room(stage, school, room, service)
    await service.invite(room_id, stage.service.ghost(_GHOST))
    await service.join(room_id, stage.service.ghost(_GHOST))
    names = (f"{INTO_MATRIX}{number}-", f"{OUT_OF_MATRIX}{number}-")
    return _Side(chat, room_id, *names, (school.twins[teacher], school.twins[pupil]))


async def sibling_room(stage: Stage, school: Enrolled, room: WantedRoom, service: Matrix) -> str:
    """Make a room like one of a school's, with twins of its people; return its id."""
    maker = Provisioner(service, school, stage.service, at_once=1)
    room_id = await maker.create(room)
    await maker.fill(room)
    return room_id


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
