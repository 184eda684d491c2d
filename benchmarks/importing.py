"""A whole school, from the roster file to everybody in their rooms: time, requests, memory.

The bridge's time is that of applying the file, by the command, and of making what follows from it,
from when the bridge listens to when it says that everything is as it should be; whether it is so is
then asked of the homeserver. Between the two, everybody gets an account and the parents confirm;
that is not counted. Bridge and homeserver are on PostgreSQL.

The floor brings twins of the same people into rooms of the same shape, each by an invite and a join
over the client API, as many rooms at once. It does so with some classes only, and what it took for
a membership is taken for all: their rooms are the smaller ones, in which a join costs least.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.bare import Matrix, beside, receiving
from benchmarks.enrolling import Size
from benchmarks.figures import Figure, FigureError, Group, Measured, percentile
from benchmarks.intake import Crowd, Intake, applied, imported, with_one_moved
from benchmarks.provisioning import OF_A_START, check
from benchmarks.stage import memory, running_bridge, running_stage
from sferum_bridge.matrix import shape
from sferum_bridge.matrix.creation import MARK
from sferum_bridge.school.layout import Kind, key
from tests.support.crowd import prepared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from benchmarks.enrolling import Enrolled
    from benchmarks.stage import Place, RunningBridge, Stage
    from sferum_bridge.school.layout import WantedRoom
    from sferum_bridge.school.people import SchoolClass
    from tests.support.postgres import PostgresServer

TIME = Figure(
    "importing.time_ratio",
    "",
    1 / 8,
    "Time from a city school's roster file to everybody in, divided by that of a bare client which "
    "invites and joins over the client API. `applying` is the command, `making` the bridge, which "
    "makes the rooms too. The floor makes the rooms of some classes and is scaled by memberships; "
    "the two take turns in going first, each round has a homeserver of its own, and the value is "
    "the median of the rounds.",
)
LARGE = Figure(
    "importing.large_rate_ratio",
    "",
    0.8,
    "Memberships a second of a large school's import, divided by those of the city school's.",
    at_least=True,
)
SECOND_RUN = Figure(
    "importing.second_run_requests",
    "requests",
    0,
    "Requests about rooms by a bridge that starts with an unchanged school marked as changed, "
    "without what every start asks (see provisioning.second_run_requests).",
)
SECOND_TIME = Figure(
    "importing.second_run_seconds",
    "s",
    2,
    "From when that bridge listens to when it says that everything is as it should be.",
)
MOVED = Figure(
    "importing.moved_pupil_requests",
    "requests",
    12,
    "Requests after a roster in which one pupil, without confirmed parents, is in another class. "
    "They are moved there and back, and the way back counts. The way there, told apart (`first`), "
    "also asks whether batches of members are taken, once after a start, and opens direct chats "
    "with those who are told and to whom the bot has never written. Looks at rooms for what people "
    "changed by hand (`whole_state`) do not count.",
)
SEND = Figure(
    "importing.others_send_p95_ratio",
    "",
    2,
    "95th percentile of how long others' messages take to be sent, five a second, during the "
    "import (the making), divided by that of the minute before. Median of the rounds.",
)
MEMORY = Figure(
    "importing.large_peak_mib",
    "MiB",
    300,
    "The most memory that the bridge's process ever had during the large school's import.",
)
FIGURES = (TIME, LARGE, SECOND_RUN, SECOND_TIME, MOVED, SEND, MEMORY)

_PACE = 0.2


@dataclass(frozen=True, slots=True)
class _Plan:
    city: Crowd
    large: Crowd
    rounds: int
    floor_classes: int
    idle_seconds: float


_WARM_UP = Crowd(Size(classes=1, pupils_a_class=3, staff=3), parents=2)
_FULL = _Plan(
    Crowd(Size(classes=34, pupils_a_class=27, staff=60), parents=1080),
    Crowd(Size(classes=85, pupils_a_class=30, staff=150), parents=3000),
    rounds=3,
    floor_classes=3,
    idle_seconds=60,
)
_QUICK = _Plan(
    Crowd(Size(classes=2, pupils_a_class=3, staff=4), parents=4),
    Crowd(Size(classes=3, pupils_a_class=3, staff=5), parents=6),
    rounds=1,
    floor_classes=1,
    idle_seconds=2,
)


@dataclass(frozen=True, slots=True)
class _Made:
    """One school that the bridge has made; times in seconds."""

    intake: Intake
    making: float
    requests: Mapping[str, int]
    peak: float
    """MiB."""
    sending: Sequence[float]
    """How long each of the others' messages took meanwhile."""

    @property
    def rate(self) -> float:
        """Return memberships a second, from the file on."""
        return self.intake.memberships / (self.intake.applied_seconds + self.making)


