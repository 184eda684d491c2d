"""A walk about a world: who is who at the moment, what is there to try, and what was tried.

Everybody does something at random, several at a time; every now and then the bridge changes
somebody's place in the school, alone, so that what everybody was when an act began is known.

What is said and shown carries a word by which the checks know it again: the school's people write
an *inside* word, strangers a *foreign* one. Some people come to the school and leave it; they are
neither, so they write neither.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from sferum_bridge.store.database import now_ms
from tests.contour.actors import quoted
from tests.contour.school import KIN, PEOPLE, ROOMS, audience
from tests.contour.settling import PICTURE
from tests.contour.sight import until
from tests.contour.walk_stored import rows
from tests.contour.world import register

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.contour.actors import Actor
    from tests.contour.world import World
    from tests.support.synapse import Answer

    Act = Callable[["Walk", Random], Awaitable[None]]

FIXED = tuple(name for name in PEOPLE if name != "former")
"""They are of the school from beginning to end, though not always in the same place."""

STRANGERS = ("o", "o2", "p4", "former", "x", "g", "g2", "anonymous")
"""They never are."""

REMOTE = ("m", "m2")

MOVERS = ("n1", "n2", "n3", "n4", "wide1", "wide2")
"""They come and go. The last two are in the namespace of another application service."""

PLACES: Sequence[tuple[str, ...]] = (
    (),
    (),
    ("school/a/former",),
    ("class/7b/pupils",),
    ("class/7b/pupils",),
    ("class/8a/pupils",),
    ("class/5v/pupils",),
    ("class/7b/parents",),
    ("class/5v/parents",),
    ("school/a/staff", "class/7b/teachers"),
    ("school/a/staff",),
)
"""Where somebody who comes and goes may be."""

OWN_MOVES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("s2", ("class/8a/pupils",)),
    ("s2", ("class/7b/pupils",)),
    ("s8", ("class/7b/pupils",)),
    ("s8", ("class/8a/pupils",)),
    ("t8", ("school/a/staff", "class/7b/teachers")),
    ("t8", ("school/a/staff", "class/8a/teachers")),
    ("t2", ("school/a/staff",)),
    ("t2", ("school/a/staff", "class/7b/teachers")),
    ("tp", ("school/a/staff", "class/8a/teachers")),
    ("tp", ("school/a/staff", "class/8a/teachers", "class/5v/parents")),
)
"""How the others change their place."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What may not be, and of which kind it is."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that somebody put up, `inside` while they were of the school."""

    server: str
    media_id: str
    inside: bool

    @property
    def path(self) -> str:
        return f"{self.server}/{self.media_id}"


@dataclass(frozen=True, slots=True)
class Room:
    """A room, and what it was made as: `school`, `inside` (by the school's people), `outside`."""

    id: str
    kind: str
    home: str
    """The server to join it through."""


class Walk:
    """Everybody, what they can try, and a record of it.

    `groups` and `kin` are who is in which group and who is whose parent, as last pushed.
    """

    def __init__(self, world: World, seed: int) -> None:
        tag = secrets.token_hex(4)
        self.world = world
        self.seed = seed
        self.inside = f"inner{tag}"
        self.foreign = f"outer{tag}"
        self.random = Random(f"{seed} walk")  # noqa: S311 — repeatable, not secret
        self.groups: dict[str, tuple[str, ...]] = dict(PEOPLE)
        self.kin: dict[str, tuple[str, ...]] = dict(KIN)
        self.crossings: dict[str, list[int]] = defaultdict(list)
        """When somebody came to the school or left it, by turns, in milliseconds."""
        self.actors: dict[str, Actor] = {}
        self.rooms: dict[str, Room] = {}
        self.school: dict[str, tuple[Kind, str]] = {}
        """School rooms: id → kind and place."""
        self.wide_open: set[str] = set()
        """School rooms that the bot made open, so that the membership rules stand alone there."""
        self.mangled: set[str] = set()
        """Rooms into which the other server signed something by hand.

        It may not understand any more what others say in them: an event that it made up itself lies
        before, and it does not take it from anybody.
        """
        self.files: list[File] = []
        self.aliases: list[str] = []
        self.events: list[str] = []
        self.violations: list[Violation] = []
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        """Acts by which Synapse itself broke: answers of 500."""
        self.log: list[str] = []
        self.steps = 0
        self._names: dict[str, str] = {}
        self._words = itertools.count(1)

    # --- who is who -----------------------------------------------------------------------------

    def is_inside(self, name: str) -> bool:
        """Tell whether somebody is of the school at the moment."""
        return any(not group.endswith("/former") for group in self.groups.get(name, ()))

    def was_inside(self, name: str, at: int) -> bool:
        """Tell whether somebody was of the school at a time in milliseconds."""
        since = sum(crossed > at for crossed in self.crossings[name])
        return self.is_inside(name) is (since % 2 == 0)

    @property
    def insiders(self) -> list[str]:
        return [name for name in (*FIXED, *MOVERS) if self.is_inside(name)]

    @property
    def outsiders(self) -> list[str]:
        return [*STRANGERS, *REMOTE, *(name for name in MOVERS if not self.is_inside(name))]

    def name_of(self, user_id: str) -> str:
        """Return how somebody is called here; the id of whoever is nobody here."""
        return self._names.get(user_id, user_id)

    def id_of(self, name: str) -> str:
        return self.actors[name].user_id

    def word(self, name: str) -> str:
        """Return a new word for something that somebody writes."""
        if name in FIXED:
            return f"{self.inside}x{next(self._words)}"
        known = name in STRANGERS or name in REMOTE
        return f"{self.foreign if known else 'neither'}x{next(self._words)}"

    @property
    def school_words(self) -> re.Pattern[bytes]:
        """Match any word that only the school has."""
        known = self.world.secrets
        words = (self.inside, known.name, known.message, known.device, known.room, known.picture)
        return re.compile(b"|".join(re.escape(word.encode()) for word in words))

    def plain(self, text: str) -> str:
        """Write names for the ids in a text."""
        for known, name in self._names.items():
            text = text.replace(known, name).replace(quoted(known), name)
        return text

    # --- doing things ---------------------------------------------------------------------------

    async def call(
        self, name: str, method: str, path: str, body: object = None, **params: str | int
    ) -> Answer:
        """Have somebody make a request; what a stranger reads may not hold a word of the school."""
        answer = await self.actors[name].call(method, path, body, **params)
        self.note(name, f"{method} {path} {params or ''} {json.dumps(body)[:300]}", answer)
        return answer

    def note(self, name: str, what: str, answer: Answer) -> None:
        """Write down what was tried, and look at the answer."""
        line = f"#{self.steps} {name}: {what} → {answer.status} {answer.errcode}"
        self.log.append(line)
        self.answers[f"{answer.status // 100}xx"] += 1
        if answer.status == 500:
            self.failures[re.sub(r"#\d+|(%21|[!$])[\w-]+|127[\w.%:]+", "", line)[:120]] += 1
        if (name in STRANGERS or name in REMOTE or name == "forged") and (
            found := self.school_words.search(json.dumps(answer.body).encode())
        ):
            self.found("read", f"{name} read {found[0].decode()} by {what}: {answer.body}")

    def found(self, kind: str, text: str) -> None:
        """Take note of something that may not be."""
        violation = Violation(kind, text)
        if violation not in self.violations:
            self.violations.append(violation)

    def met(self, room_id: str, kind: str, home: str = "") -> None:
        """Remember a room."""
        if room_id and room_id not in self.rooms:
            self.rooms[room_id] = Room(room_id, kind, home or self.world.server.name)
            self._names[room_id] = f"!{kind}{len(self.rooms)}"

    async def show(self, name: str, *, content: bytes = PICTURE) -> str:
        """Have somebody put up a file; return its id."""
        actor = self.actors[name]
        media = await actor.upload(content + self.word(name).encode())
        self.files.append(File(actor.server, media, name in FIXED))
        return media

    async def run(self, acts: Sequence[tuple[int, Act]], steps: int, *, at_once: int = 12) -> None:
        """Let `steps` acts be done; `acts` are given with their weight."""
        weights = [weight for weight, _ in acts]
        done = 0
        while done < steps:
            batch = self.random.choices([act for _, act in acts], weights, k=at_once)
            chances = [Random(f"{self.seed} {self.steps + n}") for n in range(at_once)]  # noqa: S311
            await asyncio.gather(*map(self._try, batch, chances))
            done += at_once
            self.steps += at_once

    async def _try(self, act: Act, chance: Random) -> None:
        try:
            await act(self, chance)
        except TimeoutError:
            self.found("hung", f"no answer in {act.__name__}, after #{self.steps}")

    # --- the bridge -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Give everybody something to lose, and a few rooms that stand more open than any."""
        world = self.world
        self.actors.update(world.actors)
        self.actors |= {"anonymous": world.anonymous, "as2": world.as2, "as3": world.as3}
        self.actors["bot"] = world.bot
        for name in MOVERS:
            wanted = f"{name}{secrets.token_hex(2)}"
            self.actors[name] = await register(world.wire, world.server, wanted)
        self._names |= {actor.user_id: name for name, actor in self.actors.items()}
        for room in world.rooms:
            self._school_room(world.rooms[room], *ROOMS[room])
        for kind, place, members in (
            (Kind.PUPILS, "7b", ("s1", "t1")),
            (Kind.PARENTS, "7b", ("p1", "t1")),
            (Kind.STAFF, "a", ("t1", "xt")),
        ):
            room = await world.loose_room(kind, place, members=members, fresh=True)
            self._school_room(room, kind, place)
        public = {"m.room.join_rules": {"join_rule": "public"}}
        for kind in (Kind.PUPILS, Kind.PARENTS):
            room = await world.loose_room(kind, members=(), federate=True, state=public, fresh=True)
            self._school_room(room, kind, "7b")
            self.wide_open.add(room)
        self.met(world.dm, "inside")
        for room in (world.own_room, world.own_public):
            self.met(room, "outside")
        for room in (world.remote_public, world.remote_knock):
            self.met(room, "remote", world.remote.name)
        for name in FIXED:
            actor = self.actors[name]
            await actor.put(f"devices/{actor.device}", {"display_name": self.word(name)})
            await self.show(name)

    def _school_room(self, room: str, kind: Kind, place: str) -> None:
        self.school[room] = (kind, place)
        self.met(room, f"{kind.value}-{place}-")

    def belongs(self, name: str, room: str) -> bool:
        """Tell whether a school room is for somebody."""
        return not set(audience(*self.school[room])).isdisjoint(self.groups.get(name, ()))

    async def move(self) -> None:
        """Change somebody's place as the bridge does: tell the homeserver, then mend the rooms."""
        chance = self.random
        name, groups = (
            chance.choice(OWN_MOVES)
            if chance.random() < 0.25
            else (chance.choice(MOVERS), chance.choice(PLACES))
        )
        kin = {child: set(parents) - {name} for child, parents in self.kin.items()}
        if name in KIN.get("s3", ()) and "class/5v/parents" in groups:
            kin["s3"].add(name)
        elif name in MOVERS and any(group.endswith("/parents") for group in groups):
            kin["s1" if "class/7b/parents" in groups else "s3"].add(name)
        new = {child: tuple(sorted(parents)) for child, parents in kin.items()}
        changed = {child for child in new if set(new[child]) != set(self.kin.get(child, ()))}
        self.log.append(f"#{self.steps} the school: {name} is {list(groups)}, kin {new}")
        was_inside = self.is_inside(name)
        self.groups[name], self.kin = groups, new
        if self.is_inside(name) is not was_inside:
            self.crossings[name].append(now_ms())
        await self.world.push(
            people={self.id_of(name): list(groups) or None},
            kin={self.id_of(c): [self.id_of(p) for p in new[c]] or None for c in changed},
        )
        await asyncio.gather(*(self.mend(room, name) for room in self.school))

    async def mend(self, room: str, name: str) -> None:
        """Bring somebody into a school room, or take them out."""
        bot, user = self.world.bot, self.id_of(name)
        answer = await bot.state(room, "m.room.member", user)
        is_in = answer.body.get("membership") in {"join", "invite", "knock"}
        if self.belongs(name, room) and answer.body.get("membership") not in {"join", "ban"}:
            await bot.invite(room, user)
            await self.actors[name].join(room)
        elif is_in and not self.belongs(name, room):
            await bot.post(f"rooms/{room}/kick", {"user_id": user})

    async def restart(self) -> None:
        """Kill and start the school's Synapse, and wake the other server, which gave it up."""
        self.log.append(f"#{self.steps} the school's Synapse is killed and started")

        async def is_whole() -> bool:
            return not rows(self.world.remote, "SELECT room_id FROM partial_state_rooms")

        # Else that server waits for the rest of a room's state for ever, and so does who asks it.
        if not await until(is_whole, 10):
            # One request that failed, and Synapse gives it up until it starts again.
            await self.world.remote.stop()
            await self.world.remote.start()
            await self.world.wire.renew()
            assert await until(is_whole, 30), "the other server has not all of a room it joined"
        await self.world.restart()
        await self.world.fence(self.world.o2, self.world.m2)

    def tail(self, violation: Violation, most: int = 40) -> list[str]:
        """Return the last acts that had to do with the rooms of a violation, or simply the last."""
        rooms = re.findall(r"![\w:.-]+", violation.text)
        people = [name for name in self.actors if f"'{name}'" in violation.text]
        about = [
            line
            for line in self.log
            if any(room in line or quoted(room) in line for room in rooms)
            or any(f"the school: {name} is" in line for name in people)
        ]
        # What was refused did nothing.
        done = [line for line in about if not re.search(r"→ [45]\d\d", line)]
        return [self.plain(line) for line in (done or self.log)[-most:]]
