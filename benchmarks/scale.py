"""A bridge with many chats: its memory, what a message costs it, what a restart asks.

The homeserver is one with nothing behind it (see `hollow`), so that thousands of messages take
seconds and the bridge's processor time is nearly all there is to see. The school, its rooms, the
ghosts and every message are as real to the bridge as anywhere; the messenger is the stand-in.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import update

from benchmarks.enrolling import Size, enrolled
from benchmarks.figures import Figure, Group, Measured
from benchmarks.linked import logged_in
from benchmarks.stage import cpu_seconds, hollow_stage, memory, running_bridge
from sferum_bridge.app import opened_database
from sferum_bridge.school.layout import Kind
from sferum_bridge.store import chats
from sferum_bridge.store.tables import rooms
from tests.support.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from benchmarks.enrolling import Enrolled
    from benchmarks.hollow import Hollow
    from benchmarks.stage import Place, RunningBridge, Stage
    from sferum_bridge.standin.client import Person

_HOLLOW = "The homeserver is one with nothing behind it, see benchmarks/hollow.py."
RSS = Figure(
    "bridge.rss_mib_500_chats_5000_ghosts",
    "MiB",
    120,
    "Resident memory of the bridge's process once 5,000 people it had never heard of have each "
    "said something in one of 500 linked chats, at most 50 at the same time, and as many messages "
    "have gone the other way. "
    f"`before` is after its start, `peak` the most it ever had. {_HOLLOW}",
)
RESTART = Figure(
    "bridge.restart_requests_per_chat",
    "requests",
    0,
    "What a restarted bridge with 500 linked chats asks the homeserver about rooms before it has "
    "said the first message, divided by the chats. The message is posted once it listens. `looks` "
    "are told apart: every room is looked at once after a start, five a second, which nothing "
    f"waits for. {_HOLLOW}",
)
COST = Figure(
    "bridge.cost_at_1000_chats_over_10",
    "",
    1.1,
    "Processor time of the bridge for a message with 1,000 linked chats, divided by that with 10: "
    "half of the messages go each way, as fast as they go, over ten chats; the rest are silent. "
    "The three take turns; the value is that of the medians. `ms` is for a message. " + _HOLLOW,
)

_KINDS = (Kind.PUPILS, Kind.PARENTS, Kind.MATERIALS)
_ACTIVE = 10
_UNDER_WAY = 50
_SETTLING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Load:
    chats: int
    people: int
    """In each chat."""
    sizes: Sequence[int]
    rounds: int
    messages: int
    """Each way, in a round."""


_FULL = _Load(500, 10, (10, 100, 1000), 5, 500)
_TINY = _Load(12, 3, (3, 9), 1, 20)


@dataclass(frozen=True, slots=True)
class _Chat:
    number: int
    """In the stand-in."""
    room_id: str
    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class _Many:
    """A school of which many rooms are linked."""

    hollow: Hollow
    standin: StandIn
    school: Enrolled
    chats: Sequence[_Chat]
    writer: str
    """The Matrix account of the login's owner."""

    async def into(self, chat: _Chat, who: int, count: int) -> None:
        """Have a person of a chat say so much there, without waiting for anything to arrive."""
        sender = chat.people[who % len(chat.people)].user_id
        for number in range(count):
            await self.standin.control.post(sender, chat.number, f"Сообщение {number}")

    async def out(self, chats: Sequence[_Chat], count: int) -> None:
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


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure all three."""
    load = _TINY if quick else _FULL
    async with hollow_stage(place.folder / "hollow") as (stage, hollow):
        async with _many(stage, hollow, load.chats, load.people) as many:
            rss, restart = await _weight(many, load), await _restart(many)
        return [rss, restart, await _cost(stage, hollow, load)]


# --- many linked chats ----------------------------------------------------------------------


@asynccontextmanager
async def _many(stage: Stage, hollow: Hollow, count: int, people: int) -> AsyncIterator[_Many]:
    """Have a bridge make a school's rooms, and link so many of them; each chat has its people."""
    name = f"many-{count}"
    folder = stage.folder / f"standin-{name}"
    folder.mkdir(parents=True)
    async with StandIn(folder, "--calls-per-second", "0") as standin:
        where = stage.installation(
            name,
            enabled=True,
            api_url=standin.url,
            web_url=standin.url,
            requests_per_second=1000,
        )
        classes = -(-count // len(_KINDS))
        school = await enrolled(where, Size(classes, pupils_a_class=1, staff=classes + 2))
        async with running_bridge(where) as bridge:
            await bridge.settled()
        yield await _linked(hollow, standin, school, count, people)


async def _linked(
    hollow: Hollow, standin: StandIn, school: Enrolled, count: int, people: int
) -> _Many:
    teacher = await standin.control.add_user("Вера", "Лучикова")
    login, room_ids = await logged_in(school, teacher), await school.room_ids()
    keys = [room.key for room in school.wanted if room.kind in _KINDS][:count]
    made: list[_Chat] = []
    async with opened_database(school.config, school.folder) as db:
        for key in keys:
            there = [
                await standin.control.add_user(f"Имя{len(made)}", f"Фамилия{number}")
                for number in range(people)
            ]
            chat = await standin.control.add_chat(
                key, teacher.user_id, [person.user_id for person in there]
            )
            made.append(_Chat(chat.chat, room_ids[key], there))
            async with db.write() as tx:
                linked = chats.Chat(login, str(chat.peer_id), room_ids[key], relay=True)
                await chats.link(tx, linked)
        async with db.read() as tx:
            (owner,) = {one.mxid for one in await chats.all_logins(tx)}
    # A login begins at the newest event, so nothing may be written before it has begun.
    await standin.control.clear_faults()
    async with running_bridge(school.folder):
        await standin.polled()
        await _begun(school)
    return _Many(hollow, standin, school, made, owner)


async def _begun(school: Enrolled) -> None:
    """Wait until the beginning of every linked chat was taken in."""
    async with opened_database(school.config, school.folder) as db:
        waiting = True
        while waiting:
            await asyncio.sleep(0.1)
            async with db.read() as tx:
                waiting = bool(await chats.logins_to_begin(tx))


# --- memory, restart ------------------------------------------------------------------------


async def _weight(many: _Many, load: _Load) -> Measured:
    async with running_bridge(many.school.folder) as bridge:
        await many.standin.polled()
        await asyncio.sleep(_SETTLING_SECONDS)
        before = memory(bridge.process)
        many.hollow.forget()
        many.hollow.speakers.clear()
        turns = [(chat, who) for who in range(load.people) for chat in many.chats]
        for number, (chat, who) in enumerate(turns):
            await many.into(chat, who, 1)
            await many.hollow.until_said(number + 1 - _UNDER_WAY)
        messages = len(turns)
        await many.hollow.until_said(messages)
        await many.out(many.chats, messages)
        await asyncio.sleep(_SETTLING_SECONDS)
        after = memory(bridge.process)
    return Measured(
        RSS,
        after.now,
        runs=1,
        extra={
            "before": round(before.now, 1),
            "peak": round(after.peak, 1),
            "chats": len(many.chats),
            "ghosts": len(many.hollow.speakers),
            "messages": 2 * messages,
        },
    )


async def _restart(many: _Many) -> Measured:
    # As after a night: all rooms have a look before them.
    async with opened_database(many.school.config, many.school.folder) as db, db.write() as tx:
        await tx.run(update(rooms).values(looked_at=0))
    linked = {chat.room_id for chat in many.chats}
    many.hollow.forget()
    begin = time.perf_counter()
    async with running_bridge(many.school.folder):
        listens = time.perf_counter() - begin
        await many.into(many.chats[-1], 0, 1)
        await many.hollow.until_said(1)
        shown = time.perf_counter() - begin
        asked = list(many.hollow.asked)
    before = asked[: next(n for n, one in enumerate(asked) if one.kind == "send")]
    about = [one for one in before if one.room_id in linked]
    looks = sum(one.kind == "get state" for one in about)
    return Measured(
        RESTART,
        (len(about) - looks) / len(linked),
        runs=1,
        extra={
            "chats": len(linked),
            "looks": looks,
            "requests_in_all": len(before),
            "listens_after_s": round(listens, 2),
            "first_message_after_s": round(shown, 2),
        },
    )


# --- cost -----------------------------------------------------------------------------------


async def _cost(stage: Stage, hollow: Hollow, load: _Load) -> Measured:
    costs: dict[int, list[float]] = {size: [] for size in load.sizes}
    async with AsyncExitStack() as opened:
        schools = {
            size: await opened.enter_async_context(_many(stage, hollow, size, 1))
            for size in load.sizes
        }
        for _ in range(load.rounds):
            for size, many in schools.items():
                async with running_bridge(many.school.folder) as bridge:
                    costs[size].append(await _cost_of(many, bridge, load.messages))
    medians = {size: statistics.median(found) for size, found in costs.items()}
    least, most = min(medians), max(medians)
    return Measured(
        COST,
        medians[most] / medians[least],
        runs=load.rounds,
        floor=medians[least],
        extra={
            "floor_unit": "ms",
            "ms": {f"{size}": round(ms, 3) for size, ms in medians.items()},
            "spread": {
                f"{size}": [round(min(found), 3), round(max(found), 3)]
                for size, found in costs.items()
            },
        },
    )


async def _cost_of(many: _Many, bridge: RunningBridge, count: int) -> float:
    """Return what a message cost, in milliseconds of the processor."""
    active = many.chats[:_ACTIVE]
    await many.standin.polled()
    many.hollow.forget()
    await many.into(active[0], 0, 1)
    await many.hollow.until_said(1)
    await asyncio.sleep(_SETTLING_SECONDS)
    many.hollow.forget()
    begin = cpu_seconds(bridge.process)
    each = count // len(active)
    async with asyncio.TaskGroup() as tasks:
        for chat in active:
            tasks.create_task(many.into(chat, 0, each))
        tasks.create_task(many.out(active, each * len(active)))
    await many.hollow.until_said(each * len(active))
    await asyncio.sleep(_SETTLING_SECONDS)
    return (cpu_seconds(bridge.process) - begin) * 1000 / (2 * each * len(active))


GROUP = Group("scale", (RSS, RESTART, COST), measure)
