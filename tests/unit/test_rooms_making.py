"""In what order a school's rooms are made, what that costs, and that it rests when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import delete, insert, update

from sferum_bridge.cli import rooms_progress
from sferum_bridge.matrix import client
from sferum_bridge.matrix.client import Homeserver
from sferum_bridge.matrix.creation import RoomMaker
from sferum_bridge.matrix.enrolment import ENROL, Enrolment
from sferum_bridge.matrix.facts import Facts
from sferum_bridge.matrix.policy import Policy
from sferum_bridge.matrix.room import RoomFitter
from sferum_bridge.matrix.rooms import KeeperSettings, RoomKeeper
from sferum_bridge.matrix.throttle import Throttle
from sferum_bridge.matrix.wishes import Wishes
from sferum_bridge.school.layout import layout
from sferum_bridge.store import accounts, rooms, schools
from sferum_bridge.store.tables import assignments, classes, metadata, parent_links
from tests.support import databases
from tests.support.bridge import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from aiohttp.test_utils import TestServer

    from sferum_bridge.config import Config
    from sferum_bridge.school.people import SchoolClass
    from sferum_bridge.store.database import Database

AT = "school.example"
BOT = f"@bot:{AT}"
clock = databases.clock


@dataclass
class Script:
    """A homeserver that keeps who is in which room, and says what it was asked in which order."""

    enrols: bool = True
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    power: dict[str, dict[str, int]] = field(default_factory=dict)
    """Room → who has power there, since that was changed."""
    done: list[tuple[str, str, str]] = field(default_factory=list)
    """What, in which room, to whom."""
    answers: list[tuple[str, int]] = field(default_factory=list)
    """Kind and status of what is answered next instead, once each."""
    refused: set[str] = field(default_factory=set)
    """Who is refused by the batch."""
    since: dict[str, list[int]] = field(default_factory=dict)
    """Room → how long ago each batch was first asked for, as it said."""
    numbers: Iterator[int] = field(default_factory=count)
    now: int = 0
    most: int = 0
    before: Callable[[str, str], Awaitable[None]] | None = None

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.around])
        below = "/_matrix/client/v3"
        routes = application.router
        routes.add_post(f"{below}/createRoom", self.create)
        routes.add_post(f"{below}/rooms/{{room}}/{{what:invite|kick|join}}", self.member)
        routes.add_put(f"{below}/rooms/{{room}}/state/{{kind}}/{{key:.*}}", self.state)
        routes.add_get(f"{below}/rooms/{{room}}/state/m.room.member/{{mxid}}", self.membership)
        routes.add_get(f"{below}/joined_rooms", self.joined)
        routes.add_get(ENROL, self.there)
        routes.add_post(ENROL, self.enrol)
        return application

    @web.middleware
    async def around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            kind = "enrol" if request.path == ENROL else request.path.rpartition("/")[2]
            if request.method != "GET" and self.answers and self.answers[0][0] == kind:
                _, status = self.answers.pop(0)
                body = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 50}
                return web.json_response(body, status=status)
            answer: web.StreamResponse = await handler(request)
            return answer
        finally:
            self.now -= 1

    async def note(self, what: str, room_id: str, whom: str = "") -> None:
        name = self.names.get(room_id, "")
        if self.before is not None:
            await self.before(what, name)
        self.done.append((what, name, whom))

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        room_id = f"!{next(self.numbers)}"
        self.names[room_id] = body["name"]
        self.members[room_id] = dict.fromkeys(body["invite"], "invite")
        await self.note("create", room_id)
        return web.json_response({"room_id": room_id})

    async def member(self, request: web.Request) -> web.Response:
        room_id, what = request.match_info["room"], request.match_info["what"]
        mxid = request.query.get("user_id") or (await request.json())["user_id"]
        there = self.members[room_id]
        if what == "join" and there.get(mxid) != "invite":
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        await self.note(what, room_id, mxid)
        if what == "kick":
            there.pop(mxid, None)
        else:
            there[mxid] = what
        return web.json_response({})

    async def state(self, request: web.Request) -> web.Response:
        kind, room_id = request.match_info["kind"], request.match_info["room"]
        await self.note(kind, room_id)
        if kind == "m.room.power_levels":
            self.power[self.names[room_id]] = (await request.json())["users"]
        return web.json_response({})

    async def membership(self, request: web.Request) -> web.Response:
        there = self.members[request.match_info["room"]]
        return web.json_response({"membership": there.get(request.match_info["mxid"], "leave")})

    async def joined(self, _request: web.Request) -> web.Response:
        return web.json_response({"joined_rooms": list(self.members)})

    async def there(self, _request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if self.enrols else 404)

    async def enrol(self, request: web.Request) -> web.Response:
        body = await request.json()
        since = int(request.headers["X-Sferum-Since"])
        self.since.setdefault(body["room_id"], []).append(since)
        joined = [mxid for mxid in body["user_ids"] if mxid not in self.refused]
        await self.note("enrol", body["room_id"], " ".join(body["user_ids"]))
        self.members[body["room_id"]] |= dict.fromkeys(joined, "join")
        refused = {mxid: "policy" for mxid in body["user_ids"] if mxid in self.refused}
        return web.json_response({"joined": joined, "refused": refused})

    def whom(self, what: str, name: str) -> list[str]:
        """Return to whom something was done in a room, one after the other."""
        found = [whom for w, n, whom in self.done if (w, n) == (what, name)]
        return [mxid for each in found for mxid in each.split()]

    def order(self, *what: str) -> list[str]:
        """Return the names of rooms in which one of these was done, the first time each."""
        return list(dict.fromkeys(name for w, name, _ in self.done if w in what))


@dataclass
class Place:
    """A school of two classes, its homeserver, and what makes its rooms."""

    db: Database
    script: Script
    homeserver: Homeserver
    keeper: RoomKeeper
    clock: databases.Clock
    school_id: str = ""

    async def add(self, name: str, kind: str, class_id: str | None = None, post: str = "") -> str:
        """Give somebody new with an account a role; return their Matrix id."""
        mxid = f"@{name}:{AT}"
        async with self.db.write() as tx:
            person_id = await accounts.add_person(tx, "Выдумкин", name)
            await accounts.add_account(tx, mxid, person_id)
            row = {"kind": kind, "class_id": class_id, "post": post}
            row |= {"id": schools.new_id(), "school_id": self.school_id, "person_id": person_id}
            await tx.run(insert(assignments).values(**row))
            await schools.changed(tx, self.school_id)
        return mxid

    async def confirm(self, child: str) -> str:
        """Have a parent confirm a child; return their Matrix id."""
        mxid = f"@parent-{child}:{AT}"
        async with self.db.write() as tx:
            parent_id = await accounts.add_person(tx, "Выдумкин", "Родитель")
            await accounts.add_account(tx, mxid, parent_id)
            pupil = await accounts.person_of(tx, f"@{child}:{AT}")
            assert pupil is not None
            row = {"child_id": pupil.id, "parent_id": parent_id, "slot": 1, "state": "active"}
            row |= {"id": schools.new_id(), "confirmed_at": tx.now}
            await tx.run(insert(parent_links).values(**row))
            await schools.changed(tx, self.school_id)
        return mxid

    async def step_down(self, mxid: str) -> None:
        """Have somebody who leads a class teach it from now on."""
        async with self.db.write() as tx:
            person = await accounts.person_of(tx, mxid)
            assert person is not None
            theirs = update(assignments).where(assignments.c.person_id == person.id)
            await tx.run(theirs.values(kind="teaching"))
            await schools.changed(tx, self.school_id)

    async def end(self, mxid: str) -> None:
        """Take all roles from somebody."""
        async with self.db.write() as tx:
            person = await accounts.person_of(tx, mxid)
            assert person is not None
            await tx.run(delete(assignments).where(assignments.c.person_id == person.id))
            await schools.changed(tx, self.school_id)

    async def pause(self, *, paused: bool) -> None:
        async with self.db.write() as tx:
            assert await schools.pause(tx, self.school_id, paused=paused)

    async def settle(self) -> None:
        """Work until there is nothing more to do at once."""
        for _ in range(5):
            await self.keeper.catch_up()

    async def check(self) -> None:
        """Hold who is in the rooms against who is to be."""
        async with self.db.read() as tx:
            school = await schools.load(tx, self.school_id)
            mxids = await accounts.by_person(tx)
            made = await rooms.of_school(tx, self.school_id)
            known = await rooms.members_of_school(tx, self.school_id)
        for room in layout(school, databases.DAY):
            wanted = {mxid: "join" for person in room.members for mxid in mxids[person]}
            room_id = made[room.key].room_id
            assert self.script.members[room_id] == wanted == known.get(room_id, {}), room.key
        assert len(made) == len(self.script.members) == len(layout(school, databases.DAY))


@pytest_asyncio.fixture
async def place(
    tmp_path: Path,
    clock: databases.Clock,
    aiohttp_server: Callable[[web.Application], Awaitable[TestServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Place]:
    monkeypatch.setattr(client, "_FIRST_WAIT", 0.001)
    script = Script()
    server = await aiohttp_server(script.application())
    async with (
        databases.opened(f"sqlite:///{tmp_path / 'bridge.db'}", clock) as db,
        aiohttp.ClientSession() as session,
    ):
        async with db.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        homeserver = Homeserver(
            session, str(server.make_url("/")), as_token="a", puppet_token="p", bot_mxid=BOT
        )
        yield await a_place(db, script, homeserver, clock)


async def a_place(
    db: Database, script: Script, homeserver: Homeserver, clock: databases.Clock
) -> Place:
    def name(kind: str, of: SchoolClass | None, _school: str, _language: str) -> str:
        return f"{of.name} {kind}" if of else str(kind)

    throttle = Throttle(3)
    homeserver.heard = throttle.heard
    keeper = RoomKeeper(
        db,
        homeserver,
        RoomMaker(db, homeserver),
        Facts(db, Policy(db, homeserver, "", ghost_prefix="sferum_")),
        KeeperSettings(rooms_at_once=3),
        Wishes(name),
        RoomFitter(
            db,
            homeserver,
            version="12",
            ghost_prefix="sferum_",
            enrolment=Enrolment(homeserver, "secret", again=0),
            throttle=throttle,
            batch=4,
        ),
        throttle,
    )
    made = Place(db, script, homeserver, keeper, clock)
    async with db.write() as tx:
        made.school_id = await schools.add(tx, "Школа № 0", "Europe/Moscow", "ru")
        for each in ("a", "b"):
            values = {"id": each, "school_id": made.school_id, "name": each, "year": "2026/2027"}
            await tx.run(insert(classes).values(**values))
    await made.add("director", "appointment", post="administrator")
    for each in ("a", "b"):
        for number in range(6):
            await made.add(f"{each}{number}", "enrolment", each)
        await made.add(f"lead-{each}", "leadership", each)
    return made


# --- order ----------------------------------------------------------------------------------


@pytest.mark.parametrize("enrols", [True, False])
async def test_the_schools_own_rooms_are_filled_before_those_of_classes(
    place: Place, *, enrols: bool
) -> None:
    place.script.enrols = enrols
    await place.settle()
    await place.check()
    filled = place.script.order("enrol", "join")
    own = [name for name in filled if " " not in name]
    assert set(own) == {"school", "staff", "announcements"}
    assert filled[: len(own)] == own
    made = [(what, name) for what, name, _ in place.script.done if what in {"create", "enrol"}]
    assert [name in {*own, "gate"} for _, name in made] == sorted(
        (name in {*own, "gate"} for _, name in made), reverse=True
    )
    a, b = [n for n in filled if n.startswith("a ")], [n for n in filled if n.startswith("b ")]
    assert filled.index(a[0]) < filled.index(b[0]), "class by class"
    for each in ("a", "b"):
        came = place.script.whom("enrol" if enrols else "join", f"{each} pupils")
        assert came[0] == f"@lead-{each}:{AT}", "the class teacher first"


async def test_people_come_in_by_batches_and_without_invites(place: Place) -> None:
    await place.settle()
    kinds = Counter(what for what, _, _ in place.script.done)
    assert not kinds.keys() & {"invite", "join"}
    sizes = [len(whom.split()) for what, _, whom in place.script.done if what == "enrol"]
    assert max(sizes) == 4
    assert sizes.count(4) >= 4
    # Rooms of a class are in its space from the beginning, and the school's in the school's; only
    # the spaces of the two classes are hung. 7 people are two batches.
    assert kinds == {"create": 12, "m.space.child": 2, "enrol": len(sizes)}


async def test_whom_the_batch_refuses_comes_by_the_ordinary_ways(place: Place) -> None:
    place.script.refused = {f"@a1:{AT}"}
    await place.settle()
    await place.check()
    assert place.script.whom("join", "a pupils") == [f"@a1:{AT}"]
    assert place.script.whom("join", "b pupils") == []


async def test_invites_that_wait_are_used_by_both_ways(place: Place) -> None:
    place.script.enrols = False
    place.script.answers = [("join", 403)] * 6
    await place.keeper.catch_up()
    async with place.db.read() as tx:
        known = await rooms.members_of_school(tx, place.school_id)
    assert sum(how == "invite" for each in known.values() for how in each.values()) == 6
    place.script.enrols = True
    place.clock.now += 10_000
    await place.settle()
    await place.check()


async def test_an_unchanged_school_costs_nothing_and_one_more_pupil_what_concerns_them(
    place: Place,
) -> None:
    await place.settle()
    place.homeserver.sent.clear()
    async with place.db.write() as tx:
        await schools.changed(tx, place.school_id)
    await place.settle()
    assert place.homeserver.sent == {}
    new = await place.add("new", "enrolment", "a")
    await place.settle()
    await place.check()
    assert place.homeserver.sent == {"enrol": 3}
    place.homeserver.sent.clear()
    await place.end(new)
    await place.settle()
    await place.check()
    assert place.homeserver.sent == {"kick": 3}


async def test_latecomers_come_before_a_crowd_and_who_goes_goes_first(place: Place) -> None:
    await place.settle()
    for number in range(5):
        await place.add(f"crowd{number}", "enrolment", "a")
    late = await place.add("late", "enrolment", "b")
    await place.end(f"@b0:{AT}")
    async with place.db.write() as tx:
        await tx.run(update(classes).where(classes.c.id == "a").values(name="aa"))
    place.script.done.clear()
    await place.settle()
    await place.check()
    done = [(what, name[0]) for what, name, _ in place.script.done]
    assert done[:3] == [("kick", "b")] * 3
    assert done[3:6] == [("enrol", "b")] * 3
    assert {what for what, _ in done[6:-4]} == {"enrol"}
    assert done[-4:] == [("m.room.name", "a")] * 4, "new names last"
    assert place.script.whom("enrol", "b pupils") == [late]


async def test_a_parents_room_that_a_parent_waits_for_is_made_before_the_rest(
    place: Place,
) -> None:
    """And is there before the end of an import that began earlier."""
    confirmed = False

    async def confirm_meanwhile(what: str, _name: str) -> None:
        nonlocal confirmed
        place.clock.now += 3000
        if what == "create" and len(place.script.names) == 6 and not confirmed:
            confirmed = True
            await place.confirm("b0")

    place.script.before = confirm_meanwhile
    await place.settle()
    await place.check()
    assert confirmed
    done = [(what, name) for what, name, _ in place.script.done if what in {"create", "enrol"}]
    own = {"school", "staff", "announcements"}
    of_classes = [each for each in done if each[1] not in {*own, "gate"}]
    at = of_classes.index(("create", "b parents"))
    assert of_classes[at : at + 2] == [("create", "b parents"), ("enrol", "b parents")]
    assert at < 5, "a school has eight rooms of classes"
    came = {name for what, name in of_classes[:at] if what == "enrol"}
    assert came <= {"a parents"}, "no crowd came first"
    async with place.db.read() as tx:
        made = await rooms.of_school(tx, place.school_id)
    hangs = {record.room_id: record.actual.get("space") for record in made.values()}
    assert hangs[made["parents/b"].room_id] == made["class/b"].room_id, "made after it"
    assert {kind for kind, record in made.items() if not hangs[record.room_id]} == {
        f"gate/{place.school_id}",
        f"school/{place.school_id}",
    }


async def test_a_parent_does_not_wait_for_a_stream_of_latecomers(place: Place) -> None:
    """Nobody looks for another room first than the one of the parents."""
    await place.settle()
    async with place.db.write() as tx:
        # As while it is still to be made.
        await rooms.forget(tx, "parents/b")
    place.script.done.clear()
    numbers = count()

    async def come(_what: str, _name: str) -> None:
        place.clock.now += 3000
        if (number := next(numbers)) == 0:
            await place.confirm("b0")
        elif number < 20:
            await place.add(f"late{number}", "enrolment", "a")

    place.script.before = come
    await place.add("late0", "enrolment", "a")
    await place.settle()
    done = [(what, name) for what, name, _ in place.script.done]
    assert ("create", "b parents") in done[:5]
    assert ("enrol", "b parents") in done[:8]


async def test_no_room_is_made_before_who_waits_for_one_that_is_there(place: Place) -> None:
    await place.settle()
    async with place.db.write() as tx:
        await rooms.forget(tx, "parents/a")
    place.script.done.clear()
    for child in ("a0", "b0"):
        await place.confirm(child)
    await place.settle()
    done = [(what, name) for what, name, _ in place.script.done if name.endswith("parents")]
    assert done == [("enrol", "b parents"), ("create", "a parents"), ("enrol", "a parents")]


async def test_who_leads_a_class_from_now_on_is_in_before_who_led_it_is_out(place: Place) -> None:
    await place.settle()
    await place.end(f"@lead-a:{AT}")
    new = await place.add("new-lead", "leadership", "a")
    place.script.done.clear()
    await place.settle()
    await place.check()
    here = [(what, whom) for what, name, whom in place.script.done if name == "a pupils"]
    assert here == [
        ("enrol", new),
        ("m.room.power_levels", ""),
        ("kick", f"@lead-a:{AT}"),
    ]


# --- trouble --------------------------------------------------------------------------------


async def test_rate_limits_and_failures_slow_it_down_and_nothing_is_lost(place: Place) -> None:
    place.script.answers = [
        *(("createRoom", status) for status in (429, 503, 429)[:1]),
        *(("enrol", status) for status in (429, 500, 503, 429, 502)),
    ]
    await place.settle()
    await place.check()
    assert not place.script.answers
    assert place.script.most <= 3


async def test_a_room_that_cannot_be_made_holds_no_other_up(place: Place) -> None:
    await place.keeper.catch_up()
    place.script.members.clear()
    place.script.names.clear()
    async with place.db.write() as tx:
        for record in (await rooms.of_school(tx, place.school_id)).values():
            await rooms.forget(tx, record.key)
        await schools.changed(tx, place.school_id)
    # The gate, then whichever asks next.
    place.script.answers = [("createRoom", 400)]
    await place.keeper.catch_up()
    assert place.script.members == {}, "without the gate nothing is made"
    place.clock.now += 10_000

    async def refuse_one(what: str, _name: str) -> None:
        if what == "create" and len(place.script.names) == 3:
            place.script.answers = [("createRoom", 400)]

    place.script.before = refuse_one
    await place.keeper.catch_up()
    place.script.before = None
    assert len(place.script.members) == 11
    filled = [there for there in place.script.members.values() if there]
    assert len(filled) == 10, "all but the gate"
    place.clock.now += 20_000
    await place.settle()
    await place.check()


async def test_who_is_refused_for_good_is_not_waited_for(place: Place) -> None:
    place.script.refused = {f"@a1:{AT}"}
    place.script.answers = [("join", 403)] * 30
    config = cast(
        "Config",
        SimpleNamespace(
            bot_mxid=BOT,
            rooms=SimpleNamespace(version="12"),
            appservice=SimpleNamespace(ghost_prefix="sferum_"),
        ),
    )
    look = partial(rooms_progress._look, place.db, config, place.keeper._wishes)
    (stand,) = await look()
    assert (stand.state, stand.percent) == ("being made", 0)
    await place.settle()
    (stand,) = await look()
    assert (stand.state, stand.to_come_in) == ("refused, tried again later", 3)
    place.script.answers.clear()
    place.clock.now += 3600_000
    await place.settle()
    (stand,) = await look()
    assert (stand.state, stand.percent) == ("done", 100)


async def test_who_left_after_a_batch_that_was_cut_off_is_told_of_since_when(place: Place) -> None:
    """Else who came in by it and left again before the next start would be brought back."""
    cut_off = asyncio.Event()

    async def hang(what: str, _name: str) -> None:
        if what == "enrol":
            cut_off.set()
            await asyncio.sleep(60)

    place.script.before = hang
    killed = asyncio.create_task(place.keeper.catch_up())
    await cut_off.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert 1 <= len(place.script.since) <= 3
    was_asked = set(place.script.since)
    place.script.before = None
    place.script.since.clear()
    place.clock.now += 30_000
    again = await another(place)
    await again.settle()
    await again.check()
    assert min(place.script.since[room_id][0] for room_id in was_asked) >= 30_000
    place.script.since.clear()
    await place.add("late", "enrolment", "b")
    await again.settle()
    answered = [each for since in place.script.since.values() for each in since]
    assert max(answered) < 30_000, "what was answered is over"


# --- pause ----------------------------------------------------------------------------------


async def test_a_pause_holds_everything_but_removals_and_is_over_at_a_word(place: Place) -> None:
    await place.settle()
    await place.pause(paused=True)
    late = await place.add("late", "enrolment", "b")
    await place.end(f"@b0:{AT}")
    place.script.done.clear()
    await place.settle()
    assert {(what, whom) for what, _, whom in place.script.done} == {("kick", f"@b0:{AT}")}
    async with place.db.read() as tx:
        (record,) = await schools.records(tx)
    assert record.paused
    assert record.applied < record.wanted
    place.script.done.clear()
    # Another process, or this one after a restart, knows it as well.
    again = await another(place)
    await again.keeper.catch_up()
    assert place.script.done == []
    await again.pause(paused=False)
    await again.settle()
    await again.check()
    assert place.script.whom("enrol", "b pupils") == [late]


async def test_a_pause_leaves_nobody_power_that_they_have_no_more(place: Place) -> None:
    await place.settle()
    new = await place.add("new-lead", "leadership", "a")
    await place.pause(paused=True)
    await place.step_down(f"@lead-a:{AT}")
    place.script.done.clear()
    await place.settle()
    taken = [(what, name) for what, name, _ in place.script.done]
    assert sorted(taken) == [
        ("kick", "a parents"),
        *(("m.room.power_levels", f"a {kind}") for kind in ("class", "parents", "pupils")),
    ], "in the materials teachers have power"
    assert f"@lead-a:{AT}" not in place.script.power["a pupils"]
    assert new not in place.script.power["a pupils"], "who is not there gets none"
    place.script.done.clear()
    await place.settle()
    assert place.script.done == []
    await place.pause(paused=False)
    await place.settle()
    await place.check()
    assert new in place.script.power["a pupils"]


async def another(place: Place) -> Place:
    """Return what makes the rooms after a restart."""
    throttle = Throttle(2)
    fitter = RoomFitter(
        place.db,
        place.homeserver,
        version="12",
        ghost_prefix="sferum_",
        enrolment=Enrolment(place.homeserver, "secret", again=0),
        throttle=throttle,
    )
    keeper = RoomKeeper(
        place.db,
        place.homeserver,
        RoomMaker(place.db, place.homeserver),
        Facts(place.db, Policy(place.db, place.homeserver, "", ghost_prefix="sferum_")),
        KeeperSettings(),
        place.keeper._wishes,
        fitter,
        throttle,
    )
    return Place(place.db, place.script, place.homeserver, keeper, place.clock, place.school_id)


async def test_a_pause_in_the_middle_ends_the_run_between_two_steps(place: Place) -> None:
    async def pause_at_the_first_class(what: str, name: str) -> None:
        place.clock.now += 1000
        if what == "enrol" and name == "a class":
            place.script.before = None
            await place.pause(paused=True)
            place.clock.now += 1000

    place.script.before = pause_at_the_first_class
    await place.settle()
    under_way = place.keeper.progress(place.school_id)
    assert not under_way.finished
    assert 0 < under_way.done < under_way.total
    before = len(place.script.done)
    await place.settle()
    assert len(place.script.done) == before
    await place.pause(paused=False)
    await place.settle()
    await place.check()
    assert place.keeper.progress(place.school_id).finished
    assert len(place.script.order("create")) == 12


async def test_who_is_removed_during_a_long_run_does_not_wait_for_its_end(place: Place) -> None:
    await place.settle()
    for number in range(20):
        await place.add(f"crowd{number}", "enrolment", "a")

    async def remove_meanwhile(what: str, _name: str) -> None:
        place.clock.now += 3000
        if what == "enrol":
            place.script.before = slowly
            await place.end(f"@b0:{AT}")

    async def slowly(_what: str, _name: str) -> None:
        place.clock.now += 3000

    place.script.before = remove_meanwhile
    place.script.done.clear()
    await place.settle()
    await place.check()
    kinds = [what for what, _, _ in place.script.done]
    assert kinds.index("kick") < len(kinds) - 5


async def test_schools_are_worked_on_side_by_side(place: Place) -> None:
    open_ = asyncio.Event()

    async def hold(_what: str, name: str) -> None:
        if name == "b pupils":
            await open_.wait()

    place.script.before = hold
    async with place.db.write() as tx:
        other = await schools.add(tx, "Другая", "Europe/Moscow", "ru")
    running = asyncio.create_task(place.keeper.run())

    async def is_settled(school_id: str) -> bool:
        async with place.db.read() as tx:
            record = await schools.record(tx, school_id)
        return record is not None and record.applied == record.wanted

    try:
        await until(lambda: is_settled(other))
        assert not await is_settled(place.school_id)
        open_.set()
        await until(lambda: is_settled(place.school_id))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
