"""A roster becomes rooms on a real homeserver: everybody exactly where they belong."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from ruamel.yaml import YAML
from sqlalchemy import select, update

from sferum_bridge.app import opened_homeserver
from sferum_bridge.matrix.creation import MARK, RoomMaker
from sferum_bridge.school.layout import MODERATOR, Kind, WantedRoom, layout
from sferum_bridge.store import accounts, dialogues, rooms, schools
from sferum_bridge.store.tables import assignments, drifts, inbox
from tests.support.bridge import BOT, BridgedSchool, until
from tests.support.ports import reserve_port
from tests.support.synapse import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.support.bridge import Client
    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL_MEMBER = "org.matrix.msc3401.call.member"
CHANGING = (
    *("createRoom", "enrol", "invite", "join", "kick"),
    *("set_state", "state", "register", "device"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sqlite", "postgres"])
async def bridged(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> AsyncIterator[BridgedSchool]:
    """Give a settled school with two classes, on each database."""
    folder = tmp_path_factory.mktemp("school")
    server = postgres if request.param == "postgres" else None
    school = await BridgedSchool.start(folder, server)
    yield school
    await school.stop()


@dataclass(frozen=True)
class Wanted:
    room: WantedRoom
    room_id: str
    members: dict[str, int]


async def wanted_rooms(bridged: BridgedSchool) -> Sequence[Wanted]:
    school = await bridged.school()
    day = datetime.now(UTC).date()
    async with bridged.database() as db, db.read() as tx:
        record = (await schools.records(tx))[0]
        known = await rooms.of_school(tx, record.id)
        mxids = await accounts.by_person(tx)
    return [
        Wanted(
            room,
            known[room.key].room_id,
            {m: power for p, power in room.members.items() for m in mxids[p]},
        )
        for room in layout(school, day)
    ]


async def state_of(bridged: BridgedSchool, room_id: str) -> dict[tuple[str, str], Any]:
    status, events = await bridged.bot_calls("GET", f"rooms/{room_id}/state")
    assert status == 200
    return {(event["type"], event["state_key"]): event["content"] for event in events}


async def test_everybody_is_in_exactly_the_rooms_their_roles_give(bridged: BridgedSchool) -> None:
    for wanted in await wanted_rooms(bridged):
        state = await state_of(bridged, wanted.room_id)
        joined = {
            mxid
            for (kind, mxid), content in state.items()
            if kind == "m.room.member" and content["membership"] == "join"
        }
        assert joined == set(wanted.members) | {BOT}, wanted.room.key


async def test_people_see_their_own_rooms_and_no_others(bridged: BridgedSchool) -> None:
    wanted = await wanted_rooms(bridged)
    for member in bridged.members[:8]:
        client = await bridged.client(member.person_id)
        entitled = {w.room_id for w in wanted if member.mxid in w.members}
        assert await client.joined() == entitled


async def test_rooms_have_the_shape_the_design_says(bridged: BridgedSchool) -> None:
    rooms_wanted = await wanted_rooms(bridged)
    gate = next(w.room_id for w in rooms_wanted if w.room.kind is Kind.GATE)
    for wanted in rooms_wanted:
        state = await state_of(bridged, wanted.room_id)
        plan = wanted.room.plan
        create = state["m.room.create", ""]
        assert create["m.federate"] is False
        assert create["room_version"] == "12"
        assert create.get("type") == ("m.space" if plan.is_space else None)
        history = state["m.room.history_visibility", ""]["history_visibility"]
        assert history == ("shared" if plan.history_for_newcomers else "joined")
        rule = state["m.room.join_rules", ""]
        if wanted.room.kind is Kind.GATE:
            assert rule == {"join_rule": "invite"}
        else:
            assert rule["join_rule"] == "restricted"
            assert [allowed["room_id"] for allowed in rule["allow"]] == [gate]
        assert ("m.room.canonical_alias", "") not in state
        assert state[MARK, ""] == {"key": wanted.room.key}
        levels = state["m.room.power_levels", ""]
        moderators = {m: p for m, p in wanted.members.items() if p == MODERATOR}
        assert levels["users"] == moderators
        assert levels["invite"] == levels["kick"] == 100
        assert levels["events_default"] == (
            100 if plan.is_space else MODERATOR if plan.only_moderators_post else 0
        )


async def test_who_may_speak_in_a_room_may_be_in_its_calls(bridged: BridgedSchool) -> None:
    school = await bridged.school()
    pupil = await bridged.client(school.enrolments[0].person_id)
    class_id = school.enrolments[0].class_id
    lead = next(each for each in school.leaderships if each.class_id == class_id)
    teacher = await bridged.client(lead.person_id)
    class_name = school.classes[class_id].name
    for kind, client, expected in (
        ("pupils", pupil, 200),
        ("pupils", teacher, 200),
        ("materials", pupil, 403),
        ("materials", teacher, 200),
    ):
        room_id = await bridged.room(kind, class_name)
        assert await joins_the_call(client, room_id) == expected, (kind, client.mxid)


async def joins_the_call(client: Client, room_id: str) -> int:
    """Say in a room that one is in its call, as Element Call does; return the status."""
    content = {"application": "m.call", "call_id": "", "device_id": "PHONE", "foci_preferred": []}
    where = f"rooms/{room_id}/state/{CALL_MEMBER}/_{client.mxid}_PHONE_m.call"
    status, _ = await client.call("PUT", where, content)
    if status == 200:
        assert (await client.call("PUT", where, {}))[0] == 200
    return int(status)


async def test_a_room_of_the_first_release_gets_todays_powers_and_nobody_is_told(
    bridged: BridgedSchool,
) -> None:
    school = await bridged.school()
    enrolment = school.enrolments[0]
    pupil = await bridged.client(enrolment.person_id)
    room_id = await bridged.room("pupils", school.classes[enrolment.class_id].name)
    await bridged.stop_bridge()
    levels = (await state_of(bridged, room_id))["m.room.power_levels", ""]
    levels["events"] = {k: v for k, v in levels["events"].items() if "call.member" not in k}
    where = f"rooms/{room_id}/state/m.room.power_levels/"
    assert (await bridged.bot_calls("PUT", where, levels))[0] == 200
    assert await joins_the_call(pupil, room_id) == 403
    async with bridged.database() as db, db.write() as tx:
        record = await rooms.by_room_id(tx, room_id)
        assert record is not None
        key, actual = record.key, {k: v for k, v in record.actual.items() if k != "levels"}
        await rooms.set_actual(tx, key, actual)
        await rooms.stir(tx, [room_id])
    await bridged.start_bridge()

    async def renewed_and_looked_at() -> bool:
        async with bridged.database() as db, db.read() as tx:
            record = await rooms.by_room_id(tx, room_id)
            done = record is not None and "levels" in record.actual
            return done and key not in await rooms.stirred(tx)

    await until(renewed_and_looked_at)
    assert await joins_the_call(pupil, room_id) == 200
    async with bridged.database() as db, db.read() as tx:
        assert await tx.all(select(drifts).where(drifts.c.room_id == room_id)) == []


async def test_rooms_hang_in_their_spaces(bridged: BridgedSchool) -> None:
    wanted = {w.room.key: w for w in await wanted_rooms(bridged)}
    for each in wanted.values():
        if each.room.parent:
            space = await state_of(bridged, wanted[each.room.parent].room_id)
            assert space["m.space.child", each.room_id] == {"via": ["school.example"]}


async def test_a_pupil_cannot_walk_into_a_room_of_others(bridged: BridgedSchool) -> None:
    school = await bridged.school()
    pupil = await bridged.client(school.enrolments[0].person_id)
    for wanted in await wanted_rooms(bridged):
        if pupil.mxid not in wanted.members:
            status, answer = await pupil.call("POST", f"join/{wanted.room_id}")
            assert status == 404, answer  # as where there is no such room


async def test_a_second_look_costs_no_request(bridged: BridgedSchool) -> None:
    before = (await bridged.status())["requests"]
    async with bridged.database() as db, db.write() as tx:
        for record in await schools.records(tx):
            await schools.changed(tx, record.id)
    await bridged.settled()
    after = (await bridged.status())["requests"]
    assert {k: after.get(k, 0) for k in CHANGING} == {k: before.get(k, 0) for k in CHANGING}


async def test_one_pupils_move_costs_that_pupils_requests(bridged: BridgedSchool) -> None:
    school = await bridged.school()
    enrolment = school.enrolments[0]
    other = next(c for c in school.classes if c != enrolment.class_id)
    before = (await bridged.status())["requests"]
    await move(bridged, enrolment.person_id, other)
    # Three rooms of the old class are left, three of the new one are entered.
    spent = await spent_since(bridged, before)
    assert spent == {"kick": 3, "enrol": 3}
    for wanted in await wanted_rooms(bridged):
        state = await state_of(bridged, wanted.room_id)
        mxid = bridged.member(enrolment.person_id).mxid
        member = state.get(("m.room.member", mxid), {}).get("membership", "leave")
        assert (member == "join") is (mxid in wanted.members)
    await move(bridged, enrolment.person_id, enrolment.class_id)


async def move(bridged: BridgedSchool, person_id: str, class_id: str) -> None:
    c = assignments.c
    async with bridged.database() as db, db.write() as tx:
        where = (c.person_id == person_id, c.kind == "enrolment")
        await tx.run(update(assignments).where(*where).values(class_id=class_id))
        for record in await schools.records(tx):
            await schools.changed(tx, record.id)
    await bridged.settled()


async def spent_since(bridged: BridgedSchool, before: dict[str, int]) -> dict[str, int]:
    after = (await bridged.status())["requests"]
    spent = {k: after.get(k, 0) - before.get(k, 0) for k in CHANGING}
    return {k: n for k, n in spent.items() if n}


async def test_an_interrupted_creation_is_found_again(bridged: BridgedSchool) -> None:
    values = bridged.config
    key = "test/interrupted"
    async with bridged.database() as db, opened_homeserver(values) as homeserver:
        # As after a kill between the request and its answer: an intent, and a room nobody knows.
        async with db.write() as tx:
            await rooms.intend(tx, key, "", "test")
        mark = {"type": MARK, "state_key": "", "content": {"key": key}}
        lost = await homeserver.create_room({"initial_state": [mark]})
        made = await RoomMaker(db, homeserver).make(key, "", "test", {})
        assert (made.room_id, made.fresh) == (lost, False)
        again = await RoomMaker(db, homeserver).make(key, "", "test", {})
        assert again.room_id == lost


async def test_a_room_is_not_looked_for_among_the_chats_of_others(bridged: BridgedSchool) -> None:
    values = bridged.config
    mine, other = (f"@{name}:{SERVER_NAME}" for name in ("mine", "other"))
    key = f"documents/{mine}"
    async with bridged.database() as db, opened_homeserver(values) as homeserver:
        made = {}
        for mxid in (other, mine):
            mark = {"type": MARK, "state_key": "", "content": {"key": f"documents/{mxid}"}}
            made[mxid] = await homeserver.create_room({"initial_state": [mark]})
        async with db.write() as tx:
            await rooms.intend(tx, key, "", "documents")
            for mxid, room_id in made.items():
                await dialogues.add_room(tx, room_id, mxid)
        homeserver.sent.clear()
        found = await RoomMaker(db, homeserver).make(key, "", "documents", {})
        asked = homeserver.sent["state"]
        async with db.write() as tx:
            for room_id in made.values():
                await dialogues.drop_room(tx, room_id)
            await rooms.forget(tx, key)
        for room_id in made.values():
            await homeserver.leave(room_id)
    assert (found.room_id, found.fresh) == (made[mine], False)
    assert asked == 1


async def test_an_intent_without_a_room_is_carried_out(bridged: BridgedSchool) -> None:
    async with bridged.database() as db, opened_homeserver(bridged.config) as homeserver:
        async with db.write() as tx:
            await rooms.intend(tx, "test/never-sent", "", "test")
        made = await RoomMaker(db, homeserver).make("test/never-sent", "", "test", {})
        assert made.fresh


async def test_a_killed_bridge_goes_on_and_creates_nothing_twice(bridged: BridgedSchool) -> None:
    before = (await bridged.bot_calls("GET", "joined_rooms"))[1]["joined_rooms"]
    await bridged.kill_bridge()
    await bridged.start_bridge()
    status = await bridged.settled()
    assert (await bridged.bot_calls("GET", "joined_rooms"))[1]["joined_rooms"] == before
    assert not {k: n for k, n in status["requests"].items() if k in CHANGING}

    async def asked() -> Any:
        return (await bridged.status())["requests"].get("ping")

    # Nor does it wait until the homeserver, which found it away, tries again by itself. The rooms
    # may be as they should be before that question went out.
    assert await until(asked) == 1


async def test_what_a_homeserver_that_ended_while_sending_kept_arrives(
    bridged: BridgedSchool,
) -> None:
    if bridged.synapse.settings.database is not None:
        pytest.skip("looks into Synapse's SQLite file")
    school = await bridged.school()
    pupil = await bridged.client(school.enrolments[0].person_id)
    chat = await pupil.direct_chat()
    await bridged.kill_bridge()
    kept = await pupil.say(chat, "помощь")
    path = bridged.folder / "homeserver.db"

    async def is_kept() -> bool:
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("SELECT event_ids FROM application_services_txns").fetchall()
        return any(kept in row[0] for row in rows)

    await until(is_kept)
    await bridged.synapse.stop()
    with closing(sqlite3.connect(path)) as db, db:
        # As where it ended before it noted that the bridge is away: nobody looks after it.
        db.execute("DELETE FROM application_services_state")
    await bridged.synapse.start()
    await bridged.start_bridge()
    # Nothing is said before it listens: one more failure would have everything sent again.
    await until(bridged.status)

    async def arrived() -> bool:
        # It sends nothing without something new; whoever waits for an answer writes again.
        await pupil.say(chat, "помощь")
        async with bridged.database() as db, db.read() as tx:
            known = select(inbox.c.id).where(inbox.c.event_id == kept)
            return await tx.value(known) is not None

    await until(arrived)
    await bridged.settled()


async def test_the_bridge_stops_cleanly_when_asked(bridged: BridgedSchool) -> None:
    assert await bridged.stop_bridge() == 0
    await bridged.start_bridge()
    await bridged.settled()


async def test_a_homeserver_that_restarts_is_waited_for_and_said_once(
    bridged: BridgedSchool,
) -> None:
    said = bridged.log().count("does not answer")
    school = await bridged.school()
    pupil = school.enrolments[-1]
    other = next(c for c in school.classes if c != pupil.class_id)
    await bridged.synapse.stop()
    change = asyncio.create_task(move(bridged, pupil.person_id, other))

    async def noticed() -> bool:
        return bridged.log().count("does not answer") > said

    await until(noticed)
    await asyncio.sleep(2)
    await bridged.synapse.start()
    await change
    assert bridged.log().count("does not answer") == said + 1
    await move(bridged, pupil.person_id, pupil.class_id)


async def test_a_homeserver_that_is_down_at_the_start_is_waited_for(
    bridged: BridgedSchool,
) -> None:
    await bridged.stop_bridge()
    await bridged.synapse.stop()
    before = len(bridged.log())
    await bridged.start_bridge()

    async def noticed() -> bool:
        return "does not answer" in bridged.log()[before:]

    await until(noticed)
    await asyncio.sleep(2)
    await bridged.synapse.start()

    async def back() -> bool:
        return "answers again" in bridged.log()[before:]

    await until(back, 60)
    assert bridged.log()[before:].count("does not answer") == 1
    await bridged.settled()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (("homeserver", "extension_secret"), "wrong" * 8, "refuses the secret"),
        (("appservice", "as_token"), "wrong", "List both registrations"),
        (("rooms", "at_once"), "много", "rooms.at_once"),
    ],
)
async def test_what_is_set_up_wrongly_is_said_at_the_start(
    bridged: BridgedSchool, tmp_path: Path, setting: tuple[str, str], value: Any, said: str
) -> None:
    yaml = YAML()
    data = yaml.load(bridged.folder / "config.yaml")
    # Another port and another database: the real bridge goes on beside it.
    data["appservice"]["port"] = reserve_port()
    data["database"]["url"] = "sqlite:///other.db"
    data[setting[0]][setting[1]] = value
    path = tmp_path / "config.yaml"
    with path.open("w", encoding="utf-8") as out:
        yaml.dump(data, out)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sferum_bridge", "run", "--take-over", "--config", str(path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, text = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert said in text.decode()
    assert "Traceback" not in text.decode()
