"""I: what another server asks and tells of people and rooms, signed by hand."""

from __future__ import annotations

import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from sferum_bridge.school.layout import Kind
from tests.contour.actors import quoted
from tests.contour.attack import Group, oracle
from tests.contour.attacks.d_people import is_robbed, keys_left

if TYPE_CHECKING:
    from tests.contour.sight import Leak
    from tests.contour.world import World

attack = Group()

V2 = "/_matrix/federation/v2"
UNSTABLE = "/_matrix/federation/unstable"
PUBLIC = {"m.room.join_rules": {"join_rule": "public"}}
KNOCK = {"m.room.join_rules": {"join_rule": "knock"}}
AUTH = ("m.room.create", "m.room.join_rules", "m.room.power_levels")


# --- people ---------------------------------------------------------------------------------------


async def _profile(world: World, query: str) -> Leak:
    answer = await world.forged.get(f"query/profile?user_id={quoted(world.s1.user_id)}{query}")
    told = world.secrets.name in str(answer.body) or "mxc://" in str(answer.body)
    return str(answer.body) if told else ""


attack.each(
    "I09",
    "another server asks for a pupil's profile",
    {
        "a": partial(_profile, query=""),
        "b": partial(_profile, query="&field=displayname"),
        "c": partial(_profile, query="&field=avatar_url"),
        "d": partial(_profile, query="&field=org.example.phone"),
    },
)


@attack("I10", "whether a pupil exists, by the profile for other servers")
async def _(world: World) -> Leak:
    s1, nobody = quoted(world.s1.user_id), quoted(f"@nobody:{world.server.name}")
    path = "query/profile?user_id={}"
    return await oracle(world.forged, "GET", path, s1, nobody)


@attack("I11", "another server asks for a pupil's devices")
async def _(world: World) -> Leak:
    answer = await world.forged.get(f"user/devices/{world.s1.user_id}")
    return str(answer.body)[:200] if world.s1.device in str(answer.body) else ""


@attack("I12", "another server asks for a pupil's keys")
async def _(world: World) -> Leak:
    answer = await world.forged.post("user/keys/query", {"device_keys": {world.s1.user_id: []}})
    return str(answer.body)[:200] if world.s1.device in str(answer.body) else ""


async def _claims(world: World, path: str, want: object) -> Leak:
    s1 = world.s1
    before = await keys_left(s1)
    await world.forged.post(path, {"one_time_keys": {s1.user_id: {s1.device: want}}})
    return await is_robbed(world, s1, before)


attack("I13", "another server takes a pupil's one-time key")(
    partial(_claims, path="user/keys/claim", want="signed_curve25519")
)
attack("I14", "another server takes a pupil's one-time keys by the number")(
    partial(
        _claims, path=UNSTABLE + "/user/keys/claim", want=["signed_curve25519", "signed_curve25519"]
    )
)


@attack("I16", "whether a pupil exists, by the devices for other servers")
async def _(world: World) -> Leak:
    nobody = f"@nobody:{world.server.name}"
    return await oracle(
        world.forged,
        "GET",
        "user/devices/{}",
        world.s1.user_id,
        nobody,
    )


@attack("I17", "a to-device message signed by hand")
async def _(world: World) -> Leak:
    marker = secrets.token_hex(6)
    content = {
        "sender": world.m.user_id,
        "type": "m.key.verification.request",
        "message_id": secrets.token_hex(4),
        "messages": {world.s1.user_id: {"*": {"marker": marker}}},
    }
    await world.forged.edu("m.direct_to_device", content)
    return await world.heard(world.s1, marker)


@attack("I18", "typing, receipts and presence signed by hand", works_without=False)
async def _(world: World) -> Leak:
    room, m = world.rooms["pupils"], world.m.user_id
    await world.forged.edu("m.typing", {"room_id": room, "user_id": m, "typing": True})
    receipt = {m: {"data": {"ts": int(time.time() * 1000)}, "event_ids": [world.message]}}
    await world.forged.edu("m.receipt", {room: {"m.read": receipt}})
    await world.forged.edu("m.presence", {"push": [{"user_id": m, "presence": "online"}]})
    seen = await world.sync(world.s1, room={"rooms": [room], "timeline": {"limit": 1}}, presence={})
    told = seen["rooms"]["join"][room]["ephemeral"], seen.get("presence")
    return "the pupil sees it" if m in json.dumps(told) else ""


@attack("I40", "another server says that a pupil has another device", works_without=False)
async def _(world: World) -> Leak:
    update = {
        "user_id": world.s1.user_id,
        "device_id": "EVIL",
        "stream_id": 1_000_000,
        "prev_id": [],
        "keys": {},
    }
    await world.forged.edu("m.device_list_update", update)
    answer = await world.s2.post("keys/query", {"device_keys": {world.s1.user_id: []}})
    return "it is believed" if "EVIL" in json.dumps(answer.body) else ""


