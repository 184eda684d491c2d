"""Many people come into a room at once by the extension, as if each had joined (design §4)."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import nio
import pytest
import pytest_asyncio

from sferum_bridge.matrix.enrolment import ENROL, MOST
from tests.contour.walk_stored import rows
from tests.support.bridge import until
from tests.support.enrolling import hall
from tests.support.exported import judged
from tests.support.synapse import Answer, request, sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.enrolling import Hall
    from tests.support.synapse import Account, Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT = 6
WRITTEN = 8


@pytest_asyncio.fixture(loop_scope="session")
async def at(homeserver: Homeserver) -> AsyncIterator[Hall]:
    """Give a class at the run's Synapse, on SQLite and on PostgreSQL."""
    async with hall(homeserver) as found:
        yield found


async def asked(
    at: Hall,
    body: Any,
    *,
    moment: int | None = None,
    nonce: str | None = None,
    secret: str = "",
    since: int = 0,
) -> Answer:
    """Ask the door without the bridge's client."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "X-Sferum-Nonce": secrets.token_hex(16) if nonce is None else nonce,
        "X-Sferum-Body": hashlib.sha256(raw).hexdigest(),
        "X-Sferum-Since": str(since),
        "X-Sferum-Time": str(int(time.time()) if moment is None else moment),
    }
    words = " ".join(["POST", ENROL, *headers.values()])
    headers["X-Sferum-Mac"] = sign(secret or at.server.facts_secret, words.encode())
    return await request("POST", at.server._address(ENROL), raw_body=raw, headers=headers)


async def class_of(at: Hall, version: str) -> tuple[str, list[str]]:
    """Make a room, and people who are to come into it; the first of them is invited."""
    pupils = await at.newcomers(COUNT)
    room = await at.room(version=version, invite=[pupils[0].user_id])
    await at.tell()
    return room, [one.user_id for one in pupils]


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_a_batch_is_in_and_looks_like_joins(at: Hall, version: str) -> None:
    room, ids = await class_of(at, version)
    done = await at.enrolment.enrol(room, ids)
    assert done is not None
    assert done.joined == set(ids)
    assert not done.refused
    members = await at.members(room)
    assert {mxid for mxid, how in members.items() if how == "join"} == {
        *ids,
        at.server.bot.user_id,
    }
    joins = {
        e["state_key"]: e
        for e in await at.timeline(room, at.server.bot)
        if e["type"] == "m.room.member" and e["state_key"] in ids and e["sender"] == e["state_key"]
    }
    bot = at.server.bot.user_id
    for mxid in ids:
        content = joins[mxid]["content"]
        authorised = content.get("join_authorised_via_users_server")
        assert authorised == (None if mxid == ids[0] else bot)
        assert content["displayname"] == mxid[1:].partition(":")[0]
    assert len(await at.tips(room)) == 1
    # Once more changes nothing.
    before = await at.timeline(room, at.server.bot)
    again = await at.enrolment.enrol(room, ids)
    assert again is not None
    assert again.joined == set(ids)
    after = await at.timeline(room, at.server.bot)
    assert [e["event_id"] for e in after] == [e["event_id"] for e in before]


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_another_server_would_take_every_event(at: Hall, version: str) -> None:
    room, ids = await class_of(at, version)
    for some in (ids[:3], ids[3:]):
        done = await at.enrolment.enrol(room, some)
        assert done is not None
        assert done.joined == set(some)
    events = await judged(at, room, version)
    joins = [e.state_key for e in events if e.type == "m.room.member" and e.membership == "join"]
    assert sorted(joins) == sorted([at.server.bot.user_id, *ids])


async def test_clients_see_it_at_once(at: Hall) -> None:
    """By a plain client and by matrix-nio: the room, its members, no invite, nothing unread."""
    pupils = await at.newcomers(3)
    room = await at.room(invite=[pupils[0].user_id])
    await at.tell()
    waiting = pupils[1]
    since = (await at.server.call("GET", "sync", by=waiting)).body["next_batch"]
    params = {"since": since, "timeout": "30000"}
    waits = asyncio.create_task(at.server.call("GET", "sync", by=waiting, params=params))
    await asyncio.sleep(0.2)
    done = await at.enrolment.enrol(room, [one.user_id for one in pupils])
    assert done is not None
    woken = (await waits).body["rooms"]["join"][room]
    assert woken["unread_notifications"] == {"notification_count": 0, "highlight_count": 0}
    sent = await at.server.call(
        "PUT",
        f"rooms/{room}/send/m.room.message/1",
        {"msgtype": "m.text", "body": "Добро пожаловать"},
        by=at.server.bot,
    )
    assert sent.status == 200, sent
    for pupil in pupils:
        rooms = (await at.server.call("GET", "sync", by=pupil)).body["rooms"]
        assert room not in rooms.get("invite", {})
        # The welcome counts, the joins do not.
        assert rooms["join"][room]["unread_notifications"]["notification_count"] == 1
        client = nio.AsyncClient(str(at.server._address("/")).rstrip("/"), pupil.user_id)
        client.access_token = pupil.token
        try:
            seen = await client.sync(full_state=True)
            assert isinstance(seen, nio.SyncResponse), seen
            joined = await client.joined_members(room)
            assert isinstance(joined, nio.JoinedMembersResponse), joined
        finally:
            await client.close()
        assert room in seen.rooms.join
        assert not seen.rooms.invite
        assert {one.user_id for one in joined.members} >= {one.user_id for one in pupils}


async def test_a_room_filled_so_is_as_one_that_people_joined(at: Hall) -> None:
    """Push rules, counts, mentions, the directory, statistics: the same in both, for everybody."""
    pupils = await at.newcomers(3)
    batch, joined = [await at.room(version="12") for _ in range(2)]
    await at.tell()
    quiet, keyword, plain = pupils
    for room in (batch, joined):
        rule: dict[str, Any] = {"actions": []}
        await ok(at, "PUT", f"pushrules/global/room/{room}", rule, by=quiet)
    rule = {"actions": ["notify", {"set_tweak": "highlight"}], "pattern": "контрольная"}
    await ok(at, "PUT", "pushrules/global/content/контрольная", rule, by=keyword)
    done = await at.enrolment.enrol(batch, [one.user_id for one in pupils])
    assert done is not None
    assert done.joined == {one.user_id for one in pupils}
    for one in pupils:
        await ok(at, "POST", f"rooms/{joined}/invite", {"user_id": one.user_id}, by=at.server.bot)
        await ok(at, "POST", f"join/{joined}", {}, by=one)
    said: list[dict[str, Any]] = [
        {"body": "Добро пожаловать"},
        {"body": "завтра контрольная"},
        {"body": "вы дежурите", "m.mentions": {"user_ids": [plain.user_id]}},
    ]
    for room in (batch, joined):
        for number, content in enumerate(said):
            where = f"rooms/{room}/send/m.room.message/{number}"
            await ok(at, "PUT", where, {"msgtype": "m.text", **content}, by=at.server.bot)
    counted: dict[str, tuple[int, int]] = {}
    for one in pupils:
        rooms = (await ok(at, "GET", "sync", by=one))["rooms"]["join"]
        assert rooms[batch]["unread_notifications"] == rooms[joined]["unread_notifications"]
        assert rooms[batch]["summary"] == rooms[joined]["summary"]
        counts = rooms[batch]["unread_notifications"]
        counted[one.user_id] = (counts["notification_count"], counts["highlight_count"])
    expected = {quiet.user_id: (0, 0), keyword.user_id: (3, 1), plain.user_id: (3, 1)}
    assert counted == expected
    for one in pupils:
        # What was read is read, in a room of either kind.
        for room in (batch, joined):
            last = (await at.timeline(room, one))[-1]["event_id"]
            await ok(at, "POST", f"rooms/{room}/receipt/m.read/{last}", {}, by=one)
        rooms = (await ok(at, "GET", "sync", by=one))["rooms"]["join"]
        nothing = {"notification_count": 0, "highlight_count": 0}
        assert [rooms[room]["unread_notifications"] for room in (batch, joined)] == [nothing] * 2
    everybody = len(pupils) + 1
    assert await figures(at, batch, everybody) == await figures(at, joined, everybody)
    for one, other in itertools.permutations(pupils, 2):
        await until(partial(finds, at, one, other))


async def test_nothing_is_kept_that_is_for_nobody(at: Hall) -> None:
    """No row for each pair of people, and no event for servers that are in no school room."""
    room, ids = await class_of(at, "12")
    await at.enrolment.enrol(room, ids)
    one, other = [await at.server.account("stranger") for _ in range(2)]
    of_two = await at.server.room(one, invite=[other.user_id])
    await ok(at, "POST", f"join/{of_two}", {}, by=other)

    async def pairs(where: str) -> list[tuple[Any, ...]]:
        return rows(
            at.server.process,
            f"SELECT user_id FROM users_who_share_private_rooms WHERE room_id = '{where}'",  # noqa: S608 — the homeserver's id
        )

    # Synapse goes through rooms in the order of their events.
    assert len(await until(partial(pairs, of_two))) == 2
    assert await pairs(room) == []
    stored = rows(
        at.server.process,
        "SELECT j.internal_metadata FROM event_json AS j INNER JOIN events AS e"  # noqa: S608 — see above
        " ON e.event_id = j.event_id WHERE e.type = 'm.room.member' AND e.sender = e.state_key"
        f" AND e.room_id = '{room}'",
    )
    told = [json.loads(text).get("proactively_send", True) for (text,) in stored]
    # The bot's own came with the room.
    assert sorted(told) == [*[False] * COUNT, True]


async def finds(at: Hall, one: Account, other: Account) -> bool:
    """Tell whether somebody finds another person in the directory."""
    words = {"search_term": other.user_id[1:].partition(":")[0]}
    found = await ok(at, "POST", "user_directory/search", words, by=one)
    return other.user_id in {each["user_id"] for each in found["results"]}


async def figures(at: Hall, room: str, everybody: int) -> dict[str, Any]:
    """Wait until Synapse has counted a room's people; return what its admins are told of it."""
    admin = await at.server.account("admin", admin=True)
    path = f"/_synapse/admin/v1/rooms/{room}"

    async def counted() -> Any:
        told = await ok(at, "GET", path, by=admin)
        return told if told["joined_members"] == everybody else None

    told, listed = await until(counted), await ok(at, "GET", f"{path}/members", by=admin)
    kept = ("joined_members", "joined_local_members", "joined_local_devices", "federatable")
    return {**{name: told[name] for name in kept}, "members": sorted(listed["members"])}


