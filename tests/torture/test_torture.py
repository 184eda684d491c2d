"""Everything people do with messages, under a bridge that is killed all the time.

The test runs a short form; `make torture` the long one (`SFERUM_TORTURE`: kills, messages, chats),
which says how far it is and, at a Ctrl-C, stops, waits for what is under way and says what it has.
What a run does follows from its seed, which it prints; `SFERUM_TORTURE_SEED` gives it one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.table import Table

from sferum_bridge.store import chats, logins, voices
from tests.support.bridge import BridgedSchool, until
from tests.support.postgres import PostgresServer
from tests.torture import material
from tests.torture.checker import Count, Said, Verdict
from tests.torture.matrix_side import MatrixSide
from tests.torture.sferum_side import SferumSide
from tests.torture.talk import Author, Talk
from tests.torture.trouble import DRAIN_SECONDS, SECONDS_A_KILL, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sferum_bridge.school.people import School
    from tests.support.bridge import Client, LinkedChat

KILLS, MESSAGES, CHATS = map(int, os.environ.get("SFERUM_TORTURE", "1,64,2").split(","))
SEED = os.environ.get("SFERUM_TORTURE_SEED") or str(SystemRandom().randrange(10**9))
IS_LONG = KILLS >= 10
PACE = 1.5
"""Seconds from when a bridge is up to when it is killed, about."""
SECONDS_TO_STALL = 60
"""For how long nothing more may arrive before it is taken for lost."""
SECONDS_BETWEEN_NEWS = 20
MOST_COMPLAINTS = 40
ROOMS = ("pupils", "parents")
GRADES = "АБВГДЕЖЗИКЛМ"
OWN_CHATS = 2
"""In how many chats of pupils there are some with logins of their own."""
PUPILS = ("Торопыжка Быстрый", "Винтик Гаечный")
SECONDS_TO_LISTEN = 90
CONSOLE = Console()


@dataclass(frozen=True, slots=True)
class Seats:
    """Who sits in a linked chat, on either side. Those with a login of their own on both."""

    sferum: Sequence[SferumSide]
    matrix: Sequence[MatrixSide]
    accounts: Sequence[int]
    """Whoever has a login."""


async def linked(bridged: BridgedSchool, school: School) -> list[Seats]:
    """Link as many chats as there are to be, two a class, by the class teacher's login.

    In the first chats of pupils some of these log in themselves.
    """
    leaders = {leadership.class_id: leadership.person_id for leadership in school.leaderships}
    places = [(group, kind) for group in school.classes.values() for kind in ROOMS][:CHATS]
    with_own = [number for number, (_, kind) in enumerate(places) if kind == "pupils"][:OWN_CHATS]

    async def link(number: int) -> Seats:
        group, kind = places[number]
        room_id, title = await bridged.room(kind, group.name), f"{group.name} {kind}"
        names = ("Знайка Лунный", *(PUPILS if number in with_own else ()))
        teacher = leaders[group.id]
        chat = await bridged.link_chat(teacher, room_id, title, names, relay=False)
        pupils = [one.person_id for one in school.enrolments if one.class_id == group.id]
        who = ["teacher", "other", *(f"pupil {n}" for n in range(len(names) - 1))]
        there = dict(zip(who, (chat.owner, *chat.others), strict=True))
        clients = {"teacher": await bridged.client(teacher)}
        for one, person_id in zip(who[2:], pupils, strict=False):
            clients[one] = await bridged.client(person_id)
            await log_in(bridged, chat, room_id, clients[one], there[one])
        ghost = f"@sferum_{there['other']}:{clients['teacher'].mxid.partition(':')[2]}"
        here = {one: client.mxid for one, client in clients.items()} | {"other": ghost}
        first = CHATS + len(PUPILS) * with_own.index(number) if number in with_own else 0
        seats = {**dict.fromkeys(who[:2], number), **{p: first + n for n, p in enumerate(who[2:])}}
        return Seats(
            [SferumSide(bridged, chat, there, one, seats[one]) for one in who[1:]],
            [MatrixSide(client, room_id, here, one, seats[one]) for one, client in clients.items()],
            [there[one] for one in clients],
        )

    # Each waits until the bridge has noticed, so all at once.
    return await asyncio.gather(*map(link, range(len(places))))


async def log_in(
    bridged: BridgedSchool, chat: LinkedChat, room_id: str, client: Client, account: int
) -> None:
    """Give somebody in a linked room a login of their own, and wait until they are heard by it."""
    control = bridged.standin.control
    # By what was said in it a chat is known again.
    await control.post(chat.others[0], chat.chat, "до входа")
    cookie = await control.log_in(account)
    async with bridged.database() as db, db.write() as tx:
        login = await chats.save_login(tx, logins.SFERUM, str(account), "", client.mxid, cookie)
    await client.say(room_id, "после входа")

    async def heard() -> bool:
        async with bridged.database() as db, db.read() as tx:
            found = {voice.login_id for voice in await voices.found(tx)}
            return login in found and bool(await chats.cursor(tx, login))

    await until(heard, SECONDS_TO_LISTEN)


class Run:
    """One database under torture."""

    def __init__(
        self, backend: str, bridged: BridgedSchool, postgres: PostgresServer | None
    ) -> None:
        self.backend = backend
        self.bridged = bridged
        self.postgres = postgres
        self.talks: list[Talk] = []
        self.began = time.monotonic()
        self._whole: dict[int, int] = {}
        """Talks that were whole, and how often anything had been done in them then."""

    async def prepare(self) -> Trouble:
        """Link the chats; return the trouble that is to come."""
        tables = await linked(self.bridged, await self.bridged.school())
        trouble = Trouble(
            self.bridged,
            self.postgres,
            Random(f"{SEED} {self.backend}"),  # noqa: S311 - has to be repeatable
            kills=KILLS,
            pace=PACE,
            accounts=[account for seats in tables for account in seats.accounts],
            arrived=self.arrived,
        )
        for seats in tables:
            known: dict[str, Said] = {}
            inward, outward = (
                [
                    Author(
                        side,
                        f"{head} {side.seat:02}",
                        Random(f"{SEED} {side.seat} {head}"),  # noqa: S311 - as above
                        trouble,
                        known,
                    )
                    for side in sides
                ]
                for sides, head in ((seats.sferum, "сюда"), (seats.matrix, "туда"))
            )
            self.talks.append(Talk(seats.sferum[0], seats.matrix[0], inward, outward))
        return trouble

    async def play(self, trouble: Trouble) -> None:
        """Let everybody talk while there is trouble, and wait until all has arrived."""
        each = MESSAGES // sum(len(talk.authors) for talk in self.talks)
        news = asyncio.create_task(self._tell(trouble))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(trouble.run())
                for number, talk in enumerate(self.talks):
                    for side in (talk.inward, talk.outward):
                        for place, author in enumerate(side, number):
                            random = Random(f"{SEED} {number} {place}")  # noqa: S311 - as above
                            kinds = material.kinds(random, each, place)
                            tasks.create_task(author.write(kinds))
            self.say(trouble, "all is said; what is under way arrives")
            await self._settle(trouble)
        finally:
            news.cancel()

    async def _settle(self, trouble: Trouble) -> None:
        """Wait until all has arrived, as long as something does."""
        best, last = MESSAGES + 1, time.monotonic()
        while time.monotonic() - last < SECONDS_TO_STALL and not await self.arrived():
            amiss = sum(len(verdict.complaints) for verdict in await self.verdicts())
            if amiss < best:
                best, last = amiss, time.monotonic()
                self.say(trouble, f"{amiss} still to come")
            await asyncio.sleep(1)

    async def arrived(self) -> bool:
        """Tell whether everything is as it should be by now. Who was whole is not asked again."""
        for number, talk in enumerate(self.talks):
            acts = talk.acts
            if self._whole.get(number) == acts:
                continue
            if not all(one.total.is_whole for one in await talk.verdicts()):
                await asyncio.sleep(0.2)
                return False
            self._whole[number] = acts
        return True

    async def verdicts(self) -> tuple[Verdict, Verdict]:
        """Compare all that was said, both ways."""
        inward, outward = Verdict(), Verdict()
        for talk in self.talks:
            one, other = await talk.verdicts()
            inward, outward = inward + one, outward + other
        return inward, outward

    def say(self, trouble: Trouble, more: str = "") -> None:
        """Say how far it is."""
        if IS_LONG:
            said = sum(talk.said for talk in self.talks)
            minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
            CONSOLE.print(
                f"{minutes:3}:{seconds:02}  {self.backend}: {trouble.kills} of {KILLS} kills,"
                f" {said} of {MESSAGES} messages  {more}"
            )

    async def _tell(self, trouble: Trouble) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_NEWS)
            self.say(trouble)


@pytest.mark.timeout(600 + 60 * KILLS)
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_nothing_is_lost_doubled_reordered_or_wrong(backend: str, tmp_path: Path) -> None:
    if backend == "postgres" and "DATABASE_URL" in os.environ:
        pytest.skip("restarts the PostgreSQL server, so it has to be one of its own")
    async with AsyncExitStack() as stack:
        postgres = PostgresServer(durable=True) if backend == "postgres" else None
        if postgres is not None:
            stack.push_async_callback(postgres.stop)
        classes = [f"5{letter}" for letter in GRADES[: -(-CHATS // len(ROOMS))]]
        bridged = await BridgedSchool.start(tmp_path, postgres, classes=classes, pupils=len(PUPILS))
        stack.push_async_callback(bridged.stop)
        run = Run(backend, bridged, postgres)
        trouble = await run.prepare()
        minutes = -(-KILLS * SECONDS_A_KILL // 60)
        run.say(trouble, f"seed {SEED}; about {minutes:.0f} minutes; Ctrl-C ends it early")
        with interruptible(trouble.ending):
            await run.play(trouble)
        # Whatever comes twice comes soon after.
        await asyncio.sleep(2)
        await bridged.stop_bridge()
        inward, outward = await run.verdicts()
    report(backend, trouble, inward, outward)
    for verdict in (inward, outward):
        assert verdict.total.is_whole, bridged.log()[-4000:]
    assert trouble.unclean == []
    assert trouble.longest_drain <= DRAIN_SECONDS


@contextmanager
def interruptible(ending: asyncio.Event) -> Iterator[None]:
    """Have the first Ctrl-C end a long run early, in good order; a second one ends it at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        ending.set()
        loop.remove_signal_handler(signal.SIGINT)

    if IS_LONG:
        loop.add_signal_handler(signal.SIGINT, end)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def report(backend: str, trouble: Trouble, inward: Verdict, outward: Verdict) -> None:
    """Print what happened and what became of the messages."""
    table = Table(
        *("", "sent", "lost", "doubled", "reordered", "wrong"), title=f"{backend}, seed {SEED}"
    )
    for way, verdict in (("Sferum → Matrix", inward), ("Matrix → Sferum", outward)):
        rows = [(f"{way}: {kind}", count) for kind, count in verdict.counts.items()]
        for name, count in [*rows, (f"{way}: all", verdict.total)]:
            table.add_row(name, *map(str, _figures(count)))
        table.add_section()
    CONSOLE.print(table)
    for what, times in trouble.made.items():
        CONSOLE.print(f"{what}: {times}")
    CONSOLE.print(f"longest end: {trouble.longest_drain:.1f} s")
    complaints = inward.complaints + outward.complaints
    for complaint in complaints[:MOST_COMPLAINTS]:
        CONSOLE.print(complaint, markup=False)
    if len(complaints) > MOST_COMPLAINTS:
        CONSOLE.print(f"and {len(complaints) - MOST_COMPLAINTS} more")


def _figures(count: Count) -> tuple[int, ...]:
    return count.sent, count.lost, count.doubled, count.reordered, count.wrong
