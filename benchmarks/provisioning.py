"""How a school's rooms come to be: requests for each event wanted, time, and nothing twice.

A bare client makes the same rooms with the same requests, for twins of the same people, before or
after the bridge in turn. The bridge's time runs from the moment it listens (with the school in its
database, and no room) to the moment it says that everything is as it should be; whether that is so
is then asked of the homeserver.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.bare import Matrix, Provisioner, receiving
from benchmarks.enrolling import Enrolled, Size, enrolled
from benchmarks.figures import Figure, FigureError, Group, Measured
from benchmarks.stage import running_bridge, running_stage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from benchmarks.stage import Place, Stage

REQUESTS = Figure(
    "provisioning.requests_ratio",
    "",
    1.05,
    "Requests that the bridge sent to the homeserver until a school's rooms were as wanted, "
    "divided by the events wanted: rooms, memberships, rooms hung into spaces. Accounts exist "
    "before. That everybody is in is checked with the homeserver afterwards. Looks at rooms for "
    "what people changed by hand (`whole_state`), five a second beside all else, do not count.",
)
SECOND_RUN = Figure(
    "provisioning.second_run_requests",
    "requests",
    0,
    "Requests about rooms that the bridge sent after a restart, and after the unchanged school "
    "was marked as changed. What every start asks is told apart: whose the bot is (`owner`), "
    "which facts the homeserver holds (`facts`), to be sent what it held back (`ping`), one look "
    "at each room (`whole_state`).",
)
WALL = Figure(
    "provisioning.wall_ratio",
    "",
    1.1,
    "Time the bridge needed from listening to having made a school's rooms, divided by the time "
    "of a bare client for the same rooms with the same createRoom bodies and the same joins, as "
    "many rooms at once. The two take turns in going first; the value is the median of the rounds, "
    "the last of which has the big school of the other two figures.",
)

_WARM_UP = Size(classes=1, pupils_a_class=2, staff=3)
_SMALL = Size(classes=3, pupils_a_class=12, staff=7)
_BIG = Size(classes=12, pupils_a_class=21, staff=48)
_SMALL_ROUNDS = 4
_TINY = Size(classes=2, pupils_a_class=3, staff=4)
_LOOKS = ("whole_state",)
OF_A_START = ("facts", "owner", "ping", *_LOOKS)


@dataclass(frozen=True, slots=True)
class _Round:
    """One school made by both; times in seconds."""

    school: Enrolled
    ours: float
    bare: float
    requests: Mapping[str, int]

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all three."""
    sizes = [_TINY] if quick else [*[_SMALL] * _SMALL_ROUNDS, _BIG]
    async with running_stage(place) as stage, receiving(stage.service, lambda _: None):
        async with _http() as http:
            await Matrix(http, stage.url, stage.service.as_token).register(stage.service.bot)
        # Fills caches, and the extension with facts; without them it lets nobody make rooms.
        await _round(stage, "warm-up", _WARM_UP, bare_first=False)
        rounds = [
            await _round(stage, f"round-{number}", size, bare_first=bool(number % 2))
            for number, size in enumerate(sizes)
        ]
        big = rounds[-1]
        again = await _again(big.school)
    sent, wanted = _without(big.requests, _LOOKS), big.school.events_wanted
    return [
        Measured(
            REQUESTS,
            sent / wanted,
            runs=1,
            floor=wanted,
            extra={
                "floor_unit": "events",
                "school": _described(sizes[-1]),
                "requests": dict(sorted(big.requests.items())),
            },
        ),
        Measured(SECOND_RUN, _without(again, OF_A_START), runs=2, extra={"requests": dict(again)}),
        _wall(rounds, sizes),
    ]


def _without(requests: Mapping[str, int], kinds: Collection[str]) -> int:
    return sum(count for kind, count in requests.items() if kind not in kinds)


def _wall(rounds: Sequence[_Round], sizes: Sequence[Size]) -> Measured:
    return Measured(
        WALL,
        statistics.median(one.ratio for one in rounds),
        runs=len(rounds),
        floor=rounds[-1].bare,
        extra={
            "floor_unit": "s",
            "rounds": [
                f"{_described(size)} {one.ratio:.3f} ({one.ours:.1f} s, bare {one.bare:.1f} s)"
                for size, one in zip(sizes, rounds, strict=True)
            ],
        },
    )


async def _round(stage: Stage, name: str, size: Size, *, bare_first: bool) -> _Round:
    school = await enrolled(stage.installation(name), size)
    if bare_first:
        bare = await _bare(stage, school)
        ours, requests = await _ours(stage, school)
    else:
        ours, requests = await _ours(stage, school)
        bare = await _bare(stage, school)
    return _Round(school, ours, bare, requests)


async def _ours(stage: Stage, school: Enrolled) -> tuple[float, Mapping[str, int]]:
    async with running_bridge(school.folder) as bridge:
        begin = time.perf_counter()
        numbers = await bridge.settled()
        seconds = time.perf_counter() - begin
    await check(stage, school)
    return seconds, numbers["requests"]


async def _bare(stage: Stage, school: Enrolled) -> float:
    async with _http() as http:
        matrix = Matrix(http, stage.url, stage.service.as_token)
        at_once = school.config.rooms.at_once
        bare = Provisioner(matrix, school, stage.service, at_once=at_once)
        begin = time.perf_counter()
        await bare.provision()
        return time.perf_counter() - begin


async def check(stage: Stage, school: Enrolled) -> None:
    """Ask the homeserver whether everybody is where they should be, and nobody else.

    Raises:
        FigureError: They are not.
    """
    ids = await school.room_ids()
    async with _http() as http:
        matrix = Matrix(http, stage.url, school.config.appservice.as_token)
        for room in school.wanted:
            should = {school.accounts[person].mxid for person in room.members}
            actual = await matrix.joined(ids[room.key]) - {school.config.bot_mxid}
            if actual != should:
                difference = f"{len(should - actual)} missing, {len(actual - should)} too many"
                raise FigureError(f"a room ({room.kind.value}) is not as wanted: {difference}")


async def _again(school: Enrolled) -> Counter[str]:
    """Restart the bridge, let it look at the unchanged school twice; return what it sent."""
    async with running_bridge(school.folder) as bridge:
        await school.touch()
        numbers = await bridge.settled()
    return Counter(numbers["requests"])


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


def _described(size: Size) -> str:
    return f"{size.people} people in {size.classes} classes"


GROUP = Group("provisioning", (REQUESTS, SECOND_RUN, WALL), measure)