async def ok(at: Hall, method: str, path: str, body: Any = None, *, by: Account) -> Any:
    """Ask as a client does, and be answered well."""
    answer = await at.server.call(method, path, body, by=by)
    assert answer.status == 200, answer
    return answer.body


async def test_who_may_not_come_is_named_and_the_rest_goes_on(at: Hall) -> None:
    pupil, banned, closed, suspended = await at.newcomers(4)
    stranger = await at.server.account("stranger")
    room = await at.room()
    await at.tell()
    bot = at.server.bot
    await at.server.call("POST", f"rooms/{room}/ban", {"user_id": banned.user_id}, by=bot)
    admin = await at.server.account("admin", admin=True)
    path = f"/_synapse/admin/v1/deactivate/{closed.user_id}"
    assert (await at.server.call("POST", path, {}, by=admin)).status == 200
    path = f"/_synapse/admin/v1/suspend/{suspended.user_id}"
    assert (await at.server.call("PUT", path, {"suspend": True}, by=admin)).status == 200
    nobody, afar = f"@nobody:{bot.user_id.partition(':')[2]}", "@pupil:elsewhere.example"
    others = [one.user_id for one in (stranger, banned, closed, suspended)]
    people = [*others, nobody, afar, pupil.user_id]
    done = await at.enrolment.enrol(room, people)
    assert done is not None
    assert done.joined == {pupil.user_id}
    assert done.refused == {
        stranger.user_id: "not_let",
        banned.user_id: "banned",
        closed.user_id: "closed_account",
        suspended.user_id: "suspended",
        nobody: "no_account",
        afar: "not_of_this_server",
    }
    assert (await at.members(room))[banned.user_id] == "ban"


