"""A class chat of thirty whom nobody here has heard of: when they are in, when the first is heard.

The setting is `sferum.members: all`. In each round a chat is linked, and as soon as the first of
its people is seen to be in the room, another one of them writes. A bare client brings as many into
a sibling room with the same requests, as many at once, and has one of them write at that moment.
The two take turns in going first. All times are from a pupil's /sync.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks.bare import Arrivals, Matrix, beside
from benchmarks.enrolling import Size
from benchmarks.figures import Figure, Group, Measured
from benchmarks.linked import logged_in, made, pupils_rooms, sibling_room
from benchmarks.stage import running_bridge, running_stage
from sferum_bridge.app import opened_database
from sferum_bridge.matrix.client import path
from sferum_bridge.relay.inward.gathering import AT_ONCE
from sferum_bridge.store import chats
from tests.support.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from benchmarks.enrolling import Account, Enrolled
    from benchmarks.stage import Place, Stage
    from sferum_bridge.standin.client import Person

FIRST = Figure(
    "relay.first_message_of_unseen_s",
    "s",
    1.5,
    "From before somebody nobody here has heard of posts in a class chat, while the other 29 are "
    "being brought into its room, to when a pupil's /sync shows it; the worst of the rounds. The "
    "floor is the median for a bare client that does the same requests at the same moment.",
)
ALL = Figure(
    "relay.members_in_over_floor",
    "",
    1.2,
    "From when a pupil's /sync shows the first of 30 unseen people of a class chat in the room to "
    "when it shows the last, divided by the same of a bare client: register, device, name, invite, "
    "join, as many at once.",
)

_FILTER = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "timeline": {"types": ["m.room.message", "m.room.member"], "limit": 100},
        "state": {"types": []},
        "ephemeral": {"types": []},
        "account_data": {"types": []},
    },
}
_DEVICE = "FLOOR"


@dataclass(frozen=True, slots=True)
class _Load:
    rounds: int
    people: int


_FULL, _TINY = _Load(5, 30), _Load(1, 4)


@dataclass(frozen=True, slots=True)
class _Took:
    """Seconds until all were in since the first was, and until the message was there."""

    all_in: float
    first: float


class _Class:
    """A class: its room and a sibling of it, and what its pupil and the pupil's twin see."""

    def __init__(self, room_id: str, sibling: str, seen: Arrivals, seen_by_twin: Arrivals) -> None:
        self.room_id = room_id
        self.sibling = sibling
        self.seen = seen
        self.seen_by_twin = seen_by_twin


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure both."""
    load = _TINY if quick else _FULL
    async with running_stage(place) as stage, _opened(stage, load) as (school, standin, classes):
        service = classes.service
        owner = await standin.control.add_user("Вера", "Лучикова")
        login = await logged_in(school, owner)
        ours: list[_Took] = []
        bare: list[_Took] = []
        async with running_bridge(school.folder) as bridge:
            await bridge.settled()
            await standin.polled()
            for number, one in enumerate(classes.all):
                for by_bridge in (True, False) if number % 2 else (False, True):
                    if by_bridge:
                        people = await _strangers(standin, load.people, number)
                        ours.append(await _by_bridge(school, standin, one, login, owner, people))
                    else:
                        names = [f"{number}-{each}" for each in range(load.people)]
                        ghosts = [stage.service.ghost(name) for name in names]
                        bare.append(await _by_hand(service, one, ghosts))
    return _measured(ours, bare, load)


def _measured(ours: Sequence[_Took], bare: Sequence[_Took], load: _Load) -> Sequence[Measured]:
    ratios = [a.all_in / b.all_in for a, b in zip(ours, bare, strict=True)]
    return [
        Measured(
            FIRST,
            max(one.first for one in ours),
            runs=len(ours),
            floor=statistics.median(one.first for one in bare),
            extra={
                "median": round(statistics.median(one.first for one in ours), 3),
                "people": load.people,
            },
        ),
        Measured(
            ALL,
            statistics.median(ratios),
            runs=len(ours),
            floor=statistics.median(one.all_in for one in bare),
            extra={
                "floor_unit": "s",
                "bridge": f"{statistics.median(one.all_in for one in ours):.2f} s",
                "spread": [round(min(ratios), 3), round(max(ratios), 3)],
                "people": load.people,
                "at_once": AT_ONCE,
            },
        ),
    ]


# --- a school -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Classes:
    service: Matrix
    all: Sequence[_Class]


@asynccontextmanager
async def _opened(stage: Stage, load: _Load) -> AsyncIterator[tuple[Enrolled, StandIn, _Classes]]:
    folder = stage.folder / "standin"
    folder.mkdir()
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        StandIn(folder, "--calls-per-second", "0") as standin,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        size = Size(classes=load.rounds, pupils_a_class=2, staff=load.rounds + 2)
        school = await made(stage, standin, size, members="all")
        service = Matrix(http, stage.url, stage.service.as_token)
        await service.register(stage.service.bot)
        room_ids, anybody = await school.room_ids(), Matrix(http, stage.url)
        classes, watching = [], []
        for room, (_, pupil) in pupils_rooms(school):
            sibling = await sibling_room(stage, school, room, service)
            seen = [Arrivals(), Arrivals()]
            classes.append(_Class(room_ids[room.key], sibling, *seen))
            for account, arrivals in zip(
                (school.accounts[pupil], school.twins[pupil]), seen, strict=True
            ):
                watching.append(_watch(anybody, account, arrivals))
        async with beside(*watching):
            yield school, standin, _Classes(service, classes)


async def _watch(anybody: Matrix, account: Account, seen: Arrivals) -> None:
    """Sync for ever; note texts, and the Matrix id of whoever joins a room."""
    matrix = await anybody.logged_in(account)
    query = {"filter": json.dumps(_FILTER), "timeout": "0"}
    while True:
        answer = await matrix.request("GET", path("sync"), query=query)
        query |= {"since": answer["next_batch"], "timeout": "30000"}
        for room_id, room in answer.get("rooms", {}).get("join", {}).items():
            for event in room["timeline"]["events"]:
                if event["content"].get("membership") == "join":
                    seen.note(f"{event['state_key']} {room_id}")
                seen.note(str(event["content"].get("body", "")))


# --- both ways of bringing them in ----------------------------------------------------------


async def _strangers(standin: StandIn, count: int, number: int) -> Sequence[Person]:
    return [
        await standin.control.add_user(f"Имя{number}", f"Фамилия{each}") for each in range(count)
    ]


async def _by_bridge(
    school: Enrolled,
    standin: StandIn,
    where: _Class,
    login: str,
    owner: Person,
    people: Sequence[Person],
) -> _Took:
    ids = [person.user_id for person in people]
    chat = await standin.control.add_chat(where.room_id, owner.user_id, ids)
    prefix, domain = school.config.appservice.ghost_prefix, school.config.homeserver.domain
    mxids = [f"@{prefix}{user_id}:{domain}" for user_id in ids]
    async with opened_database(school.config, school.folder) as db, db.write() as tx:
        linked = chats.Chat(login, str(chat.peer_id), where.room_id, relay=False)
        await chats.link(tx, linked)
    # So that the homeserver hears soon that the room is linked.
    await school.touch()
    text = f"first of {where.room_id}"

    async def say() -> None:
        await standin.control.post(ids[-1], chat.chat, text)

    return await _timed(where.seen, where.room_id, mxids, text, say())


async def _by_hand(service: Matrix, where: _Class, mxids: Sequence[str]) -> _Took:
    some = asyncio.Semaphore(AT_ONCE)
    text, last = f"first of {where.sibling}", mxids[-1]

    async def bring(mxid: str) -> None:
        await service.register(mxid)
        await service.put_device(mxid, _DEVICE)
        await service.set_name(mxid, f"Имя {mxid[1:9]} (Сферум)")
        await service.invite(where.sibling, mxid)
        await service.join(where.sibling, mxid)

    async def in_turn(mxid: str) -> None:
        async with some:
            await bring(mxid)

    async def all_others() -> None:
        await in_turn(mxids[0])
        await asyncio.gather(*(in_turn(mxid) for mxid in mxids[1:-1]))

    async def say() -> None:
        await bring(last)
        await service.say(where.sibling, text, {"user_id": last, "device_id": _DEVICE})

    bringing = asyncio.create_task(all_others())
    took = await _timed(where.seen_by_twin, where.sibling, mxids, text, say())
    await bringing
    return took


async def _timed(
    seen: Arrivals, room_id: str, mxids: Sequence[str], text: str, say: Coroutine[Any, Any, None]
) -> _Took:
    arrivals = [asyncio.ensure_future(seen.when(f"{mxid} {room_id}")) for mxid in mxids]
    await next(asyncio.as_completed(arrivals))
    begin = time.perf_counter()
    await say
    shown = await seen.when(text)
    when = await asyncio.gather(*arrivals)
    return _Took(max(when) - min(when), shown - begin)


GROUP = Group("joining", (FIRST, ALL), measure)
