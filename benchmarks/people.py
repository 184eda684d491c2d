"""What becoming a parent costs: how many things a parent does, and how long the room takes.

Parents come one at a time, one to the bridge and one to a bare client, in turns. Times are of one
machine's monotonic clock, from just before the request with the code is sent to when the parent's
own /sync shows the parents' room as joined. A parent answers the moment the question is there.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from sqlalchemy import insert

from benchmarks.bare import Arrivals, Matrix, Texts, beside, receiving
from benchmarks.enrolling import Account, Size, enrolled
from benchmarks.figures import Figure, Group, Measured, percentile
from benchmarks.stage import running_bridge, running_stage
from sferum_bridge.app import opened_database, opened_homeserver, registrar
from sferum_bridge.matrix.client import path
from sferum_bridge.school.layout import Kind, key
from sferum_bridge.store import accounts, invites
from sferum_bridge.store.tables import expected_parents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from benchmarks.enrolling import Enrolled
    from benchmarks.stage import Place, Service, Stage

ACTIONS = Figure(
    "people.actions_to_parents_room",
    "actions",
    3,
    "What a parent does after signing in until they are in the parents' room: things sent to the "
    "bot, a direct chat with it being open. The roster names them.",
)
TIME = Figure(
    "people.code_to_room_p50_over_floor_ms",
    "ms",
    None,
    "From before a parent sends the code to when their /sync shows the parents' room, above the "
    "floor: a bare appservice that answers the same two messages and has the person join a room. "
    "The bridge also checks, links, tells child, other parent and class teacher, records, lets the "
    "homeserver know, and has the person join the class's space and two rooms. The value is the "
    "difference of the two medians.",
)

_HOUR = 3_600_000
_FULL, _TINY = Size(2, 12, 4), Size(1, 2, 3)
_PARENTS_A_CHILD = 2


@dataclass(slots=True)
class _Person:
    """Somebody at a client, in a direct chat."""

    matrix: Matrix
    chat: str
    mxid: str
    user: dict[str, str] = field(default_factory=dict)
    """The query by which the bare service acts for its own account."""
    actions: int = 0

    async def say(self, text: str) -> None:
        self.actions += 1
        await self.matrix.say(self.chat, text, self.user)

    async def watch(self, seen: Arrivals) -> None:
        """Sync for ever; note each room that is joined, and how much others have said here."""
        query = {"timeout": "0", **self.user}
        said = 0
        while True:
            answer = await self.matrix.request("GET", path("sync"), query=query)
            query |= {"since": answer["next_batch"], "timeout": "30000"}
            for room_id, room in answer.get("rooms", {}).get("join", {}).items():
                seen.note(room_id)
                for event in room["timeline"]["events"]:
                    if event["type"] == "m.room.message" and event["sender"] != self.mxid:
                        said += 1
                        seen.note(f"said {said}")


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure both."""
    size = _TINY if quick else _FULL
    async with running_stage(place) as stage:
        school = await enrolled(stage.installation("people"), size)
        async with (
            _http() as http,
            running_bridge(school.folder) as bridge,
            _bare(stage, http) as b,
        ):
            await bridge.settled()
            ours, bare, actions = [], [], set[int]()
            parents = [parent async for parent in _parents(stage, school, http)]
            for number, (parent, code, room) in enumerate(parents):
                floor = await b.person(number)
                first = number % 2 == 0
                if first:
                    bare.append(await _until_in(floor, f"code {number}", f"yes {number}", b.room))
                ours.append(await _until_in(parent, code, "подтвердить", room))
                if not first:
                    bare.append(await _until_in(floor, f"code {number}", f"yes {number}", b.room))
                actions.add(parent.actions)
    milliseconds = [[1000 * seconds for seconds in side] for side in (ours, bare)]
    return [
        Measured(ACTIONS, max(actions), runs=len(ours)),
        Measured(
            TIME,
            statistics.median(milliseconds[0]) - statistics.median(milliseconds[1]),
            runs=len(ours),
            floor=statistics.median(milliseconds[1]),
            extra={
                "bridge": _spread(milliseconds[0]),
                "bare": _spread(milliseconds[1]),
            },
        ),
    ]