async def test_a_room_it_cannot_fill_is_left_to_the_ordinary_ways(at: Hall) -> None:
    (pupil,) = await at.newcomers(1)
    own = await at.room(known=False)
    old = await at.room(version="6")
    open_rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "invite"}}
    by_invite = await at.room(initial_state=[open_rule])
    left = await at.room()
    await at.tell()
    await at.server.call("POST", f"rooms/{left}/leave", {}, by=at.server.bot)
    for room in (own, old, by_invite, left, "!nowhere:school.example"):
        assert await at.enrolment.enrol(room, [pupil.user_id]) is None, room
    assert await at.enrolment.available(), "which is no reason to give up the others"


async def test_the_door_is_shut_for_others(at: Hall) -> None:
    (pupil,) = await at.newcomers(1)
    room = await at.room()
    await at.tell()
    body = {"room_id": room, "user_ids": [pupil.user_id]}
    now = int(time.time())
    assert (await asked(at, body, secret="x" * 32)).status == 403
    assert (await asked(at, body, moment=now - 3600)).status == 403
    assert (await asked(at, body, nonce="short")).status == 403
    too_many = {**body, "user_ids": [pupil.user_id] * (MOST + 1)}
    unreadable: list[Any] = [b"{", [], {}, {**body, "room_id": 1}, {**body, "user_ids": "all"}]
    for wrong in [*unreadable, too_many]:
        assert (await asked(at, wrong)).status == 400, wrong
    assert (await asked(at, b" " * (3 * 1024 * 1024))).status == 413
    assert pupil.user_id not in await at.members(room)
    nonce = secrets.token_hex(16)
    assert (await asked(at, body, nonce=nonce, moment=now)).status == 200
    await at.server.call("POST", f"rooms/{room}/leave", {}, by=pupil)
    replayed = await asked(at, body, nonce=nonce, moment=now)
    assert replayed.status == 403, "who has left is not brought back by who listened"
    assert (await at.members(room))[pupil.user_id] == "leave"


