"""What those try who can do more: administrators, services, another server, the bot."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from tests.contour.actors import quoted
from tests.contour.attacks.i_federation import _membership as membership
from tests.contour.walk import FIXED, MOVERS, REMOTE
from tests.contour.walk_acts import Acts, some_room, some_user, somebody
from tests.contour.walk_people import sides

if TYPE_CHECKING:
    from random import Random

    from tests.contour.actors import Json
    from tests.contour.walk import Walk

ADMIN = "/_synapse/admin/v1"
V2 = "/_matrix/federation/v2"
QUESTIONS = (
    "query/profile?user_id={user}",
    "query/directory?room_alias={alias}",
    "user/devices/{user}",
    "hierarchy/{room}",
    "rooms/{room}/complexity",
    "state/{room}?event_id={event}",
    "state_ids/{room}?event_id={event}",
    "backfill/{room}?v={event}&limit=10",
    "event/{event}",
    "event_auth/{room}/{event}",
    "timestamp_to_event/{room}?ts=0&dir=f",
    "make_join/{room}/{remote}?ver=10&ver=11&ver=12",
    "make_knock/{room}/{remote}?ver=10&ver=11&ver=12",
    "make_leave/{room}/{remote}",
    "publicRooms?limit=100",
    "media/download/{media}",
    "media/thumbnail/{media}?width=32&height=32",
    "/_matrix/federation/unstable/rooms/{room}/complexity",
)


act = Acts()


@act(4)
async def administers(walk: Walk, chance: Random) -> None:
    """A server administrator uses what the admin API has for putting people into rooms."""
    name, room, user = chance.choice(["x", "xt"]), some_room(walk, chance), some_user(walk, chance)
    number = chance.random()
    if number < 0.5:
        await walk.call(name, "POST", f"{ADMIN}/join/{room}", {"user_id": user})
    elif number < 0.9 or room in walk.school:
        await walk.call(name, "POST", f"{ADMIN}/rooms/{room}/make_room_admin", {"user_id": user})
    else:
        body = {"new_room_user_id": walk.id_of("x"), "room_name": "x", "purge": False}
        inside = walk.is_inside("x")
        answer = await walk.call(name, "DELETE", f"{ADMIN}/rooms/{room}", body)
        new = str(answer.body.get("new_room_id") or "")
        walk.met(new, "inside" if inside else "outside")


@act(4)
async def plays_others(walk: Walk, chance: Random) -> None:
    """An application service acts as somebody else."""
    service, user = chance.choice(["as2", "as3"]), some_user(walk, chance)
    room = some_room(walk, chance)
    method, path, body = chance.choice(
        (
            ("GET", "sync", None),
            ("GET", f"rooms/{room}/messages", None),
            ("GET", "joined_rooms", None),
            ("POST", f"rooms/{room}/join", {}),
            ("POST", "createRoom", {"invite": [some_user(walk, chance)]}),
            ("GET", f"rooms/{room}/joined_members", None),
        )
    )
    inside = walk.is_inside(walk.name_of(user))
    params = {"dir": "b"} if path.endswith("messages") else {}
    answer = await walk.call(service, method, path, body, user_id=user, **params)
    if answer.status == 200 and inside and user != walk.id_of(service):
        walk.found("played", f"{service} does {method} {path} as {user}")
    walk.met(str(answer.body.get("room_id", "")), "outside")


@act(10)
async def asks_as_server(walk: Walk, chance: Random) -> None:
    """The other server asks for anything there is to ask."""
    path = chance.choice(QUESTIONS).format(
        user=quoted(some_user(walk, chance)),
        room=quoted(some_room(walk, chance)),
        event=quoted(chance.choice([*walk.events, walk.world.message])),
        alias=quoted(chance.choice(walk.aliases or ["#nope:x"])),
        remote=quoted(walk.id_of(chance.choice(REMOTE))),
        media=chance.choice(walk.files).media_id,
    )
    answer = await walk.world.forged.get(path)
    walk.note("forged", f"GET {path}", answer)


@act(3)
async def asks_for_keys_as_server(walk: Walk, chance: Random) -> None:
    name = chance.choice((*FIXED, *MOVERS))
    user, device = walk.id_of(name), walk.actors[name].device
    path, body = chance.choice(
        (
            ("user/keys/query", {"device_keys": {user: []}}),
            ("user/keys/claim", {"one_time_keys": {user: {device: "signed_curve25519"}}}),
        )
    )
    answer = await walk.world.forged.post(path, body)
    walk.note("forged", f"POST {path} for {name}", answer)
    if walk.is_inside(name) and device in str(answer.body):
        walk.found("devices", f"the other server is told {answer.body}")


@act(4)
async def sends_edus(walk: Walk, chance: Random) -> None:
    """The other server sends what is no event: whispers, typing, presence, receipts, devices."""
    m, user, room = walk.id_of("m"), some_user(walk, chance), some_room(walk, chance)
    whisper = {"sides": sides(walk, "m", user), "words": walk.word("m")}
    receipt = {"event_ids": [walk.world.message], "data": {"ts": int(time.time() * 1000)}}
    contents: tuple[tuple[str, Json], ...] = (
        (
            "m.direct_to_device",
            {
                "sender": m,
                "type": "m.dummy",
                "message_id": secrets.token_hex(6),
                "messages": {user: {"*": whisper}},
            },
        ),
        ("m.typing", {"room_id": room, "user_id": m, "typing": True}),
        ("m.receipt", {room: {"m.read": {m: receipt}}}),
        ("m.presence", {"push": [{"user_id": m, "presence": "online", "last_active_ago": 1}]}),
        ("m.device_list_update", {"user_id": m, "device_id": "X", "stream_id": 1, "prev_id": []}),
    )
    if user == walk.id_of("bot"):
        return
    kind, content = chance.choice(contents)
    walk.note("forged", f"EDU {kind} {user} {room}", await walk.world.forged.edu(kind, content))


@act(4)
async def forces_membership(walk: Walk, chance: Random) -> None:
    """The other server signs a membership by hand: in a transaction, or without being asked."""
    room, m = some_room(walk, chance), walk.id_of(chance.choice(REMOTE))
    how = chance.choice(["join", "knock", "invite", "leave"])
    target = some_user(walk, chance) if how == "invite" else m
    watcher = walk.world.bot if room in walk.school else walk.actors["m"]
    walk.log.append(f"#{walk.steps} forged: {how} of {target} in {room}")
    try:
        event_id, event = await membership(walk.world, watcher, room, m, target, how)
    except (IndexError, StopIteration, KeyError):
        return  # the watcher is not in the room, or nothing to refer to is left in it
    walk.mangled.add(room)
    forged, number = walk.world.forged, chance.random()
    if number < 0.4:
        answer = await forged.transaction(pdus=[event])
        walk.note("forged", f"PDU {how} of {target} in {room}", answer)
    elif how == "invite":
        version = walk.world.version
        body: Json = {"event": event, "room_version": version, "invite_room_state": []}
        answer = await forged.put(f"{V2}/invite/{quoted(room)}/{quoted(event_id)}", body)
        walk.note("forged", f"invite of {target} to {room}", answer)
    else:
        base = "/_matrix/federation/v1" if how == "knock" else V2
        path = f"{base}/send_{how}/{quoted(room)}/{quoted(event_id)}"
        answer = await forged.put(path, event)
        walk.note("forged", f"send_{how} of {m} in {room}", answer)


@act(2)
async def misleads_the_bot(walk: Walk, chance: Random) -> None:
    """The bot is told to invite anybody anywhere."""
    room = chance.choice(sorted(walk.school))
    body = {"user_id": some_user(walk, chance)}
    await walk.call("bot", "POST", f"rooms/{room}/invite", body)


@act(4)
async def mends(walk: Walk, chance: Random) -> None:
    """The bridge looks whether somebody is where they belong."""
    await walk.mend(chance.choice(sorted(walk.school)), somebody_inside(walk, chance))


def somebody_inside(walk: Walk, chance: Random) -> str:
    while (name := somebody(chance)) not in walk.insiders:
        pass
    return name