async def _until_in(person: _Person, code: str, yes: str, room: str) -> float:
    """Send the code, confirm, and wait for the room; return the seconds it took."""
    seen = Arrivals()
    async with beside(person.watch(seen)):
        await seen.when(person.chat)
        begin = time.perf_counter()
        await person.say(code)
        await seen.when("said 1")
        await person.say(yes)
        return await seen.when(room) - begin


async def _parents(
    stage: Stage, school: Enrolled, http: aiohttp.ClientSession
) -> AsyncIterator[tuple[_Person, str, str]]:
    """Give each pupil two parents whom the roster names; yield parent, code and parents' room."""
    config, folder = school.config, school.folder
    rooms = await school.room_ids()
    plain = Matrix(http, stage.url)
    async with opened_database(config, folder) as db, opened_homeserver(config) as homeserver:
        maker = registrar(config, db, homeserver)
        for enrolment in school.school.enrolments:
            child = enrolment.person_id
            async with db.write() as tx:
                code = await invites.issue(
                    tx, child, school.school.id, child, f"bench/{child}", 100 * _HOUR
                )
            for _ in range(_PARENTS_A_CHILD):
                async with db.write() as tx:
                    person_id = await accounts.add_person(tx, "Выдумкина", "Ольга")
                    row = {"school_id": school.school.id, "child_id": child}
                    await tx.run(
                        insert(expected_parents).values(**row, parent_id=person_id, access=True)
                    )
                async with db.read() as tx:
                    person = await accounts.person(tx, person_id)
                if person is None:
                    raise LookupError(person_id)
                mxid, password = await maker.create(person)
                client = await plain.logged_in(Account(mxid, password))
                chat = await _direct_chat(client, config.bot_mxid)
                room = rooms[key(Kind.PARENTS, enrolment.class_id)]
                yield _Person(client, chat, mxid), code, room


async def _direct_chat(client: Matrix, bot: str) -> str:
    """Open a direct chat and wait until the bot has said hello in it."""
    content = {"preset": "trusted_private_chat", "is_direct": True, "invite": [bot]}
    chat = await client.create(content)
    async with asyncio.timeout(30):
        while True:
            where = path("rooms", chat, "messages")
            answer = await client.request("GET", where, query={"dir": "b", "limit": "20"})
            if any(e["sender"] == bot and "body" in e["content"] for e in answer["chunk"]):
                return chat
            await asyncio.sleep(0.05)


# --- the floor ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bare:
    """An appservice that answers and has people join, and nothing else."""

    matrix: Matrix
    service: Service
    room: str
    chats: dict[str, tuple[str, str]]
    """By what is going to be said: where, and by whom."""

    async def person(self, number: int) -> _Person:
        """Make somebody in a direct chat with the service's bot."""
        mxid = self.service.ghost(f"parent-{number}")
        await self.matrix.register(mxid)
        chat = await self.matrix.create({"preset": "trusted_private_chat", "invite": [mxid]})
        await self.matrix.join(chat, mxid)
        for said in (f"code {number}", f"yes {number}"):
            self.chats[said] = chat, mxid
        return _Person(self.matrix, chat, mxid, {"user_id": mxid})

    async def answer(self, texts: Texts) -> None:
        """Answer for ever what comes in."""
        while True:
            text = await texts.next()
            if text in self.chats:
                chat, mxid = self.chats[text]
                await self.matrix.say(chat, f"answer to {text}")
                if text.startswith("yes"):
                    await self.matrix.join(self.room, mxid)


@asynccontextmanager
async def _bare(stage: Stage, http: aiohttp.ClientSession) -> AsyncIterator[_Bare]:
    texts = Texts()
    matrix = Matrix(http, stage.url, stage.service.as_token)
    async with receiving(stage.service, texts.note):
        await matrix.register(stage.service.bot)
        # Not the school's, so the extension lets anybody in; one event, as the bridge's joins are.
        room = await matrix.create({"preset": "public_chat"})
        bare = _Bare(matrix, stage.service, room, {})
        async with beside(bare.answer(texts)):
            yield bare


def _spread(milliseconds: Sequence[float]) -> str:
    return f"p50 {percentile(milliseconds, 50):.1f}, p95 {percentile(milliseconds, 95):.1f}"


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


GROUP = Group("people", (ACTIONS, TIME), measure)