# --- rooms ----------------------------------------------------------------------------------------


@attack("I15", "another server walks through the school's space", works_without=False)
async def _(world: World) -> Leak:
    leak = ""
    for name in ("class_space", "space", "pupils"):
        leak += await oracle(
            world.forged,
            "GET",
            "hierarchy/{}",
            world.rooms[name],
            world.nowhere,
        )
    return leak


@attack("I41", "the hierarchy of a class's space that federates and is public")
async def _(world: World) -> Leak:
    room = await world.loose_room(Kind.CLASS, federate=True, state=PUBLIC)
    child = {"via": [world.server.name]}
    await world.bot.set_state(room, "m.space.child", child, world.rooms["pupils"])
    answer = await world.forged.get(f"hierarchy/{room}")
    return str(answer.body)[:200] if world.secrets.room in str(answer.body) else ""


@attack("I42", "another server reads the room lists after a class's room was published")
async def _(world: World) -> Leak:
    room = await world.loose_room(federate=True, state=PUBLIC)
    await world.as2.put(f"directory/list/appservice/net/{room}", {"visibility": "public"})
    await world.t1.put(f"directory/list/room/{room}", {"visibility": "public"})
    answer = await world.forged.get("publicRooms?include_all_networks=true&limit=500")
    return f"{room} is listed" if room in json.dumps(answer.body) else ""


READS = {
    "a": "event/{event}",
    "b": "state/{room}?event_id={event}",
    "c": "state_ids/{room}?event_id={event}",
    "d": "backfill/{room}?v={event}&limit=20",
    "e": "event_auth/{room}/{event}",
    "f": "timestamp_to_event/{room}?ts=0&dir=f",
    "g": "make_join/{room}/{user}?ver=10&ver=11&ver=12",
    "h": "make_knock/{room}/{user}?ver=10&ver=11&ver=12",
}


async def _reads(world: World, path: str, *, readable: bool) -> Leak:
    room, event = world.rooms["pupils"], world.message
    if readable:
        state = {"m.room.history_visibility": {"history_visibility": "world_readable"}}
        room = await world.loose_room(federate=True, state=state)
        event = await world.s1.say(room, world.secrets.message)
    filled = path.format(room=room, event=event, user=world.m.user_id)
    answer = await world.forged.get(filled)
    return f"{answer.status} {str(answer.body)[:100]}" if answer.status == 200 else ""


attack.each(
    "I22",
    "another server reads a class's room",
    {letter: partial(_reads, path=path, readable=False) for letter, path in READS.items()},
    works_without=False,
)
attack.each(
    "I43",
    "another server reads a class's room that is world-readable",
    {letter: partial(_reads, path=path, readable=True) for letter, path in READS.items()},
    works_without=False,
)


@attack("I44", "another server asks for missing events", works_without=False)
async def _(world: World) -> Leak:
    body = {"earliest_events": [], "latest_events": [world.message], "limit": 20}
    answer = await world.forged.post(f"get_missing_events/{world.rooms['pupils']}", body)
    return str(answer.body) if answer.body.get("events") else ""


@attack("I23", "another server asks for the state of accounts", works_without=False)
async def _(world: World) -> Leak:
    path = f"{UNSTABLE}/org.matrix.msc3720/query/account_status"
    answer = await world.forged.post(path, {"user_ids": [world.s1.user_id]})
    return str(answer.body) if answer.status == 200 else ""


@attack("I25", "whether a room exists, by its complexity", works_without=False)
async def _(world: World) -> Leak:
    path = f"{UNSTABLE}/rooms/{{}}/complexity"
    room = world.rooms["pupils"]
    return await oracle(world.forged, "GET", path, room, world.nowhere)


@attack("I28", "an invite for an address is exchanged for one for a person", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    signed = {"mxid": world.m.user_id, "token": "token", "signatures": {}}
    event = {
        "type": "m.room.member",
        "room_id": room,
        "sender": world.t1.user_id,
        "state_key": world.m.user_id,
        "content": {
            "membership": "invite",
            "third_party_invite": {"display_name": "x", "signed": signed},
        },
    }
    await world.forged.put(f"exchange_third_party_invite/{room}", event)
    return await world.is_member(room, world.m.user_id)


@attack("I24", "an address bound elsewhere brings its invites", works_without=False)
async def _(world: World) -> Leak:
    room = world.rooms["pupils"]
    invite = {
        "address": "m@evil.example",
        "medium": "email",
        "mxid": world.m.user_id,
        "room_id": room,
        "sender": world.t1.user_id,
        "signed": {"mxid": world.m.user_id, "token": "token", "signatures": {}},
    }
    body = {
        "address": "m@evil.example",
        "medium": "email",
        "mxid": world.m.user_id,
        "invites": [invite],
    }
    await world.forged.put("3pid/onbind", body)
    return await world.is_member(room, world.m.user_id)