@dataclass(frozen=True, slots=True)
class _Round:
    made: _Made
    floor: float
    """Seconds for all memberships, scaled."""
    idle: Sequence[float]

    @property
    def ratio(self) -> float:
        return (self.made.intake.applied_seconds + self.made.making) / self.floor

    @property
    def send_ratio(self) -> float:
        return percentile(self.made.sending, 95) / percentile(self.idle, 95)


@asynccontextmanager
async def _scene(place: Place, postgres: PostgresServer) -> AsyncIterator[_Scene]:
    """Bring up a homeserver on which others talk, and make a small school there first.

    Each school has one to itself: when its people are replaced by another school's, the homeserver
    goes through all rooms of those who left.
    """
    async with (
        running_stage(place) as stage,
        receiving(stage.service, lambda _: None),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        matrix = Matrix(http, stage.url, stage.service.as_token)
        await matrix.register(stage.service.bot)
        others = _Others(matrix, await matrix.create({"preset": "public_chat"}))
        scene = _Scene(stage, postgres, http, matrix, others)
        await scene.make(await imported(stage, postgres, "warm-up", _WARM_UP))
        if stage.database is not None:
            await prepared(stage.database)
        yield scene


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all of them."""
    if place.postgres is None:
        why = "PostgreSQL is left out with --sqlite"
        return [Measured(each, None, runs=0, not_run=why) for each in FIGURES]
    plan = _QUICK if quick else _FULL
    rounds: list[_Round] = []
    for number in range(plan.rounds):
        async with _scene(place, place.postgres) as scene:
            rounds.append(await scene.round(f"city-{number}", plan.city, plan, number=number))
            sys.stderr.write(f"city school {number + 1} of {plan.rounds}: {_told(rounds[-1])}\n")
            if number == plan.rounds - 1:
                again, seconds, (first, moved) = await scene.afterwards(rounds[-1].made.intake)
    async with _scene(place, place.postgres) as scene:
        large = await scene.make(await imported(scene.stage, place.postgres, "large", plan.large))
    rate = statistics.median(one.made.rate for one in rounds)
    last = rounds[-1].made
    return [
        Measured(
            TIME,
            statistics.median(one.ratio for one in rounds),
            runs=len(rounds),
            floor=rounds[-1].floor,
            extra={
                "floor_unit": "s",
                "school": f"{plan.city.described}, {last.intake.memberships} memberships",
                "rounds": [_told(one) for one in rounds],
                "requests": dict(sorted(last.requests.items())),
            },
        ),
        Measured(
            LARGE,
            large.rate / rate,
            runs=1,
            floor=rate,
            extra={
                "floor_unit": "memberships/s",
                "school": f"{plan.large.described}, {large.intake.memberships} memberships",
                "applying": f"{large.intake.applied_seconds:.1f} s",
                "making": f"{large.making:.1f} s",
                "rate": f"{large.rate:.1f} memberships/s",
            },
        ),
        Measured(SECOND_RUN, again.total(), runs=1, extra={"requests": dict(again)}),
        Measured(SECOND_TIME, seconds, runs=1),
        Measured(
            MOVED, moved.total(), runs=1, extra={"requests": dict(moved), "first": dict(first)}
        ),
        Measured(
            SEND,
            statistics.median(one.send_ratio for one in rounds),
            runs=len(rounds),
            floor=percentile(rounds[-1].idle, 95) * 1000,
            extra={"floor_unit": "ms", "messages": sum(len(one.made.sending) for one in rounds)},
        ),
        Measured(MEMORY, large.peak, runs=1),
    ]


def _told(one: _Round) -> str:
    made = one.made
    return (
        f"{one.ratio:.3f} (applying {made.intake.applied_seconds:.1f} s, making "
        f"{made.making:.1f} s, {made.rate:.1f} memberships/s; bare {one.floor:.0f} s)"
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all rounds share."""

    stage: Stage
    postgres: PostgresServer
    http: aiohttp.ClientSession
    matrix: Matrix
    others: _Others

    async def round(self, name: str, crowd: Crowd, plan: _Plan, *, number: int) -> _Round:
        intake = await imported(self.stage, self.postgres, name, crowd)
        idle = await self.others.sending(plan.idle_seconds)
        floor = _Floor(self.stage, self.matrix, intake, plan.floor_classes)
        if number % 2:
            bare = await floor.scaled()
            return _Round(await self.make(intake), bare, idle)
        made = await self.make(intake)
        return _Round(made, await floor.scaled(), idle)

    async def make(self, intake: Intake) -> _Made:
        """Have the bridge make a school's rooms and bring everybody in."""
        sending: list[float] = []
        async with running_bridge(intake.school.folder) as bridge:
            begin = time.perf_counter()
            async with beside(self.others.send_into(sending)):
                numbers = await bridge.settled()
            making = time.perf_counter() - begin
            peak = memory(bridge.process).peak
        await check(self.stage, intake.school)
        # So quick that nobody else said anything: nobody waited.
        return _Made(intake, making, numbers["requests"], peak, sending or [0.0])

    async def afterwards(
        self, intake: Intake
    ) -> tuple[Counter[str], float, Sequence[Counter[str]]]:
        """Return requests and seconds of a second run, and requests for one pupil's two moves."""
        school = intake.school
        await school.touch()
        async with running_bridge(school.folder) as bridge:
            begin = time.perf_counter()
            before = again = await _requests(bridge)
            seconds = time.perf_counter() - begin
            person, old, new = _to_move(intake)
            there = with_one_moved(intake, person, new.name)
            moves = []
            for roster, left, entered in ((there, old, new), (intake.roster, new, old)):
                await applied(school.folder, roster)
                after = await _requests(bridge)
                moves.append(_without(after - before, ("whole_state",)))
                before = after
                await self._check_moved(school, person, left, entered)
        return _without(again, OF_A_START), seconds, moves

    async def _check_moved(
        self, school: Enrolled, person: str, left: SchoolClass, entered: SchoolClass
    ) -> None:
        ids, mxid = await school.room_ids(), school.accounts[person].mxid
        puppet = Matrix(self.http, self.stage.url, school.config.appservice.as_token)
        places = [await puppet.joined(ids[key(Kind.PUPILS, one.id)]) for one in (left, entered)]
        if [mxid in members for members in places] != [False, True]:
            raise FigureError("the pupil who was moved is not where they should be")


async def _requests(bridge: RunningBridge) -> Counter[str]:
    return Counter((await bridge.settled())["requests"])


def _without(requests: Counter[str], kinds: Sequence[str]) -> Counter[str]:
    return Counter({kind: count for kind, count in requests.items() if kind not in kinds})


def _to_move(intake: Intake) -> tuple[str, SchoolClass, SchoolClass]:
    """Choose a pupil without confirmed parents; return them, their class, another one."""
    school = intake.school.school
    families = {one.child_id for one in school.parent_links}
    one = next(each for each in school.enrolments if each.person_id not in families)
    other = next(each for each in school.classes.values() if each.id != one.class_id)
    return one.person_id, school.classes[one.class_id], other


class _Others:
    """People who have nothing to do with it, and go on talking in a room of their own."""

    def __init__(self, matrix: Matrix, room_id: str) -> None:
        self._matrix = matrix
        self._room_id = room_id
        self._said = 0

    async def send_into(self, took: list[float]) -> None:
        """Say something five times a second, for ever; note how long each took."""
        while True:
            begin = time.perf_counter()
            self._said += 1
            await self._matrix.say(self._room_id, f"others {self._said}")
            took.append(time.perf_counter() - begin)
            await asyncio.sleep(max(0.0, _PACE - took[-1]))

    async def sending(self, seconds: float) -> Sequence[float]:
        """Talk for so long; return how long each message took."""
        took: list[float] = []
        async with beside(self.send_into(took)):
            await asyncio.sleep(seconds)
        return took


class _Floor:
    """Brings twins in by nothing but an invite and a join each."""

    def __init__(self, stage: Stage, matrix: Matrix, intake: Intake, classes: int) -> None:
        school = intake.school
        chosen = list(school.school.classes)[:classes]
        self._stage = stage
        self._matrix = matrix
        self._intake = intake
        self._gate = next(room for room in school.wanted if room.kind is Kind.GATE)
        self._rooms = [room for room in school.wanted if room.class_id in chosen]
        self._names = school.names()
        self._at_once = asyncio.Semaphore(school.config.rooms.at_once)

    async def scaled(self) -> float:
        """Do it; return the seconds it would take for everybody."""
        gate = await self._create(self._gate, "")
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for room in self._rooms:
                tasks.create_task(self._fill(room, gate))
        seconds = time.perf_counter() - begin
        done = sum(len(room.members) for room in self._rooms)
        return seconds / done * self._intake.memberships

    async def _fill(self, room: WantedRoom, gate: str) -> None:
        puppet = self._intake.school.config.appservice.double_puppet_token
        async with self._at_once:
            room_id = await self._create(room, gate)
            for person in sorted(room.members):
                mxid = self._intake.school.twins[person].mxid
                await self._matrix.invite(room_id, mxid)
                await self._matrix.join(room_id, mxid, puppet)

    async def _create(self, room: WantedRoom, gate: str) -> str:
        twins = self._intake.school.twins
        members = {twins[person].mxid: power for person, power in room.members.items()}
        content = shape.creation(
            shape.Wanted(room, self._names[room.key], members),
            gate=gate,
            bot=self._stage.service.bot,
            version=self._intake.school.config.rooms.version,
            most_invites=0,
        )
        mark = {"type": MARK[::-1], "state_key": "", "content": {"key": room.key}}
        content["initial_state"] = [*content["initial_state"], mark]
        return await self._matrix.create(content)


GROUP = Group("importing", FIGURES, measure)