async def test_who_left_while_the_answer_was_waited_for_stays_out(at: Hall) -> None:
    """The answer to the first try was lost; the bridge asks again, and says since when."""
    gone, new = await at.newcomers(2)
    room = await at.room()
    await at.tell()
    assert await at.enrolment.enrol(room, [gone.user_id])
    await at.server.call("POST", f"rooms/{room}/leave", {}, by=gone)
    body = {"room_id": room, "user_ids": [gone.user_id, new.user_id]}
    again = await asked(at, body, since=60_000)
    assert again.body == {"joined": [new.user_id], "refused": {gone.user_id: "left"}}
    assert (await at.members(room))[gone.user_id] == "leave"
    # Whom the bridge asks for since they left, they asked to come back.
    back = await at.enrolment.enrol(room, [gone.user_id])
    assert back is not None
    assert back.joined == {gone.user_id}


async def test_a_ban_beside_a_batch_holds(at: Hall) -> None:
    """Whichever was first, and when asked again."""
    pupils = await at.newcomers(2 * COUNT)
    room = await at.room()
    await at.tell()
    ids = [one.user_id for one in pupils]

    async def ban(mxid: str, moment: float) -> None:
        await asyncio.sleep(moment)
        answer = await at.server.call("POST", f"rooms/{room}/ban", {"user_id": mxid}, by=bot)
        assert answer.status == 200, answer

    bot = at.server.bot
    banned = ids[::3]
    bans = (ban(mxid, number * 0.02) for number, mxid in enumerate(banned))
    await asyncio.gather(at.enrolment.enrol(room, ids), *bans)
    members = await at.members(room)
    assert {mxid for mxid, how in members.items() if how == "ban"} == set(banned)
    done = await at.enrolment.enrol(room, ids)
    assert done is not None
    assert done.refused == dict.fromkeys(banned, "banned")
    assert done.joined == set(ids) - set(banned)


async def test_messages_go_on_and_nothing_forks(at: Hall) -> None:
    pupils = await at.newcomers(2 * COUNT)
    writer, *rest = pupils
    room = await at.room()
    await at.tell()
    assert await at.enrolment.enrol(room, [writer.user_id])

    async def write() -> None:
        for number in range(WRITTEN):
            path = f"rooms/{room}/send/m.room.message/{number}"
            content = {"msgtype": "m.text", "body": str(number)}
            assert (await at.server.call("PUT", path, content, by=writer)).status == 200

    async def enrol() -> None:
        for start in range(0, len(rest), 4):
            ids = [one.user_id for one in rest[start : start + 4]]
            done = await at.enrolment.enrol(room, ids)
            assert done is not None
            assert done.joined == set(ids)

    await asyncio.gather(write(), enrol())
    last = f"rooms/{room}/send/m.room.message/last"
    content = {"msgtype": "m.text", "body": str(WRITTEN)}
    assert (await at.server.call("PUT", last, content, by=writer)).status == 200
    assert len(await at.tips(room)) == 1, "what was made at once is followed by one event"
    bodies = [
        event["content"]["body"]
        for event in await at.timeline(room, writer)
        if event["type"] == "m.room.message"
    ]
    assert bodies == [str(number) for number in range(WRITTEN + 1)]
    joined = {mxid for mxid, how in (await at.members(room)).items() if how == "join"}
    assert joined == {one.user_id for one in pupils} | {at.server.bot.user_id}
